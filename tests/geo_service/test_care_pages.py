"""Whom volunteers telephone, on the page of care: said, replaced, taken back, and what is wrong said back."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Area
from layers.vocabulary import Level, Right
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import PASSWORD, Watertown, add_account, build


@pytest.fixture
def town(db: Session) -> Watertown:
    return build(db)


@pytest.fixture
def page(db: Session, client: TestClient, town: Watertown) -> TestClient:
    add_account(db, town.county, "clerk", Right.COORDINATOR)
    assert sign_in(client, "clerk", PASSWORD).status_code == 303
    return client


@pytest.fixture
def area(db: Session, town: Watertown) -> int:
    """The township of the town."""
    found = select(Area.id).where(Area.county_id == town.county.id, Area.level == Level.TOWNSHIP)
    return db.scalars(found.order_by(Area.id)).first() or 0


def say(page: TestClient, **said: object) -> str:
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page.get("/care").text)[-1]
    answer = page.post("/care/contacts", data={"csrf_token": token, **said})
    return text_of((page.get("/care") if answer.status_code == 303 else answer).text)


def test_a_contact_is_said_replaced_and_taken_back(page: TestClient, area: int) -> None:
    assert "还没有登记联系人" in text_of(page.get("/care").text)
    assert "张三 0523-8325 1234" in say(page, area=area, name="张三", phone="0523-8325 1234")
    told = say(page, area=area, name="李四", phone="110")
    assert "李四 110" in told
    assert "张三" not in told
    assert "还没有登记联系人" in say(page, area=area)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"area": "", "phone": "110"}, "请在列表里选择辖区"),
        ({"area": "１２", "phone": "110"}, "请在列表里选择辖区"),
        ({"area": "9" * 40, "phone": "110"}, "请在列表里选择辖区"),
        ({"area": "9" * 15, "phone": "110"}, "没有这个辖区"),
    ],
)
def test_what_is_no_area_is_said_back(page: TestClient, said: dict[str, str], words: str) -> None:
    assert words in say(page, **said)


def test_a_name_without_a_number_is_said_back(page: TestClient, area: int) -> None:
    assert "请填联系电话" in say(page, area=area, name="张三")
