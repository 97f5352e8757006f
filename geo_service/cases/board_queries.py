"""The SQL of the board: how many cases are open and late, a page of them, where they lie."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, text, tuple_
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.tables import Area, Case, Place, Unit, UnitMember
from layers.cases import SETTLED
from layers.vocabulary import CaseState

Condition = ColumnElement[bool]
Key = tuple[dt.datetime | None, int]
"""What cases are sorted by: when they are due (None: last), then their id."""


@dataclass(frozen=True)
class StateCount:
    """How many cases are in a state."""

    state: CaseState
    count: int
    late: int
    today: int
    asks: int
    """That wait for the answer to a request for an extension."""
    newest: int
    """The highest id: a report that comes later has a higher one."""


def is_open() -> Condition:
    """Return the condition for cases in which something is still to be done, as `ix_case_open` has it."""
    return Case.state.not_in([literal(state.value, literal_execute=True) for state in sorted(SETTLED)])


def of_units(account_id: Any) -> Condition:
    """Return the condition for cases of the units for which an account acts."""
    own = select(UnitMember.unit_id).where(UnitMember.account_id == account_id)
    return Case.unit_id.in_(own.correlate(None))


def in_areas(area_ids: Collection[int]) -> Condition:
    """Return the condition for cases in some areas."""
    return among(Case.area_id, area_ids)


def says(words: str) -> Condition:
    """Return the condition for cases whose number, words or place hold some words."""
    named = Place.name.icontains(words, autoescape=True)
    place = select(Place.id).where(Place.county_id == Case.county_id, named)
    return or_(
        Case.number.contains(words, autoescape=True),
        Case.words.icontains(words, autoescape=True),
        Case.place_id.in_(place.correlate(Case)),
    )


def counts(
    db: Session, where: Sequence[Condition], now: dt.datetime, tomorrow: dt.datetime
) -> list[StateCount]:
    """Count the cases that meet conditions, by state; `tomorrow`: when the county's day ends."""
    rows = db.execute(
        select(
            Case.state,
            func.count(),
            func.count().filter(Case.due_at < now),
            func.count().filter(Case.due_at >= now, Case.due_at < tomorrow),
            func.count(Case.asked_days),
            func.max(Case.id),
        )
        .where(*where)
        .group_by(Case.state)
    )
    return [StateCount(CaseState(state), *numbers) for state, *numbers in rows]


def by_age(
    db: Session, where: Sequence[Condition], now: dt.datetime, since: Sequence[dt.datetime]
) -> dict[int, tuple[int, int]]:
    """Count the cases that meet conditions by age, and those past due among them.

    `since`: from when on an age reaches, the latest first; what is older than the last has its length.
    """
    age = func.width_bucket(Case.opened_at, list(reversed(since)))
    rows = db.execute(
        select(age, func.count(), func.count().filter(Case.due_at < now)).where(*where).group_by(age)
    )
    return {len(since) - bucket: (count, late) for bucket, count, late in rows}


def oldest(db: Session, where: Sequence[Condition], *, limit: int) -> Sequence[Any]:
    """Return the cases that meet conditions as `page` does, the oldest first."""
    return db.execute(_listed().where(*where).order_by(Case.opened_at, Case.id).limit(limit)).all()


def page(
    db: Session, where: Sequence[Condition], *, after: Key | None, newest_first: bool, limit: int
) -> Sequence[Any]:
    """Return cases that meet conditions, with names: by when they are due, or the latest first.

    Columns of the rows: those of `Case` that a list needs, then `place`, `area`, `unit`.
    """
    if newest_first:
        query = _listed().where(*where, *_older(after)).order_by(Case.id.desc())
    else:
        query = _listed().where(*where, *_behind(after)).order_by(Case.due_at, Case.id)
    return db.execute(query.limit(limit)).all()


def _listed() -> Any:
    return (
        select(
            Case.id, Case.number, Case.category_edition_id, Case.category, Case.severity, Case.words,
            Case.state, Case.opened_at, Case.due_at, Case.is_late, Case.supervision, Case.asked_days,
            Case.place_id, func.coalesce(Place.name, Place.code).label("place"), Area.name.label("area"),
            Unit.name.label("unit"),
        )
        .outerjoin(Place, Place.id == Case.place_id)
        .outerjoin(Area, Area.id == Case.area_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
    )  # fmt: skip


def _behind(after: Key | None) -> list[Condition]:
    if after is None:
        return []
    due_at, id_ = after
    if due_at is None:
        return [Case.due_at.is_(None), Case.id > id_]
    return [or_(tuple_(Case.due_at, Case.id) > tuple_(due_at, id_), Case.due_at.is_(None))]


def _older(after: Key | None) -> list[Condition]:
    return [] if after is None else [Case.id < after[1]]


def spots(db: Session, where: Sequence[Condition], *, most: int) -> Sequence[Any]:
    """Return the cases that meet conditions as a map draws them, thousands at a time.

    Rows: id, number, edition, category, severity, words, state, due, place, area, unit, lon, lat.
    """
    return db.execute(
        select(
            Case.id, Case.number, Case.category_edition_id, Case.category, Case.severity, Case.words,
            Case.state, Case.due_at, func.coalesce(Place.name, Place.code), Area.name, Unit.name,
            func.ST_X(Case.point), func.ST_Y(Case.point),
        )
        .outerjoin(Place, Place.id == Case.place_id)
        .outerjoin(Area, Area.id == Case.area_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
        .where(*where)
        .order_by(Case.due_at, Case.id)
        .limit(most)
    ).all()  # fmt: skip


_NEAR = text("""
    select place.layer, place.id, ST_AsBinary(ST_Force2D(coalesce(version.line, version.polygon)))
    from place_version version join place on place.id = version.place_id and place.version_id = version.id,
         ST_Expand(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :degrees) box
    where version.county_id = :county_id and (version.line && box or version.polygon && box)
      and place.layer in ('river', 'road', 'compound')
    limit 200
""")


def shapes_near(db: Session, county_id: int, lonlat: tuple[float, float], degrees: float) -> Sequence[Any]:
    """Return layer, id and WKB of lines and compounds around a point, for a small map."""
    said = {"lon": lonlat[0], "lat": lonlat[1], "degrees": degrees, "county_id": county_id}
    return db.execute(_NEAR, said).all()


def id_of(db: Session, number: str, where: Condition) -> int | None:
    """Return the id of the case with a number that meets a condition."""
    return db.scalar(select(Case.id).where(Case.number == number, where))


def kind_or_category(code: str) -> Condition:
    """Return the condition for cases of a kind, or of a category below one."""
    return Case.category == code if "." in code else Case.kind == code


def at_place(place_id: int) -> Condition:
    """Return the condition for cases at a place."""
    return Case.place_id == place_id


def handled_by(unit_id: int) -> Condition:
    """Return the condition for cases of a unit."""
    return Case.unit_id == unit_id


def in_state(state: CaseState) -> Condition:
    """Return the condition for cases in a state."""
    return Case.state == state


def is_late(now: dt.datetime) -> Condition:
    """Return the condition for cases in which something is past due."""
    return Case.due_at < now


def is_due_today(now: dt.datetime, tomorrow: dt.datetime) -> Condition:
    """Return the condition for cases in which something is due before the day ends."""
    return and_(Case.due_at >= now, Case.due_at < tomorrow)


def asks_for_more() -> Condition:
    """Return the condition for cases that wait for the answer to a request for an extension."""
    return Case.asked_days.is_not(None)
