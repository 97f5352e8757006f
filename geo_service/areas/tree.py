"""The tree of a county from rows of any order: codes, parents and levels, and what differs from the stored.

In China a code has 12 digits: 6 of the county, 3 of the township, 3 of the village; a shorter one is filled
with zeros, and the parent is the code with its last used part zeroed. Elsewhere codes are text, and a row
names its parent.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import shapely

from layers import codes
from layers.errors import BadFile, BadRow
from layers.vocabulary import Level

_PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12]")
"""The first two digits of a code in China (GB/T 2260)."""

SAME_PLACE_DEG = 1e-7
"""Vertices nearer than this (about a centimetre) are the same."""


@dataclass(frozen=True)
class AreaRow:
    """One row of an areas file, as it stands there; `row` counts from 1."""

    file: str
    row: int
    code: str
    name: str
    parent: str | None = None
    level: str | None = None
    geometry: Any | None = None
    """MultiPolygon in lon, lat, or none."""

    def refused(self, why: str) -> BadRow:
        """Return the error that says where and why this row cannot be taken."""
        return BadRow(f"「{self.file}」第 {self.row} 行：{why}", row=self.row)


@dataclass(frozen=True)
class AreaDraft:
    """An area as it should be stored; the root has no parent."""

    code: str
    name: str
    level: Level
    parent: str | None
    geometry: Any | None = None


@dataclass(frozen=True)
class StoredArea:
    """An area as it is stored."""

    id: int
    code: str
    name: str
    level: Level
    parent: str | None
    geometry: Any | None


@dataclass(frozen=True)
class AreaPlan:
    """What an import of areas would do; `changed` says for each code which properties change."""

    added: list[AreaDraft] = field(default_factory=list)
    changed: list[tuple[AreaDraft, list[str]]] = field(default_factory=list)
    same: int = 0
    gone: list[StoredArea] = field(default_factory=list)
    """Stored, of a level that the file lists, and not in the file; they stay."""

    @property
    def moves_borders(self) -> bool:
        """Tell whether a border is new or changed, so that the membership of places must be made again."""
        return any(d.geometry is not None for d in self.added) or any(
            "边界" in what for _, what in self.changed
        )


def is_chinese(code: str) -> bool:
    """Tell whether a code is one of China's for a county, township or village.

    >>> [is_chinese(code) for code in ("321281", "321281001", "321281001002", "09472111", "DE-BY")]
    [True, True, True, False, False]
    """
    return codes.AREA.fullmatch(codes.full(code)) is not None and _PROVINCE.match(code) is not None


def level_of(code: str) -> Level:
    """Return the level that 12 digits speak of.

    >>> level_of("321281000000").zh, level_of("321281001000").zh, level_of("321281001002").zh
    ('县级', '镇级', '村级')
    """
    if code[6:] == "000000":
        return Level.COUNTY
    return Level.TOWNSHIP if code[9:] == "000" else Level.VILLAGE


def county_among(rows: Sequence[AreaRow]) -> str | None:
    """Return the full code of the county that the rows are of, none if they do not say.

    Raises BadFile if they are of several.
    """
    if not all(is_chinese(row.code) for row in rows):
        tops = [row.code for row in rows if not row.parent]
        return tops[0] if len(tops) == 1 else None
    full = [codes.full(row.code) for row in rows]
    # A province and its cities may stand above the county; a city without counties is one itself.
    counties = (
        {code[:6] for code in full if level_of(code) is not Level.COUNTY}
        or {code[:6] for code in full if code[4:6] != "00"}
        or {code[:6] for code in full}
    )
    if len(counties) > 1:
        some = "、".join(sorted(counties)[:5])
        raise BadFile(f"文件里有 {len(counties)} 个县（如 {some}）；请用 --code 说明要哪一个。")
    return codes.full(counties.pop()) if counties else None


def drafts(
    rows: Sequence[AreaRow], root: AreaDraft, *, known: Iterable[str] = ()
) -> tuple[list[AreaDraft], int]:
    """Return the areas of one county, each after its parent, and how many rows of others were left out.

    `root` is the county itself; `known` are the codes stored in it. Raises BadRow.
    """
    if is_chinese(root.code):
        own = _of_county(rows, root.code[:6])
        found = _unique(_from_codes(own))
    else:
        own = list(rows)
        found = _unique(_from_parents(own, root, set(known)))
    if root.code in found:
        root = replace(root, geometry=found[root.code].geometry)
    found[root.code] = root
    _check_parents(found, own, set(known))
    depth = {code: _depth(code, found) for code in found}
    return sorted(found.values(), key=lambda draft: (depth[draft.code], draft.code)), len(rows) - len(own)


def plan(stored: Mapping[str, StoredArea], wanted: Sequence[AreaDraft]) -> AreaPlan:
    """Compare what is stored (by code) with what the file says; a draft without a border keeps the stored."""
    result = AreaPlan()
    same = 0
    for draft in wanted:
        old = stored.get(draft.code)
        if old is None:
            result.added.append(draft)
            continue
        what = _differences(old, draft)
        if what:
            result.changed.append((draft, what))
        else:
            same += 1
    levels = {draft.level for draft in wanted} - {Level.COUNTY}
    listed = {draft.code for draft in wanted}
    gone = [area for area in stored.values() if area.level in levels and area.code not in listed]
    return replace(result, same=same, gone=sorted(gone, key=lambda area: area.code))


def _of_county(rows: Sequence[AreaRow], county: str) -> list[AreaRow]:
    """Keep the rows of the county, with full codes; its province, its city and its neighbours go."""
    for row in rows:
        if not is_chinese(row.code):
            raise row.refused(
                f"编码「{row.code}」不是 6、9 或 12 位区划代码（如果是电子表格，请把编码列设为文本再保存）。"
            )
    full = [replace(row, code=codes.full(row.code)) for row in rows]
    return [row for row in full if row.code[:6] == county]


def _from_codes(rows: Sequence[AreaRow]) -> Iterable[tuple[AreaRow, AreaDraft]]:
    for row in rows:
        yield row, AreaDraft(row.code, row.name, level_of(row.code), codes.parent(row.code), row.geometry)


def _from_parents(
    rows: Sequence[AreaRow], root: AreaDraft, known: set[str]
) -> Iterable[tuple[AreaRow, AreaDraft]]:
    """Text codes: a row names its parent by code or name; without one it lies right below the county."""
    there = {row.code for row in rows} | known | {root.code}
    names = Counter(row.name for row in rows)
    by_name = {row.name: row.code for row in rows if names[row.name] == 1}
    parents = {
        row.code: parent if parent in there else by_name.get(parent, parent)
        for row in rows
        if row.code != root.code
        for parent in [row.parent or root.code]
    }
    for row in rows:
        level = _stated_level(row) or _level_at(_steps(row, parents))
        yield row, AreaDraft(row.code, row.name, level, parents.get(row.code), row.geometry)


def _stated_level(row: AreaRow) -> Level | None:
    words = {word: level for level in Level for word in (level.value, level.zh, level.zh[0])}
    return words.get(row.level.strip()) if row.level else None


def _level_at(depth: int) -> Level:
    return (Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE)[min(depth, 2)]


def _steps(row: AreaRow, parents: Mapping[str, str]) -> int:
    """Count the steps up to the top; a ring of parents is an error."""
    steps, at = 0, row.code
    while at in parents:
        steps, at = steps + 1, parents[at]
        if steps > len(parents):
            raise row.refused(f"「{row.code}」的上级绕成了一个圈。")
    return steps


def _unique(pairs: Iterable[tuple[AreaRow, AreaDraft]]) -> dict[str, AreaDraft]:
    """Give each code one draft: rows that agree on the name are joined, one border is kept."""
    found: dict[str, tuple[AreaRow, AreaDraft]] = {}
    for row, draft in pairs:
        first, other = found.get(draft.code, (row, draft))
        if other.name != draft.name:
            raise row.refused(
                f"编码 {draft.code} 与「{first.file}」第 {first.row} 行重复，名称却不同"
                f"（「{other.name}」和「{draft.name}」）。"
            )
        geometry = draft.geometry if other.geometry is None else other.geometry
        found[draft.code] = (first, replace(draft, geometry=geometry))
    return {code: draft for code, (_, draft) in found.items()}


def _check_parents(found: Mapping[str, AreaDraft], rows: Sequence[AreaRow], known: set[str]) -> None:
    for row in rows:
        parent = found[row.code].parent
        if parent is None or parent in found or parent in known:
            continue
        raise row.refused(f"「{row.name}」的上级 {parent} 不在文件里，也没有登记；{_cure(parent)}。")


def _cure(parent: str) -> str:
    if not is_chinese(parent):
        return "请补上这一行"
    if level_of(parent) is Level.COUNTY:
        return "请先导入县这一行，或用 --county 写明县名"
    return "请先导入镇街一级的文件"


def _depth(code: str, found: Mapping[str, AreaDraft]) -> int:
    return 0 if (parent := found[code].parent) is None or parent not in found else 1 + _depth(parent, found)


def _differences(old: StoredArea, draft: AreaDraft) -> list[str]:
    what = [
        word
        for word, before, after in [
            ("名称", old.name, draft.name),
            ("级别", old.level, draft.level),
            ("上级", old.parent, draft.parent),
        ]
        if before != after
    ]
    return what + (["边界"] if _border_differs(old.geometry, draft.geometry) else [])


def _border_differs(old: Any | None, new: Any | None) -> bool:
    if new is None:
        return False
    return old is None or not shapely.equals_exact(
        shapely.normalize(old), shapely.normalize(new), tolerance=SAME_PLACE_DEG
    )
