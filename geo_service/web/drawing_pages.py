"""The page on which a place gets its geometry: drawn, or taken from a walk; tried first, then stored."""

import json
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.patrols import walks
from geo_service.places import drawing
from geo_service.places.drawing import Drawn
from geo_service.settings import Settings
from geo_service.tables import Place
from geo_service.web import drawing_ground
from geo_service.web.frame import Frame, Framed
from layers.adopting import TOLERANCE_M
from layers.errors import YinxunError
from layers.vocabulary import Layer
from maps.tiles import Tianditu, tile_addresses

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Draws = Annotated[Scope, require(*CHANGE)]
_LONGEST_BYTES = 900_000
"""Of a drawing in a form: twice what the most vertices need."""


@dataclass(frozen=True)
class Taken:
    """Which part of which walk is taken, as the page shows it."""

    patrol_id: uuid.UUID
    length_m: float
    from_m: float
    to_m: float
    tolerance_m: float
    turning_m: float | None


@router.get("/places/{place_id}/draw", summary="Show the map on which a place is drawn")
def draw_form(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Draws,
    place_id: int,
    walk: uuid.UUID | None = None,
    tolerance: Annotated[float, Query(gt=0, le=100)] = TOLERANCE_M,
    from_: Annotated[float, Query(alias="from", ge=0)] = 0.0,
    to: Annotated[float | None, Query(gt=0)] = None,
) -> Response:
    """Show the place as it is drawn now, or the walk that is to be its line."""
    place = drawing.to_draw(db, scope, place_id)
    if walk is None:
        return _page(request, db, frame, place, geometry=drawing_ground.geometry(db, place))
    walked = walks.walk_of(db, scope, walk)
    turning_m = walked.turning_m()
    end_m = min(to or turning_m or walked.length_m, walked.length_m)
    taken = Taken(walk, walked.length_m, from_, end_m, tolerance, turning_m)
    try:
        line = drawing.line_of(db, scope, walked, tolerance, from_, end_m)
    except Invalid as error:
        return _page(request, db, frame, place, taken=taken, error=error)
    return _page(request, db, frame, place, geometry=_text(line), taken=taken)


@router.post("/places/{place_id}/draw", summary="Try a drawing, or store it")
def draw(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Draws,
    place_id: int,
    geometry: Annotated[str, Form(max_length=_LONGEST_BYTES)] = "",
    walk: Annotated[str, Form(max_length=40)] = "",
    step: Annotated[str, Form(max_length=10)] = "try",
) -> Response:
    """Say what the drawing makes of the place; with `step=do` store it."""
    place = drawing.to_draw(db, scope, place_id)
    doing = step == "do"
    try:
        with db.begin_nested():
            drawn = drawing.set_geometry(
                db,
                scope,
                place_id,
                drawing.geometry_in(geometry),
                kind="track" if walk else "drawn",
                dry_run=not doing,
            )
    except YinxunError as error:
        return _page(request, db, frame, place, geometry=geometry, walk=walk, error=error)
    if doing:
        return RedirectResponse(frame.link(f"/places/{place_id}"), status_code=303)
    return _page(request, db, frame, place, geometry=geometry, walk=walk, drawn=drawn)


@router.get("/places/{place_id}/draw/ground", summary="What lies around a place, for its drawing")
def ground(
    db: Db,
    scope: Draws,
    place_id: int,
    west: float,
    south: float,
    east: float,
    north: float,
) -> JSONResponse:
    """Return borders and places of the scope within a box of degrees, as GeoJSON."""
    drawing.to_draw(db, scope, place_id)
    return JSONResponse(drawing_ground.around(db, scope, (west, south, east, north), without=place_id))


def _page(
    request: Request,
    db: Db,
    frame: Frame,
    place: Place,
    *,
    geometry: str = "",
    walk: str = "",
    taken: Taken | None = None,
    drawn: Drawn | None = None,
    error: YinxunError | None = None,
) -> Response:
    settings: Settings = request.app.state.settings
    scope, layer = frame.own_scope, Layer(place.layer)
    tiles = Tianditu(settings.tianditu_key, settings.tianditu_approval) if settings.tianditu_key else None
    facts = {
        "line": layer.is_line,
        "geometry": _parsed(geometry),
        "bounds": drawing_ground.bounds(db, place, frame.own_county),
        "ground": frame.link(f"/places/{place.id}/draw/ground"),
        "tiles": tile_addresses(tiles) if tiles else [],
    }
    values: dict[str, Any] = {
        "place": place,
        "layer": layer,
        "facts": facts,
        "geometry": geometry,
        "walk": walk or (str(taken.patrol_id) if taken else ""),
        "walks": walks.candidates(db, scope, place),
        "taken": taken,
        "drawn": drawn,
        "error": error,
    }
    answer = frame.show("draw.html", values, status=200 if error is None else 422)
    if tiles:
        _let_tiles_in(answer)
    return answer


def _let_tiles_in(answer: Response) -> None:
    policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'"
    images = "img-src 'self' data: https://*.tianditu.gov.cn"
    answer.headers["Content-Security-Policy"] = (
        f"{policy}; {images}; form-action 'self'; frame-ancestors 'self'"
    )
    # The key is bound to this site's name, which the tile server learns from the referrer.
    answer.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"


def _text(geometry: Any) -> str:
    return str(shapely.to_geojson(shapely.transform(geometry, lambda lonlat: lonlat.round(7))))


def _parsed(text: str) -> Any:
    """Return what was drawn, as the page takes it up again; nothing where it cannot be read."""
    try:
        return json.loads(str(shapely.to_geojson(drawing.geometry_in(text))))
    except Invalid:
        return None
