"""Places as users read them, narrowed to their scope: lists, and one with its history and its holders."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from geo_service.accounts.narrow import duties_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import Column, Listing
from geo_service.errors import NotFound
from geo_service.places.membership import DM_PER_M
from geo_service.tables import Area, Duty, Person, Place, PlaceArea, PlaceVersion
from layers.vocabulary import DutyKind, Layer, Level, Role

COLUMNS = (
    Column("id", "序号", "whole"),
    Column("layer", "图层"),
    Column("code", "编码"),
    Column("name", "名称"),
    Column("in_scheme", "纳管", "flag"),
    Column("township", "镇街"),
    Column("village", "村居"),
    Column("on_map", "已上图", "flag"),
    # Called otherwise than what a list says of a length, so that an export comes back unchanged.
    Column("length_m", "图上长度（米）", "number"),
    Column("area_m2", "图上面积（平方米）", "number"),
)
ATTRIBUTES = (
    Column("level", "级别"),
    Column("class", "类型"),
    Column("length_km", "长度（公里）", "number"),
    Column("width_m", "宽度（米）", "number"),
    Column("banks", "两岸"),
    Column("start", "起点"),
    Column("end", "终点"),
    Column("surface", "路面类型"),
    Column("manager", "管理单位"),
    Column("signs", "公示牌数量"),
    Column("households", "户数", "number"),
    Column("population", "人口", "number"),
    Column("extent", "四至范围"),
    Column("grid_code", "所属网格"),
    Column("address", "地址"),
    Column("built_year", "建成年份"),
    Column("floor_area_m2", "建筑面积（平方米）", "number"),
    Column("buildings", "楼栋数", "number"),
    Column("committee", "业委会"),
    Column("committee_term", "业委会届期"),
    Column("party_members", "业委会老党员人数"),
    Column("studio", "工作室名称"),
    Column("note", "备注"),
)
"""What files give of a place besides: as its list said it, under headings that an import reads."""
GEOMETRY = Column("geometry", "图形", "geometry")
_AT_A_TIME = 500


@dataclass(frozen=True)
class Wanted:
    """Which places of the scope are asked for."""

    layer: Layer | None = None
    area: str | None = None
    """Code of a township or village, with all below it."""
    in_scheme: bool | None = None
    on_map: bool | None = None
    text: str | None = None
    """A part of the name, or the beginning of the code."""


@dataclass(frozen=True)
class InArea:
    """What of a place lies in one area: metres of a line, None for an area place."""

    code: str
    name: str
    level: Level
    length_m: float | None


@dataclass(frozen=True)
class Version:
    """A place's geometry as it was stored at a time."""

    number: int
    length_m: float | None
    area_m2: float | None
    created_at: dt.datetime


@dataclass(frozen=True)
class Holder:
    """Someone's duty for a place; spans in metres, None: all of it or a part drawn as cells."""

    duty_id: int
    person: str
    role: Role
    kind: DutyKind
    level: Level
    first_day: dt.date | None
    last_day: dt.date | None
    spans_m: list[tuple[float, float]] | None


@dataclass(frozen=True)
class PlaceCard:
    """One place with everything that is said of it."""

    row: tuple[Any, ...]
    """Values of COLUMNS and the geometry."""
    attributes: dict[str, Any]
    areas: list[InArea]
    versions: list[Version]
    holders: list[Holder]


def page(db: Session, scope: Scope, wanted: Wanted, *, after: int, limit: int) -> tuple[Listing, int | None]:
    """Return the places behind the id `after`, and the id behind which the next page begins."""
    chosen = _rows(db, scope, wanted).where(Place.id > after).limit(limit + 1)
    rows = [tuple(row) for row in db.execute(chosen)]
    more = rows[limit - 1][0] if len(rows) > limit else None
    return Listing("places", "对象", COLUMNS, rows[:limit]), more


def every(db: Session, scope: Scope, wanted: Wanted, *, drawn: bool) -> Iterator[tuple[Any, ...]]:
    """Yield the values of COLUMNS and ATTRIBUTES for all places, fetched as they are used.

    `drawn`: and GEOMETRY.
    """
    chosen = _rows(db, scope, wanted).add_columns(Place.attributes, *((_BINARY,) if drawn else ()))
    for id_, layer, *row in _streamed(db, chosen):
        *plain, attributes = row[:-1] if drawn else row
        own = (attributes.get(column.name) for column in ATTRIBUTES)
        yield (id_, Layer(layer), *plain, *own, *((shapely.from_wkb(row[-1]),) if drawn else ()))


