"""Secrets of other recorders: shown once, exchanged, revoked; the links that set such apps up for walking."""

import base64
import datetime as dt
import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from geo_service.accounts import doors, register
from geo_service.accounts import service as accounts
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.devices import links, service
from geo_service.devices.service import App
from geo_service.errors import Conflict, Forbidden, NotFound
from geo_service.tables import Account, Audit, Person, RecordedFix, SignIn
from layers.vocabulary import Right
from tests.geo_service.conftest import SmallCounty

ADDRESS = "https://xun.example"


@pytest.fixture
def made(db: Session, scope: Scope, walker: Person) -> service.MadeRecorder:
    return service.make_recorder(db, scope, walker.id, App.TRACCAR)


def test_a_recorder_is_known_by_its_secret_alone(
    db: Session, scope: Scope, walker: Person, made: service.MadeRecorder
) -> None:
    known = service.recorder_of(db, made.secret)
    account_id = db.scalars(select(Account.id).where(Account.person_id == walker.id)).one()
    whose = scope.county_id, "Asia/Shanghai", account_id, walker.id
    assert known == service.Recorder(made.id, *whose, App.TRACCAR)
    (card,) = service.make_cards(db, scope, [walker.id])
    for other in (card.secret, "", str(made.id), made.secret[:-1], made.secret + "\0", "钥"):
        assert service.recorder_of(db, other) is None
    hashes = set(db.scalars(select(SignIn.secret_sha256)))
    assert hashes == {service.sha256_of(made.secret), service.sha256_of(card.secret)}
    accounts_ = db.scalars(select(Account).where(Account.person_id == walker.id)).all()
    assert len(accounts_) == 1, "cards and recorders are ways into one account"


def test_a_recorder_opens_no_session(db: Session, made: service.MadeRecorder) -> None:
    kinds = ("session", "change", "phone", "token")
    assert accounts.recognise(db, made.secret, kinds=kinds, staff_idle=dt.timedelta(hours=1)) is None
    with pytest.raises(NotFound):
        service.enter(db, made.secret, "A" + made.secret[1:], "", request_id=None)


def test_an_exchanged_secret_is_good_no_more_and_what_was_sent_stays(
    db: Session, scope: Scope, made: service.MadeRecorder
) -> None:
    db.add(RecordedFix(county_id=scope.county_id, recorder_id=made.id, time_s=1.0, lon=119.8, lat=32.9))
    db.flush()
    again = service.rotate(db, scope, made.id)
    assert (again.id, again.app) == (made.id, App.TRACCAR)
    assert again.secret != made.secret
    assert service.recorder_of(db, made.secret) is None
    known = service.recorder_of(db, again.secret)
    assert known is not None
    assert known.id == made.id
    assert db.scalars(select(RecordedFix.recorder_id)).all() == [made.id]
    service.revoke(db, scope, made.id)
    assert service.recorder_of(db, again.secret) is None
    with pytest.raises(NotFound):
        service.rotate(db, scope, made.id)


def test_what_ends_a_person_ends_his_recorders(
    db: Session, walker: Person, made: service.MadeRecorder
) -> None:
    account = db.scalars(select(Account).where(Account.person_id == walker.id)).one()
    account.disabled_at = dt.datetime.now(dt.UTC)
    db.flush()
    assert service.recorder_of(db, made.secret) is None
    account.disabled_at = None
    db.flush()
    assert service.recorder_of(db, made.secret) is not None
    walker.deleted_at = dt.datetime.now(dt.UTC)
    db.flush()
    assert service.recorder_of(db, made.secret) is None


def test_its_use_is_noted_by_the_minute(db: Session, scope: Scope, made: service.MadeRecorder) -> None:
    def noted(seconds: float) -> bool:
        before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
        db.execute(update(SignIn).where(SignIn.id == made.id).values(used_at=before))
        service.recorder_of(db, made.secret)
        return db.scalar(select(SignIn.used_at).where(SignIn.id == made.id)) != before

    assert not noted(30)
    assert noted(90)
    (way,) = service.ways(db, scope)
    assert (way.kind, way.name, way.is_waiting) == ("recorder", "traccar", False)


def test_coordinators_of_the_area_make_a_few_and_exchange_no_cards(
    db: Session, scope: Scope, small_county: SmallCounty, walker: Person, made: service.MadeRecorder
) -> None:
    elsewhere = Scope(scope.county_id, Actor(), {Right.COORDINATOR: frozenset({small_county.area("西").id})})
    with pytest.raises(NotFound):
        service.make_recorder(db, elsewhere, walker.id, App.TRACCAR)
    with pytest.raises(NotFound):
        service.rotate(db, elsewhere, made.id)
    with pytest.raises(Forbidden):
        service.make_recorder(
            db, Scope(scope.county_id, Actor(), {Right.PLANNER: None}), walker.id, App.TRACCAR
        )
    service.make_cards(db, scope, [walker.id])
    card = next(way for way in service.ways(db, scope) if way.kind == "card")
    with pytest.raises(NotFound):
        service.rotate(db, scope, card.id)
    for _ in range(service.MOST_RECORDERS - 1):
        service.make_recorder(db, scope, walker.id, App.OWNTRACKS)
    with pytest.raises(Conflict, match="停用"):
        service.make_recorder(db, scope, walker.id, App.OWNTRACKS)
    service.revoke(db, scope, made.id)
    service.make_recorder(db, scope, walker.id, App.OWNTRACKS)


