"""A patrol from a client: its begin, its batches and its end, each of which may come first, twice or late.

Every word makes the patrol if it is the first, and completes it if it is the last: it is open and counts
nothing until its end and all batches that this names are in, then it is computed, once. What comes after
that is taken too and the patrol computed again, with the result it would have had if it had come before.
"""

import dataclasses
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, places_in
from geo_service.accounts.scope import Scope
from geo_service.errors import Conflict, Invalid, NotFound, TooLate
from geo_service.patrols import answers, batch_queries, outings, parties, queries, settling
from geo_service.patrols.answers import Came, PatrolAnswer
from geo_service.patrols.batch_queries import NewBatch, Standing
from geo_service.patrols.content import sha256_of
from geo_service.patrols.fixes import MAX_FIXES
from geo_service.patrols.parties import county_of, crs_of
from geo_service.patrols.queries import NewPatrol
from geo_service.patrols.settling import moment
from geo_service.privacy import consents
from geo_service.tables import County, Json, Patrol, Person, Place
from layers.tracks import EARLIEST_S, Recording
from layers.vocabulary import Datum, Evidence, Right

CLOSE = "patrols.close"
"""Kind of the job that closes patrols whose end never came."""
MOST_BATCHES = 2000
"""Batches of one patrol: a day of one every 45 seconds."""


@dataclass(frozen=True)
class Rules:
    """What the settings say of patrols."""

    home_cut_m: float
    late: dt.timedelta
    """How long after it happened something may be sent."""


@dataclass(frozen=True)
class Begin:
    """Who sets out, when, for which place, with whom."""

    started_at: dt.datetime
    place_id: int | None = None
    companions: Sequence[str] = ()
    """Names, numbers or ids."""
    device: str | None = None


@dataclass(frozen=True, eq=False)
class Fixes:
    """One sending of fixes: lon, lat in a datum."""

    recording: Recording
    datum: Datum
    device: str | None = None
    sha256: bytes | None = None
    """As the client computed it, to be checked."""


@dataclass(frozen=True)
class End:
    """When it was over, how many batches it has, and what was noted."""

    ended_at: dt.datetime
    batches: int
    record: Json = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Word:
    """A begin, batch or end on its way into a patrol, whose lock is held."""

    db: Session
    scope: Scope
    rules: Rules
    county: County
    walker: Person
    patrol_id: uuid.UUID
    patrol: Patrol | None
    """As it stands; None: this is the first word of it."""
    now: dt.datetime


def begin(
    db: Session, scope: Scope, patrol_id: uuid.UUID, said: Begin, *, person: str | None, rules: Rules
) -> PatrolAnswer:
    """Take the begin of a patrol. Raises NotFound, Invalid, Conflict, TooLate."""
    word = _word(db, scope, patrol_id, person, rules)
    companions = parties.companions(db, scope, word.walker, said.companions)
    content = {
        "at": said.started_at.astimezone(dt.UTC).isoformat(),
        "place_id": said.place_id,
        "companions": [str(id_) for id_ in companions],
        "device": said.device,
    }
    if _is_known(word, "begin", content):
        return _again(word)
    _demand_open(word)
    _demand_in_time(word, said.started_at)
    if said.place_id is not None and not queries.has_place(db, _places(scope), said.place_id):
        raise NotFound("没有这个对象，或不在您的权限内；请重新选择巡查的对象。")
    is_complete = _is_complete(word, _batches(word), _due(word))
    if is_complete:
        outings.lock(db, word.county.id)
    _demand_row(word, said.started_at, said.started_at)
    queries.set_companions(db, word.county.id, patrol_id, companions)
    queries.change_patrol(
        db, patrol_id, place_id=said.place_id, people=1 + len(companions), said=_said(word, "begin", content)
    )
    return _taken(word, is_complete=is_complete)


