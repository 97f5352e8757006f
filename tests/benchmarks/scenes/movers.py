"""How people move along a route: speeds by kind of way, slow bends, stops at junctions, their own lane."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.scenes.networks import Network
from tests.benchmarks.scenes.routes import Leg, Roads, drawn

Floats = NDArray[np.float64]

GRAIN_M = 1.5
"""Motion is reckoned at steps of way this long."""
SLOWEST_M_S = 0.4

FOOT = {"footway", "path", "steps", "pedestrian", "living_street", "residential", "service", "track"}
FOOT |= {"unclassified", "tertiary", "cycleway", "bridleway", "secondary", "secondary_link", "road"}
TOWN = {
    "residential": 9.0, "living_street": 4.5, "unclassified": 11.0, "service": 5.0, "tertiary": 12.0,
    "secondary": 14.0, "primary": 14.0, "secondary_link": 9.0, "primary_link": 10.0, "road": 9.0,
}  # fmt: skip
RURAL = TOWN | {
    "unclassified": 17.0, "tertiary": 21.0, "secondary": 24.0, "primary": 26.0, "primary_link": 15.0,
    "secondary_link": 13.0, "motorway": 33.0, "motorway_link": 17.0, "track": 6.0,
}  # fmt: skip
CYCLE = dict.fromkeys(FOOT - {"steps", "footway"}, 5.0) | {"primary": 5.0}


@dataclass(frozen=True)
class Mover:
    """Someone on the way. Speeds in m/s by class of way: what has none is not used."""

    speed_m_s: dict[str, float]
    gain_m_s2: float
    """Acceleration; braking is a third more."""
    side_m_s2: float
    """Acceleration across that is borne in bends."""
    turn_m: float
    """How round corners are cut: half the way over which the line is averaged."""
    lane_m: float
    """Mean distance to the right of the line, on ways of both directions."""
    wander_m: float
    """Standard deviation about it."""
    stop_share: float
    """Share of the junctions at which one stops."""
    stop_s: tuple[float, float] = (5.0, 90.0)
    oneway: bool = True
    pace: tuple[float, float] = (0.85, 1.15)
    """By how much a mover differs from the speeds."""
    halts_every_m: float = 0.0
    """A bus: metres between its stops."""


WALKER = Mover(dict.fromkeys(FOOT, 1.25), 0.8, 9.0, 1.5, 0.6, 1.2, 0.04, (5, 60), oneway=False)
CYCLIST = Mover(CYCLE, 0.8, 1.8, 2.5, 1.5, 0.7, 0.06, (4, 40), pace=(0.8, 1.2))
EBIKE = Mover(dict.fromkeys(CYCLE, 6.8), 1.2, 2.0, 3.0, 1.8, 0.8, 0.06, (4, 60))
TOWN_CAR = Mover(TOWN, 1.7, 2.2, 4.0, 1.8, 0.4, 0.15)
RURAL_CAR = Mover(RURAL, 1.8, 2.8, 4.5, 1.8, 0.4, 0.05, (3, 30))
BUS = Mover(TOWN, 1.1, 1.5, 5.0, 2.0, 0.5, 0.12, (5, 60), pace=(0.8, 1.0), halts_every_m=400.0)
BOAT = Mover({"water": 3.0}, 0.2, 0.6, 6.0, 2.0, 4.0, 0.0, oneway=False, pace=(0.65, 1.35))


@dataclass(frozen=True)
class Motion:
    """Where someone truly was: `s_m` of the route at `time_s`, both ascending; `xy` at `way_m`."""

    time_s: Floats
    s_m: Floats
    way_m: Floats
    xy: Floats

    def place(self, time_s: Floats) -> Floats:
        """Return metres along the route at times."""
        return np.interp(time_s, self.time_s, self.s_m)

    def at(self, time_s: Floats) -> Floats:
        """Return x, y at times, shape (n, 2)."""
        s_m = self.place(time_s)
        return np.column_stack([np.interp(s_m, self.way_m, self.xy[:, axis]) for axis in (0, 1)])

    def speed_m_s(self, time_s: Floats) -> Floats:
        """Return metres a second at times."""
        return self.place(time_s + 0.5) - self.place(time_s - 0.5)

    def left(self, time_s: Floats) -> Floats:
        """Return unit vectors to the left of the way at times, shape (n, 2)."""
        s_m = self.place(time_s)
        ahead, behind = (
            np.column_stack([np.interp(s_m + d, self.way_m, self.xy[:, axis]) for axis in (0, 1)])
            for d in (5.0, -5.0)
        )
        step = ahead - behind
        step /= np.maximum(np.hypot(*step.T), 1e-6)[:, None]
        return np.column_stack([-step[:, 1], step[:, 0]])


def moved(network: Network, roads: Roads, legs: list[Leg], mover: Mover, rng: np.random.Generator) -> Motion:
    """Return a mover's motion along the legs of a route, from time 0."""
    pieces = [drawn(network, leg) for leg in legs]
    line = np.vstack(pieces)
    line_m = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    ends_m = np.cumsum([leg.length_m for leg in legs])
    way_m = np.linspace(0.0, ends_m[-1], max(int(ends_m[-1] / GRAIN_M), 8) + 1)
    on = np.minimum(np.searchsorted(ends_m, way_m), len(legs) - 1)
    edges = [network.edges[leg.edge] for leg in legs]
    own = rng.uniform(*mover.pace)
    limit = own * np.array([mover.speed_m_s[edge.klass] for edge in edges])[on]
    xy = np.column_stack([np.interp(way_m, line_m, line[:, axis]) for axis in (0, 1)])
    xy = _averaged(xy, mover.turn_m)
    lane = np.where(np.array([edge.oneway for edge in edges])[on], 0.2, 1.0) * mover.lane_m
    xy = _beside(xy, lane + mover.wander_m * _slow(rng, way_m.size, 40.0 / GRAIN_M))
    limit = np.minimum(limit * np.clip(1 + 0.1 * _slow(rng, way_m.size, 150.0 / GRAIN_M), 0.6, 1.3), 40.0)
    limit = np.minimum(limit, np.sqrt(mover.side_m_s2 * _radius_m(xy)))
    stands_s = _stands(roads, legs, ends_m, way_m, mover, rng)
    limit[stands_s > 0] = 0.0
    return Motion(*_timed(limit, stands_s, way_m, mover), way_m, xy)


