"""By which names offices call the columns of their files: the table, as data."""

from collections.abc import Mapping

from layers.vocabulary import Layer

_SHARED = {
    "name": "名称 对象名称 标准名称 地名 名字 mc name name_chn name:zh title",
    "code": "编码 编号 代码 对象编码 统一编码 标识编码 bm code",
    "in_scheme": "是否纳管 纳管 是否纳入 纳入管护 是否纳入管护 是否银发管护 in_scheme",
    "township": "所在镇街 镇街 所属镇街 所在乡镇 所属乡镇 乡镇 镇 街道 乡镇街道 所在镇(街道) "
    "所属街道 所在街道 township town",
    "village": "所属社区 村(社区) 村社区 所在村居 流经村居 所属村居 所属村(社区) 村居 社区 行政村 "
    "所在村 village community",
    "note": "备注 说明 note notes remark remarks",
    "address": "地址 详细地址 坐落 address",
    "households": "户数 总户数 households",
    "population": "人口 人口数 常住人口 population",
    "id": "@id osm_id way_id 唯一标识 唯一码 标识码 guid uuid globalid id",
}
_RIVER = {
    "name": "河道名称 河流名称 河湖名称 水系名称 沟河名称 河道名 河流名 河名 hdmc hlmc river river_name",
    "code": "河道编码 河流编码 河湖编码 河道编号 河流编号 河道代码 河流代码 hdbm hlbm river_code",
    "level": "河道级别 河流级别 河道等级 级别 等级 level",
    "class": "waterway 河道类型 类型 type",
    "length_km": "长度 河道长度 河长 里程 length length_km",
    "width_m": "宽度 河宽 河道宽度 平均宽度 水面宽 width width_m",
    "banks": "两岸 两岸分开 左右岸 banks",
    "start": "起点 起点位置 河道起点 start",
    "end": "终点 终点位置 河道终点 end",
    "signs": "公示牌数量 公示牌 公示牌数",
}
_ROAD = {
    "name": "道路名称 路线名称 公路名称 路名 道路名 街道名称 lxmc road road_name",
    "code": "路线编号 道路编码 路线编码 道路编号 路线代码 道路代码 lxbm lxbh lxdm road_code",
    "level": "道路级别 路线级别 行政等级 级别 level",
    "class": "highway 技术等级 道路等级 道路类型 等级 类型 fclass class type",
    "surface": "路面类型 路面 路面材料 surface",
    "length_km": "里程 长度 道路长度 路线里程 length length_km",
    "width_m": "宽度 路面宽度 路宽 路基宽度 width width_m",
    "start": "起点 起点桩号 起点(桩号) 起点名称 start",
    "end": "终点 终点桩号 终点(桩号) 终点名称 end",
    "ref": "ref",
    "manager": "管养单位 养护单位 管理单位",
}
_GRID = {
    "name": "网格名称 网格名 wgmc grid grid_name",
    "code": "网格编码 网格编号 网格代码 单元网格编码 wgbm wgbh grid_code",
    "class": "网格类型 类型 type kind",
    "extent": "四至范围 四至",
}
_COMPOUND = {
    "name": "小区名称 小区名 住宅小区名称 楼盘名称 xqmc compound compound_name",
    "code": "小区编码 小区编号 小区代码 xqbm compound_code",
    "grid_code": "网格编码 网格编号 所属网格 grid_code",
    "class": "landuse 类型",
    "building": "building",
    "built_year": "建成年份 建成年代 built_year",
    "floor_area_m2": "建筑面积 总建筑面积 floor_area",
    "buildings": "楼栋数 栋数 楼幢数 buildings",
    "manager": "物业公司 物业企业 物业 管理单位",
    "committee": "业委会 有无业委会",
    "committee_term": "业委会届期 成立及届满日期",
    "party_members": "业委会老党员人数 业委会中老党员人数",
    "studio": "工作室名称 工作室",
}
_AREA = {
    "name": "行政区名称 区划名称 政区名称 xzqmc",
    "code": "行政区划代码 区划代码 统计用区划代码 行政区代码 政区代码 xzqdm adcode gb",
    "parent": "上级代码 父级代码 上级区划代码 parent parent_code pcode",
    "level": "级别 层级 行政级别 level",
}


def _table(own: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    # A layer's own words come first; what it does not have, all layers share.
    names = [*own, *(name for name in _SHARED if name not in own)]
    return {name: tuple(f"{own.get(name, '')} {_SHARED.get(name, '')}".split()) for name in names}


SYNONYMS: Mapping[Layer | None, Mapping[str, tuple[str, ...]]] = {
    Layer.RIVER: _table(_RIVER),
    Layer.ROAD: _table(_ROAD),
    Layer.GRID: _table(_GRID),
    Layer.COMPOUND: _table(_COMPOUND),
    None: _table(_AREA),
}
"""For each layer (None: administrative areas) standard name to synonyms, the most telling first."""

NUMBERS: Mapping[str, float] = {
    "length_km": 0.001,
    "width_m": 1.0,
    "households": 1.0,
    "population": 1.0,
    "buildings": 1.0,
    "floor_area_m2": 1.0,
}
"""Standard columns that hold numbers; the factor turns metres into the unit in their name."""

YES = frozenset(
    ["是", "y", "yes", "true", "t", "1", "有", "已纳管", "纳管", "已纳入", "纳入", "√", "✓", "对"]
)
NO = frozenset(
    ["否", "n", "no", "false", "f", "0", "无", "未纳管", "不纳管", "未纳入", "不纳入", "×", "x", "错"]
)
NAMELESS = frozenset(
    ["无", "无名", "无名称", "未命名", "待命名", "没有名称", "不详", "未知", "无名河", "无名沟", "无名路"]
) | frozenset(["无名道路", "-", "--", "/", "\\", "null", "none", "nan", "unnamed"])
"""What people write into the cell of a name that does not exist."""
