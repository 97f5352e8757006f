"""Photos of problems: they come whole, or in pieces that a phone sends as it can, and are kept drawn anew.

What a camera wrote beside a picture stays in the original, which expires. Who sees the case sees the photo;
the public sees a version of it in which somebody marked faces and number plates, or said that there are none.
A report's photos belong to the subject "report/0192...", those of a step to "case_step/12".
"""

import hashlib
import io
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import files, heif
from geo_service.cases import queries
from geo_service.cases.queries import Piece
from geo_service.db import one_at_a_time, refuse
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.photos import MEDIA_TYPE, MOST_BYTES, Box, blurred, redrawn
from geo_service.tables import Report, StoredFile
from layers.errors import BadFile
from layers.vocabulary import FileKind

MOST_PHOTOS = 10
"""Of a report, and of a step."""
MOST_PIECE_BYTES = 256 * 2**10
_ZONE = ZoneInfo("UTC")
"""When its camera says that a photo was taken is not kept: the report says it."""
_UNREADABLE = "is_unreadable"
"""Stands with a photo that a report announces when all of it came and was no picture."""


@dataclass(frozen=True)
class Progress:
    """How far a photo is."""

    received: int
    """Bytes from its beginning without a gap: from here its phone goes on."""
    size: int
    is_whole: bool


@dataclass(frozen=True)
class _Announced:
    """A photo as its report announces it."""

    county_id: int
    report_id: uuid.UUID
    photo_id: uuid.UUID
    sha256: str
    size: int
    is_unreadable: bool


def subject_of_report(report_id: uuid.UUID) -> str:
    """Return the subject of a report's photos."""
    return f"report/{report_id}"


# --- photos in pieces


def take_piece(
    db: Session,
    folder: Path,
    county_id: int,
    report_id: uuid.UUID,
    photo_id: uuid.UUID,
    offset: int,
    content: bytes,
) -> Progress:
    """Take a piece of a photo that its report announced; with the last one the photo is kept.

    Pieces come in any order and as often as they like, but never overlap. Of what came whole and is not the
    announced photo nothing is kept: it can be sent again. Of what came whole and is no picture that is
    written down, and every further piece gets the same BadFile; `progress` says then that nothing is missing.
    Both commit what the transaction did before they raise.

    Raises NotFound, Invalid, Conflict, BadFile, Unavailable.
    """
    one_at_a_time(db, f"photo/{photo_id}")
    said = _announced(db, county_id, report_id, photo_id)
    if said.is_unreadable:
        raise BadFile("这张照片打不开，不用再发；请换一张，或重新拍一张。")
    if _is_kept(db, said):
        return Progress(said.size, said.size, is_whole=True)
    received = _add(db, said, offset, content)
    if received < said.size:
        return Progress(received, said.size, is_whole=False)
    _keep_put_together(db, folder, said)
    return Progress(said.size, said.size, is_whole=True)


def _announced(db: Session, county_id: int, report_id: uuid.UUID, photo_id: uuid.UUID) -> _Announced:
    report = queries.report(db, report_id)
    if report is None or report.county_id != county_id:
        raise NotFound("没有这条上报，或不在您的权限内。")
    number, said = next(
        ((i, said) for i, said in enumerate(_said(report)) if said.photo_id == photo_id), (0, None)
    )
    if said is None:
        raise NotFound("上报里没有这张照片；请随上报一起列出照片，再发照片。")
    if number >= MOST_PHOTOS:
        raise Invalid(f"一次上报最多 {MOST_PHOTOS} 张照片；多出的不用再发。")
    if not 0 < said.size <= MOST_BYTES:
        raise Invalid(f"照片是空的，或超过 {MOST_BYTES // 2**20} MB；请用手机里较小的尺寸再传。")
    return said


def _said(report: Report) -> list[_Announced]:
    return [
        _Announced(
            report.county_id, report.id, uuid.UUID(photo["id"]), photo["sha256"].lower(), photo["size"],
            photo.get(_UNREADABLE, False),
        )
        for photo in report.photos
    ]  # fmt: skip


