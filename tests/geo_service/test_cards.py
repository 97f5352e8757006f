"""A card opens the first phone at once, any other when a coordinator says so; a revoked one opens nothing."""

import contextlib
import secrets
import threading
import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from geo_service.accounts.cookies import CSRF_HEADER
from geo_service.accounts.scope import Actor, Scope
from geo_service.app import create_app
from geo_service.db import transaction
from geo_service.devices import queries, service
from geo_service.errors import Forbidden, Invalid, NotFound, TooMany
from geo_service.settings import Settings
from geo_service.tables import Account, County, Grant, Person, SignIn
from layers.vocabulary import Right


def key() -> str:
    return secrets.token_urlsafe(32)


def enter(db: Session, card: str, phone_key: str, model: str = "HUAWEI") -> service.Entered:
    return service.enter(db, card, phone_key, model, request_id=None)


@pytest.fixture
def card(db: Session, scope: Scope, walker: Person) -> str:
    (made,) = service.make_cards(db, scope, [walker.id])
    return made.secret


def test_the_first_phone_is_admitted_and_the_same_phone_again_is_the_same(
    db: Session, scope: Scope, walker: Person, card: str
) -> None:
    own = key()
    for _ in range(3):
        entered = enter(db, card, own)
        assert (entered.person_id, entered.name, entered.is_admitted) == (walker.id, "王秀英", True)
    assert [way.kind for way in service.ways(db, scope)] == ["card", "phone"]


def test_another_phone_waits_until_a_coordinator_admits_it(
    db: Session, scope: Scope, walker: Person, card: str
) -> None:
    enter(db, card, key())
    second = key()
    assert not enter(db, card, second, "Mozilla/5.0 (iPhone; CPU) MicroMessenger").is_admitted
    assert not enter(db, card, second, "Mozilla/5.0 (iPhone; CPU) MicroMessenger").is_admitted
    (waiting,) = service.waiting(db, scope)
    assert (waiting.name, waiting.person, waiting.is_waiting) == ("iPhone，微信", "王秀英", True)
    assert not service.admit(db, scope, waiting.id).is_waiting
    assert enter(db, card, second).is_admitted
    assert service.waiting(db, scope) == []


def test_nobody_fills_the_list_of_those_that_wait(db: Session, card: str) -> None:
    enter(db, card, key())
    for _ in range(service.MOST_WAITING):
        enter(db, card, key())
    with pytest.raises(TooMany, match="协调员"):
        enter(db, card, key())


def test_a_revoked_card_ends_its_phones_and_another_card_lets_the_same_phone_in_again(
    db: Session, scope: Scope, walker: Person, card: str
) -> None:
    own = key()
    enter(db, card, own)
    first = next(way for way in service.ways(db, scope) if way.kind == "card")
    service.revoke(db, scope, first.id)
    with pytest.raises(NotFound, match="协调员"):
        enter(db, card, own)
    assert service.ways(db, scope) == []
    (made,) = service.make_cards(db, scope, [walker.id])
    assert enter(db, made.secret, own).is_admitted, "no other phone is in use"
    assert not enter(db, made.secret, key()).is_admitted


def test_a_phone_that_was_put_out_of_use_for_itself_stays_out(
    db: Session, scope: Scope, walker: Person, card: str
) -> None:
    own = key()
    enter(db, card, own)
    phone = next(way for way in service.ways(db, scope) if way.kind == "phone")
    service.revoke(db, scope, phone.id)
    with pytest.raises(Forbidden, match="协调员"):
        enter(db, card, own)
    old = next(way for way in service.ways(db, scope) if way.kind == "card")
    service.revoke(db, scope, old.id)
    (made,) = service.make_cards(db, scope, [walker.id])
    with pytest.raises(Forbidden, match="协调员"):
        enter(db, made.secret, own)


def test_cards_stay_good_beside_each_other_and_only_who_has_none_gets_one_if_so_asked(
    db: Session, scope: Scope, small_county, walker: Person, card: str
) -> None:
    other = small_county.person("李四")
    made = service.make_cards(db, scope, [walker.id, other], only_missing=True)
    assert [one.person_id for one in made] == [other]
    (again,) = service.make_cards(db, scope, [walker.id])
    assert enter(db, card, key()).is_admitted
    assert not enter(db, again.secret, key()).is_admitted
    accounts = db.scalars(select(Account).where(Account.person_id == walker.id)).all()
    assert len(accounts) == 1
    assert (accounts[0].login, accounts[0].password_hash) == (None, None)
    grants = db.scalars(select(Grant.right).where(Grant.account_id == accounts[0].id)).all()
    assert grants == [Right.VOLUNTEER]


def test_what_could_be_guessed_or_belongs_to_another_opens_nothing(
    db: Session, scope: Scope, small_county, card: str
) -> None:
    for weak in ("a" * 43, "short" * 4, "é" * 43, key() + "x"):
        with pytest.raises(Invalid):
            enter(db, card, weak)
    (other,) = service.make_cards(db, scope, [small_county.person("李四")])
    own = key()
    enter(db, card, own)
    with pytest.raises(NotFound):
        enter(db, other.secret, own)
    with pytest.raises(NotFound):
        enter(db, key(), key())
    with pytest.raises(NotFound):
        enter(db, own, key())  # a phone is no card


