"""The log tells what happened and never of whom: no name, telephone, place, secret or name of a file."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts import service as accounts
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.jobs import Work, Worker, enqueue
from geo_service.patrols import service as patrols
from geo_service.people import lists
from geo_service.tables import Person
from layers.vocabulary import Right
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.watertown import PASSWORD, Watertown, add_account, build

NAME, PHONE, NUMBER = "欧阳春晓", "13698765432", "QT-55012"
LON, LAT = "119.84215", "32.93317"
FILE = "欧阳春晓的路"
NOTE = "家住桥头第二户"


@pytest.fixture
def town(db: Session) -> Watertown:
    town = build(db)
    db.add(Person(county_id=town.county.id, name=NAME, phone=PHONE, number=NUMBER, area_id=town.west.id))
    db.flush()
    return town


@pytest.fixture
def token(db: Session, town: Watertown) -> str:
    manager = Manager(Actor(os_user="tester"))
    account, _ = register.add(
        db, manager, "program", Right.ADMINISTRATOR, Ground(town.county.id), is_program=True
    )
    return register.token(db, manager, account, NAME, days=1)


@pytest.fixture
def ask(client: TestClient, token: str) -> Callable[..., Any]:
    def ask(method: str, path: str, **more: Any) -> int:
        answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more)
        return answer.status_code

    return ask


def gpx(*, lat: str = LAT, times: str = "2026-05-01T04:00:{:02}Z") -> str:
    points = "".join(
        f'<trkpt lat="{lat[:-1]}{i}" lon="{LON}"><time>{times.format(5 * i)}</time></trkpt>' for i in range(9)
    )
    return f"<gpx><metadata><name>{NAME}</name></metadata><trk><trkseg>{points}</trkseg></trk></gpx>"


def demand_silence(lines: list[str], *more: str) -> None:
    """Demand that something was logged, each line whole JSON, and nothing that tells of anybody."""
    assert lines
    secrets = (NAME, PHONE, NUMBER, LON, LAT, LAT[:6], LON[:7], FILE, NOTE, PASSWORD, quote(NAME), *more)
    for line in lines:
        assert json.loads(line)
        told = json.loads(line) | {"at": ""}
        assert not [secret for secret in secrets if secret in json.dumps(told, ensure_ascii=False)], line
        assert not re.search(r"[\u4e00-\u9fff]", line), f"people's words do not belong into the log: {line}"


def test_walks_that_are_taken_and_refused(ask: Callable[..., Any], heard: list[str]) -> None:
    sent = {"params": {"person": NAME, "device": f"{NAME}的手机"}}
    name = f"{FILE}.gpx"
    assert ask("POST", "/api/patrols", files={"file": (name, gpx())}, **sent) in (201, 422)
    assert ask("POST", "/api/patrols", files={"file": (name, gpx(lat="12.34567"))}, **sent) == 422
    assert ask("POST", "/api/patrols", files={"file": (name, f"<gpx>{NAME}")}, **sent) == 422
    assert ask("POST", "/api/patrols", files={"file": (name, gpx())}, params={"person": f"{NAME}二"}) == 404
    assert ask("GET", "/api/patrols", params={"person": NAME}) == 422
    demand_silence(heard)


def test_imports_with_errors(ask: Callable[..., Any], heard: list[str], town: Watertown) -> None:
    rows = f"姓名,编号,电话,备注\n{NAME},{NUMBER},{PHONE},{NOTE}\n{NAME}三,{NUMBER},12,{NOTE}\n"
    name = f"{FILE}.csv"
    assert ask("POST", "/api/people/import", files={"file": (name, rows)}) == 422
    assert ask("POST", "/api/duties/import", files={"file": (name, f"人员,对象\n{NAME},没有的河\n")}) == 422
    assert ask("POST", "/api/people/import", files={"file": (name, f"姓名\n{NAME}四\n")}) == 200
    assert ask("POST", "/api/places/import", data={"layer": "river"}, files={"file": (name, NAME)}) == 422
    demand_silence(heard)


def test_failed_and_good_sign_ins(client: TestClient, db: Session, town: Watertown, heard: list[str]) -> None:
    add_account(db, town.county, NAME, Right.COORDINATOR)
    for password in ("Wrong-Password-9", "x"):
        sign_in(client, NAME, password)
    sign_in(client, f"{NAME}五", "Wrong-Password-9")
    assert sign_in(client, NAME, PASSWORD).status_code == 303
    secret = accounts.one_time_link(db, NAME, Actor(os_user="tester")).partition("#")[2]
    client.post("/link", data={"secret": secret})
    cookies = [value for _, value in client.cookies.items()]
    demand_silence(heard, "Wrong-Password-9", secret, *cookies)


def test_people_who_are_not_there_and_who_are(
    ask: Callable[..., Any], heard: list[str], db: Session, town: Watertown, token: str
) -> None:
    nobody = uuid.uuid4()
    for path in (
        f"/api/people/{nobody}",
        f"/people/{nobody}/data",
        f"/api/people/{NAME}",
        f"/{NAME}/{PHONE}",
    ):
        assert ask("GET", path) in (404, 422)
    assert ask("GET", "/api/people", params={"q": PHONE}) == 200
    assert ask("POST", "/api/people", json={"name": f"{NAME}六", "number": NUMBER}) == 409
    assert ask("GET", f"/api/people/{town.person_id}/data.zip") == 200
    demand_silence(heard, token, str(nobody))


def test_a_fault_of_ours_tells_where_and_not_with_what(
    ask: Callable[..., Any], heard: list[str], monkeypatch: pytest.MonkeyPatch, db: Session
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"{NAME} {PHONE} {LON} {LAT}")

    def collide(db_: Session, *_: object, **__: object) -> None:
        db_.execute(insert(Person).values(county_id=-1, name=NAME, phone=PHONE))

    monkeypatch.setattr(lists, "people", fail)
    assert ask("GET", "/api/people") == 500
    monkeypatch.setattr(patrols, "listed", collide)
    assert ask("GET", "/api/patrols") == 409
    (fault,) = [json.loads(line) for line in heard if "RuntimeError" in line]
    assert any("test_logs.py" in place and "fail" in place for place in fault["through"])
    assert fault["request_id"]
    demand_silence(heard)


def test_a_job_that_fails(db: Session, heard: list[str], engine: Any) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"{NAME} {FILE}.xlsx")

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
        with Session(engine) as session, session.begin():
            number = enqueue(session, "test.fail", {"file": f"{FILE}.xlsx"})
        try:
            assert Worker(engine, Work({"test.fail": fail})).do_one(own)
        finally:
            own.exec_driver_sql(f"delete from job where id = {number}")
    assert any("test.fail" in line for line in heard)
    demand_silence(heard)
