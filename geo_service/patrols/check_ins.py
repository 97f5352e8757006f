"""Outings by check-in: the scans of one person at one place on one day are one outing, without a track.

A scan on a recorded walk belongs to that walk, whichever of them comes first. The caller stores the scan
itself between `outing_of` and `settle`.
"""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service.patrols import check_in_queries, outings, queries
from geo_service.patrols.judging import MEASURES, settle_untracked
from geo_service.patrols.queries import NewPatrol
from geo_service.tables import County
from layers.measures import Measures
from layers.vocabulary import Evidence

ABSORBED = "并入同一时间有轨迹的巡查"


def outing_of(
    db: Session,
    county: County,
    person_id: uuid.UUID,
    place_id: int,
    at: dt.datetime,
    *,
    walk_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Return the patrol that a scan belongs to, made if it is the first at its place on its day.

    `walk_id`: the walk that his phone records, as far as it is known here. Until the end of the transaction
    nobody else decides about outings of the county.
    """
    outings.lock(db, county.id)
    at = at.astimezone(ZoneInfo(county.time_zone))
    walk = check_in_queries.walk_with(db, county.id, person_id, at, walk_id, at.date())
    if walk is not None:
        return walk
    known = check_in_queries.outing_at(db, county.id, person_id, place_id, at.date())
    if known is None:
        return _begun(db, county, person_id, place_id, at)
    queries.change_patrol(
        db, known.id, started_at=min(known.started_at, at), ended_at=max(known.ended_at, at)
    )
    return known.id


def _begun(db: Session, county: County, person_id: uuid.UUID, place_id: int, at: dt.datetime) -> uuid.UUID:
    row = NewPatrol(uuid.uuid4(), county.id, person_id, Evidence.CHECK_IN, at.date(), at, at)
    queries.insert_patrol(db, row)
    queries.change_patrol(
        db, row.id, place_id=place_id, batches_due=0, settled_at=dt.datetime.now(dt.UTC),
        cleaning={MEASURES: Measures().to_json()},
    )  # fmt: skip
    return row.id


def settle(db: Session, county: County, patrol_id: uuid.UUID) -> None:
    """Judge an outing by check-in with all its scans; a walk stands as it did."""
    if queries.stored(db, patrol_id).evidence == Evidence.CHECK_IN:
        was_together = outings.together(db, patrol_id)
        settle_untracked(db, county, [patrol_id])
        outings.regroup(db, was_together)


def absorb(db: Session, walk_id: uuid.UUID) -> None:
    """Let a walk that was just computed take over the scans that were made on it, and came before it."""
    walk = queries.stored(db, walk_id)
    if walk.person_id is None or walk.voided_at is not None or walk.evidence != Evidence.TRACK:
        return
    found = check_in_queries.within(db, walk)
    if not found:
        return
    was_together = set[uuid.UUID]().union(*(outings.together(db, id_) for id_ in found))
    check_in_queries.move(db, found, walk_id)
    for id_ in found:
        queries.void(db, id_, ABSORBED, dt.datetime.now(dt.UTC))
    outings.regroup(db, was_together)
