"""Services: entered once however often they are sent, seen and counted by scope, read from tables."""

import contextlib
import datetime as dt
import io
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli, files
from geo_service.accounts.scope import Actor, Scope
from geo_service.cli import services as command
from geo_service.db import transaction
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.imports import Outcome, RowsRefused
from geo_service.people.imports import ImportOptions
from geo_service.services import imports, service
from geo_service.services.service import ServiceRequest
from geo_service.settings import Settings
from geo_service.tables import Audit, County, Person, Service, ServicePerson, StoredFile
from layers.vocabulary import Evidence, Right, ServiceKind, Verdict
from tests.geo_service.test_accounts import token_in
from tests.geo_service.test_proofs import taken
from tests.geo_service.watertown import DAY, Watertown, build

STAFF = Actor(os_user="tester")
WEST = "329902100000"


@pytest.fixture
def county(town: Watertown) -> Scope:
    return Scope(town.county.id, STAFF, {Right.ADMINISTRATOR: None})


@pytest.fixture
def volunteer(town: Watertown) -> Scope:
    """王桂兰 herself."""
    return Scope(town.county.id, STAFF, {Right.VOLUNTEER: None}, person_id=town.person_id)


def of_area(town: Watertown, area: Any) -> Scope:
    return Scope(town.county.id, STAFF, {Right.COORDINATOR: frozenset({area.id})})


def asked(town: Watertown, **more: Any) -> ServiceRequest:
    values: dict[str, Any] = {
        "kind": ServiceKind.GRID_SERVICE, "day": DAY, "hours": 1.5, "persons": [town.person_id],
        "place_id": town.grids[0].id, "people_served": 12, "note": "宣传垃圾分类",
        "evidence": Evidence.PAPER,
    }  # fmt: skip
    return ServiceRequest(**(values | more))


def another(db: Session, town: Watertown, name: str, **more: Any) -> uuid.UUID:
    person = Person(county_id=town.county.id, name=name, **more)
    db.add(person)
    db.flush()
    return person.id


def test_a_service_is_told_as_it_was_entered(db, town, county):
    answer = service.put(db, county, uuid.uuid4(), asked(town))
    assert (answer.kind, answer.day, answer.hours, answer.people) == (ServiceKind.GRID_SERVICE, DAY, 1.5, 1)
    assert [person.name for person in answer.persons] == ["王桂兰"]
    assert (answer.where, answer.people_served, answer.verdict) == ("网格 G1", 12, Verdict.COUNTED)
    assert not answer.already
    assert service.told(db, county, answer.service_id) == answer


def test_the_same_sending_again_changes_nothing_and_other_content_is_a_conflict(db, town, county):
    li = another(db, town, "李建国", area_id=town.west.id)
    id_ = uuid.uuid4()
    first = service.put(db, county, id_, asked(town, persons=[town.person_id, li]))
    again = service.put(db, county, id_, asked(town, persons=[li, town.person_id], note=" 宣传垃圾分类 "))
    assert again.already
    assert again.persons == first.persons
    assert db.scalar(select(func.count()).select_from(Service)) == 1
    for other in (
        {"hours": 2.0},
        {"persons": [town.person_id]},
        {"note": None},
        {"place_id": None, "area": "329902100000"},
    ):
        with pytest.raises(Conflict, match="内容与这次的不同"):
            service.put(db, county, id_, asked(town, **{"persons": [town.person_id, li], **other}))


