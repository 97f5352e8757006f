"""Importing by page: the trial changes nothing, the answers count, what is refused is shown first."""

import json
import os
import re
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.errors import NotFound
from geo_service.settings import Settings
from geo_service.tables import Area, Person, Place
from geo_service.web import held
from layers.crs import to_lonlat
from layers.vocabulary import Right
from tests.geo_service.conftest import CRS, ORIGIN
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import PASSWORD, Watertown, add_account


def rivers(*named: tuple[str, list[tuple[float, float]]]) -> bytes:
    """A GeoJSON file of rivers, each with its corners in metres around the origin."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "LineString",
                "coordinates": [to_lonlat(ORIGIN + np.array([xy]), CRS)[0].tolist() for xy in corners],
            },
        }
        for name, corners in named
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


NEW = rivers(("新开河", [(0, 700), (1500, 720)]), ("<b>斜河</b>", [(100, 800), (1500, 850)]))


def send(
    client: TestClient, said: dict[str, str], content: bytes | None = None, name: str = "a.geojson"
) -> Any:
    token = token_in(client.get("/import").text)
    files = None if content is None else {"file": (name, content, "application/octet-stream")}
    return client.post("/import", data={"csrf_token": token, **said}, files=files)


def hidden(html: str) -> dict[str, str]:
    """What the page would send along."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))


def count(db: Session, table: type[Any]) -> int:
    return db.scalar(select(func.count()).select_from(table)) or 0


def test_a_trial_changes_nothing_and_the_same_file_is_then_imported(
    db: Session, app: FastAPI, clerk: TestClient
) -> None:
    before = count(db, Place)
    tried = send(clerk, {"kind": "river", "step": "try"}, NEW)
    assert tried.status_code == 200
    words = text_of(tried.text)
    assert "试算结果" in words
    assert "新开河" in words
    assert "&lt;b&gt;斜河" in tried.text
    assert count(db, Place) == before
    done = send(clerk, {**hidden(tried.text), "step": "do"})
    assert done.status_code == 200
    assert "已导入" in text_of(done.text)
    assert count(db, Place) == before + 2
    settings: Settings = app.state.settings
    assert not list((settings.data_dir / "held").glob("*/*/*")), "a file that was imported is not kept"
    again = send(clerk, {**hidden(tried.text), "step": "do"})
    assert again.status_code == 422
    assert "请重新选择文件" in again.text
    assert hidden(again.text)["held"] == "", "a file that is gone is not offered again"


def test_a_wrong_file_is_told_and_may_be_exchanged(db: Session, clerk: TestClient) -> None:
    unsaid = send(clerk, {"kind": "", "step": "try"}, NEW)
    assert "请选择文件里是什么" in unsaid.text
    assert "新开河" in send(clerk, {**hidden(unsaid.text), "kind": "river", "step": "try"}).text, (
        "file is kept"
    )
    assert "请先选择文件" in send(clerk, {"kind": "river", "step": "try"}).text
    bad = send(clerk, {"kind": "river", "step": "try"}, b"not a map", "<i>坏</i>.geojson")
    assert bad.status_code == 422
    assert "什么也没有改动" in bad.text
    assert "<i>" not in bad.text
    far = rivers(("远河", [(900_000, 0), (901_000, 0)]))
    outside = send(clerk, {"kind": "river", "step": "try"}, far)
    assert outside.status_code == 422
    assert "<details open>" in outside.text, "the question of the coordinate system is open"


def test_a_sheet_of_outings_sent_as_a_roster_is_shown_where_it_belongs(clerk: TestClient) -> None:
    sheet = "日期,巡查人,河道,起止时间,天气\n2024-05-01,张建国,车路河,8:30-10:00,晴\n".encode()
    told = send(clerk, {"kind": "roster", "step": "try"}, sheet, "记录.csv")
    assert told.status_code == 422
    assert "这是巡查记录表，不是名册。请在“导入”页选“巡查记录表”" in text_of(told.text)
    assert '<option value="records">巡查记录表' in told.text


