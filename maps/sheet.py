"""A printed map: one `Sheet` a page, good in black and white.

Drawn in metres of the county's CRS, so that the scale bar is true. The same values give the same bytes.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from layers import crs as crs_
from layers.vocabulary import Layer
from maps import furniture, labels
from maps.board import Board, Shapes
from maps.data import MapFeature, MapLayer, drawable, looks, undrawn
from maps.furniture import Entry
from maps.labels import Name
from maps.paper import Box, Page, Paper, lay_out
from maps.printing import NothingToPrint, Sheet
from maps.style import BANDS, INKS, LOOKS, PAPER_BANDS, REGISTERED, WHOLE

FINEST_MM = 0.06
"""What is closer together than this on paper is one point."""
_OUTSIDE, _NEIGHBOUR, _LAND = "#e9e9e5", "#f5f5f2", "#ffffff"
_NAMES_ON_A4 = 45
_SHORTEST_NAMED_MM = 9.0


@dataclass(frozen=True)
class Printed:
    """A sheet on paper, and what was measured of it."""

    board: Board
    bar_m: float
    """The length of the scale bar."""
    names: Sequence[labels.Label]


def draw(sheet: Sheet, paper: Paper) -> Printed:
    """Draw a sheet on paper. Raises NothingToPrint, FontMissing."""
    entries = _entries(sheet)
    page = lay_out(paper, _ground(sheet), len(entries))
    board = Board(page)
    easel = _Easel(board, sheet.crs)
    _paint_land(easel, sheet)
    drawn = [layer for layer in sheet.data.layers if not layer.named]
    for layer in (*sheet.around, *filter(_is_beneath, drawn)):
        easel.paint(layer)
    _outline(easel, sheet)
    for layer in drawn:
        if not _is_beneath(layer):
            easel.paint(layer)
    names = _write_names(easel, sheet)
    board.box(page.frame, edge=furniture.DARK, width_pt=0.9)
    furniture.head(board, sheet.data.title, sheet.data.subtitle, made_up=sheet.data.made_up)
    furniture.legend(board, entries)
    bar_m = furniture.scale(board, _north(page, sheet.crs))
    furniture.foot(board, _source(sheet), _printed(sheet))
    return Printed(board, bar_m, names)


class _Easel:
    """Geometry (lon, lat) on its way to a board: only what the frame shows, as fine as paper can."""

    def __init__(self, board: Board, crs: str) -> None:
        self.board, self.crs = board, crs
        frame = board.page.frame
        self.room = shapely.box(frame.west - 2, frame.south - 2, frame.east + 2, frame.north + 2)
        ground = shapely.segmentize(shapely.box(*board.page.ground), max(board.page.ground) / 8)
        self._degrees = crs_.unproject(ground, crs).buffer(0.01).bounds

    def on_paper(self, shapes: Sequence[BaseGeometry | None]) -> Shapes:
        """Return what of the shapes lies within the frame, in millimetres; empty where nothing does."""
        array = np.asarray(shapes, dtype=object)
        found: Shapes = np.full(len(array), shapely.GeometryCollection(), dtype=object)
        if not len(array):
            return found
        west, south, east, north = self._degrees
        bounds = shapely.bounds(array)
        with np.errstate(invalid="ignore"):
            near = (
                (bounds[:, 0] <= east) & (bounds[:, 2] >= west)
                & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
            )  # fmt: skip
        if near.any():
            metres = crs_.project(shapely.force_2d(array[near]), self.crs)
            fine = shapely.simplify(shapely.transform(metres, self.board.page.to_mm), FINEST_MM)
            found[near] = shapely.clip_by_rect(fine, *self.room.bounds)
        return found

    def paint(self, layer: MapLayer) -> None:
        """Draw a layer: what shows the layer beneath, its classes above."""
        features = [*filter(drawable, layer.features)]
        shapes = self.on_paper([feature.geometry for feature in features])
        by_class: dict[str, list[int]] = defaultdict(list)
        for k, feature in enumerate(features):
            by_class[feature.class_key].append(k)
        if layer.layer is not None and layer.layer.is_line:
            self._band(shapes, layer.layer)
        for key in sorted(by_class, key=[*LOOKS].index, reverse=True):
            look, ink, own = LOOKS[key], INKS[key], shapes[by_class[key]]
            areas = own[shapely.get_dimensions(own) == 2]
            self.board.areas(areas, look.colour, ink.fill, hatch=ink.hatch)
            lines = own[shapely.get_dimensions(own) == 1]
            if look.ribbon:
                self.board.ribbons(lines, look.colour, ink.width_pt, ink.hatch)
            else:
                self.board.lines(lines, look.colour, ink.width_pt, ink.dash_pt)
        if layer.layer is not None and not layer.layer.is_line:
            edges = shapely.boundary(shapes[shapely.get_dimensions(shapes) == 2])
            self.board.lines(edges, BANDS[layer.layer].colour, PAPER_BANDS[layer.layer])

    def _band(self, shapes: Shapes, layer: Layer) -> None:
        width_pt = PAPER_BANDS[layer]
        if layer is Layer.ROAD:
            self.board.lines(shapes, furniture.CASING, width_pt + 0.8)
        self.board.lines(shapes, BANDS[layer].colour, width_pt)


def _is_ground(layer: MapLayer) -> bool:
    return any(feature.class_key == REGISTERED.key for feature in layer.features)


def _is_beneath(layer: MapLayer) -> bool:
    """Tell whether a layer holds whole places, which reach beyond a township's border."""
    return any(feature.class_key in (REGISTERED.key, WHOLE.key) for feature in layer.features)


