"""The walk simulator: its routes follow the ground, its phones err as they are told to."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.ops import substring

from geo_service.demo import walks
from geo_service.demo.walks import Motion, Phone
from layers.coverage import Path
from layers.crs import to_metric
from layers.spans import SpanSet

CRS = "EPSG:4549"
RIVER = shapely.from_wkt("LINESTRING (484000 3645000, 484800 3645100, 485500 3645000, 486200 3645600)")
PERFECT = Phone(step_s=1.0, sigma_m=0.0, loss_share=0.0)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def observed_xy(motion: Motion, phone: Phone, seed: int = 2):
    recording = walks.observed(motion, phone, rng(seed), crs=CRS)
    return recording, to_metric(recording.lonlat, CRS)


def standing(seconds: int) -> Motion:
    return Motion(np.arange(float(seconds)), np.tile([484000.0, 3645000.0], (seconds, 1)))


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_route_along_a_line_is_the_part_of_it_between_two_measures(a, b):
    route = walks.along(RIVER, a * RIVER.length, b * RIVER.length)
    expected = substring(RIVER, a * RIVER.length, b * RIVER.length)
    assert walks.length_m(route) == pytest.approx(abs(b - a) * RIVER.length, abs=1e-5)
    assert (
        shapely.hausdorff_distance(
            shapely.linestrings(route),
            shapely.LineString(
                shapely.get_coordinates(expected)
                if expected.geom_type != "Point"
                else np.repeat(expected.coords, 2, axis=0)
            ),
        )
        < 1e-5
    )


@pytest.mark.parametrize("offset_m", [12.0, -35.0])
def test_a_bank_stays_at_its_distance_from_the_centre_line(offset_m):
    route = walks.along(RIVER, 200, 500, offset_m=offset_m)
    away = shapely.distance(shapely.points(route), RIVER)
    assert away == pytest.approx(abs(offset_m), rel=0.02)
    assert route[0][1] > RIVER.interpolate(200).y or offset_m < 0


def test_a_measure_runs_over_the_parts_of_a_line():
    line = shapely.from_wkt("MULTILINESTRING ((0 0, 100 0), (150 0, 250 0))")
    assert walks.along(line, 90, 110).tolist() == [[90, 0], [100, 0], [150, 0], [160, 0]]
    assert walks.along(line, 110, 90).tolist() == [[160, 0], [150, 0], [100, 0], [90, 0]]
    assert walks.along(line, 100, 200).tolist() == [[150, 0], [250, 0]]


def test_a_stroll_keeps_to_the_route_at_a_walkers_pace():
    route = walks.along(RIVER, 0, 2300)
    for seed in range(5):
        motion = walks.stroll(route, rng(seed), start_s=1e9, pause_every_s=np.inf)
        assert shapely.distance(shapely.points(motion.xy), shapely.linestrings(route)).max() < 1e-6
        assert motion.xy[-1] == pytest.approx(route[-1])
        assert 0.95 < 2300 / (motion.time_s[-1] - motion.time_s[0]) < 1.42
        steps = np.hypot(*np.diff(motion.xy, axis=0).T)
        assert steps.max() < 2.0
        assert steps[:-1].min() > 0.5


def test_a_stroll_pauses():
    route = walks.along(RIVER, 0, 2300)
    motion = walks.stroll(route, rng(), start_s=0.0, speed_m_s=1.2, pause_every_s=200, pause_s=(30, 31))
    still = np.hypot(*np.diff(motion.xy, axis=0).T) == 0
    starts = np.flatnonzero(np.diff(still.astype(int), prepend=0) == 1)
    assert 3 <= starts.size <= 20
    assert still.sum() >= 30 * starts.size


def test_a_phone_without_errors_tells_the_truth():
    motion = walks.stroll(walks.along(RIVER, 0, 1500), rng(), start_s=1e9)
    recording, xy = observed_xy(motion, PERFECT)
    assert shapely.distance(shapely.points(xy), RIVER).max() < 1e-3
    assert np.all(np.diff(recording.time_s) > 0)


def test_errors_have_the_stated_size_and_memory():
    motion = standing(200_000)
    phone = Phone(step_s=1.0, sigma_m=6.0, tau_s=30.0, white_share=0.1, loss_share=0.0)
    _, xy = observed_xy(motion, phone)
    error = xy - motion.xy[0]
    assert error.std(axis=0) == pytest.approx([6.0, 6.0], rel=0.05)
    assert abs(np.corrcoef(error.T)[0, 1]) < 0.05
    for lag_s, expected in ((1, 0.9 * np.exp(-1 / 30)), (30, 0.9 * np.exp(-1)), (300, 0.0)):
        correlation = np.mean(error[lag_s:] * error[:-lag_s], axis=0) / 36.0
        assert correlation == pytest.approx([expected, expected], abs=0.06)


def test_an_urban_bias_lasts_for_minutes():
    motion = standing(100_000)
    _, xy = observed_xy(motion, Phone(step_s=5.0, sigma_m=0.0, bias_m=5.0, loss_share=0.0))
    error = xy - motion.xy[0]
    assert error.std(axis=0) == pytest.approx([5.0, 5.0], rel=0.25)
    assert np.mean(error[12:] * error[:-12]) / error.var() > 0.7


def test_fixes_get_lost_alone_and_in_outages():
    motion = standing(7200)
    alone, _ = observed_xy(motion, Phone(step_s=5.0, loss_share=0.1))
    assert alone.time_s.size == pytest.approx(1440 * 0.9, rel=0.03)
    assert np.diff(alone.time_s).max() < 40
    cut, _ = observed_xy(motion, Phone(step_s=5.0, loss_share=0.0, outages=3, outage_s=(80.0, 90.0)))
    gaps = np.diff(cut.time_s)
    assert 1 <= np.sum(gaps > 70) <= 3
    assert cut.time_s[[0, -1]] == pytest.approx([0, 7195], abs=1)


def test_fixes_come_doubled_and_out_of_order():
    motion = standing(3600)
    doubled, _ = observed_xy(motion, Phone(step_s=5.0, loss_share=0.0, doubled_share=0.2))
    assert doubled.time_s.size - np.unique(doubled.time_s).size == pytest.approx(720 * 0.2, rel=0.3)
    mixed, _ = observed_xy(motion, Phone(step_s=5.0, loss_share=0.0, unsorted=True))
    assert np.any(np.diff(mixed.time_s) < 0)
    assert np.unique(mixed.time_s).size == 720


def test_accuracies_are_positive_and_follow_the_spread():
    motion = standing(3600)
    good, _ = observed_xy(motion, Phone(sigma_m=3.0))
    poor, _ = observed_xy(motion, Phone(sigma_m=10.0))
    assert good.accuracy_m is not None
    assert poor.accuracy_m is not None
    assert good.accuracy_m.min() >= 1.0
    assert np.median(poor.accuracy_m) > 2 * np.median(good.accuracy_m)


def test_a_forgotten_end_stands_at_the_last_spot():
    motion = walks.stroll(walks.along(RIVER, 0, 500), rng(), start_s=0.0)
    longer = walks.stays(motion, 3600)
    assert longer.time_s[-1] - motion.time_s[-1] == 3600
    assert np.all(longer.xy[motion.time_s.size :] == motion.xy[-1])


@pytest.mark.parametrize("returns", [True, False])
def test_a_walk_can_begin_at_a_home(returns):
    route = walks.along(RIVER, 0, 500)
    walk = walks.from_home(route, rng(), home_m=250.0, returns=returns)
    assert np.hypot(*(walk[0] - route[0])) == pytest.approx(250.0)
    assert np.array_equal(walk[-1], walk[0]) is returns


@given(st.floats(0, np.pi), st.integers(0, 1000))
def test_lanes_see_nearly_all_of_an_area(angle, seed):
    corners = np.random.default_rng(seed).uniform(0, 400, (6, 2))
    polygon = shapely.convex_hull(shapely.multipoints(corners))
    route = walks.lanes(polygon, spacing_m=20.0, angle=angle)
    seen = shapely.area(shapely.intersection(shapely.buffer(shapely.linestrings(route), 15.0), polygon))
    assert seen >= 0.93 * polygon.area
    assert shapely.distance(shapely.points(route), polygon).max() < 1e-6


def test_lanes_of_a_tiny_area_are_a_spot_inside():
    polygon = shapely.box(0, 0, 3, 3)
    route = walks.lanes(polygon, spacing_m=30.0)
    assert shapely.contains_xy(polygon, *route[0])


def crossroads() -> list[shapely.LineString]:
    """A ring road with a dead end off its middle vertex, and a lone road."""
    return [
        shapely.from_wkt("LINESTRING (0 0, 300 0, 600 0)"),
        shapely.from_wkt("LINESTRING (600 0, 600 400)"),
        shapely.from_wkt("LINESTRING (600 400, 0 400, 0 0)"),
        shapely.from_wkt("LINESTRING (300 0, 300 150)"),
        shapely.from_wkt("LINESTRING (2000 0, 2100 0)"),
    ]


def test_random_walks_tell_what_was_truly_walked():
    lines = crossroads()
    found = list(walks.random_walks(lines, rng(), count=20, seconds=900, phone=PERFECT, crs=CRS))
    assert len(found) == 20
    for walk in found:
        assert sum(s.to_m - s.from_m for s in walk.truth) == pytest.approx(900 * 1.35)
        truth = SpanSet.of(*zip(*walk.truth, strict=True))
        fixes = shapely.multipoints(walk.motion.xy)
        for line in {s.line for s in walk.truth}:
            for start, stop in truth.of_place(line):
                spots = shapely.line_interpolate_point(lines[line], np.arange(start, stop, 5))
                assert shapely.distance(spots, fixes).max() < 2.0
        for a, b in itertools.pairwise(walk.truth):
            turned_round = a.line == b.line and min(a.to_m, b.to_m) > max(a.from_m, b.from_m)
            assert not turned_round or a.line in (3, 4)


def test_the_same_chance_gives_the_same_walk():
    one, two = (next(walks.random_walks(crossroads(), rng(5), count=1, seconds=600, crs=CRS)) for _ in "ab")
    assert np.array_equal(one.recording.lonlat, two.recording.lonlat)
    assert one.truth == two.truth


def test_random_walks_run_at_one_hertz_with_outages_unless_told_otherwise():
    walk = next(walks.random_walks(crossroads(), rng(3), count=1, seconds=3600, crs=CRS))
    gaps = np.diff(walk.recording.time_s)
    assert np.median(gaps) == pytest.approx(1.0, abs=0.05)
    assert gaps.max() > 15
    path = Path.of(to_metric(walk.recording.lonlat, CRS), walk.recording.time_s, np.zeros(len(gaps) + 1, int))
    assert path.length_m.sum() > 3600
