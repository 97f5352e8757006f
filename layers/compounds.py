"""Compounds: which areas are residential compounds, and the places they make."""

from collections.abc import Mapping

from layers import area_drafts
from layers.drafts import Draft, DraftOptions
from layers.features import Features, Refusal
from layers.vocabulary import Layer

OSM_KEYS = ("landuse", "building")

_DWELLINGS = frozenset(
    ["apartments", "residential", "house", "detached", "semidetached_house", "terrace", "dormitory", "villa"]
)


def osm_reason(tags: Mapping[str, str], *, is_area: bool = True) -> str | None:
    """Return in Chinese why an area of OpenStreetMap is left out, None where it is a compound.

    An empty text means that it has nothing to do with compounds and need not be counted.

    >>> osm_reason({"landuse": "residential"}), osm_reason({"landuse": "forest"})
    (None, '')
    >>> osm_reason({"building": "apartments"})
    '建筑物不是小区（building=apartments）'
    """
    if tags.get("landuse") == "residential":
        return None if is_area else "没有闭合的居住区边界"
    building = tags.get("building", "")
    return _not_a_compound(building) if building in _DWELLINGS else ""


def _not_a_compound(building: str) -> str:
    return f"建筑物不是小区（building={building}）"


def places(features: Features, options: DraftOptions | None = None) -> Draft:
    """Return the compounds of a file.

    A building is no compound. Beside residential areas of OpenStreetMap the dwellings are only counted; in a
    file that offers nothing else, and in tables, they are refused row by row.
    """
    beside_areas = features.osm and "residential" in features.fields.get("class", ())

    def leave_out(features: Features, index: int) -> str | None:
        building = str(features.value("building", index) or "no")
        if building == "no" or features.value("class", index) == "residential":
            return None
        if beside_areas:
            return _not_a_compound(building)
        raise Refusal(f"{_not_a_compound(building)}；请改用小区边界（面）的图层")

    return area_drafts.draft(features, Layer.COMPOUND, options or DraftOptions(), leave_out)
