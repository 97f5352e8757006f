"""A track as a walk: smoothed, and in pieces or spots a few metres apart, whatever its fixes were."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.coverage import Path
from layers.tracks import is_ridden, smoothed

if TYPE_CHECKING:
    from layers.compiled.switch import Spots

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SIMPLIFY_M = 3.0
LONGEST_PIECE_M = 20.0
"""Pieces short enough for cells."""
SMOOTHING_S, SMOOTHING_M = 8.0, 25.0
"""Window of the running mean: seconds for a walker, metres of way for what is faster.

A longer one takes the corners off, a shorter one lets the error in (measured on the walks for tuning).
"""
STEP_M = 10.0
"""Between spots of the way."""
ERROR_M = 9.0
"""Of a fix, on each axis, at least: phones promise more than they hold."""
ACCURACY_PER_ERROR = 1.5
"""A phone's accuracy is the radius of about 68 %, which is 1.5 errors of one axis (Rayleigh)."""
LEAP_M = 40.0
"""Fixes further apart than this, as those of a car, do not tell the way between them: it is looked for."""
BEND = 0.5
"""Between two fixes the way may bend by so much of the product of the ways to them over their distance."""
ALIKE_M = 40.0
"""Along so much way errors are alike: so much counts as one view (a walker's half minute)."""
LONGEST_BRIDGE_S = 300.0
"""Of a longer outage nobody knows what it was (domain.md 1.3)."""


@dataclass(frozen=True, eq=False)
class Walk:
    """A track as spots along its smoothed way; `time_s` at each, shape (k,), and its usual pace."""

    spots: "Spots"
    time_s: Floats
    pace_m_s: float

    @classmethod
    def of(cls, xy: Floats, time_s: Floats, piece: Ints, accuracy_m: Floats | None) -> "Walk":
        """Make it from fixes in metres, shape (n, 2); the rest, shape (n,)."""
        # The compiler is loaded when it is needed.
        from layers.compiled.means import spots_of  # noqa: PLC0415
        from layers.compiled.switch import Spots  # noqa: PLC0415

        error_m = np.full(time_s.size, ERROR_M)
        if accuracy_m is not None:
            error_m = np.fmax(error_m, accuracy_m / ACCURACY_PER_ERROR)
        smooth = smoothed(xy, time_s, piece, window_s=SMOOTHING_S)
        at, at_s, error_m, gap_m, begins_s, leaps = spots_of(smooth, time_s, error_m, piece, STEP_M, LEAP_M)
        begins = begins_s > 0
        begins[:1] = True
        ends = np.append(begins[1:], True)
        way_m = np.hypot(*np.diff(at, axis=0, prepend=at[:1]).T)
        step_m = np.where(begins, 0.0, way_m)
        x, y, along_x, along_y = (
            np.ascontiguousarray(column) for column in (*at.T, *_headings(at, begins, ends).T)
        )
        spots = Spots(
            x, y, along_x, along_y, step_m, _weights(step_m, begins, ends), error_m**2 + BEND * gap_m**2,
            gap_m, begins_s, leaps, _ridden(step_m, at_s, begins),
        )  # fmt: skip
        took_s = np.diff(at_s, prepend=at_s[:1])
        known = begins_s <= LONGEST_BRIDGE_S
        return cls(spots, at_s, float(way_m[known].sum() / max(took_s[known].sum(), 1.0)))

    def middle_s(self, spot: Ints) -> Floats:
        """Return the middle of the time of the steps that end at spots, shape (n,)."""
        return np.asarray((self.time_s[np.maximum(spot - 1, 0)] + self.time_s[spot]) / 2)


def _headings(at: Floats, begins: Bools, ends: Bools) -> Floats:
    """Return the unit vector of the way at each spot, from the one before to the one behind: (k, 2)."""
    before, after = np.vstack([at[:1], at[:-1]]), np.vstack([at[1:], at[-1:]])
    before[begins], after[ends] = at[begins], at[ends]
    ahead = after - before
    return np.asarray(ahead / np.maximum(np.hypot(*ahead.T), 1e-9)[:, None])


def _weights(step_m: Floats, begins: Bools, ends: Bools) -> Floats:
    """Return how much of a view of its own each spot is; however far the next one is, it is one at most."""
    view_m = np.where(begins, ALIKE_M, np.minimum(step_m, ALIKE_M))
    next_m = np.where(ends, 0.0, np.append(view_m[1:], 0.0))
    return np.asarray((view_m + next_m) / 2 / ALIKE_M)


def _ridden(step_m: Floats, at_s: Floats, begins: Bools) -> Bools:
    ridden = np.zeros(at_s.size, dtype=bool)
    before_s = np.concatenate([at_s[:1], at_s[:-1]])
    piece = np.cumsum(begins, dtype=np.int64)
    on = ~begins
    ridden[on] = is_ridden(step_m[on], before_s[on], at_s[on], piece[on])
    return ridden


def way(xy: Floats, time_s: Floats, piece: Ints) -> Path:
    """Return the smoothed, simplified way in short pieces; lone fixes and standstills are no way."""
    smooth = smoothed(xy, time_s, piece)
    paths = [
        _simplified(smooth[fixes], time_s[fixes])
        for fixes in np.split(np.arange(piece.size), np.flatnonzero(np.diff(piece)) + 1)
        if fixes.size > 1
    ]
    empty = Path(np.empty((0, 2)), np.empty((0, 2)), np.empty(0), np.empty(0))
    a, b, start_s, stop_s = (
        np.concatenate([getattr(p, name) for p in [empty, *paths]])
        for name in ("a", "b", "start_s", "stop_s")
    )
    return Path(a, b, start_s, stop_s).moving().chopped(LONGEST_PIECE_M)


def _simplified(xy: Floats, time_s: Floats) -> Path:
    """Return one piece of a track with the vertices that matter, and their times."""
    # Z carries the time through the simplification.
    line = shapely.linestrings(np.column_stack([xy, time_s - time_s[0]]))
    kept = shapely.get_coordinates(
        shapely.simplify(line, SIMPLIFY_M, preserve_topology=False), include_z=True
    )
    at_s = kept[:, 2] + time_s[0]
    return Path(kept[:-1, :2], kept[1:, :2], at_s[:-1], at_s[1:])
