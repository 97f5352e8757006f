"""Which part of a place a duty is for: stretches of a line, cells of an area, or all of it (None)."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely

from geo_service.people.drafts import Part, Spans
from geo_service.people.lookup import Ground, Unclear
from layers import crs as crs_
from layers.cells import AreaCells, CellSet
from layers.spans import SpanSet

ROUNDED_DM = 10
"""A stretch may end this much behind the end of the place: lists round lengths to the metre."""
_MAX_TEXT = 200_000
"""Characters of a polygon in text."""


def spans_of(place: Ground, stretches_m: Sequence[tuple[float, float]]) -> Spans | None:
    """Return stretches in metres as spans in decimetres, None for the whole. Raises Unclear.

    >>> from layers.vocabulary import Layer
    >>> river = Ground(1, Layer.RIVER, "R1", "东河", 1, length_dm=12_000)
    >>> spans_of(river, [(0, 500), (400, 800.04)]), spans_of(river, [(0, 1200)])
    (((0, 8000),), None)
    """
    if not place.layer.is_line:
        raise Unclear(f"{place.label}是{place.layer.zh}，没有起止米；请写负责范围（村名或图形）")
    if place.length_dm is None:
        raise Unclear(f"{place.label}还没有上图，量不出起止米；请先导入图形，或写整条")
    for start, stop in stretches_m:
        if stop <= start:
            raise Unclear(f"{start:g}-{stop:g} 的止点不在起点之后，请核对")
        if round(stop * 10) > place.length_dm + ROUNDED_DM:
            raise Unclear(f"{start:g}-{stop:g} 超出{place.label}，它全长 {place.length_dm / 10:g} 米")
    metres = np.array(stretches_m, float).reshape(-1, 2)
    limited = np.minimum(np.rint(metres * 10), place.length_dm)
    joined = SpanSet.of(np.zeros(len(limited)), limited[:, 0], limited[:, 1])
    if len(joined) == 0:
        raise Unclear(f"写明的段在{place.label}的末端之外，它全长 {place.length_dm / 10:g} 米")
    return whole_or(place, tuple((int(a), int(b)) for a, b in joined.of_place(0)))


def whole_or(place: Ground, spans: Spans) -> Spans | None:
    """Return None for the spans of a whole line, else the spans."""
    return None if spans == ((0, place.length_dm),) else spans


def cells_of(place: Ground, outline: Any, inside: CellSet, part: Any, crs: str) -> CellSet | None:
    """Return the cells of an area place that lie in a part of it, None for all. Raises Unclear.

    `outline` is the place's polygon and `part` any polygon, in lon, lat; `inside` are its cells in `crs`.
    """
    shared = shapely.get_parts(shapely.intersection(part, outline))
    shared = shapely.union_all(shared[shapely.get_dimensions(shared) == 2])
    if shared.is_empty:
        raise Unclear(f"负责范围和{place.label}不相交；图形要用 WGS 84 的 经度 纬度")
    cells = AreaCells.of(crs_.project(shared, crs)).inside & inside
    return None if len(cells) == len(inside) else cells


def polygon(text: str) -> Any:
    """Return the (Multi)Polygon of a WKT text in lon, lat. Raises Unclear."""
    try:
        found = shapely.from_wkt(text[: _MAX_TEXT + 1]) if len(text) <= _MAX_TEXT else None
    except shapely.errors.GEOSException:
        found = None
    if found is None or found.geom_type not in ("Polygon", "MultiPolygon") or found.is_empty:
        raise Unclear("负责范围不是多边形；请写村名、村编码，或 POLYGON((经度 纬度, …))")
    west, south, east, north = found.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise Unclear("负责范围的坐标不是 经度 纬度（度）")
    if not found.is_valid:
        raise Unclear(f"负责范围的多边形自相交（{shapely.is_valid_reason(found)}），请改正")
    return found


def overlap(one: Part, other: Part) -> bool:
    """Tell whether two parts of the same place have something in common; None is all of it.

    >>> overlap(((0, 10),), ((10, 20),)), overlap(((0, 10), (30, 40)), ((35, 50),)), overlap(None, ((0, 1),))
    (False, True, True)
    """
    if one is None or other is None:
        return True
    if isinstance(one, CellSet) or isinstance(other, CellSet):
        return not (isinstance(one, CellSet) and isinstance(other, CellSet)) or len(one & other) > 0
    return any(a < d and c < b for a, b in one for c, d in other)


def equal(one: Part, other: Part) -> bool:
    """Tell whether two parts of the same place are the same."""
    if isinstance(one, CellSet) and isinstance(other, CellSet):
        return one.to_bits() == other.to_bits()
    return not isinstance(one, CellSet) and not isinstance(other, CellSet) and one == other


def in_words(part: Part) -> str:
    """Return a part as people read it.

    >>> in_words(((0, 5005), (9000, 12000))), in_words(None)
    ('0–500.5、900–1200 米', '全部')
    """
    if part is None:
        return "全部"
    if isinstance(part, CellSet):
        return "部分范围"
    return f"{'、'.join(f'{a / 10:g}–{b / 10:g}' for a, b in part)} 米"


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Return any spans sorted and united."""
    pairs = np.array(list(spans), float).reshape(-1, 2)
    united = SpanSet.of(np.zeros(len(pairs)), pairs[:, 0], pairs[:, 1])
    return tuple((int(a), int(b)) for a, b in united.of_place(0))


def stored_as(part: Part) -> Any:
    """Return a part as the keyword arguments `spans` and `cells` of a draft."""
    return {"spans": None, "cells": part} if isinstance(part, CellSet) else {"spans": part, "cells": None}
