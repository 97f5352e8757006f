"""The SQL of the workbooks of townships: which there are, and how much stands in each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from geo_service.accounts.narrow import CHANGE, areas_in
from geo_service.accounts.scope import Scope
from geo_service.tables import Area, Person, Place, PlaceArea
from layers.vocabulary import Level


@dataclass(frozen=True)
class Township:
    """A township with the people who live there and the places that lie there, even partly."""

    code: str
    name: str
    people: int
    places: int


def townships(db: Session, scope: Scope) -> Sequence[Township]:
    """Return the townships in which the scope may change something, by code."""
    village, part = aliased(Area), aliased(Area)
    here = select(village.id).where(or_(village.id == Area.id, village.parent_id == Area.id)).correlate(Area)
    people = (
        select(func.count())
        .select_from(Person)
        .where(Person.county_id == scope.county_id, Person.deleted_at.is_(None), Person.area_id.in_(here))
        .correlate(Area)
        .scalar_subquery()
    )
    lying = (
        select(PlaceArea.place_version_id)
        .join(part, part.id == PlaceArea.area_id)
        .where(or_(part.id == Area.id, part.parent_id == Area.id))
        .correlate(Area)
    )
    places = (
        select(func.count())
        .select_from(Place)
        .where(Place.county_id == scope.county_id, or_(Place.version_id.in_(lying), Place.area_id.in_(here)))
        .correlate(Area)
        .scalar_subquery()
    )
    found = (
        select(Area.code, Area.name, people, places)
        .where(areas_in(scope, *CHANGE), Area.level == Level.TOWNSHIP)
        .order_by(Area.code)
    )
    return [Township(*row) for row in db.execute(found)]
