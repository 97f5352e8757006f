"""The SQL of coverage: the places around a track, the rows of patrols, and the roll-up by day."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from geoalchemy2 import functions as geo
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from geo_service.bulk import among, copy_rows, elements_of, multirange, spans_in
from geo_service.counting import Sizes, covering
from geo_service.coverage.computing import Boxes, LineRow, NearArea, NearLine, VisitRow
from geo_service.tables import (
    AreaVisit,
    CellCoverage,
    County,
    LineCoverage,
    Patrol,
    Place,
    PlaceCells,
    PlaceVersion,
)
from layers.banks import Course, stored_breadths, stored_sides
from layers.cells import AreaCells, CellSet
from layers.lines import LineSet
from layers.vocabulary import Layer

SPANS = ("spans", "ridden", "bridged", "ambiguous")
"""The columns of `LineCoverage` that hold spans, as `LineRow` names them."""


@dataclass(frozen=True)
class Version:
    """A version's line (None: an area) and the metric CRS of its county."""

    line: Any
    crs: str
    banks: Mapping[str, Any] | None = None

    @property
    def course(self) -> Course:
        """The line as its measure runs."""
        line = LineSet.of([self.line], crs=self.crs)
        return Course.stored(line, stored_sides(self.banks), stored_breadths(self.banks))


IN_FORCE = and_(PlaceVersion.id == Place.version_id, PlaceVersion.place_id == Place.id)
"""By the key of the place too: without it a database that has no statistics yet compares every line near a
track with every place of the county."""

_LAYERS = {layer.value: layer for layer in Layer}

_VERSIONS_IN_FORCE = select(Place.version_id).where(Place.version_id.is_not(None)).correlate(None)


def lock_county(db: Session, county_id: int) -> None:
    """Let one transaction at a time change the coverage of a county."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"coverage/{county_id}", 0))))


def _meets(geometry: str) -> ColumnElement[bool]:
    """Return the condition that a version's geometry meets one of the boxes, each of which asks the index."""
    sides = ("west", "south", "east", "north")
    columns = (bindparam(side, type_=ARRAY(Double)) for side in sides)
    box = func.unnest(*columns).table_valued(*sides).render_derived(name="box")
    other = aliased(PlaceVersion)
    envelope = geo.ST_MakeEnvelope(*(box.c[side] for side in sides), 4326)
    met = select(other.id).join(box, getattr(other, geometry).op("&&")(envelope)).distinct()
    # As an array, by which each is looked up: joined, all places of the county would be read for a few.
    return PlaceVersion.id == any_(func.array(met.scalar_subquery()))


# Hardly a line has stretches of its own, and to read an empty list as JSON takes longer than all else of it.
_STRETCHES = case((func.jsonb_array_length(PlaceVersion.reaches) > 0, PlaceVersion.reaches))
LINE = (
    Place.id, PlaceVersion.id, Place.layer, Place.name, PlaceVersion.length_dm, PlaceVersion.reach_m,
    Place.attributes["width_m"].as_float(), _STRETCHES, PlaceVersion.banks.is_not(None),
    func.ST_AsBinary(PlaceVersion.line),
)  # fmt: skip
"""The columns of a line, for `lines_of`."""

# Made once: an upload asks both, and making them takes longer than their answers.
_LINES_NEAR = (
    select(*LINE)
    .join(PlaceVersion, IN_FORCE)
    .where(Place.county_id == bindparam("county_id"), _meets("line"))
    .order_by(Place.id)
)
_AREAS_NEAR = (
    select(
        Place.id, PlaceVersion.id, Place.layer, Place.name, PlaceVersion.area_m2,
        func.ST_AsBinary(PlaceVersion.polygon),
    )
    .join(PlaceVersion, IN_FORCE)
    .where(Place.county_id == bindparam("county_id"), _meets("polygon"))
    .order_by(Place.id)
)  # fmt: skip


def lines_near(db: Session, county_id: int, boxes: Boxes) -> list[NearLine]:
    """Return the lines of the register that meet one of the boxes."""
    return lines_of(db.execute(_LINES_NEAR, _asked(county_id, boxes)).all())


def lines_of(rows: Sequence[Any]) -> list[NearLine]:
    """Make lines of rows of `LINE`."""
    geometries = shapely.from_wkb([row[-1] for row in rows])
    return [
        NearLine(
            row[0], row[1], _LAYERS[row[2]], row[3], row[4], row[5], row[6], geometry, row[7] or (), row[8]
        )
        for row, geometry in zip(rows, geometries, strict=True)
    ]


def areas_near(db: Session, county_id: int, boxes: Boxes) -> list[NearArea]:
    """Return the area places of the register that meet one of the boxes."""
    rows = db.execute(_AREAS_NEAR, _asked(county_id, boxes)).all()
    geometries = shapely.from_wkb([row[-1] for row in rows])
    return [
        NearArea(row[0], row[1], _LAYERS[row[2]], row[3], row[4], geometry)
        for row, geometry in zip(rows, geometries, strict=True)
    ]


