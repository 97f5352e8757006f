"""What was covered of any layers, in any area and window: share, how often, how recently, by whom."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import facts, windows
from geo_service.coverage.facts import Facts
from geo_service.coverage.ground import DM_PER_M, Ground, Query, areas_m2, covered, gather
from geo_service.coverage.holding import named
from geo_service.coverage.windows import Outings, PlaceRow
from layers.cells import CellSet
from layers.periods import Days
from layers.spans import SpanSet
from layers.vocabulary import Layer


@dataclass(frozen=True)
class CoverageRow:
    """One place's coverage in the window: metres of a line, square metres of a grid; None while 未上图.

    Of a compound `covered` is its whole where it was visited, else nothing: towers reflect, and a share of
    its cells would be no more than a guess.
    """

    place: PlaceRow
    townships: Sequence[str]
    whole: float | None
    covered: float | None
    outings: Outings | None
    holders: Sequence[str]
    walkers: Sequence[str]
    dwell_s: float = 0.0
    """Seconds inside an area."""
    entries: int = 0

    @property
    def visited(self) -> bool | None:
        """Whether a compound was visited; None: no compound, or 未上图."""
        if self.place.layer is not Layer.COMPOUND or self.covered is None:
            return None
        return self.covered > 0

    @property
    def of_walkable(self) -> bool:
        """Whether the share is of the part in which one can walk; else of the whole."""
        return self.place.sizes is not None and self.place.sizes.walkable_m2 is not None

    @property
    def done(self) -> float | None:
        """From 0, nothing, to 1, all: the share, or whether it was visited; None while 未上图."""
        return self.share if self.visited is None else float(self.visited)

    @property
    def counting(self) -> float | None:
        """The part of the whole of which a share is told: of a grid where one can walk."""
        return self.whole if self.place.sizes is None else self.place.sizes.counting_m2

    ambiguous: float | None = None
    """Metres of a line that somebody maybe walked, and nobody covered; None: not asked, or no line."""

    @property
    def share(self) -> float | None:
        """Covered part of what counts, 0 to 1; None also for a compound, which was visited or not."""
        if self.place.layer is Layer.COMPOUND or not self.counting or self.covered is None:
            return None
        return min(self.covered / self.counting, 1.0)


@dataclass(frozen=True)
class Total:
    """One layer in sum; metres of lines, square metres of areas."""

    layer: Layer
    places: int
    touched: int
    """Places of which anything was covered; compounds that were visited."""
    mapped: int
    """Places that are not 未上图."""
    whole: float
    counting: float
    """The part of the whole of which the share is told: of grids where one can walk."""
    covered: float

    @property
    def share(self) -> float | None:
        """Covered part of what counts, 0 to 1; of compounds those that were visited."""
        if self.layer is Layer.COMPOUND:
            return self.touched / self.mapped if self.mapped else None
        return min(self.covered / self.counting, 1.0) if self.counting else None


@dataclass(frozen=True, eq=False)
class CoverageTable:
    """The coverage of all places asked for, and the sets it rests on (numbers are positions of rows)."""

    ground: Ground
    rows: Sequence[CoverageRow]
    covered: SpanSet
    seen: Mapping[int, CellSet]
    ambiguous: SpanSet
    """Maybe walked, and covered by nobody; empty where it was not asked for."""

    @property
    def totals(self) -> list[Total]:
        """Return the layers in sum, in their order, without those of which there is no place."""
        return [_total(layer, self.rows) for layer in self.ground.query.layers if _has(self.rows, layer)]


def coverage(db: Session, scope: Scope, query: Query, *, with_ambiguous: bool = False) -> CoverageTable:
    """Return what was covered of the places asked for, by anyone, in the window.

    `with_ambiguous`: also what of the rest somebody maybe walked.
    """
    return of(facts.gather(db, scope, query), with_ambiguous=with_ambiguous)


def of(found: Facts, *, with_ambiguous: bool = False) -> CoverageTable:
    """Return what was covered, over facts that other answers rest on too."""
    db, scope, ground = found.db, found.scope, found.ground
    query = ground.query
    walked, seen = found.covered, found.seen
    seen_m2 = areas_m2(db, scope.county_id, ground, seen)
    stays = windows.stays(db, scope.county_id, query.first_day, query.last_day, ground.areas)
    maybe = found.ambiguous - walked if with_ambiguous else SpanSet.empty()
    covered_dm = walked.lengths(len(ground.places))
    maybe_dm = maybe.lengths(len(ground.places))
    whole_dm = ground.whole.lengths(len(ground.places))
    outings = windows.outings(
        db, scope.county_id, query.first_day, query.last_day, ground.lines, ground.areas
    )
    walkers, holders = found.walkers, found.stewards
    rows = [
        CoverageRow(
            place,
            ground.townships.names(k),
            *_sizes(place, whole_dm[k], covered_dm[k], seen_m2.get(k, 0.0)),
            outings.get(k),
            named(holders.get(k, [])),
            walkers.get(k, []),
            *stays.get(k, (0.0, 0)),
            maybe_dm[k] / DM_PER_M if with_ambiguous and place.layer.is_line and place.version_id else None,
        )
        for k, place in enumerate(ground.places)
    ]
    return CoverageTable(ground, rows, walked, seen, maybe)


def covered_m(db: Session, scope: Scope, query: Query, parts: Sequence[Days]) -> list[float]:
    """Return how many metres of the lines asked for were covered in each part of the window, each metre once.

    Only the places that were walked in it are read: a register holds many times more.
    """
    walked = windows.walked_places(db, scope.county_id, query.first_day, query.last_day)
    ground = gather(db, scope, replace(query, place_ids=tuple(walked)))
    own = (replace(query, first_day=days.first, last_day=days.last) for days in parts)
    return [float(covered(db, scope, replace(ground, query=part)).length.sum()) / DM_PER_M for part in own]


def freshness(
    db: Session, scope: Scope, table: CoverageTable, ends_days: Sequence[int]
) -> list[tuple[int | None, SpanSet]]:
    """Return the stretches (dm) last covered 0 .. end days before the window's last day, for each end.

    The last entry, with None, is what was covered in the window before that.
    """
    query = table.ground.query
    since = [max(query.last_day.toordinal() - end, query.first_day.toordinal()) for end in ends_days]
    first = dt.date.fromordinal(min(since, default=query.last_day.toordinal()))
    day, place, start, stop = windows.covered_by_day(
        db, scope.county_id, first, query.last_day, table.ground.lines
    )
    left = table.covered
    classes: list[tuple[int | None, SpanSet]] = []
    for end, own in zip(ends_days, (day >= begin for begin in since), strict=True):
        classes.append((end, left & SpanSet.of(place[own], start[own], stop[own])))
        left = left - classes[-1][1]
    return [*classes, (None, left)]


def _sizes(
    place: PlaceRow, whole_dm: float, covered_dm: float, seen_m2: float
) -> tuple[float | None, float | None]:
    if place.version_id is None:
        return None, None
    if place.layer.is_line:
        return whole_dm / DM_PER_M, covered_dm / DM_PER_M
    if place.layer is Layer.COMPOUND:
        return place.area_m2, place.area_m2 if seen_m2 > 0 else 0.0
    return place.area_m2, seen_m2


def _has(rows: Sequence[CoverageRow], layer: Layer) -> bool:
    return any(row.place.layer is layer for row in rows)


def _total(layer: Layer, rows: Sequence[CoverageRow]) -> Total:
    own = [row for row in rows if row.place.layer is layer]
    return Total(
        layer,
        len(own),
        sum(1 for row in own if row.covered),
        sum(1 for row in own if row.covered is not None),
        sum(row.whole or 0.0 for row in own),
        sum(row.counting or 0.0 for row in own),
        sum(row.covered or 0.0 for row in own),
    )
