"""The path of an upload (project, match, store) against binary COPY of the same points, in one run.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_path [--tracks N] [OSM FILE]

Tracks of 6,904 fixes at 1 Hz on the ways of the file, cleaned. Each goes the whole way: the places around it
are read, it is projected and matched, and patrol, track, coverage and roll-up are stored, by the functions
that uploads call (`patrols.settling`), and in one transaction those that call for many at once
(`coverage.renew`). Beside it stands COPY of a row a point, as fast as it goes: without an index, and with the
key (track, time); in one transaction, and in one a track, which also waits for the disk each time. The rounds
take turns; of each the least counts. Targets: at least 60 % of COPY without an index, 140 % of COPY with the
key. The processor's time is that of this process, without the server's.
"""

import argparse
import datetime as dt
import os
import struct
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psycopg
import shapely
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from geo_service import warming
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import Passage
from geo_service.db import make_engine, transaction
from geo_service.demo.walks import random_walks
from geo_service.patrols import queries
from geo_service.patrols.queries import Computed, NewPatrol
from geo_service.tables import County
from layers import crs as crs_
from layers.tracks import Track, clean
from layers.vocabulary import Evidence
from tests.benchmarks.bench_kernel import DEFAULT, highways
from tests.benchmarks.bench_upload import database, prepare

TRACKS, SECONDS, ROUNDS = 100, 6904.0, 3
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)
Say = Callable[[str], None]


class Spent(NamedTuple):
    """Seconds on the clock, and of the processor."""

    wall_s: float
    cpu_s: float


