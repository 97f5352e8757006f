"""How a map leaves the service: as a document for a page, as a file to send, or as sheets to print."""

import io
import threading
from collections.abc import Callable
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from geo_service.attachments import attachment
from geo_service.settings import Settings
from geo_service.turns import turn
from geo_service.web.prints import Atlas
from maps import printing
from maps.data import MapData
from maps.paper import PAPERS
from maps.printing import Sheet
from maps.tiles import Tianditu

if TYPE_CHECKING:
    from maps.web import Drawn


def picture(request: Request, data: MapData) -> Response:
    """Return a map with its own policy: its scripts are inline and known by their hash."""
    settings: Settings = request.app.state.settings
    key, approval = settings.tianditu_key, settings.tianditu_approval
    tiles = Tianditu(key, approval) if key else None
    drawn = _drawn(data, tiles)
    headers = {"Content-Security-Policy": f"{drawn.policy}; frame-ancestors 'self'"}
    if tiles:
        # The key is bound to this site's name, which the tile server learns from the referrer.
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return HTMLResponse(drawn.html, headers=headers)


def file(data: MapData) -> Response:
    """Return a map as a download that needs no network and never holds the key of the tiles."""
    drawn = _drawn(data)
    name = f"{data.title}-{data.date.isoformat()}.html"
    headers = {**attachment(name, "map.html"), "Content-Security-Policy": drawn.policy}
    return HTMLResponse(drawn.html, headers=headers)


def _drawn(data: MapData, tiles: Tianditu | None = None) -> "Drawn":
    # folium, and the data frames it loads, take a quarter of a second and 40 MB: with the first map.
    from maps.web import draw  # noqa: PLC0415

    return draw(data, tiles=tiles)


class PrintForm(StrEnum):
    """A form in which a map is printed."""

    PNG = "png"
    PDF = "pdf"
    ATLAS = "atlas"


class PaperSize(StrEnum):
    """A paper to print on."""

    A4 = "A4"
    A3 = "A3"


_ONE_ATLAS = threading.BoundedSemaphore(1)
"""An atlas keeps a processor busy for a minute: one at a time."""
_SHEETS = threading.BoundedSemaphore(3)
"""A page takes seconds and a hundred megabytes: so many at a time, and the pages of others stay quick."""


def print_(
    form: PrintForm, paper: PaperSize, sheet: Callable[[], Sheet], atlas: Callable[[], Atlas]
) -> Response:
    """Return a map to print as a download. Raises Unavailable while too many others are printed."""
    file = io.BytesIO()
    if form is PrintForm.ATLAS:
        with turn(_ONE_ATLAS, "正在生成另一本图册，大约要一分钟。请稍后再点一次。"):
            pages = (page for _, page in atlas().pages)
            first = next(pages)
            printing.pdf(chain([first], pages), file, paper=PAPERS[paper])  # one page in memory at a time
    else:
        with turn(_SHEETS, "正在打印好几张图。请稍后再点一次。"):
            first = sheet()
            if form is PrintForm.PNG:
                file.write(printing.png(first, paper=PAPERS[paper]))
            else:
                printing.pdf([first], file, paper=PAPERS[paper])
    ending = "png" if form is PrintForm.PNG else "pdf"
    book = "图册" if form is PrintForm.ATLAS else ""
    name = f"{first.data.title}{book}-{first.data.date.isoformat()}-{paper}.{ending}"
    kind = "image/png" if form is PrintForm.PNG else "application/pdf"
    return Response(file.getvalue(), media_type=kind, headers=attachment(name, f"map.{ending}"))
