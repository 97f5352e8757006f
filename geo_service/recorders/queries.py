"""The SQL of what recorders send: fixes that wait for their person's word, and those of unknown devices."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, delete, func, literal, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from geo_service.tables import Account, County, Person, Place, Quarantined, RecordedFix, SignIn

Floats = NDArray[np.float64]
RECORDER = "recorder"
MOST_WAITING = 200_000
"""Fixes of one recorder that are looked at: more than a week of one every three seconds."""
_WAITS = RecordedFix.decided_at.is_(None)


@dataclass(frozen=True)
class NewFix:
    """A fix with its time in epoch seconds; lon, lat in degrees as they were sent."""

    time_s: float
    lon: float
    lat: float
    accuracy_m: float | None
    is_doubtful: bool


@dataclass(frozen=True, eq=False)
class Waiting:
    """The fixes of one recorder that wait for its person's word, in the order of time."""

    recorder_id: int
    time_s: Floats
    lonlat: Floats
    """As sent, shape (n, 2)."""
    accuracy_m: Floats
    """NaN where unknown."""
    is_doubtful: NDArray[np.bool_]


def keep(db: Session, county_id: int, recorder_id: int, fixes: Collection[NewFix]) -> None:
    """Store fixes of a recorder; one of a time that is there already changes nothing."""
    rows = [{"county_id": county_id, "recorder_id": recorder_id, **vars(fix)} for fix in fixes]
    db.execute(insert(RecordedFix).values(rows).on_conflict_do_nothing())


def quarantine(
    db: Session, key_sha256: bytes, key_end: str, app: str, county_id: int | None, fixes: Collection[NewFix]
) -> None:
    """Store fixes of a device that nobody knows; one of a time that is there already changes nothing."""
    whose = {"key_sha256": key_sha256, "key_end": key_end, "app": app, "county_id": county_id}
    db.execute(insert(Quarantined).values([whose | vars(fix) for fix in fixes]).on_conflict_do_nothing())


def is_full(db: Session, most: int) -> bool:
    """Tell whether so many fixes of unknown devices are kept."""
    some = select(literal(1)).select_from(Quarantined).limit(most).subquery()
    return (db.scalar(select(func.count()).select_from(some)) or 0) >= most


def county_at(db: Session, lon: float, lat: float) -> int | None:
    """Return the county in whose box a fix lies; None: in none, or in several."""
    around = select(County.id).where(
        County.west <= lon, County.east >= lon, County.south <= lat, County.north >= lat
    )
    found = db.scalars(around.limit(2)).all()
    return found[0] if len(found) == 1 else None


def unknown_devices(db: Session, county_id: int) -> Sequence[Any]:
    """Return the devices that nobody knows and that sent from a county, the latest first."""
    return db.execute(
        select(
            Quarantined.app, Quarantined.key_end, func.count().label("fixes"),
            func.min(Quarantined.time_s).label("first_s"), func.max(Quarantined.time_s).label("last_s"),
        )
        .where(Quarantined.county_id == county_id)
        .group_by(Quarantined.key_sha256, Quarantined.app, Quarantined.key_end)
        .order_by(func.max(Quarantined.received_at).desc())
        .limit(50)
    ).all()  # fmt: skip


def release(db: Session, county_id: int, key_sha256: bytes, recorder_id: int) -> int:
    """Give what an unknown device sent, and not from another county, to a recorder; return how many fixes."""
    here = or_(Quarantined.county_id == county_id, Quarantined.county_id.is_(None))
    theirs = and_(Quarantined.key_sha256 == key_sha256, here)
    columns = "time_s", "lon", "lat", "accuracy_m", "is_doubtful", "received_at"
    whose = literal(county_id), literal(recorder_id)
    sent = select(*whose, *(getattr(Quarantined, name) for name in columns)).where(theirs)
    into = insert(RecordedFix).from_select(["county_id", "recorder_id", *columns], sent)
    db.execute(into.on_conflict_do_nothing())
    return len(db.scalars(delete(Quarantined).where(theirs).returning(Quarantined.time_s)).all())


def recorders_of(db: Session, person_id: uuid.UUID) -> Sequence[int]:
    """Return the recorders of a person, those that are out of use too: what they sent is still his."""
    return db.scalars(
        select(SignIn.id)
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(Person.id == person_id, Person.deleted_at.is_(None), SignIn.kind == RECORDER)
        .order_by(SignIn.id)
    ).all()


