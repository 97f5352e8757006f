"""What one outing is worth: counted, for review, or not counted for now, and why.

Pure: numbers and a rule in, a judgement out (domain.md 1.3). Without a rule there are no minima: what covered
anything is counted, doubtful evidence is for review. Under a rule an outing that misses a minimum by no more
than a fifth is for review, by more is not counted. Caps and doubts only ever ask for a review: whether a
ridden part, a poor signal or an overlap is honest is for a person to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from layers.norms import Minima, Rule
from layers.vocabulary import Evidence, Role, Verdict, Word

NEARLY = 0.8
"""Of a minimum: what has that much is for review (domain.md 1.3: within 20 % of a threshold)."""
RIDDEN_SHARE, GAP_SHARE, ACCURACY_M = 0.3, 0.4, 60.0
"""Above these an outing is doubtful (domain.md 1.3)."""
WALKING_KMH = 15.0
"""Who is faster on the whole did not walk; an e-bike may do 25 (GB 17761)."""


class Code(Word):
    """Why an outing is not simply counted (domain.md 1.3)."""

    SHORT_TIME = "R_SHORT_TIME", "时长不够"
    SHORT_LEN = "R_SHORT_LEN", "走的路不够"
    SHORT_SHARE = "R_SHORT_SHARE", "覆盖不够"
    NOT_VISITED = "R_NOT_VISITED", "没有走进小区"
    OFF_ROUTE = "R_OFF_ROUTE", "没有沿着对象走"
    NO_RECORD = "R_NO_RECORD", "检查记录没有填全"
    TOO_FAST = "R_TOO_FAST", "像是乘车或骑车"
    TOO_LONG = "R_TOO_LONG", "时间或路程太长"
    GAPS = "R_GAPS", "轨迹中断多"
    LOW_ACC = "R_LOW_ACC", "定位精度差"
    CLOCK = "R_CLOCK", "时钟或位置跳变"
    CRS_MIX = "R_CRS_MIX", "坐标系可能不对"
    DUPLICATE = "R_DUPLICATE", "与另一条轨迹相同"
    OVERLAP = "R_OVERLAP", "与本人另一次巡查时间重叠"
    POINT_ONLY = "R_POINT_ONLY", "没有轨迹"
    NOT_THERE = "R_NOT_THERE", "打卡的位置没有对上公示牌"
    INCOMPLETE = "R_INCOMPLETE", "还没有收全"


class Unit(Word):
    """What the numbers of a reason are."""

    MINUTES = "minutes", "分钟"
    METRES = "metres", "米"
    SHARE = "share", "占比"
    KMH = "km_h", "公里/小时"


MISSING = (
    Code.SHORT_LEN,
    Code.OFF_ROUTE,
    Code.SHORT_TIME,
    Code.SHORT_SHARE,
    Code.NOT_VISITED,
    Code.NO_RECORD,
)
"""What the walker himself can add, in the order in which one is told."""


@dataclass(frozen=True)
class Reason:
    """One reason, with what was measured and the limit it is held against, both in `unit`."""

    code: Code
    value: float | None = None
    limit: float | None = None
    unit: Unit | None = None

    @property
    def missing(self) -> float | None:
        """How much is missing of a minimum, in `unit`; None where nothing is to be added."""
        if self.code not in MISSING or self.value is None or self.limit is None:
            return None
        return max(self.limit - self.value, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the reason as it is stored and sent, with what is missing."""
        numbers = {"value": _rounded(self.value), "limit": self.limit, "missing": _rounded(self.missing)}
        known: dict[str, Any] = {key: number for key, number in numbers.items() if number is not None}
        unit = {"unit": self.unit.value} if self.unit else {}
        return {"code": self.code.value, **known, **unit}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reason":
        """Read what `to_json` wrote."""
        unit = data.get("unit")
        return cls(Code(data["code"]), data.get("value"), data.get("limit"), Unit(unit) if unit else None)


@dataclass(frozen=True)
class Judgement:
    """What an outing counts as, and why; no reason: simply counted."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    rides_count: bool = True
    """What was ridden covers: there is no rule, or the walker may ride under it."""


@dataclass(frozen=True)
class Numbers:
    """What is known of one outing, in plain numbers."""

    evidence: Evidence = Evidence.TRACK
    complete: bool = True
    """All its sendings are in."""
    minutes: float = 0.0
    """From its beginning to its end, long rests and long outages left out."""
    walked_m: float = 0.0
    """The whole way, ridden parts too."""
    within_m: float | None = 0.0
    """Walked within reach of the places it is judged by; None: these have no geometry to walk along."""
    ridden_within_m: float = 0.0
    """Ridden within their reach: counts for who may ride."""
    share: float | None = None
    """Covered or seen of the place it covered most of, 0 to 1; None: it has no geometry. Of a grid its part
    in which one can walk; a compound was visited, 1, or not, 0."""
    share_with_rides: float | None = None
    """The same, ridden parts too: for who may ride."""
    ridden_share: float = 0.0
    """Of the way, faster than walking for more than a minute."""
    gap_share: float = 0.0
    """Of the time, without a fix."""
    accuracy_m: float | None = None
    """The median of what the phone says; None: unknown."""
    clock_jump: bool = False
    datum_mix: bool = False
    doubled: bool = False
    """The same track is somebody else's too."""
    overlap: bool = False
    """Another outing of the same person was under way at the same time."""
    record_complete: bool = False
    other_evidence: bool = False
    """A photo or a sheet shows it."""
    was_there: bool = True
    """Of check-ins: a position near a plate says that he was there, at least once."""


