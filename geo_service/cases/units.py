"""Units that handle problems: which one has a kind of problem in an area, and whose accounts act for it."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.cases import unit_queries as queries
from geo_service.cases.unit_queries import Task
from geo_service.columns import printable
from geo_service.errors import Invalid, NotFound
from geo_service.tables import Unit
from layers.vocabulary import Right

LONGEST_NAME = 60


@dataclass(frozen=True)
class UnitSaid:
    """A unit as an office says it."""

    name: str
    contact: str | None = None
    phone: str | None = None


def all_units(db: Session, county_id: int) -> Sequence[Unit]:
    """Return the units of a county that are not retired, by name."""
    return queries.units(db, county_id)


@dataclass(frozen=True)
class UnitTold:
    """A unit with what it handles and whose accounts act for it."""

    unit: Unit
    tasks: Sequence[Task]
    members: frozenset[uuid.UUID]


def told(db: Session, county_id: int) -> list[UnitTold]:
    """Return the units in use with their tasks and members, by name."""
    tasks, members = queries.tasks(db, county_id), queries.members(db, county_id)
    return [
        UnitTold(
            unit,
            [task for task in tasks if task.unit_id == unit.id],
            frozenset(account_id for unit_id, account_id in members if unit_id == unit.id),
        )
        for unit in all_units(db, county_id)
    ]


def handlers(db: Session, county_id: int) -> list[tuple[uuid.UUID, str]]:
    """Return id and login of the accounts that may act for a unit."""
    return queries.handler_accounts(db, county_id)


def unit_for(db: Session, county_id: int, category: str, chain: Sequence[int]) -> int | None:
    """Return the unit that handles a category of problems in an area; `chain`: it and those above it."""
    best = best_task(queries.tasks(db, county_id), category, chain)
    return None if best is None else best.unit_id


def best_task(tasks: Iterable[Task], category: str, chain: Sequence[int]) -> Task | None:
    """Return the task that fits best: the smallest area first, then the closest category.

    >>> county, kind = Task(1, 1, None, None), Task(2, 2, "litter", None)
    >>> here, there = Task(3, 3, None, 7), Task(4, 4, "litter.bank", 8)
    >>> best_task([county, kind], "litter.bank", [7, 1]).unit_id
    2
    >>> best_task([county, kind, here, there], "litter.bank", [7, 1]).unit_id
    3
    >>> best_task([there], "litter.bank", [7, 1]) is None
    True
    """
    named = (category, category.partition(".")[0], None)
    wanted = [*chain, None]
    fitting = [task for task in tasks if task.category in named and task.area_id in wanted]
    return min(
        fitting,
        key=lambda task: (wanted.index(task.area_id), named.index(task.category), task.id),
        default=None,
    )


def find(db: Session, county_id: int, unit_id: int) -> Unit:
    """Return a unit in use. Raises NotFound."""
    found = queries.unit(db, county_id, unit_id)
    if found is None:
        raise NotFound("没有这个责任单位，或者它已经停用；请在“案件”的“责任单位”里登记。")
    return found


def save(db: Session, scope: Scope, said: UnitSaid, unit_id: int | None = None) -> int:
    """Store a unit, a new one or one that is there; return its id. Raises Forbidden, Invalid, NotFound."""
    scope.demand_county(Right.COORDINATOR)
    name, contact, phone = (printable(word or "").strip() for word in (said.name, said.contact, said.phone))
    if not 0 < len(name) <= LONGEST_NAME or len(contact) > LONGEST_NAME:
        raise Invalid(f"请填责任单位的名称，最多 {LONGEST_NAME} 字。")
    if not set(phone) <= set("0123456789+- ()#*,转") or len(phone) > 40:
        raise Invalid("电话只用数字、空格和横线，例如 0523-8325 1234。")
    same = queries.named(db, scope.county_id, name)
    if same is not None and same.id != unit_id:
        raise Invalid(f"已经有「{name}」了。")
    row = (
        Unit(county_id=scope.county_id, name=name) if unit_id is None else find(db, scope.county_id, unit_id)
    )
    row.name, row.contact, row.phone = name, contact or None, phone or None
    queries.store(db, row)
    audit.record(db, scope.actor, "cases.unit", county_id=scope.county_id, subject=f"unit/{row.id}")
    return row.id


def retire(db: Session, scope: Scope, unit_id: int) -> None:
    """Take a unit out of use; its cases stay with it until somebody transfers them. Raises NotFound."""
    scope.demand_county(Right.COORDINATOR)
    find(db, scope.county_id, unit_id).retired_at = dt.datetime.now(dt.UTC)
    queries.drop_tasks(db, unit_id)
    db.flush()
    audit.record(db, scope.actor, "cases.unit_retired", county_id=scope.county_id, subject=f"unit/{unit_id}")


def set_tasks(
    db: Session, scope: Scope, unit_id: int, tasks: Sequence[tuple[str | None, int | None]]
) -> None:
    """Say what a unit handles: pairs of category (None: all) and area (None: the county).

    Raises Forbidden, NotFound.
    """
    scope.demand_county(Right.COORDINATOR)
    unit = find(db, scope.county_id, unit_id)
    queries.set_tasks(db, scope.county_id, unit.id, set(tasks))
    audit.record(
        db, scope.actor, "cases.unit_tasks", county_id=scope.county_id, subject=f"unit/{unit.id}",
        tasks=len(tasks),
    )  # fmt: skip


def set_members(db: Session, scope: Scope, unit_id: int, account_ids: Sequence[uuid.UUID]) -> None:
    """Say which accounts act for a unit; each must hold the right of a handler. Raises NotFound, Invalid."""
    scope.demand_county(Right.COORDINATOR)
    unit = find(db, scope.county_id, unit_id)
    if strange := set(account_ids) - queries.handlers(db, scope.county_id):
        raise Invalid(f"有 {len(strange)} 个账号不是经办人；请先在“账号”里给它经办人的权限。")
    queries.set_members(db, scope.county_id, unit.id, set(account_ids))
    audit.record(db, scope.actor, "cases.unit_members", county_id=scope.county_id, subject=f"unit/{unit.id}")


def acts_for(db: Session, scope: Scope, unit_id: int | None) -> bool:
    """Tell whether the account of a scope handles the cases of a unit."""
    account_id = scope.actor.account_id
    if unit_id is None or account_id is None or Right.HANDLER not in scope.rights:
        return False
    return queries.is_member(db, unit_id, account_id)
