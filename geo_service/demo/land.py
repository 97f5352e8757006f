"""The made-up county's land: townships, villages and communities, grids and compounds."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.demo import names
from geo_service.demo.plan import (
    HEIGHT_M,
    WIDTH_M,
    Bend,
    Cut,
    Floats,
    Rect,
    Seams,
    halved,
    polygons,
    spaced,
)

COUNTY_CODE = "329901"
"""3299 is no city of GB/T 2260: the code belongs to nobody, and has the form of a real one."""
BORDER_SHIFT_M = 40
"""Borders run this far west and south of the rivers between two villages, so that a river has one side."""
TOWNSHIPS, VILLAGES, GRIDS, COMPOUNDS = 28, 500, 422, 123
"""Exactly, but for the villages: a few more, since towns are cut finer than fields."""
_CORE = (0.48 * WIDTH_M, 0.53 * HEIGHT_M)
_CORE_RADIUS_M = 2_500
_TOWN_AREA_M2 = 900_000
"""The community in the middle of a town is no larger."""


class Township(NamedTuple):
    """A township, town or subdistrict; `centre` on the sheet."""

    code: str
    name: str
    centre: tuple[float, float]
    is_core: bool


class Village(NamedTuple):
    """A village or an urban community; `rect` on the sheet."""

    code: str
    name: str
    township: int
    rect: Rect
    is_urban: bool


class Grid(NamedTuple):
    """A grid of an urban community."""

    code: str
    name: str
    village: int
    rect: Rect


class Compound(NamedTuple):
    """A residential compound; `outline` on the sheet, shape (n, 2), closed."""

    code: str
    name: str
    village: int
    grid: int
    outline: Floats


@dataclass(frozen=True)
class Land:
    """The land on the sheet, and how it is bent."""

    bend: Bend
    mains: tuple[Rect, ...]
    """Lines of the rivers that cross the county."""
    blocks: tuple[Rect, ...]
    """What they cut out of the sheet."""
    cuts: tuple[Cut, ...]
    """The lines that cut the blocks into villages."""
    grid_cuts: tuple[Cut, ...]
    """The lines that cut communities into grids; `root` counts the urban villages."""
    townships: tuple[Township, ...]
    villages: tuple[Village, ...]
    grids: tuple[Grid, ...]
    compounds: tuple[Compound, ...]

    def village_polygons(self) -> NDArray[np.object_]:
        """Return one Polygon a village in metres of CRS; neighbours share their edges exactly."""
        return polygons([v.rect for v in self.villages], self._seams(), self.bend, shift_m=BORDER_SHIFT_M)

    def grid_polygons(self) -> NDArray[np.object_]:
        """Return one Polygon a grid in metres of CRS; the grids of a community fill it."""
        return polygons([g.rect for g in self.grids], self._seams(), self.bend, shift_m=BORDER_SHIFT_M)

    def compound_polygons(self) -> NDArray[np.object_]:
        """Return one Polygon a compound in metres of CRS."""
        return np.array(
            [shapely.Polygon(np.round(self.bend(c.outline - BORDER_SHIFT_M), 2)) for c in self.compounds],
            dtype=object,
        )

    def _seams(self) -> Seams:
        return Seams([*(v.rect for v in self.villages), *(g.rect for g in self.grids)])


def make_land(rng: np.random.Generator) -> Land:
    """Lay out the land."""
    bend = Bend.drawn(rng)
    inside = _outline(rng)
    centres = _town_centres(rng, inside)
    mains, blocks = _mains(rng)

    def has_centre(rect: Rect) -> bool:
        return any(rect.x0 <= x < rect.x1 and rect.y0 <= y < rect.y1 for x, y in centres[3:])

    def weight(rect: Rect) -> float:
        must_be_cut = rect.area_m2 > _TOWN_AREA_M2 and has_centre(rect)
        return rect.area_m2 * _density(rect) * (100 if must_be_cut else 1)

    settled = [b.area_m2 * _density(b) for b in blocks]
    kept = [size * _share_inside(b, inside) for size, b in zip(settled, blocks, strict=True)]
    leaves, cuts = halved(blocks, round(VILLAGES * sum(settled) / sum(kept)), weight, rng)
    rects = [leaf.rect for leaf in leaves if inside(*leaf.rect.centre)]
    urban = [_density(rect) > 3.0 or has_centre(rect) for rect in rects]
    townships = _townships(rng, centres)
    villages = _villages(rng, rects, urban, townships)
    communities = [i for i, village in enumerate(villages) if village.is_urban]
    plots, grid_cuts = halved([villages[i].rect for i in communities], GRIDS, lambda r: r.area_m2, rng)
    grids = _grids([(communities[plot.root], plot.rect) for plot in plots], villages)
    compounds = _compounds(rng, grids, villages, townships)
    return Land(bend, mains, blocks, tuple(cuts), tuple(grid_cuts), townships, villages, grids, compounds)


def _outline(rng: np.random.Generator) -> Callable[[float, float], bool]:
    """Return a test for points of the sheet: whether they lie inside an uneven oval."""
    phase = rng.uniform(0, 2 * np.pi, 4)
    size = np.array([0.05, 0.04, 0.03, 0.03])

    def inside(x: float, y: float) -> bool:
        u, v = 2 * x / WIDTH_M - 1, 2 * y / HEIGHT_M - 1
        angle = np.arctan2(v, u)
        rim = 1.0 + float(np.sum(size * np.sin(np.array([2, 3, 5, 7]) * angle + phase)))
        return bool((abs(u) ** 2.8 + abs(v) ** 2.8) ** (1 / 2.8) < 0.97 * rim)

    return inside


def _share_inside(rect: Rect, inside: Callable[[float, float], bool]) -> float:
    spots = [(x, y) for x in np.linspace(rect.x0, rect.x1, 5) for y in np.linspace(rect.y0, rect.y1, 5)]
    return sum(inside(x, y) for x, y in spots) / len(spots)


def _town_centres(
    rng: np.random.Generator, inside: Callable[[float, float], bool]
) -> list[tuple[float, float]]:
    """Return the centres of the townships: three in the county seat, the others far from each other."""
    angle = rng.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    centres = [(_CORE[0] + 1500 * np.cos(a), _CORE[1] + 1500 * np.sin(a)) for a in angle.tolist()]
    while len(centres) < TOWNSHIPS:
        spots = [(rng.uniform(0, WIDTH_M), rng.uniform(0, HEIGHT_M)) for _ in range(200)]
        rim = 1.12
        spots = [
            s
            for s in spots
            if inside(*s)
            and inside((s[0] - WIDTH_M / 2) * rim + WIDTH_M / 2, (s[1] - HEIGHT_M / 2) * rim + HEIGHT_M / 2)
        ]
        gaps = [min(np.hypot(s[0] - c[0], s[1] - c[1]) for c in centres) for s in spots]
        centres.append(spots[int(np.argmax(gaps))])
    return centres


def _density(rect: Rect) -> float:
    """Return how densely a rectangle is settled: 1 in the fields, 9 in the county seat; the mean of spots."""
    steps = (np.arange(6) + 0.5) / 6
    x = rect.x0 + steps * (rect.x1 - rect.x0)
    y = rect.y0 + steps * (rect.y1 - rect.y0)
    far = np.hypot(x - _CORE[0], y[:, None] - _CORE[1]) / _CORE_RADIUS_M
    return float(1.0 + (8.0 / (1.0 + far**8)).mean())


def _mains(rng: np.random.Generator) -> tuple[tuple[Rect, ...], tuple[Rect, ...]]:
    """Return the lines of the main rivers, and the blocks between them.

    Those to the east cross the whole sheet; those to the north some strips between them, and what is still
    wide between two of them is cut once more in its own strip.
    """
    rows = [0, *spaced(rng, 0, HEIGHT_M, 6_600), HEIGHT_M]
    mains = [Rect(0, y, WIDTH_M, y) for y in rows[1:-1]]
    columns: list[list[int]] = [[] for _ in rows[1:]]
    for x in spaced(rng, 0, WIDTH_M, 6_900):
        first = int(rng.integers(0, 3))
        last = len(columns) - int(rng.integers(0, 3))
        mains.append(Rect(x, rows[first], x, rows[last]))
        for strip in range(first, last):
            columns[strip].append(x)
    blocks = []
    for strip, xs in enumerate(columns):
        edges = [0, *sorted(xs), WIDTH_M]
        for x0, x1 in itertools.pairwise(edges):
            inner = [x0, *spaced(rng, x0, x1, 7_500), x1]
            blocks += [Rect(a, rows[strip], b, rows[strip + 1]) for a, b in itertools.pairwise(inner)]
    return tuple(mains), tuple(blocks)


def _townships(rng: np.random.Generator, centres: list[tuple[float, float]]) -> tuple[Township, ...]:
    """Name and number them: subdistricts from 001, towns from 100, the last four are 乡 from 200."""
    fresh = names.towns(rng)
    found = []
    for i, centre in enumerate(centres):
        if i < 3:
            code, name = f"{i + 1:03}", names.core_towns()[i] + "街道"
        elif i < len(centres) - 4:
            code, name = f"{97 + i:03}", next(fresh) + "镇"
        else:
            code, name = f"{200 + i - len(centres) + 4:03}", next(fresh) + "乡"
        found.append(Township(f"{COUNTY_CODE}{code}000", name, centre, i < 3))
    return tuple(found)


def _villages(
    rng: np.random.Generator, rects: list[Rect], urban: list[bool], townships: tuple[Township, ...]
) -> tuple[Village, ...]:
    """Give each rectangle to the nearest township (the seat's reach less far), a name and a code."""
    centre = np.array([rect.centre for rect in rects])
    towns = np.array([town.centre for town in townships])
    far = np.hypot(*np.moveaxis(centre[:, None] - towns, -1, 0))
    in_core = np.hypot(*(centre - _CORE).T) < 4_200
    far[:, 3:] += np.where(in_core, 1e6, 0.0)[:, None]
    far[:, :3] += np.where(in_core, 0.0, 1e6)[:, None]
    owner = far.argmin(axis=1)
    found = []
    for town, township in enumerate(townships):
        village_name, community_name = names.villages(rng), names.communities(rng)
        own = np.flatnonzero(owner == town).tolist()
        for count, i in enumerate(sorted(own, key=lambda i: not urban[i])):
            number = count + 1 if urban[i] else 200 + count - sum(urban[j] for j in own)
            name = next(community_name) + "社区" if urban[i] else next(village_name) + "村"
            found.append(Village(f"{township.code[:9]}{number:03}", name, town, rects[i], urban[i]))
    return tuple(found)


def _grids(plots: list[tuple[int, Rect]], villages: tuple[Village, ...]) -> tuple[Grid, ...]:
    """Make grids, in each community numbered from west to east, then from north to south."""
    plots = sorted(plots, key=lambda plot: (plot[0], plot[1].x0, -plot[1].y0))
    found: list[Grid] = []
    number = 0
    for k, (village, rect) in enumerate(plots):
        number = number + 1 if k and plots[k - 1][0] == village else 1
        community = villages[village]
        found.append(Grid(f"{community.code}{number:03}", f"{community.name}第{number}网格", village, rect))
    return tuple(found)


def _compounds(
    rng: np.random.Generator,
    grids: tuple[Grid, ...],
    villages: tuple[Village, ...],
    townships: tuple[Township, ...],
) -> tuple[Compound, ...]:
    """Put one compound each into as many grids of the county seat as are wanted."""
    seat = [i for i, grid in enumerate(grids) if townships[villages[grid.village].township].is_core]
    chosen = np.sort(rng.choice(seat, COMPOUNDS, replace=False)).tolist()
    fresh = names.compounds(rng)
    found: list[Compound] = []
    count: dict[int, int] = {}
    for i in chosen:
        village = grids[i].village
        count[village] = count.get(village, 0) + 1
        code = f"C{villages[village].code}{count[village]:04}"
        found.append(Compound(code, next(fresh), village, i, _compound_outline(grids[i].rect, rng)))
    return tuple(found)


def _compound_outline(grid: Rect, rng: np.random.Generator) -> Floats:
    """Return a rectangle inside a grid, away from its streets, with a corner bitten out of every third."""
    x0, y0, x1, y1 = grid
    wide, high = x1 - x0, y1 - y0
    west, east = x0 + rng.uniform(0.1, 0.25) * wide, x1 - rng.uniform(0.1, 0.25) * wide
    south, north = y0 + rng.uniform(0.1, 0.25) * high, y1 - rng.uniform(0.1, 0.25) * high
    corners = [(west, south), (east, south), (east, north), (west, north)]
    if rng.random() < 1 / 3:
        x, y = west + rng.uniform(0.5, 0.7) * (east - west), south + rng.uniform(0.5, 0.7) * (north - south)
        corners[2:3] = [(east, y), (x, y), (x, north)]
    return np.array([*corners, corners[0]], float)
