"""Services over HTTP: entered under an id of the sender, listed, confirmed, taken back, with their proofs."""

import datetime as dt
import uuid
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from geo_service import answers, audit, cursors
from geo_service.accounts.dependencies import InFull, Signed, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.attachments import kept_file
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.listing import As, download, report_answer
from geo_service.people.imports import ImportOptions
from geo_service.services import imports, lists, service
from geo_service.services.service import ServiceAnswer, ServiceRequest
from geo_service.settings import Settings
from layers.vocabulary import Evidence, ServiceKind, Verdict

router = APIRouter(prefix="/api/services", tags=["services"])

Changes = Annotated[Scope, require(*CHANGE)]
Writes = Annotated[Scope, require(*service.WRITERS)]
Format = Annotated[
    Literal["json", "csv", "xlsx"],
    Query(alias="as", description="json: a page of rows; else all as a file."),
]


class ServiceIn(BaseModel):
    """A service: who, when, where, how long, for how many, and what it rests on."""

    model_config = ConfigDict(extra="forbid")

    kind: ServiceKind
    day: dt.date
    hours: Annotated[float, Field(gt=0, le=service.MOST_HOURS, description="Of each who took part.")]
    persons: Annotated[list[uuid.UUID], Field(min_length=1, max_length=service.MOST_PEOPLE)]
    place_id: Annotated[int | None, Field(ge=0, lt=2**63)] = None
    area: Annotated[str | None, Field(max_length=40, description="Code of a township or village.")] = None
    people: Annotated[int | None, Field(ge=1, le=service.MOST_PEOPLE)] = None
    people_served: Annotated[int | None, Field(ge=0, le=service.MOST_SERVED)] = None
    note: Annotated[str | None, Field(max_length=service.MOST_NOTE)] = None
    evidence: Evidence = Evidence.STATED


class ServicePage(BaseModel):
    """A page of services, the latest first."""

    services: list[ServiceAnswer]
    next: str | None


class Voiding(BaseModel):
    """Why a service is taken back."""

    reason: Annotated[str, Field(max_length=500)]


class ProofOut(BaseModel):
    """A kept proof."""

    id: uuid.UUID
    media_type: str
    size: int


@router.put(
    "/{service_id}",
    status_code=201,
    summary="Enter a service under an id of your own; the same again changes nothing",
    responses={200: {"model": ServiceAnswer, "description": "It was stored before: the same answer again."}},
)
def put(db: Db, scope: Writes, service_id: uuid.UUID, new: ServiceIn, response: Response) -> ServiceAnswer:
    """Store a service; the same id with other content is a conflict."""
    answer = service.put(db, scope, service_id, ServiceRequest(**new.model_dump()))
    response.status_code = 200 if answer.already else 201
    return answer


@router.get(
    "", summary="Services in my scope, the latest first: a page, or all as a file", response_model=ServicePage
)
def services(
    db: Db,
    scope: Signed,
    kind: ServiceKind | None = None,
    verdict: Verdict | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
    form: Format = "json",
    full: InFull = False,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> ServicePage | Response:
    """Return services with who took part, as far as the scope may know them."""
    found = service.listed(
        db, scope, kind=kind, verdict=verdict, first_day=first, last_day=last,
        after=cursors.value_and_id(cursor, dt.date.fromisoformat), limit=limit if form == "json" else None,
    )  # fmt: skip
    if form != "json":
        count = len(found.rows)
        about: dict[str, Any] = {"form": form, "rows": count, "full": full}
        audit.record(db, scope.actor, "services.export", county_id=scope.county_id, **about)
        return download(lists.services(found.rows), As(form), full=full)
    more = cursors.encode(found.next[0].isoformat(), str(found.next[1])) if found.next else None
    return ServicePage(services=list(found.rows), next=more)


@router.get("/{service_id}", summary="One service")
def one(db: Db, scope: Signed, service_id: uuid.UUID) -> ServiceAnswer:
    """Return a service of my scope."""
    return service.told(db, scope, service_id)


@router.post("/{service_id}/void", summary="Take a service back, with a reason")
def void(db: Db, scope: Signed, service_id: uuid.UUID, voiding: Voiding) -> ServiceAnswer:
    """Void a service: it stays with the reason and counts no more."""
    return service.void(db, scope, service_id, voiding.reason)


@router.post("/{service_id}/confirm", summary="Let a service count that waits for review")
def confirm(db: Db, scope: Changes, service_id: uuid.UUID) -> ServiceAnswer:
    """Confirm what a volunteer entered himself."""
    return service.confirm(db, scope, service_id)


@router.post("/{service_id}/files", status_code=201, summary="Add a photo or PDF as a proof")
def add_file(db: Db, scope: Writes, service_id: uuid.UUID, file: UploadFile, request: Request) -> ProofOut:
    """Keep a proof; a photo is drawn anew, without what the camera wrote beside."""
    settings: Settings = request.app.state.settings
    kept = service.add_proof(db, scope, settings.files_dir, service_id, file.file, name_of(file))
    return ProofOut(id=kept.id, media_type=kept.media_type, size=kept.size)


@router.get("/{service_id}/files", summary="The proofs of a service")
def files(db: Db, scope: Signed, service_id: uuid.UUID) -> list[ProofOut]:
    """Return id, type and size of each proof."""
    kept = service.proofs_of(db, scope, service_id)
    return [ProofOut(id=file.id, media_type=file.media_type, size=file.size) for file in kept]


@router.get("/{service_id}/files/{file_id}", summary="A proof as a download", response_class=Response)
def file(db: Db, scope: Signed, service_id: uuid.UUID, file_id: uuid.UUID, request: Request) -> Response:
    """Return the bytes of a proof; a look at it is recorded."""
    settings: Settings = request.app.state.settings
    return kept_file(settings.files_dir, service.proof(db, scope, service_id, file_id))


def _options(
    answer_list: Annotated[
        UploadFile | None, File(alias="answers", description="The report with its column 答复 filled in.")
    ] = None,
    skip_refused: Annotated[bool, Form(description="Take the other rows although some are refused.")] = False,
    dry_run: Annotated[bool, Form(description="Only say what would be.")] = False,
    encoding: Annotated[str | None, Form(max_length=40)] = None,
) -> ImportOptions:
    given = answers.read(answer_list.file, name_of(answer_list)) if answer_list else {}
    return ImportOptions(dry_run, skip_refused, given, encoding or None)


@router.post("/import", summary="Take services from a table, or only say what would change")
def import_services(
    db: Db, scope: Changes, file: UploadFile, options: Annotated[ImportOptions, Depends(_options)],
    form: Format = "json",
) -> Response:  # fmt: skip
    """Take an XLSX or CSV with the columns 类别, 日期, 时长, 参加人, 对象 or 镇街 and 村, 服务人数, 内容."""
    report = imports.import_services(db, scope, file.file, name_of(file), options)
    return report_answer(report, form)


def name_of(upload: UploadFile) -> str:
    """Return the name of a sent file, without a path."""
    return printable(PurePosixPath((upload.filename or "").replace("\\", "/")).name)[-80:] or "upload"
