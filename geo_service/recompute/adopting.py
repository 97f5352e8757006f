"""A run adopted: its rows take the place of those in force, a bounded set of patrols in a transaction.

What patrols covered changes, and with it the roll-up and all that is drawn from it. Verdicts stay, final or
not, with the numbers they rest on: a patrol is judged once, by what was known when its walker was told. One
whose sendings are not all in is judged anew when they come, from coverage under the rule of that day. Issued
figures are snapshots anyway.

A patrol that changed since it was computed (more fixes came, a place near it changed) is computed again on
the spot; one that was voided, or whose track was dropped by its age, keeps what it has.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.coverage import many
from geo_service.db import transaction
from geo_service.recompute import computing, queries, reading, staged_queries
from geo_service.recompute.service import Bind, Run, Tell, adoptable, sole
from geo_service.tables import County, Recomputation

AT_ONCE = 100
"""Patrols a transaction: the days they lock must not wait long."""


TRIES = 3
_IN_THE_WAY = (psycopg.errors.DeadlockDetected, psycopg.IntegrityError)


@dataclass(frozen=True)
class Adopted:
    """What became of the patrols of a run."""

    patrols: int
    """Whose coverage is now the run's."""
    again: int
    """Of these, those that had changed and were computed on the spot."""
    kept: int
    """Voided since, or without a track: they keep what they have."""


def adopt(bind: Bind, scope: Scope, run_id: int, tell: Tell = lambda *_: None) -> Adopted:
    """Put a run's rows in force. Commits as it goes; where it was stopped, it goes on when called again.

    Raises NotFound and Conflict.
    """
    counts: Counter[str] = Counter()
    with sole(bind, scope.county_id):
        with transaction(bind) as db:
            run = adoptable(db, scope, run_id)
            county = db.get_one(County, scope.county_id)
            patrol_ids = staged_queries.staged(db, run_id)
        for start in range(0, len(patrol_ids), AT_ONCE):
            tell(start, len(patrol_ids))
            counts += _patiently(bind, county, run, patrol_ids[start : start + AT_ONCE])
        tell(len(patrol_ids), len(patrol_ids))
        found = Adopted(counts["patrols"], counts["again"], counts["kept"])
        with transaction(bind) as db:
            db.get_one(Recomputation, run_id).adopted_at = func.now()
            detail = {"rule": run.rule, "asked": run.asked.to_json(), **vars(found)}
            subject = f"recompute/{run_id}"
            audit.record(db, scope.actor, "recompute.adopt", county_id=county.id, subject=subject, **detail)
    return found


def _patiently(bind: Bind, county: County, run: Run, patrol_ids: Sequence[uuid.UUID]) -> Counter[str]:
    """Adopt a set of patrols in a transaction of its own, and again if an upload got in its way.

    It may wait in a ring with one, or find that a place got another version after its rows were read.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction(bind) as db:
                return _adopt(db, county, run, patrol_ids)
        except (DBAPIError, psycopg.Error) as error:
            if tries_left == 0 or not isinstance(getattr(error, "orig", error), _IN_THE_WAY):
                raise
    raise AssertionError("the last try returns or raises")


def _adopt(db: Session, county: County, run: Run, patrol_ids: Sequence[uuid.UUID]) -> Counter[str]:
    """Adopt a set of patrols in the caller's transaction."""
    queries.lock(db, county.id, patrol_ids)
    changed = set(queries.stale(db, run.id, patrol_ids))
    same = [id_ for id_ in patrol_ids if id_ not in changed]
    lines = staged_queries.lines(db, run.id, same)
    visits = staged_queries.visits(db, run.id, same)
    again = _again(db, county, run, sorted(changed)) if changed else []
    lines += [(one.patrol_id, row) for one in again for row in one.lines]
    visits += [(one.patrol_id, row) for one in again for row in one.visits]
    adopted = [*same, *(one.patrol_id for one in again)]
    many.replace(db, county.id, adopted, lines, visits, run.asked.layers)
    if not run.asked.layers:
        queries.set_rule(db, adopted, run.rule)
    staged_queries.unstage(db, run.id, patrol_ids)
    kept = len(patrol_ids) - len(adopted)
    return Counter(patrols=len(adopted), again=len(again), kept=kept)


def _again(
    db: Session, county: County, run: Run, patrol_ids: Sequence[uuid.UUID]
) -> Sequence[computing.Outcome]:
    """Compute patrols as they are now; without those that can no longer be."""
    packed = reading.read(db, county, patrol_ids, run.asked.layers)
    return computing.compute(packed.chunk).outcomes
