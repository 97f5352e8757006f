"""People and duties as programs, pages and commands use them."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.cli import app as commands
from geo_service.cli import people as people_commands
from geo_service.settings import Settings
from geo_service.tables import Audit, Duty, Person
from layers.vocabulary import Right
from tests.geo_service.watertown import Watertown, build

COMMANDS = Manager(Actor(os_user="tester"))
Ask = Callable[..., Response]


@pytest.fixture
def town(db: Session) -> Watertown:
    """Two townships, three rivers, a road, two grids; one steward, one patrol."""
    return build(db)


def asking(client: TestClient, db: Session, login: str, right: Right, ground: Ground) -> Ask:
    account, _ = register.add(db, COMMANDS, login, right, ground, is_program=True)
    token = register.token(db, COMMANDS, account, "test", days=1)

    def ask(method: str, path: str, **more: object) -> Response:
        return client.request(method, f"/api{path}", headers={"Authorization": f"Bearer {token}"}, **more)

    return ask


@pytest.fixture
def ask(client: TestClient, db: Session, town: Watertown) -> Ask:
    """Requests of the county's coordinator."""
    return asking(client, db, "county", Right.COORDINATOR, Ground(town.county.id))


@pytest.fixture
def ask_east(client: TestClient, db: Session, town: Watertown) -> Ask:
    """Requests of the coordinator of 东湖镇."""
    return asking(client, db, "east", Right.COORDINATOR, Ground(town.county.id, town.east.id))


def csv(text: str) -> dict[str, tuple[str, bytes]]:
    return {"file": ("表.csv", text.encode("gbk"))}


# --- HTTP


def test_a_person_from_adding_to_forgetting(ask: Ask, town: Watertown, db: Session) -> None:
    new = {"name": "李　四", "number": "7", "phone": "138-1234-5678", "area": town.east.code, "note": "好"}
    added = ask("POST", "/people", json=new)
    assert added.status_code == 201
    path = f"/people/{added.json()['id']}"
    found = ask("GET", path).json()
    assert {
        key: found[key] for key in ("name", "number", "phone", "area", "township", "village", "note")
    } == {
        "name": "李四",
        "number": "7",
        "phone": "13812345678",
        "area": "329902101000",
        "township": "东湖镇",
        "village": None,
        "note": "好",
    }
    assert ask("POST", "/people", json={"name": "王五", "number": "7"}).status_code == 409
    assert ask("PATCH", path, json={"phone": None, "born": "1956-03", "note": None}).status_code == 204
    found = ask("GET", path).json()
    assert (found["phone"], found["born"], found["note"], found["number"]) == (None, "1956-03", None, "7")
    for wrong in ({"name": None}, {"name": "\x00"}, {"phone": "x"}, {"unknown": 1}, {"area": "999"}):
        assert ask("PATCH", path, json=wrong).status_code in (404, 422)
    duty = {"person_id": found["id"], "place_id": town.road.id}
    assert ask("POST", "/duties", json=duty).status_code == 201
    assert [held["code"] for held in ask("GET", path).json()["held"]] == ["D1"]
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404
    assert ask("DELETE", path).status_code == 404
    audit = db.scalars(select(Audit.action).where(Audit.subject == f"person/{found['id']}")).all()
    assert audit == ["people.add", "people.change", "people.delete"]


