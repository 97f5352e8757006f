"""What goes with a patrol over HTTP: the protocol's shapes, record and checklist, photos; and paper."""

import datetime as dt
import hashlib
import io
import json
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import files
from geo_service.accounts.scope import Actor, Scope
from geo_service.cli import people, records
from geo_service.imports import Outcome, RowsRefused
from geo_service.patrols import paper_sheet
from geo_service.people.imports import ImportOptions
from geo_service.settings import Settings
from geo_service.tables import Companion, County, Patrol, Person, Place, StoredFile
from layers.crs import to_lonlat
from layers.errors import BadFile
from layers.vocabulary import Right
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty
from tests.geo_service.test_patrol_upload import office, road

__all__ = ["office", "road"]

AT = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=5)
LONLAT = to_lonlat(ORIGIN + np.array([[500 + 6.0 * k, 5] for k in range(60)]), CRS).tolist()
FIXES = [{"time": AT.timestamp() + 5 * k, "lon": lon, "lat": lat} for k, (lon, lat) in enumerate(LONLAT)]


def sha256_of(fixes: list[dict[str, float]]) -> str:
    """The hash as a phone computes it, from the description of the interface."""
    rows = b"".join(
        struct.pack("<4d", fix["time"], fix["lon"], fix["lat"], fix.get("accuracy_m", -1)) for fix in fixes
    )
    return hashlib.sha256(b"wgs84\n" + rows).hexdigest()


class TestClientOverHttp:
    def test_begin_batches_end(self, office: TestClient, road: Place, walker: Person) -> None:
        at = f"/api/patrols/{uuid.uuid4()}"
        begun = office.put(at, json={"person": "0417", "started_at": AT.isoformat(), "place_id": road.id})
        assert (begun.status_code, begun.json()["state"]["is_open"]) == (201, True), begun.text
        half = [FIXES[:30], FIXES[30:]]
        for fixes in half:
            body = {"person": "0417", "datum": "wgs84", "fixes": fixes, "sha256": sha256_of(fixes)}
            batch_id = uuid.uuid5(uuid.NAMESPACE_URL, at + str(fixes[0]["time"]))
            sent = [office.put(f"{at}/batches/{batch_id}", json=body) for _ in range(2)]
            assert [answer.status_code for answer in sent] == [201, 200], sent[0].text
        record = {
            "weather": "晴", "temperature_c": 21.5, "note": " 一切正常 ", "action": "",
            "checklist": {"layer": "road", "items": {"surface": "normal", "plate": "abnormal"}},
        }  # fmt: skip
        body = {"person": "0417", "ended_at": AT.isoformat(), "batches": 2, "record": record}
        ended = office.put(f"{at}/end", json=body)
        assert ended.status_code == 201, ended.text
        told = ended.json()
        assert told["state"]["is_final"]
        assert told["covered"][0]["metres"] == pytest.approx(354, abs=2)
        assert (told["place_id"], told["record"]["note"]) == (road.id, "一切正常")
        assert "action" not in told["record"]
        assert office.get(at).json() == told
        page = office.get(at.removeprefix("/api"), headers={"Accept": "text/html"}).text
        for noted in ("21.5 ℃", "路面坑槽", "异常", "公示牌", "轨迹", "长安路"):
            assert noted in page

    def test_open_patrols_are_listed_as_unfinished(
        self, office: TestClient, road: Place, walker: Person
    ) -> None:
        at = f"/api/patrols/{uuid.uuid4()}"
        office.put(at, json={"person": "0417", "started_at": AT.isoformat()})
        assert office.get("/api/patrols").json()["patrols"][0]["is_open"]
        assert "未结束" in office.get("/patrols").text
        page = office.get(at.removeprefix("/api")).text
        assert "收齐后再算" in page
        assert "<iframe" not in page

    def test_what_cannot_be_is_refused_with_the_place(
        self, office: TestClient, road: Place, walker: Person
    ) -> None:
        at = f"/api/patrols/{uuid.uuid4()}"
        fix = FIXES[0]
        for path, body, told in (
            ("", {"started_at": "2026-05-01T08:00:00"}, "started_at"),
            ("", {"started_at": AT.isoformat(), "colour": 1}, "colour"),
            ("", {"started_at": AT.isoformat(), "companions": ["张三"]}, "同行人「张三」"),
            ("", {"started_at": AT.isoformat(), "place_id": 2**40}, "没有这个对象"),
            ("/end", {"ended_at": AT.isoformat(), "batches": 10**6}, "batches"),
            (
                "/end",
                {
                    "ended_at": AT.isoformat(),
                    "batches": 0,
                    "record": {"checklist": {"layer": "road", "items": {"water": "normal"}}},
                },
                "没有「water」",
            ),
            (f"/batches/{uuid.uuid4()}", {"datum": "wgs84", "fixes": [{**fix, "lon": 200}]}, "lon"),
            (f"/batches/{uuid.uuid4()}", {"datum": "mars", "fixes": []}, "datum"),
            (f"/batches/{uuid.uuid4()}", {"datum": "wgs84", "fixes": [fix] * 10_001}, "fixes"),
            (f"/batches/{uuid.uuid4()}", {"datum": "wgs84", "fixes": [fix], "sha256": "0" * 64}, "sha256"),
        ):
            answer = office.put(f"{at}{path}", json={"person": "0417", **body})
            assert answer.status_code in (404, 422), answer.text
            assert told in answer.text
        nan = json.dumps({"datum": "wgs84", "fixes": [{**fix, "time": float("nan")}], "person": "0417"})
        refused = office.put(f"{at}/batches/{uuid.uuid4()}", content=nan)
        assert refused.status_code == 422
        assert office.get(at).status_code == 404

    def test_too_late_says_what_to_do(self, office: TestClient, road: Place, walker: Person) -> None:
        body = {"person": "0417", "started_at": (AT - dt.timedelta(days=31)).isoformat()}
        answer = office.put(f"/api/patrols/{uuid.uuid4()}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "too_late")
        assert "纸质巡查记录" in answer.json()["detail"]

    def test_checklists_are_told(self, office: TestClient, county: County) -> None:
        told = office.get("/api/checklists").json()
        assert told["findings"] == {"normal": "正常", "abnormal": "异常", "na": "不涉及"}
        assert set(told["layers"]) == {"river", "road", "grid", "compound"}
        assert told["layers"]["river"][0]["code"] == "litter"


def picture(form: str = "JPEG", size: tuple[int, int] = (80, 60), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "olive").save(out, form, **options)
    return out.getvalue()


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Make] = "SecretPhone"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2026:05:01 08:30:00"
    gps = exif.get_ifd(IFD.GPSInfo)
    gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "N", (32.0, 56.0, 18.6)
    gps[GPS.GPSLongitudeRef], gps[GPS.GPSLongitude] = "E", (119.0, 50.0, 2.4)
    return picture(exif=exif)


