"""Patrols from a client: whatever the pieces, order, doubling and delay, the patrol is the same."""

import dataclasses
import datetime as dt
import itertools
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.db import transaction
from geo_service.errors import Conflict, Invalid, NotFound, TooLate
from geo_service.patrols import sending, service
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.content import sha256_of
from geo_service.patrols.sending import Begin, End, Fixes, Rules
from geo_service.privacy import expiry
from geo_service.privacy.expiry import Limits
from geo_service.tables import Batch, County, LineDay, Patrol, Person
from layers import crs as crs_
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right, Verdict
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty

RULES = Rules(200.0, dt.timedelta(days=30))
LOCAL = dt.timezone(dt.timedelta(hours=8))
NOON = dt.datetime.combine(dt.datetime.now(LOCAL).date() - dt.timedelta(days=2), dt.time(12), LOCAL)
"""A recent noon in Shanghai: what is older than a month is not taken from phones."""
AT_ONCE = dt.timedelta(0)


@pytest.fixture
def county(small_county: SmallCounty) -> County:
    row = small_county.row
    corners = crs_.to_lonlat(np.array([ORIGIN - 20_000, ORIGIN + 20_000]), CRS)
    (row.west, row.south), (row.east, row.north) = corners.tolist()
    small_county.place(Layer.ROAD, "长安路", "LINESTRING (0 0, 2000 0)")
    small_county.place(Layer.RIVER, "信江", "LINESTRING (600 -300, 600 300)")
    small_county.place(Layer.GRID, "一网格", "POLYGON ((400 -303, 807 -303, 807 296, 400 296, 400 -303))")
    small_county.db.flush()
    return row


@pytest.fixture
def scope(county: County) -> Scope:
    return Scope(county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))


@pytest.fixture
def walker(small_county: SmallCounty, county: County) -> Person:
    return small_county.db.get_one(Person, small_county.person("王秀英"))


@pytest.fixture
def friend(small_county: SmallCounty, county: County) -> Person:
    return small_county.db.get_one(Person, small_county.person("李建国"))


def walk(
    *corners: tuple[float, float], start: dt.datetime = NOON, step_m: float = 6.0, step_s: float = 5.0
) -> Recording:
    line = shapely.linestrings(np.array(corners, float) + ORIGIN)
    at = np.append(np.arange(0, line.length, step_m), line.length)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    return Recording(start.timestamp() + np.arange(at.size) * step_s, crs_.to_lonlat(xy, CRS))


def part(recording: Recording, rows: Sequence[int] | slice) -> Recording:
    at = np.arange(recording.time_s.size)[rows] if isinstance(rows, slice) else np.array(rows, np.int64)
    accuracy_m = None if recording.accuracy_m is None else recording.accuracy_m[at]
    return Recording(recording.time_s[at], recording.lonlat[at], accuracy_m)


@dataclasses.dataclass
class Client:
    """A phone that sends a patrol's words as a test says."""

    db: Session
    scope: Scope
    walker: Person
    patrol_id: uuid.UUID = dataclasses.field(default_factory=uuid.uuid4)
    rules: Rules = RULES

    def begin(self, at: dt.datetime = NOON, *companions: Person, **more: Any) -> PatrolAnswer:
        said = Begin(at, companions=[str(person.id) for person in companions], **more)
        return sending.begin(
            self.db, self.scope, self.patrol_id, said, person=str(self.walker.id), rules=self.rules
        )

    def batch(
        self,
        recording: Recording,
        batch_id: uuid.UUID | None = None,
        *,
        datum: Datum = Datum.WGS84,
        **more: Any,
    ) -> PatrolAnswer:
        said = Fixes(recording, datum, **more)
        return sending.take_batch(
            self.db, self.scope, self.patrol_id, batch_id or uuid.uuid4(), said, person=str(self.walker.id),
            rules=self.rules,
        )  # fmt: skip

    def end(self, batches: int, at: dt.datetime = NOON, **record: Any) -> PatrolAnswer:
        said = End(at, batches, record)
        return sending.end(
            self.db, self.scope, self.patrol_id, said, person=str(self.walker.id), rules=self.rules
        )

    def close(self) -> int:
        return sending.close_abandoned(self.db, after=AT_ONCE, home_cut_m=self.rules.home_cut_m)


