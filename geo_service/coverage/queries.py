"""The SQL of coverage: the places around a track, the rows of patrols, and the roll-up by day."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from geoalchemy2 import functions as geo
from numpy.typing import NDArray
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range as PgRange
from sqlalchemy import ARRAY, BigInteger, Integer, and_, delete, func, literal, select, text, true, tuple_
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.bulk import copy_rows
from geo_service.tables import (
    AreaVisit,
    CellCoverage,
    CellDay,
    County,
    LineCoverage,
    LineDay,
    Place,
    PlaceCells,
    PlaceVersion,
)
from layers.cells import AreaCells, CellSet
from layers.vocabulary import Layer

Box = tuple[float, float, float, float]
Spans = list[tuple[int, int]]
LineRow = tuple[int, dt.date, uuid.UUID, Spans]
VisitRow = tuple[int, dt.date, uuid.UUID, float]
CellRow = tuple[int, dt.date, uuid.UUID, int, int, str]
PlaceDay = tuple[int, dt.date]


@dataclass(frozen=True)
class NearLine:
    """A line near a track: its version in force, as a MultiLineString with M in degrees."""

    place_id: int
    version_id: int
    layer: Layer
    name: str | None
    length_dm: int
    reach_m: float | None
    width_m: float | None
    geometry: Any


@dataclass(frozen=True)
class NearArea:
    """An area place near a track: its version in force, as a polygon in degrees."""

    place_id: int
    version_id: int
    layer: Layer
    name: str | None
    area_m2: float
    geometry: Any


@dataclass(frozen=True)
class Version:
    """A version's line (None: an area) and the metric CRS of its county."""

    line: Any
    crs: str


@dataclass(frozen=True)
class DayRow:
    """What one patrol covered of a line on one day."""

    day: dt.date
    patrol_id: uuid.UUID
    spans_dm: Spans


# By the key of the place too: without it a database that has no statistics yet compares every line near a
# track with every place of the county.
_IN_FORCE = and_(PlaceVersion.id == Place.version_id, PlaceVersion.place_id == Place.id)

_VERSIONS_IN_FORCE = select(Place.version_id).where(Place.version_id.is_not(None)).correlate(None)


def lines_near(db: Session, county_id: int, box: Box) -> list[NearLine]:
    """Return the lines of the register that meet a box (west, south, east, north in degrees)."""
    width = Place.attributes["width_m"].as_float()
    rows = db.execute(
        select(
            Place.id, PlaceVersion.id, Place.layer, Place.name, PlaceVersion.length_dm, PlaceVersion.reach_m,
            width, func.ST_AsBinary(PlaceVersion.line),
        )
        .join(PlaceVersion, _IN_FORCE)
        .where(Place.county_id == county_id, PlaceVersion.line.op("&&")(geo.ST_MakeEnvelope(*box, 4326)))
        .order_by(Place.id)
    ).all()  # fmt: skip
    geometries = shapely.from_wkb([row[-1] for row in rows])
    return [
        NearLine(row[0], row[1], Layer(row[2]), row[3], row[4], row[5], row[6], geometry)
        for row, geometry in zip(rows, geometries, strict=True)
    ]


def areas_near(db: Session, county_id: int, box: Box) -> list[NearArea]:
    """Return the area places of the register that meet a box (west, south, east, north in degrees)."""
    rows = db.execute(
        select(
            Place.id, PlaceVersion.id, Place.layer, Place.name, PlaceVersion.area_m2,
            func.ST_AsBinary(PlaceVersion.polygon),
        )
        .join(PlaceVersion, _IN_FORCE)
        .where(Place.county_id == county_id, PlaceVersion.polygon.op("&&")(geo.ST_MakeEnvelope(*box, 4326)))
        .order_by(Place.id)
    ).all()  # fmt: skip
    geometries = shapely.from_wkb([row[-1] for row in rows])
    return [
        NearArea(row[0], row[1], Layer(row[2]), row[3], row[4], geometry)
        for row, geometry in zip(rows, geometries, strict=True)
    ]


