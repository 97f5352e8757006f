"""What a table of services would do: who, when, where, for how many, row by row; nothing is stored."""

import contextlib
import datetime as dt
import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from geo_service.imports import Outcome, ReportRow
from geo_service.people.drafts import question_id
from geo_service.people.lookup import (
    Areas,
    Ground,
    People,
    PersonName,
    Places,
    Unclear,
    answer_to,
    place_said,
    plain,
)
from geo_service.services.service import (
    FIRST_DAY,
    MOST_HOURS,
    MOST_NOTE,
    MOST_PEOPLE,
    MOST_SERVED,
    ServiceRequest,
)
from layers import masks, said, sheets
from layers.drafts import Question
from layers.vocabulary import Evidence, Layer, ServiceKind, Word

FIELDS = {
    "id": ("标识",),
    "kind": ("类别", "服务类别", "类型", "服务类型", "活动类型"),
    "day": ("日期", "服务日期", "时间", "活动日期"),
    "hours": ("时长", "时长(小时)", "时长（小时）", "服务时长", "服务时长(小时)", "小时", "工时"),
    "people": ("参加人", "参加人员", "人员", "姓名", "志愿者", "服务人", "服务人员"),
    "count": ("参加人数", "人数", "人次"),
    "layer": ("图层", "对象类型"),
    "place": ("对象", "对象名称"),
    "river": ("河道", "河道名称"),
    "road": ("道路", "道路名称"),
    "grid": ("网格", "网格名称"),
    "compound": ("小区", "小区名称"),
    "place_code": ("对象编码", "编码", "网格编码", "小区编码"),
    "township": ("镇街", "乡镇", "所在镇街", "所属镇街", "街道"),
    "village": ("村（社区）", "村(社区)", "村", "社区", "村居", "所属村"),
    "served": ("服务人数", "受益人数", "服务对象人数", "受益群众"),
    "note": ("内容", "服务内容", "备注", "活动内容"),
    "evidence": ("凭证", "凭证等级", "依据"),
}
"""Columns of a table of services and the headers that mean them."""
REQUIRED = (("kind",), ("day",), ("hours",), ("people",))

_ALSO: Mapping[Word, tuple[str, ...]] = {
    ServiceKind.GRID_SERVICE: ("网格",),
    ServiceKind.VISIT: ("入户走访", "上门走访"),
    ServiceKind.MEETING: ("议事会", "会议"),
    ServiceKind.SHIFT: ("值班", "执勤", "站岗"),
    Evidence.PAPER: ("纸质", "签到表", "记录表"),
    Evidence.STATED: ("口头", "无"),
    Evidence.CHECK_IN: ("签到",),
}
_BETWEEN_NAMES = re.compile(r"[、,，;；/\n]+")
_ANOTHER, _THE_SAME = "1", "2"
_LISTED = {
    "kind": "kind",
    "day": "day",
    "hours": "hours",
    "people": "persons",
    "count": "people",
    "place_code": "place_code",
    "township": "township",
    "village": "village",
    "served": "people_served",
    "note": "note",
    "evidence": "evidence",
}
"""Fields of a table, and the columns of the list that say the same."""
Where = Ground | int
"""A place, or the id of an area."""
T = TypeVar("T")
W = TypeVar("W", bound=Word)


@dataclass(frozen=True)
class Known:
    """A service that is registered already."""

    kind: ServiceKind
    day: dt.date
    persons: frozenset[uuid.UUID]
    place_id: int | None
    area_id: int | None
    sha256: bytes


@dataclass(frozen=True)
class Register:
    """Whom and what the rows may name, and what is registered on their days."""

    people: People
    places: Places
    areas: Areas
    services: Sequence[Known]
    today: dt.date
    listed: Mapping[str, Sequence[Mapping[str, str]]]
    """Service id -> what a list that left says of it, by column; names in full and masked."""


@dataclass(frozen=True)
class Plan:
    """What a table would do."""

    rows: Sequence[ReportRow]
    added: Sequence[ServiceRequest]


def days(rows: Iterable[sheets.Row]) -> list[dt.date]:
    """Return the days that rows speak of, as far as they can be read."""
    found = set()
    for row in rows:
        try:
            found.add(said.day(row.values.get("day", "")))
        except ValueError:
            continue
    return sorted(found)


def ids(rows: Iterable[sheets.Row]) -> list[uuid.UUID]:
    """Return the services that rows of a list that left speak of."""
    found = []
    for row in rows:
        with contextlib.suppress(ValueError):
            found.append(uuid.UUID(row.values.get("id", "")))
    return found


