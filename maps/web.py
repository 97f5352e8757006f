"""A folium map of layers, coverage and gaps as one HTML document that asks no other host for anything.

Leaflet and this map's own script stand in the document; a Content-Security-Policy with their hashes lets
nothing else run. What users typed (names, titles, popups) travels as JSON and reaches the page only as text
nodes. Coordinates are lon, lat in WGS 84.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from importlib.resources import files

import folium
import numpy as np
import shapely
from branca.element import Element, Figure
from folium.template import Template

from maps.compact import fit, positions
from maps.data import MapData, MapFeature, MapLayer, looks, undrawn
from maps.style import BACKGROUND, BANDS
from maps.tiles import Tianditu, tile_addresses

MAX_BYTES = 15_000_000
"""Largest map to keep and send."""


@dataclass(frozen=True)
class Drawn:
    """A map as a document."""

    html: str
    policy: str
    """Its Content-Security-Policy; also inside the document."""
    tolerance_m: float
    """By how much geometry was simplified; 0: not at all."""


def draw(data: MapData, *, tiles: Tianditu | None = None, max_bytes: int = MAX_BYTES) -> Drawn:
    """Draw a map as one HTML document of at most `max_bytes`; give `tiles` only for a page of the service.

    Raise MapTooLarge when it cannot be simplified enough.
    """
    html, policy = _document(data, tiles)
    facts = _facts(data)
    # Points cannot be made simpler: what they need is taken off first.
    points = {layer.key: _points(drawn) for layer, drawn in data.drawn if _are_points(drawn)}
    pairs = [(layer, f) for layer, drawn in data.drawn if layer.key not in points for f in drawn]
    properties = _json_of_each([[f.class_key, f.title, f.rows, f.place] for _, f in pairs])
    fixed = sum(len(text.encode()) + 8 for text in (html, _json(facts), *points.values(), *properties))
    shapes, tolerance_m = fit([f.geometry for _, f in pairs if f.geometry is not None], max_bytes - fixed)
    texts: dict[str, list[str]] = {layer.key: [] for layer in data.layers}
    for (layer, _), known, shape in zip(pairs, properties, shapes, strict=True):
        texts[layer.key].append(f"{known[:-1]},{shape}]")
    blocks = {f"data-{key}": points.get(key) or f"[{','.join(rows)}]" for key, rows in texts.items()}
    told = _json(facts | {"notes": _notes(data, tolerance_m)})
    return Drawn(_filled(html, {"facts": told} | blocks), policy, tolerance_m)


# Each feature is [class, title, rows, place, geometry].


def _are_points(drawn: Sequence[MapFeature]) -> bool:
    shapes = np.array([f.geometry for f in drawn], object)
    return bool(drawn) and bool((shapely.get_type_id(shapes) == shapely.GeometryType.POINT).all())


def _points(drawn: Sequence[MapFeature]) -> str:
    """Return points as JSON, thousands at a time."""
    at = positions([f.geometry for f in drawn if f.geometry is not None])
    return _json(
        [
            (f.class_key, f.title, f.rows, f.place, {"type": "Point", "coordinates": lonlat})
            for f, lonlat in zip(drawn, at, strict=True)
        ]
    )


def _document(data: MapData, tiles: Tianditu | None) -> tuple[str, str]:
    """Return a map's document, whose data are still empty, and its policy."""
    document = _Document(data)
    county = _CountyMap()
    county.add_to(document)
    for tile_layer in _tile_layers(tiles) if tiles else ():
        county.add_child(tile_layer)
    for layer in data.layers:
        county.add_child(_PlaceLayer(layer))
    html: str = document.render()
    policy = _policy(html, tiles)
    return html.replace(_POLICY_MARK, escape(policy), 1), policy


def _filled(html: str, blocks: Mapping[str, str]) -> str:
    """Return a document with its data: megabytes, which are not searched for where the next ones go."""
    parts = []
    for name, text in blocks.items():
        before, html = html.split(_data_block(name), 1)
        parts += [before, _data_block(name, text)]
    return "".join([*parts, html])


def _facts(data: MapData) -> dict[str, object]:
    return {
        "looks": {look.key: asdict(look) | {"kinds": kinds} for look, kinds in looks(data)},
        "bands": {layer: asdict(band) for layer, band in BANDS.items()},
        "bounds": _extent(data),
        "notes": _notes(data, 0.0),
    }


def _tile_layers(tiles: Tianditu) -> Iterator[folium.TileLayer]:
    for tile in tile_addresses(tiles):
        layer = folium.TileLayer(
            tile["url"],
            attr=tile["note"],
            name=tile["name"],
            subdomains="01234567",
            min_zoom=1,
            max_zoom=18,
            opacity=0.6,
        )
        layer._id = tile["name"]
        yield layer


_POLICY_MARK = "yinxun-policy"


def _policy(html: str, tiles: Tianditu | None) -> str:
    """Return a policy under which only the document's own scripts and styles run."""
    images = "data: https://*.tianditu.gov.cn" if tiles else "data:"
    return (
        f"default-src 'none'; script-src {_hashes(html, 'script')}; style-src {_hashes(html, 'style')}; "
        f"img-src {images}; base-uri 'none'; form-action 'none'"
    )


