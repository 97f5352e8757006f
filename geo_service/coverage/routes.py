"""Coverage and gaps over HTTP: pages of rows as JSON, or everything as a file."""

import datetime as dt
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from fastapi import Query as Parameter
from starlette.responses import JSONResponse, Response

from geo_service import audit, cursors
from geo_service.accounts.dependencies import Signed
from geo_service.accounts.scope import Scope
from geo_service.coverage import answers, gaps, ground, lists
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Query, Register
from geo_service.db import Db
from geo_service.listing import As, Listing, download, records
from geo_service.tables import County
from layers.vocabulary import DutyKind, GapKind, Layer, Level

router = APIRouter(prefix="/api", tags=["coverage"])

WINDOW_DAYS = 30
"""Of a question that names no window: up to today."""
Format = Literal["json", "csv", "xlsx", "geojson", "gpkg"]


def _query(
    db: Db,
    scope: Signed,
    layer: Annotated[list[Layer] | None, Parameter(description="Layers; all without it.")] = None,
    area: Annotated[
        str | None, Parameter(max_length=40, description="Code of a township or village.")
    ] = None,
    first: Annotated[dt.date | None, Parameter(description="First day of the window, included.")] = None,
    last: Annotated[dt.date | None, Parameter(description="Last day of the window, included.")] = None,
    duty: Annotated[DutyKind, Parameter(description="Whose duties.")] = DutyKind.VOLUNTEER,
    level: Annotated[Level | None, Parameter(description="Level of the duties; any without it.")] = None,
    register: Annotated[Register, Parameter(description="Places of the scheme, or all.")] = "scheme",
) -> Query:
    county = db.get_one(County, scope.county_id)
    area_id = None if area is None else ground.area_id(db, scope, area)
    return window_query(
        county,
        layers=layer,
        area_id=area_id,
        first=first,
        last=last,
        duty=duty,
        level=level,
        register=register,
    )


def window_query(
    county: County,
    *,
    layers: list[Layer] | None = None,
    area_id: int | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
    duty: DutyKind = DutyKind.VOLUNTEER,
    level: Level | None = None,
    register: Register = "scheme",
) -> Query:
    """Return the question with what was left open filled in: the window ends today in the county."""
    last = last or dt.datetime.now(ZoneInfo(county.time_zone)).date()
    first = first or last - dt.timedelta(days=WINDOW_DAYS - 1)
    chosen = tuple(layer for layer in Layer if not layers or layer in layers)
    return Query(first, last, chosen, area_id, duty, level, register)


Asked = Annotated[Query, Depends(_query)]
Form = Annotated[Format, Parameter(alias="as", description="json: a page of rows; else all rows as a file.")]


@router.get("/coverage", summary="What was covered, by place")
def coverage(
    db: Db, scope: Signed, query: Asked, form: Form = "json",
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return share covered, how often, by how many and when last, for each place, with sums by layer."""
    table = answers.coverage(db, scope, query)
    if form == "json":
        sums = [
            {
                "layer": total.layer, "places": total.places, "touched": total.touched,
                "whole": round(total.whole, 1), "covered": round(total.covered, 1), "share": total.share,
            }
            for total in table.totals
        ]  # fmt: skip
        return _page(lists.coverage_list(table), query, limit, cursor, totals=sums)
    canvas = Canvas.of(db, table.ground, _county(db, scope)) if form in ("geojson", "gpkg") else None
    return _file(db, scope, "coverage.export", lists.coverage_list(table, canvas), As(form))


@router.get("/gaps", summary="What is missing: a duty, a patrol, or a patrol where there is a duty")
def gaps_(
    db: Db, scope: Signed, query: Asked, kind: GapKind, form: Form = "json",
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return the gaps of one kind with place, stretch in metres and in words, length or area, township."""
    table = gaps.gaps(db, scope, query, kind)
    canvas = Canvas.of(db, table.ground, _county(db, scope))
    if form == "json":
        return _page(lists.gap_list(table, canvas), query, limit, cursor, kind=kind)
    drawn = form in ("geojson", "gpkg")
    return _file(db, scope, "gaps.export", lists.gap_list(table, canvas, drawn=drawn), As(form))


def _page(listing: Listing, query: Query, limit: int, cursor: str | None, **more: Any) -> JSONResponse:
    """Answer with rows from the cursor on; the rows' order is that of the register."""
    rows = list(listing.rows)
    begin = cursors.number(cursor) or 0
    page = Listing(listing.name, listing.title, listing.columns, rows[begin : begin + limit])
    following = cursors.encode(begin + limit) if begin + limit < len(rows) else None
    window = {"first": query.first_day.isoformat(), "last": query.last_day.isoformat()}
    return JSONResponse(
        {"window": window, **more, "count": len(rows), "rows": records(page), "next": following},
        headers={"Cache-Control": "no-store"},
    )


def _file(db: Db, scope: Scope, action: str, listing: Listing, form: As) -> Response:
    audit.record(
        db, scope.actor, action, county_id=scope.county_id, form=form.value, rows=len(list(listing.rows))
    )
    return download(listing, form)


def _county(db: Db, scope: Scope) -> County:
    return db.get_one(County, scope.county_id)
