"""What a patrol covered: computed from its track, kept by place and local day, taken back when voided."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.orm import Session

from geo_service.coverage import queries, rollup
from geo_service.coverage.computing import (
    DM_PER_M,
    LineRow,
    Neighbourhood,
    Passage,
    Spans,
    VisitRow,
    box_around,
)
from geo_service.tables import County
from layers.cells import AreaCells, CellSet
from layers.lines import LineSet
from layers.remeasure import Remeasure
from layers.spans import SpanSet
from layers.tracks import Track
from layers.vocabulary import Layer


@dataclass(frozen=True)
class CoveredLine:
    """What a patrol covered of one line: spans in decimetres, metres in all, over all its days."""

    place_id: int
    layer: Layer
    name: str | None
    spans_dm: list[tuple[int, int]]
    metres: float


@dataclass(frozen=True)
class SeenArea:
    """What a patrol saw of one area place: square metres, share of it, seconds spent inside."""

    place_id: int
    layer: Layer
    name: str | None
    seen_m2: float
    share: float
    dwell_s: float


@dataclass(frozen=True)
class Recorded:
    """All that one patrol covered and saw."""

    lines: list[CoveredLine]
    areas: list[SeenArea]


def neighbourhood(db: Session, county: County, track: Track) -> Neighbourhood:
    """Read the places around a track."""
    if county.crs is None:
        raise RuntimeError("a county without an extent has no places and takes no patrols")
    box = box_around(track, county.crs)
    return Neighbourhood(
        county.crs, queries.lines_near(db, county.id, box), queries.areas_near(db, county.id, box)
    )


def record(
    db: Session, county: County, patrol_id: uuid.UUID, track: Track, near: Neighbourhood | None = None
) -> Recorded:
    """Compute and store what a cleaned, home-cut track covered, and add it to the days' roll-up.

    In the caller's transaction. Called once a patrol; to compute it again call `forget` first.
    """
    if len(track) == 0:
        return Recorded([], [])
    near = near or neighbourhood(db, county, track)
    passage = Passage(near, track, ZoneInfo(county.time_zone))
    lines = passage.lines()
    cells = queries.cells_of(db, county.id, passage.wanted())
    visits = passage.visits(cells)
    queries.insert_line_coverage(db, county.id, [(patrol_id, row) for row in lines])
    queries.insert_visits(db, county.id, [(patrol_id, row) for row in visits])
    rollup.add_to_line_days(db, county.id, lines)
    rollup.add_to_cell_days(db, county.id, visits)
    return Recorded(_covered_lines(near, lines), _seen_areas(near, cells, visits))


def forget(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Take back what a patrol covered, and rebuild the roll-up of the place-days it had a part in."""
    _forget(db, county_id, [patrol_id], only_in_force=False)


def renew(db: Session, county: County, tracks: Mapping[uuid.UUID, Track]) -> None:
    """Compute anew what patrols covered of the places as they are now, by their tracks.

    What they covered of older versions stays as history. In the caller's transaction; the place-days of all
    are locked first, in key order.
    """
    _forget(db, county.id, list(tracks), only_in_force=True)
    for patrol_id, track in tracks.items():
        record(db, county, patrol_id, track)


def _forget(db: Session, county_id: int, patrol_ids: Sequence[uuid.UUID], *, only_in_force: bool) -> None:
    lines, areas = rollup.days_of(db, county_id, patrol_ids, only_in_force=only_in_force)
    rollup.lock_days(db, county_id, lines, areas)
    queries.delete_coverage(db, county_id, patrol_ids, only_in_force=only_in_force)
    rollup.rebuild_line_days(db, county_id, lines)
    rollup.rebuild_cell_days(db, county_id, areas)


