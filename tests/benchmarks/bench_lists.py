"""Every list and card of the desk, against the bare SQL for its rows and a page that reads nothing.

    python -m tests.benchmarks.bench_lists            # the county of 100,000 places
    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_lists --demo

Asks the application for each page as a signed-in coordinator's browser does, without a network. Prints
milliseconds (least of several, in turn): the bare SQL, the page that reads nothing (`/live`), the page, and
how many times the two together it takes. Target: at most 3 times. `--demo`: the demo county of the database
in `GEO_DATABASE_URL`.
"""

import argparse
import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from geo_service import warming
from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.app import create_app
from geo_service.db import make_engine
from geo_service.settings import Settings
from geo_service.tables import County, Duty, LineDay, Place
from layers.vocabulary import Right
from tests.benchmarks import large
from tests.benchmarks.running import Run
from tests.benchmarks.table import Row, text

ROUNDS, TARGET = 7, 3.0
NOTHING = "/live"

PEOPLE = (
    "select p.id, p.number, p.name, p.phone, a.name,"
    " (select count(*) from duty d where d.person_id = p.id and d.in_force @> current_date)"
    " from person p left join area a on a.id = p.area_id"
    " where p.county_id = :county and p.deleted_at is null order by p.name, p.id limit 51",
    "select d.*, pl.name from (select id from person where county_id = :county and deleted_at is null"
    " order by name, id limit 51) p join duty d on d.person_id = p.id join place pl on pl.id = d.place_id",
)
DUTIES = (
    "select d.*, p.name, pl.code, pl.name from duty d join person p on p.id = d.person_id"
    " join place pl on pl.id = d.place_id where d.county_id = :county order by d.id limit 101",
)
PLACES = (
    "select p.*, v.length_dm, v.area_m2, (select array_agg(a.name) from place_area m"
    " join area a on a.id = m.area_id where m.place_version_id = v.id and a.level = 'township')"
    " from place p left join place_version v on v.id = p.version_id"
    " where p.county_id = :county and p.in_scheme order by p.layer, p.name, p.id limit 51",
)
PATROLS = (
    "select t.id, t.started_at, t.verdict, t.walked_m, p.name from patrol t"
    " left join person p on p.id = t.person_id where t.county_id = :county"
    " order by t.started_at desc, t.id desc limit 51",
)
_OPEN = "c.county_id = :county and c.state not in ('closed', 'rejected', 'merged')"
CASES = (
    f'select state, count(*), count(*) filter (where due_at < now()), max(id) from "case" c where {_OPEN}'
    " group by state",
    'select c.*, p.name, a.name, u.name from "case" c left join place p on p.id = c.place_id'
    " left join area a on a.id = c.area_id left join unit u on u.id = c.unit_id"
    f" where {_OPEN} order by c.due_at, c.id limit 51",
)
_WALKED = (
    "select place_version_id, range_agg(spans) spans from line_month where county_id = :county"
    " and month between date_trunc('month', cast(:first as date)) and :last group by 1"
)
_HELD = (
    "select p.version_id place_version_id, range_agg(coalesce(d.spans,"
    " int4multirange(int4range(0, 2147483647)))) spans from duty d join place p on p.id = d.place_id"
    " where d.county_id = :county and d.kind = 'volunteer'"
    " and d.in_force @> cast(:last as date) group by 1"
)
_SEEN = (
    "select place_version_id, block_x, block_y, bit_or(seen) cells from cell_month where county_id = :county"
    " and month between date_trunc('month', cast(:first as date)) and :last group by 1, 2, 3"
)
_HELD_CELLS = (
    "select p.version_id place_version_id, c.block_x, c.block_y, bit_or(coalesce(h.cells, c.inside)) cells"
    " from duty d join place p on p.id = d.place_id join place_cells c on c.place_version_id = p.version_id"
    " left join duty_cells h on h.duty_id = d.id and h.block_x = c.block_x and h.block_y = c.block_y"
    " where d.county_id = :county and d.kind = 'volunteer' and d.in_force @> cast(:last as date)"
    " group by 1, 2, 3"
)
_AREAS = (
    "with gap as (select p.id, p.code, {whole} & case when n.cells is null"
    " then c.inside else ~n.cells end g from place p join place_cells c on c.place_version_id = p.version_id"
    " {held} left join ({none}) n on n.place_version_id = c.place_version_id and n.block_x = c.block_x"
    " and n.block_y = c.block_y where p.county_id = :county and p.in_scheme)"
    " select id, code, sum(bit_count(g)) from gap group by 1, 2"
)
_WALKABLE = "coalesce(c.walkable, c.inside)"
_GAPS = (
    "with gap as (select p.id, p.code, p.name, v.id version_id, unnest({whole} - coalesce(c.spans, '{{}}')) g"
    " from place p join place_version v on v.id = p.version_id {held} left join ({none}) c"
    " on c.place_version_id = v.id where p.county_id = :county and p.in_scheme and v.length_dm > 0)"
)
_LARGEST = (
    " select id, code, name, g, (select array_agg(a.name) from place_area m join area a on a.id = m.area_id"
    " where m.place_version_id = version_id and a.level = 'township') from gap"
    " where upper(g) - lower(g) >= 200 order by upper(g) - lower(g) desc, code limit 50"
)
_SUMS = (
    " select a.name, count(*), sum(upper(g) - lower(g)) from gap join place_area m"
    " on m.place_version_id = version_id and m.spans && g join area a on a.id = m.area_id"
    " where a.level = 'township' and upper(g) - lower(g) >= 200 group by 1"
)


