"""From the measure of a line to the measure of its new geometry: what was said of the old is said of the new.

The new line is cut where either line has a vertex, and at least every few metres, and each piece is laid on
the nearest stretch of the old line. Where the line did not move this is exact; where it moved by less than
`FITS_WITHIN_M` everything goes along; where one of the lines has nothing near that runs along it, what was
there is lost and told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from layers.lines import LineSet
from layers.spans import SpanSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FITS_WITHIN_M = 20.0
"""A stretch that moved further than this is not the same stretch."""
_STEP_M = 5.0
_STEEPEST = 0.75
"""Distance gained per metre: a piece that leaves the other line faster than this does not run along it."""
_SMOOTH_M = 0.05
_TOUCH_M = 1e-6


@dataclass(frozen=True, eq=False)
class Remeasure:
    """How the measure of a line's old geometry maps to that of its new one.

    Pieces of the new line, shape (n,): `new_from` < `new_to`, and the stretch of the old line on which each
    lies, `old_from` .. `old_to`, which runs backward where the direction turned. `kept`: the stretches of
    the old line (as place 0) that have a counterpart. All in metres.

    >>> from shapely import from_wkt
    >>> old = LineSet.of([from_wkt("MULTILINESTRING ((0 0, 100 0))")])
    >>> longer_and_turned = LineSet.of([from_wkt("MULTILINESTRING ((100 0, -50 0))")])
    >>> walked = SpanSet.of([7, 8], [0, 40], [10, 100])
    >>> Remeasure.between(old, longer_and_turned).carry(walked)
    SpanSet(7: [90, 100), 8: [0, 60))
    >>> cut_off = Remeasure.between(old, LineSet.of([from_wkt("MULTILINESTRING ((0 0, 70 0))")]))
    >>> cut_off.carry(walked), cut_off.lost(walked)
    (SpanSet(7: [0, 10), 8: [40, 70)), SpanSet(8: [70, 100)))
    """

    new_from: Floats
    new_to: Floats
    old_from: Floats
    old_to: Floats
    kept: SpanSet

    @classmethod
    def between(cls, old: LineSet, new: LineSet, *, within_m: float = FITS_WITHIN_M) -> "Remeasure":
        """Compare two line sets of one place each, in metres."""
        new_from, new_to, old_from, old_to = _laid(new, old, within_m)
        back_from, back_to, _, _ = _laid(old, new, within_m)
        kept = SpanSet.of(np.zeros(back_from.size), back_from, back_to).closed(_TOUCH_M)
        return cls(new_from, new_to, old_from, old_to, kept)

    @classmethod
    def together(cls, several: Sequence["Remeasure"]) -> "Remeasure":
        """Return what carries all that any of several does: from the two banks of a river to its middle."""
        kept = [one.kept for one in several]
        return cls(
            np.concatenate([one.new_from for one in several]),
            np.concatenate([one.new_to for one in several]),
            np.concatenate([one.old_from for one in several]),
            np.concatenate([one.old_to for one in several]),
            SpanSet.of(
                np.concatenate([spans.place for spans in kept]),
                np.concatenate([spans.start for spans in kept]),
                np.concatenate([spans.stop for spans in kept]),
            ),
        )

    def carry(self, spans: SpanSet) -> SpanSet:
        """Return on the new measure what was on the old; `place` of the spans, any number, stays."""
        row, piece = np.nonzero(self._meets(spans))
        a, b = self.old_from[piece], self.old_to[piece]
        run = np.where(a == b, 1.0, b - a)
        ends = np.clip((np.stack([spans.start[row], spans.stop[row]]) - a) / run, 0.0, 1.0)
        # A piece that lies on a single point of the old line (outside a bend) goes along as a whole.
        first = np.where(a == b, 0.0, ends.min(axis=0))
        last = np.where(a == b, 1.0, ends.max(axis=0))
        new_from, length = self.new_from[piece], (self.new_to - self.new_from)[piece]
        return SpanSet.of(spans.place[row], new_from + first * length, new_from + last * length).closed(
            _TOUCH_M
        )

    def lost(self, spans: SpanSet) -> SpanSet:
        """Return what of the spans, on the old measure, has no counterpart on the new line."""
        places, kept = np.unique(spans.place), self.kept
        everywhere = SpanSet.of(
            np.repeat(places, len(kept)), np.tile(kept.start, places.size), np.tile(kept.stop, places.size)
        )
        left = spans - everywhere
        real = left.length > 2 * _TOUCH_M
        return SpanSet.of(left.place[real], left.start[real], left.stop[real])

    def _meets(self, spans: SpanSet) -> NDArray[np.bool_]:
        """Tell which spans meet which pieces, shape (spans, pieces)."""
        low, high = np.minimum(self.old_from, self.old_to), np.maximum(self.old_from, self.old_to)
        start, stop = spans.start[:, None], spans.stop[:, None]
        on_a_point = (low == high) & (start <= low) & (low < stop)
        return np.asarray(on_a_point | ((start < high) & (low < stop)))


def _laid(line: LineSet, on: LineSet, within_m: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the pieces of `line` that run along `on`: from, to, and from, to of what they lie on."""
    start, stop, segment = _pieces(line, on, within_m)
    quarters = start + (stop - start) * np.array([[0.25], [0.5], [0.75]])
    near, part, measure, distance = _nearest(line, segment, quarters, on, within_m)
    length = stop - start
    slope = (measure[2] - measure[0]) / (length / 2)
    along = near & (np.abs(distance[2] - distance[0]) <= _STEEPEST * length / 2)
    smooth = (np.abs((measure[0] + measure[2]) / 2 - measure[1]) <= _SMOOTH_M) & (part[0] == part[2])
    slope = np.where(np.abs(slope) * length < _TOUCH_M, 0.0, slope)
    # Where the nearest stretch jumps within a piece, its middle says where it lies.
    slope = np.where(smooth & (np.abs(slope) < 1 / (1 - _STEEPEST)), slope, 1.0)
    begin, end = _part_ends(on, part[1])
    # What lies on the very end of a part is not beside it but beyond it.
    beyond = (slope == 0) & ((measure[1] <= begin + _TOUCH_M) | (measure[1] >= end - _TOUCH_M))
    keep = along & ~beyond
    other_from = np.clip(measure[1] - slope * length / 2, begin, end)
    other_to = np.clip(measure[1] + slope * length / 2, begin, end)
    return start[keep], stop[keep], other_from[keep], other_to[keep]


