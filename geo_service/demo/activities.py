"""A year without tracks in the made-up county: grid services, visits, meetings, shifts."""

import datetime as dt
from typing import NamedTuple

import numpy as np

from geo_service.demo.beats import Scheme
from geo_service.demo.outings import DAYS
from geo_service.demo.stewards import Stewards, Term
from layers.vocabulary import Evidence, Layer, ServiceKind

GRID_SERVICES = 300
"""Together with the walks they are the 2,137 that count (domain.md 8.1, X5)."""
_COUNTS = {
    ServiceKind.GRID_SERVICE: GRID_SERVICES,
    ServiceKind.VISIT: 140,
    ServiceKind.MEETING: 60,
    ServiceKind.SHIFT: 80,
}
_BY_THEMSELVES = 12
"""The latest visits are entered by the volunteers themselves, and wait for review."""
_NOTES = {
    ServiceKind.GRID_SERVICE: (
        "清理楼道杂物",
        "宣传垃圾分类",
        "排查用电用火隐患",
        "登记流动人口",
        "调解邻里纠纷",
    ),
    ServiceKind.VISIT: ("看望独居老人", "走访困难家庭", "了解出租房情况", "宣传防汛知识"),
    ServiceKind.MEETING: ("商议停车位划线", "讨论电梯维修", "听取物业报告", "推选业委会候选人"),
    ServiceKind.SHIFT: ("路口文明劝导", "汛期沿河值守", "夜市秩序维护", "活动现场引导"),
}
_HOURS = {
    ServiceKind.GRID_SERVICE: (0.5, 1.0, 1.5, 2.0),
    ServiceKind.VISIT: (0.5, 1.0, 1.5),
    ServiceKind.MEETING: (1.0, 1.5, 2.0),
    ServiceKind.SHIFT: (2.0, 3.0, 4.0),
}


class Activity(NamedTuple):
    """One service: who, where, when, and what it rests on."""

    kind: ServiceKind
    day: dt.date
    beat: int
    persons: tuple[int, ...]
    """Indexes into the stewards' people."""
    hours: float
    served: int
    note: str
    evidence: Evidence
    by_himself: bool = False
    """Entered by the one who took part."""


def make_activities(
    scheme: Scheme, stewards: Stewards, rng: np.random.Generator, *, today: dt.date
) -> tuple[Activity, ...]:
    """Plan the year, in order of days; everybody is on duty where and when he serves."""
    terms: dict[Layer, list[Term]] = {Layer.GRID: [], Layer.COMPOUND: []}
    for term in stewards.terms:
        layer = scheme.beats[term.beat].layer
        if term.last_day is None and layer in terms:
            terms[layer].append(term)
    of_beat: dict[int, list[Term]] = {}
    for term in (*terms[Layer.GRID], *terms[Layer.COMPOUND]):
        of_beat.setdefault(term.beat, []).append(term)
    made = []
    for kind, count in _COUNTS.items():
        own = terms[Layer.COMPOUND if kind is ServiceKind.MEETING else Layer.GRID]
        for k in rng.integers(len(own), size=count).tolist():
            made.append(_activity(kind, own[k], of_beat[own[k].beat], rng, today))
    made.sort(key=lambda activity: activity.day)
    visits = [k for k, activity in enumerate(made) if activity.kind is ServiceKind.VISIT][-_BY_THEMSELVES:]
    for k in visits:
        alone = made[k].persons[:1]
        made[k] = made[k]._replace(persons=alone, evidence=Evidence.STATED, by_himself=True)
    return tuple(made)


def _activity(
    kind: ServiceKind, term: Term, beside: list[Term], rng: np.random.Generator, today: dt.date
) -> Activity:
    first = max(term.first_day, today - dt.timedelta(days=DAYS))
    day = first + dt.timedelta(days=int(rng.integers((today - first).days)))
    others = [other.person for other in beside if other.person != term.person and other.first_day <= day]
    along = rng.permutation(others).tolist()[: int(rng.integers(3))]
    evidence = (Evidence.PAPER, Evidence.PAPER, Evidence.CHECK_IN)[int(rng.integers(3))]
    note = _NOTES[kind][int(rng.integers(len(_NOTES[kind])))]
    hours = float(rng.choice(_HOURS[kind]))
    return Activity(
        kind, day, term.beat, (term.person, *along), hours, int(rng.integers(2, 40)), note, evidence
    )
