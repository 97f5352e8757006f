"""The compiled loops made ready by a first small walk, before anybody waits for theirs.

As a command, `python -m layers.ready`, for whoever installs: what was compiled is kept beside the code, and
later processes load it, also those of a user who may only read there.
"""

import numpy as np
import shapely

from layers.lines import LineSet
from layers.matching import matched
from layers.tracks import smoothed

_ROADS = (
    "LINESTRING (0 0, 300 0)",
    "LINESTRING (0 1.2, 300 1.2)",
    "LINESTRING (300 0, 300 20)",
    "LINESTRING (300 20, 900 20)",
    "LINESTRING (600 20, 700 120, 600 220, 500 120, 600 20)",
)
"""A street, one beside it that cannot be told apart, a short one between two, and one that closes a ring."""


def get_ready() -> None:
    """Compile all that the matching of a track needs, or load it where it was kept; then it waits no more.

    The walk passes every function: a leap between fixes and an outage are in it.
    """
    lines = LineSet.of([shapely.from_wkt(road) for road in _ROADS])
    x = np.concatenate([np.arange(0.0, 300.0, 10.0), [300.0, 420.0, 430.0, 600.0, 610.0, 620.0]])
    xy = np.column_stack([x, np.where(x < 300, 1.0, 20.0)])
    time_s = np.linspace(0.0, 8.0 * x.size, x.size, endpoint=False, dtype=np.float64)
    time_s[-3:] += 130.0
    piece = np.where(np.arange(x.size) < x.size - 3, 0, 1)
    smoothed(xy, time_s, piece)
    matched(lines, xy, time_s, piece, np.full(lines.place.size, 20.0), accuracy_m=np.full(x.size, 30.0))


if __name__ == "__main__":
    get_ready()
