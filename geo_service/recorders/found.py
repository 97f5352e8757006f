"""Outings found in what recorders sent: proposed to their person, who says what was a patrol.

What he takes goes the way of every patrol of a phone; of what he refuses, and of what was no outing, nothing
is kept but the times, by which a repeat is known again.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service.accounts import service as accounts
from geo_service.accounts.scope import Scope
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import Neighbourhood
from geo_service.errors import NotFound
from geo_service.patrols import datums, sending
from geo_service.patrols import service as patrols
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.fixes import WORST_M
from geo_service.patrols.sending import Begin, End, Fixes, Rules
from geo_service.recorders import queries
from geo_service.recorders.queries import Waiting
from geo_service.tables import County
from layers import crs as crs_
from layers import stream
from layers.errors import BadTrack, YinxunError
from layers.measures import Way, along_m, inside_m, ridden_share, way_of
from layers.reach import SIGHT_M
from layers.tracks import Recording, clean
from layers.vocabulary import Datum

Floats = NDArray[np.float64]

LATE = "recorders.late"
"""Kind of the job that puts what came late where it belongs, and drops what was no outing."""
NO_OUTING = dt.timedelta(days=1)
"""So long what was no outing is kept: what came late may make it one."""
NEAR_M = 100.0
"""A place that was walked along for so long is named."""
NAMED = 3
_OUTINGS = uuid.UUID("b0c5a6de-1b0e-4f5c-8f0b-3f6f2c9b5d11")
"""Name space of the ids of outings that were found."""
_BY_HAND_M = 100.0
"""A fix that was sent by hand is in the other datum if that puts it on the way, and it is this far off it."""
_BY_HAND_S = 600.0
"""Between fixes that are further apart one cannot tell."""


@dataclass(frozen=True, eq=False)
class Found:
    """An outing that was found, and that nobody has said anything of."""

    key: uuid.UUID
    started_at: dt.datetime
    ended_at: dt.datetime
    walked_m: float
    places: tuple[str, ...]
    """Along which it led, his own first."""
    recorder_id: int
    recording: Recording
    """As sent, in `datum`."""
    datum: Datum


def proposals(db: Session, scope: Scope) -> list[Found]:
    """Return the outings of a volunteer's recorders that are over and led along places, the latest first."""
    county = db.get_one(County, scope.county_id)
    if county.crs is None or scope.person_id is None:
        return []
    found = [
        outing
        for recorder_id in queries.recorders_of(db, scope.person_id)
        for outing in _found(db, county, scope.person_id, queries.waiting(db, recorder_id))
    ]
    return sorted(found, key=lambda outing: outing.started_at, reverse=True)


def take(db: Session, scope: Scope, key: uuid.UUID, companions: Sequence[str], rules: Rules) -> PatrolAnswer:
    """Make a patrol of an outing that was found; again changes nothing. Raises NotFound, and as `sending`."""
    outing = _proposed(db, scope, key)
    if outing is None:
        return replace(patrols.told(db, scope, key), already=True)
    times = outing.recording.time_s.tolist()
    sending.begin(db, scope, key, Begin(outing.started_at, companions=companions), person=None, rules=rules)
    fixes = Fixes(outing.recording, outing.datum)
    sending.take_batch(db, scope, key, _batch_id(key, times), fixes, person=None, rules=rules)
    answer = sending.end(db, scope, key, End(outing.ended_at, 1), person=None, rules=rules)
    queries.decide(db, outing.recorder_id, times, _now(), key)
    return answer


def refuse(db: Session, scope: Scope, key: uuid.UUID) -> None:
    """Take a person's word that an outing was no patrol: where it led is forgotten. Raises NotFound."""
    outing = _proposed(db, scope, key)
    if outing is None:
        raise NotFound("这次外出已经不在名单里了；请返回刷新。")
    queries.decide(db, outing.recorder_id, outing.recording.time_s.tolist(), _now(), None)


def put_in_place(db: Session, rules: Rules) -> int:
    """Put what came late where the rest of its time went, and drop what was no outing; return how many."""
    late = queries.late(db)
    for row in late:
        if row.patrol_id is not None:
            _add_late(db, row.account_id, row.person_id, row.patrol_id, row.recorder_id, row.times, rules)
        queries.decide(db, row.recorder_id, row.times, row.decided_at, row.patrol_id)
    before = _now() - NO_OUTING
    for recorder_id, crs in queries.recorders_with_waiting(db, before):
        waiting = queries.waiting(db, recorder_id)
        xy = crs_.to_metric(waiting.lonlat, crs)
        is_none = np.ones(waiting.time_s.size, dtype=bool)
        for first, last in stream.outings(waiting.time_s, xy):
            is_none[first : last + 1] = False
        queries.drop(db, recorder_id, waiting.time_s[is_none].tolist(), before)
    return sum(len(row.times) for row in late)


