"""People: rosters as offices send them, namesakes, the register over its life, and being forgotten."""

import datetime as dt
import io
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pytest
from geoalchemy2 import WKTElement
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.orm import Session

from geo_service import answers
from geo_service.accounts.scope import Actor, Scope
from geo_service.areas.tree import StoredArea
from geo_service.clock import today_in
from geo_service.db import transaction
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.listing import As, content
from geo_service.people import lists, matching, service
from geo_service.people.drafts import DutyDraft, PersonDraft
from geo_service.people.imports import ImportOptions, import_people
from geo_service.people.lookup import Areas
from geo_service.tables import (
    Account,
    Area,
    Audit,
    Batch,
    County,
    Duty,
    Import,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceVersion,
)
from layers import masks
from layers.errors import BadFile
from layers.sheets import Row
from layers.vocabulary import Level, Right, Role

SHANGHAI = ZoneInfo("Asia/Shanghai")
AREAS = [
    ("321281000000", "兴化市", "county", None),
    ("321281001000", "昭阳街道", "township", "321281000000"),
    ("321281102000", "戴窑镇", "township", "321281000000"),
    ("321281001001", "水关社区", "village", "321281001000"),
    ("321281102201", "东古村", "village", "321281102000"),
    ("321281102202", "新村", "village", "321281102000"),
    ("321281001202", "新村", "village", "321281001000"),
]


@pytest.fixture
def areas(db: Session) -> dict[str, int]:
    """A county with two townships and four villages: area id by code."""
    county = County(code="321281", name="兴化市", time_zone="Asia/Shanghai", crs="EPSG:4549")
    db.add(county)
    db.flush()
    ids: dict[str, int] = {}
    for code, name, level, parent in AREAS:
        area = Area(county_id=county.id, code=code, name=name, level=level, parent_id=ids.get(parent or ""))
        db.add(area)
        db.flush()
        ids[code] = area.id
    return ids


@pytest.fixture
def scope(db: Session, areas: dict[str, int]) -> Scope:
    """Everything in the county."""
    county_id = db.scalars(select(County.id)).one()
    return Scope(county_id, Actor(os_user="tester"), dict.fromkeys(Right, None))


@pytest.fixture
def townsman(scope: Scope, areas: dict[str, int]) -> Scope:
    """A coordinator of 戴窑镇 only."""
    own = frozenset({areas["321281102000"], areas["321281102201"], areas["321281102202"]})
    return replace(scope, rights={Right.COORDINATOR: own})


def csv(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode("utf-8-sig"))


def take(db: Session, scope: Scope, text: str, **options: object) -> ImportReport:
    return import_people(db, scope, csv(text), "名册.csv", ImportOptions(**options))


def outcomes(report: ImportReport) -> list[str]:
    return [row.outcome.value for row in report.rows]


def people(db: Session) -> list[tuple[str, str | None, str | None]]:
    rows = db.execute(select(Person.name, Person.number, Person.phone).where(Person.deleted_at.is_(None)))
    return sorted(map(tuple, rows), key=str)


ROSTER = """姓名,编号,联系电话,镇街,村(社区),性别,备注
张　三,001,138 1234 5678,昭阳,水关社区,男,
李四,002,,戴窑镇,东古村,女,老党员
王五,,0523-83212345,戴窑镇,,,
"""


def test_the_headers_that_offices_write_name_the_area(
    db: Session, scope: Scope, areas: dict[str, int]
) -> None:
    report = take(db, scope, "序号,姓名,手机号码,所属镇街,所属村\n1,李四,13800000001,戴窑镇,东古村\n")
    assert outcomes(report) == ["added"]
    assert db.scalars(select(Person.area_id).where(Person.name == "李四")).one() == areas["321281102201"]


def test_a_roster_becomes_people_and_twice_the_same_changes_nothing(
    db: Session, scope: Scope, areas: dict[str, int]
) -> None:
    report = take(db, scope, ROSTER)
    assert outcomes(report) == ["added"] * 3
    rows = db.execute(
        select(Person.name, Person.number, Person.phone, Person.area_id, Person.attributes)
    ).all()
    assert sorted(map(tuple, rows), key=str) == [
        ("张三", "001", "13812345678", areas["321281001001"], {"gender": "男"}),
        ("李四", "002", None, areas["321281102201"], {"gender": "女", "note": "老党员"}),
        ("王五", None, "052383212345", areas["321281102000"], {}),
    ]
    again = take(db, scope, ROSTER)
    assert outcomes(again) == ["same"] * 3
    assert db.scalar(select(func.count()).select_from(Import)) == 1
    assert db.scalars(select(Audit.action)).all() == ["roster.import"]
    assert "张" not in str(db.scalars(select(Audit.detail)).all())


