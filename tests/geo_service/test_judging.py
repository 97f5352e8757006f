"""A patrol is judged by the norm of its day; not counted, it leaves the roll-up; a person decides last."""

import dataclasses
import datetime as dt
import uuid

import pytest
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import walkable, windows
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.patrols import judging, reviews, service
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.service import take
from geo_service.tables import (
    Audit,
    County,
    Duty,
    Exemption,
    Norm,
    Patrol,
    Person,
    Place,
)
from layers.measures import Measures
from layers.norms import Caps, Minima, Rule
from layers.periods import Days
from layers.vocabulary import DutyKind, ExemptionKind, Layer, Level, Period, Right, Role, Verdict
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_patrols import START, walk

DAY = dt.date(2026, 5, 1)


def duty(db: Session, person: Person, place: Place, **more: object) -> None:
    values = {
        "kind": DutyKind.VOLUNTEER,
        "level": Level.VILLAGE,
        "in_force": Range(dt.date(2026, 1, 1), None),
    }
    role = Role.of(Layer(place.layer))
    row = {"county_id": place.county_id, "person_id": person.id, "place_id": place.id, "role": role}
    db.add(Duty(**row | values | more))
    db.flush()


def norm(db: Session, county: County, minima: Minima | None = None, **more: object) -> int:
    days = more.pop("days", Range(dt.date(2026, 1, 1), None))
    rule = Rule(1, Period.WEEK, minima=minima or Minima(), **more)
    row = Norm(county_id=county.id, name="标准", rule=rule.to_json(), in_force=days)
    db.add(row)
    db.flush()
    return row.id


def sent(db: Session, scope: Scope, walker: Person, *corners: tuple[float, float], **more) -> PatrolAnswer:
    recording = walk(*corners, **more)
    ids = {"patrol_id": uuid.uuid4(), "batch_id": uuid.uuid4()}
    return take(db, scope, walker.id, recording, sha256=uuid.uuid4().bytes * 2, **ids)


def shown(db: Session, county: County, place: Place) -> tuple[float, int]:
    """Metres of a line in the roll-up, and how many outings a window tells."""
    index = {place.version_id: 0}
    spans = windows.covered_spans(db, county.id, DAY, DAY, index)
    outings = windows.outings(db, county.id, DAY, DAY, index, index)
    return float(spans.length.sum()) / 10, outings[0].times if outings else 0


class TestWithoutANorm:
    def test_a_walk_along_a_place_is_counted_and_its_numbers_are_kept(
        self, db: Session, scope: Scope, walker: Person, river: Place
    ) -> None:
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert (answer.verdict, answer.reasons, answer.norm_id) == (Verdict.COUNTED, [], None)
        kept = Measures.from_json(db.get_one(Patrol, answer.patrol_id).cleaning["measures"])
        (at,) = kept.places.values()
        assert at.walked_m == pytest.approx(800, abs=2)
        assert at.share == pytest.approx(0.4, abs=0.005)
        assert (kept.ridden_share, kept.gap_share, kept.leaps) == (0, 0, 0)
        assert kept.minutes == pytest.approx(800 / 6 * 5 / 60, abs=0.2)

    def test_a_ride_is_for_review_and_still_covers(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place
    ) -> None:
        answer = sent(db, scope, walker, (100, 8), (1900, 8), step_m=30.0)
        assert answer.verdict is Verdict.REVIEW
        (reason,) = answer.reasons
        assert reason.words == "像是乘车或骑车（100%，上限 30%）"
        assert "协调员会再看一眼，您不用做什么。" in answer.told
        metres, times = shown(db, county, river)
        assert metres == pytest.approx(1800, abs=5)
        assert times == 1

    def test_a_walk_that_came_near_no_place_is_for_review(
        self, db: Session, scope: Scope, walker: Person, river: Place
    ) -> None:
        answer = sent(db, scope, walker, (100, 900), (900, 900))
        assert (answer.verdict, [r.code for r in answer.reasons]) == (Verdict.REVIEW, ["R_OFF_ROUTE"])

    def test_it_may_have_been_at_a_place_that_is_not_on_the_map_yet(
        self, db: Session, scope: Scope, walker: Person, small_county: SmallCounty, county: County
    ) -> None:
        off_map = small_county.place(Layer.RIVER, "待上图", None)
        duty(db, walker, off_map)
        norm_id = norm(db, county, Minima(metres=300))
        answer = sent(db, scope, walker, (100, 900), (900, 900))
        assert (answer.verdict, answer.norm_id) == (Verdict.COUNTED, norm_id)


