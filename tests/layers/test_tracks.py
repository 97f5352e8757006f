"""Cleaning: what is dropped, what is split, what stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.crs import to_lonlat
from layers.errors import BadTrack
from layers.tracks import SMOOTHING_M, Recording, Track, clean, home_cut, smoothed

CRS = "EPSG:4549"
NOON_S = 1_777_600_000.0


def recording(
    xy: np.ndarray, time_s: np.ndarray | None = None, accuracy_m: np.ndarray | None = None
) -> Recording:
    time_s = np.arange(len(xy), dtype=float) * 5 if time_s is None else time_s
    return Recording(NOON_S + time_s, to_lonlat(np.add(xy, [480_000, 3_640_000]), CRS), accuracy_m)


def straight(n: int, step_m: float = 6.0) -> np.ndarray:
    return np.column_stack([np.arange(n) * step_m, np.zeros(n)])


def test_a_quiet_walk_stays_as_it_is() -> None:
    track = clean(recording(straight(50)), CRS)
    assert len(track) == 50
    assert not track.dropped
    assert set(track.piece) == {0}
    assert track.walked_m(CRS) == pytest.approx(49 * 6.0, rel=1e-4)


@given(st.permutations(range(20)), st.sets(st.integers(0, 19)))
def test_order_and_doubles_do_not_matter(order: list[int], doubled: set[int]) -> None:
    whole = recording(straight(20))
    rows = np.array([*order, *doubled])
    mixed = Recording(whole.time_s[rows], whole.lonlat[rows])
    track = clean(mixed, CRS)
    assert np.array_equal(track.time_s, whole.time_s)
    assert np.array_equal(track.lonlat, whole.lonlat)
    assert track.dropped.get("same_time", 0) == len(doubled)


def test_an_outage_splits_and_is_never_bridged() -> None:
    time_s = np.r_[np.arange(10) * 5.0, 45 + 60.0 + np.arange(10) * 5.0, 600 + np.arange(10) * 5.0]
    track = clean(recording(straight(30), time_s), CRS)
    assert track.piece.tolist() == [0] * 20 + [1] * 10  # 60 s is joined, more is not


@pytest.mark.parametrize("fixes", [1, 2, 3])
def test_a_spike_is_dropped(fixes: int) -> None:
    xy = straight(30)
    xy[10 : 10 + fixes] += [0, 5000]
    track = clean(recording(xy), CRS)
    assert track.dropped == {"spike": fixes}
    assert set(track.piece) == {0}
    assert 10 * 5 + NOON_S not in track.time_s


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("away", range(5))
def test_one_of_few_fixes_far_away_is_a_spike_or_a_place_of_its_own(n: int, away: int) -> None:
    xy = straight(n)
    xy[away % n] += [0.0, 9000.0]
    track = clean(recording(xy), CRS)
    is_between = 0 < away % n < n - 1
    assert track.dropped == ({"spike": 1} if is_between else {})
    assert len(set(track.piece.tolist())) == (1 if is_between or n == 1 else 2)


def test_a_poor_fix_faster_than_an_e_bike_is_a_spike_a_good_one_is_not() -> None:
    xy = straight(30)
    xy[10] += [0, 80]
    accuracy_m = np.full(30, 5.0)
    assert not clean(recording(xy, accuracy_m=accuracy_m), CRS).dropped
    accuracy_m[10] = 50.0
    assert clean(recording(xy, accuracy_m=accuracy_m), CRS).dropped == {"spike": 1}


def test_a_jump_that_is_not_taken_back_splits() -> None:
    xy = straight(30)
    xy[12:] += [0, 5000]
    track = clean(recording(xy), CRS)
    assert not track.dropped
    assert track.piece.tolist() == [0] * 12 + [1] * 18


def test_what_cannot_be_is_dropped_and_counted() -> None:
    fixes = recording(straight(10), accuracy_m=np.array([5.0] * 9 + [400]))
    fixes.time_s[0], fixes.time_s[1] = 0.0, 253_370_764_800.0
    fixes.lonlat[2] = [np.nan, 33]
    fixes.lonlat[3] = [119, 133]
    track = clean(fixes, CRS)
    assert track.dropped == {"no_position": 2, "impossible_time": 2, "poor_accuracy": 1}
    assert len(track) == 5


def test_nothing_usable_is_said_with_the_reason() -> None:
    with pytest.raises(BadTrack, match="精度太差3个"):
        clean(recording(straight(3), accuracy_m=np.full(3, 500.0)), CRS)
    with pytest.raises(BadTrack, match="一个点也没有"):
        clean(Recording(np.empty(0), np.empty((0, 2))), CRS)


def test_the_home_cut_takes_what_is_near_the_ends_and_near_no_place() -> None:
    track = clean(recording(straight(101, step_m=10.0)), CRS)
    near_a_place = np.zeros(101, bool)
    near_a_place[95:] = True
    cut = home_cut(track, CRS, cut_m=200.0, near_a_place=near_a_place)
    kept_m = np.rint((cut.time_s - NOON_S) / 5 * 10)
    assert kept_m.min() == 210
    assert set(kept_m) == {*range(210, 800, 10), *range(950, 1001, 10)}
    assert cut.piece.tolist() == [0] * 59 + [1] * 6
    assert home_cut(track, CRS, cut_m=0.0, near_a_place=near_a_place) is track


@given(
    st.lists(st.booleans(), min_size=1, max_size=40), st.lists(st.integers(0, 1), min_size=40, max_size=40)
)
def test_selecting_never_joins_pieces(keep: list[bool], steps: list[int]) -> None:
    n = len(keep)
    piece = np.cumsum(steps[:n])
    track = Track(np.arange(n, dtype=float), np.zeros((n, 2)), np.full(n, np.nan), piece)
    kept = track.where(np.array(keep))
    index = np.flatnonzero(keep)
    for i in range(1, len(kept)):
        joined = index[i] - index[i - 1] == 1 and piece[index[i]] == piece[index[i - 1]]
        assert (kept.piece[i] == kept.piece[i - 1]) == joined


def test_smoothing_is_the_mean_over_its_window() -> None:
    random = np.random.default_rng(1)
    xy, time_s = random.normal(0, 3, (200, 2)), np.cumsum(random.uniform(0.5, 3, 200))
    piece = np.repeat([0, 1], 100)
    time_s[100:] += 500
    smooth = smoothed(xy, time_s, piece)
    for i in (0, 3, 50, 99, 100, 150, 199):
        ends = (0, 99) if i < 100 else (100, 199)
        half_s = min(10.0, time_s[i] - time_s[ends[0]], time_s[ends[1]] - time_s[i])
        if half_s == 0:
            assert smooth[i] == pytest.approx(xy[i])
            continue
        at = np.linspace(time_s[i] - half_s, time_s[i] + half_s, 20_001)
        here = slice(ends[0], ends[1] + 1)
        track = np.column_stack([np.interp(at, time_s[here], xy[here, k]) for k in (0, 1)])
        if np.hypot(*(track[-1] - track[0])) <= SMOOTHING_M:
            assert smooth[i] == pytest.approx(track.mean(axis=0), abs=2e-3)


def test_a_fast_track_is_smoothed_over_metres_not_seconds() -> None:
    xy = np.vstack([straight(41, 10.0), np.column_stack([np.full(40, 400.0), np.arange(10, 410, 10)])])
    time_s = np.arange(len(xy), dtype=float)
    smooth = smoothed(xy, time_s, np.zeros(len(xy), np.int64))
    assert np.hypot(*(smooth - xy).T).max() < SMOOTHING_M / 3


def test_the_way_walked_does_not_grow_with_the_error_of_the_phone() -> None:
    random = np.random.default_rng(2)
    xy = straight(2000, step_m=1.2)
    wandering = np.convolve(random.normal(0, 1, 2100), np.ones(30) / np.sqrt(30), "valid")[:2000] * 4
    noisy = xy + np.column_stack([random.normal(0, 1.5, 2000), wandering + random.normal(0, 1.5, 2000)])
    recorded = recording(noisy, np.arange(2000, dtype=float))
    assert clean(recorded, CRS).walked_m(CRS) == pytest.approx(2400, rel=0.05)
