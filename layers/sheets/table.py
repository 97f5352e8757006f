"""What every reader of a file gives: tables of texts, and which of their cells are merged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MAX_COLUMNS = 200
"""Columns further right are not read."""
MAX_MERGES = 200_000
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_FORMULA_STARTS = ("=", "+", "-", "@")

Rows = Iterator[tuple[int, list[str]]]
"""Row number as people see it, and the texts of its cells; rows without any text may be left out."""
Merge = tuple[int, int, int, int]
"""First row, last row (from 1), first column, last column (from 0) of cells joined to one."""


@dataclass(frozen=True)
class Table:
    """One sheet of a file."""

    name: str
    """As its tab says; "" where there are no tabs."""
    rows: Rows
    merges: Sequence[Merge] = ()
    merges_lost: bool = False
    """Whether the format cannot tell which cells were merged (CSV)."""
    hidden: bool = False


def tidy(cell: str) -> str:
    r"""Return a cell's text without what nobody sees.

    An apostrophe goes that our own CSV export put before a text which a spreadsheet would take for a formula.

    >>> tidy(" 张三\u3000"), tidy("'=1+1"), tidy("'twas")
    ('张三', '=1+1', "'twas")
    """
    text = cell.strip() if cell.isascii() else cell.translate(_INVISIBLE).strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_STARTS) else text


@dataclass
class Filling:
    """Gives merged cells the text of their first one, row by row from the top."""

    merges: Sequence[Merge]
    _next: int = 0
    _active: list[tuple[Merge, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.merges = sorted(self.merges)

    def fill(self, number: int, cells: list[str]) -> list[str]:
        """Return the cells of a row with merged ones filled down and across.

        Raises ValueError where more are merged than can stand side by side: only in a made-up file.
        """
        if not self.merges:
            return cells
        self._active = [held for held in self._active if held[0][1] >= number]
        while self._next < len(self.merges) and self.merges[self._next][0] <= number:
            merge = self.merges[self._next]
            self._next += 1
            first, last, left, _ = merge
            # A merge that began in a row without any text has nothing to give.
            if last >= number and first == number and left < len(cells) and cells[left]:
                self._active.append((merge, cells[left]))
        if len(self._active) > MAX_COLUMNS:
            raise ValueError("merged cells overlap")
        return self._filled(cells) if self._active else cells

    def _filled(self, cells: list[str]) -> list[str]:
        cells = list(cells)
        for (_, _, left, right), text in self._active:
            beyond = min(right + 1, MAX_COLUMNS)
            cells += [""] * (beyond - len(cells))
            for column in range(left, beyond):
                cells[column] = cells[column] or text
        return cells

    def across(self, number: int) -> int:
        """Return how many columns the widest cell takes that is merged within this one row."""
        return max((m[3] - m[2] + 1 for m, _ in self._active if m[0] == m[1] == number), default=1)


def letters(column: int) -> str:
    """Return a column, counted from 0, as a spreadsheet names it.

    >>> letters(0), letters(27)
    ('A', 'AB')
    """
    high, low = divmod(column, 26)
    return (letters(high - 1) if high else "") + chr(65 + low)
