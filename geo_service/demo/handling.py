"""The problems of the made-up county, told and handled step by step through the services of all."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import service as areas
from geo_service.cases import handling, reports, rules, told, units
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said, Taken
from geo_service.cases.units import UnitSaid
from geo_service.demo.county import DemoCounty
from geo_service.demo.outings import recorded
from geo_service.demo.problems import Problem
from layers.vocabulary import Channel, Level, Move, Right

_COUNTY_UNITS = (
    ("住房和城乡建设局", ("facility",)), ("交通运输局", ("road", "parking")),
    ("社会治安综合治理中心", ("danger",)), ("城市管理局", (None,)),
)  # fmt: skip
_TOWNSHIP_UNITS = (("环卫站", ("litter",)), ("水利站", ("water", "chaos")))
_WALKER, _DESK, _STATION, _CHECKER = (
    Actor(os_user=f"{name}（演示）") for name in ("志愿者手机", "调度员", "责任单位", "核查员")
)


def set_up_units(db: Session, scope: Scope) -> None:
    """Make the units, and say what each handles where."""
    seen = areas.seen_areas(db, scope)
    for name, kinds in _COUNTY_UNITS:
        _unit(db, scope, name, [(kind, None) for kind in kinds])
    for area in seen:
        if area.level is Level.TOWNSHIP:
            for name, kinds in _TOWNSHIP_UNITS:
                _unit(db, scope, f"{area.name}{name}", [(kind, area.id) for kind in kinds])


def _unit(db: Session, scope: Scope, name: str, tasks: Sequence[tuple[str | None, int | None]]) -> None:
    unit_id = units.save(db, scope, UnitSaid(name))
    units.set_tasks(db, scope, unit_id, tasks)


class _Leg(NamedTuple):
    """A step after a share of some working days."""

    move: Move
    days: float
    actor: Actor
    words: str = ""


_ACCEPT, _DISPATCH, _START, _FINISH, _REWORK, _AGAIN, _SUSPEND, _REJECT = (
    _Leg(Move.ACCEPT, 0.8, _DESK),
    _Leg(Move.DISPATCH, 0.6, _DESK),
    _Leg(Move.START, 0.5, _STATION),
    _Leg(Move.FINISH, 3.5, _STATION, "已经处理，没有照片：演示数据"),
    _Leg(Move.REWORK, 0.5, _WALKER, "旁边还有一处没弄好"),
    _Leg(Move.FINISH, 1.5, _STATION, "全部处理好，没有照片：演示数据"),
    _Leg(Move.SUSPEND, 1.0, _DESK, "要等汛期过后水位下降"),
    _Leg(Move.REJECT, 0.8, _DESK, "不属于受理范围，已打电话说明"),
)
_CLOSE = (_Leg(Move.CHECK, 1.2, _CHECKER), _Leg(Move.CLOSE, 0.5, _CHECKER))
_TO = {
    "reported": (),
    "merged": (),
    "rejected": (_REJECT,),
    "accepted": (_ACCEPT,),
    "dispatched": (_ACCEPT, _DISPATCH),
    "handling": (_ACCEPT, _DISPATCH, _START),
    "suspended": (_ACCEPT, _DISPATCH, _START, _SUSPEND),
    "done": (_ACCEPT, _DISPATCH, _START, _FINISH),
    "closed": (_ACCEPT, _DISPATCH, _START, _FINISH, *_CLOSE),
}
"""The way to where a problem ends."""


def _way(problem: Problem) -> tuple[_Leg, ...]:
    if problem.is_solved_there:
        return _CLOSE
    if problem.is_reworked:
        return (_ACCEPT, _DISPATCH, _START, _FINISH, _REWORK, _AGAIN, *_CLOSE)
    return _TO[problem.fate]


def take_problems(
    db: Session, scope: Scope, made: DemoCounty, rows: range, people: Sequence[uuid.UUID], ids: uuid.UUID
) -> None:
    """Tell some problems and follow them to where they end; `people`: who walked, by outing."""
    clock = rules.ground(db, scope.county_id).clock
    for k in rows:
        problem = made.problems[k]
        walker = Scope(scope.county_id, _WALKER, {Right.VOLUNTEER: None}, people[problem.outing])
        taken, at = _tell(db, walker, made, problem, uuid.uuid5(ids, f"report/{k}"))
        if problem.fate == "merged" and taken.similar:
            own = replace(scope, actor=_DESK)
            handling.move(db, own, taken.case_id, Wanted(Move.MERGE, into=taken.similar[0].case_id), now=at)
            continue
        for leg in _way(problem):
            at = clock.after(at, leg.days * problem.pace * clock.day_s)
            own = walker if leg.actor is _WALKER else replace(scope, actor=leg.actor)
            handling.move(db, own, taken.case_id, _wanted(db, scope, leg, taken.case_id), now=at)


def _tell(
    db: Session, walker: Scope, made: DemoCounty, problem: Problem, report_id: uuid.UUID
) -> tuple[Taken, dt.datetime]:
    """Report a problem where it was seen on the walk; return when that came, too."""
    recording = recorded(made.scheme, made.outings[problem.outing])
    at = int(problem.share * (recording.time_s.size - 1))
    seen_at = dt.datetime.fromtimestamp(float(recording.time_s[at]), dt.UTC)
    lon, lat = recording.lonlat[at].tolist()
    solved = "当场清理、劝导好了" if problem.is_solved_there else None
    said = Said(seen_at, problem.category, (lon, lat), accuracy_m=8.0, words=problem.words, solved=solved)
    came_at = seen_at + dt.timedelta(minutes=2)
    taken = reports.take(
        db, walker, report_id, said, channel=Channel.PHONE, person_id=walker.person_id, now=came_at
    )
    return taken, came_at


def _wanted(db: Session, scope: Scope, leg: _Leg, case_id: int) -> Wanted:
    unit_id = told.told(db, scope, case_id).suggested_unit_id if leg.move is Move.DISPATCH else None
    return Wanted(leg.move, leg.words, unit_id)
