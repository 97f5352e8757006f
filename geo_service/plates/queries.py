"""The SQL of plates, of what is told behind them, and of check-ins."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from geoalchemy2 import Geometry, WKTElement
from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.counting import came_to, covering
from geo_service.tables import (
    Area,
    AreaVisit,
    CheckIn,
    County,
    Duty,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Plate,
)
from layers.vocabulary import DutyKind, Evidence, Level

Condition = ColumnElement[bool]
LonLat = tuple[float, float]


# --- plates


def place(db: Session, where: Condition, place_id: int) -> Place | None:
    """Return a place that meets a condition."""
    return db.scalars(select(Place).where(where, Place.id == place_id)).one_or_none()


def ground(db: Session, place_id: int) -> bytes | None:
    """Return the geometry (WKB, lon, lat) of a place's version in force; None while it has none."""
    flat = func.ST_AsBinary(
        func.ST_Force2D(func.coalesce(PlaceVersion.line, PlaceVersion.polygon), type_=Geometry)
    )
    in_force = select(flat).join(Place, Place.version_id == PlaceVersion.id).where(Place.id == place_id)
    found = db.scalar(in_force)
    return None if found is None else bytes(found)


def add(
    db: Session, county_id: int, plate_id: str, place_id: int, name: str | None, at: LonLat | None
) -> None:
    """Store a plate."""
    point = None if at is None else WKTElement(f"POINT({at[0]!r} {at[1]!r})", srid=4326)
    db.add(Plate(county_id=county_id, id=plate_id, place_id=place_id, name=name, point=point))
    db.flush()


_POINT = func.ST_X(Plate.point).label("lon"), func.ST_Y(Plate.point).label("lat")


def plates(
    db: Session, *where: Condition, with_revoked: bool = False, limit: int | None = None
) -> Sequence[Any]:
    """Return plates with their places, by layer and name of the place, each as it is told."""
    in_use = [] if with_revoked else [Plate.revoked_at.is_(None)]
    return db.execute(
        select(
            Plate.id, Plate.county_id, Plate.name, Plate.created_at, Plate.revoked_at, *_POINT,
            Place.id.label("place_id"), Place.layer, Place.code, Place.name.label("place"), Place.area_id,
            PlaceVersion.id.label("version_id"), PlaceVersion.length_dm,
        )
        .join(Place, Place.id == Plate.place_id)
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(*where, *in_use)
        .order_by(Place.layer, Place.name, Place.id, Plate.created_at, Plate.id)
        .limit(limit)
    ).all()  # fmt: skip


def lock(db: Session, plate_id: str) -> None:
    """Let one transaction at a time change a plate."""
    db.execute(select(Plate.id).where(Plate.id == plate_id).with_for_update())


def revoke(db: Session, plate_id: str, now: dt.datetime) -> None:
    """Take a plate out of use."""
    db.execute(update(Plate).where(Plate.id == plate_id).values(revoked_at=now))


def without_plate(db: Session, *where: Condition) -> Sequence[int]:
    """Return the places that meet conditions and have no plate in use."""
    has = select(Plate.place_id).where(Plate.revoked_at.is_(None)).correlate(None)
    return db.scalars(select(Place.id).where(*where, Place.id.not_in(has)).order_by(Place.id)).all()


# --- what is told behind a plate


def county(db: Session, county_id: int) -> County:
    """Return a county."""
    return db.get_one(County, county_id)


def areas_of(db: Session, version_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the areas in which versions lie, the smallest kind first."""
    rank = func.array_position([level.value for level in reversed(Level)], Area.level)
    rows = db.execute(
        select(PlaceArea.place_version_id, PlaceArea.area_id)
        .join(Area, Area.id == PlaceArea.area_id)
        .where(among(PlaceArea.place_version_id, version_ids))
        .order_by(rank, Area.code)
    )
    found: dict[int, list[int]] = {}
    for version_id, area_id in rows:
        found.setdefault(version_id, []).append(area_id)
    return found


def along_dm(db: Session, version_id: int, at: LonLat) -> int | None:
    """Return where along a line the spot nearest to a point lies, in decimetres; None: it is no line."""
    nearest = text(
        "select ST_InterpolatePoint(part.geom, spot) * 10"
        " from place_version, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) spot, ST_Dump(line) part"
        " where place_version.id = :id order by part.geom <-> spot limit 1"
    )
    found = db.scalar(nearest, {"id": version_id, "lon": at[0], "lat": at[1]})
    return None if found is None else round(found)


def keepers(db: Session, place_ids: Collection[int], day: dt.date) -> Sequence[Any]:
    """Return who has a duty for places on a day: officials before volunteers, the highest level first."""
    kinds = func.array_position([DutyKind.OFFICIAL.value, DutyKind.VOLUNTEER.value], Duty.kind)
    levels = func.array_position([level.value for level in Level], Duty.level)
    return db.execute(
        select(
            Duty.place_id, Duty.role, Duty.kind, Duty.level, Duty.spans, Person.id.label("person_id"),
            Person.name, Person.number, Person.attributes["post"].astext.label("post"),
        )
        .join(Person, Person.id == Duty.person_id)
        .where(
            among(Duty.place_id, place_ids), Duty.in_force.contains(day), Person.deleted_at.is_(None)
        )
        .order_by(Duty.place_id, kinds, levels, Duty.created_at, Duty.id)
    ).all()  # fmt: skip


def last_day(db: Session, place_id: int) -> dt.date | None:
    """Return the last day on which somebody was at a place: covered it, or checked in or wrote for it."""
    came = [
        select(table.patrol_id)
        .join(PlaceVersion, PlaceVersion.id == table.place_version_id)
        .join(Patrol, Patrol.id == table.patrol_id)
        .where(PlaceVersion.place_id == place_id, came_to(table))
        .correlate(None)
        for table in (LineCoverage, AreaVisit)
    ]
    said = and_(Patrol.place_id == place_id, Patrol.evidence != Evidence.TRACK)
    return db.scalar(
        select(func.max(Patrol.day)).where(
            covering(), or_(said, Patrol.id.in_(came[0]), Patrol.id.in_(came[1]))
        )
    )


# --- check-ins


def lock_check_in(db: Session, check_in_id: uuid.UUID) -> None:
    """Let one sending at a time decide about a check-in, also about one that is not stored yet."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"check_in/{check_in_id}", 0))))


def check_in(db: Session, check_in_id: uuid.UUID) -> tuple[CheckIn, Patrol] | None:
    """Return a check-in and its patrol, whatever county they belong to."""
    found = db.execute(
        select(CheckIn, Patrol)
        .join(Patrol, Patrol.id == CheckIn.patrol_id)
        .where(CheckIn.id == check_in_id)
        .execution_options(populate_existing=True)
    ).first()
    return None if found is None else (found[0], found[1])


def add_check_in(db: Session, row: CheckIn) -> None:
    """Store a check-in."""
    db.add(row)
    db.flush()
