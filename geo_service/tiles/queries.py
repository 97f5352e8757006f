"""The SQL of tiles: one statement a tile, over the copy of geometry that lies in their plane."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import areas_in, places_in
from geo_service.accounts.scope import Actor, Scope
from geo_service.statements import Statement
from geo_service.tables import WEB_MERCATOR, Area, Place, PlaceArea, PlaceVersion, Shown
from geo_service.tiles.shape import (
    EXTENT,
    LABELLED_FROM,
    LINES_FROM,
    MARGIN,
    NAMED_FROM,
    STRETCHES_FROM,
    Form,
    Tile,
)
from layers.vocabulary import Layer, Level, Right

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
    layers: tuple[Layer, ...]
    only_scheme: bool
    areas: frozenset[int] | None
    """Places, and what of lines lies in them; None: all."""
    duty: str
    level: str | None


_VERSION = Statement.of(
    select(Shown.geometry, Shown.coverage, Shown.duty).where(Shown.county_id == bindparam("county_id"))
)


def version(db: Session, county_id: int) -> Version:
    """Return how often what a county's maps show was changed."""
    row: Any = _VERSION.ask(db, county_id=county_id).one_or_none()
    return Version(*row) if row else Version(0, 0, 0)


def places(db: Session, scope: Scope, asked: Asked, tile: Tile, form: Form) -> bytes:
    """Return the places in a tile; where `LINES_FROM` is not reached, the townships, if they have borders."""
    reader = _Reader.of(scope)
    if tile.z < LINES_FROM and (found := _drawn(db, _townships(reader, form), tile)):
        return found
    return _drawn(db, _places(reader, asked, _detail(tile), form), tile)


def lines_in(db: Session, scope: Scope, asked: Asked, tile: Tile) -> list[int]:
    """Return the versions of the lines in a tile."""
    return [id_ for (id_,) in _lines(_Reader.of(scope), asked).ask(db, z=tile.z, x=tile.x, y=tile.y)]


class _Reader(NamedTuple):
    """Of a scope what narrows reading, and no more: colleagues with the same rights read the same."""

    county_id: int
    rights: frozenset[tuple[Right, frozenset[int] | None]]
    person_id: uuid.UUID | None

    @classmethod
    def of(cls, scope: Scope) -> "_Reader":
        return cls(scope.county_id, frozenset(scope.rights.items()), scope.person_id)

    @property
    def scope(self) -> Scope:
        return Scope(self.county_id, Actor(), dict(self.rights), self.person_id)


class _Detail(NamedTuple):
    """How much of places a zoom shows."""

    is_sketched: bool
    has_names: bool
    has_labels: bool


def _detail(tile: Tile) -> _Detail:
    return _Detail(tile.z < STRETCHES_FROM, tile.z >= NAMED_FROM, tile.z >= LABELLED_FROM)


# A map asks for dozens of tiles with one question: only their numbers change.


@lru_cache(maxsize=256)
def _places(reader: _Reader, asked: Asked, detail: _Detail, form: Form) -> Statement:
    shape = PlaceVersion.sketch if detail.is_sketched else PlaceVersion.drawn
    name = Place.name if detail.has_names else cast(null(), Text)
    chosen = _chosen(reader.scope, asked)
    rows = _of_places(
        Place.id, Place.layer, Place.in_scheme.label("scheme"), name.label("name"),
        _cut(shape, form).label("geom"),
    ).where(PlaceVersion.county_id == reader.county_id, *chosen, _within(shape))  # fmt: skip
    layers = [_layer(rows, "places", form)]
    if detail.has_labels and form is Form.MVT:
        spot = func.ST_PointOnSurface(PlaceVersion.drawn)
        names = _of_places(Place.id, Place.name, _cut(spot, form).label("geom")).where(
            PlaceVersion.county_id == reader.county_id, *chosen, _within(PlaceVersion.drawn),
            PlaceVersion.polygon.is_not(None), Place.name.is_not(None), _holds(spot),
        )  # fmt: skip
        layers.append(_layer(names, "names", form))
    return _written(layers)


@lru_cache(maxsize=64)
def _townships(reader: _Reader, form: Form) -> Statement:
    shape = func.ST_Transform(Area.geom, WEB_MERCATOR)
    here = (areas_in(reader.scope), Area.level == Level.TOWNSHIP)
    near = Area.geom.op("&&")(func.ST_Transform(_box(), 4326))
    rows = select(Area.id, Area.name, _cut(shape, form).label("geom")).where(*here, near)
    layers = [_layer(rows, "areas", form)]
    if form is Form.MVT:
        spot = func.ST_Transform(func.ST_PointOnSurface(Area.geom), WEB_MERCATOR)
        names = select(Area.id, Area.name, _cut(spot, form).label("geom")).where(*here, near, _holds(spot))
        layers.append(_layer(names, "names", form))
    return _written(layers)


@lru_cache(maxsize=64)
def _lines(reader: _Reader, asked: Asked) -> Statement:
    return Statement.of(
        _of_places(PlaceVersion.id).where(
            PlaceVersion.county_id == reader.county_id,
            *_chosen(reader.scope, asked),
            PlaceVersion.line.is_not(None),
            _within(PlaceVersion.drawn),
        )
    )


def _of_places(*columns: Any) -> Select[Any]:
    in_force = (PlaceVersion.place_id == Place.id) & (PlaceVersion.id == Place.version_id)
    return select(*columns).select_from(Place).join(PlaceVersion, in_force)


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


def _box() -> ColumnElement[Any]:
    return func.ST_TileEnvelope(*(bindparam(name, type_=Integer) for name in "zxy"))


def _within(shape: Any) -> Condition:
    meets: Condition = shape.op("&&")(_box())
    return meets


def _holds(spot: Any) -> Condition:
    """Return the condition for points of which this tile, and no neighbour, is."""
    east, south = func.ST_X(spot), func.ST_Y(spot)
    return and_(
        east >= func.ST_XMin(_box()), east < func.ST_XMax(_box()),
        south >= func.ST_YMin(_box()), south < func.ST_YMax(_box()),
    )  # fmt: skip


def _cut(shape: Any, form: Form) -> ColumnElement[Any]:
    if form is Form.MVT:
        return func.ST_AsMVTGeom(shape, _box(), EXTENT, MARGIN)
    return func.ST_Transform(func.ST_ClipByBox2D(func.ST_MakeValid(func.ST_Force2D(shape)), _box()), 4326)


def _layer(rows: Select[Any], name: str, form: Form) -> ColumnElement[Any]:
    """Return rows as a layer of a tile; null where there are none."""
    found = rows.subquery("t")
    row = text("t")
    if form is Form.MVT:
        made, is_there = func.ST_AsMVT(row, name, EXTENT, "geom", "id"), found.c.geom.is_not(None)
        return select(made).select_from(found).where(is_there).scalar_subquery()
    json = func.json_agg(cast(func.ST_AsGeoJSON(row, "geom", 6), postgresql.JSON))
    told = select(func.convert_to(cast(json, Text), "UTF8"))
    return told.select_from(found).where(~func.ST_IsEmpty(found.c.geom)).scalar_subquery()


def _written(layers: Sequence[ColumnElement[Any]]) -> Statement:
    """Return the statement of a tile: its layers one behind the other, as the format allows."""
    return Statement.of(select(*layers))


def _drawn(db: Session, statement: Statement, tile: Tile) -> bytes:
    layers = statement.ask(db, z=tile.z, x=tile.x, y=tile.y).one()
    return b"".join(bytes(layer) for layer in layers if layer)


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
