"""Pages of accounts: made, granted, reset, linked, disabled, their ways in ended, without any shell."""

import re
import uuid

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts import service
from geo_service.tables import Account, Audit, Grant, SignIn
from layers.vocabulary import Right
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.test_web import text_of
from tests.geo_service.watertown import PASSWORD, Watertown, add_account


@pytest.fixture
def boss(db: Session, client: TestClient, town: Watertown) -> TestClient:
    add_account(db, town.county, "boss", Right.ADMINISTRATOR)
    assert sign_in(client, "boss", PASSWORD).status_code == 303
    return client


def send(boss: TestClient, path: str, **fields: str) -> object:
    token = token_in(boss.get("/accounts").text)
    return boss.post(path, data={"csrf_token": token, **fields})


def account(db: Session, login: str) -> Account:
    return db.scalars(select(Account).where(Account.login == login)).one()


def secret_in(page: str) -> str:
    return re.search(r'<p class="secret"><code>([^<]+)</code>', page)[1]


def test_an_account_is_made_and_lets_its_owner_in(boss: TestClient, db: Session, town: Watertown) -> None:
    made = send(boss, "/accounts", login="Li.Hua", right="coordinator", ground=town.west.code)
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    password = secret_in(made.text)
    new = account(db, "li.hua")
    assert password not in boss.get(f"/accounts/{new.id}").text, "it is shown once"
    listed = text_of(boss.get("/accounts", params={"text": "li."}).text)
    assert "li.hua" in listed
    assert "协调员（西荡镇）" in listed
    assert "boss" not in re.search(r"建立(.*)新建一个账号", listed, re.S)[1]
    opened = service.sign_in(db, "li.hua", password)
    assert isinstance(opened, service.Opened)
    assert opened.must_change


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"login": "x"}, "不能用"),
        ({"login": "boss"}, "已经有人用了"),
        ({"right": "king"}, "选择权限"),
        ({"ground": ""}, "管到哪里"),
        ({"right": "volunteer"}, "要对应一个人员"),
        ({"right": "volunteer", "person": "查无此人"}, "没有「查无此人」"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    boss: TestClient, db: Session, fields: dict[str, str], said: str
) -> None:
    before = db.scalars(select(Account.id)).all()
    sent = {"login": "li.hua", "right": "coordinator", "ground": "county", **fields}
    answer = send(boss, "/accounts", **sent)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert f'value="{sent["login"]}"' in answer.text
    assert db.scalars(select(Account.id)).all() == before


def test_rights_are_given_and_taken(boss: TestClient, db: Session, town: Watertown) -> None:
    send(boss, "/accounts", login="li.hua", right="coordinator", ground=town.west.code)
    path = f"/accounts/{account(db, 'li.hua').id}"
    assert send(boss, f"{path}/grants", right="planner", ground="county").status_code == 303
    assert "规划员全县" in re.sub(r"\s", "", text_of(boss.get(path).text))
    assert send(boss, f"{path}/grants", right="planner", ground="everywhere").status_code == 403
    mine = db.scalars(select(Grant).where(Grant.account_id == account(db, "li.hua").id)).all()
    for grant in mine[:-1]:
        assert send(boss, f"{path}/grants/{grant.id}/revoke").headers["Location"] == path
    last = send(boss, f"{path}/grants/{mine[-1].id}/revoke")
    assert last.headers["Location"] == "/accounts", "who has no right here is not seen here"
    assert send(boss, f"{path}/grants/{mine[-1].id}/revoke").status_code == 404


def test_a_link_lets_in_once_and_is_told_to_the_audit(boss: TestClient, db: Session) -> None:
    send(boss, "/accounts", login="li.hua", right="planner", ground="county")
    new = account(db, "li.hua")
    link = secret_in(send(boss, f"/accounts/{new.id}/link").text)
    assert "/link#" in link
    secret = link.partition("#")[2]
    assert service.redeem_link(db, secret) is not None
    assert service.redeem_link(db, secret) is None
    told = db.scalars(select(Audit).where(Audit.action == "accounts.link")).one()
    assert told.subject == f"account/{new.id}"
    assert told.account_id == account(db, "boss").id
    assert secret not in str(told.detail)


def test_disabling_ends_every_way_in_until_it_is_enabled_again(boss: TestClient, db: Session) -> None:
    send(boss, "/accounts", login="robot", right="planner", ground="county", is_program="true")
    new = account(db, "robot")
    page = send(boss, f"/accounts/{new.id}/tokens", name="大屏", days="30")
    token = secret_in(page.text)
    asked = {"kinds": ("token",), "staff_idle": service.PHONE_IDLE}
    assert service.recognise(db, token, **asked) is not None
    assert send(boss, f"/accounts/{new.id}/link").status_code == 422, "a program has no page to sign in on"
    assert send(boss, f"/accounts/{new.id}/tokens", name="大屏", days="many").status_code == 422
    assert send(boss, f"/accounts/{new.id}/disable").status_code == 303
    db.expire_all()
    assert service.recognise(db, token, **asked) is None
    assert send(boss, f"/accounts/{new.id}/tokens", name="大屏").status_code == 422
    assert send(boss, f"/accounts/{new.id}/enable").status_code == 303
    assert service.recognise(db, token, **asked) is None, "what was ended stays ended"


def test_one_session_is_ended_and_the_others_go_on(boss: TestClient, db: Session, town: Watertown) -> None:
    add_account(db, town.county, "li.hua", Right.COORDINATOR)
    new = account(db, "li.hua")
    first, second = (service.open_session(db, new, "session", request_id=None, by="t") for _ in range(2))
    ways = service.sign_ins(db, new.id)
    assert send(boss, f"/accounts/{new.id}/sign-ins/{ways[0].id}/end").status_code == 303
    db.expire_all()
    left = db.scalars(select(SignIn).where(SignIn.account_id == new.id, SignIn.revoked_at.is_(None))).all()
    assert [way.id for way in left] == [ways[1].id]
    assert first.secret != second.secret
    assert send(boss, f"/accounts/{new.id}/sign-ins/{ways[0].id}/end").status_code == 404


def test_a_township_administrator_cannot_take_over_a_countys_account(
    db: Session, client: TestClient, town: Watertown
) -> None:
    add_account(db, town.county, "chief", Right.COORDINATOR)
    add_account(db, town.county, "local", Right.ADMINISTRATOR, town.west)
    assert sign_in(client, "local", PASSWORD).status_code == 303
    page = client.get("/accounts").text
    assert "chief" not in page
    assert "东湖镇" not in page
    chief = account(db, "chief").id
    for action in ("password", "link", "disable"):
        assert send(client, f"/accounts/{chief}/{action}").status_code == 404
    made = send(client, "/accounts", login="x.y", right="coordinator", ground="county")
    assert made.status_code == 403
    assert send(client, f"/accounts/{uuid.uuid4()}/password").status_code == 404
