"""The SQL of where a problem lies: the nearest places with their measure, duties there, cases like it."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, or_, select, text, true
from sqlalchemy.orm import Session

from geo_service.tables import Area, Place, PlaceArea
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
        join place on place.id = version.place_id and place.version_id = version.id
        cross join lateral (
            select ST_SetSRID(ST_Scale(coalesce(version.line, version.polygon), :kx, :ky), 0) as geom
        ) scaled
        where version.county_id = :county_id
    ), near as (
    select place_id, version_id, layer, code, name, in_scheme, reach_m, away_m,
           case when layer in ('river', 'road') then (
               select round(ST_InterpolatePoint(part.geom, here.spot) * 10)::int
               from ST_Dump(found.geom) part order by part.geom <-> here.spot limit 1
           ) end as at_dm
    from found, here
    where away_m <= :most_m
    order by away_m, place_id
    limit :most
    )
    select near.*, (
        select area.id from area
        where area.county_id = :county_id and area.geom is not null
          and ST_Covers(area.geom, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
        order by ST_Area(area.geom) limit 1
    ) as area_id
    from (values (1)) one left join near on true
    order by near.away_m, near.place_id
""")


def nearest(
    db: Session,
    county_id: int,
    lonlat: tuple[float, float],
    scale: tuple[float, float],
    most_m: float,
    most: int,
) -> tuple[Sequence[Any], int | None]:
    """Return the places within so many metres, the nearest first, and the smallest area around the spot.

    `scale`: metres a degree of lon and lat.
    """
    lon, lat = lonlat
    said = {"lon": lon, "lat": lat, "kx": scale[0], "ky": scale[1], "most_m": most_m, "most": most}
    rows = db.execute(_NEAREST, {**said, "county_id": county_id}).all()
    return [row for row in rows if row.place_id is not None], rows[0].area_id


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


_KEEPERS = text("""
    select duty.place_id, duty.role, duty.kind, duty.level, person.id as person_id, person.name, person.phone
    from unnest(cast(:places as bigint[]), cast(:ats as int[])) as spot (place_id, at_dm)
    join duty on duty.place_id = spot.place_id and duty.county_id = :county_id
    join person on person.id = duty.person_id
    where (duty.spans is null or spot.at_dm is null or duty.spans @> spot.at_dm)
      and duty.in_force @> cast(:day as date) and person.deleted_at is null
    order by duty.place_id, array_position(cast(:kinds as text[]), duty.kind),
        array_position(cast(:levels as text[]), duty.level), duty.id
""")
_KINDS = [DutyKind.VOLUNTEER.value, DutyKind.OFFICIAL.value]
_LEVELS = [level.value for level in reversed(Level)]


def keepers(
    db: Session, county_id: int, spots: Collection[tuple[int, int | None]], day: dt.date
) -> Sequence[Any]:
    """Return the duties in force on a day at spots (place, decimetre along it): volunteers first."""
    if not spots:
        return []
    asked = {
        "places": [place_id for place_id, _ in spots], "ats": [at_dm for _, at_dm in spots], "day": day,
        "county_id": county_id, "kinds": _KINDS, "levels": _LEVELS,
    }  # fmt: skip
    return db.execute(_KEEPERS, asked).all()


_LIKE = text("""
    with own as (
        select c.id, c.kind, c.place_id, c.at_dm, c.point, c.opened_at, c.county_id, ST_X(c.point) as lon,
               ST_Y(c.point) as lat, :north_m * cos(radians(ST_Y(c.point))) as east_m
        from "case" c where c.id = :own and c.state = any(:open)
    ), here as (
        select own.*, ST_MakeEnvelope(lon - :most_m / east_m, lat - :most_m / :north_m,
                                      lon + :most_m / east_m, lat + :most_m / :north_m, 4326) as box
        from own
    ), alike as (
        select c.id, abs(c.at_dm - own.at_dm) / 10.0 as away_m from own, "case" c
        where c.county_id = own.county_id and c.kind = own.kind and c.place_id = own.place_id
          and c.at_dm between own.at_dm - :most_m * 10 and own.at_dm + :most_m * 10
        union all
        select c.id, sqrt(((ST_X(c.point) - here.lon) * here.east_m) ^ 2
                          + ((ST_Y(c.point) - here.lat) * :north_m) ^ 2)
        from here, "case" c
        where c.point && here.box and c.county_id = here.county_id and c.kind = here.kind
    )
    select c.id, c.number, c.category_edition_id, c.category, c.state, c.opened_at, c.words,
           min(alike.away_m) as away_m
    from own, alike join "case" c using (id)
    where c.state = any(:states) and c.opened_at >= own.opened_at - :recent and c.id <> own.id
      and alike.away_m <= :most_m
    group by c.id order by away_m, c.id desc limit :most
""")


def alike(db: Session, case_id: int, **asked: Any) -> Sequence[Any]:
    """Return open cases of the kind of an open one that lie near it along its place, or near its point.

    `most_m`, `recent`, `most`, `open` and `states` bound it; `north_m`: metres of a degree of latitude.
    """
    return db.execute(_LIKE, {**asked, "own": case_id}).all()
