"""The SQL of where a problem lies: the nearest places with their measure, duties there, cases like it."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, or_, select, text, true
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.tables import Area, Duty, Person, Place, PlaceArea
from layers.vocabulary import DutyKind, Level

# Degrees become metres by stretching: within a few hundred metres that is exact to a millimetre, and cheaper
# than projecting a river of ten thousand vertices.
_NEAREST = text("""
    with here as (
        select ST_MakePoint(:lon * :kx, :lat * :ky) as spot,
               ST_MakeEnvelope(:lon - :most_m / :kx, :lat - :most_m / :ky,
                               :lon + :most_m / :kx, :lat + :most_m / :ky, 4326) as box
    ), found as (
        select place.id as place_id, version.id as version_id, place.layer, place.code, place.name,
               place.in_scheme, version.reach_m, scaled.geom as geom, scaled.geom <-> here.spot as away_m
        from here
        join place_version version on version.line && here.box or version.polygon && here.box
        join place on place.version_id = version.id
        cross join lateral (
            select ST_SetSRID(ST_Scale(coalesce(version.line, version.polygon), :kx, :ky), 0) as geom
        ) scaled
        where version.county_id = :county_id
    )
    select place_id, version_id, layer, code, name, in_scheme, reach_m, away_m,
           case when layer in ('river', 'road') then (
               select round(ST_InterpolatePoint(part.geom, here.spot) * 10)::int
               from ST_Dump(found.geom) part order by part.geom <-> here.spot limit 1
           ) end as at_dm
    from found, here
    where away_m <= :most_m
    order by away_m, place_id
    limit :most
""")


def nearest(
    db: Session,
    county_id: int,
    lonlat: tuple[float, float],
    scale: tuple[float, float],
    most_m: float,
    most: int,
) -> Sequence[Any]:
    """Return the places within so many metres, the nearest first; `scale`: metres a degree of lon and lat."""
    lon, lat = lonlat
    said = {"lon": lon, "lat": lat, "kx": scale[0], "ky": scale[1], "most_m": most_m, "most": most}
    return db.execute(_NEAREST, {**said, "county_id": county_id}).all()


def place(db: Session, place_id: int) -> Place | None:
    """Return a place."""
    return db.get(Place, place_id)


def area_of_place(db: Session, place_id: int, at_dm: int | None) -> int | None:
    """Return the smallest area in which a place lies at a decimetre, else where it is listed."""
    there = or_(PlaceArea.spans.is_(None), true() if at_dm is None else PlaceArea.spans.contains(at_dm))
    rank = func.array_position([level.value for level in reversed(Level)], Area.level)
    mapped = (
        select(Area.id)
        .join(PlaceArea, PlaceArea.area_id == Area.id)
        .join(Place, Place.version_id == PlaceArea.place_version_id)
        .where(Place.id == place_id, there)
        .order_by(rank, Area.code)
        .limit(1)
    )
    found = db.scalar(mapped)
    return found if found is not None else db.scalar(select(Place.area_id).where(Place.id == place_id))


def keepers(
    db: Session, county_id: int, spots: Collection[tuple[int, int | None]], day: dt.date
) -> Sequence[Any]:
    """Return the duties in force on a day at spots (place, decimetre along it): volunteers first."""
    if not spots:
        return []
    kinds = func.array_position([DutyKind.VOLUNTEER.value, DutyKind.OFFICIAL.value], Duty.kind)
    levels = func.array_position([level.value for level in reversed(Level)], Duty.level)
    there = [
        (Duty.place_id == place_id)
        & or_(Duty.spans.is_(None), true() if at_dm is None else Duty.spans.contains(at_dm))
        for place_id, at_dm in spots
    ]
    return db.execute(
        select(
            Duty.place_id, Duty.role, Duty.kind, Duty.level, Person.id.label("person_id"), Person.name,
            Person.phone,
        )
        .join(Person, Person.id == Duty.person_id)
        .where(
            Duty.county_id == county_id, among(Duty.place_id, {place_id for place_id, _ in spots}),
            or_(*there), Duty.in_force.contains(day), Person.deleted_at.is_(None),
        )
        .order_by(Duty.place_id, kinds, levels, Duty.id)
    ).all()  # fmt: skip


_LIKE = text("""
    with here as (
        select cast(:lon as float8) as lon, cast(:lat as float8) as lat,
               ST_MakeEnvelope(cast(:lon as float8) - :most_m / :kx, cast(:lat as float8) - :most_m / :ky,
                               cast(:lon as float8) + :most_m / :kx, cast(:lat as float8) + :most_m / :ky,
                               4326) as box
    ), alike as (
        select c.id, abs(c.at_dm - cast(:at_dm as int)) / 10.0 as away_m from "case" c
        where c.county_id = :county_id and c.kind = :kind and c.place_id = cast(:place_id as bigint)
          and c.at_dm between cast(:at_dm as int) - :most_m * 10 and cast(:at_dm as int) + :most_m * 10
        union all
        select c.id,
               sqrt(((ST_X(c.point) - here.lon) * :kx) ^ 2 + ((ST_Y(c.point) - here.lat) * :ky) ^ 2)
        from "case" c, here
        where c.point && here.box and c.county_id = :county_id and c.kind = :kind
    )
    select c.id, c.number, c.category_edition_id, c.category, c.state, c.opened_at, c.words,
           min(alike.away_m) as away_m
    from alike join "case" c using (id)
    where c.state = any(:states) and c.opened_at >= :since and c.id <> :own and alike.away_m <= :most_m
    group by c.id order by away_m, c.id desc limit :most
""")


def alike(
    db: Session,
    county_id: int,
    kind: str,
    spot: tuple[int | None, int | None],
    lonlat: tuple[float, float] | None,
    scale: tuple[float, float],
    **asked: Any,
) -> Sequence[Any]:
    """Return open cases of a kind that lie near a spot (place, decimetre) along it, or near a point."""
    lon, lat = lonlat or (None, None)
    said = {"place_id": spot[0], "at_dm": spot[1], "lon": lon, "lat": lat, "kx": scale[0], "ky": scale[1]}
    return db.execute(_LIKE, {**said, **asked, "county_id": county_id, "kind": kind}).all()
