"""What a row of a roster says: a place, people with their offices, and what of it cannot be taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geo_service.people.charges import Wish
from geo_service.people.drafts import PersonDraft
from layers.sheets import Row
from layers.vocabulary import Layer


@dataclass(frozen=True)
class PlaceSaid:
    """A place as a row names it."""

    layer: Layer
    name: str | None
    code: str | None
    area_ids: tuple[int, ...] = ()
    """The villages, else townships, that the row puts it under."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    in_scheme: bool | None = None
    """None: the row does not say so."""


@dataclass(frozen=True)
class Named:
    """A person that a row names, and what he is to its place (None: nothing)."""

    draft: PersonDraft
    aside: bool
    wish: Wish | None
    field: str
    """The field of the cell in which he stands."""
    heading: str = ""
    """What the report calls him: 县级河长."""


@dataclass(frozen=True)
class Fault:
    """Why something of a row cannot be taken, and in which fields it stands."""

    text: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """A row as understood."""

    row: Row
    place: PlaceSaid | None = None
    people: Sequence[Named] = ()
    remarks: Sequence[str] = ()
    """What was understood that the row does not literally say, in plain Chinese."""
    faults: Sequence[Fault] = ()

    @property
    def subject(self) -> str:
        """What the report calls the row."""
        if self.place is not None:
            return self.place.name or self.place.code or ""
        if self.people:
            return self.people[0].draft.name
        return self.row.values.get("name", "")
