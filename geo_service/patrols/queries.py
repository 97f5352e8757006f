"""The SQL of patrols: one row an outing with its track, one row a sending with its raw fixes."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from psycopg.types.json import Jsonb
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    and_,
    any_,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session, defer

from geo_service.coverage.service import FURTHEST_REACH_M
from geo_service.patrols.arrays import Reals, accept_arrays
from geo_service.tables import (
    Area,
    AreaVisit,
    Batch,
    CellCoverage,
    Companion,
    County,
    Json,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceCells,
    PlaceVersion,
)
from layers.cells import AreaCells, CellSet
from layers.lines import multilinestring_m
from layers.tracks import Track
from layers.vocabulary import Evidence, Layer, Verdict

Condition = ColumnElement[bool]
_WITHOUT_TRACK = (defer(Patrol.track, raiseload=True), defer(Patrol.accuracy_m, raiseload=True))
"""A list would else carry every vertex of every walk."""
Floats = NDArray[np.float64]
_METRES_PER_DEGREE = 111_195.0
_FEW = 3
"""Places whose distance to every patrol is measured: a quarter of a second for a river of 30 km."""


@dataclass(frozen=True)
class SeenCells:
    """What a patrol saw of an area place in force: its cells there, and how long it stayed."""

    place_id: int
    layer: Layer
    name: str | None
    area_m2: float
    seen_m2: float
    dwell_s: float


def county(db: Session, county_id: int) -> County:
    """Return the county of a scope."""
    return db.get_one(County, county_id)


def person(db: Session, person_id: uuid.UUID, where: Condition, *, held: bool = False) -> Person | None:
    """Return a person of the register that meets a condition; `held`: not to be forgotten meanwhile."""
    query = select(Person).where(Person.id == person_id, Person.deleted_at.is_(None), where)
    return db.scalars(query.with_for_update(read=True, key_share=True) if held else query).one_or_none()


def area_ids(db: Session, where: Condition, code: str) -> Sequence[int]:
    """Return the id of the area with a code that meets a condition; none, if there is none."""
    return db.scalars(select(Area.id).where(where, Area.code == code)).all()


def people_called(db: Session, word: str, where: Condition) -> Sequence[Person]:
    """Return the people with this id, number or name who meet a condition."""
    known = [Person.number == word, Person.name == word]
    with contextlib.suppress(ValueError):
        known.append(Person.id == uuid.UUID(word))
    return db.scalars(
        select(Person)
        .where(where, Person.deleted_at.is_(None), or_(*known))
        .order_by(Person.name, Person.number)
    ).all()


def overlapping(db: Session, patrol: Patrol) -> Sequence[dt.datetime]:
    """Return when other patrols of the same person began that were under way at the same time."""
    started_at, ended_at = patrol.started_at, patrol.ended_at
    return db.scalars(
        select(Patrol.started_at)
        .where(
            Patrol.county_id == patrol.county_id,
            Patrol.person_id == patrol.person_id,
            Patrol.id != patrol.id,
            Patrol.voided_at.is_(None),
            Patrol.settled_at.is_not(None),
            Patrol.day.between(
                started_at.date() - dt.timedelta(days=2), ended_at.date() + dt.timedelta(days=2)
            ),
            Patrol.started_at < ended_at,
            Patrol.ended_at > started_at,
        )
        .order_by(Patrol.started_at)
    ).all()


@dataclass(frozen=True)
class NewPatrol:
    """A patrol of which the first word has come."""

    id: uuid.UUID
    county_id: int
    person_id: uuid.UUID
    evidence: Evidence
    day: dt.date
    started_at: dt.datetime
    ended_at: dt.datetime


@dataclass(frozen=True)
class Computed:
    """What is computed of a patrol, beside its track."""

    day: dt.date
    started_at: dt.datetime
    ended_at: dt.datetime
    walked_m: float
    fixes: int
    cleaning: Json


_IN_FORCE = and_(Place.id == PlaceVersion.place_id, Place.version_id == PlaceVersion.id)
"""By both keys, which each have an index."""
_NO_TRACK = bytes.fromhex("010500004000000000")
"""MULTILINESTRING M EMPTY as WKB: shapely forgets the M of what is empty."""


def insert_patrol(db: Session, patrol: NewPatrol) -> None:
    """Store a patrol that is open: it counts nothing yet."""
    nothing_yet = {"walked_m": 0.0, "fixes": 0, "verdict": Verdict.REVIEW}
    db.execute(insert(Patrol).values(vars(patrol) | nothing_yet))


def change_patrol(db: Session, patrol_id: uuid.UUID, **values: Any) -> None:
    """Give a patrol new values by column."""
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(values))


_SETTLE = text(
    "update patrol set day = :day, started_at = :started_at, ended_at = :ended_at, walked_m = :walked_m,"
    " fixes = :fixes, cleaning = :cleaning, track = ST_GeomFromWKB(:track, 4326), accuracy_m = :accuracy_m,"
    " settled_at = now() where id = :id"
)


def settle(db: Session, patrol_id: uuid.UUID, computed: Computed, track: Track) -> None:
    """Store what was computed of a patrol, with its track."""
    accept_arrays(db)
    line = multilinestring_m(track.lonlat, track.time_s, track.piece) if len(track) else None
    values = vars(computed) | {
        "id": patrol_id,
        "cleaning": Jsonb(computed.cleaning),
        "track": _NO_TRACK if line is None else shapely.to_wkb(line),
        "accuracy_m": None if np.isnan(track.accuracy_m).all() else Reals(track.accuracy_m),
    }
    db.execute(_SETTLE, values)


def stored_track(db: Session, patrol_id: uuid.UUID) -> Track | None:
    """Return the track of a patrol as it was kept; None if there is none or it was dropped."""
    line = track(db, patrol_id)
    if line is None or line.is_empty:
        return None
    parts = shapely.get_parts(line)
    vertices = shapely.get_coordinates(line, include_m=True)
    piece = np.repeat(np.arange(len(parts)), shapely.get_num_coordinates(parts))
    known = db.scalar(select(Patrol.accuracy_m).where(Patrol.id == patrol_id))
    accuracy_m = np.full(len(vertices), np.nan) if known is None else np.array(known, np.float64)
    return Track(vertices[:, 2], vertices[:, :2], accuracy_m, piece)


def abandoned(db: Session, before: dt.datetime) -> Sequence[tuple[int, uuid.UUID]]:
    """Return county and id of the open patrols of which nothing came since a time, by county."""
    last = func.coalesce(func.max(Batch.received_at), Patrol.created_at)
    rows = db.execute(
        select(Patrol.county_id, Patrol.id)
        .outerjoin(Batch, Batch.patrol_id == Patrol.id)
        .where(Patrol.settled_at.is_(None))
        .group_by(Patrol.id)
        .having(func.greatest(last, Patrol.created_at) < before)
        .order_by(Patrol.county_id, Patrol.id)
    )
    return [(county_id, patrol_id) for county_id, patrol_id in rows]


def has_place(db: Session, where: Condition, place_id: int) -> bool:
    """Tell whether there is a place that meets a condition."""
    return db.scalar(select(Place.id).where(where, Place.id == place_id)) is not None


def place(db: Session, place_id: int, where: Condition) -> tuple[int, str] | None:
    """Return id and name of a place that meets a condition."""
    found = db.execute(select(Place.id, Place.name, Place.code).where(where, Place.id == place_id)).first()
    return (found[0], found[1] or found[2]) if found else None


def set_companions(
    db: Session, county_id: int, patrol_id: uuid.UUID, person_ids: Sequence[uuid.UUID]
) -> None:
    """Say who walked along on a patrol."""
    db.execute(delete(Companion).where(Companion.patrol_id == patrol_id))
    rows = [{"county_id": county_id, "patrol_id": patrol_id, "person_id": id_} for id_ in person_ids]
    if rows:
        db.execute(insert(Companion), rows)


def companions(
    db: Session, patrol_id: uuid.UUID, visible: Condition
) -> Sequence[tuple[uuid.UUID, str | None, bool]]:
    """Return who walked along, by name: id, name (None: deleted since), and whether a condition lets see."""
    rows = db.execute(
        select(Person.id, func.nullif(Person.name, ""), visible)
        .join(Companion, Companion.person_id == Person.id)
        .where(Companion.patrol_id == patrol_id)
        .order_by(Person.name, Person.id)
    )
    return [(id_, name, bool(is_seen)) for id_, name, is_seen in rows]


def patrol(db: Session, patrol_id: uuid.UUID, where: Condition, *, locked: bool = False) -> Patrol | None:
    """Return a patrol that meets a condition; `locked` until the transaction ends."""
    query = select(Patrol).options(*_WITHOUT_TRACK).where(Patrol.id == patrol_id, where)
    query = query.execution_options(populate_existing=True)
    return db.scalars(query.with_for_update() if locked else query).one_or_none()


def stored(db: Session, patrol_id: uuid.UUID) -> Patrol:
    """Return a patrol that is there, whatever the scope."""
    found = patrol(db, patrol_id, true())
    if found is None:
        raise RuntimeError("the patrol is gone")
    return found


def track(db: Session, patrol_id: uuid.UUID) -> Any:
    """Return a patrol's track as a MultiLineString with M in epoch seconds; None after the retention."""
    return shapely.from_wkb(db.scalar(select(func.ST_AsBinary(Patrol.track)).where(Patrol.id == patrol_id)))


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
    return {id_: _track(shapely.from_wkb(bytes(wkb)), accuracy_m) for id_, wkb, accuracy_m in rows}


