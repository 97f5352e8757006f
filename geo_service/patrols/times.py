"""Time texts of recordings, many at once, to epoch seconds (UTC)."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from layers.errors import BadRow, UnknownTimeZone
from layers.tracks import EARLIEST_S, LATEST_S

Floats = NDArray[np.float64]
Where = Callable[[int], str]
"""Names the i-th value for people, as in 第 12 行."""

_CLOCK = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"[T\s]*(\d{1,2})[:时](\d{1,2})(?:[:分](?:(\d{1,2})(?:[.,](\d+))?)?)?秒?"
    r"\s*(?:(Z|UTC|GMT)|([+-])(\d{2}):?(\d{2})?)?",
    re.IGNORECASE | re.ASCII,
)
_COMPACT = re.compile(
    r"(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)(?:\.(\d+))?(?:(Z)|([+-])(\d\d):?(\d\d)?)?", re.ASCII
)
_EPOCH = re.compile(r"-?\d+(?:\.\d+)?(?:[eE]\+?\d+)?", re.ASCII)
_MARKS = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":", 19: "."}

MILLISECONDS_FROM = 1e11
"""Epoch numbers from here on are milliseconds: as seconds this were the year 5138."""
MICROSECONDS_FROM = 1e14
_QUARTER_S = 900.0


def epoch_seconds(texts: Sequence[str | None], time_zone: str | None, where: Where) -> Floats:
    """Return epoch seconds (UTC), shape (n,), of ISO and usual Chinese time texts or epoch numbers.

    Empty texts give NaN. Times that state no zone are local times of `time_zone` (an IANA name); without it
    they raise UnknownTimeZone. A text that is no time raises BadRow.
    """
    plain = _plain_utc(texts)
    return plain if plain is not None else _any_form(texts, time_zone, where)


def _plain_utc(texts: Sequence[str | None]) -> Floats | None:
    # The form that nearly every GPX has, 2026-05-01T08:00:00[.fff]Z, in one array: 50 times faster than one
    # text after the other. numpy alone would also take "now" or "2026"; hence the look at every character.
    try:
        rows = np.array(texts, dtype="S")
    except (UnicodeEncodeError, ValueError):
        return None
    width = rows.dtype.itemsize
    if width != 20 and not 22 <= width <= 27:
        return None
    characters = rows.view(np.uint8).reshape(len(rows), width)
    expected = {i: ord(mark) for i, mark in _MARKS.items() if i < width - 1} | {width - 1: ord("Z")}
    digits = np.delete(characters, list(expected), axis=1)
    if (
        (characters[:, list(expected)] != np.array(list(expected.values()), np.uint8)).any()
        or (digits < ord("0")).any()
        or (digits > ord("9")).any()
    ):
        return None
    try:
        clock = rows.astype(f"S{width - 1}").astype("datetime64[us]")
    except ValueError:
        return None
    return clock.astype(np.int64) / 1e6


def _any_form(texts: Sequence[str | None], time_zone: str | None, where: Where) -> Floats:
    seconds, offset_s = np.full(len(texts), np.nan), np.zeros(len(texts))
    clock_at: list[int] = []
    clocks: list[str] = []
    naive = np.zeros(len(texts), bool)
    for i, text in enumerate(texts):
        stripped = text.strip() if text else ""
        if not stripped:
            continue
        if match := _CLOCK.fullmatch(stripped) or _COMPACT.fullmatch(stripped):
            year, month, day, hour, minute, second, part, utc, sign, hours, minutes = match.groups()
            clocks.append(
                f"{year}-{month:>02}-{day:>02}T{hour:>02}:{minute:>02}:{second or 0:>02}.{(part or '0')[:6]}"
            )
            clock_at.append(i)
            naive[i] = not (utc or sign)
            if sign:
                offset_s[i] = int(f"{sign}1") * (int(hours) * 3600 + int(minutes or 0) * 60)
        elif _EPOCH.fullmatch(stripped):
            seconds[i] = _of_epoch(float(stripped))
        else:
            raise BadRow(
                f"{where(i)}的时间「{stripped[:40]}」不认识；请写成 2026-05-01 08:00:00 的形式。", row=i + 1
            )
    seconds[clock_at] = _of_clocks(clocks, lambda k: where(clock_at[k])) - offset_s[clock_at]
    if naive.any():
        seconds[naive] = _of_zone(seconds[naive], time_zone, where(int(np.flatnonzero(naive)[0])))
    return seconds


def _of_clocks(clocks: list[str], where: Where) -> Floats:
    """Return epoch seconds of ISO texts without a zone, as if they were UTC."""
    try:
        return np.array(clocks, dtype="datetime64[us]").astype(np.int64) / 1e6
    except ValueError:
        for i, clock in enumerate(clocks):
            try:
                np.datetime64(clock)
            except ValueError as error:
                raise BadRow(
                    f"{where(i)}的时间「{clock[:19]}」不存在；请核对日期和钟点。", row=i + 1
                ) from error
        raise


def _of_epoch(number: float) -> float:
    if abs(number) >= MICROSECONDS_FROM:
        return number / 1e6
    return number / 1e3 if abs(number) >= MILLISECONDS_FROM else number


def _of_zone(local_s: Floats, time_zone: str | None, where: str) -> Floats:
    """Return epoch seconds of local clock times that are given as if they were UTC."""
    if time_zone is None:
        raise UnknownTimeZone(f"时间没有写明时区（从{where}起）；请用 --tz 说明。")
    zone = ZoneInfo(time_zone)
    # Zones change at quarters of an hour: one look for each quarter instead of one for each fix.
    quarters, quarter = np.unique(local_s.clip(EARLIEST_S, LATEST_S) // _QUARTER_S, return_inverse=True)
    offset_s = np.array([_offset_s(float(q) * _QUARTER_S, zone) for q in quarters])
    return np.asarray(local_s - offset_s[quarter])


def _offset_s(local_s: float, zone: ZoneInfo) -> float:
    # In the doubled hour of a winter change the later one is meant.
    clock = dt.datetime.fromtimestamp(local_s, dt.UTC).replace(tzinfo=zone, fold=1)
    offset = clock.utcoffset()
    return offset.total_seconds() if offset else 0.0
