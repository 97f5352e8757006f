"""Places over HTTP: lists, files, one with its geometry and holders, and the import of a layer."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from geo_service import answers, audit, cursors
from geo_service.accounts.dependencies import Signed, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.columns import Listing, printable
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.listing import DRAWN, As, download, records, report_answer
from geo_service.places import drawing, reaching, reading, scheme, service
from geo_service.places.reaching import Choice
from geo_service.places.reading import ATTRIBUTES, COLUMNS, GEOMETRY, Wanted
from geo_service.places.service import ImportOptions
from layers import adopting
from layers.vocabulary import Datum, Layer

router = APIRouter(prefix="/api/places", tags=["places"])

Format = Literal["json", "csv", "xlsx", "geojson", "gpkg", "kml"]
FormatOfList = Annotated[Format, Query(alias="as", description="json: a page of rows; else all as a file.")]
FormatOfReport = Annotated[
    Literal["json", "csv", "xlsx"],
    Query(alias="as", description="json: counts and rows; else all as a file."),
]


def _wanted(
    layer: Layer | None = None,
    area: Annotated[
        str | None, Query(max_length=40, description="Code of an area, with all below it.")
    ] = None,
    in_scheme: bool | None = None,
    on_map: Annotated[bool | None, Query(description="With a geometry, or without (未上图).")] = None,
    q: Annotated[str, Query(max_length=100, description="Part of the name, or start of the code.")] = "",
) -> Wanted:
    return Wanted(layer, area, in_scheme, on_map, q)


@router.get("", summary="Places in my scope: a page of rows, or all of them as a file")
def places(
    db: Db,
    scope: Signed,
    request: Request,
    wanted: Annotated[Wanted, Depends(_wanted)],
    form: FormatOfList = "json",
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> Response:
    """Return places by id: layer, code, name, township and village, length or area."""
    if form != "json":
        audit.record(db, scope.actor, "places.export", county_id=scope.county_id, form=form)
        return download(_every(request.app.state.engine, scope, wanted, As(form)), As(form))
    listing, more = reading.page(db, scope, wanted, after=cursors.number(cursor) or 0, limit=limit)
    following = None if more is None else cursors.encode(more)
    return JSONResponse({"rows": records(listing), "next": following})


def _every(engine: Engine | Connection, scope: Scope, wanted: Wanted, form: As) -> Listing:
    """Return all places as a list that reads through a session of its own, after the request's has ended."""
    drawn = form in DRAWN

    def rows() -> Iterator[tuple[Any, ...]]:
        with Session(engine) as db:
            yield from reading.every(db, scope, wanted, drawn=drawn)

    columns = (*COLUMNS, *ATTRIBUTES, *((GEOMETRY,) if drawn else ()))
    return Listing("places", "对象", columns, rows())


@router.get("/{place_id}", summary="One place with its geometry, areas, versions and holders")
def place(db: Db, scope: Signed, place_id: int) -> Response:
    """Return a place of my scope; its duties as far as I may see people."""
    card = reading.card(db, scope, place_id)
    (row,) = records(Listing("place", "对象", (*COLUMNS, GEOMETRY), [card.row]))
    details = {key: [asdict(item) for item in getattr(card, key)] for key in ("areas", "versions", "holders")}
    return JSONResponse(row | {"attributes": card.attributes} | _plain(details))


def _plain(details: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return days and times in ISO form."""
    return {
        key: [{k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in item.items()} for item in items]
        for key, items in details.items()
    }


class WalkTaken(BaseModel):
    """A walk as the line of a place: all of it, or the part between two of its metres."""

    model_config = ConfigDict(extra="forbid")

    patrol_id: uuid.UUID
    tolerance_m: Annotated[float, Field(gt=0, le=100)] = adopting.TOLERANCE_M
    from_m: Annotated[float, Field(ge=0)] = 0.0
    to_m: Annotated[float | None, Field(gt=0)] = None


class NewGeometry(BaseModel):
    """A geometry as GeoJSON (WGS 84 lon, lat), or a walk to take it from."""

    model_config = ConfigDict(extra="forbid")

    geometry: dict[str, Any] | None = None
    walk: WalkTaken | None = None


@router.put("/{place_id}/geometry", summary="Give a place a geometry, or only say what it would make")
def set_geometry(
    db: Db,
    scope: Annotated[Scope, require(*CHANGE)],
    place_id: int,
    new: NewGeometry,
    dry_run: Annotated[bool, Query(description="Only say what would be.")] = False,
) -> Response:
    """Make a version of a place from a drawing or a walk; its duties and coverage are carried over.

    Patrols that ran near it are computed again, at once or (`later`) by a job.
    """
    if (new.geometry is None) == (new.walk is None):
        raise Invalid("请给出 geometry（GeoJSON）或 walk（一次巡查）中的一个。")
    if new.walk is None:
        geometry, kind = drawing.geometry_in(json.dumps(new.geometry)), "drawn"
    else:
        drawing.to_draw(db, scope, place_id)  # nobody looks at a track for a place that is not his
        walk = new.walk
        geometry, kind = (
            drawing.adopted(db, scope, walk.patrol_id, walk.tolerance_m, walk.from_m, walk.to_m),
            "track",
        )
    drawn = drawing.set_geometry(db, scope, place_id, geometry, kind=kind, dry_run=dry_run)
    return JSONResponse(asdict(drawn))


class NewReach(BaseModel):
    """What is said of how far a line's patrol may pass; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    width_m: Annotated[
        float | None, Field(gt=0, le=reaching.WIDEST_M, description="Of all of it, in metres.")
    ] = None
    reach_m: Annotated[
        float | None, Field(ge=0, le=reaching.FURTHEST_M, description="Its own; 0: by its width again.")
    ] = None
    banks: Literal["apart", "together"] | None = None


