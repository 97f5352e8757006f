"""Files between the trial of an import and its carrying out: held for a day, for their account alone."""

import re
import secrets
import shutil
import time
import uuid
from pathlib import Path, PurePosixPath
from typing import IO

from geo_service.errors import NotFound

_DAY_S = 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


def hold(folder: Path, account_id: uuid.UUID, file: IO[bytes], name: str) -> str:
    """Keep a file (its ending stays, readers go by it) and return the word to find it again by."""
    _drop_old(folder)
    word = secrets.token_urlsafe(24)
    own = folder / str(account_id) / word
    own.mkdir(parents=True, mode=0o700)
    try:
        with (own / f"file{_ending(name)}").open("wb") as kept:
            shutil.copyfileobj(file, kept)
    except OSError:  # no half file is offered again
        shutil.rmtree(own, ignore_errors=True)
        raise
    return word


def find(folder: Path, account_id: uuid.UUID, word: str) -> Path:
    """Return the file of an account by its word. Raises NotFound."""
    if _TOKEN.fullmatch(word):
        for path in (folder / str(account_id) / word).glob("file*"):
            return path
    raise NotFound("上次选的文件已经不在了（超过一天，或已导入）。请重新选择文件。")


def drop(folder: Path, account_id: uuid.UUID, word: str) -> None:
    """Drop a file that was carried out."""
    shutil.rmtree(find(folder, account_id, word).parent, ignore_errors=True)


def _ending(name: str) -> str:
    """Return the endings of a name that a reader may ask for, as in .osm.pbf.

    >>> _ending("guixi.osm.pbf"), _ending("../../etc/passwd"), _ending("河道.XLSX"), _ending("a.b/../c d.zip")
    ('.osm.pbf', '', '.xlsx', '.zip')
    """
    endings = PurePosixPath(name.replace("\\", "/")).suffixes[-2:]
    kept = [ending.lower() for ending in endings if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", ending)]
    return "".join(kept)


def _drop_old(folder: Path) -> None:
    for own in folder.glob("*/*"):
        if own.stat().st_mtime < time.time() - _DAY_S:
            shutil.rmtree(own, ignore_errors=True)
