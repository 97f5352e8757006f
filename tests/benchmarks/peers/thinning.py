"""How fixes are prepared for peers that do better with fewer and calmer ones. Needs nothing but numpy."""

import numpy as np
from numpy.typing import NDArray

SMOOTHING_S = 20.0
THINNED_S = 10.0
OUTAGE_S = 10.0
"""Means are not taken across longer gaps."""

Floats = NDArray[np.float64]


def thinned(time_s: Floats, xy: Floats) -> tuple[Floats, Floats]:
    """Return times and positions of one fix in 10 s, each the mean of 20 s around it.

    The window shrinks towards the ends and towards outages, so that no mean is drawn to one side. A track
    with less than two fixes in 10 s is left as it is.

    >>> time_s, xy = thinned(np.arange(21.0), np.column_stack([np.arange(21.0), np.zeros(21)]))
    >>> time_s.tolist(), xy[:, 0].tolist()
    ([0.0, 10.0, 20.0], [0.0, 10.0, 20.0])
    """
    if time_s.size < 3 or np.median(np.diff(time_s)) > THINNED_S / 2:
        return time_s, xy
    slot = (time_s - time_s[0]) // THINNED_S
    kept = np.union1d(np.flatnonzero(np.diff(slot, prepend=-1.0) > 0), [time_s.size - 1])
    gap = np.flatnonzero(np.diff(time_s) > OUTAGE_S)
    starts, stops = np.r_[0, gap + 1], np.r_[gap, time_s.size - 1]
    piece = np.searchsorted(starts, kept, side="right") - 1
    at = time_s[kept]
    half = np.minimum(at - time_s[starts[piece]], time_s[stops[piece]] - at)
    half = np.minimum(half, SMOOTHING_S / 2)
    lo, hi = np.searchsorted(time_s, at - half), np.searchsorted(time_s, at + half, side="right")
    total = np.vstack([[0.0, 0.0], np.cumsum(xy - xy[0], axis=0)])
    return at, xy[0] + (total[hi] - total[lo]) / (hi - lo)[:, None]
