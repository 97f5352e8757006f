"""The page of channels: where messages go, turned on and off, tried out."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.db import Db
from geo_service.errors import Invalid, Unavailable
from geo_service.messages import addresses, service
from geo_service.settings import Settings
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import Topic

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]
Words = Annotated[str, Form(max_length=2000)]
_Id = Annotated[int, Path(ge=0, lt=2**31)]


@router.get("/channels", summary="Show where messages go")
def channels(db: Db, frame: Framed, _scope: Changes) -> Response:
    """Show the channels and the form for a new one."""
    return _shown(db, frame)


@router.post("/channels", summary="Make a channel")
def make(
    db: Db,
    frame: Framed,
    scope: Changes,
    name: Words = "",
    address: Words = "",
    area: Words = "",
    topics: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a channel; what is wrong is said above the form."""

    def made() -> None:
        chosen = [Topic(word) for word in topics or [] if word in set(Topic)]
        service.make(db, scope, name, address, chosen, int(area) if area.isdigit() else None)

    return _done(db, frame, made, {"name": name, "area": area, "topics": topics or []})


@router.post("/channels/{channel_id}/{action}", summary="Turn a channel on or off, try it, forget it")
def act(request: Request, db: Db, frame: Framed, scope: Changes, channel_id: _Id, action: str) -> Response:
    """Do what a button says."""
    settings: Settings = request.app.state.settings
    actions = {
        "on": lambda: service.turn(db, scope, channel_id, is_on=True),
        "off": lambda: service.turn(db, scope, channel_id, is_on=False),
        "test": lambda: service.test(db, scope, channel_id, proxy=settings.message_proxy),
        "remove": lambda: service.remove(db, scope, channel_id),
    }
    if action not in actions:
        return _shown(db, frame, Invalid("没有这个操作。"))
    return _done(db, frame, actions[action], told="test" if action == "test" else None)


def _done(db: Db, frame: Frame, action: Any, said: Any = None, *, told: str | None = None) -> Response:
    try:
        with db.begin_nested():
            action()
    except (Invalid, Unavailable) as error:
        return _shown(db, frame, error, said)
    return RedirectResponse(frame.link("/channels", told=told), status_code=303)


def _shown(db: Db, frame: Frame, error: YinxunError | None = None, said: Any = None) -> Response:
    scope = frame.own_scope
    values = {
        "channels": service.channels(db, scope),
        "topics": list(Topic),
        "areas": areas.seen_areas(db, scope),
        "examples": addresses.EXAMPLES.split("；"),
        "said": said or {"name": "", "area": "", "topics": [Topic.CASE_NEW, Topic.CASE_LATE]},
        "sent": frame.request.query_params.get("told") == "test",
        "error": error,
    }
    return frame.show("channels.html", values, status=200 if error is None else 422)
