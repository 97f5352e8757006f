"""Coverage of many patrols at once: what lies around their tracks, and other rows put in place of theirs."""

import uuid
from collections.abc import Collection, Sequence

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.coverage import queries, rollup, walkable, windows
from geo_service.coverage.computing import Boxes, LineRow, NearArea, Neighbourhood, VisitRow
from geo_service.coverage.windows import Geometries
from geo_service.tables import County
from layers import crs as crs_
from layers.cells import CELL_M, SIDE, AreaCells
from layers.vocabulary import Layer

Wanted = set[tuple[int, int, int]]
_BLOCK_M = CELL_M * SIDE


def places_around(db: Session, county: County, boxes: Boxes, layers: Collection[Layer] = ()) -> Neighbourhood:
    """Return the places that meet one of some boxes; `layers`: only of these, if any are named."""
    if county.crs is None:
        raise RuntimeError("a county without an extent has no places and takes no patrols")
    lines = queries.lines_near(db, county.id, boxes)
    areas = queries.areas_near(db, county.id, boxes)
    if not layers:
        return Neighbourhood(county.crs, lines, areas)
    return Neighbourhood(
        county.crs,
        [line for line in lines if line.layer in layers],
        [area for area in areas if area.layer in layers],
    )


def cells_around(db: Session, county_id: int, near: Neighbourhood, boxes: Boxes) -> dict[int, AreaCells]:
    """Return the cells of areas, by version, in all blocks that a track within one of the boxes may see."""
    return queries.cells_of(db, county_id, sorted(_blocks(near.crs, near.areas, boxes)))


def cells_of(db: Session, county_id: int, wanted: Wanted) -> dict[int, AreaCells]:
    """Return the cells of versions in the blocks named as (version, block_x, block_y)."""
    return queries.cells_of(db, county_id, sorted(wanted))


def geometries(db: Session, county_id: int, version_ids: Sequence[int]) -> Geometries:
    """Return the geometries of versions in their order, lon, lat, lines with their M."""
    return windows.geometries(db, county_id, version_ids)


def replace(
    db: Session,
    county_id: int,
    patrol_ids: Sequence[uuid.UUID],
    lines: Sequence[tuple[uuid.UUID, LineRow]],
    visits: Sequence[tuple[uuid.UUID, VisitRow]],
    layers: Collection[Layer] = (),
) -> None:
    """Put rows in place of what patrols covered and saw of the places in force, and follow in the roll-up.

    `layers`: only of these, if any are named. What they covered of older versions stays as history. In the
    caller's transaction, which holds the lock of the county's coverage from here on.
    """
    queries.lock_county(db, county_id)
    days = rollup.days_of(db, county_id, patrol_ids, only_in_force=True, layers=layers)
    queries.delete_coverage(db, county_id, patrol_ids, only_in_force=True, layers=layers)
    queries.insert_line_coverage(db, county_id, lines)
    queries.insert_visits(db, county_id, visits)
    days |= rollup.days_of(db, county_id, patrol_ids, only_in_force=True, layers=layers)
    rollup.rebuild(db, county_id, days)
    walkable.rebuild(db, county_id, days.areas)


def _blocks(crs: str, areas: Sequence[NearArea], boxes: Boxes) -> Wanted:
    """Return the blocks of areas that meet boxes, a block more on every side for what is bent in metres."""
    if not areas or not len(boxes):
        return set()
    bounds = shapely.bounds(np.array([area.geometry for area in areas], dtype=object))
    i, j = np.nonzero(
        (bounds[:, None, :2] <= boxes[None, :, 2:]).all(axis=2)
        & (boxes[None, :, :2] <= bounds[:, None, 2:]).all(axis=2)
    )
    both = np.hstack([np.maximum(bounds[i, :2], boxes[j, :2]), np.minimum(bounds[i, 2:], boxes[j, 2:])])
    corners = np.stack([crs_.to_metric(both[:, k], crs) for k in ([0, 1], [2, 1], [2, 3], [0, 3])])
    low = np.floor(corners.min(axis=0) / _BLOCK_M).astype(int) - 1
    high = np.floor(corners.max(axis=0) / _BLOCK_M).astype(int) + 1
    return {
        (areas[k].version_id, x, y)
        for k, (x0, y0), (x1, y1) in zip(i.tolist(), low.tolist(), high.tolist(), strict=True)
        for x in range(x0, x1 + 1)
        for y in range(y0, y1 + 1)
    }
