"""Why a proposal is as it is: what speaks for each pair, and why a need or a wish is not met."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from layers.planning import Line, Option, Pair, Proposal, Question, Reached, Why


def explained(question: Question, pairs: set[Pair], reached: Sequence[Reached]) -> Proposal:
    """Return the proposal of these pairs (the settled ones included) with all reasons."""
    by_need: dict[int, list[int]] = defaultdict(list)
    for need, candidate in sorted(pairs):
        by_need[need].append(candidate)
    places, metres = _loads(question, pairs)
    unmet: dict[int, Why] = {}
    short: dict[int, Why] = {}
    for n, wanting in enumerate(question.needs):
        people = len(by_need[n])
        if people < wanting.covered_from:
            unmet[n] = _why_unmet(question, n, people, places, metres)
        elif people < wanting.wanted:
            short[n] = _why_unmet(question, n, people, places, metres)
    wishes = {
        (n, c): _why_wish(question, (n, c), by_need[n], places, metres)
        for c, candidate in enumerate(question.candidates)
        for n in sorted(candidate.wishes)
        if (n, c) not in pairs
    }
    lines = _lines(question, pairs, by_need)
    return Proposal(lines, list(reached), unmet, short, wishes, _over_limit(question))


def _lines(question: Question, pairs: set[Pair], by_need: Mapping[int, Sequence[int]]) -> list[Line]:
    option_of: dict[Pair, Option] = {}
    for option in question.options:
        known = option_of.get(option.pair)
        if known is None or option.way_m < known.way_m:
            option_of[option.pair] = option
    nearest_m: dict[int, float] = {}
    for option in question.free:
        if option.distance_m is not None:
            nearest_m[option.need] = min(nearest_m.get(option.need, option.distance_m), option.distance_m)
    held, fixed = frozenset(question.held), frozenset(question.fixed)
    nth = [candidate.has_places for candidate in question.candidates]
    lines = []
    # What is held is among what he has; what is settled was there before what is proposed.
    for need, candidate in sorted(pairs, key=lambda pair: (pair not in question.settled, pair)):
        nth[candidate] += (need, candidate) not in held
        found = option_of.get((need, candidate))
        distance_m = None if found is None else found.distance_m
        lines.append(
            Line(
                need,
                candidate,
                distance_m,
                adjoins=found is not None and found.adjoins,
                is_kept=(need, candidate) in held,
                is_fixed=(need, candidate) in fixed,
                is_wished=need in question.candidates[candidate].wishes,
                with_others=tuple(c for c in by_need[need] if c != candidate),
                nearest=distance_m is not None and distance_m <= nearest_m.get(need, distance_m),
                nth=nth[candidate],
            )
        )
    return sorted(lines, key=lambda line: (line.need, line.candidate))


def _loads(question: Question, pairs: set[Pair]) -> tuple[list[int], list[int]]:
    places, metres = question.loads()
    for need, candidate in pairs - question.settled:
        places[candidate] += 1
        metres[candidate] += question.needs[need].length_m
    return places, metres


def _has_room(question: Question, pair: Pair, places: Sequence[int], metres: Sequence[int]) -> bool:
    own, length_m = question.candidates[pair[1]], question.needs[pair[0]].length_m
    within = own.most_m is None or metres[pair[1]] + length_m <= own.most_m
    return places[pair[1]] < own.most_places and within


def _why_unmet(question: Question, n: int, people: int, places: Sequence[int], metres: Sequence[int]) -> Why:
    known = {option.candidate for option in question.options if option.need == n}
    open_ = {option.candidate for option in question.free if option.need == n}
    need = question.needs[n]
    if not known and not people:
        return Why.TOO_FAR if n in question.too_far else Why.NOBODY
    if not open_ and (known - {c for m, c in question.settled if m == n}):
        return Why.REFUSED
    settled = question.settled_at.get(n, 0)
    if settled + len(open_) < need.covered_from:
        return Why.ALONE if need.in_pairs and settled + len(open_) == 1 else Why.FEW
    if not open_:
        return Why.FEW
    free = [c for c in open_ if _has_room(question, (n, c), places, metres)]
    return Why.ALONE if need.in_pairs and len(free) == 1 and not people else Why.FULL


def _why_wish(
    question: Question, pair: Pair, people: Sequence[int], places: Sequence[int], metres: Sequence[int]
) -> Why:
    """Tell why a wish is not met: by the rules, by what is settled, or for the sake of the whole."""
    if pair in frozenset(question.refused):
        return Why.REFUSED
    if all(option.pair != pair for option in question.options):
        return Why.NOT_ELIGIBLE
    before_places, before_m = question.loads()
    if not _has_room(question, pair, before_places, before_m):
        return Why.OWN_LIMIT
    if question.settled_at.get(pair[0], 0) >= question.needs[pair[0]].room:
        return Why.TAKEN
    if len(people) >= question.needs[pair[0]].room:
        return Why.TAKEN
    return Why.OUTWEIGHED if not _has_room(question, pair, places, metres) else Why.ALONE


def _over_limit(question: Question) -> list[int]:
    places, metres = question.loads()
    return [
        c
        for c, own in enumerate(question.candidates)
        if places[c] > own.most_places or (own.most_m is not None and metres[c] > own.most_m)
    ]
