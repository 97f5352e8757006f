"""What a walker learns of a patrol: what it covered and saw, what was left out and why, what is missing."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import true
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import people_in
from geo_service.accounts.scope import Scope
from geo_service.coverage.service import CoveredLine, SeenArea
from geo_service.errors import NotFound
from geo_service.patrols import batch_queries, check_in_queries, covered_queries, queries
from geo_service.patrols.how_words import how
from geo_service.patrols.words import clock, of_check_ins, of_open, of_paper, sentence
from geo_service.tables import County, Json, Patrol
from layers import masks
from layers.verdicts import Judgement, Reason, hint, in_words
from layers.vocabulary import Evidence, Verdict


@dataclass(frozen=True)
class Came:
    """A batch that is stored."""

    batch_id: uuid.UUID
    sha256: str
    """Of its content, as `Fixes` says; of a file: of its bytes."""
    received_at: dt.datetime


@dataclass(frozen=True)
class State:
    """How far a patrol has come."""

    is_open: bool
    """It was not computed yet and counts nothing."""
    is_final: bool
    """Its end and all the batches that this names are in: the verdict is no longer provisional."""
    batches_due: int | None
    """How many batches its end named; None: no end came."""
    missing: int | None
    """How many of these have not come; None: no end came."""
    received: int
    """How many batches came."""
    batches: Sequence[Came]
    """Those that came, the first first; the answer to a batch names this one only."""


@dataclass(frozen=True)
class Along:
    """Somebody who walked along."""

    person_id: uuid.UUID
    name: str | None
    """None: deleted since. Masked for who may not see him: a number that was tried tells no name."""


@dataclass(frozen=True)
class ReasonTold:
    """One reason of a verdict: its code, its words, and how much is missing of a minimum."""

    code: str
    words: str
    value: float | None = None
    limit: float | None = None
    missing: float | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Scanned:
    """A check-in: a plate that was scanned."""

    at: dt.datetime
    """In the county's time zone."""
    place: str | None
    where: str | None
    """Where the plate hangs, in words."""
    away_m: float | None
    """How far from it; None: the phone told no position."""
    is_near: bool


@dataclass(frozen=True)
class Outage:
    """A time without a fix: nothing is known of it but where it began and ended."""

    began_at: dt.datetime
    """In the county's time zone, like `ended_at`."""
    ended_at: dt.datetime

    @property
    def minutes(self) -> float:
        """How long it lasted."""
        return (self.ended_at - self.began_at) / dt.timedelta(minutes=1)


@dataclass(frozen=True)
class PatrolAnswer:
    """A patrol as its walker is told of it."""

    patrol_id: uuid.UUID
    person_id: uuid.UUID | None
    evidence: Evidence
    place_id: int | None
    """The place it was for, as was said; what it covered is computed."""
    day: dt.date
    started_at: dt.datetime
    """In the county's time zone, like `ended_at`."""
    ended_at: dt.datetime
    walked_m: float
    fixes: int
    state: State
    verdict: Verdict
    reasons: Sequence[ReasonTold]
    """Why it is not simply counted."""
    people: int
    """How many took part (人次); 0 if counted with `same_outing_as`."""
    companions: Sequence[Along]
    same_outing_as: uuid.UUID | None
    """Another patrol that is the same outing, recorded by somebody who walked along: counted there."""
    record: Mapping[str, Any]
    """What was noted: weather, checklist, remarks."""
    photos: Sequence[uuid.UUID]
    covered: Sequence[CoveredLine]
    """The lines along which it went, also those of which nothing counts or where that is not clear."""
    seen: Sequence[SeenArea]
    rides_count: bool
    """Whether what was ridden covers: there is no norm for its walker, or he may ride under it."""
    outages: Sequence[Outage]
    check_ins: Sequence[Scanned]
    """Plates that were scanned on it."""
    dropped: Mapping[str, int]
    """How many fixes each rule of the cleaning left out."""
    hidden: int
    """How many fixes near the ends are not kept, so that nobody sees where someone lives."""
    notes: Sequence[str]
    """What the walker should know (Chinese)."""
    told: str
    """Thanks, time, way and what was covered, in one plain sentence (Chinese)."""
    norm_id: int | None = None
    """The norm it was judged by."""
    reviewed_at: dt.datetime | None = None
    review_note: str | None = None
    voided_at: dt.datetime | None = None
    void_reason: str | None = None
    already: bool = False
    """It was stored before: nothing was added."""

    @property
    def has_times(self) -> bool:
        """Whether it is known when on its day it began; paper does not always say."""
        return has_times(self.evidence, self.started_at, self.ended_at)


