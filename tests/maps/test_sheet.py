"""Printed maps: true to scale, exact in size, the same bytes again, and readable in grey."""

import datetime as dt
import io
import itertools
import os
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import PathPatch, Rectangle
from PIL import Image
from pyproj import Geod

from layers import crs as crs_
from layers.vocabulary import Layer
from maps import fonts, furniture, labels
from maps.board import Board
from maps.data import MapData, MapFeature, MapLayer
from maps.fonts import FontMissing, legible
from maps.paper import A3, A4, FIGURE, Box, Paper, lay_out
from maps.printing import NothingToPrint, Sheet, pdf, png
from maps.sheet import draw
from maps.style import (
    AMBIGUOUS,
    BANDS,
    FRESHNESS,
    GAPS,
    INKS,
    LOOKS,
    OF_A_WALK,
    OUTAGE,
    PAPER_BANDS,
    UNCOVERED,
    WALK,
    Look,
)
from tests.maps import county

CRS = "EPSG:4549"
PRINTED = dt.date(2026, 7, 1)
TOGETHER = [(*FRESHNESS, UNCOVERED, AMBIGUOUS), (*GAPS.values(), AMBIGUOUS)]
MM_PER_INCH = 25.4


def sheet(data: MapData | None = None, **more: object) -> Sheet:
    made = Sheet(data or county.coverage(), CRS, PRINTED, source="图：银巡。")
    return replace(made, **more)


def as_pdf(*sheets: Sheet, paper: Paper = A4) -> bytes:
    file = io.BytesIO()
    pdf(sheets, file, paper=paper)
    return file.getvalue()


def streams(document: bytes) -> bytes:
    """Everything that a PDF holds, unpacked."""
    packed = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    opened = []
    for stream in packed:
        try:
            opened.append(zlib.decompress(stream))
        except zlib.error:
            opened.append(stream)
    return b"\n".join(opened)


def boxes_pt(document: bytes) -> list[tuple[float, float]]:
    found = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", document)
    return [(float(width), float(height)) for width, height in found]


@pytest.mark.parametrize("paper", [A4, A3], ids=lambda paper: paper.name)
def test_a_page_is_as_large_as_its_paper(paper: Paper) -> None:
    document = as_pdf(sheet(), paper=paper)
    assert document.startswith(b"%PDF-1.")
    assert document.rstrip().endswith(b"%%EOF")
    ((width, height),) = boxes_pt(document)
    assert sorted((width / 72 * MM_PER_INCH, height / 72 * MM_PER_INCH)) == pytest.approx(
        [paper.short_mm, paper.long_mm], abs=0.01
    )


def test_a_wide_county_lies_across_and_a_high_one_stands_upright() -> None:
    across = lay_out(A4, Box(0, 0, 60_000, 30_000), 8)
    upright = lay_out(A4, Box(0, 0, 30_000, 60_000), 8)
    assert (across.width_mm, across.height_mm) == (297, 210)
    assert (upright.width_mm, upright.height_mm) == (210, 297)


@pytest.mark.parametrize("width_px", [640, 1000, 1601, 2480])
def test_a_picture_is_as_wide_as_asked(width_px: int) -> None:
    picture = Image.open(io.BytesIO(png(sheet(), width_px=width_px)))
    assert picture.format == "PNG"
    assert picture.width == width_px
    dots = picture.info["dpi"][0]
    assert width_px / dots * MM_PER_INCH == pytest.approx(FIGURE.short_mm, rel=1e-3)


def test_a_picture_by_itself_has_300_dots_an_inch() -> None:
    picture = Image.open(io.BytesIO(png(sheet(), paper=A4)))
    assert picture.size == (2480, 3507)


@pytest.mark.parametrize("data", [county.coverage, county.gaps])
def test_the_same_values_give_the_same_bytes_and_nothing_about_who_made_them(data: object) -> None:
    values = data()  # type: ignore[operator]
    once, again = as_pdf(sheet(values)), as_pdf(sheet(values))
    assert once == again
    assert png(sheet(values), width_px=700) == png(sheet(values), width_px=700)
    assert b"(D:20260701000000Z)" in once
    for word in (b"/Author", b"/Producer", b"/Keywords", os.fsencode(os.getcwd())):
        assert word not in once
        assert word not in streams(once)


