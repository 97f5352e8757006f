"""The two banks of a river as lines of their own, for where one walks one bank and the other another day.

Each bank is the line half the width from the centre line, without what lies in the water: beyond a bend that
is narrower than the river, at a confluence, on an island that the river leaves no room for. The measure of
such a place runs down the first bank and then down the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiLineString

from layers.lines import LineSet
from layers.remeasure import FITS_WITHIN_M, Remeasure
from layers.spans import SpanSet
from layers.vocabulary import Bank

Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]

DM_PER_M = 10
APART, TOGETHER = "分开", "合并"
"""What a place's attribute `banks` says."""
_TOLERANCE_M = 0.3
"""By how much an arc of straight pieces may lie nearer to the centre line than half the width."""
_SCRAP_M = 5.0
"""A shorter piece of a bank, left over where two reaches of water meet, is none."""
_ARC_SEGMENTS = 12


class Breadth(NamedTuple):
    """How wide the water is on a stretch of the centre line, all in metres."""

    start_m: float
    stop_m: float
    width_m: float


class Side(NamedTuple):
    """Which stretch of a place's measure is which bank; metres, or decimetres where it is stored."""

    start: float
    stop: float
    bank: Bank


def breadths(length_m: float, width_m: float, stretches: Sequence[Breadth] = ()) -> list[Breadth]:
    """Return the width of all of a line: that of its stretches (sorted, disjoint), elsewhere `width_m`.

    >>> [tuple(row) for row in breadths(100, 30, [Breadth(20, 50, 60)])]
    [(0.0, 20, 30), (20, 50, 60), (50, 100, 30)]
    """
    found, reached = [], 0.0
    for stretch in stretches:
        found += [Breadth(reached, stretch.start_m, width_m), stretch]
        reached = stretch.stop_m
    found.append(Breadth(reached, length_m, width_m))
    return [one for one in found if one.start_m < one.stop_m]


@dataclass(frozen=True, eq=False)
class Banks:
    """The banks of a river: all parts of the first, then all of the second, in metres x, y."""

    lines: MultiLineString
    sides: Sequence[Side]


def banks(axis: Any, breadths: Sequence[Breadth], flow: Sequence[int] = ()) -> Banks | None:
    """Return the banks of a centre line (MultiLineString in metres); None where there is no room for any.

    `breadths` tell the width of all of it. `flow` says for each part whether water runs in its stored
    direction (1), against it (-1), or who knows (0): only where it is known of all are the banks called left
    and right, as one looks downstream; else they are called by where they lie.

    >>> found = banks(shapely.from_wkt("MULTILINESTRING ((0 0, 100 0))"), [Breadth(0, 100, 60)], [1])
    >>> found.lines.wkt, [(side.start, side.stop, side.bank.value) for side in found.sides]
    ('MULTILINESTRING ((0 30, 100 30), (0 -30, 100 -30))', [(0.0, 100.0, 'left'), (100.0, 200.0, 'right')])
    """
    parts = shapely.get_parts(axis)
    turned, names = _directed(parts, flow)
    pieces = _pieces(axis, parts, turned, breadths)
    water = shapely.union_all(
        [shapely.buffer(p.line, p.width_m / 2 - _TOLERANCE_M, quad_segs=_ARC_SEGMENTS) for p in pieces]
    )
    shapely.prepare(water)
    both = [[bank for piece in pieces for bank in _bank(piece, side, water)] for side in (1, -1)]
    first_m, second_m = (float(shapely.length(bank).sum()) for bank in both)
    sides = [Side(0.0, first_m, names[0]), Side(first_m, first_m + second_m, names[1])]
    lines = [*both[0], *both[1]]
    return Banks(MultiLineString(lines), [s for s in sides if s.start < s.stop]) if lines else None


class _Piece(NamedTuple):
    """A stretch of the centre line of one width, in the direction of the banks."""

    line: Any
    width_m: float


def _directed(parts: Geometries, flow: Sequence[int]) -> tuple[list[bool], tuple[Bank, Bank]]:
    """Return which parts are to be turned, and what the bank on the left and on the right is called then."""
    if len(flow) == len(parts) and all(flow):
        return [way < 0 for way in flow], (Bank.LEFT, Bank.RIGHT)
    closed = shapely.is_closed(parts)
    if closed.all():
        return [not shapely.is_ccw(part) for part in parts], (Bank.INNER, Bank.OUTER)
    west, south, east, north = shapely.total_bounds(parts)
    axis = 0 if east - west >= north - south else 1
    ends = [shapely.get_coordinates(part)[[0, -1], axis] for part in parts]
    names = (Bank.NORTH, Bank.SOUTH) if axis == 0 else (Bank.WEST, Bank.EAST)
    return [bool(a > b) for a, b in ends], names if not closed.any() else (Bank.ONE, Bank.OTHER)


