"""Paper and scale: where on a page the map stands, and which length its scale bar has. Millimetres."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Box(NamedTuple):
    """A rectangle: on paper in millimetres from the lower left corner, on the ground in metres."""

    west: float
    south: float
    east: float
    north: float

    @property
    def width(self) -> float:
        """From west to east, in its own unit."""
        return self.east - self.west

    @property
    def height(self) -> float:
        """From south to north, in its own unit."""
        return self.north - self.south

    @property
    def centre(self) -> Array:
        """Its middle, shape (2,)."""
        return np.array([(self.west + self.east) / 2, (self.south + self.north) / 2])


@dataclass(frozen=True)
class Paper:
    """A sheet of paper, taken upright or across."""

    name: str
    short_mm: float
    long_mm: float

    @property
    def zoom(self) -> float:
        """How many times as large as on A4 letters and lines are."""
        return max(math.sqrt(self.short_mm / A4_SHORT_MM), 0.88)


A4_SHORT_MM = 210.0
A4 = Paper("A4", A4_SHORT_MM, 297.0)
A3 = Paper("A3", 297.0, 420.0)
A5 = Paper("A5", 148.0, 210.0)
FIGURE = Paper("插图", 160.0, 215.0)
"""A picture within a document: 160 mm wide, the text's width on A4, and at most so high."""
PAPERS = {paper.name: paper for paper in (A4, A3)}

_MARGIN_MM = 10.0
_HEAD_MM = 16.0
_FOOT_MM = 6.0
_AIR_MM = 4.0
"""Between what is drawn and the frame."""
_LOWEST_MM = 60.0
"""Of the map in a figure."""
_SMALLEST_M = 100.0
"""Of the ground that a page shows."""
_NEAT = (
    1.0,
    1.1,
    1.2,
    1.3,
    1.5,
    1.7,
    2.0,
    2.2,
    2.5,
    2.8,
    3.0,
    3.5,
    4.0,
    4.5,
    5.0,
    5.5,
    6.0,
    6.5,
    7.0,
    8.0,
    9.0,
)


@dataclass(frozen=True)
class Page:
    """One page: its size, its parts, and which ground its frame shows."""

    width_mm: float
    height_mm: float
    zoom: float
    frame: Box
    """Of the map."""
    foot: Box
    """Of legend, scale and arrow."""
    scale: int
    """A millimetre on paper is so many millimetres on the ground."""
    centre_m: Array
    """The ground at the middle of the frame."""

    def to_mm(self, xy: Array) -> Array:
        """Return where points of the ground (metres, shape (n, 2)) lie on paper."""
        return (xy - self.centre_m) * (1000.0 / self.scale) + self.frame.centre

    @property
    def ground(self) -> Box:
        """The ground within the frame, in metres."""
        half = np.array([self.frame.width, self.frame.height]) * self.scale / 2000.0
        return Box(*(self.centre_m - half), *(self.centre_m + half))


def bare(width_mm: float, height_mm: float, zoom: float = 1.0) -> Page:
    """Return a page without a map, for words and codes."""
    whole = Box(0.0, 0.0, width_mm, height_mm)
    return Page(width_mm, height_mm, zoom, whole, whole, 1, np.zeros(2))


def lay_out(paper: Paper, ground: Box, entries: int) -> Page:
    """Return the page, upright or across, on which a piece of ground (metres) is largest.

    `entries` is the number of the legend's.
    """
    upright = _page(paper, paper.short_mm, paper.long_mm, ground, entries)
    if paper is FIGURE:
        needed_mm = ground.height * 1000.0 / upright.scale + 2 * _AIR_MM
        spare_mm = upright.frame.height - max(needed_mm, _LOWEST_MM)
        return _page(paper, paper.short_mm, paper.long_mm - max(spare_mm, 0.0), ground, entries)
    across = _page(paper, paper.long_mm, paper.short_mm, ground, entries)
    return min(upright, across, key=lambda page: (page.scale, page.width_mm > page.height_mm))


def _page(paper: Paper, width_mm: float, height_mm: float, ground: Box, entries: int) -> Page:
    zoom = paper.zoom
    edge = _MARGIN_MM if paper is not FIGURE else 2.0
    rows = math.ceil(entries / legend_columns(width_mm - 2 * edge, zoom))
    foot_mm = max(rows * ROW_MM + 2.0, 20.0) * zoom
    bottom = edge + _FOOT_MM * zoom
    frame = Box(edge, bottom + foot_mm, width_mm - edge, height_mm - edge - _HEAD_MM * zoom)
    foot = Box(edge, bottom, width_mm - edge, bottom + foot_mm)
    inner = (frame.width - 2 * _AIR_MM, frame.height - 2 * _AIR_MM)
    size = (max(ground.width, _SMALLEST_M), max(ground.height, _SMALLEST_M))
    needed = max(m / mm for m, mm in zip(size, inner, strict=True)) * 1000.0
    return Page(width_mm, height_mm, zoom, frame, foot, neat(needed), ground.centre)


ROW_MM = 8.4
"""Of the legend: a class and its figures beneath."""
_COLUMN_MM = 56.0
SIDE_MM = 58.0
"""Of the foot, for scale and arrow."""


def legend_columns(width_mm: float, zoom: float) -> int:
    """Return how many columns a legend has beside scale and arrow."""
    return max(int((width_mm - SIDE_MM * zoom) / (_COLUMN_MM * zoom)), 1)


def neat(needed: float) -> int:
    """Return the next neat scale number that is not smaller.

    >>> neat(101_000), neat(120_000), neat(8_400)
    (110000, 120000, 9000)
    """
    power = 10.0 ** math.floor(math.log10(needed))
    steps = (step * power for step in (*_NEAT, 10.0))
    return round(next(step for step in steps if step >= needed * (1 - 1e-9)))


def bar_m(scale: int, longest_mm: float) -> float:
    """Return the longest round length in metres (1, 2 or 5 and noughts) that fits on paper.

    >>> bar_m(120_000, 45), bar_m(5_000, 45)
    (5000.0, 200.0)
    """
    most = longest_mm * scale / 1000.0
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most)
