"""The pages of cases as coordinators and handlers see them: by keyboard, narrow and wide, with axe.

What is looked for on the pictures: nothing is cut off or lies on something else; late cases stand out by
words and a bar, not by colour alone; the first thing to do is open and its button in sight on 1366 x 768;
photos, map and history are there; on 390 px the page is one column and only the table scrolls;
a script tag is text.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from sqlalchemy import text
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, reports, units
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.cases.units import UnitSaid
from geo_service.tables import Account
from layers.vocabulary import Channel, Move, Right, Severity
from tests.browser.conftest import Service, Watched
from tests.geo_service.test_plates import at
from tests.geo_service.watertown import PASSWORD, add_account

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1366, "height": 768}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def see(shot: Any) -> Any:
    """Show a page at both widths: it must not scroll sideways, and axe must find nothing."""

    def look(page: Page, name: str) -> None:
        for size, what in ((PHONE, "phone"), (DESK, "desk")):
            page.set_viewport_size(size)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{name} scrolls sideways at {size['width']}"
            shot(page, f"{name}-{what}")
            folder = shot(page, f"{name}-{what}").parent
            page.screenshot(path=str(folder / f"{name}-{what}-all.png"), full_page=True)
            found = Axe().run(page, options={"iframes": False})
            assert found.violations_count == 0, found.generate_report()

    return look


@pytest.fixture(scope="module")
def ids(service: Service) -> dict[str, Any]:
    """Cases in many states, with a unit, a handler, a photo, and what rascals write."""
    made: dict[str, Any] = {}
    with Session(service.engine, expire_on_commit=False) as db, db.begin():
        county = service.town.county
        chief = Scope(county.id, Actor(account_id=uuid.uuid4()), dict.fromkeys(Right, None))
        other = Scope(county.id, Actor(account_id=uuid.uuid4()), dict.fromkeys(Right, None))
        walker = Scope(
            county.id, Actor(account_id=uuid.uuid4()), {Right.VOLUNTEER: None},
            person_id=service.town.person_id,
        )  # fmt: skip
        unit_id = units.save(db, chief, UnitSaid("西荡镇环卫站", "张站长", "0523-83250000"))
        units.save(db, chief, UnitSaid("路桥养护公司"))
        units.set_tasks(db, chief, unit_id, [("litter", None), ("facility.lamp", service.town.west.id)])
        add_account(db, county, "handler", Right.HANDLER)
        account = db.query(Account).filter_by(login="handler").one()
        units.set_members(db, chief, unit_id, [account.id])

        def told(name: str, x: float, y: float, category: str, words: str, *moves: Wanted | Move) -> None:
            said = Said(NOW, category, at(x, y), words=words, accuracy_m=8)
            who = walker
            taken = reports.take(db, who, uuid.uuid4(), said, channel=Channel.PHONE, person_id=who.person_id)
            made[name] = taken.case_id
            for number, move in enumerate(moves):
                wanted = move if isinstance(move, Wanted) else Wanted(move, "说明")
                handling.move(db, (chief, other)[number % 2], taken.case_id, wanted)

        given = Wanted(Move.DISPATCH, unit_id=unit_id)
        told("new", 300, 6, "litter.bank", "桥北边岸上有三袋垃圾，还在往水里漏")
        told("twin", 340, 5, "litter.bank", "垃圾")
        told("evil", 700, 5, "litter.pile", EVIL)
        told("accepted", 520, 300, "road.pit", "路面有个坑", Move.ACCEPT)
        told("given", 900, 5, "litter.floating", "水面漂着塑料袋", Move.ACCEPT, given)
        told("late", 1200, 8, "litter.exposed", "桶满了没人收", Move.ACCEPT, given, Move.START)
        told("done", 1500, 5, "litter.animal", "岸边有死猪", Move.ACCEPT, given,
             Wanted(Move.FINISH, "清理了，没有照片：相机坏了"))  # fmt: skip
        told("grave", 1600, 5, "water.outlet", "排污口在排黑水")
        told("closed", 100, 5, "litter.bank", "办完的", Wanted(Move.SOLVE, "捡走了"), Move.CHECK, Move.CLOSE)
        db.execute(
            text("update \"case\" set due_at = now() - interval '9 days', supervision = 2 where id = :id"),
            {"id": made["late"]},
        )
        made["unit"] = unit_id
    return made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    image = Image.new("RGB", (900, 600), "#6c8a5a")
    pen = ImageDraw.Draw(image)
    pen.rectangle((200, 300, 700, 560), fill="#8a7048")
    pen.ellipse((300, 350, 420, 480), fill="#e8e8e8")
    path = tmp_path / "after.jpg"
    image.save(path, "JPEG")
    return path


@pytest.fixture
def handler_in(watched: Watched, service: Service, ids: dict[str, Any]) -> Iterator[Watched]:
    """A page on which a handler signed in."""
    watched.allowed.add(service.host)
    page = watched.page
    page.goto(f"http://{service.host}/sign-in")
    page.get_by_label("登录名").fill("handler")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"http://{service.host}/cases")
    yield watched
    page.context.clear_cookies()


def test_the_board_shows_what_is_late_first_and_a_new_report_by_itself(
    signed_in: Watched, service: Service, ids: dict[str, Any], see: Any
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/cases")
    rows = page.locator("table.cases tbody tr")
    expect(rows.first).to_contain_text("超期")
    expect(rows.first).to_contain_text("督办 2 级")
    expect(page.get_by_text(EVIL.split("<img", maxsplit=1)[0])).to_have_count(1)
    see(page, "cases")
    before = rows.count()
    with Session(service.engine) as db, db.begin():
        scope = Scope(service.town.county.id, Actor(account_id=uuid.uuid4()), dict.fromkeys(Right, None))
        said = Said(NOW, "water.fish", at(1800, 5), words="刚刚看到死鱼", severity=Severity.GRAVE)
        reports.take(db, scope, uuid.uuid4(), said, channel=Channel.STAFF, person_id=None)
    expect(page.get_by_text("刚刚看到死鱼")).to_be_visible(timeout=15_000)
    expect(page.locator("#news")).to_contain_text("有新的上报")
    assert rows.count() == before + 1
    page.get_by_text("查找和筛选").click()
    page.get_by_label("编号、描述或对象").fill("死猪")
    page.get_by_role("button", name="查找").click()
    expect(page.locator("table.cases tbody tr")).to_have_count(1)
    assert signed_in.errors == []


def test_a_case_goes_its_way_by_buttons(
    signed_in: Watched, service: Service, ids: dict[str, Any], see: Any, photo: Path
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/cases/{ids['new']}")
    expect(page.get_by_role("heading", name="可能是同一个问题")).to_be_visible()
    expect(page.get_by_text("王桂兰（银发河长）")).to_be_visible()
    see(page, "case-new")
    assert page.get_by_label("责任单位").locator("option:checked").inner_text().startswith("西荡镇环卫站")
    page.get_by_role("button", name="受理并交办").click()
    expect(page.locator(".sentence")).to_contain_text("已交办")
    page.locator("summary", has_text="处置完成").click()
    form = page.get_by_role("form", name="处置完成")
    form.get_by_label("说明").fill("三袋都运走了")
    form.get_by_role("button", name="处置完成").click()
    expect(page.get_by_role("alert")).to_contain_text("处置后的照片")
    form = page.get_by_role("form", name="处置完成")
    assert form.get_by_label("说明").input_value() == "三袋都运走了"
    form.get_by_label("照片").set_input_files([photo, photo])
    form.get_by_role("button", name="处置完成").click()
    expect(page.locator(".sentence")).to_contain_text("待核查")
    expect(page.locator(".steps img")).to_have_count(2)
    for picture in page.locator(".steps img").all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("(img) => img.complete && img.naturalWidth > 0", arg=picture.element_handle())
    page.evaluate("scrollTo(0, 0)")
    see(page, "case-done")
    assert signed_in.errors == [
        error for error in signed_in.errors if "422" in error
    ]  # the refused form alone


def test_another_s_work_is_checked_and_closed_at_once(
    signed_in: Watched, service: Service, ids: dict[str, Any]
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/cases/{ids['done']}")
    page.get_by_role("button", name="核查通过并办结").click()
    expect(page.locator(".sentence")).to_contain_text("已办结")


def test_what_a_rascal_writes_is_text(
    signed_in: Watched, service: Service, ids: dict[str, Any], see: Any
) -> None:
    page = signed_in.page
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(f"http://{service.host}/cases/{ids['evil']}")
    expect(page.locator(".said")).to_have_text(EVIL)
    page.goto(f"http://{service.host}/map/cases/picture?state=reported")
    page.locator(".panel input[type=search]").fill("积存垃圾")
    page.locator(".found button").first.click()
    expect(page.locator(".leaflet-popup-content")).to_contain_text(EVIL)
    assert signed_in.errors == []


def test_a_caller_s_problem_is_entered_by_keyboard_alone(
    signed_in: Watched, service: Service, ids: dict[str, Any], see: Any
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/cases/new")
    see(page, "case-enter")
    page.keyboard.type("13")  # 暴露垃圾
    page.keyboard.press("Tab")
    page.keyboard.type("中心河")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("桥头垃圾桶翻了")
    page.keyboard.press("Tab")
    page.keyboard.type("王桂兰")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("她自己扶好了")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/cases/\d+$"))
    expect(page.locator(".sentence")).to_contain_text("待核查")
    expect(page.locator("h1")).to_contain_text("暴露垃圾")
    expect(page.get_by_text("志愿者来电")).to_be_visible()
    assert signed_in.errors == []


def test_units_and_rules_are_kept_by_forms(
    signed_in: Watched, service: Service, ids: dict[str, Any], see: Any, tmp_path: Path
) -> None:
    page = signed_in.page
    page.goto(f"http://{service.host}/units")
    see(page, "units")
    page.locator("section.card", has_text="路桥养护公司").locator("summary").click()
    form = page.get_by_role("form", name="修改路桥养护公司")
    form.get_by_label("分工 1").select_option("1")
    form.get_by_label("管哪类问题").first.select_option("road")
    form.get_by_label("在哪里").first.select_option("329902100000")
    see(page, "units-open")
    form.get_by_role("button", name="保存").click()
    expect(page.get_by_text("道路损坏，西荡镇")).to_be_visible()
    page.goto(f"http://{service.host}/case-rules")
    see(page, "case-rules")
    page.get_by_label("重大的处置", exact=True).fill("0")
    page.get_by_role("button", name="保存规则").click()
    expect(page.get_by_role("alert")).to_contain_text("大于 0")
    page.get_by_label("重大的处置", exact=True).fill("15")
    page.get_by_role("button", name="保存规则").click()
    expect(page.get_by_role("status")).to_contain_text("规则已保存")
    for words in ("群众可以扫公示牌上报", "其他系统可以用 Open311"):
        page.get_by_label(words).check()
    page.get_by_role("button", name="保存规则").click()
    page.get_by_role("button", name="保存规则").click()
    for words in ("群众可以扫公示牌上报", "其他系统可以用 Open311"):
        expect(page.get_by_label(words)).to_be_checked()
        page.get_by_label(words).uncheck()
    page.get_by_role("button", name="保存规则").click()
    with page.expect_download() as kept:
        page.get_by_role("link", name="下载类别（Excel）").click()
    path = tmp_path / "categories.xlsx"
    kept.value.save_as(path)
    page.get_by_label("改好的文件").set_input_files(path)
    page.get_by_role("button", name="先试一下").first.click()
    expect(page.get_by_role("status")).to_contain_text("没有改动")
    days = tmp_path / "days.csv"
    days.write_text("日期,是否工作,名称\n2027-10-01,否,国庆节\n2027-10-09,是,调休\n", "utf-8")
    page.locator("#days-file").set_input_files(days)
    page.get_by_role("button", name="导入").click()
    expect(page.get_by_role("status")).to_contain_text("工作日 1 天")
    assert [error for error in signed_in.errors if "422" not in error] == []


def test_the_map_gathers_cases_and_parts_them(
    signed_in: Watched, service: Service, ids: dict[str, Any], shot: Any, see: Any
) -> None:
    page = signed_in.page
    page.set_viewport_size(DESK)
    page.goto(f"http://{service.host}/map/cases")
    frame = page.frame_locator("iframe.map")
    expect(frame.locator(".sign, .cluster").first).to_be_visible()
    see(page, "case-map")
    page.goto(f"http://{service.host}/map/cases/picture")
    page.locator(".leaflet-control-zoom-out").click()
    page.locator(".leaflet-control-zoom-out").click()
    page.wait_for_timeout(700)
    shot(page, "case-map-far")
    clusters = page.locator(".cluster").count()
    assert clusters >= 1
    page.locator(".cluster").first.click()
    page.wait_for_timeout(700)
    shot(page, "case-map-near")
    assert page.locator(".sign").count() >= 1
    page.locator(".sign").first.click()
    expect(page.locator(".leaflet-popup-content")).to_contain_text("期限")
    assert signed_in.errors == []


def test_a_handler_sees_his_cases_and_nothing_else(
    handler_in: Watched, service: Service, ids: dict[str, Any], see: Any
) -> None:
    page = handler_in.page
    assert page.get_by_role("navigation", name="主菜单").get_by_role("link").all_inner_texts() == ["案件"]
    see(page, "handler")
    expect(page.locator("table.cases")).not_to_contain_text("路面坑洼")
    page.goto(f"http://{service.host}/cases/{ids['given']}")
    see(page, "handler-case")
    form = page.get_by_role("form", name="申请延期")
    page.locator("summary", has_text="申请延期").click()
    form.get_by_label("延期多少个工作日").fill("3")
    form.get_by_label("说明").fill("船坏了")
    form.get_by_role("button").click()
    expect(page.locator(".sentence")).to_contain_text("申请延期 3 个工作日，等答复")
    page.goto(f"http://{service.host}/cases/{ids['accepted']}")
    expect(page.get_by_text("没有这个案件")).to_be_visible()
    page.goto(f"http://{service.host}/units")
    expect(page.get_by_text("需要「")).to_be_visible()
