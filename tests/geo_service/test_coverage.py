"""What patrols covered in the database: rows, roll-up, voiding, new versions, against the naive model."""

import datetime as dt
import uuid
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from geo_service.coverage import queries, service, windows
from geo_service.coverage.computing import LineRow
from geo_service.tables import CellDay, LineDay, Patrol, Place
from layers.vocabulary import Layer

SmallCounty = Any
NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)
"""12:00 in Shanghai."""


def line_days(db: Session, place: Place) -> dict[dt.date, list[tuple[int, int]]]:
    rows = db.execute(
        select(LineDay.day, LineDay.spans)
        .where(LineDay.place_version_id == place.version_id)
        .order_by(LineDay.day)
    )
    return {day: [(s.lower, s.upper) for s in spans] for day, spans in rows}


def test_a_walk_covers_the_river_it_followed(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    small_county.place(Layer.RIVER, "R2", "LINESTRING (500 -500, 500 500)")
    _, found = small_county.patrol(small_county.walk((100, 15), (700, 15)))
    assert [line.place_id for line in found.lines] == [river.id]
    assert found.lines[0].metres == pytest.approx(600, abs=8)
    assert line_days(small_county.db, river) == {dt.date(2026, 5, 1): found.lines[0].spans_dm}


def test_days_are_local_and_a_walk_over_midnight_has_two(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    before_midnight = dt.datetime(2026, 5, 1, 15, 55, tzinfo=dt.UTC)  # 23:55 in Shanghai
    _, found = small_county.patrol(small_county.walk((0, 0), (1000, 0), start=before_midnight))
    days = line_days(small_county.db, river)
    assert list(days) == [dt.date(2026, 5, 1), dt.date(2026, 5, 2)]
    (a, b), (c, d) = days[dt.date(2026, 5, 1)][0], days[dt.date(2026, 5, 2)][0]
    assert (a, d) == pytest.approx((0, 10_000), abs=80)
    assert b == pytest.approx(300 / 5 * 6 * 10, abs=150)
    assert abs(b - c) < 150
    assert sum(m for line in found.lines for m in [line.metres]) == pytest.approx(1000, abs=16)


def test_two_walks_of_a_day_join_and_voiding_one_leaves_the_other(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    first, _ = small_county.patrol(small_county.walk((0, 0), (600, 0)))
    only_first = line_days(small_county.db, river)
    second, _ = small_county.patrol(small_county.walk((400, 0), (1000, 0)))
    [(a, b)] = line_days(small_county.db, river)[dt.date(2026, 5, 1)]
    assert (a, b) == pytest.approx((0, 10_000), abs=80)
    service.forget(small_county.db, small_county.id, second)
    assert line_days(small_county.db, river) == only_first
    service.forget(small_county.db, small_county.id, first)
    assert line_days(small_county.db, river) == {}
    service.forget(small_county.db, small_county.id, first)


def test_areas_are_seen_in_cells_with_dwell(small_county: SmallCounty) -> None:
    grid = small_county.place(Layer.GRID, "G1", "POLYGON ((0 0, 1000 0, 1000 800, 0 800, 0 0))")
    first, found = small_county.patrol(small_county.walk((-100, 405), (500, 405)))
    assert found.areas[0].place_id == grid.id
    assert found.areas[0].seen_m2 == pytest.approx(500 * 30, rel=0.15)
    assert found.areas[0].share == pytest.approx(found.areas[0].seen_m2 / 800_000)
    assert found.areas[0].dwell_s == pytest.approx(500 / 1.2, abs=15)

    def seen() -> dict[tuple[int, int], str]:
        rows = small_county.db.execute(select(CellDay.block_x, CellDay.block_y, CellDay.seen))
        return {(x, y): bits for x, y, bits in rows}

    alone = seen()
    second, _ = small_county.patrol(small_county.walk((300, 405), (900, 405)))
    assert sum(bits.count("1") for bits in seen().values()) > sum(bits.count("1") for bits in alone.values())
    service.forget(small_county.db, small_county.id, second)
    assert seen() == alone
    service.forget(small_county.db, small_county.id, first)
    assert seen() == {}


def test_a_new_version_takes_its_coverage_along_and_says_what_is_lost(small_county: SmallCounty) -> None:
    river = small_county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    patrol_id, _ = small_county.patrol(small_county.walk((0, 0), (1000, 0)))
    old = river.version_id
    new = small_county.version(river, "LINESTRING (-200 0, 700 0)")
    lost_m = service.remeasure(small_county.db, small_county.id, river.id, old, new.id)
    assert lost_m == pytest.approx(300, abs=15)
    [(a, b)] = line_days(small_county.db, river)[dt.date(2026, 5, 1)]
    assert (a, b) == pytest.approx((2000, 9000), abs=80)
    service.forget(small_county.db, small_county.id, patrol_id)
    assert line_days(small_county.db, river) == {}


def test_a_new_border_keeps_the_cells_it_has(small_county: SmallCounty) -> None:
    grid = small_county.place(Layer.GRID, "G1", "POLYGON ((0 0, 1000 0, 1000 800, 0 800, 0 0))")
    small_county.patrol(small_county.walk((0, 405), (1000, 405)))
    old = grid.version_id
    new = small_county.version(grid, "POLYGON ((0 0, 500 0, 500 800, 0 800, 0 0))")
    assert service.remeasure(small_county.db, small_county.id, grid.id, old, new.id) == 0.0

    def cells(version_id: int) -> int:
        bits = small_county.db.scalars(select(CellDay.seen).where(CellDay.place_version_id == version_id))
        return sum(b.count("1") for b in bits)

    assert cells(new.id) == pytest.approx(cells(old) / 2, rel=0.05)


def test_nothing_near_is_no_error(small_county: SmallCounty) -> None:
    _, found = small_county.patrol(small_county.walk((0, 0), (600, 0)))
    assert found == service.Recorded([], [])


def test_near_tells_which_fixes_are_within_reach_of_a_place(small_county: SmallCounty) -> None:
    small_county.place(Layer.ROAD, "X1", "LINESTRING (0 0, 300 0)")
    small_county.place(Layer.COMPOUND, "C1", "POLYGON ((500 0, 600 0, 600 100, 500 100, 500 0))")
    small_county.place(Layer.GRID, "G1", "POLYGON ((-100 -100, 1100 -100, 1100 200, -100 200, -100 -100))")
    track = small_county.walk((0, 10), (1000, 10), step_m=10.0)
    near = service.neighbourhood(small_county.db, small_county.row, track).near(track)
    at = np.arange(len(track)) * 10
    assert set(at[near]) == {*range(0, 320, 10), *range(490, 620, 10)}


def test_what_is_only_ambiguous_covers_nothing_and_is_no_outing(small_county: SmallCounty) -> None:
    db, river = small_county.db, small_county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    patrol_id, _ = small_county.patrol(small_county.walk((0, 500), (100, 500)))
    day, index = NOON.date(), {river.version_id: 0}
    row = LineRow(river.version_id, day, spans=[], ridden=[], bridged=[], ambiguous=[(0, 500)])
    queries.insert_line_coverage(db, small_county.id, [(patrol_id, row)])
    service.enter(db, small_county.id, patrol_id)
    assert line_days(db, river) == {}
    assert windows.outings(db, small_county.id, day, day, index, index) == {}
    service.recount(db, small_county.id, patrol_id)
    assert line_days(db, river) == {}


def test_what_was_ridden_covers_if_rides_count(small_county: SmallCounty) -> None:
    db, river = small_county.db, small_county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    patrol_id, _ = small_county.patrol(small_county.walk((0, 500), (100, 500)))
    day, index = NOON.date(), {river.version_id: 0}
    row = LineRow(river.version_id, day, spans=[(0, 100)], ridden=[(100, 500)], bridged=[], ambiguous=[])
    queries.insert_line_coverage(db, small_county.id, [(patrol_id, row)])
    service.enter(db, small_county.id, patrol_id)
    assert line_days(db, river) == {day: [(0, 500)]}
    db.execute(update(Patrol).where(Patrol.id == patrol_id).values(rides_count=False))
    service.recount(db, small_county.id, patrol_id)
    assert line_days(db, river) == {day: [(0, 100)]}
    assert windows.outings(db, small_county.id, day, day, index, index)[0].times == 1


def test_random_histories_keep_the_roll_up_equal_to_the_rows(small_county: SmallCounty) -> None:
    rivers = [
        small_county.place(Layer.RIVER, f"R{k}", f"LINESTRING (0 {k * 300}, 1500 {k * 300})")
        for k in range(3)
    ]
    random = np.random.default_rng(11)
    kept: dict[uuid.UUID, dict[tuple[int, dt.date], set[int]]] = {}
    for _ in range(25):
        if kept and random.random() < 0.35:
            gone = list(kept)[random.integers(len(kept))]
            service.forget(small_county.db, small_county.id, gone)
            del kept[gone]
        else:
            k, (a, b) = random.integers(3), np.sort(random.uniform(0, 1500, 2))
            day = NOON + dt.timedelta(days=int(random.integers(3)))
            id_, found = small_county.patrol(small_county.walk((a, k * 300), (b + 50, k * 300), start=day))
            kept[id_] = {
                (line.place_id, day.date()): {m for s, e in line.spans_dm for m in range(s, e)}
                for line in found.lines
            }
        for river in rivers:
            stored = {
                day: {m for s, e in spans for m in range(s, e)}
                for day, spans in line_days(small_county.db, river).items()
            }
            model: dict[dt.date, set[int]] = {}
            for rows in kept.values():
                for (place_id, day), metres in rows.items():
                    if place_id == river.id:
                        model[day] = model.get(day, set()) | metres
            assert stored == model
