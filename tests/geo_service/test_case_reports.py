"""A volunteer's reports over HTTP: bad input at each door, others' reports, photos in pieces, said twice."""

import contextlib
import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, reports, rules, told, units
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.cases.units import UnitSaid
from geo_service.db import transaction
from geo_service.errors import Invalid, NotFound
from geo_service.tables import Case, CaseStep, County, PhotoPiece, Report, StoredFile
from layers.errors import IllegalMove
from layers.vocabulary import CaseState, Channel, FileKind, Move, Right
from tests.geo_service import watertown
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_case_pictures import PHOTO
from tests.geo_service.test_plates import at
from tests.geo_service.watertown import Watertown

PIECE = 100_000
MANAGER = Manager(Actor(os_user="tester"))


def stamp(days: int = 0) -> str:
    """Return the time so many days ago, as phones write it."""
    return f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=days):%FT%TZ}"


class Phone:
    """A volunteer's phone, and what it sends."""

    def __init__(self, db: Session, client: TestClient, county_id: int, person_id: uuid.UUID) -> None:
        self.client = client
        account, _ = register.add(
            db, MANAGER, f"phone-{person_id.hex[:20]}", Right.VOLUNTEER, Ground(county_id, None),
            person_id=person_id,
            is_program=True,
        )  # fmt: skip
        self.headers = {"Authorization": f"Bearer {register.token(db, MANAGER, account, 'phone', days=None)}"}

    def ask(self, method: str, path: str, **more: Any) -> Any:
        return self.client.request(method, f"/api/v/{path}", headers=self.headers, **more)

    def tell(self, id_: uuid.UUID | None = None, **said: Any) -> Any:
        lon, lat = at(300, 5)
        whole = {"at": stamp(), "category": "litter.bank", "lon": lon, "lat": lat}
        body = {name: value for name, value in (whole | said).items() if value is not ...}
        return self.ask("PUT", f"reports/{id_ or uuid.uuid4()}", json=body)

    def told(self, **said: Any) -> uuid.UUID:
        id_ = uuid.uuid4()
        answer = self.tell(id_, **said)
        assert answer.status_code == 201, answer.text
        return id_

    def with_photo(self, data: bytes = PHOTO, **said: Any) -> tuple[uuid.UUID, uuid.UUID]:
        photo_id = uuid.uuid4()
        photo = {"id": str(photo_id), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} | said
        return self.told(photos=[photo]), photo_id

    def piece(self, report_id: uuid.UUID, photo_id: uuid.UUID, offset: Any, content: bytes) -> Any:
        path, kind = f"reports/{report_id}/photos/{photo_id}", {"Content-Type": "application/octet-stream"}
        return self.client.put(
            f"/api/v/{path}", params={"offset": offset}, content=content, headers=self.headers | kind
        )

    def progress(self, report_id: uuid.UUID) -> Any:
        return self.ask("GET", f"reports/{report_id}/photos").json()


@pytest.fixture
def phone(db: Session, client: TestClient, town: Watertown) -> Phone:
    return Phone(db, client, town.county.id, town.person_id)


@pytest.fixture
def other(db: Session, client: TestClient, town: Watertown) -> Phone:
    """The phone of somebody else of the county."""
    return Phone(db, client, town.county.id, SmallCounty(db, town.county).person("李阿姨"))


@pytest.fixture
def chief(town: Watertown) -> Scope:
    return Scope(town.county.id, Actor(account_id=uuid.uuid4()), dict.fromkeys(Right, None))


@pytest.fixture
def outsider(db: Session, client: TestClient) -> Phone:
    """The phone of somebody of another county."""
    county = County(code="999955", name="邻县", time_zone="Asia/Shanghai")
    db.add(county)
    db.flush()
    return Phone(db, client, county.id, SmallCounty(db, county).person("邻县的人"))


