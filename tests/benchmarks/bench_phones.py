"""300 phones that send where they are every ten seconds, in each form in which they may, on one machine.

    GEO_DATABASE_URL=... python -m tests.benchmarks.bench_phones [--phones 300] [--minutes 10]

The service runs in a process of its own, the phones in this one, over loopback. First the phones ask a route
that does nothing (`/health`) at the same pace, then they walk and send: as the service's own page does (a
batch of one fix each time, then the end), as Traccar Client (query, then JSON) and as OwnTracks do. Then all
of it is sent again, twice. Targets: every sending is taken; the 99th of a hundred takes at most 5 times what
it takes on the route that does nothing; what is sent again changes no row.
"""

import argparse
import asyncio
import base64
import datetime as dt
import multiprocessing
import os
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import shapely
from sqlalchemy import Engine, select, text

from geo_service import turns, warming
from geo_service.accounts.cookies import CSRF_HEADER, csrf_token
from geo_service.accounts.scope import Actor, Scope
from geo_service.db import make_engine, transaction
from geo_service.devices import service as devices
from geo_service.devices.service import App
from geo_service.privacy import consents
from geo_service.tables import County, Person
from layers.crs import to_lonlat
from layers.vocabulary import Right
from tests.benchmarks.bench_upload import database, prepare, serving

EVERY_S, PACE_M_S = 10.0, 1.2
STREETS, STREET_M, APART_M = 20, 2000.0, 150.0
CRS, ORIGIN = "EPSG:4549", np.array([480_000.0, 3_640_000.0])
Send = Callable[["Phone", int], Awaitable[httpx2.Response]]
_ROWS = {
    "batch": "id, patrol_id, sha256, received_at, time_s, lon, lat",
    "patrol": "id, person_id, started_at, ended_at, walked_m, fixes, verdict, settled_at",
    "line_day": "place_version_id, day, spans",
    "recorded_fix": "recorder_id, time_s, lon, lat, received_at",
}


@dataclass
class Phone:
    """One phone with its secrets, where it walks, and what it sent so far."""

    number: int
    key: str
    traccar: str
    owntracks: str
    lonlat: np.ndarray[Any, np.dtype[np.float64]]
    """Where it is every ten seconds, shape (n, 2)."""
    begun_s: float
    patrol_id: uuid.UUID = field(default_factory=uuid.uuid4)
    batch_ids: list[uuid.UUID] = field(default_factory=list)
    client: httpx2.AsyncClient | None = None

    def at(self, k: int) -> tuple[float, float, float]:
        """Return time, lon, lat of its k-th fix."""
        lon, lat = self.lonlat[k].tolist()
        return self.begun_s + k * EVERY_S, lon, lat

    @property
    def wire(self) -> httpx2.AsyncClient:
        """Its connection."""
        if self.client is None:
            raise RuntimeError("the phone is switched off")
        return self.client


async def nothing(phone: Phone, _k: int) -> httpx2.Response:
    """Ask the route that does nothing."""
    return await phone.wire.get("/health")


async def native(phone: Phone, k: int) -> httpx2.Response:
    """Send a batch as the volunteer's page does."""
    time_s, lon, lat = phone.at(k)
    fixes = [{"time": time_s, "lon": lon, "lat": lat, "accuracy_m": 8}]
    path = f"/api/patrols/{phone.patrol_id}/batches/{phone.batch_ids[k]}"
    return await phone.wire.put(path, json={"datum": "wgs84", "fixes": fixes}, headers=_signed(phone))


async def traccar_query(phone: Phone, k: int) -> httpx2.Response:
    """Send as Traccar Client before version 9, GPSLogger and OsmAnd do."""
    time_s, lon, lat = phone.at(k)
    said = {"id": phone.traccar, "lat": lat, "lon": lon, "timestamp": int(time_s), "accuracy": 8, "batt": 80}
    return await phone.wire.post("/osmand", params=said)


