"""New places and new versions of places: numbered, stored, and what was said of the old carried over."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.coverage import service as coverage
from geo_service.places import following_queries, queries
from geo_service.places.matching import StoredPlace
from geo_service.places.membership import DM_PER_M, Districts
from geo_service.places.prepared import Prepared, Shape
from geo_service.places.queries import NewPlace, NewVersion
from geo_service.tables import County
from layers import codes
from layers.banks import Course, carried
from layers.cells import CELL_M
from layers.lines import LineSet
from layers.reach import Stretch
from layers.remeasure import Remeasure
from layers.spans import SpanSet
from layers.vocabulary import Layer


def add(
    db: Session, county: County, layer: Layer, prepared: Sequence[Prepared], districts: Districts
) -> list[NewPlace]:
    """Store new places with their first versions; `id` of the answers is set. In the order of `prepared`."""
    places = _numbered(county, layer, prepared, districts, *queries.taken(db, county.id, layer))
    ids = queries.insert_places(db, county.id, layer, places)
    versions = [
        NewVersion(id_, 1, shape, place.prepared.areas, reaches=shape.reaches or ())
        for id_, place in zip(ids, places, strict=True)
        if (shape := place.prepared.shape) is not None
    ]
    queries.insert_versions(db, county.id, versions)
    return [NewPlace(p.prepared, p.code, p.name, id_) for id_, p in zip(ids, places, strict=True)]


def _numbered(
    county: County,
    layer: Layer,
    prepared: Sequence[Prepared],
    districts: Districts,
    codes_taken: set[str],
    names_taken: set[str],
) -> list[NewPlace]:
    """Give a code to each place that comes without one, and a name to each unnamed area."""
    order = _order(layer, prepared)
    uncoded = [k for k in order if prepared[k].draft.code is None]
    unnamed = [k for k in order if prepared[k].draft.name is None and not layer.is_line]
    own_codes = {place.draft.code for place in prepared if place.draft.code is not None}
    own_names = {place.draft.name for place in prepared if place.draft.name is not None}
    below = [_code_above(county, layer, prepared[k], districts) for k in uncoded]
    townships = [_township(county, prepared[k], districts) for k in unnamed]
    made_codes = dict(zip(uncoded, codes.make(layer, below, codes_taken | own_codes), strict=True))
    made_names = dict(
        zip(unnamed, codes.name_unnamed(layer, townships, names_taken | own_names), strict=True)
    )
    return [
        NewPlace(place, place.draft.code or made_codes[k], place.draft.name or made_names.get(k))
        for k, place in enumerate(prepared)
    ]


def _order(layer: Layer, prepared: Sequence[Prepared]) -> list[int]:
    """Return in which order places are numbered: lines as they come, areas as one reads a map."""
    if layer.is_line:
        return list(range(len(prepared)))
    by_area: dict[int | None, list[int]] = defaultdict(list)
    for k, place in enumerate(prepared):
        by_area[place.area_id].append(k)
    order: list[int] = []
    for members in by_area.values():
        drawn = [k for k in members if prepared[k].shape is not None]
        shapes = [shape for k in drawn if (shape := prepared[k].shape)]
        points = [(point.x, point.y) for point in shapely.point_on_surface([s.lonlat for s in shapes])]
        order += [drawn[k] for k in codes.reading_order(points)]
        order += [k for k in members if prepared[k].shape is None]
    return order


def _code_above(county: County, layer: Layer, place: Prepared, districts: Districts) -> str:
    """Return the code that a made one begins with: of the county for lines, of the area for areas."""
    area = districts.areas.get(place.area_id or 0)
    return county.code if layer.is_line or area is None else area.code


def _township(county: County, place: Prepared, districts: Districts) -> str:
    path = districts.path(place.area_id) if place.area_id is not None else []
    return districts.areas[path[-1]].name if path else county.name


def reshape(
    db: Session, county: County, changed: Sequence[tuple[StoredPlace, Prepared]]
) -> dict[int, list[str]]:
    """Put new versions of places in force and carry duties and coverage over.

    Returns for each place (by id) in Chinese what no longer fits.
    """
    coverage.lock(db, county.id)
    new = [
        NewVersion(
            stored.id,
            stored.number + 1,
            prepared.shape,
            prepared.areas,
            stored.reach_m,
            _reaches(stored, prepared.shape),
        )
        for stored, prepared in changed
        if prepared.shape is not None
    ]
    version_ids = queries.insert_versions(db, county.id, new)
    old_ids = [stored.version_id for stored, _ in changed if stored.version_id is not None]
    covered = following_queries.with_coverage(db, county.id, old_ids)
    looked_after = following_queries.with_partial_duties(db, county.id, [stored.id for stored, _ in changed])
    lost: dict[int, list[str]] = {}
    for (stored, prepared), version_id in zip(changed, version_ids, strict=True):
        told = []
        if stored.id in looked_after and prepared.shape is not None:
            told += _carry_duties(db, county, stored, prepared.shape)
        if stored.version_id in covered:
            told += _carry_coverage(db, county, stored, version_id)
            if stored.axis is None and prepared.shape is not None and prepared.shape.axis is not None:
                told.append("从前走过的说不清是哪一岸，两岸都先记为“待定”；还有轨迹的巡查按两岸重算")
        lost[stored.id] = told
    return lost


def _moved(stored: StoredPlace, shape: Shape) -> Remeasure:
    return carried(
        Course.stored(LineSet.of([stored.metres]), stored.sides, stored.breadths),
        Course.stored(LineSet.of([shape.metres]), shape.sides, shape.breadths),
    )


def _reaches(stored: StoredPlace, shape: Shape) -> Sequence[Stretch]:
    """Return the stretches with a reach of their own: as the new shape tells, else carried over."""
    if shape.axis is not None or shape.reaches is not None or not stored.reaches:
        return shape.reaches or ()
    start, stop, reach_m = np.array(stored.reaches).T
    old = SpanSet.of(np.arange(reach_m.size), start / DM_PER_M, stop / DM_PER_M)
    moved = _moved(stored, shape)
    new = moved.carry(old).scaled(DM_PER_M).rounded()
    rows = zip(new.start.tolist(), new.stop.tolist(), reach_m[new.place].tolist(), strict=True)
    return sorted(Stretch(int(a), int(b), metres) for a, b, metres in rows)


def _carry_coverage(db: Session, county: County, stored: StoredPlace, version_id: int) -> list[str]:
    if stored.version_id is None:
        return []
    lost_m = coverage.remeasure(db, county.id, stored.id, stored.version_id, version_id)
    return [f"走过的 {lost_m:.0f} 米在新图形上没有对应的位置，旧版本里仍可查到"] if lost_m >= 1 else []


def _carry_duties(db: Session, county: County, stored: StoredPlace, shape: Shape) -> list[str]:
    if shape.cells is not None:
        return _carry_cells(db, county, stored, shape)
    duties = following_queries.duty_spans(db, county.id, stored.id)
    old = SpanSet.of(
        [k for k, duty in enumerate(duties) for _ in duty.spans],
        [start / DM_PER_M for duty in duties for start, _ in duty.spans],
        [stop / DM_PER_M for duty in duties for _, stop in duty.spans],
    )
    moved = _moved(stored, shape)
    new = moved.carry(old).scaled(DM_PER_M).rounded()
    lost_m = moved.lost(old).lengths(len(duties))
    for k, duty in enumerate(duties):
        following_queries.set_duty_spans(db, duty.id, [(int(a), int(b)) for a, b in new.of_place(k)])
        if lost_m[k] >= 1:
            following_queries.note_loss(db, duty.id, float(lost_m[k]))
    return [
        f"{duties[k].person}负责的 {lost_m[k]:.0f} 米在新图形上没有对应的位置，请重新确定范围"
        for k in np.flatnonzero(lost_m >= 1).tolist()
    ]


def _carry_cells(db: Session, county: County, stored: StoredPlace, shape: Shape) -> list[str]:
    lost = []
    for duty in following_queries.duty_cells(db, county.id, stored.id):
        inside = duty.cells & shape.cells.inside if shape.cells else duty.cells
        if outside := len(duty.cells - inside):
            following_queries.set_duty_cells(db, county.id, duty.id, inside)
            following_queries.note_loss(db, duty.id, outside * CELL_M**2)
            lost.append(f"{duty.person}负责的 {outside} 个方格在新范围之外，请重新确定范围")
    return lost