def take_batch(
    db: Session,
    scope: Scope,
    patrol_id: uuid.UUID,
    batch_id: uuid.UUID,
    said: Fixes,
    *,
    person: str | None,
    rules: Rules,
) -> PatrolAnswer:
    """Take one batch of fixes, be it empty or of no use.

    Raises NotFound, Invalid, Conflict, TooLate, and ConsentMissing for a volunteer's own way.
    """
    if scope.person_id is not None and not scope.holds(*CHANGE):
        consents.demand(db, scope.county_id, scope.person_id)
    sha256 = sha256_of(said.datum, said.recording)
    if said.sha256 not in (None, sha256):
        raise Invalid("这次发送的内容和它的校验值（sha256）对不上，可能没有传完；请重新发送。")
    word = _word(db, scope, patrol_id, person, rules)
    standing = batch_queries.standing(db, patrol_id, batch_id)
    if standing.sha256 is not None:
        if (standing.sha256, standing.datum) != (sha256, said.datum):
            raise Conflict("这次发送的编号已经用过，内容却不同；原来的保持不变。请用新的编号发送。")
        return _of_one(_again(word), batch_id)
    _demand_open(word)
    first, last = _first_and_last(word, said.recording)
    _demand_in_time(word, last)
    _demand_room(standing, said.recording)
    received = standing.batches + 1
    is_complete = _is_complete(word, received, _due(word))
    if is_complete:
        outings.lock(db, word.county.id)
    _demand_row(word, first, last)
    batch = NewBatch(batch_id, sha256, said.datum, said.device)
    batch_queries.insert_batch(db, word.county.id, patrol_id, batch, said.recording, word.now)
    if word.patrol is not None and not is_complete and not standing.has_more:
        came = Came(batch_id, sha256.hex(), word.now)
        return answers.of_longer(db, scope, word.patrol, received, came)
    return _of_one(_taken(word, is_complete=is_complete), batch_id)


def end(
    db: Session, scope: Scope, patrol_id: uuid.UUID, said: End, *, person: str | None, rules: Rules
) -> PatrolAnswer:
    """Take the end of a patrol. Raises NotFound, Invalid, Conflict, TooLate."""
    word = _word(db, scope, patrol_id, person, rules)
    at = said.ended_at.astimezone(dt.UTC).isoformat()
    content = {"at": at, "batches": said.batches, "record": said.record}
    if _is_known(word, "end", content):
        return _again(word)
    _demand_open(word)
    _demand_in_time(word, said.ended_at)
    is_complete = _is_complete(word, _batches(word), said.batches)
    if is_complete:
        outings.lock(db, word.county.id)
    _demand_row(word, said.ended_at, said.ended_at)
    queries.change_patrol(
        db, patrol_id, batches_due=said.batches, record=said.record, said=_said(word, "end", content)
    )
    return _taken(word, is_complete=is_complete)


def datum_said(db: Session, patrol_id: uuid.UUID) -> Datum:
    """Return the datum of the first sending of a patrol; WGS 84, where there is none."""
    return next((sent.datum for sent in batch_queries.sent(db, patrol_id)), Datum.WGS84)


def close_abandoned(db: Session, *, after: dt.timedelta, home_cut_m: float) -> int:
    """Compute the open patrols of which nothing came for so long; return how many.

    What of them comes later is taken, and they are computed again.
    """
    closed = 0
    for county_id, patrol_id in queries.abandoned(db, _now() - after):
        county = queries.county(db, county_id)
        if county.crs is None:
            continue
        outings.lock(db, county_id)
        # Not waited for: whoever sends right now may wait for the outings of the county, which are ours.
        is_free = batch_queries.try_lock_patrol(db, patrol_id)
        if is_free and queries.stored(db, patrol_id).settled_at is None:
            settling.settle(db, county, patrol_id, home_cut_m=home_cut_m, by_program=True)
            closed += 1
    return closed


def _word(db: Session, scope: Scope, patrol_id: uuid.UUID, person: str | None, rules: Rules) -> _Word:
    """Lock a patrol and read how it stands. Raises Conflict if its id is somebody else's."""
    county, walker = county_of(db, scope), parties.sender(db, scope, person)
    crs_of(county)
    batch_queries.lock_patrol(db, patrol_id)
    patrol = queries.standing(db, patrol_id)
    if patrol is not None and (
        patrol.county_id != county.id
        or patrol.person_id not in (walker.id, None)
        or patrol.evidence != Evidence.TRACK
    ):
        raise Conflict("这个巡查编号已经用过；请用新的编号发送。")
    return _Word(db, scope, rules, county, walker, patrol_id, patrol, _now())


def _is_known(word: _Word, kind: str, content: Json) -> bool:
    """Tell whether this begin or end came before. Raises Conflict if another one did."""
    known = word.patrol.said.get(kind) if word.patrol is not None else None
    if known is None:
        return False
    if known["sha256"] != _sha256(content):
        what = "开始" if kind == "begin" else "结束"
        raise Conflict(f"这次巡查的“{what}”已经收到过，但内容与这次发送的不同；原来的保持不变。")
    return True


