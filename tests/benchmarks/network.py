"""The map on which walks are simulated: all ways of Liechtenstein, halved for tuning and judging."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from layers import crs as crs_
from layers.lines import LineSet

FILE = Path(__file__).parents[3] / "shared/data/liechtenstein/liechtenstein-latest.osm.pbf"

SHORTEST_NET_M = 9_700.0

Half = Literal["tune", "judge"]
World = Literal["closed", "open"]
Bools = NDArray[np.bool_]
Geometries = NDArray[np.object_]

_NOT_FOR_WALKERS = frozenset(["motorway", "motorway_link", "construction", "proposed", "rest_area"])
_NOT_ROUTED = frozenset(["cycleway", "bridleway", "rest_area"])
_CLOSED_TO_ALL = frozenset(["no", "agricultural", "forestry"])


def is_routed(tags: Mapping[str, str]) -> bool:
    """Tell whether Meili's pedestrian costing (max_hiking_difficulty 6) accepts a way.

    Its own rules in short; they give what its `locate` answers for all 4,660 ways of the file.

    >>> is_routed({"highway": "cycleway"}), is_routed({"highway": "cycleway", "foot": "yes"})
    (False, True)
    """
    if "foot" in tags:
        return tags["foot"] != "no"
    closed = tags.get("access") in _CLOSED_TO_ALL or tags.get("area") == "yes"
    return not closed and tags["highway"] not in _NOT_ROUTED


@dataclass(frozen=True, eq=False)
class Network:
    """Ways of a map: `way_id`, `lonlat`, `lines` (metres of `crs`), `routed`, `walkable`; shape (ways,)."""

    way_id: NDArray[np.int64]
    lonlat: Geometries
    lines: Geometries
    crs: str
    routed: Bools
    """Accepted by Meili's pedestrian costing."""
    walkable: Bools
    """Where someone walks, allowed or not."""
    border_y: float
    """Metres north: the line between the half for tuning (south of it) and that for judging (north)."""

    @cached_property
    def line_set(self) -> LineSet:
        """All ways with their measures: places are numbered as the ways are."""
        return LineSet.of(self.lines)

    @cached_property
    def places(self) -> gpd.GeoDataFrame:
        """All ways as a user hands them to `layers.cover`; a place's id is its number."""
        return gpd.GeoDataFrame(geometry=self.lonlat, crs="EPSG:4326")

    def lies_in(self, half: Half, lines: Geometries) -> Bools:
        """Tell which lines in metres lie in one half altogether, shape (n,)."""
        _, south, _, north = shapely.bounds(lines).T
        return np.asarray(north < self.border_y if half == "tune" else south > self.border_y)

    def ways(self, world: World, half: Half) -> NDArray[np.int64]:
        """Return the numbers of the ways on which walkers go.

        They lie in one half altogether, and hang together for as long as a walk is: nobody goes to and fro
        for two hours on a lane that leads nowhere.
        """
        inside = self.lies_in(half, self.lines)
        ways = np.flatnonzero(inside & (self.routed if world == "closed" else self.walkable))
        return ways[_connected_m(self.lines[ways]) >= SHORTEST_NET_M]


def _connected_m(lines: Geometries) -> NDArray[np.float64]:
    """Return for each line the length of all that hangs together with it by shared vertices."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    _, vertex = np.unique(np.rint(xy * 10), axis=0, return_inverse=True)
    vertex = vertex.ravel()
    label, before = np.arange(len(lines)), np.empty(0)
    while not np.array_equal(label, before):
        before = label
        least = np.full(vertex.max() + 1, len(lines))
        np.minimum.at(least, vertex, label[line])
        label = label.copy()
        np.minimum.at(label, line, least[vertex])
        label = label[label]
    return np.asarray(np.bincount(label, shapely.length(lines))[label])


def waterways(file: Path, network: Network) -> Geometries:
    """Return every waterway of an OSM file in metres of the network's CRS."""
    _, _, lonlat = _ways(file, "waterway")
    return np.asarray(crs_.project(np.array(lonlat, object), network.crs), object)


@cache
def read(file: Path = FILE) -> Network:
    """Return every highway of an OSM file."""
    ids, tags, lonlat = _ways(file, "highway")
    west, south, east, north = shapely.total_bounds(np.array(lonlat, object))
    # As `layers.cover` chooses it, so that measures are the same.
    crs = crs_.choose((west + east) / 2, (south + north) / 2)
    degrees = np.array(lonlat, object)
    lines = np.asarray(crs_.project(degrees, crs), object)
    routed = np.array([is_routed(t) for t in tags])
    walkable = np.array([t["highway"] not in _NOT_FOR_WALKERS for t in tags])
    middle_y = float(np.median(shapely.get_coordinates(lines)[:, 1]))
    return Network(np.array(ids), degrees, lines, crs, routed, walkable, middle_y)


def _ways(file: Path, key: str) -> tuple[list[int], list[dict[str, str]], list[Any]]:
    """Return id, tags and line (lon, lat) of every way that has a key."""
    factory = osmium.geom.WKBFactory()
    found = osmium.FileProcessor(str(file)).with_locations().with_filter(osmium.filter.KeyFilter(key))
    ids, tags, lonlat = [], [], []
    for way in found:
        if way.is_way() and len(way.nodes) > 1:
            ids.append(way.id)
            tags.append(dict(way.tags))
            lonlat.append(shapely.from_wkb(bytes.fromhex(factory.create_linestring(way))))
    return ids, tags, lonlat
