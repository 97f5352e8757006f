"""Which patrols are one outing: companions who walked together and each recorded it.

Two patrols are the same outing if they were under way at the same time and one of them names the other's
walker as companion; so are those joined by a chain of such pairs. One of them stands for all, whatever the
order in which they came: its way and hours count, and with it everybody who took part (人次), once.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from layers.vocabulary import Verdict

_RANK = {Verdict.COUNTED: 0, Verdict.REVIEW: 1, Verdict.NOT_COUNTED: 2}


@dataclass(frozen=True)
class Outing:
    """A patrol that was computed and not voided, as far as this is about."""

    id: UUID
    person: UUID
    companions: frozenset[UUID]
    start_s: float
    """Epoch seconds, like `stop_s`."""
    stop_s: float
    walked_m: float
    verdict: Verdict

    @property
    def people(self) -> frozenset[UUID]:
        """Everybody who took part, as far as this patrol says."""
        return self.companions | {self.person}

    @property
    def key(self) -> tuple[int, float, float, UUID]:
        """The least stands for its outing: what counts before what does not, then the longest way."""
        return _RANK[self.verdict], -self.walked_m, self.start_s, self.id


@dataclass(frozen=True)
class Standing:
    """What a patrol counts for: how many people, and which other patrol stands for it (None: it does)."""

    people: int
    same_as: UUID | None


def are_one(a: Outing, b: Outing) -> bool:
    """Tell whether two patrols are directly the same outing."""
    together = a.start_s < b.stop_s and b.start_s < a.stop_s
    return together and a.person != b.person and (b.person in a.companions or a.person in b.companions)


def standings(outings: Sequence[Outing]) -> Mapping[UUID, Standing]:
    """Return what each patrol counts for, among patrols that are the same outing as no others."""
    found: dict[UUID, Standing] = {}
    for group in _groups(outings):
        first = min(group, key=lambda outing: outing.key)
        people = frozenset[UUID]().union(*(outing.people for outing in group))
        found |= {outing.id: Standing(0, first.id) for outing in group}
        found[first.id] = Standing(len(people), None)
    return found


def _groups(outings: Sequence[Outing]) -> list[list[Outing]]:
    """Return the outings joined by chains of `are_one`."""
    by_start = defaultdict[UUID, list[tuple[float, int]]](list)
    for k in sorted(range(len(outings)), key=lambda k: outings[k].start_s):
        by_start[outings[k].person].append((outings[k].start_s, k))
    longest_s = max((outing.stop_s - outing.start_s for outing in outings), default=0.0)
    first = list(range(len(outings)))

    def root(k: int) -> int:
        while first[k] != k:
            first[k] = k = first[first[k]]
        return k

    for k, outing in enumerate(outings):
        for person in outing.companions:
            theirs = by_start.get(person, [])
            at = bisect_left(theirs, (outing.start_s - longest_s, 0))
            for start_s, other in islice(theirs, at, None):
                if start_s >= outing.stop_s:
                    break
                if are_one(outing, outings[other]):
                    first[root(other)] = root(k)
    groups = defaultdict[int, list[Outing]](list)
    for k, outing in enumerate(outings):
        groups[root(k)].append(outing)
    return list(groups.values())
