"""A backup becomes a data directory again: all of it or nothing, and without whom asked to be forgotten.

Everything is made in a directory beside the one asked for, and bears its name only at the end.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, func, inspect, select, table, text, update
from sqlalchemy.orm import Session

from geo_service import audit, files, migrations, programs
from geo_service.accounts.scope import Actor, Scope
from geo_service.backups import deletions
from geo_service.backups.archive import Head, Manifest
from geo_service.backups.deletions import DeletionList, Forgotten, listed
from geo_service.backups.keys import Opener
from geo_service.backups.service import Tell
from geo_service.backups.unpacking import DUMP, unpack
from geo_service.db import make_engine, transaction
from geo_service.embedded import Cluster, make_private, service_user
from geo_service.errors import CannotRun, Conflict
from geo_service.keeper import joined
from geo_service.people import service as people
from geo_service.tables import Account, Deletion, Person
from layers.errors import BadFile
from layers.vocabulary import Right


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    head: Head
    manifest: Manifest
    forgotten: int
    """People of the archive who were forgotten again."""
    notes: list[str]
    """What should be known, in plain words."""


def deletion_list(path: Path) -> DeletionList:
    """Read the list of deleted ids. Raises BadFile that says what to do if it is not there."""
    try:
        return listed(path)
    except OSError as failure:
        raise BadFile(
            f"没有找到已删除人员的编号名单（{path}）。名单和备份放在同一个目录，名叫 deleted-ids.txt；"
            "在别处请用 --deletions 写出。确实没有，才加 --without-deletions："
            "备份以后删除的人会重新出现，须再次删除。"
        ) from failure


def restore(
    archive: Path, into: Path, opener: Opener, listing: DeletionList | None, actor: Actor, tell: Tell,
    *, database_url: str | None = None,
) -> Restored:  # fmt: skip
    """Restore an archive into an empty directory, and into the given database where there is one, empty too.

    Raises BadFile, Invalid, Conflict, CannotRun, OSError; nothing is left behind then.
    """
    into = into.absolute()
    _demand_empty(into)
    user = service_user(into)
    stage = into.with_name(f".{into.name}.restoring")
    shutil.rmtree(stage, ignore_errors=True)  # left by a restore that was killed
    try:
        make_private(stage, user)
        size = archive.stat().st_size
        unpacked = unpack(archive, opener, stage, lambda done: tell(done, size, "解开备份"))
        if os.geteuid() == 0:
            for path in stage.rglob("*"):
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        tell(size, size, "恢复数据库")
        with _database(stage, database_url) as engine:
            _fill(engine, stage / DUMP, unpacked.head, unpacked.manifest)
            forgotten, notes = _make_current(engine, stage, listing, actor)
        (stage / DUMP).unlink()
        os.sync()  # the name is the promise that everything is on the disk
        stage.rename(into)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    if missing := len(unpacked.manifest.missing):
        notes.append(f"备份时就有 {missing} 个文件的内容已经不在或已损坏，无法恢复。")
    return Restored(unpacked.head, unpacked.manifest, forgotten, notes)


def _demand_empty(into: Path) -> None:
    if into.is_symlink() or (into.exists() and not into.is_dir()):
        raise Conflict(f"{into} 不是目录。请写一个空目录，或还没有的目录。")
    if into.is_mount():
        raise Conflict(f"{into} 是挂载点，不能整个换上。请写它里面的一个目录，例如 {into / 'data'}。")
    if into.exists() and any(into.iterdir()):
        raise Conflict(f"目录 {into} 不是空的，没有改动。请写一个空目录，或还没有的目录。")


# --- the database


@contextlib.contextmanager
def _database(stage: Path, url: str | None) -> Iterator[Engine]:
    """Yield an engine on an empty database, which is empty again if anything goes wrong."""
    if url is None:
        cluster = Cluster.at(stage)
        try:
            with joined(cluster) as own:
                engine = make_engine(own)
                try:
                    yield engine
                finally:
                    engine.dispose()
        finally:
            if not cluster.socket_dir.is_relative_to(stage):
                shutil.rmtree(cluster.socket_dir, ignore_errors=True)
        return
    engine = make_engine(url)
    try:
        _demand_empty_database(engine)
        try:
            yield engine
        except BaseException:
            _empty(engine)
            raise
    finally:
        engine.dispose()


def _demand_empty_database(engine: Engine) -> None:
    with engine.connect() as connection:
        if set(inspect(connection).get_table_names()) - {"spatial_ref_sys"}:
            name = engine.url.database
            raise Conflict(f"GEO_DATABASE_URL 所指的数据库 {name} 不是空的，没有改动。请另建一个空的。")


_OWN_FUNCTIONS = text(
    """
    select oid::regprocedure::text from pg_proc
    where pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
    """
)
"""Those of no extension: PostGIS' belong to the database."""