def test_a_workbook_with_phones_as_numbers_is_the_same_roster(db: Session, scope: Scope) -> None:
    take(db, scope, "姓名,编号,电话\n张三,7,13812345678\n")
    book = openpyxl.Workbook()
    book.active.append(["编号", "姓名", "电话"])
    book.active.append([7, "张三", 13812345678])
    saved = io.BytesIO()
    book.save(saved)
    report = import_people(db, scope, saved, "名册.xlsx", ImportOptions())
    assert outcomes(report) == ["same"]


def test_a_dry_run_shows_every_row_and_stores_nothing(db: Session, scope: Scope) -> None:
    take(db, scope, "姓名,编号\n张三,1\n李四,2\n")
    report = take(db, scope, "姓名,编号,电话\n张三,1,13812345678\n李四,2,\n新人,3,\n,4,\n", dry_run=True)
    assert outcomes(report) == ["changed", "same", "added", "refused"]
    assert report.rows[0].detail == "电话 无 → 138****5678"
    assert report.rows[3].detail == "没有姓名，请补上或删去这一行"
    assert [name for name, *_ in people(db)] == ["张三", "李四"]
    assert db.scalar(select(func.count()).select_from(Import)) == 1


def test_refused_rows_stop_everything_or_are_left_out(db: Session, scope: Scope) -> None:
    text = (
        "姓名,电话,镇街,村\n张三,1381234567x,,\n李四,,昭阳街道,水关\n王五,,照阳街道,\n,1,,\n赵六,1.38E+10,,\n"
    )
    with pytest.raises(RowsRefused) as caught:
        take(db, scope, text)
    assert "有 4 行不能导入，什么也没有改动" in caught.value.detail
    assert "第 2 行 张三：电话「1381234567x」看不懂" in caught.value.detail
    assert people(db) == []
    report = take(db, scope, text, skip_refused=True)
    assert people(db) == [("李四", None, None)]
    left = list(report.not_taken().rows)
    assert [row[:2] for row in left] == [
        ("张三", "1381234567x"),
        ("王五", ""),
        ("", "1"),
        ("赵六", "1.38E+10"),
    ]
    assert "您是不是要写：昭阳街道" in left[1][-1]
    assert "科学计数法" in left[3][-1]
    assert [column.title for column in report.not_taken().columns] == ["姓名", "电话", "镇街", "村", "原因"]


def test_rows_left_out_can_be_corrected_and_given_back(db: Session, scope: Scope) -> None:
    report = take(db, scope, "姓名,编号,镇街\n张三,1,照阳街道\n李四,2,\n", skip_refused=True)
    file = b"".join(content(report.not_taken(), As.CSV)).decode("utf-8-sig").replace("照阳", "昭阳")
    again = take(db, scope, file)
    assert outcomes(again) == ["added"]
    assert again.notes == ["没有读取的列：原因"]


def test_namesakes_with_other_numbers_or_phones_are_other_people(db: Session, scope: Scope) -> None:
    report = take(
        db, scope, "姓名,编号,电话\n张三,1,\n张三,2,\n张三,,13800000001\n张三,,13800000002\n", answers={}
    )
    # 张三 with only a phone could be one of the numbered ones, who have none.
    assert outcomes(report) == ["added", "added", "asked", "asked"]
    report = take(db, scope, "姓名,电话\n李四,13800000001\n李四,13800000002\n李四,13800000001\n")
    assert outcomes(report) == ["added", "added", "same"]
    assert report.rows[2].detail == "与第 2 行是同一个人"
    assert "另有同名的李四（138****0001" in report.rows[1].detail


