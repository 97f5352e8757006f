"""The question that an area asks, gathered from the register: needs, who could meet them, who has what."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.coverage import gaps, ground
from geo_service.planning import homes, queries
from geo_service.planning.asked import Asked, Numbers
from geo_service.planning.needs import (
    Asking,
    Decided,
    NeedAt,
    grounds,
    land_of,
    needs,
    numbers_of,
    with_fixed,
)
from geo_service.planning.queries import Held, Resident
from geo_service.tables import County
from layers import eligibility
from layers.eligibility import Wants
from layers.planning import Candidate, Need, Pair, Question
from layers.vocabulary import GapKind, Layer

_BESIDE_DM = 20.0


@dataclass(frozen=True, eq=False)
class Gathered:
    """A question with what its indexes stand for."""

    needs: Sequence[NeedAt]
    people: Sequence[Resident]
    question: Question
    duties: Sequence[Held]
    """On the places asked about; those that are released are not among them."""
    too_short_m: float
    """Metres of lines that nobody has and that are too short to be proposed."""


def gather(
    db: Session,
    scope: Scope,
    area_id: int,
    asked: Asked,
    day: dt.date,
    *,
    fixed: Sequence[Decided] = (),
    refused: Sequence[Decided] = (),
) -> Gathered:
    """Return the question that an area asks, as of a day."""
    county = db.get_one(County, scope.county_id)
    asking = Asking(db, county, areas.descendants(db, county.id, [area_id]), asked, day)
    query = ground.Query(day, day, asked.layers, area_id)
    table = gaps.gaps(db, scope, query, GapKind.UNASSIGNED)
    land = land_of(asking, table.ground)
    place_ids = [place.place_id for place in table.ground.places]
    duties = queries.held(db, county.id, day, queries.held_at(place_ids), but=asked.released)
    found, too_short_m = needs(asking, land, table, duties)
    found = with_fixed(found, land.ground, fixed)
    holders = {holder for need in found for holder in need.holders} | {one.person_id for one in fixed}
    people = queries.residents(db, county.id, asking.area_ids, holders, day)
    loads = queries.held(db, county.id, day, queries.held_by([p.id for p in people]), but=asked.released)
    tree = homes.tree(db, county)
    options, too_far = eligibility.options(
        grounds(asking, land, found, tree),
        homes.homes(db, county, tree, people),
        [_wants(person, asking) for person in people],
        adjoining=_adjoining(found, people, loads),
        crossing=asked.crossing,
    )
    question = Question(
        [_need(need, numbers_of(land, asked, need.place), asked.area_worth_m) for need in found],
        _candidates(found, people, loads, asked),
        options,
        held=_held_pairs(found, people),
        fixed=_pairs(fixed, found, people),
        refused=_pairs(refused, found, people),
        too_far=too_far,
    )
    return Gathered(found, people, question, duties, too_short_m)


def _need(need: NeedAt, numbers: Numbers, area_worth_m: int) -> Need:
    return Need(
        need.metres or area_worth_m,
        need.metres,
        numbers.least,
        numbers.target,
        max(numbers.most, len(need.holders)),
        numbers.in_pairs,
    )


def _wants(person: Resident, asking: Asking) -> Wants:
    ready, asked = person.ready, asking.asked
    if person.area_id not in asking.area_ids or (ready is not None and not ready.is_open):
        return Wants(layers=frozenset())
    if ready is None:
        return Wants(farthest_m=asked.farthest_m)
    layers = frozenset(Layer) if ready.layers is None else frozenset(map(Layer, ready.layers))
    farthest_m = asked.farthest_m if ready.farthest_m is None else float(ready.farthest_m)
    return Wants(layers, frozenset(ready.avoids), farthest_m)


def _candidates(
    wanting: Sequence[NeedAt], people: Sequence[Resident], loads: Sequence[Held], asked: Asked
) -> list[Candidate]:
    places: dict[uuid.UUID, int] = {}
    metres: dict[uuid.UUID, int] = {}
    for duty in loads:
        places[duty.person_id] = places.get(duty.person_id, 0) + 1
        metres[duty.person_id] = metres.get(duty.person_id, 0) + duty.metres
    found = []
    for person in people:
        ready = person.ready
        likes = frozenset(ready.likes) if ready else frozenset()
        wishes = frozenset(n for n, need in enumerate(wanting) if need.place.place_id in likes)
        most_places = asked.most_places if ready is None or ready.most_places is None else ready.most_places
        most_m = asked.most_m if ready is None or ready.most_m is None else ready.most_m
        has = places.get(person.id, 0), metres.get(person.id, 0)
        found.append(Candidate(most_places, most_m, *has, wishes=wishes))
    return found


def _held_pairs(found: Sequence[NeedAt], people: Sequence[Resident]) -> list[Pair]:
    index = {person.id: c for c, person in enumerate(people)}
    return [(n, index[h]) for n, need in enumerate(found) for h in sorted(need.holders) if h in index]


def _pairs(decided: Iterable[Decided], found: Sequence[NeedAt], people: Sequence[Resident]) -> list[Pair]:
    need_at = {need.key: n for n, need in enumerate(found)}
    index = {person.id: c for c, person in enumerate(people)}
    return [
        (need_at[one.key], index[one.person_id])
        for one in decided
        if one.key in need_at and one.person_id in index
    ]


def _adjoining(wanting: Sequence[NeedAt], people: Sequence[Resident], loads: Sequence[Held]) -> set[Pair]:
    """Return the pairs where the candidate holds what lies beside the need on the same line."""
    index = {person.id: c for c, person in enumerate(people)}
    own: dict[int, list[Held]] = {}
    for duty in loads:
        own.setdefault(duty.place_id, []).append(duty)
    found = set()
    for n, need in enumerate(wanting):
        if need.span_dm is None:
            continue
        for duty in own.get(need.place.place_id, ()):
            spans = duty.spans or ((0, duty.length_dm),)
            if eligibility.touching(*need.span_dm, spans, within=_BESIDE_DM):
                found.add((n, index[duty.person_id]))
    return found
