"""A walk becomes a line: how long, in how many parts, where it turned."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers import crs
from layers.adopting import BRIDGE_M, Walk, walk

CRS = "EPSG:4549"
ORIGIN = np.array([480_000.0, 3_640_000.0])


def walked(*corners: tuple[float, float], noise_m: float = 0.0, pieces: int = 1) -> Walk:
    line = shapely.LineString(corners)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, np.arange(0, line.length, 5.0)))
    xy = xy + np.random.default_rng(1).normal(0, noise_m, xy.shape)
    piece = np.arange(len(xy)) * pieces // len(xy)
    return walk(crs.to_lonlat(xy + ORIGIN, CRS), np.arange(len(xy)) * 4.0, piece, CRS)


def test_a_walk_keeps_its_length_and_its_course() -> None:
    made = walked((0, 0), (800, 0), (800, 600), noise_m=3.0)
    assert made.length_m == pytest.approx(1400, rel=0.03)
    course = shapely.LineString([(0, 0), (800, 0), (800, 600)])
    fewer = made.simplified(5.0)
    assert shapely.get_num_coordinates(fewer.parts).sum() < 60
    away = shapely.distance(course, shapely.points(shapely.get_coordinates(fewer.parts) - ORIGIN))
    assert away.max() < 20


def test_a_short_outage_is_bridged_and_a_long_one_is_not() -> None:
    xy = np.column_stack([np.arange(0, 1000, 5.0), np.zeros(200)])
    for gap_m, parts in ((BRIDGE_M - 10, 1), (BRIDGE_M + 20, 2)):
        there = xy + np.where(np.arange(200) >= 100, gap_m, 0.0)[:, None] * [1.0, 0.0]
        piece = np.repeat([0, 1], 100)
        made = walk(crs.to_lonlat(there + ORIGIN, CRS), np.arange(200) * 4.0, piece, CRS)
        assert len(made.parts) == parts


def test_there_and_back_turns_where_it_turned() -> None:
    there_and_back = walked((0, 0), (900, 0), (900, 12), (0, 12))
    assert there_and_back.turning_m() == pytest.approx(905, abs=15)
    assert there_and_back.cut(0, there_and_back.turning_m() or 0).length_m == pytest.approx(905, abs=15)
    assert walked((0, 0), (900, 0)).turning_m() is None
    assert walked((0, 0), (900, 0), (900, 500), (0, 500)).turning_m() is None
    assert Walk([]).turning_m() is None


def test_nothing_gives_nothing() -> None:
    empty = walk(np.empty((0, 2)), np.empty(0), np.empty(0, np.int64), CRS)
    assert (empty.parts, empty.length_m, empty.line(CRS)) == ([], 0.0, None)
    stood = walk(np.tile(crs.to_lonlat(ORIGIN[None], CRS), (50, 1)), np.arange(50.0), np.zeros(50, int), CRS)
    assert stood.simplified(5.0).line(CRS) is None


@given(st.floats(0, 1500), st.floats(0, 1500), st.integers(1, 4))
def test_a_part_is_as_long_as_its_metres_say(one: float, other: float, pieces: int) -> None:
    made = walked((0, 0), (600, 0), (600, 500), pieces=pieces)
    a, b = sorted((one, other))
    inside = max(min(b, made.length_m) - min(a, made.length_m), 0.0)
    assert made.cut(a, b).length_m == pytest.approx(inside, abs=1e-6)
    first, second = made.cut(0, a), made.cut(a, made.length_m)
    assert first.length_m + second.length_m == pytest.approx(made.length_m, abs=1e-6)
