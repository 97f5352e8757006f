"""A run on Dask against a pool of processes: the same chunks, in the same run; and the reading of them.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_recompute [OSM FILE]

Two-hour walks (1 Hz, on the ways of the file) are stored with their tracks and read as the chunks of a run.
Two workers of Dask compute them, and two processes of a pool, in turn, several times, all of them warm.
Prints the median of their ratios (target: Dask at least 0.85 of the pool); the rows of all ways must be equal
to the bit. Without a file it takes ../shared/data/liechtenstein.
"""

import os
import pickle
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import shapely
from sqlalchemy import Engine

from geo_service.areas.service import county_of
from geo_service.bulk import copy_rows
from geo_service.coverage.computing import LineRow, VisitRow
from geo_service.db import make_engine, transaction
from geo_service.demo.walks import random_walks
from geo_service.recompute import queries, reading
from geo_service.recompute.asking import Question
from geo_service.recompute.computing import Answer, compute
from geo_service.recompute.reading import Packed
from geo_service.recompute.workers import AHEAD, Crew, alone, processes
from geo_service.tables import Patrol
from layers import crs as crs_
from layers.lines import multilinestring_m
from layers.tracks import Track, clean
from tests.benchmarks.bench_kernel import DEFAULT, highways
from tests.benchmarks.bench_upload import database, prepare

WALKS, SECONDS, WORKERS, ROUNDS = 240, 7200.0, 2, 7
Rows = dict[UUID, tuple[list[LineRow], list[VisitRow]]]


@dataclass(frozen=True)
class Measured:
    """Seconds of the ways to compute the same chunks, the least of all rounds."""

    patrols: int
    chunks: int
    alone_s: float
    pool_s: float
    dask_s: float
    ratio: float
    """Dask against the pool: the median of the rounds, each measured back to back."""
    read_s: float
    """To read the chunks from the database."""


def without_lone(track: Track) -> Track:
    """Return a track without the fixes that no other joins, as it is kept."""
    _, index, count = np.unique(track.piece, return_inverse=True, return_counts=True)
    return track.where(count[index] > 1)


def store_walks(engine: Engine, lonlat: list[shapely.LineString], crs: str) -> None:
    """Store patrols with their tracks, without their coverage."""
    metres = crs_.project(np.array(lonlat, object), crs)
    walks = random_walks(metres, np.random.default_rng(1), count=WALKS, seconds=SECONDS, crs=crs)
    columns = (
        "county_id", "id", "day", "started_at", "ended_at", "walked_m", "fixes", "settled_at", "track"
    )  # fmt: skip
    with transaction(engine) as db:
        county = county_of(db, "bench")
        rows = []
        for walk in walks:
            track = without_lone(clean(walk.recording, crs))
            line = multilinestring_m(track.lonlat, track.time_s, track.piece)
            now = "2026-05-01 00:00:00+00"
            wkb = shapely.to_wkb(line, hex=True)
            rows.append((county.id, uuid4(), "2026-05-01", now, now, 0.0, len(track), now, wkb))
        copy_rows(db, Patrol, columns, rows)


def read_chunks(engine: Engine) -> list[Packed]:
    """Return the chunks that a run over all patrols would send."""
    with transaction(engine) as db:
        county = county_of(db, "bench")
        to_do = queries.to_do(db, 0, queries.asked(county.id, Question(), None))
        return [reading.read(db, county, group) for group in reading.groups(to_do)]


def through(pool: ProcessPoolExecutor, workers: int) -> Crew:
    """Return a pool of processes as a crew that has as many chunks under way as Dask."""

    def computed(chunks: Iterator[Packed]) -> Iterator[tuple[Packed, Answer]]:
        under_way = {pool.submit(compute, packed.chunk): packed for packed in islice(chunks, AHEAD * workers)}
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                packed = under_way.pop(future)
                for following in islice(chunks, 1):
                    under_way[pool.submit(compute, following.chunk)] = following
                yield packed, future.result()

    return computed


def timed(crew: Crew, chunks: list[Packed]) -> tuple[float, Rows]:
    """Return the seconds that a crew takes for chunks, and its rows by patrol."""
    began = time.perf_counter()
    answers = [answer for _, answer in crew(iter(chunks))]
    took = time.perf_counter() - began
    return took, {o.patrol_id: (list(o.lines), list(o.visits)) for a in answers for o in a.outcomes}


def measured(chunks: list[Packed], read_s: float) -> Measured:
    """Return how the ways compare. Raises RuntimeError unless their rows are equal to the bit."""
    took: dict[str, list[float]] = {"pool": [], "dask": []}
    alone_s, rows = timed(alone, chunks)
    expected = pickle.dumps(sorted(rows.items()))
    with (
        ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool,
        processes(WORKERS) as dask_crew,
    ):
        crews: dict[str, Crew] = {"pool": through(pool, WORKERS), "dask": dask_crew}
        for crew in crews.values():
            timed(crew, chunks[: AHEAD * WORKERS])  # warm: imports, compiled code
        for k in range(ROUNDS):
            for name in sorted(crews, reverse=k % 2 == 0):
                seconds, found = timed(crews[name], chunks)
                took[name].append(seconds)
                if pickle.dumps(sorted(found.items())) != expected:
                    raise RuntimeError(f"{name} does not give the rows of one process")
    ratio = statistics.median(p / d for p, d in zip(took["pool"], took["dask"], strict=True))
    patrols = sum(len(packed.inputs) for packed in chunks)
    return Measured(patrols, len(chunks), alone_s, min(took["pool"]), min(took["dask"]), ratio, read_s)


def table_rows(file: Path = DEFAULT) -> list[tuple[str, str, str]]:
    """Return what was measured as rows: what, measured, target."""
    ways = highways(file)
    with database(os.environ["GEO_DATABASE_URL"]) as url:
        engine = make_engine(url)
        _, crs = prepare(engine, ways)
        store_walks(engine, ways, crs)
        began = time.perf_counter()
        chunks = read_chunks(engine)
        found = measured(chunks, time.perf_counter() - began)
        engine.dispose()
    each_ms = 1e3 / found.patrols
    return [
        ("Dask, 2 workers, against a pool of 2", f"{found.ratio:.2f}", "≥ 0.85"),
        ("rows of Dask, pool and one process", "equal to the bit", "equal to the bit"),
        ("one process, ms a walk of 2 h", f"{found.alone_s * each_ms:.2f}", ""),
        ("pool of 2, ms a walk", f"{found.pool_s * each_ms:.2f}", ""),
        (f"Dask, ms a walk ({found.chunks} chunks)", f"{found.dask_s * each_ms:.2f}", ""),
        ("speed-up of Dask over one process", f"{found.alone_s / found.dask_s:.2f}", ""),
        ("reading the chunks, ms a walk", f"{found.read_s * each_ms:.2f}", ""),
    ]


def main(file: Path) -> None:
    """Measure and print."""
    for what, value, target in table_rows(file):
        print(f"{what:<45}{value:<20}{target and f'target {target}'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