def _add_late(
    db: Session,
    account_id: uuid.UUID,
    person_id: uuid.UUID,
    patrol_id: uuid.UUID,
    recorder_id: int,
    times: Sequence[float],
    rules: Rules,
) -> None:
    """Send what came late as another batch of its patrol; what that does not take any more is passed over."""
    late = queries.waiting(db, recorder_id, times)
    try:
        with db.begin_nested():
            scope = accounts.scope_of(db, account_id, person_id=person_id)
            recording = Recording(late.time_s, late.lonlat, np.minimum(late.accuracy_m, WORST_M))
            fixes = Fixes(recording, sending.datum_said(db, patrol_id))
            batch_id = _batch_id(patrol_id, times)
            sending.take_batch(db, scope, patrol_id, batch_id, fixes, person=None, rules=rules)
    except YinxunError:
        return  # too late, or its person withdrew his consent: it is not kept either


def _proposed(db: Session, scope: Scope, key: uuid.UUID) -> Found | None:
    queries.lock(db, queries.recorders_of(db, scope.person_id) if scope.person_id else [])
    return next((outing for outing in proposals(db, scope) if outing.key == key), None)


def _found(db: Session, county: County, person_id: uuid.UUID, waiting: Waiting) -> list[Found]:
    lonlat = on_the_way(waiting)
    crs = str(county.crs)
    xy = crs_.to_metric(lonlat, crs)
    found = []
    for outing in stream.outings(waiting.time_s, xy):
        if stream.is_over(waiting.time_s, outing, _now().timestamp()):
            rows = slice(outing[0], outing[1] + 1)
            part = Recording(
                waiting.time_s[rows], lonlat[rows], np.minimum(waiting.accuracy_m[rows], WORST_M)
            )
            made = _outing(db, county, person_id, waiting.recorder_id, part)
            found += [] if made is None else [made]
    return found


def _outing(
    db: Session, county: County, person_id: uuid.UUID, recorder_id: int, recording: Recording
) -> Found | None:
    """Return an outing if it led along places that are looked after, or the person's own."""
    zone = ZoneInfo(county.time_zone)
    begun, ended = (dt.datetime.fromtimestamp(float(recording.time_s[k]), zone) for k in (0, -1))
    own = datums.own_places(db, county.id, person_id, begun.date())
    try:
        track = clean(recording, str(county.crs))
    except BadTrack:
        return None
    datum, near = Datum.WGS84, coverage.neighbourhood(db, county, track)
    # Such an app does not say in which datum it sends.
    other = datums.fitting(track, near, own, datum, lambda moved: coverage.neighbourhood(db, county, moved))
    if other is not None and other.is_sure:
        track, datum = datums.in_datum(track, datum, other.datum), other.datum
        near = coverage.neighbourhood(db, county, track)
    way = way_of(track.metric(near.crs), track.time_s, track.piece)
    there = _places(way, near, own)
    if not there or (ridden_share(way) > 0.5 and own.isdisjoint(there)):
        return None
    names = queries.names(db, there)
    key = uuid.uuid5(_OUTINGS, f"{recorder_id}/{float(recording.time_s[0])}/{float(recording.time_s[-1])}")
    return Found(
        key, begun, ended, track.walked_m(near.crs), tuple(names[id_] for id_ in there[:NAMED]), recorder_id,
        recording, datum,
    )  # fmt: skip


def _places(way: Way, near: Neighbourhood, own: set[int]) -> list[int]:
    """Return the lines, and the areas of his own, along which a way led: his own first, then by metres."""
    metres: dict[int, float] = {}
    if near.lines:
        along = np.add(*along_m(way, near.line_set, near.reach_m))
        metres |= {line.place_id: float(m) for line, m in zip(near.lines, along, strict=True)}
    if near.areas:
        inside = np.add(*inside_m(way, near.polygons, SIGHT_M))
        pairs = zip(near.areas, inside, strict=True)
        metres |= {area.place_id: float(m) for area, m in pairs if area.place_id in own}
    there = [id_ for id_, m in metres.items() if m >= NEAR_M]
    return sorted(there, key=lambda id_: (id_ not in own, -metres[id_]))


def on_the_way(waiting: Waiting) -> Floats:
    """Return lon, lat with those sent by hand in the datum of the others, shape (n, 2).

    On an iPhone in China a fix that was sent by a tap, and only this, is in GCJ-02 (owntracks/ios 860).
    """
    lonlat, time_s, by_hand = waiting.lonlat.copy(), waiting.time_s, waiting.is_doubtful
    others = np.flatnonzero(~by_hand)
    for k in np.flatnonzero(by_hand).tolist():
        after = int(np.searchsorted(others, k))
        if not 0 < after < others.size:
            continue
        a, b = others[after - 1], others[after]
        if time_s[b] - time_s[a] > _BY_HAND_S:
            continue
        share = (time_s[k] - time_s[a]) / (time_s[b] - time_s[a])
        expected = lonlat[a] + share * (lonlat[b] - lonlat[a])
        both = np.vstack([lonlat[k : k + 1], crs_.to_wgs84(lonlat[k : k + 1], Datum.GCJ02)])
        scale = np.array([np.cos(np.radians(expected[1])), 1.0]) * 111_320.0
        off_m = np.hypot(*((both - expected) * scale).T)
        if off_m[0] > _BY_HAND_M and off_m[1] < off_m[0]:
            lonlat[k] = both[1]
    return lonlat


def _batch_id(patrol_id: uuid.UUID, times: Sequence[float]) -> uuid.UUID:
    return uuid.uuid5(patrol_id, f"{times[0]}/{times[-1]}/{len(times)}")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
