"""Where something is missing: no duty, no patrol, or a duty without a patrol."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import facts, holding, windows
from geo_service.coverage.facts import Facts
from geo_service.coverage.gap_rows import Floats, GapRows
from geo_service.coverage.ground import DM_PER_M, Ground, Query, areas_m2
from geo_service.coverage.holding import NOBODY, Held
from layers.cells import CellSet
from layers.spans import SpanSet
from layers.vocabulary import GapKind, Layer

LEAST_M2 = 1.0
"""What is less of an area is no gap."""


@dataclass(frozen=True, eq=False)
class GapTable:
    """All gaps of one kind, and the sets that they rest on."""

    ground: Ground
    kind: GapKind
    rows: GapRows
    gaps: SpanSet
    """Of lines, dm, those listed."""
    short: SpanSet
    """Of lines, dm, those that are too short to be listed."""
    missing: Mapping[int, CellSet | None]
    """Of areas: the cells that are missing; None: all that counts but `except_cells`.

    To have a steward all of an area counts; to be walked, where one can walk."""
    except_cells: Mapping[int, CellSet] = field(default_factory=dict)
    ambiguous: SpanSet = field(default_factory=SpanSet.empty)
    """Of the gaps of lines, dm, what somebody maybe walked."""

    @property
    def sizes(self) -> dict[Layer, float]:
        """Return for each layer the metres or square metres of all its gaps, the short ones too."""
        sizes = self.rows.by_place + self.short.lengths(len(self.ground.places)) / DM_PER_M
        found = dict.fromkeys(self.ground.query.layers, 0.0)
        for place, size in zip(self.ground.places, sizes.tolist(), strict=True):
            found[place.layer] += size
        return found

    def part(self, begin: int, count: int) -> "GapTable":
        """Return the table with so many of its rows."""
        return replace(self, rows=self.rows[begin : begin + count])


def gaps(db: Session, scope: Scope, query: Query, kind: GapKind) -> GapTable:
    """Return the gaps of one kind, over the places asked for.

    unassigned: no duty in force on the window's last day; unpatrolled: covered by nobody in the window;
    neglected: a duty is in force on the last day, yet nobody covered it.
    """
    if kind is GapKind.NEGLECTED:
        # A register holds many times more places than are anybody's.
        ids = holding.held_places(db, scope.county_id, query.last_day, query.kind, query.level)
        asked = ids if query.place_ids is None else ids.intersection(query.place_ids)
        query = replace(query, place_ids=tuple(asked))
    return of(facts.gather(db, scope, query), kind)


def of(found: Facts, kind: GapKind) -> GapTable:
    """Return the gaps of one kind, over facts that other answers rest on too."""
    ground = found.ground
    held = NOBODY if kind is GapKind.UNPATROLLED else found.held
    holders = {} if kind is GapKind.UNASSIGNED else found.stewards
    line_gaps, short = _listed(_by_bank(_line_gaps(found, kind, held), ground), ground)
    is_walking = kind is not GapKind.UNASSIGNED
    maybe = found.ambiguous & line_gaps if is_walking else SpanSet.empty()
    missing, except_cells = _missing_cells(found, kind, held)
    missing_m2 = _missing_m2(found.db, found.scope.county_id, ground, kind, missing, except_cells)
    rows = GapRows.of(
        ground, line_gaps, _by_span(maybe, line_gaps) if is_walking else None,
        {k: m2 for k, m2 in missing_m2.items() if m2 >= LEAST_M2}, _unmapped(ground, kind, held), holders,
    )  # fmt: skip
    return GapTable(ground, kind, rows, line_gaps, short, missing, except_cells, maybe)


def _line_gaps(found: Facts, kind: GapKind, held: Held) -> SpanSet:
    whole = found.ground.whole
    if kind is GapKind.UNASSIGNED:
        return whole - held.on(whole)
    expected = held.on(whole) if kind is GapKind.NEGLECTED else whole
    return expected - found.covered


def _by_bank(found: SpanSet, ground: Ground) -> SpanSet:
    """Part gaps where one bank of a river ends and the other begins."""
    ends = [(k, side.start, side.stop) for k, place in enumerate(ground.places) for side in place.sides]
    if not ends:
        return found
    apart = np.isin(found.place, list({k for k, _, _ in ends}))
    own, rest = found.where(apart), found.where(~apart)
    pieces = [rest]
    for k, start, stop in ends:
        here = own.where((own.place == k) & (own.start < stop) & (own.stop > start))
        pieces.append(SpanSet(here.place, np.maximum(here.start, start), np.minimum(here.stop, stop)))
    place, first, last = (
        np.concatenate([getattr(one, name) for one in pieces]) for name in ("place", "start", "stop")
    )
    order = np.lexsort((first, place))
    return SpanSet(place[order], first[order], last[order])


def _listed(found: SpanSet, ground: Ground) -> tuple[SpanSet, SpanSet]:
    """Part gaps into those to be listed and those that are too short; a whole place is never too short."""
    whole_dm = ground.whole.lengths(len(ground.places))
    limit_dm = np.minimum(ground.query.shortest_m * DM_PER_M, whole_dm[found.place])
    long = found.length >= limit_dm
    return found.where(long), found.where(~long)


def _missing_cells(
    found: Facts, kind: GapKind, held: Held
) -> tuple[dict[int, CellSet | None], dict[int, CellSet]]:
    """Return for each area place with a gap the missing cells; None: the whole but the second answer."""
    ground = found.ground
    areas = list(ground.areas.values())
    if kind is GapKind.UNASSIGNED:
        return dict.fromkeys(k for k in areas if k not in held.wholly), dict(held.cells)
    seen = found.seen
    # A compound was visited or not: who was in it leaves no gap.
    areas = [k for k in areas if ground.places[k].layer is not Layer.COMPOUND or k not in seen]
    if kind is GapKind.UNPATROLLED:
        return dict.fromkeys(areas), {k: seen[k] for k in areas if k in seen}
    missing: dict[int, CellSet | None] = dict.fromkeys(k for k in areas if k in held.wholly)
    partly = {k: held.cells[k] for k in areas if k in held.cells and k not in held.wholly}
    counting = _walkable(found.db, found.scope, ground, partly)
    missing |= {k: cells - seen.get(k, CellSet()) for k, cells in counting.items()}
    return missing, {k: seen[k] for k in missing if k in seen and k in held.wholly}


def _walkable(db: Session, scope: Scope, ground: Ground, cells: Mapping[int, CellSet]) -> dict[int, CellSet]:
    """Return of cells of area places those that count, as far as that is known."""
    index = {version_id: k for version_id, k in ground.index.items() if k in cells}
    counting = windows.walkable_cells(db, scope.county_id, index)
    return {k: own & counting[k] if k in counting else own for k, own in cells.items()}


def _missing_m2(
    db: Session,
    county_id: int,
    ground: Ground,
    kind: GapKind,
    missing: Mapping[int, CellSet | None],
    except_cells: Mapping[int, CellSet],
) -> dict[int, float]:
    """Return how much of each area place is missing."""
    of_all = kind is GapKind.UNASSIGNED
    sizes = {k: ground.places[k].sizes for k in missing}
    whole_m2 = {k: size.area_m2 if of_all else size.counting_m2 for k, size in sizes.items() if size}
    named = {k: cells for k, cells in missing.items() if cells is not None}
    named_m2 = areas_m2(db, county_id, ground, named)
    except_m2 = areas_m2(db, county_id, ground, except_cells)
    return {
        k: named_m2.get(k, 0.0) if cells is not None else whole_m2.get(k, 0.0) - except_m2.get(k, 0.0)
        for k, cells in missing.items()
    }


def _unmapped(ground: Ground, kind: GapKind, held: Held) -> list[int]:
    """Return places that are 未上图 and nobody's duty; whether they were walked cannot be known."""
    if kind is not GapKind.UNASSIGNED:
        return []
    return [k for k, place in enumerate(ground.places) if place.version_id is None and k not in held.wholly]


def _by_span(parts: SpanSet, spans: SpanSet) -> Floats:
    """Return for each span the length of the parts in it; each part lies within one span."""
    room = float(spans.stop.max(initial=0.0)) + 1.0
    starts = spans.place * room + spans.start
    span = np.searchsorted(starts, parts.place * room + parts.start, side="right") - 1
    return np.bincount(span, weights=parts.length, minlength=len(spans)).astype(np.float64)
