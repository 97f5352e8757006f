"""What holds for every request before any route sees it: an id, a log line, size limits, safe headers."""

import json
import logging
import time
import uuid
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geo_service import logs
from geo_service.errors import NoRoom, TooLarge, problem
from geo_service.metrics import Metrics
from geo_service.room import demand_room
from geo_service.settings import Settings

log = logging.getLogger("yinxun.request")

SMALL_BODY_BYTES = 16 * 2**20
"""The limit of a body that is held in memory; only forms with files, which go to disk, may be larger."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
UNNOTICED_BODY_BYTES = 16 * 2**10
"""Shorter bodies (signing in, ending a duty, forgetting a person) are let through to the last free byte."""
HEADERS = {
    # A route that needs another policy sets the header itself; so does one whose answer may be kept.
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(self), microphone=(), payment=()",
}


class Edge:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, max_upload_bytes: int, is_https: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._max_upload_bytes = max_upload_bytes
        self._headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        known = logs.request_id.set(request_id)
        answer = _Answer(send, self._headers | {"x-request-id": request_id})
        body = _Body(receive, self._limit(scope))
        try:
            if body.is_declared_too_large(scope):
                await answer.problem(TooLarge(body.complaint))
            else:
                await self._app(scope, body.receive, answer.send_unless(body))
        except Exception:
            if not body.is_too_large:
                log.exception("a request failed")
                await answer.problem(None)
        finally:
            if body.is_too_large:
                await answer.problem(TooLarge(body.complaint))
            self._note(scope, answer.status, time.perf_counter() - began)
            logs.request_id.reset(known)

    def _limit(self, scope: Scope) -> int:
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        is_form = kind.lower().startswith(b"multipart/form-data")
        return self._max_upload_bytes if is_form else min(SMALL_BODY_BYTES, self._max_upload_bytes)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        self._metrics.count(scope["method"], route, status, seconds)
        fields = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1e3, 1)}
        log.info("answered", extra={"fields": fields})


class _Body:
    """The body of a request, cut off where it exceeds the limit, however it is sent."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0
        self.is_too_large = False

    @property
    def complaint(self) -> str:
        return f"发送的内容太大，最多 {self._limit // 2**20} MB。请拆成几个较小的文件分别上传。"

    def is_declared_too_large(self, scope: Scope) -> bool:
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        return not length.isdigit() or int(length) > self._limit

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._limit:
                self.is_too_large = True
                return {"type": "http.disconnect"}
        return message


class _Answer:
    """The answer to a request: adds headers where the route set none, remembers the status."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self._is_started = False
        self.status = 500

    def send_unless(self, body: _Body) -> Send:
        async def send(message: Message) -> None:
            if body.is_too_large and not self._is_started:
                return  # what the route says about half a body is of no use
            await self._pass(message)

        return send

    async def problem(self, error: TooLarge | None) -> None:
        """Answer with a problem, if nothing was answered yet; without an error: that it is our fault."""
        if self._is_started:
            return
        status, content = problem(error)
        headers = [(b"content-type", b"application/problem+json")]
        await self._pass({"type": "http.response.start", "status": status, "headers": headers})
        await self._pass(
            {"type": "http.response.body", "body": json.dumps(content, ensure_ascii=False).encode()}
        )

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_started = True
            self.status = message["status"]
            given = {name.lower() for name, _ in message.get("headers", [])}
            added = [
                (name.encode(), value.encode())
                for name, value in self._headers.items()
                if name.encode() not in given
            ]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await self._send(message)


class RoomFirst:
    """Refuses a large request before its body goes to the disk."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, refuse: Callable[[Request, NoRoom], Response]
    ) -> None:
        self._app = app
        self._settings = settings
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "http" and _is_large(scope):
            try:
                demand_room(self._settings)
            except NoRoom as error:
                await _swallow(receive)
                await self._refuse(Request(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_large(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    if headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
        return True
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or int(length) > UNNOTICED_BODY_BYTES


async def _swallow(receive: Receive) -> None:
    """Read the body to its end, keeping nothing: a client that still sends does not hear the answer."""
    message = await receive()
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
