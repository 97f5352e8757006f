"""Steps of cases: who may take one, what the machine makes of it, what is written down."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, cases_in
from geo_service.accounts.scope import Scope
from geo_service.cases import corrections, queries, rules, units
from geo_service.cases.corrections import Correction
from geo_service.cases.queries import NewStep
from geo_service.cases.rules import Ground
from geo_service.columns import printable
from geo_service.db import one_at_a_time
from geo_service.errors import Invalid, NotFound
from geo_service.messages import service as messages
from geo_service.tables import Case, Json
from layers.case_rules import Limit
from layers.cases import CLOCK, SETTLED, Asked, Doer, Part, Party, Standing
from layers.vocabulary import CaseState, Move, Severity, Topic

CLOCK_JOB = "cases.clock"
"""Kind of the job that reminds, and raises what is late."""
LONGEST_WORDS = 500
_NO_PHOTO = "没有照片"
"""A finished handling without a photo says so, and why."""
_MOST_AT_ONCE = 500
"""Cases that one run of the clock looks at; the next goes on."""


@dataclass(frozen=True)
class Wanted:
    """A step as somebody asks for it."""

    move: Move
    words: str = ""
    unit_id: int | None = None
    into: int | None = None
    days: int | None = None
    photos: Sequence[uuid.UUID] = ()
    """Photos of the case that belong to the step."""
    correction: Correction | None = None
    data: Json | None = None
    """What else is to be known of the step: codes, no texts."""


def standing_of(case: Case) -> Standing:
    """Return where a stored case stands."""
    hands = {Part(part): frozenset(keys) for part, keys in case.hands.items()}
    return Standing(
        CaseState(case.state), case.since, case.due_at, case.limit_s, case.left_s, case.unit_id, case.into_id,
        case.asked_days, case.is_late, case.reworks, case.reopened, case.supervision, case.reminded, hands,
    )  # fmt: skip


def columns_of(standing: Standing) -> dict[str, Any]:
    """Return where a case stands as its columns."""
    said = {name: value for name, value in vars(standing).items() if name not in ("into", "hands")}
    hands = {part.value: sorted(keys) for part, keys in standing.hands.items()}
    return {**said, "into_id": standing.into, "hands": hands}


def found(db: Session, scope: Scope, case_id: int, *, locked: bool = False) -> Case:
    """Return a case of the scope. Raises NotFound."""
    case = queries.case(db, case_id, cases_in(scope), locked=locked)
    if case is None:
        raise NotFound("没有这个案件，或不在您的权限内。")
    return case


def doer_of(db: Session, scope: Scope, case: Case) -> Doer:
    """Return what somebody is to a case: its coordinator, of its unit, who told of it."""
    parties = set()
    if scope.holds(*CHANGE) and queries.case(db, case.id, cases_in(scope, *CHANGE)) is not None:
        parties.add(Party.COORDINATOR)
    if units.acts_for(db, scope, case.unit_id):
        parties.add(Party.HANDLER)
    if scope.person_id is not None and queries.told_by(db, case.id, scope.person_id):
        parties.add(Party.REPORTER)
    return Doer(_key_of(scope), frozenset(parties))


def reporter(scope: Scope) -> Doer:
    """Return what somebody is to a case of which it is known that he told of it."""
    return Doer(_key_of(scope), frozenset({Party.REPORTER}))


def _key_of(scope: Scope) -> str:
    """Return by what one person is known again, whichever account he uses."""
    actor, person = scope.actor, scope.person_id and f"person/{scope.person_id}"
    return person or f"account/{actor.account_id or actor.os_user}"


def legal(db: Session, scope: Scope, ground: Ground, case: Case) -> list[Move]:
    """Return the steps that somebody may take with a case now."""
    return ground.machine.legal(standing_of(case), doer_of(db, scope, case), _now())


def move(
    db: Session,
    scope: Scope,
    case_id: int,
    wanted: Wanted,
    *,
    is_reporter: bool = False,
    now: dt.datetime | None = None,
) -> Case:
    """Take a step with a case of the scope; `is_reporter`: it is his own report, whatever his scope.

    `now`: when it was taken, where that is not now.

    Raises NotFound, Invalid, IllegalMove that names what is possible.
    """
    if wanted.move is Move.MERGE:
        # One at a time: two cases that join each other at once would each hold what the other waits for.
        one_at_a_time(db, f"merge/{scope.county_id}")
    case = queries.case(db, case_id, locked=True) if is_reporter else found(db, scope, case_id, locked=True)
    if case is None:
        raise NotFound("没有这个案件，或不在您的权限内。")
    doer = doer_of(db, scope, case)
    if is_reporter:
        doer = Doer(doer.key, doer.parties | {Party.REPORTER})
    ground = rules.ground(db, case.county_id)
    words = _words(wanted.words)
    asked = _asked(db, scope, ground, case, wanted, words, is_reporter=is_reporter)
    asked = replace(asked, at=now or asked.at)
    before = standing_of(case)
    after = ground.machine.step(before, doer, asked)
    data = _data(wanted)
    if wanted.move is Move.DISPATCH:  # the rules may change: what was said to the unit stands
        data["limit"] = _limit(db, ground, case).words
    if wanted.correction is not None:
        data["changed"] = corrections.correct(db, scope, ground, case, wanted.correction)
    if wanted.move is Move.MERGE and wanted.into is not None:
        data["moved"] = list(queries.taken_up(db, case_id))
        queries.point_into(db, data["moved"], wanted.into)
    _keep(db, case, after, asked.at)
    step = NewStep(
        wanted.move, asked.at, before, after, scope.actor.account_id, scope.person_id, scope.actor.os_user,
        wanted.unit_id if wanted.unit_id is not None else case.unit_id, words or None, data,
    )  # fmt: skip
    step_id = queries.add_step(db, case.county_id, case_id, step)
    queries.move_photos(db, case_id, step_id, wanted.photos)
    if wanted.move is Move.UNMERGE:
        _give_back(db, case_id)
    if wanted.move is Move.MERGE and wanted.into is not None:
        _tell_joined(db, scope, wanted.into, case)
    if after.state is not before.state:
        _tell(db, case, Topic.CASE_MOVED, f"{wanted.move.zh}，现在{after.state.zh}")
    audit.record(db, scope.actor, f"cases.{wanted.move}", county_id=case.county_id, subject=f"case/{case_id}")
    return found_again(db, case_id)


def found_again(db: Session, case_id: int) -> Case:
    """Return a case as it is now, whatever the scope."""
    case = queries.case(db, case_id)
    if case is None:
        raise RuntimeError("the case is gone")
    return case


def run_clock(db: Session) -> int:
    """Take the steps that time has brought, in every county; return how many."""
    taken, now, grounds = 0, _now(), {}
    for case_id, county_id in queries.due(db, limit=_MOST_AT_ONCE):
        if county_id not in grounds:
            grounds[county_id] = rules.ground(db, county_id)
        taken += _tick(db, grounds[county_id], case_id, now)
    return taken


def _tick(db: Session, ground: Ground, case_id: int, now: dt.datetime) -> int:
    case = queries.case(db, case_id, locked=True)
    if case is None:
        return 0
    standing = standing_of(case)
    steps = ground.machine.due_steps(standing, now)
    for asked in steps:
        after = ground.machine.step(standing, CLOCK, asked)
        data: Json = {} if asked.mark is None else {"mark": asked.mark}
        step = NewStep(asked.move, now, standing, after, words=asked.words or None, data=data)
        queries.add_step(db, case.county_id, case_id, step)
        standing = after
    if steps:
        queries.change(db, case_id, **columns_of(standing))
        topic = Topic.CASE_LATE if now >= (standing.due_at or now) else Topic.CASE_DUE
        _tell(db, case, topic, "超过期限" if topic is Topic.CASE_LATE else "快到期")
    return len(steps)


def _tell(db: Session, case: Case, topic: Topic, what: str) -> None:
    """Tell the groups how a case stands: its number and state, no word that somebody wrote."""
    words = f"{case.number}（{CaseState(case.state).zh}）{what}"
    messages.tell(db, case.county_id, topic, case.area_id, words)


def _asked(
    db: Session, scope: Scope, ground: Ground, case: Case, wanted: Wanted, words: str, *, is_reporter: bool
) -> Asked:
    """Return a step as the machine takes it, once what it names is found to be there."""
    if wanted.move is Move.CORRECT and wanted.correction is None:
        raise Invalid("请说明要更正什么。")
    if wanted.unit_id is not None:
        units.find(db, case.county_id, wanted.unit_id)
    if wanted.into is not None:
        _demand_target(db, scope, case, wanted.into, is_reporter=is_reporter)
    return Asked(
        wanted.move, _now(), words, wanted.unit_id, wanted.into, wanted.days,
        has_proof=queries.has_photos(db, case.id, wanted.photos) or _NO_PHOTO in words,
        handle_s=_limit(db, ground, case).seconds(ground.clock),
    )  # fmt: skip


def _limit(db: Session, ground: Ground, case: Case) -> Limit:
    category = rules.editions(db, case.county_id)[case.category_edition_id].get(case.category)
    return ground.limit(category, Severity(case.severity))


def _demand_target(db: Session, scope: Scope, case: Case, into: int, *, is_reporter: bool) -> None:
    """Raise unless a case can take up another one."""
    target = queries.case(db, into) if is_reporter else queries.case(db, into, cases_in(scope, *CHANGE))
    if target is None or target.county_id != case.county_id:
        raise NotFound("没有要并入的案件，或不在您的权限内；请核对编号。")
    if target.id == case.id or target.state in (CaseState.MERGED, CaseState.REJECTED):
        raise Invalid("不能并入自己，或者已经并案、不予受理的案件。")


def _keep(db: Session, case: Case, after: Standing, at: dt.datetime) -> None:
    values = columns_of(after)
    stamps = {CaseState.DISPATCHED: "dispatched_at", CaseState.DONE: "done_at", CaseState.CLOSED: "closed_at"}
    if after.state in stamps and after.state != case.state:
        values[stamps[after.state]] = at
    if after.state not in SETTLED and case.state == CaseState.CLOSED:
        values["closed_at"] = None
    queries.change(db, case.id, **values)


def _give_back(db: Session, case_id: int) -> None:
    """Let the cases that a merged one had taken up come back with it."""
    moved = queries.latest_data(db, case_id, Move.MERGE).get("moved", [])
    if moved:
        queries.point_into(db, moved, case_id)


def _tell_joined(db: Session, scope: Scope, into: int, case: Case) -> None:
    """Write into the history of a case that another one joined it."""
    target = found_again(db, into)
    standing = standing_of(target)
    step = NewStep(
        Move.JOIN, _now(), standing, standing, scope.actor.account_id, scope.person_id, scope.actor.os_user,
        data={"case": case.id, "number": case.number},
    )  # fmt: skip
    queries.add_step(db, target.county_id, into, step)


def _data(wanted: Wanted) -> Json:
    said = {"days": wanted.days, "into": wanted.into}
    return {**(wanted.data or {}), **{name: value for name, value in said.items() if value is not None}}


def _words(text: str) -> str:
    words = " ".join(printable(text).split())
    if len(words) > LONGEST_WORDS:
        raise Invalid(f"说明最多 {LONGEST_WORDS} 字。")
    return words


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
