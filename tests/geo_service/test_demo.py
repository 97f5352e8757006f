"""The demo county: its figures are exact, its land fits together, and it is made only once."""

import contextlib
import dataclasses
import datetime as dt
import itertools
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import migrations
from geo_service.accounts import service as accounts
from geo_service.cli import demo as command
from geo_service.coverage.answers import coverage
from geo_service.coverage.gaps import gaps
from geo_service.coverage.ground import Query
from geo_service.db import make_engine, psycopg_url, transaction
from geo_service.demo import outings, service, steps, walks
from geo_service.demo.county import DemoCounty, draw
from geo_service.demo.plan import CRS
from geo_service.demo.problems import CLOSED
from geo_service.errors import Conflict
from geo_service.figures import service as figures
from geo_service.jobs import Progress
from geo_service.tables import County
from layers import crs
from layers.figures import Code, sentences
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.tracks import clean
from layers.vocabulary import GapKind, Layer, Level, ServiceKind

TODAY = dt.date(2026, 3, 2)


@pytest.fixture(scope="module")
def first() -> DemoCounty:
    return draw(1, today=TODAY)


@pytest.fixture(scope="module", params=[1, 2])
def county(request, first) -> DemoCounty:
    return first if request.param == 1 else draw(request.param, today=TODAY)


def in_force(county: DemoCounty):
    return [term for term in county.stewards.terms if term.last_day is None]


def people_of(county: DemoCounty, *layers: Layer) -> set[int]:
    beats = county.scheme.beats
    return {term.person for term in in_force(county) if beats[term.beat].layer in layers}


def test_the_published_figures_come_out_exactly(county):
    assert len(people_of(county, Layer.RIVER, Layer.ROAD, Layer.GRID)) == 2819
    assert len(people_of(county, Layer.COMPOUND)) == 304
    assert not people_of(county, Layer.COMPOUND) & people_of(county, Layer.RIVER, Layer.ROAD, Layer.GRID)
    served = {layer: {b.code for b in county.scheme.beats if b.layer is layer} for layer in Layer}
    assert [len(served[layer]) for layer in Layer] == [247, 185, 422, 123]
    kinds = Counter(activity.kind for activity in county.activities)
    assert len(county.outings) + kinds[ServiceKind.GRID_SERVICE] == 2137
    assert all(kinds[kind] >= 50 for kind in ServiceKind)
    assert len(county.land.townships) == 28


def test_the_register_holds_far_more_than_the_scheme(county):
    assert len(county.rivers) == pytest.approx(13_000, rel=0.03)
    assert 490 <= len(county.land.villages) <= 550
    assert len(county.roads) >= 185 + 300
    names = Counter(river.name for river in county.rivers)
    assert names["中心河"] > 400
    assert names["生产河"] > 400
    assert names[None] > 400
    assert any(road.name is None for road in county.roads)


def test_codes_are_unique_and_have_their_forms(county):
    village = r"329901(0\d\d|[1-5]\d\d)\d{3}"
    forms = {
        r"RV-329901-\d{5}": [river.code for river in county.rivers],
        r"[GSXYC]\d{3}329901|RD-329901-\d{5}": [road.code for road in county.roads],
        village: [v.code for v in county.land.villages] + [t.code for t in county.land.townships],
        village + r"\d{3}": [grid.code for grid in county.land.grids],
        "C" + village + r"\d{4}": [compound.code for compound in county.land.compounds],
        r"[YHQ]\d+|G[123]\d+": [person.number for person in county.stewards.people],
    }
    for form, codes in forms.items():
        assert len(set(codes)) == len(codes)
        assert [code for code in codes if not re.fullmatch(form, code)] == []
    for grid in county.land.grids:
        assert grid.code.startswith(county.land.villages[grid.village].code)


def test_villages_fill_the_county_without_slit_or_overlap(county):
    villages = county.land.village_polygons()
    assert shapely.is_valid(villages).all()
    assert shapely.coverage_is_valid(villages)
    whole = shapely.coverage_union_all(villages)
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0
    assert shapely.area(villages).sum() == pytest.approx(whole.area)
    assert 1_500e6 < whole.area < 2_500e6
    for town in range(28):
        own = [p for p, v in zip(villages, county.land.villages, strict=True) if v.township == town]
        assert len(own) > 3


