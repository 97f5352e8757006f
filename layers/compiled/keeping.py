"""Where compiled code is kept: beside its sources, or in the cache of a user who may not write there.

What is run as code is never read from a folder that somebody else but root can write: so the user of an
installed service has a folder of his own, which starts as a copy of the installed one.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


def folder(beside: Path) -> Path:
    """Return the folder to keep compiled code in, made if that is possible; its name tells the sources."""
    with contextlib.suppress(OSError):  # not ours to make
        beside.mkdir(parents=True, exist_ok=True)
    if os.access(beside, os.W_OK):
        return beside
    try:
        return _own(beside, Path.home() / ".cache/yinxun")
    except (OSError, RuntimeError):  # a user without a home, or a full disk: compiled anew by each process
        return beside


def _own(beside: Path, cache: Path) -> Path:
    """Return a user's own folder, which starts with all that is kept already; older ones go."""
    own = cache / beside.name
    if own.is_dir():
        return own
    cache.mkdir(parents=True, exist_ok=True)
    older = [kept for kept in cache.iterdir() if len(kept.name) == len(own.name)]
    with tempfile.TemporaryDirectory(prefix="part-", dir=cache) as part:
        copy = Path(part) / own.name
        if beside.is_dir():
            shutil.copytree(beside, copy)
        else:
            copy.mkdir()
        with contextlib.suppress(OSError):  # another process was first
            copy.rename(own)
    for kept in older:
        shutil.rmtree(kept, ignore_errors=True)
    return own
