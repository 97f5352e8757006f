"""How a file gets its name only when it is whole, readable by us and the service's user alone."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from geo_service.embedded import make_private, service_user
from geo_service.errors import CannotRun
from geo_service.settings import Settings

PART = ".part"
_PIECE_BYTES = 4 * 2**20


def backups_folder(settings: Settings) -> Path:
    """Return the folder of the backups, made if it is not there, for the service's user alone.

    Raises `CannotRun` if we cannot write in it.
    """
    folder = settings.backups_dir
    user = service_user(settings.data_dir)
    make_private(settings.data_dir, user)
    if not folder.exists():
        make_private(folder, user)
    if not os.access(folder, os.W_OK):
        raise CannotRun(f"不能写入备份目录 {folder}。请检查它的权限，或用 GEO_BACKUP_DIR 换一个目录。")
    return folder


def open_private(path: Path, flags: int) -> int:
    """Open a file that is made for the owner of its folder alone; return its descriptor."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        with contextlib.suppress(PermissionError):  # a share of another machine may not let root
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


@contextlib.contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to; it bears the name `target` once it is on the disk, or does not exist."""
    part = target.with_name(target.name + PART)
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(open_private(part, os.O_RDWR | os.O_EXCL), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system can
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_on_disk(file: BinaryIO) -> str:
    """Return the SHA-256 of a written file as the disk tells it, not the memory it was written from."""
    file.flush()
    os.fsync(file.fileno())
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
