"""Tiles as they are served, against the bare SQL, tipg and a route that does nothing; values and search too.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_tiles [--many 100000] [--tipg PYTHON]

On a database with the demo county. `--many` adds so many short lines to it, and takes them back at the end.
`--tipg`: a Python in which tipg is installed. All times are medians of requests over HTTP on loopback, on one
connection that is kept as a browser keeps it, one after the other and in turn, in one run; only ratios mean
something on another machine.
"""

import argparse
import atexit
import http.client
import os
import secrets
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.dependencies import Signed
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.app import create_app
from geo_service.db import make_engine
from geo_service.settings import Settings
from layers.vocabulary import Right

ROUNDS = 15
BARE = text(
    """
    select st_asmvt(t, 'places', 4096, 'geom', 'id') from (
        select p.id, p.layer, p.in_scheme as scheme, p.name,
            st_asmvtgeom(v.drawn, st_tileenvelope(:z, :x, :y), 4096, 64) as geom
        from place_version v join place p on p.version_id = v.id
        where p.in_scheme and v.drawn && st_tileenvelope(:z, :x, :y)
    ) t where geom is not null
    """
)
WITH_COVERAGE = text(
    """
    select st_asmvt(t, 'places', 4096, 'geom', 'id') from (
        select p.id, p.layer, p.in_scheme as scheme, p.name,
            st_asmvtgeom(v.drawn, st_tileenvelope(:z, :x, :y), 4096, 64) as geom,
            (select max(day) from line_day d where d.place_version_id = v.id
                and d.day > current_date - 365)::text as fresh,
            (select count(distinct patrol_id) from line_coverage c where c.place_version_id = v.id
                and c.day > current_date - 365) as times,
            (select sum(upper(s) - lower(s)) from unnest((select range_agg(spans) from line_day d
                where d.place_version_id = v.id and d.day > current_date - 365)) s) as covered_dm
        from place_version v join place p on p.version_id = v.id
        where p.in_scheme and v.drawn && st_tileenvelope(:z, :x, :y)
    ) t where geom is not null
    """
)
MANY = text(
    """
    with made as (
        insert into place (county_id, layer, code, name, in_scheme)
        select c.id, 'river', 'BENCH' || n, '沟' || n, true from county c, generate_series(1, :many) n
        where c.id = :county returning id, county_id
    )
    insert into place_version (county_id, place_id, number, line, length_dm)
    select m.county_id, m.id, 1, st_setsrid(st_geomfromtext(format(
        'MULTILINESTRING M ((%s %s 0, %s %s 150, %s %s 300))', x, y, x + 0.001, y + 0.0007 * random(),
        x + 0.002, y)), 4326), 3000
    from made m join county c on c.id = m.county_id,
        lateral (select c.west + random() * (c.east - c.west) + 0 * m.id as x,
                        c.south + random() * (c.north - c.south) + 0 * m.id as y) spot
    """
)
IN_FORCE = text(
    "update place p set version_id = v.id from place_version v"
    " where v.place_id = p.id and p.version_id is null and p.code like 'BENCH%'"
)
GONE = text("delete from place where code like 'BENCH%'")


