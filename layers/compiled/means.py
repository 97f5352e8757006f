"""The running mean of a track, and the spots along its way."""

import numpy as np
from numpy.typing import NDArray

from layers.compiled import compiled, inlined

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@compiled
def running_mean(xy: Floats, time_s: Floats, piece: Ints, window_s: float, window_m: float) -> Floats:
    """Return the mean over time of straight steps between fixes x, y, shape (n, 2), within each piece.

    The window is `window_s` long, or as long as `window_m` of way takes if that is less; it shrinks towards
    the ends of a piece, which stay where they are.
    """
    n = time_s.size
    mean = np.empty((n, 2))
    begin = 0
    while begin < n:
        end = begin
        while end + 1 < n and piece[end + 1] == piece[begin]:
            end += 1
        area = np.zeros((end - begin + 1, 2))
        for i in range(begin + 1, end + 1):
            step_s = time_s[i] - time_s[i - 1]
            for axis in range(2):
                area[i - begin, axis] = (
                    area[i - begin - 1, axis] + (xy[i, axis] + xy[i - 1, axis]) / 2 * step_s
                )
        low = high = begin
        for i in range(begin, end + 1):
            half_s = min(window_s / 2, time_s[i] - time_s[begin], time_s[end] - time_s[i])
            if half_s <= 0:
                mean[i] = xy[i]
                continue
            low = _step_at(time_s, time_s[i] - half_s, begin, end, low)
            high = _step_at(time_s, time_s[i] + half_s, begin, end, high)
            ax, ay, area_ax, area_ay = _until(xy, time_s, area, begin, low, time_s[i] - half_s)
            bx, by, area_bx, area_by = _until(xy, time_s, area, begin, high, time_s[i] + half_s)
            spread_m = np.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay))
            if spread_m > window_m:
                half_s *= window_m / spread_m
                low = _step_at(time_s, time_s[i] - half_s, begin, end, low)
                high = _step_at(time_s, time_s[i] + half_s, begin, end, high)
                _, _, area_ax, area_ay = _until(xy, time_s, area, begin, low, time_s[i] - half_s)
                _, _, area_bx, area_by = _until(xy, time_s, area, begin, high, time_s[i] + half_s)
            mean[i, 0], mean[i, 1] = (area_bx - area_ax) / (2 * half_s), (area_by - area_ay) / (2 * half_s)
        begin = end + 1
    return mean


@inlined
def _step_at(time_s: Floats, at_s: float, begin: int, end: int, near: int) -> int:
    """Return the fix at which the step begins that holds a time; looks around `near`."""
    i = near
    while i > begin and time_s[i] > at_s:
        i -= 1
    while i < end - 1 and time_s[i + 1] <= at_s:
        i += 1
    return min(i, end - 1)


@inlined
def _until(
    xy: Floats, time_s: Floats, area: Floats, begin: int, i: int, at_s: float
) -> tuple[float, float, float, float]:
    """Return x, y at a time within the step that begins at fix i, and their integrals up to it."""
    gone_s = at_s - time_s[i]
    share = gone_s / (time_s[i + 1] - time_s[i])
    x = xy[i, 0] + share * (xy[i + 1, 0] - xy[i, 0])
    y = xy[i, 1] + share * (xy[i + 1, 1] - xy[i, 1])
    return (
        x,
        y,
        area[i - begin, 0] + (xy[i, 0] + x) / 2 * gone_s,
        area[i - begin, 1] + (xy[i, 1] + y) / 2 * gone_s,
    )


@inlined
def _apart(xy: Floats, i: int, j: int) -> float:
    dx, dy = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
    apart: float = np.sqrt(dx * dx + dy * dy)
    return apart


@compiled
def spots_of(
    xy: Floats, time_s: Floats, error_m: Floats, piece: Ints, step_m: float, far_m: float
) -> tuple[Floats, Floats, Floats, Floats, Floats, Bools]:
    """Return spots about `step_m` apart along a way: x, y, shape (k, 2), and the rest, shape (k,).

    The rest: time; error; gap, begins, leaps. What lies closer together than most of a step is one spot, so
    that a standstill is one as well; longer steps are cut. `gap`: metres, the product of the ways to the
    fixes before and after over the step's length: how far the true way may bend between them. `begins`:
    seconds since the last spot where a new piece begins, else 0. `leaps`: whether the fix before lies further
    than `far_m` away: there are no spots between.
    """
    n = time_s.size
    near_m = 0.8 * step_m
    most = n
    for i in range(1, n):
        most += 2 + int(_apart(xy, i - 1, i) / step_m)
    out, at_s = np.empty((most + 2, 2)), np.empty(most + 2)
    error, gap, begins = np.empty(most + 2), np.zeros(most + 2), np.zeros(most + 2)
    leaps = np.zeros(most + 2, np.bool_)
    k = 0
    begin = 0
    while begin < n:
        end = begin
        while end + 1 < n and piece[end + 1] == piece[begin]:
            end += 1
        first = k
        last = begin
        for i in range(begin + 1, end + 1):
            way_m = _apart(xy, last, i)
            if way_m < near_m and not (i == end and way_m > 0 and k > first):
                continue
            if k == first:
                out[k], at_s[k], error[k] = xy[last], time_s[last], error_m[last]
                k += 1
            steps = max(int(np.ceil(way_m / step_m - 0.3)), 1)
            if i == last + 1 and way_m > far_m:
                steps, leaps[k] = 1, True
            for j in range(1, steps + 1):
                share = j / steps
                for axis in range(2):
                    out[k, axis] = xy[last, axis] + share * (xy[i, axis] - xy[last, axis])
                at_s[k] = time_s[last] + share * (time_s[i] - time_s[last])
                error[k] = error_m[last] + share * (error_m[i] - error_m[last])
                gap[k] = way_m * share * (1 - share) if i == last + 1 else 0.0
                k += 1
            last = i
        if k == first:
            # Alone it covers nothing, but it may be the end of an outage that is bridged.
            out[k], at_s[k], error[k] = xy[begin], time_s[begin], error_m[begin]
            k += 1
        if first > 0:
            begins[first] = at_s[first] - at_s[first - 1]
        begin = end + 1
    return (
        out[:k].copy(),
        at_s[:k].copy(),
        error[:k].copy(),
        gap[:k].copy(),
        begins[:k].copy(),
        leaps[:k].copy(),
    )
