"""Sheets of outings as offices write them go in without a silent loss: into the register or the report."""

import datetime as dt
import io
import uuid
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import event, func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.columns import Listing
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.listing import As, content
from geo_service.patrols.paper_sheet import import_records
from geo_service.people.imports import ImportOptions
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster
from geo_service.tables import Area, Companion, Duty, Norm, Patrol, Person, Place, StoredFile
from layers import forms
from layers.errors import BadFile
from layers.norms import Accepted, Rule
from layers.vocabulary import DutyKind, Evidence, Level, Period, Role, Verdict
from tests.geo_service.test_nasty_rosters import by_row, key_of, scope
from tests.layers.nasty_sheets import Nasty, Record, forty, nasty

__all__ = ["scope"]

ZONE = ZoneInfo("Asia/Shanghai")


def sheets_of_outings(first: int) -> Iterator[Nasty]:
    """Yield the nasty sheets of outings, by seed."""
    return (made for seed in range(first, 10**6) if (made := nasty(seed)).form is forms.OUTINGS)


NASTY = [made for made in forty() if made.form is forms.OUTINGS] + [*islice(sheets_of_outings(40), 30)]


def know(db: Session, scope: Scope, sheet: Nasty) -> None:
    """Register whom and what the sheets name: a river in each township, people by their phones."""
    towns = {
        name: id_
        for id_, name in db.execute(
            select(Area.id, Area.name).where(Area.county_id == scope.county_id, Area.level == "township")
        )
    }
    people = {(p.name, p.phones[0]) for record in sheet.records for p in record.people if p.phones}
    named = {name for name, _ in people}
    people |= {(p.name, None) for r in sheet.records for p in r.people if p.name not in named}
    for name, phone in sorted(people, key=str):
        db.add(Person(county_id=scope.county_id, name=name, phone=phone))
    rivers = {(str(record.values["river"]), str(record.values["township"])) for record in sheet.records}
    for k, (name, town) in enumerate(sorted(rivers)):
        river = Place(
            county_id=scope.county_id,
            layer="river",
            code=f"R{k}",
            name=name,
            in_scheme=True,
            area_id=towns[town],
        )
        db.add(river)
    db.flush()


def take(db: Session, scope: Scope, data: bytes, name: str, **options: object) -> ImportReport:
    return import_records(db, scope, io.BytesIO(data), name, ImportOptions(**options))  # type: ignore[arg-type]


def stored(db: Session) -> set[tuple[object, ...]]:
    """Return every outing: its day, walker, phone, river, township and hours, weather and finding."""
    rows = db.execute(
        select(Patrol, Person, Place, Area.name)
        .join(Person, Person.id == Patrol.person_id)
        .outerjoin(Place, Place.id == Patrol.place_id)
        .outerjoin(Area, Area.id == Place.area_id)
    )
    return {
        (
            patrol.day.isoformat(), person.name, person.phone, place.name, town,
            f"{patrol.started_at.astimezone(ZONE):%H:%M}", f"{patrol.ended_at.astimezone(ZONE):%H:%M}",
            patrol.record.get("weather"), patrol.record.get("content"), patrol.record.get("way"),
        )
        for patrol, person, place, town in rows
    }  # fmt: skip


def meant(record: Record) -> tuple[object, ...]:
    """Return what is stored of a record, its phone left out where it has none."""
    said = record.values
    begins, ends = str(said["times"]).split("-")
    return (
        said["day"], said["person"], said["phone"], said["river"], said["township"], begins.zfill(5), ends,
        said["weather"], said["content"], said["stretch"],
    )  # fmt: skip


@pytest.mark.parametrize("sheet", NASTY, ids=lambda sheet: sheet.name)
def test_nothing_of_a_nasty_sheet_is_lost_silently(db: Session, scope: Scope, sheet: Nasty) -> None:
    know(db, scope, sheet)
    report = take(db, scope, sheet.data, sheet.name, skip_refused=True)
    told = by_row(report)
    several = len({record.sheet for record in sheet.records}) > 1
    found = stored(db)
    loose = {(*row[:2], *row[3:]) for row in found}
    assert set(told) == {key_of(record, several) for record in sheet.records}
    for record in sheet.records:
        outcomes, text = told[key_of(record, several)]
        whole = meant(record)
        if outcomes & {Outcome.REFUSED, Outcome.ASKED}:
            assert text.strip("；"), record
        elif record.values["phone"]:
            assert whole in found, (record, text)
        else:
            assert (*whole[:2], *whole[3:]) in loose, (record, text)
    counts = report.counts()
    assert db.scalar(select(func.count()).select_from(Patrol)) == counts["added"]
    again = take(db, scope, sheet.data, sheet.name, skip_refused=True)
    assert not again.changes
    assert again.counts()["same"] == counts["added"] + counts["same"]
    assert stored(db) == found


def test_most_rows_of_the_nasty_sheets_are_taken(db: Session, scope: Scope) -> None:
    taken = left = 0
    reasons = []
    for sheet in NASTY:
        with db.begin_nested() as trial:
            know(db, scope, sheet)
            report = take(db, scope, sheet.data, sheet.name, skip_refused=True)
            reasons += [f"{sheet.name} {row.told}" for row in report.left_out_rows()]
            left += len(report.left_out_rows())
            taken += report.counts()["added"]
            trial.rollback()
    assert taken > 10 * left, "\n".join(reasons)


