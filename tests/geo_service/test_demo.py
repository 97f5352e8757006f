"""The demo county: its figures are exact, its land fits together, and it is made only once."""

import datetime as dt
import itertools
import re
from collections import Counter

import numpy as np
import pytest
import shapely

from geo_service.demo import outings
from geo_service.demo.county import DemoCounty, draw
from layers.tracks import clean
from layers.vocabulary import Layer, Level

TODAY = dt.date(2026, 3, 2)


@pytest.fixture(scope="module", params=[1, 2])
def county(request) -> DemoCounty:
    return draw(request.param, today=TODAY)


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
    assert len(county.outings) == 2137
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
    assert len({(o.person, d) for o, d in zip(county.outings, day, strict=True)}) == 2137
    on_duty = {(t.person, t.beat): t.first_day for t in in_force(county)}
    assert all(on_duty[o.person, o.beat] <= d for o, d in zip(county.outings, day, strict=True))


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


def test_the_same_seed_gives_the_same_county_and_another_day_moves_only_the_days():
    one, two, later = draw(5, today=TODAY), draw(5, today=TODAY), draw(5, today=TODAY + dt.timedelta(days=1))
    assert [shapely.to_wkb(r.line) for r in one.rivers] == [shapely.to_wkb(r.line) for r in two.rivers]
    assert one.stewards == two.stewards
    assert one.outings == two.outings
    assert one.stewards.people == later.stewards.people
    assert [r.code for r in one.rivers] == [r.code for r in later.rivers]
    assert draw(6, today=TODAY).stewards.people != one.stewards.people
