"""Counties, areas and places over HTTP: lists by page, whole files, one place, imports."""

import io
import json

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.tables import Audit, County, Place
from layers.vocabulary import Right
from tests.geo_service.watertown import Watertown


@pytest.fixture
def office(db: Session, client: TestClient, town: Watertown) -> TestClient:
    """A program of the county's office."""
    _sign_in(db, client, town.county, Right.COORDINATOR)
    return client


def _sign_in(db: Session, client: TestClient, county: County, right: Right, area: int | None = None) -> None:
    manager = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, manager, f"{right}-{area}", right, Ground(county.id, area), is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, manager, account, 'test', days=1)}"


def features(*rows: tuple[str, list[list[float]]]) -> bytes:
    listed = [
        {
            "type": "Feature",
            "properties": {"河道名称": name},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for name, line in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": listed}).encode()


def send(client: TestClient, name: str, content: bytes, **said: str) -> dict:
    answer = client.post(
        "/api/places/import", data={"layer": "river", **said}, files={"file": (name, content)}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_county_and_its_tree(office: TestClient, town: Watertown) -> None:
    (county,) = office.get("/api/counties").json()
    assert (county["code"], county["made_up"]) == (town.county.code, True)
    assert county["bounds"][0] < county["bounds"][2]
    (root,) = office.get("/api/areas").json()
    assert root["level"] == "county"
    assert [area["name"] for area in root["areas"]] == ["西荡镇", "东湖镇"]


def test_a_township_sees_itself_as_the_top(db: Session, client: TestClient, town: Watertown) -> None:
    _sign_in(db, client, town.county, Right.PLANNER, town.west.id)
    (top,) = client.get("/api/areas").json()
    assert (top["name"], top["areas"]) == ("西荡镇", [])


def test_pages_follow_each_other_to_the_end(office: TestClient) -> None:
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = office.get("/api/places", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in page["rows"]]
        cursor, pages = page["next"], pages + 1
    assert (len(seen), len(set(seen)), pages) == (7, 7, 3)
    assert office.get("/api/places", params={"cursor": "rubbish"}).status_code == 422
    assert office.get("/api/places", params={"limit": 1001}).status_code == 422


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"layer": "river", "q": "河"}, {"中心河", "生产河", "待上图河"}),
        ({"q": "R1"}, {"中心河"}),
        ({"q": "%"}, set()),
        ({"layer": "river", "in_scheme": "false"}, {"老圩沟"}),
        ({"on_map": "false"}, {"待上图河"}),
        ({"layer": "grid", "area": "east"}, {"G2"}),
        ({"layer": "river", "area": "west"}, {"中心河", "生产河", "老圩沟", "待上图河"}),
    ],
)
def test_places_are_filtered(
    office: TestClient, town: Watertown, filters: dict[str, str], names: set[str]
) -> None:
    codes = {"east": town.east.code, "west": town.west.code}
    asked = {key: codes.get(value, value) for key, value in filters.items()}
    assert {row["name"] for row in office.get("/api/places", params=asked).json()["rows"]} == names
    assert office.get("/api/places", params={"area": "000"}).status_code == 404


def test_one_place_with_all_that_is_said_of_it(office: TestClient, town: Watertown) -> None:
    told = office.get(f"/api/places/{town.rivers[0].id}").json()
    assert (told["name"], told["length_m"]) == ("中心河", pytest.approx(2000, abs=1))
    assert told["geometry"]["type"] == "MultiLineString"
    assert len(told["geometry"]["coordinates"][0][0]) == 2
    assert {area["name"]: area["length_m"] for area in told["areas"]} == {"西荡镇": 1000, "东湖镇": 1000}
    (holder,) = told["holders"]
    assert (holder["person"], holder["role"], holder["spans_m"]) == ("王桂兰", "river_steward", [[0, 1500]])
    assert [version["number"] for version in told["versions"]] == [1]


def test_a_planner_sees_no_names(db: Session, client: TestClient, town: Watertown) -> None:
    _sign_in(db, client, town.county, Right.PLANNER)
    told = client.get(f"/api/places/{town.rivers[0].id}").json()
    assert told["holders"] == []


def test_all_places_leave_as_a_file(db: Session, office: TestClient) -> None:
    drawn = office.get("/api/places", params={"as": "geojson", "layer": "river"}).json()
    kinds = [feature["geometry"] and feature["geometry"]["type"] for feature in drawn["features"]]
    assert kinds == ["MultiLineString"] * 3 + [None]
    book = openpyxl.load_workbook(io.BytesIO(office.get("/api/places", params={"as": "xlsx"}).content))
    assert book.active.max_row == 8
    assert db.scalars(select(Audit.action)).all().count("places.export") == 2


