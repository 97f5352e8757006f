"""Which of several forms a file is: the one that most of its headings speak of."""

import itertools
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from layers.errors import BadFile
from layers.sheets.door import tables
from layers.sheets.headings import WITHIN, Words, find
from layers.sheets.model import Fields
from layers.sheets.table import Table

_LOOKED_AT = WITHIN + 3


class Asked(NamedTuple):
    """The fields of a form, and of which groups it needs at least one."""

    fields: Fields
    required: Sequence[Sequence[str]]


def recognised(file: BinaryIO, name: str, forms: Sequence[Asked], *, encoding: str | None = None) -> int:
    """Return the position of the form whose fields most columns of the file's best sheet mean.

    Of two that fit equally well it is the first. Raises BadFile where none fits.
    """
    best: tuple[int, int] | None = None
    doubled: BadFile | None = None
    words = [Words(form.fields, form.required) for form in forms]
    seen: list[str] = []
    try:
        for table in tables(file, name, encoding):
            if table.hidden:
                continue
            rows = list(itertools.islice(table.rows, _LOOKED_AT))
            seen = seen or next((cells for _, cells in rows if any(cells)), [])
            for k, asked in enumerate(words):
                try:
                    fits = _fits(rows, table, asked, name)
                except BadFile as error:  # two columns of one meaning
                    doubled, fits = doubled or error, 0
                if fits and (best is None or fits > best[0]):
                    best = fits, k
    finally:
        file.seek(0)
    if best is None and doubled is not None:
        raise doubled
    if best is None:
        read = "、".join(cell for cell in seen if cell)[:200] or "空表"
        raise BadFile(f"{name}：认不出是哪一种名册；前几行读到的是：{read}。请核对表头。")
    return best[1]


def _fits(rows: list[tuple[int, list[str]]], table: Table, words: Words, name: str) -> int:
    """Return how many columns a form has in a table, 0 where it does not fit."""
    head, _, _ = find(Table(table.name, iter(rows), table.merges, table.merges_lost), words, name)
    return len(head.columns) if head else 0
