"""Tiles: what is in them is what the API tells, of the scope alone, and their tags change with it alone."""

import datetime as dt
from collections import Counter
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from geo_service.tables import Duty, Grant, Patrol, Person, Place, PlaceVersion
from layers.crs import project, to_lonlat
from layers.vocabulary import Layer, Right
from tests.geo_service.conftest import CRS, NOON, ORIGIN, SmallCounty
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.watertown import DAY, PASSWORD, Watertown, add_account, build

WINDOW = {"first": str(DAY - dt.timedelta(days=30)), "last": str(DAY + dt.timedelta(days=10))}
HALF_M = 20037508.342789244
FRESH = ("fresh_7", "fresh_30", "fresh_90", "fresh_old")


@pytest.fixture
def town(db: Session) -> Watertown:
    return build(db, evil=True)


def tile_at(x_m: float, y_m: float, z: int) -> tuple[int, int, int]:
    """Return the tile over a point in metres from the county's origin."""
    lon, lat = to_lonlat(ORIGIN + np.array([[x_m, y_m]]), CRS)[0].tolist()
    side = 1 << z
    north = np.arcsinh(np.tan(np.radians(lat)))
    return z, int((lon + 180) / 360 * side), int((1 - north / np.pi) / 2 * side)


def decoded(content: bytes, z: int, x: int, y: int) -> dict[str, list[dict[str, Any]]]:
    """Return the layers of a tile, their shapes in metres of the county."""
    size = 2 * HALF_M / (1 << z)

    def placed(xy: np.ndarray) -> np.ndarray:
        mercator = xy / 4096 * size + [x * size - HALF_M, HALF_M - (y + 1) * size]
        lon = np.degrees(mercator[:, 0] / HALF_M * np.pi)
        lat = np.degrees(np.arctan(np.sinh(mercator[:, 1] / HALF_M * np.pi)))
        return np.column_stack([lon, lat])

    layers = mapbox_vector_tile.decode(content)
    return {
        name: [
            {
                "id": feature["id"], **feature["properties"],
                "shape": project(
                    shapely.transform(shapely.geometry.shape(feature["geometry"]), placed), CRS
                ),
            }
            for feature in layer["features"]
        ]
        for name, layer in layers.items()
    }  # fmt: skip


def tile(client: TestClient, place: tuple[int, int, int], **params: Any) -> Any:
    z, x, y = place
    return client.get(f"/api/tiles/{z}/{x}/{y}.mvt", params=WINDOW | params)


def all_tiles(client: TestClient, z: int, **params: Any) -> dict[str, list[dict[str, Any]]]:
    """Return what is in all tiles that the county lies in, each piece cut at its own tile."""
    found: dict[str, list[dict[str, Any]]] = {}
    _, west, north = tile_at(-300, 1300, z)
    _, east, south = tile_at(2300, -300, z)
    for x in range(west, east + 1):
        for y in range(north, south + 1):
            answer = tile(client, (z, x, y), **params)
            assert answer.status_code in (200, 204)
            inside = tile_box(z, x, y)
            for name, features in decoded(answer.content, z, x, y).items():
                cut = ({**one, "shape": shapely.intersection(one["shape"], inside)} for one in features)
                found.setdefault(name, []).extend(one for one in cut if not one["shape"].is_empty)
    return found


def tile_box(z: int, x: int, y: int) -> shapely.Geometry:
    side = 1 << z
    lon = np.array([x, x + 1]) / side * 360 - 180
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * np.array([y, y + 1]) / side))))
    corners = [(lon[0], lat[1]), (lon[1], lat[1]), (lon[1], lat[0]), (lon[0], lat[0])]
    return project(shapely.Polygon(corners), CRS)


def test_a_tile_holds_the_places_of_the_scheme_where_they_lie(clerk: TestClient, town: Watertown) -> None:
    found = all_tiles(clerk, 14)
    assert set(found) == {"places", "names"}
    places = found["places"]
    assert {one["id"] for one in places} == {p.id for p in [*town.rivers[:2], town.road, *town.grids]}
    assert {(one["id"], one["layer"]) for one in places} >= {
        (town.road.id, "road"),
        (town.grids[0].id, "grid"),
    }
    assert {one.get("name") for one in places if one["id"] == town.rivers[1].id} == {town.rivers[1].name}
    river = shapely.union_all([one["shape"] for one in places if one["id"] == town.rivers[0].id])
    assert river.length == pytest.approx(2000, rel=0.01)
    drawn = shapely.linestrings(ORIGIN + np.array([(0, 0), (2000, 0)]))
    assert shapely.hausdorff_distance(river, drawn) < 2.0
    both = all_tiles(clerk, 14, register="all")["places"]
    assert {one["id"]: one["scheme"] for one in both}[town.rivers[2].id] is False


