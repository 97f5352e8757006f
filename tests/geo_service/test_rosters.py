"""Rosters as offices write them: places by name, chiefs, stewards and volunteers out of one table."""

import datetime as dt
import io
from dataclasses import replace
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.errors import Forbidden
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.listing import As, content
from geo_service.people import lists, service
from geo_service.people.imports import ImportOptions, import_duties
from geo_service.rosters import workbooks
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster
from geo_service.tables import Area, Audit, County, Duty, Import, Person, Place
from layers.errors import BadFile
from layers.vocabulary import Layer, Right

AREAS = [
    ("321281000000", "兴化市", "county", None),
    ("321281001000", "昭阳街道", "township", "321281000000"),
    ("321281102000", "戴窑镇", "township", "321281000000"),
    ("321281001001", "水关社区", "village", "321281001000"),
    ("321281102201", "东古村", "village", "321281102000"),
    ("321281102202", "新村", "village", "321281102000"),
]


@pytest.fixture
def areas(db: Session) -> dict[str, int]:
    """A county with two townships and three villages, without any border: area id by name."""
    county = County(code="321281", name="兴化市", time_zone="Asia/Shanghai")
    db.add(county)
    db.flush()
    ids: dict[str, int] = {}
    by_code: dict[str, int] = {}
    for code, name, level, parent in AREAS:
        area = Area(
            county_id=county.id, code=code, name=name, level=level, parent_id=by_code.get(parent or "")
        )
        db.add(area)
        db.flush()
        ids[name] = by_code[code] = area.id
    return ids


@pytest.fixture
def scope(db: Session, areas: dict[str, int]) -> Scope:
    """Everything in the county."""
    return Scope(db.scalars(select(County.id)).one(), Actor(os_user="tester"), dict.fromkeys(Right, None))


@pytest.fixture
def townsman(scope: Scope, areas: dict[str, int]) -> Scope:
    """A coordinator of 戴窑镇 only."""
    own = frozenset({areas["戴窑镇"], areas["东古村"], areas["新村"]})
    return replace(scope, rights={Right.COORDINATOR: own})


def take(db: Session, scope: Scope, text: str, name: str = "名录.csv", **options: object) -> ImportReport:
    file = io.BytesIO(text.encode("utf-8-sig"))
    return import_roster(db, scope, file, name, RosterOptions(**options))  # type: ignore[arg-type]


def outcomes(report: ImportReport) -> list[str]:
    return [row.outcome.value for row in report.rows]


def told(report: ImportReport) -> str:
    return "\n".join(f"{row.outcome} {row.numbers} {row.name} {row.detail}" for row in report.rows)


def duties(db: Session) -> list[tuple[str, str, str, str]]:
    """Who has which place as what: name, place, kind, level."""
    rows = db.execute(
        select(Person.name, Place.name, Duty.kind, Duty.level)
        .join(Person, Person.id == Duty.person_id)
        .join(Place, Place.id == Duty.place_id)
    )
    return sorted(map(tuple, rows))  # type: ignore[arg-type]


HEAD = (
    "河道名称,河道级别,所在镇街,流经村居,起点,讫点,长度(km),宽度,县级河长,县级河长职务,县级河长电话,"
    "镇级河长,镇级河长电话,村级河长,村级河长电话,银发河长,银发河长电话\n"
)
CHIEFS = "王建军,副县长,13800000001,李国强,13800000002"
RIVERS = (
    f"{HEAD}东河,县级,戴窑镇,东古村,东桥,西闸,3.2,12米,{CHIEFS},赵大山,,钱大爷、孙大妈,13800000003、13800000004\n"
    f"西河,县级,戴窑镇,新村,南桥,北闸,1200米,8,{CHIEFS},周小山,,钱大爷,13800000003\n"
)


