"""Rivers: which lines are rivers, and the places they make."""

from collections.abc import Mapping, Sequence

from layers import line_drafts, widths
from layers.drafting import by_osm_class
from layers.drafts import Draft, DraftOptions
from layers.features import Features
from layers.names import plain
from layers.vocabulary import Layer

OSM_LINES = frozenset(["river", "canal", "stream", "ditch", "drain"])
"""Values of waterway=* that are rivers of a register, down to the ditch between two fields."""

OSM_KEYS = ("waterway", "natural", "landuse")
"""Keys of OpenStreetMap that tell of water."""

_WATER = frozenset([("natural", "water"), ("waterway", "riverbank"), ("waterway", "dock")]) | frozenset(
    [("landuse", "reservoir"), ("landuse", "basin")]
)
OSM_SURFACES = (
    ("waterway", "riverbank"),
    ("water", "river"),
    ("water", "canal"),
    ("water", "stream"),
    ("water", "ditch"),
    ("water", "drain"),
)
"""Tags of areas that are the surface of running water: they tell how wide the line in them is."""
OSM_CLASSES = OSM_LINES | {"riverbank", "dam", "weir"}
WATER_AREA = "水面是面，不是河道中心线"


def osm_reason(tags: Mapping[str, str], *, is_area: bool = False) -> str | None:
    """Return in Chinese why an object of OpenStreetMap is left out, None where it is a river.

    An empty text means that it has nothing to do with rivers and need not be counted.

    >>> osm_reason({"waterway": "canal"}), osm_reason({"natural": "wood"})
    (None, '')
    >>> osm_reason({"natural": "water"}), osm_reason({"waterway": "weir"})
    ('水面是面，不是河道中心线', '不是河道的水利要素（waterway=weir）')
    """
    if any(tags.get(key) == value for key, value in _WATER):
        return WATER_AREA
    waterway = tags.get("waterway")
    if waterway is None:
        return ""
    if not waterway:
        return "没有河道类别（waterway 为空）"
    if waterway not in OSM_LINES:
        return f"不是河道的水利要素（waterway={waterway}）"
    return WATER_AREA if is_area else None


def is_surface(tags: Mapping[str, str]) -> bool:
    """Tell whether an area of OpenStreetMap is the surface of running water.

    >>> is_surface({"natural": "water", "water": "river"}), is_surface({"natural": "water"})
    (True, False)
    """
    return any(tags.get(key) == value for key, value in OSM_SURFACES)


def _is_water(features: Features, area: int, lines: Sequence[int]) -> bool:
    """Tell whether an area is the water of lines in the same file, not a river drawn as an area."""
    name = features.value("name", area)
    names = {plain(str(features.value("name", line) or "")) for line in lines}
    return features.osm or bool(names and (name is None or plain(str(name)) in names))


def places(features: Features, options: DraftOptions | None = None) -> Draft:
    """Return the rivers of a file: lines of one name (ends within 200 m) or one code are one river.

    In a table made from OpenStreetMap (its classes tell) the same classes are left out as in the original.
    Areas are no rivers; where the line of one runs in its water, that tells its width there.
    """
    by_class = by_osm_class(features, "waterway", OSM_CLASSES, osm_reason)
    held = widths.held_by(features.geometry)
    surfaces = {area for area, lines in held.items() if _is_water(features, area, lines)}

    def leave_out(features: Features, index: int) -> str | None:
        return WATER_AREA if index in surfaces else by_class(features, index)

    water = features.geometry[sorted(surfaces)]
    return line_drafts.draft(features, Layer.RIVER, options or DraftOptions(), leave_out, water=water)
