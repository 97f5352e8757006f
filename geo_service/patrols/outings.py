"""Outings: companions who each recorded their walk are counted once, and the sums that figures report."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import patrols_in
from geo_service.accounts.scope import Scope
from geo_service.coverage import service as coverage
from geo_service.patrols import outing_queries
from geo_service.tables import Patrol
from layers.outings import standings
from layers.vocabulary import Verdict


@dataclass(frozen=True)
class Sums:
    """What the outings of a window add up to."""

    outings: int
    people: int
    """人次: everybody who took part in an outing, once an outing."""
    metres: float
    """Walked, once an outing, like `hours`."""
    hours: float


def counted(db: Session, scope: Scope, first: dt.date, last: dt.date) -> Sums:
    """Return the sums of the outings with a track or paper that count and began on the days first..last.

    As far as the scope sees them. What several companions recorded stands for once, with the patrol that
    the others name in `same_outing_as`: so the sums of parts of a county add up to those of the whole.
    """
    where = [patrols_in(scope), Patrol.day.between(first, last), Patrol.verdict == Verdict.COUNTED]
    return Sums(*outing_queries.sums(db, where))


def lock(db: Session, county_id: int) -> None:
    """Let one transaction at a time decide what is one outing, and change what was covered.

    Locked after the patrol and before any of its rows: else two companions would wait for each other, or
    neither would see the other's walk.
    """
    coverage.lock(db, county_id)


def together(db: Session, patrol_id: uuid.UUID) -> set[uuid.UUID]:
    """Return the patrols that are one outing with a patrol, and itself."""
    return {outing.id for outing in outing_queries.joined(db, [patrol_id])} | {patrol_id}


def regroup(db: Session, patrol_ids: Collection[uuid.UUID]) -> None:
    """Find out anew what patrols, and all that are one outing with them now, count for.

    Call it with what was `together` before a patrol changed its time, companions, verdict or was voided.
    """
    outing_queries.stand(db, standings(outing_queries.joined(db, patrol_ids)))