def withdraw(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Take a patrol that is not counted out of the roll-up; its rows stay. Call it once that is stored."""
    lines, areas = rollup.days_of(db, county_id, [patrol_id])
    rollup.lock_days(db, county_id, lines, areas)
    rollup.rebuild_line_days(db, county_id, lines)
    rollup.rebuild_cell_days(db, county_id, areas)


def restore(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Put a patrol that counts again into the roll-up.

    By union, as an upload does: it loses nothing to an upload at the same moment.
    """
    rollup.add_patrol_to_days(db, county_id, patrol_id)


def remeasure(db: Session, county_id: int, place_id: int, old_version_id: int, new_version_id: int) -> float:
    """Carry a place's coverage from its old version to its new one; return the metres that no longer fit.

    What was covered of a line goes along by its measure; the cells of areas are the same squares and are kept
    where the new version has them. The old version's rows stay as history.
    """
    versions = queries.versions_of(db, county_id, place_id, [old_version_id, new_version_id])
    old, new = versions[old_version_id], versions[new_version_id]
    if old.line is None or new.line is None:
        queries.carry_cells(db, county_id, old_version_id, new_version_id)
        rollup.rebuild_all_cell_days(db, county_id, new_version_id)
        return 0.0
    rows = queries.line_coverage_of(db, county_id, old_version_id)
    mapping = Remeasure.between(LineSet.of([old.line], crs=old.crs), LineSet.of([new.line], crs=new.crs))
    measured = {name: _spans_m(rows, name) for name in queries.SPANS}
    carried = {name: mapping.carry(spans).scaled(DM_PER_M).rounded() for name, spans in measured.items()}
    kept = [
        (patrol_id, LineRow(new_version_id, row.day, *(_pairs(carried[name], k) for name in queries.SPANS)))
        for k, (patrol_id, row) in enumerate(rows)
    ]
    queries.insert_line_coverage(db, county_id, [(p, row) for p, row in kept if row.is_anything])
    rollup.rebuild_all_line_days(db, county_id, new_version_id)
    walked = measured["spans"] | measured["ridden"]
    ever = SpanSet.of(np.zeros(len(walked)), walked.start, walked.stop)
    return float(mapping.lost(ever).length.sum())


def _spans_m(rows: Sequence[tuple[uuid.UUID, LineRow]], name: str) -> SpanSet:
    """Return one column of rows in metres, numbered by their position."""
    ends = [(k, a, b) for k, (_, row) in enumerate(rows) for a, b in getattr(row, name)]
    place, start, stop = np.array(ends, dtype=np.float64).reshape(-1, 3).T
    return SpanSet.of(place, start / DM_PER_M, stop / DM_PER_M)


def _covered_lines(near: Neighbourhood, rows: Sequence[LineRow]) -> list[CoveredLine]:
    """Return what was covered of each line over all days, the longest first."""
    number = {line.version_id: k for k, line in enumerate(near.lines)}
    ends = [(number[row.version_id], a, b) for row in rows for a, b in (*row.spans, *row.ridden)]
    covered = SpanSet.of(*np.array(ends, dtype=np.float64).reshape(-1, 3).T)
    metres = covered.lengths(len(near.lines)) / DM_PER_M
    found = []
    for k in sorted(np.unique(covered.place).tolist(), key=lambda k: -metres[k]):
        line = near.lines[k]
        found.append(CoveredLine(line.place_id, line.layer, line.name, _pairs(covered, k), float(metres[k])))
    return found


def _seen_areas(
    near: Neighbourhood, cells: Mapping[int, AreaCells], rows: Sequence[VisitRow]
) -> list[SeenArea]:
    """Return what was seen of each area place over all days, the largest first."""
    found = []
    for area in near.areas:
        own = [row for row in rows if row.version_id == area.version_id]
        if own:
            seen = CellSet.from_bits(block for row in own for block in row.cells)
            seen_m2 = cells[area.version_id].area_m2(seen)
            share = min(seen_m2 / area.area_m2, 1.0) if area.area_m2 else 0.0
            dwell_s = sum(row.dwell_s for row in own)
            found.append(SeenArea(area.place_id, area.layer, area.name, seen_m2, share, dwell_s))
    return sorted(found, key=lambda area: -area.seen_m2)


def _pairs(spans: SpanSet, place: int) -> Spans:
    return [(int(a), int(b)) for a, b in spans.of_place(place).tolist()]
