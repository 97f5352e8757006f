"""Cells against shapely's areas and a naive loop over cells."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.cells import CELL_M, CELLS, AreaCells, CellSet, seen_from
from layers.coverage import Path

cell_lists = st.lists(st.tuples(st.integers(-130, 130), st.integers(-130, 130)), max_size=30)


def cell_set(cells: list[tuple[int, int]]) -> CellSet:
    return CellSet.at(np.array(cells, np.int64).reshape(-1, 2))


def as_set(cells: CellSet) -> set[tuple[int, int]]:
    return {(x, y) for x, y in cells.cells().tolist()}


@given(cell_lists, cell_lists)
def test_the_algebra_is_that_of_sets(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    one, two = cell_set(a), cell_set(b)
    assert as_set(one) == set(a)
    assert as_set(one | two) == set(a) | set(b)
    assert as_set(one & two) == set(a) & set(b)
    assert as_set(one - two) == set(a) - set(b)
    assert len(one) == len(set(a))


@given(cell_lists)
def test_bits_there_and_back(a: list[tuple[int, int]]) -> None:
    rows = cell_set(a).to_bits()
    assert all(len(bits) == CELLS for _, _, bits in rows)
    assert as_set(CellSet.from_bits(rows)) == set(a)
    assert as_set(CellSet.from_bits([*rows, *cell_set([(0, 0)]).to_bits()])) == set(a) | {(0, 0)}


@given(st.integers(0, 2**32 - 1), st.floats(3, 900))
@settings(max_examples=40, deadline=None)
def test_the_cells_of_a_polygon_have_its_area(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    polygon = shapely.convex_hull(shapely.multipoints(random.uniform(-size, size, (8, 2))))
    hole = polygon.buffer(-size / 4)
    polygon = shapely.difference(polygon, hole)
    area = AreaCells.of(polygon)
    assert area.area_m2() == pytest.approx(polygon.area, rel=1e-9)
    some = CellSet.at(area.inside.cells()[::2])
    rest = area.inside - some
    assert area.area_m2(some) + area.area_m2(rest) == pytest.approx(polygon.area, rel=1e-9)
    assert area.area_m2(some) == pytest.approx(some.outline(polygon).area, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1, 60))
@settings(max_examples=25, deadline=None)
def test_seen_are_the_cells_whose_centre_is_in_sight(seed: int, sight_m: float) -> None:
    random = np.random.default_rng(seed)
    xy = random.uniform(0, 200, (4, 2))
    path = Path.of(xy, np.arange(4.0), np.zeros(4, np.int64))
    centres = (
        np.stack(np.meshgrid(np.arange(-10, 30), np.arange(-10, 30)), -1).reshape(-1, 2) + 0.5
    ) * CELL_M
    near = shapely.distance(shapely.points(centres), shapely.linestrings(xy)) <= sight_m
    expected = {tuple(c) for c in np.floor(centres[near] / CELL_M).astype(int).tolist()}
    assert as_set(seen_from(path, sight_m)) == expected


def test_nothing_has_no_cells() -> None:
    nothing = CellSet()
    assert len(nothing) == 0
    assert nothing.cells().shape == (0, 2)
    assert nothing.outline().is_empty
    assert len(nothing | nothing) == len(nothing & cell_set([(1, 1)])) == 0
    empty = Path(np.empty((0, 2)), np.empty((0, 2)), np.empty(0), np.empty(0))
    assert len(seen_from(empty, 15.0)) == 0
