"""Counties and their trees: made from files or by hand, brought up to date, never deleted."""

import hashlib
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service import audit, imports
from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import files, queries
from geo_service.areas.tree import (
    AreaDraft,
    AreaPlan,
    AreaRow,
    StoredArea,
    county_among,
    drafts,
    is_chinese,
    plan,
)
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.tables import County
from layers import codes, crs
from layers.errors import BadFile, UnknownTimeZone
from layers.features import Box
from layers.vocabulary import Datum, Level, Right

CHINA_TIME = "Asia/Shanghai"


@dataclass(frozen=True)
class AreaOptions:
    """What the user says about the county beside the files."""

    name: str | None = None
    code: str | None = None
    bounds: Box | None = None
    time_zone: str | None = None
    crs: str | None = None
    datum: Datum = Datum.WGS84
    encoding: str | None = None
    made_up: bool = False
    """A demonstration."""
    keep_in: Path | None = None
    """Where the originals are kept; None: they are not."""


@dataclass(frozen=True)
class AreaReport:
    """What an import of areas did, or would do."""

    county: str
    """The county's code."""
    plan: AreaPlan
    left_out: int = 0
    """Rows of other counties and of what stands above the county."""
    notes: Sequence[str] = field(default_factory=list)
    """About the files (Chinese): repairs, encoding, coordinate system."""
    extent_changed: bool = False

    @property
    def changes(self) -> bool:
        """Tell whether anything is, or would be, different afterwards."""
        return bool(self.plan.added or self.plan.changed or self.extent_changed)


def area_at(db: Session, county_id: int, lonlat: tuple[float, float]) -> int | None:
    """Return the smallest area around a point (WGS 84); None: no area with borders has it."""
    return queries.area_at(db, county_id, *lonlat)


def county_of(db: Session, code: str | None = None) -> County:
    """Return the county with this code (6 or 12 digits in China), without a code the only one.

    Raises NotFound where there is none, or several to choose from.
    """
    if code is not None:
        found = queries.county(db, codes.county(code.strip()))
        if found is None:
            raise NotFound(f"没有编码为「{code}」的县。")
        return found
    counties = queries.counties(db)
    if not counties:
        raise NotFound("还没有县。请先导入辖区：geo-service areas 文件。")
    if len(counties) > 1:
        listed = "、".join(f"{county.code} {county.name}" for county in counties[:10])
        raise NotFound(f"有 {len(counties)} 个县，请用 --county 说明是哪一个：{listed}。")
    return counties[0]


def areas_of(db: Session, county_id: int, *, borders: bool = True) -> list[StoredArea]:
    """Return the county's tree as a list by code, with borders (MultiPolygon in lon, lat) or without."""
    return queries.areas(db, county_id, borders=borders)


def seen_areas(db: Session, scope: Scope) -> list[queries.SeenArea]:
    """Return the areas of the scope by code."""
    return queries.seen_areas(db, scope)


def area_id_of(db: Session, scope: Scope, code: str, *rights: Right) -> int:
    """Return the id of the area with a code, of those where the rights reach. Raises NotFound."""
    found = queries.area_id(db, scope, code, *rights)
    if found is None:
        raise no_area()
    return found


def no_area() -> NotFound:
    """Return the error for an area that is not there, or not in the scope."""
    return NotFound("没有这个辖区，或者它不在您的权限范围内；请核对代码，例如 321281100。")


def descendants(db: Session, county_id: int, roots: Iterable[int]) -> frozenset[int]:
    """Return the ids of areas and of all areas below them."""
    below: dict[int | None, list[int]] = {}
    for id_, parent_id in queries.tree(db, county_id):
        below.setdefault(parent_id, []).append(id_)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting += below.get(id_, [])
    return frozenset(found)


def chain(db: Session, county_id: int, area_id: int | None) -> list[int]:
    """Return the ids of an area and of all above it, the smallest first."""
    above = dict(queries.tree(db, county_id))
    found: list[int] = []
    while area_id is not None and area_id in above and area_id not in found:
        found.append(area_id)
        area_id = above[area_id]
    return found


def make_county(db: Session, actor: Actor, options: AreaOptions) -> AreaReport:
    """Make a county without a file, or bring its name, bounds and time zone up to date."""
    if not options.name or not options.code:
        raise Invalid("没有文件时，请用 --county 写县名、用 --code 写编码。")
    report = store_areas(db, actor, [], options)
    audit.record(db, actor, "county.set", county_id=county_of(db, report.county).id)
    return report


def import_areas(
    db: Session, actor: Actor, paths: Sequence[Path], options: AreaOptions, *, dry_run: bool = False
) -> AreaReport:
    """Create or update a county and its tree from files, as `store_areas` does, or only say what would be."""
    read = [
        files.read(path, crs=options.crs, datum=options.datum, encoding=options.encoding) for path in paths
    ]
    rows = [row for file in read for row in file.rows]
    if not rows:
        raise BadFile("文件里没有一行辖区；每行至少要有编码和名称。")
    notes = [note for file in read for note in file.notes]
    if dry_run:
        with db.begin_nested() as trial:
            report = store_areas(db, actor, rows, options, notes)
            trial.rollback()
        return report
    report = store_areas(db, actor, rows, options, notes)
    if report.changes:
        _record(db, actor, paths, report, options.keep_in)
    return report