def test_a_picture_says_no_more_than_its_title() -> None:
    picture = Image.open(io.BytesIO(png(sheet(), width_px=700)))
    assert set(picture.info) <= {"dpi", "Title"}


def test_fonts_are_within_the_document() -> None:
    document = as_pdf(sheet())
    whole = document + streams(document)
    named = re.findall(rb"/BaseFont /(\S+)", whole)
    assert named
    assert all(b"WenQuanYi" in name for name in named)
    assert b"/FontFile2" in whole or b"/CharProcs" in whole


def test_hatches_are_seen_in_a_document_too() -> None:
    """An opacity of nothing, set for an edge, would hide the pattern that fills the area."""
    document = as_pdf(sheet(county.gaps()))
    assert b"/PatternType 1" in document
    opacities = [float(found) for found in re.findall(rb"/ca ([\d.]+)", document)]
    assert opacities
    assert min(opacities) > 0


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    """Two points a bar's length apart on the ground, by the ellipsoid, are a bar's length apart on paper."""
    printed = draw(sheet(), A4)
    page = printed.board.page
    boxes = [patch for patch in printed.board.axes.patches if isinstance(patch, Rectangle)]
    bars = [box for box in boxes if box.get_height() == pytest.approx(1.6 * page.zoom)]
    drawn_mm = sum(bar.get_width() for bar in bars)
    assert len(bars) == 4
    assert drawn_mm * page.scale / 1000 == pytest.approx(printed.bar_m)
    assert f"{printed.bar_m / 1000:g}" in {"1", "2", "5"}
    here = page.centre_m
    ends = crs_.to_lonlat(np.array([here, here + np.array([printed.bar_m, 0])]), CRS)
    _, _, ground_m = Geod(ellps="WGS84").inv(*ends[0], *ends[1])
    on_paper = page.to_mm(crs_.to_metric(ends, CRS))
    paper_mm = float(np.hypot(*(on_paper[1] - on_paper[0])))
    assert paper_mm == pytest.approx(drawn_mm, rel=1e-6)
    assert ground_m == pytest.approx(printed.bar_m, rel=5e-4)


def test_a_line_is_drawn_where_it_lies() -> None:
    line = shapely.LineString([(119.80, 32.90), (119.86, 32.95)])
    layer = MapLayer("river", "河道", [MapFeature(line, "covered", "河")], layer=Layer.RIVER)
    printed = draw(sheet(MapData("图", "", [layer, county.townships()], county.DATE)), A4)
    page = printed.board.page
    ends = page.to_mm(crs_.to_metric(shapely.get_coordinates(line), CRS))
    drawn = [s for c in printed.board.axes.collections for s in c.get_segments() if len(s) == 2]
    assert any(np.allclose(segment, ends, atol=0.1) for segment in drawn)


def test_nothing_leaves_the_frame() -> None:
    long = shapely.LineString([(118.0, 32.93), (121.0, 32.93)])
    layer = MapLayer("river", "河道", [MapFeature(long, "covered", "河")], layer=Layer.RIVER)
    focus = shapely.box(119.80, 32.90, 119.86, 32.95)
    data = MapData("图", "", [layer, county.townships()], county.DATE)
    picture = Image.open(io.BytesIO(png(sheet(data, focus=focus), paper=A4, width_px=1050))).convert("L")
    page = draw(sheet(data, focus=focus), A4).board.page
    per_mm = 1050 / page.width_mm
    grey = np.asarray(picture)
    middle = slice(round((page.height_mm - page.frame.north + 5) * per_mm), round(150 * per_mm))
    assert (grey[middle, : round((page.frame.west - 0.5) * per_mm)] == 255).all()
    assert (grey[middle, round((page.frame.east + 0.5) * per_mm) :] == 255).all()


