"""A person is forgotten: nothing tells of him any more, in no table, file or log; what he covered stays."""

import datetime as dt
import io
import uuid
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from geoalchemy2 import WKTElement
from sqlalchemy import (
    ARRAY,
    Double,
    Engine,
    LargeBinary,
    String,
    Uuid,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, Range
from sqlalchemy.orm import Session

from geo_service import files
from geo_service.accounts import register
from geo_service.accounts import service as accounts
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.db import transaction
from geo_service.errors import Conflict, Forbidden, NotFound
from geo_service.people import service
from geo_service.people.drafts import PersonDraft
from geo_service.privacy import traces
from geo_service.privacy.declared import IMPERSONAL, PERSONAL, SHARED_TEXTS
from geo_service.tables import (
    Account,
    Alert,
    Batch,
    Case,
    CaseStep,
    CheckIn,
    Companion,
    Consent,
    County,
    Duty,
    Exemption,
    FigureEntry,
    Import,
    IssuedReport,
    Job,
    Notice,
    Patrol,
    Person,
    Place,
    Plate,
    Proposal,
    ProposalLine,
    Readiness,
    RecordedFix,
    Report,
    Service,
    ServicePerson,
    SignIn,
    StoredFile,
    Table,
    Unit,
)
from layers.vocabulary import DutyKind, FileKind, Layer, Level, Right, Role
from tests.geo_service.conftest import NOON, SmallCounty

NAME, PHONE, NUMBER = "郁离子", "13987654321", "ZX-90417"
NOTE = "住在老槐树东头第三家"
HOME = (119.8342, 32.9417)
HOMES = ("119.8342", "32.9417")
SECRETS = (NAME, PHONE, "139 8765 4321", NUMBER, NOTE, *HOMES)
TRACK = WKTElement(f"MULTILINESTRINGM(({HOME[0]} {HOME[1]} 1777608000, 119.84 32.95 1777608600))", srid=4326)
COMMANDS = Manager(Actor(os_user="tester"))
WHOLE = dict.fromkeys((Right.ADMINISTRATOR, Right.COORDINATOR), None)


POSITION = {"time_s", "lon", "lat", "accuracy_m", "away_m"}
"""Numbers that tell where somebody was."""


class Life:
    """A person who left something in every table, and what he left beside the tables."""

    def __init__(self, db: Session, county: SmallCounty, data_dir: Path) -> None:
        self.db, self.county, self.data_dir = db, county, data_dir
        self.files_dir = data_dir / "files"
        self.home = county.area("H")
        self.river = county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 900 0)")
        self.river.attributes = {"chief": f"{NAME} {PHONE}", "width_m": 12}
        self.grid = county.place(Layer.GRID, "G1", "POLYGON ((0 20, 900 20, 900 380, 0 380, 0 20))")
        draft = PersonDraft(NAME, NUMBER, PHONE, self.home.id, {"note": NOTE})
        (self.id,) = service.add_people(db, county.id, [draft])
        self.other = county.person("同伴", self.home)
        self.scope = Scope(county.id, Actor(os_user="tester"), WHOLE)
        self.people()
        self.outings()
        self.problems()
        self.papers()
        self.beside()
        db.flush()

    def add(self, row: Any) -> Any:
        row.county_id = self.county.id
        self.db.add(row)
        self.db.flush()
        return row

    def people(self) -> None:
        self.db.get_one(Person, self.other).attributes = {"note": f"{NAME}的邻居，电话 139 8765 4321"}
        for place in (self.river, self.grid):
            role = Role.of(Layer(place.layer))
            days = Range(NOON.date(), None)
            self.add(
                Duty(
                    person_id=self.id, place_id=place.id, role=role, kind=DutyKind.VOLUNTEER,
                    level=Level.VILLAGE, in_force=days,
                )
            )  # fmt: skip
        ground = Ground(self.county.id, None)
        self.account, _ = register.add(self.db, COMMANDS, NAME, Right.VOLUNTEER, ground, person_id=self.id)
        accounts.open_session(self.db, self.account, "session", request_id=None, by="test")
        accounts.one_time_link(self.db, NAME, COMMANDS.actor)
        self.recorder = self.add(
            SignIn(secret_sha256=b"k" * 32, account_id=self.account.id, kind="recorder", name=f"{NAME}的手机")
        )
        self.add(RecordedFix(recorder_id=self.recorder.id, time_s=1777608000.0, lon=HOME[0], lat=HOME[1]))
        self.add(
            Consent(person_id=self.id, purpose="track", version=1, text_sha256=b"c" * 32, channel="paper")
        )
        for who, substitute in ((self.id, None), (self.other, self.id)):
            self.add(
                Exemption(kind="leave", person_id=who, substitute_id=substitute, reason=NOTE,
                          days=Range(NOON.date(), NOON.date() + dt.timedelta(days=2)))
            )  # fmt: skip
        self.add(Readiness(person_id=self.id, layers=["river"], likes=[self.river.id]))
        asked = self.add(Proposal(area_id=self.home.id, asked={}))
        self.add(
            ProposalLine(
                proposal_id=asked.id, place_id=self.river.id, person_id=self.id, role="river_steward",
                state="proposed", reasons={"distance_m": 120.5, "with": [str(self.other)]},
            )
        )  # fmt: skip

    def outings(self) -> None:
        self.own, _ = self.county.patrol(self.county.walk((0, 5), (600, 5)), self.id)
        self.along, _ = self.county.patrol(self.county.walk((300, 30), (800, 30)), self.other)
        own = self.db.get_one(Patrol, self.own)
        own.track, own.accuracy_m, own.people = TRACK, [5.0, 6.0], 2
        own.record = {"remarks": NOTE, "pieces": 3, "clean": True, "at": {"lon": HOME[0], "lat": HOME[1]}}
        own.review_note, own.voided_at, own.void_reason = f"{NAME}说{NOTE}", NOON, NOTE
        self.db.flush()
        own.voided_at = None
        along = self.db.get_one(Patrol, self.along)
        along.people, along.record = 2, {"remarks": f"与{NAME}（{NUMBER}）同行"}
        self.add(Companion(patrol_id=self.along, person_id=self.id))
        self.add(Plate(id="PLATE", place_id=self.river.id))
        self.add(
            CheckIn(id=uuid.uuid4(), patrol_id=self.own, plate_id="PLATE", sha256=b"p" * 32, at=NOON,
                    lon=HOME[0], lat=HOME[1], accuracy_m=5, away_m=3, is_near=True)
        )  # fmt: skip
        self.add(Alert(kind="still", person_id=self.id, patrol_id=self.own, note=NOTE))
        self.add(
            Batch(patrol_id=self.own, id=uuid.uuid4(), sha256=b"x" * 32, datum="wgs84", device=NAME,
                  time_s=[1777608000.0], lon=[HOME[0]], lat=[HOME[1]])
        )  # fmt: skip
        shared = {"kind": "visit", "day": NOON.date(), "hours": 2, "evidence": "stated", "sha256": b"s" * 32}
        self.alone = self.add(Service(id=uuid.uuid4(), people=1, note=NOTE, void_reason=NOTE, **shared))
        self.together = self.add(
            Service(id=uuid.uuid4(), people=2, note=f"{NAME}和同伴走访，电话{PHONE}", **shared)
        )
        for service_, who in ((self.alone, self.id), (self.together, self.id), (self.together, self.other)):
            self.add(ServicePerson(service_id=service_.id, person_id=who))

    def problems(self) -> None:
        self.case = self.add(
            Case(number="2026-000001", kind="litter", category="litter.bank", severity="minor",
                 words=f"{NAME}说桥下有垃圾", opened_at=NOON, state="reported", since=NOON)
        )  # fmt: skip
        self.add(
            Report(id=uuid.uuid4(), case_id=self.case.id, channel="phone", person_id=self.id,
                   sha256=b"q" * 32, at=NOON, category="litter.bank", words=NOTE, lon=HOME[0], lat=HOME[1],
                   accuracy_m=8, patrol_id=self.own, caller=NAME, caller_phone=PHONE)
        )  # fmt: skip
        self.add(
            Report(id=uuid.uuid4(), case_id=self.case.id, channel="behalf", person_id=self.other,
                   sha256=b"o" * 32, at=NOON, category="litter.bank", words=f"和{NAME}一起看到的",
                   caller=f"{NAME}的邻居", caller_phone=PHONE)
        )  # fmt: skip
        self.add(
            CaseStep(case_id=self.case.id, move="report", at=NOON, to_state="reported", person_id=self.id,
                     words=f"{NAME}（{PHONE}）上报")
        )  # fmt: skip
        self.add(Unit(name="环卫站", contact=NAME, phone=PHONE))

    def papers(self) -> None:
        days = Range(NOON.date(), NOON.date() + dt.timedelta(days=30))
        self.add(FigureEntry(figure="X6", days=days, value=7, note=f"据{NAME}口头"))
        self.add(IssuedReport(title="五月", days=days, figures=[{"figure": "X5", "rows": [str(self.own)]}]))
        self.roster = self.add(
            Import(what="roster", file_name=f"{NAME}.xlsx", sha256=b"r" * 32, summary={"of": NAME})
        )
        self.add(Notice(kind="heat", text=f"{NAME}所在的村今天高温", since=NOON, until=NOON))
        self.home.contact_name, self.home.contact_phone = NAME, PHONE
        self.add(
            Job(kind="x", payload={"file": f"{NAME}.xlsx"}, progress={"what": NAME}, error=f"没有「{NAME}」")
        )
        other, _ = register.add(self.db, COMMANDS, "office", Right.COORDINATOR, Ground(self.county.id, None))
        accounts.make_token(self.db, other, f"{NAME}的手机", days=1, actor=COMMANDS.actor, county_id=None)

    def beside(self) -> None:
        for kind, subject in (
            (FileKind.ORIGINAL, f"import/{self.roster.id}"),
            (FileKind.ORIGINAL, f"patrol/{self.own}"),
            (FileKind.PHOTO, f"patrol/{self.own}"),
            (FileKind.PHOTO, f"service/{self.alone.id}"),
            (FileKind.SHEET, f"service/{self.together.id}"),
        ):
            self.keep(kind, subject, f"{kind} {subject} {NAME} {PHONE}", f"{NAME}.jpg")
        self.keep(FileKind.PHOTO, f"service/{self.together.id}", "the river", f"{NAME}拍.jpg")
        for path in ("dumps/before-0002.dump", f"held/{self.account.id}/word/file.xlsx"):
            (self.data_dir / path).parent.mkdir(parents=True, exist_ok=True)
            (self.data_dir / path).write_text(f"{NAME} {PHONE}")

    def keep(self, kind: FileKind, subject: str, content: str, name: str) -> None:
        files.keep(
            self.db, self.files_dir, io.BytesIO(content.encode()), county_id=self.county.id, kind=kind,
            subject=subject, media_type="text/plain", name=name,
        )  # fmt: skip


