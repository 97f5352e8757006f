"""Rivers whose banks are apart: imported so, carried over, told by bank, brought together again."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import select

from geo_service.coverage import ages
from geo_service.coverage.ground import Query
from geo_service.coverage.lists import gap_list
from geo_service.imports import Outcome
from geo_service.tables import Duty, LineCoverage, PlaceVersion
from layers import crs
from layers.banks import stored_sides
from layers.vocabulary import Bank, GapKind, Layer

from .test_place_versions import Feature, Office, office  # noqa: F401 -- the fixture

WIDE: Feature = ({"河道名称": "东河", "河道编码": "R1", "水面宽": 60}, "LINESTRING (0 0, 1000 0)")
NARROW: Feature = ({"河道名称": "小河", "河道编码": "R2", "水面宽": 12}, "LINESTRING (0 800, 1000 800)")


def apart(feature: Feature, said: str = "分开") -> Feature:
    return {**feature[0], "两岸": said}, feature[1]


def y_of(version: PlaceVersion) -> list[float]:
    """How far the parts of a version lie from the centre line, in metres."""
    line = crs.project(shapely.force_2d(to_shape(version.line)), "EPSG:4549")
    return [round(float(shapely.get_coordinates(part)[:, 1].mean()) - 3_640_000.0) for part in line.geoms]


def test_a_file_says_by_width_or_by_column_whose_banks_are_apart(office: Office) -> None:  # noqa: F811
    office.load(Layer.RIVER, WIDE, NARROW, banks_from_m=40.0)
    wide, narrow = office.versions()
    assert y_of(wide) == [30, -30]
    assert wide.length_dm == 20_000
    assert [(s.start, s.stop, s.bank) for s in stored_sides(wide.banks)] == [
        (0, 10_000, Bank.NORTH),
        (10_000, 20_000, Bank.SOUTH),
    ]
    assert narrow.banks is None
    assert office.load(Layer.RIVER, WIDE, NARROW).same == 2, "the register keeps what was chosen"
    assert office.load(Layer.RIVER, WIDE, NARROW, banks_from_m=40.0).same == 2
    report = office.load(Layer.RIVER, WIDE, apart(NARROW))
    (row,) = report.of(Outcome.CHANGED)
    assert "两岸分开" in row.detail
    assert y_of(office.versions()[2]) == [806, 794]


def test_the_reach_of_a_bank_is_its_margin(office: Office) -> None:  # noqa: F811
    office.load(Layer.RIVER, apart(WIDE))
    assert set(office.near((0, 40), (1000, 40)).reach_m.tolist()) == {20}


def test_without_a_width_the_banks_stay_together_and_it_is_told(office: Office) -> None:  # noqa: F811
    unsaid = ({k: v for k, v in WIDE[0].items() if k != "水面宽"}, WIDE[1])
    report = office.load(Layer.RIVER, apart(unsaid))
    assert office.versions()[0].banks is None
    assert any("不知道河宽" in note and "东河" in note for note in report.notes)


def test_another_width_or_course_moves_the_banks(office: Office) -> None:  # noqa: F811
    office.load(Layer.RIVER, apart(WIDE))
    office.load(Layer.RIVER, ({**WIDE[0], "水面宽": 80}, WIDE[1]))
    assert y_of(office.versions()[1]) == [40, -40]
    office.load(Layer.RIVER, ({**WIDE[0], "水面宽": 80}, "LINESTRING (0 10, 1000 10)"))
    assert y_of(office.versions()[2]) == [50, -30]


def test_banks_of_several_widths_come_back_from_an_export_unchanged(office: Office) -> None:  # noqa: F811
    ways = [
        ({**WIDE[0], "水面宽": 40, "两岸": "分开"}, "LINESTRING (0 0, 300 0, 600 0)"),
        ({**WIDE[0], "水面宽": 80, "两岸": "分开"}, "LINESTRING (600 0, 1000 0)"),
    ]
    office.load(Layer.RIVER, *ways)
    assert y_of(office.versions()[0]) == [20, 40, -20, -40]
    office.load(Layer.RIVER, (ways[0][0], "LINESTRING (0 0, 300 0, 600 0, 1000 0)"))
    (version,) = office.versions()
    assert y_of(version) == [20, 40, -20, -40]


def spans(row: Any) -> list[tuple[int, int]]:
    return [(span.lower, span.upper) for span in row]


def test_duties_go_to_both_banks_and_what_was_walked_to_neither(office: Office) -> None:  # noqa: F811
    office.load(Layer.RIVER, WIDE)
    (place,) = office.places()
    half, all_of_it = office.duty(place, [(0, 5_000)]), office.duty(place)
    office.walk(place, [(2_000, 4_000)])
    (row,) = office.load(Layer.RIVER, apart(WIDE)).of(Outcome.LOST)
    assert "说不清是哪一岸" in row.detail
    assert spans(half.spans) == [(0, 5_000), (10_000, 15_000)]
    assert all_of_it.spans is None
    covered = office.db.scalars(
        select(LineCoverage).where(LineCoverage.place_version_id == office.versions()[1].id)
    ).one()
    assert spans(covered.spans) == []
    assert spans(covered.ambiguous) == [(2_000, 4_000), (12_000, 14_000)]

    office.walk(place, [(6_000, 7_000)], dt.date(2024, 5, 2))
    office.walk(place, [(10_000, 10_500)], dt.date(2024, 5, 3))
    office.load(Layer.RIVER, apart(WIDE, "合并"))
    version = office.versions()[2]
    assert version.banks is None
    assert version.length_dm == 10_000
    assert spans(office.db.get_one(Duty, half.id).spans) == [(0, 5_000)]
    rows = office.db.scalars(select(LineCoverage).where(LineCoverage.place_version_id == version.id)).all()
    walked = sorted(spans(row.spans) for row in rows)
    assert walked == [[], [(0, 500)], [(6_000, 7_000)]], "who walked either bank walked the river"
    assert [spans(row.ambiguous) for row in rows if not row.spans] == [[(2_000, 4_000)]]


def test_a_gap_names_its_bank(office: Office) -> None:  # noqa: F811
    office.load(Layer.RIVER, apart(WIDE), apart(NARROW))
    place = office.places()[0]
    office.walk(place, [(0, 4_000), (10_000, 20_000)])
    query = Query(dt.date(2024, 1, 1), dt.date(2024, 12, 31), layers=(Layer.RIVER,))

    def told(kind: GapKind) -> Sequence[tuple[Any, ...]]:
        table = ages.listed(office.db, office.scope, query, kind)
        listing = gap_list(office.db, office.county, table)
        names = [column.name for column in listing.columns]
        at = [names.index(name) for name in ("name", "stretch", "length_m")]
        return [tuple(row[k] for k in at) for row in listing.rows]

    assert told(GapKind.UNPATROLLED) == [
        ("东河", "北岸自西端起 400–1000 米", 600.0),
        ("小河", "北岸全线", 1000.0),
        ("小河", "南岸全线", 1000.0),
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_a_waterway_of_openstreetmap_has_a_left_and_a_right_bank(
    office: Office,  # noqa: F811
    turned: bool,
) -> None:
    wkt = "LINESTRING (1000 0, 0 0)" if turned else "LINESTRING (0 0, 1000 0)"
    office.load(Layer.RIVER, ({**apart(WIDE)[0], "way_id": 7}, wkt))
    (version,) = office.versions()
    assert version.flow == ([-1] if turned else [1])
    assert [side.bank for side in stored_sides(version.banks)] == [Bank.LEFT, Bank.RIGHT]
    assert y_of(version) == ([-30, 30] if turned else [30, -30])
    first = shapely.get_coordinates(to_shape(version.line))
    assert np.sign(first[1, 0] - first[0, 0]) == (-1 if turned else 1), "downstream"
    assert version.sources[0]["id"] == "way/7"
    assert version.sources[0]["spans"] == [[0, 20_000]]
