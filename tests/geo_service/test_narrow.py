"""What the scope conditions let through, against a naive model that walks a small made-up world."""

import datetime as dt
import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session, aliased

from geo_service.accounts import narrow
from geo_service.accounts.scope import Actor, Scope
from geo_service.tables import (
    Area,
    AreaVisit,
    County,
    Duty,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Table,
)
from layers.vocabulary import Right

Row = TypeVar("Row", bound=Table)
Key = TypeVar("Key")

DAY = dt.date(2026, 5, 1)
NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)
LINE = "SRID=4326;MULTILINESTRINGM((119.8 32.9 0, 119.81 32.9 1000))"
SQUARE = "SRID=4326;MULTIPOLYGON(((119.8 32.9, 119.81 32.9, 119.81 32.91, 119.8 32.91, 119.8 32.9)))"


@dataclass
class World:
    """Rows of one county as plain values, beside what is in the database."""

    db: Session
    county: County
    towns: dict[int, set[int]] = field(default_factory=dict)
    """Town -> itself and its villages."""
    parts: dict[int, dict[int, tuple[int, int] | None]] = field(default_factory=dict)
    """Place -> {area: span in dm, or None for all}, of its version in force."""
    listed: dict[int, int | None] = field(default_factory=dict)
    homes: dict[uuid.UUID, int | None] = field(default_factory=dict)
    duties: dict[int, tuple[uuid.UUID, int]] = field(default_factory=dict)
    walks: dict[uuid.UUID, tuple[uuid.UUID, dict[int, tuple[int, int] | None]]] = field(default_factory=dict)
    """Patrol -> (person, {place: span it went along for sure, or None for a visit})."""
    versions: dict[int, int] = field(default_factory=dict)

    def add(self, row: Row) -> Row:
        self.db.add(row)
        self.db.flush()
        return row

    @property
    def areas(self) -> list[int]:
        return sorted(set().union(*self.towns.values()))

    # --- the naive model

    def place_is_in(self, place: int, areas: set[int]) -> bool:
        inside = self.parts.get(place)
        return bool(areas & set(inside)) if inside else self.listed[place] in areas

    def person_is_in(self, person: uuid.UUID, areas: set[int]) -> bool:
        works = any(who == person and self.place_is_in(place, areas) for who, place in self.duties.values())
        return works or self.homes[person] in areas

    def duty_is_in(self, duty: int, areas: set[int]) -> bool:
        person, place = self.duties[duty]
        return self.place_is_in(place, areas) or self.homes[person] in areas

    def patrol_is_in(self, patrol: uuid.UUID, areas: set[int]) -> bool:
        person, covered = self.walks[patrol]
        if self.homes[person] in areas:
            return True
        return any(self._was_covered_in(place, span, areas) for place, span in covered.items())

    def _was_covered_in(self, place: int, span: tuple[int, int] | None, areas: set[int]) -> bool:
        inside = self.parts.get(place)
        if not inside:
            return self.listed[place] in areas
        return any(
            part is None or span is None or (part[0] < span[1] and span[0] < part[1])
            for area, part in inside.items()
            if area in areas
        )


@pytest.fixture(scope="module", params=[1, 2, 3])
def world(engine, request: pytest.FixtureRequest) -> Iterator[World]:
    """A seeded world: 3 towns with villages, 40 places, 25 people, 60 duties, 50 patrols; and a neighbour."""
    chance = random.Random(request.param)
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, expire_on_commit=False) as db:
            made = populate(World(db, county(db, "A")), chance)
            populate(World(db, county(db, "B")), chance)
            yield made
        outer.rollback()


def county(db: Session, code: str) -> County:
    row = County(code=code, name=code, time_zone="Asia/Shanghai")
    db.add(row)
    db.flush()
    return row


def populate(world: World, chance: random.Random) -> World:
    key = {"county_id": world.county.id}
    for i in range(3):
        town = world.add(Area(**key, code=f"t{i}", name="镇", level="township")).id
        world.towns[town] = {town} | {
            world.add(Area(**key, parent_id=town, code=f"v{i}{j}", name="村", level="village")).id
            for j in range(2)
        }
    places = [add_place(world, i, chance) for i in range(40)]
    for _ in range(25):
        home = chance.choice([None, *world.areas])
        world.homes[world.add(Person(**key, name="王芳", area_id=home)).id] = home
    people = list(world.homes)
    for _ in range(60):
        person, place = chance.choice(people[:18]), chance.choice(places)
        words = {"role": "river_steward", "kind": "volunteer", "level": "village"}
        row = Duty(**key, person_id=person, place_id=place, in_force=Range(DAY, None), **words)
        world.duties[world.add(row).id] = (person, place)
    mapped = [place for place in places if place in world.versions]
    for _ in range(50):
        add_patrol(world, chance.choice(people), chance.sample(mapped, chance.randint(0, 3)), chance)
    world.db.flush()
    return world


