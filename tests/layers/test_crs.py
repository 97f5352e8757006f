"""The door to metres: the shorter series is as good as the longer one where it is used."""

import numpy as np
import pytest
from pyproj import Transformer

from layers import crs

CODES = ["EPSG:4549", "EPSG:4547", crs.choose(9.5, 47.1)]


def exact(lonlat: np.ndarray, code: str) -> np.ndarray:
    transformer = Transformer.from_crs("EPSG:4326", code, always_xy=True)
    return np.column_stack(transformer.transform(lonlat[:, 0], lonlat[:, 1]))


@pytest.mark.parametrize("code", CODES)
def test_metres_are_those_of_the_longer_series(code: str) -> None:
    centre = {"EPSG:4549": 120.0, "EPSG:4547": 114.0}.get(code, 9.5)
    random = np.random.default_rng(1)
    near = np.column_stack([centre + random.uniform(-3, 3, 5000), random.uniform(-80, 80, 5000)])
    assert np.abs(crs.to_metric(near, code) - exact(near, code)).max() < 2e-6
    far = np.column_stack([centre + random.uniform(-80, 80, 5000), random.uniform(-80, 80, 5000)])
    assert np.abs(crs.to_metric(far, code) - exact(far, code)).max() < 2e-6


def test_a_fix_far_away_changes_no_other() -> None:
    near = np.array([[119.8, 32.9], [119.9, 33.0]])
    among = np.vstack([near, [[0.0, 0.0]], [[np.nan, 33.0]]])
    assert np.array_equal(crs.to_metric(among, "EPSG:4549")[:2], crs.to_metric(near, "EPSG:4549"))


def test_other_projections_are_not_touched() -> None:
    lonlat = np.array([[119.8, 32.9]])
    assert crs.to_metric(lonlat, "EPSG:3857") == pytest.approx(exact(lonlat, "EPSG:3857"))
    assert crs.to_metric(lonlat, "EPSG:32650") == pytest.approx(exact(lonlat, "EPSG:32650"))
