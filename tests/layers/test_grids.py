"""Drafts of grids: polygons, repairs, doubles, overlaps."""

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import GeometryCollection, LineString, MultiPolygon, Polygon

from layers import area_drafts, grids
from layers.drafts import DraftOptions

from .map_files import METRIC, at, features, line, square


def test_grids_are_valid_multipolygons_all_in_the_scheme() -> None:
    draft = grids.places(
        features([square(0, 0), square(100, 0)], name=["一网格", None], code=["321281001001001", None])
    )
    assert [(p.name, p.code, p.in_scheme) for p in draft.places] == [
        ("一网格", "321281001001001", True),
        (None, None, True),
    ]
    assert all(isinstance(p.geometry, MultiPolygon) and p.geometry.is_valid for p in draft.places)
    assert draft.remarks == []


@pytest.mark.parametrize(
    ("geometry", "why"),
    [
        (Polygon(at((0, 0), (100, 100), (100, 0), (0, 100))), "自相交"),
        (MultiPolygon([square(0, 0), square(50, 0)]), "自相交"),
        (line((0, 0), (9, 0)), "图形却是线"),
        (LineString(at((0, 0), (9, 0), (9, 9), (0, 0))), "转成面"),
        (Polygon(at((0, 0), (100, 0), (200, 0))), "不到 1 平方米"),
        (Polygon(), "没有图形"),
        (GeometryCollection([square(0, 0), line((0, 0), (9, 0))]), "图形却是线和面"),
    ],
)
def test_what_is_no_area_is_refused_with_its_row(geometry: shapely.Geometry, why: str) -> None:
    draft = grids.places(features([square(500, 500), geometry], name=["一", "二"]))
    assert [p.name for p in draft.places] == ["一"]
    (refused,) = draft.refused
    assert refused.row == 2
    assert why in refused.detail


def test_a_spike_is_repaired_and_told() -> None:
    spike = Polygon(at((0, 0), (100, 0), (100, 100), (150, 150), (100, 100), (0, 100)))
    draft = grids.places(features([spike], name=["一"]))
    (place,) = draft.places
    assert place.geometry is not None
    assert place.geometry.is_valid
    assert place.geometry.area == pytest.approx(square(0, 0).area)
    assert [(r.row, "已修复" in r.detail) for r in draft.repaired] == [(1, True)]


def test_rows_of_one_code_and_name_are_parts_of_one_place() -> None:
    given = features([square(0, 0), square(5000, 0)], name=["一网格", "一网格"], code=["A1", "A1"])
    (place,) = grids.places(given).places
    assert place.rows == [1, 2]
    assert len(place.geometry.geoms) == 2  # type: ignore[union-attr]


def test_one_code_under_two_names_is_refused() -> None:
    given = features([square(0, 0), square(500, 0)], name=["一网格", "二网格"], code=["A1", "A1"])
    draft = grids.places(given)
    assert [p.name for p in draft.places] == ["一网格"]
    assert [(e.row, "第 1 行" in e.detail) for e in draft.refused] == [(2, True)]


def test_near_areas_of_one_name_are_asked() -> None:
    shapes = [square(0, 0), square(150, 0), square(5000, 0)]
    given = features(shapes, name=["一网格"] * 3)
    draft = grids.places(given, DraftOptions(crs=METRIC))
    (question,) = draft.questions
    assert (len(draft.places), question.rows) == (3, [1, 2])
    assert question.distance_m == pytest.approx(50, abs=0.01)
    joined = grids.places(given, DraftOptions(crs=METRIC, answers={question.id: "join"}))
    assert [p.rows for p in joined.places] == [[1, 2], [3]]
    towns = features(shapes, name=["一网格"] * 3, township=["甲镇", "乙镇", "甲镇"])
    assert grids.places(towns, DraftOptions(crs=METRIC)).questions == []


def test_overlaps_of_more_than_a_square_metre_are_told() -> None:
    shapes = [square(0, 0), square(90, 0), square(189.995, 0)]
    draft = grids.places(features(shapes, name=["一", "二", "三"]), DraftOptions(crs=METRIC))
    assert [r.row for r in draft.remarks] == [1]
    assert "重叠 1000 平方米" in draft.remarks[0].detail
    assert len(draft.places) == 3


def test_a_layer_that_overlaps_everywhere_is_told_a_limited_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(area_drafts, "MOST_OVERLAPS", 3)
    shapes = [square(k, k) for k in range(8)]
    assert len(grids.places(features(shapes)).remarks) == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=7, unique=True))
def test_any_ring_becomes_a_valid_area_of_nearly_its_size_or_is_refused(ring: list[tuple[int, int]]) -> None:
    outline = Polygon(at(*[(x * 100.0, y * 100.0) for x, y in ring]))
    draft = grids.places(features([outline], name=["一"]))
    assert len(draft.places) + len(draft.refused) == 1
    for place in draft.places:
        assert place.geometry is not None
        assert place.geometry.is_valid
        assert place.geometry.area == pytest.approx(outline.area, rel=0.0101)