def cells_of(db: Session, county_id: int, wanted: Sequence[tuple[int, int, int]]) -> dict[int, AreaCells]:
    """Return cells of versions, by version, in the blocks named as (version, block_x, block_y)."""
    if not wanted:
        return {}
    keys = (
        literal([key[k] for key in wanted], ARRAY(kind))
        for k, kind in enumerate((BigInteger, Integer, Integer))
    )
    asked = func.unnest(*keys).table_valued("v", "x", "y").render_derived()
    rows = db.execute(
        select(
            PlaceCells.place_version_id, PlaceCells.block_x, PlaceCells.block_y,
            func.bit_send(PlaceCells.inside), func.array_send(PlaceCells.edge_cell),
            func.array_send(PlaceCells.edge_m2),
        )
        .join(
            asked,
            and_(
                PlaceCells.place_version_id == asked.c.v,
                PlaceCells.block_x == asked.c.x,
                PlaceCells.block_y == asked.c.y,
            ),
        )
        .where(PlaceCells.county_id == county_id)
    ).all()  # fmt: skip
    by_version: dict[int, list[Any]] = {}
    for row in rows:
        by_version.setdefault(row[0], []).append(row)
    return {
        version_id: AreaCells(
            CellSet.from_bytes([(x, y, bits) for _, x, y, bits, _, _ in found]),
            {(x, y): (_elements(edge, ">i2"), _elements(m2, ">f4")) for _, x, y, _, edge, m2 in found},
        )
        for version_id, found in by_version.items()
    }


def versions_of(db: Session, county_id: int, place_id: int, version_ids: Iterable[int]) -> dict[int, Version]:
    """Return versions of one place by id."""
    rows = db.execute(
        select(PlaceVersion.id, func.ST_AsBinary(PlaceVersion.line), County.crs)
        .join(County, County.id == PlaceVersion.county_id)
        .where(
            PlaceVersion.county_id == county_id,
            PlaceVersion.place_id == place_id,
            PlaceVersion.id.in_(version_ids),
        )
    ).all()
    return {id_: Version(shapely.from_wkb(wkb), crs) for id_, wkb, crs in rows}


def line_coverage_of(db: Session, county_id: int, version_id: int) -> list[DayRow]:
    """Return all that was covered of a line's version, by patrol and day."""
    rows = db.execute(
        select(LineCoverage.day, LineCoverage.patrol_id, LineCoverage.spans)
        .where(LineCoverage.county_id == county_id, LineCoverage.place_version_id == version_id)
        .order_by(LineCoverage.day, LineCoverage.patrol_id)
    ).all()
    return [DayRow(day, patrol_id, _pairs(spans)) for day, patrol_id, spans in rows]


def insert_line_coverage(db: Session, county_id: int, rows: Sequence[LineRow]) -> None:
    """Add rows of what patrols covered of lines; spans in decimetres."""
    columns = ("county_id", "place_version_id", "day", "patrol_id", "spans")
    copy_rows(
        db, LineCoverage, columns, ((county_id, v, d, p, _multirange(spans)) for v, d, p, spans in rows)
    )


def add_to_line_days(db: Session, county_id: int, rows: Sequence[LineRow]) -> None:
    """Join rows into the roll-up, in key order so that two uploads never wait for each other in a ring."""
    _add(
        db,
        "insert into line_day (county_id, place_version_id, day, spans)"
        " select :county_id, v, d, cast(s as int4multirange)"
        " from unnest(cast(:versions as bigint[]), cast(:days as date[]), cast(:spans as text[])) r (v, d, s)"
        " order by v, d"
        " on conflict (place_version_id, day) do update set spans = line_day.spans + excluded.spans",
        county_id=county_id,
        versions=[version_id for version_id, _, _, _ in rows],
        days=[day for _, day, _, _ in rows],
        spans=[_literal(spans) for _, _, _, spans in rows],
    )


def insert_area_coverage(
    db: Session, county_id: int, visits: Sequence[VisitRow], cells: Sequence[CellRow]
) -> None:
    """Add rows of what patrols saw of areas, and how long they stayed."""
    columns = ("county_id", "place_version_id", "day", "patrol_id")
    copy_rows(db, AreaVisit, (*columns, "dwell_s"), ((county_id, *row) for row in visits))
    blocks = ("block_x", "block_y", "seen")
    copy_rows(db, CellCoverage, (*columns, *blocks), ((county_id, *row) for row in cells))


