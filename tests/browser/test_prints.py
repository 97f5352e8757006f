"""Printing from a map page: the menu opens by mouse and keyboard, and gives files to print."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Service, Watched
from tests.geo_service.watertown import DAY


@pytest.mark.parametrize(
    ("link", "start"), [("A4 一页（PDF）", b"%PDF-"), ("A3 图片（PNG）", b"\x89PNG"), ("A4 图册", b"%PDF-")]
)
def test_a_map_page_gives_files_to_print(
    signed_in: Watched, service: Service, shot: Any, link: str, start: bytes
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/map/gaps?first={DAY:%Y-01-01}&last={DAY}")
    assert not page.get_by_role("link", name=link).is_visible()
    page.locator("#main").get_by_text("打印", exact=True).focus()
    page.keyboard.press("Enter")
    shot(page, "print-menu")
    with page.expect_download() as waiting:
        page.get_by_role("link", name=link).click()
    path = Path(waiting.value.path())
    assert path.read_bytes().startswith(start)
    assert waiting.value.suggested_filename.startswith("水乡县巡查空白图")
    assert signed_in.errors == []