def has_times(evidence: Evidence, started_at: dt.datetime, ended_at: dt.datetime) -> bool:
    """Tell whether the times of an outing (in the county's zone) are more than those of its day."""
    return (
        evidence not in (Evidence.PAPER, Evidence.STATED)
        or started_at != ended_at
        or started_at.time() != dt.time()
    )


def no_patrol() -> NotFound:
    """Return the error for a patrol that is not there, or out of scope."""
    return NotFound("没有这次巡查，或不在您的权限内。")


def told(db: Session, scope: Scope, patrol_id: uuid.UUID) -> PatrolAnswer:
    """Return the answer of a patrol of the scope's county, wherever it was. Raises NotFound."""
    patrol = queries.patrol(db, patrol_id, Patrol.county_id == scope.county_id)
    if patrol is None:
        raise no_patrol()
    return answer(db, scope, patrol)


def answer(db: Session, scope: Scope, patrol: Patrol) -> PatrolAnswer:
    """Build the answer from what is stored, so that every answer to a sending is the same."""
    batches = [Came(id_, sha256.hex(), at) for id_, sha256, at in batch_queries.received(db, patrol.id)]
    state = _state(patrol, len(batches), batches)
    return _answer(db, scope, patrol, state, _companions(db, scope, patrol), _scans(db, scope, patrol))


def of_longer(db: Session, scope: Scope, patrol: Patrol, received: int, came: Came) -> PatrolAnswer:
    """Build the answer of an open patrol without companions or scans that a batch has just made longer.

    Of a walk by far the most answers are such: a phone asks for one every ten seconds.
    """
    return _answer(db, scope, patrol, _state(patrol, received, [came]), [], [])


def _answer(
    db: Session,
    scope: Scope,
    patrol: Patrol,
    state: State,
    companions: Sequence[Along],
    scans: Sequence[Scanned],
) -> PatrolAnswer:
    county = queries.county(db, scope.county_id)
    zone = ZoneInfo(county.time_zone)
    # What is open covers nothing yet.
    lines = [] if state.is_open else _covered(db, county, patrol)
    areas = [] if state.is_open else _seen(db, county, patrol)
    outages = _outages(patrol, zone)
    started_at, ended_at = patrol.started_at.astimezone(zone), patrol.ended_at.astimezone(zone)
    return PatrolAnswer(
        patrol_id=patrol.id,
        person_id=patrol.person_id,
        evidence=Evidence(patrol.evidence),
        place_id=patrol.place_id,
        day=patrol.day,
        started_at=started_at,
        ended_at=ended_at,
        walked_m=patrol.walked_m,
        fixes=patrol.fixes,
        state=state,
        verdict=Verdict(patrol.verdict),
        reasons=[_reason(data) for data in patrol.reasons],
        people=patrol.people,
        companions=companions,
        same_outing_as=patrol.same_outing_as,
        record=patrol.record,
        photos=[uuid.UUID(word) for word in patrol.said.get("photos", {})],
        covered=lines,
        seen=areas,
        rides_count=patrol.rides_count,
        outages=outages,
        check_ins=scans,
        dropped=patrol.cleaning.get("dropped", {}),
        hidden=patrol.cleaning.get("home_cut", 0),
        notes=[
            *_notes(db, patrol, state, zone),
            *how(lines, [outage.minutes for outage in outages], rides_count=patrol.rides_count),
        ],
        told=_of_check_ins(db, patrol, started_at, scans)
        if patrol.evidence == Evidence.CHECK_IN
        else _sentence(patrol, state, started_at, ended_at, lines, areas),
        norm_id=patrol.norm_id,
        reviewed_at=patrol.reviewed_at and patrol.reviewed_at.astimezone(zone),
        review_note=patrol.review_note,
        voided_at=patrol.voided_at,
        void_reason=patrol.void_reason,
    )


def _companions(db: Session, scope: Scope, patrol: Patrol) -> list[Along]:
    return [
        Along(id_, name if is_seen else masks.name(name))
        for id_, name, is_seen in queries.companions(db, patrol.id, people_in(scope))
    ]


