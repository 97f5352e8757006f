"""Engine, sessions and the `Db` dependency: the only place that commits for HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Make the engine; `url` may be a plain postgresql:// URL, psycopg 3 is used for it."""
    url = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=10, pool_pre_ping=True, pool_recycle=1800
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open a session that commits at the end, or rolls back on an error: for commands and jobs."""
    with Session(engine, expire_on_commit=False) as db, db.begin():
        yield db


def _session(request: Request) -> Iterator[Session]:
    with transaction(request.app.state.engine) as db:
        yield db


# scope="function": the commit happens before the answer leaves, so a failed commit is never a 200.
Db = Annotated[Session, Depends(_session, scope="function")]
