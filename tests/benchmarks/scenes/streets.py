"""What makes streets hard: dual carriageways made of main roads, and pavements beside streets."""

import itertools

import numpy as np
import shapely
from numpy.typing import NDArray

from tests.benchmarks.scenes.networks import Edge, Key, Network, Way, key, length_m, measures

Floats = NDArray[np.float64]

MAIN = {"primary", "secondary", "trunk"}
WITH_PAVEMENT = {"primary", "secondary", "tertiary", "residential", "unclassified"}
BARE_SHARE = 0.4
"""Streets whose pavements nobody has drawn."""
CLEAR_M = 1.5
"""By how much more than their distance from the street pavements end before a junction."""
TAPER_M = 30.0
"""Way on which two carriageways part from one road."""
SHORTEST_DUAL_M = 120.0


def dual(ways: list[Way], rng: np.random.Generator) -> list[Way]:
    """Return the ways with main roads of both directions made into two one-way carriageways 8 to 15 m apart.

    Side streets end at the nearer carriageway; where they do, a link crosses the middle.
    """
    main = [w for w in ways if w.klass in MAIN and not w.oneway]
    others = [w for w in ways if w.klass not in MAIN or w.oneway]
    merged = shapely.line_merge(shapely.MultiLineString([w.xy for w in main]))
    chains = [shapely.get_coordinates(part) for part in shapely.get_parts(merged)]
    taken = {key(p) for w in others for p in w.xy}
    moved: dict[Key, tuple[Floats, Floats, Floats]] = {}
    made: list[Way] = []
    for chain in chains:
        if length_m(chain) < SHORTEST_DUAL_M or key(chain[0]) == key(chain[-1]):
            made.append(Way(chain, "secondary"))
            continue
        xy = _plain(chain, taken)
        left, right, ahead = _carriageways(xy, rng.uniform(8.0, 15.0))
        made += [Way(right, "secondary", oneway=True), Way(left[::-1], "secondary", oneway=True)]
        for i in range(1, len(xy) - 1):
            if key(xy[i]) in taken:
                moved[key(xy[i])] = (left[i], right[i], ahead[i])
    made += [Way(np.array([left, right]), "secondary_link") for left, right, _ in moved.values()]
    return made + [part for way in others for part in _attached(way, moved)]


def _plain(chain: Floats, taken: set[Key]) -> Floats:
    """Return a road without the vertices that matter little, and with one where its carriageways part."""
    m = measures(chain)
    ends = [TAPER_M, m[-1] - TAPER_M]
    extra = np.column_stack([np.interp(ends, m, chain[:, axis]) for axis in (0, 1)])
    keep = [0]
    for i in range(1, len(chain) - 1):
        if key(chain[i]) in taken or m[i] - m[keep[-1]] > 12.0:
            keep.append(i)
    keep.append(len(chain) - 1)
    at = np.r_[m[keep], ends]
    return np.asarray(np.vstack([chain[keep], extra])[np.argsort(at)])


def _carriageways(xy: Floats, apart_m: float) -> tuple[Floats, Floats, Floats]:
    """Return the left and the right carriageway, vertex for vertex, and the direction at each vertex."""
    step = np.diff(xy, axis=0)
    step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    ahead = np.vstack([step[:1], step[1:] + step[:-1], step[-1:]])
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
    before = np.vstack([step[:1], step])
    # A bend asks for more room, so that the carriageways keep their distance.
    wide = 1.0 / np.clip(np.einsum("ij,ij->i", ahead, before), 0.6, 1.0)
    half_m = apart_m / 2 * wide
    half_m[[0, -1]] = 0.0
    across = np.column_stack([-ahead[:, 1], ahead[:, 0]]) * half_m[:, None]
    return xy + across, xy - across, ahead


