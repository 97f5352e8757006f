"""Plates: made near their places by those who may, printed, replaced; what a stranger who scans is told."""

import datetime as dt
import json
import math
import re
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.text
import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli
from geo_service.accounts import doors, register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.cli import plates as command
from geo_service.devices import service as devices
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.patrols import service as patrols
from geo_service.plates import ids, public, service, sheets
from geo_service.plates.service import Wanted
from geo_service.plates.sheets import Asked
from geo_service.settings import Settings
from geo_service.tables import Audit, Duty, Patrol, Person, Place, Plate
from layers.crs import from_wgs84, to_lonlat
from layers.vocabulary import Datum, DutyKind, Layer, Level, Right, Role
from tests.geo_service.conftest import CRS, NOON, ORIGIN, SmallCounty

ADDRESS = "https://xun.example"


def at(x: float, y: float) -> tuple[float, float]:
    """A position in metres from the origin, as lon, lat."""
    lon, lat = to_lonlat(np.array([[x, y]]) + ORIGIN, CRS)[0].tolist()
    return lon, lat


def holds(
    db: Session, person: Person, place: Place, kind: DutyKind = DutyKind.VOLUNTEER,
    level: Level = Level.VILLAGE, spans: list[Range[int]] | None = None,
) -> None:  # fmt: skip
    db.add(
        Duty(
            county_id=person.county_id, person_id=person.id, place_id=place.id, spans=spans, kind=kind,
            role=Role.of(Layer(place.layer)), level=level, in_force=Range(dt.date(2020, 1, 1), None),
        )
    )  # fmt: skip
    db.flush()


def somebody(db: Session, county: SmallCounty, name: str, number: str | None = None) -> Person:
    person = db.get_one(Person, county.person(name))
    person.number = number
    db.flush()
    return person


# --- ids


def test_an_id_cannot_be_guessed_or_misread() -> None:
    assert pytest.approx(ids.LENGTH * math.log2(len(set(ids.ALPHABET)))) == ids.BITS
    assert ids.BITS > 80
    assert not set(ids.ALPHABET) & set("0O1ILl2Z5S8BU")
    made = {ids.new() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ids.read(one) == one for one in made)
    one = ids.new()
    assert ids.read(f" {one[:6].lower()}-{one[6:12]} {one[12:]}") == one
    for wrong in ("", one[:-1], f"{one}A", one.replace(one[0], "0"), "\0" * 18, "好" * 18, "A" * 10_000):
        assert ids.read(wrong) is None


# --- making


def test_a_plate_hangs_near_its_place_in_whatever_datum_that_was_said(
    db: Session, scope: Scope, river: Place
) -> None:
    plate = service.make(db, scope, Wanted(river.id, " 车路桥\n西北角 ", at(500, 290)))
    assert (plate.place, plate.name, plate.mark) == ("车路河", "车路桥 西北角", plate.id[-6:])
    assert plate.at == pytest.approx(at(500, 290), abs=1e-12)
    shifted = tuple(from_wgs84(np.array([at(2000, 0)]), Datum.GCJ02)[0].tolist())
    from_amap = service.make(db, scope, Wanted(river.id, None, shifted, Datum.GCJ02))
    assert from_amap.at == pytest.approx(at(2000, 0), abs=1e-7)
    with pytest.raises(Invalid, match="310 米"):
        service.make(db, scope, Wanted(river.id, None, at(500, 310)))
    with pytest.raises(Invalid, match="超过 300 米"):
        service.make(db, scope, Wanted(river.id, None, shifted))  # said to be WGS 84
    with pytest.raises(Invalid, match="最多写"):
        service.make(db, scope, Wanted(river.id, "长" * 61))
    assert len(service.listed(db, scope)) == 2
    assert db.scalars(select(Audit.action).where(Audit.action == "plates.make")).all() == ["plates.make"] * 2
    recorded = " ".join(str(row) for row in db.execute(select(Audit.subject, Audit.detail)))
    assert plate.id not in recorded, "the audit tells no address"


