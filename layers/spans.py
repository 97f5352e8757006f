"""Sets of half-open spans [from, to) on the measures of many places: the algebra of all that is asked.

A `SpanSet` holds the spans of any number of places at once, so that the union, the gaps or the overlap of a
whole county is one vectorised sweep. Places are integers chosen by the caller (an index, an id); start and
stop are metres along the place, or any other unit kept throughout, and are never rounded.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SpanSet:
    """Spans of many places, sorted by place and start, disjoint and not touching within a place.

    Made by `of`, `whole` or an operation; `place`, `start` and `stop` have shape (n,).

    >>> walked = SpanSet.of([7, 7, 9], [0, 40, 5], [50, 90, 6])
    >>> walked
    SpanSet(7: [0, 90), 9: [5, 6))
    >>> SpanSet.whole([100.0], place=[7]) - walked
    SpanSet(7: [90, 100))
    >>> walked & SpanSet.of([7], [80], [200])
    SpanSet(7: [80, 90))
    """

    place: Ints
    start: Floats
    stop: Floats

    @classmethod
    def of(cls, place: ArrayLike, start: ArrayLike, stop: ArrayLike) -> "SpanSet":
        """Make the union of any spans, unsorted and overlapping; empty and backward ones are left out."""
        p, a, b = np.asarray(place, np.int64), np.asarray(start, float), np.asarray(stop, float)
        keep = a < b
        return cls._swept([(p[keep], a[keep], b[keep])], lambda depth: depth[0] > 0)

    @classmethod
    def empty(cls) -> "SpanSet":
        """Make the empty set."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0))

    @classmethod
    def whole(cls, lengths: ArrayLike, *, place: ArrayLike | None = None) -> "SpanSet":
        """Make [0, length) for every place; without `place` they are numbered from 0."""
        stop = np.asarray(lengths, float)
        return cls.of(np.arange(stop.size) if place is None else place, np.zeros(stop.size), stop)

    def __or__(self, other: "SpanSet") -> "SpanSet":
        if not len(other):
            return self
        return self._swept([self._rows, other._rows], lambda depth: (depth[0] > 0) | (depth[1] > 0))

    def __and__(self, other: "SpanSet") -> "SpanSet":
        if not (len(self) and len(other)):
            return SpanSet.empty()
        return self._swept([self._rows, other._rows], lambda depth: (depth[0] > 0) & (depth[1] > 0))

    def __sub__(self, other: "SpanSet") -> "SpanSet":
        if not (len(self) and len(other)):
            return self
        return self._swept([self._rows, other._rows], lambda depth: (depth[0] > 0) & (depth[1] == 0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpanSet) and all(
            np.array_equal(mine, theirs) for mine, theirs in zip(self._rows, other._rows, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return int(self.place.size)

    def __repr__(self) -> str:
        rows = zip(*(column.tolist() for column in self._rows), strict=True)
        return f"SpanSet({', '.join(f'{p}: [{a:g}, {b:g})' for p, a, b in rows)})"

    @property
    def _rows(self) -> tuple[Ints, Floats, Floats]:
        return self.place, self.start, self.stop

    @property
    def length(self) -> Floats:
        """Length of each span, shape (n,)."""
        return self.stop - self.start

    def lengths(self, places: int) -> Floats:
        """Return the total for each of the places 0 .. places-1, in the spans' own unit, shape (places,).

        >>> SpanSet.of([0, 0, 2], [0, 8, 1], [5, 9, 4]).lengths(3).tolist()
        [6.0, 0.0, 3.0]
        """
        return np.bincount(self.place, weights=self.length, minlength=places)[:places].astype(float)

    def where(self, keep: Bools) -> "SpanSet":
        """Return the spans where `keep`, shape (n,)."""
        return SpanSet(self.place[keep], self.start[keep], self.stop[keep])

    def of_place(self, place: int) -> Floats:
        """Return one place's spans as rows (start, stop), shape (k, 2)."""
        a, b = np.searchsorted(self.place, [place, place + 1])
        return np.column_stack([self.start[a:b], self.stop[a:b]])

    def touches(self, place: Ints, start: Floats, stop: Floats) -> Bools:
        """Tell which of other spans, shape (k,), share something with the set.

        >>> walked = SpanSet.of([1, 1], [0, 50], [10, 60])
        >>> walked.touches(np.array([1, 1, 2]), np.array([5.0, 10, 5]), np.array([7.0, 50, 7])).tolist()
        [True, False, False]
        """
        # The last of the set that begins before a span ends: all on one axis.
        room = max(float(self.stop.max(initial=0.0)), float(np.max(stop, initial=0.0))) + 1.0
        before = np.searchsorted(self.place * room + self.start, place * room + stop, side="left") - 1
        near = np.maximum(before, 0)
        if len(self) == 0:
            return np.zeros(place.size, dtype=bool)
        return np.asarray((before >= 0) & (self.place[near] == place) & (self.stop[near] > start))

    def rounded(self) -> "SpanSet":
        """Return the spans with whole-number ends, the nearest ones; what becomes empty is left out.

        >>> SpanSet.of([1, 1], [0.4, 9.2], [7.6, 9.4]).rounded()
        SpanSet(1: [0, 8))
        """
        return SpanSet.of(self.place, np.rint(self.start), np.rint(self.stop))

    def scaled(self, factor: float) -> "SpanSet":
        """Return the spans in another unit, as 10 makes decimetres of metres."""
        return SpanSet.of(self.place, self.start * factor, self.stop * factor)

    def closed(self, gap: float) -> "SpanSet":
        """Return the set with every hole shorter than or equal to `gap` between two spans filled.

        >>> SpanSet.of([1, 1, 2], [0, 12, 0], [10, 20, 5]).closed(2.0)
        SpanSet(1: [0, 20), 2: [0, 5))
        """
        if len(self) == 0:
            return self
        opens = np.r_[True, (self.place[1:] != self.place[:-1]) | (self.start[1:] - self.stop[:-1] > gap)]
        first = np.flatnonzero(opens)
        last = np.r_[first[1:] - 1, len(self) - 1]
        return SpanSet(self.place[first], self.start[first], self.stop[last])

    def depth(self, *others: "SpanSet") -> tuple[Ints, Floats, Floats, Ints]:
        """Return how many of the sets lie over each stretch: place, start, stop, count, each shape (k,).

        Only stretches that are covered at least once; two that adjoin may have the same count.
        """
        rows = [self._rows, *(other._rows for other in others)]
        place, position, step = _events(rows)
        over = np.cumsum(step)
        keep = np.flatnonzero(over[:-1] > 0) if over.size else np.empty(0, np.int64)
        keep = keep[position[keep] < position[keep + 1]]
        return place[keep], position[keep], position[keep + 1], over[keep]

    @classmethod
    def _swept(
        cls, sets: list[tuple[Ints, Floats, Floats]], inside: Callable[[list[Ints]], Bools]
    ) -> "SpanSet":
        """Walk along all places once; `inside` says from the depth of each set where the result lies."""
        place, position, step, which = _events_by_set(sets)
        if place.size == 0:
            return cls.empty()
        depth = [np.cumsum(np.where(which == k, step, 0)) for k in range(len(sets))]
        # Only the state after the last event of a position is real.
        last = np.r_[(place[1:] != place[:-1]) | (position[1:] != position[:-1]), True]
        state = inside([d[last] for d in depth])
        place, position = place[last], position[last]
        # Every place ends outside, for each of its spans has an end: so one place never runs into the next.
        before = np.r_[False, state[:-1]]
        opens, closes = np.flatnonzero(state & ~before), np.flatnonzero(~state & before)
        return cls(place[opens], position[opens], position[closes])


def _events(sets: list[tuple[Ints, Floats, Floats]]) -> tuple[Ints, Floats, Ints]:
    place, position, step, _ = _events_by_set(sets)
    return place, position, step


def _events_by_set(sets: list[tuple[Ints, Floats, Floats]]) -> tuple[Ints, Floats, Ints, Ints]:
    """Return starts (+1) and stops (-1) of all spans in the order in which a walk meets them."""
    place = np.concatenate([p for p, _, _ in sets for _ in (0, 1)])
    position = np.concatenate([end for _, a, b in sets for end in (a, b)])
    step = np.concatenate([np.full(p.size, way) for p, _, _ in sets for way in (1, -1)])
    which = np.concatenate([np.full(2 * p.size, k) for k, (p, _, _) in enumerate(sets)])
    order = np.lexsort((position, place))
    return place[order], position[order], step[order], which[order]
