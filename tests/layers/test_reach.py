"""Reach by place, by stretch and by segment."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.lines import LineSet
from layers.reach import Stretch, by_segment, reach_m, stretches
from layers.vocabulary import Layer


def test_a_road_has_the_reach_of_its_layer_whatever_its_width() -> None:
    assert stretches(Layer.ROAD, [(0, 10, 30.0), (10, 20, 7.0)], width_m=7.0) == []
    assert reach_m(Layer.ROAD, width_m=40.0) == 20


widths = st.one_of(st.none(), st.sampled_from([8.0, 20.0, 60.0]))


@given(st.lists(st.tuples(st.integers(0, 50), widths), max_size=8), widths)
def test_every_metre_has_the_reach_of_its_own_width(
    pieces: list[tuple[int, float | None]], width_m: float | None
) -> None:
    ends = np.cumsum([0] + [length for length, _ in pieces]).tolist()
    own = [width for _, width in pieces]
    found = stretches(Layer.RIVER, zip(ends, ends[1:], own, strict=False), width_m=width_m)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(found))
    for start, stop, width in zip(ends, ends[1:], own, strict=False):
        for metre in np.arange(start, stop) + 0.5:
            here = [s.reach_m for s in found if s.start <= metre < s.stop] or [
                reach_m(Layer.RIVER, width_m=width_m)
            ]
            expected = reach_m(Layer.RIVER, width_m=width_m if width is None else width)
            assert here == [expected]


def test_segments_of_several_places_find_their_own_stretches() -> None:
    lines = LineSet.of(
        [
            shapely.from_wkt("MULTILINESTRING ((0 0, 10 0, 20 0), (50 0, 60 0))"),
            None,
            shapely.from_wkt("LINESTRING (0 0, 0 30, 0 90)"),
        ]
    )
    own = [(0, Stretch(20, 30, 7.0)), (2, Stretch(0, 30, 9.0))]
    assert by_segment(lines, np.array([1.0, 2.0, 3.0]), own).tolist() == [1, 1, 7, 9, 3]


def test_a_stretch_that_ends_within_a_segment_takes_the_segments_whose_middle_it_holds() -> None:
    line = LineSet.of([shapely.from_wkt("LINESTRING (0 0, 100 0, 200 0)")])
    assert by_segment(line, np.array([1.0]), [(0, Stretch(60, 140, 5.0))]).tolist() == pytest.approx([1, 1])
    assert by_segment(line, np.array([1.0]), [(0, Stretch(40, 140, 5.0))]).tolist() == pytest.approx([5, 1])
