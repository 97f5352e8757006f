"""What pages read beside the features' own services: counts, lists and the facts of one place."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.functions import coalesce

from geo_service.accounts.narrow import CHANGE, areas_in, duties_in, patrols_in, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.counting import covering
from geo_service.tables import Area, County, Duty, Job, Patrol, Person, Place, PlaceArea, PlaceVersion
from layers.vocabulary import DutyKind, Layer, Level, Right, Role

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class LayerCount:
    """How many places a layer has."""

    layer: Layer
    registered: int
    in_scheme: int
    off_map: int
    """In the scheme, without a geometry (未上图)."""


@dataclass(frozen=True)
class AreaChoice:
    """A township or village to choose from."""

    code: str
    name: str
    level: Level


@dataclass(frozen=True)
class Listed:
    """A place in a list."""

    id: int
    layer: Layer
    code: str
    name: str | None
    in_scheme: bool
    on_map: bool
    length_m: float | None
    area_m2: float | None
    areas: list[str]


@dataclass(frozen=True)
class Version:
    """A place's geometry as it was from a day on."""

    id: int
    number: int
    length_m: float | None
    area_m2: float | None
    sources: list[Any]
    created_at: dt.datetime
    """In the county's time zone."""


@dataclass(frozen=True)
class Holder:
    """Someone's duty for a place; spans in decimetres, None: all of it."""

    person_id: uuid.UUID
    name: str
    role: Role
    kind: DutyKind
    level: Level
    first_day: dt.date | None
    last_day: dt.date | None
    spans_dm: Spans | None


def layer_counts(db: Session, scope: Scope) -> list[LayerCount]:
    """Return the counts of every layer that has places in the scope, in the vocabulary's order."""
    off_map = Place.in_scheme & Place.version_id.is_(None)
    rows = db.execute(
        select(
            Place.layer,
            func.count(),
            func.count().filter(Place.in_scheme),
            func.count().filter(off_map),
        )
        .where(places_in(scope))
        .group_by(Place.layer)
    )
    counts = {layer: LayerCount(Layer(layer), *numbers) for layer, *numbers in rows}
    return [counts[layer] for layer in Layer if layer in counts]


def is_empty(db: Session, scope: Scope) -> bool:
    """Tell whether the county's register holds no place at all."""
    return not db.scalar(select(exists().where(Place.county_id == scope.county_id)))


def stewards(db: Session, scope: Scope, day: dt.date) -> int:
    """Count the volunteers with a duty in force on a day, as far as the scope sees them."""
    in_force = Duty.in_force.contains(day)
    volunteers = Duty.kind == DutyKind.VOLUNTEER
    found = select(func.count(Duty.person_id.distinct())).where(duties_in(scope), in_force, volunteers)
    return db.scalar(found) or 0


def patrols(db: Session, scope: Scope, first: dt.date, last: dt.date) -> int:
    """Count the outings of a window that count or wait for review, as far as the scope sees them."""
    found = select(func.count()).where(
        patrols_in(scope),
        Patrol.day.between(first, last),
        covering(),
        Patrol.same_outing_as.is_(None),
    )
    return db.scalar(found) or 0


def area_choices(db: Session, scope: Scope, *rights: Right) -> list[AreaChoice]:
    """Return the townships and villages of the scope by code; those in which one of `rights` holds."""
    rows = db.execute(
        select(Area.code, Area.name, Area.level)
        .where(areas_in(scope, *rights), Area.level != Level.COUNTY)
        .order_by(Area.code)
    )
    return [AreaChoice(code, name, Level(level)) for code, name, level in rows]


def person_name(db: Session, scope: Scope, person_id: uuid.UUID | None) -> str | None:
    """Return the name of a person of the scope; None where there is none, or he is beyond it."""
    if person_id is None:
        return None
    return db.scalar(select(Person.name).where(Person.id == person_id, people_in(scope)))


@dataclass(frozen=True)
class Typable:
    """A name that a field proposes, and what tells it from others of that name."""

    name: str
    described: str


MOST_NAMES = 5000
"""Names that one field proposes; any other can be typed in full."""


