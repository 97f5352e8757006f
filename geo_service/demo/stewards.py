"""The people of the made-up county: volunteers on the beats, those before them, and the official chiefs."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely

from geo_service.demo import names
from geo_service.demo.beats import Scheme
from geo_service.demo.land import COUNTY_CODE, Land
from layers.vocabulary import Layer, Level

VOLUNTEERS, COMPOUND_STEWARDS = 2819, 304
"""River, road and grid stewards together; compound stewards beside them (domain.md 8.1, X1 and X7)."""
_SECOND_DUTIES = 150
"""Volunteers who look after another beat as well."""
_NEWCOMERS = 0.08
"""Share of the duties that were taken over from someone within the year."""
_COUNTY_CHIEFS, _TOWNSHIP_CHIEFS = 12, 5


class Person(NamedTuple):
    """A volunteer or an official."""

    number: str
    """Y volunteers, H compound stewards, Q those who stepped down, G officials."""
    name: str
    phone: str
    """1200000 and four digits: no telephone number begins with 12."""
    area_code: str
    home: str
    """The compound that he lives in with its building, where there is one; empty: not known."""


class Term(NamedTuple):
    """A person's duty for a beat."""

    beat: int
    person: int
    first_day: dt.date
    last_day: dt.date | None = None
    """Inclusive; None: still in force."""
    after: int | None = None
    """Index of the term that it took over from."""


class Office(NamedTuple):
    """An official's post: answers for the places of one level in one area."""

    person: int
    area_code: str
    level: Level


@dataclass(frozen=True)
class Stewards:
    """All people, and what they are to the beats and areas."""

    people: tuple[Person, ...]
    terms: tuple[Term, ...]
    offices: tuple[Office, ...]


def make_stewards(land: Land, scheme: Scheme, rng: np.random.Generator, *, today: dt.date) -> Stewards:
    """Find people for all beats and areas; `today` is the day on which the duties are in force."""
    homes = _homes(land, scheme)
    walked = [i for i, beat in enumerate(scheme.beats) if beat.layer is not Layer.COMPOUND]
    kept = [i for i, beat in enumerate(scheme.beats) if beat.layer is Layer.COMPOUND]
    posts = _posts(walked, VOLUNTEERS, rng)
    posts_kept = _posts(kept, COMPOUND_STEWARDS, rng)
    numbers = [f"Y{k + 1:04}" for k in range(VOLUNTEERS)] + [f"H{k + 1:03}" for k in range(COMPOUND_STEWARDS)]
    beat_of = posts + posts_kept
    second = _second_beats(posts, homes, rng)
    terms = [_term(beat, person, rng, today) for person, beat in [*enumerate(beat_of), *second]]
    people = [(number, homes[beat]) for number, beat in zip(numbers, beat_of, strict=True)]
    terms, people = _with_predecessors(terms, people, homes, rng)
    offices, officials = _offices(land, len(people))
    kept_by = {number: scheme.beats[beat].code for number, beat in zip(numbers, beat_of, strict=True)}
    lives_at = _addresses(land, people, kept_by)
    return Stewards(_named(people + officials, lives_at, rng), tuple(terms), tuple(offices))


def _homes(land: Land, scheme: Scheme) -> list[str]:
    """Return for each beat the code of the village or community in which it lies."""
    middles = []
    for beat in scheme.beats:
        place = scheme.geometry(beat)
        if beat.layer.is_line:
            start, stop = beat.span_m or (0.0, shapely.length(place))
            middles.append(shapely.line_interpolate_point(shapely.get_geometry(place, 0), (start + stop) / 2))
        else:
            middles.append(shapely.point_on_surface(place))
    villages = shapely.STRtree(land.village_polygons()).nearest(middles)
    return [land.villages[i].code for i in villages.tolist()]


