"""Rivers whose banks are apart: who has chosen so, and the shape that their centre line then gets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from geo_service.areas.names import AreaNames
from geo_service.errors import Invalid
from geo_service.places.matching import StoredPlace
from geo_service.places.membership import DM_PER_M, Districts
from geo_service.places.prepared import Prepared, Shape, areas_of, listed_under
from layers import banks, reach
from layers import crs as crs_
from layers.banks import APART, Breadth, Course, Side
from layers.drafts import Draft, PlaceDraft
from layers.lines import LineSet, measured
from layers.reach import stretches
from layers.spans import SpanSet
from layers.vocabulary import Layer

ATTRIBUTE = "banks"


@dataclass(frozen=True)
class Settled:
    """Prepared drafts with the shapes that were chosen for them, and in Chinese what could not be."""

    places: Sequence[Prepared]
    notes: Sequence[str]


def chosen(draft: Draft, from_m: float | None) -> Draft:
    """Choose banks apart for the rivers of a file that are at least so wide, unless it says otherwise."""
    if from_m is None or draft.layer is not Layer.RIVER:
        return draft
    return replace(draft, places=[_chosen(place, from_m) for place in draft.places])


def _chosen(place: PlaceDraft, from_m: float) -> PlaceDraft:
    width_m = _typical_m(place)
    if width_m is None or width_m < from_m or ATTRIBUTE in place.attributes:
        return place
    return replace(place, attributes={**place.attributes, ATTRIBUTE: APART})


def _typical_m(place: PlaceDraft) -> float | None:
    """Return the width of a place as a whole: as it is stated, else the median along its pieces."""
    stated = place.attributes.get("width_m")
    if isinstance(stated, float):
        return stated
    known = [(s.width_m, s.geometry.length) for s in place.sources if s.width_m is not None]
    return _median(known) if known else None


def _median(weighted: Sequence[tuple[float, float]]) -> float:
    width, weight = np.array(sorted(weighted)).T
    return float(width[np.searchsorted(np.cumsum(weight), weight.sum() / 2)])


def settled(
    layer: Layer,
    places: Sequence[tuple[Prepared, StoredPlace | None]],
    crs: str,
    names: AreaNames,
    districts: Districts,
) -> Settled:
    """Give the drafts whose banks are to be apart, by themselves or by their stored place, that shape."""
    found, unknown = [], []
    for drafted, stored in places:
        prepared = drafted if stored is None else _without_the_known(drafted, stored)
        said = {**(stored.attributes if stored else {}), **prepared.draft.attributes}
        if layer is not Layer.RIVER or prepared.shape is None or said.get(ATTRIBUTE) != APART:
            found.append(prepared)
            continue
        shape = apart(prepared.shape, said.get("width_m"), stored, crs)
        if shape is None:
            unknown.append(prepared.draft.name or "无名")
            found.append(prepared)
            continue
        listed = _listed(prepared.draft, names)
        (areas,) = areas_of(layer, [shape.metres], [listed], districts)
        found.append(replace(prepared, shape=shape, areas=areas))
    notes = [f"不知道河宽，两岸没有分开：{'、'.join(unknown)}；请补上宽度。"] if unknown else []
    return Settled(found, notes)


def _without_the_known(prepared: Prepared, stored: StoredPlace) -> Prepared:
    """Take the one width of a line that its place has already as nothing new about its stretches.

    So an export, which holds a river as one row, comes back unchanged.
    """
    draft, shape = prepared.draft, prepared.shape
    width_m = draft.attributes.get("width_m")
    if shape is None or len(draft.sources) != 1 or width_m != stored.attributes.get("width_m"):
        return prepared
    return replace(prepared, shape=replace(shape, reaches=shape.reaches or None))


def _listed(draft: PlaceDraft, names: AreaNames) -> list[int]:
    try:
        return listed_under(draft.attributes, names)
    except Invalid:
        return []


def apart(centre: Shape, width_m: float | None, stored: StoredPlace | None, crs: str) -> Shape | None:
    """Return the banks of a centre line; None where its width is not known, or there is no room for any."""
    breadths = _breadths(centre, width_m, stored)
    found = banks.banks(centre.metres, breadths, centre.flow) if breadths else None
    if breadths is None or found is None:
        return None
    lonlat, length_m = measured(crs_.unproject(found.lines, crs), crs)
    length_dm = round(length_m * DM_PER_M)
    sides = [Side(round(a * DM_PER_M), round(b * DM_PER_M), bank) for a, b, bank in found.sides]
    sides[-1] = sides[-1]._replace(stop=length_dm)
    both = Shape(lonlat, found.lines, length_dm=length_dm, flow=centre.flow, axis=centre, sides=sides)
    both = replace(both, breadths=breadths, reaches=())
    return replace(both, sources=_carried(centre, both))


def together(stored: StoredPlace, crs: str) -> Shape:
    """Return the centre line of a stored place as a shape, with all that is known of it."""
    if stored.axis is None:
        length_dm = round(float(shapely.length(stored.metres)) * DM_PER_M)
        return Shape(
            stored.lonlat, stored.metres, length_dm=length_dm, sources=stored.sources,
            reaches=stored.reaches, flow=stored.flow,
        )  # fmt: skip
    lonlat, length_m = measured(stored.axis, crs)
    pieces = [(round(a * DM_PER_M), round(b * DM_PER_M), width) for a, b, width in stored.breadths]
    said = stored.attributes.get("width_m")
    own = stretches(Layer.RIVER, pieces, width_m=said if isinstance(said, float) else None)
    centre = Shape(
        lonlat, stored.axis_metres, length_dm=round(length_m * DM_PER_M), reaches=own, flow=stored.flow
    )
    both = Shape(
        stored.lonlat, stored.metres, sources=stored.sources, sides=stored.sides, breadths=stored.breadths
    )
    return replace(centre, sources=_carried(both, centre))


def _breadths(centre: Shape, width_m: float | None, stored: StoredPlace | None) -> list[Breadth] | None:
    """Return how wide the water is along a centre line; None where nothing tells."""
    before = stored.breadths if stored is not None else ()
    if centre.reaches is None and before and stored and stored.is_drawn_as(centre.lonlat):
        return list(before)
    own = [Breadth(a / DM_PER_M, b / DM_PER_M, reach.width_m(r)) for a, b, r in centre.reaches or ()]
    known = [(width, stop - start) for start, stop, width in own or before]
    whole = width_m or (_median(known) if known else None)
    return None if not whole else banks.breadths((centre.length_dm or 0) / DM_PER_M, whole, own)


def course(shape: Shape) -> Course:
    """Return a shape as its measure runs."""
    return Course.stored(LineSet.of([shape.metres]), shape.sides, shape.breadths)


def _carried(old: Shape, new: Shape) -> list[dict[str, object]]:
    """Return the sources of a shape on the measure of another."""
    moved = banks.carried(course(old), course(new))
    spans = [(k, a, b) for k, source in enumerate(old.sources) for a, b in source["spans"]]
    place, start, stop = np.array(spans, dtype=float).reshape(-1, 3).T
    found = moved.carry(SpanSet.of(place, start / DM_PER_M, stop / DM_PER_M)).scaled(DM_PER_M).rounded()
    return [
        {"id": source["id"], "spans": found.of_place(k).astype(int).tolist()}
        for k, source in enumerate(old.sources)
    ]
