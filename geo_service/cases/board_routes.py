"""The board, ledgers and photos of cases over HTTP."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from geo_service import audit, cursors, files
from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import board, ledger, photos
from geo_service.cases.asking import FromAddress
from geo_service.cases.board import Asked
from geo_service.cases.ledger import By, Window
from geo_service.clock import today_in
from geo_service.columns import Listing
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from geo_service.listing import As, download
from geo_service.paging import page as paged
from geo_service.photos import FORMATS, MEDIA_TYPE
from geo_service.settings import Settings
from layers.vocabulary import CaseState, Right, Severity

router = APIRouter(prefix="/api/cases", tags=["cases"])

Changes = Annotated[Scope, require(*CHANGE)]
Works = Annotated[Scope, require(*CHANGE, Right.HANDLER)]
Form = Annotated[As, Query(alias="as", description="json: a page of rows; else all as a file.")]
Day = dt.date | None
_BINARY = {"type": "string", "format": "binary"}
_LONGEST_DAYS = 3700
"""Of a window: ten years."""


class CaseRow(BaseModel):
    """A case in a list."""

    id: int
    number: str
    category: str
    what: str
    severity: Severity
    words: str | None
    state: CaseState
    state_name: str
    place_id: int | None
    place: str | None
    area: str | None
    unit: str | None
    opened_at: dt.datetime
    due_at: dt.datetime | None
    left_s: Annotated[float | None, Field(description="Working seconds until it is due.")]
    due: Annotated[str, Field(description="How much is left, in plain Chinese.")]
    is_late: Annotated[bool, Field(description="What is to be done now is past due.")]
    was_late: Annotated[bool, Field(description="An earlier stage ended after it was due.")]
    supervision: int
    asked_days: int | None


class CasePage(BaseModel):
    """A page of cases: what is due first stands first."""

    cases: list[CaseRow]
    next: str | None


class Spot(BaseModel):
    """A case as a map marks it."""

    id: int
    what: str
    state: CaseState
    is_late: bool
    lon: Annotated[float, Field(description="WGS 84, as `lat`.")]
    lat: float


class StateCount(BaseModel):
    """How many open cases are in a state."""

    state: CaseState
    name: str
    count: int
    late: int
    today: int


class CountOut(BaseModel):
    """How many cases are open, late, due today, waiting for the answer to a request for more time."""

    open: int
    late: int
    today: int
    asks: int
    newest: Annotated[int, Field(description="The highest id of an open case.")]
    states: list[StateCount]


class RatesOut(BaseModel):
    """How many of the cases that were told in a window are closed so far."""

    first: dt.date
    last: dt.date
    told: int
    counted: int
    closed: int
    closed_in_time: int
    closed_late: int
    open: int
    open_late: int
    rate: float | None
    in_time_rate: float | None
    words: str


class PhotoOut(BaseModel):
    """A photo of a case."""

    id: uuid.UUID
    size: int


def window(db: Db, scope: Works, first: Day = None, last: Day = None) -> Window:
    """Return the window of the address; by default this year so far. Raises Invalid."""
    last = last or today_in(db, scope.county_id)
    first = first or last.replace(month=1, day=1)
    if not dt.date(2000, 1, 1) <= first <= last <= dt.date(2199, 12, 31):
        raise Invalid("起止日期不对：第一天要在最后一天以前，例如 first=2026-01-01&last=2026-03-31。")
    if (last - first).days > _LONGEST_DAYS:
        raise Invalid("一次最多看十年；请缩短起止日期。")
    return Window(first, last)


InWindow = Annotated[Window, Depends(window)]


@router.get("", summary="Cases by when they are due: a page")
def cases(
    db: Db, scope: Works, of: FromAddress, limit: cursors.Limit = 100, cursor: cursors.Cursor = None
) -> CasePage:
    """Return open cases, what is due first first; of settled ones the latest first."""
    found = board.page(db, scope, of, cursor=cursor, limit=limit)
    rows = [CaseRow(**vars(row), state_name=row.state.zh) for row in found.rows]
    return CasePage(cases=rows, next=found.next)


@router.get("/count", summary="How many cases are open")
def count(db: Db, scope: Works, own: bool = False) -> CountOut:
    """Return the counts for the page that looks for new ones."""
    found = board.counts(db, scope, own=own)
    states = [
        StateCount(state=one.state, name=one.state.zh, count=one.count, late=one.late, today=one.today)
        for one in found.by_state
    ]
    return CountOut(
        open=found.open,
        late=found.late,
        today=found.today,
        asks=found.asks,
        newest=found.newest,
        states=states,
    )


@router.get("/spots", summary="Where cases lie, for a map")
def spots(db: Db, scope: Works, of: FromAddress) -> list[Spot]:
    """Return the cases that are asked for and have a position, what is due first first; they name nobody."""
    found = board.on_map(db, scope, of)
    return [
        Spot(
            id=id_, what=f"{number} {found.what[edition, code]}", state=CaseState(state),
            is_late=due_at is not None and due_at < found.now, lon=lon, lat=lat,
        )
        for id_, number, edition, code, _, _, state, due_at, *_, lon, lat in found.rows
        if lon is not None
    ]  # fmt: skip


@router.get("/ledger", summary="问题台账 of a window: a page, or all as a file")
def ledger_(
    db: Db, scope: Changes, within: InWindow, of: FromAddress, form: Form = As.JSON, full: InFull = False,
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return the cases that were told in the window, in every state unless one is named."""
    is_page = form is As.JSON
    listing = ledger.ledger(db, scope, within, _every(of), full=full or is_page)
    return _answer(db, scope, listing, form, full=full, limit=limit, cursor=cursor)


