"""Open311 GeoReport v2 over HTTP: open doors for reading, a program's token for writing. Off by default."""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from geo_service import files
from geo_service.cases import pictures, rules
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import NotFound
from geo_service.open311 import forms, queries, service
from geo_service.open311.forms import Problem
from geo_service.open311.service import Asked
from geo_service.settings import Settings
from layers.vocabulary import CaseState

router = APIRouter(prefix=forms.PREFIX, tags=["open311"])

Form = Annotated[str, Path(pattern="^(json|xml)$")]
Jurisdiction = Annotated[str | None, Query(max_length=40)]
Text = Annotated[str | None, Field(max_length=2000)]
_MOST_FIELDS, _MOST_FIELD, _MOST_BYTES = 50, 4000, 64 * 2**10
_YEARS = range(1970, 2200)
"""Dates beyond cannot be meant, and cannot be reckoned with."""
_CHANGED = "2026-11-26T00:00:00+08:00"
"""When what is spoken here changed last."""


def _answered(form: str, make: Callable[[], Response]) -> Response:
    try:
        return make()
    except Problem as problem:
        return forms.refused(form, problem)


def _written(db: Db, form: str, make: Callable[[], Response]) -> Response:
    """Answer a writing; of what is refused nothing stays."""

    def whole() -> Response:
        with db.begin_nested():
            return make()

    return _answered(form, whole)


@router.get("/discovery.{form}", summary="Open311: what is spoken where")
def discovery(request: Request, db: Db, form: Form) -> Response:
    """Return the endpoint, where any county speaks Open311."""
    settings: Settings = request.app.state.settings
    if not queries.speaks(db):
        return forms.refused(form, Problem(404, "Open311 is not spoken here."))
    row = {
        "changeset": _CHANGED, "contact": "", "key_service": "", "max_requests": service.MOST,
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2", "type": "production",
                "url": f"{settings.address}{forms.PREFIX}", "changeset": _CHANGED,
                "formats": ["text/xml", "application/json"],
            }
        ],
    }  # fmt: skip
    return forms.one(form, row, "discovery")


