"""Forty nasty rosters go in without a silent loss: what is in a file is in the register or in the report."""

import io
from collections.abc import Iterator
from itertools import islice

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.imports import ImportReport, Outcome
from geo_service.rosters import planning, reading
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import FORMS, import_roster, read
from geo_service.rosters.storing import register_of
from geo_service.tables import Area, County, Duty, Person, Place
from layers.vocabulary import Right
from tests.layers.nasty_sheets import TOWNSHIPS, VILLAGES, Nasty, Record, nasty

LEFT = (Outcome.REFUSED, Outcome.ASKED)


def rosters() -> Iterator[Nasty]:
    """Yield the nasty rosters of the forms that give places and people, by seed."""
    keys = {form.key for form in FORMS}
    return (roster for seed in range(10**6) if (roster := nasty(seed)).form.key in keys)


FORTY = list(islice(rosters(), 40))


@pytest.fixture
def scope(db: Session) -> Scope:
    """A county with the townships and villages of the rosters, and everything in it."""
    county = County(code="321281", name="兴化市", time_zone="Asia/Shanghai")
    db.add(county)
    db.flush()
    top = Area(county_id=county.id, code="321281000000", name="兴化市", level="county")
    db.add(top)
    db.flush()
    for t, town in enumerate(TOWNSHIPS):
        township = Area(
            county_id=county.id, code=f"321281{100 + t}000", name=town, level="township", parent_id=top.id
        )
        db.add(township)
        db.flush()
        for v, name in enumerate(VILLAGES):
            code = f"321281{100 + t}{200 + v}"
            db.add(Area(county_id=county.id, code=code, name=name, level="village", parent_id=township.id))
    db.flush()
    return Scope(county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))


def take(db: Session, scope: Scope, roster: Nasty, **options: object) -> ImportReport:
    chosen = RosterOptions(skip_refused=True, **options)  # type: ignore[arg-type]
    return import_roster(db, scope, io.BytesIO(roster.data), roster.name, chosen)


def by_row(report: ImportReport) -> dict[str, tuple[set[Outcome], str]]:
    """Return for each row, as people find it, what became of it and all that is told of it."""
    found: dict[str, tuple[set[Outcome], str]] = {}
    for row in report.rows:
        for number in row.rows:
            outcomes, text = found.setdefault(str(number), (set(), ""))
            outcomes.add(row.outcome)
            found[str(number)] = outcomes, f"{text}；{row.detail}"
    return found


def key_of(record: Record, several: bool) -> str:
    return f"「{record.sheet}」{record.row}" if several else str(record.row)


def state(db: Session) -> list[tuple[object, ...]]:
    """Return all that is in the register, without ids."""
    people = db.execute(select(Person.name, Person.phone, Person.number, Person.area_id, Person.attributes))
    places = db.execute(select(Place.layer, Place.name, Place.code, Place.area_id, Place.attributes))
    duties = db.execute(
        select(Person.name, Person.phone, Place.layer, Place.code, Duty.role, Duty.kind, Duty.level)
        .join(Person, Person.id == Duty.person_id)
        .join(Place, Place.id == Duty.place_id)
    )
    return sorted((tuple(row) for rows in (people, places, duties) for row in rows), key=str)


@pytest.mark.parametrize("roster", FORTY, ids=lambda roster: roster.name)
def test_nothing_of_a_nasty_roster_is_lost_silently(db: Session, scope: Scope, roster: Nasty) -> None:
    report = take(db, scope, roster)
    told = by_row(report)
    several = len({record.sheet for record in roster.records}) > 1
    phones = {(name, phone) for name, phone in db.execute(select(Person.name, Person.phone))}
    spare = {
        (name, phone)
        for name, attributes in db.execute(select(Person.name, Person.attributes))
        for phone in attributes.get("phones", ())
    }
    names = {name for name, _ in phones}
    places = set(db.scalars(select(Place.name)))
    assert len(told) >= len(roster.records)
    for record in roster.records:
        outcomes, text = told[key_of(record, several)]
        if outcomes & set(LEFT):
            assert text.strip("；"), record
            continue
        if roster.form.layer is not None:
            assert record.place in places, record
        for person in record.people:
            assert person.name in names, (person, text)
            for phone in person.phones:
                assert (person.name, phone) in phones | spare, (person, text)


@pytest.mark.parametrize("roster", FORTY[::4], ids=lambda roster: roster.name)
def test_twice_the_same_nasty_roster_changes_nothing(db: Session, scope: Scope, roster: Nasty) -> None:
    take(db, scope, roster)
    before = state(db)
    again = take(db, scope, roster)
    changed = again.of(Outcome.ADDED, Outcome.CHANGED, Outcome.MOVED)
    assert [(row.numbers, row.detail) for row in changed] == []
    assert state(db) == before


def test_most_rows_of_the_forty_are_taken(db: Session, scope: Scope) -> None:
    taken = left = 0
    reasons = []
    for roster in FORTY:
        with db.begin_nested() as trial:
            report = take(db, scope, roster)
            left += len(report.left_out_rows())
            taken += len(roster.records) - len(report.left_out_rows())
            reasons += [f"{roster.name} {row.detail}" for row in report.left_out_rows()]
            trial.rollback()
    print("\n".join(reasons))
    assert taken > 10 * left, "\n".join(reasons)


def upside_down(roster: Nasty, scope: Scope, db: Session) -> tuple[list[object], list[object]]:
    """Return what a roster would do with its rows in their order, and in the opposite one."""
    form, sheet = read(io.BytesIO(roster.data), roster.name, None)
    register = register_of(db, scope)
    records = reading.records(sheet.rows, form, register.areas, register.allowed)
    forth, back = (planning.plan(rows, register, {}) for rows in (records, list(reversed(records))))
    return essence(forth), essence(back)


def essence(plan: planning.RosterPlan) -> list[object]:
    """Return all that a plan stores, without ids, and what becomes of each row."""
    people = {draft.id: draft for draft in plan.people_added}
    grounds = {new.ground.id: new for new in plan.places_added}
    shown: list[object] = [
        (draft.name, draft.phone, draft.number, draft.area_id, sorted(map(str, draft.attributes.items())))
        for draft in people.values()
    ]
    shown += [
        (new.ground.layer, new.ground.name, new.said.code, sorted(new.ground.area_ids))
        for new in grounds.values()
    ]
    shown += [
        (
            people[duty.person_id].name,
            people[duty.person_id].phone,
            grounds[duty.place_id].ground.name,
            duty.level,
        )
        for duty in plan.duties_added
    ]
    shown += [(str(row.rows[0]), row.outcome in LEFT) for row in plan.rows]
    return sorted(shown, key=str)


@pytest.mark.parametrize("roster", FORTY, ids=lambda roster: roster.name)
def test_upside_down_a_nasty_roster_does_the_same(db: Session, scope: Scope, roster: Nasty) -> None:
    forth, back = upside_down(roster, scope, db)
    assert forth == back
