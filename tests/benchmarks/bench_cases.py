"""Ten thousand open cases: board, map, nearest place and likely duplicates, against bare SQL for the same.

    python -m tests.benchmarks.bench_cases

Makes a county of its own (1,024 rivers, 32 townships, 2,819 stewards, 20 units, as many closed cases as open
ones) in `GEO_DATABASE_URL`, else in a private cluster, and takes it back. Prints milliseconds (least of
several, in turn) and ratios. Targets: board and map at most 3 times, nearest place with duty and duplicates
at most 2 times.
"""

import contextlib
import datetime as dt
import os
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import Row, create_engine, insert, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import migrations, warming
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import board, rules, similar, whereabouts
from geo_service.cases.board import Asked
from geo_service.db import make_engine, psycopg_url
from geo_service.embedded import Cluster
from geo_service.keeper import joined
from geo_service.tables import Area, Case, County, Duty, Person, Place, PlaceArea, PlaceVersion, Unit
from geo_service.web import case_pictures
from layers.cases import OPEN
from layers.categories import DEFAULT
from layers.crs import unproject
from layers.lines import canonical, measured
from layers.vocabulary import Right
from maps.web import draw

CRS, ORIGIN = "EPSG:4549", np.array([480_000.0, 3_640_000.0])
ROUNDS, SPOTS, SIDE, APART_M = 9, 40, 32, 900.0
CASES, STEWARDS, TOWNSHIPS, UNITS = 10_000, 2_819, 32, 20
NOW = dt.datetime.now(dt.UTC)

COUNTS = text("""
    select state, count(*), count(*) filter (where due_at < now()), max(id) from "case"
    where county_id = :county and state not in ('closed', 'rejected', 'merged') group by state
""")
_ROWS = """
    select c.id, c.number, c.category, c.severity, c.words, c.state, c.opened_at, c.due_at, p.name, a.name,
           u.name, ST_X(c.point), ST_Y(c.point)
    from "case" c left join place p on p.id = c.place_id left join area a on a.id = c.area_id
    left join unit u on u.id = c.unit_id
    where c.county_id = :county and c.state not in ('closed', 'rejected', 'merged')
    order by c.due_at, c.id limit :most
"""
ROWS = text(_ROWS)
NEAREST = text("""
    with here as (select ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) as spot), near as (
        select p.id, p.name, p.layer, part.geom, ST_Distance(part.geom::geography, here.spot::geography) as m,
               ST_InterpolatePoint(part.geom, here.spot) as at
        from here, place_version v join place p on p.version_id = v.id, ST_Dump(v.line) part
        where v.county_id = :county and v.line && ST_Expand(here.spot, 0.0033)
        order by m limit 1
    )
    select near.id, near.name, near.m, near.at, person.name, person.phone,
           (select area.id from area, here where area.county_id = :county and ST_Covers(area.geom, here.spot)
            and area.level in ('township', 'village') order by area.level desc limit 1)
    from near join duty on duty.place_id = near.id and duty.in_force @> current_date
         and (duty.spans is null or duty.spans @> round(near.at * 10)::int)
    join person on person.id = duty.person_id
""")
ALIKE = text("""
    with here as (select ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) as spot)
    select c.id, c.number, c.category, c.state, c.opened_at,
           ST_Distance(c.point::geography, here.spot::geography) as m
    from "case" c, here
    where c.county_id = :county and c.kind = :kind and c.id <> :id and c.opened_at >= :since
      and c.state not in ('closed', 'rejected', 'merged') and c.point && ST_Expand(here.spot, 0.003)
      and ST_DWithin(c.point::geography, here.spot::geography, 250)
    order by m limit 5
""")


