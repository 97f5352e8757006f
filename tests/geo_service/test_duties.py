"""Duties: tables of who looks after what, stretches, parts of areas, hand-over and history."""

import datetime as dt
import io
import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from geoalchemy2 import WKTElement
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.clock import today_in
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.listing import As, content
from geo_service.people import lists, parts, rota, service
from geo_service.people.drafts import DutyDraft, DutySpan, PersonDraft
from geo_service.people.imports import ImportOptions, import_duties
from geo_service.people.lookup import Areas, Ground, People, PersonName, Places
from geo_service.people.service import DutyRequest
from geo_service.places import service as places_service
from geo_service.tables import Area, Audit, County, Duty, DutyCells, Import, PlaceVersion
from layers import crs as crs_
from layers.drafts import PlaceDraft
from layers.sheets import Row
from layers.vocabulary import DutyKind, Layer, Level, Right, Role

AREAS = [
    ("321281000000", "兴化市", "county", None, (119.80, 32.90, 119.90, 32.95)),
    ("321281001000", "昭阳街道", "township", "321281000000", (119.80, 32.90, 119.85, 32.95)),
    ("321281102000", "戴窑镇", "township", "321281000000", (119.85, 32.90, 119.90, 32.95)),
    ("321281001201", "南村", "village", "321281001000", (119.80, 32.90, 119.85, 32.925)),
    ("321281001202", "北村", "village", "321281001000", (119.80, 32.925, 119.85, 32.95)),
    ("321281102201", "东村", "village", "321281102000", (119.85, 32.90, 119.90, 32.95)),
]
LINES = [
    ("R1", "东河", "MULTILINESTRING ((119.82 32.92, 119.88 32.92))"),
    ("R2", "生产河", "MULTILINESTRING ((119.81 32.91, 119.82 32.91))"),
    ("R3", "生产河", "MULTILINESTRING ((119.87 32.91, 119.88 32.91))"),
    ("R4", "新河", None),
]
DAY = dt.date(2024, 1, 1)


@pytest.fixture
def areas(db: Session) -> dict[str, int]:
    """A county with two townships and three villages, all with borders: area id by code."""
    county = County(
        code="321281",
        name="兴化市",
        time_zone="Asia/Shanghai",
        crs="EPSG:4549",
        west=119.80,
        south=32.90,
        east=119.90,
        north=32.95,
    )
    db.add(county)
    db.flush()
    ids: dict[str, int] = {}
    for code, name, level, parent, box in AREAS:
        border = WKTElement(shapely.MultiPolygon([shapely.box(*box)]).wkt, srid=4326)
        area = Area(
            county_id=county.id,
            code=code,
            name=name,
            level=level,
            parent_id=ids.get(parent or ""),
            geom=border,
        )
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
def places(db: Session, scope: Scope) -> dict[str, int]:
    """Four rivers (one 未上图), a road, and a grid that lies in two villages: place id by code."""
    county = db.get_one(County, scope.county_id)
    rivers = [PlaceDraft(name, code, shapely.from_wkt(wkt) if wkt else None) for code, name, wkt in LINES]
    road = PlaceDraft("人民路", "X203", shapely.from_wkt("MULTILINESTRING ((119.82 32.93, 119.83 32.93))"))
    grid = PlaceDraft("一网格", "G1", shapely.MultiPolygon([shapely.box(119.81, 32.92, 119.82, 32.93)]))
    ids = places_service.add_places(db, county, Layer.RIVER, rivers)
    ids += places_service.add_places(db, county, Layer.ROAD, [road])
    ids += places_service.add_places(db, county, Layer.GRID, [grid])
    return dict(zip([*(code for code, *_ in LINES), "X203", "G1"], ids, strict=True))


@pytest.fixture
def people(db: Session, scope: Scope, areas: dict[str, int]) -> dict[str, uuid.UUID]:
    """Five people, two of one name: id by number."""
    west, east = areas["321281001201"], areas["321281102201"]
    drafts = [
        PersonDraft("张三", "1", "13800000001", west),
        PersonDraft("李四", "2", "13800000002", east),
        PersonDraft("王五", "3", None, east),
        PersonDraft("王五", "4", "13800000004", west),
        PersonDraft("赵六", "5", None, None),
    ]
    ids = service.add_people(db, scope.county_id, drafts)
    return {draft.number or "": id_ for draft, id_ in zip(drafts, ids, strict=True)}


