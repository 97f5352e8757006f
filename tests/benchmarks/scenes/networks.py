"""Networks of lines for scenes: real maps and made towns, with a half to tune on and one to judge on.

Ways are polylines x, y in metres, shape (n, 2), that are joined where they share a vertex. The halves share
no way: of each real map one half of the land is for tuning and the other for judging, and towns are made
from other seeds.
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import osmium
from numpy.typing import NDArray

from layers import crs as crs_

Floats = NDArray[np.float64]
Half = Literal["tune", "judge"]
Key = tuple[int, int]

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
FILES = {
    "liechtenstein": "liechtenstein/liechtenstein-latest.osm.pbf",
    "bayreuth": "bayreuth/north-bayreuth.osm.gz",
    "guixi": "guixi/guixi.osm",
    "altona": "altona/ways.geojson",
}
SPLIT_ON = {"liechtenstein": 1, "bayreuth": 1, "guixi": 0, "altona": 0}
"""The axis (0 east, 1 north) across which a map is split at its median: south and west are for tuning."""

NOT_A_WAY = {"construction", "platform", "proposed", "rest_area", "raceway", ""}
ONE_WAY_CLASSES = {"motorway", "motorway_link"}


class Way(NamedTuple):
    """A polyline of one class: an OSM `highway` value, or `water`."""

    xy: Floats
    klass: str
    oneway: bool = False


class Edge(NamedTuple):
    """A way's piece between two nodes; `from_m` is where it begins on its way."""

    xy: Floats
    u: int
    v: int
    klass: str
    oneway: bool
    way: int
    from_m: float

    @property
    def length_m(self) -> float:
        """Length in metres."""
        return length_m(self.xy)


@dataclass(frozen=True)
class Network:
    """Ways in metres of a CRS, and the edges into which shared vertices cut them."""

    crs: str
    ways: list[Way]
    edges: list[Edge]
    nodes: int

    @classmethod
    def of(cls, crs: str, ways: list[Way]) -> "Network":
        """Cut ways where they share a vertex with another or with themselves, and at their ends."""
        uses: dict[Key, int] = {}
        for way in ways:
            keys = [key(p) for p in way.xy]
            for k in keys:
                uses[k] = uses.get(k, 0) + 1
            for k in (keys[0], keys[-1]):
                uses[k] += 1
        number: dict[Key, int] = {}
        edges: list[Edge] = []
        for i, way in enumerate(ways):
            at = [j for j, p in enumerate(way.xy) if uses[key(p)] > 1]
            m = measures(way.xy)
            for a, b in itertools.pairwise(at):
                u, v = (number.setdefault(key(way.xy[j]), len(number)) for j in (a, b))
                if m[b] > m[a]:
                    edges.append(Edge(way.xy[a : b + 1], u, v, way.klass, way.oneway, i, float(m[a])))
        return cls(crs, ways, edges, len(number))


def key(point: Floats) -> Key:
    """Return a point to the centimetre, by which shared vertices are known."""
    return round(float(point[0]) * 100), round(float(point[1]) * 100)


def measures(xy: Floats) -> Floats:
    """Return the way in metres to each vertex, shape (n,)."""
    return np.r_[0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T))]


def length_m(xy: Floats) -> float:
    """Return the length of a polyline in metres."""
    return float(np.hypot(*np.diff(xy, axis=0).T).sum())


