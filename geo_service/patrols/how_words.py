"""What a walker is told of how he covered: during an outage, by riding, or beside another line. No blame."""

from collections.abc import Callable, Iterator, Sequence

from geo_service.coverage.service import CoveredLine, Stretches
from geo_service.patrols.words import called, length, listed

_WORTH_TELLING_M = 50.0
"""Less of it is told beside its line only: whoever reads three notices reads none."""


def how(lines: Sequence[CoveredLine], minutes: Sequence[float], *, rides_count: bool) -> Iterator[str]:
    """Yield a sentence for each thing that a walker should know, with what he can do about it.

    `minutes`: of each outage.
    """
    if minutes:
        yield of_outages(len(minutes), sum(minutes), _each(lines, lambda line: line.bridged))
    if (ridden_m := _along_m(lines, lambda line: line.ridden)) >= _WORTH_TELLING_M:
        yield of_rides(ridden_m, rides_count=rides_count)
    ambiguous = _each(lines, lambda line: line.ambiguous, at_least_m=_WORTH_TELLING_M)
    if ambiguous:
        yield of_ambiguous(ambiguous)


def of_outages(count: int, minutes: float, bridged: Sequence[str]) -> str:
    """Return what is told of outages; `bridged`: lines with the metres that count although there was one.

    >>> of_outages(2, 6.2, ["车路河 320 米"])
    '有 2 处定位中断，共 6 分钟；中断时沿线走过的也已计入：车路河 320 米。手机允许后台定位，中断会少。'
    >>> of_outages(1, 0.4, [])
    '有 1 处定位中断，共 1 分钟；中断时走到哪里不清楚，没有计入。手机允许后台定位，中断会少。'
    """
    told = f"有 {count} 处定位中断，共 {lasting(minutes)}；"
    if bridged:
        told += f"中断时沿线走过的也已计入：{listed(bridged)}。"
    else:
        told += "中断时走到哪里不清楚，没有计入。"
    return told + "手机允许后台定位，中断会少。"


def lasting(minutes: float) -> str:
    """Return how long something lasted.

    >>> lasting(0.4), lasting(4.2), lasting(60), lasting(139.7)
    ('1 分钟', '4 分钟', '1 小时', '2 小时 20 分钟')
    """
    hours, left = divmod(max(round(minutes), 1), 60)
    told = [f"{hours} 小时"] if hours else []
    return " ".join([*told, f"{left} 分钟"] if left else told)


def of_rides(metres: float, *, rides_count: bool) -> str:
    """Return what is told of what was ridden.

    >>> of_rides(1240, rides_count=False)
    '有 1.2 公里像是骑车、乘车或乘船，暂不计入；这一段步行再走一次就会计入。'
    >>> of_rides(1240, rides_count=True)
    '有 1.2 公里像是骑车、乘车或乘船，也已计入。'
    """
    told = f"有 {length(metres)}像是骑车、乘车或乘船，"
    return told + ("也已计入。" if rides_count else "暂不计入；这一段步行再走一次就会计入。")


def of_ambiguous(lines: Sequence[str]) -> str:
    """Return what is told of stretches beside which another line is too close.

    >>> of_ambiguous(["南街 300 米", "北街 290 米"])
    '南街 300 米、北街 290 米离得太近，分不清走的是哪条，没有计入。手机放在外侧口袋，定位会准些。'
    >>> of_ambiguous(["南街 300 米"])
    '南街 300 米与另一条离得太近，分不清走的是哪条，没有计入。手机放在外侧口袋，定位会准些。'
    """
    close = "离得太近" if len(lines) > 1 else "与另一条离得太近"
    return f"{listed(lines)}{close}，分不清走的是哪条，没有计入。手机放在外侧口袋，定位会准些。"


def ways(line: CoveredLine, rides_count: bool) -> str:
    """Return beside the metres of a line how it was covered, or why not; empty: simply walked."""
    counted = "已计入" if rides_count else "暂不计入"
    told = (
        (line.bridged, "在定位中断时沿线走过，已计入"),
        (line.ridden, f"像是骑车、乘车或乘船，{counted}"),
        (line.ambiguous, "可能走过，分不清，没有计入"),
    )
    return "；".join(f"{length(part.metres)}{words}" for part, words in told if part.metres)


def _each(
    lines: Sequence[CoveredLine], part: Callable[[CoveredLine], Stretches], *, at_least_m: float = 0.1
) -> list[str]:
    """Return the lines that have so much of such a part, each with its metres, the longest first."""
    own = [(part(line).metres, line) for line in lines if part(line).metres >= at_least_m]
    return [f"{called(line)} {length(metres)}" for metres, line in sorted(own, key=lambda one: -one[0])]


def _along_m(lines: Sequence[CoveredLine], part: Callable[[CoveredLine], Stretches]) -> float:
    """Return the metres of such a part; a road along a river is not counted twice."""
    by_layer: dict[str, float] = {}
    for line in lines:
        by_layer[line.layer] = by_layer.get(line.layer, 0.0) + part(line).metres
    return max(by_layer.values(), default=0.0)