def judge(numbers: Numbers, rule: Rule | None = None, *, roles: Iterable[Role] = ()) -> Judgement:
    """Return what an outing counts as under a rule, or without one; `roles`: the walker's.

    >>> real = Numbers(minutes=32.3, walked_m=8209.2, within_m=8209.2)  # domain.md S24
    >>> judge(real).verdict.zh, [reason.code.value for reason in judge(real).reasons]
    ('待核', ['R_TOO_FAST'])
    """
    roles = frozenset(roles)
    may_ride = rule is not None and not roles.isdisjoint(rule.caps.may_ride)
    if may_ride and numbers.within_m is not None:
        within_m = numbers.within_m + numbers.ridden_within_m
        numbers = replace(numbers, within_m=within_m, share=numbers.share_with_rides or numbers.share)
    missed = list(_missed(numbers, rule.minima if rule else Minima(), roles))
    doubts = list(_doubts(numbers, rule, may_ride=may_ride))
    reasons = (*missed, *doubts)
    rides_count = rule is None or may_ride
    if any(_is_far(reason) for reason in missed) and numbers.complete:
        return Judgement(Verdict.NOT_COUNTED, reasons, rides_count)
    return Judgement(Verdict.REVIEW if reasons else Verdict.COUNTED, reasons, rides_count)


def _missed(numbers: Numbers, minima: Minima, roles: frozenset[Role]) -> Iterator[Reason]:
    """Yield the minima that an outing misses; without a track only time and record can be told."""
    if minima.minutes is not None and numbers.minutes < minima.minutes and _is_timed(numbers):
        yield Reason(Code.SHORT_TIME, numbers.minutes, minima.minutes, Unit.MINUTES)
    if numbers.evidence is Evidence.TRACK:
        way_m = numbers.walked_m if numbers.within_m is None else numbers.within_m
        if minima.metres is not None and way_m < minima.metres:
            code = Code.OFF_ROUTE if numbers.walked_m >= minima.metres else Code.SHORT_LEN
            yield Reason(code, way_m, minima.metres, Unit.METRES)
        if minima.share is not None and numbers.share is not None and numbers.share < minima.share:
            if roles == {Role.COMPOUND_STEWARD}:
                yield Reason(Code.NOT_VISITED, numbers.share, 1.0)
            else:
                yield Reason(Code.SHORT_SHARE, numbers.share, minima.share, Unit.SHARE)
    if minima.checklist and not numbers.record_complete:
        yield Reason(Code.NO_RECORD)


def _is_timed(numbers: Numbers) -> bool:
    """Tell whether it is known how long an outing took; check-ins only tell of moments within it."""
    if numbers.evidence is Evidence.CHECK_IN:
        return False
    return numbers.evidence is Evidence.TRACK or numbers.minutes > 0


def _is_far(reason: Reason) -> bool:
    """Tell whether a minimum was missed by more than a fifth; a missing record can be added, and is not."""
    return (
        reason.value is not None and reason.limit is not None and reason.value < NEARLY * reason.limit - 1e-9
    )


def _doubts(numbers: Numbers, rule: Rule | None, *, may_ride: bool) -> Iterator[Reason]:
    if not numbers.complete:
        yield Reason(Code.INCOMPLETE)
    if numbers.evidence is Evidence.TRACK:
        yield from _doubts_of_track(numbers, rule, may_ride=may_ride)
    elif not _is_accepted(numbers, rule):
        yield Reason(Code.POINT_ONLY)
    if numbers.evidence is Evidence.CHECK_IN and not numbers.was_there:
        yield Reason(Code.NOT_THERE)
    if numbers.doubled:
        yield Reason(Code.DUPLICATE)
    if numbers.overlap:
        yield Reason(Code.OVERLAP)


def _is_accepted(numbers: Numbers, rule: Rule | None) -> bool:
    """Tell whether an outing without a track stands: the rule takes it, or there is its sheet of paper."""
    if rule is not None and rule.takes(numbers.evidence) is not None:
        return True
    return numbers.evidence is Evidence.PAPER and numbers.other_evidence


