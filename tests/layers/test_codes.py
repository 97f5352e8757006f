"""Codes of places and areas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import codes
from layers.vocabulary import Layer


@pytest.mark.parametrize("code", ["G104", "S231", "X203", "Y012321281", "C001", "Z001", "G60", "G1514", "S5"])
def test_road_numbers_of_the_standard_are_not_odd(code: str) -> None:
    assert codes.odd(Layer.ROAD, code) is None


@pytest.mark.parametrize("code", ["x203", "X2O3", "203", "X203-1", "X20332128", "X12345"])
def test_other_road_numbers_are_told(code: str) -> None:
    assert code in str(codes.odd(Layer.ROAD, code))


@pytest.mark.parametrize("code", ["321281001002001", "321281100200999"])
def test_grid_codes_of_fifteen_digits_are_not_odd(code: str) -> None:
    assert codes.odd(Layer.GRID, code) is None


@pytest.mark.parametrize("code", ["32128100100201", "321281601002001", "G-1"])
def test_other_grid_codes_are_told(code: str) -> None:
    assert "15 位" in str(codes.odd(Layer.GRID, code))


def test_village_codes_follow_the_ranges_of_the_township_digits() -> None:
    assert codes.AREA.fullmatch("321281001001")
    assert codes.AREA.fullmatch("321281599200")
    assert not codes.AREA.fullmatch("321281600001")
    assert not codes.AREA.fullmatch("32128100100")


def test_numbers_go_on_after_the_highest_and_not_into_gaps() -> None:
    taken = ["RV-321281-00001", "RV-321281-00009", "RV-410184-00500"]
    assert codes.make(Layer.RIVER, ["321281000000"], taken) == ["RV-321281-00010"]
    assert codes.make(Layer.ROAD, ["321281"], ["X203", *taken]) == ["RD-321281-00001"]


def test_grids_of_two_villages_are_numbered_apart() -> None:
    villages = ["321281001001", "321281001002", "321281001001"]
    assert codes.make(Layer.GRID, villages, []) == ["321281001001001", "321281001002001", "321281001001002"]


def test_an_area_without_a_standard_code_gets_a_number_behind_it() -> None:
    assert codes.make(Layer.GRID, ["LI-7"], []) == ["LI-7-001"]
    assert codes.make(Layer.RIVER, ["LI"], []) == ["RV-LI-00001"]
    assert codes.make(Layer.COMPOUND, ["321281"], []) == ["C3212810000000001"]


def test_a_full_range_uses_gaps_and_then_says_so() -> None:
    village = "321281001001"
    taken = [f"{village}{n:03d}" for n in range(1, 1000) if n != 500]
    assert codes.make(Layer.GRID, [village], taken) == [f"{village}500"]
    with pytest.raises(codes.NoCodeLeft, match="用完"):
        codes.make(Layer.GRID, [village, village], taken)


areas = st.sampled_from(["321281001001", "321281", "LI", "321281100000"])


@given(st.sampled_from(list(Layer)), st.lists(areas, max_size=30), st.lists(areas, max_size=30))
def test_made_codes_are_new_and_different(layer: Layer, before: list[str], after: list[str]) -> None:
    taken = codes.make(layer, before, [])
    made = codes.make(layer, after, taken)
    assert len(set(made)) == len(after)
    assert set(made).isdisjoint(taken)
    if layer is Layer.GRID:
        assert all(codes.odd(layer, code) is None for code in made if not code.startswith("LI"))


def test_grids_are_numbered_in_reading_order() -> None:
    spots = [(119.82, 32.90), (119.80, 32.90), (119.81, 32.95), (119.80, 32.9501)]
    assert codes.reading_order(spots) == [3, 2, 1, 0]
    assert codes.reading_order([]) == []


def test_unnamed_areas_get_township_and_a_free_number() -> None:
    names = codes.name_unnamed(Layer.COMPOUND, ["甲镇", "乙镇", "甲镇"], ["甲镇2号小区"])
    assert names == ["甲镇1号小区", "乙镇1号小区", "甲镇3号小区"]


def test_parents_of_area_codes() -> None:
    assert codes.parent("321281001002") == "321281001000"
    assert codes.parent("321281001000") == "321281000000"
    assert codes.parent("LI-1") is None
