"""Cards and plates on paper: their codes are those of their addresses, nothing is cut off or covered.

Looked at (PAGES=folder pytest tests/maps/test_cards.py), as pictures of every page:
- name, number, three steps and the telephone are read at arm's length; the number to call is large;
- the longest name, number, contact and place stay on their card or plate, and clear of the code;
- cuts lie between the cards, ticks outside of them; what is cut off is only white;
- nothing needs colour to be understood; a demonstration says so on each card and plate.
"""

import datetime as dt
import io
import os
import re
import secrets
from pathlib import Path

import numpy as np
import pytest
import segno
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from layers.vocabulary import Layer
from maps import cards, codes
from maps.cards import About, Card, Keeper, Plate
from maps.paper import A4, A5, Box, Paper

ABOUT = About("水乡县", dt.date(2026, 7, 1))
MM_PER_INCH = 25.4
DPI = 300


def address() -> str:
    return f"https://xunhe.shuixiang.example/v#c={secrets.token_urlsafe(32)}"


PLAIN = Card("王秀英", address(), "0417", "李主任", "0523-83212345", "a9Xk")
LONG = Card(
    "阿依古丽·买买提江·吐尔逊", address(), "XH-2026-0000012345678", "东湖镇河长办公室志愿者联络员张建国同志",
    "0523-83212345 转 8012 或 13812345678", "WWWW",
)  # fmt: skip
BARE = Card("李老师", address())
RIVER = Plate(
    "车路河", Layer.RIVER, "https://xunhe.shuixiang.example/p/7hK2mQx9Rt",
    "东湖镇段，车路桥到三里闸，4.2 公里",
    (Keeper("县级河长", "王**", "0523-80000000"), Keeper("银发河长", "张老师")),
    "0523-83212345", "7hK2mQx9Rt", "车路桥西北角",
)  # fmt: skip
CROWDED = Plate(
    "幸福里一期南区（含沿街商铺）及文化活动中心", Layer.COMPOUND, f"https://x.example/p/{'x' * 40}",
    "从很长很长的地名一号桥一直到很长很长的地名二号桥为止的一段，共 12.3 公里",
    [Keeper("常务副县长级总河长", "欧阳** 县委常委、常务副县长", "0523-80000000")] * 12,
    "12345 或 0523-83212345", "7hK2mQx9Rt", "文化活动中心正门右侧公告栏旁边的路灯杆",
)  # fmt: skip


def picture(figure: Figure, name: str, dpi: int = DPI) -> np.ndarray:
    """Return a page as grey values, 0 black to 255 white; kept in the folder PAGES names, to be looked at."""
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    if "PAGES" in os.environ:
        Path(os.environ["PAGES"], f"{name}.png").write_bytes(file.getvalue())
    return np.array(Image.open(file).convert("L"))


def scanned(page: np.ndarray, box: Box, height_mm: float, count: int) -> np.ndarray:
    """Return which modules of a code are dark on a page: read at their middles, the white around included."""
    side = box.width / (count + 2 * codes.QUIET)
    at = (np.arange(count + 2 * codes.QUIET) + 0.5) * side
    columns = ((box.west + at) * DPI / MM_PER_INCH).astype(int)
    rows = ((height_mm - box.north + at) * DPI / MM_PER_INCH).astype(int)
    return page[np.ix_(rows, columns)] < 128


def is_code_of(text: str, page: np.ndarray, box: Box, height_mm: float, error: str) -> bool:
    wanted = np.array([list(row) for row in segno.make(text, error=error, micro=False).matrix], dtype=bool)
    read = scanned(page, box, height_mm, len(wanted))
    inner = read[codes.QUIET : -codes.QUIET, codes.QUIET : -codes.QUIET]
    return np.array_equal(inner, wanted) and read.sum() == wanted.sum()


def code_boxes(monkeypatch: pytest.MonkeyPatch) -> list[Box]:
    """Return where codes are drawn from now on."""
    boxes: list[Box] = []
    draw = codes.draw

    def seen(board, box: Box, text: str, **more: str) -> None:
        boxes.append(box)
        draw(board, box, text, **more)

    monkeypatch.setattr(codes, "draw", seen)
    return boxes