class TestUnderANorm:
    def test_too_short_a_walk_is_not_counted_and_told_what_is_missing(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place
    ) -> None:
        duty(db, walker, river)
        norm_id = norm(db, county, Minima(metres=300))
        answer = sent(db, scope, walker, (100, 8), (280, 8))
        assert (answer.verdict, answer.norm_id) == (Verdict.NOT_COUNTED, norm_id)
        assert "走了 180 米。再走120米就够了。" in answer.told
        assert "无效" not in answer.told
        assert [line.place_id for line in answer.covered] == [river.id]
        assert shown(db, county, river) == (0, 0)

    def test_a_walk_that_is_not_counted_takes_nothing_from_others(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place
    ) -> None:
        duty(db, walker, river)
        norm(db, county, Minima(metres=300))
        sent(db, scope, walker, (100, 8), (600, 8))
        sent(db, scope, walker, (500, 8), (700, 8), start=START + dt.timedelta(hours=3))
        metres, times = shown(db, county, river)
        assert metres == pytest.approx(500, abs=3)
        assert times == 1

    @pytest.mark.parametrize(("metres", "verdict"), [(305, Verdict.COUNTED), (250, Verdict.REVIEW)])
    def test_enough_is_counted_and_nearly_enough_is_for_review(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, metres: int, verdict
    ) -> None:
        duty(db, walker, river)
        norm(db, county, Minima(metres=300))
        assert sent(db, scope, walker, (100, 8), (100 + metres, 8)).verdict is verdict

    @pytest.mark.parametrize(
        "days", [Range(dt.date(2026, 5, 2), None), Range(dt.date(2026, 1, 1), dt.date(2026, 5, 1)), None]
    )
    def test_only_the_norm_of_its_day_judges_it(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, days
    ) -> None:
        duty(db, walker, river)
        norm(db, county, Minima(metres=300), days=days)
        answer = sent(db, scope, walker, (100, 8), (200, 8))
        assert (answer.verdict, answer.norm_id) == (Verdict.COUNTED, None)

    @pytest.mark.parametrize(
        "other", [{"kind": DutyKind.OFFICIAL}, {"in_force": Range(dt.date(2026, 5, 2), None)}]
    )
    def test_a_norm_asks_nothing_of_who_has_no_such_duty(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, other
    ) -> None:
        duty(db, walker, river, **other)
        norm(db, county, Minima(metres=300))
        assert sent(db, scope, walker, (100, 8), (200, 8)).norm_id is None

    def test_metres_at_somebody_elses_place_do_not_count_for_ones_own(
        self,
        db: Session,
        scope: Scope,
        walker: Person,
        county: County,
        river: Place,
        small_county: SmallCounty,
    ) -> None:
        other = small_county.place(Layer.RIVER, "别河", "LINESTRING (2200 0, 4200 0)")
        duty(db, walker, river)
        norm(db, county, Minima(metres=300))
        answer = sent(db, scope, walker, (1900, 8), (3500, 8))
        assert {line.place_id for line in answer.covered} == {river.id, other.id}
        assert [r.code for r in answer.reasons] == ["R_OFF_ROUTE"]

    def test_the_norm_under_which_it_fares_best_judges_it(
        self,
        db: Session,
        scope: Scope,
        walker: Person,
        county: County,
        river: Place,
        small_county: SmallCounty,
    ) -> None:
        road = small_county.place(Layer.ROAD, "长安路", "LINESTRING (2000 0, 2000 2000)")
        duty(db, walker, river)
        duty(db, walker, road)
        norm(db, county, Minima(metres=1000), roles=(Role.RIVER_STEWARD,))
        of_roads = norm(db, county, Minima(metres=500), roles=(Role.ROAD_STEWARD,))
        answer = sent(db, scope, walker, (1700, 8), (1995, 8), (1995, 900))
        assert (answer.verdict, answer.norm_id) == (Verdict.COUNTED, of_roads)

    def test_who_may_ride_rides(
        self, db: Session, scope: Scope, walker: Person, county: County, small_county: SmallCounty
    ) -> None:
        road = small_county.place(Layer.ROAD, "长安路", "LINESTRING (0 0, 2000 0)")
        duty(db, walker, road)
        norm(db, county, Minima(metres=1000), caps=Caps(may_ride=(Role.ROAD_STEWARD,)))
        assert sent(db, scope, walker, (100, 5), (1900, 5), step_m=30.0).verdict is Verdict.COUNTED

    def test_a_substitute_is_held_to_the_norm_of_whom_he_stands_in_for(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place
    ) -> None:
        holder = Person(county_id=county.id, name="李大爷")
        db.add(holder)
        db.flush()
        duty(db, holder, river)
        norm_id = norm(db, county, Minima(metres=300))
        assert sent(db, scope, walker, (100, 8), (200, 8)).norm_id is None
        db.add(
            Exemption(
                county_id=county.id, kind=ExemptionKind.SUBSTITUTE, person_id=holder.id,
                substitute_id=walker.id, days=Range(DAY, DAY + dt.timedelta(days=1)),
            )
        )  # fmt: skip
        db.flush()
        again = sent(db, scope, walker, (100, 8), (200, 8), start=START + dt.timedelta(hours=3))
        assert again.norm_id == norm_id

    def test_a_grid_is_judged_by_the_share_that_was_seen(
        self, db: Session, scope: Scope, walker: Person, county: County, small_county: SmallCounty
    ) -> None:
        grid = small_county.place(Layer.GRID, "格", "POLYGON ((0 0, 800 0, 800 60, 0 60, 0 0))")
        duty(db, walker, grid)
        norm(db, county, Minima(share=0.2))
        assert sent(db, scope, walker, (5, 30), (795, 30)).verdict is Verdict.COUNTED
        short = sent(db, scope, walker, (5, 30), (505, 30), start=START + dt.timedelta(hours=3))
        assert [r.code for r in short.reasons] == ["R_SHORT_SHARE"]
        assert short.verdict is Verdict.NOT_COUNTED

    def test_a_clock_and_an_overlap_are_doubts(
        self, db: Session, scope: Scope, walker: Person, river: Place
    ) -> None:
        sent(db, scope, walker, (100, 8), (900, 8))
        again = sent(db, scope, walker, (1000, 8), (1600, 8), start=START + dt.timedelta(minutes=2))
        assert [r.code for r in again.reasons] == ["R_OVERLAP"]

    def test_a_norm_that_came_later_would_judge_alike_from_numbers_and_from_the_track(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place
    ) -> None:
        duty(db, walker, river)
        answer = sent(db, scope, walker, (100, 8), (350, 8))
        rule = Rule(1, Period.WEEK, minima=Minima(metres=300, minutes=2))
        row = judging.NormRow(7, "后来的", rule, Days(DAY, DAY))
        patrol = db.get_one(Patrol, answer.patrol_id)
        from_numbers = judging.tried(db, county, patrol, [row])
        patrol.cleaning = {k: v for k, v in patrol.cleaning.items() if k != judging.MEASURES}
        db.flush()
        from_track = judging.tried(db, county, patrol, [row])
        db.execute(update(Patrol).where(Patrol.id == patrol.id).values(track=None))
        from_what_is_left = judging.tried(db, county, patrol, [row])
        for found in (from_numbers, from_track, from_what_is_left):
            assert found.judgement.verdict is Verdict.REVIEW
            assert found.judgement.reasons[0].missing == pytest.approx(50, abs=4)


