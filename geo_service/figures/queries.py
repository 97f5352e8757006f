"""The SQL of figures: the facts they are counted over, entries by hand, issued reports."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, cast, func, or_, select, union, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.counting import came_to, covered_spans, judged
from geo_service.tables import (
    Account,
    Area,
    AreaVisit,
    Case,
    Companion,
    County,
    Duty,
    FigureEntry,
    IssuedReport,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Report,
    Service,
    ServicePerson,
    StoredFile,
)
from layers.figures import Code, Entry, Outing, Problem, Term
from layers.vocabulary import BY_VOLUNTEERS, CaseState, DutyKind, Role, ServiceKind, Verdict

Condition = ColumnElement[bool]
Statement = Any
"""A select, or a union of some."""


@dataclass(frozen=True)
class Facts:
    """What the figures of a county, a day and a period are counted over."""

    terms: Sequence[Term]
    outings: Sequence[Outing]
    problems: Sequence[Problem]


def facts(db: Session, county_id: int, first: dt.date, last: dt.date, *, by_area: bool) -> Facts:
    """Return the duties in force on the last day, and what counts in the period; the entries are not in it.

    With `by_area` each fact knows the areas it belongs to, and all above them.
    """
    return Facts(
        _terms(db, county_id, last, by_area=by_area),
        [
            *_patrols(db, county_id, first, last, by_area=by_area),
            *_services(db, county_id, first, last, by_area=by_area),
        ],
        _problems(db, county_id, first, last, by_area=by_area),
    )


def _terms(db: Session, county_id: int, day: dt.date, *, by_area: bool) -> list[Term]:
    mine = and_(Duty.county_id == county_id, Duty.kind == DutyKind.VOLUNTEER, Duty.in_force.contains(day))
    lying = _areas_of(db, county_id, _duty_areas(county_id, mine)) if by_area else {}
    rows = db.execute(select(Duty.id, Duty.person_id, Duty.place_id, Duty.role).where(mine))
    return [
        Term(f"person/{person}", f"place/{place}", Role(role), lying.get(id_, frozenset()))
        for id_, person, place, role in rows
    ]


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


def _problems(db: Session, county_id: int, first: dt.date, last: dt.date, *, by_area: bool) -> list[Problem]:
    zone = select(County.time_zone).where(County.id == county_id).scalar_subquery()
    told = (
        select(func.coalesce(Case.into_id, Case.id))
        .join(Report, Report.case_id == Case.id)
        .where(Report.county_id == county_id, Report.channel.in_(BY_VOLUNTEERS))
    )
    mine = and_(
        Case.county_id == county_id,
        Case.state == CaseState.CLOSED,
        cast(func.timezone(zone, Case.closed_at), Date).between(first, last),
        Case.id.in_(told.correlate(None)),
    )
    lying = {}
    if by_area:
        lying = _areas_of(db, county_id, select(Case.id, Case.area_id).where(mine, Case.area_id.is_not(None)))
    ids = db.scalars(select(Case.id).where(mine))
    return [Problem(f"case/{id_}", lying.get(id_, frozenset())) for id_ in ids]


def _patrols(db: Session, county_id: int, first: dt.date, last: dt.date, *, by_area: bool) -> list[Outing]:
    mine = and_(
        Patrol.county_id == county_id,
        Patrol.day.between(first, last),
        judged(Verdict.COUNTED),
        Patrol.same_outing_as.is_(None),
    )
    lying = _areas_of(db, county_id, _patrol_areas(county_id, mine)) if by_area else {}
    who = _people_of(
        db,
        select(Patrol.id, Person.id, Person.area_id).join(Person, Person.id == Patrol.person_id).where(mine),
        select(Patrol.id, Person.id, Person.area_id)
        .join(Companion, Companion.patrol_id == Patrol.id)
        .join(Person, Person.id == Companion.person_id)
        .where(mine),
    )
    homes = _with_above(db, county_id) if by_area else {}
    seconds = func.extract("epoch", Patrol.ended_at - Patrol.started_at)
    rows = db.execute(select(Patrol.id, Patrol.people, Patrol.walked_m, seconds, Patrol.day).where(mine))
    return [
        Outing(
            f"patrol/{id_}",
            None,
            people,
            float(lasted_s) / 3600,
            who.persons(id_),
            walked_m,
            lying.get(id_) or who.home(id_, homes),
            day,
        )
        for id_, people, walked_m, lasted_s, day in rows
    ]


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


def _services(db: Session, county_id: int, first: dt.date, last: dt.date, *, by_area: bool) -> list[Outing]:
    mine = and_(
        Service.county_id == county_id,
        Service.day.between(first, last),
        judged(Verdict.COUNTED, Service),
    )
    lying = _areas_of(db, county_id, _service_areas(county_id, mine)) if by_area else {}
    who = _people_of(
        db,
        select(Service.id, Person.id, Person.area_id)
        .join(ServicePerson, ServicePerson.service_id == Service.id)
        .join(Person, Person.id == ServicePerson.person_id)
        .where(mine),
    )
    homes = _with_above(db, county_id) if by_area else {}
    rows = db.execute(
        select(Service.id, Service.kind, Service.people, Service.hours, Service.day).where(mine)
    )
    return [
        Outing(
            f"service/{id_}",
            ServiceKind(kind),
            people,
            hours,
            who.persons(id_),
            0.0,
            lying.get(id_) or who.home(id_, homes),
            day,
        )
        for id_, kind, people, hours, day in rows
    ]


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


@dataclass(frozen=True)
class _Who:
    """Who took part in each outing and is still known, with where they live."""

    people: Mapping[uuid.UUID, Mapping[uuid.UUID, int | None]]

    def persons(self, outing: uuid.UUID) -> list[str]:
        return [f"person/{person}" for person in self.people.get(outing, {})]

    def home(self, outing: uuid.UUID, above: Mapping[int, frozenset[int]]) -> frozenset[int]:
        homes = self.people.get(outing, {}).values()
        return frozenset().union(*(above[home] for home in homes if home is not None and home in above))


def _people_of(db: Session, *queries: Statement) -> _Who:
    people: dict[uuid.UUID, dict[uuid.UUID, int | None]] = defaultdict(dict)
    for query in queries:
        for outing, person, home in db.execute(query.where(Person.deleted_at.is_(None))):
            people[outing][person] = home
    return _Who(people)


def _meet(spans: Any) -> Condition:
    """Return the condition that spans have something in that part of the place; null is all of it."""
    return or_(PlaceArea.spans.is_(None), spans.is_(None), PlaceArea.spans.overlaps(spans))


def _unmapped(version_id: Any) -> Condition:
    return ~select(PlaceArea.area_id).where(PlaceArea.place_version_id == version_id).exists()


def _areas_of(db: Session, county_id: int, pairs: Statement) -> dict[Any, frozenset[int]]:
    """Return for each id of (id, area) its areas with all above them."""
    above = _with_above(db, county_id)
    found: dict[Any, set[int]] = defaultdict(set)
    for id_, area_id in db.execute(pairs):
        found[id_].add(area_id)
    shared = {frozenset(own) for own in found.values()}  # thousands lie in the same few areas
    widened = {own: frozenset().union(*(above[area_id] for area_id in own)) for own in shared}
    return {id_: widened[frozenset(own)] for id_, own in found.items()}


def _with_above(db: Session, county_id: int) -> dict[int, frozenset[int]]:
    rows = db.execute(select(Area.id, Area.parent_id).where(Area.county_id == county_id))
    parent = {row.id: row.parent_id for row in rows}
    found = {}
    for id_, up in parent.items():
        chain = [id_]
        while up is not None and up not in chain:
            chain.append(up)
            up = parent.get(up)  # noqa: PLW2901  (it climbs)
        found[id_] = frozenset(chain)
    return found


def last_outing(db: Session, county_id: int) -> dt.date | None:
    """Return the last day on which anything counted was done."""
    days = [
        db.scalar(
            select(func.max(table.day)).where(table.county_id == county_id, judged(Verdict.COUNTED, table))
        )
        for table in (Patrol, Service)
    ]
    return max((day for day in days if day is not None), default=None)


def waiting(db: Session, county_id: int, first: dt.date, last: dt.date) -> int:
    """Count the patrols and services of a period that wait for review."""
    return sum(
        db.scalar(
            select(func.count()).where(
                table.county_id == county_id,
                table.day.between(first, last),
                judged(Verdict.REVIEW, table),
            )
        )
        or 0
        for table in (Patrol, Service)
    )


# --- entries by hand


def entries(db: Session, county_id: int) -> list[FigureEntry]:
    """Return the entries by hand that stand."""
    own = FigureEntry.county_id == county_id, FigureEntry.withdrawn_at.is_(None)
    return list(db.scalars(select(FigureEntry).where(*own).order_by(FigureEntry.id)))


def entries_told(db: Session, county_id: int) -> list[tuple[FigureEntry, str | None]]:
    """Return all entries by hand with the login of who entered them, the latest period first."""
    rows = db.execute(
        select(FigureEntry, Account.login)
        .outerjoin(Account, Account.id == FigureEntry.account_id)
        .where(FigureEntry.county_id == county_id)
        .order_by(func.lower(FigureEntry.days).desc(), FigureEntry.id.desc())
    )
    return [(row, login) for row, login in rows]


def entry(db: Session, county_id: int, entry_id: int, *, locked: bool = False) -> FigureEntry | None:
    """Return one entry by hand."""
    own = select(FigureEntry).where(FigureEntry.county_id == county_id, FigureEntry.id == entry_id)
    return db.scalars(own.with_for_update() if locked else own).one_or_none()


def as_entry(row: FigureEntry) -> Entry:
    """Return an entry as figures are counted over it."""
    first, last = days_of(row.days)
    return Entry(f"figure_entry/{row.id}", Code(row.figure), first, last, row.value)


def add_entry(db: Session, row: FigureEntry) -> FigureEntry:
    """Store an entry."""
    db.add(row)
    db.flush()
    return row


def withdraw(db: Session, entry_id: int, at: dt.datetime) -> None:
    """Mark an entry as withdrawn; it stays."""
    db.execute(update(FigureEntry).where(FigureEntry.id == entry_id).values(withdrawn_at=at))


def lock_entries(db: Session, county_id: int) -> None:
    """Let one at a time enter figures of a county, until the transaction ends."""
    db.execute(select(County.id).where(County.id == county_id).with_for_update(key_share=True))


def file(db: Session, county_id: int, subject: str, file_id: uuid.UUID) -> StoredFile | None:
    """Return a file of a subject."""
    own = StoredFile.county_id == county_id, StoredFile.subject == subject, StoredFile.id == file_id
    return db.scalars(select(StoredFile).where(*own)).one_or_none()


# --- issued reports


def add_report(db: Session, row: IssuedReport) -> IssuedReport:
    """Store an issued report."""
    db.add(row)
    db.flush()
    return row


def reports(db: Session, where: Condition) -> list[tuple[IssuedReport, str | None]]:
    """Return issued reports that meet a condition with the name of their area, the latest first."""
    found = (
        select(IssuedReport, Area.name).outerjoin(Area, Area.id == IssuedReport.area_id).where(where)
    ).order_by(IssuedReport.id.desc())
    return [(row, name) for row, name in db.execute(found)]


def days_of(days: Range[dt.date]) -> tuple[dt.date, dt.date]:
    """Return the first and last day of a stored, half-open range.

    >>> days_of(Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1)))[1]
    datetime.date(2026, 1, 31)
    """
    if days.lower is None or days.upper is None:
        raise ValueError("a period without an end")
    return days.lower, days.upper - dt.timedelta(days=1)