def add_to_cell_days(db: Session, county_id: int, rows: Sequence[CellRow]) -> None:
    """Join rows into the roll-up, in key order."""
    _add(
        db,
        "insert into cell_day (county_id, place_version_id, day, block_x, block_y, seen)"
        " select :county_id, v, d, x, y, cast(s as bit(4096))"
        " from unnest(cast(:versions as bigint[]), cast(:days as date[]), cast(:xs as int[]),"
        "             cast(:ys as int[]), cast(:seen as text[])) r (v, d, x, y, s)"
        " order by v, d, x, y"
        " on conflict (place_version_id, day, block_x, block_y)"
        " do update set seen = cell_day.seen | excluded.seen",
        county_id=county_id,
        versions=[version_id for version_id, *_ in rows],
        days=[day for _, day, *_ in rows],
        xs=[x for *_, x, _, _ in rows],
        ys=[y for *_, y, _ in rows],
        seen=[bits for *_, bits in rows],
    )


def days_of(
    db: Session, county_id: int, patrol_ids: Sequence[uuid.UUID], *, in_force: bool = False
) -> tuple[list[PlaceDay], list[PlaceDay]]:
    """Return the place-days that patrols have a part in: of lines, of areas, in key order.

    `in_force`: only of versions that are in force.
    """
    found: list[list[PlaceDay]] = []
    for table in (LineCoverage, AreaVisit):
        rows = db.execute(
            select(table.place_version_id, table.day)
            .where(table.county_id == county_id, table.patrol_id.in_(patrol_ids))
            .where(table.place_version_id.in_(_VERSIONS_IN_FORCE) if in_force else true())
            .order_by(table.place_version_id, table.day)
            .distinct()
        )
        found.append([(version_id, day) for version_id, day in rows])
    return found[0], found[1]


def lock_days(db: Session, county_id: int, lines: Sequence[PlaceDay], areas: Sequence[PlaceDay]) -> None:
    """Lock roll-up rows in key order: what is rebuilt next sees every upload that was before, none after."""
    for table, days, blocks in (
        (LineDay, lines, ()),
        (CellDay, areas, (CellDay.block_x, CellDay.block_y)),
    ):
        if days:
            db.execute(
                select(table.place_version_id)
                .where(table.county_id == county_id, tuple_(table.place_version_id, table.day).in_(days))
                .order_by(table.place_version_id, table.day, *blocks)
                .with_for_update()
            )


def delete_coverage(
    db: Session, county_id: int, patrol_ids: Sequence[uuid.UUID], *, in_force: bool = False
) -> None:
    """Delete all that patrols covered and saw; `in_force`: only of versions that are in force."""
    for table in (LineCoverage, CellCoverage, AreaVisit):
        db.execute(
            delete(table)
            .where(table.county_id == county_id, table.patrol_id.in_(patrol_ids))
            .where(table.place_version_id.in_(_VERSIONS_IN_FORCE) if in_force else true())
        )


_REBUILD_LINE_DAYS = """
with wanted (place_version_id, day) as (
    select * from unnest(cast(:versions as bigint[]), cast(:days as date[]))
),
gone as (
    delete from line_day using wanted
    where line_day.county_id = :county_id and line_day.place_version_id = wanted.place_version_id
      and line_day.day = wanted.day
      and not exists (select from line_coverage c
                      where c.place_version_id = wanted.place_version_id and c.day = wanted.day)
)
insert into line_day (county_id, place_version_id, day, spans)
select c.county_id, c.place_version_id, c.day, range_agg(c.spans)
from line_coverage c join wanted using (place_version_id, day)
where c.county_id = :county_id
group by c.county_id, c.place_version_id, c.day
on conflict (place_version_id, day) do update set spans = excluded.spans
"""

_REBUILD_CELL_DAYS = """
with wanted (place_version_id, day) as (
    select * from unnest(cast(:versions as bigint[]), cast(:days as date[]))
),
gone as (
    delete from cell_day using wanted
    where cell_day.county_id = :county_id and cell_day.place_version_id = wanted.place_version_id
      and cell_day.day = wanted.day
      and not exists (select from cell_coverage c
                      where c.place_version_id = wanted.place_version_id and c.day = wanted.day
                        and c.block_x = cell_day.block_x and c.block_y = cell_day.block_y)
)
insert into cell_day (county_id, place_version_id, day, block_x, block_y, seen)
select c.county_id, c.place_version_id, c.day, c.block_x, c.block_y, bit_or(c.seen)
from cell_coverage c join wanted using (place_version_id, day)
where c.county_id = :county_id
group by c.county_id, c.place_version_id, c.day, c.block_x, c.block_y
on conflict (place_version_id, day, block_x, block_y) do update set seen = excluded.seen
"""


