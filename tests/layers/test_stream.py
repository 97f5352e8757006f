"""Outings in a stream: where it begins and ends, what is none, and nothing twice."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from layers.stream import LEAST_M, LEAST_S, SILENCE_S, STAY_S, is_over, outings
from layers.tracks import Floats

WALK_M_S = 1.2


def stream(*legs: tuple[float, float, float], step_s: float = 10.0) -> tuple[Floats, Floats]:
    """Return a stream: each leg lasts so many seconds and moves so many metres a second east and north."""
    time_s, xy = [0.0], [np.zeros(2)]
    for seconds, east, north in legs:
        for _ in range(int(seconds / step_s)):
            time_s.append(time_s[-1] + step_s)
            xy.append(xy[-1] + np.array([east, north]) * step_s)
    return np.array(time_s), np.array(xy)


HOUR = 3600.0


def test_out_and_home_again() -> None:
    time_s, xy = stream((2 * HOUR, 0, 0), (1800, WALK_M_S, 0), (1800, -WALK_M_S, 0), (2 * HOUR, 0, 0))
    ((first, last),) = outings(time_s, xy)
    # 20 m at a walker's pace.
    assert abs(time_s[first] - 2 * HOUR) <= 20
    assert abs(time_s[last] - 3 * HOUR) <= 20


def test_a_rest_is_part_of_an_outing_and_a_stay_is_not() -> None:
    rest = stream((900, WALK_M_S, 0), (STAY_S / 2, 0, 0), (900, WALK_M_S, 0))
    assert len(outings(*rest)) == 1
    stay = stream((900, WALK_M_S, 0), (STAY_S * 2, 0, 0), (900, WALK_M_S, 0))
    assert len(outings(*stay)) == 2


def test_a_silence_parts_outings() -> None:
    time_s, xy = stream((900, WALK_M_S, 0), (900, WALK_M_S, 0))
    time_s[90:] += SILENCE_S
    assert outings(time_s, xy) == [(0, 89), (90, 180)]


def test_what_leads_nowhere_is_no_outing() -> None:
    assert outings(*stream((HOUR, 0, 0))) == []
    assert outings(*stream((120, 10, 0))) == []  # two minutes on a bus
    assert outings(np.empty(0), np.empty((0, 2))) == []
    assert outings(*stream((600, 0.2, 0))) == []  # around the house


def test_the_last_one_is_over_when_he_stays_or_nothing_comes() -> None:
    time_s, xy = stream((900, WALK_M_S, 0))
    (outing,) = outings(time_s, xy)
    assert not is_over(time_s, outing, time_s[-1] + 60)
    assert is_over(time_s, outing, time_s[-1] + SILENCE_S + 1)
    time_s, xy = stream((900, WALK_M_S, 0), (2 * STAY_S, 0, 0))
    (outing,) = outings(time_s, xy)
    assert is_over(time_s, outing, time_s[-1])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([60.0, 600.0, 1800.0, 4000.0]),
            st.sampled_from([0.0, 0.3, 1.2, -1.2, 8.0]),
            st.sampled_from([0.0, 0.3, 1.2]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([5.0, 30.0, 60.0]),
)
def test_outings_follow_one_another_and_lead_somewhere(
    legs: list[tuple[float, float, float]], step_s: float
) -> None:
    time_s, xy = stream(*legs, step_s=step_s)
    found = outings(time_s, xy)
    for (_, last), (first, _) in itertools.pairwise(found):
        assert last <= first
    for first, last in found:
        assert time_s[last] - time_s[first] >= LEAST_S
        assert np.hypot(*(xy[first : last + 1] - xy[first]).T).max() >= LEAST_M
        assert (np.diff(time_s[first : last + 1]) <= SILENCE_S).all()
    # What moved on for long at a walker's pace is in one of them.
    fast = np.flatnonzero(np.hypot(*np.diff(xy, axis=0).T) >= 1.0 * step_s)
    runs = np.split(fast, np.flatnonzero(np.diff(fast) > 1) + 1)
    for run in runs:
        if run.size * step_s >= 1800:
            middle = run[run.size // 2]
            far = np.hypot(*(xy[run] - xy[run[0]]).T).max() > 1000
            assert not far or any(first <= middle <= last for first, last in found)