def not_counted(db: Session, patrol_ids: Sequence[uuid.UUID]) -> Sequence[uuid.UUID]:
    """Return which of some patrols are not counted for now, in the order of their ids."""
    out = Patrol.id.in_(patrol_ids), Patrol.verdict == Verdict.NOT_COUNTED
    return db.scalars(select(Patrol.id).where(*out).order_by(Patrol.id)).all()


def _track(line: Any, accuracy_m: Sequence[float] | None) -> Track:
    """Return a stored line (lon, lat, M epoch seconds) as the track it was made of."""
    parts, piece = shapely.get_coordinates(shapely.get_parts(line), include_m=True, return_index=True)
    known = np.full(len(parts), np.nan) if accuracy_m is None else np.array(accuracy_m, np.float64)
    return Track(parts[:, 2].copy(), parts[:, :2].copy(), known, piece.astype(np.int64))


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
    """Metres along places of the layer."""


def walks_for(
    db: Session, where: Condition, place_id: int, layer: Layer, within: Any | None, limit: int
) -> list[WalkRow]:
    """Return the latest patrols with tracks, those that name the place first; within a border, if given."""
    span = func.unnest(LineCoverage.spans).table_valued("dm").render_derived()
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


def patrols(
    db: Session, where: Sequence[Condition], *, after: tuple[dt.datetime, uuid.UUID] | None, limit: int
) -> Sequence[Row[Patrol, str]]:
    """Return patrols with their person's name (or None), latest first, behind the key (started_at, id)."""
    query = (
        select(Patrol, Person.name)
        .options(*_WITHOUT_TRACK)
        .outerjoin(Person, Person.id == Patrol.person_id)
        .where(*where)
        .order_by(Patrol.started_at.desc(), Patrol.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Patrol.started_at, Patrol.id) < after)
    return db.execute(query).all()


