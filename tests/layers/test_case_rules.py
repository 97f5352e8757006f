"""Rules of cases as data: there and back, and what does not fit is named."""

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given

from layers.case_rules import CaseRules, Limit, limit_of
from layers.errors import BadRules
from layers.vocabulary import Separation, Severity
from layers.worktime import OFFICE_HOURS, Hours, WorkClock

limits = st.builds(Limit, st.integers(1, 300), st.integers(0, 40)) | st.builds(
    Limit, st.floats(0, 365), st.floats(0.01, 8760)
)


def _hours(minutes: set[int]) -> Hours:
    times = [dt.time(minute // 60, minute % 60) for minute in sorted(minutes)]
    return tuple(zip(times[::2], times[1::2], strict=False))


rising = st.lists(st.integers(0, 365) | st.floats(0, 365), unique=True).map(
    lambda days: tuple(map(float, sorted(days)))
)
rules = st.builds(
    CaseRules,
    hours=st.sets(st.integers(0, 1439), min_size=2, max_size=8).map(_hours),
    accept=limits, dispatch=limits, check=limits, close=limits, rework=limits,
    handle=st.fixed_dictionaries(dict.fromkeys(Severity, limits)),
    supervise_after_days=rising,
    send_back_hours=st.integers(0, 720), reopen_days=st.integers(0, 3650),
    separation=st.sampled_from(Separation), reporter_checks=st.booleans(), needs_proof=st.booleans(),
    public=st.booleans(), open311=st.booleans(),
)  # fmt: skip


@given(rules)
def test_rules_come_back_from_json_as_they_were(one: CaseRules) -> None:
    assert CaseRules.from_json(json.loads(json.dumps(one.to_json()))) == one


@given(rules, st.data())
def test_what_is_not_said_is_as_by_default(one: CaseRules, data: st.DataObject) -> None:
    written = one.to_json()
    said = {name: written[name] for name in data.draw(st.sets(st.sampled_from(sorted(written))))}
    read = CaseRules.from_json(said).to_json()
    assert read == CaseRules().to_json() | said


def test_the_defaults_are_those_of_the_domain() -> None:
    one = CaseRules.from_json({})
    assert one == CaseRules()
    assert (one.hours, one.accept, one.check) == (OFFICE_HOURS, Limit(1), Limit(2))
    assert [one.handle[severity] for severity in Severity] == [Limit(5), Limit(10), Limit(20)]
    assert (one.supervise_after_days, one.send_back_hours) == ((0, 2, 5), 24)
    assert (one.separation, one.public) == (Separation.CHECKED, False)


NUMBERS, UNREADABLE = "天数、小时数要写数字，从 0 到 8760。", "有一条规则的值看不懂；请按示例填写。"
ORDER, KINDS = "工作时间要从早到晚写", "天数、小时数要写整数，是否要写 true 或 false。"
OBJECT, LIMIT = "规则要写成一个 JSON 对象", "期限写成 days（工作日）或 hours（工作小时）。"
SUPERVISION, RANGE = "督办的天数要从小到大，不重复。", "退回的小时数、重开的天数超出了范围。"
MINUTES, GREATER = "工作时间写到分钟，不带时区，例如 08:30。", "期限要大于 0，最多 365 个工作日。"
DAY = {"days": 1}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, OBJECT), (5, OBJECT), ([], OBJECT), ("{}", OBJECT),
        ({"no_such": 1}, "没有叫「no_such」的规则。"), ({"x" * 99: 1}, f"没有叫「{'x' * 40}」的规则。"),
        ({"accept": 3}, LIMIT), ({"close": None}, LIMIT), ({"accept": {"weeks": 1}}, LIMIT),
        ({"accept": {}}, GREATER), ({"check": {"days": 0, "hours": 0.0}}, GREATER),
        ({"rework": {"days": 366}}, GREATER), ({"accept": {"days": -1}}, NUMBERS),
        ({"accept": {"days": "5"}}, NUMBERS), ({"accept": {"days": None}}, NUMBERS),
        ({"dispatch": {"hours": True}}, NUMBERS), ({"accept": {"days": [1]}}, NUMBERS),
        ({"accept": {"days": float("nan")}}, NUMBERS), ({"accept": {"hours": float("inf")}}, NUMBERS),
        ({"accept": {"days": 10**400}}, NUMBERS), ({"accept": {"days": -(10**400)}}, NUMBERS),
        ({"handle": {"minor": DAY}}, "每个等级都要有处置期限。"),
        ({"handle": {}}, "每个等级都要有处置期限。"),
        ({"handle": {"none": DAY}}, UNREADABLE), ({"handle": []}, UNREADABLE), ({"handle": None}, UNREADABLE),
        ({"handle": {"minor": DAY, "major": DAY, "grave": 7}}, LIMIT),
        ({"supervise_after_days": [2, 1]}, SUPERVISION), ({"supervise_after_days": [1, 1.0]}, SUPERVISION),
        ({"supervise_after_days": [366]}, SUPERVISION), ({"supervise_after_days": [-1]}, NUMBERS),
        ({"supervise_after_days": "12"}, NUMBERS), ({"supervise_after_days": [10**400]}, NUMBERS),
        ({"supervise_after_days": [float("nan")]}, NUMBERS), ({"supervise_after_days": [False]}, NUMBERS),
        ({"supervise_after_days": 5}, UNREADABLE), ({"supervise_after_days": None}, UNREADABLE),
        ({"separation": "some"}, UNREADABLE), ({"separation": []}, UNREADABLE),
        ({"separation": None}, UNREADABLE),
        ({"reporter_checks": 1}, KINDS), ({"public": "yes"}, KINDS), ({"needs_proof": None}, KINDS),
        ({"send_back_hours": True}, KINDS), ({"send_back_hours": "24"}, KINDS), ({"reopen_days": 1.5}, KINDS),
        ({"send_back_hours": -1}, RANGE), ({"send_back_hours": 721}, RANGE), ({"reopen_days": 3651}, RANGE),
        ({"reopen_days": -1}, RANGE), ({"reopen_days": 10**400}, RANGE),
        ({"hours": 5}, UNREADABLE), ({"hours": None}, UNREADABLE), ({"hours": [["9", "x"]]}, UNREADABLE),
        ({"hours": [["08:00"]]}, UNREADABLE), ({"hours": [["08:00", "09:00", "10:00"]]}, UNREADABLE),
        ({"hours": [[8, 12]]}, UNREADABLE), ({"hours": [["08:00", "24:00"]]}, UNREADABLE),
        ({"hours": []}, ORDER), ({"hours": [["17:30", "08:30"]]}, ORDER),
        ({"hours": [["08:30", "08:30"]]}, ORDER),
        ({"hours": [["14:00", "17:30"], ["08:30", "12:00"]]}, ORDER),
        ({"hours": [["08:30", "12:00"], ["12:00", "17:30"]]}, ORDER),
        ({"hours": [["08:30:30", "12:00"]]}, MINUTES), ({"hours": [["08:30+08:00", "12:00+08:00"]]}, MINUTES),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused_and_say_why(said: Any, why: str) -> None:
    with pytest.raises(BadRules) as refused:
        CaseRules.from_json(said)
    assert refused.value.detail.startswith(why)


@pytest.mark.parametrize("said", [None, 5, [], "days", {"day": 1}, {"days": "x"}, {"days": {}}, {}])
def test_a_limit_that_cannot_be_is_refused(said: Any) -> None:
    with pytest.raises(BadRules):
        limit_of(said)


def test_a_limit_is_said_as_people_say_it() -> None:
    assert (Limit(5).words, Limit(hours=4).words, Limit(1, 2).words, Limit(0.5).words) == (
        "5 个工作日", "4 个工作小时", "1 个工作日2 个工作小时", "0.5 个工作日"
    )  # fmt: skip


def test_a_working_day_is_as_long_as_the_hours_of_the_county() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    short = WorkClock(zone, ((dt.time(9), dt.time(12)),))
    assert Limit(2, 1.5).seconds(WorkClock(zone)) == (2 * 7 + 1.5) * 3600
    assert Limit(2, 1.5).seconds(short) == (2 * 3 + 1.5) * 3600
