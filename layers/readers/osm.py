"""OpenStreetMap files (.osm, .osm.gz, .osm.pbf): the ways, and relations without ways, of one layer."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import osmium
import shapely
from shapely.geometry.base import BaseGeometry

from layers import compounds, rivers, roads
from layers.errors import BadFile
from layers.readers import pbf, signatures
from layers.readers.fields import Column
from layers.readers.signatures import Kind
from layers.readers.table import MOST_FEATURES, Table
from layers.vocabulary import Layer

MOST_NODES = 4_000_000
"""Their places are held in memory, 16 bytes each; a county has a tenth of that."""

_WKB = osmium.geom.WKBFactory()
_NODE = re.compile(rb"<node\s")
_OVERLAP_BYTES = 16
_CUT_OFF = "节点不在文件里（截取地图时被切掉）"
_HAS_WAYS = "关系（它的路段已单独读入）"
_NO_WAYS = "关系（它的路段不在文件里）"


class _Reason(Protocol):
    def __call__(self, tags: Mapping[str, str], *, is_area: bool = ...) -> str | None: ...


class _Choice(NamedTuple):
    """What of OpenStreetMap belongs to a layer: keys to look at, and why an object is left out."""

    keys: tuple[str, ...]
    reason: _Reason


_CHOICES = {
    Layer.RIVER: _Choice(rivers.OSM_KEYS, rivers.osm_reason),
    Layer.ROAD: _Choice(roads.OSM_KEYS, roads.osm_reason),
    Layer.COMPOUND: _Choice(compounds.OSM_KEYS, compounds.osm_reason),
}

_WIDTH = ("width", "est_width")
_TAGS: Mapping[Layer, Mapping[str, tuple[str, ...]]] = {
    Layer.RIVER: {"class": ("waterway",), "width_m": _WIDTH},
    Layer.ROAD: {"class": ("highway",), "surface": ("surface",), "ref": ("ref",), "width_m": _WIDTH},
    Layer.COMPOUND: {"class": ("landuse",), "building": ("building",)},
}
"""Standard column to keys, the first that is there counts; beside the name."""


@dataclass
class _Found:
    """What was found so far."""

    layer: Layer
    geometry: list[BaseGeometry | None] = field(default_factory=list)
    cells: dict[str, list[object]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    ways: set[int] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, geometry: BaseGeometry | None, tags: Mapping[str, str], source: str, name: str) -> None:
        """Keep an object; BadFile where there are too many."""
        if len(self.ids) == MOST_FEATURES:
            raise BadFile(f"{name} 里超过 {MOST_FEATURES} 个对象；请先把地图裁剪到本县。")
        self.geometry.append(geometry)
        self.ids.append(source)
        self.cells.setdefault("name", []).append(tags.get("name") or tags.get("name:zh"))
        for standard, keys in _TAGS[self.layer].items():
            self.cells.setdefault(standard, []).append(next((tags[key] for key in keys if key in tags), None))


def read(path: Path, kind: Kind, name: str, layer: Layer | None) -> Table:
    """Return the objects of a layer, the others counted by reason. BadFile where the file cannot be read."""
    if layer not in _CHOICES:
        what = layer.zh if layer else "辖区"
        raise BadFile(
            f"{name} 是 OSM 地图，里面没有{what}；请换成{what}的 GeoPackage、Shapefile 或 GeoJSON 文件。"
        )
    found = _Found(layer)
    try:
        _check_size(path, kind, name)
        relations = _ways(path, layer, found, name)
        _relations(path, layer, relations, found, name)
    except (RuntimeError, osmium.InvalidLocationError) as error:
        raise BadFile(f"{name} 不完整或已损坏，读不出来；请重新下载。") from error
    return _table(found)


def _check_size(path: Path, kind: Kind, name: str) -> None:
    cure = "请先把地图裁剪到本县（如 osmium extract -b 西,南,东,北）再导入"
    if kind is Kind.OSM_PBF:
        pbf.check(path, name, most_nodes=MOST_NODES, cure=cure)
        return
    nodes = 0
    tail = b""
    for chunk in signatures.chunks(path, name, packed=_is_packed(path)):
        nodes += len(_NODE.findall(tail + chunk))
        tail = chunk[-_OVERLAP_BYTES:] if not _NODE.search(chunk[-_OVERLAP_BYTES:]) else b""
        if nodes > MOST_NODES:
            raise BadFile(f"{name} 里超过 {MOST_NODES} 个节点；{cure}。")


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _file(path: Path) -> osmium.io.File:
    # By content: an upload may lie under a name of our own.
    with path.open("rb") as file:
        xml = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return osmium.io.File(str(path), "osm.gz" if _is_packed(path) else "osm" if xml else "pbf")


class _Relation(NamedTuple):
    id: int
    tags: dict[str, str]
    ways: list[int]


def _objects(path: Path, *filters: Any) -> Iterator[Any]:
    processor = osmium.FileProcessor(_file(path)).with_locations("flex_mem")
    for each in filters:
        processor = processor.with_filter(each)
    return iter(processor)


def _ways(path: Path, layer: Layer, found: _Found, name: str) -> list[_Relation]:
    """Keep the ways of a layer; return its relations."""
    keys, reason_of = _CHOICES[layer]
    shape = _polygon if layer is Layer.COMPOUND else _line
    relations = []
    ways_and_relations = osmium.filter.EntityFilter(osmium.osm.WAY | osmium.osm.RELATION)
    for thing in _objects(path, ways_and_relations, osmium.filter.KeyFilter(*keys)):
        tags = dict(thing.tags)
        reason = reason_of(tags, is_area=_is_area(thing, tags, layer))
        if thing.is_relation():
            if reason != "":
                members = [member.ref for member in thing.members if member.type == "w"]
                relations.append(_Relation(thing.id, tags, members))
        elif layer is Layer.RIVER and thing.is_closed() and rivers.is_surface(tags):
            _keep_way(thing, tags, _polygon, found, name)
        elif reason is None:
            found.ways.add(thing.id)
            _keep_way(thing, tags, shape, found, name)
        elif layer is Layer.COMPOUND and "building" in tags and reason:
            found.add(None, tags, f"way/{thing.id}", name)
        elif reason:
            found.left_out[reason] += 1
    return relations


def _is_area(thing: Any, tags: Mapping[str, str], layer: Layer) -> bool:
    if thing.is_relation():
        return tags.get("type") in ("multipolygon", "boundary")
    return bool(thing.is_closed()) and (layer is Layer.COMPOUND or tags.get("area") == "yes")


def _keep_way(
    way: Any, tags: dict[str, str], shape: Callable[[Any], BaseGeometry | None], found: _Found, name: str
) -> None:
    geometry = shape(way)
    if geometry is None:
        found.left_out[_CUT_OFF] += 1
    else:
        found.add(geometry, tags, f"way/{way.id}", name)


def _line(way: Any) -> BaseGeometry | None:
    """Return a way's line, in parts where nodes are not in the file; None where fewer than two are."""
    try:
        return shapely.from_wkb(_WKB.create_linestring(way))
    except (RuntimeError, osmium.InvalidLocationError):
        return _line_in_parts(way)


