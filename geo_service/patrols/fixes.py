"""Fixes as texts, chunk by chunk as a file is read, become one recording."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.patrols.times import epoch_seconds
from layers.errors import BadFile, BadRow, BadTrack
from layers.tracks import Recording

Floats = NDArray[np.float64]

MAX_FIXES = 500_000
"""Fixes of one file: five days at one a second; 20 MB as numbers."""

WORST_M = 1e6
"""What is told to be less accurate is no less useless."""


@dataclass(frozen=True)
class Chunk:
    """Some fixes as a file writes them: texts, numbers, or None where it says nothing."""

    lon: Sequence[Any]
    lat: Sequence[Any]
    time: Sequence[str | None]
    accuracy: Sequence[Any] = ()
    """In metres; empty where the format tells none."""
    rows: Sequence[int] = field(default=())
    """Line numbers of the file; without them fixes are counted from 1."""


def collect(chunks: Iterable[Chunk], *, time_zone: str | None) -> Recording:
    """Return the recording of all chunks in the order of the file.

    BadFile without fixes or with more than `MAX_FIXES`, BadRow where a number or time cannot be read,
    BadTrack where no fix has a time, UnknownTimeZone where times lack one.
    """
    lon, lat, time_s, accuracy_m = [], [], [], []
    count = 0
    for chunk in chunks:
        if count + len(chunk.lon) > MAX_FIXES:
            raise BadFile(f"定位点超过 {MAX_FIXES} 个；请按每次巡查拆成几个文件后再传。")
        lon.append(_numbers(chunk.lon, "经度", chunk, count))
        lat.append(_numbers(chunk.lat, "纬度", chunk, count))
        known = _numbers(chunk.accuracy, "精度", chunk, count)
        # Phones write 0 or -1 for "not known".
        known = np.where(known > 0, np.minimum(known, WORST_M), np.nan)
        accuracy_m.append(known if known.size else np.full(len(chunk.lon), np.nan))
        time_s.append(epoch_seconds(chunk.time, time_zone, _where(chunk, count)))
        count += len(chunk.lon)
    if count == 0:
        raise BadFile("文件里没有轨迹点；如果只有航点或计划路线，它不是行走记录。请导出“轨迹”后再传。")
    times, accuracies = np.concatenate(time_s), np.concatenate(accuracy_m)
    if np.isnan(times).all():
        raise BadTrack("轨迹点都没有时间：这是路线，不是行走记录。请导出带时间的轨迹后再传。")
    lonlat = np.column_stack([np.concatenate(lon), np.concatenate(lat)])
    return Recording(times, lonlat, None if np.isnan(accuracies).all() else accuracies)


def _where(chunk: Chunk, before: int) -> Any:
    if chunk.rows:
        return lambda i: f"第 {chunk.rows[i]} 行"
    return lambda i: f"第 {before + i + 1} 个轨迹点"


def _numbers(values: Sequence[Any], what: str, chunk: Chunk, before: int) -> Floats:
    """Return numbers, shape (n,), NaN for None."""
    try:
        return np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        where = _where(chunk, before)
        for i, value in enumerate(values):
            try:
                float(np.nan if value is None else value)
            except (ValueError, TypeError, OverflowError) as error:
                raise BadRow(
                    f"{where(i)}的{what}「{str(value)[:40]}」不是数字；请改正后再传。", row=i + 1
                ) from error
        raise
