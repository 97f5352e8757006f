"""Colours, widths, dashes and words of every map: data, one place.

What tells two classes apart never rests on colour alone: covered stretches are solid and dark, gaps are
dashed (lines) or hatched (areas) and lighter, what nobody can tell is a hatched ribbon, so that a map stays
readable in grey and to colour-blind eyes.
Widths and dashes are CSS pixels. A line of the map shows its class; the band beneath it shows its layer.
"""

from dataclasses import dataclass
from typing import Literal

from layers.vocabulary import CaseState, DutyKind, GapKind, Layer, Role

Hatch = Literal["", "/", "\\", "x"]
Sign = Literal["", "triangle", "diamond", "square", "circle", "bars", "star", "hexagon", "ring"]

BACKGROUND = "#f5f5f2"
"""Paper beneath a map without tiles."""


@dataclass(frozen=True)
class Look:
    """How one class of stretches or cells is drawn, and the words of its legend entry."""

    key: str
    label: str
    colour: str
    width_px: float
    dash_px: tuple[float, ...] = ()
    hatch: Hatch = ""
    fill: float = 0.0
    """Opacity of an area's fill."""
    stroke: float = 1.0
    """Opacity of a line and of an area's outline."""
    ribbon: bool = False
    """A line is drawn as a hatched ribbon, as wide as the line."""
    sign: Sign = ""
    """The shape of a point."""


@dataclass(frozen=True)
class Band:
    """What shows the layer: the band beneath its lines, or the outline of its areas."""

    colour: str
    width_px: float


FRESHNESS_DAYS = (7, 30, 90)
"""Upper ends, in days before the map's date and included, of the freshness classes; the last is open."""

FRESHNESS = (
    Look("fresh_7", "最近巡查在 7 天内", "#08203e", 5, fill=0.62),
    Look("fresh_30", "最近巡查在 8–30 天内", "#0d3567", 5, fill=0.56),
    Look("fresh_90", "最近巡查在 31–90 天内", "#0a5390", 5, fill=0.50),
    Look("fresh_old", "最近巡查在 90 天以前", "#14759a", 5, fill=0.44),
)
UNCOVERED = Look("uncovered", "时段内未巡查", "#da6a08", 3, dash_px=(7, 6), hatch="/", fill=0.10)
LEFT_OUT = Look("left_out", "没有登记的路，不算空白", "#8a8f94", 1, fill=0.10, stroke=0.5)
"""Of a grid what cannot be seen from where one can walk: plain, where a gap is hatched."""

GAPS = {
    GapKind.UNASSIGNED: Look(
        "unassigned", GapKind.UNASSIGNED.zh, "#8e3fb0", 9, dash_px=(2, 7), hatch="\\", fill=0.10
    ),
    GapKind.UNPATROLLED: Look(
        "unpatrolled", GapKind.UNPATROLLED.zh, "#da6a08", 4, dash_px=(8, 6), hatch="/", fill=0.10
    ),
    GapKind.NEGLECTED: Look(
        "neglected", GapKind.NEGLECTED.zh, "#5c0a1e", 4, dash_px=(16, 4, 3, 4), hatch="x", fill=0.10
    ),
}

AMBIGUOUS = Look("ambiguous", "可能走过，分不清", "#4d4d4d", 9, hatch="/", ribbon=True)
"""Another line is too close to tell which of them was walked: not covered, and not called unwalked."""

