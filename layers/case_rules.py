"""What a county says of handling cases, as data: working hours, limits, who must not do what.

The defaults are ours; domain.md 1.6 and peers.md d5 list what cities have published. Every number is the
office's to change.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from layers.errors import BadRules
from layers.vocabulary import Separation, Severity
from layers.worktime import OFFICE_HOURS, Hours, WorkClock, demand_order

MOST_DAYS = 365


@dataclass(frozen=True)
class Limit:
    """A time that something may take: working days, or working hours."""

    days: float = 0.0
    hours: float = 0.0

    def __post_init__(self) -> None:
        """Check it. Raises BadRules."""
        is_within = 0 <= self.days <= MOST_DAYS and 0 <= self.hours <= MOST_DAYS * 24
        if not (is_within and self.days + self.hours > 0):
            raise BadRules(f"期限要大于 0，最多 {MOST_DAYS} 个工作日。")

    def seconds(self, clock: WorkClock) -> float:
        """Return it in working seconds."""
        return self.days * clock.day_s + self.hours * 3600

    @property
    def words(self) -> str:
        """How people say it."""
        parts = [(self.days, "个工作日"), (self.hours, "个工作小时")]
        return "".join(f"{value:g} {unit}" for value, unit in parts if value)


def _handle() -> Mapping[Severity, Limit]:
    return {Severity.MINOR: Limit(5), Severity.MAJOR: Limit(10), Severity.GRAVE: Limit(20)}


@dataclass(frozen=True)
class CaseRules:
    """The rules of a county."""

    hours: Hours = OFFICE_HOURS
    accept: Limit = Limit(1)
    dispatch: Limit = Limit(1)
    handle: Mapping[Severity, Limit] = field(default_factory=_handle)
    """By severity; a category may have its own."""
    check: Limit = Limit(2)
    close: Limit = Limit(1)
    rework: Limit = Limit(2)
    supervise_after_days: tuple[float, ...] = (0.0, 2.0, 5.0)
    """Working days after a deadline at which supervision rises by a level."""
    send_back_hours: int = 24
    """Hours, working or not, within which a unit may say that a case is not its business."""
    reopen_days: int = 30
    separation: Separation = Separation.CHECKED
    reporter_checks: bool = True
    """Whether who reported may say that it is solved."""
    needs_proof: bool = True
    """Whether what is solved needs a photo, or a word why there is none."""
    public: bool = False
    """Whether strangers may report behind a plate."""
    open311: bool = False
    """Whether other systems may read and tell cases over Open311."""

    def __post_init__(self) -> None:
        """Check them. Raises BadRules."""
        demand_order(self.hours)
        if set(self.handle) != set(Severity):
            raise BadRules("每个等级都要有处置期限。")
        if list(self.supervise_after_days) != sorted(set(self.supervise_after_days)) or not all(
            0 <= days <= MOST_DAYS for days in self.supervise_after_days
        ):
            raise BadRules("督办的天数要从小到大，不重复。")
        if not (0 <= self.send_back_hours <= 24 * 30 and 0 <= self.reopen_days <= 3650):
            raise BadRules("退回的小时数、重开的天数超出了范围。")

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON."""
        return {
            "hours": [[moment.isoformat("minutes") for moment in span] for span in self.hours],
            **{name: _limit_json(getattr(self, name)) for name in _LIMITS},
            "handle": {severity.value: _limit_json(limit) for severity, limit in self.handle.items()},
            "supervise_after_days": list(self.supervise_after_days),
            **{name: getattr(self, name) for name in _PLAIN},
            "separation": self.separation.value,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read them; what is not said is as by default. Raises BadRules."""
        if not isinstance(said, Mapping):
            raise BadRules("规则要写成一个 JSON 对象（{…}）。")
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(said) - known):
            raise BadRules(f"没有叫「{unknown[0][:40]}」的规则。")
        try:
            return replace(cls(), **{name: _read(name, value) for name, value in said.items()})
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            if isinstance(error, BadRules):
                raise
            raise BadRules("有一条规则的值看不懂；请按示例填写。") from error


_LIMITS = ("accept", "dispatch", "check", "close", "rework")
_PLAIN = ("send_back_hours", "reopen_days", "reporter_checks", "needs_proof", "public", "open311")


def _limit_json(limit: Limit) -> dict[str, float]:
    return {name: value for name, value in (("days", limit.days), ("hours", limit.hours)) if value}


def limit_of(said: Mapping[str, Any]) -> Limit:
    """Read a limit. Raises BadRules."""
    if not isinstance(said, Mapping) or not set(said) <= {"days", "hours"}:
        raise BadRules("期限写成 days（工作日）或 hours（工作小时）。")
    return Limit(**{name: _number(value) for name, value in said.items()})


def _number(said: Any) -> float:
    if type(said) not in (int, float) or not 0 <= said <= MOST_DAYS * 24:
        raise BadRules(f"天数、小时数要写数字，从 0 到 {MOST_DAYS * 24}。")
    return float(said)


def _time(said: str) -> dt.time:
    moment = dt.time.fromisoformat(said)
    if moment != dt.time(moment.hour, moment.minute):
        raise BadRules("工作时间写到分钟，不带时区，例如 08:30。")
    return moment


def _read(name: str, value: Any) -> Any:
    if name == "hours":
        return tuple((_time(since), _time(until)) for since, until in value)
    if name in _LIMITS:
        return limit_of(value)
    if name == "handle":
        return {Severity(key): limit_of(limit) for key, limit in value.items()}
    if name == "supervise_after_days":
        return tuple(_number(days) for days in value)
    if name == "separation":
        return Separation(value)
    kind = int if name.endswith(("_hours", "_days")) else bool
    if type(value) is not kind:
        raise BadRules("天数、小时数要写整数，是否要写 true 或 false。")
    return value
