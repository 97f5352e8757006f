"""Recordings become patrols: taken once, cleaned, cut at home, told, voided, forgotten."""

import dataclasses
import datetime as dt
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.db import transaction
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.patrols import service
from geo_service.patrols.doubts import mixture
from geo_service.patrols.service import PatrolAnswer, take, take_file
from geo_service.people import service as people
from geo_service.tables import (
    AreaVisit,
    Audit,
    Batch,
    County,
    LineCoverage,
    LineDay,
    Patrol,
    Person,
    Place,
)
from layers import crs as crs_
from layers.errors import BadTrack, OutsideCounty, UnknownCrs, UnknownTimeZone
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Right
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty

START = dt.datetime(2026, 5, 1, 0, tzinfo=dt.UTC)  # 8:00 in Shanghai
HASH = bytes(32)


@pytest.fixture
def road(small_county: SmallCounty, county: County) -> Place:
    """2 km to the east from the origin."""
    return small_county.place(Layer.ROAD, "长安路", "LINESTRING (0 0, 2000 0)")


def walk(
    *corners: tuple[float, float], start: dt.datetime = START, step_m: float = 6.0, step_s: float = 5.0
) -> Recording:
    """A walk from corner to corner, in metres from the origin."""
    line = shapely.linestrings(np.array(corners, float) + ORIGIN)
    at = np.append(np.arange(0, line.length, step_m), line.length)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    return Recording(start.timestamp() + np.arange(at.size) * step_s, crs_.to_lonlat(xy, CRS))


def gpx(recording: Recording, *, zone: str = "Z") -> bytes:
    clock = np.datetime_as_string((recording.time_s * 1000).astype("datetime64[ms]"), unit="ms")
    points = "\n".join(
        f'<trkpt lat="{lat:.8f}" lon="{lon:.8f}"><time>{t}{zone}</time></trkpt>'
        for (lon, lat), t in zip(recording.lonlat, clock, strict=True)
    )
    head = '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>\n'
    return f"{head}{points}\n</trkseg></trk></gpx>".encode()


def sent(
    db: Session, scope: Scope, walker: Person, recording: Recording, *, sha256: bytes = HASH, **more: object
) -> PatrolAnswer:
    ids = {"patrol_id": uuid.uuid4(), "batch_id": uuid.uuid4()}
    return take(db, scope, walker.id, recording, sha256=sha256, **(ids | more))


