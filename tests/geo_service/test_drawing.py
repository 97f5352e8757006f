"""A place that exists by name gets its geometry: drawn, or taken from a walk, which then covers it."""

import dataclasses
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.coverage import service as coverage
from geo_service.errors import Invalid, NotFound
from geo_service.patrols import again, walks
from geo_service.places import drawing, service
from geo_service.tables import (
    Audit,
    CellCoverage,
    Duty,
    Job,
    LineCoverage,
    LineDay,
    Patrol,
    Place,
    PlaceVersion,
    Service,
)
from layers.cells import AreaCells
from layers.crs import to_lonlat, unproject
from layers.errors import OutsideCounty
from layers.lines import multilinestring_m
from layers.tracks import Track
from layers.vocabulary import DutyKind, Layer, Level, Right, Role
from tests.geo_service import naive, watertown
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.watertown import Watertown

CLERK = Actor(os_user="clerk")


def lonlat(wkt: str) -> Any:
    return unproject(shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + ORIGIN), CRS)


@pytest.fixture
def county(db: Session, town: Watertown) -> SmallCounty:
    return SmallCounty(db, town.county)


@pytest.fixture
def scope(town: Watertown) -> Scope:
    return Scope(town.county.id, CLERK, {Right.COORDINATOR: None})


def in_area(town: Watertown, area_id: int) -> Scope:
    return Scope(town.county.id, CLERK, {Right.COORDINATOR: frozenset([area_id])})


def walk(
    county: SmallCounty, *corners: tuple[float, float], person_id: uuid.UUID | None = None, **kept: Any
) -> tuple[uuid.UUID, Track]:
    """Record a patrol that keeps its track."""
    track = county.walk(*corners)
    patrol_id, _ = county.patrol(track, person_id)
    keep(county.db, patrol_id, track, **kept)
    return patrol_id, track


def keep(db: Session, patrol_id: uuid.UUID, track: Track, **values: Any) -> None:
    line = multilinestring_m(track.lonlat, track.time_s, track.piece)
    patrol = db.get_one(Patrol, patrol_id)
    patrol.track = func.ST_GeomFromWKB(shapely.to_wkb(line), 4326)
    patrol.walked_m = track.walked_m(CRS)
    for name, value in values.items():
        setattr(patrol, name, value)
    db.flush()


def spans(db: Session, place: Place, patrol_id: uuid.UUID) -> list[tuple[int, int]]:
    db.refresh(place)
    rows = db.scalars(
        select(LineCoverage.spans).where(
            LineCoverage.patrol_id == patrol_id, LineCoverage.place_version_id == place.version_id
        )
    )
    return [(span.lower, span.upper) for row in rows for span in row]


def test_a_trial_says_all_and_stores_nothing(db: Session, town: Watertown, scope: Scope) -> None:
    line = lonlat("LINESTRING (200 700, 1500 700)")
    tried = drawing.set_geometry(db, scope, town.off_map.id, line, dry_run=True)
    assert tried.length_m == pytest.approx(1300, abs=0.2)
    assert [(t.name, round(t.length_m or 0)) for t in tried.townships] == [("西荡镇", 800), ("东湖镇", 500)]
    assert tried.told == ["图形（未上图 → 1300 米）"]
    assert (tried.version, tried.changed, tried.dry_run) == (1, True, True)
    db.expire_all()
    assert db.get_one(Place, town.off_map.id).version_id is None
    assert db.scalar(select(func.count()).select_from(Audit)) == 0
    done = drawing.set_geometry(db, scope, town.off_map.id, line)
    assert done == dataclasses.replace(tried, dry_run=False)


