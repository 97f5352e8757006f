"""GeoJSON and CSV recordings."""

import codecs
import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from geo_service.patrols.fixes import Chunk
from layers.errors import BadFile, BadRow, BadTrack, YinxunError

_FIELDS = {
    "lon": "lon lng long longitude x 经度 gps经度 定位经度",
    "lat": "lat latitude y 纬度 gps纬度 定位纬度",
    "time": "time timestamp datetime dateandtime utctime utc gpstime localtime when times timems unixtime"
    " 时间 日期时间 时间戳 定位时间 记录时间 采集时间 上报时间 gps时间 北京时间",
    "date": "date 日期",
    "accuracy": "accuracy accuracym acc hacc horizontalaccuracy accuracyhorizontal"
    " 精度 定位精度 水平精度 误差 定位误差",
}
_FIELD_OF = {synonym: field for field, synonyms in _FIELDS.items() for synonym in synonyms.split()}
"""Header or property name, as `_plain` writes it, to what it means."""
_LISTS = ("coordTimes", "coordinateTimes", "times", "timestamps", "time", "timestamp")
"""Properties that hold one time a vertex."""
_HEADER_WITHIN = 10
_ROWS = 5000
_LONGEST_LINE = 128 * 1024
MAX_JSON_BYTES = 64 * 2**20
MAX_JSON_MEMORY = 160 * 2**20
"""What the values of a GeoJSON may take in memory, by a rough count before they are made."""
_JSON_SIZES = {b"[": 64, b"{": 184, b",": 32, b'"': 25}
"""Bytes that CPython takes for a list, an object, a number; half of a string."""


