"""The lists of gaps, to work through: by township, length and age, and as files to take along."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.coverage import ages, lists, windows
from geo_service.coverage.ages import Order
from geo_service.coverage.asked import AskedGaps
from geo_service.coverage.gaps import GapTable
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
    table = _table(db, frame, asked)
    begin = (asked.page - 1) * PAGE_ROWS
    shown = table.part(begin, PAGE_ROWS)
    rows = list(shown.rows)
    areas = queries.area_choices(db, frame.own_scope)
    values = {
        "asked": asked,
        "question": table.ground.query,
        "layers": list(Layer),
        "areas": areas,
        "duties": list(DutyKind),
        "levels": list(Level),
        "kinds": list(GapKind),
        "sorts": SORTS,
        "forms": FORMS,
        "rows": list(
            zip(
                rows,
                lists.where(db, frame.own_county, table.ground, rows),
                ages.since(db, frame.own_county.id, shown),
                strict=True,
            )
        ),
        "days": lambda day: ages.days(day, table),
        "count": len(table.rows),
        "more": len(table.rows) > begin + PAGE_ROWS,
        "sums": _sums(table, {area.code for area in areas}),
        "short": lists.short(table),
        "has_places": bool(table.ground.places),
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
    table = _table(db, frame, asked)
    listing = lists.gap_list(db, frame.own_county, table, drawn=form in DRAWN)
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


def _table(db: Db, frame: Frame, asked: Listed) -> GapTable:
    scope = frame.own_scope
    query = asked.query(db, scope)
    return ages.listed(db, scope, query, asked.only_kind, age_days=asked.age, order=asked.sort)


def _sums(table: GapTable, open_to_reader: Collection[str]) -> list[Sum]:
    """Return the gaps of each township, the most metres first; one across a border counts in both.

    Of a township that is not open to the reader, by code, only the name is told: no list answers for it.
    """
    rows, known = table.rows, table.ground.townships.known
    gap, township = rows.in_townships()
    # What lies in none is counted behind them.
    nowhere = np.setdiff1d(np.arange(len(rows)), gap)
    gap, township = np.concatenate([gap, nowhere]), np.append(township, np.full(len(nowhere), len(known)))
    length_m = np.where(rows.is_stretch, np.nan_to_num(rows.size), 0.0)[gap]
    counts = np.bincount(township, minlength=len(known) + 1).tolist()
    lengths_m = np.bincount(township, length_m, minlength=len(known) + 1).tolist()
    names = [(one.name, one.code if one.code in open_to_reader else None) for one in known]
    names.append(("镇街不详", None))
    sums = zip(names, counts, lengths_m, strict=True)
    found = [Sum(name, code, count, length_m) for (name, code), count, length_m in sums if count]
    return sorted(found, key=lambda one: (-one.length_m, -one.count, one.name))
