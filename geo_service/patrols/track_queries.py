"""The SQL of stored tracks: read back, found near places, or as walks from which a line can be taken."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import ARRAY, BigInteger, ColumnElement, and_, any_, false, func, literal, or_, select, true
from sqlalchemy.orm import Session

from geo_service.counting import along_spans
from geo_service.coverage.computing import FURTHEST_REACH_M
from geo_service.patrols.stored import track_of
from geo_service.tables import LineCoverage, Patrol, Place, PlaceVersion
from layers.tracks import Track
from layers.vocabulary import Layer

Condition = ColumnElement[bool]
_METRES_PER_DEGREE = 111_195.0
_FEW = 3
"""Places whose distance to every patrol is measured: a quarter of a second for a river of 30 km."""


def track(db: Session, patrol_id: uuid.UUID) -> Any:
    """Return a patrol's track as a MultiLineString with M in epoch seconds; None after the retention."""
    return shapely.from_wkb(db.scalar(select(func.ST_AsBinary(Patrol.track)).where(Patrol.id == patrol_id)))


def stored_track(db: Session, patrol_id: uuid.UUID) -> Track | None:
    """Return the track of a patrol as it was kept; None if there is none or it was dropped."""
    line = track(db, patrol_id)
    if line is None or line.is_empty:
        return None
    return track_of(line, db.scalar(select(Patrol.accuracy_m).where(Patrol.id == patrol_id)))


_COMPUTED = and_(Patrol.voided_at.is_(None), Patrol.settled_at.is_not(None))
"""What a patrol must be to have rows of coverage; those that are not counted have no part in the roll-up."""


def near_places(
    db: Session,
    county_id: int,
    place_ids: Sequence[int],
    *,
    behind: uuid.UUID | None = None,
    limit: int | None = None,
) -> list[uuid.UUID]:
    """Return by id the patrols that cover, with a stored track within the furthest reach of places.

    Of many places their boxes decide: a patrol that is computed again in vain comes out the same.
    """
    there = func.coalesce(PlaceVersion.line, PlaceVersion.polygon)
    # Degrees of longitude are the shorter ones: what is taken too many north and south does no harm.
    middle = func.radians((func.ST_YMin(there) + func.ST_YMax(there)) / 2)
    reach_deg = FURTHEST_REACH_M / _METRES_PER_DEGREE / func.greatest(func.cos(middle), 0.01)
    query = (
        select(Patrol.id)
        .distinct()
        .join(Place, Place.county_id == Patrol.county_id)
        .join(PlaceVersion, and_(PlaceVersion.id == Place.version_id, PlaceVersion.place_id == Place.id))
        .where(
            Patrol.county_id == county_id,
            Place.id == any_(literal(list(place_ids), ARRAY(BigInteger))),
            _COMPUTED,
            Patrol.track.op("&&")(func.ST_Expand(there, reach_deg)),
            func.ST_DWithin(Patrol.track, there, reach_deg) if len(place_ids) <= _FEW else true(),
        )
        .order_by(Patrol.id)
        .limit(limit)
    )
    return list(db.scalars(query if behind is None else query.where(Patrol.id > behind)))


def computed_tracks(db: Session, county_id: int, patrol_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Track]:
    """Return the stored tracks of patrols that were computed, and lock these, in the order of their ids."""
    rows = db.execute(
        select(Patrol.id, func.ST_AsBinary(Patrol.track), Patrol.accuracy_m)
        .where(Patrol.county_id == county_id, Patrol.id.in_(patrol_ids), Patrol.track.is_not(None), _COMPUTED)
        .order_by(Patrol.id)
        .with_for_update()
    ).all()
    return {id_: track_of(shapely.from_wkb(bytes(wkb)), accuracy_m) for id_, wkb, accuracy_m in rows}


@dataclass(frozen=True)
class WalkRow:
    """A patrol from whose track a line can be taken."""

    id: uuid.UUID
    day: dt.date
    started_at: dt.datetime
    walked_m: float
    named: bool
    """It says itself that it was for the place."""
    along_m: float
    """Metres along places of the layer, on foot or not."""


def walks_for(
    db: Session, where: Condition, place_id: int, layer: Layer, within: Any | None, limit: int
) -> list[WalkRow]:
    """Return the latest patrols with tracks, those that name the place first; within a border, if given."""
    span = func.unnest(along_spans()).table_valued("dm").render_derived()
    along_dm = (
        select(func.coalesce(func.sum(func.upper(span.c.dm) - func.lower(span.c.dm)), 0))
        .select_from(LineCoverage)
        .join(Place, Place.version_id == LineCoverage.place_version_id)
        .join(span, true())
        .where(LineCoverage.patrol_id == Patrol.id, Place.layer == layer.value)
        .scalar_subquery()
    )
    named = func.coalesce(Patrol.place_id == place_id, false())
    query = (
        select(Patrol.id, Patrol.day, Patrol.started_at, Patrol.walked_m, named, along_dm / 10.0)
        .where(where, Patrol.track.is_not(None), Patrol.voided_at.is_(None))
        .order_by(named.desc(), Patrol.started_at.desc(), Patrol.id)
        .limit(limit)
    )
    if within is not None:
        query = query.where(or_(named, func.ST_Intersects(Patrol.track, within)))
    return [WalkRow(*row[:5], float(row[5])) for row in db.execute(query)]
