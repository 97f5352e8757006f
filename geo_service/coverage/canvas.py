"""Drawing sets: the geometry of spans and cells, made only when somebody wants to see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service.coverage import windows
from geo_service.coverage.ground import DM_PER_M, Ground
from geo_service.tables import County
from layers import crs as crs_
from layers.banks import Side
from layers.cells import CellSet
from layers.lines import LineSet
from layers.spans import SpanSet

Geometries = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Canvas:
    """The geometry of a ground's places in lon, lat, by their numbers; None while 未上图."""

    crs: str
    geometries: Geometries
    walkable: Mapping[int, CellSet]
    """Of grids of which it is known: the cells that can be seen from where one can walk."""
    sides: Mapping[int, Sequence[Side]] = field(default_factory=dict)
    """Of rivers whose banks are apart, which part is which bank (dm)."""

    @classmethod
    def of(cls, db: Session, ground: Ground, county: County) -> "Canvas":
        """Read the geometries of all places of a ground."""
        versions = [place.version_id or 0 for place in ground.places]
        sides = {k: place.sides for k, place in enumerate(ground.places) if place.sides}
        of_areas = {v: k for v, k in ground.index.items() if ground.places[k].sizes is not None}
        return cls(
            county.crs or "",
            windows.geometries(db, county.id, versions),
            windows.walkable_cells(db, county.id, of_areas) if of_areas else {},
            sides,
        )

    @cached_property
    def lines(self) -> LineSet:
        """The lines in degrees with their stored measures; areas have no length here."""
        is_line = shapely.get_type_id(self.geometries) == shapely.GeometryType.MULTILINESTRING
        return LineSet.of([g if yes else None for g, yes in zip(self.geometries, is_line, strict=True)])

    def spans(self, spans_dm: SpanSet) -> Geometries:
        """Return each span as a MultiLineString, split at part ends, shape (n,)."""
        return self.lines.cut(spans_dm.scaled(1 / DM_PER_M))

    def cells(self, number: int, cells: CellSet) -> Any:
        """Return cells of an area place as a polygon cut at its border."""
        return crs_.unproject(cells.outline(self._polygon(number)), self.crs)

    def without(self, number: int, cells: CellSet | None) -> Any:
        """Return an area place without some of its cells."""
        if cells is None or not len(cells):
            return self.geometries[number]
        left = shapely.difference(self._polygon(number), cells.outline())
        parts = shapely.get_parts(left)
        return crs_.unproject(shapely.union_all(parts[shapely.get_dimensions(parts) == 2]), self.crs)

    def unseen(self, number: int, seen: CellSet | None) -> Any:
        """Return what of an area place counts and was not seen: no lake and no factory where nobody walks."""
        counting = self.walkable.get(number)
        if counting is None:
            return self.without(number, seen)
        return self.cells(number, counting if seen is None else counting - seen)

    def left_out(self, number: int, seen: CellSet | None) -> Any | None:
        """Return what of an area place is no gap, since nobody can walk there; None: nothing is known."""
        counting = self.walkable.get(number)
        if counting is None:
            return None
        return self.without(number, counting if seen is None else counting | seen)

    def _polygon(self, number: int) -> Any:
        return crs_.project(self.geometries[number], self.crs)


def words_of(
    db: Session, ground: Ground, county: County, stretches: Sequence[tuple[int, tuple[int, int]]]
) -> list[str]:
    """Return stretches, each a place's number and its span (dm), in words; only their places are read."""
    numbers = list(dict.fromkeys(k for k, _ in stretches))
    if not numbers:
        return []
    few = Canvas.of(db, replace(ground, places=[ground.places[k] for k in numbers]), county)
    at = {k: i for i, k in enumerate(numbers)}
    return stretch_words(few, [at[k] for k, _ in stretches], [span for _, span in stretches])


def stretch_words(canvas: Canvas, numbers: Sequence[int], spans_dm: Sequence[tuple[int, int]]) -> list[str]:
    """Return stretches in words, as 「自西端起 120–480 米」, for places by number and their spans.

    Where the banks of a river are apart, the bank is named and its metres counted from its own beginning.
    """
    lines = canvas.lines
    whole_dm = np.rint(lines.length_m * DM_PER_M)
    return [
        "；".join(_on_banks(lines, canvas.sides[number], number, a, b))
        if number in canvas.sides
        else _in_words(lines, number, (0, int(whole_dm[number])), a, b)
        for (a, b), number in zip(spans_dm, numbers, strict=True)
    ]


def _on_banks(lines: LineSet, sides: Sequence[Side], number: int, a: int, b: int) -> list[str]:
    if len(sides) > 1 and a <= sides[0].start and b >= sides[-1].stop:
        return ["两岸全线"]
    return [
        side.bank.zh
        + _in_words(lines, number, (side.start, side.stop), max(a, side.start), min(b, side.stop))
        for side in sides
        if a < side.stop and side.start < b
    ]


def _in_words(lines: LineSet, number: int, part_dm: tuple[float, float], a: float, b: float) -> str:
    """Return a span (dm) of a part of a line in words."""
    start, stop = part_dm
    if a <= start and b >= stop:
        return "全线"
    first, last = np.searchsorted(lines.place, [number, number + 1])
    middle = (lines.from_m[first:last] + lines.to_m[first:last]) / 2 * DM_PER_M
    i, j = first + np.searchsorted(middle, [start, stop]) - [0, 1]
    east, north = lines.b[j] - lines.a[i]
    side = "" if np.array_equal(lines.a[i], lines.b[j]) else "西" if abs(east) >= abs(north) else "南"
    if side == "西" and east < 0:
        side = "东"
    side = "北" if side == "南" and north < 0 else side
    end = side + "端" if side else "起点"
    return f"自{end}起 {(a - start) / DM_PER_M:.0f}–{(b - start) / DM_PER_M:.0f} 米"
