"""Rosters and duties from files: read, decide row by row, then store in one transaction or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused, record
from geo_service.people import duty_queries, matching, queries, roster, rota, service
from geo_service.people.lookup import Areas, People, Places
from geo_service.tables import Duty
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


def import_people(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Bring the register up to date with a roster (XLSX or CSV). Raises BadFile, RowsRefused, Forbidden.

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
    report = _report("roster", "人员名册", name, sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        queries.insert_people(db, scope.county_id, plan.added)
        queries.update_people(db, scope.county_id, ((change.id, change.values) for change in plan.changed))
        _record(db, scope, file, name, report)
    return report


def import_duties(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Take duties from a table (XLSX or CSV). Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    sheet = sheets.read(file, name, rota.FIELDS, required=rota.REQUIRED, encoding=options.encoding)
    queries.lock_register(db, scope.county_id)
    day = service.today(db, scope.county_id)
    plan = rota.plan(sheet.rows, _land(db, scope), day, options.answers)
    report = _report("duties", "职责", name, sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        duty_queries.insert_duties(db, scope.county_id, plan.added)
        for ending in plan.ended:
            duty_queries.set_last_day(db, scope.county_id, ending.duty_id, ending.last_day)
        _record(db, scope, file, name, report)
    return report


def _land(db: Session, scope: Scope) -> rota.Land:
    return rota.Land(
        People(queries.person_names(db, people_in(scope, *CHANGE))),
        Places(queries.grounds(db, places_in(scope, *CHANGE))),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
        duty_queries.duty_spans(db, Duty.county_id == scope.county_id),
        lambda place, area_id: service.in_village(db, scope, place, area_id),
        lambda place, polygon: service.in_polygon(db, scope, place, polygon),
    )


def _report(
    what: str, title: str, name: str, sheet: Sheet, rows: Sequence[ReportRow], options: ImportOptions
) -> ImportReport:
    notes = [*([f"没有读取的列：{'、'.join(sheet.ignored[:20])}"] if sheet.ignored else []), *sheet.notes]
    report = ImportReport(
        what, title, name, rows, coded=False, headers=sheet.headers, notes=notes, dry_run=options.dry_run
    )
    if report.of(Outcome.REFUSED) and not options.dry_run and not options.skip_refused:
        raise RowsRefused(report)
    return report


def _record(db: Session, scope: Scope, file: BinaryIO, name: str, report: ImportReport) -> None:
    file.seek(0)
    digest = hashlib.sha256(file.read()).digest()
    counts = report.counts()
    record(db, scope.county_id, report.what, name, digest, counts)
    audit.record(db, scope.actor, f"{report.what}.import", county_id=scope.county_id, counts=counts)
