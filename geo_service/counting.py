"""What counts: the conditions for `where` that lists, figures, norms and maps share.

What was voided is none. A patrol is worth something once it is settled: all that was announced has come.
"""

from sqlalchemy import ColumnElement, and_, func, not_, or_, true

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

    The roll-up by days holds what they covered (`coverage.rollup` says the same in its SQL).
    """
    return and_(done(), Patrol.verdict != Verdict.NOT_COUNTED)


def came_to(table: type[LineCoverage] | type[AreaVisit]) -> Condition:
    """Return the condition for rows, beside their patrol, that say that it was there: more than maybe.

    A line that was only ridden counts where the patrol's rides do.
    """
    if table is AreaVisit:
        return true()
    walked, ridden = (not_(func.isempty(spans)) for spans in (LineCoverage.spans, LineCoverage.ridden))
    return or_(walked, and_(Patrol.rides_count, ridden))
