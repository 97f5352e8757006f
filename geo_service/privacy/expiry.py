"""What expires: for every kind of thing how long it may stay, which rows are past it, and how they go.

Each kind has one condition, which both the dropping and the count of what is left read.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Delete, Update, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from geo_service.settings import Settings
from geo_service.tables import (
    Alert,
    Batch,
    Case,
    CheckIn,
    Companion,
    Import,
    Job,
    Message,
    Notice,
    Patrol,
    PhotoPiece,
    Quarantined,
    Recomputation,
    RecordedFix,
    Report,
    StoredFile,
    Table,
)
from layers.cases import SETTLED
from layers.vocabulary import FileKind

JOB_DAYS = 30
"""Days after which a job that ended is forgotten; what it was told goes after the raw retention."""
RUN_DAYS = 30
"""Days after which a run of recompute that nobody adopted is dropped with what it holds of patrols."""
WAIT_DAYS = 7
"""Days after which what a recorder sent, and its person said nothing of, is dropped (domain.md 5)."""
Condition = ColumnElement[bool]
Counts = Counter[int | None]


@dataclass(frozen=True)
class Limits:
    """Days that things may stay."""

    raw_days: int
    open_raw_days: int
    """For raw fixes of a patrol that is not settled yet."""
    track_days: int
    run_days: int = RUN_DAYS
    wait_days: int = WAIT_DAYS

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Return what the settings say."""
        return cls(settings.raw_days, max(settings.open_raw_days, settings.raw_days), settings.track_days)


@dataclass(frozen=True)
class Expiry:
    """One kind of thing that expires."""

    name: str
    zh: str
    limit: str
    """Which of the `Limits` holds for it."""
    table: type[Table]
    is_past: Callable[[dt.datetime, Limits], Condition]
    drop: Callable[[Condition], Sequence[Delete | Update]]
    """The statements that make rows forget it; the last one is on `table`."""

    @property
    def county_id(self) -> ColumnElement[Any]:
        """The column that says whose it is."""
        return self.table.__table__.c.county_id


def _before(now: dt.datetime, days: int) -> dt.datetime:
    return now - dt.timedelta(days=days)


def _raw_is_past(now: dt.datetime, limits: Limits) -> Condition:
    """Raw fixes past their time; those of an open patrol wait for its end, but not for ever."""
    is_open = exists().where(Patrol.id == Batch.patrol_id, Patrol.settled_at.is_(None)).correlate(Batch)
    return or_(func.cardinality(Batch.time_s) > 0, Batch.device.is_not(None)) & or_(
        Batch.received_at < _before(now, limits.open_raw_days),
        (Batch.received_at < _before(now, limits.raw_days)) & ~is_open,
    )


def _track_is_past(now: dt.datetime, limits: Limits) -> Condition:
    went_along = exists().where(Companion.patrol_id == Patrol.id).correlate(Patrol)
    tells = or_(
        Patrol.track.is_not(None), Patrol.accuracy_m.is_not(None), Patrol.person_id.is_not(None), went_along
    )
    return (Patrol.created_at < _before(now, limits.track_days)) & tells


def _original_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return (StoredFile.kind == FileKind.ORIGINAL) & (StoredFile.created_at < _before(now, limits.raw_days))


def _piece_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return PhotoPiece.received_at < _before(now, limits.raw_days)


def _name_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return (Import.file_name != "") & (Import.created_at < _before(now, limits.raw_days))


def _detail_is_past(now: dt.datetime, limits: Limits) -> Condition:
    tells = or_(Job.payload != {}, Job.progress != {}, Job.error.is_not(None))
    return tells & (Job.finished_at < _before(now, limits.raw_days))


def _run_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return Recomputation.adopted_at.is_(None) & (Recomputation.created_at < _before(now, limits.run_days))


def _wait_is_past(now: dt.datetime, limits: Limits) -> Condition:
    """Tell of fixes that nobody decided on; those that were decided on hold a time only, for the raw days."""
    return or_(
        RecordedFix.decided_at.is_(None) & (RecordedFix.received_at < _before(now, limits.wait_days)),
        RecordedFix.received_at < _before(now, limits.raw_days),
    )


def _stranger_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return Quarantined.received_at < _before(now, limits.wait_days)


def _check_in_is_past(now: dt.datetime, limits: Limits) -> Condition:
    tells = or_(CheckIn.lon.is_not(None), CheckIn.lat.is_not(None), CheckIn.accuracy_m.is_not(None))
    return tells & (CheckIn.received_at < _before(now, limits.raw_days))


def _call_is_past(now: dt.datetime, limits: Limits) -> Condition:
    tells = or_(Alert.lon.is_not(None), Alert.lat.is_not(None))
    return tells & (Alert.raised_at < _before(now, limits.raw_days))


def _alert_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return Alert.closed_at.is_not(None) & (Alert.raised_at < _before(now, limits.track_days))


