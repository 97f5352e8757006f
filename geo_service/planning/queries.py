"""The SQL of proposals: who lives where with what, and the proposals themselves."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import Text, cast, delete, func, select, update
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import Condition
from geo_service.bulk import among, spans_in
from geo_service.tables import (
    Area,
    Duty,
    DutyCells,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Proposal,
    ProposalLine,
    Readiness,
)
from layers.vocabulary import DutyKind, Layer, LineState


@dataclass(frozen=True)
class Resident:
    """Somebody who lives in the area, and what he is ready for."""

    id: uuid.UUID
    name: str
    number: str | None
    area_id: int | None
    home: str
    ready: Readiness | None


@dataclass(frozen=True)
class Held:
    """A volunteer's duty in force."""

    duty_id: int
    person_id: uuid.UUID
    place_id: int
    spans: tuple[tuple[int, int], ...] | None
    """Decimetres; None: the whole place, or `has_cells`."""
    has_cells: bool
    length_dm: int

    @property
    def metres(self) -> int:
        """What its steward walks of a line."""
        dm = self.length_dm if self.spans is None else sum(b - a for a, b in self.spans)
        return round(dm / 10)


def residents(
    db: Session, county_id: int, area_ids: Collection[int], also: Iterable[uuid.UUID], day: dt.date
) -> list[Resident]:
    """Return who lives in the areas, officials left out, and whoever else is named; by id."""
    official = select(Duty.person_id).where(
        Duty.county_id == county_id, Duty.kind == DutyKind.OFFICIAL, Duty.in_force.contains(day)
    )
    lives_there = Person.area_id.in_(list(area_ids)) & Person.id.not_in(official)
    rows = db.execute(
        select(Person.id, Person.name, Person.number, Person.area_id, Person.attributes, Readiness)
        .outerjoin(Readiness, Readiness.person_id == Person.id)
        .where(Person.county_id == county_id, Person.deleted_at.is_(None))
        .where(lives_there | Person.id.in_(list(also)))
        .order_by(Person.id)
    )
    return [
        Resident(id_, name, number, area_id, str(attributes.get("home") or ""), ready)
        for id_, name, number, area_id, attributes, ready in rows
    ]


def held(db: Session, county_id: int, day: dt.date, where: Condition, *, but: Collection[int]) -> list[Held]:
    """Return the volunteers' duties in force on a day, without released ones."""
    has_cells = select(DutyCells.duty_id).where(DutyCells.duty_id == Duty.id).exists()
    rows = db.execute(
        select(
            Duty.id, Duty.person_id, Duty.place_id, cast(Duty.spans, Text), has_cells,
            func.coalesce(PlaceVersion.length_dm, 0),
        )
        .join(Place, Place.id == Duty.place_id)
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(
            Duty.county_id == county_id, Duty.kind == DutyKind.VOLUNTEER, Duty.in_force.contains(day), where,
            Duty.id.not_in(list(but)),
        )
        .order_by(Duty.id)
    )  # fmt: skip
    return [
        Held(id_, person, place, None if spans is None else spans_in(spans), cells, length)
        for id_, person, place, spans, cells, length in rows
    ]


def held_by(people: Iterable[uuid.UUID]) -> Condition:
    """Return the condition for the duties of some people."""
    return Duty.person_id.in_(list(people))


def held_at(place_ids: Iterable[int]) -> Condition:
    """Return the condition for the duties on some places."""
    return among(Duty.place_id, place_ids)


def lines(db: Session, county_id: int, layer: Layer, area_ids: Collection[int]) -> list[Any]:
    """Return the lines of a layer that run through some areas, lon, lat, whether in the scheme or not."""
    through = select(PlaceArea.place_version_id).where(
        PlaceArea.county_id == county_id, PlaceArea.area_id.in_(list(area_ids))
    )
    rows = db.execute(
        select(func.ST_AsBinary(PlaceVersion.line))
        .join(Place, Place.version_id == PlaceVersion.id)
        .where(Place.county_id == county_id, Place.layer == layer, PlaceVersion.line.is_not(None))
        .where(PlaceVersion.id.in_(through))
        .order_by(Place.id)
    )
    return list(shapely.from_wkb([wkb for (wkb,) in rows]))


