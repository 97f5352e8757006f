"""Who may start and stop the private database, and who keeps it running.

Whoever holds `owner.lock` is the parent of the database: `serve`, or a command where nothing runs.
Everyone else joins through the socket and holds `users.lock` shared, so that a command which started
the database stops it only after the others are through. The kernel drops both locks when a process
dies, however it dies; nothing has to be repaired by hand.
"""

import contextlib
import fcntl
import logging
import os
import subprocess
import threading
import time
from collections.abc import Iterator

from geo_service.embedded import Cluster
from geo_service.errors import CannotRun

log = logging.getLogger(__name__)


@contextlib.contextmanager
def owned(cluster: Cluster, purpose: str) -> Iterator[str | None]:
    """Hold the owner's lock; yield None when it is ours, else what its holder said of itcluster."""
    cluster.make_directories()
    with os.fdopen(cluster.open_private(cluster.data_dir / "owner.lock"), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield lock.read().strip() or "?"
            return
        lock.truncate()
        lock.write(f"{purpose} {os.getpid()}\n")
        lock.flush()
        yield None


@contextlib.contextmanager
def used(cluster: Cluster, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Hold the users' lock: shared by who joined, exclusive by an owner that wants to stop."""
    with os.fdopen(cluster.open_private(cluster.data_dir / "users.lock"), "r+") as lock:
        fcntl.flock(lock, how)
        yield


@contextlib.contextmanager
def joined(cluster: Cluster, *, patience_s: float = 120) -> Iterator[str]:
    """Yield the URL of the running database; where none runs, start it and stop it at the end.

    Raises `CannotRun` if its owner does not bring it up within `patience_s` seconds.
    """
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        with owned(cluster, "command") as holder:
            if holder is None:
                process = cluster.start()
                try:
                    yield cluster.url()
                finally:
                    with used(cluster, fcntl.LOCK_EX):
                        cluster.stop(process)
                return
        with used(cluster):
            if cluster.answers():
                yield cluster.url()
                return
        time.sleep(0.1)
    raise CannotRun(
        f"数据库没有应答（{cluster.data_dir}，由 {holder} 启动）。请稍候再试，或运行 geo-service doctor。"
    )


class Keeper:
    """The thread of `serve` that is the database's parent and starts it again when it dies."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopping = threading.Event()
        self._first = threading.Event()
        self._failure: Exception | None = None
        self._process: subprocess.Popen[str] | None = None
        # The kernel ends the database when the thread that started it ends: one thread for all starts.
        self._thread = threading.Thread(target=self._keep, name="database-keeper", daemon=True)

    def start(self) -> None:
        """Start the database; raises what the first start raised."""
        self._thread.start()
        self._first.wait()
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Stop the database and the thread."""
        self._stopping.set()
        if self._process:
            self._cluster.stop(self._process)
        self._thread.join()

    def _keep(self) -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            try:
                began = time.monotonic()
                self._process = self._cluster.start()
            except Exception as failure:
                if not self._first.is_set():
                    self._failure = failure
                    self._first.set()
                    return
                log.error("the database does not start: %s", failure)
            else:
                self._first.set()
                if self._stopping.is_set():
                    self._cluster.stop(self._process)
                code = self._process.wait()
                if not self._stopping.is_set():
                    log.error("the database ended (%s); starting it again", code)
            pause_s = 0.0 if time.monotonic() - began > 10 else min(2 * pause_s + 0.2, 10)


@contextlib.contextmanager
def kept(cluster: Cluster) -> Iterator[str]:
    """Yield the URL of a database that is kept running until the end: for `serve`.

    Raises `CannotRun` if another `serve` uses the same data; waits for a command that does.
    """
    waiting = False
    while True:
        with owned(cluster, "serve") as holder:
            if holder is None:
                keeper = Keeper(cluster)
                keeper.start()
                try:
                    yield cluster.url()
                finally:
                    keeper.stop()
                return
        if holder.startswith("serve"):
            raise CannotRun(
                f"这份数据（{cluster.data_dir}）已有一个服务在用（{holder}）。请直接使用它，或先停掉它再启动。",
                title="A service already runs on this data.",
            )
        if not waiting:
            log.warning("waiting for a command that uses the database (%s)", holder)
            waiting = True
        time.sleep(0.2)
