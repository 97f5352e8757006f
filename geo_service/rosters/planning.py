"""What a roster would do: its places, people and duties decided together, row by row; nothing is stored.

A row is taken whole or not at all. What some rows say settles others, so the plan is made of all rows first;
where rows are refused or asked about, it is made again without them, until only rows that are taken remain.
"""

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from geo_service.imports import Outcome, ReportRow
from geo_service.people import charges, matching
from geo_service.people.drafts import DutyDraft, DutySpan, PersonDraft
from geo_service.people.known import Known
from geo_service.people.lookup import Areas, Ground, PersonName, Unclear
from geo_service.people.matching import Rights
from geo_service.people.roster import Told
from geo_service.rosters import placing
from geo_service.rosters.placing import NewPlace, PlaceChange
from geo_service.rosters.records import Fault, Named, Record
from layers import masks
from layers.drafts import Question

_STRONGEST = (
    Outcome.REFUSED, Outcome.ASKED, Outcome.ADDED, Outcome.MOVED, Outcome.CHANGED, Outcome.SAME,
)  # fmt: skip


@dataclass(frozen=True)
class Register:
    """What is stored already, as far as a roster needs it."""

    people: Sequence[Known]
    places: Sequence[Ground]
    duties: Sequence[DutySpan]
    areas: Areas
    allowed: frozenset[int] | None
    """The user's areas; None: all."""
    today: dt.date


@dataclass(frozen=True)
class RosterPlan:
    """What a roster would do, and what its rows speak of."""

    rows: Sequence[ReportRow]
    places_added: Sequence[NewPlace]
    places_changed: Mapping[int, PlaceChange]
    people_added: Sequence[PersonDraft]
    people_changed: Sequence[matching.Change]
    duties_added: Sequence[DutyDraft]
    """Those on new places carry the place's id below 0."""
    counts: Mapping[str, Counter[Outcome]]
    """By 对象, 人员, 职责: how many of each outcome."""
    met_people: frozenset[uuid.UUID] = frozenset()
    met_places: frozenset[int] = frozenset()
    met_duties: frozenset[int] = frozenset()
    """Ids of stored people, places and duties that rows speak of."""


@dataclass
class _Row:
    """What becomes of one row, as it is decided."""

    record: Record
    told: list[tuple[Outcome, str]] = field(default_factory=list)
    questions: dict[str, Question] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)

    def refuse(self, fault: Fault) -> None:
        self.told.append((Outcome.REFUSED, fault.text))
        self.wrong.update(fault.fields)

    def ask(self, question: Question, fields: Sequence[str], who: str = "") -> None:
        if question.id not in self.questions:
            self.told.append((Outcome.ASKED, f"{who}{question.text}"))
        self.questions[question.id] = question
        self.wrong.update(fields)

    @property
    def outcome(self) -> Outcome:
        found = {outcome for outcome, _ in self.told}
        return next((outcome for outcome in _STRONGEST if outcome in found), Outcome.SAME)

    @property
    def is_taken(self) -> bool:
        return self.outcome not in (Outcome.REFUSED, Outcome.ASKED)


def plan(
    records: Sequence[Record], register: Register, answers: Mapping[str, str], *, cautious: bool = False
) -> RosterPlan:
    """Decide all rows of a roster; `cautious` also asks about those who differ by a new phone only."""
    reports: dict[int, ReportRow] = {}
    more: list[ReportRow] = []
    rest = list(records)
    while True:
        deciding = _Deciding(rest, register, answers, cautious=cautious)
        for row in deciding.rows:
            if not row.is_taken:
                reports[row.record.row.number], *others = _left_out(row)
                more += others
        taken = [row.record for row in deciding.rows if row.is_taken]
        if len(taken) == len(rest):
            break
        rest = taken
    reports |= {row.record.row.number: _report(row) for row in deciding.rows}
    return deciding.plan([*(reports[number] for number in sorted(reports)), *more])


def _left_out(row: _Row) -> list[ReportRow]:
    """Return the report of a row that is not taken, and one more for each further question."""
    first, *others = row.questions.values() or [None]
    report = _report(row, first)
    return [report, *(replace(report, detail=q.text, question=q) for q in others if q)]


def _report(row: _Row, question: Question | None = None) -> ReportRow:
    outcome = row.outcome
    told = row.told
    if outcome in (Outcome.REFUSED, Outcome.ASKED):
        told = [(kind, text) for kind, text in told if kind in (Outcome.REFUSED, Outcome.ASKED)]
    texts = [*dict.fromkeys(text for _, text in told if text), *row.record.remarks]
    return ReportRow(
        outcome,
        [row.record.row.number],
        row.record.subject,
        "；".join(texts),
        question,
        cells=row.record.row.cells,
        wrong=tuple(sorted(row.wrong)),
    )


