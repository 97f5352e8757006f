"""The service's own errors, the one table from error class to HTTP status, and what a problem looks like."""

from typing import Any

from layers.errors import YinxunError
from maps.fonts import FontMissing


class NotFound(YinxunError):
    """It does not exist, or lies out of the user's scope: the same answer for both."""

    code = "not_found"
    title = "Not found."


class Forbidden(YinxunError):
    """The account's grants do not allow this."""

    code = "forbidden"
    title = "The grants of this account do not allow this."


class MustChangePassword(Forbidden):
    """The account came with a one-time password and must choose its own before anything else."""

    code = "must_change_password"
    title = "Change the one-time password first."


class NotSignedIn(YinxunError):
    """No valid session or token came with the request."""

    code = "not_signed_in"
    title = "Sign in first."


class Conflict(YinxunError):
    """What is stored contradicts what was sent."""

    code = "conflict"
    title = "This contradicts what is stored."


class Invalid(YinxunError):
    """A value that was sent cannot be taken."""

    code = "invalid"
    title = "A value cannot be taken."


class TooLate(YinxunError):
    """It happened too long ago to be taken from a phone."""

    code = "too_late"
    title = "This happened too long ago to be sent; hand in a paper record."


class TooMany(YinxunError):
    """The rate limit was reached."""

    code = "too_many"
    title = "Too many requests; wait."


class TooLarge(YinxunError):
    """The body is larger than the limit."""

    code = "too_large"
    title = "The upload is too large."


class Unavailable(YinxunError):
    """The database is starting again or busy."""

    code = "unavailable"
    title = "The database is not available at the moment; try again."


class NoRoom(Unavailable):
    """The disk is full, or so nearly full that nothing more is taken in; what is stored can be read."""

    code = "no_room"
    title = "No room on the disk; nothing was stored."


class CannotRun(YinxunError):
    """The machine lacks something that the service needs; `detail` says what to do."""

    code = "cannot_run"
    title = "The service cannot run on this machine as it is."


STATUS: dict[type[YinxunError], int] = {
    NotSignedIn: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Invalid: 422,
    TooMany: 429,
    CannotRun: 503,
    FontMissing: 503,
    Unavailable: 503,
    NoRoom: 507,
    YinxunError: 422,
}


def status_of(error: YinxunError) -> int:
    """Return the HTTP status for an error: that of its nearest listed class."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem(error: YinxunError | None, **more: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the RFC 9457 problem details of an error; None: a fault of ours, told as such."""
    if error is None:
        status, code, title = 500, "internal", "Something went wrong on the server."
        detail = "服务内部出错，这次操作没有保存。请稍后再试；若仍然如此，请把页面上的请求编号告诉管理员。"
    else:
        status, code, title, detail = status_of(error), error.code, error.title, error.detail
    base = {
        "type": f"urn:yinxun:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return status, base | more
