"""Coverage computed anew: it stands beside what is in force, tells what changes, and is adopted exactly."""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import Connection, Engine, Text, cast, delete, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.bulk import spans_in
from geo_service.coverage import many, rollup
from geo_service.coverage import service as coverage
from geo_service.errors import Conflict, NotFound
from geo_service.privacy import retention
from geo_service.recompute import adopting, comparing, computing, reading, service
from geo_service.recompute.asking import Question
from geo_service.recompute.computing import Answer
from geo_service.recompute.reading import Packed
from geo_service.recompute.workers import alone
from geo_service.settings import Settings
from geo_service.tables import (
    AreaVisit,
    Audit,
    CellCoverage,
    CellDay,
    CellMonth,
    County,
    LineCoverage,
    LineDay,
    LineMonth,
    Patrol,
    Place,
    PlaceVersion,
    Recomputation,
    RecomputedCells,
    RecomputedLine,
    RecomputedPatrol,
    RecomputedVisit,
)
from layers.coverage import RULE
from layers.crs import unproject
from layers.lines import multilinestring_m
from layers.tracks import Track
from layers.vocabulary import Layer, Right
from tests.geo_service.conftest import CRS, NOON, ORIGIN, SmallCounty

EVERY = dict.fromkeys(Right, None)


class Town:
    """A river, a road, a grid and a compound; three walks that pass some of them, on two days."""

    def __init__(self, county: SmallCounty) -> None:
        self.county, self.db = county, county.db
        self.scope = Scope(county.id, Actor(os_user="tester"), EVERY)
        self.river = county.place(Layer.RIVER, "R1", "LINESTRING (0 0, 2000 0)")
        self.road = county.place(Layer.ROAD, "D1", "LINESTRING (500 -600, 500 900)")
        self.grid = county.place(Layer.GRID, "G1", "POLYGON ((0 20, 900 20, 900 380, 0 380, 0 20))")
        self.compound = county.place(
            Layer.COMPOUND, "X1", "POLYGON ((1500 -40, 1700 -40, 1700 90, 1500 90, 1500 -40))"
        )
        tomorrow = NOON + dt.timedelta(days=1)
        self.along_river = self.walked((0, 12), (400, 12), (800, 2))
        self.along_road = self.walked((505, -500), (505, 800), start=tomorrow)
        self.to_the_end = self.walked((1200, 12), (1900, 12), start=tomorrow)
        self.patrols = [self.along_river, self.along_road, self.to_the_end]

    @property
    def bind(self) -> Connection:
        return self.db.connection()

    def walked(self, *corners: tuple[float, float], start: dt.datetime = NOON) -> uuid.UUID:
        track = self.county.walk(*corners, start=start)
        patrol_id, _ = self.county.patrol(track)
        self.keep(patrol_id, track)
        return patrol_id

    def keep(self, patrol_id: uuid.UUID, track: Track) -> None:
        """Store a track as an upload would."""
        line = from_shape(multilinestring_m(track.lonlat, track.time_s, track.piece), srid=4326)
        values = {"track": line, "accuracy_m": track.accuracy_m.tolist()}
        self.db.execute(update(Patrol).where(Patrol.id == patrol_id).values(values))

    def narrow(self, reach_m: float = 1.0) -> None:
        """Let the river reach less far than the walks on its bank are away: as a changed rule would."""
        river = PlaceVersion.id == self.river.version_id
        self.db.execute(update(PlaceVersion).where(river).values(reach_m=reach_m))

    def run(self, **question: Any) -> service.Told:
        return service.run(self.bind, self.scope, Question(**question))

    def adopt(self, run_id: int) -> adopting.Adopted:
        return adopting.adopt(self.bind, self.scope, run_id)

    def compare(self, run_id: int, **how: bool) -> comparing.Comparison:
        return comparing.compare(self.db, self.scope, run_id, **how)

    def covered(self, place: Place) -> dict[uuid.UUID, str]:
        """Return the spans in force of a line by patrol."""
        rows = self.db.execute(
            select(LineCoverage.patrol_id, cast(LineCoverage.spans, Text)).where(
                LineCoverage.place_version_id == place.version_id
            )
        )
        return dict(rows.all())

    def day(self, place: Place, day: dt.date) -> str | None:
        here = LineDay.place_version_id == place.version_id, LineDay.day == day
        return self.db.scalar(select(cast(LineDay.spans, Text)).where(*here))


