"""What is stored of a person, part by part, as queries: the columns that `declared` says are shown."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, SQLColumnExpression, func, or_, select
from sqlalchemy.orm import Session

from geo_service.cases import rules
from geo_service.columns import Coded, Column
from geo_service.privacy.forgetting import Outings
from geo_service.tables import (
    Account,
    Alert,
    Area,
    AreaVisit,
    Audit,
    Batch,
    Case,
    CaseStep,
    CheckIn,
    Companion,
    Consent,
    Duty,
    Exemption,
    Grant,
    LineCoverage,
    Patrol,
    Person,
    Place,
    PlaceVersion,
    Plate,
    ProposalLine,
    Readiness,
    RecordedFix,
    Report,
    Service,
    ServicePerson,
    SignIn,
    StoredFile,
)
from layers.categories import Categories
from layers.vocabulary import (
    AlertKind,
    Channel,
    DutyKind,
    Evidence,
    ExemptionKind,
    FileKind,
    Layer,
    Level,
    LineState,
    Move,
    Right,
    Role,
    ServiceKind,
    Verdict,
    Word,
)

Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class Whose:
    """A person, and what he took part in."""

    county_id: int
    person_id: uuid.UUID
    outings: Outings


@dataclass(frozen=True)
class Part:
    """One part of a person's data."""

    name: str
    title: str
    columns: Sequence[Column]
    query: Callable[[Whose], Rows]
    """Selects a value a column, in their order."""
    words: Mapping[str, type[Word]] = field(default_factory=dict)
    """The columns whose values are words of the vocabulary."""
    categories: str | None = None
    """The column of the categories of problems, which a county names itself: edition and code."""


def rows(db: Session, part: Part, whose: Whose) -> list[list[Any]]:
    """Return the rows of a part; stored words become words of the vocabulary, or of the county's."""
    says: dict[str, Callable[[Any], Any]] = {name: partial(_words, word) for name, word in part.words.items()}
    if part.categories is not None:
        says[part.categories] = partial(_category, rules.editions(db, whose.county_id))
    said = [says.get(column.name) for column in part.columns]
    return [
        [value if say is None or value is None else say(value) for say, value in zip(said, row, strict=True)]
        for row in db.execute(part.query(whose))
    ]


def _words(word: type[Word], value: Any) -> Any:
    return [word(item) for item in value] if isinstance(value, list) else word(value)


def _category(trees: Mapping[int | None, Categories], told: Sequence[Any]) -> Coded | None:
    """Return a category, told as the edition of its case and its code, with its words."""
    edition_id, code = told
    return None if code is None else Coded(code, trees[edition_id].words(code))


def _place(place_id: SQLColumnExpression[Any]) -> ScalarSelect[Any]:
    name = func.coalesce(Place.name, Place.code)
    return select(name).where(Place.id == place_id).scalar_subquery()


def _area(area_id: SQLColumnExpression[Any]) -> ScalarSelect[Any]:
    return select(Area.name).where(Area.id == area_id).scalar_subquery()


