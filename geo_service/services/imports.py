"""Services from a table: read, decide row by row, then store in one transaction or not at all."""

import uuid
from collections.abc import Sequence
from typing import BinaryIO

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today_in
from geo_service.imports import ImportReport
from geo_service.people import service as people
from geo_service.people.imports import ImportOptions, record_import, report_on
from geo_service.services import lists, queries, service, table
from layers import sheets
from layers.sheets import Row
from layers.vocabulary import ServiceKind

_TABLES = uuid.UUID("d1d7a1f6-6f0a-5a55-8b5f-2a1f0c9b7e44")
"""Name space of the ids of services that come in tables."""


def import_services(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Take services from a table (XLSX or CSV). Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    sheet = sheets.read(file, name, table.FIELDS, required=table.REQUIRED, encoding=options.encoding)
    plan = table.plan(sheet.rows, _register(db, scope, sheet.rows), options.answers)
    report = report_on("services", "服务记录", name, sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        for request in plan.added:
            service_id = uuid.uuid5(_TABLES, f"{scope.county_id}/{request.sha256.hex()}")
            service.put(db, scope, service_id, request)
        record_import(db, scope, file, name, report, options.keep_in)
    return report


def _register(db: Session, scope: Scope, rows: Sequence[Row]) -> table.Register:
    known_people, places, areas = people.nameable(db, scope, *CHANGE)
    held = [
        table.Known(ServiceKind(row.kind), row.day, persons, row.place_id, row.area_id, row.sha256)
        for row, persons in queries.on_days(db, scope.county_id, table.days(rows))
    ]
    listed = {
        str(told.service_id): lists.as_table(told) for told in service.among(db, scope, table.ids(rows))
    }
    return table.Register(known_people, places, areas, held, today_in(db, scope.county_id), listed)
