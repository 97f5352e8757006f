"""How a map leaves the service: as a document for a page, or as a file to send."""

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from geo_service.settings import Settings
from maps.data import MapData
from maps.web import Tianditu, draw


def picture(request: Request, data: MapData) -> Response:
    """Return a map with its own policy: its scripts are inline and known by their hash."""
    settings: Settings = request.app.state.settings
    key, approval = settings.tianditu_key, settings.tianditu_approval
    tiles = Tianditu(key, approval) if key else None
    drawn = draw(data, tiles=tiles)
    headers = {"Content-Security-Policy": f"{drawn.policy}; frame-ancestors 'self'"}
    if tiles:
        # The key is bound to this site's name, which the tile server learns from the referrer.
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return HTMLResponse(drawn.html, headers=headers)


def file(data: MapData) -> Response:
    """Return a map as a download that needs no network and never holds the key of the tiles."""
    drawn = draw(data)
    name = f"{data.title}-{data.date.isoformat()}.html"
    headers = {
        "Content-Disposition": f"attachment; filename=\"map.html\"; filename*=UTF-8''{quote(name)}",
        "Content-Security-Policy": drawn.policy,
    }
    return HTMLResponse(drawn.html, headers=headers)
