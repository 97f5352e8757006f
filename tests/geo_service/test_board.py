"""The board of cases: counts, pages, filters, photos, over HTTP and as pages; held against a naive model."""

import datetime as dt
import io
import json
import re
import uuid
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import board, rule_files, units
from geo_service.cases.board import Asked, Only
from geo_service.cases.handling import Wanted
from geo_service.errors import Invalid, NotFound
from geo_service.tables import Case
from layers.cases import OPEN
from layers.categories import DEFAULT
from layers.vocabulary import CaseState, Move, Right
from maps.style import CASES
from tests.geo_service.test_cases import chief, go, staff, tell, unit, volunteer
from tests.geo_service.watertown import Watertown, add_account

__all__ = ["chief", "volunteer"]
NOW = dt.datetime.now(dt.UTC)


def put(db: Session, town: Watertown, number: int, state: str, due_in_h: float | None, **more: Any) -> int:
    """Put a case into the table as it might have come to stand."""
    due_at = None if due_in_h is None else NOW + dt.timedelta(hours=due_in_h)
    row = Case(
        county_id=town.county.id, number=f"2026-{number:06d}", kind="litter", category="litter.bank",
        severity="minor", state=state, since=NOW, opened_at=NOW - dt.timedelta(days=3), due_at=due_at, **more,
    )  # fmt: skip
    db.add(row)
    db.flush()
    return row.id


STATES = st.sampled_from(sorted(CaseState))
HOURS = st.one_of(st.none(), st.integers(-400, 400))
Told = list[tuple[str, int | None, bool, bool]]
ROWS = st.lists(st.tuples(STATES, HOURS, st.booleans(), st.booleans()), max_size=14)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_counts_and_pages_are_those_of_a_naive_model(
    db: Session, town: Watertown, chief: Scope, rows: Told
) -> None:
    saved = db.begin_nested()
    try:
        _compare(db, town, chief, rows)
    finally:
        saved.rollback()


