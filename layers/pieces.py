"""Pieces: what of a feature's geometry can be a line or an area, repaired only where that is safe.

All geometry is lon, lat in degrees, 2-D. Nested collections are taken apart; nothing is guessed.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiLineString, MultiPolygon
from shapely.geometry.base import BaseGeometry

from layers.features import Refusal

SHORTEST_DEG = 1e-6
"""Some 0.1 m: a shorter line cannot be measured."""
SMALLEST_DEG2 = 1e-10
"""Some 1 m2."""
SAFE_CHANGE = 0.01
"""A repair may change an area by this share; more means that the outline itself is wrong."""

_POINTS = frozenset([0, 4])
_LINES = frozenset([1, 2, 5])
_AREAS = frozenset([3, 6])
_WORDS = {**dict.fromkeys(_POINTS, "点"), **dict.fromkeys(_LINES, "线"), **dict.fromkeys(_AREAS, "面")}
"""By shapely's geometry type numbers."""


class Piece(NamedTuple):
    """A MultiLineString or MultiPolygon to take, and in Chinese what was repaired."""

    geometry: BaseGeometry
    repair: str | None = None


def line(geometry: BaseGeometry | None, subject: str) -> Piece:
    """Return a geometry as MultiLineString; Refusal where it is none.

    `subject` names what belongs here (河道).
    """
    if (
        isinstance(geometry, MultiLineString)
        and min(shapely.length(geometry.geoms), default=0) > SHORTEST_DEG
    ):
        return Piece(geometry)
    parts = _simple(geometry)
    kinds = _kinds(parts)
    if kinds != {"线"}:
        cure = f"{subject}要用中心线图层，请换文件，或在 GIS 软件里改成线后再导入"
        raise Refusal(f"这里要线，图形却是{'和'.join(sorted(kinds))}；{cure}")
    strings = shapely.get_parts(parts)
    real = strings[shapely.length(strings) > 0]
    if shapely.length(real).sum() < SHORTEST_DEG:
        raise Refusal("线的长度不到 0.1 米；请重画或删除这一行")
    dropped = len(strings) - len(real)
    repair = f"去掉了 {dropped} 段长度为零的线" if dropped else None
    return Piece(shapely.multilinestrings(real), repair)


def area(geometry: BaseGeometry | None, subject: str) -> Piece:
    """Return a geometry as valid MultiPolygon; Refusal where it is none or no safe repair is known."""
    parts = _simple(geometry)
    kinds = _kinds(parts)
    if kinds != {"面"}:
        cure = f"{subject}要用面图层，请换文件，或在 GIS 软件里把边界线转成面后再导入"
        raise Refusal(f"这里要面，图形却是{'和'.join(sorted(kinds))}；{cure}")
    whole = len(parts) == 1 and isinstance(parts[0], MultiPolygon)
    outline = parts[0] if whole else MultiPolygon(list(shapely.get_parts(parts)))
    outline, repair = (outline, None) if outline.is_valid else _repaired(outline)
    if outline.area < SMALLEST_DEG2:
        raise Refusal("面积不到 1 平方米；请重画或删除这一行")
    return Piece(outline, repair)


def _simple(geometry: BaseGeometry | None) -> NDArray[np.object_]:
    """Return the geometries without their collections, at any depth; Refusal for nothing at all."""
    parts = np.array([] if geometry is None else [geometry], dtype=object)
    while np.any(shapely.get_type_id(parts) == shapely.GeometryType.GEOMETRYCOLLECTION):
        parts = np.concatenate(
            [shapely.get_parts(p) if p.geom_type == "GeometryCollection" else [p] for p in parts]
        )
    there: NDArray[np.object_] = parts[~shapely.is_empty(parts)]
    if len(there) == 0:
        raise Refusal("没有图形；请补画或删除这一行")
    return there


def _kinds(parts: NDArray[np.object_]) -> set[str]:
    return {_WORDS.get(int(kind), "曲线或曲面") for kind in shapely.get_type_id(parts)}


def _repaired(outline: MultiPolygon) -> tuple[MultiPolygon, str]:
    whole = shapely.make_valid(outline)
    polygons = [p for p in shapely.get_parts(_simple(whole)) if p.geom_type == "Polygon"]
    repaired = MultiPolygon(polygons)
    # The area of a ring that crosses itself is that of its loops taken with opposite signs: a bow-tie, whose
    # outline means nothing, changes; a spike or a doubled point does not.
    drawn = float(abs(outline.area))
    if not polygons or not repaired.is_valid or abs(repaired.area - drawn) > SAFE_CHANGE * repaired.area:
        raise Refusal("边界自相交，修复会改变面积；请在 GIS 软件里改好边界后再导入")
    return repaired, "边界自相交，已修复（面积变化不到 1%）"


def fingerprints(geometries: NDArray[np.object_]) -> list[str]:
    """Return a hash of each geometry to the centimetre (1e-7 degrees), the same in either direction."""
    snapped = shapely.set_precision(geometries, 1e-7, mode="pointwise")
    wkb = shapely.to_wkb(shapely.normalize(snapped))
    return [hashlib.blake2b(each, digest_size=8).hexdigest() for each in wkb]
