"""Proposals from the register and back into it: asked, solved, decided on, solved again, accepted."""

import datetime as dt
import threading
import uuid
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from geoalchemy2 import WKTElement
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service import jobs, turns
from geo_service.accounts import register
from geo_service.accounts import service as accounts
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from geo_service.people.service import DutyRequest, add_duty
from geo_service.planning import lists, numbers, ready, rounds, service, solver
from geo_service.planning.asked import Asked, Numbers
from geo_service.planning.ready import Ready
from geo_service.tables import Area, Audit, County, Duty, Person, Place, Proposal, ProposalLine
from layers.crs import to_lonlat
from layers.vocabulary import DutyKind, Layer, LineState, ProposalState, Right
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty

TOMORROW = dt.datetime.now(ZoneInfo("Asia/Shanghai")).date() + dt.timedelta(days=1)
ASKED = Asked(seconds=5)


@dataclass
class Town:
    """One township with two villages, a river of 2 km through both, a grid in each, a compound."""

    county: SmallCounty
    area: Area
    west: Area
    east: Area
    river: Place
    grids: list[Place]
    compound: Place


def _border(area: Area, x0: float, y0: float, x1: float, y1: float) -> None:
    around = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    corners = to_lonlat(ORIGIN + around, CRS)
    ring = ", ".join(f"{lon:.8f} {lat:.8f}" for lon, lat in corners.tolist())
    area.geom = WKTElement(f"MULTIPOLYGON ((({ring})))", srid=4326)


@pytest.fixture
def town(small_county: SmallCounty, county: object) -> Town:
    made = small_county
    area = made.area("东")
    west, east = made.area("西村", area, "village"), made.area("东村", area, "village")
    _border(west, 0, 0, 1000, 1000)
    _border(east, 1000, 0, 2000, 1000)
    river = made.place(Layer.RIVER, "车路河", "LINESTRING (0 100, 2000 100)")
    made.lies_in(river, area, [(0, 20_000)])
    made.lies_in(river, west, [(0, 10_000)])
    made.lies_in(river, east, [(10_000, 20_000)])
    grids = []
    for name, x, village in (("西网格", 100, west), ("东网格", 1100, east)):
        grid = made.place(
            Layer.GRID, name, f"POLYGON (({x} 200, {x} 400, {x + 300} 400, {x + 300} 200, {x} 200))"
        )
        made.lies_in(grid, area)
        made.lies_in(grid, village)
        grids.append(grid)
    compound = made.place(
        Layer.COMPOUND, "时代嘉园", "POLYGON ((600 600, 600 700, 700 700, 700 600, 600 600))"
    )
    made.lies_in(compound, area)
    made.lies_in(compound, west)
    made.db.flush()
    return Town(made, area, west, east, river, grids, compound)


def taken(db: Session, proposal_id: int) -> set[tuple[str, str]]:
    """Return (person, place) of the lines that are not refused."""
    rows = db.execute(
        select(Person.name, Place.code)
        .join(ProposalLine, ProposalLine.person_id == Person.id)
        .join(Place, Place.id == ProposalLine.place_id)
        .where(ProposalLine.proposal_id == proposal_id, ProposalLine.state != LineState.REFUSED)
    )
    return {(name, code) for name, code in rows}


def result(db: Session, scope: Scope, proposal_id: int) -> dict:
    return service.seen(db, scope, proposal_id).result


