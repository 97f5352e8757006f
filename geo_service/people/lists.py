"""People and duties as lists: pages of an answer, files to send, and files that can be read in again."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, duties_in, people_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas_service
from geo_service.bulk import among
from geo_service.clock import today_in
from geo_service.columns import Column, Listing
from geo_service.people import duty_queries, queries
from geo_service.people.charges import PARTLY
from geo_service.people.lookup import Areas
from geo_service.people.roster import FIELDS, KEPT
from geo_service.people.rota import FORGOTTEN
from geo_service.tables import County, Duty, Person, Place
from layers import crs as crs_
from layers import masks
from layers.cells import CellSet
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.vocabulary import DutyKind, Layer, Level, Role

WITHHELD = ("phones", "health", "home", "emergency", "emergency_phone")
"""What is kept of a person and leaves only where all of it is asked for."""
PEOPLE = (
    Column("id", "标识"),
    Column("number", "编号"),
    Column("name", "姓名", mask="name"),
    Column("phone", "电话", mask="phone"),
    Column("area", "辖区编码"),
    Column("township", "镇街"),
    Column("village", "村（社区）"),
    *(Column(key, FIELDS[key][0], mask="withheld" if key in WITHHELD else None) for key in KEPT),
    Column("duties", "在任职责", "whole"),
)
ON_SCREEN = ("number", "name", "phone", "township", "village", "gender", "born", "duties")
"""Columns that a screen has room for."""
DUTIES = (
    Column("id", "职责号", "whole"),
    Column("person_id", "人员标识"),
    Column("number", "人员编号"),
    Column("person", "人员", mask="name"),
    Column("place_id", "对象号", "whole"),
    Column("layer", "图层"),
    Column("code", "对象编码"),
    Column("place", "对象"),
    Column("stretches", "责任段（米）"),
    Column("part", "负责范围"),
    Column("role", "岗位"),
    Column("kind", "类别"),
    Column("level", "级别"),
    Column("first_day", "开始日期", "day"),
    Column("last_day", "结束日期", "day"),
    Column("handed_over_from", "接自职责号", "whole"),
)
GEOMETRY = Column("geometry", "图形", "geometry")


def people(
    db: Session,
    scope: Scope,
    *,
    q: str | None = None,
    area: str | None = None,
    person_id: uuid.UUID | None = None,
    after: tuple[str, uuid.UUID] | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Listing:
    """Return the people of the scope by name: of an area (code) and all below it, behind `after`.

    `q` is part of a name or phone, or a number. Phones are masked and what is `WITHHELD` is left out for
    those who may change nobody.
    """
    visible = people_in(scope)
    found = queries.people_rows(
        db,
        visible if person_id is None else visible & (Person.id == person_id),
        people_in(scope, *CHANGE),
        q=q,
        area_ids=_below(db, scope, area),
        after=after,
        limit=limit,
        offset=offset,
        day=today_in(db, scope.county_id),
    )
    tree = Areas(areas_service.areas_of(db, scope.county_id, borders=False))
    rows = [
        (
            row.id,
            row.number,
            row.name,
            row.phone if row.may_call else masks.phone(row.phone),
            *_situated(tree, row.area_id),
            *(row.attributes.get(key) if row.may_call or key not in WITHHELD else None for key in KEPT),
            row.duties,
        )
        for row in found
    ]
    return Listing("people", "人员名册", PEOPLE, rows)


def _situated(tree: Areas, area_id: int | None) -> tuple[str | None, str | None, str | None]:
    upwards = tree.upwards(area_id)
    names = {area.level: area.name for area in upwards}
    return upwards[0].code if upwards else None, names.get(Level.TOWNSHIP), names.get(Level.VILLAGE)


def _below(db: Session, scope: Scope, area: str | None) -> frozenset[int] | None:
    if area is None:
        return None
    return areas_service.descendants(db, scope.county_id, [areas_service.area_id_of(db, scope, area)])


def duties(
    db: Session,
    scope: Scope,
    *,
    person_id: uuid.UUID | Collection[uuid.UUID] | None = None,
    place_id: int | None = None,
    area: str | None = None,
    day: dt.date | None = None,
    layer: Layer | None = None,
    after: int | None = None,
    limit: int | None = None,
    drawn: bool = False,
) -> Listing:
    """Return the duties of the scope by id: of one person or several, a place, an area, in force on a day.

    `drawn` adds the geometry of each duty's part of its place.
    """
    conditions = [duties_in(scope)]
    stated = ((Duty.place_id, place_id), (Place.layer, layer))
    conditions += [column == value for column, value in stated if value is not None]
    if person_id is not None:
        among_them = [person_id] if isinstance(person_id, uuid.UUID) else person_id
        conditions.append(among(Duty.person_id, among_them))
    below = _below(db, scope, area)
    if below is not None:
        conditions.append(duty_queries.in_areas(scope.county_id, below))
    if day is not None:
        conditions.append(duty_queries.in_force(day))
    found = duty_queries.duty_rows(db, *conditions, after=after, limit=limit)
    rows: list[tuple[Any, ...]] = [_duty_row(row) for row in found]
    if not drawn:
        return Listing("duties", "职责", DUTIES, rows)
    shapes = _drawn(db, scope, found)
    return Listing(
        "duties", "职责", (*DUTIES, GEOMETRY), [(*a, b) for a, b in zip(rows, shapes, strict=True)]
    )


def _duty_row(row: Any) -> tuple[Any, ...]:
    spans = None if row.spans is None else queries.pairs(row.spans)
    return (
        row.id,
        row.person_id,
        row.number,
        row.person or FORGOTTEN,
        row.place_id,
        Layer(row.layer),
        row.code,
        row.place,
        None if spans is None else ";".join(f"{a / 10:.10g}-{b / 10:.10g}" for a, b in spans),
        PARTLY if row.has_cells else None,
        Role(row.role),
        DutyKind(row.kind),
        Level(row.level),
        row.in_force.lower,
        duty_queries.last_day_of(row.in_force),
        row.handed_over_from,
    )


def _drawn(db: Session, scope: Scope, rows: Sequence[Any]) -> list[Any]:
    """Return the geometry of each duty's part in lon, lat, None while its place is 未上图."""
    whole = queries.geometries(db, (row.version_id for row in rows if row.version_id))
    cells = duty_queries.cells_of(db, [row.id for row in rows if row.has_cells])
    crs = db.get_one(County, scope.county_id).crs or ""
    shapes = [whole.get(row.version_id) for row in rows]
    for k, part in _stretches([(row.spans, shape) for row, shape in zip(rows, shapes, strict=True)]):
        shapes[k] = part
    for k, row in enumerate(rows):
        if row.id in cells and shapes[k] is not None:
            shapes[k] = _cells_drawn(cells[row.id], shapes[k], crs)
    return shapes


def _stretches(duties: Iterable[tuple[Any, Any]]) -> Iterable[tuple[int, Any]]:
    """Yield the number and the drawn stretches of each duty (spans, line) that has stretches and a line."""
    cut = [(k, queries.pairs(spans), line) for k, (spans, line) in enumerate(duties) if spans and line]
    spans = [(i, a / 10, b / 10) for i, (_, pairs, _) in enumerate(cut) for a, b in pairs]
    if not spans:
        return
    drawn = SpanSet.of(*np.array(spans, float).T)
    pieces = LineSet.of([line for _, _, line in cut]).cut(drawn)
    for i, (k, _, _) in enumerate(cut):
        yield k, shapely.multilinestrings(shapely.get_parts(pieces[drawn.place == i]))


def _cells_drawn(cells: CellSet, polygon: Any, crs: str) -> Any:
    outline = cells.outline(crs_.project(polygon, crs))
    return crs_.unproject(outline, crs)
