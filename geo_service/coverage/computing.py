"""What one track covered of the places around it: values in, rows out. No database: workers run it as it is.

A `Passage` is a track among its places. Its cells of areas are asked for in two steps, since only the blocks
that came into sight need to be read.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray

from layers import crs as crs_
from layers.cells import AreaCells, CellSet, dwell_s, seen_from
from layers.coverage import Covered, Kind, Path, pairs, stadium
from layers.lines import LineSet
from layers.matching import matched, way
from layers.reach import SIGHT_M, reach_m
from layers.spans import SpanSet
from layers.tracks import Track
from layers.vocabulary import Layer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Spans = list[tuple[int, int]]
Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

FURTHEST_REACH_M = 200.0
"""Places are looked for this far around a track; no reach is longer."""
DM_PER_M = 10
_LAYERS = list(Layer)


@dataclass(frozen=True)
class NearLine:
    """A line near a track: its version in force, as a MultiLineString with M in degrees."""

    place_id: int
    version_id: int
    layer: Layer
    name: str | None
    length_dm: int
    reach_m: float | None
    width_m: float | None
    geometry: Any


@dataclass(frozen=True)
class NearArea:
    """An area place near a track: its version in force, as a polygon in degrees."""

    place_id: int
    version_id: int
    layer: Layer
    name: str | None
    area_m2: float
    geometry: Any


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The places around a track, in metres of the county's CRS: all of the register compete."""

    crs: str
    lines: Sequence[NearLine]
    areas: Sequence[NearArea]

    @cached_property
    def line_set(self) -> LineSet:
        """The lines, in the order of `lines`."""
        return LineSet.of([line.geometry for line in self.lines], crs=self.crs)

    @cached_property
    def polygons(self) -> NDArray[np.object_]:
        """The areas' polygons in metres, in the order of `areas`."""
        lonlat = np.array([area.geometry for area in self.areas], dtype=object)
        return np.asarray(crs_.project(lonlat, self.crs), dtype=object) if self.areas else lonlat

    @cached_property
    def reach_m(self) -> Floats:
        """The reach of each line."""
        reach = [reach_m(line.layer, own_m=line.reach_m, width_m=line.width_m) for line in self.lines]
        return np.clip(np.array(reach, dtype=np.float64), 0.0, FURTHEST_REACH_M)

    def near(self, track: Track) -> Bools:
        """Tell which fixes lie within the reach of a place, shape (n,).

        Grids do not count: they tile the land, and would let every home be seen.
        """
        xy = crs_.to_metric(track.lonlat, self.crs)
        fixes = Path(xy, xy, track.time_s, track.time_s)
        near = np.zeros(len(track), dtype=bool)
        for fix, segment in pairs(self.line_set, fixes, float(self.reach_m.max(initial=0.0))):
            lo, hi = stadium(self.line_set, fixes, fix, segment, self.reach_m[self.line_set.place[segment]])
            near[fix[lo <= hi]] = True
        compounds = self.polygons[[area.layer is Layer.COMPOUND for area in self.areas]]
        if compounds.size:
            points = shapely.points(xy)
            fix, _ = shapely.STRtree(compounds).query(points, predicate="dwithin", distance=SIGHT_M)
            near[fix] = True
        return near


@dataclass(frozen=True)
class LineRow:
    """What a track covered of one line on one local day, spans in decimetres of its version."""

    version_id: int
    day: dt.date
    spans: Spans
    """Walked; `bridged` is part of it."""
    ridden: Spans
    """Only ridden."""
    bridged: Spans
    ambiguous: Spans
    """Maybe walked; covers nothing."""

    @property
    def is_anything(self) -> bool:
        """Whether it says anything at all."""
        return bool(self.spans or self.ridden or self.ambiguous)


@dataclass(frozen=True)
class VisitRow:
    """A track's visit to one area place on one local day."""

    version_id: int
    day: dt.date
    dwell_s: float
    entries: int
    cells: list[tuple[int, int, str]]
    """What was seen, a row a block: block_x, block_y, bits as "0101..."."""


