"""Signing in and out, lock-outs, passwords, links, tokens and the register, as they are used."""

import datetime as dt
import itertools
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import Result
from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, delete, event, func, select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import db as database
from geo_service.accounts import doors, lockout, passwords, register, service
from geo_service.accounts.dependencies import Signed
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.accounts.service import Opened, Refused
from geo_service.cli import accounts as commands
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.settings import Settings
from geo_service.tables import Account, Area, Audit, County, Grant, Person, SignIn, SignInFailure
from layers.errors import YinxunError
from layers.vocabulary import Right

GOOD = "Chuan-Liu-2026"
COMMANDS = Manager(Actor(os_user="tester"))
IDLE = dt.timedelta(minutes=30)


@pytest.fixture
def county(db: Session) -> County:
    county = County(code="321281", name="兴化市", time_zone="Asia/Shanghai")
    db.add(county)
    db.flush()
    return county


@pytest.fixture
def town(db: Session, county: County) -> Area:
    root = Area(county_id=county.id, code="321281000000", name="兴化市", level="county")
    db.add(root)
    db.flush()
    town = Area(county_id=county.id, parent_id=root.id, code="321281102000", name="戴窑镇", level="township")
    db.add(town)
    db.flush()
    return town


@pytest.fixture
def clerk(db: Session, county: County) -> Account:
    """A coordinator of the county who has chosen a password."""
    account, _ = register.add(db, COMMANDS, "wang.fang", Right.COORDINATOR, Ground(county.id))
    service.set_password(account, GOOD, must_change=False)
    db.flush()
    return account


@pytest.fixture
def client(app: FastAPI, client: TestClient) -> TestClient:
    """A browser of the application, which has a few routes of the test's own."""

    @app.get("/api/forgotten")
    def forgotten() -> str:
        return "a route that forgot to ask who comes"

    @app.post("/api/forgotten")
    def forgotten_write() -> str:
        return "a write that forgot to ask who comes"

    @app.get("/api/county-of-request")
    def county_of_request(scope: Signed) -> int:
        return scope.county_id

    return client


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def sign_in(client: TestClient, login: str = "wang.fang", password: str = GOOD, **more: str) -> Response:
    token = token_in(client.get("/sign-in").text)
    form = {"login": login, "password": password, "csrf_token": token, **more}
    return client.post("/sign-in", data=form)


def write_token(client: TestClient) -> dict[str, str]:
    return {"X-CSRF-Token": token_in(client.get("/password").text)}


def opened(result: Opened | Refused | None) -> Opened:
    assert isinstance(result, Opened)
    return result


# --- signing in


def test_a_password_opens_a_session_and_sign_out_ends_it(client: TestClient, clerk: Account):
    assert client.get("/api/me").status_code == 401
    answer = sign_in(client, next="/coverage?layer=river")
    assert (answer.status_code, answer.headers["location"]) == (303, "/coverage?layer=river")
    assert client.get("/api/me").json()["login"] == "wang.fang"
    kept = dict(client.cookies)
    assert client.post("/sign-out", headers=write_token(client)).status_code == 303
    assert "yinxun" not in client.cookies
    client.cookies.update(kept)
    assert client.get("/api/me").status_code == 401, "a copied cookie must not outlive the sign-out"


