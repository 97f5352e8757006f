"""Names on paper without overlap: the most important first, each at the first free spot of its candidates."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maps.paper import Box

_MM_PER_PT = 25.4 / 72
_LONGEST = 14
"""Signs of a name; the rest becomes an ellipsis."""


@dataclass(frozen=True)
class Name:
    """A name that asks for room."""

    text: str
    spots: Sequence[tuple[float, float]]
    """Where its middle may stand, in millimetres, the best first."""
    size_pt: float
    weight: float
    """Larger is more important."""


@dataclass(frozen=True)
class Label:
    """A name that got room: the middle of its box, in millimetres."""

    text: str
    x_mm: float
    y_mm: float
    size_pt: float


def place(names: Iterable[Name], frame: Box, most: int) -> list[Label]:
    """Return at most so many labels that neither overlap nor leave the frame, the weightiest first.

    A text is written once for each of its names only if they have room; who finds none is left out.
    """
    taken = np.empty((0, 4))
    found: list[Label] = []
    for name in sorted(names, key=lambda name: -name.weight):
        if len(found) == most:
            break
        text = name.text if len(name.text) <= _LONGEST else name.text[: _LONGEST - 1] + "…"
        for x, y, box in _boxes(text, name):
            if _inside(box, frame) and not _meets(box, taken):
                taken = np.vstack([taken, box])
                found.append(Label(text, x, y, name.size_pt))
                break
    return found


def width_mm(text: str, size_pt: float) -> float:
    """Return about how wide a text is: a Chinese sign is as wide as it is high.

    >>> round(width_mm("中心河", 10), 1), round(width_mm("G60", 10), 1)
    (10.6, 6.3)
    """
    signs = sum(1.0 if unicodedata.east_asian_width(sign) in "WFA" else 0.6 for sign in text)
    return signs * size_pt * _MM_PER_PT


def _boxes(text: str, name: Name) -> Iterator[tuple[float, float, tuple[float, float, float, float]]]:
    half_x = width_mm(text, name.size_pt) / 2 + 0.6
    half_y = name.size_pt * _MM_PER_PT * 0.62 + 0.4
    for x, y in name.spots:
        yield x, y, (x - half_x, y - half_y, x + half_x, y + half_y)


def _inside(box: tuple[float, float, float, float], frame: Box) -> bool:
    return box[0] >= frame.west and box[1] >= frame.south and box[2] <= frame.east and box[3] <= frame.north


def _meets(box: tuple[float, float, float, float], taken: np.ndarray) -> bool:
    west, south, east, north = box
    return bool(
        np.any((taken[:, 0] < east) & (west < taken[:, 2]) & (taken[:, 1] < north) & (south < taken[:, 3]))
    )
