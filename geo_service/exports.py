"""Lists as XLSX and GeoPackage, the two forms that are made as a file and then sent."""

import datetime as dt
import itertools
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import shapely
from numpy.typing import NDArray
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from shapely.geometry.base import BaseGeometry

from geo_service.columns import FORMULA_STARTS, Column, Listing, json_value, printable, words
from geo_service.errors import Invalid

ROWS_OF_EXCEL = 1_048_576
_TEXT_OF_EXCEL = 32_767
_CHUNK = 2**16


def xlsx(listing: Listing) -> Iterator[bytes]:
    """Yield the bytes of a workbook with one sheet. Raises Invalid beyond Excel's last row."""
    return _through_file(lambda path: _write_xlsx(listing, path), "list.xlsx")


def _write_xlsx(listing: Listing, path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    try:
        write_sheet(book, listing)
    finally:
        book.save(path)  # also after an error: only saving ends openpyxl's own temporary file


def write_sheet(book: openpyxl.Workbook, listing: Listing) -> None:
    """Add a list to a write-only workbook as a sheet. Raises Invalid beyond Excel's last row."""
    sheet = book.create_sheet("".join(c for c in listing.title if c not in "[]:*?/\\'")[:31] or "清单")
    sheet.freeze_panes = "A2"
    columns = [column for _, column in listing.plain]
    for letter, column in zip(map(get_column_letter, itertools.count(1)), columns, strict=False):
        sheet.column_dimensions[letter].width = max(12, 2 * len(column.title) + 2)
    # Headings may be those of a file that was sent.
    head = [_as_cell(sheet, as_text(sheet, printable(column.title))) for column in columns]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    for count, row in enumerate(listing.rows, 2):
        if count > ROWS_OF_EXCEL:
            raise Invalid(f"超过 Excel 的 {ROWS_OF_EXCEL} 行，请改用 csv，或缩小范围。")
        cells = [_cell(sheet, row[i], column) for i, column in listing.plain]
        sheet.append(
            [_marked(sheet, c) if (count - 2, i) in listing.marked else c for i, c in enumerate(cells)]
        )


def _cell(sheet: Any, value: Any, column: Column) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if column.kind in ("whole", "number"):
        return value.item() if isinstance(value, np.generic) else value
    if column.kind in ("day", "time"):
        # Excel knows no zones: the county's own clock is shown.
        cell = WriteOnlyCell(sheet, value=value.replace(tzinfo=None) if column.kind == "time" else value)
        cell.number_format = "yyyy-mm-dd hh:mm:ss" if column.kind == "time" else "yyyy-mm-dd"
        return cell
    return as_text(sheet, printable(words(value, column)))


def as_text(sheet: Any, text: str) -> Any:
    """Return what a sheet takes for a text: no formula, also after someone has edited the cell."""
    text = text[:_TEXT_OF_EXCEL]
    if not text.startswith((*FORMULA_STARTS, "#")):
        return text
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


_MARK = PatternFill("solid", start_color="FFD966")


def _marked(sheet: Any, cell: Any) -> Any:
    """Return a cell, or a plain value as one, in colour."""
    coloured = _as_cell(sheet, cell)
    coloured.fill = _MARK
    return coloured


def _as_cell(sheet: Any, cell: Any) -> Any:
    return cell if isinstance(cell, Cell) else WriteOnlyCell(sheet, value=cell)


def gpkg(listing: Listing) -> Iterator[bytes]:
    """Yield the bytes of a GeoPackage with one layer, or one table where there is no geometry."""
    return _through_file(lambda path: _write_gpkg(listing, path), "list.gpkg")


def _write_gpkg(listing: Listing, path: Path) -> None:
    import pyogrio.raw  # noqa: PLC0415  (GDAL: 40 MB, loaded when it is needed)

    rows = list(listing.rows)
    data, masks = zip(*(_array([row[i] for row in rows], column) for i, column in listing.plain), strict=True)
    at = listing.geometry_at
    geometry = None
    if at is not None:
        # One geometry type a layer is what desktop programs style; a list of points stays points.
        geometry = np.array([_multi(row[at]) for row in rows], object)
    kinds = {shape.geom_type for shape in geometry if shape is not None} if geometry is not None else set()
    pyogrio.raw.write(
        str(path),
        None if geometry is None else shapely.to_wkb(geometry),
        list(data),
        [column.name for _, column in listing.plain],
        field_mask=list(masks),
        layer=listing.name,
        driver="GPKG",
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        crs=None if geometry is None else "EPSG:4326",
        promote_to_multi=False,
        layer_metadata={"DESCRIPTION": listing.title},
    )


def _multi(geometry: BaseGeometry | None) -> BaseGeometry | None:
    if geometry is None or geometry.is_empty:
        return None
    flat = shapely.force_2d(geometry)
    if flat.geom_type == "LineString":
        return shapely.multilinestrings([flat])
    return shapely.multipolygons([flat]) if flat.geom_type == "Polygon" else flat


_DTYPES: dict[str, tuple[str, Any]] = {
    "whole": ("int64", 0),
    "number": ("float64", math.nan),
    "flag": ("bool", False),
    "day": ("datetime64[D]", "1970-01-01"),
    "time": ("datetime64[ms]", 0),
}


def _array(values: list[Any], column: Column) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a column as a typed array and the mask of its unknown values."""
    unknown = np.array([value is None for value in values], bool)
    if column.kind not in _DTYPES:
        texts = [None if value is None else _stored(value, column) for value in values]
        return np.array(texts, object), unknown
    dtype, filler = _DTYPES[column.kind]
    if column.kind == "time":
        values = [v and v.astimezone(dt.UTC).replace(tzinfo=None) for v in values]
    return np.array([filler if value is None else value for value in values], dtype), unknown


def _stored(value: Any, column: Column) -> str:
    plain = json_value(value, column)
    return "、".join(map(str, plain)) if isinstance(plain, list) else str(plain)


def _through_file(write: Callable[[Path], None], name: str) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="yinxun-") as folder:
        path = Path(folder) / name
        write(path)
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
