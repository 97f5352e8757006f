"""Live patrols over HTTP: a stream of server-sent events, or one answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from geo_service.accounts.dependencies import SignedIn, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import zone_in
from geo_service.db import Db
from geo_service.live import service
from geo_service.live.hub import Hub
from geo_service.live.service import SignedInAs
from geo_service.settings import Settings

router = APIRouter(prefix="/api", tags=["live"])

Coordinates = Annotated[Scope, require(*CHANGE)]
HEARTBEAT_S = 15.0
LOOK_EVERY_S = 1.0
"""How long it takes at most until a reader that went away is noticed."""
RETRY_MS = 3000


def _opened(
    request: Request,
    db: Db,
    scope: Coordinates,
    who: SignedIn,
    once: Annotated[bool, Query(description="One answer as JSON instead of a stream.")] = False,
) -> SignedInAs | dict[str, Any]:
    """Let a stream begin, or answer at once; either is recorded."""
    settings: Settings = request.app.state.settings
    if once:
        walks = service.once(db, scope, home_cut_m=settings.home_cut_m)
        return service.told(walks, zone_in(db, scope.county_id))
    hub: Hub = request.app.state.live
    hub.demand_room(scope)
    return service.open_for(db, scope, who)


@router.get("/live", summary="Who is on the way now, as server-sent events")
async def live(
    request: Request, scope: Coordinates, opened: Annotated[SignedInAs | dict[str, Any], Depends(_opened)]
) -> Response:
    """Send `walks` whenever something changed, `end` when the sign-in is over; comments keep it alive.

    Told are open patrols of people of the scope whose consent is in force and of whom a fix came within 15
    minutes. Every look is recorded: the opening, and each person once.
    """
    if isinstance(opened, dict):
        return JSONResponse(opened)
    hub: Hub = request.app.state.live
    headers = {"X-Accel-Buffering": "no"}
    events = _events(request, hub, scope, opened)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(request: Request, hub: Hub, scope: Scope, signed_in: SignedInAs) -> AsyncIterator[str]:
    # Not before the stream is read: one that nobody reads would never leave.
    listener, clock = hub.listen(scope, signed_in), asyncio.get_running_loop()
    try:
        yield f"retry: {RETRY_MS}\n\n"
        told_at = clock.time()
        while not await request.is_disconnected():
            try:
                await asyncio.wait_for(listener.news.wait(), LOOK_EVERY_S)
            except TimeoutError:
                if clock.time() - told_at >= HEARTBEAT_S:
                    yield ": \n\n"
                    told_at = clock.time()
                continue
            listener.news.clear()
            if listener.has_ended:
                yield _event("end", {})
                return
            yield _event("walks", service.told(listener.walks or [], listener.signed_in.zone))
            told_at = clock.time()
    finally:
        hub.leave(listener)


def _event(name: str, content: object) -> str:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"
