"""How a line was covered: on foot, by riding, through an outage, or maybe; what each is worth and is told."""

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely
from sqlalchemy import event, text, update
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.columns import json_value
from geo_service.coverage import ages, answers, gaps, lists, windows
from geo_service.coverage.ground import Query
from geo_service.figures import counts
from geo_service.norms import queries as norm_queries
from geo_service.patrols import again, judging, reviews, service, settling, track_queries
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.service import HOME_CUT_M, take
from geo_service.tables import County, Patrol, Person, Place
from geo_service.web import patrol_pictures, pictures, prints
from layers.coverage import Kind
from layers.norms import Caps, Minima
from layers.periods import Days
from layers.tracks import Recording
from layers.vocabulary import GapKind, Role, Verdict
from maps.data import MapData, MapLayer
from tests.geo_service import naive
from tests.geo_service.conftest import Told
from tests.geo_service.test_judging import duty, norm, sent, shown
from tests.geo_service.test_patrols import walk

DAY = dt.date(2026, 5, 1)
WINDOW = Query(DAY, DAY)
LATER = dt.datetime(2026, 5, 1, 9, tzinfo=dt.UTC)


def line_of(answer: PatrolAnswer) -> tuple[float, float, float, float, float]:
    """Metres of its only line: what covers, walked, ridden, bridged, ambiguous."""
    (line,) = answer.covered
    parts = (line.walked, line.ridden, line.bridged, line.ambiguous)
    return (line.metres, *(part.metres for part in parts))  # type: ignore[return-value]


def note_of(answer: PatrolAnswer, word: str) -> str:
    (found,) = [note for note in answer.notes if word in note]
    return found


def with_outage(recording: Recording, from_m: float, to_m: float, *, more_s: float = 60.0) -> Recording:
    """The same without the fixes of some metres, 6 m a fix, and some time more for it."""
    steps = np.arange(recording.time_s.size) * 6.0
    keep = (steps < from_m) | (steps >= to_m)
    time_s = recording.time_s + np.where(steps >= to_m, more_s, 0.0)
    return Recording(time_s[keep], recording.lonlat[keep])


