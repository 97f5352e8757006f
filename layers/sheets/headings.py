"""Headings: where they stand, which columns they name, in one row or several, and what unit they state."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from layers.errors import BadFile
from layers.sheets.model import Fields
from layers.sheets.table import MAX_COLUMNS, Filling, Merge, Rows, Table

WITHIN = 10
"""The header row is looked for among so many rows."""
_DEPTH = 3
_LONGEST_HEADING = 24
SERIAL = frozenset({"序号", "序", "no", "no.", "№", "#", "行号"})
_PHONES = frozenset(["电话", "联系电话", "手机", "手机号", "手机号码", "电话号码", "联系方式", "办公电话"])
_OF_A_PERSON = _PHONES | {"姓名", "职务", "单位及职务", "单位", "编号", "职务/电话", "职务及电话"}
_PERSON = re.compile(r"(长|员|人|管家|经理|主任|书记|者)$")
_UNITS = {
    "km": "公里", "公里": "公里", "千米": "公里", "m": "米", "米": "米", "里": "里", "华里": "里",
}  # fmt: skip
# What stands in brackets behind a heading without changing what it means.
_ASIDE = frozenset(
    [
        *_UNITS,
        *(
            "km/m",
            "㎡",
            "m2",
            "平方米",
            "万平方米",
            "平方公里",
            "亩",
            "户",
            "人",
            "名",
            "栋",
            "幢",
            "个",
            "块",
            "处",
            "条",
        ),
        *(
            "年",
            "年月",
            "年月日",
            "元",
            "岁",
            "周岁",
            "年龄",
            "必填",
            "选填",
            "手机",
            "全称",
            "镇街",
            "桩号",
            "地名",
            "桩号/地名",
        ),
        *("有/无", "是/否", "男/女", "正常/异常", "时间地点照片", "时间/地点/照片"),
    ]
)


def plain(heading: str) -> str:
    """Return a heading for comparison.

    Full width, blanks, a star for "required" and a trailing colon carry no meaning.

    >>> plain("＊姓 名："), plain("县级河长／电话"), plain("镇级河长·职务")
    ('姓名', '县级河长/电话', '镇级河长/职务')
    """
    text = re.sub(r"[\s*_]", "", unicodedata.normalize("NFKC", heading)).rstrip(":").lower()
    return re.sub(r"[·\-—、]", "/", text) if len(text) > 1 else text


def unit_of(heading: str) -> str:
    """Return the unit of length that a heading or a title states, "" if none.

    >>> unit_of("长度(km)"), unit_of("里程（公里）"), unit_of("(单位：米)"), unit_of("起点(桩号)")
    ('公里', '公里', '米', '')
    """
    text = plain(heading)
    found = re.search(r"\((?:单位:)?([^():]*)\)$|(?:^|[^一-鿿])单位:([a-z一-鿿]+)$", text)
    return _UNITS.get(found[1] or found[2], "") if found else ""


def _without_aside(text: str) -> str:
    found = re.fullmatch(r"(.+)\(([^()]*)\)", text)
    return found[1] if found and found[2] in _ASIDE else text


@dataclass(frozen=True)
class Heading:
    """What stands above one column."""

    text: str
    """The lowest of its texts, as in the file; "" where there is none."""
    above: tuple[str, ...] = ()
    """The headings over it, the outermost first, or the person before it whose 职务 or 电话 it is."""
    beside: bool = False
    """Whether it is qualified by what stands beside it, not above."""

    @property
    def full(self) -> str:
        """The heading with the one that qualifies it."""
        return "/".join([*self.above[-1:], self.text])

    def spellings(self) -> Iterator[tuple[str, bool]]:
        """Yield what it may be called, the most qualified first, and whether that says all of it."""
        for k in range(len(self.above)):
            qualified = plain("/".join([*self.above[k:], self.text]))
            yield qualified, True
            if _without_aside(qualified) != qualified:
                yield _without_aside(qualified), True
        bare = plain(self.text)
        yield bare, not self.above
        yield _without_aside(bare), not self.above


@dataclass(frozen=True)
class Head:
    """The header of a table, and what stands above it."""

    headings: list[Heading]
    columns: dict[int, str]
    """Column -> field."""
    rows: list[list[str]]
    """The header rows as in the file: the same again, in the body, begins a printed page."""
    titles: list[str]
    last_row: int

    @property
    def names(self) -> list[str]:
        """One name a column, as short as it can be and each once."""
        texts = [heading.text for heading in self.headings]
        names: list[str] = []
        for heading in self.headings:
            name = heading.text if texts.count(heading.text) < 2 else heading.full
            while name and name in names:
                name += "'"
            names.append(name)
        return names


class Words:
    """The headings that fields ask for."""

    def __init__(self, fields: Fields, required: Sequence[Sequence[str]]) -> None:
        self.fields, self.required = fields, required
        self.meaning = {plain(text): key for key, texts in fields.items() for text in (key, *texts)}
        self.known = {last for text in self.meaning for last in (text, text.rpartition("/")[2])}
        self.known |= _OF_A_PERSON | SERIAL

    def knows(self, text: str) -> bool:
        """Tell whether a cell reads like a heading."""
        bare = plain(text)
        return bare in self.known or _without_aside(bare) in self.known

    def names(self, key: str, cell: str) -> bool:
        """Tell whether a cell is one of a field's headings, and not its value."""
        return len(cell) <= _LONGEST_HEADING and self.meaning.get(plain(cell)) == key

    def make_a_head(self, cells: Sequence[str]) -> bool:
        """Tell whether a row in the body is a header of its own: only headings, the required ones too."""
        if self.meaning.keys().isdisjoint(cells):
            return False
        if not all(map(self.knows, filter(None, cells))):
            return False
        return self.fit(self.columns(_headings([(1, [*cells])], ()))[0])

    def columns(self, headings: Sequence[Heading]) -> tuple[dict[int, str], tuple[int, int] | None]:
        """Return column -> field, and two columns that mean the same field equally well.

        A qualified heading wins over a plain one, and that over one whose qualifier had to be left away.
        """
        best: dict[str, tuple[int, int]] = {}
        doubled: dict[str, tuple[int, int]] = {}
        for column, heading in enumerate(headings):
            found = self._field(heading)
            if found is None:
                continue
            key, rank = found
            if key not in best or rank > best[key][0]:
                best[key] = rank, column
                doubled.pop(key, None)
            elif rank == best[key][0]:
                doubled.setdefault(key, (best[key][1], column))
        return {column: key for key, (_, column) in best.items()}, next(iter(doubled.values()), None)

    def _field(self, heading: Heading) -> tuple[str, int] | None:
        for spelling, whole in heading.spellings():
            if not whole and heading.beside and self.meaning.keys().isdisjoint(_called(heading.above[0])):
                return None  # the phone of somebody nobody asked for
            if spelling in self.meaning:
                return self.meaning[spelling], 2 if "/" in spelling and heading.above else int(whole)
        return None

    def fit(self, columns: Mapping[int, str]) -> bool:
        """Tell whether all required fields are there."""
        there = set(columns.values())
        return all(not there.isdisjoint(group) for group in self.required)


