"""Whom one telephones in an area: its own contact, else that of the next one above it that has any."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.areas import queries


@dataclass(frozen=True)
class Contact:
    """Somebody to telephone."""

    name: str | None
    phone: str


@dataclass(frozen=True)
class Contacts:
    """All contacts of a county."""

    rows: Mapping[int, tuple[int | None, str | None, str | None]]
    """Of each area the one above it, name and number."""

    def of(self, area_id: int | None) -> Contact | None:
        """Return the contact of an area; of none, or where there is none above: the county's own."""
        while area_id is not None and area_id in self.rows:
            above, name, phone = self.rows[area_id]
            if phone:
                return Contact(name, phone)
            area_id = above
        roots = (Contact(name, phone) for above, name, phone in self.rows.values() if above is None and phone)
        return next(roots, None)


def of_county(db: Session, county_id: int) -> Contacts:
    """Return the contacts of a county."""
    return Contacts(queries.contacts(db, county_id))