def names_to_type(db: Session, scope: Scope) -> list[Typable]:
    """Return the people of the scope whom one may enter outings for, by name."""
    rows = db.execute(
        select(Person.name, Person.number, Area.name)
        .outerjoin(Area, Area.id == Person.area_id)
        .where(people_in(scope, *CHANGE), Person.deleted_at.is_(None))
        .order_by(Person.name, Person.number)
        .limit(MOST_NAMES)
    )
    return [Typable(name, "，".join(filter(None, (number, area)))) for name, number, area in rows]


def places_to_type(db: Session, scope: Scope) -> list[Typable]:
    """Return the places of the scheme in the scope by name."""
    rows = db.execute(
        select(Place.name, Place.code, Place.layer)
        .where(places_in(scope), Place.in_scheme, Place.name.is_not(None))
        .order_by(Place.name, Place.code)
        .limit(MOST_NAMES)
    )
    named = ((name, Layer(layer).zh, code) for name, code, layer in rows if name)
    return [Typable(name, "，".join(filter(None, of))) for name, *of in named]


def borders(db: Session, scope: Scope) -> list[tuple[str, Any]]:
    """Return names and borders (lon, lat) of the townships of the scope."""
    rows = db.execute(
        select(Area.name, func.ST_AsBinary(Area.geom)).where(
            areas_in(scope), Area.level == Level.TOWNSHIP, Area.geom.is_not(None)
        )
    )
    return [(name, shapely.from_wkb(bytes(border))) for name, border in rows]


def border(db: Session, scope: Scope, area_id: int) -> Any | None:
    """Return the border (lon, lat) of an area of the scope; None where it is not known."""
    found = db.scalar(select(func.ST_AsBinary(Area.geom)).where(areas_in(scope), Area.id == area_id))
    return None if found is None else shapely.from_wkb(bytes(found))


def areas_beneath(db: Session, scope: Scope, area_id: int | None) -> list[tuple[int, str]]:
    """Return ids and names of the areas right beneath one, by code; None: the townships of the scope."""
    beneath = Area.level == Level.TOWNSHIP if area_id is None else Area.parent_id == area_id
    rows = db.execute(select(Area.id, Area.name).where(areas_in(scope), beneath).order_by(Area.code))
    return [(found_id, name) for found_id, name in rows]


