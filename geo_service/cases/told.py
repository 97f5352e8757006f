"""What people are told of cases: coordinators everything, who told of one how it goes on, in plain words."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import cases_in, patrols_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.cases import handling, queries, rules, similar, units, whereabouts
from geo_service.cases.rules import Ground
from geo_service.cases.similar import Similar
from geo_service.cases.whereabouts import Keeper, LonLat
from geo_service.tables import Case, Report
from layers.cases import Doer
from layers.categories import Categories
from layers.vocabulary import CaseState, Channel, Move, Severity

MOST_OWN = 50
"""Reports that a volunteer's list shows."""


@dataclass(frozen=True)
class StepTold:
    """One step of a case's history."""

    id: int
    move: Move
    at: dt.datetime
    """In the county's zone."""
    to_state: CaseState
    who: str
    unit: str | None
    words: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class ReportTold:
    """One report of a case."""

    id: uuid.UUID
    channel: Channel
    who: str | None
    """Who told it: the volunteer, or who called; None: nobody said so, or he was forgotten."""
    phone: str | None
    at: dt.datetime
    received_at: dt.datetime
    words: str | None
    lonlat: LonLat | None
    accuracy_m: float | None
    patrol_id: uuid.UUID | None
    """The walk on which it was told, where that may be seen."""
    photos: int
    """How many photos it announced."""


@dataclass(frozen=True)
class CaseTold:
    """A case as its coordinators and handlers see it."""

    case: Case
    what: str
    """Its category in words."""
    severity: Severity
    state: CaseState
    lonlat: LonLat | None
    place: str | None
    area: str | None
    area_code: str | None
    unit: str | None
    suggested_unit_id: int | None
    """The unit whose business it is, by the table of categories and areas."""
    keepers: Sequence[Keeper]
    due_at: dt.datetime | None
    """In the county's zone."""
    left_s: float | None
    """Working seconds until it is due; less than 0: it is late."""
    reports: Sequence[ReportTold]
    steps: Sequence[StepTold]
    legal: Sequence[Move]
    similar: Sequence[Similar]
    note: str | None
    """What is to be known of its deadline."""


@dataclass(frozen=True)
class Told:
    """A step as who told of a case reads it."""

    at: dt.datetime
    words: str


@dataclass(frozen=True)
class OnPatrol:
    """A case that was told of during a walk."""

    case_id: int
    number: str
    what: str
    state: CaseState
    at: dt.datetime


@dataclass(frozen=True)
class Own:
    """A volunteer's own report and how it goes on."""

    report_id: uuid.UUID
    case_id: int
    number: str
    what: str
    place: str | None
    at: dt.datetime
    state: CaseState
    words: str
    """How it stands, in a sentence."""
    steps: Sequence[Told]
    may: Sequence[Move]
    photos: Sequence[Mapping[str, Any]]
    """Those that were announced."""


def told(db: Session, scope: Scope, case_id: int) -> CaseTold:
    """Return a case of the scope with all that belongs to it. Raises NotFound."""
    return _all_of(db, scope, handling.found(db, scope, case_id))


def told_to_whom_it_leaves(db: Session, scope: Scope, case_id: int) -> CaseTold:
    """Return a case once more to who has just taken the step by which it left his scope."""
    return _all_of(db, scope, handling.found_again(db, case_id))


def _all_of(db: Session, scope: Scope, case: Case) -> CaseTold:
    ground = rules.ground(db, case.county_id)
    now = dt.datetime.now(dt.UTC)
    tree = rules.editions(db, case.county_id)[case.category_edition_id]
    chain = areas.chain(db, case.county_id, case.area_id)
    place, area, unit = queries.names(db, case)
    day = case.opened_at.astimezone(ground.zone).date()
    spot = whereabouts.spot(db, case)
    return CaseTold(
        case=case,
        what=tree.words(case.category),
        severity=Severity(case.severity),
        state=CaseState(case.state),
        lonlat=queries.lonlat_of(db, case.id),
        place=place,
        area=area and area[0],
        area_code=area and area[1],
        unit=unit,
        suggested_unit_id=units.unit_for(db, case.county_id, case.category, chain),
        keepers=whereabouts.keepers(db, case.county_id, spot, day),
        due_at=case.due_at and case.due_at.astimezone(ground.zone),
        left_s=None if case.due_at is None else ground.clock.between(now, case.due_at),
        reports=[_report(ground, *row) for row in queries.reports(db, case.id, patrols_in(scope))],
        steps=[_step(ground, *row) for row in queries.steps(db, [case.id])],
        legal=handling.legal(db, scope, ground, case),
        similar=similar.to_case(db, ground, case.id),
        note=rules.assumed_words(ground.clock, now, case.due_at),
    )


