"""Norms of real places as data, each with its source (domain.md 1.2, 1.3). None is in force by itself.

What a text demands beyond a `Rule` (a share of black waters, warning levels, more where cases are open,
daily cleaners, province and prefecture) is said in `beyond` and is the office's to watch.
"""

from dataclasses import dataclass
from typing import Any

from layers.errors import BadNorm
from layers.norms import Accepted, Caps, Minima, Per, Rule
from layers.vocabulary import DutyKind, Evidence, Level, Period, Role, ServiceKind

TRACK, CHECK_IN, PAPER = (Accepted(mode) for mode in (Evidence.TRACK, Evidence.CHECK_IN, Evidence.PAPER))
SERVED = (Accepted(ServiceKind.GRID_SERVICE), Accepted(ServiceKind.VISIT))
MARCH_TO_DECEMBER = tuple(range(3, 13))


@dataclass(frozen=True)
class Preset:
    """A norm to start from: a stable code, a name, its source in words, and what it cannot express."""

    code: str
    name: str
    source: str
    rule: Rule
    beyond: str = ""


def preset(code: str) -> Preset:
    """Return the preset with a code. Raises BadNorm."""
    found = next((p for p in PRESETS if p.code == code), None)
    if found is None:
        raise BadNorm(f"没有叫「{code[:40]}」的标准样板；可以用 geo-service norm presets 查看。")
    return found


def _chiefs(level: Level, count: int, period: Period, **more: Any) -> Rule:
    """Return the rule of a level's river chiefs; `more`: fields of `Rule`."""
    return Rule(count, period, roles=(Role.RIVER_STEWARD,), kind=DutyKind.OFFICIAL, levels=(level,), **more)


def _volunteers(role: Role, count: int, period: Period, *accepts: Accepted, **more: Any) -> Rule:
    """Return the rule of volunteers in a role; without modes, walks, check-ins and paper are taken."""
    return Rule(count, period, roles=(role,), accepts=accepts or (TRACK, CHECK_IN, PAPER), **more)


_OURS = "本系统建议的默认值，不是任何主管部门的规定；对六十到八十岁的志愿者从低设定，不扣分"
_EVALUATOR = "本系统建议的单次要求，综合各地规定；数字都可以改"
_WUJIN = "江苏常州武进横山桥镇，2017年"
_SIXIAN = "安徽泗县丁湖镇：单次不少于5分钟、300米"
_AHEQI = "新疆阿合奇，2022年：3月到12月；乡、村每次不少于30分钟、2公里，两次相隔96小时"
_AHEQI_ONE = Minima(minutes=30, metres=2000)
_GANNAN = "甘肃甘南"
_MALANTUN = "山东台儿庄马兰屯，2018年"
_SLOTS = "浙江做法：一个月等分成几段，每段要有一次；总时长超过4分钟，四类检查项都填"
_SLOT_ONE = Minima(minutes=4, checklist=True)
_WALK = Minima(minutes=10, metres=300)
_LOOK = Minima(minutes=10, share=0.6)
_LIMITS = Caps(minutes=240, metres=20_000, ridden_share=0.3)

