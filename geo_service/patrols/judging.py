"""What a patrol counts as where no norm says more: what covered anything counts, doubts are looked at."""

import uuid

from sqlalchemy.orm import Session

from geo_service.coverage.service import Neighbourhood
from geo_service.patrols import batch_queries, queries
from geo_service.tables import County
from layers.tracks import Track
from layers.verdicts import Judgement, Numbers, judge
from layers.vocabulary import Evidence


def settle_verdict(
    db: Session, county: County, patrol_id: uuid.UUID, track: Track, near: Neighbourhood | None
) -> Judgement:
    """Judge a patrol that was just computed, and store verdict and reasons; a person's verdict stays.

    `track`: cleaned, before the home cut; `near`: the places around it, None without a track.
    """
    patrol = queries.stored(db, patrol_id)
    lines = queries.covered_lines(db, county.id, patrol_id)
    walked = [(b - a) / 10 for _, _, _, spans in lines for a, b in spans]
    seen_m2 = sum(area.seen_m2 for area in queries.seen_areas(db, county.id, patrol_id)) if near else 0.0
    numbers = Numbers(
        evidence=Evidence(patrol.evidence),
        complete=patrol.batches_due is not None
        and len(batch_queries.received(db, patrol_id)) >= patrol.batches_due,
        walked_m=track.walked_m(near.crs) if near else 0.0,
        within_m=sum(walked) + seen_m2,  # without a norm it only matters that there is something
        clock_jump=bool(patrol.cleaning.get("notes")),
    )
    judged = judge(numbers)
    queries.judge(db, patrol_id, judged.verdict, [reason.to_json() for reason in judged.reasons])
    return judged
