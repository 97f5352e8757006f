"""Proposals: asked for an area, solved, changed by hand, solved again, accepted as duties."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, PLAN, proposals_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.people import service as people
from geo_service.people.service import DutyRequest
from geo_service.planning import queries, solver
from geo_service.planning.asked import Asked
from geo_service.planning.gathering import Gathered, gather
from geo_service.planning.needs import Decided
from geo_service.tables import Proposal, ProposalLine
from layers.planning import Line, Pair, Why
from layers.planning import Proposal as Solution
from layers.vocabulary import LineState, ProposalState, Role

DM_PER_M = 10


def propose(db: Session, scope: Scope, area: str, asked: Asked) -> int:
    """Solve an area's question, store the answer, and return its id. Raises NotFound, Invalid."""
    scope.demand(*PLAN)
    area_id = areas.area_id_of(db, scope, area, *PLAN)
    row = Proposal(
        county_id=scope.county_id,
        area_id=area_id,
        asked=asked.to_json(),
        account_id=scope.actor.account_id,
        os_user=scope.actor.os_user,
    )
    db.add(row)
    db.flush()
    _solve(db, scope, row)
    _record(db, scope, "planning.propose", row.id)
    return row.id


def solve_again(db: Session, scope: Scope, proposal_id: int, asked: Asked | None = None) -> None:
    """Solve anew what is not decided on, with what is fixed and refused. Raises NotFound, Conflict."""
    row = opened(db, scope, proposal_id)
    if asked is not None:
        row.asked = asked.to_json()
    _solve(db, scope, row)
    _record(db, scope, "planning.solve", row.id)


def mark(db: Session, scope: Scope, proposal_id: int, line_ids: Collection[int], state: LineState) -> int:
    """Fix lines, refuse them, or leave them to the solver again; return how many changed.

    Raises NotFound, Conflict.
    """
    row = opened(db, scope, proposal_id)
    if state is LineState.ACCEPTED:
        raise Invalid("采纳要写明从哪天起，请用「采纳」。")
    changed = queries.mark(db, row.id, line_ids, state)
    if not changed:
        raise NotFound("方案里没有这一条，或已经采纳。")
    _record(db, scope, f"planning.{state.value}", row.id, lines=changed)
    return changed


def accept(
    db: Session, scope: Scope, proposal_id: int, first_day: dt.date, line_ids: Collection[int] | None = None
) -> list[int]:
    """Make duties of lines (None: all that are not refused) from a day on, and return their ids.

    Released duties whose place is taken over end the day before. Raises NotFound, Conflict, Forbidden.
    """
    scope.demand(*CHANGE)
    row = opened(db, scope, proposal_id)
    asked = Asked.from_json(row.asked)
    wanted = (LineState.PROPOSED, LineState.FIXED)
    chosen = [
        found
        for found in queries.lines_of(db, row.id)
        if found.ProposalLine.state in wanted and (line_ids is None or found.ProposalLine.id in line_ids)
    ]
    if not chosen or (line_ids is not None and len(chosen) < len(set(line_ids))):
        raise NotFound("方案里没有可以采纳的这些条目；请刷新后再选。")
    _end_released(db, scope, asked, {found.ProposalLine.place_id for found in chosen}, first_day)
    duty_ids = []
    for found in chosen:
        line = found.ProposalLine
        if line.place_version_id != found.version_id:
            raise Conflict(f"「{found.place or found.code}」的图形已经更新；请重新求解后再采纳。")
        spans = [(a / DM_PER_M, b / DM_PER_M) for a, b in _spans(line)]
        request = DutyRequest(
            line.person_id, line.place_id, first_day, role=Role(line.role), stretches_m=spans
        )
        line.duty_id = people.add_duty(db, scope, request)
        line.state = LineState.ACCEPTED
        duty_ids.append(line.duty_id)
    db.flush()
    left = [f for f in queries.lines_of(db, row.id) if f.ProposalLine.state in wanted]
    if not left:
        row.state = ProposalState.ACCEPTED
    _record(db, scope, "planning.accept", row.id, duties=len(duty_ids))
    return duty_ids


def drop(db: Session, scope: Scope, proposal_id: int) -> None:
    """Give a proposal up; what was accepted of it stays. Raises NotFound, Conflict."""
    row = opened(db, scope, proposal_id)
    row.state = ProposalState.DROPPED
    _record(db, scope, "planning.drop", row.id)


def seen(db: Session, scope: Scope, proposal_id: int, *, lock: bool = False) -> Proposal:
    """Return a proposal of the scope. Raises NotFound."""
    scope.demand(*PLAN)
    found = queries.proposal(db, proposals_in(scope), proposal_id, lock=lock)
    if found is None:
        raise NotFound("没有这个方案，或不在您的辖区内。")
    return found


def opened(db: Session, scope: Scope, proposal_id: int) -> Proposal:
    """Return a proposal that can still be changed, locked. Raises NotFound, Conflict."""
    row = seen(db, scope, proposal_id, lock=True)
    if row.state != ProposalState.OPEN:
        raise Conflict(f"这个方案{ProposalState(row.state).zh}，不能再改；请重新提出一个。")
    return row


