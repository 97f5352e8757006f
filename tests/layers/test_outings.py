"""Which patrols are one outing does not depend on the order in which they came."""

import itertools
import random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from layers.outings import Outing, are_one, standings
from layers.vocabulary import Verdict

PEOPLE = [UUID(int=k) for k in range(5)]


@st.composite
def outings(draw: st.DrawFn) -> list[Outing]:
    count = draw(st.integers(0, 7))
    found = []
    for k in range(count):
        start_s = draw(st.integers(0, 6))
        found.append(
            Outing(
                UUID(int=100 + k),
                draw(st.sampled_from(PEOPLE)),
                draw(st.frozensets(st.sampled_from(PEOPLE), max_size=2)),
                start_s,
                start_s + draw(st.integers(0, 3)),
                draw(st.sampled_from([0.0, 100.0, 250.0])),
                draw(st.sampled_from(Verdict)),
            )
        )
    return found


@given(outings(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(found: list[Outing], dice: random.Random) -> None:
    shuffled = [*found]
    dice.shuffle(shuffled)
    assert standings(shuffled) == standings(found)


@given(outings())
def test_each_group_stands_once_for_everybody(found: list[Outing]) -> None:
    told = standings(found)
    by_id = {outing.id: outing for outing in found}
    for outing in found:
        stands = told[outing.id].same_as or outing.id
        assert told[stands].same_as is None
        assert (told[outing.id].people == 0) == (told[outing.id].same_as is not None)
    for a, b in itertools.combinations(found, 2):
        if are_one(a, b):
            assert (told[a.id].same_as or a.id) == (told[b.id].same_as or b.id)
    for id_, standing in told.items():
        if standing.same_as is None:
            group = [by_id[other] for other in told if (told[other].same_as or other) == id_]
            assert standing.people == len(set().union(*(outing.people for outing in group)))
            assert min(group, key=lambda outing: outing.key).id == id_


def test_one_who_names_nobody_joins_by_being_named() -> None:
    alone = Outing(UUID(int=1), PEOPLE[0], frozenset(), 0, 10, 100, Verdict.COUNTED)
    names = Outing(UUID(int=2), PEOPLE[1], frozenset([PEOPLE[0], PEOPLE[2]]), 5, 20, 50, Verdict.COUNTED)
    later = Outing(UUID(int=3), PEOPLE[2], frozenset(), 20, 30, 50, Verdict.COUNTED)
    told = standings([alone, names, later])
    assert (told[alone.id].people, told[names.id].same_as, told[later.id].people) == (3, alone.id, 1)


@given(outings())
def test_who_is_joined_by_no_chain_of_pairs_stands_apart(found: list[Outing]) -> None:
    """A naive model: spread from each outing over all pairs until nothing is added."""
    told = standings(found)
    for outing in found:
        joined = {outing.id}
        for _ in found:
            joined |= {b.id for a in found if a.id in joined for b in found if are_one(a, b)}
        stands = {(told[other].same_as or other) for other in joined}
        assert len(stands) == 1
        group = {other for other in told if {told[other].same_as or other} == stands}
        assert group == joined
