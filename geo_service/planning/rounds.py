"""A proposal for each township of the scope, one after the other, in the background."""

import logging
import uuid

from sqlalchemy.orm import Session

from geo_service import jobs
from geo_service.accounts import service as accounts
from geo_service.accounts.narrow import PLAN
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.db import one_at_a_time
from geo_service.errors import Conflict, Forbidden, Invalid, Unavailable
from geo_service.jobs import Progress
from geo_service.planning import service
from geo_service.planning.asked import Asked
from geo_service.tables import County, Json
from layers.errors import YinxunError
from layers.vocabulary import Level

log = logging.getLogger(__name__)

JOB = "planning.round"


def townships(db: Session, scope: Scope) -> list[str]:
    """Return the codes of the townships of the scope; of a county without townships its own."""
    scope.demand(*PLAN)
    own = scope.areas(*PLAN)
    stored = [
        one for one in areas.areas_of(db, scope.county_id, borders=False) if own is None or one.id in own
    ]
    found = [one.code for one in stored if one.level is Level.TOWNSHIP]
    return found or [one.code for one in stored if one.level is Level.COUNTY]


def begin(db: Session, scope: Scope, asked: Asked) -> int:
    """Ask for a proposal for each township; return how many there will be. Raises Conflict, Invalid."""
    codes = townships(db, scope)
    if not codes:
        raise Invalid("您的辖区里没有整个的镇街；请选一个村，单独排。")
    one_at_a_time(db, f"{JOB}/{scope.county_id}")
    if progress(db, scope.county_id) is not None:
        raise Conflict("本县正在一个镇街一个镇街地排方案，请等排完再开始下一轮。")
    if scope.actor.account_id is None:
        raise Forbidden("请用账号登录后再排。")
    county = db.get_one(County, scope.county_id)
    payload = {
        "county": county.code, "account": str(scope.actor.account_id), "asked": asked.to_json(),
        "codes": codes, "done": 0,
    }  # fmt: skip
    jobs.enqueue(db, JOB, payload, county_id=county.id)
    return len(codes)


def progress(db: Session, county_id: int) -> tuple[int, int] | None:
    """Return how many townships of how many are done; None while no round is under way."""
    job = jobs.unfinished(db, JOB, county_id)
    if job is None:
        return None
    return int(job.payload["done"]), len(job.payload["codes"])


def by_job(db: Session, payload: Json, tell: Progress) -> None:
    """Propose for the next township, and ask for a job that goes on behind it.

    With the rights that whoever asked has now; what one township refuses does not keep the others waiting.
    """
    scope = accounts.scope_of(db, uuid.UUID(payload["account"]), payload["county"])
    done, codes = int(payload["done"]), payload["codes"]
    tell(done, len(codes), "排方案")
    try:
        with db.begin_nested():
            service.propose(db, scope, codes[done], Asked.from_json(payload["asked"]))
    except Unavailable:
        raise  # the job is tried again
    except YinxunError as error:
        log.warning("no proposal for %s: %s", codes[done], error.title)
    if done + 1 < len(codes):
        jobs.enqueue(db, JOB, {**payload, "done": done + 1}, county_id=scope.county_id)
