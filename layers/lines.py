"""Lines with a measure: metres along a place's parts, in stored order.

The parts of a place follow each other on one measure: the second begins where the first ends, wherever it
lies. Stored lines carry it as M; it is cut and located by M, never by a fraction of the degrees.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers import crs as crs_
from layers.spans import SpanSet

if TYPE_CHECKING:
    from layers.network import Network

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]


def canonical(line: Any) -> Any:
    """Return a (Multi)LineString as a MultiLineString whose parts have one order and direction, 2-D.

    Pieces that meet end to end become one part; each part starts at its lower end (x, then y), and parts
    stand in the order of their starts: the same lines drawn in another order or direction give the same.

    >>> canonical(shapely.from_wkt("MULTILINESTRING ((9 0, 5 0), (2 1, 0 0), (5 0, 2 1))")).wkt
    'MULTILINESTRING ((0 0, 2 1, 5 0, 9 0))'
    """
    parts = shapely.get_parts(
        shapely.line_merge(shapely.union_all(shapely.get_parts(shapely.force_2d(line))))
    )
    directed = [_directed(shapely.get_coordinates(part)) for part in parts if shapely.length(part) > 0]
    directed.sort(key=lambda xy: xy.tolist())
    return shapely.multilinestrings([shapely.linestrings(xy) for xy in directed])


def _directed(xy: Floats) -> Floats:
    if np.array_equal(xy[0], xy[-1]):
        first = np.lexsort((xy[:-1, 1], xy[:-1, 0]))[0]
        ring = np.roll(xy[:-1], -first, axis=0)
        xy = np.vstack([ring, ring[:1]])
        return xy if tuple(xy[1]) <= tuple(xy[-2]) else xy[::-1]
    return xy if tuple(xy[0]) <= tuple(xy[-1]) else xy[::-1]


def measured(lonlat: Any, crs: str) -> tuple[Any, float]:
    """Return a MultiLineString in degrees with M in metres of `crs`, and its length in metres.

    >>> line, length_m = measured(shapely.from_wkt("MULTILINESTRING ((120 33, 120.001 33))"), "EPSG:4549")
    >>> line.has_m, round(length_m, 2), round(shapely.get_coordinates(line, include_m=True)[-1, -1], 2)
    (True, 93.45, np.float64(93.45))
    """
    lonlat_of, part = shapely.get_coordinates(shapely.get_parts(lonlat), return_index=True)
    m = _measures(crs_.to_metric(lonlat_of, crs), part)
    return multilinestring_m(lonlat_of, m, part), float(m[-1]) if m.size else 0.0


def multilinestring_m(xy: Floats, m: Floats, part: Ints) -> Any:
    """Return a MultiLineString with M from vertices x, y, shape (n, 2), m, shape (n,), and ascending parts.

    >>> multilinestring_m(np.array([[0.0, 0], [1, 0]]), np.array([0.0, 5]), np.array([0, 0])).wkt
    'MULTILINESTRING M ((0 0 0, 1 0 5))'
    """
    # Shapely makes no M from arrays, but reads it from WKB.
    return shapely.from_wkb(ewkb_m(xy, m, part))


def ewkb_m(xy: Floats, m: Floats, part: Ints, *, srid: int = 0) -> bytes:
    """Return the same as EWKB, as PostGIS takes it, without making a geometry of it first; also of nothing.

    >>> ewkb_m(np.empty((0, 2)), np.empty(0), np.empty(0, np.int64), srid=4326).hex()
    '0105000060e610000000000000'
    """
    vertices = np.column_stack([xy, m]).astype("<f8")
    ends = np.flatnonzero(np.diff(part, append=part[-1:] + 1)) + 1
    starts = np.r_[0, ends[:-1]] if ends.size else ends
    parts = [
        struct.pack("<BII", 1, _LINE | _WITH_M, b - a) + vertices[a:b].tobytes()
        for a, b in zip(starts, ends, strict=True)
    ]
    return struct.pack("<BIII", 1, _LINES | _WITH_M | _WITH_SRID, srid, len(parts)) + b"".join(parts)


_LINE, _LINES, _WITH_M, _WITH_SRID = 2, 5, 0x4000_0000, 0x2000_0000
"""Words of EWKB."""


def _measures(xy: Floats, part: Ints) -> Floats:
    """Return the way in metres to each vertex; the hop from one part to the next counts nothing."""
    if xy.shape[0] == 0:
        return np.empty(0)
    steps = np.hypot(*np.diff(xy, axis=0).T)
    steps[part[1:] != part[:-1]] = 0.0
    return np.concatenate([[0.0], np.cumsum(steps)])


@dataclass(frozen=True, eq=False)
class LineSet:
    """Many places' lines as straight segments with measures, sorted by place and measure.

    `a`, `b`: ends of the s segments, x, y, shape (s, 2); `from_m`, `to_m`: their measures; `place`: index of
    the place 0 .. places-1; `part`: index of the part, ascending over all; `length_m`: shape (places,).
    Coordinates are metres for everything that asks for distances (`tree`, `locate`, coverage); `cut` works
    in any coordinates, since it goes by the measure alone.
    """

    a: Floats
    b: Floats
    from_m: Floats
    to_m: Floats
    place: Ints
    part: Ints
    length_m: Floats

    @classmethod
    def of(cls, lines: Sequence[Any] | Geometries, *, crs: str | None = None) -> "LineSet":
        """Make it from one (Multi)LineString a place (None or empty: a place of length 0).

        Measures are the M of the lines, else the way along them in the units of their coordinates. With
        `crs`, the coordinates are degrees and become metres (their M stays).
        """
        array = np.array(list(lines), dtype=object)
        parts, place_of_part = shapely.get_parts(array, return_index=True)
        vertices, part = shapely.get_coordinates(parts, include_m=True, return_index=True)
        xy = crs_.to_metric(vertices[:, :2], crs) if crs and len(vertices) else vertices[:, :2]
        place = place_of_part[part]
        m = vertices[:, 2]
        unmeasured = np.isnan(m)
        if unmeasured.any():
            way = _measures(xy, part)
            origin = way[np.searchsorted(place, np.arange(array.size)).clip(max=max(way.size - 1, 0))]
            m = np.where(unmeasured, way - origin[place], m)
        joined = (part[1:] == part[:-1]) & (m[1:] > m[:-1])
        i = np.flatnonzero(joined)
        length_m = np.zeros(array.size)
        np.maximum.at(length_m, place, m)
        return cls(xy[i], xy[i + 1], m[i], m[i + 1], place[i], part[i], length_m)

    @property
    def places(self) -> int:
        """Number of places, those without a line included."""
        return int(self.length_m.size)

    @cached_property
    def extent(self) -> Floats:
        """Length of each segment in the units of its coordinates, shape (s,)."""
        return np.hypot(self.b[:, 0] - self.a[:, 0], self.b[:, 1] - self.a[:, 1])

    @cached_property
    def direction(self) -> Floats:
        """Unit vectors x, y of the segments, shape (s, 2)."""
        return (self.b - self.a) / self.extent[:, None]

    @cached_property
    def address(self) -> Floats:
        """Metres at which each place begins on one axis along all, with room between, shape (places + 1,)."""
        return np.concatenate([[0.0], np.cumsum(np.ceil(self.length_m) + 1.0)])

    @cached_property
    def tree(self) -> shapely.STRtree:
        """An index of the segments."""
        return shapely.STRtree(shapely.linestrings(np.stack([self.a, self.b], axis=1)))

    @cached_property
    def network(self) -> "Network":
        """What lies around a spot, and where one can change from line to line."""
        # It is made of lines, and its compiler is loaded when it is needed.
        from layers.network import Network  # noqa: PLC0415

        return Network.of(self)

    def whole(self) -> SpanSet:
        """Return every place in full."""
        return SpanSet.whole(self.length_m)

    def locate(self, xy: Floats, *, within_m: float | None = None) -> tuple[Ints, Ints, Floats, Floats]:
        """Return for points x, y, shape (n, 2), the nearest spot: row of `xy`, place, measure, distance.

        Points with nothing within `within_m` have no row.
        """
        if self.place.size == 0 or len(xy) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)
        point, segment = self.tree.query_nearest(shapely.points(xy), max_distance=within_m, all_matches=False)
        along = np.einsum("ij,ij->i", xy[point] - self.a[segment], self.direction[segment])
        along = np.clip(along, 0.0, self.extent[segment])
        foot = self.a[segment] + along[:, None] * self.direction[segment]
        share = along / self.extent[segment]
        measure = self.from_m[segment] + share * (self.to_m - self.from_m)[segment]
        return point, self.place[segment], measure, np.hypot(*(xy[point] - foot).T)

    def cut(self, spans: SpanSet) -> Geometries:
        """Return each span drawn, one MultiLineString a row of `spans`, split at part ends; shape (n,).

        >>> river = LineSet.of([shapely.from_wkt("MULTILINESTRING ((0 0, 10 0), (20 0, 30 0))")])
        >>> [line.wkt for line in river.cut(SpanSet.of([0, 0], [2, 8], [4, 13]))]
        ['MULTILINESTRING ((2 0, 4 0))', 'MULTILINESTRING ((8 0, 10 0), (20 0, 23 0))']
        """
        row, segment = self._met(spans)
        lo = np.maximum(self.from_m[segment], spans.start[row])
        hi = np.minimum(self.to_m[segment], spans.stop[row])
        drawn = np.full(len(spans), shapely.MultiLineString(), dtype=object)
        if row.size == 0:
            return drawn
        opens = np.r_[True, (row[1:] != row[:-1]) | (self.part[segment][1:] != self.part[segment][:-1])]
        run = np.cumsum(opens) - 1
        # A run of n segments has n + 1 vertices: its first start, then every end.
        vertices = np.vstack([self._at(segment[opens], lo[opens]), self._at(segment, hi)])
        order = np.argsort(np.r_[run[opens], run], kind="stable")
        lines = shapely.linestrings(vertices[order], indices=np.r_[run[opens], run][order])
        shapely.multilinestrings(lines, indices=row[opens], out=drawn)
        return drawn

    def _at(self, segment: Ints, m: Floats) -> Floats:
        """Return x, y at measures of segments, shape (n, 2)."""
        share = (m - self.from_m[segment]) / (self.to_m - self.from_m)[segment]
        return self.a[segment] + share[:, None] * (self.b - self.a)[segment]

    def _met(self, spans: SpanSet) -> tuple[Ints, Ints]:
        """Return pairs (row of spans, segment) that overlap, in the order of the measure."""
        base = self.address[self.place]
        first = np.searchsorted(base + self.to_m, self.address[spans.place] + spans.start, side="right")
        last = np.searchsorted(base + self.from_m, self.address[spans.place] + spans.stop, side="left")
        # A span that reaches past the end of its place must not reach into the next one.
        last = np.minimum(last, np.searchsorted(self.place, spans.place, side="right"))
        count = np.maximum(last - first, 0)
        row = np.repeat(np.arange(len(spans)), count)
        within = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
        return row, first[row] + within