def _asked(county_id: int, boxes: Boxes) -> dict[str, Any]:
    sides = zip(("west", "south", "east", "north"), boxes.T.tolist(), strict=True)
    return {"county_id": county_id, **dict(sides)}


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
            {(x, y): (elements_of(edge, ">i2"), elements_of(m2, ">f4")) for _, x, y, _, edge, m2 in found},
        )
        for version_id, found in by_version.items()
    }


def not_covering(db: Session, patrol_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Return those of some patrols of which nothing counts that they covered."""
    return list(db.scalars(select(Patrol.id).where(among(Patrol.id, patrol_ids), ~covering())))


def sizes_of(db: Session, county_id: int, version_ids: Iterable[int]) -> dict[int, Sizes]:
    """Return the sizes of versions of areas, by version."""
    rows = db.execute(
        select(PlaceVersion.id, PlaceVersion.area_m2, PlaceVersion.walkable_m2).where(
            PlaceVersion.county_id == county_id, among(PlaceVersion.id, version_ids)
        )
    )
    return {id_: Sizes(area_m2 or 0.0, walkable_m2) for id_, area_m2, walkable_m2 in rows}


def versions_of(db: Session, county_id: int, place_id: int, version_ids: Iterable[int]) -> dict[int, Version]:
    """Return versions of one place by id."""
    rows = db.execute(
        select(PlaceVersion.id, func.ST_AsBinary(PlaceVersion.line), County.crs, PlaceVersion.banks)
        .join(County, County.id == PlaceVersion.county_id)
        .where(
            PlaceVersion.county_id == county_id,
            PlaceVersion.place_id == place_id,
            PlaceVersion.id.in_(version_ids),
        )
    ).all()
    return {id_: Version(shapely.from_wkb(wkb), crs, banks) for id_, wkb, crs, banks in rows}


def line_coverage_of(db: Session, county_id: int, version_id: int) -> list[tuple[uuid.UUID, LineRow]]:
    """Return all that was covered of a line's version, by patrol and day."""
    rows = db.execute(
        select(
            LineCoverage.patrol_id,
            LineCoverage.day,
            *(cast(getattr(LineCoverage, name), Text) for name in SPANS),
        )
        .where(LineCoverage.county_id == county_id, LineCoverage.place_version_id == version_id)
        .order_by(LineCoverage.day, LineCoverage.patrol_id)
    ).all()
    return [
        (patrol_id, LineRow(version_id, day, *(list(spans_in(text_)) for text_ in texts)))
        for patrol_id, day, *texts in rows
    ]


def insert_line_coverage(db: Session, county_id: int, rows: Iterable[tuple[uuid.UUID, LineRow]]) -> None:
    """Add what patrols covered of lines."""
    columns = ("county_id", "place_version_id", "day", "patrol_id", *SPANS)
    copy_rows(
        db,
        LineCoverage,
        columns,
        (
            (
                county_id,
                row.version_id,
                row.day,
                patrol_id,
                *(multirange(getattr(row, name)) for name in SPANS),
            )
            for patrol_id, row in rows
        ),
    )


def insert_visits(db: Session, county_id: int, rows: Sequence[tuple[uuid.UUID, VisitRow]]) -> None:
    """Add what patrols saw of areas, and how long they stayed."""
    columns = ("county_id", "place_version_id", "day", "patrol_id")
    copy_rows(
        db,
        AreaVisit,
        (*columns, "dwell_s", "entries"),
        (
            (county_id, row.version_id, row.day, patrol_id, row.dwell_s, row.entries)
            for patrol_id, row in rows
        ),
    )
    copy_rows(
        db,
        CellCoverage,
        (*columns, "block_x", "block_y", "seen"),
        (
            (county_id, row.version_id, row.day, patrol_id, *block)
            for patrol_id, row in rows
            for block in row.cells
        ),
    )


def in_force(version_id: InstrumentedAttribute[int], layers: Collection[Layer] = ()) -> ColumnElement[bool]:
    """Return the condition for rows of versions that are in force; `layers`: only of these."""
    return version_id.in_(_VERSIONS_IN_FORCE.where(Place.layer.in_(layers)) if layers else _VERSIONS_IN_FORCE)


def delete_coverage(
    db: Session,
    county_id: int,
    patrol_ids: Iterable[uuid.UUID],
    *,
    only_in_force: bool = False,
    layers: Collection[Layer] = (),
) -> None:
    """Delete all that patrols covered and saw.

    `only_in_force`: only of versions that are in force; `layers`: and only of these, if any are named.
    """
    for table in (LineCoverage, CellCoverage, AreaVisit):
        db.execute(
            delete(table)
            .where(table.county_id == county_id, among(table.patrol_id, patrol_ids))
            .where(in_force(table.place_version_id, layers) if only_in_force else true())
        )


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
            "insert into area_visit (county_id, place_version_id, day, patrol_id, dwell_s, entries)"
            " select v.county_id, :new, v.day, v.patrol_id, v.dwell_s, v.entries from area_visit v"
            " where v.county_id = :county_id and v.place_version_id = :old and exists ("
            "   select from cell_coverage c where c.place_version_id = :new"
            "   and c.day = v.day and c.patrol_id = v.patrol_id)"
        ),
        parameters,
    )