def _compare(db: Session, town: Watertown, chief: Scope, rows: Told) -> None:
    made = []
    for number, (state, hours, asks, is_east) in enumerate(rows):
        area_id = town.east.id if is_east else town.west.id
        id_ = put(db, town, number, state, hours, asked_days=3 if asks else None, area_id=area_id)
        made.append((id_, state, hours, asks, is_east))
    seen = [row for row in made if row[1] in OPEN]
    counts = board.counts(db, chief)
    assert counts.open == len(seen)
    assert counts.late == sum(row[2] is not None and row[2] <= 0 for row in seen)
    assert counts.asks == sum(row[3] for row in seen)
    assert {one.state: one.count for one in counts.by_state} == {
        state: sum(row[1] == state for row in seen) for state in {row[1] for row in seen}
    }
    west = staff(town, town.west)
    assert board.counts(db, west).open == sum(not row[4] for row in seen)
    for only in Only:
        page = board.page(db, chief, Asked(only=only), limit=1000)
        assert all(row.is_late for row in page.rows) or only is not Only.LATE
        assert len(page.rows) == {"late": counts.late, "today": counts.today, "asks": counts.asks}[only]
    wanted = sorted(seen, key=lambda row: (row[2] is None, row[2] or 0, row[0]))
    walked, cursor = [], None
    while True:
        page = board.page(db, chief, Asked(), cursor=cursor, limit=3)
        walked += [row.id for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert walked == [row[0] for row in wanted]
    every, cursor = [], None
    while True:
        page = board.page(db, chief, Asked(every_state=True), cursor=cursor, limit=4)
        every += [row.id for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert every == sorted((row[0] for row in made), reverse=True)


def test_filters_find_by_state_kind_area_unit_place_and_words(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    litter = tell(db, volunteer, 300, 5, "litter.bank", words="桥下100%有垃圾_袋").case_id
    pit = tell(db, volunteer, 503, 300, "road.pit", words="一个坑").case_id
    east = tell(db, volunteer, 1500, 5, "litter.exposed", words="垃圾").case_id
    station = unit(db, chief)
    go(db, chief, litter, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=station))

    def found(**asked: Any) -> set[int]:
        return {row.id for row in board.page(db, chief, Asked(**asked)).rows}

    assert found() == {litter, pit, east}
    assert found(state=CaseState.DISPATCHED) == {litter}
    assert found(kind="litter") == {litter, east}
    assert found(kind="litter.exposed") == {east}
    assert found(area=town.west.code) == {litter, pit}
    assert found(area=town.county.code + "000000") == {litter, pit, east}
    assert found(unit_id=station) == {litter}
    assert found(place_id=town.road.id) == {pit}
    assert found(words="100%有") == {litter}
    assert found(words="0%0") == set()  # a sign of LIKE is a sign
    assert found(words="中心") == {litter, east}
    number = told_number(db, pit)
    assert found(words=number) == {pit}
    with pytest.raises(NotFound):
        board.page(db, staff(town, town.east), Asked(area=town.west.code))
    assert board.id_called(db, chief, f" {number} ") == pit
    with pytest.raises(NotFound):
        board.id_called(db, staff(town, town.east), number)
    for word in ("'; drop table", "\x00", ""):
        with pytest.raises(NotFound):
            board.id_called(db, chief, word)


def told_number(db: Session, case_id: int) -> str:
    return db.get_one(Case, case_id).number


def test_a_handler_sees_the_cases_of_his_units_alone(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    add_account(db, town.county, "handler", Right.HANDLER)
    account_id = units.handlers(db, town.county.id)[0][0]
    handler = Scope(town.county.id, Actor(account_id=account_id), {Right.HANDLER: None})
    mine, others = unit(db, chief), unit(db, chief, "别的站")
    units.set_members(db, chief, mine, [account_id])
    a, b = tell(db, volunteer, 300).case_id, tell(db, volunteer, 900).case_id
    tell(db, volunteer, 1300)
    go(db, chief, a, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=mine))
    go(db, chief, b, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=others))
    assert [row.id for row in board.page(db, handler, Asked()).rows] == [a]
    assert board.counts(db, handler).open == 1
    both = Scope(town.county.id, Actor(account_id=account_id), {Right.HANDLER: None, Right.COORDINATOR: None})
    assert board.counts(db, both).open == 3
    assert [row.id for row in board.page(db, both, Asked(own=True)).rows] == [a]
    assert board.counts(db, both, own=True).open == 1


@pytest.mark.parametrize(
    "cursor",
    ["x", "W10", "WzEsMl0", "WyJ4IiwxXQ", "WyIyMDI2LTAxLTAxIiwxXQ", "W251bGwsLTFd", "W251bGwsdHJ1ZV0"],
)
def test_a_cursor_that_is_not_ours_is_refused(db: Session, chief: Scope, cursor: str) -> None:
    with pytest.raises(Invalid):
        board.page(db, chief, Asked(), cursor=cursor)


# --- over HTTP


@pytest.fixture
def ask(db: Session, town: Watertown, app: FastAPI) -> Any:
    """A client that asks as an account with a right in the county, or in an area of it."""
    client = TestClient(app, client=("127.0.0.1", 50000), follow_redirects=False)
    made: dict[Any, str] = {}

    def send(
        method: str, path: str, right: Right = Right.COORDINATOR, area: Any = None, **more: Any
    ) -> Response:
        key = (right, area and area.id)
        if key not in made:
            ground = Ground(town.county.id, area and area.id)
            manager = Manager(Actor(os_user="tester"))
            account, _ = register.add(db, manager, f"p{len(made)}", right, ground, is_program=True)
            made[key] = register.token(db, manager, account, "t", days=None)
            db.commit()
        headers = {"Authorization": f"Bearer {made[key]}", **more.pop("headers", {})}
        return client.request(method, path, headers=headers, **more)

    return send


def picture(colour: str = "green") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


def test_the_api_lists_and_counts(ask: Any, db: Session, town: Watertown, volunteer: Scope) -> None:
    for x in (100, 500, 1500):
        tell(db, volunteer, x, 5)
    db.commit()
    first = ask("GET", "/api/cases?limit=2").json()
    rest = ask("GET", f"/api/cases?limit=2&cursor={first['next']}").json()
    assert len(first["cases"]) == 2
    assert len(rest["cases"]) == 1
    assert rest["next"] is None
    assert first["cases"][0]["state_name"] == "待受理"
    told = ask("GET", "/api/cases/count").json()
    assert (told["open"], told["late"], [one["name"] for one in told["states"]]) == (3, 0, ["待受理"])
    assert ask("GET", "/api/cases/count", area=town.east).json()["open"] == 1
    assert ask("GET", "/api/cases/spots", Right.PLANNER).status_code == 403
    spots = ask("GET", "/api/cases/spots").json()
    rows = {row["id"]: row for row in ask("GET", "/api/cases").json()["cases"]}
    assert spots
    assert all(one["state"] == rows[one["id"]]["state"] for one in spots)
    assert all(one["is_late"] == rows[one["id"]]["is_late"] for one in spots)
    east = ask("GET", "/api/cases/spots", area=town.east).json()
    assert len(east) <= 1 < len(rows)
    assert ask("GET", "/api/cases", Right.PLANNER).status_code == 403
    for wrong in ("cursor=xx", "state=nowhere", "only=maybe", "unit=-1", "area=0", "words=%00", "limit=0"):
        assert ask("GET", f"/api/cases?{wrong}").status_code in (404, 422), wrong


def test_photos_are_drawn_anew_and_seen_by_who_sees_the_case(
    ask: Any, db: Session, town: Watertown, volunteer: Scope
) -> None:
    case_id, photo_id = tell(db, volunteer, 300, 5).case_id, uuid.uuid4()
    db.commit()
    path = f"/api/cases/{case_id}/photos/{photo_id}"
    assert ask("PUT", path, content=picture()).status_code == 201
    assert ask("PUT", path, content=picture("red")).status_code == 201  # a repeat: nothing is added
    seen = ask("GET", path)
    assert seen.headers["content-type"] == "image/jpeg"
    assert (seen.headers["cache-control"], seen.headers["x-content-type-options"]) == ("no-store", "nosniff")
    with Image.open(io.BytesIO(seen.content)) as image:
        assert image.getpixel((5, 5))[1] > 100  # still the green one
    assert ask("GET", path, area=town.east).status_code == 404
    assert ask("PUT", path, area=town.east, content=picture()).status_code == 404
    assert ask("GET", f"/api/cases/{case_id}/photos/{uuid.uuid4()}").status_code == 404
    assert ask("PUT", f"/api/cases/{case_id}/photos/{uuid.uuid4()}", content=b"no").status_code == 422
    other = tell(db, volunteer, 1500, 5).case_id
    db.commit()
    assert ask("GET", f"/api/cases/{other}/photos/{photo_id}").status_code == 404
    assert ask("PUT", f"/api/cases/{other}/photos/{photo_id}", content=picture()).status_code == 409
    ask("POST", f"/api/cases/{case_id}/steps", json={"move": "accept"})
    station = unit(db, Scope(town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None)))
    db.commit()
    steps = f"/api/cases/{case_id}/steps"
    ask("POST", steps, json={"move": "dispatch", "unit_id": station})
    done = ask("POST", steps, json={"move": "finish", "words": "运走了", "photos": [str(photo_id)]})
    assert done.json()["state"] == "done"
    assert ask("GET", path).status_code == 200  # it belongs to the step now