def test_the_name_of_an_area_stands_in_one_tile_alone_and_within_it(
    clerk: TestClient, town: Watertown
) -> None:
    for z in (14, 15, 16):
        found = all_tiles(clerk, z)
        spots = {one["id"]: one["shape"] for one in found["names"]}
        assert len(found["names"]) == len(spots), "a name in two tiles"
        named = {grid.id for grid in town.grids if grid.name}
        assert set(spots) == named
        for id_, spot in spots.items():
            own = shapely.union_all([one["shape"] for one in found["places"] if one["id"] == id_])
            assert shapely.dwithin(own, spot, 1.0)


def test_filters_choose_layers_and_areas(clerk: TestClient, town: Watertown) -> None:
    assert {one["layer"] for one in all_tiles(clerk, 14, layer="grid")["places"]} == {"grid"}
    west = all_tiles(clerk, 14, area=town.west.code)["places"]
    assert town.grids[1].id not in {one["id"] for one in west}
    assert town.grids[0].id in {one["id"] for one in west}
    assert tile(clerk, tile_at(0, 0, 14), area="nowhere").status_code == 404


def test_stretches_are_as_long_as_the_api_says(clerk: TestClient, town: Watertown) -> None:
    pieces = all_tiles(clerk, 14, show="stretches")["stretches"]
    length: Counter[tuple[int, str]] = Counter()
    for one in pieces:
        length[one["id"], one["class"]] += one["shape"].length
    rows = {row["code"]: row for row in clerk.get("/api/coverage", params=WINDOW).json()["rows"]}
    lines = [*town.rivers[:2], town.road]
    assert sum(length[town.rivers[0].id, key] for key in FRESH) > 700
    for place in lines:
        fresh = sum(length[place.id, key] for key in FRESH)
        assert fresh == pytest.approx(rows[place.code]["covered_m"], abs=15)
        whole = fresh + length[place.id, "uncovered"] + length[place.id, "ambiguous"]
        assert whole == pytest.approx(rows[place.code]["length_m"], abs=15)
    for kind in ("unassigned", "neglected"):
        answer = clerk.get("/api/gaps", params=WINDOW | {"kind": kind, "shortest": 0}).json()
        told: Counter[str] = Counter()
        for row in answer["rows"]:
            told[row["code"]] += row["length_m"] or 0
        for place in lines:
            assert length[place.id, kind] == pytest.approx(told[place.code], abs=15)


def test_stretches_are_of_their_window_and_their_duties(clerk: TestClient, town: Watertown) -> None:
    def classes(**params: str) -> set[str]:
        found = all_tiles(clerk, 14, show="stretches", **params)["stretches"]
        return {one["class"] for one in found if one["id"] == town.rivers[0].id}

    day = dt.date.fromisoformat
    assert "fresh_30" in classes()  # ten days before the window's end
    assert "fresh_7" in classes(last=str(DAY + dt.timedelta(days=7)))
    assert "fresh_90" in classes(last=str(DAY + dt.timedelta(days=31)))
    assert "fresh_old" in classes(last=str(DAY + dt.timedelta(days=91)))
    before = str(day(WINDOW["first"]) + dt.timedelta(days=1))
    assert not {*FRESH} & classes(last=before)
    assert "neglected" in classes()
    assert "neglected" not in classes(duty="official")


def test_only_what_lies_in_the_area_of_a_scope_is_cut_out_of_a_line(
    db: Session, client: TestClient, town: Watertown
) -> None:
    add_account(db, town.county, "east", Right.PLANNER, town.east)
    sign_in(client, "east", PASSWORD)
    found = all_tiles(client, 14)["places"]
    assert {one["id"] for one in found} == {town.rivers[0].id, town.rivers[1].id, town.grids[1].id}
    pieces = all_tiles(client, 14, show="stretches")["stretches"]
    assert {one["id"] for one in pieces} == {town.rivers[0].id, town.rivers[1].id}
    for one in pieces:
        assert shapely.bounds(one["shape"])[0] > ORIGIN[0] + 995
    values = client.get("/api/tiles/values", params=WINDOW).json()["places"]
    assert set(values["id"]) == {town.rivers[0].id, town.rivers[1].id, town.grids[1].id}