def test_grids_fill_their_communities_and_compounds_lie_in_grids(county):
    villages, grids = county.land.village_polygons(), county.land.grid_polygons()
    for i, village in enumerate(county.land.villages):
        own = np.array([g for g, grid in zip(grids, county.land.grids, strict=True) if grid.village == i])
        assert bool(own.size) is village.is_urban
        if own.size:
            assert shapely.coverage_is_valid(own)
            assert shapely.equals(shapely.coverage_union_all(own), villages[i])
    for compound, polygon in zip(county.land.compounds, county.land.compound_polygons(), strict=True):
        inside = shapely.intersection(grids[compound.grid], polygon)
        assert inside.area > 0.95 * polygon.area
        assert county.land.townships[county.land.villages[compound.village].township].is_core


def test_rivers_and_roads_lie_in_the_county(county):
    whole = shapely.coverage_union_all(county.land.village_polygons())
    around = shapely.buffer(whole, 200)
    shapely.prepare(around)
    for line in (*county.rivers, *county.roads):
        assert shapely.contains(around, line.line)
        assert shapely.is_simple(line.line)
        assert shapely.length(line.line) > 50


def test_a_tenth_of_each_layer_lies_in_no_duty(county):
    scheme = county.scheme
    for layer in Layer:
        beats = [beat for beat in scheme.beats if beat.layer is layer]
        whole = {beat.code: beat._replace(span_m=None, part=None) for beat in beats}
        size = sum(outings._size(scheme, beat) for beat in whole.values())
        looked_after = sum(outings._size(scheme, beat) for beat in beats)
        assert 0.05 < 1 - looked_after / size < 0.15


def test_beats_of_a_line_lie_on_it_and_do_not_overlap(county):
    spans: dict[str, list[tuple[float, float]]] = {}
    for beat in county.scheme.beats:
        if beat.span_m is not None:
            spans.setdefault(beat.code, []).append(beat.span_m)
    lines = {**county.scheme.rivers, **county.scheme.roads}
    for code, own in spans.items():
        own.sort()
        assert own[0][0] >= 0
        assert own[-1][1] <= shapely.length(lines[code]) + 1e-6
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(own))
        assert all(stop - start > 20 for start, stop in own)


def test_everybody_has_a_made_up_number_and_names_repeat(county):
    people = county.stewards.people
    assert all(re.fullmatch(r"1200000\d{4}", person.phone) for person in people)
    assert len({person.phone for person in people}) == len(people)
    names = Counter(person.name for person in people)
    assert names.most_common(1)[0][1] > 1
    assert all(re.fullmatch(r"[\u4e00-\u9fff]{2,3}", name) for name in names)


def test_who_took_over_did_so_the_day_after(county):
    terms = county.stewards.terms
    taken_over = [term for term in terms if term.after is not None]
    assert taken_over
    for term in taken_over:
        before = terms[term.after]
        assert before.beat == term.beat
        assert before.last_day == term.first_day - dt.timedelta(days=1)
        assert before.first_day < before.last_day


def test_each_area_has_its_official_chief(county):
    offices = Counter((office.area_code, office.level) for office in county.stewards.offices)
    assert all(offices[village.code, Level.VILLAGE] == 1 for village in county.land.villages)
    assert all(offices[town.code, Level.TOWNSHIP] > 0 for town in county.land.townships)
    assert offices["329901000000", Level.COUNTY] > 0
    officials = {office.person for office in county.stewards.offices}
    assert not officials & {term.person for term in county.stewards.terms}


def test_outings_fill_the_year_before_today_one_a_day_by_people_on_duty(county):
    day = [dt.datetime.fromtimestamp(o.start_s, outings.TIME_ZONE).date() for o in county.outings]
    assert min(day) >= TODAY - dt.timedelta(days=365)
    assert max(day) < TODAY
    assert len({d.isocalendar()[:2] for d in day}) >= 50
    assert len({(o.person, d) for o, d in zip(county.outings, day, strict=True)}) == len(county.outings)
    on_duty = {(t.person, t.beat): t.first_day for t in in_force(county)}
    assert all(on_duty[o.person, o.beat] <= d for o, d in zip(county.outings, day, strict=True))