def test_duties_and_name_stay_and_the_first_version_has_number_1(
    db: Session, town: Watertown, scope: Scope
) -> None:
    duty = Duty(
        county_id=town.county.id, person_id=town.person_id, place_id=town.off_map.id,
        role=Role.RIVER_STEWARD, kind=DutyKind.VOLUNTEER, level=Level.VILLAGE,
        in_force=Range(watertown.DAY, None),
    )  # fmt: skip
    db.add(duty)
    db.flush()
    drawing.set_geometry(db, scope, town.off_map.id, lonlat("LINESTRING (200 700, 900 700)"))
    place = db.get_one(Place, town.off_map.id, populate_existing=True)
    (version,) = db.scalars(select(PlaceVersion).where(PlaceVersion.place_id == place.id))
    assert (place.name, place.code, place.version_id, version.number) == ("待上图河", "R9", version.id, 1)
    assert version.sources[0]["id"].startswith("drawn/")
    assert db.get_one(Duty, duty.id, populate_existing=True).place_id == place.id
    (line,) = db.scalars(select(Audit).where(Audit.action == "places.draw"))
    assert (line.subject, line.detail["version"]) == (f"place/{place.id}", 1)
    again_ = drawing.set_geometry(db, scope, place.id, lonlat("LINESTRING (200 700, 900 700)"))
    assert (again_.changed, again_.version, again_.told) == (False, 1, ["图形没有变化"])


def test_the_walk_that_a_line_was_taken_from_covers_it(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope
) -> None:
    patrol_id, _ = walk(county, (100, 650), (900, 650), (900, 750))
    assert spans(db, town.off_map, patrol_id) == []
    line = drawing.adopted(db, scope, patrol_id)
    done = drawing.set_geometry(db, scope, town.off_map.id, line, kind="track")
    assert done.length_m == pytest.approx(900, rel=0.03)
    assert done.patrols >= 1
    covered = sum(b - a for a, b in spans(db, town.off_map, patrol_id)) / 10
    assert covered >= 0.97 * (done.length_m or 0)
    assert naive.stored(db, town.county.id) == naive.from_rows(db, town.county.id)
    looks = db.scalars(select(Audit.subject).where(Audit.action == "patrols.look")).all()
    assert looks == [f"patrol/{patrol_id}"]


def test_only_a_part_of_a_walk_may_be_taken(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope
) -> None:
    patrol_id, _ = walk(county, (100, 650), (900, 650), (900, 662), (100, 662))
    turned_m = walks.walk_of(db, scope, patrol_id).turning_m()
    assert turned_m == pytest.approx(805, abs=15)
    line = drawing.adopted(db, scope, patrol_id, from_m=100, to_m=turned_m)
    tried = drawing.set_geometry(db, scope, town.off_map.id, line, kind="track", dry_run=True)
    assert tried.length_m == pytest.approx(705, abs=15)
    with pytest.raises(Invalid, match="太短"):
        drawing.adopted(db, scope, patrol_id, from_m=100, to_m=101)


def test_a_patrol_without_a_track_keeps_what_it_had(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope
) -> None:
    before = spans(db, town.rivers[0], town.patrol_id)
    assert before
    kept_id, _ = walk(county, (0, -5), (400, -5))
    # A bend at its end: the line's measure begins as before.
    drawing.set_geometry(db, scope, town.rivers[0].id, lonlat("LINESTRING (0 0, 1900 0, 2000 60)"))
    assert spans(db, town.rivers[0], town.patrol_id) == before
    assert spans(db, town.rivers[0], kept_id)
    assert naive.stored(db, town.county.id) == naive.from_rows(db, town.county.id)


def test_a_changed_line_is_covered_anew_by_walks_with_tracks_and_history_stays(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope
) -> None:
    river = town.rivers[0]
    patrol_id, _ = walk(county, (0, 300), (800, 300))
    old_version = river.version_id
    walked_id, _ = walk(county, (0, 5), (600, 5))
    old_rows = db.scalar(select(func.count()).where(LineCoverage.place_version_id == old_version))
    drawing.set_geometry(db, scope, river.id, lonlat("LINESTRING (0 300, 2000 300)"))
    assert sum(b - a for a, b in spans(db, river, patrol_id)) > 7000
    assert spans(db, river, walked_id) == []
    assert db.scalar(select(func.count()).where(LineCoverage.place_version_id == old_version)) == old_rows
    assert naive.stored(db, town.county.id) == naive.from_rows(db, town.county.id)


