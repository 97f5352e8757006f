"""What a patrol covered: computed from its track, kept by place and local day, taken back when voided."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service.counting import Sizes
from geo_service.coverage import queries, rollup, walkable, walkable_queries
from geo_service.coverage.computing import (
    DM_PER_M,
    LineRow,
    Neighbourhood,
    Passage,
    Spans,
    VisitRow,
    boxes_around,
    by_place,
)
from geo_service.tables import County
from layers import banks
from layers.cells import AreaCells, CellSet
from layers.spans import SpanSet
from layers.tracks import Track
from layers.vocabulary import Layer

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stretches:
    """Stretches of one line: spans in decimetres, metres in all."""

    spans_dm: list[tuple[int, int]]
    metres: float

    @classmethod
    def of(cls, spans_dm: Spans) -> "Stretches":
        """Return spans with their metres."""
        return cls(spans_dm, sum(stop - start for start, stop in spans_dm) / DM_PER_M)


@dataclass(frozen=True)
class CoveredLine:
    """What a patrol covered of one line over all its days, and how: spans in decimetres, metres in all.

    `spans_dm` and `metres` are what covers: nothing where it was only ridden and that does not count, or
    where only `ambiguous` stretches are.
    """

    place_id: int
    layer: Layer
    name: str | None
    spans_dm: list[tuple[int, int]]
    metres: float
    walked: Stretches
    ridden: Stretches
    """Only ridden, at the speed of a vehicle: covers if the patrol's `rides_count`."""
    bridged: Stretches
    """Of what was walked, during an outage: both of its ends are on this line, and the time fits."""
    ambiguous: Stretches
    """Maybe walked: another line is too close to tell them apart. Covers nothing."""

    @property
    def along_m(self) -> float:
        """Metres that it went along for sure, on foot or not, whether or not that counts."""
        return self.walked.metres + self.ridden.metres


@dataclass(frozen=True)
class SeenArea:
    """What a patrol saw of one area place."""

    place_id: int
    layer: Layer
    name: str | None
    seen_m2: float
    share: float | None
    """Of the part that counts, 0 to 1; None: a compound, of which is only told that it was visited."""
    dwell_s: float
    """Seconds inside."""
    entries: int = 0
    """How often it came in from outside and stayed."""
    of_walkable: bool = False
    """Whether the share is of the part in which one can walk; else of all of it."""

    @classmethod
    def of(
        cls,
        place: tuple[int, Layer, str | None],
        seen_m2: float,
        sizes: Sizes,
        dwell_s: float,
        entries: int,
    ) -> "SeenArea":
        """Make it from what was seen and the sizes of the place's version."""
        share = None if place[1] is Layer.COMPOUND else sizes.share(seen_m2)
        return cls(*place, seen_m2, share, dwell_s, entries, sizes.walkable_m2 is not None)

    def rounded(self) -> "SeenArea":
        """Return the same as it is told to programs."""
        share = None if self.share is None else round(self.share, 4)
        return replace(self, seen_m2=round(self.seen_m2, 1), share=share, dwell_s=round(self.dwell_s, 1))


@dataclass(frozen=True)
class Recorded:
    """All that one patrol covered and saw, ridden parts too: whether they count is the verdict's business."""

    lines: list[CoveredLine]
    areas: list[SeenArea]


def neighbourhood(db: Session, county: County, *tracks: Track) -> Neighbourhood:
    """Read the places around tracks."""
    if county.crs is None:
        raise RuntimeError("a county without an extent has no places and takes no patrols")
    boxes = np.concatenate([boxes_around(track) for track in tracks])
    return Neighbourhood(
        county.crs, queries.lines_near(db, county.id, boxes), queries.areas_near(db, county.id, boxes)
    )


def lock(db: Session, county_id: int) -> None:
    """Let one transaction at a time change what the patrols of a county covered, or what they cover by.

    Taken before any row of a patrol is changed or read for that: else a walk that comes while a place gets
    its new version, or is taken back then, would be carried over as it was before.
    """
    queries.lock_county(db, county_id)


