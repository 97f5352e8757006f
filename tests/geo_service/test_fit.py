"""FIT files: what a watch writes, and what is cut, damaged or none."""

import contextlib
import gzip
import struct

import numpy as np
import pytest
from fitdecode.utils import compute_crc
from hypothesis import given
from hypothesis import strategies as st

from geo_service.patrols import fit
from geo_service.patrols.formats import parse
from layers.errors import BadFile, YinxunError

START_S = 1_777_593_600
EPOCH_S = 631_065_600
"""FIT counts from the last day of 1989."""
NONE_I, NONE_U, NONE_B = 0x7FFFFFFF, 0xFFFFFFFF, 0xFF


def written(records: list[tuple[float | None, float | None, int | None, int | None]]) -> bytes:
    """Return a FIT file with records of time, position and accuracy."""
    fields = bytes([253, 4, 0x86, 0, 4, 0x85, 1, 4, 0x85, 31, 1, 0x02])
    content = bytes([0x40, 0, 0]) + struct.pack("<HB", 20, 4) + fields
    for lon, lat, time_s, accuracy_m in records:
        x, y = (NONE_I if v is None else round(v * 2**31 / 180) for v in (lon, lat))
        at = NONE_U if time_s is None else time_s - EPOCH_S
        content += b"\0" + struct.pack("<IiiB", at, y, x, NONE_B if accuracy_m is None else accuracy_m)
    head = struct.pack("<BBHI4s", 14, 0x20, 2100, len(content), b".FIT")
    head += struct.pack("<H", compute_crc(head))
    return head + content + struct.pack("<H", compute_crc(head + content))


def walk(n: int) -> bytes:
    return written([(119.84 + i * 1e-5, 32.93, START_S + i, 4) for i in range(n)])


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_reads_every_fix(packed: type[bytes]) -> None:
    recording = parse(packed(walk(25_000)))
    assert recording.time_s.tolist() == (START_S + np.arange(25_000)).tolist()
    np.testing.assert_allclose(recording.lonlat[:, 0], 119.84 + np.arange(25_000) * 1e-5, atol=1e-7)
    np.testing.assert_allclose(recording.lonlat[:, 1], 32.93, atol=1e-7)
    assert recording.accuracy_m is not None
    assert set(recording.accuracy_m) == {4.0}


def test_what_the_watch_did_not_know_is_unknown() -> None:
    recording = parse(
        written([(None, None, START_S, 4), (119.8, 32.9, START_S + 1, None), (119.8, 32.9, None, 3)])
    )
    assert np.isnan(recording.lonlat[0]).all()
    assert np.isnan(recording.time_s).tolist() == [False, False, True]
    assert recording.accuracy_m is not None
    assert np.isnan(recording.accuracy_m).tolist() == [False, True, False]


def test_without_a_way_it_is_told() -> None:
    with pytest.raises(BadFile, match="没有轨迹点"):
        parse(written([]))


@pytest.mark.parametrize("cut", [13, 20, 60, -1])
def test_what_is_cut_off_is_told(cut: int) -> None:
    with pytest.raises(BadFile, match="损坏或没有传完"):
        parse(walk(100)[:cut])


def test_what_is_too_large_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MAX_BYTES", 40_000)
    with pytest.raises(BadFile, match="MB"):
        parse(walk(5000))


@given(st.integers(12, 500), st.binary(min_size=1, max_size=4))
def test_whatever_is_damaged_is_read_or_told(at: int, bytes_: bytes) -> None:
    whole = walk(30)
    with contextlib.suppress(YinxunError):
        parse(whole[:at] + bytes_ + whole[at + len(bytes_) :])
