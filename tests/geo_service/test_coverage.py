"""What patrols covered in the database: rows, roll-up, voiding, new versions, against the naive model."""

import datetime as dt
import uuid

import numpy as np
import pytest
import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.bulk import copy_rows
from geo_service.coverage import service
from geo_service.tables import CellDay, County, LineDay, Patrol, Place, PlaceCells, PlaceVersion
from layers.cells import AreaCells
from layers.crs import project, to_lonlat, unproject
from layers.lines import canonical, measured
from layers.tracks import Recording, Track, clean
from layers.vocabulary import Layer

CRS = "EPSG:4549"
ORIGIN = np.array([480_000.0, 3_640_000.0])
NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)  # 12:00 in Shanghai


@pytest.fixture
def county(db: Session) -> County:
    county = County(code="999901", name="试县", time_zone="Asia/Shanghai", crs=CRS)
    db.add(county)
    db.flush()
    return county


def add_version(db: Session, county: County, place: Place, geometry: shapely.Geometry) -> PlaceVersion:
    """Add a geometry in metres around the origin as the place's version in force."""
    there = shapely.transform(geometry, lambda xy: xy + ORIGIN)
    version = PlaceVersion(
        county_id=county.id, place_id=place.id, number=1 if place.version_id is None else 2
    )
    if Layer(place.layer).is_line:
        line, length_m = measured(canonical(unproject(there, CRS)), CRS)
        version.line, version.length_dm = from_shape(line, srid=4326), round(length_m * 10)
    else:
        polygon = shapely.multipolygons([there])
        version.polygon, version.area_m2 = from_shape(unproject(polygon, CRS), srid=4326), polygon.area
    db.add(version)
    db.flush()
    place.version_id = version.id
    if version.polygon is not None:
        cells = AreaCells.of(project(unproject(polygon, CRS), CRS))
        rows = [
            (
                county.id,
                version.id,
                x,
                y,
                bits,
                cells.edge_m2[x, y][0].tolist(),
                cells.edge_m2[x, y][1].tolist(),
            )
            for x, y, bits in cells.inside.to_bits()
        ]
        columns = [c.name for c in PlaceCells.__table__.columns]
        copy_rows(db, PlaceCells, columns, rows)
    db.flush()
    return version


def add_place(db: Session, county: County, layer: Layer, code: str, wkt: str) -> Place:
    place = Place(county_id=county.id, layer=layer, code=code, name=code, in_scheme=True)
    db.add(place)
    db.flush()
    add_version(db, county, place, shapely.from_wkt(wkt))
    return place


def walk(
    *corners: tuple[float, float], start: dt.datetime = NOON, step_m: float = 6.0, step_s: float = 5.0
) -> Track:
    line = shapely.linestrings(np.array(corners, float))
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, np.arange(0, line.length, step_m)))
    time_s = start.timestamp() + np.arange(len(xy)) * step_s
    return clean(Recording(time_s, to_lonlat(xy + ORIGIN, CRS)), CRS)


def patrol(db: Session, county: County, track: Track) -> tuple[uuid.UUID, service.Recorded]:
    begun = dt.datetime.fromtimestamp(track.time_s[0], dt.UTC)
    row = Patrol(
        county_id=county.id,
        id=uuid.uuid4(),
        day=begun.date(),
        started_at=begun,
        ended_at=begun,
        walked_m=0.0,
        fixes=1,
    )
    db.add(row)
    db.flush()
    return row.id, service.record(db, county, row.id, track)


def line_days(db: Session, place: Place) -> dict[dt.date, list[tuple[int, int]]]:
    rows = db.execute(
        select(LineDay.day, LineDay.spans)
        .where(LineDay.place_version_id == place.version_id)
        .order_by(LineDay.day)
    )
    return {day: [(s.lower, s.upper) for s in spans] for day, spans in rows}


