"""Whether a file's features lie in the county, and the county's box where the first file gives it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString

from geo_service.places.lists import chosen
from layers.drafts import Question
from layers.errors import BadRow, OutsideCounty
from layers.features import Box, Features

EXTENT = "extent"
"""Id of the question about the county's box."""
YES = "yes"
LEFT_OUT = "在县境之外"

_MARGIN_SHARE = 0.1
_MARGIN_DEG = 0.02
"""Rivers and roads go on beyond the border: a tenth of the box, at least about 2 km."""


def box_of(features: Features) -> Box | None:
    """Return the box around all features with some room, None where nothing is drawn."""
    drawn = _drawn(features)
    return _with_margin(Box(*shapely.total_bounds(drawn).tolist())) if len(drawn) else None


def question(box: Box, county: str, answers: Mapping[str, str]) -> Question:
    """Return the question whether the first file's box is the county's."""
    answer = answers.get(EXTENT)
    text = ",".join(f"{side:.4f}" for side in box)
    return Question(
        id=EXTENT,
        text=f"{county}还没有范围。按这个文件取 西,南,东,北 = {text},对吗?"
        f"不对的话,请用 areas --bounds 西,南,东,北 给出范围",
        answers={YES: "对,用这个范围"},
        rows=(),
        distance_m=0.0,
        where=LineString(),
        answer=YES if answer in (YES, "是", "对") else None,
    )


def within(features: Features, county: Box) -> tuple[Features, list[BadRow]]:
    """Return the features that meet the county's box, and the refusals of the others.

    Of an OpenStreetMap file what lies elsewhere is left out and counted. Raises OutsideCounty where most of
    the features lie elsewhere, for then the coordinate system is wrong and not the feature.
    """
    around = shapely.box(*_with_margin(county))
    drawn = np.array([g is not None and not g.is_empty for g in features.geometry], dtype=bool)
    outside = drawn & ~shapely.intersects(features.geometry, around)
    count = int(outside.sum())
    if not count:
        return features, []
    few = not features.osm and count * 2 > int(drawn.sum())
    if few or count == int(drawn.sum()):
        raise OutsideCounty(_where(features, count, int(drawn.sum()), county, around))
    kept = chosen(features, ~outside)
    if features.osm:
        return replace(kept, left_out={**features.left_out, LEFT_OUT: count}), []
    why = "图形在县境之外;请检查坐标,或去掉这一行"
    return kept, [features.refuse(k, why) for k in np.flatnonzero(outside).tolist()]


def _where(features: Features, count: int, of: int, county: Box, around: shapely.Polygon) -> str:
    drawn = _drawn(features)
    lies = ",".join(f"{side:.3f}" for side in shapely.total_bounds(drawn))
    ours = ",".join(f"{side:.3f}" for side in county)
    turned = shapely.transform(drawn, lambda lonlat: lonlat[:, ::-1])
    cure = "请用 --crs 或 --datum 说明坐标系,或核对是不是别的县的文件"
    if shapely.intersects(turned, around).sum() * 2 > len(drawn):
        cure = "经度和纬度像是写反了,请把两列对调后再导入"
    return (
        f"「{features.file}」的 {of} 个图形里有 {count} 个在县境之外:"
        f"文件范围 {lies},县的范围 {ours}(西,南,东,北)。{cure}。"
    )


def _drawn(features: Features) -> NDArray[np.object_]:
    return np.array([g for g in features.geometry if g is not None and not g.is_empty], dtype=object)


def _with_margin(box: Box) -> Box:
    dx = max(_MARGIN_SHARE * (box.east - box.west), _MARGIN_DEG)
    dy = max(_MARGIN_SHARE * (box.north - box.south), _MARGIN_DEG)
    west, south = max(box.west - dx, -180.0), max(box.south - dy, -90.0)
    return Box(west, south, min(box.east + dx, 180.0), min(box.north + dy, 90.0))
