"""Which part of a grid can be seen from where one can walk: a lake or a factory inside it is no gap.

The register knows where one can walk by its lines: on roads, and on the banks of rivers. What somebody's
walk saw beyond them joins it elsewhere; where no line is known, nothing is, and all of the grid counts.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.cells import CELL_M, AreaCells, CellSet, seen_from
from layers.coverage import Path
from layers.lines import LineSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_CELLS = 30
"""What 100 m of way show. Lines that show less graze a grid, and say nothing of where one walks in it."""


def walkable(area: AreaCells, lines: LineSet, bank_m: Floats, sight_m: float) -> CellSet | None:
    """Return the cells of an area within sight of where one walks along lines; None where that is unknown.

    `bank_m`: how far beside it one walks, metres for each segment, shape (s,): from a bank the water is seen
    as far as the sight goes, and the land behind.
    """
    near = _near(area, lines, float(bank_m.max(initial=0.0)) + sight_m)
    on_it = bank_m[near] == 0.0
    found = seen_from(_path(lines, near[on_it]), sight_m)
    beside = near[~on_it]
    for place in np.unique(lines.place[beside]).tolist():
        found = found | _banks(lines, beside[lines.place[beside] == place], bank_m, sight_m)
    found = area.inside & found
    return found if len(found) >= LEAST_CELLS else None


def _banks(lines: LineSet, segments: Ints, bank_m: Floats, sight_m: float) -> CellSet:
    """Return what is seen from the banks of one river: where it widens, the narrow part sees no water."""
    seen, water = CellSet(), CellSet()
    for metres in np.unique(bank_m[segments]).tolist():
        axis = _path(lines, segments[bank_m[segments] == metres])
        seen = seen | seen_from(axis, metres + sight_m)
        if metres > sight_m:
            water = water | seen_from(axis, metres - sight_m)
    return seen - water


def _near(area: AreaCells, lines: LineSet, room_m: float) -> Ints:
    """Return the segments whose boxes come near the box of an area, in their order."""
    cells = area.inside.cells()
    if len(cells) == 0:
        return np.empty(0, np.int64)
    low, high = cells.min(axis=0) * CELL_M - room_m, (cells.max(axis=0) + 1) * CELL_M + room_m
    return np.sort(lines.tree.query(shapely.box(*low, *high)))


def _path(lines: LineSet, segments: Ints) -> Path:
    none = np.zeros(segments.size)
    return Path(lines.a[segments], lines.b[segments], none, none)
