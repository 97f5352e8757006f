"""The history of the tables, and how a database is brought up to this code.

A developer who changes `tables.py` makes the next revision against a database of the old form:

    GEO_DATABASE_URL=postgresql://... alembic revision --autogenerate -m "say what changes"

and reads what it wrote: indexes on geometry, triggers and moved data are the author's work.
"""

import datetime as dt
import os
import subprocess
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, exists, func, inspect, select, table

from geo_service import programs
from geo_service.errors import CannotRun
from geo_service.tables import Table

ONE_AT_A_TIME = 0x59_58  # any number that all services of one database agree on


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", "geo_service:migrations")
    config.attributes["connection"] = connection
    return config


def revisions() -> list[str]:
    """Return the revisions this code knows, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()]


def current(connection: Connection) -> str | None:
    """Return the database's revision; None while it has none of our tables."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the database has exactly the tables this code expects."""
    return current(connection) == revisions()[0]


def is_empty(engine: Engine) -> bool:
    """Whether the database has none of our tables yet."""
    with engine.connect() as connection:
        return current(connection) is None


def check(engine: Engine) -> None:
    """Raise `CannotRun` unless the database has exactly the tables this code expects."""
    with engine.connect() as connection:
        found = current(connection)
    _refuse_newer(found)
    if found != revisions()[0]:
        raise CannotRun(
            "数据库的表还是旧版本的。请先启动（或重新启动）一次服务：geo-service serve，它会先备份再升级。",
            title="The tables are older than this code.",
        )


def upgrade(engine: Engine, dumps: Path | None) -> None:
    """Bring the database to this code's tables, after a dump into `dumps` where there are rows.

    Without `dumps` no dump is made: for rows that just came out of a backup.
    Raises `CannotRun` if the database is newer than the code, is not ours, or cannot be dumped;
    nothing is changed then. Of several services that start together one does it, the others wait.
    """
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
        found = current(connection)
        _refuse_newer(found)
        if found == revisions()[0]:
            return
        if found is None and (
            foreign := set(inspect(connection).get_table_names()) & set(Table.metadata.tables)
        ):
            raise CannotRun(
                f"这个数据库里已有别的程序的表（{'、'.join(sorted(foreign)[:5])}）。请为银巡另建一个空的数据库。",
                title="The database holds tables of another program.",
            )
        if dumps is not None and found is not None and _has_rows(connection):
            dump(engine, dumps / f"before-{revisions()[0]}-{dt.datetime.now():%Y%m%d-%H%M%S}.dump")
        command.upgrade(configuration(connection), "head")


def dump(engine: Engine, target: Path) -> None:
    """Write the database to a file that pg_restore reads; it has its name only when it is whole."""
    with engine.connect() as connection:
        program = programs.fitting("pg_dump", programs.server_major(connection))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    url, environment = programs.address(engine.url)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        done = subprocess.run(
            [program, "--format=custom", f"--dbname={url}"],
            env=environment,
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
        )
    if done.returncode:
        part.unlink()
        raise CannotRun(
            f"升级前的备份没有成功，数据库没有改动：{done.stderr.decode(errors='replace').strip()[-300:]}"
        )
    part.rename(target)


def is_newer(found: str) -> bool:
    """Whether a revision is none that this code knows."""
    return found not in revisions()


def _refuse_newer(found: str | None) -> None:
    if found is not None and is_newer(found):
        raise CannotRun(
            f"数据库（版本 {found}）比本程序新，为免损坏数据不启动。"
            "请安装较新的程序，或恢复 dumps 目录中升级前的备份。",
            title="The database is newer than this code.",
        )


def _has_rows(connection: Connection) -> bool:
    ours = set(inspect(connection).get_table_names()) - {"alembic_version", "spatial_ref_sys"}
    return any(connection.scalar(select(exists().select_from(table(name)))) for name in sorted(ours))