def _first(days: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.lower(days)


def _last(days: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.upper(days) - 1


def _person(whose: Whose) -> Rows:
    return select(
        Person.id, Person.name, Person.number, Person.phone, _area(Person.area_id), Person.attributes,
        Person.created_at,
    ).where(Person.county_id == whose.county_id, Person.id == whose.person_id)  # fmt: skip


def _duties(whose: Whose) -> Rows:
    return (
        select(
            Duty.id, _place(Duty.place_id), Duty.role, Duty.kind, Duty.level, _first(Duty.in_force),
            _last(Duty.in_force), Duty.created_at,
        )
        .where(Duty.county_id == whose.county_id, Duty.person_id == whose.person_id)
        .order_by(Duty.id)
    )  # fmt: skip


def _patrols(whose: Whose) -> Rows:
    return (
        select(
            Patrol.id, Patrol.day, Patrol.started_at, Patrol.ended_at, Patrol.walked_m, Patrol.people,
            Patrol.evidence, _place(Patrol.place_id), Patrol.verdict, Patrol.reasons, Patrol.record,
            Patrol.review_note, Patrol.voided_at, Patrol.void_reason, Patrol.fixes, Patrol.cleaning,
            Patrol.track.is_not(None), Patrol.same_outing_as, Patrol.created_at,
        )
        .where(Patrol.id.in_(whose.outings.patrols))
        .order_by(Patrol.started_at.desc(), Patrol.id)
    )  # fmt: skip


def _companions(whose: Whose) -> Rows:
    own = Companion.county_id == whose.county_id, Companion.person_id == whose.person_id
    return (
        select(Companion.patrol_id, Patrol.day)
        .join(Patrol, Patrol.id == Companion.patrol_id)
        .where(*own)
        .order_by(Patrol.day.desc())
    )


def _batches(whose: Whose) -> Rows:
    return (
        select(
            Batch.patrol_id, Batch.id, Batch.received_at, Batch.device, Batch.datum, Batch.time_s, Batch.lon,
            Batch.lat, Batch.accuracy_m,
        )
        .where(Batch.patrol_id.in_(whose.outings.patrols))
        .order_by(Batch.received_at, Batch.id)
    )  # fmt: skip


def _covered(whose: Whose) -> Rows:
    def of(table: type[LineCoverage] | type[AreaVisit]) -> Rows:
        return (
            select(table.patrol_id, table.day, Place.layer, func.coalesce(Place.name, Place.code))
            .join(PlaceVersion, PlaceVersion.id == table.place_version_id)
            .join(Place, Place.id == PlaceVersion.place_id)
            .where(table.patrol_id.in_(whose.outings.patrols))
        )

    both = of(LineCoverage).union_all(of(AreaVisit)).subquery()
    return select(*both.c).order_by(both.c.day.desc(), both.c.patrol_id)


def _services(whose: Whose) -> Rows:
    own = ServicePerson.county_id == whose.county_id, ServicePerson.person_id == whose.person_id
    return (
        select(
            Service.id, Service.day, Service.kind, Service.hours, _place(Service.place_id),
            _area(Service.area_id), Service.people, Service.people_served, Service.note, Service.evidence,
            Service.verdict, Service.voided_at, Service.void_reason,
        )
        .join(ServicePerson, ServicePerson.service_id == Service.id)
        .where(*own)
        .order_by(Service.day.desc(), Service.id)
    )  # fmt: skip


def _readiness(whose: Whose) -> Rows:
    def names(ids: SQLColumnExpression[Any]) -> ScalarSelect[Any]:
        name = func.coalesce(Place.name, Place.code)
        return select(func.array_agg(name)).where(Place.id == func.any(ids)).scalar_subquery()

    return select(
        Readiness.is_open, Readiness.most_places, Readiness.most_m, Readiness.farthest_m, Readiness.layers,
        names(Readiness.likes), names(Readiness.avoids), Readiness.changed_at,
    ).where(Readiness.county_id == whose.county_id, Readiness.person_id == whose.person_id)  # fmt: skip


def _proposal_lines(whose: Whose) -> Rows:
    own = ProposalLine.county_id == whose.county_id, ProposalLine.person_id == whose.person_id
    return (
        select(
            _place(ProposalLine.place_id), ProposalLine.role, ProposalLine.state,
            ProposalLine.reasons["distance_m"].as_float(),
        )
        .where(*own)
        .order_by(ProposalLine.id)
    )  # fmt: skip


def _exemptions(whose: Whose) -> Rows:
    own = or_(Exemption.person_id == whose.person_id, Exemption.substitute_id == whose.person_id)
    return (
        select(
            Exemption.kind, _first(Exemption.days), _last(Exemption.days),
            Exemption.substitute_id == whose.person_id, Exemption.reason,
        )
        .where(Exemption.county_id == whose.county_id, own)
        .order_by(Exemption.id)
    )  # fmt: skip


def _accounts(whose: Whose) -> Rows:
    rights = select(func.array_agg(Grant.right)).where(Grant.account_id == Account.id).scalar_subquery()
    return (
        select(
            Account.id, Account.login, rights, Account.password_hash.is_not(None),
            Account.password_changed_at, Account.disabled_at, Account.created_at,
        )
        .where(Account.person_id == whose.person_id)
        .order_by(Account.id)
    )  # fmt: skip


def _sign_ins(whose: Whose) -> Rows:
    return (
        select(
            SignIn.id, SignIn.kind, SignIn.name, SignIn.from_id, SignIn.created_at, SignIn.admitted_at,
            SignIn.used_at, SignIn.expires_at, SignIn.revoked_at,
        )
        .join(Account, Account.id == SignIn.account_id)
        .where(Account.person_id == whose.person_id)
        .order_by(SignIn.id)
    )  # fmt: skip


def _consents(whose: Whose) -> Rows:
    own = Consent.county_id == whose.county_id, Consent.person_id == whose.person_id
    return (
        select(Consent.purpose, Consent.version, Consent.channel, Consent.given_at, Consent.withdrawn_at)
        .where(*own)
        .order_by(Consent.id)
    )


def _check_ins(whose: Whose) -> Rows:
    return (
        select(
            CheckIn.id, CheckIn.patrol_id, _place(Plate.place_id), CheckIn.at, CheckIn.lon, CheckIn.lat,
            CheckIn.accuracy_m, CheckIn.away_m, CheckIn.is_near,
        )
        .outerjoin(Plate, Plate.id == CheckIn.plate_id)
        .where(CheckIn.patrol_id.in_(whose.outings.patrols))
        .order_by(CheckIn.at, CheckIn.id)
    )  # fmt: skip


def _reports(whose: Whose) -> Rows:
    own = Report.county_id == whose.county_id, Report.person_id == whose.person_id
    return (
        select(
            Report.id, Case.number, Report.channel, Report.at, Report.received_at,
            func.json_build_array(Case.category_edition_id, Report.category), Report.words, Report.lon,
            Report.lat, Report.accuracy_m, Report.patrol_id, Report.caller, Report.caller_phone,
            Report.photos,
        )
        .join(Case, Case.id == Report.case_id)
        .where(*own)
        .order_by(Report.received_at, Report.id)
    )  # fmt: skip


def _case_steps(whose: Whose) -> Rows:
    own = CaseStep.county_id == whose.county_id, CaseStep.person_id == whose.person_id
    return (
        select(Case.number, CaseStep.move, CaseStep.at, CaseStep.words)
        .join(Case, Case.id == CaseStep.case_id)
        .where(*own)
        .order_by(CaseStep.at, CaseStep.id)
    )


def _alerts(whose: Whose) -> Rows:
    own = Alert.county_id == whose.county_id, Alert.person_id == whose.person_id
    return (
        select(
            Alert.kind, Alert.patrol_id, Alert.lon, Alert.lat, Alert.raised_at, Alert.closed_at, Alert.note
        )
        .where(*own)
        .order_by(Alert.id)
    )


def _recorded_fixes(whose: Whose) -> Rows:
    return (
        select(
            RecordedFix.recorder_id, RecordedFix.time_s, RecordedFix.lon, RecordedFix.lat,
            RecordedFix.accuracy_m, RecordedFix.decided_at, RecordedFix.patrol_id,
        )
        .join(SignIn, SignIn.id == RecordedFix.recorder_id)
        .join(Account, Account.id == SignIn.account_id)
        .where(RecordedFix.county_id == whose.county_id, Account.person_id == whose.person_id)
        .order_by(RecordedFix.time_s)
    )  # fmt: skip


def stored_files(whose: Whose) -> Select[StoredFile]:
    """Return the query of the rows of a person's own files; those that he shares name others too."""
    subjects = [*whose.outings.own, *whose.outings.told]
    own = StoredFile.county_id == whose.county_id, StoredFile.subject.in_(subjects)
    return select(StoredFile).where(*own).order_by(StoredFile.created_at, StoredFile.id)


def _files(whose: Whose) -> Rows:
    return stored_files(whose).with_only_columns(
        StoredFile.id, StoredFile.kind, StoredFile.name, StoredFile.media_type, StoredFile.size,
        StoredFile.subject, StoredFile.created_at,
    )  # fmt: skip


def _audit(whose: Whose) -> Rows:
    subjects = [f"person/{whose.person_id}", *(f"patrol/{id_}" for id_ in whose.outings.patrols)]
    accounts = select(Account.id).where(Account.person_id == whose.person_id)
    return (
        select(Audit.at, Audit.action, Audit.subject, Audit.account_id.in_(accounts))
        .where(or_(Audit.subject.in_(subjects), Audit.account_id.in_(accounts)))
        .where(func.coalesce(Audit.county_id, whose.county_id) == whose.county_id)
        .order_by(Audit.id.desc())
    )


_ID = Column("id", "标识")
_STORED = Column("created_at", "登记时间", "time")
_DAY = Column("day", "日期", "day")
_PLACE = Column("place", "对象")
_OF_PATROL = Column("patrol_id", "巡查编号")
_FIRST, _LAST = Column("first_day", "第一天", "day"), Column("last_day", "最后一天", "day")
_POSITION = Column("lon", "经度"), Column("lat", "纬度"), Column("accuracy_m", "精度（米）")
_VOIDED = Column("voided_at", "作废时间", "time"), Column("void_reason", "作废原因")

PARTS = (
    Part("person", "登记的资料", (
        _ID, Column("name", "姓名"), Column("number", "编号"), Column("phone", "电话"),
        Column("area", "辖区"),
        Column("attributes", "其他"), _STORED,
    ), _person),
    Part("duties", "职责", (
        _ID, _PLACE, Column("role", "岗位"), Column("kind", "类别"), Column("level", "级别"), _FIRST, _LAST,
        _STORED,
    ), _duties, {"role": Role, "kind": DutyKind, "level": Level}),
    Part("patrols", "巡查", (
        _ID, _DAY, Column("started_at", "开始", "time"), Column("ended_at", "结束", "time"),
        Column("walked_m", "走了（米）", "number"), Column("people", "人次", "whole"),
        Column("evidence", "凭证"), _PLACE, Column("verdict", "结论"), Column("reasons", "依据"),
        Column("record", "记录"), Column("review_note", "复核说明"), *_VOIDED,
        Column("fixes", "定位点", "whole"), Column("cleaning", "轨迹清洗"),
        Column("has_track", "还有轨迹", "flag"), Column("same_outing_as", "同一次外出"), _STORED,
    ), _patrols, {"evidence": Evidence, "verdict": Verdict}),
    Part("companions", "与别人同行的巡查", (_OF_PATROL, _DAY), _companions),
    Part("batches", "还保留的原始定位", (
        _OF_PATROL, _ID, Column("received_at", "收到时间", "time"), Column("device", "手机"),
        Column("datum", "坐标系"), Column("time_s", "时间（1970 年起的秒）"), *_POSITION,
    ), _batches),
    Part("covered", "走到的地方", (
        _OF_PATROL, _DAY, Column("layer", "图层"), _PLACE,
    ), _covered, {"layer": Layer}),
    Part("services", "服务", (
        _ID, _DAY, Column("kind", "种类"), Column("hours", "小时", "number"), _PLACE, Column("area", "辖区"),
        Column("people", "参加人次", "whole"), Column("people_served", "服务人数", "whole"),
        Column("note", "说明"), Column("evidence", "凭证"), Column("verdict", "结论"), *_VOIDED,
    ), _services, {"kind": ServiceKind, "evidence": Evidence, "verdict": Verdict}),
    Part("exemptions", "请假和替班", (
        Column("kind", "种类"), _FIRST, _LAST, Column("stood_in", "是替别人", "flag"),
        Column("reason", "原因"),
    ), _exemptions, {"kind": ExemptionKind}),
    Part("readiness", "愿意承担的", (
        Column("is_open", "还能再承担", "flag"), Column("most_places", "最多几处", "whole"),
        Column("most_m", "最多多少米", "whole"), Column("farthest_m", "离家最远（米）", "whole"),
        Column("layers", "图层"), Column("likes", "想要的"), Column("avoids", "不想要的"),
        Column("changed_at", "更改时间", "time"),
    ), _readiness, {"layers": Layer}),
    Part("proposal_lines", "责任安排方案里的", (
        _PLACE, Column("role", "岗位"), Column("state", "状态"), Column("distance_m", "离家（米）", "number"),
    ), _proposal_lines, {"role": Role, "state": LineState}),
    Part("accounts", "账号", (
        _ID, Column("login", "登录名"), Column("rights", "权限"), Column("has_password", "设有密码", "flag"),
        Column("password_changed_at", "密码修改时间", "time"), Column("disabled_at", "停用时间", "time"),
        _STORED,
    ), _accounts, {"rights": Right}),
    Part("sign_ins", "登录和令牌", (
        Column("id", "标识", "whole"), Column("kind", "种类"), Column("name", "用途"),
        Column("from_id", "由哪张卡片开通", "whole"), _STORED, Column("admitted_at", "允许使用", "time"),
        Column("used_at", "最近使用", "time"), Column("expires_at", "到期", "time"),
        Column("revoked_at", "收回", "time"),
    ), _sign_ins),
    Part("consents", "同意", (
        Column("purpose", "同意什么"), Column("version", "版本", "whole"), Column("channel", "方式"),
        Column("given_at", "同意时间", "time"), Column("withdrawn_at", "撤回时间", "time"),
    ), _consents),
    Part("check_ins", "打卡", (
        _ID, _OF_PATROL, _PLACE, Column("at", "时间", "time"), *_POSITION,
        Column("away_m", "离公示牌（米）", "number"), Column("is_near", "在公示牌旁", "flag"),
    ), _check_ins),
    Part("reports", "上报的问题", (
        _ID, Column("number", "案件编号"), Column("channel", "方式"), Column("at", "时间", "time"),
        Column("received_at", "收到时间", "time"), Column("category", "类别"), Column("words", "说明"),
        *_POSITION, _OF_PATROL, Column("caller", "打电话的人"), Column("caller_phone", "他的电话"),
        Column("photos", "照片"),
    ), _reports, {"channel": Channel}, categories="category"),
    Part("case_steps", "在案件里做的", (
        Column("number", "案件编号"), Column("move", "做了什么"), Column("at", "时间", "time"),
        Column("words", "说明"),
    ), _case_steps, {"move": Move}),
    Part("alerts", "安全提醒", (
        Column("kind", "种类"), _OF_PATROL, Column("lon", "经度"), Column("lat", "纬度"),
        Column("raised_at", "时间", "time"),
        Column("closed_at", "处理时间", "time"), Column("note", "处理说明"),
    ), _alerts, {"kind": AlertKind}),
    Part("recorded_fixes", "其他记录器发来的定位", (
        Column("recorder_id", "记录器", "whole"), Column("time_s", "时间（1970 年起的秒）"), *_POSITION,
        Column("decided_at", "认定时间", "time"), _OF_PATROL,
    ), _recorded_fixes),
    Part("files", "照片和文件", (
        _ID, Column("kind", "种类"), Column("name", "文件名"), Column("media_type", "格式"),
        Column("size", "字节", "whole"), Column("subject", "属于"), _STORED,
    ), _files, {"kind": FileKind}),
    Part("audit", "操作记录：自己做的，和别人对这些资料做的", (
        Column("at", "时间", "time"), Column("action", "操作"), Column("subject", "对象"),
        Column("own", "本人", "flag"),
    ), _audit),
)  # fmt: skip
"""All that is stored of a person, in the order in which he reads it."""
