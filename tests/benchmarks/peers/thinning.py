"""How fixes are prepared for peers that do better with fewer and calmer ones. Needs nothing but numpy."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def thinned(
    time_s: Floats, xy: Floats, *, mean_s: float = 20.0, every_s: float = 10.0
) -> tuple[Floats, Floats]:
    """Return times and positions of one fix in `every_s`, each the mean of `mean_s` around it.

    The window shrinks towards the ends and towards outages, so that no mean is drawn to one side. A track
    with hardly more than a fix in `every_s` is left as it is.

    >>> time_s, xy = thinned(np.arange(21.0), np.column_stack([np.arange(21.0), np.zeros(21)]))
    >>> time_s.tolist(), xy[:, 0].tolist()
    ([0.0, 10.0, 20.0], [0.0, 10.0, 20.0])
    """
    if time_s.size < 3 or np.median(np.diff(time_s)) > 0.6 * every_s:
        return time_s, xy
    slot = (time_s - time_s[0]) // every_s
    kept = np.union1d(np.flatnonzero(np.diff(slot, prepend=-1.0) > 0), [time_s.size - 1])
    gap = np.flatnonzero(np.diff(time_s) > 1.25 * every_s)
    starts, stops = np.r_[0, gap + 1], np.r_[gap, time_s.size - 1]
    piece = np.searchsorted(starts, kept, side="right") - 1
    at = time_s[kept]
    half = np.minimum(at - time_s[starts[piece]], time_s[stops[piece]] - at)
    half = np.minimum(half, mean_s / 2)
    lo, hi = np.searchsorted(time_s, at - half), np.searchsorted(time_s, at + half, side="right")
    total = np.vstack([[0.0, 0.0], np.cumsum(xy - xy[0], axis=0)])
    return at, xy[0] + (total[hi] - total[lo]) / (hi - lo)[:, None]
