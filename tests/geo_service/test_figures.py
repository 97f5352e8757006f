"""Figures equal a naive count over the rows; reports are snapshots; what leaves is escaped and masked."""

import contextlib
import datetime as dt
import io
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any

import openpyxl
import pytest
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli
from geo_service.accounts.scope import Actor, Scope
from geo_service.cli import figures as command
from geo_service.clock import today_in
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.figures import behind, document, paper, reports, service, template
from geo_service.figures.service import EntryRequest, Period
from geo_service.people import service as people
from geo_service.settings import Settings
from geo_service.tables import (
    Audit,
    Companion,
    Duty,
    FigureEntry,
    IssuedReport,
    LineCoverage,
    Patrol,
    Person,
    Service,
    ServicePerson,
)
from layers.errors import BadFile
from layers.figures import Code
from layers.vocabulary import DutyKind, Layer, Level, Right, Role, ServiceKind, Verdict
from tests.geo_service.conftest import NOON, SmallCounty
from tests.geo_service.test_accounts import token_in
from tests.geo_service.watertown import DAY, EVIL, Watertown

STAFF = Actor(os_user="tester")
MAY = Period(dt.date(2026, 5, 1), dt.date(2026, 5, 31))
ALL = {Right.ADMINISTRATOR: None}


@pytest.fixture
def county(town: Watertown) -> Scope:
    return Scope(town.county.id, STAFF, ALL)


def of_area(town: Watertown, area: Any, right: Right = Right.COORDINATOR) -> Scope:
    return Scope(town.county.id, STAFF, {right: frozenset({area.id})})


def values(db: Session, scope: Scope, period: Period = MAY, area: str | None = None) -> dict[Code, Any]:
    asked = service.asked(db, scope, period.first, period.last, area)
    return {code: counted.value for code, counted in service.figures(db, scope, asked).figures.items()}


# --- against a naive count

DAYS = [dt.date(2026, 4, 29) + dt.timedelta(days=k) for k in range(8)]
"""A few days around the first of May, so that every border is met."""
DAY_INDEX = st.integers(0, len(DAYS) - 1)


WALKED = (
    (None, None, ""), ("across", (0, 4000), "w"), ("across", (4000, 6000), "we"),
    ("across", (5000, 7000), "e"), ("across", (0, 0), ""), ("listed", (0, 100), "e"),
)  # fmt: skip
"""Where a patrol was: the river, spans in dm, and the townships it counts in."""
SERVED = (
    (None, None, ""),
    ("w", None, "w"),
    ("w", "listed", "w"),
    (None, "across", "we"),
    (None, "listed", "e"),
)
"""Where a service was: the township and the place that were told, and the townships it counts in."""


@dataclass(frozen=True)
class Plan:
    """Rows of a county: all indexes are taken modulo what there is."""

    duties: list[tuple[int, int, bool, int, int | None]]
    """Person, place, volunteer's, first day, last day (inclusive; None: open)."""
    patrols: list[tuple[int, int, str, bool, bool, bool, list[int], int]]
    """Person, day, verdict, voided, settled, counted with the one before, companions, where."""
    services: list[tuple[int, int, str, str, bool, list[int], int]]
    """People beyond those named, day, kind, verdict, voided, people, where."""
    deleted: list[int]


def plans() -> st.SearchStrategy[Plan]:
    who, flag = st.integers(0, 5), st.booleans()
    verdict = st.sampled_from(list(Verdict))
    return st.builds(
        Plan,
        st.lists(st.tuples(who, st.integers(0, 7), flag, DAY_INDEX, st.none() | DAY_INDEX), max_size=12),
        st.lists(
            st.tuples(
                who, DAY_INDEX, verdict, flag, flag, flag, st.lists(who, max_size=2),
                st.integers(0, len(WALKED) - 1),
            ),
            max_size=8,
        ),
        st.lists(
            st.tuples(
                st.integers(0, 3), DAY_INDEX, st.sampled_from(list(ServiceKind)), verdict, st.booleans(),
                st.lists(who, min_size=1, max_size=3, unique=True), st.integers(0, len(SERVED) - 1),
            ),
            max_size=8,
        ),
        st.lists(who, max_size=2, unique=True),
    )  # fmt: skip


