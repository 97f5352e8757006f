"""Photos of a patrol: kept without what their files say beside the picture, read by who sees the patrol."""

import datetime as dt
import hashlib
import io
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit, files
from geo_service.accounts.narrow import patrols_in
from geo_service.accounts.scope import Scope
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.patrols import batch_queries, queries
from geo_service.patrols.answers import no_patrol
from geo_service.patrols.judging import settle_untracked
from geo_service.patrols.parties import WRITERS, county_of
from geo_service.photos import MEDIA_TYPE, redrawn
from geo_service.tables import Json, Patrol, StoredFile
from layers.vocabulary import Evidence, FileKind

MOST_PHOTOS = 30
"""Of one patrol."""


@dataclass(frozen=True)
class Kept:
    """A photo of a patrol."""

    photo_id: uuid.UUID
    taken_at: dt.datetime | None
    """As its camera says, in the county's zone."""
    size: int
    """In bytes."""
    already: bool = False


def keep(
    db: Session, scope: Scope, folder: Path, patrol_id: uuid.UUID, photo_id: uuid.UUID, data: bytes
) -> Kept:
    """Keep a photo under an id of its sender's. Raises NotFound, Conflict, BadFile, Invalid."""
    batch_queries.lock_patrol(db, patrol_id)
    patrol = _writable(db, scope, patrol_id)
    sha256 = hashlib.sha256(data).hexdigest()
    known: Json = patrol.said.get("photos", {})
    if (said := known.get(str(photo_id))) is not None:
        if said["sha256"] != sha256:
            raise Conflict("这个照片编号已经用过，内容却不同；请用新的编号发送。")
        return _kept(_file(db, scope, patrol_id, photo_id), said, already=True)
    if len(known) >= MOST_PHOTOS:
        raise Invalid(f"一次巡查最多 {MOST_PHOTOS} 张照片；请先删去几张。")
    if db.get(StoredFile, photo_id) is not None:
        raise Conflict("这个照片编号已经用过；请用新的编号发送。")
    photo = redrawn(data, zone=ZoneInfo(county_of(db, scope).time_zone))
    row = files.keep(
        db, folder, io.BytesIO(photo.jpeg), county_id=scope.county_id, kind=FileKind.PHOTO,
        subject=_subject(patrol_id), media_type=MEDIA_TYPE, file_id=photo_id,
    )  # fmt: skip
    said = {"sha256": sha256, "taken_at": photo.taken_at and photo.taken_at.isoformat()}
    said |= {"lonlat": photo.lonlat} if photo.lonlat else {}
    queries.change_patrol(db, patrol_id, said={**patrol.said, "photos": {**known, str(photo_id): said}})
    audit.record(db, scope.actor, "patrols.photo", county_id=scope.county_id, subject=_subject(patrol_id))
    _judge_again(db, patrol)
    return _kept(row, said)


def keep_sheet(
    db: Session, scope: Scope, folder: Path, patrol_ids: Collection[uuid.UUID], data: bytes
) -> None:
    """Keep the photo of a sheet of paper with each outing that stands on it; again changes nothing.

    What the camera wrote (where, when) is of the office and not of the outings. Raises as `keep`.
    """
    photo = redrawn(data, zone=ZoneInfo(county_of(db, scope).time_zone))
    sha256 = hashlib.sha256(data).hexdigest()
    for patrol_id in patrol_ids:
        batch_queries.lock_patrol(db, patrol_id)
        patrol, photo_id = _writable(db, scope, patrol_id), uuid.uuid5(patrol_id, sha256)
        known: Json = patrol.said.get("photos", {})
        if str(photo_id) in known or len(known) >= MOST_PHOTOS:
            continue
        files.keep(
            db, folder, io.BytesIO(photo.jpeg), county_id=scope.county_id, kind=FileKind.PHOTO,
            subject=_subject(patrol_id), media_type=MEDIA_TYPE, file_id=photo_id,
        )  # fmt: skip
        photos = {**known, str(photo_id): {"sha256": sha256, "taken_at": None}}
        queries.change_patrol(db, patrol_id, said={**patrol.said, "photos": photos})
        audit.record(db, scope.actor, "patrols.photo", county_id=scope.county_id, subject=_subject(patrol_id))
        _judge_again(db, patrol)


def _judge_again(db: Session, patrol: Patrol) -> None:
    """Judge an outing without a track once more: that its sheet is there, or gone, makes a difference."""
    if patrol.evidence != Evidence.TRACK:
        settle_untracked(db, queries.county(db, patrol.county_id), [patrol.id])


def remove(db: Session, scope: Scope, patrol_id: uuid.UUID, photo_id: uuid.UUID) -> None:
    """Remove a photo; its bytes go with the next sweep of the files. Raises NotFound."""
    batch_queries.lock_patrol(db, patrol_id)
    patrol = _writable(db, scope, patrol_id)
    files.drop(db, StoredFile.id == _file(db, scope, patrol_id, photo_id).id)
    left = {id_: said for id_, said in patrol.said.get("photos", {}).items() if id_ != str(photo_id)}
    queries.change_patrol(db, patrol_id, said={**patrol.said, "photos": left})
    audit.record(
        db, scope.actor, "patrols.photo_remove", county_id=scope.county_id, subject=_subject(patrol_id)
    )
    _judge_again(db, patrol)


def find(db: Session, scope: Scope, patrol_id: uuid.UUID, photo_id: uuid.UUID) -> StoredFile:
    """Return a photo's row, for who sees its patrol. Raises NotFound."""
    if queries.patrol(db, patrol_id, patrols_in(scope)) is None:
        raise no_patrol()
    return _file(db, scope, patrol_id, photo_id)


def of_patrol(db: Session, scope: Scope, patrol_id: uuid.UUID) -> list[Kept]:
    """Return the photos of a patrol, the first that came first. Raises NotFound."""
    patrol = queries.patrol(db, patrol_id, patrols_in(scope))
    if patrol is None:
        raise no_patrol()
    said = patrol.said.get("photos", {})
    rows = files.of_subject(db, scope.county_id, _subject(patrol_id))
    return [_kept(row, said.get(str(row.id), {})) for row in rows if row.kind == FileKind.PHOTO]


def _writable(db: Session, scope: Scope, patrol_id: uuid.UUID) -> Patrol:
    patrol = queries.patrol(db, patrol_id, patrols_in(scope, *WRITERS))
    if patrol is None:
        raise no_patrol()
    return patrol


def _file(db: Session, scope: Scope, patrol_id: uuid.UUID, photo_id: uuid.UUID) -> StoredFile:
    row = db.get(StoredFile, photo_id)
    own = scope.county_id, _subject(patrol_id), FileKind.PHOTO
    if row is None or (row.county_id, row.subject, row.kind) != own:
        raise NotFound("没有这张照片，或不在您的权限内。")
    return row


def _subject(patrol_id: uuid.UUID) -> str:
    return f"patrol/{patrol_id}"


def _kept(row: StoredFile, said: Json, *, already: bool = False) -> Kept:
    taken_at = said.get("taken_at")
    return Kept(row.id, dt.datetime.fromisoformat(taken_at) if taken_at else None, row.size, already)
