"""Outings typed from sheets of paper or told on the telephone: many at once, decided as a table's rows are.

What is right is stored; what is not stays with whoever types, with what is wrong or to be asked beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.columns import printable
from geo_service.errors import Invalid
from geo_service.imports import Outcome, ReportRow
from geo_service.patrols import paper, paper_sheet, photos
from geo_service.patrols.parties import county_of
from layers.sheets import Row
from layers.vocabulary import Evidence

FIELDS = {
    "person": "巡查人", "day": "日期", "place": "对象", "from": "开始", "until": "结束",
    "companions": "同行人", "content": "巡查内容", "problems": "发现问题",
}  # fmt: skip
"""What is typed of an outing, as the form of a table calls it, and as people do."""
CARRIED = "day", "place"
"""What a row leaves out is as in the row above."""
MOST_ROWS = 60
"""Of one sheet."""
LONGEST = 500
"""Characters of a cell."""


@dataclass(frozen=True)
class TypedSheet:
    """Rows as they were typed, by field; blank ones are none."""

    rows: Sequence[Mapping[str, str]]
    evidence: Evidence = Evidence.PAPER
    told_to: str = ""
    """Who took the call, of what was told on the telephone."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """To what was asked before."""
    photo: bytes | None = None
    """Of the sheet of paper."""


@dataclass(frozen=True)
class TypedRow:
    """What became of a row: why it is not taken, or that it is."""

    number: int
    """In the order in which it was typed, from 0."""
    report: Sequence[ReportRow]

    @property
    def is_taken(self) -> bool:
        """Whether it is registered now, or was before."""
        return bool(self.report) and all(row.outcome in (Outcome.ADDED, Outcome.SAME) for row in self.report)


def register(db: Session, scope: Scope, sheet: TypedSheet, folder: Path) -> list[TypedRow]:
    """Store the outings that are right and tell what is wrong with the others; again changes nothing.

    `folder`: of the kept files. Raises Invalid for an empty or too long sheet, BadFile for its photo.
    """
    scope.demand(*CHANGE)
    county = county_of(db, scope)
    if sheet.evidence not in (Evidence.PAPER, Evidence.STATED):
        raise Invalid("补录的只能是纸质记录或口头告知。")
    rows = [_row(number, said, sheet) for number, said in _filled(sheet.rows)]
    if not rows:
        raise Invalid("还没有填写。请至少填一行：谁、哪天、在哪里。")
    if len(rows) > MOST_ROWS:
        raise Invalid(f"一次最多 {MOST_ROWS} 行；请分成几次登记。")
    report, added, there = paper_sheet.decide(db, scope, county, rows, sheet.answers)
    if added:
        paper.store(db, county, {draft.id: draft.paper for draft in added})
        for draft in added:
            subject = f"patrol/{draft.id}"
            audit.record(db, scope.actor, "patrols.paper", county_id=county.id, subject=subject)
    if sheet.photo:
        ids = dict.fromkeys(draft.id for draft in (*added, *there))
        photos.keep_sheet(db, scope, folder, ids, sheet.photo)
    return [TypedRow(row.number - 1, [line for line in report if row.number in line.rows]) for row in rows]


def _filled(rows: Sequence[Mapping[str, str]]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the rows that say something; what of `CARRIED` they leave out is as in the one above."""
    above: dict[str, str] = {}
    for number, said in enumerate(rows):
        own = {key: words for key in FIELDS if (words := printable(said.get(key, "")).strip())}
        # A new page proposes a day in its first row: that alone is no outing.
        if own.keys() - set(CARRIED):
            above = {**{key: above[key] for key in CARRIED if key in above}, **own}
            yield number, above
        elif own.keys() - {"day"}:
            yield number, own


def _row(number: int, said: Mapping[str, str], sheet: TypedSheet) -> Row:
    """Return a typed row as one of a table; the first one is row 1."""
    values = dict(said)
    too_long = [zh for key, zh in FIELDS.items() if len(values.get(key, "")) > LONGEST]
    values["evidence"] = sheet.evidence.zh
    if sheet.evidence is Evidence.STATED and (told_to := printable(sheet.told_to).strip()[:60]):
        values["told_to"] = told_to
    problem = f"「{too_long[0]}」超过 {LONGEST} 字，请写短一些" if too_long else None
    return Row(number + 1, values, tuple(values.values()), problem)