class Naive:
    """Stores a plan row by row, and counts it in plain loops."""

    def __init__(self, county: SmallCounty, plan: Plan) -> None:
        self.db, self.county, self.plan = county.db, county, plan
        above = county.area("above", level="county")
        self.areas = {name: county.area(name, above) for name in "we"}
        self.homes = ["w", "e", "", "w", "e", ""]
        self.listed = ["w", "e", "", "w", "e", "", "w", "e"]
        self.persons = [county.person(f"人{k}", self.areas.get(home)) for k, home in enumerate(self.homes)]
        self.places = [county.place(layer, f"{layer}{k}", None) for layer in Layer for k in range(2)]
        for place, name in zip(self.places, self.listed, strict=True):
            place.area_id = self.areas[name].id if name else None
        self.rivers = {
            name: county.place(Layer.RIVER, name, "LINESTRING (0 0, 1000 0)") for name in ("across", "listed")
        }
        self.rivers["listed"].area_id = self.areas["e"].id
        county.lies_in(self.rivers["across"], self.areas["w"], [(0, 5000)])
        county.lies_in(self.rivers["across"], self.areas["e"], [(5000, 10_000)])
        self.duties = [self._duty(*row) for row in plan.duties]
        self.patrols = self._patrols()
        self.services = [self._service(*row) for row in plan.services]
        self.deleted = {self.persons[k] for k in plan.deleted}
        self.db.execute(update(Person).where(Person.id.in_(self.deleted)).values(deleted_at=NOON, name=""))
        self.db.flush()

    def _duty(self, who: int, where: int, volunteer: bool, first: int, last: int | None) -> Duty:
        place, begin = self.places[where], DAYS[first]
        until = None if last is None else max(begin, DAYS[last]) + dt.timedelta(days=1)
        row = Duty(
            county_id=self.county.id, person_id=self.persons[who], place_id=place.id,
            role=Role.of(Layer(place.layer)), kind=DutyKind.VOLUNTEER if volunteer else DutyKind.OFFICIAL,
            level=Level.VILLAGE, in_force=Range(begin, until),
        )  # fmt: skip
        self.db.add(row)
        return row

    def _patrols(self) -> list[tuple[Patrol, list[uuid.UUID]]]:
        made: list[tuple[Patrol, list[uuid.UUID]]] = []
        for who, day, verdict, voided, settled, same, along, where in self.plan.patrols:
            began = dt.datetime.combine(DAYS[day], dt.time(8), dt.UTC)
            walkers = [self.persons[k] for k in dict.fromkeys(along) if k != who]
            row = Patrol(
                county_id=self.county.id, id=uuid.uuid4(), person_id=self.persons[who], day=DAYS[day],
                started_at=began, ended_at=began + dt.timedelta(minutes=45), walked_m=1000.0 + day, fixes=10,
                verdict=verdict, voided_at=NOON if voided else None, settled_at=NOON if settled else None,
                people=1 + len(walkers), same_outing_as=made[-1][0].id if same and made else None,
            )  # fmt: skip
            self.db.add(row)
            self.db.flush()
            for person in walkers:
                self.db.add(Companion(county_id=self.county.id, patrol_id=row.id, person_id=person))
            if (river := WALKED[where][0]) is not None:
                spans = [Range(*WALKED[where][1])] if WALKED[where][1][1] else []
                self.db.add(
                    LineCoverage(
                        county_id=self.county.id, place_version_id=self.rivers[river].version_id,
                        day=DAYS[day], patrol_id=row.id, spans=spans,
                    )
                )  # fmt: skip
            made.append((row, [self.persons[who], *walkers]))
        return made

    def _service(
        self, more: int, day: int, kind: str, verdict: str, voided: bool, who: list[int], where: int
    ) -> tuple[Service, list[uuid.UUID]]:
        area, place, _ = SERVED[where]
        row = Service(
            county_id=self.county.id, id=uuid.uuid4(), kind=kind, day=DAYS[day], hours=1.5,
            area_id=self.areas[area].id if area else None,
            place_id=self.rivers[place].id if place else None,
            people=len(who) + more, evidence="paper", sha256=b"x", verdict=verdict,
            voided_at=NOON if voided else None,
        )  # fmt: skip
        self.db.add(row)
        self.db.flush()
        persons = [self.persons[k] for k in who]
        for person in persons:
            self.db.add(ServicePerson(county_id=self.county.id, service_id=row.id, person_id=person))
        return row, persons

    def is_in(self, area: str | None, there: str, persons: list[uuid.UUID]) -> bool:
        """Tell whether an outing counts in a township (None: the county)."""
        living = [home for person, home in zip(self.persons, self.homes, strict=True)
                  if person in persons and person not in self.deleted]  # fmt: skip
        return area is None or area in (there or "".join(living))

    def counted(self, first: dt.date, last: dt.date, area: str | None = None) -> dict[Code, Any]:
        held: dict[str, set[Any]] = {role: set() for role in Role}
        served: dict[str, set[Any]] = {role: set() for role in Role}
        for (_, where, *_), duty in zip(self.plan.duties, self.duties, strict=True):
            begins, ends = duty.in_force.lower, duty.in_force.upper
            is_there = area is None or area == self.listed[where]
            if is_there and duty.kind == "volunteer" and begins <= last and (ends is None or last < ends):
                held[duty.role].add(duty.person_id)
                served[duty.role].add(duty.place_id)
        took_part: set[uuid.UUID] = set()
        sessions = times = 0
        hours = km = 0.0
        for (*_, where), (patrol, persons) in zip(self.plan.patrols, self.patrols, strict=True):
            counts = (
                patrol.verdict == "counted" and patrol.voided_at is None and patrol.settled_at is not None
                and patrol.same_outing_as is None and first <= patrol.day <= last
            )  # fmt: skip
            if counts and self.is_in(area, WALKED[where][2], persons):
                sessions, times = sessions + 1, times + patrol.people
                hours, km = hours + patrol.people * 0.75, km + patrol.walked_m / 1000
                took_part.update(persons)
        for (*_, where), (done, persons) in zip(self.plan.services, self.services, strict=True):
            counts = done.verdict == "counted" and done.voided_at is None and first <= done.day <= last
            if counts and self.is_in(area, SERVED[where][2], persons):
                sessions, times = sessions + (done.kind == "grid_service"), times + done.people
                hours += done.people * 1.5
                took_part.update(persons)
        three = held["river_steward"] | held["road_steward"] | held["grid_steward"]
        places = [len(served[role]) for role in Role]
        return {
            Code.X1: len(three), Code.X2: places[0], Code.X3: places[1], Code.X4: places[2],
            Code.X5: sessions, Code.X6: None, Code.X7: len(held["compound_steward"]), Code.X8: places[3],
            Code.A1: len(took_part - self.deleted), Code.A2: times, Code.A3: hours, Code.A4: km,
        }  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(plans(), DAY_INDEX, DAY_INDEX)
