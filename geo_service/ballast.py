"""Room held back for the database, given up on the day the disk is full to the last byte.

Without any room PostgreSQL cannot write its next checkpoint, dies of it, and does not start again. With this
much it does, and goes on to be read; uploads are refused long before they could eat it (`room`).
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

NAME = "ballast"
BYTES = 48 * 2**20


def trim(path: Path, open_private: Callable[[Path], int]) -> None:
    """Keep the ballast where there is room for it; give it up where the disk is full."""
    free = shutil.disk_usage(path.parent).free
    if free < BYTES // 4 and path.exists():
        log.error("the disk is full; giving up the ballast")
        path.unlink()
    elif free > 4 * BYTES and not path.exists():
        with os.fdopen(open_private(path), "r+b") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, BYTES)
