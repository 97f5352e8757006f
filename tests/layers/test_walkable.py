"""Where one can walk in a grid: beside roads, on banks, and nothing where no line is known."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.cells import CELL_M, AreaCells
from layers.lines import LineSet
from layers.reach import SIGHT_M
from layers.walkable import LEAST_CELLS, walkable

GRID = shapely.box(3, 4, 603, 404)
AREA = AreaCells.of(GRID)


def of(*lines: str, bank_m: float = 0.0) -> set[tuple[int, int]] | None:
    line_set = LineSet.of([shapely.from_wkt(line) for line in lines])
    found = walkable(AREA, line_set, np.full(line_set.place.size, bank_m), SIGHT_M)
    return None if found is None else {(x, y) for x, y in found.cells().tolist()}


@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from([0.0, 8.0, 20.0, 45.0]), min_size=1, max_size=4))
@settings(max_examples=40)
def test_walkable_are_the_cells_in_sight_of_roads_and_banks(seed: int, banks: list[float]) -> None:
    random = np.random.default_rng(seed)
    lines = [shapely.linestrings(random.uniform(-200, 800, (4, 2))) for _ in banks]
    inside = AREA.inside.cells()
    centres = shapely.points((inside + 0.5) * CELL_M)
    expected: set[tuple[int, int]] = set()
    for line, bank_m in zip(lines, banks, strict=True):
        away = shapely.distance(centres, line)
        here = (away <= bank_m + SIGHT_M) & ((away > bank_m - SIGHT_M) | (bank_m <= SIGHT_M))
        expected |= {(x, y) for x, y in inside[here].tolist()}
    line_set = LineSet.of(lines)
    found = walkable(AREA, line_set, np.array(banks)[line_set.place], SIGHT_M)
    if len(expected) < LEAST_CELLS:
        assert found is None
    else:
        assert found is not None
        assert {(x, y) for x, y in found.cells().tolist()} == expected
        assert len(found - AREA.inside) == 0
        assert 0 < AREA.area_m2(found) <= AREA.area_m2()


def test_without_lines_or_where_they_only_graze_nothing_is_known() -> None:
    assert of() is None
    assert of("LINESTRING (2000 0, 3000 0)") is None
    assert of("LINESTRING (0 0, 0 20)") is None


def test_a_wide_river_is_seen_from_its_banks_and_not_from_its_middle() -> None:
    water = of("LINESTRING (0 200, 700 200)", bank_m=60.0)
    assert water is not None
    assert {y for _, y in water} == {12, 13, 14, 25, 26, 27}
    ditch = of("LINESTRING (0 200, 700 200)", bank_m=5.0)
    assert ditch is not None
    assert {y for _, y in ditch} == {18, 19, 20, 21}


def test_a_river_that_widens_is_seen_from_its_banks_everywhere() -> None:
    line_set = LineSet.of([shapely.from_wkt("LINESTRING (0 200, 300 200, 700 200)")])
    found = walkable(AREA, line_set, np.array([5.0, 60.0]), SIGHT_M)
    assert found is not None
    seen = {(x, y) for x, y in found.cells().tolist()}
    assert {y for x, y in seen if x == 10} == {18, 19, 20, 21}
    assert {y for x, y in seen if x == 50} == {12, 13, 14, 25, 26, 27}


def test_a_bridge_over_the_water_can_be_walked() -> None:
    crossing = "LINESTRING (0 200, 700 200)", "LINESTRING (300 0, 300 500)"
    lines = LineSet.of([shapely.from_wkt(line) for line in crossing])
    found = walkable(AREA, lines, np.array([60.0, 0.0]), SIGHT_M)
    assert found is not None
    assert (30, 20) in {(x, y) for x, y in found.cells().tolist()}
