"""Our side: coverage as a user gets it, with one setting for every row of the table."""

import time
from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from layers import cover
from layers.coverage import COVERING
from layers.matching import matched
from layers.spans import SpanSet
from layers.tracks import Recording, clean
from tests.benchmarks.conditions import Trial, fixes
from tests.benchmarks.network import Network

REACH_M = 35.0
"""The one setting: chosen on the walks for tuning."""


def found(trials: Sequence[Trial], network: Network, *, reach_m: float = REACH_M) -> list[SpanSet]:
    """Return what `layers.cover` says was covered, walk by walk."""
    return covered(network.places, [trial.recording for trial in trials], reach_m=reach_m)


def covered(
    places: gpd.GeoDataFrame, recordings: Sequence[Recording], *, reach_m: float = REACH_M
) -> list[SpanSet]:
    """Return what `layers.cover` says of places numbered 0, 1, ...: one set a recording."""
    rows = cover(places, fixes(recordings), reach_m=reach_m)
    return by_track(rows, len(recordings))


def by_track(rows: pd.DataFrame, tracks: int) -> list[SpanSet]:
    """Return the rows of `layers.cover` as spans, one set for each of the tracks 0 .. tracks-1."""
    of_track = dict(iter(rows.groupby("track")))
    return [
        SpanSet.of(*(of_track[k][name].to_numpy() for name in ("place", "from_m", "to_m")))
        if k in of_track
        else SpanSet.empty()
        for k in range(tracks)
    ]


class Warm:
    """The same as `layers.cover`, which builds its index at each call, with an index that is kept.

    So does a service: its worker holds the lines of a county.
    """

    def __init__(self, network: Network, *, reach_m: float = REACH_M) -> None:
        self._lines, self._crs = network.line_set, network.crs
        self._reach_m = np.full(self._lines.place.size, reach_m)

    def found(self, recording: Recording) -> tuple[SpanSet, float]:
        """Return what was covered, and the seconds from the fixes to the spans."""
        began = time.perf_counter()
        track = clean(recording, self._crs)
        xy = track.metric(self._crs)
        rows = matched(self._lines, xy, track.time_s, track.piece, self._reach_m, None, track.accuracy_m)
        spans = rows.of(*COVERING)
        return spans, time.perf_counter() - began
