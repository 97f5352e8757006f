"""The made-up county's roads: from those along the main rivers down to lanes between houses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geo_service.demo import names
from geo_service.demo.land import BORDER_SHIFT_M, COUNTY_CODE, Land
from geo_service.demo.plan import Floats, Rect, dense, inside
from geo_service.demo.walks import length_m

_SHORTEST_M = 150


@dataclass(frozen=True)
class Road:
    """A road of the register."""

    code: str
    name: str | None
    kind: str
    """国道, 省道, 县道, 乡道, 村道, 街道, 巷."""
    village: int
    """Index of the village or community in which it begins."""
    line: Any
    """LineString in metres of CRS."""


@dataclass(frozen=True)
class _Way:
    """A road before it is bent and numbered; `points` on the sheet."""

    points: Floats
    name: str | None
    kind: str


def make_roads(land: Land, rng: np.random.Generator) -> tuple[Road, ...]:
    """Lay out all roads of the register, the larger first."""
    villages = shapely.STRtree([shapely.box(*v.rect) for v in land.villages])
    county = shapely.union_all(villages.geometries)
    ways = [
        *_trunks(land, county, rng),
        *_country(land, county, rng),
        *_village_roads(land, rng),
        *_town_streets(land, rng),
        *_lanes(land, rng),
    ]
    lines = shapely.simplify(land.bend.lines([way.points for way in ways]), 0.3)
    where = villages.nearest(shapely.points([way.points[len(way.points) // 2] for way in ways]))
    codes = _codes(ways)
    return tuple(
        Road(next(codes), way.name, way.kind, int(village), line)
        for way, village, line in zip(ways, where, lines, strict=True)
    )


def _trunks(land: Land, county: Any, rng: np.random.Generator) -> Iterator[_Way]:
    """Yield roads along the main rivers, some hundred metres off: 国道, 省道, 县道."""
    kinds = ["国道", "省道", "省道"] + ["县道"] * len(land.mains)
    fresh = names.trunk_roads(rng)
    for i, kind in zip(rng.permutation(len(land.mains)), kinds, strict=False):
        points = inside(_beside(land.mains[i], float(rng.uniform(70, 160)), 120), county)
        if len(points) > 1:
            yield _Way(points, next(fresh), kind)


def _country(land: Land, county: Any, rng: np.random.Generator) -> Iterator[_Way]:
    """Yield roads on the dykes between villages: 乡道, and 村道 on some of the smaller ones."""
    fields = county - shapely.union_all([shapely.box(*v.rect) for v in land.villages if v.is_urban])
    fresh = names.country_roads([town.name for town in land.townships])
    towns = np.array([town.centre for town in land.townships])
    for line, _, generation in land.cuts:
        if generation > 1 and rng.random() < 0.72:
            continue
        points = inside(_beside(line, float(rng.uniform(26, 45)), 120), fields)
        if len(points) > 1 and length_m(points) > 4 * _SHORTEST_M:
            far = np.hypot(*np.moveaxis(points[[0, -1], None] - towns, -1, 0))
            yield _Way(points, fresh(*far.argmin(axis=1).tolist()), "乡道" if generation <= 1 else "村道")


def _village_roads(land: Land, rng: np.random.Generator) -> Iterator[_Way]:
    """Yield one road through every second village, from its western or southern dyke to the other side."""
    for village in land.villages:
        if village.is_urban or rng.random() < 0.5:
            continue
        x0, y0, x1, y1 = village.rect
        share = rng.uniform(0.3, 0.7)
        if y1 - y0 > x1 - x0:
            x = round(x0 + share * (x1 - x0))
            line = Rect(x, y0 + 30, x, y1 - BORDER_SHIFT_M - 10)
        else:
            y = round(y0 + share * (y1 - y0))
            line = Rect(x0 + 30, y, x1 - BORDER_SHIFT_M - 10, y)
        name = village.name.removesuffix("村") + "路" if rng.random() < 0.8 else None
        yield _Way(dense(line, 120), name, "村道")


def _town_streets(land: Land, rng: np.random.Generator) -> Iterator[_Way]:
    """Yield streets between communities: a cut inside a town is no river but a street."""
    urban = shapely.union_all([shapely.box(*v.rect) for v in land.villages if v.is_urban])
    fresh = names.streets(rng)
    for line, _, _ in land.cuts:
        points = inside(dense(_street(line), 100), urban)
        if len(points) > 1 and length_m(points) > _SHORTEST_M:
            yield _Way(points, next(fresh) + "路", "街道")


def _lanes(land: Land, rng: np.random.Generator) -> Iterator[_Way]:
    """Yield streets and lanes between grids: the first cut of a community is a street."""
    communities = [village for village in land.villages if village.is_urban]
    fresh = {village.township: names.streets(rng) for village in communities}
    for line, root, generation in land.grid_cuts:
        points = dense(_street(line), 100)
        if length_m(points) < _SHORTEST_M or (generation > 2 and rng.random() < 0.6):
            continue
        street = fresh[communities[root].township]
        name = next(street) + ("街", "中街", "巷")[min(generation, 2)] if rng.random() < 0.75 else None
        yield _Way(points, name, "街道" if generation == 0 else "巷")


def _beside(line: Rect, off_m: float, step_m: float) -> Floats:
    """Return points along a line on the sheet, moved off it to the east or north."""
    points = dense(line, step_m)
    return points + ([off_m, 0.0] if line.x0 == line.x1 else [0.0, off_m])


def _street(line: Rect) -> Rect:
    """Return where a street runs: just inside the border between two communities, and ending there."""
    x0, y0, x1, y1 = (end - BORDER_SHIFT_M + 6 for end in line)
    return Rect(x0, y0, x1, y1 - 8) if x0 == x1 else Rect(x0, y0, x1 - 8, y1)


def _codes(ways: list[_Way]) -> Iterator[str]:
    """Yield route numbers (domain.md 2.4) with the county behind them, and our own numbers for streets."""
    count: dict[str, int] = {}
    for way in ways:
        letter = {"国道": "G", "省道": "S", "县道": "X", "乡道": "Y", "村道": "C"}.get(way.kind, "RD")
        count[letter] = count.get(letter, 0) + 1
        if letter == "RD":
            yield f"RD-{COUNTY_CODE}-{count[letter]:05}"
        else:
            yield f"{letter}{count[letter] + (200 if letter in 'GSX' else 0):03}{COUNTY_CODE}"
