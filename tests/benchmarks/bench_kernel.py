"""The kernel against Shapely's buffer and intersection, on the same simplified tracks, in one run.

    python -m tests.benchmarks.bench_kernel [OSM FILE]

Prints milliseconds a track for both, their ratio (target: at least 80), the largest difference in length of a
place, and the same for matching. Without a file it takes ../shared/data/liechtenstein.
"""

import sys
import time
from pathlib import Path as FilePath

import numpy as np
import osmium
import shapely

from geo_service.demo.walks import Phone, random_walks
from layers import crs
from layers.coverage import Path, within
from layers.lines import LineSet
from layers.matching import matched
from layers.tracks import Track, clean

REACH_M = 20.0
SIMPLIFY_M = 3.0
TRACKS, SECONDS = 8, 7200.0
DEFAULT = FilePath(__file__).parents[3] / "shared/data/liechtenstein/liechtenstein-latest.osm.pbf"


def highways(file: FilePath) -> list[shapely.LineString]:
    """Return every highway way of an OSM file in lon, lat."""
    factory = osmium.geom.WKBFactory()
    ways = osmium.FileProcessor(str(file)).with_locations().with_filter(osmium.filter.KeyFilter("highway"))
    return [
        shapely.from_wkb(bytes.fromhex(factory.create_linestring(way)))
        for way in ways
        if way.is_way() and len(way.nodes) > 1
    ]


def simplified(track: Track, metric: str) -> list[shapely.LineString]:
    """Return the pieces of a track in metres, as both methods get them."""
    xy = crs.to_metric(track.lonlat, metric)
    pieces = [xy[track.piece == k] for k in np.unique(track.piece)]
    return [shapely.simplify(shapely.linestrings(p), SIMPLIFY_M) for p in pieces if len(p) > 1]


def path_of(pieces: list[shapely.LineString]) -> Path:
    """Return simplified pieces as a path."""
    xy, piece = shapely.get_coordinates(pieces, return_index=True)
    return Path.of(xy, np.arange(len(xy), dtype=float), piece)


def by_buffer(tree: shapely.STRtree, lines: np.ndarray, pieces: list[shapely.LineString]) -> dict[int, float]:
    """Return the covered length of each line by Shapely."""
    swath = shapely.buffer(shapely.multilinestrings(pieces), REACH_M, quad_segs=64)
    near = tree.query(swath, predicate="intersects")
    covered = shapely.length(shapely.intersection(lines[near], swath))
    return dict(zip(near.tolist(), covered.tolist(), strict=True))


def main() -> None:
    """Measure and print."""
    lonlat = highways(FilePath(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
    metric = crs.choose(*shapely.get_coordinates(lonlat).mean(axis=0))
    lines = np.asarray(crs.project(np.array(lonlat, dtype=object), metric), dtype=object)
    line_set = LineSet.of(lines)
    reach = np.full(line_set.place.size, REACH_M)
    tree, _ = shapely.STRtree(lines), line_set.tree
    walks = random_walks(
        lines, np.random.default_rng(7), count=TRACKS, seconds=SECONDS, phone=Phone(step_s=1.0), crs=metric
    )
    tracks = [clean(walk.recording, metric) for walk in walks]
    ways = [simplified(track, metric) for track in tracks]
    kernel_s, buffer_s, matched_s, worst_m = 0.0, 0.0, 0.0, 0.0
    for track, pieces in zip(tracks, ways, strict=True):
        path = path_of(pieces)
        within(line_set, path, reach).spans()
        began = time.perf_counter()
        spans = within(line_set, path, reach).spans()
        kernel_s += time.perf_counter() - began
        began = time.perf_counter()
        truth = by_buffer(tree, lines, pieces)
        buffer_s += time.perf_counter() - began
        ours = spans.lengths(len(lines))
        worst_m = max(worst_m, *(abs(ours[k] - truth.get(k, 0.0)) for k in range(len(lines))))
        xy = crs.to_metric(track.lonlat, metric)
        began = time.perf_counter()
        matched(line_set, xy, track.time_s, track.piece, reach)
        matched_s += time.perf_counter() - began
    print(
        f"lines {len(lines)}, segments {line_set.place.size}, tracks {TRACKS}, fixes {sum(map(len, tracks))}"
    )
    kernel_ms, matched_ms, buffer_ms = (t / TRACKS * 1000 for t in (kernel_s, matched_s, buffer_s))
    print(f"kernel {kernel_ms:.2f} ms a track, matching {matched_ms:.2f} ms a track")
    print(f"shapely buffer {buffer_ms:.1f} ms a track: {buffer_s / kernel_s:.0f} times the kernel")
    print(f"largest difference of a place {worst_m:.4f} m")


if __name__ == "__main__":
    main()
