"""What a coordinator wants to know in the morning: gathered for his areas, a day and a period.

Every number comes from where the other pages have theirs: figures from `figures`, what is due from `norms`,
gaps from `coverage`, cases from the board. Lists are short; what they leave out is counted.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas_service
from geo_service.cases import board
from geo_service.clock import today_in, zone_in
from geo_service.devices import service as devices
from geo_service.errors import Invalid
from geo_service.figures import service as figures
from geo_service.figures.service import Asked, FigureTable
from geo_service.morning import queries, quiet
from geo_service.morning.quiet import QuietPeople, QuietPlaces
from geo_service.norms import due
from geo_service.norms.due import DueRow
from geo_service.norms.service import in_force
from geo_service.notices import service as notices
from geo_service.patrols import reviews
from geo_service.tables import County
from layers.dues import State
from layers.figures import Code, Counted
from layers.periods import DAY, Days, days_up_to, same_time_before, so_far
from layers.vocabulary import Period, Right, Verdict

LISTED = 5
"""Lines of each list: with the figures and charts they fill one A4."""
SOON_DAYS = 7
"""What is due within a week is due soon."""
EARLIEST = dt.date(2000, 1, 1)


@dataclass(frozen=True)
class Compared:
    """A figure of the period so far, and of the same time of the period before."""

    now: Counted
    before: Counted

    @property
    def definition(self) -> str:
        """What it counts."""
        return self.now.figure.definition

    @property
    def change(self) -> float | None:
        """By how much it is more; None where one of the two is not known."""
        if self.now.value is None or self.before.value is None:
            return None
        return self.now.figure.stepped(self.now.value) - self.before.figure.stepped(self.before.value)


@dataclass(frozen=True)
class NewPatrol:
    """A patrol that is new."""

    id: uuid.UUID
    person_id: uuid.UUID | None
    person: str | None
    started_at: dt.datetime
    """In the county's zone."""
    walked_m: float
    verdict: Verdict


@dataclass(frozen=True)
class NewPerson:
    """Somebody who was entered."""

    id: uuid.UUID
    name: str
    area: str | None


@dataclass(frozen=True)
class New:
    """What is new since yesterday began."""

    days: Days
    patrols: int
    services: int
    cases: int
    people: int
    latest: Sequence[NewPatrol]
    entered: Sequence[NewPerson]


@dataclass(frozen=True)
class DueSum:
    """What is due under the norms in force; no norm: nothing is, and no rate is told."""

    window: Days
    norms: Sequence[str]
    soon: int
    late: int
    """Periods of the window that were not met: as many as the page 应巡与实巡 counts."""
    soon_rows: Sequence[DueRow]
    late_rows: Sequence[DueRow]


@dataclass(frozen=True)
class Morning:
    """One page of everything."""

    county: str
    area: str | None
    """The one area that holds all of it; None: the county, or several."""
    area_code: str | None
    """The one that was asked for."""
    day: dt.date
    period: Period
    days: Days
    before: Days
    figures: Sequence[Compared]
    by_day: Sequence[tuple[int, int]]
    """For each day of the period so far, what X5 counts; and of the same day of the period before."""
    waiting: int
    """Patrols and services of the period that wait for review; told for the whole county only."""
    to_review: int
    """Patrols, of whatever day, that wait for a decision."""
    phones: int
    """That wait to be admitted."""
    alerts: int
    new: New
    due: DueSum
    people: QuietPeople
    places: QuietPlaces
    cases: board.Ages
    made_up: bool


def morning(
    db: Session,
    scope: Scope,
    day: dt.date | None = None,
    period: Period = Period.MONTH,
    area: str | None = None,
) -> Morning:
    """Gather the morning of a day (None: today) for the areas that the scope coordinates, or one of them.

    Of a day that is past, figures and what is new are told as of then; what is due, late or open as it
    stands now. Raises Forbidden, NotFound (the area), Invalid (the day).
    """
    scope.demand(*CHANGE)
    there = _narrowed(db, scope, area)
    day = _day(db, scope, day)
    days, before = so_far(day, period), same_time_before(day, period)
    asked, earlier = (figures.asked(db, there, one.first, one.last) for one in (days, before))
    now, then = (figures.figures(db, there, one) for one in (asked, earlier))
    county = db.get_one(County, scope.county_id)
    return Morning(
        county=county.name,
        area=_name(db, there, area, asked),
        area_code=area,
        day=day,
        period=period,
        days=days,
        before=before,
        figures=[Compared(now.figures[code], then.figures[code]) for code in Code],
        by_day=_by_day(now, then),
        waiting=now.waiting,
        to_review=reviews.how_many_wait(db, replace(there, person_id=scope.person_id)),
        phones=len(devices.waiting(db, there)),
        alerts=notices.count(db, there)[0],
        new=_new(db, there, day),
        due=_due(db, there, day),
        people=quiet.people(db, there, day, most=LISTED),
        places=quiet.places(db, there, day, most=LISTED),
        cases=board.ages(db, there, most=LISTED),
        made_up=county.made_up,
    )


