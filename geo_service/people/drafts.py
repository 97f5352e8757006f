"""What comes into people and duties, and what an import says of each row."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layers.cells import CellSet
from layers.vocabulary import DutyKind, Level, Role, Word

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


class Outcome(Word):
    """What becomes of a row of an import."""

    ADDED = "added", "新增"
    SAME = "same", "不变"
    CHANGED = "changed", "变更"
    REFUSED = "refused", "不能导入"
    ASKED = "asked", "待确认"


@dataclass(frozen=True)
class Question:
    """A doubt that only a person can settle; unanswered, the row is left out and listed."""

    id: str
    """Stable from run to run: a hash of what is asked."""
    text: str
    """Plain Chinese."""
    answers: Mapping[str, str]
    """Each possible answer with what it means, in Chinese."""


def question_id(*asked: object) -> str:
    """Return the stable id of a question about these values.

    >>> question_id("张三", None) == question_id("张三", None) != question_id("张三", "x")
    True
    """
    text = "\x1f".join("" if value is None else str(value) for value in asked)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class RowReport:
    """What becomes of one row: its number in the file, whom or what it is about, and why."""

    row: int
    outcome: Outcome
    subject: str
    detail: str = ""
    question: Question | None = None
    cells: tuple[str, ...] = ()
    """The row as it stood in the file."""
