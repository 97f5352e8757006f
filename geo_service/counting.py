"""What counts: the conditions for `where` that lists, figures, norms and maps share.

What was voided is none. A patrol is worth something once it is settled: all that was announced has come.
Of a grid counts what can be seen from where one can walk.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, true

from geo_service.tables import AreaVisit, LineCoverage, Patrol, Service
from layers.vocabulary import Verdict

Condition = ColumnElement[bool]


def done(table: type[Patrol] | type[Service] = Patrol) -> Condition:
    """Return the condition for patrols (or services) that are done, whatever their verdict."""
    if table is Service:
        return Service.voided_at.is_(None)
    return and_(Patrol.voided_at.is_(None), Patrol.settled_at.is_not(None))


def judged(verdict: Verdict, table: type[Patrol] | type[Service] = Patrol) -> Condition:
    """Return the condition for patrols (or services) that are done and have this verdict."""
    return and_(done(table), table.verdict == verdict)


def covering() -> Condition:
    """Return the condition for patrols that cover: counted ones, and those that wait for review.

    The roll-up (`coverage.rollup`) holds what they covered.
    """
    return and_(done(), Patrol.verdict != Verdict.NOT_COUNTED)


@dataclass(frozen=True)
class Sizes:
    """How large an area place is, and how much of it counts: the one place that knows what a share is of."""

    area_m2: float
    walkable_m2: float | None = None
    """The part that can be seen from where one can walk; None: nothing is known, all of it counts."""

    @property
    def counting_m2(self) -> float:
        """The part of which a share is told."""
        return self.area_m2 if self.walkable_m2 is None else self.walkable_m2

    @property
    def left_out_m2(self) -> float:
        """The part that is no gap: nobody can walk there."""
        return max(self.area_m2 - self.counting_m2, 0.0)

    def share(self, seen_m2: float) -> float:
        """Return the share of what counts, 0 to 1.

        >>> Sizes(1000.0, 400.0).share(100.0), Sizes(1000.0).share(100.0), Sizes(0.0).share(0.0)
        (0.25, 0.1, 0.0)
        """
        return min(seen_m2 / self.counting_m2, 1.0) if self.counting_m2 else 0.0


def along_spans() -> ColumnElement[Any]:
    """Return where a row of `LineCoverage` says for sure that its patrol was, whether or not that counts."""
    return LineCoverage.spans.op("+")(LineCoverage.ridden)


def covered_spans() -> ColumnElement[Any]:
    """Return what a row of `LineCoverage` covers, beside its patrol: walked, and ridden where rides count."""
    return case((Patrol.rides_count, along_spans()), else_=LineCoverage.spans)


def came_to(table: type[LineCoverage] | type[AreaVisit]) -> Condition:
    """Return the condition for rows, beside their patrols, that say that it was there: more than maybe.

    A line that was only ridden counts where the patrol's rides do.
    """
    return ~func.isempty(covered_spans()) if table is LineCoverage else true()
