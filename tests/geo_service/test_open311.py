"""Open311 GeoReport v2: every endpoint in both forms, nothing personal, what comes in waits for a look."""

import datetime as dt
import io
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
import xmltodict
from fastapi.testclient import TestClient
from georeport import GeoReport
from lxml import etree
from PIL import Image
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from geo_service.accounts import doors, register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.app import create_app
from geo_service.cases import handling, pictures, reports, rules, told
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.open311 import service
from geo_service.settings import Settings
from geo_service.tables import Case, County, Report
from layers.vocabulary import CaseState, Channel, Move, Right
from tests.geo_service import watertown
from tests.geo_service.phones import free_port
from tests.geo_service.test_plates import at

NOW = dt.datetime.now(dt.UTC)
BASE = "/open311/v2"
SECRETS = ("王桂兰", "赵敏的邻居", "13987654321", "只有经办的人才知道")


class Town:
    """A county that speaks Open311, with three cases and a program's key."""

    def __init__(self, db: Session) -> None:
        self.db, self.town = db, watertown.build(db)
        county_id = self.town.county.id
        self.desk = Scope(county_id, Actor(os_user="desk"), dict.fromkeys(Right, None))
        self.walker = Scope(
            county_id, Actor(os_user="phone"), {Right.VOLUNTEER: None}, person_id=self.town.person_id
        )
        rules.set_rules(db, self.desk, {"open311": True, "separation": "none", "needs_proof": False})
        manager = Manager(Actor(os_user="tester"))
        account, _ = register.add(
            db, manager, "bridge", Right.COORDINATOR, Ground(county_id, None), is_program=True
        )
        self.key = register.token(db, manager, account, "open311", days=1)
        self.open = self.tell(300, "litter.bank", "岸边<b>垃圾</b>\x07&袋子")
        self.closed = self.tell(1500, "road.pit", "坑")
        for move in (Move.ACCEPT, Move.SOLVE, Move.CHECK, Move.CLOSE):
            handling.move(db, self.desk, self.closed, Wanted(move, "只有经办的人才知道"))
        self.rejected = self.tell(800, "water.smell", "骂人的话")
        handling.move(db, self.desk, self.rejected, Wanted(Move.REJECT, "不受理"))

    def tell(self, x: float, category: str, words: str) -> int:
        said = Said(NOW, category, at(x, 5), words=words, caller="赵敏的邻居", caller_phone="13987654321")
        taken = reports.take(
            self.db, self.walker, uuid.uuid4(), said, channel=Channel.PHONE, person_id=self.town.person_id
        )
        return taken.case_id

    def number(self, case_id: int) -> str:
        return self.db.get_one(Case, case_id).number


@pytest.fixture
def town(db: Session) -> Town:
    return Town(db)


