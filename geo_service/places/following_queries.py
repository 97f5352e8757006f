"""The SQL of what was said of a place and follows it to a new version: duties for parts of it, coverage."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.tables import AreaVisit, CellCoverage, Duty, DutyCells, LineCoverage, Person
from layers.cells import CellSet


def with_coverage(db: Session, county_id: int, version_ids: Sequence[int]) -> set[int]:
    """Return those of the versions of which something was covered."""
    found: set[int] = set()
    for coverage in (LineCoverage, CellCoverage, AreaVisit):
        found |= set(
            db.scalars(
                select(coverage.place_version_id)
                .where(coverage.county_id == county_id, among(coverage.place_version_id, version_ids))
                .distinct()
            )
        )
    return found


def with_partial_duties(db: Session, county_id: int, place_ids: Sequence[int]) -> set[int]:
    """Return those of the places of which somebody looks after a part."""
    of_cells = exists().where(DutyCells.duty_id == Duty.id)
    return set(
        db.scalars(
            select(Duty.place_id)
            .where(
                Duty.county_id == county_id,
                among(Duty.place_id, place_ids),
                or_(Duty.spans.is_not(None), of_cells),
            )
            .distinct()
        )
    )


@dataclass(frozen=True)
class SpanDuty:
    """A duty for spans of a line, in decimetres."""

    id: int
    person: str
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class CellDuty:
    """A duty for cells of an area place."""

    id: int
    person: str
    cells: CellSet


def duty_spans(db: Session, county_id: int, place_id: int) -> list[SpanDuty]:
    """Return the duties that are for spans of a place; those for all of it need no change."""
    rows = db.execute(
        select(Duty.id, Person.name, Duty.spans)
        .join(Person, Person.id == Duty.person_id)
        .where(Duty.county_id == county_id, Duty.place_id == place_id, Duty.spans.is_not(None))
        .order_by(Duty.id)
    )
    return [
        SpanDuty(id_, person, [(span.lower or 0, span.upper or 0) for span in spans or ()])
        for id_, person, spans in rows
    ]


def set_duty_spans(db: Session, duty_id: int, spans: Iterable[tuple[int, int]]) -> None:
    """Change what a duty is for; no spans: nothing of the place (not all of it)."""
    db.execute(
        update(Duty).where(Duty.id == duty_id).values(spans=[Range(start, stop) for start, stop in spans])
    )


def note_loss(db: Session, duty_id: int, lost: float) -> None:
    """Add to what a duty has lost (metres, or square metres) and nobody has looked at yet."""
    db.execute(update(Duty).where(Duty.id == duty_id).values(lost=func.coalesce(Duty.lost, 0.0) + lost))


def duty_cells(db: Session, county_id: int, place_id: int) -> list[CellDuty]:
    """Return the duties that are for cells of a place; those for all of it need no change."""
    rows = db.execute(
        select(Duty.id, Person.name, DutyCells.block_x, DutyCells.block_y, DutyCells.cells)
        .join(Duty, Duty.id == DutyCells.duty_id)
        .join(Person, Person.id == Duty.person_id)
        .where(Duty.county_id == county_id, Duty.place_id == place_id)
        .order_by(Duty.id)
    ).all()
    return [
        CellDuty(id_, person, CellSet.from_bits([(r.block_x, r.block_y, str(r.cells)) for r in own]))
        for (id_, person), own in itertools.groupby(rows, key=lambda row: (row.id, row.name))
    ]


def set_duty_cells(db: Session, county_id: int, duty_id: int, cells: CellSet) -> None:
    """Change what a duty is for; where nothing is left an empty block says so (no row would mean all)."""
    db.execute(delete(DutyCells).where(DutyCells.county_id == county_id, DutyCells.duty_id == duty_id))
    rows = cells.to_bits() or [(0, 0, "0" * 4096)]
    db.execute(
        insert(DutyCells),
        [
            {"county_id": county_id, "duty_id": duty_id, "block_x": x, "block_y": y, "cells": bits}
            for x, y, bits in rows
        ],
    )
