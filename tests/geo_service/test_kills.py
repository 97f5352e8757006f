"""Ten rounds of `kill -9` during uploads, of the service and of the database: nothing acknowledged is lost.

Phones send their walks until they get an answer, as they do in life: a walk whose answer was cut off is sent
again. Some send a file, some begin, batches and end. At the end every acknowledged walk is there once, with
every acknowledged batch, computed, and the roll-up equals its rows.
"""

import datetime as dt
import os
import random
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import psycopg
import pytest

from geo_service.embedded import Cluster
from geo_service.keeper import joined
from layers.crs import to_lonlat
from tests.geo_service.phones import ORIGIN, county_with_a_token, free_port, gpx, start

ROUNDS = 10
PHONES = 4
LATELY_S = time.time() - 20 * 86400


def words(number: int) -> list[tuple[str, dict[str, Any]]]:
    """The walk of a number, lately, as a client says it: path and body of begin, three batches and end."""
    xy = np.column_stack([number * 7 % 900 + np.arange(60) * 6.0, np.full(60, number % 9)]) + ORIGIN
    begin_s = LATELY_S + number * 400
    fixes = [
        {"time": begin_s + 5 * i, "lon": lon, "lat": lat}
        for i, (lon, lat) in enumerate(to_lonlat(xy, "EPSG:4549").tolist())
    ]
    at = dt.datetime.fromtimestamp(begin_s, dt.UTC).isoformat()
    batches = [
        (f"/batches/{uuid.uuid5(uuid.NAMESPACE_OID, f'{number}/{k}')}", {"datum": "wgs84", "fixes": part})
        for k, part in enumerate((fixes[:20], fixes[18:40], fixes[40:]))
    ]
    said = [("", {"started_at": at}), *batches, ("/end", {"ended_at": at, "batches": 3})]
    return [(path, {"person": "7", **body}) for path, body in said]


def rotated(said: list[Any], by: int) -> list[Any]:
    """The same in another order."""
    at = by % len(said)
    return said[at:] + said[:at]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    outer = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    outer.chmod(0o755)
    yield outer / "data"
    shutil.rmtree(outer)


@pytest.fixture
def token(data_dir: Path, tmp_path: Path) -> str:
    return county_with_a_token(data_dir, tmp_path)


class Phones:
    """Several phones that send walk after walk, each until it is acknowledged."""

    def __init__(self, port: int, token: str) -> None:
        self.acknowledged: dict[int, str] = {}
        self.refused: list[str] = []
        self.words: set[tuple[int, str]] = set()
        """What of the walks that are sent word by word was acknowledged: number and path."""
        self._stop = threading.Event()
        self._url, self._token = f"http://127.0.0.1:{port}/api/patrols", token
        self._threads = [threading.Thread(target=self._send_all, args=(k,)) for k in range(PHONES)]
        for thread in self._threads:
            thread.start()

    def _send_all(self, phone: int) -> None:
        number = phone
        with httpx.Client(timeout=30, headers={"Authorization": f"Bearer {self._token}"}) as client:
            while not self._stop.is_set():
                if self._sent(client, number):
                    number += PHONES

    def _sent(self, client: httpx.Client, number: int) -> bool:
        """Send a walk as a file (even numbers) or word by word, and tell whether all was acknowledged."""
        if number % 2 == 0:
            answer = self._answer(
                lambda: client.post(self._url, params={"person": "7"}, files={"file": ("w.gpx", gpx(number))})
            )
        else:
            answer = self._told(client, number)
        if answer is not None:
            self.acknowledged[number] = answer["patrol_id"]
        return answer is not None

    def _told(self, client: httpx.Client, number: int) -> Any:
        """Say what of a walk was not acknowledged yet; the end comes before, between or after its batches."""
        address = f"{self._url}/{uuid.uuid5(uuid.NAMESPACE_OID, str(number))}"
        answer = None
        for path, body in rotated(words(number), number):
            if (number, path) not in self.words:
                answer = self._answer(lambda b=body, p=path: client.put(f"{address}{p}", json=b))
                if answer is None:
                    return None
                self.words.add((number, path))
        return answer

    def _answer(self, ask: Callable[[], httpx.Response]) -> Any:
        """Return the answer if it says that what was sent is kept; None: send it again."""
        try:
            answer = ask()
        except httpx.HTTPError:
            time.sleep(0.05)  # the service is gone: try again
            return None
        if answer.status_code in (200, 201):
            return answer.json()
        if answer.status_code not in (429, 503):
            self.refused.append(answer.text)
        time.sleep(0.2)
        return None

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)


def test_no_acknowledged_patrol_is_lost_or_doubled(data_dir: Path, token: str) -> None:
    port, dice = free_port(), random.Random(4)
    service = start(data_dir, port)
    phones = Phones(port, token)
    try:
        for round_ in range(ROUNDS):
            known = len(phones.acknowledged)
            until = time.monotonic() + 60
            while len(phones.acknowledged) < known + 6:
                assert time.monotonic() < until, f"no walk was taken after a kill: {phones.refused[-1:]}"
                time.sleep(0.02)
            time.sleep(dice.random() * 0.2)
            if round_ % 2:
                os.kill(int((data_dir / "pg/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            else:
                service.kill()
                service.wait(timeout=30)
                service = start(data_dir, port)
        phones.stop()
    finally:
        phones.stop()
        service.terminate()
        service.wait(timeout=60)
    assert phones.refused == []
    with joined(Cluster.at(data_dir)) as url, psycopg.connect(url) as connection:
        stored = {
            str(id_): (settled, fixes, batches)
            for id_, settled, fixes, batches in connection.execute(
                "select p.id, settled_at is not null, fixes, count(b.id) from patrol p"
                " left join batch b on b.patrol_id = p.id group by p.id"
            )
        }
        sent = {str(row[0]) for row in connection.execute("select id from batch")}
        shas = connection.execute("select count(*), count(distinct sha256) from batch").fetchone()
        wrong = connection.execute(
            "select count(*) from line_day d full join ("
            "  select place_version_id, day, range_agg(spans + ridden) spans from line_coverage"
            "  where not isempty(spans + ridden) group by 1, 2) c using (place_version_id, day)"
            " where d.spans is distinct from c.spans"
        ).fetchone()
    assert len(phones.acknowledged) >= 6 * ROUNDS
    assert len(set(phones.acknowledged.values())) == len(phones.acknowledged)
    for number, patrol_id in phones.acknowledged.items():
        assert stored[patrol_id] == (True, 60, 3 if number % 2 else 1)
    assert {number % 2 for number in phones.acknowledged} == {0, 1}
    assert {path.split("/")[-1] for _, path in phones.words if "batches" in path} <= sent
    assert shas[0] == shas[1] == len(sent), "nothing is there twice"
    assert wrong == (0,)
