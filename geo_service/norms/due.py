"""What is due under the norms in force: read, told by period, by person or place, by township.

States are told from all outings and exemptions of the county, so that a walk in the next township counts;
shown are the people and places of the scope.
"""

import dataclasses
import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import patrols_in, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today, today_in
from geo_service.columns import Column, Listing
from geo_service.errors import Invalid
from geo_service.norms import exemptions, queries, service
from geo_service.norms.service import NormRow
from geo_service.tables import County
from layers.dues import Due, Holding, Outing, Rates, State, dues, rates, reach
from layers.norms import Per, Rule
from layers.periods import DAY, Days, days_up_to
from layers.vocabulary import Layer, Right, Verdict

By = Literal["period", "subject", "township"]
LONGEST_DAYS = 366
WINDOW_DAYS = 28
"""Of a question that names no window: the four weeks up to today."""
_HEAD = (Column("norm", "标准"), Column("townships", "镇街"))
_WHO = (Column("code", "编号"), Column("person", "姓名", mask="name"), Column("place", "对象"))
_SUMS = (
    Column("due", "应巡", "whole"),
    Column("done", "实巡", "whole"),
    Column("done_share", "巡查率", "number"),
    Column("waived", "免", "whole"),
    Column("late", "未按期", "whole"),
    Column("open", "待完成", "whole"),
)
_PERIOD = (
    Column("first_day", "从", "day"),
    Column("last_day", "到", "day"),
    Column("state", "状态"),
    Column("due", "应巡", "whole"),
    Column("done", "实巡", "whole"),
    Column("missing", "还差", "whole"),
    Column("waived", "免", "whole"),
    Column("in_grace", "其中补巡", "whole"),
    Column("pending", "待核", "whole"),
    Column("days", "计入的日期"),
)


@dataclass(frozen=True)
class Subject:
    """A person or place as a list names it."""

    code: str | None
    name: str
    townships: Sequence[str]


@dataclass(frozen=True)
class DueRow:
    """One row of what is due, with its norm, its subject and the days on which its outings began."""

    norm: NormRow
    subject: Subject
    due: Due
    days: Sequence[dt.date]


@dataclass(frozen=True)
class DueTable:
    """What is due in a window under the norms in force; no norm: no rows, and no rates."""

    window: Days
    norms: Sequence[NormRow]
    rows: Sequence[DueRow]

    @property
    def rates(self) -> Rates:
        """应巡 and 实巡 over all norms."""
        return rates(row.due for row in self.rows)

    def of(self, norm: NormRow) -> "DueTable":
        """Return the rows of one norm."""
        return DueTable(self.window, [norm], [row for row in self.rows if row.norm.id == norm.id])

    def count(self, state: State) -> int:
        """Return how many rows are in a state."""
        return sum(1 for row in self.rows if row.due.state is state)


def table(
    db: Session, scope: Scope, window: Days, *, area: str | None = None, norm_id: int | None = None
) -> DueTable:
    """Return what is due in a window, of the people and places of the scope, or of one of its areas (code).

    Raises Invalid for a window that is too long, NotFound.
    """
    check(window)
    scope.demand(Right.COORDINATOR, Right.VOLUNTEER)
    norms = service.in_force(db, scope.county_id, window)
    if norm_id is not None:
        norms = [norm for norm in norms if norm.id == service.told(db, scope, norm_id).id]
    return told(db, scope, norms, window, area=area)


def told(
    db: Session,
    scope: Scope,
    norms: Sequence[NormRow],
    window: Days,
    *,
    area: str | None = None,
    verdicts: Mapping[Any, Verdict] | None = None,
) -> DueTable:
    """Return what is due under some norms; `verdicts` stand in for those that are stored (trials)."""
    if not norms:
        return DueTable(window, [], [])
    county = db.get_one(County, scope.county_id)
    near = _hull([reach(norm.rule, window) for norm in norms])
    off = exemptions.of_county(db, county.id, near)
    holdings = queries.holdings(db, county.id, near, with_areas=bool(off))
    outings = queries.outings(db, county.id, near, ZoneInfo(county.time_zone))
    outings = [_judged(outing, verdicts or {}) for outing in outings]
    began = {outing.id: outing.day for outing in outings}
    people, places = _subjects(db, scope, area)
    rows = []
    for norm in norms:
        known: Mapping[Any, Subject] = people if norm.rule.per is Per.PERSON else places
        in_force = norm.days or Days(dt.date.min, dt.date.max)
        # What is due of others is not told anyway, and takes as long as the county is large.
        shown = [holding for holding in holdings if _subject_of(norm.rule, holding) in known]
        rows += [
            DueRow(norm, known[due.subject], due, [began[id_] for id_ in due.outings])
            for due in dues(norm.rule, in_force, shown, outings, off, window, today(county))
        ]
    return DueTable(window, norms, rows)


def _subject_of(rule: Rule, holding: Holding) -> Any:
    return holding.person if rule.per is Per.PERSON else holding.place


