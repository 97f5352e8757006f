"""What a map shows, as values: drawn by `maps.web` for screens and by `maps.sheet` for paper.

Geometry is lon, lat in WGS 84.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from layers.vocabulary import Layer
from maps.style import LOOKS, Look

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


@dataclass(frozen=True)
class MapFeature:
    """One stretch, area or place: its geometry, its class in `maps.style`, and what its popup says."""

    geometry: BaseGeometry | None
    class_key: str
    title: str
    rows: Sequence[tuple[str, str]] = ()
    """Label and value, as people read them."""
    place: str = ""
    """What the features of one place share, so that a search lists it once; empty: each by its title."""
    name: str = ""
    """The place's own name, for where a title is too long; empty: it has none."""
    size: float | None = None
    """Metres of a line or square metres of an area, as they are counted; None: a whole place."""


@dataclass(frozen=True)
class MapLayer:
    """One layer switch with its features."""

    key: str
    """Unique on the map; ASCII letters, digits and underscores."""
    label: str
    features: Sequence[MapFeature]
    layer: Layer | None = None
    """Whose band is drawn beneath."""
    shown: bool = True
    named: bool = False
    """Titles are written on the map, and nothing opens on a click: for boundaries."""
    clustered: bool = False
    """Its points are gathered where they stand close."""
    titled: bool = False
    """Titles of lines are written on the map, beside what opens on a click."""


@dataclass(frozen=True)
class MapData:
    """All that a map shows; layers from the bottom to the top."""

    title: str
    subtitle: str
    layers: Sequence[MapLayer]
    date: dt.date
    """The last day that the map tells of."""
    bounds: Bounds | None = None
    """None: those of the features."""
    legend: Sequence[str] = ()
    """Class keys to explain even if no feature has them; the classes of the features come by themselves."""
    made_up: bool = False

    @cached_property
    def drawn(self) -> list[tuple[MapLayer, list[MapFeature]]]:
        """Each layer with those of its features that have a picture."""
        return [(layer, _drawable(layer.features)) for layer in self.layers]


def _drawable(features: Sequence[MapFeature]) -> list[MapFeature]:
    shapes = np.array([feature.geometry for feature in features], object)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    return [feature for feature, is_empty in zip(features, empty.tolist(), strict=True) if not is_empty]


def drawable(feature: MapFeature) -> bool:
    """Tell whether a feature has a picture: one that is 未上图 has none."""
    return feature.geometry is not None and not feature.geometry.is_empty


def undrawn(data: MapData) -> int:
    """Return how many features have no picture."""
    return sum(len(layer.features) - len(drawn) for layer, drawn in data.drawn)


def looks(data: MapData) -> list[tuple[Look, list[str]]]:
    """Return the classes of the legend in the style's order, each with the kinds of geometry that have it."""
    kinds: dict[str, set[str]] = {key: set() for key in data.legend}
    for layer, drawn in data.drawn:
        dimensions = shapely.get_dimensions([feature.geometry for feature in drawn]).tolist() if drawn else ()
        pairs = {(feature.class_key, size) for feature, size in zip(drawn, dimensions, strict=True)}
        for key, size in pairs:
            kinds.setdefault(key, set()).add(_kind(key, size, layer))
    of_legend = sorted(set().union(*(kinds[key] for key in data.legend))) or ["line"]
    return [(look, sorted(kinds[key]) or of_legend) for key, look in LOOKS.items() if key in kinds]


def _kind(key: str, dimensions: int, layer: MapLayer) -> str:
    """Return how the legend shows features of a class."""
    if dimensions == 0 and LOOKS[key].sign:
        return "sign"
    return "area" if dimensions == 2 and not layer.named else "line"
