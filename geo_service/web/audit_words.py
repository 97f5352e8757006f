"""What stands in the audit, as people read it: features, verbs, kinds of subjects, details."""

from collections.abc import Mapping
from typing import Any

from geo_service.imports import Outcome
from layers.vocabulary import Layer, Move, Right, Verdict

FEATURES: Mapping[str, str] = {
    "accounts": "账号",
    "areas": "辖区",
    "audit": "审计",
    "backup": "备份",
    "cases": "案件",
    "county": "县",
    "coverage": "覆盖",
    "demo": "演示县",
    "devices": "卡片和手机",
    "due": "应巡",
    "duties": "职责",
    "exemptions": "请假和停巡",
    "figures": "数据",
    "gaps": "空白",
    "live": "正在巡查",
    "maps": "地图",
    "messages": "消息推送",
    "misfits": "不再合适的职责",
    "morning": "每日一览",
    "norms": "标准",
    "notices": "提醒和通知",
    "patrols": "巡查",
    "people": "人员",
    "places": "对象",
    "planning": "责任安排方案",
    "plates": "公示牌",
    "privacy": "同意",
    "proposal_lines": "方案条目",
    "proposals": "责任安排方案",
    "recompute": "重算",
    "recorders": "记录软件",
    "reports": "报表",
    "retention": "按期限删除",
    "roster": "名册",
    "rosters": "名册",
    "services": "服务",
    "trial": "试算",
    "unmet": "方案没有满足的",
    "workbook": "辖区表",
}
"""What comes before the first dot of an action; also what the page offers to look for."""
_MOVES = {move.value: move.zh for move in Move}
"""The steps of a case; those that others have too stand among the verbs."""
_VERBS: Mapping[str, str] = {
    "accept": "受理",
    "add": "新增",
    "admit": "同意手机",
    "adopt": "采用",
    "again": "重算",
    "alert": "求助或异常",
    "annex": "下载附表",
    "calendar": "改工作日历",
    "card": "做卡片",
    "categories": "改类别",
    "change": "修改",
    "change_password": "修改密码",
    "channel": "登记推送",
    "check_in": "打卡",
    "clock": "到期处理",
    "close": "处理完",
    "confirm": "确认",
    "consent": "同意",
    "consent_withdrawn": "撤回同意",
    "consents": "登记同意",
    "contact": "改联系人",
    "create": "建立",
    "delete": "删除",
    "disable": "停用",
    "discard": "放弃",
    "dispatch_sheet": "打印交办单",
    "download": "下载资料",
    "draft": "起草",
    "draw": "画图形",
    "drop": "放弃",
    "enable": "恢复",
    "end": "结束",
    "end_sign_in": "结束登录或令牌",
    "enter": "登记",
    "export": "下载",
    "first": "建立第一个管理员",
    "fit": "看过不再合适的",
    "fixed": "选定条目",
    "forget": "删除账号",
    "grant": "授权",
    "hand_over": "交接",
    "import": "导入",
    "issue": "出具",
    "known": "认领设备",
    "link": "一次性链接",
    "link_refused": "链接无效",
    "look": "查看个人的内容",
    "make": "制作",
    "make_many": "成批制作",
    "map": "下载地图",
    "numbers": "改需要的人数",
    "off": "停用推送",
    "on": "启用推送",
    "open": "打开页面",
    "paper": "补录",
    "photo": "上传照片",
    "photo_added": "上传照片",
    "photo_released": "公开照片",
    "photo_remove": "删除照片",
    "photo_withdrawn": "撤下照片",
    "planning.accept": "采纳",
    "proof": "上传凭证",
    "proof.look": "查看凭证",
    "propose": "提出",
    "proposed": "交回求解",
    "put": "登记",
    "reach": "改可及距离",
    "ready": "登记意愿",
    "recorder": "开通记录软件",
    "refused": "排除条目",
    "remove": "删除",
    "removed": "删除推送",
    "report": "上报",
    "reset_password": "重置密码",
    "restore": "恢复备份",
    "review": "核对",
    "revoke": "收回",
    "rotate": "换密钥",
    "rows.export": "下载明细",
    "rules": "改规则",
    "run": "到期删除",
    "set": "修改",
    "sheet": "打印",
    "sign_in": "登录",
    "sign_in_refused": "登录失败",
    "sign_out": "退出",
    "solve": "重新求解",
    "take": "登记",
    "take_back": "收回",
    "test": "测试",
    "token": "生成令牌",
    "unit": "改责任单位",
    "unit_members": "改单位经办人",
    "unit_retired": "停用单位",
    "unit_tasks": "改单位职责",
    "void": "作废",
    "warn": "发通知",
    "withdraw": "撤销",
}
_SUBJECTS: Mapping[str, str] = {
    "account": "账号",
    "area": "辖区",
    "case": "案件",
    "case_step": "案件办理",
    "exemption": "请假或停巡",
    "figure_entry": "填报",
    "import": "导入",
    "issued_report": "报表",
    "message_channel": "推送",
    "norm": "标准",
    "patrol": "巡查",
    "person": "人员",
    "place": "对象",
    "plate": "公示牌",
    "proposal": "方案",
    "recompute": "重算",
    "service": "服务",
    "unit": "责任单位",
}
_DETAILS: Mapping[str, str] = {
    "before": "原来",
    "after": "改为",
    "area": "辖区",
    "by": "方式",
    "counts": "数量",
    "form": "格式",
    "full": "写全姓名",
    "kind": "种类",
    "layer": "图层",
    "list": "清单",
    "locked": "已锁定",
    "paper": "纸张",
    "reason": "原因",
    "right": "权限",
    "rows": "行数",
    "sign_in": "登录号",
    "token": "令牌号",
}
"""What is told of an action, in this order."""
_VALUES: Mapping[str, str] = {
    "all": "全部",
    "link": "链接",
    "locked": "已锁定",
    "password": "密码",
    "password_change": "修改密码",
    "wrong": "密码不对",
    **{word.value: word.zh for words in (Verdict, Right, Layer, Outcome) for word in words},
}


def action_words(action: str) -> str:
    """Return an action in Chinese; what has no words yet stays as it is.

    >>> action_words("patrols.review"), action_words("cases.merge"), action_words("x.y")
    ('巡查：核对', '案件：并案', 'x：y')
    """
    feature, _, verb = action.partition(".")
    if feature.startswith("left_out_"):
        return f"导入：下载没有导入的行（{FEATURES.get(feature.removeprefix('left_out_'), feature)}）"
    told = _VERBS.get(action) or _VERBS.get(verb) or _MOVES.get(verb, verb)
    return f"{FEATURES.get(feature, feature)}：{told}"


def subject_words(kind: str) -> str:
    """Return the kind of a subject in Chinese."""
    return _SUBJECTS.get(kind, kind)


def detail_words(detail: Mapping[str, Any]) -> str:
    """Return details in one line.

    >>> detail_words({"rows": 3, "full": True, "counts": {"added": 2}})
    '数量 新增 2，写全姓名 是，行数 3'
    >>> detail_words({"after": "not_counted", "before": "review"})
    '原来 待核，改为 暂未计入'
    """
    known = [key for key in _DETAILS if key in detail]
    others = [key for key in detail if key not in _DETAILS]
    return "，".join(f"{_DETAILS.get(key, key)} {_value(detail[key])}" for key in [*known, *others])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        return "、".join(f"{_VALUES.get(key, key)} {_value(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return "、".join(_value(one) for one in value)
    return "无" if value is None else _VALUES.get(str(value), str(value))
