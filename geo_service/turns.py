"""Who works when: so much at a time of what keeps a processor busy, and short turns for all that answer."""

import contextlib
import sys
import threading
from collections.abc import Iterator

from geo_service.errors import Unavailable

CODES = threading.BoundedSemaphore(1)
"""Sheets of cards or plates: drawing their codes keeps a processor busy for seconds."""

TURN_S = 0.0005
"""How long a thread keeps the interpreter while others wait for it."""


def keep_turns_short() -> None:
    """Let the threads of this process take short turns.

    A request gives the interpreter away with each question to the database and must wait to get it back:
    with Python's own 5 ms, 300 phones wait half as long again at the 99th of a hundred (bench_phones).
    """
    sys.setswitchinterval(TURN_S)


@contextlib.contextmanager
def turn(turns: threading.Semaphore, words: str) -> Iterator[None]:
    """Take a turn if one is free at once. Raises Unavailable with the words."""
    if not turns.acquire(blocking=False):
        raise Unavailable(words)
    try:
        yield
    finally:
        turns.release()
