"""Overpass JSON: the answer of an OpenStreetMap query, written as an .osm file to be read like any other."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import osmium
from osmium.osm import mutable

from layers.errors import BadFile

LARGEST_BYTES = 20 << 20
"""JSON takes about ten times its size in memory."""
_FIRST_OWN_ID = 10**15
"""Far above the ids of OpenStreetMap."""


def to_osm(path: Path, target: Path, name: str) -> None:
    """Write the nodes, ways and relations of an Overpass answer to `target` (.osm).

    Ways need their nodes ("out body; >; out skel") or their geometry ("out geom"). BadFile where it is
    damaged, too large, or has neither.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise BadFile(f"{name} 超过 {LARGEST_BYTES >> 20} MB；请在 Overpass 里导出为 .osm 再导入。")
    try:
        elements = json.loads(path.read_bytes())["elements"]
        with osmium.SimpleWriter(str(target), overwrite=True) as writer:
            for element in _in_order(elements):
                _add(writer, element)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, RuntimeError) as error:
        raise BadFile(f"{name} 不是完好的 Overpass JSON；请重新下载，或导出为 .osm。") from error


def _in_order(elements: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield nodes before ways before relations, and for ways with a geometry nodes of their own."""
    own = _FIRST_OWN_ID
    ways: list[Mapping[str, Any]] = []
    for element in elements:
        if element["type"] == "node":
            yield element
        elif element["type"] == "way" and "geometry" in element:
            nodes = []
            for point in element["geometry"]:
                if point is not None:
                    yield {"type": "node", "id": own, **point}
                    nodes.append(own)
                    own += 1
            closed = element.get("nodes", [0, 1])
            if len(nodes) > 2 and closed[0] == closed[-1]:
                nodes[-1] = nodes[0]
            ways.append({**element, "nodes": nodes})
        elif element["type"] == "way":
            ways.append(element)
    yield from ways
    yield from (element for element in elements if element["type"] == "relation")


def _add(writer: osmium.SimpleWriter, element: Mapping[str, Any]) -> None:
    tags = {str(key): str(value) for key, value in element.get("tags", {}).items()}
    if element["type"] == "node":
        place = (float(element["lon"]), float(element["lat"]))
        writer.add_node(mutable.Node(id=int(element["id"]), location=place, tags=tags))
    elif element["type"] == "way":
        writer.add_way(mutable.Way(id=int(element["id"]), nodes=element.get("nodes", []), tags=tags))
    else:
        members = [(m["type"][0], int(m["ref"]), m.get("role", "")) for m in element.get("members", [])]
        writer.add_relation(mutable.Relation(id=int(element["id"]), members=members, tags=tags))
