"""The morning of a county of 100,000 places, its figures, and what a second of live patrols costs.

    python -m tests.benchmarks.bench_morning

In the county of `tests.benchmarks.large` (3,000 stewards, 60 townships, 200,000 patrols in a year, 2,000 open
cases, 100 patrols under way of 90 minutes each). Prints milliseconds (least of several, in turn) and ratios:
the morning of the month and of the year to date, of the county and of one township, against the bare SQL that
reads and sums the patrols of its two periods; a second of live against the first look, which reads every way
from its beginning. Target: 2 s.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text
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

ROUNDS = 5
BARE = text(
    "select day, count(*), sum(people), sum(walked_m), sum(ended_at - started_at) from patrol"
    " where county_id = :county and day between :first and :last and verdict = 'counted'"
    " and voided_at is null and settled_at is not null and same_outing_as is null group by day"
)
BARE_THERE = text(
    "with there as (select distinct c.patrol_id from place_area a"
    " join line_coverage c on c.place_version_id = a.place_version_id"
    " where a.county_id = :county and a.area_id = :area and a.spans && c.spans"
    " and c.day between :first and :last)"
    " select day, count(*), sum(people), sum(walked_m), sum(ended_at - started_at) from patrol"
    " join there on there.patrol_id = patrol.id where verdict = 'counted'"
    " and voided_at is null and settled_at is not null and same_outing_as is null group by day"
)


def main() -> None:
    """Make the county, measure, print, and take it back."""
    with large.county() as (db, county):
        area_id = db.scalars(select(Area.id).where(Area.county_id == county.id).limit(1)).one()
        for name, areas in (("county", None), ("township", frozenset({area_id}))):
            scope = Scope(county.id, Actor(os_user="bench"), {Right.COORDINATOR: areas})
            for period in (Period.MONTH, Period.YEAR):
                _morning(db, f"{name}, {period}", scope, period, None if areas is None else area_id)
            _print(f"{name}, quiet", _quiet(db, scope))
        _live(db, county.id)


def _morning(db: Session, name: str, scope: Scope, period: Period, area_id: int | None) -> None:
    day = figures.usual_period(db, scope).last
    both = [so_far(day, period), same_time_before(day, period)]
    _print(
        name,
        {
            "bare SQL": lambda: [_bare(db, scope, days, area_id) for days in both],
            "figures twice": lambda: [_figures(db, scope, days) for days in both],
            "morning": lambda: service.morning(db, scope, None, period),
        },
    )


def _bare(db: Session, scope: Scope, days: Days, area_id: int | None) -> None:
    asked = {"county": scope.county_id, "first": days.first, "last": days.last}
    if area_id is None:
        db.execute(BARE, asked).all()
    else:
        db.execute(BARE_THERE, {**asked, "area": area_id}).all()


def _figures(db: Session, scope: Scope, days: Days) -> None:
    figures.figures(db, scope, figures.asked(db, scope, days.first, days.last))


def _quiet(db: Session, scope: Scope) -> dict[str, Callable[[], Any]]:
    day: dt.date = figures.usual_period(db, scope).last
    return {
        "people": lambda: quiet.people(db, scope, day, most=5),
        "places": lambda: quiet.places(db, scope, day, most=5),
    }


def _live(db: Session, county_id: int) -> None:
    kept = Walks(home_cut_m=200.0)
    live.ask(db, kept, [county_id], [])
    _print(
        "live",
        {
            "first look": lambda: live.ask(db, Walks(home_cut_m=200.0), [county_id], []),
            "a second": lambda: live.ask(db, kept, [county_id], []),
        },
    )


def _print(name: str, acts: dict[str, Callable[[], Any]]) -> None:
    least = dict.fromkeys(acts, float("inf"))
    for _ in range(ROUNDS):
        for what, act in acts.items():
            began = time.perf_counter()
            act()
            least[what] = min(least[what], time.perf_counter() - began)
    first = next(iter(least.values()))
    for what, seconds in least.items():
        print(f"{name:17} {what:14} {seconds * 1e3:9.1f} ms   {seconds / first:6.2f} times", flush=True)


if __name__ == "__main__":
    main()