def test_a_register_of_rivers_gives_places_people_and_duties_at_once(
    db: Session, scope: Scope, areas: dict[str, int]
) -> None:
    report = take(db, scope, RIVERS)
    assert outcomes(report) == ["added", "added"], told(report)
    places = {place.name: place for place in db.scalars(select(Place))}
    assert set(places) == {"东河", "西河"}
    east = places["东河"]
    assert (east.version_id, east.area_id, east.in_scheme) == (None, areas["东古村"], True)
    assert (east.attributes["length_km"], east.attributes["width_m"]) == (3.2, 12)
    assert places["西河"].attributes["length_km"] == 1.2
    assert {"level": "县级", "start": "东桥", "end": "西闸"}.items() <= east.attributes.items()
    assert duties(db) == [
        ("周小山", "西河", "official", "village"),
        ("孙大妈", "东河", "volunteer", "village"),
        ("李国强", "东河", "official", "township"),
        ("李国强", "西河", "official", "township"),
        ("王建军", "东河", "official", "county"),
        ("王建军", "西河", "official", "county"),
        ("赵大山", "东河", "official", "village"),
        ("钱大爷", "东河", "volunteer", "village"),
        ("钱大爷", "西河", "volunteer", "village"),
    ]
    chief = db.scalars(select(Person).where(Person.name == "王建军")).one()
    assert (chief.phone, chief.area_id, chief.attributes) == ("13800000001", None, {"post": "副县长"})


def test_twice_the_same_file_changes_nothing(db: Session, scope: Scope) -> None:
    take(db, scope, RIVERS)
    again = take(db, scope, RIVERS)
    assert outcomes(again) == ["same", "same"], told(again)
    assert db.scalar(select(func.count()).select_from(Import)) == 1
    assert db.scalars(select(Audit.action)).all() == ["roster.import"]


def test_upside_down_the_same_is_made(db: Session, scope: Scope) -> None:
    head, *rows = RIVERS.splitlines()
    take(db, scope, "\n".join([head, *reversed(rows)]))
    assert outcomes(take(db, scope, RIVERS)) == ["same", "same"]


# --- one person in several rows, several roles, several townships


def test_a_river_with_a_row_for_each_township_is_one_river_with_several_chiefs(
    db: Session, scope: Scope
) -> None:
    head = "河道名称,所在镇街,长度(km),县级河长,镇级河长\n"
    take(db, scope, f"{head}界河,戴窑镇,9,王建军,李国强\n界河,昭阳街道,9,王建军,孙卫东\n")
    assert [place.name for place in db.scalars(select(Place))] == ["界河"]
    assert duties(db) == [
        ("孙卫东", "界河", "official", "township"),
        ("李国强", "界河", "official", "township"),
        ("王建军", "界河", "official", "county"),
    ]


def test_one_name_in_two_townships_is_asked_where_nothing_tells(db: Session, scope: Scope) -> None:
    text = "河道名称,所在镇街,银发河长\n中心河,戴窑镇,李大山\n中心河,昭阳街道,张秀英\n"
    report = take(db, scope, text)
    assert outcomes(report) == ["asked", "asked"]
    assert db.scalars(select(Place)).all() == []
    (question,) = {row.question.id: row.question for row in report.rows if row.question}.values()
    again = take(db, scope, text, answers={question.id: "apart"})
    assert outcomes(again) == ["added", "added"]
    assert len(db.scalars(select(Place)).all()) == 2
    third = take(db, scope, text, answers={question.id: "apart"})
    assert outcomes(third) == ["same", "same"], told(third)


def test_somebody_in_several_roles_is_one_person(db: Session, scope: Scope) -> None:
    take(db, scope, RIVERS)
    grids = "镇街,村(社区),网格名称,网格长,专职网格员,联系电话,银发网格长\n"
    report = take(db, scope, f"{grids}戴窑镇,东古村,第一网格,赵大山,吴小妹,13800000009,孙大妈\n")
    assert outcomes(report) == ["added"], told(report)
    assert db.scalar(select(func.count()).where(Person.name == "赵大山")) == 1
    assert db.scalar(select(func.count()).where(Person.name == "孙大妈")) == 1
    full_time = db.scalars(select(Person).where(Person.name == "吴小妹")).one()
    assert (full_time.phone, full_time.attributes["post"]) == ("13800000009", "专职网格员")