@pytest.fixture
def townsman(scope: Scope, areas: dict[str, int]) -> Scope:
    """A coordinator of 戴窑镇, in the east."""
    own = frozenset({areas["321281102000"], areas["321281102201"]})
    return replace(scope, rights={Right.COORDINATOR: own})


def take(db: Session, scope: Scope, text: str, **options: object) -> ImportReport:
    file = io.BytesIO(text.encode("utf-8-sig"))
    return import_duties(db, scope, file, "职责.csv", ImportOptions(**options))


def outcomes(report: ImportReport) -> list[str]:
    return [row.outcome.value for row in report.rows]


def reasons(report: ImportReport) -> list[str]:
    return [row.detail for row in report.of(Outcome.REFUSED)]


def length_dm(db: Session, place_id: int) -> int:
    found = db.scalar(select(PlaceVersion.length_dm).where(PlaceVersion.place_id == place_id))
    assert found is not None
    return found


def duties(db: Session, scope: Scope, day: dt.date = DAY) -> list[DutySpan]:
    return service.duty_spans(db, scope.county_id, first_day=day)


# --- files


TABLE = """人员,对象,镇街,起点米,止点米,段,岗位,类别,级别,开始日期,结束日期
张三,东河,,0,500,,,,,2023-01-01,
李四,东河,,,,500-900;1200-1500.5,河长,责任人,镇级,2023/1/1,2024/12/31
13800000001,人民路,,,,,,,,2023-01-01,
1,G1,,,,,网格长,,,2023-01-01,
李四,生产河,戴窑,,,,,,,2023-01-01,
赵六,R4,,,,,,,,2023-01-01,
"""


