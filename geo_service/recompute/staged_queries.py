"""The SQL of what a run holds: patrols computed anew, staged beside what is in force; and of the runs."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Text, cast, delete, func, select, text
from sqlalchemy.orm import Session

from geo_service.bulk import among, copy_rows, multirange, spans_in
from geo_service.coverage.computing import LineRow, VisitRow
from geo_service.recompute.asking import Question
from geo_service.recompute.computing import Outcome
from geo_service.tables import (
    Patrol,
    Recomputation,
    RecomputedCells,
    RecomputedLine,
    RecomputedPatrol,
    RecomputedVisit,
    Table,
)

SPANS = ("spans", "ridden", "bridged", "ambiguous")
"""The columns of `RecomputedLine` that hold spans, as `LineRow` names them."""
STAGED = (RecomputedCells, RecomputedVisit, RecomputedLine, RecomputedPatrol)


def stage(
    db: Session, county_id: int, run_id: int, outcomes: Sequence[Outcome], inputs: Mapping[uuid.UUID, str]
) -> None:
    """Put what was computed of patrols beside what is in force, with the hashes of what it rests on."""
    key = (county_id, run_id)
    covered = [(o.patrol_id, row) for o in outcomes for row in o.lines]
    seen = [(o.patrol_id, row) for o in outcomes for row in o.visits]
    rows: dict[type[Table], Iterable[Sequence[Any]]] = {
        RecomputedPatrol: ((*key, o.patrol_id, inputs[o.patrol_id]) for o in outcomes),
        RecomputedLine: (
            (*key, row.version_id, row.day, id_, *(multirange(getattr(row, name)) for name in SPANS))
            for id_, row in covered
        ),
        RecomputedVisit: (
            (*key, row.version_id, row.day, id_, row.dwell_s, row.entries) for id_, row in seen
        ),
        RecomputedCells: (
            (*key, row.version_id, row.day, id_, *block) for id_, row in seen for block in row.cells
        ),
    }
    first = ("county_id", "recomputation_id")
    place_day = (*first, "place_version_id", "day", "patrol_id")
    columns: dict[type[Table], tuple[str, ...]] = {
        RecomputedPatrol: (*first, "patrol_id", "inputs"),
        RecomputedLine: (*place_day, *SPANS),
        RecomputedVisit: (*place_day, "dwell_s", "entries"),
        RecomputedCells: (*place_day, "block_x", "block_y", "seen"),
    }
    for table, made in rows.items():
        copy_rows(db, table, columns[table], made)


def unstage(db: Session, run_id: int, patrol_ids: Collection[uuid.UUID]) -> None:
    """Take patrols out of a run."""
    for table in STAGED:
        db.execute(delete(table).where(table.recomputation_id == run_id, among(table.patrol_id, patrol_ids)))


def analyze(db: Session) -> None:
    """Let PostgreSQL count what is staged, or it takes it for a handful when it is compared and adopted."""
    for table in STAGED:
        db.execute(text(f"analyze {table.__tablename__}"))


def count(db: Session, run_id: int) -> int:
    """Return how many patrols a run holds."""
    held = select(func.count()).select_from(RecomputedPatrol)
    return db.scalar(held.where(RecomputedPatrol.recomputation_id == run_id)) or 0


def drop(db: Session, run_id: int) -> None:
    """Drop a run with all that it holds."""
    db.execute(delete(Recomputation).where(Recomputation.id == run_id))


def staged(db: Session, run_id: int) -> list[uuid.UUID]:
    """Return the patrols that a run holds, those of a day together: they share place-days."""
    rows = (
        select(Patrol.id)
        .join(RecomputedPatrol, RecomputedPatrol.patrol_id == Patrol.id)
        .where(RecomputedPatrol.recomputation_id == run_id)
        .order_by(Patrol.day, Patrol.id)
    )
    return list(db.scalars(rows))


def lines(db: Session, run_id: int, patrol_ids: Collection[uuid.UUID]) -> list[tuple[uuid.UUID, LineRow]]:
    """Return the rows of lines that a run holds of patrols."""
    spans = (cast(getattr(RecomputedLine, name), Text) for name in SPANS)
    rows = db.execute(
        select(RecomputedLine.patrol_id, RecomputedLine.place_version_id, RecomputedLine.day, *spans)
        .where(RecomputedLine.recomputation_id == run_id, among(RecomputedLine.patrol_id, patrol_ids))
        .order_by(RecomputedLine.place_version_id, RecomputedLine.day, RecomputedLine.patrol_id)
    )
    return [
        (patrol_id, LineRow(version_id, day, *(list(spans_in(told)) for told in texts)))
        for patrol_id, version_id, day, *texts in rows
    ]


def visits(db: Session, run_id: int, patrol_ids: Collection[uuid.UUID]) -> list[tuple[uuid.UUID, VisitRow]]:
    """Return the visits that a run holds of patrols, with the cells they saw."""
    cells: dict[Any, list[tuple[int, int, str]]] = {}
    c, v = RecomputedCells, RecomputedVisit
    for version_id, day, patrol_id, x, y, bits in db.execute(
        select(c.place_version_id, c.day, c.patrol_id, c.block_x, c.block_y, cast(c.seen, Text))
        .where(c.recomputation_id == run_id, among(c.patrol_id, patrol_ids))
        .order_by(c.block_x, c.block_y)
    ):
        cells.setdefault((version_id, day, patrol_id), []).append((x, y, bits))
    rows = db.execute(
        select(v.place_version_id, v.day, v.patrol_id, v.dwell_s, v.entries)
        .where(v.recomputation_id == run_id, among(v.patrol_id, patrol_ids))
        .order_by(v.place_version_id, v.day, v.patrol_id)
    )
    return [
        (patrol_id, VisitRow(version_id, day, dwell_s, entries, cells.get((version_id, day, patrol_id), [])))
        for version_id, day, patrol_id, dwell_s, entries in rows
    ]


# --- the runs themselves


def unfinished(db: Session, county_id: int, rule: int, question: Question) -> Recomputation | None:
    """Return the run that was begun with the same question under the same rule and not finished."""
    return db.scalar(
        select(Recomputation)
        .where(
            Recomputation.county_id == county_id,
            Recomputation.rule == rule,
            Recomputation.asked == question.to_json(),
            Recomputation.finished_at.is_(None),
        )
        .order_by(Recomputation.id.desc())
        .limit(1)
    )


def runs(db: Session, county_id: int) -> list[tuple[Recomputation, int]]:
    """Return the runs of a county, the latest first, with the number of patrols they hold."""
    held = (
        select(func.count())
        .where(RecomputedPatrol.recomputation_id == Recomputation.id)
        .correlate(Recomputation)
        .scalar_subquery()
    )
    rows = db.execute(
        select(Recomputation, held)
        .where(Recomputation.county_id == county_id)
        .order_by(Recomputation.id.desc())
    )
    return [(run, number) for run, number in rows]