@router.put("/{place_id}/reach", summary="Say how wide a line is, its reach, or that its banks are apart")
def set_reach(
    db: Db,
    scope: Annotated[Scope, require(*CHANGE)],
    place_id: int,
    new: NewReach,
    dry_run: Annotated[bool, Query(description="Only say what would be.")] = False,
) -> Response:
    """Say what a patrol of it has to be near to; duties and coverage are carried over.

    With its banks apart each bank is walked for itself: the measure runs down the one, then the other.
    """
    choice = Choice(new.width_m, new.reach_m, new.banks)
    return JSONResponse(asdict(reaching.choose(db, scope, place_id, choice, dry_run=dry_run)))


@dataclass(frozen=True)
class Sent:
    """An uploaded layer on disk, and what its messages call it."""

    path: Path
    name: str


@contextmanager
def _on_disk(upload: UploadFile) -> Iterator[Sent]:
    """Keep an upload as a file with its own ending, for readers that need one, until it was read."""
    name = printable(PurePosixPath((upload.filename or "").replace("\\", "/")).name)[-80:] or "upload"
    with tempfile.TemporaryDirectory(prefix="yinxun-") as folder:
        path = Path(folder) / f"upload{PurePosixPath(name).suffix[:12]}"
        with path.open("wb") as file:
            shutil.copyfileobj(upload.file, file)
        yield Sent(path, name)


def _how_to_read(
    columns: Annotated[
        list[str] | None, Form(alias="map", description="name=河道名称, one for each column.")
    ] = None,
    crs: Annotated[str | None, Form(max_length=500)] = None,
    datum: Annotated[Datum, Form()] = Datum.WGS84,
    encoding: Annotated[str | None, Form(max_length=40)] = None,
    file_layer: Annotated[str | None, Form(max_length=200, description="Of a file with several.")] = None,
) -> ImportOptions:
    return ImportOptions(
        mapping=scheme.mapping_of(columns or []),
        crs=crs or None,
        datum=datum,
        encoding=encoding or None,
        file_layer=file_layer or None,
    )


def _options(
    request: Request,
    read: Annotated[ImportOptions, Depends(_how_to_read)],
    in_scheme: Annotated[str, Form(max_length=200, description="all, or the column that says it.")] = "",
    scheme_list: Annotated[UploadFile | None, File(description="Names and codes that are 纳管.")] = None,
    answer_list: Annotated[
        UploadFile | None, File(alias="answers", description="The report with its column 答复 filled in.")
    ] = None,
    banks_from_m: Annotated[
        float | None, Form(ge=1, description="Rivers at least so wide have their banks apart.")
    ] = None,
    skip_refused: Annotated[bool, Form(description="Take the other rows although some are refused.")] = False,
    dry_run: Annotated[bool, Form(description="Only say what would be.")] = False,
) -> ImportOptions:
    everybody = in_scheme.strip().lower() == scheme.ALL
    column = {"in_scheme": in_scheme} if in_scheme and not everybody else {}
    listed = scheme.listed(scheme_list.file, scheme_list.filename or "list.csv") if scheme_list else None
    return replace(
        read,
        mapping={**read.mapping, **column},
        scheme="all" if everybody else listed,
        answers=answers.read(answer_list.file, answer_list.filename or "a.csv") if answer_list else {},
        same_name_m=request.app.state.settings.same_name_m,
        banks_from_m=banks_from_m,
        skip_refused=skip_refused,
        dry_run=dry_run,
        keep_in=request.app.state.settings.files_dir,
    )


@router.post("/import", summary="Bring a layer up to date from a file, or only say what would change")
def import_(
    db: Db,
    scope: Annotated[Scope, require(*CHANGE)],
    file: UploadFile,
    layer: Annotated[Layer, Form()],
    options: Annotated[ImportOptions, Depends(_options)],
    form: FormatOfReport = "json",
) -> Response:
    """Match a file with what is stored, by code, source, name and ground; nothing is deleted."""
    with _on_disk(file) as sent:
        report = service.import_layer(db, scope, layer, sent.path, options, name=sent.name)
    return report_answer(report, form)