@pytest.fixture
def life(db: Session, small_county: SmallCounty, tmp_path: Path) -> Life:
    return Life(db, small_county, tmp_path)


def found_in_tables(db: Session, words: tuple[str, ...] = SECRETS) -> list[str]:
    """Return table, column and word for every word that stands in any column of any table, however stored."""
    db.flush()
    found = []
    for table in Table.metadata.sorted_tables:
        columns = [f"""coalesce({_as_text(column)}, '') as "{column.name}" """ for column in table.columns]
        for row in db.execute(text(f'select {", ".join(columns)} from "{table.name}"')).mappings():
            found += [f"{table.name}.{name}: {w}" for name, value in row.items() for w in words if w in value]
    return found


def _as_text(column: Any) -> str:
    name = f'"{column.name}"'
    if isinstance(column.type, LargeBinary):
        return f"encode({name}, 'escape')"
    return f"st_astext({name})" if "geom" in str(column.type).lower() else f"{name}::text"


def found_in_files(folder: Path) -> list[str]:
    secrets = [word.encode() for word in SECRETS]
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in paths if any(s in path.read_bytes() for s in secrets)] + [
        str(path) for path in paths if NAME in path.name
    ]


COVERAGE = ("line_coverage", "line_day", "area_visit", "cell_coverage", "cell_day", "issued_report")