def test_what_cannot_be_told_apart_is_asked_and_stays_out_until_answered(db: Session, scope: Scope) -> None:
    take(db, scope, "姓名,编号\n张三,1\n")
    text = "姓名,电话\n张三,13812345678\n"
    report = take(db, scope, text)
    (row,) = report.rows
    assert row.outcome is Outcome.ASKED
    assert row.question is not None
    same, new = row.question.answers
    assert row.question.answers[same] == "就是张三（编号 1）"
    assert people(db) == [("张三", "1", None)]
    assert take(db, scope, text).rows[0].question == row.question
    with pytest.raises(RowsRefused, match="不在可选之列"):
        take(db, scope, text, answers={row.question.id: "maybe"})
    with db.begin_nested() as trial:
        assert outcomes(take(db, scope, text, answers={row.question.id: same})) == ["changed"]
        assert people(db) == [("张三", "1", "13812345678")]
        assert outcomes(take(db, scope, text)) == ["same"]
        trial.rollback()
    assert outcomes(take(db, scope, text, answers={row.question.id: new})) == ["added"]
    assert outcomes(take(db, scope, text)) == ["same"]
    assert people(db) == [("张三", "1", None), ("张三", None, "13812345678")]


def test_the_answers_are_the_report_filled_in(db: Session, scope: Scope) -> None:
    text = "姓名,村\n张三,东古村\n张三,东古村\n"
    report = take(db, scope, text)
    assert outcomes(report) == ["added", "asked"]
    filled = [
        (*values[:-1], "new" if values[4] else None)
        for values in (tuple(row) for row in report.listing().rows)
    ]
    data = b"".join(content(replace(report.listing(), rows=filled), As.XLSX))
    given = answers.read(io.BytesIO(data), "答复.xlsx")
    assert len(given) == 1
    assert outcomes(take(db, scope, text, answers=given)) == ["same", "added"]
    assert outcomes(take(db, scope, text, answers=given)) == ["same", "same"]
    assert outcomes(take(db, scope, text)) == ["same", "same"]


def test_a_name_and_village_alone_are_recognised_again(db: Session, scope: Scope) -> None:
    text = "姓名,镇街,村\n张三,戴窑镇,东古村\n李四,,\n"
    take(db, scope, text)
    assert outcomes(take(db, scope, text)) == ["same", "same"]
    assert outcomes(take(db, scope, "姓名,镇街,村\n张三,昭阳街道,水关社区\n")) == ["asked"]


def test_a_number_that_is_someone_elses_is_asked(db: Session, scope: Scope) -> None:
    take(db, scope, "姓名,编号,电话\n张三,1,13812345678\n")
    assert outcomes(take(db, scope, "姓名,编号,电话\n张山,1,13812345678\n")) == ["changed"]
    report = take(db, scope, "姓名,编号,电话\n李四,1,13900000000\n")
    assert outcomes(report) == ["asked"]
    assert report.rows[0].detail == "编号 1 登记的是张山，表里是李四。是同一个人吗？"
    with pytest.raises(RowsRefused, match="请改编号"):
        take(db, scope, "姓名,编号\n李四,1\n", answers={report.rows[0].question.id: "skip"})


def test_blank_cells_take_nothing_away_and_contradicting_rows_are_refused(db: Session, scope: Scope) -> None:
    take(db, scope, ROSTER)
    assert outcomes(take(db, scope, "姓名,编号,电话,镇街,备注\n张三,001,,,\n")) == ["same"]
    report = take(db, scope, "姓名,编号,备注\n张三,001,甲\n张三,001,乙\n", dry_run=True)
    assert outcomes(report) == ["refused", "refused"]
    assert report.rows[1].detail == "第 2、3 行是同一编号或电话，内容却不一样，请合成一行"
    report = take(
        db,
        scope,
        "姓名,编号,电话,性别\n张三,001,,男\n张三,001,13812345678,\n新人,,1380000,女\n新人,5,1380000,\n",
    )
    assert outcomes(report) == ["same", "same", "added", "same"]
    assert ("新人", "5", "1380000") in people(db)


def test_villages_of_one_name_need_their_township(db: Session, scope: Scope, areas: dict[str, int]) -> None:
    with pytest.raises(RowsRefused, match="有 2 处"):
        take(db, scope, "姓名,村\n张三,新村\n")
    take(db, scope, "姓名,镇街,村\n张三,戴窑,新村\n李四,,321281001202\n")
    assert set(db.scalars(select(Person.area_id))) == {areas["321281102202"], areas["321281001202"]}


