"""XLSX workbooks read as text, row by row: only values, in bounded memory, whatever else the file holds.

A spreadsheet library builds every font and style of a workbook before it shows the first row; a file of
50 KB can make it take minutes and gigabytes. Here only the four parts that values need are walked through.
Source of the format: ECMA-376 part 1, SpreadsheetML.
"""

import codecs
import datetime as dt
import posixpath
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from typing import BinaryIO
from xml.parsers import expat

from layers.errors import BadFile
from layers.sheets.formats import GENERAL, Format, epoch, moment, shown
from layers.sheets.table import MAX_COLUMNS, MAX_MERGES, Merge, Rows, Table, tidy

MAX_UNPACKED_BYTES = 64 * 2**20
LAST_ROW = 1_048_576
_MAX_STRINGS = 1_000_000
_MAX_DEPTH = 64
_CHUNK = 2**16

_MERGE = re.compile(
    r"""<(?:\w+:)?mergeCell\s[^<>]*?ref\s*=\s*["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']"""
)
_LONGEST_TAG = 512
_EXACT_DIGITS = 15
_DAMAGED = (
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    IndexError,
    ValueError,
    OverflowError,
    EOFError,
    NotImplementedError,
    RuntimeError,  # what zipfile says of a part with a password
    OSError,
)


def tables(file: BinaryIO, name: str) -> Iterator[Table]:
    """Yield the sheets of an XLSX workbook, values as people saw them.

    Dates are in ISO form, truth is 是 or 否; formulas give the value they had when the file was saved.
    `name` is what messages call the file. Raises BadFile, also while rows are read.
    """
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise _damaged(name) from error
    if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise BadFile(f"{name}：解压后超过 {MAX_UNPACKED_BYTES // 2**20} MB。请只保留要导入的那一张表。")
    try:
        book = _Book.of(archive)
    except _DAMAGED as error:
        raise _damaged(name) from error
    for sheet in book.sheets:
        try:
            merges = [] if sheet.hidden else _merges(archive, sheet.part)
        except _DAMAGED as error:
            raise _damaged(name) from error
        yield Table(sheet.name, _guarded(book.rows(sheet.part), name), merges, hidden=sheet.hidden)


def _guarded(rows: Rows, name: str) -> Rows:
    number = 0
    try:
        for number, cells in rows:
            yield number, cells
    except _DAMAGED as error:
        raise _damaged(name, after_row=number) from error


def _damaged(name: str, after_row: int | None = None) -> BadFile:
    where = f"第 {after_row + 1} 行起" if after_row is not None else "工作簿"
    return BadFile(f"{name}：{where}已损坏或不完整。请重新保存或重新发送后再导入。")


