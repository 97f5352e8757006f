"""Recordings become tracks: sorted, freed of what cannot be true, split at every outage.

Cleaning is pure and versioned (`CLEANING`): the same recording gives the same track wherever it is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from layers import crs as crs_
from layers.errors import BadTrack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CLEANING = 2
"""Version of the rules below; stored with every patrol."""

OUTAGE_S = 60.0
"""Fixes further apart in time are not joined."""
WORST_ACCURACY_M = 100.0
"""Fixes known worse than this say nothing (domain.md 1.3)."""
FASTEST_M_S = 150 / 3.6
"""Nothing that patrols is faster; a fix that would need more is a spike."""
SPIKE_M_S, SPIKE_ACCURACY_M = 25 / 3.6, 30.0
"""A poor fix that also asks for more than an e-bike's speed is a spike (domain.md 1.3)."""
USUAL_ACCURACY_M = 15.0
"""Where the phone tells none."""
LONGEST_SPIKE_FIXES = 3
"""More fixes than this in a row away from the rest are a place, not a spike."""
EARLIEST_S, LATEST_S = 946_684_800.0, 4_102_444_800.0
"""2000 and 2100: what lies outside is a clock that was never set."""

SMOOTHING_S, SMOOTHING_M = 20.0, 25.0
"""Window of the running mean: seconds for a walker, metres of way for what is faster."""
VEHICLE_M_S, VEHICLE_S = 15 / 3.6, 60.0
"""Faster than this for longer than this is ridden (domain.md 1.3)."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Fixes as they came: `time_s` epoch seconds UTC, shape (n,); `lonlat` WGS 84, shape (n, 2)."""

    time_s: Floats
    lonlat: Floats
    accuracy_m: Floats | None = None
    """One number a fix, NaN where unknown; None if nothing is known."""


@dataclass(frozen=True, eq=False)
class Track:
    """A cleaned recording: ascending times, in pieces that are each without an outage.

    `time_s`, `accuracy_m` (NaN: unknown), `piece` (0, 1, ...): shape (n,); `lonlat`: shape (n, 2).
    """

    time_s: Floats
    lonlat: Floats
    accuracy_m: Floats
    piece: Ints
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many fixes each rule dropped, by the rule's name."""
    _metric: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)
    """x, y by metric CRS: to make them takes as long as to find what was covered."""

    def __len__(self) -> int:
        return int(self.time_s.size)

    def where(self, keep: Bools) -> "Track":
        """Return the fixes where `keep`, shape (n,); a piece is split where fixes are missing inside it."""
        run = self.piece + np.cumsum(~keep)
        kept = Track(
            self.time_s[keep],
            self.lonlat[keep],
            self.accuracy_m[keep],
            _numbered(run[keep]),
            self.dropped,
        )
        kept._metric.update({crs: xy[keep] for crs, xy in self._metric.items()})
        return kept

    def metric(self, crs: str) -> Floats:
        """Return x, y in metres of a CRS, shape (n, 2); not to be written into."""
        if crs not in self._metric:
            self._metric[crs] = crs_.to_metric(self.lonlat, crs)
        return self._metric[crs]

    def walked_m(self, crs: str) -> float:
        """Return the way in metres along the smoothed pieces.

        The fixes themselves wander: at one a second their steps add up to three times the way.
        """
        if len(self) < 2:
            return 0.0
        xy = smoothed(self.metric(crs), self.time_s, self.piece)
        steps = _steps_m(xy)
        return float(steps[self.piece[1:] == self.piece[:-1]].sum())


def clean(recording: Recording, crs: str) -> Track:
    """Return the track of a recording; distances are taken in the metric `crs`.

    BadTrack if no fix is usable.
    """
    time_s, lonlat = recording.time_s, recording.lonlat
    unknown = np.full(time_s.size, np.nan)
    # To seven digits, as they are stored: so a track that is read again is computed like the one that came.
    accuracy_m = (
        unknown if recording.accuracy_m is None else recording.accuracy_m.astype(np.float32).astype(float)
    )
    dropped: dict[str, int] = {}

    def drop(rule: str, keep: Bools) -> None:
        nonlocal time_s, lonlat, accuracy_m
        if not keep.all():
            dropped[rule] = dropped.get(rule, 0) + int((~keep).sum())
            time_s, lonlat, accuracy_m = time_s[keep], lonlat[keep], accuracy_m[keep]

    drop("no_position", (np.abs(lonlat[:, 0]) <= 180.0) & (np.abs(lonlat[:, 1]) <= 90.0))
    drop("impossible_time", (time_s >= EARLIEST_S) & (time_s < LATEST_S))
    drop("poor_accuracy", np.isnan(accuracy_m) | (accuracy_m <= WORST_ACCURACY_M))
    if not (np.diff(time_s) > 0).all():
        # Among fixes of one time the most accurate stays, else the first that came.
        order = np.lexsort((np.nan_to_num(accuracy_m, nan=np.inf), time_s))
        time_s, lonlat, accuracy_m = time_s[order], lonlat[order], accuracy_m[order]
        drop("same_time", np.diff(time_s, prepend=-np.inf) > 0)
    if time_s.size == 0:
        raise BadTrack(f"记录里没有可用的定位点（{_told(dropped)}）；请检查手机的定位和时间后重新导出。")
    xy = crs_.to_metric(lonlat, crs)
    spikes = _spikes(time_s, xy, accuracy_m)
    if spikes.any():
        xy = xy[~spikes]
        drop("spike", ~spikes)
    breaks = (np.diff(time_s) > OUTAGE_S) | _leaps(time_s, xy, accuracy_m)
    piece = np.concatenate([[0], np.cumsum(breaks)])
    track = Track(time_s, lonlat, accuracy_m, piece, dropped)
    track._metric[crs] = xy
    return track