def test_within_an_area_one_is_at_it_and_of_an_unmapped_place_nobody_knows(
    db: Session, scope: Scope, small_county: SmallCounty, county
) -> None:
    grid = small_county.place(Layer.GRID, "网格", "POLYGON ((0 0, 900 0, 900 400, 0 400, 0 0))")
    assert service.away_m(db, county, grid.id, None, at(450, 200)) == 0
    assert service.away_m(db, county, grid.id, None, at(950, 200)) == pytest.approx(50, abs=0.1)
    assert service.away_m(db, county, grid.id, at(450, 200), at(450, 240)) == pytest.approx(40, abs=0.1)
    nowhere = small_county.place(Layer.RIVER, "待上图", None)
    assert service.away_m(db, county, nowhere.id, None, at(0, 0)) is None
    with pytest.raises(Invalid, match="还没有上图"):
        service.make(db, scope, Wanted(nowhere.id, None, at(0, 0)))
    assert service.make(db, scope, Wanted(nowhere.id, "桥头")).at is None


def test_only_those_who_may_change_a_place_make_and_see_its_plates(
    db: Session, scope: Scope, small_county: SmallCounty, river: Place
) -> None:
    plate = service.make(db, scope, Wanted(river.id))
    elsewhere = Scope(scope.county_id, Actor(), {Right.COORDINATOR: frozenset({small_county.area("西").id})})
    assert service.listed(db, elsewhere) == []
    for act in (
        lambda: service.make(db, elsewhere, Wanted(river.id)),
        lambda: service.revoke(db, elsewhere, plate.id),
        lambda: service.remake(db, elsewhere, plate.id),
        lambda: sheets.make(db, elsewhere, Asked(plate_id=plate.id), ADDRESS),
        lambda: sheets.make(db, elsewhere, Asked(place_ids=[river.id]), ADDRESS),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(Forbidden):
        service.listed(db, Scope(scope.county_id, Actor(), {Right.PLANNER: None}))
    assert service.in_use(db, plate.id) is not None


def test_a_plate_made_anew_hangs_where_the_old_one_did_which_is_good_no_more(
    db: Session, scope: Scope, river: Place
) -> None:
    old = service.make(db, scope, Wanted(river.id, "桥头", at(10, 5)))
    new = service.remake(db, scope, old.id.lower())
    assert (new.name, new.at, new.place_id) == (old.name, old.at, old.place_id)
    assert new.id != old.id
    assert service.in_use(db, old.id) is None
    with pytest.raises(NotFound, match="已经停用"):
        service.remake(db, scope, old.id)
    service.revoke(db, scope, new.id)
    assert service.listed(db, scope) == []
    assert len(db.scalars(select(Plate)).all()) == 2, "what was checked in at them still names its place"


# --- printing


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


def test_plates_of_a_township_are_made_once_and_printed_as_often_as_one_likes(
    db: Session, scope: Scope, small_county: SmallCounty, river: Place
) -> None:
    town, other = small_county.area("东"), small_county.area("西")
    small_county.lies_in(river, town, [(0, 20_000)])
    listed = small_county.place(Layer.RIVER, "未上图河", None)
    listed.area_id = town.id
    small_county.place(Layer.RIVER, "不纳管", "LINESTRING (0 50, 90 50)", in_scheme=False)
    elsewhere = small_county.place(Layer.ROAD, "别镇路", "LINESTRING (0 900, 500 900)")
    small_county.lies_in(elsewhere, other, [(0, 5000)])
    assert sheets.count(db, scope, town.code) == sheets.Count(0, 2)
    first = sheets.make(db, scope, Asked(town.code), ADDRESS)
    assert sorted(plate.place for plate in first.plates) == ["未上图河", "车路河"]
    assert sheets.count(db, scope, town.code) == sheets.Count(2, 0)
    again = sheets.make(db, scope, Asked(town.code), ADDRESS)
    assert [plate.address for plate in again.plates] == [plate.address for plate in first.plates]
    assert all(re.fullmatch(rf"{ADDRESS}/p/[{ids.ALPHABET}]{{18}}", plate.address) for plate in again.plates)
    service.make(db, scope, Wanted(river.id, "第二块"))
    both = sheets.make(db, scope, Asked(place_ids=[river.id]), ADDRESS)
    assert {plate.where for plate in both.plates} == {None, "第二块"}
    (one,) = sheets.make(db, scope, Asked(codes=["不纳管"]), ADDRESS).plates
    assert one.place == "不纳管", "who names a place gets its plate, in the scheme or not"
    with pytest.raises(NotFound, match="还没有公示牌"):
        sheets.make(db, scope, Asked(other.code, missing=False), ADDRESS)
    with pytest.raises(Invalid, match="一次最多 1 块"):
        sheets.make(db, scope, Asked(town.code), ADDRESS, most=1)
    assert sheets.count(db, scope, other.code).missing == 1, "what was refused made nothing"


def test_a_plate_names_officials_and_volunteers_as_far_as_is_due(
    db: Session, scope: Scope, small_county: SmallCounty, river: Place
) -> None:
    chief, wang, li = (
        somebody(db, small_county, name, number)
        for name, number in (("周书记", None), ("王秀英", "0417"), ("欧阳修文", None))
    )
    chief.attributes = {"post": "县委常委"}
    gone = somebody(db, small_county, "赵已删")
    gone.deleted_at = NOON
    holds(db, wang, river)
    holds(db, li, river)
    holds(db, gone, river)
    holds(db, chief, river, DutyKind.OFFICIAL, Level.COUNTY)
    service.make(db, scope, Wanted(river.id))
    (plate,) = sheets.make(db, scope, Asked(), ADDRESS).plates
    assert [(keeper.post, keeper.name, keeper.phone) for keeper in plate.keepers] == [
        ("县级河长", "周书记  县委常委", None),
        ("银发河长", "王（0417 号）", None),
        ("银发河长", "欧阳**", None),
    ]
    assert plate.stretch == "全长 2.0 公里"


def test_a_plate_of_a_long_river_names_who_looks_after_it_where_it_hangs(
    db: Session, scope: Scope, small_county: SmallCounty, river: Place
) -> None:
    upper, lower = (somebody(db, small_county, name) for name in ("上游甲", "下游乙"))
    holds(db, upper, river, spans=[Range(0, 10_000)])
    holds(db, lower, river, spans=[Range(10_000, 20_000)])
    wanted = [Wanted(river.id, "西", at(200, 0)), Wanted(river.id, "东", at(1800, 20)), Wanted(river.id)]
    for one in wanted:
        service.make(db, scope, one)
    named = {p.where: [k.name for k in p.keepers] for p in sheets.make(db, scope, Asked(), ADDRESS).plates}
    assert named == {"西": ["上**"], "东": ["下**"], None: ["上**", "下**"]}


def test_the_number_on_a_plate_is_that_of_its_township(
    db: Session, scope: Scope, small_county: SmallCounty, river: Place
) -> None:
    root = small_county.area("县", None, "county")
    root.contact_phone = "0523-0"
    east, west = (small_county.area(code, root) for code in ("东", "西"))
    east.contact_phone = "0523-1"
    small_county.lies_in(river, east, [(0, 20_000)])
    service.make(db, scope, Wanted(river.id))

    def hotline() -> str | None:
        (plate,) = sheets.make(db, scope, Asked(missing=False), ADDRESS).plates
        return plate.hotline

    assert hotline() == "0523-1"
    small_county.lies_in(river, west, [(0, 100)])
    assert hotline() == "0523-0", "of two townships it could be in neither's"


# --- over HTTP and by command


@pytest.fixture
def clerk(db: Session, client: TestClient, scope: Scope) -> TestClient:
    """A coordinator of the county."""
    by = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, by, "clerk", Right.COORDINATOR, Ground(scope.county_id), is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'plates', days=None)}"
    return client