# --- solving


def _solve(db: Session, scope: Scope, row: Proposal) -> None:
    asked, day = Asked.from_json(row.asked), today_in(db, scope.county_id)
    decided = [found.ProposalLine for found in queries.lines_of(db, row.id)]
    fixed = [line for line in decided if line.state == LineState.FIXED]
    refused = [line for line in decided if line.state == LineState.REFUSED]
    gathered = gather(
        db, scope, row.area_id, asked, day, fixed=_decided(fixed), refused=_decided(refused)
    )  # fmt: skip
    solution = solver.propose(gathered.question, seconds=asked.seconds)
    queries.drop_proposed(db, row.id)
    db.flush()
    known = {(d.key, d.person_id): line for line, d in zip(fixed, _decided(fixed), strict=True)}
    for line in solution.lines:
        _store(db, row, gathered, line, known)
    row.result = _result(gathered, solution)
    row.solved_at = dt.datetime.now(dt.UTC)
    db.flush()


def _store(
    db: Session, row: Proposal, gathered: Gathered, line: Line, known: dict[Any, ProposalLine]
) -> None:
    need, person = gathered.needs[line.need], gathered.people[line.candidate]
    reasons = {
        "distance_m": line.distance_m,
        "adjoins": line.adjoins,
        "wished": line.is_wished,
        "nearest": line.nearest,
        "nth": line.nth,
        "with": [str(gathered.people[c].id) for c in line.with_others],
    }
    if line.is_fixed:
        known[need.key, person.id].reasons = reasons
    elif not line.is_kept:
        db.add(
            ProposalLine(
                county_id=row.county_id,
                proposal_id=row.id,
                place_id=need.place.place_id,
                place_version_id=need.place.version_id,
                spans=None if need.span_dm is None else [Range(*need.span_dm)],
                person_id=person.id,
                role=Role.of(need.place.layer),
                state=LineState.PROPOSED,
                reasons=reasons,
            )
        )


def _result(gathered: Gathered, solution: Solution) -> dict[str, Any]:
    """Return what is told of a solution beside its lines; people by id."""
    question, needs = gathered.question, gathered.needs

    def at(n: int, why: Why) -> dict[str, Any]:
        place = needs[n].place
        span = needs[n].span_dm
        return {"place_id": place.place_id, "layer": place.layer, "span": span, "why": why}

    covered = [n for n in range(len(needs)) if n not in solution.unmet]
    return {
        "needs": len(needs),
        "covered": len(covered),
        "metres": sum(need.metres for need in needs),
        "covered_m": sum(needs[n].metres for n in covered),
        "candidates": len({option.candidate for option in question.options}),
        "kept": len(frozenset(question.held)),
        "too_short_m": round(gathered.too_short_m),
        "reached": [[one.goal, one.value, one.bound] for one in solution.reached],
        "is_proven": solution.is_proven,
        "unmet": [at(n, why) for n, why in sorted(solution.unmet.items())],
        "short": [at(n, why) for n, why in sorted(solution.short.items())],
        "wishes": _wishes(gathered, solution),
        "over_limit": [str(gathered.people[c].id) for c in solution.over_limit],
    }


def _wishes(gathered: Gathered, solution: Solution) -> list[dict[str, Any]]:
    """Return the wishes that are not met, one a person and place; those for what needs nobody too."""
    told: dict[tuple[int, int], Why | None] = {}
    for c, person in enumerate(gathered.people):
        for place_id in person.ready.likes if person.ready else ():
            told[c, place_id] = Why.NO_NEED
    ways: dict[tuple[int, int], list[Pair]] = {}
    for c, candidate in enumerate(gathered.question.candidates):
        for n in sorted(candidate.wishes):
            ways.setdefault((c, gathered.needs[n].place.place_id), []).append((n, c))
    for key, pairs in ways.items():
        met = any(pair in solution.pairs for pair in pairs)
        told[key] = None if met else solution.unmet_wishes[pairs[0]]
    return [
        {"person_id": str(gathered.people[c].id), "place_id": place_id, "why": why}
        for (c, place_id), why in told.items()
        if why is not None
    ]


def _decided(lines: Sequence[ProposalLine]) -> list[Decided]:
    return [
        Decided((line.place_id, _spans(line)[0] if line.spans else None), line.person_id) for line in lines
    ]


def _spans(line: ProposalLine) -> list[tuple[int, int]]:
    return [(int(span.lower or 0), int(span.upper or 0)) for span in line.spans or ()]


def _end_released(
    db: Session, scope: Scope, asked: Asked, place_ids: Collection[int], first_day: dt.date
) -> None:
    if not asked.released:
        return
    last_day = first_day - dt.timedelta(days=1)
    in_force = people.duty_spans(
        db, scope.county_id, first_day=first_day, place_ids=place_ids
    )  # fmt: skip
    for duty in in_force:
        if duty.duty_id in asked.released:
            people.end_duty(db, scope, duty.duty_id, last_day)


def _record(db: Session, scope: Scope, action: str, proposal_id: int, **detail: Any) -> None:
    subject = f"proposal/{proposal_id}"
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=subject, **detail)
