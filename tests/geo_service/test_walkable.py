"""Grids whose walkable part is known: kept equal to lines and walks, and the same number everywhere."""

import datetime as dt
import uuid

import numpy as np
import pytest
import shapely
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.coverage import answers, gaps, lists, queries, service, walkable, windows
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Query
from geo_service.jobs import Progress
from geo_service.people import service as people_service
from geo_service.tables import CellDay, Job, Patrol, Place, PlaceCells, PlaceVersion
from geo_service.web import pictures
from layers.cells import AreaCells, CellSet
from layers.crs import project
from layers.vocabulary import GapKind, Layer, Verdict
from maps.style import LEFT_OUT, UNCOVERED
from tests.geo_service.conftest import NOON, SmallCounty
from tests.geo_service.test_answers import MAY, duty, scope_of

GRID = "POLYGON ((0 0, 800 0, 800 600, 0 600, 0 0))"
ROAD = "LINESTRING (-100 103, 900 103)"


@pytest.fixture
def grid(small_county: SmallCounty) -> Place:
    """A grid of 800 m by 600 m with a road through its south."""
    small_county.place(Layer.ROAD, "D1", ROAD)
    place = small_county.place(Layer.GRID, "G1", GRID)
    walkable.lay_all(small_county.db, small_county.row)
    small_county.db.expire_all()
    return place


def cells_of(db: Session, place: Place, column: str) -> CellSet | None:
    bits = getattr(PlaceCells, column)
    rows = db.execute(
        select(PlaceCells.block_x, PlaceCells.block_y, bits).where(
            PlaceCells.place_version_id == place.version_id
        )
    ).all()
    known = [row for row in rows if row[2] is not None]
    assert len(known) in (0, len(rows))
    return CellSet.from_bits(known) if known else None


def as_set(cells: CellSet | None) -> set[tuple[int, int]] | None:
    return None if cells is None else {(x, y) for x, y in cells.cells().tolist()}


def rolled_up(db: Session, place: Place) -> set[tuple[int, int]]:
    rows = db.execute(
        select(CellDay.block_x, CellDay.block_y, CellDay.seen).where(
            CellDay.place_version_id == place.version_id
        )
    )
    return as_set(CellSet.from_bits(rows)) or set()


def holds(county: SmallCounty, place: Place) -> None:
    """Assert that what is kept is what lines and walks say, and every number follows from it."""
    db = county.db
    db.expire_all()
    version = db.get_one(PlaceVersion, place.version_id)
    blocks = db.execute(
        select(PlaceCells.place_version_id, PlaceCells.block_x, PlaceCells.block_y).where(
            PlaceCells.place_version_id == place.version_id
        )
    ).all()
    area = queries.cells_of(db, county.id, [tuple(row) for row in blocks])[version.id]
    beside, kept = cells_of(db, place, "beside_lines"), cells_of(db, place, "walkable")
    if beside is None:
        assert (kept, version.walkable_m2) == (None, None)
        return
    assert kept is not None
    assert as_set(kept) == (as_set(beside) or set()) | rolled_up(db, place)
    assert len(kept - area.inside) == 0
    assert version.walkable_m2 == pytest.approx(area.area_m2(kept), rel=1e-6)
    row, total = told(county, place)
    assert row.share is not None
    assert 0 <= row.share <= 1
    assert total.share == pytest.approx(row.share)
    assert row.share * version.walkable_m2 == pytest.approx(row.covered)
    missing = gap_m2(county, GapKind.UNPATROLLED, place)
    assert missing + (row.covered or 0.0) == pytest.approx(version.walkable_m2, abs=1.0)


def told(county: SmallCounty, place: Place) -> tuple[answers.CoverageRow, answers.Total]:
    table = answers.coverage(county.db, scope_of(county), Query(*MAY, layers=(Layer(place.layer),)))
    (total,) = table.totals
    return next(row for row in table.rows if row.place.place_id == place.id), total


def gap_m2(county: SmallCounty, kind: GapKind, place: Place) -> float:
    query = Query(*MAY, layers=(Layer.GRID,), place_ids=(place.id,))
    rows = gaps.gaps(county.db, scope_of(county), query, kind).rows
    return sum(row.size or 0.0 for row in rows)


