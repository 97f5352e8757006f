"""The pages of the service in a browser that reaches no other host.

What the screenshots are looked at for (SCREENSHOTS=folder keeps them):
1. the start page: banner of made-up data, menu, three large links, the table of layers, nothing cut off;
2. the map pages: the form on top, the map in its frame with all its layers and its legend, the list below;
3. a place's card: the strip shows covered (solid) and not covered (hatched) stretches apart, also in grey;
4. at 320 px every page is one column, nothing runs out of the window but tables within their own frame;
5. the focus is seen on every link, button and field;
6. the menu: the day's work first, the rest behind 更多, on a phone at most two rows, the own entry marked;
7. every form: fields labelled, what is required told, an error beside it that says what to do, input kept;
8. no number of the database, no English word and no word of the code where people read;
9. numbers with their unit, days of the county's own clock, the empty list says what to do next;
10. figures, norms, due, services, people, dossier, retention: all columns whole at 1280 px, facts in two
    columns on a phone, wide tables in a box of their own with their first column in sight;
11. a volunteer, a planner and an auditor see no action that is not theirs;
12. prints: title, window, legend with counts, scale bar, north, date, made-up banner, all of it on the
    page, and in grey the classes still apart.
"""

import datetime as dt
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from sqlalchemy import update
from sqlalchemy.orm import Session

from geo_service import jobs
from geo_service.demo import service as demo
from geo_service.tables import Job
from tests.browser.conftest import Service, Watched
from tests.browser.test_file import ink
from tests.geo_service.test_import_pages import rivers
from tests.geo_service.test_web import gpx
from tests.geo_service.watertown import DAY, EVIL

BRIGHTNESS = """() => {
  const ground = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3);
  return Math.min(...ground) / 255;
}"""
WINDOW = f"first={DAY:%Y-01-01}&last={DAY:%Y-%m-%d}"


@pytest.fixture
def pages(service: Service) -> dict[str, str]:
    """Every page that a coordinator opens."""
    base = f"http://{service.host}"
    return {
        "start": f"{base}/overview",
        "coverage": f"{base}/map/coverage?{WINDOW}",
        "gaps": f"{base}/map/gaps?{WINDOW}",
        "places": f"{base}/places?register=all",
        "patrols": f"{base}/patrols",
        "a patrol": f"{base}/patrols/{service.town.patrol_id}",
        "upload": f"{base}/upload",
        "import": f"{base}/import",
        "an error": f"{base}/places/999999",
        "card of a river": f"{base}/places/{service.town.rivers[0].id}?{WINDOW}",
        "drawing": f"{base}/places/{service.town.off_map.id}/draw",
        "card of a grid": f"{base}/places/{service.town.grids[0].id}?{WINDOW}",
        "people": f"{base}/people",
        "a person": f"{base}/people/{service.town.person_id}?q=河",
        "data of a person": f"{base}/people/{service.town.person_id}/data",
        "services": f"{base}/services",
        "a new service": f"{base}/services/new",
        "norms": f"{base}/norms",
        "due": f"{base}/due?{WINDOW}",
        "figures": f"{base}/figures?{WINDOW}",
        "rows of a figure": f"{base}/figures/X5?{WINDOW}",
    }


@pytest.mark.parametrize("kind", ["coverage", "gaps"])
def test_the_map_page_draws_its_map(signed_in: Watched, pages: dict[str, str], kind: str, shot: Any) -> None:
    signed_in.page.goto(pages[kind])
    frame = signed_in.page.frame_locator("iframe.map")
    frame.locator(".leaflet-overlay-pane canvas").wait_for()
    (picture,) = [frame for frame in signed_in.page.frames if "/picture" in frame.url]
    picture.wait_for_timeout(300)
    assert ink(picture) > 1000  # type: ignore[arg-type]
    assert "河道" in frame.locator(".panel").inner_text()
    frame.get_by_role("searchbox").fill("中心河")
    frame.locator(".found button").first.click()
    assert "中心河" in frame.locator(".leaflet-popup-content h2").inner_text()
    frame.get_by_role("searchbox").fill(EVIL[:6])
    frame.locator(".found button").first.click()
    assert EVIL in (frame.locator(".leaflet-popup-content h2").last.text_content() or "")
    shot(signed_in.page, f"page {kind}")
    assert signed_in.errors == []


