"""The press: what a printed map shows, as values, and its sheets as PNG or PDF.

The drawing (`maps.sheet`) needs matplotlib, which takes half a second and 60 MB: it is loaded when the first
sheet is printed.
"""

import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from shapely.geometry.base import BaseGeometry

from layers.errors import YinxunError
from maps.data import MapData, MapLayer
from maps.paper import FIGURE, Paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 300


class NothingToPrint(YinxunError):
    """There is no land, no border and no place to draw."""

    code = "nothing_to_print"
    title = "There is nothing to print."


@dataclass(frozen=True)
class Sheet:
    """All that one page shows: the values of a map, and what paper says besides."""

    data: MapData
    crs: str
    """The county's metric CRS."""
    printed: dt.date
    counts: Mapping[str, str] = field(default_factory=dict)
    """Class key or layer -> figures in words, for the legend."""
    focus: BaseGeometry | None = None
    """The land (lon, lat) that the page is about; all else is faded. None: the whole county."""
    around: Sequence[MapLayer] = ()
    """What lies around the focus, drawn pale."""
    source: str = ""
    page: tuple[int, int] | None = None
    """Its number in an atlas, and of how many."""


def png(sheet: Sheet, *, paper: Paper = FIGURE, width_px: int | None = None) -> bytes:
    """Return a sheet as PNG, `width_px` wide (by itself: 300 dots an inch).

    FIGURE is 160 mm wide and as high as the land wants, for a document. Raises NothingToPrint, FontMissing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415

    figure = _drawn(sheet, paper)
    dpi = DPI if width_px is None else (width_px + 1e-6) / figure.get_figwidth()
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None, "Title": sheet.data.title})
    return file.getvalue()


def pdf(sheets: Iterable[Sheet], file: IO[bytes], *, paper: Paper) -> None:
    """Write sheets as the pages of one PDF, each upright or across as its land wants.

    Raises NothingToPrint for a page without anything; FontMissing.
    """
    pages = iter(sheets)
    if (first := next(pages, None)) is not None:
        figures = (_drawn(sheet, paper) for sheet in chain([first], pages))
        bind(figures, file, title=first.data.title, printed=first.printed)


def bind(figures: Iterable["Figure"], file: IO[bytes], *, title: str, printed: dt.date) -> None:
    """Write figures as the pages of one PDF; the same ones give the same bytes. None: nothing is written."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages  # noqa: PLC0415

    made = dt.datetime.combine(printed, dt.time(), dt.UTC)
    about = {"Title": title, "Creator": "Yinxun", "Producer": None, "CreationDate": made}
    pages: Any = None  # matplotlib does not say the types of its own
    try:
        for figure in figures:
            pages = pages or PdfPages(file, metadata=about)
            FigureCanvasPdf(figure)
            pages.savefig(figure)
    finally:
        if pages is not None:
            pages.close()


def _drawn(sheet: Sheet, paper: Paper) -> "Figure":
    from maps.sheet import draw  # noqa: PLC0415

    return draw(sheet, paper).board.figure
