"""The way of a phone: `PUT` begin, batches and end, in any order, late or twice; answers tell the state."""

import datetime as dt
import uuid
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from geo_service import files
from geo_service.accounts.dependencies import Signed, require
from geo_service.accounts.scope import Scope
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.patrols import photos, record, sending
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.fixes import WORST_M
from geo_service.patrols.parties import MOST_COMPANIONS
from geo_service.patrols.photos import Kept
from geo_service.patrols.record import Record
from geo_service.patrols.sending import MOST_BATCHES, Rules
from geo_service.photos import FORMATS, MEDIA_TYPE
from geo_service.settings import Settings
from layers import checklists
from layers.checklists import CHECKLISTS, Finding
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right

router = APIRouter(prefix="/api", tags=["patrols"])

MOST_FIXES = 10_000
"""Fixes of one batch: the phone sends often, and what is cut off is sent again."""
Sends = Annotated[Scope, require(Right.COORDINATOR, Right.VOLUNTEER)]
Person = Annotated[
    str | None,
    Field(max_length=100, description="Name, number or id of who walks; a volunteer's own if left out."),
]
Device = Annotated[str | None, Field(max_length=200, description="Model, system and app, as it is shown.")]
_BINARY = {"type": "string", "format": "binary"}
_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": PatrolAnswer, "description": "It came before: nothing was added."}
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    person: Person = None


class BeginIn(_Body):
    """Who sets out, when, with whom."""

    started_at: AwareDatetime
    place_id: Annotated[
        int | None, Field(ge=0, lt=2**63, description="The place it is for; what it covers is computed.")
    ] = None
    companions: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(max_length=MOST_COMPANIONS, description="Names, numbers or ids of who walks along."),
    ] = []
    device: Device = None


