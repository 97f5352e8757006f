"""What was drawn lately, kept in memory by the mark of what it shows: colleagues look at the same map."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST_BYTES = 32 * 2**20


class Kept:
    """Contents by key, at most `most_bytes` together; the one that was not asked for longest falls out.

    A key holds the mark (`service.mark`), so that nothing here is ever out of date.

    >>> kept = Kept(most_bytes=5)
    >>> [kept.get(key, lambda: key.encode() * 2) for key in ("a", "b", "a", "c")]
    [b'aa', b'bb', b'aa', b'cc']
    >>> kept.get("a", lambda: b"again"), kept.get("b", lambda: b"again")
    (b'aa', b'again')
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._contents: OrderedDict[Hashable, bytes] = OrderedDict()
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the content of a key, made if it is not here."""
        with self._lock:
            if (found := self._contents.get(key)) is not None:
                self._contents.move_to_end(key)
                return found
        content = make()
        with self._lock:
            self._bytes += len(content) - len(self._contents.pop(key, b""))
            self._contents[key] = content
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._contents.popitem(last=False)[1])
        return content

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._contents.clear()
            self._bytes = 0
