"""The documentation of the API in a browser that reaches no other host."""

from typing import Any

from tests.browser.conftest import Service, Watched


def test_the_documentation_is_drawn_from_local_files(signed_in: Watched, service: Service, shot: Any) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/docs")
    tags = page.locator(".opblock-tag")
    tags.first.wait_for()
    assert "银巡 Yinxun" in page.locator(".info .title").inner_text()
    # Of so many operations only those in sight are drawn.
    seen = set(tags.all_inner_texts())
    for _ in range(200):
        if {"accounts", "cases", "coverage"} <= seen:
            break
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(200)
        seen |= set(tags.all_inner_texts())
    assert {"accounts", "cases", "coverage"} <= seen
    page.mouse.wheel(0, -200_000)
    page.locator(".opblock-summary").first.click()
    page.locator(".opblock-body").first.wait_for()
    shot(page, "docs")
    assert signed_in.errors == []
