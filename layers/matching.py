"""Which line was walked: of all lines around, the one along which a smoothed walk went, spot by spot.

A buffer covers a street that was only crossed, and the lane beside the one that was walked. Here the lines of
a layer compete for each spot of the walk, and the whole sequence is decided at once, without routing
(`layers.compiled.switch`). Where lines lie closer together than the error of the fixes, it is ambiguous.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from layers.compiled import doubt, runs, switch
from layers.compiled.switch import Candidates
from layers.coverage import Covered, Kind, joined
from layers.lines import LineSet
from layers.network import Network
from layers.walking import Walk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PATH_M = 20.0
"""A reach beyond this is that of something wide."""
FURTHER_M = 10.0
"""Lines compete this far out of their reach."""
MOST_CANDIDATES = 12
CLOSE_M = 15.0
"""Holes up to this length are covered."""
TWIN_M = 1.5
"""Lines closer than this are the same line: what is walked of one is walked of the other."""
AMBIGUOUS_SHARE = 0.4
"""Of the error: lines closer than this cannot be told apart, however long one walks beside both.

Much of the error, and that of the map, stays the same."""
MARGIN = 3.0
"""Nats: another line is as likely if it is dearer by less."""
SHORTEST_AMBIGUOUS_M = 30.0
"""At every junction it is ambiguous for some metres where the one line ends and the other begins."""
COSTS, LIMITS = switch.Costs(), runs.Limits()


def matched(
    lines: LineSet,
    xy: Floats,
    time_s: Floats,
    piece: Ints,
    reach_m: Floats,
    rival: Ints | None = None,
    accuracy_m: Floats | None = None,
) -> Covered:
    """Return the stretches of lines along which a track went, by kind.

    `xy`: fixes in metres, shape (n, 2), with `time_s`, `piece` and `accuracy_m` (NaN: unknown), shape (n,);
    `reach_m`: metres for each segment, shape (segments,): it bounds the distance from the smoothed walk;
    `rival`: lines compete where it is equal, shape (places,) (none: all compete).
    """
    if reach_m.shape != lines.place.shape:
        raise ValueError(f"reach_m has shape {reach_m.shape}, but there are {lines.place.size} segments")
    if lines.place.size == 0 or time_s.size < 2:
        return joined([], close_m=CLOSE_M)
    walk = Walk.of(xy, time_s, piece, accuracy_m)
    if rival is None:
        return _along(lines, walk, reach_m, np.ones(lines.place.size, dtype=bool))
    kinds = rival[lines.place]
    return joined([_along(lines, walk, reach_m, kinds == each) for each in np.unique(kinds)], close_m=CLOSE_M)


def _along(lines: LineSet, walk: Walk, reach_m: Floats, chosen: Bools) -> Covered:
    """Return the stretches along which a walk went, of lines that compete with each other."""
    network = lines.network
    segments, links = network.segments, network.links
    near = switch.candidates(
        walk.spots, segments, network.grid, reach_m, chosen, PATH_M, FURTHER_M, MOST_CANDIDATES, COSTS
    )
    on = switch.decided(walk.spots, near, links, COSTS)
    ends = (network.low_m, network.high_m)
    near_by = runs.runs(on, walk.spots, near, segments, links, *ends, reach_m, walk.pace_m_s, LIMITS)
    far = runs.leaps(on, walk.spots, near, links, COSTS)
    rows = runs.Rows(*(np.concatenate(columns) for columns in zip(near_by, far, strict=True)))
    same = runs.twins(rows, on, near, segments, network.begins, network.grid, chosen, TWIN_M)
    strand, start_m, stop_m, spot, kind = (
        np.concatenate(columns) for columns in zip(rows, same, strict=True)
    )
    kind = np.where((kind == Kind.WALKED) & walk.spots.ridden[spot], Kind.RIDDEN, kind)
    found = Covered(network.place[strand], start_m, stop_m, walk.middle_s(spot), kind, CLOSE_M)
    other = doubt.rivals(on, walk.spots, near, segments, reach_m, TWIN_M, AMBIGUOUS_SHARE)
    unsure = doubt.doubtful(on, other, walk.spots, near, links, COSTS, SHORTEST_AMBIGUOUS_M, MARGIN)
    return _with_doubt(found, spot, unsure, other, network, walk, near) if unsure.any() else found


def _with_doubt(
    found: Covered, spot: Ints, doubt: Bools, other: Ints, network: Network, walk: Walk, near: Candidates
) -> Covered:
    """Return what was found, with the steps marked that may have been on another line, and its stretches.

    Where both lines were walked, as around a junction, there is no doubt.
    """
    step = np.flatnonzero(doubt)
    start_m, stop_m = np.sort(np.stack([near.m[other[step - 1]], near.m[other[step]]]), axis=0)
    place = network.place[near.strand[other[step]]]
    alone = ~found.spans().touches(place, start_m, stop_m)
    # What is left of a run when such steps are taken out must be long enough still.
    unsure = np.zeros(doubt.size, dtype=bool)
    unsure[step[alone]] = True
    run = np.cumsum(np.diff(unsure, prepend=False))
    run_m = np.bincount(run, weights=np.where(unsure, walk.spots.step_m, 0.0))
    unsure &= (run_m >= SHORTEST_AMBIGUOUS_M)[run]
    keep = unsure[step]
    step, place, start_m, stop_m = step[keep], place[keep], start_m[keep], stop_m[keep]
    kind = np.where(unsure[spot] & (found.kind != Kind.BRIDGED), Kind.AMBIGUOUS, found.kind)
    maybe = Covered(place, start_m, stop_m, walk.middle_s(step), np.full(step.size, Kind.AMBIGUOUS), CLOSE_M)
    return joined([replace(found, kind=kind), maybe], close_m=CLOSE_M)
