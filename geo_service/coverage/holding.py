"""The SQL of duties in sum: which part of each place is somebody's on a day, and whose."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import duties_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among, spans_in
from geo_service.tables import Duty, DutyCells, Person
from layers.cells import CellSet
from layers.spans import SpanSet
from layers.vocabulary import DutyKind, Level


@dataclass(frozen=True, eq=False)
class Held:
    """The parts of numbered places that are somebody's duty."""

    wholly: frozenset[int]
    """Places that somebody has in full, also those that are 未上图."""
    spans: SpanSet
    """The stretches of the others, dm."""
    cells: Mapping[int, CellSet]
    """The cells of the others."""

    def on(self, whole: SpanSet) -> SpanSet:
        """Return which part of the lines' wholes is held."""
        own = np.isin(whole.place, list(self.wholly))
        return SpanSet(whole.place[own], whole.start[own], whole.stop[own]) | (self.spans & whole)


NOBODY = Held(frozenset(), SpanSet.empty(), {})


@dataclass(frozen=True)
class Steward:
    """Someone who holds a place, or spans of it."""

    name: str
    spans: str | None
    """Decimetres, as text; None: all of the place, or cells of it."""

    def holds(self, start: float, stop: float) -> bool:
        """Tell whether some of a span (dm) is his."""
        return self.spans is None or any(a < stop and start < b for a, b in spans_in(self.spans))


@dataclass(frozen=True)
class Asked:
    """Which duties: of a kind and level, in force on a day, on numbered places (id -> number)."""

    day: dt.date
    kind: DutyKind
    level: Level | None
    numbers: Mapping[int, int]
    has_areas: bool = True
    """Whether any of them is an area: of lines no duty has cells."""

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on `Duty`; the county comes with the places."""
        conditions = [
            Duty.kind == self.kind,
            Duty.in_force.contains(self.day),
            among(Duty.place_id, self.numbers),
        ]
        return conditions if self.level is None else [*conditions, Duty.level == self.level]


def held_places(
    db: Session, county_id: int, day: dt.date, kind: DutyKind, level: Level | None
) -> frozenset[int]:
    """Return the ids of the places of which anything is somebody's duty of a kind and level on a day."""
    own = select(Duty.place_id).where(
        Duty.county_id == county_id, Duty.kind == kind, Duty.in_force.contains(day)
    )
    return frozenset(db.scalars(own if level is None else own.where(Duty.level == level)))


def held(db: Session, asked: Asked) -> Held:
    """Return which part of the places is held."""
    has_cells = select(DutyCells.duty_id).where(DutyCells.duty_id == Duty.id).exists()
    rows = db.execute(
        select(
            Duty.place_id,
            func.bool_or(Duty.spans.is_(None) & ~has_cells),
            cast(func.range_agg(Duty.spans), Text),
        )
        .where(*asked.conditions)
        .group_by(Duty.place_id)
    ).all()
    stretches = [
        (asked.numbers[place_id], a, b)
        for place_id, whole, spans in rows
        if spans and not whole
        for a, b in spans_in(spans)
    ]
    return Held(
        frozenset(asked.numbers[place_id] for place_id, whole, _ in rows if whole),
        SpanSet.of(*np.array(stretches, dtype=np.float64).reshape(-1, 3).T),
        _cells(db, asked) if asked.has_areas else {},
    )


def stewards(db: Session, scope: Scope, asked: Asked) -> dict[int, list[Steward]]:
    """Return for each numbered place who holds it or a part of it, as far as the scope may read that."""
    rows = db.execute(
        select(Duty.place_id, Person.name, cast(Duty.spans, Text))
        .join(Person, Person.id == Duty.person_id)
        .where(duties_in(scope), Person.deleted_at.is_(None), *asked.conditions)
        .order_by(Duty.place_id, Person.name, Duty.id)
    )
    found: dict[int, list[Steward]] = {}
    for place_id, name, spans in rows:
        found.setdefault(asked.numbers[place_id], []).append(Steward(name, spans))
    return found


def named(among_them: Sequence[Steward], span: tuple[float, float] | None = None) -> list[str]:
    """Return the names, each once; with a span (dm) of those who hold some of it."""
    return list(dict.fromkeys(s.name for s in among_them if span is None or s.holds(*span)))


def _cells(db: Session, asked: Asked) -> dict[int, CellSet]:
    rows = db.execute(
        select(
            Duty.place_id,
            DutyCells.block_x,
            DutyCells.block_y,
            func.bit_send(func.bit_or(DutyCells.cells)),
        )
        .join(DutyCells, DutyCells.duty_id == Duty.id)
        .where(*asked.conditions)
        .group_by(Duty.place_id, DutyCells.block_x, DutyCells.block_y)
    )
    by_place: dict[int, list[tuple[int, int, bytes]]] = {}
    for place_id, x, y, bits in rows:
        by_place.setdefault(asked.numbers[place_id], []).append((x, y, bits))
    return {k: CellSet.from_bytes(blocks) for k, blocks in by_place.items()}