@pytest.fixture
def phone(db: Session, scope: Scope, walker: Person) -> Client:
    return Client(db, scope, walker)


def dropped(db: Session) -> tuple[int, int]:
    """Run the retention of a week for raw fixes; return how many batches and tracks it dropped."""
    counts, _ = expiry.drop(db, dt.datetime.now(dt.UTC), Limits(raw_days=7, open_raw_days=30, track_days=180))
    return counts["raw_fixes"].total(), counts["tracks"].total()


def line_days(db: Session) -> list[Any]:
    rows = db.execute(text("select place_version_id, day, spans::text from line_day order by 1, 2"))
    return [tuple(row) for row in rows]


_OF_PATROL = (
    "select day, started_at, ended_at, walked_m, fixes, cleaning, ST_AsEWKT(track, 15), accuracy_m::text,"
    " verdict, reasons, people, same_outing_as, record, place_id, voided_at from patrol"
    " where id = :id",
    "select person_id from companion where patrol_id = :id order by 1",
    "select place_version_id, day, spans::text from line_coverage where patrol_id = :id order by 1, 2",
    "select place_version_id, day, dwell_s from area_visit where patrol_id = :id order by 1, 2",
    "select place_version_id, day, block_x, block_y, seen::text from cell_coverage where patrol_id = :id"
    " order by 1, 2, 3, 4",
    "select place_version_id, day, block_x, block_y, seen::text from cell_day order by 1, 2, 3, 4",
)


def all_of(db: Session, patrol_id: uuid.UUID) -> list[Any]:
    """Everything that is computed and kept of a patrol, and the roll-up."""
    found = [[tuple(row) for row in db.execute(text(sql), {"id": patrol_id})] for sql in _OF_PATROL]
    return [*found, line_days(db)]