def _is_kept(db: Session, said: _Announced) -> bool:
    row = db.get(StoredFile, said.photo_id, populate_existing=True)
    own = said.county_id, subject_of_report(said.report_id), FileKind.PHOTO
    if row is not None and (row.county_id, row.subject, row.kind) != own:
        raise _used()
    return row is not None


def _add(db: Session, said: _Announced, offset: int, content: bytes) -> int:
    """Store a piece unless it is there already; return how much there is from the beginning."""
    piece = Piece(offset, len(content), said.report_id)
    if not 0 < piece.size <= MOST_PIECE_BYTES or offset < 0 or piece.end > said.size:
        raise Invalid(
            f"照片的这一段是空的、超过 {MOST_PIECE_BYTES // 2**10} KB，或超出了照片；请重新分段发送。"
        )
    known = queries.pieces(db, [said.photo_id]).get(said.photo_id, [])
    if any(one.report_id != said.report_id for one in known):
        raise _used()
    if piece in known:
        if queries.content_at(db, said.photo_id, offset) != content:
            raise Conflict("照片的这一段已经收到，内容却不同；请重新拍照，或换一个编号发送。")
    elif any(one.offset < piece.end and piece.offset < one.end for one in known):
        raise Conflict("照片的这一段与已经收到的部分重叠；请从已收到的地方接着发。")
    else:
        queries.add_piece(db, said.county_id, said.photo_id, piece, content)
        known.append(piece)
    return _without_gap(known)


def _without_gap(pieces: Sequence[Piece]) -> int:
    """Return how many bytes there are from the beginning."""
    received = 0
    for piece in sorted(pieces, key=lambda one: one.offset):
        if piece.offset > received:
            break
        received = piece.end
    return received


def _keep_put_together(db: Session, folder: Path, said: _Announced) -> None:
    data = queries.content_of(db, said.photo_id)
    queries.drop_pieces(db, said.photo_id)
    if said.sha256 and hashlib.sha256(data).hexdigest() != said.sha256:
        refuse(db, Invalid("照片收全了，内容却和上报的校验值不一致；请从头再发这张照片。"))
    try:
        _keep(db, folder, said.county_id, subject_of_report(said.report_id), data, said.photo_id)
    except BadFile as error:
        queries.mark_photo(db, said.report_id, said.photo_id, **{_UNREADABLE: True})
        refuse(db, error)


def progress(db: Session, report: Report) -> dict[uuid.UUID, int]:
    """Return for each photo of a report how many bytes need not be sent: all of one that is no picture."""
    photos = {said.photo_id: said for said in _said(report)[:MOST_PHOTOS]}
    subject = subject_of_report(report.id)
    kept = {row.id for row in queries.files(db, report.county_id, FileKind.PHOTO, [subject])}
    pieces = queries.pieces(db, photos)
    return {
        photo_id: said.size
        if photo_id in kept or said.is_unreadable
        else _without_gap([piece for piece in pieces.get(photo_id, []) if piece.report_id == report.id])
        for photo_id, said in photos.items()
    }


def unreadable(report: Report) -> set[uuid.UUID]:
    """Return the photos of a report that came and could not be opened, for who should take another."""
    return {said.photo_id for said in _said(report) if said.is_unreadable}


# --- photos that come whole


def keep_whole(
    db: Session,
    folder: Path,
    county_id: int,
    subject: str,
    data: bytes,
    photo_id: uuid.UUID | None = None,
) -> StoredFile:
    """Keep a photo of a report or step that came in one go; under a known id the same again changes nothing.

    Raises BadFile, Invalid, Conflict, Unavailable.
    """
    one_at_a_time(db, f"photos/{subject}")
    kept = queries.files(db, county_id, FileKind.PHOTO, [subject])
    if photo_id is not None:
        one_at_a_time(db, f"photo/{photo_id}")
        if (row := db.get(StoredFile, photo_id, populate_existing=True)) is not None:
            jpeg = redrawn(data, zone=_ZONE).jpeg
            if row not in kept or row.sha256 != hashlib.sha256(jpeg).digest():
                raise _used()
            return row
    if len(kept) >= MOST_PHOTOS:
        raise Invalid(f"最多 {MOST_PHOTOS} 张照片；请去掉几张再保存。")
    return _keep(db, folder, county_id, subject, data, photo_id or uuid.uuid4())