def _state(patrol: Patrol, received: int, batches: Sequence[Came]) -> State:
    due = patrol.batches_due
    missing = None if due is None else max(due - received, 0)
    is_open = patrol.settled_at is None
    return State(is_open, not is_open and missing == 0, due, missing, received, batches)


def _covered(db: Session, county: County, patrol: Patrol) -> list[CoveredLine]:
    lines = covered_queries.covered_lines(db, county.id, patrol.id)
    return sorted(lines, key=lambda line: (-line.metres, -line.along_m, line.place_id))


def _outages(patrol: Patrol, zone: ZoneInfo) -> list[Outage]:
    """Return the outages of a patrol that stands."""
    if patrol.voided_at is not None:
        return []
    measures = patrol.cleaning.get("measures", {})
    return [
        Outage(*(dt.datetime.fromtimestamp(end_s, zone) for end_s in ends))
        for ends in measures.get("outages", ())
    ]


def _seen(db: Session, county: County, patrol: Patrol) -> list[SeenArea]:
    areas = [
        SeenArea.of((s.place_id, s.layer, s.name), s.seen_m2, s.sizes, s.dwell_s, s.entries).rounded()
        for s in covered_queries.seen_areas(db, county.id, patrol.id)
    ]
    return sorted(areas, key=lambda area: (-area.seen_m2, area.place_id))


def _notes(db: Session, patrol: Patrol, state: State, zone: ZoneInfo) -> list[str]:
    """Return what the walker should know, also of other patrols as they are now."""
    notes: list[str] = list(patrol.cleaning.get("notes", []))
    if patrol.voided_at is not None or state.is_open:
        return notes
    if state.missing is None:
        notes.append("手机没有发来“结束”，已按收到的定位点结算；以后补发会重新计算。")
    elif state.missing:
        notes.append(f"手机还有 {state.missing} 次发送没有到，已按收到的结算；补发后会重新计算。")
    if patrol.evidence == Evidence.TRACK and not patrol.fixes:
        notes.append("没有收到可用的定位点，走了多远、走到哪里无法计算；请检查手机的定位权限。")
    if patrol.same_outing_as is not None:
        notes.append("同行人也记录了这次巡查：两条轨迹都算走到，人次、里程和时长只计一次。")
    if patrol.person_id is not None and batch_queries.is_elsewhere(
        db, patrol.county_id, patrol.id, patrol.person_id
    ):
        notes.append("同样的内容也登记在另一个人名下；如果不是结伴同行，请协调员核对。")
    return notes + [
        f"与 {clock(began.astimezone(zone))} 开始的另一次巡查时间重叠；两次都已保存。"
        for began in queries.overlapping(db, patrol)[:3]
    ]


def _scans(db: Session, scope: Scope, patrol: Patrol) -> list[Scanned]:
    zone = ZoneInfo(queries.county(db, scope.county_id).time_zone)
    rows = check_in_queries.scans(db, patrol.id)
    return [
        Scanned(at.astimezone(zone), place, where, away_m, is_near)
        for at, place, where, away_m, is_near in rows
    ]


def _of_check_ins(db: Session, patrol: Patrol, started_at: dt.datetime, scans: Sequence[Scanned]) -> str:
    place = None if patrol.place_id is None else queries.place(db, patrol.place_id, true())
    return of_check_ins(started_at, place and place[1], len(scans), _hint(patrol))


def _sentence(
    patrol: Patrol,
    state: State,
    started_at: dt.datetime,
    ended_at: dt.datetime,
    lines: Sequence[CoveredLine],
    areas: Sequence[SeenArea],
) -> str:
    if state.is_open:
        return of_open(started_at, state.received, state.missing)
    if patrol.evidence != Evidence.TRACK:
        return of_paper(started_at, Evidence(patrol.evidence))
    return sentence(started_at, ended_at, patrol.walked_m, lines, areas, _hint(patrol))


def _hint(patrol: Patrol) -> str:
    """Return the one thing that the walker is told; nothing once somebody decided, or it was taken back."""
    if patrol.reviewed_at is not None or patrol.voided_at is not None:
        return ""
    reasons = tuple(Reason.from_json(data) for data in patrol.reasons)
    return hint(Judgement(Verdict(patrol.verdict), reasons))


def _reason(data: Json) -> ReasonTold:
    return ReasonTold(words=in_words(Reason.from_json(data)), **data)