def rebuild_line_days(db: Session, county_id: int, days: Sequence[PlaceDay]) -> None:
    """Make the roll-up of place-days anew from the rows of patrols."""
    _rebuild(db, _REBUILD_LINE_DAYS, county_id, days)


def rebuild_cell_days(db: Session, county_id: int, days: Sequence[PlaceDay]) -> None:
    """Make the roll-up of place-days anew from the rows of patrols."""
    _rebuild(db, _REBUILD_CELL_DAYS, county_id, days)


def rebuild_all_line_days(db: Session, county_id: int, version_id: int) -> None:
    """Make the roll-up of all days of a version anew."""
    rebuild_line_days(db, county_id, _all_days(db, LineCoverage, county_id, version_id))


def rebuild_all_cell_days(db: Session, county_id: int, version_id: int) -> None:
    """Make the roll-up of all days of a version anew."""
    rebuild_cell_days(db, county_id, _all_days(db, AreaVisit, county_id, version_id))


def carry_cells(db: Session, county_id: int, old_version_id: int, new_version_id: int) -> None:
    """Copy what was seen of an area's old version to its new one, where the new one has the cells."""
    parameters = {"county_id": county_id, "old": old_version_id, "new": new_version_id}
    db.execute(
        text(
            "insert into cell_coverage (county_id, place_version_id, day, patrol_id, block_x, block_y, seen)"
            " select c.county_id, :new, c.day, c.patrol_id, c.block_x, c.block_y, c.seen & p.inside"
            " from cell_coverage c join place_cells p"
            "   on p.place_version_id = :new and p.block_x = c.block_x and p.block_y = c.block_y"
            " where c.county_id = :county_id and c.place_version_id = :old"
            "   and bit_count(c.seen & p.inside) > 0"
        ),
        parameters,
    )
    db.execute(
        text(
            "insert into area_visit (county_id, place_version_id, day, patrol_id, dwell_s)"
            " select v.county_id, :new, v.day, v.patrol_id, v.dwell_s from area_visit v"
            " where v.county_id = :county_id and v.place_version_id = :old and exists ("
            "   select from cell_coverage c where c.place_version_id = :new"
            "   and c.day = v.day and c.patrol_id = v.patrol_id)"
        ),
        parameters,
    )


def _elements(sent: bytes, kind: str) -> NDArray[Any]:
    """Return the elements of an array as PostgreSQL sends it: a head, then a length before each."""
    return np.frombuffer(sent, [("length", ">i4"), ("value", kind)], offset=min(20, len(sent)))["value"]


def _add(db: Session, statement: str, *, county_id: int, versions: list[int], **columns: list[Any]) -> None:
    if versions:
        db.execute(text(statement), {"county_id": county_id, "versions": versions, **columns})


def _rebuild(db: Session, statement: str, county_id: int, days: Sequence[PlaceDay]) -> None:
    if not days:
        return
    values = {
        "county_id": county_id,
        "versions": [version_id for version_id, _ in days],
        "days": [day for _, day in days],
    }
    db.execute(text(statement), values)


def _all_days(
    db: Session, table: type[LineCoverage] | type[AreaVisit], county_id: int, version_id: int
) -> list[PlaceDay]:
    days = db.scalars(
        select(table.day)
        .where(table.county_id == county_id, table.place_version_id == version_id)
        .distinct()
        .order_by(table.day)
    )
    return [(version_id, day) for day in days]


def _pairs(spans: Iterable[Range[int]]) -> Spans:
    return [(r.lower or 0, r.upper or 0) for r in spans]


def _multirange(spans: Spans) -> Multirange[int]:
    return Multirange([PgRange(a, b, "[)") for a, b in spans])


def _literal(spans: Spans) -> str:
    return "{" + ",".join(f"[{a},{b})" for a, b in spans) + "}"