@contextmanager
def counted(db: Session) -> Iterator[list[str]]:
    """Note what the database is asked."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(db.connection(), "before_cursor_execute", note)
    yield said
    event.remove(db.connection(), "before_cursor_execute", note)


def case_of(db: Session, report_id: uuid.UUID) -> Case:
    found = select(Case).join(Report, Report.case_id == Case.id).where(Report.id == report_id)
    return db.scalars(found.execution_options(populate_existing=True)).one()


# --- the report


def test_a_report_belongs_to_the_walk_on_which_it_was_told_if_that_is_ones_own(
    db: Session, phone: Phone, other: Phone, chief: Scope
) -> None:
    walk = str(uuid.uuid4())
    begun = phone.client.put(f"/api/patrols/{walk}", json={"started_at": stamp()}, headers=phone.headers)
    assert begun.status_code == 201
    mine, theirs, unknown = (
        case_of(db, one.told(patrol_id=id_)).id
        for one, id_ in ((phone, walk), (other, walk), (phone, str(uuid.uuid4())))
    )
    walks = [told.told(db, chief, case_id).reports[0].patrol_id for case_id in (mine, theirs, unknown)]
    assert walks == [uuid.UUID(walk), None, None]
    (on_it,) = told.on_patrol(db, chief, uuid.UUID(walk))
    assert (on_it.case_id, on_it.what) == (mine, "垃圾漂浮物·河岸垃圾")
    elsewhere = Scope(chief.county_id, chief.actor, {Right.COORDINATOR: frozenset()})
    assert told.on_patrol(db, elsewhere, uuid.UUID(walk)) == []


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"at": ...}, "at"),
        ({"at": "2026-05-01T08:00:00"}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "时间不可能"),
        ({"category": ...}, "category"),
        ({"category": "no.such"}, "重新选择"),
        ({"category": "\x00<b>"}, "重新选择"),
        ({"category": "x" * 62}, "category"),
        ({"lat": ...}, "lon and lat go together"),
        ({"lon": 181}, "lon"),
        ({"lat": -91}, "lat"),
        ({"lon": "NaN"}, "lon"),
        ({"accuracy_m": "Infinity"}, "accuracy_m"),
        ({"datum": "mars"}, "datum"),
        ({"place_id": -1}, "place_id"),
        ({"place_id": 2**63}, "place_id"),
        ({"words": "长" * 501}, "words"),
        ({"solved": "长" * 501}, "solved"),
        ({"patrol_id": "x"}, "patrol_id"),
        ({"photos": [{"id": str(uuid.uuid4()), "size": 0}]}, "size"),
        ({"photos": [{"id": str(uuid.uuid4()), "size": reports.MOST_PHOTO_BYTES + 1}]}, "size"),
        ({"photos": [{"id": str(uuid.uuid4()), "size": 1, "sha256": "AB"}]}, "sha256"),
        ({"photos": [{"id": str(uuid.UUID(int=1)), "size": 1}] * 2}, "编号不能重复"),
        ({"photos": [{"id": str(uuid.uuid4()), "size": 1} for _ in range(11)]}, "photos"),
        ({"severity": "grave"}, "severity"),
        ({"caller": "别人"}, "caller"),
    ],
)
def test_a_bad_report_is_refused_with_what_is_wrong_and_nothing_is_kept(
    db: Session, phone: Phone, said: dict[str, Any], part: str
) -> None:
    answer = phone.tell(**said)
    assert answer.status_code == 422, answer.text
    assert part in answer.text
    assert db.scalar(select(func.count()).select_from(Report)) == 0
    assert db.scalar(select(func.count()).select_from(Case)) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"at": 1e999}', b"\xff\xfe"])
def test_what_is_no_report_at_all_is_refused(phone: Phone, body: bytes) -> None:
    answer = phone.client.put(
        f"/api/v/reports/{uuid.uuid4()}",
        content=body,
        headers=phone.headers | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "said",
    [
        {"lon": 0, "lat": 90},
        {"lon": -180, "lat": -90, "accuracy_m": 1e308},
        {"accuracy_m": 1e-320},
        {"accuracy_m": -5},
        {"lon": ..., "lat": ...},
        {"at": "2199-01-01T00:00:00Z"},
        {"words": "\x00\ud7ff {0} %s <script>"},
        {"solved": "  "},
        {"category": "litter"},
    ],
)
def test_what_is_odd_but_true_is_taken(phone: Phone, said: dict[str, Any]) -> None:
    answer = phone.tell(**said)
    assert answer.status_code == 201, answer.text
    assert answer.json()["report"]["steps"]
    assert len(phone.ask("GET", "reports").json()) == 1


def test_a_phone_that_knows_former_categories_reports_the_kind(
    db: Session, phone: Phone, chief: Scope
) -> None:
    """Refused, it would lie on the phone of somebody who cannot choose anew."""
    tree = rules.ground(db, chief.county_id).categories
    fewer = [one for one in tree.rows if one.code != "litter.bank"]
    rules.set_categories(db, chief, "第二版", type(tree).of(fewer))
    assert case_of(db, phone.told(category="litter.bank")).category == "litter"


def test_again_is_told_the_same_with_other_content_it_is_refused(phone: Phone, other: Phone) -> None:
    id_, now = uuid.uuid4(), stamp()
    first, again = phone.tell(id_, at=now), phone.tell(id_, at=now)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["report"] == first.json()["report"]
    assert phone.tell(id_, at=now, words="另一句").status_code == 409
    assert other.tell(id_, at=now).status_code == 409
    assert len(phone.ask("GET", "reports").json()) == 1


def test_too_late_says_whom_to_call(phone: Phone) -> None:
    answer = phone.tell(at=stamp(400))
    assert answer.status_code == 422, answer.text
    assert "打电话" in answer.json()["detail"]


def test_a_place_of_another_county_is_none(db: Session, phone: Phone, outsider: Phone) -> None:
    place_id = phone.ask("GET", "me").json()["places"][0]["id"]
    answer = outsider.tell(place_id=place_id)
    assert answer.status_code == 404
    assert "重新选择" in answer.json()["detail"]
    assert db.scalar(select(func.count()).select_from(Report)) == 0


# --- whose it is


def test_anothers_report_is_not_there_at_any_door(
    db: Session, phone: Phone, other: Phone, outsider: Phone
) -> None:
    report_id, photo_id = phone.with_photo()
    for somebody, id_ in ((other, report_id), (outsider, report_id), (phone, uuid.uuid4())):
        doors = [
            somebody.piece(id_, photo_id, 0, b"x"),
            somebody.ask("GET", f"reports/{id_}/photos"),
            somebody.ask("POST", f"reports/{id_}/same", json={"case_id": 1}),
            somebody.ask("POST", f"reports/{id_}/steps", json={"move": "check"}),
        ]
        assert [answer.status_code for answer in doors] == [404] * 4, [answer.text for answer in doors]
    assert other.ask("GET", "reports").json() == outsider.ask("GET", "reports").json() == []
    assert db.scalar(select(func.count()).select_from(PhotoPiece)) == 0


def test_a_strangers_report_belongs_to_nobody(db: Session, town: Watertown) -> None:
    """A scope of no person must not be taken for that of a report that nobody's person told."""
    nobody = Scope(town.county.id, Actor(os_user="x"), {Right.VOLUNTEER: None})
    said, id_ = Said(dt.datetime.now(dt.UTC), "litter", at(10, 0)), uuid.uuid4()
    reports.take(db, nobody, id_, said, channel=Channel.PUBLIC, person_id=None)
    with pytest.raises(NotFound):
        reports.own(db, nobody, id_)


