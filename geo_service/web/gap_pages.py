"""The lists of gaps, to work through: by township, length and age, and as files to take along."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.coverage import ages, lists, windows
from geo_service.coverage.ages import Aged, Order
from geo_service.coverage.asked import AskedGaps
from geo_service.coverage.canvas import Canvas, words_of
from geo_service.coverage.gaps import GapRow, GapTable
from geo_service.db import Db
from geo_service.listing import DRAWN, As
from geo_service.paging import export
from geo_service.people import misfits
from geo_service.web import queries
from geo_service.web.frame import Frame, Framed
from layers.vocabulary import DutyKind, GapKind, Layer, Level

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
FORMS = {
    "xlsx": "Excel",
    "csv": "CSV",
    "gpkg": "GeoPackage",
    "geojson": "GeoJSON",
    "kml": "KML（手机地图）",
}
SORTS = {
    Order.SIZE: "从大到小",
    Order.AGE: "空得最久的在前",
    Order.TOWNSHIP: "按镇街",
    Order.PLACE: "按对象",
}
FileForm = Literal["xlsx", "csv", "gpkg", "geojson", "kml"]
Changes = Annotated[Scope, require(*CHANGE)]


class Misfits(BaseModel):
    """Which duties that no longer fit are listed."""

    area: Annotated[str, Field(max_length=40)] = ""
    layer: list[Layer] = []

    @property
    def pairs(self) -> dict[str, Any]:
        """What was given, for another address."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Listed(AskedGaps):
    """Which gaps are listed, and how."""

    sort: Order = Order.SIZE
    page: Annotated[int, Field(ge=1, le=100_000)] = 1

    @property
    def only_kind(self) -> GapKind:
        """The kind that is listed."""
        return self.kinds[0]

    @property
    def of_page(self) -> dict[str, Any]:
        """What was given, but the page, for the address of another one."""
        return self.model_dump(mode="json", exclude_defaults=True, by_alias=True, exclude={"page"})

    @property
    def of_maps(self) -> dict[str, Any]:
        """What of it the map and its prints understand."""
        return self.model_dump(
            mode="json", exclude_defaults=True, by_alias=True, exclude={"page", "age", "sort"}
        )


@dataclass(frozen=True)
class Sum:
    """One township's gaps."""

    name: str
    code: str | None
    count: int
    length_m: float


@router.get("/gaps", summary="Show the list of gaps of one kind")
def page(db: Db, frame: Framed, asked: Annotated[Listed, Query()]) -> Response:
    """Show gaps a page at a time, with the sums of each township above."""
    found = _found(db, frame, asked)
    areas = queries.area_choices(db, frame.own_scope)
    begin = (asked.page - 1) * PAGE_ROWS
    shown = found.table.rows[begin : begin + PAGE_ROWS]
    values = {
        "asked": asked,
        "question": found.table.ground.query,
        "layers": list(Layer),
        "areas": areas,
        "duties": list(DutyKind),
        "levels": list(Level),
        "kinds": list(GapKind),
        "sorts": SORTS,
        "forms": FORMS,
        "rows": list(
            zip(
                shown,
                _words(db, frame, found.table, shown),
                found.since[begin : begin + PAGE_ROWS],
                strict=True,
            )
        ),
        "days": lambda day: ages.days(day, found.table),
        "count": len(found.table.rows),
        "more": len(found.table.rows) > begin + PAGE_ROWS,
        "sums": _sums(found.table.rows, {area.name: area.code for area in areas}),
        "short": lists.short(found.table),
        "has_places": bool(found.table.ground.places),
        "may_tell": frame.holds(*CHANGE),
    }
    return frame.show("gap_list.html", values)


@router.get("/gaps/file", summary="The list of gaps as a file")
def file(
    db: Db,
    frame: Framed,
    asked: Annotated[Listed, Query()],
    form: Annotated[FileForm, Query(alias="as")] = "xlsx",
    full: InFull = False,
) -> Response:
    """Return all rows of the list, in its order; names masked unless in full."""
    found = _found(db, frame, asked)
    canvas = Canvas.of(db, found.table.ground, frame.own_county)
    listing = lists.gap_list(found, canvas, drawn=form in DRAWN)
    return export(db, frame.own_scope, listing, As(form), full=full)


@router.get("/gaps/misfits", summary="Show the duties that no longer fit")
def misfit_page(db: Db, frame: Framed, scope: Changes, asked: Annotated[Misfits, Query()]) -> Response:
    """Show what is to be given anew, by township."""
    values = {
        "asked": asked,
        "kinds": list(GapKind),
        "areas": queries.area_choices(db, scope, *CHANGE),
        "layers": list(Layer),
        "forms": FORMS,
        "rows": _misfits(db, scope, asked),
    }
    return frame.show("misfits.html", values)


@router.get("/gaps/misfits/file", summary="The duties that no longer fit as a file")
def misfit_file(
    db: Db,
    scope: Changes,
    asked: Annotated[Misfits, Query()],
    form: Annotated[FileForm, Query(alias="as")] = "xlsx",
    full: InFull = False,
) -> Response:
    """Return all of them; drawn ones with the geometry of their place."""
    found = _misfits(db, scope, asked)
    geometries = None
    if form in DRAWN:
        versions = [one.version_id or 0 for one in found]
        geometries = list(windows.geometries(db, scope.county_id, versions))
    return export(db, scope, misfits.listing(found, geometries), As(form), full=full)


@router.post("/gaps/misfits/{duty_id}/fits", summary="Say that a duty fits as it is now")
def fits(
    db: Db,
    frame: Framed,
    scope: Changes,
    duty_id: Annotated[int, Path(ge=0, lt=2**63)],
    asked: Annotated[Misfits, Query()],
) -> Response:
    """Take a duty off the list."""
    misfits.fits(db, scope, duty_id)
    return RedirectResponse(frame.link("/gaps/misfits", asked.pairs), status_code=303)


def _misfits(db: Db, scope: Scope, asked: Misfits) -> list[misfits.Misfit]:
    return misfits.found(db, scope, area=asked.area or None, layers=asked.layer or tuple(Layer))


def _found(db: Db, frame: Frame, asked: Listed) -> Aged:
    scope = frame.own_scope
    query = asked.query(db, scope)
    return ages.aged(db, scope, query, asked.only_kind, age_days=asked.age, order=asked.sort)


def _words(db: Db, frame: Frame, table: GapTable, rows: Sequence[GapRow]) -> list[str]:
    """Return where on its line each of some rows is; empty for areas and what is 未上图."""
    spans = {i: (row.number, row.span_dm) for i, row in enumerate(rows) if row.span_dm}
    told = dict(zip(spans, words_of(db, table.ground, frame.own_county, list(spans.values())), strict=True))
    return [told.get(i, "") for i in range(len(rows))]


def _sums(rows: Sequence[GapRow], codes: dict[str, str]) -> list[Sum]:
    """Return the gaps of each township, the most metres first; one across a border counts in both."""
    count: dict[str, int] = {}
    length: dict[str, float] = {}
    for row in rows:
        for name in row.townships or ["镇街不详"]:
            count[name] = count.get(name, 0) + 1
            if row.place.layer.is_line:
                length[name] = length.get(name, 0.0) + (row.size or 0.0)
    found = [Sum(name, codes.get(name), number, length.get(name, 0.0)) for name, number in count.items()]
    return sorted(found, key=lambda one: (-one.length_m, -one.count, one.name))
