"""A proposal in plain words: what speaks for a line, and why something is not met."""

from collections.abc import Mapping
from typing import Any

from layers.planning import Why
from layers.vocabulary import Layer

_WHY = {
    Why.NOBODY: {
        Layer.COMPOUND: "没有登记住在这个小区、还能再承担的人；请在人员资料的「居住地」里写明小区名称",
        Layer.GRID: "没有登记住在这个网格或所在村、还能再承担的人",
    },
    Why.TOO_FAR: {},
}
_TO_DO = {
    Why.NOBODY: "辖区内没有符合条件的人；请先登记人员，或补全他们的村（社区）",
    Why.TOO_FAR: "符合条件的人都住得太远；可以把最远距离放宽",
    Why.REFUSED: "可选的人都已排除；可以撤销其中一条",
    Why.FULL: "可选的人都已排满；可以放宽每人的上限，或先登记新人",
    Why.ALONE: "需要两人同行，只找得到一人",
    Why.FEW: "符合条件的人不够",
    Why.NO_NEED: "这里现在不缺人",
    Why.TAKEN: "这里的名额已有人",
    Why.OWN_LIMIT: "已到本人的上限",
    Why.NOT_ELIGIBLE: "不符合这里的条件（住处、岗位意愿或距离）",
    Why.OUTWEIGHED: "安排到别处能让更多地方有人",
}


def why_words(why: Why, layer: Layer) -> str:
    """Return why a need or wish is not met, and what may help."""
    return _WHY.get(why, {}).get(layer) or _TO_DO[why]


def reason_words(reasons: Mapping[str, Any], layer: Layer, partners: list[str]) -> str:
    """Return what speaks for a line.

    >>> reason_words({"distance_m": 1234.0, "adjoins": True, "nearest": True}, Layer.RIVER, [])
    '离家1.2公里，是可选的人里最近的，紧邻本人现有的河段'
    >>> reason_words({"distance_m": None, "nth": 2}, Layer.ROAD, ["王秀英"])
    '只知道住在本镇，与王秀英同行，是本人的第 2 处'
    """
    said = [_distance_words(reasons.get("distance_m"), layer)]
    if reasons.get("nearest") and layer is not Layer.COMPOUND:
        said.append("是可选的人里最近的")
    if reasons.get("adjoins"):
        said.append(f"紧邻本人现有的{'河段' if layer is Layer.RIVER else '路段'}")
    if reasons.get("wished"):
        said.append("合本人意愿")
    if partners:
        said.append(f"与{'、'.join(partners)}同行")
    if (nth := reasons.get("nth") or 1) > 1:
        said.append(f"是本人的第 {nth} 处")
    return "，".join(said)


def _distance_words(distance_m: float | None, layer: Layer) -> str:
    if layer is Layer.COMPOUND:
        return "住在这个小区"
    if distance_m is None:
        return "只知道住在本镇"
    if layer is Layer.GRID and distance_m < 1:
        return "住在这个网格"
    if distance_m < 50:
        return "就在家门口"
    if distance_m < 950:
        return f"离家{round(distance_m / 50) * 50}米"
    return f"离家{distance_m / 1000:.1f}公里"
