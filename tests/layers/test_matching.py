"""Matching: smoothing against its definition, and the hard cases of a street map."""

import numpy as np
import pytest
import shapely

from layers.lines import LineSet
from layers.matching import matched
from layers.walking import way

NOON_S = 1_777_600_000.0


def walk(
    *corners: tuple[float, float], speed_m_s: float = 1.3, step_s: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and times of a walk along corners."""
    line = shapely.linestrings(np.array(corners, float))
    at = np.arange(0, line.length, speed_m_s * step_s)
    return shapely.get_coordinates(shapely.line_interpolate_point(line, at)), np.arange(at.size) * step_s


def noisy(xy: np.ndarray, sigma_m: float, seed: int, tau: float = 30.0) -> np.ndarray:
    """Add the slowly wandering error of a phone, one fix a second."""
    random = np.random.default_rng(seed)
    keep = np.exp(-1 / tau)
    error = np.zeros_like(xy)
    error[0] = random.normal(0, sigma_m, 2)
    for i in range(1, len(xy)):
        error[i] = keep * error[i - 1] + np.sqrt(1 - keep**2) * random.normal(0, sigma_m, 2)
    return xy + error


def covered_m(lines: list[str], xy: np.ndarray, time_s: np.ndarray, reach_m: float = 20.0) -> list[float]:
    line_set = LineSet.of([shapely.from_wkt(line) for line in lines])
    reach = np.full(line_set.place.size, reach_m)
    found = matched(line_set, xy, NOON_S + time_s, np.zeros(len(xy), np.int64), reach)
    return found.spans().lengths(line_set.places).tolist()


def test_a_standstill_is_no_way() -> None:
    xy = noisy(np.zeros((1200, 2)), 5.0, seed=1)
    path = way(xy, np.arange(1200.0), np.zeros(1200, np.int64))
    moved = np.hypot(*np.diff(xy, axis=0).T).sum()
    assert path.length_m.sum() < 0.2 * moved


@pytest.mark.parametrize("angle_deg", [60, 75, 90])
def test_a_crossed_street_is_not_covered(angle_deg: float) -> None:
    x, y = 300 * np.cos(np.radians(angle_deg)), 300 * np.sin(np.radians(angle_deg))
    streets = ["LINESTRING (-400 0, 400 0)", f"LINESTRING ({-x} {-y}, {x} {y})"]
    xy, time_s = walk((-400, 0), (400, 0))
    along, crossed = covered_m(streets, xy, time_s)
    assert along == pytest.approx(800, abs=3)
    assert crossed == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_parallel_street_is_not_covered(seed: int) -> None:
    streets = ["LINESTRING (0 0, 1000 0)", "LINESTRING (0 25, 1000 25)"]
    xy, time_s = walk((0, 0), (1000, 0))
    right, wrong = covered_m(streets, noisy(xy, 4.0, seed), time_s)
    assert right > 950
    assert wrong < 50


@pytest.mark.parametrize("reach_m", [15.0, 20.0, 30.0, 40.0, 55.0, 80.0, 150.0])
def test_who_walks_steadily_at_the_edge_of_reach_covers_the_line(reach_m: float) -> None:
    river = ["LINESTRING (0 0, 1500 0)"]
    xy, time_s = walk((100, reach_m - 3), (1400, reach_m - 3))
    assert covered_m(river, xy, time_s, reach_m) == pytest.approx([1300], abs=40)
    beyond, time_s = walk((100, reach_m + 3), (1400, reach_m + 3))
    assert covered_m(river, beyond, time_s, reach_m) == [0]


def test_both_arms_of_a_corner_are_covered_up_to_it() -> None:
    streets = ["LINESTRING (0 0, 300 0)", "LINESTRING (300 0, 300 300)"]
    xy, time_s = walk((0, 0), (300, 0), (300, 300))
    assert covered_m(streets, xy, time_s) == pytest.approx([300, 300], abs=10)


def test_a_bent_river_with_a_path_on_its_bank() -> None:
    axis = np.column_stack([np.linspace(0, 2000, 100), 60 * np.sin(np.linspace(0, 12, 100))])
    river = shapely.linestrings(axis)
    bank = shapely.get_coordinates(river.offset_curve(25.0))
    xy, time_s = walk(*map(tuple, bank))
    assert covered_m([river.wkt], noisy(xy, 4.0, 3), time_s, reach_m=45.0)[0] > 0.97 * river.length
    assert covered_m([river.wkt], xy, time_s, reach_m=15.0)[0] < 0.2 * river.length


def test_a_short_lane_walked_in_full_counts_one_grazed_does_not() -> None:
    streets = ["LINESTRING (0 0, 12 0)", "LINESTRING (12 0, 400 0)", "LINESTRING (200 0, 200 40)"]
    xy, time_s = walk((0, 0), (400, 0))
    short, long, grazed = covered_m(streets, xy, time_s)
    assert short == pytest.approx(12, abs=1)
    assert long == pytest.approx(388, abs=3)
    assert grazed == 0


def test_nothing_near_covers_nothing() -> None:
    xy, time_s = walk((0, 5000), (400, 5000))
    assert covered_m(["LINESTRING (0 0, 400 0)"], xy, time_s) == [0]
    assert covered_m(["LINESTRING EMPTY"], xy, time_s) == [0]