def test_an_import_is_tried_answered_and_done(db: Session, office: TestClient, town: Watertown) -> None:
    west, south = town.county.west, town.county.south
    line = [[west + 0.001, south + 0.005], [west + 0.002, south + 0.005]]
    content = features(("新开河", line))
    tried = send(office, "../../rivers.geojson", content, dry_run="true")
    assert (tried["counts"]["added"], tried["file"]) == (1, "rivers.geojson")
    assert db.scalars(select(Place).where(Place.name == "新开河")).all() == []
    done = send(office, "rivers.geojson", content)
    assert (done["rows"][0]["outcome"], done["rows"][0]["name"]) == ("added", "新开河")
    assert done["summary"].startswith("河道「rivers.geojson」：新增 1、文件里没有 4")
    assert send(office, "rivers.geojson", content)["counts"]["same"] == 1
    (place,) = db.scalars(select(Place).where(Place.name == "新开河"))
    assert place.code == f"RV-{town.county.code}-00001"


def test_what_is_said_beside_the_file_counts(db: Session, office: TestClient) -> None:
    table = "水体,纳管吗\n甲河,是\n乙河,否\n".encode("gbk")
    answer = office.post(
        "/api/places/import",
        data={"layer": "river", "map": ["name=水体"], "in_scheme": "纳管吗"},
        files={"file": ("名录.csv", table)},
    )
    assert answer.json()["counts"]["added"] == 2, answer.text
    two = db.scalars(select(Place).where(Place.name.in_(["甲河", "乙河"])))
    assert {place.name: place.in_scheme for place in two} == {"甲河": True, "乙河": False}
    listed = office.post(
        "/api/places/import",
        data={"layer": "river", "map": "name=水体"},
        files={"file": ("名录.csv", table), "scheme_list": ("名单.txt", "乙河\n".encode())},
    )
    assert listed.json()["counts"]["changed"] == 2, listed.text


def test_the_report_is_filled_in_and_sent_back(db: Session, office: TestClient, town: Watertown) -> None:
    west, south = town.county.west, town.county.south
    lines = [
        ("生产新河", [[west + x, south + 0.006], [west + x + 0.001, south + 0.006]]) for x in (0.001, 0.006)
    ]
    said = {"layer": "river", "dry_run": "true"}
    files = {"file": ("rivers.geojson", features(*lines))}
    asked = office.post("/api/places/import", params={"as": "xlsx"}, data=said, files=files)
    book = openpyxl.load_workbook(io.BytesIO(asked.content))
    heads = [cell.value for cell in book.active[1]]
    questions = [row for row in book.active.iter_rows(min_row=2) if row[heads.index("问题编号")].value]
    assert len(questions) == 1
    questions[0][heads.index("答复")].value = "join"
    filled = io.BytesIO()
    book.save(filled)
    done = office.post(
        "/api/places/import",
        data={"layer": "river"},
        files={**files, "answers": ("结果.xlsx", filled.getvalue())},
    ).json()
    assert (done["counts"]["added"], done["counts"]["answered"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("rivers.geojson", b"", "bad_file"),
        ("rivers.geojson", b'{"type": "FeatureCollection", "features": [', "bad_file"),
        ("rivers.kml", b"<!DOCTYPE kml [<!ENTITY a 'b'>]><kml>&a;</kml>", "bad_file"),
        ("rivers.xlsx", b"PK\x03\x04 no workbook", "bad_file"),
        ("名录.csv", "河道名称\n".encode() + b"a\x00b\n", "rows_refused"),
        ("rivers.geojson", features(("远河", [[10.0, 50.0], [10.1, 50.0]])), "outside_county"),
        ("rivers.geojson", features(("反河", [[32.9, 119.79], [32.91, 119.79]])), "unknown_crs"),
    ],
)
def test_bad_files_are_told_and_nothing_changes(
    db: Session, office: TestClient, name: str, content: bytes, code: str
) -> None:
    before = len(db.scalars(select(Place)).all())
    answer = office.post("/api/places/import", data={"layer": "river"}, files={"file": (name, content)})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert len(db.scalars(select(Place)).all()) == before


def test_a_mapping_that_cannot_be_read_is_told(office: TestClient) -> None:
    answer = office.post(
        "/api/places/import", data={"layer": "river", "map": "河名"}, files={"file": ("a.csv", b"a")}
    )
    assert answer.json()["code"] == "invalid"
    assert "name=河道名称" in answer.json()["detail"]
