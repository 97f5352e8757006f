"""The SQL of duties that no longer fit."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from geo_service.tables import Area, Duty, Person, Place, PlaceArea, PlaceVersion
from layers.vocabulary import DutyKind, Level

_EMPTY = func.coalesce(func.isempty(Duty.spans), False)
_BEYOND = func.coalesce(func.upper(Duty.spans) > PlaceVersion.length_dm, False)
_OFF = and_(~Place.in_scheme, Duty.kind == DutyKind.VOLUNTEER)


def misfits(
    db: Session, where: Sequence[ColumnElement[bool]], today: dt.date, layers: Collection[str]
) -> Sequence[Any]:
    """Return the duties for which the conditions hold that do not end before today and no longer fit."""
    until = func.upper(Duty.in_force)
    townships = (
        select(func.array_agg(Area.name.distinct()))
        .join(PlaceArea, PlaceArea.area_id == Area.id)
        .where(PlaceArea.place_version_id == Place.version_id, Area.level == Level.TOWNSHIP)
        .correlate(Place)
        .scalar_subquery()
    )
    found = (
        select(
            Duty.id, Duty.person_id, Person.name.label("person"), Place.id.label("place_id"),
            Place.version_id, Place.layer, Place.code, Place.name, Place.in_scheme, Duty.role, Duty.lost,
            func.lower(Duty.in_force).label("first_day"), PlaceVersion.created_at.label("changed_at"),
            townships.label("townships"), _EMPTY.label("is_empty"), _BEYOND.label("is_beyond"),
        )
        .join(Person, Person.id == Duty.person_id)
        .join(Place, Place.id == Duty.place_id)
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(
            *where,
            Place.layer.in_(layers),
            or_(until.is_(None), until > today),
            or_(Duty.lost.is_not(None), _EMPTY, _BEYOND, _OFF),
        )
        .order_by(townships, Place.code, Duty.id)
    )  # fmt: skip
    rows: Sequence[Any] = db.execute(found).all()
    return rows


def lies_in(areas: Collection[int]) -> ColumnElement[bool]:
    """Return the condition on `Duty` for those whose place lies in one of some areas, even partly."""
    parts = select(PlaceArea.place_version_id).where(PlaceArea.area_id.in_(areas))
    own = select(Place.id).where(or_(Place.area_id.in_(areas), Place.version_id.in_(parts)))
    return Duty.place_id.in_(own.correlate(None))


def settle(db: Session, duty_id: int, where: Sequence[ColumnElement[bool]]) -> bool:
    """Forget what a duty has lost; tell whether there is one for which the conditions hold."""
    change = update(Duty).where(Duty.id == duty_id, *where).values(lost=None)
    return db.scalar(change.returning(Duty.id)) is not None
