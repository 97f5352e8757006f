"""Why metres are wrong: each metre that was missed or invented gets the first cause that fits.

Causes of missed metres: `gap` (fixes more than a minute apart), `sparse` (fixes more than 100 m apart), `far`
(the fixes are out of reach), `rival` (a line beside was found instead), `corner` (a turn or an end is near),
`short` (the line is shorter than 25 m), `other`. Of invented ones: `far` (nobody was near), `sparse`,
`beside` (a line that runs along the true one), `corner` (one that leaves it at a turn), `crossing` (or not).
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.crs import to_metric
from layers.lines import LineSet
from layers.spans import SpanSet
from tests.benchmarks.scenes.making import Scene
from tests.benchmarks.scenes.receivers import START_S

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GRAIN_M, LEAST_M = 2.0, 0.01
REACH_M, NEAR_M, SPARSE_M, GAP_S = 20.0, 25.0, 100.0, 60.0
SHORT_M = 25.0
TURN_RAD, ALONG_RAD = np.radians(35), np.radians(30)

MISSED = ("gap", "sparse", "far", "rival", "corner", "short", "other")
INVENTED = ("far", "sparse", "beside", "corner", "crossing")


@dataclass(frozen=True)
class Blame:
    """Metres by cause."""

    missed: Counter[str]
    invented: Counter[str]


@dataclass(frozen=True)
class _Trip:
    """What is known of each step of the true way."""

    scene: Scene

    @cached_property
    def time_s(self) -> Floats:
        motion = self.scene.motion
        return np.interp(motion.way_m, motion.s_m, motion.time_s)

    @cached_property
    def fixes(self) -> tuple[Floats, Floats]:
        frame = self.scene.fixes
        time_s = (frame["time"] - pd.Timestamp(START_S, unit="s", tz="UTC")).dt.total_seconds().to_numpy()
        return time_s, to_metric(frame[["lon", "lat"]].to_numpy(), self.scene.lines.crs.to_string())

    @cached_property
    def apart(self) -> tuple[Floats, Floats]:
        """Seconds and metres between the fixes before and after each step."""
        time_s, xy = self.fixes
        i = np.clip(np.searchsorted(time_s, self.time_s), 1, time_s.size - 1)
        return time_s[i] - time_s[i - 1], np.hypot(*(xy[i] - xy[i - 1]).T)

    @cached_property
    def off_m(self) -> Floats:
        """Metres from each step to where the fixes have it."""
        time_s, xy = self.fixes
        seen = np.column_stack([np.interp(self.time_s, time_s, xy[:, axis]) for axis in (0, 1)])
        return np.hypot(*(seen - self.scene.motion.xy).T)

    @cached_property
    def heading(self) -> Floats:
        return np.unwrap(np.arctan2(*np.gradient(self.scene.motion.xy, axis=0).T[::-1]))

    @cached_property
    def turns(self) -> Bools:
        """Whether the way turns near each step."""
        way_m = self.scene.motion.way_m
        before, after = (np.interp(way_m + d, way_m, self.heading) for d in (-NEAR_M, NEAR_M))
        ends = (way_m < NEAR_M) | (way_m > way_m[-1] - NEAR_M)
        return np.asarray((np.abs(after - before) > TURN_RAD) | ends)

    @cached_property
    def tree(self) -> shapely.STRtree:
        return shapely.STRtree(shapely.points(self.scene.motion.xy))


def blamed(scene: Scene, found: SpanSet) -> Blame:
    """Return the metres that were missed and invented by their causes."""
    lines, trip = LineSet.of(list(scene.lines.geometry)), _Trip(scene)
    return Blame(_missed(scene, found, lines, trip), _invented(scene, found, lines, trip))


def _missed(scene: Scene, found: SpanSet, lines: LineSet, trip: _Trip) -> Counter[str]:
    xy, _, metres, length_m = _bits(scene.truth - found, lines)
    if not len(xy):
        return Counter()
    step = trip.tree.nearest(shapely.points(xy))
    seconds, far_m = (values[step] for values in trip.apart)
    rivals = shapely.union_all(lines.cut(found - scene.truth))
    fits = {
        "gap": seconds > GAP_S,
        "sparse": far_m > SPARSE_M,
        "far": trip.off_m[step] > REACH_M,
        "rival": shapely.distance(shapely.points(xy), rivals) < NEAR_M,
        "corner": trip.turns[step],
        "short": length_m < SHORT_M,
    }
    return _counted(fits, MISSED, metres)


def _invented(scene: Scene, found: SpanSet, lines: LineSet, trip: _Trip) -> Counter[str]:
    xy, heading, metres, _ = _bits(found - scene.truth, lines)
    if not len(xy):
        return Counter()
    step = trip.tree.nearest(shapely.points(xy))
    away_m = np.hypot(*(xy - scene.motion.xy[step]).T)
    turn = np.abs(np.angle(np.exp(2j * (heading - trip.heading[step])))) / 2
    fits = {
        "far": away_m > NEAR_M,
        "sparse": trip.apart[1][step] > SPARSE_M,
        "beside": turn < ALONG_RAD,
        "corner": trip.turns[step],
    }
    return _counted(fits, INVENTED, metres)


def _counted(fits: dict[str, Bools], causes: tuple[str, ...], metres: Floats) -> Counter[str]:
    """Sum metres by the first cause that fits; what has none goes to the last."""
    left, counted = np.ones(metres.size, dtype=bool), Counter()
    for cause in causes[:-1]:
        counted[cause] += float(metres[left & fits[cause]].sum())
        left &= ~fits[cause]
    counted[causes[-1]] += float(metres[left].sum())
    return counted


def _bits(spans: SpanSet, lines: LineSet) -> tuple[Floats, Floats, Floats, Floats]:
    """Return spans in bits: middles, shape (n, 2), headings, metres, and the lengths of their lines."""
    spans = SpanSet(*(column[spans.length > LEAST_M] for column in (spans.place, spans.start, spans.stop)))
    count = np.maximum(np.ceil(spans.length / GRAIN_M), 1).astype(int)
    row = np.repeat(np.arange(len(spans)), count)
    k = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    metres = (spans.length / count)[row]
    start = spans.start[row] + k * metres
    # Not by `of`, which would join them again.
    bits = SpanSet(spans.place[row], start, start + metres)
    ends = [shapely.get_coordinates(bit)[[0, -1]] for bit in lines.cut(bits)]
    ends = np.array(ends).reshape(-1, 2, 2)
    step = ends[:, 1] - ends[:, 0]
    return ends.mean(axis=1), np.arctan2(step[:, 1], step[:, 0]), metres, lines.length_m[bits.place]