# --- photos in pieces


def test_a_photo_comes_in_pieces_and_what_is_there_is_told(db: Session, phone: Phone) -> None:
    report_id, photo_id = phone.with_photo()
    step = len(PHOTO) // 3 + 1
    assert phone.progress(report_id) == {str(photo_id): 0}
    first = phone.piece(report_id, photo_id, 0, PHOTO[:step])
    assert first.json() == {"received": step, "size": len(PHOTO), "is_whole": False}
    assert phone.piece(report_id, photo_id, 0, PHOTO[:step]).json() == first.json(), "never answered"
    assert phone.piece(report_id, photo_id, 2 * step, PHOTO[2 * step :]).json()["received"] == step
    assert phone.progress(report_id) == {str(photo_id): step}
    done = phone.piece(report_id, photo_id, step, PHOTO[step : 2 * step]).json()
    assert done == {"received": len(PHOTO), "size": len(PHOTO), "is_whole": True}
    assert phone.piece(report_id, photo_id, step, PHOTO[step : 2 * step]).json() == done
    own = StoredFile.subject == f"report/{report_id}"
    kept = db.scalars(select(StoredFile).where(own, StoredFile.kind == FileKind.ORIGINAL)).one()
    assert kept.sha256 == hashlib.sha256(PHOTO).digest()


