"""Drafts made ready to be compared and stored: put in canonical order, measured, and laid on the areas."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geo_service.areas.names import AreaNames
from geo_service.errors import Invalid
from geo_service.places import membership
from geo_service.places.membership import DM_PER_M, Districts, Membership
from layers import crs as crs_
from layers.banks import Breadth, Side
from layers.cells import AreaCells
from layers.drafts import PlaceDraft, Source
from layers.errors import BadRow
from layers.lines import LineSet, canonical, multilinestring_m
from layers.reach import Stretch, stretches
from layers.spans import SpanSet
from layers.vocabulary import Layer

_OSM_WAY = "way/"
_CLEAR = 0.5
"""Of a part, so much more must be drawn one way than the other."""
MOST_M2 = 100e6
"""Of one area place: a grid is part of a village, and a whole township has about half of it."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A place's geometry as a version holds it."""

    lonlat: Any
    """Degrees: MultiLineString with M in metres of the county's CRS, or MultiPolygon."""
    metres: Any
    """The same in the county's CRS, 2-D."""
    length_dm: int | None = None
    area_m2: float | None = None
    sources: Sequence[Mapping[str, Any]] = ()
    """As `place_version.sources` holds them."""
    reaches: Sequence[Stretch] | None = None
    """As `place_version.reaches` holds them (dm); None: nothing tells how wide it is where."""
    flow: Sequence[int] = ()
    """As `place_version.flow` holds it."""
    axis: "Shape | None" = None
    """The centre line, where this is the banks of a river."""
    sides: Sequence[Side] = ()
    """Which part is which bank, in decimetres."""
    breadths: Sequence[Breadth] = ()
    """How wide the water between the banks is, by metres of the centre line."""
    cells: AreaCells | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A draft with its shape (None: 未上图) and its areas."""

    draft: PlaceDraft
    shape: Shape | None
    areas: Membership
    """The areas it lies in; without a shape those it is listed under."""
    area_id: int | None
    """The one it is listed under, else the lowest that has most of it."""


def prepare(
    layer: Layer, drafts: Sequence[PlaceDraft], crs: str, names: AreaNames, districts: Districts
) -> tuple[list[Prepared], list[BadRow]]:
    """Measure drafts and lay them on the areas; those that cannot be taken come back as refusals."""
    listed, refused = _listed(drafts, names, districts)
    kept = [draft for draft in drafts if id(draft) in listed]
    vast = {id(draft) for draft in kept if not layer.is_line and _is_vast(draft, crs)}
    refused += [
        _refusal(draft, f"面积超过 {MOST_M2 / 1e6:.0f} 平方公里，请检查图形和坐标系")
        for draft in kept
        if id(draft) in vast
    ]
    kept = [draft for draft in kept if id(draft) not in vast]
    shapes = shapes_of(layer, kept, crs)
    empty = [draft for draft, shape in zip(kept, shapes, strict=True) if shape and shape.length_dm == 0]
    refused += [_refusal(draft, "长度不到 0.1 米，请检查图形") for draft in empty]
    metres = [shape.metres if shape else None for shape in shapes]
    areas = areas_of(layer, metres, [listed[id(draft)] for draft in kept], districts)
    prepared = [
        Prepared(draft, shape, area, _main(listed[id(draft)], area, districts))
        for draft, shape, area in zip(kept, shapes, areas, strict=True)
        if not (shape and shape.length_dm == 0)
    ]
    return prepared, refused


def areas_of(
    layer: Layer, metres: Sequence[Any | None], listed: Sequence[Sequence[int]], districts: Districts
) -> list[Membership]:
    """Return each place's areas: by borders, else by the area it is listed under; None: 未上图."""
    of = (
        membership.of_lines(LineSet.of(metres), listed, districts)
        if layer.is_line
        else (membership.of_areas(metres, listed, districts))
    )
    for k, geometry in enumerate(metres):
        if geometry is None:
            of[k] = dict.fromkeys((above for id_ in listed[k] for above in districts.path(id_)), None)
    return of