def test_who_lives_there_takes_it_and_the_rest_is_told(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    town.county.person("李大爷", town.east)
    number = service.propose(db, scope, "东", ASKED)
    assert {code for _, code in taken(db, number)} == {"车路河", "西网格", "东网格"}
    assert {("王秀英", "西网格"), ("李大爷", "东网格")} <= taken(db, number)
    told = result(db, scope, number)
    assert (told["needs"], told["covered"], told["is_proven"]) == (4, 3, True)
    assert [(one["place_id"], one["why"]) for one in told["unmet"]] == [(town.compound.id, "nobody")]


def test_who_says_to_live_in_a_compound_is_its_steward(db: Session, scope: Scope, town: Town) -> None:
    person = db.get_one(Person, town.county.person("王秀英", town.west))
    person.attributes = {"home": "东镇 时代嘉园 3幢"}
    db.flush()
    number = service.propose(db, scope, "东", replace(ASKED, layers=(Layer.COMPOUND,)))
    assert taken(db, number) == {("王秀英", "时代嘉园")}
    (row,) = lists.lines(db, scope, number).rows
    assert "住在这个小区" in str(row)


def test_a_river_is_cut_at_the_village_border_and_goes_to_both(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    town.county.person("李大爷", town.east)
    number = service.propose(db, scope, "东", replace(ASKED, layers=(Layer.RIVER,), at_borders=True))
    lines = db.scalars(select(ProposalLine).order_by(ProposalLine.id)).all()
    assert [[(s.lower, s.upper) for s in line.spans] for line in lines] == [[(0, 10_000)], [(10_000, 20_000)]]
    assert taken(db, number) == {("王秀英", "车路河"), ("李大爷", "车路河")}
    names = {row[0]: row for row in lists.lines(db, scope, number).rows}
    assert any("离家" in str(row) for row in names.values())


def test_bridges_and_metres_cut_too(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    road = town.county.place(Layer.ROAD, "南北路", "LINESTRING (300 0, 300 900)", in_scheme=False)
    town.county.lies_in(road, town.area, [(0, 9000)])
    asked = replace(ASKED, layers=(Layer.RIVER,), at_bridges=True, every_m=900, most_places=9)
    service.propose(db, scope, "东", asked)
    spans = [(s.lower, s.upper) for line in db.scalars(select(ProposalLine)) for s in line.spans]
    assert sorted(spans) == [(0, 3000), (3000, 11_500), (11_500, 20_000)]


def test_what_is_fixed_stays_and_what_is_refused_goes(db: Session, scope: Scope, town: Town) -> None:
    near, far = town.county.person("王秀英", town.west), town.county.person("李大爷", town.east)
    asked = replace(ASKED, layers=(Layer.RIVER,))
    number = service.propose(db, scope, "东", asked)
    (first,) = db.scalars(select(ProposalLine))
    service.mark(db, scope, number, [first.id], LineState.REFUSED)
    service.solve_again(db, scope, number)
    (second,) = db.scalars(select(ProposalLine).where(ProposalLine.state == LineState.PROPOSED))
    assert {first.person_id, second.person_id} == {near, far}
    service.mark(db, scope, number, [second.id], LineState.REFUSED)
    service.solve_again(db, scope, number)
    assert [one["why"] for one in result(db, scope, number)["unmet"]] == ["refused"]
    service.mark(db, scope, number, [first.id], LineState.FIXED)
    service.solve_again(db, scope, number)
    assert [(line.id, line.state) for line in db.scalars(select(ProposalLine).order_by(ProposalLine.id))] == [
        (first.id, "fixed"),
        (second.id, "refused"),
    ]


def test_accepted_lines_are_duties_from_a_day_on(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    town.county.person("李大爷", town.east)
    number = service.propose(db, scope, "东", replace(ASKED, at_borders=True))
    lines = db.scalars(select(ProposalLine).order_by(ProposalLine.id)).all()
    (duty_id,) = service.accept(db, scope, number, TOMORROW, [lines[0].id])
    duty = db.get_one(Duty, duty_id)
    assert (duty.person_id, duty.kind, duty.in_force.lower) == (lines[0].person_id, "volunteer", TOMORROW)
    assert service.seen(db, scope, number).state == ProposalState.OPEN
    service.accept(db, scope, number, TOMORROW)
    assert service.seen(db, scope, number).state == ProposalState.ACCEPTED
    assert len(db.scalars(select(Duty)).all()) == len(lines)
    actions = db.scalars(select(Audit.action)).all()
    assert actions.count("duties.add") == len(lines)
    with pytest.raises(Conflict):
        service.solve_again(db, scope, number)
    # From that day on nothing is left to propose.
    later = service.gather(db, scope, town.area.id, ASKED, TOMORROW)
    assert [need.place.code for need in later.needs] == ["时代嘉园"]


def test_existing_pairs_stay_unless_released(db: Session, scope: Scope, town: Town) -> None:
    far = town.county.person("李大爷", town.east)
    today = service.today_in(db, scope.county_id)
    duty_id = add_duty(db, scope, DutyRequest(far, town.grids[1].id, today))
    river = add_duty(db, scope, DutyRequest(far, town.river.id, today, stretches_m=[(0, 1000)]))
    near = town.county.person("王秀英", town.west)
    number = service.propose(db, scope, "东", replace(ASKED, layers=(Layer.RIVER,)))
    (line,) = db.scalars(select(ProposalLine))
    assert [(s.lower, s.upper) for s in line.spans] == [(10_000, 20_000)]
    asked = replace(ASKED, layers=(Layer.RIVER,), released=(river,), at_borders=True)
    number = service.propose(db, scope, "东", asked)
    assert taken(db, number) == {("王秀英", "车路河"), ("李大爷", "车路河")}
    service.accept(db, scope, number, TOMORROW)
    assert db.get_one(Duty, river).in_force.upper == TOMORROW
    assert db.get_one(Duty, duty_id).in_force.upper is None
    assert near


def test_pairs_for_safety_and_a_partner_named(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    pairs = {Layer.RIVER: Numbers(2, 2, 2, in_pairs=True)}
    asked = replace(ASKED, layers=(Layer.RIVER,), numbers=pairs)
    number = service.propose(db, scope, "东", asked)
    assert [one["why"] for one in result(db, scope, number)["unmet"]] == ["alone"]
    town.county.person("李大爷", town.east)
    service.solve_again(db, scope, number)
    assert len(taken(db, number)) == 2
    assert "与" in str(next(iter(lists.lines(db, scope, number).rows)))


def test_a_place_may_want_others_than_its_layer(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    asked = replace(ASKED, layers=(Layer.RIVER,), numbers={Layer.RIVER: Numbers(3, 3, 3)})
    numbers.put(db, scope, town.river.id, Numbers(2, 2, 2, in_pairs=True))
    number = service.propose(db, scope, "东", asked)
    assert [one["why"] for one in result(db, scope, number)["unmet"]] == ["alone"]
    town.county.person("李大爷", town.east)
    service.solve_again(db, scope, number)
    assert len(taken(db, number)) == 2, "two are enough here, whatever is asked of rivers"
    numbers.put(db, scope, town.river.id, None)
    assert numbers.get(db, scope, town.river.id) is None
    service.solve_again(db, scope, number)
    assert [one["why"] for one in result(db, scope, number)["unmet"]] == ["few"]
    with pytest.raises(NotFound):
        numbers.put(db, scope, 0, None)
    with pytest.raises(Invalid):
        Numbers.said(3, 2, None, in_pairs=False)


def test_limits_and_wishes_of_people_count(db: Session, scope: Scope, town: Town) -> None:
    near, far = town.county.person("王秀英", town.west), town.county.person("李大爷", town.east)
    ready.put(db, scope, near, Ready(is_open=False, likes=(town.grids[0].id,)))
    ready.put(db, scope, far, Ready(avoids=(town.grids[1].id,), likes=(town.river.id, town.grids[0].id)))
    number = service.propose(db, scope, "东", ASKED)
    assert taken(db, number) == {("李大爷", "车路河")}
    told = {(one["person_id"], one["place_id"]): one["why"] for one in result(db, scope, number)["wishes"]}
    assert told == {
        (str(near), town.grids[0].id): "not_eligible",
        (str(far), town.grids[0].id): "not_eligible",
    }
    assert ready.get(db, scope, near) == Ready(is_open=False, likes=(town.grids[0].id,))
    with pytest.raises(NotFound):
        ready.put(db, scope, near, Ready(likes=(0,)))


def test_officials_are_not_asked(db: Session, scope: Scope, town: Town) -> None:
    chief = town.county.person("张镇长", town.west)
    add_duty(db, scope, DutyRequest(chief, town.river.id, None, kind=DutyKind.OFFICIAL))
    number = service.propose(db, scope, "东", ASKED)
    assert taken(db, number) == set()
    assert result(db, scope, number)["covered"] == 0


def test_another_version_must_be_solved_again(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    number = service.propose(db, scope, "东", replace(ASKED, layers=(Layer.RIVER,)))
    town.county.version(town.river, "LINESTRING (0 100, 1500 100)")
    with pytest.raises(Conflict, match="重新求解"):
        service.accept(db, scope, number, TOMORROW)


def test_a_planner_proposes_without_names_and_does_not_accept(db: Session, scope: Scope, town: Town) -> None:
    town.county.person("王秀英", town.west)
    planner = Scope(scope.county_id, Actor(os_user="planner"), {Right.PLANNER: frozenset({town.area.id})})
    number = service.propose(db, planner, "东", ASKED)
    assert "王秀英" not in str(list(lists.lines(db, planner, number).rows))
    listing = lists.lines(db, planner, number)
    names = [column.name for column in listing.columns]
    shown = [dict(zip(names, row, strict=True)) for row in listing.rows]
    assert {(row["person_id"], row["person"]) for row in shown} == {(None, None)}
    assert {row["candidate"] for row in shown} == set(range(1, len({row["candidate"] for row in shown}) + 1))
    assert all(row["lives"] for row in shown)
    assert "王秀英" in str(list(lists.lines(db, scope, number).rows))
    with pytest.raises(Forbidden):
        service.accept(db, planner, number, TOMORROW)
    other = Scope(scope.county_id, Actor(), {Right.PLANNER: frozenset({town.area.id + 999})})
    with pytest.raises(NotFound):
        service.seen(db, other, number)
    with pytest.raises(NotFound):
        service.propose(db, other, "东", ASKED)


def test_the_questions_that_cannot_be_asked(db: Session, scope: Scope, town: Town) -> None:
    with pytest.raises(Invalid):
        Numbers(3, 2, 2)
    with pytest.raises(Invalid):
        replace(ASKED, every_m=1)
    with pytest.raises(NotFound):
        service.mark(db, scope, 12345, [1], LineState.FIXED)
    number = service.propose(db, scope, "东", ASKED)
    with pytest.raises(NotFound):
        service.mark(db, scope, number, [uuid.uuid4().int % 10**9], LineState.FIXED)
    with pytest.raises(NotFound):
        service.accept(db, scope, number, TOMORROW)
    service.drop(db, scope, number)
    with pytest.raises(Conflict):
        service.drop(db, scope, number)


def test_a_round_proposes_township_by_township(db: Session, scope: Scope, town: Town) -> None:
    other = town.county.area("南")
    town.county.person("王秀英", town.west)
    account, _ = register.add(
        db, Manager(Actor(os_user="tester")), "planner", Right.PLANNER, Ground(scope.county_id)
    )
    planner = accounts.scope_of(db, account.id)
    assert rounds.begin(db, planner, ASKED) == len(rounds.townships(db, planner)) == 2
    elsewhere = County(code="410184", name="别县", time_zone="Asia/Shanghai")
    db.add(elsewhere)
    db.flush()
    jobs.enqueue(db, rounds.JOB, {"codes": ["x"], "done": 0}, county_id=elsewhere.id)
    with pytest.raises(Conflict):
        rounds.begin(db, planner, ASKED)
    seen, heard = [], []
    while job := jobs.unfinished(db, rounds.JOB, scope.county_id):
        seen.append(rounds.progress(db, scope.county_id))
        rounds.by_job(db, job.payload, lambda *told: heard.append(told))
        job.state = "done"
        db.flush()
    assert (seen, [told[:2] for told in heard]) == ([(0, 2), (1, 2)], [(0, 2), (1, 2)])
    assert rounds.progress(db, scope.county_id) is None
    made = db.execute(select(Proposal.area_id, Proposal.account_id)).all()
    assert sorted(made) == sorted([(town.area.id, account.id), (other.id, account.id)])


def test_a_round_goes_on_where_one_township_cannot_be_solved(
    db: Session, scope: Scope, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.county.area("南")
    account, _ = register.add(
        db, Manager(Actor(os_user="tester")), "planner", Right.PLANNER, Ground(scope.county_id)
    )
    rounds.begin(db, accounts.scope_of(db, account.id), ASKED)
    monkeypatch.setattr("geo_service.planning.solver.MOST_PAIRS", -1)
    for _ in range(2):
        job = jobs.unfinished(db, rounds.JOB)
        assert job is not None
        rounds.by_job(db, job.payload, lambda *_: None)
        job.state = "done"
        db.flush()
    assert jobs.unfinished(db, rounds.JOB) is None
    assert db.scalars(select(Proposal)).all() == []


def test_only_so_many_are_solved_at_once(
    db: Session, scope: Scope, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geo_service.planning.solver._AT_ONCE", threading.BoundedSemaphore(1))
    with turns.turn(solver._AT_ONCE, ""), pytest.raises(Unavailable, match="正在为别人排方案"):
        service.propose(db, scope, "东", ASKED)
    assert service.propose(db, scope, "东", ASKED)