COVERED = Look("covered", "本次走到", "#0d3567", 5, fill=0.56)
"""What one walk covered."""
BRIDGED = Look("bridged", "定位中断时沿线走过，已计入", "#0d3567", 5, dash_px=(14, 3))
RIDDEN = Look("ridden", "骑车、乘车或乘船，已计入", "#0d3567", 4, dash_px=(12, 3, 3, 3))
RIDDEN_ASIDE = Look("ridden_aside", "像是骑车、乘车或乘船，暂不计入", "#b05408", 3, dash_px=(12, 4, 3, 4))
WHOLE = Look("whole", "对象全长或全域", "#9aa0a6", 1.5, fill=0.04)
"""A whole place drawn beneath its gaps."""
REGISTERED = Look("registered", "在册、未纳管", "#8fa9b8", 1, fill=0.0)
BOUNDARY = Look("boundary", "镇村界线", "#6b6b6b", 1.2, dash_px=(1, 4), stroke=0.9)
WALK = Look("walk", "巡查轨迹", "#1b1b1b", 2, dash_px=(1, 4))
OUTAGE = Look("outage", "定位中断，没有轨迹", "#5a5a5a", 1.6, dash_px=(12, 9))
"""Joins the ends of an outage, so that it is seen; nobody says that the way was straight."""


def _case(state: CaseState, sign: Sign, colour: str) -> Look:
    return Look(f"case_{state}", state.zh, colour, 1, sign=sign)


CASES = {
    CaseState.SUBMITTED: _case(CaseState.SUBMITTED, "ring", "#4d4d4d"),
    CaseState.REPORTED: _case(CaseState.REPORTED, "triangle", "#8c1c13"),
    CaseState.ACCEPTED: _case(CaseState.ACCEPTED, "diamond", "#a4400a"),
    CaseState.DISPATCHED: _case(CaseState.DISPATCHED, "square", "#6a2c8b"),
    CaseState.HANDLING: _case(CaseState.HANDLING, "circle", "#0b4a86"),
    CaseState.SUSPENDED: _case(CaseState.SUSPENDED, "bars", "#4d4d4d"),
    CaseState.DONE: _case(CaseState.DONE, "star", "#0a6152"),
    CaseState.CHECKED: _case(CaseState.CHECKED, "hexagon", "#2f5d0b"),
    CaseState.CLOSED: _case(CaseState.CLOSED, "circle", "#6b6b6b"),
    CaseState.REJECTED: _case(CaseState.REJECTED, "bars", "#6b6b6b"),
    CaseState.MERGED: _case(CaseState.MERGED, "ring", "#6b6b6b"),
}
"""Problems by how far they have come: each state has its shape."""

# Of whole places, on the coordinators' map alone: no paper shows them.
SHARES = (
    (0.0, Look("share_none", "没有走到", "#da6a08", 3, dash_px=(7, 6), hatch="/", fill=0.10)),
    (0.5, Look("share_less", "走到不足一半", "#14759a", 3, fill=0.44)),
    (0.9, Look("share_most", "走到一半以上", "#0a5390", 4, fill=0.50)),
    (1.0, Look("share_all", "走到九成以上", "#08203e", 5, fill=0.62)),
)
"""Shares covered of a place, by the end of each class; the last holds its end."""
TIMES = (
    (0, Look("times_none", "没有来过", "#da6a08", 3, dash_px=(7, 6), hatch="/", fill=0.10)),
    (2, Look("times_few", "来过 1–2 次", "#14759a", 3, fill=0.44)),
    (9, Look("times_some", "来过 3–9 次", "#0a5390", 4, fill=0.50)),
    (None, Look("times_many", "来过 10 次以上", "#08203e", 5, fill=0.62)),
)
"""How often a place was patrolled, by the last number of each class."""
HELD = (
    Look("held_none", "暂无责任人", "#8e3fb0", 5, dash_px=(2, 7), hatch="\\", fill=0.10),
    Look("held_part", "部分有责任人", "#5b5f97", 4, fill=0.36),
    Look("held_all", "全部有责任人", "#24425c", 4, fill=0.56),
)
"""How much of a place is somebody's duty."""
NO_GAP = Look("no_gap", "没有空白", "#5f6b73", 2, fill=0.10)

OF_A_WALK = (COVERED, BRIDGED, RIDDEN, RIDDEN_ASIDE, AMBIGUOUS)
"""How one walk covered a line."""
LOOKS: dict[str, Look] = {
    look.key: look
    for look in (
        *(*FRESHNESS, UNCOVERED, LEFT_OUT, *GAPS.values(), *OF_A_WALK),
        *(WHOLE, REGISTERED, BOUNDARY, WALK, OUTAGE, *CASES.values()),
    )
}


