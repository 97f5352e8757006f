"""A line's width, its own reach, and banks apart or together, said by hand; patrols follow."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.coverage import walkable
from geo_service.errors import Invalid, NotFound
from geo_service.places import drawing, reaching
from geo_service.places.reaching import Choice
from geo_service.tables import Audit, Place, PlaceVersion
from layers.vocabulary import Layer, Right
from tests.geo_service import naive, watertown
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.test_drawing import (  # noqa: F401 -- the fixtures
    county,
    in_area,
    lonlat,
    scope,
    spans,
    walk,
)
from tests.geo_service.test_import_commands import Run, done, refusal, run  # noqa: F401

# ruff: noqa: F811


@pytest.fixture
def river(db: Session, town, scope) -> Place:
    """A straight river of 800 m that nobody lives on."""
    drawing.set_geometry(db, scope, town.off_map.id, lonlat("LINESTRING (200 700, 1000 700)"))
    return db.get_one(Place, town.off_map.id, populate_existing=True)


def test_a_width_lets_the_walk_on_the_bank_count_and_a_reach_counts_before_it(
    db: Session, county, scope, river: Place
) -> None:
    patrol_id, _ = walk(county, (150, 752), (1050, 752))
    assert spans(db, river, patrol_id) == []
    tried = reaching.choose(db, scope, river.id, Choice(width_m=70.0), dry_run=True)
    assert (tried.patrols, tried.reach_m, tried.told) == (1, 55, ["属性"])
    assert spans(db, river, patrol_id) == []
    reaching.choose(db, scope, river.id, Choice(width_m=70.0))
    (span,) = spans(db, river, patrol_id)
    assert span == pytest.approx((0, 8000), abs=30)
    found = reaching.choose(db, scope, river.id, Choice(reach_m=30.0))
    assert (found.reach_m, found.told) == (30, ["可及距离 30 米"])
    assert spans(db, river, patrol_id) == []
    assert reaching.choose(db, scope, river.id, Choice(reach_m=0.0)).told == ["可及距离按宽度定"]
    assert len(spans(db, river, patrol_id)) == 1
    again = reaching.choose(db, scope, river.id, Choice(width_m=70.0))
    assert (again.changed, again.told, again.patrols) == (False, ["没有变化"], 0)
    assert naive.stored(db, county.id) == naive.from_rows(db, county.id)
    actions = db.scalars(select(Audit.detail).where(Audit.action == "places.reach")).all()
    assert [line["reach_m"] for line in actions] == [None, 30.0, 0.0]


def test_the_walkable_part_of_a_grid_follows_the_width_and_the_banks(
    db: Session, county, scope, river: Place
) -> None:
    grid = county.place(Layer.GRID, "G77", "POLYGON ((600 600, 950 600, 950 800, 600 800, 600 600))")
    walkable.renew(db, county.row, [grid.id])

    def seen_m() -> float:
        version = db.get_one(PlaceVersion, grid.version_id, populate_existing=True)
        return (version.walkable_m2 or 0.0) / 350

    unknown_m = seen_m()
    reaching.choose(db, scope, river.id, Choice(width_m=10.0), dry_run=True)
    assert seen_m() == unknown_m
    for choice, metres in (
        (Choice(width_m=10.0), 2 * (5 + 15)),
        (Choice(reach_m=78.0), 2 * 30),
        (Choice(reach_m=0.0), 2 * (5 + 15)),
        (Choice(width_m=116.0, banks="apart"), 2 * 30),
        (Choice(width_m=10.0, banks="together"), 2 * (5 + 15)),
    ):
        reaching.choose(db, scope, river.id, choice)
        assert seen_m() == pytest.approx(metres, rel=0.05), choice


def test_banks_apart_are_walked_one_by_one_and_come_together_again(
    db: Session, county, scope, river: Place
) -> None:
    patrol_id, _ = walk(county, (150, 752), (1050, 752))
    with pytest.raises(Invalid, match="写明宽度"):
        reaching.choose(db, scope, river.id, Choice(banks="apart"))
    found = reaching.choose(db, scope, river.id, Choice(banks="apart", width_m=70.0))
    assert [(bank.name, bank.length_m) for bank in found.banks] == [("北岸", 800.0), ("南岸", 800.0)]
    assert (found.reach_m, found.patrols) == (20, 1)
    assert "两岸分开" in found.told
    (span,) = spans(db, river, patrol_id)
    assert span == pytest.approx((0, 8000), abs=30), "the northern bank, and not the southern"
    version = db.get_one(PlaceVersion, river.version_id)
    assert version.length_dm == 16_000
    assert naive.stored(db, county.id) == naive.from_rows(db, county.id)
    wider = reaching.choose(db, scope, river.id, Choice(width_m=150.0))
    assert wider.changed
    assert spans(db, river, patrol_id) == [], "it was not the bank of so wide a river"
    back = reaching.choose(db, scope, river.id, Choice(banks="together", width_m=70.0))
    assert list(back.banks) == []
    assert "两岸合并" in back.told
    (span,) = spans(db, river, patrol_id)
    assert span == pytest.approx((0, 8000), abs=30)
    assert db.get_one(PlaceVersion, river.version_id).length_dm == 8_000
    assert naive.stored(db, county.id) == naive.from_rows(db, county.id)


def test_a_drawing_of_a_river_with_banks_apart_is_its_centre_line(db: Session, scope, river: Place) -> None:
    reaching.choose(db, scope, river.id, Choice(banks="apart", width_m=60.0))
    moved = drawing.set_geometry(db, scope, river.id, lonlat("LINESTRING (200 705, 900 705)"))
    assert moved.length_m == pytest.approx(1400, abs=0.2)
    db.refresh(river)
    assert [side[2] for side in db.get_one(PlaceVersion, river.version_id).banks["sides"]] == [
        "north",
        "south",
    ]


def test_what_cannot_be_is_said(db: Session, county, town, scope, river: Place) -> None:
    road = county.place(Layer.ROAD, "X77", "LINESTRING (0 2600, 500 2600)")
    grid = county.place(Layer.GRID, "G77", "POLYGON ((0 0, 90 0, 90 90, 0 90, 0 0))")
    unmapped = county.place(Layer.RIVER, "R77", None)
    for place, choice, why in (
        (road, Choice(banks="apart"), "只有河道"),
        (grid, Choice(reach_m=30.0), "网格和小区"),
        (unmapped, Choice(width_m=30.0), "还没有上图"),
        (river, Choice(), "至少一样"),
    ):
        with pytest.raises(Invalid, match=why):
            reaching.choose(db, scope, place.id, choice)
    with pytest.raises(NotFound):
        reaching.choose(db, in_area(town, 0), river.id, Choice(reach_m=30.0))
    assert reaching.choose(db, scope, road.id, Choice(reach_m=35.0)).reach_m == 35


def test_by_command(db: Session, run: Run, river: Place) -> None:
    code = db.get_one(Place, river.id).code
    told = done(run("reach", code, "--width", "60", "--banks", "apart", "--dry-run"))
    assert "两岸分开" in told
    assert "没有改动" in told
    assert db.get_one(PlaceVersion, river.version_id).banks is None
    told = done(run("reach", code, "--width", "60", "--banks", "apart"))
    assert "北岸 800 米" in told
    assert "可及距离 20 米" in told
    assert "合并" in done(run("reach", code, "--banks", "together"))
    assert "没有这个对象" in refusal(run("reach", "NO-SUCH", "--width", "60"))


def test_over_http(db: Session, town, river: Place, client: TestClient) -> None:
    watertown.add_account(db, town.county, "clerk", Right.COORDINATOR)
    sign_in(client, "clerk", watertown.PASSWORD)
    headers = {"X-CSRF-Token": token_in(client.get("/password").text)}
    address = f"/api/places/{river.id}/reach"
    wanted = {"banks": "apart", "width_m": 60}
    tried = client.put(address, json=wanted, params={"dry_run": True}, headers=headers).json()
    assert (tried["changed"], tried["dry_run"]) == (True, True)
    assert tried["banks"] == [{"name": "北岸", "length_m": 800.0}, {"name": "南岸", "length_m": 800.0}]
    assert client.put(address, json=wanted, headers=headers).json() == {**tried, "dry_run": False}
    page = client.get(f"/places/{river.id}").text
    assert "两岸分开：0–800 米是北岸，800–1600 米是南岸。" in page
    assert client.put(address, json={"reach_m": 900}, headers=headers).status_code == 422
    assert client.put(address, json={"banks": "left"}, headers=headers).status_code == 422
    drawn = client.get(f"/api/places/{river.id}").json()["geometry"]
    assert len(drawn["coordinates"]) == 1, "the centre line, from which an import makes the banks again"
