"""What a patrol counts as: its numbers are gathered once and kept, and held against the norms of its day.

A patrol is judged by the norm in force on its day, when it is computed, and never again by another: its
`norm_id` says by which. Where several norms ask something of its walker at the places it came to, the one
under which it fares best judges it: who walks his road by way of his river is not held to both.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.counting import done
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import DM_PER_M, Neighbourhood
from geo_service.coverage.service import CoveredLine, Recorded
from geo_service.norms import service as norms
from geo_service.norms.service import NormRow
from geo_service.patrols import covered_queries, doubts, queries, track_queries, verdict_queries
from geo_service.patrols.verdict_queries import Facts, Given, Held
from geo_service.tables import County, Json, Patrol
from layers import checklists
from layers.measures import AtPlace, Measures, along_m, inside_m, way_of
from layers.norms import Rule
from layers.periods import Days
from layers.reach import SIGHT_M
from layers.tracks import Track
from layers.verdicts import Code, Judgement, Numbers, judge
from layers.vocabulary import Evidence, Layer, Verdict

MEASURES = "measures"
"""Under this word the numbers stand in `Patrol.cleaning`."""
DOUBTS = "doubts"
"""And under this one the codes of what its recording had to be told of."""
_VISITED = 1.0
"""The share of a compound: it was visited, or it is not among what a patrol saw."""
Shares = tuple[float, float | None]
"""Of a place, 0 to 1: covered on foot or seen, and with what was ridden (None: nothing was)."""
_BEST = [Verdict.COUNTED, Verdict.REVIEW, Verdict.NOT_COUNTED]


@dataclass(frozen=True)
class Judged:
    """A judgement, and the norm that gave it."""

    judgement: Judgement
    norm_id: int | None


@dataclass(frozen=True)
class Case:
    """All that a verdict on one patrol rests on, norms left out."""

    known: Numbers
    measures: Measures
    held: Sequence[Held]


def settle_verdict(
    db: Session,
    county: County,
    patrol_id: uuid.UUID,
    track: Track,
    near: Neighbourhood | None,
    recorded: Recorded | None = None,
) -> None:
    """Judge a patrol that was just computed, and store verdict, reasons and norm.

    `track`: cleaned, before the home cut; `near`: the places around it (None: there is no track);
    `recorded`: what it covered and saw (None: read again). In the transaction that recorded this and will
    enter it into the roll-up. A person's verdict stays, and with it whether
    rides count.
    """
    patrol = _stored(db, county.id, patrol_id)
    shares = _shares_of(recorded, near) if recorded else _shares(db, county.id, patrol_id)
    measures = measured(track, near, shares)
    verdict_queries.store_measures(db, patrol_id, measures.to_json())
    case = gathered(db, county, patrol, measures, is_mixed=_is_mixed(track))
    found = judged(case, norms.in_force(db, county.id, Days(patrol.day, patrol.day)))
    verdict_queries.store_verdicts(db, [_given(patrol_id, found)])


def settle_untracked(db: Session, county: County, patrol_ids: Collection[uuid.UUID]) -> None:
    """Judge patrols that have no track and never had one, and store their verdicts, reasons and norms.

    They are read and stored together: a sheet of paper may hold thousands.
    """
    patrols = [row[0] for row in verdict_queries.patrols(db, among(Patrol.id, patrol_ids))]
    if not patrols:
        return
    facts = verdict_queries.facts(db, county.id, patrol_ids)
    asked = {(patrol.person_id, patrol.day) for patrol in patrols if patrol.person_id is not None}
    duties = verdict_queries.held(db, county.id, asked)
    days = [patrol.day for patrol in patrols]
    in_force = norms.in_force(db, county.id, Days(min(days), max(days)))
    given = []
    for patrol in patrols:
        case = _case(patrol, Measures(), facts[patrol.id], duties.get((patrol.person_id, patrol.day), []))
        of_its_day = [norm for norm in in_force if norm.days is not None and patrol.day in norm.days]
        given.append(_given(patrol.id, judged(case, of_its_day)))
    verdict_queries.store_verdicts(db, given)


def _given(patrol_id: uuid.UUID, found: Judged) -> Given:
    reasons = [reason.to_json() for reason in found.judgement.reasons]
    judgement = found.judgement
    return Given(patrol_id, judgement.verdict, reasons, found.norm_id, judgement.rides_count)


def measured(track: Track, near: Neighbourhood | None, shares: Mapping[int, Shares]) -> Measures:
    """Return the numbers of a track, with those at each place of which its patrol covered or saw a share."""
    if near is None or len(track) < 2:
        return Measures()
    xy = track.metric(near.crs)
    way = way_of(xy, track.time_s, track.piece)
    ids = [place.place_id for place in near.lines] + [place.place_id for place in near.areas]
    of_lines = along_m(way, near.line_set, near.reach_m)
    of_areas = inside_m(way, near.polygons, SIGHT_M)
    walked_m, ridden_m = (np.concatenate(both).tolist() for both in zip(of_lines, of_areas, strict=True))
    places = {
        id_: AtPlace(a, b, *shares[id_])
        for id_, a, b in zip(ids, walked_m, ridden_m, strict=True)
        if id_ in shares
    }
    return replace(Measures.of(track, xy, way), places=places)


def gathered(
    db: Session, county: County, patrol: Patrol, measures: Measures, *, is_mixed: bool = False
) -> Case:
    """Return what a verdict on a patrol rests on: its numbers, what else is known, its walker's duties."""
    facts = verdict_queries.facts(db, county.id, [patrol.id])[patrol.id]
    asked = [] if patrol.person_id is None else [(patrol.person_id, patrol.day)]
    duties = [one for own in verdict_queries.held(db, county.id, asked).values() for one in own]
    return _case(patrol, measures, facts, duties, is_mixed=is_mixed)


