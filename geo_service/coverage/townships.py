"""Coverage and what is nobody's duty, township by township: the spans of each place that lie there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import facts, gaps, lying_queries
from geo_service.coverage.facts import Facts
from geo_service.coverage.gaps import GapTable
from geo_service.coverage.ground import DM_PER_M, Query
from layers.spans import SpanSet
from layers.vocabulary import GapKind


@dataclass(frozen=True)
class TownshipSums:
    """One township: metres of its rivers and roads, numbers of its grids and compounds."""

    length_m: float
    covered_m: float
    unassigned_m: float
    areas: int
    """Grids and compounds that lie in it, even partly."""
    unassigned_areas: int
    """Those of them of which all or a part is nobody's duty."""

    @property
    def share(self) -> float | None:
        """Covered part of the length, 0 to 1; None where there is no line."""
        return min(self.covered_m / self.length_m, 1.0) if self.length_m else None


def by_township(db: Session, scope: Scope, query: Query, area_ids: Sequence[int]) -> dict[int, TownshipSums]:
    """Return the sums of each of the areas, over the mapped places that are asked for."""
    found = facts.gather(db, scope, query)
    return of(found, gaps.of(found, GapKind.UNASSIGNED), area_ids)


def of(found: Facts, table: GapTable, area_ids: Sequence[int]) -> dict[int, TownshipSums]:
    """Return the sums of each of the areas, over facts and their gaps without a duty."""
    walked, free = found.covered, table.gaps | table.short
    lying = lying_queries.lying(found.db, found.scope.county_id, area_ids, found.ground.index)
    nobody = set(table.rows.number[~table.rows.is_stretch & ~table.rows.is_unmapped].tolist())
    return {area_id: _sums(table, lying.get(area_id, []), walked, free, nobody) for area_id in area_ids}


def _sums(
    table: GapTable,
    lying: Sequence[tuple[int, Sequence[tuple[int, int]] | None]],
    walked: SpanSet,
    free: SpanSet,
    nobody: set[int],
) -> TownshipSums:
    places = table.ground.places
    spans = [
        (k, *pair)
        for k, own in lying
        if places[k].layer.is_line
        for pair in (own if own is not None else [(0, places[k].length_dm or 0)])
    ]
    here = SpanSet.of(*np.array(spans, float).reshape(-1, 3).T) & table.ground.whole
    areas = {k for k, _ in lying if not places[k].layer.is_line}
    return TownshipSums(
        float(here.length.sum()) / DM_PER_M,
        float((here & walked).length.sum()) / DM_PER_M,
        float((here & free).length.sum()) / DM_PER_M,
        len(areas),
        len(areas & nobody),
    )
