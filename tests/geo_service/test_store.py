"""Whatever happens to patrols and places, in whatever order: the roll-up is the union of the rows that count.

Random histories of the services that patrols, coordinators, drawings and deletions go through, checked after
every step against plain sets of decimetres and cells (`naive`).
"""

import contextlib
import datetime as dt
import uuid
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import Range

from geo_service.accounts.scope import Actor, Scope
from geo_service.coverage import answers, queries, windows
from geo_service.coverage import service as coverage
from geo_service.coverage.computing import LineRow
from geo_service.coverage.ground import Query
from geo_service.errors import Conflict
from geo_service.patrols import again, reviews, sending, service
from geo_service.patrols.sending import Begin, End, Fixes, Rules
from geo_service.places import drawing
from geo_service.privacy import forgetting
from geo_service.tables import Duty, Norm, Patrol, Person, Place, PlaceVersion
from layers import crs as crs_
from layers.cells import CellSet
from layers.norms import Minima, Rule
from layers.tracks import Recording
from layers.vocabulary import Datum, DutyKind, Layer, Level, Period, Right, Role, Verdict
from tests.geo_service import naive
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty

RULES = Rules(home_cut_m=200.0, late=dt.timedelta(days=36_500))
LENGTH_M, APART_M = 600, 300
FIRST = dt.datetime(2026, 5, 1, 1, tzinfo=dt.UTC)
DAYS = st.sampled_from([0, 1, 15, 29, 30, 31, 60, 61])
"""Since the first of May: within a month, at its ends, and two months on."""
RIVERS = st.integers(0, 2)
STRETCH = st.tuples(st.integers(0, 10), st.integers(1, 6)).map(lambda ab: (ab[0] * 50, (ab[0] + ab[1]) * 50))
SPANS = st.lists(st.tuples(st.integers(0, 5900), st.integers(1, 100)), max_size=3).map(
    lambda spans: [(a, a + length) for a, length in spans]
)


class Town:
    """Three rivers, a grid over two of them, two walkers, and a norm that leaves short walks out."""

    def __init__(self, small_county: SmallCounty) -> None:
        self.db, self.county = small_county.db, small_county.row
        corners = crs_.to_lonlat(np.array([ORIGIN - 20_000, ORIGIN + 20_000]), CRS)
        (self.county.west, self.county.south), (self.county.east, self.county.north) = corners.tolist()
        self.rivers = [
            small_county.place(
                Layer.RIVER, f"R{k}", f"LINESTRING (0 {k * APART_M}, {LENGTH_M} {k * APART_M})"
            )
            for k in range(3)
        ]
        self.grid = small_county.place(Layer.GRID, "G1", "POLYGON ((0 -60, 600 -60, 600 360, 0 360, 0 -60))")
        self.walkers = [self.db.get_one(Person, small_county.person(name)) for name in ("王秀英", "李建国")]
        for walker in self.walkers:
            self._duty(walker, self.rivers[0])
        asked = Rule(1, Period.WEEK, minima=Minima(metres=150)).to_json()
        self.db.add(
            Norm(county_id=self.county.id, name="标准", rule=asked, in_force=Range(FIRST.date(), None))
        )
        self.db.flush()
        self.scope = Scope(self.county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))

    def _duty(self, walker: Person, place: Place) -> None:
        since = Range(dt.date(2026, 1, 1), None)
        self.db.add(
            Duty(county_id=self.county.id, person_id=walker.id, place_id=place.id, role=Role.RIVER_STEWARD,
                 kind=DutyKind.VOLUNTEER, level=Level.VILLAGE, in_force=since)
        )  # fmt: skip


def walk(start: dt.datetime, river: int, stretch: tuple[int, int], step_m: float = 6.0) -> Recording:
    x = np.arange(stretch[0], stretch[1], step_m)
    xy = np.column_stack([x, np.full(x.size, river * APART_M + 4.0)]) + ORIGIN
    return Recording(start.timestamp() + np.arange(x.size) * 5.0, crs_.to_lonlat(xy, CRS))


