"""Imports, one after the other: what is added, changed, kept, carried over, asked and refused."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import service as areas
from geo_service.areas.service import AreaOptions
from geo_service.areas.tree import AreaRow
from geo_service.bulk import copy_rows, multirange
from geo_service.coverage import service as coverage
from geo_service.coverage import walkable
from geo_service.coverage.computing import Neighbourhood
from geo_service.errors import Forbidden, Invalid
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.places import service
from geo_service.places.service import ImportOptions
from geo_service.tables import (
    Audit,
    County,
    Duty,
    DutyCells,
    Import,
    LineCoverage,
    LineDay,
    Patrol,
    Person,
    Place,
    PlaceCells,
    PlaceVersion,
)
from layers import crs
from layers.errors import BadFile, OutsideCounty
from layers.features import Box
from layers.tracks import Track
from layers.vocabulary import Layer, Right

CRS = "EPSG:4549"
ORIGIN = np.array([480_000.0, 3_640_000.0])
BOUNDS = Box(119.7, 32.8, 120.0, 33.0)
CLERK = Actor(os_user="clerk")
Feature = tuple[Mapping[str, Any], str | None]


def geometry(wkt: str) -> Any:
    return crs.unproject(shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + ORIGIN), CRS)


@dataclass(frozen=True)
class Office:
    """A county office that imports one file after the other."""

    db: Session
    folder: Path
    county: County

    @property
    def scope(self) -> Scope:
        return Scope(self.county.id, CLERK, {Right.ADMINISTRATOR: None})

    def file(self, features: Sequence[Feature], name: str = "places.geojson") -> Path:
        rows = [
            {
                "type": "Feature",
                "properties": dict(properties),
                "geometry": None if wkt is None else json.loads(shapely.to_geojson(geometry(wkt))),
            }
            for properties, wkt in features
        ]
        path = self.folder / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
        return path

    def load(self, layer: Layer, *features: Feature, **options: Any) -> ImportReport:
        return self.load_file(layer, self.file(features), **options)

    def load_file(self, layer: Layer, path: Path, **options: Any) -> ImportReport:
        report = service.import_layer(self.db, self.scope, layer, path, ImportOptions(**options))
        self.db.expire_all()
        return report

    def places(self) -> list[Place]:
        return list(self.db.scalars(select(Place).order_by(Place.id)))

    def versions(self) -> list[PlaceVersion]:
        return list(self.db.scalars(select(PlaceVersion).order_by(PlaceVersion.id)))

    def person(self, name: str = "王长河") -> uuid.UUID:
        person = Person(county_id=self.county.id, name=name)
        self.db.add(person)
        self.db.flush()
        return person.id

    def duty(self, place: Place, spans: list[tuple[int, int]] | None = None) -> Duty:
        duty = Duty(
            county_id=self.county.id, person_id=self.person(), place_id=place.id, role="river_steward",
            kind="volunteer", level="village", in_force=Range(dt.date(2024, 1, 1), None),
            spans=None if spans is None else [Range(a, b) for a, b in spans],
        )  # fmt: skip
        self.db.add(duty)
        self.db.flush()
        return duty

    def near(self, *corners: tuple[float, float]) -> Neighbourhood:
        """Return the places around a walk."""
        lonlat = crs.to_lonlat(np.array(corners, dtype=float) + ORIGIN, CRS)
        time_s, unknown = np.arange(len(corners)) + 1.7e9, np.full(len(corners), np.nan)
        track = Track(time_s, lonlat, unknown, np.zeros(len(corners), np.int64))
        return coverage.neighbourhood(self.db, self.county, track)

    def walk(self, place: Place, spans: list[tuple[int, int]], day: dt.date = dt.date(2024, 5, 1)) -> None:
        """Write down that a patrol covered spans of a place."""
        now = dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC)
        patrol = Patrol(
            county_id=self.county.id, id=uuid.uuid4(), day=day, started_at=now, ended_at=now, walked_m=1.0,
            fixes=2, settled_at=now,
        )  # fmt: skip
        self.db.add(patrol)
        self.db.flush()
        text = multirange(spans)
        covered = ["county_id", "place_version_id", "day", "patrol_id", "spans"]
        copy_rows(self.db, LineCoverage, covered, [(self.county.id, place.version_id, day, patrol.id, text)])
        coverage.enter(self.db, self.county.id, patrol.id)


@pytest.fixture
def office(db: Session, tmp_path: Path) -> Office:
    areas.store_areas(
        db,
        CLERK,
        [
            AreaRow("t", 1, "321281", "兴化市"),
            AreaRow("t", 2, "321281001", "昭阳街道"),
            AreaRow("t", 3, "321281100", "戴窑镇"),
        ],
        AreaOptions(bounds=BOUNDS),
    )
    return Office(db, tmp_path, areas.county_of(db))


def outcomes(report: ImportReport) -> dict[str, int]:
    return {word: count for word, count in report.counts().items() if count}


EAST_RIVER = ({"河道名称": "东河", "河道编码": "R1"}, "LINESTRING (0 0, 500 0, 1000 0)")
WEST_RIVER = ({"河道名称": "西河"}, "LINESTRING (0 300, 700 300)")
DITCH = ({"河道名称": None}, "LINESTRING (0 600, 80 600)")


# --- the same again


def test_twice_the_same_file_changes_nothing(office: Office) -> None:
    first = office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER, DITCH)
    assert outcomes(first) == {"added": 3}
    again = office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER, DITCH)
    assert outcomes(again) == {"same": 3}
    assert not again.changes
    assert [(place.code, place.name, place.in_scheme) for place in office.places()] == [
        ("R1", "东河", True),
        ("RV-321281-00001", "西河", True),
        ("RV-321281-00002", None, False),
    ]
    assert office.db.scalar(select(func.count()).select_from(Import)) == 1
    assert office.db.scalars(select(Audit.action)).all()[-1] == "places.import"


def test_order_and_direction_of_the_drawing_do_not_matter(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER)
    turned = (EAST_RIVER[0], "LINESTRING (1000 0, 500 0, 0 0)")
    assert outcomes(office.load(Layer.RIVER, WEST_RIVER, turned)) == {"same": 2}


def test_a_dry_run_says_all_and_stores_nothing(office: Office) -> None:
    report = office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER, dry_run=True)
    assert [(row.outcome, row.rows, row.name) for row in report.rows] == [
        (Outcome.ADDED, [1], "东河"),
        (Outcome.ADDED, [2], "西河"),
    ]
    assert office.places() == []
    assert office.db.scalars(select(Import)).all() == []


def test_what_is_gone_from_the_file_is_told_and_kept(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER)
    report = office.load(Layer.RIVER, EAST_RIVER)
    assert [(row.name, row.code) for row in report.of(Outcome.GONE)] == [("西河", "RV-321281-00001")]
    assert len(office.places()) == 2


# --- which is which


def test_a_renamed_river_is_known_by_its_code(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER)
    renamed = ({"河道名称": "东大河", "河道编码": "R1", "水面宽": 30}, EAST_RIVER[1])
    report = office.load(Layer.RIVER, renamed)
    assert [row.detail for row in report.of(Outcome.CHANGED)] == ["名称「东河」→「东大河」；属性"]
    (place,) = office.places()
    assert (place.name, place.attributes["width_m"]) == ("东大河", 30.0)
    assert len(office.versions()) == 1


def test_a_river_is_known_by_name_and_ground(office: Office) -> None:
    office.load(Layer.RIVER, WEST_RIVER)
    moved = (WEST_RIVER[0], "LINESTRING (0 306, 400 309, 700 306)")
    elsewhere = (WEST_RIVER[0], "LINESTRING (5000 0, 5600 0)")
    # That the two of the file are two, and not one drawn in two pieces, is asked besides.
    assert outcomes(office.load(Layer.RIVER, moved, elsewhere)) == {"added": 1, "changed": 1, "asked": 1}
    assert [place.name for place in office.places()] == ["西河", "西河"]


def test_an_office_code_takes_the_place_of_a_made_one(office: Office) -> None:
    office.load(Layer.RIVER, WEST_RIVER)
    office.load(Layer.RIVER, ({"河道名称": "西河", "河道编码": "R2"}, WEST_RIVER[1]))
    (place,) = office.places()
    assert (place.code, place.code_made) == ("R2", False)


def test_two_codes_of_the_office_are_two_rivers(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER)
    other = ({"河道名称": "东河", "河道编码": "R9"}, EAST_RIVER[1])
    assert outcomes(office.load(Layer.RIVER, other)) == {"added": 1, "gone": 1}


def test_a_nameless_line_is_known_by_its_ground(office: Office) -> None:
    office.load(Layer.RIVER, DITCH)
    shorter = ({}, "LINESTRING (0 600, 75 600)")
    assert outcomes(office.load(Layer.RIVER, shorter)) == {"changed": 1}


def test_several_that_fit_are_asked_and_the_answer_counts(office: Office) -> None:
    office.load(
        Layer.RIVER,
        ({"河道名称": "双河", "河道编码": "A"}, "LINESTRING (0 0, 1000 0)"),
        ({"河道名称": "双河", "河道编码": "B"}, "LINESTRING (0 10, 1000 10)"),
    )
    between = ({"河道名称": "双河"}, "LINESTRING (0 5, 1000 5)")
    # Both places have codes of the office; the draft has none and lies on both.
    report = office.load(Layer.RIVER, between, dry_run=True)
    (asked,) = report.of(Outcome.ASKED)
    assert asked.question is not None
    assert sorted(asked.question.answers) == ["A", "B", "apart"]
    assert outcomes(office.load(Layer.RIVER, between, dry_run=True))["added"] == 1
    answered = office.load(Layer.RIVER, between, answers={asked.question.id: "B"})
    assert outcomes(answered) == {"changed": 1, "gone": 1, "answered": 1}
    (changed,) = answered.of(Outcome.CHANGED)
    assert changed.code == "B"
    assert outcomes(office.load(Layer.RIVER, between)) == {"same": 1, "gone": 1}


# --- a new geometry


def test_a_changed_line_makes_a_version_and_carries_duties_and_coverage(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER)
    (place,) = office.places()
    whole, part = office.duty(place), office.duty(place, [(2_000, 8_000)])
    office.walk(place, [(0, 1_000), (9_000, 10_000)])
    # Drawn from the other side now, and 300 m longer in the west; the last 100 m in the east are gone.
    changed = (EAST_RIVER[0], "LINESTRING (900 0, 500 0, -300 0)")
    report = office.load(Layer.RIVER, changed)
    assert outcomes(report) == {"changed": 1, "lost": 1}
    assert "100 米" in report.of(Outcome.LOST)[0].detail
    (place,) = office.places()
    old, new = office.versions()
    assert (old.number, new.number, place.version_id, new.length_dm) == (1, 2, new.id, 12_000)
    assert office.db.get_one(Duty, whole.id).spans is None
    assert _spans(office.db.get_one(Duty, part.id).spans) == [(5_000, 11_000)]
    covered = office.db.scalars(select(LineCoverage).where(LineCoverage.place_version_id == new.id)).one()
    assert _spans(covered.spans) == [(3_000, 4_000)]
    days = office.db.scalars(select(LineDay).where(LineDay.place_version_id == new.id)).one()
    assert _spans(days.spans) == [(3_000, 4_000)]


def test_a_duty_that_no_longer_fits_is_told_by_name_and_means_nothing(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER)
    duty = office.duty(office.places()[0], [(8_000, 10_000)])
    report = office.load(Layer.RIVER, (EAST_RIVER[0], "LINESTRING (0 0, 700 0)"))
    (lost,) = report.of(Outcome.LOST)
    assert lost.detail.startswith("王长河负责的 200 米")
    assert office.db.get_one(Duty, duty.id).spans == []


def _spans(spans: Sequence[Any]) -> list[tuple[int, int]]:
    return [(span.lower, span.upper) for span in spans]


COMPOUND = ({"小区名称": "海德花园"}, "POLYGON ((0 0, 200 0, 200 200, 0 200, 0 0))")
FURTHER_NORTH = "POLYGON ((0 60, 200 60, 200 260, 0 260, 0 60))"


def test_a_changed_area_keeps_the_cells_of_duties_that_are_still_inside(office: Office) -> None:
    office.load(Layer.COMPOUND, COMPOUND)
    (place,) = office.places()
    south, all_of_it = office.duty(place), office.duty(place)
    for row in office.db.scalars(select(PlaceCells)):
        office.db.add(
            DutyCells(
                county_id=office.county.id, duty_id=south.id, block_x=row.block_x, block_y=row.block_y,
                cells=row.inside,
            )
        )  # fmt: skip
    office.db.flush()
    cells_before = _cells(office, south.id)
    report = office.load(Layer.COMPOUND, (COMPOUND[0], FURTHER_NORTH))
    assert outcomes(report) == {"changed": 1, "lost": 1}
    assert 0 < _cells(office, south.id) < cells_before
    # Redrawn once more, with nothing of the south left.
    nothing_left = (COMPOUND[0], "POLYGON ((0 215, 200 215, 200 260, 0 260, 0 215))")
    assert office.load(Layer.COMPOUND, nothing_left).of(Outcome.LOST)
    assert _cells(office, south.id) == 0
    # No row would mean all of it: what is left of the duty stays written down, even if that is nothing.
    assert office.db.scalars(select(DutyCells).where(DutyCells.duty_id == south.id)).all()
    assert not office.db.scalars(select(DutyCells).where(DutyCells.duty_id == all_of_it.id)).all()


def _cells(office: Office, duty_id: int) -> int:
    count = select(func.sum(func.bit_count(DutyCells.cells))).where(DutyCells.duty_id == duty_id)
    return int(office.db.scalar(count) or 0)


def test_a_reach_of_its_own_goes_along(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER)
    office.versions()[0].reach_m = 55.0
    office.db.flush()
    office.load(Layer.RIVER, (EAST_RIVER[0], "LINESTRING (0 0, 500 5, 1000 0)"))
    assert [version.reach_m for version in office.versions()] == [55.0, 55.0]


WAYS: list[Feature] = [
    ({"河道名称": "东河", "河道编码": "R1", "水面宽": "12"}, "LINESTRING (0 0, 300 0, 600 0)"),
    ({"河道名称": "东河", "河道编码": "R1", "水面宽": "60-80米"}, "LINESTRING (600 0, 1000 0)"),
    ({"河道名称": "东河", "河道编码": "R1", "水面宽": ""}, "LINESTRING (1000 0, 1100 0)"),
]


def test_a_river_of_several_widths_has_the_reach_of_each_on_its_stretch(office: Office) -> None:
    office.load(Layer.RIVER, *WAYS)
    (place,), (version,) = office.places(), office.versions()
    assert place.attributes["width_m"] == 12, "what most of it has"
    assert version.reaches == [[6000, 10000, 55.0]]
    near = office.near((0, 50), (1100, 50))
    lines = near.line_set
    middle = (lines.from_m + lines.to_m) / 2
    assert near.reach_m[middle < 600].tolist() == [26, 26]
    assert near.reach_m[(middle > 600) & (middle < 1000)].tolist() == [55]
    assert near.reach_m[middle > 1000].tolist() == [26]


def test_widths_are_brought_up_to_date_without_a_new_version(office: Office) -> None:
    office.load(Layer.RIVER, *WAYS)
    assert office.load(Layer.RIVER, *WAYS).same == 1
    narrower = [WAYS[0], ({**WAYS[1][0], "水面宽": "20"}, WAYS[1][1]), WAYS[2]]
    (row,) = office.load(Layer.RIVER, *narrower).of(Outcome.CHANGED)
    assert row.detail == "各段宽度"
    (version,) = office.versions()
    assert version.reaches == [[6000, 10000, 30.0]]
    one_width = [({**properties, "水面宽": "30"}, wkt) for properties, wkt in WAYS]
    office.load(Layer.RIVER, *one_width)
    assert office.places()[0].attributes["width_m"] == 30
    assert office.versions()[0].reaches == []


def test_a_file_without_widths_leaves_them_and_a_new_course_carries_them(office: Office) -> None:
    office.load(Layer.RIVER, *WAYS)
    unsaid = [({k: v for k, v in properties.items() if k != "水面宽"}, wkt) for properties, wkt in WAYS]
    assert office.load(Layer.RIVER, *unsaid).same == 1
    assert office.versions()[0].reaches == [[6000, 10000, 55.0]]
    office.load(Layer.RIVER, (unsaid[0][0], "LINESTRING (-100 0, 1100 0)"))
    assert office.versions()[1].reaches == [[7000, 11000, 55.0]]


def test_a_river_of_several_widths_comes_back_from_an_export_unchanged(office: Office) -> None:
    office.load(Layer.RIVER, *WAYS)
    one_row = (WAYS[0][0], "LINESTRING (0 0, 300 0, 600 0, 1000 0, 1100 0)")
    office.load(Layer.RIVER, one_row)
    (version,) = office.versions()
    assert version.reaches == [[6000, 10000, 55.0]]
    office.load(Layer.RIVER, ({**one_row[0], "水面宽": "20"}, one_row[1]))
    assert office.versions()[0].reaches == [], "another width is one for all of it"


def test_a_reach_of_its_own_counts_before_all_widths(office: Office) -> None:
    office.load(Layer.RIVER, *WAYS)
    office.versions()[0].reach_m = 33.0
    office.db.flush()
    assert set(office.near((0, 50), (1100, 50)).reach_m.tolist()) == {33}


# --- without geometry


def _list(office: Office, *rows: str, head: str = "序号,河道名称,所在镇街,长度(公里),电话") -> Path:
    path = office.folder / "名录.csv"
    path.write_text("\n".join([head, *rows]), "gbk")
    return path


def test_a_list_registers_places_that_get_their_geometry_later(office: Office) -> None:
    listed = _list(office, "1,生产河,昭阳街道,1.2,138", "2,生产河,戴窑,0.8,139", "3,中心河,戴窑,,")
    report = office.load_file(Layer.RIVER, listed)
    assert outcomes(report) == {"added": 3}
    assert any("电话" in note for note in report.notes)
    assert "电话" not in str([place.attributes for place in office.places()])
    assert outcomes(office.load_file(Layer.RIVER, listed)) == {"same": 3}
    drawn = ({"河道名称": "生产河", "所在镇街": "戴窑"}, "LINESTRING (0 0, 800 0)")
    assert outcomes(office.load(Layer.RIVER, drawn)) == {"changed": 1, "gone": 2}
    first, second, _ = office.places()
    assert (first.version_id, second.version_id is not None) == (None, True)
    # The list again neither takes the geometry away nor makes a second place.
    assert outcomes(office.load_file(Layer.RIVER, listed)) == {"same": 3}


def test_a_name_that_several_could_be_is_asked(office: Office) -> None:
    office.load_file(Layer.RIVER, _list(office, "1,生产河,昭阳街道,,"))
    two = [({"河道名称": "生产河"}, f"LINESTRING ({x} 0, {x + 700} 0)") for x in (0, 5000)]
    report = office.load(Layer.RIVER, *two, dry_run=True)
    assert outcomes(report)["added"] == 2
    asked = [row.question for row in report.of(Outcome.ASKED) if row.question]
    ours = [question.id for question in asked if question.id.startswith("place-")]
    assert len(ours) == 2
    (listed,) = office.places()
    answers = {question.id: "apart" for question in asked} | {ours[1]: listed.code}
    done = office.load(Layer.RIVER, *two, answers=answers)
    assert outcomes(done) == {"added": 1, "changed": 1, "answered": 3}


def test_a_feature_without_geometry_is_a_place_without_geometry(office: Office) -> None:
    report = office.load(Layer.RIVER, EAST_RIVER, ({"河道名称": "无图河"}, None))
    assert outcomes(report) == {"added": 2}
    assert "未上图" in report.rows[1].detail
    assert outcomes(office.load(Layer.RIVER, EAST_RIVER, ({"河道名称": "无图河"}, None))) == {"same": 2}


def test_a_row_with_nothing_at_all_is_refused(office: Office) -> None:
    with pytest.raises(RowsRefused, match="第 2 行"):
        office.load(Layer.RIVER, EAST_RIVER, ({"河道级别": "村级"}, None))


# --- in the scheme or not


def test_without_a_word_all_named_lines_and_what_was_decided_stays(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER, DITCH)
    east, ditch = office.places()
    east.in_scheme, ditch.in_scheme = False, True
    office.db.flush()
    assert outcomes(office.load(Layer.RIVER, EAST_RIVER, DITCH)) == {"same": 2}


def test_a_list_of_names_says_who_is_in_the_scheme(office: Office) -> None:
    office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER)
    report = office.load(Layer.RIVER, EAST_RIVER, WEST_RIVER, scheme=frozenset(["西河", "R7"]))
    assert [(row.name, row.detail) for row in report.of(Outcome.CHANGED)] == [("东河", "不再纳管")]
    assert any("R7" in note for note in report.notes)


def test_a_column_says_who_is_in_the_scheme(office: Office) -> None:
    yes = ({**EAST_RIVER[0], "管护": "是"}, EAST_RIVER[1])
    no = ({**WEST_RIVER[0], "管护": "否"}, WEST_RIVER[1])
    office.load(Layer.RIVER, yes, no, mapping={"in_scheme": "管护"})
    assert [place.in_scheme for place in office.places()] == [True, False]


# --- what cannot be taken


def test_refused_rows_stop_everything(office: Office) -> None:
    area = ({"河道名称": "湖"}, "POLYGON ((0 0, 9 0, 9 9, 0 0))")
    with pytest.raises(RowsRefused, match="--skip-refused") as refused:
        office.load(Layer.RIVER, EAST_RIVER, area)
    assert [row.rows for row in refused.value.report.of(Outcome.REFUSED)] == [[2]]
    assert office.places() == []


def test_refused_rows_are_skipped_on_demand(office: Office) -> None:
    area = ({"河道名称": "湖"}, "POLYGON ((0 0, 9 0, 9 9, 0 0))")
    assert outcomes(office.load(Layer.RIVER, EAST_RIVER, area, skip_refused=True)) == {
        "added": 1,
        "refused": 1,
    }


def test_a_township_nobody_knows_is_refused_in_a_dry_run_with_its_row(office: Office) -> None:
    report = office.load_file(Layer.RIVER, _list(office, "1,东河,昭扬街道,,"), dry_run=True)
    (row,) = report.of(Outcome.REFUSED)
    assert row.rows == [2]
    assert "昭扬街道" in row.detail


def test_a_file_of_another_county_is_refused(office: Office) -> None:
    with pytest.raises(OutsideCounty, match="本县之外"):
        office.load(Layer.RIVER, ({"河道名称": "远河"}, "LINESTRING (900000 0, 900700 0)"))


def test_the_first_file_of_a_county_without_extent_asks(office: Office) -> None:
    county = office.county
    county.west = county.south = county.east = county.north = county.crs = None
    office.db.flush()
    report = office.load(Layer.RIVER, EAST_RIVER, dry_run=True)
    (asked,) = report.of(Outcome.ASKED)
    assert "西,南,东,北" in asked.detail
    assert office.county.crs is None
    with pytest.raises(Invalid, match="yes"):
        office.load(Layer.RIVER, EAST_RIVER)
    office.load(Layer.RIVER, EAST_RIVER, answers={"extent": "yes"})
    assert office.county.crs == CRS
    assert office.county.west < 119.79 < office.county.east
    assert office.places()[0].version_id is not None


def test_a_list_is_no_first_file(office: Office) -> None:
    office.county.crs = None
    office.db.flush()
    with pytest.raises(Invalid, match="--bounds"):
        office.load_file(Layer.RIVER, _list(office, "1,东河,昭阳街道,,"))


def test_a_file_that_is_no_map_is_refused(office: Office) -> None:
    path = office.folder / "rivers.geojson"
    path.write_bytes(b"\x00" * 2_000)
    with pytest.raises(BadFile):
        office.load_file(Layer.RIVER, path)


def test_who_has_only_a_township_may_not_import(office: Office) -> None:
    scope = Scope(office.county.id, CLERK, {Right.COORDINATOR: frozenset([1])})
    with pytest.raises(Forbidden):
        service.import_layer(office.db, scope, Layer.RIVER, office.file([EAST_RIVER]))


def test_the_report_is_a_list_that_can_be_answered(office: Office) -> None:
    report = office.load(Layer.RIVER, EAST_RIVER, DITCH)
    listing = report.listing()
    assert [column.title for column in listing.columns][-3:] == ["问题编号", "可选答复", "答复"]
    assert len(list(listing.rows)) == 2
    assert report.summary() == "河道「places.geojson」：新增 2"


def test_roads_and_grids_that_come_by_file_tell_where_one_can_walk(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.load(Layer.GRID, ({"网格名称": "一网格"}, "POLYGON ((0 0, 400 0, 400 400, 0 400, 0 0))"))
    grid = office.db.scalars(select(Place).where(Place.layer == Layer.GRID)).one()

    def walkable_m2() -> float | None:
        office.db.expire_all()
        return office.db.get_one(PlaceVersion, grid.version_id).walkable_m2

    assert walkable_m2() is None
    office.load(Layer.ROAD, ({"道路名称": "文林路"}, "LINESTRING (0 105, 400 105)"))
    assert walkable_m2() == pytest.approx(400 * 30, rel=0.05)
    wider = "POLYGON ((0 0, 400 0, 400 500, 0 500, 0 0))"
    office.load(Layer.GRID, ({"网格名称": "一网格"}, wider))
    assert walkable_m2() == pytest.approx(400 * 30, rel=0.05)
    monkeypatch.setattr(walkable, "AT_ONCE", 0)
    report = office.load(Layer.ROAD, ({"道路名称": "长安路"}, "LINESTRING (0 305, 400 305)"))
    assert "网格的可走部分正在后台重新计算。" in report.notes
    assert "网格的可走部分" in (walkable.progress(office.db, office.county.id) or "")
