"""How many people a single place should have, where that is another number than its layer's."""

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import null, select, update
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, places_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among
from geo_service.errors import NotFound
from geo_service.planning.asked import Numbers
from geo_service.tables import Place


def of_places(db: Session, county_id: int, place_ids: Collection[int]) -> dict[int, Numbers]:
    """Return the numbers of those places that have their own."""
    rows = db.execute(
        select(Place.id, Place.people_wanted).where(
            Place.county_id == county_id, Place.people_wanted.is_not(None), among(Place.id, place_ids)
        )
    )
    return {id_: Numbers(**said) for id_, said in rows if said is not None}


def get(db: Session, scope: Scope, place_id: int) -> Numbers | None:
    """Return a place's own numbers; None: as proposals ask of its layer. Raises NotFound, Forbidden."""
    scope.demand(*CHANGE)
    row = db.execute(
        select(Place.people_wanted).where(places_in(scope, *CHANGE), Place.id == place_id)
    ).one_or_none()
    if row is None:
        raise _no_place()
    return None if row[0] is None else Numbers(**row[0])


def put(db: Session, scope: Scope, place_id: int, numbers: Numbers | None) -> None:
    """Say how many people a place should have; None: as its layer. Raises NotFound, Forbidden."""
    scope.demand(*CHANGE)
    said = None if numbers is None else asdict(numbers)
    change = (
        update(Place)
        .where(places_in(scope, *CHANGE), Place.id == place_id)
        .values(people_wanted=said or null())
    )
    if db.scalar(change.returning(Place.id)) is None:
        raise _no_place()
    audit.record(
        db, scope.actor, "places.numbers", county_id=scope.county_id, subject=f"place/{place_id}", after=said
    )


def _no_place() -> NotFound:
    return NotFound("没有这个对象，或者您没有修改它的权限。")
