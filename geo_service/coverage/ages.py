"""How old a gap is: the last day on which it was none.

Of what nobody walked: the last day on which anybody walked any of it; of an area, on which anybody was in it
before the window. Of what has no steward: the last day on
which any of it was a duty of the kind that is asked about. Both may lie long before the window.
"""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import age_queries
from geo_service.coverage.gaps import GapTable
from layers.vocabulary import GapKind


def since(db: Session, scope: Scope, table: GapTable) -> list[dt.date | None]:
    """Return for each row of a table the last day on which it was no gap; None: it always was one."""
    query = table.ground.query
    lines = {i: row for i, row in enumerate(table.rows) if row.span_dm is not None}
    areas = {i: row for i, row in enumerate(table.rows) if row.span_dm is None}
    spans = [(i, row.place.version_id or 0, *(row.span_dm or (0, 0))) for i, row in lines.items()]
    found: dict[int, dt.date] = {}
    if table.kind is GapKind.UNASSIGNED:
        places = [
            (i, row.place.place_id, *(row.span_dm or (0, 2**31 - 1))) for i, row in enumerate(table.rows)
        ]
        found |= age_queries.last_duties(
            db, scope.county_id, places, query.last_day, kind=query.kind, level=query.level
        )
    else:
        # What is missing of an area was not seen within the window, though other parts of it may have been.
        before = query.first_day - dt.timedelta(days=1)
        found |= age_queries.last_walked(db, scope.county_id, spans, query.last_day)
        versions = {i: row.place.version_id for i, row in areas.items() if row.place.version_id is not None}
        seen = age_queries.last_seen(db, scope.county_id, set(versions.values()), before)
        found |= {i: seen[version] for i, version in versions.items() if version in seen}
    return [found.get(i) for i in range(len(table.rows))]


def days(day: dt.date | None, table: GapTable) -> int | None:
    """Return how many days ago, from the window's last day, a gap was none."""
    return None if day is None else (table.ground.query.last_day - day).days


def only(table: GapTable, ages: Sequence[dt.date | None], at_least_days: int) -> list[bool]:
    """Tell of each row whether it has been a gap for so many days at least, or always."""
    return [day is None or (days(day, table) or 0) >= at_least_days for day in ages]
