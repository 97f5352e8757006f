"""The SQL of cases, their reports and steps."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.db import one_at_a_time
from geo_service.tables import (
    Account,
    Area,
    Case,
    CaseStep,
    Json,
    Patrol,
    Person,
    PhotoPiece,
    Place,
    Report,
    StoredFile,
    Unit,
)
from layers.cases import Standing
from layers.vocabulary import Channel, FileKind, Move

Condition = ColumnElement[bool]
LonLat = tuple[float, float]


# --- cases


def next_number(db: Session, county_id: int, year: int) -> str:
    """Return the next number of a year; whoever asks next waits for this transaction."""
    one_at_a_time(db, f"case_number/{county_id}")
    latest = db.scalar(
        select(func.max(Case.number)).where(
            Case.county_id == county_id, Case.number.between(f"{year}-", f"{year}-~")
        )
    )
    return f"{year}-{int(latest.partition('-')[2]) + 1 if latest else 1:06d}"


def case(db: Session, case_id: int, *where: Condition, locked: bool = False) -> Case | None:
    """Return a case that meets conditions, as it is now."""
    found = select(Case).where(Case.id == case_id, *where).execution_options(populate_existing=True)
    return db.scalars(found.with_for_update() if locked else found).one_or_none()


def cases(db: Session, case_ids: Collection[int]) -> dict[int, Case]:
    """Return cases as they are now, by id."""
    rows = db.scalars(select(Case).where(among(Case.id, case_ids)).execution_options(populate_existing=True))
    return {row.id: row for row in rows}


def place_names(db: Session, case_ids: Collection[int]) -> dict[int, str | None]:
    """Return what the places of cases are called, by case."""
    found = select(Case.id, func.coalesce(Place.name, Place.code)).join(Place, Place.id == Case.place_id)
    names: dict[int, str | None] = {}
    for case_id, name in db.execute(found.where(among(Case.id, case_ids))):
        names[case_id] = name
    return names


def add_case(db: Session, row: Case) -> int:
    """Store a case and return its id."""
    db.add(row)
    db.flush()
    return row.id


def change(db: Session, case_id: int, **values: Any) -> None:
    """Store new values of a case."""
    db.execute(update(Case).where(Case.id == case_id).values(**values))


def has_place(db: Session, place_id: int, where: Condition) -> bool:
    """Tell whether a place meets a condition."""
    return db.scalar(select(Place.id).where(Place.id == place_id, where)) is not None


def has_area(db: Session, area_id: int, where: Condition) -> bool:
    """Tell whether an area meets a condition."""
    return db.scalar(select(Area.id).where(Area.id == area_id, where)) is not None


def lonlat_of(db: Session, case_id: int) -> LonLat | None:
    """Return where a case lies, WGS 84."""
    found = select(func.ST_X(Case.point), func.ST_Y(Case.point)).where(Case.id == case_id)
    lon, lat = db.execute(found).one()
    return None if lon is None else (lon, lat)


def names(db: Session, case: Case) -> tuple[str | None, tuple[str, str] | None, str | None]:
    """Return what the place of a case is called, its area (name, code), and its unit."""
    place = select(func.coalesce(Place.name, Place.code)).where(Place.id == case.place_id)
    area = db.execute(select(Area.name, Area.code).where(Area.id == case.area_id)).one_or_none()
    unit = select(Unit.name).where(Unit.id == case.unit_id)
    return db.scalar(place), None if area is None else (area[0], area[1]), db.scalar(unit)


def taken_up(db: Session, case_id: int) -> Sequence[int]:
    """Return the cases that were merged into a case."""
    return db.scalars(select(Case.id).where(Case.into_id == case_id).order_by(Case.id)).all()


def point_into(db: Session, case_ids: Collection[int], into_id: int) -> None:
    """Let cases that are merged belong to another one."""
    db.execute(update(Case).where(among(Case.id, case_ids)).values(into_id=into_id))


# --- steps


@dataclass(frozen=True)
class NewStep:
    """A step that is to be stored."""

    move: Move
    at: dt.datetime
    before: Standing | None
    after: Standing
    account_id: uuid.UUID | None = None
    person_id: uuid.UUID | None = None
    os_user: str | None = None
    unit_id: int | None = None
    words: str | None = None
    data: Json | None = None


def add_step(db: Session, county_id: int, case_id: int, step: NewStep) -> int:
    """Append a step; nothing ever changes it."""
    row = insert(CaseStep).values(
        county_id=county_id, case_id=case_id, move=step.move, at=step.at,
        from_state=step.before and step.before.state, to_state=step.after.state,
        account_id=step.account_id, person_id=step.person_id, os_user=step.os_user, unit_id=step.unit_id,
        words=step.words, data=step.data or {},
    )  # fmt: skip
    return db.execute(row.returning(CaseStep.id)).scalar_one()


def steps(db: Session, case_ids: Collection[int]) -> Sequence[Any]:
    """Return the steps of cases, the first first, each with who took it and the unit it names."""
    return db.execute(
        select(CaseStep, Person.name, Account.login, Unit.name.label("unit"))
        .outerjoin(Person, Person.id == CaseStep.person_id)
        .outerjoin(Account, Account.id == CaseStep.account_id)
        .outerjoin(Unit, Unit.id == CaseStep.unit_id)
        .where(among(CaseStep.case_id, case_ids))
        .order_by(CaseStep.at, CaseStep.id)
    ).all()


def has_step_said(db: Session, case_id: int, said_id: uuid.UUID) -> bool:
    """Tell whether a step was taken that was sent under an id."""
    own = CaseStep.case_id == case_id, CaseStep.data["id"].astext == str(said_id)
    return db.scalar(select(CaseStep.id).where(*own).limit(1)) is not None


def latest_data(db: Session, case_id: int, move: Move) -> Json:
    """Return what the latest step of a kind came with."""
    found = select(CaseStep.data).where(CaseStep.case_id == case_id, CaseStep.move == move)
    return db.scalar(found.order_by(CaseStep.id.desc()).limit(1)) or {}


def _waiting_photos(case_id: int, photo_ids: Collection[uuid.UUID]) -> Condition:
    """Return the condition for photos that were sent for a case and belong to no step yet."""
    return and_(StoredFile.subject == f"case/{case_id}", StoredFile.id.in_(photo_ids))


def has_photos(db: Session, case_id: int, photo_ids: Collection[uuid.UUID]) -> bool:
    """Tell whether any of some photos was sent for a case."""
    found = select(StoredFile.id).where(_waiting_photos(case_id, photo_ids))
    return bool(photo_ids) and db.scalar(found.limit(1)) is not None


def move_photos(db: Session, case_id: int, step_id: int, photo_ids: Collection[uuid.UUID]) -> None:
    """Let photos that were sent for a case belong to a step."""
    if photo_ids:
        own = update(StoredFile).where(_waiting_photos(case_id, photo_ids))
        db.execute(own.values(subject=f"case_step/{step_id}"))


# --- reports


def report(db: Session, report_id: uuid.UUID) -> Report | None:
    """Return a report, whatever county it belongs to."""
    return db.get(Report, report_id, populate_existing=True)


def add_report(db: Session, row: Report) -> None:
    """Store a report."""
    db.add(row)
    db.flush()


def reports(db: Session, case_id: int, visible: Condition) -> Sequence[Any]:
    """Return the reports of a case and of those merged into it, the first first.

    Each with name and phone of who told it, and the id of the walk on which he did: his own, where a
    condition for patrols lets see it.
    """
    return db.execute(
        select(Report, Person.name, Person.phone, Patrol.id)
        .join(Case, Case.id == Report.case_id)
        .outerjoin(Person, Person.id == Report.person_id)
        .outerjoin(Patrol, and_(_ON_THE_WAY, visible))
        .where(or_(Case.id == case_id, Case.into_id == case_id))
        .order_by(Report.received_at, Report.id)
    ).all()


def on_patrol(db: Session, patrol_id: uuid.UUID, visible: Condition) -> Sequence[Any]:
    """Return the cases that a patrol's walker told of on his way and a condition lets see, by time."""
    return db.execute(
        select(Case, Report.at)
        .join(Report, Report.case_id == Case.id)
        .join(Patrol, _ON_THE_WAY)
        .where(Patrol.id == patrol_id, visible)
        .order_by(Report.at, Report.id)
    ).all()