def test_a_roster_is_tried_with_its_refused_rows_first(db: Session, clerk: TestClient) -> None:
    roster = "姓名,手机\n张建国,13900000001\n,13900000002\n李秀兰,13900000003\n".encode()
    before = count(db, Person)
    tried = send(clerk, {"kind": "roster", "step": "try"}, roster, "名册.csv")
    assert tried.status_code == 422
    assert "1 行不能导入" in text_of(tried.text)
    rows = re.findall(r"<tr><td>(.*?)</td>", tried.text)
    assert rows[0] == "不能导入"
    refused = send(clerk, {**hidden(tried.text), "step": "do"})
    assert refused.status_code == 422
    assert count(db, Person) == before
    done = send(clerk, {**hidden(tried.text), "step": "do", "skip": "yes"})
    assert "已导入" in text_of(done.text)
    assert count(db, Person) == before + 2


def test_a_layer_refused_in_part_can_be_carried_on_from_its_page(db: Session, clerk: TestClient) -> None:
    mixed = rivers(("新开河", [(0, 700), (1500, 720)]), ("长" * 240, [(100, 800), (1500, 850)]))
    before = count(db, Place)
    tried = send(clerk, {"kind": "river", "step": "try"}, mixed)
    refused = send(clerk, {**hidden(tried.text), "step": "do"})
    assert refused.status_code == 422
    assert count(db, Place) == before
    assert "新开河" in refused.text, "what can be taken is still shown"
    assert 'value="do"' in refused.text, "and can be imported from here"
    done = send(clerk, {**hidden(refused.text), "step": "do", "skip": "yes"})
    assert "已导入" in text_of(done.text)
    assert count(db, Place) == before + 1


def test_areas_are_for_administrators(db: Session, client: TestClient, town: Watertown) -> None:
    areas = "编码,名称,上级\n329902000000,水乡县,\n329902102000,北荡镇,329902000000\n".encode()
    add_account(db, town.county, "clerk", Right.COORDINATOR)
    sign_in(client, "clerk", PASSWORD)
    assert "管理员" in send(client, {"kind": "areas", "step": "try"}, areas, "辖区.csv").text
    client.post("/sign-out", data={"csrf_token": token_in(client.get("/import").text)})
    add_account(db, town.county, "chief", Right.ADMINISTRATOR)
    sign_in(client, "chief", PASSWORD)
    before = count(db, Area)
    tried = send(client, {"kind": "areas", "step": "try"}, areas, "辖区.csv")
    assert tried.status_code == 200, re.search(r"problem.>(.*?)</p>", tried.text)
    assert count(db, Area) == before
    done = send(client, {**hidden(tried.text), "step": "do"})
    assert "已导入" in text_of(done.text)
    assert count(db, Area) == before + 1


def test_who_may_not_change_may_not_import(db: Session, client: TestClient, town: Watertown) -> None:
    add_account(db, town.county, "planner", Right.PLANNER)
    sign_in(client, "planner", PASSWORD)
    assert client.get("/import").status_code == 403
    token = token_in(client.get("/overview").text)
    answer = client.post(
        "/import",
        data={"csrf_token": token, "kind": "river", "step": "do"},
        files={"file": ("a.geojson", NEW)},
    )
    assert answer.status_code == 403


def test_without_its_token_a_form_is_refused(db: Session, clerk: TestClient) -> None:
    answer = clerk.post("/import", data={"kind": "river", "step": "try"}, files={"file": ("a.geojson", NEW)})
    assert answer.status_code == 403


def test_a_held_file_is_its_accounts_alone_and_for_a_day(tmp_path: Path) -> None:
    mine, other = uuid.uuid4(), uuid.uuid4()
    source = tmp_path / "a.zip"
    source.write_bytes(b"bytes")
    with source.open("rb") as file:
        word = held.hold(tmp_path / "held", mine, file, "../../x.zip")
    path = held.find(tmp_path / "held", mine, word)
    assert path.read_bytes() == b"bytes"
    assert path.suffix == ".zip"
    assert path.is_relative_to(tmp_path / "held" / str(mine))
    for account, asked in ((other, word), (mine, "../" + word), (mine, ""), (mine, "x" * 32)):
        with pytest.raises(NotFound):
            held.find(tmp_path / "held", account, asked)
    long_ago = time.time() - 90_000
    os.utime(path.parent, (long_ago, long_ago))
    with source.open("rb") as file:
        held.hold(tmp_path / "held", other, file, "b.csv")
    with pytest.raises(NotFound):
        held.find(tmp_path / "held", mine, word)
