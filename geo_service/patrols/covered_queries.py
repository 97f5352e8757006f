"""The SQL of what one patrol covered: stretches of lines, cells of areas, in the versions in force."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import and_, case, func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.counting import Sizes
from geo_service.coverage.service import CoveredLine, Stretches
from geo_service.tables import AreaVisit, CellCoverage, LineCoverage, Patrol, Place, PlaceCells, PlaceVersion
from layers.cells import AreaCells, CellSet
from layers.vocabulary import Layer

_IN_FORCE = and_(Place.id == PlaceVersion.place_id, Place.version_id == PlaceVersion.id)
"""By both keys, which each have an index."""


@dataclass(frozen=True)
class SeenCells:
    """What a patrol saw of an area place in force: its cells there, how long it stayed, how often it came."""

    place_id: int
    layer: Layer
    name: str | None
    sizes: Sizes
    seen_m2: float
    dwell_s: float
    entries: int


def covered_lines(db: Session, county_id: int, patrol_id: uuid.UUID) -> list[CoveredLine]:
    """Return what a patrol covered of lines in force, over all its days."""
    walked, ridden, bridged, ambiguous = (
        func.range_agg(column)
        for column in (
            *(LineCoverage.spans, LineCoverage.ridden),
            *(LineCoverage.bridged, LineCoverage.ambiguous),
        )
    )
    walked_or_ridden = walked.op("+")(ridden)
    rows = db.execute(
        select(
            Place.id, Place.layer, Place.name,
            case((Patrol.rides_count, walked_or_ridden), else_=walked),
            walked, ridden.op("-")(walked), bridged, ambiguous.op("-")(walked_or_ridden),
        )
        .join(PlaceVersion, PlaceVersion.id == LineCoverage.place_version_id)
        .join(Place, _IN_FORCE)
        .join(Patrol, Patrol.id == LineCoverage.patrol_id)
        .where(LineCoverage.county_id == county_id, LineCoverage.patrol_id == patrol_id)
        .group_by(Place.id, Patrol.id)
    )  # fmt: skip
    found = []
    for id_, layer, name, *sets in rows:
        covers, *ways = (Stretches.of(_pairs(spans)) for spans in sets)
        found.append(CoveredLine(id_, Layer(layer), name, covers.spans_dm, covers.metres, *ways))
    return found


def _pairs(spans: Sequence[Range[int]]) -> list[tuple[int, int]]:
    return [(span.lower or 0, span.upper or 0) for span in spans]


def seen_areas(db: Session, county_id: int, patrol_id: uuid.UUID) -> list[SeenCells]:
    """Return what a patrol saw of area places in force, over all its days."""
    visits = db.execute(
        select(
            PlaceVersion.id, Place.id, Place.layer, Place.name, PlaceVersion.area_m2,
            PlaceVersion.walkable_m2, func.sum(AreaVisit.dwell_s), func.sum(AreaVisit.entries),
        )
        .join(AreaVisit, AreaVisit.place_version_id == PlaceVersion.id)
        .join(Place, _IN_FORCE)
        .where(AreaVisit.county_id == county_id, AreaVisit.patrol_id == patrol_id)
        .group_by(PlaceVersion.id, Place.id)
    ).all()  # fmt: skip
    if not visits:
        return []
    seen_m2 = _seen_m2(db, county_id, patrol_id)
    return [
        SeenCells(
            place_id, Layer(layer), name, Sizes(area_m2 or 0.0, walkable_m2), seen_m2.get(version_id, 0.0),
            dwell_s, entries,
        )
        for version_id, place_id, layer, name, area_m2, walkable_m2, dwell_s, entries in visits
    ]  # fmt: skip


def _seen_m2(db: Session, county_id: int, patrol_id: uuid.UUID) -> dict[int, float]:
    """Return the inner area of the cells that a patrol saw, by version."""
    rows = db.execute(
        select(
            CellCoverage.place_version_id, CellCoverage.block_x, CellCoverage.block_y,
            func.bit_or(CellCoverage.seen), PlaceCells.inside, PlaceCells.edge_cell, PlaceCells.edge_m2,
        )
        .join(
            PlaceCells,
            and_(
                PlaceCells.place_version_id == CellCoverage.place_version_id,
                PlaceCells.block_x == CellCoverage.block_x,
                PlaceCells.block_y == CellCoverage.block_y,
            ),
        )
        .where(CellCoverage.county_id == county_id, CellCoverage.patrol_id == patrol_id)
        .group_by(
            CellCoverage.place_version_id, CellCoverage.block_x, CellCoverage.block_y, PlaceCells.inside,
            PlaceCells.edge_cell, PlaceCells.edge_m2,
        )
    )  # fmt: skip
    seen_m2: dict[int, float] = {}
    for version_id, x, y, seen, inside, edge_cell, edge_m2 in rows:
        edges = {(x, y): (np.array(edge_cell, np.int64), np.array(edge_m2, np.float64))}
        block = AreaCells(CellSet.from_bits([(x, y, inside)]), edges)
        here_m2 = block.area_m2(CellSet.from_bits([(x, y, seen)]))
        seen_m2[version_id] = seen_m2.get(version_id, 0.0) + here_m2
    return seen_m2
