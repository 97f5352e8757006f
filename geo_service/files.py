"""Kept files: photos, proofs, originals. Their bytes lie by SHA-256 in one folder, a row stands for each use.

The bytes are written before their row is committed and removed after the last row is gone (`sweep`), so a
row never points at nothing; what a failed transaction left behind is swept as well. Who keeps bytes holds
their lock until he has committed, so that nobody takes them for left behind.
"""

import contextlib
import hashlib
import io
import mimetypes
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from geo_service.tables import StoredFile
from layers.vocabulary import FileKind

SWEEPING = 0x59_58_53
"""Number of the advisory lock of who removes bytes; a backup holds it shared until it has them."""
_GRACE_S = 3600
"""Bytes without a row are left this long: their transaction may be under way."""
_LOCK_CLASS = 0x59_58_46
"""Our family of advisory locks, one number for the bytes of a hash."""


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
    part = _written(folder, source)
    with part.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").digest()
    db.execute(select(func.pg_advisory_xact_lock_shared(_LOCK_CLASS, _lock_number(sha256))))
    target = path_of(folder, sha256)
    _make(target.parent)
    size = part.stat().st_size
    _hand_over(part, folder)
    part.replace(target)
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


def _written(folder: Path, source: BinaryIO) -> Path:
    """Write bytes into the folder under a name that nobody knows yet; half of them never stay."""
    _make(folder)
    source.seek(0)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="part-", delete=False) as part:
        try:
            shutil.copyfileobj(source, part)
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            Path(part.name).unlink()
            raise
    return Path(part.name)


def keep_original(
    db: Session,
    folder: Path,
    source: Path | bytes | BinaryIO,
    *,
    county_id: int,
    subject: str,
    name: str | None,
) -> None:
    """Keep a file that something was made of, as it came; it expires as raw fixes do."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            keep_original(db, folder, file, county_id=county_id, subject=subject, name=name or source.name)
        return
    keep(
        db,
        folder,
        io.BytesIO(source) if isinstance(source, bytes) else source,
        county_id=county_id,
        kind=FileKind.ORIGINAL,
        subject=subject,
        media_type=mimetypes.guess_type(name or "")[0] or "application/octet-stream",
        name=name,
    )


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _hand_over(folder, folder.parent)


def _hand_over(path: Path, folder: Path) -> None:
    """Let what root's commands write belong to whom the folder belongs to: the service's own user."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def path_of(folder: Path, sha256: bytes) -> Path:
    """Return where the bytes with this hash lie."""
    digest = sha256.hex()
    return folder / digest[:2] / digest


def of_subject(db: Session, county_id: int, subject: str) -> list[StoredFile]:
    """Return the files of a subject, the oldest first."""
    own = select(StoredFile).where(StoredFile.county_id == county_id, StoredFile.subject == subject)
    return list(db.scalars(own.order_by(StoredFile.created_at, StoredFile.id)))


def drop(db: Session, *conditions: ColumnElement[bool]) -> list[bytes]:
    """Forget files that meet all conditions; return their hashes, for the `sweep` after the commit."""
    return list(db.scalars(delete(StoredFile).where(*conditions).returning(StoredFile.sha256)))


def sweep(db: Session, folder: Path, gone: Collection[bytes] = ()) -> int:
    """Remove bytes that no row stands for; return how many files.

    Those of `gone` at once, others when they are older than any transaction. Call it after the commit that
    dropped their rows. While a backup is made nothing is removed: the next sweep does it.
    """
    if not db.scalar(select(func.pg_try_advisory_xact_lock(SWEEPING))):
        return 0
    paths = [path_of(folder, sha256) for sha256 in set(gone)]
    return sum(_remove(db, path) for path in [*paths, *strays(db, folder)])


def strays(db: Session, folder: Path) -> list[Path]:
    """Return the files in the folder that no row stands for and no transaction still writes."""
    known = {sha256.hex() for sha256 in db.scalars(select(StoredFile.sha256))}
    return [path for path in _old(folder) if path.name not in known]


def _old(folder: Path) -> Iterator[Path]:
    for path in [*folder.glob("part-*"), *folder.glob("??/*")]:
        with contextlib.suppress(FileNotFoundError):  # swept by another just now
            if path.stat().st_mtime < time.time() - _GRACE_S:
                yield path


def _remove(db: Session, path: Path) -> bool:
    """Remove a file unless a row stands for it, or somebody keeps the same bytes this very moment."""
    if len(path.name) == 64:
        sha256 = bytes.fromhex(path.name)
        is_free = db.scalar(select(func.pg_try_advisory_xact_lock(_LOCK_CLASS, _lock_number(sha256))))
        if not is_free or db.scalar(select(exists().where(StoredFile.sha256 == sha256))):
            return False
    was_there = path.exists()
    path.unlink(missing_ok=True)
    return was_there


def _lock_number(sha256: bytes) -> int:
    return int.from_bytes(sha256[:4], signed=True)  # advisory locks in pairs take 32 bits
