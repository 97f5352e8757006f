"""The walk simulator: where someone walks, and what a phone makes of it. For the demo, tests and benchmarks.

Positions are x east, y north in metres of one metric CRS, shape (n, 2); a route is a polyline, shape (k, 2);
times are seconds since 1970 UTC. A walk is made in three steps, each a function of its own:

    route    along(...), lanes(...)      the way on the ground, in metres
    motion   stroll(...), stays(...)     true positions second by second: speed, pauses, a forgotten end
    phone    observed(...)               fixes as a phone writes them: errors, outages, losses, order

`random_walks` makes whole walks on a network of lines, with the truth beside them. Everything is drawn from
the numpy Generator that is handed in: the same generator state gives the same walk.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.crs import to_lonlat
from layers.tracks import Recording

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Stretch(NamedTuple):
    """A piece of a line that was truly walked: index of the line, metres along its parts, from <= to."""

    line: int
    from_m: float
    to_m: float


@dataclass(frozen=True)
class Motion:
    """True positions, second by second."""

    time_s: Floats
    """Shape (n,), ascending."""
    xy: Floats
    """Metres, shape (n, 2)."""


@dataclass(frozen=True)
class Phone:
    """How a phone sees a walk. Errors are standard deviations on each axis (east, north), in metres."""

    step_s: float = 5.0
    """Time between two fixes: 1 to 10 s."""
    sigma_m: float = 5.0
    """Of the whole error: 3 m under an open sky, 10 m between houses."""
    tau_s: float = 30.0
    """Correlation time of the slow part of the error (Gauss-Markov)."""
    white_share: float = 0.1
    """Share of the variance that is new at each fix."""
    bias_m: float = 0.0
    """A further error that moves over five minutes, as from reflections in a street of high houses."""
    loss_share: float = 0.02
    """Share of the fixes that are lost one by one."""
    outages: int = 0
    outage_s: tuple[float, float] = (20.0, 90.0)
    """Shortest and longest time without any fix."""
    doubled_share: float = 0.0
    """Share of the fixes that are written twice."""
    unsorted: bool = False
    """Whether fixes come in bundles that are out of order, as after a lost connection."""


@dataclass(frozen=True)
class Walk:
    """A recording, and what was truly walked."""

    recording: Recording
    motion: Motion
    truth: tuple[Stretch, ...]
    """In the order in which they were walked; one line can come several times."""


def length_m(route: Floats) -> float:
    """Return the length of a route in metres.

    >>> length_m(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 10.0]]))
    11.0
    """
    return float(np.hypot(*np.diff(route, axis=0).T).sum())


def along(line: Any, from_m: float, to_m: float, *, offset_m: float = 0.0) -> Floats:
    """Return the route along a (Multi)LineString in metres between two measures.

    Measures run along the parts in stored order; from > to walks backwards. `offset_m` moves the route to
    the left of the stored direction (negative: right), as on the bank of a river. Between two parts the
    route goes straight.

    >>> line = shapely.from_wkt("MULTILINESTRING ((0 0, 100 0), (100 20, 200 20))")
    >>> along(line, 50, 120).tolist()
    [[50.0, 0.0], [100.0, 0.0], [100.0, 20.0], [120.0, 20.0]]
    >>> along(line, 40, 10, offset_m=8).tolist()
    [[40.0, 8.0], [10.0, 8.0]]
    """
    xy, part = shapely.get_coordinates(shapely.get_parts(line), return_index=True)
    steps = np.hypot(*np.diff(xy, axis=0).T)
    steps[part[1:] != part[:-1]] = 0.0
    m = np.r_[0.0, np.cumsum(steps)]
    low, high = np.clip(sorted((from_m, to_m)), 0.0, m[-1])
    inside = np.flatnonzero((m > low) & (m < high))
    xy = xy + offset_m * _left(xy, part) if offset_m else xy
    # At a hop two vertices have one measure: the stretch begins at the last and ends at the first of them.
    first = min(np.searchsorted(m, low, side="right"), m.size - 1) - 1
    last = max(np.searchsorted(m, high, side="left"), 1) - 1
    route = np.vstack([_between(xy, m, first, low), xy[inside], _between(xy, m, last, high)])
    return route if from_m <= to_m else route[::-1]


def _between(xy: Floats, m: Floats, vertex: int, at_m: float) -> Floats:
    share = (at_m - m[vertex]) / max(m[vertex + 1] - m[vertex], 1e-9)
    return np.asarray(xy[vertex] + share * (xy[vertex + 1] - xy[vertex]))


def _left(xy: Floats, part: Ints) -> Floats:
    """Return unit vectors to the left at each vertex: the mean of those of the segments that meet there."""
    ahead = np.diff(xy, axis=0)
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
    ahead[part[1:] != part[:-1]] = 0.0
    mean = np.vstack([ahead, [0.0, 0.0]]) + np.vstack([[0.0, 0.0], ahead])
    mean /= np.maximum(np.hypot(*mean.T), 1e-9)[:, None]
    return np.column_stack([-mean[:, 1], mean[:, 0]])


def lanes(polygon: Any, *, spacing_m: float = 30.0, angle: float = 0.0) -> Floats:
    """Return a route through all of a polygon: parallel lanes, walked to and fro.

    `angle` (radians, counter-clockwise) is the direction of the lanes. A polygon too small for any lane
    gives its inner point, twice.

    >>> lanes(shapely.box(0, 0, 100, 40), spacing_m=20).round(6).tolist()
    [[0.0, 10.0], [100.0, 10.0], [100.0, 30.0], [0.0, 30.0]]
    """
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = shapely.transform(polygon, lambda xy: xy @ turn.T)
    west, south, east, north = shapely.bounds(turned)
    y = np.arange(south + spacing_m / 2, north, spacing_m)
    ends = np.stack([np.column_stack([np.full_like(y, x), y]) for x in (west - 1, east + 1)], axis=1)
    pieces, lane = shapely.get_parts(
        shapely.intersection(shapely.linestrings(ends), turned), return_index=True
    )
    pieces, lane = pieces[shapely.length(pieces) > 0], lane[shapely.length(pieces) > 0]
    if pieces.size == 0:
        return np.repeat(shapely.get_coordinates(shapely.point_on_surface(polygon)), 2, axis=0)
    box = shapely.bounds(pieces)
    backwards = lane % 2 == 1
    order = np.lexsort((np.where(backwards, -box[:, 0], box[:, 0]), lane))
    start = np.where(backwards, box[:, 2], box[:, 0])[order]
    stop = np.where(backwards, box[:, 0], box[:, 2])[order]
    level = box[order, 1]
    route = np.stack([np.column_stack([start, level]), np.column_stack([stop, level])], axis=1)
    return np.asarray(route.reshape(-1, 2) @ turn)


def piece(route: Floats, from_m: float, to_m: float) -> Floats:
    """Return the part of a route between two distances from its start, in metres.

    >>> piece(np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]]), 5.0, 12.0).tolist()
    [[5.0, 0.0], [10.0, 0.0], [10.0, 2.0]]
    """
    return along(shapely.linestrings(route), from_m, to_m)


def from_home(route: Floats, rng: np.random.Generator, *, home_m: float, returns: bool = True) -> Floats:
    """Return the route with the way from a home `home_m` metres off put before it.

    With `returns` the way back home from its end is put after it.
    """
    bearing = rng.uniform(0, 2 * np.pi)
    home = route[:1] + home_m * np.array([[np.cos(bearing), np.sin(bearing)]])
    return np.vstack([home, route, home]) if returns else np.vstack([home, route])


def stroll(
    route: Floats,
    rng: np.random.Generator,
    *,
    start_s: float,
    speed_m_s: float | None = None,
    pause_every_s: float = 480.0,
    pause_s: tuple[float, float] = (10.0, 60.0),
) -> Motion:
    """Walk a route: a pace of 1.0 to 1.35 m/s unless given, that varies by a tenth, with pauses.

    Pauses come at random, on average every `pause_every_s` seconds of walking (infinite: none), and last
    between the two times of `pause_s`. Ends when the end of the route is reached.
    """
    pace = rng.uniform(1.0, 1.35) if speed_m_s is None else speed_m_s
    way = np.r_[0.0, np.cumsum(np.hypot(*np.diff(route, axis=0).T))]
    seconds = int(np.ceil(way[-1] / (0.6 * pace))) + 1
    wander = _gauss_markov(rng, np.ones(seconds), tau_s=60.0).real
    walked = np.cumsum(pace * np.clip(1.0 + 0.1 * wander, 0.6, 1.4))
    walked = np.r_[0.0, walked[: np.searchsorted(walked, way[-1])], way[-1]]
    pauses = np.flatnonzero(rng.random(walked.size) < 1.0 / pause_every_s)
    stands = np.ones(walked.size, np.int64)
    stands[pauses] += rng.uniform(*pause_s, pauses.size).astype(np.int64)
    walked = np.repeat(walked, stands)
    xy = np.column_stack([np.interp(walked, way, route[:, axis]) for axis in (0, 1)])
    return Motion(start_s + np.arange(walked.size, dtype=float), xy)


def stays(motion: Motion, seconds: float) -> Motion:
    """Let the phone record on at the last spot: someone forgot to press 结束."""
    more = np.arange(1.0, seconds + 1.0)
    xy = np.vstack([motion.xy, np.repeat(motion.xy[-1:], more.size, axis=0)])
    return Motion(np.r_[motion.time_s, motion.time_s[-1] + more], xy)


def observed(motion: Motion, phone: Phone, rng: np.random.Generator, *, crs: str) -> Recording:
    """Return the fixes a phone writes of a motion; `crs` is the metric CRS of its positions.

    Accuracies are what phones give: a radius in metres that follows the error only loosely.
    """
    seen = np.arange(motion.time_s[0], motion.time_s[-1] + 1e-6, phone.step_s)
    time_s = np.round(seen + rng.uniform(-0.02, 0.02, seen.size) * phone.step_s, 3)
    true = np.column_stack([np.interp(time_s, motion.time_s, motion.xy[:, axis]) for axis in (0, 1)])
    xy = true + _error(time_s, phone, rng)
    spread = np.hypot(phone.sigma_m, phone.bias_m)
    radius = 1.5 * spread * np.exp(0.25 * _gauss_markov(rng, np.diff(time_s, prepend=time_s[0]), 60.0).real)
    kept = np.flatnonzero(_received(time_s, phone, rng))
    kept = np.sort(np.r_[kept, kept[rng.random(kept.size) < phone.doubled_share]])
    if phone.unsorted:
        kept = kept[np.argsort(_bundle_order(kept.size, rng), kind="stable")]
    return Recording(time_s[kept], to_lonlat(xy[kept], crs), np.maximum(np.round(radius[kept], 1), 1.0))


def _error(time_s: Floats, phone: Phone, rng: np.random.Generator) -> Floats:
    """Return errors x, y in metres, shape (n, 2)."""
    step_s = np.diff(time_s, prepend=time_s[0])
    slow = np.sqrt(1.0 - phone.white_share) * _gauss_markov(rng, step_s, phone.tau_s)
    white = np.sqrt(phone.white_share) * _complex_normal(rng, time_s.size)
    error = phone.sigma_m * (slow + white) + phone.bias_m * _gauss_markov(rng, step_s, 300.0)
    return np.column_stack([error.real, error.imag])


def _complex_normal(rng: np.random.Generator, n: int) -> NDArray[np.complex128]:
    return rng.standard_normal(n) + 1j * rng.standard_normal(n)


def _gauss_markov(rng: np.random.Generator, step_s: Floats, tau_s: float) -> NDArray[np.complex128]:
    """Return a stationary Gauss-Markov process of unit variance on each axis, x + iy, shape (n,).

    x[k] = a x[k-1] + sqrt(1 - a^2) w[k] with a = exp(-step / tau) (Gelb, Applied Optimal Estimation, 3.6),
    summed up as x[k] = d[k] (w[0] / d[0] + ... + w[k] / d[k]) with d the decay since the start.
    """
    fresh = np.sqrt(1.0 - np.exp(-2.0 * step_s / tau_s)) * _complex_normal(rng, step_s.size)
    fresh[0] = _complex_normal(rng, 1)[0]
    age = np.cumsum(step_s) / tau_s
    state, last, last_age = np.empty_like(fresh), 0j, 0.0
    # In runs of 30 tau, for the decay since the start would leave the range of numbers.
    for run in np.split(np.arange(age.size), np.flatnonzero(np.diff(age // 30)) + 1):
        decay = np.exp(last_age - age[run])
        state[run] = decay * (last + np.cumsum(fresh[run] / decay))
        last, last_age = state[run[-1]], age[run[-1]]
    return state


def _received(time_s: Floats, phone: Phone, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell which fixes arrive: those neither in an outage nor lost; the first and the last always do."""
    heard = rng.random(time_s.size) >= phone.loss_share
    for _ in range(phone.outages):
        begin = rng.uniform(time_s[0], time_s[-1])
        heard &= (time_s < begin) | (time_s > begin + rng.uniform(*phone.outage_s))
    heard[[0, -1]] = True
    return np.asarray(heard)


