"""The lists of gaps: how old each is, by township and length, in every form; duties that no longer fit."""

import contextlib
import csv
import datetime as dt
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import numpy as np
import openpyxl
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli
from geo_service.accounts.scope import Actor, Scope
from geo_service.cli import coverage_maps as command
from geo_service.coverage import ages, gaps
from geo_service.coverage.ground import Query
from geo_service.people import misfits
from geo_service.places.drawing import set_geometry
from geo_service.settings import Settings
from geo_service.tables import Duty, Place
from layers.crs import to_lonlat
from layers.vocabulary import DutyKind, GapKind, Layer, Right
from tests.geo_service.conftest import NOON, ORIGIN, SmallCounty
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import DAY, EVIL, PASSWORD, Watertown, add_account, add_duty, build

LATER = DAY + dt.timedelta(days=40)
WINDOW = {"first": f"{LATER - dt.timedelta(days=9)}", "last": f"{LATER}"}
KML = "{http://www.opengis.net/kml/2.2}"


@pytest.fixture
def town(db: Session) -> Watertown:
    return build(db, evil=True)


@pytest.fixture
def staff(town: Watertown) -> Scope:
    return Scope(town.county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))


def table_of(db: Session, staff: Scope, gap: GapKind, **more: object) -> dict[object, dt.date | None]:
    query = Query(LATER - dt.timedelta(days=9), LATER, **more)
    table = gaps.gaps(db, staff, query, gap)
    return dict(
        zip(
            [(r.place.code, r.span_dm) for r in table.rows],
            ages.since(db, staff.county_id, table),
            strict=True,
        )
    )


def test_a_gap_is_as_old_as_the_last_walk_on_any_of_it(db: Session, town: Watertown, staff: Scope) -> None:
    county = SmallCounty(db, town.county)
    county.patrol(county.walk((0, 12), (300, 12), start=NOON - dt.timedelta(days=50)))
    county.patrol(county.walk((1500, 12), (1900, 12), start=NOON + dt.timedelta(days=35)))
    found = table_of(db, staff, GapKind.UNPATROLLED, layers=(Layer.RIVER,))
    before, after = (day for (code, _), day in found.items() if code == "R1")
    assert (before, after) == (DAY, None), "the stretch behind the last walk was never walked"
    assert [day for (code, _), day in found.items() if code == "R2"] == [None]
    assert found["R2", (0, 20025)] is None


def test_the_age_of_every_gap_is_that_of_a_naive_search(db: Session, town: Watertown, staff: Scope) -> None:
    """Day by day through the answers of windows of one day."""
    county = SmallCounty(db, town.county)
    rng = np.random.default_rng(7)
    for day in range(0, 30, 3):
        x = float(rng.integers(0, 1500))
        county.patrol(county.walk((x, 12), (x + 350, 12), start=NOON + dt.timedelta(days=day)))
    last = DAY + dt.timedelta(days=33)
    table = gaps.gaps(db, staff, Query(last - dt.timedelta(days=8), last), GapKind.UNPATROLLED)
    rows = [row for row in table.rows if row.place.code == "R1"]
    told = [
        day
        for row, day in zip(table.rows, ages.since(db, staff.county_id, table), strict=True)
        if row in rows
    ]
    naive: list[dt.date | None] = [None] * len(rows)
    for day in (DAY + dt.timedelta(days=n) for n in range(40)):
        whole = gaps.gaps(db, staff, Query(day, day), GapKind.UNPATROLLED)
        left = [row.span_dm for row in whole.rows if row.place.code == "R1"]
        for k, row in enumerate(rows):
            a, b = row.span_dm
            free = sum(max(min(b, stop) - max(a, start), 0) for start, stop in left)
            if free < b - a and day <= last:
                naive[k] = day
    assert told == naive
    assert any(told)


def test_a_place_is_without_a_steward_since_the_last_duty_ended(
    db: Session, town: Watertown, staff: Scope
) -> None:
    ended = LATER - dt.timedelta(days=5)
    days = Range(dt.date(2026, 1, 1), ended + dt.timedelta(days=1))
    db.execute(update(Duty).where(Duty.person_id == town.person_id).values(in_force=days))
    found = table_of(db, staff, GapKind.UNASSIGNED)
    assert found["R1", (0, 20_000)] == ended
    assert found["G1", None] == ended
    assert found["G2", None] is None
    officials = table_of(db, staff, GapKind.UNASSIGNED, kind=DutyKind.OFFICIAL)
    assert set(officials.values()) == {None}, "a volunteer's duty was never an official's"


