"""Pages of norms: presets, drafts, trial, adoption; leave, weather and substitutes; what is due."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BeforeValidator

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.db import Db
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.norms import due, exemptions, service, trials
from geo_service.patrols import parties
from geo_service.web import queries
from geo_service.web.fields import day_of
from geo_service.web.frame import Frame, Framed
from layers.dues import State, counted_share
from layers.errors import BadNorm, YinxunError
from layers.norm_words import in_words
from layers.norms import Per, Rule
from layers.presets import PRESETS
from layers.vocabulary import (
    DutyKind,
    Evidence,
    ExemptionKind,
    Level,
    Period,
    Right,
    Role,
    ServiceKind,
    Verdict,
)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED_ROWS = 200
"""Rows of the list of what is due; all are in the file to download."""
Id = Annotated[int, Path(ge=0, lt=2**31)]
Word = Annotated[str, Form(max_length=200)]
Changes = Annotated[Scope, require(*CHANGE)]
Sees = Annotated[Scope, require(Right.COORDINATOR, Right.VOLUNTEER)]
Day = Annotated[dt.date | None, BeforeValidator(lambda value: value or None), Query()]
_NUMBERS = ("min_minutes", "min_metres", "min_share", "max_minutes", "max_metres", "max_ridden")


@router.get("/norms", summary="Show the norms of the county and the presets")
def norms(db: Db, frame: Framed) -> Response:
    """Show drafts and adopted norms in plain words, presets to start from, leave, weather, substitutes."""
    return _list(db, frame)


@router.post("/norms/draft", summary="Draft a norm from a preset")
def draft(db: Db, frame: Framed, scope: Changes, preset: Word = "") -> Response:
    """Store a draft of a preset and show it."""
    norm_id = service.draft_preset(db, scope, preset)
    return RedirectResponse(frame.link(f"/norms/{norm_id}"), status_code=303)


@router.get("/norms/{norm_id}", summary="Show one norm")
def norm(
    db: Db, frame: Framed, norm_id: Id, first: Day = None, last: Day = None, trial: bool = False
) -> Response:
    """Show a norm, and, where that is asked for, what it would have made of the past."""
    try:
        return _one(db, frame, norm_id, (first, last), with_trial=trial)
    except Invalid as error:
        return _one(db, frame, norm_id, (None, None), error=error)


async def _fields(request: Request) -> Mapping[str, Any]:
    form = await request.form()
    found: dict[str, Any] = {key: value for key, value in form.items() if isinstance(value, str)}
    for several in ("roles", "levels", "may_ride", "accepts", "months"):
        found[several] = [value for value in form.getlist(several) if isinstance(value, str)]
    return found


Fields = Annotated[Mapping[str, Any], Depends(_fields)]


@router.post("/norms/{norm_id}", summary="Change a draft")
def change(db: Db, frame: Framed, scope: Changes, norm_id: Id, fields: Fields) -> Response:
    """Take the form's rule into the draft; what is wrong is said above the form."""
    try:
        rule = _rule_of(fields, service.open_draft(db, scope, norm_id).rule)
        service.change(db, scope, norm_id, name=fields.get("name", ""), rule=rule)
    except (Invalid, Conflict, BadNorm) as error:
        return _refused(db, frame, norm_id, error)
    return RedirectResponse(frame.link(f"/norms/{norm_id}"), status_code=303)


@router.post("/norms/{norm_id}/adopt", summary="Put a draft in force")
def adopt(
    db: Db, frame: Framed, scope: Changes, norm_id: Id, first_day: Word = "", replaces: Word = ""
) -> Response:
    """Adopt a draft as of a day; what is wrong is said above the form."""
    try:
        old = int(replaces) if replaces.isascii() and replaces.isdigit() and len(replaces) < 10 else None
        with db.begin_nested():
            service.adopt(db, scope, norm_id, day_of(first_day), replaces=old)
    except (Invalid, Conflict, BadNorm) as error:
        return _refused(db, frame, norm_id, error)
    return RedirectResponse(frame.link(f"/norms/{norm_id}"), status_code=303)


@router.post("/norms/{norm_id}/end", summary="Let a norm end, or drop a draft")
def end(db: Db, frame: Framed, scope: Changes, norm_id: Id, last_day: Word = "") -> Response:
    """End an adopted norm on a day; a draft is dropped."""
    try:
        if service.told(db, scope, norm_id).is_draft:
            service.discard(db, scope, norm_id)
            return RedirectResponse(frame.link("/norms"), status_code=303)
        service.end(db, scope, norm_id, day_of(last_day))
    except (Invalid, Conflict, BadNorm) as error:
        return _refused(db, frame, norm_id, error)
    return RedirectResponse(frame.link(f"/norms/{norm_id}"), status_code=303)


@router.post("/exemptions", summary="Add leave, weather or a substitute")
def add_exemption(
    db: Db, frame: Framed, scope: Changes, kind: Word = "", person: Word = "", substitute: Word = "",
    area: Word = "", first_day: Word = "", last_day: Word = "", reason: Word = "",
) -> Response:  # fmt: skip
    """Store an exemption; what is wrong is said above the form."""
    try:
        if kind not in set(ExemptionKind):
            raise Invalid("请选择类别：请假、天气或替班。")
        days = exemptions.days_of(day_of(first_day), day_of(last_day or first_day))
        who, stands_in = (
            parties.person_called(db, scope, word).id if word.strip() else None
            for word in (person, substitute)
        )
        request = exemptions.Request(ExemptionKind(kind), days, who, stands_in, area or None, reason)
        exemptions.add(db, scope, request)
    except (Invalid, NotFound) as error:
        return _list(db, frame, error=error)
    return RedirectResponse(frame.link("/norms") + "#exemptions", status_code=303)


