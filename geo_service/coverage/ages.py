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
from geo_service.coverage.gap_rows import NO_SPAN, GapRows, Ints
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
    asks_age = bool(age_days) or order is Order.AGE
    # By its ordinal; 0: it always was one.
    last = np.array(
        [day.toordinal() if day else 0 for day in since(db, scope.county_id, table)] if asks_age else [],
        np.int64,
    )
    if age_days:
        old = last <= query.last_day.toordinal() - age_days
        old |= last == 0
        table, last = replace(table, rows=table.rows.take(old)), last[old]
    if order is Order.PLACE:
        return table
    rows = table.rows
    # Metres and square metres do not compare: lines come before areas, and what is 未上图 last.
    keys = [-np.nan_to_num(rows.size), ~rows.is_stretch, rows.is_unmapped]
    if order is Order.AGE:
        keys.append(last)
    if order is Order.TOWNSHIP:
        keys.append(_ranks(rows))
    return replace(table, rows=rows.take(np.lexsort(keys)))


def _ranks(rows: GapRows) -> Ints:
    """Return where each comes in the order of its townships' names."""
    names = rows.ground.townships.names
    numbers, starts, stops = (column.tolist() for column in (rows.number, rows.start, rows.stop))
    words = [
        "、".join(names(k, None if a == NO_SPAN else (a, b)))
        for k, a, b in zip(numbers, starts, stops, strict=True)
    ]
    rank = {said: k for k, said in enumerate(sorted(set(words)))}
    return np.array([rank[said] for said in words], np.int64)


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
    position = {i: k for k, i in enumerate(np.flatnonzero(is_stretch).tolist())}
    areas = {version for i, version in enumerate(versions) if i not in position}
    seen = age_queries.last_seen(db, county_id, areas, before) if areas else {}
    return [
        walked.get(position[i]) if i in position else seen.get(version) for i, version in enumerate(versions)
    ]


def days(day: dt.date | None, table: GapTable) -> int | None:
    """Return how many days ago, from the window's last day, a gap was none."""
    return None if day is None else (table.ground.query.last_day - day).days
