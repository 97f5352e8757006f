"""Work that keeps a processor or much memory busy: so many at a time, and who comes then is told to wait."""

import contextlib
import threading
from collections.abc import Iterator

from geo_service.errors import Unavailable

CODES = threading.BoundedSemaphore(1)
"""Sheets of cards or plates: drawing their codes keeps a processor busy for seconds."""


@contextlib.contextmanager
def turn(turns: threading.Semaphore, words: str) -> Iterator[None]:
    """Take a turn if one is free at once. Raises Unavailable with the words."""
    if not turns.acquire(blocking=False):
        raise Unavailable(words)
    try:
        yield
    finally:
        turns.release()