def test_figures_equal_a_naive_count(small_county, plan, one, other):
    db = small_county.db
    first, last = sorted((DAYS[one], DAYS[other]))
    trial = db.begin_nested()
    try:
        _equal_a_naive_count(small_county, plan, first, last)
    finally:
        trial.rollback()
        db.expire_all()


def _equal_a_naive_count(county: SmallCounty, plan: Plan, first: dt.date, last: dt.date) -> None:
    db = county.db
    naive = Naive(county, plan)
    scope = Scope(county.id, STAFF, ALL)
    table = service.figures(db, scope, service.asked(db, scope, first, last), listed=list(Code))
    found = {code: counted.value for code, counted in table.figures.items()}
    assert found == pytest.approx(naive.counted(first, last))
    for name, area in naive.areas.items():
        there = service.figures(db, scope, service.asked(db, scope, first, last, area.code), list(Code))
        found = {code: counted.value for code, counted in there.figures.items()}
        assert found == pytest.approx(naive.counted(first, last, name)), name
        assert [one.rows for one in there.figures.values()] == [
            len(set(one.ids)) for one in there.figures.values()
        ]
    for counted in table.figures.values():
        if counted.value is not None:
            listed = behind.rows(db, scope, counted, last)
            assert len(list(listed.rows)) == counted.rows == len(set(counted.ids))
    settled = [row for row, _ in naive.patrols if row.settled_at is not None]
    review = [row for row in (*settled, *(row for row, _ in naive.services)) if row.verdict == "review"]
    assert table.waiting == sum(r.voided_at is None and first <= r.day <= last for r in review)


# --- areas


