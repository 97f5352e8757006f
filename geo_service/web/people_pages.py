"""Pages of people: who there is, with their duties; one person, added, changed, ended and handed over."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.db import Db
from geo_service.errors import NotFound
from geo_service.people import lists, service
from geo_service.people.drafts import PersonDraft
from geo_service.people.service import DutyRequest
from geo_service.privacy import consents
from geo_service.web import queries
from geo_service.web.fields import day_if_any, day_of
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import DutyKind, Level

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
CHOICES = 50
"""People and places that a form proposes for a name."""
Changes = Annotated[Scope, require(*CHANGE)]
Word = Annotated[str, Form(max_length=500)]
_Id = Annotated[int, Form(ge=0, lt=2**63)]


class Sought(BaseModel):
    """What the list of people looks for."""

    text: Annotated[str, Field(max_length=100)] = ""
    area: Annotated[str, Field(max_length=40)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


@dataclass(frozen=True)
class Listed:
    """A person as a row of the list has him."""

    values: dict[str, Any]
    duties: list[dict[str, Any]]


@router.get("/people", summary="Show the people of the scope with their duties")
def people(db: Db, frame: Framed, sought: Annotated[Sought, Query()]) -> Response:
    """Show people by name, number or phone, a page at a time."""
    scope = frame.own_scope
    found = records_of(
        lists.people(
            db,
            scope,
            q=sought.text.strip() or None,
            area=sought.area or None,
            limit=PAGE_ROWS + 1,
            offset=(sought.page - 1) * PAGE_ROWS,
        )
    )
    shown = found[:PAGE_ROWS]
    held = _held(db, scope, [row["id"] for row in shown])
    values = {
        "sought": sought,
        "areas": queries.area_choices(db, scope),
        "rows": [Listed(row, held.get(row["id"], [])) for row in shown],
        "more": len(found) > PAGE_ROWS,
        "changes": scope.holds(*CHANGE),
    }
    return frame.show("people.html", values)


@router.get("/people/{person_id}", summary="Show one person with all duties")
def person(db: Db, frame: Framed, person_id: uuid.UUID, q: str = "") -> Response:
    """Show a person: what is known, the duties, and forms to change them."""
    return _card(db, frame, person_id, q=q)


@router.post("/people", summary="Add a person")
def add(
    db: Db, frame: Framed, scope: Changes, name: Word, phone: Word = "", number: Word = "", area: Word = ""
) -> Response:
    """Add one person and show him."""
    draft = PersonDraft(
        name=name,
        number=number.strip() or None,
        phone=phone.strip() or None,
        area_id=areas.area_id_of(db, scope, area) if area else None,
    )
    return _to(frame, service.add_person(db, scope, draft))


@router.post("/people/{person_id}", summary="Change a person")
def change(
    db: Db,
    frame: Framed,
    scope: Changes,
    person_id: uuid.UUID,
    name: Word,
    phone: Word = "",
    number: Word = "",
    area: Word = "",
    home: Word = "",
    note: Word = "",
) -> Response:
    """Give a person new values; an emptied field is taken away."""
    values = {
        "name": name,
        "phone": phone.strip() or None,
        "number": number.strip() or None,
        "area_id": areas.area_id_of(db, scope, area) if area else None,
        "attributes": {"home": home.strip() or None, "note": note.strip() or None},
    }
    return _done(db, frame, person_id, lambda: service.change_person(db, scope, person_id, values))


@router.post("/people/{person_id}/duties", summary="Give a person a duty")
def charge(
    db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, place: _Id, day: Word = ""
) -> Response:
    """Make a person a volunteer steward of a whole place."""
    request = DutyRequest(person_id, place, day_if_any(day), kind=DutyKind.VOLUNTEER, level=Level.VILLAGE)
    return _done(db, frame, person_id, lambda: service.add_duty(db, scope, request))


@router.get("/consent-sheet", summary="Show the sheet on which people agree to be recorded, to print")
def consent_sheet(frame: Framed, _scope: Changes) -> Response:
    """Show the words in force in large type, with room to sign."""
    asked = {"title": consents.TITLE, "paragraphs": consents.PARAGRAPHS, "version": consents.VERSION}
    return frame.show("consent_sheet.html", asked)


@router.post("/people/{person_id}/consent", summary="Enter that a person agreed on paper, or no longer does")
def consent(
    db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, given: Annotated[bool, Form()]
) -> Response:
    """Write down what he signed."""
    return _done(db, frame, person_id, lambda: consents.on_paper(db, scope, person_id, given=given))


@router.post("/people/{person_id}/end", summary="End a duty of a person")
def end(db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, duty: _Id, day: Word) -> Response:
    """Let a duty end on a day, inclusive."""
    return _done(db, frame, person_id, lambda: service.end_duty(db, scope, duty, day_of(day)))


@router.post("/people/{person_id}/hand-over", summary="Hand a duty over to somebody else")
def hand_over(
    db: Db,
    frame: Framed,
    scope: Changes,
    person_id: uuid.UUID,
    duty: _Id,
    to: Annotated[uuid.UUID, Form()],
    day: Word,
) -> Response:
    """End a duty the day before and begin the same for another person."""
    return _done(db, frame, person_id, lambda: service.hand_over(db, scope, duty, to, day_of(day)))


def _card(
    db: Db, frame: Frame, person_id: uuid.UUID, *, q: str = "", error: YinxunError | None = None
) -> Response:
    scope = frame.own_scope
    found = records_of(lists.people(db, scope, person_id=person_id))
    if not found:
        raise NotFound("没有这个人，或不在您的权限内。")
    changes = scope.holds(*CHANGE)
    takers: list[dict[str, Any]] = []
    places: Sequence[queries.Listed] = []
    if q and changes:
        takers = [
            row for row in records_of(lists.people(db, scope, q=q, limit=CHOICES)) if row["id"] != person_id
        ]
        places = queries.found_places(
            db, scope, layer=None, text=q, only_scheme=False, limit=CHOICES, offset=0
        )
    values = {
        "person": found[0],
        "duties": records_of(lists.duties(db, scope, person_id=person_id)),
        "areas": queries.area_choices(db, scope) if changes else [],
        "changes": changes,
        "consent": consents.state(db, scope.county_id, person_id) if changes else None,
        "takers": takers,
        "places": places,
        "q": q,
        "today": today_in(db, scope.county_id),
        "error": error,
    }
    return frame.show("person.html", values, status=200 if error is None else 422)


def records_of(listing: Any) -> list[dict[str, Any]]:
    """Return the rows of a list by column, values as they are."""
    names = [column.name for column in listing.columns]
    return [dict(zip(names, row, strict=True)) for row in listing.rows]


def _held(db: Db, scope: Scope, ids: list[uuid.UUID]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Return the duties in force of some people."""
    found: dict[uuid.UUID, list[dict[str, Any]]] = {}
    today = today_in(db, scope.county_id)
    for row in records_of(lists.duties(db, scope, person_id=ids, day=today)):
        found.setdefault(row["person_id"], []).append(row)
    return found


def _done(db: Db, frame: Frame, person_id: uuid.UUID, do: Callable[[], object]) -> Response:
    """Carry something out and show the person again; what is wrong is said above the card."""
    try:
        with db.begin_nested():
            do()
    except NotFound:
        raise
    except YinxunError as error:
        return _card(db, frame, person_id, error=error)
    return _to(frame, person_id)


def _to(frame: Frame, person_id: uuid.UUID) -> Response:
    return RedirectResponse(frame.link(f"/people/{person_id}"), status_code=303)
