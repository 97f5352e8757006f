"""Photos of problems: in pieces or whole, kept drawn anew, blurred before the public sees them."""

import datetime as dt
import hashlib
import io
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from geo_service import files, photos
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import pictures
from geo_service.cases.pictures import MOST_PHOTOS, MOST_PIECE_BYTES, Progress
from geo_service.db import transaction
from geo_service.errors import Conflict, Invalid, NotFound, Unavailable
from geo_service.people import service as people
from geo_service.photos import Box
from geo_service.privacy import expiry
from geo_service.privacy.expiry import Limits
from geo_service.tables import Case, CaseStep, County, PhotoPiece, Report, StoredFile
from layers.errors import BadFile
from layers.vocabulary import FileKind, Right
from tests.geo_service.conftest import NOON, SmallCounty
from tests.geo_service.test_photos import as_array, heic, picture, plate

SHORT = 3000
"""Bytes of a piece, so that a small photo has several."""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def add_case(db: Session, county_id: int) -> int:
    number = 1 + (db.scalar(select(func.count()).select_from(Case)) or 0)
    case = Case(
        county_id=county_id, number=f"2026-{number:06d}", kind="river", category="river.waste",
        severity="normal", opened_at=NOON, state="new", since=NOON,
    )  # fmt: skip
    db.add(case)
    db.flush()
    return case.id


def add_report(
    db: Session, county_id: int, announced: dict[uuid.UUID, bytes], person_id: uuid.UUID | None = None
) -> uuid.UUID:
    report = Report(
        county_id=county_id, id=uuid.uuid4(), case_id=add_case(db, county_id), channel="phone",
        person_id=person_id, sha256=b"r", at=NOON, category="river.waste",
        photos=[{"id": str(id_), "sha256": sha(data), "size": len(data)} for id_, data in announced.items()],
    )  # fmt: skip
    db.add(report)
    db.flush()
    return report.id


class Desk:
    """A county whose reports get photos."""

    def __init__(self, db: Session, county: SmallCounty, folder: Path) -> None:
        self.db, self.county, self.folder = db, county, folder

    def report(self, *data: bytes, person_id: uuid.UUID | None = None) -> tuple[uuid.UUID, list[uuid.UUID]]:
        ids = [uuid.uuid4() for _ in data]
        return add_report(self.db, self.county.id, dict(zip(ids, data, strict=True)), person_id), ids

    def take(self, report: uuid.UUID, photo: uuid.UUID, offset: int, content: bytes) -> Progress:
        """Take a piece as a request does: in a transaction that an error rolls back."""
        with transaction(self.db.connection()) as own:
            return pictures.take_piece(own, self.folder, self.county.id, report, photo, offset, content)

    def take_all(self, report: uuid.UUID, photo: uuid.UUID, data: bytes, step: int = SHORT) -> Progress:
        for offset in range(0, len(data), step):
            done = self.take(report, photo, offset, data[offset : offset + step])
        return done

    def kept(self, kind: FileKind, subject: str) -> list[bytes]:
        rows = files.of_subject(self.db, self.county.id, subject)
        return [self.bytes_of(row) for row in rows if row.kind == kind]

    def bytes_of(self, row: StoredFile) -> bytes:
        return files.path_of(self.folder, row.sha256).read_bytes()

    def pieces(self) -> int:
        return self.db.scalar(select(func.count()).select_from(PhotoPiece)) or 0

    def progress(self, report: uuid.UUID) -> dict[uuid.UUID, int]:
        return pictures.progress(self.db, self.row(report))

    def row(self, report: uuid.UUID) -> Report:
        return self.db.get_one(Report, report, populate_existing=True)


@pytest.fixture
def desk(db: Session, small_county: SmallCounty, tmp_path: Path) -> Desk:
    return Desk(db, small_county, tmp_path / "files")


