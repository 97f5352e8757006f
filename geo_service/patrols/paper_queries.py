"""The SQL of paper records: names to look up, what is registered already, and many patrols at once."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy import insert as insert_
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.people.lookup import PersonName
from geo_service.tables import Companion, Json, Patrol, Person
from layers.vocabulary import Evidence

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Registered:
    """A paper record that is stored."""

    id: uuid.UUID
    person_id: uuid.UUID | None
    place_id: int | None
    started_at: dt.datetime
    is_voided: bool


def people(db: Session, where: Condition) -> list[PersonName]:
    """Return whom a condition lets see."""
    rows = db.execute(
        select(Person.id, Person.name, Person.number, Person.phone, Person.area_id)
        .where(where, Person.deleted_at.is_(None))
        .order_by(Person.created_at, Person.id)
    )
    return [PersonName(*row) for row in rows]


def insert(db: Session, patrols: Sequence[Json]) -> None:
    """Store patrols, each as its values by column."""
    if patrols:
        db.execute(insert_(Patrol), patrols)


def insert_companions(db: Session, county_id: int, along: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> None:
    """Say who walked along: patrol and person."""
    rows = [{"county_id": county_id, "patrol_id": p, "person_id": person_id} for p, person_id in along]
    if rows:
        db.execute(insert_(Companion), rows)


def registered(db: Session, county_id: int, days: Collection[dt.date]) -> list[Registered]:
    """Return the outings of some days that were recorded on paper or told."""
    rows = db.execute(
        select(Patrol.id, Patrol.person_id, Patrol.place_id, Patrol.started_at, Patrol.voided_at.is_not(None))
        .where(
            Patrol.county_id == county_id,
            Patrol.evidence.in_([Evidence.PAPER, Evidence.STATED]),
            among(Patrol.day, days),
        )
    )  # fmt: skip
    return [Registered(*row) for row in rows]
