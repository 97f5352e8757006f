"""Companions are counted once, whatever order their walks come in; the sums are those of a naive model."""

import dataclasses
import datetime as dt
import itertools
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.patrols import outings, queries, service
from geo_service.patrols.outings import Sums
from geo_service.tables import Companion, LineDay, Patrol, Person
from layers.vocabulary import Right, Verdict
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_patrol_client import NOON, Client, county, walk

__all__ = ["county"]


@pytest.fixture
def scope(small_county: SmallCounty) -> Scope:
    return Scope(small_county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))


@pytest.fixture
def people(small_county: SmallCounty) -> list[Person]:
    return [small_county.db.get_one(Person, small_county.person(f"巡查员{k}")) for k in range(4)]


def standing(db: Session, client: Client) -> tuple[int, uuid.UUID | None]:
    row = db.execute(select(Patrol.people, Patrol.same_outing_as).where(Patrol.id == client.patrol_id)).one()
    return row.people, row.same_outing_as


@pytest.mark.usefixtures("county")
class TestCompanions:
    def send(self, client: Client, upto: int, *along: Person) -> None:
        client.begin(NOON, *along)
        client.batch(walk((500, 5), (upto, 5)))
        client.end(1)

    def test_a_companion_without_a_phone_is_counted(
        self, db: Session, scope: Scope, people: list[Person]
    ) -> None:
        client = Client(db, scope, people[0])
        self.send(client, 900, people[1], people[2])
        assert standing(db, client) == (3, None)
        sums = outings.counted(db, scope, NOON.date(), NOON.date())
        assert (sums.outings, sums.people) == (1, 3)
        assert sums.metres == pytest.approx(400, abs=1)

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_who_recorded_too_is_the_same_outing_in_any_order(
        self, db: Session, scope: Scope, people: list[Person], order: tuple[int, ...]
    ) -> None:
        clients = [Client(db, scope, person) for person in people]
        along = ([people[1], people[3]], [], [people[1]])
        for k in order:
            self.send(clients[k], 800 + 100 * k, *along[k])
        # The longest way stands for all: 0 names 1, 2 names 1.
        assert [standing(db, client) for client in clients[:3]] == [
            (0, clients[2].patrol_id),
            (0, clients[2].patrol_id),
            (4, None),
        ]
        sums = outings.counted(db, scope, NOON.date(), NOON.date())
        assert (sums.outings, sums.people) == (1, 4)
        assert sums.metres == pytest.approx(500, abs=1)
        (day,) = db.scalars(select(LineDay).where(LineDay.day == NOON.date())).all()[:1]
        assert day.spans[0].upper == pytest.approx(10_000, abs=10), "both cover"

    def test_voiding_one_frees_the_others(self, db: Session, scope: Scope, people: list[Person]) -> None:
        first, second = (Client(db, scope, person) for person in people[:2])
        self.send(first, 1000, people[1])
        self.send(second, 900)
        assert standing(db, second) == (0, first.patrol_id)
        told = service.told(db, scope, second.patrol_id)
        assert any("只计一次" in note for note in told.notes)
        service.void(db, scope, first.patrol_id, "传错了")
        assert standing(db, second) == (1, None)
        assert outings.counted(db, scope, NOON.date(), NOON.date()).outings == 1

    def test_a_late_begin_that_names_somebody_joins_them(
        self, db: Session, scope: Scope, people: list[Person]
    ) -> None:
        first, second = (Client(db, scope, person) for person in people[:2])
        self.send(second, 900)
        first.batch(walk((500, 5), (1000, 5)))
        first.end(1)
        assert standing(db, second) == (1, None)
        first.begin(NOON, people[1])
        assert (standing(db, first), standing(db, second)) == ((2, None), (0, first.patrol_id))

    def test_walks_at_another_time_are_outings_of_their_own(
        self, db: Session, scope: Scope, people: list[Person]
    ) -> None:
        first, second = (Client(db, scope, person) for person in people[:2])
        self.send(first, 1000, people[1])
        second.batch(walk((500, 5), (1000, 5), start=NOON + dt.timedelta(hours=3)))
        second.end(1)
        assert (standing(db, first), standing(db, second)) == ((2, None), (1, None))