def _attached(way: Way, moved: dict[Key, tuple[Floats, Floats, Floats]]) -> list[Way]:
    """Return a side street cut where it meets a dual road, each part ending at the nearer carriageway."""
    cut = [i for i, p in enumerate(way.xy) if 0 < i < len(way.xy) - 1 and key(p) in moved]
    parts = []
    for a, b in itertools.pairwise([0, *cut, len(way.xy) - 1]):
        xy = way.xy[a : b + 1].copy()
        for end, inner in ((0, 1), (-1, -2)):
            if key(xy[end]) in moved:
                left, right, _ = moved[key(xy[end])]
                nearer = np.hypot(*(xy[inner] - left)) < np.hypot(*(xy[inner] - right))
                xy[end] = left if nearer else right
        if length_m(xy) > 0.5:
            parts.append(Way(xy, way.klass, way.oneway))
    return parts


def with_pavements(crs: str, ways: list[Way], rng: np.random.Generator) -> list[Way]:
    """Return the ways and a pavement on both sides of each street, 5 to 9 m off, with corners, crossings."""
    network = Network.of(crs, ways)
    away_m = rng.uniform(5.0, 9.0)
    without = set(np.flatnonzero(rng.random(len(ways)) < BARE_SHARE).tolist())
    ends: dict[int, list[tuple[float, Floats, Floats]]] = {}
    made: list[Way] = []
    crossed: dict[int, list[tuple[float, Floats]]] = {}
    for edge in network.edges:
        if edge.klass not in WITH_PAVEMENT or edge.length_m < 4 * away_m or edge.way in without:
            continue
        clear_m = away_m + CLEAR_M
        left, right = (_beside(edge, side * away_m, clear_m) for side in (1, -1))
        made += [Way(left, "footway"), Way(right, "footway")]
        # Seen from its node, left is counter-clockwise of the street.
        ends.setdefault(edge.u, []).append((_bearing(edge.xy), left[0], right[0]))
        ends.setdefault(edge.v, []).append((_bearing(edge.xy[::-1]), right[-1], left[-1]))
        for at_m, end in ((clear_m, 0), (edge.length_m - clear_m, -1)):
            middle = _at(edge.xy, at_m)
            made.append(Way(np.array([left[end], middle, right[end]]), "footway"))
            crossed.setdefault(edge.way, []).append((edge.from_m + at_m, middle))
    for around in ends.values():
        around.sort(key=lambda end: end[0])
        for (_, left, _), (_, _, right) in zip(around, around[1:] + around[:1], strict=True):
            if np.hypot(*(left - right)) > 0.5:
                made.append(Way(np.array([left, right]), "footway"))
    return [_with_vertices(way, crossed.get(i, [])) for i, way in enumerate(ways)] + made


def _with_vertices(way: Way, more: list[tuple[float, Floats]]) -> Way:
    """Return the way with further vertices at measures."""
    if not more:
        return way
    m = np.r_[measures(way.xy), [at_m for at_m, _ in more]]
    xy = np.vstack([way.xy, [point for _, point in more]])
    return way._replace(xy=xy[np.argsort(m, kind="stable")])


def _at(xy: Floats, at_m: float) -> Floats:
    m = measures(xy)
    return np.array([np.interp(at_m, m, xy[:, axis]) for axis in (0, 1)])


def _beside(edge: Edge, offset_m: float, clear_m: float) -> Floats:
    """Return the pavement at an offset to the left, clear of the streets at both ends."""
    m = measures(edge.xy)
    inside = (m > clear_m) & (m < m[-1] - clear_m)
    at = np.r_[clear_m, m[inside], m[-1] - clear_m]
    xy = np.column_stack([np.interp(at, m, edge.xy[:, axis]) for axis in (0, 1)])
    left, _, _ = _carriageways(xy, 2 * offset_m)
    for end, inner in ((0, 1), (-1, -2)):
        ahead = (xy[inner] - xy[end]) * (1 if end == 0 else -1)
        left[end] = xy[end] + offset_m * np.array([-ahead[1], ahead[0]]) / max(np.hypot(*ahead), 1e-9)
    return left


def _bearing(xy: Floats) -> float:
    return float(np.arctan2(*(xy[1] - xy[0])[::-1]))
