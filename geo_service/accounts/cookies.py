"""The cookies of a browser and the token that every write by cookie must carry.

Two cookies hold a secret each: the session's, and the form's for those who are not signed in yet. The
token of a form is derived from the cookie's secret, so nothing is stored for it, and another site, which
can send the cookie along but cannot read it, cannot make one.
"""

import datetime as dt
import hashlib
import hmac
import secrets

from fastapi import Request, Response

from geo_service.settings import Settings

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
_SESSION = "yinxun"
_FORM = "yinxun_form"


def session_secret(request: Request) -> str | None:
    """Return the secret of the session's cookie."""
    return request.cookies.get(_name(request, _SESSION))


def set_session(
    request: Request, response: Response, secret: str, *, life: dt.timedelta | None = None
) -> None:
    """Give the browser a session; it ends with the browser, or after `life`, or before on the server."""
    _set(request, response, _SESSION, secret, life)


def clear_session(request: Request, response: Response) -> None:
    """Take the session's cookie away."""
    response.delete_cookie(_name(request, _SESSION), path="/", secure=_is_secure(request), httponly=True)


def form_secret(request: Request) -> str | None:
    """Return the secret of the form's cookie."""
    return request.cookies.get(_name(request, _FORM))


def set_form(request: Request, response: Response, secret: str) -> None:
    """Give the browser a form's cookie."""
    _set(request, response, _FORM, secret)


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def csrf_token(secret: str) -> str:
    """Return the token that a write must carry beside the cookie with this secret."""
    return hmac.digest(secret.encode(), b"csrf", hashlib.sha256).hex()


def is_csrf_token(sent: str | None, secret: str | None) -> bool:
    """Tell whether the token that was sent is that of the cookie's secret."""
    return bool(sent and secret) and hmac.compare_digest(str(sent).encode(), csrf_token(str(secret)).encode())


def _set(
    request: Request, response: Response, name: str, secret: str, life: dt.timedelta | None = None
) -> None:
    response.set_cookie(
        _name(request, name), secret, path="/", secure=_is_secure(request), httponly=True, samesite="lax",
        max_age=None if life is None else int(life.total_seconds()),
    )  # fmt: skip


def _name(request: Request, name: str) -> str:
    # With __Host- a browser takes the cookie from this very host over https only.
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return settings.is_https