class Histories(RuleBasedStateMachine):
    """What may happen in a county; every rule goes through the services."""

    def __init__(self, small_county: SmallCounty) -> None:
        super().__init__()
        self.history = small_county.db.begin_nested()
        self.town = Town(small_county)
        self.db, self.scope, self.county = small_county.db, self.town.scope, small_county.row
        self.patrols: list[uuid.UUID] = []
        self.late: dict[uuid.UUID, tuple[Person, dt.datetime, list[str | Recording]]] = {}
        self.hour = 0
        self.last = FIRST.date()

    def teardown(self) -> None:
        self.history.rollback()

    def _start(self, day: int, *, by_night: bool = False) -> dt.datetime:
        """A time of its own on a day; by night: three minutes before midnight in Shanghai."""
        self.hour += 1
        minutes = dt.timedelta(minutes=14 * 60 + 57) if by_night else dt.timedelta(minutes=self.hour * 8)
        return FIRST + dt.timedelta(days=day) + minutes

    def _walker(self, which: int) -> Person | None:
        walker = self.town.walkers[which]
        return None if walker.deleted_at else walker

    def _patrol(self, which: int) -> uuid.UUID:
        return self.patrols[which % len(self.patrols)]

    @rule(who=st.integers(0, 1), day=DAYS, river=RIVERS, stretch=STRETCH, by_night=st.booleans(),
          step_m=st.sampled_from([6.0, 6.0, 30.0]))  # fmt: skip
    def upload(
        self, who: int, day: int, river: int, stretch: tuple[int, int], by_night: bool, step_m: float
    ) -> None:
        if walker := self._walker(who):
            patrol_id = uuid.uuid4()
            recording = walk(self._start(day, by_night=by_night), river, stretch, step_m)
            service.take(
                self.db, self.scope, walker.id, recording, patrol_id=patrol_id, batch_id=patrol_id,
                sha256=patrol_id.bytes * 2, datum=Datum.WGS84,
            )  # fmt: skip
            self.patrols.append(patrol_id)

    @rule(who=st.integers(0, 1), day=DAYS, river=RIVERS, words=st.permutations(["end", 0, 1, 2]),
          sent=st.integers(1, 4))  # fmt: skip
    def send(self, who: int, day: int, river: int, words: list[str | int], sent: int) -> None:
        """By phone, in any order; the end names two batches, a third is more, and some come much later."""
        if walker := self._walker(who):
            patrol_id, start = uuid.uuid4(), self._start(day)
            whole = walk(start, river, (0, LENGTH_M))
            thirds = np.array_split(np.arange(whole.time_s.size), 3)
            parts = [Recording(whole.time_s[rows], whole.lonlat[rows]) for rows in thirds]
            said = [word if isinstance(word, str) else parts[word] for word in words]
            for word in said[:sent]:
                self._say(walker, patrol_id, start, word)
            self.late[patrol_id] = (walker, start, said[sent:])
            self.patrols.append(patrol_id)

    def _say(self, walker: Person, patrol_id: uuid.UUID, start: dt.datetime, word: str | Recording) -> None:
        by: dict[str, Any] = {"person": str(walker.id), "rules": RULES}
        if isinstance(word, str):
            sending.begin(self.db, self.scope, patrol_id, Begin(start), **by)
            sending.end(self.db, self.scope, patrol_id, End(start + dt.timedelta(hours=1), 2), **by)
        else:
            said = Fixes(word, Datum.WGS84)
            sending.take_batch(self.db, self.scope, patrol_id, uuid.uuid4(), said, **by)

    @precondition(lambda self: self.late)
    @rule()
    def arrive_late(self) -> None:
        """What nobody waited for any more comes, and the patrol is computed again."""
        patrol_id, (walker, start, words) = self.late.popitem()
        for word in words if walker.deleted_at is None else ():
            with contextlib.suppress(Conflict):  # it was voided before
                self._say(walker, patrol_id, start, word)

    @rule(river=RIVERS, days=st.lists(DAYS, min_size=1, max_size=3, unique=True), rides_count=st.booleans(),
          verdict=st.sampled_from(Verdict), sets=st.tuples(SPANS, SPANS, SPANS))  # fmt: skip
    def write_rows(
        self, river: int, days: list[int], rides_count: bool, verdict: Verdict, sets: tuple[Any, ...]
    ) -> None:
        """Rows of every kind, as a matcher may find them: walked, ridden, only ambiguous, nothing of some."""
        version_id, patrol_id, start = (
            self.town.rivers[river].version_id or 0,
            uuid.uuid4(),
            self._start(days[0]),
        )
        self.db.add(
            Patrol(county_id=self.county.id, id=patrol_id, day=start.date(), started_at=start, ended_at=start,
                   walked_m=1.0, fixes=2, batches_due=1, settled_at=start, verdict=verdict,
                   rides_count=rides_count)
        )  # fmt: skip
        self.db.flush()
        end = self.db.get_one(PlaceVersion, version_id).length_dm
        sets = tuple([(a, min(b, end)) for a, b in spans if a < end] for spans in sets)
        # Sets rotate from day to day, so that some days have nothing of one kind.
        rows = [
            LineRow(version_id, (FIRST + dt.timedelta(days=day)).date(),
                    spans=sets[k % 3], ridden=sets[(k + 1) % 3], bridged=[], ambiguous=sets[(k + 2) % 3])
            for k, day in enumerate(days)
        ]  # fmt: skip
        queries.insert_line_coverage(self.db, self.county.id, [(patrol_id, row) for row in rows])
        coverage.enter(self.db, self.county.id, patrol_id)
        self.patrols.append(patrol_id)

    @precondition(lambda self: self.patrols)
    @rule(which=st.integers(0, 30))
    def void(self, which: int) -> None:
        service.void(self.db, self.scope, self._patrol(which), "试")

    @precondition(lambda self: self.patrols)
    @rule(which=st.integers(0, 30), verdict=st.sampled_from([Verdict.COUNTED, Verdict.NOT_COUNTED]))
    def review(self, which: int, verdict: Verdict) -> None:
        with contextlib.suppress(Conflict):  # voided, or open
            reviews.review(self.db, self.scope, self._patrol(which), verdict, "试")

    @precondition(lambda self: self.patrols)
    @rule(which=st.integers(0, 30))
    def change_whether_rides_count(self, which: int) -> None:
        patrol_id = self._patrol(which)
        own = update(Patrol).where(Patrol.id == patrol_id)
        self.db.execute(own.values(rides_count=~Patrol.rides_count))
        coverage.recount(self.db, self.county.id, patrol_id)

    @rule(river=RIVERS, moved=st.sampled_from([-200, -50, 0, 3, 80]))
    def draw_anew(self, river: int, moved: int) -> None:
        """A new version: what was covered is carried over, and the patrols near it are computed again."""
        y = river * APART_M
        line = shapely.linestrings(np.array([(moved, y), (LENGTH_M, y + moved / 50)]) + ORIGIN)
        drawing.set_geometry(
            self.db, self.scope, self.town.rivers[river].id, crs_.unproject(np.array([line]), CRS)[0]
        )
        self.db.refresh(self.town.rivers[river])

    @rule(river=RIVERS)
    def compute_again(self, river: int) -> None:
        again.compute(self.db, self.county, [self.town.rivers[river].id])

    @rule(who=st.integers(0, 1))
    def forget_a_person(self, who: int) -> None:
        if walker := self._walker(who):
            forgetting.forget(self.db, walker, dt.datetime.now(dt.UTC))
            self.db.refresh(walker)

    @invariant()
    def the_roll_up_is_the_union_of_what_counts(self) -> None:
        self.db.flush()
        assert naive.stored(self.db, self.county.id) == naive.from_rows(self.db, self.county.id)

    @rule(first=st.integers(-3, 62), days=st.sampled_from([0, 1, 29, 30, 45, 92]))
    def look_at_a_window(self, first: int, days: int) -> None:
        begin = FIRST.date() + dt.timedelta(days=first)
        end = begin + dt.timedelta(days=days)
        true = naive.from_rows(self.db, self.county.id)
        versions = sorted({key[0] for key in [*true.line_days, *true.cell_days]})
        index = {version_id: k for k, version_id in enumerate(versions)}
        spans = windows.covered_spans(self.db, self.county.id, begin, end, index)
        assert _decimetres(spans, versions) == naive.in_window(true.line_days, begin, end)
        seen = windows.seen_cells(self.db, self.county.id, begin, end, index)
        assert _cells(seen, versions) == naive.in_window(true.cell_days, begin, end)

    @rule(last=st.integers(0, 62), days=st.sampled_from([5, 31, 62]),
          ends=st.lists(st.integers(0, 65), max_size=4, unique=True).map(sorted))  # fmt: skip
    def look_how_fresh_it_is(self, last: int, days: int, ends: list[int]) -> None:
        end = FIRST.date() + dt.timedelta(days=last)
        query = Query(end - dt.timedelta(days=days), end, layers=(Layer.RIVER,), register="all")
        table = answers.coverage(self.db, self.scope, query)
        versions = [place.version_id or 0 for place in table.ground.places]
        true = naive.from_rows(self.db, self.county.id).line_days
        true = {key: own for key, own in true.items() if key[0] in versions}
        expected: dict[int | None, naive.Sets] = {one: defaultdict(set) for one in [*ends, None]}
        for (version_id, decimetre), day in naive.last_days(true, query.first_day, end).items():
            age = next((one for one in ends if (end - day).days <= one), None)
            expected[age][version_id,].add(decimetre)
        found = answers.freshness(self.db, self.scope, table, ends)
        assert [one for one, _ in found] == [*ends, None]
        assert {one: _decimetres(spans, versions) for one, spans in found} == expected


def _decimetres(spans: Any, versions: list[int]) -> naive.Sets:
    found: naive.Sets = defaultdict(set)
    for k, start, stop in zip(spans.place.tolist(), spans.start.tolist(), spans.stop.tolist(), strict=True):
        found[versions[k],] |= set(range(int(start), int(stop)))
    return dict(found)


def _cells(seen: dict[int, CellSet], versions: list[int]) -> naive.Sets:
    return {
        (versions[k], x, y): {at for at, bit in enumerate(bits) if bit == "1"}
        for k, cells in seen.items()
        for x, y, bits in cells.to_bits()
    }


@pytest.mark.usefixtures("db")
def test_after_any_history_the_roll_up_is_the_union_of_what_counts(small_county: SmallCounty) -> None:
    run_state_machine_as_test(
        lambda: Histories(small_county),
        settings=settings(max_examples=20, stateful_step_count=25, deadline=None,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip
