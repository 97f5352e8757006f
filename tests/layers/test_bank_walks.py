"""Walks on the banks of rivers, and beside what lies next to them: what counts, and what must not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import shapely

from geo_service.demo.walks import Phone, along, observed, stroll
from layers.banks import Breadth, banks
from layers.coverage import Kind
from layers.lines import LineSet
from layers.matching import matched
from layers.reach import BANK_MARGIN_M, reach_m
from layers.spans import SpanSet
from layers.tracks import clean
from layers.vocabulary import Layer

CRS = "EPSG:4549"
ORIGIN = np.array([500_000.0, 3_640_000.0])
RIVER, ROAD = 0, 1
COVERS = (Kind.WALKED, Kind.BRIDGED)
LEAST_RECALL = 0.98
EXACT = Phone(step_s=1.0, sigma_m=0.5, loss_share=0.0)
FAIR = Phone(step_s=5.0, sigma_m=3.0, loss_share=0.02)


def meanders(length_m: float = 3000.0, bend_m: float = 90.0, every_m: float = 900.0) -> shapely.LineString:
    """A river whose bends are as narrow as its banks let them be: radius every_m² / (4 π² bend_m)."""
    x = np.arange(0, length_m + 1, 15.0)
    return shapely.linestrings(np.column_stack([x, bend_m * np.sin(2 * np.pi * x / every_m)]))


def covered(
    lines: Sequence[Any],
    route: np.ndarray,
    reach: Sequence[float],
    layer: Sequence[int] | None = None,
    *,
    phone: Phone = EXACT,
    seed: int = 1,
) -> SpanSet:
    """Return what a walk along a route covers of lines in metres around the origin."""
    random = np.random.default_rng(seed)
    motion = stroll(route + ORIGIN, random, start_s=1.7e9, pause_every_s=np.inf)
    track = clean(observed(motion, phone, random, crs=CRS), CRS)
    there = LineSet.of([shapely.transform(line, lambda xy: xy + ORIGIN) for line in lines])
    rival = np.array(layer if layer is not None else [RIVER] * len(lines), np.int64)
    xy = track.metric(CRS)
    found = matched(there, xy, track.time_s, track.piece, np.array(reach, dtype=float)[there.place], rival)
    return found.of(*COVERS)


def share(spans: SpanSet, lines: Sequence[Any], k: int = 0) -> float:
    return float(spans.lengths(len(lines))[k] / lines[k].length)


def fitting(offset_m: float) -> float:
    """The width of a river whose path runs so far from its centre line: 8 m behind the edge of the water."""
    return max(2 * (offset_m - 8.0), 4.0)


@pytest.mark.parametrize("phone", [EXACT, FAIR], ids=["exact", "fair"])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("offset_m", [0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
def test_a_walk_on_the_bank_covers_the_river(offset_m: float, side: int, phone: Phone) -> None:
    river = meanders()
    route = along(river, 0, river.length, offset_m=side * offset_m)
    spans = covered([river], route, [reach_m(Layer.RIVER, width_m=fitting(offset_m))], phone=phone)
    assert share(spans, [river]) >= LEAST_RECALL


@pytest.mark.parametrize("offset_m", [20.0, 60.0])
def test_a_narrow_bend_on_its_inner_bank_is_covered_round(offset_m: float) -> None:
    at = np.radians(np.linspace(-90, 90, 60))
    bend = 100 * np.column_stack([np.cos(at), np.sin(at)])
    river = shapely.linestrings(np.vstack([[-600, -100], bend, [-600, 100]]))
    for side in (1, -1):
        route = shapely.get_coordinates(shapely.offset_curve(river, side * offset_m))
        spans = covered([river], route, [reach_m(Layer.RIVER, width_m=fitting(offset_m))])
        assert share(spans, [river]) >= LEAST_RECALL


def test_a_river_that_widens_is_covered_by_the_path_that_follows_its_bank() -> None:
    river = shapely.linestrings([[x, 0.0] for x in range(0, 2001, 100)])
    route = np.array([[0.0, 14], [950, 14], [1050, 58], [2000, 58]])
    lines = LineSet.of([river])
    narrow, wide = (reach_m(Layer.RIVER, width_m=width) for width in (12.0, 100.0))
    reach = np.where((lines.from_m + lines.to_m) / 2 < 950, narrow, wide)
    motion = stroll(route, np.random.default_rng(2), start_s=1.7e9, pause_every_s=np.inf)
    nobody_lost = np.zeros(motion.time_s.size, np.int64)
    found = matched(lines, motion.xy, motion.time_s, nobody_lost, reach).of(*COVERS)
    assert share(found, [river]) >= LEAST_RECALL
    all_narrow = matched(lines, motion.xy, motion.time_s, nobody_lost, np.full(20, narrow)).of(*COVERS)
    assert share(all_narrow, [river]) < 0.55


def test_a_path_across_the_neck_does_not_cover_the_loop() -> None:
    at = np.radians(np.linspace(100, 440, 120))
    loop = 300 * np.column_stack([np.cos(at), np.sin(at)])
    river = shapely.linestrings(np.vstack([[loop[0, 0], 900], loop, [loop[-1, 0], 900]]))
    before = float(loop[0, 1])
    across = np.array([[-52.1, 900.0], [-52.1, before + 5], [52.1, before + 5], [52.1, 900]])
    spans = covered([river], across, [reach_m(Layer.RIVER, width_m=24.0)])
    loop_m = shapely.linestrings(loop).length
    straight_m = river.length - loop_m
    assert spans.lengths(1)[0] <= straight_m + 0.1 * loop_m
    assert spans.lengths(1)[0] >= 0.9 * straight_m


def test_one_arm_at_an_island_covers_this_arm_and_not_the_other() -> None:
    x = np.linspace(0, 600, 61)
    arms = [np.column_stack([x, side * 60 * np.sin(np.pi * x / 600)]) for side in (1, -1)]
    parts = [np.array([[-400.0, 0], [0, 0]]), *arms, np.array([[600.0, 0], [1000, 0]])]
    river = shapely.MultiLineString([shapely.linestrings(part) for part in parts])
    route = np.vstack([parts[0], arms[0][1:-1], parts[3]])
    spans = covered([river], route, [reach_m(Layer.RIVER, width_m=20.0)])
    lengths = [part.length for part in river.geoms]
    at = np.cumsum([0, *lengths])
    on = [float((spans & SpanSet.of([0], [at[k]], [at[k + 1]])).length.sum()) / lengths[k] for k in range(4)]
    assert min(on[0], on[1], on[3]) >= 0.97
    # Near its ends the other arm is nearer than the reach, and one and the same river.
    assert on[2] <= 0.45


def test_a_ring_canal_is_covered_from_its_inside_and_half_of_it_by_half_a_round() -> None:
    at = np.radians(np.linspace(0, 360, 181))
    ring = shapely.linestrings(250 * np.column_stack([np.cos(at), np.sin(at)]))
    reach = [reach_m(Layer.RIVER, width_m=30.0)]
    inside = shapely.get_coordinates(ring) * (228 / 250)
    assert share(covered([ring], inside, reach), [ring]) >= LEAST_RECALL
    assert share(covered([ring], inside[:91], reach), [ring]) == pytest.approx(0.5, abs=0.03)


def test_a_road_along_a_river_and_the_river_both_count() -> None:
    river = meanders(2000, 40, 1000)
    road = shapely.linestrings(along(river, 0, river.length, offset_m=10.0))
    lines = [river, road]
    reach = [reach_m(Layer.RIVER, width_m=12.0), reach_m(Layer.ROAD)]
    for offset_m in (10.0, 6.0):
        spans = covered(lines, along(river, 0, river.length, offset_m=offset_m), reach, [RIVER, ROAD])
        assert share(spans, lines, 0) >= LEAST_RECALL
        assert share(spans, lines, 1) >= LEAST_RECALL


@pytest.mark.parametrize("phone", [EXACT, FAIR], ids=["exact", "fair"])
def test_of_two_rivers_side_by_side_only_the_walked_one_counts(phone: Phone) -> None:
    rivers = [shapely.linestrings([[0.0, y], [2000, y]]) for y in (0.0, 30.0)]
    reach = [reach_m(Layer.RIVER, width_m=10.0)] * 2
    spans = covered(rivers, np.array([[0.0, -7], [2000, -7]]), reach, phone=phone)
    assert share(spans, rivers, 0) >= LEAST_RECALL
    assert share(spans, rivers, 1) <= 0.02


@pytest.mark.parametrize("width_m", [60.0, 120.0])
def test_of_banks_that_are_apart_only_the_walked_one_counts(width_m: float) -> None:
    river = shapely.MultiLineString([meanders()])
    found = banks(river, [Breadth(0, river.length, width_m)], [1])
    assert found is not None
    left, right = found.sides
    path = shapely.get_coordinates(shapely.offset_curve(river.geoms[0], width_m / 2 + 8))
    spans = covered([found.lines], path, [reach_m(Layer.RIVER, on_banks=True)], phone=FAIR)
    on_left = float((spans & SpanSet.of([0], [left.start], [left.stop])).length.sum())
    assert BANK_MARGIN_M == 20
    assert on_left >= LEAST_RECALL * (left.stop - left.start)
    assert float(spans.length.sum()) - on_left <= 0.02 * (right.stop - right.start)
