"""The workbook of an area: its places, people and duties on sheets to be edited, and what went out beside.

What went out stands in a hidden sheet, so that the workbook can be merged when it comes back: nothing of it
is kept on the server.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import openpyxl
from openpyxl.styles import Font
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.clock import today_in
from geo_service.columns import Column, Listing, printable, words
from geo_service.exports import as_text
from geo_service.people import lists
from geo_service.places import reading as places
from geo_service.places.reading import Wanted
from geo_service.rosters.merging import Table
from layers import sheets
from layers.errors import BadFile
from layers.sheets import door

BASE = "底稿"
_MARK = "银巡辖区表"


@dataclass(frozen=True)
class Tab:
    """A sheet of the workbook."""

    name: str
    listing: Callable[[Session, Scope, str], Listing]
    editable: frozenset[str]
    """Titles of the columns that may be changed in rows that went out."""


def _places(db: Session, scope: Scope, area: str) -> Listing:
    columns = (*places.COLUMNS, *places.ATTRIBUTES)
    return Listing("places", "对象", columns, places.every(db, scope, Wanted(area=area), drawn=False))


def _people(db: Session, scope: Scope, area: str) -> Listing:
    return lists.people(db, scope, area=area)


def _duties(db: Session, scope: Scope, area: str) -> Listing:
    return lists.duties(db, scope, area=area, day=today_in(db, scope.county_id))


def _titles(columns: Sequence[Column]) -> frozenset[str]:
    return frozenset(column.title for column in columns)


PLACES = Tab("对象", _places, frozenset({"名称", "纳管"}) | _titles(places.ATTRIBUTES))
PEOPLE = Tab("人员", _people, _titles(lists.PEOPLE) - {"标识", "辖区编码", "在任职责"})
DUTIES = Tab("职责", _duties, frozenset({"结束日期"}))
TABS = (PEOPLE, PLACES, DUTIES)


@dataclass(frozen=True)
class Workbook:
    """A workbook that came back."""

    area: str
    full: bool
    base: dict[str, Table]
    sheets: dict[str, Table]
    """By the name of the tab."""


def written(db: Session, scope: Scope, area: str, *, full: bool) -> bytes:
    """Return the workbook of an area (code), its names and phones masked unless `full`."""
    book = openpyxl.Workbook()
    base = book.create_sheet(BASE)
    base.sheet_state = "veryHidden"
    base.append([_MARK, area, "full" if full else ""])
    for at, tab in enumerate(TABS):
        titles, rows = _texts(db, scope, area, tab, full=full)
        sheet = book.create_sheet(tab.name, at)
        sheet.append(titles)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        base.append([tab.name, *titles])
        for row in rows:
            for target, values in ((sheet, row), (base, ["", *row])):
                target.append([as_text(target, text) for text in values])
    del book["Sheet"]
    book.active = 0
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def as_now(db: Session, scope: Scope, tab: Tab, area: str, *, full: bool) -> Table:
    """Return what the register says now, as the workbook would."""
    titles, rows = _texts(db, scope, area, tab, full=full)
    return Table({row[0]: dict(zip(titles[1:], row[1:], strict=True)) for row in rows})


def _texts(
    db: Session, scope: Scope, area: str, tab: Tab, *, full: bool
) -> tuple[list[str], list[list[str]]]:
    listing = tab.listing(db, scope, area)
    shown = listing if full else listing.masked
    rows = [
        [printable(words(value, column)).strip() for value, column in zip(row, shown.columns, strict=True)]
        for row in shown.rows
    ]
    return [column.title for column in shown.columns], rows


def is_workbook(file: BinaryIO, name: str) -> bool:
    """Tell whether a file is a workbook that was written here."""
    if not name.lower().endswith((".xlsx", ".xlsm")):
        return False
    try:
        return any(table.hidden and table.name == BASE for table in door.tables(file, name, None))
    except BadFile:
        return False
    finally:
        file.seek(0)


def read(file: BinaryIO, name: str) -> Workbook:
    """Return a workbook that came back. Raises BadFile where what went out is damaged."""
    found = {table.name: (at, table.rows) for at, table in enumerate(door.tables(file, name, None))}
    found_rows = {tab: (at, list(rows)) for tab, (at, rows) in found.items()}
    file.seek(0)
    _, base_rows = found_rows.get(BASE, (0, []))
    base = dict(_base(base_rows[1:]))
    if not base_rows or base_rows[0][1][:1] != [_MARK] or not base.keys() >= {tab.name for tab in TABS}:
        raise BadFile(f"{name}：表里的底稿不见了或被改过，不能合并。请重新下载辖区表，把改动抄过去。")
    head = [*base_rows[0][1], "", ""]
    missing = [tab.name for tab in TABS if tab.name not in found_rows]
    if missing:
        raise BadFile(f"{name}：少了工作表「{'」「'.join(missing)}」。请保留全部工作表和它们的名称。")
    return Workbook(
        head[1],
        head[2] == "full",
        base,
        {tab.name: _table(*found_rows[tab.name], tab.name, name) for tab in TABS},
    )


def _base(rows: Sequence[tuple[int, list[str]]]) -> Iterator[tuple[str, Table]]:
    """Yield the name and the table of each tab as it went out."""
    tab, titles = "", list[str]()
    kept: dict[str, dict[str, str]] = {}
    for _, cells in [*rows, (0, ["-"])]:
        if not cells[0]:
            kept[cells[1]] = _by_title(titles, cells[2:])
            continue
        if tab:
            yield tab, Table(kept)
        tab, titles, kept = cells[0], [title for title in cells[2:] if title], {}


def _by_title(titles: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {title: cells[i].strip() if i < len(cells) else "" for i, title in enumerate(titles)}


def _table(at: int, rows: Sequence[tuple[int, list[str]]], tab: str, name: str) -> Table:
    if not rows:
        raise BadFile(f"{name}：工作表「{tab}」是空的，连表头也没有。请从下载的辖区表重新改起。")
    (_, titles), *body = rows
    known: dict[str, dict[str, str]] = {}
    numbers: dict[str, int] = {}
    added, doubled = [], []
    for number, cells in body:
        row = sheets.SheetRow(at, tab, number)
        by_title = _by_title(titles[1:], cells[1:])
        id_ = cells[0].strip() if cells else ""
        if id_ in known:
            doubled.append((row, id_))
        elif id_:
            known[id_], numbers[id_] = by_title, row
        elif any(by_title.values()):
            added.append((row, by_title))
    return Table(known, numbers, added, doubled)
