"""Patrols: taken from a recording, told, and voided."""

import dataclasses
import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import true
from sqlalchemy.orm import Session

from geo_service import audit, files
from geo_service.accounts.narrow import areas_in, patrols_in, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.counting import judged
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import Neighbourhood, Passage
from geo_service.errors import Conflict, Invalid
from geo_service.patrols import (
    answers,
    batch_queries,
    doubts,
    outings,
    parties,
    queries,
    settling,
    track_queries,
)
from geo_service.patrols.answers import PatrolAnswer, no_patrol
from geo_service.patrols.batch_queries import NewBatch, Sent
from geo_service.patrols.formats import parse
from geo_service.patrols.parties import WRITERS, county_of, crs_of
from geo_service.patrols.queries import NewPatrol
from geo_service.patrols.settling import Settled
from geo_service.tables import County, Patrol, Person
from layers import crs as crs_
from layers.coverage import COVERING
from layers.errors import UnknownCrs, UnknownTimeZone
from layers.tracks import Recording, Track
from layers.vocabulary import Datum, Evidence, Right, Verdict
from layers.walking import way

HOME_CUT_M = 200.0
_FILES = uuid.UUID("6f5c9d0e-8f43-5c1f-9a51-0f5d2b0c7a11")
"""Name space of the ids of patrols that come as files."""


@dataclass(frozen=True)
class Listed:
    """A patrol in a list; times in the county's zone."""

    patrol_id: uuid.UUID
    person_id: uuid.UUID | None
    person_name: str | None
    day: dt.date
    started_at: dt.datetime
    ended_at: dt.datetime
    walked_m: float
    evidence: Evidence
    verdict: Verdict
    is_open: bool
    """Not computed yet: its end, or some of its batches, have not come."""
    voided_at: dt.datetime | None

    @property
    def has_times(self) -> bool:
        """Whether it is known when on its day it began; paper does not always say."""
        return answers.has_times(self.evidence, self.started_at, self.ended_at)


def take(
    db: Session,
    scope: Scope,
    person_id: uuid.UUID,
    recording: Recording,
    *,
    patrol_id: uuid.UUID,
    batch_id: uuid.UUID,
    sha256: bytes,
    datum: Datum | None = None,
    device: str | None = None,
    home_cut_m: float = HOME_CUT_M,
) -> PatrolAnswer:
    """Store a recording (lon, lat in `datum`) as a patrol and tell what it covered; a repeat changes nothing.

    Without a datum WGS 84 is taken, and a recording that fits another one far better is asked about.
    Errors: NotFound (person out of scope), Conflict (the id with another content), BadTrack, OutsideCounty,
    UnknownCrs (the question of the datum), Invalid.
    """
    county, walker = county_of(db, scope), parties.walker(db, scope, person_id)
    batch = NewBatch(batch_id, sha256, datum or Datum.WGS84, device)
    batch_queries.lock_patrol(db, patrol_id)
    if known := batch_queries.sent(db, patrol_id):
        return _again(db, scope, walker, known, batch)
    _refuse_known(db, county, walker, patrol_id, batch)
    crs_of(county)
    now = _now()
    examined = doubts.examined(recording, datum, box=areas.box_of(county), now_s=now.timestamp())
    outings.lock(db, county.id)
    with db.begin_nested():
        time_s = examined.recording.time_s
        begun = settling.moment(np.nanmin(time_s), county) if np.isfinite(time_s).any() else now
        queries.insert_patrol(
            db, NewPatrol(patrol_id, county.id, walker.id, Evidence.TRACK, begun.date(), begun, begun)
        )
        batch_queries.insert_batch(db, county.id, patrol_id, batch, recording, now)
        queries.change_patrol(db, patrol_id, batches_due=1)
        settled = settling.settle(db, county, patrol_id, home_cut_m=home_cut_m)
        told = answers.told(db, scope, patrol_id)
        _check(db, county, settled, told, is_asked=datum is None)
        audit.record(db, scope.actor, "patrols.take", county_id=county.id, subject=f"patrol/{patrol_id}")
    return told


