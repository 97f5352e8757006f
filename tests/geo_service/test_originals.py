"""The original of what was taken is kept whichever way it came, once, and only if something was taken."""

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service import files
from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import service as areas
from geo_service.areas.service import AreaOptions
from geo_service.patrols.service import take_file
from geo_service.tables import Import, StoredFile
from layers.crs import to_lonlat
from layers.vocabulary import Right
from tests.geo_service.conftest import CRS, NOON, ORIGIN
from tests.geo_service.test_accounts import token_in
from tests.geo_service.watertown import Watertown

ROSTER = "姓名,编号\n张三,77\n".encode()


@pytest.fixture
def kept(db: Session, tmp_path: Path) -> Callable[[], list[tuple[str, str | None, bytes]]]:
    """Return what is kept: kind of the subject, name, content."""

    def kept() -> list[tuple[str, str | None, bytes]]:
        rows = db.scalars(select(StoredFile).order_by(StoredFile.created_at, StoredFile.name)).all()
        assert {row.kind for row in rows} <= {"original"}
        return [
            (row.subject.split("/")[0], row.name, files.path_of(tmp_path / "files", row.sha256).read_bytes())
            for row in rows
        ]

    return kept


def gpx(minutes: int = 0) -> bytes:
    begin = NOON + dt.timedelta(days=3, minutes=minutes)
    xy = to_lonlat(ORIGIN + [(i * 6.0, 5.0) for i in range(100)], CRS)
    times = [begin + dt.timedelta(seconds=5 * i) for i in range(100)]
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>{time:%FT%TZ}</time></trkpt>'
        for (lon, lat), time in zip(xy.tolist(), times, strict=True)
    )
    head = '<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
    return f"{head}{points}</trkseg></trk></gpx>".encode()


def csrf(clerk: TestClient, page: str) -> dict[str, str]:
    return {"csrf_token": token_in(clerk.get(page).text)}


def test_of_a_roster_over_the_interface_once(clerk: TestClient, kept: Any, db: Session) -> None:
    form = csrf(clerk, "/import")
    headers = {"X-CSRF-Token": form["csrf_token"]}

    def send(content: bytes, **data: str) -> int:
        sent = {"files": {"file": ("名册.csv", content)}, "data": data, "headers": headers}
        return clerk.post("/api/people/import", **sent).status_code

    assert send(ROSTER, dry_run="true") == 200
    assert send("姓名,电话\n李四,12\n".encode()) == 422
    assert kept() == []
    assert send(ROSTER) == 200
    assert kept() == [("import", "名册.csv", ROSTER)]
    assert send(ROSTER) == 200, "nothing changed by it"
    assert len(kept()) == 1
    assert db.scalars(select(StoredFile.subject)).one() == f"import/{db.scalars(select(Import.id)).one()}"


def test_of_a_file_that_was_tried_on_the_page_and_carried_out(clerk: TestClient, kept: Any) -> None:
    form = csrf(clerk, "/import") | {"kind": "roster"}
    tried = clerk.post("/import", data=form, files={"file": ("名册.csv", ROSTER)})
    assert kept() == []
    held = tried.text.partition('name="held" value="')[2].partition('"')[0]
    assert held
    done = clerk.post("/import", data=form | {"held": held, "name": "名册.csv", "step": "do"})
    assert done.status_code == 200, done.text
    assert kept() == [("import", "名册.csv", ROSTER)]


def test_of_walks_over_the_interface_and_on_the_page_once(
    clerk: TestClient, kept: Any, town: Watertown
) -> None:
    form = csrf(clerk, "/upload") | {"person": "王桂兰"}
    for _ in range(2):
        done = clerk.post("/upload", data=form, files={"file": ("早.gpx", gpx())})
        assert done.status_code == 303, done.text
        sent = clerk.post(
            "/api/patrols",
            params={"person": "王桂兰"},
            files={"file": ("晚.gpx", gpx(300))},
            headers={"X-CSRF-Token": form["csrf_token"]},
        )
        assert sent.status_code in (200, 201), sent.text
    bad = clerk.post("/upload", data=form, files={"file": ("坏.gpx", b"<gpx>")})
    assert bad.status_code == 422
    assert sorted(kept()) == sorted([("patrol", "早.gpx", gpx()), ("patrol", "晚.gpx", gpx(300))])


def test_of_walks_and_areas_that_commands_take(
    db: Session, town: Watertown, tmp_path: Path, kept: Any
) -> None:
    scope = Scope(town.county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    walk, tree = tmp_path / "早.gpx", tmp_path / "村.csv"
    walk.write_bytes(gpx())
    tree.write_text("编码,名称\n329902100,西荡镇\n329902100201,新村\n")
    for source in (walk, walk.read_bytes(), io.BytesIO(walk.read_bytes())):
        take_file(db, scope, town.person_id, source, keep_in=tmp_path / "files")
    areas.import_areas(db, scope.actor, [tree], AreaOptions(keep_in=tmp_path / "files"))
    assert sorted(kept()) == [("import", "村.csv", tree.read_bytes()), ("patrol", "早.gpx", gpx())]
