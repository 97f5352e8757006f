"""What counts: the conditions for `where` that lists, figures, norms and maps share.

What was voided is none. A patrol is worth something once it is settled: all that was announced has come.
"""

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


def covered_spans() -> ColumnElement[Any]:
    """Return what a row of `LineCoverage` covers, beside its patrol: walked, and ridden where rides count."""
    walked_or_ridden = LineCoverage.spans.op("+")(LineCoverage.ridden)
    return case((Patrol.rides_count, walked_or_ridden), else_=LineCoverage.spans)


def covers_anything(table: type[LineCoverage] | type[AreaVisit]) -> Condition:
    """Return the condition for rows, beside their patrols, that cover: not those that are only ambiguous."""
    return ~func.isempty(covered_spans()) if table is LineCoverage else true()
