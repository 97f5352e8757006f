"""Proposals against a greedy and a random-restart heuristic on generated counties.

    python -m tests.benchmarks.bench_proposals [COUNTIES] [RESTARTS]

Counties are drawn from seeds 0, 1, ...: townships of villages with people, and stretches to look after;
some need two people, some people have wishes, limits and places already. All three answer the same
questions, and one function judges them (`layers.planning.judged`), goal by goal. The last line is a county of
30 townships and some 3,300 people, timed as a whole.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable

import numpy as np

from layers.planning import Candidate, Goal, Need, Option, Pair, Question, is_allowed, judged
from layers.solving import propose

TOWN_M = 9000.0
FARTHEST_M = 4000.0
Worth = tuple[int, int, int, int]


def township(rng: np.random.Generator, needs: int, people: int) -> Question:
    """Draw the question of one township."""
    villages = rng.uniform(0, TOWN_M, (12, 2))
    spots = rng.uniform(0, TOWN_M, (needs, 2))
    homes = villages[rng.integers(0, 12, people)] + rng.normal(0, 150, (people, 2))
    wanted = []
    for _ in range(needs):
        length_m, in_pairs = int(rng.integers(200, 4000)), bool(rng.random() < 0.2)
        least, target = int(rng.choice([1, 1, 1, 2])), int(rng.choice([1, 1, 2]))
        wanted.append(Need(length_m, length_m, least, max(least, target), 3, in_pairs))
    candidates = [
        Candidate(
            int(rng.integers(1, 3)),
            int(rng.integers(1500, 6000)),
            int(rng.random() < 0.7),
            0,
            frozenset(rng.integers(0, needs, 2).tolist()) if rng.random() < 0.1 else frozenset(),
        )
        for _ in range(people)
    ]
    away_m = np.hypot(*(spots[:, None] - homes[None]).transpose(2, 0, 1))
    options = [
        Option(n, c, float(away_m[n, c]), bool(rng.random() < 0.03))
        for n, c in zip(*np.nonzero(away_m <= FARTHEST_M), strict=True)
    ]
    options = [Option(int(o.need), int(o.candidate), o.distance_m, o.adjoins) for o in options]
    return Question(wanted, candidates, options)


def county(seed: int, townships: int | None = None) -> list[Question]:
    """Draw a county: more or fewer people for its needs, so that some are short of them."""
    rng = np.random.default_rng(seed)
    count = townships or int(rng.integers(3, 7))
    return [township(rng, int(rng.integers(20, 50)), int(rng.integers(40, 160))) for _ in range(count)]


def filled(question: Question, order: Iterable[int]) -> set[Pair]:
    """Take the needs in an order; each gets its people from those with room, the least way first."""
    by_need: dict[int, list[Option]] = {}
    for option in question.free:
        by_need.setdefault(option.need, []).append(option)
    places, metres = question.loads()
    pairs = set(question.settled)
    for n in order:
        need, chosen = question.needs[n], list[Option]()
        # Whoever wished for it first, then by the way with what he has.
        ways = sorted(
            by_need.get(n, ()),
            key=lambda o: (
                n not in question.candidates[o.candidate].wishes,
                o.way_m + 500 * places[o.candidate],
            ),
        )
        for option in ways:
            own = question.candidates[option.candidate]
            fits = own.most_m is None or metres[option.candidate] + need.length_m <= own.most_m
            if len(chosen) < need.wanted and places[option.candidate] < own.most_places and fits:
                chosen.append(option)
        if len(chosen) < need.covered_from and need.in_pairs:
            continue
        for option in chosen:
            pairs.add(option.pair)
            places[option.candidate] += 1
            metres[option.candidate] += need.length_m
    return pairs


def greedy(question: Question) -> set[Pair]:
    """Take the needs that are worth most first."""
    needs = question.needs
    return filled(
        question, sorted(range(len(needs)), key=lambda n: -needs[n].worth_m / needs[n].covered_from)
    )


def restarted(question: Question, restarts: int, rng: np.random.Generator) -> set[Pair]:
    """Take them in many orders near the greedy one and at random, and keep the best."""
    needs = question.needs
    base = np.array([-need.worth_m / need.covered_from for need in needs], float)
    best = greedy(question)
    for k in range(restarts):
        spread = base.std() * (k % 10) / 5
        order = np.argsort(base + rng.normal(0, spread or 1.0, len(needs)))
        found = filled(question, order.tolist())
        best = max(best, found, key=lambda pairs: worth(question, pairs))
    return best


def worth(question: Question, pairs: set[Pair]) -> Worth:
    """Return what is better as larger, goal by goal."""
    found = judged(question, pairs)
    return found[Goal.COVER], found[Goal.FILL], found[Goal.WISHES], -found[Goal.EASE]


def main(counties: int = 20, restarts: int = 200) -> None:
    """Print a line a county, and the sums."""
    print(
        "county  towns  needs people  pairs | covered: ours  restart  greedy |  ease: ours  restart | gap  s"
    )
    sums: Counter[str] = Counter()
    for seed in range(counties):
        rng, began, totals = np.random.default_rng(1000 + seed), 0.0, []
        questions, gap = county(seed), 0.0
        for question in questions:
            start = time.perf_counter()
            found = propose(question, seconds=10)
            began += time.perf_counter() - start
            ours = worth(question, found.pairs)
            others = [
                worth(question, pairs)
                for pairs in (restarted(question, restarts, rng), greedy(question))
                if is_allowed(question, pairs)
            ]
            assert len(others) == 2, "a heuristic broke a rule"
            assert is_allowed(question, found.pairs)
            gap = max(gap, *(one.gap for one in found.reached))
            sums["proven" if found.is_proven else "not proven"] += 1
            best = max(others)
            sums["better" if ours > best else "equal" if ours == best else "worse"] += 1
            totals.append((ours, *others))
        cover = [sum(row[k][0] for row in totals) for k in range(3)]
        ease = [-sum(row[k][3] for row in totals) for k in range(2)]
        sizes = [sum(len(getattr(q, name)) for q in questions) for name in ("needs", "candidates", "free")]
        print(
            f"{seed:6}  {len(questions):5}  {sizes[0]:5} {sizes[1]:6} {sizes[2]:6} |"
            f" {cover[0]:13} {cover[1]:8} {cover[2]:7} | {ease[0]:11} {ease[1]:8} | {gap:.3%}  {began:.1f}",
            flush=True,
        )
    print("townships:", dict(sums))
    start, questions = time.perf_counter(), county(99, townships=30)
    proven = sum(propose(question, seconds=10).is_proven for question in questions)
    people = sum(len(question.candidates) for question in questions)
    print(
        f"a county of 30 townships, {people} people: {time.perf_counter() - start:.1f} s,"
        f" {proven} of 30 proven"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