@dataclass(frozen=True)
class _Part:
    """One sheet and the part that holds it."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True)
class _Book:
    """What values need besides their sheet."""

    archive: zipfile.ZipFile
    sheets: list[_Part]
    strings: list[str]
    formats: list[Format]
    """Of each cell style."""
    epoch: dt.datetime

    @classmethod
    def of(cls, archive: zipfile.ZipFile) -> "_Book":
        main = next(iter(_targets(archive, "", "officeDocument").values()), "xl/workbook.xml")
        sheet_parts = _targets(archive, main, "worksheet")
        sheets, is_1904, used = list[_Part](), False, set[str]()
        for name, given, _ in _walk(archive, main, starts={"sheet", "workbookPr"}):
            if name == "workbookPr":
                is_1904 = given.get("date1904") in ("1", "true")
            elif (part := sheet_parts.get(given.get("id", ""))) is not None:
                if part in used:
                    raise ValueError("one part for several sheets")
                used.add(part)
                hidden = given.get("state", "visible") != "visible"
                sheets.append(_Part(given.get("name", ""), part, hidden))
        strings = [_strings(archive, part) for part in _targets(archive, main, "sharedStrings").values()]
        styles = [_formats(archive, part) for part in _targets(archive, main, "styles").values()]
        return cls(
            archive, sheets, strings[0] if strings else [], styles[0] if styles else [], epoch(is_1904)
        )

    def rows(self, part: str) -> Rows:
        """Yield the rows of a sheet that are not empty."""
        number, cells = 0, [""] * 0
        for name, given, text in _walk(self.archive, part, starts={"row"}, texts={"c"}):
            if name == "c":
                column = _column(given.get("r"), len(cells))
                if column < MAX_COLUMNS:
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = tidy(self._text(text, given.get("t", "n"), int(given.get("s", 0))))
                continue
            if any(cells):
                yield number, cells
            cells = []
            number = int(given.get("r", number + 1))
            if number > LAST_ROW:
                return
        if any(cells):
            yield number, cells

    def _text(self, value: str, kind: str, style: int) -> str:
        if kind == "n" and value:
            return self._number(value, style)
        if kind == "s" and value:
            return self.strings[int(value)]
        if kind == "b":
            return {"1": "是", "true": "是", "": ""}.get(value, "否")
        # d: a date; inlineStr: a text; str: the text of a formula; e: an error such as #N/A
        return value.removesuffix("T00:00:00") if kind == "d" else _unescaped(value)

    def _number(self, value: str, style: int) -> str:
        format_ = self.formats[style] if style < len(self.formats) else GENERAL
        if format_.is_date:
            return moment(float(value), self.epoch)
        if format_ is GENERAL and value.isdecimal() and len(value) <= _EXACT_DIGITS:
            return value
        return shown(float(value), format_)


def _targets(archive: zipfile.ZipFile, of: str, kind: str) -> dict[str, str]:
    """Return the parts that a part ("" the whole package) is related to in one way, by relation id."""
    folder, file = posixpath.split(of)
    relations = posixpath.join(folder, "_rels", f"{file}.rels")
    return {
        given.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, given.get("Target", ""))).lstrip(
            "/"
        )
        for _, given, _ in _walk(archive, relations, starts={"Relationship"})
        if given.get("Type", "").endswith(f"/{kind}")
    }


def _strings(archive: zipfile.ZipFile, part: str) -> list[str]:
    """Return the texts that cells refer to by number."""
    found: list[str] = []
    for _, _, text in _walk(archive, part, texts={"si"}):
        found.append(_unescaped(text))
        if len(found) > _MAX_STRINGS:
            raise ValueError("too many texts")
    return found


def _formats(archive: zipfile.ZipFile, part: str) -> list[Format]:
    """Return the number format of each cell style; GENERAL itself where it changes nothing."""
    own: dict[str, Format] = {}
    found: list[Format] = []
    group = ""
    for name, given, _ in _walk(archive, part, starts={"numFmt", "cellStyleXfs", "cellXfs", "dxfs", "xf"}):
        number = given.get("numFmtId", "0")
        if name == "numFmt":
            own[number] = Format.of(given.get("formatCode", ""))
        elif name != "xf":
            group = name
        elif group == "cellXfs":
            format_ = own.get(number) or Format.built_in(int(number) if number.isdigit() else 0)
            found.append(GENERAL if format_ == GENERAL else format_)
    return found


def _merges(archive: zipfile.ZipFile, part: str) -> list[Merge]:
    """Return the merged cells of a sheet, which stand behind its rows.

    A look through the characters takes a tenth of the time of a second parse. What it would take wrongly, a
    tag within a comment, merges cells and harms nothing; that the part is sound is seen when it is parsed.
    """
    found: list[Merge] = []
    with archive.open(part) as opened:
        chunk = opened.read(_CHUNK)
        wide = chunk[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
        coding = (
            ("utf-16-be" if chunk[:1] == b"\0" else "utf-16-le" if chunk[:1] == b"<" else "utf-16")
            if wide
            else "latin-1"
        )
        decoder, text = codecs.getincrementaldecoder(coding)("replace"), ""
        while chunk:
            text += decoder.decode(chunk)
            end = 0
            if "mergeCell" in text:
                for match in _MERGE.finditer(text):
                    left, top, right, below = match.groups()
                    found.append((int(top), int(below), _column_of(left), _column_of(right)))
                    end = match.end()
            if len(found) > MAX_MERGES:
                raise ValueError("too many merged cells")
            text = text[max(end, len(text) - _LONGEST_TAG) :]
            chunk = opened.read(_CHUNK)
    return found


Event = tuple[str, dict[str, str], str]
"""Local name of an element, its attributes by local name, and the text in its `v` and `t`."""


def _walk(
    archive: zipfile.ZipFile, part: str, *, starts: Collection[str] = (), texts: Collection[str] = ()
) -> Iterator[Event]:
    """Yield elements of a part: `starts` as they begin, `texts` with their text as they end.

    Nothing is kept of what was passed. A document type, and with it every entity, is refused.
    """
    listener = _Listener(starts, texts)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = listener.start
    parser.EndElementHandler = listener.end
    parser.CharacterDataHandler = listener.characters
    parser.StartDoctypeDeclHandler = _refuse_document_type
    with archive.open(part) as opened:
        while chunk := opened.read(_CHUNK):
            parser.Parse(chunk)
            yield from listener.heard
            listener.heard.clear()
        parser.Parse(b"", True)


class _Listener:
    """What the parser tells, as events."""

    def __init__(self, starts: Collection[str], texts: Collection[str]) -> None:
        self.heard: list[Event] = []
        self._starts, self._texts = frozenset(starts), frozenset(texts)
        self._path: list[str] = []
        self._given: dict[str, str] = {}
        self._said: list[str] = []

    def start(self, name: str, given: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise ValueError("nested too deep")
        if name in self._texts or name in self._starts:
            given = {key.rpartition(" ")[2]: value for key, value in given.items()}
            if name in self._texts:
                self._given, self._said = given, []
            else:
                self.heard.append((name, given, ""))

    def end(self, _: str) -> None:
        name = self._path.pop()
        if name in self._texts:
            self.heard.append((name, self._given, "".join(self._said)))

    def characters(self, text: str) -> None:
        # rPh: how characters are read, written above them.
        if self._path[-1] in ("v", "t") and self._path[-2] != "rPh":
            self._said.append(text)


def _refuse_document_type(*_: object) -> None:
    raise ValueError("a document type")


def _column(reference: str | None, following: int) -> int:
    """Return the column of a cell from 0, as in "AB12"; a cell without a reference follows the one before.

    >>> _column("A1", 5), _column("AB12", 0), _column(None, 5)
    (0, 27, 5)
    """
    return _column_of(reference.rstrip("0123456789")) if reference else following


@cache
def _column_of(letters: str) -> int:
    if not (letters.isascii() and letters.isupper() and len(letters) <= 3):
        raise ValueError("a cell without a column")
    return reduce(lambda column, letter: column * 26 + ord(letter) - 64, letters, 0) - 1


def _unescaped(text: str) -> str:
    """Return a text with characters that XML cannot hold, which Excel writes as in _x000D_."""
    if "_x" not in text:
        return text
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)
