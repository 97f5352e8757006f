"""What a county says of its cases: its categories, rules and calendar; the machine that follows from them."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.cases import rule_queries as queries
from geo_service.columns import printable
from geo_service.db import one_at_a_time
from geo_service.errors import Invalid
from geo_service.tables import County
from layers.case_rules import CaseRules, Limit
from layers.cases import Machine
from layers.categories import DEFAULT, Categories, Category
from layers.vocabulary import Right, Severity
from layers.worktime import WorkClock

LONGEST_NAME = 60
MOST_DAYS = 4000
"""Days of a calendar that are taken at once."""


@dataclass(frozen=True)
class Ground:
    """All that a county says of its cases."""

    county: County
    zone: ZoneInfo
    machine: Machine
    edition_id: int | None
    """Of the categories in use; None: those that come with the service."""
    categories: Categories

    @property
    def rules(self) -> CaseRules:
        """The rules."""
        return self.machine.rules

    @property
    def clock(self) -> WorkClock:
        """The working time."""
        return self.machine.clock

    def limit(self, category: Category | None, severity: Severity) -> Limit:
        """Return how long handling may take: the category's own limit, else that of the severity."""
        own = category.limit if category is not None else None
        return own if own is not None else self.rules.handle[severity]


def ground(db: Session, county_id: int) -> Ground:
    """Return what a county says of its cases, by default what comes with the service."""
    county = queries.county(db, county_id)
    zone = ZoneInfo(county.time_zone)
    rules = CaseRules.from_json(queries.rules(db, county_id) or {})
    clock = WorkClock(zone, rules.hours, queries.days(db, county_id))
    edition = queries.edition(db, county_id)
    categories = DEFAULT if edition is None else Categories.from_json(edition.categories)
    return Ground(county, zone, Machine(rules, clock), None if edition is None else edition.id, categories)


def trees(db: Session, ground: Ground, edition_ids: Iterable[int | None]) -> dict[int | None, Categories]:
    """Return trees by id, those of cases that are told; the one in use and the default are known."""
    known = {None: DEFAULT, ground.edition_id: ground.categories}
    return known if known.keys() >= set(edition_ids) else editions(db, ground.county.id)


def editions(db: Session, county_id: int) -> dict[int | None, Categories]:
    """Return all trees that a county had, by id; None: the one that comes with the service."""
    found: dict[int | None, Categories] = {None: DEFAULT}
    for row in queries.editions(db, county_id):
        found[row.id] = Categories.from_json(row.categories)
    return found


def set_rules(db: Session, scope: Scope, said: Mapping[str, Any]) -> CaseRules:
    """Change the rules that are named. Raises Forbidden, BadRules."""
    scope.demand_county(Right.COORDINATOR)
    one_at_a_time(db, f"case_rules/{scope.county_id}")
    before = queries.rules(db, scope.county_id) or {}
    rules = CaseRules.from_json({**before, **said})
    queries.set_rules(db, scope.county_id, rules.to_json())
    audit.record(db, scope.actor, "cases.rules", county_id=scope.county_id, fields=sorted(said))
    return rules


def set_categories(db: Session, scope: Scope, name: str, categories: Categories) -> int:
    """Put a tree of categories in use; cases that are told keep theirs. Raises Forbidden, Invalid."""
    scope.demand_county(Right.COORDINATOR)
    words = printable(name).strip()
    if not 0 < len(words) <= LONGEST_NAME:
        raise Invalid(f"请给这一版类别起个名称，最多 {LONGEST_NAME} 字。")
    edition_id = queries.add_edition(db, scope.county_id, words, categories.to_json())
    audit.record(db, scope.actor, "cases.categories", county_id=scope.county_id, edition=edition_id)
    return edition_id


def set_days(db: Session, scope: Scope, days: Sequence[tuple[dt.date, bool, str | None]]) -> int:
    """Say of days whether they are working days; return how many. Raises Forbidden, Invalid."""
    scope.demand_county(Right.COORDINATOR)
    if len(days) > MOST_DAYS:
        raise Invalid(f"一次最多登记 {MOST_DAYS} 天。")
    queries.set_days(db, scope.county_id, {day: (is_working, name) for day, is_working, name in days})
    audit.record(db, scope.actor, "cases.calendar", county_id=scope.county_id, days=len(days))
    return len(days)


def assumed_words(clock: WorkClock, since: dt.datetime, until: dt.datetime | None) -> str | None:
    """Return what people must know of a deadline whose year has no calendar; None: nothing."""
    years = clock.assumed(since, until) if until is not None else []
    if not years:
        return None
    listed = "、".join(f"{year} 年" for year in years)
    return f"{listed}的节假日还没有登记，期限按周一到周五算；请导入放假安排。"