def store_areas(
    db: Session, actor: Actor, rows: Sequence[AreaRow], options: AreaOptions, notes: Sequence[str] = ()
) -> AreaReport:
    """Create or update a county and its tree from rows in lon, lat; nothing is deleted.

    Raises BadFile and BadRow. After borders changed (`report.plan.moves_borders`) the membership of places
    is to be made again.
    """
    code = _code(db, rows, options)
    county = queries.county(db, codes.county(code))
    stored = {area.code: area for area in queries.areas(db, county.id)} if county else {}
    root = _root(code, rows, options, stored.get(code))
    wanted, left_out = drafts(rows, root, known=stored)
    changes = plan(stored, wanted)
    if county is None:
        county = _new_county(root, options)
        db.add(county)
        db.flush()
        audit.record(db, actor, "county.create", county_id=county.id)
    elif options.time_zone:
        _set_time_zone(db, county, options.time_zone)
    county.name = root.name
    ids = queries.insert_areas(db, county.id, changes.added, {a.code: a.id for a in stored.values()})
    queries.update_areas(db, county.id, (draft for draft, _ in changes.changed), ids)
    extent_changed = _set_extent(db, county, options.bounds)
    return AreaReport(county.code, changes, left_out, notes, extent_changed)


def _code(db: Session, rows: Sequence[AreaRow], options: AreaOptions) -> str:
    """Return the full code of the county: as the user says, as the files say, else the only county's."""
    if options.code:
        return codes.full(options.code.strip())
    if found := county_among(rows):
        return found
    counties = queries.counties(db)
    if len(counties) == 1:
        return codes.full(counties[0].code)
    raise BadFile("看不出文件里哪一行是县；请给每行写上级编码，或用 --code 写县的编码、--county 写县名。")


def _root(code: str, rows: Sequence[AreaRow], options: AreaOptions, stored: StoredArea | None) -> AreaDraft:
    """Return the county's own row: named by the user, by the files, or as it is stored."""
    named = [options.name, *(row.name for row in rows if codes.full(row.code) == code)]
    if stored is not None:
        named.append(stored.name)
    name = next((name for name in named if name), None)
    if name is None:
        raise BadFile(f"文件里没有县这一行（编码 {code}），也没有登记过这个县；请用 --county 写县名。")
    return AreaDraft(code, name, Level.COUNTY, None)


def _new_county(root: AreaDraft, options: AreaOptions) -> County:
    time_zone = options.time_zone or (CHINA_TIME if is_chinese(root.code) else None)
    if time_zone is None:
        raise UnknownTimeZone("请用 --tz 说明这个县的时区，例如 --tz Asia/Shanghai。")
    return County(
        code=codes.county(root.code),
        name=root.name,
        time_zone=_checked_zone(time_zone),
        made_up=options.made_up,
    )


def _checked_zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise Invalid(f"没有「{name}」这个时区；请写成 Asia/Shanghai 这样的名称。")
    return name


def _set_time_zone(db: Session, county: County, name: str) -> None:
    if county.time_zone == _checked_zone(name):
        return
    if queries.has_patrols(db, county.id):
        raise Conflict(f"{county.name}已有巡查记录按 {county.time_zone} 计日，时区不能再改。")
    county.time_zone = name


def _set_extent(db: Session, county: County, bounds: Box | None) -> bool:
    """Set the county's box from its borders, else from the bounds given; tell whether it changed."""
    before = box_of(county)
    box = _box_of_borders(queries.areas(db, county.id), _checked_box(bounds) if bounds else before)
    if box is None or box == before:
        return False
    set_extent(db, county, box)
    return True


def box_of(county: County) -> Box | None:
    """Return the county's box in degrees, None while its extent is not known."""
    sides = (county.west, county.south, county.east, county.north)
    return Box(*sides) if all(side is not None for side in sides) else None  # type: ignore[arg-type]


def _box_of_borders(areas: Sequence[StoredArea], other: Box | None) -> Box | None:
    """Return the box around all borders; as long as the county has none of its own, `other` belongs to it."""
    borders = [area.geometry for area in areas if area.geometry is not None]
    whole = any(area.geometry is not None for area in areas if area.level is Level.COUNTY)
    if other is not None and not whole:
        borders.append(shapely.box(*other))
    if not borders:
        return None
    return Box(*(float(side) for side in shapely.total_bounds(np.array(borders, dtype=object))))


def set_extent(db: Session, county: County, box: Box) -> None:
    """Set the county's box, and with it the metric CRS as long as nothing was measured in another."""
    county.west, county.south, county.east, county.north = _checked_box(box)
    if county.crs is None or not queries.has_place_versions(db, county.id):
        county.crs = crs.choose((box.west + box.east) / 2, (box.south + box.north) / 2)
    db.flush()


def _checked_box(box: Box) -> Box:
    west, south, east, north = box
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise Invalid(
            f"范围 {west:g},{south:g},{east:g},{north:g} 不对；"
            "顺序是 西,南,东,北（经纬度，度），西小于东、南小于北。"
        )
    return box


def _record(
    db: Session, actor: Actor, paths: Sequence[Path], report: AreaReport, keep_in: Path | None
) -> None:
    county = county_of(db, report.county)
    counts: dict[str, Any] = {
        "added": len(report.plan.added),
        "changed": len(report.plan.changed),
        "same": report.plan.same,
        "gone": len(report.plan.gone),
        "left_out": report.left_out,
    }
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            imports.record(db, county.id, "areas", path.name, digest, counts, source=file, keep_in=keep_in)
    audit.record(db, actor, "areas.import", county_id=county.id, **counts)
