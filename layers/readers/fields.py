"""Columns of a file: which standard column each of them is, and what its values mean.

Only what is recognised is read at all, so that no person's name or telephone number of a register slips into
the attributes of a place.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from layers import banks
from layers.errors import BadFile
from layers.features import Refusal, Value
from layers.names import plain
from layers.readers.synonyms import NAMELESS, NO, NUMBERS, SYNONYMS, YES
from layers.vocabulary import Layer

LONGEST_NAME = 200
LONGEST_TEXT = 2000
"""Characters; more is the sign of a damaged or hostile file."""

SHORT = frozenset(["name", "code", "parent", "id"])

_UNITS = {"km": 1000.0, "公里": 1000.0, "千米": 1000.0, "m": 1.0, "米": 1.0}
_OTHER_UNITS = frozenset(["m2", "㎡", "平方米", "户", "人", "栋", "个", "年"])
_PARENTHESES = re.compile(r"\(([^()]*)\)")
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(km|公里|千米|m|米)?", re.IGNORECASE)
_FOOT_M = 0.3048
_FEET = re.compile(r"(\d+(?:\.\d+)?)(?:'|′|ft|feet|英尺)(?:(\d+(?:\.\d+)?)(?:\"|″|''|in))?", re.IGNORECASE)
_RANGE = re.compile(r"(\d+(?:\.\d+)?)(?:m|米)?[-~—–至到;](\d+(?:\.\d+)?)(m|米)?", re.IGNORECASE)
_ABOUT = re.compile(r"^(?:约|大约|平均|~|≈)|(?:左右|以上|以内)$")
_BANKS = {
    **dict.fromkeys(["分开", "分", "是", "1", "true", "yes", "y", "apart"], banks.APART),
    **dict.fromkeys(
        ["合并", "合", "不分", "不分开", "否", "0", "false", "no", "n", "together"], banks.TOGETHER
    ),
}
_NARROW = {ord(c): unicodedata.normalize("NFKC", c) for c in map(chr, range(0xFF01, 0xFF5F)) if c.isalnum()}


class Column(NamedTuple):
    """A column of a file and the standard name it goes by; `metres` is its unit where the header says one."""

    standard: str
    column: str
    metres: float | None = None


def header(column: str) -> tuple[str, float | None]:
    """Return a column's name as it is compared, and the metres of the unit in its parentheses.

    >>> header("长度（公里）"), header("Road_Name*"), header("讫点")
    (('长度', 1000.0), ('roadname', None), ('终点', None))
    """
    words = plain(column).replace("讫", "终").replace("迄", "终")
    inside = _PARENTHESES.findall(words)
    metres = next((_UNITS[unit] for unit in inside if unit in _UNITS), None)
    if metres is not None or any(unit in _OTHER_UNITS for unit in inside):
        words = _PARENTHESES.sub("", words)
    return re.sub(r"[_\-*:.,()]", "", words), metres


def choose(
    columns: Sequence[str],
    layer: Layer | None,
    mapping: Mapping[str, str],
    *,
    file: str,
    size: Callable[[str], int] | None = None,
) -> list[Column]:
    """Return which columns to read, and as what.

    `mapping` (standard name to column) comes before the synonyms. `size` gives the bytes that a text takes,
    for a format that cuts column names at 10 bytes (Shapefile). BadFile for a mapping to what is not there.
    """
    synonyms = SYNONYMS[layer]
    _check(mapping, columns, synonyms, file=file)
    compared = {column: header(column) for column in columns}
    used = set(mapping.values())
    chosen = []
    for standard, words in synonyms.items():
        free = {c: key for c, (key, _) in compared.items() if c not in used}
        column = mapping.get(standard) or _match(words, free, size)
        if column is not None:
            used.add(column)
            chosen.append(Column(standard, column, compared[column][1]))
    return chosen


def _check(
    mapping: Mapping[str, str], columns: Sequence[str], synonyms: Mapping[str, object], *, file: str
) -> None:
    there = "、".join(columns) or "（一列也没有）"
    for standard, column in mapping.items():
        if standard not in synonyms:
            raise BadFile(f"--map 里的「{standard}」不是标准列名；可用的有：{'、'.join(synonyms)}。")
        if column not in columns:
            raise BadFile(
                f"{file} 里没有「{column}」这一列；文件里的列有：{there}。请改正 --map {standard}=列名。"
            )


def _match(words: Sequence[str], columns: Mapping[str, str], size: Callable[[str], int] | None) -> str | None:
    for word in words:
        key = header(word)[0]
        for column, compared in columns.items():
            if compared == key or (size is not None and _is_cut(column, compared, word, key, size)):
                return column
    return None


def _is_cut(column: str, compared: str, word: str, key: str, size: Callable[[str], int]) -> bool:
    # The first part of a longer word, of 8 to 10 bytes because its next character did not fit.
    return (
        8 <= size(column) <= 10 < size(word[: len(column) + 1])
        and len(compared) > 1
        and key.startswith(compared)
    )


def text(value: object, *, longest: int = LONGEST_TEXT) -> str | None:
    """Return a value as clean text, None where empty; Refusal for NUL and endless text.

    Whole numbers lose their decimals, full-width letters and digits become plain ones.

    >>> text(" １２号　河 "), text(321281.0), text("  "), text(float("nan"))
    ('12号 河', '321281', None, None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        value = int(value)
    words = str(value)
    if len(words) > longest:
        raise Refusal(f"文字长达 {len(words)} 个字，超过 {longest} 个；请检查这一格的内容")
    if not words.isprintable() and any(
        unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in words
    ):
        raise Refusal("文字里有不能显示的字符（如 NUL）；请在原软件里重新填写这一格")
    return " ".join(words.translate(_NARROW).split()) or None


def name(value: object) -> str | None:
    """Return a name, None for 无名, 未命名, - and the like."""
    words = text(value, longest=LONGEST_NAME)
    return None if words is None or plain(words) in NAMELESS else words


def yes(value: object) -> bool:
    """Return whether a cell says 是; empty is 否; Refusal for what is neither."""
    if isinstance(value, bool):
        return value
    words = text(value)
    key = plain(words or "否")
    if key not in YES and key not in NO:
        raise Refusal(f"「{words}」看不出是否纳管；请填 是 或 否")
    return key in YES


def number(value: object, standard: str, metres: float | None) -> float | None:
    """Return a number in the unit of its standard name; None where empty; Refusal where it is no number.

    >>> number("3.2公里", "length_km", None), number(3200, "length_km", 1.0), number("12 m", "width_m", None)
    (3.2, 3.2, 12.0)
    """
    words = text(value)
    if words is None:
        return None
    found = _NUMBER.fullmatch(plain(words).replace(",", ""))
    amount = float(found[1]) if found else math.inf
    if found is None or not math.isfinite(amount):
        raise Refusal(f"「{words}」不是一个数")
    factor = _UNITS[found[2].lower()] if found[2] else metres
    return amount if factor is None else round(amount * factor * NUMBERS[standard], 6)


def width_m(value: object, metres: float | None = None) -> float | None:
    """Return a width in metres: of a range its middle, feet as OpenStreetMap writes them; None for 0.

    >>> width_m("12 m"), width_m("约8-12米"), width_m("40'"), width_m("30 ft"), width_m(0)
    (12.0, 10.0, 12.19, 9.14, None)
    """
    words = _ABOUT.sub("", plain(text(value) or ""))
    if feet := _FEET.fullmatch(words):
        return round(float(feet[1]) * _FOOT_M + float(feet[2] or 0) * _FOOT_M / 12, 2) or None
    if between := _RANGE.fullmatch(words):
        ends = [number(end + (between[3] or ""), "width_m", metres) or 0.0 for end in between.group(1, 2)]
        return sum(ends) / 2 or None
    found = number(words, "width_m", metres)
    if found is not None and found < 0:
        raise Refusal(f"「{value}」不是一个宽度")
    return found or None


def clean(value: object, column: Column) -> Value:
    """Return a cell's value as its standard column holds it; Refusal where it cannot be taken."""
    if column.standard == "in_scheme":
        return yes(value)
    if column.standard == "name":
        return name(value)
    if column.standard == "banks":
        return _BANKS.get(plain(text(value) or ""))
    if column.standard == "width_m":
        return width_m(value, column.metres)
    if column.standard in NUMBERS:
        return number(value, column.standard, column.metres)
    return text(value, longest=LONGEST_NAME if column.standard in SHORT else LONGEST_TEXT)