def _gaps(none: str, cells: str, count: str = _WALKABLE, *, held: bool = False) -> tuple[str, ...]:
    """Return the SQL of the largest gaps of lines, of the sums of each township, and of the gaps of areas.

    What a gap lacks is in `none`, of areas in `cells`; of their cells those count that are in `count`. The
    square metres of cells on the border are left out here, which the page tells.
    """
    whole = "int4multirange(int4range(0, v.length_dm))"
    base = _GAPS.format(
        none=none,
        whole=f"({whole} * h.spans)" if held else whole,
        held=f"join ({_HELD}) h on h.place_version_id = v.id" if held else "",
    )
    areas = _AREAS.format(
        none=cells,
        whole=count + (" & h.cells" if held else ""),
        held=f"join ({_HELD_CELLS}) h on h.place_version_id = c.place_version_id"
        " and h.block_x = c.block_x and h.block_y = c.block_y"
        if held
        else "",
    )
    return base + _LARGEST, base + _SUMS, areas


CARD = (
    "select p.*, v.length_dm, v.sources from place p join place_version v on v.id = p.version_id"
    " where p.id = :place",
    "select d.*, p.name from duty d join person p on p.id = d.person_id where d.place_id = :place",
    "select range_agg(m.spans) from line_month m join place p on p.version_id = m.place_version_id"
    " where p.id = :place and m.month between date_trunc('month', cast(:first as date)) and :last",
    "select t.id, c.day, p.name, t.verdict from line_coverage c"
    " join place l on l.version_id = c.place_version_id join patrol t on t.id = c.patrol_id"
    " left join person p on p.id = t.person_id"
    " where l.id = :place and c.day between :first and :last order by c.day desc, t.started_at desc limit 8",
    'select * from "case" where place_id = :place order by opened_at desc limit 9',
    "select a.name, m.spans from place p join place_area m on m.place_version_id = p.version_id"
    " join area a on a.id = m.area_id where p.id = :place order by a.code",
    "select count(distinct t.id), count(distinct t.person_id), max(c.day) from line_coverage c"
    " join place l on l.version_id = c.place_version_id join patrol t on t.id = c.patrol_id"
    " where l.id = :place and c.day between :first and :last",
    "select d.day, d.spans from line_day d join place p on p.version_id = d.place_version_id"
    " where p.id = :place and d.day between cast(:last as date) - 90 and :last",
    "select * from norm where county_id = :county and in_force @> cast(:last as date)",
)
LISTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "people": ("/people", PEOPLE),
    "duties": ("/api/duties", DUTIES),
    "places": ("/places", PLACES),
    "patrols": ("/patrols", PATROLS),
    "cases": ("/cases", CASES),
    "gaps, unassigned": ("/gaps?kind=unassigned", _gaps(_HELD, _HELD_CELLS, "c.inside")),
    "gaps, unpatrolled": ("/gaps?kind=unpatrolled", _gaps(_WALKED, _SEEN)),
    "gaps, neglected": ("/gaps?kind=neglected", _gaps(_WALKED, _SEEN, held=True)),
    "card of a place": ("/map/card/{place}", CARD),
}


