"""Simple tables people keep: XLSX or CSV with one header row and one record a row, read as text.

Bounded on purpose: a workbook that unpacks too large, or a table of more than `MAX_ROWS` rows, is refused
before it fills the memory.
"""

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from layers import workbook
from layers.errors import BadFile
from layers.workbook import MAX_COLUMNS, Table

MAX_BYTES = 32 * 2**20
MAX_ROWS = 200_000
_HEADER_WITHIN = 10
_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"}
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_FORMULA_STARTS = ("=", "+", "-", "@")

Fields = Mapping[str, Sequence[str]]
"""Field name -> the headers that mean it; the first of them is what messages call it."""


@dataclass(frozen=True)
class Row:
    """One record: its row number as Excel shows it, and its values by field name (blank ones left out)."""

    number: int
    values: dict[str, str]
    cells: tuple[str, ...] = ()
    """The row as it stood in the file, one text a header."""
    problem: str | None = None
    """Why the row cannot be read, in plain Chinese."""


@dataclass(frozen=True)
class Sheet:
    """A table as read: its headers in the order of the file, its rows, and the headers nobody asked for."""

    headers: list[str]
    rows: list[Row]
    ignored: list[str] = field(default_factory=list)


def read(
    file: BinaryIO,
    name: str,
    fields: Fields,
    *,
    required: Sequence[Sequence[str]] = (),
    encoding: str | None = None,
) -> Sheet:
    """Read the first table of an XLSX workbook or a CSV file whose header row names the required fields.

    `file` is open for reading bytes and can seek; `name` is what messages call it, its ending says what
    it should be. Each group of `required` needs at least one of its fields. The header row is looked for
    among the first ten rows. CSV may be UTF-8, UTF-16 or GBK, separated by comma, semicolon or tab.
    Raises BadFile; a row that cannot be read carries its `problem` instead.
    """
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if name.lower().endswith((".xlsx", ".xlsm")):
        tables = _workbook(file, name, start)
    elif name.lower().endswith((".csv", ".txt", ".tsv")):
        tables = iter([_text_table(file, name, start, encoding)])
    else:
        raise BadFile(f"{name}：只认 .xlsx 和 .csv 表格。请在 Excel 或 WPS 里另存为其中一种再导入。")
    try:
        return _first_with_headers(tables, name, fields, required)
    finally:
        file.seek(0)


def _first_with_headers(
    tables: Iterator[Table],
    name: str,
    fields: Fields,
    required: Sequence[Sequence[str]],
) -> Sheet:
    seen: list[str] = []
    for table in tables:
        for number, cells in table:
            columns = _columns(cells, fields)
            if all(any(wanted in columns.values() for wanted in group) for group in required):
                _refuse_doubled_headers(columns, cells, name)
                return _body(table, cells, columns, name)
            seen = seen or [cell for cell in cells if cell]
            if number >= _HEADER_WITHIN:
                break
    if not seen:
        raise BadFile(f"{name}：表格是空的。请确认保存的是填好的那一张。")
    wanted = "、".join("或".join(f"「{fields[key][0]}」" for key in group) for group in required)
    raise BadFile(
        f"{name}：前 {_HEADER_WITHIN} 行里没有找到需要的表头 {wanted}；"
        f"读到的是：{'、'.join(seen[:20])[:200]}。请给表格加上这些列名。"
    )


def _columns(cells: list[str], fields: Fields) -> dict[int, str]:
    meaning = {_plain(header): key for key, headers in fields.items() for header in (key, *headers)}
    return {i: meaning[plain] for i, cell in enumerate(cells) if (plain := _plain(cell)) in meaning}


def _plain(header: str) -> str:
    # Full width, blanks, a star for "required" and a trailing colon carry no meaning in a header.
    return re.sub(r"[\s*_]", "", unicodedata.normalize("NFKC", header)).rstrip(":").lower()


def _refuse_doubled_headers(columns: dict[int, str], cells: list[str], name: str) -> None:
    first: dict[str, int] = {}
    for i, key in columns.items():
        if key in first:
            raise BadFile(
                f"{name}：第 {first[key] + 1} 列「{cells[first[key]]}」和第 {i + 1} 列「{cells[i]}」"
                "是同一个意思。请删去或改名其中一列。"
            )
        first[key] = i


def _body(table: Table, headers: list[str], columns: dict[int, str], name: str) -> Sheet:
    width = max((i + 1 for i, header in enumerate(headers) if header), default=0)
    rows: list[Row] = []
    for number, cells in table:
        if len(rows) >= MAX_ROWS:
            raise BadFile(f"{name}：超过 {MAX_ROWS} 行。请分成几个文件导入。")
        if any(cells):
            rows.append(_row(number, cells, headers, columns, width))
    ignored = [header for i, header in enumerate(headers) if header and i not in columns]
    return Sheet(headers=headers[:width], rows=rows, ignored=ignored)


