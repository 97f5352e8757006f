"""The SQL of the photos of cases."""

import uuid
from collections.abc import Sequence

from sqlalchemy import String, cast, literal, or_, select
from sqlalchemy.orm import Session

from geo_service.tables import Case, CaseStep, Report, StoredFile
from layers.vocabulary import FileKind


def of_case(db: Session, county_id: int, case_id: int) -> Sequence[StoredFile]:
    """Return the photos of a case and of those merged into it: of reports, of steps, and those that wait."""
    own = or_(Case.id == case_id, Case.into_id == case_id)
    reports = select(literal("report/") + cast(Report.id, String)).join(Case, Case.id == Report.case_id)
    steps = select(literal("case_step/") + cast(CaseStep.id, String)).join(Case, Case.id == CaseStep.case_id)
    subjects = [f"case/{case_id}", *db.scalars(reports.where(own).union_all(steps.where(own)))]
    found = select(StoredFile).where(
        StoredFile.county_id == county_id, StoredFile.subject.in_(subjects), StoredFile.kind == FileKind.PHOTO
    )
    return db.scalars(found.order_by(StoredFile.created_at, StoredFile.id)).all()


def by_id(db: Session, photo_id: uuid.UUID) -> StoredFile | None:
    """Return the file with an id, of any county."""
    return db.get(StoredFile, photo_id)
