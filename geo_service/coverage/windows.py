"""The SQL of a window: which places, what of them lies in which area, what was covered, seen, by how many."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, Text, cast, func, not_, or_, select
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import patrols_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among, spans_in
from geo_service.counting import came_to, covering
from geo_service.tables import (
    Area,
    AreaVisit,
    CellDay,
    LineCoverage,
    LineDay,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
)
from layers import codes
from layers.cells import CellSet
from layers.spans import SpanSet
from layers.vocabulary import Layer, Level

Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]


_LAYERS = {layer.value: layer for layer in Layer}
_ORDER = {layer: k for k, layer in enumerate(Layer)}


@dataclass(frozen=True)
class PlaceRow:
    """A place of the register as a window needs it; without a version it is 未上图."""

    place_id: int
    version_id: int | None
    layer: Layer
    code: str
    name: str | None
    in_scheme: bool
    length_dm: int | None
    area_m2: float | None
    listed_under: int | None


@dataclass(frozen=True)
class Outings:
    """How often and by how many people a place was patrolled in a window, and when last."""

    times: int
    people: int
    last_day: dt.date


def area_id(db: Session, county_id: int, code: str) -> int | None:
    """Return the id of the area with a code."""
    return db.scalar(select(Area.id).where(Area.county_id == county_id, Area.code == codes.full(code)))


def places(
    db: Session,
    scope: Scope,
    *,
    layers: Sequence[Layer],
    in_scheme_only: bool,
    areas: frozenset[int] | None,
    place_ids: Sequence[int] | None = None,
) -> list[PlaceRow]:
    """Return the places of the scope that lie at least partly in `areas` (None: anywhere), by layer, code."""
    chosen: list[ColumnElement[bool]] = [Place.layer.in_(layers)]
    if in_scheme_only:
        chosen.append(Place.in_scheme.is_(True))
    if place_ids is not None:
        chosen.append(among(Place.id, place_ids))
    if areas is not None:
        inside = select(PlaceArea.place_version_id).where(
            PlaceArea.county_id == scope.county_id, PlaceArea.area_id.in_(areas)
        )
        chosen.append(or_(Place.version_id.in_(inside), Place.area_id.in_(areas)))
    rows = db.execute(
        select(
            Place.id, Place.version_id, Place.layer, Place.code, Place.name, Place.in_scheme,
            PlaceVersion.length_dm, PlaceVersion.area_m2, Place.area_id,
        )
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(places_in(scope), *chosen)
        .order_by(Place.code)
    ).all()  # fmt: skip
    found = [PlaceRow(row[0], row[1], _LAYERS[row[2]], *row[3:]) for row in rows]
    return sorted(found, key=lambda place: _ORDER[place.layer])


def member_spans(db: Session, county_id: int, areas: frozenset[int], index: dict[int, int]) -> SpanSet:
    """Return which spans (dm) of which places, numbered by `index` of their version, lie in the areas."""
    span = func.unnest(PlaceArea.spans).label("span")
    inner = select(PlaceArea.place_version_id.label("version_id"), span).where(
        PlaceArea.county_id == county_id, PlaceArea.area_id.in_(areas)
    )
    return _span_set(db, inner, index)


def lying(
    db: Session, county_id: int, areas: Sequence[int], index: dict[int, int]
) -> dict[int, list[tuple[int, Sequence[tuple[int, int]] | None]]]:
    """Return for each area the numbered places in it, with their spans (dm) there; None: all of the place."""
    rows = db.execute(
        select(PlaceArea.area_id, PlaceArea.place_version_id, cast(PlaceArea.spans, Text)).where(
            PlaceArea.county_id == county_id,
            among(PlaceArea.area_id, areas),
            among(PlaceArea.place_version_id, index),
        )
    )
    found: dict[int, list[tuple[int, Sequence[tuple[int, int]] | None]]] = {}
    for area, version_id, spans in rows:
        found.setdefault(area, []).append((index[version_id], None if spans is None else spans_in(spans)))
    return found


def townships(db: Session, county_id: int, index: dict[int, int]) -> dict[int, list[tuple[str, str | None]]]:
    """Return for each numbered place its townships by name, with its spans (dm) there as text; None: all."""
    rows = db.execute(
        select(PlaceArea.place_version_id, Area.name, cast(PlaceArea.spans, Text))
        .join(Area, Area.id == PlaceArea.area_id)
        .where(
            PlaceArea.county_id == county_id,
            Area.level == Level.TOWNSHIP,
            among(PlaceArea.place_version_id, index),
        )
        .order_by(Area.code)
    )
    found: dict[int, list[tuple[str, str | None]]] = {}
    for version_id, name, spans in rows:
        if version_id in index:
            found.setdefault(index[version_id], []).append((name, spans))
    return found


def covered_spans(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> SpanSet:
    """Return what was covered of lines (dm) on the days first..last, by anyone, from the roll-up."""
    union = (
        select(LineDay.place_version_id.label("version_id"), func.range_agg(LineDay.spans).label("spans"))
        .where(
            LineDay.county_id == county_id,
            LineDay.day.between(first, last),
            among(LineDay.place_version_id, index),
        )
        .group_by(LineDay.place_version_id)
        .subquery()
    )
    return _span_set(db, select(union.c.version_id, func.unnest(union.c.spans).label("span")), index)


def ambiguous_spans(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> SpanSet:
    """Return what of lines (dm) patrols that cover maybe walked on the days first..last.

    From their rows, by an index of those alone that hold such stretches.
    """
    inner = (
        select(LineCoverage.place_version_id.label("version_id"), LineCoverage.ambiguous.label("spans"))
        .join(Patrol, Patrol.id == LineCoverage.patrol_id)
        .where(
            LineCoverage.county_id == county_id,
            LineCoverage.day.between(first, last),
            not_(func.isempty(LineCoverage.ambiguous)),
            among(LineCoverage.place_version_id, index),
            covering(),
        )
        .subquery()
    )
    return _span_set(db, select(inner.c.version_id, func.unnest(inner.c.spans).label("span")), index)


def seen_cells(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> dict[int, CellSet]:
    """Return for each numbered area place what was seen of it on the days first..last, from the roll-up."""
    rows = db.execute(
        select(
            CellDay.place_version_id,
            CellDay.block_x,
            CellDay.block_y,
            func.bit_send(func.bit_or(CellDay.seen)),
        )
        .where(
            CellDay.county_id == county_id,
            CellDay.day.between(first, last),
            among(CellDay.place_version_id, index),
        )
        .group_by(CellDay.place_version_id, CellDay.block_x, CellDay.block_y)
    )
    by_place: dict[int, list[tuple[int, int, bytes]]] = {}
    for version_id, x, y, bits in rows:
        if version_id in index:
            by_place.setdefault(index[version_id], []).append((x, y, bits))
    return {k: CellSet.from_bytes(blocks) for k, blocks in by_place.items()}


def outings(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> dict[int, Outings]:
    """Return for each numbered place that was patrolled on the days first..last how often, by how many."""
    found: dict[int, Outings] = {}
    for table in (LineCoverage, AreaVisit):
        rows = db.execute(
            select(
                table.place_version_id,
                func.count(func.coalesce(Patrol.same_outing_as, Patrol.id).distinct()),
                func.count(Patrol.person_id.distinct()),
                func.max(table.day),
            )
            .join(Patrol, Patrol.id == table.patrol_id)
            .where(table.county_id == county_id, table.day.between(first, last), covering(), came_to(table))
            .group_by(table.place_version_id)
        )
        found |= {index[v]: Outings(times, people, day) for v, times, people, day in rows if v in index}
    return found


def walkers(
    db: Session, scope: Scope, first: dt.date, last: dt.date, index: dict[int, int]
) -> dict[int, list[str]]:
    """Return for each numbered place who patrolled it, by date of the last time, as far as the scope sees."""
    found: dict[int, list[str]] = {}
    for table in (LineCoverage, AreaVisit):
        rows = db.execute(
            select(table.place_version_id, Person.name)
            .join(Patrol, Patrol.id == table.patrol_id)
            .join(Person, Person.id == Patrol.person_id)
            .where(patrols_in(scope), table.day.between(first, last), Person.deleted_at.is_(None))
            .where(covering(), came_to(table))
            .group_by(table.place_version_id, Person.id)
            .order_by(func.max(table.day).desc(), Person.name)
        )
        for version_id, name in rows:
            if version_id in index:
                found.setdefault(index[version_id], []).append(name)
    return found


def geometries(db: Session, county_id: int, version_ids: Sequence[int]) -> Geometries:
    """Return the geometries of versions in their order, lon, lat, lines with their M; None where missing."""
    rows = db.execute(
        select(
            PlaceVersion.id,
            func.ST_AsBinary(func.coalesce(PlaceVersion.line, PlaceVersion.polygon)),
        ).where(PlaceVersion.county_id == county_id, among(PlaceVersion.id, version_ids))
    ).all()
    by_id = dict(zip([row[0] for row in rows], shapely.from_wkb([row[1] for row in rows]), strict=True))
    found = np.empty(len(version_ids), dtype=object)
    found[:] = [by_id.get(version_id) for version_id in version_ids]
    return found


def _span_set(db: Session, inner: Select[Any], index: dict[int, int]) -> SpanSet:
    found = inner.subquery()
    rows = db.execute(select(found.c.version_id, func.lower(found.c.span), func.upper(found.c.span))).all()
    if not rows:
        return SpanSet.empty()
    version, start, stop = np.array(rows, dtype=np.int64).T
    place = np.array([index.get(v, -1) for v in version.tolist()], np.int64)
    known = place >= 0
    return SpanSet.of(place[known], start[known], stop[known])