def _hashes(html: str, tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in found
    )


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _json_of_each(values: Sequence[object]) -> list[str]:
    """Return each value as `_json` does, thousands at a time: a line break never stands in JSON."""
    return _safe("\n".join(map(_ENCODER.encode, values))).split("\n") if values else []


def _json(value: object) -> str:
    """Return JSON that is safe inside a script element of any HTML document."""
    return _safe(_ENCODER.encode(value))


def _safe(text: str) -> str:
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@cache
def _asset(name: str) -> str:
    return (files("maps") / "assets" / name).read_text(encoding="utf-8")


def _leaflet_css() -> str:
    # Its only images are a marker and a button that this map does not use.
    images = r"^\s*(background-image: url|behavior: url).*$"
    return re.sub(images, "", _asset("leaflet/leaflet.css"), flags=re.M)


def _leaflet_js() -> str:
    return _asset("leaflet/leaflet.js").replace("//# sourceMappingURL=leaflet.js.map", "")


def _extent(data: MapData) -> list[list[float]] | None:
    """Return [[south, west], [north, east]], or None where there is nothing to show."""
    shapes = [f.geometry for _, drawn in data.drawn for f in drawn]
    if data.bounds is None and not shapes:
        return None
    west, south, east, north = data.bounds or (float(v) for v in shapely.total_bounds(shapes))
    return [[south, west], [north, east]]


class _Document(Figure):
    """The HTML around the map: language, title, policy, header."""

    _template = Template(
        """<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ this.mark }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ this.data.title|e }}</title>
{{ head }}
</head>
<body>
<header>
<h1>{{ this.data.title|e }}</h1>
<p>{{ this.data.subtitle|e }}</p>
{%- if this.data.made_up %}
<p class="made-up">演示数据：人名、地名和巡查记录均为虚构</p>
{%- endif %}
</header>
<noscript><p class="notice">请允许浏览器运行本页脚本，才能显示地图。</p></noscript>
{{ body }}
<script>{{ script }}</script>
</body>
</html>
"""
    )

    def __init__(self, data: MapData) -> None:
        super().__init__()
        self.data = data
        self.mark = _POLICY_MARK
        self.header = Element()
        self.header._parent = self

    def render(self, **kwargs: object) -> str:
        for child in self._children.values():
            child.render(**kwargs)
        return str(
            self._template.render(
                this=self, head=self.header.render(), body=self.html.render(), script=self.script.render()
            )
        )


class _Verbatim(Element):
    """Text as it is: folium's own elements read their text as a template, and would run what users typed."""

    _template = Template("{{ this.text }}")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _CountyMap(folium.Map):
    """A folium map whose Leaflet stands in the document, on a canvas, in Chinese."""

    def __init__(self) -> None:
        super().__init__(tiles=None)
        self._id = "county"

    def render(self, **kwargs: object) -> str:
        figure, name = _figure(self), self.get_name()
        styles = _leaflet_css() + _asset("map.css").replace("BACKGROUND", BACKGROUND)
        scripts = f"<script>{_leaflet_js()}</script>\n<script>{_asset('map.js')}</script>"
        figure.header.add_child(_Verbatim(f"<style>{styles}</style>\n{scripts}"))
        figure.html.add_child(_Verbatim(f'<main id="{name}"></main>\n{_data_block("facts")}'))
        figure.script.add_child(_Verbatim(f'const {name} = yinxun.map("{name}");'))
        for child in self._children.values():
            child.render(**kwargs)
        return ""


class _PlaceLayer(folium.map.Layer):
    """A layer switch whose features are read from their JSON when first shown."""

    def __init__(self, layer: MapLayer) -> None:
        super().__init__(name=layer.key, overlay=True, show=False)
        if not re.fullmatch(r"[A-Za-z0-9_]+", layer.key):
            raise ValueError(f"a layer's key is not plain: {layer.key!r}")
        self.data = layer

    def render(self, **_kwargs: object) -> str:
        layer, figure = self.data, _figure(self)
        facts = _json(
            {
                "key": layer.key,
                "label": layer.label,
                "band": layer.layer,
                "shown": layer.shown,
                "named": layer.named,
                "titled": layer.titled,
                "clustered": layer.clustered,
            }
        )
        figure.html.add_child(_Verbatim(_data_block(f"data-{layer.key}")))
        figure.script.add_child(_Verbatim(f"yinxun.layer({facts});"))
        return ""


def _figure(element: Element) -> Figure:
    """Return the document that an element writes itself into; its own rendering is empty."""
    root = element.get_root()
    assert isinstance(root, Figure)  # noqa: S101  (folium's own condition)
    return root


def _data_block(name: str, text: str = "") -> str:
    return f'<script type="application/json" id="{name}">{text}</script>'


def _notes(data: MapData, tolerance_m: float) -> list[str]:
    """Return what the foot of the map says."""
    off_map = undrawn(data)
    return [
        f"数据截至 {data.date.isoformat()}",
        *([f"线形已简化，误差不超过约 {tolerance_m:g} 米"] if tolerance_m else []),
        *([f"另有 {off_map} 个对象未上图"] if off_map else []),
    ]
