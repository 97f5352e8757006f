"""The page on which a place is drawn, as a browser asks for it."""

import json
import re
import uuid
from html import unescape
from typing import Any

import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from geo_service.app import create_app
from geo_service.patrols import again
from geo_service.settings import Settings
from geo_service.tables import Place
from tests.geo_service import watertown
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_accounts import token_in
from tests.geo_service.test_drawing import lonlat, spans, walk
from tests.geo_service.watertown import EVIL, Watertown

LINE = "LINESTRING (100 650, 900 650)"


@pytest.fixture
def town(db: Session) -> Watertown:
    return watertown.build(db, evil=True)


def facts(html: str) -> Any:
    found = re.search(r"data-facts='([^']*)'", html)
    assert found
    return json.loads(unescape(found.group(1)))


def send(client: TestClient, place: Place, **words: str) -> Any:
    path = f"/places/{place.id}/draw"
    return client.post(path, data={"csrf_token": token_in(client.get(path).text), **words})


def test_the_register_leads_to_the_drawing_of_what_is_not_on_the_map(
    clerk: TestClient, town: Watertown
) -> None:
    path = f"/places/{town.off_map.id}/draw"
    assert f'href="{path}"' in clerk.get("/places").text
    assert f'href="{path}"' in clerk.get(f"/places/{town.off_map.id}").text
    assert f'href="/places/{town.rivers[0].id}/draw"' not in clerk.get("/places").text
    assert "修改图形" in clerk.get(f"/places/{town.rivers[0].id}").text


def test_a_drawing_is_tried_then_stored(clerk: TestClient, town: Watertown, db: Session) -> None:
    text = shapely.to_geojson(lonlat(LINE))
    tried = send(clerk, town.off_map, geometry=text)
    assert tried.status_code == 200
    assert "试算结果（还没有保存）" in tried.text
    assert "800 米" in tried.text
    assert "西荡镇" in tried.text
    db.refresh(town.off_map)
    assert town.off_map.version_id is None
    kept = re.search(r'name="geometry" value="([^"]*)"', tried.text)
    assert kept
    done = send(clerk, town.off_map, geometry=unescape(kept.group(1)), step="do")
    assert (done.status_code, done.headers["Location"]) == (303, f"/places/{town.off_map.id}")
    db.refresh(town.off_map)
    assert town.off_map.version_id is not None


def test_what_is_wrong_is_said_and_the_drawing_stays(clerk: TestClient, town: Watertown) -> None:
    empty = send(clerk, town.off_map, geometry='{"type":"MultiLineString","coordinates":[]}')
    assert empty.status_code == 422
    assert "还没有画" in empty.text
    elsewhere = send(clerk, town.off_map, geometry='{"type":"LineString","coordinates":[[10,50],[11,50]]}')
    assert elsewhere.status_code == 422
    assert "不在本县范围内" in elsewhere.text
    assert facts(elsewhere.text)["geometry"]["coordinates"] == [[10, 50], [11, 50]]
    broken = send(clerk, town.off_map, geometry="</script><script>alert(1)</script>")
    assert broken.status_code == 422
    assert "<script>alert" not in broken.text
    without = clerk.post(f"/places/{town.off_map.id}/draw", data={"geometry": "{}"})
    assert without.status_code == 403


def test_a_walk_becomes_the_line_and_covers_it(clerk: TestClient, town: Watertown, db: Session) -> None:
    county = SmallCounty(db, town.county)
    patrol_id, _ = walk(county, (100, 650), (900, 650), (900, 662), (100, 662))
    page = clerk.get(f"/places/{town.off_map.id}/draw").text
    (link,) = re.findall(r'href="(/places/\d+/draw\?walk=[^"]+)"', page)
    chosen = clerk.get(unescape(link)).text
    assert "原路返回" in chosen
    line = facts(chosen)["geometry"]
    assert line["type"] == "MultiLineString"
    done = send(clerk, town.off_map, geometry=json.dumps(line), walk=str(patrol_id), step="do")
    assert done.status_code == 303
    covered = sum(b - a for a, b in spans(db, town.off_map, patrol_id)) / 10
    assert covered == pytest.approx(800, abs=40)
    short = clerk.get(f"/places/{town.off_map.id}/draw", params={"walk": str(patrol_id), "from": 5, "to": 6})
    assert short.status_code == 422
    assert "太短" in short.text
    assert clerk.get(f"/places/{town.off_map.id}/draw", params={"walk": str(uuid.uuid4())}).status_code == 404


def test_while_a_job_computes_the_walks_again_the_card_says_so(
    clerk: TestClient, town: Watertown, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "AT_ONCE", 1)
    county = SmallCounty(db, town.county)
    for k in range(3):
        walk(county, (100, 650 + k), (900, 650 + k))
    tried = send(clerk, town.off_map, geometry=shapely.to_geojson(lonlat(LINE)))
    assert "附近的 3 次巡查会按新的图形在后台重算" in tried.text
    send(clerk, town.off_map, geometry=shapely.to_geojson(lonlat(LINE)), step="do")
    assert "正在按新的图形重算巡查（0 / 3）" in clerk.get(f"/places/{town.off_map.id}").text


def test_the_ground_is_of_the_scope_and_names_are_only_data(
    clerk: TestClient, town: Watertown, db: Session
) -> None:
    box = {"west": 119, "south": 32, "east": 121, "north": 34}
    path = f"/places/{town.off_map.id}/draw/ground"
    found = clerk.get(path, params=box)
    assert found.headers["Content-Type"] == "application/json"
    kinds = [feature["properties"]["kind"] for feature in found.json()["features"]]
    assert sorted(set(kinds)) == ["border", "grid", "river", "road"]
    assert any(feature["properties"]["name"] == EVIL for feature in found.json()["features"])
    nothing = clerk.get(path, params={"west": 1, "south": 1, "east": 2, "north": 2}).json()
    assert nothing["features"] == []
    assert clerk.get(path).status_code == 422


def test_leaflet_comes_from_the_service_itself(client: TestClient) -> None:
    for name in ("leaflet.js", "leaflet.css"):
        assert client.get(f"/static/leaflet/{name}").status_code == 200


def test_tiles_only_with_a_key(db: Session, town: Watertown, clerk: TestClient, tmp_path: Any) -> None:
    page = clerk.get(f"/places/{town.off_map.id}/draw")
    assert facts(page.text)["tiles"] == []
    assert "tianditu" not in page.headers["Content-Security-Policy"]
    app = create_app(Settings(data_dir=tmp_path, tianditu_key="abc"), db.connection())
    with TestClient(app, client=("127.0.0.1", 50000), follow_redirects=False, cookies=clerk.cookies) as keyed:
        page = keyed.get(f"/places/{town.off_map.id}/draw")
        assert [tile["name"] for tile in facts(page.text)["tiles"]] == ["vec", "cva"]
        assert "img-src 'self' data: https://*.tianditu.gov.cn" in page.headers["Content-Security-Policy"]
