"""The way along lines between two fixes that lie far apart, as those of a car: the shortest over their links.

Only within one step of a track, where fixes say nothing; never across an outage.
"""

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.compiled import compiled
from layers.compiled.ground import Links

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Search(NamedTuple):
    """What a search writes down for each link: the way to its end, the link before, and by which search."""

    way_m: Floats
    before: Ints
    number: Ints


@compiled
def searching(links: Links) -> Search:
    """Return an empty sheet for searches."""
    n = links.strand.size
    return Search(np.empty(n), np.empty(n, np.int64), np.full(n, -1, np.int64))


@compiled
def searched(strand: int, m: float, limit_m: float, links: Links, sheet: Search, number: int) -> None:
    """Write the ways from a spot of a strand to the far end of each link within a limit (Dijkstra 1959)."""
    queue = [(0.0, -1)]
    queue.pop()
    for k in range(links.first[strand], links.first[strand + 1]):
        way_m = abs(m - links.leave_m[k])
        if links.over[k] < 0 and way_m <= limit_m:
            sheet.way_m[k], sheet.before[k], sheet.number[k] = way_m, -1, number
            heapq.heappush(queue, (way_m, k))
    while len(queue) > 0:
        way_m, k = heapq.heappop(queue)
        if way_m > sheet.way_m[k]:
            continue
        there = links.strand[k]
        for j in range(links.first[there], links.first[there + 1]):
            if links.over[j] >= 0:
                continue
            further_m = way_m + abs(links.enter_m[k] - links.leave_m[j])
            if further_m > limit_m:
                continue
            if sheet.number[j] != number or further_m < sheet.way_m[j]:
                sheet.way_m[j], sheet.before[j], sheet.number[j] = further_m, k, number
                heapq.heappush(queue, (further_m, j))


@compiled
def arrived(strand: int, m: float, links: Links, sheet: Search, number: int) -> tuple[float, int]:
    """Return the way of a search to a spot of a strand, and its last link; infinite where it did not come."""
    best_m, best = np.inf, -1
    # The links that lead here are those that lead away, the other way round.
    for j in range(links.first[strand], links.first[strand + 1]):
        k = links.back[j]
        if k >= 0 and sheet.number[k] == number:
            way_m = sheet.way_m[k] + abs(links.enter_m[k] - m)
            if way_m < best_m:
                best_m, best = way_m, k
    return best_m, best
