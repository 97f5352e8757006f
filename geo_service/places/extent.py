"""The county's box where its first file gives it: proposed, and asked."""

from collections.abc import Mapping

import shapely

from layers.drafts import Question
from layers.features import Box, Features

EXTENT = "extent"
"""Id of the question."""
YES = "yes"

_MARGIN_SHARE = 0.1
_MARGIN_DEG = 0.02
"""The next layer reaches a little further: a tenth of the box, at least about 2 km."""


def box_of(features: Features) -> Box | None:
    """Return the box around all features with some room, None where nothing is drawn."""
    west, south, east, north = shapely.total_bounds(features.geometry).tolist()
    if not west <= east:
        return None
    dx = max(_MARGIN_SHARE * (east - west), _MARGIN_DEG)
    dy = max(_MARGIN_SHARE * (north - south), _MARGIN_DEG)
    return Box(max(west - dx, -180.0), max(south - dy, -90.0), min(east + dx, 180.0), min(north + dy, 90.0))


def question(box: Box, county: str, answers: Mapping[str, str]) -> Question:
    """Return the question whether the first file's box is the county's."""
    text = ",".join(f"{side:.4f}" for side in box)
    return Question(
        id=EXTENT,
        text=f"{county}还没有范围。按这个文件取 西,南,东,北 = {text}，对吗？"
        "不对的话，请用 areas --bounds 西,南,东,北 给出范围",
        answers={YES: "对，用这个范围"},
        answer=YES if answers.get(EXTENT) in (YES, "是", "对") else None,
    )
