"""The SQL of channels and of the messages that wait for them."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import any_, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from geo_service.tables import Area, Message, MessageChannel
from layers.vocabulary import Topic


def channels(db: Session, county_id: int) -> Sequence[Any]:
    """Return the channels of a county by name, each with its area's name and how much waits and failed."""
    waiting = (
        select(func.count()).where(Message.channel_id == MessageChannel.id, Message.sent_at.is_(None))
    ).scalar_subquery()  # fmt: skip
    error = (
        select(Message.error)
        .where(Message.channel_id == MessageChannel.id, Message.error.is_not(None))
        .order_by(Message.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return db.execute(
        select(MessageChannel, Area.name, waiting, error)
        .outerjoin(Area, Area.id == MessageChannel.area_id)
        .where(MessageChannel.county_id == county_id)
        .order_by(MessageChannel.name, MessageChannel.id)
    ).all()


def channel(db: Session, county_id: int, channel_id: int) -> MessageChannel | None:
    """Return a channel of a county."""
    own = MessageChannel.county_id == county_id, MessageChannel.id == channel_id
    return db.scalars(select(MessageChannel).where(*own)).one_or_none()


def named(db: Session, county_id: int, name: str) -> MessageChannel | None:
    """Return the channel of a name."""
    own = MessageChannel.county_id == county_id, MessageChannel.name == name
    return db.scalars(select(MessageChannel).where(*own)).one_or_none()


def store(db: Session, row: MessageChannel) -> int:
    """Store a channel."""
    db.add(row)
    db.flush()
    return row.id


def drop(db: Session, row: MessageChannel) -> None:
    """Forget a channel with what waits for it."""
    db.delete(row)
    db.flush()


def wanting(db: Session, county_id: int, topic: Topic, areas: Collection[int]) -> Sequence[int]:
    """Return the channels that are on, want a topic, and are told of one of the areas."""
    here = or_(MessageChannel.area_id.is_(None), MessageChannel.area_id.in_(areas))
    return db.scalars(
        select(MessageChannel.id).where(
            MessageChannel.county_id == county_id, MessageChannel.is_on, here,
            literal(topic.value) == any_(MessageChannel.topics),
        )
    ).all()  # fmt: skip


def add(db: Session, county_id: int, channel_ids: Collection[int], topic: Topic, body: str) -> None:
    """Put a message into the box of each channel."""
    rows = [{"county_id": county_id, "channel_id": id_, "topic": topic, "body": body} for id_ in channel_ids]
    if rows:
        db.execute(insert(Message), rows)


@dataclass(frozen=True)
class Waiting:
    """A message that waits."""

    id: int
    topic: Topic
    body: str
    attempts: int


def due_channels(db: Session, now: dt.datetime) -> Sequence[tuple[int, str]]:
    """Return id and address of the channels that are on and for which something is due."""
    due = select(Message.channel_id).where(Message.sent_at.is_(None), Message.send_after <= now)
    found = select(MessageChannel.id, MessageChannel.url).where(
        MessageChannel.is_on, MessageChannel.id.in_(due.correlate(None))
    )
    return [(id_, url) for id_, url in db.execute(found.order_by(MessageChannel.id))]


def take(db: Session, channel_id: int, now: dt.datetime, until: dt.datetime) -> list[Waiting]:
    """Return what is due for a channel, and let nobody else take it until a moment."""
    due = (
        select(Message.id)
        .where(Message.channel_id == channel_id, Message.sent_at.is_(None), Message.send_after <= now)
        .order_by(Message.id)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(Message)
        .where(Message.id.in_(due))
        .values(send_after=until, attempts=Message.attempts + 1)
        .returning(Message.id, Message.topic, Message.body, Message.attempts)
    )
    rows = [Waiting(id_, Topic(topic), body, attempts) for id_, topic, body, attempts in db.execute(taken)]
    return sorted(rows, key=lambda row: row.id)


def mark_sent(db: Session, ids: Collection[int], now: dt.datetime) -> None:
    """Write down that messages were sent."""
    db.execute(update(Message).where(Message.id.in_(ids)).values(sent_at=now, error=None))


def mark_failed(db: Session, ids: Collection[int], send_after: dt.datetime, error: str) -> None:
    """Write down that messages could not be sent, and when it is tried again."""
    db.execute(update(Message).where(Message.id.in_(ids)).values(send_after=send_after, error=error))


def give_up(db: Session, ids: Collection[int], error: str) -> None:
    """Try no more: the message stays for who looks at its channel."""
    never = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    mark_failed(db, ids, never, error)
