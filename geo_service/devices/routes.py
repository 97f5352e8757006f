"""Cards, phones and recorders over HTTP: the door for phones, and what coordinators see and do."""

import datetime as dt
import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from geo_service.accounts import cookies
from geo_service.accounts import service as accounts
from geo_service.accounts.dependencies import InFull, SignedIn, request_id_of, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.devices import downloads, links, service, sheets
from geo_service.devices.service import App, MadeRecorder, Way
from geo_service.devices.sheets import Whom
from geo_service.settings import Settings

router = APIRouter(prefix="/api", tags=["devices"])

Changes = Annotated[Scope, require(*CHANGE)]
_Id = Annotated[int, Path(ge=0, lt=2**63)]
Secret = Annotated[str, Field(min_length=20, max_length=100)]


class EnterIn(BaseModel):
    """A phone at the door."""

    model_config = ConfigDict(extra="forbid")

    card: Annotated[Secret, Field(description="The secret of the card, from the link.")]
    phone_key: Annotated[Secret, Field(description="32 random bytes in base64url that the phone made.")]
    model: Annotated[str, Field(max_length=300, description="Model and browser, as it is shown.")] = ""


class Who(BaseModel):
    """The person of a card."""

    id: uuid.UUID
    name: str


class EnteredOut(BaseModel):
    """Whether the phone may be used, and the token that each of its writes carries."""

    state: Literal["admitted", "waiting"]
    csrf: str
    person: Who


class CardOut(BaseModel):
    """A card that was made; its address is told once."""

    person: Who
    address: str


Kind = Literal["card", "phone", "recorder"]
_KIND: TypeAdapter[Kind] = TypeAdapter(Kind)


class WayOut(BaseModel):
    """A card, a phone or a recorder."""

    id: int
    kind: Kind
    name: str | None
    person: Who
    created_at: dt.datetime
    used_at: dt.datetime
    admitted_at: dt.datetime | None
    phones: int

    @classmethod
    def of(cls, way: Way) -> "WayOut":
        """Make it of a way."""
        return cls(
            id=way.id, kind=_KIND.validate_python(way.kind), name=way.name,
            person=Who(id=way.person_id, name=way.person), created_at=way.created_at, used_at=way.used_at,
            admitted_at=way.admitted_at, phones=way.phones,
        )  # fmt: skip


class RecorderIn(BaseModel):
    """An app of others that is to send where a person walks."""

    model_config = ConfigDict(extra="forbid")

    app: Annotated[App, Field(description="traccar or owntracks")]


class RecorderOut(BaseModel):
    """A recorder with its new secret, which is told once."""

    id: int
    person: Who
    app: App
    secret: str
    link: Annotated[str, Field(description="What the app scans or opens to set itself up.")]

    @classmethod
    def of(cls, request: Request, made: MadeRecorder) -> "RecorderOut":
        """Make it of a recorder."""
        settings: Settings = request.app.state.settings
        link = links.set_up(settings.address, made)
        who = Who(id=made.person_id, name=made.name)
        return cls(id=made.id, person=who, app=made.app, secret=made.secret, link=link)


@router.post("/v/enter", summary="Come in with a card, on a phone", response_model=EnteredOut)
def enter(request: Request, response: Response, db: Db, said: EnterIn) -> EnteredOut:
    """Open a session of this phone; another phone than the first waits until a coordinator admits it."""
    found = service.enter(db, said.card, said.phone_key, said.model, request_id=request_id_of(request))
    if found.is_admitted:
        cookies.set_session(request, response, said.phone_key, life=accounts.PHONE_IDLE)
    return EnteredOut(
        state="admitted" if found.is_admitted else "waiting",
        csrf=cookies.csrf_token(said.phone_key),
        person=Who(id=found.person_id, name=found.name),
    )


@router.post("/v/leave", status_code=204, summary="Leave, on a phone")
def leave(request: Request, response: Response, _who: SignedIn) -> None:
    """Forget the session on this phone; the card opens it again."""
    cookies.clear_session(request, response)


@router.post("/people/{person_id}/cards", status_code=201, summary="Make a card for a person")
def make_card(request: Request, db: Db, scope: Changes, person_id: uuid.UUID) -> CardOut:
    """Make a card; those made before stay good until they are revoked."""
    (made,) = service.make_cards(db, scope, [person_id])
    settings: Settings = request.app.state.settings
    who = Who(id=made.person_id, name=made.name)
    return CardOut(person=who, address=service.address(settings.address, made))


@router.post("/cards", summary="Make cards for the volunteers of an area, as sheets to print")
def make_sheets(
    request: Request,
    db: Db,
    scope: Changes,
    full: InFull,
    area: Annotated[str | None, Query(max_length=40, description="Code of a township or village.")] = None,
    whom: Annotated[Whom, Query(description="missing: who has none; again; replace.")] = Whom.MISSING,
) -> Response:
    """Return a PDF of cards that were just made: it cannot be had a second time."""
    settings: Settings = request.app.state.settings
    return downloads.pdf(sheets.make(db, scope, sheets.Asked(area, whom, full), settings.address))


@router.get("/people/{person_id}/devices", summary="Cards, phones and recorders of a person")
def devices_of(db: Db, scope: Changes, person_id: uuid.UUID) -> list[WayOut]:
    """Return what is in force."""
    return [WayOut.of(way) for way in service.ways(db, scope, person_id=person_id)]


@router.get("/devices/waiting", summary="Phones that wait to be admitted")
def waiting(db: Db, scope: Changes) -> list[WayOut]:
    """Return the phones of people of the own areas that came with a card after the first one."""
    return [WayOut.of(way) for way in service.waiting(db, scope)]


@router.post("/people/{person_id}/recorders", status_code=201, summary="Let an app of others record a person")
def make_recorder(
    request: Request, db: Db, scope: Changes, person_id: uuid.UUID, said: RecorderIn
) -> RecorderOut:
    """Return the secret with which the app sends, and the link that sets it up for walking."""
    return RecorderOut.of(request, service.make_recorder(db, scope, person_id, said.app))


@router.post("/devices/{device_id}/rotate", summary="Give a recorder another secret")
def rotate(request: Request, db: Db, scope: Changes, device_id: _Id) -> RecorderOut:
    """Return the new secret; the old one is good no more."""
    return RecorderOut.of(request, service.rotate(db, scope, device_id))


@router.post("/devices/{device_id}/admit", summary="Admit a phone")
def admit(db: Db, scope: Changes, device_id: _Id) -> WayOut:
    """Let a phone be used that waits."""
    return WayOut.of(service.admit(db, scope, device_id))


@router.delete("/devices/{device_id}", status_code=204, summary="Revoke a card, a phone or a recorder")
def revoke(db: Db, scope: Changes, device_id: _Id) -> None:
    """Take a card, with the phones that it opened, or a phone out of use."""
    service.revoke(db, scope, device_id)
