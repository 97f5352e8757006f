"""The page of the audit: found, paged, taken along, and no name told to who may not know it."""

import csv
import datetime as dt
import io
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Actor
from geo_service.tables import Account, Audit
from geo_service.web import audit_pages
from geo_service.web.audit_words import action_words
from layers.vocabulary import Right
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import PASSWORD, Watertown, add_account

ROOT = Path(audit.__file__).parent


def reader(db: Session, client: TestClient, town: Watertown, right: Right) -> TestClient:
    add_account(db, town.county, "reader", right)
    assert sign_in(client, "reader", PASSWORD).status_code == 303
    return client


def account_id(db: Session, login: str) -> object:
    return db.scalars(select(Account.id).where(Account.login == login)).one()


def told(db: Session, town: Watertown, action: str, **more: object) -> None:
    audit.record(db, Actor(account_id(db, "reader")), action, county_id=town.county.id, **more)


def test_an_auditor_reads_ids_and_an_administrator_names(
    db: Session, client: TestClient, town: Watertown
) -> None:
    add_account(db, town.county, "li.hua", Right.COORDINATOR)
    other = account_id(db, "li.hua")
    for right, knows in ((Right.AUDITOR, False), (Right.ADMINISTRATOR, True)):
        with db.begin_nested() as undo:
            page = reader(db, client, town, right)
            audit.record(
                db, Actor(other), "people.look", county_id=town.county.id, subject=f"person/{town.person_id}"
            )
            seen = text_of(page.get("/audit", params={"feature": "people"}).text)
            assert ("li.hua" in seen) is knows
            assert ("王桂兰" in seen) is knows
            assert (str(other) in seen) is not knows
            by_login = text_of(page.get("/audit", params={"who": "li.hua"}).text)
            assert ("查看个人的内容" in by_login) is knows, "who may not know a login learns nothing by it"
            assert "查看个人的内容" in text_of(page.get("/audit", params={"who": str(other)}).text)
            client.cookies.clear()
            undo.rollback()


def test_lines_are_found_by_day_feature_and_subject(db: Session, client: TestClient, town: Watertown) -> None:
    page = reader(db, client, town, Right.AUDITOR)
    told(db, town, "patrols.void", subject="patrol/a-1")
    told(db, town, "places.reach", subject="place/7")

    def seen(**params: str) -> str:
        return text_of(page.get("/audit", params=params).text)

    assert "巡查：作废" in seen()
    assert "对象：改可及距离" in seen(feature="places")
    assert "巡查：作废" not in seen(feature="places")
    assert "巡查：作废" in seen(subject="patrol/a-1")
    assert "改可及距离" not in seen(subject="patrol/a-1")
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
    assert "巡查：作废" in seen(first=f"{today - dt.timedelta(days=1)}", last=f"{today}")
    assert "没有找到" in seen(first=f"{today + dt.timedelta(days=1)}")
    assert "没有找到" in seen(last=f"{today - dt.timedelta(days=1)}")
    assert page.get("/audit", params={"subject": "' or 1=1"}).status_code == 422


def test_pages_hold_every_line_once(
    db: Session, client: TestClient, town: Watertown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_pages, "PAGE_ROWS", 3)
    page = reader(db, client, town, Right.AUDITOR)
    for number in range(8):
        told(db, town, "places.draw", subject=f"place/{number}")
    html, seen = page.get("/audit", params={"feature": "places"}).text, []
    while True:
        seen += [int(n) for n in re.findall(r"subject=place%2F(\d+)", html)]
        more = re.search(r'href="(/audit\?[^"]*before=\d+)"', html)
        if more is None:
            break
        html = page.get(more[1].replace("&amp;", "&")).text
    assert seen == [7, 6, 5, 4, 3, 2, 1, 0]


def test_a_file_holds_what_was_looked_for_and_is_itself_told(
    db: Session, client: TestClient, town: Watertown
) -> None:
    page = reader(db, client, town, Right.AUDITOR)
    told(db, town, "patrols.void", subject="patrol/a-1", reason="=cmd()")
    told(db, town, "places.draw", subject="place/7")
    answer = page.get("/audit/file", params={"feature": "patrols", "as": "csv"})
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[2:5] == ["做了什么", "代码", "对什么"]
    assert [row[3] for row in rows] == ["patrols.void"]
    last = db.scalars(select(Audit).order_by(Audit.id.desc()).limit(1)).one()
    assert (last.action, last.detail["rows"]) == ("audit.export", 1)
    assert page.get("/audit/file", params={"as": "xlsx"}).content[:2] == b"PK"


def test_every_action_of_the_code_has_words() -> None:
    """The page is read by people: a new action needs its words."""
    source = "\n".join(path.read_text() for path in ROOT.rglob("*.py"))
    actions = set(re.findall(r'(?:audit\.record|_record)\([^"]*?"([a-z_]+\.[a-z_.]+)"', source))
    assert len(actions) > 60
    assert not [action for action in actions if re.search("[a-z]", action_words(action))]
