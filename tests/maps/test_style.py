"""What the classes look like to colour-blind people and in grey."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from layers.vocabulary import DutyKind, GapKind, Layer
from maps.style import (
    AMBIGUOUS,
    BACKGROUND,
    BANDS,
    FRESHNESS,
    GAPS,
    LOOKS,
    OF_A_WALK,
    OUTAGE,
    UNCOVERED,
    WALK,
    Look,
    gap_words,
)

Array = NDArray[np.float64]

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# sRGB to CIE XYZ, D65 (IEC 61966-2-1).
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> Array:
    coded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    """CIE 1976 L*a*b* of linear RGB."""
    share = XYZ @ np.clip(rgb, 0, 1) / XYZ.sum(axis=1)
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def lightness(colour: str) -> float:
    return float(lab(linear(colour))[0])


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""
    dark, light = sorted(float(XYZ[1] @ linear(c)) for c in (one, other))
    return (light + 0.05) / (dark + 0.05)


def filled(look: Look) -> str:
    """The colour of an area's fill over the paper."""
    both = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (look.colour, BACKGROUND)]
    mixed = look.fill * np.array(both[0]) + (1 - look.fill) * np.array(both[1])
    return "#" + "".join(f"{round(v):02x}" for v in mixed)


TOGETHER = [(*FRESHNESS, UNCOVERED, AMBIGUOUS), (*GAPS.values(), AMBIGUOUS)]
DRAWN = [*FRESHNESS, UNCOVERED, *GAPS.values(), *OF_A_WALK, OUTAGE]
PAIRS = [pair for looks in TOGETHER for pair in itertools.combinations(looks, 2)]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda look: look.key)
def test_classes_of_one_map_differ_for_every_eye(one: Look, other: Look, vision: str) -> None:
    seen = [lab(VISION[vision] @ linear(look.colour)) for look in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) >= 10  # 2.3 is just noticeable side by side


@pytest.mark.parametrize("covered", FRESHNESS, ids=lambda look: look.key)
def test_gap_and_covered_differ_in_grey(covered: Look) -> None:
    assert lightness(UNCOVERED.colour) - lightness(covered.colour) >= 10
    assert lightness(filled(UNCOVERED)) - lightness(filled(covered)) >= 10
    assert bool(UNCOVERED.dash_px) != bool(covered.dash_px)
    assert bool(UNCOVERED.hatch) != bool(covered.hatch)
    assert UNCOVERED.width_px < covered.width_px


def test_fresher_is_darker_step_by_step() -> None:
    for shade in ([look.colour for look in FRESHNESS], [filled(look) for look in FRESHNESS]):
        steps = np.diff([lightness(colour) for colour in shade])
        assert (steps >= 6).all()


def test_how_a_walk_covered_differs_without_colour() -> None:
    drawn = (*OF_A_WALK, WALK, OUTAGE)
    assert len({(look.dash_px, look.ribbon) for look in drawn}) == len(drawn)
    assert [look for look in LOOKS.values() if look.ribbon] == [AMBIGUOUS]
    assert AMBIGUOUS.hatch
    assert WALK.width_px > OUTAGE.width_px  # what joins the ends of an outage is no track
    assert min(OUTAGE.dash_px) > max(WALK.dash_px)


def test_gap_kinds_differ_without_colour() -> None:
    dashes, hatches = zip(*((look.dash_px, look.hatch) for look in GAPS.values()), strict=True)
    assert len(set(dashes)) == len(set(hatches)) == len(GapKind)
    shades = sorted(lightness(look.colour) for look in GAPS.values())
    assert min(np.diff(shades)) >= 10


@pytest.mark.parametrize("look", DRAWN, ids=lambda look: look.key)
def test_every_class_stands_out_from_the_paper(look: Look) -> None:
    assert contrast(look.colour, BACKGROUND) >= 3  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("look", DRAWN, ids=lambda look: look.key)
@pytest.mark.parametrize("layer", [Layer.RIVER, Layer.ROAD])
def test_every_line_stands_out_from_its_band(look: Look, layer: Layer) -> None:
    assert lightness(BANDS[layer].colour) - lightness(look.colour) >= 15


def test_layers_have_bands_that_differ_in_grey() -> None:
    assert set(BANDS) == set(Layer)
    assert abs(lightness(BANDS[Layer.RIVER].colour) - lightness(BANDS[Layer.ROAD].colour)) >= 8
    assert BANDS[Layer.COMPOUND].width_px >= 2 * BANDS[Layer.GRID].width_px


def test_words_never_blame() -> None:
    words = [gap_words(gap, layer, kind) for gap in GapKind for layer in Layer for kind in DutyKind]
    words += [look.label for look in LOOKS.values()]
    assert not [word for word in words if "无人负责" in word or "无效" in word]
    assert gap_words(GapKind.UNASSIGNED, Layer.GRID) == "暂无银发网格长"
    assert gap_words(GapKind.UNASSIGNED, Layer.COMPOUND) == "暂无银龄红管家"
    assert gap_words(GapKind.UNASSIGNED, Layer.RIVER, DutyKind.OFFICIAL) == "暂无责任河长"
