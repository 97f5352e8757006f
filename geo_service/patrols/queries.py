"""The SQL of patrols: one row an outing, who walked it and who came along, and lists of them."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb
from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.attributes import set_committed_value

from geo_service.arrays import Reals
from geo_service.bulk import among
from geo_service.tables import (
    Area,
    Batch,
    Companion,
    County,
    Json,
    Patrol,
    Person,
    Place,
)
from layers import codes
from layers.coverage import RULE
from layers.lines import ewkb_m
from layers.tracks import Track
from layers.vocabulary import Evidence, Verdict

Condition = ColumnElement[bool]
_WITHOUT_TRACK = (defer(Patrol.track, raiseload=True), defer(Patrol.accuracy_m, raiseload=True))
"""A list would else carry every vertex of every walk."""


def county(db: Session, county_id: int) -> County:
    """Return the county of a scope."""
    return db.get_one(County, county_id)


def person(db: Session, person_id: uuid.UUID, where: Condition, *, held: bool = False) -> Person | None:
    """Return a person of the register that meets a condition; `held`: not to be forgotten meanwhile."""
    query = select(Person).where(Person.id == person_id, Person.deleted_at.is_(None), where)
    return db.scalars(query.with_for_update(read=True, key_share=True) if held else query).one_or_none()


def area_ids(db: Session, where: Condition, code: str) -> Sequence[int]:
    """Return the id of the area with a code that meets a condition; none, if there is none."""
    return db.scalars(select(Area.id).where(where, Area.code == codes.full(code))).all()


def people_called(db: Session, word: str, where: Condition) -> Sequence[Person]:
    """Return the people with this id, number or name who meet a condition."""
    known = [Person.number == word, Person.name == word]
    with contextlib.suppress(ValueError):
        known.append(Person.id == uuid.UUID(word))
    return db.scalars(
        select(Person)
        .where(where, Person.deleted_at.is_(None), or_(*known))
        .order_by(Person.name, Person.number)
    ).all()


def overlapping(db: Session, patrol: Patrol) -> Sequence[dt.datetime]:
    """Return when other patrols of the same person began that were under way at the same time."""
    started_at, ended_at = patrol.started_at, patrol.ended_at
    return db.scalars(
        select(Patrol.started_at)
        .where(
            Patrol.county_id == patrol.county_id,
            Patrol.person_id == patrol.person_id,
            Patrol.id != patrol.id,
            Patrol.voided_at.is_(None),
            Patrol.settled_at.is_not(None),
            Patrol.day.between(
                started_at.date() - dt.timedelta(days=2), ended_at.date() + dt.timedelta(days=2)
            ),
            Patrol.started_at < ended_at,
            Patrol.ended_at > started_at,
            # Check-ins at the places of one walk are an outing each.
            true() if patrol.evidence != Evidence.CHECK_IN else Patrol.evidence != Evidence.CHECK_IN,
        )
        .order_by(Patrol.started_at)
    ).all()


@dataclass(frozen=True)
class NewPatrol:
    """A patrol of which the first word has come."""

    id: uuid.UUID
    county_id: int
    person_id: uuid.UUID
    evidence: Evidence
    day: dt.date
    started_at: dt.datetime
    ended_at: dt.datetime


@dataclass(frozen=True)
class Computed:
    """What is computed of a patrol, beside its track."""

    day: dt.date
    started_at: dt.datetime
    ended_at: dt.datetime
    walked_m: float
    fixes: int
    cleaning: Json


def insert_patrol(db: Session, patrol: NewPatrol) -> None:
    """Store a patrol that is open: it counts nothing yet."""
    nothing_yet = {"walked_m": 0.0, "fixes": 0, "verdict": Verdict.REVIEW}
    db.execute(insert(Patrol).values(vars(patrol) | nothing_yet))


def change_patrol(db: Session, patrol_id: uuid.UUID, **values: Any) -> None:
    """Give a patrol new values by column."""
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(values))


_REACH = text("update patrol set day = :day, started_at = :started_at, ended_at = :ended_at where id = :id")


def reach(db: Session, patrol: Patrol, started_at: dt.datetime, ended_at: dt.datetime) -> None:
    """Let an open patrol reach from one moment to another, `started_at` in the county's zone."""
    values = {"day": started_at.date(), "started_at": started_at, "ended_at": ended_at}
    db.execute(_REACH, {"id": patrol.id, **values})
    for name, value in values.items():
        set_committed_value(patrol, name, value)


_SETTLE = text(
    "update patrol set day = :day, started_at = :started_at, ended_at = :ended_at, walked_m = :walked_m,"
    " fixes = :fixes, cleaning = :cleaning, track = ST_GeomFromEWKB(:track), accuracy_m = :accuracy_m,"
    " rule = :rule, settled_at = now() where id = :id"
)


def settle(db: Session, patrol_id: uuid.UUID, computed: Computed, track: Track) -> None:
    """Store what was computed of a patrol, with its track."""
    values = vars(computed) | {
        "id": patrol_id,
        "rule": RULE,
        "cleaning": Jsonb(computed.cleaning),
        "track": ewkb_m(track.lonlat, track.time_s, track.piece, srid=4326),
        "accuracy_m": None if np.isnan(track.accuracy_m).all() else Reals(track.accuracy_m),
    }
    db.execute(_SETTLE, values)


