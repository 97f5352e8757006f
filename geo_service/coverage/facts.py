"""What answers over one ground rest on: each is read once, when it is first asked for.

Who asks one question passes a query; who asks several of the same ground (the map: coverage and every kind
of gap) gathers it once.
"""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import ground as grounds
from geo_service.coverage import holding, windows
from geo_service.coverage.ground import Ground, Query
from geo_service.coverage.holding import Held, Steward
from layers.cells import CellSet
from layers.spans import SpanSet


@dataclass(frozen=True, eq=False)
class Facts:
    """A ground, and what was covered, seen and held of it."""

    db: Session
    scope: Scope
    ground: Ground
    with_names: bool = True
    """Whether to read who holds and who walked; a map needs nobody's name."""

    @cached_property
    def covered(self) -> SpanSet:
        """What of the lines (dm) was covered in the window, by anyone."""
        return grounds.covered(self.db, self.scope, self.ground)

    @cached_property
    def ambiguous(self) -> SpanSet:
        """What of the lines (dm) somebody maybe walked in the window."""
        return grounds.ambiguous(self.db, self.scope, self.ground)

    @cached_property
    def seen(self) -> dict[int, CellSet]:
        """The cells of each numbered area that were seen in the window."""
        query = self.ground.query
        return windows.seen_cells(
            self.db, self.scope.county_id, query.first_day, query.last_day, self.ground.areas
        )

    @cached_property
    def held(self) -> Held:
        """Which part of the places is somebody's duty."""
        return holding.held(self.db, grounds.asked_duties(self.ground))

    @cached_property
    def stewards(self) -> dict[int, list[Steward]]:
        """Who holds the places or parts of them, as far as the scope may read that."""
        return grounds.stewards(self.db, self.scope, self.ground) if self.with_names else {}

    @cached_property
    def walkers(self) -> dict[int, list[str]]:
        """Who walked the places in the window, as far as the scope may read that."""
        if not (self.with_names and grounds.may_name(self.scope)):
            return {}
        ground, query = self.ground, self.ground.query
        return windows.walkers(
            self.db, self.scope, query.first_day, query.last_day, ground.lines, ground.areas
        )


def gather(db: Session, scope: Scope, query: Query, *, with_names: bool = True) -> Facts:
    """Read the places asked for and their wholes; the rest when it is asked for."""
    return Facts(db, scope, grounds.gather(db, scope, query), with_names)
