"""Workers of Dask: the rows of one process to the bit, whoever dies meanwhile; nobody else reaches them."""

import os
import re
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from geo_service.errors import CannotRun, Invalid, Unavailable
from geo_service.recompute import computing, reading, service, workers
from geo_service.recompute.asking import Question
from geo_service.recompute.computing import Chunk, StoredTrack
from geo_service.recompute.reading import Packed
from geo_service.recompute.workers import Crew, alone
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_recompute import Town, in_force, staged


@pytest.fixture(scope="module")
def two() -> Iterator[Crew]:
    """Two workers, for all tests."""
    with workers.processes(2) as crew:
        yield crew


@pytest.fixture
def town(small_county: SmallCounty) -> Town:
    town = Town(small_county)
    for k in range(9):
        town.walked((30 * k, 12), (400 + 60 * k, 10 - k), (505, 300))
    return town


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_PATROLS", 2)


def pids(crew: Crew) -> list[int]:
    return list(crew.client.run(os.getpid).values())


def test_the_rows_are_those_of_one_process(town: Town, two: Crew, small: None) -> None:
    town.narrow(8.0)
    by_dask = service.run(town.bind, town.scope, Question(), two)
    by_one = service.run(town.bind, town.scope, Question(), alone)

    assert by_dask.id != by_one.id
    assert by_dask.computed == by_one.computed == 12
    assert staged(town.db, by_dask.id) == staged(town.db, by_one.id) != in_force(town.db)


def test_a_killed_worker_loses_and_doubles_nothing(town: Town, two: Crew, small: None) -> None:
    killed: list[int] = []

    def crew(chunks: Iterator[Packed]) -> Iterator[tuple[Packed, computing.Answer]]:
        for n, one in enumerate(two(chunks)):
            if n == 0:
                for pid in pids(two):  # both, whatever they are at
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            yield one

    done = service.run(town.bind, town.scope, Question(), crew)

    assert done.computed == 12
    assert staged(town.db, done.id) == in_force(town.db)
    assert len(killed) == 2
    assert not set(killed) & set(pids(two))


def test_nothing_listens_beyond_this_machine(two: Crew) -> None:
    """Nor does a dashboard or a scrape of numbers answer on it."""
    own = psutil.Process()
    listening = [
        at.laddr.ip
        for process in [own, *(psutil.Process(pid) for pid in pids(two))]
        for at in process.net_connections("inet")
        if at.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_scheduler_that_is_there_is_joined(town: Town, two: Crew, small: None) -> None:
    address = two.client.scheduler.address
    with workers.crew(None, address) as joined:
        done = service.run(town.bind, town.scope, Question(), joined)
    assert staged(town.db, done.id) == in_force(town.db)
    assert len(pids(two)) == 2  # they stay for others


def test_what_a_stopped_run_had_under_way_is_dropped(town: Town, two: Crew, small: None) -> None:
    """The workers are free at once, no chunk is left on the disk, and the run goes on with other workers."""
    folder: Path = two.folder

    def tell(done: int, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.run(town.bind, town.scope, Question(), two, tell)
    assert list(folder.glob("*.chunk")) == []

    done = service.run(town.bind, town.scope, Question())
    assert (done.was_begun, done.before + done.computed) == (True, 12)
    assert staged(town.db, done.id) == in_force(town.db)


def test_ctrl_c_is_left_to_the_process_that_began_them(town: Town, two: Crew) -> None:
    """The terminal sends it to all of them."""
    before = pids(two)
    for pid in before:
        os.kill(pid, signal.SIGINT)
    assert pids(two) == before


class Deadly(StoredTrack):
    """A track that ends whoever opens it."""

    def track(self) -> object:
        os._exit(1)


def test_a_chunk_that_kills_every_worker_is_told(two: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two.client.cluster.scheduler, "allowed_failures", 0)  # a new worker takes seconds
    chunk = Chunk("EPSG:4549", "Asia/Shanghai", [Deadly(uuid.uuid4(), b"", None)], [], [], {})
    with pytest.raises(CannotRun, match="接连退出"):
        list(two(iter([Packed(chunk.packed(), {})])))


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PATIENCE_S", 1)
    with (
        pytest.raises(Unavailable, match=re.escape("连不上 tcp://127.0.0.1:9")),
        workers.crew(None, "tcp://127.0.0.1:9"),
    ):
        pass


def test_a_scheduler_that_is_lost_leaves_a_run_that_goes_on(town: Town, small: None) -> None:
    with workers.processes(1) as own, workers.joined(own.client.scheduler.address) as joined:

        def crew(chunks: Iterator[Packed]) -> Iterator[tuple[Packed, computing.Answer]]:
            for one in joined(chunks):
                yield one
                own.client.cluster.close()

        with pytest.raises(Unavailable, match="会接着算"):
            service.run(town.bind, town.scope, Question(), crew)

    done = service.run(town.bind, town.scope, Question())
    assert (done.was_begun, done.before) == (True, 2)
    assert staged(town.db, done.id) == in_force(town.db)


def test_workers_and_a_scheduler_are_one_too_many() -> None:
    with pytest.raises(Invalid, match="只能写一个"):
        workers.crew(2, "tcp://127.0.0.1:9")
