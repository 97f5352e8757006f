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

    `bank_m`: how far beside its line one walks, metres for each place, shape (places,): from a bank the water
    is seen as far as the sight goes, and the land behind.
    """
    near = _near(area, lines, float(bank_m.max(initial=0.0)) + sight_m)
    place = lines.place[near]
    on_it = bank_m[place] == 0.0
    found = seen_from(_path(lines, near[on_it]), sight_m)
    for k in np.unique(place[~on_it]).tolist():
        axis = _path(lines, near[place == k])
        beside = seen_from(axis, bank_m[k] + sight_m)
        if bank_m[k] > sight_m:
            beside = beside - seen_from(axis, bank_m[k] - sight_m)
        found = found | beside
    found = area.inside & found
    return found if len(found) >= LEAST_CELLS else None


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
