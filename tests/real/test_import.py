"""Real maps come in: two counties' trees, a Chinese town's roads and river, a Franconian town's compounds."""

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import service as areas
from geo_service.areas.service import AreaOptions
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.places import service
from geo_service.places.service import ImportOptions
from geo_service.tables import Area, County, Place, PlaceArea, PlaceVersion
from layers import crs
from layers.errors import OutsideCounty
from layers.features import Box
from layers.vocabulary import Datum, Layer, Right

CLERK = Actor(os_user="clerk")
GUIXI = Box(117.19, 28.28, 117.26, 28.32)
BAYREUTH = Box(11.45, 49.9, 11.75, 50.1)


def load(db: Session, county: County, layer: Layer, path: Path, **options: object) -> ImportReport:
    scope = Scope(county.id, CLERK, {Right.ADMINISTRATOR: None})
    report = service.import_layer(db, scope, layer, path, ImportOptions(**options))  # type: ignore[arg-type]
    db.expire_all()
    return report


@pytest.fixture
def guixi(db: Session) -> County:
    areas.make_county(db, CLERK, AreaOptions(name="贵溪市", code="360681", bounds=GUIXI))
    return areas.county_of(db)


@pytest.fixture
def bayreuth(db: Session) -> County:
    options = AreaOptions(name="Bayreuth", code="BT", bounds=BAYREUTH, time_zone="Europe/Berlin")
    areas.make_county(db, CLERK, options)
    return areas.county_of(db)


@pytest.mark.parametrize(
    ("code", "name", "townships", "villages", "metric"),
    [("321281", "兴化市", 28, 523, "EPSG:4549"), ("410184", "新郑市", 15, 300, "EPSG:4547")],
)
def test_a_county_from_its_outline_and_two_lists(
    db: Session, shared: Path, code: str, name: str, townships: int, villages: int, metric: str
) -> None:
    folder = shared / "counties"
    paths = [
        folder / f"villages_{code}.json",
        folder / f"tdt_wgs84_{code}.geojson",
        folder / f"streets_{code}.json",
    ]
    report = areas.import_areas(db, CLERK, paths, AreaOptions())
    county = areas.county_of(db)
    assert (county.code, county.name, county.crs) == (code, name, metric)
    levels = {row.level: row.n for row in _levels(db)}
    assert levels == {"county": 1, "township": townships, "village": villages}
    assert (len(report.plan.added), report.left_out) == (1 + townships + villages, 0)
    again = areas.import_areas(db, CLERK, paths[::-1], AreaOptions())
    assert (again.plan.same, again.changes) == (1 + townships + villages, False)


def _levels(db: Session) -> list:
    return db.execute(select(Area.level, func.count().label("n")).group_by(Area.level)).all()


def test_the_files_of_a_county_may_come_one_after_the_other(db: Session, shared: Path) -> None:
    for file in ("tdt_wgs84_321281.geojson", "streets_321281.json", "villages_321281.json"):
        areas.import_areas(db, CLERK, [shared / "counties" / file], AreaOptions())
    county = areas.county_of(db)
    by_code = {area.code: area for area in areas.areas_of(db, county.id)}
    assert by_code["321281001001"].parent == "321281001000"
    assert by_code["321281001000"].parent == "321281000000"
    assert by_code["321281000000"].geometry is not None
    # The village names of several townships are the same: the codes tell them apart.
    names = [area.name for area in by_code.values()]
    assert len(set(names)) < len(names)


def test_guixis_roads_and_its_river(db: Session, shared: Path, guixi: County) -> None:
    path = shared / "guixi" / "guixi.osm"
    roads = load(db, guixi, Layer.ROAD, path)
    rivers = load(db, guixi, Layer.RIVER, path)
    named = db.scalars(select(Place.name).where(Place.layer == "road", Place.name.is_not(None))).all()
    assert len(named) == len(set(named)) == 33
    (river,) = db.scalars(select(Place).where(Place.layer == "river", Place.name.is_not(None)))
    assert (river.name, river.in_scheme) == ("信江", True)
    version = db.get_one(PlaceVersion, river.version_id)
    assert len(version.sources) == 3
    covered = sum(b - a for source in version.sources for a, b in source["spans"])
    assert abs(covered - version.length_dm) <= len(version.sources)
    unnamed = select(func.count()).where(Place.name.is_(None), Place.in_scheme)
    assert db.scalar(unnamed) == 0
    assert any("纳管" in note for note in roads.notes)
    assert rivers.left_out
    for layer in (Layer.ROAD, Layer.RIVER):
        again = load(db, guixi, layer, path)
        assert not again.changes, again.summary()
        assert again.of(Outcome.GONE) == []


