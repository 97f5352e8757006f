"""A map file opened from disk in a browser that reaches no host.

What the screenshots are looked at for (SCREENSHOTS=folder keeps them):
1. every layer is drawn: river, road, grid, compound, register, township borders with their names;
2. the legend is readable, each class with its line and its hatch beside its words;
3. Chinese text is whole: no empty boxes, no cut characters, nothing runs out of its box;
4. title, dates and the banner of made-up data are there; scale in 米 / 公里; the date at the foot;
5. turned to grey, covered (solid, dark) and not covered (dashed or hatched, lighter) are told apart at a
   glance, and so are the three kinds of gap;
6. on a phone (360 x 740) the map fills the screen and the panel folds away.
"""

import base64
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from playwright.sync_api import BrowserContext, Page

from maps.data import MapData, MapFeature, MapLayer
from maps.web import draw
from tests.browser.conftest import Watched
from tests.maps import county
from tests.maps.test_web import EVIL, LINE


def opened(watched: Watched, data: MapData, folder: Path) -> Page:
    path = folder / "map.html"
    path.write_text(draw(data).html, encoding="utf-8")
    watched.page.goto(path.as_uri())
    watched.page.wait_for_selector(".leaflet-overlay-pane canvas")
    watched.page.wait_for_timeout(300)
    return watched.page


def ink(page: Page) -> int:
    """Number of painted pixels of the map's canvas."""
    return int(
        page.evaluate(
            """() => {
              const canvas = document.querySelector(".leaflet-overlay-pane canvas");
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              let painted = 0;
              for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
              return painted;
            }"""
        )
    )


@pytest.mark.parametrize(
    "data", [county.coverage(), county.gaps(), county.walked()], ids=["coverage", "gaps", "walk"]
)
def test_every_layer_is_drawn(watched: Watched, data: MapData, tmp_path: Path, shot: Any) -> None:
    page = opened(watched, data, tmp_path)
    shot(page, data.title)
    boxes = page.get_by_role("checkbox")
    assert boxes.count() == len(data.layers)
    for i in range(boxes.count()):
        boxes.nth(i).uncheck()
    page.wait_for_timeout(100)
    assert ink(page) == 0
    for i in range(boxes.count()):
        boxes.nth(i).check()
        page.wait_for_timeout(100)
        assert ink(page) > 100, f"layer {i} paints nothing"
        boxes.nth(i).uncheck()
        page.wait_for_timeout(100)
    assert watched.errors == []


def test_a_ribbon_is_hatched_and_whole_beside_a_dashed_line(watched: Watched, tmp_path: Path) -> None:
    """Across a straight ribbon: edges all along, with white and strokes between them, wherever one looks."""
    line = shapely.LineString([(119.80, 32.93), (119.86, 32.93)])
    above = shapely.transform(line, lambda lonlat: lonlat + np.array([0, 0.01]))
    layers = [
        MapLayer("gap", "空白", [MapFeature(above, "uncovered", "河")]),
        MapLayer("maybe", "可能", [MapFeature(line, "ambiguous", "河")]),
    ]
    page = opened(watched, MapData("图", "", layers, county.DATE), tmp_path)
    page.get_by_label("空白").check()
    found = page.evaluate(
        """() => {
          const canvas = document.querySelector(".leaflet-overlay-pane canvas");
          const { width, height } = canvas;
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          const painted = (x, y) => data[4 * (y * width + x) + 3] > 200;
          const white = (x, y) => data[4 * (y * width + x)] > 200;
          const rows = [...Array(height).keys()];
          const lowest = Math.max(...rows.filter((y) => painted(width >> 1, y)));
          const own = (x) => [...Array(12).keys()].map((k) => lowest - k).filter((y) => painted(x, y));
          const columns = [...Array(100).keys()].map((k) => (width >> 1) - 50 + k);
          const bright = (x) => own(x).filter((y) => white(x, y));
          return [columns.map((x) => own(x).length), columns.map((x) => bright(x).length)];
        }"""
    )
    thick, white = found
    assert min(thick) >= 4  # no hole along it
    assert min(white) >= 1
    assert len(set(white)) > 1  # the strokes lean
    assert watched.errors == []


def test_the_ends_of_an_outage_are_joined_and_bear_its_time(watched: Watched, tmp_path: Path) -> None:
    page = opened(watched, county.walked(), tmp_path)
    names = page.locator(".leaflet-tooltip.name").all_inner_texts()
    assert names.count("中断 4 分钟") == 3
    assert watched.errors == []


def test_title_legend_scale_and_date(watched: Watched, tmp_path: Path) -> None:
    data = county.coverage()
    page = opened(watched, data, tmp_path)
    assert page.title() == data.title
    legend = page.locator(".legend").inner_text()
    assert "最近巡查在 7 天内" in legend
    assert "时段内未巡查" in legend
    assert "公里" in page.locator(".leaflet-control-scale").inner_text()
    assert "数据截至 2025-06-30" in page.locator(".leaflet-control-attribution").inner_text()
    assert "虚构" in page.locator(".made-up").inner_text()
    assert page.locator(".leaflet-tooltip.name").all_inner_texts() == ["东湖镇", "西荡镇"]


