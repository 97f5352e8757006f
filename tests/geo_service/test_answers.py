"""Coverage and gaps: the three kinds, areas, windows, kinds of duty, scope, lists."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
import shapely

from geo_service.accounts.scope import Actor, Scope
from geo_service.coverage import ages, answers, gaps, lists
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Query
from geo_service.errors import Invalid, NotFound
from geo_service.people import service as people_service
from geo_service.people.drafts import DutyDraft
from layers.cells import CellSet
from layers.crs import project
from layers.vocabulary import DutyKind, GapKind, Layer, Right, Role

SmallCounty = Any
MAY = (dt.date(2026, 5, 1), dt.date(2026, 5, 31))
RIVER = "LINESTRING (0 0, 1000 0)"


def scope_of(
    county: SmallCounty, right: Right = Right.COORDINATOR, areas: frozenset[int] | None = None
) -> Scope:
    return Scope(county.id, Actor(os_user="tester"), {right: areas})


def duty(person: Any, place: Any, spans: tuple[tuple[int, int], ...] | None = None, **more: Any) -> DutyDraft:
    return DutyDraft(person, place.id, Role.of(Layer(place.layer)), dt.date(2026, 1, 1), spans=spans, **more)


def found(county: SmallCounty, gap: GapKind, **query: Any) -> dict[str, list[tuple[int, int] | None]]:
    """Return the gaps of a kind by place: spans in dm."""
    table = gaps.gaps(county.db, scope_of(county), Query(*MAY, **query), gap)
    rows: dict[str, list[tuple[int, int] | None]] = {}
    for row in table.rows:
        rows.setdefault(row.place.code, []).append(row.span_dm)
    return rows


def test_the_three_kinds_of_gap_are_set_algebra(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    wang = small_county.person("王秀英")
    people_service.add_duties(
        small_county.db, small_county.id, [duty(wang, river, ((0, 4000), (6000, 8000)))]
    )
    small_county.patrol(small_county.walk((200, 0), (700, 0)), wang)
    assert found(small_county, GapKind.UNASSIGNED) == {"R1": [(4000, 6000), (8000, 10_000)]}
    (_, before), (after, end) = found(small_county, GapKind.UNPATROLLED)["R1"]
    assert (before, after, end) == pytest.approx((2000, 7000, 10_000), abs=90)
    assert found(small_county, GapKind.NEGLECTED) == {"R1": [(0, before), (after, 8000)]}


def test_random_duties_and_walks_agree_with_the_naive_model(small_county: SmallCounty) -> None:
    random = np.random.default_rng(3)
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    covered: set[int] = set()
    held: set[int] = set()
    for _ in range(6):
        a, b = np.sort(random.integers(0, 10_000, 2)).tolist()
        if b - a > 10:
            people_service.add_duties(
                small_county.db, small_county.id, [duty(small_county.person("张三"), river, ((a, b),))]
            )
            held |= set(range(a, b))
        x, y = np.sort(random.uniform(0, 1000, 2))
        _, recorded = small_county.patrol(small_county.walk((x, 3), (y + 30, 3)))
        covered |= {m for line in recorded.lines for s, e in line.spans_dm for m in range(s, e)}
    whole = set(range(10_000))
    for kind, expected in [
        (GapKind.UNASSIGNED, whole - held),
        (GapKind.UNPATROLLED, whole - covered),
        (GapKind.NEGLECTED, held - covered),
    ]:
        spans = found(small_county, kind).get("R1", [])
        assert {m for s, e in spans for m in range(s, e)} == expected  # type: ignore[misc]


def test_official_chiefs_and_volunteers_have_their_own_gaps(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    chief = small_county.person("李主任")
    people_service.add_duties(small_county.db, small_county.id, [duty(chief, river, kind=DutyKind.OFFICIAL)])
    assert found(small_county, GapKind.UNASSIGNED) == {"R1": [(0, 10_000)]}
    assert found(small_county, GapKind.UNASSIGNED, kind=DutyKind.OFFICIAL) == {}


def test_the_duties_of_the_last_day_count(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    ended = duty(small_county.person("赵六"), river, last_day=dt.date(2026, 5, 30))
    people_service.add_duties(small_county.db, small_county.id, [ended])
    assert found(small_county, GapKind.UNASSIGNED) == {"R1": [(0, 10_000)]}
    until_then = Query(MAY[0], dt.date(2026, 5, 30))
    assert not gaps.gaps(small_county.db, scope_of(small_county), until_then, GapKind.UNASSIGNED).rows


def test_windows_hold_both_ends(small_county: SmallCounty) -> None:
    small_county.place(Layer.RIVER, "R1", RIVER)
    for day in (1, 31):
        small_county.patrol(
            small_county.walk((0, 0), (1000, 0), start=dt.datetime(2026, 5, day, 4, tzinfo=dt.UTC))
        )
    scope = scope_of(small_county)

    def times(first: int, last: int) -> int:
        query = Query(dt.date(2026, 5, first), dt.date(2026, 5, last))
        outings = answers.coverage(small_county.db, scope, query).rows[0].outings
        return outings.times if outings else 0

    assert (times(1, 31), times(1, 30), times(2, 31), times(2, 30)) == (2, 1, 1, 0)
    with pytest.raises(Invalid, match="对调"):
        Query(dt.date(2026, 5, 2), dt.date(2026, 5, 1))


def test_a_townships_figures_are_its_part_of_the_river(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    west, east = small_county.area("西"), small_county.area("东")
    small_county.lies_in(river, west, [(0, 6000)])
    small_county.lies_in(river, east, [(6000, 10_000)])
    small_county.patrol(small_county.walk((0, 0), (800, 0)))
    scope = scope_of(small_county)
    whole = answers.coverage(small_county.db, scope, Query(*MAY)).rows[0]
    part = answers.coverage(small_county.db, scope, Query(*MAY, area_id=east.id)).rows[0]
    assert (whole.whole, part.whole) == (1000, 400)
    assert part.covered == pytest.approx(200, abs=9)
    assert whole.townships == ["东镇", "西镇"]
    own = scope_of(small_county, areas=frozenset({west.id}))
    assert answers.coverage(small_county.db, own, Query(*MAY)).rows[0].whole == 600
    assert not gaps.gaps(small_county.db, own, Query(*MAY), GapKind.UNPATROLLED).rows
    with pytest.raises(NotFound):
        answers.coverage(small_county.db, own, Query(*MAY, area_id=east.id))


def test_only_the_scheme_unless_the_register_is_asked_for(small_county: SmallCounty) -> None:
    small_county.place(Layer.RIVER, "R1", RIVER)
    small_county.place(Layer.RIVER, "R2", "LINESTRING (0 500, 900 500)", in_scheme=False)
    assert set(found(small_county, GapKind.UNASSIGNED)) == {"R1"}
    assert set(found(small_county, GapKind.UNASSIGNED, register="all")) == {"R1", "R2"}
    assert found(small_county, GapKind.UNASSIGNED, layers=(Layer.ROAD,)) == {}


def test_a_place_that_is_not_on_the_map_can_be_unassigned_but_not_unpatrolled(
    small_county: SmallCounty,
) -> None:
    place = small_county.place(Layer.RIVER, "R1", None)
    assert found(small_county, GapKind.UNASSIGNED) == {"R1": [None]}
    assert found(small_county, GapKind.UNPATROLLED) == found(small_county, GapKind.NEGLECTED) == {}
    row = answers.coverage(small_county.db, scope_of(small_county), Query(*MAY)).rows[0]
    assert (row.whole, row.covered, row.share, row.outings) == (None, None, None, None)
    people_service.add_duties(small_county.db, small_county.id, [duty(small_county.person("钱七"), place)])
    assert found(small_county, GapKind.UNASSIGNED) == {}


def test_areas_have_gaps_in_square_metres(small_county: SmallCounty) -> None:
    square = "POLYGON ((0 0, 1000 0, 1000 500, 0 500, 0 0))"
    grid = small_county.place(Layer.GRID, "G1", square)
    zhou = small_county.person("周八")
    west_half = CellSet.at(
        np.array([[x, y] for x in range(48_000, 48_050) for y in range(364_000, 364_050)], np.int64)
    )
    people_service.add_duties(small_county.db, small_county.id, [duty(zhou, grid, cells=west_half)])
    _, recorded = small_county.patrol(small_county.walk((0, 255), (1000, 255)))
    seen_m2 = recorded.areas[0].seen_m2

    def size(kind: GapKind) -> float:
        [row] = gaps.gaps(small_county.db, scope_of(small_county), Query(*MAY), kind).rows
        assert row.size is not None
        return row.size

    assert size(GapKind.UNASSIGNED) == pytest.approx(250_000, rel=1e-4)
    assert size(GapKind.UNPATROLLED) == pytest.approx(500_000 - seen_m2, rel=1e-4)
    assert size(GapKind.NEGLECTED) == pytest.approx(250_000 - seen_m2 / 2, rel=0.01)
    people_service.add_duties(small_county.db, small_county.id, [duty(zhou, grid, kind=DutyKind.VOLUNTEER)])
    assert not gaps.gaps(small_county.db, scope_of(small_county), Query(*MAY), GapKind.UNASSIGNED).rows
    assert size(GapKind.NEGLECTED) == pytest.approx(500_000 - seen_m2, rel=1e-4)


def test_what_is_drawn_has_the_size_that_is_told(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", "MULTILINESTRING ((0 0, 1000 0), (1200 50, 1200 900))")
    small_county.place(Layer.COMPOUND, "C1", "POLYGON ((0 200, 333 200, 333 411, 0 411, 0 200))")
    people_service.add_duties(
        small_county.db,
        small_county.id,
        [duty(small_county.person("吴九"), river, ((0, 3000), (9000, 12_000)))],
    )
    small_county.patrol(small_county.walk((0, 300), (200, 300)))
    for kind in GapKind:
        table = gaps.gaps(small_county.db, scope_of(small_county), Query(*MAY), kind)
        canvas = Canvas.of(small_county.db, table.ground, small_county.row)
        for row, drawn in zip(table.rows, lists.gap_geometries(table, canvas), strict=True):
            metric = project(drawn, "EPSG:4549")
            size = shapely.length(metric) if row.place.layer.is_line else shapely.area(metric)
            assert size == pytest.approx(row.size, rel=1e-3)


def test_stretches_are_told_in_words(small_county: SmallCounty) -> None:
    for code, wkt in [
        ("R1", RIVER),
        ("R2", "LINESTRING (0 900, 10 100)"),
        ("R3", "LINESTRING (500 100, 510 900)"),
    ]:
        place = small_county.place(Layer.RIVER, code, wkt)
        people_service.add_duties(
            small_county.db, small_county.id, [duty(small_county.person("郑十"), place, ((0, 1200),))]
        )
    whole = small_county.place(Layer.RIVER, "R4", "LINESTRING (2000 0, 2100 0)")
    table = ages.listed(small_county.db, scope_of(small_county), Query(*MAY), GapKind.UNASSIGNED)
    listing = lists.gap_list(small_county.db, small_county.row, table)
    at = [column.name for column in listing.columns].index("stretch")
    words = {row[1]: row[at] for row in listing.rows}
    assert words == {
        "R1": "自西端起 120–1000 米",
        "R2": "自北端起 120–800 米",
        "R3": "自南端起 120–800 米",
        whole.code: "全线",
    }


def test_freshness_gives_each_stretch_its_last_day(small_county: SmallCounty) -> None:
    small_county.place(Layer.RIVER, "R1", RIVER)
    for day, to in ((1, 900), (20, 600), (30, 300)):
        start = dt.datetime(2026, 5, day, 4, tzinfo=dt.UTC)
        small_county.patrol(small_county.walk((0, 0), (to, 0), start=start))
    scope = scope_of(small_county)
    table = answers.coverage(small_county.db, scope, Query(*MAY))
    classes = answers.freshness(small_county.db, scope, table, (7, 14, 60))
    metres = {end: float(spans.length.sum()) / 10 for end, spans in classes}
    assert metres == pytest.approx({7: 300, 14: 300, 60: 300, None: 0}, abs=9)
    assert sum(metres.values()) == pytest.approx(table.rows[0].covered, abs=0.2)


def test_planners_see_figures_but_no_names(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    wang = small_county.person("王秀英")
    people_service.add_duties(small_county.db, small_county.id, [duty(wang, river)])
    small_county.patrol(small_county.walk((0, 0), (500, 0)), wang)
    for right, names in [(Right.COORDINATOR, ["王秀英"]), (Right.PLANNER, [])]:
        row = answers.coverage(small_county.db, scope_of(small_county, right), Query(*MAY)).rows[0]
        assert (list(row.holders), list(row.walkers)) == (names, names)
        assert row.outings is not None
        assert row.outings.people == 1
        gap = gaps.gaps(small_county.db, scope_of(small_county, right), Query(*MAY), GapKind.NEGLECTED).rows[
            0
        ]
        assert list(gap.holders) == names


def test_nothing_stored_is_an_empty_answer(small_county: SmallCounty) -> None:
    table = answers.coverage(small_county.db, scope_of(small_county), Query(*MAY))
    assert (list(table.rows), table.totals) == ([], [])
    canvas = Canvas.of(small_county.db, table.ground, small_county.row)
    assert list(lists.coverage_list(table, canvas).rows) == []
    for kind in GapKind:
        none = ages.listed(small_county.db, scope_of(small_county), Query(*MAY), kind)
        assert list(lists.gap_list(small_county.db, small_county.row, none, drawn=True).rows) == []


def test_a_gap_names_those_who_hold_that_stretch(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    west, east = small_county.person("西郊"), small_county.person("东郊")
    parts = [duty(west, river, ((0, 5000),)), duty(east, river, ((4000, 8000),))]
    people_service.add_duties(small_county.db, small_county.id, parts)
    small_county.patrol(small_county.walk((300, 0), (600, 0)))

    def holders(kind: GapKind) -> list[list[str]]:
        table = gaps.gaps(small_county.db, scope_of(small_county), Query(*MAY), kind)
        return [list(row.holders) for row in table.rows]

    assert holders(GapKind.NEGLECTED) == [["西郊"], ["东郊"]]
    assert holders(GapKind.UNPATROLLED) == [["西郊"], ["东郊"]]
    assert holders(GapKind.UNASSIGNED) == [[]]


def test_short_gaps_are_summed_not_listed_but_a_short_place_is(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", RIVER)
    small_county.place(Layer.RIVER, "R2", "LINESTRING (0 500, 12 500)")
    held = ((0, 5000), (5100, 9000))
    people_service.add_duties(
        small_county.db, small_county.id, [duty(small_county.person("王五"), river, held)]
    )
    query = Query(*MAY, shortest_m=20.0)
    table = gaps.gaps(small_county.db, scope_of(small_county), query, GapKind.UNASSIGNED)
    assert [(row.place.code, row.size) for row in table.rows] == [("R1", 100.0), ("R2", 12.0)]
    assert lists.short(table) == {"count": 1, "metres": 10.0}
    assert table.sizes[Layer.RIVER] == pytest.approx(122.0)
