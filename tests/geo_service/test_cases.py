"""Cases from the report to the end: where they lie, whose they are, who may do what, what is written down."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, reports, rules, told, units
from geo_service.cases.corrections import Correction
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said, Taken
from geo_service.cases.units import UnitSaid
from geo_service.errors import Conflict, Invalid, NotFound, TooLate
from geo_service.tables import Report
from layers.crs import from_wgs84
from layers.errors import BadRules, IllegalMove
from layers.vocabulary import CaseState, Channel, Datum, Move, Right, Severity
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_plates import at
from tests.geo_service.watertown import Watertown

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def chief(town: Watertown) -> Scope:
    """Somebody with every right in the county."""
    return Scope(town.county.id, Actor(account_id=uuid.uuid4()), dict.fromkeys(Right, None))


@pytest.fixture
def volunteer(town: Watertown) -> Scope:
    return Scope(
        town.county.id, Actor(account_id=uuid.uuid4()), {Right.VOLUNTEER: None}, person_id=town.person_id
    )


def staff(town: Watertown, *areas: Any, right: Right = Right.COORDINATOR) -> Scope:
    """Another coordinator, of some areas or of the whole county."""
    own = frozenset(area.id for area in areas) if areas else None
    return Scope(town.county.id, Actor(account_id=uuid.uuid4()), {right: own})


def tell(
    db: Session, scope: Scope, x: float | None = 300, y: float = 5, category: str = "litter.bank",
    *, id_: uuid.UUID | None = None, channel: Channel = Channel.PHONE, **more: Any,
) -> Taken:  # fmt: skip
    said = Said(NOW, category, None if x is None else at(x, y), **more)
    late = dt.timedelta(days=30)
    return reports.take(
        db, scope, id_ or uuid.uuid4(), said, channel=channel, person_id=scope.person_id, late=late
    )


def go(db: Session, scope: Scope, case_id: int, *moves: Move | Wanted) -> CaseState:
    for move in moves:
        wanted = move if isinstance(move, Wanted) else Wanted(move, "说明")
        state = handling.move(db, scope, case_id, wanted).state
    return CaseState(state)


def unit(db: Session, scope: Scope, name: str = "环卫站") -> int:
    return units.save(db, scope, UnitSaid(name, "张站长", "0523-83250000"))


DONE = Wanted(Move.FINISH, "清理了，没有照片：站里没有相机")


# --- where and whose


def test_a_report_by_the_river_is_found_at_its_place_its_measure_its_township_its_steward(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    taken = tell(db, volunteer, 300, 12, words="岸边有三袋垃圾")
    case = told.told(db, chief, taken.case_id)
    assert (case.place, case.area, case.what) == ("中心河", "西荡镇", "垃圾漂浮物·河岸垃圾")
    assert case.case.at_dm == pytest.approx(3000, abs=2)
    assert case.case.away_m == pytest.approx(12, abs=0.5)
    assert [(one.name, one.kind) for one in case.keepers] == [("王桂兰", "volunteer")]
    assert case.case.number == f"{NOW.astimezone(dt.timezone(dt.timedelta(hours=8))).year}-000001"
    assert (case.state, case.severity) == (CaseState.REPORTED, Severity.MINOR)
    assert case.due_at is not None
    (report,) = case.reports
    assert (report.who, report.words, report.channel) == ("王桂兰", "岸边有三袋垃圾", Channel.PHONE)
    assert report.lonlat == pytest.approx(at(300, 12), abs=1e-6)


def test_no_duty_is_told_where_the_steward_has_none(db: Session, chief: Scope, volunteer: Scope) -> None:
    case = told.told(db, chief, tell(db, volunteer, 1800, 5).case_id)  # her stretch ends at 1500 m
    assert (case.place, case.area, case.keepers) == ("中心河", "东湖镇", [])


def test_a_road_problem_lies_on_the_road_where_river_and_road_cross(
    db: Session, chief: Scope, volunteer: Scope
) -> None:
    on_road = told.told(db, chief, tell(db, volunteer, 503, 4, "road.pit").case_id)
    on_river = told.told(db, chief, tell(db, volunteer, 503, 4, "water.smell").case_id)
    assert (on_road.place, on_river.place) == ("D1", "中心河")
    within = told.told(db, chief, tell(db, volunteer, 200, 200, "danger.fire").case_id)
    assert within.place == "G1"
    far = told.told(db, chief, tell(db, volunteer, 5000, 5000).case_id)
    assert (far.place, far.area) == (None, None)


def test_a_datum_and_an_accuracy_are_minded(db: Session, chief: Scope, volunteer: Scope) -> None:
    shifted = from_wgs84(np.array([at(300, 5)]), Datum.GCJ02)[0].tolist()
    said = Said(NOW, "litter", tuple(shifted), Datum.GCJ02, accuracy_m=30)
    taken = reports.take(db, volunteer, uuid.uuid4(), said, channel=Channel.PHONE, person_id=None)
    case = told.told(db, chief, taken.case_id)
    assert case.lonlat == pytest.approx(at(300, 5), abs=1e-5)


def test_a_place_may_be_named_with_a_position_or_without(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    named = told.told(db, chief, tell(db, volunteer, 300, 390, place_id=town.rivers[0].id).case_id)
    assert (named.place, named.case.at_dm) == ("中心河", None)  # 390 m away: somewhere at it
    near = told.told(db, chief, tell(db, volunteer, 503, 4, place_id=town.road.id).case_id)
    assert near.place == "D1"
    unplaced = told.told(db, chief, tell(db, volunteer, None, place_id=town.off_map.id).case_id)
    assert (unplaced.place, unplaced.area, unplaced.lonlat) == ("待上图河", "西荡镇", None)
    nowhere = told.told(db, chief, tell(db, volunteer, None).case_id)
    assert (nowhere.place, nowhere.area) == (None, None)
    with pytest.raises(NotFound):
        tell(db, volunteer, place_id=10**9)


# --- told once


def test_the_same_report_again_adds_nothing_and_another_with_its_id_is_refused(
    db: Session, volunteer: Scope, chief: Scope
) -> None:
    id_ = uuid.uuid4()
    first = tell(db, volunteer, id_=id_, words="三袋")
    again = tell(db, volunteer, id_=id_, words="三袋")
    assert (first.already, again.already) == (False, True)
    assert again.case_id == first.case_id
    with pytest.raises(Conflict):
        tell(db, volunteer, id_=id_, words="四袋")
    with pytest.raises(Conflict):
        tell(db, chief, id_=id_, words="三袋")


def test_bad_reports_say_what_to_do(db: Session, volunteer: Scope) -> None:
    with pytest.raises(BadRules, match="重新选择"):
        tell(db, volunteer, category="no.such")
    with pytest.raises(Invalid, match="500 字"):
        tell(db, volunteer, words="长" * 501)
    old = Said(NOW - dt.timedelta(days=31), "litter", at(0, 0))
    with pytest.raises(TooLate, match="打电话"):
        reports.take(
            db, volunteer, uuid.uuid4(), old, channel=Channel.PHONE, person_id=None,
            late=dt.timedelta(days=30),
        )  # fmt: skip


def test_what_a_clock_ahead_says_is_kept_as_now(db: Session, volunteer: Scope) -> None:
    id_ = uuid.uuid4()
    said = Said(NOW + dt.timedelta(days=400), "litter", at(10, 0))
    for already in (False, True):
        taken = reports.take(db, volunteer, id_, said, channel=Channel.PHONE, person_id=volunteer.person_id)
        assert taken.already is already
    row = db.get_one(Report, id_)
    assert row.at <= dt.datetime.now(dt.UTC)


# --- the way of a case


def test_a_whole_life_with_five_hands(db: Session, town: Watertown, chief: Scope, volunteer: Scope) -> None:
    taken = tell(db, volunteer)
    case_id, station = taken.case_id, unit(db, chief)
    first, second = staff(town, town.west), staff(town)
    assert go(db, first, case_id, Move.ACCEPT) is CaseState.ACCEPTED
    assert go(db, first, case_id, Wanted(Move.DISPATCH, unit_id=station)) is CaseState.DISPATCHED
    case = told.told(db, first, case_id)
    assert (case.unit, case.case.dispatched_at is not None) == ("环卫站", True)
    assert go(db, second, case_id, Move.START, DONE) is CaseState.DONE
    with pytest.raises(IllegalMove, match="要由另一个人来做"):
        go(db, second, case_id, Move.CHECK)
    assert go(db, volunteer, case_id, Wanted(Move.REWORK, "还有一袋")) is CaseState.HANDLING
    assert go(db, second, case_id, DONE) is CaseState.DONE
    assert go(db, volunteer, case_id, Move.CHECK) is CaseState.CHECKED
    with pytest.raises(IllegalMove, match="办结要由另一个人来做"):
        go(db, first, case_id, Move.CLOSE)
    assert go(db, second, case_id, Move.CLOSE) is CaseState.CLOSED
    assert go(db, volunteer, case_id, Wanted(Move.REOPEN, "又堆上了")) is CaseState.ACCEPTED
    final = told.told(db, chief, case_id)
    assert (final.case.reworks, final.case.reopened, final.case.closed_at) == (1, 1, None)
    assert [step.move for step in final.steps] == [
        "report", "accept", "dispatch", "start", "finish", "rework", "finish", "check", "close", "reopen"
    ]  # fmt: skip
    assert all(step.who for step in final.steps)
    own = told.own(db, volunteer)[0]
    assert own.words == "已受理，正在安排谁来处理。"
    assert "交给了环卫站" in [step.words for step in own.steps]


def test_an_illegal_step_names_the_legal_ones_and_changes_nothing(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    case_id = tell(db, volunteer).case_id
    with pytest.raises(IllegalMove, match="现在可以：受理、不予受理、并案、当场处置"):
        go(db, chief, case_id, Move.CLOSE)
    with pytest.raises(IllegalMove, match="不由您来做"):
        go(db, volunteer, case_id, Move.ACCEPT)
    with pytest.raises(IllegalMove, match="还要：说明"):
        handling.move(db, chief, case_id, Wanted(Move.REJECT))
    go(db, chief, case_id, Move.ACCEPT)
    with pytest.raises(IllegalMove, match="责任单位"):
        handling.move(db, chief, case_id, Wanted(Move.DISPATCH))
    with pytest.raises(NotFound, match="责任单位"):
        handling.move(db, chief, case_id, Wanted(Move.DISPATCH, unit_id=999))
    assert [step.move for step in told.told(db, chief, case_id).steps] == ["report", "accept"]


def test_what_is_solved_needs_a_photo_or_a_word_why_there_is_none(
    db: Session, chief: Scope, volunteer: Scope
) -> None:
    case_id = tell(db, volunteer).case_id
    go(db, chief, case_id, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=unit(db, chief)))
    with pytest.raises(IllegalMove, match="照片"):
        handling.move(db, chief, case_id, Wanted(Move.FINISH, "好了", photos=[uuid.uuid4()]))
    assert go(db, chief, case_id, DONE) is CaseState.DONE


def test_settled_on_the_spot_waits_for_a_check(db: Session, chief: Scope, volunteer: Scope) -> None:
    case_id = tell(db, volunteer, solved="捡起来扔进垃圾箱了").case_id
    case = told.told(db, chief, case_id)
    assert case.state is CaseState.DONE
    with pytest.raises(IllegalMove, match="另一个人"):
        go(db, volunteer, case_id, Move.CHECK)  # who handled does not check
    assert go(db, chief, case_id, Move.CHECK, Move.CLOSE) is CaseState.CLOSED


def test_steps_are_only_ever_added(db: Session, volunteer: Scope) -> None:
    tell(db, volunteer)
    with pytest.raises(ProgrammingError, match="append-only"), db.begin_nested():
        db.execute(text("update case_step set move = 'close'"))


# --- who sees what


def test_each_township_sees_its_own_and_others_get_nothing(
    db: Session, town: Watertown, volunteer: Scope
) -> None:
    west, east = staff(town, town.west), staff(town, town.east)
    here, there = tell(db, volunteer, 300).case_id, tell(db, volunteer, 1500).case_id
    assert told.told(db, west, here).case.id == here
    for scope, case_id in ((west, there), (east, here)):
        with pytest.raises(NotFound):
            told.told(db, scope, case_id)
        with pytest.raises(NotFound):
            go(db, scope, case_id, Move.ACCEPT)
    for right in (Right.PLANNER, Right.AUDITOR, Right.HANDLER):
        with pytest.raises(NotFound):
            told.told(db, staff(town, right=right), here)
    other = dataclasses.replace(volunteer, person_id=SmallCounty(db, town.county).person("别人"))
    with pytest.raises(NotFound):
        go(db, other, here, Move.CHECK)
    assert told.own(db, other) == []


def test_a_unit_sees_what_was_given_to_it_and_no_more_once_it_sent_it_back(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    ground = Ground(town.county.id, None)
    manager = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, manager, "station", Right.HANDLER, ground)
    handler = Scope(town.county.id, Actor(account_id=account.id), {Right.HANDLER: None})
    station, case_id = unit(db, chief), tell(db, volunteer).case_id
    units.set_members(db, chief, station, [account.id])
    with pytest.raises(NotFound):
        told.told(db, handler, case_id)
    go(db, chief, case_id, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=station))
    assert told.told(db, handler, case_id).legal == [
        Move.START, Move.SEND_BACK, Move.ASK_EXTENSION, Move.FINISH, Move.NOTE
    ]  # fmt: skip
    go(db, handler, case_id, Wanted(Move.ASK_EXTENSION, "下雨", days=3))
    before = told.told(db, handler, case_id).due_at
    go(db, chief, case_id, Move.EXTEND)
    after = told.told(db, handler, case_id).due_at
    assert before is not None
    assert after is not None
    assert after > before
    go(db, handler, case_id, Wanted(Move.SEND_BACK, "不归我们管"))
    assert told.told(db, chief, case_id).state is CaseState.ACCEPTED
    with pytest.raises(NotFound):
        told.told(db, handler, case_id)
    with pytest.raises(Invalid, match="经办人"):
        units.set_members(db, chief, station, [uuid.uuid4()])


def test_the_unit_is_proposed_by_area_and_category(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    county_wide, western = unit(db, chief, "县环卫中心"), unit(db, chief, "西荡环卫站")
    units.set_tasks(db, chief, county_wide, [("litter", None)])
    units.set_tasks(db, chief, western, [("litter.bank", town.west.id)])
    assert told.told(db, chief, tell(db, volunteer, 300).case_id).suggested_unit_id == western
    assert told.told(db, chief, tell(db, volunteer, 1500).case_id).suggested_unit_id == county_wide
    assert told.told(db, chief, tell(db, volunteer, 300, 5, "road.pit").case_id).suggested_unit_id is None
    units.retire(db, chief, western)
    assert told.told(db, chief, tell(db, volunteer, 300).case_id).suggested_unit_id == county_wide


# --- one problem, several reports


def test_a_like_report_is_told_and_joins_and_comes_apart_again(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    first = tell(db, volunteer, 300)
    mate = dataclasses.replace(
        volunteer, person_id=SmallCounty(db, town.county).person("李阿姨"), actor=Actor(uuid.uuid4())
    )
    second = tell(db, mate, 420, 8, "litter.floating", id_=uuid.uuid4())
    assert [(one.case_id, round(one.away_m)) for one in second.similar] == [(first.case_id, 120)]
    assert reports.same_as(db, mate, second.report_id, first.case_id) == first.case_id
    assert reports.same_as(db, mate, second.report_id, first.case_id) == first.case_id
    case = told.told(db, chief, first.case_id)
    assert sorted(report.who or "" for report in case.reports) == ["李阿姨", "王桂兰"]
    assert [step.move for step in case.steps] == ["report", "join"]
    own = told.own(db, mate)[0]
    assert (own.case_id, own.state) == (first.case_id, CaseState.REPORTED)
    go(db, chief, second.case_id, Move.UNMERGE)
    assert len(told.told(db, chief, first.case_id).reports) == 1
    assert told.told(db, chief, second.case_id).state is CaseState.REPORTED


def test_only_what_is_like_it_can_be_joined(db: Session, chief: Scope, volunteer: Scope) -> None:
    first = tell(db, volunteer, 300)
    far = tell(db, volunteer, 900)
    other = tell(db, volunteer, 300, 5, "road.pit")
    for taken in (far, other):
        assert taken.similar == []
        with pytest.raises(NotFound):
            reports.same_as(db, volunteer, taken.report_id, first.case_id)
    with pytest.raises(Invalid, match="自己"):
        go(db, chief, first.case_id, Wanted(Move.MERGE, into=first.case_id))


def test_a_merged_case_brings_back_what_it_had_taken_up(db: Session, chief: Scope, volunteer: Scope) -> None:
    one, two, three = (tell(db, volunteer, 300 + 20 * k).case_id for k in range(3))
    go(db, chief, one, Wanted(Move.MERGE, into=two))
    go(db, chief, two, Wanted(Move.MERGE, into=three))
    assert len(told.told(db, chief, three).reports) == 3
    go(db, chief, two, Move.UNMERGE)
    assert len(told.told(db, chief, two).reports) == 2
    assert len(told.told(db, chief, three).reports) == 1


# --- what is put right


def test_a_correction_finds_place_area_and_duty_anew_and_is_in_the_history(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    case_id = tell(db, volunteer, 5000, 5000).case_id
    fix = Correction(category="chaos.dump", words="堆土", position=at(1600, 10))
    go(db, chief, case_id, Wanted(Move.CORRECT, correction=fix))
    case = told.told(db, chief, case_id)
    assert (case.place, case.area, case.severity) == ("中心河", "东湖镇", Severity.MAJOR)
    assert case.steps[-1].data["changed"]["category"] == ["litter.bank", "chaos.dump"]
    go(db, chief, case_id, Wanted(Move.CORRECT, correction=Correction(place_id=town.rivers[1].id)))
    assert told.told(db, chief, case_id).place == "生产河"
    with pytest.raises(Invalid, match="没有要更正"):
        go(db, chief, case_id, Wanted(Move.CORRECT, correction=Correction(category="chaos.dump")))
    with pytest.raises(Invalid, match="更正什么"):
        go(db, chief, case_id, Wanted(Move.CORRECT))


# --- the clock


def test_the_clock_reminds_and_raises_what_is_late_once(db: Session, chief: Scope, volunteer: Scope) -> None:
    case_id = tell(db, volunteer).case_id
    assert handling.run_clock(db) in (0, 1)
    db.execute(
        text("update \"case\" set due_at = now() - interval '3 days', since = now() - interval '9 days'")
    )
    db.expire_all()
    handling.run_clock(db)
    case = told.told(db, chief, case_id)
    moves = [step.move for step in case.steps]
    assert moves.count(Move.REMIND) == 1
    assert moves.count(Move.SUPERVISE) == case.case.supervision >= 1
    assert "系统" in {step.who for step in case.steps}
    handling.run_clock(db)
    assert len(told.told(db, chief, case_id).steps) == len(moves)


def test_a_county_changes_its_rules_categories_and_calendar(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    before = tell(db, volunteer)
    rules.set_rules(db, chief, {"accept": {"hours": 2}, "separation": "none"})
    assert rules.ground(db, chief.county_id).rules.accept.hours == 2
    with pytest.raises(BadRules):
        rules.set_rules(db, chief, {"no_such": 1})
    tree = rules.ground(db, chief.county_id).categories
    rules.set_categories(db, chief, "第二版", type(tree).of([*tree.below("x"), *tree.rows[:7]]))
    assert told.told(db, chief, before.case_id).what == "垃圾漂浮物·河岸垃圾"
    with pytest.raises(BadRules):
        tell(db, volunteer, category="road.pit")
    assert rules.set_days(db, chief, [(dt.date(2027, 1, 1), False, "元旦")]) == 1
    assert rules.ground(db, chief.county_id).clock.assumed(
        dt.datetime(2027, 1, 1, tzinfo=dt.UTC), dt.datetime(2028, 2, 1, tzinfo=dt.UTC)
    ) == [2028]
