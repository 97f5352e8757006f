"""What a tile is of and where: its place in the pyramid, and which detail each zoom shows."""

from dataclasses import dataclass

from geo_service.errors import NotFound
from layers.vocabulary import Word

DEEPEST = 16
"""Nearer tiles would hold nothing more: a map enlarges these."""
NAMED_FROM = 12
"""From here on tiles carry names."""
LABELLED_FROM = 14
"""From here on tiles carry where the name of an area is written: once, in the tile that holds the spot."""
STRETCHES_FROM = 12
"""From here on a map tells stretches; further out a stretch is a few pixels long."""
LINES_FROM = 10
"""Further out a map shows townships: a thousand lines would be one blot."""
EXTENT = 4096
"""Units of a tile's side."""
MARGIN = 64
"""Units that a tile reaches beyond its sides, so that no line ends in the middle of its own width."""


class Of(Word):
    """What a tile shows."""

    PLACES = "places", "对象"
    STRETCHES = "stretches", "覆盖与空白"


class Form(Word):
    """How a tile is written."""

    MVT = "mvt", "矢量瓦片"
    GEOJSON = "geojson", "GeoJSON"


@dataclass(frozen=True)
class Tile:
    """One tile of the pyramid of web maps. Raises NotFound for one that there is not."""

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        side = 1 << max(self.z, 0)
        if not (0 <= self.z <= DEEPEST and 0 <= self.x < side and 0 <= self.y < side):
            raise NotFound(f"没有这块地图瓦片；级别为 0 到 {DEEPEST}，请检查地址。")