def in_turn_ms(asks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median milliseconds of each, asked one after the other in each round."""
    spent: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        ask()
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            began = time.perf_counter()
            ask()
            spent[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(one) for name, one in spent.items()}


class Kept:
    """A connection that is kept, as a browser keeps it."""

    def __init__(self, root: str, headers: dict[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(root).netloc)
        self._headers = headers or {}

    def get(self, path: str, more: dict[str, str] | None = None) -> tuple[int, bytes, str | None]:
        """Return status, content and entity tag; raise for what was refused."""
        self._connection.request("GET", path, headers={**self._headers, **(more or {})})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return answer.status, content, answer.headers.get("ETag")


class Served:
    """The service on loopback, beside a route that does nothing but know who asks."""

    def __init__(self, engine: Engine) -> None:
        app = create_app(Settings(data_dir=Path(mkdtemp(prefix="yinxun-tiles-"))), engine)
        _add_noop(app)
        self.forget = app.state.tiles.clear
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
        threading.Thread(target=server.run, daemon=True).start()
        while not server.started:
            time.sleep(0.02)
        self.root = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        self._kept = Kept(self.root, {"Authorization": f"Bearer {_token(engine)}"})

    def get(self, path: str, tag: str | None = None) -> tuple[int, bytes, str | None]:
        """Return status, content and entity tag."""
        return self._kept.get(path, {"If-None-Match": tag} if tag else None)


def _add_noop(app: FastAPI) -> None:
    @app.get("/api/noop")
    def noop(scope: Signed) -> dict[str, int]:
        return {"county": scope.county_id}


def _token(engine: Engine) -> str:
    with Session(engine) as db, db.begin():
        county = db.scalar(text("select id from county order by id limit 1"))
        me = Manager(Actor(os_user="bench"))
        login = f"bench{secrets.token_hex(4)}"
        account, _ = register.add(db, me, login, Right.COORDINATOR, Ground(county, None))
        db.flush()
        return register.token(db, me, account, "bench", days=1)


def tipg(python: str, url: str) -> str:
    """Start tipg on the same database and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # It takes no address without a host: the socket's folder stands in its place.
    before, _, socket_folder = url.partition("?host=")
    host = socket_folder.replace("/", "%2F")
    env = os.environ | {
        "DATABASE_URL": before.replace("@/", f"@{host}/"),
        "TIPG_DB_SCHEMAS": '["public"]',
        "TIPG_MAX_FEATURES_PER_TILE": "200000",
    }
    process = subprocess.Popen(
        [python, "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "error"], env=env
    )
    atexit.register(process.kill)
    root = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            Kept(root).get("/healthz")
            return root
        except OSError:
            time.sleep(0.1)
    raise SystemExit("tipg did not start")


def busiest(db: Session, z: int) -> tuple[int, int, int]:
    """Return the tile of a zoom in which most places lie."""
    x, y = db.execute(
        text(
            """
            select floor((st_x(c) + 180) / 360 * :n)::int as x,
                floor((1 - asinh(tan(radians(st_y(c)))) / pi()) / 2 * :n)::int as y
            from (select st_centroid(coalesce(line, polygon)) c from place p
                join place_version v on v.id = p.version_id where p.in_scheme) s
            group by 1, 2 order by count(*) desc limit 1
            """
        ),
        {"n": 1 << z},
    ).one()
    return z, x, y


def tiles(engine: Engine, served: Served, peer: str | None) -> None:
    """Print the times of tiles at several zooms, and their ratios."""
    other = Kept(peer) if peer else None
    with Session(engine) as db:
        for z in (10, 12, 14):
            _, x, y = busiest(db, z)
            where = {"z": z, "x": x, "y": y}
            path = f"/api/tiles/{z}/{x}/{y}.mvt"
            _, content, tag = served.get(path)
            asks: dict[str, Callable[[], object]] = {
                "bare SQL": lambda where=where: db.execute(BARE, where).scalar(),
                "served": lambda path=path: served.get(path),
                "drawn": lambda path=path: (served.forget(), served.get(path)),
                "unchanged": lambda path=path, tag=tag: served.get(path, tag),
                "no-op": lambda: served.get("/api/noop"),
                "stretches": lambda path=path: served.get(f"{path}?show=stretches"),
                "coverage in the tile": lambda where=where: db.execute(WITH_COVERAGE, where).scalar(),
            }
            if other:
                address = f"/collections/public.bench_tiles/tiles/WebMercatorQuad/{z}/{x}/{y}"
                asks["tipg"] = lambda address=address: other.get(address)
            ms = in_turn_ms(asks)
            told = ", ".join(f"{name} {one:.1f}" for name, one in ms.items())
            print(f"z{z} ({len(content) / 1024:.0f} KB): {told} ms")
            ratios = {
                "served / bare": ms["served"] / ms["bare SQL"],
                "drawn / bare": ms["drawn"] / ms["bare SQL"],
                "drawn / (bare + no-op)": ms["drawn"] / (ms["bare SQL"] + ms["no-op"]),
                "unchanged / no-op": ms["unchanged"] / ms["no-op"],
            }
            if other:
                ratios |= {f"{name} / tipg": ms[name] / ms["tipg"] for name in ("served", "drawn")}
            print("  " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))


def panels(engine: Engine, served: Served) -> None:
    """Print the times of values, list, card and search."""
    with Session(engine) as db:
        place = db.scalar(
            text("select p.id from place p join line_day d on d.place_version_id = p.version_id limit 1")
        )
    _, content, tag = served.get("/api/tiles/values")
    print(f"values: {len(content) / 1024:.0f} KB")
    asks: dict[str, Callable[[], object]] = {
        "no-op": lambda: served.get("/api/noop"),
        "values": lambda: served.get("/api/tiles/values"),
        "values computed": lambda: (served.forget(), served.get("/api/tiles/values")),
        "values unchanged": lambda: served.get("/api/tiles/values", tag),
        "list": lambda: served.get("/map/list"),
        "card": lambda: served.get(f"/map/card/{place}"),
        "search by name": lambda: served.get("/api/find?q=%E6%B2%B3"),
        "search by initials": lambda: served.get("/api/find?q=zxh"),
    }
    for name, ms in in_turn_ms(asks).items():
        print(f"  {name} {ms:.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--tipg")
    given = parser.parse_args()
    url = os.environ["GEO_DATABASE_URL"]
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "create or replace view bench_tiles as select p.id, p.layer, p.in_scheme as scheme, p.name,"
                " st_force2d(v.drawn)::geometry(Geometry, 3857) as geom"
                " from place p join place_version v on v.id = p.version_id where p.in_scheme"
            )
        )
        if given.many:
            county = connection.scalar(text("select id from county order by id limit 1"))
            connection.execute(MANY, {"many": given.many, "county": county})
            connection.execute(text("analyze place, place_version"))  # else the next step takes minutes
            connection.execute(IN_FORCE)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze place, place_version"))
        served = Served(engine)
        tiles(engine, served, tipg(given.tipg, url) if given.tipg else None)
        panels(engine, served)
    finally:
        with engine.begin() as connection:
            connection.execute(text("drop view bench_tiles"))
            if given.many:
                connection.execute(text("update place set version_id = null where code like 'BENCH%'"))
                connection.execute(GONE)


if __name__ == "__main__":
    main()