def covered_lines(
    db: Session, county_id: int, patrol_id: uuid.UUID
) -> list[tuple[int, Layer, str | None, list[tuple[int, int]]]]:
    """Return what a patrol covered of lines in force, over all its days: place, layer, name, spans in dm."""
    rows = db.execute(
        select(Place.id, Place.layer, Place.name, func.range_agg(LineCoverage.spans))
        .join(PlaceVersion, PlaceVersion.id == LineCoverage.place_version_id)
        .join(Place, _IN_FORCE)
        .where(LineCoverage.county_id == county_id, LineCoverage.patrol_id == patrol_id)
        .group_by(Place.id)
    )
    return [(id_, Layer(layer), name, _pairs(spans)) for id_, layer, name, spans in rows]


def _pairs(spans: Sequence[Range[int]]) -> list[tuple[int, int]]:
    return [(span.lower or 0, span.upper or 0) for span in spans]


def seen_areas(db: Session, county_id: int, patrol_id: uuid.UUID) -> list[SeenCells]:
    """Return what a patrol saw of area places in force, over all its days."""
    visits = db.execute(
        select(
            PlaceVersion.id, Place.id, Place.layer, Place.name, PlaceVersion.area_m2,
            func.sum(AreaVisit.dwell_s),
        )
        .join(AreaVisit, AreaVisit.place_version_id == PlaceVersion.id)
        .join(Place, _IN_FORCE)
        .where(AreaVisit.county_id == county_id, AreaVisit.patrol_id == patrol_id)
        .group_by(PlaceVersion.id, Place.id)
    ).all()  # fmt: skip
    if not visits:
        return []
    seen_m2 = _seen_m2(db, county_id, patrol_id)
    return [
        SeenCells(place_id, Layer(layer), name, area_m2 or 0.0, seen_m2.get(version_id, 0.0), dwell_s)
        for version_id, place_id, layer, name, area_m2, dwell_s in visits
    ]


def _seen_m2(db: Session, county_id: int, patrol_id: uuid.UUID) -> dict[int, float]:
    """Return the inner area of the cells that a patrol saw, by version."""
    rows = db.execute(
        select(
            CellCoverage.place_version_id, CellCoverage.block_x, CellCoverage.block_y,
            func.bit_or(CellCoverage.seen), PlaceCells.inside, PlaceCells.edge_cell, PlaceCells.edge_m2,
        )
        .join(
            PlaceCells,
            and_(
                PlaceCells.place_version_id == CellCoverage.place_version_id,
                PlaceCells.block_x == CellCoverage.block_x,
                PlaceCells.block_y == CellCoverage.block_y,
            ),
        )
        .where(CellCoverage.county_id == county_id, CellCoverage.patrol_id == patrol_id)
        .group_by(
            CellCoverage.place_version_id, CellCoverage.block_x, CellCoverage.block_y, PlaceCells.inside,
            PlaceCells.edge_cell, PlaceCells.edge_m2,
        )
    )  # fmt: skip
    seen_m2: dict[int, float] = {}
    for version_id, x, y, seen, inside, edge_cell, edge_m2 in rows:
        edges = {(x, y): (np.array(edge_cell, np.int64), np.array(edge_m2, np.float64))}
        block = AreaCells(CellSet.from_bits([(x, y, inside)]), edges)
        here_m2 = block.area_m2(CellSet.from_bits([(x, y, seen)]))
        seen_m2[version_id] = seen_m2.get(version_id, 0.0) + here_m2
    return seen_m2


def void(db: Session, patrol_id: uuid.UUID, reason: str, at: dt.datetime) -> None:
    """Mark a patrol as voided."""
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(voided_at=at, void_reason=reason))
