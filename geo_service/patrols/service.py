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
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service import audit, files
from geo_service.accounts.narrow import CHANGE, areas_in, patrols_in, people_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.coverage import service as coverage
from geo_service.coverage.service import Neighbourhood
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.patrols import answers, doubts, judging, queries
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.formats import parse
from geo_service.patrols.queries import NewBatch, NewPatrol, Sent
from geo_service.patrols.words import clock
from geo_service.tables import County, Json, Patrol, Person
from layers import crs as crs_
from layers.errors import UnknownCrs, UnknownTimeZone
from layers.matching import matched, way
from layers.tracks import CLEANING, Recording, Track, clean, home_cut
from layers.vocabulary import Datum, Layer, Right, Verdict

HOME_CUT_M = 200.0
_WRITERS = (*CHANGE, Right.VOLUNTEER)
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
    verdict: Verdict
    voided_at: dt.datetime | None


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
    county, walker = _county(db, scope), _walker(db, scope, person_id)
    batch = NewBatch(batch_id, sha256, datum or Datum.WGS84, device)
    if known := queries.sent(db, patrol_id):
        return _again(db, county, walker, known, batch)
    notes = _same_content(db, county, walker, batch)
    box = areas.box_of(county)
    fixes = doubts.examined(recording, datum, box=box, now_s=_now().timestamp())
    track = clean(fixes.recording, _crs(county))
    near = coverage.neighbourhood(db, county, track)
    if box is not None and not near.lines and not near.areas:
        doubts.check_inside(track.lonlat, box, is_asked=datum is None)
    kept = _kept(track, near, home_cut_m)
    notes += [*fixes.notes, *_overlaps(db, county, walker, track)]
    with db.begin_nested():
        patrol = _new_patrol(county, walker, patrol_id, track, kept, notes)
        if not queries.insert_patrol(db, patrol, kept):
            return _again(db, county, walker, queries.sent(db, patrol_id), batch)
        queries.insert_batch(db, county.id, patrol_id, batch, recording)
        recorded = coverage.record(db, county, patrol_id, kept, near)
        judging.settle_verdict(db, county, patrol_id, track, near, recorded)
        told = _told(db, county, patrol_id)
        if datum is None:
            _ask_datum(db, county, told, track, near)
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
    county, sha256 = _county(db, scope), _sha256(source)
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
    patrol = _found(db, scope, patrol_id)
    return answers.answer(db, _county(db, scope), patrol)


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
        where += [Patrol.verdict == verdict, Patrol.voided_at.is_(None), Patrol.settled_at.is_not(None)]
    zone = ZoneInfo(_county(db, scope).time_zone)
    return [
        Listed(
            patrol.id, patrol.person_id, name, patrol.day, patrol.started_at.astimezone(zone),
            patrol.ended_at.astimezone(zone), patrol.walked_m, Verdict(patrol.verdict), patrol.voided_at,
        )
        for patrol, name in queries.patrols(db, where, after=after, limit=limit)
    ]  # fmt: skip


def look(db: Session, scope: Scope, patrol_id: uuid.UUID) -> tuple[Patrol, Any]:
    """Return a patrol and its track (MultiLineString, lon, lat, M epoch seconds; None after the retention).

    A look at someone else's track is recorded.
    """
    patrol = _found(db, scope, patrol_id)
    track = queries.track(db, patrol_id)
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
    patrol = queries.patrol(db, patrol_id, patrols_in(scope, *_WRITERS), locked=True)
    if patrol is None:
        raise _no_patrol()
    if patrol.voided_at is None:
        queries.void(db, patrol_id, reason.strip(), _now())
        coverage.forget(db, scope.county_id, patrol_id)
        audit.record(
            db, scope.actor, "patrols.void", county_id=scope.county_id, subject=f"patrol/{patrol_id}"
        )
    # Not `told`: what brought the patrol into the scope may have been its coverage.
    return _told(db, _county(db, scope), patrol_id)


def may_void(db: Session, scope: Scope, patrol_id: uuid.UUID) -> bool:
    """Tell whether the scope may take a patrol back."""
    return queries.patrol(db, patrol_id, patrols_in(scope, *_WRITERS)) is not None


def walker_of(db: Session, scope: Scope, patrol_id: uuid.UUID) -> str | None:
    """Return the name of who walked, where the scope may read it."""
    patrol = _found(db, scope, patrol_id)
    if patrol.person_id is None:
        return None
    walker = queries.person(db, patrol.person_id, people_in(scope))
    return walker.name if walker else None


def person_called(db: Session, scope: Scope, word: str) -> Person:
    """Return whom one may send for by name, number or id; NotFound if there is none, Invalid if several."""
    found = queries.people_called(db, word.strip(), people_in(scope, *_WRITERS)) if "\0" not in word else []
    if not found:
        raise NotFound(f"人员名册里没有「{word[:40]}」；请核对姓名或编号，或先导入人员。")
    if len(found) > 1:
        listed_ = "、".join(f"{p.name}（编号 {p.number or p.id}）" for p in found[:10])
        raise Invalid(f"叫「{word}」的有 {len(found)} 人：{listed_}。请用编号说明是哪一位。")
    return found[0]


def _county(db: Session, scope: Scope) -> County:
    return queries.county(db, scope.county_id)