def test_values_are_those_of_the_lists(clerk: TestClient, town: Watertown) -> None:
    told = clerk.get("/api/tiles/values", params=WINDOW | {"shortest": 0}).json()
    places = told["places"]
    by_id = {id_: {key: places[key][i] for key in places} for i, id_ in enumerate(places["id"])}
    rows = clerk.get("/api/coverage", params=WINDOW).json()["rows"]
    code = {place.id: place.code for place in [*town.rivers, town.road, *town.grids]}
    by_code = {code[id_]: own for id_, own in by_id.items()}
    assert set(by_code) == {row["code"] for row in rows if row["share"] is not None}
    for row in rows:
        if row["share"] is not None:
            own = by_code[row["code"]]
            assert own["share"] == pytest.approx(row["share"] * 1000, abs=1)
            assert own["times"] == row["times"]
    for bit, kind in ((1, "unassigned"), (2, "unpatrolled"), (4, "neglected")):
        gaps = clerk.get("/api/gaps", params=WINDOW | {"kind": kind, "shortest": 0}).json()["rows"]
        missing = {row["code"] for row in gaps if row["length_m"] or row["area_m2"]}
        assert {own_code for own_code, own in by_code.items() if own["gaps"] & bit} == missing
    assert by_id[town.grids[0].id]["held"] == 2
    assert by_id[town.rivers[0].id]["held"] == 1
    assert by_id[town.road.id]["held"] == 0
    assert by_id[town.rivers[0].id]["fresh"] == 1
    assert by_id[town.road.id]["fresh"] == 4
    areas = told["areas"]
    assert set(areas["id"]) == {town.east.id, town.west.id}
    shares = dict(zip(areas["id"], areas["share"], strict=True))
    assert shares[town.east.id] == 0 < shares[town.west.id] < 1000


def test_far_off_a_map_shows_townships_and_then_lines_without_detail(
    clerk: TestClient, town: Watertown
) -> None:
    far = all_tiles(clerk, 9)
    assert {one["name"] for one in far["areas"]} == {"西荡镇", "东湖镇"}
    assert set(far) == {"areas", "names"}
    assert sorted(one["name"] for one in far["names"]) == ["东湖镇", "西荡镇"]
    middle = all_tiles(clerk, 11)
    assert {"name"} - set(middle["places"][0]) == {"name"}
    assert all_tiles(clerk, 11, show="stretches") == {}


def test_a_county_without_borders_shows_its_places_from_far_off(
    db: Session, clerk: TestClient, town: Watertown
) -> None:
    town.east.geom = town.west.geom = None
    db.flush()
    assert town.rivers[0].id in {one["id"] for one in all_tiles(clerk, 9)["places"]}


def test_the_same_as_geojson_for_maps_without_webgl(clerk: TestClient, town: Watertown) -> None:
    z, x, y = tile_at(500, 100, 14)
    for of, name in (("places", "places"), ("stretches", "stretches")):
        told = clerk.get(f"/api/tiles/{z}/{x}/{y}.geojson", params=WINDOW | {"show": of}).json()
        inside = decoded(tile(clerk, (z, x, y), show=of).content, z, x, y)[name]
        key = (lambda one: (one["id"], one.get("class"))) if of == "stretches" else (lambda one: one["id"])
        assert {key(one["properties"]) for one in told["features"]} == {key(one) for one in inside}
    empty = clerk.get("/api/tiles/14/0/0.geojson").json()
    assert empty == {"type": "FeatureCollection", "features": []}


@pytest.mark.parametrize("where", ["17/0/0", "0/1/0", "3/8/0", "3/0/8", "60/1/1"])
def test_tiles_that_there_are_not(clerk: TestClient, where: str) -> None:
    assert clerk.get(f"/api/tiles/{where}.mvt").status_code == 404


@pytest.mark.parametrize("where", ["-1/0/0.mvt", "1/a/0.mvt", "1/0/0.png"])
def test_addresses_that_are_no_tiles(clerk: TestClient, where: str) -> None:
    assert clerk.get(f"/api/tiles/{where}").status_code in (404, 422)


def test_a_tile_with_nothing_in_it_is_empty(clerk: TestClient) -> None:
    answer = clerk.get("/api/tiles/14/0/0.mvt")
    assert answer.status_code == 204
    assert answer.content == b""


