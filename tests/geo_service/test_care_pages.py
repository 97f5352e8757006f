"""Whom volunteers telephone, on the page of care: said, replaced, taken back, and what is wrong said back."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Area
from layers.vocabulary import Level
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import Watertown


@pytest.fixture
def area(db: Session, town: Watertown) -> int:
    """The township of the town."""
    found = select(Area.id).where(Area.county_id == town.county.id, Area.level == Level.TOWNSHIP)
    return db.scalars(found.order_by(Area.id)).first() or 0


def say(clerk: TestClient, **said: object) -> str:
    token = re.findall(r'name="csrf_token" value="([^"]+)"', clerk.get("/care").text)[-1]
    answer = clerk.post("/care/contacts", data={"csrf_token": token, **said})
    return text_of((clerk.get("/care") if answer.status_code == 303 else answer).text)


def test_a_contact_is_said_replaced_and_taken_back(clerk: TestClient, area: int) -> None:
    assert "还没有登记联系人" in text_of(clerk.get("/care").text)
    assert "张三 0523-8325 1234" in say(clerk, area=area, name="张三", phone="0523-8325 1234")
    told = say(clerk, area=area, name="李四", phone="110")
    assert "李四 110" in told
    assert "张三" not in told
    assert "还没有登记联系人" in say(clerk, area=area)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"area": "", "phone": "110"}, "请在列表里选择辖区"),
        ({"area": "１２", "phone": "110"}, "请在列表里选择辖区"),
        ({"area": "9" * 40, "phone": "110"}, "请在列表里选择辖区"),
        ({"area": "9" * 15, "phone": "110"}, "没有这个辖区"),
    ],
)
def test_what_is_no_area_is_said_back(clerk: TestClient, said: dict[str, str], words: str) -> None:
    assert words in say(clerk, **said)


def test_a_name_without_a_number_is_said_back(clerk: TestClient, area: int) -> None:
    assert "请填联系电话" in say(clerk, area=area, name="张三")
