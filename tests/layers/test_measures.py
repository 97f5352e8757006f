"""The numbers of a track: time under way, what was ridden, gaps, leaps, metres within reach."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.crs import to_lonlat
from layers.lines import LineSet
from layers.measures import (
    AtPlace,
    Measures,
    along_m,
    gap_share,
    inside_m,
    leaps,
    median_accuracy_m,
    minutes,
    outages,
    ridden_share,
    way_of,
)
from layers.tracks import Recording, clean
from layers.verdicts import Numbers

CRS = "EPSG:4549"
ORIGIN = np.array([480_000.0, 3_640_000.0])


def going(*legs: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Positions east and times of legs (metres, seconds), a fix every 5 s."""
    x, t = [0.0], [0.0]
    for metres, seconds in legs:
        steps = int(seconds // 5)
        x += [x[-1] + metres * (k + 1) / steps for k in range(steps)]
        t += [t[-1] + 5.0 * (k + 1) for k in range(steps)]
    return np.column_stack([x, np.zeros(len(x))]), np.array(t)


def one_piece(time_s: np.ndarray) -> np.ndarray:
    return np.zeros(time_s.size, np.int64)


def test_walking_is_not_ridden_and_a_ride_of_more_than_a_minute_is() -> None:
    xy, t = going((360, 300))
    assert ridden_share(way_of(xy, t, one_piece(t))) == 0
    xy, t = going((400, 400), (600, 100), (400, 400))
    assert ridden_share(way_of(xy, t, one_piece(t))) == pytest.approx(600 / 1400, abs=0.03)
    xy, t = going((400, 400), (300, 40), (400, 400))  # a dash of 40 s
    assert ridden_share(way_of(xy, t, one_piece(t))) == 0


def test_a_rest_counts_for_ten_minutes_and_an_outage_of_more_than_five_for_nothing() -> None:
    xy, t = going((360, 300), (0, 1500), (360, 300))
    assert minutes(way_of(xy, t, one_piece(t)), t) == pytest.approx(5 + 10 + 5, abs=0.6)
    xy, t = going((360, 300), (360, 300))
    for outage_s, counts in ((240, 4), (400, 0)):
        late = np.where(np.arange(t.size) > 60, t + outage_s, t)
        piece = (np.arange(t.size) > 60).astype(np.int64)
        assert minutes(way_of(xy, late, piece), late) == pytest.approx(10 + counts, abs=0.2)
    assert minutes(way_of(xy[:1], t[:1], one_piece(t[:1])), t[:1]) == 0


def test_gaps_are_the_share_of_time_in_outages() -> None:
    assert gap_share(np.array([0.0, 30, 60, 180])) == pytest.approx(120 / 180)
    assert gap_share(np.array([5.0])) == 0


def test_a_leap_is_being_at_two_places_at_once() -> None:
    t = np.arange(6) * 5.0
    xy = np.column_stack([np.array([0, 6, 12, 900, 906, 912.0]), np.zeros(6)])
    assert leaps(xy, t) == 1
    assert leaps(xy[:3], t[:3]) == 0
    assert leaps(xy, np.where(t > 12, t + 300, t)) == 0  # with an outage between


def test_the_median_accuracy_is_that_of_the_fixes_that_tell_one() -> None:
    assert median_accuracy_m(np.array([np.nan, 4.0, 80.0, 6.0])) == 6
    assert median_accuracy_m(np.array([np.nan])) is None


def test_metres_within_reach_are_those_of_the_way_and_not_of_the_line() -> None:
    river = LineSet.of([shapely.from_wkt("LINESTRING (0 10, 500 10)")])
    there_and_back = np.vstack([going((600, 600))[0], going((600, 600))[0][::-1]])
    t = np.arange(len(there_and_back)) * 5.0
    walked_m, ridden_m = along_m(way_of(there_and_back, t, one_piece(t)), river, np.array([20.0]))
    # Past its end the way is within reach for sqrt(20² - 10²) more.
    assert walked_m[0] == pytest.approx(2 * (500 + 300**0.5), abs=3)
    assert ridden_m[0] == 0


@given(st.integers(0, 10_000))
def test_metres_along_lines_are_those_inside_their_buffers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = [shapely.linestrings(rng.uniform(0, 600, (4, 2))) for _ in range(3)]
    corners = rng.uniform(0, 600, (5, 2))
    track = shapely.linestrings(corners)
    at = np.arange(0, track.length, 6.0)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(track, at))
    t = np.arange(at.size) * 5.0
    way = way_of(xy, t, one_piece(t))
    reach_m = rng.uniform(5, 60, 3)
    line_set = LineSet.of(lines)
    walked_m, ridden_m = along_m(way, line_set, reach_m[line_set.place])
    steps = shapely.linestrings(np.stack([way.path.a, way.path.b], axis=1))
    for k, line in enumerate(lines):
        disc = shapely.buffer(line, reach_m[k], quad_segs=64)
        expected = shapely.length(shapely.intersection(steps, disc)).sum()
        assert walked_m[k] + ridden_m[k] == pytest.approx(expected, abs=1.0)


