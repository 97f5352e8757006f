"""Recordings as phones, watches and apps write them, told apart by their content."""

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

from geo_service.patrols import fit, markup, texts
from geo_service.patrols.fixes import Chunk, collect
from layers.errors import BadFile, UnknownTimeZone, YinxunError
from layers.tracks import Recording

MAX_BYTES = 256 * 2**20
"""Of an unpacked document; it is read as a stream."""
_BLOCK = 32 * 1024
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What unpacking raises; RuntimeError: a zip with a password."""
_FOREIGN = {
    b"%PDF": "PDF",
    b"\x89PNG": "图片",
    b"\xff\xd8\xff": "照片",
    b"GIF8": "图片",
    b"SQLite format 3": "数据库（GeoPackage 等）",
    b"\xd0\xcf\x11\xe0": "旧版 Office 文件",
    b"Rar!": "RAR 压缩包",
    b"7z\xbc\xaf": "7z 压缩包",
    b"\x7fELF": "程序",
    b"MZ": "程序",
}


def parse(
    source: Path | bytes | BinaryIO, *, name: str | None = None, time_zone: str | None = None
) -> Recording:
    """Return the recording in a file: times in epoch seconds (UTC), lon, lat in degrees as the file has them.

    GPX 1.0 and 1.1, KML (also KMZ), GeoJSON, CSV and FIT, also gzip-compressed; several tracks of one file
    are one recording. `name` is what messages call the file; `time_zone` (IANA) is for times without a zone.

    BadFile (not such a file, damaged, empty, too large), BadRow, BadTrack (no times), UnknownTimeZone.
    """
    if time_zone is not None:
        _check_zone(time_zone)
    called = name or (source.name if isinstance(source, Path) else None)
    try:
        with _opened(source) as stream:
            return collect(_chunks(stream), time_zone=time_zone)
    except YinxunError as error:
        if called:
            error.detail = f"文件「{called}」：{error.detail}"
            error.args = (error.detail,)
        raise


def _check_zone(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (ValueError, OSError, KeyError) as error:
        raise UnknownTimeZone(f"不认识时区「{time_zone[:60]}」；请写成 Asia/Shanghai 这样的名称。") from error


def _chunks(stream: BinaryIO) -> Iterator[Chunk]:
    head = stream.read(_BLOCK)
    if not head.strip():
        raise BadFile("文件是空的；请重新导出后再传。")
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise BadFile(f"文件的内容是{what}，不是轨迹；请在手机应用里导出 GPX 后再传。")
    if fit.is_fit(head):
        return fit.chunks(head, stream)
    match _first_character(head):
        case "<":
            return markup.chunks(_blocks(head, stream))
        case "{" | "[":
            return texts.geojson(_blocks(head, stream))
        case _:
            return texts.csv_table(_blocks(head, stream))


def _first_character(head: bytes) -> str:
    for bom, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(bom):
            return head[:200].decode(encoding, "ignore").strip()[:1]
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1].decode("latin-1")


def _blocks(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield head
    size = len(head)
    while block := stream.read(_BLOCK):
        size += len(block)
        if size > MAX_BYTES:
            raise BadFile(f"文件内容超过 {MAX_BYTES // 2**20} MB；请按每次巡查拆成几个文件后再传。")
        yield block


@contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    """Open a source for reading, unpacked if it is gzip or a KMZ."""
    if isinstance(source, Path):
        with source.open("rb") as file, _unpacked(file) as stream:
            yield stream
    else:
        with _unpacked(io.BytesIO(source) if isinstance(source, bytes) else source) as stream:
            yield stream


@contextmanager
def _unpacked(file: BinaryIO) -> Iterator[BinaryIO]:
    magic = file.read(4)
    file.seek(0)
    try:
        if magic.startswith(b"\x1f\x8b"):
            with gzip.open(file) as stream:
                yield cast(BinaryIO, stream)
        elif magic.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(file) as archive, archive.open(_kml_of(archive)) as member:
                yield cast(BinaryIO, member)
        else:
            yield file
    except _DAMAGED as error:
        raise BadFile("压缩文件损坏、加密或没有传完；请重新导出后再传。") from error


def _kml_of(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [info for info in archive.infolist() if info.filename.lower().endswith(".kml")]
    if any(info.filename == "[Content_Types].xml" for info in archive.infolist()):
        raise BadFile("文件的内容是 Office 文档；请在 Excel 里另存为 CSV 后再传。")
    if len(members) != 1:
        raise BadFile("压缩包里应当正好有一个 KML；请解压后把轨迹文件一个一个地传。")
    return members[0]
