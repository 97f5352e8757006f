"""Area files: GeoJSON, GeoPackage and the like with borders; CSV, XLSX and JSON lists without."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import shapely

from geo_service.areas.tree import AreaRow
from layers import pieces, readers, sheets
from layers.errors import BadFile
from layers.features import Features, Refusal
from layers.readers import fields
from layers.readers.synonyms import SYNONYMS
from layers.vocabulary import Datum

MAX_LIST_BYTES = 16 * 2**20
REVOKED = "已撤销"


@dataclass(frozen=True)
class AreaFile:
    """The rows of an areas file, and what there is to tell of it."""

    rows: Sequence[AreaRow]
    notes: Sequence[str] = ()


def read(
    path: Path, *, crs: str | None = None, datum: Datum = Datum.WGS84, encoding: str | None = None
) -> AreaFile:
    """Read the rows of an areas file; rows marked 已撤销 are left out. Raises BadFile, BadRow."""
    if path.suffix.lower() in sheets.ENDINGS:
        found = _table(path, encoding)
    elif path.suffix.lower() == ".json" and (records := _list_of_records(path)) is not None:
        found = _records(path.name, records)
    else:
        found = _drawn(readers.read(path, None, crs=crs, datum=datum, encoding=encoding))
    kept = [row for row in found.rows if REVOKED not in row.name]
    left = len(found.rows) - len(kept)
    return AreaFile(kept, [*found.notes, *([f"略过 {left} 行（已撤销）。"] if left else [])])


def _table(path: Path, encoding: str | None) -> AreaFile:
    heads = {key: SYNONYMS[None][key] for key in ("name", "code")}
    with path.open("rb") as file:
        sheet = sheets.read(file, path.name, heads, required=[["name"], ["code"]], encoding=encoding)
    columns = fields.choose(sheet.headers, None, {}, file=path.name)
    rows = []
    for row in sheet.rows:
        if row.problem:
            raise _row(path.name, row.number, {}).refused(f"{row.problem}。")
        cells = {c.standard: row.cells[sheet.headers.index(c.column)] for c in columns}
        rows.append(_row(path.name, row.number, _texts(path.name, row.number, cells)))
    return AreaFile(rows, sheet.notes)


def _list_of_records(path: Path) -> list[Any] | None:
    """Return a JSON file's list of objects; None where the file is something else (GeoJSON)."""
    with path.open("rb") as file:
        if not file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            return None
    if path.stat().st_size > MAX_LIST_BYTES:
        raise BadFile(f"{path.name}：超过 {MAX_LIST_BYTES // 2**20} MB，不像是辖区名单。")
    try:
        records = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path.name}：不是完整的 JSON 文件。请重新导出或重新发送。") from error
    return list(records)


def _records(name: str, records: Sequence[Any]) -> AreaFile:
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise _row(name, number, {}).refused("不是一条记录；列表里每一项都要有编码和名称。")
    keys = list(dict.fromkeys(str(key) for record in records for key in record))
    columns = fields.choose(keys, None, {}, file=name)
    there = {column.standard for column in columns}
    if records and not {"name", "code"} <= there:
        raise BadFile(f"{name}：每一项都要有编码（code）和名称（name）；读到的是：{'、'.join(keys[:20])}。")
    rows = []
    for number, record in enumerate(records, 1):
        cells = {c.standard: record.get(c.column) for c in columns}
        rows.append(_row(name, number, _texts(name, number, cells)))
    return AreaFile(rows)


def _drawn(features: Features) -> AreaFile:
    """Take rows whose geometry is an area, or that have none."""
    if features.refused:
        raise features.refused[0]
    if len(features) and not {"name", "code"} <= features.fields.keys():
        raise BadFile(f"{features.file}：没有找到编码和名称两列；请把列名改成「编码」和「名称」。")
    rows, notes = [], [*features.notes, *(remark.detail for remark in features.remarks)]
    for k, number in enumerate(features.rows):
        cells = {key: features.value(key, k) for key in ("name", "code", "parent", "level")}
        row = _row(features.file, number, _texts(features.file, number, cells))
        border, repair = _border(row, features.geometry[k])
        rows.append(replace(row, geometry=border))
        if repair:
            notes.append(f"「{features.file}」第 {number} 行「{row.name}」：{repair}。")
    return AreaFile(rows, notes)


def _border(row: AreaRow, geometry: Any | None) -> tuple[Any | None, str | None]:
    if geometry is None or shapely.is_empty(geometry):
        return None, None
    try:
        return pieces.area(geometry, "辖区边界")
    except Refusal as refusal:
        raise row.refused(f"{refusal.detail}。") from refusal


def _texts(name: str, number: int, cells: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {key: text for key, value in cells.items() if (text := fields.text(value))}
    except Refusal as refusal:
        raise _row(name, number, {}).refused(f"{refusal.detail}。") from refusal


def _row(name: str, number: int, texts: Mapping[str, str]) -> AreaRow:
    row = AreaRow(
        file=name,
        row=number,
        code=_without_country(texts.get("code", "")),
        name=texts.get("name", ""),
        parent=texts.get("parent"),
        level=texts.get("level"),
    )
    missing = [word for word, value in (("编码", row.code), ("名称", row.name)) if not value]
    if texts and missing:
        raise row.refused(f"没有{'和'.join(missing)}。")
    return row


def _without_country(code: str) -> str:
    """Return a code without the 156 of China that the national boundary file puts before it.

    >>> _without_country("156321281"), _without_country("321281001")
    ('321281', '321281001')
    """
    return code[3:] if len(code) == 9 and code.startswith("156") else code
