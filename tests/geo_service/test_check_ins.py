"""Check-ins: near or not, once or often, before or after the walk that they were made on."""

import dataclasses
import datetime as dt
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, func, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.coverage import answers as coverage
from geo_service.coverage.ground import Query
from geo_service.db import transaction
from geo_service.errors import Conflict, NotFound, TooLate
from geo_service.norms import due
from geo_service.patrols import reviews, sending
from geo_service.patrols import service as patrols
from geo_service.people import service as people
from geo_service.plates import check_ins, public, service
from geo_service.plates.check_ins import Said, Told
from geo_service.plates.service import Hung, Wanted
from geo_service.privacy import consents, dossier, expiry
from geo_service.privacy.expiry import Limits
from geo_service.tables import CheckIn, County, LineCoverage, Norm, Patrol, Person, Place
from layers.crs import from_wgs84, to_lonlat
from layers.norms import Minima, Rule
from layers.periods import Days
from layers.presets import CHECK_IN, TRACK
from layers.tracks import Recording
from layers.vocabulary import Datum, DeletionReason, Evidence, Layer, Period, Right, Role, Verdict
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty
from tests.geo_service.test_plates import at, holds

LATE = dt.timedelta(days=30)
NOW = dt.datetime.now(dt.UTC)
TEN = NOW.astimezone(dt.timezone(dt.timedelta(hours=8))).replace(hour=10, minute=0, second=0, microsecond=0)
TEN -= dt.timedelta(days=1)
"""Ten o'clock of yesterday in the county."""


@pytest.fixture
def own(scope: Scope, walker: Person) -> Scope:
    return dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=walker.id)


@pytest.fixture
def plate(db: Session, scope: Scope, river: Place) -> Hung:
    return service.make(db, scope, Wanted(river.id, "桥头", at(500, 0)))


def scan(
    db: Session, own: Scope, plate: Hung, x: float | None = 500, *, y: float = 0, minutes: float = 0,
    accuracy_m: float | None = 5, id_: uuid.UUID | None = None, walk: uuid.UUID | None = None,
    datum: Datum = Datum.WGS84,
) -> Told:  # fmt: skip
    position = None if x is None else at(x, y)
    said = Said(plate.id, TEN + dt.timedelta(minutes=minutes), position, accuracy_m, datum, walk)
    return check_ins.take(db, own, id_ or uuid.uuid4(), said, late=LATE)


def accepts_check_ins(db: Session, county: County, **minima: Any) -> None:
    rule = Rule(
        1, Period.WEEK, roles=(Role.RIVER_STEWARD,), minima=Minima(**minima), accepts=(TRACK, CHECK_IN)
    )
    days = Range(dt.date(2020, 1, 1), None)
    db.add(Norm(county_id=county.id, name="标准", rule=rule.to_json(), in_force=days))
    db.flush()


def outings(db: Session) -> list[Patrol]:
    return list(
        db.scalars(select(Patrol).order_by(Patrol.started_at).execution_options(populate_existing=True))
    )


# --- near or not


def test_without_a_norm_a_check_in_is_for_review_and_covers_nothing(
    db: Session, scope: Scope, own: Scope, plate: Hung, river: Place
) -> None:
    told = scan(db, own, plate)
    assert (told.place_id, told.place, told.away_m, told.is_counted) == (river.id, "车路河", 0.0, False)
    assert "在车路河打卡，已收到" in told.words
    assert "您不用做什么" in told.words
    (outing,) = outings(db)
    assert (outing.evidence, outing.place_id, outing.walked_m) == ("check_in", river.id, 0.0)
    assert [reason["code"] for reason in outing.reasons] == ["R_POINT_ONLY"]
    assert (outing.day, outing.started_at) == (TEN.date(), TEN)
    assert db.scalar(select(func.count()).select_from(LineCoverage)) == 0
    table = coverage.coverage(db, scope, Query(TEN.date(), TEN.date()))
    assert table.totals[0].covered == 0 if table.totals else True
    answer = patrols.told(db, scope, outing.id)
    assert answer.evidence is Evidence.CHECK_IN
    assert "在车路河打卡，已登记" in answer.told
    assert "纸质" not in answer.told
    assert [(s.place, s.where, s.away_m, s.is_near) for s in answer.check_ins] == [
        ("车路河", "桥头", 0.0, True)
    ]


