"""Emptying the boxes: a channel's lines as one, once a minute, tried again if need be.

No transaction is open while the network is asked. A line is taken for some minutes before it is sent: if the
service is killed in between it is sent again afterwards, twice at most in that minute, and never for ever.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from geo_service.db import transaction
from geo_service.messages import addresses, queries
from geo_service.messages.queries import Waiting

log = logging.getLogger(__name__)

JOB = "messages.send"
ALONE = 3
"""So many lines are told in full; of more only the first, and how many there are."""
MOST_ATTEMPTS = 8
_HELD = dt.timedelta(minutes=5)
_FAILED = "没有发出去：地址、机器人的安全设置或网络不对"
_LONGEST_BYTES = 1800
"""A WeCom robot's text ends at 2,048 bytes."""


def send_all(engine: Engine | Connection, *, address: str, proxy: str | None) -> int:
    """Send what is due, a message a channel; return how many lines went. `address`: of the service."""
    with transaction(engine) as db:
        due = queries.due_channels(db, _now())
    return sum(_send(engine, channel_id, url, address, proxy) for channel_id, url in due)


def _send(engine: Engine | Connection, channel_id: int, url: str, address: str, proxy: str | None) -> int:
    with transaction(engine) as db:
        lines = queries.take(db, channel_id, _now(), _now() + _HELD)
    if not lines:
        return 0
    is_sent = addresses.send(url, "银巡", digest(lines, address), proxy=proxy)
    ids = [line.id for line in lines]
    with transaction(engine) as db:
        if is_sent:
            queries.mark_sent(db, ids, _now())
            return len(ids)
        log.warning("a message channel could not be reached", extra={"fields": {"channel": channel_id}})
        for line in lines:
            if line.attempts >= MOST_ATTEMPTS:
                queries.give_up(db, [line.id], _FAILED)
            else:
                queries.mark_failed(db, [line.id], _now() + pause(line.attempts), _FAILED)
    return 0


def pause(attempts: int) -> dt.timedelta:
    """Return how long to wait after so many attempts: a minute, then four times as long each time.

    >>> [str(pause(n)) for n in (1, 2, 5, 8)]
    ['0:01:00', '0:04:00', '4:16:00', '8:00:00']
    """
    return min(dt.timedelta(minutes=4 ** (attempts - 1)), dt.timedelta(hours=8))


def digest(lines: Sequence[Waiting], address: str) -> str:
    """Return what a channel is told at once: the lines, or of many the first and how many there are of what.

    >>> from layers.vocabulary import Topic
    >>> print(digest([Waiting(1, Topic.CASE_NEW, "西荡镇 河岸垃圾", 1)], "http://x"))
    西荡镇 河岸垃圾
    http://x/cases
    """
    shown = [line.body for line in lines[:ALONE]]
    rest = len(lines) - len(shown)
    if rest:
        counts = Counter(line.topic for line in lines)
        told = "、".join(f"{topic.zh} {count} 条" for topic, count in counts.most_common())
        shown = [f"共 {len(lines)} 条：{told}", *shown, f"……还有 {rest} 条"]
    return _cut("\n".join(shown)) + f"\n{address}/cases"


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST_BYTES].decode(errors="ignore")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
