"""One question a second for all who listen, and none while nobody does.

The hub's task lives in the event loop of the server; its question is asked in a thread, which holds a
connection for as long as that takes. Streams hold none: each has a slot for what it is to be told next, so a
slow reader skips what is out of date. Who is signed out, disabled, or has other grants than when he began is
told that it is over; his page may ask anew.
"""

import asyncio
import datetime as dt
import logging
import uuid
from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from geo_service.accounts.scope import Actor, Scope
from geo_service.db import transaction
from geo_service.errors import TooMany, Unavailable
from geo_service.live import service
from geo_service.live.service import SignedInAs
from geo_service.live.walks import Walk, Walks

log = logging.getLogger(__name__)

EVERY_S = 1.0
MOST_OF_ACCOUNT, MOST_OF_ALL = 6, 300
"""Streams at once: a browser opens six to a host at most."""


@dataclass(eq=False)
class Listener:
    """A stream: for whom, and what it is to be told next."""

    scope: Scope
    signed_in: SignedInAs
    seen: set[uuid.UUID] = field(default_factory=set)
    """Patrols of which it is recorded that he saw their walkers."""
    walks: list[Walk] | None = None
    has_ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, walks: list[Walk]) -> None:
        """Lay out what is new; the same again is no news."""
        if walks != self.walks:
            self.walks = walks
            self.news.set()

    def end(self) -> None:
        """Say that it is over."""
        self.has_ended = True
        self.news.set()


@dataclass(frozen=True)
class _Found:
    """What one question told."""

    ended: set[Listener]
    """Whose sign-in is over, or has other grants."""
    walks: dict[Listener, list[Walk]]


class Hub:
    """All streams of one server."""

    def __init__(self, engine: Engine | Connection, *, staff_idle: dt.timedelta, home_cut_m: float) -> None:
        self._engine = engine
        self._staff_idle = staff_idle
        self._home_cut_m = home_cut_m
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def demand_room(self, scope: Scope) -> None:
        """Raise TooMany where an account or all of them listen already as often as they may."""
        if self._is_closed:
            raise Unavailable("服务正在停止，请稍后再试。")
        accounts = Counter(one.scope.actor.account_id for one in list(self._listeners))
        if accounts[scope.actor.account_id] >= MOST_OF_ACCOUNT:
            raise TooMany(f"同一个账号最多同时打开 {MOST_OF_ACCOUNT} 个“在路上”，请先关掉别的。")
        if accounts.total() >= MOST_OF_ALL:
            raise TooMany("现在看“在路上”的人太多，请过几分钟再试。")

    def listen(self, scope: Scope, signed_in: SignedInAs) -> Listener:
        """Add a stream, in the event loop; one that finds no room any more has ended already."""
        listener = Listener(scope, signed_in)
        try:
            self.demand_room(scope)
        except (TooMany, Unavailable):
            listener.end()
            return listener
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return listener

    def leave(self, listener: Listener) -> None:
        """Take a stream away."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End all streams and take no more, in the event loop: the server stops."""
        self._is_closed = True
        for listener in self._listeners:
            listener.end()

    async def _run(self) -> None:
        """Ask once a second while anybody listens; what was known is forgotten afterwards."""
        walks, clock = Walks(home_cut_m=self._home_cut_m), asyncio.get_running_loop()
        is_in_trouble = False
        while self._listeners and not self._is_closed:
            began = clock.time()
            try:
                found = await asyncio.to_thread(self._ask, walks, list(self._listeners))
                self._tell(found)
                is_in_trouble = False
            except SQLAlchemyError:  # the database comes back; until then nothing is told anew
                if not is_in_trouble:
                    log.warning("live patrols: the database did not answer")
                is_in_trouble = True
            except Exception:  # a fault of ours must not leave streams that tell nothing for ever
                log.exception("live patrols failed")
                self._end_all()
                return
            await asyncio.sleep(max(EVERY_S - (clock.time() - began), 0.1))

    def _ask(self, walks: Walks, listeners: list[Listener]) -> _Found:
        counties = {one.scope.county_id for one in listeners}
        ids = {one.signed_in.sign_in_id for one in listeners}
        with transaction(self._engine) as db:
            answer, under_way = service.ask(db, walks, sorted(counties), sorted(ids))
            in_force = service.still_in_force(answer, staff_idle=self._staff_idle)
            alive = [one for one in listeners if _is_same(one, in_force)]
            seen = {one: service.seen(one.scope, under_way) for one in alive}
            service.record_looks(db, _first_looks(seen))  # before anybody is shown
        for listener, own in seen.items():
            listener.seen.update(walk.patrol_id for walk in own)
        return _Found(set(listeners) - set(alive), seen)

    def _tell(self, found: _Found) -> None:
        for listener in found.ended & self._listeners:
            listener.end()
        for listener, walks in found.walks.items():
            listener.tell(walks)

    def _end_all(self) -> None:
        for listener in self._listeners:
            listener.end()


def _is_same(listener: Listener, in_force: dict[int, str]) -> bool:
    """Tell whether the sign-in of a stream is in force, with the grants with which it began."""
    return in_force.get(listener.signed_in.sign_in_id) == listener.signed_in.grants


def _first_looks(seen: dict[Listener, list[Walk]]) -> list[tuple[Actor, Walk]]:
    return [
        (listener.scope.actor, walk)
        for listener, walks in seen.items()
        for walk in walks
        if walk.patrol_id not in listener.seen
    ]
