"""Who could look after what: an exact proposal over needs, candidates and the ways between them.

In this order, each step keeping what the ones before it reached: cover the most, bring needs to the number of
people that they should have, meet wishes, and then the least way from home, where every further place of the
same person counts as so many metres more of way, so that the load is even. Existing pairs stay (`held`);
one that is released is an option like any other. The same input gives the same answer.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from layers.errors import YinxunError
from layers.vocabulary import Word

Pair = tuple[int, int]
"""(need, candidate), as indexes."""

ADJOINING_M = 500.0
"""How much of the way from home a stretch beside one's own makes up for."""
UNKNOWN_M = 5000.0
"""How far away somebody counts of whom nobody knows where he lives."""
FURTHER_PLACE_M = 500.0
"""A person's second place counts as so much more way, the third as twice that, and so on."""
MOST_PAIRS = 200_000
"""A question with more options is refused: it is not one of a township."""


class TooLarge(YinxunError):
    """There are more possible pairs than are solved at once."""

    title = "There are too many possible pairs."


class Goal(Word):
    """What a proposal is good at, in the order in which it is sought."""

    COVER = "cover", "有人负责的（米）"
    FILL = "fill", "补足人数（人）"
    """Of needs that should have more than one."""
    WISHES = "wishes", "满足意愿（项）"
    EASE = "ease", "离家路程和负担（米）"


class Why(Word):
    """Why a need or a wish is not met."""

    NOBODY = "nobody", "辖区内没有符合条件的人"
    TOO_FAR = "too_far", "符合条件的人都住得太远"
    REFUSED = "refused", "可选的人都已排除"
    FULL = "full", "可选的人都已排满"
    ALONE = "alone", "需要两人同行，只找得到一人"
    FEW = "few", "符合条件的人不够"
    NO_NEED = "no_need", "这里现在不缺人"
    TAKEN = "taken", "这里的名额已有人"
    OWN_LIMIT = "own_limit", "已到本人的上限"
    NOT_ELIGIBLE = "not_eligible", "不符合这里的条件"
    OUTWEIGHED = "outweighed", "安排到别处能多管一些"


@dataclass(frozen=True)
class Need:
    """A place or a stretch of one that wants people."""

    worth_m: int
    """What covering it is worth: the metres of a line, for an area as many as it is said to be worth."""
    length_m: int = 0
    """What its steward walks, for limits in metres."""
    least: int = 1
    """With fewer it is not covered."""
    target: int = 1
    most: int = 1
    in_pairs: bool = False
    """Nobody goes alone: it has at least two people, or none."""

    @property
    def covered_from(self) -> int:
        """How many people cover it."""
        return max(self.least, 2 if self.in_pairs else 1)

    @property
    def wanted(self) -> int:
        """How many people it should have."""
        return max(self.target, self.covered_from)

    @property
    def room(self) -> int:
        """How many people it takes."""
        return max(self.most, self.wanted)


@dataclass(frozen=True)
class Candidate:
    """Somebody who could take places: what he may have, and what he has already (what is held included)."""

    most_places: int = 2
    most_m: int | None = None
    has_places: int = 0
    has_m: int = 0
    wishes: frozenset[int] = frozenset()
    """Needs that he would like, by index."""


@dataclass(frozen=True)
class Option:
    """Somebody who may take a need, and what he would have of it."""

    need: int
    candidate: int
    distance_m: float | None
    """None: nobody knows where he lives."""
    adjoins: bool = False
    """Whether it lies beside a stretch that is his."""

    @property
    def pair(self) -> Pair:
        """The pair that it is."""
        return self.need, self.candidate

    @property
    def way_m(self) -> int:
        """What it costs of ease, in whole metres; never nothing, so that nobody is sent in vain."""
        distance_m = UNKNOWN_M if self.distance_m is None else self.distance_m
        return 1 + round(max(0.0, distance_m - (ADJOINING_M if self.adjoins else 0.0)))


