"""What is due, met, late, waived: examples, and a naive day-by-day model as oracle."""

import calendar
import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.dues import (
    Due,
    Exemption,
    Holding,
    Leave,
    Outing,
    StandIn,
    State,
    Weather,
    counted_share,
    dues,
    rates,
    reach,
)
from layers.norms import Accepted, Per, Rule
from layers.periods import Days, period_of, periods
from layers.vocabulary import DutyKind, Evidence, Level, Period, Role, ServiceKind, Verdict

ALWAYS = Days(dt.date(2020, 1, 1), dt.date(2099, 12, 31))
MAY = Days(dt.date(2026, 5, 1), dt.date(2026, 5, 31))
LATER = dt.date(2026, 8, 1)
WEEKLY = Rule(1, Period.WEEK)


def may(first: int, last: int | None = None) -> Days:
    return Days(dt.date(2026, 5, first), dt.date(2026, 5, last or first))


def holding(person: str = "王", place: str = "河", days: Days = ALWAYS, area: str = "镇") -> Holding:
    return Holding(
        person, place, Role.RIVER_STEWARD, DutyKind.VOLUNTEER, Level.VILLAGE, days, frozenset([area, "县"])
    )


def walk(day: int, hour: int = 8, *, who: str = "王", where: str = "河", **more: object) -> Outing:
    began = dt.datetime(2026, 5, 1, hour) + dt.timedelta(days=day - 1)
    more = {"mode": Evidence.TRACK} | more
    return Outing(f"{day}/{hour}/{who}", frozenset([who]), frozenset([where]) - {""}, began, **more)


def asked(
    *outings: Outing,
    rule: Rule = WEEKLY,
    holdings: list[Holding] | None = None,
    off: list[Exemption] | None = None,
    window: Days = MAY,
    today: dt.date = LATER,
    in_force: Days = ALWAYS,
) -> list[Due]:
    return dues(rule, in_force, holdings or [holding()], outings, off or [], window, today)


def states(found: list[Due]) -> str:
    return "".join(due.state.zh[0] for due in found)


class TestPeriods:
    @given(st.dates(), st.sampled_from(Period), st.integers(2, 28))
    def test_every_day_lies_in_its_period_and_the_next_begins_after_it(
        self, day: dt.date, period: Period, slots: int
    ) -> None:
        slots = slots if period is Period.MONTH else 0
        here = period_of(day, period, slots=slots)
        assert day in here
        assert all(period_of(other, period, slots=slots) == here for other in (here.first, here.last))
        if here.last < dt.date.max:
            after = period_of(here.last + dt.timedelta(days=1), period, slots=slots)
            assert after.first == here.last + dt.timedelta(days=1)

    def test_weeks_begin_on_monday_and_ten_days_on_the_1st_11th_21st(self) -> None:
        week = period_of(dt.date(2026, 5, 3), Period.WEEK)
        assert (week.first.weekday(), week.last) == (0, dt.date(2026, 5, 3))
        assert [len(ten) for ten in periods(MAY, Period.TEN_DAYS)] == [10, 10, 11]
        assert len(period_of(dt.date(2026, 2, 28), Period.TEN_DAYS)) == 8

    @given(st.dates(min_value=dt.date(2, 1, 1), max_value=dt.date(9000, 1, 1)), st.integers(2, 28))
    def test_a_months_slots_are_equal_to_within_a_day(self, day: dt.date, slots: int) -> None:
        length = calendar.monthrange(day.year, day.month)[1]
        month = Days(day.replace(day=1), day.replace(day=length))
        lengths = [len(slot) for slot in periods(month, Period.MONTH, slots=slots)]
        assert (len(lengths), sum(lengths)) == (slots, length)
        assert max(lengths) - min(lengths) <= 1