def test_a_browser_is_led_to_the_sign_in_and_back(client: TestClient, clerk: Account):
    answer = client.get("/api/county-of-request?layer=河", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    form = client.get(answer.headers["location"]).text
    assert 'name="next" value="/api/county-of-request?layer=%E6%B2%B3"' in form


@pytest.mark.parametrize(
    "page", ["//evil.example/", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:alert(1)", ""]
)
def test_nobody_is_led_to_another_host(client: TestClient, clerk: Account, page: str):
    assert sign_in(client, next=page).headers["location"] == "/"


def test_what_was_typed_is_shown_again_as_text(client: TestClient, clerk: Account):
    evil = '"><script>alert(1)</script>'
    for page in (client.get("/sign-in", params={"next": f"/{evil}"}), sign_in(client, evil, next=f"/{evil}")):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;" in page.text


def test_full_width_input_and_capitals_in_the_login_are_the_same(db: Session, clerk: Account):
    opened(service.sign_in(db, " Ｗang.Fang ", "Ｃhuan-Liu-２026 "))


def test_secrets_are_stored_hashed_only(db: Session, clerk: Account):
    secret = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    assert len(secret) >= 43
    row = db.scalars(select(SignIn)).one()
    assert secret.encode() not in row.secret_sha256
    assert db.scalars(select(Account.password_hash)).one().startswith("$argon2id$")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    app: FastAPI, client: TestClient, clerk: Account
):
    cookie = sign_in(client).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    app.state.settings = Settings(public_url="https://xunhe.example")
    safe = TestClient(app, base_url="https://xunhe.example", follow_redirects=False)
    cookie = sign_in(safe).headers["set-cookie"]
    assert cookie.startswith("__Host-yinxun=")
    assert "; Secure" in cookie
    assert safe.get("/api/me").status_code == 200


@pytest.mark.parametrize("login", ["", "nobody", "a\x00b", "\ud800", "x" * 900, "' or 1=1 --", "王芳"])
def test_strange_logins_are_wrong_and_nothing_more(db: Session, login: str):
    result = service.sign_in(db, login, "\x00" * 300 + "\ud800")
    assert isinstance(result, Refused)
    assert "不对" in result.detail


def test_an_unknown_login_costs_the_same_hash_and_the_same_queries_as_a_known_one(
    db: Session, clerk: Account, monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []
    verify = passwords._HASHER.verify

    def counting(password: str, stored: str) -> bool:
        done.append("hash")
        return verify(password, stored)

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        done.append(statement)

    def cost(login: str) -> list[str]:
        done.clear()
        db.expunge_all()
        assert isinstance(service.sign_in(db, login, "wrong-Password-1"), Refused)
        return done.copy()

    monkeypatch.setattr(passwords._HASHER, "verify", counting)
    event.listen(db.connection(), "before_cursor_execute", note)
    assert cost("nobody") == cost("wang.fang")
    assert done.count("hash") == 1


def test_a_disabled_account_and_a_program_have_no_password(db: Session, county: County, clerk: Account):
    register.disable(db, COMMANDS, clerk)
    assert isinstance(service.sign_in(db, "wang.fang", GOOD), Refused)
    _, none = register.add(db, COMMANDS, "sync", Right.PLANNER, Ground(county.id), is_program=True)
    assert none is None
    assert isinstance(service.sign_in(db, "sync", ""), Refused)


# --- the lock-out


def fail(db: Session, times: int, login: str = "wang.fang", address: str | None = None) -> Refused:
    for _ in range(times):
        result = service.sign_in(db, login, "wrong-Password-1", address=address)
    assert isinstance(result, Refused)
    return result


def pass_time(db: Session, minutes: int) -> None:
    step = dt.timedelta(minutes=minutes)
    db.execute(
        update(SignInFailure).values(
            first_at=SignInFailure.first_at - step, locked_until=SignInFailure.locked_until - step
        )
    )


def test_five_wrong_passwords_lock_for_half_an_hour(db: Session, clerk: Account):
    assert "不对" in fail(db, 4).detail
    assert "暂停" in fail(db, 1).detail
    assert isinstance(service.sign_in(db, "wang.fang", GOOD), Refused), "locked, even with the right one"
    pass_time(db, 29)
    assert isinstance(service.sign_in(db, "wang.fang", GOOD), Refused)
    pass_time(db, 2)
    opened(service.sign_in(db, "wang.fang", GOOD))


def test_wrong_passwords_far_apart_or_before_a_right_one_do_not_add_up(db: Session, clerk: Account):
    fail(db, 4)
    pass_time(db, 16)
    assert "不对" in fail(db, 4).detail
    opened(service.sign_in(db, "wang.fang", GOOD))
    assert "不对" in fail(db, 4).detail


def test_an_unknown_login_locks_like_a_known_one(db: Session, clerk: Account):
    known = [fail(db, 1, "wang.fang") for _ in range(6)]
    unknown = [fail(db, 1, "wang.fan") for _ in range(6)]
    assert known == unknown


def test_an_address_locks_over_all_logins_and_no_other_address_does(db: Session, clerk: Account):
    for i in range(5):
        fail(db, 1, f"guess{i}", "203.0.113.7")
    assert isinstance(service.sign_in(db, "wang.fang", GOOD, address="203.0.113.7"), Refused)
    opened(service.sign_in(db, "wang.fang", GOOD, address="203.0.113.8"))


def test_an_own_right_password_does_not_hide_guesses_at_others(db: Session, clerk: Account):
    for i in range(4):
        fail(db, 1, f"guess{i}", "203.0.113.7")
        opened(service.sign_in(db, "wang.fang", GOOD, address="203.0.113.7"))
    assert "暂停" in fail(db, 1, "guess4", "203.0.113.7").detail


def test_a_new_password_ends_the_lock(db: Session, clerk: Account):
    fail(db, 5)
    password = register.reset_password(db, COMMANDS, clerk)
    assert opened(service.sign_in(db, "wang.fang", password)).must_change


def test_failures_are_committed_although_the_answer_is_a_refusal(client: TestClient, clerk: Account):
    for _ in range(5):
        assert sign_in(client, password="wrong-Password-1").status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 401
    assert "暂停登录 30 分钟" in answer.text


@pytest.mark.usefixtures("leaves_no_audit")
def test_parallel_guesses_are_counted_one_after_the_other(engine: Engine):
    """Twenty at a time are no more than five: each waits for the count of the one before."""
    login = f"race-{uuid.uuid4().hex[:8]}"
    answers: list[Refused | Opened] = []

    def guess() -> None:
        with database.transaction(engine) as db:
            answers.append(service.sign_in(db, login, "wrong-Password-1"))

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction(engine) as db:
        key = lockout.keys_of(login, None)[0]
        failures = db.scalar(select(SignInFailure.failures).where(SignInFailure.key_sha256 == key))
        db.execute(delete(SignInFailure).where(SignInFailure.key_sha256 == key))
    assert failures == 5
    assert sum("不对" in answer.detail for answer in answers if isinstance(answer, Refused)) == 4


def test_old_failures_are_forgotten(db: Session, clerk: Account):
    fail(db, 1, "long.ago")
    pass_time(db, 25 * 60)
    fail(db, 1, "today")
    assert db.scalar(select(func.count()).select_from(SignInFailure)) == 1


# --- idle times


def use(db: Session, secret: str, minutes_ago: int, idle: dt.timedelta = IDLE) -> bool:
    now = dt.datetime.now(dt.UTC)
    db.execute(update(SignIn).values(used_at=now - dt.timedelta(minutes=minutes_ago)))
    found = service.recognise(db, secret, kinds=("session", "change", "token"), staff_idle=idle)
    return found is not None


def test_a_session_lapses_when_it_is_not_used(db: Session, clerk: Account):
    secret = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    assert use(db, secret, 29)
    assert not use(db, secret, 31)


def test_an_administrators_session_lapses_earlier(db: Session, county: County, clerk: Account):
    secret = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    register.grant(db, COMMANDS, clerk, Right.ADMINISTRATOR, Ground(county.id))
    assert use(db, secret, 14)
    assert not use(db, secret, 16)
    assert not use(db, secret, 6, idle=dt.timedelta(minutes=5))


def test_use_keeps_a_session_for_a_working_day_at_most(db: Session, clerk: Account):
    secret = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    assert use(db, secret, 20)
    row = db.scalars(select(SignIn)).one()
    db.refresh(row)
    assert row.used_at > dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), "the use is noted"
    db.execute(update(SignIn).values(expires_at=dt.datetime.now(dt.UTC)))
    assert not use(db, secret, 0)


@pytest.mark.usefixtures("leaves_no_audit")
def test_a_request_does_not_wait_for_a_longer_one_of_the_same_session(engine: Engine, request):
    """Noting the use must not queue behind an import that noted it a minute ago and still runs."""
    with database.transaction(engine) as db:
        login = f"slow-{uuid.uuid4().hex[:8]}"
        account, _ = register.add(db, COMMANDS, login, Right.PLANNER, Ground())
        secret = service.open_session(db, account, "session", request_id=None, by="test").secret
    old = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    with database.transaction(engine) as db:
        db.execute(update(SignIn).where(SignIn.account_id == account.id).values(used_at=old))
    with database.transaction(engine) as long, database.transaction(engine) as short:
        assert service.recognise(long, secret, kinds=("session",), staff_idle=IDLE)
        short.connection().exec_driver_sql("set local lock_timeout = '2s'")
        assert service.recognise(short, secret, kinds=("session",), staff_idle=IDLE)
    with database.transaction(engine) as db:
        db.execute(delete(Account).where(Account.id == account.id))


# --- one-time passwords and rules


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("Ab1-", "长度"),
        ("alllowercase", "至少三类"),
        ("lowercase123", "至少三类"),
        ("Wang.Fang.2026", "登录名"),
        ("Aa1-" + "x" * 200, "长度"),
    ],
)
def test_weak_passwords_are_refused_with_what_is_missing(password: str, missing: str):
    with pytest.raises(Invalid) as error:
        passwords.check(password, login="wang.fang", history=[])
    assert missing in error.value.detail


