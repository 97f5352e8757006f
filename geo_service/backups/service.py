"""Backups are made: rows and files of one moment, sealed, checked on the disk, and the oldest let go.

The rows are dumped from an exported snapshot, and the files are those that this snapshot names. Until they
are copied no file is swept away (`files.sweep` waits its turn), so no row of the archive points at nothing.
"""

import contextlib
import datetime as dt
import hashlib
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text

from geo_service import audit, ballast, files, migrations, programs
from geo_service.accounts.scope import Actor
from geo_service.backups import archive, deletions, keys
from geo_service.backups.archive import Entry, Head, Manifest, Sum
from geo_service.backups.storing import PART, backups_folder, whole
from geo_service.db import transaction
from geo_service.errors import CannotRun, Conflict
from geo_service.settings import PREFIX, Settings
from geo_service.tables import StoredFile
from layers.errors import BadFile

log = logging.getLogger(__name__)

JOB = "backup"
NAME = re.compile(r"yinxun-(\d{8}T\d{6}Z)\.age")
_TIME = "%Y%m%dT%H%M%SZ"
_ONE_AT_A_TIME = 0x59_58_42
"""Number of the advisory lock of who makes a backup."""
SETTINGS_THEN = "settings-at-backup.env"
"""Under this name a restored data directory tells which settings were in force."""
_NOT_DATA = {
    "pg", "pg.new", "run", "files", "dumps", "held", "backups", "owner.lock", "users.lock", ballast.NAME,
    SETTINGS_THEN,
}  # fmt: skip
"""Names in the data directory that are archived in another way, or are made anew."""

Tell = Callable[[int, int, str], None]
"""Is told how much is done, of how much, and what is being done."""


@dataclass(frozen=True)
class Backup:
    """One archive."""

    path: Path
    made_at: dt.datetime

    @property
    def sums(self) -> Path:
        """The file beside it with its SHA-256, as sha256sum reads it."""
        return self.path.with_name(self.path.name + ".sha256")


@dataclass(frozen=True)
class Made:
    """What a backup that was just made holds."""

    path: Path
    bytes: int
    manifest: Manifest
    dropped: int
    """Older ones that were let go."""


def make(engine: Engine, settings: Settings, actor: Actor, tell: Tell, *, target: Path | None = None) -> Made:
    """Make a backup, in the folder of backups or at `target`, and let the oldest ones go.

    Raises Invalid (no key), Conflict (one is being made, `target` exists), CannotRun, OSError; then there is
    no new archive, and the old ones are all there.
    """
    seal, folder = keys.demand_seal(settings), backups_folder(settings)
    if target is not None and target.exists():
        raise Conflict(f"已经有「{target}」这个文件，没有覆盖它。请换一个文件名。")
    with transaction(engine) as db:
        audit.record(db, actor, "backup.make", county_id=None)
        deletions.complete(db, folder)
    manifest = Manifest()
    with _alone(engine):
        for left in folder.glob(f"yinxun-*{PART}"):
            left.unlink(missing_ok=True)  # by a backup that was killed
        path = target or _unused(folder)
        with _snapshot(engine) as (connection, snapshot), whole(path) as file:
            sha256 = archive.write(file, seal, _entries(connection, snapshot, settings, manifest, tell))
        with whole(Backup(path, dt.datetime.now(dt.UTC)).sums) as sums:
            sums.write(f"{sha256}  {path.name}\n".encode())
        dropped = 0 if target is not None else _drop_oldest(folder, settings.backup_keep)
    if manifest.missing:
        log.error("%d kept files are missing or damaged", len(manifest.missing))
    return Made(path, path.stat().st_size, manifest, dropped)


def existing(folder: Path) -> list[Backup]:
    """Return the archives in a folder of backups, the newest first."""
    found = []
    for path in folder.glob("yinxun-*.age"):
        if name := NAME.fullmatch(path.name):
            made_at = dt.datetime.strptime(name[1], _TIME).replace(tzinfo=dt.UTC)
            found.append(Backup(path, made_at))
    return sorted(found, key=lambda backup: backup.made_at, reverse=True)


def check(backup: Backup) -> None:
    """Read an archive through, and raise BadFile unless it is what was written."""
    with backup.path.open("rb") as file:
        archive.check_structure(file)
        file.seek(0)
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not backup.sums.exists() or backup.sums.read_text().split()[:1] != [found]:
        raise BadFile(
            f"备份 {backup.path} 和写成时不同，或它旁边的 .sha256 不在了。请再备份一次，并检查磁盘。"
        )


def _drop_oldest(folder: Path, keep: int) -> int:
    outlived = existing(folder)[keep:]
    for backup in outlived:
        backup.path.unlink()
        backup.sums.unlink(missing_ok=True)
    return len(outlived)


def _unused(folder: Path) -> Path:
    now = dt.datetime.now(dt.UTC)
    while (path := folder / f"yinxun-{now.strftime(_TIME)}.age").exists():
        now += dt.timedelta(seconds=1)
    return path


# --- one moment


