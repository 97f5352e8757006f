"""Figures of a day and a period: counted, entered by hand, issued as a report that never changes."""

import dataclasses
import datetime as dt
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import audit, files, proofs
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas_service
from geo_service.clock import today_in, zone_in
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.figures import queries
from geo_service.figures.queries import Facts
from geo_service.tables import County, FigureEntry, StoredFile
from layers import codes
from layers.figures import FIGURES, Code, Counted, Figure, Outing, Problem, Term, count, sessions_by_day
from layers.periods import days_up_to
from layers.vocabulary import Right

Fact = TypeVar("Fact", Term, Outing, Problem)
READERS = (*CHANGE, Right.PLANNER)
YEAR_DAYS = 365
MOST_VALUE, MOST_NOTE = 1e9, 1000


@dataclass(frozen=True)
class Period:
    """First and last local day, both included. Raises Invalid if they are turned around."""

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise Invalid(f"时段的开始（{self.first}）在结束（{self.last}）之后；请把两个日期对调。")
        if self.last == dt.date.max:
            raise Invalid(f"日期 {self.last} 不在可用的范围内；请改用近年的日期。")

    @property
    def words(self) -> str:
        """The period as people read it."""
        return f"{self.first} 至 {self.last}"


@dataclass(frozen=True)
class Asked:
    """Of what figures are asked: a period, and the areas to which they are cut (None: the whole county)."""

    period: Period
    areas: frozenset[int] | None
    area_id: int | None = None
    """The one area that was named."""
    area_name: str | None = None


@dataclass(frozen=True)
class FigureTable:
    """All figures over the same facts."""

    asked: Asked
    figures: Mapping[Code, Counted]
    waiting: int
    """Patrols and services that wait for review and do not count; told for the whole county only."""
    outside: int
    """Entries by hand that meet the period but do not lie in it, and so are not counted."""
    by_day: Mapping[dt.date, int] = field(default_factory=dict)
    """Of X5, what began on which day; days without any are left out."""


def usual_period(db: Session, scope: Scope) -> Period:
    """Return the period of who names none: the year up to today; of a made-up county, up to its last outing.

    Not up to the last outing of a real one: a roster that came in since would not be told.
    """
    last = today_in(db, scope.county_id)
    if db.get_one(County, scope.county_id).made_up:
        last = min(queries.last_outing(db, scope.county_id) or last, last)
    return Period(days_up_to(last, YEAR_DAYS).first, last)


def asked(
    db: Session,
    scope: Scope,
    first: dt.date | None = None,
    last: dt.date | None = None,
    area: str | None = None,
) -> Asked:
    """Return what is asked, cut to the areas of the scope. Raises Forbidden, NotFound (the area), Invalid."""
    scope.demand(*READERS)
    period = usual_period(db, scope)
    if first is not None or last is not None:
        until = last or period.last
        period = Period(first or days_up_to(until, YEAR_DAYS).first, until)
    own = scope.areas(*READERS)
    if area is None:
        return Asked(period, own, *_only_area(db, scope, own))
    tree = {found.code: found for found in areas_service.seen_areas(db, scope)}
    named = tree.get(codes.full(area))
    if named is None:
        raise areas_service.no_area()
    if named.parent_id is None and own is None:
        return Asked(period, None)
    below = areas_service.descendants(db, scope.county_id, [named.id])
    if own is not None and named.id not in own:
        raise areas_service.no_area()
    return Asked(period, below, named.id, named.name)


def _only_area(db: Session, scope: Scope, own: frozenset[int] | None) -> tuple[int | None, str | None]:
    """Return the one area that holds all of the scope, where there is one."""
    if own is None:
        return None, None
    seen = {area.id: area for area in areas_service.seen_areas(db, scope) if area.id in own}
    tops = [area for area in seen.values() if area.parent_id not in seen]
    return (tops[0].id, tops[0].name) if len(tops) == 1 else (None, None)


def figures(db: Session, scope: Scope, asked: Asked) -> FigureTable:
    """Count all figures."""
    period = asked.period
    facts = queries.facts(db, scope.county_id, period.first, period.last, by_area=asked.areas is not None)
    if asked.areas is not None:
        outings = _here(facts.outings, asked.areas)
        return FigureTable(asked, counted_in(facts, asked.areas), 0, 0, sessions_by_day(outings))
    entries = [queries.as_entry(row) for row in queries.entries(db, scope.county_id)]
    within = [entry for entry in entries if entry.within(period.first, period.last)]
    meeting = sum(entry.meets(period.first, period.last) for entry in entries)
    return FigureTable(
        asked,
        count(facts.terms, facts.outings, within, facts.problems),
        queries.waiting(db, scope.county_id, period.first, period.last),
        meeting - len(within),
        sessions_by_day(facts.outings),
    )


def counted_in(facts: Facts, areas: Iterable[int]) -> dict[Code, Counted]:
    """Count the figures over the facts that belong to any of the areas; entries by hand are the county's."""
    chosen = frozenset(areas)
    found = count(_here(facts.terms, chosen), _here(facts.outings, chosen), (), _here(facts.problems, chosen))
    return {
        code: dataclasses.replace(counted, missing="没有案件") if counted.figure.by_hand else counted
        for code, counted in found.items()
    }