_ON_THE_WAY = and_(
    Patrol.id == Report.patrol_id, Patrol.county_id == Report.county_id, Patrol.person_id == Report.person_id
)
"""The phone says on which walk it was; another's is nobody's business."""


def number_of(db: Session, case_id: int) -> str:
    """Return what people call a case."""
    return db.scalars(select(Case.number).where(Case.id == case_id)).one()


def count_since(
    db: Session, county_id: int, channel: Channel, since: dt.datetime, plate_id: str | None = None
) -> int:
    """Return how many reports came in a way since a moment, of all or at one plate."""
    own = [Report.county_id == county_id, Report.channel == channel, Report.received_at >= since]
    if plate_id is not None:
        own.append(Report.plate_id == plate_id)
    return db.scalar(select(func.count()).select_from(Report).where(*own)) or 0


def own_reports(
    db: Session, county_id: int, person_id: uuid.UUID, *where: Condition, limit: int
) -> Sequence[Any]:
    """Return a person's reports that meet conditions, the latest first, each with the case it is part of."""
    return db.execute(
        select(Report, Case.id.label("own_id"), func.coalesce(Case.into_id, Case.id).label("case_id"))
        .join(Case, Case.id == Report.case_id)
        .where(Report.county_id == county_id, Report.person_id == person_id, *where)
        .order_by(Report.received_at.desc(), Report.id)
        .limit(limit)
    ).all()


