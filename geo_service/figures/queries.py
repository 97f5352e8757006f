"""The SQL of figures beside the counts: what waits, entries by hand, issued reports."""

import datetime as dt
import uuid

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.counting import judged
from geo_service.tables import Account, Area, County, FigureEntry, IssuedReport, Patrol, Service, StoredFile
from layers.figures import Code, Entry
from layers.vocabulary import Verdict

Condition = ColumnElement[bool]


def last_outing(db: Session, county_id: int) -> dt.date | None:
    """Return the last day on which anything counted was done."""
    days = [
        db.scalar(
            select(func.max(table.day)).where(table.county_id == county_id, judged(Verdict.COUNTED, table))
        )
        for table in (Patrol, Service)
    ]
    return max((day for day in days if day is not None), default=None)


def waiting(db: Session, county_id: int, first: dt.date, last: dt.date) -> int:
    """Count the patrols and services of a period that wait for review."""
    return sum(
        db.scalar(
            select(func.count()).where(
                table.county_id == county_id,
                table.day.between(first, last),
                judged(Verdict.REVIEW, table),
            )
        )
        or 0
        for table in (Patrol, Service)
    )


# --- entries by hand


def entries(db: Session, county_id: int) -> list[FigureEntry]:
    """Return the entries by hand that stand."""
    own = FigureEntry.county_id == county_id, FigureEntry.withdrawn_at.is_(None)
    return list(db.scalars(select(FigureEntry).where(*own).order_by(FigureEntry.id)))


def entries_told(db: Session, county_id: int) -> list[tuple[FigureEntry, str | None]]:
    """Return all entries by hand with the login of who entered them, the latest period first."""
    rows = db.execute(
        select(FigureEntry, Account.login)
        .outerjoin(Account, Account.id == FigureEntry.account_id)
        .where(FigureEntry.county_id == county_id)
        .order_by(func.lower(FigureEntry.days).desc(), FigureEntry.id.desc())
    )
    return [(row, login) for row, login in rows]


def entry(db: Session, county_id: int, entry_id: int, *, locked: bool = False) -> FigureEntry | None:
    """Return one entry by hand."""
    own = select(FigureEntry).where(FigureEntry.county_id == county_id, FigureEntry.id == entry_id)
    return db.scalars(own.with_for_update() if locked else own).one_or_none()


def as_entry(row: FigureEntry) -> Entry:
    """Return an entry as figures are counted over it."""
    first, last = days_of(row.days)
    return Entry(f"figure_entry/{row.id}", Code(row.figure), first, last, row.value)


def add_entry(db: Session, row: FigureEntry) -> FigureEntry:
    """Store an entry."""
    db.add(row)
    db.flush()
    return row


def withdraw(db: Session, entry_id: int, at: dt.datetime) -> None:
    """Mark an entry as withdrawn; it stays."""
    db.execute(update(FigureEntry).where(FigureEntry.id == entry_id).values(withdrawn_at=at))


def lock_entries(db: Session, county_id: int) -> None:
    """Let one at a time enter figures of a county, until the transaction ends."""
    db.execute(select(County.id).where(County.id == county_id).with_for_update(key_share=True))


def file(db: Session, county_id: int, subject: str, file_id: uuid.UUID) -> StoredFile | None:
    """Return a file of a subject."""
    own = StoredFile.county_id == county_id, StoredFile.subject == subject, StoredFile.id == file_id
    return db.scalars(select(StoredFile).where(*own)).one_or_none()


# --- issued reports


def add_report(db: Session, row: IssuedReport) -> IssuedReport:
    """Store an issued report."""
    db.add(row)
    db.flush()
    return row


def reports(db: Session, where: Condition) -> list[tuple[IssuedReport, str | None]]:
    """Return issued reports that meet a condition with the name of their area, the latest first."""
    found = (
        select(IssuedReport, Area.name).outerjoin(Area, Area.id == IssuedReport.area_id).where(where)
    ).order_by(IssuedReport.id.desc())
    return [(row, name) for row, name in db.execute(found)]


def days_of(days: Range[dt.date]) -> tuple[dt.date, dt.date]:
    """Return the first and last day of a stored, half-open range.

    >>> days_of(Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1)))[1]
    datetime.date(2026, 1, 31)
    """
    if days.lower is None or days.upper is None:
        raise ValueError("a period without an end")
    return days.lower, days.upper - dt.timedelta(days=1)