def test_a_table_becomes_duties_and_twice_the_same_changes_nothing(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    report = take(db, scope, TABLE)
    assert outcomes(report) == ["added"] * 6
    code_of = {id_: code for code, id_ in places.items()}
    found = {(code_of[duty.place_id], duty.name): duty for duty in duties(db, scope)}
    assert {key: (duty.role.layer, duty.spans) for key, duty in found.items()} == {
        ("R1", "张三"): (Layer.RIVER, ((0, 5000),)),
        ("R1", "李四"): (Layer.RIVER, ((5000, 9000), (12000, 15005))),
        ("X203", "张三"): (Layer.ROAD, None),
        ("G1", "张三"): (Layer.GRID, None),
        ("R3", "李四"): (Layer.RIVER, None),
        ("R4", "赵六"): (Layer.RIVER, None),
    }
    official = found.pop(("R1", "李四"))
    assert (official.kind, official.level) == (DutyKind.OFFICIAL, Level.TOWNSHIP)
    assert (official.first_day, official.last_day) == (dt.date(2023, 1, 1), dt.date(2024, 12, 31))
    assert {(d.kind, d.level, d.first_day, d.last_day) for d in found.values()} == {
        (DutyKind.VOLUNTEER, Level.VILLAGE, dt.date(2023, 1, 1), None)
    }
    assert outcomes(take(db, scope, TABLE)) == ["same"] * 6
    assert db.scalar(select(func.count()).select_from(Import)) == 1
    assert db.scalars(select(Audit.action)).all() == ["duties.import"]


def test_the_last_day_is_included_and_the_day_after_is_not(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    take(db, scope, "人员,对象,from,until\n张三,东河,2024-02-01,2024-02-29\n")
    days = [dt.date(2024, 1, 31), dt.date(2024, 2, 1), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
    assert [len(duties(db, scope, day)) for day in days] == [0, 1, 1, 0]
    window = {"first_day": dt.date(2024, 2, 29), "last_day": dt.date(2024, 6, 1)}
    assert len(service.duty_spans(db, scope.county_id, **window)) == 1
    assert len(service.duty_spans(db, scope.county_id, **window, kind=DutyKind.OFFICIAL)) == 0
    assert len(service.duty_spans(db, scope.county_id, **window, place_ids=[places["R2"]])) == 0
    assert (
        len(service.duty_spans(db, scope.county_id, **window, level=Level.VILLAGE, role=Role.RIVER_STEWARD))
        == 1
    )


def test_wrong_rows_say_what_is_wrong_and_what_is_near(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    length_m = length_dm(db, places["R1"]) / 10
    text = (
        "人员,对象,镇街,起点米,止点米,岗位,类别,级别,开始日期,结束日期\n"
        "张三三,东河,,,,,,,,\n"
        "张三,东何,,,,,,,,\n"
        "张三,东河,,0,9999,,,,,\n"
        "张三,东河,,500,400,,,,,\n"
        "张三,东河,,,,,,,2024-05-01,2024-04-30\n"
        "张三,东河,,,,路长,,,,\n"
        "张三,东河,,,,,责任人,,,\n"
        "张三,东河,,,,,,部级,,\n"
        "张三,新河,,0,10,,,,,\n"
        "张三,一网格,,0,10,,,,,\n"
        "张三,人民路,戴窑镇,,,,,,,\n"
        "张三,,,,,,,,,\n"
        ",东河,,,,,,,,\n"
        "张三,东河,,a,,,,,,\n"
        "张三,东河,,,,,,,去年,\n"
    )
    with pytest.raises(RowsRefused, match="有 15 行不能导入，什么也没有改动"):
        take(db, scope, text)
    found = reasons(take(db, scope, text, dry_run=True))
    expected = [
        "您是不是要写：张三",
        "没有「东何」。您是不是要写：东河",
        f"0-9999 超出东河（R1），它全长 {length_m:g} 米",
        "500-400 的止点不在起点之后",
        "结束日期 2024-04-30 早于开始日期 2024-05-01",
        "东河（R1）是河道，岗位不能是路长",
        "责任人要写级别",
        "不认识「部级」，可以写：县级、镇级、村级",
        "新河（R4）还没有上图",
        "一网格（G1）是网格，没有起止米",
        "「人民路」不在所写的镇街或村",
        "没有对象",
        "没有人员",
        "「a」不是米数",
        "「去年」不是日期",
    ]
    assert len(found) == len(expected)
    for words, reason in zip(expected, found, strict=True):
        assert words in reason
    assert duties(db, scope) == []


def test_who_or_what_has_namesakes_is_asked(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    text = "人员,河道名称\n王五,东河\n张三,生产河\n王五,生产河\n"
    report = take(db, scope, text)
    assert outcomes(report) == ["asked", "asked", "asked"]
    person, place, both = (row.question for row in report.rows)
    assert person is not None
    assert place is not None
    assert both is not None
    assert set(person.answers.values()) == {
        "王五（编号 3，戴窑镇东村）",
        "王五（编号 4，138****0004，昭阳街道南村）",
    }
    assert list(place.answers) == ["1", "2"]
    assert place.answers["1"].startswith("河道 生产河（R2）（昭阳街道，")
    assert duties(db, scope) == []
    fourth = next(key for key, words in person.answers.items() if "编号 4" in words)
    answers = {person.id: fourth, place.id: "2", both.id: "1"}
    report = take(db, scope, text, answers=answers)
    assert outcomes(report) == ["added", "added", "asked"]
    again = report.rows[2].question
    assert again is not None
    assert "生产河" in again.text
    held = {(duty.place_id, duty.person_id) for duty in duties(db, scope, today_in(db, scope.county_id))}
    assert held == {(places["R1"], people["4"]), (places["R3"], people["1"])}
    with pytest.raises(RowsRefused, match="不在可选之列：1、2"):
        take(db, scope, text, answers={place.id: "9"})
    # Told apart by what the row says, nobody is asked.
    report = take(db, scope, "姓名,电话,河道编码\n王五,138 0000 0004,R3\n王五,,R4\n", dry_run=True)
    assert outcomes(report) == ["added", "asked"]


def test_a_stretch_may_end_where_a_rounded_length_does(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    length = length_dm(db, places["R1"])
    rounded_up = -(-length // 10)
    take(db, scope, f"人员,对象,段\n张三,东河,0-{rounded_up}\n李四,东河,100-{rounded_up}\n")
    assert {duty.spans for duty in duties(db, scope, today_in(db, scope.county_id))} == {
        None,
        ((1000, length),),
    }
    with pytest.raises(RowsRefused, match="超出东河"):
        take(db, scope, f"人员,对象,段\n赵六,东河,0-{rounded_up + 2}\n")


def test_only_a_start_or_an_end_reaches_to_the_other_end(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    take(db, scope, "人员,对象,起点米,止点米\n张三,东河,1000,\n李四,东河,,1000\n")
    found = {duty.name: duty.spans for duty in duties(db, scope, today_in(db, scope.county_id))}
    assert found == {"张三": ((10000, length_dm(db, places["R1"])),), "李四": ((0, 10000),)}


def test_a_village_has_its_part_of_a_river_and_of_a_grid(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    wkt = "POLYGON((119.81 32.92,119.815 32.92,119.815 32.93,119.81 32.93,119.81 32.92))"
    text = (
        "人员,对象,负责范围\n"
        "张三,东河,321281001201\n"
        "李四,东河,东村\n"
        "张三,一网格,北村\n"
        "李四,一网格,南村\n"
        f'赵六,一网格,"{wkt}"\n'
    )
    assert outcomes(take(db, scope, text)) == ["added"] * 5
    today = today_in(db, scope.county_id)
    found = {(d.name, d.place_id): d for d in duties(db, scope, today)}
    border = crs_.to_metric(np.array([[119.82, 32.92], [119.85, 32.92]]), "EPSG:4549")
    border_dm = (border[1, 0] - border[0, 0]) * 10
    ((start, stop),) = found["张三", places["R1"]].spans or ()
    assert start == 0
    assert stop == pytest.approx(border_dm, abs=20)
    assert found["李四", places["R1"]].spans == ((stop, length_dm(db, places["R1"])),)
    north, south = found["张三", places["G1"]].cells, found["李四", places["G1"]].cells
    half = found["赵六", places["G1"]].cells
    assert north is not None
    assert south is not None
    assert half is not None
    area = shapely.area(crs_.project(shapely.box(119.81, 32.92, 119.82, 32.93), "EPSG:4549"))
    for part in (north, south, half):
        assert len(part) * 100 == pytest.approx(area / 2, rel=0.05)
    assert len(north & south) < 0.03 * len(north)
    assert outcomes(take(db, scope, text)) == ["same"] * 5
    refused = take(
        db,
        scope,
        "人员,对象,负责范围,段\n张三,一网格,东村,\n张三,人民路,东村,\n张三,新河,东村,\n张三,东河,东村,0-5\n"
        '张三,一网格,"POLYGON((0 0,0.1 0,0.1 0.1,0 0))",\n张三,一网格,"POLYGON((0 0,1 1,1 0,0 1,0 0))",\n'
        '张三,一网格,"POLYGON((500 0,1 1,1 0,500 0))",\n张三,一网格,"POLYGON((0 0,1",\n'
        f'张三,东河,"{wkt}",\n4,一网格,"POLYGON((-170 -80,170 -80,170 80,-170 80,-170 -80))",\n',
        dry_run=True,
    )
    words = [
        "不相交",
        "不经过这个村",
        "还没有上图",
        "只能写一种",
        "不相交",
        "自相交",
        "不是 经度",
        "不是多边形",
        "请用起止米",
    ]
    for word, row in zip([*words, None], refused.rows, strict=True):
        assert word is None or word in row.detail
    assert outcomes(refused)[-1] == "added"  # the whole world has all of the grid
    assert "全部" in refused.rows[-1].detail


def test_overlaps_of_one_person_are_refused_and_shared_stretches_are_told(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    take(db, scope, "人员,对象,段,开始日期,结束日期\n张三,东河,0-500,2024-01-01,2024-06-30\n")
    text = (
        "人员,对象,段,级别,类别,开始日期,结束日期\n"
        "张三,东河,400-800,,,2024-06-30,\n"
        "张三,东河,,,,2024-01-01,\n"
        "张三,东河,400-800,,,2024-07-01,\n"
        "张三,东河,500-800,,,2024-01-01,2024-02-01\n"
        "张三,东河,0-500,镇级,责任人,2024-01-01,\n"
        "李四,东河,100-200,,,2024-03-01,\n"
        "李四,东河,100-200,,,2024-03-01,\n"
        "李四,东河,100-200,,,2024-03-01,2024-04-01\n"
    )
    report = take(db, scope, text, dry_run=True)
    assert outcomes(report) == ["refused", "refused", "added", "added", "added", "added", "same", "refused"]
    assert "已有同样的职责（2024-01-01 至 2024-06-30）" in report.rows[0].detail
    assert report.rows[5].detail == "河长 100–200 米，自 2024-03-01；同一段还有张三"
    assert report.rows[6].detail == "与第 7 行重复"
    assert "请合成一行" in report.rows[7].detail


def test_a_row_can_end_a_duty_but_not_begin_an_ended_one_again(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    first = "人员,对象,开始日期,结束日期\n张三,东河,2024-01-01,\n"
    take(db, scope, first)
    report = take(db, scope, "人员,对象,结束日期\n张三,东河,2024-06-30\n")
    assert outcomes(report) == ["changed"]
    assert report.rows[0].detail == "结束日期 长期 → 2024-06-30"
    (duty,) = duties(db, scope)
    assert duty.last_day == dt.date(2024, 6, 30)
    for again in (first, "人员,对象\n张三,东河\n"):
        report = take(db, scope, again)
        assert outcomes(report) == ["same"]
        assert "已登记到 2024-06-30 为止" in report.rows[0].detail
    report = take(db, scope, "人员,对象,开始日期\n张三,东河,2025-01-01\n")
    assert outcomes(report) == ["added"]
    assert outcomes(
        take(db, scope, "人员,对象,开始日期,结束日期\n张三,东河,2024-01-01,2025-02-01\n", dry_run=True)
    ) == ["refused"]


def test_an_exported_table_changes_nothing(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    take(db, scope, TABLE)
    data = b"".join(content(lists.duties(db, scope), As.CSV))
    report = import_duties(db, scope, io.BytesIO(data), "a.csv", ImportOptions())
    assert outcomes(report) == ["same"] * 6


def test_a_coordinator_gives_only_places_and_people_of_his_areas(
    db: Session, scope: Scope, townsman: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    report = take(
        db,
        townsman,
        "人员,对象\n李四,东河\n李四,生产河\n张三,东河\n李四,人民路\n李四,一网格\n王五,东河\n",
        dry_run=True,
    )
    assert outcomes(report) == ["added", "added", "refused", "refused", "refused", "added"]
    assert report.rows[1].name == "李四 生产河（R3）"
    with pytest.raises(Forbidden):
        take(db, replace(townsman, rights={Right.PLANNER: None}), TABLE)


# --- one by one


def test_a_hand_over_keeps_history(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    cells_request = DutyRequest(people["1"], places["G1"], DAY, area="321281001202")
    old = service.add_duty(
        db, scope, DutyRequest(people["1"], places["R1"], DAY, dt.date(2025, 12, 31), stretches_m=[(0, 500)])
    )
    old_grid = service.add_duty(db, scope, cells_request)
    day = dt.date(2024, 7, 1)
    new = service.hand_over(db, scope, old, people["2"], day)
    new_grid = service.hand_over(db, scope, old_grid, people["2"], day)
    before = {duty.place_id: duty for duty in duties(db, scope, day - dt.timedelta(days=1))}
    after = {duty.place_id: duty for duty in duties(db, scope, day)}
    assert {d.name for d in before.values()} == {"张三"}
    assert {d.name for d in after.values()} == {"李四"}
    assert before[places["R1"]].last_day == dt.date(2024, 6, 30)
    assert after[places["R1"]].spans == ((0, 5000),)
    assert after[places["R1"]].last_day == dt.date(2025, 12, 31)
    assert parts.equal(after[places["G1"]].cells, before[places["G1"]].cells)
    assert after[places["G1"]].cells is not None
    links = dict(map(tuple, db.execute(select(Duty.id, Duty.handed_over_from))))
    assert links == {old: None, old_grid: None, new: old, new_grid: old_grid}
    assert (
        db.scalars(select(Audit.action).order_by(Audit.id)).all()
        == ["duties.add"] * 2 + ["duties.hand_over"] * 2
    )


def test_a_hand_over_that_cannot_be_is_told_and_changes_nothing(
    db: Session, scope: Scope, townsman: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    duty = service.add_duty(db, scope, DutyRequest(people["1"], places["R1"], DAY, stretches_m=[(0, 500)]))
    service.add_duty(db, scope, DutyRequest(people["2"], places["R1"], DAY, stretches_m=[(400, 600)]))
    later = DAY + dt.timedelta(days=9)
    cases: list[tuple[type[Exception], uuid.UUID, dt.date]] = [
        (Invalid, people["1"], later),
        (Invalid, people["3"], DAY),
        (Invalid, people["3"], DAY - dt.timedelta(days=1)),
        (Conflict, people["2"], later),
        (NotFound, uuid.uuid4(), later),
    ]
    for error, taker, day in cases:
        with pytest.raises(error), db.begin_nested():
            service.hand_over(db, scope, duty, taker, day)
    assert {(d.name, d.last_day) for d in duties(db, scope)} == {("张三", None), ("李四", None)}
    with db.begin_nested():
        service.hand_over(db, scope, duty, people["3"], later)
    with pytest.raises(Conflict, match="已在 2024-01-09 结束"):
        service.hand_over(db, scope, duty, people["5"], later)
    grid = service.add_duty(db, scope, DutyRequest(people["1"], places["G1"], DAY))
    for act in (
        lambda: service.hand_over(db, townsman, grid, people["2"], later),
        lambda: service.end_duty(db, townsman, grid, later),
        lambda: service.add_duty(db, townsman, DutyRequest(people["2"], places["G1"])),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_duty_ends_on_the_day_that_is_said(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    duty = service.add_duty(db, scope, DutyRequest(people["1"], places["R1"], DAY))
    with pytest.raises(Invalid, match="早于"):
        service.end_duty(db, scope, duty, DAY - dt.timedelta(days=1))
    service.end_duty(db, scope, duty, DAY)
    assert len(duties(db, scope, DAY)) == 1
    assert duties(db, scope, DAY + dt.timedelta(days=1)) == []
    with pytest.raises(Conflict, match="已在 2024-01-01 结束"):
        service.end_duty(db, scope, duty, DAY + dt.timedelta(days=1))
    with pytest.raises(NotFound):
        service.end_duty(db, scope, 10**9, DAY)


def test_a_wrong_request_is_refused(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    fine = DutyRequest(people["1"], places["R1"], DAY)
    service.add_duty(db, scope, fine)
    wrong: list[tuple[type[Exception], DutyRequest]] = [
        (Conflict, fine),
        (Invalid, replace(fine, role=Role.GRID_STEWARD)),
        (Invalid, replace(fine, stretches_m=[(0, 1e6)])),
        (Invalid, replace(fine, stretches_m=[(0, 5)], area="321281001201")),
        (Invalid, replace(fine, person_id=people["2"], last_day=DAY - dt.timedelta(days=1))),
        (NotFound, replace(fine, place_id=10**9)),
        (NotFound, replace(fine, person_id=uuid.uuid4())),
        (NotFound, replace(fine, area="999999999999")),
    ]
    for error, request in wrong:
        with pytest.raises(error):
            service.add_duty(db, scope, request)
    assert len(duties(db, scope)) == 1


def test_lists_filter_and_draw_what_a_duty_is_for(
    db: Session, scope: Scope, townsman: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    take(db, scope, TABLE)
    service.add_duty(db, scope, DutyRequest(people["2"], places["G1"], DAY, area="321281001202"))

    def found(**filters: object) -> set[tuple[str, str]]:
        listing = lists.duties(db, scope, **filters)
        names = [column.name for column in listing.columns]
        rows: Iterable[dict[str, object]] = (dict(zip(names, row, strict=True)) for row in listing.rows)
        return {(str(row["person"]), str(row["code"])) for row in rows}

    assert len(found()) == 7
    assert found(person_id=people["1"]) == {("张三", "R1"), ("张三", "X203"), ("张三", "G1")}
    assert found(place_id=places["R1"]) == {("张三", "R1"), ("李四", "R1")}
    assert found(area="321281102000") == {("张三", "R1"), ("李四", "R1"), ("李四", "R3")}
    assert found(layer=Layer.GRID) == {("张三", "G1"), ("李四", "G1")}
    assert found(day=dt.date(2025, 1, 1)) == found() - {("李四", "R1")}
    listing = lists.duties(db, scope, drawn=True)
    shapes = {(row[3], row[6]): row[-1] for row in listing.rows}
    assert shapes["赵六", "R4"] is None
    start = crs_.to_metric(np.array([[119.82, 32.92]]), "EPSG:4549")
    east = crs_.to_lonlat(start + np.array([500.0, 0.0]), "EPSG:4549")[0, 0]
    assert shapes["张三", "R1"].bounds == pytest.approx((119.82, 32.92, east, 32.92), abs=2e-6)
    assert len(shapes["李四", "R1"].geoms) == 2
    whole, part = shapes["张三", "G1"], shapes["李四", "G1"]
    assert shapely.area(part) == pytest.approx(shapely.area(whole) / 2, rel=0.05)
    assert shapely.contains(shapely.buffer(whole, 1e-7), part)
    geojson = b"".join(content(listing, As.GEOJSON))
    assert geojson.count(b'"Feature"') == 7


def test_a_deleted_persons_past_duties_stay_without_a_name(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    take(db, scope, TABLE)
    service.delete_person(db, scope, people["1"], data_dir=Path("/nowhere"))
    today = today_in(db, scope.county_id)
    assert "张三" not in {duty.name for duty in duties(db, scope)}
    assert {duty.name for duty in duties(db, scope)} == {"", "李四", "赵六"}
    assert {duty.name for duty in duties(db, scope, today)} == {"李四", "赵六"}
    with pytest.raises(RowsRefused):
        take(db, scope, "人员,对象\n张三,东河\n")


def test_bulk_duties_with_cells(
    db: Session, scope: Scope, places: dict[str, int], people: dict[str, uuid.UUID]
) -> None:
    part = service.in_village(db, scope, service._place(db, scope, places["G1"]), db.scalars(
        select(Area.id).where(Area.code == "321281001202")).one())  # fmt: skip
    draft = DutyDraft(people["1"], places["G1"], Role.GRID_STEWARD, DAY, **parts.stored_as(part))
    whole = replace(draft, cells=None, person_id=people["2"])
    ids = service.add_duties(db, scope.county_id, [draft, whole])
    found = {duty.duty_id: duty for duty in duties(db, scope)}
    assert parts.equal(found[ids[0]].cells, draft.cells)
    assert found[ids[1]].cells is None
    assert db.scalar(select(func.count()).select_from(DutyCells)) == len(
        draft.cells.to_bits() if draft.cells else []
    )
    assert service.add_duties(db, scope.county_id, []) == []


# --- the planner against a naive model


names = st.sampled_from(["张三", "李四"])
days = st.sampled_from([None, "2024-01-01", "2024-06-01", "2030-01-01"])
stretches = st.sampled_from([None, "0-40", "20-60", "60-100", "0-20;80-100", "0-100"])
rows = st.lists(st.tuples(names, stretches, days, days), max_size=8)
TODAY = dt.date(2024, 3, 1)


def _land(held: list[DutySpan]) -> rota.Land:
    everybody = [
        PersonName(uuid.uuid5(uuid.NAMESPACE_DNS, name), name, None, None, None) for name in ("张三", "李四")
    ]
    river = Ground(1, Layer.RIVER, "R1", "东河", 1, 1000)

    def never(*_: object) -> None:
        raise AssertionError

    return rota.Land(People(everybody), Places([river]), Areas([]), held, never, never)


def _sheet(said: list[tuple[str | None, ...]]) -> list[Row]:
    keys = ("person", "stretches", "from", "until")
    return [
        Row(i, {"place": "东河"} | {k: v for k, v in zip(keys, row, strict=True) if v})
        for i, row in enumerate(said, 2)
    ]


@settings(max_examples=150, deadline=None)
@given(rows, rows)
def test_nobody_ever_has_the_same_stretch_twice_and_twice_the_same_file_changes_nothing(
    first: list[tuple[str | None, ...]], second: list[tuple[str | None, ...]]
) -> None:
    held: list[DutySpan] = []
    for said in (first, second):
        done = rota.plan(_sheet(said), _land(held), TODAY, {})
        assert len(done.rows) == len(said)
        ends = {ending.duty_id: ending.last_day for ending in done.ended}
        held = [replace(duty, last_day=ends.get(duty.duty_id, duty.last_day)) for duty in held]
        held += [
            DutySpan(
                len(held) + i,
                1,
                d.person_id,
                "",
                d.role,
                d.kind,
                d.level,
                d.first_day,
                d.last_day,
                d.spans,
                None,
            )
            for i, d in enumerate(done.added, 1)
        ]
        taken: set[tuple[uuid.UUID, int, dt.date]] = set()
        for duty in held:
            for day in (
                dt.date(2024, 1, 1),
                TODAY,
                dt.date(2024, 6, 1),
                dt.date(2030, 1, 1),
                dt.date(2031, 1, 1),
            ):
                if duty.meets(day, day):
                    for a, b in duty.spans or ((0, 1000),):
                        for dm in range(a, b, 100):
                            assert (duty.person_id, dm, day) not in taken
                            taken.add((duty.person_id, dm, day))
        again = rota.plan(_sheet(said), _land(held), TODAY, {})
        assert not again.added
        assert not again.ended