def test_grids_of_one_name_in_two_villages_are_two_grids(db: Session, scope: Scope) -> None:
    take(db, scope, "镇街,村(社区),网格名称,网格长\n戴窑镇,东古村,第一网格,赵一\n戴窑镇,新村,第一网格,钱二\n")
    assert len(db.scalars(select(Place).where(Place.layer == Layer.GRID)).all()) == 2


def test_compounds_keep_their_manager_and_their_stewards(db: Session, scope: Scope) -> None:
    text = (
        "小区名称,所属社区,地址,建成年份,户数,物业公司,项目经理,电话,业委会(有/无),银龄红管家\n"
        "阳光花园,水关社区,英武路1号,2005,320户,某某物业,周经纬,13900000001,有,张秀英、李桂兰\n"
    )
    report = take(db, scope, text)
    assert outcomes(report) == ["added"], told(report)
    place = db.scalars(select(Place)).one()
    assert place.attributes["households"] == 320
    assert {(name, kind) for name, _, kind, _ in duties(db)} == {
        ("周经纬", "official"),
        ("张秀英", "volunteer"),
        ("李桂兰", "volunteer"),
    }


def test_volunteers_keep_their_many_fields(db: Session, scope: Scope, areas: dict[str, int]) -> None:
    text = (
        "编号,姓名,性别,出生年月,民族,政治面貌,入党时间,原工作单位及职务,特长,健康状况,居住地(镇街),居住地(社区),"
        "服务意向,联系电话,紧急联系人及电话\n"
        "V001,张秀英,女,1956.03,汉,中共党员,1980.7,戴窑小学教师,书法,良好,戴窑镇,东古村,巡河,13800000001,"
        "儿子 13900000001\n"
    )
    assert outcomes(take(db, scope, text)) == ["added"]
    person = db.scalars(select(Person)).one()
    assert (person.number, person.phone, person.area_id) == ("V001", "13800000001", areas["东古村"])
    assert {"gender": "女", "born": "1956-03", "skills": "书法", "health": "良好"}.items() <= (
        person.attributes.items()
    )
    assert person.attributes["emergency"] == "儿子 13900000001"
    assert outcomes(take(db, scope, text)) == ["same"]


def test_a_place_by_name_is_found_by_its_township_for_duties(db: Session, scope: Scope) -> None:
    take(db, scope, RIVERS)
    text = "人员,河道名称,镇街,类别,级别\n孙大妈,西河,戴窑镇,志愿者,村\n".encode()
    report = import_duties(db, scope, io.BytesIO(text), "职责.csv", ImportOptions())
    assert outcomes(report) == ["added"], told(report)


# --- rows that are not taken


WRONG = f"{HEAD}东河,县级,戴窑镇,东古村,东桥,西闸,3.2,12米,{CHIEFS},赵大山,1380000x,钱大爷,13800000003\n"


def test_a_row_is_taken_whole_or_not_at_all(db: Session, scope: Scope) -> None:
    with pytest.raises(RowsRefused):
        take(db, scope, WRONG + RIVERS.splitlines()[2] + "\n")
    assert db.scalars(select(Place)).all() == []
    report = take(db, scope, WRONG + RIVERS.splitlines()[2] + "\n", skip_refused=True)
    assert outcomes(report) == ["refused", "added"]
    assert [place.name for place in db.scalars(select(Place))] == ["西河"]
    assert "赵大山" not in {person.name for person in db.scalars(select(Person))}