def coverage(db: Session) -> dict[str, list[Any]]:
    return {name: sorted(map(str, db.execute(select(Table.metadata.tables[name])))) for name in COVERAGE}


def token_of(
    db: Session, county: SmallCounty, login: str, right: Right, person: uuid.UUID | None = None
) -> str:
    account, _ = register.add(
        db, COMMANDS, login, right, Ground(county.id), person_id=person, is_program=True
    )
    return register.token(db, COMMANDS, account, "test", days=1)


class TestNothingTellsOfHim:
    def test_in_any_table_file_or_log_and_the_coverage_is_as_it_was(
        self, life: Life, client: TestClient, db: Session, heard: list[str]
    ) -> None:
        token = token_of(db, life.county, "clerk", Right.COORDINATOR)
        filled = {line.split(".")[0] for line in found_in_tables(db)}
        assert filled >= {
            "person", "place", "patrol", "batch", "service", "exemption", "account", "sign_in", "job",
            "import", "figure_entry", "stored_file", "report", "case", "case_step", "unit",
        }, "the test must have something to look for"  # fmt: skip
        assert len(found_in_files(life.data_dir)) == 7
        before = coverage(db)
        assert all(before[name] for name in ("line_coverage", "line_day", "issued_report"))
        asked = {"headers": {"Authorization": f"Bearer {token}"}, "params": {"reason": "deceased"}}
        answer = client.delete(f"/api/people/{life.id}", **asked)
        assert answer.status_code == 204, answer.text
        db.expire_all()
        assert found_in_tables(db) == []
        assert found_in_files(life.data_dir) == []
        assert not [line for line in heard if any(word in line for word in SECRETS)]
        assert coverage(db) == before
        assert client.delete(f"/api/people/{life.id}", **asked).status_code == 404

    def test_what_stays_is_nameless_and_still_counts(self, life: Life, db: Session) -> None:
        service.delete_person(db, life.scope, life.id, data_dir=life.data_dir)
        db.expire_all()
        own, along = db.get_one(Patrol, life.own), db.get_one(Patrol, life.along)
        assert (own.person_id, own.track, own.accuracy_m, own.people) == (None, None, None, 2)
        assert own.record == {"pieces": 3, "clean": True, "at": {}}
        assert (along.person_id, along.people) == (life.other, 2)
        assert along.record == {"remarks": "与某人（某人）同行"}
        assert db.scalars(select(Companion)).all() == []
        alone, together = db.get_one(Service, life.alone.id), db.get_one(Service, life.together.id)
        assert (alone.people, alone.note, together.people) == (1, None, 2)
        assert together.note == "某人和同伴走访，电话某人"
        assert [row.person_id for row in db.scalars(select(ServicePerson))] == [life.other]
        assert {duty.person_id for duty in db.scalars(select(Duty))} == {life.id}
        assert db.scalars(select(Exemption.reason)).all() == [None, None]
        assert db.get_one(Place, life.river.id).attributes == {"chief": "某人 某人", "width_m": 12}
        kept = [(row.kind, row.subject, row.name) for row in db.scalars(select(StoredFile))]
        assert kept == [("photo", f"service/{life.together.id}", "某人拍.jpg")]
        assert db.scalars(select(SignIn.id).where(SignIn.account_id == life.account.id)).all() == []

    def test_a_rollback_keeps_everything_the_files_too(self, life: Life, db: Session) -> None:
        class PowerCut(Exception):
            pass

        with pytest.raises(PowerCut), transaction(db.connection()) as inner:  # noqa: PT012  (both at once)
            service.delete_person(inner, life.scope, life.id, data_dir=life.data_dir)
            raise PowerCut
        assert len(found_in_files(life.data_dir)) == 7
        assert db.get_one(Person, life.id, populate_existing=True).name == NAME

    def test_the_bytes_that_another_keeps_too_stay(self, life: Life, db: Session) -> None:
        twin = life.county.patrol(life.county.walk((0, 5), (600, 5)), life.other)[0]
        for patrol in (life.own, twin):
            life.keep(FileKind.PHOTO, f"patrol/{patrol}", "the same bridge", "bridge.jpg")
        db.flush()
        with transaction(db.connection()) as inner:
            service.delete_person(inner, life.scope, life.id, data_dir=life.data_dir)
        left = [path.read_text() for path in life.files_dir.rglob("*") if path.is_file()]
        assert sorted(left) == ["the river", "the same bridge"]

    def test_a_name_that_somebody_else_bears_is_left_to_him(self, life: Life, db: Session) -> None:
        life.county.person(NAME, life.home)
        service.delete_person(db, life.scope, life.id, data_dir=life.data_dir)
        db.expire_all()
        assert db.get_one(Service, life.together.id).note == f"{NAME}和同伴走访，电话某人"

    def test_a_name_with_quotation_marks_is_found_in_json_too(self, life: Life, db: Session) -> None:
        db.get_one(Person, life.id).name = 'Anna "Nan" \\ Weber'
        db.get_one(Patrol, life.along).record = {"remarks": 'with Anna "Nan" \\ Weber'}
        db.flush()
        service.delete_person(db, life.scope, life.id, data_dir=life.data_dir)
        assert db.get_one(Patrol, life.along, populate_existing=True).record == {"remarks": "with 某人"}

    def test_another_county_is_left_alone(self, life: Life, db: Session) -> None:
        row = County(code="999905", name="邻县", time_zone="Asia/Shanghai")
        db.add(row)
        db.flush()
        db.add(Import(county_id=row.id, what="roster", file_name=f"{NAME}.xlsx", sha256=b"", summary={}))
        service.delete_person(db, life.scope, life.id, data_dir=life.data_dir)
        names = db.scalars(select(Import.file_name).where(Import.county_id == row.id)).all()
        assert names == [f"{NAME}.xlsx"]


