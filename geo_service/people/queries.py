"""The SQL of people, and of places as duties need them; rows in bulk go by COPY."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.bulk import copy_rows
from geo_service.people.drafts import PersonDraft, Spans
from geo_service.people.known import Known
from geo_service.people.lookup import Ground, PersonName
from geo_service.tables import (
    Area,
    County,
    Duty,
    Person,
    Place,
    PlaceArea,
    PlaceCells,
    PlaceVersion,
)
from layers.cells import CellSet
from layers.vocabulary import Layer, Level

Condition = ColumnElement[bool]


def lock_register(db: Session, county_id: int) -> None:
    """Let one import or hand-over at a time decide about a county's people and duties."""
    # NO KEY UPDATE: rows that refer to the county can still be written meanwhile.
    db.execute(select(County.id).where(County.id == county_id).with_for_update(key_share=True))


# --- people


def register(db: Session, county_id: int, mine: Condition) -> list[Known]:
    """Return everybody in the county, and whether the condition `mine` holds for him."""
    rows = db.execute(
        select(
            Person.id, Person.name, Person.number, Person.phone, Person.area_id, Person.attributes, mine
        ).where(Person.county_id == county_id, Person.deleted_at.is_(None))
    )
    return [Known(*row) for row in rows]


def person_names(db: Session, visible: Condition) -> list[PersonName]:
    """Return whom the condition lets see."""
    rows = db.execute(
        select(Person.id, Person.name, Person.number, Person.phone, Person.area_id)
        .where(visible, Person.deleted_at.is_(None))
        .order_by(Person.created_at, Person.id)
    )
    return [PersonName(*row) for row in rows]


def person(db: Session, visible: Condition, person_id: uuid.UUID, *, lock: bool = False) -> Person | None:
    """Return one person, if the condition lets see him and he was not deleted."""
    query = select(Person).where(visible, Person.id == person_id, Person.deleted_at.is_(None))
    return db.scalars(query.with_for_update() if lock else query).one_or_none()


def has_number(db: Session, county_id: int, number: str, *, but: uuid.UUID | None = None) -> bool:
    """Tell whether a number is somebody's (else than `but`)."""
    taken = select(Person.id).where(Person.county_id == county_id, Person.number == number)
    return db.scalar(taken.where(Person.id != but) if but else taken) is not None


def people_rows(
    db: Session,
    visible: Condition,
    may_call: Condition,
    *,
    q: str | None,
    area_ids: Iterable[int] | None,
    after: tuple[str, uuid.UUID] | None,
    limit: int | None,
    day: dt.date,
    offset: int = 0,
) -> Sequence[Row[Any]]:
    """Return people by name: id, number, name, phone, may_call, area_id, attributes, duties in force."""
    duties = (
        select(func.count())
        .where(Duty.county_id == Person.county_id, Duty.person_id == Person.id, Duty.in_force.contains(day))
        .scalar_subquery()
    )
    query = (
        select(
            Person.id,
            Person.number,
            Person.name,
            Person.phone,
            may_call.label("may_call"),
            Person.area_id,
            Person.attributes,
            duties.label("duties"),
        )
        .where(visible, Person.deleted_at.is_(None))
        .order_by(Person.name, Person.id)
    )
    if q:
        phone = may_call & Person.phone.contains(q, autoescape=True)
        query = query.where(or_(Person.name.contains(q, autoescape=True), Person.number == q, phone))
    if area_ids is not None:
        query = query.where(Person.area_id.in_(list(area_ids)))
    if after is not None:
        query = query.where(tuple_(Person.name, Person.id) > tuple_(literal(after[0]), literal(after[1])))
    return db.execute(query.limit(limit).offset(offset)).all()


def insert_people(db: Session, county_id: int, drafts: Sequence[PersonDraft]) -> None:
    """Store people."""
    columns = ["county_id", "id", "number", "name", "phone", "area_id", "attributes"]
    rows = (
        (county_id, d.id, d.number, d.name, d.phone, d.area_id, Jsonb(dict(d.attributes))) for d in drafts
    )
    copy_rows(db, Person, columns, rows)


