"""A norm as data: for whom, how often, what one outing must have, what else is taken for it.

A `Rule` is read from JSON and written to it; what contradicts itself is refused in plain Chinese. What is due
under it is said by `layers.dues`, what one outing is worth by `layers.verdicts`. Rules of real places stand
in `layers.presets`. None is in force by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from layers.errors import BadNorm
from layers.vocabulary import DutyKind, Evidence, Layer, Level, Period, Role, ServiceKind, Word

W = TypeVar("W", bound=Word)

Mode = Evidence | ServiceKind
"""What an outing is: a patrol by what it rests on, or a service by its kind."""

MOST_OUTINGS = 400
"""More than one a day of a year is nobody's norm."""
MOST_SLOTS = 28
ALL_MONTHS = tuple(range(1, 13))


class Per(Word):
    """Who owes the outings of a period."""

    PERSON = "person", "每人"
    PLACE = "place", "每个对象"


@dataclass(frozen=True)
class Minima:
    """What one outing must have at least; None or False: not asked."""

    minutes: float | None = None
    metres: float | None = None
    """Walked within reach of the place."""
    share: float | None = None
    """Of the place covered or seen, 0 to 1: a second minimum, separate from the metres."""
    checklist: bool = False
    """The record is complete (domain.md 1.4)."""


@dataclass(frozen=True)
class Caps:
    """Beyond what an outing is doubtful; None: no cap of the norm."""

    minutes: float | None = None
    metres: float | None = None
    ridden_share: float | None = None
    """Of the way, faster than walking; None: that of `layers.verdicts`."""
    may_ride: tuple[Role, ...] = ()
    """Who may ride: what they rode counts as walked."""


@dataclass(frozen=True)
class Accepted:
    """A mode that is taken for an outing, at most so often in a period (None: as often as it comes)."""

    mode: Mode
    at_most: int | None = None


WALKED = (Accepted(Evidence.TRACK),)


