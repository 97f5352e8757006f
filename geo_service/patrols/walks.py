"""Walks from which a place that is 未上图 can take its line."""

import datetime as dt
import uuid
from dataclasses import dataclass

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, patrols_in
from geo_service.accounts.scope import Scope
from geo_service.clock import zone_in
from geo_service.errors import NotFound
from geo_service.patrols import service, track_queries
from geo_service.tables import Area, County, Place
from layers import adopting
from layers.adopting import Walk
from layers.vocabulary import Layer

LISTED = 30
_LOOKED_AT = 300
"""Patrols, the latest first: an older walk is found where it names the place."""
LEAST_ASIDE_M = 100.0
"""So far must a walk have gone where no place of the layer is ..."""
LEAST_ASIDE_SHARE = 0.3
"""... and this share of its way."""


@dataclass(frozen=True)
class Candidate:
    """A patrol whose track may be the line of a place."""

    patrol_id: uuid.UUID
    day: dt.date
    started_at: dt.datetime
    """In the county's time zone."""
    walked_m: float
    aside_m: float
    """Metres where no place of the layer is."""
    named: bool
    """It says itself that it was for the place."""


def candidates(db: Session, scope: Scope, place: Place) -> list[Candidate]:
    """Return walks that name the place, then those where no place of its layer is; the latest first.

    Only lines are walked. Where the border of the area that it is listed under is known, only walks there.
    """
    layer = Layer(place.layer)
    if not layer.is_line:
        return []
    zone = zone_in(db, scope.county_id)
    area = None if place.area_id is None else db.get(Area, place.area_id)
    rows = track_queries.walks_for(
        db, patrols_in(scope, *CHANGE), place.id, layer, area.geom if area else None, _LOOKED_AT
    )
    found = [
        Candidate(
            row.id,
            row.day,
            row.started_at.astimezone(zone),
            row.walked_m,
            max(row.walked_m - row.along_m, 0.0),
            row.named,
        )
        for row in rows
    ]
    return [
        walk
        for walk in found
        if walk.named or walk.aside_m >= max(LEAST_ASIDE_M, LEAST_ASIDE_SHARE * walk.walked_m)
    ][:LISTED]


def walk_of(db: Session, scope: Scope, patrol_id: uuid.UUID) -> Walk:
    """Return the smoothed walk of a patrol. The look at its track is recorded. Raises NotFound."""
    patrol, track = service.look(db, scope, patrol_id)
    if track is None or patrol.voided_at is not None:
        raise NotFound("这次巡查的轨迹已经不保存了，或已作废；请另选一次，或直接在图上画。")
    vertices, piece = shapely.get_coordinates(shapely.get_parts(track), include_m=True, return_index=True)
    crs = db.get_one(County, scope.county_id).crs or ""
    return adopting.walk(vertices[:, :2].copy(), vertices[:, 2].copy(), piece.astype(np.int64), crs)
