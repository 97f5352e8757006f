"""The county and its tree in SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from geoalchemy2 import WKBElement
from geoalchemy2 import functions as geo
from sqlalchemy import exists, func, insert, null, select, update
from sqlalchemy.orm import Session, aliased

from geo_service.accounts.narrow import areas_in
from geo_service.accounts.scope import Scope
from geo_service.areas.tree import AreaDraft, StoredArea
from geo_service.tables import Area, County, Patrol, PlaceVersion
from layers import codes
from layers.vocabulary import Level, Right


def counties(db: Session) -> Sequence[County]:
    """Return all counties by code."""
    return db.scalars(select(County).order_by(County.code)).all()


def county(db: Session, code: str) -> County | None:
    """Return the county with this code."""
    return db.scalars(select(County).where(County.code == code)).one_or_none()


def has_place_versions(db: Session, county_id: int) -> bool:
    """Tell whether anything was measured in the county's CRS."""
    return db.scalar(select(exists().where(PlaceVersion.county_id == county_id))) or False


def has_patrols(db: Session, county_id: int) -> bool:
    """Tell whether any day was taken by the county's clock."""
    return db.scalar(select(exists().where(Patrol.county_id == county_id))) or False


def area_at(db: Session, county_id: int, lon: float, lat: float) -> int | None:
    """Return the smallest area around a point."""
    point = geo.ST_SetSRID(geo.ST_MakePoint(lon, lat), 4326)
    return db.scalar(
        select(Area.id)
        .where(Area.county_id == county_id, Area.geom.is_not(None), geo.ST_Covers(Area.geom, point))
        .order_by(geo.ST_Area(Area.geom))
        .limit(1)
    )


def areas(db: Session, county_id: int, *, borders: bool = True) -> list[StoredArea]:
    """Return the county's areas by code, with their borders or (for lists) without."""
    above = aliased(Area)
    border = func.ST_AsBinary(Area.geom) if borders else null()
    rows = db.execute(
        select(Area.id, Area.code, Area.name, Area.level, above.code, border)
        .outerjoin(above, above.id == Area.parent_id)
        .where(Area.county_id == county_id)
        .order_by(Area.code)
    )
    return [
        StoredArea(id_, code, name, Level(level), parent, shapely.from_wkb(border))
        for id_, code, name, level, parent, border in rows
    ]


def tree(db: Session, county_id: int) -> list[tuple[int, int | None]]:
    """Return id and parent id of every area of the county."""
    rows = db.execute(select(Area.id, Area.parent_id).where(Area.county_id == county_id))
    return [(id_, parent_id) for id_, parent_id in rows]


def contacts(db: Session, county_id: int) -> dict[int, tuple[int | None, str | None, str | None]]:
    """Return of each area the one above it, and name and number of whom one telephones there."""
    found = select(Area.id, Area.parent_id, Area.contact_name, Area.contact_phone)
    return {
        id_: (above, name, phone)
        for id_, above, name, phone in db.execute(found.where(Area.county_id == county_id).order_by(Area.id))
    }


@dataclass(frozen=True)
class SeenArea:
    """An area as a list shows it."""

    id: int
    parent_id: int | None
    code: str
    name: str
    level: Level


def seen_areas(db: Session, scope: Scope) -> list[SeenArea]:
    """Return the areas of the scope by code."""
    rows = db.execute(
        select(Area.id, Area.parent_id, Area.code, Area.name, Area.level)
        .where(areas_in(scope))
        .order_by(Area.code)
    )
    return [SeenArea(id_, parent_id, code, name, Level(level)) for id_, parent_id, code, name, level in rows]


def area_id(db: Session, scope: Scope, code: str, *rights: Right) -> int | None:
    """Return the id of the area of the scope with a code."""
    return db.scalar(select(Area.id).where(areas_in(scope, *rights), Area.code == codes.full(code)))


def insert_areas(
    db: Session, county_id: int, drafts: Sequence[AreaDraft], ids: Mapping[str, int]
) -> dict[str, int]:
    """Store areas, each after its parent; `ids` are those of the stored codes. Return all ids by code."""
    known = dict(ids)
    left = list(drafts)
    while left:
        ready = [draft for draft in left if draft.parent is None or draft.parent in known]
        rows = [_values(county_id, draft, known) for draft in ready]
        new = db.execute(insert(Area).returning(Area.code, Area.id), rows)
        known |= {row.code: row.id for row in new}
        left = [draft for draft in left if draft.code not in known]
    return known


def update_areas(db: Session, county_id: int, drafts: Iterable[AreaDraft], ids: Mapping[str, int]) -> None:
    """Bring stored areas up to date; a draft without a border keeps the stored one."""
    for draft in drafts:
        values = _values(county_id, draft, ids)
        if draft.geometry is None:
            del values["geom"]
        db.execute(update(Area).where(Area.id == ids[draft.code]).values(values))


def _values(county_id: int, draft: AreaDraft, ids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "county_id": county_id,
        "parent_id": ids[draft.parent] if draft.parent else None,
        "code": draft.code,
        "name": draft.name,
        "level": draft.level.value,
        "geom": WKBElement(shapely.to_wkb(draft.geometry), srid=4326) if draft.geometry else None,
    }