def test_what_was_left_out_comes_back_as_it_stood_with_the_wrong_cells_in_colour(
    db: Session, scope: Scope
) -> None:
    report = take(db, scope, WRONG + RIVERS.splitlines()[2] + "\n", skip_refused=True)
    book = openpyxl.load_workbook(io.BytesIO(b"".join(content(report.not_taken(), As.XLSX))))
    head, row = book.active[1], book.active[2]
    assert [cell.value for cell in head] == [*HEAD.strip().split(","), "原因"]
    assert [cell.value or "" for cell in row][:-1] == WRONG.splitlines()[1].split(",")
    assert "1380000x" in str(row[len(head) - 1].value)
    coloured = {str(head[k].value) for k, cell in enumerate(row) if cell.fill.fill_type}
    assert coloured == {"村级河长", "村级河长电话"}
    fixed = io.BytesIO()
    book.active.cell(2, 15).value = "13800000008"
    book.save(fixed)
    again = import_roster(db, scope, fixed, "改好.xlsx", RosterOptions())
    assert outcomes(again) == ["added"], told(again)


def test_a_coordinator_takes_only_what_lies_in_his_areas(db: Session, townsman: Scope) -> None:
    text = "河道名称,所在镇街,银发河长\n东河,戴窑镇,李大山\n城河,昭阳街道,张秀英\n"
    report = take(db, townsman, text, skip_refused=True)
    assert outcomes(report) == ["added", "refused"], told(report)
    with pytest.raises(Forbidden):
        take(db, replace(townsman, rights={Right.PLANNER: None}), text)


def test_a_file_that_is_no_roster_says_what_was_read(db: Session, scope: Scope) -> None:
    with pytest.raises(BadFile, match="认不出是哪一种名册"):
        take(db, scope, "颜色,形状\n红,圆\n")


def test_a_table_of_duties_or_of_patrols_is_no_register(db: Session, scope: Scope) -> None:
    for text, hint in (
        ("人员,河道名称,责任段\n张三,东河,0-100\n", "职责表"),
        ("日期,巡查人,河道,天气,巡查内容\n2026-05-01,张三,东河,晴,正常\n", "巡查记录表"),
        ("图层,编码,名称\n河道,R1,东河\n", "对象清单"),
    ):
        with pytest.raises(BadFile, match=hint):
            take(db, scope, text)


# --- reconciled with the last one


def test_what_a_new_roster_no_longer_names_is_asked_and_ends_only_by_an_answer(
    db: Session, scope: Scope
) -> None:
    take(db, scope, RIVERS)
    newer = RIVERS.replace("钱大爷、孙大妈,13800000003、13800000004", "孙大妈,13800000004")
    assert "gone" not in outcomes(take(db, scope, newer))
    report = take(db, scope, newer, reconcile=True)
    (gone,) = report.of(Outcome.GONE)
    assert "东河" in gone.detail
    assert "钱大爷" in gone.detail
    assert gone.question is not None
    assert set(gone.question.answers) == {"end", "keep"}
    kept = take(db, scope, newer, reconcile=True, answers={gone.question.id: "keep"})
    assert "answered" in outcomes(kept)
    assert len([row for row in db.scalars(select(Duty)) if row.in_force.upper]) == 0
    tomorrow = dt.date.today() + dt.timedelta(days=2)
    ended = take(db, scope, newer, reconcile=True, answers={gone.question.id: "end"}, last_day=tomorrow)
    assert "changed" in outcomes(ended)
    (duty,) = [row for row in db.scalars(select(Duty)) if row.in_force.upper]
    assert duty.in_force.upper == tomorrow + dt.timedelta(days=1)


def test_who_moved_and_who_has_another_phone_are_told_and_asked(db: Session, scope: Scope) -> None:
    head = "编号,姓名,镇街,村,联系电话\n"
    take(db, scope, f"{head}1,张秀英,戴窑镇,东古村,13800000001\n2,李桂兰,戴窑镇,新村,13800000002\n")
    moved = take(
        db, scope, f"{head}1,张秀英,昭阳街道,水关社区,\n,李桂兰,戴窑镇,新村,13899999999\n", reconcile=True
    )
    assert outcomes(moved) == ["moved", "asked"], told(moved)


# --- out, edited, and back