def rows_of(clerk: TestClient, **params: str) -> list[dict[str, str]]:
    answer = clerk.get("/gaps/file", params={"kind": "unpatrolled", **WINDOW, "as": "csv", **params})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_lists_are_narrowed_by_township_length_and_age(clerk: TestClient, town: Watertown) -> None:
    everything = rows_of(clerk, register="all")
    assert len(everything) > 4
    assert {row["镇街"] for row in rows_of(clerk, area=town.east.code)} == {"东湖镇"}
    long = rows_of(clerk, shortest="1500", layer="river")
    assert long
    assert all(float(row["长度（米）"] or 1500) >= 1500 for row in long)
    old = rows_of(clerk, age="41")
    assert old
    assert all(row["最近一次"] == "" for row in old), "R1 and its grid were walked 40 days before"
    at_40 = rows_of(clerk, age="40")
    assert {row["空了（天）"] for row in at_40} == {"", "40"}
    by_age = [row["最近一次"] for row in rows_of(clerk, sort="age")]
    assert by_age == sorted(by_age)


@pytest.mark.parametrize("form", ["csv", "geojson", "kml", "gpkg", "xlsx"])
def test_the_api_and_the_command_give_the_file_of_the_page(
    clerk: TestClient,
    db: Session,
    town: Watertown,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    monkeypatch.setattr(command, "connect", lambda: contextlib.nullcontext((db.connection(), Settings())))
    asked = {"kind": "unpatrolled", "shortest": "100", "age": "40", "sort": "age", **WINDOW, "as": form}
    of_page, of_api = (clerk.get(path, params=asked).content for path in ("/gaps/file", "/api/gaps"))
    written = tmp_path / f"gaps.{form}"
    ran = CliRunner().invoke(
        cli.app,
        ["gaps", "--kind", "unpatrolled", "--shortest", "100", "--age", "40", "--sort", "age",
         "--from", WINDOW["first"], "--until", WINDOW["last"], "--county", town.county.code,
         "-o", str(written)],
    )  # fmt: skip
    assert ran.exit_code == 0, (ran.output, ran.exception)
    told = [rows_in(content, form, tmp_path) for content in (of_page, of_api, written.read_bytes())]
    assert told[0] == told[1] == told[2]
    assert len(told[0]) > 2
    assert "40" in str(told[0])


def rows_in(content: bytes, form: str, folder: Path) -> list[str]:
    """Return the rows of a file as text, whatever a form adds of its own (times, ids)."""
    if form == "xlsx":
        return [str(row) for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].values]
    if form == "gpkg":
        (file := folder / "read.gpkg").write_bytes(content)
        frame = geopandas.read_file(file)
        return [str(row) for row in frame.to_wkt().itertuples(index=False)]
    return content.decode().splitlines()


def test_the_page_tells_the_same_and_pages_through(db: Session, clerk: TestClient, town: Watertown) -> None:
    page = text_of(clerk.get("/gaps", params={"kind": "unpatrolled", **WINDOW}).text)
    assert f"时段内未巡查：{len(rows_of(clerk))} 处" in page
    assert "从来没有" in page
    assert "40 天前" in page
    assert "西荡镇" in page
    assert "暂无银发责任人" in text_of(clerk.get("/gaps", params={"kind": "unassigned"}).text)
    roads = {"layer": "road", **WINDOW}
    assert "还没有人负责的对象" in text_of(clerk.get("/gaps", params={**roads, "kind": "neglected"}).text)
    for road in db.scalars(select(Place).where(Place.layer == Layer.ROAD)).all():
        add_duty(SmallCounty(db, town.county), town.person_id, road)
    assert "没有这样的空白" in text_of(clerk.get("/gaps", params={**roads, "kind": "unassigned"}).text)
    assert clerk.get("/gaps", params={"page": "9"}).status_code == 200
    assert clerk.get("/gaps", params={"age": "-1"}).status_code == 422


