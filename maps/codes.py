"""Codes to scan, drawn as one shape: no hairlines between modules, whatever shows or prints the page."""

from typing import TYPE_CHECKING

import numpy as np
import segno
import shapely
from numpy.typing import NDArray

from maps.paper import Box

if TYPE_CHECKING:
    from maps.board import Board

QUIET = 4
"""Modules of white around a code, without which phones do not find it."""


def modules(text: str, *, error: str) -> NDArray[np.bool_]:
    """Return a text as a QR code, the upper row first.

    `error`: l, m, q or h, how much of it may be spoilt.
    """
    code = segno.make(text, error=error, boost_error=True, micro=False)
    return np.array([[bool(module) for module in row] for row in code.matrix])


def draw(board: "Board", box: Box, text: str, *, error: str = "m") -> None:
    """Draw a text as a QR code in a square of the page; the white around it is part of the square."""
    dark = modules(text, error=error)
    side_mm = box.width / (len(dark) + 2 * QUIET)
    rows, columns = np.nonzero(dark)
    # Joined while their corners are whole numbers, so that neighbours meet exactly.
    whole = shapely.coverage_union_all(shapely.box(columns, -rows - 1, columns + 1, -rows))
    corner = np.array([box.west, box.north]) + np.array([QUIET, -QUIET]) * side_mm
    shape = shapely.transform(whole, lambda xy: xy * side_mm + corner)
    board.box(box, fill="#ffffff")
    board.areas(np.array([shape], dtype=object), "#000000", 1.0, within=False)
