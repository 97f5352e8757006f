"""Live patrols: who is seen by whom, that every look is recorded, and what a stream costs."""

import contextlib
import datetime as dt
import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import uvicorn
from sqlalchemy import Engine, delete, event, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.narrow import people_in
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.app import create_app
from geo_service.cli import running
from geo_service.db import transaction
from geo_service.live import hub, service
from geo_service.live.walks import LIVE_FOR, Walks
from geo_service.patrols import sending
from geo_service.privacy import consents
from geo_service.settings import Settings
from geo_service.tables import Account, Area, Audit, Batch, County, Duty, Grant, Patrol, Person, SignIn
from layers.crs import from_wgs84, to_lonlat
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty

RULES = sending.Rules(200.0, dt.timedelta(days=7))
COMMANDS = Manager(Actor(os_user="tester"))
SOON_S = 60.0
"""For what comes about within a second or two on a machine that has nothing else to do."""


def own_scope(county_id: int, person_id: uuid.UUID) -> Scope:
    return Scope(county_id, Actor(os_user="tester"), {Right.VOLUNTEER: None}, person_id=person_id)


def walks_out(
    db: Session, county_id: int, person_id: uuid.UUID, *, minutes_ago: float = 5, metres: float = 300
) -> uuid.UUID:
    """Let a volunteer set out and send what he walked until now."""
    own = own_scope(county_id, person_id)
    consents.give(db, own, person_id, consents.VERSION)
    patrol_id, now = uuid.uuid4(), dt.datetime.now(dt.UTC)
    began = now - dt.timedelta(minutes=minutes_ago)
    sending.begin(db, own, patrol_id, sending.Begin(began), person=None, rules=RULES)
    sends(db, own, patrol_id, began, metres, minutes_ago * 60)
    return patrol_id