def _narrowed(db: Session, scope: Scope, area: str | None) -> Scope:
    """Return the scope of a coordinator of the areas, and of nothing else that the account may do."""
    areas = scope.areas(*CHANGE)
    if area is not None:
        root = areas_service.area_id_of(db, scope, area)
        below = areas_service.descendants(db, scope.county_id, [root])
        areas = below if areas is None else below & areas
        if not areas:
            raise areas_service.no_area()
    return replace(scope, rights={Right.COORDINATOR: areas}, person_id=None)


def _name(db: Session, there: Scope, area: str | None, asked: Asked) -> str | None:
    if area is None:
        return asked.area_name
    root = areas_service.area_id_of(db, there, area)
    return next(one.name for one in areas_service.seen_areas(db, there) if one.id == root)


def _day(db: Session, scope: Scope, day: dt.date | None) -> dt.date:
    """Return the day; of a made-up county the last on which anything happened. Raises Invalid."""
    today = today_in(db, scope.county_id)
    if day is None:
        return figures.usual_period(db, scope).last
    if not EARLIEST <= day <= today:
        raise Invalid(f"请选 {EARLIEST} 到今天（{today}）之间的日期。")
    return day


def _by_day(now: FigureTable, then: FigureTable) -> list[tuple[int, int]]:
    """Return the sessions of each day, and of the day as far into the period before."""
    first, before = now.asked.period.first, then.asked.period.first
    count = max((now.asked.period.last - first).days + 1, (then.asked.period.last - before).days + 1)
    return [(now.by_day.get(first + k * DAY, 0), then.by_day.get(before + k * DAY, 0)) for k in range(count)]


def _new(db: Session, there: Scope, day: dt.date) -> New:
    zone = zone_in(db, there.county_id)
    days = Days(day - DAY, day)
    since, until = (dt.datetime.combine(at, dt.time(), zone) for at in (days.first, day + DAY))
    patrols, services, cases, people = queries.new_counts(db, there, days, since, until)
    latest = [
        NewPatrol(id_, person_id, name, at.astimezone(zone), walked_m, Verdict(verdict))
        for id_, person_id, name, at, walked_m, verdict in queries.new_patrols(db, there, days, limit=LISTED)
    ]
    entered = [NewPerson(*row) for row in queries.new_people(db, there, since, until, limit=LISTED)]
    return New(days, patrols, services, cases, people, latest, entered)


def _due(db: Session, there: Scope, day: dt.date) -> DueSum:
    window = days_up_to(day, due.WINDOW_DAYS)
    norms = in_force(db, there.county_id, window)
    table = due.told(db, there, norms, window)
    soon = [
        row
        for row in table.rows
        if row.due.state is State.DUE and row.due.missing and row.due.period.last <= day + SOON_DAYS * DAY
    ]
    late = [row for row in table.rows if row.due.state is State.LATE]
    soon.sort(key=lambda row: (row.due.period.last, -row.due.missing, row.subject.name))
    late.sort(key=lambda row: (-row.due.period.last.toordinal(), -row.due.missing, row.subject.name))
    names = [norm.name for norm in norms]
    return DueSum(window, names, len(soon), len(late), soon[:LISTED], late[:LISTED])


def change_words(values: Compared) -> str:
    """Return how a figure stands to the same time before, in words; empty where it cannot be told."""
    change = values.change
    if change is None:
        return ""
    if change == 0:
        return "持平"
    return f"{'多' if change > 0 else '少'} {values.now.figure.exactly(abs(change))}"