class Measured(NamedTuple):
    """One line of the result."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    def told(self) -> str:
        """Return it in one line."""
        met = "" if self.met is None else f" ({self.target}: {'met' if self.met else 'NOT met'})"
        return f"{self.what}: {self.figure}{met}"


def rows(
    server: str, file: Path = DEFAULT, tracks: int = TRACKS, say: Say = lambda _: None
) -> list[Measured]:
    """Measure on a server and return the lines of the result."""
    ways = highways(file)
    with database(server) as url:
        engine = make_engine(url)
        warming.warm()
        _, metric = prepare(engine, ways)
        with engine.begin() as connection:
            connection.execute(text("analyze"))
        say(f"walking {tracks} tracks")
        walked = _tracks(ways, tracks, metric)
        points = sum(map(len, walked))
        ways_of_storing: dict[str, Callable[[], object]] = {
            f"COPY, {index}, {how}": partial(_copied, url, tracks, key=key)
            for how, tracks in (("all in one", [walked]), ("one by one", [[track] for track in walked]))
            for index, key in (("no index", False), ("with its key", True))
        }
        ways_of_storing |= {
            "the path, all in one": lambda: _stored(engine, walked),
            "the path, one by one": lambda: [_stored(engine, [track]) for track in walked],
            "projecting and matching alone": lambda: _matched(engine, walked),
        }
        least = dict.fromkeys(ways_of_storing, Spent(float("inf"), float("inf")))
        for round_ in range(ROUNDS):
            for name, store in ways_of_storing.items():
                say(f"round {round_ + 1} of {ROUNDS}: {name}")
                least[name] = min(least[name], _spent(store))
        engine.dispose()
    return _told(least, points, len(walked))


def _spent(store: Callable[[], object]) -> Spent:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    store()
    return Spent(time.perf_counter() - began_s, time.process_time() - began_cpu_s)


def _told(least: dict[str, Spent], points: int, tracks: int) -> list[Measured]:
    found = [
        Measured(
            name,
            f"{points / spent.wall_s / 1e3:,.0f} k points/s, {spent.wall_s / tracks * 1e3:.1f} ms a track, "
            f"{spent.cpu_s / tracks * 1e3:.1f} of the processor",
        )
        for name, spent in least.items()
    ]
    for how in ("all in one", "one by one"):
        for index, target in (("no index", 0.6), ("with its key", 1.4)):
            ratio = least[f"COPY, {index}, {how}"].wall_s / least[f"the path, {how}"].wall_s
            found.append(
                Measured(
                    f"the path / COPY, {index}, {how}",
                    f"{ratio:.0%}",
                    f"at least {target:.0%}",
                    ratio >= target,
                )
            )
    return found


def _tracks(ways: Sequence[shapely.LineString], count: int, metric: str) -> list[Track]:
    metres = crs_.project(np.array(ways, object), metric)
    walks = random_walks(metres, np.random.default_rng(3), count=count, seconds=SECONDS, crs=metric)
    return [clean(walk.recording, metric) for walk in walks]


def _stored(engine: Engine, tracks: Sequence[Track]) -> None:
    """Store tracks as patrols, in one transaction."""
    with transaction(engine) as db:
        county = db.scalars(select(County)).one()
        new = {uuid.uuid4(): track for track in tracks}
        if len(new) == 1:
            store_one(db, county, *new.popitem())
        else:
            _store_all(db, county, new)


def store_one(db: Session, county: County, patrol_id: uuid.UUID, track: Track) -> None:
    """Store a track as `patrols.settling` does, without its raw fixes and its verdict."""
    _insert(db, county, patrol_id, track)
    coverage.record(db, county, patrol_id, track)
    _settle(db, patrol_id, track)
    coverage.enter(db, county.id, patrol_id)


def _store_all(db: Session, county: County, tracks: dict[uuid.UUID, Track]) -> None:
    """Store tracks, and what they cover as when patrols are computed again."""
    for patrol_id, track in tracks.items():
        _insert(db, county, patrol_id, track)
        _settle(db, patrol_id, track)
    coverage.renew(db, county, tracks)


def _insert(db: Session, county: County, patrol_id: uuid.UUID, track: Track) -> None:
    at = _begin(track)
    queries.insert_patrol(
        db, NewPatrol(patrol_id, county.id, None, Evidence.TRACK, at.date(), at, at)  # type: ignore[arg-type]
    )  # fmt: skip


def _settle(db: Session, patrol_id: uuid.UUID, track: Track) -> None:
    at = _begin(track)
    queries.settle(db, patrol_id, Computed(at.date(), at, at, 0.0, len(track), {}), track)


def _begin(track: Track) -> dt.datetime:
    return dt.datetime.fromtimestamp(track.time_s[0], dt.UTC)


def _matched(engine: Engine, tracks: Sequence[Track]) -> None:
    """Match all tracks among the places around all of them."""
    with transaction(engine) as db:
        near = coverage.neighbourhood(db, db.scalars(select(County)).one(), *tracks)
    for track in tracks:
        _ = Passage(near, track, zone=None).covered  # type: ignore[arg-type]


def _copied(url: str, batches: Sequence[Sequence[Track]], *, key: bool) -> None:
    """Append a row a point by binary COPY, in a transaction a batch, to a table with or without a key."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists copied")
        cursor.execute("create table copied (track int, time_s float8, lon float8, lat float8)")
        if key:
            cursor.execute("alter table copied add primary key (track, time_s)")
        connection.commit()
        number = 0
        for tracks in batches:
            with cursor.copy("copy copied from stdin (format binary)") as copy:
                copy.write(_HEAD)
                for number, track in enumerate(tracks, number + 1):  # noqa: B020  (goes on counting)
                    copy.write(_rows(number, track))
                copy.write(_TAIL)
            connection.commit()


def _rows(number: int, track: Track) -> bytes:
    """Return the points of a track as rows of a binary COPY."""
    fields = [("fields", ">i2"), ("n0", ">i4"), ("track", ">i4")]
    for name in ("time_s", "lon", "lat"):
        fields += [(f"n_{name}", ">i4"), (name, ">f8")]
    points = np.zeros(len(track), fields)
    points["fields"], points["n0"], points["track"] = 4, 4, number
    for name, values in zip(("time_s", "lon", "lat"), (track.time_s, *track.lonlat.T), strict=True):
        points[f"n_{name}"], points[name] = 8, values
    return points.tobytes()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The path of an upload against COPY.")
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    asked = parser.parse_args()
    found = rows(
        os.environ["GEO_DATABASE_URL"], asked.file, asked.tracks, lambda what: print(what, file=sys.stderr)
    )
    for row in found:
        print(row.told())


if __name__ == "__main__":
    main()
