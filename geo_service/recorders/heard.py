"""What an app of others said in one sending, whichever words it has for that."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from geo_service.errors import Invalid
from layers.tracks import EARLIEST_S

CLOCK_SLACK_S = 24 * 3600.0
"""A fix may be this much ahead of our clock: its recording is told that its clock is wrong, and is kept."""
_LARGEST_SECONDS = 2**31 - 1
"""What is larger was counted in milliseconds."""


@dataclass(frozen=True)
class Fix:
    """One fix as it was sent: degrees, metres (None: unknown).

    `time`: epoch seconds, a time without a zone (which is the county's), or None for the time it came.
    """

    time: float | dt.datetime | None
    lon: float
    lat: float
    accuracy_m: float | None = None
    is_doubtful: bool = False
    """Sent by hand: maybe in another datum than the others."""


@dataclass(frozen=True)
class Heard:
    """Who sent, what, and whether he calls for help."""

    key: str
    fixes: tuple[Fix, ...] = ()
    calls_for_help: bool = False


def number(value: Any, what: str) -> float | None:
    """Return a number that a sending holds as number or text; None where it holds none. Raises Invalid."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(
            f"{what}「{str(value)[:40]}」不是数字；请检查软件的设置。", title=f"{what} is no number."
        ) from error


def moment(value: Any, what: str) -> float | dt.datetime | None:
    """Return a time: seconds or milliseconds since 1970, ISO 8601, or `2026-05-01 08:30:00` without a zone.

    Raises Invalid.
    """
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return seconds if abs(seconds) <= _LARGEST_SECONDS else seconds / 1000
    try:
        read = dt.datetime.fromisoformat(text)
        return read if read.tzinfo is None else read.timestamp()
    except (ValueError, OverflowError) as error:
        raise Invalid(
            f"{what}「{text[:40]}」不是时间；请检查软件的设置。", title=f"{what} is no time."
        ) from error


def known_accuracy(value: float | None) -> float | None:
    """Return an accuracy in metres; apps write 0 or -1 for one that they do not know."""
    return value if value is not None and math.isfinite(value) and value > 0 else None


def is_useful(time_s: float, fix: Fix, now_s: float) -> bool:
    """Tell whether a fix can be where somebody was: on the globe, not at 0, 0, after 2000, not tomorrow."""
    return (
        abs(fix.lon) <= 180
        and abs(fix.lat) <= 90
        and (fix.lon != 0 or fix.lat != 0)
        and EARLIEST_S <= time_s <= now_s + CLOCK_SLACK_S
    )