def test_a_norm_that_takes_check_ins_counts_it_towards_what_is_due(
    db: Session, scope: Scope, own: Scope, plate: Hung, county: County, walker: Person, river: Place
) -> None:
    accepts_check_ins(db, county, minutes=10.0)
    holds(db, walker, river)
    told = scan(db, own, plate)
    assert (told.is_counted, "已计入" in told.words) == (True, True)
    assert scan(db, own, plate, minutes=3).is_counted, "scanning again takes nothing away"
    (outing,) = outings(db)
    assert outing.verdict == Verdict.COUNTED
    table = due.table(db, scope, Days(TEN.date() - dt.timedelta(days=7), TEN.date()))
    assert [day for row in table.rows for day in row.days] == [TEN.date()]


@pytest.mark.parametrize(
    ("x", "accuracy_m", "is_near"),
    [
        (500, None, True), (599, 5, True), (604, 5, True), (606, 5, False), (599, 5000, True),
        (701, 5000, False), (None, None, False),
    ],
)  # fmt: skip
def test_near_is_a_hundred_metres_and_what_the_phone_errs_up_to_a_hundred(
    db: Session, own: Scope, plate: Hung, county: County, walker: Person, river: Place,
    x: float | None, accuracy_m: float | None, is_near: bool,
) -> None:  # fmt: skip
    accepts_check_ins(db, county)
    holds(db, walker, river)
    told = scan(db, own, plate, x, accuracy_m=accuracy_m)
    assert told.is_counted is is_near
    assert told.away_m == (None if x is None else pytest.approx(x - 500, abs=0.2))
    if not is_near:
        assert "再看一眼" in told.words
        assert ("约 " in told.words) is (x is not None)


def test_one_good_scan_makes_the_outing_good_in_whatever_order(
    db: Session, own: Scope, plate: Hung, county: County, walker: Person, river: Place
) -> None:
    accepts_check_ins(db, county)
    holds(db, walker, river)
    assert not scan(db, own, plate, None).is_counted
    assert scan(db, own, plate, minutes=1).is_counted
    assert scan(db, own, plate, 5000, minutes=2).is_counted, "what was counted is not taken back"
    (outing,) = outings(db)
    assert outing.verdict == Verdict.COUNTED
    assert (outing.ended_at - outing.started_at) == dt.timedelta(minutes=2)


def test_a_position_is_read_in_the_datum_that_is_said(
    db: Session, own: Scope, plate: Hung, county: County, walker: Person
) -> None:
    shifted = tuple(from_wgs84(np.array([at(520, 0)]), Datum.GCJ02)[0].tolist())
    for datum, away_m in ((Datum.GCJ02, 20.0), (Datum.WGS84, None)):
        said = Said(plate.id, TEN, shifted, 5, datum, None)
        told = check_ins.take(db, own, uuid.uuid4(), said, late=LATE)
        assert told.away_m is not None
        assert (told.away_m == pytest.approx(away_m, abs=0.2)) if away_m else told.away_m > 300


def test_a_plate_without_a_spot_is_along_all_of_its_place(
    db: Session, scope: Scope, own: Scope, river: Place
) -> None:
    anywhere = service.make(db, scope, Wanted(river.id))
    assert scan(db, own, anywhere, 1900, y=60).away_m == pytest.approx(60, abs=0.2)


# --- consent


def test_without_a_consent_the_position_only_says_how_far_away_it_was(
    db: Session, own: Scope, plate: Hung, walker: Person
) -> None:
    scan(db, own, plate, 540)
    (row,) = db.scalars(select(CheckIn)).all()
    assert (row.lon, row.lat, row.accuracy_m) == (None, None, None)
    assert (row.away_m, row.is_near) == (pytest.approx(40, abs=0.2), True)
    consents.give(db, own, walker.id, consents.VERSION)
    scan(db, own, plate, 540, minutes=1)
    kept = db.scalars(select(CheckIn).order_by(CheckIn.at.desc())).first()
    assert kept is not None
    assert (kept.lon, kept.lat) == pytest.approx(at(540, 0))


def test_positions_are_forgotten_after_a_time_and_verdicts_stay(
    db: Session, own: Scope, plate: Hung, walker: Person
) -> None:
    consents.give(db, own, walker.id, consents.VERSION)
    id_ = uuid.uuid4()
    first = scan(db, own, plate, 540, id_=id_)
    limits = Limits(raw_days=7, open_raw_days=30, track_days=180)
    for days, gone in ((6.9, 0), (7.1, 1), (7.2, 0)):
        counts, _ = expiry.drop(db, dt.datetime.now(dt.UTC) + dt.timedelta(days=days), limits)
        assert counts["check_in_positions"][own.county_id] == gone
    db.expire_all()
    row = db.get_one(CheckIn, id_)
    assert (row.lon, row.lat, row.accuracy_m, row.is_near) == (None, None, None, True)
    again = scan(db, own, plate, 540, id_=id_)
    assert (again, again.already) == (dataclasses.replace(first, already=True), True)