def texts_of(figure: Figure) -> list[tuple[str, Box]]:
    """Return what is written on a page, and where, in millimetres."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    to_mm = MM_PER_INCH / figure.dpi
    return [
        (text.get_text(), Box(*(np.array(text.get_window_extent(renderer).extents) * to_mm)))
        for text in figure.axes[0].texts
        if text.get_text()
    ]


def within(inner: Box, outer: Box) -> bool:
    return (
        inner.west >= outer.west and inner.south >= outer.south
        and inner.east <= outer.east and inner.north <= outer.north
    )  # fmt: skip


def meet(a: Box, b: Box) -> bool:
    """Tell whether two boxes overlap by more than a third of a millimetre either way."""
    return (
        min(a.east, b.east) - max(a.west, b.west) > 0.3
        and min(a.north, b.north) - max(a.south, b.south) > 0.3
    )


def none_meet(texts: list[tuple[str, Box]], kept_clear: list[Box]) -> None:
    for k, (words, box) in enumerate(texts):
        assert not any(meet(box, code) for code in kept_clear), f"{words} lies on a code"
        for other, its_box in texts[k + 1 :]:
            assert not meet(box, its_box), f"{words} lies on {other}"


def test_each_card_carries_the_code_of_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [PLAIN, LONG, BARE, *(Card(f"第{k}人", address()) for k in range(5))]
    boxes = code_boxes(monkeypatch)
    (figure,) = cards.card_sheets(some, ABOUT)
    page = picture(figure, "cards")
    assert len(boxes) == cards.PER_SHEET == 8
    for card, box in zip(some, boxes, strict=True):
        assert is_code_of(card.address, page, box, A4.long_mm, "m"), card.name
    assert not is_code_of(PLAIN.address, page, boxes[1], A4.long_mm, "m")
    modules = len(codes.modules(PLAIN.address, error="m")) + 2 * codes.QUIET
    assert boxes[0].width / modules > 0.5, "a module of half a millimetre is read by old phones"


@pytest.mark.parametrize("made_up", [False, True])
def test_nothing_on_a_card_is_cut_off_or_covered(monkeypatch: pytest.MonkeyPatch, *, made_up: bool) -> None:
    boxes = code_boxes(monkeypatch)
    about = About("一个名字很长的自治县", ABOUT.printed, made_up)
    (figure,) = cards.card_sheets([LONG, PLAIN, BARE] * 2, about)
    texts = texts_of(figure)
    picture(figure, f"long cards {made_up}", 120)
    none_meet(texts, boxes)
    owners = [[box for box in cards.card_boxes() if within(where, box)] for _, where in texts]
    outside = [words for (words, _), own in zip(texts, owners, strict=True) if not own]
    assert len(outside) == 1, "only the line beneath the cards stands outside of them"
    assert "裁开" in outside[0]
    assert sum("演示" in words for words, _ in texts) == (6 if made_up else 0)


def test_cards_are_cut_apart_along_marks_and_the_words_are_large() -> None:
    (figure,) = cards.card_sheets([PLAIN], ABOUT)
    boxes = cards.card_boxes()
    assert all(within(box, Box(0, 0, A4.short_mm, A4.long_mm)) for box in boxes)
    assert not any(meet(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])
    ticks = np.array([line.get_xydata() for line in figure.axes[0].lines])
    upright = ticks[ticks[:, 0, 0] == ticks[:, 1, 0]]
    level = ticks[ticks[:, 0, 1] == ticks[:, 1, 1]]
    edges = {round(x, 3) for box in boxes for x in (box.west, box.east)}
    assert {round(x, 3) for x in upright[:, 0, 0]} == edges
    heights = {round(y, 3) for box in boxes for y in (box.south, box.north)}
    assert {round(y, 3) for y in level[:, 0, 1]} == heights
    sizes = {text.get_text(): text.get_fontsize() for text in figure.axes[0].texts}
    assert sizes["王秀英"] == 24
    assert min(size for words, size in sizes.items() if words[0] in "①②③") >= 11
    assert min(size for words, size in sizes.items() if "0523" in words) >= 13


def test_a_pdf_of_cards_has_a_page_for_every_eight_and_is_the_same_again() -> None:
    def printed(count: int) -> bytes:
        file = io.BytesIO()
        cards.write_cards([PLAIN] * count, file, ABOUT)
        return file.getvalue()

    for count, pages in ((1, 1), (8, 1), (9, 2), (17, 3)):
        found = printed(count)
        assert len(re.findall(rb"/Type /Page\b", found)) == pages
        assert set(re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", found)) == {
            (b"595.2755905512", b"841.8897637795")
        }
    assert printed(9) == printed(9)
    assert printed(0) == b""


@pytest.mark.parametrize("paper", [A4, A5], ids=lambda paper: paper.name)
@pytest.mark.parametrize("plate", [RIVER, CROWDED, Plate("杨家坝", Layer.GRID, "https://x.example/p/a")])
def test_a_plate_says_all_it_has_and_nothing_is_covered(
    monkeypatch: pytest.MonkeyPatch, plate: Plate, paper: Paper
) -> None:
    (boxes, figure) = (code_boxes(monkeypatch), cards.plate_page(plate, ABOUT, paper=paper))
    page = picture(figure, f"plate {plate.place} {paper.name}")
    assert is_code_of(plate.address, page, boxes[0], paper.short_mm, "q")
    texts = texts_of(figure)
    none_meet(texts, boxes)
    frame = Box(5, 5, paper.long_mm - 5, paper.short_mm - 5)
    assert all(within(where, frame) for _, where in texts)
    words = "\n".join(said for said, _ in texts)
    for said in (
        plate.place,
        plate.stretch,
        plate.hotline,
        plate.number,
        plate.where,
        "扫码打卡",
        "2026 年 7 月 1 日",
    ):
        assert (said or "") in words
    assert all(keeper.post in words and keeper.name in words for keeper in plate.keepers)
    assert f"水乡县{plate.layer.zh}公示牌" in words


def test_plates_are_pages_of_one_pdf() -> None:
    file = io.BytesIO()
    cards.write_plates([RIVER, CROWDED], file, About("水乡县", ABOUT.printed, made_up=True), paper=A5)
    found = file.getvalue()
    assert len(re.findall(rb"/Type /Page\b", found)) == 2
    assert set(re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", found)) == {
        (b"595.2755905512", b"419.5275590551")
    }
    (title,) = [
        words
        for words, _ in texts_of(cards.plate_page(RIVER, About("县", ABOUT.printed, True)))
        if "牌（" in words
    ]
    assert "演示" in title