async def traccar_json(phone: Phone, k: int) -> httpx2.Response:
    """Send as Traccar Client from version 9 on does."""
    time_s, lon, lat = phone.at(k)
    at = dt.datetime.fromtimestamp(time_s, dt.UTC).isoformat()
    coords = {"latitude": lat, "longitude": lon, "accuracy": 8, "speed": 1.2, "heading": -1}
    said = {"timestamp": at, "coords": coords, "uuid": str(phone.batch_ids[k]), "battery": {"level": 0.8}}
    return await phone.wire.post("/osmand", json={"device_id": phone.traccar, "location": said})


async def traccar(phone: Phone, k: int) -> httpx2.Response:
    """Send in both forms of Traccar Client by turns."""
    return await (traccar_json if k % 2 else traccar_query)(phone, k)


async def owntracks(phone: Phone, k: int) -> httpx2.Response:
    """Send as OwnTracks does over HTTP."""
    time_s, lon, lat = phone.at(k)
    said = {"_type": "location", "tst": int(time_s), "lon": lon, "lat": lat, "acc": 8, "tid": "07", "t": "t"}
    secret = base64.b64encode(f"yinxun:{phone.owntracks}".encode()).decode()
    return await phone.wire.post("/owntracks", json=said, headers={"Authorization": f"Basic {secret}"})


async def begin(phone: Phone, _k: int) -> httpx2.Response:
    """Begin a patrol."""
    at = dt.datetime.fromtimestamp(phone.begun_s, dt.UTC).isoformat()
    return await phone.wire.put(
        f"/api/patrols/{phone.patrol_id}", json={"started_at": at}, headers=_signed(phone)
    )


async def end(phone: Phone, _k: int) -> httpx2.Response:
    """End a patrol: it is computed with this."""
    at = dt.datetime.fromtimestamp(phone.at(len(phone.batch_ids) - 1)[0], dt.UTC).isoformat()
    said = {"ended_at": at, "batches": len(phone.batch_ids)}
    return await phone.wire.put(f"/api/patrols/{phone.patrol_id}/end", json=said, headers=_signed(phone))


def _signed(phone: Phone) -> dict[str, str]:
    return {"Cookie": f"yinxun={phone.key}", CSRF_HEADER: csrf_token(phone.key)}


async def paced(phones: list[Phone], send: Send, rounds: int, every_s: float) -> tuple[list[float], int]:
    """Let each phone send at its pace; return the seconds of each sending, and how many were not taken."""
    took: list[float] = []
    failed = 0
    start = time.perf_counter() + 0.5

    async def live(phone: Phone) -> None:
        nonlocal failed
        for k in range(rounds):
            due = start + k * every_s + phone.number / len(phones) * every_s
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            began = time.perf_counter()
            try:
                failed += (await send(phone, k)).status_code >= 300
            except httpx2.HTTPError:
                failed += 1
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(live(phone) for phone in phones))
    return took, failed


async def again(phones: list[Phone], sends: list[tuple[Send, int]]) -> int:
    """Send all of it again as fast as eight phones at once can; return how much was not taken."""
    turns, failed = asyncio.Semaphore(8), 0

    async def once(phone: Phone, send: Send, k: int) -> None:
        nonlocal failed
        async with turns:
            failed += (await send(phone, k)).status_code >= 300

    for send, rounds in sends:
        await asyncio.gather(*(once(phone, send, k) for phone in phones for k in range(rounds)))
    return failed


def rows(engine: Engine) -> dict[str, tuple[int, str]]:
    """Return how many rows of each kind there are, and a hash over all of them."""
    with engine.connect() as connection:
        return {
            table: tuple(
                connection.execute(
                    text(
                        f"select count(*), md5(string_agg(r::text, ',' order by r::text))"
                        f" from (select {columns} from {table}) r"
                    )
                ).one()
            )
            for table, columns in _ROWS.items()
        }