def test_guixis_apartment_buildings_are_no_compounds(db: Session, shared: Path, guixi: County) -> None:
    with pytest.raises(RowsRefused, match="建筑物不是小区") as refused:
        load(db, guixi, Layer.COMPOUND, shared / "guixi" / "guixi.osm")
    assert len(refused.value.report.of(Outcome.REFUSED)) == 36
    assert db.scalars(select(Place)).all() == []


def test_bayreuths_residential_areas_become_compounds(db: Session, shared: Path, bayreuth: County) -> None:
    path = shared / "bayreuth" / "north-bayreuth.osm.gz"
    report = load(db, bayreuth, Layer.COMPOUND, path)
    assert len(report.of(Outcome.ADDED)) == 168
    names = db.scalars(select(Place.name)).all()
    assert sum(name.startswith("Bayreuth") for name in names if name) == 167
    assert len(set(names)) == 168
    again = load(db, bayreuth, Layer.COMPOUND, path)
    assert again.counts()["same"] == 168


def test_a_map_of_elsewhere_is_refused(db: Session, shared: Path, guixi: County) -> None:
    with pytest.raises(OutsideCounty):
        load(db, guixi, Layer.ROAD, shared / "bayreuth" / "north-bayreuth.osm.gz")


def test_a_shifted_layer_is_shifted_back(db: Session, shared: Path, guixi: County, tmp_path: Path) -> None:
    """The town's streets as a map of 高德 has them: declared so, they come to lie where they are."""
    load(db, guixi, Layer.ROAD, shared / "guixi" / "guixi.osm")
    place = db.scalars(select(Place).where(Place.name.is_not(None)).order_by(Place.id)).first()
    before = db.scalar(
        select(func.ST_AsGeoJSON(PlaceVersion.line, 9)).where(PlaceVersion.id == place.version_id)
    )
    path = tmp_path / "shifted.geojson"
    path.write_text(json.dumps(_shifted(json.loads(before), place.name)))
    report = load(db, guixi, Layer.ROAD, path, datum=Datum.GCJ02)
    assert report.counts()["changed"] <= 1
    assert report.counts()["added"] == 0
    version = db.get_one(Place, place.id).version_id
    moved = db.execute(
        select(func.ST_HausdorffDistance(PlaceVersion.line, func.ST_GeomFromGeoJSON(before))).where(
            PlaceVersion.id == version
        )
    ).scalar_one()
    assert moved < 1e-6


def _shifted(line: dict, name: str) -> dict:
    parts = [
        crs.from_wgs84(np.array(part, float)[:, :2], Datum.GCJ02).tolist() for part in line["coordinates"]
    ]
    geometry = {"type": "MultiLineString", "coordinates": parts}
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"道路名称": name}, "geometry": geometry}],
    }


def test_altonas_ways_lie_in_their_quarter(db: Session, shared: Path) -> None:
    options = AreaOptions(
        name="Altona", code="A", bounds=Box(9.9, 53.53, 9.96, 53.57), time_zone="Europe/Berlin"
    )
    areas.make_county(db, CLERK, options)
    county = areas.county_of(db)
    report = load(db, county, Layer.ROAD, shared / "altona" / "Altona.json")
    ids = {source["id"] for version in db.scalars(select(PlaceVersion)) for source in version.sources}
    assert "way/112450623" in ids
    assert "way/135511621" not in ids  # a footway in a park
    assert report.left_out
    assert db.scalars(select(PlaceArea)).all() == []
