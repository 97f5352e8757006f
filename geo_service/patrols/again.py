"""Patrols computed again where the places around them changed: what a walk covered follows the map.

A patrol whose track is no longer kept stays as it is: what it covered was carried to the new version.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import jobs
from geo_service.coverage import service as coverage
from geo_service.jobs import Progress
from geo_service.patrols import queries, track_queries
from geo_service.tables import County, Json

JOB = "patrols.again"
AT_ONCE = 20
"""So many are computed in the transaction that changed the place, a few hundredths of a second each."""
A_JOB = 50
"""So many are computed by one job before the next goes on: uploads of the county wait for it, a second."""


@dataclass(frozen=True)
class Again:
    """How many patrols run near changed places, and whether a job computes them."""

    patrols: int
    later: bool


def count(db: Session, county: County, place_ids: Sequence[int]) -> Again:
    """Tell how many patrols run near places, as they are now."""
    found = track_queries.near_places(db, county.id, place_ids)
    return Again(len(found), len(found) > AT_ONCE)


def compute(db: Session, county: County, place_ids: Sequence[int]) -> Again:
    """Compute the patrols near changed places again: a few at once, many by a job."""
    coverage.lock(db, county.id)
    found = track_queries.near_places(db, county.id, place_ids)
    later = len(found) > AT_ONCE
    if later:
        payload = {"county": county.id, "places": list(place_ids), "done": 0, "of": len(found)}
        jobs.enqueue(db, JOB, payload, county_id=county.id)
    elif found:
        _renew(db, county, found)
    return Again(len(found), later)


def progress(db: Session, county_id: int) -> str | None:
    """Say how far a job of the county is; None where none is under way."""
    job = jobs.unfinished(db, JOB)
    if job is None or job.county_id != county_id:
        return None
    told = job.progress or job.payload
    return f"正在按新的图形重算巡查（{told.get('done', 0)} / {told.get('of', 0)}），覆盖会随之更新。"


def by_job(db: Session, payload: Json, tell: Progress) -> None:
    """Compute the next patrols again, and ask for a job that goes on behind them."""
    county = db.get_one(County, payload["county"])
    coverage.lock(db, county.id)
    behind = uuid.UUID(payload["behind"]) if "behind" in payload else None
    found = track_queries.near_places(db, county.id, payload["places"], behind=behind, limit=A_JOB)
    done, of = int(payload["done"]), max(int(payload["of"]), int(payload["done"]) + len(found))
    for start in range(0, len(found), AT_ONCE):
        tell(done + start, of, "按新的图形重算巡查")
        _renew(db, county, found[start : start + AT_ONCE])
    tell(done + len(found), of, "按新的图形重算巡查")
    if len(found) == A_JOB:
        following = {**payload, "behind": str(found[-1]), "done": done + len(found), "of": of}
        jobs.enqueue(db, JOB, following, county_id=county.id)


def _renew(db: Session, county: County, patrol_ids: Sequence[uuid.UUID]) -> None:
    # The rows of what is not counted follow the map as well, for a coordinator may count it one day.
    tracks = track_queries.computed_tracks(db, county.id, patrol_ids)
    coverage.renew(db, county, tracks)
    queries.set_rule(db, tracks)
