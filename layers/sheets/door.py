"""The one door for tables people keep: a file in, its records out, and nothing lost silently.

Bounded on purpose: what unpacks too large, or has more than `MAX_ROWS` rows or `MAX_SHEETS` sheets, is
refused before it fills the memory.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from layers.errors import BadFile
from layers.sheets import text, xls, xlsx
from layers.sheets.body import Body
from layers.sheets.headings import SERIAL, WITHIN, Head, Words, find, plain
from layers.sheets.model import Fields, Row, Sheet
from layers.sheets.table import Filling, Rows, Table

MAX_ROWS = 200_000
MAX_SHEETS = 200
WORKBOOKS = (".xlsx", ".xlsm", ".xls")
TEXTS = (".csv", ".txt", ".tsv")
ENDINGS = (*TEXTS, *WORKBOOKS)
"""Of the files that can be read."""


def read(
    file: BinaryIO,
    name: str,
    fields: Fields,
    *,
    required: Sequence[Sequence[str]] = (),
    encoding: str | None = None,
    fill_down: Sequence[Sequence[str]] = (),
    lengths: Sequence[str] = (),
) -> Sheet:
    """Read every visible sheet of a workbook (XLSX, XLS) or a CSV file whose headers name what is required.

    `file` is open for reading bytes and can seek; `name` is what messages call it, its ending says what
    it should be. Each group of `required` needs at least one of its fields. The header is looked for
    among the first ten rows; it may take up to three. CSV may be UTF-8, UTF-16 or GBK, separated by comma,
    semicolon or tab. `fill_down`: fields whose blank cells in CSV take the value above, the wider before
    the narrower of each group: [["township", "village"], ["day"]].
    `lengths`: fields that get the unit of their heading or title: 12.5 under 长度(km) reads 12.5公里.
    Raises BadFile; a row that cannot be read carries its `problem` instead.
    """
    file.seek(0)
    try:
        words = Words(fields, required)
        found, notes, seen = _looked_through(tables(file, name, encoding), words, name)
        if not found:
            raise _without_headers(name, fields, required, seen)
        bodies = _bodies(found, words, fill_down, lengths)
        rows = _records(bodies, name)
        return _sheet([body for body, _ in bodies], rows, notes)
    finally:
        file.seek(0)


def tables(file: BinaryIO, name: str, encoding: str | None) -> Iterator[Table]:
    """Yield the sheets of a file, also the hidden ones, whatever its format. Raises BadFile."""
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    ending = "." + name.lower().rpartition(".")[2]
    if ending in TEXTS:
        if start.startswith((b"PK", xls.SIGNATURE)):
            raise BadFile(f"{name}：内容是 Excel 工作簿，和文件名不符。请把扩展名改成 .xlsx 或 .xls 再导入。")
        return iter([text.table(file, name, encoding)])
    if ending not in WORKBOOKS:
        raise BadFile(f"{name}：只认 .xlsx、.xls 和 .csv 表格。请在 Excel 或 WPS 里另存为其中一种再导入。")
    if start.startswith(xls.SIGNATURE):
        return xls.tables(file, name)
    if start.startswith(b"PK"):
        return xlsx.tables(file, name)
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        raise BadFile(
            f"{name}：内容是网页，不是 Excel 工作簿。请用 Excel 或 WPS 打开它，另存为 .xlsx 再导入。"
        )
    raise BadFile(f"{name}：内容不是 Excel 工作簿，和文件名不符。如果它是 CSV，请把扩展名改成 .csv。")


def _looked_through(
    tables: Iterator[Table], words: Words, name: str
) -> tuple[list[tuple[Table, Head, Rows]], list[str], list[str]]:
    """Return the tables whose headers fit, what is told of the others, and the first texts that were seen."""
    found: list[tuple[Table, Head, Rows]] = []
    hidden, unfit, seen = [], [], list[str]()
    for count, table in enumerate(tables, 1):
        if count > MAX_SHEETS:
            raise BadFile(f"{name}：超过 {MAX_SHEETS} 张工作表。请分成几个文件导入。")
        if table.hidden:
            hidden.append(f"「{table.name}」")
            continue
        head, rows, texts = find(table, words, name)
        if head is not None:
            found.append((table, head, rows))
        elif texts:
            unfit.append(f"「{table.name}」")
            seen = seen or texts
    notes = [f"没有读取的工作表（没有需要的表头）：{'、'.join(unfit)}。"] if unfit else []
    notes += [f"没有读取的工作表（隐藏着）：{'、'.join(hidden)}。"] if hidden else []
    return found, notes, seen


def _without_headers(
    name: str, fields: Fields, required: Sequence[Sequence[str]], seen: Sequence[str]
) -> BadFile:
    if not seen:
        return BadFile(f"{name}：表格是空的。请确认保存的是填好的那一张。")
    wanted = "、".join("或".join(f"「{fields[key][0]}」" for key in group) for group in required)
    return BadFile(
        f"{name}：前 {WITHIN} 行里没有找到需要的表头 {wanted}；"
        f"读到的是：{'、'.join(seen[:20])[:200]}。请给表格加上这些列名。"
    )


def _bodies(
    found: list[tuple[Table, Head, Rows]],
    words: Words,
    fill_down: Sequence[Sequence[str]],
    lengths: Sequence[str],
) -> list[tuple[Body, Rows]]:
    several = len(found) > 1
    places: dict[str, int] = {}
    bodies = []
    for index, (table, head, rows) in enumerate(found):
        at = [places.setdefault(key, len(places)) for key in _keys(index, head)]
        body = Body(
            head,
            Filling(table.merges),
            words,
            table.name,
            index if several else None,
            fill_down if table.merges_lost else (),
            lengths,
            at if several else None,
        )
        bodies.append((body, rows))
    return bodies


def _keys(index: int, head: Head) -> list[str]:
    """Return what makes a column the same in several sheets: its field, or else its header."""
    keys: list[str] = []
    for i, name in enumerate(head.names):
        key = head.columns.get(i) or ("序号" if plain(name) in SERIAL else plain(name))
        keys.append(key if key and key not in keys else f"\0{index}.{i}")
    return keys


def _records(bodies: list[tuple[Body, Rows]], name: str) -> list[Row]:
    rows: list[Row] = []
    for body, found in bodies:
        try:
            for row in body.records(found):
                if len(rows) >= MAX_ROWS:
                    raise BadFile(f"{name}：超过 {MAX_ROWS} 行。请分成几个文件导入。")
                rows.append(row)
        except BadFile:
            raise
        except ValueError as error:
            raise BadFile(f"{name}：合并的单元格互相重叠，文件已损坏。请重新保存后再导入。") from error
    return rows


def _sheet(bodies: list[Body], rows: list[Row], notes: list[str]) -> Sheet:
    headers: dict[int, str] = {}
    columns: dict[str, list[int]] = {}
    ignored: dict[str, None] = {}
    for body in bodies:
        names = body.head.names
        for i, header in enumerate(names):
            place = i if body.at is None else body.at[i]
            if place not in headers:
                headers[place] = (
                    f"{header}（{body.sheet}）" if header in headers.values() and header else header
                )
            if i in body.head.columns and place not in columns.setdefault(body.head.columns[i], []):
                columns[body.head.columns[i]].append(place)
            if header and i not in body.head.columns:
                ignored[header] = None
        where = f"「{body.sheet}」" if body.index is not None else ""
        notes += [where + note for note in body.tally.notes()]
    if len(bodies) > 1:
        notes.insert(0, f"读了 {len(bodies)} 张工作表：{'、'.join(f'「{body.sheet}」' for body in bodies)}。")
    width = len(headers)
    if any(len(row.cells) < width for row in rows):
        rows = [_wide(row, width) for row in rows]
    titles = dict.fromkeys(title for body in bodies for title in body.head.titles)
    return Sheet([headers[i] for i in range(width)], rows, list(ignored), notes, columns, list(titles))


def _wide(row: Row, width: int) -> Row:
    cells = row.cells + ("",) * (width - len(row.cells))
    return Row(row.number, row.values, cells, row.problem, row.sheet, row.section, row.remarks)
