"""Drafts of rivers: joining, questions, scheme, refusals."""

import pytest
import shapely
from shapely import GeometryCollection, LineString, MultiLineString, MultiPolygon, Point

from layers import rivers
from layers.drafts import DraftOptions

from .map_files import METRIC, features, line, square


def test_two_near_ways_of_one_name_are_one_place_with_its_sources() -> None:
    pieces = [line((0, 0), (500, 0)), line((500, 0), (900, 0)), line((1000, 0), (1500, 0))]
    draft = rivers.places(features(pieces, ids=["way/1", "way/2", "way/3"], name=["中心河"] * 3))
    (place,) = draft.places
    assert place.name == "中心河"
    assert place.rows == [1, 2, 3]
    assert [source.id for source in place.sources] == ["way/1", "way/2", "way/3"]
    assert isinstance(place.geometry, MultiLineString)
    assert len(place.geometry.geoms) == 2, "the pieces that touch are merged, the third is apart"
    assert draft.questions == []


def test_far_lines_of_one_name_stay_apart_and_are_asked_until_answered() -> None:
    pieces = [line((0, 0), (500, 0)), line((1500, 0), (2000, 0))]
    given = features(pieces, name=["生产河", "生产 河"])
    draft = rivers.places(given)
    (question,) = draft.questions
    assert len(draft.places) == 2
    assert question.answer is None
    assert question.distance_m == pytest.approx(1000, abs=0.1)
    assert "相距 1.0 公里" in question.text
    assert "第 1 行；第 2 行" in question.text
    assert set(question.answers) == {"join", "apart"}
    assert question.where.length == pytest.approx(shapely.distance(*pieces), rel=1e-6)

    again = rivers.places(given, DraftOptions(answers={question.id: "join"}))
    assert len(again.places) == 1
    assert again.questions[0].id == question.id
    assert again.questions[0].answer == "join"
    apart = rivers.places(given, DraftOptions(answers={question.id: "apart"}))
    assert len(apart.places) == 2
    assert apart.questions[0].answer == "apart"


def test_the_id_of_a_question_does_not_depend_on_order_or_on_other_answers() -> None:
    pieces = [line((0, 0), (500, 0)), line((1500, 0), (2000, 0)), line((4000, 0), (4500, 0))]
    names = ["生产河"] * 3
    ids = {q.id for q in rivers.places(features(pieces, name=names)).questions}
    turned = rivers.places(features([p.reverse() for p in pieces[::-1]], name=names))
    assert {q.id for q in turned.questions} == ids
    joined = rivers.places(features(pieces, name=names), DraftOptions(answers={min(ids): "join"}))
    assert {q.id for q in joined.questions} == ids


def test_answers_that_fit_nothing_are_told() -> None:
    given = features([line((0, 0), (500, 0)), line((1500, 0), (2000, 0))], name=["生产河"] * 2)
    (question,) = rivers.places(given).questions
    draft = rivers.places(given, DraftOptions(answers={question.id: "也许", "0123": "join"}))
    assert any("也许" in note and "join 或 apart" in note for note in draft.notes)
    assert any("有 1 个回答" in note for note in draft.notes)
    assert draft.questions[0].answer is None


def test_the_distance_is_a_setting() -> None:
    given = features([line((0, 0), (500, 0)), line((800, 0), (900, 0))], name=["甲河", "甲河"])
    assert len(rivers.places(given, DraftOptions(crs=METRIC)).places) == 2
    assert len(rivers.places(given, DraftOptions(crs=METRIC, same_name_m=301)).places) == 1


def test_without_a_word_all_named_lines_are_in_the_scheme_and_the_summary_says_so() -> None:
    draft = rivers.places(features([line((0, 0), (9, 0)), line((0, 50), (9, 50))], name=["甲河", None]))
    assert [(p.name, p.in_scheme, p.scheme_stated) for p in draft.places] == [
        ("甲河", True, False),
        (None, False, False),
    ]
    assert any("没有说明哪些纳管" in note for note in draft.notes)


