"""How a track stays in an area: entries that jitter does not multiply, dwell that nothing inflates."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service.demo.walks import Motion, Phone, lanes, observed, stroll
from layers.cells import seen_from
from layers.tracks import clean
from layers.visits import BLIND_M, LEFT_M, LONGEST_GAP_S, STAY_S, Fixes, Stays, stays

CRS = "EPSG:4549"
ORIGIN = np.array([480_003.0, 3_640_004.0])
TOWERS = Phone(step_s=5.0, sigma_m=8.0, bias_m=15.0)
STREET = Phone(step_s=5.0, sigma_m=6.0)


def box(width: float, height: float) -> shapely.Geometry:
    return shapely.box(*ORIGIN, *(np.add(ORIGIN, (width, height))))


def fixes(
    xy: list[tuple[float, float]], step_s: float = 5.0, *, time_s: list[float] | None = None,
    accuracy_m: list[float] | float = np.nan,
) -> Fixes:  # fmt: skip
    at = np.arange(len(xy)) * step_s if time_s is None else np.array(time_s)
    piece = np.concatenate([[0], np.cumsum(np.diff(at) > 60)])
    return Fixes.of(
        np.array(xy, float) + ORIGIN, at, piece, np.broadcast_to(accuracy_m, at.shape).astype(float)
    )


def by_phone(motion: Motion, phone: Phone, rng: np.random.Generator) -> Fixes:
    track = clean(observed(motion, phone, rng, crs=CRS), CRS)
    return Fixes.of(track.metric(CRS), track.time_s, track.piece, track.accuracy_m)


def walked(route: list[tuple[float, float]] | np.ndarray, phone: Phone, seed: int) -> Fixes:
    rng = np.random.default_rng(seed)
    return by_phone(stroll(np.array(route, float) + ORIGIN, rng, start_s=1.7e9), phone, rng)


def stood(x: float, y: float, seconds: int, phone: Phone, seed: int) -> Fixes:
    spot = np.tile(np.add(ORIGIN, (x, y)), (seconds, 1))
    return by_phone(Motion(1.7e9 + np.arange(float(seconds)), spot), phone, np.random.default_rng(seed))


def test_dwell_counts_the_time_inside() -> None:
    track = fixes([(-100, 5), (100, 5), (100, 5)], time_s=[0, 50, 100])
    assert stays(track, box(200, 50)).dwell_s == pytest.approx(75, abs=1)
    assert stays(track, shapely.box(*(np.add(ORIGIN, (0, 20))), *(np.add(ORIGIN, (200, 50))))).dwell_s == 0


def naive(xy: list[tuple[float, float]], step_s: float, area: shapely.Geometry) -> tuple[float, int]:
    """Return dwell and entries of a track without outages, fix by fix."""
    points = [shapely.Point(ORIGIN + p) for p in xy]
    inside = [area.contains(p) for p in points]
    groups: list[list[int]] = []
    left = True
    for k, point in enumerate(points):
        if inside[k]:
            if left:
                groups.append([])
            groups[-1].append(k)
            left = False
        elif area.distance(point) > LEFT_M:
            left = True
    dwell, entries = 0.0, 0
    for group in groups:
        seconds = 0.0
        for k in range(len(xy) - 1):
            if k in group and k + 1 in group:
                seconds += step_s
            elif k in group or k + 1 in group:
                count = max(int(np.ceil(points[k].distance(points[k + 1]) / 10)), 1)
                a, b = np.array(points[k].coords[0]), np.array(points[k + 1].coords[0])
                middles = [shapely.Point(a + (i + 0.5) / count * (b - a)) for i in range(count)]
                seconds += step_s * sum(area.contains(m) for m in middles) / count
        if seconds >= STAY_S and any(k + 1 in group for k in group):
            dwell, entries = dwell + seconds, entries + 1
    return dwell, entries


@given(
    st.lists(st.tuples(st.integers(-90, 190), st.integers(-40, 140)), min_size=1, max_size=40),
    st.sampled_from([1.0, 5.0, 20.0, 60.0]),
)
@settings(max_examples=300)
def test_stays_agree_with_a_naive_model(xy: list[tuple[int, int]], step_s: float) -> None:
    # Off the grid, so that no fix lies on the border.
    track = [(x + 0.31, y + 0.17) for x, y in xy]
    found = stays(fixes(track, step_s), box(100, 100))
    dwell, entries = naive(track, step_s, box(100, 100))
    assert found.dwell_s == pytest.approx(dwell, abs=1e-6)
    assert found.entered_s.size == entries
    assert 0 <= found.dwell_s <= step_s * (len(xy) - 1) + 1e-6
    assert (found.dwell_s > 0) == (entries > 0)
    middle = step_s * len(xy) / 2
    (before, came), (after, then) = found.between(-1, middle), found.between(middle, 1e9)
    assert before + after == pytest.approx(found.dwell_s)
    assert came + then == entries


@pytest.mark.parametrize("step_s", [1.0, 5.0, 30.0])
def test_one_fix_that_leaps_into_an_area_was_not_there(step_s: float) -> None:
    street = [(-30.0, float(y)) for y in range(0, 600, 6)]
    street[50] = (60.0, 300.0)
    found = stays(fixes(street, step_s), box(150, 600))
    assert (found.dwell_s, found.entered_s.size, found.is_visit) == (0.0, 0, False)


@pytest.mark.parametrize(
    ("gap_s", "ends", "counted_s"),
    [
        (LONGEST_GAP_S - 1, (50.0, 60.0), LONGEST_GAP_S - 1),
        (LONGEST_GAP_S + 1, (50.0, 60.0), 0.0),
        (120.0, (50.0, -500.0), 0.0),
    ],
)
def test_an_outage_was_spent_inside_only_if_both_its_ends_are_and_it_is_short(
    gap_s: float, ends: tuple[float, float], counted_s: float
) -> None:
    before, after = [0.0, 30.0, 60.0], [60.0 + gap_s, 90.0 + gap_s]
    track = fixes([(ends[0], 50.0)] * 3 + [(ends[1], 50.0)] * 2, time_s=[*before, *after])
    inside_s = 60.0 + (30.0 if ends[1] > 0 else 0.0) + counted_s
    assert stays(track, box(100, 100)).dwell_s == pytest.approx(inside_s)
    assert stays(track, box(100, 100)).entered_s.size == 1


def test_coming_back_is_an_entry_only_for_who_left() -> None:
    def there_and_back(out_m: float) -> Stays:
        return stays(fixes([(50.0, 50.0)] * 8 + [(-out_m, 50.0)] * 8 + [(50.0, 50.0)] * 8), box(100, 100))

    assert there_and_back(LEFT_M - 1).entered_s.size == 1
    assert there_and_back(LEFT_M + 1).entered_s.size == 2
    doubtful = fixes([(50, 50)] * 8 + [(-LEFT_M - 1, 50)] * 8 + [(50, 50)] * 8, accuracy_m=LEFT_M)
    assert stays(doubtful, box(100, 100)).entered_s.size == 1


@pytest.mark.parametrize("phone", [STREET, TOWERS], ids=["street", "towers"])
def test_a_walk_along_a_border_does_not_enter_at_every_wobble(phone: Phone) -> None:
    area = box(2000, 500)
    entries = [stays(walked([(0, 0), (2000, 0)], phone, seed), area).entered_s.size for seed in range(10)]
    assert max(entries) <= 3
    assert np.mean(entries) <= 1.5


def test_who_walks_round_a_compound_outside_its_wall_did_not_visit_it() -> None:
    round_it = [(-10, -10), (160, -10), (160, 160), (-10, 160), (-10, -10)]
    street = [stays(walked(round_it, STREET, seed), box(150, 150)).is_visit for seed in range(20)]
    assert not any(street)
    # Under towers the track leans in for minutes: hardly ever deep and long enough.
    towers = [stays(walked(round_it, TOWERS, seed), box(150, 150)).is_visit for seed in range(20)]
    assert sum(towers) <= 2


@pytest.mark.parametrize("width", [100, 150, 200])
def test_a_walk_through_the_yards_under_towers_is_one_visit(width: int) -> None:
    yards = lanes(shapely.box(0, 0, width, width), spacing_m=30.0)
    route = np.vstack([[[-60, 10]], yards, [[-60, 10]]])
    found = [stays(walked(route, TOWERS, seed), box(width, width)) for seed in range(20)]
    assert sum(stay.is_visit for stay in found) >= 19
    assert np.median([stay.entered_s.size for stay in found]) == 1
    # The way inside at 1.0 to 1.35 m/s, with pauses.
    inside_m = shapely.length(shapely.linestrings(yards))
    assert 0.7 <= np.median([stay.dwell_s for stay in found]) / (inside_m / 1.17) <= 1.2


def test_who_stands_at_the_gate_for_forty_minutes_was_there_once() -> None:
    found = [stays(stood(75, 1, 2400, STREET, seed), box(150, 150)) for seed in range(20)]
    assert all(stay.is_visit for stay in found)
    assert np.mean([stay.entered_s.size for stay in found]) <= 1.3
    assert all(stay.dwell_s <= 2400 for stay in found)
    across = [stays(stood(75, -25, 2400, STREET, seed), box(150, 150)) for seed in range(20)]
    assert not any(stay.is_visit for stay in across)


def test_poor_fixes_have_to_be_deeper_inside() -> None:
    edge = [(12.0, 100.0)] * 20
    assert stays(fixes(edge, accuracy_m=5.0), box(200, 200)).is_visit
    assert not stays(fixes(edge, accuracy_m=30.0), box(200, 200)).is_visit
    assert stays(fixes([(100.0, 100.0)] * 20, accuracy_m=30.0), box(200, 200)).is_visit


def test_blind_fixes_see_nothing_and_are_bridged_by_those_around_them() -> None:
    way = [(float(x), 50.0) for x in range(0, 300, 6)]
    clear = fixes(way, accuracy_m=8.0)
    assert len(seen_from(fixes(way, accuracy_m=BLIND_M + 1).sight(), 15.0)) == 0
    assert stays(fixes(way, accuracy_m=BLIND_M + 1), box(300, 100)).dwell_s == 0
    some = np.full(len(way), 8.0)
    some[20:24] = BLIND_M + 1
    astray = [(x, 400.0) if 20 <= k < 24 else (x, y) for k, (x, y) in enumerate(way)]
    seen = seen_from(fixes(astray, accuracy_m=list(some)).sight(), 15.0)
    assert len(seen - seen_from(clear.sight(), 15.0)) == 0
    assert len(seen) >= 0.95 * len(seen_from(clear.sight(), 15.0))
    some[20:40] = BLIND_M + 1  # longer than an outage is: not bridged
    assert len(seen_from(fixes(way, accuracy_m=list(some)).sight(), 15.0)) < 0.8 * len(seen)


def test_who_only_stands_sees_where_he_stands() -> None:
    assert len(seen_from(fixes([(50.0, 50.0)] * 30).sight(), 15.0)) >= 4
    assert len(seen_from(fixes([(50.0, 50.0)]).sight(), 15.0)) == 0
