"""The documentation of the API in a browser that reaches no other host."""

from typing import Any

from tests.browser.conftest import Service, Watched


def test_the_documentation_is_drawn_from_local_files(signed_in: Watched, service: Service, shot: Any) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/docs")
    page.locator(".opblock-tag").nth(4).wait_for()
    assert "银巡 Yinxun" in page.locator(".info .title").inner_text()
    page.locator(".opblock-summary").first.click()
    page.locator(".opblock-body").first.wait_for()
    shot(page, "docs")
    assert signed_in.errors == []
