"""Photos of a case: those of its reports and of its steps, and those that staff have just sent for it."""

import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit, files
from geo_service import photos as drawing
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, photo_queries, rules
from geo_service.cases.reports import MOST_PHOTOS
from geo_service.columns import printable
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.tables import Case, StoredFile
from layers.vocabulary import FileKind, Right

SIDE_PX = 1280
"""Longer side of a photo on paper."""


@dataclass(frozen=True)
class Photos:
    """The photos of a case."""

    by_report: Mapping[uuid.UUID, Sequence[StoredFile]]
    by_step: Mapping[int, Sequence[StoredFile]]
    waiting: Sequence[StoredFile]
    """Sent for the case, and part of no step yet."""

    @property
    def all(self) -> list[StoredFile]:
        """All of them: the reports' first, then those of the steps, then those that wait."""
        told = [*self.by_report.values(), *self.by_step.values(), self.waiting]
        return [photo for photos in told for photo in photos]


def of_case(db: Session, case: Case) -> Photos:
    """Return the photos of a case and of those that were merged into it."""
    by_subject: dict[str, list[StoredFile]] = {}
    for row in photo_queries.of_case(db, case.county_id, case.id):
        by_subject.setdefault(row.subject, []).append(row)
    reports: dict[uuid.UUID, Sequence[StoredFile]] = {}
    steps: dict[int, Sequence[StoredFile]] = {}
    for subject, rows in by_subject.items():
        kind, _, key = subject.partition("/")
        if kind == "report":
            reports[uuid.UUID(key)] = rows
        elif kind == "case_step":
            steps[int(key)] = rows
    return Photos(reports, steps, by_subject.get(f"case/{case.id}", []))


def one(db: Session, scope: Scope, case_id: int, photo_id: uuid.UUID) -> StoredFile:
    """Return a photo of a case of the scope; the look at it is recorded. Raises NotFound."""
    case = handling.found(db, scope, case_id)
    found = next((row for row in of_case(db, case).all if row.id == photo_id), None)
    if found is None:
        raise NotFound("没有这张照片，或不在您的权限内。")
    audit.record(db, scope.actor, "cases.photo", county_id=case.county_id, subject=f"case/{case_id}")
    return found


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
    drawn = drawing.redrawn(data, zone=ZoneInfo(rules.ground(db, case.county_id).county.time_zone))
    row = files.keep(
        db, folder, io.BytesIO(drawn.jpeg), county_id=case.county_id, kind=FileKind.PHOTO,
        subject=f"case/{case.id}", media_type=drawing.MEDIA_TYPE, name=printable(name)[-80:] or None,
        file_id=photo_id,
    )  # fmt: skip
    audit.record(db, scope.actor, "cases.photo_added", county_id=case.county_id, subject=f"case/{case.id}")
    return row
