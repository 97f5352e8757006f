"""Ten rounds of `kill -9` during uploads, of the service and of the database: nothing acknowledged is lost.

Phones send their walks until they get an answer, as they do in life: a walk whose answer was cut off is sent
again. At the end every acknowledged walk is there once, and the roll-up equals its rows.
"""

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import psycopg
import pytest

from geo_service.embedded import Cluster
from geo_service.keeper import joined
from tests.geo_service.phones import county_with_a_token, free_port, gpx, start

ROUNDS = 10
PHONES = 4


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
        try:
            answer = client.post(self._url, params={"person": "7"}, files={"file": ("w.gpx", gpx(number))})
        except httpx.HTTPError:
            time.sleep(0.05)  # the service is gone: try again
            return False
        if answer.status_code in (200, 201):
            self.acknowledged[number] = answer.json()["patrol_id"]
            return True
        if answer.status_code not in (429, 503):
            self.refused.append(answer.text)
        time.sleep(0.2)
        return False

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
        stored = [str(row[0]) for row in connection.execute("select id from patrol")]
        sent = connection.execute("select count(*), count(distinct sha256) from batch").fetchone()
        wrong = connection.execute(
            "select count(*) from line_day d full join (select place_version_id, day, range_agg(spans) spans"
            " from line_coverage group by 1, 2) c using (place_version_id, day)"
            " where d.spans is distinct from c.spans"
        ).fetchone()
    assert len(phones.acknowledged) >= 6 * ROUNDS
    assert set(phones.acknowledged.values()) <= set(stored)
    assert len(set(phones.acknowledged.values())) == len(phones.acknowledged)
    assert len(stored) == len(set(stored)) == sent[0] == sent[1]
    assert wrong == (0,)