def add_place(world: World, i: int, chance: random.Random) -> int:
    """Add a line in one to three areas, an area place, one without `place_area` rows, or one 未上图."""
    is_line = i % 2 == 0
    key = {"county_id": world.county.id}
    home = chance.choice([None, *world.areas])
    layer = "river" if is_line else "grid"
    place = world.add(Place(**key, layer=layer, code=f"p{i}", in_scheme=True, area_id=home))
    world.listed[place.id] = home
    if i % 5 == 4:
        return place.id
    shape = {"line": LINE, "length_dm": 10_000} if is_line else {"polygon": SQUARE, "area_m2": 1e6}
    version = world.add(PlaceVersion(**key, place_id=place.id, number=1, **shape))
    place.version_id = world.versions[place.id] = version.id
    if i % 5 == 3:
        return place.id
    inside: dict[int, tuple[int, int] | None] = {}
    for area in chance.sample(world.areas, chance.randint(1, 3)):
        start = chance.randrange(0, 9000, 1000)
        inside[area] = (start, start + 1000) if is_line else None
        spans = [Range(start, start + 1000)] if is_line else None
        world.add(PlaceArea(**key, place_version_id=version.id, area_id=area, spans=spans))
    world.parts[place.id] = inside
    return place.id


def add_patrol(world: World, person: uuid.UUID, places: list[int], chance: random.Random) -> None:
    key = {"county_id": world.county.id}
    said = {"day": DAY, "started_at": NOON, "ended_at": NOON, "rides_count": chance.random() < 0.5}
    patrol = world.add(Patrol(**key, id=uuid.uuid4(), person_id=person, walked_m=1, fixes=1, **said)).id
    covered: dict[int, tuple[int, int] | None] = {}
    for place in places:
        seen = {**key, "place_version_id": world.versions[place], "day": DAY, "patrol_id": patrol}
        if world.db.get_one(Place, place).layer == "river":
            start = chance.randrange(0, 9500, 500)
            how = chance.choice(["spans", "spans", "ridden", "ambiguous"])
            if how != "ambiguous":
                covered[place] = (start, start + 500)
            world.add(LineCoverage(**seen, **{"spans": [], how: [Range(start, start + 500)]}))
        else:
            covered[place] = None
            world.add(AreaVisit(**seen, dwell_s=60))
    world.walks[patrol] = (person, covered)


def scope(world: World, right: Right, areas: set[int] | None, person: uuid.UUID | None = None) -> Scope:
    held = None if areas is None else frozenset(areas)
    return Scope(world.county.id, Actor(), {right: held}, person)


def found(world: World, key: ColumnElement[Key], condition: ColumnElement[bool]) -> set[Key]:
    return set(world.db.scalars(select(key).where(condition)))


