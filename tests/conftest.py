"""A PostGIS once per run, a savepoint per test."""

import os
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from geo_service.db import make_engine
from geo_service.tables import Table


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine on an empty database of its own, with all tables."""
    server = os.environ["GEO_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    name = f"yinxun_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = make_engine(admin.url.set(database=name).render_as_string(hide_password=False))
    with engine.begin() as connection:
        connection.execute(text("create extension postgis"))
        Table.metadata.create_all(connection)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    """A session whose every change is rolled back, even where the code commits."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        outer.rollback()
