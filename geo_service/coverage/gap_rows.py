"""Gaps in rows, kept as arrays: a register may have 100,000, and a page shows fifty of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from geo_service.coverage.ground import DM_PER_M, Ground
from geo_service.coverage.holding import Steward, named
from geo_service.coverage.windows import PlaceRow
from layers.spans import SpanSet

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NO_SPAN = -1
"""Where a row that is no stretch of a line begins and ends."""


@dataclass(frozen=True)
class GapRow:
    """One gap: a stretch of a line, what is missing of an area, or a place that is 未上图."""

    place: PlaceRow
    number: int
    """Of the place in the ground."""
    townships: Sequence[str]
    span_dm: tuple[int, int] | None
    """None: an area, or 未上图."""
    size: float | None
    """Metres of a line, square metres of an area; None while 未上图."""
    holders: Sequence[str]
    ambiguous_m: float | None = None
    """Metres of it that somebody maybe walked; None: no line, or not a matter of walking."""


@dataclass(frozen=True, eq=False)
class GapRows(Sequence[GapRow]):
    """Gaps in an order; each is made a row when it is asked for."""

    ground: Ground
    number: Ints
    """Of each gap's place in the ground, shape (n,)."""
    start: Ints
    """Of stretches of lines, dm; else NO_SPAN."""
    stop: Ints
    size: Floats
    """Metres or square metres; NaN while 未上图."""
    ambiguous_m: Floats
    """NaN: no line, or not a matter of walking."""
    holders: Mapping[int, Sequence[Steward]] = field(default_factory=dict)
    """Of numbered places."""

    @classmethod
    def of(
        cls,
        ground: Ground,
        lines: SpanSet,
        maybe_dm: Floats | None,
        areas_m2: Mapping[int, float],
        unmapped: Sequence[int],
        holders: Mapping[int, Sequence[Steward]],
    ) -> "GapRows":
        """Return gaps by number, then along the line: stretches (dm), of numbered areas the rest, 未上图."""
        others = len(areas_m2) + len(unmapped)
        none = np.full(others, NO_SPAN)
        maybe_m = np.full(len(lines), np.nan) if maybe_dm is None else maybe_dm / DM_PER_M
        found = cls(
            ground,
            np.concatenate([lines.place, [*areas_m2, *unmapped]]).astype(np.int64),
            np.concatenate([lines.start, none]).astype(np.int64),
            np.concatenate([lines.stop, none]).astype(np.int64),
            np.concatenate([lines.length / DM_PER_M, [*areas_m2.values()], np.full(len(unmapped), np.nan)]),
            np.concatenate([maybe_m, np.full(others, np.nan)]),
            holders,
        )
        return found.take(np.lexsort((found.start, found.number)))

    @property
    def is_stretch(self) -> NDArray[np.bool_]:
        """Whether each is a stretch of a line."""
        found: NDArray[np.bool_] = self.start != NO_SPAN
        return found

    @property
    def is_unmapped(self) -> NDArray[np.bool_]:
        """Whether each is a place that is 未上图."""
        return np.isnan(self.size)

    def take(self, which: Ints | NDArray[np.bool_] | slice) -> "GapRows":
        """Return those of some positions, in their order."""
        return GapRows(
            self.ground, self.number[which], self.start[which], self.stop[which], self.size[which],
            self.ambiguous_m[which], self.holders,
        )  # fmt: skip

    @property
    def by_place(self) -> Floats:
        """Return the metres or square metres of each numbered place, shape (places,)."""
        sizes = np.nan_to_num(self.size)
        return np.bincount(self.number, sizes, minlength=len(self.ground.places)).astype(np.float64)

    def in_townships(self) -> tuple[Ints, Ints]:
        """Return pairs of a gap's position and a township in which it lies, by position."""
        span = self.is_stretch
        return self.ground.townships.meeting(
            self.number, np.where(span, self.start, 0), np.where(span, self.stop, np.iinfo(np.int64).max)
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.number)

    @overload
    def __getitem__(self, which: int) -> GapRow: ...
    @overload
    def __getitem__(self, which: slice) -> "GapRows": ...
    def __getitem__(self, which: int | slice) -> "GapRow | GapRows":
        """Return one as a row, or several as they are."""
        return self.take(which) if isinstance(which, slice) else next(iter(self.take(np.array([which]))))

    def __iter__(self) -> Iterator[GapRow]:
        """Yield each as a row."""
        arrays = (self.number, self.start, self.stop, self.size, self.ambiguous_m)
        for k, a, b, size, maybe_m in zip(*(array.tolist() for array in arrays), strict=True):
            span = None if a == NO_SPAN else (a, b)
            yield GapRow(
                self.ground.places[k], k, self.ground.townships.names(k, span), span, _told(size),
                named(self.holders.get(k, ()), span), _told(maybe_m),
            )  # fmt: skip


def _told(value: float) -> float | None:
    return None if np.isnan(value) else value
