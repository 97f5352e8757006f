"""Recordings over HTTP and from the command line, as phones, pages and offices send them."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from click.testing import Result
from fastapi.testclient import TestClient
from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.cli import patrols
from geo_service.errors import NotFound
from geo_service.patrols.formats import parse
from geo_service.settings import Settings
from geo_service.tables import Audit, County, LineDay, Patrol, Person, Place
from layers import crs as crs_
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right
from tests.geo_service.conftest import CRS, NOON, ORIGIN, SmallCounty

COMMANDS = Manager(Actor(os_user="tester"))


@pytest.fixture
def road(small_county: SmallCounty, county: County) -> Place:
    return small_county.place(Layer.ROAD, "长安路", "LINESTRING (0 0, 2000 0)")


@pytest.fixture
def office(db: Session, client: TestClient, county: County) -> TestClient:
    """A coordinator of the whole county."""
    client.headers["Authorization"] = f"Bearer {token(db, county, 'office', Right.COORDINATOR)}"
    return client


def token(db: Session, county: County, login: str, right: Right, person: Person | None = None) -> str:
    account, _ = register.add(
        db, COMMANDS, login, right, Ground(county.id, None), person_id=person and person.id, is_program=True
    )
    db.flush()
    return register.token(db, COMMANDS, account, "test", days=None)


def walk(*corners: tuple[float, float], start_s: float = NOON.timestamp()) -> Recording:
    line = shapely.linestrings(np.array(corners, float) + ORIGIN)
    at = np.append(np.arange(0, line.length, 6.0), line.length)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    return Recording(start_s + np.arange(at.size) * 5.0, crs_.to_lonlat(xy, CRS))


def gpx(recording: Recording) -> bytes:
    clock = np.datetime_as_string(recording.time_s.astype("datetime64[s]"))
    points = "".join(
        f'<trkpt lat="{lat:.8f}" lon="{lon:.8f}"><time>{t}Z</time></trkpt>'
        for (lon, lat), t in zip(recording.lonlat, clock, strict=True)
    )
    head = '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
    return f"{head}{points}</trkseg></trk></gpx>".encode()


WALK = gpx(walk((500, 5), (1500, 5)))


def form(data: bytes = WALK, name: str = "walk.gpx", **said: str) -> dict[str, Any]:
    return {"files": {"file": (name, data)}, "data": said}


class TestSend:
    def test_a_form_gets_what_was_covered_and_a_repeat_the_same(
        self, office: TestClient, road: Place, walker: Person, db: Session
    ) -> None:
        first = office.post("/api/patrols", **form(person="王秀英", device="Huawei"))
        assert first.status_code == 201, first.text
        answer = first.json()
        (line,) = answer["covered"]
        assert (line["place_id"], line["name"], line["layer"]) == (road.id, "长安路", "road")
        assert line["metres"] == pytest.approx(1000, abs=1)
        assert answer["person_id"] == str(walker.id)
        assert answer["started_at"] == "2026-05-01T12:00:00+08:00"
        assert answer["told"] == "谢谢您！5月1日 12:00—12:13，走了 1.0 公里。走到了：长安路 1.0 公里。"
        again = office.post("/api/patrols", **form(person="0417", name="copy.gpx"))
        assert again.status_code == 200
        assert again.json() == answer | {"already": True}
        assert db.scalar(select(func.count()).select_from(Patrol)) == 1

    def test_a_plain_body_is_taken_too(self, office: TestClient, road: Place, walker: Person) -> None:
        kind = {"Content-Type": "application/gpx+xml"}
        answer = office.post("/api/patrols?person=0417", content=WALK, headers=kind)
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["covered"]) == 1

    def test_the_datum_and_the_zone_are_said_in_the_form(
        self, office: TestClient, road: Place, walker: Person
    ) -> None:
        local = walk((500, 5), (1500, 5), start_s=NOON.timestamp() + 8 * 3600)
        shifted = Recording(local.time_s, crs_.from_wgs84(local.lonlat, Datum.GCJ02))
        data = gpx(shifted).replace(b"Z</time>", b"</time>")
        asked = office.post("/api/patrols", **form(data, person="0417"))
        assert (asked.status_code, asked.json()["code"]) == (422, "unknown_time_zone")
        assert "--tz Asia/Shanghai" in asked.json()["detail"]
        asked = office.post("/api/patrols", **form(data, person="0417", tz="Asia/Shanghai"))
        assert (asked.status_code, asked.json()["code"]) == (422, "unknown_crs")
        said = form(data, person="0417", tz="Asia/Shanghai", datum="GCJ02")
        answer = office.post("/api/patrols", **said)
        assert answer.status_code == 201, answer.text
        assert answer.json()["started_at"] == "2026-05-01T12:00:00+08:00"
        assert answer.json()["covered"][0]["metres"] == pytest.approx(1000, abs=1)

    def test_faults_are_told_with_file_place_and_cure(
        self, office: TestClient, road: Place, walker: Person, db: Session
    ) -> None:
        for sent, code, told in (
            (form(b"", person="0417"), "bad_file", "空的"),
            (form(WALK[:-100], person="0417"), "bad_file", "「walk.gpx」：文件在第 1 行断开"),
            (form(b"%PDF-1.7", "../../etc/河\x00.gpx", person="0417"), "bad_file", "PDF"),
            (form(WALK, person="张三"), "not_found", "没有「张三」"),
            (form(WALK, person="a\x00b"), "not_found", "没有"),
            (form(WALK), "invalid", "谁的巡查"),
            (form(WALK, person="0417", datum="火星"), "invalid", "gcj02"),
            (form(WALK, person="0417", tz="火星"), "unknown_time_zone", "不认识时区"),
            ({"data": {"person": "0417"}, "files": {"other": ("a", b"b")}}, "bad_file", "没有收到文件"),
            ({"content": b""}, "invalid", "谁的巡查"),
        ):
            answer = office.post("/api/patrols", **sent)
            assert answer.json()["code"] == code, answer.text
            assert told in answer.json()["detail"]
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0

    def test_who_has_the_same_name_is_asked_for_by_number(
        self, office: TestClient, road: Place, walker: Person, db: Session
    ) -> None:
        db.add(Person(county_id=walker.county_id, name="王秀英", number="0418"))
        db.flush()
        answer = office.post("/api/patrols", **form(person="王秀英"))
        assert answer.status_code == 422
        assert "编号 0417" in answer.json()["detail"]
        assert "编号 0418" in answer.json()["detail"]

    def test_volunteers_send_only_their_own(
        self, client: TestClient, db: Session, county: County, road: Place, walker: Person
    ) -> None:
        other = Person(county_id=county.id, name="李建国", number="0500")
        db.add(other)
        db.flush()
        own = {"Authorization": f"Bearer {token(db, county, 'wang', Right.VOLUNTEER, walker)}"}
        refused = client.post("/api/patrols", headers=own, **form(person="李建国"))
        assert refused.status_code == 404
        sent = client.post("/api/patrols", headers=own, **form())
        assert sent.status_code == 201, sent.text
        assert sent.json()["person_id"] == str(walker.id)
        others = {"Authorization": f"Bearer {token(db, county, 'li', Right.VOLUNTEER, other)}"}
        path = f"/api/patrols/{sent.json()['patrol_id']}"
        for address in (path, f"{path}/track", f"{path}/gpx"):
            assert client.get(address, headers=others).status_code == 404
            assert client.get(address, headers=own).status_code == 200
        assert client.get("/api/patrols", headers=others).json() == {"patrols": [], "next": None}
        planner = {"Authorization": f"Bearer {token(db, county, 'plan', Right.PLANNER)}"}
        assert client.post("/api/patrols", headers=planner, **form()).status_code == 403


class TestRead:
    @pytest.fixture
    def patrol_id(self, office: TestClient, road: Place, walker: Person) -> str:
        return str(office.post("/api/patrols", **form(person="0417")).json()["patrol_id"])

    def test_the_track_comes_back_as_it_went_and_looks_are_recorded(
        self, office: TestClient, db: Session, patrol_id: str
    ) -> None:
        sent = parse(WALK)
        feature = office.get(f"/api/patrols/{patrol_id}/track")
        file = office.get(f"/api/patrols/{patrol_id}/gpx")
        assert file.headers["content-disposition"] == f'attachment; filename="patrol-{patrol_id}.gpx"'
        for data in (json.dumps(feature.json()).encode(), file.content):
            back = parse(data)
            assert back.time_s.tolist() == sent.time_s.tolist()
            np.testing.assert_allclose(back.lonlat, sent.lonlat, atol=1e-7)
        looks = db.scalars(select(Audit.subject).where(Audit.action == "patrols.look")).all()
        assert list(looks) == [f"patrol/{patrol_id}"] * 2

    def test_what_is_not_there_is_not_found(self, office: TestClient, patrol_id: str) -> None:
        for address in ("", "/track", "/gpx"):
            assert office.get(f"/api/patrols/{uuid.uuid4()}{address}").status_code == 404
        assert office.get("/api/patrols/nonsense").status_code == 422

    def test_lists_page_and_narrow(self, office: TestClient, patrol_id: str, walker: Person) -> None:
        for day in range(1, 4):
            later = walk((500, 5), (700, 5), start_s=NOON.timestamp() + day * 86400)
            assert office.post("/api/patrols", **form(gpx(later), person="0417")).status_code == 201
        found, cursor = [], ""
        while True:
            page = office.get(f"/api/patrols?limit=3{cursor}").json()
            found += [(row["day"], row["person_name"]) for row in page["patrols"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert found == [(f"2026-05-0{day}", "王秀英") for day in (4, 3, 2, 1)]
        some = office.get("/api/patrols?first=2026-05-02&last=2026-05-03").json()["patrols"]
        assert [row["day"] for row in some] == ["2026-05-03", "2026-05-02"]
        assert office.get(f"/api/patrols?person={uuid.uuid4()}").json()["patrols"] == []
        for bad in ("x", "WzFd", "WyJhIiwiYiJd", "WzEsMl0", "e30"):
            assert office.get(f"/api/patrols?cursor={bad}").status_code == 422

    def test_voids_with_a_reason(self, office: TestClient, db: Session, patrol_id: str) -> None:
        address = f"/api/patrols/{patrol_id}/void"
        assert office.post(address, json={"reason": " "}).status_code == 422
        answer = office.post(address, json={"reason": "替别人走的"})
        assert answer.status_code == 200
        assert (answer.json()["void_reason"], answer.json()["covered"]) == ("替别人走的", [])
        assert db.scalars(select(LineDay)).all() == []
        again = office.post("/api/patrols", **form(person="0417"))
        assert (again.status_code, again.json()["void_reason"]) == (200, "替别人走的")


def test_the_way_to_send_is_documented(client: TestClient, office: TestClient) -> None:
    post = office.get("/openapi.json").json()["paths"]["/api/patrols"]["post"]
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/octet-stream"}
    assert {p["name"] for p in post["parameters"]} >= {"person", "tz", "datum", "device", "county"}


class TestCommand:
    @pytest.fixture
    def run(self, db: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
        """Run the command on the test's own transaction."""

        @contextmanager
        def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
            yield db.connection(), Settings(data_dir=tmp_path)

        monkeypatch.setattr(patrols, "connect", connect)
        return lambda *words: CliRunner().invoke(patrols.app, [str(word) for word in words])

    def test_thanks_for_each_file_and_keeps_the_good_ones(
        self, run: Callable[..., Result], road: Place, walker: Person, db: Session, tmp_path: Path
    ) -> None:
        good, broken, other = tmp_path / "早上.gpx", tmp_path / "坏.gpx", tmp_path / "晚上.csv"
        good.write_bytes(WALK)
        broken.write_bytes(WALK[:500])
        evening = walk((0, 5), (600, 5), start_s=NOON.timestamp() + 6 * 3600)
        rows = zip(evening.time_s, *evening.lonlat.T, strict=True)
        other.write_text("time,lon,lat\n" + "".join(f"{t},{lon},{lat}\n" for t, lon, lat in rows))
        result = run(good, broken, tmp_path / "没有.gpx", tmp_path, other, "--person", "王秀英")
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            "早上.gpx（王秀英）：谢谢您！5月1日 12:00—12:13，走了 1.0 公里。走到了：长安路 1.0 公里。",
            "晚上.csv（王秀英）：谢谢您！5月1日 18:00—18:08，走了 600 米。走到了：长安路 600 米。",
        ]
        assert "坏.gpx：没有保存。文件「坏.gpx」：文件在第 1 行断开" in result.stderr
        assert "没有.gpx」这个文件" in result.stderr
        assert "是文件夹" in result.stderr
        assert "共 5 个文件，3 个没有保存，其余已保存。" in result.stderr
        assert db.scalar(select(func.count()).select_from(Patrol)) == 2
        actors = db.scalars(select(Audit.os_user).where(Audit.action == "patrols.take")).all()
        assert len(actors) == 2
        assert None not in actors

    def test_a_second_time_says_so_and_changes_nothing(
        self, run: Callable[..., Result], road: Place, walker: Person, db: Session, tmp_path: Path
    ) -> None:
        path = tmp_path / "walk.gpx"
        path.write_bytes(WALK)
        assert run(path, "--person", "0417").exit_code == 0
        again = run(path, "--person", str(walker.id))
        assert again.exit_code == 0
        assert "以前已登记过，没有重复计入。谢谢您！" in again.stdout
        assert db.scalar(select(func.count()).select_from(Patrol)) == 1

    def test_asks_for_what_was_not_said(
        self, run: Callable[..., Result], road: Place, walker: Person, tmp_path: Path
    ) -> None:
        path = tmp_path / "walk.gpx"
        recording = walk((500, 5), (1500, 5))
        local = Recording(recording.time_s + 8 * 3600, crs_.from_wgs84(recording.lonlat, Datum.GCJ02))
        path.write_bytes(gpx(local).replace(b"Z</time>", b"</time>"))
        first = run(path, "--person", "0417")
        assert (first.exit_code, "--tz Asia/Shanghai" in first.stderr) == (1, True)
        second = run(path, "--person", "0417", "--tz", "Asia/Shanghai")
        assert (second.exit_code, "--datum gcj02" in second.stderr) == (1, True)
        third = run(path, "--person", "0417", "--tz", "Asia/Shanghai", "--datum", "gcj02")
        assert (third.exit_code, "长安路 1.0 公里" in third.stdout) == (0, True)

    def test_a_person_who_is_not_there_stops_it(
        self, run: Callable[..., Result], road: Place, walker: Person, tmp_path: Path
    ) -> None:
        result = run(tmp_path / "walk.gpx", "--person", "张三")
        assert isinstance(result.exception, NotFound)
        assert run("walk.gpx").exit_code == 2
