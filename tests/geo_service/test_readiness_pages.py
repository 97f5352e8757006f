"""What somebody is ready for, on his page: kept as it was said, and what is wrong is said back."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.planning import ready
from geo_service.planning.ready import Ready
from geo_service.tables import Person
from layers.vocabulary import Layer, Right
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import Watertown


def fields(html: str) -> dict[str, object]:
    """Return what the form of a page would send unchanged."""
    said: dict[str, object] = {
        name: value.replace("&#39;", "'")
        for name, value in re.findall(r'<input id="[\w-]+" name="(\w+)"[^>]* value="([^"]*)"', html)
    }
    said["layers"] = re.findall(r'name="layers" value="(\w+)" checked', html)
    if 'name="open" value="1" checked' in html:
        said["open"] = "1"
    said["csrf_token"] = re.findall(r'name="csrf_token" value="([^"]+)"', html)[-1]
    return said


def known(db: Session, town: Watertown) -> Ready:
    scope = Scope(town.county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    return ready.get(db, scope, town.person_id)


def test_what_is_said_is_kept_and_shown_as_it_was_said(
    db: Session, clerk: TestClient, town: Watertown
) -> None:
    where = f"/people/{town.person_id}/readiness"
    assert "愿意负责什么" in clerk.get(f"/people/{town.person_id}").text
    said = fields(clerk.get(where).text)
    assert (said["layers"], said["open"], said["likes"]) == ([layer.value for layer in Layer], "1", "")
    said |= {
        "most_places": "1", "most_km": "2.5", "farthest_km": "1.2", "layers": ["river", "grid"],
        "likes": "生产河、G1，生产河", "avoids": "D1",
    }  # fmt: skip
    assert clerk.post(where, data=said, follow_redirects=False).status_code == 303
    likes = (town.rivers[1].id, town.grids[0].id)
    layers = (Layer.RIVER, Layer.GRID)
    assert known(db, town) == Ready(True, 1, 2500, 1200, layers, likes, (town.road.id,))
    again = fields(clerk.get(where).text)
    assert (again["likes"], again["avoids"], again["most_km"]) == ("生产河、G1", "D1", "2.5")
    assert clerk.post(where, data=again, follow_redirects=False).status_code == 303
    assert known(db, town) == Ready(True, 1, 2500, 1200, layers, likes, (town.road.id,))
    del again["open"]
    clerk.post(where, data=again)
    assert known(db, town).is_open is False


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"likes": "没有这条河"}, "没有叫「没有这条河」的对象"),
        ({"likes": "同名河"}, "不止一个，请写编码"),
        ({"likes": "G1", "avoids": "G1"}, "同一处不能既想要又不想要"),
        ({"most_places": "一处"}, "要填数字"),
        ({"most_places": "1.5"}, "要填整数"),
        ({"most_km": "-1"}, "上限要是不小于 0"),
    ],
)
def test_what_is_wrong_is_said_with_all_that_was_typed(
    db: Session, clerk: TestClient, town: Watertown, wrong: dict[str, str], told: str
) -> None:
    for place in town.rivers[1:]:
        place.name = "同名河"
    db.flush()
    where = f"/people/{town.person_id}/readiness"
    said = fields(clerk.get(where).text) | {"farthest_km": "3"} | wrong
    answer = clerk.post(where, data=said)
    assert answer.status_code == 422
    assert told in text_of(answer.text)
    back = fields(answer.text)
    assert back["farthest_km"] == "3"
    assert all(back[name] == value for name, value in wrong.items())
    assert known(db, town) == Ready()


def test_of_two_with_one_name_the_code_is_shown(db: Session, clerk: TestClient, town: Watertown) -> None:
    where = f"/people/{town.person_id}/readiness"
    for place in town.rivers[1:]:
        place.name = "同名河"
    db.flush()
    clerk.post(where, data=fields(clerk.get(where).text) | {"likes": "R3"})
    assert known(db, town).likes == (town.rivers[2].id,)
    assert fields(clerk.get(where).text)["likes"] == "R3"


def test_where_somebody_lives_is_kept_on_his_page(db: Session, clerk: TestClient, town: Watertown) -> None:
    html = clerk.get(f"/people/{town.person_id}").text
    token = re.findall(r'name="csrf_token" value="([^"]+)"', html)[-1]
    said = {"csrf_token": token, "name": "王桂兰", "area": "329902100000", "home": "时代嘉园3幢"}
    clerk.post(f"/people/{town.person_id}", data=said)
    kept = db.scalars(select(Person.attributes).where(Person.id == town.person_id)).one()
    assert kept["home"] == "时代嘉园3幢"
    assert 'value="时代嘉园3幢"' in clerk.get(f"/people/{town.person_id}").text


def test_how_many_people_a_place_wants_is_said_beside_its_stewards(
    db: Session, clerk: TestClient, town: Watertown
) -> None:
    where = f"/places/{town.rivers[0].id}/duties"
    token = re.findall(r'name="csrf_token" value="([^"]+)"', clerk.get(where).text)[-1]

    def sent(**said: str) -> int:
        answer = clerk.post(f"{where}/numbers", data={"csrf_token": token, **said}, follow_redirects=False)
        db.refresh(town.rivers[0])
        return answer.status_code

    assert sent(least="1", target="2", most="3", in_pairs="1") == 303
    assert town.rivers[0].people_wanted == {"least": 1, "target": 2, "most": 3, "in_pairs": True}
    assert re.search(r'name="target"[^>]* value="2"', clerk.get(where).text)
    assert sent(least="3", target="2") == 422
    assert town.rivers[0].people_wanted["target"] == 2, "what is wrong changes nothing"
    assert sent(least="", target="", most="") == 303
    assert town.rivers[0].people_wanted is None
