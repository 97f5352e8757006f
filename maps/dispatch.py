"""The sheet by which a problem goes to a unit that never signs in: A4, black and white, values in, PDF out.

The drawing needs matplotlib, which is loaded when the first sheet is printed.
"""

import datetime as dt
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from maps.labels import width_mm
from maps.paper import A4, Array, Box, bare
from maps.printing import bind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from maps.board import Board

INK, QUIET, LINE = "#111111", "#3a3a3a", "#555555"
MOST_PHOTOS = 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 18.0, 192.0, 280.0, 14.0
_LABEL_MM, _SIZE, _STEP = 26.0, 11.0, 6.2
_MANY, _MOST_LINES = 9, 14
"""Lines of a value in letters of the usual size."""
_MARK = "演示，不是真的"


@dataclass(frozen=True)
class Dispatch:
    """What the sheet says."""

    county: str
    number: str
    rows: Sequence[tuple[str, str]]
    """Label and value, from the top."""
    contact: str
    """Whom to call with questions."""
    printed: dt.date
    photos: Sequence[bytes] = ()
    """JPEG, at most two are drawn."""
    around: Sequence[BaseGeometry] = ()
    """Lines and areas around the spot, in metres east and north of it."""
    has_spot: bool = False
    scale_m: float = 150.0
    """Half of the side of the small map."""
    made_up: bool = False


def write(sheets: Sequence[Dispatch], file: IO[bytes]) -> None:
    """Write sheets, one a page. Raises FontMissing."""
    printed = sheets[0].printed
    bind((_page(sheet) for sheet in sheets), file, title=f"{sheets[0].county}问题交办单", printed=printed)


def _page(sheet: Dispatch) -> "Figure":
    from maps.board import Board  # noqa: PLC0415

    board = Board(bare(A4.short_mm, A4.long_mm, 1.0))
    middle, width = A4.short_mm / 2, _RIGHT - _LEFT
    title = f"{sheet.county}问题交办单" + (f"（{_MARK}）" if sheet.made_up else "")
    board.text(middle, _TOP - 6, title, 20, across="center", colour=INK, within_mm=width)
    board.text(_LEFT, _TOP - 15, f"编号 {sheet.number}", 12, colour=INK, within_mm=90)
    printed = f"{sheet.printed.year} 年 {sheet.printed.month} 月 {sheet.printed.day} 日 印"
    board.text(_RIGHT, _TOP - 15, printed, 11, across="right", colour=QUIET)
    y = _rows(board, sheet.rows, _TOP - 19)
    y = _pictures(board, sheet, y - 4)
    _answer(board, sheet, y - 4)
    return board.figure


def _rows(board: "Board", rows: Sequence[tuple[str, str]], top: float) -> float:
    """Write label and value of each row in a ruled table; return where it ends."""
    y = top
    for label, value in rows:
        size, step = _SIZE, _STEP
        lines = _wrapped(value, _RIGHT - _LEFT - _LABEL_MM - 6, size)
        if len(lines) > _MANY:  # all that was told, in smaller letters
            size, step = 10.0, 5.4
            lines = _wrapped(value, _RIGHT - _LEFT - _LABEL_MM - 6, size)
        height = max(len(lines), 1) * step + 3.2
        board.box(Box(_LEFT, y - height, _LEFT + _LABEL_MM, y), edge=LINE)
        board.box(Box(_LEFT + _LABEL_MM, y - height, _RIGHT, y), edge=LINE)
        board.text(_LEFT + 2.5, y - 6.2, label, _SIZE, colour=QUIET, within_mm=_LABEL_MM - 5)
        for k, line in enumerate(lines):
            board.text(_LEFT + _LABEL_MM + 3, y - 6.2 - k * step, line, size, colour=INK)
        y -= height
    return y


def _pictures(board: "Board", sheet: Dispatch, top: float) -> float:
    """Draw photos and the small map side by side; return where they end."""
    photos = list(sheet.photos[:MOST_PHOTOS])
    count = len(photos) + sheet.has_spot
    if not count:
        return top + 4
    gap, height = 4.0, min(58.0, top - _BOTTOM - 74)
    if height < 25:
        return top + 4
    width = min((_RIGHT - _LEFT - (count - 1) * gap) / count, 78.0)
    boxes = [
        Box(_LEFT + k * (width + gap), top - height, _LEFT + k * (width + gap) + width, top)
        for k in range(count)
    ]
    if sheet.has_spot:
        _small_map(board, sheet, boxes.pop(0))
    for box, photo in zip(boxes, photos, strict=True):
        _photo(board, box, photo)
    return top - height


