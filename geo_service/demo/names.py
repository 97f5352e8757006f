"""Made-up names of places and people, drawn from lists; like life, they repeat."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

COUNTY = "云汀县"
"""There is no such county."""

_NUMERALS = "一二三四五六七八九十"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TOWN_FIRST = "菱芦荻莲柳桑鹭鹤星清澄泽渔稻蒲苇杏枫兰棠梅竹榆槐桂菊"
_TOWN_SECOND = ("垛", "舍", "泊", "溪", "湾", "塘", "桥", "墩", "圩", "荡", "渡", "汀")
_CORE_TOWNS = ("昭汀", "临泽门", "云洲")
_SURNAMES = _words(
    "王 李 张 刘 陈 杨 朱 徐 顾 陆 周 吴 赵 孙 沈 高 姚 戴 袁 殷 翟 魏 葛 邹 蒋 郑 冯 夏 钱 丁 余 唐 韩 "
    "曹 董 潘 卞 成 任 束 仲 解 居 柏 房 於"
)
_VILLAGE_SECOND = ("家舍", "家庄", "家垛", "家湾", "家圩", "家桥", "家荡", "庄", "舍", "垛")
_VILLAGE_WORDS = _words(
    "东荡 西荡 南荡 北荡 东旺 西旺 中心 向阳 红旗 新联 联合 双桥 三里 五星 前进 东胜 西胜 南圩 北圩 新河 "
    "大港 官庄 花杨 苇荡 渔业 水产 永兴 永丰 太平 长安 新华 光明 东升 幸福 跃进 团结 建新 联民 民主 爱国"
)
_COMMUNITY_WORDS = _words(
    "文昌 景贤 迎晖 水关 长安里 五里亭 南津 北津 东津 西津 登瀛 儒学 府前 牌楼 四望 九顷 仓巷 板桥 新桥 "
    "阳山 龙津 凤津 锦绣 丰泽 城东 城南 城西 城北 英才 海池 北水 南水 红星 玉带 银杏 桂苑 兰亭 梅园 竹里 荷塘"
)
_MAIN_RIVERS_EAST = ("大汀河", "白荻河", "梓泽河", "车桥河", "海渚河", "蒲塘河", "横云河", "沧浪河")
_MAIN_RIVERS_NORTH = ("上官汀", "鹭洲港", "雄荻港", "雌荻港", "盐渚河", "东唐河", "云渭河", "西唐港")
_TOWN_RIVER_WORDS = _words(
    "向阳 团结 红旗 幸福 丰收 跃进 胜利 卫东 东方 友谊 新开 老官 朝阳 永丰 太平 龙津 五七 六零 人民 光明"
)
_TRUNK_ENDS = _words("云泰 汀盐 云宝 沙汀 云江 安泽 云东 北汀 沿湖 泽盐 荻云 阜汀 云高 海汀 溱云")
_STREET_WORDS = _words(
    "人民 解放 新华 建设 文昌 长安 英武 牌楼 阳山 府前 玉带 九顷 城南 城北 兴业 丰收 水乡 楚水 昭阳 板桥 "
    "文林 育才 康宁 和平 健康 青年 五里 四牌楼 金东门 银河 海池 沧浪 得胜 儒学 登瀛 拱极 望海 仓前 东进 西进"
)
_COMPOUND_FIRST = _words(
    "锦绣 时代 海德 水润 阳光 金色 翡翠 御景 书香 荷塘 兰亭 文昌 楚水 世纪 丽景 湖滨 春天 康乐 嘉禾 景范 "
    "龙津 明珠 瑞和 怡景 紫荆 桂花 银杏 玉兰 汀洲 云水 安泰 兴业 中央 东方 长安 枫林 碧水 清华里 学府 迎宾"
)
_COMPOUND_SECOND = ("花园", "嘉园", "家园", "新村", "小区", "名都", "雅苑", "华庭", "佳苑", "公寓")
_GIVEN_FIRST = "建国永长德文秀桂玉凤兰金银春秋小宝广正志明龙荣昌庆福寿粉扣来爱素巧红存恒怀如仁义学"
_GIVEN_SECOND = "国华明英兰芳珍香凤琴林根生年祥余才富贵喜宏军平山泉海龙虎成良宽扣官女娣梅霞云娟芹山"


def person(rng: np.random.Generator) -> str:
    """Draw a name: common surnames are common, one name in six has a single given character."""
    rank = np.arange(len(_SURNAMES))
    surname = _SURNAMES[int(rng.choice(rank, p=(weight := 1 / (rank + 4)) / weight.sum()))]
    given = _GIVEN_SECOND[rng.integers(len(_GIVEN_SECOND))]
    if rng.random() < 5 / 6:
        given = _GIVEN_FIRST[rng.integers(len(_GIVEN_FIRST))] + given
    return surname + given


def _drawn(rng: np.random.Generator, words: Sequence[str]) -> Iterator[str]:
    """Yield each word once in a random order, then again with 一, 二, ... behind it."""
    for numeral in ("", *_NUMERALS):
        for i in rng.permutation(len(words)):
            yield words[i] + numeral


def towns(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of towns without 镇 or 乡, all different."""
    for i, first in enumerate(rng.permutation(list(_TOWN_FIRST))):
        yield first + _TOWN_SECOND[(i * 5) % len(_TOWN_SECOND)]


