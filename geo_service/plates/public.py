"""What the page behind a plate tells anybody: its words, when somebody was there last, whom to call."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.areas.contacts import of_county
from geo_service.clock import today
from geo_service.plates import keepers, queries, service, sheets
from geo_service.plates.service import Hung
from maps.cards import Keeper


@dataclass(frozen=True)
class Shown:
    """A plate as strangers see it."""

    county: str
    made_up: bool
    plate: Hung
    length: str | None
    posts: Sequence[tuple[str, Sequence[str]]]
    """Who looks after the place, by post."""
    hotline: str | None
    last_day: dt.date | None
    """When somebody was there last, and did not have it taken out of the count."""


def shown(db: Session, plate_id: str) -> Shown | None:
    """Return what is behind a plate in use; None: there is none."""
    plate = service.in_use(db, plate_id)
    if plate is None:
        return None
    county = queries.county(db, plate.county_id)
    areas = queries.areas_of(db, [plate.version_id] if plate.version_id is not None else [])
    return Shown(
        county=county.name,
        made_up=county.made_up,
        plate=plate,
        length=sheets.length_words(plate),
        posts=_by_post(keepers.of_plates(db, [plate], today(county))[plate.id]),
        hotline=sheets.hotline(db, plate, of_county(db, county.id), areas),
        last_day=queries.last_day(db, plate.place_id),
    )


def _by_post(found: Sequence[Keeper]) -> list[tuple[str, list[str]]]:
    names: dict[str, list[str]] = {}
    for keeper in found:
        names.setdefault(keeper.post, []).append(keeper.name)
    return list(names.items())
