"""The SQL of the rows behind figures, as far as a scope may read them."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select, union
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import (
    CHANGE,
    cases_in,
    duties_in,
    patrols_in,
    people_in,
    places_in,
    services_in,
)
from geo_service.accounts.scope import Scope
from geo_service.bulk import among
from geo_service.counting import came_to
from geo_service.tables import (
    Area,
    AreaVisit,
    Case,
    Companion,
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
from layers.vocabulary import BY_VOLUNTEERS, DutyKind, Layer, Level, Role, ServiceKind


@dataclass(frozen=True)
class PersonBehind:
    """Somebody a figure counts; without a name if he was deleted since."""

    id: uuid.UUID
    number: str | None
    name: str | None
    area_id: int | None
    posts: Sequence[tuple[Role, str]] = field(default=())
    """His duties in force on the day, each with its place."""


@dataclass(frozen=True)
class PlaceBehind:
    """A place that a figure counts."""

    id: int
    layer: Layer
    code: str
    name: str | None
    townships: Sequence[str]
    stewards: Sequence[str | None]
    """Names of its volunteers on the day; None for who was deleted since."""


@dataclass(frozen=True)
class OutingBehind:
    """A patrol or service that a figure counts."""

    id: str
    day: dt.date
    service: ServiceKind | None
    names: Sequence[str | None]
    people: int
    hours: float
    walked_m: float | None
    where: Sequence[str]


@dataclass(frozen=True)
class CaseBehind:
    """A case that a figure counts."""

    id: int
    number: str
    category_edition_id: int | None
    category: str
    closed_at: dt.datetime
    place: str | None
    names: Sequence[str | None]
    """The volunteers who told of it; None for who was deleted since."""


def people(db: Session, scope: Scope, ids: Iterable[uuid.UUID], day: dt.date) -> list[PersonBehind]:
    """Return people with their volunteers' duties on a day, by name."""
    wanted = list(ids)
    posts: dict[uuid.UUID, list[tuple[Role, str]]] = defaultdict(list)
    held = (
        select(Duty.person_id, Duty.role, func.coalesce(Place.name, Place.code))
        .join(Place, Place.id == Duty.place_id)
        .where(duties_in(scope), among(Duty.person_id, wanted), _in_force(day))
        .order_by(Duty.role, Place.code)
    )
    for person_id, role, place in db.execute(held):
        posts[person_id].append((Role(role), place))
    rows = db.execute(
        select(Person.id, Person.number, Person.name, Person.area_id, Person.deleted_at)
        .where(people_in(scope), among(Person.id, wanted))
        .order_by(Person.name, Person.id)
    )
    return [
        PersonBehind(id_, number, None if deleted_at else name, area_id, posts.get(id_, ()))
        for id_, number, name, area_id, deleted_at in rows
    ]


def places(db: Session, scope: Scope, ids: Iterable[int], day: dt.date) -> list[PlaceBehind]:
    """Return places with their volunteers on a day, by code."""
    wanted = list(ids)
    stewards: dict[int, list[str | None]] = defaultdict(list)
    held = (
        select(Duty.place_id, Person.name, Person.deleted_at)
        .join(Person, Person.id == Duty.person_id)
        .where(duties_in(scope), people_in(scope), among(Duty.place_id, wanted), _in_force(day))
        .distinct()
        .order_by(Person.name)
    )
    for place_id, name, deleted_at in db.execute(held):
        stewards[place_id].append(None if deleted_at else name)
    towns: dict[int, list[str]] = defaultdict(list)
    lying = (
        select(Place.id, Area.name)
        .join(PlaceArea, PlaceArea.place_version_id == Place.version_id)
        .join(Area, Area.id == PlaceArea.area_id)
        .where(among(Place.id, wanted), Area.level == Level.TOWNSHIP)
        .order_by(Area.code)
    )
    for place_id, name in db.execute(lying):
        towns[place_id].append(name)
    rows = db.execute(
        select(Place.id, Place.layer, Place.code, Place.name, Area.name)
        .outerjoin(Area, Area.id == Place.area_id)
        .where(places_in(scope), among(Place.id, wanted))
        .order_by(Place.code)
    )
    return [
        PlaceBehind(id_, Layer(layer), code, name, towns.get(id_, [listed] if listed else []), stewards[id_])
        for id_, layer, code, name, listed in rows
    ]


def outings(
    db: Session, scope: Scope, patrols: Iterable[uuid.UUID], services: Iterable[uuid.UUID]
) -> list[OutingBehind]:
    """Return patrols and services, the earliest first."""
    found = [*_patrols(db, scope, list(patrols)), *_services(db, scope, list(services))]
    return sorted(found, key=lambda outing: (outing.day, outing.id))