def test_what_is_kept_of_him_tells_his_check_ins(
    db: Session, own: Scope, plate: Hung, walker: Person
) -> None:
    scan(db, own, plate, 540)
    told = dossier.as_json(dossier.look(db, own, walker.id))
    (row,) = told["check_ins"]
    assert (row["place"], row["lon"], row["is_near"]) == ("车路河", None, True)
    assert row["away_m"] == pytest.approx(40, abs=0.2)
    (patrol,) = told["patrols"]
    assert (patrol["evidence"], patrol["place"]) == (Evidence.CHECK_IN, "车路河")


def test_when_he_is_forgotten_his_check_ins_go_and_the_outing_stays_without_him(
    db: Session, scope: Scope, own: Scope, plate: Hung, walker: Person, tmp_path: Path
) -> None:
    scan(db, own, plate, 540)
    people.delete_person(db, scope, walker.id, data_dir=tmp_path, reason=DeletionReason.DECEASED)
    assert db.scalars(select(CheckIn)).all() == []
    (outing,) = outings(db)
    assert (outing.person_id, outing.place_id, outing.evidence) == (None, plate.place_id, "check_in")
    shown = public.shown(db, plate.id)
    assert shown is not None
    assert shown.last_day == TEN.date()


# --- again, late, in any order


def test_the_same_is_the_same_and_another_content_is_refused(
    db: Session, scope: Scope, own: Scope, plate: Hung, small_county: SmallCounty
) -> None:
    id_ = uuid.uuid4()
    first = scan(db, own, plate, id_=id_)
    assert not first.already
    assert scan(db, own, plate, id_=id_) == dataclasses.replace(first, already=True)
    for other in ({"x": 501}, {"minutes": 1}, {"x": None}, {"accuracy_m": 6}, {"walk": uuid.uuid4()}):
        with pytest.raises(Conflict, match="编号已经用过"):
            scan(db, own, plate, id_=id_, **other)
    stranger = dataclasses.replace(own, person_id=small_county.person("别人"))
    with pytest.raises(Conflict):
        scan(db, stranger, plate, id_=id_)
    service.revoke(db, scope, plate.id)
    assert scan(db, own, plate, id_=id_).already, "a plate that is gone since takes nothing back"
    assert len(db.scalars(select(CheckIn)).all()) == 1


