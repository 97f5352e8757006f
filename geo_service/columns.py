"""Columns and rows of a list, and its values as programs and as people read them."""

import datetime as dt
import math
import unicodedata
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from layers import masks
from layers.vocabulary import Word

Kind = Literal["text", "whole", "number", "flag", "day", "time", "geometry"]
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True)
class Column:
    """A column: its name for programs, its heading for people, and what its values are.

    text (also words of the vocabulary, UUIDs, and sequences of texts), whole, number, flag, day (date),
    time (datetime with the county's zone), geometry (shapely, lon, lat; at most one column).
    """

    name: str
    title: str
    kind: Kind = "text"
    mask: Literal["name", "phone", "withheld"] | None = None
    """Whose values (a text, or a list of texts) files mask, or a column that they leave out, unless all of
    it is asked for."""


@dataclass(frozen=True)
class Listing:
    """Columns and rows, each row with one value a column (None: not known)."""

    name: str
    """ASCII, for file and layer names."""
    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    marked: Collection[tuple[int, int]] = frozenset()
    """Cells (row, column, from 0) that a workbook shows in colour."""

    @cached_property
    def geometry_at(self) -> int | None:
        """The position of the geometry column, if there is one."""
        return next((i for i, column in enumerate(self.columns) if column.kind == "geometry"), None)

    @property
    def shown(self) -> "Listing":
        """The same without what is withheld: what a page of many people shows."""
        if any(column.mask == "withheld" for column in self.columns):
            return self.of([column.name for column in self.columns if column.mask != "withheld"])
        return self

    @property
    def masked(self) -> "Listing":
        """The same with the names and phones of its people masked, and without what is withheld."""
        shown = self.shown
        at = {i: _MASKS[column.mask] for i, column in enumerate(shown.columns) if column.mask}
        if not at:
            return shown
        rows = ([at[i](v) if i in at else v for i, v in enumerate(row)] for row in shown.rows)
        return replace(shown, rows=rows)

    def of(self, names: Collection[str]) -> "Listing":
        """Return the same with the columns of some names only."""
        at = [i for i, column in enumerate(self.columns) if column.name in names]
        rows = ([row[i] for i in at] for row in self.rows)
        return replace(self, columns=[self.columns[i] for i in at], rows=rows)

    @cached_property
    def plain(self) -> list[tuple[int, Column]]:
        """Every other column with its position."""
        return [(i, column) for i, column in enumerate(self.columns) if column.kind != "geometry"]


def _each(mask: Callable[[str | None], str | None]) -> Callable[[Any], Any]:
    """Return a mask that takes lists too."""
    return lambda value: [mask(item) for item in value] if isinstance(value, list | tuple) else mask(value)


_MASKS: dict[str, Callable[[Any], Any]] = {"name": _each(masks.name), "phone": _each(masks.phone)}


def json_value(value: Any, column: Column) -> Any:
    """Return a value as JSON has it: dates in ISO form, no infinities."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if column.kind == "text" and isinstance(value, list | tuple | set | frozenset):
        return [json_value(item, column) for item in value]
    return value


class Coded(str):
    """A code that is stored, with the words that people read: of what a county names itself."""

    zh: str

    def __new__(cls, code: str, zh: str) -> "Coded":
        """Make it from both."""
        coded = str.__new__(cls, code)
        coded.zh = zh
        return coded


def words(value: Any, column: Column) -> str:
    """Return a value as people read it."""
    if isinstance(value, Word | Coded):
        return value.zh
    if isinstance(value, list | tuple | set | frozenset):
        return "、".join(words(item, column) for item in value)
    if isinstance(value, bool | np.bool_):
        return "是" if value else "否"
    plain = json_value(value, column)
    return "" if plain is None else f"{plain:.10g}" if isinstance(plain, float) else str(plain)


def printable(text: str) -> str:
    """Return a text without control characters: no escape sequence reaches a terminal, none a workbook."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
