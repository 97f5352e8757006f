"""Working time against a model that walks every minute, over 2022 to 2026; holidays, make-up days, zones."""

import datetime as dt
from zoneinfo import ZoneInfo

import chinese_calendar
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from layers.errors import BadRules
from layers.worktime import ANNOUNCED_YEARS, FIRST_DAY, LAST_DAY, OFFICE_HOURS, WorkClock

SHANGHAI = ZoneInfo("Asia/Shanghai")
CLOCK = WorkClock(SHANGHAI)
BEGIN, END = dt.datetime(2022, 1, 1, tzinfo=SHANGHAI), dt.datetime(2027, 1, 1, tzinfo=SHANGHAI)
MINUTES = round((END - BEGIN) / dt.timedelta(minutes=1))


def _walked() -> np.ndarray:
    """Whether each minute is a working one, found out one after the other."""
    of_day = np.array(
        [
            any(a.hour * 60 + a.minute <= minute < b.hour * 60 + b.minute for a, b in OFFICE_HOURS)
            for minute in range(1440)
        ]
    )
    days = [BEGIN.date() + dt.timedelta(days=k) for k in range(MINUTES // 1440)]
    return np.concatenate([of_day & chinese_calendar.is_workday(day) for day in days])


WORKING = _walked()
PASSED = np.concatenate([[0], np.cumsum(WORKING)])
"""Working minutes that have passed before each minute."""
minutes = st.integers(0, MINUTES - 1)


def at(minute: int) -> dt.datetime:
    return BEGIN + dt.timedelta(minutes=minute)


@given(minutes, minutes)
def test_between_two_moments_pass_the_minutes_that_a_walker_counts(a: int, b: int) -> None:
    assert CLOCK.between(at(a), at(b)) == 60 * (PASSED[b] - PASSED[a])


@given(st.integers(0, MINUTES - 1440 * 60), st.integers(1, 25 * 420))
def test_a_deadline_is_the_first_minute_at_which_so_many_have_passed(a: int, length: int) -> None:
    first = int(np.searchsorted(PASSED, PASSED[a] + length, side="left"))
    assert CLOCK.after(at(a), 60 * length) == at(first)


@given(st.integers(0, MINUTES - 1440 * 60), st.floats(0, 25 * 7 * 3600), st.floats(0, 25 * 7 * 3600))
def test_one_length_after_another_is_both_together(a: int, one_s: float, two_s: float) -> None:
    twice = CLOCK.after(CLOCK.after(at(a), one_s), two_s)
    once = CLOCK.after(at(a), one_s + two_s)
    assert CLOCK.between(once, twice) == pytest.approx(0, abs=1e-3)
    assert CLOCK.between(at(a), once) == pytest.approx(one_s + two_s, abs=1e-3)


@given(minutes, minutes)
def test_it_runs_both_ways(a: int, b: int) -> None:
    assert CLOCK.between(at(a), at(b)) == -CLOCK.between(at(b), at(a))


@pytest.mark.parametrize(
    ("since", "hours", "until"),
    [
        ("2026-09-30 16:30", 1, "2026-09-30 17:30"),  # the end of a day, not the beginning of the next
        ("2026-09-30 17:00", 1, "2026-10-08 09:00"),  # over National Day
        ("2026-09-19 20:00", 1, "2026-09-20 09:30"),  # a Sunday that makes up for the holiday
        ("2026-11-27 11:30", 1, "2026-11-27 14:30"),  # over noon
        ("2026-11-27 17:30", 7, "2026-11-30 17:30"),  # a working day over a week's end
        ("2026-11-28 10:00", 3.5, "2026-11-30 12:00"),
    ],
)
def test_days_that_one_can_look_up(since: str, hours: float, until: str) -> None:
    begin, end = (dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) for text in (since, until))
    assert CLOCK.after(begin, hours * 3600) == end
    assert CLOCK.after(begin.astimezone(dt.UTC), hours * 3600) == end


def test_nothing_takes_no_time_and_what_is_late_stays_where_it_is() -> None:
    night = dt.datetime(2026, 11, 28, 3, tzinfo=SHANGHAI)
    assert CLOCK.after(night, 0) == night
    assert CLOCK.after(night, -5) == night
    assert CLOCK.after(night, 1e-6) > night


def test_the_office_has_the_last_word_on_a_day() -> None:
    friday, saturday = dt.date(2026, 11, 27), dt.date(2026, 11, 28)
    clock = WorkClock(SHANGHAI, days={friday: False, saturday: True})
    assert not clock.is_working_day(friday)
    assert clock.is_working_day(saturday)
    begin = dt.datetime(2026, 11, 26, 17, 30, tzinfo=SHANGHAI)
    assert clock.after(begin, 3600) == dt.datetime(2026, 11, 28, 9, 30, tzinfo=SHANGHAI)


def test_a_year_that_nobody_announced_is_counted_monday_to_friday_and_said() -> None:
    assert max(ANNOUNCED_YEARS) >= 2026
    year = max(ANNOUNCED_YEARS) + 1
    begin, end = (dt.datetime(y, 6, 1, tzinfo=SHANGHAI) for y in (year - 1, year))
    assert CLOCK.assumed(begin, end) == [year]
    assert CLOCK.assumed(begin, begin) == []
    new_year = dt.date(year, 1, 1)
    assert CLOCK.is_working_day(new_year) == (new_year.weekday() < 5)
    told = WorkClock(SHANGHAI, days={new_year: False})
    assert told.assumed(begin, end) == []
    assert not told.is_working_day(new_year)


def test_other_hours_and_other_zones() -> None:
    clock = WorkClock(ZoneInfo("Europe/Berlin"), ((dt.time(9), dt.time(17)),))
    assert clock.day_s == 8 * 3600
    # The clocks go forward on the night to Sunday: hours of work are those of the wall.
    friday = dt.datetime(2027, 3, 26, 16, tzinfo=ZoneInfo("Europe/Berlin"))
    assert clock.after(friday, 2 * 3600) == dt.datetime(2027, 3, 29, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    whole = WorkClock(SHANGHAI, ((dt.time(0), dt.time(23, 59)),))
    assert whole.day_s == 1439 * 60


@pytest.mark.parametrize(
    "hours",
    [
        (),
        ((dt.time(12), dt.time(8)),),
        ((dt.time(8), dt.time(8)),),
        ((dt.time(8), dt.time(12)), (dt.time(11), dt.time(13))),
        ((dt.time(14), dt.time(17)), (dt.time(8), dt.time(12))),
    ],
)
def test_hours_out_of_order_are_refused(hours: tuple[tuple[dt.time, dt.time], ...]) -> None:
    with pytest.raises(BadRules, match="从早到晚"):
        WorkClock(SHANGHAI, hours)


def test_beyond_the_calendar() -> None:
    early = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
    assert CLOCK.between(early, dt.datetime.combine(FIRST_DAY, dt.time(), SHANGHAI)) == 0
    late = dt.datetime.combine(LAST_DAY, dt.time(23), SHANGHAI)
    with pytest.raises(BadRules, match="太长"):
        CLOCK.after(late, 3600)
    assert not CLOCK.is_working_day(dt.date(1999, 12, 31))
