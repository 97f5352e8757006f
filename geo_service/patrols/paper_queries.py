"""The SQL of paper records: names to look up, and what is registered already."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.people.lookup import Ground, PersonName
from geo_service.tables import Patrol, Person, Place
from layers.vocabulary import Evidence, Layer

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


def places(db: Session, where: Condition) -> list[Ground]:
    """Return the places that a condition lets see."""
    rows = db.execute(select(Place.id, Place.layer, Place.code, Place.name).where(where).order_by(Place.id))
    return [Ground(id_, Layer(layer), code, name, None, None) for id_, layer, code, name in rows]


def registered(db: Session, county_id: int, days: Collection[dt.date]) -> list[Registered]:
    """Return the paper records of some days."""
    rows = db.execute(
        select(Patrol.id, Patrol.person_id, Patrol.place_id, Patrol.started_at, Patrol.voided_at.is_not(None))
        .where(
            Patrol.county_id == county_id, Patrol.evidence == Evidence.PAPER, among(Patrol.day, days)
        )
    )  # fmt: skip
    return [Registered(*row) for row in rows]
