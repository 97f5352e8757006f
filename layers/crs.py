"""The only door between longitude/latitude and metres, and between the datums that phones send.

Outside everything is WGS 84 longitude, latitude in degrees (CGCS2000 is taken as equal: they differ by less
than a metre). Inside everything is x east, y north in metres of one metric CRS, named by a code that
`choose` gives. Axis order is always lon, lat and x, y.
"""

import re
import threading
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import CRSError

from layers.errors import UnknownCrs
from layers.vocabulary import Datum

Array = NDArray[np.float64]

CHINA = (73.66, 3.86, 135.05, 53.55)
"""West, south, east, north: where GCJ-02 shifts, by the public formula."""

_KRASOVSKY_A_M = 6378245.0
_KRASOVSKY_E2 = 0.00669342162296594323

_local = threading.local()


def choose(lon: float, lat: float) -> str:
    """Return the metric CRS for data around a centre (degrees).

    In China the CGCS2000 3-degree Gauss-Krueger zone, elsewhere a transverse Mercator of its own
    (rounded to a tenth of a degree, so that near centres agree).

    >>> choose(119.834, 32.9385), choose(113.74, 34.396)
    ('EPSG:4549', 'EPSG:4547')
    >>> choose(9.93, 53.55)
    '+proj=tmerc +lat_0=53.5 +lon_0=9.9 +k=1 +x_0=500000 +y_0=0 +datum=WGS84 +units=m +no_defs +type=crs'
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise UnknownCrs(f"坐标 ({lon}, {lat}) 不是经纬度；请用 --crs 说明坐标系。")
    west, south, east, north = CHINA
    if west <= lon <= east and south <= lat <= north:
        return f"EPSG:{4534 + (3 * round(lon / 3) - 75) // 3}"
    return (
        f"+proj=tmerc +lat_0={round(lat, 1):g} +lon_0={round(lon, 1):g} +k=1 +x_0=500000 +y_0=0"
        " +datum=WGS84 +units=m +no_defs +type=crs"
    )


def _transformer(source: str, target: str) -> Transformer:
    # A Transformer belongs to the thread that made it.
    made: dict[tuple[str, str], Transformer] = _local.__dict__.setdefault("made", {})
    if (source, target) not in made:
        try:
            made[source, target] = Transformer.from_crs(source, target, always_xy=True)
        except CRSError as error:
            raise UnknownCrs(f"不认识坐标系「{source}」；请写成 EPSG:4490 这样的编号。") from error
    return made[source, target]


class _ShortSeries(NamedTuple):
    series: Transformer
    lon_0: float
    """Its central meridian, degrees."""


_SHORT_SERIES_DEG = 2.0
"""So near the central meridian PROJ's shorter series of the transverse Mercator agree with the longer ones
to two micrometres (`tests/layers/test_crs.py`), in half the time: most of a track's cost is to project it."""


def _short_series(crs: str) -> _ShortSeries | None:
    """Return the shorter series from WGS 84 degrees to a transverse Mercator; None for any other CRS."""
    made: dict[str, _ShortSeries | None] = _local.__dict__.setdefault("short", {})
    if crs not in made:
        steps = _transformer("EPSG:4326", crs).definition
        found = re.search(r"\+?proj=tmerc .*\blon_0=(-?[\d.]+)", steps)
        made[crs] = found and _ShortSeries(
            Transformer.from_pipeline(steps.replace("proj=tmerc", "proj=tmerc approx")), float(found[1])
        )
    return made[crs]


def to_metric(lonlat: Array, crs: str) -> Array:
    """Return x, y in metres, shape (n, 2), for lon, lat in WGS 84 degrees, shape (n, 2).

    >>> to_metric(np.array([[119.834, 32.9385]]), "EPSG:4549").round(3).tolist()
    [[484476.004, 3645939.68]]
    """
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    exact, short = _transformer("EPSG:4326", crs), _short_series(crs)
    if short is None:
        return np.column_stack(exact.transform(lon, lat))
    xy = np.column_stack(short.series.transform(lon, lat))
    far = ~(np.abs(lon - short.lon_0) <= _SHORT_SERIES_DEG)
    if far.any():
        xy[far] = np.column_stack(exact.transform(lon[far], lat[far]))
    return xy


