"""The SQL of tiles: one statement a layer of a tile, over the copy of geometry that lies in their plane."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, exists, func, null, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import areas_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.tables import Area, Place, PlaceArea, PlaceVersion, Shown
from geo_service.tiles.shape import EXTENT, LINES_FROM, MARGIN, NAMED_FROM, STRETCHES_FROM, Form, Tile
from layers.vocabulary import Layer, Level

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Version:
    """How often what maps show was changed: places, coverage, duties."""

    geometry: int
    coverage: int
    duty: int


@dataclass(frozen=True)
class Asked:
    """Which places a tile shows, and of which window and duties."""

    first_day: dt.date
    last_day: dt.date
    layers: Sequence[Layer]
    only_scheme: bool
    areas: frozenset[int] | None
    """Places, and what of lines lies in them; None: all."""
    duty: str
    level: str | None


def version(db: Session, county_id: int) -> Version:
    """Return how often what a county's maps show was changed."""
    row = db.execute(
        select(Shown.geometry, Shown.coverage, Shown.duty).where(Shown.county_id == county_id)
    ).one_or_none()
    return Version(*row) if row else Version(0, 0, 0)


def places(db: Session, scope: Scope, asked: Asked, tile: Tile, form: Form) -> bytes:
    """Return the places in a tile; where `LINES_FROM` is not reached, the townships, if they have borders."""
    if tile.z < LINES_FROM and (found := _townships(db, scope, tile, form)):
        return found
    shape = PlaceVersion.drawn if tile.z >= STRETCHES_FROM else PlaceVersion.sketch
    name = Place.name if tile.z >= NAMED_FROM else cast(null(), Text)
    rows = (
        select(
            Place.id, Place.layer, Place.in_scheme.label("scheme"), name.label("name"),
            _cut(shape, tile, form).label("geom"),
        )
        .join(PlaceVersion, (PlaceVersion.place_id == Place.id) & (PlaceVersion.id == Place.version_id))
        .where(PlaceVersion.county_id == scope.county_id, *_chosen(scope, asked), _within(shape, tile))
    )  # fmt: skip
    return _written(db, rows, "places", form)


def _townships(db: Session, scope: Scope, tile: Tile, form: Form) -> bytes:
    shape = func.ST_Transform(Area.geom, 3857)
    rows = select(Area.id, Area.name, _cut(shape, tile, form).label("geom")).where(
        areas_in(scope),
        Area.level == Level.TOWNSHIP,
        Area.geom.op("&&")(func.ST_Transform(_box(tile), 4326)),
    )
    return _written(db, rows, "areas", form)


def lines_in(db: Session, scope: Scope, asked: Asked, tile: Tile) -> list[int]:
    """Return the versions of the lines in a tile."""
    return list(
        db.scalars(
            select(PlaceVersion.id)
            .join(Place, (PlaceVersion.place_id == Place.id) & (PlaceVersion.id == Place.version_id))
            .where(
                PlaceVersion.county_id == scope.county_id,
                *_chosen(scope, asked),
                PlaceVersion.line.is_not(None),
                _within(PlaceVersion.drawn, tile),
            )
        )
    )


def _chosen(scope: Scope, asked: Asked) -> list[Condition]:
    chosen = [places_in(scope)]
    if len(asked.layers) < len(Layer):
        chosen.append(Place.layer.in_(asked.layers))
    if asked.only_scheme:
        chosen.append(Place.in_scheme.is_(True))
    if asked.areas is not None:
        inside = select(PlaceArea.place_version_id).where(
            PlaceArea.county_id == scope.county_id, PlaceArea.area_id.in_(asked.areas)
        )
        unmapped = ~exists().where(PlaceArea.place_version_id == Place.version_id).correlate(Place)
        chosen.append(or_(Place.version_id.in_(inside), Place.area_id.in_(asked.areas) & unmapped))
    return chosen


def _box(tile: Tile, **margin: float) -> ColumnElement[Any]:
    return func.ST_TileEnvelope(tile.z, tile.x, tile.y, **margin)


def _within(shape: Any, tile: Tile) -> Condition:
    meets: Condition = shape.op("&&")(_box(tile))
    return meets


def _cut(shape: Any, tile: Tile, form: Form) -> ColumnElement[Any]:
    if form is Form.MVT:
        return func.ST_AsMVTGeom(shape, _box(tile), EXTENT, MARGIN)
    return func.ST_Transform(func.ST_ClipByBox2D(func.ST_MakeValid(func.ST_Force2D(shape)), _box(tile)), 4326)


def _written(db: Session, rows: Select[Any], name: str, form: Form) -> bytes:
    """Return rows as a layer of a tile; empty where there are none."""
    found = rows.subquery("t")
    row = text("t")
    if form is Form.MVT:
        mvt = func.ST_AsMVT(row, name, EXTENT, "geom", "id")
        return bytes(db.scalar(select(mvt).select_from(found).where(found.c.geom.is_not(None))) or b"")
    json = func.json_agg(cast(func.ST_AsGeoJSON(row, "geom", 6), postgresql.JSON))
    return (
        db.scalar(select(cast(json, Text)).select_from(found).where(~func.ST_IsEmpty(found.c.geom))) or ""
    ).encode()


def extent(db: Session, scope: Scope, asked: Asked) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of the places asked for."""
    box = func.ST_Transform(func.ST_SetSRID(func.ST_Extent(PlaceVersion.drawn), 3857), 4326)
    inner = (
        select(box.label("box"))
        .join(Place, (PlaceVersion.place_id == Place.id) & (PlaceVersion.id == Place.version_id))
        .where(PlaceVersion.county_id == scope.county_id, *_chosen(scope, asked))
        .subquery()
    )
    ends = (getattr(func, name)(inner.c.box) for name in ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax"))
    west, south, east, north = db.execute(select(*ends)).one()
    return None if west is None else (west, south, east, north)


def townships_of(db: Session, scope: Scope) -> list[int]:
    """Return the townships of the scope that a map can draw, by code."""
    return list(
        db.scalars(
            select(Area.id)
            .where(areas_in(scope), Area.level == Level.TOWNSHIP, Area.geom.is_not(None))
            .order_by(Area.code)
        )
    )