@lru_cache(maxsize=8)
def real(name: str, half: Half, *, water: bool = False) -> tuple[str, list[Way]]:
    """Return the CRS and the ways of one half of a real map; with `water`, its waterways too."""
    read = list(_geojson(DATA / FILES[name]) if name == "altona" else _osm(DATA / FILES[name]))
    lonlat = [way for way in read if water or way.klass != "water"]
    centre = np.median(np.vstack([way.xy for way in lonlat]), axis=0)
    crs = crs_.choose(*centre)
    ways = [Way(crs_.to_metric(way.xy, crs), way.klass, way.oneway) for way in lonlat]
    ways = [way for way in ways if length_m(way.xy) > 0.5]
    axis = SPLIT_ON[name]
    # By what is driven: the median of the roads' vertices, so that the halves do not depend on `water`.
    across = np.median(np.concatenate([way.xy[:, axis] for way in ways if way.klass != "water"]))
    lower = [bool(way.xy[len(way.xy) // 2, axis] < across) for way in ways]
    return crs, [way for way, low in zip(ways, lower, strict=True) if low == (half == "tune")]


def _osm(file: Path) -> Iterable[Way]:
    """Yield the ways of an OSM file in lon, lat."""
    ways = osmium.FileProcessor(str(file)).with_locations()
    for way in ways.with_filter(osmium.filter.KeyFilter("highway", "waterway")):
        if not way.is_way() or way.tags.get("area") == "yes":
            continue
        klass = way.tags.get("highway") or ""
        if way.tags.get("waterway") in {"river", "canal", "stream"}:
            klass = "water"
        if klass in NOT_A_WAY:
            continue
        points = [(n.lon, n.lat) for n in way.nodes if n.location.valid()]
        if len(points) < 2:
            continue
        ring = way.tags.get("junction") in {"roundabout", "circular"}
        oneway = way.tags.get("oneway", "no") in {"yes", "1", "true"} or ring or klass in ONE_WAY_CLASSES
        yield Way(np.array(points), klass, oneway)


def _geojson(file: Path) -> Iterable[Way]:
    """Yield the ways of a GeoJSON file in lon, lat."""
    for feature in json.loads(file.read_text())["features"]:
        if feature["properties"]["highway"] not in NOT_A_WAY:
            yield Way(np.array(feature["geometry"]["coordinates"]), feature["properties"]["highway"])


def made_town(rng: np.random.Generator, *, blocks: int = 14) -> tuple[str, list[Way]]:
    """Return an old town of small blocks: crooked streets, gaps, alleys, one-way streets, main roads.

    Blocks are 40 to 130 m long; every fourth to sixth street is a main road.
    """
    x, y = (np.cumsum(rng.uniform(40, 130, blocks + 1)) for _ in range(2))
    node = np.stack(np.meshgrid(x, y), axis=-1) + rng.normal(0, 7, (blocks + 1, blocks + 1, 2))
    turn = rng.uniform(0, np.pi)
    node = node @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    node -= node.mean(axis=(0, 1))
    ways: list[Way] = []
    every = int(rng.integers(4, 7))
    for rows in (node, node.transpose(1, 0, 2)):
        for k, row in enumerate(rows):
            main = k % every == every // 2
            ways += _street(row, rng, main=main)
    return crs_.choose(10.0, 50.0), [*ways, *_alleys(ways, rng)]


def _street(row: Floats, rng: np.random.Generator, *, main: bool) -> list[Way]:
    """Return one street along a row of junctions, in ways of a few blocks, with gaps unless it is main."""
    ways: list[Way] = []
    klass = "secondary" if main else str(rng.choice(["residential", "residential", "living_street"]))
    oneway = not main and rng.random() < 0.4
    i = 0
    while i < len(row) - 1:
        j = min(i + int(rng.integers(2, 6)), len(row) - 1)
        if main or rng.random() > 0.15:
            xy = [row[i]]
            for a, b in itertools.pairwise(row[i : j + 1]):
                bent = (a + b) / 2 + rng.normal(0, 1.0 if main else 4.0, 2)
                xy += [bent, b]
            ways.append(Way(np.array(xy), klass, oneway))
        i = j
    return ways


def _alleys(streets: list[Way], rng: np.random.Generator) -> list[Way]:
    """Return dead ends and footpaths that leave the middle of blocks."""
    alleys = []
    for way in streets:
        for a, middle, b in zip(way.xy[:-2:2], way.xy[1:-1:2], way.xy[2::2], strict=True):
            if way.klass == "secondary" or rng.random() > 0.35:
                continue
            ahead = (b - a) / np.hypot(*(b - a))
            across = np.array([-ahead[1], ahead[0]]) * rng.choice([-1, 1])
            out = middle + across * rng.uniform(15, 35)
            end = out + ahead * rng.uniform(-25, 25) + across * rng.uniform(0, 8)
            alleys.append(Way(np.array([middle, out, end]), str(rng.choice(["service", "footway"]))))
    return alleys
