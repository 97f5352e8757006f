"""A year of outings in the made-up county: who walked which beat when, and what the phone recorded."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from geo_service.demo import walks
from geo_service.demo.beats import Beat, Scheme
from geo_service.demo.plan import CRS, Floats
from geo_service.demo.stewards import Stewards, Term
from geo_service.demo.walks import Phone
from layers.tracks import Recording
from layers.vocabulary import Layer

OUTINGS, DAYS = 1837, 365
"""All counted, in the year that ends on the day before today; with the grid services of `activities` they
are 2,137 (domain.md 8.1, X5)."""
TIME_ZONE = ZoneInfo("Asia/Shanghai")
_WALKED = {Layer.RIVER: 0.73, Layer.ROAD: 0.71, Layer.GRID: 0.73}
"""Share of the beats that anyone walks, so that a third of each layer was not walked in the year."""
_LONGEST_M, _LONGEST_S = 3_300.0, 3_300.0
_TO_AND_FRO_M = 1_600.0
"""Beats up to this length are mostly walked there and back."""
_FORGOTTEN = 0.06
"""Share of the outings whose end was forgotten."""


class Outing(NamedTuple):
    """One walk: who, which beat, when, and the seed of all its details."""

    person: int
    """Index into the stewards' people."""
    beat: int
    start_s: float
    is_first: bool
    """Of this beat: walked from end to end. Later ones may be shorter."""
    seed: int


def make_outings(
    scheme: Scheme, stewards: Stewards, rng: np.random.Generator, *, today: dt.date
) -> tuple[Outing, ...]:
    """Plan the year: most people never go, a few go often; nobody twice a day. In order of time."""
    terms: dict[int, list[Term]] = {}
    for term in stewards.terms:
        if term.last_day is None:
            terms.setdefault(term.beat, []).append(term)
    beats = _walked_beats(scheme, rng)
    liking = rng.gamma(0.7, 1.0, len(beats))
    more = rng.choice(beats, OUTINGS - len(beats), p=liking / liking.sum()).tolist()
    days = _Days(today, rng)
    outings = []
    for k, beat in enumerate([*beats, *more]):
        person, day = days.given_to(terms[beat])
        start_s = _start(day, rng)
        outings.append(Outing(person, beat, start_s, k < len(beats), int(rng.integers(2**32))))
    return tuple(sorted(outings, key=lambda outing: outing.start_s))


def _walked_beats(scheme: Scheme, rng: np.random.Generator) -> list[int]:
    """Return the beats that anyone walks: of each layer a share of its length or area."""
    found = []
    for layer, share in _WALKED.items():
        own = [i for i, beat in enumerate(scheme.beats) if beat.layer is layer]
        size = np.array([_size(scheme, scheme.beats[i]) for i in own])
        order = rng.permutation(len(own))
        count = int(np.searchsorted(np.cumsum(size[order]), share * size.sum())) + 1
        found += [own[i] for i in order[:count]]
    return found


def _size(scheme: Scheme, beat: Beat) -> float:
    """Return the length of a beat in metres, or its area in square metres."""
    if beat.span_m is not None:
        return beat.span_m[1] - beat.span_m[0]
    place = scheme.geometry(beat) if beat.part is None else beat.part
    return float(shapely.length(place) if beat.layer.is_line else shapely.area(place))


class _Days:
    """The days of the year that are still free for each person; fewer outings in the cold and the heat."""

    def __init__(self, today: dt.date, rng: np.random.Generator) -> None:
        self._first = today - dt.timedelta(days=DAYS)
        self._rng = rng
        self._taken: dict[int, set[int]] = {}
        months = [(self._first + dt.timedelta(days=d)).month for d in range(DAYS)]
        self._liking = np.array([{1: 0.5, 2: 0.6, 7: 0.6, 8: 0.6}.get(month, 1.0) for month in months])

    def given_to(self, terms: Sequence[Term]) -> tuple[int, dt.date]:
        """Choose one of the people of a beat, the first much more often, and a free day of the duty."""
        rank = np.array([0.35**k for k in range(len(terms))])
        for k in self._rng.choice(len(terms), len(terms), replace=False, p=rank / rank.sum()).tolist():
            taken = self._taken.setdefault(terms[k].person, set())
            begin = max((terms[k].first_day - self._first).days, 0)
            free = np.array([d for d in range(begin, DAYS) if d not in taken])
            if free.size:
                liking = self._liking[free]
                day = int(self._rng.choice(free, p=liking / liking.sum()))
                taken.add(day)
                return terms[k].person, self._first + dt.timedelta(days=day)
        raise ValueError("nobody of this beat has a free day left")