def home_cut(track: Track, crs: str, *, cut_m: float, near_a_place: Bools) -> Track:
    """Return the track without what could show where someone lives.

    Cut are the fixes within `cut_m` of the first or the last fix that lie outside the reach of every place
    (`near_a_place`, shape (n,)).
    """
    if len(track) == 0 or cut_m <= 0:
        return track
    xy = track.metric(crs)
    near_end = (np.hypot(*(xy - xy[0]).T) <= cut_m) | (np.hypot(*(xy - xy[-1]).T) <= cut_m)
    return track.where(~near_end | near_a_place)


def smoothed(xy: Floats, time_s: Floats, piece: Ints, *, window_s: float = SMOOTHING_S) -> Floats:
    """Return the running mean over time of fixes x, y, shape (n, 2), within each piece.

    The window is `window_s` long, or as long as `SMOOTHING_M` of way takes if that is less; it shrinks
    towards the ends of a piece, which stay where they are.
    """
    if time_s.size == 0:
        return xy
    from layers.compiled.means import running_mean  # noqa: PLC0415  (the compiler is loaded when needed)

    # From the first fix, so that sums stay small.
    return np.asarray(running_mean(xy - xy[0], time_s - time_s[0], piece, window_s, SMOOTHING_M) + xy[0])


def is_ridden(length_m: Floats, start_s: Floats, stop_s: Floats, piece: Ints) -> Bools:
    """Tell which steps, in order of time, are part of a ride: more than a minute faster than one walks, (k,).

    By its own speed or the mean of the minute around, within the piece: a ride goes on over a red light.
    """
    if length_m.size == 0:
        return np.zeros(0, dtype=bool)
    first = np.searchsorted(piece, piece, side="left")
    last = np.searchsorted(piece, piece, side="right") - 1
    middle_s = (start_s + stop_s) / 2
    low_s = np.maximum(middle_s - VEHICLE_S / 2, start_s[first])
    high_s = np.minimum(middle_s + VEHICLE_S / 2, stop_s[last])
    way_m = np.concatenate([[0.0], np.cumsum(length_m)])
    axis_s = np.concatenate([start_s[:1], stop_s])
    walked_m = np.interp(high_s, axis_s, way_m) - np.interp(low_s, axis_s, way_m)
    is_fast = walked_m > VEHICLE_M_S * (high_s - low_s)
    is_fast |= length_m > VEHICLE_M_S * (stop_s - start_s)
    run = np.cumsum((np.diff(is_fast, prepend=is_fast[:1])) | (np.diff(piece, prepend=piece[:1]) != 0))
    return np.asarray(is_fast & (np.bincount(run, weights=stop_s - start_s)[run] > VEHICLE_S))


def _steps_m(xy: Floats) -> Floats:
    """Return metres from each fix to the next, shape (n - 1,)."""
    x, y = np.diff(xy[:, 0]), np.diff(xy[:, 1])
    return np.sqrt(x * x + y * y)


def _leaps(time_s: Floats, xy: Floats, accuracy_m: Floats) -> Bools:
    """Tell which steps nothing that patrols can take, whatever the error of both fixes, shape (n - 1,)."""
    error_m = np.where(np.isnan(accuracy_m), USUAL_ACCURACY_M, accuracy_m)
    return np.asarray(_steps_m(xy) - (error_m[1:] + error_m[:-1]) > FASTEST_M_S * np.diff(time_s))


def _spikes(time_s: Floats, xy: Floats, accuracy_m: Floats) -> Bools:
    """Tell which fixes are away from both neighbours though these fit together, shape (n,).

    A jump that is not taken back within a few fixes is no spike: the track is split there instead.
    """
    spikes = np.zeros(time_s.size, dtype=bool)
    away = _excursions(time_s, xy, accuracy_m)
    while away.any():
        spikes[np.flatnonzero(~spikes)[away]] = True
        left = ~spikes
        away = _excursions(time_s[left], xy[left], accuracy_m[left])
    return spikes


def _excursions(time_s: Floats, xy: Floats, accuracy_m: Floats) -> Bools:
    """Tell which fixes lie in the shortest excursions of at most a few fixes, shape (n,)."""
    n = time_s.size
    poor = accuracy_m > SPIKE_ACCURACY_M
    limit = np.where(poor[1:] | poor[:-1], SPIKE_M_S, FASTEST_M_S)
    jump = _steps_m(xy) / np.diff(time_s) > limit
    away = np.zeros(n, dtype=bool)
    if not jump.any():
        return away
    for k in range(1, LONGEST_SPIKE_FIXES + 1):
        # Fixes i+1 .. i+k are an excursion if the way out and the way back are jumps and i fits i+k+1.
        out, back = np.flatnonzero(jump[: max(n - k - 1, 0)]), k
        out = out[jump[out + back]]
        rejoin = np.hypot(*(xy[out + k + 1] - xy[out]).T) / (time_s[out + k + 1] - time_s[out])
        out = out[rejoin <= SPIKE_M_S if k > 1 else rejoin <= FASTEST_M_S]
        if out.size:
            away[(out[:, None] + np.arange(1, k + 1)).ravel()] = True
            return away
    return away


def _numbered(run: Ints) -> Ints:
    """Return runs of equal values numbered 0, 1, ..., shape (n,)."""
    return np.cumsum(np.diff(run, prepend=run[:1]) != 0)


def _told(dropped: Mapping[str, int]) -> str:
    words = {
        "no_position": "没有坐标",
        "impossible_time": "时间不对",
        "poor_accuracy": "精度太差",
        "same_time": "重复",
        "spike": "跳点",
    }
    return "、".join(f"{words[rule]}{count}个" for rule, count in dropped.items()) or "一个点也没有"
