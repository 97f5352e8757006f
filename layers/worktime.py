"""Working time: a measure of time, in seconds, that runs in working hours only.

As metres run along a line, working seconds run along the calendar: a deadline is the moment at which so many
have passed, and what is left of it is a difference of two measures. A working day is the working hours of one
day, whatever the time of day at which it begins (domain.md 1.6). Inside, it is counted in whole microseconds,
as moments are: what is left of a deadline gives the same deadline again.

Which days are working days: what the office says of a day; else, for the years that the State Council has
announced, its holidays and make-up days; else Monday to Friday, and `assumed` says so.
"""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import chinese_calendar
import numpy as np
from numpy.typing import NDArray

from layers.errors import BadRules

Hours = Sequence[tuple[dt.time, dt.time]]
OFFICE_HOURS: Hours = ((dt.time(8, 30), dt.time(12)), (dt.time(14), dt.time(17, 30)))
FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2199, 12, 31)
"""The days that are counted; what lies outside counts as if it were the first or last moment of them."""
_DAY = dt.timedelta(days=1)
_EARLIEST = dt.datetime.combine(FIRST_DAY - _DAY, dt.time(), dt.UTC)
_LATEST = dt.datetime.combine(LAST_DAY + 2 * _DAY, dt.time(), dt.UTC)
"""Moments that lie outside in every zone."""
_ALL_S = (_LATEST - _EARLIEST).total_seconds()
_MICRO = dt.timedelta(microseconds=1)
_ANNOUNCED = chinese_calendar.holidays.keys() | chinese_calendar.workdays.keys()
ANNOUNCED_YEARS = frozenset(day.year for day in _ANNOUNCED)
"""The years whose holidays and make-up days are known."""


@dataclass(frozen=True)
class WorkClock:
    """The working time of a county."""

    zone: ZoneInfo
    hours: Hours = OFFICE_HOURS
    """From and to, local time, in order and apart."""
    days: Mapping[dt.date, bool] | None = None
    """Days of which the office says whether they are working days; a year with any is known."""

    def __post_init__(self) -> None:
        """Check the hours. Raises BadRules."""
        demand_order(self.hours)

    @functools.cached_property
    def day_s(self) -> float:
        """Seconds of one working day."""
        return self._day / 1e6

    def between(self, since: dt.datetime, until: dt.datetime) -> float:
        """Return the working seconds from one moment to another; less than 0 where that is before."""
        return (self._measure(until) - self._measure(since)) / 1e6

    def after(self, since: dt.datetime, seconds: float) -> dt.datetime:
        """Return the first moment at which so many working seconds have passed, in the county's zone."""
        more = round(min(seconds, _ALL_S) * 1e6) if seconds > 0 else 0
        return self._moment(self._measure(since) + more) if more else since.astimezone(self.zone)

    def is_working_day(self, day: dt.date) -> bool:
        """Tell whether a day is a working day."""
        return bool(self._working[(day - FIRST_DAY).days]) if FIRST_DAY <= day <= LAST_DAY else False

    def assumed(self, since: dt.datetime, until: dt.datetime) -> list[int]:
        """Return the years between two moments of which nobody knows the holidays: Monday to Friday."""
        known = ANNOUNCED_YEARS | {day.year for day in self.days or ()}
        first, last = (self._local(moment).year for moment in (since, until))
        return [year for year in range(first, last + 1) if year not in known]

    @functools.cached_property
    def _working(self) -> NDArray[np.bool_]:
        """Whether each day is a working day."""
        working = _announced().copy()
        for day, is_working in (self.days or {}).items():
            if FIRST_DAY <= day <= LAST_DAY:
                working[(day - FIRST_DAY).days] = is_working
        return working

    @functools.cached_property
    def _day(self) -> int:
        return sum(_micros(until) - _micros(since) for since, until in self.hours)

    @functools.cached_property
    def _passed(self) -> NDArray[np.int64]:
        """Working microseconds that have passed when each day begins, and at the end of the last."""
        return np.concatenate([[0], np.cumsum(self._working * np.int64(self._day))])

    def _local(self, moment: dt.datetime) -> dt.datetime:
        """Return a moment by the clock on the wall; one far outside as one just outside."""
        return min(max(moment, _EARLIEST), _LATEST).astimezone(self.zone)

    def _measure(self, moment: dt.datetime) -> int:
        local = self._local(moment)
        at = (local.date() - FIRST_DAY).days
        if at < 0 or at >= self._working.size:
            return int(self._passed[0 if at < 0 else -1])
        return int(self._passed[at]) + (self._of_day(local) if self._working[at] else 0)

    def _of_day(self, local: dt.datetime) -> int:
        now = _micros(local.time())
        return sum(max(min(now, _micros(until)) - _micros(since), 0) for since, until in self.hours)

    def _moment(self, measure: int) -> dt.datetime:
        """Return the first moment at which a measure is reached."""
        at = int(np.searchsorted(self._passed, measure, side="left")) - 1
        if at >= self._working.size:
            raise BadRules("期限太长，超出了日历；请改短。")
        rest = measure - int(self._passed[at])
        for since, until in self.hours:
            length = _micros(until) - _micros(since)
            if rest <= length:
                return dt.datetime.combine(FIRST_DAY + at * _DAY, since, self.zone) + rest * _MICRO
            rest -= length
        raise AssertionError("a day ends with its hours")


def demand_order(hours: Hours) -> None:
    """Raise BadRules unless working hours are in order and apart."""
    ends = [moment for span in hours for moment in span]
    if not ends or ends != sorted(set(ends)):
        raise BadRules("工作时间要从早到晚写，例如 08:30-12:00、14:00-17:30，不能重叠。")


def _micros(moment: dt.time) -> int:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds * 1_000_000 + moment.microsecond


@functools.cache
def _announced() -> NDArray[np.bool_]:
    """Return whether each day is a working day, as it was announced."""
    days = np.arange(np.datetime64(FIRST_DAY), np.datetime64(LAST_DAY) + 1)
    working = np.is_busday(days)
    for day in chinese_calendar.holidays:
        working[(day - FIRST_DAY).days] = False
    for day in chinese_calendar.workdays:
        working[(day - FIRST_DAY).days] = True
    return working