def test_the_sheet_for_a_unit_is_a_page_of_pdf_whatever_was_written(
    ask: Any, db: Session, town: Watertown, volunteer: Scope
) -> None:
    long = tell(db, volunteer, 300, 5, words="很长的说明，<b>" * 55).case_id
    nowhere = tell(db, volunteer, None).case_id
    db.commit()
    ask("PUT", f"/api/cases/{long}/photos/{uuid.uuid4()}", content=picture())
    for case_id in (long, nowhere):
        told = ask("GET", f"/cases/{case_id}/dispatch.pdf")
        assert told.status_code == 200
        assert told.content.startswith(b"%PDF")
        assert len(re.findall(rb"/Type /Page\b", told.content)) == 1
    assert ask("GET", f"/cases/{long}/dispatch.pdf", area=town.east).status_code == 404


def test_the_map_escapes_words_and_draws_each_state_by_its_shape(
    ask: Any, db: Session, town: Watertown, volunteer: Scope
) -> None:
    tell(db, volunteer, 300, 5, words="</script><script>alert(1)</script>")
    tell(db, volunteer, None)
    db.commit()
    told = ask("GET", "/map/cases/picture")
    assert "</script><script>alert" not in told.text
    assert "default-src 'none'" in told.headers["content-security-policy"]
    assert "triangle" in told.text
    assert "另有 1 个对象未上图" in told.text
    assert ask("GET", "/map/cases/picture?state=closed").status_code == 200
    assert len({look.sign for state, look in CASES.items() if state in OPEN}) == len(OPEN)


