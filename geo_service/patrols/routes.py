"""Patrols over HTTP: send a recording, look through patrols, see or fetch a track, take one back."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from geo_service import cursors
from geo_service.accounts.dependencies import Signed, require
from geo_service.accounts.scope import Scope
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from geo_service.patrols import parties, reviews, service, tracks
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.service import Listed
from layers.errors import BadFile
from layers.vocabulary import Datum, Right, Verdict

router = APIRouter(prefix="/api/patrols", tags=["patrols"])

Sends = Annotated[Scope, require(Right.COORDINATOR, Right.VOLUNTEER)]
_TEXT = {"type": "string"}
_SENDING = {
    "file": {"type": "string", "format": "binary", "description": "GPX, KML, KMZ, GeoJSON, CSV or FIT"},
    "person": {**_TEXT, "description": "Name, number or id; a volunteer's own if left out"},
    "tz": {**_TEXT, "description": "IANA time zone of times that carry none"},
    "datum": {"type": "string", "enum": [datum.value for datum in Datum]},
    "device": _TEXT,
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": _SENDING}
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "parameters": [
        {"name": name, "in": "query", "schema": schema} for name, schema in _SENDING.items() if name != "file"
    ],
}


class PatrolPage(BaseModel):
    """A page of patrols, the latest first."""

    patrols: list[Listed]
    next: str | None


class Voiding(BaseModel):
    """Why a patrol is taken back."""

    reason: Annotated[str, Field(max_length=500)]


class Review(BaseModel):
    """What a coordinator decides of a patrol, and why."""

    verdict: Annotated[Verdict, Field(description="counted or not_counted")]
    note: Annotated[str, Field(max_length=reviews.LONGEST_NOTE)]


@dataclass(frozen=True)
class Sending:
    """A recording as it came, and what was said of it."""

    source: bytes | BinaryIO
    name: str | None
    said: Mapping[str, str]

    @property
    def datum(self) -> Datum | None:
        """The datum that was stated, if any."""
        word = self.said.get("datum")
        try:
            return Datum(word.lower()) if word else None
        except ValueError as error:
            known = "、".join(f"{datum.value}（{datum.zh}）" for datum in Datum)
            raise Invalid(f"不认识坐标系「{word}」；datum 可以是 {known}。") from error


async def _sending(request: Request) -> AsyncIterator[Sending]:
    """Read the form (its file goes to disk) or the plain body; what is said stands in form or address."""
    said: dict[str, str] = {}
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        yield Sending(await request.body(), None, _said(request.query_params))
        return
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadFile("没有收到文件；请选择轨迹文件后再传。", title="The form has no field 'file'.")
        said = _said(request.query_params) | _said(form)
        yield Sending(file.file, _named(file.filename), said)


def _said(words: Mapping[str, Any]) -> dict[str, str]:
    """Return what a form or address says of a recording, blanks left out."""
    found = {key: words.get(key) for key in _SENDING}
    return {key: word.strip() for key, word in found.items() if isinstance(word, str) and word.strip()}


def _named(name: str | None) -> str | None:
    return printable(PurePosixPath((name or "").replace("\\", "/")).name)[:80] or None


@router.post(
    "",
    status_code=201,
    summary="Send a recording and learn what it covered",
    openapi_extra=_BODY,
    responses={200: {"model": PatrolAnswer, "description": "It was stored before: the same answer again."}},
)
def send(
    db: Db, scope: Sends, sending: Annotated[Sending, Depends(_sending)], request: Request, response: Response
) -> PatrolAnswer:
    """Store a recording as a patrol; the same file again changes nothing."""
    answer = service.take_file(
        db,
        scope,
        parties.sender(db, scope, sending.said.get("person")).id,
        sending.source,
        name=sending.name,
        time_zone=sending.said.get("tz"),
        datum=sending.datum,
        device=printable(sending.said.get("device", ""))[:200] or None,
        home_cut_m=request.app.state.settings.home_cut_m,
        keep_in=request.app.state.settings.files_dir,
    )
    response.status_code = 200 if answer.already else 201
    return answer


@router.get("", summary="Patrols in my scope, the latest first")
def patrols(
    db: Db,
    scope: Signed,
    person: uuid.UUID | None = None,
    area: Annotated[
        str | None, Query(max_length=40, description="Code of a township or village, with all below it.")
    ] = None,
    first: Annotated[dt.date | None, Query(description="First local day on which a patrol began.")] = None,
    last: Annotated[dt.date | None, Query(description="Last such day.")] = None,
    verdict: Annotated[Verdict | None, Query(description="Only these; review: what waits.")] = None,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> PatrolPage:
    """Return a page of patrols: who, when, how far."""
    rows = service.listed(
        db, scope, person_id=person, area=area, first_day=first, last_day=last, verdict=verdict,
        after=cursors.value_and_id(cursor, _moment), limit=limit,
    )  # fmt: skip
    full = len(rows) == limit
    more = cursors.encode(rows[-1].started_at.isoformat(), str(rows[-1].patrol_id)) if full else None
    return PatrolPage(patrols=rows, next=more)


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


@router.get("/{patrol_id}", summary="One patrol and what it covered")
def patrol(db: Db, scope: Signed, patrol_id: uuid.UUID) -> PatrolAnswer:
    """Return a patrol as its walker was told of it."""
    return service.told(db, scope, patrol_id)


@router.get("/{patrol_id}/track", summary="The track of a patrol as GeoJSON; every look at it is recorded")
def track(db: Db, scope: Signed, patrol_id: uuid.UUID) -> dict[str, Any]:
    """Return the cleaned track as a Feature with one time a vertex."""
    return tracks.geojson(_track(db, scope, patrol_id))


@router.get(
    "/{patrol_id}/gpx",
    summary="The track of a patrol as GPX; every look at it is recorded",
    response_class=Response,
    responses={200: {"content": {"application/gpx+xml": {}}}},
)
def gpx(db: Db, scope: Signed, patrol_id: uuid.UUID) -> Response:
    """Return the cleaned track as a GPX file."""
    disposition = f'attachment; filename="patrol-{patrol_id}.gpx"'
    return Response(
        tracks.gpx(_track(db, scope, patrol_id)),
        media_type="application/gpx+xml",
        headers={"Content-Disposition": disposition},
    )


def _track(db: Db, scope: Scope, patrol_id: uuid.UUID) -> Any:
    _, line = service.look(db, scope, patrol_id)
    if line is None:
        raise NotFound("这次巡查的轨迹已按保存期限删除；走到的河道、道路等仍然保留。")
    return line


@router.post("/{patrol_id}/void", summary="Take a patrol back, with a reason")
def void(db: Db, scope: Signed, patrol_id: uuid.UUID, voiding: Voiding) -> PatrolAnswer:
    """Void a patrol: it stays with the reason, and covers nothing any more."""
    return service.void(db, scope, patrol_id, voiding.reason)


@router.post("/{patrol_id}/review", summary="Decide on a patrol: counted or not, with a note")
def review(db: Db, scope: Signed, patrol_id: uuid.UUID, decided: Review) -> PatrolAnswer:
    """Store a person's verdict, which no computation overrules."""
    return reviews.review(db, scope, patrol_id, decided.verdict, decided.note)
