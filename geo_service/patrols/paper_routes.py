"""Outings recorded on paper: one by one, or a table of them."""

import datetime as dt
import uuid
from pathlib import PurePosixPath
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from geo_service import answers
from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.listing import report_answer
from geo_service.patrols import paper, paper_sheet, record
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.paper import MOST_PLACES, Paper
from geo_service.patrols.parties import MOST_COMPANIONS
from geo_service.patrols.record import Record
from geo_service.people.imports import ImportOptions
from layers.vocabulary import Evidence

router = APIRouter(prefix="/api/patrols", tags=["patrols"])

Changes = Annotated[Scope, require(*CHANGE)]
Format = Annotated[
    Literal["json", "csv", "xlsx"],
    Query(alias="as", description="json: a page of rows; else all as a file."),
]


class PaperIn(BaseModel):
    """One outing as a sheet of paper, or somebody on the telephone, tells it."""

    model_config = ConfigDict(extra="forbid")

    person_id: uuid.UUID
    day: dt.date
    begins: Annotated[dt.time | None, Field(description="On the county's clock; none: not written.")] = None
    ends: dt.time | None = None
    places: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(max_length=MOST_PLACES)] = []
    companions: Annotated[list[uuid.UUID], Field(max_length=MOST_COMPANIONS)] = []
    record: Record | None = None
    evidence: Annotated[
        Literal[Evidence.PAPER, Evidence.STATED], Field(description="stated: told, as by telephone.")
    ] = Evidence.PAPER


@router.put(
    "/{patrol_id}/paper",
    status_code=201,
    summary="Register an outing on paper or told by telephone, under an id of the client's",
    responses={200: {"model": PatrolAnswer, "description": "It was registered before: nothing was added."}},
)
def take_paper(
    response: Response, db: Db, scope: Changes, patrol_id: uuid.UUID, said: PaperIn
) -> PatrolAnswer:
    """Take who, when, where and what was noted; it covers nothing and waits for review."""
    told = Paper(
        said.person_id,
        said.day,
        said.begins and said.begins.replace(tzinfo=None),
        said.ends and said.ends.replace(tzinfo=None),
        said.places,
        said.companions,
        record.stored(said.record),
        said.evidence,
    )
    answer = paper.take_paper(db, scope, patrol_id, told)
    response.status_code = 200 if answer.already else 201
    return answer


@router.post("/records", summary="Register the outings of a table (巡查记录表), or only say what would be")
def import_records(
    request: Request,
    db: Db,
    scope: Changes,
    file: UploadFile,
    answer_list: Annotated[
        UploadFile | None, File(alias="answers", description="The report with its column 答复 filled in.")
    ] = None,
    skip_refused: Annotated[bool, Form(description="Take the other rows although some are refused.")] = False,
    dry_run: Annotated[bool, Form(description="Only say what would be.")] = False,
    encoding: Annotated[str | None, Form(max_length=40)] = None,
    form: Format = "json",
) -> Response:
    """Take an XLSX, XLS or CSV with the columns 日期, 巡查人, 河道(路/网格), 起止时间, 天气, 巡查内容."""
    given = answers.read(answer_list.file, _name_of(answer_list)) if answer_list else {}
    keep_in = request.app.state.settings.files_dir
    options = ImportOptions(dry_run, skip_refused, given, encoding or None, keep_in)
    return report_answer(paper_sheet.import_records(db, scope, file.file, _name_of(file), options), form)


def _name_of(upload: UploadFile) -> str:
    return printable(PurePosixPath((upload.filename or "").replace("\\", "/")).name)[-80:] or "upload"
