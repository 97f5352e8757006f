"""The plain numbers of a cleaned track that a verdict asks for: time, rests, ridden parts, gaps, leaps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.cells import CELL_M
from layers.coverage import Path, pairs, stadium
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.tracks import FASTEST_M_S, OUTAGE_S, Track, is_ridden, smoothed
from layers.verdicts import Numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STILL_M_S = 0.5 / 3.6
"""Slower than this is standing still (domain.md 1.3)."""
LONGEST_REST_S = 600.0
"""Of each rest so much counts as time under way (domain.md 1.3)."""
LONGEST_OUTAGE_S = 300.0
"""A longer outage is no time under way: nobody knows what it was (domain.md 1.3)."""


@dataclass(frozen=True)
class AtPlace:
    """What one outing did at one place: metres within its reach or sight, share covered or seen of it."""

    walked_m: float
    ridden_m: float
    share: float
    """Without what was only ridden."""
    share_with_rides: float | None = None
    """None: the same."""


@dataclass(frozen=True)
class Measures:
    """The numbers of one track, kept beside its patrol: a verdict can be told when the track is gone."""

    minutes: float = 0.0
    ridden_share: float = 0.0
    gap_share: float = 0.0
    accuracy_m: float | None = None
    leaps: int = 0
    places: Mapping[int, AtPlace] = field(default_factory=dict)
    """By the id of each place of which anything was covered or seen."""
    outages: Sequence[tuple[float, float]] = ()
    """From and until when there was no fix, epoch seconds."""

    def applied(self, known: Numbers, own: Collection[int] | None, *, maybe_off_map: bool = False) -> Numbers:
        """Return what is known of an outing with these numbers, as far as `own` places count (None: all).

        `maybe_off_map`: one of them has no geometry, so that what came near none may have been there.
        """
        here = [at for place, at in self.places.items() if own is None or place in own]
        walked_m, ridden_m = sum(at.walked_m for at in here), sum(at.ridden_m for at in here)
        off_map = maybe_off_map and not here
        return replace(
            known,
            minutes=self.minutes,
            # Places side by side share the metres between them.
            within_m=None if off_map else min(walked_m, known.walked_m),
            ridden_within_m=min(ridden_m, known.walked_m),
            share=None if off_map else max((at.share for at in here), default=0.0),
            share_with_rides=None if off_map else max(map(_with_rides, here), default=0.0),
            ridden_share=self.ridden_share,
            gap_share=self.gap_share,
            accuracy_m=self.accuracy_m,
            clock_jump=known.clock_jump or self.leaps > 0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as they are stored."""
        places = {
            str(place): [
                *(round(at.walked_m, 1), round(at.ridden_m, 1), round(at.share, 4)),
                *(() if at.share_with_rides is None else (round(at.share_with_rides, 4),)),
            ]
            for place, at in self.places.items()
        }
        return {
            "minutes": round(self.minutes, 2),
            "ridden_share": round(self.ridden_share, 4),
            "gap_share": round(self.gap_share, 4),
            "accuracy_m": None if self.accuracy_m is None else round(self.accuracy_m, 1),
            "leaps": self.leaps,
            "outages": [[round(start, 1), round(stop, 1)] for start, stop in self.outages],
            "places": places,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Measures":
        """Read what `to_json` wrote."""
        places = {int(place): AtPlace(*numbers) for place, numbers in data["places"].items()}
        outages = tuple((start, stop) for start, stop in data.get("outages", ()))
        return cls(**{**data, "places": places, "outages": outages})

    @classmethod
    def of(cls, track: Track, xy: Floats, way: "Way") -> "Measures":
        """Measure a cleaned track with its fixes x, y in metres and its way, places left out."""
        return cls(
            minutes(way, track.time_s),
            ridden_share(way),
            gap_share(track.time_s),
            median_accuracy_m(track.accuracy_m),
            leaps(xy, track.time_s),
            outages=outages(track.time_s),
        )


@dataclass(frozen=True, eq=False)
class Way:
    """The steps of a smoothed track within its pieces: ends x, y in metres, times, which of them were ridden.

    Shape (k, 2) and (k,).
    """

    path: Path
    ridden: Bools

    @property
    def length_m(self) -> Floats:
        """Length of each step, shape (k,)."""
        return self.path.length_m


def way_of(xy: Floats, time_s: Floats, piece: Ints) -> Way:
    """Return the steps of a track: x, y in metres, shape (n, 2), the rest (n,). Lone fixes have none."""
    smooth = smoothed(xy, time_s, piece)
    i = np.flatnonzero(piece[1:] == piece[:-1])
    path = Path(smooth[i], smooth[i + 1], time_s[i], time_s[i + 1])
    return Way(path, is_ridden(path.length_m, path.start_s, path.stop_s, piece[i]))


def ridden_share(way: Way) -> float:
    """Return the share of the way that was ridden, 0 to 1."""
    whole = float(way.length_m.sum())
    return float(way.length_m[way.ridden].sum()) / whole if whole > 0 else 0.0


def minutes(way: Way, time_s: Floats) -> float:
    """Return the minutes under way: all of the time but what of rests and outages is too long."""
    if time_s.size < 2:
        return 0.0
    step_s = np.diff(time_s)
    lost_s = step_s[step_s > LONGEST_OUTAGE_S].sum()
    duration_s = way.path.stop_s - way.path.start_s
    is_still = way.length_m < STILL_M_S * duration_s
    # A rest goes on over an outage that is not too long: it ends where somebody moves or nobody knows.
    begins = np.r_[0.0, way.path.start_s[1:] - way.path.stop_s[:-1]] > LONGEST_OUTAGE_S
    run = _runs(is_still, np.cumsum(begins))
    rest_s = np.bincount(run, weights=np.where(is_still, duration_s, 0.0)) if run.size else duration_s
    lost_s += np.maximum(rest_s - LONGEST_REST_S, 0.0).sum()
    return float(time_s[-1] - time_s[0] - lost_s) / 60


def gap_share(time_s: Floats) -> float:
    """Return the share of the time that lies in outages, 0 to 1."""
    step_s = np.diff(time_s)
    whole_s = float(step_s.sum())
    return float(step_s[step_s > OUTAGE_S].sum()) / whole_s if whole_s > 0 else 0.0


def outages(time_s: Floats) -> tuple[tuple[float, float], ...]:
    """Return from and until when there was no fix for too long, epoch seconds."""
    i = np.flatnonzero(np.diff(time_s) > OUTAGE_S)
    return tuple(zip(time_s[i].tolist(), time_s[i + 1].tolist(), strict=True))


def leaps(xy: Floats, time_s: Floats) -> int:
    """Return how often a track is at two places at once: a clock, or a datum, that jumped."""
    step_s = np.diff(time_s)
    far = np.hypot(*np.diff(xy, axis=0).T) > FASTEST_M_S * step_s
    return int((far & (step_s <= OUTAGE_S)).sum())


def median_accuracy_m(accuracy_m: Floats) -> float | None:
    """Return the median accuracy in metres, None where the phone told none."""
    known = accuracy_m[~np.isnan(accuracy_m)]
    return float(np.median(known)) if known.size else None


def along_m(way: Way, lines: LineSet, reach_m: Floats) -> tuple[Floats, Floats]:
    """Return the metres of the way within reach of each line: walked, and ridden, shape (places,) each.

    The kernel the other way round: the stretches of the way that lie in reach of the lines' segments.
    `reach_m`: metres for each segment of the lines, shape (s,).
    """
    steps = way.path.moving()
    ridden = way.ridden[way.length_m > 0]
    axis = Path(lines.a, lines.b, np.zeros(lines.place.size), np.zeros(lines.place.size))
    segments = _as_lines(steps)
    key, start, stop = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0)]
    for of_axis, step in pairs(segments, axis, float(reach_m.max(initial=0.0))):
        place = lines.place[of_axis]
        lo, hi = stadium(segments, axis, of_axis, step, reach_m[of_axis])
        keep = lo < hi
        key.append(place[keep] * len(steps) + step[keep])
        start.append(lo[keep])
        stop.append(hi[keep])
    near = SpanSet.of(np.concatenate(key), np.concatenate(start), np.concatenate(stop))
    place, step = near.place // max(len(steps), 1), near.place % max(len(steps), 1)
    return _by_place(place, near.length, ridden[step], lines.places)


