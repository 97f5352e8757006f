"""Plates: made for a place, listed, taken out of use, made anew."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import printable
from geo_service.errors import Invalid, NotFound
from geo_service.plates import ids, queries
from geo_service.plates.queries import Condition, LonLat
from geo_service.tables import County, Place, Plate
from layers import crs
from layers.verdicts import metres_words
from layers.vocabulary import Datum, Layer, Right

FARTHEST_M = 300.0
"""A plate hangs so near to its place."""
LONGEST_NAME = 60
MOST_LISTED = 500


@dataclass(frozen=True)
class Hung:
    """A plate as it is listed."""

    id: str
    county_id: int
    place_id: int
    layer: Layer
    place: str
    """The name of the place."""
    name: str | None
    """Where it hangs, in words."""
    at: LonLat | None
    """Where it hangs, WGS 84; None: somewhere along the place."""
    created_at: dt.datetime
    revoked_at: dt.datetime | None
    length_m: float | None
    version_id: int | None
    area_id: int | None
    """Where the place is listed."""

    @property
    def mark(self) -> str:
        """What people call it by."""
        return ids.mark(self.id)


@dataclass(frozen=True)
class Wanted:
    """A plate that is to be made."""

    place_id: int
    name: str | None = None
    at: LonLat | None = None
    datum: Datum = Datum.WGS84


def make(db: Session, scope: Scope, wanted: Wanted) -> Hung:
    """Make a plate for a place. Raises NotFound, and Invalid for a spot that is not near the place."""
    scope.demand(*CHANGE)
    place = queries.place(db, places_in(scope, *CHANGE), wanted.place_id)
    if place is None:
        raise NotFound("没有这个对象，或不在您的权限内。")
    at = None
    if wanted.at is not None:
        at = wgs84(wanted.at, wanted.datum)
        _demand_near(db, queries.county(db, scope.county_id), place, at)
    return _made(db, scope, place.id, tidied(wanted.name), at)


def _made(db: Session, scope: Scope, place_id: int, name: str | None, at: LonLat | None) -> Hung:
    plate_id = ids.new()
    queries.add(db, scope.county_id, plate_id, place_id, name, at)
    audit.record(
        db, scope.actor, "plates.make", county_id=scope.county_id, subject=f"plate/{ids.mark(plate_id)}",
        place=place_id,
    )  # fmt: skip
    return find(db, scope, plate_id)


def make_missing(db: Session, scope: Scope, place_ids: Sequence[int]) -> None:
    """Make a plate without a spot of its own for each of some places of the scope."""
    for place_id in place_ids:
        queries.add(db, scope.county_id, ids.new(), place_id, None, None)
    if place_ids:
        audit.record(db, scope.actor, "plates.make_many", county_id=scope.county_id, plates=len(place_ids))


def listed(db: Session, scope: Scope, *, area: str | None = None, place_id: int | None = None) -> list[Hung]:
    """Return the plates in use at places of the scope. Raises NotFound for an area out of it."""
    scope.demand(*CHANGE)
    where = [places_in(scope, *CHANGE), *lying_in(db, scope, area)]
    if place_id is not None:
        where.append(Place.id == place_id)
    return [_hung(row) for row in queries.plates(db, *where, limit=MOST_LISTED)]


def hung(db: Session, *where: Condition) -> list[Hung]:
    """Return all plates in use at places that meet conditions."""
    return [_hung(row) for row in queries.plates(db, *where)]


def lying_in(db: Session, scope: Scope, area: str | None) -> list[Condition]:
    """Return the condition on `Place` for places of an area of the scope; none: anywhere in it."""
    if area is None:
        return []
    below = areas.descendants(db, scope.county_id, [areas.area_id_of(db, scope, area, *CHANGE)])
    return [places_in(replace(scope, rights={Right.COORDINATOR: below}), *CHANGE)]


def find(db: Session, scope: Scope, plate_id: str) -> Hung:
    """Return a plate in use at a place that the scope may change. Raises NotFound."""
    known = ids.read(plate_id)
    rows = queries.plates(db, places_in(scope, *CHANGE), Plate.id == known) if known else []
    if not rows:
        raise NotFound("没有这块公示牌，或者它已经停用，或不在您的权限内。")
    return _hung(rows[0])


def in_use(db: Session, plate_id: str) -> Hung | None:
    """Return a plate in use, whoever asks; None: there is none, or not any more."""
    known = ids.read(plate_id)
    rows = queries.plates(db, Plate.id == known) if known else []
    return _hung(rows[0]) if rows else None


def revoke(db: Session, scope: Scope, plate_id: str) -> Hung:
    """Take a plate out of use; what was checked in at it stays. Raises NotFound."""
    scope.demand(*CHANGE)
    plate = find(db, scope, plate_id)
    queries.lock(db, plate.id)
    plate = find(db, scope, plate_id)
    queries.revoke(db, plate.id, dt.datetime.now(dt.UTC))
    audit.record(
        db, scope.actor, "plates.revoke", county_id=scope.county_id, subject=f"plate/{plate.mark}",
        place=plate.place_id,
    )  # fmt: skip
    return plate


def remake(db: Session, scope: Scope, plate_id: str) -> Hung:
    """Take a plate out of use and make another one for the same spot. Raises NotFound."""
    old = revoke(db, scope, plate_id)
    return _made(db, scope, old.place_id, old.name, old.at)


# --- where


def wgs84(at: LonLat, datum: Datum) -> LonLat:
    """Return lon, lat in WGS 84."""
    ((lon, lat),) = crs.to_wgs84(np.array([at], np.float64), datum).tolist()
    return lon, lat


def away_m(db: Session, county: County, place_id: int, spot: LonLat | None, at: LonLat) -> float | None:
    """Return how far a position is from a spot, or without one from a place; None: nobody knows where it is.

    Inside an area it is at it.
    """
    if county.crs is None:
        return None
    there = shapely.Point(spot) if spot is not None else _ground(db, place_id)
    if there is None:
        return None
    there, here = crs.project(np.array([there, shapely.Point(at)], object), county.crs)
    metres = float(shapely.distance(there, here))
    return metres if np.isfinite(metres) else None


def _ground(db: Session, place_id: int) -> shapely.Geometry | None:
    found = queries.ground(db, place_id)
    return None if found is None else shapely.from_wkb(found)


def _demand_near(db: Session, county: County, place: Place, at: LonLat) -> None:
    metres = away_m(db, county, place.id, None, at)
    called = place.name or place.code
    if metres is None:
        raise Invalid(f"「{called}」还没有上图，不能核对牌子的位置；请先不填位置，或先画好这个对象。")
    if metres > FARTHEST_M:
        raise Invalid(
            f"这个位置离「{called}」有 {metres_words(metres)}，超过 {FARTHEST_M:.0f} 米；请核对位置和坐标系。"
        )


def tidied(name: str | None) -> str | None:
    """Return words without what cannot be printed; None: there are none. Raises Invalid for too many."""
    words = " ".join(printable(name or "").split())
    if len(words) > LONGEST_NAME:
        raise Invalid(f"挂牌的地点最多写 {LONGEST_NAME} 个字。")
    return words or None


def _hung(row: Any) -> Hung:
    at = None if row.lon is None else (row.lon, row.lat)
    return Hung(
        row.id, row.county_id, row.place_id, Layer(row.layer), row.place or row.code, row.name, at,
        row.created_at, row.revoked_at, None if row.length_dm is None else row.length_dm / 10,
        row.version_id, row.area_id,
    )  # fmt: skip
