"""A phone's session: for how long, with which rights, and what ends it."""

import datetime as dt
import secrets
import uuid
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts import service as accounts
from geo_service.accounts.cookies import CSRF_HEADER
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.app import create_app
from geo_service.devices import service
from geo_service.errors import NotFound
from geo_service.people import service as people
from geo_service.settings import Settings
from geo_service.tables import Account, Audit, Grant, Person, SignIn
from layers.vocabulary import Right

STAFF_IDLE = dt.timedelta(minutes=30)
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def card(db: Session, scope: Scope, walker: Person) -> str:
    (made,) = service.make_cards(db, scope, [walker.id])
    return made.secret


@pytest.fixture
def phone(db: Session, card: str) -> str:
    """The key of the first phone, which is admitted."""
    key = secrets.token_urlsafe(32)
    assert service.enter(db, card, key, "", request_id=None).is_admitted
    return key


def who(db: Session, key: str) -> accounts.Identity | None:
    db.expire_all()
    return accounts.recognise(db, key, kinds=("session", "change", "phone"), staff_idle=STAFF_IDLE)


def enters(db: Session, card: str, key: str) -> bool:
    try:
        service.enter(db, card, key, "", request_id=None)
    except NotFound:
        return False
    return True


def used(db: Session, key: str, days: float) -> None:
    """Say that a phone was used so many days ago for the last time."""
    values = {"used_at": NOW - dt.timedelta(days=days)}
    db.execute(update(SignIn).where(SignIn.secret_sha256 == service.sha256_of(key)).values(**values))


def test_a_phone_lapses_after_thirty_days_and_its_card_opens_it_again(
    db: Session, card: str, phone: str, walker: Person
) -> None:
    used(db, phone, 29.9)
    known = who(db, phone)
    assert known is not None
    assert (known.kind, known.person_id, known.login) == ("phone", walker.id, "")
    at = db.scalar(select(SignIn.used_at).where(SignIn.secret_sha256 == service.sha256_of(phone)))
    assert (at or NOW - STAFF_IDLE) >= NOW, "use renews it"
    used(db, phone, 30.1)
    assert who(db, phone) is None
    assert service.enter(db, card, phone, "", request_id=None).is_admitted
    assert who(db, phone) is not None


def test_only_an_admitted_phone_whose_card_is_good_is_recognised(
    db: Session, scope: Scope, card: str, phone: str
) -> None:
    assert who(db, card) is None, "a card is no session"
    second = secrets.token_urlsafe(32)
    service.enter(db, card, second, "", request_id=None)
    assert who(db, second) is None
    (waiting,) = service.waiting(db, scope)
    service.admit(db, scope, waiting.id)
    assert who(db, second) is not None
    service.revoke(db, scope, waiting.id)
    assert who(db, second) is None
    assert who(db, phone) is not None
    own = next(way for way in service.ways(db, scope) if way.kind == "card")
    service.revoke(db, scope, own.id)
    assert who(db, phone) is None


def test_who_is_forgotten_leaves_neither_card_nor_phone(
    db: Session, scope: Scope, walker: Person, card: str, phone: str, tmp_path: Path
) -> None:
    people.delete_person(db, scope, walker.id, data_dir=tmp_path)
    assert who(db, phone) is None
    assert not enters(db, card, phone)
    assert not enters(db, card, secrets.token_urlsafe(32))
    kinds = SignIn.kind.in_(["card", "phone", "recorder"])
    assert db.scalar(select(func.count()).where(kinds)) == 0
    with pytest.raises(NotFound):
        service.make_cards(db, scope, [walker.id])


def test_a_disabled_account_opens_nothing_until_it_is_enabled(
    db: Session, walker: Person, card: str, phone: str
) -> None:
    account = db.scalars(select(Account).where(Account.person_id == walker.id)).one()
    account.disabled_at = NOW
    db.flush()
    assert who(db, phone) is None
    assert not enters(db, card, phone)
    account.disabled_at = None
    db.flush()
    assert enters(db, card, phone)
    assert who(db, phone) is not None


