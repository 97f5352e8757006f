"""Where a problem lies and whose it is: the nearest fitting place, its measure, the area, who has it there.

All of it is found at once, shown, and can be corrected.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from geoalchemy2 import WKTElement
from sqlalchemy.orm import Session

from geo_service.areas import service as areas
from geo_service.cases import where_queries as queries
from geo_service.tables import Case
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
    version_id: int | None
    layer: Layer
    name: str
    in_scheme: bool
    away_m: float | None
    """From the place; 0 within an area; None: nobody knows where the problem is."""
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
    kind: Category | None,
    lonlat: LonLat,
    day: dt.date,
    *,
    accuracy_m: float | None = None,
) -> Whereabouts:
    """Find where a problem at a position (WGS 84) lies, and who has a duty there on a day.

    `kind`: what kind it is, which says on places of which layers it may lie; None: on any.
    """
    found, around_id = queries.nearest(db, county_id, lonlat, metres_a_degree(lonlat[1]), FARTHEST_M, 40)
    near = [_candidate(row) for row in found]
    reach_m = BESIDE_M + min(accuracy_m or 0.0, MOST_ERROR_M)
    fitting = () if kind is None else kind.layers
    ranked = sorted(near, key=lambda one: _rank(one, fitting, reach_m))
    place = ranked[0] if ranked else None
    area_id = area_of(db, county_id, None, place) if around_id is None else around_id
    return Whereabouts(
        lonlat, place, ranked[1:MOST_PLACES], area_id,
        keepers(db, county_id, place, day),
    )  # fmt: skip


def at_place(db: Session, county_id: int, place_id: int | None, day: dt.date) -> Whereabouts:
    """Return where a problem lies of which only the place is known, or nothing."""
    place = None if place_id is None else _place(db, place_id)
    area_id = area_of(db, county_id, None, place)
    return Whereabouts(None, place, [], area_id, keepers(db, county_id, place, day))


def named(db: Session, county_id: int, found: Whereabouts, place_id: int, day: dt.date) -> Whereabouts:
    """Return where a problem lies whose place somebody named: there, even where another one is nearer."""
    near = [one for one in (found.place, *found.others) if one is not None]
    place = next((one for one in near if one.place_id == place_id), None)
    if place is None:
        place = at_place(db, county_id, place_id, day).place
    others = [one for one in near if one.place_id != place_id]
    area_id = area_of(db, county_id, found.lonlat, place)
    return Whereabouts(found.lonlat, place, others, area_id, keepers(db, county_id, place, day))


def anew(
    db: Session,
    county_id: int,
    kind: Category | None,
    lonlat: LonLat | None,
    place_id: int | None,
    day: dt.date,
) -> Whereabouts:
    """Return where a problem lies after its position or place was put right."""
    if lonlat is None:
        return at_place(db, county_id, place_id, day)
    found = find(db, county_id, kind, lonlat, day)
    return found if place_id is None else named(db, county_id, found, place_id, day)


def spot(db: Session, case: Case) -> Candidate | None:
    """Return the place of a case, and where along it the case lies."""
    found = None if case.place_id is None else _place(db, case.place_id)
    return None if found is None else replace(found, at_dm=case.at_dm, away_m=case.away_m)


def columns_of(where: Whereabouts) -> dict[str, Any]:
    """Return where a case lies as its columns."""
    place, at = where.place, where.lonlat
    return {
        "point": None if at is None else WKTElement(f"POINT({at[0]!r} {at[1]!r})", srid=4326),
        "place_id": place and place.place_id,
        "place_version_id": place and place.version_id,
        "at_dm": place and place.at_dm,
        "away_m": place and place.away_m,
        "area_id": where.area_id,
    }


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


def _place(db: Session, place_id: int) -> Candidate | None:
    """Return a place of which nobody knows where at it a problem lies."""
    row = queries.place(db, place_id)
    if row is None:
        return None
    return Candidate(
        row.id, row.version_id, Layer(row.layer), row.name or row.code, row.in_scheme, None, None
    )


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
    away_m = one.away_m or 0.0
    is_there = away_m <= (reach_m if one.layer.is_line else 0.0)
    tier = (Layer.RIVER, Layer.ROAD, Layer.COMPOUND, Layer.GRID).index(one.layer) // 2 if is_there else 2
    if one.layer is Layer.GRID and is_there:
        tier = 3  # grids tile the land: one is always there
    step = round(away_m / 10)
    return not (fits and is_there), not fits, tier, step, not one.in_scheme, away_m, one.place_id
