"""Drafts of roads."""

import pytest

from layers import roads
from layers.vocabulary import Layer

from .map_files import features, line


@pytest.mark.parametrize("link", ["", "_link"])
@pytest.mark.parametrize("kind", ["motorway", "trunk", "primary", "secondary", "tertiary"])
def test_great_roads_and_their_links_are_roads(kind: str, link: str) -> None:
    assert roads.osm_reason({"highway": kind + link}) is None


@pytest.mark.parametrize(
    "kind",
    ["unclassified", "residential", "living_street", "pedestrian", "service", "track", "construction"],
)
def test_small_roads_are_roads(kind: str) -> None:
    assert roads.osm_reason({"highway": kind}) is None


@pytest.mark.parametrize("kind", ["footway", "path", "steps", "cycleway", "proposed", "bus_stop", "road", ""])
def test_other_classes_are_left_out_with_a_reason(kind: str) -> None:
    assert roads.osm_reason({"highway": kind})


def test_a_square_is_no_line() -> None:
    assert roads.osm_reason({"highway": "pedestrian"}, is_area=True) == roads.ROAD_AREA


def test_a_table_with_the_classes_of_openstreetmap_leaves_out_footways_and_counts_them() -> None:
    lines = [line((0, y), (90, y)) for y in (0, 50, 90, 120)]
    kinds = {"class": ["residential", "footway", "footway", None]}
    draft = roads.places(features(lines, name=["甲路", "甲路", None, None], **kinds))
    assert [p.name for p in draft.places] == ["甲路"]
    assert draft.layer is Layer.ROAD
    assert sorted(draft.left_out.values()) == [1, 2]


def test_chinese_classes_are_attributes() -> None:
    given = features(
        [line((0, 0), (90, 0))], name=["兴东线"], code=["X203"], surface=["沥青"], **{"class": ["三级"]}
    )
    (place,) = roads.places(given).places
    assert place.code == "X203"
    assert place.attributes == {"surface": "沥青", "class": "三级"}


def test_an_odd_number_is_told_and_taken() -> None:
    draft = roads.places(features([line((0, 0), (90, 0))], name=["兴东线"], code=["X2O3"]))
    assert draft.places[0].code == "X2O3"
    assert [(r.row, "X2O3" in r.detail) for r in draft.remarks] == [(1, True)]
