"""GeoPackage, GeoJSON and Shapefile, read by GDAL: one named driver each, nothing that follows links.

GDAL guesses formats from content, and some of them open other files or hosts; the caller has checked the
signature, and GeoJSON is asked for by driver.
"""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw

from layers.errors import BadFile
from layers.features import Refusal
from layers.readers import dbf, signatures
from layers.readers.fields import Column
from layers.readers.signatures import Kind
from layers.readers.table import MOST_FEATURES, Table

_LARGEST_FEATURE_MB = "100"
"""What one GeoJSON feature may take in memory: some 95,000 points."""
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000|\0")
_FEATURE = re.compile(rb'"type"\s*:\s*"Feature"')
_OVERLAP_BYTES = 64
_UNREADABLE = "图形数据已损坏；请在原软件里重画这一行"

Choose = Callable[[Sequence[str], Callable[[str], int] | None], list[Column]]
"""Given the columns of a file (and where names are cut, the size of a text in bytes), which to read."""


_BYTES = "ISO-8859-1"
"""Every byte is a character of it: texts that we decode ourselves pass GDAL unharmed."""


class _Source(NamedTuple):
    path: str
    layer: str | None
    encoding: str | None
    info: Mapping[str, Any]


def read(
    path: Path, kind: Kind, name: str, choose: Choose, *, layer_name: str | None, encoding: str | None
) -> Table:
    """Return the features of a GeoPackage, GeoJSON or Shapefile. BadFile where it cannot be read."""
    if kind is Kind.SHAPEFILE:
        return _shapefile(path, name, choose, encoding)
    if kind is Kind.GEOJSON:
        _refuse_nul(path, name)
    if kind is Kind.GEOPACKAGE:
        _check_whole(path, name)
    source = _open(f"GEOJSON:{path}" if kind is Kind.GEOJSON else str(path), name, layer_name)
    columns = choose(list(source.info["fields"]), None)
    _, _, wkb, values = _read(source, name, columns=[c.column for c in columns])
    order = {column: values[i] for i, column in enumerate(_in_file_order(source, columns))}
    geometry, damaged = _geometry(wkb)
    if kind is Kind.GEOPACKAGE:
        damaged |= _nul_rows(source, columns, name)
    return Table(
        geometry=geometry,
        columns=columns,
        cells={c.standard: order[c.column].tolist() for c in columns},
        rows=range(1, len(geometry) + 1),
        crs=source.info["crs"],
        damaged=damaged,
    )


def _in_file_order(source: _Source, columns: Sequence[Column]) -> list[str]:
    wanted = {column.column for column in columns}
    return [column for column in source.info["fields"] if column in wanted]


def _open(path: str, name: str, layer_name: str | None, encoding: str | None = None) -> _Source:
    pyogrio.set_gdal_config_options({"OGR_GEOJSON_MAX_OBJ_SIZE": _LARGEST_FEATURE_MB})
    layers = [
        str(layer) for layer, geometry in _gdal(pyogrio.list_layers, name, path) if geometry is not None
    ]
    if not layers:
        raise BadFile(f"{name} 里没有图形；请换成带图形的图层。")
    if layer_name is not None and layer_name not in layers:
        raise BadFile(f"{name} 里没有图层「{layer_name}」；文件里有：{'、'.join(layers)}。")
    if layer_name is None and len(layers) > 1:
        raise BadFile(
            f"{name} 里有 {len(layers)} 个图层：{'、'.join(layers)}；请用 --layer-name 指明导入哪一个。"
        )
    layer = layer_name or layers[0]
    info = _gdal(pyogrio.read_info, name, path, layer=layer, encoding=encoding, force_feature_count=True)
    _check_count(int(info["features"]), name)
    return _Source(path, layer, encoding, info)


def _check_count(features: int, name: str) -> None:
    if features == 0:
        raise BadFile(f"{name} 里一行也没有；请重新导出。")
    if features > MOST_FEATURES:
        raise BadFile(
            f"{name} 里有 {features} 行，超过 {MOST_FEATURES} 行；请先裁剪到本县，或分几个文件导入。"
        )


def _read(source: _Source, name: str, **options: Any) -> Any:
    return _gdal(
        raw.read,
        name,
        source.path,
        layer=source.layer,
        encoding=source.encoding,
        force_2d=True,
        datetime_as_string=True,
        **options,
    )


def _gdal(call: Callable[..., Any], name: str, *args: Any, **options: Any) -> Any:
    # What GDAL only warns of (a ring that is not closed, a missing side file) our own checks find again.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*args, **options)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as error:
        if "too complex/large" in str(error):
            raise BadFile(f"{name} 里有一个要素的顶点太多；请先简化图形再导入。") from error
        raise BadFile(f"{name} 不完整或已损坏，读不出来；请在原软件里打开检查后重新导出。") from error