def _row(number: int, cells: list[str], headers: list[str], columns: dict[int, str], width: int) -> Row:
    values = {key: cells[i] for i, key in columns.items() if i < len(cells) and cells[i]}
    kept = tuple(cells[i] if i < len(cells) else "" for i in range(width))
    return Row(number=number, values=values, cells=kept, problem=_problem(cells, headers, columns, width))


def _problem(cells: list[str], headers: list[str], columns: dict[int, str], width: int) -> str | None:
    if any(cells[width:]):
        return f"比表头多出格子（{next(c for c in cells[width:] if c)[:20]}），请检查是否多了分隔符"
    for i, cell in enumerate(cells):
        if i in columns and any(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in cell):
            return f"「{headers[i]}」里有看不见的控制字符，请重新输入这一格"
        if i in columns and cell in _ERRORS:
            return f"「{headers[i]}」的公式出错（{cell}），请改成值"
    return None


def _tidy(cell: str) -> str:
    text = cell.translate(_INVISIBLE).strip()
    # What our own CSV export put before a text that a spreadsheet would take for a formula.
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_STARTS) else text


def _workbook(file: BinaryIO, name: str, start: bytes) -> Iterator[Table]:
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile(f"{name}：是旧的 .xls 格式或设了密码。请在 Excel 或 WPS 里去掉密码，另存为 .xlsx。")
    if not start.startswith(b"PK"):
        raise BadFile(f"{name}：内容不是 Excel 工作簿，和文件名不符。如果它是 CSV，请把扩展名改成 .csv。")
    for table in workbook.tables(file, name):
        yield ((number, [_tidy(cell) for cell in cells]) for number, cells in table)


# --- CSV


def _text_table(file: BinaryIO, name: str, start: bytes, encoding: str | None) -> Table:
    if start.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        raise BadFile(f"{name}：内容是 Excel 工作簿，和文件名不符。请把扩展名改成 .xlsx 再导入。")
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadFile(f"{name}：超过 {MAX_BYTES // 2**20} MB。请分成几个文件导入。")
    text = _decoded(data, name, encoding)
    if sum(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in text[:4096]) > 40:
        raise BadFile(f"{name}：内容不是文字表格。请在 Excel 或 WPS 里另存为 CSV 或 .xlsx。")
    first_line = text.split("\n", 1)[0]
    separator = max(",;\t", key=first_line.count)
    return _csv_rows(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), name)


def _decoded(data: bytes, name: str, encoding: str | None) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        tried = ["utf-16"]
    else:
        tried = [encoding] if encoding else ["utf-8-sig", "gb18030"]
    for candidate in tried:
        try:
            return data.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    raise BadFile(f"{name}：文字编码不是 {' 或 '.join(tried)}。请在 Excel 里另存为「CSV UTF-8」再导入。")


def _csv_rows(reader: Iterable[list[str]], name: str) -> Table:
    rows, number = iter(reader), 0
    while True:
        number += 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise BadFile(f"{name}：第 {number} 行的引号没有配对，或一格太长。请改正这一行。") from error
        if row is None:
            return
        yield number, [_tidy(cell) for cell in row[:MAX_COLUMNS]]


# --- what a cell says


def day(text: str) -> dt.date:
    """Read a date as offices write it; raise ValueError with the reason in plain Chinese.

    >>> [str(day(text)) for text in ("2024-03-01", "2024/3/1", "2024年3月1日", "20240301")]
    ['2024-03-01', '2024-03-01', '2024-03-01', '2024-03-01']
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    found = re.fullmatch(r"(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?(?: 00:00(?::00)?)?", plain)
    found = found or re.fullmatch(r"(\d{4})(\d{2})(\d{2})", plain)
    try:
        if found and 1900 <= int(found[1]) <= 2199:
            return dt.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise ValueError(f"「{text[:20]}」不是日期，请写成 2024-03-01")


def metres(text: str) -> float:
    """Read a number of metres, at least 0; raise ValueError with the reason in plain Chinese.

    >>> metres("1,250"), metres("80.5 米")
    (1250.0, 80.5)
    """
    plain = re.sub(r"(米|m)$", "", unicodedata.normalize("NFKC", text).strip().lower()).strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?|\d{1,3}(,\d{3}){1,2}(\.\d{1,6})?", plain):
        return float(plain.replace(",", ""))
    raise ValueError(f"「{text[:20]}」不是米数，请只写数字，例如 1250")


def stretches(text: str) -> list[tuple[float, float]]:
    """Read several stretches in metres; raise ValueError with the reason in plain Chinese.

    >>> stretches("0-500;900-1200"), stretches("0至80.5,100到200")
    ([(0.0, 500.0), (900.0, 1200.0)], [(0.0, 80.5), (100.0, 200.0)])
    """
    found = []
    for part in re.split(r"[;,、\n]", unicodedata.normalize("NFKC", text)):
        if not part.strip():
            continue
        ends = re.split(r"[-–—~至到]+", part.strip())
        if len(ends) != 2:
            raise ValueError(f"「{part.strip()[:20]}」不是一段，请写成 0-500;900-1200")
        found.append((metres(ends[0]), metres(ends[1])))
    return found