def test_a_walk_covers_the_river_it_followed(db: Session, county: County) -> None:
    river = add_place(db, county, Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    add_place(db, county, Layer.RIVER, "R2", "LINESTRING (500 -500, 500 500)")
    _, found = patrol(db, county, walk((100, 15), (700, 15)))
    assert [line.place_id for line in found.lines] == [river.id]
    assert found.lines[0].metres == pytest.approx(600, abs=8)
    assert line_days(db, river) == {dt.date(2026, 5, 1): found.lines[0].spans_dm}


def test_days_are_local_and_a_walk_over_midnight_has_two(db: Session, county: County) -> None:
    river = add_place(db, county, Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    before_midnight = dt.datetime(2026, 5, 1, 15, 55, tzinfo=dt.UTC)  # 23:55 in Shanghai
    _, found = patrol(db, county, walk((0, 0), (1000, 0), start=before_midnight))
    days = line_days(db, river)
    assert list(days) == [dt.date(2026, 5, 1), dt.date(2026, 5, 2)]
    (a, b), (c, d) = days[dt.date(2026, 5, 1)][0], days[dt.date(2026, 5, 2)][0]
    assert (a, d) == pytest.approx((0, 10_000), abs=80)
    assert b == pytest.approx(300 / 5 * 6 * 10, abs=150)
    assert abs(b - c) < 150
    assert sum(m for line in found.lines for m in [line.metres]) == pytest.approx(1000, abs=16)


def test_two_walks_of_a_day_join_and_voiding_one_leaves_the_other(db: Session, county: County) -> None:
    river = add_place(db, county, Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    first, _ = patrol(db, county, walk((0, 0), (600, 0)))
    only_first = line_days(db, river)
    second, _ = patrol(db, county, walk((400, 0), (1000, 0)))
    [(a, b)] = line_days(db, river)[dt.date(2026, 5, 1)]
    assert (a, b) == pytest.approx((0, 10_000), abs=80)
    service.forget(db, county.id, second)
    assert line_days(db, river) == only_first
    service.forget(db, county.id, first)
    assert line_days(db, river) == {}
    service.forget(db, county.id, first)


def test_areas_are_seen_in_cells_with_dwell(db: Session, county: County) -> None:
    grid = add_place(db, county, Layer.GRID, "G1", "POLYGON ((0 0, 1000 0, 1000 800, 0 800, 0 0))")
    first, found = patrol(db, county, walk((-100, 405), (500, 405)))
    assert found.areas[0].place_id == grid.id
    assert found.areas[0].seen_m2 == pytest.approx(500 * 30, rel=0.15)
    assert found.areas[0].share == pytest.approx(found.areas[0].seen_m2 / 800_000)
    assert found.areas[0].dwell_s == pytest.approx(500 / 1.2, abs=15)

    def seen() -> dict[tuple[int, int], str]:
        rows = db.execute(select(CellDay.block_x, CellDay.block_y, CellDay.seen))
        return {(x, y): bits for x, y, bits in rows}

    alone = seen()
    second, _ = patrol(db, county, walk((300, 405), (900, 405)))
    assert sum(bits.count("1") for bits in seen().values()) > sum(bits.count("1") for bits in alone.values())
    service.forget(db, county.id, second)
    assert seen() == alone
    service.forget(db, county.id, first)
    assert seen() == {}


def test_a_new_version_takes_its_coverage_along_and_says_what_is_lost(db: Session, county: County) -> None:
    river = add_place(db, county, Layer.RIVER, "R1", "LINESTRING (0 0, 1000 0)")
    patrol_id, _ = patrol(db, county, walk((0, 0), (1000, 0)))
    old = river.version_id
    new = add_version(db, county, river, shapely.from_wkt("LINESTRING (-200 0, 700 0)"))
    lost_m = service.remeasure(db, county.id, river.id, old, new.id)
    assert lost_m == pytest.approx(300, abs=15)
    [(a, b)] = line_days(db, river)[dt.date(2026, 5, 1)]
    assert (a, b) == pytest.approx((2000, 9000), abs=80)
    service.forget(db, county.id, patrol_id)
    assert line_days(db, river) == {}


def test_a_new_border_keeps_the_cells_it_has(db: Session, county: County) -> None:
    grid = add_place(db, county, Layer.GRID, "G1", "POLYGON ((0 0, 1000 0, 1000 800, 0 800, 0 0))")
    patrol(db, county, walk((0, 405), (1000, 405)))
    old = grid.version_id
    new = add_version(db, county, grid, shapely.from_wkt("POLYGON ((0 0, 500 0, 500 800, 0 800, 0 0))"))
    assert service.remeasure(db, county.id, grid.id, old, new.id) == 0.0

    def cells(version_id: int) -> int:
        bits = db.scalars(select(CellDay.seen).where(CellDay.place_version_id == version_id))
        return sum(b.count("1") for b in bits)

    assert cells(new.id) == pytest.approx(cells(old) / 2, rel=0.05)


def test_nothing_near_is_no_error(db: Session, county: County) -> None:
    _, found = patrol(db, county, walk((0, 0), (600, 0)))
    assert found == service.Recorded([], [])


def test_near_tells_which_fixes_are_within_reach_of_a_place(db: Session, county: County) -> None:
    add_place(db, county, Layer.ROAD, "X1", "LINESTRING (0 0, 300 0)")
    add_place(db, county, Layer.COMPOUND, "C1", "POLYGON ((500 0, 600 0, 600 100, 500 100, 500 0))")
    track = walk((0, 10), (1000, 10), step_m=10.0)
    near = service.neighbourhood(db, county, track).near(track)
    at = np.arange(len(track)) * 10
    assert set(at[near]) == {*range(0, 320, 10), *range(490, 620, 10)}


def test_random_histories_keep_the_roll_up_equal_to_the_rows(db: Session, county: County) -> None:
    rivers = [
        add_place(db, county, Layer.RIVER, f"R{k}", f"LINESTRING (0 {k * 300}, 1500 {k * 300})")
        for k in range(3)
    ]
    random = np.random.default_rng(11)
    kept: dict[uuid.UUID, dict[tuple[int, dt.date], set[int]]] = {}
    for _ in range(25):
        if kept and random.random() < 0.35:
            gone = list(kept)[random.integers(len(kept))]
            service.forget(db, county.id, gone)
            del kept[gone]
        else:
            k, (a, b) = random.integers(3), np.sort(random.uniform(0, 1500, 2))
            day = NOON + dt.timedelta(days=int(random.integers(3)))
            id_, found = patrol(db, county, walk((a, k * 300), (b + 50, k * 300), start=day))
            kept[id_] = {
                (line.place_id, day.date()): {m for s, e in line.spans_dm for m in range(s, e)}
                for line in found.lines
            }
        for river in rivers:
            stored = {
                day: {m for s, e in spans for m in range(s, e)} for day, spans in line_days(db, river).items()
            }
            model: dict[dt.date, set[int]] = {}
            for rows in kept.values():
                for (place_id, day), metres in rows.items():
                    if place_id == river.id:
                        model[day] = model.get(day, set()) | metres
            assert stored == model