def test_services_fill_the_year_by_people_on_duty_where_they_serve(county):
    beats = county.scheme.beats
    on_duty = {(t.person, t.beat): t.first_day for t in in_force(county)}
    for activity in county.activities:
        assert TODAY - dt.timedelta(days=365) <= activity.day < TODAY
        assert all(on_duty[person, activity.beat] <= activity.day for person in activity.persons)
        assert len(set(activity.persons)) == len(activity.persons) >= 1
        wanted = Layer.COMPOUND if activity.kind is ServiceKind.MEETING else Layer.GRID
        assert beats[activity.beat].layer is wanted
    assert any(activity.by_himself for activity in county.activities)


def test_most_people_never_went_and_a_few_went_often(county):
    counts = Counter(outing.person for outing in county.outings)
    assert len(counts) < 2819 / 2
    assert max(counts.values()) >= 8
    assert sum(1 for n in counts.values() if n == 1) > 0.4 * len(counts)


def test_an_outing_is_a_walk_of_up_to_an_hour_at_five_to_ten_seconds(county):
    forgotten = 0
    for outing in county.outings[::40]:
        recording = outings.recorded(county.scheme, outing)
        track = clean(recording, "EPSG:4549")
        lasted = track.time_s[-1] - track.time_s[0]
        assert track.time_s[0] == pytest.approx(outing.start_s, abs=1)
        assert 4.8 <= np.median(np.diff(track.time_s)) <= 10.2
        assert lasted < 3900 + 4200
        forgotten += lasted > 3900
        assert len(track) > 20
        again = outings.recorded(county.scheme, outing)
        assert np.array_equal(again.lonlat, recording.lonlat)
    assert forgotten < 15


def test_the_same_seed_gives_the_same_county_and_another_day_moves_only_the_days(first):
    one, two, later = first, draw(1, today=TODAY), draw(1, today=TODAY + dt.timedelta(days=1))
    assert [shapely.to_wkb(r.line) for r in one.rivers] == [shapely.to_wkb(r.line) for r in two.rivers]
    assert one.stewards == two.stewards
    assert one.outings == two.outings
    assert one.activities == two.activities
    assert one.stewards.people == later.stewards.people
    assert [r.code for r in one.rivers] == [r.code for r in later.rivers]
    assert later.outings[0].start_s > one.outings[0].start_s - 86400


# --- stored


class Killed(Exception):
    """Stands for a kill: whatever was not committed is lost."""


