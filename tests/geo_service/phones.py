"""A county of one river and one person, served by a process of its own, and what phones send to it."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import numpy as np

from geo_service.embedded import Cluster
from geo_service.keeper import joined
from layers.crs import to_lonlat

GEO = (sys.executable, "-m", "geo_service")
ORIGIN = np.array([480_000.0, 3_640_000.0])


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEO_")}
    return kept | {"GEO_DATA_DIR": str(data_dir)} | more


def run(data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GEO, *arguments],
        env=environment(data_dir, **more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def command(data_dir: Path, *arguments: str, **more: str) -> str:
    done = run(data_dir, *arguments, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(data_dir: Path, port: int, *, ready: str = "/ready", **more: str) -> subprocess.Popen[bytes]:
    """Start the service and wait until it is ready; what it says goes into a file beside the data."""
    said = data_dir.with_name("service.log")
    with said.open("ab") as log:
        service = subprocess.Popen(
            [*GEO, "serve", "--stay-root", f"--port={port}"],
            env=environment(data_dir, **more), stdout=log, stderr=log,
        )  # fmt: skip
    until = time.monotonic() + 90
    while time.monotonic() < until and service.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}{ready}", timeout=5).status_code == 200:
                return service
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError(said.read_text()[-2000:])


def gpx(number: int) -> bytes:
    """A walk of its own along the river: 60 fixes from a place and time that depend on the number."""
    xy = np.column_stack([number * 7 % 900 + np.arange(60) * 6.0, np.full(60, number % 9)]) + ORIGIN
    begin_s = 1_777_000_000 + number * 1000
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>{np.datetime64(begin_s + 5 * i, "s")}Z</time></trkpt>'
        for i, (lon, lat) in enumerate(to_lonlat(xy, "EPSG:4549").tolist())
    )
    return f'<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'.encode()


def county_with_a_token(data_dir: Path, folder: Path, **more: str) -> str:
    """A county with one river and one person, and a program's token for it."""
    river = to_lonlat(np.array([[0.0, 0], [2000, 0]]) + ORIGIN, "EPSG:4549").tolist()
    file = folder / "rivers.geojson"
    geometry = {"type": "LineString", "coordinates": river}
    feature = {"type": "Feature", "properties": {"name": "信江"}, "geometry": geometry}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    roster = folder / "roster.csv"
    roster.write_text("编号,姓名\n7,王秀英\n", encoding="utf-8")
    with joined(Cluster.at(data_dir)):
        county = ("--county", "试县", "--code", "999901", "--bounds", "119.7,32.8,119.9,33.0")
        command(data_dir, "areas", *county, "--tz", "Asia/Shanghai", **more)
        command(data_dir, "import", "river", str(file), **more)
        command(data_dir, "roster", str(roster), **more)
        command(
            data_dir,
            "user",
            "add",
            "phones",
            "--right",
            "coordinator",
            "--county",
            "999901",
            "--program",
            **more,
        )
        said = command(data_dir, "user", "token", "phones", "--name", "test", **more)
    return max(said.split(), key=len)
