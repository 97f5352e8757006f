"""`cover(method="within")` lies between two unions of Shapely buffers, in the metric CRS of `crs.choose`."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layers import cover
from layers.crs import choose, project, to_metric
from layers.lines import LineSet
from layers.spans import SpanSet

QUAD_SEGS = 64
SHRUNK = np.cos(np.pi / (4 * QUAD_SEGS))
"""A buffer of 64 segments a quarter lies within r and holds all within r cos(pi/256)."""
TOLERANCE_M = 1e-6


def scene(seed: int, lon: float, lat: float) -> tuple[gpd.GeoDataFrame, pd.DataFrame, float]:
    """Return a few random lines, a walk of 40 fixes with outages among them, and a reach."""
    random = np.random.default_rng(seed)
    degrees = np.array([0.012, 0.010])
    lines = [
        shapely.multilinestrings(
            [shapely.linestrings(random.uniform(0, 1, (random.integers(2, 6), 2)) * degrees + [lon, lat])]
        )
        for _ in range(5)
    ]
    steps = (
        np.cumsum(random.normal(0, 0.0004, (40, 2)), axis=0) + random.uniform(0, 1, 2) * degrees + [lon, lat]
    )
    seconds = np.cumsum(np.where(random.random(40) < 0.1, 300, 30))
    fixes = pd.DataFrame(
        {
            "track": 1,
            "time": pd.Timestamp("2026-05-01") + pd.to_timedelta(seconds, unit="s"),
            "lon": steps[:, 0],
            "lat": steps[:, 1],
        }
    )
    return gpd.GeoDataFrame(geometry=lines, crs="EPSG:4326"), fixes, float(random.uniform(5, 60))


def buffers(fixes: pd.DataFrame, crs: str, reach_m: float) -> shapely.Geometry:
    """Return the union of the buffers of all pieces: of straight steps, and of lone fixes."""
    xy = to_metric(fixes[["lon", "lat"]].to_numpy(), crs)
    joined = fixes["time"].diff().dt.total_seconds().to_numpy()[1:] <= 60
    steps = [shapely.linestrings(xy[[i, i + 1]]) for i in np.flatnonzero(joined)]
    lone = ~np.r_[False, joined] & ~np.r_[joined, False]
    return shapely.union_all(
        shapely.buffer([*steps, *shapely.points(xy[lone])], reach_m, quad_segs=QUAD_SEGS)
    )


def drawn(places: gpd.GeoDataFrame, found: pd.DataFrame, crs: str) -> list[shapely.Geometry]:
    """Return what was covered of each place as a line in metres."""
    lines = LineSet.of(project(places.geometry.to_numpy(), crs))
    spans = SpanSet.of(found["place"], found["from_m"], found["to_m"])
    cut = lines.cut(spans)
    return [shapely.union_all(cut[spans.place == k]) for k in range(len(places))]


def near_origin(shapes: object, places: gpd.GeoDataFrame, crs: str) -> object:
    """Return shapes in metres moved beside the origin: so far out GEOS loses buffers of a micrometre."""
    corner = to_metric(np.array([places.total_bounds[:2]]), crs)
    return shapely.transform(shapes, lambda xy: xy - corner)


@example(3310, (119.83, 32.93))
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([(119.83, 32.93), (117.22, 28.3), (9.93, 53.55), (11.5, 49.9)])
)
@settings(max_examples=60, deadline=None)
def test_cover_lies_between_the_buffers(seed: int, where: tuple[float, float]) -> None:
    places, fixes, reach_m = scene(seed, *where)
    west, south, east, north = places.total_bounds
    crs = choose((west + east) / 2, (south + north) / 2)
    truth = near_origin(buffers(fixes, crs, reach_m), places, crs)
    inner = drawn(places, cover(places, fixes, reach_m=reach_m * SHRUNK, method="within"), crs)
    outer = drawn(places, cover(places, fixes, reach_m=reach_m, method="within"), crs)
    lines, inner, outer = (
        near_origin(shapes, places, crs)
        for shapes in (project(places.geometry.to_numpy(), crs), inner, outer)
    )
    for line, small, large in zip(lines, inner, outer, strict=True):
        inside = shapely.intersection(line, truth)
        assert shapely.difference(small, shapely.buffer(inside, TOLERANCE_M)).length <= TOLERANCE_M
        left = shapely.difference(inside, shapely.buffer(large, TOLERANCE_M))
        assert all(piece.length <= 2 * TOLERANCE_M for piece in shapely.get_parts(left))


def test_lengths_differ_by_at_most_5_cm_a_place() -> None:
    compared = 0
    for seed in range(40):
        places, fixes, reach_m = scene(seed, 119.83, 32.93)
        truth = buffers(fixes, "EPSG:4549", reach_m)
        found = cover(places, fixes, reach_m=reach_m, method="within")
        lengths = (found["to_m"] - found["from_m"]).groupby(found["place"]).sum()
        for k, line in enumerate(project(places.geometry.to_numpy(), "EPSG:4549")):
            expected = shapely.intersection(line, truth).length
            assert lengths.get(k, 0.0) == pytest.approx(expected, abs=0.05)
            compared += expected > 0
    assert compared > 60
