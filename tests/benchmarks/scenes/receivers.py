"""What receivers make of a motion: slow errors, houses, reflections, standstills, gaps; fixes with times."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.crs import to_lonlat
from tests.benchmarks.scenes.movers import Motion

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

START_S = 1_700_000_000.0
STANDS_M_S = 0.3
LONGEST_IRREGULAR_S = 10.0
"""Devices that send rarely send by the clock."""


@dataclass(frozen=True)
class Receiver:
    """A device and its sky. Errors are standard deviations on each axis in metres; ranges are drawn from."""

    step_s: float = 1.0
    sigma_m: tuple[float, float] = (3.0, 6.0)
    tau_s: tuple[float, float] = (30.0, 60.0)
    white_m: float = 0.7
    bias_m: tuple[float, float] = (0.0, 2.0)
    """An error that moves over ten minutes."""
    canyons_km: float = 0.0
    """Stretches between high houses for each kilometre: 100 to 500 m with a bias of 8 to 25 m across."""
    reflections_km: float = 0.0
    """Jumps of 20 to 60 m for 5 to 20 s, for each kilometre."""
    bursts: bool = False
    """Whether standing makes the fixes wander in stars of 5 to 20 m."""
    freezes: bool = False
    """Whether fixes stay where they are for some seconds at a stop and after it, then jump."""
    smooth_s: float = 0.0
    """A car's filter: fixes are averaged over this time, so that they are smooth and late in turns."""
    irregular: bool = False
    """Whether the time between fixes varies up to three times the step, as of phones that save power."""
    lost_share: float = 0.02
    outages_km: float = 0.0
    outage_s: tuple[float, float] = (30.0, 400.0)
    accuracy: bool = False


def observed(
    motion: Motion, receiver: Receiver, rng: np.random.Generator, crs: str
) -> tuple[pd.DataFrame, Bools]:
    """Return the fixes of a motion as `layers.cover` takes them, and which seconds of it no fix tells of."""
    end_s = float(motion.time_s[-1])
    clock = np.arange(0.0, end_s + 1.0)
    km = float(motion.s_m[-1]) / 1000
    error, sigma_m = _error(motion, clock, receiver, km, rng)
    seen = motion.at(clock) + error
    if receiver.smooth_s:
        seen = _late(seen, receiver.smooth_s)
    if receiver.freezes:
        seen = _frozen(seen, motion.speed_m_s(clock), rng)
    time_s = _times(end_s, receiver, rng)
    time_s, dark = _received(time_s, clock, receiver, km, rng)
    xy = np.column_stack([np.interp(time_s, clock, seen[:, axis]) for axis in (0, 1)])
    xy += receiver.white_m * rng.standard_normal(xy.shape)
    lonlat = to_lonlat(xy, crs)
    frame = pd.DataFrame({"track": 0, "lon": lonlat[:, 0].round(7), "lat": lonlat[:, 1].round(7)})
    frame["time"] = pd.to_datetime(np.round((START_S + time_s) * 1000).astype("int64"), unit="ms", utc=True)
    if receiver.accuracy:
        told = 1.2 * np.interp(time_s, clock, sigma_m) * np.exp(0.3 * rng.standard_normal(time_s.size))
        frame["accuracy_m"] = np.maximum(told.round(1), 2.0)
    return frame, dark