def _main(listed: Sequence[int], areas: Membership, districts: Districts) -> int | None:
    """Return the area it is listed under (of several what holds them all, else the first), or lies in."""
    if not listed:
        return membership.main_area(areas, districts)
    first, *others = (districts.path(id_) for id_ in listed)
    return next((id_ for id_ in first if all(id_ in path for path in others)), listed[0])


def _listed(
    drafts: Sequence[PlaceDraft], names: AreaNames, districts: Districts
) -> tuple[dict[int, list[int]], list[BadRow]]:
    """Return for each draft (by identity) the areas that the file puts it under.

    A name that is not there is refused only where no border can say where the place lies.
    """
    listed: dict[int, list[int]] = {}
    refused = []
    for draft in drafts:
        try:
            listed[id(draft)] = listed_under(draft.attributes, names)
        except Invalid as error:
            if draft.geometry is None or not len(districts.ids):
                refused.append(_refusal(draft, error.detail.removesuffix("。")))
            else:
                listed[id(draft)] = []
    return listed, refused


def listed_under(attributes: Mapping[str, Any], names: AreaNames) -> list[int]:
    """Return the areas that the columns township and village name; raises Invalid for unknown ones."""
    townships, villages = (_said(attributes.get(key)) for key in ("township", "village"))
    if villages:
        township = townships[0] if len(townships) == 1 else None
        found = [names.find(township, village) for village in villages]
    else:
        found = [names.find(township) for township in townships]
    return list(dict.fromkeys(area.id for area in found if area is not None))


def _said(value: Any) -> list[str]:
    """Return the names in a cell that may hold several."""
    return [name for part in re.split("[、,，;；/]", str(value or "")) if (name := part.strip())]


def _refusal(draft: PlaceDraft, why: str) -> BadRow:
    row = min(draft.rows, default=0)
    return BadRow(f"第 {row} 行「{draft.name or '无名'}」：{why}。", row=row)


def shapes_of(layer: Layer, drafts: Sequence[PlaceDraft], crs: str) -> list[Shape | None]:
    """Measure the geometries of drafts: lines in metres along their parts, areas in cells."""
    drawn = [draft for draft in drafts if draft.geometry is not None]
    made = iter(_lines(layer, drawn, crs) if layer.is_line else (_area(draft, crs) for draft in drawn))
    return [None if draft.geometry is None else next(made) for draft in drafts]


def _lines(layer: Layer, drafts: Sequence[PlaceDraft], crs: str) -> Iterator[Shape]:
    # All lines in one go: a transformation costs as much for one line as for a thousand vertices.
    lonlat = np.array([canonical(draft.geometry) for draft in drafts], dtype=object)
    metres = crs_.project(lonlat, crs) if drafts else lonlat
    parts, line_of_part = shapely.get_parts(lonlat, return_index=True)
    vertices, part = shapely.get_coordinates(parts, return_index=True)
    xy = shapely.get_coordinates(metres)
    steps = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    steps[1:][part[1:] != part[:-1]] = 0.0
    way = np.cumsum(steps)
    first = np.searchsorted(line_of_part[part], np.arange(len(drafts)))
    last = np.r_[first[1:], len(vertices)]
    for k, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        m = way[a:b] - way[a]
        length_dm = round(float(m[-1]) * DM_PER_M) if m.size else 0
        origins = _Origins.of(lonlat[k], metres[k], drafts[k].sources, length_dm, crs)
        yield Shape(
            multilinestring_m(vertices[a:b], m, part[a:b]),
            metres[k],
            length_dm=length_dm,
            sources=origins.by_id(),
            reaches=origins.reaches(layer, drafts[k].attributes.get("width_m")),
            flow=origins.flow if layer is Layer.RIVER else (),
        )


def _is_vast(draft: PlaceDraft, crs: str) -> bool:
    """Tell whether an area is larger than any place is; to cut it into cells would take minutes."""
    if draft.geometry is None:
        return False
    return not shapely.area(crs_.project(draft.geometry, crs)) <= MOST_M2


