"""Pages of proposals: what a township needs, who could take it, line by line, accepted with a date."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE, PLAN
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today
from geo_service.db import Db
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.planning import gathering, lists, rounds, service
from geo_service.planning.asked import Asked, Numbers
from geo_service.web import queries
from geo_service.web.fields import FromForm, Sent, day_of, number_if_any, whole_if_any
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.planning import Goal
from layers.vocabulary import Layer, LineState, ProposalState

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Id = Annotated[int, Path(ge=0, lt=2**31)]
Plans = Annotated[Scope, require(*PLAN)]
Changes = Annotated[Scope, require(*CHANGE)]
SHOWN_NEEDS = 200
"""Of a township's needs; the proposal shows all of them."""
_REFUSED = (Invalid, Conflict, NotFound, Forbidden)


@router.get("/planning", summary="Show what a township needs, and its proposals")
def planning(
    db: Db, frame: Framed, scope: Plans, area: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Show the choice of an area, its needs and who is free, and all proposals."""
    return _overview(db, frame, scope, area)


@router.post("/planning", summary="Ask for a proposal")
def propose(db: Db, frame: Framed, scope: Plans, sent: FromForm) -> Response:
    """Solve and show the proposal; what is wrong is said above the form."""
    try:
        with db.begin_nested():
            number = service.propose(db, scope, sent["area"], _asked(sent))
    except YinxunError as error:
        return _overview(db, frame, scope, sent["area"], error=error, sent=sent)
    return RedirectResponse(frame.link(f"/planning/{number}"), status_code=303)


@router.post("/planning/round", summary="Ask for a proposal for each township")
def propose_for_each(db: Db, frame: Framed, scope: Plans, sent: FromForm) -> Response:
    """Have every township solved in the background; the overview tells how far it is."""
    try:
        rounds.begin(db, scope, _asked(sent))
    except YinxunError as error:
        return _overview(db, frame, scope, sent["area"], error=error, sent=sent)
    return RedirectResponse(frame.link("/planning"), status_code=303)


@router.get("/planning/{proposal_id}", summary="Show one proposal")
def proposal(db: Db, frame: Framed, scope: Plans, proposal_id: Id) -> Response:
    """Show lines with reasons, and what is not met and why."""
    return _one(db, frame, scope, proposal_id)


@router.post("/planning/{proposal_id}/lines", summary="Fix, refuse or free lines")
def mark(db: Db, frame: Framed, scope: Plans, proposal_id: Id, sent: FromForm) -> Response:
    """Decide on one line by its button."""
    word, _, own = sent["decide"].partition(" ")
    try:
        ids = [
            int(text) for text in ([own] if own else sent.all("line")) if text.isascii() and text.isdigit()
        ]
        if word not in (LineState.FIXED, LineState.REFUSED, LineState.PROPOSED) or not ids:
            raise Invalid("请先勾选条目。")
        service.mark(db, scope, proposal_id, ids, LineState(word))
    except _REFUSED as error:
        return _one(db, frame, scope, proposal_id, error=error)
    return RedirectResponse(frame.link(f"/planning/{proposal_id}") + "#lines", status_code=303)


@router.post("/planning/{proposal_id}/solve", summary="Solve again")
def solve(db: Db, frame: Framed, scope: Plans, proposal_id: Id) -> Response:
    """Solve anew what is not decided on."""
    try:
        with db.begin_nested():
            service.solve_again(db, scope, proposal_id)
    except YinxunError as error:
        return _one(db, frame, scope, proposal_id, error=error)
    return RedirectResponse(frame.link(f"/planning/{proposal_id}"), status_code=303)


@router.post("/planning/{proposal_id}/accept", summary="Accept a proposal as of a day")
def accept(db: Db, frame: Framed, scope: Changes, proposal_id: Id, sent: FromForm) -> Response:
    """Make duties of all that is not refused; what is wrong is said above the list."""
    try:
        with db.begin_nested():
            service.accept(db, scope, proposal_id, day_of(sent["first_day"]))
    except YinxunError as error:
        return _one(db, frame, scope, proposal_id, error=error)
    return RedirectResponse(frame.link(f"/planning/{proposal_id}"), status_code=303)


@router.post("/planning/{proposal_id}/drop", summary="Give a proposal up")
def drop(db: Db, frame: Framed, scope: Plans, proposal_id: Id) -> Response:
    """Give it up and show the overview."""
    try:
        service.drop(db, scope, proposal_id)
    except _REFUSED as error:
        return _one(db, frame, scope, proposal_id, error=error)
    return RedirectResponse(frame.link("/planning"), status_code=303)


def _overview(
    db: Db,
    frame: Frame,
    scope: Scope,
    area: str,
    *,
    error: YinxunError | None = None,
    sent: Sent | None = None,
) -> Response:
    values: dict[str, Any] = {
        "areas": queries.area_choices(db, scope),
        "area": area,
        "layers": list(Layer),
        "error": error,
        "sent": sent,
        "needs": None,
        "round": rounds.progress(db, scope.county_id),
        "duties": [],
        "released": [] if sent is None else [int(word) for word in sent.all("release") if _is_id(word)],
        "proposals": list(lists.proposals(db, scope).rows),
    }
    if area and not isinstance(error, NotFound):
        values |= _needs(db, frame, scope, area)
    return frame.show("planning.html", values, status=422 if error else 200)


def _needs(db: Db, frame: Frame, scope: Scope, area: str) -> dict[str, Any]:
    area_id = areas.area_id_of(db, scope, area, *PLAN)
    found = gathering.gather(db, scope, area_id, Asked(), today(frame.own_county))
    question = found.question
    free = [c for c in question.candidates if c.has_places < c.most_places]
    able = {option.need for option in question.free}
    rows = [
        (need.place.layer, need.place.name or need.place.code, lists.stretch_words(_span(need.span_dm)),
         need.metres, n in able)
        for n, need in enumerate(found.needs)
    ]  # fmt: skip
    return {
        "needs": rows[:SHOWN_NEEDS],
        "count": len(rows),
        "metres": sum(need.metres for need in found.needs),
        "usual_places": Asked().most_places,
        "free": len(free),
        "idle": sum(candidate.has_places == 0 for candidate in free),
        "duties": list(lists.duties(db, scope, found.duties).rows),
    }


def _span(span: tuple[int, int] | None) -> list[tuple[int, int]]:
    return [] if span is None else [span]


def _one(
    db: Db, frame: Frame, scope: Scope, proposal_id: int, *, error: YinxunError | None = None
) -> Response:
    row = service.seen(db, scope, proposal_id)
    listing = lists.lines(db, scope, proposal_id)
    names = [column.name for column in listing.columns]
    lines = [dict(zip(names, line, strict=True)) for line in listing.rows]
    for line in lines:
        line["who"] = line["person"] or f"候选人{line['candidate']}"
    area = next(one for one in areas.areas_of(db, scope.county_id, borders=False) if one.id == row.area_id)
    values = {
        "number": row.id,
        "area_name": area.name,
        "area_code": area.code,
        "state": ProposalState(row.state),
        "told": {"needs": 0, "covered": 0, "metres": 0, "too_short_m": 0, "is_proven": False, **row.result},
        "goals": [(Goal(goal), value, bound) for goal, value, bound in row.result.get("reached", ())],
        "lines": lines,
        "released": len(row.asked.get("released", ())),
        "open_lines": sum(line["state"] in (LineState.PROPOSED, LineState.FIXED) for line in lines),
        "unmet": list(lists.unmet(db, scope, proposal_id).rows),
        "may_accept": scope.holds(*CHANGE),
        "today": today(frame.own_county),
        "error": error,
    }
    return frame.show("proposal.html", values, status=422 if error else 200)


def _asked(sent: Sent) -> Asked:
    layers = tuple(Layer(word) for word in sent.all("layers") if word in list(Layer))
    least, target = whole_if_any(sent["least"], "最少人数"), whole_if_any(sent["target"], "应有人数")
    numbers = Numbers.said(least, target, None, in_pairs=bool(sent["in_pairs"]))
    farthest_km = number_if_any(sent["farthest_km"], "最远")
    every_m = number_if_any(sent["every_m"], "每段最长")
    most_places = whole_if_any(sent["most_places"], "每人最多")
    return Asked(
        layers=layers,
        numbers=dict.fromkeys((layer for layer in layers if layer.is_line), numbers),
        every_m=every_m,
        at_bridges="bridges" in sent.all("cut"),
        at_borders="borders" in sent.all("cut"),
        farthest_m=5000.0 if farthest_km is None else farthest_km * 1000,
        most_places=2 if most_places is None else most_places,
        crossing=bool(sent["crossing"]),
        released=tuple(int(word) for word in sent.all("release") if _is_id(word)),
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
