"""Rosters as offices make them, from a seed: each a file full of traps, with the truth that is in it.

`nasty(seed)` makes one, `forty()` the forty of the acceptance test. A roster's truth is its records in plain
values, each with its people, and the rows that are no records. Cells are written by `nasty_cells`, files by
`nasty_files`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from layers import forms
from layers.forms import Form, Post
from tests.layers import nasty_cells as cells
from tests.layers.nasty_files import ENDINGS, Grid, written
from tests.layers.nasty_words import ENDING, PLACES, SIGNATURES, TOWNSHIPS, VALUES, VILLAGES, WRITTEN


@dataclass(frozen=True)
class Person:
    """Somebody a record names; `role` is the key of the form's post, or "person"."""

    role: str
    name: str
    phones: tuple[str, ...] = ()
    post: str = ""


@dataclass(frozen=True)
class Record:
    """What one row truly says: plain values by field of the form (length in metres), and its people."""

    values: dict[str, str | float | None]
    people: list[Person]
    sheet: str = ""
    row: int = 0

    @property
    def place(self) -> str | None:
        """The name of the place it is about."""
        found = self.values.get("place") or self.values.get("river") or self.values.get("name")
        return str(found) if found else None


@dataclass
class Nasty:
    """A file and its truth."""

    seed: int
    form: Form
    name: str
    data: bytes
    records: list[Record]
    others: dict[tuple[str, int], str]
    """(sheet, row) -> what it is: total, signature, note, header, title, blank, section."""
    traps: set[str]


@dataclass(frozen=True)
class _Column:
    """A column to be written: a field of the form, or one of a post's cells."""

    key: str
    headings: Sequence[str]
    post: Post | None = None
    part: str = ""
    """name, post, phone, or all of them in one cell"""


