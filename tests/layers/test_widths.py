"""Widths of rivers: stated piece by piece, or measured in the water that the file holds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import shapely

from layers import readers, rivers
from layers.drafts import PlaceDraft
from layers.vocabulary import Layer

from .map_files import XINGHUA, at, features, line, osm


def water(*xy_m: tuple[float, float], without: tuple[tuple[float, float], ...] = ()) -> shapely.Polygon:
    return shapely.Polygon(at(*xy_m), [at(*without)] if without else None)


def straight(length_m: float = 1000.0, step_m: float = 50.0, y_m: float = 0.0) -> shapely.LineString:
    return line(*((x, y_m) for x in np.arange(0, length_m + 1, step_m).tolist()))


def widths_of(place: PlaceDraft) -> list[float | None]:
    return [source.width_m for source in place.sources]


def test_every_piece_keeps_the_width_that_its_row_states() -> None:
    pieces = [line((0, 0), (500, 0)), line((500, 0), (900, 0)), line((900, 0), (1300, 0))]
    (place,) = rivers.places(features(pieces, name=["甲河"] * 3, width_m=[12.0, 40.0, None])).places
    assert widths_of(place) == [12, 40, None]
    assert place.attributes["width_m"] == 12, "of the whole what most of it has"


def test_the_water_around_a_line_tells_its_width_where_it_widens() -> None:
    narrow_then_wide = water(
        (-50, -15), (500, -15), (500, -45), (1050, -45), (1050, 45), (500, 45), (500, 15), (-50, 15)
    )
    draft = rivers.places(features([straight(), narrow_then_wide], name=["甲河", None]))
    (place,) = draft.places
    assert place.sources[0].width_m == 30
    assert place.sources[-1].width_m == 90
    assert draft.left_out == {rivers.WATER_AREA: 1}
    assert draft.refused == []
    assert any("有 1 条线没有写宽度" in note for note in draft.notes)
    whole = shapely.union_all([source.geometry for source in place.sources])
    assert shapely.equals(shapely.line_merge(whole), straight())
    assert len({source.id for source in place.sources}) == 1


def test_a_border_between_two_surfaces_is_no_shore() -> None:
    halves = [
        water((-50, -20), (480, -20), (480, 20), (-50, 20)),
        water((480, -20), (1050, -20), (1050, 20), (480, 20)),
    ]
    (place,) = rivers.places(features([straight(), *halves], name=["甲河", None, None])).places
    assert set(widths_of(place)) == {40}


def test_an_arm_beside_an_island_is_as_wide_as_itself() -> None:
    lake_like = water(
        (-50, -60),
        (1050, -60),
        (1050, 60),
        (-50, 60),
        without=((-40, -20), (1040, -20), (1040, 20), (-40, 20)),
    )
    given = features([straight(y_m=40), straight(y_m=-40), lake_like], name=["甲河", "甲河", None])
    (place,) = rivers.places(given).places
    assert set(widths_of(place)) == {40}


def test_a_stated_width_counts_before_a_measured_one() -> None:
    surface = water((-50, -30), (1050, -30), (1050, 30), (-50, 30))
    given = features([straight(), surface], name=["甲河", None], width_m=[25.0, None])
    (place,) = rivers.places(given).places
    assert widths_of(place) == [25]


@pytest.mark.parametrize("half_m", [300.0, 1000.0])
def test_a_lake_that_is_crossed_tells_no_width(half_m: float) -> None:
    lake = water((-900, -half_m), (1900, -half_m), (1900, half_m), (-900, half_m))
    (place,) = rivers.places(features([straight(), lake], name=["甲河", None])).places
    assert widths_of(place) == [None]


def test_a_canal_that_only_crosses_the_water_keeps_its_own_reach() -> None:
    surface = water((470, -900), (530, -900), (530, 900), (470, 900))
    (place,) = rivers.places(features([straight(), surface], name=["甲河", None])).places
    assert widths_of(place) == [None]


def test_a_river_drawn_as_an_area_is_still_refused() -> None:
    beside = water((0, 500), (900, 500), (900, 560), (0, 560))
    across = water((-50, -20), (1050, -20), (1050, 20), (-50, 20))
    for area, name in ((beside, "甲河"), (across, "乙河")):
        (refused,) = rivers.places(features([straight(), area], name=["甲河", name])).refused
        assert refused.row == 2


def test_a_surface_that_crosses_itself_tells_nothing_and_stops_nothing() -> None:
    bow_tie = water((-50, -20), (1050, 20), (1050, -20), (-50, 20))
    draft = rivers.places(
        features([straight(), bow_tie], name=["甲河", None], ids=["way/1", "way/2"], osm=True)
    )
    assert widths_of(draft.places[0]) == [None]


def nodes(*xy_m: tuple[float, float]) -> str:
    """Nodes of OpenStreetMap, numbered from 1."""
    numbered = enumerate(at(*xy_m).tolist(), start=1)
    return "".join(f'<node id="{k}" lon="{x:.9f}" lat="{y:.9f}"/>' for k, (x, y) in numbered)


def way(id_: int, refs: Iterable[int], **tags: str) -> str:
    inside = [f'<nd ref="{ref}"/>' for ref in refs] + [f'<tag k="{k}" v="{v}"/>' for k, v in tags.items()]
    return f'<way id="{id_}">{"".join(inside)}</way>'


def test_openstreetmap_keeps_running_water_and_tells_widths(tmp_path: Path) -> None:
    axis = [(x, 0.0) for x in range(0, 1001, 100)]
    ring = (12, 13, 14, 15, 12)
    body = (
        nodes(*axis, (-50, -30), (1050, -30), (1050, 30), (-50, 30))
        + way(1, range(1, 12), waterway="river", name="车路河")
        + way(2, ring, natural="water", water="river")
        + way(3, (1, 2), waterway="ditch", est_width="9 m")
        + way(4, ring, natural="water", water="pond")
    )
    draft = rivers.places(readers.read(osm(tmp_path / "a.osm", body), Layer.RIVER, county=XINGHUA))
    river, ditch = draft.places
    assert set(widths_of(river)) == {60}
    assert widths_of(ditch) == [9]
    assert draft.left_out == {rivers.WATER_AREA: 2}


def test_openstreetmap_surfaces_that_are_relations_have_their_islands(tmp_path: Path) -> None:
    axis = [(x, 40.0) for x in range(0, 1001, 50)]
    outer = [(-50.0, -60.0), (1050, -60), (1050, 60), (-50, 60)]
    inner = [(-40.0, -20.0), (1040, -20), (1040, 20), (-40, 20)]
    body = (
        nodes(*axis, *outer, *inner)
        + way(1, range(1, 22), waterway="river")
        + way(2, (22, 23, 24, 25, 22))
        + way(3, (26, 27, 28, 29, 26))
        + '<relation id="9"><member type="way" ref="2" role="outer"/>'
        '<member type="way" ref="3" role="inner"/>'
        '<tag k="type" v="multipolygon"/><tag k="waterway" v="riverbank"/></relation>'
    )
    draft = rivers.places(readers.read(osm(tmp_path / "a.osm", body), Layer.RIVER, county=XINGHUA))
    assert set(widths_of(draft.places[0])) == {40}
    assert draft.left_out == {rivers.WATER_AREA: 1}
