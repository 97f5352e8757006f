"""Who calls, stands still or is not back is seen by his coordinators, once; warnings reach the phones."""

import dataclasses
import datetime as dt
import uuid

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.notices import service
from geo_service.patrols import sending
from geo_service.privacy import consents
from geo_service.tables import Alert, Batch, Patrol, Person
from geo_service.volunteer import service as volunteer
from layers.crs import to_lonlat
from layers.tracks import Recording
from layers.vocabulary import AlertKind, Datum, NoticeKind, Right
from tests.geo_service.conftest import ORIGIN

RULES = sending.Rules(200.0, dt.timedelta(days=30))
PAGE = volunteer.Rules(20, 3, 4)


@pytest.fixture
def own(scope: Scope, walker: Person) -> Scope:
    return dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=walker.id)


def setting_out(db: Session, own: Scope, *, hours_ago: float) -> uuid.UUID:
    """A patrol of which something came so long ago, and nothing since."""
    consents.give(db, own, own.person_id, consents.VERSION)
    patrol_id, at = uuid.uuid4(), dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours_ago)
    sending.begin(db, own, patrol_id, sending.Begin(at), person=None, rules=RULES)
    fix = sending.Fixes(_fix(at), Datum.WGS84)
    sending.take_batch(db, own, patrol_id, uuid.uuid4(), fix, person=None, rules=RULES)
    row = db.get_one(Patrol, patrol_id)
    row.created_at = at
    db.execute(select(Batch).where(Batch.patrol_id == patrol_id)).scalar_one().received_at = at
    db.flush()
    return patrol_id


def _fix(at: dt.datetime) -> Recording:
    return Recording(np.array([at.timestamp()]), to_lonlat(np.array([[0.0, 0.0]]) + ORIGIN, "EPSG:4549"))


def test_a_call_is_seen_once_with_its_place_and_closed_with_what_was_found_out(
    db: Session, scope: Scope, own: Scope, walker: Person
) -> None:
    patrol_id = uuid.uuid4()
    at = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)  # it waited for a signal
    for _ in range(2):  # before anything else of the patrol has come, and again
        service.alert(db, own, AlertKind.SOS, patrol_id, at=at, position=(119.8, 32.9))
    (alert,) = service.open_alerts(db, scope)
    assert alert.raised_at == at
    assert (alert.kind, alert.name, alert.position) == (AlertKind.SOS, "王秀英", (119.8, 32.9))
    assert (alert.patrol_id, alert.last_at) == (None, None)
    with pytest.raises(Invalid, match="怎么样"):
        service.close(db, scope, alert.id, "  ")
    service.close(db, scope, alert.id, "已通电话，平安到家")
    assert service.open_alerts(db, scope) == []
    with pytest.raises(NotFound):
        service.close(db, scope, alert.id, "又来")


def test_he_says_himself_that_he_is_well(db: Session, scope: Scope, own: Scope) -> None:
    patrol_id = uuid.uuid4()
    service.alert(db, own, AlertKind.STILL, patrol_id)
    service.answer_fine(db, own, AlertKind.SOS, patrol_id)
    assert service.count(db, scope)[0] == 1
    service.answer_fine(db, own, AlertKind.STILL, patrol_id)
    assert service.count(db, scope)[0] == 0


def test_who_is_not_back_is_missed_without_his_phone_until_his_end_comes(
    db: Session, scope: Scope, own: Scope
) -> None:
    after = dt.timedelta(hours=3)
    setting_out(db, own, hours_ago=2)
    assert service.look_who_is_overdue(db, after=after) == 0
    late = setting_out(db, own, hours_ago=4)
    assert service.look_who_is_overdue(db, after=after) == 1
    assert service.look_who_is_overdue(db, after=after) == 0
    (alert,) = service.open_alerts(db, scope)
    assert (alert.kind, alert.patrol_id) == (AlertKind.OVERDUE, late)
    now = dt.datetime.now(dt.UTC)
    sending.end(db, own, late, sending.End(now, 1), person=None, rules=RULES)
    service.look_who_is_overdue(db, after=after)
    assert service.open_alerts(db, scope) == []
    assert db.scalars(select(Alert.note)).all() == [service.CAME]


def test_of_an_abandoned_patrol_that_was_closed_by_itself_the_alert_stays(
    db: Session, scope: Scope, own: Scope
) -> None:
    setting_out(db, own, hours_ago=20)
    assert service.look_who_is_overdue(db, after=dt.timedelta(hours=3)) == 1
    assert sending.close_abandoned(db, after=dt.timedelta(hours=12), home_cut_m=200.0) == 1
    service.look_who_is_overdue(db, after=dt.timedelta(hours=3))
    assert service.count(db, scope)[0] == 1


