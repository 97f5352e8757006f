"""Who acts, and over which areas: the value that every service receives."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from layers.vocabulary import Right


@dataclass(frozen=True)
class Actor:
    """Who acts: an account (HTTP) or a user of the operating system (commands)."""

    account_id: uuid.UUID | None = None
    os_user: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Scope:
    """An actor's rights in one county.

    `rights` maps each right to the ids of its areas with all areas below them; None is the whole county.
    """

    county_id: int
    actor: Actor
    rights: Mapping[Right, frozenset[int] | None] = field(default_factory=dict)
    person_id: uuid.UUID | None = None
    """The person behind a volunteer's account."""

    def areas(self, *rights: Right) -> frozenset[int] | None:
        """Return the areas in which any of `rights` holds (none named: any right); None: the whole county."""
        found = [a for r, a in self.rights.items() if not rights or r in rights]
        if any(a is None for a in found):
            return None
        return frozenset().union(*(a for a in found if a is not None))
