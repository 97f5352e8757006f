"""Whether the people of a roster are the people of the register: by number, else by name and phone."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from geo_service.imports import Outcome, ReportRow
from geo_service.people import known as known_
from geo_service.people.drafts import PersonDraft, question_id
from geo_service.people.known import Known
from geo_service.people.lookup import Areas, Unclear, answer_to
from geo_service.people.roster import (
    FIELDS,
    Entry,
    Told,
    consistent,
    draft_of,
    entries,
)
from layers import masks
from layers.drafts import Question
from layers.sheets import Row

NEW = "new"
SAME = "same"


@dataclass(frozen=True)
class Change:
    """New values of a stored person, by column."""

    id: uuid.UUID
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a roster would do."""

    rows: Sequence[ReportRow]
    added: Sequence[PersonDraft]
    changed: Sequence[Change]


@dataclass(frozen=True)
class Rights:
    """Where the user may have people: None is the whole county."""

    areas: frozenset[int] | None


@dataclass(frozen=True)
class Settled:
    """Who is meant, by the position of what was told: reports for all of it, ids for who is known then."""

    reports: Mapping[int, ReportRow]
    people: Mapping[int, uuid.UUID]
    added: Sequence[PersonDraft]
    changed: Sequence[Change]


def plan(
    rows: Iterable[Row],
    register: Sequence[Known],
    areas: Areas,
    rights: Rights,
    answers: Mapping[str, str],
) -> Plan:
    """Decide for each row of a roster who it is and what changes; nothing is stored."""
    rows = list(rows)
    told, reports = _read(rows, areas, rights, {known.id for known in register})
    settled = settle(told, register, areas, rights, answers)
    reports |= {told[k].row: report for k, report in settled.reports.items()}
    return Plan(
        [replace(reports[row.number], cells=row.cells) for row in rows], settled.added, settled.changed
    )


def settle(
    told: Sequence[Told],
    register: Sequence[Known],
    areas: Areas,
    rights: Rights,
    answers: Mapping[str, str],
    *,
    cautious: bool = False,
) -> Settled:
    """Decide who is meant by all that is told of people.

    What has a number is decided first, then what has a phone: that settles who the others are. What has to
    be asked is tried again as long as others bring something new. `cautious` also asks where a stored
    person of the same village differs by his phone only.
    """
    found, contradicting = entries(told)
    reports = {
        k: ReportRow(Outcome.REFUSED, [told[k].row], told[k].draft.name, reason)
        for k, reason in contradicting.items()
    }
    matcher = _Matcher(register, areas, rights, answers, cautious=cautious)
    waiting = sorted(found, key=_turn)
    while waiting:
        matcher.asked.clear()
        for entry in waiting:
            reports |= dict(zip(entry.at, _taken(matcher, entry), strict=True))
        asked = [entry for entry in waiting if reports[entry.at[0]].outcome is Outcome.ASKED]
        waiting = asked if len(asked) < len(waiting) else []
    people = {k: id_ for entry in found if (id_ := matcher.person_of(entry.draft)) for k in entry.at}
    return Settled(reports, people, matcher.added(), matcher.changed())


def _turn(entry: Entry) -> tuple[object, ...]:
    """Return when an entry is decided; those named aside in an order that is not that of the file."""
    draft = entry.draft
    aside = (draft.name, draft.area_id or 0, draft.phone or "") if entry.aside else ()
    return not draft.number, not draft.phone, entry.aside, *aside


def _read(
    rows: Iterable[Row], areas: Areas, rights: Rights, stored: Collection[uuid.UUID]
) -> tuple[list[Told], dict[int, ReportRow]]:
    told: list[Told] = []
    refused: dict[int, ReportRow] = {}
    for row in rows:
        try:
            told.append(told_by(row.number, draft_of(row, areas, rights.areas), stored))
        except Unclear as reason:
            subject = row.values.get("name", "")
            refused[row.number] = ReportRow(Outcome.REFUSED, [row.number], subject, str(reason))
    return told, refused


