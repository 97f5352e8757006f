"""The board: the open cases of a scope by state and by when they are due."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import cursors
from geo_service.accounts.narrow import cases_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.cases import board_queries as queries
from geo_service.cases import rules, whereabouts
from geo_service.cases.board_queries import Condition, Key, StateCount
from geo_service.cases.rules import Ground
from geo_service.columns import Column, Listing
from geo_service.errors import Invalid, NotFound
from layers.cases import OPEN, SETTLED
from layers.vocabulary import CaseState, Severity
from layers.worktime import WorkClock

MOST_ON_MAP, MOST_LISTED = 20_000, 100_000
COLUMNS = (
    Column("number", "编号"),
    Column("category", "类别"),
    Column("severity", "等级"),
    Column("place", "对象"),
    Column("area", "辖区"),
    Column("state", "状态"),
    Column("due", "还剩"),
    Column("due_at", "期限", "time"),
    Column("unit", "责任单位"),
    Column("words", "描述"),
    Column("opened_at", "上报时间", "time"),
)


class Only(StrEnum):
    """Which of the cases are asked for by time."""

    LATE = "late"
    TODAY = "today"
    ASKS = "asks"
    """That wait for the answer to a request for an extension."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see of the board; nothing said: all that is open."""

    state: CaseState | None = None
    every_state: bool = False
    """Also what is settled."""
    kind: str | None = None
    """The code of a kind, or of a category."""
    area: str | None = None
    """The code of a township or village."""
    unit_id: int | None = None
    place_id: int | None = None
    only: Only | None = None
    words: str = ""
    """Of its number, its words or its place."""
    own: bool = False
    """Those of the units for which the account acts."""


@dataclass(frozen=True)
class BoardRow:
    """A case in a list."""

    id: int
    number: str
    category: str
    what: str
    """Its category in words."""
    severity: Severity
    words: str | None
    state: CaseState
    place_id: int | None
    place: str | None
    area: str | None
    unit: str | None
    opened_at: dt.datetime
    """In the county's zone, as `due_at`."""
    due_at: dt.datetime | None
    left_s: float | None
    """Working seconds until it is due; less than 0: it is late."""
    due: str
    """How much is left, in plain words."""
    is_late: bool
    """Whether what is to be done now is past due."""
    was_late: bool
    supervision: int
    asked_days: int | None


@dataclass(frozen=True)
class Counts:
    """How many open cases a scope has."""

    by_state: Sequence[StateCount]
    """In the vocabulary's order, only those that are there."""
    open: int
    late: int
    today: int
    asks: int
    newest: int


@dataclass(frozen=True)
class Age:
    """How many open cases were told between so many days ago; past due among them."""

    words: str
    count: int
    late: int


@dataclass(frozen=True)
class Ages:
    """The open cases by how long ago they were told, the youngest first, and the oldest of them."""

    ages: Sequence[Age]
    oldest: Sequence[BoardRow]


@dataclass(frozen=True)
class OnMap:
    """Cases as a map draws them, thousands at a time."""

    rows: Sequence[Any]
    """As `board_queries.spots` returns them."""
    what: Mapping[tuple[int | None, str], str]
    """Category in words, by edition and code."""
    zone: ZoneInfo
    now: dt.datetime


@dataclass(frozen=True)
class Page:
    """A page of the board."""

    rows: Sequence[BoardRow]
    next: str | None
    """The cursor of what follows."""


def counts(db: Session, scope: Scope, *, own: bool = False) -> Counts:
    """Count the open cases of a scope."""
    ground = rules.ground(db, scope.county_id)
    where = [cases_in(scope), queries.is_open(), *_own(scope, own=own)]
    now = dt.datetime.now(dt.UTC)
    found = {one.state: one for one in queries.counts(db, where, now, _tomorrow(ground, now))}
    rows = [found[state] for state in CaseState if state in found]
    return Counts(
        rows,
        open=sum(one.count for one in rows),
        late=sum(one.late for one in rows),
        today=sum(one.today for one in rows),
        asks=sum(one.asks for one in rows),
        newest=max((one.newest for one in rows), default=0),
    )


AGES = (("今天", 0), ("1–3 天前", 3), ("4–7 天前", 7), ("8–30 天前", 30), ("更早", None))
"""Ages of open cases: in words, and how many days ago the oldest of them were told."""


