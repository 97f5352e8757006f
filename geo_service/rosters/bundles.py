"""The workbooks of all townships of a scope as one archive."""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.rosters import bundle_queries, workbooks
from geo_service.rosters.bundle_queries import Township

_IN_MEMORY = 8 * 2**20
"""Bytes of an archive beyond which it is written to a file."""
_NO_NAME = frozenset('/\\:*?"<>|')
"""What file names of some systems do not take."""


def out(db: Session, scope: Scope) -> Sequence[Township]:
    """Return the townships of the scope that one may change, by code. Raises Forbidden."""
    scope.demand(*CHANGE)
    return bundle_queries.townships(db, scope)


def archive(db: Session, scope: Scope, *, full: bool) -> IO[bytes]:
    """Return a ZIP of the workbooks of the scope's townships, to be closed. Raises Forbidden."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  (it is streamed)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as into:  # workbooks are compressed already
        for name, code in _named(out(db, scope)):
            into.writestr(name, workbooks.written(db, scope, code, full=full))
    file.seek(0)
    return file


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file, and close it."""
    with file:
        while piece := file.read(2**16):
            yield piece


def _named(townships: Sequence[Township]) -> Iterator[tuple[str, str]]:
    """Yield the name of each township's file, and its code; two of one name are told apart by it."""
    names = [one.name for one in townships]
    for one in townships:
        called = one.name if names.count(one.name) == 1 else f"{one.name}{one.code}"
        plain = "".join(c for c in called if c not in _NO_NAME and c.isprintable())
        yield f"{plain}辖区表.xlsx", one.code