def _geometry(wkb: NDArray[np.object_]) -> tuple[NDArray[np.object_], dict[int, str]]:
    """Return shapely geometries, and the positions of those that are damaged."""
    with np.errstate(invalid="ignore"):
        found = shapely.from_wkb(wkb, on_invalid="ignore")
    missing = np.flatnonzero((found == None) & (wkb != None))  # noqa: E711
    return found, dict.fromkeys(missing.tolist(), _UNREADABLE)


def _refuse_nul(path: Path, name: str) -> None:
    # GDAL ends a text at NUL without a word.
    before = features = 0
    tail = b""
    for chunk in signatures.chunks(path, name):
        text = tail + chunk
        if (b"\\u0000" in text or b"\0" in text) and (found := _NUL.search(text)):
            features += len(_FEATURE.findall(text, 0, found.start()))
            raise BadFile(
                f"{name} 第 {features} 个要素附近（第 {before + found.start()} 字节）有 NUL 字符；"
                "请在原软件里改正这一格后重新导出。"
            )
        features += len(_FEATURE.findall(text, 0, max(0, len(text) - _OVERLAP_BYTES)))
        before += max(0, len(text) - _OVERLAP_BYTES)
        tail = text[-_OVERLAP_BYTES:]


def _check_whole(path: Path, name: str) -> None:
    """Compare the size of a GeoPackage with what its header says: SQLite notices a cut late or never."""
    with path.open("rb") as file:
        head = file.read(100)
    page_bytes = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    trusted = head[24:28] == head[92:96]
    if trusted and path.stat().st_size < pages * (65536 if page_bytes == 1 else page_bytes):
        raise BadFile(f"{name} 不完整，文件被截断；请重新传送。")


def _check_declared_size(path: Path, name: str) -> None:
    # A .shp or .shx holds its length in 16-bit words at byte 24, big-endian.
    with path.open("rb") as file:
        words = int.from_bytes(file.read(28)[24:], "big")
    if path.stat().st_size < 2 * words:
        raise BadFile(f"{name} 的 {path.suffix.lower()} 不完整，文件被截断；请重新传送。")


def _nul_rows(source: _Source, columns: Sequence[Column], name: str) -> dict[int, str]:
    texts = [
        column.column
        for column in columns
        if str(source.info["dtypes"][list(source.info["fields"]).index(column.column)]) in ("object", "str")
    ]
    quoted = ['"' + column.replace('"', '""') + '"' for column in texts]
    if not quoted:
        return {}
    fids = _read(source, name, columns=[], read_geometry=False, return_fids=True)[1]
    where = " OR ".join(f"instr({column}, char(0)) > 0" for column in quoted)
    bad = _read(source, name, columns=[], read_geometry=False, return_fids=True, where=where)[1]
    detail = "文字里有不能显示的字符（如 NUL）；请在原软件里重新填写这一格"
    return dict.fromkeys(np.flatnonzero(np.isin(fids, bad)).tolist(), detail)


def _shapefile(path: Path, name: str, choose: Choose, encoding: str | None) -> Table:
    sidecars = {p.suffix.lower(): p for p in path.parent.iterdir() if p.stem.lower() == path.stem.lower()}
    for needed in (".shx", ".dbf"):
        if needed not in sidecars:
            raise BadFile(f"{name} 缺少 {needed} 文件；请把 .shp、.shx、.dbf、.prj 放在一起（或一起压缩）。")
    for part in (path, sidecars[".shx"]):
        _check_declared_size(part, name)
    source = _open(str(path), name, None, encoding=_BYTES)
    table = dbf.read(sidecars[".dbf"], name)
    cpg = sidecars[".cpg"].read_text("ascii", "replace")[:40].strip() if ".cpg" in sidecars else None
    codec, note = dbf.encoding_of(table, encoding, cpg, name)
    names = [dbf.name_of(field, codec).strip() for field in table.names]
    columns = choose(names, lambda text: len(text.encode(codec, "replace")))
    _, fids, wkb, _ = _read(source, name, columns=[], return_fids=True)
    geometry, damaged = _geometry(wkb)
    cells = {}
    for column in columns:
        cells[column.standard] = _cells(table, names.index(column.column), fids, codec, column, damaged)
    return Table(
        geometry=geometry,
        columns=columns,
        cells=cells,
        rows=(fids + 1).tolist(),
        crs=source.info["crs"],
        damaged=damaged,
        notes=[f"文字编码：{codec.upper()}。", *([note] if note else [])],
    )


def _cells(
    table: dbf.Dbf, position: int, fids: NDArray[np.intp], codec: str, column: Column, damaged: dict[int, str]
) -> list[object]:
    cells: list[object] = []
    for number, cell in enumerate(table.raw(position, fids)):
        try:
            cells.append(dbf.value(bytes(cell), table.kinds[position], codec))
        except Refusal as refusal:
            damaged[number] = f"「{column.column}」列{refusal.detail}"
            cells.append(None)
    return cells