def verdicts(db: Session, scope: Scope, window: Days) -> Counter[Verdict]:
    """Return how many patrols of a window, as far as the scope sees them, have which verdict."""
    return Counter(queries.verdicts(db, patrols_in(scope), window))


def window_of(db: Session, scope: Scope, first: dt.date | None, last: dt.date | None) -> Days:
    """Return the days asked for; without them the four weeks up to the county's today. Raises Invalid."""
    last = last or today_in(db, scope.county_id)
    first = first or days_up_to(last, WINDOW_DAYS).first
    return exemptions.days_of(first, last)


def listing(found: DueTable, by: By = "period") -> Listing:
    """Return what is due as a list: a row a period, a person or place, or a township."""
    title = f"应巡与实巡 {found.window.first}至{found.window.last}"
    if by == "period":
        rows = [(*_head(row), *_who(row), *_period(row)) for row in found.rows]
        return Listing("due", title, (*_HEAD, *_WHO, *_PERIOD), rows)
    groups: dict[tuple[Any, ...], list[DueRow]] = defaultdict(list)
    for row in found.rows:
        for key in _keys(row, by):
            groups[key].append(row)
    who = _WHO if by == "subject" else (Column("subjects", "人数或对象数", "whole"),)
    summed = [
        (*_group(rows[0], key, by), *(() if by == "subject" else (_subject_count(rows),)), *_sums(rows))
        for key, rows in groups.items()
    ]
    return Listing("due", title, (*_HEAD, *who, *_SUMS), summed)


def _keys(row: DueRow, by: By) -> list[tuple[Any, ...]]:
    if by == "subject":
        return [(row.norm.id, row.due.subject)]
    return [(row.norm.id, name) for name in row.subject.townships or ("（没有登记镇街）",)]


def _group(row: DueRow, key: tuple[Any, ...], by: By) -> tuple[Any, ...]:
    if by == "subject":
        return (*_head(row), *_who(row))
    return row.norm.name, [key[1]]


def _subject_count(rows: Iterable[DueRow]) -> int:
    return len({row.due.subject for row in rows})


def _sums(rows: Sequence[DueRow]) -> tuple[Any, ...]:
    found = rates(row.due for row in rows)
    share = found.done_share
    states = [row.due.state for row in rows]
    return (
        found.due,
        found.done,
        None if share is None else round(share, 4),
        sum(row.due.waived for row in rows),
        states.count(State.LATE),
        states.count(State.DUE),
    )


def _head(row: DueRow) -> tuple[Any, ...]:
    return row.norm.name, list(row.subject.townships)


def _who(row: DueRow) -> tuple[Any, ...]:
    name = row.subject.name
    return row.subject.code, *((name, None) if row.norm.rule.per is Per.PERSON else (None, name))


def _period(row: DueRow) -> tuple[Any, ...]:
    due = row.due
    return (
        due.period.first, due.period.last, due.state, due.due, len(due.outings), due.missing, due.waived,
        due.in_grace, len(due.pending), [day.isoformat() for day in row.days],
    )  # fmt: skip


def _subjects(
    db: Session, scope: Scope, area: str | None
) -> tuple[dict[uuid.UUID, Subject], dict[int, Subject]]:
    """Return the people and places that a list may name, those of an area if one is asked for."""
    persons, lands = people_in(scope), places_in(scope)
    if area is not None:
        below = areas.descendants(db, scope.county_id, [areas.area_id_of(db, scope, area)])
        there = dataclasses.replace(scope, rights={Right.COORDINATOR: below}, person_id=None)
        persons, lands = persons & people_in(there), lands & places_in(there)
    lives = queries.townships_of_people(db, scope.county_id)
    lies = queries.townships_of_places(db, scope.county_id)
    people = {
        id_: Subject(number, name or "（已删除）", [lives[id_]] if id_ in lives else [])
        for id_, (number, name, _) in queries.people(db, persons).items()
    }
    places = {
        id_: Subject(code, name or f"无名{Layer(layer).zh}", lies.get(id_, []))
        for id_, (code, name, layer) in queries.places(db, lands).items()
    }
    return people, places


def _judged(outing: Outing, verdicts: Mapping[Any, Verdict]) -> Outing:
    return dataclasses.replace(outing, verdict=verdicts.get(outing.id, outing.verdict))


def _hull(spans: Sequence[Days]) -> Days:
    return Days(min(span.first for span in spans), max(span.last for span in spans))


def check(window: Days) -> None:
    """Raise Invalid for a window that is too long, or at an end of the calendar."""
    if len(window) > LONGEST_DAYS:
        raise Invalid(f"一次最多看 {LONGEST_DAYS} 天；请缩短时段。")
    if window.last > dt.date.max - 800 * DAY or window.first < dt.date.min + 800 * DAY:
        raise Invalid("日期不在可用的范围内；请改用近年的日期。")
