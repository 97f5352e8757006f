"""What a recording may have got wrong: its clock, its datum, the order of its coordinates.

Pure checks: a wrong minority is left out or repaired and told. A wrong whole is refused with what to do if
it came as a file (`examined`); what a client sent is kept, and only told (`usable`).
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layers import crs as crs_
from layers.errors import BadTrack, OutsideCounty
from layers.tracks import EARLIEST_S, OUTAGE_S, Recording
from layers.verdicts import Code
from layers.vocabulary import Datum

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Box = tuple[float, float, float, float]

LONGEST_S = 24 * 3600.0
"""A patrol is one outing: what is longer holds several, or a clock that jumped."""
CLOCK_SLACK_S = 600.0
"""A phone's clock may be this much ahead of ours."""
MOST_LEFT_OUT = 0.1
"""Up to this share of fixes with an impossible time is left out; more refuses the recording."""
LEAST_INSIDE = 0.1
"""A recording with a smaller share of its fixes in the county does not belong to it."""
FAR_DEGREES = 0.5
"""Registered places may reach out of the county's box, but not this far."""
SAME_SHIFT_M = 25.0
"""A jump is the shift of GCJ-02 if it differs by no more (domain.md 3.4)."""
_JUMP_STEPS = 5.0
"""And is this many times the usual step: a car's long steps are no jumps."""
_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Note:
    """What the walker should know of his recording (Chinese), and which doubt it leaves."""

    code: Code
    words: str


@dataclass(frozen=True, eq=False)
class Examined:
    """A recording in WGS 84 with believable times, and what its walker should know."""

    recording: Recording
    notes: list[Note]


def examined(recording: Recording, datum: Datum | None, *, box: Box | None, now_s: float) -> Examined:
    """Return a recording whose lon, lat came in `datum` (None: not stated, taken for WGS 84) in WGS 84.

    Impossible times become NaN, a mixture of datums is repaired. Raises BadTrack, and OutsideCounty for what
    is far from the county's `box` (west, south, east, north in degrees).
    """
    time_s = believable(recording.time_s, now_s)
    lonlat, notes = _in_wgs84(time_s, recording.lonlat, datum or Datum.WGS84)
    if box is not None:
        check_inside(lonlat, _around(box), is_asked=datum is None)
        # A few fixes far off, as at 0, 0, are no place where anyone was.
        lonlat = np.where(_is_inside(lonlat, _around(box))[:, None], lonlat, np.nan)
    return Examined(Recording(time_s, lonlat, recording.accuracy_m), notes)


def usable(recording: Recording, datum: Sequence[Datum], *, box: Box | None, received_s: Floats) -> Examined:
    """Return a recording in WGS 84 without what cannot be true; nothing is refused, what is much is told.

    Each fix has its `datum` and the time at which it came, `received_s`, epoch seconds, shape (n,).
    """
    time_s, notes = _plausible(recording.time_s, received_s)
    lonlat = np.full(recording.lonlat.shape, np.nan)
    each = np.array([str(word) for word in datum], dtype=object)
    for word in sorted(set(datum)):
        here = each == word
        lonlat[here], mixed = _in_wgs84(time_s[here], recording.lonlat[here], word)
        notes += mixed
    if box is not None:
        far = ~_is_inside(lonlat, _around(box)) & np.isfinite(lonlat).all(axis=1)
        if far.sum() > MOST_LEFT_OUT * far.size:
            words = f"有 {int(far.sum())} 个定位点不在本县内，没有采用；请协调员核对坐标系。"
            notes.append(Note(Code.CRS_MIX, words))
        lonlat = np.where(far[:, None], np.nan, lonlat)
    return Examined(Recording(time_s, lonlat, recording.accuracy_m), notes)


def _plausible(time_s: Floats, received_s: Floats) -> tuple[Floats, list[Note]]:
    """Return epoch seconds with NaN for those that cannot be true, however many, and what to tell of them."""
    known = ~np.isnan(time_s)
    good = _good(time_s, received_s + CLOCK_SLACK_S)
    wrong = int((known & ~good).sum())
    notes: list[Note] = []
    if wrong > MOST_LEFT_OUT * known.sum():
        words = f"有 {wrong} 个定位点的时间不可能，没有采用；手机的时钟可能没有对准。"
        notes.append(Note(Code.CLOCK, words))
    if good.any() and np.ptp(time_s[good]) > LONGEST_S:
        good &= np.abs(time_s - np.median(time_s[good])) <= LONGEST_S / 2
        words = "记录前后超过 24 小时，只采用了当中的 24 小时；一次巡查请当天结束。"
        notes.append(Note(Code.CLOCK, words))
    return np.where(good, time_s, np.nan), notes


