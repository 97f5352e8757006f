"""A place gets its geometry by hand: drawn on a map, or taken from a walk; tried first, then stored.

It is prepared, measured and laid on the areas as one from a file, its duties and coverage are carried over,
and the patrols that ran near it are computed again, so that the walk it was taken from covers it.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.coverage import walkable
from geo_service.errors import Invalid, NotFound
from geo_service.patrols import again, walks
from geo_service.places import banks, queries, versions
from geo_service.places.changes import Change, change_of
from geo_service.places.matching import StoredPlace
from geo_service.places.membership import DM_PER_M, Membership
from geo_service.places.prepared import Prepared, prepare
from geo_service.places.service import Ground, ground_of
from geo_service.tables import County, Place
from layers import pieces
from layers.adopting import TOLERANCE_M, Walk
from layers.drafts import PlaceDraft, Source
from layers.errors import OutsideCounty
from layers.features import Refusal
from layers.vocabulary import Layer, Level

MOST_VERTICES = 20_000
"""Of a drawing: a finger makes hundreds, a day's walk thousands."""
BEYOND_DEG = 0.5
"""How far a drawing may reach beyond the county's box, as registered places do."""


@dataclass(frozen=True)
class InTownship:
    """How much of a place lies in a township: metres of a line, None for an area place."""

    name: str
    length_m: float | None


@dataclass(frozen=True)
class Drawn:
    """What a geometry makes of a place: what was stored, or what would be."""

    place_id: int
    name: str | None
    code: str
    layer: Layer
    version: int
    """The number of the version in force afterwards."""
    length_m: float | None
    area_m2: float | None
    townships: Sequence[InTownship]
    told: Sequence[str] = ()
    """In Chinese what changes, and what of duties and coverage no longer fits."""
    patrols: int = 0
    """How many ran near it and are computed again."""
    later: bool = False
    """They are so many that a job does it."""
    changed: bool = False
    dry_run: bool = False


def geometry_in(text: str | bytes) -> Any:
    """Return the geometry (lon, lat) of a GeoJSON text: a geometry, or a feature. Raises Invalid."""
    try:
        value = json.loads(text)
        if isinstance(value, dict) and value.get("type") == "Feature":
            value = value.get("geometry")
        geometry = shapely.force_2d(shapely.from_geojson(json.dumps(value)))
    except (ValueError, shapely.errors.GEOSException, RecursionError) as error:
        raise Invalid("图形看不懂：要一个 GeoJSON 的线或面（经度在前，纬度在后）。") from error
    count = shapely.get_num_coordinates(geometry)
    if count > MOST_VERTICES:
        raise Invalid(f"图形有 {count} 个点，超过 {MOST_VERTICES} 个；请简化后再试。")
    if count == 0:
        raise Invalid("还没有画：请先在图上点出这个对象。")
    return geometry


def adopted(
    db: Session,
    scope: Scope,
    patrol_id: uuid.UUID,
    tolerance_m: float = TOLERANCE_M,
    from_m: float = 0.0,
    to_m: float | None = None,
) -> Any:
    """Return the walk of a patrol as a line (lon, lat), or its part between two of its metres.

    The look at the track is recorded. Raises NotFound, Invalid where nothing is left.
    """
    return line_of(db, scope, walks.walk_of(db, scope, patrol_id), tolerance_m, from_m, to_m)


def line_of(
    db: Session, scope: Scope, walk: Walk, tolerance_m: float, from_m: float, to_m: float | None
) -> Any:
    """Return the part of a walk between two of its metres as a line (lon, lat). Raises Invalid."""
    chosen = walk.cut(from_m, walk.length_m if to_m is None else to_m).simplified(tolerance_m)
    line = chosen.line(db.get_one(County, scope.county_id).crs or "")
    if line is None:
        raise Invalid("选中的这一段太短，成不了线；请把起点和终点选得远一些。")
    return line


def to_draw(db: Session, scope: Scope, place_id: int) -> Place:
    """Return a place whose geometry the scope may change. Raises NotFound."""
    place = queries.place_to_change(db, scope, place_id)
    if place is None:
        raise NotFound("没有这个对象，或者您没有修改它的权限。")
    return place


def set_geometry(
    db: Session, scope: Scope, place_id: int, geometry: Any, *, kind: str = "drawn", dry_run: bool = False
) -> Drawn:
    """Give a place a geometry (lon, lat); with `dry_run` only say what would be.

    `kind` says how it came about: drawn, or track. Raises NotFound for a place that the scope may not
    change, Invalid and OutsideCounty for a geometry that cannot be taken.
    """
    county = queries.locked_county(db, scope.county_id)
    place = to_draw(db, scope, place_id)
    ground = ground_of(db, county)
    prepared = _prepared(place, geometry, kind, ground)
    # A dry run does everything and takes it back, so that it promises nothing else than what will come.
    with db.begin_nested() as trial:
        drawn = _store(db, scope, place, prepared, ground, dry_run=dry_run)
        if dry_run:
            trial.rollback()
            db.expire_all()
    if drawn.changed and not dry_run:
        detail = {"kind": kind, "version": drawn.version, "patrols": drawn.patrols}
        audit.record(
            db, scope.actor, "places.draw", county_id=county.id, subject=f"place/{place_id}", **detail
        )
    return drawn


