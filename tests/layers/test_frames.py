"""The contract of `layers.cover` and `layers.visit`."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from layers import cover, visit
from layers.crs import choose, to_lonlat, to_metric, unproject
from layers.errors import UnknownCrs

CRS = "EPSG:4549"
ORIGIN = np.array([480_000.0, 3_640_000.0])


def places(*wkt: str, crs: str = CRS, **columns: object) -> gpd.GeoDataFrame:
    geometry = [shapely.transform(shapely.from_wkt(w), lambda xy: xy + ORIGIN) for w in wkt]
    frame = gpd.GeoDataFrame(columns, geometry=geometry, crs=CRS, index=[f"p{i}" for i in range(len(wkt))])
    return frame.to_crs(crs)


def fixes(
    xy: list[tuple[float, float]], track: str = "t", step_s: float = 10.0, **columns: object
) -> pd.DataFrame:
    lonlat = to_lonlat(np.array(xy, float) + ORIGIN, CRS)
    time = pd.Timestamp("2026-05-01 08:00") + pd.to_timedelta(np.arange(len(xy)) * step_s, unit="s")
    return pd.DataFrame({"track": track, "time": time, "lon": lonlat[:, 0], "lat": lonlat[:, 1], **columns})


def walk(*corners: tuple[float, float], step_m: float = 12.0) -> list[tuple[float, float]]:
    line = shapely.linestrings(np.array(corners, float))
    return [line.interpolate(d).coords[0] for d in np.arange(0, line.length, step_m)]


def test_a_walk_along_a_road_covers_it_a_crossing_does_not() -> None:
    roads = places("LINESTRING (0 0, 600 0)", "LINESTRING (300 -200, 300 200)")
    found = cover(roads, fixes(walk((0, 4), (600, 4))))
    assert found.columns.tolist() == ["place", "track", "from_m", "to_m"]
    assert found["place"].tolist() == ["p0"]
    assert found["track"].tolist() == ["t"]
    assert (found["to_m"] - found["from_m"]).iloc[0] == pytest.approx(600, abs=15)
    exact = cover(roads, fixes(walk((0, 4), (600, 4))), method="within")
    assert exact["place"].tolist() == ["p0", "p1"]
    assert exact.iloc[1]["to_m"] - exact.iloc[1]["from_m"] == pytest.approx(40, abs=0.1)


def test_the_lane_beside_is_not_covered_unless_it_is_another_layer() -> None:
    roads = places("LINESTRING (0 0, 600 0)", "LINESTRING (0 15, 600 15)")
    along = fixes(walk((0, 1), (600, 1)))
    assert cover(roads, along)["place"].tolist() == ["p0"]
    assert cover(roads.assign(layer=["road", "river"]), along)["place"].tolist() == ["p0", "p1"]


def test_reach_is_the_argument_else_the_column_else_20_m() -> None:
    river = places("LINESTRING (0 0, 600 0)")
    bank = fixes(walk((0, 40), (600, 40)))
    assert cover(river, bank).empty
    assert len(cover(river.assign(reach_m=[50.0]), bank)) == 1
    assert len(cover(river, bank, reach_m=50.0)) == 1
    assert cover(river.assign(reach_m=[50.0]), bank, reach_m=30.0).empty


def test_tracks_are_apart_unsorted_and_doubled_fixes_do_not_matter() -> None:
    road = places("LINESTRING (0 0, 600 0)")
    one, two = fixes(walk((0, 0), (250, 0)), "a"), fixes(walk((300, 0), (600, 0)), "b")
    mixed = pd.concat([one, two, one]).sample(frac=1, random_state=3)
    found = cover(road, mixed)
    assert found["track"].tolist() == ["a", "b"]
    pd.testing.assert_frame_equal(found, cover(road, pd.concat([one, two])))


def test_an_outage_is_not_joined() -> None:
    road = places("LINESTRING (0 0, 2000 0)")
    gone = pd.concat([fixes(walk((0, 0), (500, 0))), fixes(walk((1500, 0), (2000, 0)))], ignore_index=True)
    gone.loc[len(gone) // 2 :, "time"] += pd.Timedelta(minutes=20)
    for method in ("matched", "within"):
        found = cover(road, gone, method=method)
        assert len(found) == 2
        assert found["to_m"].iloc[0] < 530
        assert found["from_m"].iloc[1] > 1470


def test_a_lone_fix_covers_nothing_matched_and_its_disc_within() -> None:
    road = places("LINESTRING (0 0, 600 0)")
    lone = fixes([(300, 0)])
    assert cover(road, lone).empty
    disc = cover(road, lone, method="within")
    assert (disc["to_m"] - disc["from_m"]).tolist() == pytest.approx([40.0], abs=1e-3)


def test_naive_times_are_utc_and_zones_are_honoured() -> None:
    road = places("LINESTRING (0 0, 600 0)")
    naive = fixes(walk((0, 0), (600, 0)))
    aware = naive.assign(time=naive["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai"))
    pd.testing.assert_frame_equal(cover(road, naive), cover(road, aware))


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:4528"])
def test_any_crs_gives_the_same_metres(crs: str) -> None:
    wkt = "MULTILINESTRING ((0 0, 300 0), (300 100, 300 400))"
    track = fixes(walk((0, 2), (300, 2), (300, 400)))
    here, there = cover(places(wkt), track), cover(places(wkt, crs=crs), track)
    assert there["from_m"].tolist() == pytest.approx(here["from_m"].tolist(), abs=1e-3)
    assert there["to_m"].tolist() == pytest.approx(here["to_m"].tolist(), abs=1e-3)


def test_a_frame_that_spans_zones_chooses_per_place() -> None:
    west = places("LINESTRING (0 0, 600 0)")
    other = choose(114.0, 34.4)
    start = to_metric(np.array([[114.0, 34.4]]), other)[0]
    line = unproject(shapely.linestrings([start, np.add(start, [600, 0])]), other)
    both = pd.concat(
        [west.to_crs("EPSG:4326"), gpd.GeoDataFrame(geometry=[line], crs="EPSG:4326", index=["far"])]
    )
    lonlat = to_lonlat(np.array(walk((0, 0), (600, 0))) + start, other)
    there = fixes(walk((0, 0), (600, 0)), "far walk").assign(lon=lonlat[:, 0], lat=lonlat[:, 1])
    found = cover(both, pd.concat([fixes(walk((0, 0), (600, 0)), "near walk"), there]))
    assert found[["place", "track"]].to_numpy().tolist() == [["p0", "near walk"], ["far", "far walk"]]
    assert (found["to_m"] - found["from_m"]).tolist() == pytest.approx([600, 600], abs=15)


def test_visit_gives_area_share_and_dwell() -> None:
    grids = places(
        "POLYGON ((0 0, 400 0, 400 400, 0 400, 0 0))", "POLYGON ((400 0, 800 0, 800 400, 400 400, 400 0))"
    )
    found = visit(grids, fixes(walk((-100, 205), (400, 205))))
    assert found.columns.tolist() == ["place", "track", "seen_m2", "share", "dwell_s"]
    assert found["place"].iloc[0] == "p0"
    assert found["share"].iloc[0] == pytest.approx(30 * 400 / 160_000, rel=0.2)
    assert found["dwell_s"].iloc[0] == pytest.approx(400 / 1.2, rel=0.05)
    assert visit(grids, fixes(walk((-100, 205), (400, 205))), sight_m=60.0)["share"].iloc[0] > 0.25


def test_empty_in_empty_out_with_columns() -> None:
    road, nothing = places("LINESTRING (0 0, 600 0)"), fixes([(0.0, 0.0)]).iloc[:0]
    for found in (
        cover(road, nothing),
        cover(road.iloc[:0], fixes([(0.0, 0.0)])),
        cover(road.iloc[:0], nothing),
    ):
        assert found.empty
        assert found.columns.tolist() == ["place", "track", "from_m", "to_m"]
    assert visit(road.iloc[:0], nothing).columns.tolist() == ["place", "track", "seen_m2", "share", "dwell_s"]


def test_places_without_geometry_and_tracks_without_a_usable_fix_are_no_error() -> None:
    road = pd.concat(
        [places("LINESTRING (0 0, 600 0)"), gpd.GeoDataFrame(geometry=[None], crs=CRS, index=["none"])]
    )
    bad = fixes(walk((0, 0), (600, 0)), "bad", accuracy_m=900.0)
    found = cover(road, pd.concat([bad, fixes(walk((0, 0), (600, 0)), "good", accuracy_m=5.0)]))
    assert found[["place", "track"]].to_numpy().tolist() == [["p0", "good"]]


def test_no_crs_is_refused() -> None:
    with pytest.raises(UnknownCrs):
        cover(gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)]), fixes([(0.0, 0.0)]))


def test_a_wrong_method_is_refused() -> None:
    with pytest.raises(ValueError, match="matched"):
        cover(places("LINESTRING (0 0, 1 0)"), fixes([(0.0, 0.0)]), method="buffer")  # type: ignore[arg-type]