def _good(time_s: Floats, latest_s: Floats | float) -> Bools:
    """Tell which epoch seconds can be true and lie within a day of most others."""
    good = (time_s >= EARLIEST_S) & (time_s <= latest_s)
    if good.any():
        good &= np.abs(time_s - np.median(time_s[good])) <= LONGEST_S
    return np.asarray(good)


def _in_wgs84(time_s: Floats, sent: Floats, datum: Datum) -> tuple[Floats, list[Note]]:
    """Return lon, lat of a datum as WGS 84, a mixture of datums repaired, and what to tell of that."""
    sent = np.where(np.isfinite(sent), sent, np.nan)
    mixed = mixture(time_s, sent) if datum is not Datum.BD09 else None
    if mixed is None:
        return crs_.to_wgs84(sent, datum), []
    if mixed.gcj02 is None:
        told = f"记录里有 {mixed.jumps} 处像是坐标系切换的跳动，但无法判断；请协调员核对轨迹。"
        return crs_.to_wgs84(sent, datum), [Note(Code.CRS_MIX, told)]
    lonlat = np.where(mixed.gcj02[:, None], crs_.to_wgs84(sent, Datum.GCJ02), sent)
    told = f"记录里混有两种坐标系：{int(mixed.gcj02.sum())} 个点是 GCJ-02，已换算。"
    return lonlat, [Note(Code.CRS_MIX, told)]


def _around(box: Box) -> Box:
    west, south, east, north = box
    return west - FAR_DEGREES, south - FAR_DEGREES, east + FAR_DEGREES, north + FAR_DEGREES


def believable(time_s: Floats, now_s: float) -> Floats:
    """Return epoch seconds, shape (n,), with NaN for the few that cannot be true.

    BadTrack if they are not few, or if the recording is longer than a patrol.
    """
    known = ~np.isnan(time_s)
    good = _good(time_s, now_s + CLOCK_SLACK_S)
    wrong = known & ~good
    if wrong.sum() > MOST_LEFT_OUT * known.sum():
        raise BadTrack(_told_time(time_s, int(np.flatnonzero(wrong)[0]), now_s))
    if good.any() and np.ptp(time_s[good]) > LONGEST_S:
        raise BadTrack(_too_long(float(np.ptp(time_s[good]))))
    return np.where(good, time_s, np.nan)


def _told_time(time_s: Floats, first: int, now_s: float) -> str:
    at_s = float(time_s[first])
    if EARLIEST_S <= at_s <= now_s + CLOCK_SLACK_S:
        return _too_long(float(np.nanmax(time_s) - np.nanmin(time_s)))
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    shown = (
        ""
        if not -6e10 < at_s < 253_402_300_800
        else f"（{moment + dt.timedelta(seconds=at_s):%Y-%m-%d %H:%M} UTC）"
    )
    told = f"第 {first + 1} 个轨迹点的时间不可能{shown}"
    if 0 < at_s - now_s < 15 * 3600:
        return f"{told}：比现在还晚，可能把当地时间写成了 UTC；请改正时区后再传。"
    return f"{told}：手机的时钟可能没有对准；请对准时钟，或改正文件里的时间后再传。"


def _too_long(seconds: float) -> str:
    days = seconds / 86400
    return f"记录前后相隔 {days:.1f} 天，一次巡查不超过 24 小时；请按每次巡查分开导出后再传。"


@dataclass(frozen=True, eq=False)
class Mixture:
    """Fixes of one recording that jump to and fro between WGS 84 and GCJ-02."""

    jumps: int
    gcj02: Bools | None
    """Which fixes are in GCJ-02, shape (n,); None where the jumps do not tell."""