def returned(db: Session, scope: Scope, book: openpyxl.Workbook, **options: object) -> ImportReport:
    data = io.BytesIO()
    book.save(data)
    return import_roster(db, scope, data, "戴窑镇.xlsx", RosterOptions(**options))  # type: ignore[arg-type]


@pytest.fixture
def sent(db: Session, scope: Scope) -> openpyxl.Workbook:
    """The workbook of 戴窑镇 after the rivers were taken, names masked."""
    take(db, scope, RIVERS)
    return openpyxl.load_workbook(io.BytesIO(workbooks.written(db, scope, "321281102000", full=False)))


def cell_of(book: openpyxl.Workbook, tab: str, row_with: str, title: str) -> Any:
    sheet = book[tab]
    column = next(cell.column for cell in sheet[1] if cell.value == title)
    row = next(r for r in range(2, sheet.max_row + 1) if row_with in [c.value for c in sheet[r]])
    return sheet.cell(row, column)


def test_a_workbook_that_nobody_edited_changes_nothing(
    db: Session, scope: Scope, sent: openpyxl.Workbook
) -> None:
    assert sent["底稿"].sheet_state == "veryHidden"
    assert cell_of(sent, "人员", "赵*山", "姓名").value == "赵*山"
    assert outcomes(returned(db, scope, sent)) == []


def test_edits_are_merged_with_what_changed_meanwhile(
    db: Session, scope: Scope, sent: openpyxl.Workbook
) -> None:
    person = db.scalars(select(Person).where(Person.name == "赵大山")).one()
    cell_of(sent, "人员", "赵*山", "电话").value = "13811112222"
    cell_of(sent, "人员", "赵*山", "备注").value = "队长"
    cell_of(sent, "对象", "东河", "起点").value = "新东桥"
    service.change_person(db, scope, person.id, {"attributes": {"note": "老党员", "gender": "男"}})
    report = returned(db, scope, sent)
    assert sorted(outcomes(report)) == ["asked", "changed", "changed", "remark"], told(report)
    db.expire_all()
    assert (person.phone, person.attributes["note"]) == ("13811112222", "老党员")
    assert db.scalars(select(Place).where(Place.name == "东河")).one().attributes["start"] == "新东桥"
    (asked,) = report.of(Outcome.ASKED)
    assert asked.question is not None
    assert "队长" in asked.detail
    assert "老党员" in asked.detail
    returned(db, scope, sent, answers={asked.question.id: "sheet"})
    db.expire_all()
    assert person.attributes["note"] == "队长"


def test_rows_added_and_taken_out_of_a_workbook(db: Session, scope: Scope, sent: openpyxl.Workbook) -> None:
    people = sent["人员"]
    titles = [cell.value for cell in people[1]]
    new = {"姓名": "吴新人", "镇街": "戴窑镇", "村（社区）": "新村", "电话": "13866667777"}
    people.append([new.get(title) for title in titles])
    heads = [cell.value for cell in sent["职责"][1]]
    duty = {"人员": "吴新人", "图层": "河道", "对象": "西河"}
    sent["职责"].append([duty.get(title) for title in heads])
    row = next(r for r in range(2, sent["职责"].max_row) if sent["职责"].cell(r, 8).value == "东河")
    sent["职责"].delete_rows(row)
    report = returned(db, scope, sent, dry_run=True)
    assert sorted(outcomes(report)) == ["added", "added", "gone"], told(report)
    assert "吴新人" not in {name for name, *_ in duties(db)}
    returned(db, scope, sent)
    assert ("吴新人", "西河", "volunteer", "village") in duties(db)
    assert all(row.in_force.upper is None for row in db.scalars(select(Duty)))


def test_a_workbook_without_its_base_is_not_merged(
    db: Session, scope: Scope, sent: openpyxl.Workbook
) -> None:
    sent["底稿"]["A1"] = "x"
    with pytest.raises(BadFile, match="底稿"):
        returned(db, scope, sent)


