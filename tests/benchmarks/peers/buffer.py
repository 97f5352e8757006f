"""A buffer around the track, cut with the lines: by Shapely, and by PostGIS."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from geo_service.embedded import Cluster
from geo_service.keeper import joined
from layers import crs as crs_
from layers.coverage import Path, within
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.tracks import OUTAGE_S, Recording, clean
from tests.benchmarks.bench_upload import database
from tests.benchmarks.drawn import spans, steps
from tests.benchmarks.network import Network
from tests.benchmarks.peers.thinning import thinned

REACH_M = 20.0
NAME = f"buffer {REACH_M:g} m"
SIMPLIFY_M = 3.0
"""Of tracks that are neither smoothed nor simplified, a polygon takes a hundred times as long."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]


def simplified(recording: Recording, crs: str) -> Geometries:
    """Return a track as one MultiLineString in metres, smoothed and thinned, without idle vertices."""
    xy, _, piece = _prepared(recording, crs)
    several = np.bincount(piece)[piece] > 1
    lines = shapely.linestrings(xy[several], indices=np.unique(piece[several], return_inverse=True)[1])
    return shapely.simplify(shapely.multilinestrings(lines), SIMPLIFY_M)


def exact(recording: Recording, network: Network) -> SpanSet:
    """Return what lies in the buffer, without its polygon: the same to decimetres, and fast."""
    return within_reach(recording, network.line_set, network.crs)


def within_reach(recording: Recording, lines: LineSet, crs: str) -> SpanSet:
    """Return the same for any lines in metres of a CRS."""
    path = Path.of(*_prepared(recording, crs))
    return within(lines, path, np.full(lines.place.size, REACH_M)).spans()


def _prepared(recording: Recording, crs: str) -> tuple[Floats, Floats, Ints]:
    """Return positions in metres, times, and pieces that no outage breaks."""
    track = clean(recording, crs)
    time_s, xy = thinned(track.time_s, crs_.to_metric(track.lonlat, crs))
    return xy, time_s, np.cumsum(np.diff(time_s, prepend=time_s[0]) > OUTAGE_S)


class Buffer:
    """Shapely: an index of the lines, a buffer, an intersection."""

    def __init__(self, network: Network) -> None:
        self._network, self._tree = network, shapely.STRtree(network.lines)

    def found(self, recording: Recording) -> tuple[SpanSet, float]:
        """Return what lies in the buffer, and the seconds from the fixes to the pieces of lines."""
        began = time.perf_counter()
        swath = shapely.buffer(simplified(recording, self._network.crs), REACH_M)
        near = self._tree.query(swath, predicate="intersects")
        inside = shapely.intersection(self._network.lines[near], swath)
        spent_s = time.perf_counter() - began
        row, a, b = steps(inside)
        return spans(self._network.lines, near[row], a, b), spent_s


class PostGIS:
    """The same in the database, as one query."""

    QUERY = (
        "with swath as materialized (select st_buffer(st_geomfromwkb(%s), %s) as shape)"
        " select id, st_asbinary(st_intersection(line, shape)) from way, swath"
        " where st_intersects(line, shape)"
    )

    def __init__(self, connection: "psycopg.Connection[tuple[int, bytes]]", network: Network) -> None:
        self._connection, self._network = connection, network
        with connection.cursor() as cursor:
            cursor.execute("create table way (id int, line geometry(LineString))")
            rows = [(k, shapely.to_wkb(line)) for k, line in enumerate(network.lines)]
            cursor.executemany("insert into way values (%s, st_geomfromwkb(%s))", rows)
            cursor.execute("create index on way using gist (line)")
        connection.commit()
        connection.autocommit = True
        connection.execute("analyze way")

    def found(self, recording: Recording) -> tuple[SpanSet, float]:
        """Return what lies in the buffer, and the seconds from the fixes to the pieces of lines."""
        began = time.perf_counter()
        track = shapely.to_wkb(simplified(recording, self._network.crs))
        rows = self._connection.execute(self.QUERY, (track, REACH_M), binary=True).fetchall()
        spent_s = time.perf_counter() - began
        way = np.array([k for k, _ in rows], np.int64)
        row, a, b = steps(shapely.from_wkb([bytes(wkb) for _, wkb in rows]))
        return spans(self._network.lines, way[row], a, b), spent_s


@contextmanager
def postgis(network: Network) -> Iterator[PostGIS]:
    """Put the ways into a database of their own: on GEO_DATABASE_URL, else on a private cluster."""
    with ExitStack() as stack:
        server = os.environ.get("GEO_DATABASE_URL")
        if server is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="yinxun-bench-"))
            server = stack.enter_context(joined(Cluster.at(FilePath(folder))))
        url = stack.enter_context(database(server))
        dsn = url.replace("postgresql+psycopg://", "postgresql://")
        yield PostGIS(stack.enter_context(psycopg.connect(dsn)), network)
