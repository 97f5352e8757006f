"""The open doors: every path that answers without a sign-in, with its guard and its rate; and the rates.

A path that does not stand here answers 401 (a page: leads to the sign-in). The rates are counted in the
memory of the process, bounded and lost at a restart; several processes each count for themselves. What
must hold across processes, the lock-out after wrong passwords, is counted in the database (`lockout`).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import compile_path

from geo_service.errors import TooMany

SIGNED_PER_MINUTE = 1200
"""Requests a minute of one session or token: a map of many tiles fits, a runaway program does not."""

RECORDERS_PER_MINUTE = 20_000
"""Sendings of recorders from one address: a carrier's, behind which all the phones of a county stand."""
UNKNOWN_PER_MINUTE = 600
"""And of those that nobody knows."""


@dataclass(frozen=True)
class Door:
    """A path that answers without a sign-in.

    `guard` says what keeps it safe although it is open; `per_minute` bounds the requests from one address
    (None: it costs nothing and tells nothing, or the whole is bounded elsewhere).
    """

    methods: frozenset[str]
    path: str
    guard: str
    per_minute: int | None


def _door(methods: str, path: str, guard: str, per_minute: int | None) -> Door:
    return Door(frozenset(methods.split()), path, guard, per_minute)


_OF_RECORDERS = "256-bit secret of a recorder, each counted for itself; what unknown ones send is kept aside"
DOORS = (
    _door("GET", "/sign-in", "shows the form, sets the form's own cookie", 120),
    _door("POST", "/sign-in", "form token; 5 wrong passwords lock login and address", 20),
    _door("GET", "/link", "shows the page that posts the secret in the fragment", 120),
    _door("POST", "/link", "form token; 256-bit secret, one use, 30 minutes", 20),
    _door("POST", "/api/v/enter", "256-bit secret of a card; any phone but the first waits", 60),
    _door("GET", "/p/{plate_id}", "82-bit id of a plate; tells what stands on the plate", 240),
    *(
        _door("GET", f"/open311/v2/{path}", "off by default; cases without a word of any person", 240)
        for path in (
            "discovery.{form}",
            "services.{form}",
            "services/{code}.{form}",
            "requests/{number}.{form}",
            "request/{number}.{form}",
            "tokens/{token}.{form}",
            "media/{photo_id}.jpg",
        )
    ),
    *(
        _door(
            "GET POST", f"/open311/v2/{path}", "off by default; writing by a program's token; moderated", 240
        )
        for path in ("requests.{form}", "servicerequestupdates.{form}")
    ),
    _door("GET POST", "/p/{plate_id}/report", "off by default; form token; bounded by plate; moderated", 60),
    _door("GET", "/v", "the page of volunteers without any data", 240),
    _door("GET", "/v/{file}", "files of the release, the same for everybody", None),
    _door("GET POST", "/osmand", _OF_RECORDERS, RECORDERS_PER_MINUTE),
    _door("POST", "/owntracks", _OF_RECORDERS, RECORDERS_PER_MINUTE),
    _door("GET HEAD", "/health", "says only that the process lives", None),
    _door("GET HEAD", "/ready", "says only ready or not", 240),
    _door("GET HEAD", "/metrics", "loopback only", None),
    _door("GET HEAD", "/static/leaflet/{path:path}", "files of the release, the same for everybody", None),
    _door("GET HEAD", "/static/{path:path}", "files of the release, the same for everybody", None),
)

_PATTERNS = [(door, compile_path(door.path)[0]) for door in DOORS]


def door_of(method: str, path: str) -> Door | None:
    """Return the door that answers a method on a path, if it is an open one."""
    return next((d for d, pattern in _PATTERNS if method in d.methods and pattern.match(path)), None)


class Limiter:
    """Buckets that fill with `per_minute` requests a minute and hold that many; the oldest key falls out."""

    def __init__(self, *, max_keys: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()

    def take(self, key: str, per_minute: int) -> None:
        """Take one request out of the key's bucket; raise `TooMany` when it is empty."""
        now = self._clock()
        with self._lock:
            left, at = self._left.pop(key, (float(per_minute), now))
            left = min(float(per_minute), left + (now - at) * per_minute / 60)
            self._left[key] = (max(left - 1, 0.0) if left >= 1 else left, now)
            while len(self._left) > self._max_keys:
                self._left.popitem(last=False)
        if left < 1:
            raise TooMany("操作太频繁，请等一分钟再试。")
