"""The path of an upload (project, match, store) against binary COPY of the same points, in one run.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_path [--tracks N] [OSM FILE]

Tracks of 6,904 fixes at 1 Hz on the ways of the file, cleaned. Each goes the whole way: the places around it
are read, it is projected and matched, and patrol, track, coverage and roll-up are stored; one transaction a
track, as uploads come, and all in one transaction, as they are computed again. Beside it stands COPY of a row
a point, as fast as it goes: without an index, and with the key (track, time). The rounds take turns; of each
the least counts. Targets: at least 60 % of COPY without an index, 140 % of COPY with the key.
"""

import argparse
import datetime as dt
import os
import struct
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psycopg
import shapely
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from geo_service.bulk import copy_rows
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import Passage
from geo_service.db import make_engine, transaction
from geo_service.demo.walks import random_walks
from geo_service.patrols import queries
from geo_service.patrols.queries import Computed, NewPatrol
from geo_service.tables import County, Patrol
from layers import crs as crs_
from layers.lines import ewkb_m
from layers.tracks import Track, clean
from layers.vocabulary import Evidence
from tests.benchmarks.bench_kernel import DEFAULT, highways
from tests.benchmarks.bench_upload import database, prepare

TRACKS, SECONDS, ROUNDS = 100, 6904.0, 3
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)
Say = Callable[[str], None]


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
        _, metric = prepare(engine, ways)
        with engine.begin() as connection:
            connection.execute(text("analyze"))
        say(f"walking {tracks} tracks")
        walked = _tracks(ways, tracks, metric)
        points = sum(map(len, walked))
        ways_of_storing: dict[str, Callable[[], object]] = {
            "COPY, no index": lambda: _copied(url, walked, key=False),
            "COPY, with its key": lambda: _copied(url, walked, key=True),
            "one transaction a track": lambda: [_stored(engine, [track]) for track in walked],
            "all in one transaction": lambda: _stored(engine, walked),
            "matching alone": lambda: _matched(engine, walked),
        }
        least = dict.fromkeys(ways_of_storing, float("inf"))
        for round_ in range(ROUNDS):
            for name, store in ways_of_storing.items():
                say(f"round {round_ + 1} of {ROUNDS}: {name}")
                began = time.perf_counter()
                store()
                least[name] = min(least[name], time.perf_counter() - began)
        engine.dispose()
    return _told(least, points, len(walked))


def _told(least: dict[str, float], points: int, tracks: int) -> list[Measured]:
    found = [
        Measured(name, f"{points / spent / 1e3:,.0f} k points/s, {spent / tracks * 1e3:.1f} ms a track")
        for name, spent in least.items()
    ]
    for name in ("one transaction a track", "all in one transaction"):
        for copy, target in (("COPY, no index", 0.6), ("COPY, with its key", 1.4)):
            ratio = least[copy] / least[name]
            found.append(
                Measured(f"{name} / {copy}", f"{ratio:.0%}", f"at least {target:.0%}", ratio >= target)
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
    at = dt.datetime.fromtimestamp(track.time_s[0], dt.UTC)
    queries.insert_patrol(
        db, NewPatrol(patrol_id, county.id, None, Evidence.TRACK, at.date(), at, at)  # type: ignore[arg-type]
    )  # fmt: skip
    coverage.record(db, county, patrol_id, track)
    queries.settle(db, patrol_id, Computed(at.date(), at, at, 0.0, len(track), {}), track)
    coverage.enter(db, county.id, patrol_id)


def _store_all(db: Session, county: County, tracks: dict[uuid.UUID, Track]) -> None:
    """Store tracks by COPY, and what they cover as when patrols are computed again."""
    columns = ("county_id", "id", "day", "started_at", "ended_at", "walked_m", "fixes", "settled_at", "track")
    patrols = []
    for patrol_id, track in tracks.items():
        at = dt.datetime.fromtimestamp(track.time_s[0], dt.UTC)
        line = ewkb_m(track.lonlat, track.time_s, track.piece, srid=4326).hex()
        patrols.append((county.id, patrol_id, at.date(), at, at, 0.0, len(track), at, line))
    copy_rows(db, Patrol, columns, patrols)
    coverage.renew(db, county, tracks)


def _matched(engine: Engine, tracks: Sequence[Track]) -> None:
    """Match all tracks among the places around all of them."""
    with transaction(engine) as db:
        near = coverage.neighbourhood(db, db.scalars(select(County)).one(), *tracks)
    for track in tracks:
        _ = Passage(near, track, zone=None).covered  # type: ignore[arg-type]


def _copied(url: str, tracks: Sequence[Track], *, key: bool) -> None:
    """Append a row a point by binary COPY, in one transaction, to a table with or without a key."""
    fields = [("fields", ">i2"), ("n0", ">i4"), ("track", ">i4")]
    for name in ("time_s", "lon", "lat"):
        fields += [(f"n_{name}", ">i4"), (name, ">f8")]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists copied")
        cursor.execute("create table copied (track int, time_s float8, lon float8, lat float8)")
        if key:
            cursor.execute("alter table copied add primary key (track, time_s)")
        connection.commit()
        with cursor.copy("copy copied from stdin (format binary)") as copy:
            copy.write(_HEAD)
            for number, track in enumerate(tracks):
                points = np.zeros(len(track), fields)
                points["fields"], points["n0"], points["track"] = 4, 4, number
                for name, values in zip(
                    ("time_s", "lon", "lat"), (track.time_s, *track.lonlat.T), strict=True
                ):
                    points[f"n_{name}"], points[name] = 8, values
                copy.write(points.tobytes())
            copy.write(_TAIL)


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
