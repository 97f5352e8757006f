"""The compiled loops made ready by a first walk of some hundred metres, before anybody waits for theirs.

As a command, `python -m layers.ready`, for whoever installs: what was compiled is kept beside the code, and
later processes load it, also those of a user who may only read there.
"""

import numpy as np
import shapely

from layers.lines import LineSet
from layers.matching import matched

_ROADS = ("LINESTRING (0 0, 300 0)", "LINESTRING (0 2.5, 300 2.5)", "LINESTRING (150 -100, 150 100)")
"""Two that cannot be told apart, so that their walk is looked at from both its ends, and one across."""
_PACE_M_S = 1.25
_ACCURACY_M = 5.0


def get_ready() -> None:
    """Compile all that the matching of a track needs, or load it where it was kept; then it waits no more."""
    lines = LineSet.of([shapely.from_wkt(road) for road in _ROADS])
    along_m = np.arange(10.0, 290.0, _PACE_M_S)
    time_s = along_m / _PACE_M_S
    xy = np.column_stack([along_m, np.full(along_m.size, 1.0)])
    piece = (along_m > np.median(along_m)).astype(np.int64)
    reach_m = np.full(lines.place.size, 20.0)
    matched(lines, xy, time_s, piece, reach_m, accuracy_m=np.full(along_m.size, _ACCURACY_M))


if __name__ == "__main__":
    get_ready()