def _small_map(board: "Board", sheet: Dispatch, box: Box) -> None:
    """Draw what lies around the spot, north up, the spot in the middle."""
    side_m = sheet.scale_m
    per_m = min(box.width, box.height) / (2 * side_m)
    ground = shapely.box(
        -box.width / 2 / per_m, -box.height / 2 / per_m, box.width / 2 / per_m, box.height / 2 / per_m
    )
    x, y = box.centre
    for shape in sheet.around:
        seen = shapely.intersection(shape, ground)
        edges = shapely.boundary(seen) if shapely.get_dimensions(seen) == 2 else seen
        for part in shapely.get_parts(edges):
            points = shapely.get_coordinates(part)
            if len(points) > 1:
                board.stroke(_placed(points, per_m, x, y), LINE, 1.6)
    for radius, fill in ((2.2, "#ffffff"), (1.5, INK)):
        board.shape(_disc(x, y, radius), fill=fill, edge=INK)
    bar_m = 100.0 if 100 * per_m < box.width * 0.45 else 50.0
    bar = np.array([(box.west + 3, box.south + 3), (box.west + 3 + bar_m * per_m, box.south + 3)])
    board.stroke(bar, INK, 1.6)
    board.text(box.west + 3, box.south + 4.2, f"{bar_m:.0f} 米", 8, colour=INK, backed=True)
    board.text(box.east - 3, box.north - 5.5, "北 ↑", 9, across="right", colour=INK, backed=True)
    board.box(box, edge=LINE)


def _placed(points: Array, per_m: float, x: float, y: float) -> Array:
    placed: Array = points * per_m + np.array([x, y])
    return placed


def _disc(x: float, y: float, radius: float) -> Array:
    turn = np.linspace(0, 2 * np.pi, 33)
    return np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])


def _photo(board: "Board", box: Box, jpeg: bytes) -> None:
    """Draw a photo in grey, whole, in the middle of its box."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("L", (900, 900))
        grey = np.asarray(image.convert("L"))
    scale = min(box.width / grey.shape[1], box.height / grey.shape[0])
    wide, high = grey.shape[1] * scale / 2, grey.shape[0] * scale / 2
    x, y = box.centre
    extent = (x - wide, x + wide, y - high, y + high)
    board.axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto", zorder=1)
    board.axes.set_xlim(0, A4.short_mm)
    board.axes.set_ylim(0, A4.long_mm)
    board.box(box, edge=LINE)


def _answer(board: "Board", sheet: Dispatch, top: float) -> None:
    """Draw the room in which the unit writes what it did, and who signs."""
    foot = _BOTTOM + 16
    result = Box(_LEFT, foot + 20, _RIGHT, top)
    board.box(result, edge=LINE)
    board.text(
        result.west + 2.5, result.north - 6.2, "处置结果（怎么处理的；附处理后的照片）", _SIZE, colour=QUIET
    )
    third = (_RIGHT - _LEFT) / 3
    for k, label in enumerate(("经办人签字", "电话", "完成日期（年月日）")):
        box = Box(_LEFT + k * third, foot, _LEFT + (k + 1) * third, foot + 20)
        board.box(box, edge=LINE)
        board.text(box.west + 2.5, box.north - 6.2, label, _SIZE, colour=QUIET)
    board.text(_LEFT, _BOTTOM + 7, sheet.contact, 11, colour=INK, within_mm=_RIGHT - _LEFT)
    words = "处理完请把本单填好交回，或打电话说明；不是本单位的事，请当天退回并写明原因。"
    board.text(_LEFT, _BOTTOM, words, 9.5, colour=QUIET, within_mm=_RIGHT - _LEFT)


# A word or number stays together, and no line begins with what closes the one before.
_CHUNK = re.compile(r"(?:[A-Za-z0-9.:/_-]+|.)[，。、；：！？）」』”》,;!?)]*")


def _wrapped(text: str, room_mm: float, size: float) -> list[str]:
    """Return a text in lines that fit a width, at most so many; the last says when there is more."""
    lines, line = [], ""
    for chunk in _CHUNK.findall(text.replace("\n", " ")):
        for part in [chunk] if width_mm(chunk, size) <= room_mm else chunk:
            if line and width_mm(line + part, size) > room_mm:
                lines.append(line)
                line = ""
            line += part
    lines += [line] if line else []
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"{lines[_MOST_LINES - 1][:-6]}……（见系统）"]
    return lines
