"""Figures of a day and a period: counted, entered by hand, issued as a report that never changes."""

import datetime as dt
import math
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import audit, files, proofs
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas_service
from geo_service.clock import today_in, zone_in
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.figures import counts, queries
from geo_service.figures.counts import DaySums, Over
from geo_service.tables import County, FigureEntry, StoredFile
from layers import codes
from layers.figures import FIGURES, Code, Counted, Entry, Figure
from layers.periods import days_up_to
from layers.vocabulary import Right

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
    """All figures of the same days and areas."""

    asked: Asked
    figures: Mapping[Code, Counted]
    waiting: int
    """Patrols and services that wait for review and do not count; told for the whole county only."""
    outside: int
    """Entries by hand that meet the period but do not lie in it, and so are not counted."""
    by_day: Mapping[dt.date, int] = field(default_factory=dict)
    """Of X5, what began on which day; days without any are left out."""
    closed_by_day: Mapping[dt.date, int] = field(default_factory=dict)
    """Of X6, the cases that were closed on which day."""


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


def figures(db: Session, scope: Scope, asked: Asked, listed: Collection[Code] = ()) -> FigureTable:
    """Count all figures; those of `listed` come with the ids of the rows behind them."""
    first, last = asked.period.first, asked.period.last
    over = Over(scope.county_id, first, last, asked.areas)
    is_county = asked.areas is None
    entries = [queries.as_entry(row) for row in queries.entries(db, scope.county_id)] if is_county else []
    within = [entry for entry in entries if entry.within(first, last)]
    counts.plan_each(db)
    days, people = counts.by_day(db, over)
    closed = counts.closed_by_day(db, over)
    found = _numbers(counts.held(db, over), days, people, sum(closed.values()), within)
    ids = {code: counts.ids(db, over, code) for code in listed}
    for code in ids.keys() & {entry.code for entry in within}:
        ids[code] = sorted([*ids[code], *(entry.id for entry in within if entry.code is code)])
    return FigureTable(
        asked,
        {
            code: Counted(figure, *found[code], ids.get(code, ()), "没有填报" if is_county else "没有案件")
            for code, figure in FIGURES.items()
        },
        queries.waiting(db, scope.county_id, first, last) if is_county else 0,
        sum(entry.meets(first, last) for entry in entries) - len(within),
        {day.day: day.sessions for day in days if day.sessions},
        closed,
    )


def _numbers(
    held: Mapping[Code, int],
    days: Sequence[DaySums],
    people: int,
    closed: int,
    entries: Sequence[Entry],
) -> dict[Code, tuple[float | None, int]]:
    """Return each figure's value and how many rows are behind it."""
    outings, sessions = sum(day.outings for day in days), sum(day.sessions for day in days)
    solved = closed + sum(entry.value for entry in entries)
    is_known = closed or entries  # a county that follows no cases has none, which is no nought
    return {
        **{code: (number, number) for code, number in held.items()},
        Code.X5: (sessions, sessions),
        Code.X6: (solved if is_known else None, closed + len(entries)),
        Code.A1: (people, people),
        Code.A2: (sum(day.people for day in days), outings),
        Code.A3: (sum(day.hours for day in days), outings),
        Code.A4: (sum(day.walked_m for day in days) / 1000, sum(day.patrols for day in days)),
    }


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
