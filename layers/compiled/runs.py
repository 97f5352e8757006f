"""From the line at each spot to stretches on the measures of lines."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.compiled import compiled, inlined
from layers.compiled.gaps import arrived, searched, searching
from layers.compiled.ground import MARKS, MOST_NEAR, Grid, Links, Segments, around, foot, shortest
from layers.compiled.switch import Candidates, Costs, Spots

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WALKED, BRIDGED, AMBIGUOUS = 0, 2, 3
"""`layers.coverage.Kind` as plain numbers."""


class Limits(NamedTuple):
    """Metres, where not said otherwise."""

    overshoot_m: float = 12.0
    """So far beyond a junction at which a line was left is an error, not a way."""
    shortest_m: float = 20.0
    shortest_share: float = 0.6
    """A shorter run was crossed or grazed, unless it is most of a short strand."""
    end_m: float = 4.0
    """So near its end a strand was walked to the end."""
    turned_m: float = 18.0
    """The same where the walk turned round there: smoothing takes that much off a turn."""
    bridge_s: float = 300.0
    """No longer outage is bridged."""
    bridge_slow: float = 0.6
    bridge_fast: float = 1.5
    """Shares of the usual pace between which an outage is bridged."""


class Rows(NamedTuple):
    """Stretches: strand, from, to, the spot at which the step ends, and the kind; shape (rows,)."""

    strand: Ints
    from_m: Floats
    to_m: Floats
    spot: Ints
    kind: Ints


@compiled
def runs(
    chosen: Ints,
    spots: Spots,
    near: Candidates,
    segments: Segments,
    links: Links,
    low_m: Floats,
    high_m: Floats,
    reach_m: Floats,
    pace_m_s: float,
    limits: Limits,
) -> Rows:
    """Return the stretches of all runs of spots that are on one strand."""
    n = chosen.size
    most = 6 * n + 6
    strand, from_m, to_m = np.empty(most, np.int64), np.empty(most), np.empty(most)
    spot, kind = np.empty(most, np.int64), np.zeros(most, np.int64)
    k = 0
    t = 0
    entered = np.nan
    while t < n:
        if chosen[t] < 0:
            entered = np.nan
            t += 1
            continue
        s = near.strand[chosen[t]]
        begin, u = k, t
        m = near.m[chosen[t]]
        if not np.isnan(entered) and near.away_m[chosen[t]] <= reach_m[near.segment[chosen[t]]]:
            strand[k], from_m[k], to_m[k], spot[k], kind[k] = s, min(m, entered), max(m, entered), t, WALKED
            k += 1
        while u + 1 < n and chosen[u + 1] >= 0 and near.strand[chosen[u + 1]] == s:
            if spots.leaps[u + 1]:
                break
            a, b = chosen[u], chosen[u + 1]
            if spots.begins_s[u + 1] > 0:
                if not _fits(abs(near.m[a] - near.m[b]), spots.begins_s[u + 1], pace_m_s, limits):
                    break
                strand[k], from_m[k], to_m[k] = s, min(near.m[a], near.m[b]), max(near.m[a], near.m[b])
                spot[k], kind[k] = u + 1, BRIDGED
                k += 1
            else:
                k = _step(u, a, b, spots, near, segments, reach_m, strand, from_m, to_m, spot, kind, k)
            u += 1
        left, over, next_entered = np.nan, -1, np.nan
        if u + 1 < n and chosen[u + 1] >= 0 and spots.leaps[u + 1]:
            # What lies between is written by `leaps`: the run goes on there.
            left, next_entered = near.m[chosen[u]], near.m[chosen[u + 1]]
        elif u + 1 < n and chosen[u + 1] >= 0 and spots.begins_s[u + 1] == 0:
            a, b = chosen[u], chosen[u + 1]
            _, link = shortest(links, s, near.strand[b], near.m[a], near.m[b])
            if link >= 0 and _is_near(u, link, spots, links, reach_m[near.segment[a]], limits):
                left, next_entered, over = links.leave_m[link], links.enter_m[link], link
                if near.away_m[a] <= reach_m[near.segment[a]]:
                    strand[k], from_m[k], to_m[k] = s, min(near.m[a], left), max(near.m[a], left)
                    spot[k], kind[k] = u, WALKED
                    k += 1
        if k > begin:
            inside_m = near.m[chosen[t]], near.m[chosen[u]]
            k = _trimmed(begin, k, entered, left, inside_m, low_m[s], high_m[s], from_m, to_m, limits)
        if over >= 0 and links.over[over] >= 0:
            a_m, b_m = links.over_from_m[over], links.over_to_m[over]
            strand[k], from_m[k], to_m[k] = links.over[over], min(a_m, b_m), max(a_m, b_m)
            spot[k], kind[k] = u, WALKED
            k += 1
        entered = next_entered
        t = u + 1
    keep = from_m[:k] < to_m[:k]
    return Rows(strand[:k][keep], from_m[:k][keep], to_m[:k][keep], spot[:k][keep], kind[:k][keep])


@compiled
def leaps(chosen: Ints, spots: Spots, near: Candidates, links: Links, costs: Costs) -> Rows:
    """Return the stretches of the ways between fixes that lie far apart."""
    strand, spot, kind = [0], [0], [0]
    from_m, to_m = [0.0], [0.0]
    sheet = searching(links)
    for t in range(1, chosen.size):
        a, b = chosen[t - 1], chosen[t]
        if not spots.leaps[t] or a < 0 or b < 0:
            continue
        limit_m = costs.leap_furthest * spots.step_m[t] + costs.most_differ_m
        searched(near.strand[a], near.m[a], limit_m, links, sheet, t)
        way_m, k = arrived(near.strand[b], near.m[b], links, sheet, t)
        if near.strand[a] == near.strand[b] and abs(near.m[a] - near.m[b]) <= way_m:
            way_m, k = abs(near.m[a] - near.m[b]), -1
        if way_m > limit_m:
            continue
        here, until_m = near.strand[b], near.m[b]
        while k >= 0:
            strand.append(here)
            from_m.append(min(links.enter_m[k], until_m))
            to_m.append(max(links.enter_m[k], until_m))
            until_m, k = links.leave_m[k], sheet.before[k]
            here = near.strand[a] if k < 0 else links.strand[k]
            spot.append(t)
            kind.append(WALKED)
        strand.append(near.strand[a])
        from_m.append(min(near.m[a], until_m))
        to_m.append(max(near.m[a], until_m))
        spot.append(t)
        kind.append(WALKED)
    return Rows(
        np.array(strand[1:]), np.array(from_m[1:]), np.array(to_m[1:]), np.array(spot[1:]), np.array(kind[1:])
    )


@inlined
def _fits(way_m: float, gap_s: float, pace_m_s: float, limits: Limits) -> bool:
    """Tell whether a way along a line fits the time of an outage, give or take the error of both ends."""
    usual_m = pace_m_s * gap_s
    slow_m, fast_m = limits.bridge_slow * usual_m, limits.bridge_fast * usual_m
    return gap_s <= limits.bridge_s and slow_m - 20.0 <= way_m <= fast_m + 20.0


@inlined
def _is_near(u: int, link: int, spots: Spots, links: Links, reach_m: float, limits: Limits) -> bool:
    """Tell whether the walk from spot u to the next passed close to both ends of a link."""
    within_m = min(2 * limits.overshoot_m + 1.5 * spots.gap_m[u], reach_m)
    for end in range(2):
        _, away_m = foot(
            links.x[link, end], links.y[link, end], spots.x[u], spots.y[u], spots.x[u + 1], spots.y[u + 1]
        )
        if away_m > within_m:
            return False
    return True


@inlined
def _step(
    u: int,
    a: int,
    b: int,
    spots: Spots,
    near: Candidates,
    segments: Segments,
    reach_m: Floats,
    strand: Ints,
    from_m: Floats,
    to_m: Floats,
    spot: Ints,
    kind: Ints,
    k: int,
) -> int:
    """Write what the step from spot u to the next covers of one strand, and return the number of rows."""
    one_m, other_m = near.m[a], near.m[b]
    reach_a, reach_b = reach_m[near.segment[a]], reach_m[near.segment[b]]
    away_a, away_b = near.away_m[a], near.away_m[b]
    if away_a > reach_a and away_b > reach_b:
        return k
    way_m = abs(one_m - other_m)
    step_m = spots.step_m[u + 1]
    if way_m > 1.5 * step_m + 5.0:
        # The nearest spot of the line jumps, as inside a bend: what it jumps over must be within reach.
        for g in range(min(near.segment[a], near.segment[b]), max(near.segment[a], near.segment[b])):
            _, far_m = foot(
                segments.bx[g], segments.by[g], spots.x[u], spots.y[u], spots.x[u + 1], spots.y[u + 1]
            )
            # Between fixes that lie apart the walk may have bent as well.
            if far_m > reach_m[g] + spots.gap_m[u] + spots.gap_m[u + 1]:
                return k
    elif away_a > reach_a:
        one_m += (other_m - one_m) * (away_a - reach_a) / (away_a - away_b)
    elif away_b > reach_b:
        other_m += (one_m - other_m) * (away_b - reach_b) / (away_b - away_a)
    strand[k], from_m[k], to_m[k] = near.strand[a], min(one_m, other_m), max(one_m, other_m)
    spot[k], kind[k] = u + 1, WALKED
    return k + 1


@inlined
def _trimmed(
    begin: int,
    end: int,
    entered: float,
    left: float,
    inside_m: tuple[float, float],
    low_m: float,
    high_m: float,
    from_m: Floats,
    to_m: Floats,
    limits: Limits,
) -> int:
    """Cut the rows begin .. end of one run to what was walked, and return the number of rows.

    What lies a little beyond the junctions at which the strand was entered and left is error; where the walk
    turned round near an end, or came close to it, it went to the end.
    """
    first, last = from_m[begin], to_m[begin]
    for q in range(begin + 1, end):
        first, last = min(first, from_m[q]), max(last, to_m[q])
    anchored = not np.isnan(entered) and not np.isnan(left)
    low, high = first, last
    near_low, near_high = min(inside_m[0], inside_m[1]), max(inside_m[0], inside_m[1])
    if anchored:
        near_low, near_high = min(near_low, entered, left), max(near_high, entered, left)
        if min(entered, left) - first < limits.overshoot_m:
            low = min(entered, left)
        if last - max(entered, left) < limits.overshoot_m:
            high = max(entered, left)
    elif not np.isnan(entered) or not np.isnan(left):
        node_m = left if np.isnan(entered) else entered
        near_low, near_high = min(near_low, node_m), max(near_high, node_m)
        # The longer side of the junction is the way, the shorter one error.
        if last - node_m > node_m - first:
            if node_m - first < limits.overshoot_m:
                low = node_m
        elif last - node_m < limits.overshoot_m:
            high = node_m
    shortest_m = min(limits.shortest_m, limits.shortest_share * (high_m - low_m))
    is_spur = anchored and abs(entered - left) < 1.0
    if high - low < shortest_m and (not anchored or is_spur):
        return begin
    low_snap = limits.turned_m if first < near_low - 3.0 else limits.end_m
    high_snap = limits.turned_m if last > near_high + 3.0 else limits.end_m
    reaches_low = low - low_m < low_snap and high - low_m > 2 * limits.end_m
    reaches_high = high_m - high < high_snap and high_m - low > 2 * limits.end_m
    for q in range(begin, end):
        if reaches_low and from_m[q] <= first:
            from_m[q] = low_m
        else:
            from_m[q] = min(max(from_m[q], low), high)
        if reaches_high and to_m[q] >= last:
            to_m[q] = high_m
        else:
            to_m[q] = min(max(to_m[q], low), high)
    return end


@compiled
def twins(
    rows: Rows,
    on: Ints,
    near: Candidates,
    segments: Segments,
    begins: Ints,
    grid: Grid,
    chosen: Bools,
    within_m: float,
) -> Rows:
    """Return the same stretches on other strands that lie on them, as where two routes share a road.

    `on`: the candidate of each spot; `begins`: the first segment of each strand.
    """
    marked, found = np.full(MARKS, -1, np.int64), np.empty(MOST_NEAR, np.int64)
    strand, spot, kind = [0], [0], [0]
    from_m, to_m = [0.0], [0.0]
    mark = 0
    there, there_m = np.empty((2, MOST_NEAR), np.int64), np.empty((2, MOST_NEAR))
    count = np.zeros(2, np.int64)
    for r in range(rows.strand.size):
        # On a short stretch anything that crosses it would lie on it.
        if rows.to_m[r] - rows.from_m[r] < 2.5 * within_m or _is_alone(rows, r, on, near, within_m):
            continue
        for end in range(2):
            m = rows.from_m[r] if end == 0 else rows.to_m[r]
            x, y = _spot(segments, begins, rows.strand[r], m)
            hits = around(x, y, within_m, segments, grid, marked, mark, found)
            mark += 1
            count[end] = 0
            for q in range(hits):
                s = found[q]
                if segments.strand[s] != rows.strand[r] and chosen[s]:
                    share, _ = foot(x, y, segments.ax[s], segments.ay[s], segments.bx[s], segments.by[s])
                    there[end, count[end]] = segments.strand[s]
                    there_m[end, count[end]] = segments.from_m[s] + share * (
                        segments.to_m[s] - segments.from_m[s]
                    )
                    count[end] += 1
        length_m = rows.to_m[r] - rows.from_m[r]
        last = -1
        for p in range(count[0]):
            for q in range(count[1]):
                same = there[0, p] == there[1, q] and there[0, p] != last
                if same and abs(abs(there_m[0, p] - there_m[1, q]) - length_m) <= within_m:
                    last = there[0, p]
                    strand.append(last)
                    from_m.append(min(there_m[0, p], there_m[1, q]))
                    to_m.append(max(there_m[0, p], there_m[1, q]))
                    spot.append(rows.spot[r])
                    kind.append(rows.kind[r])
    return Rows(
        np.array(strand[1:]), np.array(from_m[1:]), np.array(to_m[1:]), np.array(spot[1:]), np.array(kind[1:])
    )


@inlined
def _is_alone(rows: Rows, r: int, on: Ints, near: Candidates, within_m: float) -> bool:
    """Tell whether at the spot of a stretch no other strand is as far away as its own: none lies on it."""
    t = rows.spot[r]
    c = on[t]
    if c < 0 or near.strand[c] != rows.strand[r]:
        return False  # a way that was looked for: there are no spots along it
    for other in range(near.first[t], near.first[t + 1]):
        if near.strand[other] != rows.strand[r] and abs(near.away_m[other] - near.away_m[c]) <= within_m:
            return False
    return True


@inlined
def _spot(segments: Segments, begins: Ints, strand: int, m: float) -> tuple[float, float]:
    """Return x, y at a measure of a strand, whose segments begin at `begins[strand]`."""
    low, high = begins[strand], begins[strand + 1] - 1
    while low < high:
        middle = (low + high) // 2
        if segments.to_m[middle] < m:
            low = middle + 1
        else:
            high = middle
    share = (m - segments.from_m[low]) / (segments.to_m[low] - segments.from_m[low])
    share = min(max(share, 0.0), 1.0)
    return (
        segments.ax[low] + share * (segments.bx[low] - segments.ax[low]),
        segments.ay[low] + share * (segments.by[low] - segments.ay[low]),
    )