def _empty(engine: Engine) -> None:
    """Take away what was begun in a database that was empty before."""
    with contextlib.suppress(Exception), engine.begin() as connection:
        for name in set(inspect(connection).get_table_names()) - {"spatial_ref_sys"}:
            connection.execute(text(f'drop table "{name}" cascade'))
        for function in connection.scalars(_OWN_FUNCTIONS).all():
            connection.execute(text(f"drop function {function}"))


def _fill(engine: Engine, dump: Path, head: Head, manifest: Manifest) -> None:
    """Fill the database from a dump, in one transaction, and count its rows. Raises CannotRun, BadFile."""
    program = programs.fitting("pg_restore", head.postgres)
    url, environment = programs.address(engine.url)
    how = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments")
    done = subprocess.run(
        [program, *how, f"--dbname={url}", dump], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotRun(f"数据库没有恢复成：{done.stderr.strip()[-300:]}。没有留下恢复了一半的内容。")
    with engine.connect() as connection:
        for name, rows in manifest.tables.items():
            if connection.scalar(select(func.count()).select_from(table(name))) != rows:
                raise BadFile(f"恢复后表 {name} 的行数与备份时不同，没有留下恢复的内容。请换一份备份。")


def _make_current(
    engine: Engine, stage: Path, listing: DeletionList | None, actor: Actor
) -> tuple[int, list[str]]:
    """Bring the tables to this version and forget again whom the list names; return how many, and notes."""
    migrations.upgrade(engine, None)
    with transaction(engine) as db:
        notes = _doubts(db, listing)
        forgotten = replay(db, listing.people, actor, stage) if listing else 0
        audit.record(db, actor, "backup.restore", county_id=None, forgotten=forgotten)
    with transaction(engine) as db:
        on_disk = [bytes.fromhex(path.name) for path in (stage / "files").glob("??/*")]
        files.sweep(db, stage / "files", on_disk)  # those of the forgotten
    return forgotten, notes


def _doubts(db: Session, listing: DeletionList | None) -> list[str]:
    if listing is None:
        return ["没有使用已删除人员的名单：备份以后删除的人可能重新出现，请再次删除。"]
    notes = []
    if listing.unreadable:
        lines = "、".join(map(str, listing.unreadable[:20]))
        notes.append(f"名单的第 {lines} 行读不懂，其中的人没有再次删除。请核对。")
    if lacking := set(db.scalars(select(Deletion.person_id))) - set(listing.people):
        notes.append(
            f"备份里已有 {len(lacking)} 个删除记录是名单没有的：名单可能不是最新的。请核对有没有更新的。"
        )
    return notes


def replay(db: Session, forgotten: Mapping[UUID, Forgotten], actor: Actor, data_dir: Path) -> int:
    """Forget again each listed person whom an older archive brought back; return how many.

    The whole list goes into the table: of people whom this archive does not know another one may.
    """
    deletions.remember(db, forgotten.values())
    alive = select(Person.county_id, Person.id).where(Person.deleted_at.is_(None))
    again = [row for row in db.execute(alive) if row[1] in forgotten]
    for county_id, person_id in again:
        everything = Scope(
            county_id, actor, dict.fromkeys(Right, None), everywhere=frozenset({Right.ADMINISTRATOR})
        )
        try:
            with db.begin_nested():
                people.delete_person(db, everything, person_id, data_dir=data_dir)
        except Conflict:
            # In the archive he still was the only administrator: the account stays, no longer his.
            db.execute(update(Account).where(Account.person_id == person_id).values(person_id=None))
            people.delete_person(db, everything, person_id, data_dir=data_dir)
    return len(again)