@pytest.mark.parametrize("password", ["Chuan-Liu-2026", "银发河长巡河Ab1234", "Abcdef12345"])
def test_strong_passwords_are_taken(password: str):
    passwords.check(password, login="wang.fang", history=[])


def test_one_time_passwords_are_never_twice_the_same_and_easy_to_copy():
    made = {passwords.one_time() for _ in range(500)}
    assert len(made) == 500
    assert not set("".join(made)) & set("0O1lI")


def test_a_one_time_password_opens_nothing_but_the_change(client: TestClient, db: Session, county: County):
    _, password = register.add(db, COMMANDS, "li.na", Right.COORDINATOR, Ground(county.id))
    answer = sign_in(client, "li.na", str(password), next="/coverage")
    assert answer.headers["location"] == "/password"
    assert client.get("/api/me").status_code == 403
    assert client.get("/api/me").json()["code"] == "must_change_password"
    led = client.get("/api/county-of-request", headers={"Accept": "text/html"})
    assert led.headers["location"] == "/password"
    form = client.get("/password").text
    assert "一次性密码" in form
    change = {"csrf_token": token_in(form), "password": str(password), "new": GOOD, "again": GOOD}
    before = client.cookies["yinxun"]
    assert client.post("/password", data={**change, "again": "other"}).status_code == 422
    assert client.post("/password", data={**change, "new": "short", "again": "short"}).status_code == 422
    assert client.post("/password", data={**change, "password": "wrong"}).status_code == 401
    assert client.post("/password", data=change).headers["location"] == "/"
    assert client.cookies["yinxun"] != before
    assert client.get("/api/me").status_code == 200
    db.expire_all()
    assert isinstance(service.sign_in(db, "li.na", str(password)), Refused)