def test_a_coordinator_takes_only_people_of_his_areas(db: Session, scope: Scope, townsman: Scope) -> None:
    take(db, scope, "姓名,编号,镇街\n张三,1,昭阳街道\n李四,2,戴窑镇\n")
    report = take(
        db,
        townsman,
        "姓名,编号,镇街,电话\n张三,,戴窑镇,13800000001\n李四,2,,13800000002\n"
        "外人,9,昭阳街道,\n无址,8,,\n张三,1,戴窑镇,\n",
        dry_run=True,
    )
    assert outcomes(report) == ["added", "changed", "refused", "refused", "refused"]
    assert "不在您管理的辖区内" in report.rows[2].detail
    assert "只能登记自己辖区的人" in report.rows[3].detail
    assert report.rows[4].detail == "编号 1 已在别的辖区使用，请核对编号"
    assert "另有同名" not in report.rows[0].detail  # who is out of scope does not exist for him
    with pytest.raises(Forbidden):
        take(db, replace(townsman, rights={Right.PLANNER: None, Right.AUDITOR: None}), ROSTER)


def test_what_is_no_roster_is_refused_whole(db: Session, scope: Scope) -> None:
    for text in ("", "编号,电话\n1,2\n"):
        with pytest.raises(BadFile):
            take(db, scope, text)
    with pytest.raises(RowsRefused, match="控制字符"):
        take(db, scope, "姓名\n张\0三\n")
    assert people(db) == []


def test_an_exported_roster_changes_nothing(db: Session, scope: Scope) -> None:
    take(db, scope, ROSTER + "=Anna,-4,+8613912345678,,,,@note\n")
    for form, name in ((As.CSV, "a.csv"), (As.XLSX, "a.xlsx")):
        data = b"".join(content(lists.people(db, scope), form))
        assert outcomes(import_people(db, scope, io.BytesIO(data), name, ImportOptions())) == ["same"] * 4


