"""Which township a stretch lies in, and gaps as rows: arrays against plain loops."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.coverage import ages, answers, gaps, windows
from geo_service.coverage.gap_rows import GapRow, GapRows
from geo_service.coverage.ground import Ground, Query
from geo_service.coverage.lying import NOWHERE, Township, Townships
from geo_service.coverage.windows import PlaceRow
from layers.spans import SpanSet
from layers.vocabulary import GapKind, Layer, Level, Right
from tests.geo_service.conftest import NOON, SmallCounty
from tests.geo_service.watertown import build

PLACES, TOWNS = 5, 4
DAY = dt.date(2026, 5, 1)
entries = st.lists(
    st.tuples(
        st.integers(0, PLACES - 1), st.integers(0, TOWNS - 1), st.integers(0, 30), st.integers(1, 10)
    ).map(lambda one: (*one[:3], one[2] + one[3])),
    max_size=20,
)
asked = st.lists(
    st.tuples(st.integers(0, PLACES - 1), st.integers(0, 40), st.integers(1, 15)).map(
        lambda one: (one[0], one[1], one[1] + one[2])
    ),
    max_size=12,
)


def columns(rows: list[tuple[int, ...]], width: int) -> list[np.ndarray]:
    return list(np.array(rows, np.int64).reshape(-1, width).T)


def ground_of(townships: Townships) -> Ground:
    places = [
        PlaceRow(
            k, k, Layer.RIVER, f"R{k}", None, in_scheme=True, length_dm=50, sizes=None, listed_under=None
        )
        for k in range(PLACES)
    ]
    return Ground(Query(DAY, DAY), places, SpanSet.whole([50] * PLACES), townships)


@given(entries, asked)
def test_a_span_lies_where_a_search_of_all_entries_finds_it(
    rows: list[tuple[int, ...]], spans: list[tuple[int, ...]]
) -> None:
    known = [Township(f"T{t}", f"镇{t}") for t in range(TOWNS)]
    found = Townships.of(known, *columns(rows, 4))

    def naive(place: int, start: float, stop: float) -> list[int]:
        return sorted({t for k, t, a, b in rows if k == place and a < stop and start < b})

    for place, start, stop in spans:
        assert found.names(place, (start, stop)) == [f"镇{t}" for t in naive(place, start, stop)]
        assert found.names(place) == [f"镇{t}" for t in naive(place, -1, 100)]
    position, township = found.meeting(*columns(spans, 3))
    pairs = list(zip(position.tolist(), township.tolist(), strict=True))
    assert pairs == [(i, t) for i, span in enumerate(spans) for t in naive(*span)]
    assert found.names(PLACES + 3) == []
    assert NOWHERE.names(0) == []


@given(
    st.lists(st.tuples(st.integers(0, PLACES - 1), st.integers(0, 4)), unique=True, max_size=8),
    st.slices(6),
)
def test_rows_are_what_their_arrays_say(starts: list[tuple[int, int]], part: slice) -> None:
    lines = [(k, 10 * a, 10 * a + 7) for k, a in starts if k < 3]
    spans = SpanSet.of(*(column.astype(float) for column in columns(lines, 3)))
    rows = GapRows.of(ground_of(NOWHERE), spans, spans.length / 7, {3: 250.0}, [4], {})
    told = [(row.number, row.span_dm, row.size, row.ambiguous_m) for row in rows]
    naive = [(k, (a, b), (b - a) / 10, pytest.approx(0.1)) for k, a, b in sorted(lines)]
    assert told == [*naive, (3, None, 250.0, None), (4, None, None, None)]
    assert len(rows) == len(told)
    assert list(rows[part]) == list(rows)[part]
    assert [rows[i] for i in range(-len(rows), len(rows))] == [*rows, *rows]
    assert all(isinstance(row, GapRow) for row in rows)
    by_place = [sum(size or 0.0 for k, _, size, _ in told if k == place) for place in range(PLACES)]
    assert rows.by_place.tolist() == pytest.approx(by_place)


def test_a_register_too_large_to_be_named_is_answered_alike(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond some thousand places the rows of all are read and what has no number is left out."""
    town = build(db, evil=True)
    county = SmallCounty(db, town.county)
    for days in (0, 3, 40):
        county.patrol(county.walk((0, 12), (900 - days, 12), start=NOON + dt.timedelta(days=days)))
    scope = Scope(town.county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    query = Query(DAY, DAY + dt.timedelta(days=60))

    def told() -> list[object]:
        table = answers.coverage(db, scope, query, with_ambiguous=True)
        classes = answers.freshness(db, scope, table, (7, 30))
        found = [ages.listed(db, scope, query, kind, order=ages.Order.TOWNSHIP) for kind in GapKind]
        since = [ages.since(db, scope.county_id, one) for one in found]
        strips = [(end, spans.place.tolist(), spans.start.tolist()) for end, spans in classes]
        return [list(table.rows), strips, [list(one.rows) for one in found], since]

    named = told()
    monkeypatch.setattr(windows, "MOST_NUMBERED", 0)
    assert told() == named
    assert any(row.outings for row in named[0])
    assert all(len(rows) for rows in named[2])
    assert gaps.gaps(db, scope, query, GapKind.UNPATROLLED).rows


def test_what_is_not_on_the_map_lies_where_it_is_listed(small_county: SmallCounty) -> None:
    db = small_county.db
    town = small_county.area("T1")
    village = small_county.area("V1", town, Level.VILLAGE)
    county = small_county.area("C1", None, Level.COUNTY)
    for code, area in (("R1", town), ("R2", village), ("R3", county), ("R4", None)):
        small_county.place(Layer.RIVER, code, None).area_id = area and area.id
    scope = Scope(small_county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    found = gaps.gaps(db, scope, Query(DAY, DAY), GapKind.UNASSIGNED).rows
    assert {row.place.code: row.townships for row in found} == {
        "R1": [town.name], "R2": [town.name], "R3": [], "R4": []
    }  # fmt: skip
    assert [pair.tolist() for pair in found.in_townships()] == [[0, 1], [0, 0]]