def test_bad_pieces_are_refused_with_what_is_wrong(db: Session, phone: Phone) -> None:
    report_id, photo_id = phone.with_photo()
    size = len(PHOTO)
    for offset, content, status in (
        (0, b"", 422),
        (0, b"x" * (256 * 2**10 + 1), 422),
        (size, b"x", 422),
        (size - 1, b"xx", 422),
        (2**31, b"x", 422),
        (-1, b"x", 422),
        ("x", b"x", 422),
    ):
        answer = phone.piece(report_id, photo_id, offset, content)
        assert answer.status_code == status, answer.text
    assert phone.piece(report_id, uuid.uuid4(), 0, b"x").status_code == 404
    assert phone.ask("PUT", f"reports/{report_id}/photos/x", content=b"x").status_code == 422
    assert db.scalar(select(func.count()).select_from(PhotoPiece)) == 0
    assert phone.piece(report_id, photo_id, 0, PHOTO[:100]).status_code == 200
    assert phone.piece(report_id, photo_id, 50, PHOTO[50:150]).status_code == 409
    assert phone.piece(report_id, photo_id, 0, b"x" * 100).status_code == 409
    assert phone.progress(report_id) == {str(photo_id): 100}


def test_a_wrong_hash_is_told_and_the_photo_can_be_sent_from_the_beginning(db: Session, phone: Phone) -> None:
    report_id, photo_id = phone.with_photo(sha256="0" * 64)
    answer = phone.piece(report_id, photo_id, 0, PHOTO)
    assert answer.status_code == 422
    assert "从头再发" in answer.json()["detail"]
    assert phone.progress(report_id) == {str(photo_id): 0}
    assert db.scalar(select(func.count()).select_from(StoredFile)) == 0


def test_what_is_no_picture_is_told_once_and_asked_for_no_more(phone: Phone) -> None:
    data = b"no picture" * 100
    report_id, photo_id = phone.with_photo(data)
    for _ in range(2):
        answer = phone.piece(report_id, photo_id, 0, data)
        assert answer.status_code == 422
        assert "照片" in answer.json()["detail"]
    assert phone.progress(report_id) == {str(photo_id): len(data)}
    assert phone.ask("GET", "reports").json()[0]["state"] == "reported", "the report stands"


def test_a_piece_asks_the_database_little(db: Session, phone: Phone) -> None:
    """A photo has dozens, and a township's phones send at the same time."""
    report_id, photo_id = phone.with_photo()
    phone.piece(report_id, photo_id, 0, PHOTO[:10])
    with counted(db) as said:
        assert phone.piece(report_id, photo_id, 10, PHOTO[10:20]).status_code == 200
    assert len(said) < 20, said


def test_fifty_reports_are_told_by_as_many_questions_as_one(db: Session, phone: Phone) -> None:
    phone.told(words="第一")
    with counted(db) as few:
        assert len(phone.ask("GET", "reports").json()) == 1
    for _ in range(6):
        phone.told()
    with counted(db) as many:
        assert len(phone.ask("GET", "reports").json()) == 7
    assert len(many) == len(few)


# --- the same, and how it goes on


