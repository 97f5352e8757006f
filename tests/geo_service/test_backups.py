"""A restored county equals the old one, whoever was forgotten stays forgotten, and no half archive passes."""

import contextlib
import datetime as dt
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pyrage.x25519 import Identity
from sqlalchemy import Engine, create_engine, inspect, select, text

from geo_service import files, jobs, migrations, programs
from geo_service.accounts import service as accounts
from geo_service.accounts.scope import Actor, Scope
from geo_service.backups import archive, deletions, keys, restoring, service
from geo_service.backups.archive import Entry, Head, Manifest
from geo_service.backups.deletions import DeletionList
from geo_service.cli import running
from geo_service.db import make_engine, psycopg_url, transaction
from geo_service.embedded import Cluster
from geo_service.errors import CannotRun, Conflict, Invalid
from geo_service.keeper import joined
from geo_service.people import service as people
from geo_service.settings import Settings
from geo_service.tables import Audit, County, Deletion, Duty, Job, Person, StoredFile
from layers.errors import BadFile, YinxunError
from layers.vocabulary import FileKind, Layer, Right
from tests.geo_service.conftest import CRS, SmallCounty
from tests.geo_service.phones import GEO, environment, run

ACTOR = Actor(os_user="tester")
NOBODY = DeletionList({}, [])


def quietly(*_: object) -> None:
    pass


@dataclass
class Home:
    """A running county with everything that a backup must bring home."""

    settings: Settings
    engine: Engine
    key: Identity
    county_id: int
    password: str

    @property
    def opener(self) -> keys.Opener:
        return keys.opener(identity=str(self.key))

    def make(self, **more) -> service.Made:
        return service.make(self.engine, self.settings, ACTOR, quietly, **more)

    def person(self, name: str) -> uuid.UUID:
        with transaction(self.engine) as db:
            person = Person(county_id=self.county_id, name=name)
            db.add(person)
            db.flush()
            return person.id

    def keep(self, content: bytes, subject: str = "person/1") -> bytes:
        with transaction(self.engine) as db:
            return files.keep(
                db, self.settings.files_dir, BytesIO(content), county_id=self.county_id,
                kind=FileKind.PHOTO, subject=subject, media_type="image/jpeg",
            ).sha256  # fmt: skip

    def delete(self, person_id: uuid.UUID) -> None:
        with transaction(self.engine) as db:
            scope = Scope(self.county_id, ACTOR, dict.fromkeys(Right, None))
            people.delete_person(db, scope, person_id, data_dir=self.settings.data_dir)

    def complete(self) -> int:
        with transaction(self.engine) as db:
            return deletions.complete(db, self.settings.backups_dir)


@pytest.fixture(scope="module")
def outer() -> Iterator[Path]:
    outer = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    outer.chmod(0o755)
    yield outer
    shutil.rmtree(outer)


@pytest.fixture
def tmp_path(outer: Path) -> Path:
    """A folder of the test that the database's user may enter."""
    folder = outer / uuid.uuid4().hex
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture(scope="module")
def home(outer: Path) -> Iterator[Home]:
    settings = Settings(data_dir=outer / "data", backup_dir=outer / "backups", backup_keep=3)
    with joined(Cluster.at(settings.data_dir)) as url:
        engine = make_engine(url)
        migrations.upgrade(engine, None)
        with transaction(engine) as db:
            row = County(code="999901", name="试县", time_zone="Asia/Shanghai", crs=CRS)
            db.add(row)
            db.flush()
            county = SmallCounty(db, row)
            river = county.place(Layer.RIVER, "R1", "LINESTRING(0 0, 1000 0)")
            county.place(Layer.COMPOUND, "C1", "POLYGON((0 50, 100 50, 100 150, 0 150, 0 50))")
            county.lies_in(river, county.area("321281100000"), [(0, 5000)])
            walker = county.person("王秀英")
            county.patrol(county.walk((0, 0), (600, 0)), walker)
            db.add(
                Duty(
                    county_id=row.id,
                    person_id=walker,
                    place_id=river.id,
                    role="river_steward",
                    kind="volunteer",
                    level="village",
                    in_force=("[2026-01-01,)"),
                )
            )
            first = accounts.first_administrator(db)
            assert first is not None
        key = keys.make_pair(settings, replace=False)
        keys.keep_public(settings, key)
        home = Home(settings, engine, key, row.id, first[1])
        for number in range(5):
            home.keep(bytes([number]) * 1000 * number)
        home.keep(np.random.default_rng(1).bytes(6 * 2**20))
        yield home
        engine.dispose()


