"""The volunteer's page as it is served, and what it is told."""

import dataclasses
import datetime as dt
import gzip
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.app import create_app
from geo_service.settings import Settings
from geo_service.tables import Companion, Duty, Person, Place
from geo_service.volunteer import pages, service
from layers.vocabulary import DutyKind, Level, Right, Role

RULES = service.Rules(20, 3, 4)
LARGEST_BYTES = 60_000


@pytest.fixture
def client(db: Session) -> TestClient:
    return TestClient(create_app(Settings(_env_file=None), db.connection()))


def addresses(text: str) -> set[str]:
    return set(re.findall(r"/v/[0-9a-f]{16}-[a-z]+\.(?:js|css|svg)", text))


def test_the_page_and_all_that_it_loads_are_small_and_of_one_release(client: TestClient) -> None:
    page = client.get("/v")
    version, names = pages._release()
    size, seen, waiting = len(gzip.compress(page.content)), set(), addresses(page.text)
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        size += len(gzip.compress(answer.content))
        waiting |= {f"/v/{name}" for name in re.findall(r'"\./([^"]+)"', answer.text)} - seen
    assert seen == {f"/v/{version}-{name}" for name in names}
    assert size < LARGEST_BYTES


def test_the_worker_keeps_what_the_page_loads_and_may_keep_the_page(client: TestClient) -> None:
    worker = client.get("/v/sw.js")
    version, names = pages._release()
    assert worker.headers["service-worker-allowed"] == "/"
    assert worker.headers["cache-control"] == "no-cache"
    assert f'VERSION = "{version}"' in worker.text
    assert all(f'"{name}"' in worker.text for name in names)
    manifest = client.get("/v/manifest.webmanifest").json()
    assert manifest["start_url"] == "/v"
    assert client.get(manifest["icons"][0]["src"]).headers["content-type"].startswith("image/svg")


@pytest.mark.parametrize("file", ["app.js", "0123456789abcdef-app.js", "..%2Fbase.html", "%00", "sw.js.map"])
def test_no_other_file_is_there(client: TestClient, file: str) -> None:
    assert client.get(f"/v/{file}").status_code == 404


@pytest.fixture
def own(scope: Scope, walker: Person) -> Scope:
    return dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=walker.id)


@pytest.fixture
def statements(db: Session) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        said.append(statement)

    event.listen(db.connection(), "before_cursor_execute", note)
    yield said
    event.remove(db.connection(), "before_cursor_execute", note)


def has_duty(db: Session, person: Person, place: Place) -> None:
    always = Range(dt.date(2026, 1, 1), None)
    db.add(
        Duty(county_id=person.county_id, person_id=person.id, place_id=place.id, role=Role.RIVER_STEWARD,
             kind=DutyKind.VOLUNTEER, level=Level.VILLAGE, in_force=always)
    )  # fmt: skip
    db.flush()


def test_he_is_told_his_places_and_who_walks_with_him_and_nobody_else(
    db: Session, small_county, own: Scope, walker: Person, river: Place, statements: list[str]
) -> None:
    has_duty(db, walker, river)
    mate, friend, stranger = (
        db.get_one(Person, small_county.person(name)) for name in ("同河的", "同走过的", "别人")
    )
    has_duty(db, mate, river)
    has_duty(db, stranger, small_county.place(river.layer, "R9", "LINESTRING (0 900, 500 900)"))
    patrol_id, _ = small_county.patrol(small_county.walk((0, 5), (600, 5)), walker.id)
    db.add(Companion(county_id=walker.county_id, patrol_id=patrol_id, person_id=friend.id))
    db.flush()
    statements.clear()
    me = service.me(db, own, RULES)
    assert [place.id for place in me.places] == [river.id]
    assert [name for _, name in me.companions] == ["同走过的", "同河的"]
    assert not me.consent.is_current
    assert len(statements) < 30, "three hundred phones ask for it"


def test_his_places_are_drawn_as_covered_and_left(
    db: Session, small_county, own: Scope, walker: Person, river: Place
) -> None:
    has_duty(db, walker, river)
    today = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    small_county.patrol(small_county.walk((0, 5), (800, 5), start=today), walker.id)
    kinds = [f["properties"]["kind"] for f in service.places_drawn(db, own)["features"]]
    assert sorted(kinds) == ["covered", "left"]


def test_his_records_come_page_by_page_and_are_his_alone(
    db: Session, small_county, own: Scope, walker: Person, river: Place
) -> None:
    for hour in range(service.RECORDS + 3):
        start = dt.datetime(2026, 5, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        small_county.patrol(small_county.walk((0, 5), (60, 5), start=start), walker.id)
    small_county.patrol(small_county.walk((0, 5), (60, 5)), small_county.person("别人"))
    first, more = service.records(db, own, None)
    assert (len(first), more) == (service.RECORDS, True)
    rest, more = service.records(db, own, (first[-1].started_at, first[-1].patrol_id))
    assert (len(rest), more) == (3, False)
    times = [row.started_at for row in first + rest]
    assert times == sorted(set(times), reverse=True)