def to_lonlat(xy: Array, crs: str) -> Array:
    """Return lon, lat in WGS 84 degrees, shape (n, 2), for x, y in any CRS, shape (n, 2)."""
    lon, lat = _transformer(crs, "EPSG:4326").transform(xy[:, 0], xy[:, 1])
    return np.column_stack([lon, lat])


def project(geometries: Any, crs: str) -> Any:
    """Return shapely geometries (array or one, 2-D) in metres, from lon, lat in degrees."""
    return shapely.transform(geometries, lambda lonlat: to_metric(lonlat, crs))


def unproject(geometries: Any, crs: str) -> Any:
    """Return shapely geometries (array or one, 2-D) in lon, lat degrees, from x, y in any CRS."""
    return shapely.transform(geometries, lambda xy: to_lonlat(xy, crs))


def from_wgs84(lonlat: Array, datum: Datum) -> Array:
    """Return lon, lat in `datum`, shape (n, 2), for WGS 84 degrees; unchanged outside China.

    The public formulas for GCJ-02 and BD-09; they differ from the official ones by up to a few metres.

    >>> from_wgs84(np.array([[119.8340, 32.9385]]), Datum.GCJ02).round(7).tolist()
    [[119.8389402, 32.9365623]]
    >>> from_wgs84(np.array([[113.7400, 34.3960]]), Datum.BD09).round(7).tolist()
    [[113.7525594, 34.4009615]]
    """
    if datum is Datum.WGS84:
        return lonlat
    shifted = _gcj02(lonlat)
    return shifted if datum is Datum.GCJ02 else _bd09(shifted)


def to_wgs84(lonlat: Array, datum: Datum) -> Array:
    """Return WGS 84 lon, lat, shape (n, 2), for degrees in `datum`: the inverse by fixed-point iteration.

    >>> to_wgs84(np.array([[119.8389402, 32.9365623]]), Datum.GCJ02).round(6).tolist()
    [[119.834, 32.9385]]
    """
    if datum is Datum.WGS84:
        return lonlat
    guess = lonlat.copy()
    for _ in range(10):
        error = from_wgs84(guess, datum) - lonlat
        guess = guess - error
        if not np.any(np.abs(error) > 1e-11):
            break
    return guess


def _gcj02(lonlat: Array) -> Array:
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    short = (20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)) * 2 / 3
    d_lat = (
        -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + short
        + (20 * np.sin(np.pi * y) + 40 * np.sin(np.pi * y / 3)) * 2 / 3
        + (160 * np.sin(np.pi * y / 12) + 320 * np.sin(np.pi * y / 30)) * 2 / 3
    )  # fmt: skip
    d_lon = (
        300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + short
        + (20 * np.sin(np.pi * x) + 40 * np.sin(np.pi * x / 3)) * 2 / 3
        + (150 * np.sin(np.pi * x / 12) + 300 * np.sin(np.pi * x / 30)) * 2 / 3
    )  # fmt: skip
    radians = np.radians(lat)
    m = 1 - _KRASOVSKY_E2 * np.sin(radians) ** 2
    meridian_m = np.radians(_KRASOVSKY_A_M * (1 - _KRASOVSKY_E2) / (m * np.sqrt(m)))
    parallel_m = np.radians(_KRASOVSKY_A_M / np.sqrt(m) * np.cos(radians))
    west, south, east, north = CHINA
    shifts = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    shift = np.column_stack([d_lon / parallel_m, d_lat / meridian_m])
    return lonlat + np.where(shifts[:, None], shift, 0.0)


def _bd09(gcj02: Array) -> Array:
    lon, lat = gcj02[:, 0], gcj02[:, 1]
    k = np.pi * 3000 / 180
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * k)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * k)
    return np.column_stack([radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006])
