"""What is too old goes, and it is proved: a line in the audit says what was dropped and that none is left."""

import datetime as dt
import io
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, func, select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import doctor, files, jobs
from geo_service.accounts import register
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.cli import privacy as commands
from geo_service.cli import running
from geo_service.people.imports import ImportOptions, import_people
from geo_service.privacy import retention
from geo_service.privacy.retention import State
from geo_service.settings import Settings
from geo_service.tables import (
    Account,
    Alert,
    Audit,
    Batch,
    CheckIn,
    Companion,
    County,
    Import,
    Job,
    LineDay,
    Notice,
    Patrol,
    Person,
    PhotoPiece,
    Quarantined,
    RecordedFix,
    SignIn,
    StoredFile,
)
from layers.vocabulary import FileKind, Layer, Right
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_case_pictures import add_report

NOW = dt.datetime.now(dt.UTC)
WHOLE = dict.fromkeys((Right.ADMINISTRATOR, Right.COORDINATOR), None)


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


class Office:
    """A county with one walk, one roster and what belongs to them."""

    def __init__(self, db: Session, county: SmallCounty, data_dir: Path) -> None:
        self.db, self.county = db, county
        self.settings = Settings(data_dir=data_dir, raw_days=7, open_raw_days=30, track_days=180)
        self.scope = Scope(county.id, Actor(os_user="tester"), WHOLE)
        self.files_dir = self.settings.files_dir
        county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 900 0)")
        self.walker, self.companion = county.person("老王"), county.person("老李")
        track = county.walk((0, 5), (600, 5))
        self.patrol, _ = county.patrol(track, self.walker)
        self.change(people=2, accuracy_m=[1.0], created_at=ago(0))
        db.add(Companion(county_id=county.id, patrol_id=self.patrol, person_id=self.companion))
        self.batch(self.patrol)
        self.keep(FileKind.ORIGINAL, f"patrol/{self.patrol}", b"<gpx/>")
        self.keep(FileKind.PHOTO, f"patrol/{self.patrol}", b"a photo")
        roster = io.BytesIO("姓名,电话\n张三,13812345678\n".encode())
        import_people(db, self.scope, roster, "老张家.csv", ImportOptions(keep_in=self.files_dir))
        db.flush()

    def batch(self, patrol: uuid.UUID) -> None:
        self.db.add(
            Batch(
                county_id=self.county.id, patrol_id=patrol, id=uuid.uuid4(), sha256=b"x" * 32, datum="wgs84",
                device="手机", time_s=[1.0], lon=[120.0], lat=[33.0], accuracy_m=[1.0], received_at=ago(0),
            )
        )  # fmt: skip
        self.db.flush()

    def keep(self, kind: FileKind, subject: str, content: bytes) -> None:
        files.keep(
            self.db, self.files_dir, io.BytesIO(content), county_id=self.county.id, kind=kind,
            subject=subject, media_type="x/y", name="老王.gpx",
        )  # fmt: skip

    def change(self, **values: object) -> None:
        self.db.execute(update(Patrol).where(Patrol.id == self.patrol).values(values))

    def age(self, days: float) -> None:
        """Let everything be some days older."""
        for column in (
            Batch.received_at, Patrol.created_at, StoredFile.created_at, Import.created_at, Job.finished_at,
        ):  # fmt: skip
            self.db.execute(update(column.class_).values({column.key: column - dt.timedelta(days=days)}))
        for path in [*self.files_dir.rglob("*"), *self.settings.data_dir.glob("dumps/*")]:
            os.utime(path, (time.time() - days * 86_400,) * 2)

    def run(self) -> dict[str, tuple[int, int]]:
        """Run the retention; return what was dropped and what is left of each kind of which there was any."""
        (run,) = retention.run(self.db.connection(), self.settings, Actor())
        self.db.expire_all()
        return {kept.name: (kept.dropped, kept.left) for kept in run.kinds if kept.dropped or kept.left}

    def contents(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in self.files_dir.rglob("*") if path.is_file())


@pytest.fixture
def office(db: Session, small_county: SmallCounty, tmp_path: Path) -> Office:
    return Office(db, small_county, tmp_path)


