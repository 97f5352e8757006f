"""Walks with known truth on the ways of a map, under the conditions of the table.

Parameters are tuned on other walks and another half of the map than those they are judged on. The line
between the halves runs east to west through the median northing of all vertices. Walks with `half="tune"`
stay on ways that lie south of it altogether, those with `half="judge"` on ways north of it; ways that cross
it are walked in neither. Seeds are drawn from the half and the condition's name, so no two share a walk. In
both halves all ways of the map compete. `tests.benchmarks.scenes` is split likewise.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geo_service.demo.walks import Phone, random_walks
from layers.spans import SpanSet
from layers.tracks import Recording
from tests.benchmarks.network import Half, Network, World

SECONDS = 7200.0
"""How long a walk lasts: 9.7 km."""


@dataclass(frozen=True)
class Condition:
    """Where people walk, and what their phones make of it."""

    world: World
    sigma_m: float
    step_s: float
    noise: str
    """`AR`: 90 % of the variance wanders with a time of 30 s, as for walkers; `white`: all of it is new."""

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.world} world, {self.sigma_m:g} m, {self.step_s:g} s, {self.noise}"

    @property
    def phone(self) -> Phone:
        """Three outages of 20 to 90 s and 2 % single losses a walk."""
        white = 1.0 if self.noise == "white" else 0.1
        return Phone(step_s=self.step_s, sigma_m=self.sigma_m, white_share=white, loss_share=0.02, outages=3)


_ERRORS = [(5.0, 1.0), (10.0, 1.0), (5.0, 10.0), (10.0, 10.0)]
CLOSED = tuple(Condition("closed", *error, noise) for noise in ("AR", "white") for error in _ERRORS)
"""Walkers stay on ways that Meili accepts."""
OPEN = tuple(Condition("open", *error, "AR") for error in _ERRORS)
"""Walkers take any way."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A recording, and the spans of the network's ways that were truly walked."""

    recording: Recording
    truth: SpanSet


def walks(
    network: Network, condition: Condition, *, half: Half, count: int, seconds: float = SECONDS
) -> list[Trial]:
    """Return simulated walks: always the same ones for the same arguments."""
    ways = network.ways(condition.world, half)
    rng = np.random.default_rng(zlib.crc32(f"{half}, {condition.name}".encode()))
    made = random_walks(
        network.lines[ways], rng, count=count, seconds=seconds, phone=condition.phone, crs=network.crs
    )
    return [Trial(walk.recording, SpanSet.of(*_truth(walk.truth, ways))) for walk in made]


def _truth(stretches: Sequence[tuple[int, float, float]], ways: np.ndarray) -> tuple[np.ndarray, ...]:
    line, from_m, to_m = np.array(stretches, float).T
    return ways[line.astype(np.int64)], from_m, to_m


def fixes(recordings: Sequence[Recording]) -> pd.DataFrame:
    """Return the recordings as one frame for `layers.cover`; the track's id is its number."""
    frames = [
        pd.DataFrame(
            {
                "track": k,
                "time": pd.to_datetime(recording.time_s, unit="s", utc=True),
                "lon": recording.lonlat[:, 0],
                "lat": recording.lonlat[:, 1],
                "accuracy_m": recording.accuracy_m,
            }
        )
        for k, recording in enumerate(recordings)
    ]
    return pd.concat(frames, ignore_index=True)
