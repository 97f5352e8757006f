"""Rosters and duties from files: read, decide row by row, then store in one transaction or not at all."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused, record
from geo_service.people import charges, duty_queries, matching, queries, roster, rota, service
from geo_service.people.drafts import DutyDraft, DutySpan, PersonDraft
from geo_service.people.known import Known
from geo_service.people.lookup import Areas, Ground
from geo_service.tables import Duty, Place
from layers import sheets
from layers.sheets import Sheet


@dataclass(frozen=True)
class ImportOptions:
    """How an import behaves."""

    dry_run: bool = False
    skip_refused: bool = False
    """Take the other rows although some are refused."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Question id to answer."""
    encoding: str | None = None
    keep_in: Path | None = None
    """Where the original is kept; None: it is not."""


def import_people(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Bring the register up to date with a roster (XLSX, XLS or CSV). Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    sheet = sheets.read(file, name, roster.FIELDS, required=roster.REQUIRED, encoding=options.encoding)
    queries.lock_register(db, scope.county_id)
    plan = matching.plan(
        sheet.rows,
        queries.register(db, scope.county_id, people_in(scope, *CHANGE)),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
        matching.Rights(scope.areas(*CHANGE)),
        options.answers,
    )
    report = report_on("roster", "人员名册", name, sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        store_people(db, scope.county_id, plan.added, plan.changed)
        record_import(db, scope, file, name, report, options.keep_in)
    return report


def import_duties(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Take duties from a table (XLSX, XLS or CSV). Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    sheet = sheets.read(file, name, rota.FIELDS, required=rota.REQUIRED, encoding=options.encoding)
    queries.lock_register(db, scope.county_id)
    day = today_in(db, scope.county_id)
    plan = rota.plan(sheet.rows, land_of(db, scope), day, options.answers)
    report = report_on("duties", "职责", name, sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        store_duties(db, scope.county_id, plan.added, plan.ended)
        record_import(db, scope, file, name, report, options.keep_in)
    return report


def land_of(db: Session, scope: Scope) -> rota.Land:
    """Return the people, places and duties that the user may speak of."""
    return rota.Land(
        *service.nameable(db, scope, *CHANGE),
        duty_queries.duty_spans(db, Duty.county_id == scope.county_id),
        lambda place, area_id: service.in_village(db, scope, place, area_id),
        lambda place, polygon: service.in_polygon(db, scope, place, polygon),
    )


def report_on(
    what: str, title: str, name: str, sheet: Sheet, rows: Sequence[ReportRow], options: ImportOptions
) -> ImportReport:
    """Return what became of a sheet's rows, and what of it was not read. Raises RowsRefused."""
    notes = [*([f"没有读取的列：{'、'.join(sheet.ignored[:20])}"] if sheet.ignored else []), *sheet.notes]
    report = ImportReport(
        what, title, name, rows, coded=False, headers=sheet.headers, notes=notes, dry_run=options.dry_run
    )
    if report.of(Outcome.REFUSED) and not options.dry_run and not options.skip_refused:
        raise RowsRefused(report)
    return report


def locked_register(
    db: Session, scope: Scope, own_people: ColumnElement[bool], own_places: ColumnElement[bool]
) -> tuple[list[Known], list[Ground], list[DutySpan]]:
    """Return everybody, every place and every duty of a county; until the end only this import decides.

    The conditions say who and what the user may change.
    """
    queries.lock_register(db, scope.county_id)
    return (
        queries.register(db, scope.county_id, own_people),
        queries.grounds(db, Place.county_id == scope.county_id, mine=own_places),
        duty_queries.duty_spans(db, Duty.county_id == scope.county_id),
    )


def store_people(
    db: Session, county_id: int, added: Sequence[PersonDraft], changed: Iterable[matching.Change]
) -> None:
    """Store new people, and new values of known ones."""
    queries.insert_people(db, county_id, added)
    queries.update_people(db, county_id, ((change.id, change.values) for change in changed))


def store_duties(
    db: Session, county_id: int, added: Sequence[DutyDraft], ended: Sequence[charges.Ending]
) -> None:
    """Store new duties, and the last days of known ones."""
    duty_queries.insert_duties(db, county_id, added)
    duty_queries.set_last_days(db, county_id, [(ending.duty_id, ending.last_day) for ending in ended])


def record_import(
    db: Session, scope: Scope, file: BinaryIO, name: str, report: ImportReport, keep_in: Path | None
) -> None:
    """Write down which file changed something, in the register of imports and in the audit."""
    file.seek(0)
    digest = hashlib.sha256(file.read()).digest()
    counts = report.counts()
    record(db, scope.county_id, report.what, name, digest, counts, source=file, keep_in=keep_in)
    audit.record(db, scope.actor, f"{report.what}.import", county_id=scope.county_id, counts=counts)
