"""Slow or scheduled work: a table of jobs and the thread of `serve` that does them.

A job is done in one transaction together with the note that it is done, so it is done once or not at
all. While it runs, the worker's own connection holds an advisory lock with the job's number: a job that
says "running" and is not locked was left by a killed service, and is taken again.

This module knows no feature: `serve` tells it which function does which kind of job.
"""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from geo_service.db import transaction
from geo_service.errors import Unavailable
from geo_service.room import lack_of_room
from geo_service.tables import Job, Json
from layers.errors import YinxunError

log = logging.getLogger(__name__)

LOCK_CLASS = 0x59_58_4A  # our own family of advisory locks
MOST_ATTEMPTS = 5
BACK_OFF_S = (5, 30, 120, 600)
"""Pauses after the first, second, ... failed attempt."""
LOOK_EVERY_S = 1.0
TELL_EVERY_S = 0.5


class Progress:
    """Lets a handler tell how far it is; heard by others at once, at most twice a second."""

    def __init__(self, tell: Callable[[Json], None]) -> None:
        self._tell = tell
        self._told = float("-inf")

    def __call__(self, done: int, of: int, what: str) -> None:
        """Tell that `done` of `of` steps are done, and in plain Chinese what is being done."""
        now = time.monotonic()
        if done >= of or now - self._told >= TELL_EVERY_S:
            self._told = now
            self._tell({"done": done, "of": of, "what": what})


Handler = Callable[[Session, Json, Progress], None]
"""Does one job in the given session; the worker commits. Raising rolls everything back."""


@dataclass(frozen=True)
class Schedule:
    """A job that is to be done again `every` so often."""

    kind: str
    every: dt.timedelta


@dataclass(frozen=True)
class Work:
    """What a worker can do."""

    handlers: Mapping[str, Handler]
    schedules: tuple[Schedule, ...] = field(default=())


def enqueue(
    db: Session,
    kind: str,
    payload: Json | None = None,
    *,
    county_id: int | None = None,
    run_after: dt.datetime | None = None,
) -> int:
    """Ask for a job in the caller's transaction; return its number."""
    job = Job(kind=kind, payload=payload or {}, county_id=county_id)
    if run_after is not None:
        job.run_after = run_after
    db.add(job)
    db.flush()
    return job.id


def unfinished(db: Session, kind: str, county_id: int | None = None) -> Job | None:
    """Return the newest job of a kind (of a county) that waits or runs, as far as it has come."""
    found = select(Job).where(Job.kind == kind, Job.state.in_(("waiting", "running")))
    if county_id is not None:
        found = found.where(Job.county_id == county_id)
    return db.scalar(found.order_by(Job.id.desc()).execution_options(populate_existing=True))


def drop_finished(db: Session, *, older_than: dt.timedelta) -> int:
    """Forget jobs that ended long ago; return how many."""
    ended = delete(Job).where(Job.finished_at < func.now() - older_than).returning(Job.id)
    return len(db.scalars(ended).all())


def count_finished(db: Session, *, older_than: dt.timedelta) -> int:
    """Return how many jobs ended long ago and are not forgotten."""
    return db.scalar(select(func.count()).where(Job.finished_at < func.now() - older_than)) or 0


