"""The morning of a county of 100,000 places, its figures, and what a second of live patrols costs.

    python -m tests.benchmarks.bench_morning

In the county of `tests.benchmarks.large` (3,000 stewards, 60 townships, 200,000 patrols in a year, 2,000 open
cases, 100 patrols under way of 90 minutes each). Prints milliseconds (least of several, in turn) and ratios:
the morning of the month and of the year to date, of the county and of one township, against the bare SQL that
reads and sums the patrols of its two periods; a second of live against the first look, which reads every way
from its beginning. Target: 2 s.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.figures import service as figures
from geo_service.live import service as live
from geo_service.live.walks import Walks
from geo_service.morning import quiet, service
from geo_service.tables import Area
from layers.periods import Days, same_time_before, so_far
from layers.vocabulary import Period, Right
from tests.benchmarks import large
from tests.benchmarks.running import Run
from tests.benchmarks.table import Row, text

ROUNDS, TARGET_S = 5, 2.0
Acts = Mapping[str, Callable[[], Any]]
BARE = sql(
    "select day, count(*), sum(people), sum(walked_m), sum(ended_at - started_at) from patrol"
    " where county_id = :county and day between :first and :last and verdict = 'counted'"
    " and voided_at is null and settled_at is not null and same_outing_as is null group by day"
)
BARE_THERE = sql(
    "with there as (select distinct c.patrol_id from place_area a"
    " join line_coverage c on c.place_version_id = a.place_version_id"
    " where a.county_id = :county and a.area_id = :area and a.spans && c.spans"
    " and c.day between :first and :last)"
    " select day, count(*), sum(people), sum(walked_m), sum(ended_at - started_at) from patrol"
    " join there on there.patrol_id = patrol.id where verdict = 'counted'"
    " and voided_at is null and settled_at is not null and same_outing_as is null group by day"
)


def main() -> None:
    """Measure and print."""
    print(text(list(measured(ROUNDS))))


def rows(run: Run) -> Iterator[Row]:
    """Yield the lines of the table."""
    return measured(run.repeats)


def measured(rounds: int) -> Iterator[Row]:
    """Make the county, measure, and take it back."""
    with large.county() as (db, county):
        area_id = db.scalars(select(Area.id).where(Area.county_id == county.id).limit(1)).one()
        for name, areas in (("county", None), ("township", frozenset({area_id}))):
            scope = Scope(county.id, Actor(os_user="bench"), {Right.COORDINATOR: areas})
            for period in (Period.MONTH, Period.YEAR):
                acts = _morning(db, scope, period, None if areas is None else area_id)
                yield from _rows(f"morning, {name}, {period}", acts, rounds, TARGET_S)
            yield from _rows(f"quiet, {name}", _quiet(db, scope), rounds)
        yield from _rows("live", _live(db, county.id), rounds)


def _morning(db: Session, scope: Scope, period: Period, area_id: int | None) -> Acts:
    day = figures.usual_period(db, scope).last
    both = [so_far(day, period), same_time_before(day, period)]
    return {
        "bare SQL": lambda: [_bare(db, scope, days, area_id) for days in both],
        "figures twice": lambda: [_figures(db, scope, days) for days in both],
        "all": lambda: service.morning(db, scope, None, period),
    }


def _bare(db: Session, scope: Scope, days: Days, area_id: int | None) -> None:
    asked = {"county": scope.county_id, "first": days.first, "last": days.last}
    if area_id is None:
        db.execute(BARE, asked).all()
    else:
        db.execute(BARE_THERE, {**asked, "area": area_id}).all()


def _figures(db: Session, scope: Scope, days: Days) -> None:
    figures.figures(db, scope, figures.asked(db, scope, days.first, days.last))


def _quiet(db: Session, scope: Scope) -> Acts:
    day: dt.date = figures.usual_period(db, scope).last
    return {
        "people": lambda: quiet.people(db, scope, day, most=5),
        "places": lambda: quiet.places(db, scope, day, most=5),
    }


def _live(db: Session, county_id: int) -> Acts:
    kept = Walks(home_cut_m=200.0)
    live.ask(db, kept, [county_id], [])
    return {
        "first look": lambda: live.ask(db, Walks(home_cut_m=200.0), [county_id], []),
        "a second": lambda: live.ask(db, kept, [county_id], []),
    }


def _rows(name: str, acts: Acts, rounds: int, target_s: float | None = None) -> Iterator[Row]:
    """Yield a line for each act with how many times the first it takes; the last has the target."""
    spent = dict(zip(acts, large.in_turn(acts.values(), rounds), strict=True))
    first, *_, last = acts
    for what, seconds in spent.items():
        figure = f"{seconds * 1e3:.1f} ms" + (
            f", {seconds / spent[first]:.2f} times" if what != first else ""
        )
        aim = target_s if what == last else None
        yield Row(
            f"{name}: {what}", figure=figure, target="" if aim is None else f"≤ {aim:g} s",
            met=None if aim is None else seconds <= aim,
        )  # fmt: skip


if __name__ == "__main__":
    main()
