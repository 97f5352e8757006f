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
from layers.cells import AreaCells, CellSet, seen_from
from layers.coverage import Covered, Kind, Path, pairs, stadium
from layers.lines import LineSet
from layers.reach import SIGHT_M, Stretch, by_segment, reach_m
from layers.spans import SpanSet
from layers.tracks import Track
from layers.visits import Fixes, Stays, stays
from layers.vocabulary import Layer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Spans = list[tuple[int, int]]
Boxes = NDArray[np.float64]
"""West, south, east, north in degrees, shape (k, 4)."""

FURTHEST_REACH_M = 200.0
"""Places are looked for this far around a track; no reach is longer."""
METRES_PER_DEGREE = 110_500.0
"""Of latitude, where it is least."""
BOXES = 8
"""Into so many boxes a track is parted when the places around it are looked for."""
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
    reaches: Sequence[tuple[int, int, float]] = ()
    """Stretches with a reach of their own: from, to (dm), metres."""
    on_banks: bool = False
    """It runs along the banks of its river."""


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
        """The reach of each segment of the lines, shape (s,)."""
        whole = [
            reach_m(line.layer, own_m=line.reach_m, width_m=line.width_m, on_banks=line.on_banks)
            for line in self.lines
        ]
        reach = by_segment(self.line_set, np.array(whole, dtype=np.float64), list(self._stretches()))
        return np.clip(reach, 0.0, FURTHEST_REACH_M)

    def _stretches(self) -> Iterator[tuple[int, Stretch]]:
        """Yield the stretches with a reach of their own, with the number of their line."""
        for k, line in enumerate(self.lines):
            for start, stop, reach in line.reaches if line.reach_m is None else ():
                yield k, Stretch(start / DM_PER_M, stop / DM_PER_M, reach)

    @cached_property
    def rival(self) -> Ints:
        """Lines compete where this is equal: within their layer."""
        return np.array([_LAYERS.index(line.layer) for line in self.lines], np.int64)

    @cached_property
    def length_dm(self) -> Floats:
        """The length of each line, in whole decimetres."""
        return np.array([line.length_dm for line in self.lines], np.float64)

    def around(self, track: Track) -> "Neighbourhood":
        """Return those that lie around one track: what is computed of it rests on them and no others."""
        boxes = boxes_around(track)
        lines = [self.lines[k] for k in _meeting(self._line_bounds, boxes)]
        return Neighbourhood(self.crs, lines, [self.areas[k] for k in _meeting(self._area_bounds, boxes)])

    @cached_property
    def _line_bounds(self) -> Boxes:
        return _bounds([line.geometry for line in self.lines])

    @cached_property
    def _area_bounds(self) -> Boxes:
        return _bounds([area.geometry for area in self.areas])

    def near(self, track: Track) -> Bools:
        """Tell which fixes lie within the reach of a place, shape (n,).

        Grids do not count: they tile the land, and would let every home be seen.
        """
        xy = track.metric(self.crs)
        fixes = Path(xy, xy, track.time_s, track.time_s)
        near = np.zeros(len(track), dtype=bool)
        for fix, segment in pairs(self.line_set, fixes, float(self.reach_m.max(initial=0.0))):
            lo, hi = stadium(self.line_set, fixes, fix, segment, self.reach_m[segment])
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
    """Seconds inside; 0 for a grid that was only looked into."""
    entries: int
    """How often it came in from outside and stayed."""
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
        return self.track.metric(self.near.crs)

    @cached_property
    def covered(self) -> Covered:
        """The stretches of lines along which it went."""
        # The compiler is loaded when a track comes, not when the service starts.
        from layers.matching import matched  # noqa: PLC0415

        near, track = self.near, self.track
        return matched(
            near.line_set, self.xy, track.time_s, track.piece, near.reach_m, near.rival, track.accuracy_m
        )

    @cached_property
    def seen(self) -> dict[dt.date, CellSet]:
        """The cells that came into sight on each local day, of any area or none."""
        if not self.near.areas:
            return {}
        walked = self._fixes.sight()
        days = _by_day(_middle_s(walked), self.zone)
        return {day: seen_from(_during(walked, here), SIGHT_M) for day, here in days}

    @cached_property
    def _fixes(self) -> Fixes:
        """The fixes that are good enough to say something of areas."""
        return Fixes.of(self.xy, self.track.time_s, self.track.piece, self.track.accuracy_m)

    def wanted(self) -> list[tuple[int, int, int]]:
        """Return the blocks of cells that `visits` needs: version, block_x, block_y."""
        blocks = sorted(set().union(*(cells.blocks for cells in self.seen.values())))
        return [(area.version_id, *block) for area in self.near.areas for block in blocks]

    def lines(self) -> list[LineRow]:
        """Return what was covered of lines, by version and day."""
        rows = []
        for day, here in _by_day(self.covered.time_s, self.zone):
            today = self.covered if here.all() else self.covered.where(here)
            bridged = self._whole_dm(today, Kind.BRIDGED)
            walked = self._whole_dm(today, Kind.WALKED, Kind.BRIDGED)
            ridden = self._whole_dm(today, Kind.RIDDEN) - walked
            ambiguous = self._whole_dm(today, Kind.AMBIGUOUS) - walked - ridden
            sets = [by_place(spans) for spans in (walked, ridden, bridged, ambiguous)]
            for k in set().union(*sets):
                line = self.near.lines[k]
                rows.append(LineRow(line.version_id, day, *(own.get(k, []) for own in sets)))
        return sorted(rows, key=lambda row: (row.version_id, row.day))

    def visits(self, cells: Mapping[int, AreaCells]) -> list[VisitRow]:
        """Return what was seen of areas, by version and day; `cells`: at least the `wanted` blocks.

        A compound is visited or not: who only passed along its wall has no row of it, whatever cells of it a
        track that leans under its towers would claim.
        """
        rows: list[VisitRow] = []
        for area, polygon in zip(self.near.areas, self.near.polygons, strict=True):
            own = cells.get(area.version_id)
            seen = {} if own is None else {day: own.inside & cells for day, cells in self.seen.items()}
            if not any(map(len, seen.values())):
                continue
            stay = stays(self._fixes, polygon)
            if area.layer is not Layer.COMPOUND or stay.is_visit:
                rows += self._of_area(area.version_id, seen, stay)
        return rows

    def _of_area(self, version_id: int, seen: Mapping[dt.date, CellSet], stay: Stays) -> Iterator[VisitRow]:
        for day, cells in seen.items():
            if len(cells):
                dwell_s, entries = stay.between(*_bounds_s(day, self.zone))
                yield VisitRow(version_id, day, dwell_s, entries, cells.to_bits())

    def _whole_dm(self, covered: Covered, *kinds: Kind) -> SpanSet:
        """Return what was covered in some ways in whole decimetres, nothing past the end of its line."""
        spans = covered.of(*kinds)
        if not len(spans):
            return spans
        start, stop = np.rint(spans.start * DM_PER_M), np.rint(spans.stop * DM_PER_M)
        return SpanSet.of(spans.place, start, np.minimum(stop, self.near.length_dm[spans.place]))