def test_of_a_grid_counts_what_is_seen_from_its_road(small_county: SmallCounty, grid: Place) -> None:
    holds(small_county, grid)
    version = small_county.db.get_one(PlaceVersion, grid.version_id)
    assert version.walkable_m2 == pytest.approx(800 * 30, rel=0.05)
    _, recorded = small_county.patrol(small_county.walk((-50, 103), (850, 103)))
    (seen,) = [area for area in recorded.areas if area.place_id == grid.id]
    assert seen.of_walkable
    assert seen.share == pytest.approx(1, abs=0.02)
    assert (seen.dwell_s, seen.entries) == (pytest.approx(800 / 1.2, abs=15), 1)
    row, total = told(small_county, grid)
    assert row.share == pytest.approx(seen.share)
    assert total.whole == pytest.approx(480_000, rel=1e-4)
    assert (row.dwell_s, row.entries) == (seen.dwell_s, 1)
    holds(small_county, grid)


def test_a_walk_beyond_the_lines_joins_and_leaves_with_its_verdict(
    small_county: SmallCounty, grid: Place
) -> None:
    db, before = small_county.db, told(small_county, grid)[0].counting
    patrol_id, _ = small_county.patrol(small_county.walk((100, 405), (700, 405)))
    holds(small_county, grid)
    joined = told(small_county, grid)[0]
    assert (joined.counting or 0) - (before or 0) == pytest.approx(600 * 30, rel=0.1)
    patrol = db.get_one(Patrol, patrol_id)
    patrol.verdict = Verdict.NOT_COUNTED
    db.flush()
    service.recount(db, small_county.id, patrol_id)
    assert told(small_county, grid)[0].counting == pytest.approx(before)
    holds(small_county, grid)
    db.get_one(Patrol, patrol_id).verdict = Verdict.COUNTED
    db.flush()
    service.recount(db, small_county.id, patrol_id)
    assert told(small_county, grid)[0].counting == pytest.approx(joined.counting)
    holds(small_county, grid)
    service.forget(db, small_county.id, patrol_id)
    assert told(small_county, grid)[0].counting == pytest.approx(before)
    holds(small_county, grid)


def test_without_a_line_all_of_a_grid_counts(small_county: SmallCounty) -> None:
    grid = small_county.place(Layer.GRID, "G1", GRID)
    walkable.lay_all(small_county.db, small_county.row)
    small_county.patrol(small_county.walk((-50, 103), (850, 103)))
    holds(small_county, grid)
    row, _ = told(small_county, grid)
    assert not row.of_walkable
    assert row.share == pytest.approx(30 / 600, rel=0.1)
    assert gap_m2(small_county, GapKind.UNPATROLLED, grid) == pytest.approx(
        480_000 - (row.covered or 0), rel=1e-4
    )


def test_a_new_line_and_a_moved_one_change_the_grids_around_them(
    small_county: SmallCounty, grid: Place
) -> None:
    db = small_county.db
    far = small_county.place(Layer.GRID, "G2", "POLYGON ((5000 0, 5400 0, 5400 400, 5000 400, 5000 0))")
    river = small_county.place(Layer.RIVER, "R1", "LINESTRING (0 405, 800 405)")
    before = told(small_county, grid)[0].counting or 0.0
    walkable.renew(db, small_county.row, [river.id])
    # Of unknown width: one looks from banks 20 m beside the centre line.
    assert (told(small_county, grid)[0].counting or 0.0) - before == pytest.approx(800 * 60, rel=0.05)
    assert db.get_one(PlaceVersion, far.version_id).walkable_m2 is None
    small_county.version(river, "LINESTRING (5000 205, 5400 205)")
    walkable.renew(db, small_county.row, [river.id])
    assert told(small_county, grid)[0].counting == pytest.approx(before)
    assert told(small_county, far)[0].of_walkable
    for place in (grid, far):
        holds(small_county, place)


def test_of_a_river_count_the_banks_by_its_width_stretch_by_stretch(small_county: SmallCounty) -> None:
    db = small_county.db
    grid = small_county.place(Layer.GRID, "G1", GRID)
    river = small_county.place(Layer.RIVER, "R1", "LINESTRING (0 302, 400 302, 800 302)")
    version = db.get_one(PlaceVersion, river.version_id)

    def width_seen_m() -> float:
        walkable.renew(db, small_county.row, [river.id])
        holds(small_county, grid)
        return (told(small_county, grid)[0].counting or 0.0) / 800

    river.attributes = {"width_m": 10.0}
    db.flush()
    assert width_seen_m() == pytest.approx(2 * (5 + 15), rel=0.05)
    version.reaches = [[4000, 8000, 80.0]]  # as of a width of 120 m
    db.flush()
    # Where it widens, the corners of its banks are seen too.
    assert width_seen_m() == pytest.approx((2 * (5 + 15) + 2 * 30) / 2, rel=0.1)
    version.reach_m = 50.0
    db.flush()
    assert width_seen_m() == pytest.approx(2 * 30, rel=0.05)
    version.reach_m, version.banks = None, {"sides": [], "breadths": []}
    version.reaches = []
    db.flush()
    assert width_seen_m() == pytest.approx(2 * 15, rel=0.05), "the line is a bank itself"


