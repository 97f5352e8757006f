"""Checking in at a plate with a phone, and the pages of plates.

Looked at, in three type sizes (SCREENSHOTS=folder pytest tests/browser/test_check_in.py):
- one question a screen, its button is the largest; it is said why the position is looked at;
- what happened comes first, then what to do next; nothing blames the walker;
- the page behind a plate can be read at arm's length, and the telephone is a button.
"""

# ruff: noqa: F401, F811  (fixtures of another module)
import datetime as dt
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.plates import service as plates
from geo_service.plates.service import Hung, Wanted
from geo_service.privacy import consents
from geo_service.tables import CheckIn, Patrol
from layers.crs import to_lonlat
from layers.vocabulary import Right
from tests.browser.conftest import Service, Watched
from tests.browser.test_card_pages import looked_at
from tests.browser.test_volunteer import (
    PHONE,
    Handset,
    begin,
    chromium,
    handset,
    look,
    patrols_of,
    person,
)
from tests.geo_service.conftest import CRS, ORIGIN

KEPT = """async () =>
  (await navigator.serviceWorker.getRegistrations()).filter((one) => one.active).length === 2"""
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def plate(service: Service) -> Hung:
    """A plate at the middle of the river, by the first of its metres."""
    with Session(service.engine) as db, db.begin():
        lon, lat = to_lonlat(np.array([[60.0, 0.0]]) + ORIGIN, CRS)[0].tolist()
        wanted = Wanted(service.town.rivers[0].id, "中心桥西北角", (lon, lat))
        return plates.make(db, _staff(service), wanted)


def _staff(service: Service) -> Scope:
    return Scope(service.town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))


def scans_of(service: Service, person_id: uuid.UUID) -> list[tuple[CheckIn, Patrol]]:
    with Session(service.engine, expire_on_commit=False) as db:
        found = select(CheckIn, Patrol).join(Patrol, Patrol.id == CheckIn.patrol_id)
        return [
            (a, b) for a, b in db.execute(found.where(Patrol.person_id == person_id).order_by(CheckIn.at))
        ]


def enter(handset: Handset, card: str, name: str) -> None:
    handset.scan(card)
    handset.page.get_by_role("heading", name=f"{name}，您好").wait_for()
    handset.until("() => navigator.serviceWorker.controller !== null")


def open_plate(handset: Handset, plate: Hung) -> None:
    """Scan the code with the phone's camera, which opens its address."""
    handset.page.goto(f"{handset.host}/p/{plate.id}")


