"""The SQL of what Open311 shows: cases that somebody has looked at, and the steps by which they changed."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Numeric, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from geo_service.tables import (
    Area,
    Case,
    CaseRuleSet,
    CaseStep,
    County,
    Place,
    Report,
    StoredFile,
    Unit,
)
from layers.vocabulary import CaseState, Channel, FileKind, Move

Condition = ColumnElement[bool]
_HIDDEN = (CaseState.SUBMITTED, CaseState.REJECTED)
"""Nobody has looked at what these say, or what they say was refused."""
_LOOKED_AT = (Move.ADMIT, Move.ACCEPT, Move.CLOSE)
"""Steps that only a coordinator takes, with the words before him."""
GRID = 1e-4
"""Degrees to which positions are rounded: about ten metres."""
_LON, _LAT = (func.round(cast(f(Case.point), Numeric), 4) for f in (func.ST_X, func.ST_Y))


def speaks(db: Session) -> bool:
    """Tell whether any county speaks Open311."""
    return db.scalar(select(exists().where(CaseRuleSet.rules["open311"].as_boolean()))) or False


def counties(db: Session, code: str | None) -> Sequence[County]:
    """Return the county with a code, or all of them."""
    found = select(County).order_by(County.code).limit(2)
    return db.scalars(found if code is None else found.where(County.code == code)).all()


def shown(county_id: int) -> Condition:
    """Return the condition for cases of a county that may be shown."""
    return (Case.county_id == county_id) & Case.state.not_in(_HIDDEN)


def requests(db: Session, where: Sequence[Condition], *, limit: int, offset: int = 0) -> Sequence[Any]:
    """Return cases that meet conditions, the latest first, each with its place, area and unit."""
    return db.execute(
        select(
            Case.number, Case.category_edition_id, Case.category, Case.state,
            case((_is_looked_at(), Case.words)).label("words"), Case.opened_at,
            Case.since, Case.due_at, Case.place_id, _LON.label("lon"), _LAT.label("lat"),
            func.coalesce(Place.name, Place.code).label("place"),
            Area.name.label("area"), Unit.name.label("unit"), Case.id,
        )
        .outerjoin(Place, Place.id == Case.place_id)
        .outerjoin(Area, Area.id == Case.area_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
        .where(*where)
        .order_by(Case.opened_at.desc(), Case.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()  # fmt: skip


def _is_looked_at() -> Condition:
    """Return the condition for cases whose words a coordinator has seen and let stand."""
    return exists().where(CaseStep.case_id == Case.id, CaseStep.move.in_(_LOOKED_AT))


def near(box: tuple[float, float, float, float]) -> Condition:
    """Return the condition for cases in a box: west, south, east, north.

    Asked is for the rounded positions: else ever smaller boxes would find the exact ones.
    """
    west, south, east, north = box
    around = func.ST_MakeEnvelope(west - GRID, south - GRID, east + GRID, north + GRID, 4326)
    return Case.point.op("&&")(around) & _LON.between(west, east) & _LAT.between(south, north)


def released(db: Session, county_id: int, case_ids: Collection[int]) -> dict[int, uuid.UUID]:
    """Return for cases a photo each that was released for the public."""
    photo = select(StoredFile.id, StoredFile.subject).where(
        StoredFile.county_id == county_id, StoredFile.kind == FileKind.PHOTO
    ).subquery()  # fmt: skip
    blurred = select(StoredFile.subject).where(
        StoredFile.county_id == county_id, StoredFile.kind == FileKind.BLURRED
    )
    rows = db.execute(
        select(func.coalesce(Case.into_id, Case.id), photo.c.id)
        .join(Report, Report.case_id == Case.id)
        .join(photo, photo.c.subject == func.concat("report/", Report.id))
        .where(
            or_(Case.id.in_(case_ids), Case.into_id.in_(case_ids)),
            func.concat("photo/", photo.c.id).in_(blurred),
        )
        .order_by(Report.received_at.desc())
    )
    return {case_id: photo_id for case_id, photo_id in rows}  # noqa: C416  (the first report's stays last)


def case_of_photo(db: Session, photo_id: uuid.UUID) -> Any:
    """Return county and state of the case to which a report's photo belongs."""
    photo = select(StoredFile.subject).where(StoredFile.id == photo_id).scalar_subquery()
    found = select(Case.county_id, Case.state).join(Report, Report.case_id == Case.id)
    return db.execute(found.where(func.concat("report/", Report.id) == photo)).one_or_none()


def case_numbered(db: Session, county_id: int, number: str) -> int | None:
    """Return the id of a case by its number."""
    return db.scalar(select(Case.id).where(Case.county_id == county_id, Case.number == number))


def number_of_report(db: Session, county_id: int, report_id: uuid.UUID) -> tuple[str, str] | None:
    """Return number and state of the case that a report opened."""
    found = select(Case.number, Case.state).join(Report, Report.case_id == Case.id)
    row = db.execute(found.where(Report.id == report_id, Case.county_id == county_id)).one_or_none()
    return None if row is None else (row[0], row[1])


def lock(db: Session, what: str) -> None:
    """Let one transaction at a time decide about something, also about what is not stored yet."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))


def has_report(db: Session, report_id: uuid.UUID) -> bool:
    """Tell whether a report is there."""
    return db.scalar(select(Report.id).where(Report.id == report_id)) is not None


def count_since(db: Session, county_id: int, since: dt.datetime) -> int:
    """Return how many reports other systems sent since a moment."""
    own = Report.county_id == county_id, Report.channel == Channel.OPEN311, Report.received_at >= since
    return db.scalar(select(func.count()).select_from(Report).where(*own)) or 0


def updates(
    db: Session, county_id: int, since: dt.datetime, until: dt.datetime, *, limit: int
) -> Sequence[Any]:
    """Return the steps that changed the state of shown cases, the first first."""
    return db.execute(
        select(CaseStep.id, CaseStep.at, CaseStep.to_state, Case.number)
        .join(Case, Case.id == CaseStep.case_id)
        .where(
            shown(county_id), CaseStep.at.between(since, until), CaseStep.move != Move.REPORT,
            CaseStep.from_state != CaseStep.to_state, CaseStep.to_state.not_in(_HIDDEN),
        )
        .order_by(CaseStep.at, CaseStep.id)
        .limit(limit)
    ).all()  # fmt: skip


def update_of(db: Session, county_id: int, update_id: str) -> int | None:
    """Return the step that another system's update became."""
    found = select(CaseStep.id).where(
        CaseStep.county_id == county_id, CaseStep.data["update_id"].astext == update_id
    )
    return db.scalar(found.limit(1))