def test_who_is_computed_anew_and_does_not_count_makes_nothing_walkable(small_county: SmallCounty) -> None:
    """He walked where no place was; then a grid came, and was laid before his turn."""
    db = small_county.db
    track = small_county.walk((5100, 405), (5700, 405))
    patrol_id, _ = small_county.patrol(track)
    db.get_one(Patrol, patrol_id).verdict = Verdict.NOT_COUNTED
    small_county.place(Layer.ROAD, "D2", "LINESTRING (5000 103, 5800 103)")
    new = small_county.place(Layer.GRID, "G2", "POLYGON ((5000 0, 5800 0, 5800 600, 5000 600, 5000 0))")
    walkable.renew(db, small_county.row, [new.id])
    before = told(small_county, new)[0].counting
    service.renew(db, small_county.row, {patrol_id: track})
    holds(small_county, new)
    assert told(small_county, new)[0].counting == before
    db.get_one(Patrol, patrol_id).verdict = Verdict.COUNTED
    db.flush()
    service.renew(db, small_county.row, {patrol_id: track})
    holds(small_county, new)
    assert (told(small_county, new)[0].counting or 0) - (before or 0) == pytest.approx(600 * 30, rel=0.1)


def test_many_grids_are_laid_by_jobs_one_behind_the_other(
    small_county: SmallCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = small_county.db
    monkeypatch.setattr(walkable, "AT_ONCE", 2)
    monkeypatch.setattr(walkable, "A_JOB", 2)
    road = small_county.place(Layer.ROAD, "D1", "LINESTRING (0 50, 1000 50)")
    grids = [
        small_county.place(
            Layer.GRID,
            f"G{k}",
            f"POLYGON (({k}00 0, {k}99 0, {k}99 99, {k}00 99, {k}00 0))".replace("000 ", "0 "),
        )
        for k in range(1, 6)
    ]
    walkable.renew(db, small_county.row, [road.id])
    heard = []
    while job := db.scalar(select(Job).where(Job.kind == walkable.JOB, Job.state == "waiting")):
        job.state = "done"
        walkable.by_job(db, job.payload, Progress(heard.append))
    assert db.scalar(select(func.count()).where(Job.kind == walkable.JOB)) == 3
    assert [tick["done"] for tick in heard if tick["done"]] == [2, 4, 5]
    for grid in grids:
        assert told(small_county, grid)[0].of_walkable
        holds(small_county, grid)


def test_a_county_of_an_older_version_is_laid_once_and_one_without_lines_never(
    small_county: SmallCounty,
) -> None:
    db = small_county.db
    grid = small_county.place(Layer.GRID, "G1", GRID)
    walkable.ask_for_all(db)
    assert db.scalars(select(Job).where(Job.kind == walkable.JOB)).all() == []
    small_county.place(Layer.ROAD, "D1", ROAD)
    for _ in range(2):
        walkable.ask_for_all(db)
    (job,) = db.scalars(select(Job).where(Job.kind == walkable.JOB)).all()
    walkable.by_job(db, job.payload, Progress(lambda _: None))
    job.state = "done"
    walkable.ask_for_all(db)
    assert db.scalars(select(Job.id).where(Job.kind == walkable.JOB)).all() == [job.id]
    assert told(small_county, grid)[0].of_walkable
    holds(small_county, grid)


def test_duties_on_cells_are_neglected_only_where_one_can_walk(
    small_county: SmallCounty, grid: Place
) -> None:
    db, zhou = small_county.db, small_county.person("周八")
    west = CellSet.at(
        np.array([[x, y] for x in range(48_000, 48_040) for y in range(364_000, 364_060)], np.int64)
    )
    people_service.add_duties(db, small_county.id, [duty(zhou, grid, cells=west)])
    assert gap_m2(small_county, GapKind.NEGLECTED, grid) == pytest.approx(400 * 30, rel=0.05)
    assert gap_m2(small_county, GapKind.UNASSIGNED, grid) == pytest.approx(240_000, rel=1e-3)
    small_county.patrol(small_county.walk((-50, 103), (850, 103)))
    assert gap_m2(small_county, GapKind.NEGLECTED, grid) < 400


def test_the_map_shows_what_nobody_can_walk_apart_from_the_gaps(
    small_county: SmallCounty, grid: Place
) -> None:
    small_county.patrol(small_county.walk((-50, 103), (300, 103)))
    row, _ = told(small_county, grid)
    scope, query = scope_of(small_county), Query(*MAY, layers=(Layer.GRID,))
    drawn = pictures.coverage_map(small_county.db, scope, query, full=True)
    features = [f for layer in drawn.layers if layer.key == "grid" for f in layer.features]
    area = {f.class_key: shapely.area(project(f.geometry, "EPSG:4549")) for f in features}
    assert area[LEFT_OUT.key] == pytest.approx(480_000 - (row.counting or 0), rel=1e-3)
    assert area[UNCOVERED.key] == pytest.approx((row.counting or 0) - (row.covered or 0), rel=1e-3)
    assert sum(area.values()) == pytest.approx(480_000, rel=1e-4)
    assert all(f.size == pytest.approx(area[f.class_key], rel=1e-3) for f in features)
    assert LEFT_OUT.key in drawn.legend
    (words,) = {dict(f.rows)["覆盖率"] for f in features}
    assert words.startswith("可走部分的 ")
    # The gap map draws as much as the list tells.
    table = gaps.gaps(small_county.db, scope, query, GapKind.UNPATROLLED)
    canvas = Canvas.of(small_county.db, table.ground, small_county.row)
    (shape,) = lists.gap_geometries(table, canvas)
    assert shapely.area(project(shape, "EPSG:4549")) == pytest.approx(table.rows[0].size, rel=1e-3)


def test_random_histories_keep_the_walkable_part_equal_to_lines_and_walks(small_county: SmallCounty) -> None:
    random = np.random.default_rng(5)
    db = small_county.db
    grids = [
        small_county.place(
            Layer.GRID, f"G{k}", f"POLYGON (({x} 0, {x + 500} 0, {x + 500} 400, {x} 400, {x} 0))"
        )
        for k, x in enumerate((3, 503, 1003))
    ]
    kept: list[uuid.UUID] = []
    out: list[uuid.UUID] = []
    for step in range(24):
        what = random.choice(["walk", "walk", "walk", "line", "forget", "withdraw", "restore"])
        if what == "walk":
            (a, b), (c, d) = random.uniform(0, 1500, 2), random.uniform(0, 400, 2)
            start = NOON + dt.timedelta(days=int(random.integers(3)))
            kept.append(small_county.patrol(small_county.walk((a, c), (b, d), start=start))[0])
        elif what == "line":
            (a, b), (c, d) = random.uniform(0, 1500, 2), random.uniform(0, 400, 2)
            layer = Layer.ROAD if random.random() < 0.5 else Layer.RIVER
            line = small_county.place(layer, f"L{step}", f"LINESTRING ({a} {c}, {b} {d})")
            walkable.renew(db, small_county.row, [line.id])
        elif what == "forget" and kept:
            service.forget(db, small_county.id, kept.pop(int(random.integers(len(kept)))))
        elif what == "withdraw" and kept:
            out.append(kept.pop())
            db.get_one(Patrol, out[-1]).verdict = Verdict.NOT_COUNTED
            db.flush()
            service.recount(db, small_county.id, out[-1])
        elif what == "restore" and out:
            kept.append(out.pop())
            db.get_one(Patrol, kept[-1]).verdict = Verdict.COUNTED
            db.flush()
            service.recount(db, small_county.id, kept[-1])
        for grid in grids:
            version = db.get_one(PlaceVersion, grid.version_id)
            beside, now = cells_of(db, grid, "beside_lines"), cells_of(db, grid, "walkable")
            db.refresh(version)
            if beside is None:
                assert (now, version.walkable_m2) == (None, None)
            else:
                assert as_set(now) == (as_set(beside) or set()) | rolled_up(db, grid)
                polygon = windows.geometries(db, small_county.id, [version.id])[0]
                area = AreaCells.of(project(polygon, "EPSG:4549"))
                assert now is not None
                assert version.walkable_m2 == pytest.approx(area.area_m2(now), rel=1e-4, abs=0.1)
    assert any(cells_of(db, grid, "walkable") is not None for grid in grids)