def _called(person: str) -> tuple[str, str]:
    return plain(person), plain(f"{person}姓名")


def find(table: Table, words: Words, file: str) -> tuple[Head | None, Rows, list[str]]:
    """Look for the header among the first rows of a table.

    Returns the header (None: not there), the rows that were looked at or are still to come, and for a message
    the first texts that were found. Raises BadFile where two columns mean the same.
    """
    looked_at = list(itertools.islice(table.rows, WITHIN + _DEPTH))
    rows = itertools.chain(looked_at, table.rows)
    for start, (number, cells) in enumerate(looked_at):
        if number > WITHIN:
            break
        for depth in range(1, _DEPTH + 1):
            head_rows = looked_at[start : start + depth]
            more = depth > 1
            if more and (_is_title(cells) or not _follows(head_rows, table.merges, words, depth)):
                break
            if more and _only_titled(head_rows, words):
                break
            if words.fit(words.columns(_headings(head_rows, table.merges))[0]):
                return _head(looked_at, start, depth, table, words, file), rows, []
    first = next((cells for _, cells in looked_at if any(cells)), [])
    return None, rows, [cell for cell in first if cell]


def _head(
    looked_at: list[tuple[int, list[str]]], start: int, depth: int, table: Table, words: Words, file: str
) -> Head:
    if start and depth < _DEPTH and _groups(looked_at[start - 1][1], looked_at[start][1], words):
        start, depth = start - 1, depth + 1
    while depth < _DEPTH and _follows(looked_at[start : start + depth + 1], table.merges, words, depth + 1):
        depth += 1
    head_rows = looked_at[start : start + depth]
    headings = _headings(head_rows, table.merges)
    columns, doubled = words.columns(headings)
    if doubled:
        a, b = doubled
        raise BadFile(
            f"{file}：第 {a + 1} 列「{headings[a].full}」和第 {b + 1} 列「{headings[b].full}」"
            "是同一个意思。请删去或改名其中一列。"
        )
    titles = [text for _, cells in looked_at[:start] for text in dict.fromkeys(cells) if text]
    return Head(headings, columns, [cells for _, cells in head_rows], titles, head_rows[-1][0])


def same_columns(words: Words, cells: list[str], head: Head) -> bool:
    """Tell whether a row of headings names the same columns as the header, perhaps in other words."""
    columns, doubled = words.columns(_headings([(1, cells)], ()))
    return doubled is None and columns == head.columns