def test_only_his_coordinators_see_it(db: Session, scope: Scope, own: Scope, small_county) -> None:
    service.alert(db, own, AlertKind.SOS, uuid.uuid4())
    elsewhere = Scope(scope.county_id, Actor(), {Right.COORDINATOR: frozenset({small_county.area("T").id})})
    assert service.open_alerts(db, elsewhere) == []
    for rights in ({Right.PLANNER: None}, {Right.VOLUNTEER: None}):
        with pytest.raises(Forbidden):
            service.open_alerts(db, Scope(scope.county_id, Actor(), rights))


def test_a_notice_reaches_the_phones_of_its_area_and_below_while_it_holds(
    db: Session, scope: Scope, own: Scope, walker: Person, small_county
) -> None:
    town = small_county.area("T")
    village, other = small_county.area("V", town, "village"), small_county.area("O")
    walker.area_id = village.id
    service.warn(db, scope, NoticeKind.HEAT, "今天高温，早晚巡查", town.id, hours=5)
    service.warn(db, scope, NoticeKind.STORM, "别镇有雷雨", other.id, hours=5)
    everywhere = service.warn(db, scope, NoticeKind.OTHER, "全县停电", None, hours=1)
    told = [notice.text for notice in volunteer.me(db, own, PAGE).notices]
    assert told == ["全县停电", "今天高温，早晚巡查"]
    service.take_back(db, scope, everywhere.id)
    assert [notice.text for notice in volunteer.me(db, own, PAGE).notices] == ["今天高温，早晚巡查"]
    without_end = [("话", float(word)) for word in ("inf", "nan")]
    for text, hours in (("", 5), ("话" * 201, 5), ("话", 0), ("话", 24 * 40), *without_end):
        with pytest.raises(Invalid):
            service.warn(db, scope, NoticeKind.OTHER, text, None, hours=hours)


def test_the_contact_is_the_next_one_above(
    db: Session, scope: Scope, own: Scope, walker: Person, small_county
) -> None:
    assert volunteer.me(db, own, PAGE).contact is None
    root = small_county.area("R", None, "county")
    town = small_county.area("T", root)
    village = small_county.area("V", town, "village")
    walker.area_id = village.id
    service.set_contact(db, scope, root.id, "县里", "0523-1")
    service.set_contact(db, scope, town.id, "小张", "0523-8325 1234")
    contact = volunteer.me(db, own, PAGE).contact
    assert contact is not None
    assert (contact.name, contact.phone) == ("小张", "0523-8325 1234")
    service.set_contact(db, scope, town.id, "", "")
    above = volunteer.me(db, own, PAGE).contact
    assert above is not None
    assert above.name == "县里"
    with pytest.raises(Invalid):
        service.set_contact(db, scope, town.id, "小张", "javascript:alert(1)")


def test_without_a_consent_no_way_is_taken_and_begin_and_end_are(db: Session, own: Scope) -> None:
    patrol_id, at = uuid.uuid4(), dt.datetime.now(dt.UTC)
    sending.begin(db, own, patrol_id, sending.Begin(at), person=None, rules=RULES)
    fix = sending.Fixes(_fix(at), Datum.WGS84)
    with pytest.raises(consents.ConsentMissing, match="同意"):
        sending.take_batch(db, own, patrol_id, uuid.uuid4(), fix, person=None, rules=RULES)
    given = consents.give(db, own, own.person_id, consents.VERSION)
    assert given.is_current
    assert consents.give(db, own, own.person_id, consents.VERSION).given_at == given.given_at
    sending.take_batch(db, own, patrol_id, uuid.uuid4(), fix, person=None, rules=RULES)
    assert not consents.withdraw(db, own, own.person_id).is_current
    with pytest.raises(consents.ConsentMissing):
        sending.take_batch(db, own, patrol_id, uuid.uuid4(), fix, person=None, rules=RULES)
    assert consents.give(db, own, own.person_id, consents.VERSION).is_current


def test_changed_words_are_asked_again(db: Session, own: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    consents.give(db, own, own.person_id, consents.VERSION)
    monkeypatch.setattr(consents, "PARAGRAPHS", ("新的说明",))
    assert not consents.state(db, own.county_id, own.person_id).is_current
    assert consents.give(db, own, own.person_id, consents.VERSION).is_current