def made(engine: Engine, count: int, rounds: int, begun_s: float) -> list[Phone]:
    """Make the people with their phones and recorders; each walks along one of the streets."""
    rng = np.random.default_rng(7)
    phones = []
    with transaction(engine) as db:
        county_id = db.scalars(select(County.id)).one()
        scope = Scope(county_id, Actor(os_user="bench"), dict.fromkeys(Right, None))
        for number in range(count):
            person = Person(county_id=county_id, name=f"志愿者{number}", number=f"n{number}")
            db.add(person)
            db.flush()
            consents.give(db, scope, person.id, consents.VERSION, channel=consents.PAPER)
            (card,) = devices.make_cards(db, scope, [person.id])
            key = secrets.token_urlsafe(32)
            devices.enter(db, card.secret, key, "bench", request_id=None)
            of_apps = [devices.make_recorder(db, scope, person.id, app).secret for app in App]
            along = rng.uniform(0, 300) + np.arange(rounds) * EVERY_S * PACE_M_S
            xy = np.column_stack([along, np.full(rounds, (number % STREETS) * APART_M)])
            noisy = xy + rng.normal(0, 4, xy.shape) + ORIGIN
            phones.append(
                Phone(
                    number, key, *of_apps, to_lonlat(noisy, CRS), begun_s,
                    batch_ids=[uuid.uuid4() for _ in range(rounds)],
                )
            )  # fmt: skip
        db.execute(text("analyze"))
    return phones


@contextmanager
def apart(url: str) -> Iterator[str]:
    """Yield the address of the service, which runs in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(url, theirs), daemon=True)
    process.start()
    yield ours.recv()
    ours.send("stop")
    process.join(20)


def _serve(url: str, pipe: Any) -> None:
    engine = make_engine(url)
    turns.keep_turns_short()  # as `serve` does
    warming.warm()
    with tempfile.TemporaryDirectory() as folder, serving(engine, Path(folder)) as address:
        pipe.send(address)
        pipe.recv()
    engine.dispose()


def told(name: str, took: list[float], failed: int, base_s: float | None) -> float:
    """Print a row; return the 99th of a hundred."""
    p50, p99, worst = (float(np.quantile(took, q)) for q in (0.5, 0.99, 1.0))
    ratio = "" if base_s is None else f" {p99 / base_s:5.1f} times"
    sent = f"{name:16s} {len(took):6d} sent, {failed} not taken"
    times = f"p50 {p50 * 1e3:6.1f} ms, p99 {p99 * 1e3:6.1f} ms, worst {worst * 1e3:7.1f} ms"
    print(f"{sent}; {times}{ratio}", flush=True)
    return p99


async def run(phones: list[Phone], engine: Engine, address: str, rounds: int, every_s: float) -> bool:
    """Measure each form; return whether all was taken and nothing changed."""
    for phone in phones:
        phone.client = httpx2.AsyncClient(base_url=address, timeout=30)
    base_s = told("nothing", *await paced(phones, nothing, max(rounds // 4, 6), every_s), None)
    is_good = True
    took, failed = await paced(phones, begin, 1, every_s)
    told("begin", took, failed, None)
    forms = {"native": native, "traccar": traccar, "owntracks": owntracks}
    for name, send in forms.items():
        took, failed = await paced(phones, send, rounds, every_s)
        is_good &= failed == 0
        told(name, took, failed, base_s)
    took, failed = await paced(phones, end, 1, every_s)
    told("end", took, failed, None)
    is_good &= failed == 0
    before = rows(engine)
    print({table: count for table, (count, _) in before.items()}, flush=True)
    for turn in (1, 2):
        failed = await again(phones, [(begin, 1), *((send, rounds) for send in forms.values()), (end, 1)])
        after = rows(engine)
        changed = [table for table in before if before[table] != after[table]]
        print(f"again, {turn}: {failed} not taken, changed: {', '.join(changed) or 'nothing'}", flush=True)
        is_good &= not failed and not changed
    for phone in phones:
        await phone.wire.aclose()
    return is_good


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--phones", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10)
    asked = parser.parse_args()
    rounds = int(asked.minutes * 60 / EVERY_S)
    streets = [
        shapely.linestrings(to_lonlat(np.array([(0, y), (STREET_M, y)]) + ORIGIN, CRS))
        for y in np.arange(STREETS) * APART_M
    ]
    with database(os.environ["GEO_DATABASE_URL"]) as url:
        engine = make_engine(url)
        prepare(engine, streets)
        phones = made(engine, asked.phones, rounds, time.time() - 7200 - rounds * EVERY_S)
        with apart(url) as address:
            is_good = asyncio.run(run(phones, engine, address, rounds, EVERY_S))
        engine.dispose()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
