"""Lines with a measure: canonical order, cutting and locating, against shapely."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.lines import LineSet, canonical, measured, multilinestring_m
from layers.spans import SpanSet


@st.composite
def line_sets(draw: st.DrawFn) -> list[shapely.MultiLineString]:
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    return [
        shapely.multilinestrings(
            [
                shapely.linestrings(random.uniform(0, 1000, (random.integers(2, 8), 2)))
                for _ in range(random.integers(1, 4))
            ]
        )
        for _ in range(random.integers(1, 5))
    ]


@given(line_sets())
@settings(max_examples=60)
def test_canonical_does_not_depend_on_how_it_was_drawn(lines: list[shapely.MultiLineString]) -> None:
    for line in lines:
        again = shapely.multilinestrings(list(shapely.get_parts(line))[::-1]).reverse()
        assert canonical(again).equals_exact(canonical(line), 1e-6)
        assert canonical(line).length == pytest.approx(line.length, rel=1e-9)


def test_canonical_counts_what_is_drawn_twice_once() -> None:
    twice = shapely.from_wkt("MULTILINESTRING ((0 0, 10 0), (10 0, 0 0), (10 0, 20 0))")
    assert canonical(twice).wkt == "MULTILINESTRING ((0 0, 10 0, 20 0))"


def test_canonical_ring_starts_at_its_lowest_vertex() -> None:
    ring = shapely.from_wkt("LINESTRING (5 5, 5 0, 0 0, 0 5, 5 5)")
    assert canonical(ring).wkt == "MULTILINESTRING ((0 0, 0 5, 5 5, 5 0, 0 0))"


@given(line_sets(), st.data())
@settings(max_examples=60)
def test_a_cut_span_has_its_length_and_lies_on_the_line(
    lines: list[shapely.MultiLineString], data: st.DataObject
) -> None:
    line_set = LineSet.of(lines)
    assert line_set.length_m == pytest.approx([line.length for line in lines])
    ends = data.draw(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=8))
    place = [k % len(lines) for k in range(len(ends))]
    spans = SpanSet.of(
        place, *np.array([sorted(e) for e in ends]).T / 999 * line_set.length_m[np.array(place)]
    )
    for drawn, p, length in zip(line_set.cut(spans), spans.place, spans.length, strict=True):
        assert drawn.length == pytest.approx(length, abs=1e-6)
        assert lines[p].buffer(1e-6).covers(drawn)


@given(line_sets())
@settings(max_examples=40)
def test_gap_and_covered_drawn_together_are_the_line(lines: list[shapely.MultiLineString]) -> None:
    line_set = LineSet.of(lines)
    covered = SpanSet.of([0], [line_set.length_m[0] / 3], [line_set.length_m[0] / 2])
    drawn = np.r_[line_set.cut(covered), line_set.cut(line_set.whole() - covered)]
    assert sum(shapely.length(drawn)) == pytest.approx(sum(line.length for line in lines))


@given(line_sets(), st.floats(0, 1))
@settings(max_examples=60)
def test_locating_a_spot_on_a_line_gives_its_distance_zero(
    lines: list[shapely.MultiLineString], share: float
) -> None:
    line_set = LineSet.of(lines)
    at = share * line_set.length_m[0] * 0.999
    spot = shapely.get_coordinates(line_set.cut(SpanSet.of([0], [at], [line_set.length_m[0]])))[:1]
    row, place, measure, distance = line_set.locate(spot)
    assert row.tolist() == [0]
    assert distance[0] == pytest.approx(0, abs=1e-6)
    found = line_set.cut(SpanSet.of(place, measure - 1e-4, measure + 1e-4))
    assert shapely.distance(found[0], shapely.points(spot[0])) < 1e-3


def test_locating_gives_no_row_beyond_the_limit() -> None:
    line_set = LineSet.of([shapely.from_wkt("LINESTRING (0 0, 10 0)")])
    row, place, measure, distance = line_set.locate(np.array([[5.0, 50.0], [4.0, 3.0]]), within_m=10)
    assert (row.tolist(), place.tolist(), measure.tolist(), distance.tolist()) == ([1], [0], [4.0], [3.0])


def test_the_stored_measure_wins_over_the_way_in_degrees() -> None:
    line, length_m = measured(
        shapely.from_wkt("MULTILINESTRING ((119 33, 119.01 33), (119.02 33, 119.03 33))"), "EPSG:4549"
    )
    in_degrees = LineSet.of([line])
    assert in_degrees.length_m == pytest.approx([length_m])
    assert length_m == pytest.approx(2 * 934.6, rel=1e-3)
    half = shapely.get_coordinates(in_degrees.cut(SpanSet.of([0], [0], [length_m / 2]))[0])
    assert half[-1] == pytest.approx([119.01, 33])
    in_metres = LineSet.of([line], crs="EPSG:4549")
    assert in_metres.extent == pytest.approx(in_metres.to_m - in_metres.from_m, abs=1e-6)


def test_places_without_a_line_have_no_length_and_no_spot() -> None:
    line_set = LineSet.of([None, shapely.from_wkt("LINESTRING (0 0, 1 0)"), shapely.MultiLineString()])
    assert line_set.length_m.tolist() == [0, 1, 0]
    assert line_set.whole() == SpanSet.of([1], [0], [1])
    nothing = LineSet.of([None])
    assert nothing.locate(np.zeros((1, 2)))[0].size == 0
    assert nothing.cut(SpanSet.of([0], [0], [5]))[0].is_empty


def test_m_survives_wkb() -> None:
    line = multilinestring_m(
        np.array([[0.0, 0], [1, 0], [5, 5], [6, 6]]), np.array([0.0, 1, 1, 3]), np.array([0, 0, 1, 1])
    )
    assert line.wkt == "MULTILINESTRING M ((0 0 0, 1 0 1), (5 5 1, 6 6 3))"