def test_scheme_by_column_by_list_and_all() -> None:
    lines = [line((0, 0), (9, 0)), line((0, 50), (9, 50)), line((0, 90), (9, 90))]
    given = features(lines, name=["甲河", "乙河", None], code=[None, "RV2", "RV3"])
    listed = rivers.places(given, DraftOptions(scheme=frozenset(["甲 河", "RV3", "丙河"])))
    assert [(p.in_scheme, p.scheme_stated) for p in listed.places] == [
        (True, True),
        (False, True),
        (True, True),
    ]
    assert any("丙河" in note and "甲" not in note for note in listed.notes)
    everything = rivers.places(given, DraftOptions(scheme="all"))
    assert [p.in_scheme for p in everything.places] == [True, True, True]
    column = features(lines, name=["甲河", "乙河", None], in_scheme=[False, True, False])
    draft = rivers.places(column, DraftOptions(scheme="all"))
    assert [(p.in_scheme, p.scheme_stated) for p in draft.places] == [
        (False, True),
        (True, True),
        (False, True),
    ]


def test_attributes_of_several_rows() -> None:
    given = features(
        [line((0, 0), (900, 0)), line((900, 0), (1000, 0))],
        name=["甲河", "甲河"],
        level=["县级", "镇级"],
        township=["戴南镇", "安丰镇"],
        length_km=[0.9, 0.1],
        width_m=[12.0, None],
        id=["7", "8"],
    )
    (place,) = rivers.places(given).places
    assert place.attributes == {
        "level": "县级",
        "township": "戴南镇、安丰镇",
        "length_km": 1.0,
        "width_m": 12.0,
    }


def test_one_code_under_two_names_is_one_place_and_told() -> None:
    given = features(
        [line((0, 0), (900, 0)), line((9000, 0), (9100, 0))], name=["甲河", "甲河东段"], code=["RV1", "RV1"]
    )
    draft = rivers.places(given)
    assert [(p.name, p.code) for p in draft.places] == [("甲河", "RV1")]
    assert "甲河、甲河东段" in draft.remarks[0].detail


@pytest.mark.parametrize(
    ("geometry", "why"),
    [
        (None, "没有图形"),
        (LineString(), "没有图形"),
        (GeometryCollection(), "没有图形"),
        (Point(119.8, 32.9), "图形却是点"),
        (square(0, 0), "图形却是面"),
        (MultiPolygon([square(0, 0)]), "中心线"),
        (GeometryCollection([Point(119.8, 32.9), line((0, 0), (9, 0))]), "图形却是点和线"),
        (LineString([(119.8, 32.9), (119.8, 32.9)]), "长度不到 0.1 米"),
    ],
)
def test_what_is_no_line_is_refused_with_its_row_and_a_cure(geometry: object, why: str) -> None:
    draft = rivers.places(features([line((0, 0), (9, 0)), geometry], name=["甲河", "乙河"]))  # type: ignore[list-item]
    assert [p.name for p in draft.places] == ["甲河"]
    (refused,) = draft.refused
    assert refused.row == 2
    assert "图层.gpkg 第 2 行" in refused.detail
    assert why in refused.detail
    assert "；" in refused.detail, "a cure follows the reason"


def test_the_same_line_twice_is_refused_in_either_direction() -> None:
    one = line((0, 0), (500, 10))
    draft = rivers.places(features([one, one.reverse()], name=["甲河", "甲河"]))
    assert len(draft.places) == 1
    assert [(e.row, "第 1 行" in e.detail) for e in draft.refused] == [(2, True)]


def test_nested_collections_of_lines_are_taken_apart_and_empty_parts_dropped() -> None:
    nested = GeometryCollection([GeometryCollection([line((0, 0), (9, 0)), LineString()])])
    spot = LineString([(119.8, 32.9), (119.8, 32.9)])
    several = MultiLineString([line((0, 50), (9, 50)), spot])
    draft = rivers.places(features([nested, several], name=["甲河", "乙河"]))
    assert [p.name for p in draft.places] == ["甲河", "乙河"]
    assert [(r.row, "长度为零" in r.detail) for r in draft.repaired] == [(2, True)]


def test_classes_of_openstreetmap_in_a_table_are_left_out_as_in_the_original() -> None:
    lines = [line((0, y), (9, y)) for y in (0, 50, 90)]
    draft = rivers.places(features(lines, name=["甲河", "坝", "岸"], **{"class": ["river", "dam", None]}))
    assert [p.name for p in draft.places] == ["甲河"]
    assert sum(draft.left_out.values()) == 2
    own = rivers.places(
        features(lines, name=["甲河", "乙河", "丙河"], **{"class": ["骨干河道", "dam", None]})
    )
    assert len(own.places) == 3


def test_nothing_in_nothing_out() -> None:
    draft = rivers.places(features([], name=[]))
    assert (draft.places, draft.refused, draft.questions) == ([], [], [])
