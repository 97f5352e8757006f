"""Where the walk may as well have been on another line, too close to the chosen one to tell them apart."""

import numpy as np
from numpy.typing import NDArray

from layers.compiled import compiled, inlined
from layers.compiled.ground import Links, Segments
from layers.compiled.switch import Candidates, Costs, Spots, change

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LONGEST_ASIDE = 60
"""So many spots beyond an ambiguous run are looked at for where another line could have been left."""


@compiled
def rivals(
    chosen: Ints,
    spots: Spots,
    near: Candidates,
    segments: Segments,
    reach_m: Floats,
    apart_m: float,
    share: float,
) -> Ints:
    """Return for each spot the nearest other candidate that lies too close to tell apart, -1 for none.

    Closer than a share of the error there, within reach, and further than `apart_m`: those are the same line.
    """
    n = chosen.size
    other = np.full(n, -1, np.int64)
    for t in range(n):
        c = chosen[t]
        if c < 0:
            continue
        x, y = _foot_of(segments, near, c)
        least = share * np.sqrt(spots.variance[t])
        for j in range(near.first[t], near.first[t + 1]):
            if near.strand[j] == near.strand[c] or near.away_m[j] > reach_m[near.segment[j]]:
                continue
            there_x, there_y = _foot_of(segments, near, j)
            between_m = np.hypot(there_x - x, there_y - y)
            if apart_m < between_m < least:
                least, other[t] = between_m, j
    return other


@compiled
def doubtful(
    chosen: Ints,
    other: Ints,
    spots: Spots,
    near: Candidates,
    links: Links,
    costs: Costs,
    shortest_m: float,
    margin: float,
) -> Bools:
    """Tell for each spot whether the step to it may as well have been along the line of `other`, shape (k,).

    Runs of at least `shortest_m` along which one other line lies too close: as likely is one that would not
    be dearer by `margin`, what it costs to come onto it and to leave it again included.
    """
    n = chosen.size
    doubt = np.zeros(n, np.bool_)
    t = 0
    while t < n:
        if other[t] < 0:
            t += 1
            continue
        dearer = near.cost[other[t]] - near.cost[chosen[t]]
        length_m = 0.0
        u = t
        while u + 1 < n and other[u + 1] >= 0 and spots.begins_s[u + 1] == 0 and not spots.leaps[u + 1]:
            if near.strand[other[u + 1]] != near.strand[other[u]]:
                break
            u += 1
            dearer += near.cost[other[u]] - near.cost[chosen[u]]
            length_m += spots.step_m[u]
        if length_m >= shortest_m:
            dearer += _aside(chosen, other[t], t, -1, spots, near, links, costs)
            if dearer < margin:
                dearer += _aside(chosen, other[u], u, 1, spots, near, links, costs)
            if dearer < margin:
                doubt[t + 1 : u + 1] = True
        t = u + 1
    return doubt


@compiled
def _aside(
    chosen: Ints, there: int, t: int, way: int, spots: Spots, near: Candidates, links: Links, costs: Costs
) -> float:
    """Return what it costs at least to change between the chosen line and another beyond spot t.

    `there`: the other line's candidate at t; `way`: -1 for before, 1 for behind. One may stay on the other
    for a while, as long as it runs along.
    """
    n = chosen.size
    least, dearer = np.inf, 0.0
    for _ in range(LONGEST_ASIDE):
        later = max(t, t + way)
        if t + way < 0 or later >= n or spots.begins_s[later] > 0 or chosen[t + way] < 0:
            return min(least, dearer)
        step_m, ridden = spots.step_m[later], spots.ridden[later]
        if way < 0:
            price = change(near, links, chosen[t + way], there, step_m, ridden, costs)
        else:
            price = change(near, links, there, chosen[t + way], step_m, ridden, costs)
        least = min(least, dearer + price)
        t += way
        strand = near.strand[there]
        there = -1
        for c in range(near.first[t], near.first[t + 1]):
            if near.strand[c] == strand:
                there = c
        if there < 0:
            break
        dearer += near.cost[there] - near.cost[chosen[t]]
        if dearer > least:
            break
    return least


@inlined
def _foot_of(segments: Segments, near: Candidates, c: int) -> tuple[float, float]:
    s = near.segment[c]
    share = (near.m[c] - segments.from_m[s]) / (segments.to_m[s] - segments.from_m[s])
    return (
        segments.ax[s] + share * (segments.bx[s] - segments.ax[s]),
        segments.ay[s] + share * (segments.by[s] - segments.ay[s]),
    )