@router.get("/handover", summary="The cases of a window for 12345 and city management platforms")
def handover(
    db: Db, scope: Changes, within: InWindow, of: FromAddress, form: Form = As.CSV,
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return cases with the codes of both editions and coordinates in WGS 84 and GCJ-02; no names."""
    listing = ledger.handover(db, scope, within, _every(of))
    return _answer(db, scope, listing, form, full=False, limit=limit, cursor=cursor)


@router.get("/tables", summary="Cases of a window counted by category, township, place, unit or month")
def tables(
    db: Db, scope: Changes, within: InWindow, by: By = By.CATEGORY, form: Form = As.JSON,
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return the counts; JSON tells what they mean."""
    listing = ledger.table(db, scope, within, by)
    told = {"by": by, "first": str(within.first), "last": str(within.last), "words": ledger.DEFINITION}
    return _answer(db, scope, listing, form, full=False, limit=limit, cursor=cursor, told=told)


@router.get("/rates", summary="How many of the cases told in a window are closed so far")
def rates(db: Db, scope: Changes, within: InWindow) -> RatesOut:
    """Return the rate of the cohort, with its definition in words."""
    found = ledger.rates(db, scope, within)
    said = {name: value for name, value in vars(found).items() if name != "window"}
    return RatesOut(first=within.first, last=within.last, **said)


@router.get("/repeat", summary="Where problems of one kind come back")
def repeat(
    db: Db, scope: Changes, last: Day = None, form: Form = As.JSON,
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return spots with three problems of a kind or more within 100 m, in the 180 days until a day."""
    listing = ledger.repeats(db, scope, _sane(last) or today_in(db, scope.county_id))
    return _answer(db, scope, listing, form, full=False, limit=limit, cursor=cursor)


async def _bytes(request: Request) -> bytes:
    return await request.body()


@router.put(
    "/{case_id}/photos/{photo_id}",
    status_code=201,
    summary="Send a photo for a case, under an id of the sender's",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {f"image/{kind.lower()}": {"schema": _BINARY} for kind in FORMATS},
        }
    },
)
def keep_photo(
    request: Request, db: Db, scope: Works, case_id: int, photo_id: uuid.UUID,
    data: Annotated[bytes, Depends(_bytes)],
) -> PhotoOut:  # fmt: skip
    """Keep a JPEG, PNG or WebP, drawn anew; it belongs to the step that names it."""
    settings: Settings = request.app.state.settings
    row = photos.keep(db, scope, settings.files_dir, _checked(case_id), photo_id, data)
    return PhotoOut(id=row.id, size=row.size)


@router.get(
    "/{case_id}/photos/{photo_id}",
    summary="A photo of a case",
    response_class=FileResponse,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
)
def photo(request: Request, db: Db, scope: Works, case_id: int, photo_id: uuid.UUID) -> FileResponse:
    """Return the photo for whoever sees its case; the look is recorded."""
    settings: Settings = request.app.state.settings
    row = photos.one(db, scope, _checked(case_id), photo_id)
    path = files.path_of(settings.files_dir, row.sha256)
    if not path.exists():
        raise NotFound("没有这张照片，或不在您的权限内。")
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type=row.media_type, headers=headers)


def _answer(
    db: Db, scope: Scope, listing: Listing, form: As, *, full: bool, limit: int, cursor: str | None,
    told: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    """Answer with a page, or with all as a file that the audit knows of."""
    if form is As.JSON:
        return paged(listing, limit, cursor, told or {})
    about: dict[str, Any] = {
        "list": listing.name,
        "form": form,
        "rows": len(list(listing.rows)),
        "full": full,
    }
    audit.record(db, scope.actor, "cases.export", county_id=scope.county_id, **about)
    return download(listing, form, full=full)


def _every(of: Asked) -> Asked:
    """Return the question of a ledger: every state counts unless one is named."""
    return of if of.state is not None else Asked(**{**vars(of), "every_state": True})


def _sane(day: dt.date | None) -> dt.date | None:
    if day is not None and not dt.date(2000, 1, 1) <= day <= dt.date(2199, 12, 31):
        raise Invalid("日期不对，例如 last=2026-03-31。")
    return day


def _checked(number: int) -> int:
    if not 0 <= number < 2**63:
        raise NotFound("没有这个案件，或不在您的权限内。")
    return number