def test_a_township_counts_what_lies_in_its_part(db, town, county):
    everything = values(db, county)
    assert {code: everything[code] for code in (Code.X1, Code.X2, Code.X4, Code.X5)} == {
        Code.X1: 1, Code.X2: 1, Code.X4: 1, Code.X5: 1,
    }  # fmt: skip
    west, east = (values(db, county, area=area.code) for area in (town.west, town.east))
    assert (west[Code.X2], east[Code.X2]) == (1, 1)  # the duty runs 500 m into the east
    assert (west[Code.X4], east[Code.X4]) == (1, 0)
    assert (west[Code.X5], east[Code.X5]) == (1, 0)  # the walk stayed in the west
    assert values(db, of_area(town, town.west)) == west
    assert values(db, of_area(town, town.east, Right.PLANNER)) == east
    assert west[Code.X6] is None
    table = service.figures(db, county, service.asked(db, county, MAY.first, MAY.last, town.west.code))
    assert table.figures[Code.X6].exactly == "没有案件"


def test_a_duty_that_ends_at_the_border_is_not_the_next_townships(db, town, county):
    db.execute(update(Duty).where(Duty.place_id == town.rivers[0].id).values(spans=[Range(0, 10_000)]))
    assert values(db, county, area=town.east.code)[Code.X2] == 0


def test_a_walk_that_met_nothing_counts_where_its_walker_lives(db, town, county):
    began = dt.datetime(2026, 5, 3, 1, tzinfo=dt.UTC)
    person = Person(county_id=town.county.id, name="东湖人", area_id=town.east.id)
    db.add(person)
    db.flush()
    db.add(
        Patrol(
            county_id=town.county.id, id=uuid.uuid4(), person_id=person.id, day=dt.date(2026, 5, 3),
            started_at=began, ended_at=began, walked_m=500.0, fixes=3, settled_at=began,
        )
    )  # fmt: skip
    db.flush()
    assert values(db, county, area=town.east.code)[Code.X5] == 1
    assert values(db, county, area=town.west.code)[Code.X5] == 1
    assert values(db, county)[Code.X5] == 2


def test_places_without_a_map_count_where_they_are_listed(db, town, county):
    db.add(
        Duty(
            county_id=town.county.id, person_id=town.person_id, place_id=town.off_map.id,
            role=Role.RIVER_STEWARD, kind=DutyKind.VOLUNTEER, level=Level.VILLAGE,
            in_force=Range(dt.date(2026, 1, 1), None),
        )
    )  # fmt: skip
    db.flush()
    assert values(db, county, area=town.west.code)[Code.X2] == 2
    assert values(db, county, area=town.east.code)[Code.X2] == 1


def test_who_asks_what(db, town, county):
    volunteer = Scope(town.county.id, STAFF, {Right.VOLUNTEER: None}, person_id=town.person_id)
    with pytest.raises(Forbidden):
        service.asked(db, volunteer)
    with pytest.raises(NotFound):
        service.asked(db, of_area(town, town.west), area=town.east.code)
    with pytest.raises(NotFound):
        service.asked(db, county, area="no such")
    with pytest.raises(Invalid, match="对调"):
        service.asked(db, county, MAY.last, MAY.first)
    planner = of_area(town, town.west, Right.PLANNER)
    table = service.figures(db, planner, service.asked(db, planner, MAY.first, MAY.last), listed=[Code.X2])
    with pytest.raises(Forbidden, match="汇总"):
        behind.rows(db, planner, table.figures[Code.X1], MAY.last)
    rows = list(behind.rows(db, planner, table.figures[Code.X2], MAY.last).rows)
    assert [row[3] for row in rows] == ["中心河"]
    assert rows[0][-1] == []  # names are not for planners


def test_without_a_period_it_is_the_year_up_to_the_latest_outing(db, town, county):
    assert service.usual_period(db, county) == Period(DAY - dt.timedelta(days=364), DAY)
    db.execute(update(Patrol).values(voided_at=func.now()))
    today = today_in(db, county.county_id)
    assert service.usual_period(db, county).last == today


# --- by hand


def entry(first: str, last: str, value: float = 234, note: str = "问题台账") -> EntryRequest:
    days = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return EntryRequest(Code.X6, *days, value, note)


