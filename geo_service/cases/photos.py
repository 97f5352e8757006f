"""Photos of a case: those of its reports and of its steps, and those that staff have just sent for it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, photo_queries, pictures
from geo_service.cases.reports import MOST_PHOTOS
from geo_service.columns import printable
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.photos import Box
from geo_service.tables import Case, StoredFile
from layers.vocabulary import Right


@dataclass(frozen=True)
class Photos:
    """The photos of a case."""

    by_report: Mapping[uuid.UUID, Sequence[StoredFile]]
    by_step: Mapping[int, Sequence[StoredFile]]
    waiting: Sequence[StoredFile]
    """Sent for the case, and part of no step yet."""
    released: Collection[uuid.UUID] = ()
    """Those of which the public may see a version without faces and number plates."""

    @property
    def all(self) -> list[StoredFile]:
        """All of them: the reports' first, then those of the steps, then those that wait."""
        told = [*self.by_report.values(), *self.by_step.values(), self.waiting]
        return [photo for photos in told for photo in photos]


def of_case(db: Session, case: Case) -> Photos:
    """Return the photos of a case and of those that were merged into it."""
    by_subject: dict[str, list[StoredFile]] = {}
    rows = photo_queries.of_case(db, case.county_id, case.id)
    for row in rows:
        by_subject.setdefault(row.subject, []).append(row)
    reports: dict[uuid.UUID, Sequence[StoredFile]] = {}
    steps: dict[int, Sequence[StoredFile]] = {}
    for subject, own in by_subject.items():
        kind, _, key = subject.partition("/")
        if kind == "report":
            reports[uuid.UUID(key)] = own
        elif kind == "case_step":
            steps[int(key)] = own
    released = pictures.released(db, case.county_id, [row.id for row in rows])
    return Photos(reports, steps, by_subject.get(f"case/{case.id}", []), released)


def one(db: Session, scope: Scope, case_id: int, photo_id: uuid.UUID) -> StoredFile:
    """Return a photo of a case of the scope; the look at it is recorded. Raises NotFound."""
    case = handling.found(db, scope, case_id)
    found = next((row for row in of_case(db, case).all if row.id == photo_id), None)
    if found is None:
        raise NotFound("没有这张照片，或不在您的权限内。")
    audit.record(db, scope.actor, "cases.photo", county_id=case.county_id, subject=f"case/{case_id}")
    return found


def release(
    db: Session, scope: Scope, folder: Path, case_id: int, photo_id: uuid.UUID, boxes: Sequence[Box]
) -> None:
    """Let the public see a photo of a case with some areas made unrecognisable. Raises NotFound, Invalid."""
    _demand_report(db, scope, case_id, photo_id)
    pictures.blur(db, folder, scope.county_id, photo_id, boxes)
    audit.record(
        db, scope.actor, "cases.photo_released", county_id=scope.county_id, subject=f"case/{case_id}",
        boxes=len(boxes),
    )  # fmt: skip


def withdraw(db: Session, scope: Scope, case_id: int, photo_id: uuid.UUID) -> None:
    """Let the public see a photo no longer. Raises NotFound."""
    _demand_report(db, scope, case_id, photo_id)
    pictures.withdraw(db, scope.county_id, photo_id)
    audit.record(
        db, scope.actor, "cases.photo_withdrawn", county_id=scope.county_id, subject=f"case/{case_id}"
    )


def _demand_report(db: Session, scope: Scope, case_id: int, photo_id: uuid.UUID) -> None:
    """Raise NotFound unless a photo belongs to a report of a case that the scope may change."""
    scope.demand(*CHANGE)
    of_reports = of_case(db, handling.found(db, scope, case_id)).by_report.values()
    if photo_id not in {row.id for rows in of_reports for row in rows}:
        raise NotFound("没有这张照片，或不在您的权限内。")


def keep(
    db: Session, scope: Scope, folder: Path, case_id: int, photo_id: uuid.UUID, data: bytes, name: str = ""
) -> StoredFile:
    """Keep a photo that staff or handlers send for a case, drawn anew; the same again adds nothing.

    It waits until a step names it. Raises NotFound, Forbidden, BadFile, Invalid, Conflict.
    """
    case = handling.found(db, scope, case_id)
    if not scope.holds(*CHANGE, Right.HANDLER):
        raise Forbidden("照片由协调员或责任单位的经办人补充。")
    known = photo_queries.by_id(db, photo_id)
    if known is not None:
        if known.county_id == case.county_id and known.subject == f"case/{case.id}":
            return known
        raise Conflict("这个照片编号已经用过；请重新选择照片。")
    if len(of_case(db, case).waiting) >= MOST_PHOTOS:
        raise Invalid(f"一步最多 {MOST_PHOTOS} 张照片；请先提交这一步。")
    row = pictures.keep_whole(db, folder, case.county_id, f"case/{case.id}", data, photo_id)
    row.name = printable(name)[-80:] or None
    audit.record(db, scope.actor, "cases.photo_added", county_id=case.county_id, subject=f"case/{case.id}")
    return row