moments = st.integers(-600, 600)
scans = st.tuples(st.integers(0, 5), st.integers(0, 1), moments, st.sampled_from([None, 480, 900]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(scans, min_size=1, max_size=8), data=st.data())
def test_however_often_and_in_whatever_order_they_come_the_same_stands(
    db: Session, scope: Scope, own: Scope, river: Place, small_county: SmallCounty,
    said: list[tuple[int, int, int, int | None]], data: st.DataObject,
) -> None:  # fmt: skip
    """Two plates at two places; scans by id, sent once in order or many times in any."""
    once = {number: rest for number, *rest in said}
    again = data.draw(st.lists(st.sampled_from(sorted(once)), max_size=8))
    order = data.draw(st.permutations(sorted(once) + again))
    stood = []
    for sent in (sorted(once), order):
        savepoint = db.begin_nested()
        road = small_county.place(Layer.ROAD, uuid.uuid4().hex, "LINESTRING (0 0, 900 0)")
        plates = [service.make(db, scope, Wanted(place.id, None, at(500, 0))) for place in (river, road)]
        ids = {number: uuid.UUID(int=number) for number in once}
        for number in sent:
            which, minutes, x = once[number]
            scan(db, own, plates[which], x, minutes=minutes, id_=ids[number])
        stood.append(
            sorted(
                (
                    row.day,
                    row.place_id == river.id,
                    row.started_at,
                    row.ended_at,
                    row.verdict,
                    str(row.reasons),
                )
                for row in outings(db)
            )
        )
        assert db.scalar(select(func.count(CheckIn.id))) == len(once)
        savepoint.rollback()
    assert stood[0] == stood[1]


def test_several_scans_of_a_place_and_day_are_one_outing_and_other_places_others(
    db: Session, scope: Scope, own: Scope, plate: Hung, river: Place, small_county: SmallCounty
) -> None:
    second = service.make(db, scope, Wanted(river.id, "闸口", at(1500, 0)))
    road = small_county.place(Layer.ROAD, "路", "LINESTRING (400 -500, 400 500)")
    beside = service.make(db, scope, Wanted(road.id, None, at(400, 100)))
    scan(db, own, plate)
    scan(db, own, beside, 400, y=100, minutes=20)
    scan(db, own, second, 1500, minutes=40)
    scan(db, own, plate, minutes=24 * 60)
    found = [(row.place_id, row.day) for row in outings(db)]
    day = TEN.date()
    assert sorted(found) == sorted([(river.id, day), (road.id, day), (river.id, day + dt.timedelta(days=1))])
    codes = {reason["code"] for row in outings(db) for reason in row.reasons}
    assert codes == {"R_POINT_ONLY"}, "the road between two scans of the river is no overlap"


def test_a_voided_outing_takes_no_more(db: Session, scope: Scope, own: Scope, plate: Hung) -> None:
    scan(db, own, plate)
    patrols.void(db, scope, outings(db)[0].id, "扫错了")
    scan(db, own, plate, minutes=5)
    assert [row.voided_at is None for row in outings(db)] == [False, True]


def test_what_a_coordinator_decided_stays_and_is_told(
    db: Session, scope: Scope, own: Scope, plate: Hung
) -> None:
    id_ = uuid.uuid4()
    scan(db, own, plate, None, id_=id_)
    reviews.review(db, scope, outings(db)[0].id, Verdict.NOT_COUNTED, "当天在外地")
    told = scan(db, own, plate, None, id_=id_)
    assert (told.is_counted, "暂未计入" in told.words, "无效" in told.words) == (False, True, False)
    reviews_ = scan(db, own, plate, minutes=5)
    assert not reviews_.is_counted
    assert outings(db)[0].verdict == Verdict.NOT_COUNTED


def test_a_plate_that_is_gone_or_of_another_county_is_told_with_what_to_do(
    db: Session, scope: Scope, own: Scope, plate: Hung
) -> None:
    service.revoke(db, scope, plate.id)
    with pytest.raises(NotFound, match="找协调员"):
        scan(db, own, plate)
    other = County(code="999902", name="别县", time_zone="Asia/Shanghai", crs=CRS)
    db.add(other)
    db.flush()
    abroad = SmallCounty(db, other)
    place = abroad.place(Layer.RIVER, "外河", "LINESTRING (0 0, 900 0)")
    theirs = service.make(
        db, Scope(other.id, Actor(os_user="t"), dict.fromkeys(Right, None)), Wanted(place.id)
    )
    with pytest.raises(NotFound, match="找协调员"):
        scan(db, own, theirs)
    assert outings(db) == []


def test_too_old_is_refused_and_the_future_is_now(db: Session, own: Scope, plate: Hung) -> None:
    now = dt.datetime.now(dt.UTC)
    with pytest.raises(TooLate, match="30 天"):
        check_ins.take(
            db, own, uuid.uuid4(), Said(plate.id, now - dt.timedelta(days=31), None, None, Datum.WGS84, None),
            late=LATE,
        )  # fmt: skip
    ahead = Said(plate.id, now + dt.timedelta(days=400), at(500, 0), 5, Datum.WGS84, None)
    id_ = uuid.uuid4()
    first = check_ins.take(db, own, id_, ahead, late=LATE)
    assert now <= db.get_one(CheckIn, id_).at <= dt.datetime.now(dt.UTC)
    assert check_ins.take(db, own, id_, ahead, late=LATE) == dataclasses.replace(first, already=True)


# --- on a walk that is recorded


def walked(db: Session, own: Scope, *, minutes: tuple[float, float] = (-30, 30)) -> uuid.UUID:
    """A walk along the river around ten o'clock, sent as a phone does."""
    consents.give(db, own, own.person_id, consents.VERSION)
    id_ = uuid.uuid4()
    _send(db, own, id_, minutes)
    end = sending.End(TEN + dt.timedelta(minutes=minutes[1]), 1)
    sending.end(db, own, id_, end, person=None, rules=RULES)
    return id_


RULES = sending.Rules(200.0, LATE)


def _send(db: Session, own: Scope, id_: uuid.UUID, minutes: tuple[float, float]) -> None:
    n = int((minutes[1] - minutes[0]) * 6) + 1
    xy = np.column_stack([100 + np.arange(n) * 5.0, np.full(n, 3.0)])
    time_s = TEN.timestamp() + minutes[0] * 60 + np.arange(n) * 10.0
    fixes = sending.Fixes(Recording(time_s, to_lonlat(xy + ORIGIN, CRS)), Datum.WGS84)
    sending.take_batch(db, own, id_, uuid.uuid4(), fixes, person=None, rules=RULES)


def _is_one_walk(db: Session, walk_id: uuid.UUID, verdict: str) -> None:
    standing = [row for row in outings(db) if row.voided_at is None]
    assert [(row.id, row.evidence) for row in standing] == [(walk_id, "track")]
    assert standing[0].verdict == verdict, standing[0].reasons
    assert standing[0].reasons == []
    assert set(db.scalars(select(CheckIn.patrol_id))) == {walk_id}


def test_a_scan_belongs_to_the_walk_on_which_it_was_made_whichever_comes_first(
    db: Session, scope: Scope, own: Scope, plate: Hung
) -> None:
    savepoint = db.begin_nested()
    walk_id = walked(db, own)
    told = scan(db, own, plate)
    assert (told.is_counted, "记在您的巡查里" in told.words) == (True, True)
    _is_one_walk(db, walk_id, "counted")
    assert [s.where for s in patrols.told(db, scope, walk_id).check_ins] == ["桥头"]
    savepoint.rollback()
    scan(db, own, plate, minutes=0)
    scan(db, own, plate, minutes=10)
    _is_one_walk(db, walked(db, own), "counted")


def test_a_scan_names_the_walk_that_is_still_recorded(db: Session, own: Scope, plate: Hung) -> None:
    consents.give(db, own, own.person_id, consents.VERSION)
    walk_id = uuid.uuid4()
    _send(db, own, walk_id, (-30, -5))
    scan(db, own, plate, walk=walk_id)
    assert [(row.id, row.settled_at) for row in outings(db)] == [(walk_id, None)]
    sending.end(db, own, walk_id, sending.End(TEN, 1), person=None, rules=RULES)
    _is_one_walk(db, walk_id, "counted")


def test_a_walk_that_is_not_known_or_not_his_or_of_another_day_is_none(
    db: Session, own: Scope, plate: Hung, small_county: SmallCounty
) -> None:
    theirs, _ = small_county.patrol(
        small_county.walk((0, 5), (600, 5), start=TEN - dt.timedelta(minutes=2)), small_county.person("别人")
    )
    long_ago, _ = small_county.patrol(
        small_county.walk((0, 5), (600, 5), start=TEN - dt.timedelta(days=5)), own.person_id
    )
    for walk in (uuid.uuid4(), theirs, long_ago):
        scan(db, own, plate, walk=walk)
    (checked_in,) = [row for row in outings(db) if row.evidence == "check_in"]
    assert set(db.scalars(select(CheckIn.patrol_id))) == {checked_in.id}


def test_what_a_coordinator_confirmed_is_not_absorbed(
    db: Session, scope: Scope, own: Scope, plate: Hung
) -> None:
    scan(db, own, plate)
    reviews.review(db, scope, outings(db)[0].id, Verdict.COUNTED, "看到人了")
    walked(db, own)
    assert [row.voided_at for row in outings(db)] == [None, None]


def test_scans_outside_the_walk_stay_an_outing_of_their_own(db: Session, own: Scope, plate: Hung) -> None:
    scan(db, own, plate, minutes=-120)
    walk_id = walked(db, own)
    by_id = {row.id: row for row in outings(db)}
    assert len(by_id) == 2
    assert by_id[walk_id].verdict == "counted"


# --- over HTTP


@pytest.fixture
def phone(db: Session, client: TestClient, own: Scope) -> TestClient:
    """A volunteer, by a token."""
    by = Manager(Actor(os_user="tester"))
    ground = Ground(own.county_id)
    account, _ = register.add(
        db, by, "walker", Right.VOLUNTEER, ground, person_id=own.person_id, is_program=True
    )
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'v', days=None)}"
    return client


