"""What a walker learns of a patrol: what it covered and saw, and what was left out and why."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service.coverage.service import CoveredLine, SeenArea
from geo_service.patrols import queries
from geo_service.patrols.words import sentence
from geo_service.tables import County, Json, Patrol
from layers.verdicts import Judgement, Reason, hint, in_words
from layers.vocabulary import Verdict


@dataclass(frozen=True)
class ReasonTold:
    """One reason of a verdict: its code, its words, and how much is missing of a minimum."""

    code: str
    words: str
    value: float | None = None
    limit: float | None = None
    missing: float | None = None
    unit: str | None = None


@dataclass(frozen=True)
class PatrolAnswer:
    """A patrol as its walker is told of it."""

    patrol_id: uuid.UUID
    person_id: uuid.UUID | None
    day: dt.date
    started_at: dt.datetime
    """In the county's time zone, like `ended_at`."""
    ended_at: dt.datetime
    walked_m: float
    fixes: int
    verdict: Verdict
    covered: Sequence[CoveredLine]
    seen: Sequence[SeenArea]
    dropped: Mapping[str, int]
    """How many fixes each rule of the cleaning left out."""
    hidden: int
    """How many fixes near the ends are not kept, so that nobody sees where someone lives."""
    notes: Sequence[str]
    """What the walker should know (Chinese)."""
    told: str
    """Thanks, time, way and what was covered, in one plain sentence (Chinese)."""
    reasons: Sequence[ReasonTold] = ()
    """Why it is not simply counted."""
    norm_id: int | None = None
    """The norm it was judged by."""
    reviewed_at: dt.datetime | None = None
    review_note: str | None = None
    voided_at: dt.datetime | None = None
    void_reason: str | None = None
    already: bool = False
    """It was stored before: nothing was added."""


def answer(db: Session, county: County, patrol: Patrol) -> PatrolAnswer:
    """Build the answer from what is stored, so that every answer to a sending is the same."""
    zone = ZoneInfo(county.time_zone)
    lines = [
        CoveredLine(place_id, layer, name, spans, sum(b - a for a, b in spans) / 10)
        for place_id, layer, name, spans in queries.covered_lines(db, county.id, patrol.id)
    ]
    areas = [
        SeenArea(
            s.place_id, s.layer, s.name, round(s.seen_m2, 1),
            round(min(s.seen_m2 / s.area_m2, 1.0), 4) if s.area_m2 else 0.0, round(s.dwell_s, 1),
        )
        for s in queries.seen_areas(db, county.id, patrol.id)
    ]  # fmt: skip
    lines.sort(key=lambda line: (-line.metres, line.place_id))
    areas.sort(key=lambda area: (-area.seen_m2, area.place_id))
    started_at, ended_at = patrol.started_at.astimezone(zone), patrol.ended_at.astimezone(zone)
    return PatrolAnswer(
        patrol_id=patrol.id,
        person_id=patrol.person_id,
        day=patrol.day,
        started_at=started_at,
        ended_at=ended_at,
        walked_m=patrol.walked_m,
        fixes=patrol.fixes,
        verdict=Verdict(patrol.verdict),
        covered=lines,
        seen=areas,
        dropped=patrol.cleaning.get("dropped", {}),
        hidden=patrol.cleaning.get("home_cut", 0),
        notes=patrol.cleaning.get("notes", []),
        told=sentence(started_at, ended_at, patrol.walked_m, lines, areas, _hint(patrol)),
        reasons=[_reason(data) for data in patrol.reasons],
        norm_id=patrol.norm_id,
        reviewed_at=patrol.reviewed_at and patrol.reviewed_at.astimezone(zone),
        review_note=patrol.review_note,
        voided_at=patrol.voided_at,
        void_reason=patrol.void_reason,
    )


def _hint(patrol: Patrol) -> str:
    """Return the one thing that the walker is told; nothing once somebody decided, or it was taken back."""
    if patrol.reviewed_at is not None or patrol.voided_at is not None:
        return ""
    reasons = tuple(Reason.from_json(data) for data in patrol.reasons)
    return hint(Judgement(Verdict(patrol.verdict), reasons))


def _reason(data: Json) -> ReasonTold:
    return ReasonTold(words=in_words(Reason.from_json(data)), **data)