def test_entries_within_the_period_are_summed_and_the_others_told(db, town, county):
    for first, last, value in (("2026-05-01", "2026-05-10", 200), ("2026-05-11", "2026-05-31", 34)):
        service.enter(db, county, entry(first, last, value))
    service.enter(db, county, entry("2026-04-01", "2026-04-30", 9))
    assert values(db, county)[Code.X6] == 234
    half = service.figures(db, county, service.asked(db, county, MAY.first, dt.date(2026, 5, 20)))
    assert (half.figures[Code.X6].value, half.outside) == (200, 1)
    assert values(db, county, Period(dt.date(2026, 6, 1), dt.date(2026, 6, 2)))[Code.X6] is None


def test_an_entry_is_withdrawn_never_overwritten(db, town, county):
    number = service.enter(db, county, entry("2026-05-01", "2026-05-31"))
    with pytest.raises(Conflict, match=r"234个.*撤回"):
        service.enter(db, county, entry("2026-05-31", "2026-06-30", 5))
    service.withdraw(db, county, number)
    service.withdraw(db, county, number)
    assert values(db, county)[Code.X6] is None
    service.enter(db, county, entry("2026-05-01", "2026-05-31", 0))
    assert values(db, county)[Code.X6] == 0
    told = service.entries(db, county)
    assert [(e.value, e.withdrawn_at is None, e.by) for e in told] == [
        (0, True, "命令行（tester）"),
        (234, False, "命令行（tester）"),
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (entry("2026-05-31", "2026-05-01"), "对调"),
        (entry("2026-05-01", "2199-01-01"), "还没有结束"),
        (entry("2026-05-01", "2026-05-31", -1), "数值"),
        (entry("2026-05-01", "2026-05-31", float("nan")), "数值"),
        (entry("2026-05-01", "2026-05-31", 2.5), "数值"),
        (entry("2026-05-01", "2026-05-31", note=" "), "依据"),
        (EntryRequest(Code.X5, MAY.first, MAY.last, 9999, "想当然"), "不能人工填报"),
    ],
)
def test_an_entry_that_cannot_be_is_told(db, town, county, wrong, told):
    with pytest.raises(Invalid, match=told):
        service.enter(db, county, wrong)
    assert db.scalar(select(func.count()).select_from(FigureEntry)) == 0


def test_only_the_county_enters_what_is_the_countys(db, town, county):
    for scope in (of_area(town, town.west), Scope(town.county.id, STAFF, {Right.PLANNER: None})):
        with pytest.raises(Forbidden):
            service.enter(db, scope, entry("2026-05-01", "2026-05-31"))


# --- reports


@pytest.fixture
def asked(db: Session, county: Scope) -> service.Asked:
    return service.asked(db, county, MAY.first, MAY.last)


def words_of(docx: bytes) -> str:
    document_ = Document(io.BytesIO(docx))
    cells = [cell.text for table in document_.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document_.paragraphs), *cells])


def test_a_report_says_the_sentence_the_townships_and_the_definitions(db, town, county, asked):
    service.enter(db, county, entry("2026-05-01", "2026-05-31"))
    made, docx = paper.draft(db, county, asked)
    words = words_of(docx)
    for text in (*made.sentences, "西荡镇", "东湖镇", "演示数据", made.title, "2026-05-01 至 2026-05-31"):
        assert text in words
    assert "协助处置各类问题230多个" in words
    assert all(counted.figure.definition in words for counted in made.figures.values())
    assert "{{" not in words
    assert "{%" not in words
    west, east = made.townships
    assert (west.name, west.registered, west.took_part, west.times) == ("西荡镇", 1, 1, 1)
    assert (east.name, east.registered, east.took_part, east.times) == ("东湖镇", 1, 0, 0)
    assert west.sums.covered_m == pytest.approx(800, abs=10)
    assert east.sums.covered_m == 0
    # the two rivers of the scheme and the road in the west; the duty covers 1000 m of the first
    assert west.sums.length_m == pytest.approx(1000 + 1001 + 1100, abs=5)
    assert west.sums.unassigned_m == pytest.approx(1001 + 1100, abs=5)
    assert (west.sums.areas, west.sums.unassigned_areas) == (1, 0)
    assert (east.sums.areas, east.sums.unassigned_areas) == (1, 1)


