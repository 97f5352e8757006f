"""A small county to walk in: places drawn in metres, walks along corners."""

import dataclasses
import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient
from geoalchemy2.shape import from_shape
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.dialects.postgresql import Range as PgRange
from sqlalchemy.orm import Session

from geo_service import logs, migrations
from geo_service.accounts.scope import Actor, Scope
from geo_service.bulk import copy_rows
from geo_service.coverage import service
from geo_service.db import make_engine, psycopg_url
from geo_service.tables import Area, County, Patrol, Person, Place, PlaceArea, PlaceCells, PlaceVersion
from layers import matching
from layers.cells import AreaCells
from layers.coverage import Covered, Kind
from layers.crs import project, to_lonlat, unproject
from layers.lines import canonical, measured
from layers.matching import matched
from layers.tracks import Recording, Track, clean
from layers.vocabulary import Layer, Right

if TYPE_CHECKING:
    from tests.geo_service.watertown import Watertown

CRS = "EPSG:4549"
ORIGIN = np.array([480_000.0, 3_640_000.0])
NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)
"""12:00 in Shanghai."""


@dataclass(frozen=True)
class SmallCounty:
    """A county in which tests put places and people, in metres around an origin."""

    db: Session
    row: County

    @property
    def id(self) -> int:
        return self.row.id

    def place(self, layer: Layer, code: str, wkt: str | None, *, in_scheme: bool = True) -> Place:
        place = Place(county_id=self.id, layer=layer, code=code, name=code, in_scheme=in_scheme)
        self.db.add(place)
        self.db.flush()
        if wkt is not None:
            self.version(place, wkt)
        return place

    def version(self, place: Place, wkt: str) -> PlaceVersion:
        """Add a geometry as the place's version in force."""
        geometry = unproject(shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + ORIGIN), CRS)
        number = 1 if place.version_id is None else 2
        version = PlaceVersion(county_id=self.id, place_id=place.id, number=number)
        if Layer(place.layer).is_line:
            line, length_m = measured(canonical(geometry), CRS)
            version.line, version.length_dm = from_shape(line, srid=4326), round(length_m * 10)
            cells = None
        else:
            polygon = shapely.multipolygons([geometry])
            cells = AreaCells.of(project(polygon, CRS))
            version.polygon, version.area_m2 = from_shape(polygon, srid=4326), cells.area_m2()
        self.db.add(version)
        self.db.flush()
        place.version_id = version.id
        for block in cells.inside.to_bits() if cells else ():
            edge, m2 = cells.edge_m2[block[:2]]
            row = (self.id, version.id, *block, edge.tolist(), m2.tolist())
            columns = [c.name for c in PlaceCells.__table__.columns][: len(row)]
            copy_rows(self.db, PlaceCells, columns, [row])
        self.db.flush()
        return version

    def area(self, code: str, parent: Area | None = None, level: str = "township") -> Area:
        area = Area(
            county_id=self.id, code=code, name=f"{code}镇", level=level, parent_id=parent and parent.id
        )
        self.db.add(area)
        self.db.flush()
        return area

    def lies_in(self, place: Place, area: Area, spans: list[tuple[int, int]] | None = None) -> None:
        """Put a place, or spans (dm) of it, into an area."""
        ranges = None if spans is None else [PgRange(a, b) for a, b in spans]
        self.db.add(
            PlaceArea(county_id=self.id, place_version_id=place.version_id, area_id=area.id, spans=ranges)
        )
        self.db.flush()

    def person(self, name: str, area: Area | None = None) -> uuid.UUID:
        person = Person(county_id=self.id, name=name, area_id=area and area.id)
        self.db.add(person)
        self.db.flush()
        return person.id

    def patrol(self, track: Track, person_id: uuid.UUID | None = None) -> tuple[uuid.UUID, service.Recorded]:
        begun = dt.datetime.fromtimestamp(track.time_s[0], dt.UTC)
        row = Patrol(
            county_id=self.id, id=uuid.uuid4(), person_id=person_id, day=begun.date(), started_at=begun,
            ended_at=begun, walked_m=0.0, fixes=len(track), batches_due=1, settled_at=begun,
        )  # fmt: skip
        self.db.add(row)
        self.db.flush()
        recorded = service.record(self.db, self.row, row.id, track)
        service.enter(self.db, self.id, row.id)
        return row.id, recorded

    @staticmethod
    def walk(
        *corners: tuple[float, float], start: dt.datetime = NOON, step_m: float = 6.0, step_s: float = 5.0
    ) -> Track:
        line = shapely.linestrings(np.array(corners, float))
        xy = shapely.get_coordinates(shapely.line_interpolate_point(line, np.arange(0, line.length, step_m)))
        time_s = start.timestamp() + np.arange(len(xy)) * step_s
        return clean(Recording(time_s, to_lonlat(xy + ORIGIN, CRS)), CRS)