def sums(engine: Engine) -> dict[str, tuple[int, str]]:
    """Rows and the sum over the sums of all rows, for every table, in whatever order they lie."""
    found = {}
    with engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            rows = connection.execute(text(f'select md5(t::text) from "{name}" t')).scalars().all()
            found[name] = len(rows), hashlib.md5("".join(sorted(rows)).encode()).hexdigest()
    return found


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@contextlib.contextmanager
def opened(data_dir: Path) -> Iterator[Engine]:
    with joined(Cluster.at(data_dir)) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@contextlib.contextmanager
def restored(
    home: Home, made: Path, into: Path, deleted: DeletionList | None = NOBODY
) -> Iterator[tuple[Engine, restoring.Restored]]:
    told = restoring.restore(made, into, home.opener, deleted, ACTOR, quietly)
    with opened(into) as engine:
        yield engine, told
    shutil.rmtree(into)


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "restor" in path.name)


# --- there and back


def test_a_restored_county_equals_the_old_one(home: Home, outer: Path) -> None:
    made = home.make()
    before, kept = sums(home.engine), tree(home.settings.files_dir)
    assert min(rows for name, (rows, _) in before.items() if name in ("person", "line_day", "duty")) > 0
    assert len(kept) == 6
    with restored(home, made.path, outer / "restored") as (engine, told):
        after = sums(engine)
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {"audit"}, "the record of the restore itself"
        with transaction(engine) as db:
            assert db.scalars(select(Audit.action).order_by(Audit.id.desc())).first() == "backup.restore"
            assert after["audit"][0] == before["audit"][0] + 1
            signed = accounts.sign_in(db, accounts.FIRST_LOGIN, home.password)
            assert isinstance(signed, accounts.Opened)
        assert tree(outer / "restored/files") == kept
        assert (outer / "restored" / keys.PUBLIC).read_text().strip() == str(home.key.to_public())
        assert {path.stat().st_uid for path in (outer / "restored").rglob("*")} == {
            Cluster.at(outer / "restored").user.pw_uid
        }
        assert told.forgotten == 0
        assert told.manifest.tables == {
            name: rows for name, (rows, _) in before.items() if name in told.manifest.tables
        }
    assert left_behind(outer) == []


