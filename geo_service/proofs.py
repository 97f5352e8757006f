"""Proofs of what is stated: photos, drawn anew without what the camera wrote, and PDF files as they came."""

import io
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import files, heif, photos
from geo_service.errors import Invalid
from geo_service.tables import StoredFile
from layers.errors import BadFile
from layers.vocabulary import FileKind

MOST_BYTES = 20 * 2**20
MOST_FILES = 20
"""Of one subject."""
_PDF = "application/pdf"


def keep(
    db: Session, folder: Path, source: BinaryIO, *, county_id: int, subject: str, name: str | None
) -> StoredFile:
    """Keep a photo or PDF as a proof of a subject ("service/0192..."). Raises BadFile, Invalid."""
    if len(files.of_subject(db, county_id, subject)) >= MOST_FILES:
        raise Invalid(f"已有 {MOST_FILES} 份佐证，不能再加。")
    source.seek(0, 2)
    if source.tell() > MOST_BYTES:
        raise BadFile(f"佐证超过 {MOST_BYTES // 2**20} MB。请缩小后再传。")
    source.seek(0)
    start = source.read(16)
    source.seek(0)
    if _is_photo(start):
        drawn = photos.redrawn(source.read(), zone=ZoneInfo("UTC"))  # when it was taken is not kept
        source, kind, media_type = io.BytesIO(drawn.jpeg), FileKind.PHOTO, photos.MEDIA_TYPE
        name = f"{Path(name).stem}.jpg" if name else None
    elif start.startswith(b"%PDF-"):
        kind, media_type = FileKind.PROOF, _PDF
    else:
        raise BadFile("佐证只收照片（JPG、PNG、WebP、HEIC）和 PDF。请换一个文件，或拍照后再传。")
    return files.keep(
        db, folder, source, county_id=county_id, kind=kind, subject=subject, media_type=media_type, name=name
    )


def _is_photo(start: bytes) -> bool:
    """Tell whether a file that begins like this is a photo.

    >>> _is_photo(bytes.fromhex("ffd8ffe0")), _is_photo(b"%PDF-1.7")
    (True, False)
    """
    return (
        start.startswith((b"\xff\xd8\xff", b"\x89PNG"))
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or heif.is_heif(start)
    )