class Worker:
    """The thread that does the jobs, one after the other."""

    def __init__(self, engine: Engine, work: Work) -> None:
        self._engine = engine
        self._work = work
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to look for jobs."""
        self._thread.start()

    def stop(self, patience_s: float = 5) -> None:
        """Take no further job; what still runs after a while is left, and taken again by the next service."""
        self._stopping.set()
        self._thread.join(patience_s)

    def _live(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._engine.connect() as connection:
                    own = connection.execution_options(isolation_level="AUTOCOMMIT")
                    own.detach()  # closed at the end, with every lock it may still hold
                    self._serve(own)
            except SQLAlchemyError as failure:
                log.warning("the database does not answer the jobs: %s", type(failure).__name__)
                self._stopping.wait(LOOK_EVERY_S)

    def _serve(self, own: Connection) -> None:
        """Do jobs on a connection of our own until it fails or we are to stop."""
        while not self._stopping.is_set():
            for schedule in self._work.schedules:
                _keep_scheduled(own, schedule)
            if not self.do_one(own):
                self._stopping.wait(LOOK_EVERY_S)

    def do_one(self, own: Connection) -> bool:
        """Do the next job, if there is one; `own` commits by itself and holds the job's lock."""
        claimed = _claim(own, list(self._work.handlers))
        if claimed is None:
            return False
        try:
            self._do(own, claimed)
        finally:
            own.execute(select(func.pg_advisory_unlock(LOCK_CLASS, _lock_number(claimed.id))))
        return True

    def _do(self, own: Connection, job: "_Claimed") -> None:
        def tell(progress: Json) -> None:
            own.execute(update(Job).where(Job.id == job.id).values(progress=progress))

        began = time.monotonic()
        try:
            with transaction(self._engine) as db:
                self._work.handlers[job.kind](db, job.payload, Progress(tell))
                db.execute(
                    update(Job)
                    .where(Job.id == job.id)
                    .values(state="done", finished_at=func.clock_timestamp(), error=None)
                )
        except Exception as failure:
            log.exception("job %d (%s) failed", job.id, job.kind)
            _note_failure(own, job, failure)
        else:
            log.info("job %d (%s) done in %.1f s", job.id, job.kind, time.monotonic() - began)


@dataclass(frozen=True)
class _Claimed:
    id: int
    kind: str
    payload: Json
    attempts: int


def _claim(own: Connection, kinds: list[str]) -> _Claimed | None:
    """Lock the oldest job that is due, or was left by a killed service; note that it runs."""
    due = or_((Job.state == "waiting") & (Job.run_after <= func.now()), Job.state == "running")
    candidates = own.scalars(select(Job.id).where(due, Job.kind.in_(kinds)).order_by(Job.id).limit(50)).all()
    for number in candidates:
        if not own.scalar(select(func.pg_try_advisory_lock(LOCK_CLASS, _lock_number(number)))):
            continue  # another worker does it
        # Between the look and the lock another worker may have finished it.
        row = own.execute(
            update(Job)
            .where(Job.id == number, due)
            .values(state="running", attempts=Job.attempts + 1)
            .returning(Job.kind, Job.payload, Job.attempts)
        ).one_or_none()
        if row is not None:
            job = _Claimed(number, row.kind, row.payload, row.attempts)
            if job.attempts <= MOST_ATTEMPTS:
                return job
            _note(own, job, state="failed", error="这项工作多次中断，已不再重试。", finished_at=func.now())
        own.execute(select(func.pg_advisory_unlock(LOCK_CLASS, _lock_number(number))))
    return None


def _lock_number(job_id: int) -> int:
    return job_id % 2**31  # advisory locks in pairs take 32 bits


def _note_failure(own: Connection, job: _Claimed, failure: Exception) -> None:
    """Have it tried again later; what was asked wrongly would only fail again."""
    failure = lack_of_room(failure) or failure
    is_wrong = isinstance(failure, YinxunError) and not isinstance(failure, Unavailable)
    error = failure.detail if isinstance(failure, YinxunError) else type(failure).__qualname__
    if is_wrong or job.attempts >= MOST_ATTEMPTS:
        _note(own, job, state="failed", error=error, finished_at=func.now())
    else:
        pause = dt.timedelta(seconds=BACK_OFF_S[min(job.attempts, len(BACK_OFF_S)) - 1])
        _note(own, job, state="waiting", error=error, run_after=func.now() + pause)


def _note(own: Connection, job: _Claimed, **values: object) -> None:
    own.execute(update(Job).where(Job.id == job.id).values(**values))


def _keep_scheduled(own: Connection, schedule: Schedule) -> None:
    """Ask for a scheduled job unless one is under way or was asked for within its period."""
    recent = select(Job.id).where(
        Job.kind == schedule.kind,
        or_(Job.state.in_(("waiting", "running")), Job.created_at > func.now() - schedule.every),
    )
    if own.scalar(recent.limit(1)) is None:
        own.execute(insert(Job).values(kind=schedule.kind))
