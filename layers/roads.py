"""Roads: which lines are roads, and the places they make."""

from collections.abc import Mapping

from layers import line_drafts
from layers.drafting import by_osm_class
from layers.drafts import Draft, DraftOptions
from layers.features import Features
from layers.vocabulary import Layer

_WITH_LINKS = ("motorway", "trunk", "primary", "secondary", "tertiary")
_WITHOUT = ("residential", "unclassified", "living_street", "pedestrian", "service", "track", "construction")
OSM_LINES = frozenset([*_WITH_LINKS, *(f"{kind}_link" for kind in _WITH_LINKS), *_WITHOUT])
"""Values of highway=* that are roads of a register."""

OSM_KEYS = ("highway",)

_FOOT = frozenset(["footway", "path", "steps", "cycleway", "bridleway"])
OSM_CLASSES = OSM_LINES | _FOOT
ROAD_AREA = "道路面（广场等）不是道路中心线"


def osm_reason(tags: Mapping[str, str], *, is_area: bool = False) -> str | None:
    """Return in Chinese why an object of OpenStreetMap is left out, None where it is a road.

    Who walks the pavement walks the road: footways, paths, steps and cycleways are no roads of their own.
    An empty text means that it has nothing to do with roads and need not be counted.

    >>> osm_reason({"highway": "primary_link"}), osm_reason({"highway": "footway"}), osm_reason({})
    (None, '人行道、小路、台阶、自行车道（highway=footway）', '')
    """
    highway = tags.get("highway")
    if highway is None:
        return ""
    if highway in _FOOT:
        return f"人行道、小路、台阶、自行车道（highway={highway}）"
    if not highway:
        return "没有道路类别（highway 为空）"
    if highway not in OSM_LINES:
        return f"其他类别（highway={highway}）"
    return ROAD_AREA if is_area else None


def places(features: Features, options: DraftOptions | None = None) -> Draft:
    """Return the roads of a file: lines of one name (ends within 200 m) or one code are one road.

    In a table made from OpenStreetMap (its classes tell) the same classes are left out as in the original.
    """
    leave_out = by_osm_class(features, "highway", OSM_CLASSES, osm_reason)
    return line_drafts.draft(features, Layer.ROAD, options or DraftOptions(), leave_out)