def main() -> None:
    """Measure and print."""
    with _database() as url, Session(make_engine(url), expire_on_commit=False) as db:
        scope, spots = _filled(db)
        county = {"county": scope.county_id}
        warming.warm()  # as `serve` does
        print(f"{CASES} open cases among {2 * CASES}, {SIDE * SIDE} rivers, {STEWARDS} stewards")
        _told("board (counts and a page)", 3, *_turns(
            lambda: (board.counts(db, scope), board.page(db, scope, Asked(), limit=50)),
            lambda: (db.execute(COUNTS, county).all(), db.execute(ROWS, {**county, "most": 51}).all()),
        ))  # fmt: skip
        every = {**county, "most": 20_000}
        _told("map (its values)", 3, *_turns(
            lambda: case_pictures.cases_map(db, scope, Asked()), lambda: db.execute(ROWS, every).all()
        ))  # fmt: skip
        _told("map (its document)", 3, *_turns(
            lambda: draw(case_pictures.cases_map(db, scope, Asked())), lambda: db.execute(ROWS, every).all()
        ))  # fmt: skip
        kind, day = DEFAULT.get("litter"), NOW.date()
        _told(f"nearest place with duty ({SPOTS} spots)", 2, *_turns(
            lambda: [whereabouts.find(db, scope.county_id, kind, spot.lonlat, day) for spot in spots],
            lambda: [db.execute(NEAREST, {**county, **spot.at}).all() for spot in spots],
        ))  # fmt: skip
        ground = rules.ground(db, scope.county_id)
        since = NOW - similar.RECENT
        _told(f"duplicates ({SPOTS} cases)", 2, *_turns(
            lambda: [similar.to_case(db, ground, spot.case_id) for spot in spots],
            lambda: [
                db.execute(ALIKE, {**county, **spot.asked, "since": since}).all()
                for spot in spots
            ],
        ))  # fmt: skip


def _told(what: str, target: float, ours_ms: float, bare_ms: float) -> None:
    print(f"{what}: {ours_ms:.1f} ms, bare SQL {bare_ms:.1f} ms, {ours_ms / bare_ms:.2f} times (<= {target})")


def _turns(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Return the least milliseconds of both, measured in turn."""
    spent: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS):
        for what, times in zip((ours, bare), spent, strict=True):
            began = time.perf_counter()
            what()
            times.append((time.perf_counter() - began) * 1000)
    return min(spent[0]), min(spent[1])


# --- the county


class Spot:
    """One of the cases, as it is asked about."""

    def __init__(self, row: Row) -> None:
        self.case_id, self.kind, self.lonlat = row.id, row.kind, (row.lon, row.lat)
        self.at = {"lon": row.lon, "lat": row.lat}
        self.asked = {**self.at, "id": row.id, "kind": row.kind}


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """Yield the URL of a database of this run's own, with all tables."""
    with contextlib.ExitStack() as stack:
        server = os.environ.get("GEO_DATABASE_URL")
        if server is None:
            folder = Path(tempfile.mkdtemp(prefix="yinxun-bench-"))
            stack.callback(shutil.rmtree, folder)
            server = stack.enter_context(joined(Cluster.at(folder)))
        name = f"yinxun_bench_{uuid.uuid4().hex[:12]}"
        admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        url = admin.url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
        migrations.upgrade(make_engine(url), Path("/nowhere"))
        try:
            yield url
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"drop database {name} with (force)"))


def _filled(db: Session) -> tuple[Scope, list[Spot]]:
    chance = random.Random(5)
    county = County(code="329901", name="试县", time_zone="Asia/Shanghai", crs=CRS)
    county.west, county.south, county.east, county.north = 119.0, 32.0, 121.0, 34.0
    db.add(county)
    db.flush()
    areas = _added(db, [
        Area(
            county_id=county.id, code=f"3299011{k:02d}000", name=f"{k}镇", level="township",
            geom=from_shape(_border(k), srid=4326),
        )
        for k in range(TOWNSHIPS)
    ])  # fmt: skip
    units = _added(db, [Unit(county_id=county.id, name=f"单位{k}") for k in range(UNITS)])
    places = _rivers(db, county.id, areas)
    people = _added(db, [
        Person(county_id=county.id, name=f"人{k}", phone="13900000000") for k in range(STEWARDS)
    ])  # fmt: skip
    always = Range(dt.date(2020, 1, 1), None)
    _added(db, [
        Duty(
            county_id=county.id, person_id=person.id, place_id=places[k % len(places)].id,
            role="river_steward", kind="volunteer", level="village", in_force=always,
        )
        for k, person in enumerate(people)
    ])  # fmt: skip
    _cases(db, county.id, places, areas, units, chance)
    db.commit()
    db.execute(text("analyze"))
    db.commit()
    rows = db.execute(text("""
        select id, kind, ST_X(point) as lon, ST_Y(point) as lat from "case"
        where state not in ('closed', 'rejected', 'merged') order by id limit 8000
    """)).all()  # fmt: skip
    scope = Scope(county.id, Actor(os_user="bench"), {Right.COORDINATOR: None})
    return scope, [Spot(row) for row in chance.sample(rows, SPOTS)]