@router.post("/exemptions/{exemption_id}/remove", summary="Take leave, weather or a substitute away")
def remove_exemption(db: Db, frame: Framed, scope: Changes, exemption_id: Id) -> Response:
    """Take an exemption away."""
    exemptions.remove(db, scope, exemption_id)
    return RedirectResponse(frame.link("/norms") + "#exemptions", status_code=303)


@router.get("/due", summary="Show what is due, met, late, waived")
def due_(
    db: Db, frame: Framed, scope: Sees, first: Day = None, last: Day = None,
    area: Annotated[str, Query(max_length=40)] = "", by: due.By = "subject",
) -> Response:  # fmt: skip
    """Show what is due under the norms in force, by person or place, period or township."""
    window = due.window_of(db, scope, first, last)
    table = due.table(db, scope, window, area=area or None)
    listing = due.listing(table, by)
    verdicts = due.verdicts(db, scope, window)
    rows = list(listing.rows)
    values = {
        "window": window, "table": table, "parts": [(n, table.of(n)) for n in table.norms],
        "states": list(State), "columns": listing.columns, "rows": rows[:LISTED_ROWS], "count": len(rows),
        "verdicts": verdicts, "words": list(Verdict), "counted_share": counted_share(verdicts.elements()),
        "by": by, "area": area, "areas": queries.area_choices(db, scope),
    }  # fmt: skip
    return frame.show("due.html", values)


def _list(db: Db, frame: Frame, *, error: YinxunError | None = None) -> Response:
    scope, now = frame.own_scope, today(frame.own_county)
    may_see = scope.holds(Right.COORDINATOR, Right.VOLUNTEER)
    values = {
        "norms": [(n, n.state_on(now), in_words(n.rule)) for n in service.listed(db, scope)],
        "presets": [(p, in_words(p.rule)) for p in PRESETS],
        "may_draft": _may_draft(scope),
        "may_exempt": scope.holds(*CHANGE),
        "exemptions": list(exemptions.listing(exemptions.listed(db, scope)).rows) if may_see else [],
        "kinds": list(ExemptionKind),
        "areas": queries.area_choices(db, scope),
        "today": now,
        "error": error,
    }
    return frame.show("norms.html", values, status=200 if error is None else 422)


def _refused(db: Db, frame: Frame, norm_id: int, error: YinxunError) -> Response:
    return _one(db, frame, norm_id, (None, None), error=error)


def _one(
    db: Db, frame: Frame, norm_id: int, asked: tuple[dt.date | None, dt.date | None], *,
    with_trial: bool = False, error: YinxunError | None = None,
) -> Response:  # fmt: skip
    scope, now = frame.own_scope, today(frame.own_county)
    found = service.told(db, scope, norm_id)
    window = due.window_of(db, scope, *asked)
    running = [n for n in service.listed(db, scope) if n.days is not None and n.days.last >= now]
    values = {
        "norm": found, "state": found.state_on(now), "words": in_words(found.rule), "rule": found.rule,
        "may_draft": _may_draft(scope), "running": running, "today": now,
        "window": window, "trial": trials.tried(db, scope, norm_id, window) if with_trial else None,
        "periods": list(Period), "pers": list(Per), "roles": list(Role), "levels": list(Level),
        "duties": list(DutyKind), "modes": [*Evidence, *ServiceKind], "verdicts": list(Verdict),
        "error": error,
    }  # fmt: skip
    return frame.show("norm.html", values, status=200 if error is None else 422)


def _may_draft(scope: Scope) -> bool:
    return scope.holds(Right.COORDINATOR) and scope.areas(Right.COORDINATOR) is None


def _rule_of(fields: Mapping[str, Any], was: Rule) -> Rule:
    """Return the rule of a form; what it does not show stays as it was. Raises Invalid, BadNorm."""
    numbers = (_number(fields.get(name, "")) for name in _NUMBERS)
    minutes, metres, share, most_minutes, most_metres, ridden = numbers
    count = _number(fields.get("count", ""))
    slots = fields.get("slots") == "yes"
    known = {accepted.mode.value: accepted.at_most for accepted in was.accepts}
    return Rule.from_json(
        was.to_json()
        | {
            "count": _whole(count),
            "period": fields.get("period", ""),
            "per": fields.get("per", ""),
            "kind": fields.get("kind") or None,
            "roles": fields["roles"],
            "levels": fields["levels"],
            "months": [_whole(_number(month)) for month in fields["months"]],
            "slots": _whole(count) if slots else 0,
            "min_gap_hours": _number(fields.get("min_gap_hours", "")) or 0.0,
            "grace_days": _whole(_number(fields.get("grace_days", "")) or 0),
            "one_a_day": fields.get("one_a_day") == "yes",
            "minima": {
                "minutes": minutes, "metres": metres, "share": None if share is None else share / 100,
                "checklist": fields.get("checklist") == "yes",
            },
            "caps": {
                "minutes": most_minutes, "metres": most_metres,
                "ridden_share": None if ridden is None else ridden / 100, "may_ride": fields["may_ride"],
            },
            "accepts": [{"mode": mode, "at_most": known.get(mode)} for mode in fields["accepts"]],
        }
    )  # fmt: skip


def _number(word: str) -> float | None:
    try:
        return float(word) if word.strip() else None
    except ValueError as error:
        raise Invalid(f"「{word[:20]}」不是数字；请填数字，不要求的就不填。") from error


def _whole(number: float | None) -> int:
    if number is None or number != number or abs(number) > 1e6 or number != int(number):  # noqa: PLR0124
        raise Invalid("次数和天数要填整数。")
    return int(number)