def get(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(f"{BASE}/{path}.json", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_is_off_until_the_county_turns_it_on(client: TestClient, db: Session) -> None:
    town = watertown.build(db)
    assert client.get(f"{BASE}/services.json").status_code == 404
    assert client.get(f"{BASE}/discovery.xml").status_code == 404
    assert client.post(f"{BASE}/requests.json", data={"service_code": "litter"}).status_code == 404
    assert town.county.id


def test_services_are_the_categories_in_the_groups_of_their_kinds(client: TestClient, town: Town) -> None:
    rows = {row["service_code"]: row for row in get(client, "services")}
    one = rows["litter.exposed"]
    assert (one["service_name"], one["group"], one["metadata"]) == ("暴露垃圾", "垃圾漂浮物", False)
    assert "GB/T 47678.5-2026 06010" in one["keywords"]
    assert get(client, "services/litter.exposed") == {"service_code": "litter.exposed", "attributes": []}
    root = etree.fromstring(client.get(f"{BASE}/services.xml").content)
    assert root.tag == "services"
    assert len(root) == len(rows)
    assert town.key


def test_requests_say_what_and_where_and_how_far_and_nothing_of_a_person(
    client: TestClient, town: Town
) -> None:
    assert [row["description"] for row in get(client, "requests", status="open")] == [None]
    handling.move(town.db, town.desk, town.open, Wanted(Move.ACCEPT))
    answers = [client.get(f"{BASE}/requests.{form}") for form in ("json", "xml")]
    for answer in answers:
        assert not [secret for secret in SECRETS if secret in answer.text]
        assert "骂人的话" not in answer.text
    rows = {row["service_request_id"]: row for row in answers[0].json()}
    one, closed = rows[town.number(town.open)], rows[town.number(town.closed)]
    assert (one["status"], one["status_notes"], closed["status"]) == ("open", "待交办", "closed")
    assert (one["service_code"], one["address"]) == ("litter.bank", "西荡镇 中心河")
    assert one["lat"] == pytest.approx(at(300, 5)[1], abs=6e-5)
    assert one["lat"] == round(one["lat"], 4)
    assert one["media_url"] is None
    assert len(rows) == 2
    root = etree.fromstring(answers[1].content)
    assert [el.tag for el in root] == ["request"] * 2
    words = root.xpath("//request[service_code='litter.bank']/description/text()")
    assert words == ["岸边<b>垃圾</b>&袋子"], "escaped, without control characters"


def test_requests_are_found_by_number_code_time_status_and_place(client: TestClient, town: Town) -> None:
    number, closed = town.number(town.open), town.number(town.closed)

    def found(**params: Any) -> set[str]:
        return {row["service_request_id"] for row in get(client, "requests", **params)}

    assert found(service_request_id=f"{number},{closed},none", status="open") == {number, closed}
    assert found(service_code="road.pit,water") == {closed}
    assert found(status="closed") == {closed}
    assert found(status="open") == {number}
    assert found(start_date=(NOW + dt.timedelta(days=1)).isoformat()) == set()
    assert found(end_date=(NOW - dt.timedelta(days=1)).isoformat()) == set()
    lon, lat = at(300, 0)
    assert found(lat=lat, long=lon, radius=100) == {number}
    assert found(bbox=f"{lon - 0.001},{lat - 0.001},{lon + 0.001},{lat + 0.001}") == {number}
    assert found(page=2) == set()
    for spelling in ("requests", "request"):
        (one,) = get(client, f"{spelling}/{number}")
        assert one["service_request_id"] == number


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("requests/none", {}, 404),
        ("services/none", {}, 404),
        ("tokens/none", {}, 404),
        (f"tokens/{uuid.UUID(int=7)}", {}, 404),
        ("requests", {"jurisdiction_id": "111111"}, 404),
        ("requests", {"status": "half"}, 400),
        ("requests", {"start_date": "yesterday"}, 400),
        ("requests", {"bbox": "1,2,3"}, 400),
        ("requests", {"bbox": "nan,nan,nan,nan"}, 400),
        ("requests", {"bbox": "2,0,1,9"}, 400),
        ("requests", {"bbox": "0,0,inf,1"}, 400),
        ("requests", {"lat": "91", "long": "0"}, 400),
        ("requests", {"lat": "north", "long": "0"}, 400),
        ("requests", {"lat": "32.9"}, 400),
        ("requests", {"page": "0"}, 400),
        ("requests", {"end_date": "0001-01-02"}, 400),
        ("requests", {"start_date": "9999-12-31T23:59:59-14:00"}, 400),
        ("requests", {"service_code": "x" * 3000}, 400),
        ("requests", {"jurisdiction_id": "\0"}, 400),
        ("requests/%00", {}, 400),
        ("servicerequestupdates", {"end_date": "0001-01-02"}, 400),
    ],
)
def test_errors_are_told_in_the_form_that_was_asked_for(
    client: TestClient, town: Town, path: str, params: dict[str, str], status: int
) -> None:
    answer = client.get(f"{BASE}/{path}.json", params=params)
    assert answer.status_code == status, answer.text
    assert answer.json()[0]["code"] == status
    xml = client.get(f"{BASE}/{path}.xml", params=params)
    assert etree.fromstring(xml.content).xpath("/errors/error/code/text()") == [str(status)]
    assert town.key


