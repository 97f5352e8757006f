"""What each place of a map is worth in a window: numbers by place, which the page joins with the tiles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import answers, facts, gaps, townships
from geo_service.coverage.answers import CoverageRow
from geo_service.coverage.facts import Facts
from geo_service.coverage.gaps import GapTable
from geo_service.coverage.ground import Query
from geo_service.tiles import queries
from layers.vocabulary import GapKind
from maps.style import FRESHNESS, UNCOVERED, freshness

_CLASSES = [look.key for look in (*FRESHNESS, UNCOVERED)]
_BITS = {GapKind.UNASSIGNED: 1, GapKind.UNPATROLLED: 2, GapKind.NEGLECTED: 4}


@dataclass(frozen=True)
class Values:
    """Columns of numbers, a value a place or township in the order of its ids."""

    places: dict[str, list[int]]
    """id, fresh (class), share (per mille; -1: cannot be told), times, held (0 none, 1 a part, 2 all), gaps
    (the sum of 1 unassigned, 2 unpatrolled, 4 neglected)."""
    areas: dict[str, list[int]]
    """id, share and unassigned of the length of its lines, per mille; -1 where there are none."""

    @property
    def told(self) -> dict[str, Any]:
        """The columns as JSON sends them."""
        return {"places": self.places, "areas": self.areas}


def values(db: Session, scope: Scope, query: Query) -> Values:
    """Return the values of all mapped places asked for, as `answers` and `gaps` tell them."""
    gathered = facts.gather(db, scope, query, with_names=False)
    table = answers.of(gathered)
    found = {kind: gaps.of(gathered, kind) for kind in GapKind}
    unassigned = found[GapKind.UNASSIGNED]
    free = unassigned.rows.by_place.tolist()
    of_gaps = np.zeros(len(free), np.int64)
    for kind, one in found.items():
        of_gaps[np.unique(one.rows.number)] |= _BITS[kind]
    columns: dict[str, list[int]] = {key: [] for key in ("id", "fresh", "share", "times", "held", "gaps")}
    for number, row in enumerate(table.rows):
        if row.place.version_id is None:
            continue
        told = (
            row.place.place_id, _fresh(row, query), _share(row), row.outings.times if row.outings else 0,
            _held(row, free[number]), int(of_gaps[number]),
        )  # fmt: skip
        for column, value in zip(columns.values(), told, strict=True):
            column.append(value)
    return Values(columns, _of_townships(gathered, unassigned))


def _of_townships(found: Facts, unassigned: GapTable) -> dict[str, list[int]]:
    ids = queries.townships_of(found.db, found.scope)
    sums = townships.of(found, unassigned, ids) if ids else {}
    lengths = [sums[id_] for id_ in ids]
    return {
        "id": list(ids),
        "share": [_per_mille(one.share) for one in lengths],
        "unassigned": [
            _per_mille(one.unassigned_m / one.length_m if one.length_m else None) for one in lengths
        ],
    }


def _fresh(row: CoverageRow, query: Query) -> int:
    days = None if row.outings is None else (query.last_day - row.outings.last_day).days
    return _CLASSES.index(freshness(days).key)


def _share(row: CoverageRow) -> int:
    return _per_mille(row.done)


def _held(row: CoverageRow, free: float) -> int:
    if not free:
        return 2
    return 1 if row.whole and free < row.whole - 0.5 else 0


def _per_mille(share: float | None) -> int:
    """Return a share; what is not nothing is at least one, what is not all at most 999."""
    if share is None:
        return -1
    return round(share * 1000) if share in (0.0, 1.0) else min(max(round(share * 1000), 1), 999)