def ages(db: Session, scope: Scope, *, most: int) -> Ages:
    """Count the open cases of a scope by age in days of the county, and return the `most` oldest."""
    ground, now = rules.ground(db, scope.county_id), dt.datetime.now(dt.UTC)
    where = [cases_in(scope), queries.is_open()]
    midnight = _tomorrow(ground, now) - dt.timedelta(days=1)
    since = [midnight - dt.timedelta(days=days) for _, days in AGES if days is not None]
    found = queries.by_age(db, where, now, since)
    told = [Age(words, *found.get(k, (0, 0))) for k, (words, _) in enumerate(AGES)]
    return Ages(told, told_rows(db, ground, queries.oldest(db, where, limit=most), now))


def page(db: Session, scope: Scope, asked: Asked, *, cursor: str | None = None, limit: int = 100) -> Page:
    """Return a page of the cases that are asked for: what is due first stands first.

    What is settled is due no more: where that is asked for, the latest stands first. Raises Invalid,
    NotFound (the area).
    """
    ground, now = rules.ground(db, scope.county_id), dt.datetime.now(dt.UTC)
    where = conditions(db, scope, ground, asked, now)
    newest_first = asked.every_state or asked.state in SETTLED
    found = queries.page(db, where, after=_key(cursor), newest_first=newest_first, limit=limit + 1)
    rows, more = found[:limit], len(found) > limit
    following = cursors.encode(rows[-1].due_at and rows[-1].due_at.isoformat(), rows[-1].id) if more else None
    return Page(told_rows(db, ground, rows, now), following)


def on_map(db: Session, scope: Scope, asked: Asked) -> OnMap:
    """Return the cases that are asked for as stored rows, and what tells them. Raises NotFound (the area)."""
    ground, now = rules.ground(db, scope.county_id), dt.datetime.now(dt.UTC)
    rows = queries.spots(db, conditions(db, scope, ground, asked, now), most=MOST_ON_MAP)
    trees = rules.editions(db, scope.county_id) if rows else {}
    codes = {row[2:4] for row in rows}
    what = {(edition, code): trees[edition].words(code) for edition, code in codes}
    return OnMap(rows, what, ground.zone, now)


def listing(db: Session, scope: Scope, asked: Asked) -> Listing:
    """Return all cases that are asked for as a list; it names no people. Raises NotFound (the area)."""
    ground, now = rules.ground(db, scope.county_id), dt.datetime.now(dt.UTC)
    where = conditions(db, scope, ground, asked, now)
    newest_first = asked.state in SETTLED
    stored = queries.page(db, where, after=None, newest_first=newest_first, limit=MOST_LISTED)
    rows = [
        (
            row.number, row.what, row.severity, row.place, row.area, row.state, row.due, row.due_at, row.unit,
            row.words, row.opened_at,
        )
        for row in told_rows(db, ground, stored, now)
    ]  # fmt: skip
    return Listing("open_cases", "在办案件", COLUMNS, rows)


def around(
    db: Session, county_id: int, lonlat: tuple[float, float], within_m: float
) -> Sequence[tuple[str, int, bytes]]:
    """Return layer, id and WKB of lines and compounds around a position, for a small map."""
    _, north_m = whereabouts.metres_a_degree(lonlat[1])
    return queries.shapes_near(db, county_id, lonlat, within_m / north_m)


def conditions(db: Session, scope: Scope, ground: Ground, asked: Asked, now: dt.datetime) -> list[Condition]:
    """Return what the cases must meet that somebody asks for. Raises NotFound (the area)."""
    found = [cases_in(scope), *_own(scope, own=asked.own)]
    if asked.state is not None:
        found.append(queries.in_state(asked.state))
    if not asked.every_state and asked.state not in SETTLED:
        found.append(queries.is_open())
    if asked.kind:
        found.append(queries.kind_or_category(asked.kind))
    if asked.area:
        root = areas.area_id_of(db, scope, asked.area)
        found.append(queries.in_areas(areas.descendants(db, scope.county_id, [root])))
    if asked.unit_id is not None:
        found.append(queries.handled_by(asked.unit_id))
    if asked.place_id is not None:
        found.append(queries.at_place(asked.place_id))
    if words := asked.words.strip():
        found.append(queries.says(words))
    return found + _by_time(ground, asked.only, now)


