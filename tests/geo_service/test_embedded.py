"""The private cluster under what happens to it in life: kills, seconds, leftovers, deep paths."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from geo_service.embedded import LONGEST_SOCKET_PATH, Cluster, as_user, service_user
from geo_service.errors import CannotRun
from geo_service.keeper import joined, kept

HOLD = """
import sys
from pathlib import Path
from geo_service.embedded import Cluster
from geo_service.keeper import joined, kept
with {how}(Cluster.at(Path(sys.argv[1]))) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory with a stopped cluster in it."""
    data_dir = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    with joined(Cluster.at(data_dir)):
        pass
    yield data_dir
    shutil.rmtree(data_dir)


@pytest.fixture
def empty() -> Iterator[Path]:
    """An empty directory that another user can reach."""
    data_dir = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    yield data_dir
    shutil.rmtree(data_dir)


def holder(data_dir: Path, how: str) -> subprocess.Popen[str]:
    """Start another process that holds the database until it reads a line or dies."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(how=how), data_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith("postgresql://")
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=120)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchone()[0]


def postmaster(cluster: Cluster) -> int:
    return int((cluster.pgdata / "postmaster.pid").read_text().split()[0])


def runs(pid: int) -> bool:
    """Whether a process does anything still: one that ended may wait for its new parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what, patience_s: float = 90) -> None:
    until = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def test_no_port_no_root_safe_on_disk_small_in_memory(made):
    cluster = Cluster.at(made)
    with joined(cluster) as url:
        settings = {
            name: ask(url, f"show {name}")
            for name in (
                "listen_addresses",
                "fsync",
                "synchronous_commit",
                "jit",
                "default_toast_compression",
            )
        }
        assert settings == {
            "listen_addresses": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "jit": "off",
            "default_toast_compression": "lz4",
        }
        assert ask(url, "select count(*) from pg_available_extensions where name = 'postgis'") == 1
        assert Path(f"/proc/{postmaster(cluster)}").stat().st_uid == cluster.user.pw_uid != 0
        assert cluster.socket_dir.stat().st_mode & 0o777 == 0o700
    assert not cluster.answers()


def test_a_second_serve_is_refused_and_names_the_first(made):
    first = holder(made, "kept")
    with pytest.raises(CannotRun, match=f"serve {first.pid}"), kept(Cluster.at(made)):
        pass
    end(first)
    with kept(Cluster.at(made)) as url:
        assert ask(url, "select 1") == 1


def test_commands_join_what_serve_keeps(made):
    serve = holder(made, "kept")
    cluster = Cluster.at(made)
    before = postmaster(cluster)
    with joined(cluster) as url:
        assert ask(url, "select 1") == 1
    assert postmaster(cluster) == before, "a guest must not stop it"
    end(serve)


def test_a_command_that_started_it_waits_for_those_who_joined(made):
    cluster = Cluster.at(made)
    starter = holder(made, "joined")
    guest = holder(made, "joined")
    starter.stdin.write("\n")
    starter.stdin.flush()
    time.sleep(0.5)
    assert starter.poll() is None
    assert cluster.answers()
    end(guest)
    assert starter.wait(120) == 0
    starter.communicate()
    assert not cluster.answers()


def test_commands_that_start_together_all_get_their_turn(made):
    cluster, answers = Cluster.at(made), []

    def use() -> None:
        with joined(cluster) as url:
            answers.append(ask(url, "select 1"))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert answers == [1] * 6
    assert not cluster.answers()


def test_a_killed_database_comes_back_with_all_that_was_acknowledged(made):
    cluster = Cluster.at(made)
    with kept(cluster) as url:
        with psycopg.connect(url) as connection:
            connection.execute("create table kept_row (n int)")
        for round_ in range(3):
            with psycopg.connect(url) as connection:
                connection.execute("insert into kept_row values (%s)", (round_,))
            killed = postmaster(cluster)
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda killed=killed: cluster.answers() and postmaster(cluster) != killed)
        with psycopg.connect(url) as connection:
            rows = connection.execute("select n from kept_row order by n").fetchall()
            connection.execute("drop table kept_row")
        assert rows == [(0,), (1,), (2,)]


@pytest.mark.parametrize("how", ["kept", "joined"])
def test_a_killed_service_takes_its_database_along_and_the_next_start_needs_no_repair(made, how):
    cluster = Cluster.at(made)
    for _ in range(2):
        serve = holder(made, how)
        child = postmaster(cluster)
        serve.kill()
        serve.communicate()
        with joined(cluster) as url:
            assert ask(url, "select 1") == 1
            assert postmaster(cluster) != child
        assert not runs(child)


def test_both_killed_at_once(made):
    cluster = Cluster.at(made)
    serve = holder(made, "kept")
    os.kill(postmaster(cluster), signal.SIGKILL)
    serve.kill()
    serve.communicate()
    with kept(cluster) as url:
        assert ask(url, "select 1") == 1


def test_an_orphan_that_outlived_its_parent_is_ended_first(made):
    cluster = Cluster.at(made)
    become = [f"--reuid={cluster.user.pw_uid}", f"--regid={cluster.user.pw_gid}", "--init-groups"]
    orphan = subprocess.Popen(
        [
            "setpriv",
            *(become if os.geteuid() == 0 else []),
            "--",
            cluster.binaries.folder / "postgres",
            "-D",
            cluster.pgdata,
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={cluster.socket_dir}",
        ],
        cwd="/",
        stderr=subprocess.DEVNULL,
    )
    wait_for(cluster.answers)
    with joined(cluster) as url:
        assert ask(url, "select 1") == 1
        assert postmaster(cluster) != orphan.pid
    assert orphan.wait(5) == 0


def test_a_pid_file_whose_number_now_belongs_to_another_program_misleads_nobody(made):
    cluster = Cluster.at(made)
    bystander = subprocess.Popen(as_user(cluster.user, "/bin/sleep", "60"))
    for stale in (cluster.pgdata / "postmaster.pid", cluster.socket_dir / ".s.PGSQL.5432.lock"):
        stale.write_text(f"{bystander.pid}\n{cluster.pgdata}\n1\n5432\n{cluster.socket_dir}\n\n\nready\n")
    with joined(cluster) as url:
        assert ask(url, "select 1") == 1
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_data_of_another_major_are_recognised_and_left_alone(empty):
    (empty / "pg").mkdir()
    (empty / "pg/PG_VERSION").write_text("12\n")
    if os.geteuid() == 0:
        shutil.chown(empty, "postgres")
    with pytest.raises(CannotRun, match=r"PostgreSQL 12 建立.*postgresql-12 postgresql-12-postgis-3"):
        Cluster.at(empty)
    assert [p.name for p in (empty / "pg").iterdir()] == ["PG_VERSION"]


def test_a_first_start_that_was_killed_half_way_starts_over(empty):
    (empty / "pg.new").mkdir()
    (empty / "pg.new/half").write_text("half")
    if os.geteuid() == 0:
        shutil.chown(empty, "postgres")
    with joined(Cluster.at(empty)) as url:
        assert ask(url, "select 1") == 1
    assert not (empty / "pg.new").exists()


def test_a_deep_directory_gets_a_short_socket_of_its_own(empty):
    if os.geteuid() == 0:
        empty.chmod(0o755)
    deep = empty / "深" / ("d" * 60) / "data"
    cluster = Cluster.at(deep)
    assert len(os.fsencode(cluster.socket_dir / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    assert not cluster.socket_dir.is_relative_to(deep)
    deep.parent.mkdir(parents=True)
    with joined(cluster) as url:
        assert ask(url, "select 1") == 1
    cluster.socket_dir.chmod(0o755)
    with pytest.raises(CannotRun, match="只有用户"), joined(cluster):
        pass
    shutil.rmtree(cluster.socket_dir)


def test_a_directory_of_root_that_holds_other_things_is_never_taken_over(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CannotRun, match="属于 root 且不是空的"):
        service_user(Path("/etc"))


def test_the_data_of_another_user_are_refused(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(CannotRun, match="属于另一个用户"):
        service_user(Path("/etc"))


def test_a_database_that_cannot_start_says_why(made):
    cluster = Cluster.at(made)
    control = cluster.pgdata / "global/pg_control"
    control.rename(control.with_name("kept_aside"))
    with pytest.raises(CannotRun, match=r"没有启动.*pg_control"), joined(cluster):
        pass
    control.with_name("kept_aside").rename(control)
    with joined(cluster) as url:
        assert ask(url, "select 1") == 1
