"""Compile everything once, and keep it: `python -m layers.compiled`, after an install by who may write there.

A small walk goes through every function: along a street, past another that is too close, over a leap between
fixes and an outage.
"""

import numpy as np
import shapely

from layers.lines import LineSet
from layers.matching import matched
from layers.tracks import smoothed

ROADS = (
    "LINESTRING (0 0, 300 0)",
    "LINESTRING (0 3, 300 3)",
    "LINESTRING (300 0, 300 20)",
    "LINESTRING (300 20, 900 20)",
    "LINESTRING (600 20, 700 120, 600 220, 500 120, 600 20)",
)


def main() -> None:
    """Walk through every function."""
    lines = LineSet.of([shapely.from_wkt(road) for road in ROADS])
    x = np.concatenate([np.arange(0.0, 300.0, 10.0), [300.0, 420.0, 430.0, 600.0, 610.0, 620.0]])
    xy = np.column_stack([x, np.where(x < 300, 1.0, 20.0)])
    time_s = np.linspace(0.0, 8.0 * x.size, x.size, endpoint=False, dtype=np.float64)
    time_s[-3:] += 130.0
    piece = np.where(np.arange(x.size) < x.size - 3, 0, 1)
    smoothed(xy, time_s, piece)
    matched(lines, xy, time_s, piece, np.full(lines.place.size, 20.0), None, np.full(x.size, 30.0))


if __name__ == "__main__":
    main()