def test_changing_a_password_ends_every_other_session(db: Session, clerk: Account):
    other = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    mine = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    who = service.recognise(db, mine, kinds=("session",), staff_idle=IDLE)
    assert who is not None
    fresh = opened(service.change_password(db, who, GOOD, "Yang-Liu-2027")).secret
    alive = [
        service.recognise(db, secret, kinds=("session",), staff_idle=IDLE) is not None
        for secret in (other, mine, fresh)
    ]
    assert alive == [False, False, True]


def test_the_latest_five_passwords_cannot_be_taken_again(db: Session, clerk: Account):
    def change(old: str, new: str) -> None:
        secret = opened(service.sign_in(db, "wang.fang", old)).secret
        who = service.recognise(db, secret, kinds=("session",), staff_idle=IDLE)
        assert who is not None
        opened(service.change_password(db, who, old, new))

    used = [GOOD, *(f"Chuan-Liu-{year}" for year in range(2027, 2031))]
    for old, new in itertools.pairwise(used):
        change(old, new)
    with pytest.raises(Invalid, match="最近 5 次"):
        change(used[-1], GOOD)
    change(used[-1], "Chuan-Liu-2031")
    change("Chuan-Liu-2031", GOOD)


def test_an_old_password_is_asked_about_but_not_forced(client: TestClient, db: Session, clerk: Account):
    clerk.password_changed_at = dt.datetime.now(dt.UTC) - dt.timedelta(days=91)
    db.flush()
    answer = sign_in(client)
    assert answer.headers["location"] == "/password?old=1"
    assert "90 天以上" in client.get("/password?old=1").text
    assert client.get("/api/me").status_code == 200


# --- forms of other sites


def test_a_form_without_its_token_signs_nobody_in(client: TestClient, clerk: Account):
    for token in ("", "0" * 64):
        answer = client.post("/sign-in", data={"login": "wang.fang", "password": GOOD, "csrf_token": token})
        assert answer.status_code == 403
        assert "yinxun" not in client.cookies