class TestExamples:
    def test_a_week_with_a_walk_is_met_and_one_without_is_late(self) -> None:
        found = asked(walk(1), walk(5), walk(20))
        assert [due.period.last.day for due in found] == [3, 10, 17, 24, 31]
        assert states(found) == "已已未已未"
        assert found[0].outings == ("1/8/王",)
        assert (rates(found).due, rates(found).done, rates(found).done_share) == (5, 3, 0.6)

    def test_a_period_belongs_to_the_window_in_which_it_ends(self) -> None:
        assert asked(walk(-2))[0].state is State.MET  # on 28 April, in the week that ends on 3 May
        april = Days(dt.date(2026, 4, 1), dt.date(2026, 4, 30))
        last = asked(walk(2), window=april)[-1]
        assert (last.period.last.day, last.closed) == (3, False)
        whole = Days(april.first, MAY.last)
        for walks in ([], [walk(-2)], [walk(2)], [walk(1), walk(28)]):
            parts = [rates(asked(*walks, window=window)) for window in (april, MAY)]
            assert sum(r.due for r in parts) == rates(asked(*walks, window=whole)).due
            assert sum(r.done for r in parts) == rates(asked(*walks, window=whole)).done

    def test_the_running_period_is_due_and_takes_no_part_in_the_rates(self) -> None:
        found = asked(walk(5), today=dt.date(2026, 5, 13))
        assert states(found) == "未已待待待"
        assert (rates(found).due, rates(found).done) == (2, 1)

    def test_with_grace_a_walk_makes_up_for_the_week_before(self) -> None:
        rule = Rule(1, Period.WEEK, grace_days=2)
        found = asked(walk(5), walk(7), rule=rule)
        assert states(found)[:2] == "已已"
        assert (found[0].in_grace, found[1].in_grace) == (1, 0)
        assert states(asked(walk(6), rule=rule))[:2] == "未已"
        assert asked(rule=rule, today=dt.date(2026, 5, 5))[0].state is State.DUE

    def test_a_duty_that_begins_within_a_week_is_asked_by_the_days(self) -> None:
        thursday, friday = may(7, 31), may(8, 31)
        assert [due.wanted for due in asked(holdings=[holding(days=thursday)])] == [1, 1, 1, 1]
        assert len(asked(holdings=[holding(days=friday)])) == 3
        monthly = Rule(2, Period.MONTH)
        assert [due.due for due in asked(rule=monthly, holdings=[holding(days=may(16, 31))])] == [1]

    def test_leave_waives_by_the_days(self) -> None:
        found = asked(walk(12), off=[Leave("王", may(4, 7)), Leave("王", may(11, 13))])
        assert states(found) == "未免已未未"
        assert (found[1].wanted, found[1].waived, found[1].due) == (1, 1, 0)
        assert rates(found).due == 4
        assert states(asked(off=[Leave("李", MAY)])) == "未" * 5

    def test_weather_waives_where_it_is(self) -> None:
        assert states(asked(off=[Weather("镇", may(4, 10))])) == "未免未未未"
        assert states(asked(off=[Weather(None, may(4, 10))])) == "未免未未未"
        assert states(asked(off=[Weather("他镇", may(4, 10))])) == "未" * 5
        two = [holding(), holding(place="渠", area="他镇")]
        assert states(asked(holdings=two, off=[Weather("镇", may(4, 10))])) == "未" * 5
        per_place = Rule(1, Period.WEEK, Per.PLACE)
        found = asked(rule=per_place, holdings=two, off=[Weather("镇", may(4, 10))])
        assert states(found) == "未免未未未" + "未" * 5

    def test_a_substitutes_walk_meets_it_on_his_days(self) -> None:
        stand_in = [StandIn("王", "李", may(4, 10))]
        assert states(asked(walk(5, who="李"), off=stand_in)) == "未已未未未"
        assert states(asked(walk(12, who="李"), off=stand_in)) == "未" * 5
        assert states(asked(walk(5, who="李"))) == "未" * 5

    def test_only_walks_at_ones_own_places_while_the_duty_lasts_are_tallied(self) -> None:
        assert states(asked(walk(5, where="别处"))) == "未" * 5
        found = asked(walk(5), walk(13), holdings=[holding(days=may(8, 31))])
        assert states(found) == "已未未"

    def test_a_place_is_looked_after_by_all_who_hold_it(self) -> None:
        rule = Rule(2, Period.MONTH, Per.PLACE)
        two = [holding(), holding("李")]
        (due,) = asked(walk(5), walk(9, who="李"), walk(20, who="张"), rule=rule, holdings=two)
        assert (due.subject, due.outings, due.state) == ("河", ("5/8/王", "9/8/李"), State.MET)

    def test_one_a_day_and_hours_apart(self) -> None:
        rule = Rule(2, Period.WEEK)
        assert asked(walk(5, 8), walk(5, 17), rule=rule)[1].outings == ("5/8/王",)
        assert len(asked(walk(5, 8), walk(5, 17), rule=Rule(2, Period.WEEK, one_a_day=False))[1].outings) == 2
        apart = Rule(1, Period.WEEK, min_gap_hours=96)
        assert states(asked(walk(10, 12), walk(14, 11), rule=apart)) == "未已未未未"
        assert states(asked(walk(10, 12), walk(14, 12), rule=apart)) == "未已已未未"

    def test_a_month_in_slots_wants_one_in_each(self) -> None:
        rule = Rule(4, Period.MONTH, slots=4)
        found = asked(walk(1), walk(2), walk(9), walk(31), rule=rule)
        assert states(found) == "已已未已"

    def test_alternatives_are_tallied_as_the_norm_says(self) -> None:
        rule = Rule(2, Period.WEEK, accepts=(Accepted(Evidence.TRACK), Accepted(ServiceKind.VISIT, 1)))
        visit = [walk(day, where="", mode=ServiceKind.VISIT) for day in (4, 5)]
        assert len(asked(*visit, rule=rule)[1].outings) == 1
        assert states(asked(*visit, walk(6), rule=rule))[1] == "已"
        assert asked(walk(4, mode=Evidence.CHECK_IN), rule=rule)[1].outings == ()
        per_place = Rule(1, Period.WEEK, Per.PLACE, accepts=rule.accepts)
        assert asked(*visit, rule=per_place)[1].outings == ()

    def test_nothing_is_late_while_a_review_could_meet_it(self) -> None:
        found = asked(walk(5, verdict=Verdict.REVIEW), walk(12, verdict=Verdict.NOT_COUNTED))
        assert states(found) == "未待未未未"
        assert found[1].pending == ("5/8/王",)
        assert found[1].outings == ()

    def test_nothing_is_wanted_outside_months_and_force(self) -> None:
        assert asked(rule=Rule(1, Period.WEEK, months=(2, 3))) == []
        found = asked(walk(5), walk(20), in_force=may(11, 24))
        assert [due.period.last.day for due in found] == [17, 24]
        assert states(found) == "未已"

    def test_a_year_of_many_people_has_a_row_for_each_week(self) -> None:
        people = [holding(f"人{k}", f"河{k % 247}") for k in range(2800)]
        walks = [walk(k % 365, who=f"人{k}", where=f"河{k % 247}") for k in range(2800)]
        year = Days(dt.date(2026, 1, 1), dt.date(2026, 12, 31))
        found = asked(*walks, holdings=people, window=year)
        assert len(found) == 2800 * 53  # the last one runs on into January

    def test_rates_of_nothing_are_not_known(self) -> None:
        assert rates([]).done_share is None
        assert counted_share([]) is None


