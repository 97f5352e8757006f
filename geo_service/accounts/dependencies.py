"""What a route asks for: who came (`SignedIn`), with which scope (`Signed`), with which right (`require`).

    @router.get("/api/things")
    def things(db: Db, scope: Signed) -> ...

    @router.post("/api/things")
    def add(db: Db, scope: Annotated[Scope, require(Right.COORDINATOR)]) -> ...

`at_the_door` stands before every route of the application: what is no open door needs a sign-in even if
its route forgot to ask.
"""

import datetime as dt
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from geo_service.accounts import cookies, doors, service
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.accounts.service import Identity
from geo_service.db import Db
from geo_service.errors import Forbidden, MustChangePassword, NotFound, NotSignedIn
from geo_service.settings import Settings
from layers.errors import YinxunError
from layers.vocabulary import Right

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_BUSINESS = frozenset({"/password", "/sign-out"})
"""What a session that must change its password may do."""


async def at_the_door(request: Request, db: Db) -> None:
    """Count the request, and turn away whom no open door and no way in lets through."""
    limiter: doors.Limiter = request.app.state.limiter
    door = doors.door_of(request.method, path_of(request))
    if door is None:
        who = await _checked(request, await _identify(request, db))
        limiter.take(f"sign_in:{who.sign_in_id}", doors.SIGNED_PER_MINUTE)
    elif door.per_minute is not None:
        limiter.take(f"{door.path}:{address_of(request)}", door.per_minute)


# What asks nothing of the database is `async`: another thread would cost more than the work.
async def _identify(request: Request, db: Db) -> Identity:
    """Find out who came, once a request."""
    known: Identity | None = getattr(request.state, "identity", None)
    if known is None:
        known = request.state.identity = await run_in_threadpool(_recognised, request, db)
    return known


def _recognised(request: Request, db: Db) -> Identity:
    settings: Settings = request.app.state.settings
    idle = dt.timedelta(minutes=settings.staff_idle_minutes)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    who = None
    if scheme.casefold() == "bearer":
        who = service.recognise(db, token.strip(), kinds=("token",), staff_idle=idle)
    elif secret := cookies.session_secret(request):
        who = service.recognise(db, secret, kinds=("session", "change", "phone"), staff_idle=idle)
    if who is None:
        raise NotSignedIn("请先登录。登录可能已因长时间未操作而失效。")
    if who.kind == "change" and path_of(request) not in _OWN_BUSINESS:
        raise MustChangePassword("请先设置自己的新密码，再继续使用。")
    return who


async def _checked(request: Request, who: Annotated[Identity, Depends(_identify)]) -> Identity:
    """Demand the form token on every write that a cookie lets through."""
    if request.method not in _SAFE and who.kind != "token":
        await demand_csrf(request, cookies.session_secret(request))
    return who


SignedIn = Annotated[Identity, Depends(_checked)]
"""Who came, whatever he may do."""


async def _perhaps(request: Request, db: Db) -> Identity | None:
    try:
        return await _identify(request, db)
    except (NotSignedIn, MustChangePassword):
        return None


PerhapsSignedIn = Annotated[Identity | None, Depends(_perhaps)]
"""Who came through an open door, if he is known; only to show him more, never to let him do anything."""


async def demand_csrf(request: Request, secret: str | None) -> None:
    """Raise `Forbidden` unless the header or the form carries the token of the cookie's secret."""
    sent = request.headers.get(cookies.CSRF_HEADER)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if sent is None and kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        field = (await request.form()).get(cookies.CSRF_FIELD)
        sent = field if isinstance(field, str) else None
    if not cookies.is_csrf_token(sent, secret):
        raise Forbidden(
            "页面已过期，请返回上一页刷新后再提交一次。", title="The CSRF token is missing or wrong."
        )


async def _scope(
    request: Request,
    db: Db,
    who: SignedIn,
    county: Annotated[str | None, Query(description="Code of the county, where several are reached.")] = None,
) -> Scope:
    make = partial(service.own_scope, db, who, county, request_id=request_id_of(request))
    return await run_in_threadpool(make) if any(one.area_id for one in who.held) else make()


Signed = Annotated[Scope, Depends(_scope)]
"""The scope of whoever came, in the county of the request."""


def require(*rights: Right) -> Any:
    """Return the dependency that gives the scope if it holds any of `rights` (or administrator), else 403."""

    async def check(scope: Signed) -> Scope:
        scope.demand(*rights)
        return scope

    return Depends(check)


async def _volunteer(scope: Signed) -> Scope:
    if scope.person_id is None or not scope.holds(Right.VOLUNTEER):
        raise NotFound("这个账号不是志愿者的，请用卡片上的二维码进入。")
    return scope


Volunteer = Annotated[Scope, Depends(_volunteer)]
"""The scope of a volunteer, on the page that is his own; for anybody else the page is not there."""


async def _full(
    scope: Signed,
    full: Annotated[
        bool, Query(description="In files: names and phones in full, for those who may change people.")
    ] = False,
) -> bool:
    if full:
        scope.demand(*CHANGE)
    return full


InFull = Annotated[bool, Depends(_full)]
"""Whether a file is asked for with names and phones in full; who may not is refused."""


def csrf_token_of(request: Request) -> str:
    """Return the form token of the session, for `<meta name="csrf-token">` and hidden fields."""
    secret = cookies.session_secret(request)
    return cookies.csrf_token(secret) if secret else ""


def page_for(request: Request, error: YinxunError) -> str | None:
    """Return the page to lead a browser to that asked for a page and may not see it; None for programs."""
    if request.method not in _SAFE or "text/html" not in request.headers.get("Accept", ""):
        return None
    if isinstance(error, MustChangePassword):
        return "/password"
    if isinstance(error, NotSignedIn):
        return f"/sign-in?next={quote(_target(request))}"
    return None


def address_of(request: Request) -> str | None:
    """Return the network address of the client (the server puts that of a trusted proxy's client here)."""
    return request.client.host if request.client else None


def request_id_of(request: Request) -> str | None:
    """Return the id under which the request stands in the log."""
    return getattr(request.state, "request_id", None)


def path_of(request: Request) -> str:
    """Return the path of the request within the application."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def _target(request: Request) -> str:
    query = request.url.query
    return f"{path_of(request)}?{query}" if query else path_of(request)
