"""A PostGIS once per run, a savepoint per test."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from geo_service import migrations
from geo_service.app import create_app
from geo_service.db import make_engine, psycopg_url
from geo_service.embedded import Cluster
from geo_service.keeper import joined
from geo_service.settings import Settings

# Machines are slow now and then; what a test finds must not depend on it.
hypothesis.settings.register_profile(
    "yinxun", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("yinxun")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true nothing may be skipped: a silently skipped suite is the usual lie."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        reporter.write_line("CI=true: skipped tests count as failed", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


SERVER = os.environ.get("GEO_DATABASE_URL")


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> None:
    """Leave the developer's own server to `server` alone: a service under test is told its own."""
    os.environ.pop("GEO_DATABASE_URL", None)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostGIS server: GEO_DATABASE_URL, else a private cluster that ends with the run."""
    if SERVER:
        yield SERVER
        return
    data_dir = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    with joined(Cluster.at(data_dir)) as url:
        yield url
    shutil.rmtree(data_dir)


@pytest.fixture(scope="session")
def empty_database(server: str) -> Iterator[str]:
    """The URL of an empty database of this run's own."""
    name = f"yinxun_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield admin.url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture(scope="session")
def engine(empty_database: str) -> Iterator[Engine]:
    """An engine on a database of this run's own, with all tables."""
    engine = make_engine(empty_database)
    migrations.upgrade(engine, Path("/nowhere"))
    yield engine
    engine.dispose()


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    """A session whose every change is rolled back, even where the code commits."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        outer.rollback()


@pytest.fixture
def app(db: Session, tmp_path: Path) -> FastAPI:
    """The application on the test's own transaction: what it commits is rolled back with `db`."""
    return create_app(Settings(data_dir=tmp_path), db.connection())


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Someone on this machine who has not signed in."""
    with TestClient(app, client=("127.0.0.1", 50000), follow_redirects=False) as client:
        yield client
