"""A norm as data: read strictly, written and read again, presets that can be taken as they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import BadNorm
from layers.norms import Accepted, Caps, Minima, Per, Rule, mode_of
from layers.presets import PRESETS, preset
from layers.vocabulary import DutyKind, Evidence, Layer, Level, Period, Role, ServiceKind

modes = st.sampled_from([*Evidence, *ServiceKind])
some = st.none() | st.floats(1, 100)
rules = st.builds(
    Rule,
    count=st.integers(1, 31),
    period=st.sampled_from(Period),
    per=st.sampled_from(Per),
    roles=st.sets(st.sampled_from(Role)).map(lambda found: tuple(r for r in Role if r in found)),
    kind=st.none() | st.sampled_from(DutyKind),
    levels=st.sets(st.sampled_from(Level)).map(lambda found: tuple(x for x in Level if x in found)),
    layers=st.sets(st.sampled_from(Layer)).map(lambda found: tuple(x for x in Layer if x in found)),
    months=st.sets(st.integers(1, 12), min_size=1).map(lambda found: tuple(sorted(found))),
    min_gap_hours=st.floats(0, 200),
    one_a_day=st.booleans(),
    grace_days=st.integers(0, 31),
    minima=st.builds(
        Minima, minutes=some, metres=some, share=st.none() | st.floats(0.1, 1), checklist=st.booleans()
    ),
    caps=st.builds(
        Caps,
        minutes=st.none() | st.floats(100, 1440),
        metres=st.none() | st.floats(100, 1e5),
        ridden_share=st.none() | st.floats(0, 1),
    ),
    accepts=st.dictionaries(modes, st.none() | st.integers(1, 9), min_size=1).map(
        lambda found: tuple(Accepted(mode, most) for mode, most in found.items())
    ),
)


@given(rules)
def test_a_rule_comes_back_from_json(rule: Rule) -> None:
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


def test_the_least_that_a_rule_says_is_how_often() -> None:
    rule = Rule.from_json({"count": 1, "period": "week"})
    assert rule == Rule(1, Period.WEEK)
    assert (rule.kind, rule.per, rule.one_a_day) == (DutyKind.VOLUNTEER, Per.PERSON, True)
    assert rule.accepts == (Accepted(Evidence.TRACK),)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"count": 0}, "次数要在 1 到 400"),
        ({"count": "2"}, "「count」（次数）要填整数"),
        ({"count": True}, "要填整数"),
        ({"period": "fortnight"}, "week（周）、ten_days（旬）"),
        ({"per": None}, "person（每人）"),
        ({"months": []}, "至少一个"),
        ({"months": [13]}, "1 到 12"),
        ({"months": "3-12"}, "要写成列表"),
        ({"months": [3.5]}, "要填整数"),
        ({"slots": 2}, "只有按月的标准才能等分"),
        ({"period": "month", "slots": 2}, "次数填成一样"),
        ({"period": "month", "slots": 1, "count": 1}, "0（不分）或 2"),
        ({"grace_days": 99}, "宽限天数要在 0 到 31"),
        ({"min_gap_hours": -1}, "间隔小时"),
        ({"min_gap_hours": float("nan")}, "要填数字"),
        ({"one_a_day": "yes"}, "true 或 false"),
        ({"roles": ["mayor"]}, "河长"),
        ({"minima": {"metres": 0}}, "要大于 0"),
        ({"minima": {"share": 60}}, "例如 0.6"),
        ({"minima": {"minutes": 30}, "caps": {"minutes": 10}}, "最长分钟不能少于最短分钟"),
        ({"minima": {"meters": 3}}, "单次最低要求里有不认识的项「meters」"),
        ({"minima": 3}, "单次最低要求要写成一个 JSON 对象"),
        ({"caps": {"ridden_share": -0.1}}, "不能是 0 或负数"),
        ({"accepts": []}, "至少要有一种"),
        ({"accepts": [{"mode": "drone"}]}, "不认识凭证或服务「drone」"),
        ({"accepts": [{"mode": "track"}, {"mode": "track"}]}, "写了两次"),
        ({"accepts": [{"mode": "track", "at_most": 0}]}, "1 或更多"),
        ({"boost_if": {}}, "标准里有不认识的项「boost_if」"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(more: dict[str, Any], says: str) -> None:
    with pytest.raises(BadNorm) as error:
        Rule.from_json({"count": 1, "period": "week", **more})
    assert says in error.value.detail


@pytest.mark.parametrize("data", [None, [], "week", 3, {}])
def test_what_is_no_rule_at_all_is_refused(data: object) -> None:
    with pytest.raises(BadNorm):
        Rule.from_json(data)


def test_a_rule_asks_those_it_names() -> None:
    rule = Rule(1, Period.WEEK, roles=(Role.RIVER_STEWARD,), levels=(Level.VILLAGE,))
    assert rule.asks(Role.RIVER_STEWARD, DutyKind.VOLUNTEER, Level.VILLAGE)
    assert not rule.asks(Role.RIVER_STEWARD, DutyKind.OFFICIAL, Level.VILLAGE)
    assert not rule.asks(Role.RIVER_STEWARD, DutyKind.VOLUNTEER, Level.TOWNSHIP)
    assert not rule.asks(Role.ROAD_STEWARD, DutyKind.VOLUNTEER, Level.VILLAGE)
    everybody = Rule(1, Period.WEEK, kind=None, layers=(Layer.ROAD,))
    assert everybody.asks(Role.ROAD_STEWARD, DutyKind.OFFICIAL, Level.COUNTY)
    assert not everybody.asks(Role.RIVER_STEWARD, DutyKind.OFFICIAL, Level.COUNTY)


class TestPresets:
    def test_each_has_a_code_of_its_own_a_source_and_can_be_taken_as_it_is(self) -> None:
        assert len({p.code for p in PRESETS}) == len(PRESETS) >= 28
        for p in PRESETS:
            assert p.name
            assert p.source
            assert Rule.from_json(p.rule.to_json()) == p.rule

    def test_every_role_has_a_default_for_volunteers_without_minima(self) -> None:
        for role in Role:
            rule = preset(f"volunteer-{role.layer}").rule
            assert rule.asks(role, DutyKind.VOLUNTEER, Level.VILLAGE)
            assert rule.minima == Minima()
        assert preset("volunteer-compound").rule.takes(mode_of("meeting"))
        assert preset("volunteer-compound").rule.takes(Evidence.TRACK) is None

    def test_numbers_are_those_of_the_texts(self) -> None:
        aheqi = preset("aheqi-2022-township").rule
        assert (aheqi.count, aheqi.period, aheqi.months) == (1, Period.MONTH, tuple(range(3, 13)))
        assert (aheqi.minima.minutes, aheqi.minima.metres, aheqi.min_gap_hours) == (30, 2000, 96)
        sixian = preset("sixian-village").rule
        assert (sixian.count, sixian.per, sixian.minima.metres) == (2, Per.PLACE, 300)
        assert [preset(f"zhejiang-{level}").rule.slots for level in Level] == [2, 3, 4]
        assert preset("guangzhou-2021-village").rule.period is Period.TEN_DAYS

    def test_an_unknown_one_is_refused(self) -> None:
        with pytest.raises(BadNorm, match="没有叫「mine」"):
            preset("mine")
