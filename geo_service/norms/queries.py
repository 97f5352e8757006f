"""The SQL of norms: drafts and adopted ones, exemptions, and what is due rests on: duties and outings."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.counting import came_to, done
from geo_service.tables import (
    Area,
    AreaVisit,
    Companion,
    Duty,
    Exemption,
    Json,
    LineCoverage,
    Norm,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Service,
    ServicePerson,
)
from layers.dues import Holding, Outing
from layers.periods import DAY, Days
from layers.vocabulary import DutyKind, Evidence, Level, Role, ServiceKind, Verdict

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class ExemptionRow:
    """An exemption with the names of whom and where it is for."""

    id: int
    kind: str
    person_id: uuid.UUID | None
    person: str | None
    area_id: int | None
    area: str | None
    substitute_id: uuid.UUID | None
    substitute: str | None
    days: Range[dt.date]
    reason: str | None


def norms(db: Session, where: Condition) -> Sequence[Norm]:
    """Return norms: drafts first, then by their first day, the latest first."""
    order = (func.lower(Norm.in_force).desc().nulls_first(), Norm.id.desc())
    return db.scalars(select(Norm).where(where).order_by(*order)).all()


def norm(db: Session, where: Condition, norm_id: int, *, locked: bool = False) -> Norm | None:
    """Return a norm that meets a condition; `locked` until the transaction ends."""
    query = select(Norm).where(where, Norm.id == norm_id).execution_options(populate_existing=True)
    return db.scalars(query.with_for_update() if locked else query).one_or_none()


def insert_norm(db: Session, county_id: int, name: str, rule: Json) -> int:
    """Store a draft and return its id."""
    row = insert(Norm).values(county_id=county_id, name=name, rule=rule).returning(Norm.id)
    return db.scalars(row).one()


def update_norm(db: Session, norm_id: int, **values: Any) -> None:
    """Give a norm new values."""
    db.execute(update(Norm).where(Norm.id == norm_id).values(**values))


def delete_norm(db: Session, norm_id: int) -> None:
    """Drop a draft."""
    db.execute(delete(Norm).where(Norm.id == norm_id))


def in_force(db: Session, county_id: int, days: Days) -> Sequence[Norm]:
    """Return the norms in force on any of the days, by id."""
    meets = Norm.in_force.overlaps(as_range(days))
    return db.scalars(select(Norm).where(Norm.county_id == county_id, meets).order_by(Norm.id)).all()


def as_range(days: Days) -> Range[dt.date]:
    """Return days as they are stored, half-open; those to the end of the calendar have no end."""
    return Range(days.first, None if days.last == dt.date.max else days.last + DAY)


def as_days(stored: Range[dt.date]) -> Days:
    """Return stored days; without an end they go on to that of the calendar."""
    return Days(stored.lower or dt.date.min, stored.upper - DAY if stored.upper else dt.date.max)


# --- exemptions


def exemptions(db: Session, where: Condition, *, days: Days | None = None) -> list[ExemptionRow]:
    """Return exemptions that meet a condition, on any of the days, the latest first."""
    substitute = Person.__table__.alias("substitute")
    query = (
        select(
            Exemption.id, Exemption.kind, Exemption.person_id, Person.name, Exemption.area_id, Area.name,
            Exemption.substitute_id, substitute.c.name, Exemption.days, Exemption.reason,
        )
        .outerjoin(Person, Person.id == Exemption.person_id)
        .outerjoin(Area, Area.id == Exemption.area_id)
        .outerjoin(substitute, substitute.c.id == Exemption.substitute_id)
        .where(where)
        .order_by(func.lower(Exemption.days).desc(), Exemption.id.desc())
    )  # fmt: skip
    if days is not None:
        query = query.where(Exemption.days.overlaps(as_range(days)))
    return [ExemptionRow(*row) for row in db.execute(query)]


def insert_exemption(db: Session, values: dict[str, Any]) -> int:
    """Store an exemption and return its id."""
    return db.scalars(insert(Exemption).values(values).returning(Exemption.id)).one()


def delete_exemption(db: Session, where: Condition, exemption_id: int) -> Exemption | None:
    """Drop an exemption that meets a condition and return it as it was."""
    found = db.scalars(select(Exemption).where(where, Exemption.id == exemption_id)).one_or_none()
    if found is not None:
        db.execute(delete(Exemption).where(Exemption.id == exemption_id))
    return found


# --- what is due rests on


def holdings(db: Session, county_id: int, days: Days, *, with_areas: bool) -> list[Holding]:
    """Return the duties in force on any of the days, by person and place.

    `with_areas`: with the townships and villages in which each place lies.
    """
    rows = db.execute(
        select(Duty.person_id, Duty.place_id, Duty.role, Duty.kind, Duty.level, Duty.in_force)
        .where(Duty.county_id == county_id, Duty.in_force.overlaps(as_range(days)))
        .order_by(Duty.person_id, Duty.place_id, Duty.id)
    ).all()
    lying = _areas_of(db, county_id, {row.place_id for row in rows}) if with_areas else {}
    return [
        Holding(
            person, place, Role(role), DutyKind(kind), Level(level), as_days(in_force),
            frozenset(lying.get(place, ())),
        )
        for person, place, role, kind, level, in_force in rows
    ]  # fmt: skip


def _areas_of(db: Session, county_id: int, place_ids: Collection[int]) -> dict[int, set[int]]:
    here = (Place.county_id == county_id) & among(Place.id, place_ids)
    listed = select(Place.id, Place.area_id).where(here, Place.area_id.is_not(None))
    mapped = (
        select(Place.id, PlaceArea.area_id)
        .join(PlaceArea, PlaceArea.place_version_id == Place.version_id)
        .where(here)
    )
    found: dict[int, set[int]] = {}
    for place_id, area_id in (*db.execute(listed), *db.execute(mapped)):
        found.setdefault(place_id, set()).add(area_id)
    return found


def outings(db: Session, county_id: int, days: Days, zone: ZoneInfo) -> list[Outing]:
    """Return the patrols and services of the days, with their people and places; what was voided is none."""
    return [*_patrols(db, county_id, days, zone), *_services(db, county_id, days, zone)]


def _patrols(db: Session, county_id: int, days: Days, zone: ZoneInfo) -> list[Outing]:
    here = (Patrol.county_id == county_id) & Patrol.day.between(days.first, days.last)
    mine = here & done()
    people: dict[uuid.UUID, set[Any]] = {}
    places: dict[uuid.UUID, set[Any]] = {}
    walked_along = select(Companion.patrol_id, Companion.person_id).join(Patrol).where(mine)
    for patrol_id, person_id in db.execute(walked_along):
        people.setdefault(patrol_id, set()).add(person_id)
    for table in (LineCoverage, AreaVisit):
        covered = (
            select(table.patrol_id, PlaceVersion.place_id)
            .join(PlaceVersion, PlaceVersion.id == table.place_version_id)
            .join(Patrol, Patrol.id == table.patrol_id)
            .where(mine, came_to(table))
            .distinct()
        )
        for patrol_id, place_id in db.execute(covered):
            places.setdefault(patrol_id, set()).add(place_id)
    rows = db.execute(
        select(
            Patrol.id, Patrol.person_id, Patrol.place_id, Patrol.started_at, Patrol.evidence, Patrol.verdict
        ).where(mine)
    )
    return [
        Outing(
            id_, frozenset({*people.get(id_, ()), person} - {None}),
            frozenset({*places.get(id_, ()), place} - {None}), began.astimezone(zone), Evidence(evidence),
            Verdict(verdict),
        )
        for id_, person, place, began, evidence, verdict in rows
    ]  # fmt: skip


def _services(db: Session, county_id: int, days: Days, zone: ZoneInfo) -> list[Outing]:
    here = (Service.county_id == county_id) & Service.day.between(days.first, days.last)
    mine = here & done(Service)
    people: dict[uuid.UUID, set[Any]] = {}
    took_part = (
        select(ServicePerson.service_id, ServicePerson.person_id)
        .join(Service, Service.id == ServicePerson.service_id)
        .where(mine)
    )
    for service_id, person_id in db.execute(took_part):
        people.setdefault(service_id, set()).add(person_id)
    rows = db.execute(
        select(Service.id, Service.kind, Service.day, Service.place_id, Service.verdict).where(mine)
    )
    return [
        Outing(
            id_, frozenset(people.get(id_, ())), frozenset({place} - {None}),
            dt.datetime.combine(day, dt.time(12), zone), ServiceKind(kind), Verdict(verdict),
        )
        for id_, kind, day, place, verdict in rows
    ]  # fmt: skip


def verdicts(db: Session, where: Condition, days: Days) -> dict[Verdict, int]:
    """Return how many of the patrols of some days that meet a condition have which verdict."""
    rows = db.execute(
        select(Patrol.verdict, func.count())
        .where(where, done(), Patrol.day.between(days.first, days.last))
        .group_by(Patrol.verdict)
    )
    return {Verdict(verdict): count for verdict, count in rows}


# --- whom and what a list may name


def people(db: Session, where: Condition) -> dict[uuid.UUID, tuple[str | None, str, int | None]]:
    """Return number, name and area of the people that meet a condition, by id."""
    rows = db.execute(select(Person.id, Person.number, Person.name, Person.area_id).where(where))
    return {id_: (number, name, area_id) for id_, number, name, area_id in rows}


def places(db: Session, where: Condition) -> dict[int, tuple[str, str | None, str]]:
    """Return code, name and layer of the places that meet a condition, by id."""
    rows = db.execute(select(Place.id, Place.code, Place.name, Place.layer).where(where))
    return {id_: (code, name, layer) for id_, code, name, layer in rows}


def townships_of_places(db: Session, county_id: int) -> dict[int, list[str]]:
    """Return the names of the townships in which each place lies, by id; off the map, of its listing."""
    parent = Area.__table__.alias("parent")
    mapped = (
        select(Place.id, Area.name)
        .join(PlaceArea, PlaceArea.place_version_id == Place.version_id)
        .join(Area, and_(Area.id == PlaceArea.area_id, Area.level == Level.TOWNSHIP))
        .where(Place.county_id == county_id)
        .order_by(Area.code)
    )
    named = func.coalesce(parent.c.name, Area.name)
    listed = (
        select(Place.id, named)
        .join(Area, Area.id == Place.area_id)
        .outerjoin(parent, and_(parent.c.id == Area.parent_id, Area.level == Level.VILLAGE))
        .where(Place.county_id == county_id, or_(Area.level == Level.TOWNSHIP, Area.level == Level.VILLAGE))
    )
    found: dict[int, list[str]] = {}
    for place_id, name in db.execute(mapped):
        found.setdefault(place_id, []).append(name)
    for place_id, name in db.execute(listed):
        found.setdefault(place_id, [name])
    return found


def townships_of_people(db: Session, county_id: int) -> dict[uuid.UUID, str]:
    """Return the name of the township in which each person lives, by id."""
    parent = Area.__table__.alias("parent")
    rows = db.execute(
        select(Person.id, func.coalesce(parent.c.name, Area.name))
        .join(Area, Area.id == Person.area_id)
        .outerjoin(parent, and_(parent.c.id == Area.parent_id, Area.level == Level.VILLAGE))
        .where(Person.county_id == county_id)
    )
    return dict(rows.all())