def _caller_is_past(now: dt.datetime, limits: Limits) -> Condition:
    """Tell of who called or wrote about a problem that was settled so long ago."""
    settled = Case.state.in_(sorted(SETTLED)) & (Case.since < _before(now, limits.run_days))
    tells = or_(Report.caller.is_not(None), Report.caller_phone.is_not(None))
    return tells & Report.case_id.in_(select(Case.id).where(settled))


def _message_is_past(now: dt.datetime, limits: Limits) -> Condition:
    """Tell of messages: sent ones stay the raw days, others until somebody had time to look."""
    return or_(
        Message.sent_at < _before(now, limits.raw_days), Message.created_at < _before(now, limits.run_days)
    )


def _notice_is_past(now: dt.datetime, limits: Limits) -> Condition:
    return Notice.until < _before(now, limits.run_days)


EXPIRIES = (
    Expiry(
        "raw_fixes", "原始定位点（批）", "raw_days", Batch, _raw_is_past,
        # Id and hash stay, so that a late repeat is still known.
        lambda past: [
            update(Batch).where(past).values(time_s=[], lon=[], lat=[], accuracy_m=None, device=None)
        ],
    ),
    Expiry(
        "tracks", "轨迹，连同走的人和同行人（次）", "track_days", Patrol, _track_is_past,
        lambda past: [
            delete(Companion).where(Companion.patrol_id.in_(select(Patrol.id).where(past))),
            update(Patrol).where(past).values(track=None, accuracy_m=None, person_id=None, said={}),
        ],
    ),
    Expiry(
        "originals", "名册、轨迹、照片等的原件（个）", "raw_days", StoredFile, _original_is_past,
        lambda past: [delete(StoredFile).where(past)],
    ),
    Expiry(
        "photo_pieces", "没有收全的上报照片（段）", "raw_days", PhotoPiece, _piece_is_past,
        lambda past: [delete(PhotoPiece).where(past)],
    ),
    Expiry(
        "file_names", "导入的文件名（个）", "raw_days", Import, _name_is_past,
        lambda past: [update(Import).where(past).values(file_name="")],
    ),
    Expiry(
        "job_details", "后台工作的参数和错误（个）", "raw_days", Job, _detail_is_past,
        lambda past: [update(Job).where(past).values(payload={}, progress={}, error=None)],
    ),
    Expiry(
        "recomputations", "没有采用的重算（次）", "run_days", Recomputation, _run_is_past,
        lambda past: [delete(Recomputation).where(past)],
    ),
    Expiry(
        "recorded_fixes", "别的软件发来、本人没有认定的定位点（个）", "wait_days", RecordedFix, _wait_is_past,
        lambda past: [delete(RecordedFix).where(past)],
    ),
    Expiry(
        "quarantined", "没有登记的设备发来的定位点（个）", "wait_days", Quarantined, _stranger_is_past,
        lambda past: [delete(Quarantined).where(past)],
    ),
    Expiry(
        "check_in_positions", "打卡时的位置（次）", "raw_days", CheckIn, _check_in_is_past,
        lambda past: [update(CheckIn).where(past).values(lon=None, lat=None, accuracy_m=None)],
    ),
    Expiry(
        "alert_positions", "求助时的位置（次）", "raw_days", Alert, _call_is_past,
        lambda past: [update(Alert).where(past).values(lon=None, lat=None)],
    ),
    Expiry(
        "alerts", "处理完的关心提醒（条）", "track_days", Alert, _alert_is_past,
        lambda past: [delete(Alert).where(past)],
    ),
    Expiry(
        "callers", "办结的问题里来电、扫码的人（次）", "run_days", Report, _caller_is_past,
        lambda past: [update(Report).where(past).values(caller=None, caller_phone=None)],
    ),
    Expiry(
        "messages", "发给工作群的消息（条）", "raw_days", Message, _message_is_past,
        lambda past: [delete(Message).where(past)],
    ),
    Expiry(
        "notices", "过期的天气等提醒（条）", "run_days", Notice, _notice_is_past,
        lambda past: [delete(Notice).where(past)],
    ),
)  # fmt: skip


def drop(db: Session, now: dt.datetime, limits: Limits) -> tuple[dict[str, Counts], list[bytes]]:
    """Drop all that is past its time.

    Return how many of each kind by county, and the hashes of files whose bytes are to go after the commit.
    """
    gone = list(db.scalars(select(StoredFile.sha256).where(_original_is_past(now, limits))))
    return {expiry.name: _drop(db, expiry, expiry.is_past(now, limits)) for expiry in EXPIRIES}, gone


def _drop(db: Session, expiry: Expiry, past: Condition) -> Counts:
    *first, last = expiry.drop(past)
    for statement in first:
        db.execute(statement)
    return Counter(db.scalars(last.returning(expiry.county_id)))


def left(db: Session, now: dt.datetime, limits: Limits) -> dict[str, Counts]:
    """Return how many of each kind by county are past their time and still there."""
    found: dict[str, Counts] = {}
    for expiry in EXPIRIES:
        past = select(expiry.county_id, func.count()).where(expiry.is_past(now, limits))
        rows = db.execute(past.group_by(expiry.county_id))
        found[expiry.name] = Counter(dict(rows.all()))
    return found
