"""Rows of a 巡查记录表 as outings: who walked with whom, when, where, what was noted.

Every cell that the form knows ends in the outing, a question or a fault: none is lost.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from geo_service.errors import Invalid
from geo_service.imports import Outcome, ReportRow
from geo_service.patrols import paper
from geo_service.patrols.paper import Paper
from geo_service.people.drafts import question_id
from geo_service.people.lookup import Areas, People, PersonName, Places, Unclear, answer_to
from geo_service.tables import County, Json
from layers import masks, named, said
from layers.drafts import Question
from layers.sheets import Row
from layers.vocabulary import Evidence, Layer

NOTED = {
    "weather": "weather", "stretch": "way", "start": "start_place", "end": "end_place",
    "content": "content", "problems": "problem", "handling": "action", "note": "note",
    "told_to": "told_to",
}  # fmt: skip
"""What is kept as it was written: the field, and its word in the record of a patrol."""
MOST_TEXT = 2000
_PLACES = ("place", *(layer.value for layer in Layer))
_NOWHERE = frozenset(["无", "/", "-", "—", "——"])
_IDS = uuid.UUID("8f0c2b54-3f0f-5a53-9d1e-6a0a5c7b9d42")
"""Name space of the ids of outings that come from sheets: the same row has the same id."""
_BETWEEN = re.compile(r"[、，,;；/／|\n]+")
_FROM_TO = re.compile(r"[-–—―─~～至到→]+")
_EVIDENCE = {
    Evidence.PAPER: (Evidence.PAPER.zh, "纸质", "纸质表", "记录表"),
    Evidence.STATED: (Evidence.STATED.zh, "口头", "电话", "电话告知"),
}
T = TypeVar("T")


@dataclass(frozen=True)
class Draft:
    """A row that can be taken."""

    row: Row
    name: str
    id: uuid.UUID
    paper: Paper

    @property
    def told(self) -> str:
        """What the report calls it."""
        return f"{self.paper.day} {self.name}"


@dataclass(frozen=True)
class Names:
    """Whom and what a row may name."""

    walkers: People
    companions: People
    places: Places
    areas: Areas


class _Asked(Exception):
    """What a row means has to be asked."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.text)
        self.question = question