def main() -> None:
    """Measure, print, and take everything back."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demo", action="store_true", help="the county that is in GEO_DATABASE_URL")
    parser.add_argument("--only", nargs="*", choices=[*LISTS], default=[*LISTS], help="these lists alone")
    asked = parser.parse_args()
    with _demo() if asked.demo else large.county() as (db, county):
        for row in measured(db, county, ROUNDS, asked.only):
            print(text([row]).splitlines()[-1], flush=True)


def rows(run: Run) -> Iterator[Row]:
    """Yield the lines of the table."""
    with large.county() as (db, county):
        yield from measured(db, county, run.repeats)


def measured(db: Session, county: County, rounds: int, names: Sequence[str] = ()) -> Iterator[Row]:
    """Yield a line for each list."""
    warming.warm()
    ask, about = _desk(db, county), _about(db, county)
    for name in names or LISTS:
        path, statements = LISTS[name]
        acts = (
            partial(_read, db, statements, about), partial(ask, NOTHING), partial(ask, path.format(**about)),
        )  # fmt: skip
        bare_s, nothing_s, page_s = large.in_turn(acts, rounds)
        times = page_s / (bare_s + nothing_s)
        said = ", ".join(f"{what} {s * 1e3:.1f}" for what, s in (("SQL", bare_s), ("nothing", nothing_s)))
        figure = f"{page_s * 1e3:.1f} ms ({said}), {times:.2f} times"
        yield Row(f"list: {name}", figure=figure, target=f"≤ {TARGET:g} times", met=times <= TARGET)


def _read(db: Session, statements: Sequence[str], about: Mapping[str, Any]) -> None:
    for statement in statements:
        named = {key: value for key, value in about.items() if f":{key}" in statement}
        db.execute(sql(statement), named).all()


def _desk(db: Session, county: County) -> Callable[[str], None]:
    """Return what asks for a page as a coordinator's browser does, without a network."""
    by = Manager(Actor(os_user="bench"))
    account, _ = register.add(db, by, "bench", Right.COORDINATOR, Ground(county.id), is_program=True)
    token = register.token(db, by, account, "bench", days=1)
    db.flush()
    client = TestClient(create_app(Settings(_env_file=None), db.connection()), follow_redirects=False)
    client.headers["Authorization"] = f"Bearer {token}"

    def ask(path: str) -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")

    return ask


def _about(db: Session, county: County) -> dict[str, Any]:
    """Return county, the window of pages that name none, and a place that somebody holds and walks."""
    place = db.scalar(
        select(Place.id)
        .join(Duty, Duty.place_id == Place.id)
        .join(LineDay, LineDay.place_version_id == Place.version_id)
        .where(Place.county_id == county.id)
        .group_by(Place.id)
        .order_by(func.count().desc())
        .limit(1)
    )
    last = dt.datetime.now(dt.UTC).date()
    return {"county": county.id, "place": place, "first": last - dt.timedelta(days=364), "last": last}


@contextlib.contextmanager
def _demo() -> Iterator[tuple[Session, County]]:
    engine = make_engine(os.environ["GEO_DATABASE_URL"])
    with engine.connect() as connection, connection.begin() as outer:
        with Session(connection, expire_on_commit=False) as db:
            yield db, db.scalars(select(County)).one()
        outer.rollback()
    engine.dispose()


if __name__ == "__main__":
    main()
