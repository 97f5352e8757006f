"""A month's coverage and gaps of all places of the scheme, against the bare SQL that reads the roll-up.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_window

On a database with the demo county. Prints milliseconds (least of several) and ratios (target: at most 3).
"""

import datetime as dt
import os
import time
from collections.abc import Callable

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from geo_service.accounts import service as accounts
from geo_service.coverage import answers, gaps
from geo_service.coverage.ground import Query
from geo_service.db import make_engine
from geo_service.tables import CellDay, LineDay
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


def main() -> None:
    """Measure and print."""
    with Session(make_engine(os.environ["GEO_DATABASE_URL"])) as db:
        scope = accounts.command_scope(db, None)
        last = db.scalar(
            select(func.greatest(func.max(LineDay.day), select(func.max(CellDay.day)).scalar_subquery()))
        )
        first = last - dt.timedelta(days=29)
        query = Query(first, last)
        window = {"county": scope.county_id, "first": first, "last": last}
        bare = least_ms(lambda: (db.execute(BARE, window).all(), db.execute(BARE_CELLS, window).all()))
        print(f"bare SQL {bare:.1f} ms")
        covered = least_ms(lambda: answers.coverage(db, scope, query))
        print(f"coverage {covered:.1f} ms: {covered / bare:.1f} times")
        for kind in GapKind:
            spent = least_ms(lambda kind=kind: gaps.gaps(db, scope, query, kind))
            print(f"gaps {kind} {spent:.1f} ms: {spent / bare:.1f} times")


if __name__ == "__main__":
    main()