def _prepared(place: Place, geometry: Any, kind: str, ground: Ground) -> Prepared:
    layer = Layer(place.layer)
    _demand_near(geometry, ground.county)
    taken = _piece(layer, geometry)
    _check_county(taken, ground.county)
    mark = pieces.fingerprints(np.array([taken], dtype=object))[0]
    draft = PlaceDraft(
        place.name,
        code=place.code,
        geometry=taken,
        in_scheme=place.in_scheme,
        scheme_stated=False,
        sources=[Source(f"{kind}/{mark}", taken)],
        rows=[1],
    )
    prepared, refused = prepare(layer, [draft], ground.crs, ground.names, ground.districts)
    if refused:
        raise Invalid(refused[0].detail.partition("：")[2])
    return prepared[0]


def _piece(layer: Layer, geometry: Any) -> Any:
    """Return what of a geometry is a line or an area, as files are read."""
    is_area = shapely.get_dimensions(geometry) == 2
    if layer.is_line == is_area:
        raise Invalid(f"{layer.zh}要画成{'线' if layer.is_line else '面'}；请重画。")
    if is_area and not shapely.is_valid(geometry):
        raise Invalid("边界自己交叉了；请撤销或移动交叉处的点，再试一次。")
    try:
        return (pieces.line if layer.is_line else pieces.area)(geometry, layer.zh).geometry
    except Refusal as refusal:
        raise Invalid(f"{refusal.detail}。") from refusal


def _demand_near(geometry: Any, county: County) -> None:
    """Raise OutsideCounty for what runs on far beyond the county, before anything is computed of it."""
    box = areas.box_of(county)
    if box is None:
        return
    west, south, east, north = geometry.bounds
    least, most = min(west - box.west, south - box.south), max(east - box.east, north - box.north)
    if not (least >= -BEYOND_DEG and most <= BEYOND_DEG):
        raise OutsideCounty("画的位置不在本县范围内，或有的点离得太远；请把地图移回本县，删去远处的点再画。")


def _check_county(geometry: Any, county: County) -> None:
    box = areas.box_of(county)
    if box is not None and not shapely.intersects(shapely.box(*box), geometry):
        raise OutsideCounty("画的位置不在本县范围内；请把地图移回本县再画。")


def _store(
    db: Session, scope: Scope, place: Place, prepared: Prepared, ground: Ground, *, dry_run: bool
) -> Drawn:
    layer = Layer(place.layer)
    (stored,) = queries.stored_places(
        db, ground.county.id, layer, ground.crs, ground.districts, place_id=place.id
    )
    settled = banks.settled(layer, [(prepared, stored)], ground.crs, ground.names, ground.districts)
    (prepared,) = settled.places
    change = change_of(stored, prepared, ground.districts)
    if change.shape is None:
        drawn = _drawn(layer, stored, prepared, ground, change)
        return replace(drawn, told=["图形没有变化"], dry_run=dry_run)
    queries.update_places(db, {stored.id: change.values})
    lost = versions.reshape(db, ground.county, [(stored, prepared)])
    db.expire_all()
    if queries.place_to_change(db, scope, place.id) is None:
        raise Invalid("画的位置不在您的辖区内；请核对位置，或请上一级的协调员来画。")
    run = again.count if dry_run else again.compute
    patrols = run(db, ground.county, [place.id])
    if not dry_run:
        walkable.renew(db, ground.county, [place.id])
    drawn = _drawn(layer, stored, prepared, ground, change)
    return replace(
        drawn,
        version=stored.number + 1,
        told=[*change.told, *_outside(drawn, ground), *lost.get(stored.id, [])],
        patrols=patrols.patrols,
        later=patrols.later,
        changed=True,
        dry_run=dry_run,
    )


def _drawn(layer: Layer, stored: StoredPlace, prepared: Prepared, ground: Ground, change: Change) -> Drawn:
    shape = prepared.shape
    length_dm = shape.length_dm if shape else None
    return Drawn(
        place_id=stored.id,
        name=change.values.get("name", stored.name),
        code=stored.code,
        layer=layer,
        version=stored.number,
        length_m=None if length_dm is None else length_dm / DM_PER_M,
        area_m2=shape.area_m2 if shape else None,
        townships=_townships(prepared.areas, ground),
    )


def _outside(drawn: Drawn, ground: Ground) -> list[str]:
    """Tell what of a line lies in no township; along a border it lies in two, and that is not seen."""
    if drawn.length_m is None or not len(ground.districts.ids):
        return []
    outside_m = drawn.length_m - sum(town.length_m or 0.0 for town in drawn.townships)
    return [f"有 {outside_m:.0f} 米不在任何镇街的界线内"] if outside_m >= 1 else []


def _townships(membership: Membership, ground: Ground) -> list[InTownship]:
    found = []
    for area_id, spans in membership.items():
        area = ground.districts.areas[area_id]
        if area.level == Level.TOWNSHIP:
            length_m = None if spans is None else float(np.diff(spans, axis=1).sum()) / DM_PER_M
            found.append((area.code, InTownship(area.name, length_m)))
    return [township for _, township in sorted(found, key=lambda pair: pair[0])]
