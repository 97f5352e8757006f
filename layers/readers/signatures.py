"""What a file really is: its name, its first bytes, and for XML what stands before the first element."""

import gzip
import re
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from layers.errors import BadFile

LARGEST_BYTES = 1 << 30
"""No map of a county is larger, packed or unpacked."""
_HEAD_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20


class Kind(StrEnum):
    """The formats that are read."""

    GEOPACKAGE = "GeoPackage"
    GEOJSON = "GeoJSON"
    SHAPEFILE = "Shapefile"
    KML = "KML"
    OSM_XML = "OSM XML"
    OSM_PBF = "OSM PBF"
    OVERPASS = "Overpass JSON"
    ZIP = "ZIP"


_BY_NAME = {
    ".gpkg": (Kind.GEOPACKAGE,),
    ".geojson": (Kind.GEOJSON,),
    ".json": (Kind.GEOJSON, Kind.OVERPASS),
    ".zip": (Kind.ZIP,),
    ".kmz": (Kind.ZIP,),
    ".shp": (Kind.SHAPEFILE,),
    ".kml": (Kind.KML,),
    ".osm": (Kind.OSM_XML,),
    ".osm.gz": (Kind.OSM_XML,),
    ".pbf": (Kind.OSM_PBF,),
}
SUFFIXES = tuple(_BY_NAME)

_STARTS = {
    b"SQLite format 3\0": Kind.GEOPACKAGE,
    b"PK\3\4": Kind.ZIP,
    b"PK\5\6": Kind.ZIP,
    b"\0\0\x27\x0a": Kind.SHAPEFILE,
}
_BLOB_HEADER_BYTES = 40
_XML_ROOTS = {"kml": Kind.KML, "osm": Kind.OSM_XML}
_MISC = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ELEMENT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")


def suffix(name: str) -> str | None:
    """Return the ending of a file name by which its format is known, None for others.

    >>> suffix("Roads.OSM.GZ"), suffix("a.tar.gz")
    ('.osm.gz', None)
    """
    low = name.lower()
    return next((end for end in (".osm.gz", *SUFFIXES) if low.endswith(end)), None)


def kind_of(path: Path, name: str) -> Kind:
    """Return the format of a file whose name and content agree; BadFile otherwise.

    `name` is what the user calls the file. XML with a document type (the way in of entity bombs and of
    external entities) is refused before any parser sees it.
    """
    end = suffix(name)
    if end is None:
        known = "、".join(SUFFIXES)
        raise BadFile(f"不认识 {name} 的格式；可以导入的有：{known}（Shapefile 请把各个文件压成一个 .zip）。")
    size = _size(path, name)
    if size > LARGEST_BYTES:
        raise BadFile(f"{name} 有 {size >> 20} MB，超过 {LARGEST_BYTES >> 20} MB；请先裁剪到本县再导入。")
    found = _kind_of_content(_head(path, name, packed=end == ".osm.gz"), name)
    if found not in _BY_NAME[end]:
        real = f"内容是 {found.value}" if found else "内容不是这种格式"
        raise BadFile(f"{name} 的扩展名是 {end}，{real}；请核对文件，改成正确的扩展名或重新导出。")
    return found


def _size(path: Path, name: str) -> int:
    if not path.is_file():
        raise BadFile(f"找不到文件 {name}；请核对路径。")
    size = path.stat().st_size
    if size == 0:
        raise BadFile(f"{name} 是空文件；请重新导出或重新传送。")
    return size


def _head(path: Path, name: str, *, packed: bool) -> bytes:
    if not packed:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    try:
        with gzip.open(path) as file:
            return file.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{name} 不是完好的 gzip 文件；请重新下载或重新压缩。") from error


def _kind_of_content(head: bytes, name: str) -> Kind | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadFile(f"{name} 是 UTF-16 编码；请另存为 UTF-8 后再导入。")
    if b"OSMHeader" in head[:_BLOB_HEADER_BYTES]:
        return Kind.OSM_PBF
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        return Kind.OVERPASS if b'"elements"' in head and b'"features"' not in head else Kind.GEOJSON
    if text.startswith(b"<"):
        return _XML_ROOTS.get(_root(text, name))
    if head.startswith(b"SQLite format 3\0") and head[68:72] not in (b"GPKG", b"GP10", b"GP11"):
        return None
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)


def _root(text: bytes, name: str) -> str:
    """Return the name of the first element; BadFile for a document type or something else before it."""
    at = 0
    while found := _MISC.match(text, at):
        at = found.end()
    if text.startswith(b"<!", at):
        raise BadFile(f"{name} 里有文档类型或实体声明（DOCTYPE），可能有害；请用原软件重新导出。")
    element = _ELEMENT.match(text, at)
    return element[1].decode("ascii", "replace") if element else ""


def chunks(path: Path, name: str, *, packed: bool = False) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces of a megabyte, unpacked if it is gzip; BadFile past the limit."""
    size = 0
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > LARGEST_BYTES:
                    raise BadFile(f"{name} 解压后超过 {LARGEST_BYTES >> 20} MB；请先裁剪到本县再导入。")
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{name} 不完整或已损坏；请重新下载或重新压缩。") from error