# --- against a naive model

WINDOWS = st.tuples(st.integers(1, 60), st.integers(0, 40)).map(
    lambda pair: Days(
        dt.date(2026, 4, 1) + dt.timedelta(days=pair[0]),
        dt.date(2026, 4, 1) + dt.timedelta(days=sum(pair)),
    )
)
RULES = st.builds(
    Rule,
    count=st.integers(1, 3),
    period=st.sampled_from([Period.WEEK, Period.TEN_DAYS, Period.MONTH]),
    per=st.sampled_from(Per),
    months=st.sampled_from([tuple(range(1, 13)), (4, 6), (5,)]),
    one_a_day=st.booleans(),
    accepts=st.sampled_from(
        [(Accepted(Evidence.TRACK),), (Accepted(Evidence.TRACK, 1), Accepted(Evidence.PAPER))]
    ),
)
PEOPLE, PLACES = ["王", "李"], ["河", "渠"]
HOLDINGS = st.lists(
    st.builds(holding, st.sampled_from(PEOPLE), st.sampled_from(PLACES), WINDOWS | st.just(ALWAYS)),
    min_size=1,
    max_size=4,
)
OFF = st.lists(
    st.builds(Leave, st.sampled_from(PEOPLE), WINDOWS)
    | st.builds(Weather, st.sampled_from([None, "镇", "他镇"]), WINDOWS)
    | st.builds(StandIn, st.sampled_from(PEOPLE), st.sampled_from(["张", "李"]), WINDOWS),
    max_size=3,
)
OUTINGS = st.lists(
    st.builds(
        walk,
        st.integers(-35, 70),
        st.integers(6, 20),
        who=st.sampled_from([*PEOPLE, "张"]),
        where=st.sampled_from(PLACES),
        mode=st.sampled_from([Evidence.TRACK, Evidence.PAPER, Evidence.CHECK_IN]),
        verdict=st.sampled_from([Verdict.COUNTED, Verdict.COUNTED, Verdict.REVIEW, Verdict.NOT_COUNTED]),
    ),
    max_size=12,
    unique_by=lambda outing: outing.id,
)


