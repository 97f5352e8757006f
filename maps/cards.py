"""Cards for volunteers, eight a sheet to be cut, and plates for places: plain values in, pages out.

The drawing needs matplotlib, which is loaded when the first page is printed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import IO, TYPE_CHECKING

import numpy as np

from layers.vocabulary import Layer
from maps import codes
from maps.labels import width_mm
from maps.paper import A4, A4_SHORT_MM, Box, Paper, bare
from maps.printing import bind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from maps.board import Board

DARK, QUIET_INK, BAND = "#111111", "#3a3a3a", "#1c4e5a"
CARD_MM = (90.0, 65.0)
ACROSS, DOWN = 2, 4
PER_SHEET = ACROSS * DOWN
_TICK_MM = 5.0
_MARK = "演示，不是真的"


@dataclass(frozen=True)
class About:
    """What stands on every page."""

    county: str
    printed: dt.date
    made_up: bool = False
    """Of a demonstration."""


@dataclass(frozen=True)
class Card:
    """A volunteer's card. `address` is behind its code, and secret."""

    name: str
    """As the office chose to print it."""
    address: str
    number: str | None = None
    contact: str | None = None
    """Whom he telephones."""
    phone: str | None = None
    mark: str | None = None
    """The last characters of the secret, by which the card is told from others in lists."""


@dataclass(frozen=True)
class Keeper:
    """Who looks after a place, named as far as he agreed to."""

    post: str
    name: str
    phone: str | None = None


@dataclass(frozen=True)
class Plate:
    """A place's plate. `address` is behind its code, and public."""

    place: str
    layer: Layer
    address: str
    stretch: str | None = None
    keepers: Sequence[Keeper] = ()
    hotline: str | None = None
    number: str | None = None
    """Of the plate, to tell it over the telephone."""
    where: str | None = None
    """Where it hangs."""


def write_cards(cards: Iterable[Card], file: IO[bytes], about: About) -> None:
    """Write cards as sheets of A4 with marks to cut along. Raises FontMissing."""
    bind(card_sheets(cards, about), file, title=f"{about.county}志愿者卡片", printed=about.printed)


def write_plates(plates: Iterable[Plate], file: IO[bytes], about: About, *, paper: Paper = A4) -> None:
    """Write plates, one a page, on A4 or A5 taken across. Raises FontMissing."""
    figures = (plate_page(plate, about, paper=paper) for plate in plates)
    bind(figures, file, title=f"{about.county}公示牌", printed=about.printed)


# --- cards


def card_sheets(cards: Iterable[Card], about: About) -> Iterator["Figure"]:
    """Yield the sheets of cards, each when it is asked for."""
    left = iter(cards)
    for number in count(1):
        if not (some := list(islice(left, PER_SHEET))):
            return
        board = _board(A4.short_mm, A4.long_mm)
        for box, card in zip(card_boxes(), some, strict=False):
            _draw_card(board, box, card, about)
        _cut_marks(board)
        which = f"{about.county}志愿者卡片，第 {number} 页，{about.printed.isoformat()} 印。"
        foot = f"{which}沿角上的线裁开，当面发给本人。"
        board.text(A4.short_mm / 2, 7.0, foot, 9, across="center", colour=QUIET_INK, within_mm=180)
        yield board.figure


def card_boxes() -> list[Box]:
    """Return where the cards of a sheet lie, from the upper left one, row by row."""
    width, height = CARD_MM
    west, north = (A4.short_mm - ACROSS * width) / 2, (A4.long_mm + DOWN * height) / 2
    return [
        Box(west + k * width, north - (row + 1) * height, west + (k + 1) * width, north - row * height)
        for row in range(DOWN)
        for k in range(ACROSS)
    ]


_STEPS = ("① 微信点“扫一扫”", "② 对准右边的方块", "③ 点“开始巡查”")
_CODE_MM = 41.0


def _draw_card(board: "Board", box: Box, card: Card, about: About) -> None:
    west, east = box.west + 4.0, box.east - 3.0
    code = Box(east - _CODE_MM, box.north - 6.6 - _CODE_MM, east, box.north - 6.6)
    words_mm = code.west - west - 1.0
    head = f"{about.county} 志愿巡查卡" + (f"（{_MARK}）" if about.made_up else "")
    board.text(west, box.north - 5.8, head, 10, colour=QUIET_INK, within_mm=box.width - 8)
    board.text(west, box.north - 18.5, card.name, 24, within_mm=words_mm)
    if card.number:
        board.text(west, box.north - 25.0, f"编号 {card.number}", 11, within_mm=words_mm)
    for k, step in enumerate(_STEPS):
        board.text(west, box.north - 33.0 - 6.4 * k, step, 11.5, within_mm=words_mm)
    codes.draw(board, code, card.address)
    _draw_call(board, Box(west, box.south + 9.2, box.east - 4.0, box.south + 14.3), card)
    care = "只给本人用，别转发。丢了请打电话停用。"
    mark = f"尾号 {card.mark}" if card.mark else ""
    board.text(west, box.south + 3.6, care, 9, colour=QUIET_INK, within_mm=63)
    board.text(east, box.south + 3.6, mark, 8, across="right", colour=QUIET_INK, within_mm=18)