def _error(
    motion: Motion, clock: Floats, receiver: Receiver, km: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return errors second by second, shape (n, 2), and how large they are as the device could know."""
    n = clock.size
    sigma_m = np.full(n, rng.uniform(*receiver.sigma_m))
    across = np.zeros((n, 2))
    s_m = motion.place(clock)
    for _ in range(rng.poisson(receiver.canyons_km * km)):
        begin = rng.uniform(0, s_m[-1])
        inside = ((s_m > begin) & (s_m < begin + rng.uniform(100, 500))).astype(float)
        inside = _late(inside[:, None], 6.0)[:, 0]
        bias = rng.choice([-1, 1]) * rng.uniform(8, 25)
        across += (bias * inside)[:, None] * motion.left(clock)
        sigma_m = sigma_m * (1 + 0.8 * inside)
    error = sigma_m[:, None] * gauss_markov(rng, n, rng.uniform(*receiver.tau_s))
    error += rng.uniform(*receiver.bias_m) * gauss_markov(rng, n, 600.0) + across
    for _ in range(rng.poisson(receiver.reflections_km * km)):
        begin, angle = rng.uniform(0, clock[-1]), rng.uniform(0, 2 * np.pi)
        away = (clock > begin) & (clock < begin + rng.uniform(5, 20))
        error[away] += rng.uniform(20, 60) * np.array([np.cos(angle), np.sin(angle)])
    if receiver.bursts:
        stands = _late((motion.speed_m_s(clock) < STANDS_M_S).astype(float)[:, None], 4.0)
        error += stands * rng.uniform(4, 12) * gauss_markov(rng, n, 8.0)
    return error, np.hypot(sigma_m, np.hypot(*across.T))


def gauss_markov(rng: np.random.Generator, n: int, tau_s: float) -> Floats:
    """Return a stationary Gauss-Markov process of unit variance on two axes, second by second."""
    keep = float(np.exp(-1.0 / tau_s))
    fresh = rng.standard_normal((n, 2))
    fresh[1:] *= np.sqrt(1 - keep * keep)
    x = y = 0.0
    out = []
    for dx, dy in fresh.tolist():
        x, y = (keep * x + dx, keep * y + dy) if out else (dx, dy)
        out.append((x, y))
    return np.array(out)


def _late(values: Floats, seconds: float) -> Floats:
    """Return what a filter of first order makes of values second by second, forward only."""
    keep = float(np.exp(-1.0 / seconds))
    out, state = [], values[0]
    for value in values:
        state = keep * state + (1 - keep) * value
        out.append(state)
    return np.array(out)


def _frozen(xy: Floats, speed_m_s: Floats, rng: np.random.Generator) -> Floats:
    """Hold the fix from the beginning of each stop until some seconds after its end."""
    out, held_until, held = xy.copy(), -1.0, xy[0]
    stands = speed_m_s < STANDS_M_S
    for i in range(1, len(xy)):
        if stands[i]:
            held = held if held_until >= i else out[i - 1]
            held_until = i + rng.uniform(2, 8) if not stands[min(i + 1, len(xy) - 1)] else i + 1.0
        if held_until >= i:
            out[i] = held
    return out


def _times(end_s: float, receiver: Receiver, rng: np.random.Generator) -> Floats:
    """Return the times of fixes, with their jitter, whole seconds for most devices."""
    n = int(end_s / receiver.step_s) + 2
    steps = np.full(n, receiver.step_s)
    if receiver.irregular and receiver.step_s <= LONGEST_IRREGULAR_S:
        steps = receiver.step_s * rng.choice([1.0, 1.0, 1.0, 2.0, 3.0], n)
    time_s = np.cumsum(steps) - receiver.step_s
    # Every other device is exact to the second.
    if receiver.step_s > 1 and rng.random() < 0.5:
        time_s = np.round(time_s + rng.uniform(-0.05, 0.05, n) * receiver.step_s)
    return np.unique(time_s[(time_s >= 0) & (time_s <= end_s)])


def _received(
    time_s: Floats, clock: Floats, receiver: Receiver, km: float, rng: np.random.Generator
) -> tuple[Floats, Bools]:
    """Return the times of the fixes that arrive, and the seconds of outages."""
    dark = np.zeros(clock.size, dtype=bool)
    for _ in range(rng.poisson(receiver.outages_km * km)):
        begin = rng.uniform(0, clock[-1])
        dark |= (clock > begin) & (clock < begin + rng.uniform(*receiver.outage_s))
    heard = rng.random(time_s.size) >= receiver.lost_share
    heard &= ~dark[np.minimum(time_s.astype(int), clock.size - 1)]
    heard[[0, -1]] = True
    return time_s[heard], dark