@pytest.fixture
def town(small_county: SmallCounty) -> Town:
    return Town(small_county)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every patrol is a chunk of its own, and adopted in a transaction of its own."""
    monkeypatch.setattr(reading, "MOST_PATROLS", 1)
    monkeypatch.setattr(adopting, "AT_ONCE", 1)


def border(west: float, south: float, east: float, north: float) -> Any:
    """Return a border given in metres around the origin."""
    there = shapely.transform(shapely.box(west, south, east, north), lambda xy: xy + ORIGIN)
    return from_shape(shapely.multipolygons([unproject(there, CRS)]), srid=4326)


IN_FORCE = (LineCoverage, AreaVisit, CellCoverage)
STAGED = (RecomputedLine, RecomputedVisit, RecomputedCells)


def rows(db: Session, table: type[Any], *where: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a table without the number of their run, in order, as the database writes them."""
    columns = [c for c in table.__table__.columns if c.name != "recomputation_id"]
    return sorted(tuple(row) for row in db.execute(select(*(cast(c, Text) for c in columns)).where(*where)))


def in_force(db: Session) -> list[list[tuple[Any, ...]]]:
    return [rows(db, table) for table in IN_FORCE]


def staged(db: Session, run_id: int) -> list[list[tuple[Any, ...]]]:
    return [rows(db, table, table.recomputation_id == run_id) for table in STAGED]


def rolled_up(db: Session) -> list[list[tuple[Any, ...]]]:
    return [rows(db, table) for table in (LineDay, LineMonth, CellDay, CellMonth)]


def rebuilt(db: Session, county_id: int) -> list[list[tuple[Any, ...]]]:
    """Return the roll-up made anew from the rows."""
    for table in (LineDay, LineMonth, CellDay, CellMonth):
        db.execute(delete(table))
    rollup.add_patrols(db, county_id, db.scalars(select(Patrol.id)).all())
    return rolled_up(db)


# --- computed


def test_a_run_gives_what_the_uploads_gave(town: Town) -> None:
    before = in_force(town.db)

    done = town.run()

    assert (done.computed, done.was_begun) == (3, False)
    assert all(before)
    assert staged(town.db, done.id) == before == in_force(town.db)
    found = town.compare(done.id)
    assert found.changes == []
    assert [(t.patrols, t.places, t.gained, t.lost) for t in found.totals] == [(0, 0, 0, 0)] * 4


def test_how_patrols_are_put_together_changes_nothing(town: Town, one_by_one: None) -> None:
    before = in_force(town.db)
    assert staged(town.db, town.run().id) == before


def test_an_empty_county_has_a_run_of_nothing(small_county: SmallCounty) -> None:
    scope, bind = Scope(small_county.id, Actor(os_user="tester"), EVERY), small_county.db.connection()

    done = service.run(bind, scope, Question())

    assert done.computed == 0
    assert comparing.compare(small_county.db, scope, done.id).changes == []
    assert adopting.adopt(bind, scope, done.id) == adopting.Adopted(0, 0, 0)


def test_a_patrol_far_from_every_place_is_computed_too(town: Town) -> None:
    far = town.walked((9000, 9000), (9500, 9000))
    done = town.run()
    assert done.computed == 4
    assert town.db.scalar(select(RecomputedPatrol.patrol_id).where(RecomputedPatrol.patrol_id == far)) == far


