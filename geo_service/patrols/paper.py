"""Outings without a phone, on paper or told by telephone: who, when, where. No track: they cover nothing."""

import dataclasses
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import true
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, companions_in, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.patrols import answers, batch_queries, outings, paper_queries, queries
from geo_service.patrols.answers import PatrolAnswer
from geo_service.patrols.judging import MEASURES, settle_untracked
from geo_service.patrols.parties import MOST_COMPANIONS, county_of
from geo_service.tables import County, Json, Patrol
from layers.measures import Measures
from layers.vocabulary import Evidence, Verdict

MOST_PLACES = 50


@dataclass(frozen=True)
class Paper:
    """One outing as a sheet of paper, or somebody on the telephone, tells it."""

    person_id: uuid.UUID
    day: dt.date
    begins: dt.time | None = None
    """On the county's clock, like `ends`; None: not written."""
    ends: dt.time | None = None
    place_ids: Sequence[int] = ()
    """The places it was for, the first of them the main one."""
    companions: Sequence[uuid.UUID] = ()
    record: Json = field(default_factory=dict)
    evidence: Evidence = Evidence.PAPER
    """Paper, or only stated."""

    @property
    def along(self) -> list[uuid.UUID]:
        """Who walked along, each once and without the walker."""
        return sorted(set(self.companions) - {self.person_id})

    @cached_property
    def sha256(self) -> bytes:
        """The hash of what it says."""
        said = dataclasses.asdict(self)
        if self.evidence is Evidence.PAPER:
            del said["evidence"]  # so that what was registered when paper was all there was is known again
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).digest()

    def times(self, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
        """Return when it began and ended; without a time it takes none, at the beginning of its day."""
        begins = self.begins or self.ends or dt.time()
        ends = self.ends or begins
        return dt.datetime.combine(self.day, begins, zone), dt.datetime.combine(self.day, ends, zone)


def take_paper(db: Session, scope: Scope, patrol_id: uuid.UUID, paper: Paper) -> PatrolAnswer:
    """Register an outing under an id of its sender's; a repeat changes nothing.

    Raises NotFound (person, companion, place), Invalid (times), Conflict (the id with another content).
    """
    scope.demand(*CHANGE)
    county = county_of(db, scope)
    batch_queries.lock_patrol(db, patrol_id)
    known = queries.patrol(db, patrol_id, true())
    if known is not None:
        _demand_same(county, known, paper)
        return dataclasses.replace(answers.told(db, scope, patrol_id), already=True)
    check(county, paper)
    _demand_known(db, scope, paper)
    store(db, county, {patrol_id: paper})
    audit.record(db, scope.actor, "patrols.paper", county_id=county.id, subject=f"patrol/{patrol_id}")
    return answers.told(db, scope, patrol_id)


def check(county: County, paper: Paper) -> None:
    """Raise Invalid for an outing that cannot have been."""
    started_at, ended_at = paper.times(ZoneInfo(county.time_zone))
    if started_at > dt.datetime.now(dt.UTC):
        raise Invalid(f"日期 {paper.day} 还没有到；请核对日期和时间。")
    if ended_at < started_at:
        raise Invalid("结束时间早于开始时间；请核对起止时间。")
    if paper.day.year < 2000:
        raise Invalid(f"日期 {paper.day} 太早；请核对年份。")
    if len(paper.companions) > MOST_COMPANIONS or len(paper.place_ids) > MOST_PLACES:
        raise Invalid(f"同行人最多 {MOST_COMPANIONS} 位，对象最多 {MOST_PLACES} 个；请分成几次登记。")


def store(db: Session, county: County, papers: Mapping[uuid.UUID, Paper]) -> None:
    """Store outings that are new and right, by id; each stands for itself or with companions' tracks."""
    outings.lock(db, county.id)
    now = dt.datetime.now(dt.UTC)
    paper_queries.insert(db, [_row(county, id_, paper, now) for id_, paper in papers.items()])
    along = [(id_, person_id) for id_, paper in papers.items() for person_id in paper.along]
    paper_queries.insert_companions(db, county.id, along)
    settle_untracked(db, county, papers.keys())
    outings.regroup(db, papers.keys())


def _row(county: County, patrol_id: uuid.UUID, paper: Paper, now: dt.datetime) -> Json:
    """Return the values of a patrol, by column."""
    started_at, ended_at = paper.times(ZoneInfo(county.time_zone))
    also = {"also_for": list(paper.place_ids[1:])} if len(paper.place_ids) > 1 else {}
    return {
        "id": patrol_id, "county_id": county.id, "person_id": paper.person_id, "evidence": paper.evidence,
        "day": paper.day, "started_at": started_at, "ended_at": ended_at, "settled_at": now,
        "place_id": paper.place_ids[0] if paper.place_ids else None, "people": 1 + len(paper.along),
        "record": {**paper.record, **also}, "verdict": Verdict.REVIEW,
        "said": {"paper": {"sha256": paper.sha256.hex(), "is_timed": paper.begins is not None}},
        "batches_due": 0, "walked_m": 0.0, "fixes": 0, "cleaning": {MEASURES: Measures().to_json()},
    }  # fmt: skip


def _demand_same(county: County, known: Patrol, paper: Paper) -> None:
    if known.county_id != county.id or known.person_id not in (paper.person_id, None):
        raise Conflict("这个巡查编号已经用过；请用新的编号发送。")
    if known.said.get("paper", {}).get("sha256") != paper.sha256.hex():
        raise Conflict("这次巡查已经登记过，但内容与这次发送的不同；原来的保持不变。")


def _demand_known(db: Session, scope: Scope, paper: Paper) -> None:
    if queries.person(db, paper.person_id, people_in(scope, *CHANGE)) is None:
        raise NotFound("没有这个人员，或不在您的权限内。")
    for person_id in paper.companions:
        if queries.person(db, person_id, companions_in(scope)) is None:
            raise NotFound("没有这位同行人，或不在您的权限内。")
    for place_id in paper.place_ids:
        if not queries.has_place(db, places_in(scope), place_id):
            raise NotFound("没有这个对象，或不在您的权限内。")
