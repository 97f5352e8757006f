"""The other end of `venv.Peer`, in the peers' Python: imports nothing of this project."""

import os
import pickle
import sys
from collections.abc import Callable
from typing import Any


def serve(answer: Callable[..., dict[str, Any]]) -> None:
    """Answer requests until there are no more."""
    # What a library prints must not mix with the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(answer(**request), out)
        out.flush()