def _again(word: _Word) -> PatrolAnswer:
    return dataclasses.replace(answers.told(word.db, word.scope, word.patrol_id), already=True)


def _demand_open(word: _Word) -> None:
    """Raise Conflict if the patrol is nobody's any more: after the retention, or its walker was deleted."""
    if word.patrol is not None and word.patrol.person_id is None:
        raise Conflict("这次巡查已过保存期限，不能再补充；请把它记在纸质记录上交给协调员。")


def _demand_in_time(word: _Word, at: dt.datetime) -> None:
    if at < word.now - word.rules.late:
        days = word.rules.late.days
        raise TooLate(f"这次巡查已超过 {days} 天，不能再从手机发送；请填写纸质巡查记录，交给协调员登记。")


def _demand_room(standing: Standing, recording: Recording) -> None:
    if standing.batches >= MOST_BATCHES:
        raise Invalid(f"一次巡查最多分 {MOST_BATCHES} 次发送；请结束这次巡查，另开始一次。")
    if standing.fixes + recording.time_s.size > MAX_FIXES:
        raise Invalid(f"一次巡查最多 {MAX_FIXES} 个定位点；请结束这次巡查，另开始一次。")


def _demand_row(word: _Word, first: dt.datetime, last: dt.datetime) -> None:
    """Make the patrol with its first word, or let an open one reach over what this word says of its time."""
    first, last = (min(at, word.now).astimezone(moment(0, word.county).tzinfo) for at in (first, last))
    patrol = word.patrol
    if patrol is None:
        row = NewPatrol(
            word.patrol_id, word.county.id, word.walker.id, Evidence.TRACK, first.date(), first, last
        )
        queries.insert_patrol(word.db, row)
    elif patrol.settled_at is None and (first < patrol.started_at or last > patrol.ended_at):
        first, last = min(first, patrol.started_at.astimezone(first.tzinfo)), max(last, patrol.ended_at)
        queries.reach(word.db, patrol, first, last)


def _taken(word: _Word, *, is_complete: bool) -> PatrolAnswer:
    """Compute the patrol if that was the last word it waited for, and tell how it stands."""
    if is_complete:
        settling.settle(
            word.db, word.county, word.patrol_id, home_cut_m=word.rules.home_cut_m, by_program=True
        )
    if word.patrol is None:
        subject = f"patrol/{word.patrol_id}"
        audit.record(word.db, word.scope.actor, "patrols.take", county_id=word.county.id, subject=subject)
    return answers.told(word.db, word.scope, word.patrol_id)


def _of_one(answer: PatrolAnswer, batch_id: uuid.UUID) -> PatrolAnswer:
    """Return an answer that names one batch: with all of them, a long patrol would pay for them each time."""
    own = [came for came in answer.state.batches if came.batch_id == batch_id]
    return dataclasses.replace(answer, state=dataclasses.replace(answer.state, batches=own))


def _is_complete(word: _Word, batches: int, due: int | None) -> bool:
    """Tell whether the patrol is to be computed with this word: all is there, or it was computed before."""
    was_settled = word.patrol is not None and word.patrol.settled_at is not None
    return was_settled or (due is not None and batches >= due)


def _batches(word: _Word) -> int:
    return len(batch_queries.received(word.db, word.patrol_id))


def _due(word: _Word) -> int | None:
    return word.patrol.batches_due if word.patrol is not None else None


def _said(word: _Word, kind: str, content: Json) -> Json:
    """Return what the client said, with this word."""
    before = word.patrol.said if word.patrol is not None else {}
    at = min(dt.datetime.fromisoformat(content["at"]), word.now).isoformat()
    return {**before, kind: {**content, "at": at, "sha256": _sha256(content)}}


def _sha256(content: Json) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _first_and_last(word: _Word, recording: Recording) -> tuple[dt.datetime, dt.datetime]:
    """Return the times of the first and last believable fix; now, where there is none."""
    time_s = recording.time_s
    time_s = time_s[(time_s >= EARLIEST_S) & (time_s <= word.now.timestamp())]
    if not time_s.size:
        return word.now, word.now
    return moment(np.min(time_s), word.county), moment(np.max(time_s), word.county)


def _places(scope: Scope) -> queries.Condition:
    """Return the condition for places that a walk may be for: a volunteer also walks where others do."""
    if scope.person_id is not None and scope.holds(Right.VOLUNTEER):
        return Place.county_id == scope.county_id
    return places_in(scope)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
