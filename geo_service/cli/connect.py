"""How a command reaches its database: the given server, the running private one, or one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from geo_service import migrations
from geo_service.db import make_engine
from geo_service.embedded import Cluster
from geo_service.keeper import joined
from geo_service.room import demand_room
from geo_service.settings import Settings, load


@contextmanager
def connect(*, storing: bool = False) -> Iterator[tuple[Engine, Settings]]:
    """Yield an engine on a database with this version's tables, and the settings.

    The private database is joined where it runs, else started for the command and stopped after it. An
    empty database gets its tables; an old one is left for `serve`, which dumps it first. For a command
    that stores much (`storing`) there must be room on the disk: raises `NoRoom`.
    """
    settings = load()
    if storing:
        demand_room(settings)
    with _database(settings) as url:
        engine = make_engine(url)
        try:
            if migrations.is_empty(engine):
                migrations.upgrade(engine, settings.data_dir / "dumps")
            migrations.check(engine)
            yield engine, settings
        finally:
            engine.dispose()


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    if settings.database_url is not None:
        yield settings.database_url
        return
    with joined(Cluster.at(settings.data_dir)) as url:
        yield url
