"""A run: opened or taken up again, computed chunk by chunk, compared, then adopted or discarded.

A chunk is staged in one transaction with the note which patrols it holds, so that a run that was stopped,
however it was, goes on where it stood. Nothing that is in force changes before it is adopted.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.db import transaction
from geo_service.errors import CannotRun, Conflict, NotFound
from geo_service.recompute import computing, queries, reading, staged_queries
from geo_service.recompute.asking import Question
from geo_service.recompute.queries import Condition, ToDo
from geo_service.recompute.reading import Packed
from geo_service.recompute.workers import Crew, alone
from geo_service.tables import County, Recomputation

Bind = Engine | Connection
Tell = Callable[[int, int], object]
"""Hears how many patrols are computed, of how many."""

LOCK_CLASS = 0x59_58_52
"""Our own family of advisory locks: one run at a time computes or is adopted in a county."""


@dataclass(frozen=True)
class Told:
    """What became of a run."""

    id: int
    was_begun: bool
    """It was taken up again."""
    before: int
    """Patrols that were computed already."""
    again: int
    """Patrols that had been computed and changed since: they were computed once more."""
    computed: int


@contextmanager
def sole(bind: Bind, county_id: int) -> Iterator[None]:
    """Hold the county's runs for oneself. Raises Conflict where another process does."""
    with bind.connect() if isinstance(bind, Engine) else _lent(bind) as own:
        if not own.scalar(select(func.pg_try_advisory_lock(LOCK_CLASS, county_id))):
            raise Conflict("本县正有一次重算在进行。请等它结束，或先停下它。")
        if isinstance(bind, Engine):
            own.commit()  # the lock is the connection's: no transaction stays open with it
        try:
            yield
        finally:
            own.execute(select(func.pg_advisory_unlock(LOCK_CLASS, county_id)))


@contextmanager
def _lent(connection: Connection) -> Iterator[Connection]:
    yield connection


def run(
    bind: Bind, scope: Scope, question: Question, crew: Crew = alone, tell: Tell = lambda *_: None
) -> Told:
    """Compute all patrols that are asked for, or those that an earlier run with the same question left.

    Commits as it goes. Raises NotFound for an area that is not there.
    """
    with sole(bind, scope.county_id):
        with transaction(bind) as db:
            county = db.get_one(County, scope.county_id)
            where = _asked(db, scope, question)
            record, was_begun = _opened(db, scope.county_id, question)
            stale = queries.stale(db, record.id)
            staged_queries.unstage(db, record.id, stale)
            held = staged_queries.count(db, record.id)
        computed = 0
        while to_do := _to_do(bind, record.id, where):
            of = held + computed + len(to_do)
            tell(held + computed, of)
            chunks = _chunks(bind, county, to_do, question)
            for packed, answer in crew(chunks):
                if answer.rule != computing.RULE:
                    raise CannotRun(
                        "工作进程的程序和这里的版本不同，算出来的不能用。请在各台机器上装同一版本。"
                    )
                with transaction(bind) as db:
                    staged_queries.stage(db, county.id, record.id, answer.outcomes, packed.inputs)
                computed += len(answer.outcomes)
                tell(held + computed, of)
        with transaction(bind) as db:
            db.get_one(Recomputation, record.id).finished_at = func.now()
            staged_queries.analyze(db)
    return Told(record.id, was_begun, held, len(stale), computed)


def _asked(db: Session, scope: Scope, question: Question) -> Condition:
    area_ids: Collection[int] | None = None
    if question.area is not None:
        root = areas.area_id_of(db, scope, question.area)
        area_ids = areas.descendants(db, scope.county_id, [root])
    return queries.asked(scope.county_id, question, area_ids)


def _opened(db: Session, county_id: int, question: Question) -> tuple[Recomputation, bool]:
    """Return the run that was begun with a question under the rule of today, or a new one."""
    found = staged_queries.unfinished(db, county_id, computing.RULE, question)
    if found is not None:
        return found, True
    made = Recomputation(county_id=county_id, rule=computing.RULE, asked=question.to_json())
    db.add(made)
    db.flush()
    return made, False


def _to_do(bind: Bind, run_id: int, where: Condition) -> list[ToDo]:
    with transaction(bind) as db:
        return queries.to_do(db, run_id, where)


def _chunks(bind: Bind, county: County, to_do: Sequence[ToDo], question: Question) -> Iterator[Packed]:
    """Read chunk by chunk, when somebody has hands free: memory does not grow with the patrols."""
    for group in reading.groups(to_do):
        with transaction(bind) as db:
            packed = reading.read(db, county, group, question.layers)
        yield packed


# --- the runs that are there


@dataclass(frozen=True)
class Run:
    """A run as it is listed."""

    id: int
    rule: int
    asked: Question
    created_at: dt.datetime
    finished_at: dt.datetime | None
    adopted_at: dt.datetime | None
    patrols: int
    """That it holds; none once it is adopted."""

    @property
    def state(self) -> str:
        """How far it is, in Chinese."""
        if self.adopted_at is not None:
            return "已采用"
        return "没算完" if self.finished_at is None else "待采用"


def runs(db: Session, scope: Scope) -> list[Run]:
    """Return the runs of the scope's county, the latest first."""
    return [_run(record, held) for record, held in staged_queries.runs(db, scope.county_id)]


def told(db: Session, scope: Scope, run_id: int) -> Run:
    """Return one run. Raises NotFound."""
    found = next((run for run in runs(db, scope) if run.id == run_id), None)
    if found is None:
        raise NotFound(f"没有编号 {run_id} 的重算；请用 geo-service recompute list 核对。")
    return found


def adoptable(db: Session, scope: Scope, run_id: int) -> Run:
    """Return a run that can be compared and adopted. Raises NotFound and Conflict."""
    found = told(db, scope, run_id)
    if found.adopted_at is not None:
        raise Conflict(f"重算 {run_id} 已经采用过了。")
    if found.finished_at is None:
        raise Conflict(f"重算 {run_id} 还没算完。请再运行当时的命令，会接着算。")
    if found.rule != computing.RULE:
        raise Conflict(
            f"重算 {run_id} 用的是第 {found.rule} 版规则，程序现在用第 {computing.RULE} 版。"
            "请重新运行 geo-service recompute。"
        )
    return found


def discard(bind: Bind, scope: Scope, run_id: int) -> int:
    """Drop a run with what it holds; return how many patrols that were. Raises NotFound and Conflict."""
    with sole(bind, scope.county_id), transaction(bind) as db:
        found = told(db, scope, run_id)
        if found.adopted_at is not None:
            raise Conflict(f"重算 {run_id} 已经采用，没有可以丢弃的内容。")
        staged_queries.drop(db, run_id)
        audit.record(
            db, scope.actor, "recompute.discard", county_id=scope.county_id, subject=f"recompute/{run_id}"
        )
    return found.patrols


def _run(record: Recomputation, held: int) -> Run:
    question = Question.of(record.asked)
    return Run(
        record.id, record.rule, question, record.created_at, record.finished_at, record.adopted_at, held
    )
