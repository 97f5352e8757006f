"""The scenes on which the matcher is tuned and judged: their truth is where someone truly was."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from layers.lines import LineSet
from tests.benchmarks.scenes import Half, Scene, scenes
from tests.benchmarks.scenes.networks import FILES, key, real
from tests.benchmarks.scenes.recipes import RECIPES

BESIDE_M = 16.0
"""A boat keeps 2 m and wanders by 4 m, a car cuts a corner."""


@pytest.fixture(scope="module")
def made(shared: Path) -> list[Scene]:
    """One scene of each kind of the half for tuning."""
    return list(scenes("tune", len(RECIPES)))


def test_truth_is_the_way_that_was_taken(made: list[Scene]) -> None:
    for scene in made:
        drawn = LineSet.of(list(scene.lines.geometry)).cut(scene.truth)
        way = shapely.LineString(scene.motion.xy)
        vertices = shapely.points(shapely.get_coordinates(drawn))
        assert shapely.distance(vertices, way).max() < BESIDE_M, scene.name
        steps = shapely.points(scene.motion.xy)
        assert shapely.distance(steps, shapely.union_all(drawn)).max() < BESIDE_M, scene.name


def test_what_was_taken_once_is_true_once(made: list[Scene]) -> None:
    for scene in made:
        once = shapely.union_all(LineSet.of(list(scene.lines.geometry)).cut(scene.truth)).length
        assert once <= scene.motion.way_m[-1] + 1e-6, scene.name


def test_time_and_place_only_advance(made: list[Scene]) -> None:
    for scene in made:
        assert (np.diff(scene.motion.time_s) > 0).all(), scene.name
        assert (np.diff(scene.motion.s_m) >= 0).all(), scene.name
        speed = np.diff(scene.motion.s_m) / np.diff(scene.motion.time_s)
        assert speed.max() < 41.0, scene.name
        assert scene.fixes["time"].is_monotonic_increasing, scene.name


def test_a_scene_is_the_same_each_time(made: list[Scene]) -> None:
    again = next(iter(scenes("tune", 1)))
    assert again.fixes.equals(made[0].fixes)
    assert again.truth == made[0].truth


@pytest.mark.parametrize("name", FILES)
def test_the_halves_share_no_way(shared: Path, name: str) -> None:
    ways: dict[Half, set[tuple[tuple[int, int], ...]]] = {}
    for half in ("tune", "judge"):
        _, of_half = real(name, half)
        assert len(of_half) > 20
        ways[half] = {tuple(key(p) for p in way.xy) for way in of_half}
    assert not ways["tune"] & ways["judge"]
