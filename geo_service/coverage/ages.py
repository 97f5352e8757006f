"""How old a gap is: the last day on which it was none.

Of what nobody walked: the last day on which anybody walked any of it; of an area, on which anybody was in it
before the window. Of what has no steward: the last day on
which any of it was a duty of the kind that is asked about. Both may lie long before the window.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import age_queries
from geo_service.coverage.gaps import GapRow, GapTable, gaps
from geo_service.coverage.ground import Query
from layers.vocabulary import GapKind

MOST_AGE = 36_500
"""Days; nothing is known of longer ago."""


class Order(StrEnum):
    """In which order gaps are listed."""

    PLACE = "place"
    SIZE = "size"
    AGE = "age"
    TOWNSHIP = "township"


@dataclass(frozen=True)
class Aged:
    """A table with the rows that are asked for alone, in their order, and of each since when it is a gap."""

    table: GapTable
    since: Sequence[dt.date | None]
    """The last day on which it was none; None: it always was one."""


def aged(
    db: Session, scope: Scope, query: Query, kind: GapKind, *, age_days: int = 0, order: Order = Order.PLACE
) -> Aged:
    """Return the gaps of one kind that have been gaps for so many days at least, or always."""
    table = gaps(db, scope, query, kind)
    kept = [
        (row, day)
        for row, day in zip(table.rows, since(db, scope, table), strict=True)
        if day is None or (query.last_day - day).days >= age_days
    ]
    if order is not Order.PLACE:
        kept.sort(key=lambda pair: _key(order, *pair))
    return Aged(replace(table, rows=[row for row, _ in kept]), [day for _, day in kept])


def _key(order: Order, row: GapRow, day: dt.date | None) -> tuple[Any, ...]:
    # Metres and square metres do not compare: lines come before areas, and what is 未上图 last.
    size = (row.size is None, not row.place.layer.is_line, -(row.size or 0.0), row.place.code)
    if order is Order.AGE:
        return (day or dt.date.min, *size)
    return ("、".join(row.townships), *size) if order is Order.TOWNSHIP else size


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
        before = query.first_day - min(dt.timedelta(days=1), query.first_day - dt.date.min)
        found |= age_queries.last_walked(db, scope.county_id, spans, query.last_day)
        versions = {i: row.place.version_id for i, row in areas.items() if row.place.version_id is not None}
        seen = age_queries.last_seen(db, scope.county_id, set(versions.values()), before)
        found |= {i: seen[version] for i, version in versions.items() if version in seen}
    return [found.get(i) for i in range(len(table.rows))]


def days(day: dt.date | None, table: GapTable) -> int | None:
    """Return how many days ago, from the window's last day, a gap was none."""
    return None if day is None else (table.ground.query.last_day - day).days
