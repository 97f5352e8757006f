"""Pages of people: found, changed, handed over; a roster tried, taken, and its rest given back."""

import io
import re
import uuid

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Audit, Duty, Person, Place
from layers.vocabulary import Layer
from tests.geo_service.test_accounts import token_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import Watertown


def send(clerk: TestClient, path: str, **fields: str) -> object:
    token = token_in(clerk.get("/people").text)
    return clerk.post(path, data={"csrf_token": token, **fields}).status_code


def test_people_are_found_with_their_duties(clerk: TestClient, town: Watertown) -> None:
    page = clerk.get("/people", params={"text": "王桂兰"})
    assert page.status_code == 200
    assert "王桂兰" in text_of(page.text)
    assert f"/people/{town.person_id}" in page.text
    assert "河长" in text_of(page.text)
    assert "没有找到" in text_of(clerk.get("/people", params={"text": "没有这个人"}).text)


def test_somebody_is_added_changed_and_wrong_values_are_told(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    assert send(clerk, "/people", name="李新人", phone="13812345678") == 303
    new = db.scalars(select(Person).where(Person.name == "李新人")).one()
    assert send(clerk, f"/people/{new.id}", name="李新人", phone="", note="队长") == 303
    db.expire_all()
    assert (new.phone, new.attributes) == (None, {"note": "队长"})
    assert send(clerk, f"/people/{new.id}", name="李新人", phone="12x") == 422
    assert send(clerk, f"/people/{uuid.uuid4()}", name="某人") == 404


def test_a_duty_is_given_ended_and_handed_over(clerk: TestClient, db: Session, town: Watertown) -> None:
    duty = db.scalars(select(Duty).where(Duty.person_id == town.person_id)).first()
    assert duty is not None
    assert send(clerk, "/people", name="李新人") == 303
    new = db.scalars(select(Person).where(Person.name == "李新人")).one()
    assert "李新人" in clerk.get(f"/people/{town.person_id}", params={"q": "李新人"}).text
    path = f"/people/{town.person_id}/hand-over"
    assert send(clerk, path, duty=str(duty.id), to=str(new.id), day="2199-01-01") == 303
    db.expire_all()
    taken = db.scalars(select(Duty).where(Duty.person_id == new.id)).one()
    assert (taken.place_id, taken.handed_over_from) == (duty.place_id, duty.id)
    assert send(clerk, f"/people/{new.id}/end", duty=str(taken.id), day="never") == 422
    assert send(clerk, f"/people/{new.id}/end", duty=str(taken.id), day="2199-02-01") == 303


ROSTER = (
    "河道名称,镇级河长,镇级河长电话,银发河长\n新开河,李国强,13800000009,张秀英\n斜河,王卫东,138x,李爱民\n"
).encode()


def tried(clerk: TestClient, step: str, **more: str) -> object:
    held = {"csrf_token": token_in(clerk.get("/import").text), "kind": "roster", "step": step, **more}
    files = {} if "held" in more else {"file": ("河道名录.csv", ROSTER)}
    return clerk.post("/import", data=held, files=files or None)


def test_a_roster_is_tried_row_by_row_taken_and_its_rest_comes_back_annotated(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    trial = tried(clerk, "try")
    assert "认作河道名录" in text_of(trial.text)
    assert re.search(r"不能导入 1", text_of(trial.text))
    held = re.search(r'name="held" value="([^"]+)"', trial.text)[1]
    only = tried(clerk, "try:refused", held=held, name="河道名录.csv")
    assert "斜河" in text_of(only.text)
    assert "新开河" not in text_of(only.text)
    done = tried(clerk, "do", held=held, name="河道名录.csv", skip="yes")
    assert "有 1 行没有导入" in text_of(done.text)
    assert db.scalars(select(Place.name).where(Place.name.in_(["新开河", "斜河"]))).all() == ["新开河"]
    rest = tried(clerk, "rest", held=held, name="河道名录.csv")
    sheet = openpyxl.load_workbook(io.BytesIO(rest.content)).active
    assert [cell.value for cell in sheet[2]][:4] == ["斜河", "王卫东", "138x", "李爱民"]
    assert "138x" in sheet.cell(2, 5).value
    assert sheet.cell(2, 3).fill.fill_type == "solid"
    assert "left_out_roster.export" in db.scalars(select(Audit.action)).all()


def test_an_areas_workbook_leaves_masked_unless_asked_in_full(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    for full in (False, True):
        params = {"area": town.east.code, **({"full": "true"} if full else {})}
        answer = clerk.get("/api/rosters/workbook", params=params)
        assert answer.status_code == 200
        book = openpyxl.load_workbook(io.BytesIO(answer.content))
        names = {cell.value for row in book.worksheets for column in row.iter_rows() for cell in column}
        assert ("王桂兰" in names) is full
    said = db.scalars(select(Audit.detail).where(Audit.action == "workbook.export")).all()
    assert [detail["full"] for detail in said] == [False, True]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_list_of_places_comes_in_again_unchanged(
    clerk: TestClient, db: Session, town: Watertown, form: str
) -> None:
    assert "新增 1" in text_of(tried(clerk, "do", skip="yes").text)
    unmapped = db.scalars(select(Place).where(Place.name == "新开河")).one()
    unmapped.attributes = {"length_km": 3.2, "width_m": 12.0, "start": "东桥", "note": "=1+1", "signs": "3"}
    db.flush()
    data = clerk.get("/api/places", params={"as": form}).content
    for layer in Layer:
        answer = clerk.post(
            "/api/places/import",
            data={"layer": layer, "dry_run": "true"},
            files={"file": (f"对象.{form}", data)},
            headers={"X-CSRF-Token": token_in(clerk.get("/import").text)},
        )
        counts = answer.json()["counts"]
        told = (layer, answer.json()["rows"])
        assert (counts["added"], counts["changed"], counts["refused"], counts["gone"]) == (0, 0, 0, 0), told