def _averaged(xy: Floats, half_m: float) -> Floats:
    """Return the running mean over the way, its ends kept."""
    half = max(round(half_m / GRAIN_M), 1)
    padded = np.pad(xy, ((half, half), (0, 0)), mode="edge")
    kernel = np.full(2 * half + 1, 1.0 / (2 * half + 1))
    return np.column_stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in (0, 1)])


def _beside(xy: Floats, right_m: Floats) -> Floats:
    """Return the way shifted to the right of its direction."""
    ahead = np.gradient(_averaged(xy, 3 * GRAIN_M), axis=0)
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-6)[:, None]
    return np.asarray(xy + np.column_stack([ahead[:, 1], -ahead[:, 0]]) * right_m[:, None])


def _slow(rng: np.random.Generator, n: int, tau: float) -> Floats:
    """Return a stationary Gauss-Markov process of unit variance, shape (n,)."""
    keep = np.exp(-1.0 / tau)
    fresh = rng.standard_normal(n)
    fresh[1:] *= np.sqrt(1 - keep * keep)
    out, state = np.empty(n), 0.0
    for i, step in enumerate(fresh.tolist()):
        state = step if i == 0 else keep * state + step
        out[i] = state
    return out


def _radius_m(xy: Floats) -> Floats:
    """Return the radius of the bend at each step of the way."""
    ahead = np.unwrap(np.arctan2(*np.gradient(xy, axis=0).T[::-1]))
    turn = np.abs(np.gradient(ahead)) / GRAIN_M
    return np.asarray(1.0 / np.maximum(turn, 1e-4))


def _stands(
    roads: Roads, legs: list[Leg], ends_m: Floats, way_m: Floats, mover: Mover, rng: np.random.Generator
) -> Floats:
    """Return the seconds stood at each step of the way."""
    stands_s = np.zeros(way_m.size)
    edges = roads.network.edges
    for leg, end in zip(legs[:-1], ends_m, strict=False):
        node = edges[leg.edge].v if leg.to_m > leg.from_m else edges[leg.edge].u
        if roads.degree(node) > 2 and rng.random() < mover.stop_share:
            before = end - rng.uniform(2.0, 12.0)
            stands_s[np.searchsorted(way_m, max(before, 0.0))] = rng.uniform(*mover.stop_s)
    if mover.halts_every_m:
        at = np.arange(rng.uniform(50, 300), way_m[-1], mover.halts_every_m) + rng.uniform(-80, 80)
        stands_s[np.searchsorted(way_m, at.clip(0, way_m[-1]))] = rng.uniform(10, 35)
    return stands_s


def _timed(limit: Floats, stands_s: Floats, way_m: Floats, mover: Mover) -> tuple[Floats, Floats]:
    """Return times and metres along the way under limits of speed and of its change."""
    step = float(way_m[1] - way_m[0])
    limit = limit.copy()
    limit[[0, -1]] = 0.0
    for order, change in ((1, mover.gain_m_s2), (-1, 4 / 3 * mover.gain_m_s2)):
        square, out = 0.0, limit[::order].tolist()
        for i, most in enumerate(out):
            square = min(most * most, square + 2 * change * step)
            out[i] = np.sqrt(square)
        limit = np.array(out)[::order]
    mean = np.maximum((limit[1:] + limit[:-1]) / 2, SLOWEST_M_S)
    took_s = np.diff(way_m) / mean
    arrive = np.r_[0.0, np.cumsum(took_s + stands_s[:-1])]
    # Each step of the way is left after its stand.
    time_s = np.column_stack([arrive, arrive + stands_s + 1e-6]).ravel()
    return time_s, np.repeat(way_m, 2)