class TestPhotos:
    @pytest.fixture
    def at(self, office: TestClient, road: Place, walker: Person) -> str:
        at = f"/api/patrols/{uuid.uuid4()}"
        office.put(at, json={"person": "0417", "started_at": AT.isoformat()})
        return f"{at}/photos"

    def test_only_the_picture_is_kept(self, office: TestClient, at: str, db: Session, tmp_path: Path) -> None:
        sent, id_ = with_exif(), uuid.uuid4()
        assert [office.put(f"{at}/{id_}", content=sent).status_code for _ in range(2)] == [201, 200]
        assert office.put(f"{at}/{id_}", content=picture()).status_code == 409
        (told,) = office.get(at).json()
        assert (told["photo_id"], told["taken_at"]) == (str(id_), "2026-05-01T08:30:00+08:00")
        file = office.get(f"{at}/{id_}")
        assert file.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(file.content)) as image:
            assert image.size == (60, 80), "upright"
            assert not image.getexif()
        assert b"SecretPhone" not in file.content
        row = db.scalars(select(StoredFile)).one()
        assert files.path_of(tmp_path / "files", row.sha256).read_bytes() == file.content
        (said,) = db.scalars(select(Patrol.said["photos"][str(id_)]))
        assert said["lonlat"] == [119.834, 32.9385]
        page = office.get(at.removeprefix("/api").removesuffix("/photos")).text
        assert "拍摄于 2026-05-01 08:30" in page

    def test_other_forms_become_jpeg_and_large_ones_small(self, office: TestClient, at: str) -> None:
        for form, size in (("PNG", (3000, 20)), ("WEBP", (50, 50))):
            id_ = uuid.uuid4()
            assert office.put(f"{at}/{id_}", content=picture(form, size)).status_code == 201
            with Image.open(io.BytesIO(office.get(f"{at}/{id_}").content)) as image:
                assert image.format == "JPEG"
                assert max(image.size) <= 2560

    def test_what_is_no_photo_is_refused(self, office: TestClient, at: str, db: Session) -> None:
        bomb = picture("PNG", (20_000, 20_000))
        for data in (b"", b"GIF89a", picture("GIF"), picture()[:200], b"<svg/>", bomb, picture("TIFF")):
            answer = office.put(f"{at}/{uuid.uuid4()}", content=data)
            assert (answer.status_code, answer.json()["code"]) == (422, "bad_file"), answer.text
        assert db.scalar(select(func.count()).select_from(StoredFile)) == 0

    def test_a_photo_can_be_removed(self, office: TestClient, at: str) -> None:
        id_ = uuid.uuid4()
        office.put(f"{at}/{id_}", content=picture())
        assert office.delete(f"{at}/{id_}").status_code == 204
        assert office.get(at).json() == []
        assert office.get(f"{at}/{id_}").status_code == 404
        assert office.delete(f"{at}/{id_}").status_code == 404


