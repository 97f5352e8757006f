"""Windows from the roll-up against range_agg over the patrols' rows, and how the store grows, in one run.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_store [--patrols N] [--side N]

A lattice of streets of 500 m is the register, side x side of them each way (22: 968 lines). A year of patrols
covers it evenly, each ten lines on one day with two or three spans on each. The default is a fifth of what a
county of 2,819 volunteers walks in a year, on a fifth of the lines, so that a line has as many rows a day;
`--patrols 300000 --side 22` is all of it. Targets: a month at most 0.2 times range_agg over the rows, a year
at most 0.01 times; the work linear in patrols; one upload flat in the size of the register.
"""

import argparse
import datetime as dt
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from geo_service.bulk import copy_rows, new_ids
from geo_service.coverage import service as coverage
from geo_service.coverage import windows
from geo_service.db import make_engine, transaction
from geo_service.tables import County, Place, PlaceVersion
from layers import crs as crs_
from layers.lines import ewkb_m
from layers.tracks import Recording, Track, clean
from tests.benchmarks.bench_path import Measured, store_one
from tests.benchmarks.bench_upload import database
from tests.benchmarks.bench_window import least_ms

PATROLS, SIDE, ROUNDS = 60_000, 10, 5
SIDES = (7, 22, 70)
"""Of registers that grow tenfold: 98, 968, 9,800 lines, on as much more land."""
GROWTH = (1, 10, 100)
"""Of the patrols, up to all of them."""
CRS, ORIGIN, STREET_M = "EPSG:4549", np.array([480_000.0, 3_640_000.0]), 500.0
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2025, 12, 31)
Say = Callable[[str], None]

_PATROLS = text(
    "insert into patrol (county_id, id, day, started_at, ended_at, walked_m, fixes, settled_at, batches_due)"
    " select :county, ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, d, d, d, 1, 2, d, 1"
    " from (select n, cast(:first as date) + (random() * 364)::int d"
    "       from generate_series(cast(:low as int), cast(:high as int)) n) s"
)
_ROWS = text(
    "insert into line_coverage (county_id, place_version_id, day, patrol_id, spans)"
    " select :county, (cast(:versions as bigint[]))[1 + (h + k * 7) % :lines], p.day, p.id, range_agg(span)"
    " from (select id, day, abs(hashtext(id::text)) % 1000000 h from patrol where county_id = :county"
    "       and not exists (select from line_coverage c where c.patrol_id = patrol.id)) p,"
    " generate_series(0, 9) k, lateral ("
    "   select int4range(a, a + 200 + (random() * 800)::int) span"
    "   from (select (random() * 4000)::int a from generate_series(1, 2 + (h + k) % 2)) starts where k >= 0"
    " ) spans group by 2, 3, 4"
)
_ROLL_UP = (
    "truncate line_day, line_month",
    "insert into line_day select county_id, place_version_id, day, range_agg(spans) from line_coverage"
    " group by 1, 2, 3",
    "insert into line_month select county_id, place_version_id, date_trunc('month', day), range_agg(spans)"
    " from line_day group by 1, 2, 3",
    "analyze",
)
_BASE = text(
    "select place_version_id, range_agg(spans) from line_coverage"
    " where county_id = :county and day between :first and :last group by place_version_id"
)
WINDOWS = (
    ("a month (June)", dt.date(2025, 6, 1), dt.date(2025, 6, 30), 0.2),
    ("30 days across two months", dt.date(2025, 6, 16), dt.date(2025, 7, 15), 0.2),
    ("the last 30 days", dt.date(2025, 12, 2), LAST, 0.2),
    ("a year", FIRST, LAST, 0.01),
)
"""What is asked, its days, and what share of the base it may take."""


def rows(server: str, patrols: int = PATROLS, side: int = SIDE, say: Say = lambda _: None) -> list[Measured]:
    """Measure on a server and return the lines of the result."""
    found = _registers(server, say)
    with _county(server, side) as (engine, county_id, versions):
        for factor in GROWTH:
            count = patrols * factor // GROWTH[-1]
            say(f"{count:,} patrols on {len(versions):,} lines")
            _fill(engine, county_id, versions, count)
            found += _grown(engine, county_id, versions, count)
        found += _windows(engine, county_id, versions, say)
    return found


def _registers(server: str, say: Say) -> list[Measured]:
    """Return what one upload takes in registers of different size, which take turns."""
    with ExitStack() as stack:
        counties = [stack.enter_context(_county(server, side)) for side in SIDES]
        least = [float("inf")] * len(counties)
        for round_ in range(ROUNDS):
            say(f"uploads among ever more lines, round {round_ + 1} of {ROUNDS}")
            for k, (engine, _, _) in enumerate(counties):
                least[k] = min(least[k], _upload_ms(engine))
    return [
        Measured(f"one upload, {len(versions):,} lines", f"{ms:.1f} ms, {ms / least[0]:.2f} times the first")
        for ms, (_, _, versions) in zip(least, counties, strict=True)
    ]


@contextmanager
def _county(server: str, side: int) -> Iterator[tuple[Engine, int, list[int]]]:
    """Yield a county with a lattice of streets in a database of its own: engine, id, versions."""
    with database(server) as url:
        engine = make_engine(url)
        with transaction(engine) as db:
            county = County(code="bench", name="bench", time_zone="Asia/Shanghai", crs=CRS)
            db.add(county)
            db.flush()
            county_id, versions = county.id, _streets(db, county.id, side)
        with engine.begin() as connection:
            connection.execute(text("analyze"))
        yield engine, county_id, versions
        engine.dispose()


