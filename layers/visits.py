"""How a track stayed in an area: when it came in, how long it was inside, and from where it saw.

A border is a line, a fix is a disc: who walks along a border is now inside, now outside, and a fix that
leaps says that somebody was where he was not. So coming in and leaving are told apart from jitter: in is who
is inside for some seconds and with more than one fix, out is who is well outside.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.cells import CELL_M
from layers.coverage import Path
from layers.tracks import OUTAGE_S
from layers.walking import way

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BLIND_M = 50.0
"""A fix known worse than this says nothing of an area: of the cells that a way of such fixes claims, only
half were seen (simulated; of fixes good to 15 m nine of ten, to 30 m two of three, however sparse)."""
STAY_S = 20.0
"""Shorter than this inside is a graze, or a few fixes that leapt."""
LEFT_M = 30.0
"""Only who is further outside than this, and than twice his fix's accuracy, has left and can come again: of
the errors of a phone a third is larger than what it says of them, one of twenty twice as large."""
LONGEST_GAP_S = 300.0
"""An outage with both ends inside was spent inside if it is no longer (domain.md 1.3)."""
VISIT_S, AT_THE_DOOR_S = 60.0, 600.0
"""A compound was visited by who was well inside for the one, or inside at all for the other: who stands at
its gate on duty was there; who walks around it, his track leaning inside under towers, was not."""


@dataclass(frozen=True, eq=False)
class Fixes:
    """The fixes of a track in metres that are good enough to say where someone was in an area.

    `xy`: shape (n, 2); `time_s`, `piece`, `accuracy_m` (NaN: unknown): shape (n,).
    """

    xy: Floats
    time_s: Floats
    piece: Ints
    accuracy_m: Floats

    @classmethod
    def of(cls, xy: Floats, time_s: Floats, piece: Ints, accuracy_m: Floats) -> "Fixes":
        """Make it from a cleaned track: what is blind is left out, and bridged if that takes no outage."""
        keep = ~(accuracy_m > BLIND_M)
        time_s, piece = time_s[keep], piece[keep]
        piece = piece + np.cumsum(np.diff(time_s, prepend=time_s[:1]) > OUTAGE_S)
        return cls(xy[keep], time_s, np.unique(piece, return_inverse=True)[1], accuracy_m[keep])

    def sight(self) -> Path:
        """Return the way from which cells are seen: smoothed; who only stands sees from where he stands."""
        if self.time_s.size == 0:
            return Path(self.xy, self.xy, self.time_s, self.time_s)
        walked = way(self.xy, self.time_s, self.piece)
        first = np.flatnonzero(np.diff(self.piece, prepend=-1) != 0)
        stood = first[np.diff(first, append=self.piece.size) > 1]
        return Path(
            np.concatenate([walked.a, self.xy[stood]]),
            np.concatenate([walked.b, self.xy[stood]]),
            np.concatenate([walked.start_s, self.time_s[stood]]),
            np.concatenate([walked.stop_s, self.time_s[stood]]),
        )


@dataclass(frozen=True, eq=False)
class Stays:
    """The time that a track spent inside one area."""

    time_s: Floats
    """Middles of the steps that were inside, even partly, shape (k,)."""
    inside_s: Floats
    """Of each of them the seconds inside, shape (k,)."""
    entered_s: Floats
    """When it came in, shape (entries,); a track that begins inside came in at its begin."""
    deep_s: float
    """The seconds well inside: deeper than the fixes are good, or than an eighth of the width where that is
    less."""

    @property
    def dwell_s(self) -> float:
        """Seconds inside."""
        return float(self.inside_s.sum())

    @property
    def is_visit(self) -> bool:
        """Whether that is a visit to a compound."""
        return self.deep_s >= VISIT_S or self.dwell_s >= AT_THE_DOOR_S

    def between(self, start_s: float, stop_s: float) -> tuple[float, int]:
        """Return the seconds inside, and the entries, from one moment until before another."""
        here = (self.time_s >= start_s) & (self.time_s < stop_s)
        came = (self.entered_s >= start_s) & (self.entered_s < stop_s)
        return float(self.inside_s[here].sum()), int(came.sum())


_NEVER = Stays(np.empty(0), np.empty(0), np.empty(0), 0.0)


def stays(fixes: Fixes, polygon: Any) -> Stays:
    """Return how a track stayed inside a polygon in metres.

    A step counts with the part of it that lies inside, an outage only where both its ends are inside and it
    is short. Runs of fixes inside belong to one stay until a fix is well outside.
    """
    shapely.prepare(polygon)
    inside = shapely.contains_xy(polygon, fixes.xy[:, 0], fixes.xy[:, 1])
    begins = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0) == 1)
    if begins.size == 0:
        return _NEVER
    ends = np.flatnonzero(np.diff(inside.astype(np.int8), append=0) == -1)
    step_s = _inside_s(fixes, polygon, inside)
    # Steps k-1 and k lead to and from fix k: a run has those of all its fixes.
    total_s = np.concatenate([[0.0], np.cumsum(step_s)])
    run_s = total_s[np.minimum(ends + 1, step_s.size)] - total_s[np.maximum(begins - 1, 0)]
    stay = _stay_of(fixes, polygon, begins, ends)
    long_enough = np.bincount(stay, weights=run_s) >= STAY_S
    has_step = np.bincount(stay, weights=ends > begins) > 0
    counts = (long_enough & has_step)[stay]
    steps = np.zeros(step_s.size, dtype=bool)
    for first, last in zip(begins[counts], ends[counts], strict=True):
        steps[max(first - 1, 0) : last + 1] = True
    steps &= step_s > 0
    of_run = np.cumsum(np.diff(inside.astype(np.int8), prepend=0) == 1) - 1
    own = inside & counts[np.maximum(of_run, 0)]
    opens = counts & (np.diff(stay, prepend=-1) != 0)
    return Stays(
        ((fixes.time_s[1:] + fixes.time_s[:-1]) / 2)[steps],
        step_s[steps],
        fixes.time_s[begins[opens]],
        _deep_s(fixes, polygon, own),
    )


def _deep_s(fixes: Fixes, polygon: Any, own: Bools) -> float:
    """Return the seconds between fixes that are well inside, of those of its stays."""
    known = fixes.accuracy_m[own & ~np.isnan(fixes.accuracy_m)]
    # Half of area by perimeter: an eighth of the width of a square, a quarter of that of a strip.
    margin_m = shapely.area(polygon) / shapely.length(polygon) / 2
    margin_m = min(margin_m, float(np.median(known)) if known.size else LEFT_M)
    core = shapely.buffer(polygon, -margin_m)
    shapely.prepare(core)
    deep = own & shapely.contains_xy(core, fixes.xy[:, 0], fixes.xy[:, 1])
    return float(_inside_s(fixes, core, deep).sum())


def _inside_s(fixes: Fixes, polygon: Any, inside: Bools) -> Floats:
    """Return the seconds of each step between two fixes that were spent inside, shape (n - 1,)."""
    duration_s = np.diff(fixes.time_s)
    joined = fixes.piece[1:] == fixes.piece[:-1]
    both, either = inside[1:] & inside[:-1], inside[1:] | inside[:-1]
    share = np.where(both & (joined | (duration_s <= LONGEST_GAP_S)), 1.0, 0.0)
    across = np.flatnonzero(joined & either & ~both)
    share[across] = _share_inside(polygon, fixes.xy[across], fixes.xy[across + 1])
    return np.asarray(share * duration_s)


def _share_inside(polygon: Any, a: Floats, b: Floats) -> Floats:
    """Return which share of straight steps lies inside, by pieces of a cell's length, shape (k,)."""
    count = np.maximum(np.ceil(np.hypot(*(b - a).T) / CELL_M), 1).astype(np.int64)
    row = np.repeat(np.arange(count.size), count)
    at = (np.arange(row.size) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[row]
    middle = a[row] + at[:, None] * (b - a)[row]
    within = shapely.contains_xy(polygon, middle[:, 0], middle[:, 1])
    return np.asarray(np.bincount(row, weights=within, minlength=count.size) / count)


def _stay_of(fixes: Fixes, polygon: Any, begins: Ints, ends: Ints) -> Ints:
    """Return the number of the stay of each run of fixes inside: a new one after a fix well outside."""
    room_m = np.fmax(2 * fixes.accuracy_m, LEFT_M)
    near = shapely.dwithin(polygon, shapely.points(fixes.xy), room_m)
    away = np.concatenate([[0], np.cumsum(~near)])
    return np.cumsum(np.concatenate([[0], away[begins[1:]] - away[ends[:-1]] > 0]))
