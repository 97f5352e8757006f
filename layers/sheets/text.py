"""CSV as offices save it: UTF-8, UTF-16 or GBK, separated by comma, semicolon or tab."""

import csv
import io
import unicodedata
from collections.abc import Iterable
from typing import BinaryIO

from layers.errors import BadFile
from layers.sheets.table import MAX_COLUMNS, Rows, Table, tidy

MAX_BYTES = 32 * 2**20


def table(file: BinaryIO, name: str, encoding: str | None) -> Table:
    """Return the one table of a CSV file. Raises BadFile, also while rows are read."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadFile(f"{name}：超过 {MAX_BYTES // 2**20} MB。请分成几个文件导入。")
    text = _decoded(data, name, encoding)
    if sum(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in text[:4096]) > 40:
        raise BadFile(f"{name}：内容不是文字表格。请在 Excel 或 WPS 里另存为 CSV 或 .xlsx。")
    # A title above the headers has no separator in it.
    beginning = text[:65536].split("\n", 12)[:12]
    separator = max(",;\t", key=lambda mark: max(line.count(mark) for line in beginning))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    return Table("", _rows(rows, name), merges_lost=True)


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


def _rows(reader: Iterable[list[str]], name: str) -> Rows:
    rows, number = iter(reader), 0
    while True:
        number += 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise BadFile(f"{name}：第 {number} 行的引号没有配对，或一格太长。请改正这一行。") from error
        if row is None:
            return
        yield number, [tidy(cell) for cell in row[:MAX_COLUMNS]]