# --- what else a sheet may hold

HEAD = ["日期", "巡查人", "河道", "起止时间", "天气", "巡查内容", "发现问题", "处理情况"]


@pytest.fixture
def known(db: Session, scope: Scope) -> dict[str, uuid.UUID]:
    """王秀英, two called 李建国, 买买提江, and two rivers called 中心河."""
    people = [("王秀英", "13812345678"), ("李建国", "13911111111"), ("李建国", None), ("买买提江", None)]
    made = [Person(county_id=scope.county_id, name=name, phone=phone) for name, phone in people]
    towns = db.scalars(select(Area.id).where(Area.level == "township").order_by(Area.id)).all()
    rivers = [
        Place(county_id=scope.county_id, layer="river", code=code, name=name, in_scheme=True, area_id=town)
        for code, name, town in (
            ("A1", "长安河", towns[0]),
            ("B1", "中心河", towns[0]),
            ("B2", "中心河", towns[1]),
        )
    ]
    db.add_all([*made, *rivers])
    db.flush()
    return {person.phone or person.name: person.id for person in made}


def book(head: list[str], *rows: list[object], title: str = "Sheet1") -> bytes:
    made = Workbook()
    page = made.active
    page.title = title
    page.append(["2024年5月银发河长巡查记录表"])
    for row in (head, *rows):
        page.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def hours(db: Session) -> list[str]:
    rows = db.execute(select(Patrol.started_at, Patrol.ended_at).order_by(Patrol.started_at))
    return ["—".join(f"{at.astimezone(ZONE):%m-%d %H:%M}" for at in row) for row in rows]