def test_another_county_is_left_alone(town: Town, db: Session) -> None:
    other = County(code="999902", name="邻县", time_zone="Asia/Shanghai", crs=town.county.row.crs)
    db.add(other)
    db.flush()
    neighbour = Town(SmallCounty(db, other))
    town.narrow()

    done = town.run()
    assert done.computed == 3
    assert service.runs(db, neighbour.scope) == []
    with pytest.raises(NotFound):
        adopting.adopt(neighbour.bind, neighbour.scope, done.id)
    before = neighbour.covered(neighbour.river)
    town.adopt(done.id)
    assert neighbour.covered(neighbour.river) == before != {}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"since": dt.date(2026, 5, 2)}, {"along_road", "to_the_end"}),
        ({"since": dt.date(2026, 5, 3)}, set()),
        ({"area": "east"}, {"to_the_end"}),
        ({"area": "listed"}, {"along_road"}),
        ({"area": "all"}, {"along_river", "along_road", "to_the_end"}),
        ({"area": "all", "since": dt.date(2026, 5, 2)}, {"along_road", "to_the_end"}),
        ({"layers": (Layer.GRID,)}, {"along_river", "along_road", "to_the_end"}),
    ],
)
def test_only_what_is_asked_for_is_computed(town: Town, question: Any, expected: set[str]) -> None:
    county = town.county
    whole = county.area("all", level="county")
    east, listed = county.area("east", whole), county.area("listed", whole)
    east.geom, whole.geom = border(1100, -2000, 2500, 2000), border(-500, -2000, 2500, 2000)
    # A road that no border tells where it lies.
    town.road.area_id = listed.id
    town.db.execute(update(Patrol).where(Patrol.id == town.along_river).values(day=dt.date(2026, 5, 1)))
    town.db.execute(update(Patrol).where(Patrol.id != town.along_river).values(day=dt.date(2026, 5, 2)))
    if question.get("area") == "listed":
        # Its box does not meet the walk on the river's far end; on the near one it does.
        expected = {"along_river", "along_road"}
    town.db.flush()

    done = town.run(**question)

    held = set(town.db.scalars(select(RecomputedPatrol.patrol_id)).all())
    assert held == {getattr(town, name) for name in expected}
    assert done.computed == len(expected)


def test_an_area_that_is_not_there_is_told(town: Town) -> None:
    with pytest.raises(NotFound, match="辖区"):
        town.run(area="nowhere")
    assert town.db.scalar(select(func.count()).select_from(Recomputation)) == 0


def test_a_layer_that_is_not_asked_for_keeps_its_rows(town: Town) -> None:
    town.narrow()
    before = town.covered(town.river)
    cells = in_force(town.db)[1:]

    done = town.run(layers=(Layer.ROAD,))
    assert {row[0] for row in town.db.execute(select(RecomputedLine.place_version_id))} == {
        town.road.version_id
    }
    town.adopt(done.id)

    assert town.covered(town.river) == before != {}
    assert in_force(town.db)[1:] == cells
    # The river's rows are still of the rule before.
    assert set(town.db.scalars(select(Patrol.rule))) == {1}


def test_of_areas_only_is_asked_too(town: Town) -> None:
    before = in_force(town.db)
    done = town.run(layers=(Layer.GRID, Layer.COMPOUND))
    assert staged(town.db, done.id) == [[], *before[1:]]
    town.adopt(done.id)
    assert in_force(town.db) == before


# --- stopped and taken up again


class Stopped(Exception):
    """Somebody pulled the plug."""


def stopping_after(chunks: int) -> Any:
    def crew(packed: Iterator[Packed]) -> Iterator[tuple[Packed, Answer]]:
        yield from itertools.islice(alone(packed), chunks)
        raise Stopped

    return crew


def test_a_stopped_run_goes_on_where_it_stood(town: Town, one_by_one: None) -> None:
    before = in_force(town.db)
    with pytest.raises(Stopped):
        service.run(town.bind, town.scope, Question(), stopping_after(2))
    with pytest.raises(Conflict, match="还没算完"):
        town.compare(service.runs(town.db, town.scope)[0].id)

    heard: list[tuple[int, int]] = []
    done = service.run(town.bind, town.scope, Question(), tell=lambda *step: heard.append(step))

    assert (done.was_begun, done.before, done.computed) == (True, 2, 1)
    assert heard[0] == (2, 3)
    assert heard[-1] == (3, 3)
    assert staged(town.db, done.id) == before
    assert [run.state for run in service.runs(town.db, town.scope)] == ["待采用"]


def test_another_question_or_rule_begins_a_run_of_its_own(
    town: Town, one_by_one: None, monkeypatch: Any
) -> None:
    with pytest.raises(Stopped):
        service.run(town.bind, town.scope, Question(), stopping_after(1))
    first = service.runs(town.db, town.scope)[0].id
    assert not town.run(layers=(Layer.RIVER,)).was_begun
    monkeypatch.setattr(computing, "RULE", RULE + 1)
    assert not town.run().was_begun
    monkeypatch.setattr(computing, "RULE", RULE)
    assert town.run().id == first


