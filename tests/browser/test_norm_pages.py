"""The pages of norms, seen: no preset to nothing due, on a wide screen and on a telephone's width."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Service, Watched

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 860}


@pytest.fixture
def see(shot: Any) -> Any:
    """Show a page at both widths; neither scrolls sideways."""

    def look(page: Page, name: str) -> None:
        for size, what in ((DESK, "desk"), (PHONE, "phone")):
            page.set_viewport_size(size)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{name} scrolls sideways at {size['width']}"
            shot(page, f"{name}-{what}")
        page.set_viewport_size(DESK)

    return look


def test_from_a_preset_to_what_is_due(signed_in: Watched, service: Service, see: Any) -> None:
    page = signed_in.page
    home = f"http://{service.host}"
    page.goto(f"{home}/norms")
    assert page.get_by_text("还没有标准：只有次数和覆盖，没有达标率。").is_visible()
    see(page, "norms-empty")
    page.get_by_role("button", name="用「银发河长：每周一次，每次10分钟、300米」起草稿").click()
    page.get_by_label("沿线走的米数").fill("900")
    page.get_by_role("button", name="保存草稿").click()
    page.locator("#first").fill("2026-04-27")
    page.locator("#last").fill("2026-05-10")
    page.get_by_role("button", name="试一试（什么也不改）").click()
    assert page.get_by_role("heading", name="结论会不同的巡查").is_visible()
    see(page, "norm-draft")
    page.get_by_role("button", name="采用", exact=True).click()
    assert page.get_by_text("执行中").is_visible()
    see(page, "norm-adopted")
    page.goto(f"{home}/norms")
    page.get_by_text("登记请假、天气或替班").click()
    page.get_by_label("谁（请假、替班）").fill("王桂兰")
    page.get_by_label("原因").fill("看病")
    page.get_by_role("button", name="登记", exact=True).click()
    assert page.get_by_role("cell", name="看病").is_visible()
    see(page, "norms")
    page.goto(f"{home}/due?by=period")
    see(page, "due")
    assert signed_in.errors == []


def test_what_waits_is_decided_on_its_page(signed_in: Watched, service: Service, see: Any) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/patrols?verdict=counted")
    see(page, "patrols")
    page.goto(f"http://{service.host}/patrols/{service.town.patrol_id}")
    page.get_by_text("核对这次巡查").click()
    page.get_by_label("核对的依据").fill("问过本人")
    page.get_by_role("button", name="核对为有效").click()
    assert page.get_by_text("由协调员核对：问过本人").is_visible()
    page.get_by_text("核对这次巡查").click()
    page.get_by_text("核对这次巡查").scroll_into_view_if_needed()
    see(page, "review")
    assert signed_in.errors == []
