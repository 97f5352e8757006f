"""Rosters as offices write them: places by name, chiefs, stewards and volunteers out of one table."""

import io
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.imports import ImportReport
from geo_service.rosters.service import RosterOptions, import_roster
from geo_service.tables import Area, Audit, County, Duty, Import, Person, Place
from layers.vocabulary import Right

AREAS = [
    ("321281000000", "兴化市", "county", None),
    ("321281001000", "昭阳街道", "township", "321281000000"),
    ("321281102000", "戴窑镇", "township", "321281000000"),
    ("321281001001", "水关社区", "village", "321281001000"),
    ("321281102201", "东古村", "village", "321281102000"),
    ("321281102202", "新村", "village", "321281102000"),
]


@pytest.fixture
def areas(db: Session) -> dict[str, int]:
    """A county with two townships and three villages, without any border: area id by name."""
    county = County(code="321281", name="兴化市", time_zone="Asia/Shanghai")
    db.add(county)
    db.flush()
    ids: dict[str, int] = {}
    by_code: dict[str, int] = {}
    for code, name, level, parent in AREAS:
        area = Area(
            county_id=county.id, code=code, name=name, level=level, parent_id=by_code.get(parent or "")
        )
        db.add(area)
        db.flush()
        ids[name] = by_code[code] = area.id
    return ids


@pytest.fixture
def scope(db: Session, areas: dict[str, int]) -> Scope:
    """Everything in the county."""
    return Scope(db.scalars(select(County.id)).one(), Actor(os_user="tester"), dict.fromkeys(Right, None))


@pytest.fixture
def townsman(scope: Scope, areas: dict[str, int]) -> Scope:
    """A coordinator of 戴窑镇 only."""
    own = frozenset({areas["戴窑镇"], areas["东古村"], areas["新村"]})
    return replace(scope, rights={Right.COORDINATOR: own})


def take(db: Session, scope: Scope, text: str, name: str = "名录.csv", **options: object) -> ImportReport:
    file = io.BytesIO(text.encode("utf-8-sig"))
    return import_roster(db, scope, file, name, RosterOptions(**options))  # type: ignore[arg-type]


def outcomes(report: ImportReport) -> list[str]:
    return [row.outcome.value for row in report.rows]


def told(report: ImportReport) -> str:
    return "\n".join(f"{row.outcome} {row.numbers} {row.name} {row.detail}" for row in report.rows)


def duties(db: Session) -> list[tuple[str, str, str, str]]:
    """Who has which place as what: name, place, kind, level."""
    rows = db.execute(
        select(Person.name, Place.name, Duty.kind, Duty.level)
        .join(Person, Person.id == Duty.person_id)
        .join(Place, Place.id == Duty.place_id)
    )
    return sorted(map(tuple, rows))  # type: ignore[arg-type]


HEAD = (
    "河道名称,河道级别,所在镇街,流经村居,起点,讫点,长度(km),宽度,县级河长,县级河长职务,县级河长电话,"
    "镇级河长,镇级河长电话,村级河长,村级河长电话,银发河长,银发河长电话\n"
)
CHIEFS = "王建军,副县长,13800000001,李国强,13800000002"
RIVERS = (
    f"{HEAD}东河,县级,戴窑镇,东古村,东桥,西闸,3.2,12米,{CHIEFS},赵大山,,钱大爷、孙大妈,13800000003、13800000004\n"
    f"西河,县级,戴窑镇,新村,南桥,北闸,1200米,8,{CHIEFS},周小山,,钱大爷,13800000003\n"
)


def test_a_register_of_rivers_gives_places_people_and_duties_at_once(
    db: Session, scope: Scope, areas: dict[str, int]
) -> None:
    report = take(db, scope, RIVERS)
    assert outcomes(report) == ["added", "added"], told(report)
    places = {place.name: place for place in db.scalars(select(Place))}
    assert set(places) == {"东河", "西河"}
    east = places["东河"]
    assert (east.version_id, east.area_id, east.in_scheme) == (None, areas["东古村"], True)
    assert (east.attributes["length_km"], east.attributes["width_m"]) == (3.2, 12)
    assert places["西河"].attributes["length_km"] == 1.2
    assert {"level": "县级", "start": "东桥", "end": "西闸"}.items() <= east.attributes.items()
    assert duties(db) == [
        ("周小山", "西河", "official", "village"),
        ("孙大妈", "东河", "volunteer", "village"),
        ("李国强", "东河", "official", "township"),
        ("李国强", "西河", "official", "township"),
        ("王建军", "东河", "official", "county"),
        ("王建军", "西河", "official", "county"),
        ("赵大山", "东河", "official", "village"),
        ("钱大爷", "东河", "volunteer", "village"),
        ("钱大爷", "西河", "volunteer", "village"),
    ]
    chief = db.scalars(select(Person).where(Person.name == "王建军")).one()
    assert (chief.phone, chief.area_id, chief.attributes) == ("13800000001", None, {"post": "副县长"})


def test_twice_the_same_file_changes_nothing(db: Session, scope: Scope) -> None:
    take(db, scope, RIVERS)
    again = take(db, scope, RIVERS)
    assert outcomes(again) == ["same", "same"], told(again)
    assert db.scalar(select(func.count()).select_from(Import)) == 1
    assert db.scalars(select(Audit.action)).all() == ["roster.import"]


def test_upside_down_the_same_is_made(db: Session, scope: Scope) -> None:
    head, *rows = RIVERS.splitlines()
    take(db, scope, "\n".join([head, *reversed(rows)]))
    assert outcomes(take(db, scope, RIVERS)) == ["same", "same"]
