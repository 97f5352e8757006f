"""The bounds of an .osm.pbf file, before a decoder sees it: kilobytes can be made to unpack to gigabytes.

A file is a row of blobs, each with the length of its header (4 bytes, big-endian), a header (field 1 type,
field 3 size) and the blob (field 2 the unpacked size), in protocol buffers (OSM wiki, "PBF Format").
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import osmium

from layers.errors import BadFile

LARGEST_BYTES = 36 << 20
LARGEST_BLOB_BYTES = 16 << 20
"""Unpacked, what the format recommends at most."""
LARGEST_UNPACKED_BYTES = 200 << 20
_LARGEST_HEADER_BYTES = 64 << 10
_VARINT, _BYTES = 0, 2
_HEAD_BYTES = 64


def check(path: Path, name: str, *, most_nodes: int, cure: str) -> None:
    """Raise BadFile for a file that is damaged or would take too much memory."""
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise BadFile(f"{name} 有 {size >> 20} MB，超过 {LARGEST_BYTES >> 20} MB；{cure}。")
    try:
        unpacked = list(_unpacked_bytes(path))
    except (IndexError, ValueError) as error:
        raise BadFile(f"{name} 不完整或已损坏，读不出来；请重新下载。") from error
    if sum(unpacked) > LARGEST_UNPACKED_BYTES or max(unpacked, default=0) > LARGEST_BLOB_BYTES:
        raise BadFile(f"{name} 解压后有 {sum(unpacked) >> 20} MB，大小不正常；{cure}。")
    nodes = osmium.FileProcessor(osmium.io.File(str(path), "pbf"), osmium.osm.NODE)
    if sum(1 for _ in itertools.islice(nodes, most_nodes + 1)) > most_nodes:
        raise BadFile(f"{name} 里超过 {most_nodes} 个节点；{cure}。")


def _unpacked_bytes(path: Path) -> Iterator[int]:
    """Yield the unpacked size that each blob declares; ValueError or IndexError where the file is damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while head := file.read(4):
            header_bytes = int.from_bytes(head, "big")
            if len(head) < 4 or header_bytes > _LARGEST_HEADER_BYTES:
                raise ValueError("header")
            blob_bytes = _fields(file.read(header_bytes)).get(3, 0)
            start = file.tell()
            if start + blob_bytes > size:
                raise ValueError("cut off")
            yield max(_fields(file.read(min(blob_bytes, _HEAD_BYTES))).get(2, 0), blob_bytes)
            file.seek(start + blob_bytes)


def _fields(message: bytes) -> dict[int, int]:
    """Return the numbers among the fields of a message, as far as its bytes reach."""
    found: dict[int, int] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        if key & 7 == _VARINT:
            found[key >> 3] = value
        elif key & 7 == _BYTES:
            at += value
        else:
            raise ValueError("field")
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
