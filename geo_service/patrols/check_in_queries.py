"""The SQL of outings by check-in: the walk or outing that a scan belongs to, and the scans of a patrol."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.tables import CheckIn, Patrol, Place, Plate
from layers.vocabulary import Evidence


def walk_with(
    db: Session, county_id: int, person_id: uuid.UUID, at: dt.datetime, named: uuid.UUID | None, day: dt.date
) -> uuid.UUID | None:
    """Return a person's recorded walk to which a moment belongs: the named one, else the one around it."""
    around = and_(Patrol.started_at <= at, Patrol.ended_at >= at)
    near_day = Patrol.day.between(day - dt.timedelta(days=1), day + dt.timedelta(days=1))
    return db.scalar(
        select(Patrol.id)
        .where(
            Patrol.county_id == county_id,
            Patrol.person_id == person_id,
            Patrol.evidence == Evidence.TRACK,
            Patrol.voided_at.is_(None),
            near_day,
            or_(around, Patrol.id == named) if named is not None else around,
        )
        .order_by((Patrol.id == named).desc(), Patrol.started_at.desc(), Patrol.id)
        .limit(1)
    )


def outing_at(
    db: Session, county_id: int, person_id: uuid.UUID, place_id: int, day: dt.date
) -> Patrol | None:
    """Return a person's outing by check-in at a place on a day."""
    return db.scalars(
        select(Patrol)
        .where(
            Patrol.county_id == county_id,
            Patrol.person_id == person_id,
            Patrol.place_id == place_id,
            Patrol.day == day,
            Patrol.evidence == Evidence.CHECK_IN,
            Patrol.voided_at.is_(None),
        )
        .order_by(Patrol.created_at, Patrol.id)
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()


def within(db: Session, walk: Patrol) -> Sequence[uuid.UUID]:
    """Return the outings by check-in that happened on a walk, as far as nobody has decided on them."""
    return db.scalars(
        select(Patrol.id).where(
            Patrol.county_id == walk.county_id,
            Patrol.person_id == walk.person_id,
            Patrol.evidence == Evidence.CHECK_IN,
            Patrol.voided_at.is_(None),
            Patrol.reviewed_at.is_(None),
            Patrol.day.between(walk.day, walk.day + dt.timedelta(days=1)),
            Patrol.started_at >= walk.started_at,
            Patrol.ended_at <= walk.ended_at,
        )
    ).all()


def move(db: Session, patrol_ids: Sequence[uuid.UUID], walk_id: uuid.UUID) -> None:
    """Let the scans of some outings belong to a walk."""
    db.execute(update(CheckIn).where(among(CheckIn.patrol_id, patrol_ids)).values(patrol_id=walk_id))


def scans(db: Session, patrol_id: uuid.UUID) -> Sequence[Any]:
    """Return the scans of a patrol, the first first: when, at which place, where there, how far away."""
    return db.execute(
        select(
            CheckIn.at, func.coalesce(Place.name, Place.code).label("place"), Plate.name.label("where"),
            CheckIn.away_m, CheckIn.is_near,
        )
        .outerjoin(Plate, Plate.id == CheckIn.plate_id)
        .outerjoin(Place, Place.id == Plate.place_id)
        .where(CheckIn.patrol_id == patrol_id)
        .order_by(CheckIn.at, CheckIn.id)
    ).all()  # fmt: skip