def test_labels_do_not_touch_as_they_are_really_drawn() -> None:
    rng = np.random.default_rng(3)
    names = [
        labels.Name(f"第{k}中心河", [(float(x), float(y))], 7.0, float(k))
        for k, (x, y) in enumerate(rng.uniform((20, 60), (190, 270), (300, 2)))
    ]
    board = Board(draw(sheet(), A4).board.page)
    found = labels.place(names, board.page.frame, 200)
    assert 30 < len(found) <= 200
    for label in found:
        board.text(label.x_mm, label.y_mm, label.text, label.size_pt, across="center", up="center_baseline")
    canvas = FigureCanvasAgg(board.figure)
    drawn = [text.get_window_extent(canvas.get_renderer()) for text in board.axes.texts]
    for one, other in itertools.combinations(drawn, 2):
        assert not one.overlaps(other)


def test_the_weightiest_name_is_written_and_a_long_one_cut() -> None:
    at = [(50.0, 100.0)]
    frame = Box(0, 0, 200, 200)
    found = labels.place([labels.Name("小河", at, 7, 1), labels.Name("大" * 40, at, 7, 2)], frame, 10)
    assert [label.text for label in found] == ["大" * 13 + "…"]
    assert labels.place([labels.Name("界外", [(199.0, 100.0)], 7, 1)], frame, 10) == []


def test_townships_and_large_places_are_named() -> None:
    data = county.coverage()
    layers = [
        replace(layer, features=[replace(f, name=f.title) for f in layer.features]) for layer in data.layers
    ]
    written = [label.text for label in draw(sheet(replace(data, layers=layers)), A4).names]
    assert {"东湖镇", "西荡镇", "第1中心河"} <= set(written)
    assert not [name for name in written if name.startswith("生产河")]


def test_signs_without_a_glyph_and_dollars_do_no_harm() -> None:
    data = replace(county.coverage(), title="河$x^2$\n\u202e🙂长", subtitle="\x00")
    assert legible(data.title) == f"河$x^2$ {fonts.MISSING}长"
    as_pdf(sheet(data))


def test_without_the_font_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", (tmp_path,))
    fonts.chinese.cache_clear()
    with pytest.raises(FontMissing, match="apt-get install fonts-wqy-microhei"):
        png(sheet(), width_px=300)


def test_nothing_at_all_is_told() -> None:
    with pytest.raises(NothingToPrint, match="没有可以画的内容"):
        png(sheet(MapData("图", "", [], county.DATE)))
    only_bounds = MapData("图", "", [], county.DATE, bounds=(119.7, 32.8, 119.9, 33.0))
    assert png(sheet(only_bounds), width_px=300).startswith(b"\x89PNG")


def test_an_atlas_has_its_pages_and_each_its_number() -> None:
    halves = county.townships().features
    pages = [sheet(page=(1, 3)), *(sheet(focus=f.geometry, page=(k, 3)) for k, f in enumerate(halves, 2))]
    document = as_pdf(*pages)
    assert len(boxes_pt(document)) == 3
    texts = [text.get_text() for text in draw(pages[1], A4).board.axes.texts]
    assert any("第 2 页，共 3 页" in text for text in texts)


def test_a_made_up_county_is_marked_and_a_real_one_is_not() -> None:
    def marked(data: MapData) -> bool:
        return any("演示数据" in text.get_text() for text in draw(sheet(data), A4).board.axes.texts)

    assert marked(county.coverage())
    assert not marked(replace(county.coverage(), made_up=False))


def test_thirteen_thousand_rivers_stay_small() -> None:
    data = county.coverage(registered_rivers=13_000, points=30, rivers=247)
    assert len(as_pdf(sheet(data))) < 10_000_000


# How classes look in grey, measured on what is drawn.


def swatch(look: Look, kind: str) -> np.ndarray:
    """A class as the legend draws it, in grey from 0 to 1."""
    page = draw(sheet(county.gaps()), A4).board.page
    board = Board(page)
    board.box(Box(0, 0, page.width_mm, page.height_mm), fill="white")
    room = Box(20, 20, 60, 36)
    furniture._swatch(board, room, look, [kind])
    FigureCanvasAgg(board.figure)
    file = io.BytesIO()
    board.figure.savefig(file, format="png", dpi=254)
    grey = np.asarray(Image.open(file).convert("L")) / 255
    return grey[-350:-210, 210:590]


