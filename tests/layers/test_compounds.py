"""Drafts of compounds: a building is none."""

import pytest

from layers import compounds

from .map_files import features, square


def test_named_and_nameless_compounds() -> None:
    draft = compounds.places(
        features([square(0, 0), square(200, 0)], name=["时代嘉园", None], households=[600.0, None])
    )
    assert [(p.name, p.in_scheme) for p in draft.places] == [("时代嘉园", True), (None, True)]
    assert draft.places[0].attributes == {"households": 600.0}


@pytest.mark.parametrize("building", ["apartments", "yes", "residential"])
def test_buildings_in_a_table_are_refused_row_by_row(building: str) -> None:
    given = features([square(0, 0), square(200, 0)], name=["时代嘉园", "3号楼"], building=[None, building])
    draft = compounds.places(given)
    assert [p.name for p in draft.places] == ["时代嘉园"]
    assert [(e.row, "建筑物不是小区" in e.detail) for e in draft.refused] == [(2, True)]
    assert "building" not in draft.places[0].attributes


def test_dwellings_beside_residential_areas_of_openstreetmap_are_only_counted() -> None:
    given = features(
        [square(0, 0), None],
        ids=["way/1", "way/2"],
        osm=True,
        building=[None, "apartments"],
        **{"class": ["residential", None]},
    )
    draft = compounds.places(given)
    assert (len(draft.places), draft.refused) == (1, [])
    assert draft.left_out == {"建筑物不是小区（building=apartments）": 1}


def test_openstreetmap_with_nothing_but_dwellings_is_refused() -> None:
    given = features([None], ids=["way/2"], osm=True, building=["apartments"], **{"class": [None]})
    draft = compounds.places(given)
    assert draft.places == []
    assert "way/2：建筑物不是小区" in draft.refused[0].detail
