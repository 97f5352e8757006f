"""What a path covers of lines: for each straight piece of both, one interval in closed form.

The region within reach of a straight piece is convex, so the points of a straight line segment inside it are
one interval. A path's coverage is the union of these intervals: exact, without a buffer, in one sort.
All coordinates are x, y in metres of one CRS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.lines import LineSet
from layers.spans import SpanSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RULE = 2
"""Version of the rules by which coverage is computed (here, in `matching`, `walking` and `compiled`).

Stored with what they gave: a changed rule is a new version, compared with the old before it is adopted."""
PIECES_AT_ONCE = 4096
"""Bounds the memory that pairs of pieces and segments take."""
_PARALLEL = 1e-12


@dataclass(frozen=True, eq=False)
class Path:
    """Straight pieces of a way: from `a` to `b`, shape (k, 2), at `start_s` to `stop_s`, shape (k,).

    A piece may be a point. Pieces need not be joined.
    """

    a: Floats
    b: Floats
    start_s: Floats
    stop_s: Floats

    @classmethod
    def of(cls, xy: Floats, time_s: Floats, piece: Ints) -> "Path":
        """Make it from fixes x, y, shape (n, 2): a lone fix of a piece becomes a point."""
        joined = np.flatnonzero(piece[1:] == piece[:-1])
        after, before = np.diff(piece, prepend=-1) != 0, np.diff(piece, append=-1) != 0
        lone = np.flatnonzero(after & before)
        a, b = np.r_[joined, lone], np.r_[joined + 1, lone]
        order = np.argsort(a, kind="stable")
        a, b = a[order], b[order]
        return cls(xy[a], xy[b], time_s[a], time_s[b])

    def __len__(self) -> int:
        return int(self.start_s.size)

    @cached_property
    def length_m(self) -> Floats:
        """Length of each piece, shape (k,)."""
        return np.hypot(self.b[:, 0] - self.a[:, 0], self.b[:, 1] - self.a[:, 1])

    def moving(self) -> "Path":
        """Return the pieces that are not points."""
        keep = self.length_m > 0
        return Path(self.a[keep], self.b[keep], self.start_s[keep], self.stop_s[keep])

    def chopped(self, longest_m: float) -> "Path":
        """Return the same way in pieces of at most `longest_m`."""
        count = np.maximum(np.ceil(self.length_m / longest_m), 1).astype(np.int64)
        row = np.repeat(np.arange(len(self)), count)
        k = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
        lo, hi = (k / count[row])[:, None], ((k + 1) / count[row])[:, None]
        way, duration_s = (self.b - self.a)[row], (self.stop_s - self.start_s)[row]
        return Path(
            self.a[row] + lo * way,
            self.a[row] + hi * way,
            self.start_s[row] + lo[:, 0] * duration_s,
            self.start_s[row] + hi[:, 0] * duration_s,
        )


class Kind(IntEnum):
    """How a stretch was covered."""

    WALKED = 0
    RIDDEN = 1
    """At vehicle speed."""
    BRIDGED = 2
    """During an outage: both of its ends are on this line, and the time fits."""
    AMBIGUOUS = 3
    """Maybe: another line lies too close to tell them apart. Covers nothing."""


COVERING = (Kind.WALKED, Kind.RIDDEN, Kind.BRIDGED)
"""The kinds that cover, as far as the way a stretch was covered goes."""


@dataclass(frozen=True, eq=False)
class Covered:
    """Stretches of places that a path covered, as they came: one row a pair of segment and piece.

    `place`, `start_m`, `stop_m`, `time_s`, the middle of the piece's time, and `kind`; shape (n,). `close_m`:
    holes between them up to this length count as covered.
    """

    place: Ints
    start_m: Floats
    stop_m: Floats
    time_s: Floats
    kind: Ints
    close_m: float = 0.0

    def where(self, keep: Bools) -> "Covered":
        """Return the rows where `keep`, shape (n,)."""
        return Covered(
            self.place[keep],
            self.start_m[keep],
            self.stop_m[keep],
            self.time_s[keep],
            self.kind[keep],
            self.close_m,
        )

    def of(self, *kinds: Kind) -> SpanSet:
        """Return the union of the rows of some kinds, with short holes closed."""
        return self.where(np.isin(self.kind, kinds)).spans()

    def spans(self) -> SpanSet:
        """Return their union, with short holes closed."""
        if self.place.size == 0:
            return SpanSet.empty()
        order = np.lexsort((self.start_m, self.place))
        place, start, stop = self.place[order], self.start_m[order], self.stop_m[order]
        # One running maximum serves all places: each begins above all that came before it.
        room = float(stop.max()) + self.close_m + 1.0
        reached = np.maximum.accumulate(stop + place * room)
        opens = np.r_[True, start[1:] + place[1:] * room > reached[:-1] + self.close_m]
        first = np.flatnonzero(opens)
        return SpanSet(place[first], start[first], np.maximum.reduceat(stop, first))


def pairs(lines: LineSet, path: Path, reach_m: float) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs (piece, segment) whose boxes lie within `reach_m`, some thousand pieces at a time.

    Boxes only: the closed form rejects the rest faster than an exact predicate of the index.
    """
    low, high = np.minimum(path.a, path.b) - reach_m, np.maximum(path.a, path.b) + reach_m
    for i in range(0, len(path), PIECES_AT_ONCE):
        some = slice(i, i + PIECES_AT_ONCE)
        boxes = shapely.box(low[some, 0], low[some, 1], high[some, 0], high[some, 1])
        piece, segment = lines.tree.query(boxes)
        yield piece + i, segment


