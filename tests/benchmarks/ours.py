"""Our side: coverage as a user gets it, with one setting for every condition of the table."""

from collections.abc import Sequence

import pandas as pd

from layers import cover
from layers.spans import SpanSet
from tests.benchmarks.conditions import Trial, fixes
from tests.benchmarks.network import Network, read

REACH_M = 35.0
"""The one setting: chosen on the walks for tuning."""


def found(
    trials: Sequence[Trial], *, reach_m: float = REACH_M, network: Network | None = None
) -> list[SpanSet]:
    """Return what `layers.cover` says was covered, walk by walk."""
    network = network or read()
    return by_track(cover(network.places, fixes(trials), reach_m=reach_m), len(trials))


def by_track(covered: pd.DataFrame, tracks: int) -> list[SpanSet]:
    """Return the rows of `layers.cover` as spans, one set for each of the tracks 0 .. tracks-1."""
    rows = dict(tuple(covered.groupby("track")))
    return [
        SpanSet.of(*(rows[k][name].to_numpy() for name in ("place", "from_m", "to_m")))
        if k in rows
        else SpanSet.empty()
        for k in range(tracks)
    ]