def plan(rows: Iterable[sheets.Row], register: Register, answers: Mapping[str, str]) -> Plan:
    """Decide for each row what it does."""
    planner = _Planner(register, answers)
    reports = []
    for row in rows:
        try:
            report = planner.take(row)
        except ValueError as reason:  # Unclear, and what a cell of layers.sheets says
            report = ReportRow(Outcome.REFUSED, [row.number], _subject(row), str(reason), cells=row.cells)
        reports.append(report)
    return Plan(reports, planner.added)


@dataclass
class _Planner:
    register: Register
    answers: Mapping[str, str]
    added: list[ServiceRequest] = field(default_factory=list)
    _known: dict[tuple[object, ...], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _row_of: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for s in self.register.services:
            self._known[s.kind, s.day, s.persons, s.place_id, s.area_id].append(s.sha256)

    def take(self, row: sheets.Row) -> ReportRow:
        """Decide one row. Raises ValueError for one that is refused."""
        if row.problem:
            raise Unclear(row.problem)
        if row.values.get("id") in self.register.listed:
            return self._listed(row)
        persons, where = self._persons(row), self._where(row)
        for found in (persons, where):
            if isinstance(found, Question):
                return _reported(row, Outcome.ASKED, found.text, found)
        request, area_id = self._request(row, persons, where)  # type: ignore[arg-type]
        key = (request.kind, request.day, frozenset(request.persons), request.place_id, area_id)
        if request.sha256 in self._known[key]:
            earlier = self._row_of.get(request.sha256)
            return _reported(row, Outcome.SAME, f"与第 {earlier} 行重复" if earlier else "已登记过")
        if self._known[key]:
            question = _which(request, self._known[key])
            answer = answer_to(question, self.answers)
            if answer is None:
                return _reported(row, Outcome.ASKED, question.text, question)
            if answer == _THE_SAME:
                return _reported(row, Outcome.ANSWERED, "按答复：与已登记的是同一次，没有再登记", question)
        self._known[key].append(request.sha256)
        self._row_of[request.sha256] = row.number
        self.added.append(request)
        people = request.people or len(request.persons)
        told = f"{request.day} {request.kind.zh}，{people} 人，每人 {request.hours:g} 小时"
        return _reported(row, Outcome.ADDED, told)

    def _listed(self, row: sheets.Row) -> ReportRow:
        """Decide a row of a list that left: unchanged it is the service itself. Raises Unclear."""
        said = {column: _told(column, row.values.get(field, "")) for field, column in _LISTED.items()}
        for listed in self.register.listed[row.values["id"]]:
            if said == {column: _told(column, listed[column]) for column in said}:
                voided = "，已作废" if listed["voided"] == "是" else ""
                return _reported(row, Outcome.SAME, f"已登记过{voided}")
        raise Unclear("已登记的服务不能在表里改；请先作废它，再去掉这一行的标识重新导入")

    def _request(
        self, row: sheets.Row, persons: list[PersonName], where: Where | None
    ) -> tuple[ServiceRequest, int | None]:
        values = row.values
        day = said.day(values.get("day", ""))
        if not FIRST_DAY <= day <= self.register.today:
            raise Unclear(f"日期 {day} 不在 {FIRST_DAY} 到今天之间，请核对")
        area = None if where is None or isinstance(where, Ground) else self.register.areas.by_id[where]
        people = _whole(values["count"], "参加人数", MOST_PEOPLE) if "count" in values else None
        if people is not None and people < len(persons):
            raise Unclear(f"参加人数 {people} 比写明的 {len(persons)} 人少，请核对")
        request = ServiceRequest(
            kind=_word(ServiceKind, values.get("kind", "")),
            day=day,
            hours=_hours(values.get("hours", "")),
            persons=[person.id for person in persons],
            place_id=where.id if isinstance(where, Ground) else None,
            area=area.code if area else None,
            people=people if people != len(persons) else None,
            people_served=_whole(values["served"], "服务人数", MOST_SERVED) if "served" in values else None,
            note=values.get("note", "")[:MOST_NOTE] or None,
            evidence=_word(Evidence, values["evidence"]) if "evidence" in values else Evidence.PAPER,
        )
        if request.evidence is Evidence.TRACK:
            raise Unclear("服务没有轨迹；凭证请写打卡、纸质记录或口头告知")
        return request, area.id if area else None

    def _persons(self, row: sheets.Row) -> list[PersonName] | Question:
        said = [name.strip() for name in _BETWEEN_NAMES.split(row.values.get("people", "")) if name.strip()]
        if not said:
            raise Unclear("没有参加人，请写姓名或编号，几个人之间用顿号")
        found: list[PersonName] = []
        for name in said:
            choices = [
                (p, str(p.id), self._described(p)) for p in self.register.people.find(name, None, None)
            ]
            one = self._one_of(choices, f"有 {len(choices)} 位「{name}」，是哪一位？", name, row)
            if isinstance(one, Question):
                return one
            found.append(one)
        if len({person.id for person in found}) < len(found):
            raise Unclear("同一个人写了两遍，请核对")
        return found

    def _where(self, row: sheets.Row) -> Where | Question | None:
        values = row.values
        area_id = self.register.areas.find(values.get("township"), values.get("village"))
        name, layer = place_said(row.values)
        code = values.get("place_code")
        if not (name or code):
            if area_id is None:
                raise Unclear("没有地点，请写对象（河道、道路、网格、小区），或镇街、村")
            return area_id
        found = self.register.places.find(name, code, layer, area_id)
        choices = [(p, f"{p.layer}/{p.code}", f"{p.layer.zh} {p.label}") for p in found]
        return self._one_of(
            choices, f"有 {len(found)} 个「{name or code}」，是哪一个？", name or code or "", row
        )

    def _one_of(
        self, choices: Sequence[tuple[T, str, str]], text: str, said: str, row: sheets.Row
    ) -> T | Question:
        if len(choices) == 1:
            return choices[0][0]
        choices = sorted(choices, key=lambda choice: choice[1])
        where = (row.values.get(key) for key in ("township", "village"))
        asked = question_id("services", said, *where, *(key for _, key, _ in choices))
        question = Question(asked, text, {str(i): words for i, (_, _, words) in enumerate(choices, 1)})
        answer = answer_to(question, self.answers)
        return question if answer is None else choices[int(answer) - 1][0]

    def _described(self, person: PersonName) -> str:
        marks = [f"编号 {person.number}" if person.number else "", masks.phone(person.phone) or ""]
        marks.append(self.register.areas.path(person.area_id))
        return f"{person.name}（{'，'.join(filter(None, marks)) or '无编号、电话'}）"


def _told(column: str, text: str) -> str:
    """Return what a cell says, whether it comes from the list itself or through a spreadsheet."""
    if column == "day":
        return said.day(text).isoformat()
    try:
        return f"{float(text):g}"
    except ValueError:
        return plain(text)


def _which(request: ServiceRequest, held: Sequence[bytes]) -> Question:
    asked = question_id("services", request.sha256.hex(), *(sha256.hex() for sha256 in sorted(held)))
    text = f"这些人 {request.day} 在同一地点已登记过{request.kind.zh}，内容与这一行不同。是另一次吗？"
    return Question(asked, text, {_ANOTHER: "是另一次，登记", _THE_SAME: "是同一次，不再登记"})


def _reported(row: sheets.Row, outcome: Outcome, detail: str, question: Question | None = None) -> ReportRow:
    return ReportRow(outcome, [row.number], _subject(row), detail, question, cells=row.cells)


def _subject(row: sheets.Row) -> str:
    where = (
        row.values.get(key) for key in ("place", *(layer.value for layer in Layer), "place_code", "village")
    )
    return " ".join(filter(None, (row.values.get("people"), next(filter(None, where), None))))[:60]


def _word(words: type[W], text: str) -> W:
    """Return the word of the vocabulary that a cell means. Raises Unclear.

    >>> _word(ServiceKind, "入户走访").value, _word(Evidence, "纸质").value
    ('visit', 'paper')
    """
    wanted = plain(text)
    for word in words:
        if wanted in (word.value, word.zh, *_ALSO.get(word, ())):
            return word
    known = "、".join(word.zh for word in words if word is not Evidence.TRACK)
    raise Unclear(f"不认识「{text[:20]}」，可以写：{known}")


def _hours(text: str) -> float:
    """Return hours as offices write them. Raises Unclear.

    >>> _hours("2"), _hours("1.5小时"), _hours("90分钟")
    (2.0, 1.5, 1.5)
    """
    found = re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?)(小时|个小时|时|h|分钟|分)?", plain(text).lower())
    hours = float(found[1]) / (60 if found[2] in ("分钟", "分") else 1) if found else 0.0
    if not 0 < hours <= MOST_HOURS:
        raise Unclear(f"「{text[:20]}」不是时长，请写小时数，例如 2 或 1.5（不超过 {MOST_HOURS:g}）")
    return round(hours, 4)


def _whole(text: str, what: str, most: int) -> int:
    found = re.fullmatch(
        r"(\d{1,9})(?:\.0+)?(人|人次|名)?", unicodedata.normalize("NFKC", text).replace(",", "").strip()
    )
    if not found or int(found[1]) > most:
        raise Unclear(f"{what}「{text[:20]}」不是 0 到 {most} 的整数，请核对")
    return int(found[1])
