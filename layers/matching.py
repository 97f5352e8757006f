"""Which line was walked: the kernel with a smoothed way, a heading filter and the nearest competitor.

A buffer covers a street that was only crossed, and the lane beside the one that was walked. Here a stretch
counts only where the walk ran along it, beside it, and nearer to it than to any other line of its layer.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.coverage import Covered, Path, joined, measured_rows, pairs, swath
from layers.lines import LineSet
from layers.tracks import smoothed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIMPLIFY_M = 3.0
LONGEST_PIECE_M = 20.0
"""Pieces short enough that one line is nearest to all of each."""
HEADING_DEG = 45.0
NEARER_M = 3.0
"""A line counts beside a nearer one only up to this difference: fixes cannot tell them apart."""
CLOSE_M = 15.0
"""Holes up to this length, as at corners, are covered."""
SHORTEST_RUN_M, SHORTEST_SHARE = 20.0, 0.6
"""A shorter run was crossed or grazed, unless it is most of a short place."""


def matched(
    lines: LineSet, xy: Floats, time_s: Floats, piece: Ints, reach_m: Floats, rival: Ints | None = None
) -> Covered:
    """Return the stretches of lines along which a track went.

    `xy`: fixes in metres, shape (n, 2), with `time_s` and `piece`, shape (n,); `reach_m`: metres for each
    segment of the lines, shape (s,); `rival`: lines compete where it is equal, shape (places,) (none: all).
    """
    rival = np.zeros(lines.places, np.int64) if rival is None else rival
    path = way(xy, time_s, piece)
    rows = [
        _along(lines, path, *met, reach_m, rival)
        for met in pairs(lines, path, float(reach_m.max(initial=0.0)))
    ]
    return _without_short_runs(joined(rows, close_m=CLOSE_M), lines)


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


def _along(lines: LineSet, path: Path, piece: Ints, segment: Ints, reach_m: Floats, rival: Ints) -> Covered:
    """Return the stretches beside the pieces that run with them and are nearest among rivals."""
    heading = (path.b - path.a)[piece] / path.length_m[piece, None]
    cos = np.abs(np.einsum("ij,ij->i", heading, lines.direction[segment]))
    keep = cos >= np.cos(np.radians(HEADING_DEG))
    piece, segment, heading = piece[keep], segment[keep], heading[keep]
    place = lines.place[segment]
    lo, hi = swath(lines, path, piece, segment, reach_m[segment])
    beside = lo < hi
    piece, segment, heading, place = piece[beside], segment[beside], heading[beside], place[beside]
    lo, hi = lo[beside], hi[beside]
    middle = lines.a[segment] + ((lo + hi) / 2)[:, None] * lines.direction[segment]
    off = middle - path.a[piece]
    away_m = np.abs(heading[:, 0] * off[:, 1] - heading[:, 1] * off[:, 0])
    nearest_m = _least(piece * (rival.max(initial=0) + 1) + rival[place], away_m)
    place_m = _least(piece * lines.places + place, away_m)
    won = place_m <= nearest_m + NEARER_M
    return measured_rows(lines, path, piece[won], segment[won], lo[won], hi[won])


def _least(key: Ints, value: Floats) -> Floats:
    """Return for each row the least value among rows of its key, shape (n,)."""
    if key.size == 0:
        return value
    order = np.argsort(key, kind="stable")
    group = np.cumsum(np.diff(key[order], prepend=key[order][:1]) != 0)
    least = np.minimum.reduceat(value[order], np.flatnonzero(np.diff(group, prepend=-1)))
    out = np.empty_like(value)
    out[order] = least[group]
    return out


def _without_short_runs(covered: Covered, lines: LineSet) -> Covered:
    """Leave out runs that are too short to have been walked along."""
    runs = covered.spans()
    if len(runs) == 0:
        return covered
    needed = np.minimum(SHORTEST_RUN_M, SHORTEST_SHARE * lines.length_m[runs.place])
    long_enough = runs.length >= needed - 1e-6
    # Every row lies inside exactly one run: the last that starts before it.
    room = float(covered.stop_m.max()) + CLOSE_M + 1.0
    starts = runs.start + runs.place * room
    run = np.searchsorted(starts, covered.start_m + covered.place * room, side="right") - 1
    return covered.where(long_enough[run])
