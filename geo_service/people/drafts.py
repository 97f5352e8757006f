"""What comes into people and duties."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layers.cells import CellSet
from layers.vocabulary import DutyKind, Level, Role

Spans = tuple[tuple[int, int], ...]
"""Half-open stretches in decimetres along the place, sorted and disjoint."""
Part = Spans | CellSet | None
"""Which part of a place a duty is for: stretches of a line, cells of an area, or all of it (None)."""


@dataclass(frozen=True)
class PersonDraft:
    """A person to be stored."""

    name: str
    number: str | None = None
    """The office's own number, unique in the county."""
    phone: str | None = None
    area_id: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class DutyDraft:
    """A duty to be stored: for the whole place, for `spans` of a line, or for `cells` of an area."""

    person_id: uuid.UUID
    place_id: int
    role: Role
    first_day: dt.date
    last_day: dt.date | None = None
    """Inclusive; None: until further notice."""
    kind: DutyKind = DutyKind.VOLUNTEER
    level: Level = Level.VILLAGE
    spans: Spans | None = None
    cells: CellSet | None = None
    handed_over_from: int | None = None

    @property
    def part(self) -> Part:
        """Its part of the place."""
        return self.cells if self.cells is not None else self.spans


@dataclass(frozen=True)
class DutySpan:
    """A duty as others read it: who answers for which part of a place, and when."""

    duty_id: int
    place_id: int
    person_id: uuid.UUID
    name: str
    """Empty after the person was deleted."""
    role: Role
    kind: DutyKind
    level: Level
    first_day: dt.date
    last_day: dt.date | None
    spans: Spans | None
    """None: the whole place, or its `cells`."""
    cells: CellSet | None
    """None: all of an area place."""

    @property
    def part(self) -> Part:
        """Its part of the place."""
        return self.cells if self.cells is not None else self.spans

    def meets(self, first_day: dt.date, last_day: dt.date | None) -> bool:
        """Tell whether it is in force on a day of the range; None: without end."""
        begins = last_day is None or self.first_day <= last_day
        return begins and (self.last_day is None or first_day <= self.last_day)


def question_id(*asked: object) -> str:
    """Return the stable id of a question about these values.

    >>> question_id("张三", None) == question_id("张三", None) != question_id("张三", "x")
    True
    """
    text = "\x1f".join("" if value is None else str(value) for value in asked)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
