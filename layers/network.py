"""Lines as a network of strands: what lies around a spot, and where one can change from one to the other.

A strand is one part of a place, or a piece of it where it closes a ring. Strands are linked where they touch,
and over a short piece of a third one. There are no routes here: a link is all that two spots a few metres
apart can need.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layers.compiled.ground import Grid, Links, Segments, hops, returning, squares, touches
from layers.lines import LineSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOUCH_M = 1.0
"""Lines that come this close touch: what was drawn by hand rarely meets to the centimetre."""
HOP_M = 40.0
"""A third line can be passed over on so short a piece that hardly a fix fell on it."""
RING_M = 30.0
"""A part that comes back to itself after so much way closes a ring."""
_SIDE_M = 40.0
_MOST_SQUARES = 2_000_000


@dataclass(frozen=True, eq=False)
class Network:
    """The strands of lines. `place`, `low_m`, `high_m`: of each strand, shape (strands,).

    `begins`: its first segment, and behind the last one the number of segments, shape (strands + 1,).
    """

    segments: Segments
    grid: Grid
    links: Links
    place: Ints
    begins: Ints
    low_m: Floats
    high_m: Floats

    @classmethod
    def of(cls, lines: LineSet) -> "Network":
        """Make it from lines in metres."""
        _, part = np.unique(lines.part, return_inverse=True)
        ax, ay, bx, by = (np.ascontiguousarray(column) for column in (*lines.a.T, *lines.b.T))
        segments = Segments(ax, ay, bx, by, lines.from_m, lines.to_m, part.astype(np.int64))
        grid = _grid(segments)
        strand = _without_rings(segments, grid)
        segments = segments._replace(strand=strand)
        count = int(strand.max(initial=-1)) + 1
        place, low_m, high_m = np.zeros(count, np.int64), np.full(count, np.inf), np.zeros(count)
        place[strand] = lines.place
        np.minimum.at(low_m, strand, lines.from_m)
        np.maximum.at(high_m, strand, lines.to_m)
        begins = np.searchsorted(strand, np.arange(count + 1))
        return cls(segments, grid, _links(segments, grid, count), place, begins, low_m, high_m)


def _grid(segments: Segments) -> Grid:
    if segments.ax.size == 0:
        return Grid(0.0, 0.0, _SIDE_M, 1, 1, np.zeros(2, np.int64), np.empty(0, np.int64))
    low = min(segments.ax.min(), segments.bx.min()), min(segments.ay.min(), segments.by.min())
    high = max(segments.ax.max(), segments.bx.max()), max(segments.ay.max(), segments.by.max())
    west, south = float(low[0]) - 1.0, float(low[1]) - 1.0
    width, height = float(high[0]) - west, float(high[1]) - south
    side_m = max(_SIDE_M, float(np.sqrt(width * height / _MOST_SQUARES)), max(width, height) / _MOST_SQUARES)
    return squares(segments, west, south, side_m, int(width / side_m) + 2, int(height / side_m) + 2)


def _without_rings(segments: Segments, grid: Grid) -> Ints:
    """Return the strand of each segment: its part, cut where it comes back to itself, and half way round.

    So a way over the end of a ring is a change between strands that touch, like any other.
    """
    one, other, leave_m, enter_m = touches(segments, grid, TOUCH_M, RING_M)
    own = (one == other) & (leave_m < enter_m)
    if not own.any():
        return segments.strand
    part = np.tile(one[own], 3)
    cut_m = np.concatenate([leave_m[own], (leave_m[own] + enter_m[own]) / 2, enter_m[own]])
    room = float(segments.to_m.max()) + 1.0
    # At the vertex where the segment that holds the cut begins.
    begins = segments.strand * room + segments.from_m
    cut = np.unique(np.searchsorted(begins, part * room + cut_m + TOUCH_M, side="right") - 1)
    opens = np.diff(segments.strand, prepend=-1) != 0
    opens[cut] = True
    return np.cumsum(opens) - 1


def _links(segments: Segments, grid: Grid, strands: int) -> Links:
    one, other, leave_m, enter_m = _once(*touches(segments, grid, TOUCH_M, np.inf))
    first = np.searchsorted(one, np.arange(strands + 1))
    hop = hops(first, other, leave_m, enter_m, HOP_M)
    touching = (one, other, leave_m, enter_m, np.full(one.size, -1), np.zeros(one.size), np.zeros(one.size))
    rows = [np.concatenate(pair) for pair in zip(touching, hop, strict=True)]
    way_m = np.abs(rows[5] - rows[6])
    order = np.lexsort((way_m, rows[1], rows[0]))
    one, other, leave_m, enter_m, over, from_m, to_m = (column[order] for column in rows)
    left, entered = _spots(segments, one, leave_m), _spots(segments, other, enter_m)
    first = np.searchsorted(one, np.arange(strands + 1))
    return Links(
        first,
        other,
        leave_m,
        enter_m,
        way_m[order],
        over,
        from_m,
        to_m,
        np.column_stack([left[:, 0], entered[:, 0]]),
        np.column_stack([left[:, 1], entered[:, 1]]),
        returning(first, one, other, leave_m, enter_m, over),
    )


def _once(one: Ints, other: Ints, leave_m: Floats, enter_m: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Return touches in order, those at the same spot once."""
    order = np.lexsort((enter_m, leave_m, other, one))
    one, other, leave_m, enter_m = one[order], other[order], leave_m[order], enter_m[order]
    is_new = np.ones(one.size, dtype=bool)
    is_new[1:] = (
        (np.diff(one) != 0)
        | (np.diff(other) != 0)
        | (np.diff(leave_m) > TOUCH_M)
        | (np.abs(np.diff(enter_m)) > TOUCH_M)
    )
    return one[is_new], other[is_new], leave_m[is_new], enter_m[is_new]


def _spots(segments: Segments, strand: Ints, m: Floats) -> Floats:
    """Return x, y at measures of strands, shape (n, 2)."""
    # One axis for all strands, since segments are sorted by strand and measure.
    room = float(segments.to_m.max(initial=0.0)) + 1.0
    s = np.searchsorted(segments.strand * room + segments.to_m, strand * room + m - 1e-9)
    s = np.minimum(s, np.searchsorted(segments.strand, strand, side="right") - 1)
    share = np.clip((m - segments.from_m[s]) / (segments.to_m[s] - segments.from_m[s]), 0.0, 1.0)
    x = segments.ax[s] + share * (segments.bx[s] - segments.ax[s])
    y = segments.ay[s] + share * (segments.by[s] - segments.ay[s])
    return np.column_stack([x, y])
