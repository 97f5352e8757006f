"""The SQL of sendings: the locks that put them in order, one row a batch with its raw fixes."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, func, select, text
from sqlalchemy.orm import Session

from geo_service.arrays import Doubles, Reals
from geo_service.bulk import elements_of
from geo_service.patrols.content import NOTHING, sha256_of
from geo_service.tables import Batch, Patrol
from layers.tracks import Recording
from layers.vocabulary import Datum

Condition = ColumnElement[bool]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NewBatch:
    """One sending: its id, hash, datum and device."""

    id: uuid.UUID
    sha256: bytes
    datum: Datum
    device: str | None


@dataclass(frozen=True)
class Sent:
    """A sending that is stored, and whose patrol it is."""

    patrol_id: uuid.UUID
    batch_id: uuid.UUID
    county_id: int
    person_id: uuid.UUID | None
    sha256: bytes
    datum: Datum
    voided: bool
    received_at: dt.datetime
    fixes: int
    """How many raw fixes are stored of it."""


@dataclass(frozen=True)
class Standing:
    """What a patrol id holds when a batch comes for it."""

    batches: int
    fixes: int
    """Raw fixes that are stored of them."""
    has_more: bool
    """It also has companions or scans."""
    sha256: bytes | None
    """Of the batch, where it came before."""
    datum: Datum | None


@dataclass(frozen=True, eq=False)
class Fixes:
    """All raw fixes of a patrol as they came, batch after batch."""

    recording: Recording
    """Lon, lat each in its own datum; accuracies NaN where unknown."""
    datum: Sequence[Datum]
    received_s: Floats
    """Epoch seconds, shape (n,)."""
    are_gone: bool
    """Whether some were dropped after the retention."""


# --- locks


def lock_patrol(db: Session, patrol_id: uuid.UUID) -> None:
    """Let one sending at a time decide about a patrol, also about one that is not stored yet."""
    db.execute(_LOCK, {"name": f"patrol/{patrol_id}"})


def try_lock_patrol(db: Session, patrol_id: uuid.UUID) -> bool:
    """Lock a patrol if no sending is at it; tell whether it is locked. For who holds other locks already."""
    return bool(db.scalar(_TRY_LOCK, {"name": f"patrol/{patrol_id}"}))


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
_TRY_LOCK = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


# --- batches


def sent(db: Session, patrol_id: uuid.UUID) -> list[Sent]:
    """Return the stored sendings of a patrol id, whatever county it belongs to."""
    return _sent(db, Patrol.id == patrol_id)


def standing(db: Session, patrol_id: uuid.UUID, batch_id: uuid.UUID) -> Standing:
    """Return what a patrol id holds when a batch comes for it, whatever county it belongs to."""
    row = db.execute(_STANDING, {"patrol_id": patrol_id, "batch_id": batch_id}).one()
    return Standing(
        row.batches, row.fixes, row.has_more, row.sha256, None if row.datum is None else Datum(row.datum)
    )


def sent_with(db: Session, county_id: int, sha256: bytes) -> list[Sent]:
    """Return the stored sendings of a county with this content."""
    return _sent(db, and_(Batch.county_id == county_id, Batch.sha256 == sha256))


# Asked with every batch: one row, however many came before.
_STANDING = text(
    """
    select count(*) as batches, coalesce(sum(cardinality(time_s)), 0) as fixes,
      (array_agg(sha256) filter (where id = :batch_id))[1] as sha256,
      max(datum) filter (where id = :batch_id) as datum,
      exists (select from companion c where c.patrol_id = :patrol_id)
      or exists (select from check_in s where s.patrol_id = :patrol_id) as has_more
    from batch where patrol_id = :patrol_id
    """
)


def _sent(db: Session, where: Condition) -> list[Sent]:
    rows = db.execute(
        select(
            Patrol.id, Batch.id, Patrol.county_id, Patrol.person_id, Batch.sha256, Batch.datum,
            Patrol.voided_at.is_not(None), Batch.received_at, func.cardinality(Batch.time_s),
        )
        .join(Batch, Batch.patrol_id == Patrol.id)
        .where(where)
        .order_by(Batch.received_at, Batch.id)
    )  # fmt: skip
    return [
        Sent(patrol_id, id_, county_id, person_id, sha256, Datum(datum), voided, received_at, fixes)
        for patrol_id, id_, county_id, person_id, sha256, datum, voided, received_at, fixes in rows
    ]


def is_elsewhere(db: Session, county_id: int, patrol_id: uuid.UUID, person_id: uuid.UUID) -> bool:
    """Tell whether content of a patrol was also sent for somebody else and not voided."""
    own = select(Batch.sha256).where(Batch.patrol_id == patrol_id, func.cardinality(Batch.time_s) > 0)
    found = (
        select(Batch.id)
        .join(Patrol, Patrol.id == Batch.patrol_id)
        .where(
            Batch.county_id == county_id,
            Batch.sha256.in_(own),
            Patrol.person_id != person_id,
            Patrol.voided_at.is_(None),
        )
    )
    return db.scalar(found.limit(1)) is not None


def received(db: Session, patrol_id: uuid.UUID) -> Sequence[tuple[uuid.UUID, bytes, dt.datetime]]:
    """Return id, hash and time of arrival of each batch of a patrol, the first first."""
    rows = db.execute(
        select(Batch.id, Batch.sha256, Batch.received_at)
        .where(Batch.patrol_id == patrol_id)
        .order_by(Batch.received_at, Batch.id)
    )
    return [(id_, sha256, at) for id_, sha256, at in rows]


_INSERT_BATCH = text(
    "insert into batch (county_id, patrol_id, id, sha256, datum, device, received_at, time_s, lon, lat,"
    " accuracy_m) values (:county_id, :patrol_id, :id, :sha256, :datum, :device, :received_at, :time_s,"
    " :lon, :lat, :accuracy_m)"
)


def insert_batch(
    db: Session,
    county_id: int,
    patrol_id: uuid.UUID,
    batch: NewBatch,
    recording: Recording,
    received_at: dt.datetime,
) -> None:
    """Store a sending with its fixes as they came."""
    accuracy_m = recording.accuracy_m
    db.execute(
        _INSERT_BATCH,
        vars(batch)
        | {
            "county_id": county_id,
            "patrol_id": patrol_id,
            "received_at": received_at,
            "time_s": Doubles(recording.time_s),
            "lon": Doubles(recording.lonlat[:, 0]),
            "lat": Doubles(recording.lonlat[:, 1]),
            "accuracy_m": None if accuracy_m is None else Reals(accuracy_m),
        },
    )


def fixes_of(db: Session, patrol_id: uuid.UUID) -> Fixes:
    """Return all raw fixes of a patrol."""
    rows = db.execute(
        select(
            Batch.datum, func.extract("epoch", Batch.received_at), func.array_send(Batch.time_s),
            func.array_send(Batch.lon), func.array_send(Batch.lat), func.array_send(Batch.accuracy_m),
            Batch.sha256,
        )
        .where(Batch.patrol_id == patrol_id)
        .order_by(Batch.received_at, Batch.id)
    ).all()  # fmt: skip
    parts = [_part(*row[1:-1]) for row in rows]
    time_s, lon, lat, accuracy_m, received_s = (
        np.concatenate([np.empty(0), *(part[k] for part in parts)]) for k in range(5)
    )
    datum = [Datum(row[0]) for row, part in zip(rows, parts, strict=True) for _ in range(part[0].size)]
    recording = Recording(time_s, np.column_stack([lon, lat]), accuracy_m)
    empty = [row for row, part in zip(rows, parts, strict=True) if not part[0].size]
    are_gone = any(row[-1] != sha256_of(Datum(row[0]), NOTHING) for row in empty)
    return Fixes(recording, datum, received_s, are_gone)


def _part(received_s: Any, *arrays: bytes | None) -> tuple[Floats, ...]:
    time_s, lon, lat = (elements_of(sent or b"", ">f8") for sent in arrays[:3])
    known = arrays[3]
    accuracy_m = np.full(time_s.size, np.nan) if known is None else elements_of(known, ">f4")
    return time_s, lon, lat, accuracy_m, np.full(time_s.size, float(received_s))
