"""Pages of plates: those of an area or a place, made, printed, replaced and taken out of use."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.devices.sheets import opens_on_phones
from geo_service.errors import Invalid, NotFound
from geo_service.plates import downloads, service, sheets
from geo_service.plates.service import Wanted
from geo_service.plates.sheets import Asked
from geo_service.settings import Settings
from geo_service.web import queries
from geo_service.web.fields import degrees
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import Datum, Layer

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]
Code = Annotated[str, Query(max_length=40)]
CodeField = Annotated[str, Form(max_length=40)]
_PlaceId = Annotated[int, Path(ge=0, lt=2**63)]
_PlateId = Annotated[str, Path(max_length=60)]


@router.get("/plates", summary="Show the plates of an area, and the form to print them")
def plates_of_area(request: Request, db: Db, frame: Framed, scope: Changes, area: Code = "") -> Response:
    """Show the plates in use, and how many places have none."""
    return _area(request, db, frame, scope, area)


def _area(
    request: Request, db: Db, frame: Frame, scope: Scope, area: str, error: YinxunError | None = None
) -> Response:
    values = {
        "areas": queries.area_choices(db, scope),
        "area": area,
        "layers": list(Layer),
        "count": sheets.count(db, scope, area or None),
        "plates": service.listed(db, scope, area=area or None),
        "most": sheets.MOST_AT_ONCE,
        "most_listed": service.MOST_LISTED,
        "error": error,
    }
    return frame.show("plates.html", values | _reach(request), status=200 if error is None else 422)


def _reach(request: Request) -> dict[str, object]:
    settings: Settings = request.app.state.settings
    return {"address": settings.address, "is_reachable": opens_on_phones(settings.address)}


@router.post("/plates/sheet", summary="Print the plates of an area")
def print_area(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Changes,
    area: CodeField = "",
    layer: CodeField = "",
    missing: Annotated[bool, Form()] = False,
    paper: CodeField = "A4",
) -> Response:
    """Make what is missing if that is asked for, and return all as a PDF."""
    try:
        with db.begin_nested():
            asked = Asked(area or None, Layer(layer) if layer in set(Layer) else None, missing=missing)
            made = sheets.make(db, scope, asked, str(_reach(request)["address"]))
    except (Invalid, NotFound) as error:
        return _area(request, db, frame, scope, area, error)
    return downloads.pdf(made, paper if paper in downloads.PAPERS else "A4")


@router.get("/places/{place_id}/plates", summary="Show the plates of a place")
def plates_of_place(request: Request, db: Db, frame: Framed, scope: Changes, place_id: _PlaceId) -> Response:
    """Show the plates in use, and the form to make one."""
    return _place(request, db, frame, scope, place_id)


def _place(
    request: Request,
    db: Db,
    frame: Frame,
    scope: Scope,
    place_id: int,
    said: dict[str, str] | None = None,
    error: YinxunError | None = None,
) -> Response:
    place = queries.place(db, scope, place_id)
    if place is None or not queries.may_change(db, scope, place_id):
        raise NotFound("没有这个对象，或不在您的权限内。")
    values = {
        "place": place,
        "plates": service.listed(db, scope, place_id=place_id),
        "farthest_m": service.FARTHEST_M,
        "datums": list(Datum),
        "said": said or dict.fromkeys(("name", "lon", "lat", "datum"), ""),
        "error": error,
    }
    return frame.show("place_plates.html", values | _reach(request), status=200 if error is None else 422)


@router.post("/places/{place_id}/plates", summary="Make a plate for a place")
def make(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Changes,
    place_id: _PlaceId,
    name: Annotated[str, Form(max_length=200)] = "",
    lon: CodeField = "",
    lat: CodeField = "",
    datum: CodeField = Datum.WGS84.value,
) -> Response:
    """Make a plate; what is wrong is said above the form."""
    try:
        at = None
        if lon.strip() or lat.strip():
            at = degrees(lon, "经度", 180), degrees(lat, "纬度", 90)
        if datum not in set(Datum):
            raise Invalid("请在列表里选择坐标系。")
        service.make(db, scope, Wanted(place_id, name, at, Datum(datum)))
    except Invalid as error:
        said = {"name": name, "lon": lon, "lat": lat, "datum": datum}
        return _place(request, db, frame, scope, place_id, said, error)
    return RedirectResponse(frame.link(f"/places/{place_id}/plates"), status_code=303)


@router.post("/places/{place_id}/plates/{plate_id}/{action}", summary="Print, replace or revoke a plate")
def change(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Changes,
    place_id: _PlaceId,
    plate_id: _PlateId,
    action: str,
    paper: CodeField = "A4",
) -> Response:
    """Print a plate, put a new one in its place, or take it out of use."""
    if action == "print":
        made = sheets.make(db, scope, Asked(plate_id=plate_id), str(_reach(request)["address"]))
        return downloads.pdf(made, paper if paper in downloads.PAPERS else "A4")
    if action == "remake":
        service.remake(db, scope, plate_id)
    elif action == "revoke":
        service.revoke(db, scope, plate_id)
    else:
        raise Invalid("没有这个操作；请返回后再点一次。")
    return RedirectResponse(frame.link(f"/places/{place_id}/plates"), status_code=303)
