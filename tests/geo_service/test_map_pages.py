"""The map's page, panels and search: what they tell, and of whom."""

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.orm import Session

from geo_service.tables import Place
from geo_service.web.finding import readings, sounds
from layers.sounds import sounds_like
from layers.vocabulary import Right
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.watertown import DAY, EVIL, PASSWORD, Watertown, add_account, build

WINDOW = {"first": "2026-01-01", "last": str(DAY)}


@pytest.fixture
def town(db: Session) -> Watertown:
    return build(db, evil=True)


def found(client: TestClient, words: str) -> list[tuple[str, str | None]]:
    return [(one["code"], one["by"]) for one in client.get("/api/find", params={"q": words}).json()]


@pytest.mark.parametrize("words", ["中心河", "中心", " 中 心 ", "zhongxinhe", "ZXH", "xinhe", "zhongx", "R1"])
def test_a_place_is_found_by_name_sound_and_code(clerk: TestClient, words: str) -> None:
    assert ("R1", None) in found(clerk, words)


def test_a_place_is_found_by_who_holds_it(clerk: TestClient, town: Watertown) -> None:
    for words in ("王桂兰", "桂兰", "wgl", "wangguilan"):
        assert ("R1", "王桂兰") in found(clerk, words)
        assert ("G1", "王桂兰") in found(clerk, words)


def test_what_is_not_there_is_not_found(clerk: TestClient) -> None:
    for words in ("", "   ", "没有的河", "qqq", "%", "_", "\\"):
        assert found(clerk, words) == []
    assert clerk.get("/api/find", params={"q": "x" * 61}).status_code == 422


def test_what_is_not_on_the_map_is_found_without_a_box(clerk: TestClient) -> None:
    [one] = clerk.get("/api/find", params={"q": "待上图"}).json()
    assert (one["code"], one["bounds"]) == ("R9", None)
    [river] = clerk.get("/api/find", params={"q": "中心河"}).json()
    west, south, east, north = river["bounds"]
    assert 119 < west < east < 121
    assert 32 < south <= north < 34


def test_a_scope_finds_only_its_own(db: Session, client: TestClient, town: Watertown) -> None:
    add_account(db, town.county, "east", Right.PLANNER, town.east)
    sign_in(client, "east", PASSWORD)
    assert found(client, "D1") == found(client, "G1") == found(client, "待上图") == []
    assert found(client, "王桂兰") == found(client, "wgl") == []  # a planner reads no people
    assert found(client, "zxh") == [("R1", None)]
    assert client.get(f"/map/card/{town.road.id}").status_code == 404
    card = client.get(f"/map/card/{town.rivers[0].id}", params=WINDOW)
    assert card.status_code == 200
    assert "王桂兰" not in card.text


def test_the_card_tells_holders_strip_outings_and_reports(clerk: TestClient, town: Watertown) -> None:
    card = clerk.get(f"/map/card/{town.rivers[0].id}", params=WINDOW).text
    for words in ("中心河", "王桂兰", "0–1500 米", "还没有采用的标准", "最近的巡查", "上报的问题", "没有。"):
        assert words in card
    assert f"/patrols/{town.patrol_id}" in card
    assert card.count("<rect") >= 2
    assert "暂无银发河长" in card
    assert "尚未" not in card
    off = clerk.get(f"/map/card/{town.off_map.id}").text
    assert "还没有上图" in off


def test_the_list_is_that_of_the_coverage_page(clerk: TestClient, town: Watertown) -> None:
    listed = clerk.get("/map/list", params=WINDOW).text
    assert "河道" in listed
    assert f'data-place="{town.road.id}"' in listed
    assert "这个范围内没有对象" in clerk.get("/map/list", params={"layer": "compound"}).text


def test_every_word_of_somebody_is_escaped(clerk: TestClient, town: Watertown) -> None:
    for path in ("/map", "/map/list", f"/map/card/{town.rivers[1].id}"):
        answer = clerk.get(path, params=WINDOW)
        assert answer.status_code == 200
        assert EVIL not in answer.text


def test_the_page_says_what_is_asked(clerk: TestClient, town: Watertown) -> None:
    page = clerk.get("/map", params=WINDOW | {"area": town.west.code, "layer": "road", "by": "gap"}).text
    assert "2026-01-01 至 2026-05-01，西荡镇，纳管的，道路" in page
    assert "/static/map/map.js" in page
    assert "<script>" not in page


def test_the_style_asks_no_other_host(clerk: TestClient, town: Watertown) -> None:
    told = clerk.get("/api/tiles/style", params=WINDOW | {"layer": "river"}).json()
    addresses = [one for source in told["style"]["sources"].values() for one in source["tiles"]]
    assert all(one.startswith("http://testserver/api/tiles/{z}/{x}/{y}.mvt?") for one in addresses)
    assert all("layer=river" in one and "first=2026-01-01" in one for one in addresses)
    assert not {"glyphs", "sprite"} & set(told["style"])
    assert [mode["key"] for mode in told["modes"]] == ["fresh", "share", "times", "duty", "gap"]
    assert all(look["label"] for mode in told["modes"] for look in mode["classes"] + mode["stretches"])


def test_a_name_may_change_while_it_is_known(clerk: TestClient, db: Session, town: Watertown) -> None:
    assert found(clerk, "zhongxin")
    db.execute(update(Place).where(Place.id == town.rivers[0].id).values(name="长行河"))
    assert not found(clerk, "zhongxin")
    for words in ("changxing", "zhanghang", "cxh", "zhh"):
        assert ("R1", None) in found(clerk, words)


NAMES = st.text(alphabet="车路河长行绿女12号aZ", min_size=1, max_size=6)


@given(NAMES, st.data())
def test_any_spelling_of_any_part_of_a_name_finds_it(name: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(name) - 1))
    stop = data.draw(st.integers(start + 1, len(name)))
    typed = ""
    for sign in name[start:stop]:
        ways = [*readings(sign), *(one[:1] for one in readings(sign)), sign]
        typed += data.draw(st.sampled_from(ways))
    assert sounds(typed, name)


@given(NAMES, st.text(alphabet="cheluhjnvxgz12a", min_size=1, max_size=5))
def test_a_name_is_found_by_nothing_but_its_spellings(name: str, typed: str) -> None:
    def naive(signs: str, rest: str) -> bool:
        if not rest:
            return True
        if not signs:
            return False
        ways = [*readings(signs[0]), signs[0].lower()]
        if any(way.startswith(rest) for way in ways):
            return True
        parts = {part for way in ways for part in (way, way[:1])}
        return any(rest.startswith(part) and naive(signs[1:], rest[len(part) :]) for part in parts)

    assert sounds_like(typed, name, readings) == any(naive(name[k:], typed) for k in range(len(name)))
