"""People and duties over HTTP: lists and files, one by one, imports, hand-over."""

import datetime as dt
import uuid
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from geo_service import answers, cursors
from geo_service.accounts.dependencies import InFull, Signed, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import NotFound
from geo_service.listing import DRAWN, As, records, report_answer
from geo_service.paging import export, page
from geo_service.people import imports, lists, misfits, service
from geo_service.people.drafts import PersonDraft
from geo_service.people.imports import ImportOptions
from geo_service.people.service import DutyRequest
from layers.vocabulary import DeletionReason, DutyKind, Layer, Level, Role

router = APIRouter(prefix="/api", tags=["people"])

Changes = Annotated[Scope, require(*CHANGE)]
AreaCode = Annotated[str | None, Query(max_length=40, description="Code of an area, with all below it.")]
Format = Annotated[
    Literal["json", "csv", "xlsx"],
    Query(alias="as", description="json: a page of rows; else all as a file."),
]
FormatOfDuties = Annotated[
    Literal["json", "csv", "xlsx", "geojson", "gpkg", "kml"],
    Query(alias="as", description="json: a page of rows; else all as a file."),
]
Text = Annotated[str, Field(max_length=500)]
_Id = Annotated[int, Path(ge=0, lt=2**63)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonChange(_Body):
    """New values of a person; what is left out stays, null takes away."""

    name: Text | None = None
    number: Text | None = None
    phone: Text | None = None
    area: Annotated[str | None, Field(max_length=40, description="Code of a village or township.")] = None
    gender: Text | None = None
    born: Text | None = None
    note: Text | None = None


class PersonIn(PersonChange):
    """A new person."""

    name: Text


class Stretch(_Body):
    """A part of a line in metres along it."""

    from_m: Annotated[float, Field(ge=0, le=1e7)]
    to_m: Annotated[float, Field(ge=0, le=1e7)]


class DutyIn(_Body):
    """A new duty: for the whole place, for stretches of a line, or for a part of it (area or polygon)."""

    person_id: uuid.UUID
    place_id: Annotated[int, Field(ge=0, lt=2**63)]
    role: Role | None = None
    kind: DutyKind = DutyKind.VOLUNTEER
    level: Level = Level.VILLAGE
    first_day: Annotated[dt.date | None, Field(description="None: today.")] = None
    last_day: Annotated[dt.date | None, Field(description="Inclusive; none: until further notice.")] = None
    stretches: Annotated[list[Stretch], Field(max_length=100)] = []
    area: Annotated[str | None, Field(max_length=40, description="Code of a village: its part.")] = None
    polygon: Annotated[
        str | None, Field(max_length=200_000, description="WKT in lon lat: its part of a grid or compound.")
    ] = None


class HandOver(_Body):
    """Who takes a duty over, from which day on."""

    to_person_id: uuid.UUID
    on_day: dt.date


class End(_Body):
    """The last day of a duty, inclusive."""

    last_day: dt.date


class NewPerson(_Body):
    """The id of a new person."""

    id: uuid.UUID


class NewDuty(_Body):
    """The id of a new duty."""

    id: int


# --- people


@router.get("/people", summary="People in my scope: a page of rows by name, or all as a file")
def people(
    db: Db,
    scope: Signed,
    q: Annotated[str, Query(max_length=100, description="Part of the name or phone, or the number.")] = "",
    area: AreaCode = None,
    form: Format = "json",
    full: InFull = False,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> Response:
    """Return people; phones are masked for those who may not change them, and in files names too."""
    if form != "json":
        return export(db, scope, lists.people(db, scope, q=q, area=area), As(form), full=full)
    after = cursors.value_and_id(cursor, str)
    rows = records(lists.people(db, scope, q=q, area=area, after=after, limit=limit + 1).shown)
    return _page(rows, limit, "name", "id")


@router.get("/people/{person_id}", summary="One person with all duties, past ones too")
def person(db: Db, scope: Signed, person_id: uuid.UUID) -> Response:
    """Return a person of my scope."""
    found = records(lists.people(db, scope, person_id=person_id))
    if not found:
        raise NotFound("没有这个人，或不在您的权限内。")
    held = records(lists.duties(db, scope, person_id=person_id))
    return JSONResponse({**found[0], "held": held})


@router.post("/people", status_code=201, summary="Add a person")
def add_person(db: Db, scope: Changes, new: PersonIn) -> NewPerson:
    """Add one person; the number, if given, must be free."""
    values = _values(db, scope, new)
    return NewPerson(id=service.add_person(db, scope, PersonDraft(**values)))


@router.patch("/people/{person_id}", status_code=204, summary="Change a person")
def change_person(db: Db, scope: Changes, person_id: uuid.UUID, new: PersonChange) -> None:
    """Give a person new values; those left out stay."""
    service.change_person(db, scope, person_id, _values(db, scope, new))


@router.delete("/people/{person_id}", status_code=204, summary="Forget a person, or oneself")
def delete_person(
    request: Request,
    db: Db,
    scope: Signed,
    person_id: uuid.UUID,
    reason: DeletionReason = DeletionReason.WITHDRAWN,
) -> None:
    """Take away all that tells of the person, accounts too, and end the duties; what was covered stays."""
    data_dir = request.app.state.settings.data_dir
    service.delete_person(db, scope, person_id, data_dir=data_dir, reason=reason)


# --- duties


def _wanted_duties(
    person_id: uuid.UUID | None = None,
    place_id: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    area: AreaCode = None,
    layer: Layer | None = None,
    day: Annotated[
        dt.date | None, Query(description="In force on this day; past ones too without it.")
    ] = None,
) -> dict[str, Any]:
    return {"person_id": person_id, "place_id": place_id, "area": area, "layer": layer, "day": day}


@router.get("/duties", summary="Duties in my scope: a page of rows, or all as a file")
def duties(
    db: Db,
    scope: Signed,
    wanted: Annotated[dict[str, Any], Depends(_wanted_duties)],
    form: FormatOfDuties = "json",
    full: InFull = False,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> Response:
    """Return duties by id, with person, place, part of it, role, kind, level and days."""
    if form != "json":
        drawn = form in DRAWN
        return export(db, scope, lists.duties(db, scope, drawn=drawn, **wanted), As(form), full=full)
    after = cursors.number(cursor)
    return _page(records(lists.duties(db, scope, after=after, limit=limit + 1, **wanted)), limit, "id")


@router.get("/duties/misfits", summary="Duties that no longer fit their place")
def misfits_(
    db: Db,
    scope: Changes,
    area: AreaCode = None,
    layer: Annotated[list[Layer], Query()] = [],  # noqa: B006  (FastAPI copies it)
    form: Format = "json",
    full: InFull = False,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> Response:
    """Return duties of which a part was lost with a new geometry, or whose place left the scheme."""
    listing = misfits.listing(misfits.found(db, scope, area=area, layers=layer or tuple(Layer)))
    return (
        page(listing, limit, cursor, {})
        if form == "json"
        else export(db, scope, listing, As(form), full=full)
    )


@router.post("/duties/{duty_id}/fits", status_code=204, summary="Say that a duty fits as it is now")
def fits(db: Db, scope: Changes, duty_id: _Id) -> None:
    """Take a duty off the list of those that no longer fit: somebody has looked at it."""
    misfits.fits(db, scope, duty_id)


@router.post("/duties", status_code=201, summary="Add a duty")
def add_duty(db: Db, scope: Changes, new: DutyIn) -> NewDuty:
    """Make a person responsible for a place or a part of it."""
    request = DutyRequest(
        new.person_id,
        new.place_id,
        new.first_day,
        new.last_day,
        new.role,
        new.kind,
        new.level,
        [(stretch.from_m, stretch.to_m) for stretch in new.stretches],
        new.area,
        new.polygon,
    )
    return NewDuty(id=service.add_duty(db, scope, request))


@router.post("/duties/{duty_id}/hand-over", status_code=201, summary="Hand a duty over")
def hand_over(db: Db, scope: Changes, duty_id: _Id, taker: HandOver) -> NewDuty:
    """End a duty the day before and begin the same for another person; history is kept."""
    return NewDuty(id=service.hand_over(db, scope, duty_id, taker.to_person_id, taker.on_day))


@router.post("/duties/{duty_id}/end", status_code=204, summary="End a duty")
def end_duty(db: Db, scope: Changes, duty_id: _Id, end: End) -> None:
    """Let a duty end on a day, inclusive."""
    service.end_duty(db, scope, duty_id, end.last_day)


# --- from files


def _options(
    request: Request,
    answer_list: Annotated[
        UploadFile | None, File(alias="answers", description="The report with its column 答复 filled in.")
    ] = None,
    skip_refused: Annotated[bool, Form(description="Take the other rows although some are refused.")] = False,
    dry_run: Annotated[bool, Form(description="Only say what would be.")] = False,
    encoding: Annotated[str | None, Form(max_length=40)] = None,
) -> ImportOptions:
    given = answers.read(answer_list.file, _name(answer_list)) if answer_list else {}
    keep_in = request.app.state.settings.files_dir
    return ImportOptions(dry_run, skip_refused, given, encoding or None, keep_in)


Options = Annotated[ImportOptions, Depends(_options)]


@router.post("/people/import", summary="Bring people up to date from a roster, or only say what would change")
def import_people(
    db: Db, scope: Changes, file: UploadFile, options: Options, form: Format = "json"
) -> Response:
    """Take an XLSX, XLS or CSV with the columns 姓名, 编号, 电话, 镇街, 村; nobody is deleted."""
    return report_answer(imports.import_people(db, scope, file.file, _name(file), options), form)


@router.post("/duties/import", summary="Take duties from a table, or only say what would change")
def import_duties(
    db: Db, scope: Changes, file: UploadFile, options: Options, form: Format = "json"
) -> Response:
    """Take an XLSX, XLS or CSV with the columns 人员, 对象, 起点米, 止点米, 岗位, 类别, 级别, 开始日期."""
    return report_answer(imports.import_duties(db, scope, file.file, _name(file), options), form)


# --- what the routes share


def _values(db: Db, scope: Scope, new: PersonChange) -> dict[str, Any]:
    """Return what was sent, by the columns of a person."""
    said = new.model_dump(exclude_unset=True)
    values: dict[str, Any] = {key: said[key] for key in ("name", "number", "phone") if key in said}
    if "area" in said:
        values["area_id"] = areas.area_id_of(db, scope, said["area"]) if said["area"] else None
    attributes = {key: said[key] for key in ("gender", "born", "note") if key in said}
    return values | ({"attributes": attributes} if attributes else {})


def _page(rows: list[dict[str, Any]], limit: int, *key: str) -> JSONResponse:
    """Answer with `limit` rows; one row more was read to know whether there are more."""
    more = cursors.encode(*(rows[limit - 1][name] for name in key)) if len(rows) > limit else None
    return JSONResponse({"rows": rows[:limit], "next": more})


def _name(upload: UploadFile) -> str:
    return printable(PurePosixPath((upload.filename or "").replace("\\", "/")).name)[-80:] or "upload"