def told_by(row: int, draft: PersonDraft, stored: Collection[uuid.UUID]) -> Told:
    """Return what a row of a list of people says; an id from elsewhere identifies nobody here."""
    by_id = draft.id in stored
    return Told(row, draft if by_id else replace(draft, id=uuid.uuid4()), by_id=by_id)


def _taken(matcher: "_Matcher", entry: Entry) -> list[ReportRow]:
    """Return what becomes of the rows of an entry: of the first as decided, the others repeat it."""
    first, name = entry.rows[0], entry.draft.name
    try:
        report = (matcher.take_aside if entry.aside else matcher.take)(first, entry.draft)
    except Unclear as reason:
        report = ReportRow(Outcome.REFUSED, [first], name, str(reason))
    settled = report.outcome not in (Outcome.REFUSED, Outcome.ASKED)
    outcome = Outcome.SAME if settled else report.outcome
    detail = f"与第 {first} 行是同一个人"
    return [report, *(ReportRow(outcome, [row], name, detail, report.question) for row in entry.rows[1:])]


class _Matcher:
    """Takes rows one by one; what a row tells is known to the rows after it."""

    def __init__(
        self,
        register: Sequence[Known],
        areas: Areas,
        rights: Rights,
        answers: Mapping[str, str],
        *,
        cautious: bool = False,
    ) -> None:
        self._cautious = cautious
        self.asked: dict[str, list[tuple[PersonDraft, Question]]] = defaultdict(list)
        self._areas, self._rights, self._answers = areas, rights, answers
        self._stored = {known.id: known for known in register}
        self._people = dict(self._stored)
        self._by_number = {known.number: known.id for known in register if known.number}
        self._by_name: dict[str, list[uuid.UUID]] = defaultdict(list)
        for known in register:
            self._by_name[known.name].append(known.id)
        self._row_of: dict[uuid.UUID, int] = {}
        self._person_of: dict[uuid.UUID, uuid.UUID] = {}

    def person_of(self, draft: PersonDraft) -> uuid.UUID | None:
        """Return who was found to be meant by a draft; None while that is asked or refused."""
        return self._person_of.get(draft.id)

    def added(self) -> list[PersonDraft]:
        """Return the people who are not stored yet."""
        new = (known for id_, known in self._people.items() if id_ not in self._stored)
        return [PersonDraft(k.name, k.number, k.phone, k.area_id, k.attributes, k.id) for k in new]

    def changed(self) -> list[Change]:
        """Return what differs from the stored."""
        pairs = ((old, self._people[id_]) for id_, old in self._stored.items())
        return [
            Change(new.id, known_.differences(known_.as_draft(new), old)) for old, new in pairs if old != new
        ]

    def take(self, row: int, draft: PersonDraft) -> ReportRow:
        """Decide what a row, or several, say. Raises Unclear for one that is refused."""
        known = self._stated(draft)
        if known is not None:
            decide = self._identified if known.id == draft.id else self._numbered
            return decide(row, draft, known)
        alike = [k for k in self._namesakes(draft) if not known_.told_apart(draft, k)]
        sure = [k for k in alike if draft.phone and k.phone == draft.phone and known_.no_conflict(draft, k)]
        if len(sure) == 1:
            return self._same_person(row, draft, sure[0])
        exact = [k for k in alike if known_.bare(draft, k) and k.id not in self._row_of]
        if exact:
            return self._same_person(row, draft, exact[0])
        if alike:
            return self._doubtful(row, draft, alike)
        for other, question in self.asked[draft.name]:
            if not known_.told_apart(draft, other):
                return self._ask(row, draft, question)
        return self._perhaps_new(row, draft)

    def take_aside(self, row: int, draft: PersonDraft) -> ReportRow:
        """Decide who is named beside a place: by number or phone, else whoever has this name around there.

        Raises Unclear for what is refused.
        """
        if draft.number in self._by_number:
            return self._numbered(row, draft, self._people[self._by_number[draft.number]], aside=True)
        alike = [k for k in self._namesakes(draft) if not known_.told_apart(draft, k)]
        sure = [k for k in alike if draft.phone and k.phone == draft.phone and known_.no_conflict(draft, k)]
        if len(sure) == 1:
            return self._same_person(row, draft, sure[0], aside=True)
        around = [k for k in alike if self._areas.around(draft.area_id, k.area_id)]
        here = [k for k in around if k.area_id == draft.area_id] or [
            k for k in around if self._areas.within(draft.area_id, k.area_id)
        ]
        if len(here) == 1 and not sure:
            return self._same_person(row, draft, here[0], aside=True)
        if around or sure:
            return self._doubtful(row, draft, sure or around, aside=True)
        for other, question in self.asked[draft.name]:
            if not known_.told_apart(draft, other) and self._areas.around(draft.area_id, other.area_id):
                return self._ask(row, draft, question)
        return self._perhaps_new(row, draft, aside=True)

    def _perhaps_new(self, row: int, draft: PersonDraft, *, aside: bool = False) -> ReportRow:
        """Take a new person; where that is doubtful, ask whether he is somebody who has another phone now."""
        twins = [
            known
            for known in self._namesakes(draft)
            if self._cautious and known.id in self._stored and known.id not in self._row_of
            if known.area_id == draft.area_id and known_.no_conflict(draft, known)
        ]
        if twins:
            return self._doubtful(row, draft, twins, aside=aside)
        # Beside a place a phone of his own says enough; without one his namesakes are worth a word.
        return self._new(row, draft, quiet=aside and draft.phone is not None)

    def _namesakes(self, draft: PersonDraft) -> list[Known]:
        found = [self._people[id_] for id_ in self._by_name[draft.name]]
        mine = [known for known in found if known.mine]
        return sorted(mine, key=lambda k: (k.number or "", k.phone or "", k.area_id or 0))

    def _stated(self, draft: PersonDraft) -> Known | None:
        """Return whom a draft's id or number states. Raises Unclear for masks of nobody."""
        id_ = draft.id if draft.id in self._stored else self._by_number.get(draft.number or "")
        if id_ is None and masks.is_masked(f"{draft.name}{draft.phone}"):
            raise Unclear("姓名或电话是遮挡过的，又没有认得的标识或编号，请写全")
        return None if id_ is None else self._people[id_]

    def _identified(self, row: int, draft: PersonDraft, known: Known) -> ReportRow:
        """Take what a row says of somebody whose id it states: what the register gave out comes back."""
        if not known.mine:
            raise Unclear("标识是别的辖区的人，请核对")
        if draft.number and self._by_number.get(draft.number, known.id) != known.id:
            raise Unclear(f"编号 {draft.number} 已经有人在用，请换一个")
        return self._same_person(row, known_.unmasked(draft, known), known)

    def _numbered(self, row: int, draft: PersonDraft, found: Known, *, aside: bool = False) -> ReportRow:
        if not found.mine:
            raise Unclear(f"编号 {draft.number} 已在别的辖区使用，请核对编号")
        draft = known_.unmasked(draft, found)
        if found.name == draft.name or (draft.phone and found.phone == draft.phone):
            return self._same_person(row, draft, found, aside=aside)
        question = Question(
            question_id("roster", "number", draft.number, draft.name, found.name),
            f"编号 {draft.number} 登记的是{found.name}，表里是{draft.name}。是同一个人吗？",
            {SAME: f"是同一个人，姓名改为{draft.name}", "skip": "不是，不导入这一行（请改编号）"},
        )
        answer = answer_to(question, self._answers)
        if answer == SAME:
            return self._same_person(row, draft, found, aside=aside)
        if answer == "skip":
            raise Unclear(f"编号 {draft.number} 已是{found.name}的，请改编号")
        return self._ask(row, draft, question)

    def _doubtful(
        self, row: int, draft: PersonDraft, alike: Sequence[Known], *, aside: bool = False
    ) -> ReportRow:
        choices = {str(i): known for i, known in enumerate(alike, 1)}
        answers = {key: f"就是{self._described(known)}" for key, known in choices.items()}
        answers[NEW] = "是另一个同名的人，新增"
        marks = [(k.number, k.phone, k.area_id) for k in alike]
        question = Question(
            question_id("roster", draft.name, draft.number, draft.phone, draft.area_id, *marks),
            f"{draft.name}有同名的人，编号和电话分不清是不是同一个人",
            answers,
        )
        answer = answer_to(question, self._answers)
        if answer is None:
            return self._ask(row, draft, question)
        if answer == NEW:
            return self._new(row, draft)
        return self._same_person(row, draft, choices[answer], aside=aside)

    def _ask(self, row: int, draft: PersonDraft, question: Question) -> ReportRow:
        self.asked[draft.name].append((draft, question))
        return ReportRow(Outcome.ASKED, [row], draft.name, question.text, question)

    def _same_person(self, row: int, draft: PersonDraft, known: Known, *, aside: bool = False) -> ReportRow:
        self._person_of[draft.id] = known.id
        if aside:
            draft = known_.beside(draft, known, told_before=known.id in self._row_of)
        values = known_.differences(draft, known)
        earlier = self._row_of.setdefault(known.id, row)
        if earlier != row and not consistent(draft, known_.as_draft(known)):
            raise Unclear(f"与第 {earlier} 行是同一个人，内容却不一样，请合成一行")
        repeated = f"与第 {earlier} 行是同一个人；" if earlier != row else ""
        if not values:
            return ReportRow(Outcome.SAME, [row], draft.name, repeated.rstrip("；"))
        self._remember(replace(known, **values))
        outcome = Outcome.CHANGED if known.id in self._stored else Outcome.SAME
        if outcome is Outcome.CHANGED and self._moves(values, known):
            outcome = Outcome.MOVED
        return ReportRow(outcome, [row], draft.name, repeated + self._told(values, known))

    def _moves(self, values: Mapping[str, Any], known: Known) -> bool:
        new = values.get("area_id")
        return new is not None and known.area_id is not None and not self._areas.around(new, known.area_id)

    def _new(self, row: int, draft: PersonDraft, *, quiet: bool = False) -> ReportRow:
        if self._rights.areas is not None and draft.area_id is None:
            raise Unclear("没有镇街，您只能登记自己辖区的人，请写明镇街或村")
        told = [self._areas.path(draft.area_id)] if draft.area_id else []
        namesakes = self._namesakes(draft)
        if namesakes and not quiet:
            told.append(f"另有同名的{'、'.join(self._described(k) for k in namesakes[:3])}")
        self._row_of[draft.id] = row
        self._person_of[draft.id] = draft.id
        self._remember(
            Known(draft.id, draft.name, draft.number, draft.phone, draft.area_id, draft.attributes)
        )
        return ReportRow(Outcome.ADDED, [row], draft.name, "；".join(told))

    def _remember(self, known: Known) -> None:
        old = self._people.get(known.id)
        if old is not None:
            self._by_name[old.name].remove(old.id)
        self._people[known.id] = known
        self._by_name[known.name].append(known.id)
        if known.number:
            self._by_number[known.number] = known.id

    def _described(self, known: Known) -> str:
        marks = [f"编号 {known.number}" if known.number else "", masks.phone(known.phone) or ""]
        marks += [self._areas.path(known.area_id)]
        if known.id in self._row_of:
            marks.append(f"第 {self._row_of[known.id]} 行")
        return f"{known.name}（{'，'.join(filter(None, marks)) or '无编号、电话'}）"

    def _told(self, values: Mapping[str, Any], known: Known) -> str:
        told = []
        for key, value in values.items():
            if key == "attributes":
                told += [
                    FIELDS[k][0] if k in FIELDS else k for k in value if value[k] != known.attributes.get(k)
                ]
            else:
                before, after = self._shown(key, getattr(known, key)), self._shown(key, value)
                told.append(f"{_WORDS[key]} {before or '无'} → {after}")
        return "；".join(told)

    def _shown(self, key: str, value: Any) -> str | None:
        if key == "area_id":
            return self._areas.path(value)
        return masks.phone(value) if key == "phone" else value


_WORDS = {"name": "姓名", "number": "编号", "phone": "电话", "area_id": "镇村"}
