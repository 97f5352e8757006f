"""The rows below the header: which of them are records, and what the others are."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from layers.sheets.headings import SERIAL, Head, plain, unit_of
from layers.sheets.model import Row, SheetRow
from layers.sheets.table import Filling, Rows, letters

_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?E\+(\d{2,3})")
_SUSPECT = re.compile(rf"{_CONTROL.pattern}|#[NRVD]|E\+\d\d|同上|[〃″]")
_NUMBER = re.compile(r"[\d,]+(\.\d+)?")
_SERIAL_NUMBER = re.compile(r"[\d.\-()（）、①-⑳一二三四五六七八九十百]+")
_DITTO = frozenset({"同上", "〃", "″"})

_TOTAL = re.compile(
    r"(.{0,12}(镇|乡|街道|村|社区|县|市|区|本页|全部))?(合计|小计|总计|共计|累计)(数)?([:：(（].*|[\d,.]+.{0,12})?"
)
_TALLY = re.compile(r"(以上|全[镇县村市乡])?[共计]{1,2}\d+[条名人个户处座].{0,20}")
_SIGNED = (
    r"(填表|填报|制表|审核|审批|复核|报送|统计|经办|负责|单位负责|主要负责|分管|签字|签名|联系|校对|录入)"
    r"(人|单位|日期|时间|领导|部门|者|人签字|人签名|人电话)?"
)
_SIGNED_COLON = re.compile(
    rf"({_SIGNED}|日期|单位|村居|镇街|盖章|单位盖章|联系电话)(\([^()]*\))?[:：].*", re.S
)
_SIGNED_ALONE = re.compile(
    r"(填表|填报|制表|审核|报送|统计)(人|单位|日期|时间)|单位负责人|主要负责人|负责人签字|制表|审核|盖章|\(盖章\)"
)
_NOTE = re.compile(
    r"(注|备注|附注|说明|填表说明|填报说明|注意|注意事项|填表须知)(\d{0,2}[:：.]|\d{1,2}[、:：.]).*|说明|填表说明|填报说明",
    re.S,
)


def footer(text: str) -> bool:
    """Tell whether a row that begins with this text is a total, a signature or a note, and no record.

    >>> [footer(text) for text in ("合 计", "戴南镇小计：12条", "填表人：张三", "注：一式两份")]
    [True, True, True, True]
    >>> [footer(text) for text in ("注泽河", "合计河", "说明", "负责人", "制表厂路", "共青河")]
    [False, False, True, False, False, False]
    """
    bare = re.sub(r"\s", "", text).replace("（", "(").replace("）", ")")
    patterns = (_TOTAL, _TALLY, _SIGNED_COLON, _NOTE)
    return any(pattern.fullmatch(bare) for pattern in patterns)


Run = tuple[int, int]
"""First and last row of several that follow each other."""


@dataclass
class Tally:
    """Rows that are no records, and cells that were filled, by kind."""

    left: dict[str, list[Run]] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    filled: dict[str, list[Run]] = field(default_factory=dict)
    headless: dict[int, int] = field(default_factory=dict)
    """Column without a heading -> the first row that says something there."""

    def notes(self) -> Iterator[str]:
        """Yield what there is to tell, in plain Chinese."""
        for kind, runs in self.left.items():
            yield f"{kind} {count(runs)} 行没有当作记录（第 {ranges(runs)} 行）。"
        if self.sections:
            yield f"横跨整张表的小标题没有当作记录：{'、'.join(self.sections[:20])}。"
        for head, runs in self.filled.items():
            where = f"{count(runs)} 行空着（第 {ranges(runs)} 行）"
            yield f"「{head}」有 {where}，照上面一行补上了；不对的请填上再导入。"
        for column, number in self.headless.items():
            yield f"{letters(column)} 列没有表头，里面的内容没有读取（第 {number} 行起）。"


def count(runs: Sequence[Run]) -> int:
    """Return how many rows there are in runs of them."""
    return sum(last - first + 1 for first, last in runs)


def ranges(runs: Sequence[Run]) -> str:
    """Return row numbers for people, neighbours joined.

    >>> ranges([(3, 3), (4, 4), (5, 5), (9, 9)])
    '3—5、9'
    """
    joined: list[Run] = []
    for first, last in runs:
        if joined and first == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    texts = [str(a) if a == b else f"{a}—{b}" for a, b in joined[:20]]
    return "、".join(texts) + ("……" if len(joined) > 20 else "")


@dataclass
class Body:
    """Reads the rows of one table below its header."""

    head: Head
    filling: Filling
    sheet: str = ""
    index: int | None = None
    """Of the sheet among several that are read; None for the only one."""
    fill_down: Sequence[Sequence[str]] = ()
    """Fields whose blank cells take the value above where merges are lost; the wider before the narrower."""
    lengths: Sequence[str] = ()
    identities: Sequence[str] = ()
    """Fields of which a record needs one; a total may stand there."""
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
        if self._is_repeated(own, cells):
            return "重复的表头"
        below_head = number == self.head.last_row + 1
        if below_head and _counts_columns(own, cells):
            return "列号"
        return "合计、签名或说明" if self._is_footer(own, said, cells) else None

    def _line(self, text: str) -> str:
        if text in self.head.titles:
            return "重复的标题"
        return "合计、签名或说明" if footer(text) or _SIGNED_ALONE.fullmatch(text) else "小标题"

    def _is_repeated(self, own: list[int], cells: list[str]) -> bool:
        if len(own) == 1 and cells[own[0]] in self.head.titles:
            return True
        first = own[0], plain(cells[own[0]])
        return (
            any(pattern[0] == first for pattern in self._repeated) and self._pattern(cells) in self._repeated
        )

    def _is_footer(self, own: list[int], said: list[int], cells: list[str]) -> bool:
        looked_at = {
            own[0],
            said[0],
            *(self._column_of[key] for key in self.identities if key in self._column_of),
        }
        texts = [cells[i] for i in sorted(looked_at) if i < len(cells) and cells[i]]
        if any(footer(text) for text in texts):
            return True
        return 2 * len(own) <= self._width and any(
            _SIGNED_ALONE.fullmatch(re.sub(r"\s", "", text)) for text in texts
        )

    def _row(self, number: int, cells: list[str]) -> Row:
        values, problem, remarks = self._values(cells)
        if self.fill_down:
            remarks += self._fill_down(number, values)
        self._above = values
        for column in self._headless:
            if column < len(cells) and cells[column]:
                self.tally.headless.setdefault(column, number)
        if problem is None and any(cells[self._width :]):
            extra = next(cell for cell in cells[self._width :] if cell)
            problem = f"比表头多出格子（{extra[:20]}），请检查是否多了分隔符"
        return Row(
            number=number if self.index is None else SheetRow(self.index, self.sheet, number),
            values=values,
            cells=self._placed(cells),
            problem=problem,
            sheet=self.sheet,
            section=self._section,
            remarks=tuple(remarks),
        )

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
