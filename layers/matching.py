"""Which line was walked: of all lines around, the one along which a smoothed walk went, spot by spot.

A buffer covers a street that was only crossed, and the lane beside the one that was walked. Here the lines of
a layer compete for each spot of the walk, and the whole sequence is decided at once, without routing
(`layers.compiled.switch`). Where lines lie closer together than the error of the fixes, it is ambiguous.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.coverage import Covered, Kind, Path, joined
from layers.lines import LineSet
from layers.network import Network
from layers.tracks import is_ridden, smoothed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RULE = 2
"""Version of the rules below and of those in `layers.compiled`; stored with what they gave."""

SIMPLIFY_M = 3.0
LONGEST_PIECE_M = 20.0
"""Pieces short enough for cells."""

SMOOTHING_S, SMOOTHING_M = 10.0, 25.0
"""Window of the running mean: seconds for a walker, metres of way for what is faster.

A longer one takes the corners off, a shorter one lets the error in (measured on the walks for tuning)."""
STEP_M = 7.0
"""Between spots of the way."""
ERROR_M = 8.0
"""Of a fix, on each axis, at least: phones promise more than they hold."""
ACCURACY_PER_ERROR = 1.5
"""A phone's accuracy is the radius of about 68 %, which is 1.5 errors of one axis (Rayleigh)."""
BEND = 0.5
"""Between two fixes the way may bend by so much of the product of the ways to them over their distance."""
ALIKE_M = 40.0
"""Along so much way errors are alike: so much counts as one view (a walker's half minute)."""
PATH_M = 20.0
"""A reach beyond this is that of something wide."""
FURTHER_M = 10.0
"""Lines compete this far out of their reach."""
MOST_CANDIDATES = 12
CLOSE_M = 15.0
"""Holes up to this length are covered."""
TWIN_M = 1.5
"""Lines closer than this are the same line: what is walked of one is walked of the other."""
AMBIGUOUS_SHARE = 0.5
"""Of the error: lines closer than this cannot be told apart, however long one walks beside both, for much of the
error, and that of the map, stays the same."""
MARGIN = 3.0
"""Nats: another line is as likely if it is dearer by less, all that came before and after considered."""
SHORTEST_AMBIGUOUS_M = 30.0
"""At every junction it is ambiguous for some metres where the one line ends and the other begins."""


@dataclass(frozen=True)
class Settings:
    """What the switch weighs (`layers.compiled.switch.Costs`) and where runs end (`runs.Limits`)."""

    turned: float = 3.0
    most: float = 20.0
    off: float = 4.0
    scale_m: float = 15.0
    most_differ_m: float = 40.0
    linked: float = 0.15
    unlinked: float = 5.0
    enter: float = 5.0
    overshoot_m: float = 12.0
    shortest_m: float = 20.0
    shortest_share: float = 0.6
    end_m: float = 4.0
    turned_m: float = 18.0
    bridge_s: float = 300.0
    bridge_slow: float = 0.6
    bridge_fast: float = 1.5


SETTINGS = Settings()


def matched(
    lines: LineSet,
    xy: Floats,
    time_s: Floats,
    piece: Ints,
    reach_m: Floats,
    rival: Ints | None = None,
    accuracy_m: Floats | None = None,
) -> Covered:
    """Return the stretches of lines along which a track went, by kind.

    `xy`: fixes in metres, shape (n, 2), with `time_s`, `piece` and `accuracy_m` (NaN: unknown), shape (n,);
    `reach_m`: metres for each segment, shape (segments,): it bounds the distance from the smoothed walk;
    `rival`: lines compete where it is equal, shape (places,) (none: all compete).
    """
    if reach_m.shape != lines.place.shape:
        raise ValueError(f"reach_m has shape {reach_m.shape}, but there are {lines.place.size} segments")
    if lines.place.size == 0 or time_s.size < 2:
        return joined([], close_m=CLOSE_M)
    walk = _Walk.of(xy, time_s, piece, accuracy_m)
    kinds = np.zeros(lines.places, np.int64) if rival is None else rival
    of_segment = kinds[lines.place]
    return joined(
        [_along(lines, walk, reach_m, of_segment == each) for each in np.unique(of_segment)], close_m=CLOSE_M
    )


@dataclass(frozen=True, eq=False)
class _Walk:
    """A track as spots along its smoothed way."""

    spots: Any
    time_s: Floats
    ridden: Bools
    pace_m_s: float

    @classmethod
    def of(cls, xy: Floats, time_s: Floats, piece: Ints, accuracy_m: Floats | None) -> "_Walk":
        from layers.compiled.means import spots_of  # noqa: PLC0415  (the compiler is loaded when needed)
        from layers.compiled.switch import Spots  # noqa: PLC0415

        error_m = np.full(time_s.size, ERROR_M)
        if accuracy_m is not None:
            error_m = np.fmax(error_m, accuracy_m / ACCURACY_PER_ERROR)
        smooth = smoothed(xy, time_s, piece, window_s=SMOOTHING_S)
        at, at_s, error_m, gap_m, begins_s = spots_of(smooth, time_s, error_m, piece, STEP_M)
        begins = begins_s > 0
        begins[:1] = True
        step = np.diff(at, axis=0, prepend=at[:1])
        step_m = np.where(begins, 0.0, np.hypot(*step.T))
        number = np.cumsum(begins, dtype=np.int64)
        before, after = np.r_[at[:1], at[:-1]], np.r_[at[1:], at[-1:]]
        before[begins] = at[begins]
        ends = np.r_[begins[1:], True]
        after[ends] = at[ends]
        ahead = after - before
        ahead /= np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
        weight = (step_m + np.where(ends, 0.0, np.r_[step_m[1:], 0.0])) / 2 / ALIKE_M
        x, y, along_x, along_y = (np.ascontiguousarray(column) for column in (*at.T, *ahead.T))
        spots = Spots(
            x,
            y,
            along_x,
            along_y,
            step_m,
            weight,
            error_m**2 + BEND * gap_m**2,
            gap_m,
            begins_s,
        )
        moving_s = float(np.where(begins, 0.0, np.diff(at_s, prepend=at_s[:1])).sum())
        ridden = np.zeros(at_s.size, dtype=bool)
        before_s = np.concatenate([at_s[:1], at_s[:-1]])
        ridden[~begins] = is_ridden(step_m[~begins], before_s[~begins], at_s[~begins], number[~begins])
        return cls(spots, at_s, ridden, float(step_m.sum()) / max(moving_s, 1.0))

    def middle_s(self, spot: Ints) -> Floats:
        """Return the middle of the time of the steps that end at spots, shape (n,)."""
        return np.asarray((self.time_s[np.maximum(spot - 1, 0)] + self.time_s[spot]) / 2)


