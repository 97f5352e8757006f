"""Rows that an earlier version wrote are the same rows after the upgrade, and the services go on with them.

`states/REVISION.sql` holds what that version itself had stored: a small county, walked, with a duty handed
over, a patrol taken back, an import and an account (pg_dump --data-only --column-inserts).
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.orm import Session

from geo_service import migrations
from geo_service.accounts.scope import Actor, Scope
from geo_service.coverage import answers
from geo_service.coverage.ground import Query
from geo_service.db import make_engine, psycopg_url, transaction
from geo_service.patrols import service as patrols
from geo_service.tables import Table
from layers.vocabulary import Layer, Right, Verdict

STATES = Path(__file__).parent / "states"
WALKED, VOIDED = uuid.UUID(int=1000), uuid.UUID(int=1002)
Hashes = dict[str, tuple[int, str]]


def test_no_row_changes_and_the_database_is_dumped_first(old: Engine, tmp_path: Path) -> None:
    with old.connect() as connection:
        columns = {
            name: [column["name"] for column in inspect(connection).get_columns(name)]
            for name in inspect(connection).get_table_names()
            if name in Table.metadata.tables
        }
        before = hashes(connection, columns)
    migrations.upgrade(old, tmp_path)
    with old.connect() as connection:
        assert hashes(connection, columns) == before
        assert migrations.is_current(connection)
    assert before["patrol"][0] == 4
    assert len(list(tmp_path.glob("before-*.dump"))) == 1


def test_patrols_of_before_are_settled_and_still_cover(old: Engine, tmp_path: Path) -> None:
    migrations.upgrade(old, tmp_path)
    with transaction(old) as db:
        scope = everything(db)
        assert patrols.told(db, scope, WALKED).verdict is Verdict.COUNTED
        open_ = db.scalar(text("select count(*) from patrol where settled_at is null or batches_due <> 1"))
        assert open_ == 0
        before = covered_m(db, scope)
        assert before["R1"] == pytest.approx(1600, abs=60)
        assert before["R2"] == pytest.approx(800, abs=60)
        patrols.void(db, scope, WALKED, "走错了河")
        after = covered_m(db, scope)
        assert after["R1"] == pytest.approx(800, abs=60)
        assert after["R2"] == before["R2"]


def test_what_was_taken_back_stays_back(old: Engine, tmp_path: Path) -> None:
    migrations.upgrade(old, tmp_path)
    with transaction(old) as db:
        told = patrols.told(db, everything(db), VOIDED)
        assert told.voided_at is not None
        assert told.void_reason == "走错了"


@pytest.fixture
def old(server: str) -> Iterator[Engine]:
    """A database as revision 0001 left it."""
    name = f"yinxun_test_upgrade_{uuid.uuid4().hex[:8]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = make_engine(admin.url.set(database=name).render_as_string(hide_password=False))
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), "0001")
        connection.execute(text("set constraints all deferred"))
        for line in (STATES / "0001.sql").read_text().splitlines():
            connection.exec_driver_sql(line.replace("%", "%%"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def hashes(connection: Connection, columns: dict[str, list[str]]) -> Hashes:
    """Return for each table the number of its rows and a hash of them, whatever their order."""
    found: Hashes = {}
    for name, own in columns.items():
        row = ", ".join(f'"{column}"' for column in own)
        count, digest = connection.execute(
            text(
                f"select count(*), coalesce(md5(string_agg(r, ',' order by r)), '')"
                f' from (select md5(row({row})::text) r from "{name}") rows'
            )
        ).one()
        found[name] = (count, digest)
    return found


def everything(db: Session) -> Scope:
    county_id = db.scalar(text("select id from county"))
    return Scope(county_id, Actor(os_user="tester"), {Right.ADMINISTRATOR: None})


def covered_m(db: Session, scope: Scope) -> dict[str, float]:
    query = Query(dt.date(2026, 4, 1), dt.date(2026, 6, 30), layers=(Layer.RIVER,))
    return {row.place.code: row.covered or 0.0 for row in answers.coverage(db, scope, query).rows}
