"""Categories as data: there and back, what does not fit is named, the codes are those of the editions."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from layers.case_rules import Limit
from layers.categories import (
    DEFAULT,
    GB_2013,
    GB_2026,
    ICONS,
    MOST_BELOW,
    MOST_KINDS,
    STANDARDS,
    Categories,
    Category,
)
from layers.errors import BadRules
from layers.vocabulary import Disorder, Layer, Severity

names = st.text(min_size=1, max_size=20).filter(lambda name: 0 < len(name.strip()) <= 20)
words = st.from_regex(r"[a-z0-9_]{1,30}", fullmatch=True)
limits = st.builds(Limit, st.floats(0.01, 365), st.floats(0, 8760)) | st.builds(
    Limit, hours=st.integers(1, 99)
)
standards = st.dictionaries(
    st.sampled_from([*STANDARDS, "本市 2010"]), st.from_regex("(部件)?[0-9]{4,5}", fullmatch=True)
)


def categories(code: str, icon: st.SearchStrategy[str | None]) -> st.SearchStrategy[Category]:
    return st.builds(
        Category, st.just(code), names, icon, st.sampled_from(Severity),
        st.none() | st.sampled_from(Disorder), standards, st.none() | limits,
        st.sets(st.sampled_from(Layer)).map(tuple),
    )  # fmt: skip


@st.composite
def trees(draw: st.DrawFn) -> Categories:
    """Any tree that fits a screen."""
    kinds = draw(st.lists(words, min_size=1, max_size=MOST_KINDS, unique=True))
    rows = [draw(categories(kind, st.sampled_from(ICONS))) for kind in kinds]
    for kind in kinds:
        below = draw(st.lists(words, max_size=MOST_BELOW, unique=True))
        rows += [draw(categories(f"{kind}.{word}", st.none())) for word in below]
    return Categories.of(draw(st.permutations(rows)))


@settings(max_examples=25)
@given(trees())
def test_a_tree_comes_back_from_json_as_it_was(tree: Categories) -> None:
    again = Categories.from_json(json.loads(json.dumps(tree.to_json())))
    assert again == tree
    assert sorted(one.code for one in again.rows) == sorted(again.by_code)
    beneath = [one for kind in again.kinds for one in again.below(kind.code)]
    assert len(again.kinds) + len(beneath) == len(again.rows), "each category stands below one kind"


def test_the_default_tree_fits_a_screen_and_is_whole() -> None:
    assert 0 < len(DEFAULT.kinds) <= MOST_KINDS == 8
    assert all(0 < len(DEFAULT.below(kind.code)) <= MOST_BELOW == 6 for kind in DEFAULT.kinds)
    assert sorted(str(kind.icon) for kind in DEFAULT.kinds) == sorted(ICONS)
    assert len({one.name for one in DEFAULT.rows}) == len(DEFAULT.rows), "no two are called the same"
    assert Categories.from_json(json.loads(json.dumps(DEFAULT.to_json()))) == DEFAULT


def test_the_four_disorders_are_each_a_category_of_rivers_and_none_is_minor() -> None:
    found = {one.disorder: one for one in DEFAULT.rows if one.disorder is not None}
    assert {disorder: (one.code, one.name) for disorder, one in found.items()} == {
        Disorder.OCCUPY: ("chaos.occupy", "乱占"), Disorder.DIG: ("chaos.dig", "乱采"),
        Disorder.DUMP: ("chaos.dump", "乱堆"), Disorder.BUILD: ("chaos.build", "乱建"),
    }  # fmt: skip
    assert all(
        one.name == disorder.zh and one.severity is not Severity.MINOR for disorder, one in found.items()
    )
    assert (DEFAULT.get("chaos").name, DEFAULT.get("chaos").layers) == ("四乱", (Layer.RIVER,))
    assert DEFAULT.below("chaos") == list(found.values())


# Copied by hand from peers.md d5: the older family, components by 部件, and some of the newer.
OLD = {
    "0101": "私搭乱建", "0102": "暴露垃圾", "0103": "积存垃圾渣土", "0104": "道路不洁", "0105": "水域不洁",
    "0106": "绿地脏乱", "0107": "废弃车辆", "0108": "废弃家具设施", "0109": "非装饰性树挂",
    "0110": "道路破损", "0111": "河堤破损", "0112": "道路遗撒", "0113": "建筑物外立面不洁",
    "0114": "水域秩序问题", "0115": "焚烧垃圾树叶", "0116": "油烟污染", "0117": "动物尸体清理",
    "0118": "擅自饲养家禽家畜", "0199": "其他",
    "0201": "非法小广告", "0202": "违章张贴悬挂广告牌匾", "0203": "占道广告牌", "0204": "街头散发广告",
    "0205": "广告招牌破损",
    "0301": "施工扰民", "0302": "工地扬尘", "0303": "施工废弃料", "0304": "施工占道", "0305": "无证掘路",
    "0399": "其他",
    "0401": "路面塌陷", "0402": "自来水管破裂", "0403": "燃气管道破裂", "0404": "下水道堵塞或破损",
    "0405": "热力管道破裂", "0406": "道路积水", "0407": "道路积雪结冰", "0408": "架空线缆损坏",
    "0409": "群发性事件", "0499": "其他",
    "0501": "无照经营游商", "0502": "流浪乞讨", "0503": "占道废品收购", "0504": "店外经营",
    "0505": "机动车乱停放", "0506": "非机动车乱停放", "0507": "乱堆物堆料", "0508": "商业噪音",
    "0509": "黑车拉客", "0510": "露天烧烤", "0511": "沿街晾挂", "0512": "非法出版物",
    "0513": "空调室外机低挂", "0599": "其他",
    "部件0101": "上水井盖", "部件0102": "污水井盖", "部件0103": "雨水井盖", "部件0104": "雨水箅子",
    "部件0105": "电力", "部件0106": "路灯", "部件0113": "消防设施", "部件0117": "电杆", "部件0118": "路灯",
    "部件0126": "健身设施", "部件0209": "交通标志牌", "部件0211": "交通护栏", "部件0213": "路名牌",
}  # fmt: skip
NEW = {
    "06010": "暴露垃圾", "06011": "积存垃圾渣土", "06012": "道路不洁", "06017": "绿地脏乱",
    "06036": "乱堆物堆料", "06042": "垃圾站(箱)满溢", "06045": "非法占绿毁绿", "07003": "违规户外广告",
    "09005": "店外经营", "09006": "占道经营",
}  # fmt: skip
# What each of ours is called there, as domain.md 2.3 maps it and as the names say.
CALLED: dict[str, tuple[str | None, str | None]] = {
    "litter.floating": ("水域不洁", None), "litter.bank": ("水域不洁", None),
    "litter.exposed": ("暴露垃圾", "暴露垃圾"), "litter.pile": ("积存垃圾渣土", "积存垃圾渣土"),
    "litter.animal": ("动物尸体清理", None), "litter.burning": ("焚烧垃圾树叶", None),
    "water.oil": ("水域不洁", None),
    "chaos.dump": ("积存垃圾渣土", "积存垃圾渣土"), "chaos.build": ("私搭乱建", None),
    "road.pit": ("道路破损", None), "road.collapse": ("路面塌陷", None), "road.flood": ("道路积水", None),
    "road.dirty": ("道路不洁", "道路不洁"), "road.ice": ("道路积雪结冰", None),
    "road.spill": ("道路遗撒", None),
    "parking.car": ("机动车乱停放", None), "parking.bike": ("非机动车乱停放", None),
    "parking.stall": ("无照经营游商", "占道经营"), "parking.shop": ("店外经营", "店外经营"),
    "parking.goods": ("乱堆物堆料", "乱堆物堆料"), "parking.works": ("施工占道", None),
    "facility.manhole": ("上水井盖", None), "facility.rail": ("交通护栏", None),
    "facility.lamp": ("路灯", None), "facility.bank": ("河堤破损", None),
    "facility.fitness": ("健身设施", None),
    "danger.wire": ("架空线缆损坏", None), "danger.green": (None, "非法占绿毁绿"),
    "other.other": ("其他", None),
}  # fmt: skip


def test_the_codes_are_those_of_the_editions_side_by_side() -> None:
    assert (GB_2013, GB_2026) == STANDARDS == ("GB/T 30428.2-2013", "GB/T 47678.5-2026")
    told = {}
    for one in DEFAULT.rows:
        assert set(one.standards) <= set(STANDARDS), one.code
        old, new = (one.standards.get(edition) for edition in STANDARDS)
        told[one.code] = (None if old is None else OLD[old], None if new is None else NEW[new])
    assert {code: both for code, both in told.items() if both != (None, None)} == CALLED


def test_a_category_is_read_with_its_kind() -> None:
    assert DEFAULT.words("litter.bank") == "垃圾漂浮物·河岸垃圾"
    assert (DEFAULT.words("litter"), DEFAULT.words("gone.away")) == ("垃圾漂浮物", "gone.away")
    assert (DEFAULT.get("road.pit").kind, DEFAULT.get("road.pit").is_kind) == ("road", False)
    assert (DEFAULT.get("road").kind, DEFAULT.get("road").is_kind) == ("road", True)
    with pytest.raises(BadRules, match=r"^没有编码为「no\.such」的问题类别；请重新选择。$"):
        DEFAULT.get("no.such")


def _kind(code: str = "a", **more: Any) -> Category:
    return Category(code, "名", "litter", **more)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "大类要有 1 到 8 个"),
        ([_kind(), _kind()], "编码不能重复"),
        ([_kind("A")], "编码「A」要用小写字母"),
        ([_kind("")], "编码「」要用小写字母"),
        ([_kind("a.b.c")], "编码「a.b.c」要用小写字母"),
        ([_kind("a.")], "编码「a.」要用小写字母"),
        ([_kind("a\n")], "编码「a\n」要用小写字母"),
        ([_kind("垃圾")], "编码「垃圾」要用小写字母"),
        ([_kind("a" * 31)], f"编码「{'a' * 31}」要用小写字母"),
        ([Category("a", " ", "litter")], "「a」的名称要有 1 到 20 个字"),
        ([Category("a", "长" * 21, "litter")], "「a」的名称要有 1 到 20 个字"),
        ([Category("a", "名", "skull")], "「名」的图标要是 litter、water、"),
        ([Category("a", "名")], "「名」的图标要是 litter、water、"),
        ([Category("a.b", "名")], "「名」的上一级「a」不在表里"),
        ([_kind(f"k{n}") for n in range(9)], "大类要有 1 到 8 个"),
        ([_kind(), *(Category(f"a.b{n}", "名") for n in range(7))], "「名」下面最多 6 个小类"),
    ],
)
def test_a_tree_that_does_not_fit_is_refused_and_says_where(rows: list[Category], said: str) -> None:
    with pytest.raises(BadRules) as refused:
        Categories.of(rows)
    assert refused.value.detail.startswith(("类别的" * (said == "编码不能重复")) + said)


GOOD = {"code": "a", "name": "名", "icon": "litter"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (5, "类别要写成列表"), ("a", "类别要写成列表"), (GOOD, "类别要写成列表"), (None, "类别要写成列表"),
        ([5], "每个类别要写成一个 JSON 对象"), ([[]], "每个类别要写成一个 JSON 对象"),
        ([GOOD | {"limits": {"days": 3}}], "没有叫「limits」的项；可以写：code、disorder、icon、"),
        *(
            ([GOOD | one], "有一个类别看不懂：要有编码、名称")
            for one in (
                {"code": None}, {"code": 5}, {"name": None}, {"name": 5}, {"icon": 5}, {"icon": ["litter"]},
                {"severity": "huge"}, {"severity": None}, {"severity": []}, {"disorder": "mess"},
                {"disorder": ["dig"]}, {"layers": ["sea"]}, {"layers": "river"}, {"layers": 1},
                {"standards": 5}, {"standards": [["x", "y"]]}, {"standards": {"x": 101}},
            )
        ),
        ([{}], "有一个类别看不懂"), ([{"code": "a"}], "有一个类别看不懂"),
        ([{"name": "a"}], "有一个类别看不懂"),
        ([GOOD | {"limit": {"days": 0}}], "期限要大于 0"), ([GOOD | {"limit": {}}], "期限要大于 0"),
        ([GOOD | {"limit": 0}], "期限写成 days"), ([GOOD | {"limit": {"weeks": 1}}], "期限写成 days"),
        ([GOOD | {"limit": {"days": 10**400}}], "天数、小时数要写数字"),
        ([GOOD | {"limit": {"hours": "4"}}], "天数、小时数要写数字"),
    ],
)  # fmt: skip
def test_a_tree_that_cannot_be_read_is_refused(said: Any, why: str) -> None:
    with pytest.raises(BadRules, match=why):
        Categories.from_json(said)


def test_a_category_has_a_limit_and_layers_of_its_own() -> None:
    one = Category.from_json(GOOD | {"limit": {"hours": 4}, "layers": ["river"]})
    assert (one.limit, one.layers, one.severity) == (Limit(hours=4), (Layer.RIVER,), Severity.MINOR)
    assert Category.from_json(one.to_json()) == one
    assert Category("a.b", "名").to_json() == {"code": "a.b", "name": "名", "severity": "minor"}
