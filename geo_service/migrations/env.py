"""What Alembic runs: our tables, on the caller's connection or on GEO_DATABASE_URL."""

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import Connection

from geo_service.db import make_engine
from geo_service.settings import Settings
from geo_service.tables import Table


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        include_object=alembic_helpers.include_object,
        render_item=alembic_helpers.render_item,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    url = Settings().database_url
    if url is None:
        raise SystemExit("Set GEO_DATABASE_URL to the database that Alembic should work on.")
    with make_engine(url).begin() as own:
        _run(own)