def marks(client: TestClient, db: Session) -> dict[str, str]:
    """Return the tags of a tile of each sort and of the values, as after a commit."""
    db.flush()
    db.execute(text("set constraints all immediate"))
    db.execute(text("set constraints all deferred"))
    place = tile_at(500, 100, 14)
    return {
        "places": tile(client, place).headers["etag"],
        "stretches": tile(client, place, show="stretches").headers["etag"],
        "values": client.get("/api/tiles/values", params=WINDOW).headers["etag"],
    }


def changed(client: TestClient, db: Session, before: dict[str, str]) -> set[str]:
    now = marks(client, db)
    return {key for key, mark in now.items() if mark != before[key]}


def test_what_did_not_change_is_not_sent_again(clerk: TestClient, db: Session) -> None:
    before = marks(clerk, db)
    assert len({*before.values()}) == 3
    assert changed(clerk, db, before) == set()
    z, x, y = tile_at(500, 100, 14)
    for of in ("places", "stretches"):
        again = clerk.get(
            f"/api/tiles/{z}/{x}/{y}.mvt", params=WINDOW | {"show": of}, headers={"If-None-Match": before[of]}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == before[of]
        assert again.headers["cache-control"] == "private, no-cache"
    values = clerk.get("/api/tiles/values", params=WINDOW, headers={"If-None-Match": before["values"]})
    assert values.status_code == 304


def test_tags_change_with_coverage_duties_and_places_and_with_nothing_else(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    county = SmallCounty(db, town.county)
    shown = {"stretches", "values"}

    before = marks(clerk, db)
    patrol_id, _ = county.patrol(county.walk((0, 412), (900, 440), start=NOON + dt.timedelta(days=1)))
    assert changed(clerk, db, before) == shown

    before = marks(clerk, db)
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(voided_at=NOON))
    assert changed(clerk, db, before) == shown

    before = marks(clerk, db)
    db.execute(delete(Duty).where(Duty.place_id == town.rivers[0].id))
    assert changed(clerk, db, before) == shown

    before = marks(clerk, db)
    county.version(db.get_one(Place, town.road.id), "LINESTRING (500 -100, 500 800)")
    assert changed(clerk, db, before) == {"places", "stretches", "values"}

    before = marks(clerk, db)
    town.rivers[0].name = "新中心河"
    assert changed(clerk, db, before) == {"places", "stretches", "values"}

    before = marks(clerk, db)
    version_id = town.grids[0].version_id
    db.execute(update(PlaceVersion).where(PlaceVersion.id == version_id).values(walkable_m2=1000.0))
    assert changed(clerk, db, before) == shown, "what counts of a grid grows with walks; its shape does not"

    before = marks(clerk, db)
    county.person("路人", town.west)
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(record={"weather": "晴"}))
    db.execute(update(Person).where(Person.id == town.person_id).values(phone="13800000000"))
    assert changed(clerk, db, before) == set()


def test_another_scope_and_another_question_have_other_tags(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    before = marks(clerk, db)
    place = tile_at(500, 100, 14)
    assert tile(clerk, place, last=str(DAY)).headers["etag"] == before["places"]
    assert tile(clerk, place, show="stretches", last=str(DAY)).headers["etag"] != before["stretches"]
    assert tile(clerk, place, layer="road").headers["etag"] != before["places"]
    db.execute(update(Grant).values(area_id=town.west.id))
    assert changed(clerk, db, before) == {"places", "stretches", "values"}


def test_the_copy_in_the_plane_of_tiles_follows_every_geometry(db: Session, town: Watertown) -> None:
    versions = db.scalars(select(PlaceVersion.id)).all()
    row = text(
        """
        select st_srid(drawn), st_npoints(drawn) = st_npoints(coalesce(line, polygon)),
            st_equals(st_force2d(drawn), st_force2d(st_transform(coalesce(line, polygon), 3857))),
            line is null or st_m(st_endpoint(st_geometryn(drawn, 1))) * 10 - length_dm between -1 and 1,
            not st_isempty(sketch)
        from place_version where id = :id
        """
    )
    assert len(versions) == 6
    for id_ in versions:
        assert tuple(db.execute(row, {"id": id_}).one()) == (3857, True, True, True, True)
    assert {Layer(p.layer) for p in db.scalars(select(Place))} == {Layer.RIVER, Layer.ROAD, Layer.GRID}