def test_an_id_that_somebody_elsewhere_used_is_taken_and_nothing_is_told_of_it(db, town, county):
    id_ = uuid.uuid4()
    service.put(db, county, id_, asked(town))
    with pytest.raises(Conflict, match="编号已经用过") as refused:
        service.put(db, of_area(town, town.east), id_, asked(town))
    assert "王桂兰" not in refused.value.detail


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"hours": 0}, "时长"),
        ({"hours": 24.5}, "时长"),
        ({"hours": float("nan")}, "时长"),
        ({"persons": []}, "参加人"),
        ({"people": 0}, "参加人数"),
        ({"people": 100_000}, "参加人数"),
        ({"people_served": -1}, "服务人数"),
        ({"evidence": Evidence.TRACK}, "轨迹"),
        ({"day": dt.date(2999, 1, 1)}, "日期"),
        ({"day": dt.date(1899, 1, 1)}, "日期"),
        ({"place_id": None}, "地点"),
        ({"note": "x" * 1001}, "内容"),
        ({"note": "a\0b"}, "内容"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_kept(db, town, county, wrong, told):
    with pytest.raises(Invalid, match=told):
        service.put(db, county, uuid.uuid4(), asked(town, **wrong))
    assert db.scalar(select(func.count()).select_from(Service)) == 0


def test_people_places_and_areas_out_of_scope_are_not_there(db, town, county):
    east = of_area(town, town.east)
    stranger = another(db, town, "东湖人", area_id=town.east.id)
    with pytest.raises(NotFound):
        service.put(db, east, uuid.uuid4(), asked(town, persons=[stranger]))  # the grid lies in the west
    with pytest.raises(NotFound):
        service.put(
            db, east, uuid.uuid4(), asked(town, persons=[stranger], place_id=None, area="329902100000")
        )
    with pytest.raises(NotFound):
        service.put(db, east, uuid.uuid4(), asked(town, persons=[uuid.uuid4()], place_id=town.grids[1].id))
    entered = service.put(db, east, uuid.uuid4(), asked(town, persons=[stranger], place_id=town.grids[1].id))
    with pytest.raises(NotFound):
        service.told(db, of_area(town, town.west), entered.service_id)
    assert [row.service_id for row in service.listed(db, east).rows] == [entered.service_id]
    assert service.listed(db, of_area(town, town.west)).rows == []


def test_a_name_from_elsewhere_is_not_told_but_counted(db, town, county):
    stranger = another(db, town, "东湖人", area_id=town.east.id)
    entered = service.put(db, county, uuid.uuid4(), asked(town, persons=[town.person_id, stranger]))
    seen = service.told(db, of_area(town, town.west), entered.service_id)
    assert [person.name for person in seen.persons] == ["王桂兰"]
    assert seen.people == 2


def test_a_volunteers_own_waits_until_a_coordinator_confirms_it(db, town, county, volunteer):
    own = service.put(db, volunteer, uuid.uuid4(), asked(town))
    assert own.verdict is Verdict.REVIEW
    assert "核对后计入" in own.told
    assert "无效" not in own.told
    with pytest.raises(Forbidden):
        service.confirm(db, volunteer, own.service_id)
    with pytest.raises(NotFound):
        service.confirm(db, of_area(town, town.east), own.service_id)
    assert service.may_confirm(db, county, own.service_id)
    assert service.confirm(db, of_area(town, town.west), own.service_id).verdict is Verdict.COUNTED
    with pytest.raises(Forbidden, match="已经核对"):
        service.void(db, volunteer, own.service_id, "记错了")


def test_a_volunteer_enters_nobody_else_and_sees_only_his_own(db, town, county, volunteer):
    li = another(db, town, "李建国", area_id=town.west.id)
    with pytest.raises(NotFound):
        service.put(db, volunteer, uuid.uuid4(), asked(town, persons=[town.person_id, li]))
    service.put(db, county, uuid.uuid4(), asked(town, persons=[li]))
    own = service.put(db, volunteer, uuid.uuid4(), asked(town))
    assert [row.service_id for row in service.listed(db, volunteer).rows] == [own.service_id]
    assert service.void(db, volunteer, own.service_id, "记错了").voided_at is not None


def test_a_voided_service_stays_with_its_reason(db, town, county):
    entered = service.put(db, county, uuid.uuid4(), asked(town))
    with pytest.raises(Invalid, match="原因"):
        service.void(db, county, entered.service_id, "  ")
    gone = service.void(db, county, entered.service_id, "登记了两遍")
    again = service.void(db, county, entered.service_id, "另一个原因")
    assert again == gone
    assert (gone.void_reason, service.may_change(db, county, entered.service_id)) == ("登记了两遍", False)
    with pytest.raises(Conflict):
        service.confirm(db, county, entered.service_id)
    assert service.put(db, county, entered.service_id, asked(town)).voided_at == gone.voided_at


def test_the_audit_holds_opaque_ids_only(db, town, county):
    entered = service.put(db, county, uuid.uuid4(), asked(town))
    service.void(db, county, entered.service_id, "登记了两遍")
    lines = db.scalars(select(Audit).where(Audit.action.startswith("services."))).all()
    assert [line.action for line in lines] == ["services.put", "services.void"]
    assert all(line.subject == f"service/{entered.service_id}" for line in lines)
    assert not any(word in str(line.detail) for line in lines for word in ("王桂兰", "垃圾", "两遍"))


def test_pages_follow_each_other_without_gap_or_double(db, town, county):
    made = {
        service.put(db, county, uuid.uuid4(), asked(town, day=DAY - dt.timedelta(days=k // 3))).service_id
        for k in range(10)
    }
    seen, after = [], None
    while True:
        page = service.listed(db, county, after=after, limit=3)
        seen += [row.service_id for row in page.rows]
        after = page.next
        if after is None:
            break
    assert len(seen) == 10
    assert set(seen) == made


# --- over HTTP


def body(town: Watertown, **more: Any) -> dict[str, Any]:
    return {
        "kind": "visit",
        "day": DAY.isoformat(),
        "hours": 1,
        "persons": [str(town.person_id)],
        "area": town.west.code,
    } | more


def csrf(clerk: TestClient) -> dict[str, str]:
    return {"X-CSRF-Token": token_in(clerk.get("/services/new").text)}


def test_put_answers_201_then_200_then_409(clerk, town):
    path, headers = f"/api/services/{uuid.uuid4()}", csrf(clerk)
    assert clerk.put(path, json=body(town), headers=headers).status_code == 201
    again = clerk.put(path, json=body(town), headers=headers)
    assert (again.status_code, again.json()["already"]) == (200, True)
    other = clerk.put(path, json=body(town, hours=2), headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert clerk.put(path, json=body(town)).status_code == 403  # without the form's token
    listed = clerk.get("/api/services").json()
    assert [row["kind"] for row in listed["services"]] == ["visit"]
    assert listed["next"] is None


def test_a_proof_loses_what_the_camera_wrote(clerk, town, app, db):
    path, headers = f"/api/services/{uuid.uuid4()}", csrf(clerk)
    clerk.put(path, json=body(town), headers=headers)
    sent = clerk.post(f"{path}/files", files={"file": ("河边.HEIC.jpg", taken().getvalue())}, headers=headers)
    assert (sent.status_code, sent.json()["media_type"]) == (201, "image/jpeg")
    kept = clerk.get(f"{path}/files/{sent.json()['id']}")
    assert kept.content.startswith(b"\xff\xd8\xff")
    assert b"Secret Phone" not in kept.content
    assert "attachment" in kept.headers["content-disposition"]
    row = db.scalars(select(StoredFile)).one()
    on_disk = files.path_of(app.state.settings.files_dir, row.sha256).read_bytes()
    assert on_disk == kept.content
    bad = clerk.post(f"{path}/files", files={"file": ("x.exe", b"MZ")}, headers=headers)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_file")
    assert len(clerk.get(f"{path}/files").json()) == 1


def test_the_form_enters_a_service_once_however_often_it_is_sent(clerk, town, db):
    page = clerk.get("/services/new").text
    id_ = page.split('name="id" value="')[1].split('"')[0]
    said = {
        "csrf_token": token_in(page), "id": id_, "kind": "meeting", "day": DAY.isoformat(), "hours": "1.5",
        "persons": "王桂兰", "place": "G1", "evidence": "paper", "note": "<b>议事</b>",
    }  # fmt: skip
    first = clerk.post("/services/new", data=said, files={"proof": ("p.jpg", taken().getvalue())})
    again = clerk.post("/services/new", data=said, files={"proof": ("p.jpg", taken().getvalue())})
    assert (first.status_code, first.headers["location"]) == (303, f"/services/{id_}")
    assert again.headers["location"] == f"/services/{id_}?again=1"
    assert db.scalar(select(func.count()).select_from(Service)) == 1
    assert db.scalar(select(func.count()).select_from(StoredFile)) == 1
    shown = clerk.get(f"/services/{id_}").text
    assert "&lt;b&gt;议事&lt;/b&gt;" in shown
    assert "王桂兰" in shown
    assert "网格 G1" in clerk.get("/services").text


def test_the_form_says_what_is_wrong_and_keeps_what_was_written(clerk, town, db):
    said = {
        "csrf_token": token_in(clerk.get("/services/new").text),
        "id": str(uuid.uuid4()),
        "kind": "visit",
        "day": DAY.isoformat(),
    }
    for more, told in (
        ({"hours": "两小时"}, "时长请写小时数"),
        ({"hours": "1", "persons": "没有此人"}, "人员名册里没有"),
        ({"hours": "1", "persons": "王桂兰", "place": "没有的河"}, "登记表里没有"),
        (
            {"hours": "1", "persons": "王桂兰", "area": town.west.code, "evidence": "paper", "people": "1.5"},
            "整数",
        ),
    ):
        answer = clerk.post("/services/new", data={**said, "note": "写了很久的内容", **more})
        assert answer.status_code == 422
        assert told in answer.text
        assert "写了很久的内容" in answer.text
    assert db.scalar(select(func.count()).select_from(Service)) == 0


def test_the_list_leaves_as_a_workbook(clerk, town):
    clerk.put(f"/api/services/{uuid.uuid4()}", json=body(town, note="=1+1"), headers=csrf(clerk))
    answer = clerk.get("/api/services", params={"as": "xlsx"})
    head, row = openpyxl.load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)
    told = dict(zip(head, row, strict=True))
    assert (told["参加人"], told["类别"], told["内容"]) == ("王*兰", "走访", "=1+1")
    assert "王桂兰" in clerk.get("/api/services", params={"as": "csv", "full": "true"}).text


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("full", ["true", "false"])
def test_a_list_that_left_imports_again_unchanged(clerk, town, db, county, form, full):
    for more in (
        {"place_id": town.rivers[0].id},
        {"note": "=1+1", "people": 4, "people_served": 0},
        {"hours": 0.25},
    ):
        clerk.put(f"/api/services/{uuid.uuid4()}", json=body(town, **more), headers=csrf(clerk))
    gone = service.put(db, county, uuid.uuid4(), asked(town))
    service.void(db, county, gone.service_id, "记错")
    left = clerk.get("/api/services", params={"as": form, "full": full}).content
    report = imports.import_services(db, county, io.BytesIO(left), f"s.{form}", ImportOptions())
    assert [row.outcome for row in report.rows] == [Outcome.SAME] * 4, [row.detail for row in report.rows]
    assert db.scalar(select(func.count()).select_from(Service)) == 4
    if form == "csv":
        changed = left.replace(b"0.25", b"0.75")
        with pytest.raises(RowsRefused, match="不能在表里改"):
            imports.import_services(db, county, io.BytesIO(changed), "s.csv", ImportOptions())


# --- from a table

HEAD = "类别,日期,时长,参加人,对象,镇街,服务人数,内容,凭证\n"


def table(*rows: str) -> io.BytesIO:
    return io.BytesIO((HEAD + "\n".join(rows) + "\n").encode("gb18030"))


def run(db: Session, scope: Scope, *rows: str, **options: Any) -> Any:
    return imports.import_services(db, scope, table(*rows), "服务.csv", ImportOptions(**options))


GOOD = (
    "网格服务,2026-04-01,1.5,王桂兰,G1,,12,宣传,签到表",
    "走访,2026年4月2日,90分钟,王桂兰、李建国,,西荡镇,,,",
)


def test_a_table_is_taken_once(db, town, county):
    another(db, town, "李建国", area_id=town.west.id)
    trial = run(db, county, *GOOD, dry_run=True)
    assert [row.outcome for row in trial.rows] == [Outcome.ADDED, Outcome.ADDED]
    assert db.scalar(select(func.count()).select_from(Service)) == 0
    run(db, county, *GOOD)
    again = run(db, county, *GOOD)
    assert [row.outcome for row in again.rows] == [Outcome.SAME, Outcome.SAME]
    rows = {row.kind: row for row in service.listed(db, county).rows}
    assert (rows["visit"].hours, rows["visit"].people, rows["visit"].area) == (1.5, 2, "西荡镇")
    assert (rows["grid_service"].place, rows["grid_service"].evidence) == ("G1", Evidence.PAPER)
    assert db.scalar(select(func.count()).select_from(ServicePerson)) == 3


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("打球,2026-04-01,1,王桂兰,G1,,,,", "不认识「打球」"),
        ("走访,昨天,1,王桂兰,G1,,,,", "不是日期"),
        ("走访,2199-01-01,1,王桂兰,G1,,,,", "今天之间"),
        ("走访,2026-04-01,半天,王桂兰,G1,,,,", "不是时长"),
        ("走访,2026-04-01,1,,G1,,,,", "没有参加人"),
        ("走访,2026-04-01,1,王桂兰、王桂兰,G1,,,,", "写了两遍"),
        ("走访,2026-04-01,1,王桂蓝,G1,,,,", "您是不是要写：王桂兰"),
        ("走访,2026-04-01,1,王桂兰,,,,,", "没有地点"),
        ("走访,2026-04-01,1,王桂兰,没有的河,,,,", "没有「没有的河」"),
        ("走访,2026-04-01,1,王桂兰,G1,,很多,,", "服务人数"),
        ("走访,2026-04-01,1,王桂兰,G1,,,,轨迹", "服务没有轨迹"),
    ],
)
def test_a_bad_row_says_what_is_wrong_and_nothing_is_imported(db, town, county, row, told):
    with pytest.raises(RowsRefused):
        run(db, county, GOOD[0], row)
    assert db.scalar(select(func.count()).select_from(Service)) == 0
    report = run(db, county, GOOD[0], row, skip_refused=True)
    (refused,) = report.of(Outcome.REFUSED)
    assert told in refused.detail
    assert refused.rows == [3]
    assert db.scalar(select(func.count()).select_from(Service)) == 1
    assert next(iter(report.not_taken().rows))[-1] == refused.detail


def test_what_differs_from_a_registered_service_is_asked(db, town, county):
    run(db, county, GOOD[0])
    other = GOOD[0].replace("1.5", "2")
    (row,) = run(db, county, other).rows
    assert (row.outcome, row.question.answers) == (
        Outcome.ASKED,
        {"1": "是另一次，登记", "2": "是同一次，不再登记"},
    )
    assert db.scalar(select(func.count()).select_from(Service)) == 1
    (row,) = run(db, county, other, answers={row.question.id: "2"}).rows
    assert row.outcome is Outcome.ANSWERED
    (row,) = run(db, county, other, answers={row.question.id: "1"}).rows
    assert row.outcome is Outcome.ADDED
    assert db.scalar(select(func.count()).select_from(Service)) == 2


def test_two_of_one_name_are_asked_about(db, town, county):
    other = another(db, town, "王桂兰", area_id=town.east.id, number="Y7")
    (row,) = run(db, county, GOOD[0]).rows
    assert row.outcome is Outcome.ASKED
    answer = next(key for key, words in row.question.answers.items() if "Y7" in words)
    run(db, county, GOOD[0], answers={row.question.id: answer})
    assert db.scalars(select(ServicePerson.person_id)).all() == [other]
    run(db, county, GOOD[0].replace("王桂兰", "Y7"))  # the number tells him apart
    assert db.scalar(select(func.count()).select_from(Service)) == 1


def test_a_township_imports_only_what_is_its_own(db, town, county):
    with pytest.raises(RowsRefused, match="没有「G2」"):
        run(db, of_area(town, town.west), "走访,2026-04-01,1,王桂兰,G2,,,,")


def test_the_commands_enter_list_and_void(db, town, monkeypatch, tmp_path):
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setattr(command, "connect", lambda **_: contextlib.nullcontext((db.connection(), settings)))
    photo = tmp_path / "p.jpg"
    photo.write_bytes(taken().getvalue())
    arguments = [
        "service", "add", "--kind", "shift", "--day", "2026-04-05", "--hours", "3", "--person", "王桂兰",
        "--place", "G1", "--proof", str(photo), "--id", str(uuid.UUID(int=7)),
    ]  # fmt: skip
    runner = CliRunner()
    first, again = (runner.invoke(cli.app, arguments) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert "已登记" in first.output
    assert "没有重复登记" in again.output
    assert "值守" in runner.invoke(cli.app, ["service", "list"]).output
    gone = runner.invoke(cli.app, ["service", "void", str(uuid.UUID(int=7)), "--reason", "记错"])
    assert "已作废：记错" in gone.output
    sheet = tmp_path / "s.csv"
    sheet.write_bytes(table(GOOD[0]).getvalue())
    trial = runner.invoke(cli.app, ["service", "import", str(sheet), "--dry-run"])
    assert "没有改动" in trial.output, trial.output
    assert runner.invoke(cli.app, ["service", "add"]).exit_code == 2


def test_sendings_at_the_same_moment_make_one_service(engine, leaves_no_audit):
    id_, start = uuid.uuid4(), threading.Barrier(4)
    with transaction(engine) as db:
        built = build(db)
        scope, request = Scope(built.county.id, STAFF, {Right.ADMINISTRATOR: None}), asked(built)

    def send(_: int) -> bool:
        with transaction(engine) as db:
            start.wait()
            return service.put(db, scope, id_, request).already

    try:
        with ThreadPoolExecutor(4) as senders:
            assert sorted(senders.map(send, range(4))) == [False, True, True, True]
        with transaction(engine) as db:
            assert db.scalar(select(func.count()).where(ServicePerson.service_id == id_)) == 1
    finally:
        with engine.begin() as connection:
            connection.execute(delete(County).where(County.id == scope.county_id))