def take_file(
    db: Session,
    scope: Scope,
    person_id: uuid.UUID,
    source: Path | bytes | BinaryIO,
    *,
    name: str | None = None,
    time_zone: str | None = None,
    datum: Datum | None = None,
    device: str | None = None,
    home_cut_m: float = HOME_CUT_M,
    keep_in: Path | None = None,
) -> PatrolAnswer:
    """Store the recording of a file as a patrol; the same file again for the same person is recognised.

    The file itself is kept in a folder of kept files, until the raw retention; without one it is not.
    Errors: those of `formats.parse` and of `take`.
    """
    county, sha256 = county_of(db, scope), _sha256(source)
    reading = f"{(datum or Datum.WGS84).value}/{time_zone or ''}"
    patrol_id = uuid.uuid5(_FILES, f"{county.code}/{person_id}/{sha256.hex()}/{reading}")
    answer = take(
        db, scope, person_id, _parsed(source, county, name, time_zone), patrol_id=patrol_id,
        batch_id=patrol_id, sha256=sha256, datum=datum, device=device, home_cut_m=home_cut_m,
    )  # fmt: skip
    if keep_in is not None and not answer.already:
        subject = f"patrol/{answer.patrol_id}"
        files.keep_original(db, keep_in, source, county_id=county.id, subject=subject, name=name)
    return answer


def told(db: Session, scope: Scope, patrol_id: uuid.UUID) -> PatrolAnswer:
    """Return what a patrol covered, as its walker was told it."""
    return answers.answer(db, scope, _found(db, scope, patrol_id))


def listed(
    db: Session,
    scope: Scope,
    *,
    person_id: uuid.UUID | None = None,
    area: str | None = None,
    first_day: dt.date | None = None,
    last_day: dt.date | None = None,
    verdict: Verdict | None = None,
    after: tuple[dt.datetime, uuid.UUID] | None = None,
    limit: int = 100,
) -> list[Listed]:
    """Return the patrols of the scope that began on these days, the latest first, behind a key.

    With an area's code: those by its people or on its stretches. With a verdict: those that have it, and
    were neither left open nor taken back.
    """
    where = [patrols_in(scope)]
    if person_id is not None:
        where.append(Patrol.person_id == person_id)
    if area is not None:
        below = areas.descendants(db, scope.county_id, queries.area_ids(db, areas_in(scope), area))
        where.append(patrols_in(dataclasses.replace(scope, rights={Right.COORDINATOR: below})))
    if first_day is not None:
        where.append(Patrol.day >= first_day)
    if last_day is not None:
        where.append(Patrol.day <= last_day)
    if verdict is not None:
        where.append(judged(verdict))
    zone = ZoneInfo(county_of(db, scope).time_zone)
    return [
        Listed(
            patrol.id, patrol.person_id, name, patrol.day, patrol.started_at.astimezone(zone),
            patrol.ended_at.astimezone(zone), patrol.walked_m, Evidence(patrol.evidence),
            Verdict(patrol.verdict), patrol.settled_at is None, patrol.voided_at,
        )
        for patrol, name in queries.patrols(db, where, after=after, limit=limit)
    ]  # fmt: skip


def look(db: Session, scope: Scope, patrol_id: uuid.UUID) -> tuple[Patrol, Any]:
    """Return a patrol and its track (MultiLineString, lon, lat, M epoch seconds; None after the retention).

    A look at someone else's track is recorded.
    """
    patrol = _found(db, scope, patrol_id)
    track = track_queries.track(db, patrol_id)
    if track is not None and (patrol.person_id is None or patrol.person_id != scope.person_id):
        audit.record(
            db, scope.actor, "patrols.look", county_id=scope.county_id, subject=f"patrol/{patrol_id}"
        )
    return patrol, track


def void(db: Session, scope: Scope, patrol_id: uuid.UUID, reason: str) -> PatrolAnswer:
    """Take a patrol back: it stays with the reason, and covers nothing any more.

    Whoever may change its areas may, and the walker himself. Voiding twice changes nothing.
    """
    if not reason.strip() or "\0" in reason:
        raise Invalid("请写明作废的原因。")
    batch_queries.lock_patrol(db, patrol_id)
    outings.lock(db, scope.county_id)
    patrol = queries.patrol(db, patrol_id, patrols_in(scope, *WRITERS), locked=True)
    if patrol is None:
        raise no_patrol()
    if patrol.voided_at is None:
        was_together = outings.together(db, patrol_id)
        queries.void(db, patrol_id, reason.strip(), _now())
        coverage.forget(db, scope.county_id, patrol_id)
        outings.regroup(db, was_together)
        audit.record(
            db, scope.actor, "patrols.void", county_id=scope.county_id, subject=f"patrol/{patrol_id}"
        )
    # Not `told`: what brought the patrol into the scope may have been its coverage.
    return answers.told(db, scope, patrol_id)


def may_void(db: Session, scope: Scope, patrol_id: uuid.UUID) -> bool:
    """Tell whether the scope may take a patrol back."""
    return queries.patrol(db, patrol_id, patrols_in(scope, *WRITERS)) is not None


def walker_of(db: Session, scope: Scope, patrol_id: uuid.UUID) -> str | None:
    """Return the name of who walked, where the scope may read it."""
    patrol = _found(db, scope, patrol_id)
    if patrol.person_id is None:
        return None
    walker = queries.person(db, patrol.person_id, people_in(scope))
    return walker.name if walker else None