def test_only_coordinators_of_the_area_make_admit_and_revoke(
    db: Session, scope: Scope, small_county, walker: Person, card: str
) -> None:
    enter(db, card, key())
    enter(db, card, key())
    town = small_county.area("T")
    elsewhere = Scope(scope.county_id, Actor(), {Right.COORDINATOR: frozenset({town.id})})
    with pytest.raises(NotFound):
        service.make_cards(db, elsewhere, [walker.id])
    assert service.waiting(db, elsewhere) == []
    (waiting,) = service.waiting(db, scope)
    with pytest.raises(NotFound):
        service.admit(db, elsewhere, waiting.id)
    with pytest.raises(Forbidden):
        service.admit(db, Scope(scope.county_id, Actor(), {Right.PLANNER: None}), waiting.id)


@pytest.fixture
def client(db: Session) -> TestClient:
    return TestClient(create_app(Settings(_env_file=None), db.connection()), base_url="http://testserver")


def test_a_phone_comes_in_over_http_and_writes_with_its_token(
    db: Session, client: TestClient, walker: Person, card: str
) -> None:
    assert client.get("/api/me").status_code == 401
    said = client.post("/api/v/enter", json={"card": card, "phone_key": key(), "model": "HUAWEI 畅享"})
    assert said.status_code == 200
    told = said.json()
    assert (told["state"], told["person"]["name"]) == ("admitted", "王秀英")
    assert "Max-Age=2592000" in said.headers["set-cookie"]
    assert "HttpOnly" in said.headers["set-cookie"]
    patrol = f"/api/patrols/{uuid.uuid4()}"
    begin = {"started_at": "2026-05-01T04:00:00Z"}
    assert client.put(patrol, json=begin).status_code == 403, "without the token"
    answer = client.put(patrol, json=begin, headers={CSRF_HEADER: told["csrf"]})
    assert answer.status_code in (201, 422), answer.text  # it may be too long ago
    assert client.post("/api/v/leave", headers={CSRF_HEADER: told["csrf"]}).status_code == 204
    assert client.get("/api/me").status_code == 401


def test_a_phone_that_waits_has_no_session(client: TestClient, card: str) -> None:
    client.post("/api/v/enter", json={"card": card, "phone_key": key()})
    client.cookies.clear()
    said = client.post("/api/v/enter", json={"card": card, "phone_key": key()})
    assert said.json()["state"] == "waiting"
    assert "set-cookie" not in said.headers
    assert client.get("/api/me").status_code == 401


@pytest.fixture
def shared(engine: Engine, leaves_no_audit: None) -> Iterator[tuple[Engine, str]]:
    with transaction(engine) as db:
        county = County(code="999907", name="同县", time_zone="Asia/Shanghai")
        db.add(county)
        db.flush()
        person = Person(county_id=county.id, name="赵六")
        db.add(person)
        db.flush()
        every = Scope(county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
        (made,) = service.make_cards(db, every, [person.id])
        ids = county.id, person.id
    yield engine, made.secret
    with transaction(engine) as db:
        for account in db.scalars(select(Account).where(Account.person_id == ids[1])):
            db.delete(account)
        db.flush()
        db.delete(db.get_one(Person, ids[1]))
        db.flush()
        db.delete(db.get_one(County, ids[0]))


def test_two_who_make_the_first_card_at_the_same_moment_make_one_account(
    shared: tuple[Engine, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = shared
    with transaction(engine) as db:
        person = db.scalars(select(Person).where(Person.name == "赵六")).one()
        for account in db.scalars(select(Account).where(Account.person_id == person.id)):
            db.delete(account)
        every = Scope(person.county_id, Actor(os_user="t"), dict.fromkeys(Right, None))
        person_id = person.id
    both, secrets_ = threading.Barrier(2), []
    account_of = queries.account_of

    def looked(db: Session, person_id: uuid.UUID) -> Account | None:
        """Let who found no account wait for the other to find none either, as far as that can be."""
        found = account_of(db, person_id)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1.0 if found is None else 0.0)
        return found

    monkeypatch.setattr(queries, "account_of", looked)

    def make() -> None:
        with transaction(engine) as db:
            (made,) = service.make_cards(db, every, [person_id])
            secrets_.append(made.secret)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(secrets_)) == 2
    with transaction(engine) as db:
        assert db.scalar(select(func.count()).where(Account.person_id == person_id)) == 1


def test_of_many_phones_at_the_same_moment_one_is_the_first(shared: tuple[Engine, str]) -> None:
    engine, card = shared
    barrier, states = threading.Barrier(4), []

    def come() -> None:
        barrier.wait()
        with transaction(engine) as db:
            states.append(enter(db, card, key()).is_admitted)

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == [False, False, False, True]
    with transaction(engine) as db:
        assert db.scalar(select(func.count()).where(SignIn.kind == "phone")) >= 4