def _line_in_parts(way: Any) -> BaseGeometry | None:
    parts: list[list[tuple[float, float]]] = [[]]
    for node in way.nodes:
        if node.location.valid():
            parts[-1].append((node.lon, node.lat))
        elif parts[-1]:
            parts.append([])
    lines = [part for part in parts if len(part) > 1]
    if not lines:
        return None
    return shapely.LineString(lines[0]) if len(lines) == 1 else shapely.MultiLineString(lines)


def _polygon(way: Any) -> BaseGeometry | None:
    """Return the area within a closed way, None where a node is not in the file."""
    if len(way.nodes) < 4 or not all(node.location.valid() for node in way.nodes):
        return None
    return shapely.Polygon([(node.lon, node.lat) for node in way.nodes])


def _relations(path: Path, layer: Layer, relations: list[_Relation], found: _Found, name: str) -> None:
    if layer is Layer.COMPOUND:
        _area_relations(path, relations, found, name)
        return
    reason_of = _CHOICES[layer].reason
    lonely = []
    surfaces = _surfaces(path, relations, found, name) if layer is Layer.RIVER else set()
    for relation in relations:
        if relation.id in surfaces:
            continue
        reason = reason_of(relation.tags, is_area=relation.tags.get("type") in ("multipolygon", "boundary"))
        if reason is not None:
            found.left_out[reason] += 1
        elif found.ways.intersection(relation.ways):
            found.left_out[_HAS_WAYS] += 1
        else:
            lonely.append(relation)
    lines = _lines_of(path, {way for relation in lonely for way in relation.ways})
    for relation in lonely:
        parts = [lines[way] for way in relation.ways if way in lines]
        if parts:
            whole = shapely.multilinestrings(shapely.get_parts(parts))
            found.add(whole, relation.tags, f"relation/{relation.id}", name)
        else:
            found.left_out[_NO_WAYS] += 1