def _start(day: dt.date, rng: np.random.Generator) -> float:
    """Return a time of day in epoch seconds: early, or after the noon rest."""
    hour = rng.uniform(5.7, 9.2) if rng.random() < 0.65 else rng.uniform(14.5, 17.0)
    midnight = dt.datetime.combine(day, dt.time(), TIME_ZONE)
    return float(round(midnight.timestamp() + hour * 3600))


def recorded(scheme: Scheme, outing: Outing) -> Recording:
    """Walk an outing and return what the phone recorded of it."""
    rng = np.random.default_rng([outing.seed, outing.person])
    beat = scheme.beats[outing.beat]
    route, returns = _route(scheme, beat, outing.is_first, rng)
    route = walks.from_home(route, rng, home_m=rng.uniform(100, 400), returns=returns)
    pace = max(rng.uniform(1.0, 1.35), walks.length_m(route) / _LONGEST_S)
    motion = walks.stroll(route, rng, start_s=outing.start_s, speed_m_s=pace, pause_every_s=900)
    phone = _phone(outing.person, beat.layer, float(motion.time_s[-1] - motion.time_s[0]), rng)
    if rng.random() < _FORGOTTEN:
        motion = walks.stays(motion, rng.uniform(2400, 4200))
    return walks.observed(motion, phone, rng, crs=CRS)


def _route(scheme: Scheme, beat: Beat, is_first: bool, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Return the way along or through a beat, and whether it ends where it began."""
    place = scheme.geometry(beat)
    if not beat.layer.is_line:
        return _through(place if beat.part is None else beat.part, is_first, rng), True
    start, stop = beat.span_m or (0.0, float(shapely.length(place)))
    if not is_first:
        length = rng.uniform(0.5, 1.0) * (stop - start)
        start = rng.uniform(start, stop - length)
        stop = start + length
    stop = min(stop, start + _LONGEST_M)
    side = 1 if rng.random() < 0.5 else -1
    off = (
        scheme.widths_m[beat.code] / 2 + rng.uniform(3, 7) if beat.layer is Layer.RIVER else rng.uniform(1, 4)
    )
    ends = (start, stop) if rng.random() < 0.5 else (stop, start)
    way = walks.along(place, *ends, offset_m=side * off)
    if stop - start > _TO_AND_FRO_M or rng.random() < 0.3:
        return way, False
    return np.vstack([way, walks.along(place, *ends[::-1], offset_m=side * off)]), True


def _through(polygon: Any, is_first: bool, rng: np.random.Generator) -> Floats:
    """Return lanes through an area: all of them or an hour's worth, later a shorter piece."""
    lanes = walks.lanes(polygon, spacing_m=rng.uniform(26, 36), angle=rng.choice((0.0, np.pi / 2)))
    whole = walks.length_m(lanes)
    length = min(whole, _LONGEST_M if is_first else rng.uniform(0.4, 1.0) * _LONGEST_M)
    start = rng.uniform(0.0, whole - length)
    return walks.piece(lanes, start, start + length) if whole > 0 else lanes


def _phone(person: int, layer: Layer, walk_s: float, rng: np.random.Generator) -> Phone:
    """Return the person's phone, in the surroundings of a layer and the luck of a day.

    Outages leave most of the walk: an outing of which nothing was recorded would be none.
    """
    own = np.random.default_rng(person)
    between_houses = not layer.is_line
    return Phone(
        step_s=float(own.choice((5.0, 5.0, 6.0, 8.0, 10.0))),
        sigma_m=float(np.clip(own.lognormal(np.log(4.5), 0.3), 3.0, 10.0)) + (1.0 if between_houses else 0.0),
        bias_m=2.0 if between_houses else 0.0,
        loss_share=float(own.uniform(0.0, 0.04)),
        outages=int(rng.poisson(walk_s / 4800)),
        outage_s=(20.0, 90.0) if rng.random() < 0.95 else (90.0, max(90.0, 0.2 * walk_s)),
        doubled_share=0.05 if rng.random() < 0.04 else 0.0,
        unsorted=bool(rng.random() < 0.03),
    )
