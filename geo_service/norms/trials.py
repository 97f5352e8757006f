"""A norm tried on the past: what would have been due and met, which verdicts would differ. Nothing stays."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import patrols_in
from geo_service.accounts.scope import Scope
from geo_service.columns import Column, Listing
from geo_service.errors import Invalid
from geo_service.norms import due, service
from geo_service.norms.due import DueTable
from geo_service.norms.service import NormRow
from geo_service.patrols import judging
from geo_service.tables import County
from layers.dues import counted_share
from layers.periods import Days
from layers.verdicts import in_words
from layers.vocabulary import Right, Verdict

Tell = Callable[[int, int], None]
LONGEST_DAYS = 93
"""Of a trial for which somebody waits; the command shows how far a longer one is."""
COLUMNS = (
    Column("patrol_id", "巡查"),
    Column("day", "日期", "day"),
    Column("person", "巡查人", mask="name"),
    Column("walked_m", "走了（米）", "number"),
    Column("was", "现在的结论"),
    Column("would_be", "按这项标准"),
    Column("reasons", "原因"),
)


@dataclass(frozen=True)
class Differing:
    """A patrol whose verdict would have been another."""

    patrol_id: uuid.UUID
    day: dt.date
    person: str | None
    walked_m: float
    was: Verdict
    would_be: Verdict
    reasons: Sequence[str]


@dataclass(frozen=True)
class Trial:
    """What a norm would have made of a window."""

    norm: NormRow
    window: Days
    due: DueTable
    patrols: int
    was: Counter[Verdict]
    would_be: Counter[Verdict]
    differing: Sequence[Differing]

    @property
    def counted_share(self) -> float | None:
        """有效率 as it would have been."""
        return counted_share(self.would_be.elements())


def run(db: Session, scope: Scope, norm: NormRow, window: Days, tell: Tell | None = None) -> Trial:
    """Try a norm on the patrols of a window as if it had been the only one; `tell` hears how far it is.

    Patrols that a person decided on keep his verdict. Raises Forbidden, Invalid.
    """
    scope.demand_county(Right.COORDINATOR)
    due.check(window)
    county = db.get_one(County, scope.county_id)
    found = judging.patrols_of(db, patrols_in(scope), window)
    was: Counter[Verdict] = Counter()
    verdicts: dict[uuid.UUID, Verdict] = {}
    differing = []
    for k, (patrol, person) in enumerate(found):
        stored = Verdict(patrol.verdict)
        judged = judging.tried(db, county, patrol, [norm])
        verdict = stored if patrol.reviewed_at is not None else judged.judgement.verdict
        was[stored] += 1
        verdicts[patrol.id] = verdict
        if verdict is not stored:
            reasons = [in_words(reason) for reason in judged.judgement.reasons]
            differing.append(
                Differing(patrol.id, patrol.day, person, patrol.walked_m, stored, verdict, reasons)
            )
        if tell is not None:
            tell(k + 1, len(found))
    table = due.told(db, scope, [norm], window, verdicts=verdicts)
    would_be = Counter(verdicts.values())
    return Trial(norm, window, table, len(found), was, would_be, differing)


def tried(db: Session, scope: Scope, norm_id: int, window: Days) -> Trial:
    """Try a norm on a window that is short enough to wait for. Raises NotFound, Forbidden, Invalid."""
    if len(window) > LONGEST_DAYS:
        raise Invalid(f"网页上一次最多试 {LONGEST_DAYS} 天；更长的请在服务器上运行 geo-service norm try。")
    return run(db, scope, service.told(db, scope, norm_id), window)


def listing(trial: Trial) -> Listing:
    """Return the patrols whose verdict would differ as a list."""
    rows = [
        (d.patrol_id, d.day, d.person, round(d.walked_m, 1), d.was, d.would_be, list(d.reasons))
        for d in trial.differing
    ]
    title = f"试用「{trial.norm.name}」{trial.window.first}至{trial.window.last}：结论会不同的巡查"
    return Listing("trial", title, COLUMNS, rows)
