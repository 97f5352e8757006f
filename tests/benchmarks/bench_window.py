"""A month's coverage and gaps of all places of the scheme, against the bare SQL that reads the roll-up.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_window

On a database with the demo county. Prints milliseconds (least of several) and ratios, for the demo's own
month and for one in which every line of the scheme was walked every day (filled in, and rolled back). The
target, at most 3 times, is for the full month: in the demo's thin one the register itself is more to read
than the roll-up.
"""

import datetime as dt
import os
import time
from collections.abc import Callable

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from geo_service.accounts import service as accounts
from geo_service.accounts.scope import Scope
from geo_service.coverage import answers, gaps
from geo_service.coverage.ground import Query
from geo_service.db import make_engine
from geo_service.tables import LineDay
from layers.vocabulary import GapKind

ROUNDS = 7
BARE = text(
    "select p.id, range_agg(d.spans), v.length_dm from place p join place_version v on v.id = p.version_id"
    " join line_day d on d.place_version_id = v.id"
    " where p.county_id = :county and p.in_scheme and d.day between :first and :last"
    " group by p.id, v.length_dm"
)
BARE_CELLS = text(
    "select p.id, d.block_x, d.block_y, bit_or(d.seen) from place p"
    " join cell_day d on d.place_version_id = p.version_id"
    " where p.county_id = :county and p.in_scheme and d.day between :first and :last"
    " group by p.id, d.block_x, d.block_y"
)


def least_ms(what: Callable[[], object]) -> float:
    """Return the least milliseconds of several rounds."""
    what()
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        what()
        spent.append((time.perf_counter() - began) * 1000)
    return min(spent)


FILL = text(
    "insert into line_day (county_id, place_version_id, day, spans)"
    " select p.county_id, v.id, d::date, ("
    "   select range_agg(int4range(a, a + v.length_dm / 12 + 1)) from ("
    "     select (random() * v.length_dm)::int a from generate_series(1, 4) where d is not null) s)"
    " from place p join place_version v on v.id = p.version_id,"
    " generate_series(cast(:first as date), cast(:last as date), interval '1 day') d"
    " where p.county_id = :county and p.in_scheme and v.length_dm is not null"
    " on conflict (place_version_id, day) do update set spans = line_day.spans + excluded.spans"
)
FILL_MONTHS = text(
    "insert into line_month (county_id, place_version_id, month, spans)"
    " select county_id, place_version_id, date_trunc('month', day), range_agg(spans) from line_day"
    " where county_id = :county group by 1, 2, 3"
    " on conflict (place_version_id, month) do update set spans = excluded.spans"
)


def measure(db: Session, scope: Scope, query: Query) -> None:
    """Print the milliseconds of the bare SQL, of coverage and of each kind of gap."""
    window = {"county": scope.county_id, "first": query.first_day, "last": query.last_day}
    bare = least_ms(lambda: (db.execute(BARE, window).all(), db.execute(BARE_CELLS, window).all()))
    print(f"bare SQL {bare:.1f} ms")
    covered = least_ms(lambda: answers.coverage(db, scope, query))
    print(f"coverage {covered:.1f} ms: {covered / bare:.1f} times")
    for kind in GapKind:
        spent = least_ms(lambda kind=kind: gaps.gaps(db, scope, query, kind))
        print(f"gaps {kind} {spent:.1f} ms: {spent / bare:.1f} times")


def main() -> None:
    """Measure and print."""
    with Session(make_engine(os.environ["GEO_DATABASE_URL"])) as db:
        scope = accounts.command_scope(db, None)
        last = db.scalar(select(func.max(LineDay.day)))
        query = Query(last - dt.timedelta(days=29), last)
        print("the demo's own month:")
        measure(db, scope, query)
        db.execute(FILL, {"county": scope.county_id, "first": query.first_day, "last": last})
        db.execute(FILL_MONTHS, {"county": scope.county_id})
        db.execute(text("analyze line_day, line_month"))
        print("a month in which every line was walked every day:")
        measure(db, scope, query)
        db.rollback()


if __name__ == "__main__":
    main()
