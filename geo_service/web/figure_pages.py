"""Pages of figures: large numbers with their definitions, the rows behind them, entries by hand, reports."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.columns import printable, words
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.figures import behind, months, paper, reports
from geo_service.figures import service as figures
from geo_service.figures.months import Month
from geo_service.figures.service import Asked, EntryRequest
from geo_service.settings import Settings
from geo_service.web import charts, queries
from geo_service.web.fields import day_if_any
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.figures import Behind, Code, Counted, left_out, sentences
from layers.vocabulary import Right

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 100
Reads = Annotated[Scope, require(*figures.READERS)]
Changes = Annotated[Scope, require(*CHANGE)]
Word = Annotated[str, Form(max_length=200)]
Text = Annotated[str, Form(max_length=figures.MOST_NOTE)]
_Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


def _asked(
    db: Db, scope: Reads, first: _Day = "", last: _Day = "", area: Annotated[str, Query(max_length=40)] = ""
) -> Asked:
    return figures.asked(db, scope, day_if_any(first), day_if_any(last), area or None)


FromTheAddress = Annotated[Asked, Depends(_asked)]


@router.get("/figures", summary="Show the figures of a period")
def page(db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Show the sentence of the documents, every figure, entries by hand, and the reports."""
    return _page(db, frame, asked)


@router.get("/figures/{code}", summary="Show the rows behind a figure")
def rows(
    db: Db, frame: Framed, code: Code, asked: FromTheAddress,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:  # fmt: skip
    """Show what a figure counts, a page at a time."""
    counted = figures.figures(db, frame.own_scope, asked, listed=[code]).figures[code]
    listing = behind.rows(db, frame.own_scope, counted, asked.period.last)
    found = list(listing.rows)
    begin = (page - 1) * PAGE_ROWS
    shown = found[begin : begin + PAGE_ROWS]
    values = {
        "asked": asked,
        "pairs": _pairs(frame),
        "counted": counted,
        "columns": [column for column in listing.columns if column.name != "id"],
        "rows": [
            (
                _link(frame, counted, row[0]),
                [words(value, c) for value, c in zip(row, listing.columns, strict=True)][1:],
            )
            for row in shown
        ],
        "count": len(found),
        "page": page,
        "more": begin + PAGE_ROWS < len(found),
    }
    return frame.show("figure.html", values)


@router.post("/figures/enter", summary="Enter a figure by hand")
def enter(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Changes,
    figure: Word = Code.X6,
    first: Word = "",
    last: Word = "",
    value: Word = "",
    note: Text = "",
    proof: UploadFile | None = None,
) -> Response:
    """Store a figure; what is wrong with it is said above the page, and nothing is kept."""
    said = {"first": first, "last": last, "value": value, "note": note}
    settings: Settings = request.app.state.settings
    try:
        with db.begin_nested():
            number = figures.enter(db, scope, _entry(figure, first, last, value, note))
            if proof is not None and proof.filename:
                name = printable(proof.filename)[-80:]
                figures.add_proof(db, scope, settings.files_dir, number, proof.file, name)
    except YinxunError as error:
        return _page(db, frame, figures.asked(db, scope), said=said, error=error)
    return RedirectResponse(frame.link("/figures"), status_code=303)


@router.post("/figures/entries/{entry_id}/withdraw", summary="Withdraw an entry")
def withdraw(db: Db, frame: Framed, scope: Changes, entry_id: int) -> Response:
    """Withdraw an entry: it stays, and counts no more."""
    figures.withdraw(db, scope, entry_id)
    return RedirectResponse(frame.link("/figures"), status_code=303)


@router.post("/figures/issue", summary="Issue a report")
def issue(
    request: Request, db: Db, frame: Framed, scope: Changes,
    title: Word = "", first: Word = "", last: Word = "", area: Word = "",
) -> Response:  # fmt: skip
    """Store the figures of a period as a report that never changes."""
    settings: Settings = request.app.state.settings
    asked = figures.asked(db, scope, day_if_any(first), day_if_any(last), area or None)
    try:
        with db.begin_nested():
            made, docx = paper.draft(db, scope, asked, title=title, template=settings.report_template)
            number = reports.issue(db, scope, settings.files_dir, asked, made, docx)
    except Invalid as error:
        return _page(db, frame, asked, error=error)
    return RedirectResponse(frame.link(f"/reports/{number}"), status_code=303)


@router.get("/reports/{report_id}", summary="Show an issued report")
def report(db: Db, frame: Framed, scope: Reads, report_id: int) -> Response:
    """Show the figures as they were issued."""
    found = reports.issued_one(db, scope, report_id)
    values = {"issued": found, "report": found.report, "may_read_rows": scope.holds(Right.COORDINATOR)}
    return frame.show("issued_report.html", values)


def _page(
    db: Db, frame: Frame, asked: Asked, *, said: dict[str, str] | None = None,
    error: YinxunError | None = None,
) -> Response:  # fmt: skip
    scope = frame.own_scope
    table = figures.figures(db, scope, asked)
    of_county = scope.areas(*figures.READERS) is None
    entries = figures.entries(db, scope) if of_county else []
    period = asked.period
    by_month = months.months(db, scope, table)
    values = {
        "asked": asked,
        "pairs": _pairs(frame),
        "table": table,
        "months": by_month,
        "most_months": months.MOST_MONTHS,
        "bars": list(zip(*(charts.shares(column) for column in _columns(by_month)), strict=True)),
        "sentences": sentences(table.figures, period.first, period.last),
        "left_out": left_out(table.figures),
        "areas": queries.area_choices(db, scope),
        "chosen_area": frame.request.query_params.get("area", ""),
        "entries": [(told, figures.proofs_of(db, scope, told.id)) for told in entries],
        "issued": reports.issued(db, scope),
        "may_enter": scope.holds(*CHANGE) and scope.areas(*CHANGE) is None,
        "may_issue": scope.holds(*CHANGE) and scope.reaches(asked.area_id, *CHANGE),
        "may_read_rows": scope.holds(Right.COORDINATOR),
        "said": said or {"first": str(period.first), "last": str(period.last), "value": "", "note": ""},
        "error": error,
        "places": Behind.PLACE,
    }
    return frame.show("figures.html", values, status=200 if error is None else 422)


def _columns(found: Sequence[Month]) -> list[list[float]]:
    """Return what the chart of the months shows, a list a column."""
    return [
        [month.sessions for month in found],
        [month.covered_km for month in found],
        [month.closed for month in found],
    ]


def _pairs(frame: Frame) -> dict[str, Any]:
    """Return what the address asked for, for the address of another page."""
    given = frame.request.query_params
    return {key: given[key] for key in ("first", "last", "area") if given.get(key)}


def _link(frame: Frame, counted: Counted, id_: Any) -> str | None:
    """Return the page of a row, where it has one."""
    if counted.figure.behind is Behind.PLACE:
        return frame.link(f"/places/{id_}")
    kind, _, number = str(id_).partition("/")
    if counted.figure.behind is Behind.OUTING or kind == "case":
        return frame.link(f"/{kind}s/{number}")
    return None


def _entry(figure: str, first: str, last: str, value: str, note: str) -> EntryRequest:
    begin, end = day_if_any(first), day_if_any(last)
    if begin is None or end is None:
        raise Invalid("请写明时段的第一天和最后一天。")
    if figure not in set(Code):
        raise Invalid("请选择填报哪个数据。")
    try:
        number = float(value.strip())
    except ValueError:
        raise Invalid("请写数值，例如 234。") from None
    return EntryRequest(Code(figure), begin, end, number, note)