class Reader:
    """What the rows of one sheet are read with."""

    def __init__(self, county: County, names: Names, answers: Mapping[str, str]) -> None:
        self.county, self.names, self.answers = county, names, answers

    def read(self, row: Row) -> Draft | list[ReportRow]:
        """Return the outing of a row, or why there is none: all that is wrong or to be asked."""
        if row.problem:
            return [_report(Outcome.REFUSED, row, row.problem)]
        found: list[ReportRow] = []
        times = _tried(found, row, ("day", "when", "times", "from", "until"), lambda: _times(row.values))
        people = _tried(found, row, ("person", "companions", "number", "phone"), lambda: self._people(row))
        places = _tried(found, row, (*_PLACES, "code", "township", "village"), lambda: self._places(row))
        record = _tried(found, row, tuple(NOTED), lambda: _noted(row.values))
        evidence = _tried(found, row, ("evidence",), lambda: _evidence(row.values))
        if found or times is None or people is None or places is None or record is None or evidence is None:
            return found
        (day, begins, ends), (walker, companions) = times, people
        told = Paper(walker.id, day, begins, ends, places, companions, record, evidence)
        _tried(found, row, ("day", "when"), lambda: paper.check(self.county, told))
        id_ = uuid.uuid5(_IDS, f"{self.county.code}/{told.sha256.hex()}")
        return found or Draft(row, walker.name, id_, told)

    # --- who

    def _people(self, row: Row) -> tuple[PersonName, tuple[uuid.UUID, ...]]:
        """Return the walker and who came along. Raises ValueError, _Asked."""
        values, names = row.values, self.names
        written = _named(values.get("person", ""), names.walkers, names.companions)
        phones = named.phones(values.get("phone", ""))
        if not written and "number" not in values:
            raise Unclear("没有巡查人，请写姓名或编号")
        first, *others = written or [named.Named("")]
        # A phone in a column of its own is the walker's; several are everybody's, in their order.
        if len(phones) == 1 or not others:
            (first,) = named.joined([first], phones)
        else:
            first, *others = named.joined(written, phones)
        others += _named(values.get("companions", ""), names.companions)
        walker = self._one(names.walkers, first, values.get("number"), row)
        along = {self._one(names.companions, other, None, row).id for other in others}
        return walker, tuple(sorted(along - {walker.id}))

    def _one(self, people: People, one: named.Named, number: str | None, row: Row) -> PersonName:
        found = people.find(one.name or None, number, None)
        if one.phones:
            his = [person for person in found if person.phone in one.phones]
            found = his or [person for person in found if person.phone is None]
            if not found:
                raise Unclear(f"「{one.name or number}」登记的电话与这里写的不同，请核对是不是这一位")
        choices = [(person, str(person.id), self._described(person)) for person in found]
        return self._chosen(choices, f"有 {len(found)} 位「{one.name or number}」，是哪一位？", one.name, row)

    def _described(self, person: PersonName) -> str:
        marks = [f"编号 {person.number}" if person.number else "", masks.phone(person.phone) or ""]
        marks.append(self.names.areas.path(person.area_id))
        return f"{person.name}（{'，'.join(filter(None, marks)) or '无编号、电话'}）"

    # --- where

    def _places(self, row: Row) -> tuple[int, ...]:
        """Return the places that a row names, each once, the first of them the main one."""
        area_id = self.names.areas.find(row.values.get("township"), row.values.get("village"))
        written = list(_written(row.values, self.names.places))
        codes = _words(row.values.get("code", ""))
        if codes:
            name, layer = written[0] if len(written) == len(codes) == 1 else (None, None)
            found = [self._place(name, code, layer, area_id, row) for code in codes]
        else:
            found = [self._place(name, None, layer, area_id, row) for name, layer in written]
        return tuple(dict.fromkeys(found))

    def _place(
        self, name: str | None, code: str | None, layer: Layer | None, area_id: int | None, row: Row
    ) -> int:
        found = self.names.places.find(name, code, layer, area_id)
        if area_id is None and len(found) > 1:
            titled = self.names.areas.titled(row.sheet, row.section)
            found = [place for place in found if titled in place.area_ids] or found
        choices = [
            (place, f"{place.layer}/{place.code}", f"{place.layer.zh} {place.label}") for place in found
        ]
        called = name or code or ""
        return self._chosen(choices, f"有 {len(found)} 处「{called}」，是哪一处？", called, row).id

    def _chosen(self, choices: Sequence[tuple[T, str, str]], text: str, called: str, row: Row) -> T:
        """Return the only choice, or that of an answer. Raises _Asked, Unclear."""
        if len(choices) == 1:
            return choices[0][0]
        choices = sorted(choices, key=lambda choice: choice[1])
        where = [row.values.get(key) for key in ("township", "village")]
        asked = question_id("records", called, *where, *(key for _, key, _ in choices))
        question = Question(asked, text, {str(k): words for k, (_, _, words) in enumerate(choices, 1)})
        answer = answer_to(question, self.answers)
        if answer is None:
            raise _Asked(question)
        return choices[int(answer) - 1][0]


def _tried(found: list[ReportRow], row: Row, fields: Sequence[str], read: Callable[[], T]) -> T | None:
    """Return what some cells say, or None and a line of the report more."""
    try:
        return read()
    except _Asked as asked:
        found.append(_report(Outcome.ASKED, row, asked.question.text, question=asked.question))
    except (ValueError, Invalid) as error:
        reason = str(getattr(error, "detail", error)).removesuffix("。")
        quoted = [key for key in fields if key in row.values and f"「{row.values[key][:20]}」" in reason]
        found.append(_report(Outcome.REFUSED, row, reason, wrong=tuple(quoted or fields)))
    return None


