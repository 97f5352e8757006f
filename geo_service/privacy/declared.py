"""Every column that may tell of a person: what it is, and what becomes of it when he is forgotten.

One declaration, from which a person's data are shown and forgotten. A test walks the tables and fails on a
column that can hold such a thing (a text, JSON, bytes, geometry, numbers in a row, an id) and is not here.

What is a person's own (his patrols, services that name nobody else) loses its texts and files. What he
shares with others (he was a companion, or one of several) loses his name, number and telephone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from layers.vocabulary import Word


class Fate(Word):
    """What becomes of a value when its person is forgotten."""

    GONE = "gone", "删除"
    """With its row."""
    CLEARED = "cleared", "清空"
    """The row stays without it."""
    REDACTED = "redacted", "去掉姓名、编号和电话"
    """It is somebody's text that may name others: their names are taken out, wherever it stands."""
    NAMELESS = "nameless", "只留一个不指向任何人的标识"
    """An id or a count that leads to nobody any more."""


@dataclass(frozen=True)
class Personal:
    """What a column may tell of a person, what becomes of it, and where he sees it."""

    zh: str
    fate: Fate
    shown: str = ""
    """The part of his data that shows it; empty: `zh` says why it is not shown."""


_G, _C, _R, _N = Fate.GONE, Fate.CLEARED, Fate.REDACTED, Fate.NAMELESS

