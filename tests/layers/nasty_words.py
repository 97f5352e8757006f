"""The words nasty rosters are made of: places, signatures, and what stands in each column of a form."""

import datetime as dt
import random
from collections.abc import Callable

TOWNSHIPS = ("戴南镇", "安丰镇", "千垛镇", "大垛镇", "合陈镇", "昭阳街道", "钓鱼镇")
VILLAGES = (
    "东罗村",
    "董北村",
    "双石村",
    "管阮村",
    "王横村",
    "幸福社区",
    "朝阳村",
    "共建村",
    "注家村",
    "合塔村",
)
PLACES = (
    *(
        "注泽",
        "合塔",
        "计家",
        "总洼",
        "中心",
        "生产",
        "向阳",
        "团结",
        "共青",
        "说唱",
        "备战",
        "小计家",
        "累进",
    ),
    *("制表厂", "审家", "负担", "幸福", "胜利", "跃进", "东风", "车路", "横泾", "白涂", "串场", "日新"),
)
ENDING = {
    "river_register": "河",
    "road_register": "路",
    "grid_register": "网格",
    "compound_register": "花园",
}

SIGNATURES: list[list[object]] = [
    ["填表人：张三", None, "审核人：李四", "填报日期：2024年5月30日"],
    ["负责人（签字）：", None, "联系电话：0523-83212345"],
    ["填表人", "王五"],
    ["审核人：赵六    制表：钱七"],
    ["单位负责人：", None, None, "（盖章）"],
    ["填报日期：2024.5.30"],
]
WRITTEN = {
    "river_register": ("township", "village", "name", "code", "grade", "start", "end", "length", "signs"),
    "road_register": ("code", "name", "township", "start", "end", "length", "grade", "surface", "keeper"),
    "grid_register": ("township", "village", "name", "code", "type", "households", "bounds"),
    "volunteer_register": (
        *("number", "name", "gender", "born", "party", "employer", "retired", "township", "village"),
        *("wish", "phone", "role"),
    ),
    "compound_register": (
        "name",
        "township",
        "village",
        "grid_code",
        "address",
        "built",
        "households",
        "committee",
    ),
    "outing_register": (
        "day",
        "person",
        "phone",
        "township",
        "river",
        "times",
        "stretch",
        "weather",
        "content",
    ),
}
VALUES: dict[str, Callable[[random.Random], str | None]] = {
    "code": lambda rng: f"{rng.randint(0, 999999):06d}{rng.randint(10**6, 10**7 - 1)}",
    "grid_code": lambda rng: f"321281{rng.randint(10**8, 10**9 - 1)}{rng.randint(100, 999)}",
    "number": lambda rng: f"{rng.randint(1, 9999):05d}",
    "gender": lambda rng: rng.choice(["男", "女", None]),
    "born": lambda rng: f"{rng.randint(1940, 1965)}-{rng.randint(1, 12):02d}",
    "day": lambda rng: str(dt.date(2024, 1, 1) + dt.timedelta(rng.randint(0, 300))),
    "signs": lambda rng: str(rng.randint(1, 9)),
    "households": lambda rng: str(rng.randint(20, 900)),
    "built": lambda rng: str(rng.randint(1985, 2020)),
    "committee": lambda rng: rng.choice(["有", "无"]),
    "party": lambda rng: rng.choice(["中共党员", "群众", None]),
    "role": lambda rng: rng.choice(["河长", "路长", "网格长", "红管家"]),
    "times": lambda rng: f"{rng.randint(7, 9)}:30-10:00",
    "content": lambda rng: rng.choice(["正常", "异常"]),
}
