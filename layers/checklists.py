"""What a patrol of a layer looks at, item by item (domain.md 1.4), as data with a version.

An item keeps its code for good; what is no longer looked at is left out of a later version.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from layers.vocabulary import Layer, Word

VERSION = 1
"""Version of the lists below; stored with every filled-in list."""


class Finding(Word):
    """What was found of one item."""

    NORMAL = "normal", "正常"
    ABNORMAL = "abnormal", "异常"
    NOT_APPLICABLE = "na", "不涉及"


@dataclass(frozen=True)
class Item:
    """One thing to look at."""

    code: str
    zh: str


_RIVER = (
    Item("litter", "水面、岸坡保洁（漂浮物、垃圾）"),
    Item("water", "水体颜色、气味（发黑、发黄、发白、异味）"),
    Item("bed", "河底淤积、沉船、围网养殖"),
    Item("outfall", "排污口（新增、颜色气味异常、晴天雨水口出水、标识）"),
    Item("discharge", "沿岸企业、养殖、餐饮异常排放"),
    Item("building", "涉水违建"),
    Item("dumping", "倾倒废土弃渣、固废危废"),
    Item("encroachment", "侵占河道"),
    Item("poaching", "非法捕捞（电、网、毒）、采砂"),
    Item("plate", "河长公示牌（缺失、未更新、倾斜、破损、变色）"),
    Item("works", "水工建筑物、堤防护栏"),
    Item("earlier", "以前的问题是否解决"),
)
_ROAD = (
    Item("surface", "路面坑槽、沉陷、积水"),
    Item("drainage", "边沟、桥涵堵塞"),
    Item("signs", "标志、标牌、护栏"),
    Item("spillage", "抛洒滴漏"),
    Item("obstruction", "占道堆物、打场晒粮、摆摊"),
    Item("verge", "路肩、绿化缺株"),
    Item("building", "违建、加宽搭接"),
    Item("plate", "公示牌"),
)
_GRID = (
    Item("waste", "暴露垃圾"),
    Item("clutter", "乱堆物料"),
    Item("fire", "飞线充电、消防通道占用"),
    Item("parking", "机动车、非机动车乱停"),
    Item("building", "私搭乱建"),
    Item("manhole", "井盖"),
    Item("lamps", "路灯"),
    Item("green", "绿化缺损"),
    Item("posters", "小广告"),
    Item("noise", "噪音扰民"),
    Item("disputes", "矛盾苗头"),
    Item("lone_elders", "独居老人情况"),
)
CHECKLISTS: Mapping[Layer, tuple[Item, ...]] = {
    Layer.RIVER: _RIVER,
    Layer.ROAD: _ROAD,
    Layer.GRID: _GRID,
    Layer.COMPOUND: _GRID,
}
"""The items of each layer, in the order in which they are asked."""


def unknown(layer: Layer, codes: Mapping[str, Finding]) -> list[str]:
    """Return the codes that the list of a layer does not have, in order.

    >>> unknown(Layer.ROAD, {"surface": Finding.NORMAL, "water": Finding.ABNORMAL})
    ['water']
    """
    known = {item.code for item in CHECKLISTS[layer]}
    return sorted(set(codes) - known)


def is_complete(layer: Layer, codes: Mapping[str, str]) -> bool:
    """Tell whether a list says something of every item of its layer.

    >>> is_complete(Layer.ROAD, {item.code: "normal" for item in CHECKLISTS[Layer.ROAD]})
    True
    >>> is_complete(Layer.ROAD, {"surface": "normal"})
    False
    """
    return all(codes.get(item.code) for item in CHECKLISTS[layer])


def told(layer: Layer, codes: Mapping[str, str]) -> list[tuple[str, Finding]]:
    """Return what a filled-in list says, in the order in which it is asked: words of the item, finding.

    >>> [(words[:4], found.zh) for words, found in told(Layer.ROAD, {"plate": "na", "surface": "abnormal"})]
    [('路面坑槽', '异常'), ('公示牌', '不涉及')]
    """
    return [(item.zh, Finding(codes[item.code])) for item in CHECKLISTS[layer] if item.code in codes]
