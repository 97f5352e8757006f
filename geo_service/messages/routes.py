"""Channels over HTTP, for coordinators of the whole county."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.messages import addresses, service
from geo_service.messages.service import ChannelTold
from geo_service.settings import Settings
from layers.vocabulary import Topic

router = APIRouter(prefix="/api/message-channels", tags=["messages"])

Changes = Annotated[Scope, require(*CHANGE)]
_Id = Annotated[int, Path(ge=0, lt=2**31)]


class ChannelIn(BaseModel):
    """A channel that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    address: Annotated[str, Field(max_length=addresses.LONGEST, description=addresses.EXAMPLES)]
    topics: Annotated[list[Topic], Field(max_length=20)]
    area_id: Annotated[int | None, Field(ge=0, lt=2**31, description="None: the whole county.")] = None


class ChannelOut(BaseModel):
    """A channel; of its address only the kind and the end."""

    id: int
    name: str
    address: str
    area_id: int | None
    area: str | None
    topics: list[Topic]
    is_on: bool
    waiting: int
    error: str | None

    @classmethod
    def of(cls, told: ChannelTold) -> "ChannelOut":
        """Make it of a channel."""
        return cls(**{**vars(told), "topics": list(told.topics)})


class TurnIn(BaseModel):
    """Whether a channel is on."""

    model_config = ConfigDict(extra="forbid")

    is_on: bool


@router.get("", summary="The channels")
def channels(db: Db, scope: Changes) -> list[ChannelOut]:
    """Return the channels of the county, by name."""
    return [ChannelOut.of(told) for told in service.channels(db, scope)]


@router.post("", status_code=201, summary="Make a channel, which is off")
def make(db: Db, scope: Changes, said: ChannelIn) -> ChannelOut:
    """Make a channel."""
    channel_id = service.make(db, scope, said.name, said.address, said.topics, said.area_id)
    return next(ChannelOut.of(told) for told in service.channels(db, scope) if told.id == channel_id)


@router.put("/{channel_id}", status_code=204, summary="Turn a channel on or off")
def turn(db: Db, scope: Changes, channel_id: _Id, said: TurnIn) -> None:
    """Turn a channel on or off."""
    service.turn(db, scope, channel_id, is_on=said.is_on)


@router.post("/{channel_id}/test", status_code=204, summary="Send a line now")
def test(request: Request, db: Db, scope: Changes, channel_id: _Id) -> None:
    """Send a line, and say whether it arrived."""
    settings: Settings = request.app.state.settings
    service.test(db, scope, channel_id, proxy=settings.message_proxy)


@router.delete("/{channel_id}", status_code=204, summary="Forget a channel")
def remove(db: Db, scope: Changes, channel_id: _Id) -> None:
    """Forget a channel with what waits for it."""
    service.remove(db, scope, channel_id)
