"""How far the demo county has come, and where its places lie, in SQL."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from geo_service.tables import County, Import, Place, PlaceArea, PlaceVersion
from layers.vocabulary import Layer

WHAT = "demo"
"""`Import.what` of the row that says how far it has come."""
_MAKING = 0x59_58_44
"""The advisory lock of who begins to make it."""


@dataclass(frozen=True)
class Note:
    """How far the making has come; as `Import.summary` holds it."""

    seed: int
    today: dt.date
    done: Sequence[str] = field(default=())
    is_finished: bool = False


class Lies(NamedTuple):
    """Which part of a place lies in an area: spans in decimetres, None for all of it."""

    place_id: int
    area_id: int
    spans: tuple[tuple[int, int], ...] | None


def lock_making(db: Session) -> None:
    """Let one at a time begin, until the transaction ends."""
    db.execute(select(func.pg_advisory_xact_lock(_MAKING)))


def county(db: Session, code: str) -> County | None:
    """Return the county with a code."""
    return db.scalars(select(County).where(County.code == code)).one_or_none()


def add_note(db: Session, county_id: int, name: str, sha256: bytes, note: Note) -> Note:
    """Begin to write down how far the making has come."""
    values = {"county_id": county_id, "what": WHAT, "file_name": name, "sha256": sha256}
    db.execute(insert(Import).values(**values, summary=_written(note)))
    return note


def note(db: Session, county_id: int, *, locked: bool = False) -> Note | None:
    """Return how far it has come; `locked` until the transaction ends."""
    query = select(Import.summary).where(Import.county_id == county_id, Import.what == WHAT)
    summary = db.scalar(query.with_for_update() if locked else query)
    if summary is None:
        return None
    return Note(**{**summary, "today": dt.date.fromisoformat(summary["today"])})


def set_note(db: Session, county_id: int, note: Note) -> None:
    """Write down how far it has come now."""
    own = (Import.county_id == county_id) & (Import.what == WHAT)
    db.execute(update(Import).where(own).values(summary=_written(note)))


def _written(note: Note) -> dict[str, object]:
    return dataclasses.asdict(note) | {"today": note.today.isoformat()}


def place_ids(db: Session, county_id: int, layer: Layer) -> Mapping[str, int]:
    """Return the id of each place of a layer by its code."""
    here = (Place.county_id == county_id) & (Place.layer == layer.value)
    return {row.code: row.id for row in db.execute(select(Place.code, Place.id).where(here))}


def lying(db: Session, county_id: int, layer: Layer) -> list[Lies]:
    """Return which part of each place lies in which area."""
    rows = db.execute(
        select(Place.id, PlaceArea.area_id, PlaceArea.spans, PlaceVersion.length_dm)
        .join(PlaceArea, PlaceArea.place_version_id == Place.version_id)
        .join(PlaceVersion, PlaceVersion.id == Place.version_id)
        .where(Place.county_id == county_id, Place.layer == layer.value)
        .order_by(Place.id, PlaceArea.area_id)
    )
    found = []
    for place_id, area_id, multirange, length_dm in rows:
        spans = (
            None if multirange is None else tuple((span.lower or 0, span.upper or 0) for span in multirange)
        )
        found.append(Lies(place_id, area_id, None if spans == ((0, length_dm),) else spans))
    return found
