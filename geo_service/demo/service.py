"""The demo county, made in small steps: it can be watched while it is made, and killed at any moment.

Each step is one transaction together with the note that it is done. The next start goes on where the last
one ended; two at the same time wait for each other and do each step once.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import service as accounts
from geo_service.accounts.scope import Actor, Scope
from geo_service.areas.service import CHINA_TIME
from geo_service.coverage import walkable
from geo_service.db import transaction
from geo_service.demo import handling, names, queries, steps
from geo_service.demo.county import DemoCounty, draw
from geo_service.demo.land import COUNTY_CODE
from geo_service.demo.queries import Note
from geo_service.errors import Conflict
from geo_service.jobs import Progress
from geo_service.tables import County, Json
from layers.vocabulary import Layer

JOB = "demo.make"
"""Kind of the job that makes it while the pages are open already."""
DEFAULT_SEED = 1
MADE = f"演示县「{names.COUNTY}」（编码 {COUNTY_CODE}，虚构）已建成。"
THERE_ALREADY = f"演示县「{names.COUNTY}」已经有了，没有改动。"
_RIVERS_A_STEP, _WALKS_A_STEP, _SERVICES_A_STEP, _PROBLEMS_A_STEP = 1500, 50, 150, 40

Tell = Callable[[int, int, str], None]
"""Hears how many of how many parts are done, and in plain Chinese what is being done."""


class Step(NamedTuple):
    """One step of the making."""

    name: str
    """In the note of what is done."""
    what: str
    """Plain Chinese."""
    size: int
    """Its share of the work."""
    do: Callable[[Session, County, Scope], None]


def make(engine: Engine | Connection, *, seed: int = DEFAULT_SEED, tell: Tell = lambda *_: None) -> bool:
    """Make the demo county, or finish what was begun; False if it was there already.

    What was begun is finished with its own seed and day. Raises Conflict if the county with its code is not
    the demo.
    """
    tell(0, 1, "描绘演示县的河网、道路和村庄")
    made = None
    with transaction(engine) as db:
        queries.lock_making(db)
        note = _note(db)
        if note is None:
            made = draw(seed, today=_today())
            note = _begin(db, made, seed)
    if note.is_finished:
        return False
    made = made or draw(note.seed, today=note.today)
    plan = list(_steps(made))
    done, of = 0, sum(step.size for step in plan)
    for step in plan:
        tell(done, of, step.what)
        _take_step(engine, step)
        done += step.size
    _finish(engine)
    tell(of, of, MADE)
    return True


def is_unfinished(db: Session) -> bool:
    """Tell whether the demo county was begun and not finished."""
    county = queries.county(db, COUNTY_CODE)
    note = queries.note(db, county.id) if county is not None else None
    return note is not None and not note.is_finished


def make_by_job(db: Session, payload: Json, progress: Progress) -> None:
    """Make the demo county as a job; in transactions of its own, so that it can be watched."""
    make(db.get_bind(), seed=int(payload.get("seed", DEFAULT_SEED)), tell=progress)


def _today() -> dt.date:
    return dt.datetime.now(ZoneInfo(CHINA_TIME)).date()


def _note(db: Session, *, locked: bool = False) -> Note | None:
    county = queries.county(db, COUNTY_CODE)
    if county is None:
        return None
    note = queries.note(db, county.id, locked=locked)
    if note is None:
        raise Conflict(f"编码 {COUNTY_CODE} 已是「{county.name}」，不是演示县；演示县没有建。")
    return note


def _begin(db: Session, made: DemoCounty, seed: int) -> Note:
    """Make the county with its areas, and begin the note."""
    actor = Actor(os_user=accounts.os_user())
    county = steps.store_areas(db, actor, made)
    audit.record(db, actor, "demo.make", county_id=county.id, seed=seed)
    digest = hashlib.sha256(f"demo {seed} {made.today}".encode()).digest()
    return queries.add_note(db, county.id, f"demo seed {seed}", digest, Note(seed, made.today))


def _take_step(engine: Engine | Connection, step: Step) -> None:
    """Do a step that is not done yet, and write it down in the same transaction."""
    with transaction(engine) as db:
        note = _note(db, locked=True)
        county = queries.county(db, COUNTY_CODE)
        if note is None or county is None:
            raise Conflict("演示县在建设中被删除；请重新运行 geo-service demo。")
        if step.name in note.done:
            return
        step.do(db, county, accounts.command_scope(db, COUNTY_CODE))
        queries.set_note(db, county.id, dataclasses.replace(note, done=[*note.done, step.name]))


def _finish(engine: Engine | Connection) -> None:
    with transaction(engine) as db:
        note, county = _note(db, locked=True), queries.county(db, COUNTY_CODE)
        if note is not None and county is not None:
            queries.set_note(db, county.id, dataclasses.replace(note, is_finished=True))


def _steps(made: DemoCounty) -> Iterator[Step]:
    """Yield all steps: first the places, then people and duties, then services and walks."""
    for rows in _slices(len(made.rivers), _RIVERS_A_STEP):
        what = f"登记河道 {rows.start}/{len(made.rivers)} 条"
        yield _step(f"rivers {rows.start}", what, 4, partial(steps.store_rivers, made=made, rows=rows))
    yield _step("roads", f"登记道路 {len(made.roads)} 条", 4, partial(steps.store_roads, made=made))
    yield _step("grids", f"划分网格 {len(made.land.grids)} 个", 4, partial(steps.store_grids, made=made))
    what = f"登记小区 {len(made.land.compounds)} 个"
    yield _step("compounds", what, 2, partial(steps.store_compounds, made=made))
    yield _step("walkable", "计算网格的可走部分", 4, walkable.lay_all)
    what = f"登记人员 {len(made.stewards.people)} 名"
    yield _step("people", what, 2, partial(steps.store_people, made=made))
    yield _step("duties", "登记银发志愿者的职责", 4, partial(steps.store_duties, made=made))
    for layer in Layer:
        do = partial(steps.store_chiefs, made=made, layer=layer)
        yield _step(f"chiefs {layer}", f"登记{layer.zh}责任人的职责", 3, do)
    for rows in _slices(len(made.activities), _SERVICES_A_STEP):
        what = f"登记网格服务、走访、议事、值守 {rows.start}/{len(made.activities)} 次"
        yield Step(f"services {rows.start}", what, 2, partial(_serve, made, rows))
    yield Step("units", "登记处理问题的责任单位", 1, _set_up_units)
    yield Step("consents", "登记同意书", 1, partial(_agree, made))
    for rows in _slices(len(made.outings), _WALKS_A_STEP):
        what = f"走一年的巡查 {rows.start}/{len(made.outings)} 次"
        yield Step(f"walks {rows.start}", what, 5, partial(_walk, made, rows))
    for rows in _slices(len(made.problems), _PROBLEMS_A_STEP):
        what = f"上报和处理问题 {rows.start}/{len(made.problems)} 个"
        yield Step(f"problems {rows.start}", what, 2, partial(_report, made, rows))


def _serve(made: DemoCounty, rows: range, db: Session, _county: County, scope: Scope) -> None:
    steps.take_services(db, scope, made, rows)


def _set_up_units(db: Session, _county: County, scope: Scope) -> None:
    handling.set_up_units(db, scope)


def _report(made: DemoCounty, rows: range, db: Session, _county: County, scope: Scope) -> None:
    steps.take_problems(db, scope, made, rows)


def _agree(made: DemoCounty, db: Session, _county: County, scope: Scope) -> None:
    steps.give_consents(db, scope, made)


def _walk(made: DemoCounty, rows: range, db: Session, _county: County, scope: Scope) -> None:
    steps.take_walks(db, scope, made, rows)


def _step(name: str, what: str, size: int, store: Callable[[Session, County], None]) -> Step:
    return Step(name, what, size, lambda db, county, _: store(db, county))


def _slices(count: int, step: int) -> Iterator[range]:
    return (range(k, min(k + step, count)) for k in range(0, count, step))
