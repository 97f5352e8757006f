"""Channels and what they are told: put into a box with what happened, sent later, without a person."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import printable
from geo_service.errors import Invalid, NotFound, Unavailable
from geo_service.messages import addresses, queries
from geo_service.tables import MessageChannel
from layers.vocabulary import Right, Topic

LONGEST_NAME, LONGEST_BODY = 40, 300
MOST_CHANNELS = 100


@dataclass(frozen=True)
class ChannelTold:
    """A channel as it is shown: of its address only the kind and the end."""

    id: int
    name: str
    address: str
    area_id: int | None
    area: str | None
    topics: Sequence[Topic]
    is_on: bool
    waiting: int
    error: str | None
    """Why the latest could not be sent."""


def tell(db: Session, county_id: int, topic: Topic, area_id: int | None, body: str) -> None:
    """Put a line into the box of each channel that wants to know, in the transaction of what happened.

    The line must hold nothing personal: groups read it.
    """
    wanting = queries.wanting(db, county_id, topic, areas.chain(db, county_id, area_id))
    queries.add(db, county_id, wanting, topic, " ".join(printable(body).split())[:LONGEST_BODY])


def channels(db: Session, scope: Scope) -> list[ChannelTold]:
    """Return the channels of the county, by name. Raises Forbidden."""
    scope.demand_county(Right.COORDINATOR)
    return [
        ChannelTold(
            row.id, row.name, addresses.masked(row.url), row.area_id, area,
            [Topic(word) for word in row.topics], row.is_on, waiting, error,
        )
        for row, area, waiting, error in queries.channels(db, scope.county_id)
    ]  # fmt: skip


def make(
    db: Session, scope: Scope, name: str, address: str, topics: Collection[Topic], area_id: int | None
) -> int:
    """Make a channel, which is off; return its id. Raises Forbidden, Invalid, NotFound (the area)."""
    scope.demand_county(Right.COORDINATOR)
    words = printable(name).strip()
    if not 0 < len(words) <= LONGEST_NAME:
        raise Invalid(f"请给这个推送起个名称，最多 {LONGEST_NAME} 字。")
    if queries.named(db, scope.county_id, words) is not None:
        raise Invalid(f"已经有叫「{words}」的推送了。")
    if len(queries.channels(db, scope.county_id)) >= MOST_CHANNELS:
        raise Invalid(f"最多 {MOST_CHANNELS} 个推送。")
    if not topics:
        raise Invalid("请至少选一种要推送的消息。")
    if area_id is not None and area_id not in {area.id for area in areas.seen_areas(db, scope)}:
        raise NotFound("没有这个辖区，或不在您的权限内。")
    row = MessageChannel(
        county_id=scope.county_id, name=words, url=addresses.tidy(address), area_id=area_id,
        topics=sorted(topics), is_on=False,
    )  # fmt: skip
    channel_id = queries.store(db, row)
    _record(db, scope, "messages.channel", channel_id)
    return channel_id


def turn(db: Session, scope: Scope, channel_id: int, *, is_on: bool) -> None:
    """Turn a channel on or off. Raises Forbidden, NotFound."""
    _found(db, scope, channel_id).is_on = is_on
    db.flush()
    _record(db, scope, "messages.on" if is_on else "messages.off", channel_id)


def remove(db: Session, scope: Scope, channel_id: int) -> None:
    """Forget a channel. Raises Forbidden, NotFound."""
    queries.drop(db, _found(db, scope, channel_id))
    _record(db, scope, "messages.removed", channel_id)


def test(db: Session, scope: Scope, channel_id: int, *, proxy: str | None) -> None:
    """Send a line now. Raises Forbidden, NotFound, Unavailable (it did not arrive)."""
    address = _found(db, scope, channel_id).url
    _record(db, scope, "messages.test", channel_id)
    now = dt.datetime.now(dt.UTC).astimezone().strftime("%H:%M")
    if not addresses.send(
        address, "银巡", f"这是一条测试消息（{now}），收到就说明推送设置好了。", proxy=proxy
    ):
        raise Unavailable(
            "没有发出去。请核对地址和机器人的安全设置；内网要设代理的，请让管理员设 GEO_MESSAGE_PROXY。"
        )


def _found(db: Session, scope: Scope, channel_id: int) -> MessageChannel:
    scope.demand_county(Right.COORDINATOR)
    found = queries.channel(db, scope.county_id, channel_id)
    if found is None:
        raise NotFound("没有这个推送，或不在您的权限内。")
    return found


def _record(db: Session, scope: Scope, action: str, channel_id: int) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=f"message_channel/{channel_id}")
