"""The SQL of a volunteer's page: his area, whom he may take along, his outings."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from geo_service.accounts.narrow import patrols_in
from geo_service.accounts.scope import Scope
from geo_service.tables import Area, Companion, Duty, Notice, Patrol, Person, Place

MOST_COMPANIONS = 60


def person(db: Session, person_id: uuid.UUID) -> Person:
    """Return the person behind a volunteer's account."""
    return db.get_one(Person, person_id)


def areas_above(db: Session, county_id: int, area_id: int | None) -> Sequence[int]:
    """Return an area and those above it, from below."""
    columns = Area.id, Area.parent_id
    start = select(*columns, literal(0).label("step")).where(Area.county_id == county_id, Area.id == area_id)
    chain = start.cte("chain", recursive=True)
    chain = chain.union_all(
        select(*columns, chain.c.step + 1).where(Area.county_id == county_id, Area.id == chain.c.parent_id)
    )
    return db.scalars(select(chain.c.id).order_by(chain.c.step)).all()


def companions(db: Session, own: Person, today: dt.date) -> Sequence[Any]:
    """Return whom a person may take along by a tap: id and name of who walked with him or shares a place.

    Of others he is told no names: he can tell theirs to his coordinator.
    """
    walked = aliased(Companion)
    together = (
        exists()
        .where(Patrol.id == walked.patrol_id, Patrol.person_id == own.id, walked.person_id == Person.id)
        .correlate(Person)
    )
    mine, theirs = aliased(Duty), aliased(Duty)
    same_place = (
        exists()
        .where(
            mine.person_id == own.id,
            theirs.person_id == Person.id,
            mine.place_id == theirs.place_id,
            mine.in_force.contains(today),
            theirs.in_force.contains(today),
        )
        .correlate(Person)
    )
    return db.execute(
        select(Person.id, Person.name)
        .where(
            Person.county_id == own.county_id,
            Person.id != own.id,
            Person.deleted_at.is_(None),
            or_(together, same_place),
        )
        .order_by(together.desc(), same_place.desc(), Person.name, Person.id)
        .limit(MOST_COMPANIONS)
    ).all()


def notices(db: Session, county_id: int, area_ids: Sequence[int], now: dt.datetime) -> Sequence[Notice]:
    """Return the words to the volunteers of some areas that hold now, the newest first."""
    here = or_(Notice.area_id.is_(None), Notice.area_id.in_(list(area_ids)))
    return db.scalars(
        select(Notice)
        .where(Notice.county_id == county_id, here, Notice.since <= now, Notice.until > now)
        .order_by(Notice.id.desc())
        .limit(5)
    ).all()


def records(
    db: Session, scope: Scope, before: tuple[dt.datetime, uuid.UUID] | None, limit: int
) -> Sequence[Any]:
    """Return a volunteer's patrols, the newest first, from behind a place in the list."""
    own = and_(patrols_in(scope), Patrol.person_id == scope.person_id, Patrol.voided_at.is_(None))
    named = select(func.coalesce(Place.name, Place.code)).where(Place.id == Patrol.place_id)
    found = (
        select(
            Patrol.id, Patrol.day, Patrol.started_at, Patrol.ended_at, Patrol.walked_m, Patrol.evidence,
            Patrol.verdict, Patrol.settled_at,
            named.scalar_subquery(),
        )
        .where(own)
        .order_by(Patrol.started_at.desc(), Patrol.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:
        at, id_ = before
        found = found.where(or_(Patrol.started_at < at, and_(Patrol.started_at == at, Patrol.id < id_)))
    return db.execute(found).all()