def test_from_the_plate_to_checked_in_in_two_taps_without_a_consent(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    person_id, card = person("不记路")
    enter(handset, card, "不记路")
    handset.stand(70, 3)
    open_plate(handset, plate)
    handset.page.get_by_role("link", name="打卡", exact=True).tap()
    expect(handset.page.get_by_role("heading", name="您在中心河，打卡？")).to_be_visible()
    assert "#" not in handset.page.url
    handset.tap("打卡")
    expect(handset.page.get_by_role("heading", name="已打卡")).to_be_visible()
    expect(handset.page.get_by_text("在中心河打卡，已收到")).to_be_visible()
    ((scan, outing),) = scans_of(service, person_id)
    assert (outing.evidence, outing.place_id) == ("check_in", service.town.rivers[0].id)
    assert (scan.lon, scan.is_near) == (None, True)
    assert scan.away_m == pytest.approx(10.4, abs=0.5)
    handset.tap("好的")
    handset.tap("我的记录")
    expect(handset.page.get_by_text("中心河 打卡")).to_be_visible()


def test_who_refuses_to_be_recorded_is_told_how_to_check_in(
    handset: Handset,
    person: Callable,
) -> None:
    _, card = person("不同意")
    enter(handset, card, "不同意")
    expect(handset.page.get_by_text("不记路线也可以")).to_be_visible()
    handset.tap("开始巡查")
    expect(handset.page.get_by_text("可以到公示牌旁扫码打卡")).to_be_visible()
    handset.tap("先不同意")
    expect(handset.page.get_by_role("heading", name="不记路线，也能打卡")).to_be_visible()
    handset.tap("知道了")
    expect(handset.page.get_by_role("heading", name="不同意，您好")).to_be_visible()


def test_without_signal_a_plate_is_scanned_all_the_same_and_counts_once(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    person_id, card = person("没信号打卡")
    enter(handset, card, "没信号打卡")
    # Both workers have what they need before the signal is gone.
    handset.until(
        "async () => (await navigator.serviceWorker.getRegistrations()).filter((r) => r.active).length === 2"
    )
    handset.stand(60, 3)
    handset.lose_signal()
    open_plate(handset, plate)
    expect(handset.page.get_by_role("heading", name="您在公示牌旁，打卡？")).to_be_visible()
    handset.tap("打卡")
    expect(handset.page.get_by_role("heading", name="打卡记在手机里了")).to_be_visible()
    expect(handset.page.get_by_text("还有 1 条没上传")).to_be_visible()
    handset.kill()
    handset.page.goto(f"{handset.host}/v")
    expect(handset.page.get_by_text("还有 1 条没上传")).to_be_visible()
    assert scans_of(service, person_id) == []
    handset.find_signal()
    handset.is_sent()
    ((scan, _),) = scans_of(service, person_id)
    assert (scan.is_near, dt.datetime.now(dt.UTC) - scan.at < dt.timedelta(minutes=10)) == (True, True)


def test_a_reply_that_is_cut_is_no_second_check_in(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    person_id, card = person("断回复")
    enter(handset, card, "断回复")
    handset.stand(60, 3)
    cut = []

    def after_the_commit(route) -> None:
        if cut:
            route.continue_()
            return
        cut.append(route.fetch().status)
        route.abort()

    handset.page.route("**/api/v/check-ins/*", after_the_commit)
    handset.page.goto(f"{handset.host}/v#p={plate.id}")
    handset.tap("打卡")
    expect(handset.page.get_by_role("heading", name="已打卡")).to_be_visible(timeout=20_000)
    assert cut == [201]
    assert len(scans_of(service, person_id)) == 1


def test_a_phone_that_tells_no_position_checks_in_for_review(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    person_id, card = person("没位置")
    enter(handset, card, "没位置")
    handset.context.clear_permissions()
    open_plate(handset, plate)
    handset.page.get_by_role("link", name="打卡", exact=True).tap()
    handset.tap("打卡")
    expect(handset.page.get_by_role("heading", name="手机没有让我们看位置")).to_be_visible()
    handset.tap("不带位置打卡")
    expect(handset.page.get_by_text("没有核对到位置")).to_be_visible()
    ((scan, outing),) = scans_of(service, person_id)
    assert (scan.away_m, scan.is_near, outing.verdict) == (None, False, "review")


def test_on_a_walk_a_scan_belongs_to_it_and_the_walk_goes_on(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    person_id, card = person("边走边扫")
    begin(handset, card)
    handset.walk(20, 40, 60)
    open_plate(handset, plate)
    handset.page.get_by_role("link", name="打卡", exact=True).tap()
    handset.tap("打卡")
    handset.page.get_by_role("heading", name="已打卡").wait_for()
    handset.tap("回到巡查")
    handset.tap("接着走")
    handset.walk(90, 120, 150)
    handset.end()
    handset.is_sent()
    (patrol,) = patrols_of(service, person_id)
    assert (patrol.evidence, patrol.settled_at is not None) == ("track", True)
    ((_, outing),) = scans_of(service, person_id)
    assert outing.id == patrol.id


def test_a_check_in_does_not_wait_for_a_walk_that_waits_for_a_consent(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    person_id, card = person("撤回的")
    begin(handset, card)
    handset.lose_signal()
    handset.walk(30, 60, 90)
    handset.end()
    with Session(service.engine) as db, db.begin():
        consents.withdraw(db, _staff(service), person_id)
    handset.find_signal()
    handset.page.goto(f"{handset.host}/v#p={plate.id}")
    handset.tap("打卡")
    expect(handset.page.get_by_role("heading", name="已打卡")).to_be_visible(timeout=20_000)
    ((_, outing),) = scans_of(service, person_id)
    assert outing.evidence == "check_in"


def test_a_plate_that_was_taken_down_is_told_at_once(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    _, card = person("旧牌子")
    enter(handset, card, "旧牌子")
    with Session(service.engine) as db, db.begin():
        plates.revoke(db, _staff(service), plate.id)
    open_plate(handset, plate)
    expect(handset.page.get_by_role("heading", name="这块公示牌已经停用")).to_be_visible()
    handset.page.goto(f"{handset.host}/v#p={plate.id}")
    expect(handset.page.get_by_role("heading", name="这块牌子不能打卡")).to_be_visible()
    expect(handset.page.get_by_text("请找协调员核对")).to_be_visible()


def test_every_screen_of_checking_in_can_be_read_and_touched(
    service: Service,
    handset: Handset,
    person: Callable,
    plate: Hung,
) -> None:
    folder = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    _, card = person("看打卡")
    enter(handset, card, "看打卡")
    handset.tap("开始巡查")
    look(handset, "consent with check-in", folder)
    handset.tap("先不同意")
    look(handset, "how to check in", folder)
    handset.stand(60, 3)
    open_plate(handset, plate)
    handset.page.get_by_role("link", name="打卡", exact=True).tap()
    handset.page.get_by_role("heading", name="您在中心河，打卡？").wait_for()
    look(handset, "check in", folder)
    handset.lose_signal()
    handset.tap("打卡")
    handset.page.get_by_role("heading", name="打卡记在手机里了").wait_for()
    look(handset, "checked in without signal", folder)
    handset.find_signal()
    handset.page.get_by_role("heading", name="已打卡").wait_for()
    look(handset, "checked in", folder)
    handset.context.clear_permissions()
    handset.page.goto(f"{handset.host}/v#p={plate.id}")
    handset.page.get_by_role("heading", name="您在中心河，打卡？").wait_for()
    handset.tap("打卡")
    handset.page.get_by_role("heading", name="手机没有让我们看位置").wait_for()
    look(handset, "no position", folder)


def _read(page: Page, name: str, shot: Callable[[Page, str], Path]) -> None:
    """Check what can be measured of a page before the door, at three sizes of type and two widths."""
    for size in (16, 22, 30):
        page.evaluate(f"document.body.style.fontSize = '{size}px'")
        for width in (360, 320):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate(WIDE) <= 0, f"{name} at {size} px is wider than {width} px"
        found = Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == [], f"{name} at {size} px"
        page.set_viewport_size(PHONE)
        shot(page, f"{name} {size}")


def test_the_page_behind_a_plate_can_be_read_by_anybody(
    watched: Watched, service: Service, plate: Hung, shot
) -> None:
    watched.allowed.add(service.host)
    page = watched.page
    page.goto(f"http://{service.host}/p/{plate.id}")
    expect(page.get_by_role("heading", name="中心河")).to_be_visible()
    expect(page.get_by_text("王桂兰")).to_have_count(0)
    expect(page.get_by_role("link", name="我是志愿者，我要打卡")).to_be_visible()
    _read(page, "plate", shot)
    page.goto(f"http://{service.host}/p/nothing")
    expect(page.get_by_role("heading", name="这块公示牌已经停用")).to_be_visible()
    _read(page, "plate gone", shot)
    page.set_viewport_size({"width": 1280, "height": 860})
    watched.errors.clear()  # the browser tells of the 404 that was asked for


def test_a_coordinator_makes_prints_and_replaces_plates(service: Service, signed_in: Watched, shot) -> None:
    desk = signed_in.page
    desk.goto(f"http://{service.host}/places")
    desk.get_by_role("link", name="公示牌").click()
    desk.get_by_label("哪个镇街、村居").select_option("329902101000")
    desk.get_by_role("button", name="查看").click()
    looked_at(desk, "plates", shot)
    desk.get_by_label("图层").select_option("grid")
    with desk.expect_download() as download:
        desk.get_by_role("button", name="打印，下载 PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    desk.goto(f"http://{service.host}/places/{service.town.road.id}")
    desk.get_by_role("link", name="公示牌").click()
    desk.get_by_label("挂在哪里").fill("路口东")
    desk.get_by_label("经度").fill("1")
    desk.get_by_label("纬度").fill("2")
    desk.get_by_role("button", name="做一块公示牌").click()
    expect(desk.get_by_role("alert")).to_contain_text("请核对位置")
    looked_at(desk, "place's plates refused", shot)
    expect(desk.get_by_label("挂在哪里")).to_have_value("路口东")
    desk.get_by_label("经度").fill("")
    desk.get_by_label("纬度").fill("")
    desk.get_by_role("button", name="做一块公示牌").click()
    row = desk.get_by_role("row").filter(has_text="路口东")
    expect(row).to_have_count(1)
    looked_at(desk, "place's plates", shot)
    before = row.get_by_role("rowheader").inner_text()
    row.get_by_role("button", name="换新牌").click()
    expect(desk.get_by_role("row").filter(has_text="路口东")).to_have_count(1)
    assert desk.get_by_role("row").filter(has_text="路口东").get_by_role("rowheader").inner_text() != before