def _township(at: int) -> int:
    """Return the township of a river: eight across, four up, each four rivers by eight."""
    return at // SIDE // 8 * 8 + at % SIDE // 4


def _border(township: int) -> shapely.Geometry:
    west, south = (township % 8) * 4 * APART_M - 50, (township // 8) * 8 * APART_M - 450
    box = shapely.segmentize(shapely.box(west, south, west + 4 * APART_M, south + 8 * APART_M), 200)
    moved = shapely.transform(box, lambda xy: xy + ORIGIN)
    return shapely.multipolygons([unproject(moved, CRS)])


def _added(db: Session, rows: list) -> list:
    db.add_all(rows)
    db.flush()
    return rows


def _rivers(db: Session, county_id: int, areas: list[Area]) -> list[Place]:
    """Add rivers of sixty vertices on a lattice, each in one township."""
    places = _added(db, [
        Place(county_id=county_id, layer="river", code=f"R{k}", name=f"河{k}", in_scheme=True)
        for k in range(SIDE * SIDE)
    ])  # fmt: skip
    along = np.linspace(0, APART_M - 60, 60)
    versions = []
    for k, place in enumerate(places):
        xy = np.column_stack([along, 25 * np.sin(along / 60)]) + np.array([k % SIDE, k // SIDE]) * APART_M
        line, length_m = measured(canonical(unproject(shapely.linestrings(xy + ORIGIN), CRS)), CRS)
        versions.append(
            PlaceVersion(
                county_id=county_id, place_id=place.id, number=1, line=from_shape(line, srid=4326),
                length_dm=round(length_m * 10),
            )
        )  # fmt: skip
    _added(db, versions)
    for place, version in zip(places, versions, strict=True):
        place.version_id = version.id
    _added(db, [
        PlaceArea(
            county_id=county_id, place_version_id=version.id, area_id=areas[_township(k)].id,
            spans=[Range(0, version.length_dm)],
        )
        for k, version in enumerate(versions)
    ])  # fmt: skip
    return places


def _cases(
    db: Session, county_id: int, places: list[Place], areas: list[Area], units: list[Unit],
    chance: random.Random,
) -> None:  # fmt: skip
    categories = [one for one in DEFAULT.rows if not one.is_kind]
    states = sorted(OPEN)
    rows = []
    for k in range(2 * CASES):
        at = chance.randrange(len(places))
        x_m, off_m = chance.uniform(0, APART_M - 60), chance.uniform(-30, 30)
        spot = np.array([at % SIDE, at // SIDE]) * APART_M + (x_m, off_m) + ORIGIN
        point = from_shape(unproject(shapely.points(spot), CRS), srid=4326)
        category, is_open = chance.choice(categories), k < CASES
        opened = NOW - dt.timedelta(hours=chance.uniform(1, 24 * (28 if is_open else 300)))
        due_at = NOW + dt.timedelta(hours=chance.uniform(-100, 300)) if is_open else None
        rows.append({
            "county_id": county_id, "number": f"2026-{k:06d}", "kind": category.kind,
            "category": category.code, "severity": category.severity.value,
            "words": "桥北岸边有三袋垃圾，已经好几天没有人收，请派人来看看", "point": point,
            "place_id": places[at].id, "at_dm": round(x_m * 10), "area_id": areas[_township(at)].id,
            "opened_at": opened, "since": opened, "due_at": due_at, "limit_s": 1.0,
            "state": chance.choice(states).value if is_open else "closed", "unit_id": chance.choice(units).id,
        })  # fmt: skip
    db.execute(insert(Case), rows)


if __name__ == "__main__":
    main()
