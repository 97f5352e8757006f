"""In which townships numbered places lie: spans on their measures, a span an entry, kept as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Township:
    """A township by code and name."""

    code: str
    name: str


@dataclass(frozen=True, eq=False)
class Townships:
    """Which spans of which places lie in which township; of an area place all of its measure does."""

    known: Sequence[Township]
    """By code; `township` counts in it."""
    place: Ints
    """Numbers, sorted; shape (n,), as the others."""
    township: Ints
    start: Ints
    """Decimetres."""
    stop: Ints

    @classmethod
    def of(
        cls, known: Sequence[Township], place: Ints, township: Ints, start: Ints, stop: Ints
    ) -> "Townships":
        """Return entries that come in any order."""
        order = np.lexsort((start, township, place))
        return cls(known, *(values[order] for values in (place, township, start, stop)))

    def names(self, k: int, span: tuple[float, float] | None = None) -> list[str]:
        """Return by name, in their order, where a place lies, or a span (dm) of it."""
        begin, end = self._bounds[k : k + 2] if k + 1 < len(self._bounds) else (0, 0)
        here = self._entries[begin:end]
        own = (t for t, a, b in here if span is None or (a < span[1] and span[0] < b))
        return [self.known[t].name for t in dict.fromkeys(own)]

    def meeting(self, place: Ints, start: Ints, stop: Ints) -> tuple[Ints, Ints]:
        """Return the pairs of a span's position and a township that meet, each once, by position."""
        first, last = (np.searchsorted(self.place, place, side) for side in ("left", "right"))
        count = last - first
        position = np.repeat(np.arange(len(place)), count)
        entry = np.arange(len(position)) + np.repeat(first - (np.cumsum(count) - count), count)
        meets = (self.start[entry] < stop[position]) & (start[position] < self.stop[entry])
        base = max(len(self.known), 1)
        pairs = np.unique(position[meets] * base + self.township[entry[meets]])
        return pairs // base, pairs % base

    @cached_property
    def _entries(self) -> list[tuple[int, int, int]]:
        return list(zip(self.township.tolist(), self.start.tolist(), self.stop.tolist(), strict=True))

    @cached_property
    def _bounds(self) -> list[int]:
        """Where the entries of each place begin, up to the last place that has any."""
        numbers = np.arange(self.place[-1] + 2 if len(self.place) else 0)
        found: list[int] = np.searchsorted(self.place, numbers).tolist()
        return found


NOWHERE = Townships((), *(np.empty(0, np.int64) for _ in range(4)))