def _case(
    patrol: Patrol, measures: Measures, facts: Facts, duties: Sequence[Held], *, is_mixed: bool = False
) -> Case:
    # What was computed by an earlier release has only the words.
    doubts_ = patrol.cleaning.get(DOUBTS, [Code.CLOCK] if patrol.cleaning.get("notes") else [])
    known = Numbers(
        evidence=Evidence(patrol.evidence),
        complete=patrol.batches_due is not None and facts.batches >= patrol.batches_due,
        walked_m=patrol.walked_m,
        clock_jump=Code.CLOCK in doubts_,
        datum_mix=is_mixed or Code.CRS_MIX in doubts_,
        doubled=facts.is_doubled,
        overlap=facts.is_overlapping,
        record_complete=is_complete(patrol.record),
        other_evidence=facts.has_files,
        was_there=facts.was_near,
    )
    if known.evidence is not Evidence.TRACK and measures.minutes == 0:
        measures = replace(measures, minutes=(patrol.ended_at - patrol.started_at) / dt.timedelta(minutes=1))
    return Case(known, measures, _there(patrol, measures, duties))


def judged(case: Case, in_force: Sequence[NormRow]) -> Judged:
    """Return the best judgement under the norms that ask something of the walker; without one, by none."""
    found = [
        Judged(_under(case, own, norm.rule), norm.id)
        for norm in in_force
        if (own := [h for h in case.held if norm.rule.asks(h.role, h.kind, h.level)])
    ]
    return min(found, key=_rank, default=_by_none(case))


def _rank(one: Judged) -> tuple[int, bool]:
    """Return how well a patrol fares: by its verdict, then with what was ridden."""
    return _BEST.index(one.judgement.verdict), not one.judgement.rides_count


def is_complete(record: Json) -> bool:
    """Tell whether a record was filled in: its checklist says something of every item of its layer."""
    filled = record.get("checklist")
    return filled is not None and checklists.is_complete(Layer(filled["layer"]), filled["items"])


def _under(case: Case, own: Sequence[Held], rule: Rule) -> Judgement:
    maybe_off_map = any(not held.on_map for held in own)
    numbers = case.measures.applied(case.known, {h.place_id for h in own}, maybe_off_map=maybe_off_map)
    return judge(numbers, rule, roles=[held.role for held in own])


def _by_none(case: Case) -> Judged:
    maybe_off_map = any(not held.on_map for held in case.held)
    return Judged(judge(case.measures.applied(case.known, None, maybe_off_map=maybe_off_map)), None)


def _there(patrol: Patrol, measures: Measures, duties: Sequence[Held]) -> Sequence[Held]:
    """Return the duties that a patrol may be judged by: at the places it came to or was for, else all."""
    places = set(measures.places) | ({patrol.place_id} if patrol.place_id is not None else set())
    return [held for held in duties if held.place_id in places] if places else duties