def _pieces(line: LineSet, on: LineSet, within_m: float) -> tuple[Floats, Floats, Ints]:
    """Cut `line` at its vertices, beside those of `on`, and every few metres: from, to, segment."""
    count = np.ceil((line.to_m - line.from_m) / _STEP_M).astype(int).clip(1)
    of = np.repeat(np.arange(count.size), count)
    step = np.arange(of.size) - np.repeat(np.cumsum(count) - count, count)
    regular = line.from_m[of] + (line.to_m - line.from_m)[of] * step / count[of]
    _, _, beside, _ = line.locate(np.vstack([on.a, on.b]), within_m=within_m)
    cuts = np.unique(np.concatenate([regular, line.to_m, beside]))
    start, stop = cuts[:-1], cuts[1:]
    segment = np.searchsorted(line.to_m, (start + stop) / 2)
    real = stop - start > _TOUCH_M
    return start[real], stop[real], segment[real]


def _nearest(
    line: LineSet, segment: Ints, measures: Floats, on: LineSet, within_m: float
) -> tuple[NDArray[np.bool_], Ints, Floats, Floats]:
    """Lay points of `line` on `on`; measures and answers have shape (3, pieces).

    Answers whether all three are near, and for each its part, measure and distance on `on`.
    """
    share = (measures - line.from_m[segment]) / (line.to_m - line.from_m)[segment]
    xy = line.a[segment] + share[..., None] * (line.b - line.a)[segment]
    parts = replace(on, place=on.part)
    row, part, measure, distance = parts.locate(xy.reshape(-1, 2), within_m=within_m)
    answers = np.zeros((3, measures.size))
    answers[:, row] = part, measure, distance
    found = np.isin(np.arange(measures.size), row).reshape(measures.shape)
    parts_of, measures_of, distances = answers.reshape(3, *measures.shape)
    return np.logical_and.reduce(found), parts_of.astype(np.int64), measures_of, distances


def _part_ends(line: LineSet, part: Ints) -> tuple[Floats, Floats]:
    """Return the measures at which parts begin and end."""
    if line.part.size == 0:
        return np.zeros(part.size), np.zeros(part.size)
    first = np.searchsorted(line.part, part, side="left").clip(max=line.part.size - 1)
    last = np.searchsorted(line.part, part, side="right") - 1
    return line.from_m[first], line.to_m[last]
