"""A county's categories and calendar as files: given out, read back, tried before they are put in use."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from geo_service.columns import Column, Listing
from geo_service.errors import Invalid
from layers import said, sheets
from layers.categories import GB_2013, GB_2026, ICONS, Categories, Category
from layers.errors import BadFile, BadRules, YinxunError
from layers.vocabulary import Disorder, Layer, Severity, Word

W = TypeVar("W", bound=Word)
_MOST_BYTES = 2 * 2**20
_MOST_ERRORS = 20
COLUMNS = (
    Column("code", "编码"),
    Column("name", "名称"),
    Column("icon", "图标"),
    Column("severity", "等级"),
    Column("disorder", "四乱"),
    Column("code_2013", GB_2013),
    Column("code_2026", GB_2026),
    Column("days", "处置期限（工作日）", "number"),
    Column("hours", "处置期限（工作小时）", "number"),
    Column("layers", "图层"),
)
_FIELDS = {
    "code": ("编码", "code"),
    "name": ("名称", "name"),
    "icon": ("图标", "icon"),
    "severity": ("等级", "severity"),
    "disorder": ("四乱",),
    "code_2013": (GB_2013, "GB/T 30428.2", "国标代码"),
    "code_2026": (GB_2026, "GB/T 47678.5"),
    "days": ("处置期限（工作日）", "处置期限(工作日)", "工作日"),
    "hours": ("处置期限（工作小时）", "处置期限(工作小时)", "工作小时"),
    "layers": ("图层", "对象类型"),
}
_DAY_FIELDS = {
    "day": ("日期", "day"),
    "is_working": ("是否工作", "是否上班", "工作日", "上班"),
    "name": ("名称", "节日", "说明", "备注"),
}
_YES, _NO = ("是", "上班", "工作", "1", "true", "班"), ("否", "放假", "休", "休息", "0", "false", "假")
CalendarRow = tuple[dt.date, bool, str | None]


@dataclass(frozen=True)
class Change:
    """What a new tree would do to the one in use, in words."""

    added: Sequence[str]
    gone: Sequence[str]
    changed: Sequence[str]

    @property
    def is_none(self) -> bool:
        """Whether both are the same."""
        return not (self.added or self.gone or self.changed)


def listing(tree: Categories) -> Listing:
    """Return a tree as a list that can be edited and read again."""
    return Listing("case_categories", "问题类别", COLUMNS, [_row(one) for one in tree.rows])


def categories(file: BinaryIO, name: str) -> Categories:
    """Read a tree from JSON, XLSX or CSV. Raises BadFile, BadRules, Invalid, each naming the row."""
    if name.casefold().endswith(".json"):
        return Categories.from_json(_json(file))
    sheet = sheets.read(file, name, _FIELDS, required=[["code"], ["name"]])
    rows, errors = [], []
    for row in sheet.rows:
        try:
            if row.problem:
                raise Invalid(row.problem)
            rows.append(_category(row.values))
        except YinxunError as error:
            errors.append(f"第 {row.number} 行：{error.detail}")
    _demand_none(errors)
    return Categories.of(rows)


def calendar(file: BinaryIO, name: str) -> list[CalendarRow]:
    """Read days with 日期, 是否工作, 名称 from XLSX or CSV. Raises BadFile, Invalid that names the rows."""
    sheet = sheets.read(file, name, _DAY_FIELDS, required=[["day"], ["is_working"]])
    days: dict[dt.date, CalendarRow] = {}
    errors = []
    for row in sheet.rows:
        try:
            if row.problem:
                raise Invalid(row.problem)
            day = said.day(row.values.get("day", ""))
            days[day] = (day, _is_working(row.values.get("is_working", "")), row.values.get("name") or None)
        except (YinxunError, ValueError) as error:
            told = error.detail if isinstance(error, YinxunError) else str(error)
            errors.append(f"第 {row.number} 行：{told}")
    _demand_none(errors)
    if any(len(day[2] or "") > 40 for day in days.values()):
        raise Invalid("名称最多 40 字，例如 国庆节。")
    return list(days.values())


def change(before: Categories, after: Categories) -> Change:
    """Return what a new tree would do to the one in use."""
    old, new = before.by_code, after.by_code
    return Change(
        [f"{code} {after.words(code)}" for code in new if code not in old],
        [f"{code} {before.words(code)}" for code in old if code not in new],
        [f"{code} {after.words(code)}" for code, one in new.items() if code in old and old[code] != one],
    )


def _row(one: Category) -> tuple[object, ...]:
    limit = one.limit
    return (
        one.code, one.name, one.icon, one.severity, one.disorder, one.standards.get(GB_2013),
        one.standards.get(GB_2026), (limit and limit.days) or None, (limit and limit.hours) or None,
        list(one.layers),
    )  # fmt: skip


def _category(values: dict[str, str]) -> Category:
    limit = {name: _number(values[name]) for name in ("days", "hours") if values.get(name)}
    if (icon := values.get("icon")) and icon not in ICONS:
        raise BadRules(f"图标「{icon[:20]}」要是 {'、'.join(ICONS)} 之一。")
    disorder, codes = values.get("disorder"), ((GB_2013, "code_2013"), (GB_2026, "code_2026"))
    return Category.from_json(
        {
            "code": values.get("code", ""),
            "name": values.get("name", ""),
            "icon": icon or None,
            "severity": _word(Severity, values.get("severity") or Severity.MINOR, "等级"),
            "disorder": _word(Disorder, disorder, "四乱") if disorder else None,
            "standards": {edition: values[key] for edition, key in codes if values.get(key)},
            "limit": limit or None,
            "layers": [_word(Layer, word, "图层") for word in _parts(values.get("layers", ""))],
        }
    )


def _word(words: type[W], text: str, what: str) -> W:
    found = next((word for word in words if text.strip() in (word.value, word.zh)), None)
    if found is None:
        raise Invalid(f"{what}「{text[:20]}」要是 {'、'.join(word.zh for word in words)} 之一。")
    return found


def _parts(text: str) -> Iterable[str]:
    return [part.strip() for part in text.replace("，", "、").replace(",", "、").split("、") if part.strip()]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid(f"期限「{text[:20]}」要写数字，例如 5。") from None


def _is_working(text: str) -> bool:
    word = text.strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Invalid(f"“是否工作”里的「{text[:20]}」看不懂；请写 是 或 否。")


def _demand_none(errors: Sequence[str]) -> None:
    if errors:
        more = f"；还有 {len(errors) - _MOST_ERRORS} 行" if len(errors) > _MOST_ERRORS else ""
        raise Invalid("".join(errors[:_MOST_ERRORS]) + more)


def _json(file: BinaryIO) -> list[Any]:
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise BadFile("文件太大；类别表不会超过 2 MB。")
    try:
        read = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadFile("这个 JSON 文件读不出来；请用下载的文件改好再传。") from error
    rows = read.get("categories") if isinstance(read, dict) else read
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadFile("JSON 里要有一列类别，像下载的文件那样。")
    return rows
