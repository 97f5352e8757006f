"""Recordings of sports watches and bicycle computers: FIT, read by fitdecode."""

import datetime as dt
import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import fitdecode
from fitdecode.exceptions import FitError

from geo_service.patrols.fixes import Chunk
from layers.errors import BadFile

MAGIC = b".FIT"
MAX_BYTES = 32 * 2**20
"""Far more than a day of one fix a second; it is decoded in memory."""
_DEGREES = 180.0 / 2**31
"""Positions are semicircles in 32 bits."""
_FIXES = 10_000
"""Of one chunk."""


_DAMAGED = (
    FitError, struct.error, ValueError, KeyError, TypeError, IndexError, OverflowError, AssertionError,
)  # fmt: skip
"""What the reader raises over damaged bytes; it also asserts that sizes fit together."""


def is_fit(head: bytes) -> bool:
    """Tell whether a file begins as FIT does: the mark stands behind sizes and versions."""
    return head[8:12] == MAGIC


def chunks(head: bytes, stream: BinaryIO) -> Iterator[Chunk]:
    """Yield the fixes of a file whose first bytes were read already. Raises BadFile."""
    data = head + stream.read(MAX_BYTES - len(head) + 1)
    if len(data) > MAX_BYTES:
        raise BadFile(f"FIT 文件超过 {MAX_BYTES // 2**20} MB；请按每次巡查分开导出后再传。")
    fixes: list[tuple[Any, Any, str | None, Any]] = []
    for record in _records(data):
        fixes.append(_fix(record))
        if len(fixes) == _FIXES:
            yield _chunk(fixes)
            fixes = []
    if fixes:
        yield _chunk(fixes)


def _records(data: bytes) -> Iterator[Any]:
    reading = {"check_crc": fitdecode.CrcCheck.RAISE, "error_handling": fitdecode.ErrorHandling.IGNORE}
    try:
        with fitdecode.FitReader(io.BytesIO(data), **reading) as reader:
            for frame in reader:
                if frame.frame_type == fitdecode.FIT_FRAME_DATA and frame.name == "record":
                    yield frame
    except _DAMAGED as error:
        raise BadFile("FIT 文件损坏或没有传完；请从手表的应用里重新导出后再传。") from error


def _fix(record: Any) -> tuple[Any, Any, str | None, Any]:
    """Return lon, lat in degrees, time and accuracy; None where the watch had none."""
    lon, lat, time, accuracy = (
        record.get_value(name, fallback=None)
        for name in ("position_long", "position_lat", "timestamp", "gps_accuracy")
    )
    # A watch that does not know the day counts seconds since it was switched on.
    told = time.isoformat() if isinstance(time, dt.datetime) else None
    return (
        lon * _DEGREES if isinstance(lon, int | float) else None,
        lat * _DEGREES if isinstance(lat, int | float) else None,
        told,
        accuracy if isinstance(accuracy, int | float) else None,
    )


def _chunk(fixes: list[tuple[Any, Any, str | None, Any]]) -> Chunk:
    lon, lat, time, accuracy = zip(*fixes, strict=True)
    return Chunk(lon, lat, time, accuracy)