def test_a_drawn_area_is_seen_by_walks_that_were_there(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope
) -> None:
    compound = county.place(Layer.COMPOUND, "C1", None)
    compound.area_id = town.west.id
    patrol_id, _ = walk(county, (100, 700), (300, 700))
    done = drawing.set_geometry(
        db, scope, compound.id, lonlat("POLYGON ((100 650, 300 650, 300 750, 100 750, 100 650))")
    )
    assert done.area_m2 == pytest.approx(20_000, rel=0.001)
    assert [(t.name, t.length_m) for t in done.townships] == [("西荡镇", None)]
    db.refresh(compound)
    seen = select(func.count()).where(
        CellCoverage.place_version_id == compound.version_id, CellCoverage.patrol_id == patrol_id
    )
    assert db.scalar(seen)
    assert naive.stored(db, town.county.id) == naive.from_rows(db, town.county.id)


@pytest.mark.parametrize("values", [{"settled_at": None}, {"voided_at": func.now()}])
def test_a_patrol_that_covers_nothing_still_covers_nothing(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope, values: dict[str, Any]
) -> None:
    patrol_id, _ = walk(county, (100, 650), (900, 650), **values)
    coverage.forget(db, town.county.id, patrol_id)
    done = drawing.set_geometry(db, scope, town.off_map.id, lonlat("LINESTRING (100 650, 900 650)"))
    assert done.patrols == 0
    assert spans(db, town.off_map, patrol_id) == []


def test_a_patrol_that_is_not_counted_follows_the_map_outside_the_roll_up(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope
) -> None:
    patrol_id, _ = walk(county, (100, 650), (900, 650), verdict="not_counted")
    coverage.recount(db, town.county.id, patrol_id)
    done = drawing.set_geometry(db, scope, town.off_map.id, lonlat("LINESTRING (100 650, 900 650)"))
    assert done.patrols == 1
    assert spans(db, town.off_map, patrol_id) != []
    days = select(LineDay.day).where(LineDay.place_version_id == town.off_map.version_id)
    assert db.scalars(days).all() == []
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(verdict="counted"))
    coverage.recount(db, town.county.id, patrol_id)
    assert len(db.scalars(days).all()) == 1


def test_many_patrols_are_computed_by_jobs_one_after_the_other(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "AT_ONCE", 2)
    monkeypatch.setattr(again, "A_JOB", 3)
    ids = [walk(county, (100, 650 + k), (500, 650 + k))[0] for k in range(7)]
    done = drawing.set_geometry(db, scope, town.off_map.id, lonlat("LINESTRING (100 650, 900 650)"))
    assert (done.patrols, done.later) == (7, True)
    assert not any(spans(db, town.off_map, id_) for id_ in ids)
    told: list[tuple[int, int]] = []
    rounds = 0
    while jobs_ := db.scalars(select(Job).where(Job.kind == again.JOB, Job.state == "waiting")).all():
        (job,) = jobs_
        again.by_job(db, job.payload, lambda done, of, _: told.append((done, of)))
        job.state = "done"
        db.flush()
        rounds += 1
    assert rounds == 3
    assert told[-1] == (7, 7)
    assert told == sorted(told)
    assert all(spans(db, town.off_map, id_) for id_ in ids)
    assert naive.stored(db, town.county.id) == naive.from_rows(db, town.county.id)


def test_the_walks_to_choose_from(db: Session, town: Watertown, county: SmallCounty, scope: Scope) -> None:
    along_river, _ = walk(county, (0, 5), (900, 5))
    nowhere, _ = walk(county, (100, 700), (700, 700))
    elsewhere, _ = walk(county, (1100, 700), (1700, 700))
    named, _ = walk(county, (0, 5), (300, 5), place_id=town.off_map.id)
    found = walks.candidates(db, scope, town.off_map)
    assert [walk.patrol_id for walk in found] == [named, nowhere]
    assert found[1].aside_m == pytest.approx(600, abs=20)
    assert {along_river, elsewhere}.isdisjoint(walk.patrol_id for walk in found)
    assert walks.candidates(db, scope, town.grids[0]) == []
    assert walks.candidates(db, in_area(town, town.east.id), town.off_map) == []


