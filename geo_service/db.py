"""Engine, sessions and the `Db` dependency: the only place that commits for HTTP."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy.orm import Session

from geo_service.arrays import accept_arrays

log = logging.getLogger(__name__)

REQUESTS_AT_ONCE = 10
"""Requests that hold a connection at the same time; the others queue without holding a thread."""
CONNECTIONS_BESIDE = 6
"""For what asks beside the `Db` dependency: jobs, readiness, answers that stream rows."""

_AFTER = "after_commit"
"""Where a session holds what is to be done then."""


def psycopg_url(url: str) -> str:
    """Return a plain postgresql:// URL as SQLAlchemy's for psycopg 3."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


def make_engine(url: str) -> Engine:
    """Make the engine; its pool never keeps a request of `Db` waiting for a connection."""
    accept_arrays()
    return create_engine(
        psycopg_url(url),
        pool_size=REQUESTS_AT_ONCE + CONNECTIONS_BESIDE,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        # JIT takes seconds to compile what the scope's conditions then answer in milliseconds.
        connect_args={"connect_timeout": 5, "application_name": "yinxun", "options": "-c jit=off"},
    )


@contextmanager
def transaction(engine: Engine | Connection) -> Iterator[Session]:
    """Open a session that commits at the end, or rolls back on an error: for commands and jobs.

    On a connection that is in a transaction already (a test's) it is a savepoint of that one.
    """
    with Session(engine, expire_on_commit=False, join_transaction_mode="create_savepoint") as db:
        with db.begin():
            yield db
        for act in db.info.pop(_AFTER, ()):
            try:
                act()
            except Exception:  # what was asked for is committed; the daily retention does the rest
                log.exception("what follows a commit failed")


def after_commit(db: Session, act: Callable[[], object]) -> None:
    """Have something done once the transaction is through, and never if it fails.

    For what no rollback takes back, as the removal of a file. It must stand being done for nothing: a
    savepoint that was rolled back does not take it away.
    """
    db.info.setdefault(_AFTER, []).append(act)


def one_at_a_time(db: Session, what: str) -> None:
    """Let one transaction at a time decide about something, also about what is not stored yet."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))


def refuse(db: Session, error: Exception) -> NoReturn:
    """Commit what was stored, then raise: for a refusal that must be remembered. Nothing may follow it."""
    db.commit()
    raise error


def _session(request: Request) -> Iterator[Session]:
    with transaction(request.app.state.engine) as db:
        yield db


# scope="function": the commit happens before the answer leaves, so a failed commit is never a 200.
Db = Annotated[Session, Depends(_session, scope="function", max_concurrency=REQUESTS_AT_ONCE)]
