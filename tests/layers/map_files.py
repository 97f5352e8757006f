"""Small map files as offices send them, written for the tests of the readers."""

import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely
from pyogrio import raw
from shapely.geometry.base import BaseGeometry

from layers import crs, readers
from layers.features import Box, Features, Value
from layers.vocabulary import Layer

XINGHUA = Box(119.6, 32.6, 120.3, 33.2)
PRJ_4490 = (
    'GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",'
    'SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)

METRIC = "EPSG:4549"
_ORIGIN = np.array([484476.0, 3645940.0])


def at(*xy_m: tuple[float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Lon, lat of points given in metres from a spot in 兴化."""
    return crs.to_lonlat(np.array(xy_m, dtype=float) + _ORIGIN, METRIC)


def line(*xy_m: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString(at(*xy_m))


def square(x_m: float, y_m: float, side_m: float = 100.0) -> shapely.Polygon:
    a = side_m
    return shapely.Polygon(at((x_m, y_m), (x_m + a, y_m), (x_m + a, y_m + a), (x_m, y_m + a)))


def features(
    geometry: Sequence[BaseGeometry | None],
    *,
    ids: Sequence[str | None] | None = None,
    osm: bool = False,
    **fields: Sequence[Value],
) -> Features:
    """Features as a reader would give them."""
    array = np.empty(len(geometry), dtype=object)
    array[:] = geometry
    return Features(
        file="图层.gpkg",
        geometry=array,
        fields=fields,
        rows=range(1, len(geometry) + 1),
        ids=ids or [None] * len(geometry),
        osm=osm,
    )


def geojson(path: Path, rows: Sequence[tuple[BaseGeometry | None, Mapping[str, object]]]) -> Path:
    found = [
        {
            "type": "Feature",
            "properties": dict(properties),
            "geometry": None if geometry is None else json.loads(shapely.to_geojson(geometry)),
        }
        for geometry, properties in rows
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": found}, ensure_ascii=False), "utf-8")
    return path


def write(
    path: Path,
    geometry: Sequence[BaseGeometry],
    columns: Mapping[str, Sequence[object]],
    *,
    crs: str | None = "EPSG:4490",
    encoding: str | None = None,
    layer: str | None = None,
    append: bool = False,
) -> Path:
    """Write a GeoPackage or a Shapefile with GDAL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw.write(
            path,
            shapely.to_wkb(np.array(geometry, dtype=object)),
            [np.array(values, dtype=object) for values in columns.values()],
            list(columns),
            geometry_type=geometry[0].geom_type,
            crs=crs,
            encoding=encoding,
            layer=layer,
            append=append,
        )
    return path


def zipped(target: Path, shapefile: Path, *, stem: str = "河道", leave_out: Sequence[str] = ()) -> Path:
    """Put a shapefile with its other files into a ZIP, as an office mails it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(shapefile.parent.glob(shapefile.stem + ".*")):
            if part.suffix not in leave_out:
                archive.write(part, f"{stem}{part.suffix}")
    return target


def kml(path: Path, placemarks: str, *, before: str = "") -> Path:
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>{before}'
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>文件</name><Folder>{placemarks}'
        "</Folder></Document></kml>",
        "utf-8",
    )
    return path


def osm(path: Path, body: str, *, before: str = "") -> Path:
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>{before}<osm version="0.6">{body}</osm>', "utf-8")
    return path


RIVER = line((0, 0), (500, 0))
LINES = [RIVER, line((0, 90), (500, 90))]
ROWS = [(LINES[0], {"河道名称": "生产河", "河道编码": "RV1"}), (LINES[1], {"河道名称": "中心河"})]
COLUMNS = {"河道名称": ["生产河", "中心河"], "所属村(社区)": ["水关居委会", None]}


def read(path: Path, layer: Layer | None = Layer.RIVER, **options: object) -> Features:
    return readers.read(path, layer, **options)  # type: ignore[arg-type]


def assert_rivers(found: Features) -> None:
    """Assert that the two lines above came back to the millimetre."""
    assert found.fields["name"] == ["生产河", "中心河"]
    assert list(found.rows) == [1, 2]
    assert all(isinstance(geometry, shapely.MultiLineString) for geometry in found.geometry)
    assert (shapely.hausdorff_distance(found.geometry, np.array(LINES, dtype=object)) < 1e-8).all()
    assert found.refused == []


OSM_BODY = """
 <node id="1" lat="32.90" lon="119.80"/><node id="2" lat="32.90" lon="119.81"/>
 <node id="3" lat="32.91" lon="119.81"/><node id="4" lat="32.91" lon="119.80"/>
 <way id="10"><nd ref="1"/><nd ref="2"/><tag k="waterway" v="canal"/><tag k="name" v="车路河"/></way>
 <way id="11"><nd ref="2"/><nd ref="3"/><nd ref="99"/><nd ref="4"/><nd ref="1"/>
  <tag k="waterway" v="ditch"/></way>
 <way id="12"><nd ref="98"/><nd ref="4"/><tag k="waterway" v="stream"/></way>
 <way id="13"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/><tag k="natural" v="water"/></way>
 <way id="14"><nd ref="1"/><nd ref="3"/></way>
 <way id="15"><nd ref="1"/><nd ref="4"/><tag k="highway" v="residential"/><tag k="name" v="英武路"/></way>
 <way id="16"><nd ref="1"/><nd ref="4"/><tag k="highway" v="footway"/></way>
 <relation id="20"><member type="way" ref="10" role=""/><tag k="type" v="waterway"/>
  <tag k="waterway" v="river"/><tag k="name" v="车路河"/></relation>
 <relation id="21"><member type="way" ref="14" role=""/><tag k="type" v="waterway"/>
  <tag k="waterway" v="river"/><tag k="name" v="卤汀河"/></relation>
 <relation id="22"><member type="way" ref="500" role=""/><tag k="type" v="waterway"/>
  <tag k="waterway" v="river"/><tag k="name" v="外县河"/></relation>
"""