def _draw_call(board: "Board", room: Box, card: Card) -> None:
    """Write whom to call: on one line, or a long name above its number, which stays large."""
    if not card.phone:
        board.text(room.west, room.south, "有事找镇街或村里的协调员", 13, within_mm=room.width)
        return
    words = " ".join(filter(None, ("有事打电话", card.contact, card.phone)))
    if width_mm(words, 13) > room.width:
        board.text(room.west, room.north, f"联系人 {card.contact}", 9.5, within_mm=room.width)
        words = f"有事打电话 {card.phone}"
    board.text(room.west, room.south, words, 13, within_mm=room.width)


def _cut_marks(board: "Board") -> None:
    """Draw a tick at each end of each cut, and a small cross where cuts meet."""
    boxes = card_boxes()
    xs = sorted({edge for box in boxes for edge in (round(box.west, 3), round(box.east, 3))})
    ys = sorted({edge for box in boxes for edge in (round(box.south, 3), round(box.north, 3))})
    for x in xs:
        for low, high in ((ys[0] - 1 - _TICK_MM, ys[0] - 1), (ys[-1] + 1, ys[-1] + 1 + _TICK_MM)):
            board.stroke(np.array([(x, low), (x, high)]), DARK, 0.5)
    for y in ys:
        for low, high in ((xs[0] - 1 - _TICK_MM, xs[0] - 1), (xs[-1] + 1, xs[-1] + 1 + _TICK_MM)):
            board.stroke(np.array([(low, y), (high, y)]), DARK, 0.5)
    for x in xs:
        for y in ys:
            board.stroke(np.array([(x - 1, y), (x + 1, y)]), QUIET_INK, 0.3)
            board.stroke(np.array([(x, y - 1), (x, y + 1)]), QUIET_INK, 0.3)


# --- plates


def plate_page(plate: Plate, about: About, *, paper: Paper = A4) -> "Figure":
    """Return the page of a plate, taken across; letters are as large as the paper allows."""
    z = paper.short_mm / A4_SHORT_MM
    board = _board(paper.long_mm, paper.short_mm, z)
    frame = Box(8 * z, 8 * z, paper.long_mm - 8 * z, paper.short_mm - 8 * z)
    band = Box(frame.west, frame.north - 26 * z, frame.east, frame.north)
    board.box(band, fill=BAND)
    title = f"{plate.layer.zh}公示牌" + (f"（{_MARK}）" if about.made_up else "")
    x, y = band.centre
    board.text(x, y, about.county + title, 34 * z, across="center", up="center_baseline", colour="#ffffff",
               within_mm=band.width - 12 * z)  # fmt: skip
    board.box(frame, edge=BAND, width_pt=2.0)
    code = Box(frame.east - 92 * z, band.south - 96 * z, frame.east - 6 * z, band.south - 10 * z)
    codes.draw(board, code, plate.address, error="q")
    middle = code.centre[0]
    board.text(middle, code.south - 11 * z, "扫码打卡", 32 * z, across="center", within_mm=code.width)
    board.text(middle, code.south - 20 * z, "志愿者到了这里，用微信扫一扫", 13 * z, across="center",
               within_mm=code.width)  # fmt: skip
    words = Box(frame.west + 8 * z, frame.south + 16 * z, code.west - 5 * z, band.south)
    board.text(words.west, words.north - 24 * z, plate.place, 48 * z, within_mm=words.width)
    if plate.stretch:
        board.text(words.west, words.north - 38 * z, plate.stretch, 19 * z, within_mm=words.width)
    _draw_keepers(board, Box(words.west, words.south, words.east, words.north - 46 * z), plate, z)
    foot = " · ".join(
        part
        for part in (
            f"牌号 {plate.number}" if plate.number else "",
            plate.where or "",
            f"{about.printed.year} 年 {about.printed.month} 月 {about.printed.day} 日 印",
        )
        if part
    )
    board.text(
        words.west, frame.south + 6 * z, foot, 12 * z, colour=QUIET_INK, within_mm=frame.width - 16 * z
    )
    return board.figure


def _draw_keepers(board: "Board", room: Box, plate: Plate, z: float) -> None:
    """Write who looks after the place and where to call, a line each, as large as all of them fit."""
    lines = [(keeper.post, "  ".join(filter(None, (keeper.name, keeper.phone)))) for keeper in plate.keepers]
    if plate.hotline:
        lines.append(("监督电话", plate.hotline))
    step = min(17 * z, room.height / max(len(lines), 1))
    size = step * 1.5
    posts_mm = 54 * z
    for k, (post, who) in enumerate(lines):
        y = room.north - (k + 0.75) * step
        board.text(room.west, y, post, size, colour=QUIET_INK, within_mm=posts_mm - 3 * z)
        board.text(room.west + posts_mm, y, who, size, within_mm=room.width - posts_mm)


def _board(width_mm: float, height_mm: float, zoom: float = 1.0) -> "Board":
    from maps.board import Board  # noqa: PLC0415

    return Board(bare(width_mm, height_mm, zoom))
