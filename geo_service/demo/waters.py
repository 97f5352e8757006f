"""The made-up county's rivers: from those that cross the county down to the ditches between fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geo_service.demo import names
from geo_service.demo.land import BORDER_SHIFT_M, COUNTY_CODE, Land, Village
from geo_service.demo.plan import Floats, Rect, dense, inside, spaced
from geo_service.demo.walks import length_m

RIVERS = 13_000
"""About as many as the register holds."""
_SHORTEST_M = 120
_SHORTEST_BORDER_M = 400
_SKIPPED = 0.05
"""Share of the ditches that were filled in."""


@dataclass(frozen=True)
class River:
    """A river of the register."""

    code: str
    name: str | None
    level: str
    """县, 乡, 村, 庄河, 沟塘 (domain.md 2.4)."""
    width_m: int
    village: int
    """Index of the village (or the first of those) that it runs through."""
    line: Any
    """LineString in metres of CRS."""


@dataclass(frozen=True)
class _Course:
    """A river before it is bent and numbered; `points` on the sheet."""

    points: Floats
    name: str | None
    level: str
    width_m: int
    village: int


def make_rivers(land: Land, rng: np.random.Generator) -> tuple[River, ...]:
    """Lay out all rivers of the register, the larger first."""
    villages = shapely.STRtree([shapely.box(*v.rect) for v in land.villages])
    county = shapely.buffer(shapely.union_all(villages.geometries), 1)
    courses = [*_mains(land, county, rng), *_borders(land, county, rng)]
    courses = [_placed(course, villages) for course in courses]
    fields = [i for i, village in enumerate(land.villages) if not village.is_urban]
    share = (RIVERS - len(courses)) / sum(land.villages[i].rect.area_m2 for i in fields)
    for i in fields:
        wanted = round(share * land.villages[i].rect.area_m2)
        courses += list(_ditches(land.villages[i], i, wanted, rng))
    lines = land.bend.lines([course.points for course in courses])
    return tuple(
        River(f"RV-{COUNTY_CODE}-{k + 1:05}", c.name, c.level, c.width_m, c.village, line)
        for k, (c, line) in enumerate(zip(courses, shapely.simplify(lines, 0.3), strict=True))
    )


def _mains(land: Land, county: Any, rng: np.random.Generator) -> Iterator[_Course]:
    """Yield the rivers that cross the county, with a wide bed."""
    fresh = {flat: names.main_rivers(rng, eastward=flat) for flat in (True, False)}
    for line in land.mains:
        points = inside(dense(line, 120), county)
        if len(points) > 1:
            yield _Course(points, next(fresh[line.y0 == line.y1]), "县", int(rng.integers(40, 76)), -1)


def _borders(land: Land, county: Any, rng: np.random.Generator) -> Iterator[_Course]:
    """Yield the rivers between villages: one for each cut of a block, except through a town."""
    fresh = [names.town_rivers(rng) for _ in land.townships]
    towns = np.array([town.centre for town in land.townships])
    fields = county - shapely.union_all([shapely.box(*v.rect) for v in land.villages if v.is_urban])
    for line, _, generation in land.cuts:
        points = inside(dense(_short_of_end(line), 130), fields)
        if len(points) < 2 or length_m(points) < _SHORTEST_BORDER_M:
            continue
        town = int(np.hypot(*(points.mean(axis=0) - towns).T).argmin())
        level, width = ("乡", 26) if generation == 0 else ("乡", 20) if generation == 1 else ("村", 14)
        yield _Course(points, next(fresh[town]), level, int(width + rng.integers(0, 9)), -1)


def _short_of_end(line: Rect) -> Rect:
    """End before the border that runs along the next river, so as not to poke into the next village."""
    x0, y0, x1, y1 = line
    short = BORDER_SHIFT_M + 8
    return Rect(x0, y0, x1, y1 - short) if x0 == x1 else Rect(x0, y0, x1 - short, y1)


def _placed(course: _Course, villages: shapely.STRtree) -> _Course:
    """Find the village in which a course begins (it runs along the village's lower side)."""
    spot = shapely.Point(course.points[min(1, len(course.points) - 1)] + 20)
    return _Course(course.points, course.name, course.level, course.width_m, int(villages.nearest(spot)))


def _ditches(village: Village, index: int, wanted: int, rng: np.random.Generator) -> Iterator[_Course]:
    """Yield the canals of one village: 中心河 along it, and ditches from it to both sides.

    They keep off the rivers around the village by a dyke, and leave room for the houses in its middle.
    """
    x0, y0, x1, y1 = village.rect
    upright = y1 - y0 > x1 - x0
    a0, a1, b0, b1 = (y0, y1, x0, x1) if upright else (x0, x1, y0, y1)
    dyke = 30
    low, high = a0 + dyke, a1 - BORDER_SHIFT_M - dyke
    axis = round(b0 + rng.uniform(0.42, 0.58) * (b1 - b0))

    def course(
        a: tuple[float, float], b: tuple[float, float], name: str | None, level: str, width: int
    ) -> _Course:
        points = np.column_stack([np.linspace(*a, 6), np.linspace(*b, 6)])
        return _Course(points[:, ::-1] if upright else points, name, level, width, index)

    yield course((low, high), (axis, axis), "中心河", "庄河", int(rng.integers(9, 15)))
    houses = rng.uniform(0.35, 0.65) * (high - low) + low
    pairs = max(round((wanted - 1) / 2 / (1 - _SKIPPED)), 1)
    step = (high - low) / (pairs + 1)
    for number, a in enumerate(spaced(rng, round(low), round(high), step), start=1):
        slant = rng.uniform(-0.02, 0.02) * (b1 - b0)
        near_houses = abs(a - houses) < 170
        for end in (b0 + dyke, b1 - BORDER_SHIFT_M - dyke):
            begin = axis + np.sign(end - axis) * (240 if near_houses else 0)
            stop = end - rng.choice((0, rng.uniform(0.05, 0.4)), p=(0.7, 0.3)) * (end - begin)
            if rng.random() < _SKIPPED or abs(stop - begin) < _SHORTEST_M:
                continue
            name = names.ditch(rng, number=number)
            level = "沟塘" if name is None else "庄河"
            yield course((a, a + slant), (begin, stop), name, level, int(rng.integers(4, 10)))
