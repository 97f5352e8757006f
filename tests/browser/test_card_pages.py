"""The coordinator's pages of cards, phones and recorders in a browser.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_card_pages.py), on a desk's screen and on a phone's:
- what to do first stands first; the dangerous button is not the loudest; nothing lies over something else;
- a code is large enough to be scanned from the screen, with white around it; the words say who scans what;
- it is said what cannot be had again, and what to do when it is lost;
- a table too wide for a phone scrolls by itself, the page does not.
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.devices import links
from geo_service.devices import service as devices
from geo_service.tables import Person
from layers.vocabulary import Right
from tests.browser.conftest import Service, Watched

DESK, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}


def _today() -> dt.date:
    """Return the county's day, which begins before that of a machine in UTC."""
    return dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()


@pytest.fixture
def volunteer(service: Service) -> Callable[..., tuple[uuid.UUID, str]]:
    """Add somebody to the eastern township, with a card and so many phones."""

    def add(name: str, phones: int = 0) -> tuple[uuid.UUID, str]:
        with Session(service.engine) as db, db.begin():
            row = Person(county_id=service.town.county.id, name=name, area_id=service.town.east.id)
            db.add(row)
            db.flush()
            scope = Scope(row.county_id, Actor(os_user="t"), dict.fromkeys(Right, None))
            (made,) = devices.make_cards(db, scope, [row.id])
            for _ in range(phones):
                model = "Mozilla/5.0 (Linux; Android 10; MAR-AL00 Build/HUAWEI; wv) MicroMessenger/8"
                devices.enter(db, made.secret, secrets.token_urlsafe(32), model, request_id=None)
            return row.id, made.secret

    return add


def looked_at(page: Page, name: str, shot: Callable[[Page, str], Path]) -> None:
    """Check what can be measured of a page, on both screens, and keep its pictures."""
    for word, size in (("phone", PHONE), ("desk", DESK)):
        page.set_viewport_size(size)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is wider than a {word}"
        found = Axe().run(page).response["violations"]
        wrong = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found]
        assert wrong == [], f"{name} on a {word}"
        page.set_viewport_size({**size, "height": page.evaluate("document.documentElement.scrollHeight")})
        shot(page, f"{name} {word}")
    page.set_viewport_size(DESK)


def test_from_the_start_page_a_phone_is_admitted_in_two_taps(
    service: Service, signed_in: Watched, volunteer, shot
) -> None:
    person_id, _ = volunteer("两部手机", phones=2)
    desk = signed_in.page
    desk.goto(f"http://{service.host}/")
    looked_at(desk, "start", shot)
    desk.get_by_role("link", name="等待同意的手机").click()
    waiting = desk.get_by_role("region", name="两部手机的手机")
    expect(waiting.get_by_text("MAR-AL00，微信")).to_be_visible()
    looked_at(desk, "waiting", shot)
    waiting.get_by_role("button", name="同意", exact=True).click()
    expect(waiting).to_have_count(0)
    desk.goto(f"http://{service.host}/people/{person_id}/cards")
    expect(desk.get_by_role("row", name="手机 MAR-AL00，微信")).to_have_count(2)
    expect(desk.get_by_text("等待同意")).to_have_count(0)
    looked_at(desk, "person's cards", shot)


def test_a_revoked_card_goes_with_its_phones(service: Service, signed_in: Watched, volunteer, shot) -> None:
    person_id, card = volunteer("丢了卡片", phones=1)
    desk = signed_in.page
    desk.goto(f"http://{service.host}/people/{person_id}/cards")
    row = desk.get_by_role("row", name=f"卡片 尾号 {card[-4:]}，开通了 1 部手机")
    row.get_by_role("button", name="停用").click()
    expect(desk.get_by_text("还没有卡片。")).to_be_visible()
    desk.get_by_role("button", name="做一张新卡片").click()
    code = desk.get_by_role("img", name="丢了卡片的卡片二维码").bounding_box()
    assert code is not None
    assert code["width"] == code["height"] >= 240
    looked_at(desk, "new card", shot)
    with desk.expect_download() as download:
        desk.get_by_label("卡片上写全名").check()
        desk.get_by_role("button", name="打印成卡片（PDF）").click()
    assert download.value.suggested_filename == f"志愿者卡片-{_today().isoformat()}.pdf"
    assert download.value.path().read_bytes().startswith(b"%PDF")


def test_cards_of_a_township_are_printed(service: Service, signed_in: Watched, volunteer, shot) -> None:
    volunteer("有卡片")
    with Session(service.engine) as db, db.begin():
        for k in range(9):
            db.add(Person(county_id=service.town.county.id, name=f"没卡{k}", area_id=service.town.east.id))
    desk = signed_in.page
    desk.goto(f"http://{service.host}/people")
    desk.get_by_role("link", name="打印卡片").click()
    desk.get_by_label("哪个镇街、村居").select_option("329902101000")
    desk.get_by_role("button", name="看看有几人").click()
    expect(desk.get_by_text("其中 9 人还没有卡片")).to_be_visible()
    looked_at(desk, "sheets", shot)
    expect(desk.get_by_label("只给还没有卡片的人")).to_be_checked()
    with desk.expect_download() as download:
        desk.get_by_role("button", name="做卡片，下载 PDF").click()
    assert download.value.path().read_bytes().count(b"/Type /Page /") == 2
    desk.reload()
    expect(desk.get_by_text("其中 0 人还没有卡片")).to_be_visible()
    desk.get_by_role("button", name="做卡片，下载 PDF").click()
    expect(desk.get_by_role("alert")).to_contain_text("没有做卡片")
    looked_at(desk, "nobody left", shot)


@pytest.mark.parametrize("app", ["Traccar Client", "OwnTracks"])
def test_another_recorder_is_set_up_by_a_code_that_is_seen_once(
    service: Service, signed_in: Watched, volunteer, shot, monkeypatch: pytest.MonkeyPatch, app: str
) -> None:
    monkeypatch.setattr(links, "are_heard", lambda: True)
    person_id, _ = volunteer(f"用{app}")
    desk = signed_in.page
    desk.goto(f"http://{service.host}/people/{person_id}/cards")
    looked_at(desk, "offered", shot)
    desk.get_by_role("button", name=f"设置 {app}").click()
    code = desk.get_by_role("img", name=f"{app} 的设置二维码")
    expect(code).to_be_visible()
    first = code.get_attribute("src")
    desk.get_by_text("扫不了？照着填").click()
    looked_at(desk, f"set up {app}", shot)
    desk.get_by_role("link", name=f"回到用{app}的卡片和手机").click()
    expect(desk.get_by_role("img")).to_have_count(0)
    desk.get_by_role("row", name=f"记录软件 {app}").get_by_role("button", name="换密钥").click()
    expect(code).to_be_visible()
    assert code.get_attribute("src") != first