# --- proposals


def proposals(db: Session, visible: Condition, *, area_ids: Collection[int] | None) -> Sequence[Any]:
    """Return proposals with area and counts of lines, the latest first."""
    counts = [
        func.count(ProposalLine.id).filter(ProposalLine.state == state).label(state) for state in LineState
    ]
    query = (
        select(Proposal, Area.name.label("area"), Area.code.label("area_code"), *counts)
        .join(Area, Area.id == Proposal.area_id)
        .outerjoin(ProposalLine, ProposalLine.proposal_id == Proposal.id)
        .where(visible)
        .group_by(Proposal.id, Area.id)
        .order_by(Proposal.id.desc())
    )
    if area_ids is not None:
        query = query.where(Proposal.area_id.in_(list(area_ids)))
    return db.execute(query).all()


def proposal(db: Session, visible: Condition, proposal_id: int, *, lock: bool = False) -> Proposal | None:
    """Return one proposal, if it may be seen."""
    query = select(Proposal).where(visible, Proposal.id == proposal_id)
    return db.scalars(query.with_for_update() if lock else query).one_or_none()


def lines_of(db: Session, proposal_id: int) -> Sequence[Any]:
    """Return the lines of a proposal with their places, by place and stretch."""
    return db.execute(
        select(
            ProposalLine, Place.layer, Place.code, Place.name.label("place"), Place.version_id,
            PlaceVersion.length_dm,
        )
        .join(Place, Place.id == ProposalLine.place_id)
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(ProposalLine.proposal_id == proposal_id)
        .order_by(Place.layer, Place.code, func.lower(ProposalLine.spans).nulls_first(), ProposalLine.id)
    ).all()  # fmt: skip


def drop_proposed(db: Session, proposal_id: int) -> None:
    """Take away the lines that nobody has decided on."""
    db.execute(
        delete(ProposalLine).where(
            ProposalLine.proposal_id == proposal_id, ProposalLine.state == LineState.PROPOSED
        )
    )


def mark(db: Session, proposal_id: int, line_ids: Collection[int], state: LineState) -> int:
    """Give lines that are not accepted another state; return how many."""
    changed = (
        update(ProposalLine)
        .where(
            ProposalLine.proposal_id == proposal_id,
            ProposalLine.id.in_(list(line_ids)),
            ProposalLine.state != LineState.ACCEPTED,
        )
        .values(state=state)
        .returning(ProposalLine.id)
    )
    return len(db.scalars(changed).all())


def place_names(db: Session, county_id: int, place_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Return layer and name (else code) of places."""
    rows = db.execute(
        select(Place.id, Place.layer, func.coalesce(Place.name, Place.code)).where(
            Place.county_id == county_id, among(Place.id, place_ids)
        )
    )
    return {id_: (layer, name) for id_, layer, name in rows}


def lives_in(db: Session, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the village, or else the township, that people live in, as far as that is known."""
    rows = db.execute(
        select(Person.id, Area.name)
        .join(Area, Area.id == Person.area_id)
        .where(Person.id.in_(list(person_ids)), Person.deleted_at.is_(None))
    )
    return {id_: name for id_, name in rows}  # noqa: C416  (rows are no tuples to mypy)


def person_names(db: Session, visible: Condition, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the names of people who may be seen."""
    rows = db.execute(
        select(Person.id, Person.name).where(
            visible, Person.id.in_(list(person_ids)), Person.deleted_at.is_(None)
        )
    )
    return {id_: name for id_, name in rows}  # noqa: C416  (rows are no tuples to mypy)
