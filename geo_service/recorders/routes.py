"""The doors of recorders in their own words, and what their people and coordinators do with what came."""

import datetime as dt
import uuid
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from geo_service.accounts import doors
from geo_service.accounts.dependencies import Signed, Volunteer, address_of, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.devices import service as devices
from geo_service.devices.service import App
from geo_service.errors import Invalid
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.parties import MOST_COMPANIONS
from geo_service.patrols.sending import Rules
from geo_service.recorders import found, owntracks, service, traccar
from geo_service.recorders.found import Found
from geo_service.recorders.heard import Heard
from geo_service.settings import Settings

router = APIRouter(tags=["recorders"])

MOST_FIELDS = 200
"""Of one query or form."""
_OPENED = "请用手机上的 Traccar Client 扫这个二维码：这个地址是给它用的，不用在浏览器里打开。"
_CLOSED = "发送的内容加了密，这里读不了；请在 OwnTracks 的设置里清空“加密密钥”。"
Changes = Annotated[Scope, require(*CHANGE)]


async def _bytes(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_bytes)]


@router.get("/osmand", summary="Take a fix in the words of Traccar Client", response_class=PlainTextResponse)
def osmand_query(request: Request, db: Db) -> Response:
    """Take what the query says: `id`, `lat`, `lon`, `timestamp`, `accuracy`; one fix."""
    heard = traccar.from_pairs(_pairs(str(request.url.query)))
    _take(request, db, App.TRACCAR, heard)
    # The link that sets the app up is this address with settings in it: somebody opened it.
    is_opened = not heard.fixes and "text/html" in request.headers.get("Accept", "")
    return PlainTextResponse(_OPENED if is_opened else "")


@router.post("/osmand", summary="Take a fix in the words of Traccar Client", response_class=PlainTextResponse)
def osmand(request: Request, db: Db, body: Body) -> Response:
    """Take JSON if it is said to be that, else what the query says, or without one the form in the body."""
    if request.headers.get("Content-Type", "").lower().startswith("application/json"):
        heard = traccar.from_json(body)
    else:
        heard = traccar.from_pairs(_pairs(request.url.query or body.decode("utf-8", "replace")))
    _take(request, db, App.TRACCAR, heard)
    return PlainTextResponse("")


@router.post("/owntracks", summary="Take what OwnTracks sends over HTTP")
def owntracks_(request: Request, db: Db, body: Body) -> JSONResponse:
    """Take positions; whatever else it says is taken for heard. It is answered with nothing to do."""
    heard = owntracks.heard(
        body, authorization=request.headers.get("Authorization"), query=request.query_params
    )
    if owntracks.is_encrypted(body):
        raise Invalid(_CLOSED, title="Encrypted payloads cannot be read here.")
    _take(request, db, App.OWNTRACKS, heard)
    return JSONResponse([])


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Invalid(f"一次最多发送 {MOST_FIELDS} 项。", title="Too many fields.") from error


def _take(request: Request, db: Db, app: App, heard: Heard) -> None:
    """Keep what was heard, under its person's name or aside; each recorder is counted for itself."""
    if not heard.key:
        return
    limiter: doors.Limiter = request.app.state.limiter
    recorder = devices.recorder_of(db, heard.key)
    if recorder is None:
        limiter.take(f"unknown:{address_of(request)}", doors.UNKNOWN_PER_MINUTE)
        service.quarantine(db, app, heard)
    else:
        limiter.take(f"recorder:{recorder.id}", doors.SIGNED_PER_MINUTE)
        service.keep(db, recorder, heard)


class FoundOut(BaseModel):
    """An outing that was found in what a recorder sent."""

    key: uuid.UUID
    started_at: dt.datetime
    ended_at: dt.datetime
    walked_m: float
    places: list[str]

    @classmethod
    def of(cls, outing: Found) -> "FoundOut":
        """Make it of an outing."""
        return cls(
            key=outing.key, started_at=outing.started_at, ended_at=outing.ended_at,
            walked_m=round(outing.walked_m, 1), places=list(outing.places),
        )  # fmt: skip


class FoundIn(BaseModel):
    """What a person says of an outing."""

    model_config = ConfigDict(extra="forbid")

    is_patrol: bool
    companions: Annotated[list[uuid.UUID], Field(max_length=MOST_COMPANIONS)] = []


class UnknownOut(BaseModel):
    """A device that sends and that nobody knows."""

    app: App
    key_end: Annotated[str, Field(description="The last characters of its id.")]
    fixes: int
    first_at: dt.datetime
    last_at: dt.datetime


class KnownIn(BaseModel):
    """Which device it is."""

    model_config = ConfigDict(extra="forbid")

    device_id: Annotated[str, Field(min_length=1, max_length=200, description="As the phone shows it.")]


class KnownOut(BaseModel):
    """How much a person got of what a device had sent."""

    fixes: int


@router.get("/api/v/found", summary="Outings that were found, for their person to say what they were")
def proposals(db: Db, scope: Volunteer) -> list[FoundOut]:
    """Return the outings that his recorders recorded along places, and that he has not decided on."""
    return [FoundOut.of(outing) for outing in found.proposals(db, scope)]


@router.post("/api/v/found/{key}", summary="Say whether an outing was a patrol")
def decide(request: Request, db: Db, scope: Volunteer, key: uuid.UUID, said: FoundIn) -> PatrolAnswer | None:
    """Make a patrol of it and tell what it covered; or forget where it led."""
    if not said.is_patrol:
        found.refuse(db, scope, key)
        return None
    settings: Settings = request.app.state.settings
    rules = Rules(settings.home_cut_m, dt.timedelta(days=settings.late_days))
    return found.take(db, scope, key, [str(id_) for id_ in said.companions], rules)


@router.get("/api/devices/unknown", summary="Devices that send and that nobody knows")
def unknown(db: Db, scope: Signed) -> list[UnknownOut]:
    """Return those that sent from this county, for who may change people in all of it."""
    return [UnknownOut(**vars(device)) for device in service.unknown(db, scope)]


@router.post("/api/people/{person_id}/recordings", summary="Give a person what an unknown device sent")
def make_known(db: Db, scope: Changes, person_id: uuid.UUID, said: KnownIn) -> KnownOut:
    """Give it to his recorder; he still says himself what of it was a patrol."""
    return KnownOut(fixes=service.make_known(db, scope, person_id, said.device_id))
