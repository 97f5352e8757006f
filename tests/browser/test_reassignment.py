"""A planner gives two townships anew: asks, fixes, refuses, releases, solves again; a coordinator accepts."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.tables import Account, Duty, Person, Place
from layers.vocabulary import DutyKind, Layer, Level, Right, Role
from tests.browser.conftest import Watched, running
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.watertown import PASSWORD, add_account, build

BEGIN = dt.date(2026, 1, 1)
ELSEWHERE = ("南界镇", "南界河", "南界老张")
"""A third township with a river that nobody has, and who lives there."""


@dataclass
class Towns:
    """Two townships whose duties are given anew; and what was there before."""

    host: str
    engine: Engine
    west: str
    east: str
    released: dict[str, int]
    """Duties that may go to others, by township."""


def _fill(db: Session) -> dict[str, Any]:
    """Add to the water town people of both townships, short rivers, and a township that is none of theirs."""
    town = build(db)
    county = SmallCounty(db, town.county)
    released = {}
    for side, area, x in (("西", town.west, 100), ("东", town.east, 1200)):
        for k in range(4):
            river = county.place(
                Layer.RIVER, f"{side}支{k}", f"LINESTRING ({x} {600 + 60 * k}, {x + 500} {600 + 60 * k})"
            )
            river.name = f"{side}支河{k}"
            county.lies_in(river, area, [(0, 5000)])
            if k == 0:
                duty = Duty(
                    county_id=county.id, person_id=county.person(f"{side}村老周", area), place_id=river.id,
                    role=Role.RIVER_STEWARD, kind=DutyKind.VOLUNTEER, level=Level.VILLAGE,
                    in_force=Range(BEGIN, None),
                )  # fmt: skip
                db.add(duty)
                db.flush()
                released[area.code] = duty.id
        for name in ("老赵", "老钱", "老孙"):
            county.person(f"{side}村{name}", area)
    third = county.area("329902102000")
    third.name = ELSEWHERE[0]
    there = county.place(Layer.RIVER, "南支", "LINESTRING (100 -900, 600 -900)")
    there.name = ELSEWHERE[1]
    county.lies_in(there, third, [(0, 5000)])
    county.person(ELSEWHERE[2], third)
    for login, right in (("plan", Right.PLANNER), ("chief", Right.COORDINATOR)):
        add_account(db, town.county, login, right, town.west)
        account = db.scalars(select(Account).where(Account.login == login)).one()
        register.grant(db, Manager(Actor(os_user="tester")), account, right, Ground(county.id, town.east.id))
    return {"west": town.west.code, "east": town.east.code, "released": released}


@pytest.fixture(scope="module")
def towns(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Towns]:
    with running(server, tmp_path_factory.mktemp("data"), _fill) as (host, engine, filled):
        yield Towns(host, engine, **filled)


def sign_in(watched: Watched, towns: Towns, login: str) -> Page:
    watched.allowed.add(towns.host)
    page = watched.page
    page.context.clear_cookies()
    page.goto(f"http://{towns.host}/sign-in")
    page.get_by_label("登录名").fill(login)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(re.compile(rf"http://{towns.host}/(?!sign-in)"))
    return page


def read(page: Page) -> str:
    """Return all that a page holds; nothing of the third township, nor, for a planner, anybody's name."""
    html = page.content()
    assert not [word for word in ELSEWHERE if word in html]
    return html


def ask(page: Page, towns: Towns, code: str) -> str:
    """Ask for a proposal for one township, its first duty released; return the proposal's address."""
    page.goto(f"http://{towns.host}/planning")
    read(page)
    page.get_by_label("镇街或村").select_option(code)
    page.get_by_role("button", name="看需求").press("Enter")
    page.get_by_role("heading", name="需求：").wait_for()
    assert "村老" not in read(page), "a planner is told nobody's name"
    for layer in ("道路", "网格", "小区"):
        page.get_by_label(layer, exact=True).uncheck()
    page.get_by_text("要换人的职责").press("Enter")
    page.locator(f'input[name="release"][value="{towns.released[code]}"]').check()
    page.get_by_role("button", name="排方案").press("Enter")
    page.wait_for_url(f"http://{towns.host}/planning/*")
    assert "1 项现有的职责可以换人" in read(page)
    return page.url


def rows(page: Page) -> list[tuple[str, str, str, str]]:
    """Return place, person, reason and state of the lines on a proposal's page."""
    table = page.get_by_role("region", name="方案的条目").get_by_role("row")
    found = [row.locator("th, td").all_inner_texts() for row in table.all()[1:]]
    return [(cells[0], cells[2], cells[4], cells[5]) for cells in found]


def decide(page: Page, word: str, place: str) -> None:
    page.get_by_role("row", name=place).get_by_role("button", name=word).first.press("Enter")
    page.get_by_role("row", name=place).get_by_role("button", name="撤销").first.wait_for()


def test_two_townships_are_given_anew(watched: Watched, towns: Towns, shot: Any) -> None:
    page = sign_in(watched, towns, "plan")
    addresses = {}
    for code, side in ((towns.west, "西"), (towns.east, "东")):
        addresses[code] = ask(page, towns, code)
        before = rows(page)
        assert all(reason for _, _, reason, _ in before), "every line says why"
        assert f"河道 {side}支河0" in {place for place, *_ in before}, "what is released is asked for too"
        kept = next(one for one in before if one[0] == f"河道 {side}支河1")
        decide(page, "定下", f"{side}支河1")
        out = next(one for one in rows(page) if one[0] == f"河道 {side}支河2")
        decide(page, "排除", f"{side}支河2")
        page.get_by_role("button", name="重新求解").press("Enter")
        page.get_by_role("row", name=f"{side}支河1").get_by_text("已定").wait_for()
        after = rows(page)
        assert next(one[1] for one in after if one[0] == kept[0] and one[3] != "已排除") == kept[1]
        again = {one[1] for one in after if one[0] == out[0] and one[3] != "已排除"}
        assert out[1] not in again, "who was refused does not come back"
        shot(page, f"reassigned-{side}")
        assert page.get_by_role("button", name="成为职责").count() == 0, "a planner accepts nothing"
        read(page)

    page = sign_in(watched, towns, "chief")
    first_day = dt.date.today() + dt.timedelta(days=9)
    for address in addresses.values():
        page.goto(address)
        assert "村老" in read(page), "who gives duties sees to whom"
        page.locator("#first-day").fill(first_day.isoformat())
        page.get_by_role("button", name="成为职责").press("Enter")
        page.get_by_role("heading", name="已采纳").wait_for()
        read(page)
    _demand_duties(towns, first_day)
    assert watched.errors == []


def _demand_duties(towns: Towns, first_day: dt.date) -> None:
    """Demand that new duties begin on the day, released ones end the day before, nobody crossed a border."""
    with Session(towns.engine) as db:
        for duty_id in towns.released.values():
            held = db.get_one(Duty, duty_id).in_force
            assert (held.lower, held.upper) == (BEGIN, first_day)
        new = db.execute(
            select(Place.name, Person.name)
            .select_from(Duty)
            .join(Place, Place.id == Duty.place_id)
            .join(Person, Person.id == Duty.person_id)
            .where(Duty.in_force == Range(first_day, None))
        ).all()
        branches = [(place, person) for place, person in new if "支河" in place]
        assert {place for place, _ in branches} >= {f"{side}支河{k}" for side in "西东" for k in (0, 1)}
        assert all(place[0] == person[0] for place, person in branches if "村" in person)
        assert not [pair for pair in new if set(pair) & set(ELSEWHERE)]
