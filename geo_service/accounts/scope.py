"""Who acts, and over which areas: the value that every service receives."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from geo_service.errors import Forbidden
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
    An administrator may do in his areas whatever any other right allows, so his areas count for every right.
    """

    county_id: int
    actor: Actor
    rights: Mapping[Right, frozenset[int] | None] = field(default_factory=dict)
    person_id: uuid.UUID | None = None
    """The person behind a volunteer's account."""
    everywhere: frozenset[Right] = frozenset()
    """The rights that hold in every county."""

    def areas(self, *rights: Right) -> frozenset[int] | None:
        """Return the areas in which any of `rights` holds (none named: any right); None: the whole county."""
        found = [a for r, a in self.rights.items() if not rights or r in rights or r is Right.ADMINISTRATOR]
        if any(a is None for a in found):
            return None
        return frozenset().union(*(a for a in found if a is not None))

    def holds(self, *rights: Right) -> bool:
        """Tell whether any of `rights` (or administrator) holds in at least one area."""
        return any(right in self.rights for right in (*rights, Right.ADMINISTRATOR))

    def reaches(self, area_id: int | None, *rights: Right) -> bool:
        """Tell whether any of `rights` (or administrator) holds in the area; None: in the whole county."""
        areas = self.areas(*rights)
        return areas is None or area_id in areas

    def demand(self, *rights: Right) -> None:
        """Raise `Forbidden` unless any of `rights` (or administrator) holds in at least one area."""
        if not self.holds(*rights):
            raise Forbidden(f"需要「{'」或「'.join(r.zh for r in rights)}」权限，请联系本县管理员开通。")

    def demand_county(self, *rights: Right) -> None:
        """Raise `Forbidden` unless any of `rights` (or administrator) holds in the whole county."""
        self.demand(*rights)
        if self.areas(*rights) is not None:
            raise Forbidden("这项操作涉及全县，您的权限只到部分辖区，请联系县级管理员办理。")
