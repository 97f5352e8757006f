"""Room on the disk: nothing large is begun without it, and what runs out of it half-way is told as that."""

import errno
import shutil
from pathlib import Path

import psycopg

from geo_service.errors import NoRoom
from geo_service.settings import Settings

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ADVICE = "已有的内容可以照常查看。请告诉管理员清理磁盘，之后再重新上传。"


def nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def free_bytes(folder: Path) -> int:
    """Return the free room of the disk on which a folder lies, or will lie once it is made."""
    return shutil.disk_usage(nearest(folder)).free


def least_free_bytes(settings: Settings) -> int:
    """Return the room below which nothing large is taken in."""
    return settings.least_free_mb * 2**20


def demand_room(settings: Settings) -> None:
    """Raise `NoRoom` if the disk of the data has less room than the setting asks for."""
    if free_bytes(settings.data_dir) < least_free_bytes(settings):
        raise NoRoom(
            f"服务器磁盘剩余不足 {settings.least_free_mb} MB，暂不接收上传和导入，"
            f"这次没有保存任何内容。{_ADVICE}"
        )


def lack_of_room(error: BaseException | None) -> NoRoom | None:
    """Return the error to tell if a full disk, the system's or the database's, is behind `error`."""
    while error is not None:
        origin = getattr(error, "orig", error)  # SQLAlchemy wraps what psycopg raised
        is_full = isinstance(origin, OSError) and origin.errno in _FULL
        if is_full or isinstance(origin, psycopg.errors.DiskFull):
            return NoRoom(f"服务器磁盘已满，这次没有保存任何内容。{_ADVICE}")
        error = error.__cause__ or error.__context__
    return None
