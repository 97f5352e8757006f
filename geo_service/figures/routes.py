"""Figures of a period over HTTP: counted, with the rows behind them, entered by hand, issued as reports."""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response, UploadFile
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import JSONResponse

from geo_service import audit, cursors
from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.attachments import attachment, kept_file
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.figures import behind, document, months, paper, reports, service
from geo_service.figures.reports import Issued
from geo_service.figures.service import Asked, EntryRequest
from geo_service.listing import MEDIA_TYPES, As, download, records
from geo_service.paging import page
from geo_service.settings import Settings
from layers.figures import Code, Counted

router = APIRouter(prefix="/api", tags=["figures"])

Reads = Annotated[Scope, require(*service.READERS)]
Changes = Annotated[Scope, require(*CHANGE)]
Format = Annotated[
    Literal["json", "csv", "xlsx"], Query(alias="as", description="json: a page of rows; else all as a file.")
]
_Id = Annotated[int, Path(ge=0, lt=2**31)]
_Day = Annotated[dt.date | None, BeforeValidator(lambda value: value or None)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EntryIn(_Body):
    """A figure by hand: its code, period, value, and on what it rests."""

    figure: Code
    first: dt.date
    last: dt.date
    value: Annotated[float, Field(ge=0, le=service.MOST_VALUE)]
    note: Annotated[str, Field(max_length=service.MOST_NOTE)]


class ReportIn(_Body):
    """What a report is about; what is left out is as on the page of figures."""

    title: Annotated[str | None, Field(max_length=reports.MOST_TITLE)] = None
    first: dt.date | None = None
    last: dt.date | None = None
    area: Annotated[str | None, Field(max_length=40)] = None


class NewRow(BaseModel):
    """The number of a new row."""

    id: int


class ProofOut(BaseModel):
    """A kept proof."""

    id: uuid.UUID
    media_type: str
    size: int


def asked_of(
    db: Db,
    scope: Reads,
    first: Annotated[_Day, Query(description="First local day; none: a year.")] = None,
    last: Annotated[_Day, Query(description="Last local day; none: that of the latest outing.")] = None,
    area: Annotated[str | None, Query(max_length=40, description="Code of an area, with all below.")] = None,
) -> Asked:
    """Return what an address asks for."""
    return service.asked(db, scope, first, last, area or None)


FromTheAddress = Annotated[Asked, Depends(asked_of)]


@router.get("/figures", summary="All figures of a period, each with its definition")
def figures(db: Db, scope: Reads, asked: FromTheAddress, form: Format = "json") -> Response:
    """Return code, title, definition, unit, value (null: none was entered), and how a sentence has it."""
    table = service.figures(db, scope, asked)
    found = list(table.figures.values())
    if form != "json":
        listing = document.figures_listing(found, asked.period.words)
        audit.record(db, scope.actor, "figures.export", county_id=scope.county_id, form=form, rows=len(found))
        return download(listing, As(form))
    told = {**_period(asked), "waiting": table.waiting, "outside": table.outside}
    return JSONResponse({**told, "figures": [told_figure(counted) for counted in found]})


@router.get("/figures/months", summary="Outings, metres walked and cases closed, month by month")
def by_month(db: Db, scope: Reads, asked: FromTheAddress, form: Format = "json") -> Response:
    """Return for each month of the period what was done in it; they add up to the figures."""
    listing = months.listing(months.months(db, scope, service.figures(db, scope, asked)))
    if form != "json":
        audit.record(db, scope.actor, "figures.export", county_id=scope.county_id, form=form, by="month")
        return download(listing, As(form))
    return JSONResponse({**_period(asked), "rows": records(listing)})


@router.get("/figures/{code}/rows", summary="The rows behind a figure: a page, or all as a file")
def rows(
    db: Db, scope: Reads, code: Code, asked: FromTheAddress, form: Format = "json",
    full: InFull = False, limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return the rows that the scope may read; there may be fewer than the figure counts."""
    counted = service.figures(db, scope, asked, listed=[code]).figures[code]
    listing = behind.rows(db, scope, counted, asked.period.last)
    if form != "json":
        count = len(list(listing.rows))
        about: dict[str, Any] = {"form": form, "rows": count, "full": full}
        audit.record(db, scope.actor, "figures.rows.export", county_id=scope.county_id, **about)
        return download(listing, As(form), full=full)
    return page(listing, limit, cursor, {**_period(asked), "figure": told_figure(counted)})


# --- by hand


@router.get("/figures/entries", summary="Entries by hand, withdrawn ones too")
def entries(db: Db, scope: Reads) -> list[dict[str, Any]]:
    """Return figure, period, value, note, author and when it was entered or withdrawn."""
    return [
        {
            "id": told.id, "figure": told.figure.code.value, "first": told.first_day, "last": told.last_day,
            "value": told.value, "note": told.note, "by": told.by, "entered_at": told.entered_at,
            "withdrawn_at": told.withdrawn_at,
        }
        for told in service.entries(db, scope)
    ]  # fmt: skip


@router.post("/figures/entries", status_code=201, summary="Enter a figure by hand")
def enter(db: Db, scope: Changes, new: EntryIn) -> NewRow:
    """Store a figure for a period; nothing is overwritten."""
    return NewRow(
        id=service.enter(db, scope, EntryRequest(new.figure, new.first, new.last, new.value, new.note))
    )


@router.post("/figures/entries/{entry_id}/withdraw", status_code=204, summary="Withdraw an entry")
def withdraw(db: Db, scope: Changes, entry_id: _Id) -> None:
    """Withdraw an entry: it stays, and counts no more."""
    service.withdraw(db, scope, entry_id)


@router.post("/figures/entries/{entry_id}/files", status_code=201, summary="Add a proof to an entry")
def add_file(db: Db, scope: Changes, entry_id: _Id, file: UploadFile, request: Request) -> ProofOut:
    """Keep a photo or PDF on which an entry rests."""
    name = printable(file.filename or "")[-80:] or None
    kept = service.add_proof(db, scope, _settings(request).files_dir, entry_id, file.file, name)
    return ProofOut(id=kept.id, media_type=kept.media_type, size=kept.size)


@router.get("/figures/entries/{entry_id}/files", summary="The proofs of an entry")
def files(db: Db, scope: Reads, entry_id: _Id) -> list[ProofOut]:
    """Return id, type and size of each proof."""
    kept = service.proofs_of(db, scope, entry_id)
    return [ProofOut(id=file.id, media_type=file.media_type, size=file.size) for file in kept]


@router.get(
    "/figures/entries/{entry_id}/files/{file_id}", summary="A proof as a download", response_class=Response
)
def file(db: Db, scope: Reads, entry_id: _Id, file_id: uuid.UUID, request: Request) -> Response:
    """Return the bytes of a proof."""
    return kept_file(_settings(request).files_dir, service.proof(db, scope, entry_id, file_id))


# --- reports


@router.get("/figures/report", summary="The report of a period as DOCX, not issued", response_class=Response)
def report(db: Db, scope: Reads, asked: FromTheAddress, request: Request) -> Response:
    """Return the document with the figures as they are now."""
    made, docx = paper.draft(db, scope, asked, template=_settings(request).report_template)
    return _document(docx, f"{made.title}.docx", reports.DOCX)


@router.get("/figures/annex", summary="The annex of a report as XLSX", response_class=Response)
def annex(db: Db, scope: Changes, asked: FromTheAddress, full: InFull = False) -> Response:
    """Return the figures, the townships, and the rows behind each figure."""
    made = reports.gather(db, scope, asked)
    return _document(paper.annex(db, scope, made, full=full), f"{made.title}附表.xlsx", MEDIA_TYPES[As.XLSX])


@router.post("/reports", status_code=201, summary="Issue a report: a snapshot that never changes")
def issue(db: Db, scope: Changes, new: ReportIn, request: Request) -> NewRow:
    """Store figures, ids behind them, and the document."""
    asked, settings = service.asked(db, scope, new.first, new.last, new.area), _settings(request)
    made, docx = paper.draft(db, scope, asked, title=new.title, template=settings.report_template)
    return NewRow(id=reports.issue(db, scope, settings.files_dir, asked, made, docx))


@router.get("/reports", summary="Issued reports of my scope, the latest first")
def issued(db: Db, scope: Reads) -> list[dict[str, Any]]:
    """Return number, title, period and when each was issued."""
    return [_told_report(found) for found in reports.issued(db, scope)]


@router.get("/reports/{report_id}", summary="An issued report with its figures")
def one_report(db: Db, scope: Reads, report_id: _Id) -> dict[str, Any]:
    """Return the figures as they were issued."""
    found = reports.issued_one(db, scope, report_id)
    figures_ = [told_figure(counted) for counted in found.report.figures.values()]
    sentences = list(found.report.sentences)
    return {**_told_report(found), "sentences": sentences, "figures": figures_}


@router.get("/reports/{report_id}/docx", summary="The document as it was issued", response_class=Response)
def docx(db: Db, scope: Reads, report_id: _Id, request: Request) -> Response:
    """Return the very document that was issued."""
    kept = reports.document_of(db, scope, report_id)
    return kept_file(_settings(request).files_dir, kept, fallback=f"report-{report_id}.docx")


@router.get("/reports/{report_id}/annex", summary="The rows behind an issued report", response_class=Response)
def annex_of(db: Db, scope: Changes, report_id: _Id, full: InFull = False) -> Response:
    """Return the rows that were counted then, as far as they are still there."""
    made = reports.issued_one(db, scope, report_id).report
    return _document(paper.annex(db, scope, made, full=full), f"{made.title}附表.xlsx", MEDIA_TYPES[As.XLSX])


# --- what the routes share


def told_figure(counted: Counted) -> dict[str, Any]:
    """Return a figure as JSON has it."""
    figure = counted.figure
    return {
        "code": figure.code.value, "title": figure.title, "definition": figure.definition,
        "by_area": figure.by_area,
        "unit": figure.unit, "on_a_day": figure.on_a_day, "by_hand": figure.by_hand,
        "value": counted.value, "exactly": counted.exactly, "words": counted.words,
        "rows": counted.rows,
    }  # fmt: skip


def _told_report(found: Issued) -> dict[str, Any]:
    made = found.report
    return {
        "id": found.id, "title": made.title, "first": made.first_day, "last": made.last_day,
        "area": made.area, "issued_at": found.issued_at,
    }  # fmt: skip


def _period(asked: Asked) -> dict[str, Any]:
    return {
        "first": asked.period.first.isoformat(), "last": asked.period.last.isoformat(),
        "area": asked.area_name,
    }  # fmt: skip


def _document(content: bytes, name: str, media_type: str) -> Response:
    plain = f"report.{name.rpartition('.')[2]}"
    return Response(content, media_type=media_type, headers=attachment(name, plain))


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings
