"""Kinds of problems as data: a tree of two levels, with the codes of the standards and limits of handling.

The default is ours (domain.md 1.5); the codes are those of the editions named in `STANDARDS`, as far as they
are known (domain.md 2.3, peers.md d5): cities differ in the numbers, so that offices keep their own tree.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Self

from layers.case_rules import Limit, limit_of
from layers.errors import BadRules
from layers.vocabulary import Disorder, Layer, Severity

GB_2013, GB_2026 = "GB/T 30428.2-2013", "GB/T 47678.5-2026"
STANDARDS = (GB_2013, GB_2026)
"""The editions side by side: a component's code has 部件 before it, an event's has not."""
ICONS = ("litter", "water", "chaos", "road", "parking", "facility", "danger", "other")
MOST_KINDS, MOST_BELOW = 8, 6
"""What fits a volunteer's screen (domain.md 1.5)."""
_CODE = re.compile(r"[a-z0-9_]{1,30}(\.[a-z0-9_]{1,30})?")


@dataclass(frozen=True)
class Category:
    """One kind of problem, or one category below it."""

    code: str
    """Ours: a kind is one word, a category its kind and a word ("litter.bank")."""
    name: str
    icon: str | None = None
    """Of a kind: one of `ICONS`."""
    severity: Severity = Severity.MINOR
    """What it is taken for until somebody says otherwise."""
    disorder: Disorder | None = None
    standards: Mapping[str, str] = field(default_factory=dict)
    """Its code by edition of a standard."""
    limit: Limit | None = None
    """How long handling may take; None: as its severity says."""
    layers: tuple[Layer, ...] = ()
    """On places of which layers it may lie; none named: on any. Of a kind."""

    @property
    def kind(self) -> str:
        """The code of its kind."""
        return self.code.partition(".")[0]

    @property
    def is_kind(self) -> bool:
        """Whether it is a kind."""
        return "." not in self.code

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, without what is not said."""
        said = {
            "code": self.code, "name": self.name, "icon": self.icon, "severity": self.severity.value,
            "disorder": self.disorder and self.disorder.value, "standards": dict(self.standards),
            "limit": self.limit and {"days": self.limit.days, "hours": self.limit.hours},
            "layers": [layer.value for layer in self.layers],
        }  # fmt: skip
        return {name: value for name, value in said.items() if value not in (None, {}, [])}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read it. Raises BadRules."""
        if not isinstance(said, Mapping):
            raise BadRules("每个类别要写成一个 JSON 对象（{…}）。")
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(said) - known):
            raise BadRules(f"类别里没有叫「{unknown[0][:40]}」的项；可以写：{'、'.join(sorted(known))}。")
        try:
            disorder, limit, icon = said.get("disorder"), said.get("limit"), said.get("icon")
            return cls(
                _text(said["code"]), _text(said["name"]), None if icon is None else _text(icon),
                Severity(said.get("severity", Severity.MINOR)),
                None if disorder is None else Disorder(disorder),
                {_text(edition): _text(code) for edition, code in said.get("standards", {}).items()},
                None if limit is None else limit_of(limit),
                tuple(Layer(word) for word in said.get("layers", ())),
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadRules):
                raise
            raise BadRules("有一个类别看不懂：要有编码、名称，等级写 minor、major 或 grave。") from error


@dataclass(frozen=True)
class Categories:
    """A tree of categories."""

    rows: tuple[Category, ...]

    @classmethod
    def of(cls, rows: Iterable[Category]) -> Self:
        """Make the tree. Raises BadRules, which names the category that does not fit."""
        tree = cls(tuple(rows))
        tree._demand_whole()
        return tree

    @classmethod
    def from_json(cls, said: Sequence[Mapping[str, Any]]) -> Self:
        """Read a tree. Raises BadRules."""
        if isinstance(said, str) or not isinstance(said, Sequence):
            raise BadRules("类别要写成列表（[…]），每个类别一项。")
        return cls.of(Category.from_json(one) for one in said)

    def to_json(self) -> list[dict[str, Any]]:
        """Return it as JSON."""
        return [one.to_json() for one in self.rows]

    @cached_property
    def by_code(self) -> Mapping[str, Category]:
        """Every kind and category by its code."""
        return {one.code: one for one in self.rows}

    @cached_property
    def kinds(self) -> list[Category]:
        """The kinds, in order."""
        return [one for one in self.rows if one.is_kind]

    def below(self, kind: str) -> list[Category]:
        """Return the categories of a kind, in order."""
        return [one for one in self.rows if not one.is_kind and one.kind == kind]

    def get(self, code: str) -> Category:
        """Return a kind or category. Raises BadRules."""
        found = self.by_code.get(code)
        if found is None:
            raise BadRules(f"没有编码为「{code[:40]}」的问题类别；请重新选择。")
        return found

    def tree(self) -> list[dict[str, Any]]:
        """Return kinds, each with its categories, by code and name: for a screen that asks in two steps."""
        return [
            {
                "code": kind.code, "name": kind.name, "icon": kind.icon,
                "below": [{"code": one.code, "name": one.name} for one in self.below(kind.code)],
            }
            for kind in self.kinds
        ]  # fmt: skip

    def words(self, code: str) -> str:
        """Return a category as people read it, with its kind; a code that is not there as itself."""
        found, kind = self.by_code.get(code), self.by_code.get(code.partition(".")[0])
        if found is None:
            return code
        return found.name if found.is_kind or kind is None else f"{kind.name}·{found.name}"

    def _demand_whole(self) -> None:
        if len(self.by_code) != len(self.rows):
            raise BadRules("类别的编码不能重复。")
        for one in self.rows:
            if not _CODE.fullmatch(one.code):
                raise BadRules(f"编码「{one.code[:40]}」要用小写字母、数字和下划线，下一级写成 上级.下级。")
            if not 0 < len(one.name.strip()) <= 20:
                raise BadRules(f"「{one.code}」的名称要有 1 到 20 个字。")
            if one.is_kind and one.icon not in ICONS:
                raise BadRules(f"「{one.name}」的图标要是 {'、'.join(ICONS)} 之一。")
            if one.kind not in self.by_code:
                raise BadRules(f"「{one.name}」的上一级「{one.kind}」不在表里。")
        if not 0 < len(self.kinds) <= MOST_KINDS:
            raise BadRules(f"大类要有 1 到 {MOST_KINDS} 个，手机上才放得下。")
        for kind in self.kinds:
            if len(self.below(kind.code)) > MOST_BELOW:
                raise BadRules(f"「{kind.name}」下面最多 {MOST_BELOW} 个小类。")


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError("a word")
    return said


def _rows(kind: Category, *below: Category) -> list[Category]:
    return [kind, *below]


def _standards(old: str | None = None, new: str | None = None) -> dict[str, str]:
    return {edition: code for edition, code in ((GB_2013, old), (GB_2026, new)) if code}


def _one(
    code: str,
    name: str,
    old: str | None = None,
    new: str | None = None,
    *,
    severity: Severity = Severity.MINOR,
    disorder: Disorder | None = None,
) -> Category:
    return Category(code, name, None, severity, disorder, _standards(old, new))


_MAJOR, _GRAVE = Severity.MAJOR, Severity.GRAVE
_ON_RIVERS, _ON_ROADS = (Layer.RIVER,), (Layer.ROAD, Layer.GRID, Layer.COMPOUND)

DEFAULT = Categories.of([
    *_rows(
        Category("litter", "垃圾漂浮物", "litter"),
        _one("litter.floating", "水面漂浮物", "0105"),
        _one("litter.bank", "河岸垃圾", "0105"),
        _one("litter.exposed", "暴露垃圾", "0102", "06010"),
        _one("litter.pile", "积存垃圾渣土", "0103", "06011"),
        _one("litter.animal", "动物尸体", "0117"),
        _one("litter.burning", "焚烧垃圾秸秆", "0115"),
    ),
    *_rows(
        Category("water", "水质和排污", "water", layers=_ON_RIVERS),
        _one("water.colour", "水变色", severity=_MAJOR),
        _one("water.smell", "水发臭", severity=_MAJOR),
        _one("water.oil", "水面油污", "0105", severity=_MAJOR),
        _one("water.fish", "死鱼", severity=_MAJOR),
        _one("water.outlet", "排污口在排", severity=_GRAVE),
        _one("water.new_outlet", "新增排污口", severity=_GRAVE),
    ),
    *_rows(
        Category("chaos", "四乱", "chaos", severity=_MAJOR, layers=_ON_RIVERS),
        _one("chaos.occupy", "乱占", severity=_MAJOR, disorder=Disorder.OCCUPY),
        _one("chaos.dig", "乱采", severity=_GRAVE, disorder=Disorder.DIG),
        _one("chaos.dump", "乱堆", "0103", "06011", severity=_MAJOR, disorder=Disorder.DUMP),
        _one("chaos.build", "乱建", "0101", severity=_GRAVE, disorder=Disorder.BUILD),
    ),
    *_rows(
        Category("road", "道路损坏", "road", layers=_ON_ROADS),
        _one("road.pit", "路面坑洼", "0110"),
        _one("road.collapse", "路面塌陷", "0401", severity=_GRAVE),
        _one("road.flood", "道路积水", "0406"),
        _one("road.dirty", "道路不洁", "0104", "06012"),
        _one("road.ice", "积雪结冰", "0407"),
        _one("road.spill", "道路遗撒", "0112"),
    ),
    *_rows(
        Category("parking", "占道乱停", "parking", layers=_ON_ROADS),
        _one("parking.car", "机动车乱停", "0505"),
        _one("parking.bike", "非机动车乱停", "0506"),
        _one("parking.stall", "占道经营", "0501", "09006"),
        _one("parking.shop", "店外经营", "0504", "09005"),
        _one("parking.goods", "乱堆物堆料", "0507", "06036"),
        _one("parking.works", "施工占道", "0304"),
    ),
    *_rows(
        Category("facility", "设施损坏", "facility"),
        _one("facility.manhole", "井盖缺损", "部件0101", severity=_MAJOR),
        _one("facility.rail", "护栏损坏", "部件0211"),
        _one("facility.lamp", "路灯不亮", "部件0106"),
        _one("facility.sign", "公示牌损坏"),
        _one("facility.bank", "河堤破损", "0111", severity=_MAJOR),
        _one("facility.fitness", "健身等设施", "部件0126"),
    ),
    *_rows(
        Category("danger", "隐患和矛盾", "danger"),
        _one("danger.drowning", "落水隐患", severity=_MAJOR),
        _one("danger.fire", "消防隐患", severity=_MAJOR),
        _one("danger.wire", "线缆垂落", "0408", severity=_MAJOR),
        _one("danger.dispute", "邻里矛盾"),
        _one("danger.green", "毁绿占绿", None, "06045"),
    ),
    *_rows(
        Category("other", "其他", "other"),
        _one("other.other", "其他问题", "0199"),
    ),
])  # fmt: skip
"""The tree that a county has until it brings its own."""