def _bundle_order(fixes: int, rng: np.random.Generator) -> Floats:
    """Return sort keys that exchange neighbouring bundles of ten fixes, about a third of them."""
    bundle = np.arange(fixes) // 10
    late = np.where(rng.random(fixes // 10 + 1) < 1 / 3, 1.5, 0.0)
    return np.asarray(bundle + late[bundle])


def random_walks(
    lines: Sequence[Any],
    rng: np.random.Generator,
    *,
    count: int,
    seconds: float,
    phone: Phone | None = None,
    speed_m_s: float = 1.35,
    crs: str,
    start_s: float = 1_700_000_000.0,
) -> Iterator[Walk]:
    """Yield non-backtracking random walks on a network of LineStrings in metres.

    Lines are joined where they share a vertex (to the decimetre). A walker turns round only at dead ends.
    Each walk lasts about `seconds`; `truth` names lines by their index in `lines`.
    """
    network = _Network.of(lines)
    phone = phone or Phone(step_s=1.0, outages=3)
    for k in range(count):
        route, truth = network.wander(rng, seconds * speed_m_s)
        motion = stroll(route, rng, start_s=start_s + k * 2 * seconds, speed_m_s=speed_m_s)
        yield Walk(observed(motion, phone, rng, crs=crs), motion, truth)


class _Leg(NamedTuple):
    """A piece of a line between two nodes, in the direction in which it is walked."""

    line: int
    from_m: float
    to_m: float
    xy: Floats
    end: int
    """Number of the node at its end."""


@dataclass(frozen=True)
class _Network:
    """Legs that leave each node."""

    leaving: list[list[_Leg]]

    @classmethod
    def of(cls, lines: Sequence[Any]) -> "_Network":
        """Cut the lines where two of them, or one with itself, share a vertex, and at their ends."""
        xy, line = shapely.get_coordinates(np.array(list(lines), dtype=object), return_index=True)
        _, vertex, uses = np.unique(np.rint(xy * 10), axis=0, return_inverse=True, return_counts=True)
        vertex = vertex.ravel()
        bounds = np.flatnonzero(np.r_[True, line[1:] != line[:-1], True])
        leaving: list[list[_Leg]] = [[] for _ in range(uses.size)]
        for a, b in itertools.pairwise(bounds.tolist()):
            m = np.r_[0.0, np.cumsum(np.hypot(*np.diff(xy[a:b], axis=0).T))].tolist()
            node = uses[vertex[a:b]] > 1
            node[[0, -1]] = True
            for i, j in itertools.pairwise(np.flatnonzero(node).tolist()):
                if m[j] > m[i]:
                    ahead = _Leg(int(line[a]), m[i], m[j], xy[a + i : a + j + 1], int(vertex[a + j]))
                    back = _Leg(int(line[a]), m[j], m[i], ahead.xy[::-1], int(vertex[a + i]))
                    leaving[back.end].append(ahead)
                    leaving[ahead.end].append(back)
        return cls(leaving)

    def wander(self, rng: np.random.Generator, distance_m: float) -> tuple[Floats, tuple[Stretch, ...]]:
        """Return a random route of a length in metres (the last leg is cut) and the stretches it follows."""
        starts = [node for node, legs in enumerate(self.leaving) if legs]
        node = starts[rng.integers(len(starts))]
        way: list[Floats] = []
        truth: list[Stretch] = []
        left_m, last = distance_m, None
        while left_m > 0:
            choice = self.leaving[node]
            if last is not None and len(choice) > 1:
                choice = [leg for leg in choice if not _is_back(leg, last)]
            leg = choice[rng.integers(len(choice))]
            share = min(1.0, left_m / abs(leg.to_m - leg.from_m))
            stop_m = leg.from_m + share * (leg.to_m - leg.from_m)
            way.append(leg.xy if share == 1.0 else piece(leg.xy, 0.0, left_m))
            truth.append(Stretch(leg.line, min(leg.from_m, stop_m), max(leg.from_m, stop_m)))
            left_m -= abs(leg.to_m - leg.from_m)
            node, last = leg.end, leg
        return np.vstack(way), tuple(truth)


def _is_back(leg: _Leg, last: _Leg) -> bool:
    return leg.line == last.line and leg.from_m == last.to_m and leg.to_m == last.from_m
