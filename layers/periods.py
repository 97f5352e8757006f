"""Days and the periods of the calendar in which norms count: weeks, 旬, months, quarters, years, slots."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from layers.vocabulary import Period

DAY = dt.timedelta(days=1)


@dataclass(frozen=True, order=True)
class Days:
    """Local days from the first to the last, both included; never empty."""

    first: dt.date
    last: dt.date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last

    def __iter__(self) -> Iterator[dt.date]:
        return (dt.date.fromordinal(n) for n in range(self.first.toordinal(), self.last.toordinal() + 1))

    def __and__(self, other: "Days") -> "Days | None":
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Days(first, last) if first <= last else None


def days_up_to(last: dt.date, count: int) -> Days:
    """Return the `count` days up to `last`; fewer where the calendar begins.

    >>> str(days_up_to(dt.date(2026, 3, 1), 28).first), len(days_up_to(dt.date(1, 1, 3), 28))
    ('2026-02-02', 3)
    """
    return Days(dt.date.fromordinal(max(last.toordinal() - count + 1, 1)), last)


def period_of(day: dt.date, period: Period, *, slots: int = 0) -> Days:
    """Return the whole period in which a day lies; with `slots`, its part of the month.

    A month in N slots: slot k ends on day k*L/N of its L days, rounded down.

    >>> str(period_of(dt.date(2026, 2, 25), Period.TEN_DAYS).first)
    '2026-02-21'
    >>> [str(end) for end in vars(period_of(dt.date(2026, 5, 12), Period.MONTH, slots=4)).values()]
    ['2026-05-08', '2026-05-15']
    """
    if period is Period.WEEK:
        ordinal = day.toordinal() - day.weekday()
        # The calendar ends on a Friday: its last week is cut.
        return Days(
            dt.date.fromordinal(max(ordinal, 1)),
            dt.date.fromordinal(min(ordinal + 6, dt.date.max.toordinal())),
        )
    if period is Period.YEAR:
        return Days(dt.date(day.year, 1, 1), dt.date(day.year, 12, 31))
    if period is Period.QUARTER:
        month = day.month - (day.month - 1) % 3
        return Days(dt.date(day.year, month, 1), _last_of_month(day.year, month + 2))
    if period is Period.TEN_DAYS:
        first = min(day.day - (day.day - 1) % 10, 21)
        last = _last_of_month(day.year, day.month) if first == 21 else day.replace(day=first + 9)
        return Days(day.replace(day=first), last)
    return _slot_of(day, max(slots, 1))


def periods(within: Days, period: Period, *, slots: int = 0) -> Iterator[Days]:
    """Yield the whole periods that have a day in `within`, in their order."""
    here = period_of(within.first, period, slots=slots)
    while True:
        yield here
        if here.last >= within.last:
            return
        here = period_of(here.last + DAY, period, slots=slots)


def so_far(day: dt.date, period: Period) -> Days:
    """Return the days of a period up to a day that lies in it.

    >>> str(so_far(dt.date(2026, 5, 12), Period.QUARTER).first)
    '2026-04-01'
    """
    return Days(period_of(day, period).first, day)


def same_time_before(day: dt.date, period: Period) -> Days:
    """Return the days of the period before the one in which a day lies, up to the same time of it.

    The same time is the same weekday, else the same day of the month so many months before; where that
    month is shorter, its last day. Raises ValueError where the calendar begins.

    >>> [str(same_time_before(dt.date(2026, 3, 31), period).last) for period in (Period.WEEK, Period.MONTH)]
    ['2026-03-24', '2026-02-28']
    >>> str(same_time_before(dt.date(2026, 5, 12), Period.QUARTER).last)
    '2026-02-12'
    """
    if period is Period.WEEK:
        return so_far(dt.date.fromordinal(day.toordinal() - 7), period)
    if period is Period.TEN_DAYS:
        here = period_of(day, period)
        before = period_of(dt.date.fromordinal(here.first.toordinal() - 1), period)
        gone = day.toordinal() - here.first.toordinal()
        return Days(before.first, min(dt.date.fromordinal(before.first.toordinal() + gone), before.last))
    months = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}[period]
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = min(day.day, _last_of_month(year, month + 1).day)
    return so_far(dt.date(year, month + 1, last), period)


def _slot_of(day: dt.date, slots: int) -> Days:
    length = _last_of_month(day.year, day.month).day
    ends = [k * length // slots for k in range(slots + 1)]
    k = next(k for k in range(1, slots + 1) if day.day <= ends[k])
    return Days(day.replace(day=ends[k - 1] + 1), day.replace(day=ends[k]))


def _last_of_month(year: int, month: int) -> dt.date:
    return dt.date(year, 12, 31) if month == 12 else dt.date(year, month + 1, 1) - DAY
