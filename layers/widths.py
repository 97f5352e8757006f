"""How wide a river is where its centre line runs in a water surface that the same file holds."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString
from shapely.geometry.base import BaseGeometry

from layers import crs as crs_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]

WIDEST_M = 400.0
"""What is wider is a lake that the line crosses."""
_RUN_M = 250.0
"""One width for about so much of a line: a bay or a lock is not the river."""
_SAMPLE_M = 25.0
_ROUNDED_M = 5.0
_MOST_VERTICES = 3_000_000
"""Of all surfaces that hold a line; more of them are not measured, so that an import ends."""


class Piece(NamedTuple):
    """A piece of a line (lon, lat) and the width of the water there; None: it runs in none."""

    geometry: LineString
    width_m: float | None


def held_by(geometry: Geometries) -> dict[int, list[int]]:
    """Return the areas among features, by index, with the indices of the lines that run in each."""
    areas, lines = (np.flatnonzero(shapely.get_dimensions(geometry) == dimension) for dimension in (2, 1))
    if not areas.size:
        return {}
    found: dict[int, list[int]] = {int(area): [] for area in areas}
    pairs = shapely.STRtree(geometry[lines]).query(_valid(geometry[areas]), predicate="intersects")
    for area, line in zip(areas[pairs[0]].tolist(), lines[pairs[1]].tolist(), strict=True):
        found[area].append(line)
    return found


def in_water(
    lines: Sequence[BaseGeometry], water: Sequence[BaseGeometry] | Geometries, metric: str
) -> dict[int, list[Piece]]:
    """Return the pieces of those lines (lon, lat) that run in water, by the number of the line.

    The width is twice the distance to the nearest shore: exact for a line in the middle, else less. Shores
    between adjoining surfaces are none. What is wider than `WIDEST_M` tells nothing.
    """
    valid, array = _valid(water), np.array(lines, dtype=object)
    area, line = shapely.STRtree(array).query(valid, predicate="intersects")
    if not line.size or shapely.get_num_coordinates(valid[np.unique(area)]).sum() > _MOST_VERTICES:
        return {}
    in_some = np.unique(line)
    whole = shapely.union_all(crs_.project(valid[np.unique(area)], metric))
    runs = _Runs.of(array[in_some], metric)
    width_m = runs.widths(shapely.get_parts(whole))
    found: dict[int, list[Piece]] = defaultdict(list)
    for k, width, geometry in runs.pieces(width_m):
        found[int(in_some[k])].append(Piece(geometry, width))
    return {k: own for k, own in found.items() if any(piece.width_m is not None for piece in own)}


def _valid(areas: Sequence[BaseGeometry] | Geometries) -> Geometries:
    """Return areas, nothing in the place of one whose outline crosses itself."""
    return np.array([area if shapely.is_valid(area) else None for area in areas], dtype=object)


class _Runs:
    """The segments of lines in runs of about `_RUN_M`, which each have one width."""

    def __init__(self, lonlat: Floats, xy: Floats, first: Ints, run: Ints, line: Ints) -> None:
        self._lonlat, self._xy = lonlat, xy
        self._first, self._run, self._line = first, run, line

    @classmethod
    def of(cls, lines: Geometries, metric: str) -> "_Runs":
        """Part the lines (lon, lat); a run ends at a vertex."""
        parts, line_of_part = shapely.get_parts(lines, return_index=True)
        lonlat, part = shapely.get_coordinates(parts, return_index=True)
        xy = crs_.to_metric(lonlat, metric)
        first = np.flatnonzero(part[1:] == part[:-1])
        length = np.hypot(*(xy[first + 1] - xy[first]).T)
        way = np.cumsum(length) - length / 2
        begins = np.searchsorted(part[first], np.arange(len(parts)))
        since = way - (np.cumsum(length) - length)[begins][part[first]]
        _, run = np.unique(np.column_stack([part[first], since // _RUN_M]), axis=0, return_inverse=True)
        return cls(lonlat, xy, first, run.ravel().astype(np.int64), line_of_part[part[first]])

    def widths(self, water: Geometries) -> list[float | None]:
        """Return the width of each run: the median of its samples, if most of them lie in the water."""
        a, b = self._xy[self._first], self._xy[self._first + 1]
        count = np.ceil(np.hypot(*(b - a).T) / _SAMPLE_M).clip(1).astype(np.int64)
        segment = np.repeat(np.arange(count.size), count)
        step = np.arange(segment.size) - np.repeat(np.cumsum(count) - count, count)
        share = ((step + 0.5) / count[segment])[:, None]
        points = shapely.points(a[segment] + share * (b - a)[segment])
        width = np.full(points.size, np.nan)
        inside = np.unique(shapely.STRtree(water).query(points, predicate="within")[0])
        shores = _segments(shapely.boundary(water))
        if inside.size:
            (row, _), away_m = shapely.STRtree(shores).query_nearest(
                points[inside], return_distance=True, all_matches=False
            )
            width[inside[row]] = 2 * away_m
        run = self._run[segment]
        order = np.argsort(run, kind="stable")
        ends = np.flatnonzero(np.diff(run[order])) + 1
        return [_width(own) for own in np.split(width[order], ends)]

    def pieces(self, width_m: Sequence[float | None]) -> list[tuple[int, float | None, Any]]:
        """Return the pieces of one width: number of the line, width, geometry (lon, lat)."""
        number = np.array([-1.0 if width is None else width for width in width_m])[self._run]
        breaks = (np.diff(number) != 0) | (np.diff(self._first) != 1)
        found = []
        for own in np.split(np.arange(number.size), np.flatnonzero(breaks) + 1):
            vertices = self._lonlat[self._first[own[0]] : self._first[own[-1]] + 2]
            width = width_m[self._run[own[0]]]
            found.append((int(self._line[own[0]]), width, shapely.linestrings(vertices)))
        return found


def _width(samples_m: Floats) -> float | None:
    known = samples_m[~np.isnan(samples_m)]
    if known.size * 2 < samples_m.size:
        return None
    median = float(np.median(known))
    return max(round(median / _ROUNDED_M) * _ROUNDED_M, _ROUNDED_M) if median <= WIDEST_M else None


def _segments(boundaries: Geometries) -> Geometries:
    rings = shapely.get_parts(boundaries)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.flatnonzero(ring[1:] == ring[:-1])
    return np.asarray(shapely.linestrings(np.stack([xy[first], xy[first + 1]], axis=1)), dtype=object)
