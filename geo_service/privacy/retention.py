"""The daily retention with its proof: what expired is dropped, what is left past its time is counted.

First a transaction drops rows; after its commit bytes, dumps and held files go; then another transaction
counts what is still there and writes the proof into the audit, a line a county.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from geo_service import audit, files, jobs
from geo_service.accounts.scope import Actor, Scope
from geo_service.columns import Column, Listing
from geo_service.db import transaction
from geo_service.privacy import expiry, traces
from geo_service.privacy.expiry import EXPIRIES, JOB_DAYS, Counts, Limits
from geo_service.settings import Settings
from geo_service.tables import Audit, County

JOB = "retention"
"""Kind of the daily job."""
RUN = "retention.run"
"""The action under which a run stands in the audit."""
LATE = dt.timedelta(hours=36)
"""After a day and a half without a run something is wrong."""
HELD_DAYS = 1
"""Days that a file waits between the trial of an import and its carrying out."""
_JOBS, _DUMPS, _HELD, _BYTES = "finished_jobs", "dumps", "held_files", "stray_files"


@dataclass(frozen=True)
class Kept:
    """One kind of thing: how many days it may stay, how many were dropped, how many past it are left."""

    name: str
    zh: str
    days: int
    dropped: int
    left: int


@dataclass(frozen=True)
class Run:
    """What one run did in a county; the last kinds, from finished jobs on, are those of the whole machine."""

    county: str
    """Its code."""
    kinds: Sequence[Kept]


def run(bind: Engine | Connection, settings: Settings, actor: Actor) -> list[Run]:
    """Drop what expired, here and on the disk, and write the proof; return it, a run a county."""
    now, limits = dt.datetime.now(dt.UTC), Limits.of(settings)
    with transaction(bind) as db:
        dropped, gone = expiry.drop(db, now, limits)
        finished = jobs.drop_finished(db, older_than=dt.timedelta(days=JOB_DAYS))
    machine = {
        _JOBS: finished,
        _DUMPS: traces.drop_dumps(settings.data_dir, older_than_days=limits.raw_days),
        _HELD: traces.drop_held(settings.data_dir, older_than_days=HELD_DAYS),
    }
    with transaction(bind) as db:
        machine[_BYTES] = files.sweep(db, settings.files_dir, gone)
    if isinstance(bind, Engine) and any(map(sum, (counts.values() for counts in dropped.values()))):
        traces.vacuum(bind, anew=False)
    with transaction(bind) as db:
        return _prove(db, settings, actor, now, dropped, machine)


def _prove(
    db: Session,
    settings: Settings,
    actor: Actor,
    now: dt.datetime,
    dropped: Mapping[str, Counts],
    machine: Mapping[str, int],
) -> list[Run]:
    limits = Limits.of(settings)
    left = expiry.left(db, now, limits)
    rest = _machine(db, settings, limits, machine)
    runs = []
    for county_id, code in db.execute(select(County.id, County.code).order_by(County.code)):
        own = [
            Kept(
                e.name,
                e.zh,
                getattr(limits, e.limit),
                _of(dropped[e.name], county_id),
                _of(left[e.name], county_id),
            )
            for e in EXPIRIES
        ]
        runs.append(Run(code, [*own, *rest]))
        detail = {kept.name: [kept.days, kept.dropped, kept.left] for kept in runs[-1].kinds}
        audit.record(db, actor, RUN, county_id=county_id, kinds=detail)
    return runs


def _of(counts: Counts, county_id: int) -> int:
    """Return how many there are of a county; a job that belongs to none is told to all."""
    return counts[county_id] + counts[None]


def _machine(db: Session, settings: Settings, limits: Limits, dropped: Mapping[str, int]) -> list[Kept]:
    """Return what belongs to no county: jobs, dumps from before upgrades, bytes that nothing stands for."""
    left = {
        _JOBS: jobs.count_finished(db, older_than=dt.timedelta(days=JOB_DAYS)),
        _DUMPS: len(traces.dumps(settings.data_dir, older_than_days=limits.raw_days)),
        _HELD: len(traces.held(settings.data_dir, older_than_days=HELD_DAYS)),
        _BYTES: len(files.strays(db, settings.files_dir)),
    }
    days = {_JOBS: JOB_DAYS, _DUMPS: limits.raw_days, _HELD: HELD_DAYS, _BYTES: 0}
    return [Kept(name, _ZH[name], days[name], dropped[name], left[name]) for name in left]


_ZH = {expiry_.name: expiry_.zh for expiry_ in EXPIRIES} | {
    _JOBS: "已结束的后台工作（个，全机）",
    _DUMPS: "升级前的数据库备份（个，全机）",
    _HELD: "试算后没有导入的文件（个，全机）",
    _BYTES: "磁盘上已无登记的文件（个，全机）",
}


# --- the runs as they are read


COLUMNS = (
    Column("county", "县"),
    Column("kind", "内容"),
    Column("days", "保留天数", "whole"),
    Column("dropped", "这次删除", "whole"),
    Column("left", "到期还在", "whole"),
)


def listing(runs: Sequence[Run]) -> Listing:
    """Return runs as a list."""
    rows = [(run.county, kept.zh, kept.days, kept.dropped, kept.left) for run in runs for kept in run.kinds]
    return Listing("retention", "按期限删除", COLUMNS, rows)


@dataclass(frozen=True)
class Past:
    """A run as auditors read it."""

    id: int
    at: dt.datetime
    by_command: bool
    """Begun by hand on the server, not by the daily job."""
    kinds: Sequence[Kept]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left past its time."""
        return all(kept.left == 0 for kept in self.kinds)


def past(db: Session, scope: Scope, *, before: int | None = None, limit: int = 30) -> list[Past]:
    """Return the runs in the scope's county, the latest first. Raises `Forbidden` for who is no auditor."""
    lines = audit.lines(db, scope, before=before, limit=limit, action=RUN)
    return [Past(line.id, line.at, line.os_user is not None, _read(line.detail)) for line in lines]


def _read(detail: Mapping[str, Any]) -> list[Kept]:
    """Return the kinds of a line in their order, which JSON does not keep."""
    kinds = detail.get("kinds", {})
    return [Kept(name, zh, *kinds[name]) for name, zh in _ZH.items() if name in kinds]


@dataclass(frozen=True)
class State:
    """How the retention fares: since when a run is waited for, and what the last ones left."""

    since: dt.datetime
    """The latest run of the county that had none for longest; of one that never had any, when it was made."""
    left: int

    def is_well(self, now: dt.datetime) -> bool:
        """Tell whether it ran of late and left nothing."""
        return self.since > now - LATE and self.left == 0


def state(db: Session) -> State | None:
    """Return how the retention fares; None where there is no county, and so nothing to drop."""
    latest = (
        select(func.max(Audit.id))
        .where(Audit.county_id == County.id, Audit.action == RUN)
        .correlate(County)
        .scalar_subquery()
    )
    since = func.coalesce(Audit.at, County.created_at)
    rows = db.execute(
        select(since, Audit.detail).select_from(County).outerjoin(Audit, Audit.id == latest)
    ).all()
    if not rows:
        return None
    left = sum(kept.left for _, detail in rows for kept in _read(detail or {}))
    return State(min(at for at, _ in rows), left)
