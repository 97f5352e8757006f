"""What others found is drawn on the map; here it becomes spans of its ways."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from layers.spans import SpanSet

ROUNDING_M = 0.5
"""Others round to a decimetre or so: holes up to this length are none."""

Floats = NDArray[np.float64]


def spans(lines: NDArray[np.object_], row: ArrayLike, a: Floats, b: Floats) -> SpanSet:
    """Return straight steps from `a` to `b`, shape (n, 2), drawn along lines: `row` tells which, shape (n,).

    Each lies on its line: as long as it is, around where its middle is. So it is also right where a line
    meets itself.

    >>> line = shapely.from_wkt("LINESTRING (0 0, 100 0, 100 50)")
    >>> drawn = np.array([[60.0, 0.0], [100.0, 0.0], [100.0, 20.0]])
    >>> spans(np.array([line]), [0, 0], drawn[:-1], drawn[1:])
    SpanSet(0: [60, 120))
    """
    row = np.asarray(row, np.int64)
    line = lines[row]
    middle = shapely.line_locate_point(line, shapely.points((a + b) / 2))
    half = np.hypot(*(b - a).T) / 2
    start, stop = np.maximum(middle - half, 0.0), np.minimum(middle + half, shapely.length(line))
    return SpanSet.of(row, start, stop).closed(ROUNDING_M)


def steps(lines: Any) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return the straight steps of (Multi)LineStrings: index of the line, from, to.

    >>> steps([shapely.from_wkt("LINESTRING (0 0, 1 0, 1 2)")])[0].tolist()
    [0, 0]
    """
    parts, row = shapely.get_parts(np.asarray(lines, object), return_index=True)
    straight = shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING
    xy, part = shapely.get_coordinates(parts[straight], return_index=True)
    same = part[1:] == part[:-1]
    return row[straight][part[1:][same]], xy[:-1][same], xy[1:][same]
