"""Rows that an earlier version wrote are the same rows after the upgrade, and the services go on with them.

`states/REVISION.sql` holds what that version itself had stored (pg_dump --data-only --column-inserts): 0001 a
small county, walked, with a duty handed over, a patrol taken back, an import and an account; 0002 the same,
upgraded, with walks that a norm judged, one counted by a coordinator, one by phone over midnight and the end
of a month with a companion, one that never ended, a line drawn anew after it was walked, a service, a leave;
0003 the same, upgraded, with its months; 0004 the same, upgraded, with a consent, a card and its phone, a
recorder's fix, a plate, a check-in, a call for help, a notice; 0005 the same, upgraded, with a case that was
dispatched and asks for more time, one that joined it, one settled on the spot, rules, a free day, a channel.
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
from geo_service.patrols import reviews, sending, settling
from geo_service.patrols import service as patrols
from geo_service.tables import County, Table
from layers.vocabulary import Layer, Right, Verdict

STATES = Path(__file__).parent / "states"
REVISIONS = ("0001", "0002", "0003", "0004", "0005")
WALKED, VOIDED = uuid.UUID(int=1000), uuid.UUID(int=1002)
SHORT, BY_NIGHT, OPEN, ON_THE_OLD_LINE = (uuid.UUID(int=number) for number in (1004, 1007, 1008, 1009))
JUNE, JULY = (dt.date(2026, 6, 1), dt.date(2026, 6, 30)), (dt.date(2026, 7, 1), dt.date(2026, 7, 31))
Hashes = dict[str, tuple[int, str]]


@pytest.fixture(params=REVISIONS)
def old(request: pytest.FixtureRequest, server: str) -> Iterator[Engine]:
    """A database as each earlier revision left it."""
    yield from left_by(request.param, server)


@pytest.fixture
def of_0001(server: str) -> Iterator[Engine]:
    yield from left_by("0001", server)


@pytest.fixture
def of_0002(server: str) -> Iterator[Engine]:
    yield from left_by("0002", server)


def left_by(revision: str, server: str) -> Iterator[Engine]:
    name = f"yinxun_test_upgrade_{uuid.uuid4().hex[:8]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = make_engine(admin.url.set(database=name).render_as_string(hide_password=False))
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), revision)
        connection.execute(text("set constraints all deferred"))
        for line in (STATES / f"{revision}.sql").read_text().splitlines():
            connection.exec_driver_sql(line.replace("%", "%%"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def test_there_is_a_state_of_every_revision_before_this_one() -> None:
    states = sorted(path.stem for path in STATES.glob("*.sql"))
    assert states == list(REVISIONS) == sorted(migrations.revisions()[1:])


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
    assert before["patrol"][0] >= 4
    assert len(list(tmp_path.glob("before-*.dump"))) == 1


def test_the_months_are_filled_from_the_days(old: Engine, tmp_path: Path) -> None:
    migrations.upgrade(old, tmp_path)
    with old.connect() as connection:
        assert months_unlike_their_days(connection) == []
        assert connection.scalar(text("select count(*) from line_month")) >= 2
        assert connection.scalar(text("select count(*) from cell_month")) >= 4


def test_patrols_of_before_are_settled_and_still_cover(of_0001: Engine, tmp_path: Path) -> None:
    migrations.upgrade(of_0001, tmp_path)
    with transaction(of_0001) as db:
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


def test_what_was_judged_goes_on_being_counted_and_left_out(of_0002: Engine, tmp_path: Path) -> None:
    migrations.upgrade(of_0002, tmp_path)
    with transaction(of_0002) as db:
        scope = everything(db)
        assert patrols.told(db, scope, SHORT).verdict is Verdict.NOT_COUNTED
        # 800 m that counted by themselves, and 150 m that a coordinator counted; not the 120 m left out.
        walked = covered_m(db, scope, *JUNE)["R1"]
        assert walked == pytest.approx(950, abs=30)
        reviews.review(db, scope, SHORT, Verdict.COUNTED, "问过本人")
        reviews.review(db, scope, BY_NIGHT, Verdict.NOT_COUNTED, "记录有误")
        assert covered_m(db, scope, *JUNE)["R1"] == walked, "it lies on what was walked on another day"
        assert covered_m(db, scope, *JUNE)["R2"] == 0
        assert months_unlike_their_days(db.connection()) == []


def test_a_walk_over_the_end_of_a_month_is_computed_again(of_0002: Engine, tmp_path: Path) -> None:
    migrations.upgrade(of_0002, tmp_path)
    with transaction(of_0002) as db:
        scope = everything(db)
        june, july = (covered_m(db, scope, *month)["R2"] for month in (JUNE, JULY))
        assert june == pytest.approx(10 * 60 / 5 * 6, abs=30)
        assert june + july == pytest.approx(1500, abs=30)
        settling.settle(db, db.get_one(County, scope.county_id), BY_NIGHT, home_cut_m=0.0)
        again = [covered_m(db, scope, *month)["R2"] for month in (JUNE, JULY)]
        assert again == pytest.approx([june, july], abs=30)
        patrols.void(db, scope, BY_NIGHT, "试")
        assert [covered_m(db, scope, *month)["R2"] for month in (JUNE, JULY)] == [0, 0]
        assert months_unlike_their_days(db.connection()) == []


def test_what_was_open_can_end_and_what_was_carried_stays(of_0002: Engine, tmp_path: Path) -> None:
    migrations.upgrade(of_0002, tmp_path)
    with transaction(of_0002) as db:
        scope = everything(db)
        assert covered_m(db, scope, *JULY)["R3"] == pytest.approx(1200, abs=30)
        patrols.void(db, scope, ON_THE_OLD_LINE, "试")
        assert covered_m(db, scope, *JULY)["R3"] == 0
        assert sending.close_abandoned(db, after=dt.timedelta(0), home_cut_m=0.0) == 1
        assert patrols.told(db, scope, OPEN).state.is_open is False


def test_what_was_taken_back_stays_back(old: Engine, tmp_path: Path) -> None:
    migrations.upgrade(old, tmp_path)
    with transaction(old) as db:
        told = patrols.told(db, everything(db), VOIDED)
        assert told.voided_at is not None
        assert told.void_reason == "走错了"


def months_unlike_their_days(connection: Connection) -> list[tuple[str, ...]]:
    """Return the months that differ from the union of their days, of lines and of areas."""
    found: list[tuple[str, ...]] = []
    kinds = (
        ("line", "", "range_agg(spans)", "spans"),
        ("cell", ", block_x, block_y", "bit_or(seen)", "seen"),
    )
    for of, block, union, value in kinds:
        rows = connection.execute(
            text(
                f"select place_version_id, month{block} from {of}_month m full join ("
                f"  select place_version_id, date_trunc('month', day)::date as month{block}, {union} as u"
                f"  from {of}_day group by 1, 2{block}) d using (place_version_id, month{block})"
                f" where m.{value} is distinct from d.u"
            )
        )
        found += [tuple(map(str, row)) for row in rows]
    return found


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


def covered_m(
    db: Session, scope: Scope, first: dt.date = dt.date(2026, 4, 1), last: dt.date = dt.date(2026, 5, 31)
) -> dict[str, float]:
    query = Query(first, last, layers=(Layer.RIVER,), register="all")
    return {row.place.code: row.covered or 0.0 for row in answers.coverage(db, scope, query).rows}
