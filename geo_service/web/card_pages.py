"""Pages of cards: a person's, with the phones that they opened and other recorders; sheets for an area."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.devices import downloads, links, sheets
from geo_service.devices import service as devices
from geo_service.devices.service import App, MadeRecorder
from geo_service.devices.sheets import Asked, Whom
from geo_service.errors import Invalid, NotFound
from geo_service.privacy import consents
from geo_service.recorders import service as recorders
from geo_service.settings import Settings
from geo_service.web import queries
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError


@dataclass(frozen=True)
class Said:
    """What a page answers to what was just done."""

    words: str
    is_wrong: bool = False


router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]
Code = Annotated[str, Query(max_length=40)]
CodeField = Annotated[str, Form(max_length=40)]
Ticked = Annotated[bool, Form()]
_Id = Annotated[int, Path(ge=0, lt=2**63)]


@router.get("/cards", summary="Show how many volunteers of an area have cards, and the form to print them")
def cards_of_area(request: Request, db: Db, frame: Framed, scope: Changes, area: Code = "") -> Response:
    """Show the form to print cards for an area."""
    return _form(request, db, frame, scope, area)


def _form(
    request: Request, db: Db, frame: Frame, scope: Scope, area: str, error: YinxunError | None = None
) -> Response:
    count = sheets.count(db, scope, area or None)
    values = {
        "areas": queries.area_choices(db, scope),
        "area": area,
        "count": count,
        "kinds": list(Whom),
        "most": sheets.MOST_AT_ONCE,
        "is_reachable": sheets.opens_on_phones(_address(request)),
        "address": _address(request),
        "error": error,
    }
    return frame.show("card_sheets.html", values, status=200 if error is None else 422)


@router.post("/cards/sheet", summary="Make cards for an area and print them")
def print_cards(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Changes,
    area: CodeField = "",
    whom: CodeField = Whom.MISSING.value,
    full: Ticked = False,
) -> Response:
    """Make cards, and return them as a PDF."""
    if whom not in set(Whom):
        raise Invalid("请选给谁做卡片，再点一次。")
    try:
        with db.begin_nested():
            made = sheets.make(db, scope, Asked(area or None, Whom(whom), full), _address(request))
    except (Invalid, NotFound) as error:
        return _form(request, db, frame, scope, area, error)
    return downloads.pdf(made)


@router.get("/people/{person_id}/cards", summary="Show a person's cards and phones")
def cards(db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID) -> Response:
    """Show what is in force."""
    return _cards(db, frame, scope, person_id)


def _cards(
    db: Db,
    frame: Frame,
    scope: Scope,
    person_id: uuid.UUID,
    *,
    address: str | None = None,
    said: Said | None = None,
) -> Response:
    person = devices.person(db, scope, person_id)
    values = {
        "person": person,
        "called": sheets.called(person, full=False),
        "ways": devices.ways(db, scope, person_id=person_id),
        "address": address,
        "code": devices.code(address) if address else None,
        "zone": frame.zone,
        "apps": {app.value: app.zh for app in App},
        "recorders_are_heard": links.are_heard(),
        "said": said,
    }
    response = frame.show("cards.html", values, status=422 if said and said.is_wrong else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post("/people/{person_id}/cards", summary="Make a card for a person")
def make_card(request: Request, db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID) -> Response:
    """Make a card and show its code, once."""
    (made,) = devices.make_cards(db, scope, [person_id])
    return _cards(db, frame, scope, person_id, address=devices.address(_address(request), made))


@router.post("/people/{person_id}/cards/sheet", summary="Make a card for a person and print it")
def print_card(
    request: Request, db: Db, scope: Changes, person_id: uuid.UUID, full: Ticked = False
) -> Response:
    """Make a card, and return it as a PDF."""
    asked = Asked(whom=Whom.AGAIN, full=full, person_id=person_id)
    return downloads.pdf(sheets.make(db, scope, asked, _address(request)))


@router.post("/people/{person_id}/cards/{device_id}/{action}", summary="Admit or revoke a card or phone")
def change_card(
    db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, device_id: _Id, action: str
) -> Response:
    """Admit a phone, or revoke a phone or a card."""
    if action == "admit":
        devices.admit(db, scope, device_id)
    elif action == "revoke":
        devices.revoke(db, scope, device_id)
    else:
        raise Invalid("没有这个操作；请返回后再点一次。")
    return RedirectResponse(frame.link(f"/people/{person_id}/cards"), status_code=303)


@router.post("/people/{person_id}/recorders", summary="Let an app of others record a person")
def make_recorder(
    request: Request, db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, app: CodeField
) -> Response:
    """Make a secret for the app, and show the code that sets it up, once."""
    if app not in set(App):
        raise Invalid("请选 Traccar Client 或 OwnTracks。")
    return _set_up(request, frame, devices.make_recorder(db, scope, person_id, App(app)))


@router.post("/people/{person_id}/recorders/{device_id}", summary="Give a recorder another secret")
def rotate_recorder(
    request: Request, db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, device_id: _Id
) -> Response:
    """Change the secret, and show the code that sets the app up, once."""
    devices.person(db, scope, person_id)
    return _set_up(request, frame, devices.rotate(db, scope, device_id))


@router.post("/people/{person_id}/recordings", summary="Give a person what an unknown device sent")
def make_known(
    db: Db,
    frame: Framed,
    scope: Changes,
    person_id: uuid.UUID,
    device_id: Annotated[str, Form(min_length=1, max_length=200)],
) -> Response:
    """Give it to his recorder, and tell how much it was."""
    try:
        with db.begin_nested():
            fixes = recorders.make_known(db, scope, person_id, device_id)
    except (Invalid, NotFound, consents.ConsentMissing) as error:
        devices.person(db, scope, person_id)  # who is out of scope is not there, whatever else is wrong
        return _cards(db, frame, scope, person_id, said=Said(error.detail, is_wrong=True))
    return _cards(
        db,
        frame,
        scope,
        person_id,
        said=Said(f"转来了 {fixes} 个定位点。请他打开巡查页面，认一认哪些是巡查。"),
    )


def _set_up(request: Request, frame: Frame, made: MadeRecorder) -> Response:
    link = links.set_up(_address(request), made)
    values = {
        "made": made,
        "link": link,
        "code": devices.code(link),
        "lines": links.by_hand(_address(request), made),
        "is_https": _address(request).startswith("https://"),
        "address": _address(request),
    }
    response = frame.show("recorder.html", values)
    response.headers["Cache-Control"] = "no-store"
    return response


def _address(request: Request) -> str:
    settings: Settings = request.app.state.settings
    return settings.address
