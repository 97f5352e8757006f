"""What a coordinator decides of a patrol: counted or not, with a note; no computation overrules it."""

import dataclasses
import datetime as dt
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, patrols_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.counting import judged
from geo_service.coverage import service as coverage
from geo_service.errors import Conflict, Invalid
from geo_service.patrols import answers, batch_queries, outings, queries, verdict_queries
from geo_service.patrols.answers import PatrolAnswer
from geo_service.tables import Patrol
from layers.vocabulary import Right, Verdict

LONGEST_NOTE = 500


def review(
    db: Session,
    scope: Scope,
    patrol_id: uuid.UUID,
    verdict: Verdict,
    note: str,
    *,
    only_waiting: bool = False,
) -> PatrolAnswer:
    """Store a person's verdict on a patrol; what it covered is put into the roll-up or taken out of it.

    `only_waiting`: not if somebody else has decided on it meanwhile.

    Whoever may change its areas may, but nobody judges his own walk. Raises NotFound, Invalid, Conflict.
    """
    if verdict is Verdict.REVIEW:
        raise Invalid("请选择「有效」或「暂未计入」。")
    if not note.strip() or "\0" in note or len(note) > LONGEST_NOTE:
        raise Invalid(f"请写明核对的依据，例如：问过本人，不超过 {LONGEST_NOTE} 字。")
    batch_queries.lock_patrol(db, patrol_id)
    outings.lock(db, scope.county_id)
    patrol = queries.patrol(db, patrol_id, patrols_in(scope, *CHANGE), locked=True)
    if patrol is None:
        raise answers.no_patrol()
    if patrol.voided_at is not None:
        raise Conflict("这次巡查已经作废，不再核对。")
    if patrol.settled_at is None:
        raise Conflict("这次巡查还没有结束，等记录收全后再核对。")
    if only_waiting and patrol.verdict != Verdict.REVIEW:
        raise Conflict("上一次刚才已由别人核对了，没有再改；下面是下一次。")
    if patrol.person_id is not None and patrol.person_id == scope.person_id:
        raise Conflict("不能核对自己的巡查，请让另一位协调员核对。")
    before, was_together = Verdict(patrol.verdict), outings.together(db, patrol_id)
    now = dt.datetime.now(dt.UTC)
    verdict_queries.store_review(db, patrol_id, verdict, note.strip(), now, scope.actor.account_id)
    if verdict is not before:
        coverage.recount(db, scope.county_id, patrol_id)
    outings.regroup(db, was_together)
    audit.record(
        db, scope.actor, "patrols.review", county_id=scope.county_id, subject=f"patrol/{patrol_id}",
        before=before.value, after=verdict.value,
    )  # fmt: skip
    # By the county: what brought the patrol into the scope may have changed since.
    return answers.told(db, scope, patrol_id)


@dataclass(frozen=True)
class Waiting:
    """A patrol in the row of those to be decided on; its time in the county's zone."""

    patrol_id: uuid.UUID
    person_name: str | None
    started_at: dt.datetime


def waiting(
    db: Session,
    scope: Scope,
    *,
    after: tuple[dt.datetime, uuid.UUID] | None = None,
    area: str | None = None,
    limit: int = 20,
) -> list[Waiting]:
    """Return the patrols that the scope may decide on, who waits longest first, behind a key.

    With an area's code: those by its people or on its stretches.
    """
    found = queries.oldest(db, _waiting(db, scope, area), after=after, limit=limit)
    zone = ZoneInfo(queries.county(db, scope.county_id).time_zone)
    return [Waiting(patrol.id, name, patrol.started_at.astimezone(zone)) for patrol, name in found]


def how_many_wait(db: Session, scope: Scope, *, area: str | None = None) -> int:
    """Return how many patrols wait for a decision of the scope."""
    return queries.how_many(db, _waiting(db, scope, area))


def _waiting(db: Session, scope: Scope, area: str | None) -> list[ColumnElement[bool]]:
    where = [patrols_in(scope, *CHANGE), judged(Verdict.REVIEW)]
    if scope.person_id is not None:  # nobody judges his own walk
        where.append(Patrol.person_id.is_distinct_from(scope.person_id))
    if area is not None:
        below = areas.descendants(db, scope.county_id, [areas.area_id_of(db, scope, area)])
        where.append(patrols_in(dataclasses.replace(scope, rights={Right.COORDINATOR: below})))
    return where


def may_review(db: Session, scope: Scope, patrol_id: uuid.UUID) -> bool:
    """Tell whether the scope may decide on a patrol."""
    patrol = queries.patrol(db, patrol_id, patrols_in(scope, *CHANGE))
    if patrol is None or patrol.voided_at is not None or patrol.settled_at is None:
        return False
    return patrol.person_id is None or patrol.person_id != scope.person_id