class TestWhoMay:
    def test_he_himself_with_all_his_ways_in(self, life: Life, client: TestClient, db: Session) -> None:
        token = token_of(db, life.county, "walker", Right.VOLUNTEER, life.id)
        asked = {"headers": {"Authorization": f"Bearer {token}"}}
        assert client.delete(f"/api/people/{life.other}", **asked).status_code == 404
        assert client.delete(f"/api/people/{life.id}", **asked).status_code == 204
        assert client.get("/api/me", **asked).status_code == 401

    def test_not_who_only_looks_after_places_where_he_serves(self, life: Life, db: Session) -> None:
        away = life.county.area("A")
        life.county.lies_in(life.river, away)
        scope = Scope(life.county.id, Actor(), {Right.COORDINATOR: frozenset({away.id})})
        with pytest.raises(Forbidden, match="不住在"):
            service.delete_person(db, scope, life.id, data_dir=life.data_dir)
        elsewhere = Scope(life.county.id, Actor(), {Right.COORDINATOR: frozenset({life.county.area("B").id})})
        with pytest.raises(NotFound):
            service.delete_person(db, elsewhere, life.id, data_dir=life.data_dir)

    def test_a_clerks_account_goes_only_by_an_administrators_hand(self, life: Life, db: Session) -> None:
        register.grant(db, COMMANDS, life.account, Right.COORDINATOR, Ground(life.county.id))
        clerk = Scope(life.county.id, Actor(), {Right.COORDINATOR: None})
        with pytest.raises(Forbidden):
            service.delete_person(db, clerk, life.id, data_dir=life.data_dir)
        service.delete_person(db, life.scope, life.id, data_dir=life.data_dir)
        assert db.get(Account, life.account.id) is None

    def test_the_last_administrator_stays(self, life: Life, db: Session) -> None:
        register.grant(db, COMMANDS, life.account, Right.ADMINISTRATOR, Ground())
        himself = Scope(life.county.id, Actor(), {Right.VOLUNTEER: None}, life.id)
        with pytest.raises(Conflict):
            service.delete_person(db, himself, life.id, data_dir=life.data_dir)