def boxes_around(track: Track) -> Boxes:
    """Return boxes around the stretches of a track, with room for the furthest reach, as the queries ask.

    One box around all of a walk holds many places that it never came near.
    """
    first = np.unique(np.linspace(0, len(track) - 1, BOXES, endpoint=False, dtype=np.int64))
    last = np.append(first[1:], len(track) - 1)  # the first of the next stretch: so no step is left out
    low = np.minimum(np.minimum.reduceat(track.lonlat, first), track.lonlat[last])
    high = np.maximum(np.maximum.reduceat(track.lonlat, first), track.lonlat[last])
    # Degrees of longitude are the shorter ones, most so at the end that is further from the equator.
    shortest = np.cos(np.radians(np.maximum(np.abs(low[:, 1]), np.abs(high[:, 1]))))
    room = FURTHEST_REACH_M / METRES_PER_DEGREE / np.column_stack([shortest.clip(0.01), np.ones(first.size)])
    return np.hstack([low - room, high + room])


def _bounds(geometries: Sequence[Any]) -> Boxes:
    return np.asarray(shapely.bounds(np.array(geometries, dtype=object))).reshape(-1, 4)


def _meeting(bounds: Boxes, boxes: Boxes) -> list[int]:
    """Return the rows of bounds that meet one of some boxes."""
    meets = np.zeros(len(bounds), dtype=bool)
    west, south, east, north = np.ascontiguousarray(bounds.T)
    for box in boxes:
        meets |= (west <= box[2]) & (south <= box[3]) & (east >= box[0]) & (north >= box[1])
    rows: list[int] = np.flatnonzero(meets).tolist()
    return rows


def _by_day(time_s: Floats, zone: ZoneInfo) -> Iterator[tuple[dt.date, Bools]]:
    """Yield each local day with the rows that fall on it."""
    if time_s.size == 0:
        return
    first = dt.datetime.fromtimestamp(float(time_s.min()), zone).date()
    last = dt.datetime.fromtimestamp(float(time_s.max()), zone).date()
    for k in range((last - first).days + 1):
        day = first + dt.timedelta(days=k)
        begins, ends = _bounds_s(day, zone)
        here = (time_s >= begins) & (time_s < ends)
        if here.any():
            yield day, here


def _bounds_s(day: dt.date, zone: ZoneInfo) -> tuple[float, float]:
    """Return when a local day begins and ends."""
    begins, ends = (dt.datetime.combine(day + dt.timedelta(days=n), dt.time(), zone) for n in (0, 1))
    return begins.timestamp(), ends.timestamp()


def _middle_s(path: Path) -> Floats:
    return np.asarray((path.start_s + path.stop_s) / 2)


def _during(path: Path, here: Bools) -> Path:
    return Path(path.a[here], path.b[here], path.start_s[here], path.stop_s[here])


def by_place(spans: SpanSet) -> dict[int, Spans]:
    """Return whole spans by place."""
    found: dict[int, Spans] = {}
    ends = zip(spans.start.astype(np.int64).tolist(), spans.stop.astype(np.int64).tolist(), strict=True)
    for place, span in zip(spans.place.tolist(), ends, strict=True):
        found.setdefault(place, []).append(span)
    return found
