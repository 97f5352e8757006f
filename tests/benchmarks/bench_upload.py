"""Uploads of two-hour walks through HTTP, against parsing the same file and copying its points, in one run.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_upload [OSM FILE]

Each walk (1 Hz, 7,200 s, on the ways of the file) is sent as GPX to a server on loopback, and timed until the
coverage is in the answer. Beside it stands the least that anyone would do: lxml iterparse to numbers, and one
binary COPY of a row a point. Prints both in milliseconds, least of all walks, and their ratio (target: at
most 4). Without a file it takes ../shared/data/liechtenstein.
"""

import io
import os
import struct
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import httpx2 as httpx
import numpy as np
import psycopg
import shapely
import uvicorn
from lxml import etree
from sqlalchemy import Engine, create_engine, text

from geo_service import migrations
from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.app import create_app
from geo_service.areas.service import AreaOptions, county_of, make_county
from geo_service.db import make_engine, psycopg_url, transaction
from geo_service.demo.walks import random_walks
from geo_service.places.service import add_places
from geo_service.settings import Settings
from geo_service.tables import Person
from layers import crs as crs_
from layers.drafts import PlaceDraft
from layers.tracks import Recording
from layers.vocabulary import Layer, Right
from tests.benchmarks.bench_kernel import DEFAULT, highways

WALKS, SECONDS = 20, 7200.0
ACTOR = Actor(os_user="benchmark")
_POINTS = "create unlogged table points (walk int, time_s float8, lon float8, lat float8)"
Result = TypeVar("Result")
_GPX = "{http://www.topografix.com/GPX/1/1}"


@contextmanager
def database(server: str) -> Iterator[str]:
    """Yield the URL of a new database with all tables, dropped at the end."""
    name = f"yinxun_bench_{uuid.uuid4().hex[:8]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
        connection.execute(text(f"alter database {name} set default_toast_compression = lz4"))
    url = admin.url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    engine = make_engine(url)
    migrations.upgrade(engine, None)
    with engine.begin() as connection:
        connection.execute(text(_POINTS))
    engine.dispose()
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def prepare(engine: Engine, lonlat: list[shapely.LineString]) -> tuple[str, str]:
    """Store the ways as roads, and a walker; return a coordinator's token and the metric CRS."""
    west, south, east, north = shapely.total_bounds(np.array(lonlat, object)).tolist()
    with transaction(engine) as db:
        bounds = AreaOptions(name="bench", code="bench", bounds=(west, south, east, north), time_zone="UTC")
        make_county(db, ACTOR, bounds)
        county = county_of(db, "bench")
        roads = [
            PlaceDraft(name=None, code=None, geometry=shapely.multilinestrings([line]), in_scheme=True)
            for line in lonlat
        ]
        add_places(db, county, Layer.ROAD, roads)
        db.add(Person(county_id=county.id, name="bench", number="1"))
        manager = Manager(ACTOR)
        account, _ = register.add(
            db, manager, "bench", Right.COORDINATOR, Ground(county.id, None), is_program=True
        )
        return register.token(db, manager, account, "bench", days=None), county.crs or ""


@contextmanager
def serving(engine: Engine, data_dir: Path) -> Iterator[str]:
    """Yield the address of the service on loopback."""
    app = create_app(Settings(data_dir=data_dir), engine)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def gpx(recording: Recording) -> bytes:
    """Return a recording as phones write it: a fix in four lines."""
    clock = np.datetime_as_string(recording.time_s.round().astype("datetime64[s]"))
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}">\n <ele>3.1</ele>\n <time>{t}Z</time>\n</trkpt>\n'
        for (lon, lat), t in zip(recording.lonlat.tolist(), clock, strict=True)
    )
    head = (
        '<?xml version="1.0"?>\n<gpx version="1.1" creator="bench" xmlns="http://www.topografix.com/GPX/1/1">'
    )
    return f"{head}\n<trk><trkseg>\n{points}</trkseg></trk></gpx>".encode()


def parsed(data: bytes) -> np.ndarray:
    """Return time, lon, lat of each point, by a plain loop of iterparse."""
    lon, lat, times = [], [], []
    for _, point in etree.iterparse(io.BytesIO(data), tag=f"{_GPX}trkpt"):
        lon.append(float(point.get("lon")))
        lat.append(float(point.get("lat")))
        times.append(point.findtext(f"{_GPX}time")[:-1])
        point.clear()
    seconds = np.array(times, "datetime64[s]").astype(float)
    return np.column_stack([seconds, lon, lat])


def copied(connection: psycopg.Connection, walk: int, points: np.ndarray) -> None:
    """Append a row a point by one binary COPY, and commit."""
    fields = [("fields", ">i2"), ("n0", ">i4"), ("walk", ">i4")]
    for name in ("time_s", "lon", "lat"):
        fields += [(f"n_{name}", ">i4"), (name, ">f8")]
    rows = np.zeros(len(points), fields)
    rows["fields"], rows["n0"], rows["walk"] = 4, 4, walk
    for k, name in enumerate(("time_s", "lon", "lat")):
        rows[f"n_{name}"], rows[name] = 8, points[:, k]
    with connection.cursor() as cursor, cursor.copy("copy points from stdin (format binary)") as copy:
        copy.write(
            b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0) + rows.tobytes() + struct.pack(">h", -1)
        )
    connection.commit()


def timed(do: Callable[..., Result], *values: object, **named: object) -> tuple[Result, float]:
    """Return what a function gives, and the milliseconds it took."""
    began = time.perf_counter()
    result = do(*values, **named)
    return result, (time.perf_counter() - began) * 1e3


def main(file: Path) -> None:
    """Send the walks and print."""
    rng = np.random.default_rng(1)
    ways = highways(file)
    with database(os.environ["GEO_DATABASE_URL"]) as url:
        engine = make_engine(url)
        token, crs = prepare(engine, ways)
        metres = crs_.project(np.array(ways, object), crs)
        walks = random_walks(metres, rng, count=WALKS, seconds=SECONDS, crs=crs)
        files = [gpx(walk.recording) for walk in walks]
        with (
            TemporaryDirectory() as data_dir,
            serving(engine, Path(data_dir)) as address,
            psycopg.connect(url) as connection,
            httpx.Client(
                base_url=address, timeout=60, headers={"Authorization": f"Bearer {token}"}
            ) as client,
        ):
            uploads, parses, copies, covered = [], [], [], []
            for k, data in enumerate(files):
                form = {"files": {"file": ("walk.gpx", data)}, "data": {"person": "1"}}
                answer, upload_ms = timed(client.post, "/api/patrols", **form)
                points, parse_ms = timed(parsed, data)
                _, copy_ms = timed(copied, connection, k, points)
                uploads.append(upload_ms)
                parses.append(parse_ms)
                copies.append(copy_ms)
                covered.append(sum(line["metres"] for line in answer.raise_for_status().json()["covered"]))
        engine.dispose()
    least = min(parses) + min(copies)
    print(f"{len(ways)} ways, {WALKS} walks of {SECONDS:.0f} s, {len(files[0]) / 1e3:.0f} kB, "
          f"{np.mean(covered):.0f} m covered each")  # fmt: skip
    print(f"upload until the answer {min(uploads):.1f} ms (median {np.median(uploads):.1f})")
    print(f"lxml parse {min(parses):.1f} ms + binary COPY {min(copies):.1f} ms = {least:.1f} ms")
    print(f"ratio {min(uploads) / least:.2f} (target: at most 4)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