PRESETS = (
    Preset("volunteer-river", "银发河长：每周一次", _OURS, _volunteers(Role.RIVER_STEWARD, 1, Period.WEEK)),
    Preset("volunteer-road", "银发路长：每周一次", _OURS, _volunteers(Role.ROAD_STEWARD, 1, Period.WEEK)),
    Preset(
        "volunteer-grid",
        "银发网格长：每周一次",
        _OURS,
        _volunteers(Role.GRID_STEWARD, 1, Period.WEEK, TRACK, CHECK_IN, PAPER, *SERVED),
    ),
    Preset(
        "volunteer-compound",
        "银龄红管家：每月议事一次",
        _OURS,
        _volunteers(Role.COMPOUND_STEWARD, 1, Period.MONTH, Accepted(ServiceKind.MEETING)),
        "巡查不限次数，走了就显示，不作要求。",
    ),
    Preset(
        "evaluator-river",
        "银发河长：每周一次，每次10分钟、300米",
        _EVALUATOR,
        _volunteers(Role.RIVER_STEWARD, 1, Period.WEEK, TRACK, minima=_WALK, caps=_LIMITS),
    ),
    Preset(
        "evaluator-road",
        "银发路长：每周一次，每次10分钟、300米",
        _EVALUATOR,
        _volunteers(Role.ROAD_STEWARD, 1, Period.WEEK, TRACK, minima=_WALK, caps=_LIMITS),
    ),
    Preset(
        "evaluator-grid",
        "银发网格长：每周一次，每次10分钟、看到六成",
        _EVALUATOR,
        _volunteers(Role.GRID_STEWARD, 1, Period.WEEK, TRACK, minima=_LOOK, caps=_LIMITS),
    ),
    Preset(
        "evaluator-compound",
        "红管家：每月巡查一次，每次10分钟、看到六成",
        _EVALUATOR,
        _volunteers(Role.COMPOUND_STEWARD, 1, Period.MONTH, TRACK, minima=_LOOK, caps=_LIMITS),
    ),
    Preset(
        "wujin-2017-township",
        "镇级河长：每月两次",
        _WUJIN,
        _chiefs(Level.TOWNSHIP, 2, Period.MONTH),
        "水质差的要增加；志愿者协助；本人不能去时委托他人并听取报告（可登记替班）。",
    ),
    Preset(
        "wujin-2017-village",
        "村级河长：每周一次",
        _WUJIN,
        _chiefs(Level.VILLAGE, 1, Period.WEEK),
        "水质差的要增加。",
    ),
    Preset(
        "wujin-2025-village",
        "村级河长：每周一次",
        "江苏武进，2025年（沿用）",
        _chiefs(Level.VILLAGE, 1, Period.WEEK),
    ),
    Preset(
        "guangzhou-2019-township",
        "镇级河长：每周一次",
        "广州，2019年",
        _chiefs(Level.TOWNSHIP, 1, Period.WEEK),
        "每次至少30%的黑臭水体，一个月内走遍。",
    ),
    Preset(
        "guangzhou-2019-village",
        "村级河长：每个工作日一次",
        "广州，2019年；可以离线巡查、事后上传",
        _chiefs(Level.VILLAGE, 5, Period.WEEK),
        "一周内走遍；按每周五天计，不看节假日和调休。",
    ),
    Preset(
        "guangzhou-2021-county",
        "市级河长：每季一次",
        "广州，2021年：单次不少于10分钟、1公里",
        _chiefs(Level.COUNTY, 1, Period.QUARTER, minima=Minima(minutes=10, metres=1000)),
        "本系统最高到县级，放在县级；可委托河长助理（登记替班）。",
    ),
    Preset(
        "guangzhou-2021-village",
        "村级河长：每旬一天（无预警的河）",
        "广州，2021年：单次不少于10分钟、1公里",
        _chiefs(Level.VILLAGE, 1, Period.TEN_DAYS, minima=Minima(minutes=10, metres=1000)),
        "有黄、橙、红预警的河另有要求；无人机和现场处置也算巡河。",
    ),
    Preset(
        "guangzhou-weekly",
        "村级河长：每天一次，每周评分",
        "广州周报的评分办法：有效巡河天数除以7；单次不少于10分钟，超过240分钟或20公里的不作数，一天只计一次",
        _chiefs(
            Level.VILLAGE, 7, Period.WEEK, minima=Minima(minutes=10), caps=Caps(minutes=240, metres=20_000)
        ),
        "超过60分钟的占比另报为可疑；其他方式的巡河单独统计。",
    ),
    Preset(
        "sixian-township",
        "镇级河长：每条河每月一次",
        _SIXIAN,
        _chiefs(Level.TOWNSHIP, 1, Period.MONTH, per=Per.PLACE, minima=Minima(minutes=5, metres=300)),
    ),
    Preset(
        "sixian-village",
        "村级河长：每条河每月两次",
        _SIXIAN,
        _chiefs(Level.VILLAGE, 2, Period.MONTH, per=Per.PLACE, minima=Minima(minutes=5, metres=300)),
    ),
    Preset(
        "aheqi-2022-county",
        "县级河长：每季一次",
        "新疆阿合奇，2022年",
        _chiefs(Level.COUNTY, 1, Period.QUARTER),
    ),
    Preset(
        "aheqi-2022-township",
        "乡级河长：每月一次",
        _AHEQI,
        _chiefs(
            Level.TOWNSHIP, 1, Period.MONTH, months=MARCH_TO_DECEMBER, min_gap_hours=96, minima=_AHEQI_ONE
        ),
    ),
    Preset(
        "aheqi-2022-village",
        "村级河长：每周一次",
        _AHEQI,
        _chiefs(Level.VILLAGE, 1, Period.WEEK, months=MARCH_TO_DECEMBER, min_gap_hours=96, minima=_AHEQI_ONE),
    ),
    Preset(
        "aheqi-2022-patroller",
        "巡河员：每周一次",
        "新疆阿合奇，2022年：巡河员、保洁员每周一次",
        Rule(1, Period.WEEK, roles=(Role.RIVER_STEWARD,)),
        "巡河员、保洁员在这里按志愿者登记。",
    ),
    Preset(
        "gannan-county",
        "县级河长：每年四次",
        _GANNAN,
        _chiefs(Level.COUNTY, 4, Period.YEAR),
        "州级每年两次、省级每年一次，本系统没有这两级。",
    ),
    Preset("gannan-township", "乡级河长：每年十二次", _GANNAN, _chiefs(Level.TOWNSHIP, 12, Period.YEAR)),
    Preset("gannan-village", "村级河长：每年十二次", _GANNAN, _chiefs(Level.VILLAGE, 12, Period.YEAR)),
    Preset(
        "gannan-cleaner",
        "河道保洁员：每天一次",
        "甘肃甘南：保洁员每天保洁",
        Rule(7, Period.WEEK, roles=(Role.RIVER_STEWARD,)),
        "保洁员在这里按志愿者登记。",
    ),
    Preset(
        "malantun-2018-township",
        "镇级河长：每月三次",
        _MALANTUN,
        _chiefs(Level.TOWNSHIP, 3, Period.MONTH),
        "月底向总河长汇总。",
    ),
    Preset("malantun-2018-village", "村级河长：每周一次", _MALANTUN, _chiefs(Level.VILLAGE, 1, Period.WEEK)),
    *(
        Preset(
            f"zhejiang-{level.value}",
            f"{level.zh}河长：每月分{n}段，每段一次",
            _SLOTS,
            _chiefs(level, n, Period.MONTH, slots=n, minima=_SLOT_ONE),
            "至少一张照片由记录要求。",
        )
        for level, n in ((Level.COUNTY, 2), (Level.TOWNSHIP, 3), (Level.VILLAGE, 4))
    ),
)
"""Rows of domain.md 1.2 and 1.3; only [S23] names no number."""