def test_every_write_by_cookie_needs_the_token(client: TestClient, clerk: Account):
    sign_in(client)
    token = write_token(client)
    assert client.post("/api/forgotten").status_code == 403
    assert client.post("/api/forgotten", headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert client.post("/api/forgotten", data={"csrf_token": "x"}).status_code == 403
    assert client.post("/api/forgotten", data={"csrf_token": token["X-CSRF-Token"]}).status_code == 200
    assert client.post("/api/forgotten", headers=token).status_code == 200
    assert client.post("/sign-out").status_code == 403


def test_the_token_of_another_session_does_not_fit(app: FastAPI, client: TestClient, clerk: Account):
    sign_in(client)
    other = TestClient(app, follow_redirects=False)
    sign_in(other)
    assert client.post("/api/forgotten", headers=write_token(other)).status_code == 403


# --- the door


def test_a_route_that_forgot_to_ask_is_still_closed(client: TestClient, clerk: Account):
    assert client.get("/api/forgotten").status_code == 401
    assert client.post("/api/forgotten").status_code == 401
    assert client.get("/static/door.css").status_code == 200
    sign_in(client)
    assert client.get("/api/forgotten").status_code == 200


def test_guesses_from_one_address_are_slowed_down(client: TestClient, clerk: Account):
    token = token_in(client.get("/sign-in").text)
    answers = [
        client.post("/link", data={"secret": f"guess{i}", "csrf_token": token}).status_code for i in range(25)
    ]
    assert answers == [401] * 20 + [429] * 5


def test_buckets_fill_again_and_are_bounded():
    now = 0.0
    limiter = doors.Limiter(max_keys=3, clock=lambda: now)

    def takes(key: str) -> bool:
        try:
            limiter.take(key, 6)
        except YinxunError:
            return False
        return True

    assert [takes("a") for _ in range(7)] == [True] * 6 + [False]
    now += 10
    assert [takes("a") for _ in range(2)] == [True, False]
    now += 3600
    assert [takes("a") for _ in range(7)] == [True] * 6 + [False]
    for key in "bcd":
        takes(key)
    assert len(limiter._left) == 3
    assert takes("a"), "the key that was not used longest has fallen out"


@pytest.mark.parametrize(
    ("method", "path", "is_open"),
    [
        ("GET", "/sign-in", True),
        ("POST", "/sign-in", True),
        ("PUT", "/sign-in", False),
        ("GET", "/sign-in/", False),
        ("GET", "/static/a/b.css", True),
        ("GET", "/statics", False),
        ("GET", "/api/me", False),
        ("POST", "/sign-out", False),
    ],
)
def test_only_declared_doors_are_open(method: str, path: str, is_open: bool):
    assert (doors.door_of(method, path) is not None) == is_open


# --- one-time links


def test_a_link_signs_in_once(client: TestClient, db: Session, clerk: Account):
    path, _, secret = service.one_time_link(db, "wang.fang", Actor(os_user="root")).partition("#")
    assert path == "/link"
    form = {"csrf_token": token_in(client.get(path).text), "secret": secret}
    answer = client.post("/link", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get("/api/me").json()["login"] == "wang.fang"
    assert client.post("/link", data=form).status_code == 401


def test_a_link_runs_out_and_is_no_session_nor_token(client: TestClient, db: Session, clerk: Account):
    secret = service.one_time_link(db, "wang.fang", Actor()).partition("#")[2]
    assert client.get("/api/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    client.cookies["yinxun"] = secret
    assert client.get("/api/me").status_code == 401
    db.execute(update(SignIn).values(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)))
    assert service.redeem_link(db, secret) is None


def test_a_disabled_account_has_no_link(db: Session, clerk: Account):
    secret = service.one_time_link(db, "wang.fang", Actor()).partition("#")[2]
    clerk.disabled_at = dt.datetime.now(dt.UTC)
    db.flush()
    assert service.redeem_link(db, secret) is None
    with pytest.raises(NotFound):
        service.one_time_link(db, "wang.fang", Actor())


# --- tokens of programs


def test_a_token_acts_without_cookie_and_form_token_until_it_is_revoked(
    client: TestClient, db: Session, county: County
):
    program, _ = register.add(db, COMMANDS, "sync", Right.COORDINATOR, Ground(county.id), is_program=True)
    token = register.token(db, COMMANDS, program, "乡镇平台同步", days=30)
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/county-of-request", headers=bearer).json() == county.id
    assert client.post("/api/forgotten", headers=bearer).status_code == 200
    assert client.get("/api/county-of-request", headers={"Authorization": token}).status_code == 401
    listed = client.get("/api/me/sign-ins", headers=bearer).json()
    assert [(way["kind"], way["name"]) for way in listed] == [("token", "乡镇平台同步")]
    assert client.delete(f"/api/me/sign-ins/{listed[0]['id']}", headers=bearer).status_code == 204
    assert client.get("/api/county-of-request", headers=bearer).status_code == 401


def test_a_token_is_not_a_cookie_and_a_session_is_not_a_token(
    client: TestClient, db: Session, clerk: Account
):
    token = register.token(db, COMMANDS, clerk, "test", days=None)
    client.cookies["yinxun"] = token
    assert client.get("/api/me").status_code == 401
    secret = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    assert client.get("/api/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_a_token_runs_out(db: Session, clerk: Account):
    token = register.token(db, COMMANDS, clerk, "test", days=1)
    assert use(db, token, 24 * 60)
    db.execute(update(SignIn).values(expires_at=dt.datetime.now(dt.UTC)))
    assert not use(db, token, 0)
    for days in (0, -1, 99999):
        with pytest.raises(Invalid):
            register.token(db, COMMANDS, clerk, "test", days=days)


# --- counties and scopes


def test_the_only_county_needs_no_name_and_several_do(client: TestClient, db: Session, county: County):
    account, _ = register.add(db, COMMANDS, "zhang", Right.COORDINATOR, Ground(county.id))
    other = County(code="410184", name="新郑市", time_zone="Asia/Shanghai")
    db.add(other)
    db.flush()
    assert service.scope_of(db, account.id).county_id == county.id
    with pytest.raises(NotFound):
        service.scope_of(db, account.id, "410184")
    register.grant(db, COMMANDS, account, Right.PLANNER, Ground(other.id))
    with pytest.raises(Invalid, match="410184"):
        service.scope_of(db, account.id)
    scope = service.scope_of(db, account.id, "410184")
    assert scope.county_id == other.id
    assert dict(scope.rights) == {Right.PLANNER: None}


def test_a_grant_on_an_area_holds_for_all_below(db: Session, county: County, town: Area):
    village = Area(county_id=county.id, parent_id=town.id, code="321281102201", name="东村", level="village")
    db.add(village)
    db.flush()
    account, _ = register.add(db, COMMANDS, "zhang", Right.COORDINATOR, Ground(county.id, town.id))
    scope = service.scope_of(db, account.id)
    assert scope.areas(Right.COORDINATOR) == {town.id, village.id}
    assert scope.reaches(village.id, Right.COORDINATOR)
    assert not scope.reaches(town.parent_id, Right.COORDINATOR)
    assert not scope.reaches(None, Right.COORDINATOR)
    with pytest.raises(Forbidden):
        scope.demand_county(Right.COORDINATOR)
    with pytest.raises(Forbidden):
        scope.demand(Right.AUDITOR)


def test_an_administrator_without_county_reaches_all(db: Session, county: County):
    assert service.first_administrator(db) is not None
    account = db.scalars(select(Account)).one()
    scope = service.scope_of(db, account.id)
    assert scope.county_id == county.id
    assert scope.areas(Right.COORDINATOR) is None
    assert Right.ADMINISTRATOR in scope.everywhere


def test_without_county_the_answer_says_what_to_do(client: TestClient, db: Session):
    service.first_administrator(db)
    account = db.scalars(select(Account)).one()
    with pytest.raises(NotFound, match="geo-service areas"):
        service.scope_of(db, account.id)
    with pytest.raises(NotFound, match="geo-service areas"):
        service.command_scope(db, None)


@pytest.mark.usefixtures("leaves_no_audit")
def test_two_services_that_start_at_once_make_one_administrator(engine: Engine):
    made: list[tuple[str, str] | None] = []

    def start() -> None:
        with database.transaction(engine) as db:
            made.append(service.first_administrator(db))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction(engine) as db:
        db.execute(delete(Account).where(Account.login == service.FIRST_LOGIN))
    assert [first is not None for first in made].count(True) == 1


def test_the_first_administrator_is_made_once(db: Session):
    login, password = service.first_administrator(db) or ("", "")
    assert opened(service.sign_in(db, login, password)).must_change
    assert service.first_administrator(db) is None


# --- the register


def administrator(db: Session, ground: Ground) -> Manager:
    login = f"adm-{uuid.uuid4().hex[:8]}"
    account, _ = register.add(db, COMMANDS, login, Right.ADMINISTRATOR, ground)
    return Manager.of(service.scope_of(db, account.id))


@pytest.mark.parametrize("login", ["a", "two words", "<b>x</b>", "x" * 41, "a\x00b", "wang/fang", "a:b", ""])
def test_logins_that_cannot_be_taken(db: Session, county: County, login: str):
    with pytest.raises(Invalid):
        register.add(db, COMMANDS, login, Right.PLANNER, Ground(county.id))


def test_a_login_is_there_once(db: Session, county: County, clerk: Account):
    with pytest.raises(Conflict):
        register.add(db, COMMANDS, "WANG.FANG", Right.PLANNER, Ground(county.id))


def test_an_administrator_gives_only_what_is_his(db: Session, county: County, town: Area, clerk: Account):
    of_town = administrator(db, Ground(county.id, town.id))
    account, _ = register.add(db, of_town, "zhang", Right.COORDINATOR, Ground(county.id, town.id))
    assert [row.login for row in register.listed(db, of_town)][-1] == "zhang"
    assert "wang.fang" not in {row.login for row in register.listed(db, of_town)}
    for beyond in (Ground(county.id), Ground(), Ground(county.id, town.parent_id)):
        with pytest.raises(Forbidden):
            register.grant(db, of_town, account, Right.ADMINISTRATOR, beyond)
    with pytest.raises(NotFound):
        register.found(db, of_town, clerk.id)


def test_an_administrator_cannot_take_over_who_has_grants_beyond(
    db: Session, county: County, town: Area, clerk: Account
):
    of_town = administrator(db, Ground(county.id, town.id))
    register.grant(db, COMMANDS, clerk, Right.PLANNER, Ground(county.id, town.id))
    with pytest.raises(Forbidden):
        register.found(db, of_town, clerk.id)
    seen = next(row for row in register.listed(db, of_town) if row.login == "wang.fang")
    assert [grant.right for grant in seen.grants] == [Right.PLANNER], "his other grants are not shown"


def test_a_volunteer_is_a_person_of_the_ground(db: Session, county: County, town: Area):
    here = Person(county_id=county.id, name="老王", area_id=town.id)
    there = Person(county_id=county.id, name="老李", area_id=town.parent_id)
    db.add_all([here, there])
    db.flush()
    ground = Ground(county.id, town.id)
    of_town = administrator(db, ground)
    with pytest.raises(Invalid, match="人员"):
        register.add(db, of_town, "v0", Right.VOLUNTEER, ground)
    with pytest.raises(NotFound):
        register.add(db, of_town, "v1", Right.VOLUNTEER, ground, person_id=there.id)
    account, _ = register.add(db, of_town, "v2", Right.VOLUNTEER, ground, person_id=here.id)
    assert service.scope_of(db, account.id, person_id=account.person_id).person_id == here.id


def test_the_last_administrator_of_all_stays(db: Session, county: County):
    service.first_administrator(db)
    first = db.scalars(select(Account)).one()
    grant = db.scalars(select(Grant)).one()
    with pytest.raises(Conflict), db.begin_nested():
        register.disable(db, COMMANDS, first)
    with pytest.raises(Conflict), db.begin_nested():
        register.revoke(db, COMMANDS, first, grant)
    register.add(db, COMMANDS, "second", Right.ADMINISTRATOR, Ground())
    register.disable(db, COMMANDS, first)
    assert isinstance(service.sign_in(db, "admin", "x"), Refused)


def test_disabling_ends_every_way_in(db: Session, clerk: Account):
    secret = opened(service.sign_in(db, "wang.fang", GOOD)).secret
    token = register.token(db, COMMANDS, clerk, "test", days=None)
    register.disable(db, COMMANDS, clerk)
    assert not use(db, secret, 0)
    assert not use(db, token, 0)
    register.enable(db, COMMANDS, clerk)
    assert not use(db, token, 0), "enabling does not bring old tokens back"
    opened(service.sign_in(db, "wang.fang", GOOD))


def test_granting_twice_is_granting_once(db: Session, county: County, clerk: Account):
    first = register.grant(db, COMMANDS, clerk, Right.PLANNER, Ground(county.id))
    assert register.grant(db, COMMANDS, clerk, Right.PLANNER, Ground(county.id)).id == first.id


# --- the register over HTTP


@pytest.fixture
def as_admin(client: TestClient, db: Session, county: County) -> Callable[..., Response]:
    """Requests of a county administrator by bearer token."""
    account, _ = register.add(
        db, COMMANDS, "county.admin", Right.ADMINISTRATOR, Ground(county.id), is_program=True
    )
    token = register.token(db, COMMANDS, account, "test", days=1)

    def ask(method: str, path: str, **more: object) -> Response:
        return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more)

    return ask


def test_an_account_over_http_from_adding_to_disabling(
    as_admin: Callable[..., Response], client: TestClient, town: Area
):
    new = {"login": "li.na", "right": "coordinator", "area": town.code}
    answer = as_admin("POST", "/api/accounts", json=new)
    assert answer.status_code == 201
    added = answer.json()
    assert sign_in(client, "li.na", added["one_time_password"]).headers["location"] == "/password"
    client.cookies.clear()
    path = f"/api/accounts/{added['id']}"
    given = as_admin("POST", f"{path}/grants", json={"right": "planner"}).json()
    assert (given["right"], given["county"], given["area"]) == ("planner", "321281", None)
    listed = as_admin("GET", "/api/accounts").json()["accounts"]
    assert [(row["login"], len(row["grants"])) for row in listed] == [("county.admin", 1), ("li.na", 2)]
    assert as_admin("DELETE", f"{path}/grants/{given['id']}").status_code == 204
    assert as_admin("DELETE", f"{path}/grants/{given['id']}").status_code == 404
    assert len(as_admin("GET", f"{path}/sign-ins").json()) == 1
    assert as_admin("POST", f"{path}/password").json()["one_time_password"]
    assert as_admin("GET", f"{path}/sign-ins").json() == []
    token = as_admin("POST", f"{path}/tokens", json={"name": "平板"}).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/me", headers=bearer).status_code == 200
    ways = as_admin("GET", f"{path}/sign-ins").json()
    assert as_admin("DELETE", f"{path}/sign-ins/{ways[0]['id']}").status_code == 204
    assert client.get("/api/me", headers=bearer).status_code == 401
    assert as_admin("POST", f"{path}/disable").status_code == 204
    assert as_admin("POST", f"{path}/enable").status_code == 204


@pytest.mark.parametrize(
    ("new", "status"),
    [
        ({"login": "x1", "right": "king"}, 422),
        ({"login": "x1", "right": "planner", "area": "nowhere"}, 404),
        ({"login": "x1", "right": "planner", "area": "a'; drop table account"}, 422),
        ({"login": "x1", "right": "planner", "everywhere": True}, 403),
        ({"login": "x 1", "right": "planner"}, 422),
        ({"login": "x1", "right": "volunteer"}, 422),
        ({"login": "x1", "right": "volunteer", "person_id": str(uuid.uuid4())}, 404),
        ({"login": "x1", "right": "planner", "pasword": "typo"}, 422),
    ],
)
def test_bad_accounts_over_http(as_admin: Callable[..., Response], new: dict[str, object], status: int):
    assert as_admin("POST", "/api/accounts", json=new).status_code == status
    assert len(as_admin("GET", "/api/accounts").json()["accounts"]) == 1


def test_the_list_of_accounts_pages(as_admin: Callable[..., Response], db: Session, county: County):
    for i in range(7):
        register.add(db, COMMANDS, f"p{i}", Right.PLANNER, Ground(county.id), is_program=True)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = as_admin("GET", "/api/accounts", params={"limit": "3", **cursor}).json()
        seen += [row["login"] for row in page["accounts"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == ["county.admin", *(f"p{i}" for i in range(7))]
    for bad in ("nonsense", "WzFd", "W10", "bnVsbA"):
        assert as_admin("GET", "/api/accounts", params={"cursor": bad}).status_code == 422


def test_a_large_body_is_refused_before_it_is_read(client: TestClient):
    answer = client.post("/sign-in", data={"login": "x" * 100_000})
    assert answer.status_code == 413


def test_sign_ins_stand_in_the_audit_without_login_or_secret(client: TestClient, db: Session, clerk: Account):
    before = db.scalar(select(func.coalesce(func.max(Audit.id), 0)))
    sign_in(client, password="wrong-Password-1")
    sign_in(client, login="typed-My-Passw0rd-here")
    sign_in(client)
    client.post("/sign-out", headers=write_token(client))
    of_signs = (Audit.id > before, Audit.action.startswith("accounts.sign"))
    lines = db.scalars(select(Audit).where(*of_signs).order_by(Audit.id)).all()
    assert [(line.action, line.account_id, line.detail.get("reason")) for line in lines] == [
        ("accounts.sign_in_refused", clerk.id, "wrong"),
        ("accounts.sign_in_refused", None, "wrong"),
        ("accounts.sign_in", clerk.id, None),
        ("accounts.sign_out", clerk.id, None),
    ]
    assert lines[0].county_id is not None
    told = " ".join(f"{line.subject} {line.detail}" for line in lines)
    assert "Passw0rd" not in told
    assert "wang" not in told


# --- the commands


@pytest.fixture
def run(db: Session, county: County, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `geo-service user ...` on the test's own transaction."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings(public_url="https://xunhe.example/")

    monkeypatch.setattr(commands, "connect", connect)

    def run(*words: str) -> Result:
        result = CliRunner().invoke(commands.app, ["user", *words])
        db.expire_all()
        return result

    return run


def refusal(result: Result) -> str:
    assert isinstance(result.exception, YinxunError)
    return result.exception.detail


def test_an_account_by_commands_from_adding_to_disabling(
    run: Callable[..., Result], client: TestClient, db: Session, town: Area
):
    added = run("add", "Li.Na", "--right", "coordinator", "--area", town.code)
    password = re.search(r"一次性密码：(\S+)", added.output)
    assert password
    assert sign_in(client, "li.na", password[1]).headers["location"] == "/password"
    account = db.scalars(select(Account).where(Account.login == "li.na")).one()
    assert service.scope_of(db, account.id).areas(Right.COORDINATOR) == {town.id}
    assert run("grant", "li.na", "--right", "planner").exit_code == 0
    listed = json.loads(run("list", "--as", "json").stdout)
    assert [(row["login"], row["rights"]) for row in listed] == [
        ("li.na", ["协调员（戴窑镇）", "规划员（321281）"])
    ]
    assert run("revoke", "li.na", "--right", "planner").exit_code == 0
    assert "没有这项权限" in refusal(run("revoke", "li.na", "--right", "planner"))
    again = re.search(r"一次性密码：(\S+)", run("password", "li.na").output)
    assert again
    assert again[1] != password[1]
    assert run("disable", "li.na").exit_code == 0
    assert isinstance(service.sign_in(db, "li.na", again[1]), Refused)
    assert "已停用" in run("list").output
    assert run("disable", "li.na", "--undo").exit_code == 0
    opened(service.sign_in(db, "li.na", again[1]))
    told = db.scalars(select(Audit.os_user).where(Audit.subject == f"account/{account.id}")).all()
    assert service.os_user() in told, "the audit names the user of the operating system"


def test_a_token_by_command_is_listed_and_ended(run: Callable[..., Result], client: TestClient):
    run("add", "sync", "--right", "planner", "--program")
    made = run("token", "sync", "--name", "平台")
    bearer = {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert client.get("/api/me", headers=bearer).status_code == 200
    number, name, _ = run("token", "sync").stdout.split(maxsplit=2)
    assert name == "平台"
    assert run("token", "sync", "--end", number).exit_code == 0
    assert client.get("/api/me", headers=bearer).status_code == 401
    assert "还没有令牌" in run("token", "sync").stdout


def test_a_link_by_command_is_whole_and_works(run: Callable[..., Result], db: Session, clerk: Account):
    address = run("link", "wang.fang").stdout.strip()
    assert address.startswith("https://xunhe.example/link#")
    opened(service.redeem_link(db, address.partition("#")[2]))


def test_a_volunteer_by_command_is_a_person_of_the_roster(
    run: Callable[..., Result], db: Session, county: County
):
    assert "人员" in refusal(run("add", "v1", "--right", "volunteer"))
    assert "007" in refusal(run("add", "v1", "--right", "volunteer", "--person", "007"))
    person = Person(county_id=county.id, number="007", name="老王")
    db.add(person)
    db.flush()
    assert run("add", "v1", "--right", "volunteer", "--person", "007").exit_code == 0
    assert db.scalars(select(Account.person_id)).one() == person.id


def test_commands_work_before_there_is_a_county(run: Callable[..., Result], db: Session):
    db.execute(delete(County))
    assert run("add", "boss", "--right", "administrator").exit_code == 0
    assert "全部县" in run("list").output
    assert "geo-service areas" in refusal(run("add", "li", "--right", "planner"))


def test_several_counties_must_be_told_apart(run: Callable[..., Result], db: Session, county: County):
    db.add(County(code="410184", name="新郑市", time_zone="Asia/Shanghai"))
    db.flush()
    assert "--county" in refusal(run("add", "li", "--right", "planner"))
    assert run("add", "li", "--right", "planner", "--county", "410184").exit_code == 0
    assert "辖区" in refusal(run("grant", "li", "--right", "planner", "--county", "410184", "--area", "x"))
    assert run("add", "li", "--right", "king").exit_code == 2