@pytest.mark.parametrize(
    ("wkt", "told"),
    [
        ("POLYGON ((0 0, 100 0, 100 100, 0 0))", "要画成线"),
        ("POINT (3 4)", "图形却是点"),
        ("LINESTRING (0 0, 0.001 0)", "0.1 米"),
    ],
)
def test_what_is_no_line_is_refused_with_a_reason(
    db: Session, town: Watertown, scope: Scope, wkt: str, told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        drawing.set_geometry(db, scope, town.off_map.id, lonlat(wkt))


def test_a_border_that_crosses_itself_is_refused(db: Session, town: Watertown, scope: Scope) -> None:
    with pytest.raises(Invalid, match="交叉"):
        drawing.set_geometry(
            db, scope, town.grids[0].id, lonlat("POLYGON ((0 0, 100 100, 100 0, 0 100, 0 0))")
        )


def test_outside_the_county_or_the_own_township_nothing_is_stored(
    db: Session, town: Watertown, scope: Scope
) -> None:
    with pytest.raises(OutsideCounty):
        drawing.set_geometry(db, scope, town.off_map.id, shapely.LineString([(10, 50), (10.1, 50)]))
    west = in_area(town, town.west.id)
    with pytest.raises(Invalid, match="不在您的辖区内"):
        drawing.set_geometry(db, west, town.off_map.id, lonlat("LINESTRING (1200 700, 1500 700)"))
    with pytest.raises(NotFound):
        drawing.set_geometry(
            db, in_area(town, town.east.id), town.off_map.id, lonlat("LINESTRING (1200 700, 1500 700)")
        )
    assert drawing.set_geometry(
        db, west, town.off_map.id, lonlat("LINESTRING (700 700, 1500 700)"), dry_run=True
    ).changed


@pytest.mark.parametrize("far", ["119.9 91", "0 -90", "1e308 1e308", "122 33"])
def test_what_runs_on_far_beyond_the_county_is_refused(
    db: Session, town: Watertown, scope: Scope, far: str
) -> None:
    west, south = town.county.west, town.county.south
    with pytest.raises(OutsideCounty, match="太远"):
        drawing.set_geometry(
            db, scope, town.off_map.id, shapely.from_wkt(f"LINESTRING ({west} {south}, {far})")
        )


def test_an_area_that_is_larger_than_any_place_is_refused_before_it_is_cut_into_cells(
    db: Session, town: Watertown, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AreaCells, "of", lambda *_: pytest.fail("it was cut into cells"))
    with pytest.raises(Invalid, match="平方公里"):
        drawing.set_geometry(
            db, scope, town.grids[0].id, lonlat("POLYGON ((0 0, 40000 0, 40000 40000, 0 40000, 0 0))")
        )


def test_what_lies_beyond_all_townships_is_told(db: Session, town: Watertown, scope: Scope) -> None:
    line = lonlat("LINESTRING (1900 700, 2500 700)")
    tried = drawing.set_geometry(db, scope, town.off_map.id, line, dry_run=True)
    assert tried.told[-2:] == ["图形（未上图 → 600 米）", "有 300 米不在任何镇街的界线内"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"type": "LineString"}', '{"type":"LineString","coordinates":[]}', "[" * 100_000,
     '{"type":"LineString","coordinates":[["x",1],[2,3]]}', '{"type":"Feature","geometry":null}'],
)  # fmt: skip
def test_text_that_is_no_geometry_is_told(text: str) -> None:
    with pytest.raises(Invalid):
        drawing.geometry_in(text)


def test_too_many_points_are_told() -> None:
    line = shapely.LineString(np.random.default_rng(1).uniform(0, 1, (drawing.MOST_VERTICES + 1, 2)))
    with pytest.raises(Invalid, match="超过 20000 个"):
        drawing.geometry_in(shapely.to_geojson(line))