class TestPaper:
    def test_one_outing_covers_nothing_and_waits_for_review(
        self, office: TestClient, road: Place, walker: Person, small_county: SmallCounty
    ) -> None:
        friend = small_county.person("李建国")
        body = {
            "person_id": str(walker.id), "day": "2026-05-01", "begins": "08:00", "ends": "09:30",
            "places": [road.id], "companions": [str(friend)], "record": {"weather": "阴"},
        }  # fmt: skip
        at = f"/api/patrols/{uuid.uuid4()}"
        answers = [office.put(f"{at}/paper", json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 200], answers[0].text
        told = answers[0].json()
        assert (told["evidence"], told["verdict"], told["people"]) == ("paper", "review", 2)
        assert (told["covered"], told["started_at"]) == ([], "2026-05-01T08:00:00+08:00")
        assert [reason["code"] for reason in told["reasons"]] == ["R_POINT_ONLY"]
        assert office.put(f"{at}/paper", json={**body, "ends": "10:00"}).status_code == 409
        assert "纸质记录" in office.get(at.removeprefix("/api")).text
        late = office.put(at, json={"person": "0417", "started_at": AT.isoformat()})
        assert late.status_code == 409, "a phone does not write into paper"

    def test_a_sheet_without_times_says_so(self, office: TestClient, road: Place, walker: Person) -> None:
        at = f"/api/patrols/{uuid.uuid4()}"
        sent = office.put(f"{at}/paper", json={"person_id": str(walker.id), "day": "2026-05-01"})
        assert sent.json()["day"] == "2026-05-01"
        assert "没有写起止时间" in office.get(at.removeprefix("/api")).text
        assert "00:00" not in office.get("/patrols").text

    def test_what_cannot_have_been_is_refused(self, office: TestClient, road: Place, walker: Person) -> None:
        for said, told in (
            ({"day": "2999-05-01"}, "还没有到"),
            ({"day": "2026-05-01", "begins": "09:00", "ends": "08:00"}, "早于"),
            ({"day": "2026-05-01", "places": [2**40]}, "没有这个对象"),
        ):
            body = {"person_id": str(walker.id), **said}
            answer = office.put(f"/api/patrols/{uuid.uuid4()}/paper", json=body)
            assert answer.status_code in (404, 422), answer.text
            assert told in answer.json()["detail"]


HEADERS = [
    "日期",
    "巡查人",
    "河道(路/网格)",
    "起止时间",
    "起点—终点",
    "天气",
    "巡查内容(正常/异常)",
    "发现问题",
    "处理情况",
    "签字",
]


def sheet(*rows: list[Any]) -> io.BytesIO:
    book = Workbook()
    page = book.active
    page.append(["银发河长巡查记录表"])
    page.append(HEADERS)
    for row in rows:
        page.append(row)
    out = io.BytesIO()
    book.save(out)
    return out


GOOD = [
    "2026-05-01",
    "王秀英、李建国",
    "长安路",
    "8：00—9：30",
    "大桥—闸口",
    "晴",
    "正常",
    "无",
    "",
    "王秀英",
]


class TestSheet:
    @pytest.fixture
    def friend(self, small_county: SmallCounty, road: Place, walker: Person) -> uuid.UUID:
        return small_county.person("李建国")

    def take(self, db: Session, scope: Scope, file: io.BytesIO, **options: Any) -> Any:
        return paper_sheet.import_records(db, scope, file, "记录.xlsx", ImportOptions(**options))

    @pytest.fixture
    def scope(self, county: County) -> Scope:
        return Scope(county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))

    def test_rows_become_outings_once(
        self, db: Session, scope: Scope, friend: uuid.UUID, walker: Person, road: Place
    ) -> None:
        trial = self.take(db, scope, sheet(GOOD), dry_run=True)
        assert len(trial.of(Outcome.ADDED)) == 1
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0
        self.take(db, scope, sheet(GOOD, GOOD))
        patrol = db.scalars(select(Patrol)).one()
        assert (patrol.person_id, patrol.place_id, patrol.people) == (walker.id, road.id, 2)
        assert (patrol.evidence, patrol.verdict, patrol.track) == ("paper", "review", None)
        assert patrol.started_at.astimezone(dt.UTC).isoformat() == "2026-05-01T00:00:00+00:00"
        assert patrol.ended_at - patrol.started_at == dt.timedelta(minutes=90)
        assert patrol.record["start_place"] == "大桥"
        assert patrol.record["end_place"] == "闸口"
        assert db.scalars(select(Companion.person_id)).all() == [friend]
        again = self.take(db, scope, sheet(GOOD))
        assert (again.changes, len(again.of(Outcome.SAME))) == (False, 1)
        assert db.scalar(select(func.count()).select_from(Patrol)) == 1

    def test_bad_rows_stop_all_or_are_skipped(
        self, db: Session, scope: Scope, friend: uuid.UUID, road: Place
    ) -> None:
        bad = [
            (["", *GOOD[1:]], "没有日期"),
            (["2026-13-01", *GOOD[1:]], "不是日期"),
            (["2199-05-01", *GOOD[1:]], "还没有到"),
            (["2026-05-02", "张三", *GOOD[2:]], "没有「张三」"),
            (["2026-05-02", "王秀英", "黄河", *GOOD[3:]], "没有「黄河」"),
            (["2026-05-02", "王秀英", "长安路", "早上", *GOOD[4:]], "看不懂"),
            (["2026-05-02", "王秀英", "长安路", "9:00-8:00", *GOOD[4:]], "早于"),
        ]
        file = sheet(GOOD, *(row for row, _ in bad))
        with pytest.raises(RowsRefused) as refused:
            self.take(db, scope, file)
        rows = refused.value.report.of(Outcome.REFUSED)
        assert [row.rows[0] for row in rows] == list(range(4, 11))
        for row, (_, told) in zip(rows, bad, strict=True):
            assert told in row.detail
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0
        self.take(db, scope, file, skip_refused=True)
        assert db.scalar(select(func.count()).select_from(Patrol)) == 1

    def test_another_content_for_the_same_outing_is_refused(
        self, db: Session, scope: Scope, friend: uuid.UUID
    ) -> None:
        other = [*GOOD[:5], "雨", *GOOD[6:]]
        report = self.take(db, scope, sheet(GOOD, other), dry_run=True)
        assert [row.detail[:9] for row in report.of(Outcome.REFUSED)] == ["第 3、4 行是同"] * 2
        self.take(db, scope, sheet(GOOD))
        with pytest.raises(RowsRefused, match="已登记，内容却不一样"):
            self.take(db, scope, sheet(other))

    def test_over_http_and_on_the_page(self, office: TestClient, db: Session, friend: uuid.UUID) -> None:
        sent = {"file": ("记录.xlsx", sheet(GOOD).getvalue())}
        answer = office.post("/api/patrols/records", files=sent, data={"dry_run": "true"})
        assert answer.status_code == 200, answer.text
        assert office.post("/api/patrols/records", files=sent).status_code == 200
        assert "巡查记录表（纸质）" in office.get("/import").text
        assert "纸质记录" in office.get("/patrols").text

    def test_the_command_tries_and_takes(
        self,
        db: Session,
        county: County,
        friend: uuid.UUID,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        @contextmanager
        def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
            yield db.connection(), Settings(data_dir=tmp_path)

        monkeypatch.setattr(people, "connect", connect)
        path = tmp_path / "记录.xlsx"
        path.write_bytes(sheet(GOOD).getvalue())
        for options, told, stored in (
            (["--dry-run"], "没有改动", 0),
            ([], "新增 1", 1),
            ([], "不变 1", 1),
        ):
            result = CliRunner().invoke(records.app, [str(path), *options])
            assert result.exit_code == 0, result.output
            assert told in result.stderr
            assert db.scalar(select(func.count()).select_from(Patrol)) == stored

    def test_what_is_no_such_sheet_is_refused(self, db: Session, scope: Scope, friend: uuid.UUID) -> None:
        with pytest.raises(BadFile, match="日期"):
            paper_sheet.import_records(db, scope, io.BytesIO(b"a,b\n1,2\n"), "a.csv", ImportOptions())
