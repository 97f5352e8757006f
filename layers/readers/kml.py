"""KML, read as a stream of elements: memory stays small, no entity is resolved, no link is followed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import shapely
from lxml import etree
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from layers.errors import BadFile
from layers.readers import signatures
from layers.readers.fields import Column
from layers.readers.table import MOST_FEATURES, Table

MOST_CHARACTERS = 4_000_000
"""Of text in one placemark: some 100,000 points."""

_BROKEN = "坐标写得不对；请在原软件里重画这一行"
_TOO_FEW = "顶点太少，画不成图形；请重画或删除这一行"
_TEXTS = frozenset(["name", "SimpleData", "value", "coordinates"])


class _Placemark(NamedTuple):
    cells: Mapping[str, str]
    geometry: BaseGeometry | None
    damage: str | None


class _BadGeometry(Exception):
    """Why a geometry cannot be made, in Chinese."""


def read(
    path: Path, name: str, choose: Callable[[Sequence[str], Callable[[str], int] | None], list[Column]]
) -> Table:
    """Return the placemarks of a KML file: name, extended data and geometry, heights dropped.

    BadFile where it is no XML, is cut off, or holds too much.
    """
    found: list[_Placemark] = []
    for placemark in _placemarks(path, name):
        found.append(placemark)
        if len(found) > MOST_FEATURES:
            raise BadFile(f"{name} 里的地标超过 {MOST_FEATURES} 个；请先裁剪到本县，或分几个文件导入。")
    if not found:
        raise BadFile(f"{name} 里没有地标；请重新导出。")
    columns = choose(list(dict.fromkeys(key for placemark in found for key in placemark.cells)), None)
    geometry = np.empty(len(found), dtype=object)
    geometry[:] = [placemark.geometry for placemark in found]
    return Table(
        geometry=geometry,
        columns=columns,
        cells={c.standard: [placemark.cells.get(c.column) for placemark in found] for c in columns},
        rows=range(1, len(found) + 1),
        crs="EPSG:4326",
        damaged={i: placemark.damage for i, placemark in enumerate(found) if placemark.damage},
    )


def _placemarks(path: Path, name: str) -> Iterator[_Placemark]:
    target = _Target(name)
    parser = etree.XMLParser(
        target=cast(Any, target), resolve_entities=False, no_network=True, huge_tree=False
    )
    try:
        for chunk in signatures.chunks(path, name):
            parser.feed(chunk)
            yield from target.take()
        parser.close()
    except etree.XMLSyntaxError as error:
        where = f"第 {error.lineno} 行附近，第 {target.count + 1} 个地标"
        raise BadFile(f"{name} 不完整或已损坏（{where}）；请重新导出。") from error


class _Target:
    """What the parser tells its events to; holds one placemark at a time."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name
        self._done: list[_Placemark] = []
        self._above: list[str] = []
        self._text: list[str] | None = None
        self._size = 0
        self._key = ""
        self._open = False
        self._reset()

    def _reset(self) -> None:
        self._cells: dict[str, str] = {}
        self._parts: list[BaseGeometry] = []
        self._points: NDArray[np.float64] | None = None
        self._rings: list[NDArray[np.float64]] = []
        self._damage: str | None = None
        self._size = 0

    def take(self) -> list[_Placemark]:
        """Return the placemarks that were finished since the last call."""
        done, self._done = self._done, []
        return done

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Note an element that opens."""
        local = tag.rpartition("}")[2]
        if local == "Placemark":
            self._open = True
            self._reset()
        elif local in ("SimpleData", "Data"):
            self._key = attributes.get("name", "")
        elif local == "Polygon":
            self._rings = []
        self._text = [] if self._open and local in _TEXTS else None
        self._above.append(local)

    def data(self, text: str) -> None:
        """Note text."""
        if self._text is not None:
            self._size += len(text)
            if self._size > MOST_CHARACTERS:
                raise BadFile(f"{self._name} 第 {self.count + 1} 个地标的内容太多；请先简化图形再导入。")
            self._text.append(text)

    def end(self, tag: str) -> None:
        """Note an element that closes."""
        local = tag.rpartition("}")[2]
        self._above.pop()
        text = "".join(self._text) if self._text is not None else None
        self._text = None
        if not self._open:
            return
        if local == "Placemark":
            self._finish()
        elif text is not None:
            self._keep(local, self._above[-1], text)
        elif local in _MAKERS and self._damage is None:
            self._make(local)

    def close(self) -> None:
        """Note the end of the file."""

    def _keep(self, local: str, above: str, text: str) -> None:
        if local == "coordinates":
            try:
                self._points = _points(text)
            except _BadGeometry as bad:
                self._damage = str(bad)
        elif local == "name" and above == "Placemark":
            self._cells.setdefault("name", text)
        elif local == "SimpleData" or (local == "value" and above == "Data"):
            self._cells[self._key] = text

    def _make(self, local: str) -> None:
        try:
            if local == "LinearRing":
                self._rings.append(_at_least(3, self._points))
                if "Polygon" not in self._above:
                    self._parts.append(shapely.LinearRing(self._rings.pop()))
            elif local == "Polygon":
                if not self._rings:
                    raise _BadGeometry(_TOO_FEW)
                self._parts.append(shapely.Polygon(self._rings[0], self._rings[1:]))
            else:
                self._parts.append(_MAKERS[local](_at_least(1 if local == "Point" else 2, self._points)))
        except _BadGeometry as bad:
            self._damage = str(bad)
        self._points = None

    def _finish(self) -> None:
        parts = [] if self._damage else self._parts
        whole = shapely.GeometryCollection(parts) if len(parts) > 1 else next(iter(parts), None)
        self._done.append(_Placemark(self._cells, whole, self._damage))
        self.count += 1
        self._open = False


_MAKERS: Mapping[str, Callable[..., BaseGeometry]] = {
    "Point": lambda points: shapely.Point(points[0]),
    "LineString": shapely.LineString,
    "LinearRing": shapely.LinearRing,
    "Polygon": shapely.Polygon,
}


def _at_least(count: int, points: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if points is None or len(points) < count:
        raise _BadGeometry(_TOO_FEW)
    return points


def _points(text: str) -> NDArray[np.float64]:
    """Return lon, lat of the text of a coordinates element, shape (n, 2)."""
    try:
        points = [[float(number) for number in words.split(",")] for words in text.split()]
    except ValueError as error:
        raise _BadGeometry(_BROKEN) from error
    if any(len(point) not in (2, 3) for point in points):
        raise _BadGeometry(_BROKEN)
    return np.array([point[:2] for point in points], dtype=np.float64).reshape(-1, 2)
