"""The row of patrols that wait: who waits longest first, decided in a row, put aside, own left out."""

import datetime as dt
import re
import uuid

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from geo_service.tables import Account, Patrol
from tests.geo_service.conftest import NOON, SmallCounty
from tests.geo_service.test_accounts import token_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import Watertown


@pytest.fixture
def waiting(db: Session, town: Watertown) -> list[uuid.UUID]:
    """Three patrols of three people, the latest made first."""
    county = SmallCounty(db, town.county)
    made = []
    for day in (3, 2, 1):
        person = county.person(f"走者{day}", town.east)
        walk = county.walk((1200, 5), (1900, 5), start=NOON + dt.timedelta(days=day))
        made.append(county.patrol(walk, person)[0])
    db.execute(update(Patrol).where(Patrol.id.in_(made)).values(verdict="review"))
    return made[::-1]


def current(page: str) -> uuid.UUID:
    return uuid.UUID(re.search(r'action="/review/([0-9a-f-]{36})', page)[1])


def decide(clerk: TestClient, page: str, verdict: str, note: str = "问过本人") -> object:
    path = re.search(r'action="(/review/[^"]+)" id="decide"', page)[1].replace("&amp;", "&")
    return clerk.post(path, data={"csrf_token": token_in(page), "verdict": verdict, "note": note})


def test_they_are_decided_one_after_the_other(
    clerk: TestClient, db: Session, waiting: list[uuid.UUID]
) -> None:
    seen = []
    page = clerk.get("/review").text
    assert "还有 3 次" in text_of(page)
    for verdict in ("counted", "not_counted", "counted"):
        seen.append(current(page))
        answer = decide(clerk, page, verdict)
        assert answer.status_code == 303
        page = clerk.get(answer.headers["Location"]).text
    assert seen == waiting, "who waits longest comes first"
    assert "都核对完了" in text_of(page)
    db.expire_all()
    assert [db.get_one(Patrol, id_).verdict for id_ in waiting] == ["counted", "not_counted", "counted"]
    assert db.get_one(Patrol, waiting[0]).review_note == "问过本人"


def test_a_decision_needs_its_ground_and_stays_with_its_patrol(
    clerk: TestClient, db: Session, waiting: list[uuid.UUID]
) -> None:
    page = clerk.get("/review").text
    for verdict, note in (("counted", " "), ("", "问过"), ("review", "问过")):
        answer = decide(clerk, page, verdict, note)
        assert answer.status_code == 422
        assert "还没有核对" in text_of(answer.text)
        assert current(answer.text) == waiting[0]


def test_what_another_decided_meanwhile_stays_and_the_note_does_not_go_to_the_next(
    clerk: TestClient, db: Session, waiting: list[uuid.UUID]
) -> None:
    page = clerk.get("/review").text
    db.execute(update(Patrol).where(Patrol.id == waiting[0]).values(verdict="counted", review_note="别人"))
    answer = decide(clerk, page, "not_counted", "本人说没有去")
    assert answer.status_code == 422
    assert "已由别人核对" in text_of(answer.text)
    assert 'value="本人说没有去" list' not in answer.text
    assert current(answer.text) == waiting[1]
    db.expire_all()
    assert db.get_one(Patrol, waiting[0]).verdict == "counted"


def test_what_is_put_aside_comes_again_at_the_end(clerk: TestClient, waiting: list[uuid.UUID]) -> None:
    page, seen = clerk.get("/review").text, []
    while 'id="skip"' in page:
        seen.append(current(page))
        page = clerk.get(re.search(r'href="([^"]+)" id="skip"', page)[1].replace("&amp;", "&")).text
    assert seen == waiting
    assert "放下的 3 次" in text_of(page)
    assert current(clerk.get("/review").text) == waiting[0]


def test_a_row_is_that_of_an_area_and_never_ones_own(
    clerk: TestClient, db: Session, town: Watertown, waiting: list[uuid.UUID]
) -> None:
    assert "还有 3 次" in text_of(clerk.get("/review", params={"area": town.east.code}).text)
    assert "都核对完了" in text_of(clerk.get("/review", params={"area": town.west.code}).text)
    own = db.get_one(Patrol, waiting[0]).person_id
    account = db.scalars(select(Account).where(Account.login == "clerk")).one()
    account.person_id = own
    db.flush()
    page = clerk.get("/review").text
    assert "还有 2 次" in text_of(page)
    assert current(page) == waiting[1]
