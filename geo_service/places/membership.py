"""Which spans of a line lie in which township or village, and in which one an area place lies.

A river of five townships belongs to all five, each with its own stretches; a grid or compound belongs to the
village and township that have most of it. Where an area has no border, its parts speak for it; where a place
is only listed under an area without a border, it has there what it has in the area above.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.areas.tree import StoredArea
from layers import crs as crs_
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.vocabulary import Level

Geometries = NDArray[np.object_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DM_PER_M = 10
ON_THE_BORDER_M = 0.01
"""A line that runs along a border lies in both areas."""


@dataclass(frozen=True, eq=False)
class Districts:
    """The townships and villages of a county with their borders in metres; the county itself is left out."""

    areas: Mapping[int, StoredArea]
    parents: Mapping[int, int]
    ids: Ints
    """Ids of those that have a border, shape (k,)."""
    borders: Geometries
    """Their polygons in metres, shape (k,)."""

    @classmethod
    def of(cls, areas: Iterable[StoredArea], crs: str) -> "Districts":
        """Make it from a county's tree (lon, lat) and its metric CRS."""
        inner = {area.id: area for area in areas if area.level is not Level.COUNTY}
        by_code = {area.code: area.id for area in inner.values()}
        parents = {area.id: by_code[area.parent] for area in inner.values() if area.parent in by_code}
        bordered = [area for area in inner.values() if area.geometry is not None]
        borders = np.array([area.geometry for area in bordered], dtype=object)
        borders = crs_.project(borders, crs) if bordered else borders
        shapely.prepare(borders)
        return cls(inner, parents, np.array([area.id for area in bordered], np.int64), borders)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """An index of the borders."""
        return shapely.STRtree(self.borders)

    @cached_property
    def edges(self) -> Geometries:
        """The lines of the borders, shape (k,)."""
        return np.asarray(shapely.boundary(self.borders), dtype=object)

    @cached_property
    def children(self) -> Mapping[int | None, list[int]]:
        """Ids of the areas right below each area; None: the topmost."""
        below: dict[int | None, list[int]] = {}
        for id_ in self.areas:
            below.setdefault(self.parents.get(id_), []).append(id_)
        return below

    def path(self, area_id: int) -> list[int]:
        """Return an area and what stands above it, the county left out."""
        found = [area_id] if area_id in self.areas else []
        while found and found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return found

    def describes(self, area_id: int) -> bool:
        """Tell whether an area or anything in it has a border."""
        return area_id in self.ids or any(self.describes(child) for child in self.children.get(area_id, []))


Membership = dict[int, Floats | None]
"""Area id -> its spans of a line in whole decimetres, shape (k, 2); None: all of an area place."""


def of_lines(lines: LineSet, listed: Sequence[Sequence[int]], districts: Districts) -> list[Membership]:
    """Return each line's areas with their spans in decimetres.

    `lines` are in metres; `listed` names for each the areas that the file puts it under.
    """
    found = _by_border(lines, districts)
    memberships: list[Membership] = [{} for _ in range(lines.places)]
    for id_, metres in _with_parents(found, districts).items():
        spans = metres.scaled(DM_PER_M).rounded()
        for place in np.unique(spans.place).tolist():
            memberships[place][id_] = spans.of_place(place)
    for place, area_ids in enumerate(listed):
        whole = np.array([[0.0, np.rint(lines.length_m[place] * DM_PER_M)]])
        _add_listed(memberships[place], area_ids, whole, districts)
    return memberships


def of_areas(
    polygons: Sequence[Any], listed: Sequence[Sequence[int]], districts: Districts
) -> list[Membership]:
    """Return each area place's village and township: those with most of it. `polygons` are in metres."""
    memberships: list[Membership] = [{} for _ in polygons]
    for place, shares in enumerate(_shares_m2(polygons, districts)):
        above: int | None = None
        while best := _largest(districts.children.get(above, []), shares, districts):
            memberships[place][best] = None
            above = best
    for place, area_ids in enumerate(listed):
        _add_listed(memberships[place], area_ids, None, districts)
    return memberships


def main_area(membership: Membership, districts: Districts) -> int | None:
    """Return the lowest area that has most of a place."""
    main: int | None = None
    while inside := [child for child in districts.children.get(main, []) if child in membership]:
        main = min((-_length(membership[child]), child) for child in inside)[1]
    return main


def _length(spans: Floats | None) -> float:
    return 0.0 if spans is None else float((spans[:, 1] - spans[:, 0]).sum())


def _add_listed(
    membership: Membership, area_ids: Sequence[int], whole: Floats | None, districts: Districts
) -> None:
    """Put a place under the areas that a file lists it under, where no border can tell."""
    for area_id in area_ids:
        path = districts.path(area_id)
        bordered = next((above for above in path if districts.describes(above)), None)
        if bordered == area_id or (bordered is not None and bordered not in membership):
            continue
        for above in path:
            membership.setdefault(above, whole if bordered is None else membership[bordered])


