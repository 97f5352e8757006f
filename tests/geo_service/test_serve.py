"""The service as a process of its own, with its private database: started, doubled, killed, stopped."""

import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import pytest

from geo_service import privileges
from geo_service.cli import running
from geo_service.embedded import Cluster, as_user, service_user
from geo_service.errors import CannotRun
from geo_service.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`geo-service serve` on a data directory, and what a browser gets from it."""

    def __init__(self, data_dir: Path, *arguments: str, scheme: str = "http") -> None:
        self.data_dir = data_dir
        self.arguments = arguments
        self.scheme = scheme
        self.start()

    def start(self) -> None:
        self.port = free_port()
        self.base = f"{self.scheme}://127.0.0.1:{self.port}"
        with self.data_dir.with_name("service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*GEO, "serve", "--stay-root", f"--port={self.port}", *self.arguments],
                env=environment(self.data_dir),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=_hear_interrupts,  # noqa: PLW1509  (no thread of this process forks)
            )
        self.said = self._first_words()

    def _first_words(self) -> str:
        said = []
        for line in self.process.stdout:
            said.append(line)
            if ("登录链接" if "--link" in self.process.args else "已启动") in line:
                break
        return "".join(said)

    def get(self, path: str, *, token: str | None = None, **more) -> tuple[int, dict[str, str]]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            request = urllib.request.Request(self.base + path, headers=headers)
            with urllib.request.urlopen(request, timeout=30, **more) as answer:
                return answer.status, lowered(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, lowered(error.headers)

    def ask_database(self) -> tuple[int, dict[str, str]]:
        """Ask with a token that nobody has: 401 once the database was looked into."""
        return self.get("/api/progress", token="unknown")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=120)
        return self.process.returncode


def _hear_interrupts() -> None:
    """Let Ctrl+C be heard, also where these tests run in the background of a shell, which turns it off."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def lowered(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


GEO = (sys.executable, "-m", "geo_service")


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEO_")}
    return kept | {"GEO_DATA_DIR": str(data_dir)} | more


def command(data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GEO, *arguments],
        env=environment(data_dir, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def wait_for(what, patience_s: float = 90) -> None:
    until = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    outer = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    outer.chmod(0o755)
    yield outer / "data"
    print((outer / "service.log").read_text(errors="replace"))
    shutil.rmtree(outer)


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Service]:
    service = Service(data_dir)
    yield service
    assert service.stop() == 0


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "pg/postmaster.pid").read_text().split()[0])


def test_the_first_start_makes_an_administrator_and_a_link_the_second_only_a_link(data_dir):
    service = Service(data_dir, "--link")
    assert service.base in service.said
    assert re.search(r"登录名 admin，一次性密码 \S+（", service.said)
    assert re.search(rf"{service.base}/link#\S{{30,}}", service.said)
    assert service.get("/ready")[0] == 200
    assert service.stop() == 0
    assert not Cluster.at(data_dir).answers()
    again = Service(data_dir, "--link")
    assert "一次性密码" not in again.said
    assert "/link#" in again.said
    assert again.stop(signal.SIGINT) == 0


def test_soon_after_its_start_the_compiler_is_loaded(service):
    loaded = Path(f"/proc/{service.process.pid}/maps")
    wait_for(lambda: "llvmlite" in loaded.read_text())  # though no track came
    assert service.get("/ready")[0] == 200


def test_a_second_service_is_refused_and_the_first_goes_on(service, data_dir):
    second = command(data_dir, "serve", "--stay-root", f"--port={free_port()}")
    assert second.returncode == 1
    assert f"已有一个服务在用（serve {service.process.pid}）" in second.stderr
    assert "Traceback" not in second.stderr
    assert service.get("/ready")[0] == 200


def test_a_port_in_use_is_told_before_anything_is_started(service, data_dir):
    other = data_dir.with_name("other")
    refused = command(other, "serve", "--stay-root", f"--port={service.port}")
    assert refused.returncode == 1
    assert f"127.0.0.1:{service.port}" in refused.stderr
    assert not (other / "pg").exists()


def test_commands_join_the_running_service(service, data_dir):
    before = postmaster(data_dir)
    listed = command(data_dir, "user", "list")
    assert (listed.returncode, "admin" in listed.stdout) == (0, True), listed.stderr
    assert postmaster(data_dir) == before


def test_a_killed_database_means_503_for_a_moment_and_never_500(service, data_dir):
    answers: Counter[int] = Counter()
    told = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            status, headers = service.ask_database()
            answers[status] += 1
            if status == 503:
                told.append(headers.get("retry-after"))
            time.sleep(0.01)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for _ in range(2):
        killed = postmaster(data_dir)
        os.kill(killed, signal.SIGKILL)
        assert service.get("/health")[0] == 200
        wait_for(
            lambda killed=killed: postmaster_changed(data_dir, killed) and service.get("/ready")[0] == 200
        )
    enough.set()
    for asker in askers:
        asker.join()
    assert set(answers) <= {401, 503}
    assert set(told) == {"3"}, "it was away for a moment"
    assert service.ask_database()[0] == 401


