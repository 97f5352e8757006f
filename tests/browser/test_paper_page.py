"""Typing outings from paper and calls, without a mouse.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_paper_page.py), at 1280 and 390 px:
- the rows are one table that scrolls within itself; what is wrong stands right below its row;
- what was typed is still there after an error; what is done is said first.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Patrol, Person
from tests.browser.conftest import Service, Watched

pytestmark = pytest.mark.usefixtures("service")


@pytest.fixture
def names(service: Service) -> tuple[str, str, str]:
    """Two volunteers of the western township, and a river."""
    with Session(service.engine) as db, db.begin():
        for name in ("周桂兰", "吴德胜"):
            found = select(Person).where(Person.name == name, Person.county_id == service.town.county.id)
            if db.scalar(found) is None:
                db.add(Person(county_id=service.town.county.id, name=name, area_id=service.town.west.id))
    return "周桂兰", "吴德胜", str(service.town.rivers[0].code)


def looked_at(page: Page, name: str, shot: Callable[[Page, str], Path]) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 860})
        shot(page, f"paper-{name}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{name} at {width}"
        )
    page.set_viewport_size({"width": 1280, "height": 860})
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    assert found.violations_count == 0, found.generate_report()


def stored(service: Service, note: str) -> list[Patrol]:
    with Session(service.engine, expire_on_commit=False) as db:
        return [p for p in db.scalars(select(Patrol).order_by(Patrol.day)) if p.record.get("content") == note]


def test_rows_are_typed_by_the_keyboard_alone(
    service: Service, signed_in: Watched, names: tuple[str, str, str], shot: Callable[[Page, str], Path]
) -> None:
    first, second, river = names
    page = signed_in.page
    page.goto(f"http://{service.host}/patrols")
    page.get_by_role("link", name="补录纸质记录或电话").press("Enter")
    page.get_by_label("第 1 行 巡查人").focus()
    page.keyboard.type(first)
    for word in ("2026-05-01", river, "8:00", "9:30", "", "正常一"):
        page.keyboard.press("Tab")
        if word:
            page.keyboard.press("ControlOrMeta+a")
            page.keyboard.type(word)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # at the end of a row: the next one
    expect(page.get_by_label("第 2 行 巡查人")).to_be_focused()
    page.keyboard.type(second)
    page.keyboard.press("Tab")
    expect(page.get_by_label("第 2 行 日期")).to_have_value("2026-05-01")
    expect(page.get_by_label("第 2 行 对象")).to_have_value(river)
    page.get_by_label("第 2 行 巡查内容").focus()
    page.keyboard.type("正常一")
    page.keyboard.press("Enter")  # the same column below
    expect(page.get_by_label("第 3 行 巡查内容")).to_be_focused()
    looked_at(page, "typed", shot)
    page.get_by_role("button", name="登记", exact=True).press("Enter")
    expect(page.get_by_role("status", name="已登记")).to_contain_text("已登记 2 行")
    looked_at(page, "done", shot)
    assert [patrol.evidence for patrol in stored(service, "正常一")] == ["paper", "paper"]


def test_what_is_wrong_stays_with_its_reason_and_a_block_is_pasted(
    service: Service, signed_in: Watched, names: tuple[str, str, str], shot: Callable[[Page, str], Path]
) -> None:
    first, second, river = names
    page = signed_in.page
    page.goto(f"http://{service.host}/paper")
    page.get_by_label("口头告知（打电话说的）").check()
    page.get_by_label("谁接的电话（口头告知才填）").fill("小张")
    block = "\n".join(
        "\t".join((name, f"2026-06-{k:02d}", river, "8:00", "9:00", "", "正常二"))
        for k, name in enumerate([first, second, "没有的人", *[first] * 8], 1)
    )
    page.get_by_label("第 1 行 巡查人").focus()
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
          document.activeElement.dispatchEvent(event);
        }""",
        block,
    )
    expect(page.get_by_label("第 11 行 日期")).to_have_value("2026-06-11")
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_role("status", name="已登记")).to_contain_text("已登记 10 行")
    left = page.get_by_label("第 1 行 巡查人")
    expect(left).to_have_value("没有的人")
    expect(left).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#why-1")).to_contain_text("没有的人")
    looked_at(page, "wrong", shot)
    left.fill(second)
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_role("status", name="已登记")).to_contain_text("已登记 1 行")
    told = stored(service, "正常二")
    assert [patrol.evidence for patrol in told] == ["stated"] * 11
    assert {patrol.record["told_to"] for patrol in told} == {"小张"}
    assert told[2].day == dt.date(2026, 6, 3)


def test_a_consent_on_paper_is_entered_and_taken_back(
    service: Service, signed_in: Watched, names: tuple[str, str, str], shot: Callable[[Page, str], Path]
) -> None:
    with Session(service.engine) as db:
        person_id = db.scalars(select(Person.id).where(Person.name == names[0])).first()
    page = signed_in.page
    page.goto(f"http://{service.host}/people/{person_id}")
    page.get_by_role("button", name="本人已在纸上签字同意，登记").click()
    expect(page.get_by_text("已同意（")).to_be_visible()
    looked_at(page, "consent", shot)
    page.get_by_role("button", name="本人要求撤回，登记").click()
    page.get_by_role("link", name="同意书").click()
    expect(page.get_by_role("heading", name="记录巡查路线，先请您同意")).to_be_visible()
    page.emulate_media(media="print")
    looked_at(page, "sheet", shot)
    page.emulate_media(media="screen")
