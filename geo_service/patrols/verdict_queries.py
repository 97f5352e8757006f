"""The SQL of verdicts: shares that a patrol covered, duties it may be judged by, what else there is of it."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, cast, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, defer

from geo_service.tables import (
    Duty,
    Exemption,
    Json,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceVersion,
)
from layers.vocabulary import DutyKind, ExemptionKind, Level, Role, Verdict


@dataclass(frozen=True)
class Held:
    """A duty on the day of a patrol: of its walker, or of whom he stands in for."""

    place_id: int
    role: Role
    kind: DutyKind
    level: Level
    on_map: bool


def line_shares(db: Session, county_id: int, patrol_id: uuid.UUID) -> dict[int, float]:
    """Return the share of each line that a patrol covered, 0 to 1, by place."""
    rows = _covered_dm(db, county_id, patrol_id)
    return {place_id: min(dm / whole, 1.0) for place_id, dm, whole in rows if whole}


def covered_m(db: Session, county_id: int, patrol_id: uuid.UUID) -> dict[int, float]:
    """Return the metres of each line that a patrol covered, by place."""
    return {place_id: dm / 10 for place_id, dm, _ in _covered_dm(db, county_id, patrol_id)}


def _covered_dm(db: Session, county_id: int, patrol_id: uuid.UUID) -> Sequence[Any]:
    """Return place, covered and whole length of the lines in force that a patrol covered."""
    union = (
        select(
            LineCoverage.place_version_id.label("version_id"), func.range_agg(LineCoverage.spans).label("s")
        )
        .where(LineCoverage.county_id == county_id, LineCoverage.patrol_id == patrol_id)
        .group_by(LineCoverage.place_version_id)
        .subquery()
    )
    inner = select(union.c.version_id, func.unnest(union.c.s).label("span")).subquery()
    return db.execute(
        select(
            PlaceVersion.place_id,
            func.sum(func.upper(inner.c.span) - func.lower(inner.c.span)),
            PlaceVersion.length_dm,
        )
        .join(inner, inner.c.version_id == PlaceVersion.id)
        .join(Place, and_(Place.version_id == PlaceVersion.id, Place.id == PlaceVersion.place_id))
        .group_by(PlaceVersion.id)
    ).all()


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


def held(
    db: Session, county_id: int, person_id: uuid.UUID, day: dt.date, place_ids: Collection[int] | None = None
) -> list[Held]:
    """Return the duties of a person on a day, and of whom he stands in for; on these places (None: all)."""
    stands_for = select(Exemption.person_id).where(
        Exemption.county_id == county_id,
        Exemption.kind == ExemptionKind.SUBSTITUTE,
        Exemption.substitute_id == person_id,
        Exemption.days.contains(day),
    )
    where = [
        Duty.county_id == county_id,
        or_(Duty.person_id == person_id, Duty.person_id.in_(stands_for)),
        Duty.in_force.contains(day),
    ]
    if place_ids is not None:
        where.append(Duty.place_id.in_(place_ids))
    rows = db.execute(
        select(Duty.place_id, Duty.role, Duty.kind, Duty.level, Place.version_id.is_not(None))
        .join(Place, Place.id == Duty.place_id)
        .where(*where)
        .order_by(Duty.id)
    )
    return [
        Held(place, Role(role), DutyKind(kind), Level(level), on) for place, role, kind, level, on in rows
    ]


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


_FACTS = text(
    """
    select
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
          and other.started_at < mine.ended_at and other.ended_at > mine.started_at),
      exists (
        select from stored_file
        where county_id = :county_id and subject = 'patrol/' || mine.id and kind in ('photo', 'sheet'))
    from patrol mine where mine.id = :patrol_id
    """
)


def facts(db: Session, county_id: int, patrol_id: uuid.UUID) -> Facts:
    """Return what else is known of a patrol; others that were taken back do not count."""
    return Facts(*db.execute(_FACTS, {"county_id": county_id, "patrol_id": patrol_id}).one())


def store_measures(db: Session, patrol_id: uuid.UUID, measures: Json) -> None:
    """Keep the numbers of a patrol beside what its cleaning did."""
    added = func.jsonb_build_object("measures", cast(literal(measures, JSONB), JSONB))
    cleaning: ColumnElement[Any] = Patrol.cleaning.op("||")(added)
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(cleaning=cleaning))


def store_verdict(
    db: Session, patrol_id: uuid.UUID, verdict: Verdict, reasons: Sequence[Json], norm_id: int | None
) -> None:
    """Store what a patrol counts as, unless somebody has given his own verdict."""
    mine = Patrol.id == patrol_id, Patrol.reviewed_at.is_(None)
    db.execute(update(Patrol).where(*mine).values(verdict=verdict, reasons=list(reasons), norm_id=norm_id))


def store_review(
    db: Session, patrol_id: uuid.UUID, verdict: Verdict, note: str, at: dt.datetime, by: uuid.UUID | None
) -> None:
    """Store a person's verdict, which no computation changes."""
    values = {"verdict": verdict, "review_note": note, "reviewed_at": at, "reviewed_by": by}
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(values))