def test_metres_inside_an_area_reach_as_far_as_one_sees() -> None:
    xy, t = going((400, 400))
    way = way_of(xy, t, one_piece(t))
    squares = [shapely.box(100, -50, 300, 50), shapely.box(0, 500, 10, 510)]
    walked_m, _ = inside_m(way, squares, 15.0)
    assert walked_m.tolist() == pytest.approx([230, 0], abs=12)
    assert [part.tolist() for part in inside_m(way, [], 15.0)] == [[], []]


def test_nothing_measures_as_nothing() -> None:
    nothing = way_of(np.empty((0, 2)), np.empty(0), np.empty(0, np.int64))
    assert along_m(nothing, LineSet.of([shapely.from_wkt("LINESTRING (0 0, 1 0)")]), np.array([9.0]))[0] == [
        0
    ]
    assert [part.tolist() for part in along_m(nothing, LineSet.of([]), np.empty(0))] == [[], []]
    assert ridden_share(nothing) == 0


def test_the_measures_of_a_track_come_back_from_json_and_go_into_numbers() -> None:
    xy, t = going((720, 600))
    track = clean(Recording(t + 1.7e9, to_lonlat(xy + ORIGIN, CRS), np.full(t.size, 7.0)), CRS)
    measures = Measures.of(track, xy, way_of(xy, track.time_s, track.piece))
    assert measures.minutes == pytest.approx(10, abs=0.01)
    assert (measures.accuracy_m, measures.leaps, measures.ridden_share) == (7, 0, 0)
    whole = Measures(12.5, 0.1, 0.2, None, 1, {7: AtPlace(300.0, 40.0, 0.5), 9: AtPlace(250.0, 0.0, 0.8)})
    assert Measures.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    rode = replace(whole, places={7: AtPlace(0.0, 40.0, 0.0, 0.5)}, outages=((1.7e9, 1.7e9 + 90.5),))
    assert Measures.from_json(json.loads(json.dumps(rode.to_json()))) == rode
    before = {key: value for key, value in whole.to_json().items() if key != "outages"}
    assert Measures.from_json(before) == whole  # stored before outages were
    known = rode.applied(Numbers(walked_m=500.0), None)
    assert (known.share, known.share_with_rides) == (0, 0.5)
    numbers = whole.applied(Numbers(walked_m=500.0), {7})
    assert (numbers.within_m, numbers.ridden_within_m, numbers.share) == (300, 40, 0.5)
    assert numbers.clock_jump
    both = whole.applied(Numbers(walked_m=500.0), None)
    assert (both.within_m, both.share) == (500, 0.8)  # side by side: no metre counts twice
    nowhere = whole.applied(Numbers(walked_m=500.0), {1}, maybe_off_map=True)
    assert (nowhere.within_m, nowhere.share) == (None, None)


def test_outages_are_told_with_their_ends() -> None:
    time_s = np.array([0.0, 5, 65, 126, 130, 500])
    assert outages(time_s) == ((65, 126), (130, 500))
    assert outages(time_s[:1]) == outages(time_s[:0]) == ()
