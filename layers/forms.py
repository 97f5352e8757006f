"""The sheets that offices keep: for each form its fields, the headings that mean them, and whom it names.

Tables only; `layers.sheets` reads by them. A field's first heading is what messages call it. Source: domain
research on registers (河长名录, 路长名册, 网格员名册, 志愿者登记表, 小区名录, 巡查记录表).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from layers import named
from layers.vocabulary import DutyKind, Layer, Level, Role

PHONE = (
    *("电话", "联系电话", "手机", "手机号", "手机号码", "电话号码", "联系方式", "联系号码"),
    *("tel", "mobile"),
)
TOWNSHIP = (
    *("镇街", "所在镇街", "所属镇街", "乡镇", "所在乡镇", "所属乡镇", "镇", "街道", "所属街道", "所在街道"),
    *("乡镇街道", "乡镇(街道)", "乡镇/街道", "镇(街道)", "镇/街道", "所在镇(街道)", "所属镇(街道)", "town"),
    *("所在乡镇(街道)", "所属乡镇(街道)", "居住地(镇街)", "居住地/镇街", "所在镇"),
)
VILLAGE = (
    *("村", "村(社区)", "村居", "村社区", "社区", "所在村", "所属村", "所属村居", "所在社区", "所在村居"),
    *("所属社区", "村/社区", "村(居)", "所在村(社区)", "所属村(社区)", "行政村", "community"),
    *("居住地(社区)", "居住地/社区", "村名"),
)
NOTE = ("备注", "说明", "附注", "remark")
_BORN = ("出生年月", "出生日期", "出生时间", "出生年月(年龄)", "年龄", "birth")
_PARTY = ("政治面貌", "党员", "是否党员")
_SCHOOLING = ("文化程度", "学历")
_START = ("起点", "起始点", "起始位置", "始点", "起点位置", "起")
_END = ("讫点", "迄点", "终点", "止点", "终止点", "终点位置", "讫", "迄", "止", "讫(迄/终)点")
_EMERGENCY_PHONE = tuple(
    f"{who}{mark}{phone}"
    for who in ("紧急联系人", "紧急联系", "家属")
    for mark in ("/", "")
    for phone in PHONE[:8]
)
_AREAS = ("township", "village")

Headings = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Post:
    """A duty that a form gives columns to: the person's, and perhaps his 职务 and 电话.

    Its fields are `key`, `key_post`, `key_phone` and `key_post_phone`, of which each may be missing.
    """

    key: str
    role: Role
    kind: DutyKind
    level: Level | None
    called: Sequence[str]
    """What the column is called; the first is what messages say."""

    def headings(self) -> Headings:
        """Return the headings of its fields."""
        names, phones, posts = list[str](), list[str](), list[str]()
        for who, mark in product(self.called, ("/", "")):
            names += [f"{who}{mark}姓名", f"{who}{mark}名单"]
            phones += [f"{who}{mark}{phone}" for phone in PHONE[:8]]
            posts += [f"{who}{mark}{post}" for post in ("职务", "单位及职务", "单位职务", "单位")]
        both = [
            f"{who}{mark}{both}"
            for who in self.called
            for mark in ("/", "")
            for both in ("职务/电话", "职务及电话", "职务电话", "职务/联系电话", "职务及联系电话")
        ]
        # 及电话 and the like say that one cell holds the person with the phone.
        whole = [
            f"{who}{mark}"
            for who in self.called
            for mark in (
                "及电话",
                "及联系电话",
                "姓名及电话",
                "姓名及联系电话",
                "(电话)",
                "(姓名/电话)",
                "/姓名/电话",
                "/姓名/职务/电话",
            )
        ]
        return {
            self.key: (*self.called, *names, *whole),
            f"{self.key}_post": posts,
            f"{self.key}_phone": phones,
            f"{self.key}_post_phone": both,
        }

    def people(self, values: Mapping[str, str]) -> list[named.Named]:
        """Return the people that a row names for it, with what it says of each. Raises ValueError.

        >>> post = Post("river", Role.RIVER_STEWARD, DutyKind.VOLUNTEER, None, ("银发河长",))
        >>> post.people({"river": "张 三、李四", "river_phone": "13812345678/13912345678"})
        [张三 13812345678, 李四 13912345678]
        >>> post.people({"river_post_phone": "张三 镇长 13812345678"})
        [张三 镇长 13812345678]
        """
        who, phone, post, both = (
            values.get(self.key + ending, "") for ending in ("", "_phone", "_post", "_post_phone")
        )
        if not who:
            # A heading such as 银发河长/电话 may stand above one cell that holds all of it.
            return named.people(both or phone) if both or phone else []
        if both:
            stated, phones = named.post_and_phones(both)
            return named.joined(named.people(who), phones, stated)
        return named.joined(named.people(who), named.phones(phone), post)


@dataclass(frozen=True)
class Form:
    """One kind of sheet."""

    key: str
    title: str
    fields: Headings
    required: Sequence[Sequence[str]]
    posts: Sequence[Post] = ()
    layer: Layer | None = None
    """Whose places it lists."""
    fill_down: Sequence[Sequence[str]] = (_AREAS,)
    lengths: Sequence[str] = ()


def _form(
    key: str,
    title: str,
    layer: Layer,
    fields: Headings,
    posts: Sequence[Post],
    *,
    required: Sequence[Sequence[str]],
    fill_down: Sequence[Sequence[str]] = (_AREAS,),
    lengths: Sequence[str] = (),
) -> Form:
    """Return a form that lists the places of a layer and whom they are given to."""
    headings = {name: headings for post in posts for name, headings in post.headings().items()}
    return Form(key, title, {**headings, **fields}, required, posts, layer, fill_down, lengths)


def _officials(role: Role, word: str) -> list[Post]:
    levels = {
        Level.COUNTY: ("县级", "区级", "市级", "县(市、区)级"),
        Level.TOWNSHIP: ("镇级", "乡级", "乡镇级", "镇街级", "镇(街道)级", "街道级"),
        Level.VILLAGE: ("村级", "村(社区)级", "村居级", "社区级"),
    }
    return [
        Post(
            f"{level.value}_chief",
            role,
            DutyKind.OFFICIAL,
            level,
            tuple(f"{prefix}{word}" for prefix in prefixes),
        )
        for level, prefixes in levels.items()
    ]


def _steward(role: Role, *called: str) -> Post:
    return Post("steward", role, DutyKind.VOLUNTEER, None, called)


RIVERS = _form(
    "river_register",
    "河道名录",
    Layer.RIVER,
    {
        "name": (
            *("河道名称", "河流名称", "河名", "河道", "河流", "水体名称", "河湖名称", "河道(湖泊)名称"),
            "名称",
        ),
        "code": ("河道编码", "河流编码", "河道代码", "河流代码", "河道编号", "河流编号", "编码", "代码"),
        "grade": ("河道级别", "河道等级", "河流级别", "河流等级", "级别", "等级", "类别"),
        "township": (*TOWNSHIP, "流经镇街", "流经乡镇"),
        "village": (*VILLAGE, "流经村居", "流经村(社区)", "流经村", "途经村居", "途经村(社区)"),
        "start": (*_START, "河道起点", "起点(经纬度)"),
        "end": (*_END, "河道讫点", "河道终点", "河道迄点", "河道止点"),
        "length": (
            *("长度", "河道长度", "河流长度", "全长", "总长"),
            *("河长(km)", "河长(公里)", "河长(米)", "河长(m)"),
        ),
        "width": ("宽度", "河宽", "平均宽度", "河道宽度", "水面宽", "口宽", "河口宽"),
        "signs": ("公示牌数量", "公示牌", "公示牌数", "公示牌(块)", "河长公示牌"),
        "note": NOTE,
    },
    [
        *_officials(Role.RIVER_STEWARD, "河长"),
        Post("chief", Role.RIVER_STEWARD, DutyKind.OFFICIAL, None, ("河长", "责任河长")),
        _steward(Role.RIVER_STEWARD, "银发河长", "银龄河长", "志愿河长", "民间河长", "银发河长(志愿者)"),
    ],
    required=(("name", "code"),),
    fill_down=(_AREAS, ("grade",)),
    lengths=("length", "width"),
)
ROADS = _form(
    "road_register",
    "路长名册",
    Layer.ROAD,
    {
        "code": ("路线编号", "路线编码", "道路编码", "道路编号", "路线代码", "编码"),
        "name": ("路线名称", "道路名称", "路名", "公路名称", "路段名称", "道路", "名称"),
        "township": (*TOWNSHIP, "途经镇街"),
        "village": (*VILLAGE, "途经村居", "途经村(社区)"),
        "start": (*_START, "起点桩号", "起始桩号"),
        "end": (*_END, "终点桩号", "讫点桩号", "止点桩号", "迄点桩号"),
        "length": ("里程", "长度", "路线里程", "里程长度", "路段长度", "全长"),
        "grade": ("技术等级", "公路等级", "道路等级", "等级"),
        "surface": ("路面类型", "路面", "路面结构", "路面材料"),
        "keeper": ("管养单位", "养护单位", "管护单位"),
        "note": NOTE,
    },
    [
        *_officials(Role.ROAD_STEWARD, "路长"),
        Post("chief", Role.ROAD_STEWARD, DutyKind.OFFICIAL, None, ("路长", "责任路长")),
        Post(
            "warden",
            Role.ROAD_STEWARD,
            DutyKind.OFFICIAL,
            None,
            ("路政员", "路政员/协管员", "协管员", "路管员"),
        ),
        Post("mender", Role.ROAD_STEWARD, DutyKind.OFFICIAL, None, ("养路员", "养护员", "护路员")),
        _steward(Role.ROAD_STEWARD, "银发路长", "银龄路长", "志愿路长"),
    ],
    required=(("name", "code"),),
    fill_down=(_AREAS, ("keeper",)),
    lengths=("length",),
)
GRIDS = _form(
    "grid_register",
    "网格员名册",
    Layer.GRID,
    {
        "township": TOWNSHIP,
        "village": VILLAGE,
        "name": ("网格名称", "网格", "网格名", "所属网格", "所在网格", "名称"),
        "code": ("网格编码", "网格编号", "网格代码", "编码"),
        "type": ("网格类型", "网格类别", "类型", "类别"),
        "households": ("户数", "户籍数", "居民户数", "总户数"),
        "population": ("人口", "人口数", "常住人口", "人数", "总人口"),
        "bounds": ("四至范围", "四至", "网格范围", "范围"),
        "gender": ("性别", "sex"),
        "born": _BORN,
        "party": _PARTY,
        "schooling": _SCHOOLING,
        "phone": PHONE,
        "note": NOTE,
    },
    [
        Post("chief", Role.GRID_STEWARD, DutyKind.OFFICIAL, Level.VILLAGE, ("网格长", "责任网格长")),
        Post(
            "full_time",
            Role.GRID_STEWARD,
            DutyKind.OFFICIAL,
            None,
            ("专职网格员", "网格员"),
        ),
        Post("part_time", Role.GRID_STEWARD, DutyKind.OFFICIAL, None, ("兼职网格员", "义务网格员")),
        _steward(Role.GRID_STEWARD, "银发网格长", "银龄网格长", "银发网格员", "志愿网格长"),
    ],
    required=(("name", "code"),),
)
VOLUNTEERS = Form(
    "volunteer_register",
    "志愿者登记表",
    {
        "number": ("编号", "志愿者编号", "人员编号", "登记编号", "工号"),
        "name": ("姓名", "名字", "志愿者姓名", "人员姓名", "志愿者"),
        "gender": ("性别", "sex"),
        "born": _BORN,
        "nation": ("民族",),
        "party": _PARTY,
        "joined": ("入党时间", "入党年月", "入党日期"),
        "employer": (
            *("原工作单位及职务", "原单位及职务", "原工作单位", "原单位", "工作单位及职务"),
            *("退休前单位及职务", "退休前工作单位及职务"),
        ),
        "retired": ("退(离)休时间", "退休时间", "离退休时间", "离(退)休时间", "退休年月", "离休时间"),
        "schooling": _SCHOOLING,
        "skills": ("特长", "专长", "特长爱好"),
        "health": ("健康状况", "身体状况", "健康"),
        "branch": ("所在党支部", "所属党支部", "党支部", "所在支部"),
        "township": TOWNSHIP,
        "village": VILLAGE,
        "compound": ("小区", "所在小区", "居住小区", "所属小区", "居住地(小区)", "居住地/小区"),
        "home": ("居住地", "居住地(镇街/社区/小区)", "家庭住址", "住址", "居住地址", "现住址"),
        "wish": ("服务意向", "志愿服务意向", "意向", "意向岗位"),
        "times": ("可服务时间", "服务时间", "可参加时间"),
        "phone": PHONE,
        "phones": ("备用电话", "其他电话"),
        "post": ("职务",),
        "emergency": ("紧急联系人及电话", "紧急联系人", "紧急联系人/姓名", "紧急联系人(电话)", "家属"),
        "emergency_phone": _EMERGENCY_PHONE,
        "role": ("岗位", "志愿岗位", "服务岗位", "担任岗位", "角色"),
        "category": ("五老类别", "类别", "人员类别"),
        "note": NOTE,
    },
    required=(("name",),),
)  # fmt: skip
COMPOUNDS = _form(
    "compound_register",
    "小区名录",
    Layer.COMPOUND,
    {
        "name": ("小区名称", "小区", "小区名", "住宅小区", "名称"),
        "township": TOWNSHIP,
        "village": VILLAGE,
        "grid_code": ("网格编码", "所属网格编码", "网格代码", "所属网格"),
        "code": ("小区编码", "小区编号", "编码"),
        "address": ("地址", "小区地址", "详细地址", "位置"),
        "built": ("建成年份", "建成年代", "建成时间", "竣工年份"),
        "floor_area": ("建筑面积", "总建筑面积"),
        "buildings": ("楼栋数", "楼栋", "栋数", "幢数", "楼幢数"),
        "households": ("户数", "总户数", "居民户数"),
        "management": ("物业公司", "物业", "物业服务企业", "物业单位", "物业公司名称"),
        "manager": ("项目经理", "物业经理", "物业负责人", "物业公司/项目经理", "项目经理/姓名"),
        "manager_phone": (
            "项目经理/电话",
            "项目经理电话",
            "项目经理/联系电话",
            "物业电话",
            "物业公司/电话",
            "物业经理/电话",
        ),
        "committee": ("业委会", "有无业委会", "业委会(有/无)", "是否成立业委会"),
        "committee_term": ("成立及届满日期", "业委会成立及届满日期", "届期", "业委会/成立及届满日期"),
        "head": ("主任", "业委会主任", "业委会/主任", "主任/姓名"),
        "head_phone": (
            "主任/电话",
            "业委会主任电话",
            "主任电话",
            "业委会/电话",
            "业委会主任/电话",
            "主任/联系电话",
        ),
        "party_members": ("业委会中老党员人数", "业委会老党员人数", "老党员人数"),
        "studio": ("工作室名称", "红管家工作室", "工作室", "工作室名"),
        "note": NOTE,
    },
    [_steward(Role.COMPOUND_STEWARD, "银龄红管家", "红管家", "银发红管家", "银龄管家")],
    required=(("name",),),
)
OUTINGS = Form(
    "outing_register",
    "巡查记录表",
    {
        "day": ("日期", "巡查日期", "巡河日期", "巡路日期", "服务日期", "年月日"),
        "when": ("巡查时间", "时间", "巡河时间", "巡路时间"),
        "person": (
            *("巡查人", "巡查人员", "巡查员", "巡河人", "巡河人员", "巡路人", "姓名", "志愿者", "巡查人姓名"),
            *("志愿者姓名", "银发河长", "银发路长", "银发网格长", "银龄红管家"),
        ),
        "number": ("人员编号", "巡查人编号", "志愿者编号", "巡查人/编号", "巡查人员/编号"),
        "phone": PHONE,
        "companions": ("同行人", "同行人员", "陪同人员", "参加人员", "参与人员", "随行人员"),
        "river": ("河道", "河道名称", "巡查河道", "河流", "河流名称"),
        "road": ("道路", "道路名称", "路线名称", "巡查道路", "巡查路段"),
        "grid": ("网格", "网格名称", "巡查网格"),
        "compound": ("小区", "小区名称"),
        "place": (
            *("巡查对象", "对象", "对象名称", "河道(路/网格)", "河道/路/网格", "河道路网格"),
            *("巡查地点", "巡查位置"),
        ),
        "code": (
            *("对象编码", "河道编码", "河流编码", "道路编码", "路线编号", "路线编码", "网格编码", "小区编码"),
            "编码",
        ),
        "township": TOWNSHIP,
        "village": VILLAGE,
        "times": ("起止时间", "巡查起止时间", "起讫时间", "起迄时间", "起止时刻", "时间段", "时段"),
        "from": ("开始时间", "起始时间", "起时", "开始", "起止时间/起", "起止时间/开始", "巡查时间/开始"),
        "until": ("结束时间", "终止时间", "止时", "结束", "起止时间/止", "起止时间/结束", "巡查时间/结束"),
        "stretch": (
            *("起点—终点", "起点至终点", "起讫点", "起迄点", "起终点", "起止点", "起止地点"),
            *("巡查路线", "巡查河段"),
        ),
        "start": ("起点", "始点", "起点位置"),
        "end": ("终点", "讫点", "迄点", "止点", "终点位置"),
        "weather": ("天气", "天气情况"),
        "content": ("巡查内容", "巡查内容(正常/异常)", "巡查情况", "巡查结果", "检查情况"),
        "problems": ("发现问题", "发现问题(时间地点照片)", "存在问题", "发现的问题", "问题"),
        "handling": ("处理情况", "处置情况", "处理结果", "整改情况", "现场处理"),
        "evidence": ("凭证", "凭证等级", "登记方式"),
        "told_to": ("接电话的人", "接听人", "告知对象"),
        "signature": ("签字", "签名", "巡查人签字", "巡查人签名"),
        "note": NOTE,
    },
    # A column headed 时间 may hold the day or the hours: `layers.said.moment` tells.
    required=(("day", "when"), ("person", "number")),
    fill_down=(_AREAS, ("day",), ("person", "number")),
)  # fmt: skip
ALL = (RIVERS, ROADS, GRIDS, VOLUNTEERS, COMPOUNDS, OUTINGS)
"""Every form that is read here."""
