"""The doors of recorders: nothing that comes jams a phone, twice is once, and its person says what it was."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from geo_service.accounts import doors
from geo_service.accounts.scope import Scope
from geo_service.devices import service as devices
from geo_service.devices.service import App, MadeRecorder
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.notices import service as notices
from geo_service.patrols.sending import Rules
from geo_service.privacy import consents
from geo_service.recorders import found, service
from geo_service.recorders.queries import Waiting
from geo_service.tables import Alert, Batch, County, Patrol, Person, Place, Quarantined, RecordedFix
from geo_service.volunteer import service as volunteer
from layers import crs as crs_
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right, Verdict
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_judging import duty
from tests.geo_service.test_patrol_client import NOON, county, scope, walk, walker

__all__ = ["county", "scope", "walker"]
RULES = Rules(200.0, dt.timedelta(days=30))
PHONE_RULES = volunteer.Rules(20, 3, 4)


@pytest.fixture
def own(scope: Scope, walker: Person, db: Session) -> Scope:
    """The walker's own scope, with his consent."""
    own = dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=walker.id)
    consents.give(db, own, walker.id, consents.VERSION)
    return own


@pytest.fixture
def river(small_county: SmallCounty, county: County, walker: Person) -> Place:
    place = small_county.place(Layer.RIVER, "横泾河", "LINESTRING (4000 4000, 8000 4000)")
    duty(small_county.db, walker, place)
    return place


@pytest.fixture
def recorder(db: Session, scope: Scope, own: Scope) -> MadeRecorder:
    assert own.person_id is not None
    return devices.make_recorder(db, scope, own.person_id, App.TRACCAR)


def outing(*corners: tuple[float, float], start: dt.datetime = NOON) -> Recording:
    """A walk with a fix every ten seconds, after and before an hour at either end."""
    way = walk(*corners, start=start, step_m=12.0, step_s=10.0)
    hour = np.arange(360) * 10.0
    time_s = np.concatenate([way.time_s[0] - 3600 + hour, way.time_s, way.time_s[-1] + 10 + hour])
    lonlat = np.vstack([way.lonlat[:1].repeat(360, 0), way.lonlat, way.lonlat[-1:].repeat(360, 0)])
    return Recording(time_s, lonlat)


RIVERSIDE = outing((4200, 4008), (5400, 4008))


class Sender:
    """A phone that sends a stream in the words of an app."""

    def __init__(self, client: TestClient, secret: str) -> None:
        self.client, self.secret = client, secret

    def query(self, t: float, lon: float, lat: float) -> Any:
        said = {"id": self.secret, "lat": lat, "lon": lon, "timestamp": int(t), "accuracy": 8}
        return self.client.post("/osmand", params=said)

    def form(self, t: float, lon: float, lat: float) -> Any:
        said = {"id": self.secret, "lat": lat, "lon": lon, "timestamp": int(t * 1000), "accuracy": 8}
        return self.client.post("/osmand", data=said)

    def json(self, t: float, lon: float, lat: float) -> Any:
        at = dt.datetime.fromtimestamp(t, dt.UTC).isoformat().replace("+00:00", "Z")
        coords = {"latitude": lat, "longitude": lon, "accuracy": 8}
        said = {"device_id": self.secret, "location": {"timestamp": at, "coords": coords, "uuid": "x"}}
        return self.client.post("/osmand", json=said)

    def owntracks(self, t: float, lon: float, lat: float, **more: Any) -> Any:
        said = {"_type": "location", "tst": int(t), "lon": lon, "lat": lat, "acc": 8, "tid": "07", **more}
        return self.client.post("/owntracks", json=said, auth=("yinxun", self.secret))

    def stream(
        self, words: Callable[..., Any], recording: Recording, rows: Sequence[int] | None = None
    ) -> None:
        for k in range(recording.time_s.size) if rows is None else rows:
            answer = words(recording.time_s[k], *recording.lonlat[k].tolist())
            assert answer.status_code == 200, answer.text