def set_rule(db: Session, patrol_ids: Iterable[uuid.UUID]) -> None:
    """Say that the coverage of patrols was computed by the rule of today."""
    db.execute(update(Patrol).where(among(Patrol.id, patrol_ids)).values(rule=RULE))


def abandoned(db: Session, before: dt.datetime) -> Sequence[tuple[int, uuid.UUID]]:
    """Return county and id of the open patrols of which nothing came since a time, by county."""
    last = func.coalesce(func.max(Batch.received_at), Patrol.created_at)
    rows = db.execute(
        select(Patrol.county_id, Patrol.id)
        .outerjoin(Batch, Batch.patrol_id == Patrol.id)
        .where(Patrol.settled_at.is_(None))
        .group_by(Patrol.id)
        .having(func.greatest(last, Patrol.created_at) < before)
        .order_by(Patrol.county_id, Patrol.id)
    )
    return [(county_id, patrol_id) for county_id, patrol_id in rows]


def has_place(db: Session, where: Condition, place_id: int) -> bool:
    """Tell whether there is a place that meets a condition."""
    return db.scalar(select(Place.id).where(where, Place.id == place_id)) is not None


def place(db: Session, place_id: int, where: Condition) -> tuple[int, str] | None:
    """Return id and name of a place that meets a condition."""
    found = db.execute(select(Place.id, Place.name, Place.code).where(where, Place.id == place_id)).first()
    return (found[0], found[1] or found[2]) if found else None


def set_companions(
    db: Session, county_id: int, patrol_id: uuid.UUID, person_ids: Sequence[uuid.UUID]
) -> None:
    """Say who walked along on a patrol."""
    db.execute(delete(Companion).where(Companion.patrol_id == patrol_id))
    rows = [{"county_id": county_id, "patrol_id": patrol_id, "person_id": id_} for id_ in person_ids]
    if rows:
        db.execute(insert(Companion), rows)


def companions(
    db: Session, patrol_id: uuid.UUID, visible: Condition
) -> Sequence[tuple[uuid.UUID, str | None, bool]]:
    """Return who walked along, by name: id, name (None: deleted since), and whether a condition lets see."""
    rows = db.execute(
        select(Person.id, func.nullif(Person.name, ""), visible)
        .join(Companion, Companion.person_id == Person.id)
        .where(Companion.patrol_id == patrol_id)
        .order_by(Person.name, Person.id)
    )
    return [(id_, name, bool(is_seen)) for id_, name, is_seen in rows]


# Asked with every sending: made once, since making it takes longer than the database takes to answer.
_BY_ID = (
    select(Patrol)
    .options(*_WITHOUT_TRACK)
    .where(Patrol.id == bindparam("patrol_id"))
    .execution_options(populate_existing=True)
)


def standing(db: Session, patrol_id: uuid.UUID) -> Patrol | None:
    """Return a patrol as it stands, whatever the scope; None: nothing came of it yet."""
    return db.scalars(_BY_ID, {"patrol_id": patrol_id}).one_or_none()


def patrol(db: Session, patrol_id: uuid.UUID, where: Condition, *, locked: bool = False) -> Patrol | None:
    """Return a patrol that meets a condition; `locked` until the transaction ends."""
    query = select(Patrol).options(*_WITHOUT_TRACK).where(Patrol.id == patrol_id, where)
    query = query.execution_options(populate_existing=True)
    return db.scalars(query.with_for_update() if locked else query).one_or_none()


def stored(db: Session, patrol_id: uuid.UUID) -> Patrol:
    """Return a patrol that is there, whatever the scope."""
    found = standing(db, patrol_id)
    if found is None:
        raise RuntimeError("the patrol is gone")
    return found


def patrols(
    db: Session, where: Sequence[Condition], *, after: tuple[dt.datetime, uuid.UUID] | None, limit: int
) -> Sequence[Row[Patrol, str]]:
    """Return patrols with their person's name (or None), latest first, behind the key (started_at, id)."""
    query = (
        select(Patrol, Person.name)
        .options(*_WITHOUT_TRACK)
        .outerjoin(Person, Person.id == Patrol.person_id)
        .where(*where)
        .order_by(Patrol.started_at.desc(), Patrol.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Patrol.started_at, Patrol.id) < after)
    return db.execute(query).all()


def oldest(
    db: Session, where: Sequence[Condition], *, after: tuple[dt.datetime, uuid.UUID] | None, limit: int
) -> Sequence[Row[Patrol, str]]:
    """Return patrols with their person's name (or None), earliest first, behind the key (started_at, id)."""
    query = (
        select(Patrol, Person.name)
        .options(*_WITHOUT_TRACK)
        .outerjoin(Person, Person.id == Patrol.person_id)
        .where(*where)
        .order_by(Patrol.started_at, Patrol.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Patrol.started_at, Patrol.id) > after)
    return db.execute(query).all()


def how_many(db: Session, where: Sequence[Condition]) -> int:
    """Return how many patrols there are for which the conditions hold."""
    return db.execute(select(func.count()).select_from(Patrol).where(*where)).scalar_one()


def void(db: Session, patrol_id: uuid.UUID, reason: str, at: dt.datetime) -> None:
    """Mark a patrol as voided."""
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(voided_at=at, void_reason=reason))
