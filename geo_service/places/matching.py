"""Which draft is which stored place: by code, else by source, else by name and overlap, else by listing.

Pure: stored places and prepared drafts in, pairs and questions out. A place is taken by one draft only, and
two codes of the office that differ are never one place.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from geo_service.places.prepared import Prepared
from layers.banks import Breadth, Side
from layers.drafts import APART, Question
from layers.names import plain
from layers.reach import Stretch

Ranked = tuple[float, int, int]
"""A pair that could be: its rank (the smallest first), the index of the draft, the index of the place."""

ID_PREFIX = "place-"
"""Begins the id of every question that is asked here."""

SAME_VERTEX_DEG = 1e-7
"""Vertices nearer than this (about a centimetre) are the same."""
BESIDE_M = 20.0
"""Lines overlap where they run within this distance of each other."""
HALF = 0.5
"""Share of the smaller one that must overlap where the names agree ..."""
NEARLY_ALL = 0.8
"""... and share of the larger one where a name is missing."""


@dataclass(frozen=True, eq=False)
class StoredPlace:
    """A place as it is stored, with the version in force."""

    id: int
    code: str
    code_made: bool
    name: str | None
    in_scheme: bool
    area_id: int | None
    attributes: Mapping[str, Any]
    version_id: int | None = None
    number: int = 0
    lonlat: Any | None = None
    """Degrees; a line with M. None while 未上图."""
    metres: Any | None = None
    """The same in the county's CRS, 2-D."""
    reach_m: float | None = None
    sources: Sequence[Mapping[str, Any]] = ()
    reaches: Sequence[Stretch] = ()
    """Stretches with a reach of their own, from and to in decimetres."""
    flow: Sequence[int] = ()
    axis: Any | None = None
    """Degrees, 2-D: the centre line, where the banks are apart."""
    axis_metres: Any | None = None
    sides: Sequence[Side] = ()
    """Which part of the line is which bank, from and to in decimetres."""
    breadths: Sequence[Breadth] = ()
    """How wide the water between the banks is."""
    areas: frozenset[int] = frozenset()
    """The areas in which it lies, or under which it is listed, and all above them."""

    @property
    def ground(self) -> Any | None:
        """Metres: as `centre`."""
        return self.metres if self.axis is None else self.axis_metres

    @property
    def centre(self) -> Any | None:
        """Degrees: what a file draws of it, which is the centre line where the banks are apart."""
        return self.lonlat if self.axis is None else self.axis

    def is_drawn_as(self, lonlat: Any) -> bool:
        """Tell whether a geometry (degrees) is the one that is stored; M follows from it."""
        if self.centre is None:
            return False
        flat = shapely.force_2d([self.centre, lonlat])
        return bool(shapely.equals_exact(flat[0], flat[1], SAME_VERTEX_DEG))


@dataclass(frozen=True)
class Matching:
    """For each draft the index of its stored place, or None; and what only a person can settle."""

    stored: Sequence[int | None]
    questions: Sequence[Question]


@dataclass
class _Search:
    """The places and drafts that are still free."""

    stored: Sequence[StoredPlace]
    drafts: Sequence[Prepared]
    answers: Mapping[str, str]
    pairs: dict[int, int] = field(default_factory=dict)
    """Draft index -> stored index."""
    questions: list[Question] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.taken: set[int] = set()
        self.settled: set[int] = set()

    def free_drafts(self) -> Iterator[tuple[int, Prepared]]:
        yield from (
            (d, p) for d, p in enumerate(self.drafts) if d not in self.pairs and d not in self.settled
        )

    def free_stored(self) -> Iterator[tuple[int, StoredPlace]]:
        yield from ((s, p) for s, p in enumerate(self.stored) if s not in self.taken)

    def pair(self, ranked: Iterable[Ranked]) -> None:
        """Join the best pairs first; each draft and each place once."""
        for _, d, s in sorted(ranked):
            if d not in self.pairs and s not in self.taken:
                self.pairs[d] = s
                self.taken.add(s)


def match(
    stored: Sequence[StoredPlace], drafts: Sequence[Prepared], answers: Mapping[str, str] | None = None
) -> Matching:
    """Find the stored place of each draft. An unanswered question leaves the draft a place of its own."""
    search = _Search(stored, drafts, answers or {})
    search.pair(_by_code(search))
    search.pair(_by_source(search))
    search.pair(_by_overlap(search))
    search.pair(_twice_listed(search))
    search.pair(_by_listing(search))
    return Matching([search.pairs.get(d) for d in range(len(drafts))], search.questions)


def _by_code(search: _Search) -> Iterator[Ranked]:
    by_code = {place.code: s for s, place in enumerate(search.stored)}
    for d, prepared in search.free_drafts():
        if prepared.draft.code in by_code:
            yield d, d, by_code[prepared.draft.code]


def _by_source(search: _Search) -> Iterator[Ranked]:
    """Propose the same feature of the source, unless both its name and its course are different now."""
    holders: dict[str, list[int]] = defaultdict(list)
    for s, place in search.free_stored():
        for source in place.sources:
            holders[source["id"]].append(s)
    for d, prepared in search.free_drafts():
        ids = {source.id for source in prepared.draft.sources}
        shared = Counter(s for id_ in ids for s in holders.get(id_, ()))
        for s, count in shared.items():
            place = search.stored[s]
            named = _same_name(prepared, place)
            if _codes_agree(prepared, place) and (named or _overlap(prepared, place) >= HALF):
                yield -count - (0.5 if named else 0.0), d, s


