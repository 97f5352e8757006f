"""How any list leaves the service: a table for people, or JSON, CSV, XLSX, GeoJSON, GeoPackage, KML.

The table, CSV and XLSX are for people: Chinese headings and words. JSON, GeoJSON and GeoPackage are for
programs: column names and stored words, numbers as numbers, dates in ISO form. Geometry is WGS 84 lon, lat.
CSV, JSON and GeoJSON stream; rows may come from a generator (with a session of its own).
"""

import csv
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from fastapi.responses import JSONResponse, Response, StreamingResponse
from rich.console import Console
from rich.table import Table
from rich.text import Text
from shapely.geometry.base import BaseGeometry

from geo_service.attachments import attachment
from geo_service.columns import FORMULA_STARTS, Column, Listing, json_value, printable, words
from geo_service.errors import Invalid
from geo_service.exports import gpkg, xlsx
from geo_service.imports import ImportReport
from geo_service.kml import kml

__all__ = [
    "As",
    "Column",
    "Listing",
    "content",
    "download",
    "emit",
    "records",
    "report_answer",
    "show",
    "write_file",
]

MOST_ROWS = 1000
"""Rows of an import's report in a JSON answer; another form gives all of them."""
_CHUNK = 2**16
_BYTE_ORDER_MARK = "\ufeff"


