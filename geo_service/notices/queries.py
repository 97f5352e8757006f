"""The SQL of alerts and notices."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import people_in
from geo_service.accounts.scope import Scope
from geo_service.tables import Alert, Area, Batch, Notice, Patrol, Person
from layers.vocabulary import AlertKind


def raise_(db: Session, alert: Alert) -> bool:
    """Add an alert; one of its kind and patrol that is there already stays. Return whether it was added."""
    values = {
        column.name: getattr(alert, column.key)
        for column in Alert.__table__.columns
        if getattr(alert, column.key) is not None
    }
    added = insert(Alert).values(values).on_conflict_do_nothing().returning(Alert.id)
    return db.scalar(added) is not None


def close(
    db: Session, where: ColumnElement[bool], now: dt.datetime, *, by: uuid.UUID | None, note: str | None
) -> list[int]:
    """Close open alerts that meet a condition; return their ids."""
    closed = (
        update(Alert)
        .where(where, Alert.closed_at.is_(None))
        .values(closed_at=now, closed_by=by, note=note)
        .returning(Alert.id)
    )
    return list(db.scalars(closed))


def seen_by(scope: Scope) -> ColumnElement[bool]:
    """Return the condition on `Alert` for alerts of people of the scope."""
    people = select(Person.id).where(people_in(scope)).correlate(None)
    return and_(Alert.county_id == scope.county_id, Alert.person_id.in_(people))


def open_ones(db: Session, where: ColumnElement[bool]) -> Sequence[Any]:
    """Return the open alerts, the newest first, each with its person and when something last came of him."""
    last = select(func.max(Batch.received_at)).where(Batch.patrol_id == Alert.patrol_id).scalar_subquery()
    known = select(Patrol.id).where(Patrol.id == Alert.patrol_id).scalar_subquery()
    return db.execute(
        select(
            Alert.id, Alert.kind, Alert.raised_at, Alert.lon, Alert.lat, Person.id, Person.name, Person.phone,
            last, known,
        )
        .join(Person, Person.id == Alert.person_id)
        .where(where, Alert.closed_at.is_(None))
        .order_by(Alert.id.desc())
        .limit(200)
    ).all()  # fmt: skip


def count_open(db: Session, where: ColumnElement[bool]) -> tuple[int, int]:
    """Return how many alerts are open, and the newest number: whether there is a new one."""
    count, newest = db.execute(
        select(func.count(), func.coalesce(func.max(Alert.id), 0)).where(where, Alert.closed_at.is_(None))
    ).one()
    return count, newest


def overdue(db: Session, since: dt.datetime, not_before: dt.datetime) -> Sequence[Any]:
    """Return county, patrol and person of open patrols of which nothing came since a time."""
    last = func.greatest(Patrol.created_at, func.coalesce(func.max(Batch.received_at), Patrol.created_at))
    return db.execute(
        select(Patrol.county_id, Patrol.id, Patrol.person_id)
        .outerjoin(Batch, Batch.patrol_id == Patrol.id)
        .where(
            Patrol.settled_at.is_(None), Patrol.batches_due.is_(None), Patrol.voided_at.is_(None),
            Patrol.person_id.is_not(None),
        )
        .group_by(Patrol.id)
        .having(and_(last < since, last > not_before))
    ).all()  # fmt: skip


def home_of(db: Session, person_id: uuid.UUID) -> tuple[int | None, str | None]:
    """Return the area of a person, by id and name."""
    found = select(Person.area_id, Area.name).outerjoin(Area, Area.id == Person.area_id)
    area_id, name = db.execute(found.where(Person.id == person_id)).one()
    return area_id, name


def came_to_an_end() -> ColumnElement[bool]:
    """Return the condition on `Alert` for those of not being back whose patrol has its end by now."""
    ended = select(Patrol.id).where(Patrol.batches_due.is_not(None))
    return and_(Alert.kind == AlertKind.OVERDUE, Alert.patrol_id.in_(ended))


def notices(db: Session, scope: Scope, area_ids: frozenset[int] | None, now: dt.datetime) -> Sequence[Any]:
    """Return the notices of some areas (None: the whole county) that have not ended, with the area's name."""
    here = true() if area_ids is None else or_(Notice.area_id.is_(None), Notice.area_id.in_(area_ids))
    return db.execute(
        select(Notice, Area.name)
        .outerjoin(Area, Area.id == Notice.area_id)
        .where(Notice.county_id == scope.county_id, here, Notice.until > now)
        .order_by(Notice.until)
    ).all()


def areas(db: Session, where: ColumnElement[bool]) -> Sequence[Area]:
    """Return areas that meet a condition, by code."""
    return db.scalars(select(Area).where(where).order_by(Area.code)).all()