def test_paper_never_opens_more_than_what_is_a_volunteers(
    db: Session, scope: Scope, walker: Person, card: str, phone: str
) -> None:
    """Whoever makes cards in a village must not come in as the administrator who lives there."""
    account = db.scalars(select(Account).where(Account.person_id == walker.id)).one()
    db.add(Grant(county_id=scope.county_id, account_id=account.id, right=Right.ADMINISTRATOR))
    db.flush()
    assert who(db, phone) is None
    assert not enters(db, card, phone)
    (made,) = service.make_cards(db, scope, [walker.id])
    own = secrets.token_urlsafe(32)
    service.enter(db, made.secret, own, "", request_id=None)
    known = who(db, own)
    assert known is not None
    assert known.account_id != account.id
    held = accounts.scope_of(db, known.account_id, person_id=known.person_id)
    assert set(held.rights) == {Right.VOLUNTEER}


def test_what_is_done_with_cards_and_phones_stands_in_the_audit_without_secrets(
    db: Session, scope: Scope, walker: Person, card: str, phone: str
) -> None:
    second = secrets.token_urlsafe(32)
    service.enter(db, card, second, "HUAWEI", request_id="r-1")
    (waiting,) = service.waiting(db, scope)
    service.admit(db, scope, waiting.id)
    service.revoke(db, scope, waiting.id)
    rows = db.scalars(select(Audit).where(Audit.subject == f"person/{walker.id}").order_by(Audit.id)).all()
    told = [row.action for row in rows]
    assert told == ["devices.card", *["devices.enter"] * 2, "devices.admit", "devices.revoke"]
    assert [row.detail.get("is_first") for row in rows[1:3]] == [True, False]
    assert rows[2].request_id == "r-1"
    everything = " ".join(f"{row.detail} {row.subject}" for row in rows)
    assert not any(secret in everything for secret in (card, phone, second, walker.name))


def test_no_secret_is_stored_readable(db: Session, card: str, phone: str) -> None:
    rows = db.execute(select(SignIn.secret_sha256, SignIn.name)).all()
    assert {bytes(row[0]) for row in rows} == {service.sha256_of(card), service.sha256_of(phone)}
    assert {row[1] for row in rows} == {card[-4:], "手机，浏览器"}


@pytest.fixture
def client(db: Session) -> TestClient:
    return TestClient(create_app(Settings(_env_file=None), db.connection()), base_url="http://testserver")


def test_the_start_page_tells_of_phones_that_wait_as_long_as_one_does(
    db: Session, client: TestClient, scope: Scope, card: str, phone: str
) -> None:
    by = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, by, "clerk", Right.COORDINATOR, Ground(scope.county_id), is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'desk', days=None)}"
    assert "等待同意的手机" not in client.get("/morning").text
    service.enter(db, card, secrets.token_urlsafe(32), "", request_id=None)
    page = client.get("/morning").text
    assert 'href="/care#phones"' in page
    assert "等待同意的手机：1 部" in page
    assert 'id="phones"' in client.get("/care").text
    (waiting,) = service.waiting(db, scope)
    service.admit(db, scope, waiting.id)
    assert "等待同意的手机" not in client.get("/morning").text


def test_the_door_is_narrow(client: TestClient, card: str) -> None:
    said = {"card": card, "phone_key": secrets.token_urlsafe(32)}
    assert client.post("/api/v/enter", json={**said, "card": "x" * 43}).status_code == 404
    for bad in (
        {**said, "phone_key": "a" * 43},
        {**said, "more": 1},
        {"card": card},
        [],
        {**said, "card": 7},
    ):
        answer = client.post("/api/v/enter", json=bad)
        assert answer.status_code == 422, answer.text
    told = [client.post("/api/v/enter", json={**said, "card": str(uuid.uuid4())}) for _ in range(70)]
    assert {answer.status_code for answer in told} == {404, 429}
    assert "等一分钟" in told[-1].json()["detail"]


def test_who_left_comes_in_again_with_the_same_key(client: TestClient, card: str, phone: str) -> None:
    said = {"card": card, "phone_key": phone}
    csrf = client.post("/api/v/enter", json=said).json()["csrf"]
    assert client.post("/api/v/leave").status_code == 403, "without the token"
    assert client.post("/api/v/leave", headers={CSRF_HEADER: csrf}).status_code == 204
    assert client.get("/api/v/me").status_code == 401
    assert client.post("/api/v/enter", json=said).json()["state"] == "admitted"
    assert client.get("/api/v/me").status_code == 200