def own(db: Session, scope: Scope, report_id: uuid.UUID | None = None) -> list[Own]:
    """Return what a volunteer told of, the latest first, or one report, with how it goes on."""
    if scope.person_id is None:
        raise RuntimeError("the scope is no volunteer's")
    only = [] if report_id is None else [Report.id == report_id]
    rows = queries.own_reports(db, scope.county_id, scope.person_id, *only, limit=MOST_OWN)
    if not rows:
        return []
    ground, trees = rules.ground(db, scope.county_id), rules.editions(db, scope.county_id)
    ids = {id_ for _, *both in rows for id_ in both}
    cases, places = queries.cases(db, ids), queries.place_names(db, ids)
    steps = queries.steps(db, ids)
    told_of = _Ground(ground, trees, handling.reporter(scope), dt.datetime.now(dt.UTC))
    return [
        _own(told_of, report, cases[case_id], places.get(case_id), _steps_of(steps, own_id, case_id))
        for report, own_id, case_id in rows
    ]


def on_patrol(db: Session, scope: Scope, patrol_id: uuid.UUID) -> list[OnPatrol]:
    """Return the cases of the scope that a patrol's walker told of on his way, the first first."""
    ground, trees = rules.ground(db, scope.county_id), rules.editions(db, scope.county_id)
    return [
        OnPatrol(
            case.id, case.number, trees[case.category_edition_id].words(case.category),
            CaseState(case.state), at.astimezone(ground.zone),
        )
        for case, at in queries.on_patrol(db, patrol_id, cases_in(scope))
    ]  # fmt: skip


@dataclass(frozen=True)
class _Ground:
    """What holds for every report of one person."""

    county: Ground
    trees: Mapping[int | None, Categories]
    doer: Doer
    now: dt.datetime


def _steps_of(steps: Sequence[Any], own_id: int, case_id: int) -> list[Any]:
    """Return the steps that belong to a report: those of its case, and of the one that took it up."""
    return [
        row
        for row in steps
        if row[0].case_id == case_id or (row[0].case_id == own_id and row[0].move != Move.MERGE)
    ]


def _own(told_of: _Ground, report: Report, case: Case, place: str | None, steps: Sequence[Any]) -> Own:
    ground = told_of.county
    said = [_told(ground, row) for row in steps]
    legal = ground.machine.legal(handling.standing_of(case), told_of.doer, told_of.now)
    return Own(
        report.id, case.id, case.number, told_of.trees[case.category_edition_id].words(case.category), place,
        report.at.astimezone(ground.zone), CaseState(case.state), _STANDS[CaseState(case.state)],
        [step for step in said if step is not None],
        [move for move in legal if move in (Move.CHECK, Move.REWORK, Move.REOPEN)],
        report.photos,
    )  # fmt: skip


_STANDS = {
    CaseState.SUBMITTED: "已收到，等工作人员看。",
    CaseState.REPORTED: "已收到，等着受理。",
    CaseState.ACCEPTED: "已受理，正在安排谁来处理。",
    CaseState.DISPATCHED: "已经交给责任单位。",
    CaseState.HANDLING: "正在处理。",
    CaseState.SUSPENDED: "一时处理不了，先记着，以后接着办。",
    CaseState.DONE: "说是处理好了，等人去核对。",
    CaseState.CHECKED: "核对过了，就要办结。",
    CaseState.CLOSED: "已经办结，谢谢您！",
    CaseState.REJECTED: "没有受理。",
    CaseState.MERGED: "和别人报的同一个问题一起处理。",
}
"""How a case stands, as who told of it reads it."""

_SAID = {
    Move.REPORT: "上报收到了",
    Move.ACCEPT: "受理了",
    Move.REJECT: "没有受理：{words}",
    Move.MERGE: "和别人报的同一个问题一起处理",
    Move.DISPATCH: "交给了{unit}",
    Move.TRANSFER: "转给了{unit}",
    Move.START: "开始处理了",
    Move.SUSPEND: "一时处理不了：{words}",
    Move.RESUME: "接着处理了",
    Move.FINISH: "说是处理好了：{words}",
    Move.SOLVE: "当场处理好了：{words}",
    Move.CHECK: "核对过了",
    Move.REWORK: "没有弄好，让他们返工：{words}",
    Move.CLOSE: "办结了",
    Move.REOPEN: "又没弄好，重新处理：{words}",
}
"""The steps that who told of a case reads; the others are the office's."""


def _told(ground: Ground, row: Any) -> Told | None:
    step, unit = row[0], row.unit
    said = _SAID.get(Move(step.move))
    if said is None:
        return None
    words = said.format(words=step.words or "", unit=unit or "责任单位").rstrip("：")
    return Told(step.at.astimezone(ground.zone), words)


def _step(ground: Ground, step: Any, name: str | None, login: str | None, unit: str | None) -> StepTold:
    who = name or login or step.os_user or ("系统" if step.account_id is None else "已删除的账号")
    return StepTold(
        step.id, Move(step.move), step.at.astimezone(ground.zone), CaseState(step.to_state), who, unit,
        step.words, step.data,
    )  # fmt: skip


def _report(
    ground: Ground, report: Report, name: str | None, phone: str | None, patrol_id: uuid.UUID | None
) -> ReportTold:
    lonlat = None if report.lon is None or report.lat is None else (report.lon, report.lat)
    return ReportTold(
        report.id, Channel(report.channel), name or report.caller, phone or report.caller_phone,
        report.at.astimezone(ground.zone), report.received_at.astimezone(ground.zone), report.words, lonlat,
        report.accuracy_m, patrol_id, len(report.photos),
    )  # fmt: skip
