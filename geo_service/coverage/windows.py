"""The SQL of a window: which places, what was covered of them, seen, maybe walked, by how many."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from geo_service.accounts.narrow import patrols_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among, elements_of
from geo_service.counting import Sizes, came_to, covering
from geo_service.tables import (
    Area,
    AreaVisit,
    CellDay,
    CellMonth,
    LineCoverage,
    LineDay,
    LineMonth,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceCells,
    PlaceVersion,
)
from layers import codes
from layers.banks import Side, stored_sides
from layers.cells import CellSet
from layers.spans import SpanSet
from layers.vocabulary import Layer

Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]


ALL_DM = 2**31 - 1
"""Where a place that has no length ends, dm: all of it lies before."""
MOST_NUMBERED = 5_000
"""Places that a statement names; of more it reads all, and what has no number is left out."""
_NONE: Ints = np.empty(0, np.int64)
_LAYERS = {layer.value: layer for layer in Layer}
_ORDER = {layer: k for k, layer in enumerate(Layer)}


class PlaceRow(NamedTuple):
    """A place of the register as a window needs it; without a version it is 未上图."""

    place_id: int
    version_id: int | None
    layer: Layer
    code: str
    name: str | None
    in_scheme: bool
    length_dm: int | None
    sizes: Sizes | None
    """Of an area."""
    listed_under: int | None
    sides: Sequence[Side] = ()
    """Which part of it is which bank (dm), where the banks are apart."""

    @property
    def area_m2(self) -> float | None:
        """The whole of an area; None: a line, or 未上图."""
        return None if self.sizes is None else self.sizes.area_m2


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
    # Of a register of 100,000 the session's own rows take longer than the statement.
    db.flush()
    rows = db.connection().execute(
        select(
            Place.id, Place.version_id, Place.layer, Place.code, Place.name, Place.in_scheme,
            PlaceVersion.length_dm, PlaceVersion.area_m2, PlaceVersion.walkable_m2, Place.area_id,
            PlaceVersion.banks,
        )
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(places_in(scope), *chosen)
    ).all()  # fmt: skip
    found = [
        PlaceRow(
            id_, version_id, _LAYERS[layer], code, name, in_scheme, length_dm,
            None if area_m2 is None else Sizes(area_m2, walkable_m2), listed_under,
            () if banks is None else stored_sides(banks),
        )
        for id_, version_id, layer, code, name, in_scheme, length_dm, area_m2, walkable_m2, listed_under,
            banks in rows
    ]  # fmt: skip
    return sorted(found, key=lambda place: (_ORDER[place.layer], place.code))


def covered_spans(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> SpanSet:
    """Return what was covered of lines (dm) on the days first..last, by anyone, from the roll-up."""
    if not index:
        return SpanSet.empty()
    rows = _rolled_up(LineDay, LineMonth, ("spans",), county_id, first, last, index)
    union = (
        select(rows.c.place_version_id.label("version_id"), func.range_agg(rows.c.spans).label("spans"))
        .group_by(rows.c.place_version_id)
        .subquery()
    )
    return span_set(db, select(union.c.version_id, func.unnest(union.c.spans).label("span")), index)


def covered_by_day(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return what was covered of lines on each of the days first..last, by anyone, a span an entry.

    Its day (proleptic ordinal), place, start and stop (dm), each of shape (n,).
    """
    if not index:
        return _NONE, _NONE, _NONE, _NONE
    inner = (
        select(LineDay.place_version_id, LineDay.day, func.unnest(LineDay.spans).label("span"))
        .where(
            LineDay.county_id == county_id,
            LineDay.day.between(first, last),
            numbered_in(index, LineDay.place_version_id),
        )
        .subquery()
    )
    day = inner.c.day - literal(first)
    columns = (day, inner.c.place_version_id, func.lower(inner.c.span), func.upper(inner.c.span))
    sent = db.execute(select(*map(sent_as_one, columns))).one()
    if sent[0] is None:
        return _NONE, _NONE, _NONE, _NONE
    days, version, start, stop = (
        elements_of(one, kind).astype(np.int64)
        for one, kind in zip(sent, (">i4", ">i8", ">i4", ">i4"), strict=True)
    )
    place = numbered(version, index)
    inside = place >= 0
    return days[inside] + first.toordinal(), place[inside], start[inside], stop[inside]


def walked_places(db: Session, county_id: int, first: dt.date, last: dt.date) -> list[int]:
    """Return the places of the lines in force of which anything was covered on the days first..last."""
    versions = select(LineDay.place_version_id).where(
        LineDay.county_id == county_id, LineDay.day.between(first, last)
    )
    return list(db.scalars(select(Place.id).where(Place.version_id.in_(versions))))


