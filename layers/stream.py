"""Outings in an endless stream of fixes: the times at which somebody was on the way.

A recorder that is never switched off records dinner and the bus too. Which of its outings was a patrol is
for its person to say; here it is only told from where to where there was one.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STAY_M = 60.0
"""Who keeps within so many metres has not gone on: fixes of one who sits under trees wander by less."""
STAY_S = 1200.0
"""Who keeps there so long has arrived; a rest on a bench is shorter (domain.md 5: 20 minutes still)."""
AT_M = 20.0
"""And he sets out, or arrives, so close to the middle of where he stays."""
SILENCE_S = 1200.0
"""Between fixes further apart nobody knows what was: apps send nothing from who sits at home."""
LEAST_S, LEAST_M = 180.0, 200.0
"""What is shorter, or leads nowhere further off, is no outing (the trips of Traccar)."""


def outings(time_s: Floats, xy: Floats) -> list[tuple[int, int]]:
    """Return the first and last fix of each outing, in the order of time.

    `time_s`: ascending, shape (n,); `xy` in metres, shape (n, 2). An outing begins with the last fix at
    one place to stay and ends with the first at the next, or where the stream falls silent.
    """
    found = []
    silent = np.flatnonzero(np.diff(time_s) > SILENCE_S) + 1
    for part in np.split(np.arange(time_s.size), silent):
        at, last = 0, part.size - 1
        for first, after in _stays(time_s[part], xy[part]):
            arrived, left = _arrived_and_left(xy[part[first:after]])
            found.append((int(part[at]), int(part[first + arrived])))
            at = first + left
        if part.size:
            found.append((int(part[at]), int(part[last])))
    return [
        (first, last) for first, last in found if _is_outing(time_s[first : last + 1], xy[first : last + 1])
    ]


def is_over(time_s: Floats, outing: tuple[int, int], now_s: float) -> bool:
    """Tell whether an outing has ended: he stays where it led, or nothing came for long."""
    return outing[1] < time_s.size - 1 or now_s - float(time_s[outing[1]]) > SILENCE_S


def _is_outing(time_s: Floats, xy: Floats) -> bool:
    return bool(time_s[-1] - time_s[0] >= LEAST_S and np.hypot(*(xy - xy[0]).T).max() >= LEAST_M)


def _stays(time_s: Floats, xy: Floats) -> list[tuple[int, int]]:
    """Return the first fix of each time that was spent around it, and the one behind the last."""
    # The fix by which a stay that begins here would be long enough; only where it is near one looks closer.
    until = np.searchsorted(time_s, time_s + STAY_S)
    known = until < time_s.size
    near = np.zeros(time_s.size, dtype=bool)
    near[known] = np.hypot(*(xy[until[known]] - xy[known]).T) <= STAY_M
    found: list[tuple[int, int]] = []
    free = 0
    for first in np.flatnonzero(near).tolist():
        if first < free:
            continue
        away = np.hypot(*(xy[first : until[first] + 1] - xy[first]).T) > STAY_M
        if away.any():
            continue
        after = np.flatnonzero(np.hypot(*(xy[until[first] :] - xy[first]).T) > STAY_M)
        free = int(until[first] + after[0]) if after.size else time_s.size
        found.append((first, free))
    return found


def _arrived_and_left(xy: Floats) -> tuple[int, int]:
    """Return the first and the last fix of a stay at which he is where he stays."""
    there = np.flatnonzero(np.hypot(*(xy - np.median(xy, axis=0)).T) <= AT_M)
    return (int(there[0]), int(there[-1])) if there.size else (0, len(xy) - 1)