def test_a_click_opens_the_card(watched: Watched, tmp_path: Path, shot: Any) -> None:
    feature = MapFeature(county.square(2, 2), "fresh_30", "第22网格", county.rows("赵秀英", "33%"))
    page = opened(watched, MapData("一格", "", [MapLayer("grid", "网格", [feature])], county.DATE), tmp_path)
    box = page.locator("main").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    card = page.locator(".leaflet-popup-content")
    card.wait_for()
    assert card.locator("h2").inner_text() == "第22网格"
    assert card.locator("dt").all_inner_texts() == ["银发河长", "最近巡查", "覆盖率"]
    assert card.locator("dd").all_inner_texts() == ["赵秀英", "2025-06-21", "33%"]
    assert page.locator(".leaflet-popup-close-button").get_attribute("aria-label") == "关闭"
    shot(page, "card")


def test_finding_by_name_works_without_a_mouse(watched: Watched, tmp_path: Path) -> None:
    data = county.coverage(registered_rivers=3000, rivers=6)
    page = opened(watched, data, tmp_path)
    before = ink(page)
    page.get_by_role("searchbox").focus()
    page.keyboard.type("生产河 2999")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(".leaflet-popup-content h2").inner_text() == "生产河 2999 号"
    assert page.get_by_role("checkbox", name="在册河道").is_checked()
    assert ink(page) != before
    page.get_by_role("searchbox").fill("没有这条河")
    assert page.locator(".found").inner_text() == "没有找到"


def test_words_of_users_never_run(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    evil = [MapFeature(LINE, "fresh_7", f"{i}{text}", [(text, text)]) for i, text in enumerate(EVIL)]
    layers = [MapLayer("river", "".join(EVIL), evil), MapLayer("areas", "x", evil[:1], named=True)]
    opened(watched, MapData(EVIL[0], EVIL[1], layers, county.DATE, made_up=True), tmp_path)
    assert page.title() == EVIL[0]
    for i, text in enumerate(EVIL):
        page.get_by_role("searchbox").fill(f"{i}{text[:3]}")
        page.locator(".found button").first.click()
        words = page.locator(".leaflet-popup-content h2").last.text_content()
        assert words == f"{i}{text}"
    assert page.locator("img, svg[onload]").count() == 0
    assert page.locator("header p").first.text_content() == EVIL[1]
    assert watched.errors == []


def test_on_a_phone_the_panel_folds_away(watched: Watched, tmp_path: Path, shot: Any) -> None:
    watched.page.set_viewport_size({"width": 320, "height": 640})
    try:
        page = opened(watched, county.coverage(), tmp_path)
        shot(page, "phone")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert not page.locator(".panel").get_attribute("open")
        page.locator(".panel summary").click()
        box = page.locator(".panel").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= 320
        shot(page, "phone panel")
    finally:
        watched.page.set_viewport_size({"width": 1280, "height": 860})


def test_nothing_to_draw_is_said(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(draw(MapData("空图", "", [], county.DATE)).html, encoding="utf-8")
    watched.page.goto(path.as_uri())
    assert "没有可以画的内容" in watched.page.get_by_role("status").inner_text()
    assert watched.errors == []


def greys_of(blank: Page, page: Page, label: str) -> list[float]:
    """The share of each grey, in eight steps from black to white, in the legend's entry `label`."""
    entry = page.locator(".legend li").filter(has=page.get_by_text(label, exact=True)).locator("svg").last
    image = base64.b64encode(entry.screenshot()).decode()
    found: list[float] = blank.evaluate(
        """async (image) => {
          const answer = await fetch(`data:image/png;base64,${image}`);
          const bitmap = await createImageBitmap(await answer.blob());
          const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
          pen.drawImage(bitmap, 0, 0);
          const { data } = pen.getImageData(0, 0, bitmap.width, bitmap.height);
          const steps = new Array(8).fill(0);
          for (let i = 0; i < data.length; i += 4)
            steps[Math.floor((0.2126 * data[i] + 0.7152 * data[i + 1] + 0.0722 * data[i + 2]) / 32)] += 1;
          return steps.map((count) => (count * 4) / data.length);
        }""",
        image,
    )
    return found


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        (county.coverage(), ["最近巡查在 7 天内", "最近巡查在 90 天以前", "时段内未巡查"]),
        (county.gaps(), ["暂无银发责任人", "时段内未巡查", "有责任人、时段内未巡查"]),
    ],
    ids=["coverage", "gaps"],
)
def test_classes_are_told_apart_in_grey(
    watched: Watched, browser: BrowserContext, data: MapData, labels: list[str], tmp_path: Path, shot: Any
) -> None:
    page = opened(watched, data, tmp_path)
    page.evaluate("document.documentElement.style.filter = 'grayscale(1)'")
    shot(page, f"{data.title} in grey")
    blank = browser.new_page()  # the map's own policy lets nothing be fetched, not even by this test
    pictures = [greys_of(blank, page, label) for label in labels]
    blank.close()
    for one, other in itertools.combinations(pictures, 2):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.1
