"""Who may take what: by where he lives, what he wants, and how far it is.

A compound steward lives in the compound; a grid steward in the grid, or, where only his village is known, in
the grid's village; river and road stewards in a township through which the line runs. Nobody crosses his
township unless that is asked for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from layers.planning import Option, Pair
from layers.spans import Floats
from layers.vocabulary import Layer


@dataclass(frozen=True)
class Home:
    """Where somebody lives, as exactly as that is known; areas and compounds by their ids."""

    township: int | None = None
    village: int | None = None
    compound: int | None = None
    """The place in which he lives, if it is named."""
    point: tuple[float, float] | None = None
    """In metres of the county's CRS: the middle of his compound or village."""


@dataclass(frozen=True)
class Wants:
    """What somebody wants to do, beside where he lives."""

    layers: frozenset[Layer] = frozenset(Layer)
    avoids: frozenset[int] = frozenset()
    """Places that he does not want."""
    farthest_m: float = 5000.0
    """Of rivers and roads, from home."""


@dataclass(frozen=True)
class Ground:
    """Of a need: what and where it is."""

    place: int
    layer: Layer
    townships: frozenset[int]
    villages: frozenset[int] = frozenset()
    shape: Any | None = field(default=None, hash=False)
    """In metres; None while 未上图."""


def options(
    grounds: Sequence[Ground],
    homes: Sequence[Home],
    wants: Sequence[Wants],
    *,
    adjoining: Collection[Pair] = (),
    crossing: bool = False,
) -> tuple[list[Option], set[int]]:
    """Return who may take what, and the needs that are too far for some who could have taken them.

    `adjoining`: pairs (need, candidate) where the candidate holds what lies beside the need.
    `crossing`: people may take lines of other townships too.
    """
    found: list[Option] = []
    too_far: set[int] = set()
    beside = frozenset(adjoining)
    away_m = _distances(grounds, homes)
    for n, ground in enumerate(grounds):
        for c, (home, want) in enumerate(zip(homes, wants, strict=True)):
            if ground.layer not in want.layers or ground.place in want.avoids:
                continue
            if not _lives_there(ground, home, crossing=crossing):
                continue
            distance_m = None if np.isnan(away_m[n, c]) else float(away_m[n, c])
            if ground.layer.is_line and distance_m is not None and distance_m > want.farthest_m:
                too_far.add(n)
                continue
            found.append(Option(n, c, distance_m, adjoins=(n, c) in beside))
    return found, too_far


def _lives_there(ground: Ground, home: Home, *, crossing: bool) -> bool:
    if ground.layer is Layer.COMPOUND:
        return home.compound == ground.place
    if ground.layer is Layer.GRID:
        if home.compound is not None and home.point is not None and ground.shape is not None:
            return bool(shapely.intersects_xy(ground.shape, *home.point))
        return home.village in ground.villages
    return crossing or home.township in ground.townships


def _distances(grounds: Sequence[Ground], homes: Sequence[Home]) -> Floats:
    """Return how far each home is from each need, in metres, shape (needs, homes); NaN: not known."""
    shapes = np.empty(len(grounds), dtype=object)
    shapes[:] = [ground.shape for ground in grounds]
    points = np.empty(len(homes), dtype=object)
    points[:] = [None if home.point is None else shapely.Point(home.point) for home in homes]
    shapely.prepare(shapes)
    return np.asarray(shapely.distance(shapes[:, None], points[None, :]), float)


def named_in(text: str, names: Sequence[str]) -> int | None:
    """Return which of some names a text holds, the longest of them; None if none does, or two as long do.

    >>> named_in("昭阳街道 时代嘉园3幢", ["嘉园", "时代嘉园", "水润鑫都"])
    1
    """
    said = "".join(text.split())
    lengths = [len(name) if len(name) > 1 and name in said else 0 for name in names]
    best = max(lengths, default=0)
    found = [k for k, length in enumerate(lengths) if length == best]
    return found[0] if best and len({names[k] for k in found}) == len(found) == 1 else None


def touching(a: float, b: float, spans: Sequence[tuple[float, float]], *, within: float) -> bool:
    """Tell whether a stretch lies beside one of some spans of the same measure, or overlaps it."""
    return any(start <= b + within and a <= stop + within for start, stop in spans)
