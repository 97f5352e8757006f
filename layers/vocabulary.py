"""The field's standard terms, one name for each in code, tables, API and docs.

Each member's value is the word stored and sent; `zh` is the word people read.
"""

from enum import StrEnum


class Word(StrEnum):
    """A term with the Chinese word that people read."""

    zh: str

    def __new__(cls, value: str, zh: str = "") -> "Word":
        """Make the member from its stored word and its Chinese word."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.zh = zh
        return word


class Layer(Word):
    """A kind of place. Rivers and roads are lines, grids and compounds are areas."""

    RIVER = "river", "河道"
    ROAD = "road", "道路"
    GRID = "grid", "网格"
    COMPOUND = "compound", "小区"

    @property
    def is_line(self) -> bool:
        """Whether its places are measured in metres along a line (else: in cells of an area)."""
        return self is Layer.RIVER or self is Layer.ROAD


class Bank(Word):
    """Which bank of a river: as one looks downstream; where nobody knows which way that is, by its side."""

    LEFT = "left", "左岸"
    RIGHT = "right", "右岸"
    NORTH = "north", "北岸"
    SOUTH = "south", "南岸"
    WEST = "west", "西岸"
    EAST = "east", "东岸"
    INNER = "inner", "内岸"
    OUTER = "outer", "外岸"
    ONE = "one", "一岸"
    OTHER = "other", "另一岸"


class Role(Word):
    """What a person is to a place."""

    RIVER_STEWARD = "river_steward", "河长"
    ROAD_STEWARD = "road_steward", "路长"
    GRID_STEWARD = "grid_steward", "网格长"
    COMPOUND_STEWARD = "compound_steward", "红管家"

    @property
    def layer(self) -> Layer:
        """The layer that this role looks after."""
        return Layer(self.value.removesuffix("_steward"))

    @classmethod
    def of(cls, layer: Layer) -> "Role":
        """Return the role that looks after a layer."""
        return cls(f"{layer.value}_steward")


class DutyKind(Word):
    """Whether a duty is a volunteer's or an official's."""

    VOLUNTEER = "volunteer", "银发志愿者"
    OFFICIAL = "official", "责任人"


class Level(Word):
    """The level of the administration that a duty or an area belongs to."""

    COUNTY = "county", "县级"
    TOWNSHIP = "township", "镇级"
    VILLAGE = "village", "村级"


class GapKind(Word):
    """A kind of gap; people read 暂无银发河长 and the like, never 无人负责."""

    UNASSIGNED = "unassigned", "暂无银发责任人"
    UNPATROLLED = "unpatrolled", "时段内未巡查"
    NEGLECTED = "neglected", "有责任人、时段内未巡查"


class Verdict(Word):
    """What a patrol counts as; a walker is never told 无效."""

    COUNTED = "counted", "有效"
    REVIEW = "review", "待核"
    NOT_COUNTED = "not_counted", "暂未计入"


class Evidence(Word):
    """What an outing rests on; each is shown as what it is."""

    TRACK = "track", "轨迹"
    CHECK_IN = "check_in", "打卡"
    PAPER = "paper", "纸质记录"
    STATED = "stated", "口头告知"


class AlertKind(Word):
    """What a coordinator must look at, about a person on the way."""

    SOS = "sos", "求助"
    STILL = "still", "久未移动，没有应答"
    OVERDUE = "overdue", "没有按时回来"


class NoticeKind(Word):
    """What volunteers are warned of."""

    HEAT = "heat", "高温"
    STORM = "storm", "雷雨大风"
    COLD = "cold", "低温冰冻"
    OTHER = "other", "提醒"


class ServiceKind(Word):
    """An activity without a track."""

    GRID_SERVICE = "grid_service", "网格服务"
    VISIT = "visit", "走访"
    MEETING = "meeting", "议事"
    SHIFT = "shift", "值守"


class Period(Word):
    """The period in which a norm counts; a week begins on Monday, 旬 on the 1st, 11th and 21st."""

    WEEK = "week", "周"
    TEN_DAYS = "ten_days", "旬"
    MONTH = "month", "月"
    QUARTER = "quarter", "季"
    YEAR = "year", "年"


class ExemptionKind(Word):
    """Why nothing, or somebody else, was due."""

    LEAVE = "leave", "请假"
    WEATHER = "weather", "天气"
    SUBSTITUTE = "substitute", "替班"


class CaseState(Word):
    """How far a case has come."""

    SUBMITTED = "submitted", "待审核"
    """Told by a stranger: nobody has looked at it."""
    REPORTED = "reported", "待受理"
    ACCEPTED = "accepted", "待交办"
    DISPATCHED = "dispatched", "已交办"
    HANDLING = "handling", "处置中"
    SUSPENDED = "suspended", "挂账"
    DONE = "done", "待核查"
    CHECKED = "checked", "待结案"
    CLOSED = "closed", "已办结"
    REJECTED = "rejected", "不予受理"
    MERGED = "merged", "已并案"


class Move(Word):
    """A step of a case."""

    REPORT = "report", "上报"
    JOIN = "join", "又有人上报"
    ADMIT = "admit", "审核通过"
    ACCEPT = "accept", "受理"
    REJECT = "reject", "不予受理"
    MERGE = "merge", "并案"
    UNMERGE = "unmerge", "撤销并案"
    DISPATCH = "dispatch", "交办"
    START = "start", "开始处置"
    SEND_BACK = "send_back", "退回"
    TRANSFER = "transfer", "转派"
    ASK_EXTENSION = "ask_extension", "申请延期"
    EXTEND = "extend", "同意延期"
    REFUSE_EXTENSION = "refuse_extension", "不同意延期"
    SUSPEND = "suspend", "挂账"
    RESUME = "resume", "恢复办理"
    FINISH = "finish", "处置完成"
    SOLVE = "solve", "当场处置"
    CHECK = "check", "核查通过"
    REWORK = "rework", "返工"
    CLOSE = "close", "办结"
    REOPEN = "reopen", "重开"
    URGE = "urge", "催办"
    SUPERVISE = "supervise", "督办"
    REMIND = "remind", "到期提醒"
    CORRECT = "correct", "更正"
    NOTE = "note", "备注"


class Severity(Word):
    """How grave a problem is."""

    MINOR = "minor", "一般"
    MAJOR = "major", "较重"
    GRAVE = "grave", "重大"


class Disorder(Word):
    """One of the four kinds of disorder of rivers (四乱)."""

    OCCUPY = "occupy", "乱占"
    DIG = "dig", "乱采"
    DUMP = "dump", "乱堆"
    BUILD = "build", "乱建"


class Channel(Word):
    """How a report came."""

    PHONE = "phone", "志愿者手机"
    BEHALF = "behalf", "志愿者来电"
    CALLER = "caller", "群众来电"
    STAFF = "staff", "协调员登记"
    PUBLIC = "public", "群众扫码"
    OPEN311 = "open311", "其他系统"


BY_VOLUNTEERS = (Channel.PHONE, Channel.BEHALF)
"""The ways in which volunteers tell of a problem."""


class Separation(Word):
    """Which parts of a case different people must take."""

    NONE = "none", "不分"
    CHECKED = "checked", "处置的人不核查，交办的人不办结"
    ALL = "all", "交办、处置、核查、办结各是一人"


class ProposalState(Word):
    """How far a proposal of duties has come."""

    OPEN = "open", "待定"
    ACCEPTED = "accepted", "已采纳"
    DROPPED = "dropped", "已放弃"


class LineState(Word):
    """What became of one line of a proposal."""

    PROPOSED = "proposed", "建议"
    FIXED = "fixed", "已定"
    REFUSED = "refused", "已排除"
    ACCEPTED = "accepted", "已采纳"


class Topic(Word):
    """What groups are told of."""

    CASE_NEW = "case_new", "新上报"
    CASE_MOVED = "case_moved", "案件进展"
    CASE_DUE = "case_due", "快到期"
    CASE_LATE = "case_late", "超期和督办"
    ALERT = "alert", "需要关心"


class FileKind(Word):
    """What a kept file is."""

    ORIGINAL = "original", "导入的原件"
    PHOTO = "photo", "照片"
    BLURRED = "blurred", "遮挡后的照片"
    SHEET = "sheet", "纸质记录照片"
    PROOF = "proof", "佐证材料"
    REPORT = "report", "印发的报表"


class DeletionReason(Word):
    """Why a person is forgotten."""

    WITHDRAWN = "withdrawn", "本人退出或撤回同意"
    DECEASED = "deceased", "去世，由近亲属或单位提出"
    ENDED = "ended", "登记有误或不再需要"


class Right(Word):
    """What a grant lets an account do in its areas."""

    ADMINISTRATOR = "administrator", "管理员"
    COORDINATOR = "coordinator", "协调员"
    PLANNER = "planner", "规划员"
    HANDLER = "handler", "经办人"
    VOLUNTEER = "volunteer", "志愿者"
    AUDITOR = "auditor", "审计员"


class Datum(Word):
    """The datum of coordinates as they arrive; inside everything is WGS 84."""

    WGS84 = "wgs84", "WGS 84 / CGCS2000"
    GCJ02 = "gcj02", "GCJ-02（高德、腾讯、微信）"
    BD09 = "bd09", "BD-09（百度）"
