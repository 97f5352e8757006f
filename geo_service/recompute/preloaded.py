"""What a worker of our own does first: it leaves Ctrl-C to the process that started and ends it."""

import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Be called by Dask when a worker starts, also one in place of a lost one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
