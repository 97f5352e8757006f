"""A page to draw on, in millimetres from its lower left corner: lines, areas, words, each above the last."""

from collections.abc import Sequence

import numpy as np
import shapely
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from maps.fonts import chinese, legible
from maps.labels import width_mm
from maps.paper import Array, Box, Page

MM_PER_INCH = 25.4
Shapes = NDArray[np.object_]


class Board:
    """One page on its way: made by the object interface of matplotlib, without any global state."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.figure = Figure(figsize=(page.width_mm / MM_PER_INCH, page.height_mm / MM_PER_INCH))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, page.width_mm)
        self.axes.set_ylim(0, page.height_mm)
        self._frame = Rectangle(
            (page.frame.west, page.frame.south),
            page.frame.width,
            page.frame.height,
            transform=self.axes.transData,
        )
        self._above = 0.0

    def lines(
        self, lines: Shapes, colour: str, width_pt: float, dash_pt: Sequence[float] = (), alpha: float = 1.0
    ) -> None:
        """Draw lines (millimetres), cut at the map's frame."""
        parts = shapely.get_parts(lines)
        parts = parts[shapely.get_num_coordinates(parts) > 1]
        if not len(parts):
            return
        zoom = self.page.zoom
        collection = LineCollection(
            [shapely.get_coordinates(part) for part in parts],
            colors=[to_rgba(colour, alpha)],
            linewidths=width_pt * zoom,
            linestyles=[_dashes(dash_pt, width_pt)],
            capstyle="butt",
            joinstyle="round",
            zorder=self._next(),
        )
        self.axes.add_collection(collection, autolim=False)
        collection.set_clip_path(self._frame)  # afterwards: adding sets a clip of its own

    def areas(
        self,
        areas: Shapes,
        colour: str,
        alpha: float,
        *,
        hatch: str = "",
        within: bool = True,
    ) -> None:
        """Fill polygons (millimetres) and hatch them; `within`: cut at the map's frame."""
        parts = shapely.get_parts(areas)
        parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        parts = parts[~shapely.is_empty(parts)]
        if not len(parts):
            return
        # One path for all: a hatch is drawn anew for every path, and a county has thousands of areas.
        patch = PathPatch(
            _path(parts),
            facecolor=to_rgba(colour, alpha) if alpha else "none",
            edgecolor=to_rgba(colour),  # of no width: in a PDF an edge that is none hides the hatch too
            linewidth=0,
            hatch=hatch or None,
            hatchcolor=to_rgba(colour),
            zorder=self._next(),
        )
        patch.set_hatch_linewidth(0.5 * self.page.zoom)
        self.axes.add_artist(patch)
        if within:
            patch.set_clip_path(self._frame)

    def ribbons(
        self, lines: Shapes, colour: str, width_pt: float, hatch: str, *, within: bool = True
    ) -> None:
        """Draw lines (millimetres) as hatched ribbons between two thin edges."""
        width_mm = width_pt * self.page.zoom * MM_PER_INCH / 72
        strips = shapely.buffer(lines, width_mm / 2, cap_style="flat", quad_segs=2)
        self.areas(strips, "#ffffff", 1.0, within=within)
        self.areas(strips, colour, 0.0, hatch=hatch, within=within)
        edges = shapely.boundary(strips)
        if within:
            self.lines(edges, colour, 0.3)
        else:
            for edge in shapely.get_parts(edges):
                self.stroke(shapely.get_coordinates(edge), colour, 0.3)

    def box(self, box: Box, *, fill: str = "none", edge: str = "none", width_pt: float = 0.6) -> None:
        """Draw a rectangle of the paper, in millimetres; its edge in points."""
        self.axes.add_patch(
            Rectangle(
                (box.west, box.south),
                box.width,
                box.height,
                facecolor=fill,
                edgecolor=edge,
                linewidth=width_pt * self.page.zoom,
                zorder=self._next(),
            )
        )

    def shape(self, corners: Array, *, fill: str, edge: str) -> None:
        """Draw a filled polygon."""
        self.axes.add_patch(
            Polygon(corners, closed=True, facecolor=fill, edgecolor=edge, linewidth=0.6, zorder=self._next())
        )

    def stroke(self, points: Array, colour: str, width_pt: float, dash_pt: Sequence[float] = ()) -> None:
        """Draw one line that may lie anywhere on the page."""
        self.axes.plot(
            points[:, 0],
            points[:, 1],
            color=colour,
            linewidth=width_pt * self.page.zoom,
            linestyle=_dashes(dash_pt, width_pt),
            dash_capstyle="butt",
            solid_capstyle="butt",
            zorder=self._next(),
        )

    def text(
        self,
        x_mm: float,
        y_mm: float,
        text: str,
        size_pt: float,
        *,
        across: str = "left",
        up: str = "baseline",
        colour: str = "#1b1b1b",
        backed: bool = False,
        within_mm: float | None = None,
    ) -> None:
        """Write one line; `backed`: on a bright ground; `within_mm`: smaller if it is too wide."""
        words = legible(text)
        if within_mm is not None:
            size_pt *= min(1.0, within_mm / max(width_mm(words, size_pt), 1e-9))
        self.axes.text(
            x_mm,
            y_mm,
            words,
            fontproperties=chinese(),
            fontsize=size_pt,
            ha=across,
            va=up,
            color=colour,
            parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.72, "edgecolor": "none", "pad": 0.8} if backed else None,
            zorder=self._next(),
        )

    def _next(self) -> float:
        self._above += 1
        return self._above


def _dashes(dash_pt: Sequence[float], width_pt: float) -> str | tuple[int, tuple[float, ...]]:
    """Return dashes as matplotlib takes them: in widths of their line."""
    return (0, tuple(length / width_pt for length in dash_pt)) if dash_pt else "solid"


def _path(polygons: Shapes) -> Path:
    """Return polygons as one path; rings are turned so that holes stay open."""
    rings = [
        Path(shapely.get_coordinates(ring), closed=True)
        for polygon in shapely.orient_polygons(polygons)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    return Path.make_compound_path(*rings)
