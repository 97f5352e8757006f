"""How far from a place its patrol may pass, and how far one sees."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.lines import LineSet
from layers.vocabulary import Layer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROAD_REACH_M = 20.0
RIVER_REACH_M = 40.0
"""For a river of unknown width: paths run 5 to 60 m from the centre line."""
BANK_MARGIN_M = 20.0
"""From the edge of the water to the path on its bank, with the error of a phone."""
SIGHT_M = 15.0
"""From where one walks, the part of a grid or compound that counts as seen."""


class Stretch(NamedTuple):
    """A stretch of a line, from and to on its measure, with a reach of its own in metres."""

    start: float
    stop: float
    reach_m: float


def reach_m(
    layer: Layer, *, own_m: float | None = None, width_m: float | None = None, on_banks: bool = False
) -> float:
    """Return a line's reach in metres: its own, else from its width, else the layer's.

    `on_banks`: the line runs along the banks, and the width does not matter.

    >>> reach_m(Layer.RIVER, width_m=60.0), reach_m(Layer.ROAD), reach_m(Layer.RIVER, own_m=25.0)
    (50.0, 20.0, 25.0)
    """
    if own_m is not None:
        return own_m
    if on_banks:
        return BANK_MARGIN_M
    if layer is not Layer.RIVER:
        return ROAD_REACH_M
    return RIVER_REACH_M if width_m is None else width_m / 2 + BANK_MARGIN_M


def stretches(
    layer: Layer, pieces: Iterable[tuple[float, float, float | None]], *, width_m: float | None = None
) -> list[Stretch]:
    """Return the stretches whose reach is not that of the whole: by the widths of the pieces it is made of.

    `pieces`: from, to, width (None: unknown) on the line's measure; `width_m`: that of the line as a whole.
    What adjoins with the same reach is one stretch.

    >>> stretches(Layer.RIVER, [(0, 80, 12.0), (80, 200, 30.0), (200, 250, 30.0), (250, 300, None)])
    [Stretch(start=0, stop=80, reach_m=26.0), Stretch(start=80, stop=250, reach_m=35.0)]
    >>> stretches(Layer.RIVER, [(0, 80, 12.0), (80, 200, 30.0)], width_m=12.0)
    [Stretch(start=80, stop=200, reach_m=35.0)]
    """
    whole = reach_m(layer, width_m=width_m)
    found: list[Stretch] = []
    for start, stop, width in sorted((a, b, w) for a, b, w in pieces if w is not None and a < b):
        reach = reach_m(layer, width_m=width)
        if found and found[-1].stop == start and found[-1].reach_m == reach:
            found[-1] = found[-1]._replace(stop=stop)
        elif reach != whole:
            found.append(Stretch(start, stop, reach))
    return found


def width_m(reach_m: float) -> float:
    """Return the width that gives a river this reach.

    >>> width_m(reach_m(Layer.RIVER, width_m=64.0))
    64.0
    """
    return max(2 * (reach_m - BANK_MARGIN_M), 0.0)


def by_segment(lines: LineSet, whole_m: Floats, own: Sequence[tuple[int, Stretch]]) -> Floats:
    """Return the reach of each segment, shape (s,): that of the stretch in which its middle lies.

    `whole_m`: the reach of each place, shape (places,); `own`: number of a place and a stretch of it.

    >>> from shapely import from_wkt
    >>> river = LineSet.of([from_wkt("LINESTRING (0 0, 100 0, 200 0)")])
    >>> by_segment(river, np.array([26.0]), [(0, Stretch(100, 200, 35))]).tolist()
    [26.0, 35.0]
    """
    reach = np.array(whole_m, dtype=np.float64)[lines.place]
    middle = (lines.from_m + lines.to_m) / 2
    for place, (start, stop, metres) in own:
        a, b = np.searchsorted(lines.place, [place, place + 1])
        first, last = a + np.searchsorted(middle[a:b], [start, stop])
        reach[first:last] = metres
    return reach


def banks_m(is_river: Bools, reach_m: Floats) -> Floats:
    """Return how far from lines of some reach one walks: on a road, on the bank of a river.

    >>> banks_m(np.array([True, True, False]), np.array([50.0, 15.0, 20.0])).tolist()
    [30.0, 0.0, 0.0]
    """
    return np.where(is_river, np.maximum(reach_m - BANK_MARGIN_M, 0.0), 0.0)
