"""The figures that offices report: what each means, how it is counted, rounded, and put into a sentence.

Source of the definitions and of the rounding: domain.md 8 and 8.1.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from layers.vocabulary import Role

Style = Literal["多", "余"]
_WAN, _YI = 10_000, 100_000_000


class Behind(StrEnum):
    """What the rows behind a figure are."""

    PERSON = "person"
    PLACE = "place"
    OUTING = "outing"
    PROBLEM = "problem"


class Code(StrEnum):
    """The figures, by the codes of the offices' sentence (X) and those that are told beside it (A)."""

    X1 = "X1"
    X2 = "X2"
    X3 = "X3"
    X4 = "X4"
    X5 = "X5"
    X6 = "X6"
    X7 = "X7"
    X8 = "X8"
    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"


@dataclass(frozen=True)
class Figure:
    """One figure: what it is called, what it counts, and how it is written."""

    code: Code
    title: str
    definition: str
    by_area: str
    """What a figure of a township or village is, beside the definition."""
    unit: str
    behind: Behind
    on_a_day: bool = False
    """It holds for the last day of the period; else for all of it."""
    style: Style | None = None
    """How it is cut down in a sentence; None: always exact."""
    by_hand: bool = False
    step: float = 1
    """What it is rounded to, in its own unit, as in half hours."""

    def exactly(self, value: float) -> str:
        """Return a value with its unit, not cut down.

        >>> FIGURES[Code.X5].exactly(2137), FIGURES[Code.A3].exactly(1630.26)
        ('2137次', '1630.5小时')
        """
        return f"{self.stepped(value):.1f}".removesuffix(".0") + self.unit

    def stepped(self, value: float) -> float:
        """Return a value rounded to what it is told in, in the figure's unit.

        >>> FIGURES[Code.A3].stepped(59.12), FIGURES[Code.A4].stepped(4947.38), FIGURES[Code.X1].stepped(7)
        (59.0, 4947.4, 7)
        """
        return round(round(value / self.step) * self.step, 1) if self.step != 1 else value

    def words(self, value: float) -> str:
        """Return a value as a sentence has it.

        >>> FIGURES[Code.X5].words(2137), FIGURES[Code.X1].words(2819)
        ('2100多次', '2819名')
        """
        if self.style is None:
            return self.exactly(value)
        return approx_cn(int(value), self.style) + self.unit


_DAY = "时段最后一天在任"
_STEWARDS = "银发志愿者"
_OUTINGS = "时段内、结论为“有效”、没有作废的巡查和服务"
_BY_PLACE = "按辖区统计时，看职责所在的那一段（河道、道路）或那个网格、小区落在哪里；跨辖区的各计一次。"
_OUTING_PLACE = "按辖区统计时，计入走到的辖区（服务计入登记的地点）；没有走到任何对象的，计入本人居住的辖区。"

FIGURES: Mapping[Code, Figure] = {
    figure.code: figure
    for figure in (
        Figure(
            Code.X1,
            "登记在册“银发三长”",
            f"{_DAY}的{_STEWARDS}中，担任河长、路长或网格长的人数；一人多岗只计一次。",
            _BY_PLACE,
            "名",
            Behind.PERSON,
            on_a_day=True,
        ),
        *(
            Figure(
                code,
                f"志愿服务覆盖{role.layer.zh}",
                f"{_DAY}、至少有一名{_STEWARDS}担任{role.zh}的{role.layer.zh}数。",
                _BY_PLACE,
                unit,
                Behind.PLACE,
                on_a_day=True,
            )
            for code, role, unit in (
                (Code.X2, Role.RIVER_STEWARD, "条"),
                (Code.X3, Role.ROAD_STEWARD, "条"),
                (Code.X4, Role.GRID_STEWARD, "个"),
            )
        ),
        Figure(
            Code.X5,
            "巡河巡路、网格服务",
            "时段内、结论为“有效”、没有作废的巡查，加上同样条件的“网格服务”；"
            "结伴同行算一次，以开始的那天为准。",
            _OUTING_PLACE,
            "次",
            Behind.OUTING,
            style="多",
        ),
        Figure(
            Code.X6,
            "协助处置各类问题",
            "时段内办结、由银发志愿者上报（含打电话请协调员登记）的案件数，并案的只计一次；另加系统里没有登记的问题的"
            "人工填报：时段完全落在所选时段之内、没有撤回的各条之和。",
            "按辖区统计时，看问题所在的辖区；人工填报只有全县数。",
            "个",
            Behind.PROBLEM,
            style="多",
            by_hand=True,
        ),
        Figure(
            Code.X7,
            "加入业主委员会的老干部老党员",
            f"{_DAY}、担任小区红管家的{_STEWARDS}人数；一人多岗只计一次。",
            _BY_PLACE,
            "名",
            Behind.PERSON,
            on_a_day=True,
            style="多",
        ),
        Figure(
            Code.X8,
            "有红管家的小区",
            f"{_DAY}、至少有一名{_STEWARDS}担任红管家的小区数。",
            _BY_PLACE,
            "个",
            Behind.PLACE,
            on_a_day=True,
        ),
        Figure(
            Code.A1,
            "参与人数",
            f"{_OUTINGS}里出现过的不同的人（含同行人）；已删除的人不再计。",
            _OUTING_PLACE,
            "名",
            Behind.PERSON,
        ),
        Figure(
            Code.A2,
            "参与人次",
            f"{_OUTINGS}（网格服务、走访、议事、值守都算）的参加人数之和。",
            _OUTING_PLACE,
            "人次",
            Behind.OUTING,
        ),
        Figure(
            Code.A3,
            "服务时长",
            f"{_OUTINGS}的时长乘以各次人数之和，取整到半小时；巡查从开始记录算到结束。",
            _OUTING_PLACE,
            "小时",
            Behind.OUTING,
            step=0.5,
        ),
        Figure(
            Code.A4,
            "巡查里程",
            "时段内、结论为“有效”、没有作废的巡查走的路程之和；结伴同行只计一次。",
            f"{_OUTING_PLACE}跨辖区的巡查在各辖区都计全程。",
            "公里",
            Behind.OUTING,
            step=0.1,
        ),
    )
}


