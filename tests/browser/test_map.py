"""The coordinators' map in a browser, with WebGL and without.

What the screenshots are looked at for (SCREENSHOTS=folder keeps them): lines above areas, covered stretches
solid and dark, gaps dashed, names beside their places, the legend's words whole, the panel beside the map,
or beneath it on a phone; nothing cut off.
"""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Playwright, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Audit
from layers.vocabulary import Right
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Service, Watched
from tests.geo_service.test_live import walks_out
from tests.geo_service.watertown import DAY, EVIL, PASSWORD, add_account, build

WINDOW = f"first={DAY:%Y-01-01}&last={DAY:%Y-%m-%d}"
SIZES = {"wide": (1920, 1080), "usual": (1366, 768), "phone": (390, 844)}
WITH_WEBGL = [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
WITHOUT_WEBGL = ["--disable-gpu", "--disable-3d-apis"]


@pytest.fixture(params=["gl", "flat"])
def engine_of(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(
    engine_of: str, playwright: Playwright, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A page of the signed-in coordinator, in a browser that has WebGL or has none."""
    plain = [one for one in ARGUMENTS if one != "--disable-gpu"]
    context = playwright.chromium.launch_persistent_context(
        str(tmp_path_factory.mktemp("profile")),
        executable_path=str(CHROMIUM),
        args=[*plain, *(WITH_WEBGL if engine_of == "gl" else WITHOUT_WEBGL)],
        locale="zh-CN",
        viewport={"width": 1366, "height": 768},
    )
    page = context.new_page()
    watched = Watched(page, allowed={service.host})
    page.route("**/*", watched.guard)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("console", lambda said: watched.errors.append(said.text) if said.type == "error" else None)
    page.goto(f"http://{service.host}/sign-in")
    page.get_by_label("登录名").fill("clerk")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"http://{service.host}/morning")
    yield watched
    context.close()
    assert watched.outside == [], "a page asked another host"
    assert watched.errors == []


def opened(page: Page, service: Service, more: str = "") -> None:
    page.goto(f"http://{service.host}/map?{WINDOW}{more}")
    page.locator("#map[data-ready=true]").wait_for(timeout=60_000)
    settled(page)


def settled(page: Page) -> None:
    """Wait until what is in sight is drawn."""
    page.wait_for_timeout(200)
    page.locator("#map[data-idle=true]").wait_for(timeout=60_000)
    page.wait_for_timeout(300)


def colours(page: Page) -> dict[str, int]:
    """Return how many pixels of the map have which colour, as a browser shows it."""
    shot = page.locator("#map").screenshot()
    image = Image.open(BytesIO(shot)).convert("RGB")
    return {
        f"#{r:02x}{g:02x}{b:02x}": n for n, (r, g, b) in image.getcolors(image.width * image.height) or []
    }


def test_the_map_draws_stretches_in_the_colours_of_every_map(
    desk: Watched, service: Service, engine_of: str, shot: Any
) -> None:
    page = desk.page
    opened(page, service)
    assert page.locator("#map").get_attribute("data-engine") == engine_of
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        settled(page)
        shot(page, f"map-{engine_of}-{name}")
    page.set_viewport_size({"width": 1366, "height": 768})
    opened(page, service)
    found = colours(page)
    assert found.get("#08203e", 0) > 200, "what was walked on the window's last day is dark and solid"
    assert found.get("#da6a08", 0) > 200, "what nobody walked is orange"
    page.locator("#by").select_option("gap")
    settled(page)
    shot(page, f"map-{engine_of}-gaps")
    assert colours(page).get("#8e3fb0", 0) > 100
    assert "by=gap" in page.url
    page.locator("#by").select_option("duty")
    settled(page)
    shot(page, f"map-{engine_of}-duty")


def test_a_click_opens_the_card_and_the_address_keeps_all(desk: Watched, service: Service, shot: Any) -> None:
    page = desk.page
    opened(page, service)
    expect(page.locator("#panel")).to_contain_text("覆盖最少的")
    page.locator("#find").fill("zxh")
    page.locator("#found button").first.wait_for()
    assert "中心河" in page.locator("#found button").first.inner_text()
    page.locator("#found button").first.click()
    card = page.locator("#panel article")
    card.wait_for()
    assert "王桂兰" in card.inner_text()
    assert "最近的巡查" in card.inner_text()
    assert card.locator("svg.strip rect").count() >= 2
    assert f"place={service.town.rivers[0].id}" in page.url
    settled(page)
    shot(page, f"map-card-{page.locator('#map').get_attribute('data-engine')}")
    page.reload()
    page.locator("#panel article").wait_for()
    page.locator("[data-back]").click()
    expect(page.locator("#panel")).to_contain_text("覆盖最少的")
    # The river runs from west to east through the middle of what is in sight once it was found.
    box = page.locator("#map").bounding_box()
    assert box is not None
    settled(page)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#panel article").wait_for()
    assert "中心河" in page.locator("#panel article h2").inner_text()


def test_what_somebody_typed_is_only_ever_text(desk: Watched, service: Service) -> None:
    page = desk.page
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    opened(page, service)
    page.locator("#find").fill(EVIL[:20])
    page.locator("#found button").first.wait_for()
    page.locator("#found button").first.click()
    page.locator("#panel article").wait_for()
    assert EVIL in page.locator("#panel article h2").inner_text()
    settled(page)
    assert said == []


def test_the_address_alone_says_what_the_map_shows(desk: Watched, service: Service, engine_of: str) -> None:
    page = desk.page
    tiles: list[str] = []
    page.on("request", lambda one: tiles.append(one.url) if "/api/tiles/" in one.url else None)
    opened(page, service, "&layer=road&by=share")
    assert page.locator("#by").input_value() == "share"
    assert all("layer=road" in url for url in tiles)
    assert colours(page).get("#da6a08", 0) > 50
    told = json.loads(page.evaluate("fetch('/api/tiles/values?layer=road').then((one) => one.text())"))
    assert told["places"]["id"] == [service.town.road.id]


def test_cases_stand_on_the_map_when_they_are_asked_for(desk: Watched, service: Service, shot: Any) -> None:
    page = desk.page
    opened(page, service)
    assert colours(page).get("#8c1c13", 0) == 0
    style = page.evaluate("fetch('/api/tiles/style').then((one) => one.json())")
    west, south, east, north = style["bounds"]
    spot = {"id": 7, "what": "2026-000001 井盖", "state": "reported", "is_late": True}
    spots = [spot | {"lon": (west + east) / 2, "lat": (south + north) / 2}]
    asked: list[str] = []
    page.route(
        "**/api/cases/spots*", lambda route: (asked.append(route.request.url), route.fulfill(json=spots))
    )
    page.locator("#cases").select_option("late")
    expect(page.locator("#case-hint")).to_contain_text("1 件")
    settled(page)
    shot(page, f"map-cases-{page.locator('#map').get_attribute('data-engine')}")
    assert "only=late" in asked[0]
    assert "cases=late" in page.url
    assert colours(page).get("#8c1c13", 0) > 50, "a sign in the colour of its state"
    assert page.locator("#case-legend li").all_inner_texts() == ["待受理"]
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**/cases/7")
    desk.errors.clear()  # the case itself is made up: 404


def test_who_is_on_the_way_stands_on_the_map_only_when_asked(
    desk: Watched, service: Service, engine_of: str, shot: Any
) -> None:
    page = desk.page
    with Session(service.engine, expire_on_commit=False) as db, db.begin():
        town = build(db, code=f"3299{80 + (engine_of == 'gl')}", made_up=False)
        login = add_account(db, town.county, f"watch-{engine_of}", Right.COORDINATOR)
        walks_out(db, town.county.id, town.person_id, minutes_ago=10, metres=1240)
    page.context.clear_cookies()
    page.goto(f"http://{service.host}/sign-in")
    page.get_by_label("登录名").fill(login)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"http://{service.host}/morning")
    opened(page, service)

    def looks() -> int:
        with Session(service.engine) as db:
            return len(
                db.scalars(
                    select(Audit.id).where(Audit.county_id == town.county.id, Audit.action == "live.look")
                ).all()
            )

    assert (colours(page).get("#0b6e4f", 0), looks()) == (0, 0)
    button = page.get_by_role("button", name="看正在巡查的人")
    button.press("Enter")
    expect(page.locator("#live-state")).to_contain_text("有 1 路人在路上")
    expect(page.locator("#live-list")).to_contain_text("王桂兰")
    page.wait_for_timeout(500)
    shot(page, f"map-live-{engine_of}")
    assert colours(page).get("#0b6e4f", 0) > 50
    assert looks() == 1
    button.press("Enter")
    expect(page.locator("#live-list li")).to_have_count(0)
    page.wait_for_timeout(300)
    assert colours(page).get("#0b6e4f", 0) == 0
