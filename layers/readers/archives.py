"""Archives: a ZIP is unpacked into a folder of our own, by our own names, within bounds."""

import shutil
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from layers.errors import BadFile
from layers.readers.signatures import LARGEST_BYTES, suffix

MOST_MEMBERS = 1000
HIGHEST_RATIO = 200
"""Unpacked to packed size; real shapefiles stay below 50."""
_RATIO_MATTERS_BYTES = 10 << 20

_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1


class Unpacked(NamedTuple):
    """The one map of an archive: where it lies now, and its name there and for messages."""

    path: Path
    name: str
    layer_name: str | None
    """Which of its layers, where that was not said by naming the map."""


@contextmanager
def unpacked(archive: Path, name: str, layer_name: str | None) -> Iterator[Unpacked]:
    """Give the map inside a ZIP (a shapefile with its other files, KML, GeoJSON, GeoPackage or OSM).

    `layer_name` chooses among several. BadFile for a bomb, a path that climbs out, a password, damage, and
    for none or several maps.
    """
    with tempfile.TemporaryDirectory(prefix="yinxun-") as folder:
        try:
            with zipfile.ZipFile(archive) as file:
                members = _members(file, name)
                chosen, said = _choose(members, name, layer_name)
                inner = _extract(file, members, chosen, Path(folder))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise BadFile(f"{name} 不完整或已损坏，不能解压；请重新压缩或重新传送。") from error
        yield Unpacked(inner, f"{name} 里的 {PurePosixPath(chosen).name}", None if said else layer_name)


def _members(file: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by their readable names, after everything was checked."""
    infos = [info for info in file.infolist() if not info.is_dir()]
    if len(infos) > MOST_MEMBERS:
        raise BadFile(f"{name} 里有 {len(infos)} 个文件，超过 {MOST_MEMBERS} 个；请只压缩要导入的图层。")
    for info in infos:
        _check_path(info, name)
        if info.flag_bits & _ENCRYPTED_FLAG:
            raise BadFile(f"{name} 有密码；请去掉密码重新压缩。")
    whole = sum(info.file_size for info in infos)
    packed = max(1, sum(info.compress_size for info in infos))
    if whole > LARGEST_BYTES or (whole > _RATIO_MATTERS_BYTES and whole / packed > HIGHEST_RATIO):
        raise BadFile(f"{name} 解压后有 {whole >> 20} MB，大小不正常；请只压缩要导入的图层，重新压缩。")
    return {_readable(info): info for info in infos}


def _check_path(info: zipfile.ZipInfo, name: str) -> None:
    for path in (PurePosixPath(info.filename), PureWindowsPath(info.filename)):
        if path.is_absolute() or path.drive or ".." in path.parts:
            raise BadFile(f"{name} 里有指向文件夹之外的路径，可能有害；请重新压缩。")


def _readable(info: zipfile.ZipInfo) -> str:
    # Old Windows tools write GBK names without a flag, which zipfile reads as cp437.
    if info.flag_bits & _UTF8_FLAG:
        return info.filename
    try:
        raw = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _choose(members: dict[str, zipfile.ZipInfo], name: str, layer_name: str | None) -> tuple[str, bool]:
    """Return the map to read, and whether `layer_name` was the name of that map."""
    visible = [m for m in members if not PurePosixPath(m).name.startswith(".") and "__MACOSX" not in m]
    maps = [m for m in visible if suffix(m) not in (None, ".zip", ".kmz")]
    if len(maps) == 1:
        return maps[0], False
    named = [m for m in maps if layer_name in (PurePosixPath(m).stem, PurePosixPath(m).name)]
    if len(named) == 1:
        return named[0], True
    if not maps:
        lonely = any(m.lower().endswith(_SIDECARS) for m in visible)
        without = "缺 .shp；请把 .shp、.shx、.dbf、.prj 一起压缩"
        cure = without if lonely else "请压缩地图文件（如 .shp 及其附属文件）"
        raise BadFile(f"{name} 里没有可以导入的地图：{cure}。")
    there = "、".join(PurePosixPath(m).stem for m in maps)
    raise BadFile(f"{name} 里有 {len(maps)} 个图层：{there}；请用 --layer-name 指明导入哪一个。")


def _extract(file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], chosen: str, folder: Path) -> Path:
    end = suffix(chosen) or ""
    inner = folder / f"map{end}"
    _copy(file, members[chosen], inner)
    if end == ".shp":
        beside = defaultdict(list)
        for member in members:
            beside[str(PurePosixPath(member).with_suffix("")).lower()].append(member)
        for member in beside[str(PurePosixPath(chosen).with_suffix("")).lower()]:
            sidecar = PurePosixPath(member).suffix.lower()
            if sidecar in _SIDECARS:
                _copy(file, members[member], inner.with_suffix(sidecar))
    return inner


def _copy(file: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    # zipfile gives no more bytes than the directory declares, which was checked.
    with file.open(info) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
