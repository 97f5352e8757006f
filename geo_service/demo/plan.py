"""The made-up county's plan: a flat sheet cut into rectangles, then bent as a river plain is bent.

Everything is laid out on a sheet in whole metres, x east, y north, with straight lines that meet exactly.
`Bend` then moves every point smoothly, so that what met still meets and shared edges stay the same edges.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH_M, HEIGHT_M = 44_000, 54_000
"""The sheet; the county is the part of it inside an uneven oval."""
CRS = "EPSG:4549"
CENTRE = (484_476.0, 3_645_940.0)
"""Where the middle of the sheet lies, x, y in metres of CRS: near 119.834 E, 32.9385 N."""
_SEAM_M = 150
"""Sides get a vertex at every multiple of it, so that neighbours bend alike."""


class Rect(NamedTuple):
    """A rectangle on the sheet; whole metres."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle, x, y."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def area_m2(self) -> int:
        """Its area on the sheet."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)


class Cut(NamedTuple):
    """A straight line on the sheet, from its lower to its higher end, that cut a rectangle in two."""

    line: Rect
    root: int
    """Index of the rectangle that was there first."""
    generation: int
    """0: it cut that one; 1: it cut one of its halves; ..."""


class Leaf(NamedTuple):
    """A rectangle that is left after all cuts."""

    rect: Rect
    root: int
    generation: int


def halved(
    roots: Iterable[Rect], count: int, weight: Callable[[Rect], float], rng: np.random.Generator
) -> tuple[list[Leaf], list[Cut]]:
    """Cut the heaviest rectangle across its longer side, near the middle, until there are `count`.

    Leaves are in reading order of their roots, then as they were cut.

    >>> leaves, cuts = halved([Rect(0, 0, 400, 100)], 2, lambda r: r.area_m2, np.random.default_rng(1))
    >>> len(leaves), len(cuts), sum(leaf.rect.area_m2 for leaf in leaves)
    (2, 1, 40000)
    """
    order = 0
    heap: list[tuple[float, int, Leaf]] = []
    for root, rect in enumerate(roots):
        heap.append((-weight(rect), order, Leaf(rect, root, 0)))
        order += 1
    heapq.heapify(heap)
    cuts = []
    while len(heap) < count:
        leaf = heapq.heappop(heap)[2]
        cut, halves = _halve(leaf, rng)
        cuts.append(cut)
        for half in halves:
            heapq.heappush(heap, (-weight(half.rect), order, half))
            order += 1
    leaves = [leaf for _, _, leaf in sorted(heap, key=lambda item: (item[2].root, item[1]))]
    return leaves, cuts


def _halve(leaf: Leaf, rng: np.random.Generator) -> tuple[Cut, tuple[Leaf, Leaf]]:
    (x0, y0, x1, y1), root, generation = leaf
    share = rng.uniform(0.4, 0.6)
    if x1 - x0 >= y1 - y0:
        x = round((x0 + share * (x1 - x0)) / 10) * 10
        line, halves = Rect(x, y0, x, y1), (Rect(x0, y0, x, y1), Rect(x, y0, x1, y1))
    else:
        y = round((y0 + share * (y1 - y0)) / 10) * 10
        line, halves = Rect(x0, y, x1, y), (Rect(x0, y0, x1, y), Rect(x0, y, x1, y1))
    low, high = (Leaf(half, root, generation + 1) for half in halves)
    return Cut(line, root, generation), (low, high)


@dataclass(frozen=True)
class Bend:
    """A smooth displacement of the sheet: a sum of waves that each shift along their own crests.

    Such waves have no divergence, so that areas stay nearly what they are on the sheet.
    """

    wave: Floats
    """x, y wave numbers, radians a metre, shape (k, 2)."""
    phase: Floats
    """Radians, shape (k,)."""
    shift_m: Floats
    """Displacement at a crest, x, y, at right angles to the wave, shape (k, 2)."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Bend":
        """Draw waves of four lengths: from the lie of the land down to the wriggle of a bank."""
        wave, shift_m = [], []
        for length_m, height_m in ((19_000, 520.0), (6_500, 110.0), (2_300, 26.0), (800, 5.0)):
            for _ in range(5):
                angle, size = rng.uniform(0, 2 * np.pi), 2 * np.pi / (length_m * rng.uniform(0.75, 1.3))
                wave.append((size * np.cos(angle), size * np.sin(angle)))
                shift_m.append((-height_m * np.sin(angle), height_m * np.cos(angle)))
        return cls(np.array(wave), rng.uniform(0, 2 * np.pi, len(wave)), np.array(shift_m))

    def __call__(self, sheet: Any) -> Floats:
        """Return x, y in metres of CRS, shape (n, 2), for points on the sheet, shape (n, 2)."""
        sheet = np.asarray(sheet, float)
        moved = np.sin(sheet @ self.wave.T + self.phase) @ self.shift_m
        return np.asarray(sheet + moved - [WIDTH_M / 2, HEIGHT_M / 2] + CENTRE)

    def lines(self, lines: Iterable[Floats]) -> NDArray[np.object_]:
        """Return LineStrings in metres of CRS for polylines on the sheet, each of shape (n, 2)."""
        polylines = list(lines)
        owner = np.repeat(np.arange(len(polylines)), [len(line) for line in polylines])
        return np.asarray(shapely.linestrings(np.round(self(np.vstack(polylines)), 2), indices=owner))