@dataclass(frozen=True)
class Rule:
    """What is expected of whom. Empty `roles`, `levels`, `layers`: of all."""

    count: int
    period: Period
    per: Per = Per.PERSON
    roles: tuple[Role, ...] = ()
    kind: DutyKind | None = DutyKind.VOLUNTEER
    """None: of volunteers and officials."""
    levels: tuple[Level, ...] = ()
    layers: tuple[Layer, ...] = ()
    months: tuple[int, ...] = ALL_MONTHS
    """In which something is due."""
    slots: int = 0
    """A month in so many equal parts, each of which wants one outing; 0: not split."""
    min_gap_hours: float = 0.0
    """Between the beginnings of two outings that are tallied."""
    one_a_day: bool = True
    """At most one outing a day is tallied; the others are shown and cover too."""
    grace_days: int = 0
    """After the end of a period, in which it can still be made up for."""
    minima: Minima = field(default_factory=Minima)
    caps: Caps = field(default_factory=Caps)
    accepts: tuple[Accepted, ...] = WALKED

    def __post_init__(self) -> None:
        _check(self)

    def asks(self, role: Role, kind: DutyKind, level: Level) -> bool:
        """Tell whether something is expected of who holds such a duty."""
        return (
            (not self.roles or role in self.roles)
            and (not self.layers or role.layer in self.layers)
            and (self.kind is None or kind is self.kind)
            and (not self.levels or level in self.levels)
        )

    def takes(self, mode: Mode) -> Accepted | None:
        """Return how a mode is taken for an outing; None: it is not."""
        return next((accepted for accepted in self.accepts if accepted.mode is mode), None)

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON has it; `from_json` gives the same rule again."""
        data: dict[str, Any] = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        for part in ("minima", "caps"):
            own = getattr(self, part)
            data[part] = {f.name: _plain(getattr(own, f.name)) for f in fields(own)}
        data["accepts"] = [{"mode": a.mode.value, "at_most": a.at_most} for a in self.accepts]
        return data

    @classmethod
    def from_json(cls, data: object) -> "Rule":
        """Read a rule. Raises BadNorm, which says what is wrong and where."""
        read = _Reader(data, "标准", {f.name for f in fields(cls)})
        minima = _Reader(read.data.get("minima", {}), "单次最低要求", {f.name for f in fields(Minima)})
        caps = _Reader(read.data.get("caps", {}), "单次上限", {f.name for f in fields(Caps)})
        return cls(
            count=read.whole("count", "次数", None),
            period=read.word("period", "周期", Period, None),
            per=read.word("per", "按谁计", Per, Per.PERSON),
            roles=read.words("roles", "岗位", Role),
            kind=read.word("kind", "职责类别", DutyKind, DutyKind.VOLUNTEER, nullable=True),
            levels=read.words("levels", "级别", Level),
            layers=read.words("layers", "图层", Layer),
            months=tuple(sorted(set(read.wholes("months", "月份", ALL_MONTHS)))),
            slots=read.whole("slots", "每月等分", 0),
            min_gap_hours=read.number("min_gap_hours", "间隔小时", 0.0) or 0.0,
            one_a_day=read.flag("one_a_day", "每天只计一次", default=True),
            grace_days=read.whole("grace_days", "宽限天数", 0),
            minima=Minima(
                minima.number("minutes", "最短分钟", None),
                minima.number("metres", "最短米数", None),
                minima.number("share", "最低覆盖率", None),
                minima.flag("checklist", "检查项", default=False),
            ),
            caps=Caps(
                caps.number("minutes", "最长分钟", None),
                caps.number("metres", "最长米数", None),
                caps.number("ridden_share", "乘车占比上限", None),
                caps.words("may_ride", "可骑行的岗位", Role),
            ),
            accepts=_accepts(read),
        )


def mode_of(word: str) -> Mode:
    """Return the mode with a stored word. Raises BadNorm."""
    for kind in (Evidence, ServiceKind):
        if word in {member.value for member in kind}:
            return kind(word)
    known = "、".join(f"{m.value}（{m.zh}）" for m in (*Evidence, *ServiceKind))
    raise BadNorm(f"不认识凭证或服务「{word[:40]}」；可以是 {known}。")


def _accepts(read: "_Reader") -> tuple[Accepted, ...]:
    given = read.data.get("accepts")
    if given is None:
        return WALKED
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise BadNorm("「accepts」（可抵的方式）要写成列表。")
    found = []
    for item in given:
        one = _Reader(item, "可抵的方式", {"mode", "at_most"})
        at_most = one.whole("at_most", "每周期最多几次", 0) if one.data.get("at_most") is not None else None
        found.append(Accepted(mode_of(str(one.data.get("mode", ""))), at_most))
    return tuple(found)


def _plain(value: object) -> Any:
    if isinstance(value, Word):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


class _Reader:
    """Reads the fields of one object of JSON; says in Chinese which one is wrong."""

    def __init__(self, data: object, what: str, known: set[str]) -> None:
        if not isinstance(data, Mapping):
            raise BadNorm(f"{what}要写成一个 JSON 对象（{{…}}）。")
        unknown = sorted(str(key) for key in data if key not in known)
        if unknown:
            raise BadNorm(f"{what}里有不认识的项「{unknown[0][:40]}」；可以写：{'、'.join(sorted(known))}。")
        self.data: Mapping[str, Any] = data

    def whole(self, name: str, zh: str, default: int | None) -> int:
        value = self.data.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadNorm(f"「{name}」（{zh}）要填整数。")
        return value

    def wholes(self, name: str, zh: str, default: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            _Reader({name: item}, zh, {name}).whole(name, zh, None) for item in self._list(name, zh, default)
        )

    def number(self, name: str, zh: str, default: float | None) -> float | None:
        value = self.data.get(name, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
            raise BadNorm(f"「{name}」（{zh}）要填数字。")
        return float(value)

    def flag(self, name: str, zh: str, *, default: bool) -> bool:
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            raise BadNorm(f"「{name}」（{zh}）要填 true 或 false。")
        return value

    def word(self, name: str, zh: str, kind: type[W], default: W | None, *, nullable: bool = False) -> Any:
        value = self.data.get(name, default)
        if value is None and nullable:
            return None
        known = {member.value: member for member in kind}
        if not isinstance(value, str) or value not in known:
            allowed = "、".join(f"{member.value}（{member.zh}）" for member in kind)
            raise BadNorm(f"「{name}」（{zh}）要填：{allowed}。")
        return known[value]

    def words(self, name: str, zh: str, kind: type[W]) -> tuple[W, ...]:
        items = self._list(name, zh, ())
        found = [_Reader({name: item}, zh, {name}).word(name, zh, kind, None) for item in items]
        return tuple(member for member in kind if member in found)

    def _list(self, name: str, zh: str, default: tuple[Any, ...]) -> Sequence[Any]:
        value = self.data.get(name, default)
        if not isinstance(value, list | tuple):
            raise BadNorm(f"「{name}」（{zh}）要写成列表。")
        return value


def _check(rule: Rule) -> None:
    """Raise BadNorm for the first thing that cannot be."""
    for fails, detail in _CHECKS:
        if fails(rule):
            raise BadNorm(detail)


def _below(low: float, *values: float | None) -> bool:
    return any(value is not None and not value > low for value in values)


def _above(high: float, *values: float | None) -> bool:
    return any(value is not None and not value <= high for value in values)


def _is_backward(least: float | None, most: float | None) -> bool:
    return least is not None and most is not None and most < least


_CHECKS: tuple[tuple[Callable[[Rule], bool], str], ...] = (
    (lambda r: not 1 <= r.count <= MOST_OUTINGS, f"次数要在 1 到 {MOST_OUTINGS} 之间。"),
    (lambda r: not r.months or not set(r.months) <= set(ALL_MONTHS), "月份要填 1 到 12，至少一个。"),
    (
        lambda r: not 0 <= r.slots <= MOST_SLOTS or r.slots == 1,
        f"每月等分要填 0（不分）或 2 到 {MOST_SLOTS}。",
    ),
    (lambda r: r.slots > 0 and r.period is not Period.MONTH, "只有按月的标准才能等分；请把周期改为月。"),
    (lambda r: r.slots > 0 and r.count != r.slots, "等分几段就是每月几次，每段一次；请把次数填成一样。"),
    (lambda r: not 0 <= r.min_gap_hours <= 24 * 366, "间隔小时要在 0 到 8784 之间。"),
    (lambda r: not 0 <= r.grace_days <= 31, "宽限天数要在 0 到 31 之间。"),
    (
        lambda r: _below(0, r.minima.minutes, r.minima.metres, r.minima.share),
        "单次最低要求要大于 0；不要求就不填。",
    ),
    (lambda r: _above(1, r.minima.share, r.caps.ridden_share), "覆盖率和乘车占比在 0 到 1 之间，例如 0.6。"),
    (lambda r: _above(24 * 60, r.minima.minutes, r.caps.minutes), "单次时长不超过 1440 分钟（一天）。"),
    (
        lambda r: _below(0, r.caps.minutes, r.caps.metres) or _below(-1e-12, r.caps.ridden_share),
        "单次上限不能是 0 或负数；不限就不填。",
    ),
    (lambda r: _is_backward(r.minima.minutes, r.caps.minutes), "最长分钟不能少于最短分钟。"),
    (lambda r: _is_backward(r.minima.metres, r.caps.metres), "最长米数不能少于最短米数。"),
    (lambda r: not r.accepts, "至少要有一种可抵的方式；一般是 track（轨迹）。"),
    (lambda r: len({a.mode for a in r.accepts}) < len(r.accepts), "同一种可抵的方式写了两次。"),
    (
        lambda r: any(a.at_most is not None and a.at_most < 1 for a in r.accepts),
        "每周期最多几次要填 1 或更多。",
    ),
)
