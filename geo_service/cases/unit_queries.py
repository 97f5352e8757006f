"""The SQL of units, their tasks and accounts."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, insert, or_, select
from sqlalchemy.orm import Session

from geo_service.tables import Account, Grant, Unit, UnitMember, UnitTask
from layers.vocabulary import Right


@dataclass(frozen=True)
class Task:
    """What a unit handles."""

    id: int
    unit_id: int
    category: str | None
    """None: everything."""
    area_id: int | None
    """None: the whole county."""


def units(db: Session, county_id: int) -> Sequence[Unit]:
    """Return the units in use, by name."""
    own = select(Unit).where(Unit.county_id == county_id, Unit.retired_at.is_(None))
    return db.scalars(own.order_by(Unit.name, Unit.id)).all()


def unit(db: Session, county_id: int, unit_id: int) -> Unit | None:
    """Return a unit in use."""
    own = Unit.county_id == county_id, Unit.id == unit_id, Unit.retired_at.is_(None)
    return db.scalars(select(Unit).where(*own)).one_or_none()


def named(db: Session, county_id: int, name: str) -> Unit | None:
    """Return the unit of a name, also a retired one."""
    return db.scalars(select(Unit).where(Unit.county_id == county_id, Unit.name == name)).one_or_none()


def store(db: Session, row: Unit) -> None:
    """Store a unit."""
    db.add(row)
    db.flush()


def tasks(db: Session, county_id: int) -> list[Task]:
    """Return what the units of a county handle."""
    rows = db.execute(
        select(UnitTask.id, UnitTask.unit_id, UnitTask.category, UnitTask.area_id).where(
            UnitTask.county_id == county_id
        )
    )
    return [Task(*row) for row in rows]


def drop_tasks(db: Session, unit_id: int) -> None:
    """Take everything from a unit that it handles."""
    db.execute(delete(UnitTask).where(UnitTask.unit_id == unit_id))


def set_tasks(
    db: Session, county_id: int, unit_id: int, said: Collection[tuple[str | None, int | None]]
) -> None:
    """Store what a unit handles."""
    drop_tasks(db, unit_id)
    rows = [
        {"county_id": county_id, "unit_id": unit_id, "category": category, "area_id": area_id}
        for category, area_id in said
    ]
    if rows:
        db.execute(insert(UnitTask), rows)


def handlers(db: Session, county_id: int) -> set[uuid.UUID]:
    """Return the accounts that hold the right of a handler in a county."""
    here = or_(Grant.county_id == county_id, Grant.county_id.is_(None))
    return set(db.scalars(select(Grant.account_id).where(here, Grant.right == Right.HANDLER)))


def set_members(db: Session, county_id: int, unit_id: int, account_ids: Collection[uuid.UUID]) -> None:
    """Store which accounts act for a unit."""
    db.execute(delete(UnitMember).where(UnitMember.unit_id == unit_id))
    rows = [{"county_id": county_id, "unit_id": unit_id, "account_id": id_} for id_ in account_ids]
    if rows:
        db.execute(insert(UnitMember), rows)


def is_member(db: Session, unit_id: int, account_id: uuid.UUID) -> bool:
    """Tell whether an account acts for a unit."""
    own = exists().where(UnitMember.unit_id == unit_id, UnitMember.account_id == account_id)
    return bool(db.scalar(select(own)))


def handler_accounts(db: Session, county_id: int) -> list[tuple[uuid.UUID, str]]:
    """Return the accounts that hold the right of a handler in a county, by login."""
    here = or_(Grant.county_id == county_id, Grant.county_id.is_(None))
    own = select(Grant.account_id).where(here, Grant.right == Right.HANDLER)
    rows = db.execute(select(Account.id, Account.login).where(Account.id.in_(own)).order_by(Account.login))
    return [(row.id, row.login) for row in rows]


def members(db: Session, county_id: int) -> list[tuple[int, uuid.UUID]]:
    """Return which accounts act for which units."""
    rows = db.execute(
        select(UnitMember.unit_id, UnitMember.account_id).where(UnitMember.county_id == county_id)
    )
    return [(row.unit_id, row.account_id) for row in rows]
