"""Spans carried from a line to its new geometry, against dense sampling with Shapely."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from layers.lines import LineSet
from layers.remeasure import Remeasure
from layers.spans import SpanSet

points = st.tuples(st.integers(-40, 40), st.integers(-40, 40))
paths = st.lists(points, min_size=2, max_size=7, unique=True).map(lambda xy: np.array(xy, float) * 10)
ends = st.lists(st.integers(0, 1000).map(lambda k: k / 1000), min_size=2, max_size=6)


def winding(seed: int, vertices: int = 12) -> shapely.LineString:
    """Return a line that bends but never turns back on itself."""
    noise = np.random.default_rng(seed)
    return shapely.LineString(np.column_stack([np.arange(vertices) * 80.0, noise.uniform(-30, 30, vertices)]))


def some_spans(fractions: list[float], length_m: float) -> SpanSet:
    cut = sorted(fractions)
    pairs = list(zip(cut[::2], cut[1::2], strict=False))
    return SpanSet.of(
        np.arange(len(pairs)), [a * length_m for a, _ in pairs], [b * length_m for _, b in pairs]
    )


def between(old: shapely.Geometry, new: shapely.Geometry) -> Remeasure:
    return Remeasure.between(LineSet.of([old]), LineSet.of([new]))


@given(st.integers(0, 10**6), ends)
def test_a_line_drawn_anew_keeps_its_spans(seed: int, fractions: list[float]) -> None:
    old = winding(seed)
    spans = some_spans(fractions, old.length)
    drawn_anew = between(old, shapely.segmentize(old, 7.0))
    assert np.allclose(drawn_anew.carry(spans).lengths(9), spans.lengths(9), atol=1e-6)
    np.testing.assert_allclose(drawn_anew.carry(spans).start, spans.start, atol=1e-6)
    assert len(drawn_anew.lost(spans)) == 0


@given(st.integers(0, 10**6), ends)
def test_a_line_that_turned_mirrors_its_spans(seed: int, fractions: list[float]) -> None:
    old = winding(seed)
    spans = some_spans(fractions, old.length)
    mirrored = SpanSet.of(spans.place, old.length - spans.stop, old.length - spans.start)
    carried = between(old, old.reverse()).carry(spans)
    assert np.allclose(carried.lengths(9), mirrored.lengths(9), atol=1e-6)
    np.testing.assert_allclose(carried.stop, mirrored.stop, atol=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 10**6), ends, st.floats(-8, 8), st.floats(-8, 8))
def test_a_line_that_moved_a_little_carries_what_lies_beside_it(
    seed: int, fractions: list[float], east_m: float, north_m: float
) -> None:
    old, spans = winding(seed), some_spans(fractions, winding(seed).length)
    new = affinity.translate(old, east_m, north_m)
    carried = between(old, new).carry(spans)
    # The naive model: every half metre of the new line, on the nearest spot of the old one.
    measures = np.arange(0.25, new.length, 0.5)
    nearest = shapely.line_locate_point(old, shapely.line_interpolate_point(new, measures))
    inside = (nearest > 1e-6) & (nearest < old.length - 1e-6)
    for place in range(len(spans)):
        start, stop = spans.start[place], spans.stop[place]
        expected = inside & (nearest >= start) & (nearest < stop)
        got = np.zeros(measures.size, bool)
        for a, b in carried.of_place(int(spans.place[place])):
            got |= (measures >= a) & (measures < b)
        # Inside a bend the nearest stretch jumps, which blurs each end by at most a bend's width.
        assert abs(int(got.sum()) - int(expected.sum())) * 0.5 <= 20
        assert (got & ~expected).sum() * 0.5 <= 20


@settings(max_examples=30)
@given(paths, ends)
def test_nothing_is_carried_to_a_line_far_away(xy: np.ndarray, fractions: list[float]) -> None:
    old = shapely.LineString(xy)
    spans = some_spans(fractions, old.length)
    far = between(old, affinity.translate(old, 5000, 0))
    assert len(far.carry(spans)) == 0
    assert np.allclose(far.lost(spans).lengths(9), spans.lengths(9), atol=1e-5)


def test_parts_may_change_their_order_and_direction() -> None:
    old = shapely.from_wkt("MULTILINESTRING ((0 0, 100 0), (200 0, 300 0))")
    new = shapely.from_wkt("MULTILINESTRING ((300 0, 200 0), (0 0, 100 0))")
    carried = between(old, new).carry(SpanSet.of([1], [90], [130]))
    np.testing.assert_allclose(carried.of_place(1), [[70, 100], [190, 200]])


def test_what_goes_on_beyond_the_old_end_is_new() -> None:
    old = shapely.from_wkt("LINESTRING (0 0, 100 0)")
    longer = between(old, shapely.from_wkt("LINESTRING (0 0, 112 0)"))
    np.testing.assert_allclose(longer.carry(SpanSet.whole([100.0])).of_place(0), [[0, 100]])


def test_a_branch_off_the_line_is_new_even_close_to_it() -> None:
    old = shapely.from_wkt("LINESTRING (0 0, 100 0)")
    branched = between(old, shapely.from_wkt("MULTILINESTRING ((0 0, 50 0, 100 0), (50 0, 50 60))"))
    assert branched.carry(SpanSet.whole([100.0])).lengths(1).round(6).tolist() == [100.0]


def test_a_bend_drawn_wider_stays_whole() -> None:
    old = shapely.from_wkt("LINESTRING (0 0, 100 0, 100 100)")
    wider = shapely.from_wkt("LINESTRING (0 -10, 110 -10, 110 100)")
    carried = between(old, wider).carry(SpanSet.of([0], [20], [180]))
    np.testing.assert_allclose(carried.of_place(0), [[20, 200]], atol=0.1)


def test_what_was_cut_out_of_the_middle_is_lost_and_told() -> None:
    old = shapely.from_wkt("LINESTRING (0 0, 300 0)")
    new = shapely.from_wkt("MULTILINESTRING ((0 0, 100 0), (200 0, 300 0))")
    moved = between(old, new)
    spans = SpanSet.of([3, 4], [50, 210], [250, 220])
    np.testing.assert_allclose(moved.carry(spans).of_place(3), [[50, 150]])
    np.testing.assert_allclose(moved.carry(spans).of_place(4), [[110, 120]])
    [[start, stop]] = moved.lost(spans).of_place(3).tolist()
    # Up to FITS_WITHIN_M beyond the new ends the old line still has something near, but nothing along it.
    assert abs(start - 100) < 0.01
    assert abs(stop - 200) < 0.01
    assert len(moved.lost(spans).of_place(4)) == 0


def test_an_empty_set_stays_empty() -> None:
    line = winding(1)
    assert len(between(line, line).carry(SpanSet.empty())) == 0
    assert len(between(line, line).lost(SpanSet.empty())) == 0