def place_of(db: Session, scope: Scope, patrol_id: uuid.UUID) -> tuple[int, str] | None:
    """Return id and name of the place that a patrol was for, where the scope may read it."""
    patrol = _found(db, scope, patrol_id)
    return None if patrol.place_id is None else queries.place(db, patrol.place_id, places_in(scope))


def _found(db: Session, scope: Scope, patrol_id: uuid.UUID) -> Patrol:
    patrol = queries.patrol(db, patrol_id, patrols_in(scope))
    if patrol is None:
        raise no_patrol()
    return patrol


def _again(db: Session, scope: Scope, walker: Person, known: Sequence[Sent], batch: NewBatch) -> PatrolAnswer:
    """Answer a sending whose patrol is stored already."""
    same = [sent for sent in known if sent.batch_id == batch.id]
    # After the retention nobody stands there any more.
    if not same or same[0].county_id != scope.county_id or same[0].person_id not in (walker.id, None):
        raise Conflict("这个巡查编号已经用过；请用新的编号发送。")
    if (same[0].sha256, same[0].datum) != (batch.sha256, batch.datum):
        raise Conflict("这次巡查已经收到过，但内容与这次发送的不同；原来的保持不变。请用新的编号发送。")
    return dataclasses.replace(answers.told(db, scope, same[0].patrol_id), already=True)


def _sha256(source: Path | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return hashlib.sha256(source).digest()
    if isinstance(source, Path):
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    return hashlib.file_digest(cast(Any, source), "sha256").digest()


def _parsed(
    source: Path | bytes | BinaryIO, county: County, name: str | None, time_zone: str | None
) -> Recording:
    if not isinstance(source, Path | bytes):
        source.seek(0)
    try:
        return parse(source, name=name, time_zone=time_zone)
    except UnknownTimeZone as error:
        if time_zone is not None:
            raise
        zone = county.time_zone
        raise UnknownTimeZone(
            f"{error.detail}本县的时区是 {zone}；如果是当地时间，请加 --tz {zone}。"
        ) from error


def _refuse_known(db: Session, county: County, walker: Person, patrol_id: uuid.UUID, batch: NewBatch) -> None:
    """Raise Conflict if a client began a patrol with this id, or the walker has the content as another."""
    if queries.patrol(db, patrol_id, true()) is not None:
        raise Conflict("这个巡查编号已经用过；请用新的编号发送。")
    others = [other for other in batch_queries.sent_with(db, county.id, batch.sha256) if not other.voided]
    if any(other.person_id == walker.id for other in others):
        raise Conflict(
            "同样的内容已登记为另一次巡查（可能用了另一种坐标系或时区）；如果那一次读错了，请先作废它再重传。",
            title="The same content was taken before as another patrol.",
        )


def _check(db: Session, county: County, settled: Settled, told: PatrolAnswer, *, is_asked: bool) -> None:
    """Raise what makes a file be sent again: no usable fix, a walk elsewhere, another datum."""
    if settled.fault is not None:
        raise settled.fault
    if settled.near is None:
        return
    box = areas.box_of(county)
    if box is not None and not settled.near.lines and not settled.near.areas:
        doubts.check_inside(settled.track.lonlat, box, is_asked=is_asked)
    if is_asked:
        _ask_datum(db, county, told, settled.track, settled.near)


def _ask_datum(db: Session, county: County, answer: PatrolAnswer, track: Track, near: Neighbourhood) -> None:
    """Raise UnknownCrs if a recording of no stated datum goes along lines only in another datum."""
    as_is_m = sum(line.along_m for line in answer.covered)
    if as_is_m >= 0.5 * answer.walked_m:
        return
    xy = track.metric(near.crs)
    way_m = float(way(xy, track.time_s, track.piece).length_m.sum())

    def along_m(datum: Datum) -> float:
        moved = dataclasses.replace(track, lonlat=crs_.to_wgs84(track.lonlat, datum))
        return _along_m(moved, coverage.neighbourhood(db, county, moved))

    better = doubts.better_datum(way_m, as_is_m, along_m)
    if better is not None:
        datum, metres = better
        raise UnknownCrs(
            f"轨迹像是 {datum.zh} 坐标：按 WGS 84 几乎不沿河道道路，换算后沿线 {metres:.0f} 米。"
            f"请用 --datum {datum.value} 说明；如果确实是 WGS 84，请用 --datum wgs84。"
        )


def _along_m(track: Track, near: Neighbourhood) -> float:
    """Return the metres of lines along which a track goes."""
    covered = Passage(near, track, ZoneInfo("UTC")).covered
    return float(covered.of(*COVERING).length.sum())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
