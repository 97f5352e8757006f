"""The rows below the header: which of them are records, and what the others are."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from layers.sheets.footers import footer, signed
from layers.sheets.headings import SERIAL, Head, Words, plain, same_columns, unit_of
from layers.sheets.model import Row, SheetRow
from layers.sheets.table import Filling, Rows
from layers.sheets.tally import Tally

_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?E\+(\d{2,3})")
_SUSPECT = re.compile(rf"{_CONTROL.pattern}|#[NRVD]|E\+\d\d|同上|[〃″]")
_NUMBER = re.compile(r"[\d,]+(\.\d+)?")
_SERIAL_NUMBER = re.compile(r"[\d.\-()（）、①-⑳一二三四五六七八九十百]+")
_DITTO = frozenset({"同上", "〃", "″"})


@dataclass
class Body:
    """Reads the rows of one table below its header."""

    head: Head
    filling: Filling
    words: Words
    sheet: str = ""
    index: int | None = None
    """Of the sheet among several that are read; None for the only one."""
    fill_down: Sequence[Sequence[str]] = ()
    """Fields whose blank cells take the value above where merges are lost; the wider before the narrower."""
    lengths: Sequence[str] = ()
    at: Sequence[int] | None = None
    """The place of each column among the headers of the whole file; None: its own."""
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        names = [heading.text for heading in self.head.headings]
        self._width = len(names)
        self._serial = {i for i, text in enumerate(names) if plain(text) in SERIAL}
        self._headless = [i for i, text in enumerate(names) if not text]
        self._columns = list(self.head.columns.items())
        self._column_of = {key: i for i, key in self._columns}
        # Where a record says what it is about: a total may stand there, or a heading once more.
        needed = [key for group in self.words.required for key in group]
        self._identities = [self._column_of[key] for key in needed if key in self._column_of]
        self._changed: int | None = None
        self._repeated = {self._pattern(cells) for cells in self.head.rows} - {()}
        title_units = [unit for title in self.head.titles if (unit := unit_of(title))]
        self._units = {
            i: unit_of(names[i]) or next(iter(title_units), "")
            for i, key in self._columns
            if key in self.lengths
        }
        self._section = ""
        self._last: dict[str, str] = {}
        self._previous = self.head.last_row
        self._above: dict[str, str] = {}

    @staticmethod
    def _pattern(cells: Sequence[str]) -> tuple[tuple[int, str], ...]:
        return tuple((i, plain(text)) for i, text in enumerate(cells) if text)

    def records(self, rows: Rows) -> Iterator[Row]:
        """Yield the records; what the other rows are goes to the tally.

        Raises ValueError for a made-up file.
        """
        for number, cells in rows:
            filled = self.filling.fill(number, cells)
            if number <= self.head.last_row:
                continue
            kind = self._kind(number, cells)
            if kind in ("重复的表头", "另一种表头"):
                self._changed = number if kind == "另一种表头" else None
            if kind is None:
                self._blank(number)
                yield self._row(number, filled)
            elif kind == "小标题":
                self._section = next(text for text in cells if text)
                self.tally.sections.append(f"第 {number} 行「{self._section[:20]}」")
            elif kind:
                self.tally.left.setdefault(kind, []).append((number, number))
            if kind != "":
                self._previous = number

    def _blank(self, number: int) -> None:
        """Count the blank rows between a record and the one before."""
        if number > self._previous + 1:
            self.tally.left.setdefault("空行", []).append((self._previous + 1, number - 1))

    def _kind(self, number: int, cells: list[str]) -> str | None:
        """Return what a row is in Chinese, "" for one without anything, None for a record."""
        own = [i for i, text in enumerate(cells) if text]
        if not own:
            return ""
        said = [i for i in own if i not in self._serial]
        if not said:
            return "只有序号的空行" if _SERIAL_NUMBER.fullmatch(cells[own[0]]) else self._line(cells[own[0]])
        if len(own) == 1 and self.filling.across(number) >= max(3, self._width // 2):
            return self._line(cells[said[0]])
        if again := self._head_again(own, cells):
            return again
        below_head = number == self.head.last_row + 1
        if below_head and _counts_columns(own, cells):
            return "列号"
        return "合计、签名或说明" if self._is_footer(own, said, cells) else None

    def _line(self, text: str) -> str:
        if text in self.head.titles:
            return "重复的标题"
        return "合计、签名或说明" if footer(text) or signed(text) else "小标题"

    def _head_again(self, own: list[int], cells: list[str]) -> str | None:
        """Return whether a row is the header once more, or that of another table, in Chinese."""
        if len(own) == 1 and cells[own[0]] in self.head.titles:
            return "重复的标题"
        first = own[0], plain(cells[own[0]])
        if any(pattern[0] == first for pattern in self._repeated) and self._pattern(cells) in self._repeated:
            return "重复的表头"
        named = any(
            i < len(cells) and self.words.names(self.head.columns[i], cells[i]) for i in self._identities
        )
        if named or self.words.make_a_head(cells):
            return "重复的表头" if same_columns(self.words, cells, self.head) else "另一种表头"
        return None

    def _is_footer(self, own: list[int], said: list[int], cells: list[str]) -> bool:
        texts = [cells[i] for i in {own[0], said[0], *self._identities} if i < len(cells) and cells[i]]
        if any(footer(text) for text in texts):
            return True
        return 2 * len(own) <= self._width and any(map(signed, texts))

    def _row(self, number: int, cells: list[str]) -> Row:
        values, problem, remarks = self._values(cells)
        if self.fill_down:
            remarks += self._fill_down(number, values)
        self._above = values
        for column in self._headless:
            if column < len(cells) and cells[column]:
                self.tally.headless.setdefault(column, number)
        problem = self._misplaced(cells) or problem
        return Row(
            number=number if self.index is None else SheetRow(self.index, self.sheet, number),
            values=values,
            cells=self._placed(cells),
            problem=problem,
            sheet=self.sheet,
            section=self._section,
            remarks=tuple(remarks),
        )

    def _misplaced(self, cells: list[str]) -> str | None:
        if self._changed:
            return f"第 {self._changed} 行换了一种表头，这一行不知道按哪种读；请把它们分成两张工作表"
        if any(cells[self._width :]):
            extra = next(cell for cell in cells[self._width :] if cell)
            return f"比表头多出格子（{extra[:20]}），请检查是否多了分隔符"
        return None

    def _placed(self, cells: list[str]) -> tuple[str, ...]:
        cells = cells[: self._width] + [""] * (self._width - len(cells))
        if self.at is None:
            return tuple(cells)
        placed = [""] * (max(self.at, default=-1) + 1)
        for place, cell in zip(self.at, cells, strict=True):
            placed[place] = cell
        return tuple(placed)

    def _values(self, cells: list[str]) -> tuple[dict[str, str], str | None, list[str]]:
        """Return the values of a row, why it cannot be read, and what was taken from above."""
        count = len(cells)
        values = {key: cells[i] for i, key in self._columns if i < count and cells[i]}
        problem: str | None = None
        remarks: list[str] = []
        if _SUSPECT.search("\t".join(values.values())):
            for i, key in self._columns:
                head = f"「{self.head.headings[i].full}」"
                if values.get(key) in _DITTO and key in self._above:
                    remarks.append(f"{head}写的是「{values[key]}」，照上面一行读作「{self._above[key]}」")
                    values[key] = self._above[key]
                elif key in values:
                    values[key], wrong = whole(values[key])
                    problem = problem or (wrong and head + wrong)
        for i, unit in self._units.items():
            key = self.head.columns[i]
            if unit and key in values and _NUMBER.fullmatch(values[key]):
                values[key] += unit
        return values, problem, remarks

    def _fill_down(self, number: int, values: dict[str, str]) -> list[str]:
        remarks: list[str] = []
        for chain in self.fill_down:
            changed = False
            for key in chain:
                if key in values:
                    changed = changed or values[key] != self._last.get(key)
                    self._last[key] = values[key]
                elif changed:
                    # A village is not carried into the next township.
                    self._last.pop(key, None)
                elif key in self._last and key in self._column_of:
                    remarks.append(self._filled(number, key, values))
        return remarks

    def _filled(self, number: int, key: str, values: dict[str, str]) -> str:
        head = self.head.headings[self._column_of[key]].text
        values[key] = self._last[key]
        self.tally.filled.setdefault(head, []).append((number, number))
        return f"「{head}」空着，照上面一行写作「{values[key]}」"


def _counts_columns(own: list[int], cells: list[str]) -> bool:
    """Tell whether a row only numbers the columns, as printed forms do below their header."""
    return len(own) > 3 and [cells[i] for i in own] == [str(k + 1) for k in range(len(own))]


def whole(text: str) -> tuple[str, str | None]:
    """Return a cell's text, a long number written out, and why it cannot be read (None: it can).

    >>> whole("1.3812345678E+10"), whole("1.38E+10")[1][:11]
    (('13812345678', None), '被表格软件改成了科学计')
    """
    if _CONTROL.search(text):
        return text, "里有看不见的控制字符，请重新输入这一格"
    if text in _ERRORS:
        return text, f"的公式出错（{text}），请改成值"
    if text in _DITTO:
        return text, f"写的是「{text}」，上面却没有内容，请填上"
    found = _SCIENTIFIC.fullmatch(text)
    if not found:
        return text, None
    first, part, power = found[1], found[2] or "", int(found[3])
    if len(part) == power:
        return first + part, None
    return text, f"被表格软件改成了科学计数法（{text}），末尾的数字丢了；请把这一列设为文本后重填"