def _borders(sheet: Sheet) -> Iterator[MapFeature]:
    for layer in sheet.data.layers:
        if layer.named:
            yield from filter(drawable, layer.features)


def _paint_land(easel: _Easel, sheet: Sheet) -> None:
    """Lay the paper: the county bright, what lies outside pale, neighbours of the focus between."""
    land = easel.on_paper([border.geometry for border in _borders(sheet)])
    easel.board.box(easel.board.page.frame, fill=_OUTSIDE if len(land) else _LAND)
    easel.board.areas(land, _LAND if sheet.focus is None else _NEIGHBOUR, 1.0)
    if sheet.focus is not None:
        easel.board.areas(easel.on_paper([sheet.focus]), _LAND, 1.0)


def _outline(easel: _Easel, sheet: Sheet) -> None:
    """Draw the borders; lay a veil over all but the focus."""
    look, ink = LOOKS["boundary"], INKS["boundary"]
    edges = shapely.boundary(easel.on_paper([border.geometry for border in _borders(sheet)]))
    easel.board.lines(edges, look.colour, ink.width_pt, ink.dash_pt)
    if sheet.focus is not None:
        land = easel.on_paper([sheet.focus])
        easel.board.areas(np.array([shapely.difference(easel.room, land[0])]), "#ffffff", 0.6)
        easel.board.lines(shapely.boundary(land), furniture.DARK, 1.4)


def _write_names(easel: _Easel, sheet: Sheet) -> Sequence[labels.Label]:
    page = easel.board.page
    area = page.frame.width * page.frame.height / (190.0 * 230.0)
    names = [*_township_names(easel, sheet), *_titles(easel, sheet), *_place_names(easel, sheet)]
    found = labels.place(names, page.frame, max(round(_NAMES_ON_A4 * area), 12))
    for label in found:
        easel.board.text(
            label.x_mm, label.y_mm, label.text, label.size_pt, across="center", up="center_baseline",
            backed=True,
        )  # fmt: skip
    return found


def _township_names(easel: _Easel, sheet: Sheet) -> Iterator[Name]:
    borders = [*_borders(sheet)]
    for border, shape in zip(borders, easel.on_paper([b.geometry for b in borders]), strict=True):
        if shapely.get_dimensions(shape) == 2:
            yield Name(border.title, _area_spots(shape), 9.5 * easel.board.page.zoom, 1e6 + shape.area)


def _titles(easel: _Easel, sheet: Sheet) -> Iterator[Name]:
    """Yield what layers want written beside each of their lines."""
    for layer in sheet.data.layers:
        features = [*filter(drawable, layer.features)] if layer.titled else []
        for feature, shape in zip(features, easel.on_paper([f.geometry for f in features]), strict=True):
            if shapely.get_dimensions(shape) == 1:
                yield Name(feature.title, _line_spots(shape), 7 * easel.board.page.zoom, 1e5 + shape.length)


