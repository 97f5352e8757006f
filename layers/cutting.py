"""Cutting the measures of lines into stretches for people: at metres, at bridges, at borders.

A cut is a place with a position on its measure; stretches are half-open, touch where they were cut, and
together are exactly what was cut.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from layers.lines import LineSet
from layers.spans import Floats, Ints, SpanSet


@dataclass(frozen=True, eq=False)
class Cuts:
    """Positions at which places are cut, in any order; `place`, `at` have shape (n,)."""

    place: Ints
    at: Floats

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, float]]) -> "Cuts":
        """Make them from pairs (place, position)."""
        rows = np.array(list(pairs), float).reshape(-1, 2)
        return cls(rows[:, 0].astype(np.int64), rows[:, 1])

    @classmethod
    def none(cls) -> "Cuts":
        """Make no cut."""
        return cls.of([])

    def __or__(self, other: "Cuts") -> "Cuts":
        return Cuts(np.concatenate([self.place, other.place]), np.concatenate([self.at, other.at]))


def every(whole: SpanSet, longest: float) -> Cuts:
    """Return the cuts that make equal parts of each span, as few as can be, none longer than `longest`.

    >>> every(SpanSet.of([4], [0], [2500]), 1000).at.round().tolist()
    [833.0, 1667.0]
    """
    parts = np.maximum(np.ceil(whole.length / longest - 1e-9), 1).astype(np.int64)
    row = np.repeat(np.arange(len(whole)), parts - 1)
    nth = np.arange(row.size) - np.repeat(np.cumsum(parts - 1) - (parts - 1), parts - 1) + 1
    return Cuts(whole.place[row], whole.start[row] + nth * (whole.length / parts)[row])


def at_borders(members: Sequence[SpanSet]) -> Cuts:
    """Return the ends of what lies in each of several areas: where a line goes from one to the next."""
    ends = [end for one in members for end in (one.start, one.stop)]
    places = [one.place for one in members for _ in (0, 1)]
    return Cuts(np.concatenate(places), np.concatenate(ends)) if members else Cuts.none()


def at_crossings(lines: LineSet, others: LineSet) -> Cuts:
    """Return where other lines cross, in metres: the bridges of a river are the crossings of its roads.

    Both in metres of one CRS. Where another line runs along, both ends of that count.
    """
    if not (lines.place.size and others.place.size):
        return Cuts.none()
    segments = shapely.linestrings(np.stack([others.a, others.b], axis=1))
    other, mine = lines.tree.query(segments, predicate="intersects")
    met = shapely.intersection(lines.tree.geometries[mine], segments[other])
    xy, pair = shapely.get_coordinates(met, return_index=True)
    segment = mine[pair]
    along = np.einsum("ij,ij->i", xy - lines.a[segment], lines.direction[segment])
    share = np.clip(along / lines.extent[segment], 0.0, 1.0)
    return Cuts(
        lines.place[segment],
        lines.from_m[segment] + share * (lines.to_m - lines.from_m)[segment],
    )


def cut(whole: SpanSet, cuts: Cuts, *, shortest: float = 0.0) -> tuple[Ints, Floats, Floats]:
    """Return the stretches into which cuts part spans: place, start, stop, each shape (n,), in order.

    A cut that would leave less than `shortest` behind it or before the end of its span is not made.

    >>> cuts = Cuts.of([(4, 40), (4, 45), (4, 88)])
    >>> [x.tolist() for x in cut(SpanSet.of([4], [0], [90]), cuts, shortest=10)]
    [[4, 4], [0.0, 40.0], [40.0, 90.0]]
    """
    order = np.lexsort((cuts.at, cuts.place))
    place, at = cuts.place[order], cuts.at[order]
    rows: list[tuple[int, float, float]] = []
    for p, start, stop in zip(whole.place.tolist(), whole.start.tolist(), whole.stop.tolist(), strict=True):
        first, last = np.searchsorted(place, [p, p + 1])
        begin = start
        for position in at[first:last].tolist():
            if position - begin >= shortest and position > begin and stop - position >= shortest:
                if position >= stop:
                    break
                rows.append((p, begin, position))
                begin = position
        rows.append((p, begin, stop))
    table = np.array(rows, float).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]


Staffed = tuple[int, float, float, frozenset[int]]
"""A stretch (place, start, stop) with the holders whom all of it has in common."""


def staffed(whole: SpanSet, duties: Iterable[tuple[int, float, float, int]]) -> list[Staffed]:
    """Return the stretches of a whole by who holds them; duties are (place, start, stop, holder).

    Stretches that nobody holds are there too, with no holder; neighbours with the same ones are one.

    >>> found = staffed(SpanSet.of([1], [0], [30]), [(1, 10, 40, 7), (1, 0, 20, 8)])
    >>> [(a, b, sorted(holders)) for _, a, b, holders in found]
    [(0.0, 10, [8]), (10, 20, [7, 8]), (20, 30.0, [7])]
    """
    by_place: dict[int, list[tuple[float, float, int]]] = {}
    for place, start, stop, holder in duties:
        by_place.setdefault(place, []).append((start, stop, holder))
    found: list[Staffed] = []
    for place, start, stop in zip(
        whole.place.tolist(), whole.start.tolist(), whole.stop.tolist(), strict=True
    ):
        mine = [
            (max(a, start), min(b, stop), h) for a, b, h in by_place.get(place, ()) if a < stop and b > start
        ]
        ends = sorted({start, stop, *(a for a, _, _ in mine), *(b for _, b, _ in mine)})
        for a, b in itertools.pairwise(ends):
            holders = frozenset(h for c, d, h in mine if c <= a and b <= d)
            last = found[-1] if found else None
            if last is not None and last[0] == place and last[2] == a and last[3] == holders and a > start:
                found[-1] = (place, last[1], b, holders)
            else:
                found.append((place, a, b, holders))
    return found
