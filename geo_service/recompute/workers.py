"""Who computes the chunks: this process, workers of its own, or those of a Dask scheduler that is there.

All of them run `computing.compute` on the same bytes and give the same rows; only the order may differ. A
task stays with the scheduler until its rows are here, so that it is done again where a worker was lost.
"""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from geo_service.errors import CannotRun, Invalid, Unavailable
from geo_service.recompute.computing import Answer, compute, compute_file
from geo_service.recompute.reading import Packed

if TYPE_CHECKING:
    from distributed import Client

Crew = Callable[[Iterator[Packed]], Iterator[tuple[Packed, Answer]]]
"""Takes chunks when it has hands free, and gives them back with their answers, in any order."""

AHEAD = 3
"""Chunks for each worker that are under way: one is computed, one waits beside it, one is being read."""
PATIENCE_S = 15
"""How long a scheduler may take to answer, and its workers to appear."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_QUIET: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.diagnostics.nvml": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.nanny.pre-spawn-environ": ONE_THREAD,
}


def crew(workers: int | None, scheduler: str | None) -> AbstractContextManager[Crew]:
    """Return who computes: so many processes of our own, those of a scheduler, or (none named) this one."""
    if workers is not None and scheduler is not None:
        raise Invalid("--workers 和 --scheduler 只能写一个。")
    if scheduler is not None:
        return joined(scheduler)
    return nullcontext(alone) if workers is None else processes(workers)


def alone(chunks: Iterator[Packed]) -> Iterator[tuple[Packed, Answer]]:
    """Compute in this process."""
    for packed in chunks:
        yield packed, compute(packed.chunk)


@contextmanager
def processes(workers: int) -> Iterator[Crew]:
    """Yield workers of our own, reached by loopback only, that end with this process."""
    import dask  # noqa: PLC0415  (half a second that no other command needs)
    from distributed import Client, LocalCluster  # noqa: PLC0415

    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="yinxun-workers-"))
        stack.enter_context(dask.config.set(_QUIET))
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            local_directory=scratch,
            silence_logs="CRITICAL",
            preload=["geo_service.recompute.preloaded"],
        )
        stack.enter_context(cluster)
        client = stack.enter_context(Client(cluster, set_as_default=False))
        yield _Through(client, workers, Path(scratch))


@contextmanager
def joined(address: str) -> Iterator[Crew]:
    """Yield the workers of a scheduler that is there, as `tcp://10.0.0.5:8786`."""
    import dask  # noqa: PLC0415
    from distributed import Client  # noqa: PLC0415
    from distributed.utils import silence_logging_cmgr  # noqa: PLC0415

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_QUIET))
        stack.enter_context(silence_logging_cmgr("CRITICAL"))
        try:
            client = stack.enter_context(Client(address, timeout=PATIENCE_S, set_as_default=False))
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"连不上 {address}，或它没有工作进程。请核对地址，并在各台机器上装好同一版本的银巡，"
                f"运行 dask scheduler 和 dask worker。"
            ) from error
        yield _Through(client, len(client.scheduler_info(n_workers=-1)["workers"]))


class _Through:
    """Workers behind a Dask client."""

    def __init__(self, client: "Client", workers: int, folder: Path | None = None) -> None:
        """`folder`: where the workers can read files; to send 5 MB costs more than a tenth of a task."""
        self.client = client
        self._at_once = AHEAD * workers
        self.folder = folder

    def __call__(self, chunks: Iterator[Packed]) -> Iterator[tuple[Packed, Answer]]:
        from distributed import KilledWorker, as_completed  # noqa: PLC0415

        under_way: dict[Any, Packed] = {}
        completed = as_completed(loop=self.client.loop)

        def send(number: int) -> None:
            for packed in islice(chunks, number):
                future = self._submit(packed)
                under_way[future] = packed
                completed.add(future)

        try:
            send(self._at_once)
            for future in completed:
                answer = future.result()
                send(1)
                yield self._done(future, under_way), answer
        except KilledWorker as error:
            raise CannotRun(
                "有一批巡查，算它的工作进程接连退出了几次（多半是内存不够）。已算好的留着；"
                "请减少 --workers 再运行同样的命令，会接着算。"
            ) from error
        except CancelledError as error:
            raise Unavailable("和工作进程的连接断了。已算好的留着，再运行同样的命令会接着算。") from error
        finally:
            for future in list(under_way):
                self._done(future, under_way)

    def _submit(self, packed: Packed) -> Any:
        if self.folder is None:
            return self.client.submit(compute, packed.chunk, pure=False)
        file = self.folder / f"{uuid.uuid4()}.chunk"
        file.write_bytes(packed.chunk)
        return self.client.submit(compute_file, str(file), key=file.stem, pure=False)

    def _done(self, future: Any, under_way: dict[Any, Packed]) -> Packed:
        """Let go of a task, and of its file."""
        if self.folder is not None:
            (self.folder / f"{future.key}.chunk").unlink(missing_ok=True)
        future.release()
        return under_way.pop(future)