def postmaster_changed(data_dir: Path, killed: int) -> bool:
    try:
        return postmaster(data_dir) != killed
    except (FileNotFoundError, IndexError):
        return False


def test_while_the_database_does_not_answer_it_is_503_with_a_time_to_come_back(service, data_dir):
    server = postmaster(data_dir)
    os.kill(server, signal.SIGSTOP)  # it neither dies, which the keeper would see, nor takes connections
    try:
        for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            if b"yinxun yinxun" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGTERM)
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: service.ask_database(), range(3)))
        assert [(status, headers["retry-after"]) for status, headers in answers] == [(503, "3")] * 3
        assert service.get("/ready")[0] == 503
        assert service.get("/health")[0] == 200
    finally:
        os.kill(server, signal.SIGCONT)
    wait_for(lambda: service.get("/ready")[0] == 200)
    assert service.ask_database()[0] == 401


def test_after_a_killed_service_the_next_start_needs_no_repair(service):
    service.stop(signal.SIGKILL)
    service.start()
    assert service.get("/ready")[0] == 200
    assert "一次性密码" not in service.said, "what was stored is still there"


def test_more_requests_than_connections_queue_and_all_are_answered(service):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: service.ask_database()[0], range(100)))
    assert Counter(answers) == {401: 100}


@pytest.fixture(scope="module")
def certificate() -> Iterator[tuple[Path, Path]]:
    """A certificate for this machine, and its key."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        own = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
        subprocess.run([*own, *names], capture_output=True, check=True)
        yield cert, key


def test_https_with_own_certificate(certificate):
    cert, key = certificate
    folder = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    folder.chmod(0o755)
    service = Service(folder / "data", f"--tls-cert={cert}", f"--tls-key={key}", scheme="https")
    status, headers = service.get("/health", context=ssl.create_default_context(cafile=cert))
    assert status == 200
    assert "strict-transport-security" in headers
    service.stop()
    shutil.rmtree(folder)


def test_a_certificate_that_cannot_be_used_is_told(certificate, tmp_path):
    cert, key = certificate
    for wrong in ({"tls_cert": key, "tls_key": key}, {"tls_cert": tmp_path / "none", "tls_key": key}):
        with pytest.raises(CannotRun, match=r"配对的 PEM"):
            running._tls(Settings(**wrong))
    assert running._tls(Settings(tls_cert=cert, tls_key=key)) is not None
    assert running._tls(Settings()) is None


def test_an_existing_server_is_used_instead_of_an_own_one(service, data_dir):
    cluster = Cluster.at(data_dir)
    made = [cluster.binaries.folder / "createdb", "-h", cluster.socket_dir, "-U", "yinxun", "given"]
    subprocess.run(as_user(cluster.user, *made), check=True)
    other = data_dir.with_name("elsewhere")
    listed = command(other, "user", "list", GEO_DATABASE_URL=cluster.url("given"))
    assert listed.returncode == 0, listed.stderr
    assert not (other / "pg").exists()
    away = command(other, "user", "list", GEO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert away.returncode == 1
    assert "数据库没有应答" in away.stderr
    assert "Traceback" not in away.stderr


def test_root_is_dropped_for_good_and_children_with_it():
    user = service_user(Path("/nowhere/yet"))
    if os.geteuid() != 0:
        assert user == pwd.getpwuid(os.geteuid())
        assert "--reuid" not in " ".join(as_user(user, "true"))
        return
    dropped = (
        "import os, pwd, sys, subprocess\n"
        "from geo_service import privileges\n"
        "user = pwd.getpwnam(sys.argv[1])\n"
        "privileges.drop(user)\n"
        "try: os.setuid(0)\n"
        "except PermissionError: print('no way back')\n"
        "print(os.getresuid(), os.getresgid(), 0 in os.getgroups())\n"
        "print(subprocess.check_output(['id', '-u'], text=True).strip())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", dropped, user.pw_name], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    uid, gid = user.pw_uid, user.pw_gid
    assert said == ["no way back", f"{(uid,) * 3} {(gid,) * 3} False", str(uid)]


def test_a_program_that_the_services_user_cannot_read_is_refused_with_the_cure(
    data_dir, tmp_path, monkeypatch
):
    if os.geteuid() != 0:
        return  # an ordinary user runs what he can read
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "module.py").touch()
    monkeypatch.setattr(privileges.geo_service, "__file__", str(hidden / "module.py"))
    with pytest.raises(CannotRun, match=r"\./start"):
        privileges.demand_readable(service_user(Path("/nowhere/yet")))