class TestReviews:
    @pytest.fixture
    def short(self, db: Session, scope: Scope, walker: Person, county: County, river: Place) -> uuid.UUID:
        duty(db, walker, river)
        norm(db, county, Minima(metres=300))
        return sent(db, scope, walker, (100, 8), (280, 8)).patrol_id

    def test_a_person_puts_it_in_and_out_again(
        self, db: Session, scope: Scope, county: County, river: Place, short: uuid.UUID
    ) -> None:
        answer = reviews.review(db, scope, short, Verdict.COUNTED, " 问过本人 ")
        assert (answer.verdict, answer.review_note) == (Verdict.COUNTED, "问过本人")
        assert answer.reviewed_at is not None
        assert "再走" not in answer.told
        metres, times = shown(db, county, river)
        assert (round(metres), times) == (180, 1)
        reviews.review(db, scope, short, Verdict.COUNTED, "再看一次")
        reviews.review(db, scope, short, Verdict.NOT_COUNTED, "看错了")
        assert shown(db, county, river) == (0, 0)
        lines = db.scalars(select(Audit).where(Audit.action == "patrols.review").order_by(Audit.id)).all()
        assert [line.detail["after"] for line in lines] == ["counted", "counted", "not_counted"]
        assert "问过" not in str([line.detail for line in lines])

    def test_no_computation_overrules_it(
        self, db: Session, scope: Scope, county: County, river: Place, short: uuid.UUID
    ) -> None:
        reviews.review(db, scope, short, Verdict.COUNTED, "问过本人")
        track = judging.track_queries.stored_track(db, short)
        near = judging.coverage.neighbourhood(db, county, track)
        judging.coverage.forget(db, county.id, short)
        judging.coverage.record(db, county, short, track, near)
        judging.settle_verdict(db, county, short, track, near)
        judging.coverage.enter(db, county.id, short)
        assert db.get_one(Patrol, short, populate_existing=True).verdict == Verdict.COUNTED
        assert shown(db, county, river)[1] == 1

    def test_what_waits_is_listed(
        self, db: Session, scope: Scope, walker: Person, river: Place, short: uuid.UUID
    ) -> None:
        waits = sent(db, scope, walker, (100, 8), (350, 8), start=START + dt.timedelta(hours=4))
        assert [p.patrol_id for p in service.listed(db, scope, verdict=Verdict.REVIEW)] == [waits.patrol_id]
        assert [p.patrol_id for p in service.listed(db, scope, verdict=Verdict.NOT_COUNTED)] == [short]
        service.void(db, scope, waits.patrol_id, "传错了")
        assert service.listed(db, scope, verdict=Verdict.REVIEW) == []

    def test_it_needs_a_note_a_decision_and_somebody_else(
        self, db: Session, scope: Scope, walker: Person, short: uuid.UUID
    ) -> None:
        for verdict, note in ((Verdict.COUNTED, "  "), (Verdict.REVIEW, "再看"), (Verdict.COUNTED, "a\0b")):
            with pytest.raises(Invalid):
                reviews.review(db, scope, short, verdict, note)
        own = dataclasses.replace(scope, person_id=walker.id)
        assert not reviews.may_review(db, own, short)
        with pytest.raises(Conflict, match="自己的巡查"):
            reviews.review(db, own, short, Verdict.COUNTED, "我走了")
        volunteer = Scope(scope.county_id, scope.actor, {Right.VOLUNTEER: None}, walker.id)
        with pytest.raises(NotFound):
            reviews.review(db, volunteer, short, Verdict.COUNTED, "我走了")
        service.void(db, scope, short, "传错了")
        with pytest.raises(Conflict, match="作废"):
            reviews.review(db, scope, short, Verdict.COUNTED, "算了")


