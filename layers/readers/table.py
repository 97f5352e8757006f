"""A table of features as a format gives it: geometry in the file's own CRS, cells as they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from layers.features import Refusal, Remark, Value
from layers.readers.fields import Column, clean
from layers.readers.synonyms import NUMBERS

MOST_FEATURES = 200_000
"""A county has some 13,000 rivers; more features than this are the wrong file or an attack."""


@dataclass(frozen=True)
class Table:
    """The rows of one layer; all sequences have the same length."""

    geometry: NDArray[np.object_]
    """Shapely, 2-D, in `crs`; None where there is none."""
    columns: Sequence[Column]
    cells: Mapping[str, Sequence[object]]
    """By standard name."""
    rows: Sequence[int]
    crs: str | None
    """EPSG code or WKT as the file states it; None where it does not."""
    ids: Sequence[str | None] | None = None
    """Ids that the format itself has (OpenStreetMap); else they come from the column `id`."""
    osm: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    damaged: Mapping[int, str] = field(default_factory=dict)
    """Position to reason in Chinese, for rows that could not be read."""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Cells:
    """The cleaned cells of a table."""

    fields: dict[str, list[Value]]
    damaged: dict[int, str]
    """Position to reason: a name, code or 是否纳管 that cannot be taken."""
    odd: list[tuple[int, str]]
    """Position and remark: a number that is none, left empty."""


def cleaned(table: Table) -> Cells:
    """Return the cells of a table as their standard columns hold them."""
    found = Cells({}, {}, [])
    for column in table.columns:
        values: list[Value] = []
        # Townships and classes repeat: each different cell is cleaned, and its text kept, once.
        known: dict[str, Value] = {}
        for position, cell in enumerate(table.cells[column.standard]):
            key = cell if isinstance(cell, str) else repr(cell)
            if known.get(key) is None:
                known[key] = _value(found, position, cell, column, told=not table.osm)
            values.append(known[key])
        found.fields[column.standard] = values
    return found


def _value(found: Cells, position: int, cell: object, column: Column, *, told: bool) -> Value:
    try:
        return clean(cell, column)
    except Refusal as refusal:
        if column.standard not in NUMBERS:
            found.damaged.setdefault(position, f"「{column.column}」列{refusal.detail}")
        elif told:
            found.odd.append((position, f"「{column.column}」列{refusal.detail}，没有采用"))
        return None


def remarks(rows: Sequence[int], odd: Sequence[tuple[int, str]], file: str) -> list[Remark]:
    """Return what looks odd, with file and row."""
    return [Remark(rows[position], f"{file} 第 {rows[position]} 行：{detail}。") for position, detail in odd]
