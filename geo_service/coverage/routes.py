"""Coverage and gaps over HTTP: pages of rows as JSON, or everything as a file."""

from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Query as Parameter
from starlette.responses import Response

from geo_service import cursors
from geo_service.accounts.dependencies import InFull, Signed
from geo_service.accounts.scope import Scope
from geo_service.coverage import ages, answers, lists
from geo_service.coverage.asked import FromTheAddress, GapsFromTheAddress
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Query
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.listing import DRAWN, As
from geo_service.paging import export, page, part
from geo_service.tables import County

router = APIRouter(prefix="/api", tags=["coverage"])

Format = Literal["json", "csv", "xlsx", "geojson", "gpkg", "kml"]
Form = Annotated[Format, Parameter(alias="as", description="json: a page of rows; else all rows as a file.")]


@router.get("/coverage", summary="What was covered, by place")
def coverage(
    db: Db, scope: Signed, asked: FromTheAddress, form: Form = "json", full: InFull = False,
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return share covered, how often, by how many and when last, for each place, with sums by layer.

    `ambiguous_m`: metres of a line that nobody covered and somebody maybe walked, where another line is too
    close to tell them apart.
    """
    query = asked.query(db, scope)
    table = answers.coverage(db, scope, query, with_ambiguous=True)
    if form == "json":
        sums = [
            {
                "layer": total.layer, "places": total.places, "touched": total.touched,
                "whole": round(total.whole, 1), "counting": round(total.counting, 1),
                "covered": round(total.covered, 1), "share": total.share,
            }
            for total in table.totals
        ]  # fmt: skip
        return page(lists.coverage_list(table), limit, cursor, {**_window(query), "totals": sums})
    canvas = Canvas.of(db, table.ground, _county(db, scope)) if form in DRAWN else None
    return export(db, scope, lists.coverage_list(table, canvas), As(form), full=full)


@router.get("/gaps", summary="What is missing: a duty, a patrol, or a patrol where there is a duty")
def gaps_(
    db: Db, scope: Signed, asked: GapsFromTheAddress, form: Form = "json", full: InFull = False,
    limit: cursors.Limit = 100, cursor: cursors.Cursor = None,
) -> Response:  # fmt: skip
    """Return the gaps of one kind with place, stretch in metres and in words, length or area, township, age.

    `since`: the last day on which it was none (walked by anyone, or somebody's duty); `age_days`: the days
    from then to the window's last; null where it always was one.

    `ambiguous_m`: metres of a gap that somebody maybe walked, where another line is too close to tell them
    apart; null where the kind does not ask whether it was walked.
    """
    if len(asked.kind) != 1:
        raise Invalid("请用 kind 指明一种空白：unassigned、unpatrolled 或 neglected。")
    query = asked.query(db, scope)
    county = _county(db, scope)
    table = ages.listed(db, scope, query, asked.kind[0], age_days=asked.age, order=asked.sort)
    if form == "json":
        begin, count = cursors.number(cursor) or 0, len(table.rows)
        told = {**_window(query), "kind": table.kind, "short": lists.short(table)}
        return part(lists.gap_list(db, county, table.part(begin, limit)), count, begin + limit, told)
    return export(db, scope, lists.gap_list(db, county, table, drawn=form in DRAWN), As(form), full=full)


def _window(query: Query) -> dict[str, dict[str, str]]:
    return {"window": {"first": query.first_day.isoformat(), "last": query.last_day.isoformat()}}


def _county(db: Db, scope: Scope) -> County:
    return db.get_one(County, scope.county_id)
