"""Compounds are visited or not: in rows, lists, totals, gaps, maps and pages alike."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.coverage import answers, gaps, lists
from geo_service.coverage.ground import Query
from geo_service.demo.walks import Motion, Phone, lanes, observed, stroll
from geo_service.tables import AreaVisit, CellCoverage, Patrol, Place
from geo_service.web import pictures
from layers.tracks import Recording, Track, clean
from layers.vocabulary import GapKind, Layer, Right
from maps.style import FRESHNESS, UNCOVERED
from tests.geo_service.conftest import CRS, NOON, ORIGIN, SmallCounty
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.test_answers import MAY, scope_of
from tests.geo_service.watertown import PASSWORD, add_account

COMPOUND = "POLYGON ((0 0, 150 0, 150 150, 0 150, 0 0))"
TOWERS = Phone(step_s=5.0, sigma_m=8.0, bias_m=15.0)
ROUND = ((-12.0, -12.0), (162.0, -12.0), (162.0, 162.0), (-12.0, 162.0), (-12.0, -12.0))


@pytest.fixture
def yard(small_county: SmallCounty) -> Place:
    place = small_county.place(Layer.COMPOUND, "C1", COMPOUND)
    small_county.place(Layer.COMPOUND, "C2", "POLYGON ((900 0, 1000 0, 1000 100, 900 100, 900 0))")
    return place


def courtyard(seed: int = 1) -> Recording:
    rng = np.random.default_rng(seed)
    route = np.vstack([[[-60, 10]], lanes(shapely.box(0, 0, 150, 150), spacing_m=30.0), [[-60, 10]]])
    return observed(stroll(route + ORIGIN, rng, start_s=NOON.timestamp()), TOWERS, rng, crs=CRS)


def at_the_gate() -> Recording:
    spot = np.tile(np.add(ORIGIN, (75, 1)), (2400, 1))
    motion = Motion(NOON.timestamp() + np.arange(2400.0), spot)
    return observed(motion, Phone(step_s=5.0, sigma_m=6.0), np.random.default_rng(2), crs=CRS)


def track(recording: Recording) -> Track:
    return clean(recording, CRS)


def rows(db: Session, place: Place) -> list[Any]:
    return list(
        db.execute(
            select(AreaVisit.dwell_s, AreaVisit.entries).where(AreaVisit.place_version_id == place.version_id)
        )
    )


def row_of(county: SmallCounty, place: Place) -> answers.CoverageRow:
    table = answers.coverage(county.db, scope_of(county), Query(*MAY, layers=(Layer.COMPOUND,)))
    return next(row for row in table.rows if row.place.place_id == place.id)


def test_a_walk_through_the_yards_under_towers_is_a_visit(small_county: SmallCounty, yard: Place) -> None:
    _, recorded = small_county.patrol(track(courtyard()))
    (area,) = recorded.areas
    assert area.share is None
    ((dwell_s, entries),) = rows(small_county.db, yard)
    assert (area.dwell_s, area.entries) == (dwell_s, entries)
    row = row_of(small_county, yard)
    assert (row.visited, row.share, row.done) == (True, None, 1.0)
    assert (row.dwell_s, row.entries) == (dwell_s, entries)
    (total,) = answers.coverage(
        small_county.db, scope_of(small_county), Query(*MAY, layers=(Layer.COMPOUND,))
    ).totals
    assert (total.touched, total.mapped, total.share) == (1, 2, 0.5)


def test_a_walk_round_it_and_a_fix_that_leaps_into_it_are_none(
    small_county: SmallCounty, yard: Place
) -> None:
    small_county.patrol(small_county.walk(*ROUND))
    passing = small_county.walk((-30, -200), (-30, 400))
    lonlat = passing.lonlat.copy()
    lonlat[50] = small_county.walk((75, 75), (80, 75)).lonlat[0]
    _, recorded = small_county.patrol(replace(passing, lonlat=lonlat))
    assert recorded.areas == []
    assert rows(small_county.db, yard) == []
    assert small_county.db.scalar(select(func.count()).select_from(CellCoverage)) == 0
    row = row_of(small_county, yard)
    assert (row.visited, row.outings, row.done) == (False, None, 0.0)


def test_forty_minutes_at_the_gate_are_one_visit(small_county: SmallCounty, yard: Place) -> None:
    small_county.patrol(track(at_the_gate()))
    ((dwell_s, entries),) = rows(small_county.db, yard)
    assert 600 <= dwell_s <= 2400
    assert entries == 1
    assert row_of(small_county, yard).visited


def test_companions_were_there_once(small_county: SmallCounty, yard: Place) -> None:
    first, _ = small_county.patrol(small_county.walk((20, 75), (140, 75), (20, 80), (140, 80)))
    second, _ = small_county.patrol(small_county.walk((20, 70), (140, 70), (20, 75)))
    alone = row_of(small_county, yard)
    small_county.db.get_one(Patrol, second).same_outing_as = first
    small_county.db.flush()
    together = row_of(small_county, yard)
    assert (alone.entries, together.entries) == (2, 1)
    assert together.dwell_s == max(dwell_s for dwell_s, _ in rows(small_county.db, yard))
    assert together.outings is not None
    assert together.outings.times == 1


def test_a_visited_compound_has_no_gap_and_one_that_was_not_is_one_as_a_whole(
    small_county: SmallCounty, yard: Place
) -> None:
    small_county.patrol(small_county.walk((20, 75), (140, 75), (20, 80)))
    table = gaps.gaps(small_county.db, scope_of(small_county), Query(*MAY), GapKind.UNPATROLLED)
    assert [(row.place.code, row.size) for row in table.rows] == [("C2", pytest.approx(10_000, rel=1e-4))]


def test_list_and_map_say_the_same(small_county: SmallCounty, yard: Place) -> None:
    small_county.patrol(small_county.walk((20, 75), (140, 75), (20, 80)))
    table = answers.coverage(small_county.db, scope_of(small_county), Query(*MAY))
    listing = lists.coverage_list(table)
    names = [column.name for column in listing.columns]
    told = {row[1]: dict(zip(names, row, strict=True)) for row in listing.rows}
    assert (told["C1"]["visited"], told["C2"]["visited"]) == (True, False)
    assert told["C1"]["minutes"] == round(row_of(small_county, yard).dwell_s / 60) >= 2
    assert [told[code][name] for code in told for name in ("share", "seen_m2", "walkable_m2")] == [None] * 6
    drawn = pictures.coverage_map(small_county.db, scope_of(small_county), Query(*MAY), full=True)
    features = {f.name: f for layer in drawn.layers if layer.key == "compound" for f in layer.features}
    assert dict(features["C1"].rows)["到过没有"] == "到过"
    assert dict(features["C2"].rows)["到过没有"] == "没到过"
    assert features["C1"].class_key in {look.key for look in FRESHNESS}
    assert features["C2"].class_key == UNCOVERED.key


def test_the_pages_say_visited_or_not(
    db: Session, client: TestClient, small_county: SmallCounty, yard: Place
) -> None:
    small_county.patrol(small_county.walk((20, 75), (140, 75), (20, 80)))
    add_account(db, small_county.row, "clerk", Right.COORDINATOR)
    assert sign_in(client, "clerk", PASSWORD).status_code == 303
    asked = {"first": str(MAY[0]), "last": str(MAY[1])}
    page = client.get("/map/coverage", params=asked).text
    assert "1 个到过" in page
    assert "没到过" in page
    card = client.get(f"/places/{yard.id}", params=asked).text
    assert "到过" in card
    assert "约 " in card
    api = client.get("/api/coverage", params=asked).json()
    (total,) = api["totals"]
    assert (total["touched"], total["share"]) == (1, 0.5)
    assert {row["code"]: (row["visited"], row["share"]) for row in api["rows"]} == {
        "C1": (True, None),
        "C2": (False, None),
    }