@dataclass(frozen=True)
class Ink:
    """How a class is drawn on paper, where grey must do; its colour is that of its `Look`. Points."""

    width_pt: float
    dash_pt: tuple[float, ...] = ()
    fill: float = 0.0
    """Opacity of an area's fill."""
    hatch: str = ""
    """Of an area; a sign more than once is closer."""


INKS: dict[str, Ink] = {
    "fresh_7": Ink(2.3, fill=0.52),
    "fresh_30": Ink(1.7, fill=0.36),
    "fresh_90": Ink(1.2, fill=0.22),
    "fresh_old": Ink(0.8, fill=0.10),
    "uncovered": Ink(1.1, dash_pt=(3.0, 2.4), hatch="///"),
    "left_out": Ink(0.3, fill=0.06),
    "unassigned": Ink(2.6, dash_pt=(0.8, 2.4), hatch="\\\\\\"),
    "unpatrolled": Ink(1.2, dash_pt=(3.2, 2.4), hatch="///"),
    "neglected": Ink(1.3, dash_pt=(6.0, 1.4, 1.2, 1.4), hatch="xxx"),
    "covered": Ink(1.7, fill=0.36),
    "bridged": Ink(1.7, dash_pt=(6.0, 1.2)),
    "ridden": Ink(1.5, dash_pt=(4.0, 1.0, 1.0, 1.0)),
    "ridden_aside": Ink(1.0, dash_pt=(4.0, 1.4, 1.0, 1.4)),
    "ambiguous": Ink(3.4, hatch="///////"),
    "whole": Ink(0.5),
    "registered": Ink(0.25),
    "boundary": Ink(0.6, dash_pt=(0.6, 1.6)),
    "walk": Ink(0.8, dash_pt=(0.6, 1.6)),
    "outage": Ink(0.5, dash_pt=(5.0, 3.6)),
    **{look.key: Ink(0.6) for look in CASES.values()},
}
"""Freshness by width and grey, gaps by dash and hatch."""

PAPER_BANDS: dict[Layer, float] = {Layer.RIVER: 3.4, Layer.ROAD: 3.4, Layer.GRID: 0.4, Layer.COMPOUND: 1.0}
"""Width in points of what shows the layer: a plain band (river), a cased one (road), an outline."""

BANDS: dict[Layer, Band] = {
    Layer.RIVER: Band("#b5e0f5", 10),
    Layer.ROAD: Band("#c9b27c", 9),
    Layer.GRID: Band("#7d8a5c", 1),
    Layer.COMPOUND: Band("#6a2c5b", 2.5),
}


def freshness(days: int | None) -> Look:
    """Return the look of a stretch last covered `days` days before the map's date; None: not in the window.

    >>> [freshness(days).key for days in (0, 7, 8, 31, 91, None)]
    ['fresh_7', 'fresh_7', 'fresh_30', 'fresh_90', 'fresh_old', 'uncovered']
    """
    if days is None:
        return UNCOVERED
    return FRESHNESS[sum(days > end for end in FRESHNESS_DAYS)]


def gap_words(gap: GapKind, layer: Layer, kind: DutyKind = DutyKind.VOLUNTEER) -> str:
    """Return what people read about a gap; a place without a steward is never told 无人负责.

    >>> gap_words(GapKind.UNASSIGNED, Layer.RIVER)
    '暂无银发河长'
    >>> gap_words(GapKind.UNPATROLLED, Layer.RIVER)
    '时段内未巡查'
    """
    if gap is not GapKind.UNASSIGNED:
        return gap.zh
    role = Role.of(layer)
    if kind is DutyKind.OFFICIAL:
        return f"暂无责任{role.zh}" if role is not Role.COMPOUND_STEWARD else f"暂无{kind.zh}"
    return f"暂无银龄{role.zh}" if role is Role.COMPOUND_STEWARD else f"暂无银发{role.zh}"
