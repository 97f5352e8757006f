"""HEIF pictures (HEIC), as iPhones make them: unpacked by a program of their own, within limits.

A HEIF file says of itself how large its picture is, and can be built of pictures that are built of others.
What it takes to unpack one is known only afterwards, and the library that does it is large and no Python.
So it runs as a process that may take so much memory and time and no more, knows none of the service's
settings, and takes none of the service's memory when it is done.
"""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

from geo_service import heif_program
from geo_service.errors import Unavailable
from layers.errors import BadFile

log = logging.getLogger(__name__)

_PROGRAM = Path(heif_program.__file__)
_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
"""What a Python needs; passwords stay here."""
_WAIT_S = 90.0
"""On a machine that does other things too; the program itself ends after less time of its processor."""
_ITS_FAULT = (
    heif_program.UNREADABLE, -signal.SIGXCPU, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT,
    -signal.SIGFPE, -signal.SIGILL,
)  # fmt: skip
"""How the program ends when the bytes are bad: they broke a limit, or the library."""


def is_heif(start: bytes) -> bool:
    """Tell whether a file that begins like this (12 bytes) says that it is HEIF.

    >>> is_heif(b"....ftypheic...."), is_heif(b"....ftypisom...."), is_heif(b"")
    (True, False, False)
    """
    return start[4:8] == b"ftyp" and start[8:12] in _BRANDS


def as_png(data: bytes, *, most_pixels: int, longest_px: int) -> bytes:
    """Return the picture as a PNG, upright, its longer side at most so long, with its EXIF.

    Raises BadFile; Unavailable where the machine cannot do it now.
    """
    command = [sys.executable, "-P", str(_PROGRAM), str(most_pixels), str(longest_px)]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=_WAIT_S, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("the program for HEIF pictures did not end well", exc_info=error)
        raise _busy() from error
    if done.returncode == heif_program.TOO_LARGE:
        raise too_large(done.stdout.decode())
    if done.returncode in _ITS_FAULT:
        raise BadFile("照片打不开：HEIC 文件已损坏或没有传完；请重新选择照片。")
    if done.returncode:
        log.error(
            "the program for HEIF pictures failed with %d: %s",
            done.returncode,
            done.stderr[-500:].decode(errors="replace"),
        )
        raise _busy()
    return done.stdout


def too_large(size: str) -> BadFile:
    """Return what is said of a picture of a size ("9000×9000")."""
    return BadFile(f"照片有 {size} 像素，太大；请用手机里较小的尺寸再传。")


def _busy() -> Unavailable:
    return Unavailable("现在打不开 HEIC 照片，请过一会儿再发；一直这样请告诉管理员。")
