"""A table as read: rows of values by field name, and everything that was left out or added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Fields = Mapping[str, Sequence[str]]
"""Field name -> the headings that mean it; the first of them is what messages call it.

A heading is plain (电话) or qualified (县级河长/电话) by the one above it, or the person before it.
"""

_STEP = 10_000_000


class SheetRow(int):
    """A row's number, unique in a file of several sheets, that reads as people find the row.

    >>> row = SheetRow(2, "戴南镇", 5)
    >>> f"第 {row} 行", row > SheetRow(1, "安丰镇", 900), int(row)
    ('第 「戴南镇」5 行', True, 20000005)
    """

    sheet: str
    row: int

    def __new__(cls, index: int, sheet: str, row: int) -> "SheetRow":
        """Make the number of a row of the sheet with this index, from 0."""
        self = super().__new__(cls, index * _STEP + row)
        self.sheet, self.row = sheet, row
        return self

    def __str__(self) -> str:
        return f"「{self.sheet}」{self.row}"

    __repr__ = __str__


@dataclass(frozen=True)
class Row:
    """One record: its row number as people find it, and its values by field name (blank ones left out)."""

    number: int
    values: dict[str, str]
    cells: tuple[str, ...] = ()
    """The row as it stood in the file, one text a header; merged cells filled."""
    problem: str | None = None
    """Why the row cannot be read, in plain Chinese."""
    sheet: str = ""
    """Name of its sheet, often the township; "" in CSV."""
    section: str = ""
    """The line across the table that it stands under, such as 「一、戴南镇」."""
    remarks: tuple[str, ...] = ()
    """What was filled in that the row itself does not say, in plain Chinese."""


@dataclass(frozen=True)
class Sheet:
    """A file as read: its headers in the order of the file, its rows, and what there is to tell of it."""

    headers: list[str]
    """Each once; a repeated one is qualified: 县级河长/电话. Columns of later sheets follow."""
    rows: list[Row]
    ignored: list[str] = field(default_factory=list)
    """Headers nobody asked for."""
    notes: list[str] = field(default_factory=list)
    """What was left out or filled, with row numbers, in plain Chinese."""
    columns: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Field -> where it stands among the headers; in several places where sheets differ."""
    titles: list[str] = field(default_factory=list)
    """The lines above the headers, such as 「填报单位：戴南镇」."""
