"""The SQL of a county's categories, rules and calendar."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from geo_service.tables import CalendarDay, CaseRuleSet, CategoryEdition, County, Json


def county(db: Session, county_id: int) -> County:
    """Return a county."""
    return db.get_one(County, county_id)


def rules(db: Session, county_id: int) -> Json | None:
    """Return the rules of a county; None: it has none of its own."""
    return db.scalar(select(CaseRuleSet.rules).where(CaseRuleSet.county_id == county_id))


def set_rules(db: Session, county_id: int, said: Json) -> None:
    """Store the rules of a county."""
    row = insert(CaseRuleSet).values(county_id=county_id, rules=said)
    new = {"rules": row.excluded.rules, "changed_at": func.now()}
    db.execute(row.on_conflict_do_update(index_elements=[CaseRuleSet.county_id], set_=new))


def edition(db: Session, county_id: int) -> CategoryEdition | None:
    """Return the categories in use; None: those that come with the service."""
    own = select(CategoryEdition).where(CategoryEdition.county_id == county_id)
    return db.scalars(own.order_by(CategoryEdition.id.desc()).limit(1)).one_or_none()


def editions(db: Session, county_id: int) -> Sequence[CategoryEdition]:
    """Return all editions of a county, the latest first."""
    own = select(CategoryEdition).where(CategoryEdition.county_id == county_id)
    return db.scalars(own.order_by(CategoryEdition.id.desc())).all()


def add_edition(db: Session, county_id: int, name: str, categories: list[Any]) -> int:
    """Store an edition."""
    row = CategoryEdition(county_id=county_id, name=name, categories=categories)
    db.add(row)
    db.flush()
    return row.id


def days(db: Session, county_id: int) -> dict[dt.date, bool]:
    """Return the days of which the office says whether they are working days."""
    own = select(CalendarDay.day, CalendarDay.is_working).where(CalendarDay.county_id == county_id)
    return {row.day: row.is_working for row in db.execute(own)}


def set_days(db: Session, county_id: int, said: Mapping[dt.date, tuple[bool, str | None]]) -> None:
    """Store what the office says of days."""
    if not said:
        return
    rows = [
        {"county_id": county_id, "day": day, "is_working": is_working, "name": name}
        for day, (is_working, name) in said.items()
    ]
    row = insert(CalendarDay)
    new = {"is_working": row.excluded.is_working, "name": row.excluded.name}
    key = [CalendarDay.county_id, CalendarDay.day]
    db.execute(row.on_conflict_do_update(index_elements=key, set_=new), rows)