def test_every_page_is_whole_on_a_desk_and_on_a_small_phone(
    signed_in: Watched, pages: dict[str, str], shot: Any
) -> None:
    page = signed_in.page
    try:
        for width, height, name in ((1280, 860, "desk"), (320, 640, "phone")):
            page.set_viewport_size({"width": width, "height": height})
            for title, address in pages.items():
                page.goto(address)
                page.wait_for_load_state("networkidle")
                shot(page, f"{name} {title}")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, title)
    finally:
        page.set_viewport_size({"width": 1280, "height": 860})
    assert not [error for error in signed_in.errors if "404" not in error]


def test_the_menu_leaves_room_on_a_phone_and_opens_by_the_keyboard(
    signed_in: Watched, pages: dict[str, str], shot: Any
) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        page.goto(pages["people"])
        menu = page.get_by_role("navigation", name="主菜单")
        assert menu.bounding_box()["height"] < 844 / 4  # type: ignore[index]
        assert menu.get_by_role("link", name="人员").get_attribute("aria-current") == "page"
        assert not menu.get_by_role("link", name="导入").is_visible()
        menu.get_by_text("更多").focus()
        page.keyboard.press("Enter")
        shot(page, "phone menu open")
        for link in menu.get_by_role("link").all():
            box = link.bounding_box()
            assert box is not None
            assert 0 <= box["x"] <= 390 - box["width"], link.inner_text()
        menu.get_by_role("link", name="导入").click()
        page.get_by_role("heading", name="导入").wait_for()
        assert menu.get_by_text("更多：导入").is_visible()
        page.goto(pages["a person"])
        assert menu.get_by_role("link", name="人员").get_attribute("aria-current") == "true"
    finally:
        page.set_viewport_size({"width": 1280, "height": 860})


