"""Old .xls workbooks (BIFF), read by xlrd into the same tables as the new ones.

xlrd builds a whole sheet in memory; the file's size bounds it, and the format itself ends at 65,536 rows of
256 columns.
"""

import datetime as dt
import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import xlrd

from layers.errors import BadFile
from layers.sheets.formats import GENERAL, Format, epoch, moment, shown
from layers.sheets.table import MAX_COLUMNS, MAX_MERGES, Merge, Rows, Table, tidy

MAX_BYTES = 24 * 2**20
SIGNATURE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = ["EncryptedPackage".encode("utf-16-le"), "EncryptionInfo".encode("utf-16-le")]
_DAMAGED = (
    xlrd.XLRDError,
    xlrd.compdoc.CompDocError,
    struct.error,
    AssertionError,
    ArithmeticError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    OSError,
    NameError,  # of xlrd itself, where a record is not what it should be
)


def tables(file: BinaryIO, name: str) -> Iterator[Table]:
    """Yield the sheets of an .xls workbook, values as people saw them. Raises BadFile."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadFile(f"{name}：超过 {MAX_BYTES // 2**20} MB。请只保留要导入的那一张表，或另存为 .xlsx。")
    if any(mark in data for mark in _ENCRYPTED):
        raise _locked(name)
    try:
        book = xlrd.open_workbook(
            file_contents=data, logfile=io.StringIO(), formatting_info=True, on_demand=True, ragged_rows=True
        )
    except _DAMAGED as error:
        raise _locked(name) if "encrypt" in str(error).lower() else _damaged(name) from error
    formats = _Formats(book)
    for index, title in enumerate(book.sheet_names()):
        try:
            sheet = book.sheet_by_index(index)
            hidden = bool(sheet.visibility)
            merges = list(_merges(sheet))
        except _DAMAGED as error:
            raise _damaged(name) from error
        yield Table(title, _guarded(sheet, formats, name), merges, hidden=hidden)


def _locked(name: str) -> BadFile:
    return BadFile(f"{name}：设了密码，打不开。请在 Excel 或 WPS 里去掉密码再保存，然后重新导入。")


def _damaged(name: str) -> BadFile:
    return BadFile(
        f"{name}：已损坏，或不是完整的 .xls 工作簿。请在 Excel 或 WPS 里打开，另存为 .xlsx 再导入。"
    )


def _merges(sheet: Any) -> Iterator[Merge]:
    if len(sheet.merged_cells) > MAX_MERGES:
        raise ValueError("too many merged cells")
    for top, below, left, beyond in sheet.merged_cells:
        yield top + 1, below, left, beyond - 1


def _guarded(sheet: Any, formats: "_Formats", name: str) -> Rows:
    try:
        for index in range(sheet.nrows):
            cells = [tidy(formats.text(cell)) for cell in sheet.row(index)[:MAX_COLUMNS]]
            if any(cells):
                yield index + 1, cells
    except _DAMAGED as error:
        raise _damaged(name) from error


class _Formats:
    """How the cells of a workbook are shown."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._epoch: dt.datetime = epoch(bool(book.datemode))
        self._known: dict[int, Format] = {}

    def text(self, cell: Any) -> str:
        """Return what people saw in a cell."""
        if cell.ctype == xlrd.XL_CELL_TEXT:
            return str(cell.value)
        if cell.ctype in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
            format_ = self._format(cell.xf_index)
            return moment(cell.value, self._epoch) if format_.is_date else shown(cell.value, format_)
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return "是" if cell.value else "否"
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#VALUE!"))
        return ""

    def _format(self, style: int | None) -> Format:
        if style is None:
            return GENERAL
        if style not in self._known:
            code = self._book.format_map.get(self._book.xf_list[style].format_key)
            self._known[style] = Format.of(code.format_str) if code is not None else GENERAL
        return self._known[style]
