"""Strangers report behind a plate: only where the county lets them, bounded, and looked at first."""

import datetime as dt
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from geo_service.accounts import doors
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, rules, strangers
from geo_service.cases.handling import Wanted
from geo_service.plates import service as plates
from geo_service.plates.service import Hung
from geo_service.plates.service import Wanted as WantedPlate
from geo_service.privacy import expiry
from geo_service.privacy.expiry import Limits
from geo_service.tables import Case, Place, Report, StoredFile
from layers.vocabulary import CaseState, Channel, Move
from tests.geo_service.test_plates import at

FORM = {"kind": "litter", "words": "桥下有人倒垃圾", "caller": "钱先生", "phone": "13900002222"}


@pytest.fixture
def plate(db: Session, scope: Scope, river: Place) -> Hung:
    rules.set_rules(db, scope, {"public": True})
    return plates.make(db, scope, WantedPlate(river.id, "桥头", at(500, 0)))


@pytest.fixture
def browser(client: TestClient) -> Iterator[TestClient]:
    client.app.state.limiter = doors.Limiter()  # type: ignore[attr-defined]
    yield client
    client.cookies.clear()


def page(browser: TestClient, plate: Hung) -> str:
    answer = browser.get(f"/p/{plate.id}/report")
    assert answer.status_code == 200, answer.text
    return answer.text


def send(browser: TestClient, plate: Hung, photo: bytes | None = None, **change: Any) -> Any:
    (token,) = re.findall(r'name="csrf_token" value="([0-9a-f]+)"', page(browser, plate))
    said = {**FORM, "csrf_token": token} | change
    files = {"photo": ("x.jpg", photo, "image/jpeg")} if photo is not None else None
    return browser.post(f"/p/{plate.id}/report", data=said, files=files)


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "brown").save(out, "JPEG")
    return out.getvalue()


def test_it_is_off_until_the_county_lets_strangers_report(
    browser: TestClient, db: Session, scope: Scope, plate: Hung
) -> None:
    assert "报告这里的问题" in browser.get(f"/p/{plate.id}").text
    rules.set_rules(db, scope, {"public": False})
    assert "报告这里的问题" not in browser.get(f"/p/{plate.id}").text
    assert browser.get(f"/p/{plate.id}/report").status_code == 404
    assert browser.get("/p/AAAAAACCCCCC999999/report").status_code == 404


def test_a_report_waits_for_a_look_at_its_plate_with_its_photo(
    browser: TestClient, db: Session, scope: Scope, plate: Hung, river: Place
) -> None:
    answer = send(browser, plate, jpeg())
    assert (answer.status_code, "收到了，谢谢您" in answer.text) == (200, True), answer.text
    report = db.scalars(select(Report)).one()
    case = db.get_one(Case, report.case_id)
    assert case.number in answer.text
    assert (case.state, case.place_id, case.at_dm) == (CaseState.SUBMITTED, river.id, 5000)
    assert (report.channel, report.plate_id, report.caller) == (Channel.PUBLIC, plate.id, "钱先生")
    photo = db.scalars(select(StoredFile).where(StoredFile.kind == "photo")).one()
    assert photo.subject == f"report/{report.id}"
    assert handling.move(db, scope, case.id, Wanted(Move.ADMIT)).state == CaseState.REPORTED


def test_the_same_again_is_one_report(browser: TestClient, db: Session, plate: Hung) -> None:
    first, again = send(browser, plate), send(browser, plate)
    assert re.findall(r"<strong>(.*)</strong>", first.text) == re.findall(
        r"<strong>(.*)</strong>", again.text
    )
    assert db.scalar(select(func.count()).select_from(Report)) == 1


@pytest.mark.parametrize(
    ("change", "photo", "said"),
    [
        ({"kind": ""}, None, "请选择是什么问题"),
        ({"kind": "no"}, None, "请选择是什么问题"),
        ({"words": " "}, None, "请写一句"),
        ({}, b"<script>alert(1)</script>", "打不开"),
        ({}, b"\xff\xd8" + b"x" * (strangers.MOST_BYTES + 9), "超过 8 MB"),
        ({"csrf_token": "no"}, None, "已过期"),
    ],
)
def test_what_is_wrong_is_said_above_the_form_and_nothing_is_kept(
    browser: TestClient, db: Session, plate: Hung, change: dict[str, str], photo: bytes | None, said: str
) -> None:
    answer = send(browser, plate, photo, **change)
    assert answer.status_code in (422, 400)
    assert said in answer.text
    assert "<script>" not in answer.text
    assert db.scalar(select(func.count()).select_from(Report)) == 0


def test_who_goes_back_to_add_a_photo_is_heard(browser: TestClient, db: Session, plate: Hung) -> None:
    photos = select(func.count()).select_from(StoredFile).where(StoredFile.kind == "photo")
    for photo, kept in ((None, 0), (jpeg(), 1), (jpeg(), 1)):
        assert send(browser, plate, photo).status_code == 200
        assert db.scalar(photos) == kept
    assert db.scalar(select(func.count()).select_from(Report)) == 1


def test_who_chose_a_photo_is_told_to_choose_it_again(browser: TestClient, plate: Hung) -> None:
    assert "照片要重新选一次" in send(browser, plate, jpeg(), kind="").text
    assert "照片要重新选一次" not in send(browser, plate, kind="").text


def test_a_flood_at_one_plate_leaves_the_others_open(
    browser: TestClient, db: Session, scope: Scope, river: Place, plate: Hung, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "MOST_A_DAY_AT_A_PLATE", 1)
    other = plates.make(db, scope, WantedPlate(river.id, "桥尾", at(900, 0)))
    answers = [send(browser, plate, words="一"), send(browser, plate, words="二"), send(browser, other)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]


def test_what_a_rascal_writes_is_shown_as_text(browser: TestClient, plate: Hung) -> None:
    answer = send(browser, plate, kind="", words='"><script>alert(1)</script>')
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_program_that_fills_in_everything_is_thanked_for_nothing(
    browser: TestClient, db: Session, plate: Hung
) -> None:
    answer = send(browser, plate, topic="spam")
    assert (answer.status_code, "收到了" in answer.text) == (200, True)
    assert db.scalar(select(func.count()).select_from(Report)) == 0


def test_a_flood_is_turned_away(
    browser: TestClient, db: Session, plate: Hung, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "MOST_A_DAY", 2)
    answers = [send(browser, plate, words=f"第 {k} 次") for k in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "明天再报" in answers[-1].text
    answers = [send(browser, plate, words=f"又 {k}") for k in range(6)]
    assert "请等一分钟" in answers[-1].text
    assert db.scalar(select(func.count()).select_from(Report)) == 2


def test_who_wrote_is_forgotten_a_month_after_it_was_settled(
    browser: TestClient, db: Session, scope: Scope, plate: Hung
) -> None:
    send(browser, plate)
    report = db.scalars(select(Report)).one()
    limits, now = Limits(7, 30, 180), dt.datetime.now(dt.UTC)
    assert expiry.drop(db, now, limits)[0]["callers"] == {}
    handling.move(db, scope, report.case_id, Wanted(Move.REJECT, "不属实"))
    assert expiry.drop(db, now, limits)[0]["callers"] == {}
    db.execute(text("update \"case\" set since = now() - interval '31 days'"))
    assert expiry.drop(db, now, limits)[0]["callers"] == {scope.county_id: 1}
    db.expire_all()
    report = db.scalars(select(Report)).one()
    assert (report.caller, report.caller_phone, report.words) == (None, None, "桥下有人倒垃圾")