class TestWhatExpires:
    def test_nothing_before_its_time(self, office: Office) -> None:
        office.age(6.9)
        before = office.contents()
        assert office.run() == {}
        assert office.contents() == before

    def test_what_recorders_and_unknown_devices_sent_and_where_somebody_called_from(
        self, office: Office, db: Session
    ) -> None:
        """What nobody decided on goes after a week, what was decided tells only when, until the raw days."""
        office.settings = office.settings.model_copy(update={"raw_days": 20})
        of = {"county_id": office.county.id}
        account = Account(id=uuid.uuid4(), person_id=office.walker, password_history=[])
        db.add(account)
        db.flush()
        sign_in = SignIn(secret_sha256=b"s", account_id=account.id, kind="recorder", name="traccar")
        db.add(sign_in)
        db.flush()
        at = {"lon": 119.8, "lat": 32.9}
        db.add_all(
            [
                RecordedFix(**of, recorder_id=sign_in.id, time_s=1.0, **at, received_at=ago(7.1)),
                RecordedFix(**of, recorder_id=sign_in.id, time_s=2.0, **at, received_at=ago(6.9)),
                RecordedFix(
                    **of, recorder_id=sign_in.id, time_s=3.0, received_at=ago(19), decided_at=ago(18)
                ),
                RecordedFix(
                    **of, recorder_id=sign_in.id, time_s=4.0, received_at=ago(21), decided_at=ago(18)
                ),
                Quarantined(
                    key_sha256=b"k", time_s=1.0, app="traccar", key_end="1179", **at, received_at=ago(8)
                ),
                CheckIn(
                    **of, id=uuid.uuid4(), patrol_id=office.patrol, sha256=b"x", at=NOW, **at, away_m=12.0,
                    is_near=True, received_at=ago(21),
                ),
                Alert(
                    **of, kind="sos", person_id=office.walker, patrol_id=uuid.uuid4(), **at, raised_at=ago(21)
                ),
                Alert(
                    **of, kind="still", person_id=office.walker, patrol_id=uuid.uuid4(), raised_at=ago(181),
                    closed_at=ago(180),
                ),
                Notice(**of, kind="heat", text="高温", since=ago(33), until=ago(31)),
            ]
        )  # fmt: skip
        db.flush()
        assert office.run() == {
            "recorded_fixes": (2, 0), "quarantined": (1, 0), "check_in_positions": (1, 0),
            "alert_positions": (1, 0), "alerts": (1, 0), "notices": (1, 0),
        }  # fmt: skip
        assert sorted(db.scalars(select(RecordedFix.time_s))) == [2.0, 3.0]
        check_in = db.scalars(select(CheckIn)).one()
        assert (check_in.lon, check_in.lat, check_in.away_m) == (None, None, 12.0)
        assert db.scalars(select(Alert.lon)).all() == [None]
        assert office.run() == {}

    def test_photos_of_problems_that_never_came_whole(self, office: Office, db: Session) -> None:
        photo = uuid.uuid4()
        report = add_report(db, office.county.id, {photo: b"0123"}, office.walker)
        for offset, days in ((0, 7.1), (2, 6.9)):
            piece = PhotoPiece(
                county_id=office.county.id, photo_id=photo, offset=offset, report_id=report, content=b"01",
                received_at=ago(days),
            )  # fmt: skip
            db.add(piece)
        db.flush()
        assert office.run() == {"photo_pieces": (1, 0)}
        assert db.scalars(select(PhotoPiece.offset)).all() == [2]
        assert office.run() == {}

    def test_raw_fixes_originals_and_names_of_files_after_the_raw_days(
        self, office: Office, db: Session
    ) -> None:
        days = [*map(str, db.scalars(select(LineDay.spans)))]
        office.age(7.1)
        of_rows = {"raw_fixes": (1, 0), "originals": (2, 0), "file_names": (1, 0)}
        assert office.run() == of_rows | {"stray_files": (2, 0)}
        batch = db.scalars(select(Batch)).one()
        assert (batch.time_s, batch.lon, batch.lat, batch.accuracy_m, batch.device) == (
            [],
            [],
            [],
            None,
            None,
        )
        assert batch.sha256 == b"x" * 32, "a late repeat is still known"
        assert db.scalars(select(Import.file_name)).all() == [""]
        assert office.contents() == [b"a photo"], "the bytes are gone from the disk at once"
        patrol = db.get_one(Patrol, office.patrol)
        assert (patrol.person_id, patrol.track is None) == (office.walker, True)
        assert [*map(str, db.scalars(select(LineDay.spans)))] == days
        assert office.run() == {}

    def test_a_track_with_its_people_after_the_track_days_and_their_number_stays(
        self, office: Office, db: Session
    ) -> None:
        office.age(180.1)
        assert office.run()["tracks"] == (1, 0)
        patrol = db.get_one(Patrol, office.patrol)
        assert (patrol.person_id, patrol.track, patrol.accuracy_m, patrol.people) == (None, None, None, 2)
        assert db.scalars(select(Companion)).all() == []
        assert db.scalars(select(LineDay)).all() != []
        assert {person.name for person in db.scalars(select(Person))} == {"老王", "老李", "张三"}

    def test_an_open_patrol_keeps_its_raw_fixes_until_it_is_settled_but_not_for_ever(
        self, office: Office
    ) -> None:
        office.change(settled_at=None)
        office.age(29.9)
        assert "raw_fixes" not in office.run()
        office.change(settled_at=NOW)
        assert office.run()["raw_fixes"] == (1, 0)
        office.change(settled_at=None)
        office.batch(office.patrol)
        office.age(30.1)
        assert office.run()["raw_fixes"] == (1, 0)

    def test_a_patrol_without_a_track_forgets_its_people_too(self, office: Office, db: Session) -> None:
        office.change(track=None, accuracy_m=None, evidence="paper")
        office.age(181)
        office.run()
        assert db.get_one(Patrol, office.patrol).person_id is None

    def test_what_jobs_were_told_and_then_the_jobs(self, office: Office, db: Session) -> None:
        done = jobs.enqueue(db, "x", {"file": "老王.xlsx"})
        waiting = jobs.enqueue(db, "x", {"file": "老李.xlsx"})
        job = update(Job).where(Job.id == done)
        db.execute(job.values(finished_at=ago(0), state="done", error="没有「老王」"))
        office.age(8)
        assert office.run()["job_details"] == (1, 0)
        assert (db.get_one(Job, done).payload, db.get_one(Job, done).error) == ({}, None)
        assert db.get_one(Job, waiting).payload == {"file": "老李.xlsx"}
        office.age(23)
        assert office.run()["finished_jobs"] == (1, 0)
        assert db.get(Job, done) is None

    def test_dumps_from_before_an_upgrade(self, office: Office) -> None:
        folder = office.settings.data_dir / "dumps"
        folder.mkdir()
        for name in ("old.dump", "half.part"):
            (folder / name).write_text("everything")
        office.age(8)
        (folder / "new.dump").write_text("everything")
        assert office.run()["dumps"] == (2, 0)
        assert [path.name for path in folder.iterdir()] == ["new.dump"]

    def test_files_that_were_tried_and_never_imported(self, office: Office) -> None:
        folder = office.settings.data_dir / "held" / str(uuid.uuid4()) / "word"
        folder.mkdir(parents=True)
        (folder / "file.xlsx").write_text("老王")
        os.utime(folder, (time.time() - 2 * 86_400,) * 2)
        assert office.run()["held_files"] == (1, 0)
        assert not folder.exists()

    def test_bytes_that_a_failed_transaction_left(self, office: Office) -> None:
        stray = office.files_dir / "ab" / ("ab" * 32)
        stray.parent.mkdir(exist_ok=True)
        for path in (stray, office.files_dir / "part-x"):
            path.write_text("left")
        office.age(0.5)
        assert office.run()["stray_files"] == (2, 0)
        assert not stray.exists()


