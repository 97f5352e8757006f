"""Loops over fixes and lines that run as machine code: what numpy cannot state without waste.

Imported where it is first needed, not at the start: the compiler takes a third of a second and 60 MB. What
was compiled is kept beside the code, or in the user's cache, and is there at the next start.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from layers.compiled import keeping

# Functions of one module hold compiled parts of others, of whose changes numba knows nothing: what was kept
# is good for these sources, all of them, and for no others.
_SOURCES = sorted(Path(__file__).parent.glob("*.py"))
_STATE = hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()[:16]
numba.config.CACHE_DIR = str(  # type: ignore[attr-defined]
    keeping.folder(Path(__file__).parent / "__pycache__" / _STATE)
)

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function when it is first called with its kinds of arguments."""
    return _kept(function)


def inlined(function: F) -> F:
    """Compile a small function into those that call it: what it is given costs more to hand over than it.

    It makes no array. So what it is given need not be counted, which takes ten times as long as most of them.
    """
    return _kept(function, forceinline=True, _nrt=False)


def _kept(function: F, **options: Any) -> F:
    try:
        return cast("F", numba.njit(cache=True, nogil=True, **options)(function))
    except RuntimeError:
        # No folder to keep it in: it is compiled anew by each process.
        return cast("F", numba.njit(nogil=True, **options)(function))