class TestCompounds:
    """A compound was visited or not: no share of it is asked for, or told."""

    @pytest.fixture
    def yard(self, small_county: SmallCounty) -> Place:
        return small_county.place(Layer.COMPOUND, "海德花园", "POLYGON ((0 0, 150 0, 150 150, 0 150, 0 0))")

    def test_a_steward_who_walked_round_it_is_told_to_go_inside(
        self, db: Session, scope: Scope, walker: Person, county: County, yard: Place
    ) -> None:
        duty(db, walker, yard)
        norm(db, county, Minima(minutes=2, share=0.6))
        outside = ((-12.0, -12.0), (162.0, -12.0), (162.0, 162.0), (-12.0, 162.0), (-12.0, -12.0))
        answer = sent(db, scope, walker, *outside)
        assert answer.verdict is Verdict.NOT_COUNTED
        first, *_ = answer.reasons
        assert (first.code, first.words) == ("R_NOT_VISITED", "没有走进小区")
        assert "下次走进小区里面看一看就够了。" in answer.told
        assert "%" not in answer.told

    def test_a_steward_who_walked_its_yards_is_counted_and_told_the_time(
        self, db: Session, scope: Scope, walker: Person, county: County, yard: Place
    ) -> None:
        duty(db, walker, yard)
        norm(db, county, Minima(minutes=4, share=0.6))
        answer = sent(db, scope, walker, (-30, 75), (140, 75), (20, 80), (140, 70))
        assert (answer.verdict, answer.reasons) == (Verdict.COUNTED, [])
        assert "到过：海德花园 约 5 分钟。" in answer.told
        assert "%" not in answer.told
        (area,) = answer.seen
        assert (area.share, area.entries) == (None, 1)


def test_of_a_grid_the_walkable_part_is_asked_for(
    db: Session, scope: Scope, walker: Person, county: County, small_county: SmallCounty
) -> None:
    small_county.place(Layer.ROAD, "大街", "LINESTRING (0 105, 800 105)")
    grid = small_county.place(Layer.GRID, "一网格", "POLYGON ((0 0, 800 0, 800 600, 0 600, 0 0))")
    duty(db, walker, grid)
    norm(db, county, Minima(share=0.6))
    before = sent(db, scope, walker, (0, 105), (640, 105))
    assert before.verdict is Verdict.NOT_COUNTED
    walkable.lay_all(db, county)
    after = sent(db, scope, walker, (0, 105), (640, 105), start=START + dt.timedelta(hours=3))
    assert after.verdict is Verdict.COUNTED
    assert "一网格 可走部分的 8" in after.told
