"""Sheets of townships out as one archive and many back together; duties changed from a place's page."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable

import openpyxl
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.tables import Audit, Duty, Person, Place
from layers.vocabulary import Right
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import PASSWORD, Watertown, add_account

Edit = Callable[[openpyxl.Workbook], None]
WEST, EAST = "西荡镇辖区表.xlsx", "东湖镇辖区表.xlsx"


def sheets(clerk: TestClient, **params: str) -> dict[str, bytes]:
    answer = clerk.get("/rosters/all.zip", params=params)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def edited(data: bytes, tab: str, key: str, title: str, value: str) -> bytes:
    """Return a workbook with one cell of the row that holds `key` changed."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet = book[tab]
    column = [cell.value for cell in sheet[1]].index(title) + 1
    (row,) = [row for row in sheet.iter_rows(min_row=2) if key in [cell.value for cell in row]]
    sheet.cell(row[0].row, column).value = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def send(clerk: TestClient, files: dict[str, bytes], **fields: str) -> object:
    token = token_in(clerk.get("/rosters").text)
    sent = [("files", (name, data)) for name, data in files.items()]
    return clerk.post("/rosters", data={"csrf_token": token, "step": "try", **fields}, files=sent or None)


def again(clerk: TestClient, page: str, **fields: object) -> object:
    """Send the form of a trial with what it holds."""
    held = re.findall(r'name="held" value="([^"]+)"', page)
    return clerk.post("/rosters", data={"csrf_token": token_in(page), "held": held, **fields})


def test_every_township_has_its_sheet_masked_unless_in_full(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    page = text_of(clerk.get("/rosters").text)
    assert "全部 2 个镇街" in page
    for full in (False, True):
        found = sheets(clerk, **({"full": "true"} if full else {}))
        assert set(found) == {WEST, EAST}
        west = openpyxl.load_workbook(io.BytesIO(found[WEST]))
        names = {cell.value for row in west["人员"].iter_rows() for cell in row}
        assert ("王桂兰" in names) is full
    told = db.scalars(select(Audit.detail).where(Audit.action == "workbook.export")).all()
    assert [detail["full"] for detail in told] == [False, True]


def test_many_sheets_are_tried_together_and_merged_together(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    SmallCounty(db, town.county).person("李东湖", town.east)
    out = sheets(clerk, full="true")
    back = {
        WEST: edited(out[WEST], "人员", "王桂兰", "电话", "13811112222"),
        EAST: edited(out[EAST], "人员", "李东湖", "电话", "13833334444"),
    }
    trial = send(clerk, back)
    assert trial.status_code == 200, text_of(trial.text)
    phones = select(Person.phone).where(Person.phone.is_not(None)).order_by(Person.phone)
    assert db.scalars(phones).all() == [], "a trial changes nothing"
    done = again(clerk, trial.text, step="do")
    assert "已合并：2 张" in text_of(done.text)
    assert db.scalars(phones).all() == ["13811112222", "13833334444"]
    assert again(clerk, trial.text, step="do").status_code == 422, "what was merged is held no more"


def test_what_two_townships_say_differently_of_one_river_is_asked(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    out = sheets(clerk, full="true")
    back = {
        WEST: edited(out[WEST], "对象", "R1", "名称", "西中心河"),
        EAST: edited(out[EAST], "对象", "R1", "名称", "东中心河"),
    }
    trial = send(clerk, back)
    page = text_of(trial.text)
    assert "两边都改了" in page
    assert "东中心河" in page
    (question,) = set(re.findall(r'name="answer:([^"]+)" value="sheet"', trial.text))
    name = select(Place.name).where(Place.id == town.rivers[0].id)
    done = again(clerk, trial.text, step="do", **{f"answer:{question}": "register"})
    assert "已合并" in text_of(done.text)
    assert db.scalar(name) == "西中心河"


def test_a_file_that_is_none_is_told_and_nothing_is_merged(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    out = sheets(clerk, full="true")
    back = {"坏.xlsx": b"not a workbook", WEST: edited(out[WEST], "人员", "王桂兰", "电话", "13811112222")}
    direct = send(clerk, back, step="do")
    assert direct.status_code == 422
    assert "什么也没有改动" in text_of(direct.text)
    assert db.scalars(select(Person.phone).where(Person.phone.is_not(None))).all() == []
    rest = again(clerk, direct.text, step="do")
    assert rest.status_code == 200, "the page goes on with those that can be read"
    assert db.scalars(select(Person.phone).where(Person.phone.is_not(None))).all() == ["13811112222"]
    assert send(clerk, {}).status_code == 422
    assert clerk.get("/rosters").status_code == 200


def test_a_township_coordinator_gets_and_merges_only_his_own(
    db: Session, client: TestClient, town: Watertown
) -> None:
    add_account(db, town.county, "chief", Right.COORDINATOR)
    sign_in(client, "chief", PASSWORD)
    out = sheets(client, full="true")
    client.cookies.clear()
    add_account(db, town.county, "local", Right.COORDINATOR, town.east)
    sign_in(client, "local", PASSWORD)
    assert set(sheets(client)) == {EAST}
    trial = send(client, {WEST: out[WEST]})
    assert "没有这个辖区" in text_of(trial.text)


# --- duties from the side of the place


def post(clerk: TestClient, path: str, **fields: str) -> object:
    token = token_in(clerk.get("/rosters").text)
    return clerk.post(path, data={"csrf_token": token, **fields})


def test_a_duty_is_handed_over_from_the_page_of_its_place(
    clerk: TestClient, db: Session, town: Watertown
) -> None:
    river = town.rivers[0]
    new = SmallCounty(db, town.county).person("李新人", town.east)
    duty = db.scalars(select(Duty).where(Duty.place_id == river.id)).one()
    assert "新增责任人" in text_of(clerk.get(f"/places/{river.id}").text)
    page = clerk.get(f"/places/{river.id}/duties", params={"q": "李新人"}).text
    assert "从这天起交接" in page
    path = f"/places/{river.id}/duties"
    assert (
        post(clerk, f"{path}/hand-over", duty=str(duty.id), person=str(new), day="2199-01-01").status_code
        == 303
    )
    db.expire_all()
    taken = db.scalars(select(Duty).where(Duty.person_id == new)).one()
    assert taken.handed_over_from == duty.id
    assert duty.in_force.upper == dt.date(2199, 1, 1)
    assert post(clerk, f"{path}/hand-over", duty=str(duty.id), person="", day="2199-01-01").status_code == 422
    assert post(clerk, f"{path}/end", duty=str(taken.id), day="2199-03-01").status_code == 303
    assert post(clerk, f"{path}/end", duty=str(taken.id), day="soon").status_code == 422


def test_a_steward_is_added_for_a_stretch_or_for_all(clerk: TestClient, db: Session, town: Watertown) -> None:
    new = SmallCounty(db, town.county).person("李新人", town.east)
    path = f"/places/{town.rivers[1].id}/duties"
    assert post(clerk, path, person=str(new), from_m="100", to_m="x").status_code == 422
    assert post(clerk, path, person=str(new), from_m="100", to_m="99999").status_code == 422
    assert post(clerk, path, person=str(new), from_m="100", to_m="900").status_code == 303
    stored = db.scalars(select(Duty).where(Duty.person_id == new)).one()
    assert [(span.lower, span.upper) for span in stored.spans] == [(1000, 9000)]
    road = f"/places/{town.road.id}/duties"
    assert post(clerk, road, person=str(new), kind="king").status_code == 422
    assert post(clerk, road, person=str(new)).status_code == 303
    assert "李新人" in text_of(clerk.get(road).text)