def stadium(lines: LineSet, path: Path, piece: Ints, segment: Ints, reach_m: Floats) -> tuple[Floats, Floats]:
    """Return the part of each segment within `reach_m` of each piece, round ends included.

    From and to, in the segment's own metres 0 .. extent, shape (pairs,); from > to where there is none.
    """
    cx, cy, dx, dy = _in_frame(lines, path, piece, segment)
    lo, hi = _rectangle(cx, cy, dx, dy, reach_m)
    for x, y in ((cx, cy), (dx, dy)):
        square = reach_m * reach_m - y * y
        half = np.sqrt(np.maximum(square, 0.0))
        meets = square >= 0
        lo = np.where(meets, np.minimum(lo, x - half), lo)
        hi = np.where(meets, np.maximum(hi, x + half), hi)
    return np.maximum(lo, 0.0), np.minimum(hi, lines.extent[segment])


def swath(lines: LineSet, path: Path, piece: Ints, segment: Ints, reach_m: Floats) -> tuple[Floats, Floats]:
    """Return the part of each segment that lies beside each piece: as `stadium`, without the round ends."""
    lo, hi = _rectangle(*_in_frame(lines, path, piece, segment), reach_m)
    return np.maximum(lo, 0.0), np.minimum(hi, lines.extent[segment])


def _in_frame(
    lines: LineSet, path: Path, piece: Ints, segment: Ints
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the ends of each piece as (along, across) the segment, from its start: cx, cy, dx, dy."""
    ux, uy = lines.direction[segment].T
    wx, wy = (path.a[piece] - lines.a[segment]).T
    zx, zy = (path.b[piece] - lines.a[segment]).T
    return ux * wx + uy * wy, ux * wy - uy * wx, ux * zx + uy * zy, ux * zy - uy * zx


def _rectangle(cx: Floats, cy: Floats, dx: Floats, dy: Floats, reach_m: Floats) -> tuple[Floats, Floats]:
    """Return where the axis lies inside the rectangle of half width `reach_m` around the piece c -> d."""
    length = np.hypot(dx - cx, dy - cy)
    point = length < _PARALLEL
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vy = (dx - cx) / length, (dy - cy) / length
        # Beside the piece: 0 <= (t - cx) vx - cy vy <= length.
        beside_lo, beside_hi = _between(vx, cx, cy * vy, cy * vy + length)
        # Within reach of its line: -reach <= (t - cx) vy + cy vx <= reach.
        reach_lo, reach_hi = _between(vy, cx, -reach_m - cy * vx, reach_m - cy * vx)
    lo, hi = np.maximum(beside_lo, reach_lo), np.minimum(beside_hi, reach_hi)
    none = point | ~(lo <= hi)
    return np.where(none, np.inf, lo), np.where(none, -np.inf, hi)


def _between(slope: Floats, origin: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the t with low <= (t - origin) * slope <= high: all or none where the slope is 0."""
    one, other = origin + low / slope, origin + high / slope
    flat = np.abs(slope) < _PARALLEL
    all_or_none = np.where((low <= 0) & (high >= 0), np.inf, -np.inf)
    lo = np.where(flat, -all_or_none, np.minimum(one, other))
    hi = np.where(flat, all_or_none, np.maximum(one, other))
    return lo, hi


def measured_rows(lines: LineSet, path: Path, piece: Ints, segment: Ints, lo: Floats, hi: Floats) -> Covered:
    """Return intervals in the segments' own metres as stretches on the places' measures."""
    from_m, to_m = lines.from_m[segment], lines.to_m[segment]
    extent = lines.extent[segment]
    rate = (to_m - from_m) / extent
    # At its ends an interval takes the very measure of the segment, so that it joins the next one.
    start = np.where(lo <= 0, from_m, from_m + lo * rate)
    stop = np.where(hi >= extent, to_m, from_m + hi * rate)
    time_s = (path.start_s[piece] + path.stop_s[piece]) / 2
    return Covered(lines.place[segment], start, stop, time_s, np.zeros(segment.size, np.int64))


def within(lines: LineSet, path: Path, reach_m: Floats) -> Covered:
    """Return all of the lines that lies within reach of the path: the exact, unfiltered set.

    `reach_m`: metres for each segment of the lines, shape (s,).
    """
    rows = []
    for piece, segment in pairs(lines, path, float(reach_m.max(initial=0.0))):
        lo, hi = stadium(lines, path, piece, segment, reach_m[segment])
        keep = lo < hi
        rows.append(measured_rows(lines, path, piece[keep], segment[keep], lo[keep], hi[keep]))
    return joined(rows)


def joined(rows: list[Covered], *, close_m: float = 0.0) -> Covered:
    """Return all rows as one."""
    if not rows:
        none = np.empty(0, np.int64)
        return Covered(none, np.empty(0), np.empty(0), np.empty(0), none, close_m)
    return Covered(
        np.concatenate([r.place for r in rows]),
        np.concatenate([r.start_m for r in rows]),
        np.concatenate([r.stop_m for r in rows]),
        np.concatenate([r.time_s for r in rows]),
        np.concatenate([r.kind for r in rows]),
        close_m,
    )
