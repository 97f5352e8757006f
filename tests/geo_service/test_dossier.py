"""What a person can see of himself and take along, and who else may."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.privacy.declared import PERSONAL
from geo_service.privacy.parts import PARTS
from geo_service.tables import Audit, Person
from layers.categories import DEFAULT
from layers.vocabulary import Right
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.test_forgetting import NAME, NOTE, NUMBER, PHONE, Life, token_of
from tests.geo_service.watertown import PASSWORD, add_account


@pytest.fixture
def life(db: Session, small_county: SmallCounty, tmp_path: Path) -> Life:
    return Life(db, small_county, tmp_path)


def audited(db: Session, *actions: str) -> list[str]:
    return list(db.scalars(select(Audit.action).where(Audit.action.in_(actions)).order_by(Audit.id)))


def archive_of(client: TestClient, path: str, token: str) -> zipfile.ZipFile:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_every_part_that_is_declared_is_shown() -> None:
    shown = {column.shown for column in PERSONAL.values()} - {""}
    assert shown == {part.name for part in PARTS}
    assert len({part.name for part in PARTS}) == len(PARTS)


def test_it_holds_all_that_the_tables_do(life: Life, client: TestClient, db: Session) -> None:
    token = token_of(db, life.county, "walker", Right.VOLUNTEER, life.id)
    told = client.get(f"/api/people/{life.id}/data", headers={"Authorization": f"Bearer {token}"}).json()
    for part in PARTS:
        assert told[part.name], f"{part.title} must show something of someone who left something everywhere"
    (person,) = told["person"]
    assert (person["name"], person["number"], person["phone"]) == (NAME, NUMBER, PHONE)
    assert person["attributes"] == {"note": NOTE}
    (batch,) = told["batches"]
    assert (batch["lon"], batch["lat"]) == ([119.8342], [32.9417])
    assert told["patrols"][0]["record"]["remarks"] == NOTE
    assert {duty["place"] for duty in told["duties"]} == {"R1", "G1"}
    assert told["titles"]["duties"]["role"] == "岗位"
    assert "同伴" not in json.dumps(told, ensure_ascii=False).replace("和同伴走访", "")
    assert audited(db, "people.look") == [], "his own look is his own business"


def test_the_download_holds_tracks_and_files_and_is_recorded(
    life: Life, client: TestClient, db: Session
) -> None:
    token = token_of(db, life.county, "clerk", Right.COORDINATOR)
    archive = archive_of(client, f"/api/people/{life.id}/data.zip", token)
    names = archive.namelist()
    (gpx,) = [name for name in names if name.endswith(".gpx")]
    assert str(life.own) in gpx
    track = archive.read(gpx).decode()
    assert 'lat="32.9417000" lon="119.8342000"><time>2026-05-01T04:00:00.000Z</time>' in track
    kept = [archive.read(name).decode() for name in names if name.startswith("文件/")]
    assert len(kept) == 3, "his original, his photo, the photo of the service that he did alone"
    assert json.loads(archive.read("资料.json"))["person"][0]["name"] == NAME
    assert audited(db, "people.download", "patrols.look") == ["patrols.look", "people.download"]


def test_a_file_whose_bytes_are_lost_does_not_stop_the_rest(
    life: Life, client: TestClient, db: Session
) -> None:
    for path in life.files_dir.glob("??/*"):
        path.unlink()
    token = token_of(db, life.county, "walker", Right.VOLUNTEER, life.id)
    archive = archive_of(client, f"/api/people/{life.id}/data.zip", token)
    assert len(archive.read("缺少的文件.txt").decode().split()) == 3
    assert audited(db, "people.download", "patrols.look") == ["people.download"]


def test_who_only_serves_in_an_area_is_not_laid_open_there(
    life: Life, client: TestClient, db: Session
) -> None:
    db.get_one(Person, life.id).area_id = None
    db.flush()
    life.county.lies_in(life.river, life.home, [(0, 9000)])
    add_account(db, life.county.row, "town", Right.COORDINATOR, life.home)
    assert sign_in(client, "town", PASSWORD).status_code == 303
    assert client.get(f"/api/people/{life.id}").status_code == 200
    for path in ("/api/people/{}/data", "/api/people/{}/data.zip", "/people/{}/data"):
        assert client.get(path.format(life.id)).status_code == 403


class TestThePages:
    def test_he_reads_his_data_and_deletes_them(self, life: Life, client: TestClient, db: Session) -> None:
        add_account(db, life.county.row, "walker", Right.VOLUNTEER, person_id=life.id)
        assert sign_in(client, "walker", PASSWORD).status_code == 303
        page = client.get("/me").text
        for word in (NAME, PHONE, NUMBER, NOTE, "我的资料", "覆盖保留", "不再有姓名和轨迹"):
            assert word in page
        assert DEFAULT.words("litter.bank") in page
        assert "litter.bank" not in page
        form = {"csrf_token": token_in(page), "reason": "withdrawn"}
        refused = client.post(f"/people/{life.id}/delete", data=form)
        assert refused.status_code == 422
        assert "勾选" in refused.text
        done = client.post(f"/people/{life.id}/delete", data={**form, "sure": "yes"})
        assert (done.status_code, "已删除" in done.text) == (200, True)
        assert client.get("/me", headers={"Accept": "text/html"}).status_code == 303
        assert db.get_one(Person, life.id, populate_existing=True).name == ""

    def test_a_clerk_sees_a_person_and_deletes_him(self, life: Life, client: TestClient, db: Session) -> None:
        add_account(db, life.county.row, "clerk", Right.COORDINATOR)
        assert sign_in(client, "clerk", PASSWORD).status_code == 303
        assert "没有对应到人员" in client.get("/me").text
        page = client.get(f"/people/{life.id}/data").text
        assert f"{NAME}的资料" in page
        assert audited(db, "people.look") == ["people.look"]
        form = {"csrf_token": token_in(page), "sure": "yes", "reason": "nonsense"}
        assert client.post(f"/people/{life.id}/delete", data=form).status_code == 422
        done = client.post(f"/people/{life.id}/delete", data=form | {"reason": "deceased"})
        assert "不再有姓名" in done.text
        line = db.scalars(select(Audit).where(Audit.action == "people.delete")).one()
        assert line.detail["reason"] == "deceased"

    def test_markup_in_a_note_is_shown_as_text(self, life: Life, client: TestClient, db: Session) -> None:
        db.get_one(Person, life.id).attributes = {"note": "<script>alert(1)</script>"}
        add_account(db, life.county.row, "clerk", Right.COORDINATOR)
        assert sign_in(client, "clerk", PASSWORD).status_code == 303
        page = client.get(f"/people/{life.id}/data").text
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page