def test_only_a_case_that_is_like_it_can_be_joined_and_only_with_ones_own(
    db: Session, phone: Phone, other: Phone
) -> None:
    first, far = phone.told(), phone.told(lon=at(1900, 5)[0], lat=at(1900, 5)[1])
    second = other.told()
    like, unlike = case_of(db, first).id, case_of(db, far).id
    for case_id in (unlike, 0, 2**62, case_of(db, second).id):
        assert other.ask("POST", f"reports/{second}/same", json={"case_id": case_id}).status_code == 404
    for bad in ({}, {"case_id": -1}, {"case_id": 2**63}, {"case_id": "x"}, {"case_id": like, "more": 1}):
        assert other.ask("POST", f"reports/{second}/same", json=bad).status_code == 422
    for _ in range(2):  # the answer was never heard
        joined = other.ask("POST", f"reports/{second}/same", json={"case_id": like})
        assert joined.status_code == 200, joined.text
        assert joined.json()["case_id"] == like
    joins = select(func.count()).select_from(CaseStep).where(CaseStep.move == Move.JOIN)
    assert db.scalar(joins) == 1


def test_what_is_said_of_a_handling_counts_once_however_often_it_is_sent(
    db: Session, phone: Phone, chief: Scope
) -> None:
    report_id = phone.told()
    case_id = case_of(db, report_id).id
    handling.move(db, chief, case_id, Wanted(Move.ACCEPT))
    unit_id = units.save(db, chief, UnitSaid("环卫站"))
    handling.move(db, chief, case_id, Wanted(Move.DISPATCH, unit_id=unit_id))
    mate = Scope(chief.county_id, Actor(account_id=uuid.uuid4()), chief.rights)
    finish = Wanted(Move.FINISH, "又去了，没有照片")
    handling.move(db, mate, case_id, finish)
    said = {"id": str(uuid.uuid4()), "move": "rework", "words": "还有一袋"}
    answers = [phone.ask("POST", f"reports/{report_id}/steps", json=said) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[1].text
    assert answers[0].json()["state"] == answers[1].json()["state"] == "handling"
    handling.move(db, mate, case_id, finish)
    late = phone.ask("POST", f"reports/{report_id}/steps", json=said)
    assert late.json()["state"] == "done", "what was said of the handling before is not said of this one"
    assert case_of(db, report_id).reworks == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"move": "close"},
        {"move": "accept"},
        {"move": "rework", "words": "长" * 501},
        {"move": "check", "id": "x"},
        {"move": "check", "unit_id": 1},
    ],
)
def test_nothing_else_can_be_said(phone: Phone, said: dict[str, Any]) -> None:
    assert phone.ask("POST", f"reports/{phone.told()}/steps", json=said).status_code == 422


def test_what_is_not_done_yet_cannot_be_checked(phone: Phone) -> None:
    answer = phone.ask("POST", f"reports/{phone.told()}/steps", json={"move": "check"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]


# --- together


def test_two_cases_that_are_merged_into_each_other_at_once_are_one_afterwards(
    apart: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would lock its own and wait for the other: the database would end one of them by a failure."""
    with transaction(apart) as db:
        town = watertown.build(db)
        person_id = town.person_id
        actor = Actor(account_id=uuid.uuid4())
        own = Scope(town.county.id, actor, {Right.VOLUNTEER: None}, person_id=person_id)
        said = Said(dt.datetime.now(dt.UTC), "litter.bank", at(300, 5))
        ids = [uuid.uuid4(), uuid.uuid4()]
        cases = [
            reports.take(db, own, id_, said, channel=Channel.PHONE, person_id=person_id).case_id
            for id_ in ids
        ]
    both, demand = threading.Barrier(2), handling._demand_target

    def slowly(*asked: Any, **more: Any) -> None:
        demand(*asked, **more)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1.0)

    monkeypatch.setattr(handling, "_demand_target", slowly)

    def join(one: int) -> bool:
        try:
            with transaction(apart) as db:
                reports.same_as(db, own, ids[one], cases[1 - one])
        except (IllegalMove, Invalid, NotFound):
            return False
        return True

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(join, (0, 1))) == [False, True]
    with Session(apart) as db:
        states = sorted(row.state for row in db.scalars(select(Case)))
    assert states == [CaseState.MERGED, CaseState.REPORTED]