class TestCells:
    def test_times_are_read_however_they_are_written(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        written = [
            "8:30-10:00",
            "8：30—10：00",
            "上午8点半到10点",
            "8.30至10.00",
            "0830-1000",
            "8时30分~10时",
        ]
        rows = [[f"2024.5.{k}", "王秀英", "长安河", text] for k, text in enumerate(written, 1)]
        take(db, scope, book(HEAD, *rows, ["2024-05-07", "王秀英", "长安河"]), "a.xlsx")
        assert hours(db) == [f"05-0{k} 08:30—05-0{k} 10:00" for k in range(1, 7)] + [
            "05-07 00:00—05-07 00:00"
        ]
        timed = db.scalars(select(Patrol.said["paper"]["is_timed"]).order_by(Patrol.started_at)).all()
        assert timed == [True] * 6 + [False]

    def test_times_in_columns_of_their_own_or_with_the_day(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        head = ["日期", "巡查人", "河道", "开始时间", "结束时间"]
        take(
            db, scope, book(head, [dt.date(2024, 5, 1), "王秀英", "长安河", dt.time(8, 30), "10点"]), "a.xlsx"
        )
        head = ["巡查时间", "巡查人", "河道"]
        take(db, scope, book(head, ["2024年5月2日上午8点半到10点", "王秀英", "长安河"]), "b.xlsx")
        head = ["日期", "巡查时间", "巡查人", "河道"]
        take(db, scope, book(head, ["2024/5/3", "8:30-10:00", "王秀英", "长安河"]), "c.xlsx")
        assert hours(db) == [f"05-0{k} 08:30—05-0{k} 10:00" for k in (1, 2, 3)]

    def test_several_names_are_the_walker_and_companions(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        head = ["日期", "巡查人", "电话", "同行人", "河道"]
        row = ["2024-05-01", "王秀英、李建国 13911111111", "138-1234-5678", "买买提江", "长安河"]
        take(db, scope, book(head, row), "a.xlsx")
        patrol = db.scalars(select(Patrol)).one()
        assert (patrol.person_id, patrol.people) == (known["13812345678"], 3)
        along = set(db.scalars(select(Companion.person_id)))
        assert along == {known["13911111111"], known["买买提江"]}

    def test_everything_noted_is_kept(self, db: Session, scope: Scope, known: dict[str, uuid.UUID]) -> None:
        row = ["2024-05-01", "王秀英", "长安河", "8:30-10:00", "小雨", "异常", "桥下有垃圾", "已清理"]
        take(db, scope, book([*HEAD, "起点", "备注"], [*row, "大桥", "再看"]), "a.xlsx")
        assert db.scalars(select(Patrol.record)).one() == {
            "weather": "小雨", "content": "异常", "problem": "桥下有垃圾", "action": "已清理",
            "start_place": "大桥", "note": "再看",
        }  # fmt: skip

    def test_who_or_what_is_doubtful_is_asked(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        data = book(HEAD, ["2024-05-01", "李建国", "中心河"])
        report = take(db, scope, data, "a.xlsx")
        asked = [row.question for row in report.of(Outcome.ASKED)]
        assert [question.text for question in asked if question] == [
            "有 2 位「李建国」，是哪一位？", "有 2 处「中心河」，是哪一处？"
        ]  # fmt: skip
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0
        answers = {question.id: "2" for question in asked if question}
        assert len(take(db, scope, data, "a.xlsx", answers=answers).of(Outcome.ADDED)) == 1

    def test_the_sheet_is_called_after_the_township(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        town = db.scalars(select(Area).where(Area.level == "township").order_by(Area.id)).all()[1]
        take(db, scope, book(HEAD, ["2024-05-01", "王秀英", "中心河"], title=town.name), "a.xlsx")
        assert db.scalars(select(Place.code).join(Patrol, Patrol.place_id == Place.id)).one() == "B2"

    def test_bad_rows_come_back_with_all_reasons_and_marked_cells(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        good = ["2024-05-01", "王秀英", "长安河", "8:30-10:00"]
        bad = ["2024-05-02", "张三", "黄河", "看情况"]
        with pytest.raises(RowsRefused) as refused:
            take(db, scope, book(HEAD, good, bad), "a.xlsx")
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0
        back: Listing = refused.value.report.not_taken()
        assert {at for _, at in back.marked} == {1, 2, 3}
        page = load_workbook(io.BytesIO(b"".join(content(back, As.XLSX, full=True)))).active
        texts = [[cell.value for cell in row] for row in page.iter_rows()]
        row = next(row for row in texts if row[1] == "张三")
        assert all(part in row[-1] for part in ("张三", "黄河", "看情况"))
        report = take(db, scope, book(HEAD, good, bad), "a.xlsx", skip_refused=True)
        assert len(report.of(Outcome.ADDED)) == 1


@pytest.fixture
def paper_norm(db: Session, scope: Scope, known: dict[str, uuid.UUID]) -> int:
    """A norm that takes paper, in force in 2023 only, and a duty that it asks something of."""
    rule = Rule(1, Period.WEEK, accepts=(Accepted(Evidence.TRACK), Accepted(Evidence.PAPER)))
    days = Range(dt.date(2023, 1, 1), dt.date(2024, 1, 1))
    adopted = Norm(county_id=scope.county_id, name="标准", rule=rule.to_json(), in_force=days)
    held = Duty(
        county_id=scope.county_id, person_id=known["13812345678"],
        place_id=db.scalars(select(Place.id).where(Place.name == "长安河")).one(), role=Role.RIVER_STEWARD,
        kind=DutyKind.VOLUNTEER, level=Level.VILLAGE, in_force=Range(dt.date(2020, 1, 1), None),
    )  # fmt: skip
    db.add_all([adopted, held])
    db.flush()
    return adopted.id


class TestBulk:
    def test_two_thousand_rows_go_in_by_few_statements(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID]
    ) -> None:
        names = [f"张{'甲乙丙丁戊己庚辛壬癸'[k // 10]}{'一二三四五六七八九十'[k % 10]}" for k in range(80)]
        db.add_all([Person(county_id=scope.county_id, name=name) for name in names])
        db.flush()
        rows = []
        for k in range(1000):
            day = dt.date(2024, 1, 1) + dt.timedelta(k // 40)
            one, other = names[k % 40], names[40 + k % 40]
            rows += [[day, f"{a}、{b}", "长安河", "8:30-10:00"] for a, b in ((one, other), (other, one))]
        data = book(HEAD, *rows)
        asked: list[str] = []

        def ask(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        event.listen(db.connection(), "before_cursor_execute", ask)
        report = take(db, scope, data, "a.xlsx")
        event.remove(db.connection(), "before_cursor_execute", ask)
        assert len(report.of(Outcome.ADDED)) == 2000
        assert len(asked) < 100, "a row must not cost statements of its own"
        # Each of two who walked together wrote it down: 1,000 outings of two people.
        standing = select(func.count(), func.sum(Patrol.people)).where(Patrol.same_outing_as.is_(None))
        assert db.execute(standing).one() == (1000, 2000)

    def test_each_row_is_judged_by_the_norm_of_its_day(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID], paper_norm: int
    ) -> None:
        rows = [[day, "王秀英", "长安河", "8:30-10:00"] for day in ("2024-05-01", "2023-05-01")]
        take(db, scope, book(HEAD, *rows), "a.xlsx")
        found = db.execute(select(Patrol.verdict, Patrol.norm_id).order_by(Patrol.day)).all()
        assert [tuple(row) for row in found] == [(Verdict.COUNTED, paper_norm), (Verdict.REVIEW, None)]

    def test_the_original_is_kept(
        self, db: Session, scope: Scope, known: dict[str, uuid.UUID], tmp_path: object
    ) -> None:
        take(db, scope, book(HEAD, ["2024-05-01", "王秀英", "长安河"]), "a.xlsx", keep_in=tmp_path)
        assert db.scalars(select(StoredFile.kind)).all() == ["original"]


def test_a_roster_that_is_a_sheet_of_outings_says_where_it_belongs(db: Session, scope: Scope) -> None:
    for sheet in NASTY[:7]:
        with pytest.raises(BadFile, match=r"选“巡查记录表”，或用命令 geo-service patrol-records。"):
            import_roster(db, scope, io.BytesIO(sheet.data), sheet.name, RosterOptions())