def redrawn(data: bytes) -> bytes:
    return photos.redrawn(data, zone=ZoneInfo("UTC")).jpeg


def grainy(seed: int = 1, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of many bytes."""
    grain = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(grain).save(out, "JPEG", quality=90)
    return out.getvalue()


PHOTO = grainy()


class TestPieces:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        cuts=st.sets(st.integers(1, len(PHOTO) - 1), max_size=8),
        order=st.randoms(use_true_random=False),
        repeats=st.integers(0, 6),
    )
    @example(cuts=set(), order=random.Random(0), repeats=1)
    def test_in_any_order_as_often_as_they_come_they_end_in_exactly_the_photo(
        self, desk: Desk, cuts: set[int], order: random.Random, repeats: int
    ) -> None:
        report, (photo,) = desk.report(PHOTO)
        ends = [0, *sorted(cuts), len(PHOTO)]
        pieces = list(pairwise(ends))
        sent = pieces + [order.choice(pieces) for _ in range(repeats)]
        order.shuffle(sent)
        seen = set()
        for start, stop in sent:
            seen.add((start, stop))
            done = desk.take(report, photo, start, PHOTO[start:stop])
            without_gap = next((a for a, b in pieces if (a, b) not in seen), len(PHOTO))
            assert done == Progress(without_gap, len(PHOTO), len(seen) == len(pieces))
            assert desk.progress(report) == {photo: without_gap}
        assert desk.kept(FileKind.PHOTO, f"report/{report}") == [redrawn(PHOTO)]
        assert desk.kept(FileKind.ORIGINAL, f"report/{report}") == [PHOTO]
        assert desk.db.get_one(StoredFile, photo).media_type == "image/jpeg"
        assert desk.pieces() == 0

    def test_a_photo_of_an_iphone_is_kept_upright_without_where_it_was_taken(self, desk: Desk) -> None:
        data = heic(orientation=6)
        report, (photo,) = desk.report(data)
        assert desk.take_all(report, photo, data, step=500).is_whole
        (served,) = desk.kept(FileKind.PHOTO, f"report/{report}")
        with Image.open(io.BytesIO(served)) as image:
            assert image.format == "JPEG"
            assert image.size == (48, 64)
            assert not image.getexif()
        original = next(row for row in files.of_subject(desk.db, desk.county.id, f"report/{report}")
                        if row.kind == FileKind.ORIGINAL)  # fmt: skip
        assert (desk.bytes_of(original), original.name) == (data, f"{photo}.heic")

    def test_other_bytes_at_the_same_place_and_pieces_that_overlap_are_refused(self, desk: Desk) -> None:
        report, (photo,) = desk.report(PHOTO)
        desk.take(report, photo, 1000, PHOTO[1000:2000])
        with pytest.raises(Conflict, match="内容却不同"):
            desk.take(report, photo, 1000, PHOTO[1001:2001])
        for start, stop in ((500, 1001), (1999, 2500), (1000, 1500), (1000, 2500), (1200, 1300), (0, 3000)):
            with pytest.raises(Conflict, match="重叠"):
                desk.take(report, photo, start, PHOTO[start:stop])
        assert desk.take(report, photo, 0, PHOTO[:1000]).received == 2000
        assert desk.take(report, photo, 2000, PHOTO[2000:]).is_whole

    @pytest.mark.parametrize(
        ("offset", "size"), [(0, 0), (-1, 10), (len(PHOTO) - 5, 6), (len(PHOTO), 1), (2**70, 1)]
    )
    def test_a_piece_must_lie_within_the_photo(self, desk: Desk, offset: int, size: int) -> None:
        report, (photo,) = desk.report(PHOTO)
        with pytest.raises(Invalid, match="重新分段"):
            desk.take(report, photo, offset, b"x" * size)
        assert desk.pieces() == 0

    def test_a_piece_and_a_photo_have_a_largest_size_and_a_report_so_many_photos(self, desk: Desk) -> None:
        large = b"x" * (MOST_PIECE_BYTES + 1)
        report, (photo,) = desk.report(large)
        with pytest.raises(Invalid, match="256 KB"):
            desk.take(report, photo, 0, large)
        assert desk.take(report, photo, 0, large[:-1]).received == MOST_PIECE_BYTES
        report, (photo, nothing) = desk.report(b"x" * (photos.MOST_BYTES + 1), b"")
        for id_ in (photo, nothing):
            with pytest.raises(Invalid, match="16 MB"):
                desk.take(report, id_, 0, b"x")
        report, ids = desk.report(*[PHOTO] * (MOST_PHOTOS + 1))
        assert desk.take(report, ids[-2], 0, PHOTO).is_whole
        with pytest.raises(Invalid, match="最多 10 张"):
            desk.take(report, ids[-1], 0, PHOTO)

    def test_what_no_report_of_the_county_announced_is_not_found(self, desk: Desk, db: Session) -> None:
        report, (photo,) = desk.report(PHOTO)
        with pytest.raises(NotFound, match="没有这张照片"):
            desk.take(report, uuid.uuid4(), 0, PHOTO)
        with pytest.raises(NotFound, match="没有这条上报"):
            desk.take(uuid.uuid4(), photo, 0, PHOTO)
        other = County(code="999906", name="邻县", time_zone="Asia/Shanghai")
        db.add(other)
        db.flush()
        with pytest.raises(NotFound):
            pictures.take_piece(db, desk.folder, other.id, report, photo, 0, PHOTO)

    def test_an_id_that_another_report_uses_is_refused(self, desk: Desk, db: Session) -> None:
        """Half sent or whole: what belongs to one report never becomes another's."""
        first, (photo,) = desk.report(PHOTO)
        other = grainy(2)
        second = add_report(db, desk.county.id, {photo: other})
        desk.take(first, photo, 0, PHOTO[:100])
        for start in (0, 100):
            with pytest.raises(Conflict, match="编号已经用过"):
                desk.take(second, photo, start, other[start:200])
        assert desk.progress(second) == {photo: 0}
        desk.take(first, photo, 100, PHOTO[100:])
        with pytest.raises(Conflict, match="编号已经用过"):
            desk.take(second, photo, 0, other)
        assert desk.kept(FileKind.PHOTO, f"report/{first}") == [redrawn(PHOTO)]

    def test_what_was_spoiled_on_the_way_is_dropped_and_can_be_sent_again(self, desk: Desk) -> None:
        report, (photo,) = desk.report(PHOTO)
        spoiled = PHOTO[:500] + b"?" + PHOTO[501:]
        with pytest.raises(Invalid, match="从头再发"):
            desk.take_all(report, photo, spoiled)
        assert desk.pieces() == 0
        assert desk.progress(report) == {photo: 0}
        assert not files.of_subject(desk.db, desk.county.id, f"report/{report}")
        assert desk.take_all(report, photo, PHOTO).is_whole

    def test_what_is_no_picture_is_said_once_and_never_asked_for_again(self, desk: Desk) -> None:
        page = b"<html><script>alert(1)</script></html>" * 100
        report, (bad, good) = desk.report(page, PHOTO)
        with pytest.raises(BadFile, match="打不开"):
            desk.take_all(report, bad, page)
        assert desk.pieces() == 0
        assert desk.progress(report) == {bad: len(page), good: 0}, "nothing of it is missing"
        assert pictures.unreadable(desk.row(report)) == {bad}
        with pytest.raises(BadFile, match="不用再发"):
            desk.take(report, bad, 0, page[:100])
        assert desk.pieces() == 0
        assert not files.of_subject(desk.db, desk.county.id, f"report/{report}")
        assert desk.take_all(report, good, PHOTO).is_whole
        assert pictures.unreadable(desk.row(report)) == {bad}

    def test_a_photo_waits_where_the_machine_is_busy(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report, (photo,) = desk.report(PHOTO)
        desk.take(report, photo, 0, PHOTO[:2000])
        with monkeypatch.context() as patched:
            patched.setattr(photos, "_WAIT_S", 0.05)
            with photos._turn(), pytest.raises(Unavailable):
                desk.take(report, photo, 2000, PHOTO[2000:])
        assert desk.progress(report) == {photo: 2000}, "what came before stays"
        assert desk.take(report, photo, 2000, PHOTO[2000:]).is_whole

    def test_a_photo_that_is_whole_stays_as_it_is(self, desk: Desk) -> None:
        report, (photo,) = desk.report(PHOTO)
        desk.take_all(report, photo, PHOTO)
        before = [
            (row.id, row.sha256) for row in files.of_subject(desk.db, desk.county.id, f"report/{report}")
        ]
        for content in (PHOTO[:100], b"something else"):
            assert desk.take(report, photo, 0, content) == Progress(len(PHOTO), len(PHOTO), is_whole=True)
        rows = files.of_subject(desk.db, desk.county.id, f"report/{report}")
        assert [(row.id, row.sha256) for row in rows] == before

    def test_two_phones_at_once_end_in_one_photo(self, apart: Engine, tmp_path: Path) -> None:
        photo = uuid.uuid4()
        with transaction(apart) as db:
            county = County(code="999907", name="试县", time_zone="Asia/Shanghai")
            db.add(county)
            db.flush()
            county_id, report = county.id, add_report(db, county.id, {photo: PHOTO})

        def send(offsets: list[int]) -> Progress:
            for offset in offsets:
                with transaction(apart) as db:
                    done = pictures.take_piece(
                        db, tmp_path, county_id, report, photo, offset, PHOTO[offset : offset + 1000]
                    )
            return done

        forward = list(range(0, len(PHOTO), 1000))
        with ThreadPoolExecutor(4) as pool:
            ends = list(pool.map(send, [forward, forward[::-1], forward, forward[::-1]]))
        assert [done.is_whole for done in ends] == [True] * 4
        with transaction(apart) as db:
            kinds = sorted(row.kind for row in files.of_subject(db, county_id, f"report/{report}"))
            assert kinds == ["original", "photo"]
            assert db.scalar(select(func.count()).select_from(PhotoPiece)) == 0


class TestWhole:
    def test_a_photo_from_a_form_is_kept_with_its_original(self, desk: Desk, db: Session) -> None:
        data = picture()
        row = pictures.keep_whole(db, desk.folder, desk.county.id, "case_step/7", data)
        assert (row.kind, row.subject) == (FileKind.PHOTO, "case_step/7")
        assert desk.bytes_of(row) == redrawn(data)
        assert desk.kept(FileKind.ORIGINAL, "case_step/7") == [data]

    def test_the_same_again_under_its_id_changes_nothing(self, desk: Desk, db: Session) -> None:
        photo = uuid.uuid4()
        for _ in range(2):
            kept = pictures.keep_whole(db, desk.folder, desk.county.id, "case_step/7", PHOTO, photo)
            assert kept.id == photo
        assert len(desk.kept(FileKind.PHOTO, "case_step/7")) == 1
        for subject, data in (("case_step/7", grainy(2)), ("case_step/8", PHOTO)):
            with pytest.raises(Conflict, match="编号已经用过"):
                pictures.keep_whole(db, desk.folder, desk.county.id, subject, data, photo)

    def test_so_many_and_no_more(self, desk: Desk, db: Session) -> None:
        for _ in range(MOST_PHOTOS):
            pictures.keep_whole(db, desk.folder, desk.county.id, "case_step/7", picture())
        with pytest.raises(Invalid, match="最多 10 张"):
            pictures.keep_whole(db, desk.folder, desk.county.id, "case_step/7", picture())

    def test_of_what_is_no_picture_nothing_is_kept(self, desk: Desk, db: Session) -> None:
        with pytest.raises(BadFile):
            pictures.keep_whole(db, desk.folder, desk.county.id, "case_step/7", b"%PDF-1.7 ...")
        assert files.of_subject(db, desk.county.id, "case_step/7") == []


class TestWhatThePublicSees:
    BOX = Box(0.3, 0.4, 0.7, 0.6)

    @pytest.fixture
    def photo(self, desk: Desk, db: Session) -> uuid.UUID:
        return pictures.keep_whole(db, desk.folder, desk.county.id, "case_step/7", plate("M12345")).id

    def test_nothing_until_somebody_marked_faces_or_said_that_there_are_none(
        self, desk: Desk, db: Session, photo: uuid.UUID
    ) -> None:
        assert pictures.public_photo(db, desk.county.id, photo) is None
        pictures.blur(db, desk.folder, desk.county.id, photo, [])
        released = pictures.public_photo(db, desk.county.id, photo)
        assert released is not None
        assert released.id != photo
        shown, own = as_array(desk.bytes_of(released)), as_array(redrawn(plate("M12345")))
        assert np.abs(shown - own).mean() < 2

    def test_the_version_is_blurred_where_it_was_marked_and_replaced_by_the_next(
        self, desk: Desk, db: Session, photo: uuid.UUID
    ) -> None:
        pictures.blur(db, desk.folder, desk.county.id, photo, [])
        pictures.blur(db, desk.folder, desk.county.id, photo, [self.BOX])
        (row,) = files.of_subject(db, desk.county.id, f"photo/{photo}")
        assert row.kind == FileKind.BLURRED
        assert pictures.public_photo(db, desk.county.id, photo) == row
        own, shown = as_array(redrawn(plate("M12345"))), as_array(desk.bytes_of(row))
        height, width, _ = own.shape
        rows, columns = slice(int(0.4 * height), int(0.6 * height)), slice(int(0.3 * width), int(0.7 * width))
        assert np.abs(shown - own)[rows, columns].mean() > 15
        (unchanged,) = desk.kept(FileKind.PHOTO, "case_step/7")
        assert unchanged == redrawn(plate("M12345"))

    def test_it_is_told_which_photos_the_public_sees_until_they_are_withdrawn(
        self, desk: Desk, db: Session, photo: uuid.UUID
    ) -> None:
        report, (first, second) = desk.report(PHOTO, PHOTO)
        for id_ in (first, second):
            desk.take_all(report, id_, PHOTO)
        pictures.blur(db, desk.folder, desk.county.id, second, [self.BOX])
        assert pictures.released(db, desk.county.id, [first, second, photo]) == {second}
        pictures.withdraw(db, desk.county.id, second)
        assert pictures.released(db, desk.county.id, [first, second, photo]) == set()
        assert pictures.public_photo(db, desk.county.id, second) is None

    @pytest.mark.parametrize("boxes", [[Box(0, 0, 1, float("nan"))], [Box(0.5, 0, 0.5, 1)]])
    def test_nonsense_leaves_the_version_that_is_there(
        self, desk: Desk, db: Session, photo: uuid.UUID, boxes: list[Box]
    ) -> None:
        row = pictures.blur(db, desk.folder, desk.county.id, photo, [self.BOX])
        with pytest.raises(Invalid):
            pictures.blur(db, desk.folder, desk.county.id, photo, boxes)
        assert pictures.public_photo(db, desk.county.id, photo) == row

    def test_only_photos_of_cases_of_the_county_become_public(
        self, desk: Desk, db: Session, photo: uuid.UUID
    ) -> None:
        other = County(code="999906", name="邻县", time_zone="Asia/Shanghai")
        db.add(other)
        db.flush()
        walk = files.keep(
            db, desk.folder, io.BytesIO(PHOTO), county_id=desk.county.id, kind=FileKind.PHOTO,
            subject="patrol/1", media_type="image/jpeg",
        )  # fmt: skip
        original = next(row for row in files.of_subject(db, desk.county.id, "case_step/7")
                        if row.kind == FileKind.ORIGINAL)  # fmt: skip
        tries = ((other.id, photo), *((desk.county.id, id_) for id_ in (walk.id, original.id, uuid.uuid4())))
        for county_id, id_ in tries:
            with pytest.raises(NotFound):
                pictures.blur(db, desk.folder, county_id, id_, [])
        pictures.blur(db, desk.folder, desk.county.id, photo, [])
        assert pictures.public_photo(db, other.id, photo) is None

    def test_a_photo_whose_bytes_are_lost_is_said_so(self, desk: Desk, db: Session, photo: uuid.UUID) -> None:
        files.path_of(desk.folder, db.get_one(StoredFile, photo).sha256).unlink()
        with pytest.raises(NotFound, match="告诉管理员"):
            pictures.blur(db, desk.folder, desk.county.id, photo, [])


class TestWhatExpires:
    def test_pieces_and_originals_go_and_photos_stay(self, desk: Desk, db: Session) -> None:
        report, (whole, half) = desk.report(PHOTO, PHOTO)
        desk.take_all(report, whole, PHOTO)
        desk.take(report, half, 0, PHOTO[:100])
        limits, now = Limits(7, 30, 180), dt.datetime.now(dt.UTC)

        def due(after_days: float) -> dict[str, int]:
            left = expiry.left(db, now + dt.timedelta(days=after_days), limits)
            return {name: counts.total() for name, counts in left.items() if counts.total()}

        assert due(6.9) == {}
        assert due(7.1) == {"originals": 1, "photo_pieces": 1}
        _, gone = expiry.drop(db, now + dt.timedelta(days=7.1), limits)
        assert gone == [hashlib.sha256(PHOTO).digest()]
        assert due(7.1) == {}
        assert desk.kept(FileKind.PHOTO, f"report/{report}") == [redrawn(PHOTO)]
        assert desk.progress(report) == {whole: len(PHOTO), half: 0}
        assert desk.take_all(report, half, PHOTO).is_whole, "a phone that comes late begins anew"

    def test_a_forgotten_persons_pieces_and_originals_go_and_others_stay(
        self, desk: Desk, db: Session, tmp_path: Path
    ) -> None:
        """What he sent is the case's, without what his camera wrote; it is not his own alone."""
        own, other = desk.county.person("老王"), desk.county.person("老李")
        reports = []
        for person in (own, other):
            report, (whole, half) = desk.report(PHOTO, PHOTO, person_id=person)
            desk.take_all(report, whole, PHOTO)
            desk.take(report, half, 0, PHOTO[:100])
            reports.append(report)
        step = CaseStep(
            county_id=desk.county.id, case_id=desk.row(reports[0]).case_id, move="report", at=NOON,
            to_state="new", person_id=own,
        )  # fmt: skip
        db.add(step)
        db.flush()
        pictures.keep_whole(db, desk.folder, desk.county.id, f"case_step/{step.id}", picture())
        scope = Scope(
            desk.county.id, Actor(os_user="tester"),
            dict.fromkeys((Right.ADMINISTRATOR, Right.COORDINATOR), None),
        )  # fmt: skip
        people.delete_person(db, scope, own, data_dir=tmp_path)
        db.expire_all()
        subjects = (f"report/{reports[0]}", f"report/{reports[1]}", f"case_step/{step.id}")
        kinds = {
            subject: sorted(row.kind for row in files.of_subject(db, desk.county.id, subject))
            for subject in subjects
        }
        assert kinds == dict(zip(subjects, (["photo"], ["original", "photo"], ["photo"]), strict=True))
        assert db.scalars(select(PhotoPiece.report_id)).all() == [reports[1]]
