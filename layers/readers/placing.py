"""Where a file's coordinates are: from its CRS and datum to WGS 84, and whether that can be true.

Nothing is assumed in silence. A file without CRS, with one whose relation to WGS 84 nobody published
(Xian 80, Beijing 54, a town's own), or one that lands outside the county is refused with the question and its
answers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers import crs
from layers.errors import OutsideCounty, UnknownCrs
from layers.features import Box
from layers.readers import reference
from layers.readers.table import Table
from layers.vocabulary import Datum

MARGIN_DEG = 0.02
"""Some 2 km: what lies this near to the county's box is not outside."""

_AT_ONCE = 1000
_SAMPLE = 100_000

Coordinates = NDArray[np.float64]


@dataclass(frozen=True)
class Statement:
    """What the user says of the coordinates; no CRS: as the file says."""

    crs: str | None = None
    datum: Datum = Datum.WGS84


@dataclass
class Placed:
    """Geometry in WGS 84 lon, lat; by position the rows that cannot be right; what the user should know."""

    geometry: NDArray[np.object_]
    damaged: dict[int, str] = field(default_factory=dict)
    outside: list[int] = field(default_factory=list)
    """Positions of rows that lie outside the county."""
    notes: list[str] = field(default_factory=list)

    def blank(self, positions: list[int], reason: str) -> None:
        """Take the geometry from rows that cannot be right."""
        for position in positions:
            self.damaged[position] = reason
            self.geometry[position] = None


def place(table: Table, said: Statement, county: Box | None, file: str) -> Placed:
    """Return the table's geometry in WGS 84 lon, lat; the table's own array is used up for it.

    Raises UnknownCrs where the CRS is not stated, is a doubtful one, or gives no longitudes and latitudes,
    and OutsideCounty where nothing of the file lies in the county.
    """
    placed = Placed(table.geometry)
    placed.blank(_where(placed.geometry, _not_finite), "坐标里有空值或无穷大；请重画这一行")
    if shapely.is_missing(placed.geometry).all():
        return placed
    typical = _typical(placed.geometry)
    source = _source(table, said, reference.guess(*typical, county), file, placed.notes)
    if not reference.is_wgs84_degrees(source):
        _change(placed.geometry, lambda lot: crs.unproject(lot, source))
    impossible = _where(placed.geometry, _impossible)
    if len(impossible) == np.count_nonzero(~shapely.is_missing(placed.geometry)):
        what = reference.guess(*typical, county)
        raise UnknownCrs(f"{file} 的坐标按「{reference.named(source)}」算不出经纬度。{what}。")
    placed.blank(impossible, "坐标不是合理的经纬度；请重画这一行，或核对坐标系")
    if said.datum is not Datum.WGS84:
        _change(placed.geometry, lambda lot: shapely.transform(lot, lambda xy: crs.to_wgs84(xy, said.datum)))
        placed.notes.append(f"坐标按 {said.datum.zh} 改正到 WGS 84。")
    if county is not None:
        _check_county(placed, county, source, file)
    return placed


def _source(table: Table, said: Statement, guess: str, file: str, notes: list[str]) -> str:
    """Return the CRS to read by, and add notes; UnknownCrs with the question where there is none to trust."""
    if table.osm:
        if said.crs is not None:
            notes.append("OSM 文件总是 WGS 84，--crs 没有采用。")
        return "EPSG:4326"
    if said.crs is not None:
        doubt = reference.doubt(said.crs)
        if doubt:
            notes.append(f"注意：{doubt}，位置可能差 100 米上下。")
        if table.crs and not reference.parsed(table.crs).equals(reference.parsed(said.crs), True):
            notes.append(f"坐标按 --crs {said.crs} 读，没有用文件里写的坐标系。")
        return said.crs
    if table.crs is None:
        raise UnknownCrs(f"{file} 没有说明坐标系（缺 .prj 等）。{guess}。")
    doubt = reference.doubt(table.crs)
    if doubt:
        cure = "请先转换成国家2000再导入，或用 --crs 说明按哪个坐标系读"
        raise UnknownCrs(f"{file}：{doubt}；{cure}。{guess}。")
    return table.crs


def _change(geometry: NDArray[np.object_], change: Callable[[NDArray[np.object_]], Any]) -> None:
    # In place and in lots: old and new geometry of a large file would not fit side by side.
    for start in range(0, len(geometry), _AT_ONCE):
        geometry[start : start + _AT_ONCE] = change(geometry[start : start + _AT_ONCE])


def _typical(geometry: NDArray[np.object_]) -> tuple[float, float]:
    """Return the middle of all coordinates; a few wrong ones do not move it."""
    xy = shapely.get_coordinates(geometry)
    x, y = np.median(xy[:: 1 + len(xy) // _SAMPLE], axis=0)
    return float(x), float(y)


def _where(geometry: NDArray[np.object_], bad: Callable[[Coordinates], NDArray[np.bool_]]) -> list[int]:
    """Return the positions of geometries with a bad coordinate."""
    xy, index = shapely.get_coordinates(geometry, return_index=True)
    return [int(position) for position in np.unique(index[bad(xy)])]


def _not_finite(xy: Coordinates) -> NDArray[np.bool_]:
    return np.asarray(~np.isfinite(xy).all(axis=1))


def _impossible(lonlat: Coordinates) -> NDArray[np.bool_]:
    return np.asarray(~((np.abs(lonlat[:, 0]) <= 180) & (np.abs(lonlat[:, 1]) <= 90)))


def _check_county(placed: Placed, county: Box, source: str, file: str) -> None:
    """Find the rows outside the county; OutsideCounty where all are."""
    west, south, east, north = shapely.bounds(placed.geometry).T
    there = ~np.isnan(west)
    inside = there & _meets(county, west, south, east, north)
    swapped = there & ~inside & _meets(county, south, west, north, east)
    if there.any() and not inside.any():
        raise OutsideCounty(_all_outside(placed, source, file, swapped=bool(swapped.any())))
    placed.blank(np.flatnonzero(swapped).tolist(), "经度和纬度像是写反了（对调后落在本县）；请对调后再导入")
    placed.outside = np.flatnonzero(there & ~inside & ~swapped).tolist()


def _all_outside(placed: Placed, source: str, file: str, *, swapped: bool) -> str:
    if swapped:
        return (
            f"{file} 的经度和纬度像是写反了（对调后落在本县）；请在导出时把经度写在前面，"
            "或在 GIS 软件里用「交换 X、Y 坐标」改正后再导入。"
        )
    west, south, east, north = shapely.total_bounds(placed.geometry)
    return (
        f"{file} 的坐标按「{reference.named(source)}」落在本县之外"
        f"（经度 {west:.3f}～{east:.3f}，纬度 {south:.3f}～{north:.3f}）。"
        f"请核对是不是外县的文件；如果是坐标系不对：{reference.ANSWERS}。"
    )


def _meets(
    county: Box, west: Coordinates, south: Coordinates, east: Coordinates, north: Coordinates
) -> NDArray[np.bool_]:
    return np.asarray(
        (west <= county.east + MARGIN_DEG)
        & (east >= county.west - MARGIN_DEG)
        & (south <= county.north + MARGIN_DEG)
        & (north >= county.south - MARGIN_DEG)
    )