def test_who_was_deleted_after_the_backup_is_gone_after_the_restore(home: Home, outer: Path) -> None:
    gone, stays = home.person("赵已删"), home.person("钱还在")
    other = deletions.Forgotten(uuid.uuid4(), home.county_id, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    made = home.make()
    home.delete(gone)
    with transaction(home.engine) as db:
        assert db.scalar(select(Job.id).where(Job.kind == deletions.JOB, Job.state == "waiting")) is not None
    assert home.complete() == 1
    assert home.complete() == 0
    with (home.settings.backups_dir / deletions.FILE).open("a") as file:
        file.write(f"{other}\n")
    listed = restoring.deletion_list(home.settings.backups_dir / deletions.FILE)
    with restored(home, made.path, outer / "again", listed) as (engine, told), transaction(engine) as db:
        assert told.forgotten == 1
        assert (db.get_one(Person, gone).name, db.get_one(Person, stays).name) == ("", "钱还在")
        assert db.get_one(Person, gone).deleted_at is not None
        assert db.get_one(Deletion, gone).deleted_at == listed.people[gone].at
        found = db.execute(text("select count(*) from person where person::text like '%赵已删%'")).scalar()
        assert found == 0
        assert db.get_one(Deletion, other.person_id).deleted_at == other.at, "another archive may know him"


def test_rows_and_files_agree_however_busy_the_service_is(home: Home, outer: Path) -> None:
    enough = threading.Event()

    def upload(phone: int) -> None:
        number = 0
        while not enough.is_set():
            subject = f"patrol/{phone}-{number}"
            sha256 = home.keep(f"{phone} {number}".encode() * 3000, subject)
            if number % 3:
                with transaction(home.engine) as db:
                    files.drop(db, StoredFile.subject == subject)
                with transaction(home.engine) as db:
                    files.sweep(db, home.settings.files_dir, [sha256])
            number += 1

    phones = [threading.Thread(target=upload, args=(phone,)) for phone in range(3)]
    for phone in phones:
        phone.start()
    time.sleep(0.3)
    made = home.make()
    enough.set()
    for phone in phones:
        phone.join()
    assert made.manifest.missing == []
    with restored(home, made.path, outer / "busy") as (engine, _), transaction(engine) as db:
        named = {row.sha256.hex() for row in db.scalars(select(StoredFile))}
        on_disk = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (outer / "busy/files").glob("??/*")
        }
    assert len(named) > 10
    assert set(on_disk) == named
    assert all(name == sha256 for name, sha256 in on_disk.items())


def test_a_file_that_was_lost_before_is_told_and_the_rest_is_saved(home: Home) -> None:
    lost = home.keep(b"lost" * 100)
    spoilt = home.keep(b"spoilt" * 100)
    files.path_of(home.settings.files_dir, lost).unlink()
    files.path_of(home.settings.files_dir, spoilt).write_bytes(b"something else")
    made = home.make()
    assert set(made.manifest.missing) == {lost.hex(), spoilt.hex()}
    with transaction(home.engine) as db:
        files.drop(db, StoredFile.sha256.in_([lost, spoilt]))


def test_the_commands_ask_for_the_list_and_leave_nothing_where_it_is_missing(
    home: Home, made: Path, tmp_path: Path
) -> None:
    key, into = tmp_path / "key.txt", tmp_path / "new"
    key.write_text(f"# saved elsewhere\n{home.key}\n")
    asked = ("restore", str(made), "--into", str(into))
    without = run(home.settings.data_dir, *asked, "--identity", str(key))
    assert (without.returncode, "--without-deletions" in without.stderr) == (1, True), without.stderr
    assert run(home.settings.data_dir, *asked).returncode == 2
    assert not into.exists()
    beside = str(home.settings.backups_dir / deletions.FILE)
    done = run(home.settings.data_dir, *asked, "--identity", str(key), "--deletions", beside)
    assert done.returncode == 0, done.stderr
    assert "已恢复" in done.stdout
    assert f"GEO_DATA_DIR={into}" in done.stderr
    listed = run(into, "user", "list")
    assert (listed.returncode, "admin" in listed.stdout) == (0, True), listed.stderr


# --- what is refused


@pytest.fixture(scope="module")
def made(home: Home, outer: Path) -> Path:
    """An archive beside the backups, which are dropped now and then."""
    path = outer / "kept.age"
    home.make(target=path)
    return path


def refused(home: Home, path: Path, into: Path, **more) -> YinxunError:
    opener = more.get("opener", home.opener)
    with pytest.raises(YinxunError) as error:
        restoring.restore(path, into, opener, NOBODY, ACTOR, quietly)
    assert left_behind(into.parent) == []
    return error.value


@pytest.mark.parametrize("left", [0, 10, 300, 5_000, 65_536, -70_000, -1])
def test_a_truncated_archive_is_refused(home: Home, made: Path, tmp_path: Path, left: int) -> None:
    whole = made.read_bytes()
    cut = tmp_path / "cut.age"
    cut.write_bytes(whole[:left])
    assert isinstance(refused(home, cut, tmp_path / "new"), BadFile)
    assert not (tmp_path / "new").exists()


