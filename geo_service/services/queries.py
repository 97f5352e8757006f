"""The SQL of services."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_if_new
from sqlalchemy.orm import Session, aliased

from geo_service.bulk import among
from geo_service.tables import Area, Person, Place, Service, ServicePerson, StoredFile
from layers import codes
from layers.vocabulary import Evidence, Layer, Level, ServiceKind, Verdict

Condition = ColumnElement[bool]
_ABOVE = aliased(Area)
_MOST_NAMED = 20
"""Places of one name that a question lists."""


@dataclass(frozen=True)
class NewService:
    """A service as it is stored."""

    id: uuid.UUID
    kind: ServiceKind
    day: dt.date
    hours: float
    place_id: int | None
    area_id: int | None
    persons: Sequence[uuid.UUID]
    people: int
    people_served: int | None
    note: str | None
    evidence: Evidence
    sha256: bytes
    verdict: Verdict


@dataclass(frozen=True)
class Held:
    """A service that is stored, with the names of its place and area."""

    row: Service
    layer: Layer | None
    place_code: str | None
    place: str | None
    area: str | None
    township: str | None
    """Of the area: itself, or the one above a village."""
    village: str | None


def insert_service(db: Session, county_id: int, new: NewService) -> bool:
    """Store a service; False if its id is taken already."""
    values = {name: getattr(new, name) for name in NewService.__dataclass_fields__ if name != "persons"}
    row = insert_if_new(Service).values(county_id=county_id, **values).on_conflict_do_nothing()
    if not db.scalars(row.returning(Service.id)).all():
        return False
    db.execute(
        insert(ServicePerson),
        [{"county_id": county_id, "service_id": new.id, "person_id": person} for person in new.persons],
    )
    return True


def stored(db: Session, service_id: uuid.UUID) -> Service | None:
    """Return the service with an id, of any county."""
    return db.scalars(select(Service).where(Service.id == service_id)).one_or_none()


def one(db: Session, where: Condition, service_id: uuid.UUID, *, locked: bool = False) -> Held | None:
    """Return a service that meets a condition."""
    query = _held().where(where, Service.id == service_id)
    row = db.execute(query.with_for_update(of=Service) if locked else query).one_or_none()
    return _as_held(row) if row else None


def many(
    db: Session, where: Sequence[Condition], *, after: tuple[dt.date, uuid.UUID] | None, limit: int | None
) -> list[Held]:
    """Return services that meet all conditions, the latest day first, behind a key."""
    query = _held().where(*where).order_by(Service.day.desc(), Service.id.desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(Service.day, Service.id) < tuple_(*after))
    return [_as_held(row) for row in db.execute(query)]


def _held() -> Any:
    return (
        select(
            Service, Place.layer, Place.code, func.coalesce(Place.name, Place.code),
            Area.name, Area.level, _ABOVE.name,
        )
        .outerjoin(Place, Place.id == Service.place_id)
        .outerjoin(Area, Area.id == Service.area_id)
        .outerjoin(_ABOVE, _ABOVE.id == Area.parent_id)
    )  # fmt: skip


def _as_held(row: Any) -> Held:
    service, layer, code, place, area, level, above = row
    village = area if level == Level.VILLAGE else None
    township = area if level == Level.TOWNSHIP else above if village else None
    return Held(service, Layer(layer) if layer else None, code, place, area, township, village)


def names(
    db: Session, services: Sequence[uuid.UUID], visible: Condition
) -> dict[uuid.UUID, list[tuple[uuid.UUID, str]]]:
    """Return who took part in each service, by name, as far as a condition lets see."""
    rows = db.execute(
        select(ServicePerson.service_id, Person.id, Person.name)
        .join(Person, Person.id == ServicePerson.person_id)
        .where(among(ServicePerson.service_id, services), Person.deleted_at.is_(None), visible)
        .order_by(Person.name, Person.id)
    )
    found: dict[uuid.UUID, list[tuple[uuid.UUID, str]]] = {}
    for service_id, person_id, name in rows:
        found.setdefault(service_id, []).append((person_id, name))
    return found


def people_among(db: Session, ids: Sequence[uuid.UUID], visible: Condition) -> set[uuid.UUID]:
    """Return which of the people a condition lets see."""
    known = select(Person.id).where(among(Person.id, ids), Person.deleted_at.is_(None), visible)
    return set(db.scalars(known))


def takes_part(db: Session, service_id: uuid.UUID, person_id: uuid.UUID) -> bool:
    """Tell whether somebody took part in a service."""
    own = select(ServicePerson.service_id).where(
        ServicePerson.service_id == service_id, ServicePerson.person_id == person_id
    )
    return db.execute(own).first() is not None


def area_id(db: Session, visible: Condition, code: str) -> int | None:
    """Return the id of the area with a code that a condition lets see."""
    return db.scalar(select(Area.id).where(visible, Area.code == codes.full(code)))


def has_place(db: Session, visible: Condition, place_id: int) -> bool:
    """Tell whether a condition lets see a place."""
    return db.scalar(select(Place.id).where(visible, Place.id == place_id)) is not None


def places_called(db: Session, word: str, visible: Condition) -> list[tuple[int, str, str | None]]:
    """Return the places with this code or name, or number as in "#12", that a condition lets see."""
    known: list[Condition] = [Place.code == word, Place.name == word]
    with contextlib.suppress(ValueError):
        number = int(word.removeprefix("#")) if word.startswith("#") else -1
        known += [Place.id == number] if 0 <= number < 2**63 else []
    rows = db.execute(
        select(Place.id, Place.code, Place.name)
        .where(or_(*known), visible)
        .order_by(Place.code)
        .limit(_MOST_NAMED)
    )
    return [(id_, code, name) for id_, code, name in rows]


def on_days(
    db: Session, county_id: int, days: Sequence[dt.date]
) -> list[tuple[Service, frozenset[uuid.UUID]]]:
    """Return the services of some days that were not taken back, each with who took part."""
    held = db.scalars(
        select(Service).where(
            Service.county_id == county_id, among(Service.day, days), Service.voided_at.is_(None)
        )
    ).all()
    people: dict[uuid.UUID, set[uuid.UUID]] = {service.id: set() for service in held}
    for service_id, person_id in db.execute(
        select(ServicePerson.service_id, ServicePerson.person_id).where(
            among(ServicePerson.service_id, list(people))
        )
    ):
        people[service_id].add(person_id)
    return [(service, frozenset(people[service.id])) for service in held]


def void(db: Session, service_id: uuid.UUID, reason: str, at: dt.datetime) -> None:
    """Mark a service as taken back."""
    db.execute(update(Service).where(Service.id == service_id).values(voided_at=at, void_reason=reason))


def set_verdict(db: Session, service_id: uuid.UUID, verdict: Verdict) -> None:
    """Give a service another verdict."""
    db.execute(update(Service).where(Service.id == service_id).values(verdict=verdict))


def file(db: Session, county_id: int, subject: str, file_id: uuid.UUID) -> StoredFile | None:
    """Return a file of a subject."""
    return db.scalars(
        select(StoredFile).where(
            StoredFile.county_id == county_id, StoredFile.subject == subject, StoredFile.id == file_id
        )
    ).one_or_none()