@contextlib.contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Be the only one who makes a backup, while nobody sweeps files away. Raises Conflict."""
    with engine.connect() as connection:
        own = connection.execution_options(isolation_level="AUTOCOMMIT")
        own.detach()  # closed at the end, with the locks
        if not own.scalar(select(func.pg_try_advisory_lock(_ONE_AT_A_TIME))):
            raise Conflict("另一个备份正在进行，请等它完成。")
        own.execute(select(func.pg_advisory_lock_shared(files.SWEEPING)))
        yield


@contextlib.contextmanager
def _snapshot(engine: Engine) -> Iterator[tuple[Connection, str]]:
    """Hold a moment of the database, and the name under which pg_dump finds it."""
    with engine.connect() as connection:
        held = connection.execution_options(isolation_level="REPEATABLE READ")
        with held.begin():
            yield held, str(held.scalar(select(func.pg_export_snapshot())))


def _entries(
    connection: Connection, snapshot: str, settings: Settings, manifest: Manifest, tell: Tell
) -> Iterator[Entry]:
    """Yield the members one after the other, and write down in the manifest what they were."""
    major, revision = programs.server_major(connection), migrations.current(connection)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    yield Entry.of_json(archive.HEAD, Head(now, version("yinxun"), str(revision), major))
    rows_bytes = connection.scalar(select(func.pg_database_size(func.current_database()))) or 0
    files_bytes = connection.scalar(select(func.coalesce(func.sum(StoredFile.size), 0))) or 0
    of = int(rows_bytes + files_bytes)
    yield from _database(connection, snapshot, major, manifest, lambda n: tell(min(n, of), of, "备份数据库"))
    yield from _files(connection, settings, manifest, lambda n: tell(min(rows_bytes + n, of), of, "备份文件"))
    yield from _data(settings, manifest)
    yield Entry.of(archive.SETTINGS, _settings())
    tell(of, of, "核对备份")
    yield Entry.of_json(archive.MANIFEST, manifest)


def _database(
    connection: Connection, snapshot: str, major: int, manifest: Manifest, heard: archive.Heard
) -> Iterator[Entry]:
    names = sorted(set(inspect(connection).get_table_names()) - {"spatial_ref_sys"})
    for name in names:
        manifest.tables[name] = int(connection.scalar(text(f'select count(*) from "{name}"')) or 0)  # noqa: S608
    digest, length = hashlib.sha256(), 0
    for number, piece in enumerate(_dumped(connection, snapshot, major)):
        digest.update(piece)
        length += len(piece)
        heard(length)
        yield Entry.of(f"{archive.DATABASE}{number:06}", piece)
    manifest.database = Sum(length, digest.hexdigest())


def _dumped(connection: Connection, snapshot: str, major: int) -> Iterator[bytes]:
    """Yield pg_dump's output, which never lies on a disk. Raises CannotRun."""
    program = programs.fitting("pg_dump", major)
    url, environment = programs.address(connection.engine.url)
    line = [str(program), "--format=custom", f"--snapshot={snapshot}", f"--dbname={url}"]
    with tempfile.TemporaryFile() as said:
        dumping = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=said)
        assert dumping.stdout  # noqa: S101  (for the type checker: it is a pipe)
        try:
            with dumping.stdout as output:
                yield from iter(lambda: output.read(archive.PIECE_BYTES), b"")
            code = dumping.wait()
        finally:
            dumping.kill()
            dumping.wait()
        if code:
            said.seek(0)
            told = said.read().decode(errors="replace").strip()[-300:]
            raise CannotRun(f"数据库没有备份成：{told}。没有留下不完整的备份。")


def _files(
    connection: Connection, settings: Settings, manifest: Manifest, heard: archive.Heard
) -> Iterator[Entry]:
    """Yield the kept files that the rows of this moment name, each once."""
    names, length = hashlib.sha256(), 0
    kept = select(StoredFile.sha256).distinct().order_by(StoredFile.sha256)
    for sha256 in connection.scalars(kept):
        path = files.path_of(settings.files_dir, sha256)
        if not _is_as_kept(path, sha256):
            manifest.missing.append(sha256.hex())
            continue
        size = path.stat().st_size
        yield Entry(f"{archive.FILES}{sha256.hex()}", size, _read(path))
        names.update(sha256)
        length += size
        manifest.files_count += 1
        heard(length)
    manifest.files = Sum(length, names.hexdigest())


def _is_as_kept(path: Path, sha256: bytes) -> bool:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest() == sha256
    return False


def _data(settings: Settings, manifest: Manifest) -> Iterator[Entry]:
    """Yield whatever else lies in the data directory: keys, notes, what later versions keep there."""
    left_out = {settings.data_dir / name for name in _NOT_DATA} | {settings.backups_dir}
    for folder, folders, names in os.walk(settings.data_dir):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if here / name not in left_out)
        for path in (here / name for name in sorted(names)):
            if path in left_out or path.is_symlink() or not path.is_file():
                continue
            name = path.relative_to(settings.data_dir).as_posix()
            content = path.read_bytes()
            manifest.data[name] = Sum(len(content), hashlib.sha256(content).hexdigest())
            yield Entry.of(archive.DATA + name, content)


def _settings() -> bytes:
    """Return the settings that were given, as an environment file: some of them are secrets."""
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIX)}
    return "".join(f"{name}={value}\n" for name, value in given.items()).encode()


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(archive.PIECE_BYTES), b"")