def test_over_http_a_plate_is_made_listed_printed_replaced_and_revoked(
    clerk: TestClient, river: Place, drawn: list[str]
) -> None:
    lon, lat = at(500, 20)
    made = clerk.post("/api/plates", json={"place_id": river.id, "name": "桥头", "lon": lon, "lat": lat})
    assert made.status_code == 201
    assert made.json()["address"].endswith(f"/p/{made.json()['id']}")
    assert [one["name"] for one in clerk.get("/api/plates", params={"place_id": river.id}).json()] == ["桥头"]
    sheet = clerk.post("/api/plates/sheet", json={"plate_id": made.json()["id"], "paper": "A5"})
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "application/pdf")
    assert len(re.findall(rb"/Type /Page\b", sheet.content)) == 1
    assert "车路河" in drawn
    assert any(made.json()["mark"] in text and "桥头" in text for text in drawn)
    new = clerk.post(f"/api/plates/{made.json()['id']}/remake")
    assert new.status_code == 201
    assert clerk.delete(f"/api/plates/{made.json()['id']}").status_code == 404
    assert clerk.delete(f"/api/plates/{new.json()['id']}").status_code == 204
    assert clerk.get("/api/plates").json() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"lon": 119.8}, {"lat": 32.9}, {"lon": 181, "lat": 0}, {"lon": 1e999, "lat": 0},
        {"lon": 0, "lat": 91},
        {"datum": "mars"}, {"place_id": -1}, {"place_id": 2**63}, {"name": "长" * 201}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_plate_is_refused(clerk: TestClient, river: Place, wrong: dict) -> None:
    content = {"place_id": river.id, **wrong}
    answer = clerk.post(
        "/api/plates", content=re.sub("Infinity", "1e999", json.dumps(content)),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 422, answer.text


def test_the_pages_make_print_and_say_what_is_wrong(clerk: TestClient, river: Place) -> None:
    page = clerk.get("/plates").text
    assert "<strong>1</strong> 个没有牌子" in page
    assert "GEO_PUBLIC_URL" in page, "an address of this machine is said to be no use"
    sheet = clerk.post("/plates/sheet", data={"missing": "true", "paper": "A5"})
    assert sheet.headers["content-type"] == "application/pdf"
    assert "<strong>0</strong> 个没有牌子" in clerk.get("/plates").text
    refused = clerk.post("/plates/sheet", data={"layer": "grid"})
    assert (refused.status_code, "还没有公示牌" in refused.text) == (422, True)
    own = f"/places/{river.id}/plates"
    nowhere = [("119.8", ""), ("x", "1"), ("nan", "1"), ("0", "0")]
    for wrong in (*({"lon": a, "lat": b} for a, b in nowhere), {"datum": "mars"}):
        assert clerk.post(own, data=wrong).status_code == 422, wrong
    lon, lat = at(100, 0)
    assert clerk.post(own, data={"name": "闸口", "lon": f"{lon}", "lat": f"{lat}"}).status_code == 303
    assert "闸口" in clerk.get(own).text
    (plate_id,) = [one["id"] for one in clerk.get("/api/plates").json() if one["name"] == "闸口"]
    assert clerk.post(f"{own}/{plate_id}/print").headers["content-type"] == "application/pdf"
    assert clerk.post(f"{own}/{plate_id}/dance").status_code == 422
    assert clerk.post(f"{own}/{plate_id}/remake").status_code == 303
    assert clerk.post(f"{own}/{plate_id}/revoke").status_code == 404
    assert clerk.get("/places/999999/plates").status_code == 404


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
        result = CliRunner().invoke(cli.app, ["plates", *words])
        return result.exit_code, result.output + str(getattr(result.exception, "detail", ""))

    return run


def test_the_command_writes_plates_or_nothing(
    db: Session, run: Callable[..., tuple[int, str]], river: Place, tmp_path: Path
) -> None:
    path = tmp_path / "牌.pdf"
    code, said = run("--existing", "-o", str(path))
    assert (code, "还没有公示牌" in said, path.exists()) == (1, True, False)
    code, said = run("--place", river.code, "--paper", "A5", "-o", str(path))
    assert (code, "1 块公示牌" in said, "GEO_PUBLIC_URL" in said) == (0, True, True), said
    assert path.read_bytes().startswith(b"%PDF")
    code, said = run("-o", str(tmp_path / "牌.png"))
    assert (code, ".pdf" in said) == (1, True)
    assert len(service.listed(db, Scope(river.county_id, Actor(), dict.fromkeys(Right, None)))) == 1


# --- what a stranger sees


def test_behind_a_plate_stands_what_is_on_it_and_nothing_more(
    db: Session, client: TestClient, scope: Scope, small_county: SmallCounty, river: Place
) -> None:
    wang = somebody(db, small_county, "王秀英", "0417")
    wang.phone = "13912345678"
    holds(db, wang, river)
    small_county.area("县", None, "county").contact_phone = "0523-80000000"
    plate = service.make(db, scope, Wanted(river.id, "<b>桥头</b>"))
    small_county.patrol(small_county.walk((0, 5), (800, 5)), wang.id)
    page = client.get(f"/p/{plate.id}")
    assert page.status_code == 200
    for told in (
        "车路河",
        "王（0417 号）",
        "全长 2.0 公里",
        "2026 年 5 月 1 日",
        "tel:0523-80000000",
        "&lt;b&gt;",
    ):
        assert told in page.text
    for secret in (
        "王秀英",
        "秀英",
        "13912345678",
        str(wang.id),
        "<b>",
        "<script",
        "/static/leaflet",
        "119.8",
    ):
        assert secret not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert f'href="/v#p={plate.id}"' in page.text


def test_who_was_there_last_is_told_by_track_check_in_or_paper_but_not_what_does_not_count(
    db: Session, scope: Scope, small_county: SmallCounty, river: Place, walker: Person
) -> None:
    plate = service.make(db, scope, Wanted(river.id))

    def last() -> dt.date | None:
        shown = public.shown(db, plate.id)
        assert shown is not None
        return shown.last_day

    assert last() is None
    patrol_id, _ = small_county.patrol(small_county.walk((0, 5), (800, 5)), walker.id)
    assert last() == NOON.date()
    later = NOON + dt.timedelta(days=3)
    db.add(
        Patrol(county_id=river.county_id, id=uuid.uuid4(), person_id=walker.id, evidence="check_in",
               place_id=river.id, day=later.date(), started_at=later, ended_at=later, walked_m=0, fixes=0,
               settled_at=later, verdict="review")
    )  # fmt: skip
    db.flush()
    assert last() == later.date()
    checked_in = db.scalars(select(Patrol).where(Patrol.evidence == "check_in")).one()
    checked_in.verdict = "not_counted"
    db.flush()
    assert last() == NOON.date()
    patrols.void(db, scope, patrol_id, "传错了")
    assert last() is None


@pytest.mark.parametrize("wrong", ["A" * 18, "x" * 5000, "%00", "O0I1"])
def test_a_plate_that_is_not_there_is_a_kind_page(client: TestClient, wrong: str) -> None:
    answer = client.get(f"/p/{wrong}")
    assert answer.status_code == 404
    assert "已经停用" in answer.text
    assert "纸质记录" in answer.text


def test_a_revoked_plate_tells_nothing_of_its_place(
    db: Session, client: TestClient, scope: Scope, river: Place
) -> None:
    plate = service.make(db, scope, Wanted(river.id))
    service.revoke(db, scope, plate.id)
    answer = client.get(f"/p/{plate.id}")
    assert (answer.status_code, "车路河" in answer.text) == (404, False)


def test_a_phone_that_came_in_is_offered_the_check_in_first(
    db: Session, client: TestClient, scope: Scope, river: Place, walker: Person
) -> None:
    plate = service.make(db, scope, Wanted(river.id))
    (card,) = devices.make_cards(db, scope, [walker.id])
    assert 'class="button go"' not in client.get(f"/p/{plate.id}").text
    entered = client.post(
        "/api/v/enter", json={"card": card.secret, "phone_key": secrets.token_urlsafe(32), "model": "x"}
    )
    assert entered.json()["state"] == "admitted", entered.text
    page = client.get(f"/p/{plate.id}").text
    assert f'<a class="button go" href="/v#p={plate.id}">打卡</a>' in page


def test_the_door_is_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    still = doors.Limiter(clock=lambda: 0.0)  # a slow machine would let the bucket fill again
    monkeypatch.setattr(client.app.state, "limiter", still)  # type: ignore[attr-defined]
    door = doors.door_of("GET", "/p/x")
    assert door is not None
    assert door.per_minute is not None
    answers = {client.get("/p/x").status_code for _ in range(door.per_minute + 5)}
    assert answers == {404, 429}