def test_kml_holds_every_gap_with_its_shape(clerk: TestClient) -> None:
    params = {"kind": "unpatrolled", **WINDOW, "register": "all"}
    answer = clerk.get("/gaps/file", params={**params, "as": "kml"})
    assert answer.headers["Content-Type"] == "application/vnd.google-earth.kml+xml"
    document = ElementTree.fromstring(answer.content)
    marks = document.findall(f".//{KML}Placemark")
    drawn = json.loads(clerk.get("/gaps/file", params={**params, "as": "geojson"}).content)["features"]
    assert len(marks) == len(drawn) > 4
    assert EVIL in [mark.findtext(f"{KML}name") for mark in marks], "a rascal's name is a text"
    for mark, feature in zip(marks, drawn, strict=True):
        told = np.array([
            [float(number) for number in pair.split(",")]
            for text in mark.iter(f"{KML}coordinates") for pair in (text.text or "").split()
        ])  # fmt: skip
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert np.allclose(told, shapely.get_coordinates(shape), atol=1e-6)
    for form in ("xlsx", "gpkg"):
        assert clerk.get("/gaps/file", params={**params, "as": form}).status_code == 200
    assert clerk.get("/api/people", params={"as": "kml"}).status_code == 422, "people are not on a map"


def test_a_duty_that_lost_a_stretch_is_listed_until_somebody_looked_at_it(
    clerk: TestClient, db: Session, town: Watertown, staff: Scope
) -> None:
    assert misfits.found(db, staff) == []
    short = to_lonlat(ORIGIN + np.array([(0, 0), (1200, 0)], float), town.county.crs)
    set_geometry(db, staff, town.rivers[0].id, shapely.linestrings(short))
    (misfit,) = misfits.found(db, staff)
    assert misfit.lost == pytest.approx(300, abs=1)
    assert (misfit.person, misfit.place_id) == ("王桂兰", town.rivers[0].id)
    page = clerk.get("/gaps/misfits")
    assert "300 米对不上了" in text_of(page.text)
    assert misfits.found(db, staff, layers=[Layer.ROAD]) == []
    for form in ("xlsx", "csv", "geojson", "kml", "gpkg"):
        answer = clerk.get("/gaps/misfits/file", params={"as": form})
        assert answer.status_code == 200
        assert "王桂兰".encode() not in answer.content, "masked unless asked for in full"
    (row,) = clerk.get("/api/duties/misfits").json()["rows"]
    assert (row["id"], row["code"]) == (misfit.duty_id, "R1")
    path = f"/gaps/misfits/{misfit.duty_id}/fits"
    assert clerk.post(path, data={"csrf_token": token_in(page.text)}).status_code == 303
    assert misfits.found(db, staff) == []


def test_a_duty_on_a_place_that_left_the_scheme_no_longer_fits(
    db: Session, town: Watertown, staff: Scope
) -> None:
    db.execute(update(Place).where(Place.id == town.grids[0].id).values(in_scheme=False))
    (misfit,) = misfits.found(db, staff)
    assert misfit.reason == "对象已经不纳管"
    assert [one.place_id for one in misfits.found(db, staff, area=town.west.code)] == [town.grids[0].id]
    assert misfits.found(db, staff, area=town.east.code) == []
    until = Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1))
    db.execute(update(Duty).values(in_force=until))
    assert misfits.found(db, staff) == [], "what has ended needs no care"
    assert db.scalars(select(Duty.id)).first() is not None


def test_a_township_that_is_not_the_readers_is_a_name_without_a_link(
    db: Session, client: TestClient, town: Watertown
) -> None:
    county = SmallCounty(db, town.county)
    grid = county.place(Layer.GRID, "G9", "POLYGON ((0 0, 90 0, 90 90, 0 90, 0 0))")
    for area in (town.west, town.east):
        county.lies_in(grid, area)
    add_account(db, town.county, "westerner", Right.COORDINATOR, town.west)
    assert sign_in(client, "westerner", PASSWORD).status_code == 303
    page = client.get("/gaps", params={"kind": "unassigned", "layer": "grid"}).text
    assert f"area={town.west.code}" in page
    assert f"area={town.east.code}" not in page
    assert town.east.name in text_of(page)
