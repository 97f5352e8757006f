"""Checklists as data: codes are unique, and the fields of domain.md are all there."""

import pytest

from layers.checklists import CHECKLISTS
from layers.vocabulary import Layer


@pytest.mark.parametrize("layer", Layer)
def test_codes_are_plain_and_unique(layer: Layer) -> None:
    codes = [item.code for item in CHECKLISTS[layer]]
    assert len(set(codes)) == len(codes) >= 8
    assert all(code.isascii() and code.replace("_", "").isalpha() for code in codes)
    assert all(item.zh for item in CHECKLISTS[layer])


def test_rivers_have_the_twelve_items_of_the_offices() -> None:
    assert len(CHECKLISTS[Layer.RIVER]) == 12
