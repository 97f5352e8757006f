"""Sheets of cards: for whom, with which name and number; what was printed opens the page."""

import datetime as dt
import io
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.text
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli
from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.accounts.service import recognise
from geo_service.cli import cards as command
from geo_service.devices import service, sheets
from geo_service.devices.sheets import Asked, Whom
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.settings import Settings
from geo_service.tables import Account, Area, Audit, Duty, Person, Place, SignIn
from layers.vocabulary import DutyKind, Layer, Level, Right, Role
from tests.geo_service.conftest import SmallCounty

ADDRESS = "https://xun.example"


@pytest.fixture
def town(small_county: SmallCounty) -> Area:
    return small_county.area("东")


@pytest.fixture
def village(small_county: SmallCounty, town: Area) -> Area:
    return small_county.area("东一", town, "village")


def lives(
    db: Session, county: SmallCounty, name: str, area: Area | None, gender: str | None = None
) -> Person:
    person = db.get_one(Person, county.person(name, area))
    person.attributes = {"gender": gender} if gender else {}
    db.flush()
    return person


def holds(db: Session, person: Person, place: Place, kind: DutyKind, until: dt.date | None = None) -> None:
    db.add(
        Duty(
            county_id=person.county_id,
            person_id=person.id,
            place_id=place.id,
            role=Role.RIVER_STEWARD,
            kind=kind,
            level=Level.VILLAGE,
            in_force=Range(dt.date(2020, 1, 1), until),
        )
    )
    db.flush()


def make(db: Session, scope: Scope, area: Area | None = None, **asked: Any) -> sheets.Sheets:
    return sheets.make(db, scope, Asked(area.code if area else None, **asked), ADDRESS)


def enters(db: Session, address: str, key: str | None = None) -> bool:
    card = address.removeprefix(f"{ADDRESS}/v#c=")
    return service.enter(db, card, key or secrets.token_urlsafe(32), "", request_id=None).is_admitted


def test_a_sheet_is_for_those_of_an_area_who_have_no_card(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area, village: Area
) -> None:
    wang = lives(db, small_county, "王秀英", village, "女")
    lives(db, small_county, "欧阳修文", town, "男")
    lives(db, small_county, "赵六", small_county.area("西"))
    assert sheets.count(db, scope, town.code) == sheets.Count(2, 2)
    made = make(db, scope, town)
    assert [card.name for card in made.cards] == ["欧阳先生", "王女士"]
    assert all(enters(db, card.address) for card in made.cards)
    assert sheets.count(db, scope, town.code) == sheets.Count(2, 0)
    with pytest.raises(NotFound, match="都有卡片了"):
        make(db, scope, town)
    li = lives(db, small_county, "李卫国", village)
    assert [card.name for card in make(db, scope, town).cards] == ["李老师"]
    (again,) = make(db, scope, village, person_id=wang.id, whom=Whom.AGAIN, full=True).cards
    assert again.name == "王秀英"
    service.revoke(db, scope, next(way.id for way in service.ways(db, scope, person_id=li.id)))
    assert sheets.count(db, scope, town.code).missing == 1, "whose card was revoked has none"


def test_officials_get_no_card_unless_they_volunteer_too(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area
) -> None:
    river = small_county.place(Layer.RIVER, "河", None)
    chief = lives(db, small_county, "李镇长", town)
    both = lives(db, small_county, "周书记", town)
    was = lives(db, small_county, "吴退休", town)
    for person in (chief, both):
        holds(db, person, river, DutyKind.OFFICIAL)
    holds(db, both, river, DutyKind.VOLUNTEER)
    holds(db, was, river, DutyKind.OFFICIAL, dt.date(2024, 1, 1))
    assert [card.name for card in make(db, scope, town, full=True).cards] == ["吴退休", "周书记"]


