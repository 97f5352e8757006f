"""The roll-up as it must be, in plain sets of decimetres and of cells: slow, and plainly right."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import (
    CellCoverage,
    CellDay,
    CellMonth,
    LineCoverage,
    LineDay,
    LineMonth,
    Patrol,
    Table,
)
from layers.vocabulary import Verdict

Sets = dict[tuple[Any, ...], set[int]]
"""By version and day (or first day of a month), of areas by block too."""


@dataclass
class RolledUp:
    """What was covered, by day and by month; no key has an empty set."""

    line_days: Sets
    line_months: Sets
    cell_days: Sets
    cell_months: Sets


def stored(db: Session, county_id: int) -> RolledUp:
    """Return the roll-up as it is stored, with the empty rows, if there were any."""

    def of(table: type[Table], *columns: str) -> Sets:
        rows = db.execute(
            select(*(getattr(table, column) for column in columns)).where(table.county_id == county_id)
        )
        return {tuple(key): _members(value) for *key, value in rows}

    block = ("block_x", "block_y", "seen")
    return RolledUp(
        of(LineDay, "place_version_id", "day", "spans"),
        of(LineMonth, "place_version_id", "month", "spans"),
        of(CellDay, "place_version_id", "day", *block),
        of(CellMonth, "place_version_id", "month", *block),
    )


def from_rows(db: Session, county_id: int) -> RolledUp:
    """Return the roll-up as the rows of the patrols that cover make it."""
    patrols = db.execute(
        select(Patrol.id, Patrol.rides_count).where(
            Patrol.county_id == county_id,
            Patrol.voided_at.is_(None),
            Patrol.settled_at.is_not(None),
            Patrol.verdict.in_([Verdict.COUNTED, Verdict.REVIEW]),
        )
    )
    rides: dict[uuid.UUID, bool] = dict(patrols.all())
    lines: Sets = defaultdict(set)
    for version_id, day, patrol_id, spans, ridden in db.execute(
        select(
            LineCoverage.place_version_id, LineCoverage.day, LineCoverage.patrol_id, LineCoverage.spans,
            LineCoverage.ridden,
        ).where(LineCoverage.county_id == county_id)
    ):  # fmt: skip
        if patrol_id in rides:
            lines[version_id, day] |= _members(spans) | (_members(ridden) if rides[patrol_id] else set())
    cells: Sets = defaultdict(set)
    for version_id, day, patrol_id, x, y, seen in db.execute(
        select(
            CellCoverage.place_version_id, CellCoverage.day, CellCoverage.patrol_id, CellCoverage.block_x,
            CellCoverage.block_y, CellCoverage.seen,
        ).where(CellCoverage.county_id == county_id)
    ):  # fmt: skip
        if patrol_id in rides:
            cells[version_id, day, x, y] |= _members(seen)
    lines, cells = ({key: own for key, own in sets.items() if own} for sets in (lines, cells))
    return RolledUp(lines, _by_month(lines), cells, _by_month(cells))


def in_window(days: Mapping[tuple[Any, ...], set[int]], first: dt.date, last: dt.date) -> Sets:
    """Return the unions of the days first..last, by key without the day."""
    found: Sets = defaultdict(set)
    for (version_id, day, *block), own in days.items():
        if first <= day <= last:
            found[version_id, *block] |= own
    return dict(found)


def last_days(days: Sets, first: dt.date, last: dt.date) -> dict[tuple[int, int], dt.date]:
    """Return for each decimetre, by version, the last of the days first..last on which it was covered."""
    found: dict[tuple[int, int], dt.date] = {}
    for (version_id, day), own in sorted(days.items(), key=lambda item: item[0][1]):
        if first <= day <= last:
            found |= {(version_id, decimetre): day for decimetre in own}
    return found


def _by_month(days: Sets) -> Sets:
    found: Sets = defaultdict(set)
    for (version_id, day, *block), own in days.items():
        found[version_id, day.replace(day=1), *block] |= own
    return dict(found)


def _members(value: Iterable[Any] | str) -> set[int]:
    """Return the decimetres of spans, or the numbers of the cells that are set."""
    if isinstance(value, str):
        return {k for k, bit in enumerate(value) if bit == "1"}
    return {decimetre for span in value for decimetre in range(span.lower, span.upper)}
