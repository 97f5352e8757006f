"""The record of who did what: append-only, narrowed, paged, and without anybody's name."""

import uuid
from collections.abc import Callable

import pytest
from fastapi import Response
from fastapi.testclient import TestClient
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import register, service
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.errors import Forbidden
from geo_service.tables import Account, Area, Audit, County, Table
from layers.vocabulary import Right

COMMANDS = Manager(Actor(os_user="tester"))
Ask = Callable[..., Response]


@pytest.fixture
def county(db: Session) -> County:
    return _county(db, "321281")


@pytest.fixture
def start(db: Session) -> int:
    """The last line that was there before the test."""
    return db.scalar(select(func.coalesce(func.max(Audit.id), 0))) or 0


def _county(db: Session, code: str) -> County:
    row = County(code=code, name=code, time_zone="Asia/Shanghai")
    db.add(row)
    db.flush()
    return row


def scope(county: County, right: Right, *, everywhere: bool = False, areas: set[int] | None = None) -> Scope:
    held = None if areas is None else frozenset(areas)
    return Scope(county.id, Actor(), {right: held}, everywhere=frozenset({right} if everywhere else ()))


def actions(lines: list[audit.Line], after: int) -> list[str]:
    return [line.action for line in lines if line.id > after]


def write(db: Session, county: County | None, *names: str) -> None:
    for name in names:
        actor = Actor(account_id=uuid.uuid4(), request_id="r1")
        audit.record(db, actor, name, county_id=county.id if county else None, subject="patrol/0192", rows=3)


def test_the_latest_lines_come_first_with_all_that_was_recorded(db: Session, county: County, start: int):
    write(db, county, "places.import", "patrols.look")
    lines = audit.lines(db, scope(county, Right.AUDITOR))
    assert actions(list(lines), start) == ["patrols.look", "places.import"]
    assert (lines[0].subject, lines[0].detail, lines[0].request_id) == ("patrol/0192", {"rows": 3}, "r1")


def test_a_county_sees_its_own_lines_and_those_of_no_county_only_who_reaches_all(
    db: Session, county: County, start: int
):
    other = _county(db, "410184")
    write(db, county, "a.here")
    write(db, other, "a.there")
    write(db, None, "a.nowhere")

    def seen(asked: Scope) -> list[str]:
        return actions(list(audit.lines(db, asked)), start)

    assert seen(scope(county, Right.AUDITOR)) == ["a.here"]
    assert seen(scope(other, Right.ADMINISTRATOR)) == ["a.there"]
    assert seen(scope(county, Right.AUDITOR, everywhere=True)) == ["a.nowhere", "a.here"]


@pytest.mark.parametrize("right", [Right.COORDINATOR, Right.PLANNER, Right.VOLUNTEER])
def test_others_do_not_see_the_audit(db: Session, county: County, right: Right):
    with pytest.raises(Forbidden):
        audit.lines(db, scope(county, right, everywhere=True))


def test_an_auditor_of_a_township_does_not_see_a_countys_audit(db: Session, county: County):
    with pytest.raises(Forbidden):
        audit.lines(db, scope(county, Right.AUDITOR, areas={1}))


def test_lines_are_found_by_action_subject_and_account(db: Session, county: County, start: int):
    write(db, county, "places.import", "placesXexport", "places.export", "patrols.look")
    auditor = scope(county, Right.AUDITOR)
    found = audit.lines(db, auditor, action="places.")
    assert actions(list(found), start) == ["places.export", "places.import"]
    assert [line.id for line in audit.lines(db, auditor, account_id=found[0].account_id)] == [found[0].id]
    assert audit.lines(db, auditor, subject="patrol/9999") == []


@pytest.fixture
def as_auditor(client: TestClient, db: Session, county: County) -> Ask:
    account, _ = register.add(db, COMMANDS, "auditor", Right.AUDITOR, Ground(county.id), is_program=True)
    token = register.token(db, COMMANDS, account, "test", days=1)

    def ask(path: str, **more: object) -> Response:
        return client.get(path, headers={"Authorization": f"Bearer {token}"}, **more)

    return ask


def test_the_audit_pages_without_gap_and_without_doubling(as_auditor: Ask, db: Session, county: County):
    write(db, county, *(f"test.{chr(97 + i)}" for i in range(11)))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = as_auditor("/api/audit", params={"limit": "4", "action": "test.", **cursor}).json()
        seen += [line["action"] for line in page["lines"]]
        write(db, county, "test.z")
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [f"test.{chr(97 + i)}" for i in range(10, -1, -1)]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"cursor": "nonsense"},
        {"cursor": "WyJhIl0"},
        {"action": "%"},
        {"subject": "patrol"},
        {"account_id": "1"},
    ],
)
def test_bad_questions_get_an_answer(as_auditor: Ask, params: dict[str, str]):
    answer = as_auditor("/api/audit", params=params)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_an_auditor_sees_nothing_else(as_auditor: Ask):
    assert as_auditor("/api/accounts").status_code == 403


# --- append-only


@pytest.mark.parametrize(
    "change", [update(Audit).values(action="x"), delete(Audit), text("truncate audit")], ids=str
)
def test_no_line_can_be_changed_or_taken_away(db: Session, county: County, change):
    write(db, county, "test.line")
    with pytest.raises(ProgrammingError, match="append-only"), db.begin_nested():
        db.execute(change)
    assert db.scalar(select(func.count()).where(Audit.action == "test.line")) == 1


def test_an_account_lives_and_goes_and_its_lines_stay(db: Session, county: County, start: int):
    """Nothing that the service does with an account or a county needs to touch an old line."""
    account, password = register.add(db, COMMANDS, "wang", Right.PLANNER, Ground(county.id))
    service.sign_in(db, "wang", str(password))
    service.sign_in(db, "wang", "wrong-Password-1")
    register.reset_password(db, COMMANDS, account)
    register.disable(db, COMMANDS, account)
    lines = select(Audit.action).where(Audit.id > start).order_by(Audit.id)
    before = list(db.scalars(lines))
    db.execute(delete(Account).where(Account.id == account.id))
    db.execute(delete(Area).where(Area.county_id == county.id))
    db.execute(delete(County).where(County.id == county.id))
    assert list(db.scalars(lines)) == before
    assert before == [
        "accounts.add",
        "accounts.grant",
        "accounts.sign_in",
        "accounts.sign_in_refused",
        "accounts.reset_password",
        "accounts.disable",
    ]


def test_no_table_points_into_the_audit_and_it_points_nowhere():
    """A person's deletion drops the link only, so the audit must not hold the row back or go with it."""
    assert not Table.metadata.tables["audit"].foreign_keys
    for table in Table.metadata.tables.values():
        assert all(key.column.table.name != "audit" for key in table.foreign_keys)
