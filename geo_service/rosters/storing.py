"""What the register holds of a county, as rosters need it, and how what they do is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.people import imports
from geo_service.people.lookup import Areas
from geo_service.places import service as places
from geo_service.places.service import Listed
from geo_service.rosters.placing import NewPlace, PlaceChange
from geo_service.rosters.planning import Register, RosterPlan
from geo_service.rosters.reconciling import Gone
from geo_service.tables import County
from layers.drafts import PlaceDraft
from layers.vocabulary import Layer


def register_of(db: Session, scope: Scope) -> Register:
    """Return what is stored, and lock it: one import at a time decides about it."""
    return Register(
        *imports.locked_register(db, scope, people_in(scope, *CHANGE), places_in(scope, *CHANGE)),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
        scope.areas(*CHANGE),
        today_in(db, scope.county_id),
    )


def store(db: Session, county_id: int, plan: RosterPlan, gone: Gone) -> None:
    """Store what a roster does."""
    ids = store_places(db, county_id, plan.places_added, plan.places_changed)
    imports.store_people(db, county_id, plan.people_added, plan.people_changed)
    duties = [replace(draft, place_id=ids.get(draft.place_id, draft.place_id)) for draft in plan.duties_added]
    imports.store_duties(db, county_id, duties, gone.ended)


def store_places(
    db: Session, county_id: int, added: Sequence[NewPlace], changed: Mapping[int, PlaceChange]
) -> dict[int, int]:
    """Store new and changed places; return the ids of the new by those that stood for them."""
    county = db.get_one(County, county_id)
    places.change_listed(db, {id_: change.values for id_, change in changed.items()})
    ids: dict[int, int] = {}
    for layer in Layer:
        new = [place for place in added if place.said.layer is layer]
        if new:
            stored = places.list_places(db, county, layer, [_listed(place) for place in new])
            ids |= {place.ground.id: kept.id for place, kept in zip(new, stored, strict=True)}
    return ids


def _listed(new: NewPlace) -> Listed:
    said = new.said
    draft = PlaceDraft(
        said.name,
        said.code,
        in_scheme=said.in_scheme is not False,
        attributes=dict(said.attributes),
        rows=new.rows,
    )
    return Listed(draft, said.area_ids)