def inside_m(
    way: Way, polygons: Sequence[Any] | NDArray[np.object_], sight_m: float
) -> tuple[Floats, Floats]:
    """Return the metres of the way within sight of each polygon in metres: walked, and ridden, by place.

    By pieces of at most a cell's length, each in or out by its middle.
    """
    path = way.path.moving()
    ridden = way.ridden[way.length_m > 0]
    count = np.maximum(np.ceil(path.length_m / CELL_M), 1).astype(np.int64)
    short, ridden = path.chopped(CELL_M), np.repeat(ridden, count)
    tree = shapely.STRtree(shapely.points((short.a + short.b) / 2))
    place, step = tree.query(np.asarray(polygons, dtype=object), predicate="dwithin", distance=sight_m)
    return _by_place(place, short.length_m[step], ridden[step], len(polygons))


def _with_rides(at: AtPlace) -> float:
    return at.share if at.share_with_rides is None else at.share_with_rides


def _by_place(place: Ints, length_m: Floats, ridden: Bools, places: int) -> tuple[Floats, Floats]:
    walked_m, ridden_m = np.zeros(places), np.zeros(places)
    np.add.at(walked_m, place[~ridden], length_m[~ridden])
    np.add.at(ridden_m, place[ridden], length_m[ridden])
    return walked_m, ridden_m


def _as_lines(path: Path) -> LineSet:
    """Return the pieces of a path as lines, each a place of its own."""
    number, length_m = np.arange(len(path)), path.length_m
    return LineSet(path.a, path.b, np.zeros(len(path)), length_m, number, number, length_m)


def _runs(flag: Bools, group: Ints) -> Ints:
    """Return the number of the run of equal flags within equal groups that each row is in, shape (n,)."""
    changes = (np.diff(flag.astype(np.int64)) != 0) | (np.diff(group) != 0)
    return np.concatenate([[0], np.cumsum(changes)])[: flag.size]
