"""The SQL of the morning: what is new, who walked nothing for long, on which places duties lie."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Date, Text, and_, cast, exists, func, literal, select, union_all
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import cases_in, duties_in, patrols_in, people_in, services_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among
from geo_service.counting import covering, done
from geo_service.tables import (
    Area,
    AreaVisit,
    Case,
    Companion,
    Duty,
    Exemption,
    LineDay,
    Patrol,
    Person,
    Service,
    ServicePerson,
)
from layers.periods import Days
from layers.vocabulary import DutyKind, ExemptionKind

Condition = ColumnElement[bool]


# --- new


def new_counts(db: Session, scope: Scope, days: Days, since: dt.datetime, until: dt.datetime) -> list[int]:
    """Count patrols and services done on the days, cases opened and people entered in the time."""
    counted: list[tuple[Any, list[Condition]]] = [
        (Patrol, [patrols_in(scope), done(), Patrol.day.between(days.first, days.last)]),
        (Service, [services_in(scope), done(Service), Service.day.between(days.first, days.last)]),
        (Case, [cases_in(scope), Case.opened_at >= since, Case.opened_at < until]),
        (Person, [people_in(scope), *_entered(since, until)]),
    ]
    return [db.scalar(select(func.count()).select_from(t).where(*where)) or 0 for t, where in counted]


def new_patrols(db: Session, scope: Scope, days: Days, *, limit: int) -> Sequence[Any]:
    """Return id, person, name, start, metres and verdict of the patrols of some days, the latest first."""
    return db.execute(
        select(Patrol.id, Person.id, Person.name, Patrol.started_at, Patrol.walked_m, Patrol.verdict)
        .outerjoin(Person, and_(Person.id == Patrol.person_id, Person.deleted_at.is_(None)))
        .where(patrols_in(scope), done(), Patrol.day.between(days.first, days.last))
        .order_by(Patrol.started_at.desc(), Patrol.id)
        .limit(limit)
    ).all()


def new_people(
    db: Session, scope: Scope, since: dt.datetime, until: dt.datetime, *, limit: int
) -> Sequence[Any]:
    """Return id, name and area of the people that were entered, the latest first."""
    return db.execute(
        select(Person.id, Person.name, Area.name)
        .outerjoin(Area, Area.id == Person.area_id)
        .where(people_in(scope), *_entered(since, until))
        .order_by(Person.created_at.desc(), Person.id)
        .limit(limit)
    ).all()


def _entered(since: dt.datetime, until: dt.datetime) -> list[Condition]:
    return [Person.created_at >= since, Person.created_at < until, Person.deleted_at.is_(None)]


# --- quiet


def quiet_people(
    db: Session, scope: Scope, day: dt.date, not_since: dt.date, *, limit: int
) -> tuple[int, Sequence[Any]]:
    """Return how many volunteers did nothing after a day, and those who did nothing for longest.

    Rows: id, name, area, last day (None: never), places. Whose duties began later, or who is on leave, is
    not quiet. Every patrol and service counts that was not voided, whatever its verdict.
    """
    held = (
        select(
            Duty.person_id,
            func.count(Duty.place_id.distinct()).label("places"),
            func.min(func.coalesce(func.lower(Duty.in_force), cast(literal("-infinity"), Date))).label(
                "since"
            ),
        )
        .where(
            Duty.county_id == scope.county_id,
            Duty.kind == DutyKind.VOLUNTEER,
            Duty.in_force.contains(day),
        )
        .group_by(Duty.person_id)
        .subquery()
    )
    last = _last_outing(scope.county_id, day).label("last")
    own = (
        select(Person.id, Person.name, Person.area_id, held.c.places, held.c.since, last)
        .join(held, held.c.person_id == Person.id)
        .where(people_in(scope), Person.deleted_at.is_(None), ~_on_leave(scope.county_id, day))
        .subquery()
    )
    quiet = func.coalesce(own.c.last, own.c.since)
    rows = db.execute(
        select(own.c.id, own.c.name, Area.name, own.c.last, own.c.places, func.count().over())
        .outerjoin(Area, Area.id == own.c.area_id)
        .where(quiet <= not_since)
        .order_by(quiet, own.c.name, own.c.id)
        .limit(limit)
    ).all()
    return (rows[0][-1] if rows else 0), [row[:-1] for row in rows]


def _last_outing(county_id: int, day: dt.date) -> Any:
    """Return the last day, up to one, on which the person of the row did anything."""
    walked = select(func.max(Patrol.day)).where(
        Patrol.county_id == county_id, Patrol.person_id == Person.id, done(), Patrol.day <= day
    )
    along = (
        select(func.max(Patrol.day))
        .join(Companion, Companion.patrol_id == Patrol.id)
        .where(Companion.county_id == county_id, Companion.person_id == Person.id, done(), Patrol.day <= day)
    )
    served = (
        select(func.max(Service.day))
        .join(ServicePerson, ServicePerson.service_id == Service.id)
        .where(
            ServicePerson.county_id == county_id,
            ServicePerson.person_id == Person.id,
            done(Service),
            Service.day <= day,
        )
    )
    days = [found.correlate(Person).scalar_subquery() for found in (walked, along, served)]
    return func.greatest(*days)


def _on_leave(county_id: int, day: dt.date) -> Condition:
    return (
        exists()
        .where(
            Exemption.county_id == county_id,
            Exemption.person_id == Person.id,
            Exemption.kind == ExemptionKind.LEAVE,
            Exemption.days.contains(day),
        )
        .correlate(Person)
    )


def last_days(db: Session, county_id: int, version_ids: Collection[int], day: dt.date) -> dict[int, dt.date]:
    """Return of place versions the last day, up to one, on which somebody covered anything of them."""
    along = select(LineDay.place_version_id, func.max(LineDay.day).label("last")).where(
        LineDay.county_id == county_id, among(LineDay.place_version_id, version_ids), LineDay.day <= day
    )
    within = (
        select(AreaVisit.place_version_id, func.max(AreaVisit.day).label("last"))
        .join(Patrol, Patrol.id == AreaVisit.patrol_id)
        .where(
            AreaVisit.county_id == county_id,
            among(AreaVisit.place_version_id, version_ids),
            AreaVisit.day <= day,
            covering(),
        )
    )
    both = union_all(along.group_by(LineDay.place_version_id), within.group_by(AreaVisit.place_version_id))
    return {row.place_version_id: row.last for row in db.execute(both)}


def stewards(
    db: Session, scope: Scope, day: dt.date, place_ids: Collection[int]
) -> Sequence[tuple[int, uuid.UUID, str, str | None]]:
    """Return place, person, name and spans (dm, as text; None: all) of the volunteers' duties there."""
    rows = db.execute(
        select(Duty.place_id, Person.id, Person.name, cast(Duty.spans, Text))
        .join(Person, Person.id == Duty.person_id)
        .where(
            duties_in(scope),
            Duty.kind == DutyKind.VOLUNTEER,
            Duty.in_force.contains(day),
            among(Duty.place_id, place_ids),
            Person.deleted_at.is_(None),
        )
        .order_by(Duty.place_id, Person.name, Duty.id)
    )
    return [(place_id, person_id, name, spans) for place_id, person_id, name, spans in rows]
