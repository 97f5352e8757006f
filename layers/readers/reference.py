"""Coordinate reference systems: which can be trusted, and what bare numbers look like."""

import re

from pyproj import CRS
from pyproj.exceptions import CRSError
from pyproj.transformer import TransformerGroup

from layers import crs
from layers.errors import UnknownCrs
from layers.features import Box

GOOD_ACCURACY_M = 5.0

_SAME_AS_WGS84 = re.compile(
    r"WGS.?(19)?84|World Geodetic|China.?(Geodetic.*)?2000|CGCS.?2000|ETRS|European Terr|ITRF", re.IGNORECASE
)
_NAMELESS = re.compile(r"unknown|unnamed|not specified", re.IGNORECASE)
ANSWERS = (
    "国家2000、WGS84 经纬度用 --crs EPSG:4490；国家2000 三度带用 --crs EPSG:4549"
    "（中央经线 120°，117° 用 4548，114° 用 4547）；在高德、腾讯、微信地图上描的经纬度用 "
    "--crs EPSG:4490 --datum gcj02，百度的用 --datum bd09"
)


def parsed(code: str) -> CRS:
    """Return a CRS from its EPSG code or WKT; UnknownCrs with the usual answers where it is none."""
    try:
        return CRS.from_user_input(code)
    except CRSError as error:
        raise UnknownCrs(f"不认识坐标系「{code[:80]}」。请用 --crs 说明：{ANSWERS}。") from error


def named(code: str) -> str:
    """Return a CRS's code, or its name where only a WKT is known."""
    return code if len(code) < 20 else str(parsed(code).name)


def is_wgs84_degrees(code: str) -> bool:
    """Tell whether coordinates in a CRS are WGS 84 longitude, latitude as they stand."""
    found = parsed(code)
    return bool(found.is_geographic) and _SAME_AS_WGS84.search(_datum(found)) is not None


def _datum(found: CRS) -> str:
    return str(found.datum.name) if found.datum else "unknown"


def doubt(code: str) -> str | None:
    """Return in Chinese why a CRS cannot be turned into WGS 84 with certainty, None where it can.

    >>> doubt("EPSG:4549"), doubt("EPSG:4326"), doubt("EPSG:25832")
    (None, None, None)
    >>> doubt("EPSG:2364")
    '坐标系「Xian 1980 / 3-degree Gauss-Kruger zone 40」与国家2000之间没有公开的精确转换参数'
    """
    found = parsed(code)
    if not (found.is_geographic or found.is_projected):
        return f"坐标系「{found.name}」是地方独立坐标系，没有公开的转换参数"
    if found.is_bound or _SAME_AS_WGS84.search(_datum(found)):
        return None
    if _NAMELESS.search(_datum(found)):
        return f"坐标系「{found.name}」没有写明基准面"
    best = next(iter(TransformerGroup(found, "EPSG:4326", always_xy=True).transformers), None)
    if best is None or not 0 <= best.accuracy <= GOOD_ACCURACY_M:
        return f"坐标系「{found.name}」与国家2000之间没有公开的精确转换参数"
    return None


def guess(x: float, y: float, county: Box | None = None) -> str:
    """Return in Chinese what a typical coordinate looks like, with the answers to choose from.

    >>> guess(40484476.0, 3645939.0)
    '数值像国家2000 带号 40 的平面坐标：--crs EPSG:4528'
    >>> guess(3645939.0, 484476.0, Box(119.5, 32.6, 120.4, 33.3))
    'X、Y 像是写反了（东坐标应在前）；请对调后再导入，并按国家2000 三度带的平面坐标：--crs EPSG:4549'
    """
    if abs(x) <= 90 < abs(y) <= 180:
        return "经度和纬度像是写反了；请在导出时把经度写在前面，或在 GIS 软件里用「交换 X、Y 坐标」改正"
    if abs(x) <= 180 and abs(y) <= 90:
        return (
            f"数值像经纬度（{x:.3f}， {y:.3f}）：国家2000、WGS84 用 --crs EPSG:4490；"
            "在高德、腾讯、微信地图上描的再加 --datum gcj02，百度的加 --datum bd09"
        )
    plane = _plane(x, county) if _is_northing(y) else None
    if plane:
        return f"数值像{plane}"
    turned = _plane(y, county) if _is_northing(x) else None
    if turned:
        return f"X、Y 像是写反了（东坐标应在前）；请对调后再导入，并按{turned}"
    return f"请用 --crs 说明：{ANSWERS}"


def _is_northing(metres: float) -> bool:
    return 1_500_000 < metres < 6_000_000


def _plane(easting: float, county: Box | None) -> str | None:
    zone = int(easting // 1_000_000)
    if 25 <= zone <= 45:
        return f"国家2000 带号 {zone} 的平面坐标：--crs EPSG:{4513 + zone - 25}"
    if 13 <= zone <= 23:
        return f"国家2000 六度带带号 {zone} 的平面坐标：--crs EPSG:{4491 + zone - 13}"
    if 8 <= zone < 13:
        return "网络墨卡托坐标：--crs EPSG:3857"
    if not 100_000 < easting < 900_000:
        return None
    if county is None:
        return "国家2000 三度带的平面坐标：中央经线 120° 用 --crs EPSG:4549，117° 用 4548，114° 用 4547"
    code = crs.choose((county.west + county.east) / 2, (county.south + county.north) / 2)
    return f"国家2000 三度带的平面坐标：--crs {code}"
