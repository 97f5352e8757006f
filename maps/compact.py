"""Compact GeoJSON that fits a budget of bytes: rounded, and simplified only as far as needed."""

import math
from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from layers.errors import YinxunError

DECIMALS = 6
"""Of a degree: about 0.1 m."""

TOLERANCES_M = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)

_BYTES_PER_VERTEX = 20
"""Of a coordinate pair in GeoJSON, a little less than usual: saves writing what cannot fit."""

_METRES_PER_DEGREE = math.pi * 6_371_008.8 / 180


class MapTooLarge(YinxunError):
    """A map cannot be made small enough to send."""

    code = "map_too_large"
    title = "The map does not fit its size limit even when simplified."


def encode(geometries: Sequence[BaseGeometry]) -> list[str]:
    """Return each geometry (lon, lat) as GeoJSON text, 2-D, rounded to six decimals.

    >>> encode([shapely.Point(119.8400000004, 32.93)])
    ['{"type":"Point","coordinates":[119.84,32.93]}']
    """
    shapes = np.asarray(geometries, dtype=object)
    flat = shapely.force_2d(shapes)
    rounded = shapely.transform(flat, lambda lonlat: np.round(lonlat, DECIMALS))
    return [str(text) for text in shapely.to_geojson(rounded)]


def positions(points: Sequence[BaseGeometry]) -> list[list[float]]:
    """Return lon, lat of points, rounded to six decimals."""
    rounded: list[list[float]] = np.round(shapely.get_coordinates(points), DECIMALS).tolist()
    return rounded


def simplify(geometries: Sequence[BaseGeometry], tolerance_m: float) -> list[BaseGeometry]:
    """Return the geometries (lon, lat) moved by at most about `tolerance_m`; ends and rings stay.

    Degrees of longitude are shortened by the cosine of the mean latitude, so that the tolerance is the same
    in both directions; good enough for a drawing of a county.
    """
    shapes = np.asarray(geometries, dtype=object)
    if tolerance_m <= 0 or len(shapes) == 0:
        return list(shapes)
    _, south, _, north = shapely.total_bounds(shapes)
    scale = np.array([max(math.cos(math.radians((south + north) / 2)), 0.01), 1.0])
    even = shapely.transform(shapely.force_2d(shapes), lambda lonlat: lonlat * scale)
    fewer = shapely.simplify(even, tolerance_m / _METRES_PER_DEGREE)
    return list(shapely.transform(fewer, lambda xy: xy / scale))


def fit(geometries: Sequence[BaseGeometry], budget_bytes: int) -> tuple[list[str], float]:
    """Return the geometries as GeoJSON texts of at most `budget_bytes` together, and the tolerance in metres.

    The tolerance grows from 0 until they fit. Raise MapTooLarge if they never do.
    """
    for tolerance_m in TOLERANCES_M:
        fewer = simplify(geometries, tolerance_m)
        if shapely.get_num_coordinates(fewer).sum() * _BYTES_PER_VERTEX > budget_bytes:
            continue
        texts = encode(fewer)
        if sum(map(len, texts)) <= budget_bytes:
            return texts, tolerance_m
    raise MapTooLarge("地图内容太多，简化后仍超过可发送的大小。请选定一个乡镇或只选一类图层，再生成地图。")
