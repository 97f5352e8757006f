"""How old a gap is: the last day on which it was none.

Of what nobody walked: the last day on which anybody walked any of it; of an area, on which anybody was in it
before the window. Of what has no steward: the last day on
which any of it was a duty of the kind that is asked about. Both may lie long before the window.
"""

import datetime as dt
from dataclasses import replace
from enum import StrEnum

import numpy as np
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import age_queries
from geo_service.coverage.gaps import GapTable, gaps
from geo_service.coverage.ground import Query
from geo_service.coverage.windows import ALL_DM
from layers.vocabulary import GapKind

MOST_AGE = 36_500
"""Days; nothing is known of longer ago."""


class Order(StrEnum):
    """In which order gaps are listed."""

    PLACE = "place"
    SIZE = "size"
    AGE = "age"
    TOWNSHIP = "township"


def listed(
    db: Session, scope: Scope, query: Query, kind: GapKind, *, age_days: int = 0, order: Order = Order.PLACE
) -> GapTable:
    """Return the gaps of one kind that have been gaps for so many days at least, or always, in an order."""
    table = gaps(db, scope, query, kind)
    if age_days:
        never = query.last_day - dt.timedelta(days=min(age_days, query.last_day.toordinal() - 1))
        old = [day is None or day <= never for day in since(db, scope.county_id, table)]
        table = replace(table, rows=table.rows.take(np.array(old, bool)))
    if order is Order.PLACE:
        return table
    rows = table.rows
    # Metres and square metres do not compare: lines come before areas, and what is 未上图 last.
    keys = [-np.nan_to_num(rows.size), ~rows.is_stretch, rows.is_unmapped]
    if order is Order.AGE:
        keys.append(np.array([day.toordinal() if day else 0 for day in since(db, scope.county_id, table)]))
    if order is Order.TOWNSHIP:
        words = ["、".join(row.townships) for row in rows]
        rank = {said: k for k, said in enumerate(sorted(set(words)))}
        keys.append(np.array([rank[said] for said in words]))
    return replace(table, rows=rows.take(np.lexsort(keys)))


def since(db: Session, county_id: int, table: GapTable) -> list[dt.date | None]:
    """Return for each row of a table the last day on which it was no gap; None: it always was one."""
    query, rows = table.ground.query, table.rows
    places = [table.ground.places[k] for k in rows.number.tolist()]
    is_stretch = rows.is_stretch
    if table.kind is GapKind.UNASSIGNED:
        ids = [place.place_id for place in places]
        start, stop = np.where(is_stretch, rows.start, 0), np.where(is_stretch, rows.stop, ALL_DM)
        found = age_queries.last_duties(
            db, county_id, (ids, start, stop), query.last_day, kind=query.kind, level=query.level
        )
        return [found.get(i) for i in range(len(rows))]
    # What is missing of an area was not seen within the window, though other parts of it may have been.
    before = query.first_day - min(dt.timedelta(days=1), query.first_day - dt.date.min)
    versions = [place.version_id or 0 for place in places]
    along = np.array(versions, np.int64)[is_stretch], rows.start[is_stretch], rows.stop[is_stretch]
    walked = age_queries.last_walked(db, county_id, along, query.last_day)
    position = np.cumsum(is_stretch) - 1
    areas = {version for version, own in zip(versions, is_stretch, strict=True) if not own}
    seen = age_queries.last_seen(db, county_id, areas, before) if areas else {}
    return [
        walked.get(k) if own else seen.get(version)
        for version, own, k in zip(versions, is_stretch.tolist(), position.tolist(), strict=True)
    ]


def days(day: dt.date | None, table: GapTable) -> int | None:
    """Return how many days ago, from the window's last day, a gap was none."""
    return None if day is None else (table.ground.query.last_day - day).days
