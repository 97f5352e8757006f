"""Segments on a grid, and where lines touch: what stands around a spot, found without a tree."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.compiled import compiled, inlined

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_NEAR = 1024
"""So many segments around one spot are looked at; a spot with more lies in a heap of doubles."""

MARKS = 4096
"""A few hundred segments stand around a spot; to mark all of a county takes longer than to look at these."""


class Segments(NamedTuple):
    """Straight segments in metres, shape (s,): ends, measures at them, and the strand each belongs to.

    A strand is one part of a place, without rings: what can be walked from end to end.
    """

    ax: Floats
    ay: Floats
    bx: Floats
    by: Floats
    from_m: Floats
    to_m: Floats
    strand: Ints


class Grid(NamedTuple):
    """Squares that list the segments which pass them: of square c, `segment[first[c]:first[c+1]]`."""

    west: float
    south: float
    side_m: float
    columns: int
    rows: int
    first: Ints
    segment: Ints


class Links(NamedTuple):
    """Where one can change from strand to strand: those of strand i are rows `first[i]` .. `first[i+1]`.

    They lead to `strand`, ascending, from measure `leave_m` on the one to `enter_m` on the other, over
    `way_m` metres of the strand `over` (-1: they touch) between its measures `over_from_m` and `over_to_m`.
    `x`, `y`: where the one is left and the other entered, shape (links, 2). `back`: the link that leads back.
    """

    first: Ints
    strand: Ints
    leave_m: Floats
    enter_m: Floats
    way_m: Floats
    over: Ints
    over_from_m: Floats
    over_to_m: Floats
    x: Floats
    y: Floats
    back: Ints


@inlined
def foot(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> tuple[float, float]:
    """Return the nearest spot of a segment a -> b: its share of the way, and its distance."""
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    share = ((x - ax) * dx + (y - ay) * dy) / square if square > 0 else 0.0
    share = min(max(share, 0.0), 1.0)
    away_x, away_y = ax + share * dx - x, ay + share * dy - y
    return share, np.sqrt(away_x * away_x + away_y * away_y)


@compiled
def squares(segments: Segments, west: float, south: float, side_m: float, columns: int, rows: int) -> Grid:
    """Put segments on a grid: each into the squares that it passes."""
    first = np.zeros(columns * rows + 1, np.int64)
    segment = np.empty(0, np.int64)
    filled = first
    # Once to count, once to fill.
    for fills in (False, True):
        if fills:
            first = np.cumsum(first)
            filled, segment = first.copy(), np.empty(first[-1], np.int64)
        for s in range(segments.ax.size):
            xa, ya = (segments.ax[s] - west) / side_m, (segments.ay[s] - south) / side_m
            xb, yb = (segments.bx[s] - west) / side_m, (segments.by[s] - south) / side_m
            if xa > xb:
                xa, ya, xb, yb = xb, yb, xa, ya
            for i in range(int(xa), int(xb) + 1):
                low, high = ya, yb
                if xb > xa:
                    low = ya + (max(xa, float(i)) - xa) / (xb - xa) * (yb - ya)
                    high = ya + (min(xb, i + 1.0) - xa) / (xb - xa) * (yb - ya)
                for j in range(int(min(low, high) - 1e-9), min(int(max(low, high) + 1e-9), rows - 1) + 1):
                    square = i * rows + j
                    if fills:
                        segment[filled[square]] = s
                        filled[square] += 1
                    else:
                        first[square + 1] += 1
    return Grid(west, south, side_m, columns, rows, first, segment)


@inlined
def around(
    x: float, y: float, radius_m: float, segments: Segments, grid: Grid, marked: Ints, mark: int, found: Ints
) -> int:
    """Write the segments within a radius into `found`, ascending, and return how many.

    `marked`, shape (MARKS,), remembers who was looked at with the same `mark`: most pass several squares.
    """
    k = 0
    west, east, south, north = x - radius_m, x + radius_m, y - radius_m, y + radius_m
    i_low = max(int(np.floor((west - grid.west) / grid.side_m)), 0)
    i_high = min(int(np.floor((east - grid.west) / grid.side_m)), grid.columns - 1)
    j_low = max(int(np.floor((south - grid.south) / grid.side_m)), 0)
    j_high = min(int(np.floor((north - grid.south) / grid.side_m)), grid.rows - 1)
    for i in range(i_low, i_high + 1):
        for j in range(j_low, j_high + 1):
            square = i * grid.rows + j
            for q in range(grid.first[square], grid.first[square + 1]):
                s = grid.segment[q]
                key = mark * segments.ax.size + s
                if marked[s % MARKS] == key:
                    continue
                marked[s % MARKS] = key
                ax, ay, bx, by = segments.ax[s], segments.ay[s], segments.bx[s], segments.by[s]
                if max(ax, bx) < west or min(ax, bx) > east or max(ay, by) < south or min(ay, by) > north:
                    continue
                if k == found.size or foot(x, y, ax, ay, bx, by)[1] > radius_m:
                    continue
                found[k] = s
                k += 1
    for i in range(1, k):
        s, j = found[i], i - 1
        while j >= 0 and found[j] > s:
            found[j + 1] = found[j]
            j -= 1
        found[j + 1] = s
    # Where two share a mark, the one may have been forgotten over the other.
    once = min(k, 1)
    for i in range(1, k):
        if found[i] != found[once - 1]:
            found[once] = found[i]
            once += 1
    return once


@compiled
def touches(
    segments: Segments, grid: Grid, within_m: float, apart_m: float
) -> tuple[Ints, Ints, Floats, Floats]:
    """Return where a vertex of one strand lies on another: both strands, both measures, both ways round.

    Of one strand: where it comes back to itself after more than `apart_m`.
    """
    n = segments.ax.size
    marked, found = np.full(MARKS, -1, np.int64), np.empty(MOST_NEAR, np.int64)
    one, other = [0], [0]
    one_m, other_m = [0.0], [0.0]
    mark = 0
    for s in range(n):
        for end in range(2):
            if end == 0 and s > 0 and segments.strand[s - 1] == segments.strand[s]:
                continue
            x = segments.ax[s] if end == 0 else segments.bx[s]
            y = segments.ay[s] if end == 0 else segments.by[s]
            m = segments.from_m[s] if end == 0 else segments.to_m[s]
            k = around(x, y, within_m, segments, grid, marked, mark, found)
            mark += 1
            for q in range(k):
                o = found[q]
                share, _ = foot(x, y, segments.ax[o], segments.ay[o], segments.bx[o], segments.by[o])
                there_m = segments.from_m[o] + share * (segments.to_m[o] - segments.from_m[o])
                # A strand touches itself where it closes a ring, not at every vertex.
                if segments.strand[o] == segments.strand[s] and abs(there_m - m) <= apart_m:
                    continue
                one.append(segments.strand[s])
                other.append(segments.strand[o])
                one_m.append(m)
                other_m.append(there_m)
                one.append(segments.strand[o])
                other.append(segments.strand[s])
                one_m.append(there_m)
                other_m.append(m)
    return np.array(one[1:]), np.array(other[1:]), np.array(one_m[1:]), np.array(other_m[1:])


@compiled
def hops(
    first: Ints, strand: Ints, leave_m: Floats, enter_m: Floats, longest_m: float
) -> tuple[Ints, Ints, Floats, Floats, Ints, Floats, Floats]:
    """Return the links that lead over a short piece of a third strand.

    From the touches of each strand: from, to, measures where the one is left and the other entered, the
    strand between, and its measures.
    """
    one, other, over = [0], [0], [0]
    left_m, entered_m, from_m, to_m = [0.0], [0.0], [0.0], [0.0]
    for k in range(first.size - 1):
        for p in range(first[k], first[k + 1]):
            for q in range(first[k], first[k + 1]):
                way_m = abs(leave_m[p] - leave_m[q])
                if strand[p] != strand[q] and 0.1 <= way_m <= longest_m:
                    one.append(strand[p])
                    other.append(strand[q])
                    over.append(k)
                    left_m.append(enter_m[p])
                    entered_m.append(enter_m[q])
                    from_m.append(leave_m[p])
                    to_m.append(leave_m[q])
    return (
        np.array(one[1:]),
        np.array(other[1:]),
        np.array(left_m[1:]),
        np.array(entered_m[1:]),
        np.array(over[1:]),
        np.array(from_m[1:]),
        np.array(to_m[1:]),
    )


@compiled
def returning(first: Ints, one: Ints, other: Ints, leave_m: Floats, enter_m: Floats, over: Ints) -> Ints:
    """Return for each link the one that leads back, -1 where there is none."""
    back = np.full(one.size, -1, np.int64)
    for k in range(one.size):
        least = np.inf
        for j in range(first[other[k]], first[other[k] + 1]):
            if other[j] == one[k] and over[j] == over[k]:
                differ_m = abs(leave_m[j] - enter_m[k]) + abs(enter_m[j] - leave_m[k])
                if differ_m < least:
                    least, back[k] = differ_m, j
    return back


@inlined
def shortest(links: Links, one: int, other: int, one_m: float, other_m: float) -> tuple[float, int]:
    """Return the way between spots of two strands over a link, and the link; -1 where there is none."""
    low, high = links.first[one], links.first[one + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if links.strand[middle] < other:
            low = middle + 1
        else:
            high = middle
    best_m, best = np.inf, -1
    while low < end and links.strand[low] == other:
        way_m = abs(one_m - links.leave_m[low]) + links.way_m[low] + abs(links.enter_m[low] - other_m)
        if way_m < best_m:
            best_m, best = way_m, low
        low += 1
    return best_m, best