def _pieces(
    axis: Any, parts: Geometries, turned: Sequence[bool], breadths: Sequence[Breadth]
) -> list[_Piece]:
    """Cut the centre line where its width changes; parts and pieces in the order of the water."""
    line = LineSet.of([axis])
    found = []
    for part in _order([p.reverse() if turn else p for p, turn in zip(parts, turned, strict=True)]):
        own = line.part == part
        a, b = float(line.from_m[own].min()), float(line.to_m[own].max())
        cut = [(max(a, s), min(b, e), w) for s, e, w in breadths if max(a, s) < min(b, e)]
        spans = SpanSet(np.zeros(len(cut), np.int64), *np.array([row[:2] for row in cut]).reshape(-1, 2).T)
        pieces = [
            _Piece(shapely.get_parts(drawn)[0], width)
            for drawn, (_, _, width) in zip(line.cut(spans), cut, strict=True)
        ]
        found += [p._replace(line=p.line.reverse()) for p in pieces[::-1]] if turned[part] else pieces
    return found


def _order(parts: Sequence[Any]) -> list[int]:
    """Return the parts in an order in which each follows those that end where it begins, if there is one."""
    ends = np.stack([shapely.get_coordinates(part)[[0, -1]] for part in parts]).round(2)
    before = {
        k: {j for j in range(len(parts)) if j != k and np.array_equal(ends[j, 1], ends[k, 0])}
        for k in range(len(parts))
    }
    order: list[int] = []
    while len(order) < len(parts):
        left = [k for k in range(len(parts)) if k not in order]
        # In a loop of parts nobody is first: the one that is stored first begins.
        order.append(next((k for k in left if before[k] <= set(order)), left[0]))
    return order


def _bank(piece: _Piece, side: int, water: Any) -> list[Any]:
    """Return one bank of a piece, what of it is not in the water, in the direction of the piece."""
    curve = shapely.offset_curve(piece.line, side * piece.width_m / 2, quad_segs=_ARC_SEGMENTS)
    dry = shapely.get_parts(shapely.line_merge(shapely.difference(curve, water)))
    real = [part for part in dry if part.length >= min(_SCRAP_M, piece.line.length / 2)]
    along = [_along(part, piece.line) for part in real]
    return sorted(along, key=lambda part: piece.line.project(part.interpolate(0.5, normalized=True)))


def _along(bank: Any, axis: Any) -> Any:
    """Return a bank in the direction in which the centre line runs beside its middle."""
    step_m = min(bank.length / 4, 1.0)
    behind, ahead = (bank.interpolate(bank.length / 2 + d) for d in (-step_m, step_m))
    at = axis.project(bank.interpolate(0.5, normalized=True))
    here = (axis.interpolate(max(at - step_m, 0.0)), axis.interpolate(min(at + step_m, axis.length)))
    dot = (ahead.x - behind.x) * (here[1].x - here[0].x) + (ahead.y - behind.y) * (here[1].y - here[0].y)
    return bank if dot >= 0 else bank.reverse()


def stored_sides(banks: Mapping[str, Any] | None) -> list[Side]:
    """Return the sides as a version stores them."""
    return [Side(start, stop, Bank(bank)) for start, stop, bank in banks.get("sides", ())] if banks else []


def stored_breadths(banks: Mapping[str, Any] | None) -> list[Breadth]:
    """Return the widths as a version stores them."""
    return [Breadth(*row) for row in (banks or {}).get("breadths", ())]


@dataclass(frozen=True, eq=False)
class Course:
    """A version of a river as its measure runs: one line, or its banks with the furthest half width."""

    line: LineSet
    sides: Sequence[Side] = ()
    half_m: float = 0.0

    @classmethod
    def stored(cls, line: LineSet, sides: Sequence[Side], breadths: Sequence[Breadth]) -> "Course":
        """Make it from what a version stores: sides in decimetres."""
        in_m = [Side(side.start / DM_PER_M, side.stop / DM_PER_M, side.bank) for side in sides]
        return cls(line, in_m, max((one.width_m for one in breadths), default=0.0) / 2)

    def side(self, side: Side) -> LineSet:
        """Return one bank alone, on the measure of all."""
        line = self.line
        middle = (line.from_m + line.to_m) / 2
        own = (middle >= side.start) & (middle < side.stop)
        return replace(
            line,
            a=line.a[own],
            b=line.b[own],
            from_m=line.from_m[own],
            to_m=line.to_m[own],
            place=line.place[own],
            part=line.part[own],
        )


def carried(old: Course, new: Course) -> Remeasure:
    """Return how what was said of an old version goes to the new one, whether banks come apart or together.

    What was said of a centre line is said of both banks; what was said of either bank, of the centre line.
    """
    if old.sides and not new.sides:
        within_m = FITS_WITHIN_M + old.half_m
        each = [Remeasure.between(old.side(side), new.line, within_m=within_m) for side in old.sides]
        return Remeasure.together(each)
    within_m = FITS_WITHIN_M + (new.half_m if new.sides and not old.sides else 0.0)
    return Remeasure.between(old.line, new.line, within_m=within_m)
