"""GeoJSON that fits."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from maps.compact import TOLERANCES_M, MapTooLarge, encode, fit, simplify

LINE = shapely.LineString(
    np.column_stack([np.linspace(119.8, 119.9, 500), 32.9 + 1e-4 * np.sin(np.arange(500))])
)


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=2, max_size=30))
def test_encoding_rounds_to_six_decimals(lonlat: list[tuple[float, float]]) -> None:
    (text,) = encode([shapely.LineString(lonlat)])
    read = np.array(json.loads(text)["coordinates"])
    assert np.abs(read - np.array(lonlat)).max() <= 0.5e-6 + 1e-12
    assert all(len(str(v).split(".")[-1].split("e")[0]) <= 7 for pair in read.tolist() for v in pair)


def test_measures_and_heights_are_left_out() -> None:
    assert encode([shapely.from_wkt("LINESTRING ZM (1 2 3 4, 5 6 7 8)")]) == [
        '{"type":"LineString","coordinates":[[1.0,2.0],[5.0,6.0]]}'
    ]


@pytest.mark.parametrize("tolerance_m", TOLERANCES_M[1:6])
def test_a_simplified_line_stays_within_the_tolerance(tolerance_m: float) -> None:
    (fewer,) = simplify([LINE], tolerance_m)
    metres = np.array([111_195 * np.cos(np.radians(32.9)), 111_195])
    before, after = (shapely.transform(line, lambda lonlat: lonlat * metres) for line in (LINE, fewer))
    assert shapely.hausdorff_distance(before, after, densify=0.01) <= tolerance_m * 1.01
    assert fewer.coords[0] == pytest.approx(LINE.coords[0])
    assert fewer.coords[-1] == pytest.approx(LINE.coords[-1])


def test_a_simplified_area_stays_a_valid_area() -> None:
    disc = shapely.Point(119.8, 32.9).buffer(0.0001)
    (fewer,) = simplify([disc], 200)
    assert fewer.is_valid
    assert fewer.area > 0


def test_the_smallest_tolerance_that_fits_is_taken() -> None:
    whole = sum(map(len, encode([LINE])))
    assert fit([LINE], whole) == (encode([LINE]), 0.0)
    texts, tolerance_m = fit([LINE], whole // 2)
    assert sum(map(len, texts)) <= whole // 2
    assert tolerance_m > 0
    before = TOLERANCES_M[TOLERANCES_M.index(tolerance_m) - 1]
    assert sum(map(len, encode(simplify([LINE], before)))) > whole // 2


def test_what_never_fits_is_told() -> None:
    with pytest.raises(MapTooLarge, match="选定一个乡镇"):
        fit([LINE], 20)


def test_nothing_is_nothing() -> None:
    assert fit([], 100) == ([], 0.0)