def body(plate: Hung, **more: Any) -> dict[str, Any]:
    lon, lat = at(520, 0)
    said = {
        "plate": plate.id,
        "at": TEN.isoformat(),
        "lon": lon,
        "lat": lat,
        "accuracy_m": 8,
        "datum": "wgs84",
    }
    return {**said, **more}


def test_over_http_the_contract_holds(phone: TestClient, plate: Hung, river: Place) -> None:
    path = f"/api/v/check-ins/{uuid.uuid4()}"
    first = phone.put(path, json=body(plate))
    assert first.status_code == 201, first.text
    told = first.json()
    assert set(told) == {"place", "away_m", "state", "words"}
    assert (told["place"], told["state"]) == ({"id": river.id, "name": "车路河"}, "review")
    assert told["away_m"] == pytest.approx(20, abs=0.2)
    again = phone.put(path, json=body(plate))
    assert (again.status_code, again.json()) == (200, told)
    other = phone.put(path, json=body(plate, accuracy_m=9))
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert phone.get(f"/api/v/plates/{plate.id.lower()}").json() == {
        "id": plate.id, "place": {"id": river.id, "name": "车路河"}, "where": "桥头",
    }  # fmt: skip
    gone = phone.get("/api/v/plates/AAAAAA")
    assert (gone.status_code, "找协调员" in gone.json()["detail"]) == (404, True)
    assert phone.get("/api/v/records").json()["items"][0]["evidence_name"] == "打卡"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lat": None}, {"lon": 181}, {"lat": -91}, {"at": "2026-05-01T10:00:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": None}, {"datum": "mars"}, {"plate": "x" * 61}, {"patrol_id": "7"}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_check_in_is_refused(db: Session, phone: TestClient, plate: Hung, wrong: dict) -> None:
    answer = phone.put(f"/api/v/check-ins/{uuid.uuid4()}", json={**body(plate), **wrong})
    assert answer.status_code == 422, answer.text
    assert phone.put("/api/v/check-ins/7", json=body(plate)).status_code == 422
    assert db.scalar(select(func.count(CheckIn.id))) == 0