def _place_names(easel: _Easel, sheet: Sheet) -> Iterator[Name]:
    """Yield the places that are large on paper; of one in many pieces the largest piece bears the name."""
    named = [
        feature
        for layer in sheet.data.layers
        if not layer.named and not _is_ground(layer)
        for feature in layer.features
        if feature.name and drawable(feature)
    ]
    shapes = easel.on_paper([feature.geometry for feature in named])
    dimensions = shapely.get_dimensions(shapes)
    sizes = np.where(dimensions == 2, 2 * np.sqrt(shapely.area(shapes)), shapely.length(shapes))
    pieces: dict[str, list[int]] = defaultdict(list)
    for k, feature in enumerate(named):
        if dimensions[k] > 0:
            pieces[feature.place or feature.title].append(k)
    zoom = easel.board.page.zoom
    for own in pieces.values():
        largest = max(own, key=sizes.__getitem__)
        if sizes[largest] >= _SHORTEST_NAMED_MM * zoom:
            shape = shapes[largest]
            spots = _area_spots(shape) if dimensions[largest] == 2 else _line_spots(shape)
            yield Name(named[largest].name, spots, 7 * zoom, float(sizes[largest]))


def _area_spots(shape: Any) -> list[tuple[float, float]]:
    middle = shapely.point_on_surface(shape)
    return [(middle.x + x, middle.y + y) for y in (0.0, 4.0, -4.0, 8.0, -8.0) for x in (0.0, 8.0, -8.0)]


def _line_spots(shape: Any) -> list[tuple[float, float]]:
    longest = max(shapely.get_parts(shape), key=shapely.length)
    shares = np.array([0.5, 0.35, 0.65, 0.2, 0.8])
    along = shapely.get_coordinates(shapely.line_interpolate_point(longest, shares, normalized=True))
    return [(x, y + away) for away in (2.6, -2.6) for x, y in along.tolist()]


def _entries(sheet: Sheet) -> list[Entry]:
    classes: list[Entry] = [
        (look, kinds, sheet.counts.get(look.key, ""))
        for look, kinds in looks(sheet.data)
        if look is not WHOLE
    ]
    found = {layer.layer for layer in sheet.data.layers if layer.layer is not None}
    return [*classes, *((layer, (), sheet.counts.get(layer, "")) for layer in Layer if layer in found)]


def _ground(sheet: Sheet) -> Box:
    """Return the land that the page must show, in metres."""
    shapes: list[BaseGeometry | None] = [sheet.focus]
    if sheet.focus is None:
        shapes = [border.geometry for border in _borders(sheet)]
        for layer in sheet.data.layers:
            if not layer.named and not _is_ground(layer):
                shapes += [feature.geometry for feature in filter(drawable, layer.features)]
    if not shapes and sheet.data.bounds is not None:
        shapes = [shapely.box(*sheet.data.bounds)]
    if not shapes:
        raise NothingToPrint("没有可以画的内容：还没有镇村界线，也没有已上图的对象。请先导入，或换一个范围。")
    west, south, east, north = shapely.total_bounds(np.asarray(shapes, dtype=object))
    corners = shapely.segmentize(shapely.box(west, south, east, north), (east - west) / 8 or 1.0)
    return Box(*crs_.project(corners, sheet.crs).bounds)


def _north(page: Page, crs: str) -> float:
    """Return by how many degrees true north is turned clockwise at the middle of the page."""
    here = crs_.to_lonlat(page.centre_m[None, :], crs)
    east, north = (crs_.to_metric(here + np.array([0.0, 0.01]), crs) - crs_.to_metric(here, crs))[0]
    return math.degrees(math.atan2(east, north))


def _source(sheet: Sheet) -> str:
    off_map = undrawn(sheet.data)
    beside = f"另有 {off_map} 个对象未上图。" if off_map else ""
    return f"{beside}{sheet.source}"


def _printed(sheet: Sheet) -> str:
    number = "" if sheet.page is None else f"　第 {sheet.page[0]} 页，共 {sheet.page[1]} 页"
    return f"打印日期 {sheet.printed.isoformat()}{number}"