def _by_overlap(search: _Search) -> Iterator[Ranked]:
    """Propose the same name on the same ground; without a name nearly the same ground."""
    free = [(s, place) for s, place in search.free_stored() if place.metres is not None]
    tree = shapely.STRtree([place.ground for _, place in free])
    drawn = [(d, prepared) for d, prepared in search.free_drafts() if prepared.shape is not None]
    shapes = np.array([prepared.shape.metres for _, prepared in drawn if prepared.shape], dtype=object)
    near: dict[int, list[int]] = defaultdict(list)
    for at, k in tree.query(shapes, predicate="dwithin", distance=BESIDE_M).T.tolist():
        near[at].append(k)
    for at, (d, prepared) in enumerate(drawn):
        found = list(_overlapping(prepared, [free[k] for k in near[at]]))
        best, *others = sorted(found) or [(0.0, -1)]
        clear = best[0] <= -NEARLY_ALL and all(share > -HALF for share, _ in others)
        if len(found) == 1 or clear:
            yield best[0], d, best[1]
        elif found:
            yield from _asked(search, d, [s for _, s in found], "图上有几条重合的同名对象，哪一个是它？")


def _overlapping(prepared: Prepared, near: Iterable[tuple[int, StoredPlace]]) -> Iterator[tuple[float, int]]:
    """Return the places that a draft may be, the share of the larger one that overlaps as a rank."""
    for s, place in near:
        if _codes_agree(prepared, place) and _same_name(prepared, place):
            of_smaller, of_larger = _overlap(prepared, place), _overlap(prepared, place, of_larger=True)
            nameless = prepared.draft.name is None or place.name is None
            if of_larger >= NEARLY_ALL or (of_smaller >= HALF and not nameless):
                yield -of_larger, s


def _by_listing(search: _Search) -> Iterator[Ranked]:
    """Propose the same name in the same area, where one of the two has no geometry yet."""
    listed = _free_by_name(search)
    found = {
        d: [
            s
            for s in listed.get(plain(prepared.draft.name or ""), [])
            if (prepared.shape is None) != (search.stored[s].metres is None)
            and _codes_agree(prepared, search.stored[s])
            and _areas_agree(prepared, search.stored[s])
        ]
        for d, prepared in search.free_drafts()
    }
    claims = Counter(s for candidates in found.values() for s in candidates)
    for d, candidates in found.items():
        if len(candidates) == 1 and claims[candidates[0]] == 1:
            yield 0.0, d, candidates[0]
        elif candidates:
            yield from _asked(search, d, candidates, "有几个同名对象，哪一个是它？")


def _twice_listed(search: _Search) -> Iterator[Ranked]:
    """Propose, of those without geometry, one name in one area, in the order of the file."""
    listed = _free_by_name(search)
    for d, prepared in search.free_drafts():
        waiting = listed.get(plain(prepared.draft.name or ""), [])
        for s in waiting if prepared.shape is None else ():
            place = search.stored[s]
            same_area = place.area_id == prepared.area_id
            if place.metres is None and same_area and _codes_agree(prepared, place):
                waiting.remove(s)
                yield 0.0, d, s
                break


def _free_by_name(search: _Search) -> dict[str, list[int]]:
    listed: dict[str, list[int]] = defaultdict(list)
    for s, place in search.free_stored():
        if place.name is not None:
            listed[plain(place.name)].append(s)
    return listed


def _asked(search: _Search, d: int, candidates: Sequence[int], text: str) -> Iterator[Ranked]:
    """Keep the question, and pass on what its answer says."""
    question = _question(search, d, candidates, text)
    search.questions.append(question)
    search.settled.add(d)
    for s in candidates:
        if question.answer == search.stored[s].code:
            yield -2.0, d, s


def _question(search: _Search, d: int, candidates: Sequence[int], text: str) -> Question:
    prepared = search.drafts[d]
    places = [search.stored[s] for s in candidates]
    asked = [prepared.draft.name or "", *sorted(place.code for place in places)]
    if prepared.shape is not None:
        asked.append(shapely.to_wkt(shapely.force_2d(prepared.shape.lonlat), rounding_precision=6))
    id_ = ID_PREFIX + hashlib.sha256("\n".join(asked).encode()).hexdigest()[:12]
    answers = {place.code: f"是已登记的 {place.code}「{place.name or '无名'}」" for place in places}
    answers[APART] = "都不是，是另一个新的对象"
    answer = search.answers.get(id_)
    return Question(
        id=id_,
        text=f"「{prepared.draft.name or '无名'}」：{text}",
        answers=answers,
        rows=prepared.draft.rows,
        answer=answer if answer in answers else None,
    )


def _codes_agree(prepared: Prepared, place: StoredPlace) -> bool:
    return prepared.draft.code is None or place.code_made or prepared.draft.code == place.code


def _same_name(prepared: Prepared, place: StoredPlace) -> bool:
    if prepared.draft.name is None or place.name is None:
        return True
    return plain(prepared.draft.name) == plain(place.name)


def _areas_agree(prepared: Prepared, place: StoredPlace) -> bool:
    return not prepared.areas or not place.areas or not place.areas.isdisjoint(prepared.areas)


def _overlap(prepared: Prepared, place: StoredPlace, *, of_larger: bool = False) -> float:
    """Return which share of the smaller (or larger) of the two lies on the other."""
    if prepared.shape is None or place.metres is None:
        return 0.0
    a, b = prepared.shape.metres, place.ground
    size: Callable[[Any], Any] = shapely.length if prepared.shape.length_dm is not None else shapely.area
    small, large = (a, b) if size(a) <= size(b) else (b, a)
    if prepared.shape.length_dm is None:
        shared = shapely.area(shapely.intersection(a, b))
        return float(shared / max(size(large if of_larger else small), 1e-9))
    of, on = (large, small) if of_larger else (small, large)
    return float(size(shapely.intersection(of, shapely.buffer(on, BESIDE_M))) / max(size(of), 1e-9))
