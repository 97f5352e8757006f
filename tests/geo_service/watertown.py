"""A small made-up county in the database, walked once, for tests of pages and maps."""

import datetime as dt
import uuid
from dataclasses import dataclass

import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts import register, service
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.tables import Area, County, Duty, Place
from layers.crs import unproject
from layers.vocabulary import DutyKind, Layer, Level, Right, Role
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty

PASSWORD = "Chuan-Liu-2026"
DAY = dt.date(2026, 5, 1)
EVIL = "</script><script>alert('河')</script>{{ 7*7 }}"
"""A name that somebody typed."""


@dataclass
class Watertown:
    county: County
    east: Area
    west: Area
    rivers: list[Place]
    road: Place
    grids: list[Place]
    off_map: Place
    person_id: uuid.UUID
    patrol_id: uuid.UUID


def build(db: Session, *, evil: bool = False, code: str = "329902", made_up: bool = True) -> Watertown:
    """Add the county: two townships, three rivers, a road, two grids; `evil`: one is named by a rascal."""
    extent = _box(-200, -200, 2200, 1200)
    west, south, east, north = extent.bounds
    row = County(
        code=code, name="水乡县", time_zone="Asia/Shanghai", crs=CRS,
        west=west, south=south, east=east, north=north, made_up=made_up,
    )  # fmt: skip
    db.add(row)
    db.flush()
    county = SmallCounty(db, row)
    root = _area(county, None, "329902000000", "水乡县", Level.COUNTY, extent)
    left = _area(county, root, "329902100000", "西荡镇", Level.TOWNSHIP, _box(-200, -200, 1000, 1200))
    right = _area(county, root, "329902101000", "东湖镇", Level.TOWNSHIP, _box(1000, -200, 2200, 1200))
    rivers = [
        county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 2000 0)"),
        county.place(Layer.RIVER, "R2", "LINESTRING (0 400, 2000 500)"),
        county.place(Layer.RIVER, "R3", "LINESTRING (0 900, 2000 950)", in_scheme=False),
    ]
    rivers[0].name, rivers[1].name, rivers[2].name = "中心河", EVIL if evil else "生产河", "老圩沟"
    road = county.place(Layer.ROAD, "D1", "LINESTRING (500 -100, 500 1000)")
    grids = [
        county.place(Layer.GRID, "G1", "POLYGON ((0 20, 900 20, 900 380, 0 380, 0 20))"),
        county.place(Layer.GRID, "G2", "POLYGON ((1100 20, 2000 20, 2000 380, 1100 380, 1100 20))"),
    ]
    off_map = county.place(Layer.RIVER, "R9", None)
    off_map.name, off_map.area_id = "待上图河", left.id
    for place in rivers:
        county.lies_in(place, left, [(0, 10_000)])
        county.lies_in(place, right, [(10_000, 20_000)])
    county.lies_in(road, left, [(0, 11_000)])
    county.lies_in(grids[0], left)
    county.lies_in(grids[1], right)
    person_id = county.person("王桂兰", left)
    add_duty(county, person_id, rivers[0], [Range(0, 15_000)])
    add_duty(county, person_id, grids[0], None)
    patrol_id, _ = county.patrol(county.walk((0, 12), (800, 12)), person_id)
    return Watertown(row, right, left, rivers, road, grids, off_map, person_id, patrol_id)


def add_account(
    db: Session,
    county: County,
    login: str,
    right: Right,
    area: Area | None = None,
    *,
    person_id: uuid.UUID | None = None,
) -> str:
    """Add an account that may sign in by PASSWORD."""
    ground = Ground(county.id, area.id if area else None)
    account, _ = register.add(db, Manager(Actor(os_user="tester")), login, right, ground, person_id=person_id)
    service.set_password(account, PASSWORD, must_change=False)
    db.flush()
    return login


def _box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    """Return a rectangle given in metres around the origin, in lon, lat."""
    there = shapely.transform(shapely.box(west, south, east, north), lambda xy: xy + ORIGIN)
    return shapely.multipolygons([unproject(there, CRS)])


def _area(
    county: SmallCounty, above: Area | None, code: str, name: str, level: Level, border: shapely.Geometry
) -> Area:
    area = county.area(code, above, level)
    area.name, area.geom = name, from_shape(border, srid=4326)
    county.db.flush()
    return area


def add_duty(
    county: SmallCounty, person_id: uuid.UUID, place: Place, spans: list[Range[int]] | None = None
) -> None:
    county.db.add(
        Duty(
            county_id=county.id, person_id=person_id, place_id=place.id, spans=spans,
            role=Role.of(Layer(place.layer)), kind=DutyKind.VOLUNTEER, level=Level.VILLAGE,
            in_force=Range(dt.date(2026, 1, 1), None),
        )
    )  # fmt: skip
    county.db.flush()