@dataclass
class _Maker:
    """Makes one roster."""

    seed: int
    form: Form
    ending: str
    rng: random.Random
    traps: set[str] = field(default_factory=set)
    records: list[Record] = field(default_factory=list)
    others: dict[tuple[str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_csv = self.ending == ".csv"
        self.people = cells.People(self.rng)
        self.unit = self.rng.choice(["heading", "title", "cell"])
        self.two_rows = bool(self.form.posts) and self._trap("two header rows", 0.5)
        self.columns = list(self._columns())
        self.used: set[str] = set()

    def _trap(self, name: str, chance: float) -> bool:
        sprung = self.rng.random() < chance
        if sprung:
            self.traps.add(name)
        return sprung

    # --- columns

    def _columns(self) -> Iterator[_Column]:
        if self._trap("serial numbers", 0.8):
            yield _Column("", ["序号", "序 号", "No."])
        for key in WRITTEN[self.form.key]:
            if key == "length":
                yield _Column(key, self._length_headings())
            else:
                yield _Column(key, [text for text in self.form.fields[key] if not text.isascii()])
        for post in self.form.posts:
            yield from self._post_columns(post)
        if self._trap("a column nobody asked for", 0.5):
            yield _Column("?", ["领导批示", "核查记录"])
        yield _Column("note", ["备注", "备 注"])

    def _length_headings(self) -> list[str]:
        words = ["长度", "里程"] if self.form is forms.ROADS else ["长度", "河道长度", "全长"]
        units = ["(km)", "（公里）", "（km）"] if self.unit == "heading" else [""]
        return [word + unit for word in words for unit in units]

    def _post_columns(self, post: Post) -> Iterator[_Column]:
        who = self.rng.choice([text for text in post.called if "/" not in text])
        official = post.kind == forms.DutyKind.OFFICIAL
        if self.two_rows:
            yield _Column(post.key, [f"{who}|姓名"], post, "name")
            if official:
                yield _Column(f"{post.key}_post", [f"{who}|职务"], post, "post")
            yield _Column(f"{post.key}_phone", [f"{who}|电话", f"{who}|联系电话"], post, "phone")
        elif self._trap("people with phones in one cell", 0.3):
            yield _Column(post.key, [f"{who}及电话", who, f"{who}姓名及联系电话"], post, "all")
        elif official and self._trap("post and phone in one cell", 0.3):
            yield _Column(post.key, [who], post, "name")
            yield _Column(f"{post.key}_post_phone", ["职务/电话"], post, "post and phone")
        else:
            yield _Column(post.key, [who, f"{who}姓名"], post, "name")
            if official:
                yield _Column(f"{post.key}_post", ["职务", "职 务"], post, "post")
            self.traps.add("repeated headings")
            yield _Column(f"{post.key}_phone", ["电话", "联系电话", "手机"], post, "phone")

    # --- truth

    def _record(self, township: str, village: str) -> Record:
        rng = self.rng
        values: dict[str, str | float | None] = {}
        people: list[Person] = []
        for key in WRITTEN[self.form.key]:
            values[key] = self._value(key, township, village, values)
        for post in self.form.posts:
            official = post.kind == forms.DutyKind.OFFICIAL
            count = 1 if official else rng.choice([0, 1, 1, 2, 3])
            if official and rng.random() < 0.15:
                count = 0
            for _ in range(count):
                name, phone = self.people.somebody()
                title = (
                    rng.choice(["副县长", "镇长", "村书记", "村主任"])
                    if official and self._has(post, "post")
                    else ""
                )
                phones = (phone,) if self._has(post, "phone") or self._has(post, "all") else ()
                people.append(Person(post.key, name, phones, title))
        if self.form in (forms.VOLUNTEERS, forms.OUTINGS):
            key = "name" if self.form is forms.VOLUNTEERS else "person"
            phone = values.get("phone")
            people.append(Person("person", str(values[key]), (str(phone),) if phone else ()))
        return Record(values, people)

    def _has(self, post: Post, part: str) -> bool:
        return any(c.post is post and part in c.part for c in self.columns)

    def _value(
        self, key: str, township: str, village: str, values: dict[str, str | float | None]
    ) -> str | float | None:
        rng = self.rng
        area = {"township": township, "village": village}
        if key in ("name", "person") and self.form.layer is None:
            name, phone = self.people.somebody()
            values["phone"] = phone if rng.random() < 0.9 else None
            return name
        known: dict[str, Callable[[], str | float | None]] = {
            "township": lambda: area[key],
            "village": lambda: area[key],
            "name": self._place,
            "river": lambda: rng.choice(PLACES) + "河",
            "length": lambda: float(rng.randint(3, 400) * 100),
        }
        if key in known:
            return known[key]()
        if key in values:  # the phone, which came with the name
            return values[key]
        made = VALUES.get(key)
        return made(rng) if made else f"{key}{rng.randint(1, 99)}号"

    def _place(self) -> str:
        name = self.rng.choice(PLACES) + ENDING[self.form.key]
        while name in self.used:
            name = self.rng.choice("东西南北前后") + name
        self.used.add(name)
        return name

    # --- rows

    def make(self) -> Nasty:
        several = not self.is_csv and self._trap("a sheet for each township", 0.4)
        townships = self.rng.sample(TOWNSHIPS, self.rng.randint(2, 3))
        groups = [[town] for town in townships] if several else [townships]
        grids = [self._grid(f"{towns[0]}" if several else "Sheet1", towns) for towns in groups]
        if not self.is_csv and self._trap("a sheet without records", 0.4):
            grids.insert(
                self.rng.randint(0, len(grids)), Grid("填表说明", [["请各镇街认真填写"], ["5月底前报送"]])
            )
        if not self.is_csv and self._trap("a hidden sheet", 0.3):
            grids.append(Grid("旧数据", [["序号", "河道名称", "姓名"], [1, "旧河", "旧人"]], hidden=True))
        name = f"{self.form.title}{self.seed}{self.ending}"
        return Nasty(
            self.seed, self.form, name, written(grids, self.ending), self.records, self.others, self.traps
        )

    def _grid(self, sheet: str, townships: Sequence[str]) -> Grid:
        grid = Grid(sheet)
        self._titles(grid, townships)
        head = self._head(grid)
        serial = 0
        for township in townships:
            if len(townships) > 1 and not self.is_csv and self._trap("section lines", 0.2):
                grid.line(f"一、{township}", len(self.columns))
                self._other(grid, "section")
            start = len(grid.rows)
            for village in self.rng.sample(VILLAGES, self.rng.randint(1, 3)):
                for _ in range(self.rng.randint(1, 4)):
                    serial += 1
                    self._write(grid, self._record(township, village), serial)
                    start = self._interrupt(grid, head, start)
            self._fold(grid, start)
            if self._trap("subtotals", 0.3):
                grid.rows.append(self._total(self.rng.choice(["小计", "小 计", f"{township}小计"])))
                self._other(grid, "total")
        self._foot(grid, serial)
        return grid

    def _other(self, grid: Grid, what: str) -> None:
        self.others["" if self.is_csv else grid.name, len(grid.rows)] = what

    def _titles(self, grid: Grid, townships: Sequence[str]) -> None:
        width = len(self.columns)
        if self._trap("a title above", 0.8):
            grid.line(f"{townships[0]}{self.form.title}及人员设置表", width)
            if self._trap("who filled it above", 0.6):
                unit = "单位：公里" if self.unit == "title" else "2024年5月"
                grid.rows.append([f"填报单位：{townships[0]}人民政府", None, None, unit])
            elif self.unit == "title":
                grid.rows.append([None, None, None, "单位：公里"])
        elif self.unit == "title":
            grid.rows.append([None, None, None, "（单位：公里）"])

    def _head(self, grid: Grid) -> list[list[object]]:
        chosen = [self.rng.choice(column.headings) for column in self.columns]
        if len(set(chosen)) < len(chosen):
            self.traps.add("repeated headings")
        start = len(grid.rows)
        if not self.two_rows:
            grid.rows.append([self._noised(text) for text in chosen])
            return grid.rows[start:]
        upper = [text.partition("|")[0] for text in chosen]
        lower = [text.partition("|")[2] for text in chosen]
        columns = range(len(chosen))
        grid.rows += [[None] * len(chosen), [lower[i] or None for i in columns]]
        for _, run in groupby(columns, key=lambda i: upper[i] if lower[i] else i):
            group = list(run)
            grid.rows[start][group[0]] = upper[group[0]]
            if len(group) > 1:
                grid.merge(start, start, group[0], group[-1])
            elif not lower[group[0]]:
                grid.merge(start, start + 1, group[0], group[0])
        return grid.rows[start:]

    def _noised(self, text: str) -> str:
        kind = self.rng.random()
        if kind < 0.1:
            return f"{text}*"
        if kind < 0.2 and len(text) == 2:
            return f"{text[0]}　{text[1]}"
        return f"{text[:2]}\n{text[2:]}" if kind < 0.3 and len(text) > 3 else text

    def _write(self, grid: Grid, record: Record, serial: int) -> None:
        row = [self._cell(column, record, serial) for column in self.columns]
        grid.rows.append(row)
        self.records.append(
            Record(record.values, record.people, "" if self.is_csv else grid.name, len(grid.rows))
        )

    def _cell(self, column: _Column, record: Record, serial: int) -> object:
        rng = self.rng
        if column.key in ("", "?", "note"):
            return serial if not column.key else rng.choice([None, None, "已核"])
        if column.post is not None:
            people = [p for p in record.people if p.role == column.post.key]
            return cells.people(rng, people, column.part, self.traps)
        value = record.values[column.key]
        writer = cells.WRITERS.get(column.key)
        if value is None or writer is None:
            return value
        if column.key == "length":
            return cells.length(rng, float(str(value)), self.unit)
        return writer(rng, value, self.traps, self.is_csv)

    # --- what is no record

    def _interrupt(self, grid: Grid, head: list[list[object]], start: int) -> int:
        """Put something between the records; the township's cell is folded up to there."""
        kind = self.rng.random()
        before = len(grid.rows)
        if kind < 0.06:
            grid.rows.append([])
            self.traps.add("blank rows")
            self._other(grid, "blank")
        elif kind < 0.12 and not self.columns[0].key:
            grid.rows.append([99])
            self.traps.add("numbers without a record")
            self._other(grid, "blank")
        elif kind < 0.17:
            for row in head:
                grid.rows.append(list(row))
                self._other(grid, "header")
            self.traps.add("header repeated on a page")
        else:
            return start
        self._fold(grid, start, before)
        return len(grid.rows)

    def _fold(self, grid: Grid, start: int, end: int | None = None) -> None:
        """Merge cells of the same township and village, or, in CSV, leave what the merge leaves."""
        end = len(grid.rows) if end is None else end
        if not self._trap("merged cells", 0.6):
            return
        outer: list[tuple[int, int]] = [(start, end)]
        for key in ("township", "village"):
            column = next((i for i, c in enumerate(self.columns) if c.key == key), None)
            if column is None:
                continue
            outer = [run for a, b in outer for run in _runs(grid.rows, column, a, b)]
            for a, b in outer:
                if b - a > 1:
                    for row in grid.rows[a + 1 : b]:
                        row[column] = None
                    grid.merge(a, b - 1, column, column)

    def _total(self, word: str) -> list[object]:
        row: list[object] = [None] * len(self.columns)
        row[self.rng.choice([0, 1])] = word
        row[-2] = self.rng.randint(2, 99)
        return row

    def _foot(self, grid: Grid, count: int) -> None:
        rng = self.rng
        if self._trap("a total", 0.6):
            grid.rows.append(self._total(rng.choice(["合计", "合  计", "总计", f"合计：{count}条"])))
            self._other(grid, "total")
        if self._trap("prefilled numbers", 0.3) and not self.columns[0].key:
            for k in range(3):
                grid.rows.append([count + k + 1])
                self._other(grid, "blank")
        if self._trap("signatures", 0.7):
            for row in rng.sample(SIGNATURES, rng.randint(1, 3)):
                grid.rows.append(list(row))
                self._other(grid, "signature")
        if self._trap("a note", 0.4):
            grid.line(
                rng.choice(["注：本表一式两份。", "说明：电话须填手机。", "备注：数据截至5月底"]),
                len(self.columns),
            )
            self._other(grid, "note")


def _runs(rows: list[list[object]], column: int, a: int, b: int) -> list[tuple[int, int]]:
    runs = []
    for _, group in groupby(range(a, b), key=lambda k: rows[k][column]):
        found = list(group)
        runs.append((found[0], found[-1] + 1))
    return runs


def nasty(seed: int) -> Nasty:
    """Make the roster of a seed: its form and its format go round, its traps fall by chance."""
    form = forms.ALL[seed % len(forms.ALL)]
    ending = ENDINGS[(seed // len(forms.ALL) + seed) % len(ENDINGS)]
    return _Maker(seed, form, ending, random.Random(seed)).make()


def forty() -> list[Nasty]:
    """Make the forty rosters of the acceptance test."""
    return [nasty(seed) for seed in range(40)]