def _doubts_of_track(numbers: Numbers, rule: Rule | None, *, may_ride: bool) -> Iterator[Reason]:
    if (
        numbers.within_m is not None
        and numbers.within_m + numbers.ridden_within_m <= 0
        and _has_no_metres(rule)
    ):
        yield Reason(Code.OFF_ROUTE)
    if not may_ride:
        yield from _too_fast(numbers, rule)
    caps = rule.caps if rule else None
    if caps and caps.minutes is not None and numbers.minutes > caps.minutes:
        yield Reason(Code.TOO_LONG, numbers.minutes, caps.minutes, Unit.MINUTES)
    if caps and caps.metres is not None and numbers.walked_m > caps.metres:
        yield Reason(Code.TOO_LONG, numbers.walked_m, caps.metres, Unit.METRES)
    if numbers.gap_share > GAP_SHARE:
        yield Reason(Code.GAPS, numbers.gap_share, GAP_SHARE, Unit.SHARE)
    if numbers.accuracy_m is not None and numbers.accuracy_m > ACCURACY_M:
        yield Reason(Code.LOW_ACC, numbers.accuracy_m, ACCURACY_M, Unit.METRES)
    if numbers.clock_jump:
        yield Reason(Code.CLOCK)
    if numbers.datum_mix:
        yield Reason(Code.CRS_MIX)


def _has_no_metres(rule: Rule | None) -> bool:
    return rule is None or rule.minima.metres is None


def _too_fast(numbers: Numbers, rule: Rule | None) -> Iterator[Reason]:
    """Yield one reason at most: too much of the way was ridden, or all of it went too fast."""
    most = rule.caps.ridden_share if rule and rule.caps.ridden_share is not None else RIDDEN_SHARE
    if numbers.ridden_share > most:
        yield Reason(Code.TOO_FAST, numbers.ridden_share, most, Unit.SHARE)
    elif most < 1 and numbers.minutes > 0 and numbers.walked_m * 0.06 / numbers.minutes > WALKING_KMH:
        yield Reason(Code.TOO_FAST, numbers.walked_m * 0.06 / numbers.minutes, WALKING_KMH, Unit.KMH)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


# --- in words


def hint(judgement: Judgement) -> str:
    """Return the one thing that a walker is told beside thanks, time and way; empty if all is well.

    >>> short = Reason(Code.SHORT_LEN, 181.0, 300.0, Unit.METRES)
    >>> hint(Judgement(Verdict.NOT_COUNTED, (short,)))
    '再走120米就够了。'
    >>> hint(Judgement(Verdict.REVIEW, (Reason(Code.LOW_ACC, 71, 60, Unit.METRES),)))
    '协调员会再看一眼，您不用做什么。'
    """
    if judgement.verdict is Verdict.COUNTED:
        return ""
    by_code = {reason.code: reason for reason in reversed(judgement.reasons)}
    if Code.INCOMPLETE in by_code:
        return "还有一部分记录没有传到，请让手机连上网络。"
    told = (by_code[code] for code in MISSING if code in by_code)
    first = next((one for one in told if one.missing is not None or one.code is Code.NO_RECORD), None)
    return "协调员会再看一眼，您不用做什么。" if first is None else _to_add(first)


def _to_add(reason: Reason) -> str:
    missing = reason.missing or 0.0
    if reason.code is Code.SHORT_LEN:
        return f"再走{metres_words(_up(missing, 10)).replace(' ', '')}就够了。"
    if reason.code is Code.OFF_ROUTE:
        return f"下次沿着自己负责的地方再走{metres_words(_up(missing, 10)).replace(' ', '')}就够了。"
    if reason.code is Code.SHORT_TIME:
        return f"再走{_up(missing, 1):.0f}分钟就够了。"
    if reason.code is Code.NOT_VISITED:
        return "下次走进小区里面看一看就够了。"
    if reason.code is Code.SHORT_SHARE:
        return f"再多走到{_up(missing * 100, 1):.0f}%的地方就够了。"
    return "把检查记录填全就够了。"


def _up(number: float, step: float) -> float:
    """Return the number rounded up to a step, at least one: whoever adds that much has enough."""
    return max(-(-round(number, 6) // step), 1) * step


def metres_words(metres: float) -> str:
    """Return a way as people say it.

    >>> metres_words(8209.2), metres_words(996), metres_words(120.2)
    ('8.2 公里', '1.0 公里', '120 米')
    """
    return f"{metres / 1000:.1f} 公里" if round(metres) >= 995 else f"{metres:.0f} 米"


def in_words(reason: Reason) -> str:
    """Return a reason for coordinators, with its numbers.

    >>> in_words(Reason(Code.SHORT_TIME, 8.2, 10, Unit.MINUTES))
    '时长不够（8.2 分钟，标准 10 分钟）'
    >>> in_words(Reason(Code.TOO_FAST, 0.62, 0.3, Unit.SHARE)), in_words(Reason(Code.CLOCK))
    ('像是乘车或骑车（62%，上限 30%）', '时钟或位置跳变')
    """
    if reason.value is None or reason.limit is None or reason.unit is None:
        return reason.code.zh
    measured, limit = (_measure(number, reason.unit) for number in (reason.value, reason.limit))
    return f"{reason.code.zh}（{measured}，{'标准' if reason.code in MISSING else '上限'} {limit}）"


def _measure(number: float, unit: Unit) -> str:
    if unit is Unit.SHARE:
        return f"{number:.0%}"
    return f"{number:.10g} {unit.zh}" if number == int(number) else f"{number:.1f} {unit.zh}"