def ambiguous_spans(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> SpanSet:
    """Return what of lines (dm) patrols that cover maybe walked on the days first..last.

    From their rows, by an index of those alone that hold such stretches.
    """
    if not index:
        return SpanSet.empty()
    inner = (
        select(LineCoverage.place_version_id.label("version_id"), LineCoverage.ambiguous.label("spans"))
        .join(Patrol, Patrol.id == LineCoverage.patrol_id)
        .where(
            LineCoverage.county_id == county_id,
            LineCoverage.day.between(first, last),
            not_(func.isempty(LineCoverage.ambiguous)),
            numbered_in(index, LineCoverage.place_version_id),
            covering(),
        )
        .subquery()
    )
    return span_set(db, select(inner.c.version_id, func.unnest(inner.c.spans).label("span")), index)


def seen_cells(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> dict[int, CellSet]:
    """Return for each numbered area place what was seen of it on the days first..last, from the roll-up."""
    if not index:
        return {}
    rows = _rolled_up(CellDay, CellMonth, ("block_x", "block_y", "seen"), county_id, first, last, index)
    key = (rows.c.place_version_id, rows.c.block_x, rows.c.block_y)
    by_place: dict[int, list[tuple[int, int, bytes]]] = {}
    for version_id, x, y, bits in db.execute(
        select(*key, func.bit_send(func.bit_or(rows.c.seen))).group_by(*key)
    ):
        if version_id in index:
            by_place.setdefault(index[version_id], []).append((x, y, bits))
    return {k: CellSet.from_bytes(blocks) for k, blocks in by_place.items()}


_LAST_DAY = dt.date(9999, 9, 30)
"""No walk is later (`layers.tracks.LATEST_S`)."""


def _rolled_up(
    day: type[LineDay] | type[CellDay],
    month: type[LineMonth] | type[CellMonth],
    columns: Sequence[str],
    county_id: int,
    first: dt.date,
    last: dt.date,
    index: dict[int, int],
) -> Subquery:
    """Return the rows of the roll-up whose union is a window: of whole months the months, else days."""

    def rows(table: Any, period: Any, since: dt.date, until: dt.date) -> Select[Any]:
        return select(table.place_version_id, *(getattr(table, column) for column in columns)).where(
            table.county_id == county_id,
            period >= since,
            period < until,
            numbered_in(index, table.place_version_id),
        )

    # The calendar ends before the month behind its last one.
    first, last = min(first, _LAST_DAY), min(last, _LAST_DAY)
    until = last + dt.timedelta(days=1)
    begin, end = first if first.day == 1 else _next_month(first), until.replace(day=1)
    if begin > end:
        return rows(day, day.day, first, until).subquery()
    parts = [rows(day, day.day, first, begin), rows(month, month.month, begin, end)]
    if end < until:
        # A window mostly ends today: where nothing comes after it, the month that has begun is whole too.
        more = exists().where(day.county_id == county_id, day.day >= until, day.day < _next_month(end))
        parts.append(rows(day, day.day, end, until).where(more))
        parts.append(rows(month, month.month, end, _next_month(end)).where(~more))
    return union_all(*parts).subquery()


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1)


def _walked(
    lines: dict[int, int], areas: dict[int, int]
) -> list[tuple[type[LineCoverage] | type[AreaVisit], dict[int, int]]]:
    """Return in which tables stands who walked the numbered places, with those that stand there."""
    return [(table, index) for table, index in ((LineCoverage, lines), (AreaVisit, areas)) if index]


def outings(
    db: Session, county_id: int, first: dt.date, last: dt.date, lines: dict[int, int], areas: dict[int, int]
) -> dict[int, Outings]:
    """Return for each numbered place that was patrolled on the days first..last how often, by how many."""
    found: dict[int, Outings] = {}
    for table, index in _walked(lines, areas):
        rows = db.execute(
            select(
                table.place_version_id,
                func.count(func.coalesce(Patrol.same_outing_as, Patrol.id).distinct()),
                func.count(Patrol.person_id.distinct()),
                func.max(table.day),
            )
            .join(Patrol, Patrol.id == table.patrol_id)
            .where(table.county_id == county_id, table.day.between(first, last))
            .where(numbered_in(index, table.place_version_id), covering(), came_to(table))
            .group_by(table.place_version_id)
        )
        found |= {index[v]: Outings(times, people, day) for v, times, people, day in rows if v in index}
    return found


def stays(
    db: Session, county_id: int, first: dt.date, last: dt.date, index: dict[int, int]
) -> dict[int, tuple[float, int]]:
    """Return for each numbered area place the seconds inside and the entries on the days first..last.

    Of an outing that several recorded, those of who stayed longest, and came most often.
    """
    if not index:
        return {}
    outing = func.coalesce(Patrol.same_outing_as, Patrol.id).label("outing")
    own = (
        select(
            AreaVisit.place_version_id.label("version_id"),
            outing,
            func.sum(AreaVisit.dwell_s).label("dwell_s"),
            func.sum(AreaVisit.entries).label("entries"),
        )
        .join(Patrol, Patrol.id == AreaVisit.patrol_id)
        .where(
            AreaVisit.county_id == county_id,
            AreaVisit.day.between(first, last),
            among(AreaVisit.place_version_id, index),
            covering(),
        )
        .group_by(AreaVisit.place_version_id, outing, Patrol.id)
        .subquery()
    )
    together = (
        select(
            own.c.version_id,
            func.max(own.c.dwell_s).label("dwell_s"),
            func.max(own.c.entries).label("entries"),
        )
        .group_by(own.c.version_id, own.c.outing)
        .subquery()
    )
    rows = db.execute(
        select(together.c.version_id, func.sum(together.c.dwell_s), func.sum(together.c.entries)).group_by(
            together.c.version_id
        )
    )
    return {index[version_id]: (dwell_s, int(entries)) for version_id, dwell_s, entries in rows}


def walkable_cells(db: Session, county_id: int, index: dict[int, int]) -> dict[int, CellSet]:
    """Return for each numbered area place of which it is known the cells that count: where one can walk."""
    if not index:
        return {}
    rows = db.execute(
        select(
            PlaceCells.place_version_id,
            PlaceCells.block_x,
            PlaceCells.block_y,
            func.bit_send(PlaceCells.walkable),
        ).where(
            PlaceCells.county_id == county_id,
            among(PlaceCells.place_version_id, index),
            PlaceCells.walkable.is_not(None),
        )
    )
    by_place: dict[int, list[tuple[int, int, bytes]]] = {}
    for version_id, x, y, bits in rows:
        by_place.setdefault(index[version_id], []).append((x, y, bits))
    return {k: CellSet.from_bytes(blocks) for k, blocks in by_place.items()}


def walkers(
    db: Session, scope: Scope, first: dt.date, last: dt.date, lines: dict[int, int], areas: dict[int, int]
) -> dict[int, list[str]]:
    """Return for each numbered place who patrolled it, by date of the last time, as far as the scope sees."""
    found: dict[int, list[str]] = {}
    for table, index in _walked(lines, areas):
        rows = db.execute(
            select(table.place_version_id, Person.name)
            .join(Patrol, Patrol.id == table.patrol_id)
            .join(Person, Person.id == Patrol.person_id)
            .where(patrols_in(scope), table.day.between(first, last), Person.deleted_at.is_(None))
            .where(numbered_in(index, table.place_version_id), covering(), came_to(table))
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


def numbered_in(index: dict[int, int], version_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition that a version has a number, where that is worth asking.

    PostgreSQL plans an array by each of its elements, which of a whole register takes longer than to read the
    rows of all: whoever reads them leaves out what has no number.
    """
    return among(version_id, index) if len(index) <= MOST_NUMBERED else true()


def span_set(db: Session, inner: Select[Any], index: dict[int, int]) -> SpanSet:
    """Return the spans of a statement (version_id, span), numbered; those without a number are left out."""
    found = inner.subquery()
    columns = (found.c.version_id, func.lower(found.c.span), func.upper(found.c.span))
    sent = db.execute(select(*map(sent_as_one, columns))).one()
    if sent[0] is None:
        return SpanSet.empty()
    version, start, stop = (
        elements_of(one, kind) for one, kind in zip(sent, (">i8", ">i4", ">i4"), strict=True)
    )
    place = numbered(version, index)
    inside = place >= 0
    return SpanSet.of(place[inside], start[inside], stop[inside])


def numbered(versions: NDArray[Any], index: dict[int, int]) -> Ints:
    """Return the number of each version, -1 where it has none."""
    known, which = np.unique(versions, return_inverse=True)
    return np.array([index.get(v, -1) for v in known.tolist()], np.int64)[which]


def sent_as_one(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column as one array in its binary form: as rows of numbers it would take many times longer."""
    return func.array_send(func.array_agg(column))
