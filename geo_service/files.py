"""Kept files: photos, proofs, originals. Their bytes lie by SHA-256 in one folder, a row stands for each use.

The bytes are written before their row is committed and removed after the last row is gone (`sweep`), so a
row never points at nothing; what a failed transaction left behind is swept as well.
"""

import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from geo_service.tables import StoredFile
from layers.vocabulary import FileKind

_GRACE_S = 3600
"""Bytes without a row are left this long: their transaction may be under way."""


def keep(
    db: Session,
    folder: Path,
    source: BinaryIO,
    *,
    county_id: int,
    kind: FileKind,
    subject: str,
    media_type: str,
    name: str | None = None,
    file_id: uuid.UUID | None = None,
) -> StoredFile:
    """Keep a file for a subject ("patrol/0192...") and return its row; the same again adds no bytes.

    `file_id`: one that its sender has chosen; it must be free.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.seek(0)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="part-", delete=False) as part:
        try:
            shutil.copyfileobj(source, part)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            Path(part.name).unlink()
            raise
    with Path(part.name).open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").digest()
    target = path_of(folder, sha256)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    size = Path(part.name).stat().st_size
    Path(part.name).replace(target)
    row = StoredFile(
        id=file_id or uuid.uuid4(),
        county_id=county_id,
        sha256=sha256,
        size=size,
        kind=kind,
        subject=subject,
        media_type=media_type,
        name=name,
    )
    db.add(row)
    db.flush()
    return row


def path_of(folder: Path, sha256: bytes) -> Path:
    """Return where the bytes with this hash lie."""
    digest = sha256.hex()
    return folder / digest[:2] / digest


def of_subject(db: Session, county_id: int, subject: str) -> list[StoredFile]:
    """Return the files of a subject, the oldest first."""
    own = select(StoredFile).where(StoredFile.county_id == county_id, StoredFile.subject == subject)
    return list(db.scalars(own.order_by(StoredFile.created_at, StoredFile.id)))


def drop(db: Session, *conditions: ColumnElement[bool]) -> int:
    """Forget files that meet all conditions; their bytes go with the next `sweep`."""
    return len(db.scalars(delete(StoredFile).where(*conditions).returning(StoredFile.id)).all())


def sweep(db: Session, folder: Path, gone: Collection[bytes] = ()) -> int:
    """Remove bytes that no row stands for; return how many files.

    Those of `gone` at once, others when they are older than any transaction. Call it after the commit that
    dropped their rows.
    """
    known = set(db.scalars(select(StoredFile.sha256)))
    names = {sha256.hex() for sha256 in gone}
    removed = 0
    for path in [*folder.glob("part-*"), *folder.glob("??/*")]:
        if path.name in names or path.stat().st_mtime < time.time() - _GRACE_S:
            is_known = len(path.name) == 64 and bytes.fromhex(path.name) in known
            if not is_known:
                path.unlink(missing_ok=True)
                removed += 1
    return removed
