"""How often Python looks for cycles of garbage while many plain objects are made."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 200_000
"""New objects between two looks; records and reports hold no cycles."""
_lock = threading.Lock()
_inside = 0
_usual = gc.get_threshold()


@contextmanager
def rarely_searched() -> Iterator[None]:
    """Search for cycles rarely inside: a roster's records outlive every search, which take half its time."""
    global _inside, _usual  # noqa: PLW0603 -- the collector is one for the process
    with _lock:
        if _inside == 0:
            _usual = gc.get_threshold()
            gc.set_threshold(_OBJECTS, *_usual[1:])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                gc.set_threshold(*_usual)