def test_what_changed_while_a_run_was_stopped_is_computed_once_more(town: Town, one_by_one: None) -> None:
    with pytest.raises(Stopped):
        service.run(town.bind, town.scope, Question(), stopping_after(3))
    town.narrow()  # all three may have been compared with the river
    done = town.run()
    assert (done.before, done.again, done.computed) == (0, 3, 3)


def test_patrols_that_come_meanwhile_are_computed_too(town: Town, one_by_one: None) -> None:
    came: list[uuid.UUID] = []

    def tell(done: int, of: int) -> None:
        if done == 1 and not came:
            came.append(town.walked((100, 12), (300, 12)))

    done = service.run(town.bind, town.scope, Question(), tell=tell)

    assert done.computed == 4
    assert staged(town.db, done.id) == in_force(town.db)


def test_workers_with_another_program_are_refused(town: Town) -> None:
    def crew(packed: Iterator[Packed]) -> Iterator[tuple[Packed, Answer]]:
        for one, answer in alone(packed):
            yield one, Answer(answer.rule + 1, answer.outcomes)

    with pytest.raises(Exception, match="版本不同"):
        service.run(town.bind, town.scope, Question(), crew)
    assert town.db.scalar(select(func.count()).select_from(RecomputedPatrol)) == 0


def test_one_run_at_a_time(town: Town, engine: Engine) -> None:
    with service.sole(engine, town.county.id), pytest.raises(Conflict, match="正有一次重算"):
        town.run()
    assert town.run().computed == 3


# --- compared


def test_a_comparison_tells_what_adoption_then_does(town: Town) -> None:
    day = dt.date(2026, 5, 1)
    town.narrow()
    before_m = sum(b - a for a, b in spans_of(town.day(town.river, day))) / 10

    done = town.run()
    found = town.compare(done.id, drawn=True)

    (change,) = found.changes
    assert (change.place.code, change.place.patrols, change.after, change.gained) == ("R1", 2, 0.0, 0.0)
    assert change.before == change.lost > before_m > 700
    assert shapely.get_type_id(change.drawn) == shapely.GeometryType.MULTILINESTRING
    length_m = shapely.length(shapely.transform(change.drawn, lambda d: d * np.array([93_000, 111_000])))
    assert length_m == pytest.approx(change.lost, rel=0.02)
    river = found.totals[0]
    assert (river.layer, river.patrols, river.places, river.lost) == (Layer.RIVER, 2, 1, change.lost)
    assert in_force(town.db)[0] != staged(town.db, done.id)[0]
    assert town.day(town.river, day) is not None

    town.adopt(done.id)
    assert town.day(town.river, day) is None


def test_what_others_cover_is_no_loss(town: Town) -> None:
    """A stretch that a patrol outside the run covers is covered before and after."""
    town.walked((0, 2), (1000, 2))
    # The others are older than the day asked for, and on the same stretch; this one alone is asked for.
    late = town.walked((0, 12), (800, 12), start=NOON + dt.timedelta(days=9))
    led_away = town.county.walk((0, 12), (800, 12), (5000, 3000), start=NOON + dt.timedelta(days=9))
    town.keep(late, led_away)
    coverage.renew(town.db, town.county.row, {late: led_away})
    town.narrow()
    found = town.compare(town.run(since=dt.date(2026, 5, 10)).id)
    (change,) = found.changes
    assert (change.lost, change.before) == (pytest.approx(change.before), pytest.approx(change.lost))

    # Asked for by its area only, its day is covered by the others as well.
    area = town.county.area("far")
    area.geom = border(4800, 2800, 5200, 3200)
    town.db.flush()
    found = town.compare(town.run(area="far").id)
    assert [c.lost for c in found.changes] == [0.0]
    assert found.changes[0].place.patrols == 1


def test_a_comparison_of_areas_tells_square_metres(town: Town, monkeypatch: Any) -> None:
    monkeypatch.setattr("geo_service.coverage.computing.SIGHT_M", 30.0)
    done = town.run()

    found = town.compare(done.id, drawn=True)
    changes = {c.place.code: c for c in found.changes}

    assert set(changes) == {"G1", "X1"}
    for change in changes.values():
        assert change.lost == 0.0
        assert change.after - change.before == pytest.approx(change.gained)
        assert 0 < change.before < change.after <= change.place.whole * 1.001
        assert not change.drawn.is_empty
    town.adopt(done.id)
    again = town.run()
    assert town.compare(again.id).changes == []


