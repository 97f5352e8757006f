"""What a patrol covered: computed from its track, kept by place and local day, taken back when voided."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service.coverage import queries, rollup
from geo_service.coverage.queries import NearArea, NearLine
from geo_service.tables import County
from layers import crs as crs_
from layers.cells import CellSet, dwell_s, seen_from
from layers.coverage import Covered, Path, pairs, stadium
from layers.lines import LineSet
from layers.matching import matched, way
from layers.reach import SIGHT_M, reach_m
from layers.remeasure import Remeasure
from layers.spans import SpanSet
from layers.tracks import Track
from layers.vocabulary import Layer

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FURTHEST_REACH_M = 200.0
"""Places are looked for this far around a track; no reach is longer."""
DM_PER_M = 10


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


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The places around a track, in metres of the county's CRS: all of the register compete."""

    crs: str
    lines: Sequence[NearLine]
    areas: Sequence[NearArea]

    @cached_property
    def line_set(self) -> LineSet:
        """The lines, in the order of `lines`."""
        return LineSet.of([line.geometry for line in self.lines], crs=self.crs)

    @cached_property
    def polygons(self) -> NDArray[np.object_]:
        """The areas' polygons in metres, in the order of `areas`."""
        lonlat = np.array([area.geometry for area in self.areas], dtype=object)
        return np.asarray(crs_.project(lonlat, self.crs), dtype=object) if self.areas else lonlat

    @cached_property
    def reach_m(self) -> Floats:
        """The reach of each line."""
        reach = [reach_m(line.layer, own_m=line.reach_m, width_m=line.width_m) for line in self.lines]
        return np.clip(np.array(reach, dtype=np.float64), 0.0, FURTHEST_REACH_M)

    def near(self, track: Track) -> Bools:
        """Tell which fixes lie within the reach of a place, shape (n,).

        Grids do not count: they tile the land, and would let every home be seen.
        """
        xy = crs_.to_metric(track.lonlat, self.crs)
        fixes = Path(xy, xy, track.time_s, track.time_s)
        near = np.zeros(len(track), dtype=bool)
        for fix, segment in pairs(self.line_set, fixes, float(self.reach_m.max(initial=0.0))):
            lo, hi = stadium(self.line_set, fixes, fix, segment, self.reach_m[self.line_set.place[segment]])
            near[fix[lo <= hi]] = True
        compounds = self.polygons[[area.layer is Layer.COMPOUND for area in self.areas]]
        if compounds.size:
            points = shapely.points(xy)
            fix, _ = shapely.STRtree(compounds).query(points, predicate="dwithin", distance=SIGHT_M)
            near[fix] = True
        return near


def neighbourhood(db: Session, county: County, track: Track) -> Neighbourhood:
    """Read the places around a track."""
    if county.crs is None:
        raise RuntimeError("a county without an extent has no places and takes no patrols")
    box = _box_around(track, county.crs)
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
    xy = crs_.to_metric(track.lonlat, near.crs)
    zone = ZoneInfo(county.time_zone)
    lines = _record_lines(db, county.id, patrol_id, _covered(near, xy, track), near.lines, zone)
    areas = _record_areas(db, county.id, patrol_id, xy, track, near, zone)
    return Recorded(lines, areas)


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
    spans = SpanSet.of(
        [k for k, row in enumerate(rows) for _ in row.spans_dm],
        [a / DM_PER_M for row in rows for a, _ in row.spans_dm],
        [b / DM_PER_M for row in rows for _, b in row.spans_dm],
    )
    mapping = Remeasure.between(LineSet.of([old.line], crs=old.crs), LineSet.of([new.line], crs=new.crs))
    carried = mapping.carry(spans).scaled(DM_PER_M).rounded()
    kept = [
        (new_version_id, rows[k].day, rows[k].patrol_id, _pairs(carried.of_place(k)))
        for k in np.unique(carried.place).tolist()
    ]
    queries.insert_line_coverage(db, county_id, kept)
    rollup.rebuild_all_line_days(db, county_id, new_version_id)
    ever = SpanSet.of(np.zeros(len(spans)), spans.start, spans.stop)
    return float(mapping.lost(ever).length.sum())


def _covered(near: Neighbourhood, xy: Floats, track: Track) -> Covered:
    rival = np.array([list(Layer).index(line.layer) for line in near.lines], np.int64)
    return matched(near.line_set, xy, track.time_s, track.piece, near.reach_m, rival)