@pytest.fixture
def county(small_county: SmallCounty) -> County:
    """The small county, 40 km wide."""
    row = small_county.row
    corners = to_lonlat(np.array([ORIGIN - 20_000, ORIGIN + 20_000]), CRS)
    (row.west, row.south), (row.east, row.north) = corners.tolist()
    small_county.db.flush()
    return row


@pytest.fixture
def scope(county: County) -> Scope:
    return Scope(county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))


@pytest.fixture
def walker(db: Session, county: County) -> Person:
    person = Person(county_id=county.id, name="王秀英", number="0417")
    db.add(person)
    db.flush()
    return person


@pytest.fixture
def river(small_county: SmallCounty, county: County) -> Place:
    """2 km to the east from the origin."""
    return small_county.place(Layer.RIVER, "车路河", "LINESTRING (0 0, 2000 0)")


@pytest.fixture(scope="module")
def apart(server: str) -> Iterator[Engine]:
    """An engine on a database of its own, for what is committed: the audit cannot be taken back."""
    name = f"yinxun_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = make_engine(admin.url.set(database=name).render_as_string(hide_password=False))
    migrations.upgrade(engine, Path("/nowhere"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


Told = Callable[..., None]
"""Lets the matcher say of stretches, (from_m, to_m, kind) on any line, how they were covered."""


@pytest.fixture
def told_apart(monkeypatch: pytest.MonkeyPatch) -> Told:
    """For tests of what is made of kinds: which of them a walk has is said here, not found by the matcher."""

    def say(*stretches: tuple[float, float, Kind]) -> None:
        def as_said(*arguments: object) -> Covered:
            found = matched(*arguments)  # type: ignore[arg-type]
            middle_m = (found.start_m + found.stop_m) / 2
            kind = np.full(middle_m.size, int(Kind.WALKED))
            for from_m, to_m, said in stretches:
                kind[(middle_m >= from_m) & (middle_m < to_m)] = said
            return dataclasses.replace(found, kind=kind)

        monkeypatch.setattr(matching, "matched", as_said)

    return say


@pytest.fixture
def leaves_no_audit(engine: Engine) -> Iterator[None]:
    """For tests that commit: the audit, which nobody can delete, is as empty afterwards as before."""
    yield
    with engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))  # no trigger fires
        connection.execute(text("delete from audit"))


@pytest.fixture
def small_county(db: Session) -> SmallCounty:
    """An empty county at 兴化, its clock that of Shanghai."""
    row = County(code="999901", name="试县", time_zone="Asia/Shanghai", crs=CRS)
    db.add(row)
    db.flush()
    return SmallCounty(db, row)


class Heard(logging.Handler):
    """The log as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("httpx"):
            return  # the test's own browser
        self.lines.append(logs.JsonLines().format(record))


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The lines of the log since the test began, as they are written."""
    handler, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def town(db: Session) -> "Watertown":
    """A county of two townships with places, duties and a walk."""
    from tests.geo_service import watertown  # noqa: PLC0415 -- it builds on this module

    return watertown.build(db)


@pytest.fixture
def clerk(db: Session, client: TestClient, town: "Watertown") -> TestClient:
    """Sign a coordinator of the whole town in."""
    from tests.geo_service.test_accounts import sign_in  # noqa: PLC0415 -- it builds on this module
    from tests.geo_service.watertown import PASSWORD, add_account  # noqa: PLC0415

    add_account(db, town.county, "clerk", Right.COORDINATOR)
    assert sign_in(client, "clerk", PASSWORD).status_code == 303
    return client