def _report(
    outcome: Outcome, row: Row, detail: str, *, question: Question | None = None, wrong: tuple[str, ...] = ()
) -> ReportRow:
    when = row.values.get("day") or row.values.get("when")
    subject = " ".join(filter(None, (when, row.values.get("person") or row.values.get("number"))))
    return ReportRow(outcome, [row.number], subject[:60], detail, question, cells=row.cells, wrong=wrong)


def _words(text: str) -> list[str]:
    return [word.strip() for word in _BETWEEN.split(text) if word.strip() and word.strip() not in _NOWHERE]


def _named(text: str, *known: People) -> list[named.Named]:
    """Return whom a cell names: what the register knows as it stands there, else as offices write people."""
    words = _words(text)
    if words and all(any(people.knows(word) for people in known) for word in words):
        return [named.Named(word) for word in words]
    return named.people(text)


def _written(values: Mapping[str, str], places: Places) -> Iterator[tuple[str, Layer | None]]:
    """Yield the names of places in a row, and the layer whose column they stand in."""
    for key in _PLACES:
        text = values.get(key, "")
        layer = None if key == "place" else Layer(key)
        yield from ((name, layer) for name in ([text] if places.knows(text) else _words(text)))


# --- when


def _times(values: Mapping[str, str]) -> tuple[dt.date, dt.time | None, dt.time | None]:
    """Return day, begin and end; who fills in a form writes them into one cell, two or three."""
    moments = {
        key: said.moment(values[key]) for key in ("day", "when", "times", "from", "until") if key in values
    }
    days = {day for day, _ in moments.values() if day is not None}
    if not days:
        written = values.get("day") or values.get("when")
        raise Unclear(
            f"「{written[:20]}」不是日期，请写成 2024-03-01" if written else "没有日期，请补上或删去这一行"
        )
    if len(days) > 1:
        raise Unclear(f"写了 {len(days)} 个日期：{'、'.join(map(str, sorted(days)))}，请分成几行或核对")
    clocks = {key: times for key, (_, times) in moments.items() if times}
    stated = [(clocks.get("from", []), clocks.get("until", []))]
    stated += [(clocks[key][:1], clocks[key][1:]) for key in ("times", "when", "day") if key in clocks]
    ways = {_ends(*both) for both in stated} - {(None, None)}
    if len(ways) > 1:
        raise Unclear("起止时间在两处写得不一样，请核对")
    begins, ends = next(iter(ways), (None, None))
    return days.pop(), begins, ends


def _ends(begins: Sequence[dt.time], ends: Sequence[dt.time]) -> tuple[dt.time | None, dt.time | None]:
    if len(begins) > 1 or len(ends) > 1:
        raise Unclear("开始时间、结束时间各写一个，例如 8:00 和 9:30")
    return next(iter(begins), None), next(iter(ends), None)


# --- what it rests on, and what was noted


def _evidence(values: Mapping[str, str]) -> Evidence:
    """Return what a row says that it rests on; who took a call has heard it."""
    written = values.get("evidence")
    if written is None:
        return Evidence.STATED if "told_to" in values else Evidence.PAPER
    found = [word for word, texts in _EVIDENCE.items() if written in texts]
    if not found:
        raise Unclear(f"「{written[:20]}」不是这里登记的凭证，请写“纸质记录”或“口头告知”")
    return found[0]


def _noted(values: Mapping[str, str]) -> Json:
    noted = {word: values[key] for key, word in NOTED.items() if key in values}
    for key, word in NOTED.items():
        if len(noted.get(word, "")) > MOST_TEXT:
            raise Unclear(f"「{values[key][:20]}」……超过 {MOST_TEXT} 字，请写短一些")
    ends = [part.strip() for part in _FROM_TO.split(noted.get("way", "")) if part.strip()]
    if len(ends) == 2 and noted.keys().isdisjoint(("start_place", "end_place")):
        del noted["way"]
        noted |= zip(("start_place", "end_place"), ends, strict=True)
    return noted
