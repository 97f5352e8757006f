"""Grids of cells written as XLSX, XLS or GBK CSV, the way Excel would save them."""

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import openpyxl
import xlwt

from tests.layers.nasty_cells import Number

ENDINGS = (".xlsx", ".xls", ".csv")


@dataclass
class Grid:
    """One sheet: rows of cells, and merges as (first row, last row, first column, last column) from 0."""

    name: str
    rows: list[list[object]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden: bool = False

    def merge(self, top: int, below: int, left: int, right: int) -> None:
        """Merge cells, whose first holds what is seen."""
        self.merges.append((top, below, left, right))

    def line(self, text: str, width: int) -> None:
        """Add a line across the table."""
        self.rows.append([text])
        self.merge(len(self.rows) - 1, len(self.rows) - 1, 0, width - 1)


def written(grids: Sequence[Grid], ending: str) -> bytes:
    """Return a file with these sheets."""
    return {".xlsx": _xlsx, ".xls": _xls, ".csv": _csv}[ending](grids)


def _xlsx(grids: Sequence[Grid]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for grid in grids:
        sheet = book.create_sheet(grid.name)
        for i, row in enumerate(grid.rows, 1):
            for k, value in enumerate(row, 1):
                cell = sheet.cell(i, k, value.value if isinstance(value, Number) else value)
                if isinstance(value, Number):
                    cell.number_format = value.format
                elif isinstance(value, dt.date):
                    cell.number_format = 'yyyy"年"m"月"'
        for top, below, left, right in grid.merges:
            sheet.merge_cells(
                start_row=top + 1, end_row=below + 1, start_column=left + 1, end_column=right + 1
            )
        sheet.sheet_state = "hidden" if grid.hidden else "visible"
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def _xls(grids: Sequence[Grid]) -> bytes:
    book = xlwt.Workbook()
    for grid in grids:
        sheet = book.add_sheet(grid.name, cell_overwrite_ok=True)
        sheet.visibility = int(grid.hidden)
        for i, row in enumerate(grid.rows):
            for k, value in enumerate(row):
                style = xlwt.XFStyle()
                if isinstance(value, Number):
                    style.num_format_str = value.format
                elif isinstance(value, dt.date):
                    style.num_format_str = 'yyyy"年"m"月"'
                if value is not None:
                    sheet.write(i, k, value.value if isinstance(value, Number) else value, style)
        for top, below, left, right in grid.merges:
            sheet.merge(top, below, left, right)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def _csv(grids: Sequence[Grid]) -> bytes:
    (grid,) = grids
    width = max(map(len, grid.rows))
    text = io.StringIO(newline="")
    for row in grid.rows:
        shown = [
            "" if value is None else value.shown if isinstance(value, Number) else str(value) for value in row
        ]
        csv.writer(text).writerow(shown + [""] * (width - len(row)))
    return text.getvalue().encode("gbk")
