"""Files of commands that only who runs them may read, there only when all of them is."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from geo_service.errors import Invalid


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that nobody else may read and that is there only when all of it is. Raises Invalid."""
    if path.is_dir():
        raise Invalid(f"「{path}」是文件夹；请写出文件名，例如 {path / '打印.pdf'}。")
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".pdf")
    except OSError as error:
        raise Invalid(f"写不了 {path}：{error.strerror}。请换一个位置。") from error
    try:
        with open(handle, "wb") as file:
            yield file
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