def test_over_http(db: Session, town: Watertown, county: SmallCounty, client: TestClient) -> None:
    watertown.add_account(db, town.county, "clerk", Right.COORDINATOR)
    sign_in(client, "clerk", watertown.PASSWORD)
    headers = {"X-CSRF-Token": token_in(client.get("/password").text)}
    path = f"/api/places/{town.off_map.id}/geometry"
    line = json.loads(shapely.to_geojson(lonlat("LINESTRING (200 700, 900 700)")))
    assert client.put(path, json={"geometry": line}).status_code == 403
    tried = client.put(path, json={"geometry": line}, params={"dry_run": True}, headers=headers)
    assert tried.status_code == 200, tried.text
    assert tried.json()["dry_run"] is True
    assert tried.json()["townships"] == [{"name": "西荡镇", "length_m": 700.0}]
    patrol_id, _ = walk(county, (100, 650), (900, 650))
    taken = client.put(path, json={"walk": {"patrol_id": str(patrol_id)}}, headers=headers).json()
    assert (taken["version"], taken["patrols"], taken["later"]) == (1, 1, False)
    both = client.put(path, json={"geometry": line, "walk": {"patrol_id": str(patrol_id)}}, headers=headers)
    assert both.status_code == 422
    assert client.put(path, json={}, headers=headers).status_code == 422
    gone = client.put(path, json={"walk": {"patrol_id": str(uuid.uuid4())}}, headers=headers)
    assert gone.status_code == 404


def a_file(folder: Path, properties: dict[str, str], wkt: str) -> Path:
    geometry = json.loads(shapely.to_geojson(lonlat(wkt)))
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    path = folder / "rivers.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


NAMED = {"河道名称": "待上图河", "所在镇街": "西荡镇"}


@pytest.mark.parametrize(
    "properties", [{"河道名称": "改了名的河", "河道编码": "R9"}, NAMED], ids=["code", "name"]
)
def test_a_file_finds_the_named_place_which_keeps_its_people_and_services(
    db: Session, town: Watertown, scope: Scope, tmp_path: Path, properties: dict[str, str]
) -> None:
    place_id = town.off_map.id
    duty = Duty(
        county_id=town.county.id, person_id=town.person_id, place_id=place_id, role=Role.RIVER_STEWARD,
        kind=DutyKind.VOLUNTEER, level=Level.VILLAGE, in_force=Range(watertown.DAY, None),
    )  # fmt: skip
    visit = Service(
        county_id=town.county.id, id=uuid.uuid4(), kind="visit", day=watertown.DAY, hours=1.0,
        place_id=place_id, people=1, evidence="stated", sha256=b"x",
    )  # fmt: skip
    db.add_all([duty, visit])
    db.flush()
    line = "LINESTRING (100 650, 900 650)"
    service.import_layer(db, scope, Layer.RIVER, a_file(tmp_path, properties, line))
    db.expire_all()
    (version,) = db.scalars(select(PlaceVersion).where(PlaceVersion.place_id == place_id))
    place = db.get_one(Place, place_id)
    assert (version.number, place.version_id, place.code) == (1, version.id, "R9")
    assert place.name == properties["河道名称"]
    assert (duty.place_id, duty.spans, visit.place_id) == (place_id, None, place_id)
    assert db.scalar(select(func.count()).where(Place.county_id == town.county.id)) == 7


def test_a_file_of_geometry_computes_the_walks_near_it_again(
    db: Session, town: Watertown, county: SmallCounty, scope: Scope, tmp_path: Path
) -> None:
    patrol_id, _ = walk(county, (100, 650), (900, 650))
    path = a_file(tmp_path, NAMED, "LINESTRING (100 650, 900 650)")
    trial = service.import_layer(db, scope, Layer.RIVER, path, service.ImportOptions(dry_run=True))
    assert any("会按新的图形重算" in note for note in trial.notes)
    report = service.import_layer(db, scope, Layer.RIVER, path)
    assert any("附近的 1 次巡查已按新的图形重算" in note for note in report.notes)
    assert spans(db, town.off_map, patrol_id)
    assert naive.stored(db, town.county.id) == naive.from_rows(db, town.county.id)


def test_a_line_of_degrees_is_measured_in_metres(db: Session, town: Watertown, scope: Scope) -> None:
    corners = np.array([(200.0, 700.0), (900.0, 700.0)]) + ORIGIN
    line = shapely.LineString(to_lonlat(corners, CRS))
    assert drawing.set_geometry(db, scope, town.off_map.id, line).length_m == pytest.approx(700, abs=0.1)