def test_the_gap_map_is_in_the_report(db, town, county, asked):
    _, docx = paper.draft(db, county, asked)
    with zipfile.ZipFile(io.BytesIO(docx)) as parts:
        pictures = [name for name in parts.namelist() if name.startswith("word/media/")]
        assert [parts.read(name)[:4] for name in pictures] == [b"\x89PNG"]


def test_a_picture_fits_on_the_page(db, town, county, asked):
    report = reports.gather(db, county, asked)
    for size in ((1600, 1200), (400, 1600)):
        drawn = io.BytesIO()
        Image.new("RGB", size).save(drawn, "PNG")
        (shape,) = Document(io.BytesIO(document.docx(report, drawn.getvalue()))).inline_shapes
        assert shape.width.mm <= 161
        assert shape.height.mm <= 201
        assert shape.width / shape.height == pytest.approx(size[0] / size[1], rel=0.01)


def test_fonts_are_named_for_chinese(db, town, county, asked):
    _, docx = paper.draft(db, county, asked)
    with zipfile.ZipFile(io.BytesIO(docx)) as parts:
        text = parts.read("word/document.xml").decode()
    assert all(f'w:eastAsia="{font}"' in text for font in ("仿宋", "宋体", "黑体"))


def test_names_that_somebody_typed_break_no_document(db, town, county, asked):
    town.west.name = f"<w:p>&{EVIL}"
    title = f"<b>&\x0b{{{{ 7*7 }}}}{EVIL}"
    made, docx = paper.draft(db, county, asked, title=title)
    words = words_of(docx)
    assert town.west.name in words
    assert "{{ 7*7 }}" in words
    assert "\x0b" not in made.title


def test_the_template_in_the_package_is_the_one_that_is_made():
    fresh = io.BytesIO()
    template.make().save(fresh)
    for name in ("word/document.xml", "word/footer1.xml"):
        with zipfile.ZipFile(fresh) as made, zipfile.ZipFile(document.TEMPLATE) as kept:
            assert made.read(name) == kept.read(name), "run python -m geo_service.figures.template"


def test_an_office_takes_its_own_template(db, town, county, asked, tmp_path):
    own = Document()
    own.add_paragraph(
        "本局报表：{{ title }}；{% for f in figures %}{{ f.code }}={{ f.exactly }} {% endfor %}"
    )
    own.save(str(tmp_path / "own.docx"))
    _, docx = paper.draft(db, county, asked, title="五月", template=tmp_path / "own.docx")
    assert "本局报表：五月；X1=1名 X2=1条" in words_of(docx)


@pytest.mark.parametrize(
    "text",
    [
        "{{ no_such_name }}",
        "{% for f in figures %}",
        "{{ title.__class__.mro() }}",
        "{{ 1 // 0 }}",
        "{{ title + 1 }}",
    ],
)
def test_a_bad_template_is_told(db, town, county, asked, tmp_path, text):
    own = Document()
    own.add_paragraph(text)
    own.save(str(tmp_path / "own.docx"))
    with pytest.raises(BadFile, match=r"own\.docx 有误"):
        paper.draft(db, county, asked, template=tmp_path / "own.docx")
    (tmp_path / "no.docx").write_bytes(b"not a document")
    with pytest.raises(BadFile, match="打不开"):
        paper.draft(db, county, asked, template=tmp_path / "no.docx")


@pytest.mark.parametrize("name", ["{{ 7*7 }}", "{% for x in y %}", "<w:p>&amp;]]>", "a\x00b\x1bc\ufffe"])
def test_a_name_is_a_text_in_a_document_whatever_it_looks_like(db, town, county, asked, name):
    _, docx = paper.draft(db, county, asked, title=name)
    assert name.translate({0: None, 27: None, 0xFFFE: None}) in words_of(docx)


