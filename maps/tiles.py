"""The tiles of the national map service, for pages of the service that may ask for them."""

from dataclasses import dataclass
from html import escape
from urllib.parse import quote


@dataclass(frozen=True)
class Tianditu:
    """Tiles of the national map service for pages of the service; never for a file to send."""

    key: str
    approval: str | None = None
    """The approval number (审图号) that the service publishes, printed beside its name."""


def tile_addresses(tiles: Tianditu) -> list[dict[str, str]]:
    """Return the tile layers from the bottom to the top: name, address as Leaflet takes it, and the note."""
    note = "底图：天地图（国家地理信息公共服务平台）"
    note += f" 审图号：{tiles.approval}" if tiles.approval else ""
    return [
        {
            "name": name,
            "note": escape(note),
            "url": f"https://t{{s}}.tianditu.gov.cn/{name}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
            f"&LAYER={name}&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles"
            f"&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={quote(tiles.key, safe='')}",
        }
        for name in ("vec", "cva")
    ]