def csv_table(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Yield the fixes of a CSV with columns for longitude, latitude and time, in UTF-8, UTF-16 or GBK.

    BadFile if it is no such table, BadTrack without a time column, BadRow where a row is cut short.
    """
    lines = _lines(blocks)
    title, delimiter, before = _header(lines)
    fields = [_FIELD_OF.get(_plain(cell), "") for cell in title]
    columns = {field: fields.index(field) for field in _FIELDS if field in fields}
    if not columns.keys() & {"date", "time"}:
        raise BadTrack("表里没有时间列：这是路线，不是行走记录。请导出带时间的轨迹后再传。")
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        while (chunk := _table_chunk(islice(reader, _ROWS), reader, before, columns)) is not None:
            yield chunk
    except csv.Error as error:
        raise BadFile(f"表格在第 {before + reader.line_num} 行写坏了；请重新导出后再传。") from error


def _table_chunk(
    rows: Iterable[list[str]], reader: Any, before: int, columns: dict[str, int]
) -> Chunk | None:
    """Return the next rows as fixes, None at the end; `before`: lines read before the reader's first."""
    cells: dict[str, list[str | None]] = {field: [] for field in columns}
    lines: list[int] = []
    ended = True
    for row in rows:
        ended = False
        if not any(row):
            continue
        line = before + reader.line_num
        if len(row) <= max(columns.values()):
            raise BadRow(f"第 {line} 行只有 {len(row)} 列，文件可能没有传完；请重新导出后再传。", row=line)
        lines.append(line)
        for field, column in columns.items():
            cells[field].append(row[column].strip() or None)
    times = cells.get("time", cells.get("date", []))
    if "date" in cells and "time" in cells:
        times = [date and time and f"{date} {time}" for date, time in zip(cells["date"], times, strict=True)]
    return None if ended else Chunk(cells["lon"], cells["lat"], times, cells.get("accuracy", ()), lines)


def _header(lines: Iterator[str]) -> tuple[list[str], str, int]:
    """Return the header cells, the delimiter, and how many lines were read up to and with the header."""
    for number, line in enumerate(islice(lines, _HEADER_WITHIN), start=1):
        for delimiter in ",\t;":
            cells = next(csv.reader([line], delimiter=delimiter), [])
            if {"lon", "lat"} <= {_FIELD_OF.get(_plain(cell)) for cell in cells}:
                return cells, delimiter, number
    raise BadFile(
        "没有认出轨迹：不是 GPX、KML、GeoJSON，也不是带“经度、纬度、时间”列名的 CSV。"
        "请在手机应用里导出 GPX 后再传。"
    )


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    rest, number = "", 0
    for text in _decoded(blocks):
        if "\0" in text:
            raise BadFile(f"文件在第 {number + 1} 行后有 NUL 字符，不是文本；请重新导出后再传。")
        *whole, rest = (rest + text).splitlines(keepends=True) or [""]
        if rest.endswith("\n"):
            whole, rest = [*whole, rest], ""
        if len(rest) > _LONGEST_LINE:
            raise BadFile(f"第 {number + 1} 行太长，不是轨迹表格；请在手机应用里导出 GPX 后再传。")
        number += len(whole)
        yield from whole
    if rest:
        yield rest


def _decoded(blocks: Iterable[bytes]) -> Iterator[str]:
    # Only the header needs its characters: what of the rest cannot be decoded is in no column that is read.
    blocks = iter(blocks)
    first = next(blocks, b"")
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(first)
            encoding = "utf-8-sig"
        except UnicodeDecodeError:
            encoding = "gb18030"
    return codecs.iterdecode(chain([first], blocks), encoding, errors="replace")


def _plain(name: str) -> str:
    """Return a header without case, width, brackets and punctuation.

    >>> _plain(" GPS_Time "), _plain("精度（米）")
    ('gpstime', '精度')
    """
    text = re.sub(r"[(\[].*?[)\]]", "", unicodedata.normalize("NFKC", name).lower())
    return re.sub(r"[\W_]+", "", text)


def geojson(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Yield the fixes of a GeoJSON: lines with a time a vertex, or points with a time.

    BadFile if it is no GeoJSON or too large, BadTrack where a line's vertices have no times.
    """
    document = _json(blocks)
    points: list[tuple[Any, Any, str | None, Any]] = []
    for number, feature in enumerate(_features(document), start=1):
        try:
            geometry, properties = feature.get("geometry") or {}, feature.get("properties") or {}
            if geometry.get("type") == "Point":
                lon, lat = geometry["coordinates"][:2]
                known = {_FIELD_OF.get(_plain(key)): value for key, value in properties.items()}
                points.append((lon, lat, _text(known.get("time")), known.get("accuracy")))
            elif geometry.get("type") in ("LineString", "MultiLineString", "MultiPoint"):
                yield _line(geometry, properties, number)
        except YinxunError:
            raise
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise BadFile(f"GeoJSON 的第 {number} 个要素结构不对；请重新导出后再传。") from error
    if points:
        lon, lat, time, accuracy = zip(*points, strict=True)
        yield Chunk(lon, lat, time, accuracy)


def _json(blocks: Iterable[bytes]) -> Any:
    data = bytearray()
    for block in blocks:
        data += block
        if len(data) > MAX_JSON_BYTES:
            raise BadFile(f"GeoJSON 超过 {MAX_JSON_BYTES // 2**20} MB；请改用 GPX，或拆成几个文件后再传。")
    if len(data) + sum(size * data.count(mark) for mark, size in _JSON_SIZES.items()) > MAX_JSON_MEMORY:
        raise BadFile("GeoJSON 里的内容太多；请改用 GPX，或拆成几个文件后再传。")
    try:
        return json.loads(bytes(data))
    except json.JSONDecodeError as error:
        raise BadFile(f"GeoJSON 在第 {error.lineno} 行断开或损坏，可能没传完；请重新导出后再传。") from error
    except (ValueError, RecursionError) as error:
        raise BadFile("GeoJSON 的编码或嵌套不对；请重新导出后再传。") from error


def _features(document: Any) -> Sequence[Any]:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        return list(document["features"])
    if kind == "Feature":
        return [document]
    if kind in ("LineString", "MultiLineString", "MultiPoint"):
        return [{"geometry": document, "properties": {}}]
    raise BadFile("这个 JSON 不是 GeoJSON 轨迹；请在手机应用里导出 GPX 或 GeoJSON 后再传。")


def _line(geometry: dict[str, Any], properties: dict[str, Any], number: int) -> Chunk:
    places = geometry["coordinates"]
    found = {**properties, **(properties.get("coordinateProperties") or {})}
    times = next((found[key] for key in _LISTS if isinstance(found.get(key), list)), None)
    if geometry["type"] == "MultiLineString":
        places = list(chain.from_iterable(places))
        if times and isinstance(times[0], list):
            times = list(chain.from_iterable(times))
    if times is None:
        if not all(len(place) >= 4 for place in places):
            raise BadTrack("轨迹线没有每个点的时间：这是路线，不是行走记录。请导出带时间的轨迹后再传。")
        times = [place[3] for place in places]
    if len(times) != len(places):
        raise BadFile(
            f"GeoJSON 的第 {number} 个要素有 {len(places)} 个点、{len(times)} 个时间；请重新导出后再传。"
        )
    return Chunk(
        [place[0] for place in places], [place[1] for place in places], [_text(time) for time in times]
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