def _surfaces(path: Path, relations: list[_Relation], found: _Found, name: str) -> set[int]:
    """Keep the water surfaces of rivers that are relations; return those whose border is whole."""
    wanted = {relation.id: relation.tags for relation in relations if rivers.is_surface(relation.tags)}
    if not wanted:
        return set()
    tags = osmium.filter.TagFilter(*rivers.OSM_SURFACES)
    only_areas = osmium.filter.EntityFilter(osmium.osm.AREA)
    areas: Any = osmium.FileProcessor(_file(path)).with_areas(tags).with_filter(only_areas)
    kept = set()
    for area in areas:
        if not area.from_way() and area.orig_id() in wanted:
            outline = shapely.from_wkb(_WKB.create_multipolygon(area))
            found.add(outline, wanted[area.orig_id()], f"relation/{area.orig_id()}", name)
            kept.add(area.orig_id())
    return kept


def _lines_of(path: Path, ways: set[int]) -> dict[int, BaseGeometry]:
    if not ways:
        return {}
    only = osmium.filter.EntityFilter(osmium.osm.WAY)
    lines = {way.id: _line(way) for way in _objects(path, only, osmium.filter.IdFilter(ways))}
    return {way: line for way, line in lines.items() if line is not None}


def _area_relations(path: Path, relations: list[_Relation], found: _Found, name: str) -> None:
    """Keep the residential areas that are relations (several outlines, or holes)."""
    residential = {r.id: r.tags for r in relations if compounds.osm_reason(r.tags) is None}
    for relation in relations:
        if relation.id not in residential:
            found.add(None, relation.tags, f"relation/{relation.id}", name)
    if not residential:
        return
    tag = osmium.filter.TagFilter(("landuse", "residential"))
    only_areas = osmium.filter.EntityFilter(osmium.osm.AREA)
    areas: Any = osmium.FileProcessor(_file(path)).with_areas(tag).with_filter(only_areas).with_filter(tag)
    for area in areas:
        if not area.from_way() and area.orig_id() in residential:
            outline = shapely.from_wkb(_WKB.create_multipolygon(area))
            found.add(outline, residential.pop(area.orig_id()), f"relation/{area.orig_id()}", name)
    found.left_out["居住区关系的边界不完整或自相交"] += len(residential)


def _table(found: _Found) -> Table:
    geometry = np.empty(len(found.geometry), dtype=object)
    geometry[:] = found.geometry
    tags = {"name": "name", **{standard: keys[0] for standard, keys in _TAGS[found.layer].items()}}
    return Table(
        geometry=geometry,
        columns=[Column(standard, key) for standard, key in tags.items()],
        cells={standard: found.cells.get(standard, []) for standard in tags},
        rows=range(1, len(geometry) + 1),
        crs="EPSG:4326",
        ids=found.ids,
        osm=True,
        left_out={reason: count for reason, count in found.left_out.items() if count},
    )