def _patrols(db: Session, scope: Scope, wanted: Sequence[uuid.UUID]) -> list[OutingBehind]:
    walker = select(Patrol.id, Person.name).join(Person, Person.id == Patrol.person_id)
    along = (
        select(Companion.patrol_id, Person.name)
        .join(Person, Person.id == Companion.person_id)
        .where(among(Companion.patrol_id, wanted))
    )
    names: dict[uuid.UUID, list[str | None]] = defaultdict(list)
    for query in (walker.where(among(Patrol.id, wanted)), along):
        for id_, name in db.execute(query.where(people_in(scope), Person.deleted_at.is_(None))):
            names[id_].append(name)
    covered = union(
        *(
            select(table.patrol_id, func.coalesce(Place.name, Place.code))
            .join(PlaceVersion, PlaceVersion.id == table.place_version_id)
            .join(Place, Place.id == PlaceVersion.place_id)
            .join(Patrol, Patrol.id == table.patrol_id)
            .where(places_in(scope), among(table.patrol_id, wanted), came_to(table))
            for table in (LineCoverage, AreaVisit)
        )
    )
    where: dict[uuid.UUID, list[str]] = defaultdict(list)
    for id_, place in db.execute(covered):
        where[id_].append(place)
    lasted_s = func.extract("epoch", Patrol.ended_at - Patrol.started_at)
    rows = db.execute(
        select(Patrol.id, Patrol.day, Patrol.people, lasted_s, Patrol.walked_m).where(
            patrols_in(scope), among(Patrol.id, wanted)
        )
    )
    return [
        OutingBehind(f"patrol/{id_}", day, None, names[id_], people, float(s) / 3600, m, sorted(where[id_]))
        for id_, day, people, s, m in rows
    ]


def _services(db: Session, scope: Scope, wanted: Sequence[uuid.UUID]) -> list[OutingBehind]:
    names: dict[uuid.UUID, list[str | None]] = defaultdict(list)
    took_part = (
        select(ServicePerson.service_id, Person.name)
        .join(Person, Person.id == ServicePerson.person_id)
        .where(among(ServicePerson.service_id, wanted), people_in(scope), Person.deleted_at.is_(None))
        .order_by(Person.name)
    )
    for id_, name in db.execute(took_part):
        names[id_].append(name)
    rows = db.execute(
        select(
            Service.id,
            Service.day,
            Service.kind,
            Service.people,
            Service.hours,
            func.coalesce(Place.name, Place.code),
            Area.name,
        )
        .outerjoin(Place, Place.id == Service.place_id)
        .outerjoin(Area, Area.id == Service.area_id)
        .where(services_in(scope), among(Service.id, wanted))
    )
    return [
        OutingBehind(
            f"service/{id_}", day, ServiceKind(kind), names[id_], people, hours, None,
            [text for text in (place, area) if text],
        )
        for id_, day, kind, people, hours, place, area in rows
    ]  # fmt: skip


def cases(db: Session, scope: Scope, wanted: Sequence[int]) -> list[CaseBehind]:
    """Return the cases of the scope among some, the first closed first, with the volunteers who told."""
    into = func.coalesce(Case.into_id, Case.id)
    told = (
        select(into, Person.name)
        .join(Report, Report.case_id == Case.id)
        .outerjoin(Person, Person.id == Report.person_id)
        .where(Case.county_id == scope.county_id, into.in_(wanted), Report.channel.in_(BY_VOLUNTEERS))
        .order_by(Report.received_at)
    )
    names: dict[int, list[str | None]] = defaultdict(list)
    for case_id, name in db.execute(told):
        names[case_id].append(name or None)
    rows: Sequence[Any] = db.execute(
        select(
            Case.id, Case.number, Case.category_edition_id, Case.category, Case.closed_at,
            func.coalesce(Place.name, Place.code),
        )
        .outerjoin(Place, Place.id == Case.place_id)
        .where(cases_in(scope, *CHANGE), among(Case.id, wanted))
        .order_by(Case.closed_at, Case.id)
    ).all()  # fmt: skip
    return [
        CaseBehind(id_, number, edition, category, closed_at, place, names[id_])
        for id_, number, edition, category, closed_at, place in rows
    ]


def _in_force(day: dt.date) -> ColumnElement[bool]:
    return (Duty.kind == DutyKind.VOLUNTEER) & Duty.in_force.contains(day)