# --- adopted


def test_adoption_puts_exactly_the_rows_of_the_run_in_force(town: Town, monkeypatch: Any) -> None:
    monkeypatch.setattr(computing, "RULE", 7)
    judged = select(Patrol.id, Patrol.verdict, Patrol.reasons, Patrol.cleaning).order_by(Patrol.id)
    verdicts = town.db.execute(judged).all()
    town.narrow(8.0)
    done = town.run()
    expected = staged(town.db, done.id)
    assert expected[0] != in_force(town.db)[0]

    adopted = town.adopt(done.id)

    assert adopted == adopting.Adopted(patrols=3, again=0, kept=0)
    assert in_force(town.db) == expected
    found = rolled_up(town.db)
    assert found == rebuilt(town.db, town.county.id)
    assert town.db.execute(judged).all() == verdicts
    assert set(town.db.scalars(select(Patrol.rule))) == {7}
    assert staged(town.db, done.id) == [[], [], []]
    line = town.db.scalars(select(Audit).where(Audit.action == "recompute.adopt")).one()
    assert (line.subject, line.detail["patrols"], line.os_user) == (f"recompute/{done.id}", 3, "tester")
    with pytest.raises(Conflict, match="已经采用"):
        town.adopt(done.id)


def test_a_stopped_adoption_goes_on(town: Town, one_by_one: None) -> None:
    town.narrow(8.0)
    done = town.run()
    expected = staged(town.db, done.id)

    def tell(at: int, of: int) -> None:
        if at == 1:
            raise Stopped

    with pytest.raises(Stopped):
        adopting.adopt(town.bind, town.scope, done.id, tell)
    assert town.db.scalar(select(func.count()).select_from(RecomputedPatrol)) == 2
    assert rolled_up(town.db) == rebuilt(town.db, town.county.id)

    assert town.adopt(done.id).patrols == 2
    assert in_force(town.db) == expected


def test_a_patrol_that_is_not_counted_stays_out_of_the_roll_up(town: Town) -> None:
    town.db.execute(update(Patrol).where(Patrol.id == town.along_river).values(verdict="not_counted"))
    coverage.recount(town.db, town.county.id, town.along_river)
    town.narrow(8.0)

    done = town.run()
    assert done.computed == 3
    (change,) = [c for c in town.compare(done.id).changes if c.place.code == "R1"]
    assert change.before == pytest.approx(700, abs=30)  # of the one that counts
    town.adopt(done.id)

    assert town.day(town.river, dt.date(2026, 5, 1)) is None
    assert town.along_river in town.covered(town.river)
    assert rolled_up(town.db) == rebuilt(town.db, town.county.id)


def test_more_fixes_that_came_since_are_not_lost(town: Town) -> None:
    done = town.run()
    longer = town.county.walk((0, 12), (1000, 12))
    town.keep(town.along_river, longer)
    coverage.renew(town.db, town.county.row, {town.along_river: longer})
    now = in_force(town.db)

    assert town.adopt(done.id) == adopting.Adopted(patrols=3, again=1, kept=0)
    assert in_force(town.db) == now


def test_a_place_that_changed_since_is_covered_as_it_is_now(town: Town) -> None:
    done = town.run()
    town.county.version(town.river, "LINESTRING (0 0, 2000 0, 2000 500)")
    tracks = {p: town.county.walk(*c, start=s) for p, c, s in _walks(town)}
    coverage.renew(town.db, town.county.row, tracks)
    now = in_force(town.db)

    adopted = town.adopt(done.id)

    assert adopted.again == 3  # all pass within reach of the river's box
    assert in_force(town.db) == now
    assert rolled_up(town.db) == rebuilt(town.db, town.county.id)


def _walks(town: Town) -> list[tuple[uuid.UUID, list[tuple[float, float]], dt.datetime]]:
    tomorrow = NOON + dt.timedelta(days=1)
    return [
        (town.along_river, [(0, 12), (400, 12), (800, 2)], NOON),
        (town.along_road, [(505, -500), (505, 800)], tomorrow),
        (town.to_the_end, [(1200, 12), (1900, 12)], tomorrow),
    ]