def update_people(
    db: Session, county_id: int, changes: Iterable[tuple[uuid.UUID, Mapping[str, Any]]]
) -> None:
    """Give people new values by column, those with the same columns in one go."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for person_id, values in changes:
        if values:
            row = {f"new_{column}": value for column, value in values.items()} | {"person": person_id}
            by_columns[tuple(sorted(values))].append(row)
    for columns, rows in by_columns.items():
        changed: dict[str, Any] = {column: bindparam(f"new_{column}") for column in columns}
        known = Person.county_id == county_id, Person.id == bindparam("person")
        db.connection().execute(update(Person).where(*known).values(changed), rows)
    db.expire_all()


# --- areas and places, as people and duties need them


def has_area(db: Session, visible: Condition, area_id: int) -> bool:
    """Tell whether the condition lets see an area."""
    return db.scalar(select(Area.id).where(visible, Area.id == area_id)) is not None


def grounds(
    db: Session, visible: Condition, place_ids: Iterable[int] | None = None, *, mine: Condition | None = None
) -> list[Ground]:
    """Return the places that the condition lets see (of `place_ids`), with the areas they lie in.

    `mine` is the condition for those that the user may change.
    """
    lies_in = (
        select(PlaceArea.place_version_id, func.array_agg(PlaceArea.area_id).label("ids"))
        .group_by(PlaceArea.place_version_id)
        .subquery()
    )
    query = (
        select(
            Place.id,
            Place.layer,
            Place.code,
            Place.name,
            Place.version_id,
            PlaceVersion.length_dm,
            lies_in.c.ids,
            Place.area_id,
            case((Area.level == Level.VILLAGE, Area.parent_id)),
            Place.code_made,
            Place.in_scheme,
            Place.attributes,
            true() if mine is None else mine,
        )
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .outerjoin(lies_in, lies_in.c.place_version_id == Place.version_id)
        .outerjoin(Area, Area.id == Place.area_id)
        .where(visible)
        .order_by(Place.id)
    )
    if place_ids is not None:
        query = query.where(Place.id.in_(list(place_ids)))
    return [
        Ground(id_, Layer(layer), code, name, version_id, length_dm, _areas(ids, listed, above), *more)
        for id_, layer, code, name, version_id, length_dm, ids, listed, above, *more in db.execute(query)
    ]


def pairs(spans: Iterable[Range[int]]) -> Spans:
    """Return a stored multirange as pairs of ends in decimetres."""
    return tuple((int(span.lower or 0), int(span.upper or 0)) for span in spans)


def _areas(ids: Sequence[int] | None, listed: int | None, above: int | None) -> frozenset[int]:
    """Return the areas of a version, else the one a place is listed under with its township."""
    return frozenset(ids or filter(None, (listed, above)))


def village_spans(db: Session, version_id: int, area_id: int) -> Spans | None:
    """Return the spans of a line's version that lie in an area; None if it is not known to lie there."""
    spans = db.scalar(
        select(PlaceArea.spans).where(PlaceArea.place_version_id == version_id, PlaceArea.area_id == area_id)
    )
    return None if spans is None else pairs(spans)


def border(db: Session, county_id: int, area_id: int) -> Any:
    """Return an area's (Multi)Polygon in lon, lat, or None."""
    wkb = db.scalar(
        select(func.ST_AsBinary(Area.geom)).where(Area.county_id == county_id, Area.id == area_id)
    )
    return shapely.from_wkb(wkb)


def outline(db: Session, version_id: int) -> Any:
    """Return the polygon of an area place's version in lon, lat."""
    wkb = db.scalar(select(func.ST_AsBinary(PlaceVersion.polygon)).where(PlaceVersion.id == version_id))
    return shapely.from_wkb(wkb)


def cells_inside(db: Session, version_id: int) -> CellSet:
    """Return the cells of an area place's version."""
    rows = db.execute(
        select(PlaceCells.block_x, PlaceCells.block_y, PlaceCells.inside).where(
            PlaceCells.place_version_id == version_id
        )
    )
    return CellSet.from_bits((x, y, bits) for x, y, bits in rows)


def geometries(db: Session, version_ids: Iterable[int]) -> dict[int, Any]:
    """Return the line (with M) or polygon of each version, in lon, lat."""
    shape = func.ST_AsBinary(func.coalesce(PlaceVersion.line, PlaceVersion.polygon))
    rows = db.execute(select(PlaceVersion.id, shape).where(PlaceVersion.id.in_(list(set(version_ids))))).all()
    return dict(zip((id_ for id_, _ in rows), shapely.from_wkb([wkb for _, wkb in rows]), strict=True))