PERSONAL: Mapping[str, Personal] = {
    "person.id": Personal("标识", _N, "person"),
    "person.number": Personal("编号", _C, "person"),
    "person.name": Personal("姓名", _C, "person"),
    "person.phone": Personal("电话", _C, "person"),
    "person.attributes": Personal("性别、出生年月、备注等", _C, "person"),
    "duty.person_id": Personal("谁的职责", _N, "duties"),
    "patrol.id": Personal("巡查编号", _N, "patrols"),
    "patrol.person_id": Personal("谁的巡查", _C, "patrols"),
    "patrol.record": Personal("巡查记录", _C, "patrols"),
    "patrol.said": Personal("手机发来的话，照片的时间和地点", _C, "patrols"),
    "patrol.cleaning": Personal("轨迹清洗的统计", _N, "patrols"),
    "patrol.track": Personal("轨迹", _C, "patrols"),
    "patrol.accuracy_m": Personal("轨迹的定位精度", _C, "patrols"),
    "patrol.review_note": Personal("复核说明", _C, "patrols"),
    "patrol.void_reason": Personal("作废原因", _C, "patrols"),
    "patrol.reasons": Personal("结论的依据", _N, "patrols"),
    "patrol.reviewed_by": Personal("复核人的账号标识，不显示给被复核的人", _N),
    "patrol.same_outing_as": Personal("同一次外出的另一条记录", _N, "patrols"),
    "companion.person_id": Personal("同行人", _G, "companions"),
    "companion.patrol_id": Personal("同行的巡查", _G, "companions"),
    "batch.patrol_id": Personal("属于哪次巡查", _G, "batches"),
    "batch.id": Personal("发送编号", _G, "batches"),
    "batch.sha256": Personal("内容的校验值，用来认出重复发送，不显示", _G),
    "batch.device": Personal("手机", _G, "batches"),
    "batch.time_s": Personal("定位时间", _G, "batches"),
    "batch.lon": Personal("经度", _G, "batches"),
    "batch.lat": Personal("纬度", _G, "batches"),
    "batch.accuracy_m": Personal("定位精度", _G, "batches"),
    "line_coverage.patrol_id": Personal("走到的河道、道路", _N, "covered"),
    "area_visit.patrol_id": Personal("到过的网格、小区", _N, "covered"),
    "cell_coverage.patrol_id": Personal("看到的格子，随到过的网格、小区一起显示", _N),
    "recomputed_patrol.patrol_id": Personal("试算过的巡查，不显示", _N),
    "recomputed_patrol.inputs": Personal("试算所用轨迹和对象的校验值，不显示", _N),
    "recomputed_line.patrol_id": Personal("试算的河道、道路覆盖，不显示", _N),
    "recomputed_visit.patrol_id": Personal("试算的网格、小区到访，不显示", _N),
    "recomputed_cells.patrol_id": Personal("试算看到的格子，不显示", _N),
    "service.id": Personal("服务编号", _N, "services"),
    "service.note": Personal("服务说明", _C, "services"),
    "service.void_reason": Personal("作废原因", _C, "services"),
    "service.sha256": Personal("内容的校验值，用来认出重复发送，不显示", _N),
    "service_person.person_id": Personal("参加的人", _G, "services"),
    "service_person.service_id": Personal("参加的服务", _G, "services"),
    "exemption.person_id": Personal("请假或被替班的人", _N, "exemptions"),
    "exemption.substitute_id": Personal("替班的人", _N, "exemptions"),
    "exemption.reason": Personal("原因", _C, "exemptions"),
    "readiness.person_id": Personal("愿意承担什么", _G, "readiness"),
    "readiness.layers": Personal("愿意做哪些图层", _G, "readiness"),
    "readiness.likes": Personal("想要的对象", _G, "readiness"),
    "readiness.avoids": Personal("不想要的对象", _G, "readiness"),
    "proposal.account_id": Personal("提出方案的账号标识，不显示", _N),
    "proposal.os_user": Personal("在服务器上提出方案的系统用户，不是志愿者", _N),
    "proposal.result": Personal("方案没有满足的需求和意愿，人只有标识，不显示", _N),
    "proposal_line.person_id": Personal("方案里可以承担的人", _G, "proposal_lines"),
    "proposal_line.reasons": Personal("方案的理由：离家多远、与谁同行", _G, "proposal_lines"),
    "account.id": Personal("账号标识", _G, "accounts"),
    "account.login": Personal("登录名", _G, "accounts"),
    "account.person_id": Personal("谁的账号", _G, "accounts"),
    "account.password_hash": Personal("密码的校验值，不显示", _G),
    "account.password_history": Personal("用过的密码的校验值，不显示", _G),
    "account_grant.account_id": Personal("权限", _G, "accounts"),
    "sign_in.account_id": Personal("登录", _G, "sign_ins"),
    "sign_in.name": Personal("令牌的用途", _G, "sign_ins"),
    "sign_in.from_id": Personal("由哪张卡片开通", _G, "sign_ins"),
    "sign_in.secret_sha256": Personal("登录凭据的校验值，不显示", _G),
    "consent.person_id": Personal("谁的同意", _G, "consents"),
    "consent.text_sha256": Personal("同意的文字的校验值，不显示", _G),
    "consent.account_id": Personal("登记的账号标识，不显示", _G),
    "check_in.id": Personal("打卡编号", _G, "check_ins"),
    "check_in.patrol_id": Personal("哪次巡查的打卡", _G, "check_ins"),
    "check_in.sha256": Personal("内容的校验值，用来认出重复发送，不显示", _G),
    "check_in.lon": Personal("打卡的经度", _G, "check_ins"),
    "check_in.lat": Personal("打卡的纬度", _G, "check_ins"),
    "check_in.accuracy_m": Personal("打卡的定位精度", _G, "check_ins"),
    "check_in.away_m": Personal("离公示牌多远", _G, "check_ins"),
    "alert.person_id": Personal("谁的安全提醒", _G, "alerts"),
    "alert.patrol_id": Personal("哪次巡查的安全提醒", _G, "alerts"),
    "alert.lon": Personal("求助时的经度", _G, "alerts"),
    "alert.lat": Personal("求助时的纬度", _G, "alerts"),
    "alert.closed_by": Personal("处理的账号标识，不显示", _G),
    "alert.note": Personal("处理说明", _G, "alerts"),
    "notice.text": Personal("发给志愿者的提醒", _R),
    "notice.account_id": Personal("发提醒的账号标识，不显示", _N),
    "report.id": Personal("上报编号", _N, "reports"),
    "report.person_id": Personal("谁的上报", _C, "reports"),
    "report.words": Personal("上报的说明", _C, "reports"),
    "report.lon": Personal("上报时的经度", _C, "reports"),
    "report.lat": Personal("上报时的纬度", _C, "reports"),
    "report.accuracy_m": Personal("上报时的定位精度", _C, "reports"),
    "report.patrol_id": Personal("在哪次巡查中上报", _C, "reports"),
    "report.caller": Personal("打电话或扫码上报的人", _C, "reports"),
    "report.caller_phone": Personal("他的电话", _C, "reports"),
    "report.photos": Personal("照片的标识和校验值；照片拍的是问题，随案件保存", _N, "reports"),
    "report.sha256": Personal("内容的校验值，用来认出重复发送，不显示", _N),
    "report.account_id": Personal("登记的账号标识，不显示", _N),
    "case.words": Personal("案件说明，属于案件", _R),
    "case.hands": Personal("谁交办、处置、核查、办结（标识），不显示", _N),
    "case_step.person_id": Personal("志愿者在案件里做的一步", _N, "case_steps"),
    "case_step.words": Personal("案件每一步的说明，属于案件", _R, "case_steps"),
    "case_step.data": Personal("案件每一步的天数、代码，没有姓名", _N),
    "case_step.account_id": Personal("做这一步的账号标识，不显示", _N),
    "case_step.os_user": Personal("在服务器上做这一步的系统用户，不是志愿者", _N),
    "message.body": Personal("发给工作群的一行话，不写姓名", _R),
    "message.error": Personal("没有发出去的原因，不写内容", _N),
    "unit.contact": Personal("责任单位的联系人，是工作人员，由协调员登记", _R),
    "unit.phone": Personal("责任单位的电话", _R),
    "unit_member.account_id": Personal("责任单位的经办账号，不显示", _G),
    "recorded_fix.recorder_id": Personal("哪个记录器", _G, "recorded_fixes"),
    "recorded_fix.time_s": Personal("定位时间", _G, "recorded_fixes"),
    "recorded_fix.lon": Personal("经度", _G, "recorded_fixes"),
    "recorded_fix.lat": Personal("纬度", _G, "recorded_fixes"),
    "recorded_fix.accuracy_m": Personal("定位精度", _G, "recorded_fixes"),
    "recorded_fix.patrol_id": Personal("属于哪次巡查", _G, "recorded_fixes"),
    "quarantined.key_sha256": Personal("没有登记的设备的标识的校验值；不知道是谁，几天后自动删除", _N),
    "quarantined.key_end": Personal("没有登记的设备的标识的最后几位；不知道是谁，几天后自动删除", _N),
    "quarantined.time_s": Personal("没有登记的设备的定位时间；不知道是谁，几天后自动删除", _N),
    "quarantined.lon": Personal("没有登记的设备的经度；不知道是谁，几天后自动删除", _N),
    "quarantined.lat": Personal("没有登记的设备的纬度；不知道是谁，几天后自动删除", _N),
    "quarantined.accuracy_m": Personal("没有登记的设备的定位精度；不知道是谁，几天后自动删除", _N),
    "area.contact_name": Personal("辖区联系人，是工作人员，由协调员登记", _R),
    "area.contact_phone": Personal("辖区联系电话", _R),
    "sign_in_failure.key_sha256": Personal("输错密码时登录名的校验值，一天内自动删除，不显示", _G),
    "stored_file.id": Personal("文件标识", _G, "files"),
    "stored_file.subject": Personal("属于哪次巡查、服务或上报；上报重新生成的照片随事件保留", _G, "files"),
    "stored_file.name": Personal("文件名", _G, "files"),
    "stored_file.sha256": Personal("文件内容的校验值，不显示", _G),
    "photo_piece.photo_id": Personal("上报照片的标识，还没有收全，几天后自动删除，不显示", _G),
    "photo_piece.report_id": Personal("照片属于哪条上报，不显示", _G),
    "photo_piece.content": Personal("没有收全的照片的一段，还打不开，不显示", _G),
    "audit.subject": Personal("操作的对象（标识）", _N, "audit"),
    "audit.account_id": Personal("操作的账号标识", _N, "audit"),
    "audit.detail": Personal("操作的数量和代码，没有姓名", _N),
    "audit.os_user": Personal("在服务器上操作的系统用户，按法律保存，不是志愿者", _N),
    "audit.request_id": Personal("请求编号，不显示", _N),
    "import.file_name": Personal("导入的文件名，可能是人名；全县的都清空，不显示", _C),
    "import.sha256": Personal("导入文件的校验值，不显示", _N),
    "import.summary": Personal("导入的统计", _R),
    "job.payload": Personal("后台工作的参数", _R),
    "job.progress": Personal("后台工作的进度", _R),
    "job.error": Personal("后台工作的错误", _R),
    "place.attributes": Personal("对象的附加信息，可能写有责任人", _R),
    "figure_entry.note": Personal("手工数字的依据", _R),
    "figure_entry.account_id": Personal("填报的账号标识，不显示", _N),
    "figure_entry.os_user": Personal("在服务器上填报的系统用户，不是志愿者", _N),
    "issued_report.title": Personal("已发布报表的标题；发布后不改", _N),
    "issued_report.figures": Personal("已发布的数字和行的标识；发布后不改", _N),
    "issued_report.account_id": Personal("发布的账号标识，不显示", _N),
    "issued_report.os_user": Personal("在服务器上发布的系统用户，不是志愿者", _N),
    "deletion.person_id": Personal("已删除的人的标识，恢复旧备份后再删一次", _N),
}

