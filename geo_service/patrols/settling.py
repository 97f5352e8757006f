"""The one way in which a patrol is computed: from all it has, whenever and in whatever pieces it came.

The union of its fixes is put in one order and freed of doubles before anything is computed, so that the
same fixes give the same patrol.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service.areas import service as areas
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import Neighbourhood
from geo_service.patrols import batch_queries, check_ins, datums, doubts, outings, queries, track_queries
from geo_service.patrols.batch_queries import Fixes
from geo_service.patrols.datums import Found
from geo_service.patrols.doubts import Note
from geo_service.patrols.judging import DOUBTS, settle_verdict
from geo_service.patrols.parties import crs_of
from geo_service.patrols.queries import Computed
from geo_service.tables import County, Json, Patrol
from layers import crs as crs_
from layers.errors import BadTrack
from layers.tracks import CLEANING, Recording, Track, clean, home_cut
from layers.verdicts import Code
from layers.vocabulary import Datum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NOTHING = Track(np.empty(0), np.empty((0, 2)), np.empty(0), np.empty(0, np.int64))


@dataclass(frozen=True, eq=False)
class Settled:
    """A patrol that was computed: its cleaned track before the home cut, and the places around it."""

    track: Track
    near: Neighbourhood | None
    """None without a track."""
    fault: BadTrack | None
    """Why there is no track."""


def settle(
    db: Session, county: County, patrol_id: uuid.UUID, *, home_cut_m: float, by_program: bool = False
) -> Settled:
    """Compute a patrol from all its fixes, and store track, coverage and verdict; again if it was before.

    `by_program`: what its fixes are in was said by a program, and is found out; a person was asked. In the
    caller's transaction, which holds the locks of the patrol and of the county's outings.
    """
    patrol = queries.stored(db, patrol_id)
    was_together = outings.together(db, patrol_id)
    fixes = batch_queries.fixes_of(db, patrol_id)
    recording, notes = _all_fixes(db, county, patrol, fixes)
    said = _datum_said(fixes, notes) if by_program else None
    track, near, fault = _tracked(db, county, patrol, recording, said, notes)
    kept = _kept(track, near, home_cut_m) if near else track
    if patrol.settled_at is not None:
        coverage.forget(db, county.id, patrol_id)
    is_covering = patrol.voided_at is None and near is not None
    recorded = coverage.record(db, county, patrol_id, kept, near) if is_covering else None
    computed = _computed(county, patrol, track, kept, notes)
    queries.settle(db, patrol_id, _no_less(computed, patrol) if fixes.are_gone else computed, kept)
    check_ins.absorb(db, patrol_id)
    settle_verdict(db, county, patrol_id, track, near, recorded)
    if is_covering:
        coverage.enter(db, county.id, patrol_id)
    outings.regroup(db, was_together)
    return Settled(track, near, fault)


def _tracked(
    db: Session,
    county: County,
    patrol: Patrol,
    recording: Recording,
    said: Datum | None,
    notes: list[Note],
) -> tuple[Track, Neighbourhood | None, BadTrack | None]:
    """Return the cleaned track, the places around it, and why there is no track.

    `said`: the datum that is to be found out, if it is another one; what that gives is added to the notes.
    """
    track, fault = _cleaned(recording, crs_of(county))
    near = coverage.neighbourhood(db, county, track) if len(track) else None
    found = datums.found_out(db, county, patrol, track, near, said) if near and said else None
    if found is None or said is None:
        return track, near, fault
    notes.append(_told_datum(said, found))
    if found.is_sure:
        track, fault = _cleaned(_in_datum(recording, said, found.datum), crs_of(county))
        near = coverage.neighbourhood(db, county, track)
    return track, near, fault


def _datum_said(fixes: Fixes, notes: Sequence[Note]) -> Datum | None:
    """Return the one datum in which all of a patrol's fixes are said to be; None: there is no such thing."""
    said = set(fixes.datum)
    is_mended = any(note.code is Code.CRS_MIX for note in notes)
    return said.pop() if len(said) == 1 and not fixes.are_gone and not is_mended else None


def _in_datum(recording: Recording, said: Datum, datum: Datum) -> Recording:
    """Return a recording, taken for what was said, as it is if its fixes are in another datum."""
    lonlat = crs_.to_wgs84(crs_.from_wgs84(recording.lonlat, said), datum)
    return replace(recording, lonlat=lonlat)


def _told_datum(said: Datum, found: Found) -> Note:
    what = f"手机说坐标是 {said.zh}，按 {found.datum.zh} 才沿着您的对象"
    done = "已换算，请协调员确认。" if found.is_sure else "没有换算，请协调员核对轨迹。"
    return Note(Code.CRS_MIX, f"{what}；{done}")


def moment(time_s: float, county: County) -> dt.datetime:
    """Return a time of a fix on the county's clock."""
    return dt.datetime.fromtimestamp(float(time_s), ZoneInfo(county.time_zone))