def card(db: Session, scope: Scope, place_id: int) -> PlaceCard:
    """Return one place of the scope; raises NotFound."""
    found = db.execute(_rows(db, scope, Wanted()).add_columns(_BINARY).where(Place.id == place_id)).first()
    if found is None:
        raise NotFound("没有这个对象，或者您没有查看它的权限。")
    *row, binary = found
    place = db.get_one(Place, place_id)
    return PlaceCard(
        (*row, shapely.from_wkb(binary)),
        place.attributes,
        _areas(db, place),
        _versions(db, place),
        _holders(db, scope, place),
    )


_ABOVE = aliased(Area)
# Of a river whose banks are apart the centre line: with its width an import makes the banks of it again.
_BINARY = func.ST_AsBinary(
    func.coalesce(func.ST_Force2D(PlaceVersion.axis), PlaceVersion.line, PlaceVersion.polygon)
)


def _rows(db: Session, scope: Scope, wanted: Wanted) -> Select[Any]:
    """Return the query of COLUMNS for the places that are asked for, by id."""
    in_village = Area.level == Level.VILLAGE
    return (
        select(
            Place.id,
            Place.layer,
            Place.code,
            Place.name,
            Place.in_scheme,
            case((in_village, _ABOVE.name), else_=Area.name),
            case((in_village, Area.name)),
            Place.version_id.is_not(None),
            PlaceVersion.length_dm / float(DM_PER_M),
            PlaceVersion.area_m2,
        )
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .outerjoin(Area, Area.id == Place.area_id)
        .outerjoin(_ABOVE, _ABOVE.id == Area.parent_id)
        .where(places_in(scope), *_conditions(db, scope, wanted))
        .order_by(Place.id)
    )


def _conditions(db: Session, scope: Scope, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.layer is not None:
        conditions.append(Place.layer == wanted.layer)
    if wanted.in_scheme is not None:
        conditions.append(Place.in_scheme == wanted.in_scheme)
    if wanted.on_map is not None:
        conditions.append(Place.version_id.is_not(None) == wanted.on_map)
    if wanted.text:
        in_name = Place.name.contains(wanted.text, autoescape=True)
        conditions.append(or_(in_name, Place.code.startswith(wanted.text, autoescape=True)))
    if wanted.area is not None:
        below = areas.descendants(db, scope.county_id, [areas.area_id_of(db, scope, wanted.area)])
        lies_in = select(PlaceArea.place_version_id).where(
            PlaceArea.county_id == scope.county_id, PlaceArea.area_id.in_(below)
        )
        conditions.append(or_(Place.version_id.in_(lies_in), Place.area_id.in_(below)))
    return conditions


def _streamed(db: Session, chosen: Select[Any]) -> Iterator[tuple[Any, ...]]:
    for row in db.execute(chosen.execution_options(yield_per=_AT_A_TIME)):
        yield tuple(row)


def _areas(db: Session, place: Place) -> list[InArea]:
    rows = db.execute(
        select(Area.code, Area.name, Area.level, PlaceArea.spans)
        .join(Area, Area.id == PlaceArea.area_id)
        .where(PlaceArea.county_id == place.county_id, PlaceArea.place_version_id == place.version_id)
        .order_by(Area.code)
    )
    return [
        InArea(code, name, Level(level), None if spans is None else sum(b - a for a, b in _metres(spans)))
        for code, name, level, spans in rows
    ]


def _versions(db: Session, place: Place) -> list[Version]:
    rows = db.execute(
        select(PlaceVersion.number, PlaceVersion.length_dm, PlaceVersion.area_m2, PlaceVersion.created_at)
        .where(PlaceVersion.county_id == place.county_id, PlaceVersion.place_id == place.id)
        .order_by(PlaceVersion.number.desc())
    )
    return [
        Version(number, None if dm is None else dm / DM_PER_M, m2, created_at)
        for number, dm, m2, created_at in rows
    ]


def _holders(db: Session, scope: Scope, place: Place) -> list[Holder]:
    rows = db.execute(
        select(Duty.id, Person.name, Duty.role, Duty.kind, Duty.level, Duty.in_force, Duty.spans)
        .join(Person, Person.id == Duty.person_id)
        .where(duties_in(scope), Duty.place_id == place.id)
        .order_by(func.lower(Duty.in_force).desc(), Duty.id)
    )
    return [
        Holder(
            id_,
            person,
            Role(role),
            DutyKind(kind),
            Level(level),
            force.lower,
            force.upper - dt.timedelta(days=1) if force.upper else None,
            None if spans is None else _metres(spans),
        )
        for id_, person, role, kind, level, force, spans in rows
    ]


def _metres(spans: list[Any]) -> list[tuple[float, float]]:
    return [(span.lower / DM_PER_M, span.upper / DM_PER_M) for span in spans]