@dataclass(frozen=True, eq=False)
class Passage:
    """A cleaned, home-cut track among the places around it."""

    near: Neighbourhood
    track: Track
    zone: ZoneInfo

    @cached_property
    def xy(self) -> Floats:
        """The fixes in metres, shape (n, 2)."""
        return crs_.to_metric(self.track.lonlat, self.near.crs)

    @cached_property
    def covered(self) -> Covered:
        """The stretches of lines along which it went; lines compete within their layer."""
        rival = np.array([_LAYERS.index(line.layer) for line in self.near.lines], np.int64)
        track = self.track
        return matched(self.near.line_set, self.xy, track.time_s, track.piece, self.near.reach_m, rival)

    @cached_property
    def seen(self) -> dict[dt.date, CellSet]:
        """The cells that came into sight on each local day, of any area or none."""
        if not self.near.areas:
            return {}
        walked = way(self.xy, self.track.time_s, self.track.piece)
        days = _by_day(_middle_s(walked), self.zone)
        return {day: seen_from(_during(walked, here), SIGHT_M) for day, here in days}

    def wanted(self) -> list[tuple[int, int, int]]:
        """Return the blocks of cells that `visits` needs: version, block_x, block_y."""
        blocks = sorted(set().union(*(cells.blocks for cells in self.seen.values())))
        return [(area.version_id, *block) for area in self.near.areas for block in blocks]

    def lines(self) -> list[LineRow]:
        """Return what was covered of lines, by version and day."""
        rows = []
        for day, here in _by_day(self.covered.time_s, self.zone):
            today = self.covered.where(here)
            bridged = self._whole_dm(today.of(Kind.BRIDGED))
            walked = self._whole_dm(today.of(Kind.WALKED, Kind.BRIDGED))
            ridden = self._whole_dm(today.of(Kind.RIDDEN)) - walked
            ambiguous = self._whole_dm(today.of(Kind.AMBIGUOUS)) - walked - ridden
            sets = (walked, ridden, bridged, ambiguous)
            for k in np.unique(np.concatenate([spans.place for spans in sets])).tolist():
                line = self.near.lines[k]
                rows.append(LineRow(line.version_id, day, *(_pairs(spans.of_place(k)) for spans in sets)))
        return sorted(rows, key=lambda row: (row.version_id, row.day))

    def visits(self, cells: Mapping[int, AreaCells]) -> list[VisitRow]:
        """Return what was seen of areas, by version and day; `cells`: at least the `wanted` blocks."""
        track = self.track
        exact = Path.of(self.xy, track.time_s, track.piece)
        stays = {day: _during(exact, here) for day, here in _by_day(_middle_s(exact), self.zone)}
        rows = []
        for area, polygon in zip(self.near.areas, self.near.polygons, strict=True):
            own = cells.get(area.version_id)
            if own is None:
                continue
            for day, seen in self.seen.items():
                here = own.inside & seen
                if len(here):
                    dwell = dwell_s(stays[day], polygon) if day in stays else 0.0
                    rows.append(VisitRow(area.version_id, day, dwell, 1, here.to_bits()))
        return rows

    def _whole_dm(self, spans: SpanSet) -> SpanSet:
        """Return spans in whole decimetres, none past the end of its line."""
        whole = SpanSet.whole([line.length_dm for line in self.near.lines])
        return spans.scaled(DM_PER_M).rounded() & whole


def box_around(track: Track, crs: str) -> Box:
    """Return the box in which places may lie that a track came near, with room for the furthest reach."""
    xy = crs_.to_metric(track.lonlat, crs)
    low, high = xy.min(axis=0) - FURTHEST_REACH_M, xy.max(axis=0) + FURTHEST_REACH_M
    corners = np.array([low, high, [low[0], high[1]], [high[0], low[1]]])
    lonlat: Any = crs_.to_lonlat(corners, crs)
    return (*lonlat.min(axis=0).tolist(), *lonlat.max(axis=0).tolist())


def _by_day(time_s: Floats, zone: ZoneInfo) -> Iterator[tuple[dt.date, Bools]]:
    """Yield each local day with the rows that fall on it."""
    if time_s.size == 0:
        return
    first = dt.datetime.fromtimestamp(float(time_s.min()), zone).date()
    last = dt.datetime.fromtimestamp(float(time_s.max()), zone).date()
    for k in range((last - first).days + 1):
        day = first + dt.timedelta(days=k)
        begins, ends = (
            dt.datetime.combine(day + dt.timedelta(days=n), dt.time(), zone).timestamp() for n in (0, 1)
        )
        here = (time_s >= begins) & (time_s < ends)
        if here.any():
            yield day, here


def _middle_s(path: Path) -> Floats:
    return np.asarray((path.start_s + path.stop_s) / 2)


def _during(path: Path, here: Bools) -> Path:
    return Path(path.a[here], path.b[here], path.start_s[here], path.stop_s[here])


def _pairs(spans: Floats) -> Spans:
    return [(int(a), int(b)) for a, b in spans.tolist()]