def test_a_base_from_which_a_sheet_was_taken_out_is_not_merged(
    db: Session, scope: Scope, sent: openpyxl.Workbook
) -> None:
    base = sent["底稿"]
    base.delete_rows(2, base.max_row)
    with pytest.raises(BadFile, match="底稿"):
        returned(db, scope, sent)


# --- every export comes in again


@pytest.mark.parametrize("form", [As.CSV, As.XLSX])
@pytest.mark.parametrize("full", [False, True])
def test_lists_of_people_and_duties_come_in_again_unchanged(
    db: Session, scope: Scope, form: As, full: bool
) -> None:
    take(db, scope, RIVERS)
    data = b"".join(content(lists.people(db, scope), form, full=full))
    assert ("王建军" in data.decode("utf-8-sig")) is full if form is As.CSV else True
    report = import_roster(db, scope, io.BytesIO(data), f"人员.{form}", RosterOptions())
    assert set(outcomes(report)) == {"same"}, told(report)
    data = b"".join(content(lists.duties(db, scope), form, full=full))
    again = import_duties(db, scope, io.BytesIO(data), f"职责.{form}", ImportOptions())
    assert set(outcomes(again)) == {"same"}, told(again)


VOLUNTEERS = (
    "编号,姓名,性别,出生年月,民族,政治面貌,入党时间,原工作单位及职务,退(离)休时间,文化程度,特长,健康状况,所在党支部,"
    "镇街,村,小区,居住地,服务意向,可服务时间,联系电话,备用电话,紧急联系人,紧急联系电话,岗位,五老类别,职务,备注\n"
    "Y1,王桂兰,女,1956.03,汉族,中共党员,1985.07,戴窑粮管所会计,2011.03,高中,唱戏,高血压,东古支部,戴窑镇,东古村,"
    "水岸小区,东古村二组,巡河,上午,13812345678、13912345678,13712345678,王小妹,13612345678,河长,老党员,组长,爱唱戏\n"
    "Y2,张三,男,1958.10,回族,群众,,,,,,良好,,昭阳街道,水关社区,,,,,,,,,,,,\n"
)


@pytest.mark.parametrize("form", [As.CSV, As.XLSX])
def test_people_exported_in_full_are_the_same_in_an_empty_county(db: Session, scope: Scope, form: As) -> None:
    take(db, scope, VOLUNTEERS, "志愿者登记表.csv")
    stored = _people_of(db, scope.county_id)
    assert stored["Y1"][2]["phones"] == ["13912345678", "13712345678"]
    assert {*lists.KEPT} == {*stored["Y1"][2]}
    listing = lists.people(db, scope)
    masked = b"".join(content(listing, As.CSV)).decode("utf-8-sig")
    assert "高中" in masked
    for word in ("高血压", "王小妹", "二组", "健康", "1361234", "1371234"):
        assert word not in masked
    data = b"".join(content(listing, form, full=True))
    other = _empty_county(db)
    report = import_roster(db, other, io.BytesIO(data), f"人员.{form}", RosterOptions())
    assert outcomes(report) == ["added", "added"], told(report)
    assert _people_of(db, other.county_id) == stored


def _people_of(db: Session, county_id: int) -> dict[str | None, tuple[str, str | None, dict[str, Any], str]]:
    """Return name, phone, attributes and the code of the area by number."""
    found = db.execute(
        select(Person.number, Person.name, Person.phone, Person.attributes, Area.code)
        .join(Area, Area.id == Person.area_id)
        .where(Person.county_id == county_id)
    )
    return {number: (name, phone, dict(attributes), code) for number, name, phone, attributes, code in found}


def _empty_county(db: Session) -> Scope:
    """Add another county with the same areas and nobody in it."""
    county = County(code="321282", name="邻市", time_zone="Asia/Shanghai")
    db.add(county)
    db.flush()
    by_code: dict[str | None, int] = {}
    for code, name, level, parent in AREAS:
        area = Area(county_id=county.id, code=code, name=name, level=level, parent_id=by_code.get(parent))
        db.add(area)
        db.flush()
        by_code[code] = area.id
    return Scope(county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