def book_of(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def test_the_annex_holds_the_rows_behind_each_figure_with_masked_names(db, town, county, asked):
    service.enter(db, county, entry("2026-05-01", "2026-05-31", note="=HYPERLINK(1)"))
    made = reports.gather(db, county, asked)
    book = book_of(paper.annex(db, county, made))
    (figures_title,) = [title for title in book if title.startswith("数据")]
    head, *rows = book[figures_title]
    sheet_of = {row[0]: row[head.index("明细见工作表")] for row in rows}
    for code, counted in made.figures.items():
        assert len(book[sheet_of[code.value]]) - 1 == len(counted.ids), code
    assert book[sheet_of["X1"]][1][2] == "王*兰"
    everything = str(book)
    assert "王桂兰" not in everything
    assert "=HYPERLINK(1)" in everything
    assert [row[0] for row in book["各镇街"][1:]] == ["西荡镇", "东湖镇"]


def test_an_issued_report_never_changes(db, town, county, asked, tmp_path):
    service.enter(db, county, entry("2026-05-01", "2026-05-31"))
    made, docx = paper.draft(db, county, asked)
    number = reports.issue(db, county, tmp_path, asked, made, docx)
    # everything that can happen to rows happens
    people.delete_person(db, county, town.person_id, data_dir=tmp_path)
    db.execute(update(Patrol).values(voided_at=func.now()))
    db.execute(update(FigureEntry).values(withdrawn_at=func.now()))
    db.execute(delete(Duty))
    db.expire_all()
    assert values(db, county)[Code.X1] == 0
    issued = reports.issued_one(db, county, number).report
    assert issued == made
    assert issued.figures[Code.X1].ids == [f"person/{town.person_id}"]
    kept = reports.document_of(db, county, number)
    assert (tmp_path / kept.sha256.hex()[:2] / kept.sha256.hex()).read_bytes() == docx
    book = book_of(paper.annex(db, county, issued))
    assert "（已删除）" in str(book)
    assert "王*" not in str(book)


def test_a_report_of_a_township_is_for_those_who_reach_it(db, town, county, tmp_path):
    west, east = of_area(town, town.west), of_area(town, town.east)
    asked = service.asked(db, west, MAY.first, MAY.last)
    made, docx = paper.draft(db, west, asked)
    number = reports.issue(db, west, tmp_path, asked, made, docx)
    assert made.title.startswith("西荡镇")
    assert [town_.name for town_ in made.townships] == ["西荡镇"]
    assert [found.id for found in reports.issued(db, county)] == [number]
    assert reports.issued(db, east) == []
    with pytest.raises(NotFound):
        reports.issued_one(db, east, number)
    whole = service.asked(db, county, MAY.first, MAY.last)
    with pytest.raises(Forbidden):
        reports.issue(db, west, tmp_path, whole, made, docx)
    with pytest.raises(Forbidden):
        reports.issue(db, Scope(town.county.id, STAFF, {Right.PLANNER: None}), tmp_path, whole, made, docx)
    assert db.scalar(select(func.count()).select_from(IssuedReport)) == 1


def test_an_empty_county_has_a_report_without_invented_numbers(db, small_county):
    scope = Scope(small_county.id, STAFF, ALL)
    made, docx = paper.draft(db, scope, service.asked(db, scope))
    assert made.sentences == []
    assert "没有填报" in words_of(docx)
    assert "各镇街情况" not in words_of(docx)


def test_a_title_that_cannot_be_is_told(db, county, asked):
    for title in ("x" * 101, "两\n行"):
        with pytest.raises(Invalid, match="标题"):
            reports.gather(db, county, asked, title=title)


# --- pages and the API


PERIOD = {"first": "2026-05-01", "last": "2026-05-31"}


def test_the_page_shows_every_figure_and_leads_to_its_rows(clerk, town):
    page = clerk.get("/figures", params=PERIOD).text
    assert "目前登记在册“银发三长”(河长、路长、网格长)1名" in page
    assert "没有填报" in page
    for code in ("X1", "X2", "X4", "X5", "A1"):
        assert f'href="/figures/{code}?first=2026-05-01&amp;last=2026-05-31"' in page
    rows = clerk.get("/figures/X1", params=PERIOD).text
    assert "王桂兰" in rows
    assert "河长 中心河" in rows
    assert f'href="/patrols/{town.patrol_id}"' in clerk.get("/figures/X5", params=PERIOD).text
    assert f'href="/places/{town.rivers[0].id}"' in clerk.get("/figures/X2", params=PERIOD).text


def test_the_api_gives_values_rows_and_files(clerk, town):
    told = clerk.get("/api/figures", params=PERIOD).json()
    assert {f["code"]: f["value"] for f in told["figures"]} | {"A3": 0, "A4": 0} == {
        "X1": 1, "X2": 1, "X3": 0, "X4": 1, "X5": 1, "X6": None, "X7": 0, "X8": 0,
        "A1": 1, "A2": 1, "A3": 0, "A4": 0,
    }  # fmt: skip
    assert all(figure["definition"] for figure in told["figures"])
    rows = clerk.get("/api/figures/X1/rows", params=PERIOD).json()
    assert (rows["count"], rows["rows"][0]["name"], rows["next"]) == (1, "王桂兰", None)
    sheet = clerk.get("/api/figures/X1/rows", params={**PERIOD, "as": "csv"}).text
    assert "王*兰" in sheet
    assert "王桂兰" not in sheet
    assert clerk.get("/api/figures", params={**PERIOD, "as": "xlsx"}).content.startswith(b"PK")
    docx = clerk.get("/api/figures/report", params=PERIOD)
    assert docx.headers["content-type"] == reports.DOCX
    assert "目前登记在册" in words_of(docx.content)
    assert clerk.get("/api/figures/annex", params=PERIOD).content.startswith(b"PK")
    assert clerk.get("/api/figures/X9/rows").status_code == 422


def test_a_figure_is_entered_and_a_report_issued_by_form(clerk, town, db):
    token = token_in(clerk.get("/figures").text)
    said = {"csrf_token": token, "figure": "X6", **PERIOD, "value": "234", "note": "<台账>"}
    proof = {"proof": ("p.pdf", b"%PDF-1.7 x")}
    assert clerk.post("/figures/enter", data=said, files=proof).headers["location"] == "/figures"
    again = clerk.post("/figures/enter", data=said)
    assert again.status_code == 422
    assert "已填报 234个" in again.text
    page = clerk.get("/figures", params=PERIOD).text
    assert "&lt;台账&gt;" in page
    assert "协助处置各类问题230多个" in page
    made = clerk.post("/figures/issue", data={"csrf_token": token, **PERIOD, "title": "五月报表"})
    assert made.status_code == 303
    report = clerk.get(made.headers["location"]).text
    assert "五月报表" in report
    number = made.headers["location"].rpartition("/")[2]
    assert "五月报表" in words_of(clerk.get(f"/api/reports/{number}/docx").content)
    assert clerk.get("/api/reports").json()[0]["title"] == "五月报表"
    assert clerk.get(f"/api/reports/{number}").json()["figures"][5]["value"] == 234
    actions = db.scalars(select(Audit.action).where(Audit.action.like("%report%"))).all()
    assert {"reports.issue", "reports.export"} <= set(actions)


@pytest.mark.parametrize("page", ["/figures?first=2026-13-40", "/figures?first=x", "/figures/X77"])
def test_an_address_that_cannot_be_is_told(clerk, page):
    assert clerk.get(page).status_code == 422


def test_the_commands_print_the_sentence_and_write_the_report(db, town, county, monkeypatch, tmp_path):
    monkeypatch.setattr(
        command, "connect", lambda **_: contextlib.nullcontext((db.connection(), Settings(data_dir=tmp_path)))
    )
    runner, days = CliRunner(), ["--from", "2026-05-01", "--until", "2026-05-31"]
    added = runner.invoke(cli.app, ["figure-entry", "add", *days, "--value", "234", "--note", "台账"])
    assert added.exit_code == 0, added.output
    told = runner.invoke(cli.app, ["figures", *days])
    assert "协助处置各类问题230多个" in told.output, told.output
    assert "王桂兰" in runner.invoke(cli.app, ["figures", *days, "--rows", "X1"]).output
    docx, annex = tmp_path / "r.docx", tmp_path / "r.xlsx"
    wrote = runner.invoke(cli.app, ["report", *days, "-o", str(docx), "--annex", str(annex), "--issue"])
    assert wrote.exit_code == 0, wrote.output
    assert "已印发" in wrote.output
    assert "目前登记在册" in words_of(docx.read_bytes())
    assert annex.read_bytes().startswith(b"PK")
    assert "台账" in runner.invoke(cli.app, ["figure-entry", "list"]).output
    own = tmp_path / "own.docx"
    assert runner.invoke(cli.app, ["report", "--template-to", str(own)]).exit_code == 0
    assert own.read_bytes() == document.TEMPLATE.read_bytes()
    assert runner.invoke(cli.app, ["report", "-o", "x.pdf"]).exit_code == 1