def test_the_audit_tells_of_recorders_without_their_secrets(
    db: Session, scope: Scope, walker: Person, made: service.MadeRecorder
) -> None:
    again = service.rotate(db, scope, made.id)
    service.revoke(db, scope, made.id)
    rows = db.execute(select(Audit.action, Audit.subject, Audit.detail).order_by(Audit.id)).all()
    assert [row.action for row in rows] == ["devices.recorder", "devices.rotate", "devices.revoke"]
    assert {row.subject for row in rows} == {f"person/{walker.id}"}
    assert not any(secret in str(rows) for secret in (made.secret, again.secret))


def test_traccar_client_is_set_up_for_walking(made: service.MadeRecorder) -> None:
    link = urlsplit(links.set_up(ADDRESS, made))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{ADDRESS}/osmand"
    assert {key: value for key, (value,) in parse_qs(link.query).items()} == {
        "id": made.secret, "accuracy": "highest", "interval": "10", "distance": "10", "angle": "30",
        "heartbeat": "300", "buffer": "true", "wakelock": "true", "stop_detection": "false",
        "prefer_platform_providers": "true",
    }  # fmt: skip


def test_owntracks_is_set_up_for_walking(db: Session, scope: Scope, walker: Person) -> None:
    made = service.make_recorder(db, scope, walker.id, App.OWNTRACKS)
    start, _, inline = links.set_up(ADDRESS, made).partition("inline=")
    assert start == "owntracks:///config?"
    assert not set("+/=") & set(inline), "an Android app reads + as a blank"
    config = json.loads(base64.b64decode(unquote(inline), validate=True))
    assert config.pop("tid") == f"{made.id % 100:02d}"
    assert config == {
        "_type": "configuration", "mode": 3, "url": f"{ADDRESS}/owntracks", "auth": True,
        "username": "yinxun", "password": made.secret, "deviceId": "phone", "monitoring": 2,
        "locatorInterval": 15, "moveModeLocatorInterval": 15, "locatorDisplacement": 10,
        "ignoreInaccurateLocations": 50,
    }  # fmt: skip
    assert walker.name not in str(config)


@pytest.mark.parametrize("app", list(App))
def test_what_is_typed_by_hand_is_what_the_link_says(
    db: Session, scope: Scope, walker: Person, app: App
) -> None:
    made = service.make_recorder(db, scope, walker.id, app)
    values = [value for _, value in links.by_hand(ADDRESS, made)]
    assert made.secret in values
    assert f"{ADDRESS}/{'osmand' if app is App.TRACCAR else 'owntracks'}" in values


@pytest.fixture
def clerk(db: Session, client: TestClient, scope: Scope) -> TestClient:
    by = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, by, "clerk", Right.COORDINATOR, Ground(scope.county_id), is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'cards', days=None)}"
    return client


def test_a_secret_is_shown_once(db: Session, clerk: TestClient, walker: Person) -> None:
    said = clerk.post(f"/api/people/{walker.id}/recorders", json={"app": "traccar"})
    assert (said.status_code, said.headers["cache-control"]) == (201, "no-store")
    told = said.json()
    assert told["secret"] in told["link"]
    shown = clerk.post(f"/people/{walker.id}/recorders", data={"app": "owntracks"})
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert "data:image/svg+xml" in shown.text
    listed = clerk.get(f"/api/people/{walker.id}/devices")
    assert [(way["kind"], way["name"]) for way in listed.json()] == [
        ("recorder", "traccar"), ("recorder", "owntracks"),
    ]  # fmt: skip
    page = clerk.get(f"/people/{walker.id}/cards").text
    assert "记录软件" in page
    assert told["secret"] not in listed.text + page
    exchanged = clerk.post(f"/api/devices/{told['id']}/rotate").json()
    assert service.recorder_of(db, told["secret"]) is None
    assert service.recorder_of(db, exchanged["secret"]) is not None
    assert clerk.delete(f"/api/devices/{told['id']}").status_code == 204
    assert service.recorder_of(db, exchanged["secret"]) is None
    for bad in ({"app": "gps"}, {}, {"app": "traccar", "more": 1}):
        assert clerk.post(f"/api/people/{walker.id}/recorders", json=bad).status_code == 422
    assert clerk.post(f"/people/{walker.id}/recorders", data={"app": "gps"}).status_code == 422


def test_an_app_is_offered_only_where_something_hears_it(
    clerk: TestClient, walker: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/people/{walker.id}/cards"
    monkeypatch.setattr(doors, "door_of", lambda method, path: None)
    assert not links.are_heard()
    monkeypatch.undo()
    assert ("用别的软件记录" in clerk.get(page).text) is links.are_heard()
    monkeypatch.setattr(links, "are_heard", lambda: True)
    assert "设置 Traccar Client" in clerk.get(page).text
