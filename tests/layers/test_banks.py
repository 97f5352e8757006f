"""Banks apart: two lines beside the water, whatever the river does."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.banks import Breadth, Course, Side, banks, carried
from layers.lines import LineSet, canonical
from layers.spans import SpanSet
from layers.vocabulary import Bank

UNDER_M = 0.5
"""Arcs are made of straight pieces."""


def river(*parts: list[tuple[float, float]]) -> shapely.MultiLineString:
    return shapely.MultiLineString([shapely.LineString(part) for part in parts])


def arc(x_m: float, y_m: float, radius_m: float, from_deg: float, to_deg: float) -> list[tuple[float, float]]:
    at = np.radians(np.linspace(from_deg, to_deg, max(int(abs(to_deg - from_deg) / 5), 2)))
    return [(x_m + radius_m * float(np.cos(a)), y_m + radius_m * float(np.sin(a))) for a in at]


def apart(axis: shapely.MultiLineString, width_m: float, flow: list[int] | None = None) -> list[Side]:
    found = banks(axis, [Breadth(0, axis.length, width_m)], flow or [])
    assert found is not None
    check(axis, width_m, found.lines, found.sides)
    return list(found.sides)


def check(axis: shapely.Geometry, width_m: float, lines: shapely.Geometry, sides: Sequence[Side]) -> None:
    """The banks are the shore of the water, without the round ends of its buffer, and nothing else."""
    vertices = shapely.points(shapely.get_coordinates(shapely.segmentize(lines, 5)))
    away_m = shapely.distance(vertices, axis)
    assert away_m.min() >= width_m / 2 - UNDER_M
    assert away_m.max() <= width_m / 2 + UNDER_M
    shore = shapely.boundary(shapely.buffer(axis, width_m / 2, quad_segs=32))
    missing = shapely.difference(shore, shapely.buffer(lines, 2.0))
    # Round ends are none of the river's, nor the corner at a sharp confluence.
    alone = len(axis.geoms) == 1 and axis.is_closed
    for part in () if alone else axis.geoms:
        ends = shapely.multipoints([shapely.get_point(part, 0), shapely.get_point(part, -1)])
        missing = shapely.difference(missing, shapely.buffer(ends, width_m / 2 + 2.0))
    assert missing.length < 8, "a scrap at most"
    assert sum(side.stop - side.start for side in sides) == pytest.approx(lines.length)
    assert all(part.is_simple for part in lines.geoms)


def side_lines(
    axis: shapely.MultiLineString, width_m: float, flow: list[int]
) -> dict[Bank, shapely.Geometry]:
    found = banks(axis, [Breadth(0, axis.length, width_m)], flow)
    assert found is not None
    line = LineSet.of([found.lines])
    cut = line.cut(SpanSet(np.zeros(len(found.sides), int), *np.array([s[:2] for s in found.sides]).T))
    return {side.bank: drawn for side, drawn in zip(found.sides, cut, strict=True)}


def test_left_and_right_are_those_of_who_looks_downstream() -> None:
    west_to_east = river([(0, 0), (1000, 0)])
    assert shapely.bounds(side_lines(west_to_east, 60, [1])[Bank.LEFT])[1] == 30
    assert shapely.bounds(side_lines(west_to_east, 60, [-1])[Bank.LEFT])[1] == -30
    turned = side_lines(west_to_east, 60, [-1])[Bank.LEFT]
    assert shapely.get_coordinates(turned)[0].tolist() == [1000, -30], "from the source on"


@pytest.mark.parametrize(
    ("axis", "names"),
    [
        (river([(0, 0), (1000, 100)]), {Bank.NORTH: (0, 30), Bank.SOUTH: (0, -30)}),
        (river([(1000, 100), (0, 0)]), {Bank.NORTH: (0, 30), Bank.SOUTH: (0, -30)}),
        (river([(0, 0), (100, 1000)]), {Bank.WEST: (-30, 0), Bank.EAST: (30, 0)}),
    ],
)
def test_without_a_known_direction_banks_are_called_by_where_they_lie(
    axis: shapely.MultiLineString, names: dict[Bank, tuple[float, float]]
) -> None:
    found = side_lines(axis, 60, [0])
    assert set(found) == set(names)
    for bank, spot in names.items():
        assert shapely.distance(found[bank], shapely.Point(spot)) < 5


@pytest.mark.parametrize("radius_m", [200.0, 60.0, 31.0, 20.0, 5.0])
def test_a_bend_even_one_narrower_than_the_river(radius_m: float) -> None:
    bend = river([(-500, -radius_m), *arc(0, 0, radius_m, -90, 90), (-500, radius_m)])
    sides = {side.bank: side.stop - side.start for side in apart(bend, 60, [1])}
    assert sides[Bank.RIGHT] > sides.get(Bank.LEFT, 0.0), "the outer bank is the longer one"
    assert (Bank.LEFT in sides) == (radius_m > 30), "no bank between two arms that are one water"


@pytest.mark.parametrize("neck_m", [200.0, 70.0, 40.0])
def test_an_oxbow_keeps_its_banks_and_loses_a_neck_that_is_water(neck_m: float) -> None:
    r = 150.0
    open_deg = math.degrees(math.asin(neck_m / 2 / r))
    loop = arc(0, 0, r, 180 + open_deg, 540 - open_deg)
    axis = river([(-900, loop[0][1]), *loop, (-900, loop[-1][1])])
    apart(axis, 60, [1])


def test_an_island_has_banks_on_both_arms() -> None:
    north, south = arc(0, 0, 100, 180, 0), arc(0, 0, 100, 180, 360)
    axis = river([(-600, 0), (-100, 0)], north, south, [(100, 0), (600, 0)])
    left, right = apart(axis, 40, [1, 1, 1, 1])
    island = 2 * math.pi * 80
    outer_half = 500 + math.pi * 120 + 500
    assert left.stop - left.start == pytest.approx(outer_half + island / 2, rel=0.05)
    assert right.stop - right.start == pytest.approx(outer_half + island / 2, rel=0.05)


def test_a_ring_canal_has_an_inner_and_an_outer_bank() -> None:
    ring = river([*arc(0, 0, 200, 0, 360)[:-1], (200.0, 0.0)])
    inner, outer = apart(ring, 50)
    assert (inner.bank, outer.bank) == (Bank.INNER, Bank.OUTER)
    assert inner.stop - inner.start == pytest.approx(2 * math.pi * 175, rel=0.02)
    assert outer.stop - outer.start == pytest.approx(2 * math.pi * 225, rel=0.02)


def test_a_ring_without_room_inside_has_only_the_outer_bank() -> None:
    ring = river([*arc(0, 0, 20, 0, 360)[:-1], (20.0, 0.0)])
    (only,) = apart(ring, 60)
    assert only.bank is Bank.OUTER


def test_a_river_that_crosses_itself_as_a_figure_of_eight() -> None:
    at = np.linspace(0, 2 * np.pi, 120)
    apart(river(list(zip((400 * np.sin(at)).tolist(), (300 * np.sin(2 * at)).tolist(), strict=True))), 30)


def test_parts_follow_the_water_whatever_their_stored_order() -> None:
    parts = [[(600.0, 0.0), (900.0, 50.0)], [(0.0, 0.0), (300.0, 0.0)], [(300.0, 0.0), (600.0, 0.0)]]
    found = banks(river(*parts), [Breadth(0, river(*parts).length, 40)], [1, 1, 1])
    assert found is not None
    starts = [float(shapely.get_coordinates(part)[0, 0]) for part in found.lines.geoms]
    assert starts[:3] == sorted(starts[:3])
    assert starts[3:] == sorted(starts[3:])
    against = banks(river(*parts), [Breadth(0, river(*parts).length, 40)], [-1, -1, -1])
    assert against is not None
    assert float(shapely.get_coordinates(against.lines.geoms[0])[0, 0]) > 890, "the source is in the east"


def test_a_river_that_widens_has_banks_at_each_width() -> None:
    axis = river([(0, 0), (400, 0), (1000, 0)])
    found = banks(axis, [Breadth(0, 400, 30), Breadth(400, 1000, 90)], [1])
    assert found is not None
    y = sorted({round(y) for y in shapely.get_coordinates(found.lines)[:, 1].tolist()})
    assert y == [-45, -15, 15, 45]
    narrow = shapely.intersection(found.lines, shapely.box(0, -99, 300, 99))
    assert narrow.length == pytest.approx(600)


@given(st.integers(0, 10_000), st.sampled_from([10.0, 40.0, 120.0]))
@settings(max_examples=40, deadline=None)
def test_random_rivers_with_bends_and_crossings(seed: int, width_m: float) -> None:
    random = np.random.default_rng(seed)
    steps = np.cumsum(random.normal(0, 0.6, 40))
    xy = np.cumsum(np.column_stack([np.cos(steps), np.sin(steps)]) * 50, axis=0)
    axis = canonical(shapely.linestrings(xy))
    apart(axis, width_m, [1] * len(axis.geoms))


def test_duties_go_to_both_banks_and_come_back_from_either() -> None:
    axis = river([(0, 0), (500, 0), *arc(500, 100, 100, -90, 90), (0, 200)])
    found = banks(axis, [Breadth(0, axis.length, 60)], [1])
    assert found is not None
    middle, both = Course(LineSet.of([axis])), Course(LineSet.of([found.lines]), found.sides, 30.0)
    duty = SpanSet.of([4, 5], [0, 100], [axis.length, 300])
    there = carried(middle, both).carry(duty)
    assert there.lengths(6)[4] == pytest.approx(found.lines.length, abs=1)
    assert there.of_place(5).ravel() == pytest.approx(
        [100, 300, found.sides[1].start + 100, found.sides[1].start + 300], abs=1
    )
    back = carried(both, middle)
    assert back.carry(there).lengths(6) == pytest.approx(duty.lengths(6), abs=1)
    left_only = SpanSet.of([0], [0], [found.sides[0].stop])
    assert back.carry(left_only).lengths(1)[0] == pytest.approx(axis.length, abs=2)
    right_only = SpanSet.of([0], [found.sides[1].start + 100], [found.sides[1].start + 300])
    assert back.carry(right_only).of_place(0).ravel() == pytest.approx([100, 300], abs=1)
    assert back.lost(right_only).length.sum() == 0


def test_moved_banks_keep_what_was_said_of_each() -> None:
    def course(y_m: float) -> Course:
        axis = river([(0, y_m), (1000, y_m)])
        found = banks(axis, [Breadth(0, 1000, 60)], [1])
        assert found is not None
        return Course(LineSet.of([found.lines]), found.sides, 30.0)

    left = SpanSet.of([0], [100], [400])
    assert carried(course(0), course(8)).carry(left).of_place(0).ravel() == pytest.approx([100, 400])