class TestTheProof:
    def test_stands_in_the_audit_without_names(self, office: Office, db: Session) -> None:
        office.age(8)
        office.run()
        line = db.scalars(select(Audit).where(Audit.action == retention.RUN)).one()
        assert (line.county_id, line.detail["kinds"]["raw_fixes"]) == (office.county.id, [7, 1, 0])
        assert "老" not in str(line.detail)

    def test_tells_what_could_not_be_dropped(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """It counts what is there afterwards; it does not take the dropping's word."""
        (office.settings.data_dir / "dumps").mkdir()
        (office.settings.data_dir / "dumps/old.dump").write_text("everything")
        office.age(8)
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
        assert office.run()["dumps"] == (1, 1)

    def test_is_read_by_auditors_of_the_county_alone(
        self, office: Office, db: Session, client: TestClient
    ) -> None:
        office.run()
        commands_ = Manager(Actor(os_user="tester"))
        answers = {}
        for right in (Right.AUDITOR, Right.COORDINATOR):
            account, _ = register.add(
                db, commands_, str(right), right, Ground(office.county.id), is_program=True
            )
            token = register.token(db, commands_, account, "t", days=1)
            answers[right] = client.get("/api/retention", headers={"Authorization": f"Bearer {token}"})
        assert answers[Right.COORDINATOR].status_code == 403
        (run,) = answers[Right.AUDITOR].json()["runs"]
        assert {kept["left"] for kept in run["kinds"]} == {0}


class TestALateRun:
    def test_is_told_by_the_metrics(self, office: Office, client: TestClient, db: Session) -> None:
        def told() -> tuple[float, float]:
            lines = [line for line in client.get("/metrics").text.splitlines() if "retention" in line]
            found = dict(line.split() for line in lines if not line.startswith("#"))
            return float(found["yinxun_retention_age_seconds"]), float(found["yinxun_retention_left"])

        office.county.row.created_at = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
        db.flush()
        assert told() == (pytest.approx(2 * 86_400, abs=120), 0), "without a run: since the county was made"
        office.run()
        assert told() == (pytest.approx(0, abs=120), 0)

    @pytest.mark.parametrize(
        ("state", "is_well", "said"),
        [
            (None, True, "没有数据"),
            (State(ago(0.1), 0), True, "最近一次"),
            (State(ago(2), 0), False, "geo-service retention"),
            (State(ago(0.1), 3), False, "到期还在的 3 项"),
        ],
    )
    def test_is_told_by_the_doctor(
        self, monkeypatch: pytest.MonkeyPatch, state: State | None, is_well: bool, said: str
    ) -> None:
        monkeypatch.setattr(doctor, "_retention_state", lambda _: state)
        found = doctor._retention(Settings())
        assert (found.is_well, said in found.told) == (is_well, True)

    def test_a_county_that_never_had_one_makes_the_whole_late(self, office: Office, db: Session) -> None:
        office.run()
        assert retention.state(db) is not None
        assert retention.state(db).is_well(NOW + dt.timedelta(hours=1))
        assert not retention.state(db).is_well(NOW + dt.timedelta(hours=37))
        made = ago(3)
        db.add(County(code="999907", name="新县", time_zone="Asia/Shanghai", created_at=made))
        db.flush()
        assert retention.state(db) == State(made, 0)


class TestTheCommand:
    @pytest.fixture
    def runner(self, office: Office, db: Session, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
        @contextmanager
        def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
            yield db.connection(), office.settings

        monkeypatch.setattr(commands, "connect", connect)
        monkeypatch.setattr(commands.traces, "vacuum", lambda _: None)
        return CliRunner()

    def test_runs_it_now_and_prints_the_table(self, runner: CliRunner, office: Office, db: Session) -> None:
        office.age(8)
        done = runner.invoke(commands.app, ["retention"])
        assert done.exit_code == 0, done.output
        assert "原始定位点" in done.output
        assert db.scalars(select(Audit.os_user).where(Audit.action == retention.RUN)).one()

    def test_forgets_only_who_is_meant_for_sure(self, runner: CliRunner, office: Office, db: Session) -> None:
        refused = runner.invoke(commands.app, ["forget", "老王"])
        assert (refused.exit_code, "--yes" in refused.output) == (1, True)
        done = runner.invoke(commands.app, ["forget", "老王", "--yes", "--reason", "deceased"])
        assert done.exit_code == 0, done.output
        db.expire_all()
        assert db.get_one(Person, office.walker).name == ""
        assert office.contents() == [], "bytes of photos and of all originals"


def test_the_service_does_it_daily(office: Office, db: Session) -> None:
    work = running._work(office.settings)
    assert [(s.kind, s.every) for s in work.schedules] == [
        ("messages.send", dt.timedelta(minutes=1)),
        ("recorders.late", dt.timedelta(minutes=10)),
        ("notices.overdue", dt.timedelta(minutes=10)),
        ("cases.clock", dt.timedelta(minutes=10)),
        ("retention", dt.timedelta(days=1)),
        ("patrols.close", dt.timedelta(minutes=15)),
    ]
    office.age(8)
    work.handlers["retention"](db, {}, jobs.Progress(lambda _: None))
    assert db.scalar(select(func.count()).where(Audit.action == retention.RUN)) == 1


def test_a_hash_that_is_kept_again_while_it_is_swept_stays(office: Office, db: Session) -> None:
    """The same photo sent again between the commit that dropped its row and the sweep."""
    gone = files.drop(db, StoredFile.kind == FileKind.PHOTO)
    office.keep(FileKind.PHOTO, "patrol/again", b"a photo")
    assert files.sweep(db, office.files_dir, gone) == 0
    assert b"a photo" in office.contents()