def _along(lines: LineSet, walk: _Walk, reach_m: Floats, chosen: Bools) -> Covered:
    """Return the stretches along which a walk went, of lines that compete with each other."""
    from layers.compiled import runs as runs_  # noqa: PLC0415
    from layers.compiled import switch  # noqa: PLC0415

    network, own = lines.network, SETTINGS
    costs = switch.Costs(
        own.turned, own.most, own.off, own.scale_m, own.most_differ_m, own.linked, own.unlinked, own.enter
    )
    limits = runs_.Limits(
        own.overshoot_m, own.shortest_m, own.shortest_share, own.end_m, own.turned_m, own.bridge_s,
        own.bridge_slow, own.bridge_fast,
    )  # fmt: skip
    segments = network.segments
    near = switch.candidates(
        walk.spots, segments, network.grid, reach_m, chosen, PATH_M, FURTHER_M, MOST_CANDIDATES, costs
    )
    on, until = switch.decided(walk.spots, near, network.links, costs)
    rows = runs_.runs(
        on, walk.spots, near, segments, network.links, network.low_m, network.high_m, reach_m,
        walk.pace_m_s, limits,
    )  # fmt: skip
    same = runs_.twins(rows, segments, network.grid, chosen, TWIN_M)
    strand, start_m, stop_m, spot, kind = (
        np.concatenate(columns) for columns in zip(rows, same, strict=True)
    )
    found = Covered(network.place[strand], start_m, stop_m, walk.middle_s(spot), kind, CLOSE_M)
    found = replace(found, kind=np.where((kind == Kind.WALKED) & walk.ridden[spot], Kind.RIDDEN, kind))
    other = _rivals(network, walk, reach_m, near, on, until, costs)
    return found if other is None else _with_doubt(found, spot, other, network, walk, near)


def _rivals(
    network: Network, walk: _Walk, reach_m: Floats, near: Any, on: Ints, until: Floats, costs: Any
) -> Ints | None:
    """Return for each spot the candidate on another line that is as likely (-1: none), None for no run of them."""
    from layers.compiled import runs as runs_  # noqa: PLC0415
    from layers.compiled import switch  # noqa: PLC0415

    other: Ints = runs_.rivals(on, walk.spots, near, network.segments, reach_m, TWIN_M, AMBIGUOUS_SHARE)
    if _longest(other >= 0, walk.spots.step_m) < SHORTEST_AMBIGUOUS_M:
        return None
    dearer = until + switch.from_here(walk.spots, near, network.links, costs)
    here = np.flatnonzero(other >= 0)
    other[here[dearer[other[here]] - dearer[on[here]] >= MARGIN]] = -1
    return other


def _with_doubt(
    found: Covered, spot: Ints, other: Ints, network: Network, walk: _Walk, near: Any
) -> Covered:
    """Return what was found with the steps marked that may have been on another line, and that line's stretches.

    Where both lines were walked, as around a junction, there is no doubt.
    """
    step = np.flatnonzero((other[1:] >= 0) & (other[:-1] >= 0)) + 1
    step = step[near.strand[other[step]] == near.strand[other[step - 1]]]
    start_m, stop_m = np.sort(np.stack([near.m[other[step - 1]], near.m[other[step]]]), axis=0)
    place = network.place[near.strand[other[step]]]
    alone = ~found.spans().touches(place, start_m, stop_m)
    step, place, start_m, stop_m = step[alone], place[alone], start_m[alone], stop_m[alone]
    unsure = np.zeros(other.size, dtype=bool)
    unsure[step] = True
    run = np.cumsum(np.diff(unsure, prepend=False))
    run_m = np.bincount(run, weights=np.where(unsure, walk.spots.step_m, 0.0))
    unsure &= (run_m >= SHORTEST_AMBIGUOUS_M)[run]
    keep = unsure[step]
    step, place, start_m, stop_m = step[keep], place[keep], start_m[keep], stop_m[keep]
    kind = np.where(unsure[spot] & (found.kind != Kind.BRIDGED), Kind.AMBIGUOUS, found.kind)
    maybe = Covered(place, start_m, stop_m, walk.middle_s(step), np.full(step.size, Kind.AMBIGUOUS), CLOSE_M)
    return joined([replace(found, kind=kind), maybe], close_m=CLOSE_M)


def _longest(flag: Bools, step_m: Floats) -> float:
    """Return the metres of the longest run of flagged steps."""
    run = np.cumsum(np.diff(flag, prepend=False))
    return float(np.bincount(run, weights=np.where(flag, step_m, 0.0)).max(initial=0.0))


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