def _keep(
    db: Session, folder: Path, county_id: int, subject: str, data: bytes, photo_id: uuid.UUID
) -> StoredFile:
    """Keep a photo drawn anew, and its original until that expires. Raises BadFile, Unavailable."""
    photo = redrawn(data, zone=_ZONE)
    files.keep_original(
        db, folder, data, county_id=county_id, subject=subject, name=f"{photo_id}{_suffix(data)}"
    )
    return files.keep(
        db, folder, io.BytesIO(photo.jpeg), county_id=county_id, kind=FileKind.PHOTO, subject=subject,
        media_type=MEDIA_TYPE, file_id=photo_id,
    )  # fmt: skip


def _suffix(data: bytes) -> str:
    """Return the usual ending of a photo's name.

    >>> _suffix(bytes.fromhex("ffd8ffe0")), _suffix(b"....ftypheic")
    ('.jpg', '.heic')
    """
    if heif.is_heif(data):
        return ".heic"
    return {b"\x89P": ".png", b"RI": ".webp"}.get(data[:2], ".jpg")


# --- photos as they are seen


def released(db: Session, county_id: int, photo_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return of which photos there is a version for the public."""
    subjects = {_subject_of_version(id_): id_ for id_ in photo_ids}
    rows = queries.files(db, county_id, FileKind.BLURRED, list(subjects))
    return {subjects[row.subject] for row in rows}


def withdraw(db: Session, county_id: int, photo_id: uuid.UUID) -> None:
    """Take the version for the public away; its bytes go with the next sweep of the files."""
    own = StoredFile.county_id == county_id, StoredFile.kind == FileKind.BLURRED
    files.drop(db, *own, StoredFile.subject == _subject_of_version(photo_id))


def blur(db: Session, folder: Path, county_id: int, photo_id: uuid.UUID, boxes: Sequence[Box]) -> StoredFile:
    """Make or replace the version for the public: areas unrecognisable; none: there is nothing to hide.

    It is always made of the photo, so what was marked before is marked again or seen. The bytes of the former
    version go with the next sweep of the files. Raises NotFound, Invalid, Unavailable.
    """
    one_at_a_time(db, f"photo/{photo_id}")
    photo = db.get(StoredFile, photo_id, populate_existing=True)
    if photo is None or (photo.county_id, photo.kind) != (county_id, FileKind.PHOTO) or not _is_ours(photo):
        raise NotFound("没有这张照片，或不在您的权限内。")
    try:
        jpeg = blurred(files.path_of(folder, photo.sha256).read_bytes(), boxes)
    except FileNotFoundError as error:
        raise NotFound("照片的文件不在磁盘上；请告诉管理员检查存储。") from error
    subject = _subject_of_version(photo_id)
    files.drop(
        db, StoredFile.county_id == county_id, StoredFile.kind == FileKind.BLURRED,
        StoredFile.subject == subject,
    )  # fmt: skip
    return files.keep(
        db, folder, io.BytesIO(jpeg), county_id=county_id, kind=FileKind.BLURRED, subject=subject,
        media_type=MEDIA_TYPE,
    )  # fmt: skip


def public_photo(db: Session, county_id: int, photo_id: uuid.UUID) -> StoredFile | None:
    """Return what the public may see of a photo: its version without faces; None: nobody has made it yet."""
    versions = queries.files(db, county_id, FileKind.BLURRED, [_subject_of_version(photo_id)])
    return versions[-1] if versions else None


def _is_ours(photo: StoredFile) -> bool:
    return photo.subject.startswith(("report/", "case_step/"))


def _subject_of_version(photo_id: uuid.UUID) -> str:
    return f"photo/{photo_id}"


def _used() -> Conflict:
    return Conflict("这个照片编号已经用过；请用新的编号发送。")
