"""What becomes of a duty that somebody names: it is there, it ends, it is new, or it overlaps another."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from geo_service.imports import Outcome, ReportRow
from geo_service.people import parts
from geo_service.people.drafts import DutyDraft, DutySpan, Part
from geo_service.people.lookup import Ground, PersonName, Unclear
from layers.vocabulary import DutyKind, Level, Role

PARTLY = "部分范围"
"""How a list calls cells of an area place: which, its duty knows."""


@dataclass(frozen=True)
class Ending:
    """A stored duty that gets a last day, inclusive."""

    duty_id: int
    last_day: dt.date


@dataclass(frozen=True)
class Wish:
    """A duty as a row means it; days that are not said are None."""

    role: Role
    kind: DutyKind
    level: Level
    part: Part = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None


class Overlap(Unclear):
    """The person already has such a duty on a part of the place at that time."""


def check_overlap(held: Iterable[DutySpan], wanted: DutyDraft | DutySpan) -> None:
    """Raise Overlap if the person already has such a duty on a part of the place at that time."""
    for duty in held:
        if _office(duty) != _office(wanted) or not duty.meets(wanted.first_day, wanted.last_day):
            continue
        if parts.overlap(duty.part, wanted.part):
            until = f"至 {duty.last_day}" if duty.last_day else "起长期"
            raise Overlap(
                f"这个人对{parts.in_words(duty.part)}已有同样的职责（{duty.first_day} {until}），"
                "时间和范围有重叠。请先结束原来的，或改正起止"
            )


class Planner:
    """Takes rows one by one; what a row adds is known to the rows after it."""

    def __init__(self, duties: Iterable[DutySpan], today: dt.date) -> None:
        self.added: list[DutyDraft] = []
        self.ended: list[Ending] = []
        self.met: set[int] = set()
        """Ids of the stored duties that rows speak of."""
        self._today = today
        self._held: dict[int, list[DutySpan]] = defaultdict(list)
        for duty in duties:
            self._held[duty.place_id].append(duty)
        self._row_of: dict[DutySpan, int] = {}

    def settle(self, row: int, person: PersonName, place: Ground, wish: Wish) -> ReportRow:
        """Decide what becomes of a duty of a known person for a known place. Raises Unclear."""
        subject = f"{person.name} {place.label}"
        held = self._this_one(person, place, wish)
        if held is not None:
            return self._existing(row, subject, held, wish)
        return self._add(row, subject, person, place, wish)

    def part_of(self, duty: str, person: PersonName, place: Ground) -> Part:
        """Return the part of a place that a stored duty (its id as text) is for. Raises Unclear."""
        for held in self._held[place.id]:
            if str(held.duty_id) == duty and held.person_id == person.id:
                return held.part
        raise Unclear(f"「{PARTLY}」要凭职责号才知道是哪里，这里的职责号对不上；请写村名或图形")

    def _this_one(self, person: PersonName, place: Ground, wish: Wish) -> DutySpan | None:
        """Return the duty that the row speaks of, if it is there.

        With a first day it is the one of that day, else the one in force, else the latest: a row without
        days does not begin again what has ended since.
        """
        office = (person.id, wish.role, wish.kind, wish.level)
        own = [
            held
            for held in self._held[place.id]
            if (held.person_id, held.role, held.kind, held.level) == office
            if parts.equal(held.part, wish.part)
        ]
        if wish.first_day is not None:
            return next((held for held in own if held.first_day == wish.first_day), None)
        own = [held for held in own if wish.last_day in (None, held.last_day) or self._lasts(held)]
        return max(own, key=lambda held: (self._lasts(held), held.first_day), default=None)

    def _lasts(self, held: DutySpan) -> bool:
        return held.last_day is None or held.last_day >= self._today

    def _existing(self, row: int, subject: str, held: DutySpan, wish: Wish) -> ReportRow:
        earlier = self._row_of.get(held)
        self.met.add(held.duty_id)
        if wish.last_day is None or wish.last_day == held.last_day:
            self._row_of[held] = row
            return ReportRow(Outcome.SAME, [row], subject, self._unchanged(held, wish, earlier))
        if earlier:
            raise Unclear(f"与第 {earlier} 行是同一职责，结束日期却不一样，请合成一行")
        changed = replace(held, last_day=wish.last_day)
        _check_order(held.first_day, wish.last_day)
        here = self._held[held.place_id]
        check_overlap((other for other in here if other is not held), changed)
        here.remove(held)
        self._hold(changed, row)
        self.ended.append(Ending(held.duty_id, wish.last_day))
        detail = f"结束日期 {held.last_day or '长期'} → {wish.last_day}"
        return ReportRow(Outcome.CHANGED, [row], subject, detail)

    def _unchanged(self, held: DutySpan, wish: Wish, earlier: int | None) -> str:
        if earlier:
            return f"与第 {earlier} 行重复"
        if held.last_day is None or wish.last_day is not None:
            return ""
        again = "" if self._lasts(held) else "；要重新开始请写开始日期"
        return f"已登记到 {held.last_day} 为止{again}"

    def _add(self, row: int, subject: str, person: PersonName, place: Ground, wish: Wish) -> ReportRow:
        first_day = wish.first_day or self._today
        _check_order(first_day, wish.last_day)
        draft = DutyDraft(
            person.id,
            place.id,
            wish.role,
            first_day,
            wish.last_day,
            wish.kind,
            wish.level,
            **parts.stored_as(wish.part),
        )
        here = self._held[place.id]
        check_overlap(here, draft)
        others = {
            held.name or "（已删除）"
            for held in here
            if held.kind is draft.kind and held.person_id != person.id
            if held.meets(first_day, draft.last_day) and parts.overlap(held.part, draft.part)
        }
        self.added.append(draft)
        self._hold(_as_held(draft, person.name), row)
        told = f"{draft.role.zh} {parts.in_words(draft.part)}，自 {first_day}"
        shared = f"；同一段还有{'、'.join(sorted(others)[:5])}" if others else ""
        return ReportRow(Outcome.ADDED, [row], subject, told + shared)

    def _hold(self, duty: DutySpan, row: int) -> None:
        self._held[duty.place_id].append(duty)
        self._row_of[duty] = row


def _office(duty: DutyDraft | DutySpan) -> tuple[object, ...]:
    return duty.person_id, duty.place_id, duty.role, duty.kind, duty.level


def _check_order(first_day: dt.date, last_day: dt.date | None) -> None:
    if last_day is not None and last_day < first_day:
        raise Unclear(f"结束日期 {last_day} 早于开始日期 {first_day}")


def _as_held(draft: DutyDraft, name: str) -> DutySpan:
    return DutySpan(
        0,
        draft.place_id,
        draft.person_id,
        name,
        draft.role,
        draft.kind,
        draft.level,
        draft.first_day,
        draft.last_day,
        draft.spans,
        draft.cells,
    )