def mixture(time_s: Floats, lonlat: Floats) -> Mixture | None:
    """Find consecutive fixes that jump by the shift of GCJ-02 or back; None if there are none.

    Some phones send WGS 84 in the foreground and GCJ-02 in the background (domain.md 3.4). `time_s`, shape
    (n,), and `lonlat` in degrees as sent, shape (n, 2).
    """
    order = np.argsort(time_s, kind="stable")
    order = order[np.isfinite(time_s[order]) & np.isfinite(lonlat[order]).all(axis=1)]
    if order.size < 2:
        return None
    place = lonlat[order]
    shift = _metres(crs_.from_wgs84(place, Datum.GCJ02) - place, place)[:-1]
    step = _metres(np.diff(place, axis=0), place[:-1])
    length_m = np.hypot(*step.T)
    close = (np.diff(time_s[order]) <= OUTAGE_S) & (np.hypot(*shift.T) > 4 * SAME_SHIFT_M)
    close &= length_m > _JUMP_STEPS * np.median(length_m)
    there = close & (np.hypot(*(step - shift).T) <= SAME_SHIFT_M)
    back = close & (np.hypot(*(step + shift).T) <= SAME_SHIFT_M)
    if not (there | back).any():
        return None
    turns = there.astype(np.int64) - back
    first = turns[np.flatnonzero(turns)[0]]
    level = np.concatenate([[0], np.cumsum(turns)]) + (first < 0)
    jumps = int(np.abs(turns).sum())
    if level.min() < 0 or level.max() > 1:
        return Mixture(jumps, None)
    gcj02 = np.zeros(time_s.size, dtype=bool)
    gcj02[order] = level == 1
    return Mixture(jumps, gcj02)


def _metres(degrees: Floats, at: Floats) -> Floats:
    """Return small differences of lon, lat as metres east and north, shape (n, 2)."""
    scale = np.column_stack([np.cos(np.radians(at[:, 1])), np.ones(len(at))])
    return np.asarray(degrees * scale * _M_PER_DEGREE)


def check_inside(lonlat: Floats, box: Box, *, is_asked: bool) -> None:
    """Raise OutsideCounty unless some of the fixes lie in a box (west, south, east, north in degrees).

    `lonlat` in degrees taken for WGS 84. What would bring them inside is proposed: coordinates the other way
    round, or (if the datum `is_asked` for, since none was stated) another datum.
    """
    known = lonlat[np.isfinite(lonlat).all(axis=1)]
    if len(known) == 0 or _share_inside(known, box) >= LEAST_INSIDE:
        return
    if _share_inside(known[:, ::-1], box) >= LEAST_INSIDE:
        raise OutsideCounty(
            "经度和纬度写反了：对调后才落在本县。请把两列对调（先经度、后纬度）后再传。",
            title="Longitude and latitude are swapped.",
        )
    for datum in (Datum.GCJ02, Datum.BD09) if is_asked else ():
        if _share_inside(crs_.to_wgs84(known, datum), box) >= LEAST_INSIDE:
            raise OutsideCounty(
                f"轨迹不在本县内；如果坐标是 {datum.zh}，就落在本县。请用 --datum {datum.value} 说明后再传。"
            )
    lon, lat = np.median(known, axis=0)
    raise OutsideCounty(
        f"轨迹不在本县内（大约在经度 {lon:.2f}、纬度 {lat:.2f}）；请核对文件、县和坐标系（--datum）。"
    )


def _share_inside(lonlat: Floats, box: Box) -> float:
    return float(_is_inside(lonlat, box).mean())


def _is_inside(lonlat: Floats, box: Box) -> Bools:
    west, south, east, north = box
    return np.asarray(((lonlat >= (west, south)) & (lonlat <= (east, north))).all(axis=1))


def better_datum(
    way_m: float, as_is_m: float, along_m: Callable[[Datum], float]
) -> tuple[Datum, float] | None:
    """Return the datum under which an undeclared recording fits the places far better, and its metres.

    `way_m`: the smoothed way; `as_is_m`: what of it goes along lines taken for WGS 84; `along_m` gives that
    for another datum. A walk off all lines fits none: nothing is asked then.
    """
    if as_is_m >= 0.4 * way_m:
        return None
    for datum in (Datum.GCJ02, Datum.BD09):
        fits_m = along_m(datum)
        if fits_m >= 0.6 * way_m and fits_m >= 2 * as_is_m:
            return datum, fits_m
    return None