@dataclasses.dataclass
class Model:
    """An outing as the naive model keeps it."""

    id: uuid.UUID
    person: int
    along: set[int]
    start: int
    stop: int
    metres: float
    verdict: Verdict
    is_open: bool
    is_voided: bool = False

    @property
    def counts(self) -> bool:
        return not self.is_open and not self.is_voided

    @property
    def rank(self) -> Any:
        order = [Verdict.COUNTED, Verdict.REVIEW, Verdict.NOT_COUNTED]
        return order.index(self.verdict), -self.metres, self.start, self.id


@st.composite
def models(draw: st.DrawFn) -> list[Model]:
    found = []
    for k in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, 60))
        model = Model(
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{draw(st.integers(0, 99))}/{k}"),
            person=draw(st.integers(0, 3)),
            along=draw(st.sets(st.integers(0, 3), max_size=2)),
            start=start,
            stop=start + draw(st.integers(0, 9)),
            metres=float(draw(st.integers(0, 9))),
            verdict=draw(st.sampled_from(Verdict)),
            is_open=draw(st.sampled_from([False, False, False, True])),
        )
        found.append(model)
    return found


def naive(found: list[Model], first_hour: int, last_hour: int) -> Sums:
    """Colour connected outings, take the best of each colour, add up."""
    alive = [one for one in found if one.counts]
    colour = {one.id: k for k, one in enumerate(alive)}
    for _ in alive:
        for a, b in itertools.permutations(alive, 2):
            # A patrol of one moment is under way at that moment.
            within = any(x.start == x.stop and y.start < x.start < y.stop for x, y in ((a, b), (b, a)))
            together = within or max(a.start, b.start) < min(a.stop, b.stop)
            if together and a.person != b.person and (b.person in a.along or a.person in b.along):
                colour[a.id] = colour[b.id] = min(colour[a.id], colour[b.id])
    sums = Sums(0, 0, 0.0, 0.0)
    for number in set(colour.values()):
        group = [one for one in alive if colour[one.id] == number]
        best = min(group, key=lambda one: one.rank)
        people = set().union(*({one.person} | one.along for one in group))
        if best.verdict is Verdict.COUNTED and first_hour <= best.start < last_hour:
            sums = Sums(
                sums.outings + 1, sums.people + len(people), sums.metres + best.metres,
                sums.hours + best.stop - best.start,
            )  # fmt: skip
    return sums


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=models(), data=st.data())
def test_sums_are_those_of_a_naive_model(
    db: Session, scope: Scope, people: list[Person], found: list[Model], data: st.DataObject
) -> None:
    # Drawn before anything is stored: a draw may end the example.
    voided = data.draw(st.lists(st.sampled_from(found), max_size=3, unique_by=lambda one: one.id))
    outer = db.begin_nested()
    midnight = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    for one in found:
        start, stop = (midnight + dt.timedelta(hours=hour) for hour in (one.start, one.stop))
        db.add(
            Patrol(
                county_id=scope.county_id, id=one.id, person_id=people[one.person].id, day=start.date(),
                started_at=start, ended_at=stop, walked_m=one.metres, fixes=1, verdict=one.verdict,
                settled_at=None if one.is_open else stop, people=1 + len(one.along - {one.person}),
            )
        )  # fmt: skip
        db.flush()
        for other in one.along - {one.person}:
            db.add(Companion(county_id=scope.county_id, patrol_id=one.id, person_id=people[other].id))
        db.flush()
        outings.regroup(db, [one.id])
    for one in voided:
        was = outings.together(db, one.id)
        one.is_voided = True
        queries.void(db, one.id, "x", midnight)
        outings.regroup(db, was)
    seen = outings.counted(db, scope, midnight.date(), midnight.date() + dt.timedelta(days=1))
    outer.rollback()
    expected = naive(found, 0, 48)
    assert (seen.outings, seen.people, seen.metres) == (expected.outings, expected.people, expected.metres)
    assert seen.hours == pytest.approx(expected.hours)
