"""A real walk in Hamburg, and simulated walks on the real map of a Chinese town."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.areas.service import AreaOptions, county_of, make_county
from geo_service.demo import walks
from geo_service.patrols import service
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.formats import parse
from geo_service.places.service import ImportOptions, import_layer
from geo_service.tables import County, Person, Place, PlaceVersion
from layers import crs as crs_
from layers.errors import UnknownCrs
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right

SCHILLERSTRASSE, PARK_PATH = "112450623", "135511621"


def made(db: Session, name: str, code: str, zone: str, *bounds: float) -> tuple[County, Scope, Person]:
    west, south, east, north = bounds
    make_county(
        db,
        Actor(os_user="tester"),
        AreaOptions(name=name, code=code, bounds=(west, south, east, north), time_zone=zone),
    )
    county = county_of(db, code)
    person = Person(county_id=county.id, name="王秀英")
    db.add(person)
    db.flush()
    return county, Scope(county.id, Actor(os_user="tester"), dict.fromkeys(Right, None)), person


def ways_of(version: PlaceVersion) -> dict[str, list[list[float]]]:
    """Return the spans (dm) of a place's source ways by their number."""
    return {str(source["id"]).rpartition("/")[2]: source["spans"] for source in version.sources}


def test_gpx_and_the_published_json_of_the_walk_agree(shared: Path) -> None:
    recording = parse(shared / "altona/walk.gpx")
    published = json.loads((shared / "altona/altona_walk.json").read_text())
    start_s = np.datetime64(published["start_time"].removesuffix("Z")).astype("datetime64[s]").astype(int)
    assert recording.time_s.tolist() == (np.array(published["times"]) + start_s).tolist()
    np.testing.assert_allclose(recording.lonlat[:, ::-1], published["latlon"], atol=1e-6)


def test_the_walk_covers_the_street_it_went_and_not_the_park(db: Session, shared: Path) -> None:
    _, scope, person = made(db, "Altona", "altona", "Europe/Berlin", 9.85, 53.5, 10.0, 53.6)
    import_layer(db, scope, Layer.ROAD, shared / "altona/ways.geojson", ImportOptions(skip_refused=True))
    answer = service.take_file(db, scope, person.id, shared / "altona/walk.gpx")
    assert answer.walked_m == pytest.approx(1653, rel=0.02)  # 1,928 m from fix to fix
    assert answer.started_at.isoformat() == "2024-01-18T19:16:41+01:00"
    of_way = {}
    for place_id, version in db.execute(
        select(Place.id, PlaceVersion).join(PlaceVersion, PlaceVersion.id == Place.version_id)
    ):
        of_way |= {way: (place_id, spans) for way, spans in ways_of(version).items()}
    assert PARK_PATH not in of_way
    place_id, spans = of_way[SCHILLERSTRASSE]
    covered = next(line for line in answer.covered if line.place_id == place_id)
    length = sum(b - a for a, b in spans)
    both = sum(max(0, min(b, d) - max(a, c)) for a, b in spans for c, d in covered.spans_dm)
    assert length == pytest.approx(1360, abs=20)
    assert both >= 0.95 * length


@pytest.fixture
def guixi(db: Session, shared: Path) -> tuple[County, Scope, Person]:
    made_ = made(db, "贵溪市", "360681", "Asia/Shanghai", 117.19, 28.28, 117.26, 28.32)
    for layer in (Layer.RIVER, Layer.ROAD):
        import_layer(db, made_[1], layer, shared / "guixi/guixi.osm", ImportOptions(skip_refused=True))
    return made_


def along(db: Session, county: County, layer: Layer, name: str, length_m: float) -> Recording:
    """Walk the first metres of a place, 5 m beside its line, with a phone's errors."""
    line = db.scalar(
        select(PlaceVersion.line)
        .join(Place, Place.version_id == PlaceVersion.id)
        .where(Place.layer == layer, Place.name == name)
        .order_by(PlaceVersion.length_dm.desc())
        .limit(1)
    )
    assert line is not None
    assert county.crs is not None
    metres = crs_.project(shapely.force_2d(shapely.from_wkb(bytes(line.data))), county.crs)
    route = walks.along(metres, 0.0, length_m, offset_m=5.0)
    rng = np.random.default_rng(7)
    motion = walks.stroll(route, rng, start_s=1_777_593_600.0)
    return walks.observed(motion, walks.Phone(), rng, crs=county.crs)


@pytest.mark.parametrize(("layer", "name"), [(Layer.RIVER, "信江"), (Layer.ROAD, "贵溪大道")])
def test_a_declared_datum_gives_the_same_coverage_and_an_undeclared_one_is_asked_for(
    db: Session, guixi: tuple[County, Scope, Person], layer: Layer, name: str
) -> None:
    county, scope, person = guixi

    def take(recording: Recording, datum: Datum | None) -> PatrolAnswer:
        id_ = uuid.uuid4()
        return service.take(
            db, scope, person.id, recording, patrol_id=id_, batch_id=id_, sha256=id_.bytes * 2, datum=datum
        )

    recording = along(db, county, layer, name, 1000.0)
    plain = take(recording, None)
    main = plain.covered[0]
    assert main.name == name
    assert main.metres >= 900  # 贵溪大道 has two carriageways side by side
    shifted = Recording(recording.time_s, crs_.from_wgs84(recording.lonlat, Datum.GCJ02))
    declared = take(shifted, Datum.GCJ02)
    assert [line.place_id for line in declared.covered] == [line.place_id for line in plain.covered]
    for ours, theirs in zip(declared.covered, plain.covered, strict=True):
        np.testing.assert_allclose(ours.spans_dm, theirs.spans_dm, atol=10)
    with pytest.raises(UnknownCrs, match="--datum gcj02"):
        take(shifted, None)