def _shares_of(recorded: Recorded, near: Neighbourhood | None) -> dict[int, Shares]:
    """Return the shares covered or seen of each place of what was just recorded."""
    if near is None:
        return {}
    length_m = {line.place_id: line.length_dm / DM_PER_M for line in near.lines}
    seen = {at.place_id: (_VISITED if at.share is None else at.share, None) for at in recorded.areas}
    return _line_shares(recorded.lines, length_m) | seen


def _shares(db: Session, county_id: int, patrol_id: uuid.UUID) -> dict[int, Shares]:
    areas = covered_queries.seen_areas(db, county_id, patrol_id)
    seen = {
        a.place_id: (_VISITED if a.layer is Layer.COMPOUND else a.sizes.share(a.seen_m2), None) for a in areas
    }
    lines = covered_queries.covered_lines(db, county_id, patrol_id)
    return _line_shares(lines, verdict_queries.lengths_m(db, county_id, [at.place_id for at in lines])) | seen


def _line_shares(lines: Sequence[CoveredLine], length_m: Mapping[int, float]) -> dict[int, Shares]:
    """Return the shares of lines; one of which nothing was covered for sure is none that a patrol came to."""
    found: dict[int, Shares] = {}
    for at in lines:
        whole_m = length_m.get(at.place_id, 0.0)
        if whole_m and at.along_m:
            on_foot, with_rides = (min(m / whole_m, 1.0) for m in (at.walked.metres, at.along_m))
            found[at.place_id] = (on_foot, with_rides if at.ridden.metres else None)
    return found


def _is_mixed(track: Track) -> bool:
    return len(track) > 1 and doubts.mixture(track.time_s, track.lonlat) is not None


def _stored(db: Session, county_id: int, patrol_id: uuid.UUID) -> Patrol:
    found = queries.patrol(db, patrol_id, Patrol.county_id == county_id)
    if found is None:
        raise RuntimeError("the patrol is gone")
    return found


# --- for trials: what another norm would have said


def patrols_of(db: Session, where: ColumnElement[bool], window: Days) -> Sequence[tuple[Patrol, str | None]]:
    """Return the patrols of a window that are done, with their walkers' names, in the order of time."""
    days = Patrol.day.between(window.first, window.last)
    return verdict_queries.patrols(db, where, done(), days)


def tried(db: Session, county: County, patrol: Patrol, norms_: Sequence[NormRow]) -> Judged:
    """Return what some norms would say of a patrol, from its numbers, or from its track where there are none.

    Nothing is stored.
    """
    case = gathered(db, county, patrol, _numbers_of(db, county, patrol), is_mixed=_was_mixed(patrol))
    # Sendings may be forgotten since: that they were all in is not asked again.
    known = replace(case.known, complete=patrol.batches_due is not None)
    return judged(replace(case, known=known), norms_)


def _numbers_of(db: Session, county: County, patrol: Patrol) -> Measures:
    stored = patrol.cleaning.get(MEASURES)
    if stored is not None:
        return Measures.from_json(stored)
    track = track_queries.stored_track(db, patrol.id)
    if track is None:
        return _unmeasured(db, county, patrol)
    near = coverage.neighbourhood(db, county, track)
    return measured(track, near, _shares(db, county.id, patrol.id))


def _was_mixed(patrol: Patrol) -> bool:
    return any(reason["code"] == Code.CRS_MIX for reason in patrol.reasons)


def _unmeasured(db: Session, county: County, patrol: Patrol) -> Measures:
    """Return what is still known of a patrol without track and numbers: its time, and what it covered."""
    minutes = (patrol.ended_at - patrol.started_at) / dt.timedelta(minutes=1)
    lines = {at.place_id: at for at in covered_queries.covered_lines(db, county.id, patrol.id)}
    places = {}
    for id_, shares in _shares(db, county.id, patrol.id).items():
        at = lines.get(id_)
        # Of an area nobody knows any more how far one walked in it: all of the way may have been there.
        metres = (at.walked.metres, at.ridden.metres) if at else (patrol.walked_m, 0.0)
        places[id_] = AtPlace(*metres, *shares)
    return Measures(minutes=minutes, places=places)
