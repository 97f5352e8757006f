"""A year of problems in the made-up county: what was seen on which walk, and what became of it."""

import datetime as dt
from typing import NamedTuple

import numpy as np

from geo_service.demo.beats import Scheme
from geo_service.demo.outings import TIME_ZONE, Outing
from layers.vocabulary import Layer

CLOSED = 234
"""Closed within the year: 11 for a hundred outings (domain.md 8.1, X6)."""
_UNFINISHED = (
    ("reported", 6), ("accepted", 4), ("dispatched", 6), ("handling", 7), ("suspended", 2), ("done", 4),
    ("rejected", 5),
)  # fmt: skip
"""How many others end where; the newest ones."""
_SEEN_AGAIN = 6
"""How many of them somebody told of once more."""
_SETTLED_DAYS = 30
"""What was seen so long before the last day is closed by then."""
_BY_LAYER = {
    Layer.RIVER: (
        ("litter.floating", "河面漂着一片垃圾和水草"), ("litter.bank", "岸边倒了几袋生活垃圾"),
        ("litter.pile", "桥下堆了一堆建筑渣土"), ("water.colour", "水色发黄，和前几天不一样"),
        ("water.smell", "排水口附近有臭味"), ("water.outlet", "晴天排水口在往河里排水"),
        ("chaos.occupy", "滩地上围起来种了菜"), ("chaos.dump", "河坡上倒了杂物"),
        ("facility.bank", "护岸塌了一小段"), ("facility.sign", "公示牌歪了"),
        ("danger.drowning", "河边护栏缺了一截，常有孩子玩水"),
    ),
    Layer.ROAD: (
        ("road.pit", "路面有一个大坑，电瓶车容易摔"), ("road.flood", "下雨后积水到脚踝"),
        ("road.spill", "渣土车撒了一路泥"), ("parking.goods", "路边堆着沙石，占了半边路"),
        ("facility.lamp", "连着两盏路灯不亮"), ("facility.rail", "护栏被撞弯了"),
        ("facility.manhole", "窨井盖松动，车过就响"), ("danger.wire", "电线垂得很低"),
    ),
    Layer.GRID: (
        ("litter.exposed", "垃圾箱满了，散在外面"), ("parking.car", "消防通道上停了车"),
        ("danger.fire", "楼道里堆着纸箱"), ("danger.dispute", "两家为滴水的事吵了起来"),
        ("facility.fitness", "健身器材的螺丝松了"), ("parking.stall", "摊子占了人行道"),
    ),
}  # fmt: skip
_BY_LAYER[Layer.COMPOUND] = _BY_LAYER[Layer.GRID]


class Problem(NamedTuple):
    """A problem that somebody saw on a walk, and where it ends."""

    outing: int
    share: float
    """How far into the walk."""
    category: str
    words: str
    fate: str
    """closed, or the state in which it is; merged: it was told of before."""
    is_solved_there: bool
    """Settled by the walker on the spot."""
    is_reworked: bool
    pace: float
    """How long each step takes, 0.2 to 1.3 of what it may take."""


def make_problems(
    scheme: Scheme, outings: tuple[Outing, ...], rng: np.random.Generator, *, today: dt.date
) -> tuple[Problem, ...]:
    """Choose the walks on which something was seen, and what; in order of time."""
    days = [dt.datetime.fromtimestamp(outing.start_s, TIME_ZONE).date() for outing in outings]
    is_old = np.array([today - day > dt.timedelta(days=_SETTLED_DAYS) for day in days])
    fates = [fate for fate, count in _UNFINISHED for _ in range(count)]
    closed = sorted(rng.choice(np.flatnonzero(is_old), CLOSED, replace=False).tolist())
    others = sorted(rng.choice(np.flatnonzero(~is_old), len(fates), replace=False).tolist())
    rng.shuffle(fates)
    chosen = [(outing, "closed") for outing in closed] + list(zip(others, fates, strict=True))
    problems = [_problem(scheme, outings, outing, fate, rng) for outing, fate in chosen]
    open_ones = [problem for problem in problems if problem.fate in ("accepted", "dispatched", "handling")]
    again = [open_ones[k] for k in rng.choice(len(open_ones), _SEEN_AGAIN, replace=False).tolist()]
    return (*problems, *(one._replace(fate="merged", words="又看到一次，还没有处理") for one in again))


def _problem(
    scheme: Scheme, outings: tuple[Outing, ...], outing: int, fate: str, rng: np.random.Generator
) -> Problem:
    kinds = _BY_LAYER[scheme.beats[outings[outing].beat].layer]
    category, words = kinds[int(rng.integers(len(kinds)))]
    is_closed = fate == "closed"
    return Problem(
        outing, float(rng.uniform(0.05, 0.95)), category, words, fate,
        is_solved_there=is_closed and bool(rng.random() < 0.18),
        is_reworked=is_closed and bool(rng.random() < 0.07),
        pace=float(rng.uniform(0.15, 0.95) if rng.random() < 0.9 else rng.uniform(1.05, 1.5)),
    )  # fmt: skip
