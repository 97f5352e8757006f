"""What a patrol counts as where no norm says more: what covered anything counts, the rest is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from geo_service.coverage.service import Recorded
from geo_service.tables import Json
from layers.vocabulary import Evidence, Verdict

REASONS: Mapping[str, str] = {
    "paper": "纸质记录没有轨迹，由协调员核对",
    "no_fixes": "没有收到可用的定位点，由协调员核对",
    "nothing_covered": "没有走到登记的河道、道路、网格或小区，由协调员核对",
    "doubtful": "记录有疑点（见说明），由协调员核对",
}
"""Codes of reasons, and what people read."""


@dataclass(frozen=True)
class Judgement:
    """A verdict and why."""

    verdict: Verdict
    reasons: list[Json]


def judge(evidence: Evidence, recorded: Recorded, *, fixes: int, is_doubtful: bool = False) -> Judgement:
    """Return the verdict of a patrol that was computed with all it has."""
    if evidence is not Evidence.TRACK:
        return _review("paper")
    if not fixes:
        return _review("no_fixes")
    if not recorded.lines and not recorded.areas:
        return _review("nothing_covered")
    return _review("doubtful") if is_doubtful else Judgement(Verdict.COUNTED, [])


def _review(code: str) -> Judgement:
    return Judgement(Verdict.REVIEW, [{"code": code}])
