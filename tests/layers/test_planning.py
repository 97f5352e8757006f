"""Proposals against every possible one: the best is found, rules hold, and what cannot be met is told."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.planning import Candidate, Goal, Need, Option, Pair, Question, Why, is_allowed, judged
from layers.solving import propose

NEEDS, CANDIDATES = 3, 3
WISHES = Candidate(wishes=frozenset({0}))
PAIRS = list(itertools.product(range(NEEDS), range(CANDIDATES)))

needs = st.builds(
    Need,
    worth_m=st.integers(1, 40),
    length_m=st.integers(0, 30),
    least=st.integers(1, 2),
    target=st.integers(1, 3),
    most=st.integers(1, 3),
    in_pairs=st.booleans(),
)
candidates = st.builds(
    Candidate,
    most_places=st.integers(0, 3),
    most_m=st.none() | st.integers(0, 60),
    has_places=st.integers(0, 1),
    has_m=st.integers(0, 20),
    wishes=st.frozensets(st.integers(0, NEEDS - 1), max_size=2),
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    some = draw(st.lists(st.sampled_from(PAIRS), unique=True, max_size=len(PAIRS)))
    options = [
        Option(*pair, draw(st.none() | st.integers(0, 3000)), adjoins=draw(st.booleans())) for pair in some
    ]
    few = st.lists(st.sampled_from(PAIRS), unique=True, max_size=2)
    held = draw(few)
    fixed = [pair for pair in draw(few) if pair not in held]
    refused = [pair for pair in draw(few) if pair not in held and pair not in fixed]
    return Question(
        [draw(needs) for _ in range(NEEDS)],
        [draw(candidates) for _ in range(CANDIDATES)],
        options,
        held,
        fixed,
        refused,
    )


def worth(question: Question, pairs: set[Pair]) -> tuple[int, ...]:
    """What is better compares as larger."""
    found = judged(question, pairs)
    return (found[Goal.COVER], found[Goal.FILL], found[Goal.WISHES], -found[Goal.EASE])


def best_of_all(question: Question) -> tuple[int, ...]:
    free = [option.pair for option in question.free]
    some = (
        set(question.settled) | set(chosen)
        for count in range(len(free) + 1)
        for chosen in itertools.combinations(free, count)
    )
    return max(worth(question, pairs) for pairs in some if is_allowed(question, pairs))


@settings(max_examples=150, deadline=None)
@given(questions())
def test_it_is_the_best_of_all_and_keeps_the_rules(question: Question) -> None:
    found = propose(question)
    assert is_allowed(question, found.pairs)
    assert worth(question, found.pairs) == best_of_all(question)
    assert found.is_proven
    told = judged(question, found.pairs)
    assert all(told[one.goal] == one.value for one in found.reached)
    assert not found.pairs & set(question.refused)
    assert set(question.fixed) | set(question.held) <= found.pairs


@settings(max_examples=60, deadline=None)
@given(questions(), st.randoms())
def test_the_order_of_what_comes_in_changes_nothing(question: Question, random: object) -> None:
    shuffled = list(question.options)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = replace(question, options=shuffled + shuffled[:1])
    assert propose(question).lines == propose(other).lines


@settings(max_examples=60, deadline=None)
@given(questions())
def test_every_need_and_wish_is_met_or_told(question: Question) -> None:
    found = propose(question)
    people = {n: sum(need == n for need, _ in found.pairs) for n in range(NEEDS)}
    for n, need in enumerate(question.needs):
        assert (n in found.unmet) == (people[n] < need.covered_from)
        assert (n in found.short) == (need.covered_from <= people[n] < need.wanted)
    wished = {(n, c) for c, candidate in enumerate(question.candidates) for n in candidate.wishes}
    assert set(found.unmet_wishes) == wished - found.pairs
    assert {(line.need, line.candidate) for line in found.lines if line.is_wished} == wished & found.pairs


def test_what_there_is_no_way_for_is_told_and_not_raised() -> None:
    one, nobody = Need(100), Question([], [], [])
    assert propose(nobody).lines == []
    assert propose(Question([one], [], [])).unmet == {0: Why.NOBODY}
    assert propose(Question([one], [], [], too_far=[0])).unmet == {0: Why.TOO_FAR}
    assert propose(Question([one], [Candidate()], [Option(0, 0, 5)], refused=[(0, 0)])).unmet == {
        0: Why.REFUSED
    }
    assert propose(Question([one], [Candidate(1, has_places=1)], [Option(0, 0, 5)])).unmet == {0: Why.FULL}
    pair = Need(100, in_pairs=True)
    assert propose(Question([pair], [Candidate()], [Option(0, 0, 5)])).unmet == {0: Why.ALONE}
    two = Need(100, least=2, target=2, most=2)
    assert propose(Question([two], [Candidate()], [Option(0, 0, 5)])).unmet == {0: Why.FEW}


def test_nobody_is_sent_alone_where_two_go() -> None:
    pair, candidates = Need(100, in_pairs=True), [Candidate(), Candidate()]
    found = propose(Question([pair], candidates, [Option(0, 0, 5), Option(0, 1, 900)]))
    assert [line.with_others for line in found.lines] == [(1,), (0,)]
    fixed = propose(Question([pair], candidates, [Option(0, 1, 900)], fixed=[(0, 0)]))
    assert fixed.pairs == {(0, 0), (0, 1)}


def test_cover_comes_before_the_way_and_the_load_is_even() -> None:
    far, near = Option(0, 0, 4000), Option(1, 0, 10)
    found = propose(Question([Need(500), Need(400)], [Candidate(1)], [far, near]))
    assert found.pairs == {(0, 0)}
    assert found.unmet == {1: Why.FULL}
    needs, people = [Need(1), Need(1)], [Candidate(), Candidate()]
    apart = [Option(n, c, 100 if c == 0 else 550) for n in range(2) for c in range(2)]
    assert sorted(c for _, c in propose(Question(needs, people, apart)).pairs) == [0, 1]
    alone = [Option(n, c, 100 if c == 0 else 700) for n in range(2) for c in range(2)]
    assert sorted(c for _, c in propose(Question(needs, people, alone)).pairs) == [0, 0]


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (Question([Need(1)], [WISHES], []), Why.NOT_ELIGIBLE),
        (Question([Need(1)], [WISHES], [Option(0, 0, 1)], refused=[(0, 0)]), Why.REFUSED),
        (Question([Need(1)], [replace(WISHES, most_places=0)], [Option(0, 0, 1)]), Why.OWN_LIMIT),
        (
            Question([Need(1)], [Candidate(wishes=frozenset({0})), Candidate()], [Option(0, 0, 1)], [(0, 1)]),
            Why.TAKEN,
        ),
        (
            Question(
                [Need(1), Need(2)],
                [Candidate(1, wishes=frozenset({0}))],
                [Option(0, 0, 1), Option(1, 0, 1)],
            ),
            Why.OUTWEIGHED,
        ),
        (
            Question([Need(1, in_pairs=True)], [Candidate(wishes=frozenset({0}))], [Option(0, 0, 1)]),
            Why.ALONE,
        ),
    ],
)  # fmt: skip
def test_why_a_wish_is_not_met(question: Question, why: Why) -> None:
    assert list(propose(question).unmet_wishes.values()) == [why]
    assert propose(question).unmet_wishes[(0, 0)] is why


def test_who_has_more_than_he_may_keeps_it_and_gets_nothing() -> None:
    needs, own = [Need(1), Need(1), Need(1)], Candidate(most_places=1, has_places=1)
    options = [Option(n, 0, 1) for n in range(3)]
    found = propose(Question(needs, [own], options, held=[(0, 0)], fixed=[(1, 0)]))
    assert found.pairs == {(0, 0), (1, 0)}
    assert found.over_limit == [0]
    assert [(line.is_kept, line.is_fixed) for line in found.lines] == [(True, False), (False, True)]
    # Released, it is an option like any other.
    released = propose(Question(needs[:1], [Candidate(1), Candidate(1)], [Option(0, 0, 50), Option(0, 1, 1)]))
    assert released.pairs == {(0, 1)}