@router.get("/services.{form}", summary="Open311: the categories")
def services(db: Db, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
    """Return the services."""
    return _answered(
        form,
        lambda: forms.answer(form, service.services(service.ground_of(db, jurisdiction_id)), forms.SERVICES),
    )


@router.get("/services/{code}.{form}", summary="Open311: the attributes of a category")
def definition(db: Db, code: str, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
    """Return a service's definition."""
    return _answered(
        form,
        lambda: forms.one(
            form, service.definition(service.ground_of(db, jurisdiction_id), code), "service_definition"
        ),
    )


class RequestsIn(BaseModel):
    """Which requests are asked for."""

    jurisdiction_id: Text = None
    service_request_id: Text = None
    service_code: Text = None
    start_date: Text = None
    end_date: Text = None
    status: Text = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    long: Annotated[float | None, Field(ge=-180, le=180)] = None
    radius: Annotated[float, Field(gt=0, le=100_000, description="In metres.")] = 500.0
    bbox: Annotated[str | None, Field(max_length=200, description="west,south,east,north")] = None
    page: Annotated[int, Field(ge=1, le=10_000)] = 1

    @property
    def asked(self) -> Asked:
        """What is asked. Raises Problem."""
        box = _box(self.bbox)
        if (self.lat is None) != (self.long is None):
            raise Problem(400, "lat and long come together.")
        if self.lat is not None and self.long is not None:
            box = service.around((self.long, self.lat), self.radius)
        return Asked(
            _listed(self.service_request_id), _listed(self.service_code), _moment(self.start_date),
            _moment(self.end_date), _status(self.status), box, self.page,
        )  # fmt: skip


@router.get("/requests.{form}", summary="Open311: cases")
def requests(request: Request, db: Db, form: Form, said: Annotated[RequestsIn, Query()]) -> Response:
    """Return cases as requests."""

    def make() -> Response:
        asked, ground = said.asked, service.ground_of(db, said.jurisdiction_id)
        return forms.answer(form, service.requests(db, ground, asked, _address(request)), forms.REQUESTS)

    return _answered(form, make)


@router.get("/requests/{number}.{form}", summary="Open311: a case")
@router.get("/request/{number}.{form}", summary="Open311: a case, in the other spelling")
def one(request: Request, db: Db, number: str, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
    """Return one case."""

    def make() -> Response:
        ground = service.ground_of(db, jurisdiction_id)
        return forms.answer(form, service.one(db, ground, number, _address(request)), forms.REQUESTS)

    return _answered(form, make)


@router.get("/tokens/{token}.{form}", summary="Open311: the case of a token")
def token(db: Db, token: str, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
    """Return the number that belongs to a token."""
    return _answered(
        form,
        lambda: forms.answer(
            form, service.token(db, service.ground_of(db, jurisdiction_id), token), forms.TOKENS
        ),
    )


@router.post("/requests.{form}", summary="Open311: tell of a problem")
async def report(request: Request, db: Db, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
    """Take a request; it waits until somebody has looked at it."""
    try:
        said = await _said(request)
    except Problem as problem:
        return forms.refused(form, problem)

    def make() -> Response:
        ground = service.ground_of(db, said.get("jurisdiction_id") or jurisdiction_id)
        scope = service.scope_of(db, ground, said.get("api_key"))
        return forms.answer(form, [service.report(db, scope, ground, said)], forms.REQUESTS, status=201)

    return await run_in_threadpool(_written, db, form, make)


@router.get("/servicerequestupdates.{form}", summary="Open311: what changed")
def updates(
    db: Db,
    form: Form,
    jurisdiction_id: Jurisdiction = None,
    start_date: Annotated[str | None, Query(max_length=60)] = None,
    end_date: Annotated[str | None, Query(max_length=60)] = None,
) -> Response:
    """Return the steps by which cases changed."""

    def make() -> Response:
        ground = service.ground_of(db, jurisdiction_id)
        rows = service.updates(db, ground, _moment(start_date), _moment(end_date))
        return forms.answer(form, rows, forms.UPDATES)

    return _answered(form, make)


@router.post("/servicerequestupdates.{form}", summary="Open311: say how a case goes on elsewhere")
async def update(request: Request, db: Db, form: Form, jurisdiction_id: Jurisdiction = None) -> Response:
    """Write another system's update into a case."""
    try:
        said = await _said(request)
    except Problem as problem:
        return forms.refused(form, problem)

    def make() -> Response:
        ground = service.ground_of(db, said.get("jurisdiction_id") or jurisdiction_id)
        scope = service.scope_of(db, ground, said.get("api_key"))
        return forms.answer(form, [service.update(db, scope, ground, said)], forms.UPDATES, status=201)

    return await run_in_threadpool(_written, db, form, make)


@router.get("/media/{photo_id}.jpg", summary="Open311: a photo that was released")
def media(request: Request, db: Db, photo_id: uuid.UUID) -> Response:
    """Return the version of a photo without faces and number plates."""
    settings: Settings = request.app.state.settings
    case = queries.case_of_photo(db, photo_id)
    hidden = (CaseState.SUBMITTED, CaseState.REJECTED)
    is_open = case is not None and rules.ground(db, case.county_id).rules.open311 and case.state not in hidden
    version = pictures.public_photo(db, case.county_id, photo_id) if is_open else None
    path = None if version is None else files.path_of(settings.files_dir, version.sha256)
    if path is None or not path.exists():
        raise NotFound("没有这张照片，或还没有公开。")
    return FileResponse(path, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


async def _said(request: Request) -> dict[str, str]:
    """Return the fields of a form, and of the address. Raises Problem: no form, too large."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in ("", "application/x-www-form-urlencoded"):
        raise Problem(400, "Send a form: application/x-www-form-urlencoded.")
    body = bytearray()
    async for chunk in request.stream():  # before it is known who sends it, so little of it
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Problem(413, f"The form is longer than {_MOST_BYTES} bytes.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Problem(400, f"The form is no UTF-8, or has more than {_MOST_FIELDS} fields.") from error
    said = {**request.query_params, **dict(pairs)}
    if long := [name for name, value in said.items() if len(value) > _MOST_FIELD]:
        raise Problem(400, f"{long[0][:40]} is longer than {_MOST_FIELD} characters.")
    return {name: printable(value) for name, value in said.items()}


def _address(request: Request) -> str:
    settings: Settings = request.app.state.settings
    return settings.address


def _listed(text: str | None) -> list[str]:
    return [word.strip() for word in printable(text or "").split(",") if word.strip()][: service.MOST]


def _status(text: str | None) -> str | None:
    if text not in (None, "", "open", "closed", "open,closed", "closed,open"):
        raise Problem(400, "status is open or closed.")
    return text if text in ("open", "closed") else None


def _moment(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        # A plus sign that was not quoted arrives as a space.
        found = dt.datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()))
        if found.year not in _YEARS:
            raise ValueError(found.year)
        return found.replace(tzinfo=found.tzinfo or dt.UTC).astimezone(dt.UTC)
    except ValueError as error:
        raise Problem(400, "A date is written as 2026-11-26T08:00:00Z.") from error


def _box(text: str | None) -> Any:
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise Problem(400, "bbox is west,south,east,north in degrees.") from error
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # also of what is no number
        raise Problem(400, "bbox is west,south,east,north in degrees.")
    return west, south, east, north
