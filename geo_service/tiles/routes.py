"""Tiles of the coordinators' map over HTTP; what did not change is answered 304 without being read."""

import json
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from fastapi import Query as Parameter
from starlette.responses import Response

from geo_service.accounts.dependencies import Signed
from geo_service.coverage.asked import Asked, FromTheAddress
from geo_service.db import Db
from geo_service.tiles import service
from geo_service.tiles.kept import Kept
from geo_service.tiles.shape import DEEPEST, LINES_FROM, STRETCHES_FROM, Form, Of, Tile
from geo_service.tiles.values import values
from maps import vector

router = APIRouter(prefix="/api/tiles", tags=["tiles"])

_KINDS = {Form.MVT: "application/vnd.mapbox-vector-tile", Form.GEOJSON: "application/geo+json"}
_KEPT = {"Cache-Control": "private, no-cache"}
"""A browser keeps it, and asks each time whether it still holds; nobody between may."""


@router.get("/values", summary="What each place of the map is worth")
def values_(request: Request, db: Db, scope: Signed, asked: FromTheAddress) -> Response:
    """Return columns of numbers by place id: freshness, share covered, times, held, kinds of gap."""
    query = asked.query(db, scope)
    mark = service.mark(db, scope, query, None)
    if _has(request, mark):
        return _unchanged(mark)
    window = {"first": query.first_day.isoformat(), "last": query.last_day.isoformat()}

    def make() -> bytes:
        told = {"window": window, **values(db, scope, query).told}
        return json.dumps(told, separators=(",", ":")).encode()

    content = _kept(request).get(mark, make)
    return Response(content, media_type="application/json", headers=_KEPT | {"ETag": mark})


@router.get("/style", summary="How the map is drawn")
def style(request: Request, db: Db, scope: Signed, asked: FromTheAddress) -> dict[str, Any]:
    """Return the map's style, its modes with the looks of their classes, and the extent of its places."""
    query = asked.query(db, scope)
    root = str(request.base_url).rstrip("/")
    county = request.query_params.get("county")
    style = vector.style(
        _address(root, asked, county, Of.PLACES),
        _address(root, asked, county, Of.STRETCHES),
        lines_from=LINES_FROM,
        stretches_from=STRETCHES_FROM,
        deepest=DEEPEST,
    )
    return {
        "style": style, "modes": vector.modes(), "cases": vector.cases(),
        "bounds": service.extent(db, scope, query),
        "ends": {"share": vector.SHARE_ENDS, "times": vector.TIMES_ENDS},
        "from": {"lines": LINES_FROM, "stretches": STRETCHES_FROM},
    }  # fmt: skip


@router.get("/{z}/{x}/{y}.{form}", summary="A tile of the map")
def tile(
    request: Request, db: Db, scope: Signed, asked: FromTheAddress,
    z: Annotated[int, Path(ge=0)], x: Annotated[int, Path(ge=0)], y: Annotated[int, Path(ge=0)],
    form: Form, show: Annotated[Of, Parameter(description="places, or stretches of lines")] = Of.PLACES,
) -> Response:  # fmt: skip
    """Return places with layer, name and scheme, townships at low zooms, or classified stretches of lines.

    204 where nothing lies in the tile; 304 where what the county's maps show did not change since `ETag`.
    """
    here = Tile(z, x, y)
    query = asked.query(db, scope)
    mark = service.mark(db, scope, query, show)
    if _has(request, mark):
        return _unchanged(mark)
    content = _kept(request).get((mark, here, form), lambda: service.draw(db, scope, query, here, show, form))
    headers = _KEPT | {"ETag": mark}
    if not content:
        return Response(status_code=204, headers=headers)
    return Response(content, media_type=_KINDS[form], headers=headers)


def _address(root: str, asked: Asked, county: str | None, of: Of) -> str:
    pairs = asked.pairs | ({"county": county} if county else {}) | {"show": of.value}
    return f"{root}/api/tiles/{{z}}/{{x}}/{{y}}.mvt?{urlencode(pairs, doseq=True)}"


def _kept(request: Request) -> Kept:
    kept: Kept = request.app.state.tiles
    return kept


def _has(request: Request, mark: str) -> bool:
    return mark in (one.strip() for one in request.headers.get("if-none-match", "").split(","))


def _unchanged(mark: str) -> Response:
    return Response(status_code=304, headers=_KEPT | {"ETag": mark})