def counts(db: Session) -> list[int]:
    tables = (Patrol, Batch, LineCoverage, LineDay, AreaVisit)
    return [db.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


class TestTake:
    def test_tells_what_was_covered(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        answer = sent(db, scope, walker, walk((500, 5), (1500, 5)))
        (line,) = answer.covered
        assert (line.place_id, line.name, line.layer) == (road.id, "长安路", Layer.ROAD)
        ((begin, end),) = line.spans_dm
        assert (begin, end) == (pytest.approx(5000, abs=5), pytest.approx(15000, abs=5))
        assert line.metres == pytest.approx(1000, abs=1)
        assert answer.walked_m == pytest.approx(1000, abs=0.2)
        assert answer.started_at.isoformat() == "2026-05-01T08:00:00+08:00"
        assert (answer.day, answer.already, answer.hidden) == (dt.date(2026, 5, 1), False, 0)

    def test_stores_raw_fixes_and_the_track(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = dataclasses.replace(walk((500, 5), (800, 5)), accuracy_m=np.linspace(3, 8, 51))
        answer = sent(db, scope, walker, recording, sha256=b"x" * 32, device="Huawei P40")
        batch = db.scalars(select(Batch)).one()
        assert (batch.sha256, batch.datum, batch.device) == (b"x" * 32, "wgs84", "Huawei P40")
        assert batch.time_s == recording.time_s.tolist()
        assert (batch.lon, batch.lat) == tuple(recording.lonlat.T.tolist())
        np.testing.assert_allclose(batch.accuracy_m, recording.accuracy_m, rtol=1e-6)
        patrol, track = service.look(db, scope, answer.patrol_id)
        vertices = shapely.get_coordinates(track, include_m=True)
        assert vertices.tolist() == np.column_stack([recording.lonlat, recording.time_s]).tolist()
        accuracy_m = db.scalar(select(Patrol.accuracy_m))
        np.testing.assert_allclose(accuracy_m, recording.accuracy_m, rtol=1e-6)
        assert patrol.fixes == 51

    def test_a_repeat_gives_the_same_answer_and_changes_nothing(
        self, db: Session, scope: Scope, walker: Person, road: Place, small_county: SmallCounty
    ) -> None:
        grid = "POLYGON ((400 -303, 1207 -303, 1207 296, 400 296, 400 -303))"
        small_county.place(Layer.GRID, "一网格", grid)
        ids = {"patrol_id": uuid.uuid4(), "batch_id": uuid.uuid4()}
        first = sent(db, scope, walker, walk((500, 5), (1500, 5)), **ids)
        before = counts(db)
        again = sent(db, scope, walker, walk((500, 5), (1500, 5)), **ids)
        assert again == dataclasses.replace(first, already=True)
        assert first.seen
        assert first.covered
        assert counts(db) == before

    def test_the_same_id_with_another_content_is_a_conflict(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        ids = {"patrol_id": uuid.uuid4(), "batch_id": uuid.uuid4()}
        sent(db, scope, walker, walk((500, 5), (1500, 5)), **ids)
        before = counts(db)
        recording = walk((500, 5), (1600, 5))
        with pytest.raises(Conflict, match="内容与这次发送的不同"):
            sent(db, scope, walker, recording, sha256=b"y" * 32, **ids)
        with pytest.raises(Conflict, match="编号已经用过"):
            sent(db, scope, walker, recording, **(ids | {"batch_id": uuid.uuid4()}))
        other = Person(county_id=scope.county_id, name="李建国")
        db.add(other)
        db.flush()
        with pytest.raises(Conflict, match="编号已经用过"):
            sent(db, scope, other, recording, **ids)
        assert counts(db) == before

    def test_splits_what_was_covered_at_local_midnight(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        late = dt.datetime(2026, 5, 1, 15, 55, tzinfo=dt.UTC)  # 23:55 in Shanghai
        answer = sent(db, scope, walker, walk((0, 0), (1000, 0), start=late))
        days = db.scalars(select(LineCoverage.day).order_by(LineCoverage.day)).all()
        assert list(days) == [dt.date(2026, 5, 1), dt.date(2026, 5, 2)]
        assert answer.day == dt.date(2026, 5, 1)
        ((begin, end),) = answer.covered[0].spans_dm
        assert (begin, end) == (0, pytest.approx(10000, abs=5))

    def test_cuts_the_way_home_but_nothing_along_a_place(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        answer = sent(db, scope, walker, walk((500, 600), (500, 0), (1500, 0)))
        _, track = service.look(db, scope, answer.patrol_id)
        xy = crs_.to_metric(shapely.get_coordinates(track), CRS) - ORIGIN
        assert xy[:, 1].max() == pytest.approx(400, abs=7)
        assert xy[:, 0].max() == pytest.approx(1500, abs=8)
        assert answer.hidden == pytest.approx(200 / 6, abs=2)
        assert answer.walked_m == pytest.approx(1600, abs=8)  # he walked it all the same

    def test_a_walk_near_home_only_is_kept_without_a_track(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        answer = sent(db, scope, walker, walk((500, 600), (560, 600)))
        assert (answer.covered, answer.seen) == ([], [])
        assert answer.walked_m == pytest.approx(60, abs=0.1)
        _, track = service.look(db, scope, answer.patrol_id)
        assert track.is_empty

    def test_a_lone_fix_is_dropped_from_the_track(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        way = walk((500, 5), (800, 5))
        late = way.time_s.copy()
        late[-1] += 600
        answer = sent(db, scope, walker, Recording(late, way.lonlat))
        _, track = service.look(db, scope, answer.patrol_id)
        assert len(shapely.get_coordinates(track)) == late.size - 1

    def test_leaves_out_fixes_far_from_the_county(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((500, 5), (1500, 5))
        recording.lonlat[:10] = 0.0
        answer = sent(db, scope, walker, recording)
        assert answer.dropped == {"no_position": 10}
        assert answer.covered[0].metres == pytest.approx(940, abs=2)

    def test_notes_what_overlaps(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        sent(db, scope, walker, walk((500, 5), (1500, 5)))
        later = walk((500, 5), (900, 5), start=START + dt.timedelta(minutes=5))
        answer = sent(db, scope, walker, later, sha256=b"2" * 32)
        assert answer.notes == ["与 5月1日 08:00 开始的另一次巡查时间重叠；两次都已保存。"]
        next_day = walk((500, 5), (900, 5), start=START + dt.timedelta(days=1))
        assert sent(db, scope, walker, next_day, sha256=b"3" * 32).notes == []

    def test_needs_an_extent(self, db: Session, scope: Scope, walker: Person, county: County) -> None:
        county.crs = county.west = None
        db.flush()
        with pytest.raises(Invalid, match="还没有范围"):
            sent(db, scope, walker, walk((0, 0), (100, 0)))

    def test_nothing_stays_of_what_is_refused(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((0, 0), (1500, 0))
        shifted = crs_.from_wgs84(recording.lonlat, Datum.GCJ02)
        with pytest.raises(UnknownCrs):
            sent(db, scope, walker, Recording(recording.time_s, shifted))
        assert counts(db) == [0, 0, 0, 0, 0]
        assert db.scalar(select(func.count()).select_from(Audit)) == 0


class TestScope:
    def volunteer(self, scope: Scope, person_id: uuid.UUID) -> Scope:
        return dataclasses.replace(scope, rights={Right.VOLUNTEER: None}, person_id=person_id)

    def test_volunteers_send_only_their_own(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        sent(db, self.volunteer(scope, walker.id), walker, walk((500, 5), (900, 5)))
        other = self.volunteer(scope, uuid.uuid4())
        with pytest.raises(NotFound):
            sent(db, other, walker, walk((500, 5), (900, 5)))
        planner = dataclasses.replace(scope, rights={Right.PLANNER: None})
        with pytest.raises(NotFound):
            sent(db, planner, walker, walk((500, 5), (900, 5)))

    def test_others_do_not_find_it(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        answer = sent(db, scope, walker, walk((500, 5), (900, 5)))
        stranger = self.volunteer(scope, uuid.uuid4())
        planner = dataclasses.replace(scope, rights={Right.PLANNER: None})
        for out in (stranger, planner):
            assert service.listed(db, out) == []
            for act in (service.told, service.look):
                with pytest.raises(NotFound):
                    act(db, out, answer.patrol_id)
            with pytest.raises(NotFound):
                service.void(db, out, answer.patrol_id, "x")

    def test_a_look_at_anothers_track_is_recorded(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        answer = sent(db, scope, walker, walk((500, 5), (900, 5)))
        service.look(db, self.volunteer(scope, walker.id), answer.patrol_id)
        service.look(db, scope, answer.patrol_id)
        looks = db.scalars(select(Audit.subject).where(Audit.action == "patrols.look")).all()
        assert list(looks) == [f"patrol/{answer.patrol_id}"]


class TestFiles:
    def test_the_same_file_again_is_recognised(
        self, db: Session, scope: Scope, walker: Person, road: Place, tmp_path: Path
    ) -> None:
        path = tmp_path / "walk.gpx"
        path.write_bytes(gpx(walk((500, 5), (1500, 5))))
        first = take_file(db, scope, walker.id, path)
        assert not first.already
        with path.open("rb") as file:
            for source in (path, path.read_bytes(), file):
                again = take_file(db, scope, walker.id, source, name="other.gpx")
                assert again == dataclasses.replace(first, already=True)
        assert counts(db)[:2] == [1, 1]

    def test_the_same_file_for_another_person_is_noted(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        companion = Person(county_id=scope.county_id, name="李建国")
        db.add(companion)
        db.flush()
        data = gpx(walk((500, 5), (1500, 5)))
        take_file(db, scope, walker.id, data)
        answer = take_file(db, scope, companion.id, data)
        assert not answer.already
        assert answer.covered[0].metres == pytest.approx(1000, abs=1)
        assert any("另一个人名下" in note for note in answer.notes)

    def test_another_reading_needs_the_first_to_be_voided(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((0, 0), (1500, 0))
        data = gpx(Recording(recording.time_s, crs_.from_wgs84(recording.lonlat, Datum.GCJ02)))
        wrong = take_file(db, scope, walker.id, data, datum=Datum.WGS84)
        with pytest.raises(Conflict, match="先作废"):
            take_file(db, scope, walker.id, data, datum=Datum.GCJ02)
        service.void(db, scope, wrong.patrol_id, "坐标系选错了")
        right = take_file(db, scope, walker.id, data, datum=Datum.GCJ02)
        assert right.covered[0].metres == pytest.approx(1500, abs=1)
        again = take_file(db, scope, walker.id, data, datum=Datum.WGS84)
        assert (again.already, again.void_reason, list(again.covered)) == (True, "坐标系选错了", [])

    def test_proposes_the_countys_zone(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        local = walk((500, 5), (900, 5), start=START + dt.timedelta(hours=8))
        data = gpx(local, zone="")
        with pytest.raises(UnknownTimeZone, match=r"「a\.gpx」.*--tz Asia/Shanghai"):
            take_file(db, scope, walker.id, data, name="a.gpx")
        answer = take_file(db, scope, walker.id, data, time_zone="Asia/Shanghai")
        assert answer.started_at == START


class TestDatum:
    def test_gives_the_same_coverage_for_a_declared_datum(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((200, 3), (1800, 3))
        expected = sent(db, scope, walker, recording).covered[0]
        for k, datum in enumerate((Datum.GCJ02, Datum.BD09)):
            shifted = Recording(recording.time_s, crs_.from_wgs84(recording.lonlat, datum))
            line = sent(db, scope, walker, shifted, datum=datum, sha256=bytes([k + 1]) * 32).covered[0]
            assert np.abs(np.array(line.spans_dm) - expected.spans_dm).max() <= 1

    def test_asks_where_an_undeclared_datum_fits_far_better(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((200, 3), (1800, 3))
        for datum in (Datum.GCJ02, Datum.BD09):
            shifted = Recording(recording.time_s, crs_.from_wgs84(recording.lonlat, datum))
            with pytest.raises(UnknownCrs, match=f"--datum {datum.value}"):
                sent(db, scope, walker, shifted)
            assert sent(db, scope, walker, shifted, datum=Datum.WGS84, sha256=datum.encode()).covered == []

    def test_asks_nothing_of_a_walk_off_all_lines(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        assert sent(db, scope, walker, walk((5000, 5000), (6000, 5500))).covered == []

    def test_repairs_a_recording_that_mixes_datums(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((200, 3), (1800, 3))
        expected = sent(db, scope, walker, recording).covered[0].spans_dm
        mixed = recording.lonlat.copy()
        mixed[60:140] = crs_.from_wgs84(mixed[60:140], Datum.GCJ02)
        for k, datum in enumerate((None, Datum.GCJ02)):
            hash_ = bytes([k + 1]) * 32
            answer = sent(db, scope, walker, Recording(recording.time_s, mixed), datum=datum, sha256=hash_)
            assert "80 个点是 GCJ-02，已换算" in answer.notes[0]
            assert np.abs(np.array(answer.covered[0].spans_dm) - expected).max() <= 1

    def test_asks_about_what_lies_outside(
        self, db: Session, scope: Scope, walker: Person, county: County
    ) -> None:
        recording = walk((-19_900, 0), (-19_700, 0))  # GCJ-02 moves it 460 m east, BD-09 a kilometre
        far = Recording(recording.time_s, recording.lonlat + np.array([3.0, 0.0]))
        with pytest.raises(OutsideCounty, match="不在本县内（大约在经度 122"):
            sent(db, scope, walker, far)
        with pytest.raises(OutsideCounty, match="写反了"):
            sent(db, scope, walker, Recording(recording.time_s, recording.lonlat[:, ::-1]))
        east = walk((19_700, 0), (19_900, 0))
        shifted = Recording(east.time_s, crs_.from_wgs84(east.lonlat, Datum.GCJ02))
        with pytest.raises(OutsideCounty, match="--datum gcj02"):
            sent(db, scope, walker, shifted)
        with pytest.raises(OutsideCounty, match="请核对"):
            sent(db, scope, walker, shifted, datum=Datum.WGS84)

    def test_a_registered_place_may_reach_out_of_the_county(
        self, db: Session, scope: Scope, walker: Person, small_county: SmallCounty, county: County
    ) -> None:
        small_county.place(Layer.RIVER, "界河", "LINESTRING (19900 0, 22000 0)")
        answer = sent(db, scope, walker, walk((20_200, 10), (21_200, 10)))
        assert answer.covered[0].metres == pytest.approx(1000, abs=1)

    @given(
        st.lists(st.booleans(), min_size=2, max_size=12).filter(lambda blocks: len(set(blocks)) == 2),
        st.floats(0, 2 * np.pi),
    )
    def test_any_mixture_is_told_apart(self, blocks: list[bool], heading: float) -> None:
        way = np.outer(np.arange(len(blocks) * 20) * 7.0, [np.cos(heading), np.sin(heading)])
        lonlat = crs_.to_lonlat(ORIGIN + way, CRS)
        shifted = np.repeat(blocks, 20)
        mixed = np.where(shifted[:, None], crs_.from_wgs84(lonlat, Datum.GCJ02), lonlat)
        time_s = START.timestamp() + np.arange(len(way)) * 5.0
        shuffled = np.random.default_rng(0).permutation(len(way))
        found = mixture(time_s[shuffled], mixed[shuffled])
        assert found is not None
        assert found.gcj02 is not None
        assert found.gcj02.tolist() == shifted[shuffled].tolist()
        assert found.jumps == np.count_nonzero(np.diff(shifted))
        assert mixture(time_s, lonlat) is None

    def test_a_mixture_with_an_outage_in_it_is_only_told(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        recording = walk((200, 3), (1800, 3))
        recording.time_s[100:] += 600
        mixed = recording.lonlat.copy()
        mixed[60:100] = crs_.from_wgs84(mixed[60:100], Datum.GCJ02)
        mixed[140:180] = crs_.from_wgs84(mixed[140:180], Datum.GCJ02)
        found = mixture(recording.time_s, mixed)
        assert found is not None
        assert (found.jumps, found.gcj02) == (3, None)
        answer = sent(db, scope, walker, Recording(recording.time_s, mixed), datum=Datum.WGS84)
        assert "3 处像是坐标系切换的跳动" in answer.notes[0]


class TestClock:
    def shifted(self, by_s: float) -> Recording:
        recording = walk((0, 0), (600, 0))
        return Recording(recording.time_s + by_s, recording.lonlat)

    def test_refuses_times_that_cannot_be(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        ahead_s = dt.datetime.now(dt.UTC).timestamp() - START.timestamp()
        for by_s, told in (
            (-START.timestamp(), r"第 1 个轨迹点的时间不可能（1970-01-01 00:00 UTC）.*没有对准"),
            (253_370_764_800 - START.timestamp(), r"时间不可能（9999-01-01 00:00 UTC）.*没有对准"),
            (1e15, "时间不可能：手机"),
            (ahead_s + 8 * 3600, "把当地时间写成了 UTC"),
        ):
            with pytest.raises(BadTrack, match=told):
                sent(db, scope, walker, self.shifted(by_s))

    def test_leaves_out_a_few(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        recording = self.shifted(0)
        recording.time_s[:3] = [0, 253_370_764_800, np.nan]
        answer = sent(db, scope, walker, recording)
        assert answer.dropped == {"impossible_time": 3}
        assert answer.covered[0].metres == pytest.approx(600 - 18, abs=2)

    def test_a_patrol_is_one_outing(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        for days in (1.5, 6):
            recording = self.shifted(0)
            recording.time_s[50:] += days * 86400
            with pytest.raises(BadTrack, match="一次巡查不超过 24 小时"):
                sent(db, scope, walker, recording)

    def test_refuses_what_has_no_usable_fix(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        nowhere = Recording(walk((0, 0), (60, 0)).time_s, np.full((11, 2), np.nan))
        infinite = Recording(nowhere.time_s, np.full((11, 2), np.inf))
        for recording in (nowhere, infinite):
            with pytest.raises(BadTrack, match="没有坐标11个"):
                sent(db, scope, walker, recording)


class TestVoid:
    def test_takes_back_the_coverage_and_keeps_the_reason(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        stays = sent(db, scope, walker, walk((500, 5), (900, 5)))
        goes = sent(db, scope, walker, walk((700, 5), (1500, 5)), sha256=b"2" * 32)
        service.void(db, scope, goes.patrol_id, " 替别人走的 ")
        (day,) = db.scalars(select(LineDay)).all()
        assert [(span.lower, span.upper) for span in day.spans] == stays.covered[0].spans_dm
        told = service.told(db, scope, goes.patrol_id)
        assert (told.void_reason, list(told.covered)) == ("替别人走的", [])
        service.void(db, scope, goes.patrol_id, "again")
        assert service.told(db, scope, goes.patrol_id).void_reason == "替别人走的"
        voided = db.scalars(select(Audit.subject).where(Audit.action == "patrols.void")).all()
        assert list(voided) == [f"patrol/{goes.patrol_id}"]

    def test_needs_a_reason(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        answer = sent(db, scope, walker, walk((500, 5), (900, 5)))
        for reason in ("", "  ", "a\0b"):
            with pytest.raises(Invalid, match="原因"):
                service.void(db, scope, answer.patrol_id, reason)

    def test_a_voided_patrol_sent_again_stays_voided(
        self, db: Session, scope: Scope, walker: Person, road: Place
    ) -> None:
        data = gpx(walk((500, 5), (900, 5)))
        answer = take_file(db, scope, walker.id, data)
        service.void(db, scope, answer.patrol_id, "重复")
        again = take_file(db, scope, walker.id, data)
        assert (again.already, again.void_reason) == (True, "重复")
        assert db.scalars(select(LineDay)).all() == []


class TestList:
    def test_pages_from_the_latest(self, db: Session, scope: Scope, walker: Person, road: Place) -> None:
        ids: list[uuid.UUID] = []
        for k in range(5):
            began = START + dt.timedelta(days=k)
            recording = walk((500, 5), (900, 5), start=began)
            ids.append(sent(db, scope, walker, recording, sha256=bytes([k]) * 32).patrol_id)
        found: list[uuid.UUID] = []
        after = None
        while page := service.listed(db, scope, after=after, limit=2):
            found += [row.patrol_id for row in page]
            after = (page[-1].started_at, page[-1].patrol_id)
        assert found == ids[::-1]
        some = service.listed(db, scope, first_day=dt.date(2026, 5, 2), last_day=dt.date(2026, 5, 3))
        assert [(row.patrol_id, row.person_name) for row in some] == [(ids[2], "王秀英"), (ids[1], "王秀英")]
        assert service.listed(db, scope, person_id=uuid.uuid4()) == []

    def test_narrows_to_an_area(
        self, db: Session, scope: Scope, walker: Person, small_county: SmallCounty, road: Place
    ) -> None:
        here, there = small_county.area("101"), small_county.area("102")
        village = small_county.area("101201", here, "village")
        walker.area_id = village.id
        db.flush()
        sent(db, scope, walker, walk((500, 5), (900, 5)))
        assert len(service.listed(db, scope, area=here.code)) == 1
        assert service.listed(db, scope, area=there.code) == []
        assert service.listed(db, scope, area="999") == []
        small_county.lies_in(road, there)
        assert len(service.listed(db, scope, area=there.code)) == 1


class TestTogether:
    """Uploads at the same moment, each in its own transaction."""

    @pytest.fixture
    def committed(self, apart: Engine) -> tuple[Scope, uuid.UUID]:
        with transaction(apart) as db:
            code = uuid.uuid4().hex[:12]
            row = County(code=code, name="同时县", time_zone="Asia/Shanghai", crs=CRS)
            db.add(row)
            db.flush()
            small = SmallCounty(db, row)
            small.place(Layer.ROAD, "长安路", "LINESTRING (0 0, 2000 0)")
            scope = Scope(row.id, Actor(os_user="tester"), dict.fromkeys(Right, None))
            return scope, small.person("王秀英")

    def at_once(
        self, apart: Engine, committed: tuple[Scope, uuid.UUID], files: list[bytes]
    ) -> list[PatrolAnswer]:
        scope, person_id = committed
        start = threading.Barrier(len(files))

        def send(data: bytes) -> PatrolAnswer:
            with transaction(apart) as db:
                start.wait()
                return take_file(db, scope, person_id, data)

        with ThreadPoolExecutor(len(files)) as pool:
            return list(pool.map(send, files))

    def test_the_same_file_is_stored_once(self, apart: Engine, committed: tuple[Scope, uuid.UUID]) -> None:
        answers = self.at_once(apart, committed, [gpx(walk((500, 5), (1500, 5)))] * 4)
        assert sorted(answer.already for answer in answers) == [False, True, True, True]
        assert len({answer.patrol_id for answer in answers}) == 1
        assert all(answer.covered == answers[0].covered for answer in answers)
        with Session(apart) as db:
            assert db.scalar(select(func.count()).where(Patrol.county_id == committed[0].county_id)) == 1

    def test_who_is_forgotten_meanwhile_leaves_no_walk(
        self, apart: Engine, committed: tuple[Scope, uuid.UUID], tmp_path: Path
    ) -> None:
        scope, person_id = committed

        def send() -> PatrolAnswer:
            with transaction(apart) as db:
                return take_file(db, scope, person_id, gpx(walk((500, 5), (900, 5))))

        with ThreadPoolExecutor(1) as pool:
            with transaction(apart) as db:
                people.delete_person(db, scope, person_id, data_dir=tmp_path)
                sending = pool.submit(send)
                assert not wait([sending], timeout=0.5).done, "the sending must wait for the deletion"
            with pytest.raises(NotFound):
                sending.result(timeout=30)
        with Session(apart) as db:
            assert db.scalar(select(func.count()).where(Patrol.county_id == scope.county_id)) == 0

    def test_different_walks_add_up_on_the_day(
        self, apart: Engine, committed: tuple[Scope, uuid.UUID]
    ) -> None:
        files = [gpx(walk((begin, 5), (begin + 400, 5))) for begin in (0, 300, 600, 1200)]
        assert not any(answer.already for answer in self.at_once(apart, committed, files))
        with Session(apart) as db:
            (day,) = db.scalars(select(LineDay).where(LineDay.county_id == committed[0].county_id)).all()
            spans = [(span.lower, span.upper) for span in day.spans]
        assert spans == [
            (0, pytest.approx(10000, abs=6)),
            (pytest.approx(12000, abs=6), pytest.approx(16000, abs=6)),
        ]