def _only_titled(rows: list[tuple[int, list[str]]], words: Words) -> bool:
    """Tell whether the last of some rows is a header by itself, and the one above only a title of it."""
    (_, above), (_, cells) = rows[-2:]
    return words.fit(words.columns(_headings([(1, cells)], ()))[0]) and not _groups(above, cells, words)


def _is_title(cells: list[str]) -> bool:
    """Tell whether a row above the header is a title, such as 「填报单位：戴南镇 | 单位：公里」."""
    own = [text for text in cells if text]
    return len(own) < 2 or any(re.search(r"[:：]\s*\S", text) for text in own)


def _groups(above: list[str], below: list[str], words: Words) -> bool:
    """Tell whether a row holds headings over those of the next: no title, and with columns of its own."""
    if _is_title(above):
        return False
    alone = [text for i, text in enumerate(above) if text and (i >= len(below) or not below[i])]
    like_headings = sum(words.knows(text) or bool(_PERSON.search(plain(text))) for text in alone)
    return bool(alone) and 2 * like_headings >= len(alone)


def _follows(
    rows: list[tuple[int, list[str]]], merges: Sequence[Merge], words: Words, wanted: int = 0
) -> bool:
    """Tell whether the last of some rows is one more row of the header that the others begin."""
    if len(rows) < wanted:
        return False
    (above_number, above), (number, cells) = rows[-2:]
    texts = [text for text in cells if text]
    if (
        number != above_number + 1
        or not texts
        or any(re.fullmatch(r"[\d.\-/年月日:]+", text) for text in texts)
    ):
        return False
    known = sum(words.knows(text) for text in texts)
    if any(top <= above_number and below >= number for top, below, _, _ in merges if top >= rows[0][0]):
        return True
    over = any(top == below == above_number and right > left for top, below, left, right in merges)
    gap = any(text and not (i < len(above) and above[i]) for i, text in enumerate(cells))
    return (known == len(texts) and gap) or (over and 2 * known >= len(texts))


def _headings(rows: list[tuple[int, list[str]]], merges: Sequence[Merge]) -> list[Heading]:
    width = min(
        MAX_COLUMNS, max((i + 1 for _, cells in rows for i, text in enumerate(cells) if text), default=0)
    )
    filling = Filling([merge for merge in merges if merge[2] < width])
    levels = [_carried(filling.fill(number, cells), rows[k + 1 :]) for k, (number, cells) in enumerate(rows)]
    stacks = [
        tuple(dict.fromkeys(level[i] for level in levels if i < len(level) and level[i]))
        for i in range(width)
    ]
    headings = [Heading(stack[-1], stack[:-1]) if stack else Heading("") for stack in stacks]
    return _after_a_person(_parted(headings))


def _parted(headings: list[Heading]) -> list[Heading]:
    """Part a heading that names several columns at once: 县级河长/职务/电话 over three of them."""
    found: list[Heading] = []
    while len(found) < len(headings):
        heading = headings[len(found)]
        first, *others = re.split(r"[/／]", heading.text)
        beside = headings[len(found) + 1 : len(found) + 2 + len(others)]
        its = list(itertools.takewhile(partial(_continues, heading.text), beside))
        of_a_person = plain(first) not in _OF_A_PERSON and all(plain(t) in _OF_A_PERSON for t in others)
        if others and of_a_person and len(its) == len(others):
            found.append(Heading(first.strip(), heading.above))
            found += [Heading(text.strip(), (first.strip(),), beside=True) for text in others]
        else:
            found.append(heading)
    return found


def _continues(text: str, after: Heading) -> bool:
    return after.text in ("", text)


def _carried(cells: list[str], below: list[tuple[int, list[str]]]) -> list[str]:
    """Carry a heading to the right as long as there is none of its own but one below: merged, or meant so."""
    if not below:
        return cells
    lower = below[0][1]
    cells = cells + [""] * (len(lower) - len(cells))
    for i in range(1, len(lower)):
        if not cells[i] and lower[i] and i - 1 < len(lower) and lower[i - 1]:
            cells[i] = cells[i - 1]
    return cells


def _after_a_person(headings: list[Heading]) -> list[Heading]:
    """Qualify 职务, 电话 and the like that stand behind a person's column."""
    found: list[Heading] = []
    person, had = "", set[str]()
    for heading in headings:
        bare = _without_aside(plain(heading.text))
        kind = "电话" if bare in _PHONES else bare
        # A second phone is not that person's any more: 姓名, 紧急联系人, 电话, 联系电话.
        if person and bare in _OF_A_PERSON and not heading.above and kind not in had:
            had.add(kind)
            found.append(Heading(heading.text, (person,), beside=True))
            continue
        named = re.sub(r"\([^()]*\)$", "", bare.removesuffix("姓名").rstrip("/"))
        person = named if bare not in _OF_A_PERSON and named and _PERSON.search(named) else ""
        had.clear()
        found.append(heading)
    return found
