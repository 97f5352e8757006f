"""Drawing a place in a real browser: by mouse, by finger, undone, moved, tried and stored.

What the screenshots are looked at for (SCREENSHOTS=folder keeps them):
1. the map shows the townships with names and the neighbours, the drawing stands out above them;
2. the dots are large enough for a finger, the buttons below are as large as on every page;
3. on a phone the map fits the window and the page can still be scrolled beside it;
4. the trial stands above the map with length, townships and the patrols to be computed again.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from geo_service.tables import Audit, Place, PlaceVersion
from tests.browser.conftest import Service, Watched


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    """The page of the river that is only a name; a name again when the test is over."""
    place_id = service.town.off_map.id
    yield f"http://{service.host}/places/{place_id}/draw"
    with Session(service.engine) as db, db.begin():
        db.execute(update(Place).where(Place.id == place_id).values(version_id=None))
        db.execute(delete(PlaceVersion).where(PlaceVersion.place_id == place_id))


def ready(page: Page) -> None:
    page.locator("#draw canvas").first.wait_for()
    page.locator("#draw .leaflet-tooltip.name").first.wait_for()
    page.wait_for_timeout(400)


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """A point of the map by shares of its width and height."""
    box = page.locator("#draw").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drawn(page: Page) -> list[list[list[float]]]:
    return json.loads(page.locator("#drawing [name=geometry]").input_value())["coordinates"]


def test_a_line_is_drawn_undone_moved_tried_and_stored(
    signed_in: Watched, service: Service, address: str, shot: Any
) -> None:
    page = signed_in.page
    page.goto(address)
    ready(page)
    page.locator("#draw").scroll_into_view_if_needed()
    assert page.get_by_role("button", name="撤销").is_disabled()
    assert page.get_by_role("button", name="画好了，试算").is_disabled()
    for x, y in ((0.3, 0.3), (0.5, 0.35), (0.7, 0.3), (0.9, 0.9)):
        page.mouse.click(*at(page, x, y))
    assert len(drawn(page)[0]) == 4
    page.get_by_role("button", name="撤销").click()
    (line,) = drawn(page)
    assert len(line) == 3
    page.mouse.move(*at(page, 0.5, 0.35))
    page.mouse.down()
    page.mouse.move(*at(page, 0.5, 0.5), steps=8)
    page.mouse.up()
    (moved,) = drawn(page)
    assert moved[0] == line[0]
    assert moved[1][1] < line[1][1]
    page.get_by_role("button", name="撤销").click()
    assert drawn(page)[0] == line
    shot(page, "draw-line")
    page.get_by_role("button", name="画好了，试算").click()
    page.get_by_role("heading", name="试算结果").wait_for()
    assert "西荡镇" in page.locator("section.notice").inner_text()
    ready(page)
    shot(page, "draw-tried")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url(f"http://{service.host}/places/{service.town.off_map.id}")
    assert "修改图形" in page.locator("main").inner_text()
    with Session(service.engine) as db:
        version = db.scalars(
            select(PlaceVersion).where(PlaceVersion.place_id == service.town.off_map.id)
        ).one()
        assert version.number == 1
        assert db.scalar(select(Audit.id).where(Audit.action == "places.draw"))
    assert signed_in.errors == []


def test_a_stored_line_is_taken_up_again_and_has_parts(
    signed_in: Watched, service: Service, shot: Any
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/places/{service.town.rivers[0].id}/draw")
    ready(page)
    before = drawn(page)
    assert len(before) == 1
    page.get_by_role("button", name="另起一段").click()
    for x, y in ((0.3, 0.2), (0.5, 0.2)):
        page.mouse.click(*at(page, x, y))
    assert len(drawn(page)) == 2
    assert drawn(page)[0] == before[0]
    page.get_by_role("button", name="全部重画").click()
    assert drawn(page) == []
    page.get_by_role("button", name="撤销").click()
    assert len(drawn(page)) == 2
    shot(page, "draw-again")
    assert signed_in.errors == []


def test_an_area_is_drawn_as_a_ring(signed_in: Watched, service: Service, shot: Any) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/places/{service.town.grids[0].id}/draw")
    ready(page)
    page.get_by_role("button", name="全部重画").click()
    for x, y in ((0.3, 0.3), (0.6, 0.3), (0.6, 0.7), (0.3, 0.7)):
        page.mouse.click(*at(page, x, y))
    ((ring,),) = json.loads(page.locator("#drawing [name=geometry]").input_value())["coordinates"]
    assert len(ring) == 5
    assert ring[0] == ring[-1]
    page.get_by_role("button", name="画好了，试算").click()
    page.get_by_role("heading", name="试算结果").wait_for()
    assert "面积" in page.locator("section.notice").inner_text()
    ready(page)
    shot(page, "draw-area")
    assert signed_in.errors == []


def test_a_finger_draws_and_drags_too(signed_in: Watched, address: str, shot: Any) -> None:
    page = signed_in.page
    phone = page.context.new_cdp_session(page)
    page.set_viewport_size({"width": 390, "height": 780})
    phone.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})

    def touch(*way: tuple[float, float]) -> None:
        for k, (x, y) in enumerate(way):
            kind = "touchMove" if k else "touchStart"
            phone.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        phone.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(400)

    page.goto(address)
    ready(page)
    page.locator("#draw").evaluate("map => map.scrollIntoView()")
    for x, y in ((0.3, 0.4), (0.7, 0.45)):
        touch(at(page, x, y))
    (line,) = drawn(page)
    assert len(line) == 2
    assert "2 个点" in page.locator("#told").inner_text()
    touch(*(at(page, 0.7, 0.45 + k / 40) for k in range(7)))
    (moved,) = drawn(page)
    assert len(moved) == 2
    assert moved[0] == line[0]
    assert moved[1][1] < line[1][1]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shot(page, "draw-phone")
    page.get_by_role("button", name="画好了，试算").click()
    page.get_by_role("heading", name="试算结果").wait_for()
    ready(page)
    shot(page, "draw-phone-tried")
    assert signed_in.errors == []
    phone.detach()
