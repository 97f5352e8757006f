"""Norms: drafts, tried on the past, adopted; leave, weather and substitutes; what is due."""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from geo_service import cursors
from geo_service.accounts.dependencies import InFull, Signed, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today_in
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.listing import As, records
from geo_service.norms import due, exemptions, service, trials
from geo_service.norms.due import By, DueTable
from geo_service.norms.service import NormRow
from geo_service.paging import export, page
from layers.dues import Rates, counted_share
from layers.norm_words import in_words
from layers.norms import Rule
from layers.periods import Days
from layers.presets import PRESETS
from layers.vocabulary import ExemptionKind, Right

router = APIRouter(prefix="/api", tags=["norms"])

Id = Annotated[int, Path(ge=0, lt=2**31)]
Changes = Annotated[Scope, require(*CHANGE)]
Sees = Annotated[Scope, require(Right.COORDINATOR, Right.VOLUNTEER)]
First = Annotated[dt.date | None, Query(description="First day; none: four weeks before the last.")]
Last = Annotated[dt.date | None, Query(description="Last day, inclusive; none: today.")]
Form = Annotated[
    Literal["json", "csv", "xlsx"], Query(alias="as", description="json: a page of rows; else all as a file.")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewNorm(_Body):
    """A draft: a rule of one's own with a name, or a preset by its code."""

    name: Annotated[str | None, Field(max_length=service.LONGEST_NAME)] = None
    rule: dict[str, Any] | None = None
    preset: Annotated[str | None, Field(max_length=60)] = None


class NormChange(_Body):
    """What of a draft is to be another; what is left out stays."""

    name: Annotated[str | None, Field(max_length=service.LONGEST_NAME)] = None
    rule: dict[str, Any] | None = None


class Adoption(_Body):
    """From which day on a draft is in force, and which norm it replaces."""

    first_day: dt.date
    replaces: Annotated[int | None, Field(ge=0, lt=2**31)] = None


class End(_Body):
    """The last day of a norm, inclusive."""

    last_day: dt.date


class NewExemption(_Body):
    """Leave or a substitute of a person, or the weather of an area (none: the whole county)."""

    kind: ExemptionKind
    first_day: dt.date
    last_day: dt.date
    person_id: uuid.UUID | None = None
    substitute_id: uuid.UUID | None = None
    area: Annotated[str | None, Field(max_length=40, description="Code of an area.")] = None
    reason: Annotated[str | None, Field(max_length=200)] = None


class NewId(_Body):
    """The id of what was stored."""

    id: int


@router.get("/norms", summary="The norms of the county: drafts first, then the latest adopted")
def norms(db: Db, scope: Signed) -> list[dict[str, Any]]:
    """Return every norm with its rule, in words too, and its days."""
    now = today_in(db, scope.county_id)
    return [_told(norm, now) for norm in service.listed(db, scope)]


@router.get("/norms/presets", summary="Norms of real places to start from; none is in force by itself")
def presets(_scope: Signed) -> list[dict[str, Any]]:
    """Return the presets with their source in words."""
    return [
        {
            "code": preset.code, "name": preset.name, "source": preset.source, "beyond": preset.beyond,
            "words": in_words(preset.rule), "rule": preset.rule.to_json(),
        }
        for preset in PRESETS
    ]  # fmt: skip


@router.get("/norms/{norm_id}", summary="One norm")
def norm(db: Db, scope: Signed, norm_id: Id) -> dict[str, Any]:
    """Return a norm with its rule and days."""
    return _told(service.told(db, scope, norm_id), today_in(db, scope.county_id))


@router.post("/norms", status_code=201, summary="Draft a norm")
def draft(db: Db, scope: Changes, new: NewNorm) -> NewId:
    """Store a draft: it judges nothing until it is adopted."""
    if new.preset is not None:
        if new.rule is not None:
            raise Invalid("样板和自己写的标准只能给一种。")
        norm_id = service.draft_preset(db, scope, new.preset)
        if new.name is not None:
            service.change(db, scope, norm_id, name=new.name)
        return NewId(id=norm_id)
    if new.rule is None:
        raise Invalid("请给出标准（rule）或样板的代码（preset）。")
    return NewId(id=service.draft(db, scope, new.name or "", Rule.from_json(new.rule)))


@router.patch("/norms/{norm_id}", status_code=204, summary="Change a draft")
def change(db: Db, scope: Changes, norm_id: Id, new: NormChange) -> None:
    """Give a draft another name or rule; an adopted norm is never changed."""
    rule = None if new.rule is None else Rule.from_json(new.rule)
    service.change(db, scope, norm_id, name=new.name, rule=rule)


@router.delete("/norms/{norm_id}", status_code=204, summary="Drop a draft")
def discard(db: Db, scope: Changes, norm_id: Id) -> None:
    """Drop a draft; an adopted norm stays."""
    service.discard(db, scope, norm_id)


@router.post("/norms/{norm_id}/adopt", status_code=204, summary="Put a draft in force as of a day")
def adopt(db: Db, scope: Changes, norm_id: Id, adoption: Adoption) -> None:
    """Put a draft in force from a day that is not past; history is never judged again."""
    service.adopt(db, scope, norm_id, adoption.first_day, replaces=adoption.replaces)


@router.post("/norms/{norm_id}/end", status_code=204, summary="Let a norm end on a day")
def end(db: Db, scope: Changes, norm_id: Id, ending: End) -> None:
    """Let an adopted norm end; one that has not begun becomes a draft again."""
    service.end(db, scope, norm_id, ending.last_day)


@router.get("/norms/{norm_id}/trial", summary="What a norm would have made of the past; nothing is stored")
def trial(
    db: Db, scope: Changes, norm_id: Id, first: First = None, last: Last = None, form: Form = "json",
    full: InFull = False,
) -> Response:  # fmt: skip
    """Return what would have been due and met, and the patrols whose verdict would have been another."""
    found = trials.tried(db, scope, norm_id, due.window_of(db, scope, first, last))
    if form != "json":
        return export(db, scope, trials.listing(found), As(form), full=full)
    return JSONResponse(
        {
            "norm": found.norm.name, "window": _window(found.window), "patrols": found.patrols,
            "was": dict(found.was), "would_be": dict(found.would_be), "counted_share": found.counted_share,
            **_rates(found.due.rates), "differing": records(trials.listing(found)),
        }
    )  # fmt: skip


def _asked_days(db: Db, scope: Sees, first: First = None, last: Last = None) -> Days:
    return due.window_of(db, scope, first, last)


@router.get("/due", summary="What is due, met, late, waived under the norms in force")
def due_(
    db: Db,
    scope: Sees,
    window: Annotated[Days, Depends(_asked_days)],
    area: Annotated[str | None, Query(max_length=40, description="Code of a township or village.")] = None,
    norm: Annotated[int | None, Query(ge=0, lt=2**31, description="Only of this norm.")] = None,
    by: Annotated[By, Query(description="A row a period, a person or place, or a township.")] = "period",
    form: Form = "json",
    full: InFull = False,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> Response:
    """Return a page of rows, or all as a file; without a norm there are none, and no rates."""
    found = due.table(db, scope, window, area=area or None, norm_id=norm)
    listing = due.listing(found, by)
    if form != "json":
        return export(db, scope, listing, As(form), full=full)
    verdicts = due.verdicts(db, scope, window)
    told = {
        "window": _window(window), "norms": [n.name for n in found.norms], **_totals(found),
        "verdicts": verdicts, "counted_share": counted_share(verdicts.elements()) if found.norms else None,
    }  # fmt: skip
    return page(listing, limit, cursor, told)


@router.get("/exemptions", summary="Leave, weather and substitutes of my scope, the latest first")
def exemptions_(db: Db, scope: Sees, first: First = None, last: Last = None) -> list[dict[str, Any]]:
    """Return exemptions on the days asked for; without days all of them."""
    days = None if first is None and last is None else due.window_of(db, scope, first, last)
    return records(exemptions.listing(exemptions.listed(db, scope, days)))


@router.post("/exemptions", status_code=201, summary="Add leave, weather or a substitute")
def add_exemption(db: Db, scope: Changes, new: NewExemption) -> NewId:
    """Store days on which nothing is due, or on which somebody stands in."""
    days = exemptions.days_of(new.first_day, new.last_day)
    request = exemptions.Request(
        new.kind, days, new.person_id, new.substitute_id, new.area or None, new.reason
    )
    return NewId(id=exemptions.add(db, scope, request))


@router.delete(
    "/exemptions/{exemption_id}", status_code=204, summary="Take leave, weather or a substitute away"
)
def remove_exemption(db: Db, scope: Changes, exemption_id: Id) -> None:
    """Take an exemption away: what is due is told anew from then on."""
    exemptions.remove(db, scope, exemption_id)


def _told(norm: NormRow, now: dt.date) -> dict[str, Any]:
    days = norm.days
    return {
        "id": norm.id, "name": norm.name, "state": norm.state_on(now),
        "first_day": days.first.isoformat() if days else None,
        "last_day": norm.last_day.isoformat() if norm.last_day else None,
        "words": in_words(norm.rule), "rule": norm.rule.to_json(),
    }  # fmt: skip


def _totals(found: DueTable) -> dict[str, Any]:
    """Return the sums; without a norm there is no rate to tell."""
    return _rates(found.rates) if found.norms else {"due": None, "done": None, "done_share": None}


def _rates(found: Rates) -> dict[str, Any]:
    return {"due": found.due, "done": found.done, "done_share": found.done_share}


def _window(days: Days) -> dict[str, str]:
    return {"first": days.first.isoformat(), "last": days.last.isoformat()}