@dataclass(frozen=True)
class Question:
    """All that a proposal rests on."""

    needs: Sequence[Need]
    candidates: Sequence[Candidate]
    options: Sequence[Option]
    held: Collection[Pair] = ()
    """Existing pairs that stay."""
    fixed: Collection[Pair] = ()
    """Pairs that somebody decided on: they stay whatever limits say."""
    refused: Collection[Pair] = ()
    too_far: Collection[int] = ()
    """Needs for which some would do but for the way."""

    @cached_property
    def settled(self) -> frozenset[Pair]:
        """The pairs that are no question."""
        return frozenset(self.held) | frozenset(self.fixed)

    @cached_property
    def free(self) -> list[Option]:
        """The options that are open, each pair once, in an order that does not depend on how they came."""
        closed = self.settled | frozenset(self.refused)
        best: dict[Pair, Option] = {}
        for option in self.options:
            known = best.get(option.pair)
            if option.pair not in closed and (known is None or option.way_m < known.way_m):
                best[option.pair] = option
        return [best[pair] for pair in sorted(best)]

    @cached_property
    def settled_at(self) -> Mapping[int, int]:
        """How many people each need has already."""
        found: dict[int, int] = defaultdict(int)
        for need, _ in self.settled:
            found[need] += 1
        return found

    def loads(self) -> tuple[list[int], list[int]]:
        """Return how many places, and how many metres, each candidate has beside what is open."""
        places, metres = [c.has_places for c in self.candidates], [c.has_m for c in self.candidates]
        for need, candidate in frozenset(self.fixed) - frozenset(self.held):
            places[candidate] += 1
            metres[candidate] += self.needs[need].length_m
        return places, metres


@dataclass(frozen=True)
class Line:
    """One pair of a proposal, with what speaks for it."""

    need: int
    candidate: int
    distance_m: float | None
    """None: nobody knows where he lives."""
    adjoins: bool
    is_kept: bool
    """He has it already."""
    is_fixed: bool
    is_wished: bool
    with_others: tuple[int, ...]
    """Candidates with whom he shares it."""
    nearest: bool
    """Nobody else who may take it lives nearer."""
    nth: int
    """Which of his places this is."""


@dataclass(frozen=True)
class Reached:
    """How far one goal came: its value, what could be at best, and whether that is proven to be the best."""

    goal: Goal
    value: int
    bound: int

    @property
    def is_proven(self) -> bool:
        """Whether nothing better exists."""
        return self.value == self.bound

    @property
    def gap(self) -> float:
        """The distance from the bound, as a share of the value."""
        return abs(self.bound - self.value) / max(1, abs(self.value))


@dataclass(frozen=True)
class Proposal:
    """The answer: pairs by need and candidate; what is not met, and why."""

    lines: Sequence[Line]
    reached: Sequence[Reached]
    unmet: Mapping[int, Why]
    """Needs that are not covered."""
    short: Mapping[int, Why]
    """Needs that are covered by fewer people than they should have."""
    unmet_wishes: Mapping[Pair, Why]
    """(need, candidate) -> why he does not get what he wished for."""
    over_limit: Sequence[int] = field(default=())
    """Candidates whose held and fixed places exceed their limits: they get nothing more."""

    @property
    def pairs(self) -> set[Pair]:
        """All pairs, the settled ones too."""
        return {(line.need, line.candidate) for line in self.lines}

    @property
    def is_proven(self) -> bool:
        """Whether no better proposal exists."""
        return all(one.is_proven for one in self.reached)


def judged(question: Question, pairs: Collection[Pair]) -> dict[Goal, int]:
    """Return what any set of pairs (the settled ones included) is worth, goal by goal.

    The one measure by which proposals are compared, whoever made them.
    """
    people: dict[int, int] = defaultdict(int)
    for need, _ in pairs:
        people[need] += 1
    needs = question.needs
    covered = [n for n, count in people.items() if count >= needs[n].covered_from]
    chosen = [option for option in question.free if option.pair in pairs]
    places, _ = question.loads()
    further = 0
    for option in chosen:
        further += places[option.candidate] * round(FURTHER_PLACE_M)
        places[option.candidate] += 1
    wished = sum(need in question.candidates[candidate].wishes for need, candidate in pairs)
    return {
        Goal.COVER: sum(needs[n].worth_m for n in covered),
        Goal.FILL: sum(min(count, needs[n].wanted) for n, count in people.items() if needs[n].wanted > 1),
        Goal.WISHES: wished,
        Goal.EASE: sum(option.way_m for option in chosen) + further,
    }


def is_allowed(question: Question, pairs: Collection[Pair]) -> bool:
    """Tell whether a set of pairs keeps all rules: what is settled stays, nobody is over his limits."""
    places, metres = question.loads()
    people = dict(question.settled_at)
    free = {option.pair for option in question.free}
    if not question.settled <= set(pairs) or not set(pairs) <= free | question.settled:
        return False
    added: set[int] = set()
    for need, candidate in set(pairs) - question.settled:
        places[candidate] += 1
        metres[candidate] += question.needs[need].length_m
        people[need] = people.get(need, 0) + 1
        added.add(need)
        own = question.candidates[candidate]
        if places[candidate] > own.most_places or (own.most_m is not None and metres[candidate] > own.most_m):
            return False
    return all(
        people[n] <= question.needs[n].room
        and (not question.needs[n].in_pairs or people[n] >= question.needs[n].covered_from)
        for n in added
    )
