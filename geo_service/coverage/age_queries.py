"""The SQL of ages: when a stretch was last walked, an area last seen, a place last somebody's duty."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    TableValuedAlias,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import INT4RANGE
from sqlalchemy.orm import Session

from geo_service.bulk import among, longs
from geo_service.counting import covering
from geo_service.tables import AreaVisit, Duty, LineDay, Patrol
from layers.vocabulary import DutyKind, Level

Ints = NDArray[np.int64]
Stretches = tuple[Sequence[int] | Ints, Ints, Ints]
"""Ids of place versions (or of places), from and to in decimetres; they are numbered as they come."""


def last_walked(db: Session, county_id: int, stretches: Stretches, last: dt.date) -> dict[int, dt.date]:
    """Return by number the last day, not after `last`, on which any of a stretch was covered."""
    if not len(stretches[0]):
        return {}
    asked = _asked(stretches)
    span = _span(asked)
    found = (
        select(asked.c.number, func.max(LineDay.day))
        .join(LineDay, and_(LineDay.place_version_id == asked.c.id, LineDay.spans.op("&&")(span)))
        .where(LineDay.county_id == county_id, LineDay.day <= last)
        .group_by(asked.c.number)
    )
    return dict(db.execute(found).all())


def last_seen(db: Session, county_id: int, versions: Collection[int], last: dt.date) -> dict[int, dt.date]:
    """Return by place version the last day, not after `last`, on which anybody was in an area place."""
    found = (
        select(AreaVisit.place_version_id, func.max(AreaVisit.day))
        .join(Patrol, Patrol.id == AreaVisit.patrol_id)
        .where(
            AreaVisit.county_id == county_id,
            among(AreaVisit.place_version_id, versions),
            AreaVisit.day <= last,
            covering(),
        )
        .group_by(AreaVisit.place_version_id)
    )
    return dict(db.execute(found).all())


def last_duties(
    db: Session,
    county_id: int,
    stretches: Stretches,
    last: dt.date,
    *,
    kind: DutyKind,
    level: Level | None,
) -> dict[int, dt.date]:
    """Return by number the last day, before `last`, on which any of a place's stretch was a duty."""
    if not len(stretches[0]):
        return {}
    asked = _asked(stretches)
    span = _span(asked)
    until = func.upper(Duty.in_force)
    touches = case((Duty.spans.is_(None), True), else_=Duty.spans.op("&&")(span))
    found = (
        select(asked.c.number, func.max(until))
        .join(Duty, and_(Duty.place_id == asked.c.id, touches))
        .where(Duty.county_id == county_id, Duty.kind == kind, until <= type_coerce(literal(last), Date))
        .group_by(asked.c.number)
    )
    if level is not None:
        found = found.where(Duty.level == level)
    return {number: day - dt.timedelta(days=1) for number, day in db.execute(found)}


def _asked(stretches: Stretches) -> TableValuedAlias:
    """Return stretches as a table."""
    names = ("number", "id", "start", "stop")
    columns = (column(name, BigInteger) for name in names)
    arrays = map(longs, (range(len(stretches[0])), *stretches))
    return func.unnest(*arrays).table_valued(*columns).render_derived()


def _span(asked: TableValuedAlias) -> ColumnElement[Any]:
    return cast(func.int4range(cast(asked.c.start, Integer), cast(asked.c.stop, Integer)), INT4RANGE)