def amounts(look: Look, kind: str) -> tuple[float, float, float, float]:
    """Ink of the swatch, how much it changes along it, the height of a line in mm, which way it leans."""
    grey = 1 - swatch(look, kind)
    rows = np.flatnonzero(grey.max(axis=1) > 0.3)
    height_mm = (rows[-1] - rows[0] + 1) / 10 if kind == "line" else 0.0
    middle = grey[len(grey) // 2]
    left = np.abs(grey[1:, 1:] - grey[:-1, :-1]).mean()
    right = np.abs(grey[1:, :-1] - grey[:-1, 1:]).mean()
    return float(grey.mean()), float(np.abs(np.diff(middle)).sum()), height_mm, float(left - right)


@pytest.mark.parametrize("kind", ["line", "area"])
@pytest.mark.parametrize(
    ("one", "other"),
    [pair for looks in TOGETHER for pair in itertools.combinations(looks, 2)],
    ids=lambda look: look.key if isinstance(look, Look) else "",
)
def test_classes_of_one_map_differ_on_a_grey_print(one: Look, other: Look, kind: str) -> None:
    if kind == "area" and AMBIGUOUS in (one, other):
        kind = "line"  # areas are never told maybe
    ink, steps, height, lean = amounts(one, kind)
    ink_2, steps_2, height_2, lean_2 = amounts(other, kind)
    darker = abs(ink - ink_2) >= (0.06 if kind == "area" else 1)
    broken = max(steps, steps_2) >= 1.5 * min(steps, steps_2) + 1
    wider = abs(height - height_2) >= 0.09
    leans = min(lean, lean_2) < -0.02 and max(lean, lean_2) > 0.02
    assert darker or broken or wider or leans


@pytest.mark.parametrize(
    ("one", "other"), [*itertools.combinations((*OF_A_WALK, WALK, OUTAGE), 2)], ids=lambda look: look.key
)
def test_how_a_walk_covered_differs_on_a_grey_print(one: Look, other: Look) -> None:
    _, steps, height, lean = amounts(one, "line")
    _, steps_2, height_2, lean_2 = amounts(other, "line")
    assert abs(height - height_2) >= 0.09 or abs(steps - steps_2) >= 0.6 or abs(lean - lean_2) > 0.02


def test_a_ribbon_lies_where_its_line_lies_as_wide_as_its_ink() -> None:
    line = shapely.LineString([(119.80, 32.90), (119.86, 32.95)])
    layer = MapLayer("ambiguous", "可能", [MapFeature(line, "ambiguous", "河", size=1.0)])
    printed = draw(sheet(MapData("图", "", [layer, county.townships()], county.DATE)), A4)
    page = printed.board.page
    axis = shapely.LineString(page.to_mm(crs_.to_metric(shapely.get_coordinates(line), CRS)))
    width_mm = INKS["ambiguous"].width_pt * page.zoom * MM_PER_INCH / 72
    hatched = [patch for patch in printed.board.axes.patches if isinstance(patch, PathPatch)]
    ribbon, _swatch = [patch for patch in hatched if patch.get_hatch() == INKS["ambiguous"].hatch]
    drawn = shapely.Polygon(ribbon.get_path().vertices)
    assert drawn.area == pytest.approx(axis.length * width_mm, rel=0.02)
    assert shapely.hausdorff_distance(drawn.boundary, axis) < width_mm


def test_an_outage_bears_its_time() -> None:
    written = [label.text for label in draw(sheet(county.walked()), A4).names]
    assert written.count("中断 4 分钟") == 3


def test_every_class_and_layer_has_its_ink() -> None:
    assert set(INKS) == set(LOOKS)
    assert set(PAPER_BANDS) == set(BANDS) == set(Layer)