def test_a_patrol_voided_since_covers_nothing(town: Town) -> None:
    done = town.run()
    coverage.forget(town.db, town.county.id, town.along_river)
    town.db.execute(update(Patrol).where(Patrol.id == town.along_river).values(voided_at=func.now()))

    assert town.compare(done.id).changes == []
    assert town.adopt(done.id) == adopting.Adopted(patrols=2, again=0, kept=1)
    assert town.along_river not in town.covered(town.river)
    assert town.day(town.river, dt.date(2026, 5, 1)) is None


def test_a_patrol_without_a_track_keeps_what_it_has(town: Town) -> None:
    before = town.covered(town.river)
    town.db.execute(update(Patrol).where(Patrol.id == town.to_the_end).values(track=None, accuracy_m=None))
    town.narrow()
    done = town.run()
    assert done.computed == 2
    town.db.execute(update(Patrol).where(Patrol.id == town.along_river).values(track=None, accuracy_m=None))

    assert town.compare(done.id).changes == []
    assert town.adopt(done.id) == adopting.Adopted(patrols=1, again=0, kept=1)
    assert town.covered(town.river) == before != {}


def test_a_patrol_that_came_after_the_run_is_left_alone(town: Town) -> None:
    done = town.run()
    late = town.walked((100, 12), (300, 12))
    town.adopt(done.id)
    assert late in town.covered(town.river)


def test_a_run_under_another_rule_is_not_adopted(town: Town, monkeypatch: Any) -> None:
    done = town.run()
    monkeypatch.setattr(computing, "RULE", RULE + 1)
    with pytest.raises(Conflict, match=f"第 {RULE} 版规则，程序现在用第 {RULE + 1} 版"):
        town.adopt(done.id)


def test_a_set_of_patrols_that_got_in_a_ring_is_adopted_again(town: Town, monkeypatch: Any) -> None:
    """An upload locked the same days the other way round: PostgreSQL ends one of the two."""
    town.narrow(8.0)
    done = town.run()
    expected = staged(town.db, done.id)
    replace, fails = many.replace, iter([psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation])

    def once_in_a_ring(db: Session, *args: Any) -> None:
        replace(db, *args)
        for kind in fails:
            wrong = IntegrityError if kind is psycopg.errors.UniqueViolation else OperationalError
            raise wrong("", {}, kind())

    monkeypatch.setattr(many, "replace", once_in_a_ring)
    assert town.adopt(done.id).patrols == 3
    assert in_force(town.db) == expected


def test_another_fault_is_not_tried_again(town: Town, monkeypatch: Any) -> None:
    done = town.run()
    tried: list[int] = []

    def gone(*_: Any) -> None:
        tried.append(1)
        raise OperationalError("", {}, psycopg.OperationalError("the server is gone"))

    monkeypatch.setattr(many, "replace", gone)
    with pytest.raises(OperationalError):
        town.adopt(done.id)
    assert len(tried) == 1
    assert [run.state for run in service.runs(town.db, town.scope)] == ["待采用"]


# --- discarded


def test_a_discarded_run_leaves_nothing(town: Town) -> None:
    before = in_force(town.db)
    done = town.run()
    assert service.discard(town.bind, town.scope, done.id) == 3
    assert staged(town.db, done.id) == [[], [], []]
    assert in_force(town.db) == before
    assert town.db.scalars(select(Audit.action)).all().count("recompute.discard") == 1
    with pytest.raises(NotFound, match="recompute list"):
        service.discard(town.bind, town.scope, done.id)


def test_a_run_that_nobody_adopts_is_dropped_by_its_age(town: Town, tmp_path: Any) -> None:
    done, adopted = town.run(), town.run()
    town.adopt(adopted.id)
    month_ago = func.now() - dt.timedelta(days=31)
    town.db.execute(update(Recomputation).values(created_at=month_ago))

    retention.run(town.bind, Settings(data_dir=tmp_path), Actor(os_user="tester"))

    assert [run.id for run in service.runs(town.db, town.scope)] == [adopted.id]
    assert staged(town.db, done.id) == [[], [], []]


def spans_of(text: str | None) -> list[tuple[int, int]]:
    return list(spans_in(text or "{}"))
