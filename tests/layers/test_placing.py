"""Where a map file lies: its coordinate system, its datum, its county."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import CRS

from layers import crs, readers
from layers.errors import OutsideCounty, UnknownCrs
from layers.vocabulary import Datum

from .map_files import (
    COLUMNS,
    LINES,
    OSM_BODY,
    PRJ_4490,
    RIVER,
    ROWS,
    XINGHUA,
    assert_rivers,
    geojson,
    osm,
    read,
    write,
    zipped,
)


def projected(code: str) -> list[shapely.LineString]:
    return [shapely.transform(shape, lambda xy: np.array(_to(code, xy))) for shape in LINES]


def _to(code: str, lonlat: object) -> object:
    return crs.to_metric(np.asarray(lonlat), code)


@pytest.mark.parametrize("code", ["EPSG:4549", "EPSG:4528", "EPSG:3857"])
def test_projected_files_come_back_to_the_millimetre(tmp_path: Path, code: str) -> None:
    assert_rivers(read(write(tmp_path / "b.gpkg", projected(code), COLUMNS, crs=code), county=XINGHUA))
    shapefile = write(tmp_path / "a.shp", projected(code), COLUMNS, crs=code, encoding="GBK")
    assert_rivers(read(zipped(tmp_path / "a.zip", shapefile)))


def test_an_esri_prj_of_2000_is_known(tmp_path: Path) -> None:
    shapefile = write(tmp_path / "a.shp", LINES, COLUMNS, encoding="GBK")
    (tmp_path / "a.prj").write_text(PRJ_4490)
    assert_rivers(read(shapefile))


def test_without_prj_the_question_names_the_likely_answer(tmp_path: Path) -> None:
    degrees = write(tmp_path / "a.shp", LINES, COLUMNS, encoding="GBK")
    with pytest.raises(UnknownCrs, match=r"没有说明坐标系.*像经纬度.*--crs EPSG:4490.*--datum gcj02"):
        read(zipped(tmp_path / "a.zip", degrees, leave_out=[".prj"]))
    assert_rivers(read(tmp_path / "a.zip", crs="EPSG:4490"))
    (tmp_path / "b").mkdir()
    zone = write(tmp_path / "b" / "b.shp", projected("EPSG:4528"), COLUMNS, crs=None, encoding="GBK")
    with pytest.raises(UnknownCrs, match=r"带号 40.*--crs EPSG:4528"):
        read(zone)
    assert_rivers(read(zone, crs="EPSG:4528"))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("EPSG:2364", "Xian 1980"),
        ("EPSG:2416", "Beijing 1954"),
        ('LOCAL_CS["兴化独立坐标系",UNIT["metre",1]]', "地方独立坐标系"),
        ('PROJCS["未命名",GEOGCS["unnamed",DATUM["unknown",SPHEROID["Krassowsky",6378245,298.3]],PRIMEM["Greenwich",0],'
         'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",120],'
         'PARAMETER["scale_factor",1],PARAMETER["false_easting",500000],UNIT["metre",1]]', "没有写明基准面"),
    ],
)  # fmt: skip
def test_a_doubtful_crs_is_not_assumed_in_silence(tmp_path: Path, code: str, why: str) -> None:
    shapefile = write(tmp_path / "a.shp", projected("EPSG:4549"), COLUMNS, crs=None, encoding="GBK")
    prj = shapely_prj(code)
    (tmp_path / "a.prj").write_text(prj, "utf-8")
    with pytest.raises(UnknownCrs, match=r"--crs") as refused:
        read(shapefile)
    assert why in refused.value.detail


def shapely_prj(code: str) -> str:
    return str(CRS.from_user_input(code).to_wkt("WKT1_ESRI")) if code.startswith("EPSG") else code


def test_a_doubtful_crs_that_is_stated_is_taken_and_told(tmp_path: Path) -> None:
    shapefile = write(tmp_path / "a.shp", projected("EPSG:4549"), COLUMNS, crs=None, encoding="GBK")
    found = read(shapefile, crs="EPSG:2385")
    assert len(found) == 2
    assert any("100 米" in note for note in found.notes)


def test_no_crs_at_all(tmp_path: Path) -> None:
    with pytest.raises(UnknownCrs, match="不认识坐标系「EPSG:99」"):
        read(geojson(tmp_path / "a.geojson", ROWS), crs="EPSG:99")


def test_metres_that_pretend_to_be_degrees(tmp_path: Path) -> None:
    rows = [(shape, {"河名": "甲"}) for shape in projected("EPSG:4549")]
    with pytest.raises(UnknownCrs, match=r"算不出经纬度.*三度带.*--crs EPSG:4549"):
        read(geojson(tmp_path / "a.geojson", rows), county=XINGHUA)
    assert len(read(geojson(tmp_path / "a.geojson", rows), crs="EPSG:4549", county=XINGHUA)) == 2


def test_declared_gcj02_comes_back_to_wgs84(tmp_path: Path) -> None:
    shifted = [
        (shapely.transform(shape, lambda xy: crs.from_wgs84(xy, Datum.GCJ02)), {"河道名称": name})
        for shape, name in zip(LINES, ["生产河", "中心河"], strict=True)
    ]
    assert_rivers(read(geojson(tmp_path / "a.geojson", shifted), datum=Datum.GCJ02, county=XINGHUA))


def moved(shape: shapely.LineString, east_deg: float, north_deg: float) -> shapely.LineString:
    return shapely.transform(shape, lambda xy: xy + np.array([east_deg, north_deg]))


def test_a_file_of_another_county_is_asked_about(tmp_path: Path) -> None:
    far = [(moved(RIVER, 2.0, 1.0), {"河名": "甲"})]
    with pytest.raises(OutsideCounty, match=r"落在本县之外.*--crs.*--datum gcj02"):
        read(geojson(tmp_path / "a.geojson", far), county=XINGHUA)
    assert len(read(geojson(tmp_path / "a.geojson", far))) == 1, "without a county nothing is outside"


def swap(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


def test_swapped_coordinates_are_recognised(tmp_path: Path) -> None:
    swapped = [(swap(shape), {"河名": "甲"}) for shape in LINES]
    path = geojson(tmp_path / "a.geojson", swapped)
    with pytest.raises(UnknownCrs, match="写反了"):
        read(path)
    guixi = [(swap(shapely.LineString([(11.2, 48.3), (11.3, 48.4)])), {"name": "a"})]
    with pytest.raises(OutsideCounty, match="写反了"):
        read(geojson(tmp_path / "b.geojson", guixi), county=readers.Box(11.0, 48.0, 11.6, 48.6))


def with_x(shape: shapely.LineString, x: float) -> shapely.LineString:
    """The line with another x at its end, as a damaged file has it."""
    wkb = bytearray(shapely.to_wkb(shape, byte_order=1))
    wkb[25:33] = struct.pack("<d", x)
    with np.errstate(invalid="ignore"):
        return shapely.from_wkb(bytes(wkb))


def test_single_rows_outside_swapped_or_not_finite_are_refused(tmp_path: Path) -> None:
    box = readers.Box(11.0, 48.0, 11.6, 48.6)
    inside = shapely.LineString([(11.2, 48.3), (11.3, 48.4)])
    shapes = [
        inside,
        swap(inside),
        moved(inside, 3.0, 0.0),
        with_x(inside, np.nan),
        with_x(inside, np.inf),
        shapely.LineString([(11.2, 48.3), (911.2, 48.4)]),
    ]
    found = read(write(tmp_path / "a.gpkg", shapes, {"name": list("abcdef")}, crs="EPSG:4326"), county=box)
    assert found.fields["name"] == ["a"]
    assert [error.row for error in found.refused] == [2, 3, 4, 5, 6]
    for error, why in zip(found.refused, ["写反了", "在本县之外", "无穷大", "无穷大", "合理"], strict=True):
        assert why in error.detail


def test_an_extract_that_reaches_beyond_the_county_leaves_that_out(tmp_path: Path) -> None:
    box = readers.Box(119.0, 32.0, 119.7, 33.0)
    more = (
        '<node id="5" lat="32.5" lon="119.5"/><node id="6" lat="32.5" lon="119.6"/>'
        '<way id="30"><nd ref="5"/><nd ref="6"/><tag k="waterway" v="river"/></way>'
    )
    found = read(osm(tmp_path / "a.osm", OSM_BODY + more), county=box)
    assert found.ids == ["way/30"]
    assert found.left_out["在本县之外"] == 3
    assert found.refused == []


def test_heights_are_dropped_and_unclosed_or_empty_shapes_told(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    shapes = [
        {"type": "LineString", "coordinates": [[119.8, 32.9, 5.0], [119.9, 32.9, 6.0]]},
        {"type": "LineString", "coordinates": []},
        None,
    ]
    rows = [{"type": "Feature", "properties": {"name": "a"}, "geometry": shape} for shape in shapes]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    found = read(path)
    assert not found.geometry[0].has_z
    assert list(found.rows) == [1, 2, 3]
    assert all(shape is None or shape.is_empty for shape in found.geometry[1:])
