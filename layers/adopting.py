"""A walked track made into a line that a place can have: smoothed, bridged, cut, simplified.

Metres are those along the smoothed walk, outages of at most `BRIDGE_M` bridged straight.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from layers import crs as crs_
from layers.tracks import smoothed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE_M = 5.0
"""Usual: by how much the line may leave the smoothed walk."""
BRIDGE_M = 60.0
"""Pieces of a walk whose ends are nearer than this are one line: the position was lost for a moment."""
SHORTEST_PART_M = 10.0
"""A shorter part of the walk is no line: somebody stood there."""
BESIDE_M = 30.0
"""Two ways along one bank, there and back, lie at most this far apart."""
MOSTLY = 0.8
"""Share of the way back that must lie beside the way there."""


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk as lines in metres of a CRS, in the order it was walked."""

    parts: list[Any]
    """LineStrings."""

    @property
    def length_m(self) -> float:
        """Metres in all."""
        return float(sum(part.length for part in self.parts))

    def turning_m(self) -> float | None:
        """Return after how many metres the walk turned and went back beside itself; None: it did not."""
        vertices = np.concatenate(
            [shapely.get_coordinates(part) for part in self.parts] or [np.empty((0, 2))]
        )
        if not len(vertices):
            return None
        away = np.hypot(*(vertices - vertices[0]).T)
        at = int(away.argmax())
        part = np.searchsorted(np.cumsum([len(p.coords) for p in self.parts]), at, side="right")
        before = sum(p.length for p in self.parts[:part])
        far_m = float(before + shapely.line_locate_point(self.parts[part], shapely.Point(vertices[at])))
        there, back = self.cut(0.0, far_m), self.cut(far_m, self.length_m)
        if back.length_m < SHORTEST_PART_M or not there.parts:
            return None
        beside = shapely.buffer(shapely.union_all(there.parts), BESIDE_M)
        shared_m = shapely.length(shapely.intersection(shapely.multilinestrings(back.parts), beside))
        return far_m if shared_m >= MOSTLY * back.length_m else None

    def cut(self, from_m: float, to_m: float) -> "Walk":
        """Return the walk between two of its metres."""
        ends = np.cumsum([0.0, *(part.length for part in self.parts)])
        kept = []
        for part, (a, b) in zip(self.parts, itertools.pairwise(ends.tolist()), strict=True):
            low, high = max(from_m, a) - a, min(to_m, b) - a
            if high > low:
                kept.append(part if high - low >= part.length else substring(part, low, high))
        return Walk(kept)

    def simplified(self, tolerance_m: float) -> "Walk":
        """Return the walk with the vertices that matter; parts too short for a line are left out."""
        fewer = [shapely.simplify(part, tolerance_m) for part in self.parts]
        return Walk([part for part in fewer if part.length >= SHORTEST_PART_M])

    def line(self, crs: str) -> Any | None:
        """Return the walk as a MultiLineString in lon, lat; None where nothing is left."""
        return crs_.unproject(shapely.multilinestrings(self.parts), crs) if self.parts else None


def walk(lonlat: Floats, time_s: Floats, piece: Ints, crs: str) -> Walk:
    """Return the smoothed walk of a track: fixes in degrees, shape (n, 2), seconds and pieces, shape (n,).

    >>> xy = np.array([[500_000.0 + 5 * i, 3_600_000.0] for i in range(40)])
    >>> gap = np.repeat([0, 1], 20)
    >>> made = walk(crs_.to_lonlat(xy, "EPSG:4549"), 5.0 * np.arange(40), gap, "EPSG:4549")
    >>> len(made.parts), round(made.length_m), made.turning_m()
    (1, 195, None)
    """
    if not len(lonlat):
        return Walk([])
    xy = smoothed(crs_.to_metric(lonlat, crs), time_s, piece)
    runs = np.split(xy, np.flatnonzero(np.diff(piece)) + 1)
    joined = [runs[0]]
    for run in runs[1:]:
        if np.hypot(*(run[0] - joined[-1][-1])) <= BRIDGE_M:
            joined[-1] = np.concatenate([joined[-1], run])
        else:
            joined.append(run)
    return Walk([shapely.LineString(run) for run in joined if len(run) > 1 and np.ptp(run, axis=0).any()])