def _crs(county: County) -> str:
    if county.crs is None:
        raise Invalid("本县还没有范围，不能计算巡查；请先导入辖区，或河道、道路等图层。")
    return county.crs


def _walker(db: Session, scope: Scope, person_id: uuid.UUID) -> Person:
    found = queries.person(db, person_id, people_in(scope, *_WRITERS), held=True)
    if found is None:
        raise NotFound("没有这个人员，或不在您的权限内。")
    return found


def _found(db: Session, scope: Scope, patrol_id: uuid.UUID) -> Patrol:
    patrol = queries.patrol(db, patrol_id, patrols_in(scope))
    if patrol is None:
        raise _no_patrol()
    return patrol


def _no_patrol() -> NotFound:
    return NotFound("没有这次巡查，或不在您的权限内。")


def _again(
    db: Session, county: County, walker: Person, known: Sequence[Sent], batch: NewBatch
) -> PatrolAnswer:
    """Answer a sending whose patrol is stored already."""
    same = [sent for sent in known if sent.batch_id == batch.id]
    # After the retention nobody stands there any more.
    if not same or same[0].county_id != county.id or same[0].person_id not in (walker.id, None):
        raise Conflict("这个巡查编号已经用过；请用新的编号发送。")
    if (same[0].sha256, same[0].datum) != (batch.sha256, batch.datum):
        raise Conflict("这次巡查已经收到过，但内容与这次发送的不同；原来的保持不变。请用新的编号发送。")
    return dataclasses.replace(_told(db, county, same[0].patrol_id), already=True)


def _told(db: Session, county: County, patrol_id: uuid.UUID) -> PatrolAnswer:
    patrol = queries.patrol(db, patrol_id, Patrol.county_id == county.id)
    if patrol is None:
        raise _no_patrol()
    return answers.answer(db, county, patrol)


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


def _same_content(db: Session, county: County, walker: Person, batch: NewBatch) -> list[str]:
    """Return what to note of other patrols with the same content; Conflict if it is the walker's own."""
    others = [other for other in queries.sent_with(db, county.id, batch.sha256) if not other.voided]
    if any(other.person_id == walker.id for other in others):
        raise Conflict(
            "同样的内容已登记为另一次巡查（可能用了另一种坐标系或时区）；如果那一次读错了，请先作废它再重传。",
            title="The same content was taken before as another patrol.",
        )
    if any(other.person_id is not None for other in others):
        return ["同样的内容也登记在另一个人名下；如果不是结伴同行，请协调员核对。"]
    return []


def _kept(track: Track, near: Neighbourhood, home_cut_m: float) -> Track:
    """Return what is kept of a track: without the home, and without fixes that no other joins."""
    xy = crs_.to_metric(track.lonlat, near.crs)
    ends = np.hypot(*(xy[:, None] - xy[[0, -1]]).T).min(axis=0) <= home_cut_m + 1.0
    near_a_place = np.ones(len(track), dtype=bool)
    # Only the ends can be cut: the fixes between them need not be compared with every place.
    near_a_place[ends] = near.near(track.where(ends))
    cut = home_cut(track, near.crs, cut_m=home_cut_m, near_a_place=near_a_place)
    _, index, count = np.unique(cut.piece, return_inverse=True, return_counts=True)
    return cut.where(count[index] > 1) if len(cut) else cut


def _overlaps(db: Session, county: County, walker: Person, track: Track) -> list[str]:
    started_at, ended_at = _moment(track.time_s[0], county), _moment(track.time_s[-1], county)
    zone = ZoneInfo(county.time_zone)
    return [
        f"与 {clock(began.astimezone(zone))} 开始的另一次巡查时间重叠；两次都已保存。"
        for began in queries.overlapping(db, county.id, walker.id, started_at, ended_at)[:3]
    ]


def _new_patrol(
    county: County,
    walker: Person,
    patrol_id: uuid.UUID,
    track: Track,
    kept: Track,
    notes: list[str],
) -> NewPatrol:
    started_at, ended_at = _moment(track.time_s[0], county), _moment(track.time_s[-1], county)
    cleaning: Json = {
        "version": CLEANING,
        "dropped": dict(track.dropped),
        "home_cut": len(track) - len(kept),
        "notes": notes,
    }
    walked_m = round(track.walked_m(_crs(county)), 1)
    return NewPatrol(
        patrol_id,
        county.id,
        walker.id,
        started_at.date(),
        started_at,
        ended_at,
        walked_m,
        len(track),
        cleaning,
    )


def _ask_datum(db: Session, county: County, answer: PatrolAnswer, track: Track, near: Neighbourhood) -> None:
    """Raise UnknownCrs if a recording of no stated datum goes along lines only in another datum."""
    as_is_m = sum(line.metres for line in answer.covered)
    if as_is_m >= 0.5 * answer.walked_m:
        return
    xy = crs_.to_metric(track.lonlat, near.crs)
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
    rival = np.array([list(Layer).index(line.layer) for line in near.lines], np.int64)
    xy: NDArray[np.float64] = crs_.to_metric(track.lonlat, near.crs)
    covered = matched(near.line_set, xy, track.time_s, track.piece, near.reach_m, rival)
    return float(covered.spans().length.sum())


def _moment(time_s: float, county: County) -> dt.datetime:
    return dt.datetime.fromtimestamp(float(time_s), ZoneInfo(county.time_zone))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