def _here(facts: Iterable[Fact], areas: frozenset[int]) -> list[Fact]:
    """Return the facts that belong to any of the areas."""
    return [fact for fact in facts if not areas.isdisjoint(fact.areas)]


# --- entries by hand


@dataclass(frozen=True)
class EntryTold:
    """An entry by hand as it is told."""

    id: int
    figure: Figure
    first_day: dt.date
    last_day: dt.date
    value: float
    note: str
    by: str
    """Who entered it: a login, or the user of the operating system."""
    entered_at: dt.datetime
    withdrawn_at: dt.datetime | None


@dataclass(frozen=True)
class EntryRequest:
    """A figure as someone enters it by hand."""

    code: Code
    first_day: dt.date
    last_day: dt.date
    value: float
    note: str


def enter(db: Session, scope: Scope, request: EntryRequest) -> int:
    """Store a figure by hand and return its number; what stands is withdrawn, never overwritten.

    Errors: Forbidden (needs the whole county), Invalid, Conflict (an entry of these days stands).
    """
    scope.demand_county(*CHANGE)
    figure = FIGURES[request.code]
    if not figure.by_hand:
        raise Invalid(f"“{figure.title}”由登记的数据算出，不能人工填报。")
    period = Period(request.first_day, request.last_day)
    if period.last > today_in(db, scope.county_id):
        raise Invalid("时段还没有结束；请填到今天为止。")
    if not (math.isfinite(request.value) and 0 <= request.value <= MOST_VALUE and request.value % 1 == 0):
        raise Invalid("数值要是不小于 0 的整数。")
    note = request.note.strip()
    if not note or len(note) > MOST_NOTE or "\0" in note:
        raise Invalid(f"请写明依据（{MOST_NOTE} 字以内），例如：问题台账第 1 至 234 号。")
    queries.lock_entries(db, scope.county_id)
    for row in queries.entries(db, scope.county_id):
        held = queries.as_entry(row)
        if held.code is request.code and held.meets(period.first, period.last):
            raise Conflict(
                f"{held.first_day} 至 {held.last_day} 已填报 {figure.exactly(held.value)}，时段重叠会重复计；"
                "请先撤回那一条，或改时段。"
            )
    row = queries.add_entry(
        db,
        FigureEntry(
            county_id=scope.county_id,
            figure=request.code,
            days=Range(period.first, period.last + dt.timedelta(days=1)),
            value=request.value,
            note=note,
            account_id=scope.actor.account_id,
            os_user=scope.actor.os_user,
        ),
    )
    _record(db, scope, "figures.enter", f"figure_entry/{row.id}", figure=request.code.value)
    return row.id


def withdraw(db: Session, scope: Scope, entry_id: int) -> None:
    """Withdraw an entry: it stays and counts no more. Twice changes nothing."""
    scope.demand_county(*CHANGE)
    row = _entry(db, scope, entry_id, locked=True)
    if row.withdrawn_at is None:
        queries.withdraw(db, entry_id, dt.datetime.now(dt.UTC))
        _record(db, scope, "figures.withdraw", f"figure_entry/{entry_id}")


def entries(db: Session, scope: Scope) -> list[EntryTold]:
    """Return all entries by hand, withdrawn ones too, the latest period first."""
    scope.demand_county(*READERS)
    zone = zone_in(db, scope.county_id)
    return [
        EntryTold(
            row.id,
            FIGURES[Code(row.figure)],
            *queries.days_of(row.days),
            row.value,
            row.note,
            login or (f"命令行（{row.os_user}）" if row.os_user else "（已删除）"),
            row.created_at.astimezone(zone),
            row.withdrawn_at.astimezone(zone) if row.withdrawn_at else None,
        )
        for row, login in queries.entries_told(db, scope.county_id)
    ]


def add_proof(
    db: Session, scope: Scope, folder: Path, entry_id: int, source: BinaryIO, name: str | None
) -> StoredFile:
    """Keep a photo or PDF on which an entry rests."""
    scope.demand_county(*CHANGE)
    subject = f"figure_entry/{_entry(db, scope, entry_id).id}"
    kept = proofs.keep(db, folder, source, county_id=scope.county_id, subject=subject, name=name)
    _record(db, scope, "figures.proof", subject)
    return kept


def proofs_of(db: Session, scope: Scope, entry_id: int) -> list[StoredFile]:
    """Return the proofs of an entry, the oldest first."""
    scope.demand_county(*READERS)
    return files.of_subject(db, scope.county_id, f"figure_entry/{_entry(db, scope, entry_id).id}")


def proof(db: Session, scope: Scope, entry_id: int, file_id: uuid.UUID) -> StoredFile | None:
    """Return one proof of an entry."""
    scope.demand_county(*READERS)
    subject = f"figure_entry/{_entry(db, scope, entry_id).id}"
    return queries.file(db, scope.county_id, subject, file_id)


def _entry(db: Session, scope: Scope, entry_id: int, *, locked: bool = False) -> FigureEntry:
    row = queries.entry(db, scope.county_id, entry_id, locked=locked)
    if row is None:
        raise NotFound("没有这条填报，或不在您的权限内。")
    return row


def _record(db: Session, scope: Scope, action: str, subject: str, **detail: Any) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=subject, **detail)
