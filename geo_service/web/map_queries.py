"""The SQL of the map's panel: what a search looks through, and who was at a place lately."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import duties_in, patrols_in, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among
from geo_service.counting import came_to, covering
from geo_service.tables import (
    Area,
    AreaVisit,
    Duty,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
)
from layers.vocabulary import Layer, Level, Verdict


@dataclass(frozen=True)
class FoundPlace:
    """A place with its box (west, south, east, north); None while 未上图."""

    id: int
    layer: Layer
    code: str
    name: str | None
    townships: Sequence[str]
    bounds: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class OutingAt:
    """A patrol that came to a place."""

    patrol_id: uuid.UUID
    day: dt.date
    person: str | None
    verdict: Verdict


def places_called(db: Session, scope: Scope, typed: str, limit: int) -> list[FoundPlace]:
    """Return places with `typed` in their name or at the beginning of their code; whole names first."""
    chosen = or_(Place.name.contains(typed, autoescape=True), Place.code.istartswith(typed, autoescape=True))
    exact = (func.coalesce(Place.name, "") == typed) | (Place.code == typed)
    return _found(
        db,
        _rows(scope)
        .where(chosen)
        .order_by(exact.desc(), Place.in_scheme.desc(), Place.name, Place.id)
        .limit(limit),
    )


def places(db: Session, scope: Scope, ids: Sequence[int]) -> list[FoundPlace]:
    """Return places by their ids, those of the scheme first."""
    return _found(
        db, _rows(scope).where(among(Place.id, ids)).order_by(Place.in_scheme.desc(), Place.name, Place.id)
    )


def names(db: Session, scope: Scope) -> Sequence[tuple[int, str]]:
    """Return ids and names of all places of the scope, those of the scheme first."""
    rows = db.execute(
        select(Place.id, Place.name)
        .where(places_in(scope), Place.name.is_not(None))
        .order_by(Place.in_scheme.desc(), Place.id)
    )
    return [(id_, name) for id_, name in rows if name]


def people(db: Session, scope: Scope) -> list[tuple[uuid.UUID, str]]:
    """Return ids and names of the people of the scope."""
    rows = db.execute(select(Person.id, Person.name).where(people_in(scope), Person.deleted_at.is_(None)))
    return [(id_, name) for id_, name in rows]


def held_by(
    db: Session, scope: Scope, person_ids: Sequence[Any], limit: int
) -> list[tuple[FoundPlace, uuid.UUID]]:
    """Return the places that people hold by duties that have not ended, as far as the scope sees both."""
    rows = db.execute(
        select(Duty.place_id, Duty.person_id)
        .where(duties_in(scope), among(Duty.person_id, person_ids))
        .where(or_(func.upper_inf(Duty.in_force), func.upper(Duty.in_force) > func.current_date()))
        .order_by(Duty.person_id, Duty.place_id)
        .limit(limit)
    ).all()
    known = {place.id: place for place in places(db, scope, [place_id for place_id, _ in rows])}
    return [(known[place_id], person_id) for place_id, person_id in rows if place_id in known]


def outings_at(
    db: Session, scope: Scope, place_id: int, layer: Layer, first: dt.date, last: dt.date, limit: int
) -> list[OutingAt]:
    """Return the patrols of a window that came to a place and that the scope sees, the latest first."""
    table = LineCoverage if layer.is_line else AreaVisit
    versions = select(PlaceVersion.id).where(PlaceVersion.place_id == place_id).correlate(None)
    rows = db.execute(
        select(Patrol.id, table.day, Person.name, Patrol.verdict)
        .join(Patrol, Patrol.id == table.patrol_id)
        .outerjoin(Person, Person.id == Patrol.person_id)
        .where(table.county_id == scope.county_id, table.place_version_id.in_(versions))
        .where(table.day.between(first, last), patrols_in(scope), covering(), came_to(table))
        .order_by(table.day.desc(), Patrol.started_at.desc())
        .limit(limit)
    )
    return [OutingAt(id_, day, person, Verdict(verdict)) for id_, day, person, verdict in rows]


def _rows(scope: Scope) -> Select[Any]:
    box = PlaceVersion.drawn
    lonlat = func.ST_Transform(func.ST_Envelope(box), 4326)
    return (
        select(
            Place.id, Place.layer, Place.code, Place.name, Place.version_id,
            func.ST_XMin(lonlat), func.ST_YMin(lonlat), func.ST_XMax(lonlat), func.ST_YMax(lonlat),
        )
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(places_in(scope))
    )  # fmt: skip


def _found(db: Session, rows: Select[Any]) -> list[FoundPlace]:
    found = db.execute(rows).all()
    lying: dict[int, list[str]] = {}
    for version_id, name in db.execute(
        select(PlaceArea.place_version_id, Area.name)
        .join(Area, Area.id == PlaceArea.area_id)
        .where(among(PlaceArea.place_version_id, [row[4] for row in found if row[4] is not None]))
        .where(Area.level == Level.TOWNSHIP)
        .order_by(Area.code)
    ):
        lying.setdefault(version_id, []).append(name)
    return [
        FoundPlace(
            id_, Layer(layer), code, name, lying.get(version_id, []),
            None if ends[0] is None else (ends[0], ends[1], ends[2], ends[3]),
        )
        for id_, layer, code, name, version_id, *ends in found
    ]  # fmt: skip
