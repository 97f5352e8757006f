"""Where people live, as far as that is known: in the compound that their address names, else in a village."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.areas import service as areas
from geo_service.areas.tree import StoredArea
from geo_service.planning.queries import Resident
from geo_service.tables import County, Place, PlaceVersion
from layers import crs as crs_
from layers.eligibility import Home, named_in
from layers.vocabulary import Layer, Level


@dataclass(frozen=True, eq=False)
class Tree:
    """The areas of a proposal with those above them."""

    areas: Mapping[int, StoredArea]
    level_of: Mapping[int, Level]
    township_of: Mapping[int, int | None]


def tree(db: Session, county: County) -> Tree:
    """Return all areas of the county."""
    stored = areas.areas_of(db, county.id)
    by_code = {area.code: area for area in stored}

    def township(area: StoredArea | None) -> int | None:
        while area is not None and area.level is not Level.TOWNSHIP:
            area = by_code.get(area.parent or "")
        return None if area is None else area.id

    return Tree(
        {area.id: area for area in stored},
        {area.id: area.level for area in stored},
        {area.id: township(area) for area in stored},
    )


def homes(db: Session, county: County, of: Tree, people: Sequence[Resident]) -> list[Home]:
    """Return where each lives."""
    compounds = _compounds(db, county.id)
    names = [name for _, name, _, _ in compounds]
    crs = county.crs or ""
    middle: dict[int, tuple[float, float] | None] = {}
    found = []
    for person in people:
        area = of.areas.get(person.area_id or 0)
        village = area.id if area is not None and area.level is Level.VILLAGE else None
        township = None if area is None else of.township_of[area.id]
        if township is None and area is not None and area.level is Level.VILLAGE:
            township = area.id  # a county without townships
        k = named_in(person.home, names) if person.home else None
        if k is not None:
            place_id, _, polygon, listed = compounds[k]
            inside = village is None or listed is None or listed == village
            if inside:
                found.append(Home(township, village or listed, place_id, _middle(polygon, crs)))
                continue
        if village is not None and village not in middle:
            middle[village] = _middle(of.areas[village].geometry, crs)
        found.append(Home(township, village, None, middle.get(village) if village is not None else None))
    return found


def _middle(polygon: Any, crs: str) -> tuple[float, float] | None:
    if polygon is None or shapely.is_empty(polygon):
        return None
    x, y = shapely.get_coordinates(shapely.point_on_surface(crs_.project(polygon, crs)))[0].tolist()
    return x, y


def _compounds(db: Session, county_id: int) -> list[tuple[int, str, Any, int | None]]:
    """Return the compounds of the county that have a name: id, name, polygon, and the village they lie in."""
    rows = db.execute(
        select(Place.id, Place.name, func.ST_AsBinary(PlaceVersion.polygon), Place.area_id)
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(Place.county_id == county_id, Place.layer == Layer.COMPOUND, Place.name.is_not(None))
        .order_by(Place.id)
    )
    return [(id_, name, shapely.from_wkb(wkb), listed) for id_, name, wkb, listed in rows]