class TestProtocol:
    def test_in_order(self, phone: Client, db: Session, county: County) -> None:
        recording = walk((500, 5), (900, 5))
        opened = phone.begin()
        assert (opened.state.is_open, opened.verdict, list(opened.covered)) == (True, Verdict.REVIEW, [])
        first = phone.batch(part(recording, slice(0, 40)))
        assert (first.state.is_open, first.state.missing, len(first.state.batches)) == (True, None, 1)
        assert "还没有收到“结束”" in first.told
        waiting = phone.end(2)
        assert (waiting.state.is_open, waiting.state.missing) == (True, 1)
        assert "还差 1 次" in waiting.told
        assert line_days(db) == []
        done = phone.batch(part(recording, slice(40, None)))
        assert (done.state.is_open, done.state.is_final, done.verdict) == (False, True, Verdict.COUNTED)
        assert done.walked_m == pytest.approx(400, abs=1)
        assert {line.name for line in done.covered} == {"长安路"}
        assert done.told.startswith("谢谢您！")

    def test_every_word_twice_changes_nothing(self, phone: Client, db: Session, county: County) -> None:
        recording, id_ = walk((500, 5), (900, 5)), uuid.uuid4()
        words: list[Callable[[], PatrolAnswer]] = [
            phone.begin,
            lambda: phone.batch(recording, id_),
            lambda: phone.end(1, weather="晴"),
        ]
        for word in words:
            assert not word().already
            assert word().already
        before = all_of(db, phone.patrol_id)
        assert all(word().already for word in words)
        assert all_of(db, phone.patrol_id) == before
        assert db.scalar(select(func.count()).select_from(Batch)) == 1

    def test_the_same_id_with_another_content_is_a_conflict(
        self, phone: Client, db: Session, friend: Person
    ) -> None:
        recording, id_ = walk((500, 5), (900, 5)), uuid.uuid4()
        phone.begin()
        phone.batch(recording, id_)
        phone.end(1)
        before = all_of(db, phone.patrol_id)
        with pytest.raises(Conflict, match="内容却不同"):
            phone.batch(part(recording, slice(0, 10)), id_)
        with pytest.raises(Conflict, match="内容却不同"):
            phone.batch(recording, id_, datum=Datum.GCJ02)
        with pytest.raises(Conflict, match="“开始”已经收到过"):
            phone.begin(NOON + dt.timedelta(minutes=1))
        with pytest.raises(Conflict, match="“结束”已经收到过"):
            phone.end(2)
        with pytest.raises(Conflict, match="编号已经用过"):
            dataclasses.replace(phone, walker=friend).batch(recording)
        assert all_of(db, phone.patrol_id) == before

    def test_a_number_that_is_tried_tells_no_name(
        self, phone: Client, scope: Scope, walker: Person, friend: Person
    ) -> None:
        friend.number = "037"
        phone.db.flush()
        own = dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=walker.id)
        said = Begin(NOON, companions=["037"])
        answer = sending.begin(phone.db, own, phone.patrol_id, said, person=None, rules=RULES)
        again = service.told(phone.db, own, phone.patrol_id)
        assert "李建国" not in repr((answer, again))
        assert service.told(phone.db, scope, phone.patrol_id).companions[0].name == "李建国"

    def test_volunteers_send_for_themselves_only(
        self, phone: Client, scope: Scope, walker: Person, friend: Person
    ) -> None:
        own = dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=walker.id)
        said = Begin(NOON, companions=["李建国"])
        answer = sending.begin(phone.db, own, phone.patrol_id, said, person=None, rules=RULES)
        assert (answer.person_id, answer.people) == (walker.id, 2)
        with pytest.raises(NotFound):
            sending.begin(phone.db, own, uuid.uuid4(), said, person=str(friend.id), rules=RULES)
        assert [along.name for along in answer.companions] == ["李*国"]
        other = dataclasses.replace(own, person_id=friend.id)
        with pytest.raises(Conflict):
            sending.begin(phone.db, other, phone.patrol_id, said, person=None, rules=RULES)

    def test_a_hash_that_does_not_fit_is_refused(self, phone: Client, db: Session) -> None:
        recording = walk((500, 5), (560, 5))
        with pytest.raises(Invalid, match="sha256"):
            phone.batch(recording, sha256=bytes(32))
        phone.batch(recording, sha256=sha256_of(Datum.WGS84, recording))
        assert db.scalar(select(func.count()).select_from(Batch)) == 1

    def test_what_is_a_month_old_goes_on_paper(self, phone: Client, db: Session) -> None:
        long_ago = NOON - dt.timedelta(days=30)
        recording, id_ = walk((500, 5), (560, 5)), uuid.uuid4()
        phone.batch(recording, id_)
        for word in (
            lambda: phone.begin(long_ago),
            lambda: phone.end(1, long_ago),
            lambda: phone.batch(walk((0, 0), (60, 0), start=long_ago)),
        ):
            with pytest.raises(TooLate, match="纸质巡查记录"):
                word()
        late = dataclasses.replace(phone, rules=Rules(200.0, dt.timedelta(days=1)))
        assert late.batch(recording, id_).already, "what is here is acknowledged however late"

    def test_nothing_usable_is_kept_and_told(self, phone: Client, db: Session, county: County) -> None:
        nowhere = Recording(np.array([NOON.timestamp()]), np.array([[0.0, 0.0]]))
        phone.begin()
        phone.batch(part(nowhere, []))
        phone.batch(nowhere)
        answer = phone.end(2, NOON + dt.timedelta(hours=1), note="手机没有信号")
        assert (answer.walked_m, answer.fixes, answer.verdict) == (0.0, 0, Verdict.REVIEW)
        assert answer.reasons[0].code == "R_OFF_ROUTE"
        assert any("没有收到可用的定位点" in note for note in answer.notes)
        assert (answer.started_at, answer.ended_at) == (NOON, NOON + dt.timedelta(hours=1))
        assert answer.record == {"note": "手机没有信号"}

    def test_a_clock_that_is_ahead_is_told_and_looked_at(self, phone: Client) -> None:
        good, ahead = walk((500, 5), (700, 5)), walk((700, 5), (900, 5), start=NOON + dt.timedelta(days=9))
        phone.batch(good)
        answer = phone.end(1)
        assert answer.verdict is Verdict.COUNTED
        late = phone.batch(ahead)
        assert late.verdict is Verdict.REVIEW
        assert any("时间不可能" in note for note in late.notes)
        assert late.covered == answer.covered

    def test_a_patrol_without_an_end_is_closed_and_an_end_completes_it(
        self, phone: Client, db: Session, county: County
    ) -> None:
        recording = walk((500, 5), (900, 5))
        phone.batch(part(recording, slice(0, 40)))
        assert sending.close_abandoned(db, after=dt.timedelta(hours=12), home_cut_m=200.0) == 0
        assert phone.close() == 1
        assert phone.close() == 0
        closed = service.told(db, phone.scope, phone.patrol_id)
        assert (closed.state.is_open, closed.state.is_final) == (False, False)
        assert any("没有发来“结束”" in note for note in closed.notes)
        assert closed.covered[0].metres == pytest.approx(234, abs=2)
        missing = phone.end(2)
        assert (missing.state.missing, missing.state.is_final) == (1, False)
        whole = phone.batch(part(recording, slice(40, None)))
        assert whole.state.is_final
        assert whole.notes == []
        assert whole.covered[0].metres == pytest.approx(400, abs=2)

    def test_after_the_retention_the_track_stands_for_the_fixes(
        self, phone: Client, db: Session, county: County
    ) -> None:
        recording = walk((500, 5), (900, 5))
        phone.begin()
        phone.batch(part(recording, slice(0, 40)))
        before = phone.end(1)
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=8)
        db.execute(update(Batch).values(received_at=long_ago))
        assert dropped(db) == (1, 0)
        after = phone.batch(part(recording, slice(40, None)))
        assert after.covered[0].metres == pytest.approx(400, abs=2)
        assert after.started_at == before.started_at
        assert after.walked_m == pytest.approx(400, abs=1)

    def test_fixes_of_an_open_patrol_outlive_the_retention(self, phone: Client, db: Session) -> None:
        phone.batch(walk((500, 5), (900, 5)))
        db.execute(update(Batch).values(received_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=8)))
        assert dropped(db) == (0, 0)

    def test_a_voided_patrol_takes_what_comes_and_covers_nothing(self, phone: Client, db: Session) -> None:
        recording = walk((500, 5), (900, 5))
        phone.batch(part(recording, slice(0, 40)))
        service.void(db, phone.scope, phone.patrol_id, "试走")
        phone.batch(part(recording, slice(40, None)))
        answer = phone.end(2)
        assert (answer.void_reason, list(answer.covered)) == ("试走", [])
        assert line_days(db) == []

    def test_too_much_for_one_patrol_is_refused(self, phone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sending, "MAX_FIXES", 50)
        phone.batch(walk((500, 5), (700, 5)))
        with pytest.raises(Invalid, match="最多 50 个定位点"):
            phone.batch(walk((700, 5), (900, 5)))


