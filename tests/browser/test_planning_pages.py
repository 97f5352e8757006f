"""The pages of proposals, seen: from a township's needs to duties with a date."""

import datetime as dt
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Area, Duty
from tests.browser.conftest import Service, Watched

SIZES = ({"width": 1366, "height": 768}, {"width": 1920, "height": 1080}, {"width": 390, "height": 844})


def look(page: Page, shot: Any, name: str) -> None:
    """Show a page at all widths; none scrolls sideways."""
    for size in SIZES:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} scrolls sideways at {size['width']}"
        shot(page, f"{name}-{size['width']}")
    page.set_viewport_size(SIZES[0])  # type: ignore[arg-type]


def test_from_needs_to_duties(signed_in: Watched, service: Service, shot: Any) -> None:
    page, home = signed_in.page, f"http://{service.host}"
    with Session(service.engine) as db:
        before = set(db.scalars(select(Duty.id)))
        area = db.scalars(select(Area.code).where(Area.level == "township").order_by(Area.code)).first()
    page.goto(f"{home}/planning")
    page.get_by_label("镇街或村").select_option(area)
    page.get_by_role("button", name="看需求").click()
    look(page, shot, "planning")
    page.get_by_label("每人最多（处）").fill("5")
    page.get_by_label("离家最远（公里）").fill("60")
    page.get_by_role("button", name="排方案").press("Enter")
    page.wait_for_url(f"{home}/planning/*")
    look(page, shot, "proposal")
    lines = page.get_by_role("button", name="定下").count()
    assert lines > 0
    page.get_by_role("button", name="定下").first.press("Enter")
    assert page.get_by_role("button", name="撤销").count() == 1
    page.get_by_role("button", name="重新求解").press("Enter")
    assert page.get_by_role("button", name="撤销").count() == 1
    page.locator("#first-day").fill((dt.date.today() + dt.timedelta(days=9)).isoformat())
    page.get_by_role("button", name="成为职责").press("Enter")
    page.get_by_role("heading", name="已采纳").wait_for()
    look(page, shot, "accepted")
    with Session(service.engine) as db:
        assert len(set(db.scalars(select(Duty.id))) - before) == lines
    assert signed_in.errors == []