def naive(
    rule: Rule, holdings: list[Holding], outings: list[Outing], off: list[Exemption], window: Days
) -> dict[tuple[object, dt.date], tuple[int, int, tuple[object, ...]]]:
    """Go through every day by itself: (subject, last day of period) -> wanted, due, outings tallied."""
    found = {}
    key = (lambda h: h.person) if rule.per is Per.PERSON else (lambda h: h.place)
    for subject in dict.fromkeys(key(h) for h in holdings):
        own = [h for h in holdings if key(h) == subject]
        for last in window:
            period = period_of(last, rule.period)
            if period.last != last:
                continue
            wanted = due = 0
            tallied: list[Outing] = []
            for day in period:
                in_force = [h for h in own if day in h.days and day.month in rule.months]
                wanted += bool(in_force)
                due += any(not exempt(h, day, off) for h in in_force)
            wanted, due = (int(rule.count * n / len(period) + 0.5) for n in (wanted, due))
            for outing in sorted(outings, key=lambda o: (o.began, str(o.id))):
                here = [h for h in own if outing.day in h.days and h.place in outing.places]
                walked = any(stands_for(h.person, outing, off) for h in here)
                if (
                    walked
                    and outing.day in period
                    and outing.day.month in rule.months
                    and outing.verdict is Verdict.COUNTED
                    and len(tallied) < due
                    and not (rule.one_a_day and any(o.day == outing.day for o in tallied))
                    and any(
                        a.mode is outing.mode
                        and (a.at_most is None or sum(o.mode is outing.mode for o in tallied) < a.at_most)
                        for a in rule.accepts
                    )
                ):
                    tallied.append(outing)
            if wanted:
                found[subject, last] = wanted, due, tuple(o.id for o in tallied)
    return found


def exempt(held: Holding, day: dt.date, off: list[Exemption]) -> bool:
    return any(
        day in one.days
        and (
            (isinstance(one, Leave) and one.person == held.person)
            or (isinstance(one, Weather) and (one.area is None or one.area in held.areas))
        )
        for one in off
    )


def stands_for(person: object, outing: Outing, off: list[Exemption]) -> bool:
    return person in outing.people or any(
        isinstance(one, StandIn)
        and one.person == person
        and outing.day in one.days
        and one.substitute in outing.people
        for one in off
    )


@given(RULES, HOLDINGS, OUTINGS, OFF, WINDOWS)
def test_the_answer_is_that_of_going_through_every_day(
    rule: Rule, holdings: list[Holding], outings: list[Outing], off: list[Exemption], window: Days
) -> None:
    found = dues(rule, ALWAYS, holdings, outings, off, window, LATER)
    closed = {
        (d.subject, d.period.last): (d.wanted, d.due, d.outings)
        for d in found
        if d.period.last <= window.last
    }
    assert closed == naive(rule, holdings, outings, off, window)


@given(RULES, HOLDINGS, OUTINGS, OFF, WINDOWS, st.randoms(use_true_random=False))
def test_order_and_doubling_of_what_is_given_do_not_matter(
    rule: Rule, holdings: list[Holding], outings: list[Outing], off: list[Exemption], window: Days, random
) -> None:
    first = dues(rule, ALWAYS, holdings, outings, off, window, LATER)
    twice = outings * 2
    random.shuffle(twice)
    assert dues(rule, ALWAYS, holdings, twice, off * 2, window, LATER) == first


@given(
    st.integers(1, 2),
    st.integers(0, 6),
    st.sampled_from([0, 24, 60, 96]),
    st.lists(st.integers(4, 24), max_size=7, unique=True),
)
def test_nobody_could_tally_more_by_choosing_otherwise(
    count: int, grace: int, gap_hours: int, days: list[int]
) -> None:
    """Among all ways to give outings to the weeks that take them, the first come, first tallied is best."""
    rule = Rule(count, Period.WEEK, grace_days=grace, min_gap_hours=gap_hours)
    window = may(4, 24)
    found = asked(*map(walk, days), rule=rule, window=window, in_force=window)
    weeks = list(periods(window, Period.WEEK))

    def fits(chosen: tuple[int, ...]) -> bool:
        if any((b - a) * 24 < gap_hours for a, b in itertools.pairwise(chosen)):
            return False
        room = [count] * len(weeks)
        for day in chosen:  # earliest deadline first decides whether all of them find a week
            date = dt.date(2026, 5, day)
            for k, week in enumerate(weeks):
                if week.first <= date <= week.last + dt.timedelta(days=grace) and room[k]:
                    room[k] -= 1
                    break
            else:
                return False
        return True

    most = max(
        len(chosen)
        for size in range(len(days) + 1)
        for chosen in itertools.combinations(sorted(days), size)
        if fits(chosen)
    )
    assert sum(len(due.outings) for due in found) == most


@given(RULES, HOLDINGS, OUTINGS, OFF, WINDOWS)
def test_all_that_bears_on_a_window_lies_within_its_reach(
    rule: Rule, holdings: list[Holding], outings: list[Outing], off: list[Exemption], window: Days
) -> None:
    near = [outing for outing in outings if outing.day in reach(rule, window)]
    whole = dues(rule, ALWAYS, holdings, outings, off, window, LATER)
    assert dues(rule, ALWAYS, holdings, near, off, window, LATER) == whole


@pytest.mark.parametrize("shares", [[Verdict.COUNTED] * 3, [Verdict.COUNTED, Verdict.NOT_COUNTED]])
def test_counted_share(shares: list[Verdict]) -> None:
    assert counted_share(shares) == shares.count(Verdict.COUNTED) / len(shares)