@dataclass(frozen=True)
class Entry:
    """A figure that was entered by hand."""

    id: str
    code: Code
    first_day: dt.date
    last_day: dt.date
    value: float

    def within(self, first_day: dt.date, last_day: dt.date) -> bool:
        """Tell whether its period lies in another one."""
        return first_day <= self.first_day and self.last_day <= last_day

    def meets(self, first_day: dt.date, last_day: dt.date) -> bool:
        """Tell whether its period has a day in common with another one."""
        return self.first_day <= last_day and first_day <= self.last_day


@dataclass(frozen=True)
class Counted:
    """A figure's value; None: there is none, which is told."""

    figure: Figure
    value: float | None
    rows: int = 0
    """How many rows are behind it."""
    ids: Sequence[str] = field(default=())
    """Those rows, each as "kind/id", where they were asked for."""
    missing: str = "没有填报"
    """Why there is no value."""

    @property
    def exactly(self) -> str:
        """The value with its unit, or that there is none."""
        return self.missing if self.value is None else self.figure.exactly(self.value)

    @property
    def words(self) -> str:
        """The value as a sentence has it, or that there is none."""
        return self.missing if self.value is None else self.figure.words(self.value)


def approx_cn(n: int, style: Style = "多") -> str:
    """Return a number as writers of bulletins round it: cut down, never up, with 多 or 余 if cut.

    Below 60 it is exact, then tens, from 1000 hundreds, from 1万 tenths of 万, from 10万 whole 万, from
    100万 tens of 万, and 亿 likewise. Raises ValueError below 0.

    >>> [approx_cn(n) for n in (59, 300, 304, 2100, 2137)]
    ['59', '300', '300多', '2100', '2100多']
    >>> [approx_cn(n, "余") for n in (64, 47312, 36000, 231500, 1342000)]
    ['60余', '4.7万余', '3.6万', '23万余', '130余万']
    """
    if n < 0:
        raise ValueError("a count is not negative")
    if n < _WAN:
        step = 1 if n < 60 else 10 if n < 1000 else 100
        kept = n // step * step
        return f"{kept}{style if kept < n else ''}"
    unit, name = (_WAN, "万") if n < _YI else (_YI, "亿")
    if n >= 100 * unit:
        cut = approx_cn(n // unit, style)
        more = style if n % unit and not cut.endswith(style) else ""
        return f"{cut}{more}{name}"
    step = unit // 10 if n < 10 * unit else unit
    kept = n // step * step
    return f"{kept // unit}{f'.{kept % unit * 10 // unit}' if kept % unit else ''}{name}" + (
        style if kept < n else ""
    )


@dataclass(frozen=True)
class _Clause:
    """A part of a sentence about some figures, `{}` where they stand; without any of them it is left out."""

    text: str
    figures: tuple[tuple[Code, str], ...]
    """Each with the words behind its number."""

    def told(self, found: Mapping[Code, Counted]) -> str | None:
        """Return the clause with those of its figures that are there and not nought."""
        values = [found[code].words + words for code, words in self.figures if found[code].value]
        return self.text.format("、".join(values)) if values else None


_SENTENCES = (
    (
        _Clause("目前登记在册“银发三长”(河长、路长、网格长){}", ((Code.X1, ""),)),
        _Clause("志愿服务覆盖{}", ((Code.X2, "河道"), (Code.X3, "道路"), (Code.X4, "网格"))),
    ),
    (
        _Clause("共开展巡河巡路、网格服务{}", ((Code.X5, ""),)),
        _Clause("协助处置各类问题{}", ((Code.X6, ""),)),
    ),
    (
        _Clause("引导{}老干部老党员加入业主委员会", ((Code.X7, ""),)),
        _Clause("为城区{}小区管理注入“银龄”力量", ((Code.X8, ""),)),
    ),
)
"""Of 兴化's document, in its order."""
TOLD = tuple(code for sentence in _SENTENCES for clause in sentence for code, _ in clause.figures)
"""The figures of the sentence."""


def sentences(found: Mapping[Code, Counted], first_day: dt.date, last_day: dt.date) -> list[str]:
    """Return the sentences of the documents; a figure without a value, or of nought, is left out of them.

    >>> few = {code: Counted(FIGURES[code], int(code in (Code.X1, Code.X2))) for code in Code}
    >>> sentences(few, dt.date(2025, 1, 1), dt.date(2025, 12, 31))
    ['目前登记在册“银发三长”(河长、路长、网格长)1名，志愿服务覆盖1条河道。']
    """
    told = []
    for number, clauses in enumerate(_SENTENCES):
        parts = [text for clause in clauses if (text := clause.told(found)) is not None]
        if parts:
            when = f"{_day(first_day)}至{_day(last_day)}，" if number == 1 else ""
            told.append(when + "，".join(parts) + "。")
    return told


def left_out(found: Mapping[Code, Counted]) -> list[str]:
    """Return what the sentences do not tell, and why.

    >>> left_out({code: Counted(FIGURES[code], None) for code in Code})[5]
    '协助处置各类问题：没有填报'
    """
    return [f"{found[code].figure.title}：{found[code].exactly}" for code in TOLD if not found[code].value]


def _day(day: dt.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