class TestRidden:
    def test_without_a_norm_it_covers_and_is_told(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        told_apart((500, 900, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert answer.rides_count
        assert line_of(answer) == pytest.approx((800, 400, 400, 0, 0), abs=12)
        assert "像是骑车、乘车或乘船，也已计入" in note_of(answer, "骑车")
        assert shown(db, county, river) == (pytest.approx(800, abs=5), 1)

    def test_under_a_norm_it_covers_only_for_who_may_ride(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        norm(db, county, caps=Caps(ridden_share=1.0))
        told_apart((500, 900, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert not answer.rides_count
        assert line_of(answer) == pytest.approx((400, 400, 400, 0, 0), abs=12)
        assert "400 米像是骑车、乘车或乘船，暂不计入；这一段步行再走一次就会计入" in note_of(answer, "骑车")
        assert shown(db, county, river) == (pytest.approx(400, abs=12), 1)

    def test_who_may_ride_covers_by_riding(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        norm(db, county, Minima(share=0.4), caps=Caps(may_ride=(Role.RIVER_STEWARD,)))
        told_apart((500, 900, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert (answer.verdict, answer.rides_count) == (Verdict.COUNTED, True)
        assert shown(db, county, river) == (pytest.approx(800, abs=5), 1)

    def test_the_share_of_a_minimum_is_what_covers(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        norm(db, county, Minima(share=0.4), caps=Caps(ridden_share=1.0))
        told_apart((500, 900, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        (reason,) = answer.reasons
        assert (reason.code, answer.verdict) == ("R_SHORT_SHARE", Verdict.NOT_COUNTED)
        assert reason.value == pytest.approx(0.2, abs=0.006)
        assert shown(db, county, river) == (0, 0)
        patrol = db.get_one(Patrol, answer.patrol_id)
        in_force = judging.norms.in_force(db, county.id, Days(DAY, DAY))
        patrol.cleaning = {k: v for k, v in patrol.cleaning.items() if k != judging.MEASURES}
        db.execute(update(Patrol).where(Patrol.id == patrol.id).values(track=None))
        (left,) = judging.tried(db, county, patrol, in_force).judgement.reasons
        assert left.value == pytest.approx(reason.value, abs=1e-3)

    def test_computed_again_under_a_norm_that_was_adopted_since_the_days_are_rebuilt(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        told_apart((500, 900, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        sent(db, scope, walker, (100, 8), (200, 8), start=LATER)
        assert shown(db, county, river)[0] == pytest.approx(800, abs=5)
        norm(db, county, caps=Caps(ridden_share=1.0))
        settling.settle(db, county, answer.patrol_id, home_cut_m=HOME_CUT_M)
        assert not service.told(db, scope, answer.patrol_id).rides_count
        assert shown(db, county, river) == (pytest.approx(400, abs=12), 2)
        assert naive.stored(db, county.id) == naive.from_rows(db, county.id)

    def test_a_changed_map_does_not_let_it_in_again(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        norm(db, county, caps=Caps(ridden_share=1.0))
        told_apart((500, 900, Kind.RIDDEN))
        sent(db, scope, walker, (100, 8), (900, 8))
        assert again.compute(db, county, [river.id]).patrols == 1
        assert shown(db, county, river) == (pytest.approx(400, abs=12), 1)

    def test_what_a_person_decided_stays_with_the_norm_of_then(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        told_apart((500, 900, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        reviews.review(db, scope, answer.patrol_id, Verdict.COUNTED, "问过本人")
        norm(db, county, caps=Caps(ridden_share=1.0))
        settling.settle(db, county, answer.patrol_id, home_cut_m=HOME_CUT_M)
        assert service.told(db, scope, answer.patrol_id).rides_count
        assert shown(db, county, river)[0] == pytest.approx(800, abs=5)

    def test_a_line_that_was_only_ridden_in_vain_was_not_patrolled(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        duty(db, walker, river)
        norm(db, county, caps=Caps(ridden_share=1.0))
        told_apart((0, 2000, Kind.RIDDEN))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert line_of(answer) == pytest.approx((0, 0, 800, 0, 0), abs=5)
        assert "还没有计入，原因见下面的说明" in answer.told
        assert shown(db, county, river) == (0, 0)
        assert came_to(db, county) == ([frozenset()], set())


def came_to(db: Session, county: County) -> tuple[list[frozenset[int]], set[int]]:
    """The places of each outing as norms see them, and the areas of the patrols as figures do."""
    outings = norm_queries.outings(db, county.id, Days(DAY, DAY), ZoneInfo("UTC"))
    mine = Patrol.county_id == county.id
    areas = db.execute(counts._patrol_areas(county.id, mine)).all()
    return [outing.places for outing in outings], {area for _, area in areas}


class TestOutages:
    def test_they_are_told_with_what_counts_all_the_same(
        self, db: Session, scope: Scope, walker: Person, river: Place, told_apart: Told
    ) -> None:
        told_apart((500, 800, Kind.BRIDGED))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert line_of(answer) == pytest.approx((800, 800, 0, 300, 0), abs=12)
        assert answer.outages == []
        recording = with_outage(walk((100, 8), (900, 8), start=LATER), 300, 500)
        ids = {"patrol_id": uuid.uuid4(), "batch_id": uuid.uuid4(), "sha256": b"1" * 32}
        broken = take(db, scope, walker.id, recording, **ids)  # type: ignore[arg-type]
        (outage,) = broken.outages
        assert outage.minutes == pytest.approx((200 / 6 * 5 + 65) / 60, abs=0.1)
        note = note_of(broken, "定位中断")
        assert note.startswith("有 1 处定位中断，共 4 分钟；中断时沿线走过的也已计入：车路河")

    @pytest.mark.parametrize(
        ("more_s", "words", "title"),
        [(60.0, "也已计入：车路河 2", "中断 4 分钟"), (300.0, "走到哪里不清楚，没有计入", "中断 8 分钟")],
        ids=["short enough to have gone along", "too long to say"],
    )
    def test_on_the_map_a_thin_line_joins_their_ends_with_the_time(
        self, db: Session, scope: Scope, walker: Person, river: Place, more_s: float, words: str, title: str
    ) -> None:
        recording = with_outage(walk((100, 8), (900, 8)), 300, 500, more_s=more_s)
        ids = {"patrol_id": uuid.uuid4(), "batch_id": uuid.uuid4(), "sha256": b"1" * 32}
        answer = take(db, scope, walker.id, recording, **ids)  # type: ignore[arg-type]
        assert words in note_of(answer, "定位中断")
        track = track_queries.track(db, answer.patrol_id)
        drawn = layer(patrol_pictures.patrol_map(db, scope, answer, track), "outages")
        assert drawn.titled
        (connector,) = drawn.features
        assert connector.title == title
        ends = shapely.get_coordinates(connector.geometry)
        parts = shapely.get_parts(track)
        assert (ends == [shapely.get_coordinates(parts[0])[-1], shapely.get_coordinates(parts[1])[0]]).all()

    def test_what_hides_a_home_is_no_outage_of_the_map(
        self, db: Session, scope: Scope, walker: Person, river: Place
    ) -> None:
        """Between its ends the walk passes by the home once more: that part is cut, and nothing joins it."""
        corners = (100, 400), (100, 8), (700, 8), (700, 400), (110, 400), (110, 500), (700, 500), (700, 900)
        answer = sent(db, scope, walker, *corners)
        track = track_queries.track(db, answer.patrol_id)
        assert answer.hidden
        assert len(shapely.get_parts(track)) > 1
        found = [one.key for one in patrol_pictures.patrol_map(db, scope, answer, track).layers]
        assert "outages" not in found
        assert answer.outages == []


def layer(data: MapData, key: str) -> MapLayer:
    (found,) = [one for one in data.layers if one.key == key]
    return found


class TestMaybe:
    @pytest.fixture
    def answer(
        self, db: Session, scope: Scope, walker: Person, river: Place, told_apart: Told
    ) -> PatrolAnswer:
        told_apart((500, 900, Kind.AMBIGUOUS))
        return sent(db, scope, walker, (100, 8), (900, 8))

    def test_it_is_told_and_covers_nothing(
        self, db: Session, county: County, river: Place, answer: PatrolAnswer
    ) -> None:
        assert line_of(answer) == pytest.approx((400, 400, 0, 0, 400), abs=12)
        assert note_of(answer, "分不清").startswith(
            "车路河 400 米与另一条离得太近，分不清走的是哪条，没有计入。"
        )
        assert shown(db, county, river)[0] == pytest.approx(400, abs=12)

    def test_a_line_that_was_only_maybe_walked_was_not_patrolled(
        self, db: Session, scope: Scope, walker: Person, county: County, river: Place, told_apart: Told
    ) -> None:
        told_apart((0, 2000, Kind.AMBIGUOUS))
        answer = sent(db, scope, walker, (100, 8), (900, 8))
        assert [line.metres for line in answer.covered] == [0]
        index = {river.version_id: 0}
        assert windows.outings(db, county.id, DAY, DAY, index, index) == {}
        assert windows.walkers(db, scope, DAY, DAY, index, index) == {}
        assert came_to(db, county) == ([frozenset()], set())

    def test_windows_tell_it_of_patrols_that_cover_where_nobody_else_did(
        self, db: Session, scope: Scope, walker: Person, river: Place, answer: PatrolAnswer, told_apart: Told
    ) -> None:
        row = answers.coverage(db, scope, WINDOW, with_ambiguous=True).rows[0]
        assert (row.covered, row.ambiguous) == (pytest.approx(400, abs=12), pytest.approx(400, abs=12))
        assert answers.coverage(db, scope, WINDOW).rows[0].ambiguous is None
        told_apart()
        sent(db, scope, walker, (700, 8), (900, 8), start=LATER)
        row = answers.coverage(db, scope, WINDOW, with_ambiguous=True).rows[0]
        assert (row.covered, row.ambiguous) == (pytest.approx(600, abs=12), pytest.approx(200, abs=12))
        reviews.review(db, scope, answer.patrol_id, Verdict.NOT_COUNTED, "问过本人")
        assert answers.coverage(db, scope, WINDOW, with_ambiguous=True).rows[0].ambiguous == 0

    def test_a_gap_says_how_much_of_it_was_maybe_walked(
        self, db: Session, scope: Scope, county: County, walker: Person, river: Place, answer: PatrolAnswer
    ) -> None:
        duty(db, walker, river)
        for kind in (GapKind.UNPATROLLED, GapKind.NEGLECTED):
            table = ages.listed(db, scope, WINDOW, kind)
            assert [row.ambiguous_m for row in table.rows] == [0, pytest.approx(400, abs=12)]
            listing = lists.gap_list(db, county, table)
            at = [column.name for column in listing.columns].index("ambiguous_m")
            assert [json_value(row[at], listing.columns[at]) for row in listing.rows][:1] == [0]
        table = gaps.gaps(db, scope, WINDOW, GapKind.UNASSIGNED)
        assert [row.ambiguous_m for row in table.rows] == []

    def test_maps_hatch_it(
        self, db: Session, scope: Scope, county: County, river: Place, answer: PatrolAnswer
    ) -> None:
        covered = layer(pictures.coverage_map(db, scope, WINDOW, full=True), "river").features
        metres = {feature.class_key: feature.size for feature in covered if feature.class_key == "ambiguous"}
        assert metres == {"ambiguous": pytest.approx(400, abs=12)}
        assert sum(feature.size or 0 for feature in covered) == pytest.approx(2000, abs=1)
        beside = layer(pictures.gap_map(db, scope, WINDOW, full=True), "ambiguous").features
        assert [feature.size for feature in beside] == [metres["ambiguous"]]
        sheet = prints.gap_sheet(db, scope, WINDOW)
        assert sheet.counts["ambiguous"].startswith("1 段 ")
        walked = patrol_pictures.patrol_map(db, scope, answer, None)
        assert layer(walked, "ambiguous").features[0].size == pytest.approx(400, abs=12)

    def test_a_gap_that_is_nobodys_only_is_not_asked_of(
        self, db: Session, scope: Scope, answer: PatrolAnswer
    ) -> None:
        drawn = pictures.gap_map(db, scope, WINDOW, [GapKind.UNASSIGNED], full=True)
        assert "ambiguous" not in [one.key for one in drawn.layers]

    def test_only_rows_that_hold_such_stretches_are_read(
        self, db: Session, county: County, river: Place, answer: PatrolAnswer
    ) -> None:
        asked: list[tuple[str, Any]] = []

        def heard(_c: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
            asked.append((statement, parameters))

        connection = db.connection()
        event.listen(connection, "before_cursor_execute", heard)
        assert len(windows.ambiguous_spans(db, county.id, DAY, DAY, {river.version_id: 0})) == 1
        event.remove(connection, "before_cursor_execute", heard)
        ((statement, parameters),) = asked
        # What the planner would choose follows from its statistics; whether it could is asked of it.
        db.execute(text("alter table line_coverage drop constraint pk_line_coverage"))
        db.execute(text("drop index ix_line_coverage_patrol"))
        db.execute(text("set local enable_seqscan = off"))
        plan = connection.exec_driver_sql("explain " + statement, parameters).scalars().all()
        assert any("ix_line_coverage_ambiguous" in line for line in plan)