def _area(draft: PlaceDraft, crs: str) -> Shape:
    lonlat = shapely.normalize(draft.geometry)
    metres = crs_.project(lonlat, crs)
    return Shape(
        lonlat,
        metres,
        area_m2=float(shapely.area(metres)),
        sources=[{"id": id_, "spans": []} for id_ in dict.fromkeys(source.id for source in draft.sources)],
        cells=AreaCells.of(metres),
    )


@dataclass(frozen=True, eq=False)
class _Origins:
    """Which stretches (dm) of a line came from which piece of its sources."""

    sources: Sequence[Source]
    spans: SpanSet
    """Numbered by the position of the piece."""
    flow: Sequence[int]
    """Of each part of the line, whether water runs in its direction: OpenStreetMap draws waterways so."""

    @classmethod
    def of(cls, lonlat: Any, metres: Any, sources: Sequence[Source], length_dm: int, crs: str) -> "_Origins":
        """Lay each segment of a line on the piece nearest to it."""
        drawn_downstream = np.array([source.id.startswith(_OSM_WAY) for source in sources], dtype=bool)
        if len(sources) == 1 and not (drawn_downstream[0] and len(metres.geoms) > 1):
            way = _way(lonlat, sources[0].geometry) if drawn_downstream[0] else 0
            return cls(sources, SpanSet.whole([length_dm]), [way] * len(metres.geoms))
        line = LineSet.of([metres])
        pieces = LineSet.of([source.geometry for source in sources], crs=crs)
        segment, nearest = pieces.tree.query_nearest(shapely.points((line.a + line.b) / 2), all_matches=False)
        piece = pieces.place[nearest]
        spans = SpanSet.of(piece, line.from_m[segment], line.to_m[segment])
        along = np.einsum("ij,ij->i", line.direction[segment], pieces.direction[nearest])
        votes_m = np.where(drawn_downstream[piece], along * line.extent[segment], 0.0)
        parts = np.bincount(line.part[segment], votes_m, minlength=len(metres.geoms))
        clear = np.abs(parts) >= _CLEAR * shapely.length(shapely.get_parts(metres))
        flow = np.where(clear, np.sign(parts), 0).astype(int).tolist()
        return cls(sources, spans.scaled(DM_PER_M).rounded(), flow)

    def by_id(self) -> list[dict[str, Any]]:
        """Return them as `place_version.sources` holds them."""
        ids = list(dict.fromkeys(source.id for source in self.sources))
        number = np.array([ids.index(source.id) for source in self.sources], np.int64)
        joined = SpanSet.of(number[self.spans.place], self.spans.start, self.spans.stop)
        return [{"id": id_, "spans": joined.of_place(k).astype(int).tolist()} for k, id_ in enumerate(ids)]

    def reaches(self, layer: Layer, width_m: Any) -> list[Stretch] | None:
        """Return the stretches whose width is not that of the whole."""
        if all(source.width_m is None for source in self.sources):
            return None
        spans = self.spans
        rows = zip(spans.place.tolist(), spans.start.tolist(), spans.stop.tolist(), strict=True)
        pieces = [(int(a), int(b), self.sources[k].width_m) for k, a, b in rows]
        return stretches(layer, pieces, width_m=width_m if isinstance(width_m, float) else None)


def _way(line: Any, drawn: Any) -> int:
    """Tell whether a line of one part runs in the direction in which it was drawn (1), or against it (-1)."""
    ours, theirs = shapely.get_coordinates(line), shapely.get_coordinates(drawn)
    if np.array_equal(ours[0], ours[-1]):
        ring = [shapely.is_ccw(shapely.linearrings(xy)) for xy in (ours, theirs)]
        return 1 if ring[0] == ring[1] else -1
    near, far = (np.abs(end - ours[0]).sum() for end in (theirs[0], theirs[-1]))
    return 1 if near <= far else -1
