"""Span sets against the naive model: a set of unit cells of each place."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from layers.spans import SpanSet

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 30)), max_size=25)


def spans(given_rows: list[tuple[int, int, int]]) -> SpanSet:
    return SpanSet.of(*np.array(given_rows, float).reshape(-1, 3).T)


def cells(given_rows: list[tuple[int, int, int]]) -> set[tuple[int, int]]:
    return {(place, k) for place, a, b in given_rows for k in range(a, b)}


def cells_of(span_set: SpanSet) -> set[tuple[int, int]]:
    return cells(
        [
            (int(p), int(a), int(b))
            for p, a, b in zip(span_set.place, span_set.start, span_set.stop, strict=True)
        ]
    )


def assert_canonical(span_set: SpanSet) -> None:
    assert np.all(span_set.start < span_set.stop)
    same = span_set.place[1:] == span_set.place[:-1]
    assert np.all(span_set.place[1:] >= span_set.place[:-1])
    assert np.all(span_set.stop[:-1][same] < span_set.start[1:][same])


@given(rows, rows)
def test_the_algebra_is_that_of_sets(a: list[tuple[int, int, int]], b: list[tuple[int, int, int]]) -> None:
    for result, expected in [
        (spans(a), cells(a)),
        (spans(a) | spans(b), cells(a) | cells(b)),
        (spans(a) & spans(b), cells(a) & cells(b)),
        (spans(a) - spans(b), cells(a) - cells(b)),
    ]:
        assert_canonical(result)
        assert cells_of(result) == expected


@given(rows)
def test_whole_minus_covered_is_the_gap_and_lengths_add_up(a: list[tuple[int, int, int]]) -> None:
    whole = SpanSet.whole([30.0] * 4)
    gap = whole - spans(a)
    assert (gap | spans(a)) == whole
    assert np.allclose(gap.lengths(4) + spans(a).lengths(4), 30.0)


@given(rows, rows, rows)
def test_depth_counts_the_sets_over_each_stretch(
    a: list[tuple[int, int, int]], b: list[tuple[int, int, int]], c: list[tuple[int, int, int]]
) -> None:
    place, start, stop, count = spans(a).depth(spans(b), spans(c))
    found = {
        (int(p), k): int(n)
        for p, s, e, n in zip(place, start, stop, count, strict=True)
        for k in range(int(s), int(e))
    }
    expected = {cell: sum(cell in cells(r) for r in (a, b, c)) for cell in cells(a) | cells(b) | cells(c)}
    assert found == expected


@given(rows, st.integers(0, 6))
def test_closing_fills_short_holes_only(a: list[tuple[int, int, int]], gap: int) -> None:
    closed = spans(a).closed(gap)
    assert_canonical(closed)
    holes = closed - spans(a)
    assert np.all(holes.length <= gap)
    assert (spans(a) - closed) == SpanSet.empty()


def test_a_span_that_ends_where_the_next_begins_joins_it() -> None:
    assert SpanSet.of([1, 1], [0, 5], [5, 9]) == SpanSet.of([1], [0], [9])


def test_nothing_in_nothing_out() -> None:
    nothing = SpanSet.empty()
    assert len(nothing | nothing) == len(nothing & nothing) == len(nothing - nothing) == 0
    assert SpanSet.of([1, 2], [5, 7], [5, 3]) == nothing
    assert nothing.lengths(2).tolist() == [0, 0]
