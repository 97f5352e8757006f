"""Rules of cases and their categories as data: there and back, and what does not fit is named."""

import datetime as dt
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from layers.case_rules import CaseRules, Limit
from layers.categories import DEFAULT, GB_2013, GB_2026, MOST_BELOW, MOST_KINDS, Categories, Category
from layers.errors import BadRules
from layers.vocabulary import Disorder, Layer, Separation, Severity

limits = st.builds(Limit, st.integers(1, 300), st.integers(0, 40))
HOURS = (
    ((dt.time(9), dt.time(17, 30)),),
    ((dt.time(8), dt.time(11)), (dt.time(13), dt.time(18))),
)
rising = st.lists(st.integers(0, 300), unique=True).map(lambda days: tuple(map(float, sorted(days))))
rules = st.builds(
    CaseRules,
    hours=st.sampled_from(HOURS),
    accept=limits, rework=limits, handle=st.fixed_dictionaries(dict.fromkeys(Severity, limits)),
    supervise_after_days=rising,
    send_back_hours=st.integers(0, 720), reopen_days=st.integers(0, 3650),
    separation=st.sampled_from(Separation), reporter_checks=st.booleans(), needs_proof=st.booleans(),
    public=st.booleans(), open311=st.booleans(),
)  # fmt: skip


@given(rules)
def test_rules_come_back_from_json_as_they_were(one: CaseRules) -> None:
    assert CaseRules.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    "said",
    [
        {"no_such": 1}, {"accept": 3}, {"accept": {}}, {"accept": {"days": -1}}, {"accept": {"days": "x"}},
        {"accept": {"weeks": 1}}, {"accept": {"days": 1e9}}, {"handle": {"minor": {"days": 1}}},
        {"handle": {"none": {"days": 1}}}, {"supervise_after_days": [2, 1]}, {"supervise_after_days": "x"},
        {"separation": "some"}, {"reporter_checks": 1}, {"public": "yes"}, {"send_back_hours": True},
        {"send_back_hours": -1}, {"reopen_days": 1.5}, {"hours": [["9", "x"]]}, {"hours": 5},
        {"accept": {"days": float("nan")}},
    ],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(BadRules):
        CaseRules.from_json(said)


def test_a_limit_is_said_as_people_say_it() -> None:
    assert (Limit(5).words, Limit(hours=4).words, Limit(1, 2).words) == (
        "5 个工作日", "4 个工作小时", "1 个工作日2 个工作小时"
    )  # fmt: skip


def test_the_default_tree_fits_a_screen_and_is_whole() -> None:
    assert len(DEFAULT.kinds) == MOST_KINDS == 8
    assert all(0 < len(DEFAULT.below(kind.code)) <= MOST_BELOW for kind in DEFAULT.kinds)
    assert [one.disorder for one in DEFAULT.below("chaos")] == list(Disorder)
    assert Categories.from_json(json.loads(json.dumps(DEFAULT.to_json()))) == DEFAULT
    assert DEFAULT.words("litter.bank") == "垃圾漂浮物·河岸垃圾"
    assert (DEFAULT.words("litter"), DEFAULT.words("gone.away")) == ("垃圾漂浮物", "gone.away")


# Copied by hand from peers.md d5: the older family, and what is known of the newer one.
OLD = {
    "0101": "私搭乱建", "0102": "暴露垃圾", "0103": "积存垃圾渣土", "0104": "道路不洁",
    "0105": "水域不洁",
    "0110": "道路破损", "0111": "河堤破损", "0112": "道路遗撒",
    "0115": "焚烧垃圾树叶", "0117": "动物尸体清理",
    "0199": "其他", "0304": "施工占道", "0401": "路面塌陷", "0406": "道路积水",
    "0407": "道路积雪结冰",
    "0408": "架空线缆损坏", "0501": "无照经营游商", "0504": "店外经营", "0505": "机动车乱停放",
    "0506": "非机动车乱停放", "0507": "乱堆物堆料", "部件0101": "上水井盖", "部件0106": "路灯",
    "部件0126": "健身设施", "部件0211": "交通护栏",
}  # fmt: skip
NEW = {"06010", "06011", "06012", "06017", "06036", "06042", "06045", "07003", "09005", "09006"}


def test_the_codes_are_those_of_the_editions() -> None:
    for one in DEFAULT.rows:
        assert set(one.standards) <= {GB_2013, GB_2026}
        assert one.standards.get(GB_2013, "0101") in OLD, one.code
        assert one.standards.get(GB_2026, "06010") in NEW, one.code
    assert DEFAULT.get("litter.exposed").standards == {GB_2013: "0102", GB_2026: "06010"}


def _kind(code: str = "a", **more: Any) -> Category:
    return Category(code, "名", "litter", **more)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "大类"),
        ([_kind(), _kind()], "重复"),
        ([_kind("A")], "小写"),
        ([_kind("a.b.c")], "小写"),
        ([Category("a", "", "litter")], "20 个字"),
        ([Category("a", "长" * 21, "litter")], "20 个字"),
        ([Category("a", "名", "skull")], "图标"),
        ([Category("a.b", "名")], "上一级"),
        ([_kind(f"k{n}") for n in range(9)], "8 个"),
        ([_kind(), *(Category(f"a.b{n}", "名") for n in range(7))], "6 个"),
    ],
)
def test_a_tree_that_does_not_fit_is_refused(rows: list[Category], said: str) -> None:
    with pytest.raises(BadRules, match=said):
        Categories.of(rows)


@pytest.mark.parametrize(
    "said",
    [{}, {"code": "a"}, {"code": "a", "name": "名", "severity": "huge"},
     {"code": "a", "name": "名", "layers": ["sea"]},
     {"code": "a", "name": "名", "limit": {"days": 0}}, {"code": "a", "name": "名", "standards": 5}],
)  # fmt: skip
def test_a_category_that_cannot_be_read_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(BadRules):
        Category.from_json(said)


def test_a_category_has_a_limit_and_layers_of_its_own() -> None:
    one = Category.from_json(
        {"code": "a", "name": "名", "icon": "litter", "limit": {"hours": 4}, "layers": ["river"]}
    )
    assert (one.limit, one.layers) == (Limit(hours=4), (Layer.RIVER,))
    assert Category.from_json(one.to_json()) == one