def test_people_come_in_pages_and_are_found(ask: Ask, ask_east: Ask, town: Watertown, db: Session) -> None:
    db.add_all(
        Person(
            county_id=town.county.id,
            name=f"人{i % 7}",
            number=str(i),
            phone=f"1380000{i:04}",
            area_id=town.east.id,
        )
        for i in range(25)
    )
    db.flush()
    names, cursor = [], None
    for _ in range(20):
        page = ask("GET", "/people", params={"limit": 4} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["rows"]) <= 4
        names += [(row["name"], row["id"]) for row in page["rows"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(set(names)) == len(names) == 26
    assert ask("GET", "/people", params={"limit": 26}).json()["next"] is None
    assert len(ask_east("GET", "/people").json()["rows"]) == 25 + 1  # and the steward of a river there
    assert len(ask("GET", "/people", params={"area": town.east.code}).json()["rows"]) == 25
    assert ask("GET", "/people", params={"area": "000"}).status_code == 404
    assert [row["number"] for row in ask("GET", "/people", params={"q": "13800000007"}).json()["rows"]] == [
        "7"
    ]
    assert len(ask("GET", "/people", params={"q": "人3"}).json()["rows"]) == 4
    assert ask("GET", "/people", params={"q": "%"}).json()["rows"] == []
    for cursor in ("x", "WzFd", "W10", "WyJhIiwiYiJd", "WyJcdTAwMDAiLCIwIl0"):
        assert ask("GET", "/people", params={"cursor": cursor}).status_code == 422


def test_lists_leave_as_files_and_the_audit_knows(ask: Ask, town: Watertown, db: Session) -> None:
    book = openpyxl.load_workbook(io.BytesIO(ask("GET", "/people", params={"as": "xlsx"}).content))
    assert [cell.value for cell in book.active[2]][2] == "王*兰"
    answer = ask("GET", "/duties", params={"as": "csv", "full": True})
    assert answer.content.decode("utf-8-sig").splitlines()[1].split(",")[3] == "王桂兰"
    features = ask("GET", "/duties", params={"as": "geojson", "layer": "river"}).json()["features"]
    assert [feature["geometry"]["type"] for feature in features] == ["MultiLineString"]
    assert ask("GET", "/duties", params={"as": "gpkg"}).content[:15] == b"SQLite format 3"
    assert ask("GET", "/people", params={"as": "pdf"}).status_code == 422
    detail = Audit.detail["form"].as_string(), Audit.detail["full"].as_boolean()
    exports = db.execute(select(Audit.action, *detail).order_by(Audit.id)).all()
    assert [tuple(row) for row in exports if row[0].endswith("export")] == [
        ("people.export", "xlsx", False),
        ("duties.export", "csv", True),
        ("duties.export", "geojson", False),
        ("duties.export", "gpkg", False),
    ]


def test_a_duty_is_added_handed_over_and_ended(ask: Ask, ask_east: Ask, town: Watertown) -> None:
    taker = ask("POST", "/people", json={"name": "接任", "area": town.east.code}).json()["id"]
    new = {
        "person_id": str(town.person_id),
        "place_id": town.rivers[1].id,
        "first_day": "2026-01-01",
        "stretches": [{"from_m": 0, "to_m": 500}, {"from_m": 900, "to_m": 1200.5}],
    }
    duty = ask("POST", "/duties", json=new)
    assert duty.status_code == 201
    assert ask("POST", "/duties", json=new).status_code == 409
    assert ask("POST", "/duties", json={**new, "stretches": [{"from_m": 0, "to_m": 9999}]}).status_code == 422
    path = f"/duties/{duty.json()['id']}"
    over = {"to_person_id": taker, "on_day": "2026-06-01"}
    taken = ask_east("POST", f"{path}/hand-over", json=over)
    assert taken.status_code == 201
    assert ask("POST", f"{path}/hand-over", json=over).status_code == 409
    held = ask("GET", "/duties", params={"place_id": town.rivers[1].id}).json()["rows"]
    assert [
        (d["person"], d["stretches"], d["first_day"], d["last_day"], d["handed_over_from"]) for d in held
    ] == [
        ("王桂兰", "0-500;900-1200.5", "2026-01-01", "2026-05-31", None),
        ("接任", "0-500;900-1200.5", "2026-06-01", None, duty.json()["id"]),
    ]
    path = f"/duties/{taken.json()['id']}"
    assert ask("POST", f"{path}/end", json={"last_day": "2026-05-31"}).status_code == 422
    assert ask("POST", f"{path}/end", json={"last_day": "2026-06-30"}).status_code == 204
    day = {"place_id": town.rivers[1].id, "day": "2026-07-01"}
    assert ask("GET", "/duties", params=day).json() == {"rows": [], "next": None}
    assert ask("POST", "/duties/999999999/end", json={"last_day": "2026-06-30"}).status_code == 404
    assert ask("POST", f"/duties/{2**63}/end", json={"last_day": "2026-06-30"}).status_code == 422


def test_duties_come_in_pages(ask: Ask, town: Watertown) -> None:
    pages, cursor = [], None
    while True:
        page = ask("GET", "/duties", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        pages.append([row["code"] for row in page["rows"]])
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == [["R1"], ["G1"]]


def some(counts: dict[str, int]) -> dict[str, int]:
    return {word: count for word, count in counts.items() if count}


def test_a_roster_is_tried_dry_asked_about_answered_and_taken(ask: Ask, town: Watertown, db: Session) -> None:
    text = "姓名,联系电话,镇街\n王桂兰,13812345678,东湖\n李四,,西荡镇\n坏人,12,西荡镇\n"
    dry = ask("POST", "/people/import", files=csv(text), data={"dry_run": "true"})
    assert dry.status_code == 200
    report = dry.json()
    assert some(report["counts"]) == {"added": 1, "refused": 1, "asked": 1}
    assert report["stored"] is False
    refused = ask("POST", "/people/import", files=csv(text))
    assert refused.status_code == 422
    assert refused.json()["code"] == "rows_refused"
    assert "第 4 行 坏人" in refused.json()["detail"]
    assert db.scalar(select(func.count()).select_from(Person)) == 1
    (question,) = [row["question"] for row in report["rows"] if row["question"]]
    answer = ("答复.json", json.dumps({question: "1"}).encode())
    taken = ask(
        "POST", "/people/import", files={**csv(text), "answers": answer}, data={"skip_refused": "true"}
    )
    assert some(taken.json()["counts"]) == {"added": 1, "moved": 1, "refused": 1}
    assert taken.json()["stored"] is True
    steward = db.get_one(Person, town.person_id, populate_existing=True)
    assert (steward.phone, steward.area_id) == ("13812345678", town.east.id)
    sheet = ask("POST", "/people/import", files=csv(text), data={"dry_run": "1"}, params={"as": "xlsx"})
    head, *rows = openpyxl.load_workbook(io.BytesIO(sheet.content)).active.iter_rows(values_only=True)
    assert head[:2] == ("结果", "行")
    assert [row[0] for row in rows] == ["不变", "不变", "不能导入"]


def test_duties_are_imported_with_a_file_that_is_what_it_says(ask: Ask, town: Watertown, db: Session) -> None:
    before = db.scalar(select(func.count()).select_from(Duty)) or 0
    text = "人员,河道名称,段\n王桂兰,生产河,0-100\n"
    assert ask("POST", "/duties/import", files=csv(text)).json()["counts"]["added"] == 1
    assert db.scalar(select(func.count()).select_from(Duty)) == before + 1
    for name, data in (("a.xlsx", b"PK\x03\x04"), ("a.csv", b""), ("a.pdf", b"%PDF"), ("", b"x")):
        answer = ask("POST", "/duties/import", files={"file": (name, data)})
        assert answer.status_code == 422
    assert ask("POST", "/duties/import").status_code == 422


# --- commands


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, db: Session, town: Watertown, tmp_path: Path
) -> Callable[..., object]:
    """Run a command on the test's own transaction."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings(data_dir=tmp_path)

    monkeypatch.setattr(people_commands, "connect", connect)
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> object:
        return CliRunner().invoke(commands, arguments, env={"COLUMNS": "200"})

    return invoke


def test_roster_and_duties_by_command(run: Callable[..., object], db: Session, tmp_path: Path) -> None:
    (tmp_path / "名册.csv").write_text(
        "姓名,编号,镇街\n李四,1,东湖镇\n坏人,2,东壶镇\n王桂兰,3,西荡镇\n", "gbk"
    )
    dry = run("roster", "名册.csv", "--dry-run")
    assert dry.exit_code == 0
    assert "新增 1、待确认 1、不能导入 1" in dry.stderr
    assert "您是不是要写：东湖镇" in dry.stdout
    assert db.scalar(select(func.count()).select_from(Person)) == 1
    refused = run("roster", "名册.csv")
    assert refused.exit_code == 1
    assert "坏人" in refused.stdout
    assert run("roster", "名册.csv", "--dry-run", "-o", "问题.xlsx").exit_code == 0
    book = openpyxl.load_workbook(tmp_path / "问题.xlsx")
    asked = next(row for row in book.active.iter_rows() if row[0].value == "待确认")
    asked[6].value = "1"
    book.save(tmp_path / "问题.xlsx")
    done = run("roster", "名册.csv", "--answers", "问题.xlsx", "--skip-refused", "未导入.csv")
    assert done.exit_code == 0
    assert "新增 1、变更 1、不能导入 1" in done.stderr
    left = (tmp_path / "未导入.csv").read_text("utf-8-sig")
    assert left.splitlines()[0] == "姓名,编号,镇街,原因"
    assert "坏人,2,东壶镇," in left
    (tmp_path / "职责.csv").write_text("编号,人员,道路名称\n,李四,人民路\n", "utf-8")
    assert run("duties", "职责.csv").exit_code == 1
    (tmp_path / "职责.csv").write_text("人员,对象编码\n1,D1\n", "utf-8")
    assert run("duties", "职责.csv").exit_code == 0
    assert run("duties", "职责.csv", "--as", "json").stdout.startswith("[")
    assert run("roster", "没有.csv").exit_code == 1
    assert run("roster").exit_code == 2
    assert db.scalars(select(Audit.os_user).where(Audit.action.like("%.import"))).all() != [None]
    uuid.UUID(str(db.scalars(select(Duty.person_id).order_by(Duty.id.desc())).first()))


def test_an_areas_workbook_goes_out_and_comes_back_by_command(
    run: Callable[..., object], db: Session, town: Watertown, tmp_path: Path
) -> None:
    assert run("roster-sheet", "--area", town.east.code, "-o", "东湖.csv").exit_code == 1
    sent = run("roster-sheet", "--area", town.east.code, "-o", "东湖.xlsx")
    assert sent.exit_code == 0, sent.output
    unchanged = run("roster", "东湖.xlsx")
    assert unchanged.exit_code == 0
    assert "表和登记的一样" in unchanged.stderr
    (tmp_path / "河长.csv").write_text(
        "河道名称,银发河长,银发河长电话\n生产河,王桂兰,\n新河,李爱民,13800000001\n"
    )
    new = run("roster", "河长.csv")
    assert "对象：新增 1" in new.stderr, new.output
    (tmp_path / "河长.csv").write_text("河道名称,银发河长,银发河长电话\n生产河,王桂兰,\n")
    gone = run("roster", "河长.csv", "--reconcile", "--dry-run", "--as", "json").stdout
    assert "名册里没有了" in gone
    assert "李爱民" in gone