def test_late_answers_are_told_as_such(phone: TestClient, plate: Hung) -> None:
    old = (dt.datetime.now(dt.UTC) - dt.timedelta(days=31)).isoformat()
    answer = phone.put(f"/api/v/check-ins/{uuid.uuid4()}", json=body(plate, at=old))
    assert (answer.status_code, answer.json()["code"]) == (422, "too_late")


def test_nobody_but_a_volunteer_checks_in(db: Session, client: TestClient, scope: Scope, plate: Hung) -> None:
    by = Manager(Actor(os_user="tester"))
    account, _ = register.add(db, by, "clerk", Right.COORDINATOR, Ground(scope.county_id), is_program=True)
    client.headers["Authorization"] = f"Bearer {register.token(db, by, account, 'v', days=None)}"
    assert client.put(f"/api/v/check-ins/{uuid.uuid4()}", json=body(plate)).status_code == 404


# --- at the same time


@pytest.mark.parametrize("same_id", [True, False])
def test_two_scans_at_the_same_time_are_one_outing(apart: Engine, same_id: bool) -> None:
    """The second waits for the first to be stored, and finds what that made."""
    with Session(apart, expire_on_commit=False) as db, db.begin():
        row = County(code=f"99991{int(same_id)}", name="试县", time_zone="Asia/Shanghai", crs=CRS)
        db.add(row)
        db.flush()
        county = SmallCounty(db, row)
        river = county.place(Layer.RIVER, "车路河", "LINESTRING (0 0, 2000 0)")
        own = Scope(row.id, Actor(), {Right.VOLUNTEER: None}, person_id=county.person("王秀英"))
        staff = Scope(row.id, Actor(os_user="t"), dict.fromkeys(Right, None))
        plate = service.make(db, staff, Wanted(river.id, "桥头", at(500, 0)))
    first_id = uuid.uuid4()
    told: list[Told] = []

    def second() -> None:
        with transaction(apart) as db:
            told.append(scan(db, own, plate, id_=first_id if same_id else uuid.uuid4()))

    thread = threading.Thread(target=second)
    with Session(apart) as db, db.begin():
        scan(db, own, plate, id_=first_id)
        thread.start()
        with apart.connect() as beside:
            waits = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
            until = time.monotonic() + 30
            while thread.is_alive() and not beside.scalar(waits) and time.monotonic() < until:
                beside.rollback()
                time.sleep(0.02)
    thread.join(30)
    assert [one.already for one in told] == [same_id]
    with Session(apart) as db:
        mine = Patrol.county_id == own.county_id
        assert db.scalar(select(func.count()).select_from(Patrol).where(mine)) == 1
        scans_ = select(func.count()).select_from(CheckIn).where(CheckIn.county_id == own.county_id)
        assert db.scalar(scans_) == (1 if same_id else 2)