class Fix(BaseModel):
    """One position."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    time: Annotated[float, Field(description="Seconds since 1970 in UTC, with parts of a second.")]
    lon: Annotated[float, Field(ge=-180, le=180)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    accuracy_m: Annotated[float | None, Field(description="Left out, zero or less: not known.")] = None


class BatchIn(_Body):
    """Some fixes of a patrol; the same fix may stand in several batches."""

    datum: Annotated[Datum, Field(description="The datum of this batch's coordinates.")]
    fixes: Annotated[list[Fix], Field(max_length=MOST_FIXES)]
    device: Device = None
    sha256: Annotated[
        str | None,
        Field(
            pattern="^[0-9a-f]{64}$",
            description="To be checked, if given: SHA-256 over the datum's word, a line feed, and for each "
            "fix in the order sent four 64-bit little-endian floats: time, lon, lat, accuracy_m (-1: none).",
        ),
    ] = None


class EndIn(_Body):
    """When it was over, how many batches it has in all, and what was noted."""

    ended_at: AwareDatetime
    batches: Annotated[int, Field(ge=0, le=MOST_BATCHES)]
    record: Record | None = None


class ItemOut(BaseModel):
    """One thing to look at."""

    code: str
    text: str


class ChecklistsOut(BaseModel):
    """The checklists of all layers, in the order in which they are asked."""

    version: int
    findings: dict[Finding, str]
    layers: dict[Layer, list[ItemOut]]


@router.get("/checklists", summary="What a patrol looks at, by layer")
def checklists_(_scope: Signed) -> ChecklistsOut:
    """Return codes and words of the items, and what may be found of each."""
    return ChecklistsOut(
        version=checklists.VERSION,
        findings={finding: finding.zh for finding in Finding},
        layers={
            layer: [ItemOut(code=item.code, text=item.zh) for item in items]
            for layer, items in CHECKLISTS.items()
        },
    )


@router.put(
    "/patrols/{patrol_id}",
    status_code=201,
    summary="Begin a patrol under an id of the client's",
    responses=_AGAIN,
)
def begin(
    request: Request, response: Response, db: Db, scope: Sends, patrol_id: uuid.UUID, said: BeginIn
) -> PatrolAnswer:
    """Take who sets out, when, with whom; it may also come after batches or the end."""
    words = sending.Begin(_checked(said.started_at), said.place_id, said.companions, _device(said.device))
    return _told(
        response, sending.begin(db, scope, patrol_id, words, person=said.person, rules=_rules(request))
    )


@router.put(
    "/patrols/{patrol_id}/batches/{batch_id}",
    status_code=201,
    summary="Send fixes of a patrol",
    responses=_AGAIN,
)
def batch(
    request: Request,
    response: Response,
    db: Db,
    scope: Sends,
    patrol_id: uuid.UUID,
    batch_id: uuid.UUID,
    said: BatchIn,
) -> PatrolAnswer:
    """Take a batch; the last one of a patrol whose end has come is answered with what was covered."""
    sha256 = bytes.fromhex(said.sha256) if said.sha256 else None
    fixes = sending.Fixes(_recording(said.fixes), said.datum, _device(said.device), sha256)
    return _told(
        response,
        sending.take_batch(db, scope, patrol_id, batch_id, fixes, person=said.person, rules=_rules(request)),
    )


@router.put("/patrols/{patrol_id}/end", status_code=201, summary="End a patrol", responses=_AGAIN)
def end(
    request: Request, response: Response, db: Db, scope: Sends, patrol_id: uuid.UUID, said: EndIn
) -> PatrolAnswer:
    """Take the end with the number of batches; with all of them in, the answer tells what was covered."""
    words = sending.End(_checked(said.ended_at), said.batches, record.stored(said.record))
    return _told(
        response, sending.end(db, scope, patrol_id, words, person=said.person, rules=_rules(request))
    )


async def _bytes(request: Request) -> bytes:
    return await request.body()


@router.get("/patrols/{patrol_id}/photos", summary="The photos of a patrol")
def photos_(db: Db, scope: Signed, patrol_id: uuid.UUID) -> list[Kept]:
    """Return the photos in the order in which they came."""
    return photos.of_patrol(db, scope, patrol_id)


@router.put(
    "/patrols/{patrol_id}/photos/{photo_id}",
    status_code=201,
    summary="Send a photo of a patrol, under an id of the client's",
    responses={200: {"model": Kept, "description": "It came before: nothing was added."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {f"image/{kind.lower()}": {"schema": _BINARY} for kind in FORMATS},
        }
    },
)
def photo(
    request: Request,
    response: Response,
    db: Db,
    scope: Sends,
    patrol_id: uuid.UUID,
    photo_id: uuid.UUID,
    data: Annotated[bytes, Depends(_bytes)],
) -> Kept:
    """Take a JPEG, PNG, WebP or HEIC; it is drawn anew, so that nothing else of the file is kept."""
    settings: Settings = request.app.state.settings
    kept = photos.keep(db, scope, settings.files_dir, patrol_id, photo_id, data)
    response.status_code = 200 if kept.already else 201
    return kept


@router.get(
    "/patrols/{patrol_id}/photos/{photo_id}",
    summary="A photo of a patrol",
    response_class=FileResponse,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
)
def photo_file(
    request: Request, db: Db, scope: Signed, patrol_id: uuid.UUID, photo_id: uuid.UUID
) -> FileResponse:
    """Return the photo for whoever sees its patrol."""
    settings: Settings = request.app.state.settings
    row = photos.find(db, scope, patrol_id, photo_id)
    return FileResponse(files.path_of(settings.files_dir, row.sha256), media_type=row.media_type)


@router.delete(
    "/patrols/{patrol_id}/photos/{photo_id}", status_code=204, summary="Remove a photo of a patrol"
)
def remove_photo(db: Db, scope: Sends, patrol_id: uuid.UUID, photo_id: uuid.UUID) -> None:
    """Remove a photo that was sent by mistake."""
    photos.remove(db, scope, patrol_id, photo_id)


def _told(response: Response, answer: PatrolAnswer) -> PatrolAnswer:
    response.status_code = 200 if answer.already else 201
    return answer


def _rules(request: Request) -> Rules:
    settings: Settings = request.app.state.settings
    return Rules(settings.home_cut_m, dt.timedelta(days=settings.late_days))


def _recording(fixes: list[Fix]) -> Recording:
    rows = [(fix.time, fix.lon, fix.lat, fix.accuracy_m or np.nan) for fix in fixes]
    values = np.array(rows, np.float64).reshape(-1, 4)
    # Phones write 0 or -1 for "not known".
    accuracy_m = np.where(values[:, 3] > 0, np.minimum(values[:, 3], WORST_M), np.nan)
    return Recording(values[:, 0], values[:, 1:3], accuracy_m)


def _device(word: str | None) -> str | None:
    return printable(word or "") or None


def _checked(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except (OverflowError, ValueError) as error:
        raise Invalid("时间不可能；请对准手机的时钟后再发送。") from error
