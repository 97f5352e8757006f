"""Working time against a model that walks every minute, over 2022 to 2026; holidays, make-up days, zones."""

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import chinese_calendar
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from layers.errors import BadRules
from layers.worktime import ANNOUNCED_YEARS, FIRST_DAY, LAST_DAY, OFFICE_HOURS, Hours, WorkClock

SHANGHAI = ZoneInfo("Asia/Shanghai")
CLOCK = WorkClock(SHANGHAI)
BEGIN, END = dt.datetime(2022, 1, 1, tzinfo=SHANGHAI), dt.datetime(2027, 1, 1, tzinfo=SHANGHAI)
MINUTES = round((END - BEGIN) / dt.timedelta(minutes=1))


DAYS = [BEGIN.date() + dt.timedelta(days=k) for k in range(MINUTES // 1440)]
WORKDAYS = [chinese_calendar.is_workday(day) for day in DAYS]


def _walked(hours: Hours = OFFICE_HOURS, said: Mapping[dt.date, bool] | None = None) -> np.ndarray:
    """Whether each minute is a working one, found out one after the other."""
    spans = [(a.hour * 60 + a.minute, b.hour * 60 + b.minute) for a, b in hours]
    of_day = np.array([any(a <= minute < b for a, b in spans) for minute in range(1440)])
    is_on = [(said or {}).get(day, announced) for day, announced in zip(DAYS, WORKDAYS, strict=True)]
    return np.concatenate([of_day & on for on in is_on])


WORKING = _walked()
PASSED = np.concatenate([[0], np.cumsum(WORKING)])
"""Working minutes that have passed before each minute."""
minutes = st.integers(0, MINUTES - 1)
MICRO = dt.timedelta(microseconds=1)
moments = st.integers(0, MINUTES * 60_000_000).map(lambda passed: BEGIN + passed * MICRO)
said_days = st.dictionaries(st.sampled_from(DAYS), st.booleans(), max_size=30)


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    """Between one and three spans of whole minutes, in order and apart."""
    spans = draw(st.integers(1, 3))
    ends = sorted(draw(st.sets(st.integers(0, 1439), min_size=2 * spans, max_size=2 * spans)))
    times = [dt.time(end // 60, end % 60) for end in ends]
    return tuple(zip(times[::2], times[1::2], strict=True))


def at(minute: int, zone: dt.tzinfo = SHANGHAI) -> dt.datetime:
    return BEGIN.replace(tzinfo=zone) + dt.timedelta(minutes=minute)


@given(minutes, minutes)
def test_between_two_moments_pass_the_minutes_that_a_walker_counts(a: int, b: int) -> None:
    assert CLOCK.between(at(a), at(b)) == 60 * (PASSED[b] - PASSED[a])


@given(st.integers(0, MINUTES - 1440 * 60), st.integers(1, 25 * 420))
def test_a_deadline_is_the_first_minute_at_which_so_many_have_passed(a: int, length: int) -> None:
    first = int(np.searchsorted(PASSED, PASSED[a] + length, side="left"))
    assert CLOCK.after(at(a), 60 * length) == at(first)


@settings(max_examples=40)
@given(some_hours(), said_days, st.sampled_from(["UTC", "Asia/Shanghai", "America/Lima"]), st.data())
def test_so_it_is_with_other_hours_other_zones_and_what_the_office_says(
    hours: Hours, said: dict[dt.date, bool], zone_name: str, data: st.DataObject
) -> None:
    zone = ZoneInfo(zone_name)
    clock = WorkClock(zone, hours, said)
    passed = np.concatenate([[0], np.cumsum(_walked(hours, said))])
    assert [clock.is_working_day(day) for day in said] == list(said.values())
    for _ in range(5):
        a, b = data.draw(minutes), data.draw(minutes)
        assert clock.between(at(a, zone), at(b, zone)) == 60 * (passed[b] - passed[a])
        length = data.draw(st.integers(1, 5000))
        if passed[a] + length <= passed[-1]:
            first = int(np.searchsorted(passed, passed[a] + length, side="left"))
            assert clock.after(at(a, zone), 60 * length) == at(first, zone)


@settings(max_examples=300)
@given(moments, moments)
def test_a_deadline_is_the_first_moment_to_the_microsecond(one: dt.datetime, other: dt.datetime) -> None:
    begin, end = sorted([one, other])
    passed_s = CLOCK.between(begin, end)
    first = CLOCK.after(begin, passed_s)
    assert begin <= first <= end
    assert CLOCK.between(begin, first) == passed_s
    assert passed_s == 0 or CLOCK.between(begin, first - MICRO) < passed_s


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
    assert CLOCK.after(night, 1e-9) == night, "less than a microsecond is nothing, and never the day before"
    assert CLOCK.after(night, 0).tzinfo is SHANGHAI
    assert CLOCK.after(night.astimezone(dt.UTC), 0).tzinfo is SHANGHAI


@pytest.mark.parametrize(
    ("made_up", "off"),
    [
        # as the State Council announced them: working days at the week's end, and holidays within the week
        ("2022-10-08 2022-10-09", "2022-10-03 2022-10-07"),
        ("2023-10-07 2023-10-08", "2023-09-29 2023-10-06"),
        ("2024-02-04 2024-02-18 2024-09-29 2024-10-12", "2024-02-12 2024-02-16 2024-10-01 2024-10-07"),
        ("2025-01-26 2025-02-08 2025-09-28 2025-10-11", "2025-01-28 2025-02-04 2025-10-01 2025-10-08"),
        ("2026-02-14 2026-02-28 2026-09-20 2026-10-10", "2026-02-16 2026-02-23 2026-10-01 2026-10-07"),
    ],
)
def test_holidays_and_the_days_that_make_up_for_them(made_up: str, off: str) -> None:
    for text, is_working in [(made_up, True), (off, False)]:
        for day in map(dt.date.fromisoformat, text.split()):
            assert (day.weekday() >= 5) == is_working
            assert CLOCK.is_working_day(day) == is_working
            begin = dt.datetime.combine(day, dt.time(), SHANGHAI)
            assert CLOCK.between(begin, begin + dt.timedelta(days=1)) == is_working * CLOCK.day_s


def test_the_office_has_the_last_word_on_a_day() -> None:
    friday, saturday = dt.date(2026, 11, 27), dt.date(2026, 11, 28)
    clock = WorkClock(SHANGHAI, days={friday: False, saturday: True, dt.date(1900, 1, 1): True})
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
    assert CLOCK.assumed(end, begin) == [], "nothing lies between"
    assert CLOCK.assumed(begin, end.replace(year=year + 2)) == [year, year + 1, year + 2]
    assert CLOCK.assumed(begin, dt.datetime(year - 1, 12, 31, 17, tzinfo=dt.UTC)) == [year], "here it is then"
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
    assert CLOCK.after(early, CLOCK.day_s) == dt.datetime(2000, 1, 3, 17, 30, tzinfo=SHANGHAI)
    first, last = (one.replace(tzinfo=dt.UTC) for one in (dt.datetime.min, dt.datetime.max))
    whole_s = CLOCK.between(first, last)
    assert whole_s == CLOCK.between(early, late + dt.timedelta(days=9)) > 190 * 240 * CLOCK.day_s
    assert len(CLOCK.assumed(first, last)) > 150
    for more_s in (whole_s + 1, 1e300, float("inf")):
        with pytest.raises(BadRules, match="太长"):
            CLOCK.after(early, more_s)


def test_where_nobody_ever_works_nothing_comes_to_an_end() -> None:
    idle = {FIRST_DAY + dt.timedelta(days=k): False for k in range((LAST_DAY - FIRST_DAY).days + 1)}
    clock = WorkClock(SHANGHAI, days=idle)
    assert clock.between(BEGIN, END) == 0
    with pytest.raises(BadRules, match="太长"):
        clock.after(BEGIN, 1)


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(TypeError):
        CLOCK.between(BEGIN.replace(tzinfo=None), END)