def sends(
    db: Session, own: Scope, patrol_id: uuid.UUID, began: dt.datetime, metres: float, seconds: float,
    *, from_m: float = 0, datum: Datum = Datum.WGS84,
) -> uuid.UUID:  # fmt: skip
    count = max(int(seconds // 5), 2)
    xy = np.column_stack([np.linspace(from_m, from_m + metres, count), np.zeros(count)])
    time_s = began.timestamp() + np.linspace(0, seconds, count)
    batch_id = uuid.uuid4()
    recording = Recording(time_s, from_wgs84(to_lonlat(xy + ORIGIN, CRS), datum))
    sending.take_batch(
        db, own, patrol_id, batch_id, sending.Fixes(recording, datum), person=None, rules=RULES
    )
    return batch_id


# --- who is told of whom


def once(db: Session, scope: Scope) -> list[Any]:
    return service.once(db, scope, home_cut_m=200.0)


def test_who_walks_is_told_with_his_way_and_nobody_who_is_back_or_gave_no_consent(
    db: Session, county: County, scope: Scope, walker: Person, small_county: SmallCounty
) -> None:
    patrol_id = walks_out(db, county.id, walker.id)
    other = small_county.person("李四")
    walks_out(db, county.id, other)
    (seen,) = [walk for walk in once(db, scope) if walk.person_id == walker.id]
    assert (seen.patrol_id, seen.name, seen.people) == (patrol_id, "王秀英", 1)
    assert seen.walked_m == pytest.approx(300, abs=15)
    assert seen.since.utcoffset() == dt.timedelta(hours=8)
    assert abs(seen.last_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    looked = select(Audit.action, Audit.subject).where(Audit.county_id == county.id).order_by(Audit.id)
    assert {subject for action, subject in db.execute(looked) if action == service.LOOK} == {
        f"person/{walker.id}", f"person/{other}",
    }  # fmt: skip
    consents.withdraw(db, own_scope(county.id, other), other)
    assert [walk.person_id for walk in once(db, scope)] == [walker.id]
    end = sending.End(dt.datetime.now(dt.UTC), 1)
    sending.end(db, own_scope(county.id, walker.id), patrol_id, end, person=None, rules=RULES)
    assert once(db, scope) == []


def test_whose_last_fix_is_old_is_no_more_on_the_way(
    db: Session, county: County, scope: Scope, walker: Person
) -> None:
    patrol_id = walks_out(db, county.id, walker.id)
    assert len(once(db, scope)) == 1
    back = LIVE_FOR + dt.timedelta(minutes=1)
    (row,) = db.scalars(select(Batch).where(Batch.patrol_id == patrol_id))
    row.time_s = [at - back.total_seconds() for at in row.time_s]  # they come now, and are old
    db.flush()
    assert once(db, scope) == []


def test_where_somebody_set_out_is_not_told(
    db: Session, county: County, scope: Scope, walker: Person
) -> None:
    patrol_id = walks_out(db, county.id, walker.id, metres=190)
    (near,) = once(db, scope)
    assert near.position is None
    now = dt.datetime.now(dt.UTC)
    sends(db, own_scope(county.id, walker.id), patrol_id, now, 100, 60, from_m=190, datum=Datum.GCJ02)
    (away,) = once(db, scope)
    there = to_lonlat(np.array([[290.0, 0.0]]) + ORIGIN, CRS)[0]
    assert away.position == pytest.approx(tuple(there), abs=2e-5), "GCJ-02 is told as WGS 84"
    assert away.last_at <= dt.datetime.now(dt.UTC), "a clock that is ahead tells no future"


def test_the_areas_of_a_walker_are_those_by_which_people_are_narrowed(
    db: Session, county: County, walker: Person, small_county: SmallCounty
) -> None:
    west, east, south = (small_county.area(code) for code in ("A1", "A2", "A3"))
    river = small_county.place(Layer.RIVER, "西河", "LINESTRING (0 0, 900 0)")
    off_map = small_county.place(Layer.RIVER, "待上图", None)
    small_county.lies_in(river, west)
    off_map.area_id = south.id
    homeless, eastern = small_county.person("无住处"), small_county.person("东边", east)
    for person_id, place in ((homeless, river), (eastern, off_map)):
        db.add(
            Duty(
                county_id=county.id, person_id=person_id, place_id=place.id, role="river_steward",
                kind="volunteer", level="village", in_force=Range(dt.date(2026, 1, 1), None),
            )
        )  # fmt: skip
    db.flush()
    everybody = (walker.id, homeless, eastern)
    for person_id in everybody:
        walks_out(db, county.id, person_id)
    for areas in ({west.id}, {east.id}, {south.id}, {west.id, south.id}, None):
        rights = {Right.COORDINATOR: None if areas is None else frozenset(areas)}
        there = Scope(county.id, Actor(os_user="tester"), rights)
        told = {walk.person_id for walk in once(db, there)}
        narrowed = set(db.scalars(select(Person.id).where(people_in(there), Person.id.in_(everybody))))
        assert told == narrowed


def test_what_is_known_is_not_asked_for_again_and_comes_to_the_same(
    db: Session, county: County, walker: Person
) -> None:
    patrol_id = walks_out(db, county.id, walker.id)
    kept, own = Walks(home_cut_m=200.0), own_scope(county.id, walker.id)

    def look(walks: Walks) -> tuple[int, list[Any]]:
        answer, found = service.ask(db, walks, [county.id], [])
        return len(answer.batches), found

    assert look(kept)[0] == 1
    assert look(kept)[0] == 0, "nothing came"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    sends(db, own, patrol_id, later, 100, 60, from_m=301)
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    late = sends(db, own, patrol_id, later + dt.timedelta(seconds=65), 100, 60, from_m=402)
    db.execute(update(Batch).where(Batch.id == late).values(received_at=long_ago))
    look(kept)
    look(kept)  # one was stored long after it came: all are asked for again
    assert look(kept)[0] == 0
    assert look(kept)[1] == look(Walks(home_cut_m=200.0))[1]
    assert look(kept)[1][0].walked_m == pytest.approx(500, abs=25)


# --- streams


@dataclass
class Served:
    """The service with its streams, on a database of its own."""

    port: int
    engine: Engine
    county_id: int
    west: int
    east: int
    walkers: dict[str, uuid.UUID]
    server: uvicorn.Server
    thread: threading.Thread
    live: hub.Hub
    readers: list["Reader"] = field(default_factory=list)

    def token(self, name: str, area_id: int | None) -> str:
        with transaction(self.engine) as db:
            account, _ = register.add(
                db, COMMANDS, name, Right.COORDINATOR, Ground(self.county_id, area_id), is_program=True
            )
            return register.token(db, COMMANDS, account, "live", days=None)


@pytest.fixture
def served(apart: Engine) -> Iterator[Served]:
    with transaction(apart) as db:
        row = County(code=uuid.uuid4().hex[:6], name="流县", time_zone="Asia/Shanghai", crs=CRS)
        db.add(row)
        db.flush()
        county = SmallCounty(db, row)
        west, east = county.area("W"), county.area("E")
        walkers = {"west": county.person("西边人", west), "east": county.person("东边人", east)}
        for person_id in walkers.values():
            walks_out(db, row.id, person_id)
    app = create_app(Settings(_env_file=None), apart)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = running._Server(config, app.state.live)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    made = Served(port, apart, row.id, west.id, east.id, walkers, server, thread, app.state.live)
    yield made
    server.should_exit = True
    thread.join(15)
    assert not thread.is_alive(), "a server with open streams stops"
    for reader in made.readers:
        reader.join(5)
    with apart.begin() as connection:  # another test has its own county
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("delete from patrol"))


def wait_for(is_so: Callable[[], Any], within_s: float = SOON_S) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


class Reader(threading.Thread):
    """Somebody who reads a stream, until it ends or he closes it."""

    def __init__(self, served: "Served", token: str) -> None:
        super().__init__(daemon=True)
        self._to = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}
        self.told: list[tuple[str, Any]] = []
        self.type: str | None = None
        self.over = False
        served.readers.append(self)
        self.start()

    def run(self) -> None:
        with contextlib.closing(self._to), contextlib.suppress(http.client.HTTPException, OSError):
            self._to.request("GET", "/api/live", headers=self._headers)
            with self._to.getresponse() as answer:
                self.type = answer.headers["content-type"]
                name = ""
                while line := answer.readline().decode():
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ").strip()
                    elif line.startswith("data: "):
                        self.told.append((name, json.loads(line.removeprefix("data: "))))
        self.over = True

    @property
    def names(self) -> set[str] | None:
        """Whom it shows now; None: nothing was told yet."""
        walks = [content["walks"] for name, content in list(self.told) if name == "walks"]
        return {walk["name"] for walk in walks[-1]} if walks else None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._to.sock.shutdown(socket.SHUT_RDWR)


def test_each_listener_is_told_his_own_people_and_a_withdrawn_consent_vanishes_at_once(
    served: Served,
) -> None:
    west, east, all_ = (
        Reader(served, served.token(name, area))
        for name, area in (("of-west", served.west), ("of-east", served.east), ("of-all", None))
    )
    wait_for(lambda: (west.names, east.names, all_.names) == ({"西边人"}, {"东边人"}, {"西边人", "东边人"}))
    assert west.type.startswith("text/event-stream")
    with served.engine.connect() as connection:
        lines = connection.execute(
            select(Audit.action, Audit.subject).where(Audit.county_id == served.county_id)
        ).all()
    assert sum(action == service.OPEN for action, _ in lines) == 3
    looks = sorted(subject for action, subject in lines if action == service.LOOK)
    ids = [f"person/{served.walkers[where]}" for where in ("west", "west", "east", "east")]
    assert looks == sorted(ids), "each person once for each who looked"
    with transaction(served.engine) as db:
        id_ = served.walkers["west"]
        consents.withdraw(db, own_scope(served.county_id, id_), id_)
    wait_for(lambda: (west.names, all_.names) == (set(), {"东边人"}))
    with transaction(served.engine) as db:
        id_ = served.walkers["east"]
        db.execute(update(Patrol).where(Patrol.person_id == id_).values(voided_at=dt.datetime.now(dt.UTC)))
    wait_for(lambda: east.names == set())


def _sign_out(db: Session, account_id: uuid.UUID) -> None:
    now = dt.datetime.now(dt.UTC)
    db.execute(update(SignIn).where(SignIn.account_id == account_id).values(revoked_at=now))


def _disable(db: Session, account_id: uuid.UUID) -> None:
    now = dt.datetime.now(dt.UTC)
    db.execute(update(Account).where(Account.id == account_id).values(disabled_at=now))


def _narrow(db: Session, account_id: uuid.UUID) -> None:
    west = db.scalar(select(Area.id).where(Area.code == "W").order_by(Area.id.desc()).limit(1))
    db.execute(update(Grant).where(Grant.account_id == account_id).values(area_id=west))


def _revoke(db: Session, account_id: uuid.UUID) -> None:
    db.execute(delete(Grant).where(Grant.account_id == account_id))


def _let_run_out(db: Session, account_id: uuid.UUID) -> None:
    now = dt.datetime.now(dt.UTC)
    db.execute(update(SignIn).where(SignIn.account_id == account_id).values(expires_at=now))


@pytest.mark.parametrize("ends", [_sign_out, _disable, _narrow, _revoke, _let_run_out])
def test_a_stream_ends_with_the_sign_in_and_the_grants_with_which_it_began(
    served: Served, ends: Callable[[Session, uuid.UUID], None]
) -> None:
    name = uuid.uuid4().hex
    reader, other = (
        Reader(served, served.token(name, None)),
        Reader(served, served.token("b" + name, None)),
    )
    wait_for(lambda: reader.names and other.names)
    with transaction(served.engine) as db:
        account_id = db.scalars(select(Account.id).where(Account.login == name)).one()
        ends(db, account_id)
    wait_for(lambda: reader.over)
    assert reader.told[-1][0] == "end"
    assert not other.over, "nobody else is ended"


def test_fifty_listeners_cost_one_statement_a_second_and_hold_no_connection(served: Served) -> None:
    readers = []
    for k in range(10):
        token = served.token(f"many-{k}-{uuid.uuid4().hex}", None)
        readers += [Reader(served, token) for _ in range(5)]
    wait_for(lambda: all(reader.names for reader in readers))
    statements: list[float] = []
    listener = lambda *_: statements.append(time.monotonic())  # noqa: E731  (must be the same when removed)
    event.listen(served.engine, "before_cursor_execute", listener)
    held = []
    began = time.monotonic()
    try:
        while time.monotonic() - began < 6:
            held.append(served.engine.pool.checkedout())  # type: ignore[attr-defined]
            time.sleep(0.01)
    finally:
        event.remove(served.engine, "before_cursor_execute", listener)
    lasted_s = time.monotonic() - began
    assert 1 <= len(statements) <= lasted_s + 2, "one a second for all of them"
    assert max(held) <= 1
    assert 0 in held, "streams hold none, the question only while it is asked"
    for reader in readers:
        reader.close()
    wait_for(lambda: not served.live._listeners)
    wait_for(lambda: served.live._task is not None and served.live._task.done())
    event.listen(served.engine, "before_cursor_execute", listener)
    statements.clear()
    time.sleep(2.5)
    event.remove(served.engine, "before_cursor_execute", listener)
    assert statements == [], "nobody listens, nothing is asked"


def test_an_account_may_listen_a_few_times_at_once(served: Served) -> None:
    token = served.token(f"greedy-{uuid.uuid4().hex}", None)
    readers = [Reader(served, token) for _ in range(hub.MOST_OF_ACCOUNT)]
    wait_for(lambda: all(reader.names for reader in readers))
    refused = httpx.get(
        f"http://127.0.0.1:{served.port}/api/live", headers={"Authorization": f"Bearer {token}"}
    )
    assert refused.status_code == 429
    readers[0].close()
    wait_for(lambda: len(served.live._listeners) == hub.MOST_OF_ACCOUNT - 1)
    again = Reader(served, token)
    wait_for(lambda: again.names)


def test_an_outage_of_the_database_ends_no_stream(served: Served) -> None:
    reader = Reader(served, served.token(f"patient-{uuid.uuid4().hex}", None))
    wait_for(lambda: reader.names)
    with served.engine.connect() as connection:
        others = "pid <> pg_backend_pid() and datname = current_database()"
        connection.execute(text(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}"))
    with transaction(served.engine) as db:
        id_ = served.walkers["west"]
        consents.withdraw(db, own_scope(served.county_id, id_), id_)
    wait_for(lambda: reader.names == {"东边人"})
    assert not reader.over


def test_a_server_that_stops_ends_its_streams_first(served: Served) -> None:
    readers = [Reader(served, served.token(f"last-{k}-{uuid.uuid4().hex}", None)) for k in range(3)]
    wait_for(lambda: all(reader.names for reader in readers))
    served.server.should_exit = True
    wait_for(lambda: not served.thread.is_alive())
    wait_for(lambda: all(reader.over for reader in readers))
    assert all(reader.told[-1][0] == "end" for reader in readers), "no stream is torn off"