# --- lines


def _by_border(lines: LineSet, districts: Districts) -> dict[int, SpanSet]:
    """Cut the lines at all borders; return for each area with a border its spans."""
    drawn = lines.cut(lines.whole())
    rows = lines.whole().place
    place, border = districts.tree.query(drawn, predicate="dwithin", distance=ON_THE_BORDER_M)
    inside = shapely.covers(districts.borders[border], drawn[place])
    at, start, stop = _pieces(drawn[place[~inside]], border[~inside], districts)
    crossing = (place[~inside][at], border[~inside][at])
    places = rows[np.concatenate([place[inside], crossing[0]])]
    borders = np.concatenate([border[inside], crossing[1]])
    starts = np.concatenate([np.zeros(inside.sum()), start])
    stops = np.concatenate([lines.length_m[rows[place[inside]]], stop])
    return {
        int(districts.ids[k]): SpanSet.of(places[borders == k], starts[borders == k], stops[borders == k])
        for k in np.unique(borders)
    }


def _pieces(drawn: Geometries, border: Ints, districts: Districts) -> tuple[Ints, Floats, Floats]:
    """Return the pieces of each line that lie within the border beside it: row, from, to in metres.

    A line is cut where it crosses the border, at the border's corners on it, and at its own vertices: so
    every piece lies inside, outside or along the border as a whole, and its middle speaks for it.
    """
    crossings, crossed = shapely.get_coordinates(
        shapely.intersection(districts.edges[border], drawn), return_index=True
    )
    corners, corner_of = shapely.get_coordinates(districts.edges, return_index=True)
    corner, beside = shapely.STRtree(drawn).query(
        shapely.points(corners), predicate="dwithin", distance=ON_THE_BORDER_M
    )
    own = corner_of[corner] == border[beside]
    points = np.concatenate([crossings, corners[corner[own]]])
    of_point = np.concatenate([crossed, beside[own]])
    segments = LineSet.of(drawn)
    # A line that turns back passes the same point again: each passing cuts it.
    straight = shapely.linestrings(np.stack([segments.a, segments.b], axis=1))
    at_points = shapely.points(points)
    point, passing = shapely.STRtree(straight).query(at_points, predicate="dwithin", distance=ON_THE_BORDER_M)
    own = segments.place[passing] == of_point[point]
    point, passing = point[own], passing[own]
    cuts = segments.from_m[passing] + shapely.line_locate_point(straight[passing], at_points[point])
    rows = np.concatenate([of_point[point], segments.place, np.arange(len(drawn))])
    measures = np.concatenate([cuts, segments.to_m, np.zeros(len(drawn))])
    order = np.lexsort((measures, rows))
    rows, measures = rows[order], measures[order]
    piece = np.flatnonzero((rows[1:] == rows[:-1]) & (measures[1:] > measures[:-1]))
    rows, start, stop = rows[piece], measures[piece], measures[piece + 1]
    middle = shapely.line_interpolate_point(drawn[rows], (start + stop) / 2)
    within = shapely.dwithin(districts.borders[border[rows]], middle, ON_THE_BORDER_M)
    return rows[within], start[within], stop[within]


def _with_parents(found: dict[int, SpanSet], districts: Districts) -> dict[int, SpanSet]:
    """Let the parts speak for every area without a border."""
    spans = dict(found)
    bordered = set(districts.ids.tolist())
    for id_, own in found.items():
        for above in districts.path(id_)[1:]:
            if above in bordered:
                break
            spans[above] = spans.get(above, SpanSet.empty()) | own
    return spans


# --- areas


def _shares_m2(polygons: Sequence[Any], districts: Districts) -> list[dict[int, float]]:
    shares: list[dict[int, float]] = [{} for _ in polygons]
    array = np.array(list(polygons), dtype=object)
    place, border = districts.tree.query(array, predicate="intersects")
    area_m2 = shapely.area(shapely.intersection(array[place], districts.borders[border]))
    for k, id_, m2 in zip(place.tolist(), districts.ids[border].tolist(), area_m2.tolist(), strict=True):
        if m2 > 0:
            shares[k][id_] = m2
    return shares


def _largest(candidates: Sequence[int], shares: Mapping[int, float], districts: Districts) -> int | None:
    weighed = [(_share(id_, shares, districts), -id_) for id_ in candidates]
    best = max(weighed, default=(0.0, 0))
    return -best[1] if best[0] > 0 else None


def _share(id_: int, shares: Mapping[int, float], districts: Districts) -> float:
    if id_ in districts.ids:
        return shares.get(id_, 0.0)
    return sum(_share(child, shares, districts) for child in districts.children.get(id_, []))