def _record_lines(
    db: Session,
    county_id: int,
    patrol_id: uuid.UUID,
    covered: Covered,
    lines: Sequence[NearLine],
    zone: ZoneInfo,
) -> list[CoveredLine]:
    by_line: dict[int, SpanSet] = {}
    rows = []
    for day, here in _by_day(covered.time_s, zone):
        spans = covered.where(here).spans().scaled(DM_PER_M).rounded()
        for k in np.unique(spans.place).tolist():
            line = lines[k]
            own = SpanSet.of(np.zeros(len(spans.of_place(k))), *spans.of_place(k).T)
            own = own & SpanSet.whole([line.length_dm])
            if len(own):
                rows.append((line.version_id, day, patrol_id, _pairs(own.of_place(0))))
                by_line[k] = by_line.get(k, SpanSet.empty()) | own
    queries.insert_line_coverage(db, county_id, rows)
    rollup.add_to_line_days(db, county_id, rows)
    return [
        CoveredLine(
            lines[k].place_id,
            lines[k].layer,
            lines[k].name,
            _pairs(spans.of_place(0)),
            float(spans.length.sum()) / DM_PER_M,
        )
        for k, spans in sorted(by_line.items(), key=lambda item: -item[1].length.sum())
    ]


def _record_areas(
    db: Session,
    county_id: int,
    patrol_id: uuid.UUID,
    xy: Floats,
    track: Track,
    near: Neighbourhood,
    zone: ZoneInfo,
) -> list[SeenArea]:
    if not near.areas:
        return []
    walked, exact = way(xy, track.time_s, track.piece), Path.of(xy, track.time_s, track.piece)
    seen = {day: seen_from(_during(walked, here), SIGHT_M) for day, here in _by_day(_middle_s(walked), zone)}
    stays = {day: _during(exact, here) for day, here in _by_day(_middle_s(exact), zone)}
    whole = CellSet()
    for cells in seen.values():
        whole = whole | cells
    wanted = [(area.version_id, *block) for area in near.areas for block in whole.blocks]
    inside = queries.cells_of(db, county_id, wanted)
    visits, cells_rows, found = [], [], []
    for area, polygon in zip(near.areas, near.polygons, strict=True):
        own = inside.get(area.version_id)
        if own is None or not len(own.inside & whole):
            continue
        dwell = {day: dwell_s(path, polygon) for day, path in stays.items()}
        for day, cells in seen.items():
            here = own.inside & cells
            if len(here):
                visits.append((area.version_id, day, patrol_id, dwell.get(day, 0.0)))
                cells_rows += [(area.version_id, day, patrol_id, *bits) for bits in here.to_bits()]
        seen_m2 = own.area_m2(own.inside & whole)
        share = min(seen_m2 / area.area_m2, 1.0) if area.area_m2 else 0.0
        found.append(SeenArea(area.place_id, area.layer, area.name, seen_m2, share, sum(dwell.values())))
    queries.insert_area_coverage(db, county_id, visits, cells_rows)
    rollup.add_to_cell_days(db, county_id, cells_rows)
    return sorted(found, key=lambda area: -area.seen_m2)


def _by_day(time_s: Floats, zone: ZoneInfo) -> Iterable[tuple[dt.date, Bools]]:
    """Yield each local day with the rows that fall on it."""
    if time_s.size == 0:
        return
    first = dt.datetime.fromtimestamp(float(time_s.min()), zone).date()
    last = dt.datetime.fromtimestamp(float(time_s.max()), zone).date()
    for k in range((last - first).days + 1):
        day = first + dt.timedelta(days=k)
        begins, ends = (
            dt.datetime.combine(day + dt.timedelta(days=n), dt.time(), zone).timestamp() for n in (0, 1)
        )
        here = (time_s >= begins) & (time_s < ends)
        if here.any():
            yield day, here


def _middle_s(path: Path) -> Floats:
    return np.asarray((path.start_s + path.stop_s) / 2)


def _during(path: Path, here: Bools) -> Path:
    return Path(path.a[here], path.b[here], path.start_s[here], path.stop_s[here])


def _pairs(spans: Floats) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in spans.tolist()]


def _box_around(track: Track, crs: str) -> tuple[float, float, float, float]:
    """Return west, south, east, north in degrees, with room for the furthest reach."""
    xy = crs_.to_metric(track.lonlat, crs)
    low, high = xy.min(axis=0) - FURTHEST_REACH_M, xy.max(axis=0) + FURTHEST_REACH_M
    corners = np.array([low, high, [low[0], high[1]], [high[0], low[1]]])
    lonlat: Any = crs_.to_lonlat(corners, crs)
    return (*lonlat.min(axis=0).tolist(), *lonlat.max(axis=0).tolist())