KINDS: dict[str, tuple[Callable[..., ColumnElement[bool]], ColumnElement[object], str, str]] = {
    "places": (narrow.places_in, Place.id, "listed", "place_is_in"),
    "people": (narrow.people_in, Person.id, "homes", "person_is_in"),
    "duties": (narrow.duties_in, Duty.id, "duties", "duty_is_in"),
    "patrols": (narrow.patrols_in, Patrol.id, "walks", "patrol_is_in"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("right", [Right.COORDINATOR, Right.ADMINISTRATOR])
def test_staff_see_what_lies_in_their_areas_as_the_naive_model_says(world: World, kind: str, right: Right):
    condition, key, rows, is_in = KINDS[kind]
    everything = getattr(world, rows)
    assert found(world, key, condition(scope(world, right, None))) == set(everything)
    assert found(world, key, condition(scope(world, right, set()))) == set()
    grounds = [*world.towns.values(), *({area} for area in world.areas), world.towns[world.areas[0]] | {0}]
    sizes = set()
    for areas in grounds:
        expected = {row for row in everything if getattr(world, is_in)(row, areas)}
        assert found(world, key, condition(scope(world, right, areas))) == expected
        sizes.add(len(expected))
    assert len(sizes) > 2, "the world tells the areas apart"
    assert all(size < len(everything) for size in sizes)


def test_planners_see_places_and_no_people(world: World):
    areas = next(iter(world.towns.values()))
    planner = scope(world, Right.PLANNER, areas)
    expected = {place for place in world.listed if world.place_is_in(place, areas)}
    assert found(world, Place.id, narrow.places_in(planner)) == expected
    assert found(world, Area.id, narrow.areas_in(planner)) == areas
    for kind in ("people", "duties", "patrols"):
        condition, key, _, _ = KINDS[kind]
        for held in (areas, None):
            assert found(world, key, condition(scope(world, Right.PLANNER, held))) == set()
    assert found(world, Place.id, narrow.places_in(planner, *narrow.CHANGE)) == set()


def test_auditors_see_neither(world: World):
    for condition, key, _, _ in KINDS.values():
        assert found(world, key, condition(scope(world, Right.AUDITOR, None))) == set()
    assert found(world, Area.id, narrow.areas_in(scope(world, Right.AUDITOR, None))) == set()


def test_volunteers_see_their_own_whatever_the_ground_of_their_grant(world: World):
    for person, held in itertools.product(world.homes, (None, set(world.areas))):
        own = scope(world, Right.VOLUNTEER, held, person)
        duties = {duty for duty, (who, _) in world.duties.items() if who == person}
        places = {world.duties[duty][1] for duty in duties}
        walks = {patrol for patrol, (who, _) in world.walks.items() if who == person}
        assert found(world, Person.id, narrow.people_in(own)) == {person}
        assert found(world, Duty.id, narrow.duties_in(own)) == duties
        assert found(world, Place.id, narrow.places_in(own)) == places
        assert found(world, Patrol.id, narrow.patrols_in(own)) == walks
        inside = {area for place in places for area in world.parts.get(place, {})}
        home = {world.homes[person]} - {None}
        assert found(world, Area.id, narrow.areas_in(own)) == inside | home
        for condition, key, _, _ in KINDS.values():
            assert found(world, key, condition(own, *narrow.CHANGE)) == set(), "nothing to change"


def test_a_volunteer_without_person_sees_nothing(world: World):
    nobody = scope(world, Right.VOLUNTEER, None, None)
    for condition, key, _, _ in KINDS.values():
        assert found(world, key, condition(nobody)) == set()


def test_a_coordinator_who_also_walks_sees_both(world: World):
    areas = next(iter(world.towns.values()))
    person = next(who for who, _ in world.duties.values() if world.homes[who] not in areas)
    both = Scope(
        world.county.id, Actor(), {Right.COORDINATOR: frozenset(areas), Right.VOLUNTEER: None}, person
    )
    own = {place for who, place in world.duties.values() if who == person}
    expected = {place for place in world.listed if world.place_is_in(place, areas)} | own
    assert found(world, Place.id, narrow.places_in(both)) == expected
    changeable = {place for place in world.listed if world.place_is_in(place, areas)}
    assert found(world, Place.id, narrow.places_in(both, *narrow.CHANGE)) == changeable


def test_conditions_keep_their_meaning_in_queries_that_join_the_same_tables(world: World):
    """Subqueries must not borrow the tables of the query around them."""
    areas = next(iter(world.towns.values()))
    staff = scope(world, Right.COORDINATOR, areas)
    joined = (
        select(Duty.id)
        .join(Place, Place.id == Duty.place_id)
        .join(Person, Person.id == Duty.person_id)
        .join(PlaceVersion, PlaceVersion.id == Place.version_id, isouter=True)
        .join(PlaceArea, PlaceArea.place_version_id == PlaceVersion.id, isouter=True)
        .where(narrow.places_in(staff), narrow.people_in(staff), narrow.duties_in(staff))
    )
    expected = {
        duty
        for duty, (person, place) in world.duties.items()
        if world.place_is_in(place, areas) and world.person_is_in(person, areas)
    }
    assert set(world.db.scalars(joined)) == expected
    walks = (
        select(Patrol.id)
        .join(LineCoverage, LineCoverage.patrol_id == Patrol.id)
        .join(PlaceArea, PlaceArea.place_version_id == LineCoverage.place_version_id)
        .where(narrow.patrols_in(staff), func.isempty(LineCoverage.ambiguous))
    )
    on_mapped_lines = {
        patrol
        for patrol, (_, covered) in world.walks.items()
        if world.patrol_is_in(patrol, areas) and any(s and p in world.parts for p, s in covered.items())
    }
    assert set(world.db.scalars(walks)) == on_mapped_lines
    other = aliased(Place)
    query = select(other.id).where(narrow.places_in(staff, place=other))
    assert set(world.db.scalars(query)) == {p for p in world.listed if world.place_is_in(p, areas)}
    own = scope(world, Right.VOLUNTEER, None, next(iter(world.duties.values()))[0])
    mine = select(Place.id).join(Duty, Duty.place_id == Place.id).where(narrow.places_in(own))
    owned = {place for who, place in world.duties.values() if who == own.person_id}
    assert set(world.db.scalars(mine)) == owned


def test_the_other_county_is_never_there(world: World):
    other = world.db.scalars(select(County.id).where(County.code == "B")).one()
    for condition, key, rows, _ in KINDS.values():
        everything = set(getattr(world, rows))
        beyond = Scope(other, Actor(), {Right.COORDINATOR: None})
        there = found(world, key, condition(beyond))
        assert there
        assert not there & everything
        # The ids of this county's areas are worth nothing there.
        borrowed = Scope(other, Actor(), {Right.COORDINATOR: frozenset(world.areas)})
        assert found(world, key, condition(borrowed)) == set()