@pytest.fixture
def sender(client: TestClient, recorder: MadeRecorder) -> Sender:
    return Sender(client, recorder.secret)


def kept(db: Session, table: type[Any] = RecordedFix) -> list[Any]:
    return [
        tuple(row) for row in db.execute(select(table.time_s, table.lon, table.lat).order_by(table.time_s))
    ]


def put(db: Session, recorder: MadeRecorder, recording: Recording, *, by_hand: Sequence[int] = ()) -> None:
    """Have a stream recorded without its phone."""
    for k, (time_s, (lon, lat)) in enumerate(
        zip(recording.time_s.tolist(), recording.lonlat.tolist(), strict=True)
    ):
        db.add(
            RecordedFix(
                county_id=county_of(db), recorder_id=recorder.id, time_s=time_s, lon=lon, lat=lat,
                is_doubtful=k in by_hand,
            )
        )  # fmt: skip
    db.flush()


def county_of(db: Session) -> int:
    return db.scalars(select(County.id)).one()


class TestDoors:
    @pytest.mark.parametrize("words", ["query", "form", "json", "owntracks"])
    def test_each_form_says_the_same_and_twice_is_once(self, sender: Sender, db: Session, words: str) -> None:
        part = Recording(RIVERSIDE.time_s[355:365], RIVERSIDE.lonlat[355:365])
        sender.stream(getattr(sender, words), part)
        first = kept(db)
        assert [row[0] for row in first] == part.time_s.tolist()
        np.testing.assert_allclose([row[1:] for row in first], part.lonlat, atol=1e-7)
        sender.stream(getattr(sender, words), part, [*range(9, -1, -1), 3, 3])
        assert kept(db) == first

    def test_the_forms_know_each_others_fixes(self, sender: Sender, db: Session) -> None:
        part = Recording(RIVERSIDE.time_s[:3], RIVERSIDE.lonlat[:3])
        for words in (sender.query, sender.form, sender.json):
            sender.stream(words, part)
        assert len(kept(db)) == 3

    @pytest.mark.parametrize(
        ("method", "path", "more"),
        [
            ("POST", "/osmand?id={secret}&notificationToken=abc", {}),
            ("GET", "/osmand?id={secret}&accuracy=highest&interval=10&distance=10", {}),
            ("POST", "/osmand?id={secret}&lat=0&lon=0&timestamp=1777624200", {}),
            ("POST", "/osmand?id={secret}&lat=91&lon=119.8", {}),
            ("POST", "/osmand?id={secret}&lat=32.9&lon=119.8&timestamp=1", {}),
            ("POST", "/osmand", {"json": {"device_id": "{secret}", "location": {"event": "heartbeat"}}}),
            ("POST", "/owntracks", {"content": b""}),
            ("POST", "/owntracks", {"json": {"_type": "lwt", "tst": 1}}),
        ],
    )
    def test_what_is_no_position_is_heard_and_not_kept(
        self, client: TestClient, recorder: MadeRecorder, db: Session, method: str, path: str, more: Any
    ) -> None:
        if "json" in more and "device_id" in more["json"]:
            more = {"json": more["json"] | {"device_id": recorder.secret}}
        auth = ("yinxun", recorder.secret)
        answer = client.request(method, path.format(secret=recorder.secret), auth=auth, **more)
        assert answer.status_code == 200
        assert kept(db) == kept(db, Quarantined) == []

    def test_who_opens_the_link_in_a_browser_is_told_what_it_is_for(
        self, client: TestClient, recorder: MadeRecorder
    ) -> None:
        answer = client.get(f"/osmand?id={recorder.secret}&accuracy=highest", headers={"Accept": "text/html"})
        assert "Traccar Client" in answer.text

    def test_a_fix_without_a_time_is_of_now(
        self, client: TestClient, recorder: MadeRecorder, db: Session
    ) -> None:
        client.get(f"/osmand?id={recorder.secret}&lat=32.9&lon=119.8")
        ((time_s, *_),) = kept(db)
        assert abs(time_s - dt.datetime.now(dt.UTC).timestamp()) < 60

    def test_a_time_without_a_zone_is_the_countys(
        self, client: TestClient, recorder: MadeRecorder, db: Session
    ) -> None:
        client.get(f"/osmand?id={recorder.secret}&lat=32.9&lon=119.8&timestamp=2026-05-01 16:30:00")
        assert [row[0] for row in kept(db)] == [1_777_624_200.0]

    @pytest.mark.parametrize(
        ("path", "more"),
        [
            ("/osmand", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
            ("/osmand", {"content": b"lat=1&lon=2"}),
            ("/osmand?id=x&lat=a&lon=2", {}),
            ("/osmand?" + "&".join(f"a{i}=1" for i in range(300)), {}),
            ("/owntracks", {"content": b"{"}),
            ("/owntracks", {"json": {"_type": "location", "lat": 1, "lon": 2}}),
            ("/owntracks", {"json": {"_type": "encrypted", "data": "x"}, "auth": ("a", "b")}),
        ],
    )
    def test_what_cannot_be_read_is_told_in_words(self, client: TestClient, path: str, more: Any) -> None:
        answer = client.post(path, **more)
        assert answer.status_code in (400, 422)
        assert "请" in answer.json()["detail"] or "一次" in answer.json()["detail"]

    def test_nothing_is_kept_without_consent_and_a_call_for_help_is_passed_on(
        self, sender: Sender, own: Scope, scope: Scope, db: Session
    ) -> None:
        assert own.person_id is not None
        consents.withdraw(db, own, own.person_id)
        said = {"id": sender.secret, "lat": 32.9, "lon": 119.8, "timestamp": int(NOON.timestamp())}
        for _ in range(2):
            assert sender.client.post("/osmand", params=said | {"alarm": "sos"}).status_code == 200
        assert kept(db) == []
        (alert,) = notices.open_alerts(db, scope)
        assert (alert.kind, alert.person_id, alert.position) == ("sos", own.person_id, (119.8, 32.9))
        later = said | {"timestamp": int(NOON.timestamp()) + 1200, "alarm": "sos"}
        sender.client.post("/osmand", params=later)
        assert db.scalar(select(func.count()).select_from(Alert)) == 2


class TestQuarantine:
    def test_an_unknown_device_is_answered_and_kept_aside(
        self, client: TestClient, db: Session, county: County
    ) -> None:
        stranger = Sender(client, "48241179")
        part = Recording(RIVERSIDE.time_s[:5], RIVERSIDE.lonlat[:5])
        for _ in range(2):
            stranger.stream(stranger.json, part)
        assert kept(db) == []
        assert len(kept(db, Quarantined)) == 5
        row = db.scalars(select(Quarantined).limit(1)).one()
        assert (row.key_end, row.county_id, row.app) == ("1179", county.id, "traccar")
        assert "48241179" not in str(db.execute(text("select quarantined::text from quarantined")).all())

    def test_it_is_made_known_by_its_whole_id(
        self, client: TestClient, db: Session, scope: Scope, recorder: MadeRecorder
    ) -> None:
        stranger = Sender(client, "48241179")
        part = Recording(RIVERSIDE.time_s[:5], RIVERSIDE.lonlat[:5])
        stranger.stream(stranger.query, part)
        Sender(client, recorder.secret).stream(Sender(client, recorder.secret).query, part, [0, 1])
        (told,) = service.unknown(db, scope)
        assert (told.key_end, told.fixes, told.app) == ("1179", 5, App.TRACCAR)
        with pytest.raises(NotFound):
            service.make_known(db, scope, recorder.person_id, "1179")
        assert service.make_known(db, scope, recorder.person_id, " 48241179 ") == 5
        assert len(kept(db)) == 5
        assert kept(db, Quarantined) == []
        stranger.stream(stranger.query, part)
        assert len(kept(db, Quarantined)) == 5, "its id may be guessed: it stays unknown"

    def test_who_has_no_recorder_or_no_consent_is_told_what_to_do_first(
        self,
        db: Session,
        scope: Scope,
        walker: Person,
        recorder: MadeRecorder,
        small_county: SmallCounty,
        own: Scope,
    ) -> None:
        other = small_county.person("李建国")
        with pytest.raises(Invalid, match="记录软件"):
            service.make_known(db, scope, other, "48241179")
        consents.withdraw(db, own, walker.id)
        with pytest.raises(consents.ConsentMissing):
            service.make_known(db, scope, walker.id, "48241179")

    def test_a_secret_that_was_exchanged_or_revoked_is_unknown(
        self, sender: Sender, db: Session, scope: Scope, recorder: MadeRecorder
    ) -> None:
        part = Recording(RIVERSIDE.time_s[:2], RIVERSIDE.lonlat[:2])
        again = devices.rotate(db, scope, recorder.id)
        sender.stream(sender.query, part)
        assert len(kept(db, Quarantined)) == 2
        assert service.make_known(db, scope, recorder.person_id, sender.secret) == 2
        assert len(kept(db)) == 2
        devices.revoke(db, scope, again.id)
        new = Sender(sender.client, again.secret)
        new.stream(new.query, part)
        assert len(kept(db, Quarantined)) == 2

    def test_what_was_sent_from_another_county_is_not_given_away(
        self, client: TestClient, db: Session, scope: Scope, recorder: MadeRecorder
    ) -> None:
        stranger = Sender(client, "48241179")
        stranger.stream(stranger.query, Recording(RIVERSIDE.time_s[:2], RIVERSIDE.lonlat[:2]))
        other = County(code="other", name="邻县", time_zone="Asia/Shanghai")
        db.add(other)
        db.flush()
        db.execute(update(Quarantined).values(county_id=other.id))
        with pytest.raises(NotFound):
            service.make_known(db, scope, recorder.person_id, "48241179")
        assert len(kept(db, Quarantined)) == 2
        assert service.unknown(db, scope) == []

    def test_no_more_is_kept_than_there_is_room_for(
        self, client: TestClient, db: Session, county: County, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "MOST_QUARANTINED", 3)
        stranger = Sender(client, "48241179")
        stranger.stream(stranger.query, Recording(RIVERSIDE.time_s[:9], RIVERSIDE.lonlat[:9]))
        assert len(kept(db, Quarantined)) == 3

    def test_only_who_may_see_the_whole_county_sees_them(self, db: Session, scope: Scope) -> None:
        part = dataclasses.replace(scope, rights={Right.COORDINATOR: frozenset({1})})
        with pytest.raises(Forbidden):
            service.unknown(db, part)


def test_each_recorder_is_counted_for_itself(
    client: TestClient, recorder: MadeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "SIGNED_PER_MINUTE", 3)
    monkeypatch.setattr(doors, "UNKNOWN_PER_MINUTE", 2)
    said = {"lat": 32.9, "lon": 119.8}
    answers = [client.get("/osmand", params={"id": recorder.secret} | said).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    answers = [client.get("/osmand", params={"id": f"x{i}"} | said).status_code for i in range(3)]
    assert answers == [200, 200, 429]


class TestFound:
    def test_a_walk_is_proposed_once_it_is_over_and_taken_as_a_patrol(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place, small_county: SmallCounty
    ) -> None:
        friend = small_county.person("李建国")
        put(db, recorder, RIVERSIDE)
        assert volunteer.me(db, own, PHONE_RULES).found
        (one,) = found.proposals(db, own)
        assert one.places == ("横泾河",)
        assert one.walked_m == pytest.approx(1200, abs=50)
        assert abs((one.started_at - NOON).total_seconds()) <= 60
        answer = found.take(db, own, one.key, [str(friend)], RULES)
        assert [line.name for line in answer.covered] == ["横泾河"]
        assert answer.verdict is Verdict.COUNTED
        patrol = db.get_one(Patrol, one.key)
        assert (patrol.person_id, patrol.people, patrol.evidence) == (own.person_id, 2, "track")
        assert found.proposals(db, own) == []
        assert not volunteer.me(db, own, PHONE_RULES).found, "hours at home are no outing to be asked about"
        again = found.take(db, own, one.key, [str(friend)], RULES)
        assert (again.already, again.patrol_id) == (True, one.key)
        left = db.execute(select(RecordedFix.lon).where(RecordedFix.patrol_id == one.key)).scalars().all()
        assert set(left) == {None}, "where he was stands in the patrol alone"

    def test_what_he_refuses_is_forgotten_and_a_repeat_is_known(
        self, sender: Sender, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        put(db, recorder, RIVERSIDE)
        (one,) = found.proposals(db, own)
        found.refuse(db, own, one.key)
        assert found.proposals(db, own) == []
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0
        during = RecordedFix.time_s.between(one.started_at.timestamp(), one.ended_at.timestamp())
        assert set(db.scalars(select(RecordedFix.lon).where(during))) == {None}
        before = kept(db)
        sender.stream(sender.query, RIVERSIDE, range(380, 400))
        assert kept(db) == before
        with pytest.raises(NotFound):
            found.refuse(db, own, one.key)

    def test_under_way_nothing_is_proposed(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        way = walk((4200, 4008), (5400, 4008), step_m=12.0, step_s=10.0)
        shift = now.timestamp() - 60 - way.time_s[-1]
        put(db, recorder, Recording(way.time_s + shift, way.lonlat))
        assert found.proposals(db, own) == []

    def test_a_walk_along_nothing_and_a_ride_along_foreign_roads_are_not_proposed(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        put(db, recorder, outing((-6000, -6000), (-5000, -6000)))
        ride = walk((0, 5), (2000, 5), start=NOON + dt.timedelta(hours=5), step_m=80.0, step_s=10.0)
        put(db, recorder, ride)
        assert found.proposals(db, own) == []

    def test_what_a_silent_app_sends_in_another_datum_is_found_out(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        put(db, recorder, Recording(RIVERSIDE.time_s, crs_.from_wgs84(RIVERSIDE.lonlat, Datum.GCJ02)))
        (one,) = found.proposals(db, own)
        assert (one.datum, one.places) == (Datum.GCJ02, ("横泾河",))
        answer = found.take(db, own, one.key, [], RULES)
        assert [line.name for line in answer.covered] == ["横泾河"]
        assert answer.verdict is Verdict.COUNTED
        assert db.scalars(select(Batch.datum).where(Batch.patrol_id == one.key)).all() == ["gcj02"]

    def test_late_fixes_join_the_patrol_of_their_time(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        late = np.zeros(RIVERSIDE.time_s.size, dtype=bool)
        late[390:430] = True
        put(db, recorder, Recording(RIVERSIDE.time_s[~late], RIVERSIDE.lonlat[~late]))
        (one,) = found.proposals(db, own)
        first = found.take(db, own, one.key, [], RULES)
        put(db, recorder, Recording(RIVERSIDE.time_s[late], RIVERSIDE.lonlat[late]))
        assert found.put_in_place(db, RULES) == 40
        assert found.put_in_place(db, RULES) == 0
        patrol = db.get_one(Patrol, one.key, populate_existing=True)
        assert patrol.fixes == pytest.approx(100, abs=12)
        assert patrol.fixes >= 40
        assert patrol.walked_m >= first.walked_m
        waits = RecordedFix.decided_at.is_(None), RecordedFix.lon.is_not(None)
        during = RecordedFix.time_s.between(one.started_at.timestamp(), one.ended_at.timestamp())
        assert db.scalar(select(func.count()).select_from(RecordedFix).where(*waits, during)) == 0

    def test_late_fixes_of_a_time_that_he_refused_are_forgotten_too(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        late = np.zeros(RIVERSIDE.time_s.size, dtype=bool)
        late[390:430] = True
        put(db, recorder, Recording(RIVERSIDE.time_s[~late], RIVERSIDE.lonlat[~late]))
        (one,) = found.proposals(db, own)
        found.refuse(db, own, one.key)
        put(db, recorder, Recording(RIVERSIDE.time_s[late], RIVERSIDE.lonlat[late]))
        assert found.put_in_place(db, RULES) == 40
        during = RecordedFix.time_s.between(one.started_at.timestamp(), one.ended_at.timestamp())
        assert set(db.scalars(select(RecordedFix.lon).where(during))) == {None}
        assert db.scalar(select(func.count()).select_from(Patrol)) == 0

    def test_what_was_no_outing_is_dropped_after_a_day(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        put(db, recorder, RIVERSIDE)
        found.put_in_place(db, RULES)
        assert len(kept(db)) == RIVERSIDE.time_s.size
        db.execute(update(RecordedFix).values(received_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=25)))
        (one,) = found.proposals(db, own)
        found.put_in_place(db, RULES)
        assert 95 <= len(kept(db)) <= 115, "the hours at home are gone"
        (still,) = found.proposals(db, own)
        assert (still.key, still.walked_m) == (one.key, one.walked_m)

    def test_nobody_elses_are_proposed_or_taken(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place, small_county: SmallCounty
    ) -> None:
        put(db, recorder, RIVERSIDE)
        (one,) = found.proposals(db, own)
        other = dataclasses.replace(own, person_id=small_county.person("李建国"))
        assert found.proposals(db, other) == []
        for decide in (
            lambda: found.take(db, other, one.key, [], RULES),
            lambda: found.refuse(db, other, one.key),
        ):
            with pytest.raises(NotFound):
                decide()
        assert len(found.proposals(db, own)) == 1

    def test_of_a_revoked_recorder_his_outings_are_still_his(
        self, db: Session, own: Scope, scope: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        put(db, recorder, RIVERSIDE)
        devices.revoke(db, scope, recorder.id)
        assert len(found.proposals(db, own)) == 1

    def test_a_fix_that_was_sent_by_hand_is_put_on_the_way(
        self, db: Session, own: Scope, recorder: MadeRecorder, river: Place
    ) -> None:
        mixed = RIVERSIDE.lonlat.copy()
        mixed[400] = crs_.from_wgs84(mixed[400:401], Datum.GCJ02)[0]
        put(db, recorder, Recording(RIVERSIDE.time_s, mixed), by_hand=[400, 420])
        (one,) = found.proposals(db, own)
        straight = np.abs(np.diff(one.recording.lonlat[:, 1])).max()
        assert straight < 1e-4


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
@given(order=st.permutations(range(24)), again=st.lists(st.integers(0, 23), max_size=10), data=st.data())
def test_however_a_stream_comes_the_same_is_kept(
    sender: Sender, db: Session, order: list[int], again: list[int], data: st.DataObject
) -> None:
    db.execute(text("delete from recorded_fix"))
    every = Recording(RIVERSIDE.time_s[340:364], RIVERSIDE.lonlat[340:364])
    words = st.sampled_from([sender.query, sender.form, sender.json])
    for k in [*order, *again]:
        sender.stream(data.draw(words), every, [k])
    assert [row[0] for row in kept(db)] == every.time_s.tolist()


def test_a_fix_by_hand_is_left_alone_where_nothing_tells() -> None:
    lonlat = np.array([[119.8, 32.9], [119.81, 32.91]])
    alone = Waiting(1, np.array([0.0, 10.0]), lonlat, np.full(2, np.nan), np.array([True, True]))
    np.testing.assert_array_equal(found.on_the_way(alone), lonlat)