def core_towns() -> tuple[str, ...]:
    """Return the names of the three urban subdistricts without 街道."""
    return _CORE_TOWNS


def villages(rng: np.random.Generator) -> Iterator[str]:
    """Yield village names of one township without 村, all different."""
    families = [
        s + _VILLAGE_SECOND[rng.integers(len(_VILLAGE_SECOND))] for s in rng.permutation(_SURNAMES)[:20]
    ]
    return _drawn(rng, families + list(rng.permutation(_VILLAGE_WORDS)[:20]))


def communities(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of urban communities without 社区, all different."""
    return _drawn(rng, _COMMUNITY_WORDS)


def main_rivers(rng: np.random.Generator, *, eastward: bool) -> Iterator[str]:
    """Yield names of the rivers that cross the county, all different."""
    return _drawn(rng, _MAIN_RIVERS_EAST if eastward else _MAIN_RIVERS_NORTH)


def town_rivers(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of the larger rivers of one township; other townships have the same ones."""
    return (
        word + ("河", "港", "中沟")[rng.choice(3, p=(0.7, 0.2, 0.1))]
        for word in _drawn(rng, _TOWN_RIVER_WORDS)
    )


def ditch(rng: np.random.Generator, *, number: int) -> str | None:
    """Draw the name of a small canal of a village: the same few everywhere; one in seven has none."""
    kind = rng.random()
    if kind < 0.14:
        return None
    if kind < 0.62:
        return "生产河"
    if kind < 0.8:
        return f"{_NUMERALS[(number - 1) % 10]}号河"
    return ("老圩河", "东生产河", "西生产河", "排涝沟", "灌溉渠", "庄前河", "庄后河")[rng.integers(7)]


def trunk_roads(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of the roads that cross the county, all different."""
    return (f"{ends[0]}{ends[1]}公路" for ends in rng.permutation(_TRUNK_ENDS))


def country_roads(town_names: list[str]) -> Callable[[int, int], str]:
    """Return a namer of roads between two towns (by index): 梅杏线, then 梅杏二线, ..."""
    used: dict[tuple[int, int], int] = {}

    def name(a: int, b: int) -> str:
        used[a, b] = used.get((a, b), 0) + 1
        number = "" if used[a, b] == 1 else _NUMERALS[(used[a, b] - 1) % 10]
        if a == b:
            return f"{town_names[a].rstrip('街道镇乡')}{number or '一'}支路"
        return f"{town_names[a][0]}{town_names[b][0]}{number}线"

    return name


def streets(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of streets of one town without 路, 街 or 巷, all different."""
    return _drawn(rng, _STREET_WORDS)


def compounds(rng: np.random.Generator) -> Iterator[str]:
    """Yield names of residential compounds, all different."""
    pairs = [first + second for first in _COMPOUND_FIRST for second in _COMPOUND_SECOND]
    return _drawn(rng, pairs)