class _Deciding:
    """One pass over rows that are to be taken."""

    def __init__(
        self, records: Sequence[Record], register: Register, answers: Mapping[str, str], *, cautious: bool
    ) -> None:
        self.rows = [_Row(record) for record in records]
        self._register, self._answers = register, answers
        for row in self.rows:
            for fault in row.record.faults:
                row.refuse(fault)
        self._renews = cautious
        self._counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
        self._place()
        self._name(cautious)
        self._charge()

    def _place(self) -> None:
        """Decide the places."""
        register = self._register
        with_place = [row for row in self.rows if row.record.place is not None]
        said = [(row.record.row.number, row.record.place) for row in with_place if row.record.place]
        self.placed = placing.place(said, register.places, register.areas, register.allowed, self._answers)
        self.ground_of: dict[int, Ground] = {}
        added = {new.ground.id for new in self.placed.added}
        for k, row in enumerate(with_place):
            if k in self.placed.questions:
                row.ask(self.placed.questions[k], ("name", "code"))
                continue
            if k in self.placed.refused:
                row.refuse(Fault(self.placed.refused[k], ("name", "code", "township", "village")))
                continue
            ground = self.placed.grounds[k]
            self.ground_of[id(row)] = ground
            outcome, text = self._place_told(ground, added)
            row.told.append((outcome, text))
            if k in self.placed.remarks:
                row.told.append((outcome, self.placed.remarks[k]))

    def _place_told(self, ground: Ground, added: set[int]) -> tuple[Outcome, str]:
        if ground.id in added:
            return Outcome.ADDED, f"{ground.layer.zh}新增（未上图）"
        change = self.placed.changed.get(ground.id)
        if change is None:
            return Outcome.SAME, f"{ground.layer.zh}不变"
        return Outcome.CHANGED, f"{ground.layer.zh}变更：{'，'.join(change.told)}"

    def _name(self, cautious: bool) -> None:
        """Decide the people."""
        register = self._register
        self.named = [(row, one) for row in self.rows for one in row.record.people]
        stored = {known.id for known in register.people}
        told = [
            Told(row.record.row.number, one.draft, aside=True)
            if one.aside
            else matching.told_by(row.record.row.number, one.draft, stored)
            for row, one in self.named
        ]
        self.settled = matching.settle(
            told,
            register.people,
            register.areas,
            Rights(register.allowed),
            self._answers,
            cautious=cautious,
        )
        for k, (row, one) in enumerate(self.named):
            report = self.settled.reports[k]
            who = f"{one.heading}{one.draft.name}" if one.heading else one.draft.name
            if report.question is not None and report.outcome is Outcome.ASKED:
                row.ask(report.question, (one.field,), f"{one.heading}：" if one.heading else "")
            elif report.outcome is Outcome.REFUSED:
                row.refuse(Fault(f"{who}：{report.detail}", (one.field, f"{one.field}_phone")))
            else:
                detail = f"（{report.detail}）" if report.detail else ""
                row.told.append((report.outcome, f"{who} {report.outcome.zh}{detail}"))

    def _charge(self) -> None:
        """Decide the duties of those who are known on the places that are known."""
        register = self._register
        names = {known.id: known for known in register.people}
        new = {draft.id: draft for draft in self.settled.added}
        self.planner = charges.Planner(register.duties, register.today)
        for k, (row, one) in enumerate(self.named):
            ground, person_id = self.ground_of.get(id(row)), self.settled.people.get(k)
            if one.wish is None or ground is None or person_id is None:
                continue
            person = names.get(person_id) or new[person_id]
            person_name = PersonName(person_id, person.name, person.number, person.phone, person.area_id)
            is_new = self.settled.reports[k].outcome is Outcome.ADDED
            self._duty(row, one, person_name, ground, is_new=is_new)

    def _duty(self, row: _Row, one: Named, person: PersonName, ground: Ground, *, is_new: bool) -> None:
        if one.wish is None:
            return
        try:
            report = self.planner.settle(row.record.row.number, person, ground, one.wish)
            if self._renews and report.outcome is Outcome.SAME and "要重新开始" in report.detail:
                again = replace(one.wish, first_day=self._register.today)
                report = self.planner.settle(row.record.row.number, person, ground, again)
        except Unclear as reason:
            row.refuse(Fault(f"{one.draft.name}：{reason}", (one.field,)))
            return
        self._counts["职责"][report.outcome] += 1
        row.told.append((report.outcome, _duty_told(report, one, is_new=is_new)))

    def plan(self, reports: Sequence[ReportRow]) -> RosterPlan:
        """Return what the rows that are left do; `reports` are those of all rows."""
        counts = self._counts
        counts["对象"][Outcome.ADDED] += len(self.placed.added)
        counts["对象"][Outcome.CHANGED] += len(self.placed.changed)
        counts["人员"][Outcome.ADDED] += len(self.settled.added)
        counts["人员"][Outcome.CHANGED] += len(self.settled.changed)
        grounds = {ground.id for ground in self.placed.grounds.values() if ground.id > 0}
        counts["对象"][Outcome.SAME] += len(grounds) - len(self.placed.changed)
        people = set(self.settled.people.values()) - {draft.id for draft in self.settled.added}
        counts["人员"][Outcome.SAME] += len(people) - len(self.settled.changed)
        return RosterPlan(
            reports,
            self.placed.added,
            self.placed.changed,
            self.settled.added,
            self.settled.changed,
            self.planner.added,
            counts,
            frozenset(people),
            frozenset(grounds),
            frozenset(self.planner.met),
        )


def _duty_told(report: ReportRow, one: Named, *, is_new: bool) -> str:
    """Return what there is to tell of a duty: nothing where a new person's is new, or all is as it was."""
    if report.outcome is Outcome.ADDED:
        return "" if is_new else f"{one.draft.name} 职责新增"
    return f"{one.draft.name}：{report.detail}" if report.detail else ""


def contact(person: Known | PersonName) -> str:
    """Return what tells somebody from his namesakes, the phone masked."""
    marks = [f"编号 {person.number}" if person.number else "", masks.phone(person.phone) or ""]
    return f"{person.name}（{'，'.join(filter(None, marks)) or '无编号、电话'}）"