@pytest.mark.usefixtures("leaves_no_audit")
def test_the_same_roster_sent_twice_at_once_is_taken_once(engine: Engine) -> None:
    with Session(engine) as first, first.begin():
        county = County(code="999977", name="双击县", time_zone="Asia/Shanghai")
        first.add(county)
        first.flush()
        county_id = county.id
    whole = Scope(county_id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    text = "姓名,编号,电话\n" + "".join(f"人{i},,1380000{i:04}\n" for i in range(300))

    def send(_: int) -> list[str]:
        with transaction(engine) as own:
            return outcomes(take(own, whole, text))

    try:
        with ThreadPoolExecutor(2) as pool:
            reports = sorted(pool.map(send, range(2)))
        assert reports == [["added"] * 300, ["same"] * 300]
    finally:
        with Session(engine) as last, last.begin():
            last.execute(delete(County).where(County.id == county_id))


names = st.sampled_from(["张三", "李四"])
numbers = st.sampled_from([None, "1", "2", "3"])
phones = st.sampled_from([None, "13800000001", "13800000002"])
villages = st.sampled_from([None, "东古村", "水关社区"])
rows = st.lists(st.tuples(names, numbers, phones, villages), max_size=8)


def _tree() -> Areas:
    level = {name: Level(level) for _, name, level, _ in AREAS}
    return Areas(
        [
            StoredArea(i, code, name, level[name], parent, None)
            for i, (code, name, _, parent) in enumerate(AREAS)
        ]
    )


def _sheet(people: list[tuple[str | None, ...]]) -> list[Row]:
    keys = ("name", "number", "phone", "village")
    return [
        Row(i, {k: v for k, v in zip(keys, person, strict=True) if v}) for i, person in enumerate(people, 2)
    ]


def _after(register: list[matching.Known], plan: matching.Plan) -> list[matching.Known]:
    changed = {change.id: change.values for change in plan.changed}
    kept = [replace(known, **changed.get(known.id, {})) for known in register]
    return kept + [
        matching.Known(d.id, d.name, d.number, d.phone, d.area_id, d.attributes) for d in plan.added
    ]


@settings(max_examples=200, deadline=None)
@given(rows, rows)
def test_twice_the_same_roster_changes_nothing_whatever_it_holds(
    first: list[tuple[str | None, ...]], second: list[tuple[str | None, ...]]
) -> None:
    register: list[matching.Known] = []
    for people_of_file in (first, second):
        done = matching.plan(_sheet(people_of_file), register, _tree(), matching.Rights(None), {})
        assert len(done.rows) == len(people_of_file)
        register = _after(register, done)
        numbers = [known.number for known in register if known.number]
        assert len(numbers) == len(set(numbers))
        again = matching.plan(_sheet(people_of_file), register, _tree(), matching.Rights(None), {})
        assert not again.added
        assert not again.changed


def test_many_people_and_duties_in_bulk(db: Session, scope: Scope, areas: dict[str, int]) -> None:
    place = Place(county_id=scope.county_id, layer="river", code="R1", name="东河", in_scheme=True)
    db.add(place)
    db.flush()
    ids = service.add_people(
        db, scope.county_id, [PersonDraft(f"人{i}", number=str(i), attributes={"k": i}) for i in range(3200)]
    )
    day = dt.date(2024, 1, 1)
    duties = [
        DutyDraft(ids[i % 3200], place.id, Role.RIVER_STEWARD, day, spans=((i, i + 10),)) for i in range(6000)
    ]
    duty_ids = service.add_duties(db, scope.county_id, duties)
    assert len(set(duty_ids)) == 6000
    found = service.duty_spans(db, scope.county_id, first_day=day)
    assert [duty.duty_id for duty in found] == duty_ids
    assert [duty.spans for duty in found] == [draft.spans for draft in duties]
    assert [duty.name for duty in found[:2]] == ["人0", "人1"]


def test_one_person_added_changed_and_found(db: Session, scope: Scope, areas: dict[str, int]) -> None:
    id_ = service.add_person(db, scope, PersonDraft("张　三", "007", "138-1234-5678", areas["321281001001"]))
    assert people(db) == [("张三", "007", "13812345678")]
    with pytest.raises(Conflict, match="已经有人在用"):
        service.add_person(db, scope, PersonDraft("李四", "007"))
    other = service.add_person(db, scope, PersonDraft("李四", "008"))
    with pytest.raises(Conflict):
        service.change_person(db, scope, other, {"number": "007"})
    service.change_person(db, scope, other, {"number": "008", "phone": None, "name": "李　四"})
    service.change_person(db, scope, id_, {"area_id": None})
    for wrong in ({"name": None}, {"name": "123"}, {"phone": "abc"}, {"number": "x" * 41}):
        with pytest.raises(Invalid):
            service.change_person(db, scope, id_, wrong)
    with pytest.raises(NotFound):
        service.change_person(db, scope, id_, {"area_id": 10**6})
    with pytest.raises(NotFound):
        service.change_person(db, scope, uuid.uuid4(), {"name": "谁"})
    assert db.scalars(select(Audit.action).order_by(Audit.id)).all() == [
        "people.add",
        "people.add",
        "people.change",
        "people.change",
    ]


def test_out_of_scope_a_person_does_not_exist(
    db: Session, scope: Scope, townsman: Scope, areas: dict[str, int]
) -> None:
    far = service.add_person(db, scope, PersonDraft("张三", area_id=areas["321281001001"]))
    near = service.add_person(db, scope, PersonDraft("李四", area_id=areas["321281102201"]))
    service.change_person(db, townsman, near, {"phone": "13812345678"})
    for act in (
        lambda: service.change_person(db, townsman, far, {"name": "谁"}),
        lambda: service.delete_person(db, townsman, far, data_dir=Path("/nowhere")),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotFound):
        service.add_person(db, townsman, PersonDraft("王五", area_id=areas["321281001001"]))
    with pytest.raises(Forbidden, match="请写明镇街"):
        service.add_person(db, townsman, PersonDraft("王五"))
    with pytest.raises(NotFound):
        service.change_person(db, townsman, near, {"area_id": areas["321281001001"]})
    assert [row[2] for row in lists.people(db, townsman).rows] == ["李四"]


@pytest.fixture
def walked(db: Session, scope: Scope, areas: dict[str, int]) -> Callable[[PersonDraft], uuid.UUID]:
    """Store a person with an account, two duties, and a patrol with raw fixes, track and coverage."""

    def store(draft: PersonDraft) -> uuid.UUID:
        service.add_people(db, scope.county_id, [draft])
        place = Place(county_id=scope.county_id, layer="river", code="R1", name="东河", in_scheme=True)
        db.add(place)
        db.flush()
        line = WKTElement("MULTILINESTRING M ((119.8 32.9 0, 119.81 32.9 935))", srid=4326)
        version = PlaceVersion(
            county_id=scope.county_id, place_id=place.id, number=1, line=line, length_dm=9350
        )
        db.add(version)
        now = dt.datetime.now(dt.UTC)
        track = WKTElement("MULTILINESTRING M ((119.8 32.9 1700000000, 119.81 32.9 1700000600))", srid=4326)
        patrol = Patrol(
            county_id=scope.county_id,
            id=uuid.uuid4(),
            person_id=draft.id,
            day=now.date(),
            started_at=now,
            ended_at=now,
            walked_m=935.0,
            fixes=2,
            track=track,
            accuracy_m=[5.0, 5.0],
        )
        db.add(patrol)
        db.add(Account(person_id=draft.id, password_history=[]))
        db.add(Account(person_id=draft.id, login="wang.fang", password_history=[]))
        db.flush()
        db.execute(
            insert(Batch).values(
                county_id=scope.county_id,
                patrol_id=patrol.id,
                id=uuid.uuid4(),
                sha256=b"x",
                datum="wgs84",
                time_s=[1.0, 2.0],
                lon=[119.8, 119.81],
                lat=[32.9, 32.9],
            )
        )
        db.add(
            LineCoverage(
                county_id=scope.county_id,
                place_version_id=version.id,
                day=now.date(),
                patrol_id=patrol.id,
                spans=[],
            )
        )
        today = today_in(db, scope.county_id)
        past, coming = today - dt.timedelta(days=100), today + dt.timedelta(days=100)
        _, second = service.add_duties(
            db,
            scope.county_id,
            [
                DutyDraft(draft.id, place.id, Role.RIVER_STEWARD, past),
                DutyDraft(draft.id, place.id, Role.RIVER_STEWARD, coming, level=Level.TOWNSHIP),
            ],
        )
        other = PersonDraft("接任")
        service.add_people(db, scope.county_id, [other])
        handed = DutyDraft(other.id, place.id, Role.RIVER_STEWARD, coming, handed_over_from=second)
        service.add_duties(db, scope.county_id, [handed])
        return draft.id

    return store


def test_a_deleted_person_leaves_no_name_and_no_track_but_what_was_covered(
    db: Session, scope: Scope, walked: Callable[[PersonDraft], uuid.UUID], areas: dict[str, int]
) -> None:
    id_ = walked(PersonDraft("张三丰", "007", "13812345678", areas["321281001001"], {"note": "独居"}))
    service.delete_person(db, scope, id_, data_dir=Path("/nowhere"))
    row = db.get_one(Person, id_, populate_existing=True)
    assert (row.name, row.number, row.phone, row.area_id, row.attributes) == ("", None, None, None, {})
    patrol = db.scalars(select(Patrol).execution_options(populate_existing=True)).one()
    assert (patrol.person_id, patrol.track, patrol.accuracy_m) == (None, None, None)
    assert db.scalar(select(func.count()).select_from(Batch)) == 0
    assert db.scalar(select(func.count()).select_from(LineCoverage)) == 1
    assert db.scalars(select(Account)).all() == []
    today = today_in(db, scope.county_id)
    own = db.scalars(
        select(Duty).where(Duty.person_id == id_).execution_options(populate_existing=True)
    ).all()
    assert [(duty.in_force.upper, duty.level) for duty in own] == [(today, "village")]
    others = db.scalars(select(Duty).where(Duty.person_id != id_).execution_options(populate_existing=True))
    assert [duty.handed_over_from for duty in others] == [None]
    for table in (Person, Patrol, Duty, Audit, Import):
        everything = str([dict(r._mapping) for r in db.execute(select(table.__table__))])
        assert "张三" not in everything
        assert "13812345678" not in everything
    with pytest.raises(NotFound):
        service.delete_person(db, scope, id_, data_dir=Path("/nowhere"))
    assert [row[2] for row in lists.people(db, scope).rows] == ["接任"]
    assert service.add_person(db, scope, PersonDraft("新人", "007"))


def test_only_who_may_call_sees_the_phone(db: Session, scope: Scope, areas: dict[str, int]) -> None:
    id_ = service.add_person(db, scope, PersonDraft("张三", None, "13812345678", areas["321281001001"]))
    volunteer = replace(scope, rights={Right.VOLUNTEER: None}, person_id=id_)
    auditor = replace(scope, rights={Right.AUDITOR: None})
    phone = [column.name for column in lists.people(db, scope).columns].index("phone")
    assert [row[phone] for row in lists.people(db, scope).rows] == ["13812345678"]
    assert [row[phone] for row in lists.people(db, volunteer).rows] == ["138****5678"]
    assert list(lists.people(db, auditor).rows) == []


def test_phone_masks_never_show_more_than_four_digits() -> None:
    rng = np.random.default_rng(1)
    for length in range(5, 16):
        phone = "".join(map(str, rng.integers(0, 10, length)))
        shown = masks.phone(phone)
        assert shown is not None
        assert shown.count("*") == 4
        assert len(shown) <= 11