def test_old_cards_stay_good_unless_they_are_replaced_and_phones_go_on(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area
) -> None:
    lives(db, small_county, "王秀英", town)
    (first,) = make(db, scope, town).cards
    key = secrets.token_urlsafe(32)
    assert enters(db, first.address, key)
    (second,) = make(db, scope, town, whom=Whom.AGAIN).cards
    assert enters(db, first.address, key)
    assert enters(db, second.address, key)
    (third,) = make(db, scope, town, whom=Whom.REPLACE).cards
    for old in (first, second):
        with pytest.raises(NotFound):
            enters(db, old.address, key)
    kinds = [(way.kind, way.name, way.is_waiting) for way in service.ways(db, scope)]
    assert kinds == [("phone", "手机，浏览器", False), ("card", third.mark, False)]
    assert recognise(db, key, kinds=("phone",), staff_idle=dt.timedelta(minutes=30)) is not None
    assert enters(db, third.address, key)


def test_the_number_on_a_card_is_that_of_the_nearest_contact(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area, village: Area
) -> None:
    lives(db, small_county, "王秀英", village)
    root = small_county.area("县", None, "county")

    def called() -> tuple[str | None, str | None]:
        (card,) = make(db, scope, village, whom=Whom.AGAIN).cards
        return card.contact, card.phone

    assert called() == (None, None)
    root.contact_name, root.contact_phone = "县河长办", "0523-80000000"
    db.flush()
    assert called() == ("县河长办", "0523-80000000")
    town.contact_name, town.contact_phone = "李主任", "0523-83212345"
    db.flush()
    assert called() == ("李主任", "0523-83212345")
    village.contact_phone = "13812345678"
    db.flush()
    assert called() == (None, "13812345678")


def test_who_is_out_of_use_is_left_out_and_said_so(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area
) -> None:
    wang = lives(db, small_county, "王秀英", town)
    with pytest.raises(NotFound, match="还没有登记志愿者"):
        make(db, scope, small_county.area("西"))
    make(db, scope, town)
    account = db.scalars(select(Account).where(Account.person_id == wang.id)).one()
    account.disabled_at = dt.datetime.now(dt.UTC)
    db.flush()
    with pytest.raises(NotFound, match="停用"):
        make(db, scope, town, whom=Whom.AGAIN)
    lives(db, small_county, "李卫国", town)
    made = make(db, scope, town, whom=Whom.AGAIN)
    assert ([card.name for card in made.cards], made.left_out) == (["李老师"], 1)


def test_cards_are_made_by_those_who_may_and_not_too_many_at_once(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area, village: Area
) -> None:
    for k in range(3):
        lives(db, small_county, f"王{k}", village)
    west = small_county.area("西")
    elsewhere = Scope(scope.county_id, Actor(), {Right.COORDINATOR: frozenset({west.id})})
    with pytest.raises(NotFound):
        make(db, elsewhere, town)
    with pytest.raises(NotFound, match="还没有登记"):
        make(db, elsewhere)
    with pytest.raises(Forbidden):
        make(db, Scope(scope.county_id, Actor(), {Right.PLANNER: None}), town)
    with pytest.raises(Invalid, match="一次最多 2 张"):
        sheets.make(db, scope, Asked(town.code), ADDRESS, most=2)
    assert db.scalar(select(func.count(SignIn.id))) == 0


def test_the_audit_counts_cards_and_keeps_no_secret(
    db: Session, scope: Scope, small_county: SmallCounty, town: Area
) -> None:
    lives(db, small_county, "王秀英", town)
    (card,) = make(db, scope, town).cards
    row = db.scalars(select(Audit).where(Audit.action == "devices.sheet")).one()
    assert row.detail == {"cards": 1, "whom": "missing", "full": False}
    everything = " ".join(str(detail) for detail in db.scalars(select(Audit.detail)))
    assert card.address[-43:] not in everything


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("http://127.0.0.1:8000", False), ("http://localhost:8000", False), ("http://[::1]:8000", False),
        ("http://127.8.0.1", False), ("https://xun.example", True), ("http://192.168.1.8:8000", True),
    ],
)  # fmt: skip
def test_an_address_of_this_machine_alone_is_no_use_on_a_card(address: str, *, good: bool) -> None:
    assert sheets.opens_on_phones(address) is good


