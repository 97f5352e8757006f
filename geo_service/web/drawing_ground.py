"""What a drawing is made over: the place as it is, borders and neighbours, the box to begin with."""

from typing import Any

import numpy as np
import shapely
from geoalchemy2 import Geometry
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import areas_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.tables import Area, County, Place, PlaceVersion
from layers.vocabulary import Level

Box = tuple[float, float, float, float]

MOST = 1_500
"""Neighbours that a phone draws without effort; the scheme's come first."""
_ROUNDED_DEG = 6


def geometry(db: Session, place: Place) -> str:
    """Return the geometry in force as GeoJSON; empty while 未上图."""
    there = func.coalesce(
        PlaceVersion.axis,
        func.ST_Force2D(PlaceVersion.line, type_=Geometry),
        func.ST_Force2D(PlaceVersion.polygon, type_=Geometry),
    )
    found = db.scalar(select(func.ST_AsGeoJSON(there, 7)).where(PlaceVersion.id == place.version_id))
    return str(found) if found else ""


def bounds(db: Session, place: Place, county: County) -> list[float] | None:
    """Return west, south, east, north to begin with: of the place, else of its area, else of the county."""
    for query in (
        select(func.ST_Extent(func.coalesce(PlaceVersion.line, PlaceVersion.polygon))).where(
            PlaceVersion.id == place.version_id
        ),
        select(func.ST_Extent(Area.geom)).where(Area.id == place.area_id),
    ):
        box = db.scalar(query)
        if box:
            return [float(side) for side in box.removeprefix("BOX(").rstrip(")").replace(",", " ").split()]
    sides = (county.west, county.south, county.east, county.north)
    return [side for side in sides if side is not None] if None not in sides else None


def around(db: Session, scope: Scope, box: Box, *, without: int) -> dict[str, Any]:
    """Return townships and places of the scope that meet a box, as a FeatureCollection."""
    west, south, east, north = box
    frame = func.ST_MakeEnvelope(west, south, east, north, 4326)
    fineness = max(east - west, 1e-6) / 1_000  # a pixel or so
    borders = db.execute(
        select(Area.name, func.ST_AsBinary(func.ST_Simplify(Area.geom, fineness, type_=Geometry)))
        .where(areas_in(scope), Area.level == Level.TOWNSHIP, Area.geom.op("&&")(frame))
        .order_by(Area.code)
    )
    features = [_feature("border", name, wkb) for name, wkb in borders if wkb]
    for column in (PlaceVersion.polygon, PlaceVersion.line):
        flat = func.ST_Simplify(func.ST_Force2D(column, type_=Geometry), fineness, type_=Geometry)
        rows = db.execute(
            select(Place.layer, Place.name, Place.in_scheme, func.ST_AsBinary(flat))
            .join(PlaceVersion, (PlaceVersion.id == Place.version_id) & (PlaceVersion.place_id == Place.id))
            .where(places_in(scope), Place.id != without, column.op("&&")(frame))
            .order_by(Place.in_scheme.desc(), Place.id)
            .limit(MOST)
        )
        features += [_feature(layer, name, wkb, scheme=scheme) for layer, name, scheme, wkb in rows if wkb]
    return {"type": "FeatureCollection", "features": features}


def _feature(kind: str, name: str | None, wkb: bytes, *, scheme: bool = True) -> dict[str, Any]:
    shape = shapely.transform(shapely.from_wkb(bytes(wkb)), lambda xy: np.round(xy, _ROUNDED_DEG))
    return {
        "type": "Feature",
        "geometry": shapely.geometry.mapping(shape),
        "properties": {"kind": kind, "name": name or "", "scheme": scheme},
    }