def record(
    db: Session, county: County, patrol_id: uuid.UUID, track: Track, near: Neighbourhood | None = None
) -> Recorded:
    """Compute and store what a cleaned, home-cut track covered; `enter` puts it into the roll-up.

    In the caller's transaction. Called once a patrol; to compute it again call `forget` first.
    """
    found = _computed(db, county, track, near)
    _store(db, county.id, {patrol_id: found})
    sizes = queries.sizes_of(db, county.id, {row.version_id for row in found.visits}) if found.visits else {}
    return Recorded(
        _covered_lines(found.near, found.lines), _seen_areas(found.near, found.cells, found.visits, sizes)
    )


def enter(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Put a patrol that was recorded, settled and judged into the roll-up, as far as it covers."""
    rollup.add_patrols(db, county_id, [patrol_id])
    _leave_walkable(db, county_id, [patrol_id])


def recount(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Take a patrol into the roll-up or out of it, after something of what counts of it was changed.

    Its rows stay. Call it once the change is written.
    """
    days = rollup.days_of(db, county_id, [patrol_id])
    rollup.rebuild(db, county_id, days)
    walkable.rebuild(db, county_id, days.areas)


def forget(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Delete what a patrol covered, and take it out of the roll-up."""
    days = rollup.days_of(db, county_id, [patrol_id])
    queries.delete_coverage(db, county_id, [patrol_id])
    rollup.rebuild(db, county_id, days)
    walkable.rebuild(db, county_id, days.areas)


def renew(db: Session, county: County, tracks: Mapping[uuid.UUID, Track]) -> None:
    """Compute anew what patrols covered of the places as they are now, by their tracks.

    What they covered of older versions stays as history. In the caller's transaction.
    """
    if not tracks:
        return
    near = neighbourhood(db, county, *tracks.values())
    found = {
        patrol_id: _computed(db, county, track, near.around(track)) for patrol_id, track in tracks.items()
    }
    before = rollup.days_of(db, county.id, tracks, only_in_force=True)
    queries.delete_coverage(db, county.id, tracks, only_in_force=True)
    _store(db, county.id, found)
    if before.is_empty:
        rollup.add_patrols(db, county.id, list(tracks))
        _leave_walkable(db, county.id, list(tracks))
    else:
        after = before | rollup.days_of(db, county.id, tracks, only_in_force=True)
        rollup.rebuild(db, county.id, after)
        walkable.rebuild(db, county.id, after.areas)


def _leave_walkable(db: Session, county_id: int, patrol_ids: Sequence[uuid.UUID]) -> None:
    """Take back what patrols that do not cover saw: it was taken for walkable when it was stored."""
    if idle := queries.not_covering(db, patrol_ids):
        walkable.rebuild(db, county_id, rollup.days_of(db, county_id, idle).areas)


@dataclass(frozen=True, eq=False)
class _Computed:
    """What a track covered, as rows, and what they were computed from."""

    near: Neighbourhood
    cells: Mapping[int, AreaCells]
    lines: Sequence[LineRow]
    visits: Sequence[VisitRow]


def _computed(db: Session, county: County, track: Track, near: Neighbourhood | None = None) -> _Computed:
    if len(track) == 0:
        return _Computed(Neighbourhood(county.crs or "", [], []), {}, [], [])
    near = near or neighbourhood(db, county, track)
    passage = Passage(near, track, ZoneInfo(county.time_zone))
    lines = passage.lines()
    cells = queries.cells_of(db, county.id, passage.wanted())
    return _Computed(near, cells, lines, passage.visits(cells))


def _store(db: Session, county_id: int, found: Mapping[uuid.UUID, _Computed]) -> None:
    lines = [(patrol_id, row) for patrol_id, own in found.items() for row in own.lines]
    visits = [(patrol_id, row) for patrol_id, own in found.items() for row in own.visits]
    if lines:
        queries.insert_line_coverage(db, county_id, lines)
    if visits:
        queries.insert_visits(db, county_id, visits)
        walkable_queries.join(db, county_id, [row for _, row in visits])


def remeasure(db: Session, county_id: int, place_id: int, old_version_id: int, new_version_id: int) -> float:
    """Carry a place's coverage from its old version to its new one; return the metres that no longer fit.

    What was covered of a line goes along by its measure; the cells of areas are the same squares and are kept
    where the new version has them. Where banks come apart nobody knows which one was walked: it is ambiguous
    on both. The old version's rows stay as history.
    """
    versions = queries.versions_of(db, county_id, place_id, [old_version_id, new_version_id])
    old, new = versions[old_version_id], versions[new_version_id]
    if old.line is None or new.line is None:
        queries.carry_cells(db, county_id, old_version_id, new_version_id)
        rollup.add_version(db, county_id, new_version_id)
        return 0.0
    rows = queries.line_coverage_of(db, county_id, old_version_id)
    mapping = banks.carried(old.course, new.course)
    measured = {name: _spans_m(rows, name) for name in queries.SPANS}
    walked = measured["spans"] | measured["ridden"]
    if new.banks is not None and old.banks is None:
        measured = dict.fromkeys(queries.SPANS, SpanSet.empty())
        measured["ambiguous"] = walked | _spans_m(rows, "ambiguous")
    carried = {name: mapping.carry(spans).scaled(DM_PER_M).rounded() for name, spans in measured.items()}
    # Two banks that become one line may have been covered in two ways.
    carried["ridden"] -= carried["spans"]
    carried["ambiguous"] -= carried["spans"] | carried["ridden"]
    kept = [
        (patrol_id, LineRow(new_version_id, row.day, *(_pairs(carried[name], k) for name in queries.SPANS)))
        for k, (patrol_id, row) in enumerate(rows)
    ]
    queries.insert_line_coverage(db, county_id, [(p, row) for p, row in kept if row.is_anything])
    rollup.add_version(db, county_id, new_version_id)
    ever = SpanSet.of(np.zeros(len(walked)), walked.start, walked.stop)
    return float(mapping.lost(ever).length.sum())


def _spans_m(rows: Sequence[tuple[uuid.UUID, LineRow]], name: str) -> SpanSet:
    """Return one column of rows in metres, numbered by their position."""
    ends = [(k, a, b) for k, (_, row) in enumerate(rows) for a, b in getattr(row, name)]
    place, start, stop = np.array(ends, dtype=np.float64).reshape(-1, 3).T
    return SpanSet.of(place, start / DM_PER_M, stop / DM_PER_M)


def _covered_lines(near: Neighbourhood, rows: Sequence[LineRow]) -> list[CoveredLine]:
    """Return what was covered of each line over all days, the longest first, as if rides counted."""
    number = {line.version_id: k for k, line in enumerate(near.lines)}

    def over_all_days(name: str) -> SpanSet:
        ends = [(number[row.version_id], a, b) for row in rows for a, b in getattr(row, name)]
        return SpanSet.of(*np.array(ends, dtype=np.float64).reshape(-1, 3).T)

    walked, ridden, bridged, ambiguous = (over_all_days(name) for name in queries.SPANS)
    covered = walked | ridden
    sets = [by_place(spans) for spans in (covered, walked, ridden - walked, bridged, ambiguous - covered)]
    found = []
    for k in sorted(set(covered.place.tolist()) | set(ambiguous.place.tolist())):
        line = near.lines[k]
        covers, *ways = (Stretches.of(spans.get(k, [])) for spans in sets)
        found.append(CoveredLine(line.place_id, line.layer, line.name, covers.spans_dm, covers.metres, *ways))
    return sorted(found, key=lambda line: -line.metres)


def _seen_areas(
    near: Neighbourhood,
    cells: Mapping[int, AreaCells],
    rows: Sequence[VisitRow],
    sizes: Mapping[int, Sizes],
) -> list[SeenArea]:
    """Return what was seen of each area place over all days, the largest first."""
    found = []
    for area in near.areas:
        own = [row for row in rows if row.version_id == area.version_id]
        if own:
            seen = CellSet.from_bits(block for row in own for block in row.cells)
            place = (area.place_id, area.layer, area.name)
            dwell_s, entries = sum(row.dwell_s for row in own), sum(row.entries for row in own)
            seen_m2 = cells[area.version_id].area_m2(seen)
            found.append(SeenArea.of(place, seen_m2, sizes[area.version_id], dwell_s, entries))
    return sorted(found, key=lambda area: -area.seen_m2)


def _pairs(spans: SpanSet, place: int) -> Spans:
    return [(int(a), int(b)) for a, b in spans.of_place(place).tolist()]