# --- over HTTP and by command


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All texts that are drawn from now on."""
    texts: list[str] = []
    set_text = matplotlib.text.Text.set_text

    def heard(self: matplotlib.text.Text, text: object) -> None:
        texts.append(str(text))
        set_text(self, text)

    monkeypatch.setattr(matplotlib.text.Text, "set_text", heard)
    return texts


@pytest.fixture
def clerk(db: Session, client: TestClient, scope: Scope) -> TestClient:
    """A coordinator of the county."""
    by = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, by, "clerk", Right.COORDINATOR, Ground(scope.county_id), is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'cards', days=None)}"
    return client


def test_a_sheet_over_http_is_a_pdf_that_nobody_keeps(
    db: Session, clerk: TestClient, small_county: SmallCounty, town: Area, drawn: list[str]
) -> None:
    for k in range(9):
        lives(db, small_county, f"王秀{k}", town, "女")
    answer = clerk.post("/api/cards", params={"area": town.code})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert len(re.findall(rb"/Type /Page\b", answer.content)) == 2
    assert drawn.count("王女士") == 9
    again = clerk.post("/api/cards", params={"area": town.code})
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    drawn.clear()
    full = clerk.post("/api/cards", params={"area": town.code, "whom": "again", "full": 1})
    assert full.status_code == 200
    assert "王秀0" in drawn
    assert clerk.post("/api/cards", params={"whom": "everybody"}).status_code == 422
    assert clerk.post("/api/cards", params={"area": "没有"}).status_code == 404


def test_the_form_says_how_many_have_none_and_what_is_wrong(
    db: Session, clerk: TestClient, small_county: SmallCounty, town: Area
) -> None:
    lives(db, small_county, "王秀英", town)
    page = clerk.get("/cards", params={"area": town.code}).text
    assert "<strong>1</strong> 人还没有卡片" in page
    assert "GEO_PUBLIC_URL" in page, "an address of this machine is said to be no use"
    printed = clerk.post("/cards/sheet", data={"area": town.code, "full": "true"})
    assert printed.headers["content-type"] == "application/pdf"
    refused = clerk.post("/cards/sheet", data={"area": town.code})
    assert refused.status_code == 422
    assert "没有做卡片" in refused.text
    assert clerk.post("/cards/sheet", data={"area": town.code, "whom": "x"}).status_code == 422


@pytest.fixture
def run(
    db: Session, scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Run the command on the test's own transaction."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings(data_dir=tmp_path, _env_file=None)

    monkeypatch.setattr(command, "connect", connect)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli.app, ["cards", *words])
        return result.exit_code, result.output + str(getattr(result.exception, "detail", ""))

    return run


def test_the_command_writes_a_file_that_only_its_owner_reads(
    db: Session, run: Callable[..., tuple[int, str]], small_county: SmallCounty, town: Area, tmp_path: Path
) -> None:
    lives(db, small_county, "王秀英", town)
    path = tmp_path / "卡片.pdf"
    code, said = run("--area", town.code, "-o", str(path))
    assert (code, "1 张卡片，1 页" in said) == (0, True), said
    assert path.read_bytes().startswith(b"%PDF")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "GEO_PUBLIC_URL" in said
    code, said = run("--area", town.code, "-o", str(path))
    assert (code, "都有卡片了" in said) == (1, True), said
    assert [one.name for one in tmp_path.iterdir()] == ["卡片.pdf"], "nothing half-written is left"


@pytest.mark.parametrize("name", ["卡片.png", "没有这里/卡片.pdf", "."])
def test_where_no_file_can_be_written_no_card_is_made(
    db: Session, run: Callable[..., tuple[int, str]], small_county: SmallCounty, town: Area, tmp_path: Path,
    name: str,
) -> None:  # fmt: skip
    lives(db, small_county, "王秀英", town)
    code, said = run("--area", town.code, "-o", str(tmp_path / name))
    assert code == 1, said
    assert db.scalar(select(func.count(SignIn.id))) == 0


def test_a_drawing_that_fails_makes_no_card(
    db: Session, run: Callable[..., tuple[int, str]], small_county: SmallCounty, town: Area, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    lives(db, small_county, "王秀英", town)
    db.commit()

    def fails(_cards: object, file: io.BufferedWriter, _about: object) -> None:
        file.write(b"%PDF half")
        raise Invalid("写到一半")

    monkeypatch.setattr(command, "write_cards", fails)
    code, said = run("--area", town.code, "-o", str(tmp_path / "卡片.pdf"))
    assert code == 1, said
    assert list(tmp_path.iterdir()) == []
    assert db.scalar(select(func.count(SignIn.id))) == 0