CONTRASTS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.evaluate("//body//text()[normalize-space()]", document, null, 7, null);
  const found = [];
  for (let i = 0; i < texts.snapshotLength; i += 1) {
    const node = texts.snapshotItem(i).parentElement;
    if (!node.checkVisibility() || node.closest("svg, script, noscript, iframe, select")) continue;
    const pair = [rgb(getComputedStyle(node).color), ground(node)].map(light).sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), node.textContent.trim().slice(0, 20)]);
  }
  return found;
}"""


def test_text_has_contrast_fields_have_labels_and_headings_are_in_order(
    signed_in: Watched, pages: dict[str, str]
) -> None:
    page = signed_in.page
    for title, address in pages.items():
        page.goto(address)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) >= 4
        assert min(contrasts)[0] >= 4.5, (title, min(contrasts))
        unlabelled = page.evaluate(
            """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
              .filter((field) => !field.labels.length && !field.ariaLabel).map((field) => field.name)"""
        )
        assert unlabelled == [], title
        assert page.locator("h1").count() == 1, title
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        assert page.locator("iframe:not([title])").count() == 0


def test_every_page_is_legible_in_the_dark_and_prints_on_white(
    signed_in: Watched, service: Service, pages: dict[str, str], shot: Any
) -> None:
    page = signed_in.page
    base = f"http://{service.host}"
    more = {
        "morning": f"{base}/morning",
        "gap list": f"{base}/gaps?kind=unpatrolled&{WINDOW}",
        "planning": f"{base}/planning?area={service.town.west.code}",
        "cases": f"{base}/cases",
        "map": f"{base}/map",
    }
    try:
        for title, address in (pages | more).items():
            page.emulate_media(media="screen", color_scheme="dark")
            page.goto(address)
            page.wait_for_load_state("networkidle")
            shot(page, f"dark {title}")
            assert page.evaluate(BRIGHTNESS) < 0.1, title
            found = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
            assert [node["html"][:160] for v in found for node in v["nodes"]] == [], title
            page.emulate_media(media="print", color_scheme="dark")
            assert page.evaluate(BRIGHTNESS) == 1, title
    finally:
        page.emulate_media(media="null", color_scheme="null")


@pytest.mark.parametrize("what", ["gap list", "a proposal", "figures"])
def test_lists_print_whole_and_without_what_is_only_for_the_screen(
    signed_in: Watched, service: Service, what: str, tmp_path: Path
) -> None:
    page = signed_in.page
    base = f"http://{service.host}"
    paths = {
        "gap list": f"/gaps?kind=unassigned&register=all&{WINDOW}",
        "a proposal": f"/planning?area={service.town.west.code}",
        "figures": f"/figures?{WINDOW}",
    }
    page.goto(f"{base}{paths[what]}")
    if what == "a proposal":
        page.get_by_role("button", name="排方案").press("Enter")
        page.wait_for_url(f"{base}/planning/*")
    cells = page.locator("main table:visible td").count()
    page.emulate_media(media="print")
    try:
        page.set_viewport_size({"width": 718, "height": 1055})  # what the margins leave of an A4
        assert page.locator("main table:visible td").count() >= cells - page.locator("td.noprint").count()
        assert (
            page.locator(
                "button:visible, .button:visible, nav:visible, form:not(.asked) .fields:visible"
            ).count()
            == 0
        )
        wide = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(one => one.scrollWidth > one.clientWidth + 1"
            " && getComputedStyle(one).overflowX !== 'visible').map(one => one.outerHTML.slice(0, 80))"
        )
        assert wide == [], "something is cut off at the paper's edge"
        folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
        page.screenshot(path=str(folder / f"{what}-paper.png"), full_page=True)
        pdf = page.pdf(prefer_css_page_size=True)
        (folder / f"{what}.pdf").write_bytes(pdf)
        box = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
        assert box
        assert [round(float(side)) for side in box.groups()] == pytest.approx((595, 842), abs=1), "A4"
    finally:
        page.emulate_media(media="null")


def test_a_printed_list_says_what_was_asked_for(service: Service, signed_in: Watched) -> None:
    page = signed_in.page
    west = service.town.west
    page.goto(f"http://{service.host}/gaps?kind=unpatrolled&area={west.code}&layer=river&{WINDOW}")
    page.emulate_media(media="print")
    try:
        asked = page.locator("form.asked")
        seen = [one.strip() for one in asked.locator("label:visible").all_inner_texts()]
        assert [word for word in seen if word in ("辖区", "从", "到（含）")] == ["辖区", "从", "到（含）"]
        assert "河道" in seen
        assert not {"道路", "网格", "小区", "至少空了（天）"} & set(seen), "what narrows nothing is left out"
        assert asked.locator("#area option:checked").inner_text().strip() == west.name
        assert asked.locator("select:visible").count() + asked.locator("input:visible").count() > 2
        assert page.locator("button:visible, nav:visible").count() == 0
        assert page.locator(".onpaper:visible").count() == 2
    finally:
        page.emulate_media(media="null")


def test_the_focus_is_seen_wherever_the_keyboard_goes(signed_in: Watched, pages: dict[str, str]) -> None:
    page = signed_in.page
    page.goto(pages["gaps"])
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            """() => {
              const at = document.activeElement;
              const style = getComputedStyle(at);
              return [at.outerHTML.slice(0, 60), style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        seen.add(outline[0])
        assert outline[1] != "none", outline
        assert outline[2] >= 2, outline
    assert len(seen) >= 15


def test_the_making_of_the_demo_is_followed(
    signed_in: Watched, service: Service, pages: dict[str, str], shot: Any
) -> None:
    page = signed_in.page
    with Session(service.engine) as db, db.begin():
        number = jobs.enqueue(db, demo.JOB)
        tell(db, number, "running", {"done": 3, "of": 10, "what": "画河道"})
    try:
        page.goto(pages["start"])
        page.get_by_text("正在生成演示县：画河道（3 / 10）").wait_for()
        shot(page, "start while the demo is made")
        with Session(service.engine) as db, db.begin():
            tell(db, number, "running", {"done": 9, "of": 10, "what": "走巡查"})
        page.get_by_text("走巡查（9 / 10）").wait_for()
        with Session(service.engine) as db, db.begin():
            tell(db, number, "done", {"done": 10, "of": 10, "what": "完成"})
        page.locator("[data-progress]").wait_for(state="detached")
    finally:
        with Session(service.engine) as db, db.begin():
            db.delete(db.get_one(Job, number))
    assert signed_in.errors == []


def tell(db: Session, number: int, state: str, progress: dict[str, Any]) -> None:
    db.execute(update(Job).where(Job.id == number).values(state=state, progress=progress))


def test_a_walk_is_loaded_and_seen_at_once(
    signed_in: Watched, pages: dict[str, str], tmp_path: Path, shot: Any
) -> None:
    page = signed_in.page
    path = tmp_path / "走.gpx"
    path.write_bytes(gpx((0, 410), (900, 455), start=dt.datetime(2026, 4, 20, 1, tzinfo=dt.UTC)))
    page.goto(pages["upload"])
    page.get_by_label("轨迹文件").set_input_files(path)
    page.get_by_label("是谁的巡查").fill("没有这个人")
    page.get_by_role("button", name="上传").click()
    assert "人员名册里没有" in page.get_by_role("alert").inner_text()
    page.get_by_label("轨迹文件").set_input_files(path)
    page.get_by_label("是谁的巡查").fill("王桂兰")
    page.get_by_role("button", name="上传").click()
    page.get_by_text("谢谢您").wait_for()
    frame = page.frame_locator("iframe.map")
    frame.locator(".leaflet-overlay-pane canvas").wait_for()
    assert "本次走到" in frame.locator(".panel").inner_text()
    shot(page, "walk loaded")
    assert not [error for error in signed_in.errors if "422" not in error]


def test_an_import_is_tried_and_left(
    signed_in: Watched, pages: dict[str, str], tmp_path: Path, shot: Any
) -> None:
    page = signed_in.page
    path = tmp_path / "河.geojson"
    path.write_bytes(rivers(("新开河", [(0, 700), (1500, 720)])))
    page.goto(pages["import"])
    page.get_by_label("文件里是什么").select_option("river")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="试算").click()
    page.get_by_role("heading", name="试算结果").wait_for()
    assert "新增" in page.locator("table").inner_text()
    shot(page, "import tried")
    page.get_by_role("link", name="重新选择").click()
    page.get_by_role("heading", name="导入").wait_for()


def test_a_map_file_from_the_page_opens_from_disk(
    signed_in: Watched, pages: dict[str, str], tmp_path: Any
) -> None:
    page = signed_in.page
    page.goto(pages["coverage"])
    with page.expect_download() as started:
        page.get_by_role("link", name="下载地图文件（可转发）").click()
    assert started.value.suggested_filename.startswith("水乡县巡查覆盖图")
    path = tmp_path / "map.html"
    started.value.save_as(path)
    page.goto(path.as_uri())
    page.wait_for_selector(".leaflet-overlay-pane canvas")
    page.wait_for_timeout(300)
    assert ink(page) > 1000
    assert json.loads(page.locator("#facts").text_content() or "")["bounds"]


def test_a_strip_tells_covered_from_not_covered(signed_in: Watched, pages: dict[str, str], shot: Any) -> None:
    page: Page = signed_in.page
    page.goto(pages["card of a river"])
    page.evaluate("document.documentElement.style.filter = 'grayscale(1)'")
    shot(page, "card in grey")
    drawn = page.locator("svg.strip rect").evaluate_all("bars => bars.map((bar) => bar.getAttribute('fill'))")
    assert "url(#hatch_uncovered)" in drawn
    assert len(set(drawn)) >= 2
    assert page.locator("svg.strip").bounding_box()["width"] > 600  # type: ignore[index]
