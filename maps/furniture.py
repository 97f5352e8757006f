"""What stands around a printed map: title, legend with figures, scale bar, north arrow, notes."""

import math
from collections.abc import Sequence

import numpy as np
import shapely

from layers.vocabulary import Layer
from maps.board import Board
from maps.labels import width_mm
from maps.paper import ROW_MM, SIDE_MM, Box, bar_m, legend_columns
from maps.style import BANDS, INKS, PAPER_BANDS, Look

DARK = "#1b1b1b"
PALE_INK = "#474747"
CASING = "#5a5a5a"
"""The edges of a road's band."""

Entry = tuple[Look | Layer, Sequence[str], str]
"""A class or layer, its kinds of geometry, its figures in words."""


def head(board: Board, title: str, subtitle: str, *, made_up: bool) -> None:
    """Write title, subtitle and the mark of a made-up county above the map."""
    page, z = board.page, board.page.zoom
    top, left, right = page.frame.north, page.frame.west, page.frame.east
    mark = "演示数据：人名、地名和巡查记录均为虚构"
    mark_mm = width_mm(mark, 8 * z) + 4 * z if made_up else 0.0
    wide = page.frame.width
    board.text(left, top + 8.2 * z, title, 16 * z, within_mm=wide - mark_mm - 3 if made_up else wide)
    board.text(left, top + 2.4 * z, subtitle, 9 * z, within_mm=wide, colour=PALE_INK)
    if made_up:
        chip = Box(right - mark_mm, top + 7.6 * z, right, top + 13.4 * z)
        board.box(chip, fill="#fff3c4", edge=DARK)
        x, y = chip.centre
        board.text(x, y, mark, 8 * z, across="center", up="center_baseline")


def legend(board: Board, entries: Sequence[Entry]) -> None:
    """Explain the classes and layers beneath the map, by columns."""
    page, z = board.page, board.page.zoom
    columns = legend_columns(page.foot.width, z)
    rows = math.ceil(len(entries) / columns)
    column_mm = (page.foot.width - SIDE_MM * z) / columns
    for k, (what, kinds, figures) in enumerate(entries):
        x = page.foot.west + (k // rows) * column_mm
        y = page.foot.north - (k % rows + 0.5) * ROW_MM * z - 1.0 * z
        _swatch(board, Box(x, y - 2.2 * z, x + 11 * z, y + 2.2 * z), what, kinds)
        words = column_mm - 15 * z
        label = what.zh if isinstance(what, Layer) else what.label
        if figures:
            board.text(x + 13 * z, y + 0.4 * z, label, 8 * z, within_mm=words)
            board.text(x + 13 * z, y - 2.9 * z, figures, 7 * z, within_mm=words, colour=PALE_INK)
        else:
            board.text(x + 13 * z, y, label, 8 * z, within_mm=words, up="center_baseline")


def _swatch(board: Board, box: Box, what: Look | Layer, kinds: Sequence[str]) -> None:
    middle = (box.south + box.north) / 2
    across = np.array([(box.west, middle), (box.east, middle)])
    if isinstance(what, Layer):
        if what.is_line:
            band(board, across, what)
        else:
            width_pt = PAPER_BANDS[what]
            board.box(box, edge=BANDS[what].colour, width_pt=width_pt)
        return
    ink = INKS[what.key]
    if "area" in kinds:
        half = Box((box.west + box.east) / 2 + 0.5, box.south, box.east, box.north)
        room = box if kinds == ["area"] else half
        board.areas(np.array([shapely.box(*room)]), what.colour, ink.fill, hatch=ink.hatch, within=False)
        board.box(room, edge=CASING, width_pt=0.3)
        across[1, 0] = room.west - 1.0
    if "line" in kinds and what.ribbon:
        line = np.array([shapely.linestrings(across)])
        board.ribbons(line, what.colour, ink.width_pt, ink.hatch, within=False)
    elif "line" in kinds:
        board.stroke(across, what.colour, ink.width_pt, ink.dash_pt)


def band(board: Board, points: np.ndarray, layer: Layer) -> None:
    """Draw the band of a line layer as a swatch: a road's is cased."""
    width_pt = PAPER_BANDS[layer]
    if layer is Layer.ROAD:
        board.stroke(points, CASING, width_pt + 0.8)
    board.stroke(points, BANDS[layer].colour, width_pt)


def scale(board: Board, turn_deg: float) -> float:
    """Draw scale bar, scale number and north arrow beneath the map; return the bar's length in metres.

    `turn_deg` is by how much true north is turned from straight up, clockwise.
    """
    page, z = board.page, board.page.zoom
    metres = bar_m(page.scale, (SIDE_MM - 22) * z)
    length_mm = metres * 1000.0 / page.scale
    right = page.foot.east - 16 * z
    left, y = right - length_mm, page.foot.north - 9 * z
    quarter = length_mm / 4
    for k in range(4):
        room = Box(left + k * quarter, y, left + (k + 1) * quarter, y + 1.6 * z)
        board.box(room, fill=DARK if k % 2 == 0 else "white", edge=DARK, width_pt=0.5)
    unit, by = ("公里", 1000.0) if metres >= 1000 else ("米", 1.0)
    for share in (0.0, 0.5, 1.0):
        number = f"{metres * share / by:g}" + (unit if share == 1 else "")
        board.text(left + share * length_mm, y + 2.8 * z, number, 7 * z, across="center")
    board.text((left + right) / 2, y - 4.6 * z, f"比例尺 1:{page.scale:,}", 8 * z, across="center")
    _arrow(board, page.foot.east - 5 * z, page.foot.north - 9 * z, turn_deg)
    return metres


def _arrow(board: Board, x_mm: float, y_mm: float, turn_deg: float) -> None:
    z, turn = board.page.zoom, math.radians(turn_deg)
    about = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    for side, fill in ((-1.0, DARK), (1.0, "white")):
        corners = np.array([(0.0, 6.5), (side * 2.2, -3.5), (0.0, -1.4)]) * z
        board.shape(corners @ about + (x_mm, y_mm), fill=fill, edge=DARK)
    board.text(x_mm, y_mm - 7.4 * z, "北", 8 * z, across="center")


def foot(board: Board, source: str, printed: str) -> None:
    """Write where the map comes from, when it was printed, and its page number."""
    page, z = board.page, board.page.zoom
    y, size_pt = page.foot.south - 4.4 * z, 7 * z
    room = page.foot.width - width_mm(printed, size_pt) - 4
    board.text(page.foot.west, y, source, size_pt, within_mm=room, colour=PALE_INK)
    board.text(page.foot.east, y, printed, size_pt, across="right", colour=PALE_INK)