SHARED_TEXTS = (
    *(name for name, column in PERSONAL.items() if column.fate is Fate.REDACTED),
    "person.attributes",
    "patrol.record",
    "patrol.said",
    "patrol.review_note",
    "patrol.void_reason",
    "service.note",
    "service.void_reason",
    "exemption.reason",
    "sign_in.name",
    "stored_file.name",
    "report.words",
    "report.caller",
    "report.caller_phone",
)
"""Where others may have written of a person: his name, number and telephone are taken out of these."""

_WORDS = """
    county.code county.name county.time_zone county.crs
    area.code area.name area.level area.geom
    place.layer place.code place.name place.people_wanted
    place_version.line place_version.polygon place_version.sources place_version.reaches
    place_version.flow place_version.axis place_version.banks place_version.drawn place_version.sketch
    shown_change.part
    recomputation.asked
    place_cells.edge_cell place_cells.edge_m2
    duty.role duty.kind duty.level
    patrol.evidence patrol.verdict
    batch.datum
    account_grant.right
    sign_in.kind
    consent.purpose consent.channel
    plate.id plate.name plate.point
    check_in.plate_id
    alert.kind
    notice.kind
    quarantined.app
    audit.action
    job.kind job.state
    import.what
    service.kind service.evidence service.verdict
    norm.name norm.rule
    exemption.kind
    proposal.asked proposal.state proposal_line.role proposal_line.state
    figure_entry.figure
    category_edition.name category_edition.categories case_rule_set.rules calendar_day.name
    unit.name unit_task.category
    case.number case.kind case.category case.severity case.state case.point case.away_m
    case_step.move case_step.from_state case_step.to_state
    report.channel report.category report.plate_id
    message.topic message_channel.name message_channel.url message_channel.topics
    stored_file.kind stored_file.media_type
"""
IMPERSONAL = frozenset(_WORDS.split())
"""Words of the vocabulary, codes, and what is told of land: no person in them."""
CHANGED = frozenset(
    name.partition(".")[0] for name, column in PERSONAL.items() if column.fate is not Fate.NAMELESS
)
"""The tables whose rows change or go when a person is forgotten."""
