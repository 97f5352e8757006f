"""The SQL of verdicts: shares that a patrol covered, duties it may be judged by, what else there is of it."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement, and_, cast, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, defer

from geo_service.tables import (
    Json,
    Patrol,
    Person,
    Place,
    PlaceVersion,
)
from layers.vocabulary import DutyKind, Evidence, ExemptionKind, Level, Role, Verdict


@dataclass(frozen=True)
class Held:
    """A duty on the day of a patrol: of its walker, or of whom he stands in for."""

    place_id: int
    role: Role
    kind: DutyKind
    level: Level
    on_map: bool


def lengths_m(db: Session, county_id: int, place_ids: Collection[int]) -> dict[int, float]:
    """Return how long lines in force are, by place."""
    rows = db.execute(
        select(Place.id, PlaceVersion.length_dm)
        .join(PlaceVersion, and_(PlaceVersion.id == Place.version_id, PlaceVersion.place_id == Place.id))
        .where(Place.county_id == county_id, Place.id.in_(place_ids))
    )
    return {place_id: length_dm / 10 for place_id, length_dm in rows if length_dm is not None}


def patrols(db: Session, *where: ColumnElement[bool]) -> Sequence[Any]:
    """Return patrols without their tracks, each with its walker's name, in the order of time."""
    light = (defer(Patrol.track, raiseload=True), defer(Patrol.accuracy_m, raiseload=True))
    return db.execute(
        select(Patrol, Person.name)
        .options(*light)
        .outerjoin(Person, Person.id == Patrol.person_id)
        .where(*where)
        .order_by(Patrol.started_at, Patrol.id)
    ).all()


_HELD = text(
    """
    with asked (person_id, day) as (
      select * from unnest(cast(:people as uuid[]), cast(:days as date[]))
    ), stands (person_id, day, holder) as (
      select person_id, day, person_id from asked
      union
      select asked.person_id, asked.day, exemption.person_id
      from asked join exemption on exemption.county_id = :county_id and exemption.kind = :substitute
        and exemption.substitute_id = asked.person_id and exemption.days @> asked.day
    )
    select stands.person_id, stands.day, duty.place_id, duty.role, duty.kind, duty.level,
      place.version_id is not null
    from stands
      join duty on duty.county_id = :county_id and duty.person_id = stands.holder
        and duty.in_force @> stands.day
      join place on place.id = duty.place_id
    order by duty.id
    """
)


def held(
    db: Session, county_id: int, asked: Collection[tuple[uuid.UUID, dt.date]]
) -> dict[tuple[uuid.UUID, dt.date], list[Held]]:
    """Return the duties of people on a day each, and of whom they stand in for."""
    said = {
        "people": [person_id for person_id, _ in asked], "days": [day for _, day in asked],
        "county_id": county_id, "substitute": ExemptionKind.SUBSTITUTE.value,
    }  # fmt: skip
    found: dict[tuple[uuid.UUID, dt.date], list[Held]] = {key: [] for key in asked}
    for person_id, day, place_id, role, kind, level, on_map in db.execute(_HELD, said):
        held_ = Held(place_id, Role(role), DutyKind(kind), Level(level), on_map)
        found[person_id, day].append(held_)
    return found


@dataclass(frozen=True)
class Facts:
    """What else is known of a patrol beside its track."""

    batches: int
    """How many sendings are in."""
    is_doubled: bool
    """Somebody else's patrol holds a sending of the same content."""
    is_overlapping: bool
    """Another patrol of the same person was under way at the same time."""
    has_files: bool
    """A photo or a sheet of it is kept."""
    was_near: bool
    """A check-in of it was near its plate."""


_FACTS = text(
    """
    select mine.id,
      (select count(*) from batch where patrol_id = mine.id),
      exists (
        select from batch
          join batch other on other.county_id = :county_id and other.sha256 = batch.sha256
          join patrol theirs on theirs.id = other.patrol_id
        where batch.patrol_id = mine.id and theirs.id <> mine.id and theirs.person_id <> mine.person_id
          and theirs.voided_at is null
          and mine.same_outing_as is distinct from theirs.id
          and theirs.same_outing_as is distinct from mine.id),
      exists (
        select from patrol other
        where other.county_id = :county_id and other.person_id = mine.person_id and other.id <> mine.id
          and other.voided_at is null and other.day between mine.day - 2 and mine.day + 2
          and other.started_at < mine.ended_at and other.ended_at > mine.started_at
          -- check-ins at the places of one walk are an outing each
          and not (other.evidence = :check_in and mine.evidence = :check_in)),
      exists (
        select from stored_file
        where county_id = :county_id and subject = 'patrol/' || mine.id and kind in ('photo', 'sheet')),
      exists (select from check_in where patrol_id = mine.id and is_near)
    from patrol mine where mine.id = any(:patrol_ids)
    """
)


def facts(db: Session, county_id: int, patrol_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Facts]:
    """Return what else is known of each of some patrols; others that were taken back do not count."""
    asked = {"county_id": county_id, "patrol_ids": list(patrol_ids), "check_in": Evidence.CHECK_IN.value}
    rows = db.execute(_FACTS, asked)
    return {patrol_id: Facts(*known) for patrol_id, *known in rows}


def store_measures(db: Session, patrol_id: uuid.UUID, measures: Json) -> None:
    """Keep the numbers of a patrol beside what its cleaning did."""
    added = func.jsonb_build_object("measures", cast(literal(measures, JSONB), JSONB))
    cleaning: ColumnElement[Any] = Patrol.cleaning.op("||")(added)
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(cleaning=cleaning))


@dataclass(frozen=True)
class Given:
    """A verdict that a computation gave, and whether what was ridden covers."""

    patrol_id: uuid.UUID
    verdict: Verdict
    reasons: Sequence[Json]
    norm_id: int | None
    rides_count: bool


_VERDICT = text(
    "update patrol set verdict = :verdict, reasons = :reasons, norm_id = :norm_id,"
    " rides_count = :rides_count where id = :id and reviewed_at is null"
)


def store_verdicts(db: Session, given: Iterable[Given]) -> None:
    """Store what patrols count as, but of those on which somebody has given his own verdict."""
    rows = [
        {"id": one.patrol_id, "verdict": one.verdict.value, "reasons": Jsonb(list(one.reasons)),
         "norm_id": one.norm_id, "rides_count": one.rides_count}
        for one in given
    ]  # fmt: skip
    if rows:
        db.execute(_VERDICT, rows)


def store_review(
    db: Session, patrol_id: uuid.UUID, verdict: Verdict, note: str, at: dt.datetime, by: uuid.UUID | None
) -> None:
    """Store a person's verdict, which no computation changes."""
    values = {"verdict": verdict, "review_note": note, "reviewed_at": at, "reviewed_by": by}
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(values))
