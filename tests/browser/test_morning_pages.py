"""The morning page on the screen and on one A4, and the page of who is on the way, in a real browser.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_morning_pages.py): two columns on a desk, one on a
phone; on paper everything on one page, in grey the bars of now and the marks of before are told apart;
nobody is blamed; the names of a rascal are text.
"""

import datetime as dt
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import reports
from geo_service.cases.reports import Said
from geo_service.clock import today_in
from geo_service.privacy import consents
from geo_service.tables import Account, Duty, Norm, Person, Place, SignIn
from layers.presets import preset
from layers.vocabulary import Channel, Layer, Right, Role
from tests.browser.conftest import Service, Watched
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_live import own_scope, walks_out
from tests.geo_service.watertown import EVIL, PASSWORD, Watertown, add_account, build

SIZES = {"phone": (390, 844), "desk": (1366, 768), "wide": (1920, 1080)}
A4_PT = (595, 842)


@dataclass
class Busy:
    """A county of its own, so that the other tests of the service find theirs as it was."""

    town: Watertown
    login: str


@pytest.fixture(scope="module")
def busy(service: Service) -> Busy:
    """A county with more of everything than the lists show; a norm is in force."""
    with Session(service.engine, expire_on_commit=False) as db, db.begin():
        town = build(db, evil=True, code="329977", made_up=False)
        login = add_account(db, town.county, "early", Right.COORDINATOR)
        county = SmallCounty(db, town.county)
        today = today_in(db, county.id)
        for k in range(12):
            person_id = county.person(f"{EVIL[:17]}老师{k}" if k == 3 else f"欧阳老师{k}", town.west)
            _duty(db, town, person_id, town.rivers[k % 2])
            for days_ago in range(k % 4, 45, 4 + k) if k > 8 else ():
                noon = dt.datetime.combine(today - dt.timedelta(days=days_ago), dt.time(1, 30), dt.UTC)
                county.patrol(county.walk((900, 12), (1300 + 20 * k, 12), start=noon), person_id)
        staff = Scope(county.id, Actor(os_user="tester"), {Right.ADMINISTRATOR: None})
        just_now = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        for k in range(9):
            said = Said(just_now, "litter.bank", place_id=town.rivers[k % 2].id, words=f"垃圾{k}")
            reports.take(db, staff, uuid.uuid4(), said, channel=Channel.STAFF, person_id=None)
        rule = preset("volunteer-river").rule.to_json()
        days = Range(dt.date(2026, 1, 1), None)
        db.add(Norm(county_id=county.id, name="每周一次", rule=rule, in_force=days))
    return Busy(town, login)


def _duty(db: Session, town: Watertown, person_id: uuid.UUID, place: Place) -> None:
    db.add(
        Duty(
            county_id=town.county.id, person_id=person_id, place_id=place.id,
            role=Role.of(Layer(place.layer)), kind="volunteer", level="village",
            in_force=Range(dt.date(2026, 1, 1), None),
        )
    )  # fmt: skip


@pytest.fixture
def early(watched: Watched, service: Service, busy: Busy) -> Iterator[Watched]:
    """A page on which that county's coordinator signed in."""
    watched.allowed.add(service.host)
    page = watched.page
    page.goto(f"http://{service.host}/sign-in")
    page.get_by_label("登录名").fill(busy.login)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"http://{service.host}/morning")
    yield watched
    page.context.clear_cookies()


def look(page: Page, name: str, shot: Any) -> None:
    for what, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} scrolls sideways at {width}"
        shot(page, f"{name}-{what}")
        page.screenshot(
            path=str(shot(page, f"{name}-{what}").with_name(f"{name}-{what}-all.png")), full_page=True
        )
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_the_morning_is_read_on_a_screen_and_printed_on_one_page(
    early: Watched, service: Service, busy: Busy, shot: Any, tmp_path: Path
) -> None:
    page = early.page
    page.goto(f"http://{service.host}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("水乡县")
    words = page.locator("main").inner_text()
    assert not re.search("失职|未履职|无人负责|不合格|批评", words)
    look(page, "morning", shot)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_text("巡河巡路、网格服务", exact=True).click()
    expect(page.get_by_text("结论为“有效”、没有作废的巡查，加上同样条件的“网格服务”")).to_be_visible()
    printed = Path(os.environ.get("SCREENSHOTS", tmp_path)) / "morning.pdf"
    for period in ("month", "year"):
        page.goto(f"http://{service.host}/morning?period={period}")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1055})  # what the margins leave of an A4
        page.screenshot(path=str(printed.with_name(f"morning-{period}-paper.png")), full_page=True)
        page.emulate_media(media="null")
        pdf = page.pdf(prefer_css_page_size=True)
        printed.with_name(f"morning-{period}.pdf").write_bytes(pdf)
        assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1, "one A4"
        box = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
        assert box
        assert [round(float(side)) for side in box.groups()] == pytest.approx(A4_PT, abs=1)
    assert early.errors == []


def test_two_clicks_lead_from_a_stretch_without_a_walk_to_the_telephone(
    early: Watched, service: Service, busy: Busy
) -> None:
    with Session(service.engine) as db, db.begin():
        county = SmallCounty(db, busy.town.county)
        person_id = county.person("周电话", busy.town.east)
        db.get_one(Person, person_id).phone = "13800001234"
        _duty(db, busy.town, person_id, busy.town.grids[1])
    page = early.page
    page.goto(f"http://{service.host}/morning")
    line = (
        page.get_by_role("region", name=re.compile("没走到的地方"))
        .get_by_role("listitem")
        .filter(has_text="G2")
    )
    line.get_by_role("link", name="G2").click()
    page.get_by_role("link", name="周电话").click()
    expect(page.get_by_role("link", name="13800001234")).to_have_attribute("href", "tel:13800001234")


def test_who_is_on_the_way_comes_and_goes_without_a_click(
    early: Watched, service: Service, busy: Busy, shot: Any
) -> None:
    page = early.page
    page.goto(f"http://{service.host}/live")
    expect(page.get_by_role("status")).to_contain_text("现在没有人在路上")
    town = busy.town
    with Session(service.engine) as db, db.begin():
        walks_out(db, town.county.id, town.person_id, minutes_ago=10, metres=1240)
    row = page.get_by_role("row").filter(has_text="王桂兰")
    expect(row).to_contain_text("1.2 公里")
    look(page, "live", shot)
    with Session(service.engine) as db, db.begin():
        consents.withdraw(db, own_scope(town.county.id, town.person_id), town.person_id)
    expect(row).to_have_count(0)
    with Session(service.engine) as db, db.begin():
        consents.give(db, own_scope(town.county.id, town.person_id), town.person_id, consents.VERSION)
    expect(row).to_be_visible()
    with Session(service.engine) as db, db.begin():
        account = select(Account.id).where(Account.login == busy.login)
        now = dt.datetime.now(dt.UTC)
        db.execute(update(SignIn).where(SignIn.account_id.in_(account)).values(revoked_at=now))
    expect(page.get_by_role("status")).to_contain_text("登录已经失效")
    expect(page.get_by_role("row")).to_have_count(1)