def newest_recorder(db: Session, person_id: uuid.UUID) -> int | None:
    """Return the number of the recorder of a person that was made last; None: he has none."""
    found = recorders_of(db, person_id)
    return found[-1] if found else None


def lock(db: Session, recorder_ids: Collection[int]) -> None:
    """Let one at a time decide about what recorders sent."""
    db.execute(
        select(SignIn.id)
        .where(SignIn.id.in_(recorder_ids))
        .order_by(SignIn.id)
        .with_for_update(key_share=True)
    )


def recorders_with_waiting(db: Session, before: dt.datetime) -> Sequence[Any]:
    """Return the recorders of which something waits since before a time, each with the CRS of its county."""
    return db.execute(
        select(RecordedFix.recorder_id, County.crs)
        .join(County, County.id == RecordedFix.county_id)
        .where(_WAITS, RecordedFix.received_at < before, County.crs.is_not(None))
        .distinct()
        .order_by(RecordedFix.recorder_id)
    ).all()


def waiting(db: Session, recorder_id: int, times: Collection[float] | None = None) -> Waiting:
    """Return the fixes of a recorder that wait: the last `MOST_WAITING`, or those of some times."""
    which = true() if times is None else RecordedFix.time_s.in_(list(times))
    rows = db.execute(
        select(
            RecordedFix.time_s, RecordedFix.lon, RecordedFix.lat, RecordedFix.accuracy_m,
            RecordedFix.is_doubtful,
        )
        .where(RecordedFix.recorder_id == recorder_id, _WAITS, which)
        .order_by(RecordedFix.time_s.desc())
        .limit(MOST_WAITING)
    ).all()[::-1]  # fmt: skip
    values = np.array([row[:4] for row in rows], dtype=np.float64).reshape(-1, 4)
    return Waiting(
        recorder_id, values[:, 0], values[:, 1:3], values[:, 3], np.array([row[4] for row in rows], bool)
    )


def decide(
    db: Session, recorder_id: int, times: Collection[float], at: dt.datetime, patrol_id: uuid.UUID | None
) -> None:
    """Note what fixes are part of: a patrol or (None) none. Where they were stands in the patrol alone."""
    db.execute(
        update(RecordedFix)
        .where(RecordedFix.recorder_id == recorder_id, RecordedFix.time_s.in_(list(times)), _WAITS)
        .values(decided_at=at, patrol_id=patrol_id, lon=None, lat=None, accuracy_m=None)
    )


def drop(db: Session, recorder_id: int, times: Collection[float], before: dt.datetime) -> int:
    """Drop fixes of a recorder that wait and came before a time; return how many."""
    these = RecordedFix.recorder_id == recorder_id, RecordedFix.time_s.in_(list(times)), _WAITS
    gone = delete(RecordedFix).where(*these, RecordedFix.received_at < before)
    return len(db.scalars(gone.returning(RecordedFix.time_s)).all())


_LATE = text(
    """
    select late.recorder_id, account.id account_id, account.person_id, before.patrol_id, before.decided_at,
      array_agg(late.time_s order by late.time_s) times
    from recorded_fix late
    join sign_in on sign_in.id = late.recorder_id
    join account on account.id = sign_in.account_id
    cross join lateral (
      select patrol_id, decided_at from recorded_fix
      where recorder_id = late.recorder_id and time_s < late.time_s and decided_at is not null
      order by time_s desc limit 1) before
    cross join lateral (
      select decided_at from recorded_fix
      where recorder_id = late.recorder_id and time_s > late.time_s and decided_at is not null
      order by time_s limit 1) after
    where late.decided_at is null and account.person_id is not null and account.disabled_at is null
      and before.decided_at = after.decided_at
    group by late.recorder_id, account.id, before.patrol_id, before.decided_at
    order by late.recorder_id, before.decided_at
    """
)
"""What was decided in one word has one moment: between two fixes of it everything is part of it."""


def late(db: Session) -> Sequence[Any]:
    """Return what came after its time was decided: recorder, account, person, patrol (None: none), times."""
    return db.execute(_LATE).all()


def names(db: Session, place_ids: Collection[int]) -> dict[int, str]:
    """Return what places are called."""
    rows = db.execute(select(Place.id, Place.name, Place.code, Place.layer).where(Place.id.in_(place_ids)))
    return {id_: name or code or layer for id_, name, code, layer in rows}
