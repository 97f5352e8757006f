"""Many at the same moment on the same places and days: nobody waits for ever, and the roll-up is exact."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from geo_service.coverage import queries
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import LineRow, VisitRow
from geo_service.db import transaction
from geo_service.errors import Conflict
from geo_service.jobs import Progress
from geo_service.patrols import again, reviews, service
from geo_service.places import drawing
from geo_service.tables import County, LineCoverage, Patrol, Person, Place
from layers import crs as crs_
from layers.vocabulary import Datum, Verdict
from tests.geo_service import naive
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty
from tests.geo_service.test_store import FIRST, LENGTH_M, Town, walk

THREADS = 6


@pytest.fixture
def town(apart: Engine) -> Town:
    with transaction(apart) as db:
        row = County(code=uuid.uuid4().hex[:12], name="同时县", time_zone="Asia/Shanghai", crs=CRS)
        db.add(row)
        db.flush()
        return Town(SmallCounty(db, row))


def at_once(work: Callable[[int], None]) -> None:
    """Do work in several threads, each with a number; raise what one of them raises."""
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, number) for number in range(THREADS)]:
            done.result(timeout=120)


def test_rows_are_locked_in_one_order(apart: Engine, town: Town) -> None:
    """Without the county's lock, as many counties' servers would: the rows alone keep the sums exact."""
    county_id, taken = town.county.id, list[uuid.UUID]()
    versions = [place.version_id or 0 for place in [*town.rivers, town.grid]]

    def work(number: int) -> None:
        random = np.random.default_rng(number)
        for _ in range(20):
            with transaction(apart) as db:
                step = random.random()
                if step < 0.5 or not taken:
                    patrol_id = _drawn(db, county_id, versions, random)
                else:
                    patrol_id = taken[random.integers(len(taken))]
                    _change(db, county_id, patrol_id, step)
            taken.append(patrol_id)

    at_once(work)
    with Session(apart) as db:
        kept = naive.stored(db, county_id)
        assert kept == naive.from_rows(db, county_id)
    assert kept.line_months
    assert kept.cell_months


def test_a_month_sees_both_of_two_days_that_change_at_once(apart: Engine, town: Town) -> None:
    county_id, version_id = town.county.id, town.rivers[0].version_id or 0
    with transaction(apart) as db:
        first, second = (
            _with_rows(db, county_id, [LineRow(version_id, day, [(0, 50)], [], [], [])], [])
            for day in (FIRST.date(), FIRST.date() + dt.timedelta(days=1))
        )

    def void(patrol_id: uuid.UUID) -> None:
        with transaction(apart) as db:
            _change(db, county_id, patrol_id, 0.5)

    with ThreadPoolExecutor(1) as pool:
        with transaction(apart) as db:
            _change(db, county_id, first, 0.5)
            other = pool.submit(void, second)
            assert not wait([other], timeout=0.5).done, "it must wait for the month"
        other.result(timeout=30)
    with Session(apart) as db:
        assert naive.stored(db, county_id) == naive.RolledUp({}, {}, {}, {})


def _drawn(db: Session, county_id: int, versions: list[int], random: np.random.Generator) -> uuid.UUID:
    """Store a patrol with rows on the same few days, in any order, and enter it."""
    # Few days each: what shares a month, but no day, meets in the month alone.
    some = random.permutation([0, 1, 2, 3, 30, 31])[: random.integers(1, 4)]
    days = [FIRST.date() + dt.timedelta(days=int(k)) for k in some]
    lines = [
        LineRow(version_id, day, spans=[(a, a + 50)], ridden=[(a + 100, a + 150)], bridged=[], ambiguous=[])
        for version_id in random.permutation(versions[:-1]).tolist()
        for day in days
        for a in random.integers(0, 5800, 1).tolist()
    ]
    cells = [(0, 0, "".join(random.choice(["0", "1"], 4096))), (0, 1, "1" * 4096)]
    visits = [VisitRow(versions[-1], day, 1.0, 1, cells) for day in days]
    return _with_rows(db, county_id, lines, visits)


def _with_rows(
    db: Session, county_id: int, lines: Sequence[LineRow], visits: Sequence[VisitRow]
) -> uuid.UUID:
    patrol_id = uuid.uuid4()
    db.add(Patrol(county_id=county_id, id=patrol_id, day=FIRST.date(), started_at=FIRST, ended_at=FIRST,
                  walked_m=1.0, fixes=2, batches_due=1, settled_at=FIRST))  # fmt: skip
    db.flush()
    queries.insert_line_coverage(db, county_id, [(patrol_id, row) for row in lines])
    queries.insert_visits(db, county_id, [(patrol_id, row) for row in visits])
    coverage.enter(db, county_id, patrol_id)
    return patrol_id


def _change(db: Session, county_id: int, patrol_id: uuid.UUID, step: float) -> None:
    own = update(Patrol).where(Patrol.id == patrol_id)
    if step < 0.65:
        db.execute(own.values(voided_at=FIRST))
        coverage.forget(db, county_id, patrol_id)
    elif step < 0.8:
        db.execute(own.values(verdict=Verdict.NOT_COUNTED))
        coverage.recount(db, county_id, patrol_id)
    else:
        db.execute(own.values(verdict=Verdict.COUNTED, rides_count=~Patrol.rides_count))
        coverage.recount(db, county_id, patrol_id)


def test_walks_drawings_and_reviews_at_once_lose_nothing(apart: Engine, town: Town) -> None:
    """What one sends while another draws the river anew is on the new line, and what is taken back is not."""
    county_id, scope, taken = town.county.id, town.scope, list[uuid.UUID]()
    river, walker = town.rivers[0], town.walkers[0]

    def work(number: int) -> None:
        for k in range(8):
            sent = None
            with transaction(apart) as db:
                if number == 0:
                    _draw(db, town, river, moved=20 * k)
                elif number == 1 and taken:
                    service.void(db, scope, taken[k % len(taken)], "试")
                elif number == 2 and k % 2:
                    payload = {"county": county_id, "places": [river.id], "done": 0, "of": 0}
                    again.by_job(db, payload, Progress(lambda _: None))
                elif number == 3 and len(taken) > k:
                    _review(db, town, taken[-1 - k], Verdict.NOT_COUNTED if k % 2 else Verdict.COUNTED)
                else:
                    sent = _sent(db, town, walker, FIRST + dt.timedelta(days=k, minutes=number * 9))
            taken.extend([] if sent is None else [sent])

    at_once(work)
    with transaction(apart) as db:
        assert naive.stored(db, county_id) == naive.from_rows(db, county_id)
        found = _in_force(db, county_id)
        again.compute(db, db.get_one(County, county_id), [place.id for place in town.rivers])
        assert _in_force(db, county_id) == found
        assert found


def _draw(db: Session, town: Town, river: Place, *, moved: int) -> None:
    line = shapely.linestrings(np.array([(moved, 0), (LENGTH_M, moved / 50)]) + ORIGIN)
    drawing.set_geometry(db, town.scope, river.id, crs_.unproject(np.array([line]), CRS)[0])


def _review(db: Session, town: Town, patrol_id: uuid.UUID, verdict: Verdict) -> None:
    with contextlib.suppress(Conflict):  # it was voided
        reviews.review(db, town.scope, patrol_id, verdict, "试")


def _sent(db: Session, town: Town, walker: Person, start: dt.datetime) -> uuid.UUID:
    patrol_id = uuid.uuid4()
    service.take(
        db, town.scope, walker.id, walk(start, 0, (100, 500)), patrol_id=patrol_id, batch_id=patrol_id,
        sha256=patrol_id.bytes * 2, datum=Datum.WGS84,
    )  # fmt: skip
    return patrol_id


def _in_force(db: Session, county_id: int) -> dict[tuple[uuid.UUID, int, dt.date], list[tuple[int, int]]]:
    """Return what patrols that were not taken back covered of the versions in force."""
    rows = db.execute(
        select(LineCoverage.patrol_id, Place.id, LineCoverage.day, LineCoverage.spans)
        .join(Place, Place.version_id == LineCoverage.place_version_id)
        .join(Patrol, Patrol.id == LineCoverage.patrol_id)
        .where(LineCoverage.county_id == county_id, Patrol.voided_at.is_(None))
    )
    return {
        (patrol_id, place_id, day): [(span.lower or 0, span.upper or 0) for span in spans]
        for patrol_id, place_id, day, spans in rows
    }
