"""Rosters over HTTP: taken in, or only tried; the workbook of an area to be edited."""

import datetime as dt
from pathlib import PurePosixPath
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile

from geo_service import answers, audit
from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.attachments import attachment
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.listing import MEDIA_TYPES, As, download, report_answer
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster, workbook

router = APIRouter(prefix="/api/rosters", tags=["people"])

Changes = Annotated[Scope, require(*CHANGE)]
FormatOfReport = Annotated[
    Literal["json", "csv", "xlsx", "rest"],
    Query(alias="as", description="json: counts and rows; csv, xlsx: all; rest: the rows not taken, XLSX."),
]


def _options(
    answer_list: Annotated[
        UploadFile | None, File(alias="answers", description="The report with its column 答复 filled in.")
    ] = None,
    reconcile: Annotated[
        bool, Form(description="Also ask about what the register has and the roster does not name.")
    ] = False,
    last_day: Annotated[
        dt.date | None, Form(description="Last day of duties that end by an answer; none: yesterday.")
    ] = None,
    skip_refused: Annotated[bool, Form(description="Take the other rows although some are refused.")] = False,
    dry_run: Annotated[bool, Form(description="Only say what would be.")] = False,
    encoding: Annotated[str | None, Form(max_length=40)] = None,
) -> RosterOptions:
    given = answers.read(answer_list.file, answer_list.filename or "answers.csv") if answer_list else {}
    return RosterOptions(
        dry_run, skip_refused, given, encoding or None, reconcile=reconcile, last_day=last_day
    )


@router.post("/import", summary="Take a roster or register, or only say what would change")
def import_(
    db: Db,
    scope: Changes,
    file: UploadFile,
    options: Annotated[RosterOptions, Depends(_options)],
    form: FormatOfReport = "json",
) -> Response:
    """Take a roster or register, or an area's workbook. Nobody is deleted."""
    name = printable(PurePosixPath((file.filename or "").replace("\\", "/")).name)[-80:] or "upload"
    report = import_roster(db, scope, file.file, name, options)
    return download(report.not_taken(), As.XLSX) if form == "rest" else report_answer(report, form)


@router.get("/workbook", summary="An area's places, people and duties as a workbook to be edited")
def area_workbook(
    db: Db,
    scope: Changes,
    area: Annotated[str, Query(max_length=40, description="Code of a township or village.")],
    full: InFull = False,
) -> Response:
    """Return an XLSX that can be imported again after it was edited, also much later."""
    name, data = workbook(db, scope, area, full=full)
    subject = f"area/{area}"
    audit.record(db, scope.actor, "workbook.export", county_id=scope.county_id, subject=subject, full=full)
    return Response(
        data,
        media_type=MEDIA_TYPES[As.XLSX],
        headers=attachment(name, "workbook.xlsx"),
    )
