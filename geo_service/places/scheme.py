"""What a user says of a file in words: who is 纳管 (all, a column, a list), and which column is what."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from geo_service.errors import Invalid
from layers import sheets
from layers.errors import BadFile

ALL = "all"
_FIELDS = {
    "name": ("名称", "河道名称", "道路名称", "路线名称", "网格名称", "小区名称", "name"),
    "code": ("编码", "编号", "河道编码", "路线编号", "道路编码", "网格编码", "小区编码", "code"),
}
_LONGEST_BYTES = 4 * 2**20


@dataclass(frozen=True)
class SchemeChoice:
    """What was said: all, these names and codes, or the column that says it row by row."""

    scheme: Literal["all"] | frozenset[str] | None = None
    column: str | None = None


def choice(said: str | None) -> SchemeChoice:
    """Return what `all`, the path of a list, or the name of a column says; None: nothing was said."""
    if said is None:
        return SchemeChoice()
    if said.strip().lower() == ALL:
        return SchemeChoice("all")
    path = Path(said)
    if path.suffix.lower() in sheets.ENDINGS:
        if not path.is_file():
            raise Invalid(f"没有找到名单文件 {said}。")
        with path.open("rb") as file:
            return SchemeChoice(listed(file, path.name))
    return SchemeChoice(column=said)


def listed(file: BinaryIO, name: str) -> frozenset[str]:
    """Return the names and codes of a list: a table with such a column, or plain text with one a line."""
    if name.lower().endswith(".txt"):
        words = _lines(file, name)
    else:
        sheet = sheets.read(file, name, _FIELDS, required=[["name", "code"]])
        words = frozenset(value for row in sheet.rows for value in row.values.values())
    if not words:
        raise BadFile(f"{name}：名单是空的。")
    return words


def _lines(file: BinaryIO, name: str) -> frozenset[str]:
    data = file.read(_LONGEST_BYTES + 1)
    if len(data) > _LONGEST_BYTES:
        raise BadFile(f"{name}：超过 {_LONGEST_BYTES // 2**20} MB，不像是名单。")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return frozenset(word for line in data.decode(encoding).splitlines() if (word := line.strip()))
        except UnicodeDecodeError:
            continue
    raise BadFile(f"{name}：文字编码不是 UTF-8 或 GBK，请另存后再用。")


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return standard name to column from texts like name=河道名称. Raises Invalid."""
    mapping = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (equals and name.strip() and column.strip()):
            raise Invalid(f"「{pair[:40]}」看不懂；列名对应要写成 name=河道名称。")
        mapping[name.strip()] = column.strip()
    return mapping