class TestTheDeclaration:
    def test_every_column_that_may_tell_of_a_person_is_declared_once(self) -> None:
        may = {
            f"{table.name}.{column.name}"
            for table in Table.metadata.sorted_tables
            for column in table.columns
            if (
                isinstance(column.type, String | JSONB | LargeBinary | Uuid | ARRAY | Double)
                and not _is_number(column)
            )
            or "geom" in str(column.type).lower()
            or column.name in POSITION
            or any(key.column.table.name in ("person", "sign_in") for key in column.foreign_keys)
        }
        declared = set(PERSONAL) | IMPERSONAL
        assert not set(PERSONAL) & IMPERSONAL
        assert may - declared == set(), (
            "Say in geo_service/privacy/declared.py what these columns may tell of a person, where he sees\n"
            "it and what becomes of it when he is forgotten (and see to it in forgetting.py), or that no\n"
            "person stands in them."
        )
        assert declared - may == set(), "these columns are no more"

    def test_every_text_that_is_redacted_or_cleared_is_searched_for_names(self) -> None:
        texts = {
            f"{table.name}.{column.name}"
            for table in Table.metadata.sorted_tables
            for column in table.columns
            if isinstance(column.type, String | JSONB)
        }
        may_name_others = {
            name for name, column in PERSONAL.items()
            if name in texts and column.fate in ("cleared", "redacted")
        }  # fmt: skip
        own = {"person.number", "person.name", "person.phone", "import.file_name"}
        assert may_name_others - own <= set(SHARED_TEXTS)