class As(StrEnum):
    """A form in which a list leaves."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    GEOJSON = "geojson"
    GPKG = "gpkg"
    KML = "kml"


DRAWN = frozenset({As.GEOJSON, As.GPKG, As.KML})
"""The forms that hold geometry."""


MEDIA_TYPES = {
    As.JSON: "application/json",
    As.CSV: "text/csv; charset=utf-8",
    As.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    As.GEOJSON: "application/geo+json",
    As.GPKG: "application/geopackage+sqlite3",
    As.KML: "application/vnd.google-earth.kml+xml",
}


def content(listing: Listing, form: As, *, full: bool = False) -> Iterator[bytes]:
    """Yield the bytes of a list in a form, piece by piece. Raises Invalid when XLSX cannot hold the rows.

    Whatever leaves passes here: names and phones are masked unless `full`.
    """
    return _WRITERS[form](listing if full else listing.masked)


def records(listing: Listing) -> list[dict[str, Any]]:
    """Return the rows as JSON objects, a geometry as a GeoJSON object: for a page of an API answer."""
    return [_record(listing, row) for row in listing.rows]


def download(listing: Listing, form: As, *, full: bool = False) -> StreamingResponse:
    """Answer a request with a list as a file; names and phones in full only if that was asked for.

    The rows must not need the request's own session.
    """
    pieces = content(listing, form, full=full)
    first = next(pieces, b"")  # an error is still an error, not half a file
    headers = attachment(f"{listing.title}.{form}", f"{listing.name}.{form}")
    return StreamingResponse(itertools.chain([first], pieces), media_type=MEDIA_TYPES[form], headers=headers)


def report_answer(report: ImportReport, form: str) -> Response:
    """Answer a request with what an import did: in JSON the counts and the first rows, else all as a file."""
    listing = report.listing()
    if form != "json":
        return download(listing, As(form))
    rows = list(listing.rows)
    told = {
        "what": report.what,
        "file": report.file,
        "stored": report.changes and not report.dry_run,
        "summary": report.summary(),
        "counts": report.counts(),
        "left_out": dict(report.left_out),
        "notes": list(report.notes),
        "rows": records(replace(listing, rows=rows[:MOST_ROWS])),
        "more_rows": max(len(rows) - MOST_ROWS, 0),
    }
    return JSONResponse(told)


def emit(listing: Listing, form: As | None = None, path: Path | None = None, *, full: bool = False) -> None:
    """Print a list on standard output, or write it to a file: a table for people unless a form is told.

    A file is complete or absent, names and phones in it masked unless `full`. Raises Invalid for a binary
    form on a terminal.
    """
    if path is not None:
        write_file(path, content(listing, form or _form_of(path), full=full))
    elif form is None:
        show(listing)
    elif form in (As.XLSX, As.GPKG) and sys.stdout.isatty():
        raise Invalid(f"{form} 是二进制文件，不能显示在屏幕上。请加 -o 文件名.{form}。")
    else:
        for piece in content(listing, form, full=full):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def show(listing: Listing, console: Console | None = None) -> None:
    """Print a list as a table for people."""
    console = console or Console(width=None if sys.stdout.isatty() else 240)
    table = Table(title=Text(printable(listing.title)))
    for _, column in listing.plain:
        right = column.kind in ("whole", "number")
        table.add_column(Text(column.title), justify="right" if right else "left", overflow="fold")
    count = 0
    for row in listing.rows:
        count += 1
        table.add_row(*(Text(printable(words(row[i], column))) for i, column in listing.plain))
    console.print(table)
    console.print(f"共 {count} 行")


def _form_of(path: Path) -> As:
    try:
        return As(path.suffix.lower().removeprefix("."))
    except ValueError:
        forms = "、".join(f".{form}" for form in As)
        raise Invalid(f"看不出 {path.name} 要什么格式，请用这些扩展名之一：{forms}，或加 --as。") from None


def write_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that is complete or absent, and say so. Raises Invalid."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(path)
    except OSError as error:
        raise Invalid(f"写不了 {path}：{error.strerror}。请换一个位置。") from error
    finally:
        part.unlink(missing_ok=True)
    print(f"已写好 {path}。", file=sys.stderr)


# --- the streamed forms


def _record(listing: Listing, row: Sequence[Any]) -> dict[str, Any]:
    record = {column.name: json_value(row[i], column) for i, column in listing.plain}
    if (at := listing.geometry_at) is not None:
        record[listing.columns[at].name] = json.loads(_geojson(row[at]))
    return record


def _geojson(geometry: BaseGeometry | None) -> str:
    if geometry is None or geometry.is_empty:
        return "null"
    # Seven decimals are a centimetre; the measure of a line is not a height.
    rounded = shapely.transform(shapely.force_2d(geometry), lambda lonlat: np.round(lonlat, 7))
    return str(shapely.to_geojson(rounded))


def _json(listing: Listing) -> Iterator[bytes]:
    texts = (json.dumps(_record(listing, row), ensure_ascii=False) for row in listing.rows)
    return _pieces(itertools.chain(["["], _separated(texts), ["\n]\n"]))


def _geojson_file(listing: Listing) -> Iterator[bytes]:
    at = listing.geometry_at
    texts = (
        f'{{"type":"Feature","geometry":{_geojson(None if at is None else row[at])},"properties":'
        + json.dumps({c.name: json_value(row[i], c) for i, c in listing.plain}, ensure_ascii=False)
        + "}"
        for row in listing.rows
    )
    return _pieces(
        itertools.chain(['{"type":"FeatureCollection","features":['], _separated(texts), ["\n]}\n"])
    )


def _separated(texts: Iterable[str]) -> Iterator[str]:
    for i, text in enumerate(texts):
        yield f",\n{text}" if i else f"\n{text}"


def _csv(listing: Listing) -> Iterator[bytes]:
    # Excel takes UTF-8 for UTF-8 only behind a byte order mark, and wants CR LF.
    head = _csv_line([_harmless(column.title) for _, column in listing.plain])
    lines = (
        _csv_line([_said(words(row[i], column), column) for i, column in listing.plain])
        for row in listing.rows
    )
    return _pieces(itertools.chain([_BYTE_ORDER_MARK, head], lines))


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _said(text: str, column: Column) -> str:
    return _harmless(text) if column.kind == "text" else text


def _harmless(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _CHUNK:
            yield "".join(held).encode("utf-8", "replace")
            held, size = [], 0
    yield "".join(held).encode("utf-8", "replace")


_WRITERS: dict[As, Callable[[Listing], Iterator[bytes]]] = {
    As.JSON: _json,
    As.CSV: _csv,
    As.XLSX: xlsx,
    As.GEOJSON: _geojson_file,
    As.GPKG: gpkg,
    As.KML: kml,
}