def told_rows(db: Session, ground: Ground, rows: Sequence[Any], now: dt.datetime) -> list[BoardRow]:
    """Return stored rows as a list tells them."""
    trees = rules.trees(db, ground, (row.category_edition_id for row in rows))
    told = []
    for row in rows:
        left_s = None if row.due_at is None else ground.clock.between(now, row.due_at)
        is_late = row.due_at is not None and row.due_at < now
        state = CaseState(row.state)
        told.append(
            BoardRow(
                row.id, row.number, row.category, trees[row.category_edition_id].words(row.category),
                Severity(row.severity), row.words, state, row.place_id, row.place, row.area, row.unit,
                row.opened_at.astimezone(ground.zone), row.due_at and row.due_at.astimezone(ground.zone),
                left_s, due_words(ground.clock, state, now, row.due_at), is_late, row.is_late,
                row.supervision, row.asked_days,
            )
        )  # fmt: skip
    return told


def due_words(clock: WorkClock, state: CaseState, now: dt.datetime, due_at: dt.datetime | None) -> str:
    """Return in plain words how much working time is left, or by how much it is past due.

    >>> from zoneinfo import ZoneInfo
    >>> clock, day = WorkClock(ZoneInfo("Asia/Shanghai")), dt.timedelta(days=1)
    >>> now = dt.datetime(2026, 3, 4, 9, 30, tzinfo=clock.zone)  # a Wednesday
    >>> later = (day / 3, day, 2 * day, -day / 9999, -day / 24, -day)
    >>> [due_words(clock, CaseState.HANDLING, now, now + shift) for shift in later]
    ['今天 17:30 到期', '还剩 1 天', '还剩 2 天', '刚超期', '超期 1 小时', '超期 1 天']
    >>> due_words(clock, CaseState.SUSPENDED, now, None)
    '挂账，不计时'
    """
    if due_at is None:
        return "挂账，不计时" if state is CaseState.SUSPENDED else "—"
    left_s = clock.between(now, due_at)
    days, hours = int(abs(left_s) // clock.day_s), int(abs(left_s) // 3600)
    span = f"{days} 天" if days else f"{hours} 小时" if hours else ""
    if due_at < now:
        return f"超期 {span}" if span else "刚超期"
    local = due_at.astimezone(clock.zone)
    if local.date() == now.astimezone(clock.zone).date():
        return f"今天 {local:%H:%M} 到期"
    return f"还剩 {span}" if span else "还剩不到 1 小时"


def id_called(db: Session, scope: Scope, number: str) -> int:
    """Return the id of the case of the scope with a number. Raises NotFound."""
    word = number.strip()
    found = queries.id_of(db, word, cases_in(scope)) if word and "\0" not in word else None
    if found is None:
        raise NotFound(f"没有编号「{word[:40]}」的案件，或不在您的权限内；编号像 2026-000123。")
    return found


def open_states() -> list[CaseState]:
    """Return the states in which something is still to be done, in the vocabulary's order."""
    return [state for state in CaseState if state in OPEN]


def _own(scope: Scope, *, own: bool) -> list[Condition]:
    return [queries.of_units(scope.actor.account_id)] if own else []


def _by_time(ground: Ground, only: Only | None, now: dt.datetime) -> list[Condition]:
    if only is Only.LATE:
        return [queries.is_late(now)]
    if only is Only.TODAY:
        return [queries.is_due_today(now, _tomorrow(ground, now))]
    return [queries.asks_for_more()] if only is Only.ASKS else []


def _tomorrow(ground: Ground, now: dt.datetime) -> dt.datetime:
    """Return when the county's day ends."""
    day = now.astimezone(ground.zone).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(), ground.zone)


def _key(cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    key = cursors.decode(cursor)
    try:
        moment, id_ = key
        if type(id_) is not int or not 0 <= id_ < 2**63 or not isinstance(moment, str | None):
            raise ValueError("not a key")
        due_at = None if moment is None else dt.datetime.fromisoformat(moment)
        if due_at is not None and due_at.tzinfo is None:
            raise ValueError("no zone")
        return due_at and due_at.astimezone(dt.UTC), id_
    except (ValueError, OverflowError) as error:
        raise Invalid("翻页参数 cursor 不是这个列表给出的，请从第一页重新开始。") from error