def registered_lines(db: Session, scope: Scope, layer: Layer) -> list[tuple[str, str | None, Any]]:
    """Return code, name and line (lon, lat) of the places of a layer that are not in the scheme."""
    flat = func.ST_AsBinary(func.ST_Force2D(PlaceVersion.line, type_=Geometry))
    rows = db.execute(
        select(Place.code, Place.name, flat)
        .join(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(places_in(scope), Place.layer == layer, ~Place.in_scheme, PlaceVersion.line.is_not(None))
        .order_by(Place.id)
    )
    return [(code, name, shapely.from_wkb(bytes(line))) for code, name, line in rows]


def found_places(
    db: Session,
    scope: Scope,
    *,
    layer: Layer | None,
    text: str,
    only_scheme: bool,
    limit: int,
    offset: int,
) -> Sequence[Listed]:
    """Return places of the scope by name; `text` is a part of the name or the beginning of the code."""
    chosen = _place_rows().where(places_in(scope))
    if layer is not None:
        chosen = chosen.where(Place.layer == layer)
    if only_scheme:
        chosen = chosen.where(Place.in_scheme)
    if text:
        in_name = Place.name.contains(text, autoescape=True)
        chosen = chosen.where(or_(in_name, Place.code.startswith(text, autoescape=True)))
    ordered = chosen.order_by(Place.layer, Place.name, Place.id).limit(limit).offset(offset)
    return _listed(db, scope, ordered)


def place(db: Session, scope: Scope, place_id: int) -> Listed | None:
    """Return one place of the scope."""
    found = _listed(db, scope, _place_rows().where(places_in(scope), Place.id == place_id))
    return found[0] if found else None


def may_change(db: Session, scope: Scope, place_id: int) -> bool:
    """Tell whether the scope may change a place."""
    found = select(Place.id).where(places_in(scope, *CHANGE), Place.id == place_id)
    return db.scalar(found) is not None


def versions(db: Session, county: County, place_id: int) -> list[Version]:
    """Return the versions of a place, the newest first."""
    zone = ZoneInfo(county.time_zone)
    rows = db.execute(
        select(
            PlaceVersion.id, PlaceVersion.number, PlaceVersion.length_dm, PlaceVersion.area_m2,
            PlaceVersion.sources, PlaceVersion.created_at,
        )
        .where(PlaceVersion.county_id == county.id, PlaceVersion.place_id == place_id)
        .order_by(PlaceVersion.number.desc())
    )  # fmt: skip
    return [
        Version(id_, number, _metres(length_dm), area_m2, sources, created_at.astimezone(zone))
        for id_, number, length_dm, area_m2, sources, created_at in rows
    ]


def holders(db: Session, scope: Scope, place_id: int) -> list[Holder]:
    """Return everybody's duties for a place, the latest first, as far as the scope sees them."""
    rows = db.execute(
        select(Person.id, Person.name, Duty.role, Duty.kind, Duty.level, Duty.in_force, Duty.spans)
        .join(Person, Person.id == Duty.person_id)
        .where(duties_in(scope), Duty.place_id == place_id)
        .order_by(func.lower(Duty.in_force).desc(), Duty.id)
    )
    return [
        Holder(person_id, name, Role(role), DutyKind(kind), Level(level), *_days(force), _pairs(spans))
        for person_id, name, role, kind, level, force, spans in rows
    ]


def latest_job(db: Session, kind: str) -> Job | None:
    """Return the job of a kind that was made last."""
    return db.scalars(select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(1)).one_or_none()


def _place_rows() -> Select[Any]:
    columns: list[Any] = [
        Place.id,
        Place.layer,
        Place.code,
        Place.name,
        Place.in_scheme,
        Place.version_id,
        Place.area_id,
        PlaceVersion.length_dm,
        PlaceVersion.area_m2,
    ]
    return select(*columns).outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)


def _listed(db: Session, scope: Scope, chosen: Select[Any]) -> list[Listed]:
    rows = db.execute(chosen).all()
    names = _area_names(db, scope, [row.version_id for row in rows], [row.area_id for row in rows])
    return [
        Listed(
            row.id,
            Layer(row.layer),
            row.code,
            row.name,
            row.in_scheme,
            row.version_id is not None,
            _metres(row.length_dm),
            row.area_m2,
            names.get(("version", row.version_id)) or names.get(("area", row.area_id), []),
        )
        for row in rows
    ]


def _area_names(
    db: Session, scope: Scope, version_ids: Sequence[int | None], area_ids: Sequence[int | None]
) -> dict[tuple[str, int], list[str]]:
    """Return the townships in which versions lie, and the names of areas."""
    names: dict[tuple[str, int], list[str]] = {}
    above = aliased(Area)
    township: ColumnElement[str] = coalesce(above.name, Area.name)
    lying = db.execute(
        select(PlaceArea.place_version_id, Area.name)
        .join(Area, Area.id == PlaceArea.area_id)
        .where(
            PlaceArea.county_id == scope.county_id,
            PlaceArea.place_version_id.in_([v for v in version_ids if v is not None]),
            Area.level == Level.TOWNSHIP,
        )
        .order_by(Area.code)
    )
    for version_id, name in lying:
        names.setdefault(("version", version_id), []).append(name)
    listed = db.execute(
        select(Area.id, township)
        .outerjoin(above, (above.id == Area.parent_id) & (Area.level == Level.VILLAGE))
        .where(Area.county_id == scope.county_id, Area.id.in_([a for a in area_ids if a is not None]))
    )
    for area_id, name in listed:
        names[("area", area_id)] = [name]
    return names


def _metres(length_dm: int | None) -> float | None:
    return None if length_dm is None else length_dm / 10


def _days(force: Range[dt.date]) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and the last day of a half-open range; None: no end."""
    return force.lower, None if force.upper is None else force.upper - dt.timedelta(days=1)


def _pairs(spans: list[Range[int]] | None) -> Spans | None:
    if spans is None:
        return None
    return [(s.lower, s.upper) for s in spans if s.lower is not None and s.upper is not None]
