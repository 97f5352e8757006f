"""The made-up county's scheme, cut into beats: what the same volunteers look after and can walk at once."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely

from geo_service.demo.land import Land
from geo_service.demo.plan import CRS
from geo_service.demo.streets import Road
from geo_service.demo.waters import River
from layers import crs
from layers.lines import canonical
from layers.vocabulary import Layer

RIVERS_IN_SCHEME: Mapping[str, int] = {"县": 4, "乡": 74, "村": 106, "庄河": 63}
ROADS_IN_SCHEME: Mapping[str, int] = {"县道": 4, "乡道": 64, "村道": 57, "街道": 45, "巷": 15}
"""247 rivers and 185 roads, by level and class (domain.md 8.1, X2 and X3)."""
_BEAT_M = 2_400.0
"""Half an hour to three quarters on foot."""
_NOBODYS, _PARTLY = 0.1, 0.26
"""Share of each layer that lies in no volunteer's duty; share of the areas that are looked after in part."""


class Beat(NamedTuple):
    """A place of the scheme, or a part of it, that the same people look after."""

    layer: Layer
    code: str
    """Of the place."""
    span_m: tuple[float, float] | None = None
    """From, to on the canonical line; None: all of it."""
    part: Any | None = None
    """Of an area: the part in metres of CRS; None: all of it."""


@dataclass(frozen=True)
class Scheme:
    """The places in the scheme, by code, geometry in metres of CRS; and their beats."""

    rivers: Mapping[str, Any]
    """Canonical MultiLineStrings."""
    roads: Mapping[str, Any]
    grids: Mapping[str, Any]
    """Polygons."""
    compounds: Mapping[str, Any]
    widths_m: Mapping[str, int]
    """Of the rivers."""
    beats: tuple[Beat, ...]
    """Every place has one at least; a tenth of all lies in none."""

    def geometry(self, beat: Beat) -> Any:
        """Return the place of a beat, all of it, in metres of CRS."""
        by_layer = {
            Layer.RIVER: self.rivers,
            Layer.ROAD: self.roads,
            Layer.GRID: self.grids,
            Layer.COMPOUND: self.compounds,
        }
        return by_layer[beat.layer][beat.code]


def make_scheme(
    land: Land, rivers: Sequence[River], roads: Sequence[Road], rng: np.random.Generator
) -> Scheme:
    """Choose the rivers and roads of the scheme (all grids and compounds are in it), and cut the beats."""
    river_rows = _chosen([r.level for r in rivers], [r.name for r in rivers], RIVERS_IN_SCHEME, rng)
    road_rows = _chosen([r.kind for r in roads], [r.name for r in roads], ROADS_IN_SCHEME, rng)
    river_lines = {rivers[i].code: _as_stored(rivers[i].line) for i in river_rows}
    road_lines = {roads[i].code: _as_stored(roads[i].line) for i in road_rows}
    grids = dict(zip((g.code for g in land.grids), land.grid_polygons(), strict=True))
    compounds = dict(zip((c.code for c in land.compounds), land.compound_polygons(), strict=True))
    beats = [
        *_line_beats(Layer.RIVER, river_lines, rng),
        *_line_beats(Layer.ROAD, road_lines, rng),
        *_area_beats(Layer.GRID, grids, rng),
        *_area_beats(Layer.COMPOUND, compounds, rng),
    ]
    widths_m = {rivers[i].code: rivers[i].width_m for i in river_rows}
    return Scheme(river_lines, road_lines, grids, compounds, widths_m, tuple(beats))


def _as_stored(line: Any) -> Any:
    """Return a line in the direction in which it is stored: canonical in degrees, not in metres."""
    return crs.project(canonical(crs.unproject(line, CRS)), CRS)


def _chosen(
    kinds: Sequence[str], given: Sequence[str | None], wanted: Mapping[str, int], rng: np.random.Generator
) -> list[int]:
    """Return rows of as many named lines of each kind as are wanted; what one lacks comes from the next."""
    found: list[int] = []
    missing = 0
    for kind, count in wanted.items():
        named = [i for i, k in enumerate(kinds) if k == kind and given[i]]
        take = min(count + missing, len(named))
        missing += count - take
        found += rng.choice(named, take, replace=False).tolist()
    return sorted(found)


def _line_beats(layer: Layer, lines: Mapping[str, Any], rng: np.random.Generator) -> Iterator[Beat]:
    """Cut each line into beats; of a long one some are nobody's, of every third short one an end is."""
    for code, line in lines.items():
        length_m = float(shapely.length(line))
        count = max(1, round(length_m / _BEAT_M))
        inner = np.arange(1, count) + rng.uniform(-0.2, 0.2, count - 1)
        ends = (length_m * np.r_[0, inner / count, 1]).tolist()
        spans = list(itertools.pairwise(ends))
        if count > 2:
            spans = [span for span in spans if rng.random() >= _NOBODYS] or spans[:1]
        elif rng.random() < 1 / 3:
            spans[-1] = _shortened(spans[-1], 3 * _NOBODYS * length_m, rng)
        for span in spans:
            yield Beat(layer, code, None if span == (0.0, length_m) else span)


def _shortened(span: tuple[float, float], by_m: float, rng: np.random.Generator) -> tuple[float, float]:
    start, stop = span
    by_m = min(by_m, 0.7 * (stop - start))
    return (start, stop - by_m) if rng.random() < 0.5 else (start + by_m, stop)


def _area_beats(layer: Layer, polygons: Mapping[str, Any], rng: np.random.Generator) -> Iterator[Beat]:
    """Make all of an area one beat, or of every fourth only its larger part."""
    partly = set(rng.choice(list(polygons), round(_PARTLY * len(polygons)), replace=False).tolist())
    for code, polygon in polygons.items():
        yield Beat(layer, code, None, _larger_part(polygon, rng) if code in partly else None)


def _larger_part(polygon: Any, rng: np.random.Generator) -> Any:
    """Return the part of a polygon on one side of a line to the north or east: about six tenths."""
    box = shapely.bounds(polygon).tolist()
    axis, share = int(rng.integers(2)), 1 - rng.uniform(3 * _NOBODYS, 5 * _NOBODYS)
    keep = share * (box[axis + 2] - box[axis])
    if rng.random() < 0.5:
        box[axis + 2] = box[axis] + keep
    else:
        box[axis] = box[axis + 2] - keep
    return shapely.intersection(polygon, shapely.box(*box))
