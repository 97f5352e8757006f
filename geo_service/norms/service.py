"""Norms: drafted, changed, adopted as of a day, ended; which of them judges what."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import norms_in
from geo_service.accounts.scope import Scope
from geo_service.clock import today_in
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.norms import queries
from geo_service.tables import Norm
from layers.norms import Rule
from layers.periods import DAY, Days
from layers.presets import preset
from layers.vocabulary import Right

LONGEST_NAME = 100


@dataclass(frozen=True)
class NormRow:
    """A norm as it is told: a draft has no days; one without an end goes on to that of the calendar."""

    id: int
    name: str
    rule: Rule
    days: Days | None

    @property
    def is_draft(self) -> bool:
        """Whether it may still be changed."""
        return self.days is None

    @property
    def last_day(self) -> dt.date | None:
        """Its last day, if one is set."""
        return None if self.days is None or self.days.last == dt.date.max else self.days.last

    def state_on(self, day: dt.date) -> str:
        """Return in a word how it stands on a day."""
        if self.days is None:
            return "草稿"
        return "执行中" if day in self.days else "将执行" if day < self.days.first else "已结束"


# --- for other features


def in_force(db: Session, county_id: int, days: Days) -> list[NormRow]:
    """Return the norms that were in force on any of the days, by id; the whole county's business."""
    return [_row(norm) for norm in queries.in_force(db, county_id, days)]


# --- read


def listed(db: Session, scope: Scope) -> list[NormRow]:
    """Return the norms of the scope's county: drafts first, then the latest adopted."""
    return [_row(norm) for norm in queries.norms(db, norms_in(scope))]


def told(db: Session, scope: Scope, norm_id: int) -> NormRow:
    """Return one norm. Raises NotFound."""
    return _row(_found(db, scope, norm_id))


def open_draft(db: Session, scope: Scope, norm_id: int) -> NormRow:
    """Return a draft that the scope may change. Raises Forbidden, NotFound, Conflict (it was adopted)."""
    return _row(_draft(db, scope, norm_id, "修改"))


# --- change


def draft(db: Session, scope: Scope, name: str, rule: Rule) -> int:
    """Store a draft, which judges nothing, and return its id. Raises Forbidden, Invalid."""
    scope.demand_county(Right.COORDINATOR)
    norm_id = queries.insert_norm(db, scope.county_id, _tidied(name), rule.to_json())
    _record(db, scope, "norms.draft", norm_id)
    return norm_id


def draft_preset(db: Session, scope: Scope, code: str) -> int:
    """Store a draft of a preset and return its id. Raises Forbidden, BadNorm."""
    found = preset(code)
    return draft(db, scope, found.name, found.rule)


def change(
    db: Session, scope: Scope, norm_id: int, *, name: str | None = None, rule: Rule | None = None
) -> None:
    """Give a draft another name or rule. Raises Forbidden, NotFound, Invalid, Conflict (it was adopted)."""
    _draft(db, scope, norm_id, "修改")
    values: dict[str, Any] = {} if name is None else {"name": _tidied(name)}
    values |= {} if rule is None else {"rule": rule.to_json()}
    if values:
        queries.update_norm(db, norm_id, **values)
        _record(db, scope, "norms.change", norm_id, fields=sorted(values))


def discard(db: Session, scope: Scope, norm_id: int) -> None:
    """Drop a draft. Raises Forbidden, NotFound, Conflict (it was adopted)."""
    _draft(db, scope, norm_id, "删除")
    queries.delete_norm(db, norm_id)
    _record(db, scope, "norms.discard", norm_id)


def adopt(
    db: Session, scope: Scope, norm_id: int, first_day: dt.date, *, replaces: int | None = None
) -> None:
    """Put a draft in force from a day on, which is not past; the norm it replaces ends on the day before.

    It judges what begins from then on, and nothing before; it is never changed again. Raises Forbidden,
    NotFound, Invalid, Conflict.
    """
    _draft(db, scope, norm_id, "采用")
    _demand_not_past(db, scope, first_day)
    if replaces is not None:
        _end(db, scope, _adopted(db, scope, replaces), first_day - DAY)
    queries.update_norm(db, norm_id, in_force=Range(first_day, None))
    more = {} if replaces is None else {"replaces": replaces}
    _record(db, scope, "norms.adopt", norm_id, first_day=first_day.isoformat(), **more)


def end(db: Session, scope: Scope, norm_id: int, last_day: dt.date) -> None:
    """Let an adopted norm end on a day, inclusive, which may be yesterday at the earliest.

    Raises Forbidden, NotFound, Invalid, Conflict.
    """
    scope.demand_county(Right.COORDINATOR)
    norm = _adopted(db, scope, norm_id)
    _demand_not_past(db, scope, min(last_day, dt.date.max - DAY) + DAY)
    _end(db, scope, norm, last_day)


def _end(db: Session, scope: Scope, norm: NormRow, last_day: dt.date) -> None:
    if norm.days is None or (norm.last_day is not None and norm.last_day < last_day):
        raise Conflict(f"「{norm.name}」已经定在 {norm.last_day} 结束，不能再往后改。")
    is_called_off = last_day < norm.days.first
    if is_called_off and norm.days.first <= today_in(db, scope.county_id):
        raise Invalid(f"「{norm.name}」今天刚开始执行，最早今天结束。")
    # What never began has judged nothing: it is a draft again.
    days = None if is_called_off else Range(norm.days.first, last_day + DAY)
    queries.update_norm(db, norm.id, in_force=days)
    _record(db, scope, "norms.end", norm.id, last_day=last_day.isoformat())


def _row(norm: Norm) -> NormRow:
    days = None if norm.in_force is None else queries.as_days(norm.in_force)
    return NormRow(norm.id, norm.name, Rule.from_json(norm.rule), days)


def _found(db: Session, scope: Scope, norm_id: int, *, locked: bool = False) -> Norm:
    found = queries.norm(db, norms_in(scope), norm_id, locked=locked)
    if found is None:
        raise NotFound("没有这项标准，或不在您的权限内。")
    return found


def _draft(db: Session, scope: Scope, norm_id: int, what: str) -> Norm:
    scope.demand_county(Right.COORDINATOR)
    found = _found(db, scope, norm_id, locked=True)
    if found.in_force is not None:
        raise Conflict(f"「{found.name}」已经采用，不能再{what}；要改，请另起草稿，采用时写明接替它。")
    return found


def _adopted(db: Session, scope: Scope, norm_id: int) -> NormRow:
    found = _row(_found(db, scope, norm_id, locked=True))
    if found.is_draft:
        raise Conflict(f"「{found.name}」没有在执行。")
    return found


def _demand_not_past(db: Session, scope: Scope, day: dt.date) -> None:
    now = today_in(db, scope.county_id)
    if day < now:
        raise Invalid(f"日期不能早于今天（{now}）：以前的巡查不重新判定。")
    if day > now + dt.timedelta(days=3660):
        raise Invalid("日期太远了；请填十年以内的日期。")


def _tidied(name: str) -> str:
    tidy = " ".join(name.split())
    if not tidy or "\0" in tidy or len(tidy) > LONGEST_NAME:
        raise Invalid(f"请给标准起一个名字，不超过 {LONGEST_NAME} 个字。")
    return tidy


def _record(db: Session, scope: Scope, action: str, norm_id: int, **detail: Any) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=f"norm/{norm_id}", **detail)