def smaller(made: DemoCounty, count: int = 80) -> DemoCounty:
    """The county with every twentieth ditch and a few outings of all kinds: seconds instead of minutes."""
    few = [r for k, r in enumerate(made.rivers) if k % 20 == 0 or r.code in made.scheme.rivers]
    step = len(made.outings) // count
    kept = range(0, step * count, step)
    seen = tuple(one._replace(outing=one.outing // step) for one in made.problems if one.outing in kept)
    return dataclasses.replace(
        made, rivers=tuple(few), outings=tuple(made.outings[k] for k in kept), problems=seen
    )


@pytest.fixture(scope="module")
def own_engine(server: str) -> Iterator[Engine]:
    """A database of its own, for what commits."""
    name = f"yinxun_demo_{uuid.uuid4().hex[:12]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine = make_engine(admin.url.set(database=name, drivername="postgresql").render_as_string(False))
    migrations.upgrade(engine, None)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def killed_at(what: str):
    def tell(done: int, of: int, doing: str) -> None:
        assert 0 <= done <= of
        if what in doing:
            raise Killed

    return tell


@pytest.fixture(scope="module")
def stored(own_engine) -> Iterator[DemoCounty]:
    """The demo county, killed five times on the way, at last by two at the same time, and finished."""
    drawn: dict[tuple[int, dt.date], DemoCounty] = {}

    def draw_few(seed: int, *, today: dt.date) -> DemoCounty:
        if (seed, today) not in drawn:
            drawn[seed, today] = smaller(draw(seed, today=today))
        return drawn[seed, today]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "draw", draw_few)
        patch.setattr(service, "_RIVERS_A_STEP", 400)
        patch.setattr(service, "_WALKS_A_STEP", 20)
        patch.setattr(service, "_today", lambda: TODAY)
        take, taken = steps.patrols.take, itertools.count()

        def take_until_killed(*args, **options):
            if next(taken) == 50:
                raise Killed
            return take(*args, **options)

        patch.setattr(steps.patrols, "take", take_until_killed)
        for point in ("登记河道 400/", "登记人员", "登记道路责任人", "值守 150/", "走一年的巡查 20/"):
            with pytest.raises(Killed):
                service.make(own_engine, seed=3, tell=killed_at(point))
        patch.setattr(service, "_today", lambda: TODAY + dt.timedelta(days=1))
        with pytest.raises(Killed):
            service.make(own_engine, seed=4)
        both = [threading.Thread(target=service.make, args=(own_engine,)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        yield drawn[3, TODAY]


@pytest.fixture
def here(stored, own_engine) -> Iterator[Session]:
    with transaction(own_engine) as db:
        yield db
        db.rollback()


def count(db: Session, what: str, **values) -> int:
    return db.execute(text(f"select count(*) from {what}"), values).scalar_one()


def test_what_was_killed_is_finished_with_its_own_seed_and_day_and_nothing_comes_twice(stored, here):
    county = here.scalars(select(County)).one()
    assert (county.code, county.name, county.made_up, county.crs) == ("329901", "云汀县", True, CRS)
    assert not service.is_unfinished(here)
    assert count(here, "place where layer = 'river'") == len(stored.rivers)
    assert count(here, "place where layer = 'road'") == len(stored.roads)
    assert count(here, "person") == len(stored.stewards.people)
    assert count(here, "duty where kind = 'volunteer'") == len(stored.stewards.terms)
    assert count(here, "patrol") == len(stored.outings) == 80
    assert count(here, "batch") == 80
    assert count(here, "service") == len(stored.activities)
    assert count(here, "report") == len(stored.problems)
    assert here.scalar(text("select max(day) from patrol")) < TODAY
    chiefs = "select place_id, person_id, level, spans from duty where kind = 'official'"
    assert count(here, f"({chiefs}) c") == count(here, f"({chiefs.replace('select', 'select distinct')}) c")


def test_the_published_figures_are_stored(stored, here):
    volunteers = "duty where kind = 'volunteer' and in_force @> cast(:day as date)"
    three = f"(select distinct person_id from {volunteers} and role <> 'compound_steward') p"
    assert count(here, three, day=TODAY) == 2819
    stewards = f"(select distinct person_id from {volunteers} and role = 'compound_steward') p"
    assert count(here, stewards, day=TODAY) == 304
    for layer, places in zip(Layer, (247, 185, 422, 123), strict=True):
        served = f"(select distinct place_id from {volunteers} and role = :role) p"
        assert count(here, served, day=TODAY, role=f"{layer.value}_steward") == places
        assert count(here, "place where layer = :layer and in_scheme", layer=layer.value) == places


def test_the_sentence_of_the_documents_comes_out_of_the_rows(stored, here):
    scope = accounts.command_scope(here, "329901")
    table = figures.figures(here, scope, figures.asked(here, scope))
    found = dict(table.figures)
    walked = len(stored.outings)  # few, for the test's sake
    assert found[Code.X5].value == walked + 300
    assert table.waiting == sum(activity.by_himself for activity in stored.activities)
    found[Code.X5] = dataclasses.replace(found[Code.X5], value=found[Code.X5].value + 1837 - walked)
    closed = sum(one.fate == "closed" for one in stored.problems)
    assert found[Code.X6].value == closed > 0
    found[Code.X6] = dataclasses.replace(found[Code.X6], value=CLOSED)
    told = "".join(sentences(found, table.asked.period.first, table.asked.period.last))
    assert "“银发三长”(河长、路长、网格长)2819名，志愿服务覆盖247条河道、185条道路、422个网格。" in told
    assert "共开展巡河巡路、网格服务2100多次，协助处置各类问题230多个。" in told
    assert "引导300多名老干部老党员加入业主委员会，为城区123个小区管理注入“银龄”力量。" in told


def test_a_second_making_changes_nothing(stored, here, own_engine):
    tables = ("place", "duty", "person", "patrol", "service", "figure_entry", "line_day", "audit", "import")
    before = [count(here, table) for table in tables]
    here.rollback()
    assert service.make(own_engine, seed=9) is False
    with transaction(own_engine) as db:
        assert [count(db, table) for table in tables] == before


def test_the_command_says_that_it_is_there_already(stored, own_engine, monkeypatch):
    monkeypatch.setattr(command, "connect", lambda **_: contextlib.nullcontext((own_engine, None)))
    result = CliRunner().invoke(command.app, [])
    assert result.exit_code == 0, result.output
    assert "已经有了" in result.output


def test_a_job_makes_it_too(stored, own_engine):
    told = []
    with transaction(own_engine) as db:
        service.make_by_job(db, {}, Progress(told.append))
    assert told[-1]["done"] <= told[-1]["of"]


def test_a_county_of_that_code_is_never_touched(db):
    db.add(County(code="329901", name="真县", time_zone="Asia/Shanghai"))
    db.flush()
    with pytest.raises(Conflict, match="真县"):
        service.make(db.connection())
    assert not service.is_unfinished(db)


def test_duties_are_stored_where_the_beats_lie(stored, here):
    rows = here.execute(
        text(
            "select p.code, p.layer, ST_AsBinary(v.line), d.spans from duty d"
            " join place p on p.id = d.place_id join place_version v on v.id = p.version_id"
            " where d.kind = 'volunteer' and d.spans is not null"
        )
    ).all()
    beats = {(b.layer.value, b.code, round(10 * b.span_m[0])): b for b in stored.scheme.beats if b.span_m}
    assert len(rows) > 500
    for code, layer, line, (span,) in rows:
        beat = beats[layer, code, span.lower]
        lines = LineSet.of([crs.project(shapely.from_wkb(line), CRS)])
        (drawn,) = lines.cut(SpanSet.of([0], [span.lower / 10], [span.upper / 10]))
        meant = walks.along(stored.scheme.geometry(beat), *beat.span_m)
        assert shapely.hausdorff_distance(drawn, shapely.linestrings(meant)) < 0.2
        assert span.upper <= round(10 * float(lines.length_m[0]))


def test_every_outing_covered_its_own_beat_and_counts(stored, here):
    walked = here.execute(
        text(
            "select c.patrol_id, p.layer, p.code from"
            " (select patrol_id, place_version_id from line_coverage"
            "  union select patrol_id, place_version_id from area_visit) c"
            " join place p on p.version_id = c.place_version_id"
        )
    ).all()
    covered = {(row.patrol_id, row.layer, row.code) for row in walked}
    for k, outing in enumerate(stored.outings):
        beat = stored.scheme.beats[outing.beat]
        patrol_id = uuid.uuid5(steps._IDS, f"patrol/{k}/{outing.start_s}")
        assert (patrol_id, beat.layer.value, beat.code) in covered
    assert count(here, "patrol where verdict <> 'counted' or voided_at is not null") == 0


def test_all_kinds_of_gap_are_there(stored, here):
    scope = accounts.command_scope(here, "329901")
    year = {"first_day": TODAY - dt.timedelta(days=365), "last_day": TODAY - dt.timedelta(days=1)}
    query = Query(**year)
    totals = coverage(here, scope, query).totals
    assert [total.layer for total in totals] == list(Layer)
    # Lanes through a grid show most of what can be walked in it, and a compound is visited at once.
    assert all(0 < total.share < (0.8 if total.layer.is_line else 0.99) for total in totals)
    for kind in GapKind:
        assert {row.place.layer for row in gaps(here, scope, query, kind).rows} == set(Layer)


def test_a_large_river_belongs_to_many_townships_and_a_ditch_to_one_village(stored, here):
    lies = (
        "select p.id from place p join place_area a on a.place_version_id = p.version_id"
        " join area on area.id = a.area_id and area.level = :area where p.layer = 'river'"
        " and p.attributes->>'level' = :level group by p.id having count(*) {}"
    )
    mains = [river for river in stored.rivers if river.level == "县"]
    assert count(here, f"({lies.format('> 3')}) x", area="township", level="县") == len(mains)
    ditches = sum(river.level in ("庄河", "沟塘") for river in stored.rivers)
    inside = sum(count(here, f"({lies.format('= 1')}) x", area="village", level=v) for v in ("庄河", "沟塘"))
    assert inside > 0.97 * ditches


def test_a_chief_answers_for_each_place_at_his_level(stored, here):
    assert count(here, "duty where kind = 'official' and level = 'county'") > 0
    assert count(here, "duty where kind = 'official' and level = 'township' and spans is not null") > 0
    without = "place p where not exists (select 1 from duty where place_id = p.id and kind = 'official')"
    assert count(here, without) < 0.01 * count(here, "place")


def test_who_took_over_points_at_who_was_before(stored, here):
    rows = here.execute(
        text(
            "select d.place_id = b.place_id, lower(d.in_force) = upper(b.in_force) from duty d"
            " join duty b on b.id = d.handed_over_from"
        )
    ).all()
    assert len(rows) == sum(term.after is not None for term in stored.stewards.terms) > 100
    assert all(same and next_day for same, next_day in rows)