def test_forms_of_pages_say_what_is_wrong(
    ask: Any, db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    case_id = tell(db, volunteer, 300, 5).case_id
    db.commit()
    both = {"move": "accept_dispatch"}
    wrong_steps: tuple[dict[str, str], ...] = (
        {}, {"move": "remind"}, {"move": "merge", "into": "2026-9"}, {"move": "dispatch"},
        {**both, "unit": "x"}, {**both, "unit": "99999999"},
    )  # fmt: skip
    for data in wrong_steps:
        told = ask("POST", f"/cases/{case_id}/steps", data=data)
        assert told.status_code == 422, data
        assert "没有办成" in told.text
    assert board.counts(db, chief).by_state[0].state is CaseState.REPORTED  # nothing was done by halves
    sent = {"words": "x", "id": str(uuid.uuid4()), "at": NOW.isoformat()}
    wrong_forms: tuple[dict[str, str], ...] = (
        {}, {"category": "litter"}, {**sent, "category": "litter", "at": "x"},
        {**sent, "category": "litter", "id": "1"}, {**sent, "category": "no"},
    )  # fmt: skip
    for data in wrong_forms:
        told = ask("POST", "/cases/new", data=data)
        assert (told.status_code, "没有登记" in told.text) == (422, True), data
    same = {
        "category": "litter.bank", "words": "桥头", "caller": "王桂兰", "id": str(uuid.uuid4()),
        "at": NOW.isoformat(),
    }  # fmt: skip
    there = [ask("POST", "/cases/new", data=same).headers["location"] for _ in range(2)]
    assert there[0] == there[1]  # sent twice, entered once
    elsewhere = {**same, "id": str(uuid.uuid4()), "place": "D1"}
    assert ask("POST", "/cases/new", area=town.east, data=elsewhere).status_code == 422
    wrong = ask("POST", f"/cases/{case_id}/correct", data={"place": "没有这条河"})
    assert (wrong.status_code, "没有这条河" in wrong.text) == (422, True)
    assert ask("POST", f"/cases/{case_id}/correct", data={"severity": "grave"}).status_code == 303
    assert ask("POST", f"/cases/{case_id}/steps", area=town.east, data={"move": "accept"}).status_code == 404


def test_categories_go_out_and_come_back_the_same(ask: Any, db: Session, town: Watertown) -> None:
    for form in ("xlsx", "csv"):
        file = ask("GET", f"/case-rules/categories?as={form}").content
        again = rule_files.categories(io.BytesIO(file), f"c.{form}")
        assert again.rows == DEFAULT.rows
    as_json = json.dumps(ask("GET", "/api/case-categories").json()).encode()
    assert rule_files.categories(io.BytesIO(as_json), "c.json").rows == DEFAULT.rows


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("c.json", b"{", "读不出来"),
        ("c.json", b"[1]", "一列类别"),
        ("c.json", b"[]", "大类要有"),
        ("c.csv", "编码,名称,图标\nA b,x,litter\n".encode(), "小写字母"),
        ("c.csv", "编码,名称,图标\nlitter,垃圾,skull\n".encode(), "第 2 行"),
        ("c.csv", "编码,名称,图标,等级\nlitter,垃圾,litter,惊人\n".encode(), "第 2 行：等级"),
        ("c.csv", "编码,名称,图标,工作日\nlitter,垃圾,litter,很多\n".encode(), "要写数字"),
        ("c.csv", "编码,名称,图标\nlitter,垃圾,litter\nlitter,垃圾,litter\n".encode(), "不能重复"),
        ("c.xlsx", b"no workbook", "打不开"),
    ],
)
def test_what_is_wrong_with_a_file_of_categories_is_said(
    ask: Any, town: Watertown, name: str, content: bytes, said: str
) -> None:
    told = ask("POST", "/case-rules/categories", files={"file": (name, content)})
    assert told.status_code == 422
    assert said in told.text or name == "c.xlsx"
    assert "没有保存" in told.text


def test_a_tree_is_tried_before_it_is_taken(ask: Any, db: Session, town: Watertown) -> None:
    rows = [row for row in ask("GET", "/api/case-categories").json() if row["code"] != "danger.green"]
    rows[0]["name"] = "垃圾"
    file = {"file": ("c.json", json.dumps(rows).encode())}
    tried = ask("POST", "/case-rules/categories", files=file, data={"dry_run": "1"})
    assert "还没有改动" in tried.text
    assert "danger.green" in tried.text
    assert len(ask("GET", "/api/case-categories").json()) == len(rows) + 1
    assert "已经换成" in ask("POST", "/case-rules/categories", files=file).text
    assert ask("GET", "/api/case-categories").json() == rows
    assert ask("POST", "/case-rules/categories", area=town.east, files=file).status_code == 403


def test_a_calendar_is_read_and_what_is_wrong_in_it_is_said(ask: Any, town: Watertown) -> None:
    good = "日期,是否工作,名称\n2031/10/1,否,国庆节\n2031年10月11日,是,\n".encode()
    told = ask("POST", "/case-rules/calendar", files={"file": ("d.csv", good)})
    assert (told.status_code, "工作日 1 天" in told.text) == (200, True)
    bad = "日期,是否工作\n2031-13-01,否\n2031-10-02,也许\n".encode()
    told = ask("POST", "/case-rules/calendar", files={"file": ("d.csv", bad)})
    assert told.status_code == 422
    assert "第 2 行" in told.text
    assert "第 3 行" in told.text
    assert ask("POST", "/case-rules/calendar").status_code == 422
