"""Stretches are exactly what was cut; cuts lie where roads cross, borders run, metres end."""

import math

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.cutting import Cuts, at_borders, at_crossings, cut, every, staffed
from layers.lines import LineSet
from layers.spans import SpanSet

wholes = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 60)), max_size=6
).map(lambda rows: SpanSet.of(*np.array(rows, float).reshape(-1, 3).T))  # fmt: skip
cuts = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 70)), max_size=12)


@given(wholes, cuts, st.integers(0, 8))
def test_stretches_are_the_whole_and_no_crumb_is_left(
    whole: SpanSet, positions: list[tuple[int, int]], shortest: int
) -> None:
    place, start, stop = cut(whole, Cuts.of(positions), shortest=shortest)
    assert SpanSet.of(place, start, stop) == whole
    assert (start < stop).all()
    assert math.isclose((stop - start).sum(), whole.length.sum())  # disjoint, since their union is the whole
    uncut = set(zip(whole.place, whole.start, whole.stop, strict=True))
    for row in zip(place, start, stop, strict=True):
        assert row[2] - row[1] >= shortest or row in uncut


@given(wholes, cuts)
def test_every_cut_within_is_made_where_nothing_is_too_short(
    whole: SpanSet, positions: list[tuple[int, int]]
) -> None:
    place, start, _ = cut(whole, Cuts.of(positions))
    made = set(zip(place.tolist(), start.tolist(), strict=True))
    for p, at in positions:
        inside = (whole.place == p) & (whole.start < at) & (at < whole.stop)
        assert not inside.any() or (p, float(at)) in made


@given(wholes, st.integers(1, 50))
def test_equal_parts_are_as_few_as_can_be(whole: SpanSet, longest: int) -> None:
    place, start, stop = cut(whole, every(whole, longest))
    assert (stop - start <= longest + 1e-6).all()
    assert place.size == sum(math.ceil(length / longest) for length in whole.length.tolist())


@given(
    wholes,
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 60), st.integers(0, 2)), max_size=6
    ),
)
def test_who_holds_what_is_told_metre_by_metre(
    whole: SpanSet, duties: list[tuple[int, int, int, int]]
) -> None:
    def cells(rows: list[tuple[int, int, int]]) -> set[tuple[int, int]]:
        return {(p, k) for p, a, b in rows for k in range(a, b)}

    found = staffed(whole, duties)
    table = np.array([row[:3] for row in found], float).reshape(-1, 3)
    assert SpanSet.of(*table.T) == whole
    for place, start, stop, holders in found:
        for k in range(int(start), int(stop)):
            assert holders == {h for p, a, b, h in duties if (place, k) in cells([(p, a, b)])}


def test_bridges_are_where_roads_cross() -> None:
    river = shapely.from_wkt("MULTILINESTRING ((0 0, 1000 0), (1200 0, 1200 500))")
    roads = shapely.from_wkt(
        ["LINESTRING (300 -50, 300 50)", "LINESTRING (1100 100, 1300 100)", "LINESTRING (0 900, 9 900)"]
    )
    found = at_crossings(LineSet.of([None, river]), LineSet.of(roads))
    assert sorted(zip(found.place.tolist(), found.at.tolist(), strict=True)) == [(1, 300.0), (1, 1100.0)]
    along = at_crossings(LineSet.of([river]), LineSet.of([shapely.from_wkt("LINESTRING (100 0, 250 0)")]))
    assert sorted(along.at.tolist()) == [100.0, 250.0]
    assert at_crossings(LineSet.of([river]), LineSet.of([])).at.size == 0


def test_borders_are_where_villages_end() -> None:
    west, east = SpanSet.of([5], [0], [400]), SpanSet.of([5], [400], [900])
    place, start, stop = cut(west | east, at_borders([west, east]))
    assert list(zip(place.tolist(), start.tolist(), stop.tolist(), strict=True)) == [
        (5, 0, 400),
        (5, 400, 900),
    ]
    assert at_borders([]).at.size == 0
