"""The SQL of counting: the figures of a county, or of some of its areas, and the rows behind them."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    Float,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    text,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.counting import came_to, covered_spans, judged
from geo_service.tables import (
    AreaVisit,
    Case,
    Companion,
    County,
    Duty,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Report,
    Service,
    ServicePerson,
)
from layers.figures import FIGURES, Behind, Code
from layers.vocabulary import BY_VOLUNTEERS, CaseState, DutyKind, Role, ServiceKind, Verdict

Condition = ColumnElement[bool]
Statement = Any
"""A select, or a union of some."""


@dataclass(frozen=True)
class Over:
    """What is counted over: a county or some of its areas, and a period with its last day."""

    county_id: int
    first: dt.date
    last: dt.date
    areas: frozenset[int] | None = None
    """With all areas below them; None: the whole county."""


@dataclass(frozen=True)
class DaySums:
    """What the outings that began on one day come to."""

    day: dt.date
    sessions: int
    """Patrols and grid services: what X5 counts."""
    outings: int
    patrols: int
    people: int
    hours: float
    """Of all who took part."""
    walked_m: float


def plan_each(db: Session) -> None:
    """Let each query of the transaction be planned for its own days and areas.

    A plan that serves all of them, as of a statement that a connection has prepared, takes ten times as long.
    """
    db.execute(text("set local plan_cache_mode = force_custom_plan"))


# --- who holds what


_COMPOUND = Duty.role == Role.COMPOUND_STEWARD
_HELD: Mapping[Code, tuple[Any, Condition]] = {
    Code.X1: (Duty.person_id, ~_COMPOUND),
    Code.X2: (Duty.place_id, Duty.role == Role.RIVER_STEWARD),
    Code.X3: (Duty.place_id, Duty.role == Role.ROAD_STEWARD),
    Code.X4: (Duty.place_id, Duty.role == Role.GRID_STEWARD),
    Code.X7: (Duty.person_id, _COMPOUND),
    Code.X8: (Duty.place_id, _COMPOUND),
}
"""What is counted of the duties in force on the last day, each once, and of which duties."""


def held(db: Session, over: Over) -> dict[Code, int]:
    """Return the figures of the last day: how many people and places there are."""
    numbers = [func.count(key.distinct()).filter(which) for key, which in _HELD.values()]
    return dict(zip(_HELD, db.execute(select(*numbers).where(_duties(over))).one(), strict=True))


def _duties(over: Over) -> Condition:
    mine = and_(
        Duty.county_id == over.county_id,
        Duty.kind == DutyKind.VOLUNTEER,
        Duty.in_force.contains(over.last),
    )
    return mine if over.areas is None else Duty.id.in_(_in(over.areas, _duty_areas(over.county_id, mine)))


def _duty_areas(county_id: int, mine: Condition) -> Statement:
    """Return the query of (duty, area): where its part of the place lies, or its place is listed."""
    mapped = (
        select(Duty.id, PlaceArea.area_id)
        .join(Place, Place.id == Duty.place_id)
        .join(PlaceArea, PlaceArea.place_version_id == Place.version_id)
        .where(mine, PlaceArea.county_id == county_id, _meet(Duty.spans))
    )
    listed = (
        select(Duty.id, Place.area_id)
        .join(Place, Place.id == Duty.place_id)
        .where(mine, Place.area_id.is_not(None), _unmapped(Place.version_id))
    )
    return union(mapped, listed)


# --- what was done


def by_day(db: Session, over: Over) -> tuple[list[DaySums], int]:
    """Return what was done on each day, without the idle ones, and how many took part who are still known."""
    done = _outings(over)
    people = select(func.count()).select_from(_took_part(done).subquery()).scalar_subquery()
    sums = select(
        done.c.day,
        func.count().filter(_of(Code.X5, done)),
        func.count(),
        func.count().filter(_of(Code.A4, done)),
        func.sum(done.c.people),
        func.sum(done.c.people * done.c.hours),
        func.sum(done.c.walked_m),
        people,
    )
    rows = db.execute(sums.group_by(done.c.day).order_by(done.c.day)).all()
    return [DaySums(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


def _outings(over: Over) -> CTE:
    """Return the patrols and services that count; `service` is null for a patrol."""
    hours = cast(func.extract("epoch", Patrol.ended_at - Patrol.started_at), Float) / 3600
    patrols = select(
        Patrol.id, null().label("service"), Patrol.person_id, Patrol.people, hours.label("hours"),
        Patrol.walked_m, Patrol.day,
    ).where(_patrols(over))  # fmt: skip
    services = select(
        Service.id, Service.kind, null(), Service.people, Service.hours, literal(0.0), Service.day
    ).where(_services(over))
    return union_all(patrols, services).cte("outing")


def _of(code: Code, done: CTE) -> Condition:
    """Return the condition for the outings that a figure counts."""
    if code is Code.X5:
        return or_(done.c.service.is_(None), done.c.service == ServiceKind.GRID_SERVICE)
    return done.c.service.is_(None) if code is Code.A4 else true()


def _took_part(done: CTE) -> Select[Any]:
    who = union(
        select(done.c.person_id),
        select(Companion.person_id).join(done, done.c.id == Companion.patrol_id),
        select(ServicePerson.person_id).join(done, done.c.id == ServicePerson.service_id),
    ).subquery()
    return select(Person.id).where(Person.id.in_(select(who.c.person_id)), Person.deleted_at.is_(None))


def _patrols(over: Over) -> Condition:
    mine = and_(
        Patrol.county_id == over.county_id,
        Patrol.day.between(over.first, over.last),
        judged(Verdict.COUNTED),
        Patrol.same_outing_as.is_(None),
    )
    if over.areas is None:
        return mine
    lives = _lives(over.areas)
    walked = select(Patrol.id).join(Person, Person.id == Patrol.person_id).where(mine, lives)
    along = (
        select(Companion.patrol_id)
        .join(Person, Person.id == Companion.person_id)
        .where(Companion.county_id == over.county_id, lives)
    )
    near = and_(mine, Patrol.id.in_(_ids(union(walked, along))))
    return _here(over, Patrol, _patrol_areas, mine, near)


def _patrol_areas(county_id: int, mine: Condition) -> Statement:
    """Return the query of (patrol, area): where what it covered lies, or its place is listed."""
    line = (
        select(Patrol.id, PlaceArea.area_id)
        .join(LineCoverage, LineCoverage.patrol_id == Patrol.id)
        .join(PlaceArea, PlaceArea.place_version_id == LineCoverage.place_version_id)
        .where(mine, PlaceArea.county_id == county_id, came_to(LineCoverage), _meet(covered_spans()))
    )
    visit = (
        select(Patrol.id, PlaceArea.area_id)
        .join(AreaVisit, AreaVisit.patrol_id == Patrol.id)
        .join(PlaceArea, PlaceArea.place_version_id == AreaVisit.place_version_id)
        .where(mine, PlaceArea.county_id == county_id)
    )
    listed = [
        select(Patrol.id, Place.area_id)
        .join(table, table.patrol_id == Patrol.id)
        .join(PlaceVersion, PlaceVersion.id == table.place_version_id)
        .join(Place, Place.id == PlaceVersion.place_id)
        .where(mine, came_to(table), Place.area_id.is_not(None), _unmapped(PlaceVersion.id))
        for table in (LineCoverage, AreaVisit)
    ]
    return union(line, visit, *listed)


def _services(over: Over) -> Condition:
    mine = and_(
        Service.county_id == over.county_id,
        Service.day.between(over.first, over.last),
        judged(Verdict.COUNTED, Service),
    )
    if over.areas is None:
        return mine
    took_part = (
        select(ServicePerson.service_id)
        .join(Person, Person.id == ServicePerson.person_id)
        .where(ServicePerson.county_id == over.county_id, _lives(over.areas))
    )
    near = and_(mine, Service.id.in_(took_part))
    return _here(over, Service, _service_areas, mine, near)


def _service_areas(county_id: int, mine: Condition) -> Statement:
    """Return the query of (service, area): its area, or where its place lies or is listed."""
    stated = select(Service.id, Service.area_id).where(mine, Service.area_id.is_not(None))
    only_place = and_(mine, Service.area_id.is_(None))
    mapped = (
        select(Service.id, PlaceArea.area_id)
        .join(Place, Place.id == Service.place_id)
        .join(PlaceArea, PlaceArea.place_version_id == Place.version_id)
        .where(only_place, PlaceArea.county_id == county_id)
    )
    listed = (
        select(Service.id, Place.area_id)
        .join(Place, Place.id == Service.place_id)
        .where(only_place, Place.area_id.is_not(None), _unmapped(Place.version_id))
    )
    return union(stated, mapped, listed)


# --- what was solved


def closed_by_day(db: Session, over: Over) -> dict[dt.date, int]:
    """Return how many cases that a volunteer told of were closed on which day."""
    day = _closed_on(over.county_id)
    return dict(db.execute(select(day, func.count()).where(_closed(over)).group_by(day)).all())


def _closed(over: Over) -> Condition:
    told = (
        select(func.coalesce(Case.into_id, Case.id))
        .join(Report, Report.case_id == Case.id)
        .where(Report.county_id == over.county_id, Report.channel.in_(BY_VOLUNTEERS))
    )
    return and_(
        Case.county_id == over.county_id,
        Case.state == CaseState.CLOSED,
        _closed_on(over.county_id).between(over.first, over.last),
        Case.id.in_(told.correlate(None)),
        true() if over.areas is None else among(Case.area_id, over.areas),
    )


def _closed_on(county_id: int) -> ColumnElement[dt.date]:
    zone = select(County.time_zone).where(County.id == county_id).scalar_subquery()
    return cast(func.timezone(zone, Case.closed_at), Date)


# --- the rows behind


def ids(db: Session, over: Over, code: Code) -> list[str]:
    """Return the rows that a figure counts, each "kind/id", in order; entries by hand are not among them."""
    behind = FIGURES[code].behind
    if code in _HELD:
        key, which = _HELD[code]
        found: Statement = select(literal(behind.value), key).distinct().where(_duties(over), which)
    elif behind is Behind.PROBLEM:
        found = select(literal("case"), Case.id).where(_closed(over))
    else:
        done = _outings(over)
        kind = case((done.c.service.is_(None), "patrol"), else_="service")
        found = select(kind, done.c.id).where(_of(code, done))
        if behind is Behind.PERSON:
            found = select(literal(behind.value), _took_part(done).subquery().c.id)
    return sorted(f"{kind_}/{id_}" for kind_, id_ in db.execute(found))


# --- where


def _here(
    over: Over,
    table: type[Patrol] | type[Service],
    areas_of: Callable[[int, Condition], Statement],
    mine: Condition,
    near: Condition,
) -> Condition:
    """Return the condition for outings of the areas: those there, and those nowhere of who lives there.

    `near` is `mine` of who lives there.
    """
    there = _in(over.areas or (), areas_of(over.county_id, mine))
    nowhere = select(table.id).where(near, table.id.not_in(_ids(areas_of(over.county_id, near))))
    return table.id.in_(_ids(union(there, nowhere)))


def _in(areas: Collection[int], pairs: Statement) -> Select[Any]:
    """Return the ids of a query of (id, area) that are in some areas."""
    found = pairs.subquery()
    return select(found.c.id).where(among(found.c.area_id, areas))


def _ids(found: Statement) -> Select[Any]:
    """Return a query's ids as a query that stands for itself, whatever is around it."""
    return select(found.subquery().c[0])


def _lives(areas: Collection[int]) -> Condition:
    return and_(Person.deleted_at.is_(None), among(Person.area_id, areas))


def _meet(spans: Any) -> Condition:
    """Return the condition that spans have something in that part of the place; null is all of it."""
    return or_(PlaceArea.spans.is_(None), spans.is_(None), PlaceArea.spans.overlaps(spans))


def _unmapped(version_id: Any) -> Condition:
    return ~select(PlaceArea.area_id).where(PlaceArea.place_version_id == version_id).exists()
