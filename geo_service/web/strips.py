"""A place's measure as a strip: where it was covered and how recently, and where not."""

from collections.abc import Iterable
from dataclasses import dataclass

from maps.style import LOOKS, Look

WIDTH = 1000
"""Units of the drawing from the start of the place to its end."""
_NARROWEST = 2.0
"""A stretch of some metres on a river of fifty kilometres must still be seen."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of a place in metres from its start, with its class in `maps.style`."""

    start_m: float
    stop_m: float
    class_key: str

    @property
    def look(self) -> Look:
        """How it is drawn, and its words."""
        return LOOKS[self.class_key]


@dataclass(frozen=True)
class Bar:
    """A stretch on the drawing."""

    x: float
    width: float
    stretch: Stretch


def bars(length_m: float, stretches: Iterable[Stretch]) -> list[Bar]:
    """Lay stretches out on a drawing `WIDTH` wide; very short ones are widened within the drawing.

    >>> bars(2000, [Stretch(0, 500, "fresh_7"), Stretch(500, 2000, "uncovered")])[1].x
    250.0
    """
    laid = []
    for stretch in stretches:
        start = WIDTH * max(stretch.start_m, 0.0) / length_m
        stop = WIDTH * min(stretch.stop_m, length_m) / length_m
        width = max(stop - start, _NARROWEST)
        laid.append(Bar(round(min(start, WIDTH - width), 2), round(width, 2), stretch))
    return laid