def dense(line: Rect, step_m: float) -> Floats:
    """Return points about every `step_m` along a straight line on the sheet, ends included, shape (n, 2)."""
    a, b = np.array(line[:2], float), np.array(line[2:], float)
    parts = max(1, round(float(np.hypot(*(b - a))) / step_m))
    return np.asarray(a + np.linspace(0, 1, parts + 1)[:, None] * (b - a))


class Seams:
    """The vertices that rectangles share, so that polygons bent from them fit without slit or overlap."""

    def __init__(self, rects: Iterable[Rect]) -> None:
        on_x: dict[int, set[int]] = {}
        on_y: dict[int, set[int]] = {}
        for x0, y0, x1, y1 in rects:
            for x in (x0, x1):
                on_x.setdefault(x, set()).update((y0, y1))
            for y in (y0, y1):
                on_y.setdefault(y, set()).update((x0, x1))
        self._on_x = {x: np.array(sorted(ys)) for x, ys in on_x.items()}
        self._on_y = {y: np.array(sorted(xs)) for y, xs in on_y.items()}

    def ring(self, rect: Rect) -> Floats:
        """Return the closed ring of a rectangle, counter-clockwise, shape (n, 2)."""
        x0, y0, x1, y1 = rect
        bottom, top = (self._side(self._on_y[y], x0, x1) for y in (y0, y1))
        left, right = (self._side(self._on_x[x], y0, y1) for x in (x0, x1))
        return np.vstack(
            [
                np.column_stack([bottom, np.full(bottom.size, y0)])[:-1],
                np.column_stack([np.full(right.size, x1), right])[:-1],
                np.column_stack([top[::-1], np.full(top.size, y1)])[:-1],
                np.column_stack([np.full(left.size, x0), left[::-1]]),
            ]
        ).astype(float)

    @staticmethod
    def _side(corners: NDArray[np.int64], low: int, high: int) -> NDArray[np.int64]:
        inner = corners[(corners > low) & (corners < high)]
        seams = np.arange(low // _SEAM_M * _SEAM_M, high, _SEAM_M)
        return np.unique(np.r_[low, inner, seams[seams > low], high])


def polygons(rects: list[Rect], seams: Seams, bend: Bend, *, shift_m: float) -> NDArray[np.object_]:
    """Return one Polygon a rectangle in metres of CRS, drawn `shift_m` west and south of it."""
    rings = [seams.ring(rect) for rect in rects]
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    xy = np.round(bend(np.vstack(rings) - shift_m), 2)
    return np.asarray(shapely.polygons(shapely.linearrings(xy, indices=owner)))


def spaced(rng: np.random.Generator, low: int, high: int, step_m: float) -> Iterator[int]:
    """Yield positions between two ends, about `step_m` apart, uneven by a quarter, in tens of metres."""
    parts = max(1, round((high - low) / step_m))
    for k in range(1, parts):
        yield round((low + (high - low) * (k + rng.uniform(-0.25, 0.25)) / parts) / 10) * 10


def inside(points: Floats, region: Any) -> Floats:
    """Return the longest piece of a polyline on the sheet that lies in a region."""
    pieces = shapely.get_parts(shapely.intersection(shapely.linestrings(points), region))
    if pieces.size == 0:
        return np.empty((0, 2))
    return np.asarray(shapely.get_coordinates(pieces[int(shapely.length(pieces).argmax())]))