def told_by(db: Session, case_id: int, person_id: uuid.UUID) -> bool:
    """Tell whether a person told of a case, or of one that was merged into it."""
    own = (
        select(Report.id)
        .join(Case, Case.id == Report.case_id)
        .where(or_(Case.id == case_id, Case.into_id == case_id), Report.person_id == person_id)
    )
    return db.scalar(own.limit(1)) is not None


# --- what the clock looks at


def due(db: Session, *, limit: int) -> Sequence[Any]:
    """Return the cases in which something is due, the most pressing first, of every county."""
    found = select(Case.id, Case.county_id).where(Case.due_at.is_not(None))
    return db.execute(found.order_by(Case.due_at, Case.id).limit(limit)).all()


# --- pieces of photos


@dataclass(frozen=True)
class Piece:
    """Where a piece of a photo lies."""

    offset: int
    size: int
    report_id: uuid.UUID

    @property
    def end(self) -> int:
        """Return the offset behind its last byte."""
        return self.offset + self.size


def add_piece(db: Session, county_id: int, photo_id: uuid.UUID, piece: Piece, content: bytes) -> None:
    """Store a piece of a photo."""
    db.execute(
        insert(PhotoPiece).values(
            county_id=county_id, photo_id=photo_id, offset=piece.offset, report_id=piece.report_id,
            content=content,
        )
    )  # fmt: skip


def pieces(db: Session, photo_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Piece]]:
    """Return the pieces of photos, those of each in order."""
    found = select(
        PhotoPiece.photo_id, PhotoPiece.offset, func.octet_length(PhotoPiece.content), PhotoPiece.report_id
    ).where(among(PhotoPiece.photo_id, photo_ids))
    by_photo: dict[uuid.UUID, list[Piece]] = {}
    for photo_id, *piece in db.execute(found.order_by(PhotoPiece.photo_id, PhotoPiece.offset)):
        by_photo.setdefault(photo_id, []).append(Piece(*piece))
    return by_photo


def content_at(db: Session, photo_id: uuid.UUID, offset: int) -> bytes | None:
    """Return the piece of a photo that begins at an offset."""
    found = select(PhotoPiece.content).where(PhotoPiece.photo_id == photo_id, PhotoPiece.offset == offset)
    return db.scalar(found)


def content_of(db: Session, photo_id: uuid.UUID) -> bytes:
    """Return the pieces of a photo put together."""
    found = select(PhotoPiece.content).where(PhotoPiece.photo_id == photo_id).order_by(PhotoPiece.offset)
    return b"".join(db.scalars(found))


def drop_pieces(db: Session, photo_id: uuid.UUID) -> None:
    """Forget the pieces of a photo."""
    db.execute(delete(PhotoPiece).where(PhotoPiece.photo_id == photo_id))


def mark_photo(db: Session, report_id: uuid.UUID, photo_id: uuid.UUID, **values: Any) -> None:
    """Store more about a photo that a report announces."""
    locked = select(Report.photos).where(Report.id == report_id).with_for_update()
    photos = [photo | values if photo["id"] == str(photo_id) else photo for photo in db.scalars(locked).one()]
    db.execute(update(Report).where(Report.id == report_id).values(photos=photos))


def files(db: Session, county_id: int, kind: FileKind, subjects: Collection[str]) -> Sequence[StoredFile]:
    """Return the files of a kind of subjects, the oldest first."""
    own = StoredFile.county_id == county_id, StoredFile.kind == kind, among(StoredFile.subject, subjects)
    return db.scalars(select(StoredFile).where(*own).order_by(StoredFile.created_at, StoredFile.id)).all()
