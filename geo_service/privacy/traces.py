"""What tells of people beside the tables: bytes of kept files, dumps, files held for an import, dead rows.

None of it can be taken back by a rollback, so all of it follows the commit.
"""

import logging
import shutil
import time
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from geo_service import files, jobs
from geo_service.db import after_commit, transaction
from geo_service.jobs import Progress
from geo_service.privacy.declared import CHANGED
from geo_service.settings import Settings
from geo_service.tables import Json

log = logging.getLogger(__name__)

VACUUM = "privacy.vacuum"
"""Kind of the job that takes dead rows out of the tables' files."""
_DAY_S = 86_400
_SMALL_BYTES = 64 * 2**20
"""Up to this size a table is written anew, which locks it for less than a second."""


def follow(db: Session, data_dir: Path, gone: Collection[bytes]) -> None:
    """Have the traces of a person cleared after the commit: bytes, dumps, held files; dead rows by a job."""
    jobs.enqueue(db, VACUUM)
    after_commit(db, partial(_clear, db.get_bind(), data_dir, list(gone)))


def _clear(bind: Engine | Connection, data_dir: Path, gone: Collection[bytes]) -> None:
    drop_dumps(data_dir)
    drop_held(data_dir)
    with transaction(bind) as db:
        files.sweep(db, Settings(data_dir=data_dir).files_dir, gone)


def drop_dumps(data_dir: Path, *, older_than_days: int | None = None) -> int:
    """Remove the dumps from before upgrades, which hold everything; return how many."""
    found = dumps(data_dir, older_than_days=older_than_days)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def dumps(data_dir: Path, *, older_than_days: int | None = None) -> list[Path]:
    """Return the dumps from before upgrades (older than some days), half-written ones too."""
    return _older((data_dir / "dumps").glob("*"), older_than_days)


def _older(paths: Iterable[Path], days: int | None) -> list[Path]:
    limit = time.time() - (days or 0) * _DAY_S
    return [path for path in paths if days is None or path.stat().st_mtime < limit]


def drop_held(data_dir: Path, *, older_than_days: int | None = None) -> int:
    """Remove the files that wait between the trial of an import and its carrying out; return how many."""
    found = held(data_dir, older_than_days=older_than_days)
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return len(found)


def held(data_dir: Path, *, older_than_days: int | None = None) -> list[Path]:
    """Return the folders of files that wait (for longer than some days)."""
    return _older((data_dir / "held").glob("*/*"), older_than_days)


def vacuum_by_job(db: Session, _payload: Json, _progress: Progress) -> None:
    """Take dead rows out of the tables' files; on a connection of its own, for no transaction allows it."""
    vacuum(db.get_bind())


def vacuum(bind: Engine | Connection, *, anew: bool = True) -> None:
    """Take dead rows out of the files of all tables that tell of people, and out of their indexes.

    With `anew` small tables are written anew, so that nothing of the rows is left in their files; of large
    ones the room is freed, and used up by what comes.
    """
    engine = bind if isinstance(bind, Engine) else bind.engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
        own.execute(text("set lock_timeout = '5s'"))
        for name in sorted(CHANGED):
            size = own.scalar(select(func.pg_total_relation_size(f'"{name}"'))) or 0
            _vacuum(own, name, anew=anew and size <= _SMALL_BYTES)
        own.execute(text("reset lock_timeout"))


def _vacuum(own: Connection, table: str, *, anew: bool) -> None:
    try:
        own.execute(text(f'vacuum {"(full) " if anew else ""}"{table}"'))
    except DBAPIError:
        if not anew:
            raise
        log.info("a table is in use: its room is freed without writing it anew")
        _vacuum(own, table, anew=False)