def _streets(db: Session, county_id: int, side: int) -> list[int]:
    corners = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    starts = np.concatenate([corners, corners]) * STREET_M
    steps = np.repeat([[STREET_M, 0.0], [0.0, STREET_M]], len(corners), axis=0)
    ends = crs_.to_lonlat(np.stack([starts, starts + steps], axis=1).reshape(-1, 2) + ORIGIN, CRS)
    m, part = np.array([0.0, STREET_M]), np.zeros(2, np.int64)
    lines = [ewkb_m(pair, m, part, srid=4326).hex() for pair in ends.reshape(-1, 2, 2)]
    places = [new_ids(db, table, len(lines)) for table in (Place, PlaceVersion)]
    both = list(zip(*places, lines, strict=True))
    columns = ("county_id", "id", "layer", "code", "in_scheme", "version_id")
    db.connection().exec_driver_sql("set constraints all deferred")
    copy_rows(db, Place, columns, [(county_id, p, "road", str(p), True, v) for p, v, _ in both])
    columns = ("county_id", "id", "place_id", "number", "line", "length_dm")
    copy_rows(
        db, PlaceVersion, columns, [(county_id, v, p, 1, line, int(STREET_M * 10)) for p, v, line in both]
    )
    return places[1]


def _fill(engine: Engine, county_id: int, versions: list[int], count: int) -> None:
    """Bring the patrols up to a number, and their roll-up with them."""
    with engine.begin() as connection:
        there = connection.scalar(text("select count(*) from patrol where voided_at is null")) or 0
        of = {"county": county_id, "first": FIRST, "low": there + 1, "high": count, "versions": versions,
              "lines": len(versions)}  # fmt: skip
        connection.execute(_PATROLS, of)
        connection.execute(_ROWS, of)
        for statement in _ROLL_UP:
            connection.exec_driver_sql(statement)


def _grown(engine: Engine, county_id: int, versions: list[int], count: int) -> list[Measured]:
    """Return what an upload, taking it back, a month and a byte cost at this number of patrols."""
    with engine.connect() as connection:
        size = connection.scalar(text("select pg_total_relation_size('line_coverage')")) or 0
    month_ms = _window_ms(engine, county_id, versions, *WINDOWS[1][1:3])
    figure = f"upload {_upload_ms(engine):.1f} ms, 30 days {month_ms:.1f} ms, {size / count / 10:.0f} B a row"
    return [Measured(f"{count:,} patrols, {len(versions):,} lines", figure)]


def _upload_ms(engine: Engine) -> float:
    """Return the milliseconds in which a walk of an hour is stored; it is taken back, untimed."""
    track = _walk()
    stored: list[uuid.UUID] = []

    def upload() -> None:
        stored.append(uuid.uuid4())
        with transaction(engine) as db:
            store_one(db, db.scalars(select(County)).one(), stored[-1], track)

    spent = least_ms(upload)
    with transaction(engine) as db:
        county_id = db.scalars(select(County)).one().id
        for patrol_id in stored:
            coverage.forget(db, county_id, patrol_id)
        db.execute(text("delete from patrol where id = any(:ids)"), {"ids": stored})
    return spent


def _walk() -> Track:
    """An hour along the southern streets, to and fro over a kilometre, a fix a second."""
    way_m = np.arange(3600) * 1.2 % 2000
    xy = np.column_stack([1000 - np.abs(way_m - 1000), np.full(3600, 4.0)]) + ORIGIN
    start_s = dt.datetime(2025, 6, 10, 1, tzinfo=dt.UTC).timestamp()
    return clean(Recording(start_s + np.arange(3600.0), crs_.to_lonlat(xy, CRS)), CRS)


def _windows(engine: Engine, county_id: int, versions: list[int], say: Say) -> list[Measured]:
    found = []
    for what, first, last, target in WINDOWS:
        say(what)
        with Session(engine) as db:
            asked: dict[str, Any] = {"county": county_id, "first": first, "last": last}
            base_ms = least_ms(lambda db=db, asked=asked: db.execute(_BASE, asked).all())
        spent = _window_ms(engine, county_id, versions, first, last)
        ratio = spent / base_ms
        figure = f"{spent:.1f} ms, base {base_ms:.1f} ms: {ratio:.4f}"
        found.append(Measured(what, figure, f"at most {target}", ratio <= target))
    return found


def _window_ms(engine: Engine, county_id: int, versions: list[int], first: dt.date, last: dt.date) -> float:
    index = {version_id: k for k, version_id in enumerate(versions)}
    with Session(engine) as db:
        return least_ms(lambda: windows.covered_spans(db, county_id, first, last, index))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The store: windows, and how it grows.")
    parser.add_argument("--patrols", type=int, default=PATROLS)
    parser.add_argument("--side", type=int, default=SIDE)
    asked = parser.parse_args()
    say = lambda what: print(what, file=sys.stderr)  # noqa: E731
    for row in rows(os.environ["GEO_DATABASE_URL"], asked.patrols, asked.side, say):
        print(row.told())


if __name__ == "__main__":
    main()
