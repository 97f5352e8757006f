"""The SQL of duties; rows in bulk go by COPY."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Date, Text, and_, bindparam, cast, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.bulk import copy_rows, multirange, new_ids, spans_in
from geo_service.people.drafts import DutyDraft, DutySpan
from geo_service.people.queries import Condition
from geo_service.tables import Duty, DutyCells, Person, Place, PlaceArea, PlaceVersion
from layers.cells import CellSet
from layers.vocabulary import DutyKind, Level, Role


def duty_spans(db: Session, *conditions: Condition) -> list[DutySpan]:
    """Return duties with the names of their people, by place and first day."""
    first, after_last = func.lower(Duty.in_force), func.upper(Duty.in_force)
    found = (
        select(
            Duty.id, Duty.place_id, Duty.person_id, Person.name, Duty.role, Duty.kind, Duty.level,
            first, after_last, cast(Duty.spans, Text),
        )
        .join(Person, Person.id == Duty.person_id)
        .where(*conditions)
    )  # fmt: skip
    cells = cells_of(db, select(Duty.id).where(*conditions))
    rows = db.execute(found.order_by(Duty.place_id, first, Duty.id))
    return [
        DutySpan(
            id_,
            place_id,
            person_id,
            name,
            Role(role),
            DutyKind(kind),
            Level(level),
            first_day or dt.date.min,
            after - dt.timedelta(days=1) if after else None,
            None if spans is None else spans_in(spans),
            cells.get(id_),
        )
        for id_, place_id, person_id, name, role, kind, level, first_day, after, spans in rows
    ]


def cells_of(db: Session, duties: Any) -> dict[int, CellSet]:
    """Return the cells of each of the duties (ids, or a query of ids) that has some of its own."""
    rows = db.execute(
        select(DutyCells.duty_id, DutyCells.block_x, DutyCells.block_y, DutyCells.cells).where(
            DutyCells.duty_id.in_(duties)
        )
    )
    by_duty: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for duty_id, x, y, bits in rows:
        by_duty[duty_id].append((x, y, bits))
    return {duty_id: CellSet.from_bits(blocks) for duty_id, blocks in by_duty.items()}


def duty_rows(db: Session, *conditions: Condition, after: int | None, limit: int | None) -> Sequence[Any]:
    """Return duties by id, with person and place, for lists."""
    has_cells = select(DutyCells.duty_id).where(DutyCells.duty_id == Duty.id).exists()
    query = (
        select(
            Duty.id,
            Duty.person_id,
            Person.number,
            Person.name.label("person"),
            Duty.place_id,
            Place.layer,
            Place.code,
            Place.name.label("place"),
            Place.version_id,
            PlaceVersion.length_dm,
            Duty.role,
            Duty.kind,
            Duty.level,
            Duty.spans,
            has_cells.label("has_cells"),
            Duty.in_force,
            Duty.handed_over_from,
        )
        .join(Person, Person.id == Duty.person_id)
        .join(Place, Place.id == Duty.place_id)
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(*conditions)
        .order_by(Duty.id)
    )
    return db.execute((query.where(Duty.id > after) if after is not None else query).limit(limit)).all()


def duty(db: Session, condition: Condition, duty_id: int) -> Duty | None:
    """Return a duty that the condition lets see, locked."""
    return db.scalars(select(Duty).where(condition, Duty.id == duty_id).with_for_update()).one_or_none()


def insert_duties(db: Session, county_id: int, drafts: Sequence[DutyDraft]) -> list[int]:
    """Store duties and return their ids."""
    ids = new_ids(db, Duty, len(drafts))
    columns = [
        "county_id", "id", "person_id", "place_id", "spans", "role", "kind", "level", "in_force",
        "handed_over_from",
    ]  # fmt: skip
    rows = (
        (
            county_id,
            id_,
            d.person_id,
            d.place_id,
            None if d.spans is None else multirange(d.spans),
            d.role.value,
            d.kind.value,
            d.level.value,
            f"[{d.first_day},{'' if d.last_day is None else d.last_day + dt.timedelta(days=1)})",
            d.handed_over_from,
        )
        for id_, d in zip(ids, drafts, strict=True)
    )
    copy_rows(db, Duty, columns, rows)
    cells = (
        (county_id, id_, x, y, bits)
        for id_, d in zip(ids, drafts, strict=True)
        if d.cells is not None
        for x, y, bits in d.cells.to_bits()
    )
    copy_rows(db, DutyCells, ["county_id", "duty_id", "block_x", "block_y", "cells"], cells)
    return ids


def set_last_day(db: Session, county_id: int, duty_id: int, last_day: dt.date) -> None:
    """Let a duty end on a day, inclusive."""
    stop = last_day + dt.timedelta(days=1)
    db.execute(
        update(Duty)
        .where(Duty.county_id == county_id, Duty.id == duty_id)
        .values(in_force=func.daterange(func.lower(Duty.in_force), stop))
    )


def set_last_days(db: Session, county_id: int, days: Sequence[tuple[int, dt.date]]) -> None:
    """Let duties (id, day) end on a day, inclusive."""
    if days:
        ends = func.daterange(func.lower(Duty.in_force), cast(bindparam("stop"), Date))
        of_county = Duty.county_id == county_id, Duty.id == bindparam("duty")
        rows = [{"duty": id_, "stop": day + dt.timedelta(days=1)} for id_, day in days]
        db.connection().execute(update(Duty).where(*of_county).values(in_force=ends), rows)


def in_areas(county_id: int, area_ids: Collection[int]) -> Condition:
    """Return the condition for duties on places that lie, even partly, in one of the areas."""
    mapped = select(PlaceArea.place_version_id).where(
        PlaceArea.county_id == county_id, PlaceArea.area_id.in_(list(area_ids))
    )
    unmapped = ~select(PlaceArea.area_id).where(PlaceArea.place_version_id == Place.version_id).exists()
    listed = and_(Place.area_id.in_(list(area_ids)), unmapped)
    return or_(Place.version_id.in_(mapped), listed)


def in_force(first_day: dt.date, last_day: dt.date | None = None) -> Condition:
    """Return the condition for duties in force on a day of the range, both ends included."""
    condition: Condition = Duty.in_force.overlaps(Range(first_day, last_day or first_day, bounds="[]"))
    return condition


def first_day_of(days: Range[dt.date]) -> dt.date:
    """Return the first day of a stored range."""
    if days.lower is None:
        raise ValueError("a duty without a first day")
    return days.lower


def last_day_of(days: Range[dt.date]) -> dt.date | None:
    """Return the last day of a stored, half-open range; None if it has no end.

    >>> last_day_of(Range(dt.date(2024, 1, 1), dt.date(2025, 1, 1)))
    datetime.date(2024, 12, 31)
    """
    return None if days.upper is None else days.upper - dt.timedelta(days=1)


def end_duties_of(db: Session, county_id: int, person_id: uuid.UUID, day: dt.date) -> int:
    """End a person's duties on the day before `day`, take away those that would begin later; count them."""
    own = select(Duty.id).where(Duty.county_id == county_id, Duty.person_id == person_id)
    coming = own.where(func.lower(Duty.in_force) >= day)
    db.execute(update(Duty).where(Duty.handed_over_from.in_(coming)).values(handed_over_from=None))
    gone = db.execute(delete(Duty).where(Duty.id.in_(coming)).returning(Duty.id)).all()
    ended = db.execute(
        update(Duty)
        .where(Duty.id.in_(own.where(Duty.in_force.contains(day))))
        .values(in_force=func.daterange(func.lower(Duty.in_force), day))
        .returning(Duty.id)
    ).all()
    return len(gone) + len(ended)