def _posts(beats: Sequence[int], people: int, rng: np.random.Generator) -> list[int]:
    """Return the beat of each person: everyone has one, every beat has someone, some have many."""
    liking = rng.gamma(2.0, 1.0, len(beats))
    more = rng.choice(beats, people - len(beats), p=liking / liking.sum())
    return list(map(int, rng.permutation([*beats, *more.tolist()])))


def _second_beats(
    posts: Sequence[int], homes: Sequence[str], rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Return pairs (person, beat): some look after another beat of their township as well."""
    near: dict[str, list[int]] = {}
    for beat in sorted(set(posts)):
        near.setdefault(homes[beat][:9], []).append(beat)
    found = []
    for person in rng.choice(len(posts), _SECOND_DUTIES, replace=False).tolist():
        others = [beat for beat in near[homes[posts[person]][:9]] if beat != posts[person]]
        if others:
            found.append((person, others[rng.integers(len(others))]))
    return found


def _term(beat: int, person: int, rng: np.random.Generator, today: dt.date) -> Term:
    """Begin a duty one to five years ago, or with a few newcomers within the last ten months."""
    days = rng.integers(20, 300) if rng.random() < _NEWCOMERS else rng.integers(400, 1800)
    return Term(beat, person, today - dt.timedelta(days=int(days)))


def _with_predecessors(
    terms: list[Term], people: list[tuple[str, str]], homes: Sequence[str], rng: np.random.Generator
) -> tuple[list[Term], list[tuple[str, str]]]:
    """Put before each newcomer someone who stepped down the day before."""
    last_year = max(term.first_day for term in terms) - dt.timedelta(days=360)
    before: list[Term] = []
    former: list[tuple[str, str]] = []
    taken_over: dict[int, int] = {}
    for k, term in enumerate(terms):
        if term.first_day > last_year:
            first = term.first_day - dt.timedelta(days=int(rng.integers(500, 1500)))
            taken_over[k] = len(before)
            before.append(
                Term(term.beat, len(people) + len(former), first, term.first_day - dt.timedelta(days=1))
            )
            former.append((f"Q{len(former) + 1:03}", homes[term.beat]))
    now = [term._replace(after=taken_over.get(k)) for k, term in enumerate(terms)]
    return before + now, people + former


def _offices(land: Land, first: int) -> tuple[list[Office], list[tuple[str, str]]]:
    """Return the official posts and who holds them, as (number, area code); `first` is their first index."""
    county = f"{COUNTY_CODE}000000"
    posts = [(county, Level.COUNTY)] * _COUNTY_CHIEFS
    for town in land.townships:
        posts += [(town.code, Level.TOWNSHIP)] * _TOWNSHIP_CHIEFS
    posts += [(village.code, Level.VILLAGE) for village in land.villages]
    count = Counter[str]()
    officials = []
    for code, level in posts:
        count[level] += 1
        officials.append((f"G{'123'[list(Level).index(level)]}{count[level]:03}", code))
    return [Office(first + k, code, level) for k, (code, level) in enumerate(posts)], officials


def _addresses(land: Land, people: Sequence[tuple[str, str]], beat_of: Mapping[str, str]) -> dict[str, str]:
    """Return where people live by number: a compound steward in his own, others in those of their village."""
    name_of = {compound.code: compound.name for compound in land.compounds}
    there: dict[str, list[str]] = {}
    for compound in land.compounds:
        there.setdefault(land.villages[compound.village].code, []).append(compound.name)
    found = {}
    for k, (number, village) in enumerate(people):
        own = name_of.get(beat_of.get(number, ""))
        near = [own] if own else there.get(village)
        if near:
            found[number] = f"{near[k % len(near)]}{k % 24 + 1}幢"
    return found


def _named(
    people: Sequence[tuple[str, str]], lives_at: Mapping[str, str], rng: np.random.Generator
) -> tuple[Person, ...]:
    return tuple(
        Person(number, names.person(rng), f"1200000{k:04}", area_code, lives_at.get(number, ""))
        for k, (number, area_code) in enumerate(people)
    )