def _all_fixes(db: Session, county: County, patrol: Patrol, fixes: Fixes) -> tuple[Recording, list[Note]]:
    """Return every fix of a patrol once, in WGS 84 and in the one order, and what its walker should know."""
    once = _once(fixes)
    datum = [fixes.datum[k] for k in once.tolist()]
    sent = _at(fixes.recording, once)
    examined = doubts.usable(sent, datum, box=areas.box_of(county), received_s=fixes.received_s[once])
    recording = examined.recording
    if fixes.are_gone and (stored := track_queries.stored_track(db, patrol.id)) is not None:
        # What the retention has dropped is still there as the track that was made of it.
        recording = _joined(recording, Recording(stored.time_s, stored.lonlat, stored.accuracy_m))
    order, is_first = _order(recording)
    return _at(recording, order[is_first]), examined.notes


def _once(fixes: Fixes) -> Ints:
    """Return the rows of every different fix, the latest sending of each."""
    codes = np.array([list(type(word)).index(word) for word in fixes.datum], np.float64)
    order, is_first = _order(fixes.recording, codes, -fixes.received_s)
    rows: Ints = order[is_first]
    return rows


def _order(
    recording: Recording, datum: Floats | None = None, last: Floats | None = None
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the rows in the one order, by time and then by value, and which are the first of their kind."""
    keys = [recording.time_s, *recording.lonlat.T, _accuracy_m(recording)]
    keys += [] if datum is None else [datum]
    # NaN equals nothing, not even itself.
    plain = [np.where(np.isnan(key), np.finfo(np.float64).max, key) for key in keys]
    order = np.lexsort([*([] if last is None else [last]), *plain[::-1]])
    is_first = np.ones(order.size, dtype=bool)
    if order.size:
        ordered = np.column_stack(plain)[order]
        is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return order, is_first


def _at(recording: Recording, rows: Ints) -> Recording:
    return Recording(recording.time_s[rows], recording.lonlat[rows], _accuracy_m(recording)[rows])


def _joined(a: Recording, b: Recording) -> Recording:
    return Recording(
        np.concatenate([a.time_s, b.time_s]),
        np.concatenate([a.lonlat, b.lonlat]),
        np.concatenate([_accuracy_m(a), _accuracy_m(b)]),
    )


def _accuracy_m(recording: Recording) -> Floats:
    return np.full(recording.time_s.size, np.nan) if recording.accuracy_m is None else recording.accuracy_m


def _cleaned(recording: Recording, crs: str) -> tuple[Track, BadTrack | None]:
    try:
        return clean(recording, crs), None
    except BadTrack as error:
        return _NOTHING, error


def _kept(track: Track, near: Neighbourhood, home_cut_m: float) -> Track:
    """Return what is kept of a track: without the home, and without fixes that no other joins."""
    xy = track.metric(near.crs)
    ends = np.hypot(*(xy[:, None] - xy[[0, -1]]).T).min(axis=0) <= home_cut_m + 1.0
    near_a_place = np.ones(len(track), dtype=bool)
    # Only the ends can be cut: the fixes between them need not be compared with every place.
    near_a_place[ends] = near.near(track.where(ends))
    cut = home_cut(track, near.crs, cut_m=home_cut_m, near_a_place=near_a_place)
    _, index, count = np.unique(cut.piece, return_inverse=True, return_counts=True)
    return cut.where(count[index] > 1) if len(cut) else cut


def _computed(county: County, patrol: Patrol, track: Track, kept: Track, notes: Sequence[Note]) -> Computed:
    started_at, ended_at = _times(county, patrol, track)
    cleaning: Json = {
        "version": CLEANING,
        "dropped": dict(track.dropped),
        "home_cut": len(track) - len(kept),
        "notes": [note.words for note in notes],
        DOUBTS: sorted({note.code.value for note in notes}),
    }
    walked_m = round(track.walked_m(crs_of(county)), 1)
    return Computed(started_at.date(), started_at, ended_at, walked_m, len(track), cleaning)


def _no_less(computed: Computed, patrol: Patrol) -> Computed:
    """Return what was computed, with no less than was told before from fixes that are gone since."""
    zone = computed.started_at.tzinfo
    started_at = min(computed.started_at, patrol.started_at.astimezone(zone))
    was = patrol.cleaning
    dropped = {**computed.cleaning["dropped"], **was.get("dropped", {})}
    told = {
        "dropped": dropped,
        "home_cut": max(computed.cleaning["home_cut"], was.get("home_cut", 0)),
        "notes": list(dict.fromkeys([*was.get("notes", []), *computed.cleaning["notes"]])),
        DOUBTS: sorted({*was.get(DOUBTS, []), *computed.cleaning[DOUBTS]}),
    }
    return Computed(
        started_at.date(),
        started_at,
        max(computed.ended_at, patrol.ended_at.astimezone(zone)),
        max(computed.walked_m, patrol.walked_m),
        max(computed.fixes, patrol.fixes),
        computed.cleaning | told,
    )


def _times(county: County, patrol: Patrol, track: Track) -> tuple[dt.datetime, dt.datetime]:
    """Return when a patrol began and ended: by its fixes, else by what its client said of it."""
    if len(track):
        return moment(track.time_s[0], county), moment(track.time_s[-1], county)
    zone = ZoneInfo(county.time_zone)
    said = [patrol.said[word]["at"] for word in ("begin", "end") if word in patrol.said]
    times = [dt.datetime.fromisoformat(at).astimezone(zone) for at in said]
    times = times or [patrol.started_at.astimezone(zone)]
    return times[0], max(times[0], times[-1])
