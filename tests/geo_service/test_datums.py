"""What a phone says of its datum is held against its walker's places; a lie is found out, mended and told."""

import datetime as dt

import numpy as np
import pytest
from sqlalchemy.orm import Session

from geo_service.patrols.answers import PatrolAnswer
from geo_service.tables import County, Patrol, Person, Place
from layers import crs as crs_
from layers.tracks import Recording
from layers.vocabulary import Datum, Layer, Verdict
from tests.geo_service.conftest import CRS, SmallCounty
from tests.geo_service.test_judging import duty
from tests.geo_service.test_patrol_client import Client, county, phone, scope, walk, walker

__all__ = ["county", "phone", "scope", "walker"]


@pytest.fixture
def own(small_county: SmallCounty, county: County, walker: Person) -> Place:
    """A river of the walker's, away from everything else."""
    place = small_county.place(Layer.RIVER, "横泾河", "LINESTRING (4000 4000, 6000 4000)")
    duty(small_county.db, walker, place)
    return place


RIVERSIDE = walk((4200, 4008), (5400, 4008))


def in_datum(recording: Recording, datum: Datum) -> Recording:
    return Recording(recording.time_s, crs_.from_wgs84(recording.lonlat, datum), recording.accuracy_m)


def sent(phone: Client, recording: Recording, said: Datum) -> PatrolAnswer:
    at = dt.datetime.fromtimestamp(float(recording.time_s[0]), dt.UTC)
    phone.begin(at)
    phone.batch(recording, datum=said)
    return phone.end(1, at)


@pytest.mark.parametrize("said", Datum)
@pytest.mark.parametrize("true", Datum)
def test_a_datum_that_was_said_wrongly_is_found_out(
    phone: Client, own: Place, db: Session, said: Datum, true: Datum
) -> None:
    day_before = Recording(RIVERSIDE.time_s - 86400, RIVERSIDE.lonlat)
    honest = sent(Client(db, phone.scope, phone.walker), day_before, Datum.WGS84)
    answer = sent(phone, in_datum(RIVERSIDE, true), said)
    (there,), (here,) = honest.covered, answer.covered
    np.testing.assert_allclose(np.ravel(here.spans_dm), np.ravel(there.spans_dm), atol=10)
    notes, reasons = answer.notes, [reason.code for reason in answer.reasons]
    if said is true:
        assert (notes, "R_CRS_MIX" in reasons) == ([], False)
    else:
        (note,) = notes
        assert said.zh in note
        assert true.zh in note
        assert "已换算" in note
        assert answer.verdict is Verdict.REVIEW
        assert reasons.count("R_CRS_MIX") == 1
        assert "R_CLOCK" not in reasons


def test_computed_again_it_is_the_same(phone: Client, own: Place, db: Session) -> None:
    moved = in_datum(RIVERSIDE, Datum.GCJ02)
    answer = sent(phone, moved, Datum.WGS84)
    late = phone.batch(in_datum(walk((5400, 4008), (5700, 4008), start=late_start()), Datum.GCJ02))
    assert [line.name for line in late.covered] == ["横泾河"]
    assert late.covered[0].metres > answer.covered[0].metres + 250
    assert late.notes == answer.notes


def late_start() -> dt.datetime:
    return dt.datetime.fromtimestamp(float(RIVERSIDE.time_s[-1]) + 5, dt.UTC)


def test_for_a_place_without_a_duty_it_is_the_place_that_tells(
    small_county: SmallCounty, phone: Client, county: County
) -> None:
    place = small_county.place(Layer.RIVER, "横泾河", "LINESTRING (4000 4000, 6000 4000)")
    phone.begin(place_id=place.id)
    phone.batch(in_datum(RIVERSIDE, Datum.GCJ02))
    assert [line.name for line in phone.end(1).covered] == ["横泾河"]


def test_without_any_place_of_his_it_is_told_and_not_changed(
    small_county: SmallCounty, phone: Client, county: County
) -> None:
    small_county.place(Layer.RIVER, "横泾河", "LINESTRING (4000 4000, 6000 4000)")
    answer = sent(phone, in_datum(RIVERSIDE, Datum.GCJ02), Datum.WGS84)
    assert list(answer.covered) == []
    assert ["没有换算" in note for note in answer.notes] == [True]
    assert "R_CRS_MIX" in [reason.code for reason in answer.reasons]


def test_who_walked_elsewhere_is_not_moved_to_his_own_place(
    small_county: SmallCounty, phone: Client, own: Place
) -> None:
    """Where his own place lies as far off as the shift, a walk along another one is only asked about."""
    shift = crs_.to_metric(in_datum(RIVERSIDE, Datum.GCJ02).lonlat, CRS) - crs_.to_metric(
        RIVERSIDE.lonlat, CRS
    )
    (x, y) = shift.mean(axis=0).round(1)
    small_county.place(Layer.RIVER, "另一条河", f"LINESTRING ({4000 + x} {4000 + y}, {6000 + x} {4000 + y})")
    there = walk((4200 + x, 4008 + y), (5400 + x, 4008 + y))
    answer = sent(phone, there, Datum.WGS84)
    assert [line.name for line in answer.covered] == ["另一条河"]
    assert ["没有换算" in note for note in answer.notes] == [True]
    assert answer.verdict is Verdict.REVIEW


@pytest.mark.parametrize(
    "corners",
    [
        [(4200, 4300), (5400, 4300)],  # beside his river, along nothing
        [(-6000, -6000), (-5000, -6000)],  # far from everything
        [(4200, 4008), (4250, 4008)],  # too short to tell
        [(4200, 4008), (4500, 4008), (4500, 4700)],  # partly along it
    ],
)
def test_what_fits_nowhere_better_is_taken_as_it_was_said(
    phone: Client, own: Place, corners: list[tuple[float, float]]
) -> None:
    answer = sent(phone, walk(*corners), Datum.WGS84)
    assert answer.notes == []


def test_at_a_compound_of_his_it_is_found_out_too(
    small_county: SmallCounty, phone: Client, walker: Person, db: Session
) -> None:
    place = small_county.place(
        Layer.COMPOUND, "时代嘉园", "POLYGON ((8000 8000, 8200 8000, 8200 8200, 8000 8200, 8000 8000))"
    )
    duty(db, walker, place)
    rounds = walk((8020, 8020), (8180, 8020), (8180, 8180), (8020, 8180), (8020, 8020), step_m=4)
    answer = sent(phone, in_datum(rounds, Datum.GCJ02), Datum.WGS84)
    assert ["已换算" in note for note in answer.notes] == [True]
    assert db.get_one(Patrol, phone.patrol_id).cleaning["doubts"] == ["R_CRS_MIX"]
