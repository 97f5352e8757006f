"""The SQL of runs: which patrols they compute, what these rest on, what is staged of them."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.coverage.computing import FURTHEST_REACH_M, METRES_PER_DEGREE
from geo_service.recompute.asking import Question
from geo_service.recompute.computing import StoredTrack
from geo_service.tables import (
    Area,
    Patrol,
    Place,
    PlaceArea,
    PlaceVersion,
    RecomputedPatrol,
)

Condition = ColumnElement[bool]

_HAS_TRACK = and_(Patrol.voided_at.is_(None), Patrol.settled_at.is_not(None), Patrol.track.is_not(None))
"""What a patrol must be to be computed anew; what was dropped by the retention keeps what it has."""


# --- which patrols


def asked(county_id: int, question: Question, area_ids: Collection[int] | None) -> Condition:
    """Return the condition for the patrols that a question asks for; `area_ids`: its area and all below."""
    conditions = [Patrol.county_id == county_id, _HAS_TRACK]
    if question.since is not None:
        conditions.append(Patrol.day >= question.since)
    if area_ids is not None:
        conditions.append(or_(_within(area_ids), _on_places(area_ids)))
    return and_(*conditions)


def _reach_deg(geometry: Any) -> Any:
    """Return the furthest reach in degrees of longitude, the shorter ones."""
    middle = func.radians((func.ST_YMin(geometry) + func.ST_YMax(geometry)) / 2)
    return FURTHEST_REACH_M / METRES_PER_DEGREE / func.greatest(func.cos(middle), 0.01)


def _within(area_ids: Collection[int]) -> Condition:
    """Return the condition for tracks that come within reach of the border of an area."""
    wide = func.ST_Expand(Area.geom, _reach_deg(Area.geom))
    there = Area.id.in_(area_ids) & Patrol.track.op("&&")(wide)
    return (
        exists()
        .where(there, func.ST_DWithin(Patrol.track, Area.geom, _reach_deg(Area.geom)))
        .correlate(Patrol)
    )


def _on_places(area_ids: Collection[int]) -> Condition:
    """Return the condition for tracks near places that are only listed in an area, which has no border."""
    there = func.coalesce(PlaceVersion.line, PlaceVersion.polygon)
    unmapped = ~exists().where(PlaceArea.place_version_id == PlaceVersion.id).correlate(PlaceVersion)
    return (
        exists()
        .where(
            Place.county_id == Patrol.county_id,
            Place.area_id.in_(area_ids),
            PlaceVersion.id == Place.version_id,
            unmapped,
            Patrol.track.op("&&")(func.ST_Expand(there, _reach_deg(there))),
        )
        .correlate(Patrol)
    )


@dataclass(frozen=True)
class ToDo:
    """A patrol that a run has not computed yet."""

    id: uuid.UUID
    fixes: int


def to_do(db: Session, run_id: int, where: Condition) -> list[ToDo]:
    """Return the patrols that a run has not computed yet, those beside each other that lie together."""
    staged = exists().where(
        RecomputedPatrol.recomputation_id == run_id, RecomputedPatrol.patrol_id == Patrol.id
    )
    # PostGIS sorts points along a Hilbert curve.
    middle = func.ST_Centroid(func.ST_Envelope(Patrol.track))
    rows = db.execute(
        select(Patrol.id, Patrol.fixes).where(where, ~staged.correlate(Patrol)).order_by(middle, Patrol.id)
    )
    return [ToDo(*row) for row in rows]


def count(db: Session, where: Condition) -> int:
    """Return how many patrols meet a condition."""
    return db.scalar(select(func.count()).select_from(Patrol).where(where)) or 0


# --- what a patrol's coverage rests on

_INPUTS = """
md5(p.track::bytea || coalesce(array_send(p.accuracy_m), ''::bytea)) || coalesce((
  select md5(string_agg(told, ';' order by told)) from (
    select concat_ws(':', v.id, v.reach_m, v.reaches, place.attributes->>'width_m', v.banks is not null)
      from place_version v join place on place.version_id = v.id and place.id = v.place_id
      where place.county_id = p.county_id and v.line && wide.box
    union all
    select v.id::text
      from place_version v join place on place.version_id = v.id and place.id = v.place_id
      where place.county_id = p.county_id and v.polygon && wide.box) near (told)), '')
"""
_WIDE = """
cross join lateral (select ST_Envelope(p.track) as box) own
cross join lateral (
  select ST_Expand(own.box, :reach_deg / greatest(cos(radians(ST_YMax(own.box))), 0.01)) as box) wide
"""
_REACH_DEG = FURTHEST_REACH_M / METRES_PER_DEGREE

_TRACKS = text(
    f"""
    select p.id, ST_AsBinary(p.track), array_send(p.accuracy_m), {_INPUTS},
      ST_XMin(wide.box), ST_YMin(wide.box), ST_XMax(wide.box), ST_YMax(wide.box)
    from patrol p {_WIDE}
    where p.id = any(cast(:ids as uuid[]))
      and p.voided_at is null and p.settled_at is not null and p.track is not null
    order by p.id
    """  # noqa: S608  (only our own words are put in)
)
_STALE = text(
    f"""
    select r.patrol_id from recomputed_patrol r join patrol p on p.id = r.patrol_id {_WIDE}
    where r.recomputation_id = :run_id
      and (cast(:ids as uuid[]) is null or r.patrol_id = any(cast(:ids as uuid[])))
      and (p.voided_at is not null or p.settled_at is null or p.track is null or r.inputs <> {_INPUTS})
    """  # noqa: S608
)


@dataclass(frozen=True)
class Read:
    """A track with the box around it, and the hash of what its coverage rests on."""

    stored: StoredTrack
    inputs: str
    box: tuple[float, ...] | None
    """None: the track is empty."""


def tracks(db: Session, patrol_ids: Sequence[uuid.UUID]) -> list[Read]:
    """Return the tracks of patrols; without those that have none any more.

    Read the places around them after this: should one change in between, the hash tells it.
    """
    rows = db.execute(_TRACKS, {"ids": list(patrol_ids), "reach_deg": _REACH_DEG})
    return [
        Read(
            StoredTrack(id_, bytes(wkb), accuracy and bytes(accuracy)),
            inputs,
            None if None in box else (*box,),
        )
        for id_, wkb, accuracy, inputs, *box in rows
    ]


def stale(db: Session, run_id: int, patrol_ids: Collection[uuid.UUID] | None = None) -> Sequence[uuid.UUID]:
    """Return the patrols of a run, or some of them, of which something changed since they were computed."""
    ids = None if patrol_ids is None else list(patrol_ids)
    return db.scalars(_STALE, {"run_id": run_id, "reach_deg": _REACH_DEG, "ids": ids}).all()


def lock(db: Session, county_id: int, patrol_ids: Collection[uuid.UUID]) -> None:
    """Lock patrols in the order of their ids: nothing about them changes until the transaction ends."""
    db.execute(
        select(Patrol.id)
        .where(Patrol.county_id == county_id, among(Patrol.id, patrol_ids))
        .order_by(Patrol.id)
        .with_for_update()
    )


def set_rule(db: Session, patrol_ids: Collection[uuid.UUID], rule: int) -> None:
    """Note by which rule the coverage of patrols was computed."""
    db.execute(update(Patrol).where(among(Patrol.id, patrol_ids)).values(rule=rule))
