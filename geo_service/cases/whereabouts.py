"""Where a problem lies and whose it is: the nearest fitting place, its measure, the area, who has it there.

All of it is found at once, shown, and can be corrected.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from geo_service.areas import service as areas
from geo_service.cases import where_queries as queries
from layers import crs
from layers.categories import Category
from layers.vocabulary import Datum, DutyKind, Layer, Level, Role

LonLat = tuple[float, float]
FARTHEST_M = 300.0
"""A problem farther from every place lies at none."""
BESIDE_M = 60.0
"""So near to a river or road it lies at this, also where a grid has it: what volunteers look after."""
MOST_ERROR_M = 60.0
"""An accuracy that a phone tells widens that by at most so much."""
MOST_PLACES = 6
_EARTH_M = 6_371_008.8


@dataclass(frozen=True)
class Candidate:
    """A place at which a problem may lie."""

    place_id: int
    version_id: int
    layer: Layer
    name: str
    in_scheme: bool
    away_m: float
    """From the place; 0 within an area."""
    at_dm: int | None
    """Where along a line."""


@dataclass(frozen=True)
class Keeper:
    """Somebody who has a duty for a place on the day."""

    place_id: int
    person_id: Any
    name: str
    phone: str | None
    role: Role
    kind: DutyKind
    level: Level


@dataclass(frozen=True)
class Whereabouts:
    """Where a problem lies."""

    lonlat: LonLat | None
    """WGS 84."""
    place: Candidate | None
    others: Sequence[Candidate]
    """Other places near it, the likeliest first."""
    area_id: int | None
    keepers: Sequence[Keeper]
    """Who has the place there, volunteers first."""


def metres_a_degree(lat: float) -> tuple[float, float]:
    """Return the metres of a degree of longitude and of latitude around a latitude, on a sphere.

    >>> [round(metres) for metres in metres_a_degree(33.0)]
    [93256, 111195]
    """
    north_m = math.radians(1) * _EARTH_M
    return north_m * math.cos(math.radians(lat)), north_m


def wgs84(lonlat: LonLat, datum: Datum) -> LonLat:
    """Return lon, lat in WGS 84."""
    ((lon, lat),) = crs.to_wgs84(np.array([lonlat], np.float64), datum).tolist()
    return lon, lat


def find(
    db: Session,
    county_id: int,
    category: Category,
    lonlat: LonLat,
    day: dt.date,
    *,
    accuracy_m: float | None = None,
    kind: Category | None = None,
) -> Whereabouts:
    """Find where a problem at a position (WGS 84) lies, and who has a duty there on a day.

    `kind`: the kind of the category, which says on places of which layers it may lie.
    """
    found = queries.nearest(db, county_id, lonlat, metres_a_degree(lonlat[1]), FARTHEST_M, 40)
    near = [_candidate(row) for row in found]
    reach_m = BESIDE_M + min(accuracy_m or 0.0, MOST_ERROR_M)
    fitting = (kind or category).layers
    ranked = sorted(near, key=lambda one: _rank(one, fitting, reach_m))
    place = ranked[0] if ranked else None
    return Whereabouts(
        lonlat, place, ranked[1:MOST_PLACES], area_of(db, county_id, lonlat, place),
        keepers(db, county_id, place, day),
    )  # fmt: skip


def area_of(db: Session, county_id: int, lonlat: LonLat | None, place: Candidate | None) -> int | None:
    """Return the smallest area in which a problem lies: that around it, else where its place lies there."""
    if lonlat is not None and (found := areas.area_at(db, county_id, lonlat)) is not None:
        return found
    return None if place is None else queries.area_of_place(db, place.place_id, place.at_dm)


def keepers(db: Session, county_id: int, place: Candidate | None, day: dt.date) -> list[Keeper]:
    """Return who has a duty at a spot of a place on a day."""
    spots = [] if place is None else [(place.place_id, place.at_dm)]
    return [
        Keeper(
            row.place_id, row.person_id, row.name, row.phone, Role(row.role), DutyKind(row.kind),
            Level(row.level),
        )
        for row in queries.keepers(db, county_id, spots, day)
    ]  # fmt: skip


def _candidate(row: Any) -> Candidate:
    layer = Layer(row.layer)
    return Candidate(
        row.place_id, row.version_id, layer, row.name or row.code, row.in_scheme, round(row.away_m, 1),
        row.at_dm if layer.is_line else None,
    )  # fmt: skip


def _rank(one: Candidate, fitting: Sequence[Layer], reach_m: float) -> tuple[Any, ...]:
    """Return what puts places in order: fitting ones beside it, lines before areas, then by distance.

    Of two lines about as near, the one that the scheme looks after comes first.
    """
    fits = not fitting or one.layer in fitting
    is_there = one.away_m <= (reach_m if one.layer.is_line else 0.0)
    tier = (Layer.RIVER, Layer.ROAD, Layer.COMPOUND, Layer.GRID).index(one.layer) // 2 if is_there else 2
    if one.layer is Layer.GRID and is_there:
        tier = 3  # grids tile the land: one is always there
    step = round(one.away_m / 10)
    return not (fits and is_there), not fits, tier, step, not one.in_scheme, one.away_m, one.place_id