def test_an_archive_cut_between_two_of_its_pieces_is_refused(home: Home, made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    header = whole.index(b"\n", whole.index(b"\n---") + 1) + 1
    cut = tmp_path / "cut.age"
    cut.write_bytes(whole[: header + 16 + 20 * (65_536 + 16)])
    assert isinstance(refused(home, cut, tmp_path / "new"), BadFile)


@pytest.mark.parametrize("where", [0.0, 0.00002, 0.3, 0.99999])
def test_one_flipped_bit_is_enough_to_refuse(home: Home, made: Path, tmp_path: Path, where: float) -> None:
    bits = bytearray(made.read_bytes())
    bits[int(where * len(bits))] ^= 4
    flipped = tmp_path / "flipped.age"
    flipped.write_bytes(bits)
    assert isinstance(refused(home, flipped, tmp_path / "new"), (BadFile, Invalid))
    assert not (tmp_path / "new").exists()


def test_a_wrong_key_is_told(home: Home, made: Path, tmp_path: Path) -> None:
    other = keys.opener(identity=str(Identity.generate()))
    assert "密钥不对" in refused(home, made, tmp_path / "new", opener=other).detail
    word = keys.opener(passphrase="a passphrase instead")
    assert "--identity" in refused(home, made, tmp_path / "new", opener=word).detail


def test_only_an_empty_directory_is_taken(home: Home, made: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    assert "不是空的" in refused(home, made, tmp_path / "full").detail
    assert (tmp_path / "full/letter.txt").read_text() == "mine"
    assert "不是目录" in refused(home, made, made).detail
    assert "挂载点" in refused(home, made, Path("/proc")).detail


def written(home: Home, path: Path, *entries: Entry) -> Path:
    with path.open("w+b") as file:
        archive.write(file, keys.KeySeal(str(home.key.to_public())), entries)
    return path


def head(**more) -> Entry:
    newest = migrations.revisions()[0]
    return Entry.of_json(
        archive.HEAD, Head(**({"made_at": "2026", "version": "9", "revision": newest, "postgres": 15} | more))
    )


def test_an_archive_of_a_newer_version_is_refused(home: Home, tmp_path: Path) -> None:
    for newer in ({"revision": "9999"}, {"format": 2}):
        path = written(home, tmp_path / f"{len(newer)}{''.join(newer)}.age", head(**newer))
        error = refused(home, path, tmp_path / "new")
        assert isinstance(error, CannotRun)
        assert "较新的程序（9）" in error.detail


@pytest.mark.parametrize(
    "name", ["data/../../evil", "data//etc/passwd", "files/../evil", "data/pg/PG_VERSION", "evil", "data/"]
)
def test_a_crafted_name_leaves_the_directory_never(home: Home, tmp_path: Path, name: str) -> None:
    path = written(home, tmp_path / "crafted.age", head(), Entry.of(name, b"evil"))
    assert "不该有" in refused(home, path, tmp_path / "new").detail
    assert not list(tmp_path.rglob("evil"))


def test_a_member_that_unpacks_to_any_length_is_refused(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = tarfile.TarInfo("data/evil")
    member.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(2**24),
        "GNU.sparse.name": "data/evil", "GNU.sparse.map": "0,1",
    }  # fmt: skip
    member.size = 1
    block = [member.tobuf(tarfile.PAX_FORMAT), b"x" + b"\0" * 511]
    whole = archive._tar
    monkeypatch.setattr(archive, "_tar", lambda entries: itertools.chain(_head_of(whole(entries)), block))
    path = written(home, tmp_path / "sparse.age", head())
    assert "不该有" in refused(home, path, tmp_path / "new").detail


def _head_of(blocks: Iterator[bytes]) -> list[bytes]:
    """Return a tar without its end."""
    return list(blocks)[:-1]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-05-01", "x"])
def test_a_line_with_an_impossible_time_is_told_by_its_number(at: str, tmp_path: Path) -> None:
    path = tmp_path / deletions.FILE
    path.write_text(f"# list\n{uuid.uuid4()} 1 {at}\n{uuid.uuid4()} 1 2026-05-01T00:00:00+00:00\n")
    found = deletions.listed(path)
    assert (found.unreadable, len(found.people)) == ([2], 1)


def test_a_manifest_that_nests_without_end_is_refused(home: Home, tmp_path: Path) -> None:
    entries = head(), Entry.of(archive.MANIFEST, b"[" * 200_000)
    assert "读不懂" in refused(home, written(home, tmp_path / "deep.age", *entries), tmp_path / "new").detail


def test_a_manifest_that_does_not_fit_is_refused(home: Home, tmp_path: Path) -> None:
    content = Entry.of("data/note", b"x")
    wrong = written(
        home, tmp_path / "wrong.age", head(), content, Entry.of_json(archive.MANIFEST, Manifest())
    )
    assert "清单不符" in refused(home, wrong, tmp_path / "new").detail
    without = written(home, tmp_path / "without.age", head(), content)
    assert "不完整" in refused(home, without, tmp_path / "new").detail
    strange = written(home, tmp_path / "strange.age", head(), Entry.of(archive.MANIFEST, b'{"files": 1}'))
    assert "读不懂" in refused(home, strange, tmp_path / "new").detail


def test_a_restore_that_fails_in_the_database_leaves_nothing(
    home: Home, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outer: Path
) -> None:
    def fail(*_: object) -> None:
        raise CannotRun("数据库没有恢复成")

    monkeypatch.setattr(restoring, "_fill", fail)
    assert isinstance(refused(home, made, outer / "failed"), CannotRun)
    assert not (outer / "failed").exists()


# --- making


def test_a_killed_backup_leaves_nothing_under_a_final_name(home: Home) -> None:
    folder = home.settings.backups_dir
    home.keep(np.random.default_rng(2).bytes(60 * 2**20))
    before = {path.name for path in folder.glob("*.age")}
    own = environment(home.settings.data_dir, GEO_BACKUP_DIR=str(folder))
    for pause_s in (0.0, 0.15, 0.3):
        process = subprocess.Popen(
            [*GEO, "backup"], env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        while not list(folder.glob("*.part")) and process.poll() is None:
            time.sleep(0.005)
        time.sleep(pause_s)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert {path.name for path in folder.glob("*.age")} == before
    assert list(folder.glob("*.part"))
    wait_for_the_killed(home)
    made = home.make()
    assert list(folder.glob("*.part")) == []
    with made.path.open("rb") as file:
        archive.check_structure(file)


def wait_for_the_killed(home: Home) -> None:
    """The server notices within moments that the killed one's connection, which holds the lock, is gone."""
    until = time.monotonic() + 30
    with home.engine.connect() as connection:
        while connection.scalar(text("select count(*) from pg_locks where locktype = 'advisory'")):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_backup_that_finds_no_room_leaves_the_old_ones_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home.settings.backups_dir
    before = tree(folder)
    written_bytes = 0

    def write(sink: archive._Sink, data: bytes) -> int:
        nonlocal written_bytes
        written_bytes += len(data)
        if written_bytes > 100_000:
            sink.failure = OSError(28, "No space left on device")
            raise sink.failure
        return len(data)

    monkeypatch.setattr(archive._Sink, "write", write)
    with pytest.raises(OSError, match="No space"):
        home.make()
    assert tree(folder) == before


def test_a_dump_that_fails_is_told_and_no_archive_is_left(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(home.settings.backups_dir)
    monkeypatch.setattr(programs, "fitting", lambda *_: Path("/bin/false"))
    with pytest.raises(CannotRun, match="没有备份成"):
        home.make()
    assert tree(home.settings.backups_dir) == before


def test_only_the_newest_are_kept_and_nothing_else_is_touched(home: Home) -> None:
    folder = home.settings.backups_dir
    strange = folder / "yinxun-notes.age"
    strange.write_text("not ours")
    paths = [home.make().path for _ in range(5)]
    assert [backup.path for backup in service.existing(folder)] == paths[:1:-1]
    assert strange.read_text() == "not ours"
    assert (folder / deletions.FILE).exists()
    for path in paths[2:]:
        assert path.stat().st_mode & 0o777 == 0o600
        checked = subprocess.run(["sha256sum", "-c", f"{path.name}.sha256"], cwd=folder, check=False)
        assert checked.returncode == 0
    assert len(list(folder.glob("*.sha256"))) == 3
    strange.unlink()


def test_two_backups_at_once_are_one_and_a_refusal(home: Home) -> None:
    with service._alone(home.engine), pytest.raises(Conflict, match="正在进行"):
        home.make()


def test_an_existing_file_is_not_overwritten(home: Home, made: Path) -> None:
    with pytest.raises(Conflict, match="没有覆盖"):
        home.make(target=made)


def test_without_a_key_nothing_is_scheduled_and_a_backup_says_how_to_get_one(
    home: Home, tmp_path: Path
) -> None:
    bare = Settings(data_dir=tmp_path)
    assert service.JOB not in {schedule.kind for schedule in running._work(bare).schedules}
    with pytest.raises(Invalid, match="backup-key"):
        service.make(home.engine, bare, ACTOR, quietly)
    work = running._work(home.settings)
    assert dt.timedelta(hours=24) in {s.every for s in work.schedules if s.kind == service.JOB}


def test_the_job_makes_a_backup(home: Home) -> None:
    before = service.existing(home.settings.backups_dir)
    heard: list[dict] = []
    with transaction(home.engine) as db:
        running._work(home.settings).handlers[service.JOB](db, {}, jobs.Progress(heard.append))
    assert service.existing(home.settings.backups_dir)[0] != before[0]
    assert heard[-1]["done"] == heard[-1]["of"] > 0


# --- an existing server


@pytest.fixture
def given(home: Home) -> Iterator[str]:
    """An empty database on a server of which the service knows only the address."""
    admin = create_engine(psycopg_url(home.engine.url.render_as_string(False)), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("create database given"))
    yield admin.url.set(database="given", drivername="postgresql").render_as_string(False)
    with admin.connect() as connection:
        connection.execute(text("drop database given with (force)"))
    admin.dispose()


def test_a_given_database_is_filled_if_it_is_empty(home: Home, made: Path, outer: Path, given: str) -> None:
    into = outer / "files-only"
    restoring.restore(made, into, home.opener, NOBODY, ACTOR, quietly, database_url=given)
    assert not (into / "pg").exists()
    assert len(tree(into / "files")) >= 6
    engine = make_engine(given)
    assert sums(engine)["person"] == sums(home.engine)["person"]
    settings = home.settings.model_copy(update={"database_url": given})
    again = service.make(engine, settings, ACTOR, quietly, target=outer / "given.age")
    assert again.manifest.tables["person"] == sums(home.engine)["person"][0]
    engine.dispose()
    with pytest.raises(Conflict, match="不是空的"):
        restoring.restore(made, outer / "b", home.opener, NOBODY, ACTOR, quietly, database_url=given)
    shutil.rmtree(into)


def test_a_given_database_is_empty_again_if_the_restore_fails(
    home: Home, made: Path, outer: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise CannotRun("x")

    monkeypatch.setattr(restoring, "replay", fail)
    with pytest.raises(CannotRun):
        restoring.restore(made, outer / "b", home.opener, NOBODY, ACTOR, quietly, database_url=given)
    assert left_behind(outer) == []
    engine = make_engine(given)
    assert set(sums(engine)) <= {"spatial_ref_sys"}
    engine.dispose()
    monkeypatch.undo()
    restoring.restore(made, outer / "b", home.opener, NOBODY, ACTOR, quietly, database_url=given)
    shutil.rmtree(outer / "b")


def test_a_server_newer_than_all_programs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotRun, match=r"PostgreSQL 99，而本机只有 .* 版的 pg_dump"):
        programs.fitting("pg_dump", 99)
    assert programs.fitting("pg_dump", 9).name == "pg_dump"