def test_a_request_waits_for_a_look_and_is_taken_once(client: TestClient, town: Town, db: Session) -> None:
    lon, lat = at(900, 4)
    said = {
        "api_key": town.key, "service_code": "litter.bank", "lat": str(lat), "long": str(lon),
        "description": "有人倒垃圾", "first_name": "敏", "last_name": "赵", "phone": "13900001111",
        "media_url": "http://127.0.0.1:1/x.jpg", "address_string": "桥下",
    }  # fmt: skip
    first, again = (client.post(f"{BASE}/requests.json", data=said) for _ in range(2))
    assert first.status_code == 201, first.text
    (token,) = {answer.json()[0]["token"] for answer in (first, again)}
    assert get(client, f"tokens/{token}") == [{"service_request_id": None, "token": token}]
    report = db.get_one(Report, uuid.UUID(token))
    case = db.get_one(Case, report.case_id)
    assert (case.state, report.channel, report.caller) == (CaseState.SUBMITTED, Channel.OPEN311, "赵 敏")
    assert "桥下" in (report.words or "")
    assert case.number not in client.get(f"{BASE}/requests.json").text
    handling.move(db, town.desk, case.id, Wanted(Move.ADMIT))
    assert get(client, f"tokens/{token}")[0]["service_request_id"] == case.number
    assert case.number in client.get(f"{BASE}/requests.json").text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"api_key": ""}, 403), ({"api_key": "yx_wrong"}, 403), ({"service_code": ""}, 400),
        ({"service_code": "no"}, 404), ({"lat": "", "long": ""}, 400), ({"lat": "north"}, 400),
        ({"lat": "91"}, 400), ({"lat": "", "long": "", "address_id": "x"}, 404),
        ({"lat": "", "long": "", "address_id": "99999999"}, 400),
        ({"lat": "nan"}, 400), ({"lat": "0", "long": "0"}, 400), ({"phone": "1" * 4001}, 400),
        ({"description": "水" * 30_000}, 413), ({f"attribute[{k}]": "x" for k in range(60)}, 400),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_taken_says_why(
    client: TestClient, town: Town, change: dict[str, str], status: int
) -> None:
    said = {"api_key": town.key, "service_code": "litter", "lat": "32.9", "long": "119.8"} | change
    answer = client.post(f"{BASE}/requests.json", data=said)
    assert answer.status_code == status, answer.text
    assert answer.json()[0]["description"]


def test_a_form_of_another_kind_is_refused_before_it_is_read(client: TestClient, town: Town) -> None:
    for more in ({"json": {"api_key": town.key}}, {"files": {"media": ("x.jpg", b"x" * 99)}}):
        answer = client.post(f"{BASE}/requests.xml", **more)  # type: ignore[arg-type]
        assert etree.fromstring(answer.content).xpath("/errors/error/code/text()") == ["400"]
    answer = client.post(
        f"{BASE}/requests.json", content=b"api_key=%ff\xff",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()[0]["code"]) == (400, 400)


