"""Along which line a walk went: a switch between the lines around each spot of its way.

Without routing. At each spot the walk is on one of the candidate lines, or on none. Being on a line costs by
its distance and by how far it turns away from the walk; going on from spot to spot costs by how much the way
along the lines differs from the way that was walked; a change of line costs little where two lines are
linked, much where they are not. The cheapest sequence is found by Viterbi's algorithm (Viterbi 1967; Forney,
Proc. IEEE 61, 1973).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.compiled import compiled, inlined
from layers.compiled.gaps import Search, arrived, searched, searching
from layers.compiled.ground import MARKS, MOST_NEAR, Grid, Links, Segments, around, foot, shortest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Spots(NamedTuple):
    """Spots along a way, shape (k,): x, y, the unit vector of the way there, metres since the last spot.

    `weight`: how much of a view of its own each spot is, for errors of neighbours are alike. `variance`: of
    the error, square metres. `gap_m`: how far the true way may bend. `begins_s`: seconds since the last spot
    where a new piece begins, else 0. `leaps`: whether the fix before lies far away.
    `ridden`: whether it goes faster than one walks.
    """

    x: Floats
    y: Floats
    along_x: Floats
    along_y: Floats
    step_m: Floats
    weight: Floats
    variance: Floats
    gap_m: Floats
    begins_s: Floats
    leaps: Bools
    ridden: Bools


class Candidates(NamedTuple):
    """Strands near each spot: those of spot t are rows `first[t]` .. `first[t+1]`.

    Of each: the strand, its nearest segment, the measure there, the distance, what being on it costs, and how
    much wider than a path its reach is (metres).
    """

    first: Ints
    strand: Ints
    segment: Ints
    m: Floats
    away_m: Floats
    cost: Floats
    wider_m: Floats


class Standing(NamedTuple):
    """Of each strand, the last spot around which it stands, and its first candidate there; shape (strands,).

    Candidates of one strand follow each other.
    """

    spot: Ints
    first: Ints


class Costs(NamedTuple):
    """What the switch weighs; nats where not said otherwise.

    Tuned on simulated walks and scenes of one half of the maps, judged on the other (`tests.benchmarks`).
    """

    turned: float = 3.0
    """Being at right angles to a line."""
    within: float = 2.5
    """The distance of what is within reach, at most: less than being on none, for one may walk there."""
    most: float = 20.0
    """Being on a line, however far."""
    off: float = 4.0
    """Being on none."""
    scale_m: float = 15.0
    """Metres by which the way along the lines may differ from the way walked, for one nat."""
    change_m: float = 10.0
    """The same where the line changes."""
    most_differ_m: float = 40.0
    leap_share: float = 0.4
    """Of a leap: so much more may they differ there."""
    leap_furthest: float = 2.2
    """Times a leap: no longer way is looked for."""
    linked: float = 0.15
    """A change to a line that touches."""
    hop: float = 2.0
    """So much more over a short piece of a third line."""
    linked_ridden: float = 1.0
    """The same for what is ridden: it goes straight on more often, and its errors last for more metres."""
    against: float = 0.4
    """Riding against the order in which a line is drawn: carriageways are drawn as they are driven."""
    unlinked: float = 8.0
    """A change to a line that does not."""
    enter: float = 6.0
    """Coming onto a line from none, or leaving all."""


@compiled
def candidates(
    spots: Spots,
    segments: Segments,
    grid: Grid,
    reach_m: Floats,
    chosen: Bools,
    path_m: float,
    further_m: float,
    most: int,
    costs: Costs,
) -> Candidates:
    """Return the strands within reach and `further_m` of each spot: of `chosen` segments, the `most` nearest.

    `reach_m`, `chosen`: shape (segments,). Where a strand passes a spot twice, as in a hairpin, it stands
    there twice. A reach beyond `path_m` is that of something wide: one walks beside it.
    """
    n = spots.x.size
    marked, found = np.full(MARKS, -1, np.int64), np.empty(MOST_NEAR, np.int64)
    furthest_m = 0.0
    for s in range(reach_m.size):
        if chosen[s] and reach_m[s] > furthest_m:
            furthest_m = reach_m[s]
    first = np.zeros(n + 1, np.int64)
    strand, segment = np.empty(n * most, np.int64), np.empty(n * most, np.int64)
    m, away_m, turn = np.empty(n * most), np.empty(n * most), np.empty(n * most)
    k = 0
    for t in range(n):
        x, y = spots.x[t], spots.y[t]
        near = around(x, y, furthest_m + further_m, segments, grid, marked, t, found)
        begin, last = k, -2
        for q in range(near):
            s = found[q]
            if not chosen[s]:
                continue
            dx, dy = segments.bx[s] - segments.ax[s], segments.by[s] - segments.ay[s]
            share, far_m = foot(x, y, segments.ax[s], segments.ay[s], segments.bx[s], segments.by[s])
            if far_m > reach_m[s] + further_m:
                continue
            cos = (dx * spots.along_x[t] + dy * spots.along_y[t]) / max(np.sqrt(dx * dx + dy * dy), 1e-9)
            row = k
            if k > begin and s == last + 1 and strand[k - 1] == segments.strand[s]:
                # The next segment of the same passage: the nearer one stands for it.
                row = k - 1
                if far_m > away_m[row] or (far_m == away_m[row] and abs(cos) <= abs(turn[row])):
                    last = s
                    continue
            elif k - begin == most:
                row = begin
                for z in range(begin + 1, k):
                    if away_m[z] > away_m[row]:
                        row = z
                if far_m >= away_m[row]:
                    continue
                # Keep the order of segments: what comes behind moves up.
                for z in range(row, k - 1):
                    strand[z], segment[z], m[z] = strand[z + 1], segment[z + 1], m[z + 1]
                    away_m[z], turn[z] = away_m[z + 1], turn[z + 1]
                row = k - 1
            else:
                k += 1
            last = s
            strand[row], segment[row] = segments.strand[s], s
            m[row] = segments.from_m[s] + share * (segments.to_m[s] - segments.from_m[s])
            away_m[row], turn[row] = far_m, cos
        first[t + 1] = k
    cost, wider_m = np.empty(k), np.empty(k)
    for t in range(n):
        for c in range(first[t], first[t + 1]):
            wider_m[c] = max(reach_m[segment[c]] - path_m, 0.0)
            variance = spots.variance[t] + (0.5 * wider_m[c]) ** 2
            on = away_m[c] ** 2 / (2 * variance)
            if away_m[c] <= reach_m[segment[c]]:
                on = min(on, costs.within)
            on += costs.turned * (1 - turn[c] * turn[c])
            if spots.ridden[t] and turn[c] < 0:
                on += costs.against
            cost[c] = spots.weight[t] * min(on, costs.most)
    return Candidates(
        first, strand[:k].copy(), segment[:k].copy(), m[:k].copy(), away_m[:k].copy(), cost, wider_m
    )


@inlined
def change(
    near: Candidates, links: Links, a: int, b: int, step_m: float, ridden: bool, costs: Costs
) -> float:
    """Return what it costs to go on from candidate a to candidate b of the next spot."""
    if near.strand[a] == near.strand[b]:
        return _along(near, a, b, step_m, costs)
    way_m, link = shortest(links, near.strand[a], near.strand[b], near.m[a], near.m[b])
    return costs.unlinked if link < 0 else _over(near, links, link, a, b, way_m, step_m, ridden, costs)


@inlined
def _along(near: Candidates, a: int, b: int, step_m: float, costs: Costs) -> float:
    """Return what it costs to go on along the same strand."""
    # Beside something wide the way along it and the way walked differ in every bend.
    scale_m = costs.scale_m + max(near.wider_m[a], near.wider_m[b])
    price: float = min(abs(abs(near.m[a] - near.m[b]) - step_m), costs.most_differ_m) / scale_m
    return price


@inlined
def _over(
    near: Candidates,
    links: Links,
    link: int,
    a: int,
    b: int,
    way_m: float,
    step_m: float,
    ridden: bool,
    costs: Costs,
) -> float:
    """Return what it costs to go on over a link, on which the way is so many metres long."""
    price: float = costs.linked_ridden if ridden else costs.linked
    if links.over[link] >= 0:
        price += costs.hop
    scale_m = costs.change_m + max(near.wider_m[a], near.wider_m[b])
    price += min(abs(way_m - step_m), costs.most_differ_m) / scale_m
    return min(price, costs.unlinked)


@compiled
def _over_leap(
    near: Candidates, links: Links, sheet: Search, number: int, a: int, b: int, step_m: float, costs: Costs
) -> float:
    """Return what it costs to go on from a to b, fixes far apart; the sheet holds the ways from a."""
    way_m, _ = arrived(near.strand[b], near.m[b], links, sheet, number)
    if near.strand[a] == near.strand[b]:
        way_m = min(way_m, abs(near.m[a] - near.m[b]))
    if way_m > costs.leap_furthest * step_m + costs.most_differ_m:
        return costs.unlinked
    scale_m = costs.scale_m + costs.leap_share * step_m + max(near.wider_m[a], near.wider_m[b])
    price: float = min(abs(way_m - step_m) / scale_m, costs.unlinked)
    return price


@compiled
def decided(spots: Spots, near: Candidates, links: Links, costs: Costs) -> Ints:
    """Return the candidate that the walk was on at each spot (-1: none), shape (k,)."""
    n = spots.x.size
    most = 0
    for t in range(n):
        most = max(most, near.first[t + 1] - near.first[t])
    came = np.full((n, most + 1), -1, np.int32)
    until = np.full(near.strand.size, np.inf)
    sheet = searching(links)
    stands = Standing(np.full(links.first.size, -1, np.int64), np.empty(links.first.size, np.int64))
    off = 0.0
    for t in range(n):
        begin, end = near.first[t], near.first[t + 1]
        here = costs.off * spots.weight[t]
        if t == 0:
            for c in range(begin, end):
                until[c] = near.cost[c]
            off = here
            continue
        before, count = near.first[t - 1], begin - near.first[t - 1]
        nearest, by = np.inf, count
        for a in range(before, begin):
            if until[a] < nearest:
                nearest, by = until[a], a - before
        for c in range(begin, end):
            until[c], came[t, c - begin] = off + costs.enter, count
            if not spots.leaps[t] and spots.begins_s[t] == 0 and nearest + costs.unlinked < until[c]:
                until[c], came[t, c - begin] = nearest + costs.unlinked, by
        if spots.leaps[t]:
            _leap(t, spots, near, links, costs, sheet, until, came)
        elif spots.begins_s[t] > 0:
            _after_outage(t, near, costs, until, came)
        else:
            _onward(t, spots, near, links, costs, stands, until, came)
        for c in range(begin, end):
            until[c] += near.cost[c]
        came[t, end - begin] = by if nearest + costs.enter < off else count
        off = min(off, nearest + costs.enter) + here
    return _traced(near, came, until, off)


@inlined
def _onward(
    t: int,
    spots: Spots,
    near: Candidates,
    links: Links,
    costs: Costs,
    stands: Standing,
    until: Floats,
    came: NDArray[np.int32],
) -> None:
    """Write what the candidates of spot t cost after a step along lines and over links.

    Not pair by pair: hardly any two strands around are linked, and it takes longer to find that they are not.
    """
    before, begin, end = near.first[t - 1], near.first[t], near.first[t + 1]
    step_m, ridden = spots.step_m[t], spots.ridden[t]
    dearest = 0.0
    for c in range(end - 1, begin - 1, -1):
        stands.spot[near.strand[c]], stands.first[near.strand[c]] = t, c
        dearest = max(dearest, until[c])
    for a in range(before, begin):
        if until[a] >= dearest:
            continue
        one = near.strand[a]
        if stands.spot[one] == t:
            c = stands.first[one]
            while c < end and near.strand[c] == one:
                price = until[a] + _along(near, a, c, step_m, costs)
                if price < until[c]:
                    until[c], came[t, c - begin] = price, a - before
                c += 1
        k, last = links.first[one], links.first[one + 1]
        while k < last:
            other, group = links.strand[k], k
            while k < last and links.strand[k] == other:
                k += 1
            if other == one or stands.spot[other] != t:
                continue
            c = stands.first[other]
            while c < end and near.strand[c] == other:
                way_m, link = np.inf, -1
                for j in range(group, k):
                    over_m = (
                        abs(near.m[a] - links.leave_m[j]) + links.way_m[j] + abs(links.enter_m[j] - near.m[c])
                    )
                    if over_m < way_m:
                        way_m, link = over_m, j
                price = until[a] + _over(near, links, link, a, c, way_m, step_m, ridden, costs)
                if price < until[c]:
                    until[c], came[t, c - begin] = price, a - before
                c += 1


@inlined
def _after_outage(t: int, near: Candidates, costs: Costs, until: Floats, came: NDArray[np.int32]) -> None:
    """Write what the candidates of spot t cost behind an outage: any line may follow, rather the same."""
    before, begin, end = near.first[t - 1], near.first[t], near.first[t + 1]
    for a in range(before, begin):
        for c in range(begin, end):
            price = until[a] + (0.0 if near.strand[a] == near.strand[c] else 2 * costs.linked + 1.0)
            if price < until[c]:
                until[c], came[t, c - begin] = price, a - before


@compiled
def _leap(
    t: int,
    spots: Spots,
    near: Candidates,
    links: Links,
    costs: Costs,
    sheet: Search,
    until: Floats,
    came: NDArray[np.int32],
) -> None:
    """Write what the candidates of spot t cost behind a leap, and where each came from."""
    before, begin, end = near.first[t - 1], near.first[t], near.first[t + 1]
    step_m = spots.step_m[t]
    for a in range(before, begin):
        limit_m = costs.leap_furthest * step_m + costs.most_differ_m
        searched(near.strand[a], near.m[a], limit_m, links, sheet, a)
        for c in range(begin, end):
            price = until[a] + _over_leap(near, links, sheet, a, a, c, step_m, costs)
            if price < until[c]:
                until[c], came[t, c - begin] = price, a - before


@compiled
def _traced(near: Candidates, came: NDArray[np.int32], until: Floats, off: float) -> Ints:
    n = near.first.size - 1
    chosen = np.full(n, -1, np.int64)
    if n == 0:
        return chosen
    count = near.first[n] - near.first[n - 1]
    state, least = count, off
    for c in range(count):
        if until[near.first[n - 1] + c] < least:
            state, least = c, until[near.first[n - 1] + c]
    for t in range(n - 1, -1, -1):
        if state < near.first[t + 1] - near.first[t]:
            chosen[t] = near.first[t] + state
        state = came[t, state]
    return chosen
