"""The whole life of a case with five people in two townships, each in a browser of his own.

A volunteer tells it without a signal; his township's coordinator accepts it and gives it to a unit; its
handler handles it, twice; the volunteer has it done again, says that it is well, and that it is not; the
county's desk closes it. The other township's coordinator never sees any of it.
"""

# ruff: noqa: F401, F811  (fixtures of another module)
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import units
from geo_service.cases.units import UnitSaid
from geo_service.clock import today
from geo_service.figures import service as figures
from geo_service.tables import Account, Case, CaseStep
from layers.figures import Code
from layers.vocabulary import Right
from tests.browser.conftest import Service
from tests.browser.test_check_in import enter
from tests.browser.test_report import photo, report, reports_of
from tests.browser.test_volunteer import Handset, chromium, handset, person
from tests.geo_service.watertown import PASSWORD, add_account


class Desk:
    """Somebody of the office at his own computer."""

    def __init__(self, chromium: Browser, service: Service, login: str) -> None:
        self.host = f"http://{service.host}"
        self.context: BrowserContext = chromium.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN"
        )
        self.page: Page = self.context.new_page()
        self.page.goto(f"{self.host}/sign-in?next=/cases")
        self.page.get_by_label("登录名").fill(login)
        self.page.locator("#password").fill(PASSWORD)
        self.page.get_by_role("button", name="登录").click()
        self.page.wait_for_url(f"{self.host}/cases")

    def open(self, case_id: int) -> int:
        """Go to a case; return how the server answered."""
        answer = self.page.goto(f"{self.host}/cases/{case_id}")
        assert answer is not None
        return answer.status

    def step(self, words: str, said: str = "", *, unit: str = "", picture: Path | None = None) -> None:
        """Take a step by its form."""
        form = self.page.get_by_role("form", name=words, exact=True)
        if not form.is_visible():
            others = self.page.locator("details.others > summary")
            summary = self.page.locator("details.step > summary").get_by_text(words, exact=True)
            if others.count() and not summary.is_visible():
                others.click()
            summary.click()
        if said:
            form.get_by_label("说明").fill(said)
        if unit:
            form.get_by_label("责任单位").select_option(label=unit)
        if picture:
            form.get_by_label("照片").set_input_files(picture)
        form.get_by_role("button", name=words, exact=True).click()
        expect(self.page.locator("#problem")).to_have_count(0)


@pytest.fixture
def office(chromium: Browser, service: Service) -> Iterator[Callable[[str], Desk]]:
    """People of the office: two coordinators, the county's desk, a handler of the unit."""
    town = service.town
    people = {
        "west": (Right.COORDINATOR, town.west), "east": (Right.COORDINATOR, town.east),
        "county": (Right.COORDINATOR, None), "station": (Right.HANDLER, None),
    }  # fmt: skip
    with Session(service.engine) as db, db.begin():
        for login, (right, area) in people.items():
            add_account(db, town.county, f"life-{login}", right, area)
        chief = Scope(town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
        unit_id = units.save(db, chief, UnitSaid("西荡镇保洁队"))
        account = db.scalars(select(Account).where(Account.login == "life-station")).one()
        units.set_members(db, chief, unit_id, [account.id])
    made: list[Desk] = []

    def sit_down(login: str) -> Desk:
        made.append(Desk(chromium, service, f"life-{login}"))
        return made[-1]

    yield sit_down
    for desk in made:
        desk.context.close()


def say(handset: Handset, button: str, why: str = "") -> None:
    """Let the volunteer look at his report and say how it is."""
    handset.page.goto(f"{handset.host}/v")
    handset.tap("我的记录")
    handset.tap("我上报的问题")
    handset.page.get_by_role("button", name="垃圾漂浮物").tap()
    handset.tap(button)
    if why:
        handset.page.get_by_label("写一句就行").fill(why)
        handset.tap("告诉他们")
    expect(handset.page.get_by_role("heading", name="谢谢您")).to_be_visible()


def test_the_whole_life_of_a_case(
    service: Service,
    handset: Handset,
    person: Callable,
    office: Callable[[str], Desk],
    tmp_path: Path,
) -> None:
    picture = tmp_path / "after.jpg"
    picture.write_bytes(photo(640, 480))
    walker_id, card = person("一生的人")
    enter(handset, card, "一生的人")
    handset.stand(860, 6)
    handset.lose_signal()
    report(handset, "垃圾漂浮物", "水面漂浮物")
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    handset.find_signal()
    handset.page.evaluate("window.dispatchEvent(new Event('online'))")
    handset.is_sent()
    ((_, case, photos),) = reports_of(service, walker_id)
    assert len(photos) == 1

    west, east, county, station = (office(login) for login in ("west", "east", "county", "station"))
    expect(west.page.get_by_text(case.number)).to_be_visible()
    expect(east.page.get_by_text(case.number)).to_have_count(0)
    assert (east.open(case.id), station.open(case.id), west.open(case.id)) == (404, 404, 200)
    expect(west.page.locator(".photos img").first).to_be_visible()
    west.step("受理")
    west.step("交办", unit="西荡镇保洁队")
    assert station.open(case.id) == 200
    station.step("开始处置")
    station.step("处置完成", "捞干净了", picture=picture)
    say(handset, "没弄好", "还有一大片")
    station.open(case.id)
    expect(station.page.get_by_text("还有一大片")).to_be_visible()
    station.step("处置完成", "又捞了一遍", picture=picture)
    say(handset, "弄好了，可以办结")
    west.open(case.id)
    expect(west.page.locator("form").get_by_role("button", name="办结", exact=True)).to_have_count(0)
    county.open(case.id)
    county.step("办结")
    say(handset, "又没弄好", "又漂来了")
    west.open(case.id)
    west.step("交办", unit="西荡镇保洁队")
    station.open(case.id)
    station.step("处置完成", "装了拦网", picture=picture)
    say(handset, "弄好了，可以办结")
    county.open(case.id)
    county.step("办结")
    assert east.open(case.id) == 404
    api = east.page.request.get(f"{east.host}/api/cases/{case.id}")
    assert api.status == 404

    told(service, case.id)


def told(service: Service, case_id: int) -> None:
    """Hold what is stored against what was done."""
    with Session(service.engine) as db:
        row = db.get_one(Case, case_id)
        steps = select(CaseStep.move).where(CaseStep.case_id == case_id).order_by(CaseStep.id)
        moves = db.scalars(steps).all()
        chief = Scope(service.town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
        day = today(service.town.county)
        asked = figures.asked(db, chief, day, day)
        counted = figures.figures(db, chief, asked, listed=[Code.X6]).figures[Code.X6]
    assert (row.state, row.reworks, row.reopened) == ("closed", 1, 1)
    assert moves == [
        "report", "accept", "dispatch", "start", "finish", "rework", "finish", "check", "close", "reopen",
        "dispatch", "finish", "check", "close",
    ]  # fmt: skip
    assert f"case/{case_id}" in counted.ids
