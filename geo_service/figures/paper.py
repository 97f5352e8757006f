"""A report made ready to be sent: its document with the gap map, and its annex."""

from pathlib import Path

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.figures import behind, document, picture, reports
from geo_service.figures.reports import Report
from geo_service.figures.service import Asked
from layers.vocabulary import Right


def draft(
    db: Session, scope: Scope, asked: Asked, *, title: str | None = None, template: Path | None = None
) -> tuple[Report, bytes]:
    """Return the report of a period as it is now, and its DOCX. Raises BadFile for a bad template."""
    report = reports.gather(db, scope, asked, title=title)
    audit.record(db, scope.actor, "reports.draft", county_id=scope.county_id)
    return report, document.docx(report, picture.gap_map(db, scope, asked), template)


def annex(db: Session, scope: Scope, report: Report, *, full: bool = False) -> bytes:
    """Return the annex of a report (XLSX), names masked unless `full`. Raises Forbidden."""
    scope.demand(Right.COORDINATOR)
    audit.record(db, scope.actor, "reports.annex", county_id=scope.county_id, full=full)
    return document.annex(report, lambda counted: behind.rows(db, scope, counted, report.last_day), full=full)
