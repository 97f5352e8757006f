"""Where the same thing happens again and again: groups of spots that lie close together."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def clusters(
    spots: Sequence[T], apart: Callable[[T, T], float], *, within: float, least: int
) -> list[list[T]]:
    """Return groups of at least so many spots, each within a distance of the first of its group.

    Each spot is in one group at most. Give spots of a line in their order along it: then no group is longer
    than the distance, and every stretch of that length with enough spots shares spots with a group.

    >>> clusters([0, 40, 90, 300, 390], lambda a, b: abs(a - b), within=100, least=3)
    [[0, 40, 90]]
    """
    found, waiting = [], list(spots)
    while waiting:
        first = waiting[0]
        near = [spot for spot in waiting if apart(first, spot) <= within]
        if len(near) >= least:
            found.append(near)
            waiting = [spot for spot in waiting if spot not in near]
        else:
            waiting = waiting[1:]
    return found