# --- any cutting, order, doubling, overlap and delay


WAY = walk((400, 80), (500, 5), (900, 5), step_m=12.0, step_s=10.0)
COUNT = WAY.time_s.size


@st.composite
def walks(draw: st.DrawFn) -> tuple[Recording, list[Datum]]:
    """A walk with its faults: spikes, poor and doubled fixes, two datums, midnight or an outage within."""
    start = draw(st.sampled_from([NOON, NOON.replace(hour=23, minute=58), NOON.replace(hour=23, minute=50)]))
    time_s = WAY.time_s - NOON.timestamp() + start.timestamp()
    lonlat = WAY.lonlat.copy()
    if draw(st.booleans()):
        time_s[COUNT // 2 :] += 300
    for at in draw(st.lists(st.integers(1, COUNT - 2), max_size=2)):
        lonlat[at] += draw(st.sampled_from([0.0004, 0.01]))
    for at in draw(st.lists(st.integers(1, COUNT - 1), max_size=3)):
        time_s[at] = time_s[at - 1]
    accuracy_m = np.array(
        draw(st.lists(st.sampled_from([3.1, 8.0, 45.0, 130.0, np.nan]), min_size=4, max_size=4))
    )
    second = draw(st.sampled_from([Datum.WGS84, Datum.GCJ02, Datum.BD09]))
    turn = draw(st.integers(0, COUNT))
    lonlat[turn:] = crs_.from_wgs84(lonlat[turn:], second)
    datum = [Datum.WGS84] * turn + [second] * (COUNT - turn)
    return Recording(time_s, lonlat, np.resize(accuracy_m, COUNT)), datum


@st.composite
def cuttings(draw: st.DrawFn) -> tuple[list[list[int]], list[int], bool]:
    """Batches of row numbers that hold all rows; the order of the words; whether one too few is named."""
    cuts = sorted(draw(st.sets(st.integers(1, COUNT - 1), max_size=4)))
    bounds = [0, *cuts, COUNT]
    batches = []
    for a, b in itertools.pairwise(bounds):
        reach = draw(st.integers(0, 6))
        rows = list(range(max(a - reach, 0), b))
        batches.append(draw(st.permutations(rows)) if draw(st.booleans()) else rows)
    batches += draw(st.lists(st.sampled_from([[], [0, 1, 2], list(range(COUNT))]), max_size=2))
    words = range(2 + 2 * len(batches))
    return (
        batches,
        draw(st.permutations([*words, *draw(st.lists(st.sampled_from(words), max_size=5))])),
        draw(st.booleans()),
    )


@dataclasses.dataclass
class Telling:
    """A walk cut into batches of one datum each, and what is said of it."""

    phone: Client
    friend: Person
    recording: Recording
    datum: list[Datum]
    batches: list[list[int]]
    is_short: bool

    def __post_init__(self) -> None:
        self.pieces = [
            (word, [row for row in rows if self.datum[row] is word])
            for rows in self.batches
            for word in sorted({self.datum[row] for row in rows} or {Datum.WGS84})
        ]
        self.ids = [uuid.uuid4() for _ in self.pieces]

    def tell(self, word: int) -> None:
        """Say the begin (0), the end (1) or a share of the batches."""
        if word == 0:
            self.phone.begin(NOON, self.friend)
        elif word == 1:
            self.end(len(self.pieces) - self.is_short)
        else:
            for k in range(word - 2, len(self.pieces), 2 * len(self.batches)):
                datum, rows = self.pieces[k]
                self.phone.batch(part(self.recording, rows), self.ids[k], datum=datum)

    def end(self, batches: int) -> None:
        self.phone.end(batches, NOON + dt.timedelta(hours=12), weather="晴")

    def by_order(self, words: Sequence[int], closes: Sequence[int]) -> list[Any]:
        """Return what there is after all words in an order, closed before some of them as abandoned."""
        outer = self.phone.db.begin_nested()
        for count, word in enumerate(words):
            if count in closes:
                self.phone.close()
            self.tell(word)
        assert service.told(self.phone.db, self.phone.scope, self.phone.patrol_id).state.is_final
        found = all_of(self.phone.db, self.phone.patrol_id)
        outer.rollback()
        return found

    def at_once(self) -> list[Any]:
        """Return what there is after everything was said once, with one batch for each datum."""
        outer = self.phone.db.begin_nested()
        self.tell(0)
        for word in sorted(set(self.datum)):
            rows = [k for k in range(COUNT) if self.datum[k] is word]
            self.phone.batch(part(self.recording, rows), datum=word)
        self.end(len(set(self.datum)))
        found = all_of(self.phone.db, self.phone.patrol_id)
        outer.rollback()
        return found


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(walked=walks(), cutting=cuttings(), closes=st.lists(st.integers(0, 12), max_size=2))
def test_any_cutting_order_doubling_and_delay_gives_the_same_patrol(
    phone: Client, friend: Person, walked: Any, cutting: Any, closes: list[int]
) -> None:
    batches, order, is_short = cutting
    telling = Telling(phone, friend, *walked, batches, is_short)
    for seen, expected in zip(telling.by_order(order, closes), telling.at_once(), strict=True):
        assert seen == expected


# --- at the same moment


@dataclasses.dataclass
class World:
    engine: Engine
    scope: Scope
    people: list[uuid.UUID]

    def at_once(self, words: Sequence[Callable[[Session], PatrolAnswer]]) -> list[PatrolAnswer]:
        """Tell words at the same moment, each in its own transaction."""
        start = threading.Barrier(len(words))

        def tell(word: Callable[[Session], PatrolAnswer]) -> PatrolAnswer:
            with transaction(self.engine) as db:
                db.connection()
                start.wait()
                return word(db)

        with ThreadPoolExecutor(len(words)) as pool:
            return list(pool.map(tell, words))

    def batch(self, patrol_id: uuid.UUID, recording: Recording, batch_id: uuid.UUID, person: int = 0) -> Any:
        return lambda db: sending.take_batch(
            db, self.scope, patrol_id, batch_id, Fixes(recording, Datum.WGS84),
            person=str(self.people[person]), rules=RULES,
        )  # fmt: skip

    def begin(self, patrol_id: uuid.UUID, person: int, *along: int) -> Any:
        said = Begin(NOON, companions=[str(self.people[k]) for k in along])
        return lambda db: sending.begin(
            db, self.scope, patrol_id, said, person=str(self.people[person]), rules=RULES
        )

    def end(self, patrol_id: uuid.UUID, batches: int, person: int = 0) -> Any:
        return lambda db: sending.end(
            db, self.scope, patrol_id, End(NOON, batches), person=str(self.people[person]), rules=RULES
        )


@pytest.fixture
def world(apart: Engine) -> World:
    with transaction(apart) as db:
        row = County(code=uuid.uuid4().hex[:12], name="同时县", time_zone="Asia/Shanghai", crs=CRS)
        db.add(row)
        db.flush()
        small = SmallCounty(db, row)
        small.place(Layer.ROAD, "长安路", "LINESTRING (0 0, 2000 0)")
        people = [small.person(f"巡查员{k}") for k in range(6)]
        return World(apart, Scope(row.id, Actor(os_user="tester"), dict.fromkeys(Right, None)), people)


class TestTogether:
    def test_all_words_at_once_compute_one_patrol(self, world: World) -> None:
        recording, id_ = walk((500, 5), (1100, 5)), uuid.uuid4()
        pieces = [part(recording, slice(k * 25, (k + 1) * 25 + 1)) for k in range(4)]
        words = [world.batch(id_, piece, uuid.uuid4()) for piece in pieces]
        answers = world.at_once([*words, world.begin(id_, 0, 1), world.end(id_, 4), world.begin(id_, 0, 1)])
        assert sum(answer.already for answer in answers) == 1
        assert sum(answer.state.is_final for answer in answers) >= 1
        with Session(world.engine) as db:
            done = service.told(db, world.scope, id_)
            (day,) = db.scalars(select(LineDay).where(LineDay.county_id == world.scope.county_id)).all()
        assert done.state.is_final
        assert done.covered[0].metres == pytest.approx(600, abs=2)
        assert [(span.lower, span.upper) for span in day.spans] == done.covered[0].spans_dm

    def test_companions_that_end_at_once_are_one_outing(self, world: World) -> None:
        ids = [uuid.uuid4() for _ in range(6)]
        for k, id_ in enumerate(ids):
            way = walk((500, 5), (900 + k, 5))
            world.at_once([world.begin(id_, k, (k + 1) % 6)])
            world.at_once([world.batch(id_, way, uuid.uuid4(), k)])
        world.at_once([world.end(id_, 1, k) for k, id_ in enumerate(ids)])
        with Session(world.engine) as db:
            rows = db.execute(
                select(Patrol.people, Patrol.same_outing_as)
                .where(Patrol.county_id == world.scope.county_id)
                .order_by(Patrol.walked_m)
            ).all()
        assert rows == [(0, ids[5])] * 5 + [(6, None)]
