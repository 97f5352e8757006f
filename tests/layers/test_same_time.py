"""A period so far and the same time of the one before, against a naive calendar."""

import calendar
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.periods import DAY, period_of, same_time_before, so_far
from layers.vocabulary import Period

DATES = st.dates(dt.date(1990, 1, 1), dt.date(2090, 12, 31))
PERIODS = st.sampled_from(Period)


@given(DATES, PERIODS)
def test_both_begin_with_their_period_and_lie_side_by_side(day: dt.date, period: Period) -> None:
    now, before = so_far(day, period), same_time_before(day, period)
    whole, earlier = period_of(day, period), period_of(before.last, period)
    assert (now.first, now.last) == (whole.first, day)
    assert before.first == earlier.first
    assert earlier.last + DAY == whole.first, "it is the period right before"
    assert before.last <= earlier.last


@given(DATES, PERIODS)
def test_a_later_day_is_never_compared_with_an_earlier_one(day: dt.date, period: Period) -> None:
    tomorrow = same_time_before(day + DAY, period)
    assert tomorrow.last >= same_time_before(day, period).last


@given(DATES)
def test_the_same_time_is_the_same_weekday_or_the_same_day_of_a_month(day: dt.date) -> None:
    assert day - same_time_before(day, Period.WEEK).last == 7 * DAY
    for period, months in ((Period.MONTH, 1), (Period.QUARTER, 3), (Period.YEAR, 12)):
        year, month = day.year, day.month
        for _ in range(months):
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        last = same_time_before(day, period).last
        assert (last.year, last.month) == (year, month)
        assert last.day == min(day.day, calendar.monthrange(year, month)[1])


@pytest.mark.parametrize("period", Period)
def test_where_the_calendar_begins_there_is_no_time_before(period: Period) -> None:
    with pytest.raises((ValueError, OverflowError)):
        same_time_before(dt.date(1, 1, 1), period)