def test_of_a_program_only_so_much_is_taken_a_day(
    client: TestClient, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_A_DAY", 1)
    lon, lat = at(900, 4)
    said = {"api_key": town.key, "service_code": "litter", "lat": str(lat), "long": str(lon)}
    answers = [
        client.post(f"{BASE}/requests.json", data={**said, "description": words})
        for words in ("一", "二", "一")
    ]
    assert [answer.status_code for answer in answers] == [201, 429, 201], "what came before is no more"


def test_a_long_request_keeps_its_address_and_says_that_it_was_cut(
    client: TestClient, town: Town, db: Session
) -> None:
    said = {
        "api_key": town.key, "service_code": "litter", "address_string": "桥下", "description": "水" * 900,
        "media_url": "http://127.0.0.1:1/x.jpg",
    }  # fmt: skip
    (row,) = client.post(f"{BASE}/requests.json", data=said).json()
    words = db.get_one(Report, uuid.UUID(row["token"])).words or ""
    assert words.endswith("水；地址：桥下；附件：http://127.0.0.1:1/x.jpg")
    assert len(words) == reports.LONGEST_WORDS
    assert "500 字" in row["service_notice"]


def test_the_key_of_another_county_opens_nothing_here(client: TestClient, town: Town, db: Session) -> None:
    there = County(code="other", name="别县", time_zone="Asia/Shanghai", crs="EPSG:32650")
    db.add(there)
    db.flush()
    manager = Manager(Actor(os_user="tester"))
    account, _ = register.add(
        db, manager, "stranger", Right.COORDINATOR, Ground(there.id, None), is_program=True
    )
    planner, _ = register.add(
        db, manager, "drawer", Right.PLANNER, Ground(town.desk.county_id, None), is_program=True
    )
    keys = [register.token(db, manager, one, "open311", days=1) for one in (account, planner)]
    here = {"jurisdiction_id": town.town.county.code}
    lon, lat = at(900, 4)
    told = {**here, "service_code": "litter", "lat": str(lat), "long": str(lon)}
    noted = {
        **here, "service_request_id": town.number(town.open), "update_id": "u", "status": "open",
        "description": "x",
    }  # fmt: skip
    for key in keys:
        for path, said in (("requests", told), ("servicerequestupdates", noted)):
            answer = client.post(f"{BASE}/{path}.json", data={**said, "api_key": key})
            assert answer.status_code == 403, answer.text
    assert client.get(f"{BASE}/requests.json").status_code == 400, "which of the two?"
    assert client.get(f"{BASE}/requests.json", params={"jurisdiction_id": "other"}).status_code == 404
    rules.set_rules(db, Scope(there.id, Actor(os_user="desk"), dict.fromkeys(Right, None)), {"open311": True})
    assert get(client, "requests", jurisdiction_id="other") == []
    number = town.number(town.open)
    assert get(client, f"requests/{number}", **here)[0]["service_request_id"] == number
    elsewhere = client.get(f"{BASE}/requests/{number}.json", params={"jurisdiction_id": "other"})
    assert elsewhere.status_code == 404
    assert get(client, "servicerequestupdates", jurisdiction_id="other") == []


def test_ever_smaller_boxes_do_not_find_the_exact_position(client: TestClient, town: Town) -> None:
    (row,) = get(client, f"requests/{town.number(town.open)}")
    lon, lat = at(300, 5)
    assert (row["long"], row["lat"]) != (lon, lat)
    tiny = 1e-7
    exact = f"{lon - tiny},{lat - tiny},{lon + tiny},{lat + tiny}"
    assert get(client, "requests", bbox=exact) == []
    rounded = f"{row['long']},{row['lat']},{row['long']},{row['lat']}"
    assert len(get(client, "requests", bbox=rounded)) == 1
    assert len(get(client, "requests", lat=row["lat"], long=row["long"], radius=1)) == 1


def test_numbers_of_people_are_left_out_of_what_was_told(client: TestClient, town: Town) -> None:
    words = "找老李 139 8765-4321 或 0514-83355667，证 32102519700101123X；2026-11-26 起，第 12 号桥，300 米"
    case_id = town.tell(1200, "litter.bank", words)
    handling.move(town.db, town.desk, case_id, Wanted(Move.ACCEPT))
    (row,) = get(client, f"requests/{town.number(case_id)}")
    assert row["description"] == (
        "找老李 （号码略） 或 （号码略），证 （号码略）；2026-11-26 起，第 12 号桥，300 米"
    )


def test_what_was_joined_unread_shows_no_words(client: TestClient, town: Town) -> None:
    lon, lat = at(300, 6)
    said = {
        "api_key": town.key, "service_code": "litter.bank", "lat": str(lat), "long": str(lon),
        "description": "骂人的话二",
    }  # fmt: skip
    (row,) = client.post(f"{BASE}/requests.json", data=said).json()
    case_id = town.db.get_one(Report, uuid.UUID(row["token"])).case_id
    handling.move(town.db, town.desk, case_id, Wanted(Move.MERGE, into=town.open))
    assert "骂人的话二" not in client.get(f"{BASE}/requests.json").text


def test_no_word_of_anybody_breaks_the_xml_of_all(client: TestClient, town: Town) -> None:
    case_id = town.tell(1200, "litter.bank", "]]>\ufffe\uffff\x0b<!ENTITY a SYSTEM 'x'>😀")
    handling.move(town.db, town.desk, case_id, Wanted(Move.ACCEPT))
    answer = client.get(f"{BASE}/requests.xml")
    assert answer.status_code == 200
    root = etree.fromstring(answer.content)
    words = root.xpath(f"//request[service_request_id='{town.number(case_id)}']/description/text()")
    assert words == ["]]><!ENTITY a SYSTEM 'x'>😀"]


def test_too_many_questions_are_refused_in_the_form_that_was_asked_for(
    client: TestClient, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = doors.Limiter(clock=lambda: 0.0)
    monkeypatch.setattr(client.app.state, "limiter", still)  # type: ignore[attr-defined]
    answers = [client.get(f"{BASE}/discovery.xml") for _ in range(241)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert etree.fromstring(answers[-1].content).xpath("/errors/error/code/text()") == ["429"]
    assert town.key


def test_updates_are_told_and_taken_once(client: TestClient, town: Town, db: Session) -> None:
    rows = get(client, "servicerequestupdates")
    assert [row["description"] for row in rows if row["service_request_id"] == town.number(town.closed)] == [
        "待交办", "待核查", "待结案", "已办结"
    ]  # fmt: skip
    assert "只有经办的人才知道" not in str(rows)
    said = {
        "api_key": town.key, "service_request_id": town.number(town.open), "update_id": "u-1",
        "status": "OPEN", "description": "已派人", "updated_datetime": NOW.isoformat(),
    }  # fmt: skip
    assert client.post(f"{BASE}/servicerequestupdates.json", data=said).status_code == 201
    again = client.post(f"{BASE}/servicerequestupdates.xml", data=said)
    assert (again.status_code, "came before" in again.text) == (400, True)
    step = told.told(db, town.desk, town.open).steps[-1]
    assert (step.move, step.words) == (Move.NOTE, "对方系统：OPEN；已派人")
    for change, status in (
        ({"update_id": ""}, 400),
        ({"service_request_id": "no"}, 404),
        ({"api_key": "x"}, 403),
    ):
        wrong = {**said, "update_id": "u-2"} | change
        assert client.post(f"{BASE}/servicerequestupdates.json", data=wrong).status_code == status


def test_a_photo_that_nobody_released_is_not_there(client: TestClient, town: Town) -> None:
    assert client.get(f"{BASE}/media/{uuid.uuid4()}.jpg").status_code == 404
    assert town.key


def test_only_what_was_released_of_a_photo_is_shown(
    client: TestClient, town: Town, db: Session, tmp_path: Path
) -> None:
    report = db.scalars(select(Report).where(Report.case_id == town.open)).one()
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "green").save(out, "JPEG")
    settings: Settings = client.app.state.settings  # type: ignore[attr-defined]
    kept = pictures.keep_whole(
        db, settings.files_dir, town.desk.county_id, f"report/{report.id}", out.getvalue()
    )
    path = f"{BASE}/media/{kept.id}.jpg"
    assert client.get(path).status_code == 404
    pictures.blur(db, settings.files_dir, town.desk.county_id, kept.id, [])
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    (row,) = get(client, f"requests/{town.number(town.open)}")
    assert row["media_url"].endswith(path)
    rules.set_rules(db, town.desk, {"open311": False})
    assert client.get(path).status_code == 404


@pytest.fixture
def address(apart: Engine, tmp_path: Any) -> Iterator[tuple[str, Town]]:
    """A running service on loopback, as clients of other people want it."""
    with Session(apart, expire_on_commit=False) as db, db.begin():
        town = Town(db)
    port = free_port()
    settings = Settings(data_dir=tmp_path, public_url=f"http://127.0.0.1:{port}")
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings, apart), port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}{BASE}", town
    server.should_exit = True
    thread.join()


def test_the_client_that_others_use_works(address: tuple[str, Town]) -> None:
    url, town = address
    for form in ("json", "xml"):
        client = GeoReport(url, api_key=town.key, output_format=form)
        services = client.get_service_list()
        assert "litter.bank" in {one["service_code"] for one in services}
        assert client.get_service_definition("litter.bank")["service_code"] == "litter.bank"
        found = client.get_service_requests(status="closed")
        (one,) = found if isinstance(found, list) else [found]
        number = one["service_request_id"]
        again = client.get_service_request(number)
        (same,) = again if isinstance(again, list) else [again]
        assert same["service_request_id"] == number
        assert same["status"] == "closed"
        lon, lat = at(900, 4)
        # It only reads; what it would have to send is written as the specification has it.
        said = {"api_key": town.key, "service_code": "litter.bank", "lat": str(lat), "long": str(lon)}
        made = httpx2.post(f"{url}/requests.{form}", data={**said, "description": f"有人倒垃圾 {form}"})
        assert made.status_code == 201
        token = (
            made.json()[0]["token"]
            if form == "json"
            else xmltodict.parse(made.content)["service_requests"]["request"]["token"]
        )
        assert uuid.UUID(token)