def _is_number(column: Any) -> bool:
    """One number: a length, hours, a corner of the county."""
    return isinstance(column.type, Double)


class TestTheFilesOfTheDatabase:
    def test_dead_rows_leave_the_tables_files(self, engine: Engine, leaves_no_audit: None) -> None:
        """Read from the disk as PostgreSQL wrote it, table and indexes."""
        with transaction(engine) as db:
            county = County(code="999906", name="卫县", time_zone="Asia/Shanghai")
            db.add(county)
            db.flush()
            (id_,) = service.add_people(db, county.id, [PersonDraft("昔有其人", "N-123456", "13712345678")])
            scope = Scope(county.id, Actor(), WHOLE)
        try:
            assert b"13712345678" in _bytes_of(engine, "person")
            with transaction(engine) as db:
                service.delete_person(db, scope, id_, data_dir=Path("/nowhere"))
            assert "昔有其人".encode() in _bytes_of(engine, "person"), "dead rows are still there"
            traces.vacuum(engine)
            for word in ("昔有其人", "13712345678", "N-123456"):
                assert word.encode() not in _bytes_of(engine, "person")
        finally:
            with transaction(engine) as db:
                db.execute(delete(Person).where(Person.county_id == county.id))
                db.execute(delete(Job))
                db.execute(delete(County).where(County.id == county.id))


def _bytes_of(engine: Engine, table: str) -> bytes:
    """Return the files of a table and of its indexes as they lie on the disk."""
    indexes = text("select indexrelid::regclass::text from pg_index where indrelid = cast(:t as regclass)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
        own.execute(text("checkpoint"))
        names = [table, *own.scalars(indexes, {"t": table})]
        read = func.pg_read_binary_file(func.pg_relation_filepath(text(":name").bindparams(name="")))
        return b"".join(own.scalar(select(read), {"name": name}) for name in names)


def test_the_search_finds_what_it_looks_for(db: Session, life: Life) -> None:
    """A search that cannot find would prove nothing."""
    assert {line.rpartition(": ")[2] for line in found_in_tables(db)} == set(SECRETS)
